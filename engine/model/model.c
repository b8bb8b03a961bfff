#include <stdio.h>
#include <stdlib.h>

#include "engine/model/model.h"
#include "engine/gguf/watch.h"
#include "engine/model/repack.h"

static const struct engine_model_options default_options;

static enum base_err find_arch(struct engine_model *model, struct base_error *reterr)
{
    struct slice name;
    enum base_err err =
        gguf_string(model->file, "general.architecture", GGUF_NEEDED, &name, reterr);
    if (err)
        return err;
    model->arch = engine_arch_find(name);
    model->info.architecture = name;
    if (model->arch)
        return BASE_OK;
    return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                          "%s: architecture '%.*s' is not computed by this engine; these are: %s",
                          gguf_name(model->file), SLICE_ARG(slice_sub(name, 0, 60)),
                          engine_arch_names());
}

/* The vocabulary's size is that of the embedding; a list of tokens must agree with it. */
static enum base_err read_vocab_size(struct engine_model *model, struct base_error *reterr)
{
    const struct gguf_tensor *embd = gguf_tensor(model->file, "token_embd.weight");
    if (!embd)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s: tensor 'token_embd.weight' is needed and absent",
                              gguf_name(model->file));
    uint32_t tokens = model->vocab.token_count;
    if (embd->dims[1] > (1U << 22) || (tokens && embd->dims[1] != tokens))
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s: tensor 'token_embd.weight' has %llu rows, the vocabulary has %u "
                              "tokens",
                              gguf_name(model->file), (unsigned long long)embd->dims[1], tokens);
    model->hp.n_vocab = (uint32_t)embd->dims[1];
    return BASE_OK;
}

/* Name of the type that holds most bytes. */
static struct slice main_type(const struct gguf *file)
{
    uint64_t bytes[ENGINE_FORMAT_COUNT] = {0};
    size_t best = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++)
        bytes[gguf_tensor_at(file, i)->format->id] += gguf_tensor_at(file, i)->bytes;
    for (size_t i = 1; i < ENGINE_FORMAT_COUNT; i++) {
        if (bytes[i] > bytes[best])
            best = i;
    }
    return slice_from_str(engine_format_at((enum engine_format_id)best)->name);
}

/* Fowler, Noll and Vo's hash, twice with different multipliers. */
static void add_to_hash(uint64_t hash[2], const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        hash[0] = (hash[0] ^ bytes[i]) * UINT64_C(0x100000001B3);
        hash[1] = (hash[1] ^ bytes[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash[1] ^= hash[1] >> 29;
    }
}

static void fill_hash(const struct gguf *file, char out[33])
{
    enum { SAMPLE = 4096 };
    uint64_t hash[2] = {UINT64_C(0xCBF29CE484222325), UINT64_C(0x2545F4914F6CDD1D)};
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(file, i);
        size_t sample = t->bytes < SAMPLE ? (size_t)t->bytes : SAMPLE;
        add_to_hash(hash, t->name.ptr, t->name.len);
        add_to_hash(hash, &t->format->ggml_id, sizeof(t->format->ggml_id));
        add_to_hash(hash, t->dims, sizeof(t->dims));
        add_to_hash(hash, t->data, sample);
        add_to_hash(hash, (const char *)t->data + t->bytes - sample, sample);
    }
    (void)snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash[0],
                   (unsigned long long)hash[1]);
}

static enum base_err fill_info(struct engine_model *model, struct base_error *reterr)
{
    const struct engine_hparams *hp = &model->hp;
    struct engine_model_info *info = &model->info;
    info->n_vocab = hp->n_vocab;
    info->context_train = hp->context_train;
    info->n_embd = hp->n_embd;
    info->n_layer = hp->n_layer;
    info->n_head = hp->n_head;
    info->n_head_kv = hp->n_head_kv;
    info->head_dim = hp->head_dim;
    info->n_ff = hp->n_ff;
    info->encoder = model->arch->encoder;
    info->weight_type = main_type(model->file);
    info->weight_bytes = gguf_data_bytes(model->file);
    fill_hash(model->file, info->hash);
    info->chat_template = model->vocab.chat_template;
    for (size_t i = 0; i < gguf_tensor_count(model->file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(model->file, i);
        info->param_count += t->bytes / t->format->block_bytes * t->format->block;
    }
    return gguf_string(model->file, "general.name", GGUF_OPTIONAL, &info->name, reterr);
}

/* Sizes only: what an estimate needs. */
static enum base_err read_sizes(struct engine_model *model, struct base_error *reterr)
{
    enum base_err err = find_arch(model, reterr);
    if (!err)
        err = engine_hparams_read(model->file, model->arch, &model->hp, reterr);
    if (!err)
        err = engine_vocab_read(model, reterr);
    return err ? err : read_vocab_size(model, reterr);
}

/* Takes over `model`. */
static enum base_err open_vocab(struct engine_model *model, struct engine_model **ret_model,
                                struct base_error *reterr)
{
    struct engine_model_info *info = &model->info;
    enum base_err err = engine_vocab_read(model, reterr);
    if (!err)
        err = gguf_string(model->file, "general.architecture", GGUF_OPTIONAL, &info->architecture,
                          reterr);
    if (!err)
        err = gguf_string(model->file, "general.name", GGUF_OPTIONAL, &info->name, reterr);
    if (err) {
        engine_model_unref(model);
        return err;
    }
    info->n_vocab = model->vocab.token_count;
    info->chat_template = model->vocab.chat_template;
    *ret_model = model;
    return BASE_OK;
}

/* Takes over `file`. */
static enum base_err open_model(struct gguf *file, const struct engine_model_options *options,
                                struct engine_model **ret_model, struct base_error *reterr)
{
    struct engine_model *model = calloc(1, sizeof(*model));
    if (!model) {
        gguf_close(file);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to open a model");
    }
    atomic_init(&model->refs, 1);
    pthread_mutex_init(&model->preparing, NULL);
    model->file = file;
    if (options && options->vocab_only)
        return open_vocab(model, ret_model, reterr);
    enum base_err err = read_sizes(model, reterr);
    if (!err)
        err = engine_memory_check(file, &model->hp, options ? options : &default_options, NULL,
                                  reterr);
    if (!err)
        err = engine_weights_bind(file, model->arch, &model->hp, &model->weights, reterr);
    if (!err)
        err = fill_info(model, reterr);
    if (err) {
        engine_model_unref(model);
        return err;
    }
    *ret_model = model;
    return BASE_OK;
}

enum base_err engine_model_open(const char *path, const struct engine_model_options *options,
                                struct engine_model **ret_model, struct base_error *reterr)
{
    struct gguf *file;
    enum base_err err = gguf_open(path, options && options->copy_weights, &file, reterr);
    return err ? err : open_model(file, options, ret_model, reterr);
}

enum base_err engine_model_open_bytes(struct slice bytes, const char *name,
                                      const struct engine_model_options *options,
                                      struct engine_model **ret_model, struct base_error *reterr)
{
    struct gguf *file;
    enum base_err err = gguf_parse(bytes, name, &file, reterr);
    return err ? err : open_model(file, options, ret_model, reterr);
}

struct engine_model *engine_model_ref(struct engine_model *model)
{
    atomic_fetch_add_explicit(&model->refs, 1, memory_order_relaxed);
    return model;
}

void engine_model_unref(struct engine_model *model)
{
    if (!model || atomic_fetch_sub_explicit(&model->refs, 1, memory_order_acq_rel) != 1)
        return;
    engine_weights_done(&model->weights);
    free(model->strings);
    free(model->scores);
    free(model->types);
    gguf_close(model->file);
    pthread_mutex_destroy(&model->preparing);
    free(model);
}

enum base_err engine_model_prepare(struct engine_model *model, struct engine_pool *pool,
                                   struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    pthread_mutex_lock(&model->preparing);
    if (!model->prepared)
        err = engine_weights_repack(model->file, &model->weights, model->hp.n_expert, pool, reterr);
    if (!err)
        err = engine_model_check(model, reterr);
    model->prepared = !err;
    pthread_mutex_unlock(&model->preparing);
    return err;
}

enum base_err engine_model_check(const struct engine_model *model, struct base_error *reterr)
{
    return gguf_is_lost(model->file)
               ? base_error_set(reterr, BASE_ERR_BAD_FILE,
                                "%s was cut short while it is in use, or its disk fails: the model "
                                "has to be opened again",
                                gguf_name(model->file))
               : BASE_OK;
}

void engine_catch_lost_pages(void)
{
    gguf_watch_catch();
}

bool engine_model_is_changed(const struct engine_model *model)
{
    return gguf_is_changed(model->file);
}

const struct engine_model_info *engine_model_info(const struct engine_model *model)
{
    return &model->info;
}

const struct engine_vocab *engine_model_vocab(const struct engine_model *model)
{
    return &model->vocab;
}

enum base_err engine_model_estimate(const char *path, const struct engine_model_options *options,
                                    struct engine_memory *ret_memory, struct base_error *reterr)
{
    struct engine_model_options relaxed = options ? *options : default_options;
    relaxed.skip_memory_check = true;
    struct engine_model *model = calloc(1, sizeof(*model));
    if (!model)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to open a model");
    atomic_init(&model->refs, 1);
    pthread_mutex_init(&model->preparing, NULL);
    enum base_err err = gguf_open(path, false, &model->file, reterr);
    if (!err)
        err = read_sizes(model, reterr);
    if (!err)
        err = engine_memory_check(model->file, &model->hp, &relaxed, ret_memory, reterr);
    if (!err)
        ret_memory->encoder = model->arch->encoder;
    engine_model_unref(model);
    return err;
}
