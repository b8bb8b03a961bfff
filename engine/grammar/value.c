/* Strings, numbers and lists of values of a schema. */
#include <math.h>
#include <stdio.h>

#include "engine/grammar/schema.h"
#include "engine/template/internal.h"

static const struct {
    struct slice name;
    struct slice pattern;
} formats[] = {
    {SLICE_INIT("date"), SLICE_INIT("^[1-9][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|"
                                    "(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)$")},
    {SLICE_INIT("time"), SLICE_INIT("^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?"
                                    "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$")},
    {SLICE_INIT("date-time"), SLICE_INIT("^[1-9][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|"
                                         "(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
                                         "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?"
                                         "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$")},
    {SLICE_INIT("email"),
     SLICE_INIT("^[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@"
                "([A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?\\.){1,4}[A-Za-z]{2,12}$")},
    {SLICE_INIT("uuid"), SLICE_INIT("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")},
    {SLICE_INIT("ipv4"), SLICE_INIT("^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}"
                                    "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])$")},
};

static struct slice format_pattern(struct schema_compiler *c, const struct schema_spec *spec)
{
    struct slice name = schema_text(spec->format.value);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (slice_eq(formats[i].name, name))
            return formats[i].pattern;
    schema_unsupported(c, spec->format.path,
                       "known formats are date, time, date-time, email, uuid and ipv4");
    return SLICE("");
}

/* The characters of a string, without what stands around it. */
static uint32_t string_chars(struct schema_compiler *c, const struct schema_spec *spec,
                             enum grammar_chars how, uint32_t next)
{
    struct grammar_builder *b = c->b;
    bool counted = spec->min_length > 0 || spec->max_length != GRAMMAR_MANY;
    if (schema_has(spec->pattern) + schema_has(spec->format) + counted > 1)
        schema_unsupported(
            c, spec->path,
            "only one of pattern, format and minLength/maxLength is supported for one "
            "string");
    if (b->err || spec->min_length > spec->max_length)
        return GRAMMAR_AT_FAIL;
    if (schema_has(spec->pattern))
        return grammar_regex(b, schema_text(spec->pattern.value), spec->pattern.path, how, next);
    if (schema_has(spec->format))
        return grammar_regex(b, format_pattern(c, spec), spec->format.path, how, next);
    if (how == GRAMMAR_CHARS_JSON)
        return grammar_call(b, grammar_json_rule(b, GRAMMAR_JSON_CHAR), spec->min_length,
                            spec->max_length, next);
    if (!counted)
        return grammar_text_without(b, SLICE(GRAMMAR_TAG_CLOSE), next);
    char pattern[64];
    int len = spec->max_length == GRAMMAR_MANY
                  ? snprintf(pattern, sizeof(pattern), "^[^<]{%u,}$", spec->min_length)
                  : snprintf(pattern, sizeof(pattern), "^[^<]{%u,%u}$", spec->min_length,
                             spec->max_length);
    return grammar_regex(b, slice_of(pattern, (size_t)len), spec->path, how, next);
}

uint32_t schema_string(struct schema_compiler *c, const struct schema_spec *spec, uint32_t next)
{
    uint32_t end = grammar_text(c->b, SLICE("\""), next);
    uint32_t inside = string_chars(c, spec, GRAMMAR_CHARS_JSON, end);
    return c->b->err ? GRAMMAR_AT_FAIL : grammar_text(c->b, SLICE("\""), inside);
}

uint32_t schema_tagged_text(struct schema_compiler *c, const struct schema_spec *spec,
                            uint32_t next)
{
    uint32_t ret = GRAMMAR_AT_FAIL;
    if (!schema_has(spec->values))
        return string_chars(c, spec, GRAMMAR_CHARS_TAGGED, next);
    for (size_t i = schema_count(spec->values.value); i-- > 0 && !c->b->err;) {
        struct engine_value v = spec->values.value.u.list->items[i];
        if (v.type == ENGINE_VALUE_STRING &&
            slice_find(schema_text(v), SLICE(GRAMMAR_TAG_CLOSE)) != SIZE_MAX)
            schema_unsupported(c, spec->values.path, "a value that holds the end of its tag");
        if (v.type == ENGINE_VALUE_STRING)
            ret = grammar_either(c->b, grammar_text(c->b, schema_text(v), next), ret);
    }
    return ret;
}

uint32_t schema_number(struct schema_compiler *c, const struct schema_spec *spec, uint32_t next)
{
    struct grammar_builder *b = c->b;
    bool whole = !(spec->types & SCHEMA_NUMBER);
    const int64_t usual_max = 9999999999999999;
    if (!spec->has_low && !spec->has_high)
        return grammar_json(b, whole ? GRAMMAR_JSON_INTEGER : GRAMMAR_JSON_NUMBER, next);
    int64_t low = spec->has_low             ? spec->low
                  : spec->high < -usual_max ? -SCHEMA_MAGNITUDE_MAX
                                            : -usual_max;
    int64_t high = spec->has_high          ? spec->high
                   : spec->low > usual_max ? SCHEMA_MAGNITUDE_MAX
                                           : usual_max;
    if (!whole && ((spec->has_low && !spec->exact_low) || (spec->has_high && !spec->exact_high))) {
        schema_unsupported(c, spec->path,
                           "limits of a number are supported when they are whole and not "
                           "exclusive, or the type is integer");
        return GRAMMAR_AT_FAIL;
    }
    if (low > high || high < -SCHEMA_MAGNITUDE_MAX || low > SCHEMA_MAGNITUDE_MAX)
        return GRAMMAR_AT_FAIL;
    return whole ? grammar_integers(b, low, high, next) : grammar_decimals(b, low, high, next);
}

static unsigned type_of(struct engine_value v)
{
    static const unsigned types[] = {
        [ENGINE_VALUE_NULL] = SCHEMA_NULL,     [ENGINE_VALUE_BOOL] = SCHEMA_BOOLEAN,
        [ENGINE_VALUE_INT] = SCHEMA_INTEGER,   [ENGINE_VALUE_DOUBLE] = SCHEMA_NUMBER,
        [ENGINE_VALUE_STRING] = SCHEMA_STRING, [ENGINE_VALUE_LIST] = SCHEMA_ARRAY,
        [ENGINE_VALUE_MAP] = SCHEMA_OBJECT,
    };
    if (v.type == ENGINE_VALUE_DOUBLE && v.u.d == floor(v.u.d))
        return SCHEMA_INTEGER;
    return types[v.type];
}

/* A value as compact JSON. Bounded: what was read nests at most 64 deep. */
static void write_value(struct buffer *out, struct engine_value v)
{
    char number[40];
    switch (v.type) {
    case ENGINE_VALUE_BOOL:
        (void)buffer_add_str(out, v.u.b ? "true" : "false");
        return;
    case ENGINE_VALUE_INT:
        (void)buffer_addf(out, "%lld", (long long)v.u.i);
        return;
    case ENGINE_VALUE_DOUBLE:
        if (v.u.digits)
            (void)buffer_add(out, v.u.digits, v.u.digit_count);
        else
            (void)buffer_add(out, number, jinja_format_double(v.u.d, number));
        return;
    case ENGINE_VALUE_STRING:
        grammar_write_string(out, schema_text(v));
        return;
    case ENGINE_VALUE_LIST:
        (void)buffer_add_char(out, '[');
        for (size_t i = 0; i < schema_count(v); i++) {
            (void)buffer_add_str(out, i > 0 ? "," : "");
            write_value(out, v.u.list->items[i]);
        }
        (void)buffer_add_char(out, ']');
        return;
    case ENGINE_VALUE_MAP:
        (void)buffer_add_char(out, '{');
        for (size_t i = 0; schema_is_map(v) && i < v.u.map->count; i++) {
            (void)buffer_add_str(out, i > 0 ? "," : "");
            grammar_write_string(out, schema_text(v.u.map->items[i].key));
            (void)buffer_add_char(out, ':');
            write_value(out, v.u.map->items[i].value);
        }
        (void)buffer_add_char(out, '}');
        return;
    default:
        (void)buffer_add_str(out, "null");
        return;
    }
}

uint32_t schema_values(struct schema_compiler *c, const struct schema_spec *spec, uint32_t next)
{
    struct buffer text;
    uint32_t ret = GRAMMAR_AT_FAIL;
    if (spec->has_constraints || spec->property_count > 0) {
        schema_unsupported(c, spec->values.path,
                           "enum and const beside other limits than type are not supported");
        return ret;
    }
    buffer_init(&text, 4 * GRAMMAR_TEXT_MAX);
    for (size_t i = schema_count(spec->values.value); i-- > 0 && !c->b->err;) {
        struct engine_value v = spec->values.value.u.list->items[i];
        if ((type_of(v) & spec->types) == 0)
            continue;
        buffer_clear(&text);
        write_value(&text, v);
        if (text.err)
            grammar_fail(c->b, text.err, "a value of the schema is too long");
        ret = grammar_either(c->b, grammar_text(c->b, buffer_slice(&text), next), ret);
    }
    buffer_done(&text);
    return ret;
}
