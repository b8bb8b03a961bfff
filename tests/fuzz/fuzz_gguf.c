#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file from outside, opened as a model: refused with an error or usable, never a crash. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *copy = NULL;
    struct engine_model *model = NULL;
    const struct engine_model_options options = {.memory_limit = 1U << 30};
    if (posix_memalign(&copy, 64, size ? size : 1) != 0)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    if (!engine_model_open_bytes(slice_of(copy, size), "fuzz", &options, &model, NULL)) {
        const struct engine_vocab *vocab = engine_model_vocab(model);
        size_t sum = 0;
        for (uint32_t i = 0; i < vocab->token_count; i++)
            sum += vocab->texts[i].len;
        if (sum > size)
            abort();
        engine_model_unref(model);
    }
    free(copy);
    return 0;
}
