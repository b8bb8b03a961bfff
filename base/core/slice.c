#include "base/core/slice.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

size_t slice_find(struct slice s, struct slice needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return SIZE_MAX;
    const char *hit = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_to_i64(struct slice s, int64_t *ret)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == s.len)
        return false;
    int64_t value = 0; /* built downwards, because the negative range is the larger one */
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        if (c < '0' || c > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, (int64_t)(c - '0'), &value))
            return false;
    }
    if (!negative) {
        if (value == INT64_MIN)
            return false;
        value = -value;
    }
    *ret = value;
    return true;
}

static size_t skip_digits(struct slice s, size_t i)
{
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
        i++;
    return i;
}

static bool is_json_number(struct slice s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    size_t int_start = i;
    i = skip_digits(s, i);
    if (i == int_start || (s.ptr[int_start] == '0' && i - int_start > 1))
        return false;
    if (i < s.len && s.ptr[i] == '.') {
        size_t frac_start = ++i;
        i = skip_digits(s, i);
        if (i == frac_start)
            return false;
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
            i++;
        size_t exp_start = i;
        i = skip_digits(s, i);
        if (i == exp_start)
            return false;
    }
    return i == s.len;
}

bool slice_to_double(struct slice s, double *ret)
{
    char text[512];
    if (s.len == 0 || s.len >= sizeof(text) || !is_json_number(s))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';

    static locale_t c_locale; /* made once; a lost race leaks one small object */
    locale_t locale = __atomic_load_n(&c_locale, __ATOMIC_ACQUIRE);
    if (!locale) {
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (!locale)
            return false;
        __atomic_store_n(&c_locale, locale, __ATOMIC_RELEASE);
    }
    char *end = NULL;
    double value = strtod_l(text, &end, locale);
    if (end != text + s.len || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

/* Length of the well-formed character at `p`, or 0 (Unicode 15, table 3-7). */
static size_t utf8_char(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < len)
        return 0;
    unsigned char low = 0x80, high = 0xbf;
    switch (p[0]) {
    case 0xe0:
        low = 0xa0;
        break;
    case 0xed:
        high = 0x9f;
        break;
    case 0xf0:
        low = 0x90;
        break;
    case 0xf4:
        high = 0x8f;
        break;
    default:
        break;
    }
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

size_t slice_ascii_len(struct slice s)
{
    size_t i = 0;
    for (uint64_t word; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.ptr + i, sizeof(word));
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < s.len && (unsigned char)s.ptr[i] < 0x80)
        i++;
    return i;
}

bool slice_is_utf8(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= 8 && (memcpy(&word, p + i, 8), (word & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
        size_t len = utf8_char(p + i, s.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

size_t slice_utf8_char(struct slice s, uint32_t *ret)
{
    static const uint8_t firsts[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t len = s.len ? utf8_char((const unsigned char *)s.ptr, s.len) : 0;
    if (len == 0 || !ret)
        return len;
    uint32_t value = (uint8_t)s.ptr[0] & firsts[len];
    for (size_t i = 1; i < len; i++)
        value = value << 6 | ((uint8_t)s.ptr[i] & 0x3f);
    *ret = value;
    return len;
}
