/* The plain set: every other one is tested against it. */
#include <math.h>

#include "engine/kernels/kernels.h"
#include "engine/kernels/kv_q8.h"

#define LANES 8 /* partial sums, so that the compiler may use whatever the baseline has */

static float dot(const float *restrict a, const float *restrict b, size_t n)
{
    float lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += a[i + j] * b[i + j];
    }
    float sum = 0;
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (size_t j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

static void matmul(const struct engine_matmul *job, size_t row, size_t end)
{
    for (; row < end; row++) {
        const float *w = job->w + row * job->cols;
        for (size_t t = 0; t < job->tokens; t++)
            job->y[t * job->y_stride + row] = dot(w, engine_matmul_x(job, t), job->cols);
    }
}

#include "engine/kernels/portable_panels.h"

static void rms_norm(const float *x, const float *weight, size_t n, float eps, float *y)
{
    float factor = 1.0F / sqrtf(dot(x, x, n) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * factor * weight[i];
}

static void layer_norm(const float *x, const float *weight, const float *bias, size_t n, float eps,
                       float *y)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    float mean = (float)(sum / (double)n);
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] - mean;
        squares += (double)y[i] * (double)y[i];
    }
    float factor = (float)(1.0 / sqrt(squares / (double)n + (double)eps));
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] * factor * weight[i] + bias[i];
}

static void silu(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gate[i] = gate[i] / (1.0F + expf(-gate[i])) * (up ? up[i] : 1.0F);
}

static void gelu(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = gate[i], u = 0.79788456080286536F * x * (1.0F + 0.044715F * x * x);
        gate[i] = x / (1.0F + expf(-2.0F * u)) * (up ? up[i] : 1.0F);
    }
}

static void clamped(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = fminf(gate[i], 7.0F), y = fmaxf(-7.0F, fminf(up[i], 7.0F));
        gate[i] = x / (1.0F + expf(-1.702F * x)) * (y + 1.0F);
    }
}

static void soft_cap(float *x, size_t n, float most)
{
    for (size_t i = 0; i < n; i++)
        x[i] = most * tanhf(x[i] / most);
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

static void scale(float *x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

static void to_half(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = engine_float_to_half(x[i]);
}

static void from_half(const uint16_t *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = engine_half_to_float(x[i]);
}

/* n keys or values from number `at` of a page on; halves as floats in the scratch. */
static const float *attn_numbers(const struct engine_attn *a, const void *page, size_t at, size_t n,
                                 float *scratch)
{
    if (!a->half)
        return (const float *)page + at;
    from_half((const uint16_t *)page + at, n, scratch);
    return scratch;
}

static void attn_scores(const struct engine_attn *a, const float *q, const void *k, float factor,
                        float *scores)
{
    for (size_t r = 0; r < a->tokens * a->group; r++) {
        const float *row = q + r / a->group * a->stride + r % a->group * a->head_dim;
        float sums[ENGINE_PAGE] = {0}, scratch[ENGINE_PAGE];
        for (size_t i = 0; i < a->head_dim; i++) {
            const float *keys = attn_numbers(a, k, i * ENGINE_PAGE, ENGINE_PAGE, scratch);
            for (size_t j = 0; j < ENGINE_PAGE; j++)
                sums[j] += row[i] * keys[j];
        }
        for (size_t j = 0; j < ENGINE_PAGE; j++)
            scores[r * ENGINE_PAGE + j] = sums[j] * factor;
    }
}

static float attn_softmax(float *scores, size_t from, size_t n, float *largest, float *sum)
{
    float most = *largest, factor = 1.0F;
    for (size_t j = from; j < n; j++)
        most = scores[j] > most ? scores[j] : most;
    if (most > *largest) {
        factor = expf(*largest - most);
        *sum *= factor;
        *largest = most;
    }
    for (size_t j = 0; j < ENGINE_PAGE; j++) {
        scores[j] = j >= from && j < n ? expf(scores[j] - most) : 0;
        *sum += scores[j];
    }
    return factor;
}

static void attn_add(const struct engine_attn *a, const float *p, const void *v, size_t n,
                     float *acc)
{
    const size_t step = a->half ? ENGINE_PAGE : a->head_dim; /* numbers at once */
    for (size_t r = 0; r < a->tokens * a->group; r++) {
        float *row = acc + r / a->group * a->stride + r % a->group * a->head_dim;
        for (size_t at = 0; at < n * a->head_dim;) {
            size_t j = at / a->head_dim, i = at % a->head_dim;
            size_t count = a->head_dim - i < step ? a->head_dim - i : step;
            float scratch[ENGINE_PAGE];
            const float *values = attn_numbers(a, v, at, count, scratch);
            for (size_t x = 0; x < count; x++)
                row[i + x] += p[r * ENGINE_PAGE + j] * values[x];
            at += count;
        }
    }
}

static float lora_item(const void *p, size_t at, bool half)
{
    return half ? engine_half_to_float(((const uint16_t *)p)[at]) : ((const float *)p)[at];
}

static void lora_down(const struct engine_lora *l, const float *x, float *h)
{
    for (size_t r = 0; r < l->rank; r++) {
        float lanes[LANES] = {0}, sum = 0;
        for (size_t i = 0; i < l->cols; i++)
            lanes[i % LANES] += lora_item(l->a, r * l->cols + i, l->half) * x[i];
        for (size_t j = 0; j < LANES; j++)
            sum += lanes[j];
        h[r] = sum * l->scale;
    }
}

static void lora_up(const struct engine_lora *l, const float *h, size_t row, size_t end, float *y)
{
    for (size_t i = row; i < end; i++) {
        size_t tile = i / ENGINE_LORA_TILE, at = i % ENGINE_LORA_TILE;
        for (size_t r = 0; r < l->rank; r++)
            y[i - row] +=
                h[r] * lora_item(l->b, (tile * l->rank + r) * ENGINE_LORA_TILE + at, l->half);
    }
}

const struct engine_kernels engine_kernels_portable = {
    .name = "portable",
    .matmul = matmul,
    .panels = {ENGINE_PANEL_TYPES(PANELS_ENTRY) FLOATS_ENTRY(F16) FLOATS_ENTRY(BF16)},
    .pack_one = pack_one,
    .pack_four = pack_four,
    .pack_wide_one = pack_wide_one,
    .pack_wide_four = pack_wide_four,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .activate = {silu, gelu, clamped},
    .soft_cap = soft_cap,
    .add = add,
    .scale = scale,
    .to_half = to_half,
    .from_half = from_half,
    .keys_q8 = keys_q8,
    .values_q8 = values_q8,
    .lora_down = lora_down,
    .lora_up = lora_up,
    .attn_scores = attn_scores,
    .attn_softmax = attn_softmax,
    .attn_add = attn_add,
};
