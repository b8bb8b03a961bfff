/*
 * A writer of GGUF files and a maker of tiny models with random weights, for tests. Independent of
 * the engine's reader: it shares no code with it.
 *
 *     struct tiny_file f;
 *     tiny_begin(&f, 3);
 *     tiny_kv_u32(&f, "general.alignment", 32);
 *     tiny_tensor(&f, "a", 0, 2, (uint64_t[]){4, 2}, data, 32);
 *     struct slice bytes = tiny_end(&f);      // aligned to 64, valid until tiny_done()
 *     tiny_done(&f);
 *
 * Tests only: memory failures abort.
 */
#ifndef TESTS_UNIT_ENGINE_TINY_GGUF_H
#define TESTS_UNIT_ENGINE_TINY_GGUF_H

#include "base/core/slice.h"

struct tiny_bytes {
    uint8_t *data;
    size_t len, capacity;
};

struct tiny_file {
    uint32_t version, alignment;
    uint64_t kv_count, tensor_count;
    struct tiny_bytes kvs, infos, data;
    uint8_t *whole;
};

void tiny_begin(struct tiny_file *f, uint32_t version);
void tiny_kv_u32(struct tiny_file *f, const char *key, uint32_t value);
void tiny_kv_f32(struct tiny_file *f, const char *key, float value);
void tiny_kv_bool(struct tiny_file *f, const char *key, bool value);
void tiny_kv_str(struct tiny_file *f, const char *key, const char *value);
void tiny_kv_strs(struct tiny_file *f, const char *key, const char *const *values, size_t count);
void tiny_kv_i32s(struct tiny_file *f, const char *key, const int32_t *values, size_t count);
void tiny_kv_f32s(struct tiny_file *f, const char *key, const float *values, size_t count);
/* Raw: a key, a type number and the bytes of its value. */
void tiny_kv_raw(struct tiny_file *f, const char *key, uint32_t type, const void *bytes,
                 size_t len);
void tiny_tensor(struct tiny_file *f, const char *name, uint32_t type, uint32_t n_dims,
                 const uint64_t *dims, const void *data, size_t len);
struct slice tiny_end(struct tiny_file *f);
void tiny_done(struct tiny_file *f);

/* --- models --------------------------------------------------------------------------------- */

struct tiny_model {
    const char *arch;
    uint32_t n_vocab, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
    uint32_t n_rot;     /* 0 = head_dim */
    uint32_t context;   /* 0 = 512 */
    uint32_t type;      /* ggml number of the matrices */
    uint32_t more_type; /* of attn_v, output, and ffn_down of every other layer; 0 = `type` */
    bool tied, biases, rope_freqs, fused_qkv, qk_norm;
    float rope_linear; /* 0 = none */
    uint64_t seed;
    /* With a template, or with `bytes`, the vocabulary is that of text: 256 bytes, then <eos>
     * (256), <|im_start|>, <|im_end|>, and unused ones; n_vocab is at least 260. */
    const char *chat_template, *tool_template;
    bool bytes;
    /* What other architectures have; all zero = as llama. Where a layer has an item here that is
     * not zero, the key is an array and the layer has that size. */
    uint32_t heads[4], heads_kv[4], ffs[4];
    bool no_output_bias; /* `biases` without that of attn_output */
    bool layer_norm, post_norms, plain_mlp, stacked_mlp, mlp_biases, sinks;
    const char *ffn_norm;                          /* NULL = ffn_norm */
    uint32_t n_expert, n_expert_used, n_ff_expert; /* n_ff_expert 0 = no key, n_ff */
    uint32_t expert_type;                          /* 0 = `type` */
    bool expert_biases;
    uint32_t window, window_period; /* 0 = no key */
    bool window_array;              /* the pattern for each layer, from window_period */
    float rope_base, rope_base_swa; /* 0 = 10000; no key */
    const char *rope_scaling;       /* with rope_factor, rope_original... where not 0 */
    uint32_t rope_original;
    float rope_factor, rope_attn_factor, yarn_fast, yarn_slow, yarn_log, yarn_attn;
    bool rope_long; /* rope_factors_long and _short */
    float temperature, attn_cap, final_cap;
    bool encoder, positions; /* norms behind the sums; no output */
    uint32_t token_types, pooling;
    const char *more_key; /* one more, whole: of this type, and these bytes of a value; of type 9 an
                             array of that value and 0 */
    uint32_t more_key_type, more_key_value;
    bool split_biases; /* with `fused_qkv` and `biases`: three of them */
};

/* Writes a whole model with a byte-sized made-up vocabulary. tiny_done() frees it. */
struct slice tiny_model_write(const struct tiny_model *m, struct tiny_file *f);

/* Uniform in (0, 1) and about normal. */
uint64_t tiny_random(uint64_t *state);
double tiny_normal(uint64_t *state);

/* Numbers of a row <-> bytes, in any type that the engine computes (the number of the container: 39
 * is MXFP4); double precision, straight from the definition. */
size_t tiny_pack(uint32_t type, const float *values, size_t n, uint8_t *out);
void tiny_unpack(uint32_t type, const uint8_t *bytes, size_t n, double *out);

#endif
