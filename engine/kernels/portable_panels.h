/*
 * Panels in plain C, included by portable.c: what the other sets' kernels for panels mean. Any
 * layout, straight from its description.
 */

#include "engine/kernels/pack_four.h"

static float pack_largest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    return most;
}

static void pack_codes(const float *x, float inverse, int8_t *q, int32_t sums[2])
{
    sums[0] = sums[1] = 0;
    for (size_t i = 0; i < ENGINE_PANEL_BLOCK; i++) {
        int v = (int)lrintf(x[i] * inverse);
        q[i] = (int8_t)v;
        sums[i / 16] += v;
    }
}

/* Inputs of one block of one token, whichever the form. */
struct block_view {
    const int8_t *q; /* step i at i * step */
    size_t step;
    float d; /* of the block, or of the 256 columns it belongs to */
};

static struct block_view block_of(const struct engine_panel_job *job, size_t token, size_t b)
{
    const bool wide = ENGINE_PANEL_IS_WIDE(job->layout->type.scales);
    const char *row =
        (const char *)job->x + token / 4 * engine_act_row_bytes(wide, !job->quads, job->cols);
    const size_t t = token % 4, g = b / ENGINE_WIDE_BLOCKS, i = b % ENGINE_WIDE_BLOCKS;
    if (wide && job->quads) {
        const struct engine_wide4 *x = (const struct engine_wide4 *)(const void *)row + g;
        return (struct block_view){x->q[i * ENGINE_PANEL_STEPS][t], sizeof(x->q[0]), x->d[t]};
    }
    if (wide) {
        const struct engine_wide1 *x = (const struct engine_wide1 *)(const void *)row + g;
        return (struct block_view){x->q + i * ENGINE_PANEL_BLOCK, 4, x->d};
    }
    if (job->quads) {
        const struct engine_act4 *x = (const struct engine_act4 *)(const void *)row + b;
        return (struct block_view){x->q[0][t], sizeof(x->q[0]), x->d[t]};
    }
    const struct engine_act1 *x = (const struct engine_act1 *)(const void *)row + b;
    return (struct block_view){x->q, 4, x->d};
}

/* A block of a panel with everything spelt out: weights are d * scale * (code - zero) + m * min,
 * of the first sixteen columns and of the others. */
struct panel_block {
    uint8_t codes[ENGINE_PANEL_STEPS][ENGINE_PANEL_ROWS][4];
    float d[ENGINE_PANEL_ROWS], m[ENGINE_PANEL_ROWS];
    int32_t scales[2][ENGINE_PANEL_ROWS], mins[2][ENGINE_PANEL_ROWS];
};

/* Codes of a plane's vectors: `bits` of each, at `low` of the whole code. */
static void add_plane(const uint8_t *plane, unsigned bits, unsigned low, uint8_t *codes)
{
    unsigned per_byte = 8 / bits;
    for (size_t i = 0; i < ENGINE_PANEL_STEPS; i++) {
        /* nibbles: steps i and i + 4 of vector i; pairs: four steps of each vector; bits: all */
        const uint8_t *v = plane + (bits == 4 ? i % 4 : i / per_byte) * 64;
        unsigned at = (unsigned)(bits == 4 ? i / 4 : i % per_byte) * bits;
        for (size_t j = 0; j < 64; j++)
            codes[i * 64 + j] |= (uint8_t)((v[j] >> at & ((1U << bits) - 1)) << low);
    }
}

static void read_codes(const uint8_t *in, unsigned bits, uint8_t *codes)
{
    unsigned low = 0;
    memset(codes, 0, ENGINE_PANEL_STEPS * 64);
    for (unsigned plane = 8; plane > 0; plane /= 2) {
        if (bits - low < plane)
            continue;
        if (plane == 8)
            memcpy(codes, in, ENGINE_PANEL_STEPS * 64);
        else
            add_plane(in, plane, low, codes);
        in += plane * 64;
        low += plane;
    }
}

static float half_of(const uint8_t *p, size_t index)
{
    uint16_t half;
    memcpy(&half, p + 2 * index, sizeof(half));
    return engine_half_to_float(half);
}

static void read_scales(enum engine_panel_scales kind, const uint8_t *header, const uint8_t *scales,
                        struct panel_block *out)
{
    const size_t rows = ENGINE_PANEL_ROWS;
    for (size_t r = 0; r < rows; r++) {
        uint32_t bits = (uint32_t)scales[2 * r] << 16 | (uint32_t)scales[2 * r + 1] << 24;
        out->m[r] = 0;
        for (size_t h = 0; h < 2; h++) {
            const uint8_t byte = scales[h * rows + r];
            out->scales[h][r] = out->mins[h][r] = 1;
            if (kind == ENGINE_PANEL_K32) {
                out->scales[h][r] = scales[r];
                out->mins[h][r] = scales[rows + r];
            } else if (kind == ENGINE_PANEL_K16_MIN) {
                out->scales[h][r] = byte & 15;
                out->mins[h][r] = byte >> 4;
            } else if (ENGINE_PANEL_IS_WIDE(kind)) {
                out->scales[h][r] = (int8_t)byte;
            }
        }
        if (kind == ENGINE_PANEL_K32 || kind == ENGINE_PANEL_K16_MIN) {
            out->d[r] = half_of(header, r);
            out->m[r] = -half_of(header + rows * 2, r);
        } else if (ENGINE_PANEL_IS_WIDE(kind)) {
            memcpy(&out->d[r], header + r * 4, sizeof(out->d[r]));
        } else if (kind == ENGINE_PANEL_BF16) {
            memcpy(&out->d[r], &bits, sizeof(out->d[r]));
        } else {
            out->d[r] = half_of(scales, r);
            if (kind == ENGINE_PANEL_HALF_MIN)
                out->m[r] = half_of(scales + rows * 2, r);
        }
    }
}

/* What has been added up of one row and token. */
struct panel_sum {
    int32_t codes, mins; /* of this group of columns, with its scales */
    float sum;
};

/* One block of sixteen rows with one token, in whole numbers. */
static void add_block(const struct panel_block *p, struct engine_panel_type type,
                      const struct block_view *x, struct panel_sum *sums)
{
    for (size_t r = 0; r < ENGINE_PANEL_ROWS; r++) {
        for (size_t i = 0; i < ENGINE_PANEL_STEPS; i++) {
            for (size_t c = 0; c < 4; c++) {
                int32_t q = x->q[i * x->step + c];
                sums[r].codes += (p->codes[i][r][c] - type.zero) * q * p->scales[i / 4][r];
                sums[r].mins += q * p->mins[i / 4][r];
            }
        }
    }
}

/* The end of a group: floats. */
static void end_group(const struct panel_block *p, float d, struct panel_sum *sums)
{
    for (size_t r = 0; r < ENGINE_PANEL_ROWS; r++) {
        float codes = (float)sums[r].codes * p->d[r], mins = (float)sums[r].mins * p->m[r];
        sums[r].sum += (codes + mins) * d;
        sums[r].codes = sums[r].mins = 0;
    }
}

/* Codes that choose from levels become these. */
static void read_levels(const int8_t *levels, uint8_t *codes)
{
    for (size_t i = 0; levels && i < (size_t)ENGINE_PANEL_STEPS * 64; i++)
        codes[i] = (uint8_t)(levels[codes[i]] + 128);
}

#define PANEL_TOKENS 16 /* at a time, for one reading of the weights */

/* One panel with up to PANEL_TOKENS tokens from `first` on. */
static void panel_tokens(const struct engine_panel_job *job, size_t panel, size_t first,
                         size_t count)
{
    const struct engine_panel_type type = job->layout->type;
    const uint8_t *p = job->panels + panel * job->panel_bytes;
    const size_t group = ENGINE_PANEL_IS_WIDE(type.scales) ? ENGINE_WIDE_BLOCKS : 1;
    const size_t left = job->rows - panel * ENGINE_PANEL_ROWS;
    struct panel_sum sums[PANEL_TOKENS][ENGINE_PANEL_ROWS] = {{{0}}};
    struct panel_block block;
    for (size_t b = 0; b < job->cols / ENGINE_PANEL_BLOCK; b++) {
        const struct engine_panel_place at = engine_panel_place(type, b);
        read_codes(p + at.codes, type.bits, block.codes[0][0]);
        read_levels(type.levels, block.codes[0][0]);
        read_scales(type.scales, p + at.header, p + at.scales, &block);
        for (size_t t = 0; t < count; t++) {
            struct block_view x = block_of(job, first + t, b);
            add_block(&block, type, &x, sums[t]);
            if (b % group == group - 1)
                end_group(&block, x.d, sums[t]);
        }
    }
    for (size_t t = 0; t < count; t++) {
        float *y = job->y + (first + t) * job->y_stride + panel * ENGINE_PANEL_ROWS;
        for (size_t r = 0; r < ENGINE_PANEL_ROWS && r < left; r++)
            y[r] = sums[t][r].sum;
    }
}

static void panels(const struct engine_panel_job *job, size_t panel, size_t end)
{
    for (; panel < end; panel++) {
        for (size_t t = 0; t < job->tokens; t += PANEL_TOKENS)
            panel_tokens(job, panel, t,
                         job->tokens - t < PANEL_TOKENS ? job->tokens - t : PANEL_TOKENS);
    }
}

#define PANELS_ENTRY(name, ...) [ENGINE_FORMAT_##name] = panels,

/* --- F16 and BF16 ------------------------------------------------------------------------- */

#define FLOAT_COLUMNS 64 /* turned into floats at a time */

/* One panel, column after column, in the order of all sets. */
static void float_panel(const struct engine_panel_job *job, size_t panel)
{
    const bool brain = job->layout->format == ENGINE_FORMAT_BF16;
    const uint16_t *w = (const uint16_t *)(const void *)(job->panels + panel * job->panel_bytes);
    const size_t left = job->rows - panel * ENGINE_PANEL_ROWS;
    const size_t quad_floats = engine_act_cols(job->cols) * 4, step = job->quads ? 4 : 1;
    float weights[FLOAT_COLUMNS][ENGINE_PANEL_ROWS];
    for (size_t from = 0; from < job->cols; from += FLOAT_COLUMNS) {
        size_t count = job->cols - from < FLOAT_COLUMNS ? job->cols - from : FLOAT_COLUMNS;
        for (size_t i = 0; i < count * ENGINE_PANEL_ROWS; i++) {
            size_t c = i / ENGINE_PANEL_ROWS, r = i % ENGINE_PANEL_ROWS, at = from + c;
            uint32_t bits = (uint32_t)w[at / 2 * 2 * ENGINE_PANEL_ROWS + r * 2 + at % 2] << 16;
            if (brain)
                memcpy(&weights[c][r], &bits, sizeof(bits));
            else
                weights[c][r] = engine_half_to_float(w[at * ENGINE_PANEL_ROWS + r]);
        }
        for (size_t t = 0; t < job->tokens; t++) {
            const float *x = (const float *)job->x + t / 4 * quad_floats + from * step + t % 4;
            float *y = job->y + t * job->y_stride + panel * ENGINE_PANEL_ROWS;
            float sums[ENGINE_PANEL_ROWS] = {0};
            for (size_t r = 0; from > 0 && r < ENGINE_PANEL_ROWS && r < left; r++)
                sums[r] = y[r];
            for (size_t c = 0; c < count; c++) {
                for (size_t r = 0; r < ENGINE_PANEL_ROWS; r++)
                    sums[r] += weights[c][r] * x[c * step];
            }
            for (size_t r = 0; r < ENGINE_PANEL_ROWS && r < left; r++)
                y[r] = sums[r];
        }
    }
}

static void float_panels(const struct engine_panel_job *job, size_t panel, size_t end)
{
    for (; panel < end; panel++)
        float_panel(job, panel);
}

#define FLOATS_ENTRY(name) [ENGINE_FORMAT_##name] = float_panels,
