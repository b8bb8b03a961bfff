#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/gguf/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *aligned_copy(const uint8_t *data, size_t size)
{
    void *copy = NULL;
    if (posix_memalign(&copy, 64, size ? size : 1) != 0)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static void open_model(const uint8_t *data, size_t size)
{
    struct engine_model *model = NULL;
    const struct engine_model_options options = {.memory_limit = 1U << 30};
    void *copy = aligned_copy(data, size);
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
}

/* Two parts of a split model. */
static void join_parts(const uint8_t *data, size_t first_size, size_t size)
{
    struct gguf *first = NULL, *second = NULL;
    void *copies[2] = {aligned_copy(data, first_size),
                       aligned_copy(data + first_size, size - first_size)};
    (void)gguf_parse_one(slice_of(copies[0], first_size), "first", &first, NULL);
    if (first)
        (void)gguf_parse_one(slice_of(copies[1], size - first_size), "second", &second, NULL);
    if (first && second) {
        size_t tensors = first->tensor_count + second->tensor_count;
        if (gguf_split_join(first, &second, 1, NULL))
            gguf_close(second);
        else if (gguf_tensor_count(first) != tensors)
            abort();
    }
    gguf_close(first);
    free(copies[0]);
    free(copies[1]);
}

/* A file from outside, opened as a model: refused with an error or usable, never a crash. What
 * begins with the length of a first part (two bytes) and 0xFF is two parts of a split one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t first = size > 3 ? (size_t)data[0] | (size_t)data[1] << 8 : 0;
    if (size > 3 && data[2] == 0xFF && first <= size - 3)
        join_parts(data + 3, first, size - 3);
    else
        open_model(data, size);
    return 0;
}
