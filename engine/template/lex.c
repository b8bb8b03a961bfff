/* Source to tokens: text with Jinja's whitespace rules, and what stands between {{ }} and {% %}. */
#include "engine/template/internal.h"

#include "engine/unicode/unicode.h"

struct lexer {
    struct arena *arena;
    struct slice source; /* line ends are all \n */
    size_t at;
    uint32_t line;
    bool line_start; /* what came before ended in a newline */
    struct jinja_token *tokens;
    size_t count, capacity;
    struct base_error *reterr;
};

static enum base_err fail(const struct lexer *lx, enum base_err code, const char *what)
{
    return base_error_set(lx->reterr, code, "template line %u: %s", lx->line, what);
}

static enum base_err add(struct lexer *lx, enum jinja_token_type type, struct slice text)
{
    if (!arena_grow(lx->arena, (void **)&lx->tokens, lx->count, &lx->capacity, sizeof(*lx->tokens)))
        return base_error_set(lx->reterr, BASE_ERR_NO_MEMORY, "no memory for a template");
    lx->tokens[lx->count++] = (struct jinja_token){type, lx->line, text};
    return BASE_OK;
}

static bool starts(const struct lexer *lx, size_t at, const char *text)
{
    return slice_starts_with(slice_sub(lx->source, at, SIZE_MAX), slice_from_str(text));
}

static char at_or_nul(const struct lexer *lx, size_t at)
{
    return at < lx->source.len ? lx->source.ptr[at] : '\0';
}

/* Python's str.isspace(): the property White_Space and four separators. */
static bool is_space(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_SPACE || (c.code >= 0x1c && c.code <= 0x1f);
}

static struct slice trim_right(struct slice text)
{
    while (text.len > 0) {
        size_t start = engine_unicode_before(text, text.len);
        if (!is_space(engine_unicode_at(text, start)))
            break;
        text.len = start;
    }
    return text;
}

static void move_to(struct lexer *lx, size_t to)
{
    for (size_t i = lx->at; i < to; i++)
        lx->line += lx->source.ptr[i] == '\n';
    lx->at = to;
}

static void skip_spaces(struct lexer *lx)
{
    for (;;) {
        struct engine_unicode_char c = engine_unicode_at(lx->source, lx->at);
        if (!is_space(c))
            return;
        move_to(lx, lx->at + c.len);
    }
}

/* lstrip_blocks: blanks between the start of the line and a block or comment go. */
static struct slice strip_line(const struct lexer *lx, struct slice text)
{
    size_t line = text.len;
    while (line > 0 && text.ptr[line - 1] != '\n')
        line--;
    if (line == 0 && !lx->line_start)
        return text;
    struct slice rest = slice_sub(text, line, SIZE_MAX);
    return trim_right(rest).len == 0 ? slice_sub(text, 0, line) : text;
}

/* The text before the tag at `tag`, and its first two or three bytes. */
static enum base_err lex_text(struct lexer *lx, size_t tag)
{
    struct slice text = slice_sub(lx->source, lx->at, tag - lx->at);
    char sign = at_or_nul(lx, tag + 2);
    if (sign == '-')
        text = trim_right(text);
    else if (sign != '+' && at_or_nul(lx, tag + 1) != '{')
        text = strip_line(lx, text);
    enum base_err err = text.len > 0 ? add(lx, JINJA_TOKEN_TEXT, text) : BASE_OK;
    move_to(lx, tag + 2 + (sign == '-' || sign == '+' ? 1 : 0));
    return err;
}

/* After the end of a block or comment (trim_blocks), or of {{ }}. */
static void end_tag(struct lexer *lx, bool trimmed, bool minus, bool plus)
{
    size_t from = lx->at;
    if (minus)
        skip_spaces(lx);
    else if (trimmed && !plus && at_or_nul(lx, lx->at) == '\n')
        move_to(lx, lx->at + 1);
    lx->line_start = lx->at > from && lx->source.ptr[lx->at - 1] == '\n';
}

static enum base_err lex_comment(struct lexer *lx)
{
    size_t end = slice_find(slice_sub(lx->source, lx->at, SIZE_MAX), SLICE("#}"));
    if (end == SIZE_MAX)
        return fail(lx, BASE_ERR_BAD_VALUE, "a comment has no end, #} is missing");
    char sign = end > 0 ? lx->source.ptr[lx->at + end - 1] : '\0';
    move_to(lx, lx->at + end + 2);
    end_tag(lx, true, sign == '-', sign == '+');
    return BASE_OK;
}

/* --- Inside tags --- */

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum base_err lex_number(struct lexer *lx)
{
    size_t start = lx->at, at = start;
    bool is_float = false;
    while (is_digit(at_or_nul(lx, at)))
        at++;
    if (at_or_nul(lx, at) == '.' && is_digit(at_or_nul(lx, at + 1))) {
        is_float = true;
        for (at++; is_digit(at_or_nul(lx, at));)
            at++;
    }
    char e = at_or_nul(lx, at), sign = at_or_nul(lx, at + 1);
    bool has_sign = sign == '+' || sign == '-';
    if ((e == 'e' || e == 'E') && is_digit(at_or_nul(lx, at + (has_sign ? 2 : 1)))) {
        is_float = true;
        for (at += has_sign ? 2 : 1; is_digit(at_or_nul(lx, at));)
            at++;
    }
    if (is_name_char(at_or_nul(lx, at), false))
        return fail(lx, BASE_ERR_UNSUPPORTED, "only decimal numbers are supported");
    move_to(lx, at);
    return add(lx, is_float ? JINJA_TOKEN_FLOAT : JINJA_TOKEN_INT,
               slice_sub(lx->source, start, at - start));
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* \xHH, \uHHHH, \UHHHHHHHH; `at` is behind the letter. */
static bool read_hex(const struct lexer *lx, size_t at, int digits, uint32_t *ret)
{
    uint32_t code = 0;
    for (int i = 0; i < digits; i++) {
        int digit = hex_value(at_or_nul(lx, at + (size_t)i));
        if (digit < 0)
            return false;
        code = code << 4 | (uint32_t)digit;
    }
    *ret = code;
    return code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
}

/* Python's escapes, apart from \N{} and octal ones; one that is not known stays as it is. Returns
 * the place behind it, or 0. */
static size_t lex_escape(const struct lexer *lx, size_t at, char *out, size_t *len)
{
    static const char from[] = "\\'\"nrtabfv", to[] = "\\'\"\n\r\t\a\b\f\v";
    char c = at_or_nul(lx, at);
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        out[(*len)++] = to[simple - from];
        return at + 1;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
        uint32_t code;
        if (!read_hex(lx, at + 1, digits, &code))
            return 0;
        *len += engine_unicode_write(code, out + *len);
        return at + 1 + (size_t)digits;
    }
    if (is_digit(c) || c == 'N')
        return 0;
    if (c == '\n') /* a line continued */
        return at + 1;
    out[(*len)++] = '\\';
    return at;
}

static enum base_err lex_string(struct lexer *lx)
{
    char quote = lx->source.ptr[lx->at];
    size_t at = lx->at + 1, end = at, len = 0;
    while (end < lx->source.len && lx->source.ptr[end] != quote)
        end += lx->source.ptr[end] == '\\' ? 2 : 1;
    if (end >= lx->source.len)
        return fail(lx, BASE_ERR_BAD_VALUE, "a text has no end, its quote is missing");
    char *out = arena_alloc(lx->arena, end - at);
    if (!out)
        return base_error_set(lx->reterr, BASE_ERR_NO_MEMORY, "no memory for a template");
    while (at < end) {
        if (lx->source.ptr[at] != '\\') {
            out[len++] = lx->source.ptr[at++];
            continue;
        }
        at = lex_escape(lx, at + 1, out, &len);
        if (at == 0)
            return fail(lx, BASE_ERR_UNSUPPORTED, "a text has an escape that is not supported");
    }
    enum base_err err = add(lx, JINJA_TOKEN_STRING, slice_of(out, len));
    move_to(lx, end + 1);
    return err;
}

static enum base_err lex_op(struct lexer *lx)
{
    static const char *const ops[] = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "*",
                                      "/",  "%",  "~",  "<",  ">",  "=",  "(", ")", "[",
                                      "]",  "{",  "}",  ",",  ":",  ".",  "|", ";"};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (!starts(lx, lx->at, ops[i]))
            continue;
        enum base_err err = add(lx, JINJA_TOKEN_OP, slice_from_str(ops[i]));
        move_to(lx, lx->at + strlen(ops[i]));
        return err;
    }
    return fail(lx, BASE_ERR_BAD_VALUE, "a character has no meaning inside {{ }} and {% %}");
}

static enum base_err lex_inside(struct lexer *lx)
{
    char c = at_or_nul(lx, lx->at);
    if (is_digit(c))
        return lex_number(lx);
    if (c == '"' || c == '\'')
        return lex_string(lx);
    if (!is_name_char(c, true))
        return lex_op(lx);
    size_t end = lx->at;
    while (is_name_char(at_or_nul(lx, end), false))
        end++;
    enum base_err err = add(lx, JINJA_TOKEN_NAME, slice_sub(lx->source, lx->at, end - lx->at));
    lx->at = end;
    return err;
}

/* Up to and with the end of the tag. Braces of maps are counted, as {{ {'a': {}} }} needs. */
static enum base_err lex_tag(struct lexer *lx, bool block)
{
    const char *close = block ? "%}" : "}}";
    int braces = 0;
    uint32_t line = lx->line;
    enum base_err err =
        add(lx, block ? JINJA_TOKEN_BLOCK_BEGIN : JINJA_TOKEN_PRINT_BEGIN, SLICE(""));
    while (!err) {
        skip_spaces(lx);
        if (lx->at >= lx->source.len) {
            lx->line = line;
            return fail(lx, BASE_ERR_BAD_VALUE, block ? "%} is missing" : "}} is missing");
        }
        char c = lx->source.ptr[lx->at];
        size_t sign = (c == '-' || (c == '+' && block)) ? 1 : 0;
        if (braces == 0 && starts(lx, lx->at + sign, close)) {
            err = add(lx, block ? JINJA_TOKEN_BLOCK_END : JINJA_TOKEN_PRINT_END, SLICE(""));
            move_to(lx, lx->at + sign + 2);
            end_tag(lx, block, c == '-', c == '+');
            return err;
        }
        braces += c == '{' ? 1 : c == '}' ? -1 : 0;
        err = braces < 0 ? fail(lx, BASE_ERR_BAD_VALUE, "} without {") : lex_inside(lx);
    }
    return err;
}

/* True when `{% name %}` stands at lx->at; its length. */
static bool is_block(const struct lexer *lx, const char *name, size_t *ret_len)
{
    struct lexer probe = *lx;
    if (!starts(lx, lx->at, "{%"))
        return false;
    char sign = at_or_nul(lx, lx->at + 2);
    probe.at += sign == '-' || sign == '+' ? 3 : 2;
    skip_spaces(&probe);
    if (!starts(lx, probe.at, name))
        return false;
    probe.at += strlen(name);
    skip_spaces(&probe);
    sign = at_or_nul(lx, probe.at);
    probe.at += sign == '-' || sign == '+' ? 1 : 0;
    *ret_len = probe.at + 2 - lx->at;
    return starts(lx, probe.at, "%}");
}

/* Behind {% raw %}, which ends at `from`: the body is text, and its first newline stays. */
static enum base_err lex_raw(struct lexer *lx, size_t from)
{
    size_t len = 0;
    move_to(lx, from);
    if (lx->source.ptr[lx->at - 3] == '-')
        skip_spaces(lx);
    lx->line_start = lx->source.ptr[lx->at - 1] == '\n';
    struct lexer end = *lx;
    while (end.at < lx->source.len && !is_block(&end, "endraw", &len))
        end.at++;
    if (end.at == lx->source.len)
        return fail(lx, BASE_ERR_BAD_VALUE, "endraw is missing");
    enum base_err err = lex_text(lx, end.at);
    move_to(lx, end.at + len);
    char sign = lx->source.ptr[lx->at - 3];
    end_tag(lx, true, sign == '-', sign == '+');
    return err;
}

/* \r\n and \r become \n; one newline at the very end goes. */
static enum base_err normalise(struct lexer *lx, struct slice source)
{
    char *copy = arena_alloc(lx->arena, source.len + 1);
    if (!copy)
        return base_error_set(lx->reterr, BASE_ERR_NO_MEMORY, "no memory for a template");
    size_t len = 0;
    for (size_t i = 0; i < source.len; i++) {
        bool cr = source.ptr[i] == '\r';
        copy[len++] = cr ? '\n' : source.ptr[i];
        if (cr && i + 1 < source.len && source.ptr[i + 1] == '\n')
            i++;
    }
    if (len > 0 && copy[len - 1] == '\n')
        len--;
    lx->source = slice_of(copy, len);
    return BASE_OK;
}

static size_t find_tag(const struct lexer *lx)
{
    for (size_t at = lx->at; at + 1 < lx->source.len; at++)
        if (lx->source.ptr[at] == '{' && strchr("{%#", lx->source.ptr[at + 1]) &&
            lx->source.ptr[at + 1])
            return at;
    return lx->source.len;
}

enum base_err jinja_lex(struct arena *arena, struct slice source, struct jinja_token **ret_tokens,
                        size_t *ret_count, struct base_error *reterr)
{
    struct lexer lx = {.arena = arena, .line = 1, .line_start = true, .reterr = reterr};
    enum base_err err = normalise(&lx, source);
    while (!err && lx.at < lx.source.len) {
        size_t tag = find_tag(&lx);
        if (tag == lx.source.len) {
            err = add(&lx, JINJA_TOKEN_TEXT, slice_sub(lx.source, lx.at, SIZE_MAX));
            lx.at = lx.source.len;
            break;
        }
        char kind = lx.source.ptr[tag + 1];
        err = lex_text(&lx, tag);
        struct lexer whole = lx;
        whole.at = tag;
        size_t len;
        if (!err && is_block(&whole, "raw", &len))
            err = lex_raw(&lx, tag + len);
        else if (!err)
            err = kind == '#' ? lex_comment(&lx) : lex_tag(&lx, kind == '%');
    }
    if (!err)
        err = add(&lx, JINJA_TOKEN_END, SLICE(""));
    if (err)
        return err;
    *ret_tokens = lx.tokens;
    *ret_count = lx.count;
    return BASE_OK;
}
