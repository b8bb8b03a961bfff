#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/model/arch.h"

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
                                  .cols = cols,
                                  .tensor = (uint32_t)(t - gguf_tensor_at(b->file, 0)),
                                  .first_row = (uint32_t)from};
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

/* Item `part` of a tensor of `parts` matrices. */
static void part_of(struct binder *b, const struct gguf_tensor *t, uint32_t cols, uint32_t rows,
                    uint32_t part, uint32_t parts, struct engine_matrix *ret)
{
    if (b->err)
        return;
    if (t->dims[0] != cols || t->dims[1] != rows || t->dims[2] != parts || t->dims[3] != 1) {
        b->err = base_error_set(b->reterr, BASE_ERR_BAD_FILE,
                                "%s: tensor '%.*s' is %llu x %llu x %llu and must be %u x %u x %u",
                                gguf_name(b->file), SLICE_ARG(slice_sub(t->name, 0, 100)),
                                (unsigned long long)t->dims[0], (unsigned long long)t->dims[1],
                                (unsigned long long)t->dims[2], cols, rows, parts);
        return;
    }
    uint64_t row_bytes = engine_format_row_bytes(t->format, cols);
    *ret = (struct engine_matrix){.format = t->format,
                                  .data = (const uint8_t *)t->data + part * rows * row_bytes,
                                  .row_bytes = row_bytes,
                                  .rows = rows,
                                  .cols = cols,
                                  .tensor = (uint32_t)(t - gguf_tensor_at(b->file, 0)),
                                  .first_row = part * rows};
}

/* `rows` vectors of `n` numbers, one after the other, or NULL when absent. */
static float *vectors(struct binder *b, const char *name, uint32_t n, uint32_t rows)
{
    const struct gguf_tensor *t = find(b, name);
    if (!t)
        return NULL;
    if (t->dims[0] != n || t->dims[1] != rows || t->dims[2] != 1 || t->dims[3] != 1) {
        wrong_shape(b, t, n, rows);
        return NULL;
    }
    float *out = b->owned + b->owned_used;
    t->format->dequantise(t->data, out, (size_t)n * rows);
    b->owned_used += (size_t)n * rows;
    return out;
}

/* --- one layer ---------------------------------------------------------------------------- */

/* The layer that is being bound, and room for the names of its tensors. */
struct place {
    struct binder *b;
    const struct engine_arch *arch;
    const struct engine_hparams *hp;
    uint32_t il;
    char name[80];
};

static const char *named(struct place *p, const char *stem, const char *suffix)
{
    (void)snprintf(p->name, sizeof(p->name), "blk.%u.%s.%s", p->il, stem, suffix);
    return p->name;
}

static struct engine_norm norm(struct place *p, const char *stem, bool there)
{
    struct engine_norm n = {0};
    if (!there)
        return n;
    n.weight = vector(p->b, named(p, stem, "weight"), p->hp->n_embd, GGUF_NEEDED);
    if (p->arch->norm == ENGINE_NORM_LAYER)
        n.bias = vector(p->b, named(p, stem, "bias"), p->hp->n_embd, GGUF_NEEDED);
    return n;
}

static void weight(struct place *p, const char *stem, uint32_t cols, uint32_t rows,
                   struct engine_matrix *ret)
{
    matrix(p->b, named(p, stem, "weight"), cols, rows, GGUF_NEEDED, ret);
}

static float *bias(struct place *p, const char *stem, uint32_t n)
{
    return vector(p->b, named(p, stem, "bias"), n, GGUF_OPTIONAL);
}

/* q, k and v: three tensors, or one with their rows stacked; then biases may be one or three. */
static void bind_qkv(struct place *p, struct engine_layer *layer)
{
    uint32_t in = p->hp->n_embd, q = layer->shape.n_head * p->hp->head_dim;
    uint32_t kv = layer->shape.n_head_kv * p->hp->head_dim;
    uint64_t all = (uint64_t)q + 2 * (uint64_t)kv;
    const struct gguf_tensor *t = find(p->b, named(p, "attn_qkv", "weight"));
    if (t) {
        if (matrix_rows(p->b, t, in, all, 0, q, &layer->q)) {
            (void)matrix_rows(p->b, t, in, all, q, kv, &layer->k);
            (void)matrix_rows(p->b, t, in, all, (uint64_t)q + kv, kv, &layer->v);
        }
        layer->q_bias = bias(p, "attn_qkv", q + 2 * kv);
        if (layer->q_bias) {
            layer->k_bias = layer->q_bias + q;
            layer->v_bias = layer->k_bias + kv;
            return;
        }
    } else {
        weight(p, "attn_q", in, q, &layer->q);
        weight(p, "attn_k", in, kv, &layer->k);
        weight(p, "attn_v", in, kv, &layer->v);
    }
    layer->q_bias = bias(p, "attn_q", q);
    layer->k_bias = bias(p, "attn_k", kv);
    layer->v_bias = bias(p, "attn_v", kv);
}

static void bind_mlp(struct place *p, uint32_t n_ff, struct engine_mlp *mlp)
{
    uint32_t in = p->hp->n_embd;
    if (p->arch->mlp == ENGINE_MLP_STACKED) {
        const struct gguf_tensor *t = find(p->b, named(p, "ffn_up", "weight"));
        if (!t && !p->b->err)
            absent(p->b, p->name);
        if (t && matrix_rows(p->b, t, in, 2 * (uint64_t)n_ff, 0, n_ff, &mlp->gate))
            (void)matrix_rows(p->b, t, in, 2 * (uint64_t)n_ff, n_ff, n_ff, &mlp->up);
    } else {
        weight(p, "ffn_up", in, n_ff, &mlp->up);
        mlp->up_bias = bias(p, "ffn_up", n_ff);
    }
    if (p->arch->mlp == ENGINE_MLP_GATED) {
        weight(p, "ffn_gate", in, n_ff, &mlp->gate);
        mlp->gate_bias = bias(p, "ffn_gate", n_ff);
    }
    weight(p, "ffn_down", n_ff, in, &mlp->down);
    mlp->down_bias = bias(p, "ffn_down", in);
}

static void bind_experts(struct place *p, struct engine_layer *layer)
{
    static const char *const stems[3] = {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"};
    const struct gguf_tensor *t[3];
    uint32_t in = p->hp->n_embd, n_ff = p->hp->n_ff_expert, count = p->hp->n_expert;
    weight(p, "ffn_gate_inp", in, count, &layer->router);
    layer->router_bias = bias(p, "ffn_gate_inp", count);
    for (size_t i = 0; i < 3; i++) {
        t[i] = find(p->b, named(p, stems[i], "weight"));
        if (!t[i] && !p->b->err)
            absent(p->b, p->name);
    }
    float *gate_bias = vectors(p->b, named(p, stems[0], "bias"), n_ff, count);
    float *up_bias = vectors(p->b, named(p, stems[1], "bias"), n_ff, count);
    float *down_bias = vectors(p->b, named(p, stems[2], "bias"), in, count);
    if (p->b->err)
        return;
    layer->experts = calloc(count, sizeof(*layer->experts));
    if (!layer->experts)
        p->b->err = base_error_set(p->b->reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its tables",
                                   gguf_name(p->b->file));
    for (uint32_t e = 0; e < count && !p->b->err; e++) {
        struct engine_mlp *mlp = &layer->experts[e];
        part_of(p->b, t[0], in, n_ff, e, count, &mlp->gate);
        part_of(p->b, t[1], in, n_ff, e, count, &mlp->up);
        part_of(p->b, t[2], n_ff, in, e, count, &mlp->down);
        mlp->gate_bias = gate_bias ? gate_bias + (size_t)e * n_ff : NULL;
        mlp->up_bias = up_bias ? up_bias + (size_t)e * n_ff : NULL;
        mlp->down_bias = down_bias ? down_bias + (size_t)e * in : NULL;
    }
}

static void bind_layer(struct place *p, struct engine_layer *layer)
{
    const struct engine_arch *arch = p->arch;
    uint32_t head_dim = p->hp->head_dim;
    layer->shape = engine_layer_shape(p->b->file, arch, p->hp, p->il);
    layer->attn_norm = norm(p, "attn_norm", !arch->encoder);
    layer->ffn_norm = norm(p, arch->ffn_norm ? arch->ffn_norm : "ffn_norm", !arch->encoder);
    layer->attn_sum_norm = norm(p, "attn_output_norm", arch->encoder);
    layer->ffn_sum_norm = norm(p, "layer_output_norm", arch->encoder);
    layer->post_attn_norm = norm(p, "post_attention_norm", arch->post_norms);
    layer->post_ffn_norm = norm(p, "post_ffw_norm", arch->post_norms);
    if (arch->qk_norm) {
        layer->q_norm = vector(p->b, named(p, "attn_q_norm", "weight"), head_dim, GGUF_NEEDED);
        layer->k_norm = vector(p->b, named(p, "attn_k_norm", "weight"), head_dim, GGUF_NEEDED);
    }
    if (arch->sinks)
        layer->sinks =
            vector(p->b, named(p, "attn_sinks", "weight"), layer->shape.n_head, GGUF_NEEDED);
    bind_qkv(p, layer);
    weight(p, "attn_output", layer->shape.n_head * head_dim, p->hp->n_embd, &layer->o);
    layer->o_bias = bias(p, "attn_output", p->hp->n_embd);
    if (p->hp->n_expert > 0)
        bind_experts(p, layer);
    else
        bind_mlp(p, layer->shape.n_ff, &layer->mlp);
}

/* --- all ---------------------------------------------------------------------------------- */

/* Every vector is a one-dimensional tensor of the file, or the biases of a layer's experts: their
 * sum bounds `owned`. */
static size_t sum_vectors(const struct gguf *file)
{
    size_t sum = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(file, i);
        bool biases = slice_ends_with(t->name, SLICE("_exps.bias"));
        if (t->dims[2] == 1 && t->dims[3] == 1 && (t->dims[1] == 1 || biases))
            sum += (size_t)(t->dims[0] * t->dims[1]);
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

/* Divisors of the angles; all above 0. */
static float *factors(struct binder *b, const char *name, uint32_t n)
{
    float *v = vector(b, name, n, GGUF_OPTIONAL);
    for (uint32_t i = 0; v && i < n && !b->err; i++) {
        if (!(v[i] > 0.0F))
            b->err = base_error_set(b->reterr, BASE_ERR_BAD_FILE,
                                    "%s: tensor '%s' has a number that is not above 0",
                                    gguf_name(b->file), name);
    }
    return v;
}

static void bind_factors(struct binder *b, const struct engine_hparams *hp,
                         struct engine_weights *w)
{
    w->rope_freqs = factors(b, "rope_freqs.weight", hp->n_rot / 2);
    w->rope_long = factors(b, "rope_factors_long.weight", hp->n_rot / 2);
    w->rope_short = factors(b, "rope_factors_short.weight", hp->n_rot / 2);
    if (!b->err && !w->rope_long != !w->rope_short)
        absent(b, w->rope_long ? "rope_factors_short.weight" : "rope_factors_long.weight");
}

static struct engine_norm whole_norm(struct binder *b, const struct engine_arch *arch,
                                     const struct engine_hparams *hp, const char *stem)
{
    char name[64];
    struct engine_norm n = {0};
    (void)snprintf(name, sizeof(name), "%s.weight", stem);
    n.weight = vector(b, name, hp->n_embd, GGUF_NEEDED);
    (void)snprintf(name, sizeof(name), "%s.bias", stem);
    if (arch->norm == ENGINE_NORM_LAYER)
        n.bias = vector(b, name, hp->n_embd, GGUF_NEEDED);
    return n;
}

/* What an encoder has before its layers; nothing stands behind them. */
static void bind_encoder(struct binder *b, const struct engine_arch *arch,
                         const struct engine_hparams *hp, struct engine_weights *w)
{
    const struct gguf_tensor *types = gguf_tensor(b->file, "token_types.weight");
    uint32_t rows = types && types->dims[1] < 1024 ? (uint32_t)types->dims[1] : 1;
    matrix(b, "token_types.weight", hp->n_embd, rows, GGUF_OPTIONAL, &w->token_types);
    if (arch->positions)
        matrix(b, "position_embd.weight", hp->n_embd, hp->context_train, GGUF_NEEDED,
               &w->positions);
    w->embd_norm = whole_norm(b, arch, hp, "token_embd_norm");
}

static void bind_all(struct binder *b, const struct engine_arch *arch,
                     const struct engine_hparams *hp, struct engine_weights *w)
{
    matrix(b, "token_embd.weight", hp->n_embd, hp->n_vocab, GGUF_NEEDED, &w->token_embd);
    if (arch->encoder) {
        bind_encoder(b, arch, hp, w);
    } else {
        w->output = w->token_embd;
        matrix(b, "output.weight", hp->n_embd, hp->n_vocab, GGUF_OPTIONAL, &w->output);
        w->output_norm = whole_norm(b, arch, hp, "output_norm");
    }
    if (arch->rope_factors)
        bind_factors(b, hp, w);
    for (uint32_t i = 0; !b->err && i < hp->n_layer; i++) {
        struct place p = {b, arch, hp, i, ""};
        bind_layer(&p, &w->layers[i]);
    }
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
    w.layer_count = w.layers ? hp->n_layer : 0;
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
    for (uint32_t i = 0; i < weights->layer_count; i++)
        free(weights->layers[i].experts);
    if (weights->packed)
        munmap(weights->packed, weights->packed_bytes);
    free(weights->owned);
    free(weights->layers);
    *weights = (struct engine_weights){0};
}
