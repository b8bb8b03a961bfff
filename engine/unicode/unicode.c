#include "engine/unicode/unicode.h"

#include "engine/unicode/table.h"

enum engine_unicode_class engine_unicode_class(uint32_t code)
{
    if (code < 128)
        return (enum engine_unicode_class)ascii_classes[code];
    if (code > 0x10ffff)
        return ENGINE_UNICODE_OTHER;
    size_t low = 0, high = sizeof(class_runs) / sizeof(class_runs[0]);
    while (high - low > 1) { /* the last run that begins at or before `code` */
        size_t middle = (low + high) / 2;
        if (class_runs[middle] >> 4 <= code)
            low = middle;
        else
            high = middle;
    }
    return (enum engine_unicode_class)(class_runs[low] & 15);
}

/* Unicode, table 3-7: the range of the second byte depends on the first. */
static bool second_is_good(unsigned char first, unsigned char second)
{
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

struct engine_unicode_char engine_unicode_at(struct slice text, size_t at)
{
    if (at >= text.len)
        return (struct engine_unicode_char){0};
    const unsigned char *p = (const unsigned char *)text.ptr + at;
    if (p[0] < 0x80)
        return (struct engine_unicode_char){p[0], 1, ascii_classes[p[0]]};
    const struct engine_unicode_char bad = {0xfffd, 1, ENGINE_UNICODE_OTHER};
    uint8_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] < 0xc2 || p[0] > 0xf4 || text.len - at < len || !second_is_good(p[0], p[1]))
        return bad;
    uint32_t code = p[0] & (0x7fu >> len);
    for (uint8_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return bad;
        code = code << 6 | (p[i] & 0x3fu);
    }
    return (struct engine_unicode_char){code, len, (uint8_t)engine_unicode_class(code)};
}

size_t engine_unicode_before(struct slice text, size_t at)
{
    for (size_t back = 2; back <= 4 && back <= at; back++)
        if (engine_unicode_at(slice_sub(text, 0, at), at - back).len == back)
            return at - back;
    return at - 1;
}

size_t engine_unicode_write(uint32_t code, char out[4])
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1;) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(first[len] | code);
    return len;
}
