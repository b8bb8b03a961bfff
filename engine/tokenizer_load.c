/* Building a tokenizer: bytes of the tokens, the tables to look them and their merges up, and which
 * of them are special. */
#include "engine/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/unicode.h"

/* --- Hash tables --- */

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    return h;
}

static uint64_t hash_bytes(struct slice s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
    return mix(h);
}

static uint64_t hash_pair(uint32_t left, uint32_t right)
{
    return mix(((uint64_t)left << 32 | right) + 0x9e3779b97f4a7c15u);
}

/* At least twice as many slots as entries. */
static bool hash_new(struct engine_hash *hash, size_t entries)
{
    uint64_t slots = 16;
    while (slots < (uint64_t)entries * 2)
        slots *= 2;
    if (slots > UINT32_MAX)
        return false;
    hash->slots = calloc(slots, sizeof(uint32_t));
    hash->mask = (uint32_t)(slots - 1);
    return hash->slots != NULL;
}

/* The slot of the bytes, or the free one where they would go. */
static uint32_t bytes_slot(const struct engine_tokenizer *tok, struct slice bytes)
{
    uint32_t at = (uint32_t)hash_bytes(bytes) & tok->by_bytes.mask;
    while (tok->by_bytes.slots[at] != 0 &&
           !slice_eq(tok->bytes[tok->by_bytes.slots[at] - 1], bytes))
        at = (at + 1) & tok->by_bytes.mask;
    return at;
}

static int32_t find_any(const struct engine_tokenizer *tok, struct slice bytes)
{
    return (int32_t)tok->by_bytes.slots[bytes_slot(tok, bytes)] - 1;
}

int32_t engine_tokenizer_find(const struct engine_tokenizer *tok, struct slice bytes)
{
    int32_t token = bytes.len > tok->longest ? ENGINE_TOKENIZER_NONE : find_any(tok, bytes);
    bool is_word = token >= 0 && (tok->flags[token] & ENGINE_TOKEN_FLAG_WORD);
    return is_word ? token : ENGINE_TOKENIZER_NONE;
}

/* The slot of the pair, or the free one where it would go. */
static uint32_t pair_slot(const struct engine_tokenizer *tok, uint32_t left, uint32_t right)
{
    uint32_t at = (uint32_t)hash_pair(left, right) & tok->by_pair.mask;
    for (; tok->by_pair.slots[at] != 0; at = (at + 1) & tok->by_pair.mask) {
        const struct engine_merge *merge = &tok->merges[tok->by_pair.slots[at] - 1];
        if (merge->left == left && merge->right == right)
            break;
    }
    return at;
}

const struct engine_merge *engine_tokenizer_merge(const struct engine_tokenizer *tok, uint32_t left,
                                                  uint32_t right)
{
    if (tok->merge_count == 0)
        return NULL;
    uint32_t found = tok->by_pair.slots[pair_slot(tok, left, right)];
    return found ? &tok->merges[found - 1] : NULL;
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

static uint8_t type_of(const struct engine_vocab *vocab, uint32_t token)
{
    return vocab->types ? vocab->types[token] : ENGINE_TOKEN_NORMAL;
}

static bool is_written_plainly(uint8_t type)
{
    return type == ENGINE_TOKEN_CONTROL || type == ENGINE_TOKEN_USER_DEFINED ||
           type == ENGINE_TOKEN_UNKNOWN;
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
        uint8_t type = type_of(vocab, i);
        size_t len = text.len;
        if (len == 0)
            ; /* some files have empty texts for unused ids */
        else if (is_written_plainly(type))
            memcpy(tok->blob + at, text.ptr, len);
        else
            len = tok->kind == ENGINE_TOKENIZER_BPE ? decode_gpt2(text, tok->blob + at)
                                                    : decode_spm(text, type, tok->blob + at);
        tok->bytes[i] = slice_of(tok->blob + at, len);
        at += len;
    }
    return BASE_OK;
}

/* --- Words --- */

static bool is_white_space(struct slice text)
{
    struct engine_unicode_char c;
    for (size_t at = 0; at < text.len; at += c.len) {
        c = engine_unicode_at(text, at);
        if (c.class != ENGINE_UNICODE_SPACE)
            return false;
    }
    return true;
}

static bool is_word(const struct engine_tokenizer *tok, uint32_t token)
{
    switch (type_of(tok->vocab, token)) {
    case ENGINE_TOKEN_NORMAL:
        return true;
    case ENGINE_TOKEN_USER_DEFINED:
        return is_white_space(tok->bytes[token]);
    case ENGINE_TOKEN_BYTE: /* SPM: a way out for bytes, not a word */
        return tok->kind == ENGINE_TOKENIZER_BPE;
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
        uint32_t slot = bytes_slot(tok, bytes);
        if (tok->by_bytes.slots[slot] == 0)
            tok->by_bytes.slots[slot] = i + 1;
    }
}

static enum base_err load_words(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    if (!hash_new(&tok->by_bytes, vocab->token_count))
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary");
    index_tokens(tok, true);
    index_tokens(tok, false);
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        tok->byte_tokens[i] = tok->kind == ENGINE_TOKENIZER_BPE
                                  ? engine_tokenizer_find(tok, slice_of(&byte, 1))
                                  : ENGINE_TOKENIZER_NONE;
    }
    for (uint32_t i = 0; i < vocab->token_count; i++) {
        uint8_t type = type_of(vocab, i);
        if (type == ENGINE_TOKEN_CONTROL)
            tok->flags[i] |= ENGINE_TOKEN_FLAG_HIDDEN;
        if (type == ENGINE_TOKEN_BYTE && tok->bytes[i].len == 1)
            tok->byte_tokens[(unsigned char)tok->bytes[i].ptr[0]] = (int32_t)i;
    }
    return BASE_OK;
}

/* --- Merges --- */

enum { MERGE_TEXT_MAX = 4096 };

/* One "left right". AGAIN: a token takes part that ordinary text must not become. */
static enum base_err read_merge(struct engine_tokenizer *tok, uint32_t rank,
                                struct engine_merge *ret_merge, struct base_error *reterr)
{
    struct slice text = tok->vocab->merges[rank];
    size_t space = text.len > 1 ? slice_find(slice_sub(text, 1, SIZE_MAX), SLICE(" ")) : SIZE_MAX;
    if (space == SIZE_MAX || text.len > MERGE_TEXT_MAX)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "tokenizer.ggml.merges[%u] is not two texts with a space between",
                              rank);
    char raw[MERGE_TEXT_MAX];
    size_t left_len = decode_gpt2(slice_sub(text, 0, space + 1), raw);
    size_t right_len = decode_gpt2(slice_sub(text, space + 2, SIZE_MAX), raw + left_len);
    struct slice parts[3] = {slice_of(raw, left_len), slice_of(raw + left_len, right_len),
                             slice_of(raw, left_len + right_len)};
    uint32_t found[3];
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len == 0 || find_any(tok, parts[i]) < 0)
            return base_error_set(reterr, BASE_ERR_BAD_FILE,
                                  "tokenizer.ggml.merges[%u] names a text that is not a token",
                                  rank);
        int32_t token = engine_tokenizer_find(tok, parts[i]);
        if (token < 0)
            return BASE_ERR_AGAIN;
        found[i] = (uint32_t)token;
    }
    *ret_merge = (struct engine_merge){found[0], found[1], rank, found[2]};
    return BASE_OK;
}

static enum base_err load_merges(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    tok->merges = calloc(vocab->merge_count ? vocab->merge_count : 1, sizeof(*tok->merges));
    if (!tok->merges || !hash_new(&tok->by_pair, vocab->merge_count))
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary's merges");
    for (uint32_t rank = 0; rank < vocab->merge_count; rank++) {
        struct engine_merge merge;
        enum base_err err = read_merge(tok, rank, &merge, reterr);
        if (err == BASE_ERR_AGAIN)
            continue;
        if (err)
            return err;
        uint32_t slot = pair_slot(tok, merge.left, merge.right);
        if (tok->by_pair.slots[slot] != 0) /* said twice: the first counts */
            continue;
        tok->merges[tok->merge_count++] = merge;
        tok->by_pair.slots[slot] = (uint32_t)tok->merge_count;
    }
    return BASE_OK;
}

/* --- Special tokens --- */

static int compare_specials(const void *a, const void *b, void *user)
{
    const struct engine_tokenizer *tok = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = slice_cmp(tok->bytes[x], tok->bytes[y]);
    return order != 0 ? order : (x > y) - (x < y);
}

static enum base_err load_specials(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    size_t count = 0;
    for (uint32_t i = 0; i < vocab->token_count; i++)
        count += is_written_plainly(type_of(vocab, i)) && vocab->texts[i].len > 0;
    tok->specials = calloc(count ? count : 1, sizeof(uint32_t));
    tok->plain_specials = calloc(count ? count : 1, sizeof(uint32_t));
    if (!tok->specials || !tok->plain_specials)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the special tokens");
    for (uint32_t i = 0; i < vocab->token_count; i++) {
        uint8_t type = type_of(vocab, i);
        if (!is_written_plainly(type) || vocab->texts[i].len == 0)
            continue;
        tok->specials[tok->special_count++] = i;
        if (type == ENGINE_TOKEN_USER_DEFINED && is_white_space(tok->bytes[i]))
            tok->plain_specials[tok->plain_special_count++] = i;
    }
    qsort_r(tok->specials, tok->special_count, sizeof(uint32_t), compare_specials, tok);
    qsort_r(tok->plain_specials, tok->plain_special_count, sizeof(uint32_t), compare_specials, tok);
    return BASE_OK;
}

/* Texts by which models end an answer, whether or not the file names their ids. */
static const char *const end_texts[] = {
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end|>",
    "</s>",
    "<|end_of_text|>",
    "<eos>",
    "<|eot|>",
    "<|return|>",
    "<|call|>",
    "<\xef\xbd\x9c\x65nd\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
    "<EOT>",
    "_<EOT>",
    "<|end_of_turn|>",
};

static void mark_ends(struct engine_tokenizer *tok)
{
    const struct engine_vocab *vocab = tok->vocab;
    static const enum engine_special named[] = {ENGINE_SPECIAL_EOS, ENGINE_SPECIAL_EOT,
                                                ENGINE_SPECIAL_EOM};
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (vocab->special[named[i]] >= 0)
            tok->flags[vocab->special[named[i]]] |= ENGINE_TOKEN_FLAG_END;
    for (size_t i = 0; i < tok->special_count; i++)
        for (size_t k = 0; k < sizeof(end_texts) / sizeof(end_texts[0]); k++)
            if (slice_eq_str(tok->bytes[tok->specials[i]], end_texts[k]))
                tok->flags[tok->specials[i]] |= ENGINE_TOKEN_FLAG_END;
}

/* --- The whole --- */

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

static enum base_err choose_kind(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    if (vocab->token_count == 0 || slice_is_absent(vocab->model))
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED, "the model has no vocabulary");
    if (slice_eq_str(vocab->model, "gpt2")) {
        tok->kind = ENGINE_TOKENIZER_BPE;
        struct slice pre = slice_is_absent(vocab->pre) ? SLICE("default") : vocab->pre;
        tok->pre = engine_pretokenizer_find(pre);
        if (!tok->pre)
            return unknown_pre(pre, reterr);
        tok->add_bos = tok->pre->add_bos;
    } else if (slice_eq_str(vocab->model, "llama")) {
        tok->kind = ENGINE_TOKENIZER_SPM;
        tok->add_bos = tok->add_space_prefix = true;
        if (!vocab->scores)
            return base_error_set(reterr, BASE_ERR_BAD_FILE, "tokenizer.ggml.scores is missing");
        for (uint32_t i = 0; i < vocab->token_count; i++)
            if (isnan(vocab->scores[i]))
                return base_error_set(reterr, BASE_ERR_BAD_FILE,
                                      "tokenizer.ggml.scores[%u] is not a number", i);
    } else {
        return base_error_set(
            reterr, BASE_ERR_UNSUPPORTED,
            "tokenizer.ggml.model \"%.*s\" is not supported; supported are gpt2 and llama",
            vocab->model.len > 60 ? 60 : (int)vocab->model.len, vocab->model.ptr);
    }
    if (vocab->add_bos != ENGINE_FLAG_UNSET)
        tok->add_bos = vocab->add_bos == ENGINE_FLAG_YES;
    tok->add_bos = tok->add_bos && vocab->special[ENGINE_SPECIAL_BOS] >= 0;
    tok->add_eos = vocab->add_eos == ENGINE_FLAG_YES && vocab->special[ENGINE_SPECIAL_EOS] >= 0;
    if (vocab->add_space_prefix != ENGINE_FLAG_UNSET)
        tok->add_space_prefix =
            tok->kind == ENGINE_TOKENIZER_SPM && vocab->add_space_prefix == ENGINE_FLAG_YES;
    return BASE_OK;
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
        choose_kind, load_bytes, load_words, load_merges, load_specials};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum base_err err = steps[i](tok, reterr);
        if (err) {
            engine_tokenizer_free(tok);
            return err;
        }
    }
    mark_ends(tok);
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
    free(tok->blob);
    free(tok->bytes);
    free(tok->flags);
    free(tok->by_bytes.slots);
    free(tok->merges);
    free(tok->by_pair.slots);
    free(tok->specials);
    free(tok->plain_specials);
    free(tok);
}
