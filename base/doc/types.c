#include "base/doc/types.h"

const struct doc_type doc_type_string = {.kind = DOC_KIND_STRING, .size = sizeof(struct slice)};
const struct doc_type doc_type_name = {
    .kind = DOC_KIND_STRING, .size = sizeof(struct slice), .min = 1, .max = 128};
const struct doc_type doc_type_text = {
    .kind = DOC_KIND_STRING, .size = sizeof(struct slice), .min = 1, .max = 65536};
const struct doc_type doc_type_int = {.kind = DOC_KIND_INT, .size = sizeof(int64_t)};
const struct doc_type doc_type_count = {
    .kind = DOC_KIND_INT, .size = sizeof(int64_t), .max = 9007199254740992.0};
const struct doc_type doc_type_number = {.kind = DOC_KIND_DOUBLE, .size = sizeof(double)};
const struct doc_type doc_type_ratio = {.kind = DOC_KIND_DOUBLE, .size = sizeof(double), .max = 1};
const struct doc_type doc_type_bool = {.kind = DOC_KIND_BOOL, .size = sizeof(bool)};
const struct doc_type doc_type_duration = {.kind = DOC_KIND_DURATION, .size = sizeof(int64_t)};
const struct doc_type doc_type_bytes = {.kind = DOC_KIND_BYTES, .size = sizeof(int64_t)};
const struct doc_type doc_type_any = {.kind = DOC_KIND_ANY,
                                      .size = sizeof(const struct doc_node *)};
const struct doc_type doc_type_strings = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &doc_type_string};
const struct doc_type doc_type_string_or_list = {.kind = DOC_KIND_LIST,
                                                 .size = sizeof(struct doc_list),
                                                 .item = &doc_type_string,
                                                 .single = true};

struct unit {
    const char *name;
    int64_t factor;
};

/* A whole number and a unit; false when it is anything else or does not fit. */
static bool read_with_unit(struct slice text, const struct unit *units, int64_t *ret)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    int64_t number;
    if (!slice_to_i64(slice_sub(text, 0, digits), &number))
        return false;
    struct slice name = slice_sub(text, digits, SIZE_MAX);
    for (; units->name; units++) {
        if (slice_eq_str(name, units->name)) {
            int64_t value;
            if (__builtin_mul_overflow(number, units->factor, &value))
                return false;
            *ret = value;
            return true;
        }
    }
    return false;
}

bool doc_read_duration(struct slice text, int64_t *ret_ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    if (slice_eq(text, SLICE("0"))) {
        *ret_ms = 0;
        return true;
    }
    return read_with_unit(text, units, ret_ms);
}

bool doc_read_bytes(struct slice text, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},          {"K", 1 << 10},          {"M", 1 << 20},
        {"G", 1 << 30},   {"T", (int64_t)1 << 40}, {"KiB", 1 << 10},
        {"MiB", 1 << 20}, {"GiB", 1 << 30},        {"TiB", (int64_t)1 << 40},
        {NULL, 0}};
    return read_with_unit(text, units, ret_bytes);
}

const struct doc_word *doc_word_find(const struct doc_word *words, struct slice name)
{
    for (; words->name; words++)
        if (slice_eq_str(name, words->name))
            return words;
    return NULL;
}

const struct doc_field *doc_field_find(const struct doc_type *object, struct slice name)
{
    for (const struct doc_field *f = object->fields; f->type; f++)
        if (slice_eq_str(name, f->name))
            return f;
    return NULL;
}

static void describe_range(const struct doc_type *type, struct buffer *out)
{
    if (!(type->min < type->max))
        return;
    const char *unit = type->kind == DOC_KIND_DURATION                                 ? " ms"
                       : type->kind == DOC_KIND_BYTES || type->kind == DOC_KIND_STRING ? " bytes"
                                                                                       : "";
    const char *word = type->kind == DOC_KIND_STRING ? "of" : "from";
    if (type->max >= 9e15)
        buffer_addf(out, " %s at least %.17g%s", type->kind == DOC_KIND_STRING ? "of" : "that is",
                    type->min, unit);
    else
        buffer_addf(out, " %s %.15g to %.15g%s", word, type->min, type->max, unit);
}

static void describe_words(const struct doc_word *words, struct buffer *out)
{
    for (const struct doc_word *w = words; w->name; w++)
        buffer_addf(out, "%s`%s`", w == words ? "" : w[1].name ? ", " : " or ", w->name);
}

/* Forms nest a few deep at most; the limit is against a circle in the tables. */
static void describe(const struct doc_type *type, struct buffer *out, int depth)
{
    static const char *const names[DOC_KIND_COUNT] = {
        [DOC_KIND_STRING] = "a string",
        [DOC_KIND_INT] = "an integer",
        [DOC_KIND_DOUBLE] = "a number",
        [DOC_KIND_BOOL] = "true or false",
        [DOC_KIND_DURATION] = "a duration such as 200ms, 5s, 1m, 2h or 7d",
        [DOC_KIND_BYTES] = "a size such as 64K, 512M or 8G",
        [DOC_KIND_LIST] = "a list",
        [DOC_KIND_MAP] = "a map",
        [DOC_KIND_OBJECT] = "a map",
        [DOC_KIND_ANY] = "any value",
        [DOC_KIND_CUSTOM] = "another value"};
    switch (type->kind) {
    case DOC_KIND_ENUM:
        describe_words(type->words, out);
        break;
    case DOC_KIND_POINTER:
        if (depth < 8)
            describe(type->item, out, depth + 1);
        break;
    case DOC_KIND_ONE_OF:
        for (const struct doc_field *f = type->fields; f->type && depth < 8; f++) {
            if (f != type->fields)
                buffer_add_str(out, f[1].type ? ", " : " or ");
            describe(f->type, out, depth + 1);
        }
        break;
    case DOC_KIND_OBJECT:
        buffer_addf(out, "a map (%s)", type->name);
        break;
    case DOC_KIND_CUSTOM:
    case DOC_KIND_STRING:
        buffer_add_str(out, type->name ? type->name : names[type->kind]);
        describe_range(type, out);
        break;
    default:
        buffer_add_str(out, names[type->kind]);
        describe_range(type, out);
        break;
    }
}

void doc_type_describe(const struct doc_type *type, struct buffer *out)
{
    describe(type, out, 0);
}

void doc_type_put_slug(const struct doc_type *type, struct buffer *out)
{
    for (const char *c = type->name; *c; c++)
        buffer_add_char(out, *c == ' ' ? '-' : *c);
}

static bool keys_fit(const struct doc_type *type, const struct doc_node *node)
{
    for (const struct doc_node *m = node->first; m; m = m->next) {
        if (type->kind == DOC_KIND_OBJECT && !doc_field_find(type, m->key))
            return false;
        if (type->kind == DOC_KIND_MAP && type->key && !doc_word_find(type->key->words, m->key))
            return false;
    }
    return true;
}

static bool matches(const struct doc_type *type, const struct doc_node *node, bool exact)
{
    bool truth, scalar = node->type == DOC_NODE_SCALAR;
    int64_t integer;
    double number;
    switch (type->kind) {
    case DOC_KIND_STRING:
        return scalar && !doc_to_bool(node, &truth) && !doc_to_double(node, &number);
    case DOC_KIND_INT:
        return exact ? doc_to_i64(node, &integer) : doc_to_double(node, &number);
    case DOC_KIND_DOUBLE:
        return doc_to_double(node, &number);
    case DOC_KIND_BOOL:
        return doc_to_bool(node, &truth);
    case DOC_KIND_DURATION:
        return scalar && doc_read_duration(node->text, &integer);
    case DOC_KIND_BYTES:
        return scalar && doc_read_bytes(node->text, &integer);
    case DOC_KIND_ENUM:
        return scalar && (!exact || doc_word_find(type->words, node->text));
    case DOC_KIND_LIST:
        if (node->type == DOC_NODE_LIST)
            return !exact || !node->first || matches(type->item, node->first, exact);
        return type->single && matches(type->item, node, exact);
    case DOC_KIND_MAP:
        return node->type == DOC_NODE_MAP && (!exact || keys_fit(type, node));
    case DOC_KIND_OBJECT:
        if (node->type == DOC_NODE_MAP)
            return !exact || keys_fit(type, node);
        return type->shorthand &&
               matches(doc_field_find(type, slice_from_str(type->shorthand))->type, node, exact);
    case DOC_KIND_POINTER:
        return matches(type->item, node, exact);
    case DOC_KIND_ONE_OF:
        for (const struct doc_field *f = type->fields; f->type; f++)
            if (matches(f->type, node, exact))
                return true;
        return false;
    default:
        return true;
    }
}

bool doc_type_fits(const struct doc_type *type, const struct doc_node *node)
{
    return matches(type, node, true);
}

bool doc_type_has_shape(const struct doc_type *type, const struct doc_node *node)
{
    return matches(type, node, false);
}

enum base_err doc_parse_snippet(const char *text, struct arena *arena, const struct doc_node **ret,
                                struct base_error *reterr)
{
    if (*text == '\0' || strchr("[{\"'", *text))
        return doc_parse_yaml("the schema", slice_from_str(text), arena, ret, reterr);
    struct doc_node *node = arena_calloc(arena, 1, sizeof(*node));
    if (!node)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory");
    *node = (struct doc_node){.type = DOC_NODE_SCALAR,
                              .text = slice_from_str(text),
                              .file = "the schema",
                              .line = 1,
                              .column = 1};
    *ret = node;
    return BASE_OK;
}

static void collect(const struct doc_type *type, struct doc_type_list *list, int depth)
{
    if (depth > 100 || list->count == DOC_TYPES_MAX) {
        list->incomplete = true;
        return;
    }
    if (type->item)
        collect(type->item, list, depth + 1);
    if (type->kind == DOC_KIND_OBJECT) {
        for (size_t i = 0; i < list->count; i++)
            if (list->items[i] == type)
                return;
        list->items[list->count++] = type;
    }
    for (const struct doc_field *f = type->fields; f && f->type; f++)
        collect(f->type, list, depth + 1);
}

void doc_types_collect(const struct doc_type *type, struct doc_type_list *list)
{
    list->count = 0;
    list->incomplete = false;
    collect(type, list, 0);
}
