#include "base/json/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

static void escape_char(struct buffer *out, char c)
{
    static const char letters[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
                                   ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\'};
    char text[8];
    if ((size_t)c < sizeof(letters) && letters[(size_t)c]) {
        text[0] = '\\';
        text[1] = letters[(size_t)c];
        buffer_add(out, text, 2);
    } else {
        int len = snprintf(text, sizeof(text), "\\u%04x", (unsigned)c);
        buffer_add(out, text, (size_t)len);
    }
}

/* The top bits of those of the eight bytes that may need an escape or a second look: of the byte
 * itself; below 0x20; a quote; a backslash. Carries between bytes may mark too much, never too
 * little. */
static uint64_t odd_bytes(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = v ^ ones * '"', back = v ^ ones * '\\';
    return (v | (v - ones * 0x20) | (quote - ones) | (back - ones)) & tops;
}

/* Bytes from `i` on, in eights, that can be copied as they are. */
static size_t plain_eights(struct slice s, size_t i)
{
    size_t begin = i;
    for (uint64_t v; s.len - i >= sizeof(v); i += sizeof(v)) {
        memcpy(&v, s.ptr + i, sizeof(v));
        if (odd_bytes(v))
            break;
    }
    return i - begin;
}

void json_escape(struct buffer *out, struct slice s)
{
    size_t run = 0; /* start of the bytes that can be copied as they are */
    size_t i = 0;
    while ((i += plain_eights(s, i)) < s.len) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t len = c >= 0x80 ? slice_utf8_char(slice_sub(s, i, 4), NULL) : 0;
        if (len) {
            i += len;
            continue;
        }
        buffer_add(out, s.ptr + run, i - run);
        if (c >= 0x80)
            buffer_add_str(out, "\xef\xbf\xbd");
        else
            escape_char(out, (char)c);
        run = ++i;
    }
    if (i > run)
        buffer_add(out, s.ptr + run, i - run);
}

static bool is_plain(struct slice s)
{
    uint64_t odd = 0;
    for (size_t i = 0; i < s.len; i += 8) {
        uint64_t v = 0x2020202020202020u; /* the rest of the last eight */
        memcpy(&v, s.ptr + i, s.len - i < 8 ? s.len - i : 8);
        odd |= odd_bytes(v);
    }
    return odd == 0;
}

static void add_quoted(struct buffer *out, struct slice s)
{
    char *to = NULL;
    if (s.len <= 64 && is_plain(s)) {
        to = buffer_room(out, s.len + 2);
        if (!to)
            to = buffer_reserve(out, s.len + 2);
    }
    if (to) { /* names and words: one piece */
        to[0] = '"';
        if (s.len)
            memcpy(to + 1, s.ptr, s.len);
        to[s.len + 1] = '"';
        buffer_commit(out, s.len + 2);
        return;
    }
    buffer_add_char(out, '"');
    json_escape(out, s);
    buffer_add_char(out, '"');
}

void json_writer_init(struct json_writer *w, struct buffer *out)
{
    *w = (struct json_writer){.out = out};
}

/* Before each value: the comma of arrays, and the check that an object's value has a name. */
static void before_value(struct json_writer *w)
{
    uint64_t bit = (uint64_t)1 << w->depth;
    if (w->is_object & bit) {
        assert(w->after_key);
        w->after_key = false;
        return;
    }
    if (w->has_members & bit) {
        assert(w->depth > 0); /* one value at the top */
        buffer_add_char(w->out, ',');
    }
    w->has_members |= bit;
}

static void open_level(struct json_writer *w, char bracket)
{
    before_value(w);
    assert(w->depth < 63);
    w->depth++;
    uint64_t bit = (uint64_t)1 << w->depth;
    w->has_members &= ~bit;
    w->is_object = bracket == '{' ? w->is_object | bit : w->is_object & ~bit;
    buffer_add_char(w->out, bracket);
}

static void close_level(struct json_writer *w, bool object, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    assert(((w->is_object >> w->depth) & 1) == object);
    (void)object;
    w->depth--;
    buffer_add_char(w->out, bracket);
}

void json_open_object(struct json_writer *w)
{
    open_level(w, '{');
}

void json_close_object(struct json_writer *w)
{
    close_level(w, true, '}');
}

void json_open_array(struct json_writer *w)
{
    open_level(w, '[');
}

void json_close_array(struct json_writer *w)
{
    close_level(w, false, ']');
}

void json_key(struct json_writer *w, struct slice key)
{
    uint64_t bit = (uint64_t)1 << w->depth;
    assert((w->is_object & bit) && !w->after_key);
    if (w->has_members & bit)
        buffer_add_char(w->out, ',');
    w->has_members |= bit;
    add_quoted(w->out, key);
    buffer_add_char(w->out, ':');
    w->after_key = true;
}

void json_put_string(struct json_writer *w, struct slice s)
{
    if (slice_is_absent(s)) {
        json_put_null(w);
        return;
    }
    before_value(w);
    add_quoted(w->out, s);
}

void json_put_i64(struct json_writer *w, int64_t value)
{
    before_value(w);
    char text[24];
    char *at = text + sizeof(text);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--at = '-';
    buffer_add(w->out, at, (size_t)(text + sizeof(text) - at));
}

/* Most numbers here have at most six decimals. Division of two exact doubles is correctly
 * rounded, so
 * n / 1e6 == value says that n millionths, written out, read back as the same double. */
static bool put_short(struct buffer *out, double value)
{
    double size = fabs(value);
    if (size >= 1e9 || (size < 1e-4 && (size > 0 || signbit(value))))
        return false;
    uint64_t millionths = (uint64_t)(size * 1e6 + 0.5);
    if ((double)millionths / 1e6 != size)
        return false;
    char text[24];
    char *at = text + sizeof(text);
    unsigned fraction = (unsigned)(millionths % 1000000);
    for (int digits = 6; digits > 0; digits--, fraction /= 10)
        if (fraction % 10 != 0 || at != text + sizeof(text))
            *--at = (char)('0' + fraction % 10);
    if (at != text + sizeof(text))
        *--at = '.';
    uint64_t whole = millionths / 1000000;
    do
        *--at = (char)('0' + whole % 10);
    while (whole /= 10);
    if (value < 0)
        *--at = '-';
    buffer_add(out, at, (size_t)(text + sizeof(text) - at));
    return true;
}

void json_put_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_put_null(w);
        return;
    }
    before_value(w);
    if (put_short(w->out, value))
        return;
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        int len = snprintf(text, sizeof(text), "%.*g", digits, value);
        for (int i = 0; i < len; i++) /* a locale's decimal point */
            if (!strchr("0123456789+-e", text[i]))
                text[i] = '.';
        double back = 0;
        if (slice_to_double(slice_from_str(text), &back) && back == value)
            break;
    }
    buffer_add_str(w->out, text);
}

void json_put_bool(struct json_writer *w, bool value)
{
    before_value(w);
    buffer_add_str(w->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
    before_value(w);
    buffer_add_str(w->out, "null");
}

void json_put_number_text(struct json_writer *w, struct slice text)
{
    json_put_raw(w, text);
}

void json_put_raw(struct json_writer *w, struct slice json)
{
    before_value(w);
    buffer_add_slice(w->out, json);
}

/* Recursion is bounded: json_parse() makes no tree deeper than 128. Not through the writer's own
 * levels, because a tree from outside may be deeper than those. */
static void write_tree(struct buffer *out, const struct json_node *node)
{
    static const char *const words[] = {
        [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
    switch (node->type) {
    case JSON_STRING:
        add_quoted(out, node->text);
        break;
    case JSON_NUMBER:
        buffer_add_slice(out, node->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        buffer_add_char(out, node->type == JSON_OBJECT ? '{' : '[');
        for (const struct json_node *m = node->first; m; m = m->next) {
            if (m != node->first)
                buffer_add_char(out, ',');
            if (node->type == JSON_OBJECT) {
                add_quoted(out, m->key);
                buffer_add_char(out, ':');
            }
            write_tree(out, m);
        }
        buffer_add_char(out, node->type == JSON_OBJECT ? '}' : ']');
        break;
    default:
        buffer_add_str(out, words[node->type]);
        break;
    }
}

void json_put_node(struct json_writer *w, const struct json_node *node)
{
    if (!node) {
        json_put_null(w);
        return;
    }
    before_value(w);
    write_tree(w->out, node);
}

void json_member_string(struct json_writer *w, const char *key, struct slice s)
{
    json_key(w, slice_from_str(key));
    json_put_string(w, s);
}

void json_member_str(struct json_writer *w, const char *key, const char *str)
{
    json_key(w, slice_from_str(key));
    json_put_string(w, slice_from_str(str));
}

void json_member_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, slice_from_str(key));
    json_put_i64(w, value);
}

void json_member_double(struct json_writer *w, const char *key, double value)
{
    json_key(w, slice_from_str(key));
    json_put_double(w, value);
}

void json_member_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, slice_from_str(key));
    json_put_bool(w, value);
}

void json_member_null(struct json_writer *w, const char *key)
{
    json_key(w, slice_from_str(key));
    json_put_null(w);
}
