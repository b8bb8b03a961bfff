#include <math.h>
#include <stdio.h>

#include "engine/model/arch.h"

static const struct engine_arch archs[] = {
    {
        .name = "llama",
        .rope = ENGINE_ROPE_NORM,
        .experts = ENGINE_EXPERTS_OPTIONAL,
        .rope_factors = true,
    },
    {
        .name = "mistral3",
        .rope = ENGINE_ROPE_NORM,
        .experts = ENGINE_EXPERTS_OPTIONAL,
        .rope_factors = true,
        .temperature = true,
        .yarn_log = true,
    },
    {
        .name = "qwen2",
        .rope = ENGINE_ROPE_NEOX,
    },
    {
        .name = "qwen3",
        .rope = ENGINE_ROPE_NEOX,
        .qk_norm = true,
    },
    {
        .name = "qwen3moe",
        .rope = ENGINE_ROPE_NEOX,
        .qk_norm = true,
        .experts = ENGINE_EXPERTS_NEEDED,
    },
    {
        .name = "gemma",
        .rope = ENGINE_ROPE_NEOX,
        .activation = ENGINE_ACTIVATION_GELU,
        .scale_embd = true,
    },
    {
        .name = "gemma2",
        .rope = ENGINE_ROPE_NEOX,
        .activation = ENGINE_ACTIVATION_GELU,
        .post_norms = true,
        .scale_embd = true,
        .window_period = 2,
        .window = 4096,
        .attn_cap = 50,
        .final_cap = 30,
        .wide_at = 46,
    },
    {
        .name = "gemma3",
        .rope = ENGINE_ROPE_NEOX,
        .activation = ENGINE_ACTIVATION_GELU,
        .qk_norm = true,
        .post_norms = true,
        .scale_embd = true,
        .window_period = 6,
        .window_base = 10000,
        .wide_at = 62,
    },
    {
        .name = "phi3",
        .rope = ENGINE_ROPE_NEOX,
        .mlp = ENGINE_MLP_STACKED,
        .rope_factors = true,
    },
    {
        .name = "starcoder2",
        .rope = ENGINE_ROPE_NEOX,
        .norm = ENGINE_NORM_LAYER,
        .activation = ENGINE_ACTIVATION_GELU,
        .mlp = ENGINE_MLP_PLAIN,
    },
    {
        .name = "gpt-oss",
        .rope = ENGINE_ROPE_NEOX,
        .activation = ENGINE_ACTIVATION_CLAMP,
        .experts = ENGINE_EXPERTS_NEEDED,
        .ffn_norm = "post_attention_norm",
        .sinks = true,
        .window_period = 2,
    },
    {
        .name = "bert",
        .rope = ENGINE_ROPE_NONE,
        .norm = ENGINE_NORM_LAYER,
        .activation = ENGINE_ACTIVATION_GELU,
        .mlp = ENGINE_MLP_PLAIN,
        .encoder = true,
        .positions = true,
    },
    {
        .name = "nomic-bert",
        .rope = ENGINE_ROPE_NEOX,
        .norm = ENGINE_NORM_LAYER,
        .encoder = true,
    },
};
#define ARCH_NAMES                                                                                 \
    "llama, mistral3, qwen2, qwen3, qwen3moe, gemma, gemma2, gemma3, phi3, starcoder2, gpt-oss, "  \
    "bert, "                                                                                       \
    "nomic-bert"

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

/* --- keys --------------------------------------------------------------------------------- */

struct reader {
    const struct gguf *file;
    const struct engine_arch *arch;
    struct base_error *reterr;
    enum base_err err; /* first failure; later reads do nothing */
};

static const struct gguf_kv *find(const struct gguf *file, const struct engine_arch *arch,
                                  const char *suffix, char key[96])
{
    (void)snprintf(key, 96, "%s.%s", arch->name, suffix);
    return gguf_find(file, key);
}

static void fail(struct reader *r, const char *suffix, const char *what)
{
    if (!r->err)
        r->err = base_error_set(r->reterr, BASE_ERR_BAD_FILE, "%s: key '%s.%s': %s",
                                gguf_name(r->file), r->arch->name, suffix, what);
}

static void out_of_range(struct reader *r, const char *key, bool there, uint32_t low, uint32_t high)
{
    r->err =
        base_error_set(r->reterr, BASE_ERR_BAD_FILE, "%s: key '%s' is %s; it must be from %u to %u",
                       gguf_name(r->file), key, there ? "out of range" : "absent", low, high);
}

/* The largest item of an integer key or, for sizes that may differ from layer to layer, of an array
 * of `items`; each in [low, high]. `fallback` when absent, unless that is below `low`: then it is
 * needed. */
static uint32_t read_sizes(struct reader *r, const char *suffix, uint32_t items, uint32_t low,
                           uint32_t high, uint32_t fallback)
{
    char key[96];
    const struct gguf_kv *kv = find(r->file, r->arch, suffix, key);
    uint32_t most = 0;
    if (r->err || (!kv && fallback >= low))
        return fallback;
    if (kv && kv->type == GGUF_ARRAY && kv->count != items) {
        r->err = base_error_set(r->reterr, BASE_ERR_BAD_FILE,
                                "%s: key '%s' is an array of %llu; one number or %u are expected",
                                gguf_name(r->file), key, (unsigned long long)kv->count, items);
        return low;
    }
    for (uint64_t i = 0; kv && i < kv->count; i++) {
        int64_t value;
        if (!gguf_item_i64(kv, i, &value) || value < low || value > high) {
            out_of_range(r, key, true, low, high);
            return low;
        }
        most = value > most ? (uint32_t)value : most;
    }
    if (!kv || kv->count == 0)
        out_of_range(r, key, kv != NULL, low, high);
    return r->err ? low : most;
}

static uint32_t read_size(struct reader *r, const char *suffix, uint32_t low, uint32_t high,
                          uint32_t fallback)
{
    return read_sizes(r, suffix, 1, low, high, fallback);
}

static void read_float(struct reader *r, const char *suffix, float low, float high,
                       enum gguf_need need, float *ret)
{
    char key[96];
    (void)find(r->file, r->arch, suffix, key);
    if (r->err)
        return;
    r->err = gguf_f32(r->file, key, need, ret, r->reterr);
    if (!r->err && !(*ret >= low && *ret <= high))
        r->err = base_error_set(r->reterr, BASE_ERR_BAD_FILE,
                                "%s: key '%s' is out of range: from %g to %g", gguf_name(r->file),
                                key, (double)low, (double)high);
}

static void not_computed(struct reader *r, const char *key)
{
    if (!r->err)
        r->err = base_error_set(r->reterr, BASE_ERR_UNSUPPORTED,
                                "%s: key '%s' asks for what this engine does not compute",
                                gguf_name(r->file), key);
}

/* An integer that says, if it is there, what is computed in any case: `value`, or 0 where that is
 * 1. */
static void expect_size(struct reader *r, const char *suffix, uint32_t value)
{
    char key[96];
    const struct gguf_kv *kv = find(r->file, r->arch, suffix, key);
    int64_t said = 0;
    if (r->err || !kv)
        return;
    bool alone = kv->type != GGUF_ARRAY && gguf_item_i64(kv, 0, &said);
    if (!alone || (said != value && (said != 0 || value != 1)))
        not_computed(r, key);
}

/* The same for a factor: one of the two. */
static void expect_factor(struct reader *r, const char *suffix, float value, float same)
{
    char key[96];
    float said = value;
    (void)find(r->file, r->arch, suffix, key);
    read_float(r, suffix, -1e6F, 1e6F, GGUF_OPTIONAL, &said);
    if (said != value && said != same)
        not_computed(r, key);
}

/* --- rope --------------------------------------------------------------------------------- */

enum scaling { SCALING_NONE, SCALING_LINEAR, SCALING_YARN, SCALING_LONGROPE, SCALING_COUNT };

static enum scaling read_scaling(struct reader *r)
{
    static const char *const names[SCALING_COUNT] = {"none", "linear", "yarn", "longrope"};
    char key[96];
    struct slice type = SLICE("linear"); /* with a factor alone */
    (void)find(r->file, r->arch, "rope.scaling.type", key);
    if (!r->err)
        r->err = gguf_string(r->file, key, GGUF_OPTIONAL, &type, r->reterr);
    for (int i = 0; i < SCALING_COUNT; i++) {
        if (slice_eq_str(type, names[i]))
            return (enum scaling)i;
    }
    if (!r->err)
        r->err = base_error_set(r->reterr, BASE_ERR_UNSUPPORTED,
                                "%s: rope scaling '%.*s' is not computed by this engine; none, "
                                "linear, yarn and longrope are",
                                gguf_name(r->file), SLICE_ARG(slice_sub(type, 0, 40)));
    return SCALING_NONE;
}

/* The pair that turns `turns` times in the original context. */
static float yarn_pair(const struct engine_hparams *hp, float base, float turns)
{
    const float circle = 6.28318530717958647692F;
    return (float)hp->n_rot * logf((float)hp->context_original / (turns * circle)) /
           (2.0F * logf(base));
}

static float yarn_magnitude(float factor, float weight)
{
    return factor <= 1.0F ? 1.0F : 0.1F * weight * logf(factor) + 1.0F;
}

/* YaRN (Peng et al. 2023): quick pairs keep their angles, slow ones are stretched. A factor for
 * the attention in the file stands for the one that follows from the stretching, as in the
 * configurations that such files are made from. */
static void read_yarn(struct reader *r, struct engine_hparams *hp, float factor)
{
    float fast = 32.0F, slow = 1.0F, log_multiplier = 0.0F, attention = 0.0F;
    read_float(r, "rope.scaling.yarn_beta_fast", 1e-3F, 1e6F, GGUF_OPTIONAL, &fast);
    read_float(r, "rope.scaling.yarn_beta_slow", 1e-3F, 1e6F, GGUF_OPTIONAL, &slow);
    read_float(r, "rope.scaling.yarn_attn_factor", 0.0F, 1e3F, GGUF_OPTIONAL, &attention);
    if (r->arch->yarn_log)
        read_float(r, "rope.scaling.yarn_log_multiplier", 0.0F, 1e3F, GGUF_OPTIONAL,
                   &log_multiplier);
    for (size_t i = 0; i < 2 && !r->err; i++) {
        struct engine_rope *rope = &hp->rope[i];
        if (rope->base < 1.01F)
            fail(r, "rope.freq_base", "YaRN needs one above 1");
        float low = floorf(yarn_pair(hp, rope->base, fast));
        float high = ceilf(yarn_pair(hp, rope->base, slow));
        rope->yarn = true;
        rope->yarn_low = fmaxf(0.0F, low);
        rope->yarn_high = fminf((float)hp->n_rot - 1.0F, high);
        rope->magnitude *= attention > 0 ? attention : yarn_magnitude(1.0F / rope->scale, 1.0F);
        if (log_multiplier != 0.0F && attention == 0.0F)
            rope->magnitude /= yarn_magnitude(factor, log_multiplier);
    }
}

static void read_rope(struct reader *r, struct engine_hparams *hp)
{
    float base = 10000.0F, factor = 0.0F, magnitude = 1.0F;
    read_float(r, "rope.freq_base", 1.0F, 1e12F, GGUF_OPTIONAL, &base);
    float local_base = r->arch->window_base > 0 ? r->arch->window_base : base;
    read_float(r, "rope.freq_base_swa", 1.0F, 1e12F, GGUF_OPTIONAL, &local_base);
    enum scaling scaling = read_scaling(r);
    read_float(r, "rope.scale_linear", 0.0F, 1e6F, GGUF_OPTIONAL, &factor);
    read_float(r, "rope.scaling.factor", 0.0F, 1e6F, GGUF_OPTIONAL, &factor);
    read_float(r, "rope.scaling.attn_factor", 0.0F, 1e3F, GGUF_OPTIONAL, &magnitude);
    if (scaling == SCALING_NONE || factor == 0.0F)
        factor = 1.0F;
    if (factor < 1e-3F)
        fail(r, "rope.scaling.factor", "below 0.001");
    hp->context_original =
        read_size(r, "rope.scaling.original_context_length", 1, 1U << 28, hp->context_train);
    hp->rope[0] =
        (struct engine_rope){.base = base, .scale = 1.0F / factor, .magnitude = magnitude};
    hp->rope[1] = hp->rope[0];
    hp->rope[1].base = local_base;
    if (r->arch->window_base > 0)
        hp->rope[1].scale = 1.0F;
    if (scaling == SCALING_YARN)
        read_yarn(r, hp, factor);
    float extends = scaling == SCALING_YARN ? 1.0F : 0.0F; /* at a factor of 1 either is the same */
    expect_factor(r, "rope.scaling.yarn_ext_factor", extends,
                  factor == 1.0F ? 1.0F - extends : extends);
}

/* --- layers ------------------------------------------------------------------------------- */

static const struct gguf_kv *layer_key(const struct gguf *file, const struct engine_arch *arch,
                                       const char *suffix)
{
    char key[96];
    return find(file, arch, suffix, key);
}

static uint32_t item(const struct gguf_kv *kv, uint32_t il, uint32_t fallback)
{
    int64_t value;
    if (!kv || !gguf_item_i64(kv, kv->type == GGUF_ARRAY ? il : 0, &value))
        return fallback;
    return (uint32_t)value;
}

/* The pattern is a period, or for each layer whether it has a window. */
static bool has_window(const struct gguf *file, const struct engine_arch *arch, uint32_t il)
{
    const struct gguf_kv *kv = layer_key(file, arch, "attention.sliding_window_pattern");
    if (kv && kv->type == GGUF_ARRAY)
        return kv->item == GGUF_BOOL ? kv->data[il] != 0 : item(kv, il, 0) != 0;
    uint32_t period = item(kv, il, arch->window_period);
    return period == 0 || il % period < period - 1;
}

struct engine_layer_shape engine_layer_shape(const struct gguf *file,
                                             const struct engine_arch *arch,
                                             const struct engine_hparams *hp, uint32_t il)
{
    struct engine_layer_shape shape = {0};
    shape.n_head = item(layer_key(file, arch, "attention.head_count"), il, 1);
    shape.n_head_kv = item(layer_key(file, arch, "attention.head_count_kv"), il, shape.n_head);
    shape.n_ff = item(layer_key(file, arch, "feed_forward_length"), il, hp->n_ff);
    if (hp->window > 0 && has_window(file, arch, il)) {
        shape.window = hp->window;
        shape.rope = 1;
    }
    return shape;
}

static void check_layers(struct reader *r, struct engine_hparams *hp)
{
    for (uint32_t il = 0; il < hp->n_layer && !r->err; il++) {
        struct engine_layer_shape shape = engine_layer_shape(r->file, r->arch, hp, il);
        uint32_t group = shape.n_head / shape.n_head_kv;
        if (shape.n_head % shape.n_head_kv != 0)
            fail(r, "attention.head_count", "not a multiple of attention.head_count_kv");
        hp->n_group = group > hp->n_group ? group : hp->n_group;
        hp->n_layer_window += shape.window > 0;
    }
}

static void check_heads(struct reader *r, const struct engine_hparams *hp, uint32_t value_dim)
{
    if (r->err)
        return;
    if (hp->head_dim % 2 != 0)
        r->err = base_error_set(r->reterr, BASE_ERR_BAD_FILE,
                                "%s: key '%s.attention.key_length': heads of %u numbers; an even "
                                "size is needed",
                                gguf_name(r->file), r->arch->name, hp->head_dim);
    else if (value_dim != hp->head_dim)
        fail(r, "attention.value_length",
             "differs from attention.key_length, which this engine does not compute");
    else if (hp->n_rot % 2 != 0 || hp->n_rot > hp->head_dim)
        fail(r, "rope.dimension_count", "odd, or larger than a head");
    else if (hp->head_dim > 1024)
        fail(r, "attention.key_length", "heads of more than 1024 numbers");
}

static void read_heads(struct reader *r, struct engine_hparams *hp)
{
    hp->n_head = read_sizes(r, "attention.head_count", hp->n_layer, 1, 1024, 0);
    hp->n_head_kv = read_sizes(r, "attention.head_count_kv", hp->n_layer, 1, 1024, hp->n_head);
    if (r->err)
        return;
    uint32_t first = item(layer_key(r->file, r->arch, "attention.head_count"), 0, hp->n_head);
    hp->head_dim = read_size(r, "attention.key_length", 1, 1024, hp->n_embd / first);
    uint32_t value_dim = read_size(r, "attention.value_length", 1, 1024, hp->head_dim);
    hp->n_rot = read_size(r, "rope.dimension_count", 2, 1024, hp->head_dim);
    check_heads(r, hp, value_dim);
    bool wide = r->arch->wide_at && hp->n_layer == r->arch->wide_at;
    hp->attn_scale = 1.0F / sqrtf((float)(wide ? hp->n_embd / first : hp->head_dim));
}

static void read_window(struct reader *r, struct engine_hparams *hp)
{
    char key[96];
    if (r->arch->window_period == 0)
        return;
    hp->window = read_size(r, "attention.sliding_window", 0, 1U << 28, r->arch->window);
    const struct gguf_kv *kv = find(r->file, r->arch, "attention.sliding_window_pattern", key);
    if (kv && kv->type == GGUF_ARRAY && kv->item == GGUF_BOOL && kv->count == hp->n_layer)
        return;
    (void)read_sizes(r, "attention.sliding_window_pattern", hp->n_layer, 0, 1024, 1);
}

/* Keys of other architectures that llama.cpp's converters write under any name. */
static void refuse_others(struct reader *r, const struct engine_hparams *hp)
{
    enum { SOFTMAX = 1, SOFTMAX_OF_THE_BEST = 3 };
    char key[96];
    bool causal = !r->arch->encoder;
    (void)find(r->file, r->arch, "attention.causal", key);
    if (!r->err)
        r->err = gguf_bool(r->file, key, GGUF_OPTIONAL, &causal, r->reterr);
    if (causal == r->arch->encoder)
        not_computed(r, key);
    expect_size(r, "attention.key_length_swa", hp->head_dim);
    expect_size(r, "attention.value_length_swa", hp->head_dim);
    expect_size(r, "rope.dimension_count_swa", hp->n_rot);
    expect_size(r, "expert_group_count", 1);
    const struct gguf_kv *gating = find(r->file, r->arch, "expert_gating_func", key);
    int64_t kind = SOFTMAX;
    if (gating && (gating->type == GGUF_ARRAY || !gguf_item_i64(gating, 0, &kind) ||
                   (kind != 0 && kind != SOFTMAX && kind != SOFTMAX_OF_THE_BEST)))
        not_computed(r, key);
    expect_factor(r, "expert_weights_scale", 0.0F, 1.0F); /* 0 is none, as 1 is */
    expect_factor(r, "rope.scaling.alpha", 0.0F, 1.0F);
}

static void read_experts(struct reader *r, struct engine_hparams *hp)
{
    bool needed = r->arch->experts == ENGINE_EXPERTS_NEEDED;
    if (r->arch->experts == ENGINE_EXPERTS_NONE)
        return;
    hp->n_expert = read_size(r, "expert_count", needed, ENGINE_MAX_EXPERTS, 0);
    if (r->err || hp->n_expert == 0)
        return;
    uint32_t most = hp->n_expert < ENGINE_MAX_EXPERTS_USED ? hp->n_expert : ENGINE_MAX_EXPERTS_USED;
    hp->n_expert_used = read_size(r, "expert_used_count", 1, most, 0);
    uint32_t share = needed && !r->err ? hp->n_ff / hp->n_expert_used : hp->n_ff;
    hp->n_ff_expert = read_size(r, "expert_feed_forward_length", 1, 1U << 20, share);
}

static void read_scales(struct reader *r, struct engine_hparams *hp)
{
    bool layer_norm = r->arch->norm == ENGINE_NORM_LAYER;
    hp->embd_scale = r->arch->scale_embd ? sqrtf((float)hp->n_embd) : 1.0F;
    hp->attn_cap = r->arch->attn_cap;
    hp->final_cap = r->arch->final_cap;
    read_float(r, layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
               0.0F, 1.0F, GGUF_NEEDED, &hp->norm_eps);
    read_float(r, "attn_logit_softcapping", 0.0F, 1e6F, GGUF_OPTIONAL, &hp->attn_cap);
    read_float(r, "final_logit_softcapping", 0.0F, 1e6F, GGUF_OPTIONAL, &hp->final_cap);
    if (r->arch->temperature)
        read_float(r, "attention.temperature_scale", 0.0F, 1e3F, GGUF_OPTIONAL, &hp->temperature);
}

enum base_err engine_hparams_read(const struct gguf *file, const struct engine_arch *arch,
                                  struct engine_hparams *ret, struct base_error *reterr)
{
    struct reader r = {file, arch, reterr, BASE_OK};
    struct engine_hparams hp = {0};
    hp.n_embd = read_size(&r, "embedding_length", 1, 1U << 17, 0);
    hp.n_layer = read_size(&r, "block_count", 1, 1024, 0);
    hp.n_ff = read_sizes(&r, "feed_forward_length", hp.n_layer, 1, 1U << 20, 0);
    hp.context_train = read_size(&r, "context_length", 1, 1U << 28, 2048);
    hp.pooling = read_size(&r, "pooling_type", 0, 4, 0);
    read_heads(&r, &hp);
    read_experts(&r, &hp);
    read_window(&r, &hp);
    read_scales(&r, &hp);
    refuse_others(&r, &hp);
    if (!r.err)
        read_rope(&r, &hp);
    check_layers(&r, &hp);
    if (!r.err)
        *ret = hp;
    return r.err;
}
