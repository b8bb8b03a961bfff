/*
 * AVX-512 BF16: products of weights in BF16 with inputs rounded to bfloat16, 32 an instruction, and
 * those of attention; the rest of its set is AVX-512's (cpu.c). For each row and token dpbf16ps
 * adds two columns at a time, the odd one and then the even one, each a fused multiplication and
 * addition to the nearest float. Numbers below 2^-126 count as zero, and so do such sums.
 */
#include <immintrin.h>

#include "engine/kernels/kernels.h"

#define INLINE static inline __attribute__((always_inline))
#define PANELS 2 /* of a tile */
#define TOKENS 12
#define COLUMNS 16 /* rounded at a time */

/* The first `left` lanes, or all. */
INLINE __mmask16 first_lanes(size_t left)
{
    return (__mmask16)(0xFFFFU >> (left < 16 ? 16 - left : 0));
}

/* --- inputs ------------------------------------------------------------------------------- */

/* Pairs of columns of one token, `step` apart; see ENGINE_ACT_BF16. */
static void pack(const float *x, size_t n, size_t step, uint32_t *out)
{
    const size_t pairs = engine_act_cols(n) / 2;
    for (size_t c = 0; c < n; c += COLUMNS, x += COLUMNS) {
        uint32_t some[COLUMNS / 2];
        __m512 numbers = _mm512_maskz_loadu_ps(first_lanes(n - c), x);
        __m256i rounded = (__m256i)_mm512_cvtneps_pbh(numbers);
        _mm256_storeu_si256((__m256i *)(void *)some, rounded);
        for (size_t i = 0; i < COLUMNS / 2 && c / 2 + i < pairs; i++)
            out[(c / 2 + i) * step] = some[i];
    }
}

static void pack_one(const float *x, size_t n, uint32_t *out)
{
    pack(x, n, 1, out);
}

static void pack_four(const float *const x[4], size_t n, uint32_t *out)
{
    for (size_t t = 0; t < 4; t++) {
        if (x[t])
            pack(x[t], n, 4, out + t);
        for (size_t i = 0; !x[t] && i < engine_act_cols(n) / 2; i++)
            out[i * 4 + t] = 0;
    }
}

/* --- products ----------------------------------------------------------------------------- */

/* As far as there are rows and tokens. */
INLINE void store(const struct engine_panel_job *job, size_t panel, size_t first, size_t tokens,
                  const __m512 *sums)
{
    const size_t row = panel * ENGINE_PANEL_ROWS;
    const __mmask16 mask = first_lanes(job->rows - row);
    float *y = job->y + first * job->y_stride + row;
    for (size_t t = 0; t < tokens && first + t < job->tokens; t++)
        _mm512_mask_storeu_ps(y + t * job->y_stride, mask, sums[t]);
}

/* `panels` panels from `panel` on against one token, or whole fours from token `first` on. */
INLINE void tile(const struct engine_panel_job *job, size_t panel, size_t panels, size_t first,
                 size_t tokens)
{
    const size_t step = tokens == 1 ? 1 : 4, quad = engine_act_cols(job->cols) / 2 * step;
    const uint8_t *w = job->panels + panel * job->panel_bytes;
    const uint32_t *x = (const uint32_t *)job->x + first / 4 * quad;
    __m512 sums[PANELS][TOKENS];
    for (size_t i = 0; i < panels * tokens; i++)
        sums[i / tokens][i % tokens] = _mm512_setzero_ps();
    for (size_t c = 0; c < job->cols; c += 2, w += 64, x += step) {
        __m512bh weights[PANELS];
        for (size_t i = 0; i < panels; i++)
            weights[i] = (__m512bh)_mm512_load_si512(w + i * job->panel_bytes);
        for (size_t t = 0; t < tokens; t++) {
            __m512bh in = (__m512bh)_mm512_set1_epi32((int)x[t / 4 * quad + t % 4]);
            for (size_t i = 0; i < panels; i++)
                sums[i][t] = _mm512_dpbf16_ps(sums[i][t], weights[i], in);
        }
    }
    for (size_t i = 0; i < panels; i++)
        store(job, panel + i, first, tokens, sums[i]);
}

INLINE void tiles(const struct engine_panel_job *job, size_t panel, size_t panels)
{
    size_t t = 0;
    for (; t + TOKENS - 4 < job->tokens; t += TOKENS)
        tile(job, panel, panels, t, TOKENS);
    for (; t < job->tokens; t += 4)
        tile(job, panel, panels, t, 4);
}

static void panels_bf16(const struct engine_panel_job *job, size_t panel, size_t end)
{
    for (; !job->quads && panel < end; panel++)
        tile(job, panel, 1, 0, 1);
    for (; panel + PANELS <= end; panel += PANELS)
        tiles(job, panel, PANELS);
    for (; panel < end; panel++)
        tiles(job, panel, 1);
}

#include "engine/kernels/avx512_bf16_attn.h"

const struct engine_bf16_kernels engine_kernels_avx512_bf16 = {
    panels_bf16,
    pack_one,
    pack_four,
    {attn_queries, attn_keys, attn_values, attn_scores, attn_softmax, attn_add},
};
