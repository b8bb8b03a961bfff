#include "engine/grammar/schema.h"

#include <math.h>
#include <stdlib.h>

enum {
    PATH_KEY_MAX = 48, /* bytes of a name in a message's path */
    FOLD_DEPTH_MAX = 32,
    WORK_MAX = 300000
};

/* --- Paths and rules --- */

static struct slice new_path(struct schema_compiler *c, struct slice path)
{
    if (slice_is_absent(path)) {
        grammar_fail(c->b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
        return SLICE("#");
    }
    return path;
}

struct slice schema_path(struct schema_compiler *c, struct slice path, struct slice key)
{
    return new_path(c, arena_printf(c->b->arena, "%.*s/%.*s", SLICE_ARG(path),
                                    SLICE_ARG(slice_sub(key, 0, PATH_KEY_MAX))));
}

struct slice schema_path_at(struct schema_compiler *c, struct slice path, size_t index)
{
    return new_path(c, arena_printf(c->b->arena, "%.*s/%zu", SLICE_ARG(path), index));
}

static void bad(struct schema_compiler *c, struct slice path, const char *expected)
{
    grammar_fail(c->b, BASE_ERR_BAD_VALUE, "%.*s: expected %s", SLICE_ARG(path), expected);
}

void schema_unsupported(struct schema_compiler *c, struct slice path, const char *what)
{
    grammar_fail(c->b, BASE_ERR_UNSUPPORTED, "%.*s: %s", SLICE_ARG(path), what);
}

uint32_t schema_rule(struct schema_compiler *c, struct schema_sub sub)
{
    bool everything = sub.value.type == ENGINE_VALUE_BOOL
                          ? sub.value.u.b
                          : sub.value.type == ENGINE_VALUE_MAP && !schema_is_map(sub.value);
    if (everything)
        return grammar_json_rule(c->b, GRAMMAR_JSON_VALUE);
    if (sub.value.type == ENGINE_VALUE_BOOL)
        return grammar_rule(c->b, SLICE_NONE); /* never defined: nothing satisfies it */
    if (!schema_is_map(sub.value)) {
        bad(c, sub.path, "a schema: an object, true or false");
        return 0;
    }
    for (size_t i = 0; i < c->memo_count; i++)
        if (c->memos[i].map == sub.value.u.map)
            return c->memos[i].rule;
    void *items = c->memos;
    if (c->b->err)
        return 0;
    if (!arena_grow(c->b->arena, &items, c->memo_count, &c->memo_capacity, sizeof(*c->memos))) {
        grammar_fail(c->b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
        return 0;
    }
    c->memos = items;
    uint32_t rule = grammar_rule(c->b, sub.path);
    c->memos[c->memo_count++] = (struct schema_memo){sub.value.u.map, rule, sub};
    return rule;
}

/* --- Keywords --- */

/* One keyword of a schema on its way into the spec. */
struct keyword {
    struct schema_spec *spec;
    struct engine_value value;
    struct slice path; /* of the keyword */
    int depth;         /* of references and allOf */
};

static void fold(struct schema_compiler *c, struct schema_spec *spec, struct schema_sub sub,
                 int depth);

static void on_ignored(struct schema_compiler *c, const struct keyword *k)
{
    (void)c;
    (void)k;
}

static void on_type(struct schema_compiler *c, const struct keyword *k)
{
    static const struct {
        struct slice name;
        unsigned bits;
    } names[] = {{SLICE_INIT("null"), SCHEMA_NULL},
                 {SLICE_INIT("boolean"), SCHEMA_BOOLEAN},
                 {SLICE_INIT("integer"), SCHEMA_INTEGER},
                 {SLICE_INIT("number"), SCHEMA_NUMBER | SCHEMA_INTEGER},
                 {SLICE_INIT("string"), SCHEMA_STRING},
                 {SLICE_INIT("array"), SCHEMA_ARRAY},
                 {SLICE_INIT("object"), SCHEMA_OBJECT}};
    const struct engine_value *items = &k->value;
    size_t count = k->value.type == ENGINE_VALUE_STRING ? 1 : schema_count(k->value);
    if (k->value.type == ENGINE_VALUE_LIST && count > 0)
        items = k->value.u.list->items;
    unsigned types = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned bits = 0;
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            if (items[i].type == ENGINE_VALUE_STRING &&
                slice_eq(schema_text(items[i]), names[n].name))
                bits = names[n].bits;
        if (bits == 0)
            count = 0; /* said below */
        types |= bits;
    }
    if (count == 0) {
        bad(c, k->path,
            "null, boolean, integer, number, string, array or object, or a list of "
            "them");
        return;
    }
    k->spec->types &= types;
    k->spec->has_type = true;
}

static void on_enum(struct schema_compiler *c, const struct keyword *k)
{
    if (schema_count(k->value) == 0)
        bad(c, k->path, "a list of values");
    else if (schema_has(k->spec->values))
        schema_unsupported(c, k->path, "two lists of values for one place are not supported");
    else
        k->spec->values = (struct schema_sub){k->value, k->path};
}

static void on_const(struct schema_compiler *c, const struct keyword *k)
{
    struct keyword list = *k;
    list.value = engine_value_list();
    if (engine_value_push(c->b->arena, &list.value, k->value))
        on_enum(c, &list);
    else
        grammar_fail(c->b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
}

static struct schema_property *property(struct schema_compiler *c, struct schema_spec *spec,
                                        struct slice key)
{
    for (size_t i = 0; i < spec->property_count; i++)
        if (slice_eq(spec->properties[i].key, key))
            return &spec->properties[i];
    void *items = spec->properties;
    if (spec->property_count >= SCHEMA_PROPERTIES_MAX)
        grammar_fail(c->b, BASE_ERR_LIMIT, "%.*s: more than %d properties", SLICE_ARG(spec->path),
                     SCHEMA_PROPERTIES_MAX);
    else if (!arena_grow(c->b->arena, &items, spec->property_count, &spec->property_capacity,
                         sizeof(*spec->properties)))
        grammar_fail(c->b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    if (c->b->err)
        return NULL;
    spec->properties = items;
    spec->properties[spec->property_count] = (struct schema_property){.key = key};
    return &spec->properties[spec->property_count++];
}

static void on_properties(struct schema_compiler *c, const struct keyword *k)
{
    k->spec->implied |= SCHEMA_OBJECT;
    if (k->value.type != ENGINE_VALUE_MAP) {
        bad(c, k->path, "an object of schemas");
        return;
    }
    for (size_t i = 0; schema_is_map(k->value) && i < k->value.u.map->count && !c->b->err; i++) {
        const struct engine_value_member *m = &k->value.u.map->items[i];
        struct slice key = schema_text(m->key);
        struct schema_sub sub = {m->value, schema_path(c, k->path, key)};
        struct schema_property *p = property(c, k->spec, key);
        if (!p)
            return;
        if (schema_has(p->sub))
            schema_unsupported(c, sub.path, "a property described twice is not supported");
        p->sub = sub;
    }
}

static void on_required(struct schema_compiler *c, const struct keyword *k)
{
    k->spec->implied |= SCHEMA_OBJECT;
    if (k->value.type != ENGINE_VALUE_LIST)
        bad(c, k->path, "a list of names");
    for (size_t i = 0; i < schema_count(k->value) && !c->b->err; i++) {
        struct engine_value name = k->value.u.list->items[i];
        struct schema_property *p = NULL;
        if (name.type != ENGINE_VALUE_STRING)
            bad(c, k->path, "a list of names");
        else
            p = property(c, k->spec, schema_text(name));
        if (p)
            p->required = true;
    }
}

/* Keywords that hold one schema, list or string, and may stand once for each place. */
static void set_once(struct schema_compiler *c, const struct keyword *k, struct schema_sub *place,
                     unsigned implied)
{
    k->spec->implied |= implied;
    k->spec->has_constraints = true;
    if (schema_has(*place))
        schema_unsupported(c, k->path, "this keyword twice for one place is not supported");
    *place = (struct schema_sub){k->value, k->path};
}

static void on_additional(struct schema_compiler *c, const struct keyword *k)
{
    set_once(c, k, &k->spec->additional, SCHEMA_OBJECT);
}

static void on_items(struct schema_compiler *c, const struct keyword *k)
{
    if (k->value.type == ENGINE_VALUE_LIST)
        schema_unsupported(c, k->path, "a list of schemas is not supported; use prefixItems");
    set_once(c, k, &k->spec->items, SCHEMA_ARRAY);
}

static void on_prefix(struct schema_compiler *c, const struct keyword *k)
{
    if (schema_count(k->value) == 0)
        bad(c, k->path, "a list of schemas");
    set_once(c, k, &k->spec->prefix, SCHEMA_ARRAY);
}

static void on_pattern(struct schema_compiler *c, const struct keyword *k)
{
    if (k->value.type != ENGINE_VALUE_STRING)
        bad(c, k->path, "a regular expression as a string");
    set_once(c, k, &k->spec->pattern, SCHEMA_STRING);
}

static void on_format(struct schema_compiler *c, const struct keyword *k)
{
    if (k->value.type != ENGINE_VALUE_STRING)
        bad(c, k->path, "a string");
    set_once(c, k, &k->spec->format, SCHEMA_STRING);
}

/* --- Numbers among the keywords --- */

static bool whole_number(struct engine_value v, int64_t *ret)
{
    if (v.type == ENGINE_VALUE_INT) {
        *ret = v.u.i;
        return true;
    }
    if (v.type != ENGINE_VALUE_DOUBLE || v.u.d != floor(v.u.d) || fabs(v.u.d) > 1e15)
        return false;
    *ret = (int64_t)v.u.d;
    return true;
}

static void set_count(struct schema_compiler *c, const struct keyword *k, uint32_t *place,
                      bool is_max, unsigned implied)
{
    int64_t value;
    k->spec->implied |= implied;
    k->spec->has_constraints = true;
    if (!whole_number(k->value, &value) || value < 0 || value >= INT32_MAX) {
        bad(c, k->path, "a whole number from 0 to 2147483646");
        return;
    }
    uint32_t count = (uint32_t)value;
    if (is_max ? count < *place : count > *place)
        *place = count;
}

static void on_min_items(struct schema_compiler *c, const struct keyword *k)
{
    set_count(c, k, &k->spec->min_items, false, SCHEMA_ARRAY);
}

static void on_max_items(struct schema_compiler *c, const struct keyword *k)
{
    set_count(c, k, &k->spec->max_items, true, SCHEMA_ARRAY);
}

static void on_min_length(struct schema_compiler *c, const struct keyword *k)
{
    set_count(c, k, &k->spec->min_length, false, SCHEMA_STRING);
}

static void on_max_length(struct schema_compiler *c, const struct keyword *k)
{
    set_count(c, k, &k->spec->max_length, true, SCHEMA_STRING);
}

static void on_min_properties(struct schema_compiler *c, const struct keyword *k)
{
    set_count(c, k, &k->spec->min_properties, false, SCHEMA_OBJECT);
}

static void on_max_properties(struct schema_compiler *c, const struct keyword *k)
{
    set_count(c, k, &k->spec->max_properties, true, SCHEMA_OBJECT);
}

/* A limit as the nearest whole number inside; whether that is the limit itself matters for numbers
 * with decimals. */
static void set_limit(struct schema_compiler *c, const struct keyword *k, bool is_high,
                      bool exclusive)
{
    struct schema_spec *spec = k->spec;
    int64_t value = 0;
    bool exact = whole_number(k->value, &value);
    spec->implied |= SCHEMA_NUMBER | SCHEMA_INTEGER;
    spec->has_constraints = true;
    if (!exact && k->value.type == ENGINE_VALUE_DOUBLE && fabs(k->value.u.d) <= 1e15)
        value = (int64_t)(is_high ? floor(k->value.u.d) : ceil(k->value.u.d));
    else if (!exact || value > SCHEMA_MAGNITUDE_MAX || value < -SCHEMA_MAGNITUDE_MAX) {
        schema_unsupported(c, k->path,
                           "expected a number whose magnitude is below 10^18, or with a "
                           "fraction 10^15");
        return;
    }
    if (exact && exclusive) {
        value += is_high ? -1 : 1;
        exact = false;
    }
    if (is_high && (!spec->has_high || value < spec->high)) {
        spec->high = value;
        spec->exact_high = exact;
        spec->has_high = true;
    } else if (is_high && value == spec->high) {
        spec->exact_high &= exact;
    }
    if (!is_high && (!spec->has_low || value > spec->low)) {
        spec->low = value;
        spec->exact_low = exact;
        spec->has_low = true;
    } else if (!is_high && value == spec->low) {
        spec->exact_low &= exact;
    }
}

static void on_minimum(struct schema_compiler *c, const struct keyword *k)
{
    set_limit(c, k, false, false);
}

static void on_maximum(struct schema_compiler *c, const struct keyword *k)
{
    set_limit(c, k, true, false);
}

static void on_above(struct schema_compiler *c, const struct keyword *k)
{
    set_limit(c, k, false, true);
}

static void on_below(struct schema_compiler *c, const struct keyword *k)
{
    set_limit(c, k, true, true);
}

/* --- Keywords that put schemas together --- */

static void on_choice(struct schema_compiler *c, const struct keyword *k)
{
    if (schema_count(k->value) == 0)
        bad(c, k->path, "a list of schemas");
    else if (k->spec->choice_count == SCHEMA_CHOICES_MAX)
        schema_unsupported(c, k->path, "more than 8 choices for one place are not supported");
    else
        k->spec->choices[k->spec->choice_count++] = (struct schema_sub){k->value, k->path};
}

static void on_all(struct schema_compiler *c, const struct keyword *k)
{
    if (schema_count(k->value) == 0)
        bad(c, k->path, "a list of schemas");
    for (size_t i = 0; i < schema_count(k->value) && !c->b->err; i++)
        fold(c, k->spec,
             (struct schema_sub){k->value.u.list->items[i], schema_path_at(c, k->path, i)},
             k->depth + 1);
}

/* One step of a JSON pointer: ~1 is '/', ~0 is '~'. */
static struct engine_value step_into(struct schema_compiler *c, struct engine_value at,
                                     struct slice token)
{
    const struct engine_value none = {.type = ENGINE_VALUE_UNDEFINED};
    char *plain = arena_alloc(c->b->arena, token.len + 1);
    size_t len = 0;
    int64_t index;
    for (size_t i = 0; plain && i < token.len; i++) {
        char ch = token.ptr[i];
        if (ch == '~' && i + 1 < token.len)
            ch = token.ptr[++i] == '1' ? '/' : '~';
        plain[len++] = ch;
    }
    if (!plain)
        return none;
    if (schema_is_map(at))
        return engine_value_get(&at, slice_of(plain, len));
    if (slice_to_i64(token, &index) && index >= 0 && (size_t)index < schema_count(at))
        return at.u.list->items[index];
    return none;
}

static bool find_ref(struct schema_compiler *c, const struct keyword *k, struct schema_sub *ret)
{
    if (k->value.type != ENGINE_VALUE_STRING) {
        bad(c, k->path, "a string");
        return false;
    }
    struct slice pointer = schema_text(k->value), rest = slice_sub(pointer, 1, SIZE_MAX);
    struct engine_value at = c->root;
    if (!slice_starts_with(pointer, SLICE("#")) ||
        (rest.len > 0 && !slice_starts_with(rest, SLICE("/"))) ||
        slice_find(pointer, SLICE("%")) != SIZE_MAX) {
        schema_unsupported(c, k->path, "only references inside this schema (#/...) are supported");
        return false;
    }
    while (rest.len > 0) {
        rest = slice_sub(rest, 1, SIZE_MAX);
        size_t end = slice_find(rest, SLICE("/"));
        c->work += schema_is_map(at) ? at.u.map->count : 1;
        at = step_into(c, at, slice_sub(rest, 0, end));
        rest = end == SIZE_MAX ? SLICE("") : slice_sub(rest, end, SIZE_MAX);
    }
    if (at.type == ENGINE_VALUE_UNDEFINED) {
        bad(c, k->path, "a reference to a place that this schema has");
        return false;
    }
    *ret = (struct schema_sub){at, slice_sub(pointer, 0, 128)};
    return true;
}

static void on_ref(struct schema_compiler *c, const struct keyword *k)
{
    struct schema_sub target;
    if (find_ref(c, k, &target))
        fold(c, k->spec, target, k->depth + 1);
}

static void on_false_only(struct schema_compiler *c, const struct keyword *k)
{
    if (k->value.type != ENGINE_VALUE_BOOL || k->value.u.b)
        schema_unsupported(c, k->path, "this keyword is supported as false only");
}

static void on_id(struct schema_compiler *c, const struct keyword *k)
{
    if (!slice_eq(k->path, SLICE("#/$id")))
        schema_unsupported(c, k->path, "$id inside a schema is not supported");
}

static const struct {
    struct slice name;
    void (*on)(struct schema_compiler *c, const struct keyword *k);
} keywords[] = {
    {SLICE_INIT("$comment"), on_ignored},
    {SLICE_INIT("$defs"), on_ignored},
    {SLICE_INIT("$id"), on_id},
    {SLICE_INIT("$ref"), on_ref},
    {SLICE_INIT("$schema"), on_ignored},
    {SLICE_INIT("additionalProperties"), on_additional},
    {SLICE_INIT("allOf"), on_all},
    {SLICE_INIT("anyOf"), on_choice},
    {SLICE_INIT("const"), on_const},
    {SLICE_INIT("default"), on_ignored},
    {SLICE_INIT("definitions"), on_ignored},
    {SLICE_INIT("deprecated"), on_ignored},
    {SLICE_INIT("description"), on_ignored},
    {SLICE_INIT("enum"), on_enum},
    {SLICE_INIT("examples"), on_ignored},
    {SLICE_INIT("exclusiveMaximum"), on_below},
    {SLICE_INIT("exclusiveMinimum"), on_above},
    {SLICE_INIT("format"), on_format},
    {SLICE_INIT("items"), on_items},
    {SLICE_INIT("maxItems"), on_max_items},
    {SLICE_INIT("maxLength"), on_max_length},
    {SLICE_INIT("maxProperties"), on_max_properties},
    {SLICE_INIT("maximum"), on_maximum},
    {SLICE_INIT("minItems"), on_min_items},
    {SLICE_INIT("minLength"), on_min_length},
    {SLICE_INIT("minProperties"), on_min_properties},
    {SLICE_INIT("minimum"), on_minimum},
    {SLICE_INIT("nullable"), on_false_only},
    {SLICE_INIT("oneOf"), on_choice},
    {SLICE_INIT("pattern"), on_pattern},
    {SLICE_INIT("prefixItems"), on_prefix},
    {SLICE_INIT("properties"), on_properties},
    {SLICE_INIT("readOnly"), on_ignored},
    {SLICE_INIT("required"), on_required},
    {SLICE_INIT("title"), on_ignored},
    {SLICE_INIT("type"), on_type},
    {SLICE_INIT("uniqueItems"), on_false_only},
    {SLICE_INIT("writeOnly"), on_ignored},
};

static void fold_keyword(struct schema_compiler *c, struct schema_spec *spec,
                         const struct engine_value_member *m, struct schema_sub sub, int depth)
{
    struct slice name = schema_text(m->key);
    struct keyword k = {
        .spec = spec, .value = m->value, .path = schema_path(c, sub.path, name), .depth = depth};
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (slice_eq(keywords[i].name, name)) {
            keywords[i].on(c, &k);
            return;
        }
    schema_unsupported(c, k.path, "this keyword is not supported");
}

/* Adds what a schema says to the spec. Recursion is bounded by FOLD_DEPTH_MAX. */
static void fold(struct schema_compiler *c, struct schema_spec *spec, struct schema_sub sub,
                 int depth)
{
    if (++c->work > WORK_MAX)
        grammar_fail(c->b, BASE_ERR_LIMIT, "the schema takes too long to be read");
    if (depth > FOLD_DEPTH_MAX)
        schema_unsupported(c, sub.path, "references in a circle, or schemas put together too deep");
    if (c->b->err)
        return;
    if (sub.value.type == ENGINE_VALUE_BOOL) {
        spec->types = sub.value.u.b ? spec->types : 0;
        return;
    }
    if (sub.value.type != ENGINE_VALUE_MAP) {
        bad(c, sub.path, "a schema: an object, true or false");
        return;
    }
    bool speaks = false, was_closed = schema_has(spec->additional);
    for (size_t i = 0; schema_is_map(sub.value) && i < sub.value.u.map->count && !c->b->err; i++) {
        const struct engine_value_member *m = &sub.value.u.map->items[i];
        speaks |= slice_eq(schema_text(m->key), SLICE("properties")) ||
                  slice_eq(schema_text(m->key), SLICE("additionalProperties"));
        c->work++;
        fold_keyword(c, spec, m, sub, depth);
    }
    spec->property_parts += speaks ? 1 : 0;
    /* additionalProperties speaks of the properties beside it only, not of those put together. */
    if (speaks && spec->property_parts > 1 && (was_closed || schema_has(spec->additional)))
        schema_unsupported(c, sub.path,
                           "additionalProperties beside properties of another schema for the "
                           "same place is not supported");
}

void schema_read(struct schema_compiler *c, struct schema_sub sub, struct schema_spec *ret)
{
    *ret = (struct schema_spec){.path = sub.path,
                                .types = SCHEMA_ANY,
                                .max_items = GRAMMAR_MANY,
                                .max_length = GRAMMAR_MANY,
                                .max_properties = GRAMMAR_MANY};
    fold(c, ret, sub, 0);
}

unsigned schema_types(const struct schema_spec *spec)
{
    return !spec->has_type && spec->implied ? spec->types & spec->implied : spec->types;
}

/* --- Specs to code --- */

static uint32_t plain_code(struct schema_compiler *c, struct schema_spec *spec, uint32_t next)
{
    struct grammar_builder *b = c->b;
    uint32_t ret = GRAMMAR_AT_FAIL;
    if (schema_has(spec->values))
        return schema_values(c, spec, next);
    unsigned types = schema_types(spec);
    if (types & SCHEMA_NULL)
        ret = grammar_text(b, SLICE("null"), next);
    if (types & SCHEMA_BOOLEAN)
        ret = grammar_either(b,
                             grammar_either(b, grammar_text(b, SLICE("true"), next),
                                            grammar_text(b, SLICE("false"), next)),
                             ret);
    if (types & (SCHEMA_NUMBER | SCHEMA_INTEGER))
        ret = grammar_either(b, schema_number(c, spec, next), ret);
    if (types & SCHEMA_STRING)
        ret = grammar_either(b, schema_string(c, spec, next), ret);
    if (types & SCHEMA_ARRAY)
        ret = grammar_either(b, schema_array(c, spec, next), ret);
    if (types & SCHEMA_OBJECT)
        ret = grammar_either(b, schema_object(c, spec, next), ret);
    return ret;
}

/* Nothing but one choice: its branches are called, and so may be recursive. */
static bool is_bare_choice(const struct schema_spec *spec)
{
    return spec->choice_count == 1 && !spec->has_type && !spec->implied && !spec->has_constraints &&
           spec->types == SCHEMA_ANY && spec->property_count == 0 && !schema_has(spec->values);
}

/* Each choice takes one branch; the branches of several are combined. Recursion is bounded by
 * SCHEMA_CHOICES_MAX for each level, and by the work. */
static uint32_t spec_code(struct schema_compiler *c, const struct schema_spec *spec, int depth,
                          uint32_t next)
{
    struct schema_spec copy = *spec;
    if (spec->choice_count == 0)
        return plain_code(c, &copy, next);
    uint32_t ret = GRAMMAR_AT_FAIL;
    struct schema_sub choice = spec->choices[spec->choice_count - 1];
    if (depth > FOLD_DEPTH_MAX)
        schema_unsupported(c, choice.path, "choices inside choices nest too deep");
    for (size_t i = schema_count(choice.value); i-- > 0 && !c->b->err;) {
        struct schema_sub branch = {choice.value.u.list->items[i],
                                    schema_path_at(c, choice.path, i)};
        if (is_bare_choice(spec)) {
            uint32_t rule = schema_rule(c, branch);
            ret = grammar_either(c->b, grammar_call(c->b, rule, 1, 1, next), ret);
            continue;
        }
        copy = *spec;
        copy.choice_count--;
        copy.property_capacity = 0; /* the branches do not share what they add */
        copy.properties =
            arena_calloc(c->b->arena, spec->property_count + 1, sizeof(*copy.properties));
        if (!copy.properties) {
            grammar_fail(c->b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
            break;
        }
        copy.property_capacity = spec->property_count + 1;
        if (spec->property_count > 0)
            memcpy(copy.properties, spec->properties,
                   spec->property_count * sizeof(*copy.properties));
        fold(c, &copy, branch, 0);
        ret = grammar_either(c->b, spec_code(c, &copy, depth + 1, next), ret);
    }
    return ret;
}

static uint32_t schema_code(struct schema_compiler *c, struct schema_sub sub)
{
    struct schema_spec spec;
    /* A reference alone is a call, which may be recursive. */
    if (schema_is_map(sub.value) && sub.value.u.map->count == 1 &&
        slice_eq(schema_text(sub.value.u.map->items[0].key), SLICE("$ref"))) {
        struct keyword k = {.value = sub.value.u.map->items[0].value,
                            .path = schema_path(c, sub.path, SLICE("$ref"))};
        struct schema_sub target;
        if (!find_ref(c, &k, &target))
            return GRAMMAR_AT_FAIL;
        return grammar_call(c->b, schema_rule(c, target), 1, 1, GRAMMAR_AT_RETURN);
    }
    schema_read(c, sub, &spec);
    return c->b->err ? GRAMMAR_AT_FAIL : spec_code(c, &spec, 0, GRAMMAR_AT_RETURN);
}

void schema_make(struct schema_compiler *c)
{
    for (; c->done < c->memo_count && !c->b->err; c->done++) {
        struct schema_memo memo = c->memos[c->done];
        grammar_define(c->b, memo.rule, schema_code(c, memo.sub));
    }
}

uint32_t grammar_schema(struct grammar_builder *b, struct slice json)
{
    struct schema_compiler c = {.b = b};
    struct base_error detail;
    enum base_err err = engine_value_from_json(b->arena, json, &c.root, &detail);
    if (err) {
        grammar_fail(b, err, "the schema is not JSON: %s", detail.message);
        return 0;
    }
    uint32_t root = schema_rule(&c, (struct schema_sub){c.root, SLICE("#")});
    schema_make(&c);
    return root;
}

enum base_err engine_grammar_from_schema(struct slice json, struct engine_grammar **ret_grammar,
                                         struct base_error *reterr)
{
    struct grammar_builder b;
    if (json.len > GRAMMAR_TEXT_MAX)
        return base_error_set(reterr, BASE_ERR_TOO_LARGE,
                              "a schema of %zu bytes is too long; the most is %d", json.len,
                              GRAMMAR_TEXT_MAX);
    if (!slice_is_utf8(json))
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "the schema is not UTF-8");
    enum base_err err = grammar_begin(&b, reterr);
    if (err)
        return err;
    uint32_t root = grammar_schema(&b, json);
    return grammar_finish(&b, root, ret_grammar);
}
