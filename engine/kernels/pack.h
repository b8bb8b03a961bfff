/*
 * Inputs in 8 bits (panel.h), for every set that includes this; written over two functions of its:
 *     pack_largest(x, n): the largest magnitude of n numbers, n a multiple of 32
 *     pack_codes(x, inverse, q, sums): 32 numbers times `inverse`, rounded to the nearest, and what
 *     the first sixteen and the others add up to
 */
#ifndef ENGINE_KERNELS_PACK_H
#define ENGINE_KERNELS_PACK_H

#include <string.h>

#include "engine/kernels/panel.h"

static float pack_largest(const float *x, size_t n);
static void pack_codes(const float *x, float inverse, int8_t *q, int32_t sums[2]);

static inline float pack_inverse(float largest)
{
    return largest > 0 ? 127.0F / largest : 0;
}

static inline void pack_block(const float *x, struct engine_act1 *out)
{
    int32_t sums[2];
    float largest = pack_largest(x, ENGINE_PANEL_BLOCK);
    pack_codes(x, pack_inverse(largest), out->q, sums);
    out->d = largest / 127.0F;
    out->sum = out->d * (float)(sums[0] + sums[1]);
    out->shift = -8 * (sums[0] + sums[1]);
}

static void pack_one(const float *x, size_t n, struct engine_act1 *out)
{
    for (size_t b = 0; b < n / ENGINE_PANEL_BLOCK; b++)
        pack_block(x + b * ENGINE_PANEL_BLOCK, &out[b]);
}

static inline void pack_wide(const float *x, struct engine_wide1 *out)
{
    float largest = pack_largest(x, ENGINE_WIDE);
    for (size_t b = 0; b < ENGINE_WIDE_BLOCKS; b++) {
        int32_t sums[2];
        size_t at = b * ENGINE_PANEL_BLOCK;
        pack_codes(x + at, pack_inverse(largest), out->q + at, sums);
        for (size_t h = 0; h < 2; h++) {
            out->start[b * 2 + h] = -32 * sums[h];
            out->halves[b * 2 + h] = (int16_t)sums[h];
        }
        out->sums[b] = (int16_t)(sums[0] + sums[1]);
    }
    out->d = largest / 127.0F;
}

static void pack_wide_one(const float *x, size_t n, struct engine_wide1 *out)
{
    for (size_t g = 0; g < n / ENGINE_WIDE; g++)
        pack_wide(x + g * ENGINE_WIDE, &out[g]);
}

#endif
