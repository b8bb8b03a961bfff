/* The pieces that JSON is made of. */
#include "engine/grammar/grammar.h"

#include <stdio.h>

enum {
    INDENT_MAX = 20,   /* white space of one place: nothing, a space, or a line end and so many */
    INTEGER_MAX = 16,  /* digits of a number that nothing limits: all but the last are exact */
    FRACTION_MAX = 16, /* behind the point */
    EXPONENT_MAX = 2
};

static uint32_t text(struct grammar_builder *b, const char *bytes, uint32_t next)
{
    return grammar_text(b, slice_from_str(bytes), next);
}

static uint32_t space(struct grammar_builder *b, uint32_t next)
{
    return grammar_json(b, GRAMMAR_JSON_SPACE, next);
}

uint32_t grammar_json(struct grammar_builder *b, enum grammar_json_rule which, uint32_t next)
{
    return grammar_call(b, grammar_json_rule(b, which), 1, 1, next);
}

uint32_t grammar_comma(struct grammar_builder *b, uint32_t next)
{
    return space(b, text(b, ",", space(b, next)));
}

static uint32_t make_space(struct grammar_builder *b)
{
    struct grammar_set blanks = {0};
    uint32_t blank = grammar_rule(b, SLICE_NONE);
    grammar_set_add(&blanks, ' ', ' ');
    grammar_set_add(&blanks, '\t', '\t');
    grammar_define(b, blank, grammar_byte(b, &blanks, GRAMMAR_AT_RETURN));
    uint32_t line = text(b, "\n", grammar_call(b, blank, 0, INDENT_MAX, GRAMMAR_AT_RETURN));
    uint32_t some = grammar_either(b, text(b, " ", GRAMMAR_AT_RETURN), line);
    return grammar_either(b, GRAMMAR_AT_RETURN, some);
}

static uint32_t hex(struct grammar_builder *b, const char *low_high, uint32_t next)
{
    struct grammar_set set = {0};
    for (const char *p = low_high; *p; p += 2)
        grammar_set_add(&set, (unsigned char)p[0], (unsigned char)p[1]);
    return grammar_byte(b, &set, next);
}

/* \uXXXX, but for \u0000, which many readers refuse; the halves of a pair only together. */
static uint32_t unicode_escape(struct grammar_builder *b)
{
    static const char any[] = "09afAF", not_zero[] = "19afAF";
    uint32_t one = hex(b, any, GRAMMAR_AT_RETURN);
    uint32_t two = hex(b, any, one), three = hex(b, any, two);
    uint32_t small = hex(b, "00", hex(b, not_zero, GRAMMAR_AT_RETURN));
    small = hex(b, "00", grammar_either(b, small, hex(b, not_zero, one)));
    small = hex(b, "00", grammar_either(b, small, hex(b, not_zero, two)));
    uint32_t plain = grammar_either(b, small, hex(b, "19acefACEF", three));
    plain = grammar_either(b, plain, hex(b, "ddDD", hex(b, "07", two)));
    uint32_t second = text(b, "\\u", hex(b, "ddDD", hex(b, "cfCF", two)));
    uint32_t first = hex(b, "ddDD", hex(b, "89abAB", hex(b, any, hex(b, any, second))));
    return text(b, "u", grammar_either(b, plain, first));
}

static uint32_t make_char(struct grammar_builder *b)
{
    struct grammar_set plain = {0}, special = {0};
    grammar_set_add(&plain, 0x20, '"' - 1);
    grammar_set_add(&plain, '"' + 1, '\\' - 1);
    grammar_set_add(&plain, '\\' + 1, 0x7f);
    for (const char *p = "\"\\/bfnrt"; *p; p++)
        grammar_set_add(&special, (unsigned char)*p, (unsigned char)*p);
    uint32_t escape = grammar_byte(b, &special, GRAMMAR_AT_RETURN);
    escape = text(b, "\\", grammar_either(b, escape, unicode_escape(b)));
    uint32_t wide = grammar_utf8(b, 0x80, 0x10ffff, GRAMMAR_AT_RETURN);
    uint32_t ascii = grammar_byte(b, &plain, GRAMMAR_AT_RETURN);
    return grammar_either(b, ascii, grammar_either(b, wide, escape));
}

static uint32_t make_string(struct grammar_builder *b)
{
    uint32_t rest = grammar_call(b, grammar_json_rule(b, GRAMMAR_JSON_CHAR), 0, GRAMMAR_MANY,
                                 text(b, "\"", GRAMMAR_AT_RETURN));
    return text(b, "\"", rest);
}

static uint32_t make_digit(struct grammar_builder *b)
{
    return grammar_bytes(b, '0', '9', GRAMMAR_AT_RETURN);
}

static uint32_t digits(struct grammar_builder *b, uint32_t min, uint32_t max, uint32_t next)
{
    return grammar_call(b, grammar_json_rule(b, GRAMMAR_JSON_DIGIT), min, max, next);
}

static uint32_t make_integer(struct grammar_builder *b)
{
    uint32_t end = GRAMMAR_AT_RETURN;
    uint32_t number = grammar_bytes(b, '1', '9', digits(b, 0, INTEGER_MAX - 1, end));
    number = grammar_either(b, text(b, "0", end), number);
    return grammar_either(b, number, text(b, "-", number));
}

/* A fraction or nothing. */
static uint32_t fraction(struct grammar_builder *b, uint32_t next)
{
    return grammar_either(b, next, text(b, ".", digits(b, 1, FRACTION_MAX, next)));
}

static uint32_t make_number(struct grammar_builder *b)
{
    struct grammar_set sign = {0}, letter = {0};
    grammar_set_add(&sign, '+', '+');
    grammar_set_add(&sign, '-', '-');
    grammar_set_add(&letter, 'e', 'e');
    grammar_set_add(&letter, 'E', 'E');
    uint32_t power = digits(b, 1, EXPONENT_MAX, GRAMMAR_AT_RETURN);
    power = grammar_byte(b, &letter, grammar_either(b, power, grammar_byte(b, &sign, power)));
    uint32_t rest = fraction(b, grammar_either(b, GRAMMAR_AT_RETURN, power));
    return grammar_json(b, GRAMMAR_JSON_INTEGER, rest);
}

/* open, then `item` as often as there are, then close. */
static uint32_t list_of(struct grammar_builder *b, const char *open, uint32_t item,
                        const char *close)
{
    uint32_t more = grammar_rule(b, SLICE_NONE);
    grammar_define(b, more, grammar_comma(b, grammar_call(b, item, 1, 1, GRAMMAR_AT_RETURN)));
    uint32_t end = space(b, text(b, close, GRAMMAR_AT_RETURN));
    uint32_t items = grammar_call(b, item, 1, 1, grammar_call(b, more, 0, GRAMMAR_MANY, end));
    uint32_t empty = text(b, close, GRAMMAR_AT_RETURN);
    return text(b, open, space(b, grammar_either(b, items, empty)));
}

static uint32_t make_object(struct grammar_builder *b)
{
    uint32_t member = grammar_rule(b, SLICE_NONE);
    uint32_t value = space(b, grammar_json(b, GRAMMAR_JSON_VALUE, GRAMMAR_AT_RETURN));
    grammar_define(b, member, grammar_json(b, GRAMMAR_JSON_STRING, text(b, ":", value)));
    return list_of(b, "{", member, "}");
}

static uint32_t make_array(struct grammar_builder *b)
{
    return list_of(b, "[", grammar_json_rule(b, GRAMMAR_JSON_VALUE), "]");
}

static uint32_t make_value(struct grammar_builder *b)
{
    uint32_t end = GRAMMAR_AT_RETURN;
    uint32_t ret = grammar_either(b, text(b, "true", end), text(b, "false", end));
    ret = grammar_either(b, text(b, "null", end), ret);
    for (enum grammar_json_rule rule = GRAMMAR_JSON_STRING; rule < GRAMMAR_JSON_VALUE; rule++)
        if (rule != GRAMMAR_JSON_DIGIT && rule != GRAMMAR_JSON_INTEGER)
            ret = grammar_either(b, grammar_json(b, rule, end), ret);
    return ret;
}

uint32_t grammar_json_rule(struct grammar_builder *b, enum grammar_json_rule which)
{
    static uint32_t (*const makers[GRAMMAR_JSON_RULE_COUNT])(struct grammar_builder *) = {
        [GRAMMAR_JSON_SPACE] = make_space,     [GRAMMAR_JSON_CHAR] = make_char,
        [GRAMMAR_JSON_STRING] = make_string,   [GRAMMAR_JSON_DIGIT] = make_digit,
        [GRAMMAR_JSON_INTEGER] = make_integer, [GRAMMAR_JSON_NUMBER] = make_number,
        [GRAMMAR_JSON_OBJECT] = make_object,   [GRAMMAR_JSON_ARRAY] = make_array,
        [GRAMMAR_JSON_VALUE] = make_value,
    };
    if (b->json_rules[which] == 0 && !b->err) {
        uint32_t rule = grammar_rule(b, SLICE_NONE);
        b->json_rules[which] = rule + 1; /* before it is made: values hold values */
        grammar_define(b, rule, makers[which](b));
    }
    return b->err ? 0 : b->json_rules[which] - 1;
}

enum base_err engine_grammar_json(bool object_only, struct engine_grammar **ret_grammar,
                                  struct base_error *reterr)
{
    struct grammar_builder b;
    enum base_err err = grammar_begin(&b, reterr);
    if (err)
        return err;
    uint32_t root = grammar_json_rule(&b, object_only ? GRAMMAR_JSON_OBJECT : GRAMMAR_JSON_VALUE);
    return grammar_finish(&b, root, ret_grammar);
}

/* --- Numbers within limits --- */

enum { DIGITS_MAX = 19 };

static size_t write_digits(uint64_t value, char out[DIGITS_MAX + 2])
{
    return (size_t)snprintf(out, DIGITS_MAX + 2, "%llu", (unsigned long long)value);
}

static uint32_t digit_between(struct grammar_builder *b, int low, int high, uint32_t next)
{
    return low > high ? GRAMMAR_AT_FAIL : grammar_bytes(b, (unsigned)low, (unsigned)high, next);
}

/* Numbers of one length, digit by digit from the last one. What follows a digit depends on whether
 * all digits so far are those of the lower limit, of the upper one, of both, or of neither. */
static uint32_t same_length(struct grammar_builder *b, const char *low, const char *high,
                            size_t len, uint32_t next)
{
    uint32_t after[2][2] = {{next, next}, {next, next}};
    for (size_t i = len; i-- > 0;) {
        uint32_t now[2][2];
        for (int at_low = 0; at_low < 2; at_low++)
            for (int at_high = 0; at_high < 2; at_high++) {
                int from = at_low ? low[i] : '0', to = at_high ? high[i] : '9';
                uint32_t ret = GRAMMAR_AT_FAIL;
                if (at_low && at_high && from == to) {
                    ret = digit_between(b, from, to, after[1][1]);
                } else {
                    if (at_low)
                        ret = digit_between(b, from, from, after[1][0]);
                    if (at_high && to >= from)
                        ret = grammar_either(b, digit_between(b, to, to, after[0][1]), ret);
                    uint32_t middle = digit_between(b, from + at_low, to - at_high, after[0][0]);
                    ret = grammar_either(b, middle, ret);
                }
                now[at_low][at_high] = ret;
            }
        memcpy(after, now, sizeof(after));
    }
    return after[1][1];
}

uint32_t grammar_digits(struct grammar_builder *b, uint64_t low, uint64_t high, uint32_t next)
{
    uint32_t ret = GRAMMAR_AT_FAIL;
    uint64_t least = 0, most = 9; /* of one length */
    for (size_t len = 1; len <= DIGITS_MAX - 1 && least <= high; len++) {
        uint64_t from = low > least ? low : least, to = high < most ? high : most;
        char first[DIGITS_MAX + 2], last[DIGITS_MAX + 2];
        if (from <= to) {
            (void)write_digits(from, first);
            (void)write_digits(to, last);
            ret = grammar_either(b, same_length(b, first, last, len, next), ret);
        }
        least = most + 1;
        most = most * 10 + 9;
    }
    return ret;
}

uint32_t grammar_integers(struct grammar_builder *b, int64_t low, int64_t high, uint32_t next)
{
    uint32_t ret = GRAMMAR_AT_FAIL;
    if (high >= 0)
        ret = grammar_digits(b, low > 0 ? (uint64_t)low : 0, (uint64_t)high, next);
    if (low < 0) {
        uint32_t negative = grammar_digits(b, high < 0 ? (uint64_t)-high : 1, (uint64_t)-low, next);
        ret = grammar_either(b, ret, text(b, "-", negative));
    }
    return ret;
}

/* Magnitudes from low to high, with a fraction where it does not lead beyond `high`. */
static uint32_t magnitudes(struct grammar_builder *b, uint64_t low, uint64_t high, uint32_t next)
{
    uint32_t ret = grammar_digits(b, high, high, next);
    if (high > low)
        ret = grammar_either(b, grammar_digits(b, low, high - 1, fraction(b, next)), ret);
    return ret;
}

uint32_t grammar_decimals(struct grammar_builder *b, int64_t low, int64_t high, uint32_t next)
{
    uint32_t ret = GRAMMAR_AT_FAIL;
    if (high >= 0)
        ret = magnitudes(b, low > 0 ? (uint64_t)low : 0, (uint64_t)high, next);
    if (low < 0) {
        uint32_t negative = magnitudes(b, high < 0 ? (uint64_t)-high : 0, (uint64_t)-low, next);
        ret = grammar_either(b, ret, text(b, "-", negative));
    }
    return ret;
}

/* --- Strings --- */

void grammar_write_string(struct buffer *out, struct slice s)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    (void)buffer_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        const char *special = c ? strchr(from, c) : NULL;
        if (special)
            (void)buffer_addf(out, "\\%c", to[special - from]);
        else if (c < 0x20)
            (void)buffer_addf(out, "\\u%04x", c);
        else
            (void)buffer_add_char(out, (char)c);
    }
    (void)buffer_add_char(out, '"');
}
