/*
 * Turning the packed formats into floats, for format.c and for the vector sets: each includes this
 * file and gets copies of its own, compiled for its instructions (loops are written so that the
 * compiler can use vectors). HALF(bits) may be defined before: half precision to float.
 */
#ifndef ENGINE_GGUF_DEQUANTISE_H
#define ENGINE_GGUF_DEQUANTISE_H

#include "engine/gguf/format.h"

#ifndef HALF
#define HALF engine_half_to_float
#endif

/* dst[i] = d * (q[i] - zero) + m */
static inline void scale_32(const uint8_t *restrict q, float d, float m, int zero,
                            float *restrict dst)
{
    for (size_t i = 0; i < 32; i++)
        dst[i] = d * (float)(q[i] - zero) + m;
}

/* 16 bytes of nibbles, low ones first; eight bytes at once. */
static inline void nibbles_16(const uint8_t *qs, uint8_t *q)
{
    const uint64_t mask = UINT64_C(0x0F0F0F0F0F0F0F0F);
    for (size_t i = 0; i < 16; i += 8) {
        uint64_t bytes, low, high;
        memcpy(&bytes, qs + i, sizeof(bytes));
        low = bytes & mask;
        high = bytes >> 4 & mask;
        memcpy(q + i, &low, sizeof(low));
        memcpy(q + i + 16, &high, sizeof(high));
    }
}

static void dequantise_q4_0(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q4_0 *b = src;
    uint8_t q[32];
    for (; n >= 32; n -= 32, b++, dst += 32) {
        nibbles_16(b->qs, q);
        scale_32(q, HALF(b->d), 0, 8, dst);
    }
}

static void dequantise_q4_1(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q4_1 *b = src;
    uint8_t q[32];
    for (; n >= 32; n -= 32, b++, dst += 32) {
        nibbles_16(b->qs, q);
        scale_32(q, HALF(b->d), HALF(b->m), 0, dst);
    }
}

/* Fifth bits, in order. */
static inline void fifths_32(const uint8_t *restrict qh, uint8_t *restrict q)
{
    uint32_t bits;
    memcpy(&bits, qh, sizeof(bits));
    for (uint32_t i = 0; i < 32; i++)
        q[i] = (uint8_t)(q[i] | (bits >> i & 1) << 4);
}

static void dequantise_q5_0(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q5_0 *b = src;
    uint8_t q[32];
    for (; n >= 32; n -= 32, b++, dst += 32) {
        nibbles_16(b->qs, q);
        fifths_32(b->qh, q);
        scale_32(q, HALF(b->d), 0, 16, dst);
    }
}

static void dequantise_q5_1(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q5_1 *b = src;
    uint8_t q[32];
    for (; n >= 32; n -= 32, b++, dst += 32) {
        nibbles_16(b->qs, q);
        fifths_32(b->qh, q);
        scale_32(q, HALF(b->d), HALF(b->m), 0, dst);
    }
}

/* Scale and min of part j (of 8) in the 12 bytes of Q4_K and Q5_K: the first four have bytes of
 * their own, the rest have four bits in the last bytes and two at the top of the first. */
static inline void part_scales(const uint8_t *s, size_t j, float *scale, float *min)
{
    int a = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    int b = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4;
    *scale = (float)a;
    *min = (float)b;
}

/* 32 bytes of nibbles, the low or the high ones. */
static inline void nibbles_32(const uint8_t *restrict qs, bool high, uint8_t *restrict q)
{
    if (high) {
        for (size_t i = 0; i < 32; i++)
            q[i] = qs[i] >> 4;
    } else {
        for (size_t i = 0; i < 32; i++)
            q[i] = qs[i] & 15;
    }
}

static void dequantise_q4_k(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q4_k *b = src;
    uint8_t q[32];
    for (; n >= 256; n -= 256, b++, dst += 256) {
        float d = HALF(b->d), dmin = HALF(b->dmin), scale, min;
        for (size_t j = 0; j < 8; j++) {
            part_scales(b->scales, j, &scale, &min);
            nibbles_32(b->qs + j / 2 * 32, j % 2, q);
            scale_32(q, d * scale, -dmin * min, 0, dst + j * 32);
        }
    }
}

static void dequantise_q5_k(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q5_k *b = src;
    uint8_t q[32];
    for (; n >= 256; n -= 256, b++, dst += 256) {
        float d = HALF(b->d), dmin = HALF(b->dmin), scale, min;
        for (size_t j = 0; j < 8; j++) {
            part_scales(b->scales, j, &scale, &min);
            nibbles_32(b->qs + j / 2 * 32, j % 2, q);
            for (size_t i = 0; i < 32; i++)
                q[i] = (uint8_t)(q[i] | (b->qh[i] >> j & 1) << 4);
            scale_32(q, d * scale, -dmin * min, 0, dst + j * 32);
        }
    }
}

/* Two halves of 128; in each, four runs of 32 share 64 bytes of low nibbles and 32 of pairs. */
static void dequantise_q6_k(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q6_k *b = src;
    for (; n >= 256; n -= 256, b++, dst += 256) {
        float d = HALF(b->d);
        for (size_t part = 0; part < 16; part++) {
            size_t run = part / 2 % 4, at = part / 8 * 32 + part % 2 * 16;
            const uint8_t *ql = b->ql + part / 8 * 32 + at + run % 2 * 32, *qh = b->qh + at;
            unsigned low = run < 2 ? 0 : 4, high = (unsigned)run * 2;
            float scale = d * (float)b->scales[part];
            for (size_t i = 0; i < 16; i++) {
                int q = ((ql[i] >> low & 15) | (qh[i] >> high & 3) << 4) - 32;
                dst[part * 16 + i] = scale * (float)q;
            }
        }
    }
}

static void dequantise_q2_k(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q2_k *b = src;
    for (; n >= 256; n -= 256, b++, dst += 256) {
        float d = HALF(b->d), dmin = HALF(b->dmin);
        for (size_t part = 0; part < 16; part++) {
            const uint8_t *qs = b->qs + part / 8 * 32 + part % 2 * 16;
            unsigned shift = (unsigned)(part / 2 % 4) * 2;
            float scale = d * (float)(b->scales[part] & 15);
            float min = dmin * (float)(b->scales[part] >> 4);
            for (size_t i = 0; i < 16; i++)
                dst[part * 16 + i] = scale * (float)(qs[i] >> shift & 3) - min;
        }
    }
}

static void dequantise_q3_k(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q3_k *b = src;
    for (; n >= 256; n -= 256, b++, dst += 256) {
        float d = HALF(b->d);
        for (size_t part = 0; part < 16; part++) {
            const uint8_t *qs = b->qs + part / 8 * 32 + part % 2 * 16;
            const uint8_t *high = b->hmask + part % 2 * 16;
            unsigned run = (unsigned)(part / 2), shift = run % 4 * 2;
            int low = b->scales[part % 8] >> (part / 8 * 4) & 15;
            int top = b->scales[8 + part % 4] >> (part / 4 * 2) & 3;
            float scale = d * (float)((low | top << 4) - 32);
            for (size_t i = 0; i < 16; i++) {
                int q = ((qs[i] >> shift & 3) | (high[i] >> run & 1) << 2) - 4;
                dst[part * 16 + i] = scale * (float)q;
            }
        }
    }
}

/* 16 bytes of nibbles that choose from a table. */
static inline void levels_32(const uint8_t *restrict qs, const int8_t *restrict levels, float d,
                             float *restrict dst)
{
    for (size_t i = 0; i < 16; i++) {
        dst[i] = d * (float)levels[qs[i] & 15];
        dst[i + 16] = d * (float)levels[qs[i] >> 4];
    }
}

static void dequantise_iq4_nl(const void *src, float *restrict dst, size_t n)
{
    const struct engine_iq4_nl *b = src;
    for (; n >= 32; n -= 32, b++, dst += 32)
        levels_32(b->qs, engine_iq4_levels, HALF(b->d), dst);
}

static void dequantise_iq4_xs(const void *src, float *restrict dst, size_t n)
{
    const struct engine_iq4_xs *b = src;
    for (; n >= 256; n -= 256, b++, dst += 256) {
        float d = HALF(b->d);
        for (size_t j = 0; j < 8; j++) {
            int low = b->scales_l[j / 2] >> (j % 2 * 4) & 15, top = b->scales_h >> (j * 2) & 3;
            levels_32(b->qs + j * 16, engine_iq4_levels, d * (float)((low | top << 4) - 32),
                      dst + j * 32);
        }
    }
}

/* 2^(e - 128): half of the scale, for levels that are twice the number. */
static inline float mxfp4_scale(uint8_t e)
{
    uint32_t bits = e < 2 ? 0x200000U << e : (uint32_t)(e - 1) << 23; /* subnormal below 2 */
    float scale;
    memcpy(&scale, &bits, sizeof(scale));
    return scale;
}

static void dequantise_mxfp4(const void *src, float *restrict dst, size_t n)
{
    const struct engine_mxfp4 *b = src;
    for (; n >= 32; n -= 32, b++, dst += 32)
        levels_32(b->qs, engine_mxfp4_levels, mxfp4_scale(b->e), dst);
}

#endif
