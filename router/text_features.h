/*
 * What a text looks like to the scorer: a few dozen numbers, and hashes of its words, word pairs,
 * word ends and openings. Training reads them through the same code (tests/bench/scorer), so that
 * both always agree.
 */
#ifndef ROUTER_TEXT_FEATURES_H
#define ROUTER_TEXT_FEATURES_H

#include "router/private.h"

/* X(NAME, feature group): every number is scaled to about [0,1]. */
#define ROUTER_DENSE(X)                                                                            \
    X(LOG_BYTES, LENGTH)                                                                           \
    X(LOG_WORDS, LENGTH)                                                                           \
    X(LOG_LINES, LENGTH)                                                                           \
    X(LOG_SENTENCES, LENGTH)                                                                       \
    X(WORDS_PER_SENTENCE, STRUCTURE)                                                               \
    X(WORD_LENGTH, STRUCTURE)                                                                      \
    X(LONG_WORDS, STRUCTURE)      /* share of words of 7 letters and more */                       \
    X(VERY_LONG_WORDS, STRUCTURE) /* of 11 and more */                                             \
    X(DISTINCT_WORDS, STRUCTURE)  /* share */                                                      \
    X(CAPITALS, STRUCTURE)        /* share of words that begin with a capital */                   \
    X(LOG_NUMBERS, NUMBERS)                                                                        \
    X(DIGITS, NUMBERS)           /* share of bytes */                                              \
    X(LOG_LARGEST, NUMBERS)      /* digits of the longest number */                                \
    X(FRACTIONS, NUMBERS)        /* numbers with a point, per cent signs, a/b */                   \
    X(NUMBER_SENTENCES, NUMBERS) /* share of sentences that hold a number */                       \
    X(QUESTIONS, STRUCTURE)                                                                        \
    X(COMMAS, STRUCTURE) /* per word */                                                            \
    X(OPERATORS, SIGNS)  /* + - * / = < > ^ per byte */                                            \
    X(BRACKETS, SIGNS)   /* per byte */                                                            \
    X(BACKSLASHES, SIGNS)                                                                          \
    X(QUOTES, SIGNS)                                                                               \
    X(SEMICOLONS, SIGNS)                                                                           \
    X(UNDERSCORES, SIGNS)                                                                          \
    X(OPTIONS, STRUCTURE)       /* lines that begin with a letter or number and a point */         \
    X(OPTION_LENGTH, STRUCTURE) /* mean bytes of such lines */                                     \
    X(CODE, SIGNS)              /* fenced block or lines that read like code */                    \
    X(NOT_ASCII, SIGNS)         /* share of bytes */                                               \
    X(DEMANDING, WORDS)         /* words of demanding work among the first and last: see cues.c */ \
    X(LIGHT, WORDS)             /* and of light work */

enum router_dense {
#define X(name, group) ROUTER_DENSE_##name,
    ROUTER_DENSE(X)
#undef X
        ROUTER_DENSE_COUNT
};

enum {
    ROUTER_HASHED_MAX = 12288,
    ROUTER_TEXT_MAX = 8192 /* bytes read from the start, and as many from the end */
};

struct router_features {
    float dense[ROUTER_DENSE_COUNT];
    uint32_t hashed[ROUTER_HASHED_MAX]; /* each once */
    uint8_t groups[ROUTER_HASHED_MAX];  /* enum router_group */
    size_t count;
    float cues[ROUTER_TASK_COUNT]; /* words that name a task: how much, in [0,1] */
    uint32_t letters, words;
    bool has_code;
};

void router_features_read(struct slice text, struct router_features *ret);

/* Fills `cues`, and DEMANDING and LIGHT of `dense`. */
void router_cues_read(struct slice text, struct router_features *ret);

enum router_group router_dense_group(enum router_dense which);

#endif
