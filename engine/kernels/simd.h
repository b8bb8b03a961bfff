/*
 * What the vector sets share, written over a few operations that the including file defines for its
 * vector of VW floats, V:
 *     v_load v_store v_load_n v_store_n (first n lanes, rest zero) v_load_half v_load_half_n
 *     v_store_half v_zero v_set v_add v_sub v_mul v_div v_fma (a * b + c) v_max v_min v_sum
 *     v_largest v_round v_exp2i (2 to an integral float) v_load_bf16 v_load_bf16_pairs (VW times
 *     two neighbours: the first ones, the second ones)
 * and for its tiles
 *     TOKENS, the most tokens at once against four rows of floats; FLOAT_QUADS, fours of them at
 *     once against a panel of halves, in FLOAT_SUMS sums each; ATTN_ROWS, queries at once against
 *     a page of keys; ADD_ROWS, queries at once against four vectors of a value
 * Everything is static: each set gets a copy of its own.
 */
#include <math.h>
#include <string.h>

#include "engine/kernels/kernels.h"
#include "engine/kernels/kv_q8.h"

#define INLINE static inline __attribute__((always_inline))

/* What is compiled anew for each format; with KERNELS_ONE_BODY (builds with sanitizers, which take
 * minutes otherwise) once for all, from the same lines. */
#ifdef KERNELS_ONE_BODY
#define PER_FORMAT static __attribute__((noinline))
#else
#define PER_FORMAT INLINE
#endif

/* From number `at` on, of halves or floats. */
INLINE V load_either(const void *p, size_t at, bool half)
{
    return half ? v_load_half((const uint16_t *)p + at) : v_load((const float *)p + at);
}

INLINE V load_either_n(const void *p, size_t at, size_t n, bool half)
{
    return half ? v_load_half_n((const uint16_t *)p + at, n) : v_load_n((const float *)p + at, n);
}

#include "engine/kernels/lora_simd.h"

static void convert_f16(const void *src, float *dst, size_t n)
{
    const uint16_t *x = src;
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store(dst + i, v_load_half(x + i));
    if (i < n)
        v_store_n(dst + i, v_load_half_n(x + i, n - i), n - i);
}

/* --- matmul over float activations --------------------------------------------------------- */

/* R rows against T tokens; R and T are constants after inlining. One sum per pair, so that the
 * order of additions is the same in every tile. */
INLINE void tile_f32(const float *const *w, const float *const *x, size_t cols, size_t rows,
                     size_t tokens, float *y, size_t y_stride)
{
    V sums[4][TOKENS];
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = 0; t < tokens; t++)
            sums[r][t] = v_zero();
    }
    size_t i = 0;
    for (; i + VW <= cols; i += VW) {
        V in[TOKENS];
        for (size_t t = 0; t < tokens; t++)
            in[t] = v_load(x[t] + i);
        for (size_t r = 0; r < rows; r++) {
            V weight = v_load(w[r] + i);
            for (size_t t = 0; t < tokens; t++)
                sums[r][t] = v_fma(weight, in[t], sums[r][t]);
        }
    }
    if (i < cols) {
        for (size_t r = 0; r < rows; r++) {
            V weight = v_load_n(w[r] + i, cols - i);
            for (size_t t = 0; t < tokens; t++)
                sums[r][t] = v_fma(weight, v_load_n(x[t] + i, cols - i), sums[r][t]);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t t = 0; t < tokens; t++)
            y[t * y_stride + r] = v_sum(sums[r][t]);
    }
}

/* Up to four rows of floats against all tokens. */
INLINE void rows_f32(const struct engine_matmul *job, const float *const *w, size_t rows, float *y)
{
    size_t t = 0;
    const float *x[TOKENS];
    for (; t < job->tokens; t += TOKENS) {
        size_t count = job->tokens - t < TOKENS ? job->tokens - t : TOKENS;
        for (size_t i = 0; i < count; i++)
            x[i] = engine_matmul_x(job, t + i);
        float *out = y + t * job->y_stride;
        if (rows == 4 && count == TOKENS) {
            tile_f32(w, x, job->cols, 4, TOKENS, out, job->y_stride);
        } else if (rows == 4) {
            for (size_t i = 0; i < count; i++)
                tile_f32(w, x + i, job->cols, 4, 1, out + i * job->y_stride, job->y_stride);
        } else {
            for (size_t r = 0; r < rows; r++) {
                for (size_t i = 0; i < count; i++)
                    tile_f32(w + r, x + i, job->cols, 1, 1, out + i * job->y_stride + r,
                             job->y_stride);
            }
        }
    }
}

static void matmul_f32(const struct engine_matmul *job, size_t row, size_t end)
{
    while (row < end) {
        size_t rows = end - row < 4 ? end - row : 4;
        const float *w[4] = {0};
        for (size_t r = 0; r < rows; r++)
            w[r] = job->w + (row + r) * job->cols;
        rows_f32(job, w, rows, job->y + row);
        row += rows;
    }
}

#include "engine/kernels/floats_simd.h"

/* --- vectors ------------------------------------------------------------------------------ */

/* Cephes' polynomial on [-ln 2 / 2, ln 2 / 2]; within 2 units of the last place of exp(). */
INLINE V v_exp(V x)
{
    x = v_max(v_min(x, v_set(88.0F)), v_set(-87.0F));
    V n = v_round(v_mul(x, v_set(1.44269504088896341F)));
    V r = v_fma(n, v_set(-0.693359375F), x);
    r = v_fma(n, v_set(2.12194440e-4F), r);
    V p = v_set(1.9875691500e-4F);
    p = v_fma(p, r, v_set(1.3981999507e-3F));
    p = v_fma(p, r, v_set(8.3334519073e-3F));
    p = v_fma(p, r, v_set(4.1665795894e-2F));
    p = v_fma(p, r, v_set(1.6666665459e-1F));
    p = v_fma(p, r, v_set(5.0000001201e-1F));
    p = v_fma(p, v_mul(r, r), v_add(r, v_set(1.0F)));
    return v_mul(p, v_exp2i(n));
}

static void rms_norm(const float *x, const float *weight, size_t n, float eps, float *y)
{
    V sum = v_zero();
    size_t i = 0;
    for (; i + VW <= n; i += VW) {
        V v = v_load(x + i);
        sum = v_fma(v, v, sum);
    }
    if (i < n) {
        V v = v_load_n(x + i, n - i);
        sum = v_fma(v, v, sum);
    }
    V factor = v_set(1.0F / sqrtf(v_sum(sum) / (float)n + eps));
    for (i = 0; i + VW <= n; i += VW)
        v_store(y + i, v_mul(v_mul(v_load(x + i), factor), v_load(weight + i)));
    if (i < n) {
        V v = v_mul(v_mul(v_load_n(x + i, n - i), factor), v_load_n(weight + i, n - i));
        v_store_n(y + i, v, n - i);
    }
}

static void layer_norm(const float *x, const float *weight, const float *bias, size_t n, float eps,
                       float *y)
{
    V sum = v_zero();
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        sum = v_add(sum, v_load(x + i));
    float total = v_sum(sum);
    for (; i < n; i++)
        total += x[i];
    float mean = total / (float)n;
    sum = v_zero();
    for (i = 0; i + VW <= n; i += VW) {
        V v = v_sub(v_load(x + i), v_set(mean));
        sum = v_fma(v, v, sum);
    }
    total = v_sum(sum);
    for (; i < n; i++)
        total += (x[i] - mean) * (x[i] - mean);
    float factor = 1.0F / sqrtf(total / (float)n + eps);
    for (i = 0; i + VW <= n; i += VW) {
        V v = v_mul(v_sub(v_load(x + i), v_set(mean)), v_set(factor));
        v_store(y + i, v_fma(v, v_load(weight + i), v_load(bias + i)));
    }
    for (; i < n; i++)
        y[i] = (x[i] - mean) * factor * weight[i] + bias[i];
}

/* x / (1 + exp(-z)) * up */
INLINE V gated(V x, V z, V up)
{
    return v_mul(v_div(x, v_add(v_set(1.0F), v_exp(v_sub(v_zero(), z)))), up);
}

INLINE V silu_of(V x, V up)
{
    return gated(x, x, up);
}

INLINE V gelu_of(V x, V up)
{
    V cubic = v_fma(v_mul(x, x), v_set(0.044715F), v_set(1.0F));
    return gated(x, v_mul(v_mul(x, v_set(1.59576912160573072F)), cubic), up);
}

INLINE V clamped_of(V x, V up)
{
    V low = v_min(x, v_set(7.0F)), y = v_max(v_min(up, v_set(7.0F)), v_set(-7.0F));
    return gated(low, v_mul(low, v_set(1.702F)), v_add(y, v_set(1.0F)));
}

#define ACTIVATION(name)                                                                           \
    static void name(float *gate, const float *up, size_t n)                                       \
    {                                                                                              \
        V one = v_set(1.0F);                                                                       \
        size_t i = 0;                                                                              \
        for (; i + VW <= n; i += VW)                                                               \
            v_store(gate + i, name##_of(v_load(gate + i), up ? v_load(up + i) : one));             \
        if (i < n)                                                                                 \
            v_store_n(gate + i,                                                                    \
                      name##_of(v_load_n(gate + i, n - i), up ? v_load_n(up + i, n - i) : one),    \
                      n - i);                                                                      \
    }
ACTIVATION(silu)
ACTIVATION(gelu)
ACTIVATION(clamped)

/* tanh(y) = 1 - 2 / (exp(2 y) + 1) */
INLINE V capped(V x, float most)
{
    V power = v_exp(v_mul(x, v_set(2.0F / most)));
    V half = v_div(v_set(1.0F), v_add(power, v_set(1.0F)));
    return v_mul(v_set(most), v_fma(v_set(-2.0F), half, v_set(1.0F)));
}

static void soft_cap(float *x, size_t n, float most)
{
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store(x + i, capped(v_load(x + i), most));
    if (i < n)
        v_store_n(x + i, capped(v_load_n(x + i, n - i), most), n - i);
}

static void add(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store(x + i, v_add(v_load(x + i), v_load(y + i)));
    if (i < n)
        v_store_n(x + i, v_add(v_load_n(x + i, n - i), v_load_n(y + i, n - i)), n - i);
}

static void scale(float *x, float factor, size_t n)
{
    V f = v_set(factor);
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store(x + i, v_mul(v_load(x + i), f));
    if (i < n)
        v_store_n(x + i, v_mul(v_load_n(x + i, n - i), f), n - i);
}

static void from_half(const uint16_t *x, size_t n, float *out)
{
    convert_f16(x, out, n);
}

static void to_half(const float *x, size_t n, uint16_t *out)
{
    size_t i = 0;
    for (; i + VW <= n; i += VW)
        v_store_half(out + i, v_load(x + i));
    if (i < n) {
        uint16_t last[VW];
        v_store_half(last, v_load_n(x + i, n - i));
        memcpy(out + i, last, (n - i) * sizeof(*out));
    }
}

/* --- attention ---------------------------------------------------------------------------- */

#define PAGE_VECTORS (ENGINE_PAGE / VW)
#define HEAD_VECTORS 4 /* of a head's numbers at once */

INLINE size_t attn_row(const struct engine_attn *a, size_t r)
{
    return r / a->group * a->stride + r % a->group * a->head_dim;
}

INLINE void scores_tile(const float *const *q, const void *k, bool half, size_t head_dim,
                        size_t rows, float factor, float *out)
{
    V sums[ATTN_ROWS][PAGE_VECTORS];
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < PAGE_VECTORS; j++)
            sums[r][j] = v_zero();
    }
    for (size_t i = 0; i < head_dim; i++) {
        V keys[PAGE_VECTORS];
        for (size_t j = 0; j < PAGE_VECTORS; j++)
            keys[j] = load_either(k, i * ENGINE_PAGE + j * VW, half);
        for (size_t r = 0; r < rows; r++) {
            for (size_t j = 0; j < PAGE_VECTORS; j++)
                sums[r][j] = v_fma(v_set(q[r][i]), keys[j], sums[r][j]);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < PAGE_VECTORS; j++)
            v_store(out + r * ENGINE_PAGE + j * VW, v_mul(sums[r][j], v_set(factor)));
    }
}

/* Rows that are left when there are not enough for a whole tile. */
#define ROWS_OF(most, left) ((left) >= (most) ? (most) : (left) > 3 ? 3 : (left))

INLINE void scores_of(const struct engine_attn *a, const float *q, const void *k, bool half,
                      float factor, float *scores)
{
    size_t rows = a->tokens * a->group;
    for (size_t r = 0; r < rows;) {
        const float *at[ATTN_ROWS];
        float *out = scores + r * ENGINE_PAGE;
        size_t count = ROWS_OF(ATTN_ROWS, rows - r);
        for (size_t i = 0; i < count; i++)
            at[i] = q + attn_row(a, r + i);
        if (count == ATTN_ROWS)
            scores_tile(at, k, half, a->head_dim, ATTN_ROWS, factor, out);
#if ATTN_ROWS > 3
        else if (count == 3)
            scores_tile(at, k, half, a->head_dim, 3, factor, out);
        else if (count == 2)
            scores_tile(at, k, half, a->head_dim, 2, factor, out);
#endif
        else
            scores_tile(at, k, half, a->head_dim, 1, factor, out);
        r += count;
    }
}

static void attn_scores(const struct engine_attn *a, const float *q, const void *k, float factor,
                        float *scores)
{
    if (a->half)
        scores_of(a, q, k, true, factor, scores);
    else
        scores_of(a, q, k, false, factor, scores);
}

static float attn_softmax(float *scores, size_t from, size_t n, float *largest, float *sum)
{
    V most, total = v_zero();
    for (size_t j = 0; j < from; j++)
        scores[j] = -INFINITY;
    for (size_t j = n; j < ENGINE_PAGE; j++)
        scores[j] = -INFINITY;
    most = v_load(scores);
    for (size_t j = VW; j < ENGINE_PAGE; j += VW)
        most = v_max(most, v_load(scores + j));
    float factor = 1.0F, page_most = v_largest(most);
    if (page_most > *largest) {
        factor = *largest == -INFINITY ? 0 : expf(*largest - page_most); /* slow for infinity */
        *sum *= factor;
        *largest = page_most;
    }
    for (size_t j = 0; j < ENGINE_PAGE; j += VW) {
        V e = v_exp(v_sub(v_load(scores + j), v_set(*largest)));
        v_store(scores + j, e);
        total = v_add(total, e);
    }
    for (size_t j = 0; j < from; j++)
        scores[j] = 0;
    for (size_t j = n; j < ENGINE_PAGE; j++)
        scores[j] = 0;
    *sum += v_sum(total);
    return factor;
}

/* `rows` rows by `vectors` vectors of numbers from i on. */
INLINE void add_tile(const float *p, const void *v, bool half, size_t n, size_t head_dim, size_t i,
                     float *const *acc, size_t rows, size_t vectors)
{
    V sums[ADD_ROWS][HEAD_VECTORS];
    for (size_t r = 0; r < rows; r++) {
        for (size_t x = 0; x < vectors; x++)
            sums[r][x] = v_load(acc[r] + i + x * VW);
    }
    for (size_t j = 0; j < n; j++) {
        V values[HEAD_VECTORS];
        for (size_t x = 0; x < vectors; x++)
            values[x] = load_either(v, j * head_dim + i + x * VW, half);
        for (size_t r = 0; r < rows; r++) {
            for (size_t x = 0; x < vectors; x++)
                sums[r][x] = v_fma(v_set(p[r * ENGINE_PAGE + j]), values[x], sums[r][x]);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t x = 0; x < vectors; x++)
            v_store(acc[r] + i + x * VW, sums[r][x]);
    }
}

INLINE void add_rows(const float *p, const void *v, bool half, size_t n, size_t head_dim,
                     float *const *acc, size_t rows)
{
    size_t i = 0;
    for (; i + HEAD_VECTORS * VW <= head_dim; i += (size_t)HEAD_VECTORS * VW)
        add_tile(p, v, half, n, head_dim, i, acc, rows, HEAD_VECTORS);
    for (; i + VW <= head_dim; i += VW)
        add_tile(p, v, half, n, head_dim, i, acc, rows, 1);
    for (size_t r = 0; i < head_dim && r < rows; r++) {
        size_t rest = head_dim - i;
        V sum = v_load_n(acc[r] + i, rest);
        for (size_t j = 0; j < n; j++)
            sum = v_fma(v_set(p[r * ENGINE_PAGE + j]),
                        load_either_n(v, j * head_dim + i, rest, half), sum);
        v_store_n(acc[r] + i, sum, rest);
    }
}

INLINE void add_of(const struct engine_attn *a, const float *p, const void *v, bool half, size_t n,
                   float *acc)
{
    size_t rows = a->tokens * a->group;
    for (size_t r = 0; r < rows;) {
        float *at[ADD_ROWS];
        const float *factors = p + r * ENGINE_PAGE;
        size_t count = ROWS_OF(ADD_ROWS, rows - r);
        for (size_t i = 0; i < count; i++)
            at[i] = acc + attn_row(a, r + i);
        if (count == ADD_ROWS)
            add_rows(factors, v, half, n, a->head_dim, at, ADD_ROWS);
#if ADD_ROWS > 3
        else if (count == 3)
            add_rows(factors, v, half, n, a->head_dim, at, 3);
        else if (count == 2)
            add_rows(factors, v, half, n, a->head_dim, at, 2);
#endif
        else
            add_rows(factors, v, half, n, a->head_dim, at, 1);
        r += count;
    }
}

static void attn_add(const struct engine_attn *a, const float *p, const void *v, size_t n,
                     float *acc)
{
    if (a->half)
        add_of(a, p, v, true, n, acc);
    else
        add_of(a, p, v, false, n, acc);
}

/* The table of a set; each has the same functions, by the names above and those of its panels. */
#define SIMD_KERNELS(set)                                                                          \
    const struct engine_kernels engine_kernels_##set = {                                           \
        .name = #set,                                                                              \
        .wide_in_16_bits = WIDE_IN_16_BITS,                                                        \
        .matmul = matmul_f32,                                                                      \
        .panels = {ENGINE_PANEL_TYPES(PANELS_ENTRY) PANELS_ENTRY(F16, ) PANELS_ENTRY(BF16, )},     \
        .pack_one = pack_one,                                                                      \
        .pack_four = pack_four,                                                                    \
        .pack_wide_one = pack_wide_one,                                                            \
        .pack_wide_four = pack_wide_four,                                                          \
        .rms_norm = rms_norm,                                                                      \
        .layer_norm = layer_norm,                                                                  \
        .activate = {silu, gelu, clamped},                                                         \
        .soft_cap = soft_cap,                                                                      \
        .add = add,                                                                                \
        .scale = scale,                                                                            \
        .to_half = to_half,                                                                        \
        .from_half = from_half,                                                                    \
        .keys_q8 = keys_q8,                                                                        \
        .values_q8 = values_q8,                                                                    \
        .lora_down = lora_down,                                                                    \
        .lora_up = lora_up,                                                                        \
        .attn_scores = attn_scores,                                                                \
        .attn_softmax = attn_softmax,                                                              \
        .attn_add = attn_add,                                                                      \
    }
