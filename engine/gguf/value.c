#include "engine/gguf/gguf.h"

const uint8_t gguf_type_bytes[GGUF_TYPE_COUNT] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

static const char *const type_names[GGUF_TYPE_COUNT] = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64",
};

uint64_t gguf_load_le(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

bool gguf_item_i64(const struct gguf_kv *kv, uint64_t index, int64_t *ret)
{
    if (index >= kv->count || kv->item >= GGUF_TYPE_COUNT)
        return false;
    size_t bytes = gguf_type_bytes[kv->item];
    switch (kv->item) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64: {
        uint64_t value = gguf_load_le(kv->data + index * bytes, bytes);
        if (value > INT64_MAX)
            return false;
        *ret = (int64_t)value;
        return true;
    }
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64: {
        unsigned shift = (unsigned)(64 - 8 * bytes);
        *ret = (int64_t)(gguf_load_le(kv->data + index * bytes, bytes) << shift) >> shift;
        return true;
    }
    default:
        return false;
    }
}

bool gguf_item_f32(const struct gguf_kv *kv, uint64_t index, float *ret)
{
    if (index >= kv->count)
        return false;
    if (kv->item == GGUF_F32) {
        memcpy(ret, kv->data + index * 4, 4);
        return true;
    }
    if (kv->item == GGUF_F64) {
        double value;
        memcpy(&value, kv->data + index * 8, 8);
        *ret = (float)value;
        return true;
    }
    return false;
}

struct slice gguf_next_string(const uint8_t **at)
{
    size_t len = (size_t)gguf_load_le(*at, 8);
    struct slice s = slice_of((const char *)*at + 8, len);
    *at += 8 + len;
    return s;
}

static enum base_err missing(const struct gguf *file, const char *key, enum gguf_need need,
                             struct base_error *reterr)
{
    if (need == GGUF_OPTIONAL)
        return BASE_OK;
    return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: key '%s' is needed and absent",
                          gguf_name(file), key);
}

static enum base_err mistyped(const struct gguf *file, const struct gguf_kv *kv, const char *wanted,
                              struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: key '%.*s' must be %s and is %s",
                          gguf_name(file), SLICE_ARG(kv->key), wanted, type_names[kv->type]);
}

enum base_err gguf_u32(const struct gguf *file, const char *key, enum gguf_need need, uint32_t *ret,
                       struct base_error *reterr)
{
    const struct gguf_kv *kv = gguf_find(file, key);
    int64_t value;
    if (!kv)
        return missing(file, key, need, reterr);
    if (kv->type == GGUF_ARRAY || !gguf_item_i64(kv, 0, &value) || value < 0 || value > UINT32_MAX)
        return mistyped(file, kv, "an integer from 0 to 2^32 - 1", reterr);
    *ret = (uint32_t)value;
    return BASE_OK;
}

enum base_err gguf_f32(const struct gguf *file, const char *key, enum gguf_need need, float *ret,
                       struct base_error *reterr)
{
    const struct gguf_kv *kv = gguf_find(file, key);
    float value;
    if (!kv)
        return missing(file, key, need, reterr);
    if (kv->type == GGUF_ARRAY || !gguf_item_f32(kv, 0, &value) || !__builtin_isfinite(value))
        return mistyped(file, kv, "a finite float", reterr);
    *ret = value;
    return BASE_OK;
}

enum base_err gguf_bool(const struct gguf *file, const char *key, enum gguf_need need, bool *ret,
                        struct base_error *reterr)
{
    const struct gguf_kv *kv = gguf_find(file, key);
    if (!kv)
        return missing(file, key, need, reterr);
    if (kv->type != GGUF_BOOL)
        return mistyped(file, kv, "a bool", reterr);
    *ret = kv->data[0] != 0;
    return BASE_OK;
}

enum base_err gguf_string(const struct gguf *file, const char *key, enum gguf_need need,
                          struct slice *ret, struct base_error *reterr)
{
    const struct gguf_kv *kv = gguf_find(file, key);
    if (!kv)
        return missing(file, key, need, reterr);
    if (kv->type != GGUF_STRING)
        return mistyped(file, kv, "a string", reterr);
    const uint8_t *at = kv->data;
    *ret = gguf_next_string(&at);
    return BASE_OK;
}
