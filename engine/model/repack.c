/* Weights into panels, before the first session of a model computes with them. */
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/model/repack.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define CHUNK_BYTES ((size_t)1 << 20)

struct item {
    struct engine_matrix *matrix;
    uint8_t *panels;
    size_t first_chunk, chunk_panels;
};

struct repack {
    const struct gguf *file;
    struct item *items;
    size_t count, bytes;
};

static size_t panel_count(const struct engine_matrix *m)
{
    return ((size_t)m->rows + ENGINE_PANEL_ROWS - 1) / ENGINE_PANEL_ROWS;
}

static const struct engine_panel_layout *layout_of(const struct engine_matrix *m)
{
    return m->format ? engine_panel_layout(m->format->id) : NULL;
}

/* Counts (items == NULL) or lists what gets panels. */
static void add_item(struct repack *r, struct engine_matrix *m)
{
    const struct engine_panel_layout *layout = layout_of(m);
    if (!layout || m->panels)
        return;
    if (r->items)
        r->items[r->count].matrix = m;
    r->count++;
    r->bytes += panel_count(m) * engine_panel_bytes(layout, m->cols);
}

static void add_mlp(struct repack *r, struct engine_mlp *mlp)
{
    add_item(r, &mlp->gate);
    add_item(r, &mlp->up);
    add_item(r, &mlp->down);
}

/* The embedding stays as it is, unless it is the output too: single rows of it are read. */
static void add_all(struct repack *r, struct engine_weights *w, uint32_t n_expert)
{
    r->count = r->bytes = 0;
    for (uint32_t il = 0; il < w->layer_count; il++) {
        struct engine_layer *l = &w->layers[il];
        struct engine_matrix *const own[] = {&l->q, &l->k, &l->v, &l->o, &l->router};
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
            add_item(r, own[i]);
        add_mlp(r, &l->mlp);
        for (uint32_t e = 0; l->experts && e < n_expert; e++)
            add_mlp(r, &l->experts[e]);
    }
    add_item(r, &w->output);
}

static void do_chunk(void *user, size_t chunk, uint32_t thread)
{
    struct repack *r = user;
    size_t i = 0, high = r->count;
    (void)thread;
    while (high - i > 1) { /* the last item that starts at the chunk or before */
        size_t middle = i + (high - i) / 2;
        if (r->items[middle].first_chunk <= chunk)
            i = middle;
        else
            high = middle;
    }
    const struct item *item = &r->items[i];
    const struct engine_matrix *m = item->matrix;
    const struct engine_panel_layout *layout = layout_of(m);
    size_t bytes = engine_panel_bytes(layout, m->cols);
    size_t panel = (chunk - item->first_chunk) * item->chunk_panels;
    size_t end = panel + item->chunk_panels;
    if (end > panel_count(m))
        end = panel_count(m);
    const uint8_t *from = m->data + panel * ENGINE_PANEL_ROWS * m->row_bytes;
    for (size_t p = panel; p < end; p++) {
        size_t row = p * ENGINE_PANEL_ROWS, left = m->rows - row;
        engine_panel_pack(layout, m->data + row * m->row_bytes, m->row_bytes,
                          left < ENGINE_PANEL_ROWS ? left : ENGINE_PANEL_ROWS, m->cols,
                          item->panels + p * bytes);
    }
    size_t stop = end * ENGINE_PANEL_ROWS < m->rows ? end * ENGINE_PANEL_ROWS : m->rows;
    gguf_release(r->file, from, (size_t)(m->data + stop * m->row_bytes - from));
}

static void run(struct repack *r, uint8_t *memory, struct engine_pool *pool)
{
    size_t chunks = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct item *item = &r->items[i];
        size_t bytes = engine_panel_bytes(layout_of(item->matrix), item->matrix->cols);
        size_t panels = panel_count(item->matrix);
        item->panels = memory;
        item->first_chunk = chunks;
        item->chunk_panels = CHUNK_BYTES / bytes + 1;
        chunks += (panels + item->chunk_panels - 1) / item->chunk_panels;
        memory += panels * bytes;
    }
    engine_pool_run(pool, do_chunk, r, chunks);
    for (size_t i = 0; i < r->count; i++) {
        struct engine_matrix *m = r->items[i].matrix;
        m->panels = r->items[i].panels;
        m->panel_bytes = engine_panel_bytes(layout_of(m), m->cols);
        gguf_release(r->file, m->data, (size_t)(m->rows * m->row_bytes));
    }
}

enum base_err engine_weights_repack(const struct gguf *file, struct engine_weights *weights,
                                    uint32_t n_expert, struct engine_pool *pool,
                                    struct base_error *reterr)
{
    struct repack r = {.file = file};
    add_all(&r, weights, n_expert);
    if (r.count == 0)
        return BASE_OK;
    /* Up to the next huge page, so that the system can use them. */
    size_t bytes = (r.bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE + HUGE_PAGE;
    r.items = calloc(r.count, sizeof(*r.items));
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!r.items || memory == MAP_FAILED) {
        free(r.items);
        if (memory != MAP_FAILED)
            munmap(memory, bytes);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for %.0f MiB of weights",
                              gguf_name(file), (double)r.bytes / 1048576.0);
    }
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    weights->packed = memory;
    weights->packed_bytes = bytes;
    add_all(&r, weights, n_expert);
    uintptr_t start = ((uintptr_t)memory + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    run(&r, (uint8_t *)memory + (start - (uintptr_t)memory), pool);
    if (weights->output.data == weights->token_embd.data)
        weights->token_embd = weights->output;
    free(r.items);
    return BASE_OK;
}
