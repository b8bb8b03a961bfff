/* Any bytes through each pre-tokenizer and the merges of a small vocabulary: they come back as they
 * were, and never as a control token. The first byte chooses the pre-tokenizer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/tokenizer.h"
#include "engine/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN = 256, EXTRA = 12, CONTROL = PLAIN + EXTRA, COUNT = CONTROL + 2 };

static char texts_of[COUNT][16];
static struct slice texts[COUNT], merges[EXTRA];
static uint8_t types[COUNT];

static const char *const pairs[EXTRA] = {
    "a b",  "t h", "th e",  "\xc4\xa0 a", "\xc4\xa0 th",       "1 2",
    "ab c", "e e", "ee ee", "< |",        "\xc3\x83 \xc2\xa9", "\xc4\x8a \xc4\x8a"};

static void make_vocab(struct engine_vocab *vocab)
{
    uint32_t extra = 256;
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
    texts[CONTROL] = SLICE("<|end|>");
    texts[CONTROL + 1] = SLICE("the");
    types[CONTROL] = types[CONTROL + 1] = ENGINE_TOKEN_CONTROL;
    *vocab = (struct engine_vocab){.model = SLICE("gpt2"),
                                   .token_count = COUNT,
                                   .texts = texts,
                                   .types = types,
                                   .merge_count = EXTRA,
                                   .merges = merges};
    for (int i = 0; i < ENGINE_SPECIAL_COUNT; i++)
        vocab->special[i] = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct engine_vocab vocab;
    make_vocab(&vocab);
    size_t rows = 0;
    while (engine_pretokenizer_at(rows))
        rows++;
    const char *names = engine_pretokenizer_at(data[0] % rows)->names;
    vocab.pre = slice_of(names, strcspn(names, " "));
    struct engine_tokenizer *tok;
    struct base_error detail;
    if (engine_tokenizer_from_vocab(&vocab, &tok, &detail) != BASE_OK)
        abort();
    struct slice text = slice_of((const char *)data + 1, size - 1);
    struct engine_tokens tokens = {0};
    if (engine_tokenize(tok, text, true, false, &tokens, &detail) != BASE_OK)
        abort();
    struct buffer back;
    buffer_init(&back, size);
    for (size_t i = 0; i < tokens.count; i++)
        if (tokens.items[i] >= CONTROL)
            abort();
    if (engine_detokenize(tok, tokens.items, tokens.count, true, &back) != BASE_OK ||
        !slice_eq(buffer_slice(&back), text))
        abort();
    buffer_done(&back);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
    return 0;
}
