/* AVX2, FMA and F16C: eight floats at a time, 8-bit products through maddubs. */
#include <immintrin.h>
#include <stdint.h>

typedef __m256 V;
#define VW 8
#define TOKENS 3
#define FLOAT_QUADS 1
#define FLOAT_SUMS 1
#define ATTN_ROWS 2
#define ADD_ROWS 2
#define WIDE_IN_16_BITS false

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

static inline void v_load_bf16_pairs(const uint16_t *p, V *first, V *second)
{
    __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)p);
    *first = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
    *second = _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32(-0x10000)));
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

static inline float v_largest(V v)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

#include "engine/kernels/simd.h"
#include "engine/kernels/avx2_panels.h"

SIMD_KERNELS(avx2);
