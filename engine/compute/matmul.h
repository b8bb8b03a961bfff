/*
 * Matrices times a block of activations: what every architecture's graph is made of.
 *
 *     struct engine_input in = {.x = normed, .stride = n_embd, .tokens = n, .cols = n_embd,
 *                               .packed = s->packed};
 *     struct engine_product products[] = {{.matrix = &layer->gate, .input = &in, .y = gate,
 *                                          .y_stride = n_ff},
 *                                         {.matrix = &layer->up, .input = &in, .y = up,
 *                                          .y_stride = n_ff}};
 *     engine_matmul(&workers, products, 2);
 *
 * One call is one parallel region (and one before it that turns inputs into the form that a matrix
 * wants: once per input, whatever the number of matrices that read it). Products may have
 * different inputs, so all experts of a layer fit into one call: give each its gathered rows. A
 * product without tokens, or an empty list, is allowed and computes nothing.
 *
 * Tokens may have adapters (engine/compute/adapter.h): in the same call, what a token's own adds
 * to a matrix is added.
 *
 * A result does not depend on what else is in the call, on how many tokens an input has, or on the
 * number of threads.
 */
#ifndef ENGINE_COMPUTE_MATMUL_H
#define ENGINE_COMPUTE_MATMUL_H

#include "engine/engine.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pool.h"
#include "engine/model/arch.h"

#define ENGINE_LORA_RANK_MAX 256U
#define ENGINE_LORA_PRODUCTS 4U /* products of one call whose tokens may have adapters */

/* Who computes, and with what memory. */
struct engine_workers {
    struct engine_pool *pool;
    const struct engine_kernels *kernels;
    /* Where tokens have adapters: [ENGINE_LORA_PRODUCTS][narrow_floats], narrow_floats at least
     * ENGINE_LORA_RANK_MAX a token. */
    float *narrow;
    size_t narrow_floats;
};

/* A block of activations; borrowed, as is all it points to. */
struct engine_input {
    const float *x;
    size_t stride;        /* floats from one row to the next */
    const uint32_t *rows; /* [tokens]: token t is row rows[t] of x; NULL = row t */
    size_t tokens, cols;
    void *packed; /* engine_input_bytes(tokens, cols), aligned to 64; not shared with an input that
                     is still in use */
    bool ready[ENGINE_ACT_COUNT]; /* false when given; afterwards `packed` serves further calls,
                                     in the forms that were wanted */
    const struct engine_adapter *const *adapters; /* [tokens], NULL where none; NULL = all none */
    /* Matrices that the same tokens go through in the call that follows, as far as known: what
     * adapters have for them first is asked for meanwhile. */
    const struct engine_matrix *next[ENGINE_LORA_PRODUCTS];
};

/* y[t * y_stride + r] = sum over c of matrix[r][c] * input[t][c] */
struct engine_product {
    const struct engine_matrix *matrix;
    struct engine_input *input; /* cols as the matrix */
    float *y;
    size_t y_stride;                /* floats */
    size_t first_chunk, chunk_rows; /* engine_matmul()'s own, as */
    float *narrow;                  /* what adapters' first matrices gave; NULL = none */
};

void engine_matmul(const struct engine_workers *workers, struct engine_product *products,
                   size_t count);

/* lora.c: parts of engine_matmul(), before it, and before and behind rows `row` to `end` - 1 of a
 * product, which are chunk `chunk` of `chunks`. What is to be fetched is put into `parts`. */
#define ENGINE_LORA_PARTS 128U
void engine_lora_down(const struct engine_workers *workers, struct engine_product *products,
                      size_t count);
struct engine_fetch engine_lora_fetch(const struct engine_product *p, size_t row, size_t end,
                                      size_t chunk, size_t chunks, struct engine_fetch_part *parts);
void engine_lora_up(const struct engine_workers *workers, const struct engine_product *p,
                    size_t row, size_t end);

/* Bytes of `packed` for an input, in all forms. */
size_t engine_input_bytes(size_t tokens, size_t cols);

#endif
