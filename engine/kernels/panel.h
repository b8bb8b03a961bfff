/*
 * Panels: weights of less than 32 bits in the order that the kernels read them.
 *
 *     const struct engine_panel_layout *l = engine_panel_layout(ENGINE_FORMAT_Q4_K); // or NULL
 *     size_t bytes = engine_panel_bytes(l, cols);              // per sixteen rows
 *     engine_panel_pack(l, rows, row_bytes, 16, cols, panel);  // once, when a model is loaded
 *     kernels->panels[ENGINE_FORMAT_Q4_K](&job, 0, panels);    // y = W x, all sets alike
 *     engine_panel_row(l, panel, 3, cols, floats);             // back again, exactly
 *
 * A panel is sixteen rows interleaved, in blocks of 32 columns. A block's weights are
 *     scale * (code - zero)          or          scale * code - min
 * with codes of 2 to 8 bits. A step is four columns; a vector of 64 bytes holds the codes of one
 * step for all rows, row after row, so that one dot-product instruction advances all of them. The
 * codes of a block are split into planes, first to last:
 *     8 bits: eight vectors, one for each step
 *     4 bits: four vectors, step i in the low nibbles of vector i, step i + 4 in the high ones
 *     2 bits: two vectors, step i in bits 2 (i % 4) of vector i / 4
 *     1 bit: one vector, step i in bit i
 * where the planes of a code go from its lowest bits up (6 bits = 4 + 2).
 *
 * Two blocks make a pair: the scales of both, then the codes of the first, then of the second. Four
 * pairs of a K type make a group with a header before them. So a panel is read from its first byte
 * to its last, in whole cache lines and in one stream, which is what hardware prefetches at the
 * speed of memory; two streams reach half of it. Nothing is lost: a panel's weights are the file's,
 * in about the file's size (3 % more for Q4_K, 1 % for Q6_K, none for most).
 *
 * Inputs are given in 8 bits, in groups of four tokens, so that a step of all four stands together;
 * a single token has a form of its own. They have a scale for each 32 columns; for a K type, whose
 * blocks in the file are 256 columns, one for each 256 ("wide"): then all of a block is whole
 * numbers, sum of (scale * sum of codes), and floats are needed once in 256 columns.
 *
 * F16 and BF16 have panels too, of any number of columns: a vector of 64 bytes holds two columns of
 * all rows, in F16 one column after the other, in BF16 side by side row after row. A last column
 * without a neighbour has zeros for one. Their inputs are float32, or of BF16 where a processor
 * multiplies that bfloat16.
 */
#ifndef ENGINE_KERNELS_PANEL_H
#define ENGINE_KERNELS_PANEL_H

#include <stdbool.h>

#include "engine/gguf/format.h"

#define ENGINE_PANEL_ROWS 16
#define ENGINE_PANEL_BLOCK 32
#define ENGINE_PANEL_STEPS 8

enum engine_panel_scales {
    /* of a block: scale[16], half precision */
    ENGINE_PANEL_HALF,
    /* of a block: scale[16], bfloat16 (the upper half of a float32) */
    ENGINE_PANEL_BF16,
    /* of a block: scale[16], min[16], half precision; the min is added */
    ENGINE_PANEL_HALF_MIN,
    /* none: F16 and BF16 */
    ENGINE_PANEL_FLOATS,
    /* header: d[16], dmin[16] in half precision; of a block: scale[16], min[16] as bytes:
     * d * scale, and dmin * min is subtracted */
    ENGINE_PANEL_K32,
    /* as K16, but for a block's two scales, which are the same */
    ENGINE_PANEL_K32_ZERO,
    /* header: d[16] in float32; of a block: scale[16] of its first sixteen columns, scale[16]
     * of the others, signed bytes: d * scale */
    ENGINE_PANEL_K16,
    /* header: d[16], dmin[16] in half precision; of a block: a byte[16] for its first sixteen
     * columns, one for the others: scale in the low nibble, min in the high one */
    ENGINE_PANEL_K16_MIN,
    ENGINE_PANEL_SCALES_COUNT
};

/* Bytes of a header, of a pair's scales, and of a pair; pairs to a header. */
#define ENGINE_PANEL_HEADER(kind) ((kind) >= ENGINE_PANEL_K32 ? 64U : 0U)
#define ENGINE_PANEL_PAIR_SCALES(kind) ((kind) == ENGINE_PANEL_HALF_MIN ? 128U : 64U)
#define ENGINE_PANEL_PAIR(kind, bits) (ENGINE_PANEL_PAIR_SCALES(kind) + 128U * (bits))
#define ENGINE_PANEL_GROUP_PAIRS 4U

#define ENGINE_PANEL_IS_WIDE(kind) (ENGINE_PANEL_HEADER(kind) > 0)

/* What kernels know of a format. */
struct engine_panel_type {
    uint8_t bits; /* of a code: 2 to 6, or 8; of a float: 16 */
    uint8_t zero; /* 4, 8, 16, 32, 128; 0 where there is a min */
    enum engine_panel_scales scales;
    const int8_t *levels; /* [16]: codes of 4 bits choose code - 128; NULL = they are it */
};

/* Every quantised format: name, bits, zero, scales, levels. */
#define ENGINE_PANEL_TYPES(TYPE)                                                                   \
    TYPE(Q8_0, 8, 128, HALF, NULL)                                                                 \
    TYPE(Q4_0, 4, 8, HALF, NULL)                                                                   \
    TYPE(Q4_1, 4, 0, HALF_MIN, NULL)                                                               \
    TYPE(Q5_0, 5, 16, HALF, NULL)                                                                  \
    TYPE(Q5_1, 5, 0, HALF_MIN, NULL)                                                               \
    TYPE(Q4_K, 4, 0, K32, NULL)                                                                    \
    TYPE(Q5_K, 5, 0, K32, NULL)                                                                    \
    TYPE(Q6_K, 6, 32, K16, NULL)                                                                   \
    TYPE(Q2_K, 2, 0, K16_MIN, NULL)                                                                \
    TYPE(Q3_K, 3, 4, K16, NULL)                                                                    \
    TYPE(IQ4_NL, 4, 128, HALF, engine_iq4_levels)                                                  \
    TYPE(IQ4_XS, 4, 128, K32_ZERO, engine_iq4_levels)                                              \
    TYPE(MXFP4, 4, 128, BF16, engine_mxfp4_levels)

/* Up to sixteen rows of the file. */
struct engine_panel_source {
    const uint8_t *rows;
    size_t row_bytes, row_count, cols;
    size_t blocks; /* of 32 columns */
    size_t block_bytes;
};

struct engine_panel_layout {
    enum engine_format_id format;
    struct engine_panel_type type;
    /* engine_panel_pack() without its zeros */
    void (*pack)(const struct engine_panel_source *from, uint8_t *panel);
};

/* NULL for F32, which is computed as it lies in the file. */
const struct engine_panel_layout *engine_panel_layout(enum engine_format_id format);

/* Where a block's parts stand in a panel; not of floats. */
struct engine_panel_place {
    size_t header, scales, codes;
};
static inline struct engine_panel_place engine_panel_place(struct engine_panel_type type,
                                                           size_t block)
{
    size_t pair = block / 2, pair_bytes = ENGINE_PANEL_PAIR(type.scales, type.bits);
    size_t headers = pair / ENGINE_PANEL_GROUP_PAIRS * ENGINE_PANEL_HEADER(type.scales);
    size_t header =
        headers + pair / ENGINE_PANEL_GROUP_PAIRS * ENGINE_PANEL_GROUP_PAIRS * pair_bytes;
    size_t start = headers + ENGINE_PANEL_HEADER(type.scales) + pair * pair_bytes;
    size_t scales = ENGINE_PANEL_PAIR_SCALES(type.scales);
    return (struct engine_panel_place){header, start + block % 2 * scales / 2,
                                       start + scales + block % 2 * 64 * type.bits};
}

/* Of one panel of `cols` columns (whole blocks of the format); a multiple of 64. */
size_t engine_panel_bytes(const struct engine_panel_layout *layout, size_t cols);
/* Up to sixteen rows of the file, row_bytes apart; missing ones become zero. `panel` is aligned to
 * 64 and not the source. */
void engine_panel_pack(const struct engine_panel_layout *layout, const uint8_t *rows,
                       size_t row_bytes, size_t row_count, size_t cols, uint8_t *panel);

/* One row as float32: what the format's `dequantise` gives, to the last bit. */
void engine_panel_row(const struct engine_panel_layout *layout, const uint8_t *panel, size_t row,
                      size_t cols, float *out);

/* --- inputs ------------------------------------------------------------------------------- */

/* 32 columns of one token: q * d is the number. */
struct engine_act1 {
    int8_t q[ENGINE_PANEL_BLOCK]; /* -127 to 127 */
    float d;
    float sum;     /* d times the sum of q */
    int32_t shift; /* -8 times the sum of q */
    int32_t unused[5];
};

/* 32 columns of four tokens; those that there are not are zero. */
struct engine_act4 {
    int8_t q[ENGINE_PANEL_STEPS][4][4]; /* step, token, column */
    float d[4], sum[4];
    int32_t shift[4];
};
_Static_assert(sizeof(struct engine_act1) == 64 && sizeof(struct engine_act4) == 176,
               "no gaps: kernels step by these sizes");

/* The same for 256 columns, for wide types. */
#define ENGINE_WIDE 256
#define ENGINE_WIDE_BLOCKS 8 /* of ENGINE_PANEL_BLOCK */
struct engine_wide1 {
    int8_t q[ENGINE_WIDE];
    int32_t start[16];  /* -32 times the sum of sixteen q */
    int16_t halves[16]; /* the sum of sixteen */
    int16_t sums[8];    /* the sum of 32 */
    float d;
    int32_t unused[3];
};

struct engine_wide4 {
    int8_t q[ENGINE_WIDE_BLOCKS * ENGINE_PANEL_STEPS][4][4];
    int32_t start[16][4];
    int16_t halves[8][4][2]; /* two neighbours of each token side by side */
    int16_t sums[4][4][2];
    float d[4];
};
_Static_assert(sizeof(struct engine_wide1) == 384 && sizeof(struct engine_wide4) == 1488,
               "no gaps: kernels step by these sizes");

/* What a product wants its input as; engine_kernels_form() says which. */
enum engine_act_form {
    ENGINE_ACT_NARROW, /* act1, act4 */
    ENGINE_ACT_WIDE,   /* wide1, wide4 */
    ENGINE_ACT_FLOATS, /* float[cols] as it is; float[engine_act_cols(cols)][4 tokens] */
    ENGINE_ACT_BF16,   /* bfloat16[engine_act_cols(cols)]; [engine_act_cols(cols) / 2][4][2] */
    ENGINE_ACT_COUNT
};

/* Columns of four tokens in float32 or bfloat16, so that no line of the cache is torn; those added
 * are zero. */
static inline size_t engine_act_cols(size_t cols)
{
    return (cols + 3) / 4 * 4;
}

/* Bytes of all columns of four tokens, or with `single` of one. */
static inline size_t engine_act_row_bytes(enum engine_act_form form, bool single, size_t cols)
{
    if (form == ENGINE_ACT_FLOATS)
        return single ? cols * sizeof(float) : engine_act_cols(cols) * 4 * sizeof(float);
    if (form == ENGINE_ACT_BF16)
        return engine_act_cols(cols) * sizeof(uint16_t) * (single ? 1 : 4);
    if (form == ENGINE_ACT_WIDE)
        return cols / ENGINE_WIDE *
               (single ? sizeof(struct engine_wide1) : sizeof(struct engine_wide4));
    return cols / ENGINE_PANEL_BLOCK *
           (single ? sizeof(struct engine_act1) : sizeof(struct engine_act4));
}

/* Bytes of an input: rows for one token, or one for each four. */
static inline size_t engine_act_bytes(enum engine_act_form form, size_t tokens, size_t cols)
{
    size_t rows = tokens == 1 ? 1 : (tokens + 3) / 4;
    return (rows * engine_act_row_bytes(form, tokens == 1, cols) + 63) / 64 * 64;
}

/* Up to four tokens as ENGINE_ACT_FLOATS; those that are NULL are zero. */
void engine_act_floats(const float *const x[4], size_t n, float *out);

/* --- products ----------------------------------------------------------------------------- */

/* Memory that is read soon and asked for while a product is computed, some cache lines with each
 * pair of blocks: many at once would be waited for. */
struct engine_fetch_part {
    const char *at, *end;
};

struct engine_fetch {
    struct engine_fetch_part *next, *end; /* those that are left */
    size_t lines;                         /* with each pair */
};

/* Asks for the next `lines` of it. */
static inline void engine_fetch_lines(struct engine_fetch *fetch, size_t lines)
{
    for (; lines > 0 && fetch->next < fetch->end; lines--) {
        __builtin_prefetch(fetch->next->at, 0, 2);
        fetch->next->at += 64;
        if (fetch->next->at >= fetch->next->end)
            fetch->next++;
    }
}

struct engine_panel_job {
    const struct engine_panel_layout *layout;
    const uint8_t *panels;
    size_t panel_bytes;
    size_t rows; /* of the matrix; the last panel may be partly used */
    size_t cols;
    const void *x; /* act1[cols / 32], or with `quads` act4[(tokens + 3) / 4][cols / 32]; likewise
                      the other forms of engine_act_form */
    bool quads;
    size_t tokens; /* 1 without `quads` */
    float *y;
    size_t y_stride;            /* floats from one token to the next */
    struct engine_fetch *fetch; /* NULL = nothing; a set may leave it as it is */
};

/* Panels from `panel` to `end` - 1 against all tokens. */
typedef void (*engine_panel_fn)(const struct engine_panel_job *job, size_t panel, size_t end);

#endif
