/*
 * Sessions, seen from inside the engine: the cache, the scratch memory and the step that is under
 * way. session.c checks and books a step, graph.c computes it, attention.c has its middle.
 */
#ifndef ENGINE_COMPUTE_SESSION_H
#define ENGINE_COMPUTE_SESSION_H

#include "engine/compute/kv.h"
#include "engine/compute/matmul.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pool.h"
#include "engine/model/model.h"

/* Where one token of the batch stands. */
struct engine_slot {
    uint32_t sequence, token, position;
};

/* Consecutive tokens of one sequence that attention takes together. */
#define ENGINE_RUN_TOKENS 8
struct engine_token_run {
    uint32_t first, count; /* items of the batch */
};

/* One of the experts that a token goes through. */
struct engine_choice {
    uint32_t expert, row; /* row: place among all picks, in order of experts */
    float weight;
};

struct engine_session {
    struct engine_model *model;
    struct engine_pool *pool;
    struct engine_workers workers; /* pool and kernels, for engine_matmul() */
    bool owns_pool;
    const struct engine_kernels *kernels;
    struct engine_kv_cache kv;
    uint32_t batch, outputs;

    /* the step */
    uint32_t count, run_count, row_count;
    struct engine_slot *slots;     /* [batch] */
    struct engine_token_run *runs; /* [batch] */
    uint32_t *rows;                /* [outputs] item of each row of logits */
    bool any_adapter;
    bool every_token; /* the last layer is computed for all, not only for those with logits */
    const struct engine_adapter **item_adapters; /* [batch], NULL = none */
    const struct engine_adapter **row_adapters;  /* [outputs] */

    /* scratch, float32, all [batch][...] unless said otherwise */
    float *x;         /* n_embd: the residual stream */
    float *branch;    /* n_embd: what a block adds to it; its normed input before that */
    float *q;         /* n_head * head_dim */
    float *k, *v;     /* n_head_kv * head_dim */
    float *att;       /* n_head * head_dim */
    float *gate, *up; /* n_ff, or [batch * n_expert_used][n_ff_expert] */
    float *rope[2];   /* n_rot: cosine and sine of each pair; NULL = no layer has this kind */
    float *hidden;    /* [outputs][n_embd] */
    float *logits;    /* [outputs][n_vocab] */
    uint8_t *packed;  /* [packed_bytes]: inputs of the next matmuls in 8 bits */
    size_t packed_bytes;
    float *narrow;         /* [ENGINE_LORA_PRODUCTS][batch][ENGINE_LORA_RANK_MAX] */
    float *thread_scratch; /* [threads][thread_floats] */
    size_t thread_floats;
    double *inverse_freqs[2]; /* [n_rot / 2]: angle per position */

    /* experts; a pick is one of the n_expert_used of a token */
    struct engine_choice *picks;            /* [batch][n_expert_used] */
    float *scores;                          /* n_expert */
    float *expert_out;                      /* [picks][n_embd], in order of experts */
    uint32_t *row_tokens;                   /* [picks]: the token of each row */
    uint32_t *row_experts;                  /* [picks]: and its expert */
    uint32_t *expert_rows;                  /* [n_expert + 1]: where the rows of each expert end */
    struct engine_input *expert_inputs;     /* [n_expert] */
    struct engine_product *expert_products; /* [2 * n_expert] */

    void *memory; /* all of the above, in one mapping */
    size_t memory_bytes;
};

/* Computes the step in `slots`, `runs`, `rows`, of which only the logits are left. False when
 * cancelled. */
bool engine_graph_compute(struct engine_session *s, const atomic_bool *cancel);

/* Fills `runs` from `slots`. */
void engine_session_find_runs(struct engine_session *s);

/* The last hidden state of item t of the step that engine_session_compute() did for every token:
 * n_embd numbers. */
void engine_graph_hidden(struct engine_session *s, size_t t, float *out);

/* engine_session_step(), for encoders too. `every_token`: engine_graph_hidden() will be asked. */
enum base_err engine_session_compute(struct engine_session *s,
                                     const struct engine_batch_item *items, size_t count,
                                     bool every_token, const atomic_bool *cancel,
                                     struct base_error *reterr);

/* fn(s, layer, t) for t below `count`, in parallel where it is worth it. */
typedef void (*engine_token_fn)(struct engine_session *s, const struct engine_layer *layer,
                                size_t t);
void engine_each(struct engine_session *s, const struct engine_layer *layer, engine_token_fn fn,
                 size_t count);

/* y = m x, for `tokens` rows of x. */
void engine_product_of(struct engine_session *s, const struct engine_matrix *m, const float *x,
                       size_t tokens, float *y);

/* Biases and activation between the halves of a feed-forward block. The result stands in `gate`;
 * without a gate that is where the first half is given. */
void engine_activate(const struct engine_session *s, const struct engine_mlp *mlp, float *gate,
                     float *up, size_t n);

/* experts.c: s->branch through the layer's experts, in place. */
void engine_experts(struct engine_session *s, const struct engine_layer *layer);
/* Bytes of `packed` that it needs. */
size_t engine_expert_packed_bytes(const struct engine_hparams *hp, uint32_t batch, size_t cols);

/* From s->q and the cache to s->att, for layer `il`. */
void engine_attention(struct engine_session *s, uint32_t il);
/* Floats of scratch that a thread needs for it. */
size_t engine_attention_floats(const struct engine_hparams *hp);

#endif
