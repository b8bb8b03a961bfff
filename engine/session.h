/*
 * Sessions, seen from inside the engine: the cache, the scratch memory and the step that is under
 * way. session.c checks and books a step, graph.c computes it, attention.c has its middle.
 */
#ifndef ENGINE_SESSION_H
#define ENGINE_SESSION_H

#include "engine/kernels/kernels.h"
#include "engine/kv.h"
#include "engine/model.h"
#include "engine/pool.h"

/* Where one token of the batch stands. */
struct engine_slot {
    uint32_t sequence, token, position;
};

/* Consecutive tokens of one sequence that attention takes together. */
#define ENGINE_RUN_TOKENS 8
struct engine_token_run {
    uint32_t first, count; /* items of the batch */
};

struct engine_session {
    struct engine_model *model;
    struct engine_pool *pool;
    bool owns_pool;
    const struct engine_kernels *kernels;
    struct engine_kv_cache kv;
    uint32_t batch, outputs;

    /* the step */
    uint32_t count, run_count, row_count;
    struct engine_slot *slots;     /* [batch] */
    struct engine_token_run *runs; /* [batch] */
    uint32_t *rows;                /* [outputs] item of each row of logits */

    /* scratch, float32, all [batch][...] unless said otherwise */
    float *x;         /* n_embd: the residual stream */
    float *branch;    /* n_embd: what a block adds to it; its normed input before that */
    float *q;         /* n_head * head_dim */
    float *k, *v;     /* n_head_kv * head_dim */
    float *att;       /* n_head * head_dim */
    float *gate, *up; /* n_ff */
    float *rope;      /* n_rot: cosine and sine of each pair */
    float *hidden;    /* [outputs][n_embd] */
    float *logits;    /* [outputs][n_vocab] */
    uint8_t *packed;  /* [packed_bytes]: inputs of the next matmuls in 8 bits */
    size_t packed_bytes;
    float *thread_scratch; /* [threads][thread_floats] */
    size_t thread_floats;
    double *inverse_freqs; /* [n_rot / 2]: angle per position */
    void *memory;          /* all of the above, in one mapping */
    size_t memory_bytes;
};

/* Computes the step in `slots`, `runs`, `rows`. False when cancelled. */
bool engine_graph_compute(struct engine_session *s, const atomic_bool *cancel);

/* From s->q and the cache to s->att, for layer `il`. */
void engine_attention(struct engine_session *s, uint32_t il);
/* Floats of scratch that a thread needs for it. */
size_t engine_attention_floats(const struct engine_hparams *hp);

#endif
