/*
 * WordPiece, as BERT's tokenizer does it: control characters go, white space cuts, Chinese
 * characters and punctuation stand alone, accents and upper case go if the file says so; then each
 * word is the longest token that fits, again and again, or the unknown token as a whole. In the
 * file the tokens that begin a word are written with U+2581 in front, which is a space here.
 */
#include "engine/tokenizer/tokenizer.h"

#include "engine/unicode/unicode.h"

enum { WORD_CHARS_MAX = 100 }; /* longer ones are unknown, as in the original */

struct wpm {
    const struct engine_tokenizer *tok;
    struct engine_tokens *tokens;
    struct base_error *reterr;
    char word[1 + 4 * WORD_CHARS_MAX]; /* after a space */
    size_t len, chars;
};

static enum base_err add_token(struct wpm *w, int32_t token)
{
    if (token < 0)
        return base_error_set(w->reterr, BASE_ERR_BAD_VALUE,
                              "the vocabulary has no token for unknown words");
    return engine_tokens_add(w->tokens, (uint32_t)token, w->reterr);
}

/* The longest token at `at`, or none. */
static int32_t longest_token(const struct wpm *w, size_t at, size_t *ret_len)
{
    size_t len = w->len - at < w->tok->longest ? w->len - at : w->tok->longest;
    for (; len > 0; len--) {
        int32_t token = engine_tokenizer_find(w->tok, slice_of(w->word + at, len));
        if (token >= 0) {
            *ret_len = len;
            return token;
        }
    }
    return ENGINE_TOKENIZER_NONE;
}

static enum base_err end_word(struct wpm *w)
{
    size_t first = w->tokens->count, chars = w->chars, len;
    enum base_err err = BASE_OK;
    bool known = chars <= WORD_CHARS_MAX;
    for (size_t at = 0; !err && known && chars > 0 && at < w->len; at += len) {
        len = 0;
        int32_t token = longest_token(w, at, &len);
        known = token >= 0;
        if (known)
            err = add_token(w, token);
    }
    if (!err && !known) {
        w->tokens->count = first;
        err = add_token(w, w->tok->special[ENGINE_SPECIAL_UNKNOWN]);
    }
    w->len = 1;
    w->chars = 0;
    return err;
}

static enum base_err add_char(struct wpm *w, uint32_t code)
{
    enum engine_unicode_class class = engine_unicode_class(code);
    bool alone =
        class == ENGINE_UNICODE_PUNCTUATION || (class == ENGINE_UNICODE_SYMBOL && code < 128);
    enum base_err err = alone ? end_word(w) : BASE_OK;
    if (err)
        return err;
    if (w->chars < WORD_CHARS_MAX)
        w->len += engine_unicode_write(code, w->word + w->len);
    w->chars++;
    return alone ? end_word(w) : BASE_OK;
}

static bool is_chinese(uint32_t code)
{
    static const uint32_t ranges[][2] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df},
                                         {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf},
                                         {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    }
    return false;
}

/* White space cuts; of the controls among it only these three count as such. */
static bool is_removed(struct engine_unicode_char c)
{
    if (c.code == '\t' || c.code == '\n' || c.code == '\r')
        return false;
    return c.class == ENGINE_UNICODE_OTHER || c.code == 0xfffd || c.code == 0x0b ||
           c.code == 0x0c || c.code == 0x85;
}

/* One character of the text, normalised. */
static enum base_err take_char(struct wpm *w, struct engine_unicode_char c)
{
    uint32_t codes[3] = {c.code};
    bool chinese = is_chinese(c.code);
    size_t count = w->tok->strip_accents ? engine_unicode_bare(c.code, codes) : 1;
    enum base_err err = chinese ? end_word(w) : BASE_OK;
    for (size_t i = 0; !err && i < count; i++)
        err = add_char(w, w->tok->lowercase ? engine_unicode_lower(codes[i]) : codes[i]);
    return !err && chinese ? end_word(w) : err;
}

enum base_err engine_wpm_text(const struct engine_tokenizer *tok, struct slice text,
                              struct engine_tokens *tokens, struct base_error *reterr)
{
    struct wpm w = {.tok = tok, .tokens = tokens, .reterr = reterr, .word = " ", .len = 1};
    struct engine_unicode_char c;
    for (size_t at = 0; at < text.len; at += c.len) {
        c = engine_unicode_at(text, at);
        if (is_removed(c))
            continue;
        enum base_err err = c.class == ENGINE_UNICODE_SPACE ? end_word(&w) : take_char(&w, c);
        if (err)
            return err;
    }
    return end_word(&w);
}
