#include "base/doc/types.h"

enum { NESTING_MAX = 16 };

/* Text in a table cell: a '|' would end it, a line break the table. */
static void put_cell(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buffer_add_char(out, '\\');
        buffer_add_char(out, *text == '\n' ? ' ' : *text);
    }
}

static void put_type(struct buffer *out, const struct doc_type *type, int depth);

static void put_words(struct buffer *out, const struct doc_word *words)
{
    for (const struct doc_word *w = words; w->name; w++)
        buffer_addf(out, "%s`%s`", w == words ? "" : w[1].name ? ", " : " or ", w->name);
}

static void put_forms(struct buffer *out, const struct doc_type *type, int depth)
{
    for (const struct doc_field *f = type->fields; f->type; f++) {
        if (f != type->fields)
            buffer_add_str(out, f[1].type ? ", " : " or ");
        put_type(out, f->type, depth + 1);
    }
}

static void put_range(struct buffer *out, const struct doc_type *type)
{
    static const char *const units[DOC_KIND_COUNT] = {
        [DOC_KIND_STRING] = " bytes", [DOC_KIND_DURATION] = " ms", [DOC_KIND_BYTES] = " bytes"};
    if (!(type->min < type->max))
        return;
    const char *unit = units[type->kind] ? units[type->kind] : "";
    if (type->max >= 9e15)
        buffer_addf(out, ", at least %.15g%s", type->min, unit);
    else
        buffer_addf(out, ", %.15g to %.15g%s", type->min, type->max, unit);
}

static void put_anchor(struct buffer *out, const struct doc_type *type)
{
    buffer_addf(out, "[%s](#", type->name);
    doc_type_put_slug(type, out);
    buffer_add_char(out, ')');
    if (type->shorthand)
        buffer_addf(out, " (or just its `%s`)", type->shorthand);
}

static void put_members(struct buffer *out, const struct doc_type *type, int depth)
{
    if (type->kind == DOC_KIND_MAP) {
        buffer_add_str(out, "map of ");
        if (type->key) {
            put_type(out, type->key, depth + 1);
            buffer_add_str(out, " to ");
        }
    } else {
        if (type->single) {
            put_type(out, type->item, depth + 1);
            buffer_add_str(out, " or ");
        }
        buffer_add_str(out, "list of ");
    }
    put_type(out, type->item, depth + 1);
}

static void put_type(struct buffer *out, const struct doc_type *type, int depth)
{
    static const char *const names[DOC_KIND_COUNT] = {
        [DOC_KIND_STRING] = "string",     [DOC_KIND_INT] = "integer",
        [DOC_KIND_DOUBLE] = "number",     [DOC_KIND_BOOL] = "true or false",
        [DOC_KIND_DURATION] = "duration", [DOC_KIND_BYTES] = "size",
        [DOC_KIND_ANY] = "any value",     [DOC_KIND_CUSTOM] = "value"};
    if (depth > NESTING_MAX)
        return;
    if (type->kind == DOC_KIND_OBJECT) {
        put_anchor(out, type);
        return;
    }
    if (type->name) {
        put_cell(out, type->name);
        put_range(out, type);
        return;
    }
    switch (type->kind) {
    case DOC_KIND_ENUM:
        put_words(out, type->words);
        break;
    case DOC_KIND_LIST:
    case DOC_KIND_MAP:
        put_members(out, type, depth);
        break;
    case DOC_KIND_POINTER:
        put_type(out, type->item, depth + 1);
        break;
    case DOC_KIND_ONE_OF:
        put_forms(out, type, depth);
        break;
    default:
        buffer_add_str(out, names[type->kind]);
        put_range(out, type);
        break;
    }
}

/* What the words of an ENUM mean, if the table says so. */
static void put_word_docs(struct buffer *out, const struct doc_type *type)
{
    while (type->item)
        type = type->item;
    for (const struct doc_word *w = type->words; w && w->name; w++) {
        if (w->doc && *w->doc) {
            buffer_addf(out, "<br>`%s`: ", w->name);
            put_cell(out, w->doc);
        }
    }
}

static void put_field(struct buffer *out, const struct doc_field *field)
{
    buffer_addf(out, "| `%s` | ", field->name);
    put_type(out, field->type, 0);
    buffer_add_str(out, field->required ? " | required | " : " | ");
    if (field->fallback) {
        buffer_add_char(out, '`');
        put_cell(out, field->fallback);
        buffer_add_char(out, '`');
    }
    if (!field->required)
        buffer_add_str(out, " | ");
    if (field->doc)
        put_cell(out, field->doc);
    put_word_docs(out, field->type);
    if (field->example) {
        buffer_add_str(out, "<br>Example: `");
        put_cell(out, field->example);
        buffer_add_char(out, '`');
    }
    buffer_add_str(out, " |\n");
}

void doc_schema_print_markdown(const struct doc_type *type, struct buffer *out)
{
    struct doc_type_list list;
    doc_types_collect(type, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct doc_type *object = list.items[i];
        buffer_addf(out, "%s## %s\n\n", i ? "\n" : "", object->name);
        if (object->doc)
            buffer_addf(out, "%s\n\n", object->doc);
        buffer_add_str(out, "| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
        for (const struct doc_field *f = object->fields; f->type; f++)
            put_field(out, f);
    }
}
