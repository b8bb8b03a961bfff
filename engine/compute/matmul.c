#include "engine/compute/matmul.h"

#define ROWS_AT_ONCE ENGINE_PANEL_ROWS  /* a cache line of results */
#define TOKEN_BLOCK_BYTES (512 * 1024)  /* inputs that stay in the second-level cache */
#define FLOAT_BLOCK_BYTES (2048 * 1024) /* the same in float32: the third level is quick enough */
#define TILE_QUADS 3                    /* fours of tokens that kernels like to take at once */
#define LORA_ROWS 128       /* of which what many adapters add stays in the second-level cache */
#define CHUNKS_PER_THREAD 8 /* so that a thread which lost its core does not hold up the rest */

struct job {
    const struct engine_workers *workers;
    struct engine_product *products;
    size_t count, chunks;
};

size_t engine_input_bytes(size_t tokens, size_t cols)
{
    size_t bytes = 0;
    for (enum engine_act_form form = 0; form < ENGINE_ACT_COUNT; form++)
        bytes += engine_act_bytes(form, tokens, cols);
    return bytes;
}

/* The product that a chunk belongs to: the last one that starts at it or before. */
static size_t product_at(const struct job *job, size_t chunk)
{
    size_t i = 0;
    while (i + 1 < job->count && job->products[i + 1].first_chunk <= chunk)
        i++;
    return i;
}

/* --- inputs --------------------------------------------------------------------------------- */

static enum engine_act_form form_of(const struct engine_workers *w, const struct engine_product *p)
{
    return engine_kernels_form(w->kernels, engine_panel_layout(p->matrix->format->id));
}

/* An input's forms stand one behind the other. */
static char *packed_form(const struct engine_input *in, enum engine_act_form form)
{
    char *at = in->packed;
    for (enum engine_act_form before = 0; before < form; before++)
        at += engine_act_bytes(before, in->tokens, in->cols);
    return at;
}

static const float *input_row(const struct engine_input *in, size_t t)
{
    return in->x + (in->rows ? in->rows[t] : t) * in->stride;
}

/* Up to four tokens of several, or one token alone. */
static void pack(const struct engine_kernels *k, enum engine_act_form form, const float *const x[4],
                 bool single, size_t cols, void *out)
{
    if (form == ENGINE_ACT_FLOATS)
        engine_act_floats(x, cols, out);
    else if (form == ENGINE_ACT_BF16 && single)
        k->pack_bf16_one(x[0], cols, out);
    else if (form == ENGINE_ACT_BF16)
        k->pack_bf16_four(x, cols, out);
    else if (form == ENGINE_ACT_WIDE && single)
        k->pack_wide_one(x[0], cols, out);
    else if (form == ENGINE_ACT_WIDE)
        k->pack_wide_four(x, cols, out);
    else if (single)
        k->pack_one(x[0], cols, out);
    else
        k->pack_four(x, cols, out);
}

/* Chunk = up to four tokens of one of the inputs that are not ready, in order of the products. */
static void do_pack(void *user, size_t chunk, uint32_t thread)
{
    const struct job *job = user;
    const struct engine_product *p = &job->products[product_at(job, chunk)];
    const struct engine_input *in = p->input;
    const enum engine_act_form form = form_of(job->workers, p);
    size_t first = (chunk - p->first_chunk) * 4;
    char *out = packed_form(in, form) + first / 4 * engine_act_row_bytes(form, false, in->cols);
    const float *x[4] = {0};
    (void)thread;
    for (size_t t = first; t < first + 4 && t < in->tokens; t++)
        x[t - first] = input_row(in, t);
    pack(job->workers->kernels, form, x, in->tokens == 1, in->cols, out);
}

static void pack_inputs(struct job *job)
{
    size_t chunks = 0;
    for (size_t i = 0; i < job->count; i++) {
        struct engine_product *p = &job->products[i];
        p->first_chunk = chunks;
        if (!p->matrix->panels)
            continue;
        const enum engine_act_form form = form_of(job->workers, p);
        if (p->input->ready[form] || (form == ENGINE_ACT_FLOATS && p->input->tokens == 1))
            continue; /* one token in float32 is as it is */
        p->input->ready[form] = true;
        chunks += (p->input->tokens + 3) / 4;
    }
    if (chunks > 1) {
        engine_pool_run(job->workers->pool, do_pack, job, chunks);
        return;
    }
    for (size_t i = 0; i < chunks; i++)
        do_pack(job, i, 0);
}

/* --- products ------------------------------------------------------------------------------- */

/* Panels that hold rows `row` to `end` - 1. Tokens are taken in blocks that stay in the cache. */
static void compute_panels(const struct engine_workers *w, const struct engine_product *p,
                           size_t row, size_t end, struct engine_fetch *fetch)
{
    const struct engine_matrix *m = p->matrix;
    const struct engine_input *in = p->input;
    const struct engine_panel_layout *layout = engine_panel_layout(m->format->id);
    const enum engine_act_form form = form_of(w, p);
    size_t quad = engine_act_row_bytes(form, false, m->cols);
    size_t tokens = (form >= ENGINE_ACT_FLOATS ? FLOAT_BLOCK_BYTES : TOKEN_BLOCK_BYTES) / quad /
                    TILE_QUADS * TILE_QUADS * 4;
    struct engine_panel_job job = {
        .layout = layout,
        .panels = m->panels,
        .panel_bytes = m->panel_bytes,
        .rows = m->rows,
        .cols = m->cols,
        .y_stride = p->y_stride,
        .fetch = fetch->next < fetch->end ? fetch : NULL,
    };
    if (tokens == 0)
        tokens = (size_t)TILE_QUADS * 4;
    for (size_t t = 0; t < in->tokens; t += tokens) {
        /* One token left over is computed as the first of four: its inputs have that form. */
        job.tokens = in->tokens - t < tokens ? in->tokens - t : tokens;
        job.quads = in->tokens > 1;
        job.x = form == ENGINE_ACT_FLOATS && !job.quads
                    ? (const void *)input_row(in, 0)
                    : (const void *)(packed_form(in, form) + t / 4 * quad);
        job.y = p->y + t * p->y_stride;
        w->kernels->panels[layout->format](&job, row / ENGINE_PANEL_ROWS,
                                           (end + ENGINE_PANEL_ROWS - 1) / ENGINE_PANEL_ROWS);
    }
}

/* The same for a matrix of float32, as it lies in the file. */
static void compute_rows(const struct engine_product *p, const struct engine_kernels *k, size_t row,
                         size_t end)
{
    const struct engine_matrix *m = p->matrix;
    const struct engine_input *in = p->input;
    size_t tokens = TOKEN_BLOCK_BYTES / (m->cols * sizeof(float)) + 1;
    struct engine_matmul job = {
        .w = (const float *)(const void *)m->data,
        .cols = m->cols,
        .x_stride = in->stride,
        .y_stride = p->y_stride,
    };
    for (; row < end; row += ROWS_AT_ONCE) {
        size_t stop = row + ROWS_AT_ONCE < end ? row + ROWS_AT_ONCE : end;
        for (size_t t = 0; t < in->tokens; t += tokens) {
            job.tokens = in->tokens - t < tokens ? in->tokens - t : tokens;
            job.x = in->rows ? in->x : in->x + t * in->stride;
            job.x_rows = in->rows ? in->rows + t : NULL;
            job.y = p->y + t * p->y_stride;
            k->matmul(&job, row, stop);
        }
    }
}

static void do_rows(void *user, size_t chunk, uint32_t thread)
{
    (void)thread;
    const struct job *job = user;
    const struct engine_workers *w = job->workers;
    const struct engine_product *p = &job->products[product_at(job, chunk)];
    size_t row = (chunk - p->first_chunk) * p->chunk_rows, rows = p->matrix->rows;
    size_t end = rows - row > p->chunk_rows ? row + p->chunk_rows : rows;
    struct engine_fetch_part parts[ENGINE_LORA_PARTS];
    struct engine_fetch fetch = engine_lora_fetch(p, row, end, chunk, job->chunks, parts);
    if (p->matrix->panels)
        compute_panels(w, p, row, end, &fetch);
    else
        compute_rows(p, w->kernels, row, end);
    engine_fetch_lines(&fetch, SIZE_MAX); /* what is left */
    engine_lora_up(w, p, row, end);       /* as one: an adapter's numbers are read as a stream */
}

/* What a row costs, in no particular unit: reading its weights, then each token. */
static size_t row_cost(const struct engine_product *p)
{
    return p->input->tokens == 0 ? 0 : p->matrix->cols * (4 + p->input->tokens);
}

/* Cuts the products into chunks of about equal cost. Returns their number. */
static size_t cut(struct job *job, size_t threads)
{
    size_t total = 0, chunks = 0;
    for (size_t i = 0; i < job->count; i++)
        total += row_cost(&job->products[i]) * job->products[i].matrix->rows;
    for (size_t i = 0; i < job->count; i++) {
        struct engine_product *p = &job->products[i];
        size_t cost = row_cost(p), rows = p->matrix->rows;
        p->first_chunk = chunks;
        if (cost == 0)
            continue;
        size_t share = total / (threads * CHUNKS_PER_THREAD) / cost / ROWS_AT_ONCE * ROWS_AT_ONCE;
        p->chunk_rows = threads == 1 ? rows : share > ROWS_AT_ONCE ? share : ROWS_AT_ONCE;
        if (p->narrow && p->chunk_rows > LORA_ROWS)
            p->chunk_rows = LORA_ROWS;
        chunks += (rows + p->chunk_rows - 1) / p->chunk_rows;
    }
    return chunks;
}

void engine_matmul(const struct engine_workers *workers, struct engine_product *products,
                   size_t count)
{
    struct job job = {workers, products, count, 0};
    for (size_t i = 0; count > ENGINE_LORA_PRODUCTS && i < count; i++) {
        if (!products[i].input->adapters)
            continue;
        for (i = 0; i < count; i++) /* too many for the memory that adapters have */
            engine_matmul(workers, &products[i], 1);
        return;
    }
    engine_lora_down(workers, products, count);
    pack_inputs(&job);
    job.chunks = cut(&job, engine_pool_threads(workers->pool));
    engine_pool_run(workers->pool, do_rows, &job, job.chunks);
}
