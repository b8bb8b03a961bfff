/*
 * Inputs of four tokens (panel.h), for every set that has no way of its own: each token as pack.h
 * gives it.
 */
#ifndef ENGINE_KERNELS_PACK_FOUR_H
#define ENGINE_KERNELS_PACK_FOUR_H

#include "engine/kernels/pack.h"

/* Steps of token t among those of its four. */
static inline void pack_steps(const int8_t *q, size_t steps, size_t t, int8_t (*out)[4][4])
{
    for (size_t i = 0; i < steps; i++)
        memcpy(out[i][t], q + i * 4, 4);
}

static void pack_four(const float *const x[4], size_t n, struct engine_act4 *out)
{
    for (size_t b = 0; b < n / ENGINE_PANEL_BLOCK; b++, out++) {
        for (size_t t = 0; t < 4; t++) {
            struct engine_act1 one = {0};
            if (x[t])
                pack_block(x[t] + b * ENGINE_PANEL_BLOCK, &one);
            pack_steps(one.q, ENGINE_PANEL_STEPS, t, out->q);
            out->d[t] = one.d;
            out->sum[t] = one.sum;
            out->shift[t] = one.shift;
        }
    }
}

static void pack_wide_four(const float *const x[4], size_t n, struct engine_wide4 *out)
{
    for (size_t g = 0; g < n / ENGINE_WIDE; g++, out++) {
        for (size_t t = 0; t < 4; t++) {
            struct engine_wide1 one = {0};
            if (x[t])
                pack_wide(x[t] + g * ENGINE_WIDE, &one);
            pack_steps(one.q, ENGINE_WIDE / 4, t, out->q);
            for (size_t i = 0; i < 16; i++)
                out->start[i][t] = one.start[i];
            for (size_t i = 0; i < 8; i++)
                memcpy(out->halves[i][t], &one.halves[i * 2], sizeof(out->halves[i][t]));
            for (size_t i = 0; i < 4; i++)
                memcpy(out->sums[i][t], &one.sums[i * 2], sizeof(out->sums[i][t]));
            out->d[t] = one.d;
        }
    }
}

#endif
