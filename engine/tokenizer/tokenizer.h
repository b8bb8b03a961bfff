/*
 * Tokenizer, private part: built from a bare vocabulary, and how one word is merged.
 *
 * Kinds, named by tokenizer.ggml.model:
 *     "gpt2"    BPE: pairs in the order of `merges`, on bytes; "gemma4" and some pre-tokenizers: on
 *               characters, spaces written as U+2581, bytes without a token as <0xXX>
 *     "llama"   SentencePiece BPE: pairs by score, written in the same way
 *     "bert"    WordPiece: the longest token that fits, again and again (wpm.c)
 *     "t5"      unigram: the cut with the best sum of scores (ugm.c)
 * All keep their tokens as raw bytes. BPE of both kinds takes text in and gives it out as it is: a
 * U+2581 in the text stays one, and does not turn into a space. WordPiece and unigram normalise the
 * text first (case, accents, spaces, the file's own map), so what comes out is the normalised text.
 * A merge may name texts that are no tokens: they take part, and what is left of them is written in
 * single bytes.
 *
 * Text from a user never becomes a control token: they are not in the table that words are looked
 * up in, merges that would give one are left out, and their texts are only cut out of bytes that
 * the caller vouches for. Of user-defined tokens, those that are white space alone (runs of
 * newlines) are ordinary vocabulary and always cut out; the rest are treated as control tokens are.
 */
#ifndef ENGINE_TOKENIZER_TOKENIZER_H
#define ENGINE_TOKENIZER_TOKENIZER_H

#include "engine/engine.h"
#include "engine/tokenizer/pretokenize.h"

enum { ENGINE_TOKENIZER_TEXT_MAX = 64 * 1024 * 1024, ENGINE_TOKENIZER_NONE = -1 };

enum engine_tokenizer_kind {
    ENGINE_TOKENIZER_BPE,
    ENGINE_TOKENIZER_SPM,
    ENGINE_TOKENIZER_WPM,
    ENGINE_TOKENIZER_UGM
};

struct engine_merge {
    uint32_t left, right; /* tokens, or parts behind them */
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
    bool by_char;                          /* BPE: on characters, not on bytes */
    bool add_bos, add_eos, add_space_prefix;
    bool lowercase, strip_accents;         /* WPM */
    bool merge_spaces;                     /* UGM */
    int32_t special[ENGINE_SPECIAL_COUNT]; /* as the file says, else as the kind has it; -1 = none;
                                            * of WPM, BOS and EOS are what stands around a text */

    uint8_t *types;      /* [token_count] as in the file, or as well-known texts have them */
    char *blob;          /* bytes of all tokens */
    struct slice *bytes; /* [token_count] raw bytes of each token, in blob */
    size_t longest;      /* of those that words may become, in bytes */
    uint8_t *flags;      /* [token_count] of enum engine_token_flag */

    struct engine_hash by_bytes; /* tokens that words may become */
    struct engine_merge *merges;
    size_t merge_count;
    struct engine_hash by_pair;
    int32_t byte_tokens[256]; /* or ENGINE_TOKENIZER_NONE */

    /* Texts that merges name and that are no tokens: number i is symbol token_count + i. */
    struct slice *parts;
    size_t part_count, part_capacity;
    char *part_blob;
    struct engine_hash by_part;

    struct engine_trie *trie; /* UGM */

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

/* The token with exactly these bytes, be it one that ordinary text may become or not. */
int32_t engine_tokenizer_find_any(const struct engine_tokenizer *tok, struct slice bytes);

/* The merge of two neighbouring tokens, or NULL. */
const struct engine_merge *engine_tokenizer_merge(const struct engine_tokenizer *tok, uint32_t left,
                                                  uint32_t right);

/* Hash tables (hash.c). At least twice as many slots as entries; false without memory. */
bool engine_hash_new(struct engine_hash *hash, size_t entries);

/* The slot of the entry `items[slot - 1]` with these bytes, or the free one where it would go. */
uint32_t engine_hash_slot(const struct engine_hash *hash, const struct slice *items,
                          struct slice bytes);
uint32_t engine_hash_pair(uint32_t left, uint32_t right);

/* Raw bytes of a token as the file writes it; returns how many, at most as many as `text` has. */
size_t engine_token_decode(const struct engine_tokenizer *tok, struct slice text, uint8_t type,
                           char *out);
bool engine_is_white_space(struct slice text);

/* special.c: `types` and `special`, then (once the bytes are known) the lists of special
 * tokens and the flags. */
enum base_err engine_tokenizer_types(struct engine_tokenizer *tok, struct base_error *reterr);
enum base_err engine_tokenizer_specials(struct engine_tokenizer *tok, struct base_error *reterr);

/* Token types whose text stands in the file as it is. */
static inline bool engine_is_written_plainly(uint8_t type)
{
    return type == ENGINE_TOKEN_CONTROL || type == ENGINE_TOKEN_USER_DEFINED ||
           type == ENGINE_TOKEN_UNKNOWN;
}

/* merge_load.c: `merges` and what they need. */
enum base_err engine_tokenizer_load_merges(struct engine_tokenizer *tok, struct base_error *reterr);

/* wpm.c: appends the tokens of a text. */
enum base_err engine_wpm_text(const struct engine_tokenizer *tok, struct slice text,
                              struct engine_tokens *tokens, struct base_error *reterr);

/* ugm.c: what is built once, and the tokens of a text. */
enum base_err engine_ugm_new(struct engine_tokenizer *tok, struct base_error *reterr);
void engine_ugm_free(struct engine_trie *trie); /* NULL allowed */
enum base_err engine_ugm_text(const struct engine_tokenizer *tok, struct slice text,
                              struct engine_tokens *tokens, struct base_error *reterr);

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
 * (engine/template/markup.h). Before anybody else uses the tokenizer. */
struct engine_markup;
void engine_tokenizer_show(struct engine_tokenizer *tok, const struct engine_markup *markup);

/* Appends one token; NO_MEMORY. */
enum base_err engine_tokens_add(struct engine_tokens *tokens, uint32_t token,
                                struct base_error *reterr);

#endif
