#include <stdio.h>

#include "engine/arch.h"

static const struct engine_arch archs[] = {
    {"llama", ENGINE_ROPE_NORM, false},
    {"qwen2", ENGINE_ROPE_NEOX, false},
    {"qwen3", ENGINE_ROPE_NEOX, true},
};
#define ARCH_NAMES "llama, qwen2, qwen3"

const struct engine_arch *engine_arch_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++) {
        if (slice_eq_str(name, archs[i].name))
            return &archs[i];
    }
    return NULL;
}

const char *engine_arch_names(void)
{
    return ARCH_NAMES;
}

/* --- sizes -------------------------------------------------------------------------------- */

struct reader {
    const struct gguf *file;
    const struct engine_arch *arch;
    struct base_error *reterr;
    enum base_err err; /* first failure; later reads do nothing */
};

static void key_name(const struct reader *r, const char *suffix, char out[96])
{
    (void)snprintf(out, 96, "%s.%s", r->arch->name, suffix);
}

/* An integer in [low, high]; `fallback` when absent, unless that is 0: then it is needed. An array
 * is taken when all its items agree. */
static uint32_t read_size(struct reader *r, const char *suffix, uint32_t low, uint32_t high,
                          uint32_t fallback)
{
    char key[96];
    key_name(r, suffix, key);
    if (r->err)
        return fallback;
    const struct gguf_kv *kv = gguf_find(r->file, key);
    if (!kv && fallback)
        return fallback;
    int64_t value = 0;
    for (uint64_t i = 0; kv && i < kv->count; i++) {
        int64_t item;
        if (!gguf_item_i64(kv, i, &item) || (i > 0 && item != value)) {
            r->err = base_error_set(r->reterr, BASE_ERR_UNSUPPORTED,
                                    "%s: key '%s' is not one integer for all layers",
                                    gguf_name(r->file), key);
            return fallback;
        }
        value = item;
    }
    if (!kv || value < low || value > high) {
        r->err = base_error_set(r->reterr, BASE_ERR_BAD_FILE,
                                "%s: key '%s' is %s; it must be from %u to %u", gguf_name(r->file),
                                key, kv ? "out of range" : "absent", low, high);
        return fallback;
    }
    return (uint32_t)value;
}

static void read_float(struct reader *r, const char *suffix, float low, float high,
                       enum gguf_need need, float *ret)
{
    char key[96];
    key_name(r, suffix, key);
    if (r->err)
        return;
    r->err = gguf_f32(r->file, key, need, ret, r->reterr);
    if (!r->err && !(*ret >= low && *ret <= high))
        r->err = base_error_set(r->reterr, BASE_ERR_BAD_FILE,
                                "%s: key '%s' is out of range: from %g to %g", gguf_name(r->file),
                                key, (double)low, (double)high);
}

static void read_rope_scaling(struct reader *r, struct engine_hparams *hp)
{
    char key[96];
    struct slice type = SLICE("none");
    hp->rope_scale = 1.0F;
    read_float(r, "rope.scale_linear", 1e-3F, 1e6F, GGUF_OPTIONAL, &hp->rope_scale);
    key_name(r, "rope.scaling.type", key);
    if (r->err)
        return;
    r->err = gguf_string(r->file, key, GGUF_OPTIONAL, &type, r->reterr);
    if (r->err || slice_eq(type, SLICE("none")))
        return;
    if (slice_eq(type, SLICE("linear"))) {
        read_float(r, "rope.scaling.factor", 1e-3F, 1e6F, GGUF_NEEDED, &hp->rope_scale);
        return;
    }
    r->err = base_error_set(r->reterr, BASE_ERR_UNSUPPORTED,
                            "%s: rope scaling '%.*s' is not computed by this engine; none and "
                            "linear are",
                            gguf_name(r->file), SLICE_ARG(slice_sub(type, 0, 40)));
}

static void check_heads(struct reader *r, const struct engine_hparams *hp, uint32_t value_dim)
{
    const char *wrong = NULL;
    if (r->err)
        return;
    if (hp->n_head % hp->n_head_kv != 0)
        wrong = "attention.head_count is not a multiple of attention.head_count_kv";
    else if (hp->head_dim % 2 != 0)
        wrong = "the size of a head is odd";
    else if (value_dim != hp->head_dim)
        wrong = "attention.value_length differs from attention.key_length";
    else if (hp->n_rot % 2 != 0 || hp->n_rot > hp->head_dim)
        wrong = "rope.dimension_count is odd or larger than a head";
    if (wrong)
        r->err = base_error_set(r->reterr, BASE_ERR_BAD_FILE, "%s: %s", gguf_name(r->file), wrong);
}

enum base_err engine_hparams_read(const struct gguf *file, const struct engine_arch *arch,
                                  struct engine_hparams *ret, struct base_error *reterr)
{
    struct reader r = {file, arch, reterr, BASE_OK};
    struct engine_hparams hp = {.rope_base = 10000.0F};
    hp.n_embd = read_size(&r, "embedding_length", 1, 1U << 17, 0);
    hp.n_layer = read_size(&r, "block_count", 1, 1024, 0);
    hp.n_ff = read_size(&r, "feed_forward_length", 1, 1U << 20, 0);
    hp.n_head = read_size(&r, "attention.head_count", 1, 1024, 0);
    hp.n_head_kv = read_size(&r, "attention.head_count_kv", 1, 1024, hp.n_head);
    hp.context_train = read_size(&r, "context_length", 1, 1U << 28, 2048);
    if (!r.err)
        hp.head_dim = read_size(&r, "attention.key_length", 1, 1024, hp.n_embd / hp.n_head);
    uint32_t value_dim = read_size(&r, "attention.value_length", 1, 1024, hp.head_dim);
    hp.n_rot = read_size(&r, "rope.dimension_count", 2, 1024, hp.head_dim);
    read_float(&r, "attention.layer_norm_rms_epsilon", 0.0F, 1.0F, GGUF_NEEDED, &hp.rms_eps);
    read_float(&r, "rope.freq_base", 1.0F, 1e12F, GGUF_OPTIONAL, &hp.rope_base);
    read_rope_scaling(&r, &hp);
    check_heads(&r, &hp, value_dim);
    if (!r.err && hp.head_dim > 1024)
        r.err = base_error_set(reterr, BASE_ERR_UNSUPPORTED, "%s: heads of more than 1024 numbers",
                               gguf_name(file));
    if (!r.err)
        *ret = hp;
    return r.err;
}
