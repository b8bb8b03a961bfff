/* Base64 and hexadecimal tokens that hold readable text; see normalise.h. */
#include "policy/normalise.h"

#define MIN_TOKEN 16
#define MAX_TOKEN ((size_t)1 << 20)

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

/* Where the token that starts at `at` ends: base64 characters, with single line breaks inside when
 * the lines are as long as encoders make them. */
static size_t token_end(struct slice text, size_t at)
{
    size_t i = at, line = at;
    while (i < text.len && i - at < MAX_TOKEN) {
        if (base64_value(text.ptr[i]) >= 0) {
            i++;
            continue;
        }
        size_t skip = text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n' ? 2 : 1;
        if (i - line < 60 || text.ptr[i + skip - 1] != '\n' || i + skip >= text.len ||
            base64_value(text.ptr[i + skip]) < 0)
            break;
        i += skip;
        line = i;
    }
    return i;
}

static size_t decode_base64(struct slice token, char *out)
{
    uint32_t bits = 0;
    int count = 0;
    size_t len = 0;
    for (size_t i = 0; i < token.len; i++) {
        int value = base64_value(token.ptr[i]);
        if (value < 0)
            continue; /* line break */
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[len++] = (char)(bits >> count & 0xFF);
        }
    }
    return len;
}

static size_t decode_hex(struct slice token, char *out)
{
    if (token.len % 2 != 0)
        return 0;
    for (size_t i = 0; i < token.len; i += 2) {
        int high = hex_value(token.ptr[i]), low = hex_value(token.ptr[i + 1]);
        if (high < 0 || low < 0)
            return 0;
        out[i / 2] = (char)(high << 4 | low);
    }
    return token.len / 2;
}

static bool has_no_controls(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

/* Text that somebody could have meant. */
static bool is_readable(const char *bytes, size_t len)
{
    return len >= 8 && has_no_controls(bytes, len) && slice_is_utf8(slice_of(bytes, len));
}

static bool try_token(struct slice text, size_t from, size_t to, struct arena *arena,
                      struct norm_view *ret_view, enum base_err *ret_err)
{
    struct slice token = slice_of(text.ptr + from, to - from);
    char first[12];
    /* The first bytes tell nearly always, without memory. */
    size_t peek = decode_base64(slice_sub(token, 0, 16), first);
    bool base64 = has_no_controls(first, peek);
    peek = decode_hex(slice_sub(token, 0, 16), first);
    bool hex = peek == 8 && has_no_controls(first, peek);
    if (!base64 && !hex)
        return false;
    char *out = arena_alloc(arena, token.len);
    if (!out) {
        *ret_err = BASE_ERR_NO_MEMORY;
        return false;
    }
    size_t len = hex ? decode_hex(token, out) : 0;
    if (!is_readable(out, len))
        len = base64 ? decode_base64(token, out) : 0;
    if (!is_readable(out, len))
        return false;
    *ret_view = (struct norm_view){
        .text = slice_of(out, len), .whole = true, .whole_from = from, .whole_to = to};
    return true;
}

bool norm_next_encoded(struct slice text, size_t *at, struct arena *arena,
                       struct norm_view *ret_view, enum base_err *ret_err)
{
    *ret_err = BASE_OK;
    size_t i = *at;
    while (i + MIN_TOKEN <= text.len) {
        if (base64_value(text.ptr[i]) < 0) {
            i++;
            continue;
        }
        size_t end = token_end(text, i);
        if (end - i >= MIN_TOKEN && try_token(text, i, end, arena, ret_view, ret_err)) {
            *at = end;
            return true;
        }
        if (*ret_err)
            return false;
        i = end > i ? end : i + 1;
    }
    *at = text.len;
    return false;
}
