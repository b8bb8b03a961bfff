/*
 * Attention over the paged cache with a running softmax (Milakov and Gimelshein, "Online normalizer
 * calculation for softmax", 2018): one pass over the pages, nothing stored per key.
 */
#include <math.h>

#include "engine/session.h"

struct attention {
    struct engine_session *s;
    const struct engine_layer *layer;
    uint32_t il;
};

/* A thread's part of the scratch: one page of keys and values as floats, scores, and for each token
 * and head of the unit the largest score and the sum so far. */
struct scratch {
    float *keys, *values, *scores, *largest, *sums;
};

size_t engine_attention_floats(const struct engine_hparams *hp)
{
    size_t group = hp->n_group;
    return 2 * (size_t)ENGINE_PAGE * hp->head_dim + ENGINE_PAGE + 2 * ENGINE_RUN_TOKENS * group;
}

static struct scratch scratch_of(const struct engine_session *s, uint32_t thread)
{
    size_t page = (size_t)ENGINE_PAGE * s->kv.head_dim;
    size_t group = s->model->hp.n_group;
    struct scratch sc;
    sc.keys = s->thread_scratch + thread * s->thread_floats;
    sc.values = sc.keys + page;
    sc.scores = sc.values + page;
    sc.largest = sc.scores + ENGINE_PAGE;
    sc.sums = sc.largest + ENGINE_RUN_TOKENS * group;
    return sc;
}

static void cap(float *scores, size_t n, float most)
{
    for (size_t j = 0; j < n; j++)
        scores[j] = most * tanhf(scores[j] / most);
}

/* Takes keys `from` to `n` - 1 of a page into one head's running softmax. */
static void add_keys(const struct engine_session *s, const float *q, const float *keys,
                     const float *values, size_t from, size_t n, float *scores, float *largest,
                     float *sum, float *acc)
{
    const struct engine_kernels *k = s->kernels;
    size_t head_dim = s->kv.head_dim;
    k->attn_scores(q, keys, head_dim, s->model->hp.attn_scale, scores);
    scores += from;
    values += from * head_dim;
    n -= from;
    if (s->model->hp.attn_cap != 0.0F)
        cap(scores, n, s->model->hp.attn_cap);
    float most = scores[0];
    for (size_t j = 1; j < n; j++)
        most = scores[j] > most ? scores[j] : most;
    if (most > *largest) {
        float factor = expf(*largest - most);
        k->scale(acc, factor, head_dim);
        *sum *= factor;
        *largest = most;
    }
    *sum += k->exp_sum(scores, n, *largest);
    k->attn_add(scores, values, n, head_dim, acc);
}

/* The first key that a token at `position` may look at. */
static uint32_t first_key(const struct engine_layer *layer, uint32_t position)
{
    uint32_t window = layer->shape.window;
    return window > 0 && position >= window ? position - window + 1 : 0;
}

/* And the first that it may not. */
static uint32_t end_key(const struct engine_session *s, const struct engine_slot *slot)
{
    return s->model->arch->encoder ? s->kv.sequences[slot->sequence].length : slot->position + 1;
}

/* A running softmax over nothing; a sink is a score whose value is zero. */
static void begin(const struct engine_layer *layer, uint32_t head, float *largest, float *sum)
{
    *largest = layer->sinks ? layer->sinks[head] : -INFINITY;
    *sum = layer->sinks ? 1.0F : 0.0F;
}

/* One run of tokens against one head of keys and values, with the heads of queries that share it.
 */
static void compute_unit(struct engine_session *s, const struct engine_token_run *run,
                         const struct attention *a, uint32_t kv_head, uint32_t thread)
{
    const struct engine_layer *layer = a->layer;
    const struct engine_slot *slots = s->slots + run->first;
    const uint32_t *pages = s->kv.sequences[slots->sequence].pages;
    size_t head_dim = s->kv.head_dim, group = layer->shape.n_head / layer->shape.n_head_kv;
    size_t row = (size_t)layer->shape.n_head * head_dim, first = kv_head * group * head_dim;
    struct scratch sc = scratch_of(s, thread);
    for (size_t i = 0; i < run->count * group; i++)
        begin(layer, (uint32_t)(kv_head * group + i % group), &sc.largest[i], &sc.sums[i]);
    for (size_t t = 0; t < run->count; t++)
        memset(s->att + (run->first + t) * row + first, 0, group * head_dim * sizeof(float));
    uint32_t last = end_key(s, &slots[run->count - 1]) - 1;
    for (uint32_t p = first_key(layer, slots->position) / ENGINE_PAGE; p <= last / ENGINE_PAGE;
         p++) {
        uint32_t start = p * ENGINE_PAGE;
        const float *keys = s->kv.type->keys(
            s->kernels, engine_kv_keys(&s->kv, pages[p], a->il, kv_head), head_dim, sc.keys);
        const float *values = s->kv.type->values(
            s->kernels, engine_kv_values(&s->kv, pages[p], a->il, kv_head), head_dim, sc.values);
        for (size_t t = 0; t < run->count; t++) {
            uint32_t end = end_key(s, &slots[t]), from = first_key(layer, slots[t].position);
            if (end <= start || from >= start + ENGINE_PAGE)
                continue;
            from = from > start ? from - start : 0;
            size_t n = end - start < ENGINE_PAGE ? end - start : ENGINE_PAGE;
            size_t at = (run->first + t) * row + first;
            for (size_t h = 0; h < group; h++)
                add_keys(s, s->q + at + h * head_dim, keys, values, from, n, sc.scores,
                         &sc.largest[t * group + h], &sc.sums[t * group + h],
                         s->att + at + h * head_dim);
        }
    }
    for (size_t t = 0; t < run->count; t++) {
        for (size_t h = 0; h < group; h++)
            s->kernels->scale(s->att + (run->first + t) * row + first + h * head_dim,
                              1.0F / sc.sums[t * group + h], head_dim);
    }
}

static void do_chunk(void *job, size_t chunk, uint32_t thread)
{
    struct attention *a = job;
    uint32_t heads = a->layer->shape.n_head_kv;
    compute_unit(a->s, &a->s->runs[chunk / heads], a, (uint32_t)(chunk % heads), thread);
}

void engine_attention(struct engine_session *s, uint32_t il)
{
    struct attention a = {s, &s->model->weights.layers[il], il};
    engine_pool_run(s->pool, do_chunk, &a, (size_t)s->run_count * a.layer->shape.n_head_kv);
}
