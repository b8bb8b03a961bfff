/*
 * JSON: our own strict reader for bytes from outside, and a writer.
 *
 * json_parse() validates in one pass (UTF-8, depth, duplicate keys, size, no lone surrogates, no
 * \u0000, nothing after the value) and builds an immutable tree in an arena. Numbers keep their
 * text; a string without escapes is a slice of the input, any other is decoded into the arena.
 *
 *     const struct json_node *root;
 *     err = json_parse(body, &json_limits_request, arena, &root, &detail);
 *     struct slice model = json_string(json_get(root, SLICE("model")));
 *     for (const struct json_node *m = json_first(list); m; m = json_next(m)) ...
 *
 * Errors: BAD_JSON with the byte offset, line and column, and what was expected; TOO_LARGE;
 * NO_MEMORY. Lookup is by hash for large objects: a million keys cost no more than linear time.
 * Ownership: nodes live in the arena, and point into the input, which must outlive them.
 * Threads: a tree is immutable, so any.
 * Source: RFC 8259, with the limits above.
 */
#ifndef BASE_JSON_JSON_H
#define BASE_JSON_JSON_H

#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/core/slice.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
    JSON_TYPE_COUNT
};

struct json_node {
    enum json_type type;
    uint32_t count;   /* ARRAY, OBJECT: number of members */
    struct slice key; /* decoded name, when this is a member of an object */
    struct slice
        text; /* STRING: decoded; NUMBER: as written; ARRAY, OBJECT: the whole source text */
    const struct json_node *first;  /* ARRAY, OBJECT */
    const struct json_node *next;   /* next sibling */
    const struct json_index *index; /* OBJECT with many members; private */
};

struct json_limits {
    size_t max_bytes;
    size_t max_nodes;
    uint32_t max_depth;
};
extern const struct json_limits json_limits_request; /* 32 MiB, 1M nodes, depth 64 */
extern const struct json_limits json_limits_event;   /* one upstream event: 16 MiB, depth 64 */

enum base_err json_parse(struct slice input, const struct json_limits *limits, struct arena *arena,
                         const struct json_node **ret_root,
                         struct base_error *reterr) BASE_MUST_USE;

/* All accessors take NULL and wrong types and answer "absent", so that paths can be chained. */
const struct json_node *json_get(const struct json_node *object, struct slice key);
const struct json_node *json_at(const struct json_node *array, size_t index);

static inline const struct json_node *json_first(const struct json_node *node)
{
    return node ? node->first : NULL;
}

static inline const struct json_node *json_next(const struct json_node *node)
{
    return node ? node->next : NULL;
}

static inline bool json_is(const struct json_node *node, enum json_type type)
{
    return node && node->type == type;
}

/* The decoded text of a STRING; absent otherwise. */
static inline struct slice json_string(const struct json_node *node)
{
    return json_is(node, JSON_STRING) ? node->text : SLICE_NONE;
}

/* False unless it is a NUMBER (an integer that fits, for i64); *ret untouched then. */
bool json_to_i64(const struct json_node *node, int64_t *ret);
bool json_to_double(const struct json_node *node, double *ret);
/* False unless TRUE or FALSE. */
bool json_to_bool(const struct json_node *node, bool *ret);

/* "a string", "an object"...: for messages. */
const char *json_type_name(const struct json_node *node);

/*
 * Writing. The writer puts commas and colons itself and never writes malformed JSON; a mistake in
 * the order of calls is an assert. Errors stay in the buffer.
 *
 *     struct json_writer w;
 *     json_writer_init(&w, &buffer);
 *     json_open_object(&w);
 *     json_key(&w, SLICE("id"));
 *     json_put_string(&w, id);
 *     json_close_object(&w);
 */
struct json_writer {
    struct buffer *out;
    uint64_t has_members; /* bit per depth */
    uint64_t is_object;   /* bit per depth */
    uint8_t depth;        /* at most 63 */
    bool after_key;
};

void json_writer_init(struct json_writer *w, struct buffer *out);
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, struct slice key);
void json_put_string(struct json_writer *w, struct slice s); /* absent writes null */
void json_put_i64(struct json_writer *w, int64_t value);
void json_put_double(struct json_writer *w,
                     double value); /* shortest that reads back; not finite: null */
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
void json_put_number_text(struct json_writer *w, struct slice text); /* already valid JSON */
void json_put_node(struct json_writer *w,
                   const struct json_node *node);            /* the whole tree, compact */
void json_put_raw(struct json_writer *w, struct slice json); /* one ready value */

/* Key and value in one call. */
void json_member_string(struct json_writer *w, const char *key, struct slice s);
void json_member_str(struct json_writer *w, const char *key,
                     const char *str); /* NULL writes null */
void json_member_i64(struct json_writer *w, const char *key, int64_t value);
void json_member_double(struct json_writer *w, const char *key, double value);
void json_member_bool(struct json_writer *w, const char *key, bool value);
void json_member_null(struct json_writer *w, const char *key);

/* Appends `s` with JSON's escapes, without the quotes. Input that is not UTF-8 becomes U+FFFD. */
void json_escape(struct buffer *out, struct slice s);

#endif
