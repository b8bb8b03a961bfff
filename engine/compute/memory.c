#include <stdio.h>
#include <stdlib.h>

#include "engine/compute/kv.h"
#include "engine/model/model.h"

uint32_t engine_default_context(const struct engine_hparams *hp, uint32_t asked)
{
    if (asked)
        return asked;
    return hp->context_train < 4096 ? hp->context_train : 4096;
}

uint64_t engine_kv_window_pages(const struct engine_hparams *hp, uint32_t batch, uint32_t sequences)
{
    if (hp->window == 0 || hp->n_layer_window == 0)
        return 0;
    /* The window and a step, both ends anywhere in a page; and one to be copied into. */
    return (((uint64_t)hp->window + batch) / ENGINE_KV_PAGE + 3) * sequences;
}

uint64_t engine_kv_bytes(const struct engine_hparams *hp, enum engine_kv kv, uint32_t context,
                         uint32_t sequences, uint32_t batch)
{
    /* A partly filled page per sequence comes on top. Sizes are bounded by engine_hparams_read().
     */
    uint64_t pages = ((uint64_t)context + ENGINE_KV_PAGE - 1) / ENGINE_KV_PAGE + sequences;
    uint64_t apart = engine_kv_window_pages(hp, batch, sequences);
    uint64_t per_layer = 2ULL * hp->n_head_kv * engine_kv_type_at(kv)->head_bytes(hp->head_dim);
    uint64_t layers = hp->n_layer, bytes, more = 0;
    if (apart > 0 && apart < pages) {
        layers -= hp->n_layer_window;
        more = apart * per_layer * hp->n_layer_window; /* fewer than `pages` */
    }
    if (__builtin_mul_overflow(pages, per_layer * layers, &bytes))
        return UINT64_MAX / 4;
    return bytes < UINT64_MAX / 8 && more < UINT64_MAX / 8 ? bytes + more : UINT64_MAX / 4;
}

size_t engine_ffn_floats(const struct engine_hparams *hp, uint32_t batch)
{
    if (hp->n_expert == 0)
        return (size_t)batch * hp->n_ff;
    return (size_t)batch * hp->n_expert_used * hp->n_ff_expert;
}

uint64_t engine_scratch_bytes(const struct engine_hparams *hp, uint32_t batch, uint32_t outputs)
{
    uint64_t heads = (uint64_t)hp->n_head * hp->head_dim;
    uint64_t kv_heads = (uint64_t)hp->n_head_kv * hp->head_dim;
    uint64_t widest = hp->n_embd > hp->n_ff ? hp->n_embd : hp->n_ff;
    if (heads > widest)
        widest = heads;
    if (hp->n_ff_expert > widest)
        widest = hp->n_ff_expert;
    uint64_t picks = hp->n_expert_used; /* rows of a token */
    /* residual, branch output, queries, attention, keys and values; experts; packed inputs */
    uint64_t per_token = 2ULL * hp->n_embd + 2 * heads + 2 * kv_heads + picks * hp->n_embd +
                         hp->n_expert + (picks ? picks : 1) * widest * 2;
    return 4 * (2 * engine_ffn_floats(hp, batch) + batch * per_token +
                (uint64_t)outputs * (hp->n_vocab + (uint64_t)hp->n_embd));
}

static uint64_t available_memory(void)
{
    uint64_t kib = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file)
        return UINT64_MAX;
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "MemAvailable:", 13) == 0)
            kib = strtoull(line + 13, NULL, 10);
    }
    fclose(file);
    return kib ? kib * 1024 : UINT64_MAX;
}

static uint64_t total_for(const struct engine_hparams *hp, const struct engine_memory *memory,
                          enum engine_kv kv, uint32_t context, uint32_t sequences, uint32_t batch)
{
    return memory->weights + memory->scratch + engine_kv_bytes(hp, kv, context, sequences, batch);
}

static void estimate(const struct gguf *file, const struct engine_hparams *hp,
                     const struct engine_model_options *options, struct engine_memory *ret)
{
    uint32_t sequences = options->sequences ? options->sequences : ENGINE_DEFAULT_SEQUENCES;
    struct engine_memory memory = {.weights = gguf_data_bytes(file)};
    memory.context = engine_default_context(hp, options->context);
    uint32_t batch = options->batch ? options->batch : ENGINE_DEFAULT_BATCH;
    memory.scratch = engine_scratch_bytes(hp, batch, sequences);
    memory.kv = engine_kv_bytes(hp, options->kv, memory.context, sequences, batch);
    memory.total = total_for(hp, &memory, options->kv, memory.context, sequences, batch);
    memory.available = options->memory_limit ? options->memory_limit : available_memory();
    uint32_t low = 0,
             high = memory.context > hp->context_train ? memory.context : hp->context_train;
    while (low < high) { /* the largest context that fits */
        uint32_t middle = low + (high - low + 1) / 2;
        if (total_for(hp, &memory, options->kv, middle, sequences, batch) <= memory.available)
            low = middle;
        else
            high = middle - 1;
    }
    memory.context_fit = low;
    *ret = memory;
}

enum base_err engine_memory_check(const struct gguf *file, const struct engine_hparams *hp,
                                  const struct engine_model_options *options,
                                  struct engine_memory *ret_memory, struct base_error *reterr)
{
    const double mib = 1024.0 * 1024.0;
    struct engine_memory memory;
    if ((unsigned)options->kv >= ENGINE_KV_COUNT)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "kv",
                                    "model option 'kv' is %u; at most %u", (unsigned)options->kv,
                                    ENGINE_KV_COUNT - 1U);
    estimate(file, hp, options, &memory);
    if (ret_memory)
        *ret_memory = memory;
    if (options->skip_memory_check || memory.total <= memory.available)
        return BASE_OK;
    if (memory.context_fit == 0)
        return base_error_set(
            reterr, BASE_ERR_NO_MEMORY,
            "%s needs %.0f MiB for weights alone and %.0f MiB are available; use a "
            "smaller model or a smaller type of weights",
            gguf_name(file), (double)memory.weights / mib, (double)memory.available / mib);
    return base_error_set(reterr, BASE_ERR_NO_MEMORY,
                          "%s needs %.0f MiB with a context of %u and %.0f MiB are available; a "
                          "context of %u would fit",
                          gguf_name(file), (double)memory.total / mib, memory.context,
                          (double)memory.available / mib, memory.context_fit);
}
