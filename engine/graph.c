/*
 * The graph of the llama family: what happens to a batch of tokens between their numbers and their
 * logits. Each layer is a row of parallel regions; between two of them every thread has finished.
 */
#include <math.h>

#include "engine/matmul.h"
#include "engine/session.h"

/* Work per token: fn(s, layer, t) for every token of the batch. */
typedef void (*token_fn)(struct engine_session *s, const struct engine_layer *layer, size_t t);

struct token_job {
    struct engine_session *s;
    const struct engine_layer *layer;
    token_fn fn;
};

#define TOKENS_WORTH_SHARING 4

static void do_token(void *job, size_t chunk, uint32_t thread)
{
    struct token_job *tokens = job;
    (void)thread;
    tokens->fn(tokens->s, tokens->layer, chunk);
}

static void each_token(struct engine_session *s, const struct engine_layer *layer, token_fn fn,
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

static void attention_in(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    float *x = s->x + t * hp->n_embd, *branch = s->branch + t * hp->n_embd;
    s->kernels->rms_norm(x, layer->attn_norm, hp->n_embd, hp->rms_eps, branch);
}

/* Turns the pairs of each head by the angles of the token's position. */
static void rotate(const struct engine_session *s, float *x, size_t heads, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    const float *table = s->rope + t * hp->n_rot;
    size_t half = hp->n_rot / 2;
    bool norm = s->model->arch->rope == ENGINE_ROPE_NORM;
    size_t step = norm ? 2 : 1, apart = norm ? 1 : half;
    for (size_t h = 0; h < heads; h++, x += hp->head_dim) {
        for (size_t i = 0; i < half; i++) {
            float c = table[2 * i], d = table[2 * i + 1];
            float a = x[i * step], b = x[i * step + apart];
            x[i * step] = a * c - b * d;
            x[i * step + apart] = a * d + b * c;
        }
    }
}

static void add_bias(const struct engine_session *s, float *x, const float *bias, size_t n)
{
    if (bias)
        s->kernels->add(x, bias, n);
}

static void norm_heads(const struct engine_session *s, float *x, const float *weight, size_t heads)
{
    size_t head_dim = s->kv.head_dim;
    for (size_t h = 0; weight && h < heads; h++)
        s->kernels->rms_norm(x + h * head_dim, weight, head_dim, s->model->hp.rms_eps,
                             x + h * head_dim);
}

/* Biases, norms and rotation of queries and keys; keys and values into the cache. */
static void attention_keys(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    size_t heads = (size_t)hp->n_head * hp->head_dim, kv = (size_t)hp->n_head_kv * hp->head_dim;
    float *q = s->q + t * heads, *k = s->k + t * kv, *v = s->v + t * kv;
    uint32_t il = (uint32_t)(layer - s->model->weights.layers);
    const struct engine_slot *slot = &s->slots[t];
    uint32_t page = s->kv.sequences[slot->sequence].pages[slot->position / ENGINE_PAGE];
    add_bias(s, q, layer->q_bias, heads);
    add_bias(s, k, layer->k_bias, kv);
    add_bias(s, v, layer->v_bias, kv);
    norm_heads(s, q, layer->q_norm, hp->n_head);
    norm_heads(s, k, layer->k_norm, hp->n_head_kv);
    rotate(s, q, hp->n_head, t);
    rotate(s, k, hp->n_head_kv, t);
    for (uint32_t h = 0; h < hp->n_head_kv; h++) {
        uint32_t at = slot->position % ENGINE_PAGE;
        s->kv.type->put_key(s->kernels, k + h * hp->head_dim, hp->head_dim, at,
                            engine_kv_keys(&s->kv, page, il, h));
        s->kv.type->put_value(s->kernels, v + h * hp->head_dim, hp->head_dim, at,
                              engine_kv_values(&s->kv, page, il, h));
    }
}

static void ffn_in(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    float *x = s->x + t * hp->n_embd, *branch = s->branch + t * hp->n_embd;
    add_bias(s, branch, layer->o_bias, hp->n_embd);
    s->kernels->add(x, branch, hp->n_embd);
    s->kernels->rms_norm(x, layer->ffn_norm, hp->n_embd, hp->rms_eps, branch);
}

static void ffn_middle(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    size_t n_ff = s->model->hp.n_ff;
    (void)layer;
    float *gate = s->gate + t * n_ff;
    s->kernels->silu_mul(gate, s->up + t * n_ff, n_ff);
}

static void ffn_out(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    (void)layer;
    size_t n_embd = s->model->hp.n_embd;
    s->kernels->add(s->x + t * n_embd, s->branch + t * n_embd, n_embd);
}

/* --- layers ------------------------------------------------------------------------------- */

#define MAX_SHARING 3 /* matrices over one input */

static void matmuls(struct engine_session *s, const float *x, size_t tokens,
                    const struct engine_matrix *const *m, float *const *y, size_t count)
{
    const struct engine_workers workers = {s->pool, s->kernels, s->thread_scratch,
                                           s->thread_floats};
    struct engine_input in = {
        .x = x, .stride = m[0]->cols, .tokens = tokens, .cols = m[0]->cols, .packed = s->packed};
    struct engine_product products[MAX_SHARING];
    for (size_t i = 0; i < count; i++)
        products[i] = (struct engine_product){
            .matrix = m[i], .input = &in, .y = y[i], .y_stride = m[i]->rows};
    engine_matmul(&workers, products, count);
}

static void compute_layer(struct engine_session *s, uint32_t il)
{
    const struct engine_layer *layer = &s->model->weights.layers[il];
    size_t count = s->count;
    each_token(s, layer, attention_in, count);
    matmuls(s, s->branch, count,
            (const struct engine_matrix *const[]){&layer->q, &layer->k, &layer->v},
            (float *const[]){s->q, s->k, s->v}, 3);
    each_token(s, layer, attention_keys, count);
    engine_attention(s, il);
    matmuls(s, s->att, count, (const struct engine_matrix *const[]){&layer->o},
            (float *const[]){s->branch}, 1);
    each_token(s, layer, ffn_in, count);
    matmuls(s, s->branch, count, (const struct engine_matrix *const[]){&layer->gate, &layer->up},
            (float *const[]){s->gate, s->up}, 2);
    each_token(s, layer, ffn_middle, count);
    matmuls(s, s->gate, count, (const struct engine_matrix *const[]){&layer->down},
            (float *const[]){s->branch}, 1);
    each_token(s, layer, ffn_out, count);
}

/* --- before and after the layers ------------------------------------------------------------ */

static void embed(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    const struct engine_matrix *m = &s->model->weights.token_embd;
    (void)layer;
    m->format->dequantise(m->data + s->slots[t].token * m->row_bytes, s->x + t * hp->n_embd,
                          hp->n_embd);
    for (uint32_t i = 0; i < hp->n_rot / 2; i++) {
        double angle = (double)s->slots[t].position * s->inverse_freqs[i];
        s->rope[t * hp->n_rot + 2 * i] = (float)cos(angle);
        s->rope[t * hp->n_rot + 2 * i + 1] = (float)sin(angle);
    }
}

/* Here t counts rows of logits. */
static void output_in(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    const struct engine_weights *w = &s->model->weights;
    float *hidden = s->hidden + t * hp->n_embd;
    (void)layer;
    s->kernels->rms_norm(s->x + s->rows[t] * (size_t)hp->n_embd, w->output_norm, hp->n_embd,
                         hp->rms_eps, hidden);
}

bool engine_graph_compute(struct engine_session *s, const atomic_bool *cancel)
{
    each_token(s, NULL, embed, s->count);
    for (uint32_t il = 0; il < s->model->hp.n_layer; il++) {
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
            return false;
        compute_layer(s, il);
    }
    if (s->row_count > 0) {
        each_token(s, NULL, output_in, s->row_count);
        matmuls(s, s->hidden, s->row_count,
                (const struct engine_matrix *const[]){&s->model->weights.output},
                (float *const[]){s->logits}, 1);
    }
    return true;
}
