/* Merging the bytes or characters of one word: always the best pair of neighbours first, from a
 * heap, so that any text takes O(n log n). */
#include "engine/tokenizer/tokenizer.h"

#include <stdlib.h>

#include "engine/unicode/unicode.h"

#define NOWHERE UINT32_MAX

struct engine_symbol {
    uint32_t start, len; /* bytes of the word; len 0 = merged into its left neighbour */
    uint32_t previous, next;
    int32_t token; /* ENGINE_TOKENIZER_NONE = not in the vocabulary; or a part, see tok->parts */
};

struct engine_pair {
    double key; /* lower first; of equals the one further left */
    uint32_t left, right;
    uint32_t len;   /* of both together when it was found: else it is out of date */
    int32_t result; /* the token they become */
};

void engine_merger_done(struct engine_merger *merger)
{
    free(merger->symbols);
    free(merger->heap);
    *merger = (struct engine_merger){0};
}

static bool before(const struct engine_pair *a, const struct engine_pair *b)
{
    return a->key < b->key || (a->key == b->key && a->left < b->left);
}

static void heap_push(struct engine_merger *merger, struct engine_pair pair)
{
    struct engine_pair *heap = merger->heap;
    size_t at = merger->heap_count++;
    while (at > 0 && before(&pair, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = pair;
}

static struct engine_pair heap_pop(struct engine_merger *merger)
{
    struct engine_pair *heap = merger->heap;
    struct engine_pair top = heap[0];
    struct engine_pair moving = heap[--merger->heap_count];
    size_t count = merger->heap_count, at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
    return top;
}

static bool take_room(struct engine_merger *merger, size_t symbols)
{
    if (symbols > merger->symbol_capacity) {
        struct engine_symbol *grown = realloc(merger->symbols, symbols * 2 * sizeof(*grown));
        if (!grown)
            return false;
        merger->symbols = grown;
        merger->symbol_capacity = symbols * 2;
    }
    /* n - 1 pairs at first, and each of at most n - 1 merges adds two. */
    if (symbols * 3 > merger->heap_capacity) {
        struct engine_pair *grown = realloc(merger->heap, symbols * 6 * sizeof(*grown));
        if (!grown)
            return false;
        merger->heap = grown;
        merger->heap_capacity = symbols * 6;
    }
    return true;
}

/* A character: a token, or a part of what merges name. */
static int32_t find_symbol(const struct engine_tokenizer *tok, struct slice text)
{
    int32_t token = engine_tokenizer_find(tok, text);
    if (token >= 0 || tok->part_count == 0)
        return token;
    uint32_t part = tok->by_part.slots[engine_hash_slot(&tok->by_part, tok->parts, text)];
    return part ? (int32_t)(tok->vocab->token_count + part - 1) : ENGINE_TOKENIZER_NONE;
}

/* Cuts the word into its first symbols: bytes (BPE) or characters (SPM). */
static size_t first_symbols(struct engine_merger *merger, const struct engine_tokenizer *tok,
                            struct slice word)
{
    size_t count = 0;
    for (size_t at = 0; at < word.len;) {
        bool by_char = tok->kind == ENGINE_TOKENIZER_SPM || tok->by_char;
        uint32_t len = by_char ? engine_unicode_at(word, at).len : 1;
        struct engine_symbol *symbol = &merger->symbols[count];
        symbol->start = (uint32_t)at;
        symbol->len = len;
        symbol->previous = count > 0 ? (uint32_t)count - 1 : NOWHERE;
        symbol->next = at + len < word.len ? (uint32_t)count + 1 : NOWHERE;
        symbol->token = by_char ? find_symbol(tok, slice_sub(word, at, len))
                                : tok->byte_tokens[(unsigned char)word.ptr[at]];
        at += len;
        count++;
    }
    return count;
}

static void consider(struct engine_merger *merger, const struct engine_tokenizer *tok,
                     struct slice word, uint32_t left)
{
    if (left == NOWHERE || merger->symbols[left].next == NOWHERE)
        return;
    const struct engine_symbol *a = &merger->symbols[left];
    const struct engine_symbol *b = &merger->symbols[a->next];
    struct engine_pair pair = {.left = left, .right = a->next, .len = a->len + b->len};
    if (tok->kind == ENGINE_TOKENIZER_SPM) {
        if (pair.len > tok->longest)
            return;
        pair.result = engine_tokenizer_find(tok, slice_sub(word, a->start, pair.len));
        if (pair.result == ENGINE_TOKENIZER_NONE)
            return;
        pair.key = -(double)tok->vocab->scores[pair.result];
    } else {
        if (a->token == ENGINE_TOKENIZER_NONE || b->token == ENGINE_TOKENIZER_NONE)
            return;
        const struct engine_merge *merge =
            engine_tokenizer_merge(tok, (uint32_t)a->token, (uint32_t)b->token);
        if (!merge)
            return;
        pair.key = (double)merge->rank;
        pair.result = (int32_t)merge->result;
    }
    heap_push(merger, pair);
}

static void merge_all(struct engine_merger *merger, const struct engine_tokenizer *tok,
                      struct slice word, size_t count)
{
    merger->heap_count = 0;
    for (uint32_t i = 0; i + 1 < count; i++)
        consider(merger, tok, word, i);
    while (merger->heap_count > 0) {
        struct engine_pair pair = heap_pop(merger);
        struct engine_symbol *a = &merger->symbols[pair.left];
        struct engine_symbol *b = &merger->symbols[pair.right];
        /* Symbols only grow, so equal length means that neither has changed. */
        if (a->len == 0 || b->len == 0 || a->next != pair.right || a->len + b->len != pair.len)
            continue;
        a->len += b->len;
        a->token = pair.result;
        a->next = b->next;
        if (b->next != NOWHERE)
            merger->symbols[b->next].previous = pair.left;
        b->len = 0;
        consider(merger, tok, word, a->previous);
        consider(merger, tok, word, pair.left);
    }
}

/* A symbol without a token: byte by byte, else the unknown token for all of it. */
static enum base_err add_unknown(const struct engine_tokenizer *tok, struct slice bytes,
                                 struct engine_tokens *tokens, struct base_error *reterr)
{
    int32_t unknown = tok->special[ENGINE_SPECIAL_UNKNOWN];
    for (size_t i = 0; i < bytes.len; i++) {
        int32_t token = tok->byte_tokens[(unsigned char)bytes.ptr[i]];
        if (token == ENGINE_TOKENIZER_NONE)
            token = unknown;
        if (token < 0)
            return base_error_set(
                reterr, BASE_ERR_BAD_VALUE,
                "the vocabulary has no token for byte 0x%02x and none for unknown "
                "text",
                (unsigned)(unsigned char)bytes.ptr[i]);
        enum base_err err = engine_tokens_add(tokens, (uint32_t)token, reterr);
        if (err)
            return err;
        if (token == unknown)
            break;
    }
    return BASE_OK;
}

enum base_err engine_merger_word(struct engine_merger *merger, const struct engine_tokenizer *tok,
                                 struct slice word, struct engine_tokens *tokens,
                                 struct base_error *reterr)
{
    if (word.len == 0)
        return BASE_OK;
    bool lines = tok->by_char && word.len > 0 && word.ptr[0] == '\n'; /* such words are of these */
    if (tok->kind == ENGINE_TOKENIZER_BPE && (tok->pre->ignore_merges || lines || word.len == 1)) {
        int32_t whole = engine_tokenizer_find(tok, word);
        if (whole != ENGINE_TOKENIZER_NONE)
            return engine_tokens_add(tokens, (uint32_t)whole, reterr);
    }
    if (!take_room(merger, word.len))
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to tokenize a text");
    size_t count = first_symbols(merger, tok, word);
    merge_all(merger, tok, word, count);
    for (uint32_t i = 0; i != NOWHERE; i = merger->symbols[i].next) {
        const struct engine_symbol *symbol = &merger->symbols[i];
        enum base_err err =
            symbol->token >= 0 && (uint32_t)symbol->token < tok->vocab->token_count
                ? engine_tokens_add(tokens, (uint32_t)symbol->token, reterr)
                : add_unknown(tok, slice_sub(word, symbol->start, symbol->len), tokens, reterr);
        if (err)
            return err;
    }
    return BASE_OK;
}
