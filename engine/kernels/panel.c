#include <string.h>

#include "engine/kernels/panel.h"

#define INLINE static inline __attribute__((always_inline))
#define ROWS ENGINE_PANEL_ROWS
/* Blocks of 32 columns in a block of the file, by what its scales are. */
#define PARTS(kind) (ENGINE_PANEL_HEADER(kind) > 0 ? 8U : 1U)
#define LOW_NIBBLES UINT32_C(0x0F0F0F0F)
#define LOW_PAIRS UINT32_C(0x03030303)
#define LOW_BITS UINT32_C(0x01010101)

INLINE uint32_t load(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

INLINE void store(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

/* The scales of a block of 32 columns, as they lie in a panel. */
struct panel_scale {
    uint16_t d, m;
    uint8_t s[2];
};

/* --- codes, format by format (layouts: engine/gguf/format.h) -------------------------------- */

/* Four bits to four bytes. */
INLINE uint32_t spread(uint32_t bits)
{
    return (bits * UINT32_C(0x00204081)) & LOW_BITS;
}

/* 16 bytes of nibbles, low ones first. */
INLINE void nibbles(const uint8_t *qs, uint32_t *steps)
{
    for (size_t i = 0; i < 4; i++) {
        uint32_t v = load(qs + 4 * i);
        steps[i] = v & LOW_NIBBLES;
        steps[i + 4] = v >> 4 & LOW_NIBBLES;
    }
}

INLINE void fifths(const uint8_t *qh, uint32_t *steps)
{
    uint32_t bits = load(qh);
    for (size_t i = 0; i < 8; i++)
        steps[i] |= spread(bits >> 4 * i & 15) << 4;
}

/* Bits `at` and up of each of 32 bytes. */
INLINE void field(const uint8_t *bytes, size_t at, uint32_t mask, unsigned to, uint32_t *steps)
{
    for (size_t i = 0; i < 8; i++)
        steps[i] |= (load(bytes + 4 * i) >> at & mask) << to;
}

#define CODES(name) INLINE void codes_##name(const uint8_t *block, size_t part, uint32_t *steps)
#define SCALES(name)                                                                               \
    INLINE void scales_##name(const uint8_t *block, size_t part, struct panel_scale *ret)
#define AT(type, member) (block + offsetof(struct type, member))

INLINE uint16_t half(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Of types whose blocks have 32 numbers and begin with their scale. */
INLINE void first_half(const uint8_t *block, size_t part, struct panel_scale *ret)
{
    (void)part;
    ret->d = half(block);
}

INLINE void first_halves(const uint8_t *block, size_t part, struct panel_scale *ret)
{
    (void)part;
    ret->d = half(block);
    ret->m = half(block + 2);
}

CODES(Q8_0)
{
    (void)part;
    for (size_t i = 0; i < 8; i++)
        steps[i] = load(AT(engine_q8_0, qs) + 4 * i) ^ UINT32_C(0x80808080);
}
#define scales_Q8_0 first_half

CODES(Q4_0)
{
    (void)part;
    nibbles(AT(engine_q4_0, qs), steps);
}
#define scales_Q4_0 first_half
#define codes_IQ4_NL codes_Q4_0
#define scales_IQ4_NL first_half

CODES(Q4_1)
{
    (void)part;
    nibbles(AT(engine_q4_1, qs), steps);
}
#define scales_Q4_1 first_halves

CODES(Q5_0)
{
    (void)part;
    nibbles(AT(engine_q5_0, qs), steps);
    fifths(AT(engine_q5_0, qh), steps);
}
#define scales_Q5_0 first_half

CODES(Q5_1)
{
    (void)part;
    nibbles(AT(engine_q5_1, qs), steps);
    fifths(AT(engine_q5_1, qh), steps);
}
#define scales_Q5_1 first_halves

CODES(Q4_K)
{
    memset(steps, 0, 32);
    field(AT(engine_q4_k, qs) + part / 2 * 32, part % 2 * 4, LOW_NIBBLES, 0, steps);
}

/* Scale and min of part j: 6 bits each, the first four parts' in the low bits of bytes 0 to 7, the
 * others' split between nibbles of the last bytes and the two top bits of the first. */
SCALES(Q4_K)
{
    const uint8_t *s = AT(engine_q4_k, scales);
    size_t j = part;
    ret->d = half(block);
    ret->m = half(block + 2);
    ret->s[0] = (uint8_t)(j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4);
    ret->s[1] = (uint8_t)(j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4);
}

CODES(Q5_K)
{
    memset(steps, 0, 32);
    field(AT(engine_q5_k, qs) + part / 2 * 32, part % 2 * 4, LOW_NIBBLES, 0, steps);
    field(AT(engine_q5_k, qh), part, LOW_BITS, 4, steps);
}
#define scales_Q5_K scales_Q4_K
_Static_assert(offsetof(struct engine_q4_k, scales) == offsetof(struct engine_q5_k, scales),
               "scales_Q4_K() takes both");

CODES(Q6_K)
{
    memset(steps, 0, 32);
    field(AT(engine_q6_k, ql) + part / 4 * 64 + part % 2 * 32, part % 4 / 2 * 4, LOW_NIBBLES, 0,
          steps);
    field(AT(engine_q6_k, qh) + part / 4 * 32, part % 4 * 2, LOW_PAIRS, 4, steps);
}

SCALES(Q6_K)
{
    ret->d = half(AT(engine_q6_k, d));
    memcpy(ret->s, AT(engine_q6_k, scales) + part * 2, 2);
}

CODES(Q2_K)
{
    memset(steps, 0, 32);
    field(AT(engine_q2_k, qs) + part / 4 * 32, part % 4 * 2, LOW_PAIRS, 0, steps);
}

SCALES(Q2_K)
{
    ret->d = half(AT(engine_q2_k, d));
    ret->m = half(AT(engine_q2_k, dmin));
    memcpy(ret->s, AT(engine_q2_k, scales) + part * 2, 2);
}

CODES(Q3_K)
{
    memset(steps, 0, 32);
    field(AT(engine_q3_k, qs) + part / 4 * 32, part % 4 * 2, LOW_PAIRS, 0, steps);
    field(AT(engine_q3_k, hmask), part, LOW_BITS, 2, steps);
}

SCALES(Q3_K)
{
    const uint8_t *s = AT(engine_q3_k, scales);
    ret->d = half(AT(engine_q3_k, d));
    for (size_t h = 0; h < 2; h++) {
        size_t i = part * 2 + h;
        int low = s[i % 8] >> (i / 8 * 4) & 15, top = s[8 + i % 4] >> (i / 4 * 2) & 3;
        ret->s[h] = (uint8_t)((low | top << 4) - 32);
    }
}

CODES(IQ4_XS)
{
    nibbles(AT(engine_iq4_xs, qs) + part * 16, steps);
}

SCALES(IQ4_XS)
{
    int low = AT(engine_iq4_xs, scales_l)[part / 2] >> (part % 2 * 4) & 15;
    int top = half(AT(engine_iq4_xs, scales_h)) >> (part * 2) & 3;
    ret->d = half(block);
    ret->s[0] = ret->s[1] = (uint8_t)((low | top << 4) - 32);
}

CODES(MXFP4)
{
    (void)part;
    nibbles(AT(engine_mxfp4, qs), steps);
}

/* 2^(e - 128), half of the scale, for levels that are twice the number; a subnormal below e = 2. */
SCALES(MXFP4)
{
    unsigned e = *AT(engine_mxfp4, e);
    (void)part;
    ret->d = (uint16_t)(e < 2 ? 0x20U << e : (e - 1) << 7);
}

size_t engine_panel_bytes(const struct engine_panel_layout *layout, size_t cols)
{
    if (layout->type.scales == ENGINE_PANEL_FLOATS)
        return (cols + 1) / 2 * 64;
    size_t pairs = (cols / ENGINE_PANEL_BLOCK + 1) / 2;
    size_t headers = (pairs + ENGINE_PANEL_GROUP_PAIRS - 1) / ENGINE_PANEL_GROUP_PAIRS;
    return pairs * ENGINE_PANEL_PAIR(layout->type.scales, layout->type.bits) +
           headers * ENGINE_PANEL_HEADER(layout->type.scales);
}

/* --- packing -------------------------------------------------------------------------------- */

/* One row's codes of a block into the planes. */
INLINE void put_codes(unsigned bits, const uint32_t *steps, uint8_t *out)
{
    unsigned low = 0;
    if (bits == 8) {
        for (size_t i = 0; i < 8; i++)
            store(out + i * 64, steps[i]);
        return;
    }
    if (bits >= 4) {
        for (size_t i = 0; i < 4; i++)
            store(out + i * 64, (steps[i] & LOW_NIBBLES) | (steps[i + 4] & LOW_NIBBLES) << 4);
        out += 4 * 64;
        low = 4;
    }
    if (bits - low >= 2) {
        for (size_t i = 0; i < 8; i += 4) {
            uint32_t v = 0;
            for (size_t j = 0; j < 4; j++)
                v |= (steps[i + j] >> low & LOW_PAIRS) << 2 * j;
            store(out + i * 16, v);
        }
        out += 2 * 64;
        low += 2;
    }
    if (bits > low) {
        uint32_t v = 0;
        for (size_t i = 0; i < 8; i++)
            v |= (steps[i] >> low & LOW_BITS) << i;
        store(out, v);
    }
}

static void get_codes(unsigned bits, const uint8_t *in, uint32_t *steps)
{
    unsigned low = 0;
    memset(steps, 0, ENGINE_PANEL_STEPS * sizeof(*steps));
    if (bits == 8) {
        for (size_t i = 0; i < 8; i++)
            steps[i] = load(in + i * 64);
        return;
    }
    if (bits >= 4) {
        for (size_t i = 0; i < 8; i++)
            steps[i] = load(in + i % 4 * 64) >> i / 4 * 4 & LOW_NIBBLES;
        in += 4 * 64;
        low = 4;
    }
    if (bits - low >= 2) {
        for (size_t i = 0; i < 8; i++)
            steps[i] |= (load(in + i / 4 * 64) >> i % 4 * 2 & LOW_PAIRS) << low;
        in += 2 * 64;
        low += 2;
    }
    for (size_t i = 0; bits > low && i < 8; i++)
        steps[i] |= (load(in) >> i & LOW_BITS) << low;
}

/* One row's part of a group's header, where there is one. */
INLINE void put_header(enum engine_panel_scales kind, const struct panel_scale *s, uint8_t *header,
                       size_t row)
{
    if (kind == ENGINE_PANEL_K16 || kind == ENGINE_PANEL_K32_ZERO) {
        float d = engine_half_to_float(s->d);
        memcpy(header + row * 4, &d, sizeof(d));
    } else if (ENGINE_PANEL_HEADER(kind) > 0) {
        memcpy(header + row * 2, &s->d, 2);
        memcpy(header + ROWS * 2 + row * 2, &s->m, 2);
    }
}

/* One row's scales of a block. */
INLINE void put_scales(enum engine_panel_scales kind, const struct panel_scale *s, uint8_t *scales,
                       size_t row)
{
    if (ENGINE_PANEL_HEADER(kind) > 0) {
        scales[row] = s->s[0];
        scales[ROWS + row] = s->s[1];
        return;
    }
    memcpy(scales + row * 2, &s->d, 2);
    if (kind == ENGINE_PANEL_HALF_MIN)
        memcpy(scales + ROWS * 2 + row * 2, &s->m, 2);
}

typedef void (*codes_fn)(const uint8_t *block, size_t part, uint32_t *steps);
typedef void (*scales_fn)(const uint8_t *block, size_t part, struct panel_scale *ret);

/* Inlined into one function for each format: a model is packed while somebody waits for it. */
INLINE void pack_panel(const struct engine_panel_source *from, struct engine_panel_type type,
                       codes_fn codes, scales_fn scales, uint8_t *panel)
{
    const size_t parts = PARTS(type.scales);
    for (size_t b = 0; b < from->blocks; b++) {
        const struct engine_panel_place at = engine_panel_place(type, b);
        for (size_t r = 0; r < from->row_count; r++) {
            const uint8_t *block = from->rows + r * from->row_bytes + b / parts * from->block_bytes;
            struct panel_scale scale = {0};
            uint32_t steps[ENGINE_PANEL_STEPS];
            scales(block, b % parts, &scale);
            if (b % parts == 0)
                put_header(type.scales, &scale, panel + at.header, r);
            put_scales(type.scales, &scale, panel + at.scales, r);
            codes(block, b % parts, steps);
            put_codes(type.bits, steps, panel + at.codes + r * 4);
        }
    }
}

#define PACK(name, bits, zero, kind, levels)                                                       \
    static void pack_##name(const struct engine_panel_source *from, uint8_t *panel)                \
    {                                                                                              \
        const struct engine_panel_type type = {bits, zero, ENGINE_PANEL_##kind, levels};           \
        pack_panel(from, type, codes_##name, scales_##name, panel);                                \
    }
ENGINE_PANEL_TYPES(PACK)

static void pack_F16(const struct engine_panel_source *from, uint8_t *panel)
{
    for (size_t r = 0; r < from->row_count; r++) {
        const uint8_t *row = from->rows + r * from->row_bytes;
        for (size_t c = 0; c < from->cols; c++)
            memcpy(panel + (c * ROWS + r) * 2, row + c * 2, 2);
    }
}

static void pack_BF16(const struct engine_panel_source *from, uint8_t *panel)
{
    for (size_t r = 0; r < from->row_count; r++) {
        const uint8_t *row = from->rows + r * from->row_bytes;
        size_t c = 0;
        for (; c + 2 <= from->cols; c += 2)
            store(panel + (c / 2 * ROWS + r) * 4, load(row + c * 2));
        if (c < from->cols)
            memcpy(panel + (c / 2 * ROWS + r) * 4, row + c * 2, 2);
    }
}

/* Column c of a row. */
static float float_at(enum engine_format_id format, const uint8_t *panel, size_t row, size_t c)
{
    if (format == ENGINE_FORMAT_F16)
        return engine_half_to_float(half(panel + (c * ROWS + row) * 2));
    uint32_t bits = (uint32_t)half(panel + (c / 2 * ROWS + row) * 4 + c % 2 * 2) << 16;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

#define LAYOUT(name, bits_, zero_, kind_, levels_)                                                 \
    [ENGINE_FORMAT_##name] = {                                                                     \
        .format = ENGINE_FORMAT_##name,                                                            \
        .type = {bits_, zero_, ENGINE_PANEL_##kind_, levels_},                                     \
        .pack = pack_##name,                                                                       \
    },
static const struct engine_panel_layout layouts[ENGINE_FORMAT_COUNT] = {
    ENGINE_PANEL_TYPES(LAYOUT) LAYOUT(F16, 16, 0, FLOATS, NULL) LAYOUT(BF16, 16, 0, FLOATS, NULL)};

const struct engine_panel_layout *engine_panel_layout(enum engine_format_id format)
{
    return layouts[format].pack ? &layouts[format] : NULL;
}

void engine_panel_pack(const struct engine_panel_layout *layout, const uint8_t *rows,
                       size_t row_bytes, size_t row_count, size_t cols, uint8_t *panel)
{
    const struct engine_panel_source from = {
        .rows = rows,
        .row_bytes = row_bytes,
        .row_count = row_count,
        .cols = cols,
        .blocks = cols / ENGINE_PANEL_BLOCK,
        .block_bytes = engine_format_at(layout->format)->block_bytes,
    };
    bool is_filled =
        layout->type.scales == ENGINE_PANEL_FLOATS ? cols % 2 == 0 : from.blocks % 2 == 0;
    if (row_count < ROWS || !is_filled)
        memset(panel, 0, engine_panel_bytes(layout, cols));
    layout->pack(&from, panel);
}

/* --- one row back --------------------------------------------------------------------------- */

static float half_at(const uint8_t *p, size_t index)
{
    return engine_half_to_float(half(p + 2 * index));
}

/* Scale and min of half `h` of a block; the min is added. */
static void scales_of(enum engine_panel_scales kind, const uint8_t *header, const uint8_t *scales,
                      size_t row, size_t h, float *scale, float *min)
{
    const uint8_t byte = scales[h * ROWS + row];
    uint32_t bits = (uint32_t)half(scales + 2 * row) << 16;
    *min = 0;
    switch (kind) {
    case ENGINE_PANEL_BF16:
        memcpy(scale, &bits, sizeof(*scale));
        break;
    case ENGINE_PANEL_HALF_MIN:
        *scale = half_at(scales, row);
        *min = half_at(scales + ROWS * 2, row);
        break;
    case ENGINE_PANEL_K32:
        *scale = half_at(header, row) * (float)scales[row];
        *min = -half_at(header + ROWS * 2, row) * (float)scales[ROWS + row];
        break;
    case ENGINE_PANEL_K32_ZERO:
    case ENGINE_PANEL_K16:
        memcpy(scale, header + row * 4, sizeof(*scale));
        *scale *= (float)(int8_t)byte;
        break;
    case ENGINE_PANEL_K16_MIN:
        *scale = half_at(header, row) * (float)(byte & 15);
        *min = -half_at(header + ROWS * 2, row) * (float)(byte >> 4);
        break;
    default:
        *scale = half_at(scales, row);
        break;
    }
}

void engine_panel_row(const struct engine_panel_layout *layout, const uint8_t *panel, size_t row,
                      size_t cols, float *out)
{
    const struct engine_panel_type type = layout->type;
    uint32_t steps[ENGINE_PANEL_STEPS];
    uint8_t codes[ENGINE_PANEL_BLOCK];
    if (type.scales == ENGINE_PANEL_FLOATS) {
        for (size_t c = 0; c < cols; c++)
            out[c] = float_at(layout->format, panel, row, c);
        return;
    }
    for (size_t b = 0; b < cols / ENGINE_PANEL_BLOCK; b++) {
        const struct engine_panel_place at = engine_panel_place(type, b);
        float scale[2], min[2];
        get_codes(type.bits, panel + at.codes + row * 4, steps);
        memcpy(codes, steps, sizeof(codes));
        for (size_t h = 0; h < 2; h++)
            scales_of(type.scales, panel + at.header, panel + at.scales, row, h, &scale[h],
                      &min[h]);
        for (size_t i = 0; i < ENGINE_PANEL_BLOCK; i++) {
            int q = type.levels ? type.levels[codes[i]] : codes[i] - type.zero;
            *out++ = scale[i / 16] * (float)q + min[i / 16];
        }
    }
}

/* --- inputs --------------------------------------------------------------------------------- */

void engine_act_floats(const float *const x[4], size_t n, float *out)
{
    for (size_t c = 0; c < engine_act_cols(n); c++) {
        for (size_t t = 0; t < 4; t++)
            out[c * 4 + t] = x[t] && c < n ? x[t][c] : 0;
    }
}
