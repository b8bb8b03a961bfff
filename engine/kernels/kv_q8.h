/*
 * Pages of a KV cache in 8 bits, as floats; see engine/compute/kv.h for how they lie. Plain C: each
 * set that includes this gets a copy for its own instructions. The result is the same in all.
 */
#ifndef ENGINE_KERNELS_KV_Q8_H
#define ENGINE_KERNELS_KV_Q8_H

#include "engine/kernels/kernels.h"

/* out[i][j] = q[i][j] * scale[i / 32][j] */
static void keys_q8(const int8_t *restrict q, const float *restrict scales, size_t head_dim,
                    float *restrict out)
{
    for (size_t i = 0; i < head_dim; i++) {
        const float *scale = scales + i / 32 * ENGINE_PAGE;
        for (size_t j = 0; j < ENGINE_PAGE; j++)
            out[i * ENGINE_PAGE + j] = (float)q[i * ENGINE_PAGE + j] * scale[j];
    }
}

/* out[j][i] = q[j][i] * scale[j][i / 32] */
static void values_q8(const int8_t *restrict q, const float *restrict scales, size_t head_dim,
                      float *restrict out)
{
    for (size_t j = 0; j < ENGINE_PAGE; j++) {
        for (size_t from = 0; from < head_dim; from += 32) {
            size_t n = head_dim - from < 32 ? head_dim - from : 32;
            float scale = *scales++;
            for (size_t i = 0; i < n; i++)
                out[i] = (float)q[i] * scale;
            q += n;
            out += n;
        }
    }
}

#endif
