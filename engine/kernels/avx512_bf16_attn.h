/*
 * Attention with products of bfloat16, included by avx512_bf16.c; struct engine_attn_bf16
 * (kernels.h) says how its parts fit together. For each row and key, or number of a value, products
 * are added pair after pair, the odd one and then the even one, in every tile alike.
 */
#include <math.h>

#define SCORE_ROWS 8  /* queries at once against a page of keys */
#define ADD_ROWS 4    /* queries at once against */
#define ADD_VECTORS 4 /* vectors of a value */
#define PAGE_VECTORS (ENGINE_PAGE / 16)

/* --- into bfloat16 -------------------------------------------------------------------------- */

/* Numbers from `at` on, of halves or floats. */
INLINE __m512 load_either(const void *p, size_t at, bool half, __mmask16 mask)
{
    if (half)
        return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)p + at));
    return _mm512_maskz_loadu_ps(mask, (const float *)p + at);
}

/* Numbers of one row beside those of the next: the first in the lower halves. */
INLINE __m512i pairs_of(__m512 first, __m512 second)
{
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i places = _mm512_or_si512(
        lanes, _mm512_slli_epi32(_mm512_add_epi32(lanes, _mm512_set1_epi32(16)), 16));
    return _mm512_permutexvar_epi16(places, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

static void attn_queries(const float *q, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i += 16) {
        __m512 numbers = _mm512_maskz_loadu_ps(first_lanes(n - i), q + i);
        __m256i rounded = (__m256i)_mm512_cvtneps_pbh(numbers);
        _mm256_mask_storeu_epi32(out + i / 2, (__mmask8)first_lanes((n - i + 1) / 2), rounded);
    }
}

static void attn_keys(const void *k, bool half, size_t head_dim, uint32_t *out)
{
    for (size_t i = 0; i < head_dim; i += 2) {
        for (size_t j = 0; j < ENGINE_PAGE; j += 16) {
            __m512 first = load_either(k, i * ENGINE_PAGE + j, half, 0xFFFF);
            __m512 second = i + 1 < head_dim
                                ? load_either(k, (i + 1) * ENGINE_PAGE + j, half, 0xFFFF)
                                : _mm512_setzero_ps();
            _mm512_storeu_si512(out + i / 2 * ENGINE_PAGE + j, pairs_of(first, second));
        }
    }
}

static void attn_values(const void *v, bool half, size_t n, size_t head_dim, uint32_t *out)
{
    for (size_t j = 0; j < n; j += 2) {
        for (size_t i = 0; i < head_dim; i += 16) {
            const __mmask16 mask = first_lanes(head_dim - i);
            __m512 first = load_either(v, j * head_dim + i, half, mask);
            __m512 second = j + 1 < n ? load_either(v, (j + 1) * head_dim + i, half, mask)
                                      : _mm512_setzero_ps();
            _mm512_mask_storeu_epi32(out + j / 2 * head_dim + i, mask, pairs_of(first, second));
        }
    }
}

/* --- scores ----------------------------------------------------------------------------------- */

INLINE void scores_tile(const uint32_t *q, const uint32_t *k, size_t pairs, size_t rows,
                        float factor, float *out)
{
    __m512 sums[SCORE_ROWS][PAGE_VECTORS];
    for (size_t i = 0; i < rows * PAGE_VECTORS; i++)
        sums[i / PAGE_VECTORS][i % PAGE_VECTORS] = _mm512_setzero_ps();
    for (size_t p = 0; p < pairs; p++, k += ENGINE_PAGE) {
        __m512bh keys[PAGE_VECTORS];
        for (size_t j = 0; j < PAGE_VECTORS; j++)
            keys[j] = (__m512bh)_mm512_loadu_si512(k + j * 16);
        for (size_t r = 0; r < rows; r++) {
            __m512bh query = (__m512bh)_mm512_set1_epi32((int)q[r * pairs + p]);
            for (size_t j = 0; j < PAGE_VECTORS; j++)
                sums[r][j] = _mm512_dpbf16_ps(sums[r][j], keys[j], query);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < PAGE_VECTORS; j++)
            _mm512_storeu_ps(out + r * ENGINE_PAGE + j * 16,
                             _mm512_mul_ps(sums[r][j], _mm512_set1_ps(factor)));
    }
}

static void attn_scores(size_t rows, size_t head_dim, const uint32_t *q, const uint32_t *k,
                        float scale, float *scores)
{
    const size_t pairs = (head_dim + 1) / 2;
    size_t r = 0;
    for (; r + SCORE_ROWS <= rows; r += SCORE_ROWS)
        scores_tile(q + r * pairs, k, pairs, SCORE_ROWS, scale, scores + r * ENGINE_PAGE);
    for (; r + 3 <= rows; r += 3)
        scores_tile(q + r * pairs, k, pairs, 3, scale, scores + r * ENGINE_PAGE);
    for (; r < rows; r++)
        scores_tile(q + r * pairs, k, pairs, 1, scale, scores + r * ENGINE_PAGE);
}

/* --- softmax ---------------------------------------------------------------------------------- */

/* exp(x - most) for x up to most: 2 to a whole number times 2 to the rest, by the first terms of
 * its series; within a part of 5e-5, an eightieth of the rounding that follows. */
INLINE __m512 exp_below(__m512 x, float most)
{
    __m512 y =
        _mm512_mul_ps(_mm512_sub_ps(x, _mm512_set1_ps(most)), _mm512_set1_ps(1.44269504088896341F));
    y = _mm512_max_ps(y, _mm512_set1_ps(-127.0F));
    __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 rest = _mm512_sub_ps(y, n);
    __m512 power = _mm512_set1_ps(0.00961812911F);
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(0.0555041087F));
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(0.240226507F));
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(0.693147181F));
    power = _mm512_fmadd_ps(power, rest, _mm512_set1_ps(1.0F));
    return _mm512_scalef_ps(power, n);
}

static float attn_softmax(float *scores, size_t from, size_t n, float *largest, float *sum)
{
    const __mmask32 seen = (__mmask32)((UINT32_MAX >> (ENGINE_PAGE - n)) & (UINT32_MAX << from));
    const __m512 none = _mm512_set1_ps(-INFINITY);
    __m512 first = _mm512_mask_loadu_ps(none, (__mmask16)seen, scores);
    __m512 second = _mm512_mask_loadu_ps(none, (__mmask16)(seen >> 16), scores + 16);
    float factor = 1.0F, most = _mm512_reduce_max_ps(_mm512_max_ps(first, second));
    if (most > *largest) { /* so far below, expf() is slow */
        factor = *largest - most > -100 ? expf(*largest - most) : 0;
        *sum *= factor;
        *largest = most;
    }
    __m512bh powers =
        _mm512_maskz_cvtne2ps_pbh(seen, exp_below(second, *largest), exp_below(first, *largest));
    _mm512_storeu_si512(scores, (__m512i)powers);
    *sum += _mm512_reduce_add_ps(
        _mm512_dpbf16_ps(_mm512_setzero_ps(), powers, (__m512bh)_mm512_set1_epi32(0x3F803F80)));
    return factor;
}

/* --- values ----------------------------------------------------------------------------------- */

/* `rows` rows by `vectors` vectors of numbers; `mask` cuts the last one. */
INLINE void add_tile(const float *p, const uint32_t *v, size_t pairs, size_t head_dim,
                     float *const *acc, size_t rows, size_t vectors, __mmask16 mask)
{
    __m512 sums[ADD_ROWS][ADD_VECTORS];
    for (size_t r = 0; r < rows; r++) {
        for (size_t x = 0; x < vectors; x++)
            sums[r][x] = _mm512_maskz_loadu_ps(mask, acc[r] + x * 16);
    }
    for (size_t j = 0; j < pairs; j++, v += head_dim) {
        __m512bh values[ADD_VECTORS];
        for (size_t x = 0; x < vectors; x++)
            values[x] = (__m512bh)_mm512_maskz_loadu_epi32(mask, v + x * 16);
        for (size_t r = 0; r < rows; r++) {
            const uint32_t *row = (const uint32_t *)(const void *)(p + r * ENGINE_PAGE);
            __m512bh part = (__m512bh)_mm512_set1_epi32((int)row[j]);
            for (size_t x = 0; x < vectors; x++)
                sums[r][x] = _mm512_dpbf16_ps(sums[r][x], values[x], part);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t x = 0; x < vectors; x++)
            _mm512_mask_storeu_ps(acc[r] + x * 16, mask, sums[r][x]);
    }
}

INLINE void add_rows(const struct engine_attn *a, const float *p, const uint32_t *v, size_t pairs,
                     float *const *rows, size_t count)
{
    const size_t step = (size_t)ADD_VECTORS * 16;
    float *acc[ADD_ROWS];
    for (size_t i = 0; i < a->head_dim;) {
        const size_t left = a->head_dim - i;
        for (size_t r = 0; r < count; r++)
            acc[r] = rows[r] + i;
        if (left >= step)
            add_tile(p, v + i, pairs, a->head_dim, acc, count, ADD_VECTORS, 0xFFFF);
        else
            add_tile(p, v + i, pairs, a->head_dim, acc, count, 1, first_lanes(left));
        i += left >= step ? step : 16;
    }
}

static void attn_add(const struct engine_attn *a, const float *p, const uint32_t *v, size_t n,
                     float *acc)
{
    const size_t rows = a->tokens * a->group;
    for (size_t r = 0; r < rows;) {
        const size_t count = rows - r < ADD_ROWS ? 1 : ADD_ROWS;
        float *at[ADD_ROWS];
        for (size_t i = 0; i < count; i++)
            at[i] = acc + (r + i) / a->group * a->stride + (r + i) % a->group * a->head_dim;
        if (count == ADD_ROWS)
            add_rows(a, p + r * ENGINE_PAGE, v, (n + 1) / 2, at, ADD_ROWS);
        else
            add_rows(a, p + r * ENGINE_PAGE, v, (n + 1) / 2, at, 1);
        r += count;
    }
}
