/*
 * Adapters in the matrix function. Before the products of a call: one region that takes each token
 * with an adapter through its first narrow matrix. Behind each chunk of rows of a product, while
 * the results are still in the cache: the second one.
 */
#include "engine/compute/adapter.h"
#include "engine/compute/matmul.h"

#define TOKENS_WORTH_SHARING 4
#define CACHE_LINE 64
#define TILE_TOKENS 12 /* that a set takes at once */

struct down {
    const struct engine_workers *workers;
    struct engine_product *products;
    size_t count;
};

static float *narrow_of(const struct engine_product *p, size_t t)
{
    return p->narrow + t * ENGINE_LORA_RANK_MAX;
}

static const struct engine_lora *lora_of(const struct engine_product *p, size_t t)
{
    return engine_adapter_find(p->input->adapters[t], p->matrix);
}

static size_t number_bytes(const struct engine_lora *l)
{
    return l->half ? sizeof(uint16_t) : sizeof(float);
}

/* Chunk = one token, all products. */
static void do_down(void *user, size_t chunk, uint32_t thread)
{
    const struct down *d = user;
    (void)thread;
    for (size_t i = 0; i < d->count; i++) {
        const struct engine_product *p = &d->products[i];
        const struct engine_input *in = p->input;
        const struct engine_lora *l = p->narrow && chunk < in->tokens ? lora_of(p, chunk) : NULL;
        if (l)
            d->workers->kernels->lora_down(
                l, in->x + (in->rows ? in->rows[chunk] : chunk) * in->stride, narrow_of(p, chunk));
    }
}

static bool is_adapted(const struct engine_product *p)
{
    for (size_t t = 0; p->input->adapters && t < p->input->tokens; t++) {
        if (lora_of(p, t))
            return true;
    }
    return false;
}

void engine_lora_down(const struct engine_workers *workers, struct engine_product *products,
                      size_t count)
{
    struct down d = {workers, products, count};
    size_t tokens = 0, used = 0;
    for (size_t i = 0; i < count; i++) {
        struct engine_product *p = &products[i];
        p->narrow = NULL;
        if (!is_adapted(p))
            continue;
        p->narrow = workers->narrow + used++ * workers->narrow_floats;
        tokens = p->input->tokens > tokens ? p->input->tokens : tokens;
    }
    if (tokens >= TOKENS_WORTH_SHARING) {
        engine_pool_run(workers->pool, do_down, &d, tokens);
        return;
    }
    for (size_t t = 0; t < tokens; t++)
        do_down(&d, t, 0);
}

/* Whole cache lines; what finds no room is not fetched ahead. */
static void add_part(struct engine_fetch *f, const struct engine_fetch_part *parts,
                     const void *start, size_t from, size_t end)
{
    const char *p = start;
    if (from >= end || f->end == parts + ENGINE_LORA_PARTS)
        return;
    *f->end++ = (struct engine_fetch_part){p + from / CACHE_LINE * CACHE_LINE, p + end};
    f->lines += (end - from + CACHE_LINE - 1) / CACHE_LINE;
}

/* The second matrix's part for rows `row` to `end` - 1. */
static void fetch_up(struct engine_fetch *f, const struct engine_fetch_part *parts,
                     const struct engine_lora *l, size_t row, size_t end)
{
    size_t tile = (size_t)l->rank * ENGINE_LORA_TILE * number_bytes(l);
    size_t from = row / ENGINE_LORA_TILE, to = (end + ENGINE_LORA_TILE - 1) / ENGINE_LORA_TILE;
    add_part(f, parts, l->b, from * tile, to * tile);
}

/* The chunk's share of the first matrices of the call that follows: of all tokens one behind the
 * other, so that the thread which fetches them is likely the one that reads them. */
static void fetch_next(struct engine_fetch *f, const struct engine_fetch_part *parts,
                       const struct engine_input *in, size_t chunk, size_t chunks)
{
    for (size_t i = 0; i < ENGINE_LORA_PRODUCTS && in->next[i]; i++) {
        const struct engine_lora *before = NULL;
        for (size_t t = in->tokens * chunk / chunks; t * chunks < in->tokens * (chunk + 1); t++) {
            const struct engine_lora *l = engine_adapter_find(in->adapters[t], in->next[i]);
            if (!l || l == before)
                continue;
            before = l;
            size_t bytes = (size_t)l->rank * l->cols * number_bytes(l);
            size_t from = in->tokens * chunk, end = in->tokens * (chunk + 1), at = t * chunks;
            from = from > at ? (from - at) * bytes / chunks : 0;
            end = end < at + chunks ? (end - at) * bytes / chunks : bytes;
            add_part(f, parts, l->a, from, end);
        }
    }
}

struct engine_fetch engine_lora_fetch(const struct engine_product *p, size_t row, size_t end,
                                      size_t chunk, size_t chunks, struct engine_fetch_part *parts)
{
    struct engine_fetch f = {parts, parts, 0};
    if (!p->input->adapters)
        return f;
    const size_t first = p->matrix->first_row, tokens = p->input->tokens;
    const size_t pairs = (p->matrix->cols + 2 * ENGINE_PANEL_BLOCK - 1) / (2 * ENGINE_PANEL_BLOCK);
    const size_t panels = (end - row + ENGINE_PANEL_ROWS - 1) / ENGINE_PANEL_ROWS;
    const struct engine_lora *before = NULL;
    for (size_t t = 0; p->narrow && t < tokens; t++) {
        const struct engine_lora *l = lora_of(p, t);
        if (l && l != before)
            fetch_up(&f, parts, l, first + row, first + end);
        before = l;
    }
    fetch_next(&f, parts, p->input, chunk, chunks);
    f.lines = f.lines / (pairs * panels * ((tokens + TILE_TOKENS - 1) / TILE_TOKENS)) + 1;
    return f;
}

void engine_lora_up(const struct engine_workers *workers, const struct engine_product *p,
                    size_t row, size_t end)
{
    size_t first = p->matrix->first_row;
    for (size_t t = 0; p->narrow && t < p->input->tokens; t++) {
        const struct engine_lora *l = lora_of(p, t);
        if (l)
            workers->kernels->lora_up(l, narrow_of(p, t), first + row, first + end,
                                      p->y + t * p->y_stride + row);
    }
}
