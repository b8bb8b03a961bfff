/*
 * Architectures: what sets one family of models apart, as data.
 *
 *     const struct engine_arch *arch = engine_arch_find(name);
 *     err = engine_hparams_read(file, arch, &hp, reterr);         // sizes
 *     err = engine_weights_bind(file, arch, &hp, &weights, reterr);
 *
 * Every row goes through the same graph (graph.c); a column turns a step on or chooses its kind,
 * and a step whose weights are absent is left out. Adding an architecture made of these steps is a
 * row. Sizes come from the file's keys, tensors are found by name and checked against the sizes; a
 * tensor that nothing asked for is an error, because leaving it out would compute something else.
 */
#ifndef ENGINE_MODEL_ARCH_H
#define ENGINE_MODEL_ARCH_H

#include "engine/gguf/gguf.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/panel.h"

/* Which pairs of numbers a rotary embedding turns. */
enum engine_rope_kind {
    ENGINE_ROPE_NORM, /* 2i and 2i + 1 */
    ENGINE_ROPE_NEOX, /* i and i + n_rot / 2 */
    ENGINE_ROPE_NONE  /* positions are added to the embeddings, or nowhere */
};

enum engine_norm_kind {
    ENGINE_NORM_RMS,  /* x / sqrt(mean(x^2) + eps) * weight */
    ENGINE_NORM_LAYER /* (x - mean) / sqrt(variance + eps) * weight + bias */
};

enum engine_mlp_kind {
    ENGINE_MLP_GATED,   /* ffn_gate, ffn_up, ffn_down */
    ENGINE_MLP_STACKED, /* ffn_up holds the rows of the gate, then its own */
    ENGINE_MLP_PLAIN    /* ffn_up, ffn_down: no gate */
};

/* Mixtures of experts: the softmax over the scores of a token's best experts weighs what they give
 * (which is the same as the softmax over all of them, made to sum to one over the best). */
enum engine_experts_kind { ENGINE_EXPERTS_NONE, ENGINE_EXPERTS_OPTIONAL, ENGINE_EXPERTS_NEEDED };

struct engine_arch {
    const char *name; /* general.architecture, and prefix of its keys */
    enum engine_rope_kind rope;
    enum engine_norm_kind norm;
    enum engine_activation activation;
    enum engine_mlp_kind mlp;
    enum engine_experts_kind experts;
    bool qk_norm;         /* RMS norm of each head of q and k before the rotation */
    bool encoder;         /* every token sees every other; embeddings, no logits; the norms stand
                             behind the sums, not before the blocks */
    bool positions;       /* position_embd is added to the embeddings */
    bool post_norms;      /* post_attention_norm, post_ffw_norm on what a block adds */
    const char *ffn_norm; /* NULL = "ffn_norm" */
    bool scale_embd;      /* embeddings times sqrt(n_embd) */
    bool rope_factors;    /* rope_freqs, rope_factors_long and _short may be there */
    bool sinks;           /* a score per head that takes weight and gives nothing */
    bool temperature;     /* queries scaled by the logarithm of their position */
    bool yarn_log;        /* reads yarn_log_multiplier */
    /* Layers with a sliding window: all but each `window_period`th (0 = the row has none). */
    uint32_t window_period;
    uint32_t window;   /* where the file does not say; 0 = then no layer has one */
    float window_base; /* rope base of those layers, not scaled; 0 = as the others, scaled alike */
    /* Where the file does not say: x = cap * tanh(x / cap) for scores, and logits; 0 = none. */
    float attn_cap, final_cap;
    uint32_t wide_at; /* with so many layers queries are scaled by 1 / sqrt(n_embd / n_head) */
};

/* Row by name; NULL when unknown. */
const struct engine_arch *engine_arch_find(struct slice name);
/* Names of all rows, "a, b, c", static. */
const char *engine_arch_names(void);

/* How one kind of layer turns its heads. */
struct engine_rope {
    float base;
    float scale;     /* angles are multiplied by this: 1 / factor */
    float magnitude; /* of sine and cosine */
    bool yarn;
    float yarn_low, yarn_high; /* pairs up to low keep their angle, from high on it is scaled */
};

/* What may differ from layer to layer. */
struct engine_layer_shape {
    uint32_t n_head, n_head_kv, n_ff;
    uint32_t window; /* keys so far back or further are hidden; 0 = none are */
    uint32_t rope;   /* index into engine_hparams.rope */
};

struct engine_hparams {
    uint32_t n_vocab, n_embd, n_layer, head_dim;
    uint32_t n_head, n_head_kv, n_ff; /* the largest of any layer */
    uint32_t n_group;                 /* most queries' heads to one of keys and values */
    uint32_t n_rot;                   /* numbers of a head that are turned; even */
    uint32_t context_train;
    uint32_t context_original; /* before rope scaling */
    uint32_t n_expert;         /* 0 = dense */
    uint32_t n_expert_used, n_ff_expert;
    uint32_t window;
    uint32_t n_layer_window; /* layers that have it */
    uint32_t pooling;        /* as in the file: 0 not said, 1 mean, 2 first token, 3 last */
    float norm_eps;
    float attn_scale, attn_cap, final_cap, embd_scale; /* caps: 0 = none */
    float temperature;                                 /* 0 = none */
    struct engine_rope rope[2];                        /* of most layers; of those with a window */
};
#define ENGINE_MAX_EXPERTS 512U
#define ENGINE_MAX_EXPERTS_USED 64U

/* Reads the sizes of architecture `arch`; n_vocab is left to the caller. Each is bounded, so
 * that products of two of them fit 64 bits with room. BAD_FILE, UNSUPPORTED. */
enum base_err engine_hparams_read(const struct gguf *file, const struct engine_arch *arch,
                                  struct engine_hparams *ret, struct base_error *reterr);

/* Of layer `il`, of a file that engine_hparams_read() has taken. */
struct engine_layer_shape engine_layer_shape(const struct gguf *file,
                                             const struct engine_arch *arch,
                                             const struct engine_hparams *hp, uint32_t il);

/* A matrix: `rows` outputs of `cols` inputs, as it lies in the file, or in panels. */
struct engine_matrix {
    const struct engine_format *format; /* NULL = absent */
    const uint8_t *data;                /* in the file; not to be read once there are panels */
    uint64_t row_bytes;                 /* there */
    uint32_t rows, cols;
    uint32_t tensor, first_row; /* where it lies: index of the file's tensor, and row there */
    const uint8_t *panels;      /* kernels/panel.h, or NULL */
    size_t panel_bytes;         /* of sixteen rows */
};

struct engine_norm {
    float *weight; /* NULL = this step is left out */
    float *bias;   /* or NULL */
};

/* A feed-forward block, or one expert; `gate` is absent in a plain one, biases may be NULL. */
struct engine_mlp {
    struct engine_matrix gate, up, down;
    float *gate_bias, *up_bias, *down_bias;
};

struct engine_layer {
    struct engine_layer_shape shape;
    struct engine_norm attn_norm, ffn_norm;           /* before a block: [n_embd] */
    struct engine_norm post_attn_norm, post_ffn_norm; /* on what it adds */
    struct engine_norm attn_sum_norm, ffn_sum_norm;   /* on the sum */
    float *q_norm, *k_norm;                           /* [head_dim] or NULL */
    float *sinks;                                     /* [n_head] or NULL */
    struct engine_matrix q, k, v, o;
    float *q_bias, *k_bias, *v_bias, *o_bias; /* or NULL */
    struct engine_mlp mlp;                    /* absent where there are experts */
    struct engine_matrix router;              /* [n_expert][n_embd] */
    float *router_bias;                       /* or NULL */
    struct engine_mlp *experts;               /* [n_expert] or NULL */
};

struct engine_weights {
    struct engine_matrix token_embd;  /* [n_vocab][n_embd] */
    struct engine_matrix output;      /* as token_embd when tied */
    struct engine_matrix token_types; /* [types][n_embd] or absent; the first is used */
    struct engine_matrix positions;   /* [context_train][n_embd] or absent */
    struct engine_norm embd_norm, output_norm;
    float *rope_freqs;             /* [n_rot / 2] divisors of the angles, or NULL */
    float *rope_long, *rope_short; /* the same for contexts past context_original, and up to it */
    struct engine_layer *layers;   /* [n_layer] */
    uint32_t layer_count;
    float *owned;        /* all vectors above, in one block */
    void *packed;        /* panels, in one mapping; see repack.h */
    size_t packed_bytes; /* of that mapping */
};

/* Finds and checks every tensor. Vectors are turned into float32 and owned; matrices are borrowed
 * from the file. On failure nothing is left behind. */
enum base_err engine_weights_bind(const struct gguf *file, const struct engine_arch *arch,
                                  const struct engine_hparams *hp, struct engine_weights *ret,
                                  struct base_error *reterr);
void engine_weights_done(struct engine_weights *weights);

#endif
