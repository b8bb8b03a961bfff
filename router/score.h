/*
 * The table behind a score, as it lies in router/weights.bin (little-endian): written by
 * tests/bench/scorer/train.py, which explains how it is made, and linked in as it is.
 */
#ifndef ROUTER_SCORE_H
#define ROUTER_SCORE_H

#include "router/text_features.h"

enum {
    SCORER_HASHED = 1 << 15,
    SCORER_TASK_HASHED = 1 << 12,
    SCORER_SEEN_BITS = 1 << 17,
    SCORER_QUANTILES = 101
};

struct router_scorer {
    char magic[8];    /* "HSCORE1" */
    char version[24]; /* NUL-terminated */
    float dense[ROUTER_DENSE_COUNT];
    float cues[ROUTER_TASK_COUNT];
    float scale;                       /* of `hashed` */
    float quantiles[SCORER_QUANTILES]; /* raw score of each hundredth of the reference set */
    float task_dense[ROUTER_TASK_COUNT][ROUTER_DENSE_COUNT];
    float task_cues[ROUTER_TASK_COUNT][ROUTER_TASK_COUNT];
    float task_scale[ROUTER_TASK_COUNT];
    float task_bias[ROUTER_TASK_COUNT];
    float task_sharpness; /* of the softmax behind the confidence */
    int8_t hashed[SCORER_HASHED];
    int8_t task_hashed[ROUTER_TASK_COUNT][SCORER_TASK_HASHED];
    uint8_t seen[SCORER_SEEN_BITS / 8]; /* words that training texts held more than once */
};

/* Raw scores, for training's check that both sides compute the same. */
double router_score_raw(const struct router_scorer *scorer, const struct router_features *f,
                        int32_t groups[ROUTER_GROUP_COUNT]);

#endif
