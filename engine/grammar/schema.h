/*
 * JSON Schema, private part: what the keywords of a schema say, put together, before code is made.
 *
 *     schema.c           reads keywords into a `struct schema_spec`, follows references
 *     value.c            makes the code of strings, numbers and lists of values
 *     object.c           makes the code of objects and arrays
 */
#ifndef ENGINE_GRAMMAR_SCHEMA_H
#define ENGINE_GRAMMAR_SCHEMA_H

#include "engine/grammar/grammar.h"
#include "engine/template/jinja.h"

enum schema_type {
    SCHEMA_NULL = 1 << 0,
    SCHEMA_BOOLEAN = 1 << 1,
    SCHEMA_INTEGER = 1 << 2,
    SCHEMA_NUMBER = 1 << 3, /* integers too */
    SCHEMA_STRING = 1 << 4,
    SCHEMA_ARRAY = 1 << 5,
    SCHEMA_OBJECT = 1 << 6,
    SCHEMA_ANY = (1 << 7) - 1
};

enum { SCHEMA_CHOICES_MAX = 8, SCHEMA_PROPERTIES_MAX = 4096 };

/* A schema inside another, and where it stands: "#/properties/a". Absent: .path is absent. */
struct schema_sub {
    struct engine_value value;
    struct slice path;
};

struct schema_property {
    struct slice key;
    struct schema_sub sub; /* absent: only required so far */
    bool required;
};

struct schema_spec {
    struct slice path;
    unsigned types;   /* that `type` allows */
    unsigned implied; /* types that other keywords speak of */
    bool has_type, has_constraints;
    struct schema_sub values; /* `enum` as a list */
    struct schema_property *properties;
    size_t property_count, property_capacity;
    struct schema_sub additional, items, prefix;
    unsigned property_parts; /* how many schemas put together speak of properties */
    uint32_t min_items, max_items, min_length, max_length, min_properties, max_properties;
    struct schema_sub pattern, format; /* strings */
    bool has_low, has_high;
    bool exact_low, exact_high; /* the limit is a whole number, and itself allowed */
    int64_t low, high;
    struct schema_sub choices[SCHEMA_CHOICES_MAX]; /* anyOf, oneOf: lists */
    size_t choice_count;
};

#define SCHEMA_MAGNITUDE_MAX INT64_C(999999999999999999) /* 10^18 - 1 */

struct schema_compiler {
    struct grammar_builder *b;
    struct engine_value root;
    struct schema_memo {
        struct engine_value_map *map;
        uint32_t rule;
        struct schema_sub sub;
    } * memos; /* schemas that have a rule; those from `done` on are still to be made */
    size_t memo_count, memo_capacity, done;
    uint64_t work;
};

/* The rule of a schema; it is made later. */
uint32_t schema_rule(struct schema_compiler *c, struct schema_sub sub);
/* path + "/" + key. */
struct slice schema_path(struct schema_compiler *c, struct slice path, struct slice key);
struct slice schema_path_at(struct schema_compiler *c, struct slice path, size_t index);
static inline bool schema_has(struct schema_sub sub)
{
    return !slice_is_absent(sub.path);
}

/* What a schema says, put together. */
void schema_read(struct schema_compiler *c, struct schema_sub sub, struct schema_spec *ret);
/* The types of values that it allows. */
unsigned schema_types(const struct schema_spec *spec);
/* Makes the rules that were asked for. */
void schema_make(struct schema_compiler *c);

/* Values of JSON, seen from their use in a schema. */
static inline bool schema_is_map(struct engine_value v)
{
    return v.type == ENGINE_VALUE_MAP && v.u.map && v.u.map->count > 0;
}

static inline size_t schema_count(struct engine_value v)
{
    return v.type == ENGINE_VALUE_LIST && v.u.list ? v.u.list->count : 0;
}

static inline struct slice schema_text(struct engine_value v)
{
    return slice_of(v.u.s.ptr, v.u.s.len);
}

void schema_unsupported(struct schema_compiler *c, struct slice path, const char *what);

/* Each begins with what the spec says of one type, and goes on at `next`. */
uint32_t schema_values(struct schema_compiler *c, const struct schema_spec *spec, uint32_t next);
uint32_t schema_string(struct schema_compiler *c, const struct schema_spec *spec, uint32_t next);
/* A string between tags, as it is. */
uint32_t schema_tagged_text(struct schema_compiler *c, const struct schema_spec *spec,
                            uint32_t next);
uint32_t schema_number(struct schema_compiler *c, const struct schema_spec *spec, uint32_t next);
uint32_t schema_object(struct schema_compiler *c, struct schema_spec *spec, uint32_t next);
uint32_t schema_array(struct schema_compiler *c, struct schema_spec *spec, uint32_t next);

#endif
