#include "base/doc/types.h"

#include "base/json/json.h"

/* Tables nest a few deep between two OBJECT types; the writer's own limit is 63. */
enum { NESTING_MAX = 16 };

struct printer {
    struct json_writer w;
    struct arena *scratch; /* for the fallbacks' trees */
};

static void put_type(struct printer *p, const struct doc_type *type, int depth);

static void put_snippet(struct printer *p, const char *key, const char *text, bool as_list)
{
    const struct doc_node *node;
    if (!text)
        return;
    enum base_err err = doc_parse_snippet(text, p->scratch, &node, NULL);
    if (err) {
        p->w.out->err = err;
        return;
    }
    struct buffer json;
    buffer_init(&json, DOC_MAX_BYTES);
    doc_write_json(&json, node);
    json_key(&p->w, slice_from_str(key));
    if (as_list)
        json_open_array(&p->w);
    if (json.err)
        p->w.out->err = json.err;
    json_put_raw(&p->w, buffer_slice(&json));
    if (as_list)
        json_close_array(&p->w);
    buffer_done(&json);
}

static void put_range(struct printer *p, const struct doc_type *type, const char *min,
                      const char *max)
{
    if (!(type->min < type->max))
        return;
    json_member_double(&p->w, min, type->min);
    if (type->max < 9e15)
        json_member_double(&p->w, max, type->max);
}

/* The name of an OBJECT behind `prefix`, as a URI can hold it. */
static struct slice name_of(struct printer *p, const char *prefix, const struct doc_type *type)
{
    struct buffer name;
    buffer_init(&name, 256);
    buffer_add_str(&name, prefix);
    doc_type_put_slug(type, &name);
    struct slice ret = name.err ? SLICE_NONE : arena_dup(p->scratch, buffer_slice(&name));
    buffer_done(&name);
    if (slice_is_absent(ret))
        p->w.out->err = BASE_ERR_NO_MEMORY;
    return ret;
}

static void put_ref(struct printer *p, const struct doc_type *type)
{
    json_member_string(&p->w, "$ref", name_of(p, "#/$defs/", type));
}

static void put_object_ref(struct printer *p, const struct doc_type *type, int depth)
{
    if (!type->shorthand) {
        put_ref(p, type);
        return;
    }
    json_key(&p->w, SLICE("anyOf"));
    json_open_array(&p->w);
    put_type(p, doc_field_find(type, slice_from_str(type->shorthand))->type, depth + 1);
    json_open_object(&p->w);
    put_ref(p, type);
    json_close_object(&p->w);
    json_close_array(&p->w);
}

static void put_words(struct printer *p, const struct doc_word *words)
{
    json_key(&p->w, SLICE("enum"));
    json_open_array(&p->w);
    for (; words->name; words++)
        json_put_string(&p->w, slice_from_str(words->name));
    json_close_array(&p->w);
}

static void put_list(struct printer *p, const struct doc_type *type, int depth)
{
    if (type->single) {
        json_key(&p->w, SLICE("anyOf"));
        json_open_array(&p->w);
        put_type(p, type->item, depth + 1);
        json_open_object(&p->w);
    }
    json_member_str(&p->w, "type", "array");
    json_key(&p->w, SLICE("items"));
    put_type(p, type->item, depth + 1);
    put_range(p, type, "minItems", "maxItems");
    if (type->single) {
        json_close_object(&p->w);
        json_close_array(&p->w);
    }
}

static void put_map(struct printer *p, const struct doc_type *type, int depth)
{
    json_member_str(&p->w, "type", "object");
    json_key(&p->w, SLICE("additionalProperties"));
    put_type(p, type->item, depth + 1);
    if (type->key) {
        json_key(&p->w, SLICE("propertyNames"));
        put_type(p, type->key, depth + 1);
    }
    put_range(p, type, "minProperties", "maxProperties");
}

static void put_forms(struct printer *p, const struct doc_type *type, int depth)
{
    json_key(&p->w, SLICE("anyOf"));
    json_open_array(&p->w);
    for (const struct doc_field *f = type->fields; f->type; f++)
        put_type(p, f->type, depth + 1);
    json_close_array(&p->w);
}

/* "5s": a text, or the number that needs no unit. */
static void put_amount(struct printer *p, const struct doc_type *type)
{
    bool duration = type->kind == DOC_KIND_DURATION;
    json_key(&p->w, SLICE("type"));
    json_put_raw(&p->w, SLICE("[\"string\",\"integer\"]"));
    json_member_str(&p->w, "pattern",
                    duration ? "^(0|[0-9]+(ms|s|m|h|d))$" : "^[0-9]+([KMGT](iB)?)?$");
    json_member_i64(&p->w, "minimum", 0);
    if (duration)
        json_member_i64(&p->w, "maximum", 0);
}

static void put_members(struct printer *p, const struct doc_type *type, int depth)
{
    static const char *const names[DOC_KIND_COUNT] = {[DOC_KIND_STRING] = "string",
                                                      [DOC_KIND_INT] = "integer",
                                                      [DOC_KIND_DOUBLE] = "number",
                                                      [DOC_KIND_BOOL] = "boolean"};
    if (names[type->kind])
        json_member_str(&p->w, "type", names[type->kind]);
    switch (type->kind) {
    case DOC_KIND_STRING:
        put_range(p, type, "minLength", "maxLength");
        if (type->pattern)
            json_member_str(&p->w, "pattern", type->pattern);
        break;
    case DOC_KIND_INT:
    case DOC_KIND_DOUBLE:
        put_range(p, type, "minimum", "maximum");
        break;
    case DOC_KIND_DURATION:
    case DOC_KIND_BYTES:
        put_amount(p, type);
        break;
    case DOC_KIND_ENUM:
        put_words(p, type->words);
        break;
    case DOC_KIND_LIST:
        put_list(p, type, depth);
        break;
    case DOC_KIND_MAP:
        put_map(p, type, depth);
        break;
    case DOC_KIND_OBJECT:
        put_object_ref(p, type, depth);
        break;
    case DOC_KIND_ONE_OF:
        put_forms(p, type, depth);
        break;
    default:
        break;
    }
}

static void put_type(struct printer *p, const struct doc_type *type, int depth)
{
    while (type->kind == DOC_KIND_POINTER)
        type = type->item;
    if (type->kind == DOC_KIND_CUSTOM && type->json_schema) {
        json_put_raw(&p->w, slice_from_str(type->json_schema));
        return;
    }
    json_open_object(&p->w);
    if (depth < NESTING_MAX)
        put_members(p, type, depth);
    json_close_object(&p->w);
}

/* A property: its type, with what belongs to this use of it. */
static void put_field(struct printer *p, const struct doc_field *field)
{
    json_key(&p->w, slice_from_str(field->name));
    json_open_object(&p->w);
    if (field->doc)
        json_member_str(&p->w, "description", field->doc);
    put_snippet(p, "default", field->fallback, false);
    put_snippet(p, "examples", field->example, true);
    json_key(&p->w, SLICE("allOf")); /* beside a $ref, other words would be lost on old editors */
    json_open_array(&p->w);
    put_type(p, field->type, 0);
    json_close_array(&p->w);
    json_close_object(&p->w);
}

static void put_definition(struct printer *p, const struct doc_type *type)
{
    json_key(&p->w, name_of(p, "", type));
    json_open_object(&p->w);
    json_member_str(&p->w, "type", "object");
    if (type->doc)
        json_member_str(&p->w, "description", type->doc);
    json_member_bool(&p->w, "additionalProperties", false);
    json_key(&p->w, SLICE("properties"));
    json_open_object(&p->w);
    for (const struct doc_field *f = type->fields; f->type; f++)
        put_field(p, f);
    json_close_object(&p->w);
    json_key(&p->w, SLICE("required"));
    json_open_array(&p->w);
    for (const struct doc_field *f = type->fields; f->type; f++)
        if (f->required)
            json_put_string(&p->w, slice_from_str(f->name));
    json_close_array(&p->w);
    json_close_object(&p->w);
}

void doc_schema_print_json(const struct doc_type *type, const char *title, struct buffer *out)
{
    struct printer p = {.scratch = arena_new(16u << 20)};
    if (!p.scratch) {
        out->err = BASE_ERR_NO_MEMORY;
        return;
    }
    struct doc_type_list list;
    doc_types_collect(type, &list);
    json_writer_init(&p.w, out);
    json_open_object(&p.w);
    json_member_str(&p.w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_member_str(&p.w, "title", title);
    put_members(&p, type, 0);
    json_key(&p.w, SLICE("$defs"));
    json_open_object(&p.w);
    for (size_t i = 0; i < list.count; i++)
        put_definition(&p, list.items[i]);
    json_close_object(&p.w);
    json_close_object(&p.w);
    arena_free(p.scratch);
}
