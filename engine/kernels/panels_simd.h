/*
 * Panels for sets whose vectors hold less than a panel's rows, written over simd.h and a few
 * operations that the including file defines for a vector of integers, I, as wide as V (VW of 32
 * bits, or a step's codes of VW rows):
 *     i_load (aligned) i_zero i_set i_sub i_mla (a + b * c) i_float (to V) i_bytes (VW bytes,
 *     signed or not, to 32 bits) i_up i_down (32 bits, by a literal) i_below16 (& 15 of 32 bits)
 * of codes, bytes all:
 *     i_field(v, by, mask): v >> by & mask, << -by where by is negative; i_insert(v, h, by, mask):
 *     v | i_field(h, by, mask); i_code8: a code of 8 bits as panel_dots() wants it; i_levels: the
 *     same for one that chooses a level
 * and
 *     pack_largest, pack_codes (pack.h); panel_dots, the products of a block's steps
 * and for its tiles
 *     TILE_VECTORS, vectors of rows at once against four tokens; SIGNED_CODES, whether i_code8 and
 *     i_levels give signed numbers
 * Integers are exact, and floats are added in one order: a result is the same in every tile, and in
 * every set that this makes. `type` and sizes are constants once inlined.
 */
#include "engine/kernels/pack_four.h"

#define STEP_BYTES 64
#define VECTORS (ENGINE_PANEL_ROWS / VW)
#define PANEL_TILE (TILE_VECTORS * 4 > VECTORS ? TILE_VECTORS * 4 : VECTORS)

/* --- weights ------------------------------------------------------------------------------ */

/* Codes of one step. Those of steps i and i + 4 come from one vector where they have 4 bits. */
INLINE I panel_step(const uint8_t *codes, struct engine_panel_type type, size_t i)
{
    const unsigned bits = type.bits;
    const uint8_t *plane = codes;
    I v = i_zero();
    if (bits == 8)
        return i_code8(i_load(codes + i * STEP_BYTES));
    if (bits >= 4) {
        v = i_field(i_load(plane + i % 4 * STEP_BYTES), i < 4 ? 0 : 4, 15);
        plane += (size_t)4 * STEP_BYTES;
    }
    if (bits == 6)
        v = i_insert(v, i_load(plane + i / 4 * STEP_BYTES), (int)(i % 4) * 2 - 4, 48);
    if (bits < 4) {
        v = i_field(i_load(plane + i / 4 * STEP_BYTES), (int)(i % 4) * 2, 3);
        plane += (size_t)2 * STEP_BYTES;
    }
    if (bits == 5)
        v = i_insert(v, i_load(plane), (int)i - 4, 16);
    if (bits == 3)
        v = i_insert(v, i_load(plane), (int)i - 2, 4);
    return type.levels ? i_levels(type.levels, v) : v;
}

/* Where one block's parts stand. */
struct panel_at {
    const uint8_t *header, *scales, *codes;
};

/* The first block of the pair that starts with block b, at *p, which goes on behind the pair. Code
 * for both blocks of a pair in line is what lets memory be read at its full speed. */
INLINE struct panel_at panel_first(const uint8_t **p, size_t b, struct engine_panel_type type,
                                   const uint8_t *header)
{
    if (ENGINE_PANEL_HEADER(type.scales) > 0 && b % (2 * ENGINE_PANEL_GROUP_PAIRS) == 0) {
        header = *p;
        *p += ENGINE_PANEL_HEADER(type.scales);
    }
    const uint8_t *start = *p;
    *p += ENGINE_PANEL_PAIR(type.scales, type.bits);
    return (struct panel_at){header, start, start + ENGINE_PANEL_PAIR_SCALES(type.scales)};
}

INLINE struct panel_at panel_second(struct panel_at at, struct engine_panel_type type)
{
    return (struct panel_at){at.header, at.scales + ENGINE_PANEL_PAIR_SCALES(type.scales) / 2,
                             at.codes + type.bits * STEP_BYTES};
}

INLINE V panel_halves(const uint8_t *p, size_t row)
{
    return v_load_half((const uint16_t *)(const void *)p + row);
}

/* -8 times a sum of inputs, times zero / 8: where a dot product of codes starts. */
INLINE I panel_start(int32_t shift, struct engine_panel_type type)
{
    if (type.zero == 0 || (SIGNED_CODES && type.zero == 128))
        return i_zero();
    I v = i_set(shift);
    return type.zero == 8 ? v : type.zero == 16 ? i_up(v, 1) : i_up(v, 4);
}

/* --- products ----------------------------------------------------------------------------- */

/* Adds the products of `count` steps from `from` on of `vectors` times VW rows, from where `codes`
 * points, with `tokens` tokens to dots[vector][token]. Four columns of token t stand at q + step *
 * step_bytes + t * 4. */
INLINE void panel_dots(const uint8_t *codes, struct engine_panel_type type, size_t from,
                       size_t count, const int8_t *q, size_t step_bytes, size_t vectors,
                       size_t tokens, I *dots);

/* Inputs of one block, of one token or of four. */
struct panel_in {
    const int8_t *q;
    size_t step_bytes;
    const float *d, *sum;
    const int32_t *shift;
};

/* One block of a tile, whose first row is `row`. */
INLINE void panel_block(struct panel_at at, size_t row, struct engine_panel_type type,
                        struct panel_in x, size_t vectors, size_t tokens, V *acc)
{
    I dots[PANEL_TILE];
    for (size_t i = 0; i < vectors * tokens; i++)
        dots[i] = panel_start(x.shift[i % tokens], type);
    panel_dots(at.codes + row * 4, type, 0, 8, x.q, x.step_bytes, vectors, tokens, dots);
    for (size_t i = 0; i < vectors * tokens; i++) {
        size_t t = i % tokens, first = row + i / tokens * VW;
        V scale = type.scales == ENGINE_PANEL_BF16
                      ? v_load_bf16((const uint16_t *)(const void *)at.scales + first)
                      : panel_halves(at.scales, first);
        acc[i] = v_fma(v_mul(i_float(dots[i]), v_set(x.d[t])), scale, acc[i]);
        if (type.zero == 0)
            acc[i] = v_fma(panel_halves(at.scales + 32, first), v_set(x.sum[t]), acc[i]);
    }
}

/* --- wide types: whole numbers for 256 columns ---------------------------------------------- */

/* Inputs of 256 columns; token t's sums of both halves of block i stand at halves + i * sums_step +
 * t * 2. */
struct wide_in {
    const int8_t *q;
    size_t step_bytes, sums_step;
    const int16_t *halves;
    const float *d;
};

/* A factor of half h of a block: its scale, or with `min` its min. */
INLINE I wide_factor(const uint8_t *scales, enum engine_panel_scales kind, size_t h, bool min)
{
    if (kind == ENGINE_PANEL_K32)
        return i_bytes(scales + (min ? 16 : 0), false);
    if (kind != ENGINE_PANEL_K16_MIN)
        return i_bytes(scales + h * 16, true);
    I both = i_bytes(scales + h * 16, false);
    return min ? i_down(both, 4) : i_below16(both);
}

/* One block: what its codes and its mins (or zeros) add up to, times their scales. */
INLINE void wide_block(struct panel_at at, size_t row, size_t block, struct engine_panel_type type,
                       struct wide_in x, size_t vectors, size_t tokens, I *sums, I *mins)
{
    const bool whole = type.scales == ENGINE_PANEL_K32 || type.scales == ENGINE_PANEL_K32_ZERO;
    const bool has_less = type.zero == 0 || !(SIGNED_CODES && type.zero == 128);
    const int8_t *q = x.q + block * ENGINE_PANEL_STEPS * x.step_bytes;
    const int16_t *halves = x.halves + block * x.sums_step;
    for (size_t h = 0; h < (whole ? 1 : 2); h++) {
        I dots[PANEL_TILE];
        for (size_t i = 0; i < vectors * tokens; i++)
            dots[i] = i_zero();
        panel_dots(at.codes + row * 4, type, h * 4, whole ? 8 : 4, q, x.step_bytes, vectors, tokens,
                   dots);
        for (size_t i = 0; i < vectors * tokens; i++) {
            const uint8_t *scales = at.scales + row + i / tokens * VW;
            const int16_t *two = halves + i % tokens * 2;
            I scale = wide_factor(scales, type.scales, h, false);
            sums[i] = i_mla(sums[i], dots[i], scale);
            if (has_less)
                mins[i] = i_mla(mins[i],
                                type.zero == 0 ? wide_factor(scales, type.scales, h, true) : scale,
                                i_set(whole ? two[0] + two[1] : two[h]));
        }
    }
}

/* The end of 256 columns. */
INLINE V wide_add(V acc, I sum, I mins, struct engine_panel_type type, const uint8_t *header,
                  size_t row, float d)
{
    const bool has_min = type.scales == ENGINE_PANEL_K32 || type.scales == ENGINE_PANEL_K16_MIN;
    if (type.zero > 0 && !(SIGNED_CODES && type.zero == 128))
        sum = i_sub(sum, type.zero == 4 ? i_up(mins, 2) : i_up(mins, 5));
    V v = v_mul(i_float(sum), has_min ? panel_halves(header, row)
                                      : v_load((const float *)(const void *)header + row));
    if (has_min)
        v = v_sub(v, v_mul(i_float(mins), panel_halves(header + 32, row)));
    return v_fma(v, v_set(d), acc);
}

/* --- tiles -------------------------------------------------------------------------------- */

/* Rows from `row` on of a panel against one token, or the four from `first` on. No prefetching: the
 * hardware does it better. */
INLINE void panel_tile(const struct engine_panel_job *job, size_t panel, size_t row,
                       struct engine_panel_type type, size_t first, size_t vectors, size_t tokens)
{
    const uint8_t *p = job->panels + panel * job->panel_bytes;
    const struct engine_act1 *one = job->x;
    const struct engine_act4 *four =
        (const struct engine_act4 *)job->x + first / 4 * (job->cols / ENGINE_PANEL_BLOCK);
    struct panel_at at = {0};
    V acc[PANEL_TILE];
    for (size_t i = 0; i < vectors * tokens; i++)
        acc[i] = v_zero();
    for (size_t b = 0; b < job->cols / ENGINE_PANEL_BLOCK; b++) {
        struct panel_in x = {one[b].q, 4, &one[b].d, &one[b].sum, &one[b].shift};
        if (tokens == 4)
            x = (struct panel_in){four[b].q[0][0], 16, four[b].d, four[b].sum, four[b].shift};
        at = b % 2 == 0 ? panel_first(&p, b, type, at.header) : panel_second(at, type);
        panel_block(at, row, type, x, vectors, tokens, acc);
    }
    store_tile(job, panel * ENGINE_PANEL_ROWS + row, first, vectors, tokens, acc);
}

/* The same for a wide type. */
INLINE void wide_tile(const struct engine_panel_job *job, size_t panel, size_t row,
                      struct engine_panel_type type, size_t first, size_t vectors, size_t tokens)
{
    const uint8_t *p = job->panels + panel * job->panel_bytes;
    const size_t groups = job->cols / ENGINE_WIDE;
    const struct engine_wide1 *one = job->x;
    const struct engine_wide4 *four = (const struct engine_wide4 *)job->x + first / 4 * groups;
    struct panel_at at = {0};
    V acc[PANEL_TILE];
    for (size_t i = 0; i < vectors * tokens; i++)
        acc[i] = v_zero();
    for (size_t g = 0; g < groups; g++) {
        struct wide_in x = {one[g].q, 4, 2, one[g].halves, &one[g].d};
        I sums[PANEL_TILE], mins[PANEL_TILE];
        if (tokens == 4)
            x = (struct wide_in){four[g].q[0][0], 16, 8, four[g].halves[0][0], four[g].d};
        for (size_t i = 0; i < vectors * tokens; i++)
            sums[i] = mins[i] = i_zero();
        for (size_t b = 0; b < ENGINE_WIDE_BLOCKS; b++) {
            at = b % 2 == 0 ? panel_first(&p, b, type, at.header) : panel_second(at, type);
            wide_block(at, row, b, type, x, vectors, tokens, sums, mins);
        }
        for (size_t i = 0; i < vectors * tokens; i++)
            acc[i] = wide_add(acc[i], sums[i], mins[i], type, at.header, row + i / tokens * VW,
                              x.d[i % tokens]);
    }
    store_tile(job, panel * ENGINE_PANEL_ROWS + row, first, vectors, tokens, acc);
}

INLINE void panel_any_tile(const struct engine_panel_job *job, size_t panel, size_t row,
                           struct engine_panel_type type, size_t first, size_t vectors,
                           size_t tokens)
{
    if (ENGINE_PANEL_IS_WIDE(type.scales))
        wide_tile(job, panel, row, type, first, vectors, tokens);
    else
        panel_tile(job, panel, row, type, first, vectors, tokens);
}

PER_FORMAT void panel_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             struct engine_panel_type type)
{
    for (; panel < end; panel++) {
        if (!job->quads) {
            panel_any_tile(job, panel, 0, type, 0, VECTORS, 1);
            continue;
        }
        for (size_t t = 0; t < job->tokens; t += 4) {
            for (size_t row = 0; row < ENGINE_PANEL_ROWS; row += (size_t)TILE_VECTORS * VW)
                panel_any_tile(job, panel, row, type, t, TILE_VECTORS, 4);
        }
    }
}

#define PANELS(name, bits, zero, kind, levels)                                                     \
    static void panels_##name(const struct engine_panel_job *job, size_t panel, size_t end)        \
    {                                                                                              \
        const struct engine_panel_type type = {bits, zero, ENGINE_PANEL_##kind, levels};           \
        panel_matmul(job, panel, end, type);                                                       \
    }
ENGINE_PANEL_TYPES(PANELS)
#define PANELS_ENTRY(name, ...) [ENGINE_FORMAT_##name] = panels_##name,
