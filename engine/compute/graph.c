/*
 * The graph: what happens to a batch of tokens between their numbers and their logits. Each layer
 * is a row of parallel regions; between two of them every thread has finished. Architectures differ
 * by the columns of their row (arch.h) and by which weights are there: a step without weights is
 * left out.
 */
#include <math.h>

#include "engine/compute/session.h"
#include "engine/model/repack.h"

struct token_job {
    struct engine_session *s;
    const struct engine_layer *layer;
    engine_token_fn fn;
};

#define TOKENS_WORTH_SHARING 4

static void do_token(void *job, size_t chunk, uint32_t thread)
{
    struct token_job *tokens = job;
    (void)thread;
    tokens->fn(tokens->s, tokens->layer, chunk);
}

void engine_each(struct engine_session *s, const struct engine_layer *layer, engine_token_fn fn,
                 size_t count)
{
    struct token_job job = {s, layer, fn};
    if (count >= TOKENS_WORTH_SHARING) {
        engine_pool_run(s->pool, do_token, &job, count);
        return;
    }
    for (size_t t = 0; t < count; t++)
        fn(s, layer, t);
}

/* --- steps of a layer, per token ---------------------------------------------------------- */

static void add_bias(const struct engine_session *s, float *x, const float *bias, size_t n)
{
    if (bias)
        s->kernels->add(x, bias, n);
}

/* y = norm(x), or nothing when there is no such norm; y may be x. */
static void normalise(const struct engine_session *s, const struct engine_norm *norm,
                      const float *x, float *y)
{
    const struct engine_hparams *hp = &s->model->hp;
    if (!norm->weight)
        return;
    if (s->model->arch->norm == ENGINE_NORM_RMS)
        s->kernels->rms_norm(x, norm->weight, hp->n_embd, hp->norm_eps, y);
    else
        s->kernels->layer_norm(x, norm->weight, norm->bias, hp->n_embd, hp->norm_eps, y);
}

/* What a block reads: the stream, normed where there is a norm before the block. */
static void read_stream(const struct engine_session *s, const struct engine_norm *norm, size_t t)
{
    size_t n_embd = s->model->hp.n_embd;
    const float *x = s->x + t * n_embd;
    if (norm->weight)
        normalise(s, norm, x, s->branch + t * n_embd);
    else
        memcpy(s->branch + t * n_embd, x, n_embd * sizeof(*x));
}

/* What a block gives, added to the stream. */
static void add_to_stream(const struct engine_session *s, const float *bias,
                          const struct engine_norm *before, const struct engine_norm *behind,
                          size_t t)
{
    size_t n_embd = s->model->hp.n_embd;
    float *x = s->x + t * n_embd, *branch = s->branch + t * n_embd;
    add_bias(s, branch, bias, n_embd);
    normalise(s, before, branch, branch);
    s->kernels->add(x, branch, n_embd);
    normalise(s, behind, x, x);
}

static void attention_in(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    read_stream(s, &layer->attn_norm, t);
}

/* Turns the pairs of each head by the angles of the token's position. */
static void rotate(const struct engine_session *s, const struct engine_layer *layer, float *x,
                   size_t heads, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    const float *table = s->rope[layer->shape.rope] + t * hp->n_rot;
    size_t half = hp->n_rot / 2;
    bool norm = s->model->arch->rope == ENGINE_ROPE_NORM;
    size_t step = norm ? 2 : 1, apart = norm ? 1 : half;
    if (s->model->arch->rope == ENGINE_ROPE_NONE)
        return;
    for (size_t h = 0; h < heads; h++, x += hp->head_dim) {
        for (size_t i = 0; i < half; i++) {
            float c = table[2 * i], d = table[2 * i + 1];
            float a = x[i * step], b = x[i * step + apart];
            x[i * step] = a * c - b * d;
            x[i * step + apart] = a * d + b * c;
        }
    }
}

static void norm_heads(const struct engine_session *s, float *x, const float *weight, size_t heads)
{
    size_t head_dim = s->kv.head_dim;
    for (size_t h = 0; weight && h < heads; h++)
        s->kernels->rms_norm(x + h * head_dim, weight, head_dim, s->model->hp.norm_eps,
                             x + h * head_dim);
}

/* Queries far from the start are made larger, so that attention stays sharp in long contexts. */
static void heat(const struct engine_session *s, float *q, size_t n, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    double spans = floor((double)s->slots[t].position / hp->context_original);
    if (hp->temperature != 0.0F)
        s->kernels->scale(q, (float)(log(spans + 1.0) * (double)hp->temperature + 1.0), n);
}

/* Biases, norms and rotation of queries; and of keys, which go into the cache with the values. */
static void attention_queries(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    uint32_t n_head = layer->shape.n_head;
    size_t heads = n_head * (size_t)s->model->hp.head_dim;
    float *q = s->q + t * heads;
    add_bias(s, q, layer->q_bias, heads);
    norm_heads(s, q, layer->q_norm, n_head);
    rotate(s, layer, q, n_head, t);
    heat(s, q, heads, t);
}

static void attention_keys(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    size_t head_dim = s->model->hp.head_dim;
    uint32_t n_head_kv = layer->shape.n_head_kv;
    size_t kv = n_head_kv * head_dim;
    float *k = s->k + t * kv, *v = s->v + t * kv;
    uint32_t il = (uint32_t)(layer - s->model->weights.layers);
    const struct engine_slot *slot = &s->slots[t];
    uint32_t page = engine_kv_page(&s->kv, slot->sequence, il, slot->position / ENGINE_PAGE);
    uint32_t at = slot->position % ENGINE_PAGE;
    add_bias(s, k, layer->k_bias, kv);
    add_bias(s, v, layer->v_bias, kv);
    norm_heads(s, k, layer->k_norm, n_head_kv);
    rotate(s, layer, k, n_head_kv, t);
    for (uint32_t h = 0; h < n_head_kv; h++) {
        s->kv.type->put_key(s->kernels, k + h * head_dim, head_dim, at,
                            engine_kv_keys(&s->kv, page, il, h));
        s->kv.type->put_value(s->kernels, v + h * head_dim, head_dim, at,
                              engine_kv_values(&s->kv, page, il, h));
    }
}

static void attention_heads(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    attention_queries(s, layer, t);
    attention_keys(s, layer, t);
}

static void ffn_in(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    add_to_stream(s, layer->o_bias, &layer->post_attn_norm, &layer->attn_sum_norm, t);
    read_stream(s, &layer->ffn_norm, t);
}

void engine_activate(const struct engine_session *s, const struct engine_mlp *mlp, float *gate,
                     float *up, size_t n)
{
    bool gated = mlp->gate.format != NULL;
    add_bias(s, gate, gated ? mlp->gate_bias : mlp->up_bias, n);
    if (gated)
        add_bias(s, up, mlp->up_bias, n);
    s->kernels->activate[s->model->arch->activation](gate, gated ? up : NULL, n);
}

static void ffn_middle(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    size_t n_ff = layer->shape.n_ff;
    float *gate = s->gate + t * n_ff;
    engine_activate(s, &layer->mlp, gate, s->up + t * n_ff, n_ff);
}

static void ffn_out(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    add_to_stream(s, layer->mlp.down_bias, &layer->post_ffn_norm, &layer->ffn_sum_norm, t);
}

/* --- layers ------------------------------------------------------------------------------- */

#define MATRICES 3
typedef const struct engine_matrix *const matrices[MATRICES];

/* y = m x for `tokens` rows of `x`, for up to three matrices over the same input; one that is
 * absent is left out. `next`: those of the call that follows; NULL = not known. */
static void products(struct engine_session *s, const float *x, size_t tokens, matrices m,
                     float *const y[MATRICES], matrices next)
{
    struct engine_input in = {.x = x, .tokens = tokens, .packed = s->packed};
    if (s->any_adapter)
        in.adapters = m[0] == &s->model->weights.output ? s->row_adapters : s->item_adapters;
    struct engine_product list[MATRICES];
    size_t count = 0;
    for (size_t i = 0; s->any_adapter && next && i < MATRICES; i++) {
        if (next[i] && next[i]->format)
            in.next[count++] = next[i];
    }
    count = 0;
    for (size_t i = 0; i < MATRICES; i++) {
        if (!m[i] || !m[i]->format)
            continue;
        in.stride = in.cols = m[i]->cols;
        list[count++] = (struct engine_product){
            .matrix = m[i], .input = &in, .y = y[i], .y_stride = m[i]->rows};
    }
    engine_matmul(&s->workers, list, count);
}

void engine_product_of(struct engine_session *s, const struct engine_matrix *m, const float *x,
                       size_t tokens, float *y)
{
    products(s, x, tokens, (matrices){m}, (float *const[MATRICES]){y}, NULL);
}

/* Moves what belongs to tokens whose logits are wanted to the front; from here on there are only
 * these. */
static void keep_wanted(struct engine_session *s)
{
    size_t n_embd = s->model->hp.n_embd, n_rot = s->model->hp.n_rot;
    for (uint32_t t = 0; t < s->row_count; t++) {
        size_t from = s->rows[t]; /* t or later */
        memmove(s->x + t * n_embd, s->x + from * n_embd, n_embd * sizeof(float));
        memmove(s->branch + t * n_embd, s->branch + from * n_embd, n_embd * sizeof(float));
        for (size_t kind = 0; kind < 2 && s->rope[kind]; kind++)
            memmove(s->rope[kind] + t * n_rot, s->rope[kind] + from * n_rot, n_rot * sizeof(float));
        s->slots[t] = s->slots[from];
        s->item_adapters[t] = s->item_adapters[from];
        s->rows[t] = t;
    }
    s->count = s->row_count;
    engine_session_find_runs(s);
}

/* The last layer's keys and values are wanted of every token, as later ones will look at them; the
 * rest of that layer of no more tokens than have logits. */
static void attention(struct engine_session *s, const struct engine_layer *layer, uint32_t il)
{
    const struct engine_matrix *q = &layer->q, *k = &layer->k, *v = &layer->v;
    bool is_last = il + 1 == s->model->hp.n_layer;
    engine_each(s, layer, attention_in, s->count);
    if (is_last && !s->every_token && s->row_count < s->count) {
        products(s, s->branch, s->count, (matrices){k, v}, (float *const[MATRICES]){s->k, s->v},
                 (matrices){q});
        engine_each(s, layer, attention_keys, s->count);
        keep_wanted(s);
        if (s->count == 0)
            return;
        products(s, s->branch, s->count, (matrices){q}, (float *const[MATRICES]){s->q},
                 (matrices){&layer->o});
        engine_each(s, layer, attention_queries, s->count);
    } else {
        products(s, s->branch, s->count, (matrices){q, k, v},
                 (float *const[MATRICES]){s->q, s->k, s->v}, (matrices){&layer->o});
        engine_each(s, layer, attention_heads, s->count);
    }
    engine_attention(s, il);
    products(s, s->att, s->count, (matrices){&layer->o}, (float *const[MATRICES]){s->branch},
             layer->experts ? NULL : (matrices){&layer->mlp.gate, &layer->mlp.up});
}

/* A block without a gate has its first half in s->gate. */
static void feed_forward(struct engine_session *s, const struct engine_layer *layer, uint32_t il)
{
    const struct engine_mlp *mlp = &layer->mlp;
    const bool last = il + 1 == s->model->hp.n_layer;
    products(s, s->branch, s->count, (matrices){&mlp->gate, &mlp->up},
             (float *const[MATRICES]){s->gate, mlp->gate.format ? s->up : s->gate},
             (matrices){&mlp->down});
    engine_each(s, layer, ffn_middle, s->count);
    products(s, s->gate, s->count, (matrices){&mlp->down}, (float *const[MATRICES]){s->branch},
             last ? (matrices){&s->model->weights.output}
                  : (matrices){&layer[1].q, &layer[1].k, &layer[1].v});
}

static void compute_layer(struct engine_session *s, uint32_t il)
{
    const struct engine_layer *layer = &s->model->weights.layers[il];
    attention(s, layer, il);
    if (s->count == 0)
        return;
    engine_each(s, layer, ffn_in, s->count);
    if (layer->experts)
        engine_experts(s, layer);
    else
        feed_forward(s, layer, il);
    engine_each(s, layer, ffn_out, s->count);
}

/* --- before and after the layers ------------------------------------------------------------ */

static void fill_rope(struct engine_session *s, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    for (size_t kind = 0; kind < 2 && s->rope[kind]; kind++) {
        double magnitude = (double)hp->rope[kind].magnitude;
        float *table = s->rope[kind] + t * hp->n_rot;
        for (uint32_t i = 0; i < hp->n_rot / 2; i++) {
            double angle = (double)s->slots[t].position * s->inverse_freqs[kind][i];
            table[2 * i] = (float)(cos(angle) * magnitude);
            table[2 * i + 1] = (float)(sin(angle) * magnitude);
        }
    }
}

/* Adds a row of `m`, where there is such a matrix. */
static void add_row(const struct engine_session *s, const struct engine_matrix *m, size_t row,
                    float *scratch, float *x)
{
    if (!m->format)
        return;
    engine_matrix_row(m, row, scratch);
    s->kernels->add(x, scratch, m->cols);
}

static void embed(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    const struct engine_weights *w = &s->model->weights;
    float *x = s->x + t * hp->n_embd, *scratch = s->branch + t * hp->n_embd;
    (void)layer;
    engine_matrix_row(&w->token_embd, s->slots[t].token, x);
    if (hp->embd_scale != 1.0F)
        s->kernels->scale(x, hp->embd_scale, hp->n_embd);
    add_row(s, &w->token_types, 0, scratch, x);
    add_row(s, &w->positions, s->slots[t].position, scratch, x);
    normalise(s, &w->embd_norm, x, x);
    fill_rope(s, t);
}

/* Here t counts rows of logits. */
static void output_in(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    const struct engine_weights *w = &s->model->weights;
    float *hidden = s->hidden + t * hp->n_embd;
    (void)layer;
    normalise(s, &w->output_norm, s->x + s->rows[t] * (size_t)hp->n_embd, hidden);
}

static void cap_logits(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    (void)layer;
    s->kernels->soft_cap(s->logits + t * hp->n_vocab, hp->n_vocab, hp->final_cap);
}

static void compute_logits(struct engine_session *s)
{
    engine_each(s, NULL, output_in, s->row_count);
    engine_product_of(s, &s->model->weights.output, s->hidden, s->row_count, s->logits);
    if (s->model->hp.final_cap != 0.0F)
        engine_each(s, NULL, cap_logits, s->row_count);
}

void engine_graph_hidden(struct engine_session *s, size_t t, float *out)
{
    size_t n_embd = s->model->hp.n_embd;
    const float *x = s->x + t * n_embd;
    const struct engine_norm *norm = &s->model->weights.output_norm;
    if (norm->weight)
        normalise(s, norm, x, out);
    else
        memcpy(out, x, n_embd * sizeof(*x));
}

bool engine_graph_compute(struct engine_session *s, const atomic_bool *cancel)
{
    engine_each(s, NULL, embed, s->count);
    for (uint32_t il = 0; il < s->model->hp.n_layer; il++) {
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
            return false;
        compute_layer(s, il);
    }
    if (s->row_count > 0)
        compute_logits(s);
    return true;
}
