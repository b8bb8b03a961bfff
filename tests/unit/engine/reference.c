#include "tests/unit/engine/reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/gguf.h"
#include "tests/unit/engine/tiny_gguf.h"

struct shape {
    struct gguf *file;
    char arch[32];
    size_t n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff, n_rot, n_vocab;
    double eps, base, linear;
    bool neox;
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static size_t size_of(const struct shape *m, const char *suffix)
{
    char key[96];
    int64_t value = 0;
    (void)snprintf(key, sizeof(key), "%s.%s", m->arch, suffix);
    const struct gguf_kv *kv = need((void *)(uintptr_t)gguf_find(m->file, key));
    if (!gguf_item_i64(kv, 0, &value))
        abort();
    return (size_t)value;
}

static double real_of(const struct shape *m, const char *suffix, double fallback)
{
    char key[96];
    float value;
    (void)snprintf(key, sizeof(key), "%s.%s", m->arch, suffix);
    const struct gguf_kv *kv = gguf_find(m->file, key);
    return kv && gguf_item_f32(kv, 0, &value) ? (double)value : fallback;
}

/* A whole tensor as doubles, or NULL. */
static double *tensor(const struct shape *m, const char *name)
{
    const struct gguf_tensor *t = gguf_tensor(m->file, name);
    if (!t)
        return NULL;
    size_t n = (size_t)(t->dims[0] * t->dims[1]);
    double *out = need(malloc(n * sizeof(*out)));
    tiny_unpack(t->format->ggml_id, t->data, n, out);
    return out;
}

static double *in_layer(const struct shape *m, size_t layer, const char *suffix)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "blk.%zu.%s", layer, suffix);
    return tensor(m, name);
}

/* y = W x + bias; bias may be NULL. */
static void linear(const double *w, const double *bias, const double *x, size_t cols, size_t rows,
                   double *y)
{
    for (size_t r = 0; r < rows; r++) {
        double sum = bias ? bias[r] : 0;
        for (size_t c = 0; c < cols; c++)
            sum += w[r * cols + c] * x[c];
        y[r] = sum;
    }
}

static void norm(const double *x, const double *w, size_t n, double eps, double *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(sum / (double)n + eps) * w[i];
}

static void rope(const struct shape *m, const double *factors, double *head, size_t position)
{
    for (size_t i = 0; i < m->n_rot / 2; i++) {
        double angle = (double)position / m->linear /
                       pow(m->base, 2.0 * (double)i / (double)m->n_rot) /
                       (factors ? factors[i] : 1.0);
        size_t a = m->neox ? i : 2 * i, b = m->neox ? i + m->n_rot / 2 : 2 * i + 1;
        double x = head[a], y = head[b];
        head[a] = x * cos(angle) - y * sin(angle);
        head[b] = x * sin(angle) + y * cos(angle);
    }
}

static void attend(const struct shape *m, const double *q, const double *k, const double *v,
                   size_t count, double *out)
{
    size_t d = m->head_dim, kv_row = m->n_head_kv * d;
    double *p = need(malloc(count * sizeof(*p)));
    for (size_t h = 0; h < m->n_head; h++) {
        size_t kv_head = h / (m->n_head / m->n_head_kv);
        double most = -INFINITY, sum = 0;
        for (size_t j = 0; j < count; j++) {
            p[j] = 0;
            for (size_t i = 0; i < d; i++)
                p[j] += q[h * d + i] * k[j * kv_row + kv_head * d + i];
            p[j] /= sqrt((double)d);
            most = fmax(most, p[j]);
        }
        for (size_t j = 0; j < count; j++) {
            p[j] = exp(p[j] - most);
            sum += p[j];
        }
        for (size_t i = 0; i < d; i++) {
            out[h * d + i] = 0;
            for (size_t j = 0; j < count; j++)
                out[h * d + i] += p[j] / sum * v[j * kv_row + kv_head * d + i];
        }
    }
    free(p);
}

/* Weights of one layer; q, k and v may stand stacked in one tensor. */
struct layer {
    double *attn_norm, *ffn_norm, *qkv, *q, *k, *v, *o, *gate, *up, *down;
    double *qkv_bias, *q_bias, *k_bias, *v_bias, *o_bias, *q_norm, *k_norm;
};

static void load_layer(const struct shape *m, size_t il, struct layer *l)
{
    const struct {
        const char *name;
        double **to;
    } all[] = {
        {"attn_norm.weight", &l->attn_norm},
        {"ffn_norm.weight", &l->ffn_norm},
        {"attn_qkv.weight", &l->qkv},
        {"attn_q.weight", &l->q},
        {"attn_k.weight", &l->k},
        {"attn_v.weight", &l->v},
        {"attn_output.weight", &l->o},
        {"ffn_gate.weight", &l->gate},
        {"ffn_up.weight", &l->up},
        {"ffn_down.weight", &l->down},
        {"attn_qkv.bias", &l->qkv_bias},
        {"attn_q.bias", &l->q_bias},
        {"attn_k.bias", &l->k_bias},
        {"attn_v.bias", &l->v_bias},
        {"attn_output.bias", &l->o_bias},
        {"attn_q_norm.weight", &l->q_norm},
        {"attn_k_norm.weight", &l->k_norm},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        *all[i].to = in_layer(m, il, all[i].name);
}

static void free_layer(struct layer *l)
{
    double *all[] = {l->attn_norm, l->ffn_norm, l->qkv,    l->q,      l->k,        l->v,
                     l->o,         l->gate,     l->up,     l->down,   l->qkv_bias, l->q_bias,
                     l->k_bias,    l->v_bias,   l->o_bias, l->q_norm, l->k_norm};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

static void project(const struct shape *m, const struct layer *l, const double *x, double *q,
                    double *k, double *v)
{
    size_t d = m->n_embd, nq = m->n_head * m->head_dim, nkv = m->n_head_kv * m->head_dim;
    if (!l->qkv) {
        linear(l->q, l->q_bias, x, d, nq, q);
        linear(l->k, l->k_bias, x, d, nkv, k);
        linear(l->v, l->v_bias, x, d, nkv, v);
        return;
    }
    double *all = need(malloc((nq + 2 * nkv) * sizeof(*all)));
    linear(l->qkv, l->qkv_bias, x, d, nq + 2 * nkv, all);
    memcpy(q, all, nq * sizeof(*q));
    memcpy(k, all + nq, nkv * sizeof(*k));
    memcpy(v, all + nq + nkv, nkv * sizeof(*v));
    free(all);
}

static void run_attention(const struct shape *m, const struct layer *l, const double *factors,
                          double *x, size_t count)
{
    size_t d = m->n_embd, nq = m->n_head * m->head_dim, nkv = m->n_head_kv * m->head_dim;
    double *h = need(malloc(d * sizeof(*h))), *q = need(malloc(nq * sizeof(*q)));
    double *att = need(malloc(nq * sizeof(*att)));
    double *k = need(malloc(count * nkv * sizeof(*k))), *v = need(malloc(count * nkv * sizeof(*v)));
    for (size_t t = 0; t < count; t++) {
        norm(x + t * d, l->attn_norm, d, m->eps, h);
        project(m, l, h, q, k + t * nkv, v + t * nkv);
        for (size_t i = 0; i < m->n_head; i++) {
            double *head = q + i * m->head_dim;
            if (l->q_norm)
                norm(head, l->q_norm, m->head_dim, m->eps, head);
            rope(m, factors, head, t);
        }
        for (size_t i = 0; i < m->n_head_kv; i++) {
            double *head = k + t * nkv + i * m->head_dim;
            if (l->k_norm)
                norm(head, l->k_norm, m->head_dim, m->eps, head);
            rope(m, factors, head, t);
        }
        attend(m, q, k, v, t + 1, att);
        linear(l->o, l->o_bias, att, nq, d, h);
        for (size_t i = 0; i < d; i++)
            x[t * d + i] += h[i];
    }
    free(h);
    free(q);
    free(att);
    free(k);
    free(v);
}

static void run_ffn(const struct shape *m, const struct layer *l, double *x, size_t count)
{
    size_t d = m->n_embd;
    double *h = need(malloc(d * sizeof(*h))), *g = need(malloc(m->n_ff * sizeof(*g)));
    double *u = need(malloc(m->n_ff * sizeof(*u)));
    for (size_t t = 0; t < count; t++) {
        norm(x + t * d, l->ffn_norm, d, m->eps, h);
        linear(l->gate, NULL, h, d, m->n_ff, g);
        linear(l->up, NULL, h, d, m->n_ff, u);
        for (size_t i = 0; i < m->n_ff; i++)
            g[i] = g[i] / (1 + exp(-g[i])) * u[i];
        linear(l->down, NULL, g, m->n_ff, d, h);
        for (size_t i = 0; i < d; i++)
            x[t * d + i] += h[i];
    }
    free(h);
    free(g);
    free(u);
}

static void read_shape(struct shape *m, struct slice bytes)
{
    struct slice arch = SLICE_NONE;
    if (gguf_parse(bytes, "reference", &m->file, NULL) ||
        gguf_string(m->file, "general.architecture", GGUF_NEEDED, &arch, NULL))
        abort();
    (void)snprintf(m->arch, sizeof(m->arch), "%.*s", SLICE_ARG(arch));
    m->neox = strcmp(m->arch, "llama") != 0;
    m->n_embd = size_of(m, "embedding_length");
    m->n_layer = size_of(m, "block_count");
    m->n_head = size_of(m, "attention.head_count");
    m->n_head_kv = size_of(m, "attention.head_count_kv");
    m->head_dim = size_of(m, "attention.key_length");
    m->n_ff = size_of(m, "feed_forward_length");
    m->n_rot = size_of(m, "rope.dimension_count");
    m->eps = real_of(m, "attention.layer_norm_rms_epsilon", 0);
    m->base = real_of(m, "rope.freq_base", 10000);
    m->linear = real_of(m, "rope.scaling.factor", 1);
    const struct gguf_tensor *embd = gguf_tensor(m->file, "token_embd.weight");
    m->n_vocab = (size_t)embd->dims[1];
}

double *reference_logits(struct slice model, const uint32_t *tokens, size_t count)
{
    struct shape m = {0};
    read_shape(&m, model);
    size_t d = m.n_embd;
    double *embd = tensor(&m, "token_embd.weight"), *output = tensor(&m, "output.weight");
    double *last = tensor(&m, "output_norm.weight"), *factors = tensor(&m, "rope_freqs.weight");
    double *x = need(malloc(count * d * sizeof(*x))), *h = need(malloc(d * sizeof(*h)));
    double *logits = need(malloc(count * m.n_vocab * sizeof(*logits)));
    for (size_t t = 0; t < count; t++)
        memcpy(x + t * d, embd + tokens[t] * d, d * sizeof(*x));
    for (size_t il = 0; il < m.n_layer; il++) {
        struct layer l;
        load_layer(&m, il, &l);
        run_attention(&m, &l, factors, x, count);
        run_ffn(&m, &l, x, count);
        free_layer(&l);
    }
    for (size_t t = 0; t < count; t++) {
        norm(x + t * d, last, d, m.eps, h);
        linear(output ? output : embd, NULL, h, d, m.n_vocab, logits + t * m.n_vocab);
    }
    free(embd);
    free(output);
    free(last);
    free(factors);
    free(x);
    free(h);
    gguf_close(m.file);
    return logits;
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
