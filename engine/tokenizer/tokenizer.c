#include "engine/tokenizer/tokenizer.h"

#include <stdlib.h>

void engine_tokens_done(struct engine_tokens *tokens)
{
    free(tokens->items);
    *tokens = (struct engine_tokens){0};
}

enum base_err engine_tokens_add(struct engine_tokens *tokens, uint32_t token,
                                struct base_error *reterr)
{
    if (tokens->count == tokens->capacity) {
        size_t capacity = tokens->capacity ? tokens->capacity * 2 : 64;
        uint32_t *grown = realloc(tokens->items, capacity * sizeof(*grown));
        if (!grown)
            return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for tokens");
        tokens->items = grown;
        tokens->capacity = capacity;
    }
    tokens->items[tokens->count++] = token;
    return BASE_OK;
}

/* --- Text to tokens --- */

struct encoding {
    const struct engine_tokenizer *tok;
    struct engine_merger merger;
    struct engine_tokens *tokens;
    bool after_special; /* the next fragment is the first, or follows a special token */
    enum base_err err;
    struct base_error *reterr;
};

static bool on_word(void *user, struct slice word)
{
    struct encoding *e = user;
    e->err = engine_merger_word(&e->merger, e->tok, word, e->tokens, e->reterr);
    return e->err == BASE_OK;
}

/* Ordinary text between special tokens. */
static enum base_err encode_fragment(struct encoding *e, struct slice text)
{
    if (text.len == 0)
        return BASE_OK;
    bool prefix = e->tok->add_space_prefix && e->after_special;
    e->after_special = false;
    if (e->tok->kind == ENGINE_TOKENIZER_BPE) {
        (void)engine_pretokenize(e->tok->pre, text, on_word, e);
        return e->err;
    }
    if (e->tok->kind == ENGINE_TOKENIZER_WPM)
        return engine_wpm_text(e->tok, text, e->tokens, e->reterr);
    if (e->tok->kind == ENGINE_TOKENIZER_UGM)
        return engine_ugm_text(e->tok, text, e->tokens, e->reterr);
    if (!prefix)
        return engine_merger_word(&e->merger, e->tok, text, e->tokens, e->reterr);
    char *spaced = malloc(text.len + 1);
    if (!spaced)
        return base_error_set(e->reterr, BASE_ERR_NO_MEMORY, "no memory to tokenize a text");
    spaced[0] = ' ';
    memcpy(spaced + 1, text.ptr, text.len);
    enum base_err err = engine_merger_word(&e->merger, e->tok, slice_of(spaced, text.len + 1),
                                           e->tokens, e->reterr);
    free(spaced);
    return err;
}

/* First entry of the sorted list whose byte at `depth` is at least `byte`; entries agree before it.
 */
static size_t lower_bound(const struct engine_tokenizer *tok, const uint32_t *list, size_t low,
                          size_t high, size_t depth, int byte)
{
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct slice text = tok->bytes[list[middle]];
        int have = text.len > depth ? (int)(unsigned char)text.ptr[depth] : -1;
        if (have < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest of the sorted list that `text` begins with: its index in the list, or SIZE_MAX. */
static size_t longest_special(const struct engine_tokenizer *tok, const uint32_t *list,
                              size_t count, struct slice text)
{
    size_t low = 0, high = count, best = SIZE_MAX;
    for (size_t depth = 0; depth < text.len && low < high; depth++) {
        int byte = (unsigned char)text.ptr[depth];
        low = lower_bound(tok, list, low, high, depth, byte);
        high = lower_bound(tok, list, low, high, depth, byte + 1);
        if (low < high && tok->bytes[list[low]].len == depth + 1)
            best = low;
    }
    return best;
}

/* Bytes from `at` on that the caller vouches for, seen from a list of runs; *run moves along. */
static size_t vouched(const struct engine_run *runs, size_t run_count, size_t *run, size_t at)
{
    while (*run < run_count && runs[*run].end <= at)
        ++*run;
    size_t end = at;
    for (size_t i = *run; i < run_count && runs[i].literal; i++)
        end = runs[i].end;
    return end - at;
}

static enum base_err encode(struct encoding *e, struct slice text, const struct engine_run *runs,
                            size_t run_count)
{
    const struct engine_tokenizer *tok = e->tok;
    size_t start = 0, run = 0, good_until = 0;
    e->after_special = true;
    for (size_t at = 0; at < text.len;) {
        const uint32_t *list = tok->plain_specials;
        size_t found =
            longest_special(tok, list, tok->plain_special_count, slice_sub(text, at, SIZE_MAX));
        if (at >= good_until)
            good_until = at + vouched(runs, run_count, &run, at);
        if (at < good_until) {
            size_t trusted = longest_special(tok, tok->specials, tok->special_count,
                                             slice_sub(text, at, good_until - at));
            if (trusted != SIZE_MAX) {
                list = tok->specials;
                found = trusted;
            }
        }
        if (found == SIZE_MAX) {
            at++;
            continue;
        }
        enum base_err err = encode_fragment(e, slice_sub(text, start, at - start));
        if (!err)
            err = engine_tokens_add(e->tokens, list[found], e->reterr);
        if (err)
            return err;
        e->after_special = true;
        at += tok->bytes[list[found]].len;
        start = at;
    }
    return encode_fragment(e, slice_sub(text, start, SIZE_MAX));
}

static enum base_err encode_all(const struct engine_tokenizer *tok, struct slice text,
                                const struct engine_run *runs, size_t run_count, bool bos, bool eos,
                                struct engine_tokens *tokens, struct base_error *reterr)
{
    if (text.len > ENGINE_TOKENIZER_TEXT_MAX)
        return base_error_set(reterr, BASE_ERR_LIMIT,
                              "a text of %zu bytes is too long to tokenize; the most is %d",
                              text.len, ENGINE_TOKENIZER_TEXT_MAX);
    struct encoding e = {.tok = tok, .tokens = tokens, .reterr = reterr};
    size_t first = tokens->count;
    uint32_t bos_token = (uint32_t)tok->special[ENGINE_SPECIAL_BOS];
    enum base_err err = BASE_OK;
    if (bos)
        err = engine_tokens_add(tokens, bos_token, reterr);
    if (!err)
        err = encode(&e, text, runs, run_count);
    if (!err && bos && tokens->count > first + 1 && tokens->items[first + 1] == bos_token) {
        /* The text brought its own. */
        tokens->count--;
        memmove(tokens->items + first, tokens->items + first + 1,
                (tokens->count - first) * sizeof(uint32_t));
    }
    if (!err && eos)
        err = engine_tokens_add(tokens, (uint32_t)tok->special[ENGINE_SPECIAL_EOS], reterr);
    engine_merger_done(&e.merger);
    if (err)
        tokens->count = first;
    return err;
}

enum base_err engine_tokenize(const struct engine_tokenizer *tok, struct slice text,
                              bool add_special, bool parse_special, struct engine_tokens *tokens,
                              struct base_error *reterr)
{
    const struct engine_run all = {.end = text.len, .literal = parse_special};
    return encode_all(tok, text, &all, 1, add_special && tok->add_bos, add_special && tok->add_eos,
                      tokens, reterr);
}

enum base_err engine_tokenize_rendered(const struct engine_tokenizer *tok, struct slice text,
                                       const struct engine_run *runs, size_t run_count,
                                       struct engine_tokens *tokens, struct base_error *reterr)
{
    return encode_all(tok, text, runs, run_count, tok->add_bos, false, tokens, reterr);
}

/* --- Tokens to text --- */

struct slice engine_token_bytes(const struct engine_tokenizer *tok, uint32_t token,
                                bool show_special)
{
    if (token >= tok->vocab->token_count ||
        ((tok->flags[token] & ENGINE_TOKEN_FLAG_HIDDEN) && !show_special))
        return SLICE("");
    return tok->bytes[token];
}

enum base_err engine_detokenize(const struct engine_tokenizer *tok, const uint32_t *tokens,
                                size_t count, bool show_special, struct buffer *out)
{
    for (size_t i = 0; i < count; i++)
        (void)buffer_add_slice(out, engine_token_bytes(tok, tokens[i], show_special));
    return out->err;
}

bool engine_token_is_end(const struct engine_tokenizer *tok, uint32_t token)
{
    return token < tok->vocab->token_count && (tok->flags[token] & ENGINE_TOKEN_FLAG_END) != 0;
}
