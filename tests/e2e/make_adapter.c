/*
 * Writes a LoRA adapter of random numbers for the attention and feed-forward matrices of a model:
 *
 *     make_adapter MODEL.gguf OUT.gguf SEED [ALPHA [RANK [BASE_HASH]]]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/gguf/gguf.h"
#include "tests/unit/engine/tiny_gguf.h"

static void add_half(struct tiny_file *f, struct slice stem, const char *suffix, uint64_t cols,
                     uint64_t rows, uint64_t *seed)
{
    char name[160];
    size_t n = (size_t)(cols * rows);
    float *values = calloc(n, sizeof(*values));
    uint8_t *packed = calloc(n, 4);
    if (!values || !packed)
        abort();
    (void)snprintf(name, sizeof(name), "%.*s%s", SLICE_ARG(stem), suffix);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(tiny_normal(seed) / sqrt((double)cols));
    size_t len = tiny_pack(1, values, n, packed);
    tiny_tensor(f, name, 1, 2, (uint64_t[]){cols, rows}, packed, len);
    free(values);
    free(packed);
}

static bool is_adapted(struct slice name)
{
    return slice_find(name, SLICE(".attn_")) != SIZE_MAX ||
           slice_find(name, SLICE(".ffn_")) != SIZE_MAX;
}

int main(int argc, char **argv)
{
    struct gguf *model = NULL;
    struct base_error detail = {0};
    struct slice arch = SLICE_NONE;
    char text[64];
    if (argc < 4 || gguf_open(argv[1], false, &model, &detail) ||
        gguf_string(model, "general.architecture", GGUF_NEEDED, &arch, &detail)) {
        (void)fprintf(stderr, "usage: make_adapter MODEL OUT SEED [ALPHA [RANK [HASH]]] %s\n",
                      detail.message);
        return 1;
    }
    uint64_t seed = strtoull(argv[3], NULL, 10), rank = argc > 5 ? strtoull(argv[5], NULL, 10) : 16;
    struct tiny_file f;
    tiny_begin(&f, 3);
    tiny_kv_str(&f, "general.type", "adapter");
    tiny_kv_str(&f, "adapter.type", "lora");
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(arch));
    tiny_kv_str(&f, "general.architecture", text);
    tiny_kv_f32(&f, "adapter.lora.alpha", argc > 4 ? strtof(argv[4], NULL) : 16);
    if (argc > 6)
        tiny_kv_str(&f, ENGINE_ADAPTER_BASE_KEY, argv[6]);
    for (size_t i = 0; i < gguf_tensor_count(model); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(model, i);
        if (t->n_dims != 2 || t->dims[1] < 2 || !is_adapted(t->name))
            continue;
        add_half(&f, t->name, ".lora_a", t->dims[0], rank, &seed);
        add_half(&f, t->name, ".lora_b", rank, t->dims[1], &seed);
    }
    gguf_close(model);
    struct slice bytes = tiny_end(&f);
    FILE *out = fopen(argv[2], "wbe");
    bool ok = out && fwrite(bytes.ptr, 1, bytes.len, out) == bytes.len;
    ok = out && fclose(out) == 0 && ok;
    tiny_done(&f);
    return ok ? 0 : 1;
}
