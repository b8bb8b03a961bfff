/*
 * Tokenizer, private part: built from a bare vocabulary, and how one word is merged.
 *
 * Two kinds, named by tokenizer.ggml.model: "gpt2" (byte-level BPE: pairs in the order of `merges`)
 * and "llama" (SentencePiece BPE: pairs by score, spaces written as U+2581, bytes as <0xXX>). Both
 * keep their tokens as raw bytes, so that text goes in and out as it is: a U+2581 in SPM text stays
 * one, and does not turn into a space.
 * A merge must name three tokens of the vocabulary, or the file is refused.
 *
 * Text from a user never becomes a control token: they are not in the table that words are looked
 * up in, merges that would give one are left out, and their texts are only cut out of bytes that
 * the caller vouches for. Of user-defined tokens, those that are white space alone (runs of
 * newlines) are ordinary vocabulary and always cut out; the rest are treated as control tokens are.
 */
#ifndef ENGINE_TOKENIZER_H
#define ENGINE_TOKENIZER_H

#include "engine/engine.h"
#include "engine/pretokenize.h"

enum { ENGINE_TOKENIZER_TEXT_MAX = 64 * 1024 * 1024, ENGINE_TOKENIZER_NONE = -1 };

enum engine_tokenizer_kind { ENGINE_TOKENIZER_BPE, ENGINE_TOKENIZER_SPM };

struct engine_merge {
    uint32_t left, right; /* tokens */
    uint32_t rank;        /* lower first */
    uint32_t result;
};

/* Open addressing with linear probing; a slot holds index + 1, 0 = free. `mask` + 1 slots. */
struct engine_hash {
    uint32_t *slots;
    uint32_t mask;
};

struct engine_tokenizer {
    struct engine_model *model; /* a reference, or NULL when built from a bare vocabulary */
    const struct engine_vocab *vocab;
    enum engine_tokenizer_kind kind;
    const struct engine_pretokenizer *pre; /* BPE */
    bool add_bos, add_eos, add_space_prefix;

    char *blob;          /* bytes of all tokens */
    struct slice *bytes; /* [token_count] raw bytes of each token, in blob */
    size_t longest;      /* of those that words may become, in bytes */
    uint8_t *flags;      /* [token_count] of enum engine_token_flag */

    struct engine_hash by_bytes; /* tokens that words may become */
    struct engine_merge *merges;
    size_t merge_count;
    struct engine_hash by_pair;
    int32_t byte_tokens[256]; /* or ENGINE_TOKENIZER_NONE */

    uint32_t *specials; /* sorted by bytes: those cut out of vouched-for text */
    size_t special_count;
    uint32_t *plain_specials; /* sorted by bytes: those cut out of any text */
    size_t plain_special_count;
};

enum engine_token_flag {
    ENGINE_TOKEN_FLAG_END = 1,    /* ends a generation */
    ENGINE_TOKEN_FLAG_HIDDEN = 2, /* control: no text unless asked for */
    ENGINE_TOKEN_FLAG_WORD = 4    /* ordinary text may become it */
};

/* The same as engine_tokenizer_new(); `vocab` must outlive the tokenizer. */
enum base_err engine_tokenizer_from_vocab(const struct engine_vocab *vocab,
                                          struct engine_tokenizer **ret_tok,
                                          struct base_error *reterr) BASE_MUST_USE;

/* The token with exactly these bytes that ordinary text may become, or ENGINE_TOKENIZER_NONE. */
int32_t engine_tokenizer_find(const struct engine_tokenizer *tok, struct slice bytes);

/* The merge of two neighbouring tokens, or NULL. */
const struct engine_merge *engine_tokenizer_merge(const struct engine_tokenizer *tok, uint32_t left,
                                                  uint32_t right);

/* Room for merging one word after another; all zero = empty. */
struct engine_merger {
    struct engine_symbol *symbols;
    size_t symbol_capacity;
    struct engine_pair *heap;
    size_t heap_count, heap_capacity;
};
void engine_merger_done(struct engine_merger *merger);

/* Appends the tokens of one word (BPE) or fragment (SPM). NO_MEMORY; BAD_VALUE: a byte has no token
 * and the vocabulary has no unknown one. */
enum base_err engine_merger_word(struct engine_merger *merger, const struct engine_tokenizer *tok,
                                 struct slice word, struct engine_tokens *tokens,
                                 struct base_error *reterr);

/* The raw bytes of one token, borrowed; empty for a control token unless `show_special`, and for an
 * id outside the vocabulary. */
struct slice engine_token_bytes(const struct engine_tokenizer *tok, uint32_t token,
                                bool show_special);

/* From now on control tokens with these texts are text, and end nothing: they belong to a markup
 * (engine/markup.h). Before anybody else uses the tokenizer. */
struct engine_markup;
void engine_tokenizer_show(struct engine_tokenizer *tok, const struct engine_markup *markup);

/* Appends one token; NO_MEMORY. */
enum base_err engine_tokens_add(struct engine_tokens *tokens, uint32_t token,
                                struct base_error *reterr);

#endif
