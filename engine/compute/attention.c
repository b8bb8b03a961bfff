/*
 * Attention over the paged cache with a running softmax (Milakov and Gimelshein, "Online normalizer
 * calculation for softmax", 2018): one pass over the pages, nothing stored per key.
 *
 * Where a layer's matrices are quantised and the cache is not in float32, the products are of
 * bfloat16 if the kernels have such (docs/decisions/0010): for one token as for many.
 */
#include <math.h>

#include "engine/compute/session.h"

struct attention {
    struct engine_session *s;
    const struct engine_layer *layer;
    uint32_t il;
    const struct engine_attn_bf16 *rounded;
};

/* A thread's part of the scratch: one page of keys and values as floats or pairs, and for each
 * token and head of the unit the scores of a page, the largest score, the sum so far and the query
 * in pairs. */
struct scratch {
    float *keys, *values, *scores, *largest, *sums;
    uint32_t *queries;
};

static size_t pairs_of(size_t head_dim)
{
    return (head_dim + 1) / 2;
}

size_t engine_attention_floats(const struct engine_hparams *hp)
{
    size_t rows = (size_t)ENGINE_RUN_TOKENS * hp->n_group;
    return 2 * (size_t)ENGINE_PAGE * hp->head_dim +
           rows * (ENGINE_PAGE + 2 + pairs_of(hp->head_dim));
}

static struct scratch scratch_of(const struct engine_session *s, uint32_t thread)
{
    size_t page = (size_t)ENGINE_PAGE * s->kv.head_dim;
    size_t rows = (size_t)ENGINE_RUN_TOKENS * s->model->hp.n_group;
    struct scratch sc;
    sc.keys = s->thread_scratch + thread * s->thread_floats;
    sc.values = sc.keys + page;
    sc.scores = sc.values + page;
    sc.largest = sc.scores + rows * ENGINE_PAGE;
    sc.sums = sc.largest + rows;
    sc.queries = (uint32_t *)(void *)(sc.sums + rows);
    return sc;
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

/* A run of tokens with one head of keys and values, and the heads of queries that share it. */
struct unit {
    struct engine_session *s;
    const struct engine_layer *layer;
    const struct engine_slot *slots;
    struct engine_attn rows;                /* of the whole run */
    const struct engine_attn_bf16 *rounded; /* NULL = products in float32 */
    const float *q;
    float *acc;
    struct scratch sc;
};

/* One page: the scores of all rows, then each row's softmax, then all rows' values. */
static void add_page(const struct unit *u, uint32_t page, const void *keys, const void *values)
{
    const struct engine_kernels *k = u->s->kernels;
    const struct engine_hparams *hp = &u->s->model->hp;
    struct engine_attn rows = u->rows;
    uint32_t start = page * ENGINE_PAGE;
    size_t first = 0, end = rows.tokens, group = rows.group, most = 0;
    /* Later tokens see later keys: those that see none of this page come first, or last. */
    while (first < end && end_key(u->s, &u->slots[first]) <= start)
        first++;
    while (end > first && first_key(u->layer, u->slots[end - 1].position) >= start + ENGINE_PAGE)
        end--;
    rows.tokens = end - first;
    if (u->rounded)
        u->rounded->scores(rows.tokens * group, rows.head_dim,
                           u->sc.queries + first * group * pairs_of(rows.head_dim), keys,
                           hp->attn_scale, u->sc.scores);
    else
        k->attn_scores(&rows, u->q + first * rows.stride, keys, hp->attn_scale, u->sc.scores);
    if (hp->attn_cap != 0.0F)
        k->soft_cap(u->sc.scores, rows.tokens * group * ENGINE_PAGE, hp->attn_cap);
    for (size_t r = 0; r < rows.tokens * group; r++) {
        size_t t = first + r / group, at = t * group + r % group;
        uint32_t from = first_key(u->layer, u->slots[t].position);
        uint32_t n = end_key(u->s, &u->slots[t]) - start;
        n = n < ENGINE_PAGE ? n : ENGINE_PAGE;
        most = n > most ? n : most;
        float factor = (u->rounded ? u->rounded->softmax : k->attn_softmax)(
            u->sc.scores + r * ENGINE_PAGE, from > start ? from - start : 0, n, &u->sc.largest[at],
            &u->sc.sums[at]);
        if (factor != 1.0F)
            k->scale(u->acc + t * rows.stride + r % group * rows.head_dim, factor, rows.head_dim);
    }
    if (u->rounded)
        u->rounded->add(&rows, u->sc.scores, values, most, u->acc + first * rows.stride);
    else
        k->attn_add(&rows, u->sc.scores, values, most, u->acc + first * rows.stride);
}

/* For so few rows a page in half precision is not worth converting beforehand. */
static bool is_read_in_place(const struct engine_session *s, size_t rows)
{
    return s->kv.type->half && rows <= 8;
}

/* The kernels for it, where a layer's products are to be of bfloat16. */
static const struct engine_attn_bf16 *rounded_for(const struct engine_session *s,
                                                  const struct engine_layer *layer)
{
    const struct engine_matrix *const matrices[] = {&layer->q, &layer->k, &layer->v, &layer->o};
    for (size_t i = 0; i < sizeof(matrices) / sizeof(matrices[0]); i++) {
        if (matrices[i]->format->block == 1)
            return NULL;
    }
    return s->kv.type == engine_kv_type_at(ENGINE_KV_F32) ? NULL : s->kernels->attn_bf16;
}

/* Sums and softmax over nothing, and the queries in pairs if need be. */
static void begin_unit(const struct unit *u, uint32_t head)
{
    size_t group = u->rows.group, head_dim = u->rows.head_dim;
    for (size_t i = 0; i < u->rows.tokens * group; i++) {
        size_t at = i / group * u->rows.stride + i % group * head_dim;
        begin(u->layer, head + (uint32_t)(i % group), &u->sc.largest[i], &u->sc.sums[i]);
        memset(u->acc + at, 0, head_dim * sizeof(float));
        if (u->rounded)
            u->rounded->queries(u->q + at, head_dim, u->sc.queries + i * pairs_of(head_dim));
    }
}

/* Asks for a head's part of a page, which memory otherwise gives in pieces too short for the
 * hardware to run ahead. */
static void ask_for(const void *part, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *)part + at, 0, 2);
}

/* One page, read and converted. */
static void take_page(const struct unit *u, uint32_t p, uint32_t il, uint32_t kv_head, uint32_t end)
{
    const struct engine_kv_cache *kv = &u->s->kv;
    uint32_t page = engine_kv_page(kv, u->slots->sequence, il, p);
    size_t head_dim = u->rows.head_dim, n = end - p * ENGINE_PAGE;
    const void *keys = engine_kv_keys(kv, page, il, kv_head);
    const void *values = engine_kv_values(kv, page, il, kv_head);
    if ((p + 1) * ENGINE_PAGE < end) {
        page = engine_kv_page(kv, u->slots->sequence, il, p + 1);
        ask_for(engine_kv_keys(kv, page, il, kv_head), kv->head_bytes);
        ask_for(engine_kv_values(kv, page, il, kv_head), kv->head_bytes);
    }
    if (!u->rows.half) {
        keys = kv->type->keys(u->s->kernels, keys, head_dim, u->sc.keys);
        values = kv->type->values(u->s->kernels, values, head_dim, u->sc.values);
    }
    if (u->rounded) {
        n = n < ENGINE_PAGE ? n : ENGINE_PAGE;
        u->rounded->keys(keys, u->rows.half, head_dim, (uint32_t *)(void *)u->sc.keys);
        u->rounded->values(values, u->rows.half, n, head_dim, (uint32_t *)(void *)u->sc.values);
        keys = u->sc.keys;
        values = u->sc.values;
    }
    add_page(u, p, keys, values);
}

static void compute_unit(const struct attention *a, const struct engine_token_run *run,
                         uint32_t kv_head, uint32_t thread)
{
    struct engine_session *s = a->s;
    size_t head_dim = s->kv.head_dim, group = a->layer->shape.n_head / a->layer->shape.n_head_kv;
    size_t stride = (size_t)a->layer->shape.n_head * head_dim;
    size_t at = run->first * stride + kv_head * group * head_dim;
    bool half = a->rounded ? s->kv.type->half : is_read_in_place(s, run->count * group);
    const struct unit u = {
        s,          a->layer,  s->slots + run->first, {run->count, group, stride, head_dim, half},
        a->rounded, s->q + at, s->att + at,           scratch_of(s, thread)};
    begin_unit(&u, (uint32_t)(kv_head * group));
    uint32_t end = end_key(s, &u.slots[run->count - 1]);
    for (uint32_t p = first_key(a->layer, u.slots->position) / ENGINE_PAGE;
         p <= (end - 1) / ENGINE_PAGE; p++)
        take_page(&u, p, a->il, kv_head, end);
    for (size_t i = 0; i < run->count * group; i++)
        s->kernels->scale(u.acc + i / group * stride + i % group * head_dim, 1.0F / u.sc.sums[i],
                          head_dim);
}

static void do_chunk(void *job, size_t chunk, uint32_t thread)
{
    struct attention *a = job;
    uint32_t heads = a->layer->shape.n_head_kv;
    compute_unit(a, &a->s->runs[chunk / heads], (uint32_t)(chunk % heads), thread);
}

void engine_attention(struct engine_session *s, uint32_t il)
{
    struct attention a = {s, &s->model->weights.layers[il], il, NULL};
    a.rounded = rounded_for(s, a.layer);
    engine_pool_run(s->pool, do_chunk, &a, (size_t)s->run_count * a.layer->shape.n_head_kv);
}
