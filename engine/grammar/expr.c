/* Expressions of characters to code over bytes. */
#include "engine/grammar/grammar.h"

#include <stdlib.h>

#include "engine/unicode/unicode.h"

enum { CODE_POINT_MAX = 0x10ffff };

struct grammar_expr *grammar_expr_new(struct grammar_builder *b, enum grammar_expr_type type)
{
    struct grammar_expr *expr = b->err ? NULL : arena_calloc(b->arena, 1, sizeof(*expr));
    if (expr)
        expr->type = type;
    else
        grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    return expr;
}

void grammar_expr_add(struct grammar_builder *b, struct grammar_expr *list,
                      struct grammar_expr *item)
{
    if (b->err)
        return;
    void *items = list->items;
    if (!arena_grow(b->arena, &items, list->item_count, &list->item_capacity, sizeof(item))) {
        grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
        return;
    }
    list->items = items;
    list->items[list->item_count++] = item;
}

void grammar_expr_range(struct grammar_builder *b, struct grammar_expr *chars, uint32_t low,
                        uint32_t high)
{
    if (b->err)
        return;
    void *items = chars->ranges;
    if (!arena_grow(b->arena, &items, chars->range_count, &chars->range_capacity,
                    sizeof(*chars->ranges))) {
        grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
        return;
    }
    chars->ranges = items;
    chars->ranges[chars->range_count++] = (struct grammar_range){low, high};
}

/* --- UTF-8 --- */

/* Cuts `high` down until all of low .. high have the same form, so that each byte has a range of
 * its own. */
static uint32_t same_form(uint32_t low, uint32_t high)
{
    static const uint32_t ends[] = {0x7f, 0x7ff, 0xffff};
    for (int i = 0; i < 3; i++)
        if (low <= ends[i] && high > ends[i])
            high = ends[i];
    for (int i = 3; i > 0; i--) { /* the trailing bytes must be free, or the bytes before fixed */
        uint32_t tail = (UINT32_C(1) << (6 * i)) - 1;
        if ((low & ~tail) == (high & ~tail))
            continue;
        if ((low & tail) != 0)
            high = low | tail;
        else if ((high & tail) != tail)
            high = (high & ~tail) - 1;
    }
    return high;
}

uint32_t grammar_utf8(struct grammar_builder *b, uint32_t low, uint32_t high, uint32_t next)
{
    uint32_t ret = GRAMMAR_AT_FAIL;
    while (low <= high && !b->err) {
        if (low >= 0xd800 && low <= 0xdfff) {
            low = 0xe000;
            continue;
        }
        uint32_t end = low < 0xd800 && high >= 0xd800 ? 0xd7ff : high;
        end = same_form(low, end);
        char first[4], last[4];
        size_t len = engine_unicode_write(low, first);
        (void)engine_unicode_write(end, last);
        uint32_t at = next;
        for (size_t i = len; i-- > 0;)
            at = grammar_bytes(b, (unsigned char)first[i], (unsigned char)last[i], at);
        ret = grammar_either(b, at, ret);
        low = end + 1;
    }
    return ret;
}

/* --- Classes --- */

static int compare_ranges(const void *a, const void *b)
{
    const struct grammar_range *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

/* Sorted, without overlaps, no longer negated. */
static void normalise(struct grammar_builder *b, struct grammar_expr *chars)
{
    struct grammar_range *from = chars->ranges;
    size_t count = chars->range_count;
    if (count > 1)
        qsort(from, count, sizeof(*from), compare_ranges);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (used > 0 && from[i].low <= from[used - 1].high + 1) {
            if (from[i].high > from[used - 1].high)
                from[used - 1].high = from[i].high;
        } else {
            from[used++] = from[i];
        }
    }
    chars->range_count = used;
    if (!chars->negated)
        return;
    struct grammar_expr others = {0};
    uint32_t low = 0;
    for (size_t i = 0; i < used; i++) {
        if (from[i].low > low)
            grammar_expr_range(b, &others, low, from[i].low - 1);
        low = from[i].high + 1;
    }
    if (low <= CODE_POINT_MAX)
        grammar_expr_range(b, &others, low, CODE_POINT_MAX);
    chars->negated = false;
    chars->ranges = others.ranges;
    chars->range_count = others.range_count;
    chars->range_capacity = others.range_capacity;
}

/* Characters that a JSON string holds as escapes only. */
static uint32_t escaped(struct grammar_builder *b, uint32_t code, bool alone, uint32_t next)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *special = code ? strchr(from, (int)code) : NULL;
    if (special) {
        char text[2] = {'\\', to[special - from]};
        return grammar_text(b, slice_of(text, 2), next);
    }
    if (!alone)
        return GRAMMAR_AT_FAIL;
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]};
    return grammar_text(b, slice_of(text, 6), next);
}

static uint32_t class_code(struct grammar_builder *b, struct grammar_expr *chars,
                           enum grammar_chars how, uint32_t next)
{
    struct grammar_set ascii = {0};
    uint32_t ret = GRAMMAR_AT_FAIL;
    normalise(b, chars);
    bool alone = chars->range_count == 1 && chars->ranges[0].low == chars->ranges[0].high;
    for (size_t i = 0; i < chars->range_count && !b->err; i++) {
        struct grammar_range r = chars->ranges[i];
        for (; r.low <= r.high && r.low < 0x80; r.low++) {
            bool special = r.low < 0x20 || r.low == '"' || r.low == '\\';
            if (how == GRAMMAR_CHARS_JSON && special)
                ret = grammar_either(b, escaped(b, r.low, alone, next), ret);
            else if (how != GRAMMAR_CHARS_TAGGED || r.low != '<')
                grammar_set_add(&ascii, r.low, r.low);
        }
        if (r.low <= r.high)
            ret = grammar_either(b, grammar_utf8(b, r.low, r.high, next), ret);
    }
    return grammar_either(b, grammar_byte(b, &ascii, next), ret);
}

/* --- All of them --- */

static uint32_t repeat_code(struct grammar_builder *b, struct grammar_expr *expr,
                            enum grammar_chars how, uint32_t next)
{
    struct grammar_expr *item = expr->items[0];
    if (expr->max == 1) {
        uint32_t once = grammar_expr_code(b, item, how, next);
        return expr->min == 1 ? once : grammar_either(b, once, next);
    }
    uint32_t rule = item->rule;
    if (item->type != GRAMMAR_EXPR_RULE) {
        rule = grammar_rule(b, SLICE_NONE);
        grammar_define(b, rule, grammar_expr_code(b, item, how, GRAMMAR_AT_RETURN));
    }
    return grammar_call(b, rule, expr->min, expr->max, next);
}

/* Recursion is bounded: the parsers nest at most GRAMMAR_NEST_MAX deep. */
uint32_t grammar_expr_code(struct grammar_builder *b, struct grammar_expr *expr,
                           enum grammar_chars how, uint32_t next)
{
    uint32_t ret = GRAMMAR_AT_FAIL;
    if (b->err)
        return ret;
    switch (expr->type) {
    case GRAMMAR_EXPR_CHARS:
        return class_code(b, expr, how, next);
    case GRAMMAR_EXPR_SEQUENCE:
        for (size_t i = expr->item_count; i-- > 0;)
            next = grammar_expr_code(b, expr->items[i], how, next);
        return next;
    case GRAMMAR_EXPR_CHOICE:
        for (size_t i = expr->item_count; i-- > 0;)
            ret = grammar_either(b, grammar_expr_code(b, expr->items[i], how, next), ret);
        return ret;
    case GRAMMAR_EXPR_RULE:
        return grammar_call(b, expr->rule, 1, 1, next);
    case GRAMMAR_EXPR_REPEAT:
        return repeat_code(b, expr, how, next);
    }
    return ret;
}

/* --- Reading --- */

static bool read_number(struct slice text, size_t *at, uint32_t *ret)
{
    uint64_t value = 0;
    size_t start = *at;
    while (*at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9' && *at - start < 9)
        value = value * 10 + (uint64_t)(text.ptr[(*at)++] - '0');
    *ret = (uint32_t)value;
    return *at > start;
}

bool grammar_read_counts(struct slice text, size_t *at, uint32_t *ret_min, uint32_t *ret_max)
{
    size_t i = *at;
    uint32_t min, max;
    if (!read_number(text, &i, &min))
        return false;
    max = min;
    if (i < text.len && text.ptr[i] == ',') {
        i++;
        if (!read_number(text, &i, &max))
            max = GRAMMAR_MANY;
    }
    if (i >= text.len || text.ptr[i] != '}' || max < min)
        return false;
    *at = i + 1;
    *ret_min = min;
    *ret_max = max;
    return true;
}

bool grammar_read_hex(struct slice text, size_t *at, size_t digits, uint32_t *ret)
{
    uint32_t value = 0;
    if (text.len - *at < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        char c = text.ptr[*at + i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *at += digits;
    *ret = value;
    return true;
}
