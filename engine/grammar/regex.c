/*
 * The `pattern` of a schema: the part of ECMA-262's regular expressions that describes plain text.
 * Characters, classes, \d \w \s and their opposites, groups, choices, counts; ^ at the start and
 * $ at the end. Without them the pattern may stand anywhere in the string.
 */
#include "engine/grammar/grammar.h"

struct parser {
    struct grammar_builder *b;
    struct slice text, path;
    size_t at;
    int depth;
};

static void unsupported(struct parser *p, const char *what)
{
    grammar_fail(p->b, BASE_ERR_UNSUPPORTED, "%.*s: %s at character %zu of the pattern",
                 SLICE_ARG(p->path), what, p->at + 1);
}

static int look(const struct parser *p)
{
    return p->at < p->text.len ? (unsigned char)p->text.ptr[p->at] : -1;
}

static bool take(struct parser *p, char c)
{
    if (look(p) != c)
        return false;
    p->at++;
    return true;
}

/* --- Classes --- */

struct shorthand {
    char letter;
    uint8_t count;
    struct grammar_range ranges[10];
};

static const struct shorthand shorthands[] = {
    {'d', 1, {{'0', '9'}}},
    {'w', 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {'s',
     9,
     {{9, 13},
      {32, 32},
      {160, 160},
      {0x1680, 0x1680},
      {0x2000, 0x200a},
      {0x2028, 0x2029},
      {0xfeff, 0xfeff},
      {0x202f, 0x202f},
      {0x205f, 0x205f},
      {0x3000, 0x3000}}},
    {'D', 2, {{0, '0' - 1}, {'9' + 1, 0x10ffff}}},
    {'W',
     5,
     {{0, '0' - 1}, {'9' + 1, 'A' - 1}, {'Z' + 1, '_' - 1}, {'`', '`'}, {'z' + 1, 0x10ffff}}},
    {'S',
     4,
     {{33, 132}, {161, 0x167f}, {0x3001, 0xfefe}, {0xff00, 0x10ffff}}}, /* the common ones */
};

static bool add_shorthand(struct parser *p, struct grammar_expr *chars, int letter)
{
    for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++) {
        if (shorthands[i].letter != letter)
            continue;
        for (uint8_t k = 0; k < shorthands[i].count; k++)
            grammar_expr_range(p->b, chars, shorthands[i].ranges[k].low,
                               shorthands[i].ranges[k].high);
        return true;
    }
    return false;
}

/* Behind the backslash: one character. */
static uint32_t read_escape(struct parser *p)
{
    static const char from[] = "nrtfv0", to[] = "\n\r\t\f\v";
    static const char plain[] = "^$\\.*+?()[]{}|/-\"'@#%&=:;,<>!~` _";
    int c = look(p);
    uint32_t code = 0;
    const char *simple = c > 0 ? strchr(from, c) : NULL;
    p->at++;
    if (simple)
        return (unsigned char)to[simple - from];
    if (c > 0 && strchr(plain, c))
        return (uint32_t)c;
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    if (digits == 0 || !grammar_read_hex(p->text, &p->at, digits, &code) ||
        (code >= 0xd800 && code <= 0xdfff))
        unsupported(p, "this escape is not supported,");
    return code;
}

static uint32_t read_char(struct parser *p)
{
    uint32_t code = 0;
    if (take(p, '\\'))
        return read_escape(p);
    size_t len = slice_utf8_char(slice_sub(p->text, p->at, 4), &code);
    if (len == 0)
        unsupported(p, "a character is not UTF-8");
    p->at += len;
    return code;
}

static bool at_shorthand(const struct parser *p)
{
    return look(p) == '\\' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] &&
           strchr("dwsDWS", p->text.ptr[p->at + 1]);
}

static struct grammar_expr *read_class(struct parser *p)
{
    struct grammar_expr *chars = grammar_expr_new(p->b, GRAMMAR_EXPR_CHARS);
    bool partial = false;
    if (take(p, '^') && chars)
        chars->negated = true;
    while (!p->b->err && !take(p, ']')) {
        if (look(p) < 0) {
            unsupported(p, "a class without ']'");
        } else if (at_shorthand(p)) {
            p->at += 2;
            partial |= p->text.ptr[p->at - 1] == 'S';
            (void)add_shorthand(p, chars, p->text.ptr[p->at - 1]);
        } else {
            uint32_t low = read_char(p), high = low;
            if (look(p) == '-' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] != ']') {
                p->at++;
                if (at_shorthand(p))
                    unsupported(p, "a range that ends in a class");
                high = read_char(p);
            }
            if (high < low)
                unsupported(p, "a range that falls");
            grammar_expr_range(p->b, chars, low, high);
        }
    }
    if (chars && chars->negated && partial)
        unsupported(p, "\\S in a negated class is not supported; it ends");
    return chars;
}

/* --- Expressions --- */

static struct grammar_expr *read_choice(struct parser *p);

static struct grammar_expr *read_group(struct parser *p)
{
    if (take(p, '?') && !take(p, ':')) {
        unsupported(p, "only groups (...) and (?:...) are supported, another is");
        return NULL;
    }
    if (++p->depth > GRAMMAR_NEST_MAX) {
        unsupported(p, "groups nest too deep");
        return NULL;
    }
    struct grammar_expr *item = read_choice(p);
    p->depth--;
    if (!take(p, ')'))
        unsupported(p, "a group without ')'");
    return item;
}

static struct grammar_expr *read_item(struct parser *p)
{
    int c = look(p);
    if (take(p, '('))
        return read_group(p);
    if (take(p, '['))
        return read_class(p);
    if (c == '^' || c == '$') {
        unsupported(p, "^ and $ are supported at the two ends of a pattern without a choice only, "
                       "one is");
        return NULL;
    }
    if (c == '*' || c == '+' || c == '?' || c == '{' || c == '}' || c == ']') {
        unsupported(p, "a sign that must be escaped here is");
        return NULL;
    }
    struct grammar_expr *chars = grammar_expr_new(p->b, GRAMMAR_EXPR_CHARS);
    if (at_shorthand(p)) {
        p->at += 2;
        (void)add_shorthand(p, chars, p->text.ptr[p->at - 1]);
    } else if (take(p, '.')) {
        if (chars)
            chars->negated = true;
        grammar_expr_range(p->b, chars, '\n', '\n');
        grammar_expr_range(p->b, chars, '\r', '\r');
        grammar_expr_range(p->b, chars, 0x2028, 0x2029);
    } else {
        uint32_t code = read_char(p);
        grammar_expr_range(p->b, chars, code, code);
    }
    return chars;
}

static struct grammar_expr *read_repeat(struct parser *p, struct grammar_expr *item)
{
    uint32_t min = 0, max = GRAMMAR_MANY;
    if (take(p, '+'))
        min = 1;
    else if (take(p, '?'))
        max = 1;
    else if (take(p, '{')) {
        if (!grammar_read_counts(p->text, &p->at, &min, &max)) {
            unsupported(p, "counts other than {n}, {n,} and {n,m} are not supported; they are");
            return NULL;
        }
    } else if (!take(p, '*'))
        return item;
    if (look(p) == '?' || look(p) == '+' || look(p) == '*' || look(p) == '{') {
        unsupported(p, "a count behind a count is not supported; it is");
        return NULL;
    }
    struct grammar_expr *repeat = grammar_expr_new(p->b, GRAMMAR_EXPR_REPEAT);
    if (repeat) {
        repeat->min = min;
        repeat->max = max;
        grammar_expr_add(p->b, repeat, item);
    }
    return repeat;
}

static struct grammar_expr *read_sequence(struct parser *p)
{
    struct grammar_expr *sequence = grammar_expr_new(p->b, GRAMMAR_EXPR_SEQUENCE);
    while (!p->b->err && look(p) >= 0 && look(p) != '|' && look(p) != ')') {
        struct grammar_expr *item = read_item(p);
        if (!p->b->err)
            item = read_repeat(p, item);
        grammar_expr_add(p->b, sequence, item);
    }
    return sequence;
}

/* Recursion is bounded by GRAMMAR_NEST_MAX. */
static struct grammar_expr *read_choice(struct parser *p)
{
    struct grammar_expr *choice = grammar_expr_new(p->b, GRAMMAR_EXPR_CHOICE);
    do
        grammar_expr_add(p->b, choice, read_sequence(p));
    while (!p->b->err && take(p, '|'));
    return choice;
}

/* Any one character. */
static uint32_t any_char(struct grammar_builder *b, enum grammar_chars how)
{
    if (how == GRAMMAR_CHARS_JSON)
        return grammar_json_rule(b, GRAMMAR_JSON_CHAR);
    struct grammar_expr *any = grammar_expr_new(b, GRAMMAR_EXPR_CHARS);
    uint32_t rule = grammar_rule(b, SLICE_NONE);
    if (any)
        grammar_expr_range(b, any, 0, 0x10ffff);
    if (any)
        grammar_define(b, rule, grammar_expr_code(b, any, how, GRAMMAR_AT_RETURN));
    return rule;
}

uint32_t grammar_regex(struct grammar_builder *b, struct slice pattern, struct slice path,
                       enum grammar_chars how, uint32_t next)
{
    struct parser p = {.b = b, .text = pattern, .path = path};
    bool from_start = slice_starts_with(pattern, SLICE("^"));
    bool to_end = false;
    size_t slashes = 0; /* before a '$' at the end: an odd number escapes it */
    while (slashes + 1 < pattern.len && pattern.ptr[pattern.len - 2 - slashes] == '\\')
        slashes++;
    if (slice_ends_with(pattern, SLICE("$")) && slashes % 2 == 0) {
        to_end = true;
        p.text.len--;
    }
    p.at = from_start ? 1 : 0;
    struct grammar_expr *choice = read_choice(&p);
    if (!b->err && p.at < p.text.len)
        unsupported(&p, "')' without '('");
    if (!b->err && choice->item_count > 1 && (from_start || to_end))
        unsupported(&p, "^ and $ beside a choice need parentheses around the choice; it ends");
    if (b->err)
        return GRAMMAR_AT_FAIL;
    uint32_t any = any_char(b, how);
    if (!to_end)
        next = grammar_call(b, any, 0, GRAMMAR_MANY, next);
    next = grammar_expr_code(b, choice, how, next);
    return from_start ? next : grammar_call(b, any, 0, GRAMMAR_MANY, next);
}
