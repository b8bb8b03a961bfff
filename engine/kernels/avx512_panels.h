/*
 * Panels with AVX-512 VNNI, included by avx512.c: a vector is one step of sixteen rows, a register
 * tile sixteen rows by up to twelve tokens. `type` and `quads` are constants once inlined.
 */
#include "engine/kernels/avx512_pack.h"

#define STEP_BYTES 64
#define MAX_QUADS 3
#define FETCH_AHEAD 20480 /* bytes: what memory takes to answer */

/* --- weights ------------------------------------------------------------------------------ */

/* v << by, or >> for a negative one; bits that cross bytes are masked away by the caller. */
INLINE __m512i panel_shift(__m512i v, int by)
{
    switch (by) {
    case 4:
        return _mm512_slli_epi16(v, 4);
    case 3:
        return _mm512_slli_epi16(v, 3);
    case 2:
        return _mm512_slli_epi16(v, 2);
    case 1:
        return _mm512_slli_epi16(v, 1);
    case -1:
        return _mm512_srli_epi16(v, 1);
    case -2:
        return _mm512_srli_epi16(v, 2);
    case -3:
        return _mm512_srli_epi16(v, 3);
    case -4:
        return _mm512_srli_epi16(v, 4);
    default:
        return v;
    }
}

INLINE __m512i panel_load(const uint8_t *p, size_t vector)
{
    return _mm512_load_si512(p + vector * STEP_BYTES);
}

/* v | (h & bits). As one instruction it takes a multiplier's turn, which tiles have not to spare;
 * with one token fewer instructions count. */
INLINE __m512i panel_insert(__m512i v, __m512i h, char bits, bool tile)
{
    const __m512i mask = _mm512_set1_epi8(bits);
    if (!tile)
        return _mm512_ternarylogic_epi32(v, h, mask, 0xF8);
    h = _mm512_and_si512(h, mask);
    __asm__("" : "+v"(v), "+v"(h));
    return _mm512_or_si512(v, h);
}

/* Codes of one step. The loads of steps i and i + 4 are the same vector. */
INLINE __m512i panel_step(const uint8_t *codes, struct engine_panel_type type, size_t i, bool tile)
{
    const unsigned bits = type.bits;
    const uint8_t *plane = codes;
    __m512i v = _mm512_setzero_si512(), h;
    if (bits == 8)
        return panel_load(codes, i);
    if (bits >= 4) {
        v = panel_shift(panel_load(plane, i % 4), i < 4 ? 0 : -4);
        v = _mm512_and_si512(v, _mm512_set1_epi8(15));
        plane += (size_t)4 * STEP_BYTES;
    }
    if (bits == 6) { /* v | (h & 48) */
        h = panel_shift(panel_load(plane, i / 4), 4 - (int)(i % 4) * 2);
        v = panel_insert(v, h, 48, tile);
    }
    if (bits < 4) {
        h = panel_load(plane, i / 4);
        h = i % 4 == 3 ? _mm512_srli_epi16(h, 6) : panel_shift(h, (int)(i % 4) * -2);
        v = _mm512_and_si512(h, _mm512_set1_epi8(3));
        plane += (size_t)2 * STEP_BYTES;
    }
    if (bits == 5) { /* v | (h & 16) */
        h = panel_shift(panel_load(plane, 0), 4 - (int)i);
        v = panel_insert(v, h, 16, tile);
    }
    if (bits == 3) { /* v | (h & 4); step 7 goes five down */
        h = panel_load(plane, 0);
        h = i == 7 ? _mm512_srli_epi16(h, 5) : panel_shift(h, 2 - (int)i);
        v = panel_insert(v, h, 4, tile);
    }
    if (type.levels) {
        __m128i levels = _mm_loadu_si128((const __m128i *)(const void *)type.levels);
        levels = _mm_xor_si128(levels, _mm_set1_epi8((char)0x80));
        v = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(levels), v);
    }
    return v;
}

INLINE V panel_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(const void *)p));
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

/* Asks for what stands behind the pair of block b by so much that it is there in time. With several
 * tokens computing takes long enough that hardware does not fetch ahead by itself, and reading and
 * computing would take turns. */
INLINE void panel_fetch(struct panel_at at, size_t b, struct engine_panel_type type)
{
    const char *ahead = (const char *)at.scales + FETCH_AHEAD;
    if (ENGINE_PANEL_HEADER(type.scales) > 0 && b % (2 * ENGINE_PANEL_GROUP_PAIRS) == 0)
        _mm_prefetch((const char *)at.header + FETCH_AHEAD, _MM_HINT_T1);
    for (size_t i = 0; i < ENGINE_PANEL_PAIR(type.scales, type.bits); i += STEP_BYTES)
        _mm_prefetch(ahead + i, _MM_HINT_T1);
}

INLINE struct panel_at panel_second(struct panel_at at, struct engine_panel_type type)
{
    return (struct panel_at){at.header, at.scales + ENGINE_PANEL_PAIR_SCALES(type.scales) / 2,
                             at.codes + type.bits * STEP_BYTES};
}

/* -8 times a sum of inputs, times zero / 8: where a dot product of codes starts. */
INLINE __m512i panel_start(int32_t shift, unsigned zero)
{
    if (zero == 0)
        return _mm512_setzero_si512();
    __m512i v = _mm512_set1_epi32(shift);
    switch (zero) {
    case 8:
        return v;
    case 16:
        return _mm512_slli_epi32(v, 1);
    default:
        return _mm512_slli_epi32(v, 4);
    }
}

typedef const int8_t panel_quad[4][4]; /* a step of four tokens */

INLINE int32_t panel_quad_step(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, sizeof(v));
    return v;
}

INLINE __m512i panel_dot(__m512i dots, __m512i w, const int8_t *q)
{
    return _mm512_dpbusd_epi32(dots, w, _mm512_set1_epi32(panel_quad_step(q)));
}

/* `count` steps from `from` on with `quads` times four tokens, whose inputs are at q; in the order
 * that shares loads when all eight are asked for. */
INLINE void panel_dots(const uint8_t *codes, struct engine_panel_type type, size_t from,
                       size_t count, const panel_quad *const *q, size_t quads, __m512i *dots)
{
    /* Said aloud: a compiler that finds this too long makes a loop of it, at two thirds of the
     * speed. */
#pragma GCC unroll 8
    for (size_t i = 0; i < count; i++) {
        size_t step = count == 8 ? i / 2 + i % 2 * 4 : from + i;
        __m512i w = panel_step(codes, type, step, true);
#pragma GCC unroll 12
        for (size_t t = 0; t < quads * 4; t++)
            dots[t] = panel_dot(dots[t], w, q[t / 4][step][t % 4]);
    }
}

INLINE V panel_scaled(V acc, __m512i dots, float d, V scale)
{
    return v_fma(v_mul(_mm512_cvtepi32_ps(dots), v_set(d)), scale, acc);
}

INLINE V panel_scale(struct panel_at at, enum engine_panel_scales kind)
{
    return kind == ENGINE_PANEL_BF16 ? v_load_bf16((const uint16_t *)(const void *)at.scales)
                                     : panel_halves(at.scales);
}

/* One block against up to twelve tokens. */
INLINE void panel_block(struct panel_at at, struct engine_panel_type type,
                        const struct engine_act4 *in, size_t quad_blocks, size_t quads, V *acc)
{
    const struct engine_act4 *x[MAX_QUADS];
    const panel_quad *q[MAX_QUADS];
    __m512i dots[MAX_QUADS * 4];
    for (size_t i = 0; i < quads; i++) {
        x[i] = in + i * quad_blocks;
        q[i] = x[i]->q;
    }
    for (size_t t = 0; t < quads * 4; t++)
        dots[t] = panel_start(x[t / 4]->shift[t % 4], type.zero);
    panel_dots(at.codes, type, 0, 8, q, quads, dots);
    const V scale = panel_scale(at, type.scales);
    for (size_t t = 0; t < quads * 4; t++) {
        acc[t] = panel_scaled(acc[t], dots[t], x[t / 4]->d[t % 4], scale);
        if (type.zero == 0)
            acc[t] = v_fma(panel_halves(at.scales + 32), v_set(x[t / 4]->sum[t % 4]), acc[t]);
    }
}

/* One panel against up to twelve tokens. */
INLINE void panel_tile(const struct engine_panel_job *job, const uint8_t *panel,
                       struct engine_panel_type type, size_t quad, size_t quads, V *acc)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK;
    const struct engine_act4 *in = (const struct engine_act4 *)job->x + quad * blocks;
    struct panel_at at = {0};
    for (size_t t = 0; t < quads * 4; t++)
        acc[t] = v_zero();
    for (size_t b = 0; b < blocks; b += 2) {
        at = panel_first(&panel, b, type, at.header);
        panel_fetch(at, b, type);
        if (job->fetch)
            engine_fetch_lines(job->fetch, job->fetch->lines);
        panel_block(at, type, in + b, blocks, quads, acc);
        if (b + 1 < blocks)
            panel_block(panel_second(at, type), type, in + b + 1, blocks, quads, acc);
    }
}

/* One block against one token: the same sums, in the same order. */
INLINE V panel_block_single(struct panel_at at, struct engine_panel_type type,
                            const struct engine_act1 *x, V acc)
{
    __m512i low = panel_start(x->shift, type.zero), high = _mm512_setzero_si512();
    for (size_t i = 0; i < 4; i++) {
        low = _mm512_dpbusd_epi32(low, panel_step(at.codes, type, i, false),
                                  _mm512_set1_epi32(panel_quad_step(x->q + i * 4)));
        high = _mm512_dpbusd_epi32(high, panel_step(at.codes, type, i + 4, false),
                                   _mm512_set1_epi32(panel_quad_step(x->q + 16 + i * 4)));
    }
    acc = panel_scaled(acc, _mm512_add_epi32(low, high), x->d, panel_scale(at, type.scales));
    if (type.zero == 0)
        acc = v_fma(panel_halves(at.scales + 32), v_set(x->sum), acc);
    return acc;
}

/* One panel against one token. No prefetching: the hardware does it better. */
INLINE V panel_single(const struct engine_panel_job *job, const uint8_t *panel,
                      struct engine_panel_type type)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK;
    const struct engine_act1 *x = job->x;
    struct panel_at at = {0};
    V acc = v_zero();
    for (size_t b = 0; b < blocks; b += 2) {
        at = panel_first(&panel, b, type, at.header);
        acc = panel_block_single(at, type, x + b, acc);
        if (b + 1 < blocks)
            acc = panel_block_single(panel_second(at, type), type, x + b + 1, acc);
    }
    return acc;
}

/* Asks for where a tile's results will go, a cache line for each token. */
INLINE void panel_fetch_results(const struct engine_panel_job *job, size_t panel, size_t first,
                                size_t count)
{
    const float *y = job->y + first * job->y_stride + panel * ENGINE_PANEL_ROWS;
    for (size_t t = 0; t < count && first + t < job->tokens; t++)
        __builtin_prefetch(y + t * job->y_stride, 1);
}

/* Tokens from `first` on of sixteen rows, as far as there are rows and tokens. */
INLINE void panel_store(const struct engine_panel_job *job, size_t panel, size_t first,
                        size_t count, const V *acc)
{
    size_t row = panel * ENGINE_PANEL_ROWS, rows = job->rows - row;
    float *y = job->y + first * job->y_stride + row;
    __mmask16 mask = rows < ENGINE_PANEL_ROWS ? first_lanes(rows) : 0xFFFF;
    for (size_t t = 0; t < count && first + t < job->tokens; t++)
        _mm512_mask_storeu_ps(y + t * job->y_stride, mask, acc[t]);
}

#include "engine/kernels/avx512_wide.h"

/* A tile of up to twelve tokens; one function for each form. */
INLINE void panel_any_tile(const struct engine_panel_job *job, const uint8_t *panel,
                           struct engine_panel_type type, size_t quad, size_t quads, V *acc)
{
    if (ENGINE_PANEL_IS_WIDE(type.scales))
        wide_tile(job, panel, type, quad, quads, acc);
    else
        panel_tile(job, panel, type, quad, quads, acc);
}

PER_FORMAT void panel_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             struct engine_panel_type type)
{
    const size_t quads = (job->tokens + 3) / 4;
    const size_t most = ENGINE_PANEL_IS_WIDE(type.scales) ? 2 : MAX_QUADS; /* as registers hold */
    V acc[MAX_QUADS * 4];
    for (; panel < end; panel++) {
        const uint8_t *p = job->panels + panel * job->panel_bytes;
        if (!job->quads) {
            acc[0] = ENGINE_PANEL_IS_WIDE(type.scales) ? wide_single(job, p, type)
                                                       : panel_single(job, p, type);
            panel_store(job, panel, 0, 1, acc);
            continue;
        }
        for (size_t q = 0; q < quads;) {
            size_t count = quads - q < most ? quads - q : most;
            panel_fetch_results(job, panel, q * 4, count * 4);
            if (count == 3)
                panel_any_tile(job, p, type, q, 3, acc);
            else if (count == 2)
                panel_any_tile(job, p, type, q, 2, acc);
            else
                panel_any_tile(job, p, type, q, 1, acc);
            panel_store(job, panel, q * 4, count * 4, acc);
            q += count;
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
