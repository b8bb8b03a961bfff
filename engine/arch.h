/*
 * Architectures: what sets one family of models apart, as data.
 *
 * Adding one that fits the graph of session_graph.c is a row in arch.c. Sizes come from the file's
 * keys, tensors are found by name and checked against the sizes; a tensor that nothing asked for is
 * an error, because leaving it out would compute something else.
 */
#ifndef ENGINE_ARCH_H
#define ENGINE_ARCH_H

#include "engine/gguf.h"

/* Which pairs of numbers a rotary embedding turns. */
enum engine_rope_kind {
    ENGINE_ROPE_NORM, /* 2i and 2i + 1 */
    ENGINE_ROPE_NEOX  /* i and i + n_rot / 2 */
};

struct engine_arch {
    const char *name; /* general.architecture, and prefix of its keys */
    enum engine_rope_kind rope;
    bool qk_norm; /* RMS norm of each head of q and k before the rotation */
};

/* Row by name; NULL when unknown. */
const struct engine_arch *engine_arch_find(struct slice name);
/* Names of all rows, "a, b, c", static. */
const char *engine_arch_names(void);

struct engine_hparams {
    uint32_t n_vocab, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
    uint32_t n_rot; /* numbers of a head that are turned; even */
    uint32_t context_train;
    float rms_eps;
    float rope_base;
    float rope_scale; /* positions are divided by this */
};

/* Reads the sizes of architecture `arch`; n_vocab is left to the caller. Each is bounded, so
 * that products of two of them fit 64 bits with room. */
enum base_err engine_hparams_read(const struct gguf *file, const struct engine_arch *arch,
                                  struct engine_hparams *ret, struct base_error *reterr);

/* A matrix as it lies in the file: `rows` outputs of `cols` inputs. */
struct engine_matrix {
    const struct engine_format *format; /* NULL = absent */
    const uint8_t *data;
    uint64_t row_bytes;
    uint32_t rows, cols;
};

struct engine_layer {
    float *attn_norm, *ffn_norm; /* [n_embd] */
    float *q_norm, *k_norm;      /* [head_dim] or NULL */
    struct engine_matrix q, k, v, o;
    float *q_bias, *k_bias, *v_bias, *o_bias; /* or NULL */
    struct engine_matrix gate, up, down;
};

struct engine_weights {
    struct engine_matrix token_embd; /* [n_vocab][n_embd] */
    struct engine_matrix output;     /* the same when tied */
    float *output_norm;              /* [n_embd] */
    float *rope_freqs;               /* [n_rot / 2] divisors of the angles, or NULL */
    struct engine_layer *layers;     /* [n_layer] */
    float *owned;                    /* all vectors above, in one block */
};

/* Finds and checks every tensor. Vectors are turned into float32 and owned; matrices are borrowed
 * from the file. On failure nothing is left behind. */
enum base_err engine_weights_bind(const struct gguf *file, const struct engine_arch *arch,
                                  const struct engine_hparams *hp, struct engine_weights *ret,
                                  struct base_error *reterr);
void engine_weights_done(struct engine_weights *weights);

#endif
