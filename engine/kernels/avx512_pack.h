/*
 * Inputs in 8 bits with AVX-512, included by avx512_panels.h: four tokens side by side, so that
 * what is found of each is found of all at once. The numbers are those of pack.h and pack_four.h.
 */
#include "engine/kernels/pack.h"

static float pack_largest(const float *x, size_t n)
{
    V most[2] = {v_zero(), v_zero()};
    for (size_t i = 0; i < n; i += 32) {
        most[0] = v_max(most[0], _mm512_abs_ps(v_load(x + i)));
        most[1] = v_max(most[1], _mm512_abs_ps(v_load(x + i + 16)));
    }
    return _mm512_reduce_max_ps(v_max(most[0], most[1]));
}

static void pack_codes(const float *x, float inverse, int8_t *q, int32_t sums[2])
{
    __m512i low = _mm512_cvtps_epi32(v_mul(v_load(x), v_set(inverse)));
    __m512i high = _mm512_cvtps_epi32(v_mul(v_load(x + 16), v_set(inverse)));
    __m256i codes = _mm256_set_m128i(_mm512_cvtsepi32_epi8(high), _mm512_cvtsepi32_epi8(low));
    __m256i sum = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), codes);
    sum = _mm256_add_epi32(sum, _mm256_shuffle_epi32(sum, _MM_PERM_BADC));
    sum = _mm256_add_epi32(sum, _mm256_shuffle_epi32(sum, _MM_PERM_CDAB));
    _mm256_storeu_si256((__m256i *)(void *)q, codes);
    sums[0] = _mm256_cvtsi256_si32(sum);
    sums[1] = _mm_cvtsi128_si32(_mm256_extracti128_si256(sum, 1));
}

/* Four tokens; those that there are not are read as zeros. */
struct pack_rows {
    const float *x[4];
    __mmask16 there[4];
};

INLINE struct pack_rows pack_rows_of(const float *const x[4])
{
    struct pack_rows rows;
    for (size_t t = 0; t < 4; t++) {
        rows.x[t] = x[t] ? x[t] : x[0];
        rows.there[t] = x[t] ? 0xFFFF : 0;
    }
    return rows;
}

INLINE V pack_load(const struct pack_rows *rows, size_t t, size_t at)
{
    return _mm512_maskz_loadu_ps(rows->there[t], rows->x[t] + at);
}

/* The largest magnitude of n numbers of each token, in all of its four lanes. */
INLINE V pack_largest_four(const struct pack_rows *rows, size_t at, size_t n)
{
    V most[4];
#pragma GCC unroll 4
    for (size_t t = 0; t < 4; t++) {
        most[t] = _mm512_abs_ps(pack_load(rows, t, at));
        for (size_t i = 16; i < n; i += 16)
            most[t] = v_max(most[t], _mm512_abs_ps(pack_load(rows, t, at + i)));
    }
    for (size_t i = 0; i < 4; i += 2)
        most[i / 2] = v_max(_mm512_shuffle_f32x4(most[i], most[i + 1], 0x44),
                            _mm512_shuffle_f32x4(most[i], most[i + 1], 0xEE));
    V all = v_max(_mm512_shuffle_f32x4(most[0], most[1], 0x88),
                  _mm512_shuffle_f32x4(most[0], most[1], 0xDD));
    all = v_max(all, _mm512_permute_ps(all, 0x4E));
    return v_max(all, _mm512_permute_ps(all, 0xB1));
}

INLINE V pack_inverse_four(V largest)
{
    __mmask16 some = _mm512_cmp_ps_mask(largest, v_zero(), _CMP_GT_OQ);
    return _mm512_maskz_div_ps(some, v_set(127.0F), largest);
}

/* The first of each four lanes. */
INLINE __m128 pack_firsts(V v)
{
    const __m512i at = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(at, v));
}

/* Sixteen columns: four steps. Returns what they add up to, of each token. */
INLINE __m128i pack_steps_four(const struct pack_rows *rows, size_t at, V inverse, int8_t *q)
{
    __m512i v[4] = {_mm512_castps_si512(_mm512_shuffle_f32x4(inverse, inverse, 0x00)),
                    _mm512_castps_si512(_mm512_shuffle_f32x4(inverse, inverse, 0x55)),
                    _mm512_castps_si512(_mm512_shuffle_f32x4(inverse, inverse, 0xAA)),
                    _mm512_castps_si512(_mm512_shuffle_f32x4(inverse, inverse, 0xFF))};
#pragma GCC unroll 4
    for (size_t t = 0; t < 4; t++)
        v[t] = _mm512_cvtps_epi32(v_mul(pack_load(rows, t, at), _mm512_castsi512_ps(v[t])));
    const __m512i codes =
        _mm512_packs_epi16(_mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(v[2], v[3]));
    _mm512_storeu_si512(q, codes);
    const __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), codes);
    const __m256i two =
        _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

/* Two numbers of each token as 16 bits, side by side. */
INLINE void pack_pairs(__m128i first, __m128i second, void *to)
{
    _mm_storeu_si128(to, _mm_blend_epi16(first, _mm_slli_epi32(second, 16), 0xAA));
}

static void pack_four(const float *const x[4], size_t n, struct engine_act4 *out)
{
    const struct pack_rows rows = pack_rows_of(x);
    for (size_t at = 0; at + ENGINE_PANEL_BLOCK <= n; at += ENGINE_PANEL_BLOCK, out++) {
        const V largest = pack_largest_four(&rows, at, ENGINE_PANEL_BLOCK);
        const V inverse = pack_inverse_four(largest);
        const __m128i sums = _mm_add_epi32(pack_steps_four(&rows, at, inverse, out->q[0][0]),
                                           pack_steps_four(&rows, at + 16, inverse, out->q[4][0]));
        const __m128 d = _mm_div_ps(pack_firsts(largest), _mm_set1_ps(127.0F));
        _mm_storeu_ps(out->d, d);
        _mm_storeu_ps(out->sum, _mm_mul_ps(d, _mm_cvtepi32_ps(sums)));
        _mm_storeu_si128((__m128i *)(void *)out->shift,
                         _mm_sub_epi32(_mm_setzero_si128(), _mm_slli_epi32(sums, 3)));
    }
}

static void pack_wide_four(const float *const x[4], size_t n, struct engine_wide4 *out)
{
    const struct pack_rows rows = pack_rows_of(x);
    for (size_t at = 0; at + ENGINE_WIDE <= n; at += ENGINE_WIDE, out++) {
        const V largest = pack_largest_four(&rows, at, ENGINE_WIDE);
        const V inverse = pack_inverse_four(largest);
        __m128i before = _mm_setzero_si128();
        for (size_t b = 0; b < ENGINE_WIDE_BLOCKS; b++) {
            __m128i halves[2];
            for (size_t h = 0; h < 2; h++) {
                size_t part = b * 2 + h;
                halves[h] = pack_steps_four(&rows, at + part * 16, inverse, out->q[part * 4][0]);
                _mm_storeu_si128((__m128i *)(void *)out->start[part],
                                 _mm_sub_epi32(_mm_setzero_si128(), _mm_slli_epi32(halves[h], 5)));
            }
            const __m128i sums = _mm_add_epi32(halves[0], halves[1]);
            pack_pairs(halves[0], halves[1], out->halves[b]);
            if (b % 2 != 0)
                pack_pairs(before, sums, out->sums[b / 2]);
            before = sums;
        }
        _mm_storeu_ps(out->d, _mm_div_ps(pack_firsts(largest), _mm_set1_ps(127.0F)));
    }
}
