#include "tests/unit/engine/reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/gguf/gguf.h"
#include "tests/unit/engine/tiny_gguf.h"

/* One model, as its file has it. */
struct shape {
    struct gguf *file;
    char arch[32];
    size_t n_embd, n_layer, head_dim, n_rot, n_vocab;
    double eps;
    bool neox;
    size_t count;     /* tokens of the text */
    bool in_8_bits;   /* inputs of quantised matrices */
    bool in_bf16;     /* inputs of matrices in BF16 */
    double **tensors; /* those in use so far, in the order of the file */
};

/* One layer. */
struct layer {
    size_t il, n_head, n_head_kv, n_ff;
    size_t window; /* 0 = none */
    double base, scale, magnitude;
    bool yarn;
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static double *numbers(size_t n)
{
    return need(calloc(n, sizeof(double)));
}

static bool is(const struct shape *m, const char *arch)
{
    return strcmp(m->arch, arch) == 0;
}

static const struct gguf_kv *key(const struct shape *m, const char *suffix)
{
    char name[96];
    (void)snprintf(name, sizeof(name), "%s.%s", m->arch, suffix);
    return gguf_find(m->file, name);
}

/* Item of an array, or the one number. */
static size_t size_at(const struct shape *m, const char *suffix, size_t il, size_t fallback)
{
    int64_t value = 0;
    const struct gguf_kv *kv = key(m, suffix);
    if (kv && !gguf_item_i64(kv, kv->type == GGUF_ARRAY ? il : 0, &value))
        abort();
    return kv ? (size_t)value : fallback;
}

static double real_of(const struct shape *m, const char *suffix, double fallback)
{
    float value;
    const struct gguf_kv *kv = key(m, suffix);
    return kv && gguf_item_f32(kv, 0, &value) ? (double)value : fallback;
}

static bool says(const struct shape *m, const char *suffix, const char *text)
{
    const struct gguf_kv *kv = key(m, suffix);
    const uint8_t *at = kv ? kv->data : NULL;
    return kv && slice_eq_str(gguf_next_string(&at), text);
}

/* A whole tensor as doubles, or NULL; kept until the end. */
static const double *tensor(struct shape *m, const char *name)
{
    const struct gguf_tensor *t = gguf_tensor(m->file, name);
    if (!t)
        return NULL;
    double **kept = &m->tensors[t - gguf_tensor_at(m->file, 0)];
    if (!*kept) {
        size_t n = (size_t)(t->dims[0] * t->dims[1] * t->dims[2]);
        *kept = numbers(n);
        tiny_unpack(t->format->ggml_id, t->data, n, *kept);
    }
    return *kept;
}

static const double *in_layer(struct shape *m, size_t il, const char *suffix)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "blk.%zu.%s", il, suffix);
    return tensor(m, name);
}

/* Numbers as a quantised matrix gets them: in 8 bits, a scale for each block of it. */
static void round_to_8_bits(const double *x, size_t n, size_t block, double *out)
{
    for (size_t b = 0; b < n; b += block) {
        double most = 0;
        for (size_t i = b; i < b + block; i++)
            most = fmax(most, fabs(x[i]));
        for (size_t i = b; i < b + block; i++)
            out[i] = most > 0 ? rint(x[i] * 127 / most) * most / 127 : 0;
    }
}

/* Numbers to the nearest bfloat16: 8 bits of each. */
static void round_to_bf16(const double *x, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        int exponent;
        double part = frexp(x[i], &exponent);
        out[i] = ldexp(rint(ldexp(part, 8)), exponent - 8);
    }
}

/* y = W x + bias; bias may be NULL. `name`: the tensor that W is from. */
static void linear(const struct shape *m, const char *name, const double *w, const double *bias,
                   const double *x, size_t cols, size_t rows, double *y)
{
    double *rounded = NULL;
    const struct engine_format *format = gguf_tensor(m->file, name)->format;
    const bool in_8_bits = m->in_8_bits && format->block > 1;
    if (in_8_bits || (m->in_bf16 && format->id == ENGINE_FORMAT_BF16)) {
        rounded = numbers(cols);
        if (in_8_bits)
            round_to_8_bits(x, cols, format->block, rounded);
        else
            round_to_bf16(x, cols, rounded);
        x = rounded;
    }
    for (size_t r = 0; r < rows; r++) {
        double sum = bias ? bias[r] : 0;
        for (size_t c = 0; c < cols; c++)
            sum += w[r * cols + c] * x[c];
        y[r] = sum;
    }
    free(rounded);
}

/* The tensors stem.weight and stem.bias of a layer, applied to x; `parts`: there are so many
 * matrices, and this is number `part`. */
static void linear_of(struct shape *m, size_t il, const char *stem, size_t part, const double *x,
                      size_t cols, size_t rows, double *y)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "blk.%zu.%s.bias", il, stem);
    const double *bias = tensor(m, name);
    (void)snprintf(name, sizeof(name), "blk.%zu.%s.weight", il, stem);
    const double *w = tensor(m, name);
    linear(m, name, w + part * cols * rows, bias ? bias + part * rows : NULL, x, cols, rows, y);
}

static void rms(const double *x, const double *w, size_t n, double eps, double *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(sum / (double)n + eps) * w[i];
}

/* A norm with a bias is a layer norm. */
static void norm(const double *x, const double *w, const double *bias, size_t n, double eps,
                 double *y)
{
    double mean = 0, variance = 0;
    if (!bias) {
        rms(x, w, n, eps, y);
        return;
    }
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) / sqrt(variance + eps) * w[i] + bias[i];
}

static void norm_of(struct shape *m, size_t il, const char *stem, const double *x, double *y)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s.weight", stem);
    const double *w = in_layer(m, il, name);
    (void)snprintf(name, sizeof(name), "%s.bias", stem);
    const double *bias = in_layer(m, il, name);
    norm(x, w, bias, m->n_embd, m->eps, y);
}

/* --- positions ---------------------------------------------------------------------------- */

/* Divisors of the angles, or NULL. */
static const double *rope_factors(struct shape *m)
{
    size_t original =
        size_at(m, "rope.scaling.original_context_length", 0, size_at(m, "context_length", 0, 0));
    const double *freqs = tensor(m, "rope_freqs.weight");
    if (freqs)
        return freqs;
    return tensor(m,
                  m->count > original ? "rope_factors_long.weight" : "rope_factors_short.weight");
}

/* Where a pair turns `turns` times within the original context. */
static double yarn_edge(const struct shape *m, double base, double turns)
{
    double original = (double)size_at(m, "rope.scaling.original_context_length", 0,
                                      size_at(m, "context_length", 0, 0));
    return (double)m->n_rot * log(original / (turns * 2 * M_PI)) / (2 * log(base));
}

/* YaRN: 1 = the angle as it is, 0 = scaled. */
static double yarn_share(const struct shape *m, const struct layer *l, size_t pair)
{
    double fast = real_of(m, "rope.scaling.yarn_beta_fast", 32);
    double slow = real_of(m, "rope.scaling.yarn_beta_slow", 1);
    double low = fmax(0, floor(yarn_edge(m, l->base, fast)));
    double high = fmin((double)m->n_rot - 1, ceil(yarn_edge(m, l->base, slow)));
    double along = ((double)pair - low) / fmax(0.001, high - low);
    return 1 - fmin(1, fmax(0, along));
}

static void rope(const struct shape *m, const struct layer *l, const double *factors, double *head,
                 size_t position)
{
    for (size_t i = 0; i < m->n_rot / 2; i++) {
        double angle = (double)position / pow(l->base, 2.0 * (double)i / (double)m->n_rot) /
                       (factors ? factors[i] : 1.0);
        double share = l->yarn ? yarn_share(m, l, i) : 0;
        angle = angle * l->scale * (1 - share) + angle * share;
        size_t a = m->neox ? i : 2 * i, b = m->neox ? i + m->n_rot / 2 : 2 * i + 1;
        double x = head[a], y = head[b];
        head[a] = (x * cos(angle) - y * sin(angle)) * l->magnitude;
        head[b] = (x * sin(angle) + y * cos(angle)) * l->magnitude;
    }
}

static void read_scaling(const struct shape *m, struct layer *l, bool local)
{
    double factor = real_of(m, "rope.scaling.factor", 1), multiplier = 0;
    double attention = real_of(m, "rope.scaling.yarn_attn_factor", 0);
    if (factor == 0 || says(m, "rope.scaling.type", "none"))
        factor = 1;
    l->base = real_of(m, "rope.freq_base", 10000);
    l->yarn = says(m, "rope.scaling.type", "yarn");
    l->scale = 1 / factor;
    l->magnitude = real_of(m, "rope.scaling.attn_factor", 1);
    if (local) {
        l->base = real_of(m, "rope.freq_base_swa", is(m, "gemma3") ? 10000 : l->base);
        l->scale = is(m, "gemma3") ? 1 : l->scale;
    }
    if (l->yarn && attention > 0) {
        l->magnitude *= attention;
        return;
    }
    if (l->yarn && l->scale < 1)
        l->magnitude *= 1 + 0.1 * log(1 / l->scale);
    if (is(m, "mistral3"))
        multiplier = real_of(m, "rope.scaling.yarn_log_multiplier", 0);
    if (l->yarn && multiplier != 0 && factor > 1)
        l->magnitude /= 1 + 0.1 * multiplier * log(factor);
}

static void read_layer(const struct shape *m, size_t il, struct layer *l)
{
    *l = (struct layer){.il = il};
    l->n_head = size_at(m, "attention.head_count", il, 0);
    l->n_head_kv = size_at(m, "attention.head_count_kv", il, l->n_head);
    l->n_ff = size_at(m, "feed_forward_length", il, 0);
    size_t period = is(m, "gemma3") ? 6 : is(m, "gemma2") || is(m, "gpt-oss") ? 2 : 0;
    const struct gguf_kv *kv = key(m, "attention.sliding_window_pattern");
    bool local = false;
    if (kv && kv->type == GGUF_ARRAY)
        local = size_at(m, "attention.sliding_window_pattern", il, 0) != 0;
    else if (period > 0)
        local = (il + 1) % size_at(m, "attention.sliding_window_pattern", 0, period) != 0;
    if (period > 0 && local)
        l->window = size_at(m, "attention.sliding_window", 0, is(m, "gemma2") ? 4096 : 0);
    read_scaling(m, l, l->window > 0);
}

/* --- attention ---------------------------------------------------------------------------- */

static double capped(double x, double most)
{
    return most > 0 ? most * tanh(x / most) : x;
}

static bool encodes(const struct shape *m)
{
    return is(m, "bert") || is(m, "nomic-bert");
}

/* One head of a query at position `t` over keys and values of one head, [count][kv_row]. */
static void attend(const struct shape *m, const struct layer *l, size_t t, const double *q,
                   const double *k, const double *v, const double *sink, double *out)
{
    size_t d = m->head_dim, kv_row = l->n_head_kv * d, first = 0;
    bool wide = (is(m, "gemma2") && m->n_layer == 46) || (is(m, "gemma3") && m->n_layer == 62);
    double scale = 1 / sqrt((double)(wide ? m->n_embd / l->n_head : d));
    double cap = real_of(m, "attn_logit_softcapping", is(m, "gemma2") ? 50 : 0);
    double *p = numbers(m->count), most = sink ? *sink : -INFINITY, sum;
    if (encodes(m))
        t = m->count - 1; /* sees every token */
    if (l->window > 0 && t >= l->window)
        first = t - l->window + 1;
    for (size_t j = first; j <= t; j++) {
        for (size_t i = 0; i < d; i++)
            p[j] += q[i] * k[j * kv_row + i];
        p[j] = capped(p[j] * scale, cap);
        most = fmax(most, p[j]);
    }
    sum = sink ? exp(*sink - most) : 0;
    for (size_t j = first; j <= t; j++) {
        p[j] = exp(p[j] - most);
        sum += p[j];
    }
    for (size_t i = 0; i < d; i++) {
        out[i] = 0;
        for (size_t j = first; j <= t; j++)
            out[i] += p[j] / sum * v[j * kv_row + i];
    }
    free(p);
}

static void add_bias(struct shape *m, const struct layer *l, const char *name, double *x, size_t n)
{
    const double *bias = in_layer(m, l->il, name);
    for (size_t i = 0; bias && i < n; i++)
        x[i] += bias[i];
}

static void project(struct shape *m, const struct layer *l, const double *x, double *q, double *k,
                    double *v)
{
    size_t d = m->n_embd, nq = l->n_head * m->head_dim, nkv = l->n_head_kv * m->head_dim;
    if (!in_layer(m, l->il, "attn_qkv.weight")) {
        linear_of(m, l->il, "attn_q", 0, x, d, nq, q);
        linear_of(m, l->il, "attn_k", 0, x, d, nkv, k);
        linear_of(m, l->il, "attn_v", 0, x, d, nkv, v);
        return;
    }
    double *all = numbers(nq + 2 * nkv);
    linear_of(m, l->il, "attn_qkv", 0, x, d, nq + 2 * nkv, all);
    memcpy(q, all, nq * sizeof(*q));
    memcpy(k, all + nq, nkv * sizeof(*k));
    memcpy(v, all + nq + nkv, nkv * sizeof(*v));
    add_bias(m, l, "attn_q.bias", q, nq);
    add_bias(m, l, "attn_k.bias", k, nkv);
    add_bias(m, l, "attn_v.bias", v, nkv);
    free(all);
}

/* Heads of queries or keys: norm, rotation. */
static void turn(struct shape *m, const struct layer *l, const char *norm_name,
                 const double *factors, double *x, size_t heads, size_t position)
{
    const double *w = in_layer(m, l->il, norm_name);
    for (size_t h = 0; h < heads; h++) {
        if (w)
            rms(x + h * m->head_dim, w, m->head_dim, m->eps, x + h * m->head_dim);
        if (!is(m, "bert"))
            rope(m, l, factors, x + h * m->head_dim, position);
    }
}

/* Temperature by position. */
static double heat(const struct shape *m, size_t position)
{
    double scale = is(m, "mistral3") ? real_of(m, "attention.temperature_scale", 0) : 0;
    size_t original =
        size_at(m, "rope.scaling.original_context_length", 0, size_at(m, "context_length", 0, 0));
    return 1 + scale * log((double)(position / original) + 1);
}

/* Keys and values of every token first: an encoder's queries look at all of them. */
static void run_attention(struct shape *m, const struct layer *l, double *x, size_t count)
{
    size_t d = m->n_embd, hd = m->head_dim, nq = l->n_head * hd, nkv = l->n_head_kv * hd;
    double *h = numbers(d), *q = numbers(count * nq), *att = numbers(nq);
    double *k = numbers(count * nkv), *v = numbers(count * nkv);
    const double *factors = rope_factors(m), *sinks = in_layer(m, l->il, "attn_sinks.weight");
    for (size_t t = 0; t < count; t++) {
        if (encodes(m))
            memcpy(h, x + t * d, d * sizeof(*h));
        else
            norm_of(m, l->il, "attn_norm", x + t * d, h);
        project(m, l, h, q + t * nq, k + t * nkv, v + t * nkv);
        turn(m, l, "attn_q_norm.weight", factors, q + t * nq, l->n_head, t);
        turn(m, l, "attn_k_norm.weight", factors, k + t * nkv, l->n_head_kv, t);
        for (size_t i = 0; i < nq; i++)
            q[t * nq + i] *= heat(m, t);
    }
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < l->n_head; i++) {
            size_t kv = i / (l->n_head / l->n_head_kv) * hd;
            attend(m, l, t, q + t * nq + i * hd, k + kv, v + kv, sinks ? sinks + i : NULL,
                   att + i * hd);
        }
        linear_of(m, l->il, "attn_output", 0, att, nq, d, h);
        if (is(m, "gemma2") || is(m, "gemma3"))
            norm_of(m, l->il, "post_attention_norm", h, h);
        for (size_t i = 0; i < d; i++)
            x[t * d + i] += h[i];
        if (encodes(m))
            norm_of(m, l->il, "attn_output_norm", x + t * d, x + t * d);
    }
    free(h);
    free(q);
    free(att);
    free(k);
    free(v);
}

/* --- feed-forward ------------------------------------------------------------------------- */

static double activated(const struct shape *m, double gate, double up)
{
    if (is(m, "gemma") || is(m, "gemma2") || is(m, "gemma3") || is(m, "starcoder2") ||
        is(m, "bert"))
        return 0.5 * gate * (1 + tanh(sqrt(2 / M_PI) * (gate + 0.044715 * gate * gate * gate))) *
               up;
    if (is(m, "gpt-oss")) {
        gate = fmin(gate, 7);
        return gate / (1 + exp(-1.702 * gate)) * (fmin(7, fmax(-7, up)) + 1);
    }
    return gate / (1 + exp(-gate)) * up;
}

static void dense(struct shape *m, const struct layer *l, const double *x, double *y)
{
    size_t d = m->n_embd, ff = l->n_ff;
    double *g = numbers(2 * ff), *u = g + ff;
    if (is(m, "phi3")) {
        linear_of(m, l->il, "ffn_up", 0, x, d, 2 * ff, g);
    } else if (is(m, "starcoder2") || is(m, "bert")) {
        linear_of(m, l->il, "ffn_up", 0, x, d, ff, g);
        for (size_t i = 0; i < ff; i++)
            u[i] = 1;
    } else {
        linear_of(m, l->il, "ffn_gate", 0, x, d, ff, g);
        linear_of(m, l->il, "ffn_up", 0, x, d, ff, u);
    }
    for (size_t i = 0; i < ff; i++)
        g[i] = activated(m, g[i], u[i]);
    linear_of(m, l->il, "ffn_down", 0, g, ff, d, y);
    free(g);
}

/* Every expert is asked; those that are not among the best count nothing. */
static void mixture(struct shape *m, const struct layer *l, const double *x, double *y)
{
    size_t d = m->n_embd, n = size_at(m, "expert_count", 0, 0);
    size_t used = size_at(m, "expert_used_count", 0, 0);
    size_t ff = size_at(m, "expert_feed_forward_length", 0, l->n_ff);
    double *score = numbers(n), *g = numbers(ff), *u = numbers(ff), *out = numbers(d), sum = 0;
    linear_of(m, l->il, "ffn_gate_inp", 0, x, d, n, score);
    memset(y, 0, d * sizeof(*y));
    for (size_t e = 0; e < n; e++) {
        size_t better = 0;
        for (size_t other = 0; other < n; other++)
            better += score[other] > score[e];
        if (better >= used)
            continue;
        linear_of(m, l->il, "ffn_gate_exps", e, x, d, ff, g);
        linear_of(m, l->il, "ffn_up_exps", e, x, d, ff, u);
        for (size_t i = 0; i < ff; i++)
            g[i] = activated(m, g[i], u[i]);
        linear_of(m, l->il, "ffn_down_exps", e, g, ff, d, out);
        for (size_t i = 0; i < d; i++)
            y[i] += exp(score[e]) * out[i];
        sum += exp(score[e]);
    }
    for (size_t i = 0; i < d; i++)
        y[i] /= sum;
    free(score);
    free(g);
    free(u);
    free(out);
}

static void run_ffn(struct shape *m, const struct layer *l, double *x, size_t count)
{
    size_t d = m->n_embd;
    double *h = numbers(d), *y = numbers(d);
    for (size_t t = 0; t < count; t++) {
        if (encodes(m))
            memcpy(h, x + t * d, d * sizeof(*h));
        else
            norm_of(m, l->il, is(m, "gpt-oss") ? "post_attention_norm" : "ffn_norm", x + t * d, h);
        if (size_at(m, "expert_count", 0, 0) > 0)
            mixture(m, l, h, y);
        else
            dense(m, l, h, y);
        if (is(m, "gemma2") || is(m, "gemma3"))
            norm_of(m, l->il, "post_ffw_norm", y, y);
        for (size_t i = 0; i < d; i++)
            x[t * d + i] += y[i];
        if (encodes(m))
            norm_of(m, l->il, "layer_output_norm", x + t * d, x + t * d);
    }
    free(h);
    free(y);
}

/* --- all ---------------------------------------------------------------------------------- */

static void read_shape(struct shape *m, struct slice bytes)
{
    struct slice arch = SLICE_NONE;
    if (gguf_parse(bytes, "reference", &m->file, NULL) ||
        gguf_string(m->file, "general.architecture", GGUF_NEEDED, &arch, NULL))
        abort();
    m->tensors = need(calloc(gguf_tensor_count(m->file), sizeof(*m->tensors)));
    (void)snprintf(m->arch, sizeof(m->arch), "%.*s", SLICE_ARG(arch));
    m->neox = !is(m, "llama") && !is(m, "mistral3");
    m->n_embd = size_at(m, "embedding_length", 0, 0);
    m->n_layer = size_at(m, "block_count", 0, 0);
    m->head_dim = size_at(m, "attention.key_length", 0, 0);
    m->n_rot = size_at(m, "rope.dimension_count", 0, 0);
    m->eps = real_of(m, "attention.layer_norm_rms_epsilon",
                     real_of(m, "attention.layer_norm_epsilon", 0));
    const struct gguf_tensor *embd = gguf_tensor(m->file, "token_embd.weight");
    m->n_vocab = (size_t)embd->dims[1];
}

static void put_embeddings(struct shape *m, const uint32_t *tokens, double *x)
{
    size_t d = m->n_embd;
    const double *embd = tensor(m, "token_embd.weight"), *types = tensor(m, "token_types.weight");
    const double *positions = tensor(m, "position_embd.weight");
    double scale = is(m, "gemma") || is(m, "gemma2") || is(m, "gemma3") ? sqrt((double)d) : 1;
    for (size_t t = 0; t < m->count; t++) {
        for (size_t i = 0; i < d; i++)
            x[t * d + i] = embd[tokens[t] * d + i] * scale + (types ? types[i] : 0) +
                           (positions ? positions[t * d + i] : 0);
        if (encodes(m))
            norm(x + t * d, tensor(m, "token_embd_norm.weight"), tensor(m, "token_embd_norm.bias"),
                 d, m->eps, x + t * d);
    }
}

static void put_logits(struct shape *m, const double *x, double *logits)
{
    const char *name = tensor(m, "output.weight") ? "output.weight" : "token_embd.weight";
    double cap = real_of(m, "final_logit_softcapping", is(m, "gemma2") ? 30 : 0);
    for (size_t t = 0; t < m->count; t++)
        linear(m, name, tensor(m, name), NULL, x + t * m->n_embd, m->n_embd, m->n_vocab,
               logits + t * m->n_vocab);
    for (size_t i = 0; i < m->count * m->n_vocab; i++)
        logits[i] = capped(logits[i], cap);
}

/* The last hidden states, or logits from them. */
static double *compute(struct slice model, const uint32_t *tokens, size_t count, bool want_logits,
                       bool in_8_bits, bool in_bf16)
{
    struct shape m = {.count = count, .in_8_bits = in_8_bits, .in_bf16 = in_bf16};
    read_shape(&m, model);
    double *x = numbers(count * m.n_embd), *logits;
    put_embeddings(&m, tokens, x);
    for (size_t il = 0; il < m.n_layer; il++) {
        struct layer l;
        read_layer(&m, il, &l);
        run_attention(&m, &l, x, count);
        run_ffn(&m, &l, x, count);
    }
    for (size_t t = 0; t < count && !encodes(&m); t++)
        norm(x + t * m.n_embd, tensor(&m, "output_norm.weight"), tensor(&m, "output_norm.bias"),
             m.n_embd, m.eps, x + t * m.n_embd);
    if (want_logits) {
        logits = numbers(count * m.n_vocab);
        put_logits(&m, x, logits);
        free(x);
        x = logits;
    }
    for (size_t i = 0; i < gguf_tensor_count(m.file); i++)
        free(m.tensors[i]);
    free(m.tensors);
    gguf_close(m.file);
    return x;
}

double *reference_logits(struct slice model, const uint32_t *tokens, size_t count)
{
    return compute(model, tokens, count, true, false, false);
}

double *reference_logits_in_8_bits(struct slice model, const uint32_t *tokens, size_t count)
{
    return compute(model, tokens, count, true, true, false);
}

double *reference_logits_in_bf16(struct slice model, const uint32_t *tokens, size_t count)
{
    return compute(model, tokens, count, true, false, true);
}

double *reference_hidden(struct slice model, const uint32_t *tokens, size_t count)
{
    return compute(model, tokens, count, false, false, false);
}

double reference_nmse(const float *a, const double *b, size_t n)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        apart += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += b[i] * b[i];
    }
    return apart / size;
}

double reference_kl(const float *a, const double *b, size_t rows, size_t n_vocab)
{
    double total = 0;
    for (size_t r = 0; r < rows; r++) {
        const float *x = a + r * n_vocab;
        const double *y = b + r * n_vocab;
        double sum_x = 0, sum_y = 0, kl = 0;
        for (size_t i = 0; i < n_vocab; i++) {
            sum_x += exp((double)x[i]);
            sum_y += exp(y[i]);
        }
        for (size_t i = 0; i < n_vocab; i++)
            kl += exp(y[i]) / sum_y * (y[i] - log(sum_y) - (double)x[i] + log(sum_x));
        total += kl;
    }
    return total / (double)rows;
}
