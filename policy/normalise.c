/* Folding of look-alikes and undoing of encodings; see normalise.h. */
#include "policy/normalise.h"
#include "policy/fold.h"

static bool is_ascii_word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* One character at `at`: its code and length; a malformed byte is a character of its own. */
static uint32_t next_char(struct slice text, size_t at, size_t *ret_len)
{
    const unsigned char *p = (const unsigned char *)text.ptr + at;
    size_t left = text.len - at;
    *ret_len = 1;
    if (p[0] < 0xC2 || left < 2 || (p[1] & 0xC0) != 0x80)
        return p[0];
    if (p[0] < 0xE0) {
        *ret_len = 2;
        return (uint32_t)(p[0] & 31) << 6 | (p[1] & 63u);
    }
    if (left < 3 || (p[2] & 0xC0) != 0x80)
        return p[0];
    if (p[0] < 0xF0) {
        *ret_len = 3;
        return (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63u);
    }
    if (left < 4 || (p[3] & 0xC0) != 0x80 || p[0] > 0xF4)
        return p[0];
    *ret_len = 4;
    return (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 63) << 12 | (uint32_t)(p[2] & 63) << 6 |
           (p[3] & 63u);
}

struct writer {
    struct arena *arena;
    char *out;
    size_t len;
    struct norm_step *steps;
    size_t step_count, step_capacity;
    size_t end_before;
    bool shifted; /* the next byte written does not follow the previous one in the original */
    bool failed;
};

/* Writes `len` bytes that stand for [origin, origin_end) of the original. */
static void put(struct writer *w, const char *bytes, size_t len, size_t origin, size_t origin_end)
{
    if (w->shifted) {
        if (!arena_grow(w->arena, (void **)&w->steps, w->step_count, &w->step_capacity,
                        sizeof(*w->steps))) {
            w->failed = true;
            return;
        }
        w->steps[w->step_count++] =
            (struct norm_step){.at = w->len, .origin = origin, .end_before = w->end_before};
    }
    memcpy(w->out + w->len, bytes, len);
    w->len += len;
    w->end_before = origin_end;
    w->shifted = len != origin_end - origin;
}

static enum base_err finish(struct writer *w, size_t origin_end, struct norm_view *ret_view)
{
    if (w->shifted)
        put(w, "", 0, origin_end, origin_end); /* where the last character ended */
    if (w->failed)
        return BASE_ERR_NO_MEMORY;
    *ret_view = (struct norm_view){
        .text = slice_of(w->out, w->len), .steps = w->steps, .step_count = w->step_count};
    return BASE_OK;
}

/* The character in UTF-8; false where the code is none (half of a surrogate pair). */
static bool put_utf8(struct writer *w, uint32_t code, size_t from, size_t to)
{
    char utf8[4];
    size_t count = 0;
    if (code < 0x80 || code >> 11 == 0x1B || code > 0x10FFFF)
        return false;
    if (code < 0x800) {
        utf8[count++] = (char)(0xC0 | code >> 6);
    } else if (code < 0x10000) {
        utf8[count++] = (char)(0xE0 | code >> 12);
        utf8[count++] = (char)(0x80 | (code >> 6 & 63));
    } else {
        utf8[count++] = (char)(0xF0 | code >> 18);
        utf8[count++] = (char)(0x80 | (code >> 12 & 63));
        utf8[count++] = (char)(0x80 | (code >> 6 & 63));
    }
    utf8[count++] = (char)(0x80 | (code & 63));
    put(w, utf8, count, from, to);
    return true;
}

static void put_folded(struct writer *w, struct slice text, size_t at, size_t len, uint32_t code)
{
    uint32_t to = fold_char(code);
    bool behind_word = w->len > 0 && is_ascii_word(w->out[w->len - 1]);
    if (to == FOLD_KEEP && code >= 0x0391 && code <= 0x051D &&
        (behind_word || (at + len < text.len && is_ascii_word(text.ptr[at + len]))))
        to = fold_lookalike(code);
    bool behind_ascii = w->len > 0 && (unsigned char)w->out[w->len - 1] < 0x80;
    if (to == FOLD_KEEP && behind_ascii && fold_is_noise(code))
        to = FOLD_DROP;
    if (to == FOLD_DROP) {
        w->shifted = true;
        return;
    }
    char ascii = (char)to;
    bool is_escaped = (unsigned char)text.ptr[at] < 0x80;
    if (to != FOLD_KEEP)
        put(w, &ascii, 1, at, at + len);
    else if (!is_escaped || !put_utf8(w, code, at, at + len))
        put(w, text.ptr + at, len, at, at + len);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

static bool read_hex(struct slice text, size_t at, size_t digits, uint32_t *ret)
{
    if (at > text.len || text.len - at < digits)
        return false;
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_value(text.ptr[at + i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *ret = value;
    return true;
}

/* "&#65;" and "&#x41;", also with many zeros and without the semicolon, as browsers read them. */
static size_t read_entity(struct slice text, size_t at, uint32_t *ret)
{
    size_t i = at + 2;
    bool hex = i < text.len && (text.ptr[i] | 32) == 'x';
    uint32_t value = 0;
    i += hex;
    size_t first = i;
    for (; i < text.len && value <= 0x10FFFF; i++) {
        int digit = hex_value(text.ptr[i]);
        if (digit < 0 || (!hex && digit > 9))
            break;
        value = value * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (i == first || value > 0x10FFFF)
        return 0;
    *ret = value;
    return i + (i < text.len && text.ptr[i] == ';') - at;
}

/* What text copied from a page holds: separators, and letters of the languages around. */
static const struct {
    char name[8];
    uint32_t code;
} entities[] = {
    {"nbsp;", 0xA0},     {"shy;", 0xAD},    {"ensp;", 0x2002}, {"emsp;", 0x2003},
    {"thinsp;", 0x2009}, {"zwnj;", 0x200C}, {"zwj;", 0x200D},  {"ndash;", 0x2013},
    {"mdash;", 0x2014},  {"hyphen;", '-'},  {"dash;", '-'},    {"minus;", '-'},
    {"lowbar;", '_'},    {"amp;", '&'},     {"lt;", '<'},      {"gt;", '>'},
    {"quot;", '"'},      {"apos;", '\''},   {"commat;", '@'},  {"period;", '.'},
    {"comma;", ','},     {"colon;", ':'},   {"sol;", '/'},     {"equals;", '='},
    {"num;", '#'},       {"plus;", '+'},    {"auml;", 0xE4},   {"ouml;", 0xF6},
    {"uuml;", 0xFC},     {"Auml;", 0xC4},   {"Ouml;", 0xD6},   {"Uuml;", 0xDC},
    {"szlig;", 0xDF},    {"agrave;", 0xE0}, {"aacute;", 0xE1}, {"acirc;", 0xE2},
    {"atilde;", 0xE3},   {"aring;", 0xE5},  {"aelig;", 0xE6},  {"ccedil;", 0xE7},
    {"egrave;", 0xE8},   {"eacute;", 0xE9}, {"ecirc;", 0xEA},  {"euml;", 0xEB},
    {"iacute;", 0xED},   {"icirc;", 0xEE},  {"iuml;", 0xEF},   {"ntilde;", 0xF1},
    {"oacute;", 0xF3},   {"ocirc;", 0xF4},  {"otilde;", 0xF5}, {"oslash;", 0xF8},
    {"uacute;", 0xFA},   {"ugrave;", 0xF9}, {"ucirc;", 0xFB},  {"Eacute;", 0xC9},
    {"Aring;", 0xC5},    {"Ccedil;", 0xC7}, {"Oslash;", 0xD8}, {"Ntilde;", 0xD1},
};

static size_t read_named_entity(struct slice text, size_t at, uint32_t *ret)
{
    struct slice rest = slice_sub(text, at + 1, SIZE_MAX);
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        size_t len = strnlen(entities[i].name, sizeof(entities[i].name));
        if (rest.len >= len && memcmp(rest.ptr, entities[i].name, len) == 0) {
            *ret = entities[i].code;
            return len + 1;
        }
    }
    return 0;
}

/* \u{1F600}, of JavaScript, Rust and others. */
static size_t read_braces(struct slice text, size_t at, uint32_t *ret)
{
    size_t digits = 1;
    while (digits <= 6 && read_hex(text, at + 3, digits, ret))
        digits++;
    digits--; /* those that could be read */
    size_t end = at + 3 + digits;
    if (digits == 0 || end >= text.len || text.ptr[end] != '}' ||
        !read_hex(text, at + 3, digits, ret) || *ret > 0x10FFFF)
        return 0;
    return end + 1 - at;
}

/* \101, as in C and in what shells print. */
static size_t read_octal(struct slice text, size_t at, uint32_t *ret)
{
    uint32_t value = 0;
    for (size_t i = 1; i <= 3; i++) {
        char c = at + i < text.len ? text.ptr[at + i] : '\0';
        if (c < '0' || c > '7')
            return 0;
        value = value << 3 | (uint32_t)(c - '0');
    }
    if (value < ' ' || value >= 0x7f)
        return 0;
    *ret = value;
    return 4;
}

/* \uD83D\uDE00: two escapes for one character beyond 16 bits. */
static size_t read_utf16(struct slice text, size_t at, uint32_t *ret)
{
    uint32_t low;
    if (text.ptr[at + 1] == 'U' && read_hex(text, at + 2, 8, ret) && *ret <= 0x10FFFF)
        return 10;
    if (at + 2 < text.len && text.ptr[at + 2] == '{')
        return read_braces(text, at, ret);
    if (!read_hex(text, at + 2, 4, ret))
        return 0;
    if (*ret >> 10 == 0x36 && at + 7 < text.len && text.ptr[at + 6] == '\\' &&
        (text.ptr[at + 7] | 32) == 'u' && read_hex(text, at + 8, 4, &low) && low >> 10 == 0x37) {
        *ret = 0x10000 + ((*ret & 0x3FF) << 10 | (low & 0x3FF));
        return 12;
    }
    return 6;
}

/* The length of the escape at `at`, and what it stands for; 0 when there is none. */
static size_t read_escape(struct slice text, size_t at, uint32_t *ret)
{
    char c = text.ptr[at];
    char next = at + 1 < text.len ? text.ptr[at + 1] : '\0';
    if (c == '%' && read_hex(text, at + 1, 2, ret))
        return 3;
    if (c == '%' && (next | 32) == 'u' && read_hex(text, at + 2, 4, ret))
        return 6;
    if (c == '\\' && (next == 'u' || next == 'U'))
        return read_utf16(text, at, ret);
    if (c == '\\' && next == 'x' && read_hex(text, at + 2, 2, ret))
        return 4;
    if (c == '\\' && (next == 'n' || next == 't' || next == 'r')) {
        *ret = '\n';
        return 2;
    }
    if (c == '\\' && (next == '"' || next == '/' || next == '\\')) {
        *ret = (unsigned char)next;
        return 2;
    }
    if (c == '\\' && next >= '0' && next <= '3')
        return read_octal(text, at, ret);
    if (c == '&' && next == '#')
        return read_entity(text, at, ret);
    if (c == '&')
        return read_named_entity(text, at, ret);
    return 0;
}

/* ASCII that folding leaves alone: anything but controls, and of these line ends and tabs. */
static bool is_plain_char(char c)
{
    return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\t' || c == '\r';
}

static bool is_plain(struct slice text)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    size_t i = 0;
    while (i < text.len) {
        uint64_t word, del;
        size_t end = text.len - i < 8 ? text.len : i + 8;
        if (end == i + 8) {
            memcpy(&word, text.ptr + i, 8);
            del = word ^ (ones * 0x7f);
            if (((word | (word - ones * 0x20) | (del - ones)) & tops) == 0) {
                i = end;
                continue;
            }
        }
        for (; i < end; i++) {
            if (!is_plain_char(text.ptr[i]))
                return false;
        }
    }
    return true;
}

/* How many bytes from `at` on, at least one, can be copied as they are. */
static size_t plain_length(struct slice text, size_t at, bool decode)
{
    size_t end = at + 1;
    while (end < text.len && is_plain_char(text.ptr[end]) &&
           !(decode && (text.ptr[end] == '%' || text.ptr[end] == '\\' || text.ptr[end] == '&')))
        end++;
    return end - at;
}

/* Quoted-printable, as mails have it: "=41", and "=" at the end of a line that goes on. */
static size_t read_quoted(struct slice text, size_t at, uint32_t *ret)
{
    size_t left = text.len - at;
    if (text.ptr[at] != '=' || left < 2)
        return 0;
    if (text.ptr[at + 1] == '\n')
        return 2;
    if (left >= 3 && text.ptr[at + 1] == '\r' && text.ptr[at + 2] == '\n')
        return 3;
    return read_hex(text, at + 1, 2, ret) && *ret >= ' ' && *ret != 0x7f ? 3 : 0;
}

/* Three "=41", or a word that goes on in the next line: source code has "x =" there. */
bool norm_has_quoted(struct slice text)
{
    int count = 0;
    for (size_t at = 0; at < text.len && count < 3; at++) {
        const char *found = memchr(text.ptr + at, '=', text.len - at);
        uint32_t code;
        if (!found)
            break;
        at = (size_t)(found - text.ptr);
        size_t len = read_quoted(text, at, &code);
        if (len > 0 && text.ptr[at + len - 1] == '\n')
            count += at > 0 && text.ptr[at - 1] != ' ' && text.ptr[at - 1] != '=' ? 3 : 0;
        else
            count += len > 0;
    }
    return count >= 3;
}

enum base_err norm_unquote(struct slice text, struct arena *arena, struct norm_view *ret_view)
{
    struct writer w = {.arena = arena, .out = arena_alloc(arena, text.len)};
    if (!w.out)
        return BASE_ERR_NO_MEMORY;
    for (size_t at = 0; at < text.len && !w.failed;) {
        uint32_t code = 0;
        size_t len = read_quoted(text, at, &code);
        char byte = (char)code;
        if (len == 0) {
            const char *next = memchr(text.ptr + at + 1, '=', text.len - at - 1);
            len = (next ? (size_t)(next - text.ptr) : text.len) - at;
            put(&w, text.ptr + at, len, at, at + len);
        } else if (text.ptr[at + len - 1] == '\n') {
            w.shifted = true; /* nothing stands for it */
        } else {
            put(&w, &byte, 1, at, at + len);
        }
        at += len;
    }
    return finish(&w, text.len, ret_view);
}

static enum base_err rewrite(struct slice text, bool decode, struct arena *arena,
                             struct norm_view *ret_view)
{
    struct writer w = {.arena = arena, .out = arena_alloc(arena, text.len)};
    if (!w.out)
        return BASE_ERR_NO_MEMORY;
    for (size_t at = 0; at < text.len && !w.failed;) {
        uint32_t code;
        size_t len = decode ? read_escape(text, at, &code) : 0;
        if (len > 0 && code < 0x80) {
            char ascii = (char)code;
            put(&w, &ascii, 1, at, at + len);
        } else if (len == 3 && text.ptr[at] == '%') {
            char byte = (char)code; /* %C3%A9: bytes of UTF-8 */
            put(&w, &byte, 1, at, at + len);
        } else if (len > 0) {
            put_folded(&w, text, at, len, code);
        } else if (is_plain_char(text.ptr[at])) {
            len = plain_length(text, at, decode);
            put(&w, text.ptr + at, len, at, at + len);
        } else {
            code = next_char(text, at, &len);
            put_folded(&w, text, at, len, code);
        }
        at += len;
    }
    return finish(&w, text.len, ret_view);
}

enum base_err norm_text(struct slice text, struct arena *arena, struct norm_view *ret_view)
{
    if (is_plain(text)) {
        *ret_view = (struct norm_view){.text = text};
        return BASE_OK;
    }
    return rewrite(text, false, arena, ret_view);
}

bool norm_has_escapes(struct slice text)
{
    static const char starts[] = {'%', '\\', '&'};
    for (size_t s = 0; s < sizeof(starts); s++) {
        size_t at = 0;
        while (at < text.len) {
            const char *found = memchr(text.ptr + at, starts[s], text.len - at);
            uint32_t code;
            if (!found)
                break;
            at = (size_t)(found - text.ptr);
            /* \n and \" are in all source code, and hide nothing. */
            if (read_escape(text, at, &code) > 2)
                return true;
            at++;
        }
    }
    return false;
}

/* Marks behind letters, as macOS writes them in names of files: two-byte forms that begin with CC
 * or CD, the marks of Japanese, and the letters that Korean syllables are made of. */
bool norm_has_marks(struct slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i], next = (unsigned char)text.ptr[i + 1];
        if (c == 0xCC || c == 0xCD || (c == 0xE1 && next >= 0x84 && next <= 0x87) ||
            (c == 0xE3 && next == 0x82 && i + 2 < text.len &&
             ((unsigned char)text.ptr[i + 2] | 3) == 0x9B))
            return true;
    }
    return false;
}

enum base_err norm_compose(struct slice text, struct arena *arena, struct norm_view *ret_view)
{
    struct writer w = {.arena = arena, .out = arena_alloc(arena, text.len)};
    if (!w.out)
        return BASE_ERR_NO_MEMORY;
    for (size_t at = 0, end; at < text.len && !w.failed; at = end) {
        size_t len, mark_len;
        uint32_t code = next_char(text, at, &len), next;
        end = at + len;
        while (end < text.len && (unsigned char)text.ptr[end] >= 0x80 &&
               (next = norm_pair(code, next_char(text, end, &mark_len))) != 0) {
            code = next;
            end += mark_len;
        }
        if (end == at + len || !put_utf8(&w, code, at, end))
            put(&w, text.ptr + at, end - at, at, end);
    }
    return finish(&w, text.len, ret_view);
}

bool norm_is_plain(struct slice text)
{
    return is_plain(text);
}

enum base_err norm_decode(struct slice text, struct arena *arena, struct norm_view *ret_view)
{
    return rewrite(text, true, arena, ret_view);
}

/* The last step at or before `at`, or NULL. */
static const struct norm_step *step_at(const struct norm_view *view, size_t at)
{
    size_t low = 0, high = view->step_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->steps[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &view->steps[low - 1] : NULL;
}

/* In the text that this view was made of. */
static void span_below(const struct norm_view *view, size_t from, size_t to, size_t *ret_from,
                       size_t *ret_to)
{
    size_t start = from, end = to;
    if (view->whole) {
        start = view->whole_from;
        end = view->whole_to;
    } else if (view->step_count > 0 && to > from) {
        const struct norm_step *first = step_at(view, from);
        const struct norm_step *after = step_at(view, to);
        const struct norm_step *last = step_at(view, to - 1);
        start = first ? first->origin + (from - first->at) : from;
        if (after && after->at == to)
            end = after->end_before;
        else
            end = last ? last->origin + (to - last->at) : to;
    }
    *ret_from = start;
    *ret_to = end > start ? end : start;
}

void norm_span(const struct norm_view *view, size_t from, size_t to, size_t *ret_offset,
               size_t *ret_length)
{
    for (; view; view = view->under)
        span_below(view, from, to, &from, &to);
    *ret_offset = from;
    *ret_length = to - from;
}
