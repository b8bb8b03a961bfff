/* AVX-512 (F, BW, VL, DQ) with VNNI: sixteen floats at a time, 8-bit products through dpbusd. */
#include <immintrin.h>
#include <stdint.h>

typedef __m512 V;
#define VW 16
#define TOKENS 4
#define FLOAT_QUADS 3
#define FLOAT_SUMS 2
#define ATTN_ROWS 6
#define ADD_ROWS 4
#define WIDE_IN_16_BITS true

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

static inline V v_load_bf16(const uint16_t *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline void v_load_bf16_pairs(const uint16_t *p, V *first, V *second)
{
    __m512i both = _mm512_loadu_si512(p);
    *first = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
    *second = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(-0x10000)));
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
#define v_largest _mm512_reduce_max_ps

#include "engine/kernels/simd.h"
#include "engine/kernels/avx512_panels.h"

SIMD_KERNELS(avx512);
