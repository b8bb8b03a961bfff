/* NEON with dot products: four floats at a time, 8-bit products through sdot. */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

typedef float32x4_t V;
#define VW 4
#define TOKENS 4
#define FLOAT_QUADS 1
#define FLOAT_SUMS 1
#define ATTN_ROWS 2
#define ADD_ROWS 4
#define WIDE_IN_16_BITS false

#define v_load vld1q_f32
#define v_store vst1q_f32

static inline V v_load_n(const float *p, size_t n)
{
    float x[4] = {0};
    for (size_t i = 0; i < n; i++)
        x[i] = p[i];
    return v_load(x);
}

static inline void v_store_n(float *p, V v, size_t n)
{
    float x[4];
    v_store(x, v);
    for (size_t i = 0; i < n; i++)
        p[i] = x[i];
}

static inline uint16x4_t halves_n(const uint16_t *p, size_t n)
{
    uint16_t x[4] = {0};
    for (size_t i = 0; i < n; i++)
        x[i] = p[i];
    return vld1_u16(x);
}

static inline V v_load_half(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline V v_load_half_n(const uint16_t *p, size_t n)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(halves_n(p, n)));
}

static inline void v_store_half(uint16_t *p, V v)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}

static inline V v_load_bf16(const uint16_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}

static inline void v_load_bf16_pairs(const uint16_t *p, V *first, V *second)
{
    uint32x4_t both = vreinterpretq_u32_u16(vld1q_u16(p));
    *first = vreinterpretq_f32_u32(vshlq_n_u32(both, 16));
    *second = vreinterpretq_f32_u32(vandq_u32(both, vdupq_n_u32(0xFFFF0000U)));
}

#define v_zero() vdupq_n_f32(0)
#define v_set vdupq_n_f32
#define v_add vaddq_f32
#define v_sub vsubq_f32
#define v_mul vmulq_f32
#define v_div vdivq_f32
#define v_fma(a, b, c) vfmaq_f32(c, a, b)
#define v_max vmaxq_f32
#define v_min vminq_f32
#define v_round vrndnq_f32
#define v_sum vaddvq_f32
#define v_largest vmaxvq_f32

static inline V v_exp2i(V n)
{
    int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23));
}

#include "engine/kernels/simd.h"

/* --- panels: 8 rows against 4 tokens, or 16 against one ------------------------------------- */

typedef int32x4_t I;
#define TILE_VECTORS 2
#define SIGNED_CODES 1

#define i_zero() vdupq_n_s32(0)
#define i_set vdupq_n_s32
#define i_sub vsubq_s32
#define i_mla vmlaq_s32
#define i_float vcvtq_f32_s32
#define i_up vshlq_n_s32
#define i_down vshrq_n_s32
#define i_below16(v) vandq_s32(v, vdupq_n_s32(15))

INLINE I i_load(const uint8_t *p)
{
    return vreinterpretq_s32_u8(vld1q_u8(p));
}

INLINE I i_bytes(const uint8_t *p, bool is_signed)
{
    uint32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    uint8x8_t v = vcreate_u8(bytes);
    if (is_signed)
        return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(v))));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(v))));
}

INLINE I i_field(I v, int by, int mask)
{
    uint8x16_t x = vreinterpretq_u8_s32(v);
    x = by >= 0 ? x >> by : x << -by;
    if (by < 0 || mask != 255 >> by)
        x = vandq_u8(x, vdupq_n_u8((uint8_t)mask));
    return vreinterpretq_s32_u8(x);
}

INLINE I i_insert(I v, I h, int by, int mask)
{
    return vorrq_s32(v, i_field(h, by, mask));
}

INLINE I i_code8(I v)
{
    return veorq_s32(v, vreinterpretq_s32_u8(vdupq_n_u8(0x80)));
}

INLINE I i_levels(const int8_t *levels, I v)
{
    return vreinterpretq_s32_s8(vqtbl1q_s8(vld1q_s8(levels), vreinterpretq_u8_s32(v)));
}

#include "engine/kernels/panels_simd.h"

static float pack_largest(const float *x, size_t n)
{
    V most = v_zero();
    for (size_t i = 0; i < n; i += 4)
        most = v_max(most, vabsq_f32(v_load(x + i)));
    return v_largest(most);
}

static void pack_codes(const float *x, float inverse, int8_t *q, int32_t sums[2])
{
    for (size_t h = 0; h < 2; h++, x += 16) {
        int32x4_t m[4];
        for (size_t i = 0; i < 4; i++)
            m[i] = vcvtnq_s32_f32(v_mul(v_load(x + i * 4), v_set(inverse)));
        int16x8_t first = vcombine_s16(vqmovn_s32(m[0]), vqmovn_s32(m[1]));
        int16x8_t second = vcombine_s16(vqmovn_s32(m[2]), vqmovn_s32(m[3]));
        vst1q_s8(q + h * 16, vcombine_s8(vqmovn_s16(first), vqmovn_s16(second)));
        sums[h] = vaddvq_s32(vaddq_s32(vaddq_s32(m[0], m[1]), vaddq_s32(m[2], m[3])));
    }
}

/* A lane holds the four columns of one token: one load for four tokens. */
INLINE void panel_dots(const uint8_t *codes, struct engine_panel_type type, size_t from,
                       size_t count, const int8_t *q, size_t step_bytes, size_t vectors,
                       size_t tokens, I *dots)
{
#pragma GCC unroll 8
    for (size_t i = 0; i < count; i++) {
        size_t step = count == 8 ? i / 2 + i % 2 * 4 : from + i;
        const int8_t *at = q + step * step_bytes;
        int8x16_t in =
            tokens == 1 ? vreinterpretq_s8_s32(vld1q_dup_s32((const void *)at)) : vld1q_s8(at);
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++) {
            int8x16_t w = vreinterpretq_s8_s32(panel_step(codes + v * VW * 4, type, step));
            I *out = dots + v * tokens;
            if (tokens == 1) {
                out[0] = vdotq_s32(out[0], w, in);
                continue;
            }
            out[0] = vdotq_laneq_s32(out[0], w, in, 0);
            out[1] = vdotq_laneq_s32(out[1], w, in, 1);
            out[2] = vdotq_laneq_s32(out[2], w, in, 2);
            out[3] = vdotq_laneq_s32(out[3], w, in, 3);
        }
    }
}

SIMD_KERNELS(neon);
