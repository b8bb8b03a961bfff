/* AVX2, FMA and F16C: eight floats at a time, 8-bit products through maddubs. */
#include <immintrin.h>
#include <stdint.h>

typedef __m256 V;
#define VW 8
#define TOKENS 3

static inline V v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, V v)
{
    _mm256_storeu_ps(p, v);
}

/* All bits set in the first n (below 8) lanes. */
static inline __m256i first_lanes(size_t n)
{
    static const int32_t bits[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(bits + 8 - n));
}

static inline V v_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, first_lanes(n));
}

static inline void v_store_n(float *p, V v, size_t n)
{
    _mm256_maskstore_ps(p, first_lanes(n), v);
}

static inline V v_load_half(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline V v_load_half_n(const uint16_t *p, size_t n)
{
    uint16_t halves[8] = {0};
    for (size_t i = 0; i < n; i++)
        halves[i] = p[i];
    return v_load_half(halves);
}

static inline void v_store_half(uint16_t *p, V v)
{
    _mm_storeu_si128((__m128i *)(void *)p,
                     _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline V v_load_bf16(const uint16_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static inline V v_load_bf16_n(const uint16_t *p, size_t n)
{
    uint16_t halves[8] = {0};
    for (size_t i = 0; i < n; i++)
        halves[i] = p[i];
    return v_load_bf16(halves);
}

static inline V v_zero(void)
{
    return _mm256_setzero_ps();
}

static inline V v_set(float x)
{
    return _mm256_set1_ps(x);
}

#define v_add _mm256_add_ps
#define v_sub _mm256_sub_ps
#define v_mul _mm256_mul_ps
#define v_div _mm256_div_ps
#define v_fma _mm256_fmadd_ps
#define v_max _mm256_max_ps
#define v_min _mm256_min_ps
#define v_round(x) _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

static inline V v_exp2i(V n)
{
    __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

static inline float v_sum(V v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#include "engine/kernels/simd.h"

/* --- 8 bits ------------------------------------------------------------------------------- */

static void pack_q8(const float *x, size_t n, void *out)
{
    int8_t *qs = out;
    float *d = (float *)(void *)(qs + n);
    int32_t *shift = (int32_t *)(void *)(d + n / 32);
    const V sign = v_set(-0.0F);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for (size_t b = 0; b < n / 32; b++) {
        V v[4], most = v_zero();
        for (size_t i = 0; i < 4; i++) {
            v[i] = v_load(x + b * 32 + i * 8);
            most = v_max(most, _mm256_andnot_ps(sign, v[i]));
        }
        float lanes[8], largest = 0;
        v_store(lanes, most);
        for (size_t i = 0; i < 8; i++)
            largest = lanes[i] > largest ? lanes[i] : largest;
        V inverse = v_set(largest > 0 ? 127.0F / largest : 0);
        __m256i q[4], sum = _mm256_setzero_si256();
        for (size_t i = 0; i < 4; i++) {
            q[i] = _mm256_cvtps_epi32(v_mul(v[i], inverse));
            sum = _mm256_add_epi32(sum, q[i]);
        }
        __m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
        __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
        _mm256_storeu_si256((__m256i *)(void *)(qs + b * 32), bytes);
        int32_t sums[8], total = 0;
        _mm256_storeu_si256((__m256i *)(void *)sums, sum);
        for (size_t i = 0; i < 8; i++)
            total += sums[i];
        d[b] = largest / 127.0F;
        shift[b] = -128 * total;
    }
}

/* R rows of Q8_0 against T tokens; R and T are constants after inlining. */
INLINE void tile_q8_0(const uint8_t *w, size_t row_bytes, const struct engine_q8_view *x,
                      size_t blocks, size_t rows, size_t tokens, float *y, size_t y_stride)
{
    const __m256i ones = _mm256_set1_epi16(1);
    V sums[4][2];
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = 0; t < tokens; t++)
            sums[r][t] = v_zero();
    }
    for (size_t b = 0; b < blocks; b++) {
        __m256i in[2];
        for (size_t t = 0; t < tokens; t++)
            in[t] = _mm256_loadu_si256((const __m256i *)(const void *)(x[t].qs + b * 32));
        for (size_t r = 0; r < rows; r++) {
            const struct engine_q8_0 *block =
                (const struct engine_q8_0 *)(const void *)(w + r * row_bytes) + b;
            __m256i weight = _mm256_loadu_si256((const __m256i *)(const void *)block->qs);
            __m256i magnitude = _mm256_abs_epi8(weight);
            float d = _cvtsh_ss(block->d);
            for (size_t t = 0; t < tokens; t++) {
                __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(in[t], weight));
                V product = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
                sums[r][t] = v_fma(product, v_set(d * x[t].d[b]), sums[r][t]);
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = 0; t < tokens; t++)
            y[t * y_stride + r] = v_sum(sums[r][t]);
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
            struct engine_q8_view x[2];
            float *y = job->y + t * job->y_stride + row;
            size_t count = job->tokens - t < 2 ? 1 : 2;
            for (size_t i = 0; i < count; i++)
                x[i] = engine_q8_view((const char *)job->x + (t + i) * job->x_bytes, job->cols);
            if (rows == 4 && count == 2) {
                tile_q8_0(w, bytes, x, blocks, 4, 2, y, job->y_stride);
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

const struct engine_kernels engine_kernels_avx2 = {
    .name = "avx2",
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
