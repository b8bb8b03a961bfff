/* Base64 and hexadecimal tokens that hold readable text; see normalise.h. */
#include "policy/normalise.h"

#include <stdlib.h>

#define MIN_TOKEN 15 /* "NNN-NN-NNNN" without padding */
#define LINE_MIN 16  /* of a token that goes on in the next line */
#define MAX_TOKEN ((size_t)1 << 20)

/* Values of base64 and base64url, plus one; 0 = not a character of theirs. */
static const uint8_t base64_table[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63,
    ['/'] = 64, ['_'] = 64,
};

static inline int base64_value(char c)
{
    return (int)base64_table[(unsigned char)c] - 1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

/* The length of a line break at `at`, also as it is written within a string: \n, \r\n, and within a
 * string in a string \\n; 0 when there is none. */
static size_t line_break(struct slice text, size_t at)
{
    size_t i = at;
    for (int part = 0; part < 2 && i < text.len; part++) { /* CR, LF */
        size_t slashes = 0;
        while (i + slashes < text.len && text.ptr[i + slashes] == '\\' && slashes < 8)
            slashes++;
        char c = i + slashes < text.len ? text.ptr[i + slashes] : '\0';
        if (c == (slashes ? 'n' : '\n'))
            return i + slashes + 1 - at;
        if (part > 0 || c != (slashes ? 'r' : '\r'))
            return 0;
        i += slashes + 1;
    }
    return 0;
}

bool norm_is_base64(char c)
{
    return base64_value(c) >= 0 || c == '=';
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
        size_t skip = i - line < LINE_MIN ? 0 : line_break(text, i);
        if (skip == 0 || i + skip >= text.len || base64_value(text.ptr[i + skip]) < 0)
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
        if (value < 0) {
            size_t skip = line_break(token, i);
            i += skip > 0 ? skip - 1 : 0;
            continue;
        }
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

/* Bytes that were read, in runs of at least RUN_MIN; what stands between them is left out. */
enum { RUN_MIN = 8, SHIFTS = 4 };

static bool is_text_byte(unsigned char c)
{
    return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\r' || c == '\t';
}

/* The length of the character at `at`: ASCII, or well-formed and longer; 0 = neither. Of UTF-16, of
 * which every other byte is 0, the 0 belongs to the character. */
static size_t text_char(struct slice bytes, size_t at)
{
    unsigned char c = (unsigned char)bytes.ptr[at];
    bool is_long = at + 1 < bytes.len && ((unsigned char)bytes.ptr[at + 1] & 0xC0) == 0x80;
    if (c >= 0x80) /* most bytes of what is no text are told at a glance */
        return c >= 0xC2 && is_long ? slice_utf8_char(slice_sub(bytes, at, 4), NULL) : 0;
    if (!is_text_byte(c))
        return 0;
    return at + 1 < bytes.len && bytes.ptr[at + 1] == '\0' ? 2 : 1;
}

/* Copies the runs of `bytes` to `out`, and behind each what keeps it apart from the next. */
static size_t keep_runs(struct slice bytes, char *out)
{
    size_t len = 0;
    for (size_t at = 0; at < bytes.len;) {
        size_t kept = len, characters = 0, size;
        while (at < bytes.len && (size = text_char(bytes, at)) > 0) {
            bool is_wide = size == 2 && bytes.ptr[at + 1] == '\0';
            size_t count = is_wide ? 1 : size;
            memcpy(out + kept, bytes.ptr + at, count);
            kept += count;
            characters++;
            at += size;
        }
        at += at < bytes.len;
        if (characters < RUN_MIN)
            continue;
        memcpy(out + kept, "\n;\n", 3);
        len = kept + 3;
    }
    return len;
}

static size_t read_shifted(struct slice token, char *room, char *out)
{
    size_t len = 0;
    for (size_t shift = 0; shift < SHIFTS && shift < token.len; shift++) {
        size_t size = decode_base64(slice_sub(token, shift, SIZE_MAX), room);
        len += keep_runs(slice_of(room, size), out + len);
    }
    const char *x = memchr(token.ptr, 'x', token.len < 8 ? token.len : 8); /* 0x */
    size_t skip = x ? (size_t)(x - token.ptr) + 1 : 0;
    size_t size = skip ? decode_hex(slice_sub(token, skip, SIZE_MAX), room) : 0;
    return len + keep_runs(slice_of(room, size), out + len);
}

/* What can be read of a token, in `out`, which has room for ROOM(token.len) bytes. */
static size_t read_token(struct slice token, char *out, bool *ret_is_exact)
{
    size_t len = decode_hex(token, out);
    if (!is_readable(out, len))
        len = decode_base64(token, out);
    *ret_is_exact = is_readable(out, len);
    return *ret_is_exact ? len : read_shifted(token, out, out + token.len);
}

/* The bytes of one reading, then the runs of five: none has more than 3/4 of the token, and each
 * run of eight gets three more. */
#define ROOM(token_len) (7 * (token_len))
enum { SHORT_TOKEN = 512 };

static bool try_token(struct slice text, size_t from, size_t to, struct arena *arena,
                      struct norm_view *ret_view, enum base_err *ret_err)
{
    struct slice token = slice_of(text.ptr + from, to - from);
    char few[ROOM(SHORT_TOKEN)]; /* most tokens hold nothing: no memory of the arena for them */
    bool is_exact;
    char *room = token.len <= SHORT_TOKEN ? few : malloc(ROOM(token.len));
    size_t len = room ? read_token(token, room, &is_exact) : 0;
    char *kept = len > 0 ? arena_alloc(arena, len) : NULL;
    if (!room || (len > 0 && !kept))
        *ret_err = BASE_ERR_NO_MEMORY;
    if (kept) {
        memcpy(kept, is_exact ? room : room + token.len, len);
        *ret_view = (struct norm_view){.text = slice_of(kept, len),
                                       .is_exact = is_exact,
                                       .whole = true,
                                       .whole_from = from,
                                       .whole_to = to};
    }
    if (room != few)
        free(room);
    return kept != NULL;
}

/* The n of a \n right before it is a letter of base64, too. */
static bool follows_escape(struct slice text, size_t at)
{
    return at > 0 && text.ptr[at - 1] == '\\' && strchr("nrt", text.ptr[at]) && text.ptr[at];
}

bool norm_next_encoded(struct slice text, size_t *at, struct arena *arena,
                       struct norm_view *ret_view, enum base_err *ret_err)
{
    *ret_err = BASE_OK;
    size_t from = *at;
    while (from + MIN_TOKEN <= text.len) {
        /* A token from here on holds the character at its end; if that is none, the next token
         * begins behind it. Most of a text is never looked at. */
        size_t last = from + MIN_TOKEN - 1, first = last;
        if (base64_value(text.ptr[last]) < 0) {
            from = last + 1;
            continue;
        }
        while (first > from && base64_value(text.ptr[first - 1]) >= 0)
            first--;
        size_t end = token_end(text, first);
        bool found = follows_escape(text, first) && end - first > MIN_TOKEN &&
                     try_token(text, first + 1, end, arena, ret_view, ret_err);
        if (!found && !*ret_err && end - first >= MIN_TOKEN)
            found = try_token(text, first, end, arena, ret_view, ret_err);
        if (found) {
            *at = end;
            return true;
        }
        if (*ret_err)
            return false;
        from = end > last ? end : last + 1;
    }
    *at = text.len;
    return false;
}
