/*
 * Pre-tokenizers: how byte-level BPE cuts a text into words before it merges inside each.
 *
 *     const struct engine_pretokenizer *pre = engine_pretokenizer_find(vocab->pre);
 *     ok = engine_pretokenize(pre, text, on_word, user);
 *
 * Each is a row of a table: names, then one to six stages. A stage stands for one regular
 * expression of the model's own tokenizer, written by hand because the set is small and closed: it
 * says how long its match at a given place is. As there, what a stage matches and what lies between
 * its matches are each cut again by the next stage. Words join to exactly the text; a byte that is
 * not UTF-8 counts as a character of no class. Time is linear in the text.
 * Threads: any.
 */
#ifndef ENGINE_TOKENIZER_PRETOKENIZE_H
#define ENGINE_TOKENIZER_PRETOKENIZE_H

#include "base/core/slice.h"

struct engine_pretokenizer {
    const char *names; /* those of tokenizer.ggml.pre, separated by single spaces */
    /* Length of the match at byte `at` of `text`, 0 = none; NULL past the last stage. */
    size_t (*stages[6])(struct slice text, size_t at);
    bool ignore_merges; /* a word that is a token as a whole is taken without merging */
    bool add_bos;       /* when the file does not say */
    bool must_add_bos;  /* whatever the file says: its writers got it wrong */
    bool by_char;       /* merges are of characters, with U+2581 for spaces, not of bytes */
};

/* NULL when the name is unknown. */
const struct engine_pretokenizer *engine_pretokenizer_find(struct slice name);

/* The table; NULL past its end. */
const struct engine_pretokenizer *engine_pretokenizer_at(size_t index);

/* Calls on_word for each word in order; stops and returns false when it returns false. */
typedef bool (*engine_word_fn)(void *user, struct slice word);
bool engine_pretokenize(const struct engine_pretokenizer *pre, struct slice text,
                        engine_word_fn on_word, void *user);

#endif
