/* Percent-encoding undone for handlers. */
#include "gateway/http/internal.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static struct slice decode(struct http_exchange *ex, struct slice s, bool plus_is_space)
{
    struct arena *arena = http_exchange_arena(ex);
    char *to = arena ? arena_alloc(arena, s.len + 1) : NULL;
    if (!to)
        return SLICE_NONE;
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            int high = s.len - i > 2 ? hex_digit(s.ptr[i + 1]) : -1;
            int low = s.len - i > 2 ? hex_digit(s.ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return SLICE_NONE;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        to[len++] = c;
    }
    to[len] = '\0';
    return slice_of(to, len);
}

struct slice http_decode(struct http_exchange *ex, struct slice s)
{
    return slice_is_absent(s) ? s : decode(ex, s, false);
}

struct slice http_exchange_query(struct http_exchange *ex, struct slice name)
{
    struct slice rest = ex->head.query;
    while (rest.len > 0) {
        size_t end = slice_find(rest, SLICE("&"));
        struct slice pair = slice_sub(rest, 0, end);
        rest = end == SIZE_MAX ? SLICE_NONE : slice_sub(rest, end + 1, SIZE_MAX);
        size_t equals = slice_find(pair, SLICE("="));
        if (!slice_eq(slice_sub(pair, 0, equals), name))
            continue;
        return decode(ex, equals == SIZE_MAX ? SLICE("") : slice_sub(pair, equals + 1, SIZE_MAX),
                      true);
    }
    return SLICE_NONE;
}
