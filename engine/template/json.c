/* JSON in and out, and how Python prints values. */
#include "engine/template/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/unicode/unicode.h"

enum { JSON_DEPTH_MAX = 64 };

/* --- Reading --- */

struct reader {
    struct arena *arena;
    struct slice text;
    size_t at;
    int depth;
    struct base_error *reterr;
};

static enum base_err bad(const struct reader *r, const char *expected)
{
    return base_error_set(r->reterr, BASE_ERR_BAD_JSON, "expected %s at byte %zu", expected, r->at);
}

static enum base_err out_of_memory(const struct reader *r)
{
    return base_error_set(r->reterr, BASE_ERR_NO_MEMORY, "no memory for a JSON value");
}

static char look(const struct reader *r)
{
    return r->at < r->text.len ? r->text.ptr[r->at] : '\0';
}

static void skip_space(struct reader *r)
{
    while (r->at < r->text.len && strchr(" \t\r\n", r->text.ptr[r->at]) && look(r))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at >= r->text.len || r->text.ptr[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool read_hex4(struct reader *r, uint32_t *ret)
{
    uint32_t code = 0;
    if (r->text.len - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = r->text.ptr[r->at++];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        code = code * 16 + (uint32_t)digit;
    }
    *ret = code;
    return true;
}

/* After the backslash; a lone surrogate is an error. */
static bool read_escape(struct reader *r, char *out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = look(r);
    const char *simple = c ? strchr(from, c) : NULL;
    r->at++;
    if (simple) {
        out[(*len)++] = to[simple - from];
        return true;
    }
    uint32_t code, low;
    if (c != 'u' || !read_hex4(r, &code))
        return false;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!slice_starts_with(slice_sub(r->text, r->at, 2), SLICE("\\u")))
            return false;
        r->at += 2;
        if (!read_hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return false;
    }
    *len += engine_unicode_write(code, out + *len);
    return true;
}

static enum base_err read_string(struct reader *r, struct engine_value *ret)
{
    size_t start = r->at, end = start;
    bool escapes = false;
    while (end < r->text.len && r->text.ptr[end] != '"') {
        escapes |= r->text.ptr[end] == '\\';
        end += r->text.ptr[end] == '\\' ? 2 : 1;
    }
    if (end >= r->text.len)
        return bad(r, "the end of a string");
    struct slice raw = slice_sub(r->text, start, end - start);
    if (!escapes) {
        r->at = end + 1;
        *ret = engine_value_string(raw, false);
        return BASE_OK;
    }
    char *out = arena_alloc(r->arena, raw.len);
    if (!out)
        return out_of_memory(r);
    size_t len = 0;
    while (r->at < end) {
        char c = r->text.ptr[r->at++];
        if (c != '\\')
            out[len++] = c;
        else if (!read_escape(r, out, &len))
            return bad(r, "an escape");
    }
    r->at = end + 1;
    *ret = engine_value_string(slice_of(out, len), false);
    return BASE_OK;
}

static bool is_integer(struct slice number)
{
    for (size_t i = 0; i < number.len; i++)
        if (number.ptr[i] != '-' && (number.ptr[i] < '0' || number.ptr[i] > '9'))
            return false;
    return true;
}

static enum base_err read_word(struct reader *r, struct engine_value *ret)
{
    static const struct {
        struct slice text;
        enum engine_value_type type;
        bool b;
    } words[] = {{SLICE_INIT("true"), ENGINE_VALUE_BOOL, true},
                 {SLICE_INIT("false"), ENGINE_VALUE_BOOL, false},
                 {SLICE_INIT("null"), ENGINE_VALUE_NULL, false}};
    struct slice rest = slice_sub(r->text, r->at, SIZE_MAX);
    for (size_t i = 0; i < 3; i++)
        if (slice_starts_with(rest, words[i].text)) {
            r->at += words[i].text.len;
            *ret = (struct engine_value){.type = words[i].type, .u.b = words[i].b};
            return BASE_OK;
        }
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] && strchr("+-.eE0123456789", rest.ptr[len]))
        len++;
    struct slice number = slice_sub(rest, 0, len);
    int64_t i;
    double d;
    if (!slice_to_double(number, &d))
        return bad(r, "a value");
    r->at += len;
    *ret = slice_to_i64(number, &i) ? engine_value_int(i) : engine_value_double(d);
    if (ret->type == ENGINE_VALUE_DOUBLE && is_integer(number)) {
        ret->u.digits = number.ptr;
        ret->u.digit_count = number.len;
    }
    return BASE_OK;
}

static enum base_err read_value(struct reader *r, struct engine_value *ret);

static enum base_err read_list(struct reader *r, struct engine_value *ret)
{
    struct engine_value list = engine_value_list(), item;
    if (!take(r, ']')) {
        do {
            enum base_err err = read_value(r, &item);
            if (err)
                return err;
            if (!engine_value_push(r->arena, &list, item))
                return out_of_memory(r);
        } while (take(r, ','));
        if (!take(r, ']'))
            return bad(r, "',' or ']'");
    }
    *ret = list;
    return BASE_OK;
}

static enum base_err read_map(struct reader *r, struct engine_value *ret)
{
    struct engine_value map = engine_value_map(), key, item;
    if (!take(r, '}')) {
        do {
            if (!take(r, '"'))
                return bad(r, "a key");
            enum base_err err = read_string(r, &key);
            if (!err)
                err = take(r, ':') ? read_value(r, &item) : bad(r, "':'");
            if (err)
                return err;
            if (!engine_value_set(r->arena, &map, jinja_bytes(key), item))
                return out_of_memory(r);
        } while (take(r, ','));
        if (!take(r, '}'))
            return bad(r, "',' or '}'");
    }
    *ret = map;
    return BASE_OK;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static enum base_err read_value(struct reader *r, struct engine_value *ret)
{
    if (r->depth >= JSON_DEPTH_MAX)
        return base_error_set(r->reterr, BASE_ERR_LIMIT, "JSON nests deeper than %d",
                              JSON_DEPTH_MAX);
    skip_space(r);
    enum base_err err;
    r->depth++;
    if (take(r, '"'))
        err = read_string(r, ret);
    else if (take(r, '['))
        err = read_list(r, ret);
    else if (take(r, '{'))
        err = read_map(r, ret);
    else
        err = read_word(r, ret);
    r->depth--;
    return err;
}

enum base_err engine_value_from_json(struct arena *arena, struct slice json,
                                     struct engine_value *ret_value, struct base_error *reterr)
{
    struct reader r = {.arena = arena, .text = json, .reterr = reterr};
    struct engine_value value;
    enum base_err err = read_value(&r, &value);
    if (err)
        return err;
    skip_space(&r);
    if (r.at != json.len)
        return bad(&r, "the end");
    *ret_value = value;
    return BASE_OK;
}

/* --- Numbers --- */

size_t jinja_format_double(double d, char out[40])
{
    if (isnan(d) || isinf(d))
        return (size_t)snprintf(out, 40, "%s", isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
    int precision = 1;
    for (; precision < 17; precision++) { /* the fewest digits that read back */
        (void)snprintf(out, 40, "%.*e", precision - 1, d);
        if (strtod(out, NULL) == d)
            break;
    }
    (void)snprintf(out, 40, "%.*e", precision - 1, d);
    int exponent = (int)strtol(strchr(out, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) { /* Python: 1e-05, 1.5e+16 */
        return strlen(out);
    }
    int decimals = precision - 1 - exponent;
    return (size_t)snprintf(out, 40, "%.*f", decimals > 1 ? decimals : 1, d);
}

/* --- Writing --- */

struct writer {
    struct jinja_run *run;
    const struct jinja_node *node;
    struct jinja_text text;
    int indent;             /* -1 = none */
    struct slice item, key; /* separators */
    bool json;              /* else Python's repr() */
    bool ascii, sorted;     /* of JSON */
};

static void put(struct writer *w, const char *text)
{
    jinja_text_add_slice(&w->text, slice_from_str(text), false);
}

/* \uXXXX for a code point, or two of them. */
static void put_escape(struct writer *w, uint32_t c)
{
    char escape[16];
    if (c < 0x10000)
        (void)snprintf(escape, sizeof(escape), "\\u%04x", c);
    else
        (void)snprintf(escape, sizeof(escape), "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                       0xdc00 + ((c - 0x10000) & 0x3ff));
    put(w, escape);
}

static void put_json_string(struct writer *w, struct slice s)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    put(w, "\"");
    size_t start = 0;
    for (size_t i = 0, len; i < s.len; i += len) {
        uint32_t c = (unsigned char)s.ptr[i];
        const char *special = c > 0 && c < 0x80 ? strchr(from, (int)c) : NULL;
        len = 1;
        if (!special && c >= 0x20 && (!w->ascii || c < 0x7f))
            continue;
        jinja_text_add_slice(&w->text, slice_sub(s, start, i - start), false);
        if (special) {
            char escape[] = {'\\', to[special - from], '\0'};
            put(w, escape);
        } else {
            struct engine_unicode_char at = engine_unicode_at(s, i);
            len = at.len;
            c = at.code;
            put_escape(w, c);
        }
        start = i + len;
    }
    jinja_text_add_slice(&w->text, slice_sub(s, start, SIZE_MAX), false);
    put(w, "\"");
}

/* Python's str.isprintable() of one character */
static bool is_printable(struct engine_unicode_char c)
{
    return c.class != ENGINE_UNICODE_OTHER && (c.class != ENGINE_UNICODE_SPACE || c.code == ' ');
}

/* Python's repr() of a str */
static void put_repr_string(struct writer *w, struct slice s)
{
    static const char from[] = "\\'\"\n\r\t", to[] = "\\'\"nrt";
    bool single = memchr(s.ptr, '\'', s.len) && !memchr(s.ptr, '"', s.len);
    const char *quotes = single ? "\"" : "'", *other = single ? "'" : "\"";
    put(w, quotes);
    size_t start = 0;
    for (size_t i = 0, len; i < s.len; i += len) {
        struct engine_unicode_char c = engine_unicode_at(s, i);
        const char *special = c.code > 0 && c.code < 0x80 ? strchr(from, (int)c.code) : NULL;
        char escape[16];
        len = c.len;
        if (special ? *special == *other : is_printable(c))
            continue;
        if (special)
            (void)snprintf(escape, sizeof(escape), "\\%c", to[special - from]);
        else if (c.code < 0x100)
            (void)snprintf(escape, sizeof(escape), "\\x%02x", c.code);
        else
            (void)snprintf(escape, sizeof(escape), c.code < 0x10000 ? "\\u%04x" : "\\U%08x",
                           c.code);
        jinja_text_add_slice(&w->text, slice_sub(s, start, i - start), false);
        put(w, escape);
        start = i + len;
    }
    jinja_text_add_slice(&w->text, slice_sub(s, start, SIZE_MAX), false);
    put(w, quotes);
}

static void new_line(struct writer *w, int depth)
{
    if (w->indent < 0)
        return;
    put(w, "\n");
    for (int i = 0; i < w->indent * depth; i++)
        put(w, " ");
}

static enum base_err write_value(struct writer *w, struct engine_value value, int depth);

static enum base_err write_list(struct writer *w, struct engine_value list, int depth)
{
    bool tuple = list.is_tuple && !w->json;
    put(w, tuple ? "(" : "[");
    for (size_t i = 0; i < jinja_count(list); i++) {
        if (i > 0)
            jinja_text_add_slice(&w->text, w->item, false);
        new_line(w, depth + 1);
        enum base_err err = write_value(w, list.u.list->items[i], depth + 1);
        if (err)
            return err;
    }
    if (jinja_count(list) > 0)
        new_line(w, depth);
    put(w, !tuple ? "]" : jinja_count(list) == 1 ? ",)" : ")");
    return BASE_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const struct engine_value_member *x = a, *y = b;
    if (x->key.type != ENGINE_VALUE_STRING || y->key.type != ENGINE_VALUE_STRING)
        return x->key.type != y->key.type ? (x->key.type == ENGINE_VALUE_STRING ? 1 : -1)
                                          : (x->key.u.i > y->key.u.i) - (x->key.u.i < y->key.u.i);
    return slice_cmp(jinja_bytes(x->key), jinja_bytes(y->key)); /* as code points sort */
}

static enum base_err write_map(struct writer *w, struct engine_value map, int depth)
{
    size_t count = jinja_count(map);
    const struct engine_value_member *members = count > 0 ? map.u.map->items : NULL;
    if (w->sorted && count > 1) {
        struct engine_value_member *copy = arena_calloc(w->run->arena, count, sizeof(*copy));
        if (!copy)
            return jinja_no_memory(w->run);
        memcpy(copy, members, count * sizeof(*copy));
        qsort(copy, count, sizeof(*copy), compare_keys);
        members = copy;
    }
    put(w, "{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            jinja_text_add_slice(&w->text, w->item, false);
        new_line(w, depth + 1);
        bool quoted = w->json && members[i].key.type == ENGINE_VALUE_INT;
        put(w, quoted ? "\"" : "");
        enum base_err err = write_value(w, members[i].key, depth + 1);
        put(w, quoted ? "\"" : "");
        jinja_text_add_slice(&w->text, w->key, false);
        if (!err)
            err = write_value(w, members[i].value, depth + 1);
        if (err)
            return err;
    }
    if (count > 0)
        new_line(w, depth);
    put(w, "}");
    return BASE_OK;
}

/* Bounded: templates nest at most JINJA_DEPTH_MAX, JSON JSON_DEPTH_MAX; a caller's tree is checked.
 */
static enum base_err write_value(struct writer *w, struct engine_value value, int depth)
{
    char number[40];
    if (depth > JINJA_DEPTH_MAX + JSON_DEPTH_MAX)
        return jinja_fail(w->run, w->node, BASE_ERR_LIMIT, "a value nests too deep to be written");
    enum base_err err = jinja_work(w->run, 1);
    if (err)
        return err;
    switch (value.type) {
    case ENGINE_VALUE_NULL:
        put(w, w->json ? "null" : "None");
        return BASE_OK;
    case ENGINE_VALUE_BOOL:
        put(w, w->json ? (value.u.b ? "true" : "false") : (value.u.b ? "True" : "False"));
        return BASE_OK;
    case ENGINE_VALUE_INT:
        (void)snprintf(number, sizeof(number), "%lld", (long long)value.u.i);
        put(w, number);
        return BASE_OK;
    case ENGINE_VALUE_DOUBLE:
        (void)jinja_format_double(value.u.d, number);
        if (value.u.digits)
            jinja_text_add_slice(&w->text, slice_of(value.u.digits, value.u.digit_count), false);
        else
            put(w, number);
        return BASE_OK;
    case ENGINE_VALUE_STRING:
        if (w->json)
            put_json_string(w, jinja_bytes(value));
        else
            put_repr_string(w, jinja_bytes(value));
        return jinja_work(w->run, value.u.s.len / 16);
    case ENGINE_VALUE_LIST:
        return write_list(w, value, depth);
    case ENGINE_VALUE_MAP:
        return write_map(w, value, depth);
    default:
        return jinja_fail(w->run, w->node, BASE_ERR_BAD_REQUEST, "%s cannot be written out",
                          jinja_type_name(value));
    }
}

static enum base_err write_whole(struct writer *w, struct engine_value value,
                                 struct engine_value *ret)
{
    jinja_text_init(&w->text, w->run->limits.memory_max);
    enum base_err err = write_value(w, value, 0);
    if (err) {
        jinja_text_done(&w->text);
        return err;
    }
    return jinja_text_finish(w->run, &w->text, ret);
}

enum base_err jinja_to_json(struct jinja_run *run, const struct jinja_node *node,
                            struct engine_value value, const struct jinja_json_style *style,
                            struct engine_value *ret)
{
    struct slice item = style->indent < 0 ? SLICE(", ") : SLICE(",");
    struct writer w = {.run = run,
                       .node = node,
                       .indent = style->indent,
                       .item = slice_is_absent(style->item) ? item : style->item,
                       .key = slice_is_absent(style->key) ? SLICE(": ") : style->key,
                       .json = true,
                       .ascii = style->ascii,
                       .sorted = style->sorted};
    return write_whole(&w, value, ret);
}

enum base_err jinja_to_string(struct jinja_run *run, const struct jinja_node *node,
                              struct engine_value value, struct engine_value *ret)
{
    if (value.type == ENGINE_VALUE_STRING) {
        *ret = value;
        return BASE_OK;
    }
    if (value.type == ENGINE_VALUE_UNDEFINED) {
        *ret = jinja_literal("");
        return BASE_OK;
    }
    struct writer w = {
        .run = run, .node = node, .indent = -1, .item = SLICE(", "), .key = SLICE(": ")};
    enum base_err err = write_whole(&w, value, ret);
    /* Digits and words of Python's own cannot make anything up: <|image_ ~ loop.index ~ |> stays.
     */
    if (!err && (jinja_is_number(value) || value.type == ENGINE_VALUE_NULL))
        ret->literal = true;
    return err;
}
