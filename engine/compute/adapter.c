#include "engine/compute/adapter.h"
#include "engine/compute/matmul.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static atomic_uint_fast64_t next_id = 1;

/* The matrices of a graph that an adapter may change: name of the tensor without "blk.N." and
 * ".weight". */
static const char *const adaptable[] = {"attn_q",       "attn_k",   "attn_v", "attn_qkv",
                                        "attn_output",  "ffn_gate", "ffn_up", "ffn_down",
                                        "ffn_gate_inp", "output"};

struct opening {
    struct engine_adapter *adapter;
    const struct gguf *file;
    struct base_error *reterr;
    size_t used; /* bytes of adapter->memory; counted before it is there */
};

static enum base_err wrong(struct opening *o, enum base_err code, const char *what,
                           struct slice name)
{
    return base_error_set(o->reterr, code, "%s: tensor '%.*s' %s", gguf_name(o->file),
                          SLICE_ARG(slice_sub(name, 0, 100)), what);
}

/* --- keys ----------------------------------------------------------------------------------- */

static enum base_err need_string(struct opening *o, const char *key, struct slice want)
{
    struct slice value;
    enum base_err err = gguf_string(o->file, key, GGUF_NEEDED, &value, o->reterr);
    if (err || slice_eq(value, want))
        return err;
    return base_error_set(o->reterr, BASE_ERR_BAD_FILE, "%s: key '%s' is '%.*s' and must be '%.*s'",
                          gguf_name(o->file), key, SLICE_ARG(slice_sub(value, 0, 60)),
                          SLICE_ARG(want));
}

static enum base_err check_hash(struct opening *o)
{
    struct slice named = SLICE_NONE;
    enum base_err err =
        gguf_string(o->file, ENGINE_ADAPTER_BASE_KEY, GGUF_OPTIONAL, &named, o->reterr);
    if (err || slice_is_absent(named))
        return err;
    struct slice have = slice_from_str(o->adapter->model->info.hash);
    o->adapter->info.base_named = true;
    if (slice_eq(named, have))
        return BASE_OK;
    return base_error_set(
        o->reterr, BASE_ERR_BAD_FILE,
        "%s: made for the model with hash %.*s, but %s has %.*s; load it with the "
        "model that it was made for",
        gguf_name(o->file), SLICE_ARG(slice_sub(named, 0, 40)), gguf_name(o->adapter->model->file),
        SLICE_ARG(have));
}

static enum base_err check_keys(struct opening *o)
{
    enum base_err err = need_string(o, "general.type", SLICE("adapter"));
    if (!err)
        err = need_string(o, "adapter.type", SLICE("lora"));
    if (!err)
        err = need_string(o, "general.architecture", o->adapter->model->info.architecture);
    if (!err)
        err = gguf_f32(o->file, "adapter.lora.alpha", GGUF_OPTIONAL, &o->adapter->info.alpha,
                       o->reterr);
    if (!err && !(o->adapter->info.alpha >= 0 && o->adapter->info.alpha <= 65536))
        err = base_error_set(o->reterr, BASE_ERR_BAD_FILE,
                             "%s: key 'adapter.lora.alpha' is out of range: from 0 to 65536",
                             gguf_name(o->file));
    if (!err && gguf_find(o->file, "adapter.alora.invocation_tokens"))
        err = base_error_set(o->reterr, BASE_ERR_UNSUPPORTED,
                             "%s: an adapter that begins at certain tokens "
                             "(adapter.alora.invocation_tokens) is not computed by this engine",
                             gguf_name(o->file));
    return err ? err : check_hash(o);
}

/* --- tensors -------------------------------------------------------------------------------- */

static bool is_adaptable(struct slice name)
{
    size_t dot;
    if (!slice_ends_with(name, SLICE(".weight")))
        return false;
    name = slice_sub(name, 0, name.len - strlen(".weight"));
    while ((dot = slice_find(name, SLICE("."))) != SIZE_MAX)
        name = slice_sub(name, dot + 1, SIZE_MAX);
    for (size_t i = 0; i < sizeof(adaptable) / sizeof(adaptable[0]); i++) {
        if (slice_eq_str(name, adaptable[i]))
            return true;
    }
    return false;
}

static const struct gguf_tensor *find_by(const struct gguf *file, struct slice stem,
                                         const char *suffix)
{
    char name[160];
    int len = snprintf(name, sizeof(name), "%.*s%s", SLICE_ARG(stem), suffix);
    return len > 0 && (size_t)len < sizeof(name) ? gguf_tensor(file, name) : NULL;
}

static size_t padded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t tiles_of(size_t rows)
{
    return (rows + ENGINE_LORA_TILE - 1) / ENGINE_LORA_TILE;
}

/* The numbers of a tensor in half precision when that loses nothing, else in float32. */
static void copy_numbers(const struct gguf_tensor *t, bool half, void *to)
{
    size_t n = (size_t)(t->dims[0] * t->dims[1]);
    if (half)
        memcpy(to, t->data, n * sizeof(uint16_t));
    else
        t->format->dequantise(t->data, to, n);
}

/* [rows][rank] to [tiles][rank][ENGINE_LORA_TILE]. */
static void copy_tiled(const struct engine_lora *l, const void *from, void *to)
{
    size_t size = l->half ? sizeof(uint16_t) : sizeof(float);
    for (size_t row = 0; row < l->rows; row++) {
        size_t tile = row / ENGINE_LORA_TILE, at = row % ENGINE_LORA_TILE;
        for (size_t r = 0; r < l->rank; r++)
            memcpy((char *)to + ((tile * l->rank + r) * ENGINE_LORA_TILE + at) * size,
                   (const char *)from + (row * l->rank + r) * size, size);
    }
}

static enum base_err place(struct opening *o, struct engine_lora *l, const struct gguf_tensor *a,
                           const struct gguf_tensor *b)
{
    size_t size = l->half ? sizeof(uint16_t) : sizeof(float);
    size_t a_bytes = padded((size_t)l->rank * l->cols * size);
    size_t b_bytes = padded(tiles_of(l->rows) * ENGINE_LORA_TILE * l->rank * size);
    char *memory = o->adapter->memory;
    if (memory) {
        void *rows = malloc((size_t)l->rank * l->rows * size);
        if (!rows)
            return base_error_set(o->reterr, BASE_ERR_NO_MEMORY, "%s: no memory to read it",
                                  gguf_name(o->file));
        l->a = memory + o->used;
        l->b = memory + o->used + a_bytes;
        copy_numbers(a, l->half, memory + o->used);
        copy_numbers(b, l->half, rows);
        copy_tiled(l, rows, memory + o->used + a_bytes);
        free(rows);
    }
    o->used += a_bytes + b_bytes;
    return BASE_OK;
}

/* One pair, by its first half. */
static enum base_err add_pair(struct opening *o, const struct gguf_tensor *a, struct slice stem)
{
    const struct gguf_tensor *b = find_by(o->file, stem, ".lora_b");
    const struct gguf_tensor *base = find_by(o->adapter->model->file, stem, "");
    if (!b)
        return wrong(o, BASE_ERR_BAD_FILE, "has no .lora_b beside it", a->name);
    if (!base)
        return wrong(o, BASE_ERR_BAD_FILE, "is for a tensor that the model has not", a->name);
    if (!is_adaptable(stem) || base->dims[2] != 1 || base->dims[3] != 1)
        return wrong(o, BASE_ERR_UNSUPPORTED,
                     "is for a tensor whose adapters are not computed by this engine; those of "
                     "attention, feed-forward and output matrices are",
                     a->name);
    if (a->dims[0] != base->dims[0] || b->dims[1] != base->dims[1] || a->dims[1] != b->dims[0] ||
        a->dims[2] != 1 || a->dims[3] != 1 || b->dims[2] != 1 || b->dims[3] != 1)
        return wrong(o, BASE_ERR_BAD_FILE, "does not have the shape of the model's", a->name);
    if (a->dims[1] < 1 || a->dims[1] > ENGINE_LORA_RANK_MAX)
        return wrong(o, BASE_ERR_UNSUPPORTED, "has a rank that is not from 1 to 256", a->name);
    struct engine_lora *l = &o->adapter->pairs[base - gguf_tensor_at(o->adapter->model->file, 0)];
    uint32_t rank = (uint32_t)a->dims[1];
    float alpha = o->adapter->info.alpha;
    *l = (struct engine_lora){.half = a->format->id == ENGINE_FORMAT_F16 &&
                                      b->format->id == ENGINE_FORMAT_F16,
                              .rank = rank,
                              .cols = (uint32_t)base->dims[0],
                              .rows = (uint32_t)base->dims[1],
                              .scale = alpha > 0 ? alpha / (float)rank : 1.0F};
    if (rank > o->adapter->info.rank)
        o->adapter->info.rank = rank;
    return place(o, l, a, b);
}

/* Once to count, once to fill. */
static enum base_err add_pairs(struct opening *o)
{
    const struct slice a = SLICE(".lora_a"), b = SLICE(".lora_b");
    enum base_err err = BASE_OK;
    o->used = 0;
    o->adapter->info.pair_count = 0;
    for (size_t i = 0; !err && i < gguf_tensor_count(o->file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(o->file, i);
        struct slice stem = slice_sub(t->name, 0, t->name.len > a.len ? t->name.len - a.len : 0);
        if (slice_ends_with(t->name, a)) {
            err = add_pair(o, t, stem);
            o->adapter->info.pair_count++;
        } else if (!slice_ends_with(t->name, b)) {
            err = wrong(o, BASE_ERR_UNSUPPORTED, "is neither a .lora_a nor a .lora_b", t->name);
        } else if (!find_by(o->file, stem, ".lora_a")) {
            err = wrong(o, BASE_ERR_BAD_FILE, "has no .lora_a beside it", t->name);
        }
    }
    if (!err && o->adapter->info.pair_count == 0)
        err = base_error_set(o->reterr, BASE_ERR_BAD_FILE, "%s: an adapter without tensors",
                             gguf_name(o->file));
    return err;
}

/* --- life ----------------------------------------------------------------------------------- */

static enum base_err read_all(struct opening *o)
{
    struct engine_adapter *adapter = o->adapter;
    adapter->name = strdup(gguf_name(o->file));
    adapter->tensor_count = gguf_tensor_count(adapter->model->file);
    adapter->pairs = calloc(adapter->tensor_count + 1, sizeof(*adapter->pairs));
    if (!adapter->name || !adapter->pairs)
        return base_error_set(o->reterr, BASE_ERR_NO_MEMORY, "no memory for an adapter");
    enum base_err err = check_keys(o);
    if (!err)
        err = add_pairs(o);
    if (err)
        return err;
    void *memory = mmap(NULL, o->used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return base_error_set(o->reterr, BASE_ERR_NO_MEMORY, "%s: no memory to read it",
                              gguf_name(o->file));
    (void)madvise(memory, o->used, MADV_HUGEPAGE); /* a step may read all of many adapters */
    adapter->memory = memory;
    adapter->memory_bytes = adapter->info.bytes = o->used;
    return add_pairs(o);
}

/* Takes over `file`. */
static enum base_err open_adapter(struct engine_model *model, struct gguf *file,
                                  struct engine_adapter **ret_adapter, struct base_error *reterr)
{
    struct engine_adapter *adapter = calloc(1, sizeof(*adapter));
    struct opening o = {.adapter = adapter, .file = file, .reterr = reterr};
    enum base_err err;
    if (adapter) {
        atomic_init(&adapter->refs, 1);
        adapter->id = atomic_fetch_add(&next_id, 1);
        adapter->model = engine_model_ref(model);
        err = read_all(&o);
    } else {
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for an adapter");
    }
    gguf_close(file);
    if (err) {
        engine_adapter_unref(adapter);
        return err;
    }
    *ret_adapter = adapter;
    return BASE_OK;
}

enum base_err engine_adapter_open(struct engine_model *model, const char *path,
                                  struct engine_adapter **ret_adapter, struct base_error *reterr)
{
    struct gguf *file;
    enum base_err err = gguf_open(path, false, &file, reterr);
    return err ? err : open_adapter(model, file, ret_adapter, reterr);
}

enum base_err engine_adapter_open_bytes(struct engine_model *model, struct slice bytes,
                                        const char *name, struct engine_adapter **ret_adapter,
                                        struct base_error *reterr)
{
    struct gguf *file;
    enum base_err err = gguf_parse(bytes, name, &file, reterr);
    return err ? err : open_adapter(model, file, ret_adapter, reterr);
}

struct engine_adapter *engine_adapter_ref(struct engine_adapter *adapter)
{
    atomic_fetch_add_explicit(&adapter->refs, 1, memory_order_relaxed);
    return adapter;
}

void engine_adapter_unref(struct engine_adapter *adapter)
{
    if (!adapter || atomic_fetch_sub_explicit(&adapter->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (adapter->memory)
        munmap(adapter->memory, adapter->memory_bytes);
    free(adapter->pairs);
    free(adapter->name);
    engine_model_unref(adapter->model);
    free(adapter);
}

const struct engine_adapter_info *engine_adapter_info(const struct engine_adapter *adapter)
{
    return &adapter->info;
}
