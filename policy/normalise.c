/* Folding of look-alikes and undoing of encodings; see normalise.h. */
#include "policy/normalise.h"

#define KEEP 0xFFFFFFFFu /* not folded */
#define DROP 0xFFFFFFFEu /* invisible */

struct range {
    uint32_t first, last;
    uint32_t to; /* ASCII of `first`, or DROP */
    bool fixed;  /* all become `to`, instead of counting up */
};

/* Ascending. Digits of all scripts that are likely in practice, compatibility forms, invisible
 * characters. */
static const struct range folds[] = {
    {0x00A0, 0x00A0, ' ', true},    {0x00AD, 0x00AD, DROP, true},   {0x00B2, 0x00B3, '2', false},
    {0x00B7, 0x00B7, '.', true},    {0x00B9, 0x00B9, '1', true},    {0x0300, 0x036F, DROP, true},
    {0x061C, 0x061C, DROP, true},   {0x0660, 0x0669, '0', false},   {0x06F0, 0x06F9, '0', false},
    {0x07C0, 0x07C9, '0', false},   {0x0966, 0x096F, '0', false},   {0x09E6, 0x09EF, '0', false},
    {0x0A66, 0x0A6F, '0', false},   {0x0AE6, 0x0AEF, '0', false},   {0x0B66, 0x0B6F, '0', false},
    {0x0BE6, 0x0BEF, '0', false},   {0x0C66, 0x0C6F, '0', false},   {0x0CE6, 0x0CEF, '0', false},
    {0x0D66, 0x0D6F, '0', false},   {0x0E50, 0x0E59, '0', false},   {0x0ED0, 0x0ED9, '0', false},
    {0x0F20, 0x0F29, '0', false},   {0x1040, 0x1049, '0', false},   {0x115F, 0x1160, DROP, true},
    {0x1680, 0x1680, ' ', true},    {0x17B4, 0x17B5, DROP, true},   {0x17E0, 0x17E9, '0', false},
    {0x180B, 0x180F, DROP, true},   {0x1810, 0x1819, '0', false},   {0x2000, 0x200A, ' ', true},
    {0x200B, 0x200F, DROP, true},   {0x2010, 0x2015, '-', true},    {0x2018, 0x201B, '\'', true},
    {0x201C, 0x201F, '"', true},    {0x2024, 0x2024, '.', true},    {0x2028, 0x2029, '\n', true},
    {0x202A, 0x202E, DROP, true},   {0x202F, 0x202F, ' ', true},    {0x205F, 0x205F, ' ', true},
    {0x2060, 0x206F, DROP, true},   {0x2070, 0x2070, '0', true},    {0x2074, 0x2079, '4', false},
    {0x2080, 0x2089, '0', false},   {0x20D0, 0x20F0, DROP, true},   {0x2212, 0x2212, '-', true},
    {0x2236, 0x2236, ':', true},    {0x2460, 0x2468, '1', false},   {0x2474, 0x247C, '1', false},
    {0x2488, 0x2490, '1', false},   {0x24B6, 0x24CF, 'A', false},   {0x24D0, 0x24E9, 'a', false},
    {0x24EA, 0x24EA, '0', true},    {0x24F5, 0x24FD, '1', false},   {0x24FF, 0x24FF, '0', true},
    {0x2776, 0x277E, '1', false},   {0x2780, 0x2788, '1', false},   {0x278A, 0x2792, '1', false},
    {0x3000, 0x3000, ' ', true},    {0x3002, 0x3002, '.', true},    {0x3007, 0x3007, '0', true},
    {0x3164, 0x3164, DROP, true},   {0xA620, 0xA629, '0', false},   {0xFE00, 0xFE0F, DROP, true},
    {0xFE52, 0xFE52, '.', true},    {0xFE58, 0xFE58, '-', true},    {0xFE63, 0xFE63, '-', true},
    {0xFE6B, 0xFE6B, '@', true},    {0xFEFF, 0xFEFF, DROP, true},   {0xFF01, 0xFF5E, '!', false},
    {0xFFA0, 0xFFA0, DROP, true},   {0xFFF9, 0xFFFB, DROP, true},   {0x1D400, 0x1D7FF, 0, true},
    {0x1F100, 0x1F100, '0', true},  {0x1F101, 0x1F10A, '0', false}, {0x1F130, 0x1F149, 'A', false},
    {0x1F150, 0x1F169, 'A', false}, {0x1F170, 0x1F189, 'A', false}, {0x1FBF0, 0x1FBF9, '0', false},
    {0xE0001, 0xE001F, DROP, true}, {0xE0020, 0xE007E, ' ', false}, {0xE007F, 0xE01EF, DROP, true},
};

/* Letters of Greek and Cyrillic that are drawn like ASCII ones; only next to ASCII letters and
 * digits. */
static const struct {
    uint16_t code;
    char ascii;
} lookalikes[] = {
    {0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'}, {0x0399, 'I'},
    {0x039A, 'K'}, {0x039C, 'M'}, {0x039D, 'N'}, {0x039F, 'O'}, {0x03A1, 'P'}, {0x03A4, 'T'},
    {0x03A5, 'Y'}, {0x03A7, 'X'}, {0x03B1, 'a'}, {0x03BF, 'o'}, {0x03C1, 'p'}, {0x0405, 'S'},
    {0x0406, 'I'}, {0x0408, 'J'}, {0x0410, 'A'}, {0x0412, 'B'}, {0x0415, 'E'}, {0x041A, 'K'},
    {0x041C, 'M'}, {0x041D, 'H'}, {0x041E, 'O'}, {0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'},
    {0x0423, 'Y'}, {0x0425, 'X'}, {0x0430, 'a'}, {0x0435, 'e'}, {0x043E, 'o'}, {0x0440, 'p'},
    {0x0441, 'c'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'},
    {0x04BB, 'h'}, {0x0501, 'd'}, {0x051B, 'q'}, {0x051D, 'w'},
};

/* Mathematical alphanumerics: 13 alphabets of 52 letters, Greek, then five sets of digits. */
static uint32_t fold_mathematical(uint32_t code)
{
    if (code >= 0x1D7CE)
        return '0' + (code - 0x1D7CE) % 10;
    if (code >= 0x1D6A4)
        return KEEP;
    uint32_t letter = (code - 0x1D400) % 52;
    return letter < 26 ? 'A' + letter : 'a' + letter - 26;
}

static uint32_t fold(uint32_t code)
{
    size_t low = 0, high = sizeof(folds) / sizeof(folds[0]);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code > folds[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == sizeof(folds) / sizeof(folds[0]) || code < folds[low].first)
        return KEEP;
    if (folds[low].to == 0)
        return fold_mathematical(code);
    return folds[low].fixed ? folds[low].to : folds[low].to + (code - folds[low].first);
}

static uint32_t fold_lookalike(uint32_t code)
{
    for (size_t i = 0; i < sizeof(lookalikes) / sizeof(lookalikes[0]); i++) {
        if (lookalikes[i].code == code)
            return (uint32_t)(unsigned char)lookalikes[i].ascii;
    }
    return KEEP;
}

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
    uint32_t to = fold(code);
    if (to == KEEP && code >= 0x0391 && code <= 0x051D &&
        ((w->len > 0 && is_ascii_word(w->out[w->len - 1])) ||
         (at + len < text.len && is_ascii_word(text.ptr[at + len]))))
        to = fold_lookalike(code);
    if (to == DROP) {
        w->shifted = true;
        return;
    }
    char ascii = (char)to;
    bool is_escaped = (unsigned char)text.ptr[at] < 0x80;
    if (to != KEEP)
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

/* "&#65;" and "&#x41;". */
static size_t read_entity(struct slice text, size_t at, uint32_t *ret)
{
    size_t i = at + 2;
    bool hex = i < text.len && (text.ptr[i] | 32) == 'x';
    uint32_t value = 0;
    i += hex;
    size_t first = i;
    for (; i < text.len && i - first < 7; i++) {
        int digit = hex_value(text.ptr[i]);
        if (digit < 0 || (!hex && digit > 9))
            break;
        value = value * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (i == first || i >= text.len || text.ptr[i] != ';' || value > 0x10FFFF)
        return 0;
    *ret = value;
    return i + 1 - at;
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

/* \uD83D\uDE00: two escapes for one character beyond 16 bits. */
static size_t read_utf16(struct slice text, size_t at, uint32_t *ret)
{
    uint32_t low;
    if (text.ptr[at + 1] == 'U' && read_hex(text, at + 2, 8, ret) && *ret <= 0x10FFFF)
        return 10;
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
    if (c == '&' && next == '#')
        return read_entity(text, at, ret);
    if (c == '&')
        return read_named_entity(text, at, ret);
    return 0;
}

static bool is_ascii(struct slice text)
{
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.ptr + i, 8);
        if (word & 0x8080808080808080u)
            return false;
    }
    for (; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

/* How many bytes from `at` on, at least one, can be copied as they are. */
static size_t plain_length(struct slice text, size_t at, bool decode)
{
    size_t end = at + 1;
    while (end < text.len && (unsigned char)text.ptr[end] < 0x80 &&
           !(decode && (text.ptr[end] == '%' || text.ptr[end] == '\\' || text.ptr[end] == '&')))
        end++;
    return end - at;
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
        } else if (len > 0 && text.ptr[at] == '%') {
            char byte = (char)code; /* %C3%A9: bytes of UTF-8 */
            put(&w, &byte, 1, at, at + len);
        } else if (len > 0) {
            put_folded(&w, text, at, len, code);
        } else if ((unsigned char)text.ptr[at] < 0x80) {
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
    if (is_ascii(text)) {
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
    return is_ascii(text);
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
