/*
 * Panels for the vector sets: what they share, written over simd.h and a few operations that the
 * including file defines for a vector of integers, I, as wide as V (VW of 32 bits, or a step's
 * codes of VW rows):
 *     i_load (aligned) i_zero i_set i_add i_float (to V) i_bytes (VW bytes, signed or not, to 32
 *     bits) i_up i_down (32 bits, by a literal) i_below16 (& 15 of 32 bits)
 * of codes, bytes all:
 *     i_field(v, by, mask): v >> by & mask, << -by where by is negative; i_insert(v, h, by, mask):
 *     v | i_field(h, by, mask); i_code8: a code of 8 bits as panel_dots() wants it; i_levels: the
 *     same for one that chooses a level
 * and
 *     pack_block, 32 numbers in 8 bits with their scale and sums; panel_dots, the products of a
 *     block's steps
 * and for its tiles
 *     TILE_VECTORS, vectors of rows at once against TILE_QUADS(type) times four tokens, at most
 *     MAX_QUADS; SIGNED_CODES, whether i_code8 and i_levels give signed numbers; SINGLE_CHAINS,
 *     sums of a single token that do not wait for each other
 * Integers are exact, and the floats of a block are added in one order: a result is the same in
 * every tile, and in every set that this makes. `type` and sizes are constants once inlined.
 */
#define STEP_BYTES 64
#define VECTORS (ENGINE_PANEL_ROWS / VW)

/* --- inputs ------------------------------------------------------------------------------- */

INLINE void pack_block(const float *x, int8_t *q, float *d, int32_t *low_sum, int32_t *high_sum);

static void pack_one(const float *x, size_t n, struct engine_act1 *out)
{
    for (size_t b = 0; b < n / ENGINE_PANEL_BLOCK; b++, out++) {
        int32_t low, high;
        pack_block(x + b * ENGINE_PANEL_BLOCK, out->q, &out->d, &low, &high);
        out->sum = out->d * (float)(low + high);
        out->low = -8 * low;
        out->high = -8 * high;
        out->shift = out->low + out->high;
    }
}

static void pack_four(const float *const x[4], size_t n, struct engine_act4 *out)
{
    for (size_t b = 0; b < n / ENGINE_PANEL_BLOCK; b++, out++) {
        for (size_t t = 0; t < 4; t++) {
            int32_t low = 0, high = 0;
            int8_t q[ENGINE_PANEL_STEPS][4] = {{0}};
            out->d[t] = 0;
            if (x[t])
                pack_block(x[t] + b * ENGINE_PANEL_BLOCK, q[0], &out->d[t], &low, &high);
            for (size_t i = 0; i < ENGINE_PANEL_STEPS; i++)
                memcpy(out->q[i][t], q[i], sizeof(q[i]));
            out->sum[t] = out->d[t] * (float)(low + high);
            out->low[t] = -8 * low;
            out->high[t] = -8 * high;
            out->shift[t] = out->low[t] + out->high[t];
        }
    }
}

/* Inputs of a block: of one token, or of fours of tokens, `blocks` apart. */
struct panel_in {
    bool single;
    const struct engine_act1 *one;
    const struct engine_act4 *four;
    size_t blocks;
};

#define PANEL_IN(x, t, field)                                                                      \
    ((x).single ? (x).one->field : (x).four[(t) / 4 * (x).blocks].field[(t) % 4])

INLINE struct panel_in panel_in(const struct engine_panel_job *job, size_t first, size_t block,
                                bool single)
{
    struct panel_in x = {.single = single, .blocks = job->cols / ENGINE_PANEL_BLOCK};
    if (single)
        x.one = (const struct engine_act1 *)job->x + block;
    else
        x.four = (const struct engine_act4 *)job->x + first / 4 * x.blocks + block;
    return x;
}

/* Four columns of token t. */
INLINE const int8_t *panel_in_step(struct panel_in x, size_t t, size_t step)
{
    return x.single ? x.one->q + step * 4 : x.four[t / 4 * x.blocks].q[step][t % 4];
}

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

INLINE V panel_bytes(const uint8_t *p, bool is_signed)
{
    return i_float(i_bytes(p, is_signed));
}

/* Scales and mins of a block for VW rows, of its first and second sixteen columns; but for K16 and
 * K16_MIN the second scale and the first min are those of the whole block. */
struct panel_scales {
    V scale[2], min[2];
};

INLINE struct panel_scales panel_scales(struct panel_at at, size_t row,
                                        enum engine_panel_scales kind)
{
    struct panel_scales s;
    const uint8_t *bytes = at.scales + row;
    s.scale[0] = s.min[0] = s.min[1] = v_zero();
    if (kind == ENGINE_PANEL_K32) {
        s.scale[1] = v_mul(panel_halves(at.header, row), panel_bytes(bytes, false));
        V min = v_mul(panel_halves(at.header + 32, row), panel_bytes(bytes + 16, false));
        s.min[0] = v_sub(v_zero(), min);
    } else if (kind == ENGINE_PANEL_K16) {
        V d = v_load((const float *)(const void *)at.header + row);
        for (size_t h = 0; h < 2; h++)
            s.scale[h] = v_mul(d, panel_bytes(bytes + h * 16, true));
    } else if (kind == ENGINE_PANEL_K16_MIN) {
        for (size_t h = 0; h < 2; h++) {
            I both = i_bytes(bytes + h * 16, false);
            V min = v_mul(panel_halves(at.header + 32, row), i_float(i_down(both, 4)));
            s.scale[h] = v_mul(panel_halves(at.header, row), i_float(i_below16(both)));
            s.min[h] = v_sub(v_zero(), min);
        }
    } else if (kind == ENGINE_PANEL_BF16) {
        s.scale[1] = v_load_bf16((const uint16_t *)(const void *)at.scales + row);
    } else {
        s.scale[1] = panel_halves(at.scales, row);
        if (kind == ENGINE_PANEL_HALF_MIN)
            s.min[0] = panel_halves(at.scales + 32, row);
    }
    return s;
}

/* -8 times a sum of inputs, times zero / 8: where a dot product of codes starts. */
INLINE I panel_start(int32_t shift, struct engine_panel_type type)
{
    if (type.zero == 0 || (SIGNED_CODES && type.zero == 128))
        return i_zero();
    I v = i_set(shift);
    switch (type.zero) {
    case 4:
        return i_down(v, 1);
    case 8:
        return v;
    case 16:
        return i_up(v, 1);
    case 32:
        return i_up(v, 2);
    default:
        return i_up(v, 4);
    }
}

/* --- products ----------------------------------------------------------------------------- */

/* Adds the products of `count` steps from `from` on of `vectors` times VW rows, from where `codes`
 * points, with `tokens` tokens to dots[vector][token]. */
INLINE void panel_dots(const uint8_t *codes, struct engine_panel_type type, size_t from,
                       size_t count, struct panel_in x, size_t vectors, size_t tokens, I *dots);

INLINE V panel_scaled(V acc, I dots, float d, V scale)
{
    return v_fma(v_mul(i_float(dots), v_set(d)), scale, acc);
}

/* Mins times the sums of inputs; those of halves are given as -8 times theirs. */
INLINE V panel_mins(V acc, struct engine_panel_type type, const struct panel_scales *s,
                    struct panel_in x, size_t t)
{
    if (type.scales != ENGINE_PANEL_K16_MIN)
        return v_fma(s->min[0], v_set(PANEL_IN(x, t, sum)), acc);
    float d = PANEL_IN(x, t, d) * -0.125F;
    acc = v_fma(s->min[0], v_set(d * (float)PANEL_IN(x, t, low)), acc);
    return v_fma(s->min[1], v_set(d * (float)PANEL_IN(x, t, high)), acc);
}

/* One block of a tile; at.codes and `row` are those of its first row. */
INLINE void panel_block(struct panel_at at, size_t row, struct engine_panel_type type,
                        struct panel_in x, size_t vectors, size_t tokens, V *acc)
{
    const bool halves = type.scales >= ENGINE_PANEL_K16;
    const bool apart = halves || (x.single && SINGLE_CHAINS == 2);
    const uint8_t *codes = at.codes + row * 4;
    struct panel_scales s[VECTORS];
    I dots[PANEL_TILE], more[PANEL_TILE];
    for (size_t i = 0; i < vectors * tokens; i++) {
        size_t t = i % tokens;
        dots[i] = panel_start(halves ? PANEL_IN(x, t, low) : PANEL_IN(x, t, shift), type);
    }
    panel_dots(codes, type, 0, apart ? 4 : 8, x, vectors, tokens, dots);
    for (size_t v = 0; v < vectors; v++)
        s[v] = panel_scales(at, row + v * VW, type.scales);
    for (size_t i = 0; apart && i < vectors * tokens; i++) {
        size_t t = i % tokens;
        more[i] = halves ? panel_start(PANEL_IN(x, t, high), type) : i_zero();
        if (halves)
            acc[i] = panel_scaled(acc[i], dots[i], PANEL_IN(x, t, d), s[i / tokens].scale[0]);
    }
    if (apart)
        panel_dots(codes, type, 4, 4, x, vectors, tokens, more);
    for (size_t i = 0; i < vectors * tokens; i++) {
        I sum = halves ? more[i] : apart ? i_add(dots[i], more[i]) : dots[i];
        const struct panel_scales *at_row = &s[i / tokens];
        acc[i] = panel_scaled(acc[i], sum, PANEL_IN(x, i % tokens, d), at_row->scale[1]);
        if (type.zero == 0)
            acc[i] = panel_mins(acc[i], type, at_row, x, i % tokens);
    }
}

/* The tokens of one tile of a panel, as far as there are rows and tokens. */
INLINE void panel_store(const struct engine_panel_job *job, size_t row, size_t first,
                        size_t vectors, size_t tokens, const V *acc)
{
    /* Unrolled, so that sums have no address and stay in registers. */
#pragma GCC unroll 4
    for (size_t v = 0; v < vectors; v++, row += VW) {
        float *y = job->y + first * job->y_stride + row;
#pragma GCC unroll 12
        for (size_t t = 0; t < tokens; t++) {
            if (row >= job->rows || first + t >= job->tokens)
                continue;
            if (row + VW <= job->rows)
                v_store(y + t * job->y_stride, acc[v * tokens + t]);
            else
                v_store_n(y + t * job->y_stride, acc[v * tokens + t], job->rows - row);
        }
    }
}

/* Rows from `row` on of a panel against tokens from `first` on. No prefetching: the hardware does
 * it better. */
INLINE void panel_tile(const struct engine_panel_job *job, size_t panel, size_t row,
                       struct engine_panel_type type, size_t first, size_t vectors, size_t quads)
{
    const size_t tokens = quads ? quads * 4 : 1, blocks = job->cols / ENGINE_PANEL_BLOCK;
    const uint8_t *p = job->panels + panel * job->panel_bytes;
    struct panel_at at = {0};
    V acc[PANEL_TILE];
    for (size_t i = 0; i < vectors * tokens; i++)
        acc[i] = v_zero();
    for (size_t b = 0; b < blocks; b += 2) {
        at = panel_first(&p, b, type, at.header);
        panel_block(at, row, type, panel_in(job, first, b, quads == 0), vectors, tokens, acc);
        if (b + 1 < blocks)
            panel_block(panel_second(at, type), row, type, panel_in(job, first, b + 1, quads == 0),
                        vectors, tokens, acc);
    }
    panel_store(job, panel * ENGINE_PANEL_ROWS + row, first, vectors, tokens, acc);
}

PER_FORMAT void panel_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             struct engine_panel_type type)
{
    const size_t most = TILE_QUADS(type), step = (size_t)TILE_VECTORS * VW;
    for (; panel < end; panel++) {
        if (!job->quads) {
            panel_tile(job, panel, 0, type, 0, VECTORS, 0);
            continue;
        }
        for (size_t t = 0, count; t < job->tokens; t += count * 4) {
            count = (job->tokens - t + 3) / 4;
            count = count < most ? count : most;
            for (size_t row = 0; row < ENGINE_PANEL_ROWS; row += step) {
                if (MAX_QUADS >= 3 && count == 3)
                    panel_tile(job, panel, row, type, t, TILE_VECTORS, 3);
                else if (MAX_QUADS >= 2 && count == 2)
                    panel_tile(job, panel, row, type, t, TILE_VECTORS, 2);
                else
                    panel_tile(job, panel, row, type, t, TILE_VECTORS, 1);
            }
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
