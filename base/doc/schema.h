/*
 * Schemas: one const table says what a document may hold. It binds a tree into a C struct, checks
 * it with strict errors, and prints the JSON Schema (for editors) and the Markdown reference.
 *
 * A worked example. The configuration
 *
 *     listen: 127.0.0.1:8080
 *     timeout: 5s
 *     upstreams:
 *       - name: openai
 *         zone: cloud
 *         models: [gpt-x, {name: gpt-y, capability: {code: 0.9, chat: 0.7}}]
 *
 * is bound to these structs
 *
 *     struct capability { int form; double all; DOC_MAP_OF(double) per_task; };
 *     struct model { struct slice name; struct capability capability; };
 *     struct upstream {
 *         struct slice name;
 *         enum policy_zone zone;
 *         DOC_LIST_OF(struct model) models;
 *         const struct doc_node *where;
 *     };
 *     struct config { int64_t timeout_ms; DOC_LIST_OF(struct upstream) upstreams; ... };
 *
 * by these tables, innermost first:
 *
 *     static const struct doc_word zones[] = {
 *         {"device", POLICY_ZONE_DEVICE, "in this process"},
 *         {"cloud", POLICY_ZONE_CLOUD, NULL}, {0}};
 *     static const struct doc_type zone = {
 *         .kind = DOC_KIND_ENUM, .size = sizeof(int), .words = zones};
 *     static const struct doc_type per_task = {
 *         .kind = DOC_KIND_MAP, .size = sizeof(struct doc_map),
 *         .item = &doc_type_ratio, .key = &task};
 *     static const struct doc_field capability_forms[] = {
 *         DOC_FORM(struct capability, all, doc_type_ratio),
 *         DOC_FORM(struct capability, per_task, per_task), {0}};
 *     static const struct doc_type capability = {
 *         .kind = DOC_KIND_ONE_OF, .size = sizeof(struct capability),
 *         .fields = capability_forms, .tag = DOC_AT(struct capability, form)};
 *     static const struct doc_field model_fields[] = {
 *         DOC_FIELD(struct model, name, "name", doc_type_string, .required = true,
 *                   .doc = "as the server calls it", .example = "qwen3-32b"),
 *         DOC_FIELD(struct model, capability, "capability", capability, .fallback = "0.5",
 *                   .doc = "up to which complexity it answers well"), {0}};
 *     static const struct doc_type model = {       // `gpt-x` is read as {name: gpt-x}
 *         .kind = DOC_KIND_OBJECT, .size = sizeof(struct model), .name = "model",
 *         .fields = model_fields, .shorthand = "name"};
 *     static const struct doc_type models = {
 *         .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &model};
 *     ...
 *     static const struct doc_field config_fields[] = {
 *         DOC_FIELD(struct config, timeout_ms, "timeout", doc_type_duration, .fallback = "30s",
 *                   .doc = "how long a request may take"), ...
 *
 * and then
 *
 *     struct config config;
 *     struct doc_errors errors;
 *     doc_errors_init(&errors);
 *     err = doc_bind(root, &config_type, arena, NULL, &config, &errors);
 *     if (err == BASE_ERR_BAD_CONFIG)
 *         doc_errors_print(&errors, &out);
 *         // hearth.yaml:12:5: unknown key `clearence` in upstreams[0]; did you mean `clearance`?
 *     doc_schema_print_json(&config_type, "Hearth configuration", &out);
 *     doc_schema_print_markdown(&config_type, &out);
 *
 * tests/unit/base/test_schema.c holds this example as a test.
 *
 * What is not in the table is an error; an absent key gets its fallback; a key without a value
 * (`rules:`) is an error, because it is more often an accident than a wish. A string that looks
 * like a number or like true or false needs quotes, as in JSON.
 * Ownership: tables are const and live for ever; what is bound lives in the arena and may point
 * into the tree. Threads: tables are shared by all; one binding belongs to one thread.
 */
#ifndef BASE_DOC_SCHEMA_H
#define BASE_DOC_SCHEMA_H

#include "base/doc/doc.h"

#include <stddef.h>

enum doc_kind {
    DOC_KIND_NONE,
    DOC_KIND_STRING,   /* struct slice, NUL-terminated as well; absent when there is no fallback */
    DOC_KIND_INT,      /* int64_t */
    DOC_KIND_DOUBLE,   /* double */
    DOC_KIND_BOOL,     /* bool */
    DOC_KIND_DURATION, /* int64_t, milliseconds: "200ms", "5s", "1m", "2h", "7d", 0 */
    DOC_KIND_BYTES,    /* int64_t, bytes: "64K", "8G" or "8GiB" (1024 each), or a plain number */
    DOC_KIND_ENUM,     /* an enum (of the size of int): one of `words` */
    DOC_KIND_LIST,     /* DOC_LIST_OF(item) */
    DOC_KIND_MAP,      /* DOC_MAP_OF(item): free keys, in file order */
    DOC_KIND_OBJECT,   /* a struct: known keys, `fields` */
    DOC_KIND_POINTER, /* const T *, of `item`; NULL when the key is absent. Lets types be recursive,
                         and tells "not given" from a fallback */
    DOC_KIND_ONE_OF,  /* a struct: the first of the forms in `fields` that fits; its number to `tag`
                       */
    DOC_KIND_ANY,     /* const struct doc_node *: taken as it is */
    DOC_KIND_CUSTOM,  /* whatever `parse` writes */
    DOC_KIND_COUNT
};

/* Members of structs that are bound to. Both have the layout of the untyped structs below. */
#define DOC_LIST_OF(T)                                                                             \
    struct {                                                                                       \
        const T *items;                                                                            \
        size_t count;                                                                              \
    }
#define DOC_MAP_OF(T)                                                                              \
    struct {                                                                                       \
        const struct slice *keys;                                                                  \
        const T *values; /* values[i] belongs to keys[i] */                                        \
        size_t count;                                                                              \
    }
struct doc_list {
    const void *items;
    size_t count;
};
struct doc_map {
    const struct slice *keys;
    const void *values;
    size_t count;
};

/* One word of an ENUM; the list ends with a NULL name. */
struct doc_word {
    const char *name;
    int value;
    const char *doc; /* may be NULL */
};

/* What hooks get. */
struct doc_binder {
    struct arena *arena;
    struct doc_errors *errors;
    void *user; /* the one given to doc_bind() */
    /* Private: where we are ("upstreams[0].models"), and what happened so far. */
    char path[200];
    size_t path_len;
    bool no_memory, in_fallback;
};

/* Writes the value for `node` to `out` (which is zeroed). False after doc_fail(). */
typedef bool (*doc_parse_fn)(struct doc_binder *b, const struct doc_node *node, void *out);
/* Looks at a value that has been bound. False after doc_fail(). */
typedef bool (*doc_check_fn)(struct doc_binder *b, const struct doc_node *node, const void *value);

struct doc_type {
    enum doc_kind kind;
    size_t size;      /* of the C value; checked against every member bound to it */
    const char *name; /* OBJECT: MUST; its heading in the reference and its place in $defs.
                         Others: what the reference calls the type; NULL = made from the kind */
    const char *doc;  /* OBJECT: a paragraph under the heading; may be NULL */
    double min, max; /* range, when min < max: value of INT, DOUBLE, DURATION (ms), BYTES; length of
                        STRING in bytes; number of members of LIST and MAP */
    const struct doc_word *words;   /* ENUM */
    const struct doc_type *item;    /* LIST, MAP, POINTER */
    const struct doc_type *key;     /* MAP: an ENUM that the keys must be words of; NULL = free */
    const struct doc_field *fields; /* OBJECT, ONE_OF; ends with a NULL type */
    const char *shorthand; /* OBJECT: anything but a map is read as {shorthand: it}; may be NULL */
    bool single;           /* LIST: a lone item is read as a list of one */
    size_t where;          /* OBJECT: DOC_AT() of a `const struct doc_node *` set to the map itself,
                              for errors found later; 0 = none */
    size_t tag;            /* ONE_OF: DOC_AT() of an int set to the number of the form, or to -1
                              when the key is absent and has no fallback; 0 = none */
    doc_parse_fn parse;    /* CUSTOM: MUST */
    doc_check_fn check;    /* any kind: MAY; runs after a value (not a fallback) was bound well */
    const char *pattern;   /* STRING: a regular expression for editors; what counts is `check` */
    const char *json_schema; /* CUSTOM: its JSON Schema as text; NULL = anything */
};

struct doc_field {
    const char *name;            /* the key; NULL for a form of ONE_OF */
    const struct doc_type *type; /* NULL ends the list */
    size_t offset, size;         /* of the member: set by DOC_FIELD */
    bool required;
    const char *fallback; /* YAML text of the value when the key is absent; NULL: zero, the absent
                             slice, an empty list, or the fallbacks of an OBJECT's own fields */
    const char *doc;      /* one line: what it does, unit, what happens at the extremes */
    const char *example;  /* YAML text; may be NULL */
    size_t given;         /* DOC_AT() of a bool set when the key is there; 0 = none */
};

/* DOC_FIELD(struct config, member, "key", type, .required = true, ...) */
#define DOC_FIELD(S, member, key, T, ...)                                                          \
    {                                                                                              \
        .name = (key), .type = &(T), .offset = offsetof(S, member),                                \
        .size = sizeof(((S *)0)->member), __VA_ARGS__                                              \
    }
/* A form of a ONE_OF. */
#define DOC_FORM(S, member, T) DOC_FIELD(S, member, NULL, T, .required = false)
/* The place of a helper member (`where`, `tag`, `given`). */
#define DOC_AT(S, member) (offsetof(S, member) + 1)

extern const struct doc_type doc_type_string;
extern const struct doc_type doc_type_name; /* a string of 1 to 128 bytes */
extern const struct doc_type doc_type_text; /* a string of 1 byte to 64 KiB */
extern const struct doc_type doc_type_int;
extern const struct doc_type doc_type_count; /* an integer, at least 0 */
extern const struct doc_type doc_type_number;
extern const struct doc_type doc_type_ratio; /* a number from 0 to 1 */
extern const struct doc_type doc_type_bool;
extern const struct doc_type doc_type_duration;
extern const struct doc_type doc_type_bytes;
extern const struct doc_type doc_type_any;
extern const struct doc_type doc_type_strings;        /* list of strings */
extern const struct doc_type doc_type_string_or_list; /* the same; a lone string is a list of one */

/* Binds `root` to *out (type->size bytes), which is not touched unless the result is OK.
 * root NULL, or a NULL node: as if it were an empty map. `user` is handed to hooks.
 * BAD_CONFIG: the problems are in *errors. NO_MEMORY. */
enum base_err doc_bind(const struct doc_node *root, const struct doc_type *type,
                       struct arena *arena, void *user, void *out,
                       struct doc_errors *errors) BASE_MUST_USE;

/* For hooks: reports a problem with `node`, adds where it stands ("in upstreams[0]"), returns
 * false. */
bool doc_fail(struct doc_binder *b, const struct doc_node *node, const char *format, ...)
    BASE_PRINTF(3, 4);
/* For hooks: binds `node` as `type`; false when that failed and was reported. */
bool doc_bind_value(struct doc_binder *b, const struct doc_node *node, const struct doc_type *type,
                    void *out);

/* The JSON Schema (draft 2020-12) of a document; errors stay in the buffer. */
void doc_schema_print_json(const struct doc_type *type, const char *title, struct buffer *out);
/* The reference in Markdown: one section for each OBJECT type, in the order of first use. */
void doc_schema_print_markdown(const struct doc_type *type, struct buffer *out);

/* Looks for mistakes in the tables themselves (sizes, fallbacks that do not bind, missing docs and
 * names, an optional OBJECT with required fields): for a unit test of every schema. Problems are
 * added to *errors without a place. */
void doc_schema_check(const struct doc_type *type, struct doc_errors *errors);

#endif
