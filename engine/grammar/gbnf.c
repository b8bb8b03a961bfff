/* GBNF, the notation that llama.cpp made for grammars: see engine.h for what it may hold. */
#include "engine/grammar/grammar.h"

#include <stdlib.h>

struct parser {
    struct grammar_builder *b;
    struct slice text;
    size_t at;
    int depth; /* of parentheses */
    bool *defined;
    uint32_t *slots; /* hash of the names: rule + 1 */
};

enum { NAME_SLOTS = 2 * GRAMMAR_TEXT_MAX, NAME_MAX_BYTES = 128 };

static int look(const struct parser *p)
{
    return p->at < p->text.len ? (unsigned char)p->text.ptr[p->at] : -1;
}

static void expected(struct parser *p, const char *what)
{
    size_t line = 1;
    for (size_t i = 0; i < p->at && i < p->text.len; i++)
        line += p->text.ptr[i] == '\n' ? 1 : 0;
    grammar_fail(p->b, BASE_ERR_BAD_VALUE, "GBNF, line %zu: expected %s", line, what);
}

/* White space and comments; line ends too where a rule cannot end. */
static void skip_space(struct parser *p, bool lines)
{
    for (int c = look(p); c >= 0; c = look(p)) {
        if (c == '#')
            while (look(p) >= 0 && look(p) != '\n')
                p->at++;
        else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))
            p->at++;
        else
            return;
    }
}

static bool take(struct parser *p, char c)
{
    if (look(p) != c)
        return false;
    p->at++;
    return true;
}

static bool is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static struct slice read_name(struct parser *p)
{
    size_t start = p->at;
    while (is_name(look(p)))
        p->at++;
    struct slice name = slice_sub(p->text, start, p->at - start);
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        expected(p, "a name of at most 128 characters");
    return name;
}

static uint32_t find_rule(struct parser *p, struct slice name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
    size_t at = (size_t)(h ^ (h >> 32)) % NAME_SLOTS;
    for (; p->slots[at] != 0; at = (at + 1) % NAME_SLOTS)
        if (slice_eq(p->b->rules[p->slots[at] - 1].name, name))
            return p->slots[at] - 1;
    uint32_t rule = grammar_rule(p->b, name);
    if (!p->b->err)
        p->slots[at] = rule + 1;
    return rule;
}

/* --- Characters --- */

/* Behind the backslash. */
static uint32_t read_escape(struct parser *p)
{
    static const char from[] = "nrt\\\"[]", to[] = "\n\r\t\\\"[]";
    int c = look(p);
    uint32_t code = 0;
    const char *simple = c > 0 ? strchr(from, c) : NULL;
    p->at++;
    if (simple)
        return (unsigned char)to[simple - from];
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || p->at > p->text.len || !grammar_read_hex(p->text, &p->at, digits, &code) ||
        code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        expected(p, "an escape: \\n \\r \\t \\\\ \\\" \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH");
    return code;
}

static uint32_t read_char(struct parser *p)
{
    uint32_t code = 0;
    if (take(p, '\\'))
        return read_escape(p);
    size_t len = slice_utf8_char(slice_sub(p->text, p->at, 4), &code);
    if (len == 0)
        expected(p, "a character in UTF-8");
    p->at += len;
    return code;
}

static struct grammar_expr *read_text(struct parser *p)
{
    struct grammar_expr *text = grammar_expr_new(p->b, GRAMMAR_EXPR_SEQUENCE);
    while (!p->b->err && !take(p, '"')) {
        if (look(p) < 0 || look(p) == '\n') {
            expected(p, "'\"' at the end of a text");
            break;
        }
        uint32_t code = read_char(p);
        struct grammar_expr *item = grammar_expr_new(p->b, GRAMMAR_EXPR_CHARS);
        grammar_expr_range(p->b, item, code, code);
        grammar_expr_add(p->b, text, item);
    }
    return text;
}

static struct grammar_expr *read_class(struct parser *p)
{
    struct grammar_expr *chars = grammar_expr_new(p->b, GRAMMAR_EXPR_CHARS);
    if (take(p, '^') && chars)
        chars->negated = true;
    while (!p->b->err && !take(p, ']')) {
        if (look(p) < 0 || look(p) == '\n') {
            expected(p, "']' at the end of a class");
            break;
        }
        uint32_t low = read_char(p), high = low;
        if (look(p) == '-' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] != ']') {
            p->at++;
            high = read_char(p);
        }
        if (high < low)
            expected(p, "a range that rises");
        grammar_expr_range(p->b, chars, low, high);
    }
    return chars;
}

/* --- Expressions --- */

static struct grammar_expr *read_choice(struct parser *p);

static struct grammar_expr *read_item(struct parser *p)
{
    struct grammar_expr *item = NULL;
    if (take(p, '"'))
        return read_text(p);
    if (take(p, '['))
        return read_class(p);
    if (take(p, '.')) {
        item = grammar_expr_new(p->b, GRAMMAR_EXPR_CHARS);
        if (item)
            item->negated = true; /* of nothing: any */
        return item;
    }
    if (take(p, '(')) {
        if (++p->depth > GRAMMAR_NEST_MAX) {
            grammar_fail(p->b, BASE_ERR_LIMIT, "GBNF: parentheses nest deeper than %d",
                         GRAMMAR_NEST_MAX);
            return NULL;
        }
        item = read_choice(p);
        p->depth--;
        skip_space(p, true);
        if (!take(p, ')'))
            expected(p, "')'");
        return item;
    }
    if (!is_name(look(p))) {
        expected(p, look(p) == '<' ? "text or a rule; tokens (<...>) are not supported"
                                   : "a text, a class, a rule or '('");
        return NULL;
    }
    item = grammar_expr_new(p->b, GRAMMAR_EXPR_RULE);
    struct slice name = read_name(p);
    if (!p->b->err)
        item->rule = find_rule(p, name);
    return item;
}

static struct grammar_expr *read_repeat(struct parser *p, struct grammar_expr *item)
{
    uint32_t min, max;
    if (take(p, '*')) {
        min = 0;
        max = GRAMMAR_MANY;
    } else if (take(p, '+')) {
        min = 1;
        max = GRAMMAR_MANY;
    } else if (take(p, '?')) {
        min = 0;
        max = 1;
    } else if (take(p, '{')) {
        if (!grammar_read_counts(p->text, &p->at, &min, &max)) {
            expected(p, "{times}, {least,} or {least,most}");
            return NULL;
        }
    } else {
        return item;
    }
    struct grammar_expr *repeat = grammar_expr_new(p->b, GRAMMAR_EXPR_REPEAT);
    if (repeat) {
        repeat->min = min;
        repeat->max = max;
        grammar_expr_add(p->b, repeat, item);
    }
    return repeat;
}

static bool at_item(const struct parser *p)
{
    int c = look(p);
    return c >= 0 && c != '|' && c != ')' && c != '\n' && c != '\r';
}

static struct grammar_expr *read_sequence(struct parser *p)
{
    struct grammar_expr *sequence = grammar_expr_new(p->b, GRAMMAR_EXPR_SEQUENCE);
    skip_space(p, p->depth > 0);
    while (!p->b->err && at_item(p)) {
        struct grammar_expr *item = read_item(p);
        if (!p->b->err)
            item = read_repeat(p, item);
        grammar_expr_add(p->b, sequence, item);
        skip_space(p, p->depth > 0);
    }
    return sequence;
}

/* Recursion is bounded by GRAMMAR_NEST_MAX. A line may begin with '|' to go on. */
static struct grammar_expr *read_choice(struct parser *p)
{
    struct grammar_expr *choice = grammar_expr_new(p->b, GRAMMAR_EXPR_CHOICE);
    for (bool more = true; more && !p->b->err;) {
        grammar_expr_add(p->b, choice, read_sequence(p));
        size_t end = p->at;
        skip_space(p, true);
        more = take(p, '|');
        if (more)
            skip_space(p, true);
        else
            p->at = end;
    }
    return choice;
}

static void set_defined(struct parser *p, uint32_t rule)
{
    if (p->b->err)
        return;
    if (p->defined[rule])
        expected(p, "each rule once; this one has been there before");
    p->defined[rule] = true;
}

static void read_rule(struct parser *p)
{
    struct slice name = read_name(p);
    if (p->b->err)
        return;
    uint32_t rule = find_rule(p, name);
    set_defined(p, rule);
    skip_space(p, false);
    if (!slice_starts_with(slice_sub(p->text, p->at, 3), SLICE("::="))) {
        expected(p, "'::='");
        return;
    }
    p->at += 3;
    skip_space(p, true);
    struct grammar_expr *choice = read_choice(p);
    if (p->b->err)
        return;
    grammar_define(p->b, rule,
                   grammar_expr_code(p->b, choice, GRAMMAR_CHARS_AS_THEY_ARE, GRAMMAR_AT_RETURN));
    skip_space(p, false);
    if (look(p) >= 0 && look(p) != '\n' && look(p) != '\r')
        expected(p, "the end of the line");
}

static uint32_t read_all(struct parser *p)
{
    struct grammar_builder *b = p->b;
    skip_space(p, true);
    while (p->at < p->text.len && !b->err) {
        read_rule(p);
        skip_space(p, true);
    }
    for (size_t i = 0; i < b->rule_count && !b->err; i++) {
        struct slice name = b->rules[i].name;
        if (!slice_is_absent(name) && !p->defined[i])
            grammar_fail(b, BASE_ERR_BAD_VALUE, "GBNF: the rule %.*s is used but not defined",
                         SLICE_ARG(name));
    }
    size_t before = b->rule_count;
    uint32_t root = b->err ? 0 : find_rule(p, SLICE("root"));
    if (!b->err && b->rule_count > before)
        grammar_fail(b, BASE_ERR_BAD_VALUE, "GBNF: there is no rule named root");
    return root;
}

uint32_t grammar_gbnf(struct grammar_builder *b, struct slice text)
{
    struct parser p = {.b = b, .text = text};
    if (text.len > GRAMMAR_TEXT_MAX)
        grammar_fail(b, BASE_ERR_TOO_LARGE, "a grammar of %zu bytes is too long; the most is %d",
                     text.len, GRAMMAR_TEXT_MAX);
    p.slots = arena_calloc(b->arena, NAME_SLOTS, sizeof(*p.slots));
    p.defined = arena_calloc(b->arena, GRAMMAR_RULES_MAX, sizeof(*p.defined));
    if (!p.slots || !p.defined)
        grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    return b->err ? 0 : read_all(&p);
}

enum base_err engine_grammar_from_gbnf(struct slice text, struct engine_grammar **ret_grammar,
                                       struct base_error *reterr)
{
    struct grammar_builder b;
    enum base_err err = grammar_begin(&b, reterr);
    if (err)
        return err;
    uint32_t root = grammar_gbnf(&b, text);
    return grammar_finish(&b, root, ret_grammar);
}
