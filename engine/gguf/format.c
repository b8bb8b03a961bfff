#include "engine/gguf/dequantise.h"

const int8_t engine_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};
const int8_t engine_mxfp4_levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

float engine_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000U) << 16;
    uint32_t exponent = (half >> 10) & 0x1FU;
    uint32_t mantissa = half & 0x3FFU;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24 */
        float value = (float)mantissa * 0x1p-24F;
        return sign ? -value : value;
    }
    if (exponent == 31)
        return bits_float(sign | 0x7F800000U | (mantissa << 13));
    return bits_float(sign | ((exponent + 112U) << 23) | (mantissa << 13));
}

uint16_t engine_float_to_half(float value)
{
    uint32_t bits = float_bits(value);
    uint32_t sign = (bits >> 16) & 0x8000U;
    uint32_t rest = bits & 0x7FFFFFFFU;
    if (rest > 0x7F800000U)
        return (uint16_t)(sign | 0x7E00U); /* not a number */
    if (rest >= 0x47800000U)
        return (uint16_t)(sign | 0x7C00U); /* 65536 and more: infinity */
    if (rest < 0x38800000U) { /* below 2^-14: subnormal; adding 0.5 lets the adder round */
        float sum = bits_float(rest) + 0.5F;
        return (uint16_t)(sign | (float_bits(sum) - 0x3F000000U));
    }
    uint32_t odd = (rest >> 13) & 1U;
    return (uint16_t)(sign | ((rest - 0x38000000U + 0xFFFU + odd) >> 13));
}

static void dequantise_f32(const void *src, float *dst, size_t n)
{
    memcpy(dst, src, n * sizeof(float));
}

static void dequantise_f16(const void *src, float *dst, size_t n)
{
    const uint16_t *halves = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = engine_half_to_float(halves[i]);
}

static void dequantise_bf16(const void *src, float *dst, size_t n)
{
    const uint16_t *halves = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = bits_float((uint32_t)halves[i] << 16);
}

static void dequantise_q8_0(const void *src, float *restrict dst, size_t n)
{
    const struct engine_q8_0 *b = src;
    for (; n >= 32; n -= 32, b++, dst += 32) {
        float d = engine_half_to_float(b->d);
        for (size_t i = 0; i < 32; i++)
            dst[i] = d * (float)b->qs[i];
    }
}

static const struct engine_format formats[ENGINE_FORMAT_COUNT] = {
    [ENGINE_FORMAT_F32] = {ENGINE_FORMAT_F32, "F32", 0, 1, 4, dequantise_f32},
    [ENGINE_FORMAT_F16] = {ENGINE_FORMAT_F16, "F16", 1, 1, 2, dequantise_f16},
    [ENGINE_FORMAT_BF16] = {ENGINE_FORMAT_BF16, "BF16", 30, 1, 2, dequantise_bf16},
    [ENGINE_FORMAT_Q8_0] = {ENGINE_FORMAT_Q8_0, "Q8_0", 8, 32, 34, dequantise_q8_0},
    [ENGINE_FORMAT_Q4_0] = {ENGINE_FORMAT_Q4_0, "Q4_0", 2, 32, 18, dequantise_q4_0},
    [ENGINE_FORMAT_Q4_1] = {ENGINE_FORMAT_Q4_1, "Q4_1", 3, 32, 20, dequantise_q4_1},
    [ENGINE_FORMAT_Q5_0] = {ENGINE_FORMAT_Q5_0, "Q5_0", 6, 32, 22, dequantise_q5_0},
    [ENGINE_FORMAT_Q5_1] = {ENGINE_FORMAT_Q5_1, "Q5_1", 7, 32, 24, dequantise_q5_1},
    [ENGINE_FORMAT_Q4_K] = {ENGINE_FORMAT_Q4_K, "Q4_K", 12, 256, 144, dequantise_q4_k},
    [ENGINE_FORMAT_Q5_K] = {ENGINE_FORMAT_Q5_K, "Q5_K", 13, 256, 176, dequantise_q5_k},
    [ENGINE_FORMAT_Q6_K] = {ENGINE_FORMAT_Q6_K, "Q6_K", 14, 256, 210, dequantise_q6_k},
    [ENGINE_FORMAT_Q2_K] = {ENGINE_FORMAT_Q2_K, "Q2_K", 10, 256, 84, dequantise_q2_k},
    [ENGINE_FORMAT_Q3_K] = {ENGINE_FORMAT_Q3_K, "Q3_K", 11, 256, 110, dequantise_q3_k},
    [ENGINE_FORMAT_IQ4_NL] = {ENGINE_FORMAT_IQ4_NL, "IQ4_NL", 20, 32, 18, dequantise_iq4_nl},
    [ENGINE_FORMAT_IQ4_XS] = {ENGINE_FORMAT_IQ4_XS, "IQ4_XS", 23, 256, 136, dequantise_iq4_xs},
    [ENGINE_FORMAT_MXFP4] = {ENGINE_FORMAT_MXFP4, "MXFP4", 39, 32, 17, dequantise_mxfp4},
};

/* All types of the container, for messages. */
static const char *const ggml_names[] = {
    [0] = "F32",     [1] = "F16",      [2] = "Q4_0",   [3] = "Q4_1",    [6] = "Q5_0",
    [7] = "Q5_1",    [8] = "Q8_0",     [9] = "Q8_1",   [10] = "Q2_K",   [11] = "Q3_K",
    [12] = "Q4_K",   [13] = "Q5_K",    [14] = "Q6_K",  [15] = "Q8_K",   [16] = "IQ2_XXS",
    [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [20] = "IQ4_NL", [21] = "IQ3_S",
    [22] = "IQ2_S",  [23] = "IQ4_XS",  [24] = "I8",    [25] = "I16",    [26] = "I32",
    [27] = "I64",    [28] = "F64",     [29] = "IQ1_M", [30] = "BF16",   [34] = "TQ1_0",
    [35] = "TQ2_0",  [39] = "MXFP4",   [40] = "NVFP4", [41] = "Q1_0",   [42] = "Q2_0",
};

const struct engine_format *engine_format_by_ggml(uint32_t ggml_id)
{
    for (size_t i = 0; i < ENGINE_FORMAT_COUNT; i++) {
        if (formats[i].ggml_id == ggml_id)
            return &formats[i];
    }
    return NULL;
}

const struct engine_format *engine_format_at(enum engine_format_id id)
{
    return &formats[id];
}

const char *engine_format_ggml_name(uint32_t ggml_id)
{
    size_t count = sizeof(ggml_names) / sizeof(ggml_names[0]);
    return ggml_id < count && ggml_names[ggml_id] ? ggml_names[ggml_id] : "?";
}

uint64_t engine_format_row_bytes(const struct engine_format *format, uint64_t n)
{
    return n / format->block * format->block_bytes;
}
