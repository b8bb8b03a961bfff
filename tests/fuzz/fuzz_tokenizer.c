/* Any bytes through each pre-tokenizer and the merges of a small vocabulary, and through the other
 * kinds of tokenizers: nothing becomes a control token, and but for those that normalise the bytes
 * come back as they were. The first byte chooses; for unigram the second one says how many of the
 * bytes behind it are the file's map. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/tokenizer/tokenizer.h"
#include "engine/unicode/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN = 256, EXTRA = 12, CONTROL = PLAIN + EXTRA, COUNT = CONTROL + 3, UNKNOWN = COUNT - 1 };

static char texts_of[COUNT][16];
static struct slice texts[COUNT], merges[EXTRA];
static uint8_t types[COUNT];
static float scores[COUNT];

static const char *const pairs[EXTRA] = {
    "a b",  "t h", "th e",  "\xc4\xa0 a", "\xc4\xa0 th",       "1 2",
    "ab c", "e e", "ee ee", "< |",        "\xc3\x83 \xc2\xa9", "\xc4\x8a \xc4\x8a"};
#define SP "\xe2\x96\x81"
static const char *const words[EXTRA] = {
    "a", "b", "th", SP "a", SP "th", "12", "ab", "\xc3\xa9", SP "\xe4\xb8\xad", SP, "!", SP "!"};

static void start_vocab(struct engine_vocab *vocab, const char *model)
{
    texts[CONTROL] = SLICE("<|end|>");
    texts[CONTROL + 1] = SLICE("the");
    texts[UNKNOWN] = SLICE("<unk>");
    types[CONTROL] = types[CONTROL + 1] = ENGINE_TOKEN_CONTROL;
    types[UNKNOWN] = ENGINE_TOKEN_UNKNOWN;
    *vocab = (struct engine_vocab){.model = slice_from_str(model),
                                   .token_count = COUNT,
                                   .texts = texts,
                                   .types = types,
                                   .scores = scores};
    for (int i = 0; i < ENGINE_SPECIAL_COUNT; i++)
        vocab->special[i] = -1;
    vocab->special[ENGINE_SPECIAL_UNKNOWN] = UNKNOWN;
}

/* Bytes in GPT-2's letters and tokens made by merges. */
static void make_byte_vocab(struct engine_vocab *vocab)
{
    uint32_t extra = 256;
    start_vocab(vocab, "gpt2");
    for (uint32_t b = 0; b < 256; b++) {
        bool plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        size_t len = engine_unicode_write(plain ? b : extra++, texts_of[b]);
        texts[b] = slice_of(texts_of[b], len);
        types[b] = ENGINE_TOKEN_NORMAL;
    }
    for (int i = 0; i < EXTRA; i++) {
        char *to = texts_of[PLAIN + i];
        for (const char *from = pairs[i]; *from; from++)
            if (*from != ' ')
                *to++ = *from;
        texts[PLAIN + i] = slice_of(texts_of[PLAIN + i], (size_t)(to - texts_of[PLAIN + i]));
        types[PLAIN + i] = ENGINE_TOKEN_NORMAL;
        merges[i] = slice_from_str(pairs[i]);
    }
    vocab->merges = merges;
    vocab->merge_count = EXTRA;
}

/* Bytes as <0xXX>, words with U+2581 for spaces. */
static void make_word_vocab(struct engine_vocab *vocab, const char *model)
{
    start_vocab(vocab, model);
    for (uint32_t b = 0; b < 256; b++) {
        (void)snprintf(texts_of[b], sizeof(texts_of[b]), "<0x%02X>", b);
        texts[b] = slice_from_str(texts_of[b]);
        types[b] = ENGINE_TOKEN_BYTE;
    }
    for (int i = 0; i < EXTRA; i++) {
        texts[PLAIN + i] = slice_from_str(words[i]);
        types[PLAIN + i] = ENGINE_TOKEN_NORMAL;
        scores[PLAIN + i] = -(float)(i % 5) - 1;
    }
    merges[0] = SLICE("a b");
    merges[1] = SLICE("ab ab"); /* gives no token */
    merges[2] = SLICE(SP " th");
    vocab->merges = merges;
    vocab->merge_count = 3;
}

static void check(const struct engine_vocab *vocab, struct slice text, bool comes_back)
{
    struct engine_tokenizer *tok;
    struct base_error detail;
    enum base_err err = engine_tokenizer_from_vocab(vocab, &tok, &detail);
    if (err && slice_is_absent(vocab->precompiled_charsmap))
        abort();
    if (err)
        return;
    struct engine_tokens tokens = {0};
    err = engine_tokenize(tok, text, true, false, &tokens, &detail);
    if (err && err != BASE_ERR_LIMIT)
        abort();
    struct buffer back;
    buffer_init(&back, SIZE_MAX / 2);
    for (size_t i = 0; i < tokens.count; i++)
        if (tokens.items[i] >= CONTROL && (comes_back || tokens.items[i] != UNKNOWN))
            abort();
    if (engine_detokenize(tok, tokens.items, tokens.count, true, &back) != BASE_OK ||
        (comes_back && !slice_eq(buffer_slice(&back), text)))
        abort();
    buffer_done(&back);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct engine_vocab vocab;
    size_t rows = 0, chosen;
    while (engine_pretokenizer_at(rows))
        rows++;
    chosen = data[0] % (rows + 3);
    struct slice text = slice_of((const char *)data + 1, size - 1);
    if (chosen < rows) {
        const struct engine_pretokenizer *pre = engine_pretokenizer_at(chosen);
        if (pre->by_char)
            make_word_vocab(&vocab, "gpt2");
        else
            make_byte_vocab(&vocab);
        vocab.pre = slice_of(pre->names, strcspn(pre->names, " "));
        vocab.add_bos = ENGINE_FLAG_NO;
        check(&vocab, text, true);
        return 0;
    }
    static const char *const models[] = {"llama", "bert", "t5"};
    make_word_vocab(&vocab, models[chosen - rows]);
    vocab.add_bos = vocab.add_eos = vocab.add_space_prefix = ENGINE_FLAG_NO;
    vocab.special[ENGINE_SPECIAL_BOS] = vocab.special[ENGINE_SPECIAL_CLS] = PLAIN;
    vocab.special[ENGINE_SPECIAL_EOS] = vocab.special[ENGINE_SPECIAL_SEPARATOR] = PLAIN;
    if (chosen == rows + 2) {
        size_t map = data[1] < text.len - 1 ? data[1] : text.len - 1;
        vocab.precompiled_charsmap = map ? slice_sub(text, 1, map) : SLICE_NONE;
        vocab.remove_extra_whitespaces = map % 2 ? ENGINE_FLAG_YES : ENGINE_FLAG_NO;
        text = slice_sub(text, 1 + map, SIZE_MAX);
    }
    check(&vocab, text, chosen == rows);
    return 0;
}
