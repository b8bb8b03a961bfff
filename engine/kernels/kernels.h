/*
 * Kernels: the arithmetic, once per instruction set.
 *
 *     const struct engine_kernels *k = engine_kernels();      // chosen once per process
 *     k->rms_norm(x, weight, n, eps, y);
 *
 * Each set is a static library of its own (portable.c, avx2.c, avx512.c, neon.c) whose only visible
 * symbol is its table, so that no vector instruction can be reached on a processor that lacks it.
 * cpu.c chooses. Weights are computed as panels (panel.h), quantised ones with inputs in 8 bits,
 * F16 and BF16 in float32; F32 as it lies in the file. One set rounds the inputs of BF16 to
 * bfloat16 (avx512_bf16.c: half of the multiplications; docs/decisions/0008), and attention of
 * quantised models (0010); two round dot products of K types to 16 bits (avx512_wide.h; 0009).
 *
 * A result never depends on how many tokens or rows are computed together: for each pair of row and
 * token every set adds in one order. Sets differ among themselves by rounding alone.
 *
 * Arrays of floats are aligned to 4 bytes, packed activations to 64; nothing else is asked for.
 */
#ifndef ENGINE_KERNELS_KERNELS_H
#define ENGINE_KERNELS_KERNELS_H

#include "engine/gguf/format.h"
#include "engine/kernels/panel.h"

/* Between the two halves of a feed-forward block. */
enum engine_activation {
    ENGINE_ACTIVATION_SILU,
    ENGINE_ACTIVATION_GELU,
    ENGINE_ACTIVATION_CLAMP, /* gpt-oss */
    ENGINE_ACTIVATION_COUNT
};

/* Tokens in a page of the KV cache: keys of a page lie transposed, [head_dim][ENGINE_PAGE]. */
#define ENGINE_PAGE 32

/* y[t][r] = sum over c of w[r][c] * x[t][c], all of float32 */
struct engine_matmul {
    const float *w; /* [rows][cols] */
    size_t cols;
    const float *x;
    size_t x_stride;        /* floats from one row to the next */
    const uint32_t *x_rows; /* [tokens] row of each token; NULL = in order */
    size_t tokens;
    float *y;
    size_t y_stride; /* floats from one token to the next */
};

/* Token t's activations. */
static inline const float *engine_matmul_x(const struct engine_matmul *job, size_t t)
{
    size_t row = job->x_rows ? job->x_rows[t] : t;
    return job->x + row * job->x_stride;
}

/* Rows from `row` to `end` - 1. */
typedef void (*engine_matmul_fn)(const struct engine_matmul *job, size_t row, size_t end);

/*
 * What an adapter adds to one matrix: y += scale * B (A x). A lies as [rank][cols]; B in tiles of
 * outputs, [tiles][rank][ENGINE_LORA_TILE], the last one filled up with zeros. Both in half
 * precision or float32.
 */
#define ENGINE_LORA_TILE 16
struct engine_lora {
    bool half;
    uint32_t rank, cols, rows; /* rank 0 = nothing */
    float scale;
    const void *a, *b;
};

/* Heads of several tokens that look at the same keys and values, in half precision or float32. Row
 * r is head r % group of token r / group; its numbers stand at r / group * stride + r % group *
 * head_dim. */
struct engine_attn {
    size_t tokens, group, stride, head_dim;
    bool half;
};

/*
 * The same with queries, keys, values and what a softmax gives rounded to bfloat16, two to a
 * uint32_t: neighbours that are multiplied one after the other, the first in the lower half, zero
 * behind an odd last one. Sums are float32. `attn_scores`, `attn_softmax` and `attn_add` of struct
 * engine_kernels say what the last three do.
 */
struct engine_attn_bf16 {
    /* One row: out[(n + 1) / 2] */
    void (*queries)(const float *q, size_t n, uint32_t *out);
    /* A page of halves or floats: out[(head_dim + 1) / 2][ENGINE_PAGE]; may be where the floats
     * are */
    void (*keys)(const void *k, bool half, size_t head_dim, uint32_t *out);
    /* Its first n: out[(n + 1) / 2][head_dim]; likewise */
    void (*values)(const void *v, bool half, size_t n, size_t head_dim, uint32_t *out);
    /* q: row after row */
    void (*scores)(size_t rows, size_t head_dim, const uint32_t *q, const uint32_t *k, float scale,
                   float *scores);
    /* What it turns scores into lies at the start of their row, and is what it sums up. */
    float (*softmax)(float *scores, size_t from, size_t n, float *largest, float *sum);
    void (*add)(const struct engine_attn *rows, const float *p, const uint32_t *v, size_t n,
                float *acc);
};

struct engine_kernels {
    const char *name;
    /* Whether dot products of K types lose what they have more than 16 bits: avx512_wide.h. */
    bool wide_in_16_bits;
    engine_matmul_fn matmul; /* of F32, as it lies in the file */
    /* Weights in panels; NULL where engine_panel_layout() is. */
    engine_panel_fn panels[ENGINE_FORMAT_COUNT];
    /* n a multiple of 32, wide of 256; one token, or up to four (NULL past the last) */
    void (*pack_one)(const float *x, size_t n, struct engine_act1 *out);
    void (*pack_four)(const float *const x[4], size_t n, struct engine_act4 *out);
    void (*pack_wide_one)(const float *x, size_t n, struct engine_wide1 *out);
    void (*pack_wide_four)(const float *const x[4], size_t n, struct engine_wide4 *out);
    /* Inputs of BF16 as ENGINE_ACT_BF16, as above; NULL where they are float32. */
    void (*pack_bf16_one)(const float *x, size_t n, uint32_t *out);
    void (*pack_bf16_four)(const float *const x[4], size_t n, uint32_t *out);
    /* y = x / sqrt(mean(x^2) + eps) * weight; y may be x */
    void (*rms_norm)(const float *x, const float *weight, size_t n, float eps, float *y);
    /* y = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias; y may be x */
    void (*layer_norm)(const float *x, const float *weight, const float *bias, size_t n, float eps,
                       float *y);
    /* gate = f(gate) * up, or f(gate) when up is NULL (not for CLAMP); f by engine_activation:
     *   SILU   x / (1 + exp(-x))
     *   GELU   x / (1 + exp(-2 u)), u = sqrt(2 / pi) (x + 0.044715 x^3): x (1 + tanh(u)) / 2
     *   CLAMP  min(x, 7) / (1 + exp(-1.702 min(x, 7))), times up clamped to [-7, 7], plus 1 */
    void (*activate[ENGINE_ACTIVATION_COUNT])(float *gate, const float *up, size_t n);
    /* x = most * tanh(x / most) */
    void (*soft_cap)(float *x, size_t n, float most);
    void (*add)(float *x, const float *y, size_t n); /* x += y */
    void (*scale)(float *x, float factor, size_t n); /* x *= factor */
    void (*to_half)(const float *x, size_t n, uint16_t *out);
    void (*from_half)(const uint16_t *x, size_t n, float *out);
    /* A page of keys or values in 8 bits as floats; see kv_q8.h. */
    void (*keys_q8)(const int8_t *q, const float *scales, size_t head_dim, float *out);
    void (*values_q8)(const int8_t *q, const float *scales, size_t head_dim, float *out);
    /* h[r] = scale * sum over i of a[r][i] * x[i], r < rank */
    void (*lora_down)(const struct engine_lora *l, const float *x, float *h);
    /* y[i - row] += sum over r of h[r] * b[i][r], row <= i < end */
    void (*lora_up)(const struct engine_lora *l, const float *h, size_t row, size_t end, float *y);
    /* scores[r][j] = scale * sum over i of q[r][i] * k[i][j], j < ENGINE_PAGE */
    void (*attn_scores)(const struct engine_attn *rows, const float *q, const void *k, float scale,
                        float *scores);
    /* Takes scores `from` to n - 1 of a row of ENGINE_PAGE into a running softmax: turns them into
     * exp(score - *largest), the others into 0, after raising *largest and adapting *sum. Returns
     * what has been summed up with earlier scores is to be multiplied by. */
    float (*attn_softmax)(float *scores, size_t from, size_t n, float *largest, float *sum);
    /* acc[r][i] += sum over j < n of p[r][j] * v[j][i]; p: [rows][ENGINE_PAGE] */
    void (*attn_add)(const struct engine_attn *rows, const float *p, const void *v, size_t n,
                     float *acc);
    const struct engine_attn_bf16 *attn_bf16; /* or NULL */
};

/* What a processor with instructions for BF16 has otherwise than the set below it. */
struct engine_bf16_kernels {
    engine_panel_fn panels;
    void (*pack_one)(const float *x, size_t n, uint32_t *out);
    void (*pack_four)(const float *const x[4], size_t n, uint32_t *out);
    struct engine_attn_bf16 attn;
};

/* What a set wants a product's input as. */
static inline enum engine_act_form engine_kernels_form(const struct engine_kernels *kernels,
                                                       const struct engine_panel_layout *layout)
{
    if (layout->format == ENGINE_FORMAT_BF16 && kernels->pack_bf16_four)
        return ENGINE_ACT_BF16;
    return layout->type.scales == ENGINE_PANEL_FLOATS  ? ENGINE_ACT_FLOATS
           : ENGINE_PANEL_IS_WIDE(layout->type.scales) ? ENGINE_ACT_WIDE
                                                       : ENGINE_ACT_NARROW;
}

extern const struct engine_kernels engine_kernels_portable;
#if defined(__x86_64__)
extern const struct engine_kernels engine_kernels_avx2;
extern const struct engine_kernels engine_kernels_avx512;
extern const struct engine_bf16_kernels engine_kernels_avx512_bf16;
#elif defined(__aarch64__)
extern const struct engine_kernels engine_kernels_neon;
#endif

/* The set in use. */
const struct engine_kernels *engine_kernels(void);

/* Set by index, rising preference, NULL past the last; and whether this processor runs it. */
const struct engine_kernels *engine_kernels_at(size_t index);
bool engine_kernels_supported(const struct engine_kernels *kernels);

#endif
