/* Building a tokenizer: its kind, the bytes of its tokens and the table to look them up in. */
#include "engine/tokenizer/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/unicode/unicode.h"

int32_t engine_tokenizer_find_any(const struct engine_tokenizer *tok, struct slice bytes)
{
    return (int32_t)tok->by_bytes.slots[engine_hash_slot(&tok->by_bytes, tok->bytes, bytes)] - 1;
}

int32_t engine_tokenizer_find(const struct engine_tokenizer *tok, struct slice bytes)
{
    if (bytes.len > tok->longest)
        return ENGINE_TOKENIZER_NONE;
    int32_t token = engine_tokenizer_find_any(tok, bytes);
    bool is_word = token >= 0 && (tok->flags[token] & ENGINE_TOKEN_FLAG_WORD);
    return is_word ? token : ENGINE_TOKENIZER_NONE;
}

/* --- Bytes of tokens --- */

/* GPT-2 writes each byte as a printable character: most as themselves, the others from U+0100 on,
 * in the order of the bytes. The byte of such a character, or -1. */
static int gpt2_byte(uint32_t code)
{
    if ((code >= 33 && code <= 126) || (code >= 161 && code <= 172) || (code >= 174 && code <= 255))
        return (int)code;
    if (code < 256 || code > 323)
        return -1;
    uint32_t n = code - 256; /* 0..32, 127..160, 173 */
    return n <= 32 ? (int)n : n <= 66 ? (int)(127 + n - 33) : 173;
}

/* Writes at most text.len bytes; returns how many. A text outside the alphabet stays as it is. */
static size_t decode_gpt2(struct slice text, char *out)
{
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        struct engine_unicode_char c = engine_unicode_at(text, at);
        int byte = gpt2_byte(c.code);
        if (byte < 0) {
            memcpy(out, text.ptr, text.len);
            return text.len;
        }
        out[len++] = (char)byte;
        at += c.len;
    }
    return len;
}

static bool is_gpt2_text(struct slice text)
{
    struct engine_unicode_char c;
    for (size_t at = 0; at < text.len; at += c.len) {
        c = engine_unicode_at(text, at);
        if (gpt2_byte(c.code) < 0)
            return false;
    }
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "<0x0A>": the byte, or -1. */
static int spm_byte(struct slice text)
{
    if (text.len != 6 || !slice_starts_with(text, SLICE("<0x")) || text.ptr[5] != '>')
        return -1;
    int high = hex_digit(text.ptr[3]), low = hex_digit(text.ptr[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static size_t decode_spm(struct slice text, uint8_t type, char *out)
{
    int byte = type == ENGINE_TOKEN_BYTE ? spm_byte(text) : -1;
    if (byte >= 0) {
        out[0] = (char)byte;
        return 1;
    }
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        if (slice_starts_with(slice_sub(text, at, SIZE_MAX), SLICE("\xe2\x96\x81"))) {
            out[len++] = ' ';
            at += 3;
        } else {
            out[len++] = text.ptr[at++];
        }
    }
    return len;
}

static bool is_byte_level(const struct engine_tokenizer *tok)
{
    return tok->kind == ENGINE_TOKENIZER_BPE && !tok->by_char;
}

size_t engine_token_decode(const struct engine_tokenizer *tok, struct slice text, uint8_t type,
                           char *out)
{
    return is_byte_level(tok) ? decode_gpt2(text, out) : decode_spm(text, type, out);
}

static enum base_err load_bytes(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    size_t total = 0;
    for (uint32_t i = 0; i < vocab->token_count; i++)
        if (__builtin_add_overflow(total, vocab->texts[i].len, &total))
            return base_error_set(reterr, BASE_ERR_BAD_FILE, "tokenizer.ggml.tokens is too large");
    tok->blob = malloc(total ? total : 1);
    tok->bytes = calloc(vocab->token_count, sizeof(*tok->bytes));
    tok->flags = calloc(vocab->token_count, 1);
    if (!tok->blob || !tok->bytes || !tok->flags)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary");
    size_t at = 0;
    for (uint32_t i = 0; i < vocab->token_count; i++) {
        struct slice text = vocab->texts[i];
        size_t len = text.len;
        if (len == 0)
            ; /* some files have empty texts for unused ids */
        else if (engine_is_written_plainly(tok->types[i]))
            memcpy(tok->blob + at, text.ptr, len);
        else
            len = engine_token_decode(tok, text, tok->types[i], tok->blob + at);
        tok->bytes[i] = slice_of(tok->blob + at, len);
        at += len;
    }
    return BASE_OK;
}

/* --- Words --- */

static bool is_word(const struct engine_tokenizer *tok, uint32_t token)
{
    switch (tok->types[token]) {
    case ENGINE_TOKEN_NORMAL: /* a text outside the alphabet is one that no merges lead to */
        return !is_byte_level(tok) || is_gpt2_text(tok->vocab->texts[token]);
    case ENGINE_TOKEN_USER_DEFINED:
        return engine_is_white_space(tok->bytes[token]);
    case ENGINE_TOKEN_BYTE: /* SPM: a way out for bytes, not a word */
        return is_byte_level(tok) && is_gpt2_text(tok->vocab->texts[token]);
    default:
        return false;
    }
}

/* Of tokens with equal bytes the first counts, but a word before any other. */
static void index_tokens(struct engine_tokenizer *tok, bool words)
{
    for (uint32_t i = 0; i < tok->vocab->token_count; i++) {
        struct slice bytes = tok->bytes[i];
        if (bytes.len == 0 || is_word(tok, i) != words)
            continue;
        if (words) {
            tok->flags[i] |= ENGINE_TOKEN_FLAG_WORD;
            tok->longest = bytes.len > tok->longest ? bytes.len : tok->longest;
        }
        uint32_t slot = engine_hash_slot(&tok->by_bytes, tok->bytes, bytes);
        if (tok->by_bytes.slots[slot] == 0)
            tok->by_bytes.slots[slot] = i + 1;
    }
}

static enum base_err load_words(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    if (!engine_hash_new(&tok->by_bytes, vocab->token_count))
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary");
    index_tokens(tok, true);
    index_tokens(tok, false);
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        tok->byte_tokens[i] = is_byte_level(tok) ? engine_tokenizer_find(tok, slice_of(&byte, 1))
                                                 : ENGINE_TOKENIZER_NONE;
    }
    for (uint32_t i = 0; i < vocab->token_count; i++) {
        if (tok->types[i] == ENGINE_TOKEN_CONTROL)
            tok->flags[i] |= ENGINE_TOKEN_FLAG_HIDDEN;
        if (tok->types[i] == ENGINE_TOKEN_BYTE && tok->bytes[i].len == 1)
            tok->byte_tokens[(unsigned char)tok->bytes[i].ptr[0]] = (int32_t)i;
    }
    return BASE_OK;
}

/* --- Kinds --- */

/* tokenizer.ggml.model, and what holds where the file does not say. */
static const struct kind {
    const char *model;
    enum engine_tokenizer_kind kind;
    const char *pre; /* when it is not the file that says */
    bool add_bos, add_eos, add_space_prefix, needs_scores;
} kinds[] = {
    {.model = "gpt2", .kind = ENGINE_TOKENIZER_BPE},
    {.model = "gemma4", .kind = ENGINE_TOKENIZER_BPE, .pre = "gemma4"},
    {.model = "llama",
     .kind = ENGINE_TOKENIZER_SPM,
     .add_bos = true,
     .add_space_prefix = true,
     .needs_scores = true},
    {.model = "bert", .kind = ENGINE_TOKENIZER_WPM, .add_bos = true, .add_eos = true},
    {.model = "t5", .kind = ENGINE_TOKENIZER_UGM, .add_eos = true, .needs_scores = true},
};

static enum base_err unknown_pre(struct slice pre, struct base_error *reterr)
{
    char known[360];
    size_t len = 0;
    for (size_t i = 0; engine_pretokenizer_at(i) && len < sizeof(known) - 1; i++) {
        const char *names =
            engine_pretokenizer_at(i)->names; /* the first name stands for its row */
        int written = snprintf(known + len, sizeof(known) - len, "%s%.*s", i ? ", " : "",
                               (int)strcspn(names, " "), names);
        len += written > 0 ? (size_t)written : 0;
    }
    return base_error_set(
        reterr, BASE_ERR_UNSUPPORTED,
        "tokenizer.ggml.pre \"%.*s\" is not known; known are %s and their aliases",
        pre.len > 60 ? 60 : (int)pre.len, pre.ptr, known);
}

static enum base_err check_scores(const struct engine_vocab *vocab, struct base_error *reterr)
{
    if (!vocab->scores)
        return base_error_set(reterr, BASE_ERR_BAD_FILE, "tokenizer.ggml.scores is missing");
    for (uint32_t i = 0; i < vocab->token_count; i++)
        if (isnan(vocab->scores[i]))
            return base_error_set(reterr, BASE_ERR_BAD_FILE,
                                  "tokenizer.ggml.scores[%u] is not a number", i);
    return BASE_OK;
}

static void override(bool *setting, enum engine_flag flag)
{
    if (flag != ENGINE_FLAG_UNSET)
        *setting = flag == ENGINE_FLAG_YES;
}

/* Settings of the kind, then of its pre-tokenizer, then of the file. */
static enum base_err set_up_kind(struct engine_tokenizer *tok, const struct kind *kind,
                                 struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    tok->kind = kind->kind;
    tok->add_bos = kind->add_bos;
    tok->add_eos = kind->add_eos;
    tok->add_space_prefix = kind->add_space_prefix;
    tok->lowercase = true;
    override(&tok->lowercase, vocab->lowercase);
    tok->strip_accents = tok->lowercase;
    override(&tok->strip_accents, vocab->strip_accents);
    override(&tok->merge_spaces, vocab->remove_extra_whitespaces);
    if (kind->kind == ENGINE_TOKENIZER_SPM || kind->kind == ENGINE_TOKENIZER_UGM)
        override(&tok->add_space_prefix, vocab->add_space_prefix);
    if (kind->kind != ENGINE_TOKENIZER_WPM) { /* of which the pair belongs to every text */
        override(&tok->add_eos, vocab->add_eos);
        if (kind->kind == ENGINE_TOKENIZER_BPE) {
            struct slice pre = slice_is_absent(vocab->pre) ? SLICE("default") : vocab->pre;
            if (kind->pre)
                pre = slice_from_str(kind->pre);
            tok->pre = engine_pretokenizer_find(pre);
            if (!tok->pre)
                return unknown_pre(pre, reterr);
            tok->by_char = tok->pre->by_char;
            tok->add_bos = tok->pre->add_bos;
        }
        if (!tok->pre || !tok->pre->must_add_bos)
            override(&tok->add_bos, vocab->add_bos);
    }
    return kind->needs_scores ? check_scores(vocab, reterr) : BASE_OK;
}

static enum base_err choose_kind(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    if (vocab->token_count == 0 || slice_is_absent(vocab->model))
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED, "the model has no vocabulary");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_eq_str(vocab->model, kinds[i].model))
            return set_up_kind(tok, &kinds[i], reterr);
    }
    return base_error_set(
        reterr, BASE_ERR_UNSUPPORTED,
        "tokenizer.ggml.model \"%.*s\" is not supported; supported are gpt2, llama, bert, t5 and "
        "gemma4",
        vocab->model.len > 60 ? 60 : (int)vocab->model.len, vocab->model.ptr);
}

static enum base_err finish_kind(struct engine_tokenizer *tok, struct base_error *reterr)
{
    tok->add_bos = tok->add_bos && tok->special[ENGINE_SPECIAL_BOS] >= 0;
    tok->add_eos = tok->add_eos && tok->special[ENGINE_SPECIAL_EOS] >= 0;
    return tok->kind == ENGINE_TOKENIZER_UGM ? engine_ugm_new(tok, reterr) : BASE_OK;
}

enum base_err engine_tokenizer_from_vocab(const struct engine_vocab *vocab,
                                          struct engine_tokenizer **ret_tok,
                                          struct base_error *reterr)
{
    struct engine_tokenizer *tok = calloc(1, sizeof(*tok));
    if (!tok)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a tokenizer");
    tok->vocab = vocab;
    static enum base_err (*const steps[])(struct engine_tokenizer * tok,
                                          struct base_error * reterr) = {
        choose_kind, engine_tokenizer_types,       load_bytes,
        load_words,  engine_tokenizer_load_merges, engine_tokenizer_specials,
        finish_kind};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum base_err err = steps[i](tok, reterr);
        if (err) {
            engine_tokenizer_free(tok);
            return err;
        }
    }
    *ret_tok = tok;
    return BASE_OK;
}

enum base_err engine_tokenizer_new(struct engine_model *model, struct engine_tokenizer **ret_tok,
                                   struct base_error *reterr)
{
    struct engine_tokenizer *tok;
    enum base_err err = engine_tokenizer_from_vocab(engine_model_vocab(model), &tok, reterr);
    if (err)
        return err;
    tok->model = engine_model_ref(model);
    *ret_tok = tok;
    return BASE_OK;
}

void engine_tokenizer_free(struct engine_tokenizer *tok)
{
    if (!tok)
        return;
    engine_model_unref(tok->model);
    engine_ugm_free(tok->trie);
    free(tok->types);
    free(tok->blob);
    free(tok->bytes);
    free(tok->flags);
    free(tok->by_bytes.slots);
    free(tok->merges);
    free(tok->by_pair.slots);
    free(tok->parts);
    free(tok->part_blob);
    free(tok->by_part.slots);
    free(tok->specials);
    free(tok->plain_specials);
    free(tok);
}
