/*
 * Templates: the part of Jinja that chat templates use. Pipelines' prompts use it too.
 *
 *     err = engine_jinja_new(source, &jinja, &detail);              // UNSUPPORTED: line, construct
 *     struct engine_value vars = engine_value_map();
 *     engine_value_set(arena, &vars, SLICE("name"), engine_value_string(text, false));
 *     err = engine_jinja_render(jinja, &vars, NULL, &out, &runs, &detail);
 *     engine_jinja_free(jinja);
 *
 * The subset, rendered as Jinja 3.1 does with trim_blocks, lstrip_blocks and no autoescape:
 *   text, comments, {{ }}, whitespace control (-, +)
 *   if / elif / else, for (targets, `if` filter, else, break, continue; loop.index, index0,
 * revindex, revindex0, first, last, length, previtem, nextitem, cycle()), set (names, a tuple of
 * names, an attribute of a namespace, a block, filtered or not), macro (defaults, keywords), call
 * (no parameters), filter, raw, generation (only marks)
 *   literals, lists, tuples, maps, + - * / // % ~, comparisons, and or not, in, not in, a if b else
 * c, indexing, slices, attributes tests, filters, methods and functions: the tables in
 * test.c, filter.c, method.c Anything else is refused when it is loaded, with its
 * line, never guessed at; a filter, test, method or function that is not known inside an `if`, when
 * it is reached, as in Jinja. What only shows with the values (a number plus a text) is an error
 * when it is rendered. Differences from Python: integers have 64 bits, upper() and lower() change
 * ASCII letters only, keys of maps are texts and integers.
 *
 * tojson is that of the usual loaders (no HTML escapes, keys in their order; indent, separators).
 * strftime_now() is UTC. A function is defined as a name, but is no value otherwise.
 *
 * Not in the subset, though Jinja has it: the blocks with, block, include, import, autoescape;
 * recursive loops, loop.changed, loop.depth; varargs, macros as values; `**`, lists times numbers,
 * numbers other than decimal; widths and the like in formats; the filters round, batch, slice,
 * groupby, truncate, center, wordcount and what else is for HTML; the test callable; the methods
 * isdigit, rsplit, partition, index, rfind, ljust and the like, and those that change a list or map
 * (the usual loaders forbid them); joiner, cycler.
 *
 * Every byte that comes out is known to stand in the template or to come from a value
 * (`engine_run`): strings carry that along through all operations. A value may be vouched for
 * (`literal`), as a model's own start token is.
 *
 * Bounds: source, nesting, output, memory and steps; recursion only as deep as the nesting, and
 * macros 16 deep. Threads: a template is immutable; a value and an arena belong to one thread.
 */
#ifndef ENGINE_TEMPLATE_JINJA_H
#define ENGINE_TEMPLATE_JINJA_H

#include "base/core/arena.h"
#include "engine/engine.h"

/* --- Values --------------------------------------------------------------------------------- */

enum engine_value_type {
    ENGINE_VALUE_UNDEFINED,
    ENGINE_VALUE_NULL,
    ENGINE_VALUE_BOOL,
    ENGINE_VALUE_INT,
    ENGINE_VALUE_DOUBLE,
    ENGINE_VALUE_STRING,
    ENGINE_VALUE_LIST,
    ENGINE_VALUE_MAP,
    ENGINE_VALUE_NAMESPACE, /* a map that `set` may change; made by templates only */
    ENGINE_VALUE_LOOP       /* the variable `loop`; made by templates only */
};

struct engine_value {
    enum engine_value_type type;
    bool literal;  /* STRING: all bytes are vouched for; only when s.origin is NULL */
    bool is_tuple; /* LIST: prints in parentheses, and equals no list */
    bool is_safe;  /* STRING: out of `safe` or `escape`; what + or % adds is escaped for HTML */
    union {
        bool b;
        int64_t i;
        struct {
            double d;
            const char *digits; /* of an integer beyond 64 bits, borrowed; else NULL */
            size_t digit_count;
        };
        struct {
            const char *ptr; /* borrowed */
            size_t len;
            const uint8_t *origin; /* 1 = literal, for each byte; NULL = all the same */
        } s;
        struct engine_value_list *list;
        struct engine_value_map *map;
        struct engine_value_loop *loop;
        struct slice name; /* UNDEFINED: what was looked up, for messages */
    } u;
};

struct engine_value_list {
    struct engine_value *items;
    size_t count, capacity;
};

struct engine_value_member {
    struct engine_value key; /* STRING; in a template's own maps also INT */
    struct engine_value value;
};

struct engine_value_map {
    struct engine_value_member *items; /* in the order of insertion */
    size_t count, capacity;
};

static inline struct engine_value engine_value_null(void)
{
    return (struct engine_value){.type = ENGINE_VALUE_NULL};
}

static inline struct engine_value engine_value_bool(bool b)
{
    return (struct engine_value){.type = ENGINE_VALUE_BOOL, .u.b = b};
}

static inline struct engine_value engine_value_int(int64_t i)
{
    return (struct engine_value){.type = ENGINE_VALUE_INT, .u.i = i};
}

static inline struct engine_value engine_value_double(double d)
{
    return (struct engine_value){.type = ENGINE_VALUE_DOUBLE, .u.d = d};
}

/* Absent slices become NULL (Jinja's none). */
static inline struct engine_value engine_value_string(struct slice s, bool literal)
{
    if (slice_is_absent(s))
        return engine_value_null();
    return (struct engine_value){
        .type = ENGINE_VALUE_STRING, .literal = literal, .u.s = {s.ptr, s.len, NULL}};
}

/* Empty ones; .u is NULL until something is put in. */
static inline struct engine_value engine_value_list(void)
{
    return (struct engine_value){.type = ENGINE_VALUE_LIST};
}

static inline struct engine_value engine_value_map(void)
{
    return (struct engine_value){.type = ENGINE_VALUE_MAP};
}

/* Append to a list; append to a map, where a key must not be there yet. The key is not vouched for.
 * Memory is the arena's. False when it is out of memory. */
bool engine_value_push(struct arena *arena, struct engine_value *list, struct engine_value item);
bool engine_value_set(struct arena *arena, struct engine_value *map, struct slice key,
                      struct engine_value item);

/* The member, or UNDEFINED. */
struct engine_value engine_value_get(const struct engine_value *map, struct slice key);

/* Reads JSON text; strings without escapes point into it. Nothing is vouched for. BAD_JSON with the
 * byte; LIMIT: deeper than 64. A number beyond 64 bits becomes a DOUBLE. */
enum base_err engine_value_from_json(struct arena *arena, struct slice json,
                                     struct engine_value *ret_value,
                                     struct base_error *reterr) BASE_MUST_USE;

/* --- Templates ------------------------------------------------------------------------------ */

enum { ENGINE_JINJA_SOURCE_MAX = 256 * 1024 };

struct engine_jinja;

/* The source is copied. UNSUPPORTED: a construct outside the subset; BAD_VALUE: not well-formed;
 * both name the line. TOO_LARGE, NO_MEMORY. */
enum base_err engine_jinja_new(struct slice source, struct engine_jinja **ret_jinja,
                               struct base_error *reterr) BASE_MUST_USE;
void engine_jinja_free(struct engine_jinja *jinja); /* NULL allowed */

/* Names that the template reads and sets nowhere itself, in the order of their first use; absent
 * past the last. Valid as long as the template. */
struct slice engine_jinja_input(const struct engine_jinja *jinja, size_t index);

/* All zero = defaults. */
struct engine_jinja_limits {
    size_t output_max; /* bytes; 0 = 64 MiB */
    size_t memory_max; /* bytes of intermediate values; 0 = 256 MiB */
    uint64_t step_max; /* 0 = 50 million, about a second */
    int64_t now_ns;    /* wall clock for strftime_now(); 0 = the system's */
};

/* Appends to `out`, and to `runs` (may be NULL) so that they cover all of `out`. `vars` is a MAP.
 * BAD_REQUEST: raise_exception(), or an operation that the values do not allow (the line, and no
 * words of any value); LIMIT; NO_MEMORY. On failure `out` and `runs` are as they were. */
enum base_err engine_jinja_render(const struct engine_jinja *jinja, const struct engine_value *vars,
                                  const struct engine_jinja_limits *limits, struct buffer *out,
                                  struct engine_runs *runs,
                                  struct base_error *reterr) BASE_MUST_USE;

#endif
