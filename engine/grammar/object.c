/* Objects and arrays of a schema. */
#include <stdlib.h>

#include "engine/grammar/schema.h"

enum { KEY_MAX = 512 };

static const struct engine_value anything = {.type = ENGINE_VALUE_BOOL, .u.b = true};

static uint32_t space(struct schema_compiler *c, uint32_t next)
{
    return grammar_json(c->b, GRAMMAR_JSON_SPACE, next);
}

static uint32_t sub_code(struct schema_compiler *c, struct schema_sub sub, uint32_t next)
{
    return grammar_call(c->b, schema_rule(c, sub), 1, 1, next);
}

static struct slice key_text(struct schema_compiler *c, struct slice key)
{
    struct buffer text;
    buffer_init(&text, GRAMMAR_TEXT_MAX * 8);
    grammar_write_string(&text, key);
    struct slice ret = text.err ? SLICE_NONE : arena_dup(c->b->arena, buffer_slice(&text));
    if (slice_is_absent(ret))
        grammar_fail(c->b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    buffer_done(&text);
    return ret;
}

/* --- Names of members that are not listed ---
 *
 * Such a name must not be a listed one. The listed names, as they are written, are a tree; a rule
 * for each of its nodes goes on along them, or leaves them with another character, after which
 * anything goes. */

struct other_names {
    struct schema_compiler *c;
    struct slice *keys; /* sorted, with quotes */
    uint32_t rest;      /* what follows once the name is another */
};

struct name_node {
    size_t low, high, depth; /* keys[low, high) agree on `depth` bytes */
    uint32_t rule;
};

static uint32_t leave_code(const struct other_names *o, const struct name_node *n, bool ends)
{
    struct grammar_builder *b = o->c->b;
    struct grammar_set others = {0};
    bool wide = true, inside = false;
    grammar_set_add(&others, 0x20, 0x7e);
    for (size_t i = n->low; i < n->high; i++) {
        uint8_t byte = (uint8_t)o->keys[i].ptr[n->depth];
        others.bits[byte >> 6] &= ~(UINT64_C(1) << (byte & 63));
        wide &= byte < 0x80;
        inside |= (byte & 0xc0) == 0x80;
    }
    others.bits['"' >> 6] &= ~(UINT64_C(1) << ('"' & 63));
    others.bits['\\' >> 6] &= ~(UINT64_C(1) << ('\\' & 63));
    if (inside) /* a character whose first byte is a listed name's */
        return GRAMMAR_AT_FAIL;
    uint32_t ret = grammar_byte(b, &others, o->rest);
    if (wide)
        ret = grammar_either(b, grammar_utf8(b, 0x80, 0x10ffff, o->rest), ret);
    if (!ends)
        ret = grammar_either(b, grammar_text(b, SLICE("\""), GRAMMAR_AT_RETURN), ret);
    return ret;
}

/* Makes one node; its children are added to the list. */
static size_t make_node(const struct other_names *o, struct name_node *nodes, size_t at,
                        size_t count)
{
    struct grammar_builder *b = o->c->b;
    struct name_node n = nodes[at];
    bool ends = o->keys[n.low].ptr[n.depth] == '"'; /* the shortest is the first */
    for (size_t i = n.low; i < n.high; i++)
        ends |= o->keys[i].ptr[n.depth] == '"';
    uint32_t ret = leave_code(o, &n, ends);
    for (size_t low = n.low, high; low < n.high && !b->err; low = high) {
        char byte = o->keys[low].ptr[n.depth];
        for (high = low + 1; high < n.high && o->keys[high].ptr[n.depth] == byte;)
            high++;
        if (byte == '"' || byte == '\\')
            continue; /* escapes are never used in such a name */
        struct name_node child = {low, high, n.depth + 1, grammar_rule(b, SLICE_NONE)};
        uint32_t down = grammar_call(b, child.rule, 1, 1, GRAMMAR_AT_RETURN);
        ret = grammar_either(b, grammar_bytes(b, (unsigned char)byte, (unsigned char)byte, down),
                             ret);
        nodes[count++] = child;
    }
    grammar_define(b, n.rule, ret);
    return count;
}

static int compare_slices(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* The rule of a name that is none of the listed ones. */
static uint32_t other_name(struct schema_compiler *c, const struct schema_spec *spec)
{
    struct grammar_builder *b = c->b;
    if (spec->property_count == 0 || b->err)
        return grammar_json_rule(b, GRAMMAR_JSON_STRING);
    struct other_names o = {.c = c};
    size_t bytes = 1;
    o.keys = arena_calloc(b->arena, spec->property_count, sizeof(*o.keys));
    for (size_t i = 0; o.keys && i < spec->property_count && !b->err; i++) {
        o.keys[i] = key_text(c, spec->properties[i].key);
        bytes += o.keys[i].len;
        if (o.keys[i].len > KEY_MAX)
            grammar_fail(b, BASE_ERR_UNSUPPORTED,
                         "%.*s: additionalProperties beside a name of more than %d bytes is not "
                         "supported",
                         SLICE_ARG(spec->path), KEY_MAX);
    }
    struct name_node *nodes = b->err ? NULL : arena_calloc(b->arena, bytes, sizeof(*nodes));
    if (!o.keys || !nodes) {
        grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
        return 0;
    }
    qsort(o.keys, spec->property_count, sizeof(*o.keys), compare_slices);
    uint32_t any = grammar_json_rule(b, GRAMMAR_JSON_CHAR);
    o.rest = grammar_call(b, any, 0, GRAMMAR_MANY, grammar_text(b, SLICE("\""), GRAMMAR_AT_RETURN));
    uint32_t rule = grammar_rule(b, SLICE_NONE);
    nodes[0] = (struct name_node){0, spec->property_count, 1, grammar_rule(b, SLICE_NONE)};
    size_t count = 1;
    for (size_t i = 0; i < count && !b->err; i++)
        count = make_node(&o, nodes, i, count);
    uint32_t inner = grammar_call(b, nodes[0].rule, 1, 1, GRAMMAR_AT_RETURN);
    grammar_define(b, rule, grammar_text(b, SLICE("\""), inner));
    return rule;
}

/* --- Objects: members in the order of `properties`, then others --- */

struct object {
    uint32_t close, empty; /* what ends it behind a member, and when there is none */
    uint32_t member, more; /* rules of other members; `more` has a comma before it */
    bool has_others;
};

static void make_others(struct schema_compiler *c, const struct schema_spec *spec,
                        struct object *obj)
{
    struct schema_sub sub = spec->additional;
    if (!schema_has(sub) && spec->property_parts == 0)
        sub = (struct schema_sub){anything, spec->path};
    if (!schema_has(sub) || (sub.value.type == ENGINE_VALUE_BOOL && !sub.value.u.b))
        return;
    struct grammar_builder *b = c->b;
    uint32_t value = space(c, sub_code(c, sub, GRAMMAR_AT_RETURN));
    uint32_t colon = grammar_text(b, SLICE(":"), value);
    obj->has_others = true;
    obj->member = grammar_rule(b, SLICE_NONE);
    grammar_define(b, obj->member, grammar_call(b, other_name(c, spec), 1, 1, colon));
    obj->more = grammar_rule(b, SLICE_NONE);
    grammar_define(b, obj->more,
                   grammar_comma(b, grammar_call(b, obj->member, 1, 1, GRAMMAR_AT_RETURN)));
}

/* Other members from `min` to `max`; the first without a comma when there is nothing before it. */
static uint32_t others_code(struct schema_compiler *c, const struct object *obj, uint32_t min,
                            uint32_t max, bool is_first)
{
    struct grammar_builder *b = c->b;
    uint32_t end = is_first ? obj->empty : obj->close;
    if (!obj->has_others || max == 0)
        return min > 0 ? GRAMMAR_AT_FAIL : end;
    if (!is_first)
        return grammar_call(b, obj->more, min, max, obj->close);
    uint32_t more = grammar_call(b, obj->more, min > 0 ? min - 1 : 0,
                                 max == GRAMMAR_MANY ? max : max - 1, obj->close);
    uint32_t some = grammar_call(b, obj->member, 1, 1, more);
    return min > 0 ? some : grammar_either(b, some, end);
}

/* Names that are required but not described get the schema of those not listed. */
static void describe(struct schema_compiler *c, struct schema_spec *spec)
{
    for (size_t i = 0; i < spec->property_count; i++) {
        struct schema_property *p = &spec->properties[i];
        if (schema_has(p->sub))
            continue;
        p->sub = schema_has(spec->additional) ? spec->additional
                                              : (struct schema_sub){anything, spec->path};
    }
    if ((spec->min_properties > 0 || spec->max_properties != GRAMMAR_MANY) &&
        spec->property_count > 0)
        grammar_fail(c->b, BASE_ERR_UNSUPPORTED,
                     "%.*s: minProperties and maxProperties beside properties are not supported",
                     SLICE_ARG(spec->path));
}

uint32_t schema_object(struct schema_compiler *c, struct schema_spec *spec, uint32_t next)
{
    struct grammar_builder *b = c->b;
    struct object obj = {.empty = grammar_text(b, SLICE("}"), next)};
    obj.close = space(c, obj.empty);
    describe(c, spec);
    make_others(c, spec, &obj);
    uint32_t behind = others_code(c, &obj, spec->min_properties, spec->max_properties, false);
    uint32_t first = others_code(c, &obj, spec->min_properties, spec->max_properties, true);
    for (size_t i = spec->property_count; i-- > 0 && !b->err;) {
        const struct schema_property *p = &spec->properties[i];
        uint32_t value = space(c, sub_code(c, p->sub, behind));
        uint32_t member = grammar_text(b, key_text(c, p->key), grammar_text(b, SLICE(":"), value));
        uint32_t with_comma = grammar_comma(b, member);
        behind = p->required ? with_comma : grammar_either(b, with_comma, behind);
        first = p->required ? member : grammar_either(b, member, first);
    }
    return grammar_text(b, SLICE("{"), space(c, first));
}

/* --- Arrays --- */

/* Items behind the first `before` ones, all of one schema. */
static uint32_t items_code(struct schema_compiler *c, const struct schema_spec *spec,
                           struct schema_sub items, uint32_t before, uint32_t empty, uint32_t close)
{
    struct grammar_builder *b = c->b;
    uint32_t min = spec->min_items > before ? spec->min_items - before : 0;
    uint32_t max = spec->max_items == GRAMMAR_MANY ? GRAMMAR_MANY
                   : spec->max_items > before      ? spec->max_items - before
                                                   : 0;
    uint32_t end = before > 0 ? close : empty;
    bool none = items.value.type == ENGINE_VALUE_BOOL && !items.value.u.b;
    if (none || max == 0)
        return min > 0 ? GRAMMAR_AT_FAIL : end;
    uint32_t rule = schema_rule(c, items);
    uint32_t more = grammar_rule(b, SLICE_NONE);
    grammar_define(b, more, grammar_comma(b, grammar_call(b, rule, 1, 1, GRAMMAR_AT_RETURN)));
    if (before > 0)
        return grammar_call(b, more, min, max, close);
    uint32_t rest =
        grammar_call(b, more, min > 0 ? min - 1 : 0, max == GRAMMAR_MANY ? max : max - 1, close);
    uint32_t some = grammar_call(b, rule, 1, 1, rest);
    return min > 0 ? some : grammar_either(b, some, end);
}

uint32_t schema_array(struct schema_compiler *c, struct schema_spec *spec, uint32_t next)
{
    struct grammar_builder *b = c->b;
    uint32_t empty = grammar_text(b, SLICE("]"), next), close = space(c, empty);
    size_t count = 0;
    if (schema_has(spec->prefix) && spec->prefix.value.u.list)
        count = spec->prefix.value.u.list->count;
    struct schema_sub items = spec->items;
    if (!schema_has(items)) /* a tuple is closed unless more are asked for */
        items = (struct schema_sub){
            .value = engine_value_bool(count == 0 || spec->min_items > count), .path = spec->path};
    if (count > spec->max_items)
        count = spec->max_items;
    uint32_t at = items_code(c, spec, items, (uint32_t)count, empty, close);
    for (size_t i = count; i-- > 0 && !b->err;) {
        struct schema_sub sub = {spec->prefix.value.u.list->items[i],
                                 schema_path_at(c, spec->prefix.path, i)};
        uint32_t item = sub_code(c, sub, at);
        if (i > 0)
            item = grammar_comma(b, item);
        at = i < spec->min_items ? item : grammar_either(b, item, i > 0 ? close : empty);
    }
    return grammar_text(b, SLICE("["), space(c, at));
}
