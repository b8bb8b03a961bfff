#include <stdio.h>
#include <stdlib.h>

#include "engine/arch.h"

/* State of one binding: which tensors were asked for, and how much of `owned` is used. */
struct binder {
    const struct gguf *file;
    struct base_error *reterr;
    enum base_err err; /* first failure; later calls do nothing */
    bool *used;        /* [tensor count] */
    float *owned;
    size_t owned_used, owned_size;
};

static const struct gguf_tensor *find(struct binder *b, const char *name)
{
    const struct gguf_tensor *t = b->err ? NULL : gguf_tensor(b->file, name);
    if (t)
        b->used[t - gguf_tensor_at(b->file, 0)] = true;
    return t;
}

static void wrong_shape(struct binder *b, const struct gguf_tensor *t, uint64_t cols, uint64_t rows)
{
    b->err = base_error_set(
        b->reterr, BASE_ERR_BAD_FILE, "%s: tensor '%.*s' is %llu x %llu and must be %llu x %llu",
        gguf_name(b->file), SLICE_ARG(slice_sub(t->name, 0, 100)), (unsigned long long)t->dims[0],
        (unsigned long long)t->dims[1], (unsigned long long)cols, (unsigned long long)rows);
}

static void absent(struct binder *b, const char *name)
{
    b->err = base_error_set(b->reterr, BASE_ERR_BAD_FILE, "%s: tensor '%s' is needed and absent",
                            gguf_name(b->file), name);
}

/* A vector of `n` numbers as float32, or NULL when absent (which fails when `need`). */
static float *vector(struct binder *b, const char *name, uint32_t n, enum gguf_need need)
{
    const struct gguf_tensor *t = find(b, name);
    if (!t) {
        if (!b->err && need == GGUF_NEEDED)
            absent(b, name);
        return NULL;
    }
    if (t->dims[0] != n || t->dims[1] != 1 || t->dims[2] != 1 || t->dims[3] != 1) {
        wrong_shape(b, t, n, 1);
        return NULL;
    }
    float *out = b->owned + b->owned_used;
    t->format->dequantise(t->data, out, n);
    b->owned_used += n;
    return out;
}

static bool matrix_rows(struct binder *b, const struct gguf_tensor *t, uint32_t cols, uint64_t rows,
                        uint64_t from, uint32_t count, struct engine_matrix *ret)
{
    if (t->dims[0] != cols || t->dims[1] != rows || t->dims[2] != 1 || t->dims[3] != 1) {
        wrong_shape(b, t, cols, rows);
        return false;
    }
    uint64_t row_bytes = engine_format_row_bytes(t->format, cols);
    *ret = (struct engine_matrix){.format = t->format,
                                  .data = (const uint8_t *)t->data + from * row_bytes,
                                  .row_bytes = row_bytes,
                                  .rows = count,
                                  .cols = cols};
    return true;
}

static void matrix(struct binder *b, const char *name, uint32_t cols, uint32_t rows,
                   enum gguf_need need, struct engine_matrix *ret)
{
    const struct gguf_tensor *t = find(b, name);
    if (t)
        (void)matrix_rows(b, t, cols, rows, 0, rows, ret);
    else if (!b->err && need == GGUF_NEEDED)
        absent(b, name);
}

/* --- one layer ---------------------------------------------------------------------------- */

static const char *in_layer(char out[64], uint32_t layer, const char *suffix)
{
    (void)snprintf(out, 64, "blk.%u.%s", layer, suffix);
    return out;
}

/* q, k and v: three tensors, or one with their rows stacked. */
static void bind_qkv(struct binder *b, const struct engine_hparams *hp, uint32_t il,
                     struct engine_layer *layer)
{
    char name[64];
    uint32_t q = hp->n_head * hp->head_dim, kv = hp->n_head_kv * hp->head_dim;
    uint64_t all = (uint64_t)q + 2 * (uint64_t)kv;
    const struct gguf_tensor *t = find(b, in_layer(name, il, "attn_qkv.weight"));
    if (t) {
        if (matrix_rows(b, t, hp->n_embd, all, 0, q, &layer->q)) {
            (void)matrix_rows(b, t, hp->n_embd, all, q, kv, &layer->k);
            (void)matrix_rows(b, t, hp->n_embd, all, (uint64_t)q + kv, kv, &layer->v);
        }
        layer->q_bias = vector(b, in_layer(name, il, "attn_qkv.bias"), q + 2 * kv, GGUF_OPTIONAL);
        if (layer->q_bias) {
            layer->k_bias = layer->q_bias + q;
            layer->v_bias = layer->k_bias + kv;
        }
        return;
    }
    matrix(b, in_layer(name, il, "attn_q.weight"), hp->n_embd, q, GGUF_NEEDED, &layer->q);
    matrix(b, in_layer(name, il, "attn_k.weight"), hp->n_embd, kv, GGUF_NEEDED, &layer->k);
    matrix(b, in_layer(name, il, "attn_v.weight"), hp->n_embd, kv, GGUF_NEEDED, &layer->v);
    layer->q_bias = vector(b, in_layer(name, il, "attn_q.bias"), q, GGUF_OPTIONAL);
    layer->k_bias = vector(b, in_layer(name, il, "attn_k.bias"), kv, GGUF_OPTIONAL);
    layer->v_bias = vector(b, in_layer(name, il, "attn_v.bias"), kv, GGUF_OPTIONAL);
}

static void bind_layer(struct binder *b, const struct engine_arch *arch,
                       const struct engine_hparams *hp, uint32_t il, struct engine_layer *layer)
{
    char name[64];
    uint32_t q = hp->n_head * hp->head_dim;
    layer->attn_norm = vector(b, in_layer(name, il, "attn_norm.weight"), hp->n_embd, GGUF_NEEDED);
    layer->ffn_norm = vector(b, in_layer(name, il, "ffn_norm.weight"), hp->n_embd, GGUF_NEEDED);
    if (arch->qk_norm) {
        layer->q_norm =
            vector(b, in_layer(name, il, "attn_q_norm.weight"), hp->head_dim, GGUF_NEEDED);
        layer->k_norm =
            vector(b, in_layer(name, il, "attn_k_norm.weight"), hp->head_dim, GGUF_NEEDED);
    }
    bind_qkv(b, hp, il, layer);
    matrix(b, in_layer(name, il, "attn_output.weight"), q, hp->n_embd, GGUF_NEEDED, &layer->o);
    layer->o_bias = vector(b, in_layer(name, il, "attn_output.bias"), hp->n_embd, GGUF_OPTIONAL);
    matrix(b, in_layer(name, il, "ffn_gate.weight"), hp->n_embd, hp->n_ff, GGUF_NEEDED,
           &layer->gate);
    matrix(b, in_layer(name, il, "ffn_up.weight"), hp->n_embd, hp->n_ff, GGUF_NEEDED, &layer->up);
    matrix(b, in_layer(name, il, "ffn_down.weight"), hp->n_ff, hp->n_embd, GGUF_NEEDED,
           &layer->down);
}

/* --- all ---------------------------------------------------------------------------------- */

/* Every vector is a one-dimensional tensor of the file, so their sum bounds `owned`. */
static size_t sum_vectors(const struct gguf *file)
{
    size_t sum = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(file, i);
        if (t->dims[1] == 1 && t->dims[2] == 1 && t->dims[3] == 1)
            sum += (size_t)t->dims[0];
    }
    return sum;
}

static void check_all_used(struct binder *b, const struct engine_arch *arch)
{
    for (size_t i = 0; !b->err && i < gguf_tensor_count(b->file); i++) {
        struct slice name = slice_sub(gguf_tensor_at(b->file, i)->name, 0, 100);
        if (!b->used[i])
            b->err = base_error_set(b->reterr, BASE_ERR_UNSUPPORTED,
                                    "%s: tensor '%.*s' is no part of the architecture '%s' as this "
                                    "engine computes it",
                                    gguf_name(b->file), SLICE_ARG(name), arch->name);
    }
}

static void bind_all(struct binder *b, const struct engine_arch *arch,
                     const struct engine_hparams *hp, struct engine_weights *w)
{
    matrix(b, "token_embd.weight", hp->n_embd, hp->n_vocab, GGUF_NEEDED, &w->token_embd);
    w->output = w->token_embd;
    matrix(b, "output.weight", hp->n_embd, hp->n_vocab, GGUF_OPTIONAL, &w->output);
    w->output_norm = vector(b, "output_norm.weight", hp->n_embd, GGUF_NEEDED);
    w->rope_freqs = vector(b, "rope_freqs.weight", hp->n_rot / 2, GGUF_OPTIONAL);
    for (uint32_t i = 0; !b->err && w->rope_freqs && i < hp->n_rot / 2; i++) {
        if (!(w->rope_freqs[i] > 0.0F))
            b->err = base_error_set(b->reterr, BASE_ERR_BAD_FILE,
                                    "%s: tensor 'rope_freqs.weight' has a number that is not "
                                    "above 0",
                                    gguf_name(b->file));
    }
    for (uint32_t i = 0; !b->err && i < hp->n_layer; i++)
        bind_layer(b, arch, hp, i, &w->layers[i]);
    check_all_used(b, arch);
}

enum base_err engine_weights_bind(const struct gguf *file, const struct engine_arch *arch,
                                  const struct engine_hparams *hp, struct engine_weights *ret,
                                  struct base_error *reterr)
{
    struct engine_weights w = {0};
    struct binder b = {.file = file, .reterr = reterr};
    b.owned_size = sum_vectors(file);
    b.used = calloc(gguf_tensor_count(file) + 1, sizeof(*b.used));
    w.owned = b.owned = calloc(b.owned_size + 1, sizeof(*b.owned));
    w.layers = calloc(hp->n_layer, sizeof(*w.layers));
    if (!b.used || !w.owned || !w.layers)
        b.err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its tables",
                               gguf_name(file));
    else
        bind_all(&b, arch, hp, &w);
    free(b.used);
    if (b.err) {
        engine_weights_done(&w);
        return b.err;
    }
    *ret = w;
    return BASE_OK;
}

void engine_weights_done(struct engine_weights *weights)
{
    free(weights->owned);
    free(weights->layers);
    *weights = (struct engine_weights){0};
}
