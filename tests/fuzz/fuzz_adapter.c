/* An adapter from outside, for a small model: refused with an error, or computed with. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "tests/unit/engine/tiny_gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 16 };

static struct tiny_file file; /* the model's bytes, to the end of the process */
static struct engine_model *model;
static struct engine_session *session;

/* Two layers, some weights in each kind of store; the same bytes every time, so that a corpus can
 * name the model's hash. */
static void make_model(void)
{
    const struct tiny_model shape = {.arch = "llama",
                                     .n_vocab = 16,
                                     .n_embd = 32,
                                     .n_layer = 2,
                                     .n_head = 2,
                                     .n_head_kv = 1,
                                     .head_dim = 16,
                                     .n_ff = 32,
                                     .context = 64,
                                     .type = 8,
                                     .seed = 1};
    const struct engine_session_options options = {
        .context = 64, .sequences = 1, .batch = 4, .threads = 1};
    if (engine_model_open_bytes(tiny_model_write(&shape, &file), "tiny", NULL, &model, NULL) ||
        engine_session_new(model, &options, &session, NULL))
        abort();
}

static void compute(const struct engine_adapter *adapter)
{
    const struct engine_batch_item items[3] = {
        {.token = 1, .adapter = adapter}, {.token = 2}, {.token = 3, .adapter = adapter}};
    engine_session_trim(session, 0, 0);
    if (engine_session_step(session, items, 3, NULL, NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine_adapter *adapter = NULL;
    struct base_error detail = {0};
    void *copy = NULL;
    if (size > BYTES_MAX)
        return 0;
    if (!model)
        make_model();
    if (posix_memalign(&copy, 64, size ? size : 1) != 0)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    enum base_err err =
        engine_adapter_open_bytes(model, slice_of(copy, size), "fuzz", &adapter, &detail);
    free(copy); /* nothing stays of the file */
    if (err && detail.message[0] == '\0')
        abort();
    if (err)
        return 0;
    const struct engine_adapter_info *info = engine_adapter_info(adapter);
    if (info->pair_count == 0 || info->rank == 0)
        abort();
    compute(adapter);
    engine_adapter_unref(adapter);
    return 0;
}
