#include "engine/template/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/unicode/unicode.h"

/* --- Lists and maps --- */

bool engine_value_push(struct arena *arena, struct engine_value *list, struct engine_value item)
{
    if (!list->u.list)
        list->u.list = arena_calloc(arena, 1, sizeof(*list->u.list));
    struct engine_value_list *l = list->u.list;
    if (!l || !arena_grow(arena, (void **)&l->items, l->count, &l->capacity, sizeof(*l->items)))
        return false;
    l->items[l->count++] = item;
    return true;
}

static bool map_add(struct arena *arena, struct engine_value *map, struct engine_value key,
                    struct engine_value item)
{
    if (!map->u.map)
        map->u.map = arena_calloc(arena, 1, sizeof(*map->u.map));
    struct engine_value_map *m = map->u.map;
    if (!m || !arena_grow(arena, (void **)&m->items, m->count, &m->capacity, sizeof(*m->items)))
        return false;
    m->items[m->count++] = (struct engine_value_member){key, item};
    return true;
}

bool engine_value_set(struct arena *arena, struct engine_value *map, struct slice key,
                      struct engine_value item)
{
    return map_add(arena, map, engine_value_string(key, false), item);
}

struct engine_value_member *jinja_map_find(const struct engine_value *map, struct engine_value key)
{
    bool text = key.type == ENGINE_VALUE_STRING;
    if (key.type == ENGINE_VALUE_BOOL) /* a number, in Python */
        key = engine_value_int(key.u.b);
    if (!text && key.type != ENGINE_VALUE_INT)
        return NULL;
    for (size_t i = 0; map->u.map && i < map->u.map->count; i++) {
        struct engine_value have = map->u.map->items[i].key;
        if (have.type == key.type &&
            (text ? slice_eq(jinja_bytes(have), jinja_bytes(key)) : have.u.i == key.u.i))
            return &map->u.map->items[i];
    }
    return NULL;
}

struct engine_value engine_value_get(const struct engine_value *map, struct slice key)
{
    const struct engine_value_member *found = jinja_map_find(map, engine_value_string(key, false));
    if (found)
        return found->value;
    return (struct engine_value){.type = ENGINE_VALUE_UNDEFINED, .u.name = key};
}

bool jinja_map_put(struct jinja_run *run, struct engine_value *map, struct engine_value key,
                   struct engine_value value)
{
    struct engine_value_member *found = jinja_map_find(map, key);
    if (found) {
        found->value = value;
        return true;
    }
    return map_add(run->arena, map, key, value);
}

size_t jinja_count(struct engine_value value)
{
    if (value.type == ENGINE_VALUE_LIST)
        return value.u.list ? value.u.list->count : 0;
    return value.u.map ? value.u.map->count : 0;
}

/* --- Strings --- */

struct engine_value jinja_sub(struct engine_value string, size_t from, size_t len)
{
    struct slice part = slice_sub(jinja_bytes(string), from, len);
    struct engine_value ret = string;
    ret.u.s.ptr = part.ptr;
    ret.u.s.len = part.len;
    if (ret.u.s.origin)
        ret.u.s.origin += from < string.u.s.len ? from : string.u.s.len;
    return ret;
}

void jinja_text_init(struct jinja_text *text, size_t max)
{
    buffer_init(&text->bytes, max);
    buffer_init(&text->origin, max);
}

void jinja_text_done(struct jinja_text *text)
{
    buffer_done(&text->bytes);
    buffer_done(&text->origin);
}

void jinja_text_add_slice(struct jinja_text *text, struct slice bytes, bool literal)
{
    if (bytes.len == 0)
        return;
    char *marks = buffer_reserve(&text->origin, bytes.len);
    if (!marks)
        return;
    memset(marks, literal ? 1 : 0, bytes.len);
    buffer_commit(&text->origin, bytes.len);
    (void)buffer_add_slice(&text->bytes, bytes);
}

void jinja_text_add(struct jinja_text *text, struct engine_value string)
{
    if (!string.u.s.origin) {
        jinja_text_add_slice(text, jinja_bytes(string), string.literal);
        return;
    }
    (void)buffer_add(&text->origin, string.u.s.origin, string.u.s.len);
    (void)buffer_add_slice(&text->bytes, jinja_bytes(string));
}

enum base_err jinja_text_finish(struct jinja_run *run, struct jinja_text *text,
                                struct engine_value *ret)
{
    enum base_err err = text->bytes.err ? text->bytes.err : text->origin.err;
    struct slice bytes = buffer_slice(&text->bytes), marks = buffer_slice(&text->origin);
    struct engine_value value = engine_value_string(SLICE(""), true);
    if (!err && bytes.len > 0) {
        value.literal = marks.ptr[0] != 0;
        value.u.s.len = bytes.len;
        value.u.s.ptr = arena_dup(run->arena, bytes).ptr;
        if (memchr(marks.ptr, value.literal ? 0 : 1, marks.len)) { /* mixed */
            value.literal = false;
            value.u.s.origin = (const uint8_t *)arena_dup(run->arena, marks).ptr;
            if (!value.u.s.origin)
                err = BASE_ERR_NO_MEMORY;
        }
        if (!value.u.s.ptr)
            err = BASE_ERR_NO_MEMORY;
    }
    jinja_text_done(text);
    if (err)
        return jinja_no_memory(run);
    *ret = value;
    return BASE_OK;
}

/* --- Facts --- */

bool jinja_is_true(struct engine_value value)
{
    switch (value.type) {
    case ENGINE_VALUE_BOOL:
        return value.u.b;
    case ENGINE_VALUE_INT:
        return value.u.i != 0;
    case ENGINE_VALUE_DOUBLE:
        return value.u.d != 0.0;
    case ENGINE_VALUE_STRING:
        return value.u.s.len > 0;
    case ENGINE_VALUE_LIST:
    case ENGINE_VALUE_MAP:
        return jinja_count(value) > 0;
    case ENGINE_VALUE_NAMESPACE:
    case ENGINE_VALUE_LOOP:
        return true;
    default:
        return false;
    }
}

const char *jinja_type_name(struct engine_value value)
{
    static const char *const names[] = {"undefined", "none", "bool", "int",       "float",
                                        "str",       "list", "dict", "namespace", "loop"};
    return names[value.type];
}

bool jinja_is_number(struct engine_value value)
{
    return value.type >= ENGINE_VALUE_BOOL && value.type <= ENGINE_VALUE_DOUBLE;
}

double jinja_to_double(struct engine_value value)
{
    if (value.type == ENGINE_VALUE_DOUBLE)
        return value.u.d;
    return value.type == ENGINE_VALUE_BOOL ? (value.u.b ? 1.0 : 0.0) : (double)value.u.i;
}

static int64_t to_int(struct engine_value value)
{
    return value.type == ENGINE_VALUE_BOOL ? value.u.b : value.u.i;
}

/* --- Equality and order --- */

static enum base_err lists_equal(struct jinja_run *run, struct engine_value a,
                                 struct engine_value b, int depth, bool *ret)
{
    *ret = jinja_count(a) == jinja_count(b) && a.is_tuple == b.is_tuple;
    for (size_t i = 0; *ret && i < jinja_count(a); i++) {
        enum base_err err =
            jinja_equal(run, a.u.list->items[i], b.u.list->items[i], depth + 1, ret);
        if (err)
            return err;
    }
    return BASE_OK;
}

static enum base_err maps_equal(struct jinja_run *run, struct engine_value a, struct engine_value b,
                                int depth, bool *ret)
{
    *ret = jinja_count(a) == jinja_count(b);
    for (size_t i = 0; *ret && i < jinja_count(a); i++) {
        const struct engine_value_member *member = &a.u.map->items[i];
        const struct engine_value_member *other = jinja_map_find(&b, member->key);
        *ret = other != NULL;
        enum base_err err = jinja_work(run, jinja_count(b) / 16 + 1);
        if (!err && other)
            err = jinja_equal(run, member->value, other->value, depth + 1, ret);
        if (err)
            return err;
    }
    return BASE_OK;
}

enum base_err jinja_equal(struct jinja_run *run, struct engine_value a, struct engine_value b,
                          int depth, bool *ret)
{
    if (depth > JINJA_DEPTH_MAX + 64)
        return base_error_set(run->reterr, BASE_ERR_LIMIT, "values nest too deep to be compared");
    enum base_err err = jinja_work(run, 1);
    if (err)
        return err;
    if (jinja_is_number(a) && jinja_is_number(b)) {
        bool floats = a.type == ENGINE_VALUE_DOUBLE || b.type == ENGINE_VALUE_DOUBLE;
        *ret = floats ? jinja_to_double(a) == jinja_to_double(b) : to_int(a) == to_int(b);
        return BASE_OK;
    }
    *ret = false;
    if (a.type != b.type)
        return BASE_OK;
    switch (a.type) {
    case ENGINE_VALUE_STRING:
        *ret = slice_eq(jinja_bytes(a), jinja_bytes(b));
        return jinja_work(run, a.u.s.len / 64);
    case ENGINE_VALUE_LIST:
        return lists_equal(run, a, b, depth, ret);
    case ENGINE_VALUE_MAP:
        return maps_equal(run, a, b, depth, ret);
    case ENGINE_VALUE_NAMESPACE:
        *ret = a.u.map == b.u.map;
        return BASE_OK;
    case ENGINE_VALUE_LOOP:
        *ret = a.u.loop == b.u.loop;
        return BASE_OK;
    default:
        *ret = true; /* none, undefined */
        return BASE_OK;
    }
}

enum base_err jinja_compare(struct jinja_run *run, const struct jinja_node *node,
                            struct engine_value a, struct engine_value b, int *ret)
{
    if (jinja_is_number(a) && jinja_is_number(b)) {
        if (a.type != ENGINE_VALUE_DOUBLE && b.type != ENGINE_VALUE_DOUBLE) {
            *ret = (to_int(a) > to_int(b)) - (to_int(a) < to_int(b));
            return BASE_OK;
        }
        double x = jinja_to_double(a), y = jinja_to_double(b);
        *ret = (x > y) - (x < y);
        return BASE_OK;
    }
    if (a.type == ENGINE_VALUE_STRING && b.type == ENGINE_VALUE_STRING) {
        *ret = slice_cmp(jinja_bytes(a), jinja_bytes(b)); /* UTF-8 sorts as code points do */
        return jinja_work(run, a.u.s.len / 64);
    }
    return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "%s and %s have no order",
                      jinja_type_name(a), jinja_type_name(b));
}

enum base_err jinja_contains(struct jinja_run *run, const struct jinja_node *node,
                             struct engine_value item, struct engine_value in, bool *ret)
{
    *ret = false;
    if (in.type == ENGINE_VALUE_STRING) {
        if (item.type != ENGINE_VALUE_STRING)
            return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "'in' a str needs a str, not %s",
                              jinja_type_name(item));
        *ret = slice_find(jinja_bytes(in), jinja_bytes(item)) != SIZE_MAX;
        return jinja_work(run, in.u.s.len / 64);
    }
    if (in.type == ENGINE_VALUE_MAP) {
        *ret = jinja_map_find(&in, item) != NULL;
        return jinja_work(run, jinja_count(in) / 16);
    }
    if (in.type == ENGINE_VALUE_UNDEFINED) /* an empty list, to Jinja */
        return BASE_OK;
    if (in.type != ENGINE_VALUE_LIST)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "'in' does not work on %s",
                          jinja_type_name(in));
    for (size_t i = 0; !*ret && i < jinja_count(in); i++) {
        enum base_err err = jinja_equal(run, item, in.u.list->items[i], 0, ret);
        if (err)
            return err;
    }
    return BASE_OK;
}
