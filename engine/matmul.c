#include "engine/matmul.h"

#define ROWS_AT_ONCE 16                /* a cache line of results, a few tiles */
#define TOKEN_BLOCK_BYTES (512 * 1024) /* inputs that stay in the second-level cache */
#define TOKENS_WORTH_SHARING 4
#define CHUNKS_PER_THREAD 8 /* so that a thread which lost its core does not hold up the rest */

struct job {
    const struct engine_workers *workers;
    struct engine_product *products;
    size_t count;
};

size_t engine_input_bytes(size_t tokens, size_t cols)
{
    return tokens * engine_act_bytes(ENGINE_ACT_Q8, (cols + 31) / 32 * 32);
}

size_t engine_matmul_scratch(size_t cols)
{
    return ENGINE_SCRATCH_ROWS * cols;
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

static bool wants_packed(const struct job *job, const struct engine_product *p)
{
    return job->workers->kernels->matmul[p->matrix->format->id].act == ENGINE_ACT_Q8;
}

/* Chunk = one token of one of the inputs that are not ready, in order of the products. */
static void do_pack(void *user, size_t chunk, uint32_t thread)
{
    const struct job *job = user;
    const struct engine_product *p = &job->products[product_at(job, chunk)];
    const struct engine_input *in = p->input;
    size_t t = chunk - p->first_chunk, bytes = engine_act_bytes(ENGINE_ACT_Q8, in->cols);
    (void)thread;
    job->workers->kernels->pack_q8(in->x + (in->rows ? in->rows[t] : t) * in->stride, in->cols,
                                   (char *)in->packed + t * bytes);
}

static void pack_inputs(struct job *job)
{
    size_t chunks = 0;
    for (size_t i = 0; i < job->count; i++) {
        struct engine_product *p = &job->products[i];
        p->first_chunk = chunks;
        if (p->input->ready || !wants_packed(job, p))
            continue;
        p->input->ready = true;
        chunks += p->input->tokens;
    }
    if (chunks >= TOKENS_WORTH_SHARING) {
        engine_pool_run(job->workers->pool, do_pack, job, chunks);
        return;
    }
    for (size_t i = 0; i < chunks; i++)
        do_pack(job, i, 0);
}

/* --- products ------------------------------------------------------------------------------- */

static struct engine_matmul matmul_of(const struct job *job, const struct engine_product *p)
{
    const struct engine_matrix *m = p->matrix;
    const struct engine_input *in = p->input;
    bool packed = wants_packed(job, p);
    return (struct engine_matmul){
        .format = m->format,
        .w = m->data,
        .row_bytes = m->row_bytes,
        .cols = m->cols,
        .x = packed ? in->packed : (const void *)in->x,
        .x_bytes = packed ? engine_act_bytes(ENGINE_ACT_Q8, m->cols) : in->stride * sizeof(float),
        .x_rows = packed ? NULL : in->rows,
        .tokens = in->tokens,
        .y = p->y,
        .y_stride = p->y_stride,
    };
}

static void do_rows(void *user, size_t chunk, uint32_t thread)
{
    const struct job *job = user;
    const struct engine_product *p = &job->products[product_at(job, chunk)];
    const struct engine_matmul whole = matmul_of(job, p);
    struct engine_matmul part = whole;
    engine_matmul_fn run = job->workers->kernels->matmul[p->matrix->format->id].run;
    size_t row = (chunk - p->first_chunk) * p->chunk_rows, rows = p->matrix->rows;
    size_t end = rows - row > p->chunk_rows ? row + p->chunk_rows : rows;
    size_t block = TOKEN_BLOCK_BYTES / part.x_bytes + 1;
    float *scratch = job->workers->scratch + thread * job->workers->scratch_floats;
    for (; row < end; row += ROWS_AT_ONCE) {
        size_t stop = row + ROWS_AT_ONCE < end ? row + ROWS_AT_ONCE : end;
        for (size_t t = 0; t < whole.tokens; t += block) {
            part.tokens = whole.tokens - t < block ? whole.tokens - t : block;
            part.x = whole.x_rows ? whole.x : (const char *)whole.x + t * whole.x_bytes;
            part.x_rows = whole.x_rows ? whole.x_rows + t : NULL;
            part.y = whole.y + t * whole.y_stride;
            run(&part, row, stop, scratch);
        }
        engine_lora_up(job->workers, p, row, stop);
    }
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
        chunks += (rows + p->chunk_rows - 1) / p->chunk_rows;
    }
    return chunks;
}

void engine_matmul(const struct engine_workers *workers, struct engine_product *products,
                   size_t count)
{
    struct job job = {workers, products, count};
    for (size_t i = 0; count > ENGINE_LORA_PRODUCTS && i < count; i++) {
        if (!products[i].input->adapters)
            continue;
        for (i = 0; i < count; i++) /* too many for the memory that adapters have */
            engine_matmul(workers, &products[i], 1);
        return;
    }
    engine_lora_down(workers, products, count);
    pack_inputs(&job);
    engine_pool_run(workers->pool, do_rows, &job, cut(&job, engine_pool_threads(workers->pool)));
}
