/*
 * Cold documents: YAML and JSON files that people write (configuration, test cases), as one tree
 * in which every node knows its file, line and column.
 *
 *     const struct doc_node *root;
 *     err = doc_load("hearth.yaml", arena, &root, &detail);     // "hearth.yaml:12:5: ..."
 *     for (const struct doc_node *m = root->first; m; m = m->next)
 *         printf("%.*s at line %u\n", SLICE_ARG(m->key), m->line);
 *
 * Most callers do not walk the tree but bind it to a struct with doc/schema.h.
 *
 * Of YAML only what JSON can say is taken. Errors, each with file, line and column: anchors and
 * aliases, tags, directives, merge keys (<<), keys that are not scalars, the same key twice, more
 * than one document, tabs as indentation, bytes that are not UTF-8, NUL, more than 1 MiB, nesting
 * deeper than 32. Plain `yes`, `no`, `on`, `off` are strings: only true and false are booleans.
 * Messages name keys and places, never values: someone may have pasted a secret.
 * Ownership: nodes live in the arena; they own their text. Threads: a tree is immutable, so any.
 * Source: YAML 1.1 as libyaml reads it; RFC 8259 through base/json.
 */
#ifndef BASE_DOC_DOC_H
#define BASE_DOC_DOC_H

#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/core/slice.h"

enum { DOC_MAX_BYTES = 1024 * 1024, DOC_MAX_DEPTH = 32 };

enum doc_node_type {
    DOC_NODE_NULL,   /* plain null, ~, or nothing at all */
    DOC_NODE_SCALAR, /* `text` */
    DOC_NODE_LIST,   /* `first`, `count` */
    DOC_NODE_MAP,    /* `first`, `count`; members have a `key` */
    DOC_NODE_TYPE_COUNT
};

struct doc_node {
    enum doc_node_type type;
    bool quoted;           /* SCALAR: in quotes or a block, thus a string whatever it looks like */
    uint32_t count;        /* LIST, MAP: members */
    uint32_t line, column; /* where the value begins, from 1; columns count characters */
    uint32_t key_line, key_column; /* where the key begins; 0 when there is none */
    const char *file;              /* as given to the reader */
    struct slice key;              /* name, when this is a member of a map; absent otherwise */
    struct slice text;             /* SCALAR: decoded, NUL-terminated as well */
    const struct doc_node *first;
    const struct doc_node *next;
};

/* Reads a whole file; a name that ends in ".json" is read as JSON, any other as YAML.
 * Errors: NOT_FOUND, IO, TOO_LARGE, BAD_CONFIG, NO_MEMORY. An empty YAML file gives a NULL node. */
enum base_err doc_load(const char *path, struct arena *arena, const struct doc_node **ret_root,
                       struct base_error *reterr) BASE_MUST_USE;

/* The same from memory; `file` is what messages call it. */
enum base_err doc_parse_yaml(const char *file, struct slice text, struct arena *arena,
                             const struct doc_node **ret_root,
                             struct base_error *reterr) BASE_MUST_USE;
enum base_err doc_parse_json(const char *file, struct slice text, struct arena *arena,
                             const struct doc_node **ret_root,
                             struct base_error *reterr) BASE_MUST_USE;

/* The member of a map, or NULL; NULL and other types give NULL, so that paths can be chained. */
const struct doc_node *doc_get(const struct doc_node *map, const char *key);
/* The node at a path such as "rules[0].pin", "models.gpt-4.1.route" or "pipelines.NAME.ID", as
 * messages of later checks give it; a colon ends the path. Where it leads further than the
 * document, the last node on it, and the root when it leads nowhere. A key may hold dots: the
 * longest that fits is taken; in a list of maps their `name` or `id` counts as key. */
const struct doc_node *doc_find(const struct doc_node *root, const char *path);
/* True for a plain scalar that reads as true or false. */
bool doc_to_bool(const struct doc_node *node, bool *ret);
/* True for a plain scalar that reads as a number (an integer that fits, for i64). */
bool doc_to_i64(const struct doc_node *node, int64_t *ret);
bool doc_to_double(const struct doc_node *node, double *ret);
/* "a map", "a list", "a string", "a number", "true or false", "nothing": for messages. */
const char *doc_node_type_name(const struct doc_node *node);

/* Writes the tree as JSON (numbers and booleans as such). Errors stay in the buffer. */
void doc_write_json(struct buffer *out, const struct doc_node *node);

/*
 * Problems found in documents: the first DOC_ERRORS_MAX in the order of file, line and column.
 *
 *     struct doc_errors errors;
 *     doc_errors_init(&errors);
 *     doc_errors_add(&errors, node, "target `%s` does not exist", name);
 *     if (errors.total) doc_errors_print(&errors, &out);
 *
 * Names from the document may be quoted in a message (control characters are replaced), values
 * may not.
 */
enum { DOC_ERRORS_MAX = 20 };

struct doc_errors {
    struct doc_error {
        const char *file; /* borrowed from the node */
        uint32_t line, column;
        char message[320];
    } items[DOC_ERRORS_MAX];
    size_t count; /* kept */
    size_t total; /* found */
};

void doc_errors_init(struct doc_errors *errors);
/* `node` may be NULL: then the message stands without a place. */
void doc_errors_add(struct doc_errors *errors, const struct doc_node *node, const char *format, ...)
    BASE_PRINTF(3, 4);
/* The same at the node's key. */
void doc_errors_add_key(struct doc_errors *errors, const struct doc_node *node, const char *format,
                        ...) BASE_PRINTF(3, 4);
/* One line each: "hearth.yaml:12:5: message", and a last one when there were more. */
void doc_errors_print(const struct doc_errors *errors, struct buffer *out);
/* The first as a detail, and how many more there are. OK when there are none, else BAD_CONFIG. */
enum base_err doc_errors_result(const struct doc_errors *errors, struct base_error *reterr);

/* The candidate nearest to `name` by edit distance (insert, remove, replace, swap two neighbours),
 * if it is near enough to be meant (at most a third of the letters differ); absent otherwise. */
struct slice doc_nearest(struct slice name, const struct slice *candidates, size_t count);

#endif
