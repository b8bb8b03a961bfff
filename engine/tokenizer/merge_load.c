/* The merges of a vocabulary, from texts to numbers. */
#include "engine/tokenizer/tokenizer.h"

#include <stdlib.h>

enum { MERGE_TEXT_MAX = 4096 };

/* The slot of the pair, or the free one where it would go. */
static uint32_t pair_slot(const struct engine_tokenizer *tok, uint32_t left, uint32_t right)
{
    uint32_t at = engine_hash_pair(left, right) & tok->by_pair.mask;
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

/* The three texts of one "left right", decoded into `raw`. */
static enum base_err read_texts(const struct engine_tokenizer *tok, uint32_t rank,
                                char raw[MERGE_TEXT_MAX], struct slice parts[3],
                                struct base_error *reterr)
{
    struct slice text = tok->vocab->merges[rank];
    size_t space = text.len > 1 ? slice_find(slice_sub(text, 1, SIZE_MAX), SLICE(" ")) : SIZE_MAX;
    if (space == SIZE_MAX || text.len > MERGE_TEXT_MAX || space + 2 >= text.len)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "tokenizer.ggml.merges[%u] is not two texts with a space between",
                              rank);
    size_t left = engine_token_decode(tok, slice_sub(text, 0, space + 1), ENGINE_TOKEN_NORMAL, raw);
    size_t right = engine_token_decode(tok, slice_sub(text, space + 2, SIZE_MAX),
                                       ENGINE_TOKEN_NORMAL, raw + left);
    parts[0] = slice_of(raw, left);
    parts[1] = slice_of(raw + left, right);
    parts[2] = slice_of(raw, left + right);
    return BASE_OK;
}

/* Room for the texts that are no tokens: most files need none. */
static enum base_err make_room_for_parts(struct engine_tokenizer *tok, struct base_error *reterr)
{
    size_t count = 0, bytes = 0;
    for (uint32_t rank = 0; rank < tok->vocab->merge_count; rank++) {
        char raw[MERGE_TEXT_MAX];
        struct slice parts[3];
        enum base_err err = read_texts(tok, rank, raw, parts, reterr);
        if (err)
            return err;
        for (size_t i = 0; i < 3; i++) {
            if (engine_tokenizer_find_any(tok, parts[i]) < 0) {
                count++;
                bytes += parts[i].len;
            }
        }
    }
    tok->parts = calloc(count + 1, sizeof(*tok->parts));
    tok->part_blob = malloc(bytes + 1);
    if (!tok->parts || !tok->part_blob || !engine_hash_new(&tok->by_part, count) ||
        count > INT32_MAX - tok->vocab->token_count)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary's merges");
    return BASE_OK;
}

/* The number of a text that is no token; it becomes one when it is new. */
static enum base_err intern_part(struct engine_tokenizer *tok, struct slice text, uint32_t *ret,
                                 struct base_error *reterr)
{
    if (!tok->parts) {
        enum base_err err = make_room_for_parts(tok, reterr);
        if (err)
            return err;
    }
    uint32_t slot = engine_hash_slot(&tok->by_part, tok->parts, text);
    if (tok->by_part.slots[slot] == 0) {
        struct slice last = tok->part_count ? tok->parts[tok->part_count - 1] : SLICE("");
        char *to = tok->part_count ? tok->part_blob + (last.ptr - tok->part_blob) + last.len
                                   : tok->part_blob;
        memcpy(to, text.ptr, text.len);
        tok->parts[tok->part_count++] = slice_of(to, text.len);
        tok->by_part.slots[slot] = (uint32_t)tok->part_count;
    }
    *ret = tok->vocab->token_count + tok->by_part.slots[slot] - 1;
    return BASE_OK;
}

/* AGAIN: a token takes part that ordinary text must not become. */
static enum base_err read_merge(struct engine_tokenizer *tok, uint32_t rank,
                                struct engine_merge *ret_merge, struct base_error *reterr)
{
    char raw[MERGE_TEXT_MAX];
    struct slice parts[3];
    uint32_t found[3];
    enum base_err err = read_texts(tok, rank, raw, parts, reterr);
    for (size_t i = 0; !err && i < 3; i++) {
        int32_t token = engine_tokenizer_find(tok, parts[i]);
        if (token >= 0)
            found[i] = (uint32_t)token;
        else if (engine_tokenizer_find_any(tok, parts[i]) >= 0)
            return BASE_ERR_AGAIN;
        else
            err = intern_part(tok, parts[i], &found[i], reterr);
    }
    if (!err)
        *ret_merge = (struct engine_merge){found[0], found[1], rank, found[2]};
    return err;
}

enum base_err engine_tokenizer_load_merges(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    if (tok->kind != ENGINE_TOKENIZER_BPE)
        return BASE_OK;
    tok->merges = calloc(vocab->merge_count ? vocab->merge_count : 1, sizeof(*tok->merges));
    if (!tok->merges || !engine_hash_new(&tok->by_pair, vocab->merge_count))
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
