/* How keys and values lie in a page, a row for each type. */
#include <math.h>

#include "engine/compute/kv.h"

/* --- float32 --- */

static size_t bytes_f32(size_t head_dim)
{
    return sizeof(float) * ENGINE_PAGE * head_dim;
}

static void put_key_f32(const struct engine_kernels *k, const float *key, size_t head_dim,
                        uint32_t at, void *page)
{
    float *keys = page;
    (void)k;
    for (size_t i = 0; i < head_dim; i++)
        keys[i * ENGINE_PAGE + at] = key[i];
}

static void put_value_f32(const struct engine_kernels *k, const float *value, size_t head_dim,
                          uint32_t at, void *page)
{
    (void)k;
    memcpy((float *)page + at * head_dim, value, head_dim * sizeof(float));
}

static const float *get_f32(const struct engine_kernels *k, const void *page, size_t head_dim,
                            float *scratch)
{
    (void)k;
    (void)head_dim;
    (void)scratch;
    return page;
}

/* --- half precision --- */

static size_t bytes_f16(size_t head_dim)
{
    return sizeof(uint16_t) * ENGINE_PAGE * head_dim;
}

static void put_key_f16(const struct engine_kernels *k, const float *key, size_t head_dim,
                        uint32_t at, void *page)
{
    uint16_t halves[ENGINE_HEAD_MAX], *keys = page;
    k->to_half(key, head_dim, halves);
    for (size_t i = 0; i < head_dim; i++)
        keys[i * ENGINE_PAGE + at] = halves[i];
}

static void put_value_f16(const struct engine_kernels *k, const float *value, size_t head_dim,
                          uint32_t at, void *page)
{
    k->to_half(value, head_dim, (uint16_t *)page + at * head_dim);
}

static const float *get_f16(const struct engine_kernels *k, const void *page, size_t head_dim,
                            float *scratch)
{
    k->from_half(page, ENGINE_PAGE * head_dim, scratch);
    return scratch;
}

/* --- 8 bits --- */

enum { BLOCKS_MAX = ENGINE_HEAD_MAX / 32 };

static size_t blocks_of(size_t head_dim)
{
    return (head_dim + 31) / 32;
}

static size_t bytes_q8(size_t head_dim)
{
    return ENGINE_PAGE * (head_dim + sizeof(uint16_t) * blocks_of(head_dim));
}

/* The scale is rounded first, so that the numbers fit what is stored. */
static void quantise(const struct engine_kernels *k, const float *x, size_t n, int8_t *q,
                     uint16_t *scale)
{
    float most = 0, d;
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    d = most / 127 < 65504 ? most / 127 : 65504;
    k->to_half(&d, 1, scale);
    k->from_half(scale, 1, &d);
    float inverse = d > 0 ? 1 / d : 0;
    for (size_t i = 0; i < n; i++) {
        float scaled = x[i] * inverse;
        scaled = scaled > 127 ? 127 : scaled < -127 ? -127 : scaled;
        q[i] = (int8_t)lrintf(scaled);
    }
}

static uint16_t *scales_of(void *page, size_t head_dim)
{
    return (uint16_t *)(void *)((int8_t *)page + ENGINE_PAGE * head_dim);
}

static void put_key_q8(const struct engine_kernels *k, const float *key, size_t head_dim,
                       uint32_t at, void *page)
{
    int8_t *keys = page, q[32];
    uint16_t *scales = scales_of(page, head_dim);
    for (size_t from = 0; from < head_dim; from += 32) {
        size_t n = head_dim - from < 32 ? head_dim - from : 32;
        quantise(k, key + from, n, q, &scales[from / 32 * ENGINE_PAGE + at]);
        for (size_t i = 0; i < n; i++)
            keys[(from + i) * ENGINE_PAGE + at] = q[i];
    }
}

static void put_value_q8(const struct engine_kernels *k, const float *value, size_t head_dim,
                         uint32_t at, void *page)
{
    int8_t *values = (int8_t *)page + at * head_dim;
    uint16_t *scales = scales_of(page, head_dim) + at * blocks_of(head_dim);
    for (size_t from = 0; from < head_dim; from += 32) {
        size_t n = head_dim - from < 32 ? head_dim - from : 32;
        quantise(k, value + from, n, values + from, &scales[from / 32]);
    }
}

static const float *get_q8(const struct engine_kernels *k, const void *page, size_t head_dim,
                           float *scratch,
                           void (*convert)(const int8_t *, const float *, size_t, float *))
{
    float scales[BLOCKS_MAX * ENGINE_PAGE];
    const int8_t *q = page;
    k->from_half((const uint16_t *)(const void *)(q + ENGINE_PAGE * head_dim),
                 blocks_of(head_dim) * ENGINE_PAGE, scales);
    convert(q, scales, head_dim, scratch);
    return scratch;
}

static const float *get_keys_q8(const struct engine_kernels *k, const void *page, size_t head_dim,
                                float *scratch)
{
    return get_q8(k, page, head_dim, scratch, k->keys_q8);
}

static const float *get_values_q8(const struct engine_kernels *k, const void *page, size_t head_dim,
                                  float *scratch)
{
    return get_q8(k, page, head_dim, scratch, k->values_q8);
}

static const struct engine_kv_type types[ENGINE_KV_COUNT] = {
    [ENGINE_KV_F32] = {"f32", bytes_f32, false, put_key_f32, put_value_f32, get_f32, get_f32},
    [ENGINE_KV_F16] = {"f16", bytes_f16, true, put_key_f16, put_value_f16, get_f16, get_f16},
    [ENGINE_KV_Q8_0] = {"q8_0", bytes_q8, false, put_key_q8, put_value_q8, get_keys_q8,
                        get_values_q8},
};

const struct engine_kv_type *engine_kv_type_at(enum engine_kv kv)
{
    return &types[kv];
}

const char *engine_kv_name(enum engine_kv kv)
{
    return (unsigned)kv < ENGINE_KV_COUNT ? types[kv].name : "unknown";
}
