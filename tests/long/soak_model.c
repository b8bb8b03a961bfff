#include "tests/long/soak_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/engine/tiny_gguf.h"

enum { N_LAYER = 2, N_HEAD = 2, HEAD_MAX = 32, N_FF = 64, RANK = 4 };

#define BEGIN                                                                                      \
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
#define END "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

static struct soaked {
    struct tiny_model shape;
    struct engine_scheduler_options options;
    bool with_draft;
    struct tiny_file file, adapters[SOAK_ADAPTERS];
    struct slice bytes, adapter_bytes[SOAK_ADAPTERS];
} models[SOAK_MODELS] = {
    {.shape = {.arch = "llama",
               .n_head_kv = 1,
               .seed = 1,
               .chat_template = BEGIN "{# tools <tool_call> <think> #}" END},
     .options = {.session = {.context = 3 * SOAK_CONTEXT, .sequences = 5, .batch = 48},
                 .queue_max = 40,
                 .speculation = {.most = 3, .always = true}}},
    {.shape = {.arch = "qwen2",
               .n_head_kv = 2,
               .seed = 2,
               .biases = true,
               .type = 1,
               .chat_template = BEGIN "{# [TOOL_CALLS] #}" END},
     .options = {.session = {.context = 2 * SOAK_CONTEXT, .sequences = 4, .batch = 32},
                 .queue_max = 3,
                 .speculation = {.most = 3, .always = true}},
     .with_draft = true},
    {.shape = {.arch = "qwen3",
               .n_head_kv = 1,
               .seed = 3,
               .qk_norm = true,
               .type = 8,
               .chat_template = BEGIN "{# tools <|python_tag|> #}" END},
     .options = {.session = {.context = 6 * SOAK_CONTEXT,
                             .sequences = 6,
                             .batch = 256,
                             .kv = ENGINE_KV_Q8_0},
                 .queue_max = 40,
                 .speculation = {.off = true}}},
    {.shape = {.arch = "gemma2",
               .n_head_kv = 2,
               .seed = 4,
               .post_norms = true,
               .tied = true,
               .window = 40,
               .chat_template = BEGIN "{# <|channel|> <|message|> #}" END},
     .options = {.session = {.context = 3 * SOAK_CONTEXT,
                             .sequences = 4,
                             .batch = 32, /* so small that windows have pages of their own */
                             .kv = ENGINE_KV_Q8_0},
                 .queue_max = 20}, /* guesses where they pay */
     .with_draft = true},
};

static const struct tiny_model draft_shape = {.arch = "llama",
                                              .n_vocab = SOAK_VOCAB,
                                              .n_embd = SOAK_EMBD,
                                              .n_layer = 1,
                                              .n_head = N_HEAD,
                                              .n_head_kv = 1,
                                              .head_dim = 16,
                                              .n_ff = 32,
                                              .context = 1024,
                                              .seed = 5,
                                              .bytes = true};
static const struct tiny_model encoder_shape = {.arch = "bert",
                                                .n_vocab = SOAK_VOCAB,
                                                .n_embd = SOAK_EMBD,
                                                .n_layer = N_LAYER,
                                                .n_head = N_HEAD,
                                                .n_head_kv = N_HEAD,
                                                .head_dim = 16,
                                                .n_ff = N_FF,
                                                .context = SOAK_CONTEXT,
                                                .encoder = true,
                                                .layer_norm = true,
                                                .positions = true,
                                                .plain_mlp = true,
                                                .mlp_biases = true,
                                                .biases = true,
                                                .token_types = 2,
                                                .pooling = 1,
                                                .seed = 6};
static struct tiny_file draft_file, encoder_file;
static struct slice draft_bytes;
static struct engine_model *encoder, *embedder;

_Noreturn void soak_give_up(const char *what, const char *detail)
{
    fprintf(stderr, "soak_engine: %s: %s\n", what, detail);
    fflush(stderr);
    _Exit(1);
}

/* --- Files --- */

static void half_of_pair(struct tiny_file *f, const char *stem, const char *half, uint64_t cols,
                         uint64_t rows, uint64_t *seed)
{
    float values[RANK * HEAD_MAX * N_HEAD];
    char name[80];
    for (size_t i = 0; i < cols * rows; i++)
        values[i] = (float)(tiny_normal(seed) / sqrt((double)cols));
    (void)snprintf(name, sizeof(name), "%s.weight.lora_%s", stem, half);
    tiny_tensor(f, name, 0, 2, (uint64_t[]){cols, rows}, values,
                (size_t)(cols * rows) * sizeof(float));
}

static struct slice write_adapter(const struct tiny_model *shape, struct tiny_file *f,
                                  uint64_t seed)
{
    const struct {
        const char *stem;
        uint64_t cols, rows;
    } pairs[] = {{"attn_q", SOAK_EMBD, (uint64_t)N_HEAD * shape->head_dim},
                 {"attn_output", (uint64_t)N_HEAD * shape->head_dim, SOAK_EMBD},
                 {"ffn_down", N_FF, SOAK_EMBD}};
    tiny_begin(f, 3);
    tiny_kv_str(f, "general.type", "adapter");
    tiny_kv_str(f, "adapter.type", "lora");
    tiny_kv_str(f, "general.architecture", shape->arch);
    tiny_kv_f32(f, "adapter.lora.alpha", 2 * RANK);
    for (int layer = 0; layer < N_LAYER; layer++) {
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
            char stem[40];
            (void)snprintf(stem, sizeof(stem), "blk.%d.%s", layer, pairs[i].stem);
            half_of_pair(f, stem, "a", pairs[i].cols, RANK, &seed);
            half_of_pair(f, stem, "b", RANK, pairs[i].rows, &seed);
        }
    }
    return tiny_end(f);
}

static void write_model(struct soaked *m)
{
    m->shape.n_vocab = SOAK_VOCAB;
    m->shape.n_embd = SOAK_EMBD;
    m->shape.n_layer = N_LAYER;
    m->shape.n_head = N_HEAD;
    /* q8_0 takes 32 numbers at once */
    m->shape.head_dim = m->options.session.kv == ENGINE_KV_Q8_0 ? HEAD_MAX : HEAD_MAX / 2;
    m->shape.n_ff = N_FF;
    m->shape.context = 1024;
    m->options.request_context = SOAK_CONTEXT;
    m->bytes = tiny_model_write(&m->shape, &m->file);
    for (size_t i = 0; i < SOAK_ADAPTERS; i++)
        m->adapter_bytes[i] = write_adapter(&m->shape, &m->adapters[i], m->shape.seed * 10 + i);
}

static struct engine_model *open_model(struct slice bytes, const char *name)
{
    struct engine_model *model = NULL;
    struct base_error detail = {0};
    if (engine_model_open_bytes(bytes, name, NULL, &model, &detail))
        soak_give_up(name, detail.message);
    return model;
}

void soak_models_write(void)
{
    for (size_t i = 0; i < SOAK_MODELS; i++) {
        write_model(&models[i]);
        models[i].options.session.threads = 1 + (uint32_t)i % 2;
    }
    draft_bytes = tiny_model_write(&draft_shape, &draft_file);
    encoder = open_model(tiny_model_write(&encoder_shape, &encoder_file), "encoder");
    embedder = open_model(models[0].bytes, "embedder");
}

void soak_models_done(void)
{
    engine_model_unref(encoder);
    engine_model_unref(embedder);
    tiny_done(&draft_file);
    tiny_done(&encoder_file);
    for (size_t i = 0; i < SOAK_MODELS; i++) {
        tiny_done(&models[i].file);
        for (size_t k = 0; k < SOAK_ADAPTERS; k++)
            tiny_done(&models[i].adapters[k]);
    }
}

const char *soak_model_name(size_t which)
{
    return models[which].shape.arch;
}

/* --- What serves --- */

static struct engine_adapter *open_adapter(struct engine_model *model, struct slice bytes)
{
    struct engine_adapter *adapter = NULL;
    struct base_error detail = {0};
    if (engine_adapter_open_bytes(model, bytes, "adapter", &adapter, &detail))
        soak_give_up("an adapter", detail.message);
    return adapter;
}

void soak_live_open(struct soak_live *live, size_t which)
{
    const struct soaked *m = &models[which];
    struct engine_scheduler_options options = m->options;
    struct base_error detail = {0};
    *live = (struct soak_live){.model = open_model(m->bytes, m->shape.arch)};
    if (m->with_draft)
        options.speculation.draft = open_model(draft_bytes, "draft");
    if (engine_scheduler_new(live->model, &options, &live->sched, &detail))
        soak_give_up(m->shape.arch, detail.message);
    engine_model_unref(options.speculation.draft);
    live->target =
        (struct soak_target){.n_vocab = SOAK_VOCAB, .markup = engine_scheduler_markup(live->sched)};
    for (size_t i = 0; i < SOAK_ADAPTERS; i++)
        live->target.adapters[i] = open_adapter(live->model, m->adapter_bytes[i]);
    live->target.foreign = which == 0 ? open_adapter(embedder, m->adapter_bytes[0]) : NULL;
}

void soak_live_drop_model(struct soak_live *live)
{
    for (size_t i = 0; i < SOAK_ADAPTERS; i++)
        engine_adapter_unref(live->target.adapters[i]);
    engine_adapter_unref(live->target.foreign);
    engine_model_unref(live->model);
    live->model = NULL;
    live->target = (struct soak_target){0};
}

void soak_live_close(struct soak_live *live)
{
    engine_scheduler_free(live->sched);
    if (live->model)
        soak_live_drop_model(live);
}

/* --- Embeddings --- */

void soak_embed(bool of_chat, const uint32_t *tokens, size_t count, float ret[SOAK_EMBD])
{
    struct engine_session *session = NULL;
    struct base_error detail = {0};
    const struct engine_session_options options = {
        .context = SOAK_CONTEXT, .sequences = 1, .batch = SOAK_CONTEXT, .threads = 1};
    if (engine_session_new(of_chat ? embedder : encoder, &options, &session, &detail) ||
        engine_embed(session, tokens, count, ENGINE_POOLING_MODEL, true, ret, &detail))
        soak_give_up("an embedding", detail.message);
    engine_session_free(session);
}
