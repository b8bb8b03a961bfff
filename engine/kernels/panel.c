#include <string.h>

#include "engine/kernels/panel.h"

#define ROWS ENGINE_PANEL_ROWS
#define LOW_NIBBLES UINT32_C(0x0F0F0F0F)
#define LOW_PAIRS UINT32_C(0x03030303)
#define LOW_BITS UINT32_C(0x01010101)

static uint32_t load(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static void store(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

/* --- codes, format by format (layouts: engine/format.h) ------------------------------------- */

/* Four bits to four bytes. */
static uint32_t spread(uint32_t bits)
{
    return (bits * UINT32_C(0x00204081)) & LOW_BITS;
}

/* 16 bytes of nibbles, low ones first. */
static void nibbles(const uint8_t *qs, uint32_t *steps)
{
    for (size_t i = 0; i < 4; i++) {
        uint32_t v = load(qs + 4 * i);
        steps[i] = v & LOW_NIBBLES;
        steps[i + 4] = v >> 4 & LOW_NIBBLES;
    }
}

static void fifths(const uint8_t *qh, uint32_t *steps)
{
    uint32_t bits = load(qh);
    for (size_t i = 0; i < 8; i++)
        steps[i] |= spread(bits >> 4 * i & 15) << 4;
}

static void codes_q4_0(const uint8_t *block, size_t part, uint32_t *steps)
{
    (void)part;
    nibbles(block + offsetof(struct engine_q4_0, qs), steps);
}

static void codes_q4_1(const uint8_t *block, size_t part, uint32_t *steps)
{
    (void)part;
    nibbles(block + offsetof(struct engine_q4_1, qs), steps);
}

static void codes_q5_0(const uint8_t *block, size_t part, uint32_t *steps)
{
    (void)part;
    nibbles(block + offsetof(struct engine_q5_0, qs), steps);
    fifths(block + offsetof(struct engine_q5_0, qh), steps);
}

static void codes_q5_1(const uint8_t *block, size_t part, uint32_t *steps)
{
    (void)part;
    nibbles(block + offsetof(struct engine_q5_1, qs), steps);
    fifths(block + offsetof(struct engine_q5_1, qh), steps);
}

static void codes_q8_0(const uint8_t *block, size_t part, uint32_t *steps)
{
    (void)part;
    for (size_t i = 0; i < 8; i++)
        steps[i] = load(block + offsetof(struct engine_q8_0, qs) + 4 * i) ^ UINT32_C(0x80808080);
}

static void codes_q4_k(const uint8_t *block, size_t part, uint32_t *steps)
{
    const uint8_t *qs = block + offsetof(struct engine_q4_k, qs) + part / 2 * 32;
    for (size_t i = 0; i < 8; i++)
        steps[i] = load(qs + 4 * i) >> part % 2 * 4 & LOW_NIBBLES;
}

static void codes_q5_k(const uint8_t *block, size_t part, uint32_t *steps)
{
    const uint8_t *qs = block + offsetof(struct engine_q5_k, qs) + part / 2 * 32;
    const uint8_t *qh = block + offsetof(struct engine_q5_k, qh);
    for (size_t i = 0; i < 8; i++)
        steps[i] = (load(qs + 4 * i) >> part % 2 * 4 & LOW_NIBBLES) |
                   (load(qh + 4 * i) >> part & LOW_BITS) << 4;
}

static void codes_q6_k(const uint8_t *block, size_t part, uint32_t *steps)
{
    const uint8_t *ql = block + part / 4 * 64 + part % 2 * 32;
    const uint8_t *qh = block + offsetof(struct engine_q6_k, qh) + part / 4 * 32;
    for (size_t i = 0; i < 8; i++)
        steps[i] = (load(ql + 4 * i) >> part % 4 / 2 * 4 & LOW_NIBBLES) |
                   (load(qh + 4 * i) >> part % 4 * 2 & LOW_PAIRS) << 4;
}

static const struct engine_panel_layout layouts[ENGINE_FORMAT_COUNT] = {
    [ENGINE_FORMAT_Q8_0] = {ENGINE_FORMAT_Q8_0, 8, 128, ENGINE_PANEL_HALF, codes_q8_0, 0, 0},
    [ENGINE_FORMAT_Q4_0] = {ENGINE_FORMAT_Q4_0, 4, 8, ENGINE_PANEL_HALF, codes_q4_0, 0, 0},
    [ENGINE_FORMAT_Q4_1] = {ENGINE_FORMAT_Q4_1, 4, 0, ENGINE_PANEL_HALF_MIN, codes_q4_1, 0, 2},
    [ENGINE_FORMAT_Q5_0] = {ENGINE_FORMAT_Q5_0, 5, 16, ENGINE_PANEL_HALF, codes_q5_0, 0, 0},
    [ENGINE_FORMAT_Q5_1] = {ENGINE_FORMAT_Q5_1, 5, 0, ENGINE_PANEL_HALF_MIN, codes_q5_1, 0, 2},
    [ENGINE_FORMAT_Q4_K] = {ENGINE_FORMAT_Q4_K, 4, 0, ENGINE_PANEL_K32, codes_q4_k, 0, 2},
    [ENGINE_FORMAT_Q5_K] = {ENGINE_FORMAT_Q5_K, 5, 0, ENGINE_PANEL_K32, codes_q5_k, 0, 2},
    [ENGINE_FORMAT_Q6_K] = {ENGINE_FORMAT_Q6_K, 6, 32, ENGINE_PANEL_K16, codes_q6_k,
                            offsetof(struct engine_q6_k, d), 0},
};

const struct engine_panel_layout *engine_panel_layout(enum engine_format_id format)
{
    return layouts[format].bits ? &layouts[format] : NULL;
}

size_t engine_panel_bytes(const struct engine_panel_layout *layout, size_t cols)
{
    size_t pairs = (cols / ENGINE_PANEL_BLOCK + 1) / 2;
    size_t headers = (pairs + ENGINE_PANEL_GROUP_PAIRS - 1) / ENGINE_PANEL_GROUP_PAIRS;
    return pairs * ENGINE_PANEL_PAIR(layout->scales, layout->bits) +
           headers * ENGINE_PANEL_HEADER(layout->scales);
}

/* --- packing -------------------------------------------------------------------------------- */

/* One row's codes of a block into the planes. */
static void put_codes(unsigned bits, const uint32_t *steps, uint8_t *out)
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

/* Scale and min of part j: 6 bits each, the first four parts' in the low bits of bytes 0 to 7, the
 * others' split between nibbles of the last bytes and the two top bits of the first. */
static void part_scales(const uint8_t *s, size_t j, uint8_t *scale, uint8_t *min)
{
    *scale = (uint8_t)(j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4);
    *min = (uint8_t)(j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4);
}

/* One row's scales: a header for each block of the file where there are headers, and those of
 * `part` of it. */
static void put_header(const struct engine_panel_layout *l, const uint8_t *block, uint8_t *out,
                       size_t row)
{
    if (l->scales == ENGINE_PANEL_K32) {
        memcpy(out + row * 2, block + l->d_at, 2);
        memcpy(out + ROWS * 2 + row * 2, block + l->m_at, 2);
    } else if (l->scales == ENGINE_PANEL_K16) {
        uint16_t half;
        memcpy(&half, block + l->d_at, sizeof(half));
        float d = engine_half_to_float(half);
        memcpy(out + row * 4, &d, sizeof(d));
    }
}

static void put_scales(const struct engine_panel_layout *l, const uint8_t *block, size_t part,
                       uint8_t *out, size_t row)
{
    switch (l->scales) {
    case ENGINE_PANEL_HALF_MIN:
        memcpy(out + ROWS * 2 + row * 2, block + l->m_at, 2);
        memcpy(out + row * 2, block + l->d_at, 2);
        break;
    case ENGINE_PANEL_K32:
        part_scales(block + offsetof(struct engine_q4_k, scales), part, out + row,
                    out + ROWS + row);
        break;
    case ENGINE_PANEL_K16:
        out[row] = block[offsetof(struct engine_q6_k, scales) + part * 2];
        out[ROWS + row] = block[offsetof(struct engine_q6_k, scales) + part * 2 + 1];
        break;
    default:
        memcpy(out + row * 2, block + l->d_at, 2);
        break;
    }
}

_Static_assert(offsetof(struct engine_q4_k, scales) == offsetof(struct engine_q5_k, scales),
               "put_scales() takes both");

void engine_panel_pack(const struct engine_panel_layout *layout, const uint8_t *rows,
                       size_t row_bytes, size_t row_count, size_t cols, uint8_t *panel)
{
    const struct engine_format *format = engine_format_at(layout->format);
    size_t parts = format->block / ENGINE_PANEL_BLOCK, blocks = cols / ENGINE_PANEL_BLOCK;
    uint32_t steps[ENGINE_PANEL_STEPS];
    if (row_count < ROWS || blocks % 2 != 0)
        memset(panel, 0, engine_panel_bytes(layout, cols));
    for (size_t b = 0; b < blocks; b++) {
        const struct engine_panel_place at = engine_panel_place(layout, b);
        for (size_t r = 0; r < row_count; r++) {
            const uint8_t *block = rows + r * row_bytes + b / parts * format->block_bytes;
            if (b % parts == 0)
                put_header(layout, block, panel + at.header, r);
            put_scales(layout, block, b % parts, panel + at.scales, r);
            layout->codes(block, b % parts, steps);
            put_codes(layout->bits, steps, panel + at.codes + r * 4);
        }
    }
}

/* --- one row back --------------------------------------------------------------------------- */

static float half_at(const uint8_t *p, size_t index)
{
    uint16_t half;
    memcpy(&half, p + 2 * index, sizeof(half));
    return engine_half_to_float(half);
}

/* Scale and min of half `h` of a block. */
static void scales_of(const struct engine_panel_layout *l, const uint8_t *header,
                      const uint8_t *scales, size_t row, size_t h, float *scale, float *min)
{
    *min = 0;
    switch (l->scales) {
    case ENGINE_PANEL_HALF_MIN:
        *scale = half_at(scales, row);
        *min = half_at(scales + ROWS * 2, row);
        break;
    case ENGINE_PANEL_K32:
        *scale = half_at(header, row) * (float)scales[row];
        *min = -half_at(header + ROWS * 2, row) * (float)scales[ROWS + row];
        break;
    case ENGINE_PANEL_K16:
        memcpy(scale, header + row * 4, sizeof(*scale));
        *scale *= (float)(int8_t)scales[h * ROWS + row];
        break;
    default:
        *scale = half_at(scales, row);
        break;
    }
}

void engine_panel_row(const struct engine_panel_layout *layout, const uint8_t *panel, size_t row,
                      size_t cols, float *out)
{
    uint32_t steps[ENGINE_PANEL_STEPS];
    uint8_t codes[ENGINE_PANEL_BLOCK];
    for (size_t b = 0; b < cols / ENGINE_PANEL_BLOCK; b++) {
        const struct engine_panel_place at = engine_panel_place(layout, b);
        float scale[2], min[2];
        get_codes(layout->bits, panel + at.codes + row * 4, steps);
        memcpy(codes, steps, sizeof(codes));
        for (size_t h = 0; h < 2; h++)
            scales_of(layout, panel + at.header, panel + at.scales, row, h, &scale[h], &min[h]);
        for (size_t i = 0; i < ENGINE_PANEL_BLOCK; i++)
            *out++ = scale[i / 16] * (float)(codes[i] - layout->zero) + min[i / 16];
    }
}
