/*
 * Formats: how weights are laid out, one row per type of the GGUF container.
 *
 *     const struct engine_format *f = engine_format_by_ggml(8);      // Q8_0
 *     uint64_t bytes = engine_format_row_bytes(f, 4096);             // one row of 4096 numbers
 *     f->dequantise(row, out, 4096);
 *
 * This table knows sizes and meaning only; speed is the business of panels (kernels/panel.h), which
 * every format but F32 has. Adding a type: a value of the enum, a row, a function, and its panels.
 * All static data: any thread.
 */
#ifndef ENGINE_GGUF_FORMAT_H
#define ENGINE_GGUF_FORMAT_H

#include "base/core/slice.h"

enum engine_format_id {
    ENGINE_FORMAT_F32,
    ENGINE_FORMAT_F16,
    ENGINE_FORMAT_BF16,
    ENGINE_FORMAT_Q8_0,
    ENGINE_FORMAT_Q4_0,
    ENGINE_FORMAT_Q4_1,
    ENGINE_FORMAT_Q5_0,
    ENGINE_FORMAT_Q5_1,
    ENGINE_FORMAT_Q4_K,
    ENGINE_FORMAT_Q5_K,
    ENGINE_FORMAT_Q6_K,
    ENGINE_FORMAT_Q2_K,
    ENGINE_FORMAT_Q3_K,
    ENGINE_FORMAT_IQ4_NL,
    ENGINE_FORMAT_IQ4_XS,
    ENGINE_FORMAT_MXFP4,
    ENGINE_FORMAT_COUNT
};

struct engine_format {
    enum engine_format_id id;
    const char *name;     /* as people write it: "Q8_0" */
    uint32_t ggml_id;     /* number in the file */
    uint32_t block;       /* numbers per block; rows are whole blocks */
    uint32_t block_bytes; /* bytes per block */
    /* `n` numbers (whole blocks) from `src`, which is aligned to 2 bytes (4 for F32, 1 for
     * MXFP4). */
    void (*dequantise)(const void *src, float *dst, size_t n);
};

/* Block of Q8_0: 32 signed bytes times one half-precision scale. */
#define ENGINE_Q8_0_BLOCK 32
struct engine_q8_0 {
    uint16_t d;
    int8_t qs[ENGINE_Q8_0_BLOCK];
};
_Static_assert(sizeof(struct engine_q8_0) == 34, "layout of the file");

/*
 * Blocks of 32 with 4 or 5 bits: number i of the first half stands in the low nibble of byte i,
 * number i + 16 in the high one; fifth bits in `qh`, in order. Q4_0: d (q - 8); Q5_0: d (q - 16);
 * the others d q + m.
 */
struct engine_q4_0 {
    uint16_t d;
    uint8_t qs[16];
};
struct engine_q4_1 {
    uint16_t d, m;
    uint8_t qs[16];
};
struct engine_q5_0 {
    uint16_t d;
    uint8_t qh[4], qs[16];
};
struct engine_q5_1 {
    uint16_t d, m;
    uint8_t qh[4], qs[16];
};

/*
 * Blocks of 256. Q4_K and Q5_K: eight parts of 32, each d * scale * q - dmin * min with scale
 * and min in 6 bits, packed in `scales`; nibbles in four runs of 32 bytes, low ones first; fifth
 * bits in qh[i], bit by part. Q6_K: sixteen parts of 16, each d * scale * (q - 32).
 */
struct engine_q4_k {
    uint16_t d, dmin;
    uint8_t scales[12], qs[128];
};
struct engine_q5_k {
    uint16_t d, dmin;
    uint8_t scales[12], qh[32], qs[128];
};
struct engine_q6_k {
    uint8_t ql[128], qh[64];
    int8_t scales[16];
    uint16_t d;
};
_Static_assert(sizeof(struct engine_q4_0) == 18 && sizeof(struct engine_q4_1) == 20 &&
                   sizeof(struct engine_q5_0) == 22 && sizeof(struct engine_q5_1) == 24 &&
                   sizeof(struct engine_q4_k) == 144 && sizeof(struct engine_q5_k) == 176 &&
                   sizeof(struct engine_q6_k) == 210,
               "layouts of the file");

/*
 * Sixteen parts of 16 in two halves; in each, four runs of 32 share 32 bytes of pairs of bits, low
 * ones first. Q2_K: d * scale * q - dmin * min, scale and min in the nibbles of one byte. Q3_K:
 * d * (scale - 32) * (q - 4), third bits in hmask[i], bit by run; low nibbles of the scales in the
 * first eight bytes, their upper pairs in the last four.
 */
struct engine_q2_k {
    uint8_t scales[16], qs[64];
    uint16_t d, dmin;
};
struct engine_q3_k {
    uint8_t hmask[32], qs[64], scales[12];
    uint16_t d;
};

/*
 * Four bits that choose from a table, nibbles as in Q4_0. IQ4_NL: d * engine_iq4_levels[q]. IQ4_XS:
 * eight of these with scales of 6 bits less 32, nibbles in scales_l, upper pairs in scales_h.
 * MXFP4: 2^(e - 127) * half of engine_mxfp4_levels[q] (OCP Microscaling Formats 1.0: E2M1 numbers,
 * an E8M0 scale; e = 255, not a number there, is 2^128 / 2 here as in llama.cpp).
 */
struct engine_iq4_nl {
    uint16_t d;
    uint8_t qs[16];
};
struct engine_iq4_xs {
    uint16_t d, scales_h;
    uint8_t scales_l[4], qs[128];
};
struct engine_mxfp4 {
    uint8_t e, qs[16];
};
extern const int8_t engine_iq4_levels[16];
extern const int8_t engine_mxfp4_levels[16]; /* twice the number */
_Static_assert(sizeof(struct engine_q2_k) == 84 && sizeof(struct engine_q3_k) == 110 &&
                   sizeof(struct engine_iq4_nl) == 18 && sizeof(struct engine_iq4_xs) == 136 &&
                   sizeof(struct engine_mxfp4) == 17,
               "layouts of the file");

/* Row by number in the file; NULL when this engine does not compute it. */
const struct engine_format *engine_format_by_ggml(uint32_t ggml_id);
const struct engine_format *engine_format_at(enum engine_format_id id);

/* "IQ3_S" for types that are known by name only too; "?" for others. */
const char *engine_format_ggml_name(uint32_t ggml_id);

/* Bytes of a row of `n` numbers; `n` must be whole blocks and below 2^40. */
uint64_t engine_format_row_bytes(const struct engine_format *format, uint64_t n);

/* IEEE 754 half precision, exact one way, rounded to nearest even the other. */
float engine_half_to_float(uint16_t half);
uint16_t engine_float_to_half(float value);

#endif
