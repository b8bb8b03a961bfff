/*
 * Attention over the paged cache with a running softmax (Milakov and Gimelshein, "Online normalizer
 * calculation for softmax", 2018): one pass over the pages, nothing stored per key.
 */
#include <math.h>

#include "engine/session.h"

struct attention {
    struct engine_session *s;
    uint32_t layer;
};

/* A thread's part of the scratch: one page of keys and values as floats, scores, and for each token
 * and head of the unit the largest score and the sum so far. */
struct scratch {
    float *keys, *values, *scores, *largest, *sums;
};

size_t engine_attention_floats(const struct engine_hparams *hp)
{
    size_t group = hp->n_head / hp->n_head_kv;
    return 2 * (size_t)ENGINE_PAGE * hp->head_dim + ENGINE_PAGE + 2 * ENGINE_RUN_TOKENS * group;
}

static struct scratch scratch_of(const struct engine_session *s, uint32_t thread)
{
    size_t page = (size_t)ENGINE_PAGE * s->kv.head_dim;
    size_t group = s->model->hp.n_head / s->model->hp.n_head_kv;
    struct scratch sc;
    sc.keys = s->thread_scratch + thread * s->thread_floats;
    sc.values = sc.keys + page;
    sc.scores = sc.values + page;
    sc.largest = sc.scores + ENGINE_PAGE;
    sc.sums = sc.largest + ENGINE_RUN_TOKENS * group;
    return sc;
}

/* Takes `n` keys of a page into one head's running softmax. */
static void add_keys(const struct engine_session *s, const float *q, const float *keys,
                     const float *values, size_t n, float *scores, float *largest, float *sum,
                     float *acc)
{
    const struct engine_kernels *k = s->kernels;
    size_t head_dim = s->kv.head_dim;
    k->attn_scores(q, keys, head_dim, 1.0F / sqrtf((float)head_dim), scores);
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

/* One run of tokens against one head of keys and values, with the heads of queries that share it.
 */
static void compute_unit(struct engine_session *s, const struct engine_token_run *run,
                         uint32_t layer, uint32_t kv_head, uint32_t thread)
{
    const struct engine_hparams *hp = &s->model->hp;
    const struct engine_slot *slots = s->slots + run->first;
    const uint32_t *pages = s->kv.sequences[slots->sequence].pages;
    size_t head_dim = hp->head_dim, group = hp->n_head / hp->n_head_kv;
    size_t row = (size_t)hp->n_head * head_dim, first = kv_head * group * head_dim;
    struct scratch sc = scratch_of(s, thread);
    for (size_t i = 0; i < run->count * group; i++) {
        sc.largest[i] = -INFINITY;
        sc.sums[i] = 0;
    }
    for (size_t t = 0; t < run->count; t++)
        memset(s->att + (run->first + t) * row + first, 0, group * head_dim * sizeof(float));
    uint32_t last = slots[run->count - 1].position;
    for (uint32_t p = 0; p <= last / ENGINE_PAGE; p++) {
        const float *keys = s->kv.type->keys(
            s->kernels, engine_kv_keys(&s->kv, pages[p], layer, kv_head), head_dim, sc.keys);
        const float *values = s->kv.type->values(
            s->kernels, engine_kv_values(&s->kv, pages[p], layer, kv_head), head_dim, sc.values);
        for (size_t t = 0; t < run->count; t++) {
            uint32_t seen = slots[t].position + 1; /* keys this token may look at */
            if (seen <= p * ENGINE_PAGE)
                continue;
            size_t n = seen - p * ENGINE_PAGE < ENGINE_PAGE ? seen - p * ENGINE_PAGE : ENGINE_PAGE;
            size_t at = (run->first + t) * row + first;
            for (size_t h = 0; h < group; h++)
                add_keys(s, s->q + at + h * head_dim, keys, values, n, sc.scores,
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
    uint32_t heads = a->s->kv.n_head_kv;
    compute_unit(a->s, &a->s->runs[chunk / heads], a->layer, (uint32_t)(chunk % heads), thread);
}

void engine_attention(struct engine_session *s, uint32_t il)
{
    struct attention a = {s, il};
    engine_pool_run(s->pool, do_chunk, &a, (size_t)s->run_count * s->kv.n_head_kv);
}
