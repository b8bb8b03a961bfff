/* AVX-512 (F, BW, VL, DQ) with VNNI: sixteen floats at a time, 8-bit products through dpbusd. */
#include <immintrin.h>
#include <stdint.h>

typedef __m512 V;
#define VW 16
#define TOKENS 4

static inline V v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, V v)
{
    _mm512_storeu_ps(p, v);
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1U << n) - 1U);
}

static inline V v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(first_lanes(n), p);
}

static inline void v_store_n(float *p, V v, size_t n)
{
    _mm512_mask_storeu_ps(p, first_lanes(n), v);
}

static inline V v_load_half(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline V v_load_half_n(const uint16_t *p, size_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}

static inline void v_store_half(uint16_t *p, V v)
{
    _mm256_storeu_si256((__m256i *)(void *)p,
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline V v_from_bf16(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

static inline V v_load_bf16(const uint16_t *p)
{
    return v_from_bf16(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline V v_load_bf16_n(const uint16_t *p, size_t n)
{
    return v_from_bf16(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}

static inline V v_zero(void)
{
    return _mm512_setzero_ps();
}

static inline V v_set(float x)
{
    return _mm512_set1_ps(x);
}

#define v_add _mm512_add_ps
#define v_sub _mm512_sub_ps
#define v_mul _mm512_mul_ps
#define v_div _mm512_div_ps
#define v_fma _mm512_fmadd_ps
#define v_max _mm512_max_ps
#define v_min _mm512_min_ps
#define v_round(x) _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_exp2i(n) _mm512_scalef_ps(_mm512_set1_ps(1.0F), n)
#define v_sum _mm512_reduce_add_ps

#include "engine/kernels/simd.h"

/* --- 8 bits ------------------------------------------------------------------------------- */

static void pack_q8(const float *x, size_t n, void *out)
{
    int8_t *qs = out;
    float *d = (float *)(void *)(qs + n);
    int32_t *shift = (int32_t *)(void *)(d + n / 32);
    for (size_t b = 0; b < n / 32; b++) {
        V low = v_load(x + b * 32), high = v_load(x + b * 32 + 16);
        float most = _mm512_reduce_max_ps(v_max(_mm512_abs_ps(low), _mm512_abs_ps(high)));
        V inverse = v_set(most > 0 ? 127.0F / most : 0);
        __m512i q0 = _mm512_cvtps_epi32(v_mul(low, inverse));
        __m512i q1 = _mm512_cvtps_epi32(v_mul(high, inverse));
        _mm_storeu_si128((__m128i *)(void *)(qs + b * 32), _mm512_cvtsepi32_epi8(q0));
        _mm_storeu_si128((__m128i *)(void *)(qs + b * 32 + 16), _mm512_cvtsepi32_epi8(q1));
        d[b] = most / 127.0F;
        shift[b] = -128 * _mm512_reduce_add_epi32(_mm512_add_epi32(q0, q1));
    }
}

/* R rows of Q8_0 against T tokens; R and T are constants after inlining. dpbusd takes unsigned by
 * signed bytes: weights get 128 added (their top bit turned), and each sum starts from what that
 * adds too much. 256-bit vectors: a block is one. */
INLINE void tile_q8_0(const uint8_t *w, size_t row_bytes, const struct engine_q8_view *x,
                      size_t blocks, size_t rows, size_t tokens, float *y, size_t y_stride)
{
    const __m256i top = _mm256_set1_epi8((char)0x80);
    __m256 sums[4][TOKENS];
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = 0; t < tokens; t++)
            sums[r][t] = _mm256_setzero_ps();
    }
    for (size_t b = 0; b < blocks; b++) {
        __m256i in[TOKENS], start[TOKENS];
        __m256 d[TOKENS];
        for (size_t t = 0; t < tokens; t++) {
            in[t] = _mm256_loadu_si256((const __m256i *)(const void *)(x[t].qs + b * 32));
            start[t] = _mm256_zextsi128_si256(_mm_cvtsi32_si128(x[t].shift[b]));
            d[t] = _mm256_set1_ps(x[t].d[b]);
        }
        for (size_t r = 0; r < rows; r++) {
            const struct engine_q8_0 *block =
                (const struct engine_q8_0 *)(const void *)(w + r * row_bytes) + b;
            __m256i weight = _mm256_loadu_si256((const __m256i *)(const void *)block->qs);
            weight = _mm256_xor_si256(weight, top);
            __m256 factor = _mm256_set1_ps(_cvtsh_ss(block->d));
            for (size_t t = 0; t < tokens; t++) {
                __m256i dots = _mm256_dpbusd_epi32(start[t], weight, in[t]);
                __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(dots), d[t]);
                sums[r][t] = _mm256_fmadd_ps(product, factor, sums[r][t]);
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = 0; t < tokens; t++) {
            __m256 v = sums[r][t];
            __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
            __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            y[t * y_stride + r] = _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
        }
    }
}

static void matmul_q8_0(const struct engine_matmul *job, size_t row, size_t end, float *scratch)
{
    (void)scratch;
    size_t blocks = job->cols / 32, bytes = job->row_bytes;
    while (row < end) {
        size_t rows = end - row < 4 ? end - row : 4;
        const uint8_t *w = job->w + row * bytes;
        for (size_t t = 0; t < job->tokens;) {
            struct engine_q8_view x[TOKENS];
            float *y = job->y + t * job->y_stride + row;
            size_t count = job->tokens - t < TOKENS ? 1 : TOKENS;
            for (size_t i = 0; i < count; i++)
                x[i] = engine_q8_view((const char *)job->x + (t + i) * job->x_bytes, job->cols);
            if (rows == 4 && count == TOKENS) {
                tile_q8_0(w, bytes, x, blocks, 4, TOKENS, y, job->y_stride);
            } else if (rows == 4) {
                tile_q8_0(w, bytes, x, blocks, 4, 1, y, job->y_stride);
            } else {
                for (size_t r = 0; r < rows; r++) {
                    for (size_t i = 0; i < count; i++)
                        tile_q8_0(w + r * bytes, bytes, x + i, blocks, 1, 1,
                                  y + i * job->y_stride + r, job->y_stride);
                }
            }
            t += count;
        }
        row += rows;
    }
}

const struct engine_kernels engine_kernels_avx512 = {
    .name = "avx512",
    .matmul =
        {
            [ENGINE_FORMAT_F32] = {matmul_f32, ENGINE_ACT_F32},
            [ENGINE_FORMAT_F16] = {matmul_f16, ENGINE_ACT_F32},
            [ENGINE_FORMAT_BF16] = {matmul_bf16, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q8_0] = {matmul_q8_0, ENGINE_ACT_Q8},
            [ENGINE_FORMAT_Q4_0] = {matmul_q4_0, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q4_1] = {matmul_q4_1, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q5_0] = {matmul_q5_0, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q5_1] = {matmul_q5_1, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q4_K] = {matmul_q4_k, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q5_K] = {matmul_q5_k, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q6_K] = {matmul_q6_k, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q2_K] = {matmul_q2_k, ENGINE_ACT_F32},
            [ENGINE_FORMAT_Q3_K] = {matmul_q3_k, ENGINE_ACT_F32},
            [ENGINE_FORMAT_IQ4_NL] = {matmul_iq4_nl, ENGINE_ACT_F32},
            [ENGINE_FORMAT_IQ4_XS] = {matmul_iq4_xs, ENGINE_ACT_F32},
            [ENGINE_FORMAT_MXFP4] = {matmul_mxfp4, ENGINE_ACT_F32},
        },
    .pack_q8 = pack_q8,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .activate = {silu, gelu, clamped},
    .add = add,
    .scale = scale,
    .to_half = to_half,
    .from_half = from_half,
    .keys_q8 = keys_q8,
    .values_q8 = values_q8,
    .lora_down = lora_down,
    .lora_up = lora_up,
    .attn_scores = attn_scores,
    .attn_add = attn_add,
    .exp_sum = exp_sum,
};
