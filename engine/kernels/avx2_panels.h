/*
 * Panels with AVX2, included by avx2.c: a vector is one step of eight rows. maddubs multiplies
 * unsigned codes by signed inputs and adds pairs in 16 bits; how many steps such a sum can hold
 * depends on the bits of a code. Codes of 8 bits are taken as magnitude and sign. `type` is
 * constant once inlined.
 */
#include "engine/kernels/pack_four.h"

#define STEP_BYTES 64

/* --- inputs ------------------------------------------------------------------------------- */

static inline int32_t sum_epi32(__m256i v)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 1);
}

static float pack_largest(const float *x, size_t n)
{
    V most = v_zero();
    for (size_t i = 0; i < n; i += 8)
        most = v_max(most, _mm256_andnot_ps(v_set(-0.0F), v_load(x + i)));
    return v_largest(most);
}

static void pack_codes(const float *x, float inverse, int8_t *q, int32_t sums[2])
{
    __m256i n[4];
    for (size_t i = 0; i < 4; i++)
        n[i] = _mm256_cvtps_epi32(v_mul(v_load(x + i * 8), v_set(inverse)));
    sums[0] = sum_epi32(_mm256_add_epi32(n[0], n[1]));
    sums[1] = sum_epi32(_mm256_add_epi32(n[2], n[3]));
    __m256i low = _mm256_packs_epi32(n[0], n[1]), high = _mm256_packs_epi32(n[2], n[3]);
    __m256i all = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high),
                                              _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(void *)q, all);
}

/* --- weights ------------------------------------------------------------------------------ */

INLINE __m256i panel_load(const uint8_t *p)
{
    return _mm256_load_si256((const __m256i *)(const void *)p);
}

/* v << by, or >> for a negative one; bits that cross bytes are masked away by the caller. */
INLINE __m256i panel_shift(__m256i v, int by)
{
    return by >= 0 ? _mm256_slli_epi16(v, by) : _mm256_srli_epi16(v, -by);
}

INLINE bool panel_signed(struct engine_panel_type type)
{
    return type.bits == 8 || type.levels;
}

/* Codes of one step of eight rows; signed ones for 8 bits and levels. */
INLINE __m256i panel_step(const uint8_t *codes, struct engine_panel_type type, size_t i)
{
    const unsigned bits = type.bits;
    const uint8_t *plane = codes;
    __m256i v = _mm256_setzero_si256(), h;
    if (bits == 8)
        return _mm256_xor_si256(panel_load(codes + i * STEP_BYTES), _mm256_set1_epi8((char)0x80));
    if (bits >= 4) {
        v = panel_shift(panel_load(plane + i % 4 * STEP_BYTES), i < 4 ? 0 : -4);
        v = _mm256_and_si256(v, _mm256_set1_epi8(15));
        plane += (size_t)4 * STEP_BYTES;
    }
    if (bits == 6) {
        h = panel_shift(panel_load(plane + i / 4 * STEP_BYTES), 4 - (int)(i % 4) * 2);
        v = _mm256_or_si256(v, _mm256_and_si256(h, _mm256_set1_epi8(48)));
    }
    if (bits < 4) {
        h = panel_shift(panel_load(plane + i / 4 * STEP_BYTES), (int)(i % 4) * -2);
        v = _mm256_and_si256(h, _mm256_set1_epi8(3));
        plane += (size_t)2 * STEP_BYTES;
    }
    if (bits == 5 || bits == 3) {
        int to = bits == 5 ? 4 : 2;
        h = panel_shift(panel_load(plane), to - (int)i);
        v = _mm256_or_si256(v, _mm256_and_si256(h, _mm256_set1_epi8((char)(1 << to))));
    }
    if (type.levels) {
        __m128i levels = _mm_loadu_si128((const __m128i *)(const void *)type.levels);
        v = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(levels), v);
    }
    return v;
}

INLINE __m256i panel_input(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, sizeof(v));
    return _mm256_set1_epi32(v);
}

/* Sums of pairs, in 16 bits. */
INLINE __m256i panel_pairs(__m256i w, __m256i x, struct engine_panel_type type)
{
    if (panel_signed(type))
        return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_maddubs_epi16(w, x);
}

/* Steps `from` to `end` - 1 of eight rows against `tokens` tokens, times `factor` (16 bits, each
 * twice), added to dots. Token t's step i stands at x + i * step_bytes + t * 4. */
INLINE void panel_dots(const uint8_t *codes, struct engine_panel_type type, size_t from, size_t end,
                       const int8_t *x, size_t step_bytes, size_t tokens, __m256i factor,
                       __m256i *dots)
{
    /* most steps whose pairs fit: 2 * 127 * (2^bits - 1) each, 32767 all */
    const size_t fit = panel_signed(type) ? 1 : type.bits == 6 ? 2 : type.bits == 5 ? 4 : 8;
    for (size_t i = from; i < end; i += fit) {
        __m256i pairs[4] = {_mm256_setzero_si256()};
        for (size_t j = 0; j < fit && i + j < end; j++) {
            __m256i w = panel_step(codes, type, i + j);
            for (size_t t = 0; t < tokens; t++) {
                __m256i p = panel_pairs(w, panel_input(x + (i + j) * step_bytes + t * 4), type);
                pairs[t] = j == 0 ? p : _mm256_add_epi16(pairs[t], p);
            }
        }
        for (size_t t = 0; t < tokens; t++)
            dots[t] = _mm256_add_epi32(dots[t], _mm256_madd_epi16(pairs[t], factor));
    }
}

INLINE V panel_halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)p));
}

INLINE V panel_scale(const uint8_t *scales, enum engine_panel_scales kind, size_t row)
{
    return kind == ENGINE_PANEL_BF16 ? v_load_bf16((const uint16_t *)(const void *)scales + row)
                                     : panel_halves(scales + row * 2);
}

INLINE __m256i panel_start(int32_t shift, unsigned zero)
{
    if (zero == 0 || zero == 128) /* 8 bits are signed here */
        return _mm256_setzero_si256();
    return _mm256_set1_epi32(shift / 8 * (int32_t)zero);
}

/* Inputs of one block, of one token or of four. */
struct panel_in {
    const int8_t *q;
    size_t step_bytes;
    const float *d, *sum;
    const int32_t *shift;
};

/* One block of eight rows from `row` against `tokens` tokens. */
INLINE void panel_block(const uint8_t *panel, struct engine_panel_place at, size_t row,
                        struct engine_panel_type type, struct panel_in x, size_t tokens, V *acc)
{
    const uint8_t *scales = panel + at.scales;
    const V scale = panel_scale(scales, type.scales, row);
    __m256i dots[4];
    for (size_t t = 0; t < tokens; t++)
        dots[t] = panel_start(x.shift[t], type.zero);
    panel_dots(panel + at.codes + row * 4, type, 0, 8, x.q, x.step_bytes, tokens,
               _mm256_set1_epi16(1), dots);
    for (size_t t = 0; t < tokens; t++) {
        acc[t] = v_fma(v_mul(_mm256_cvtepi32_ps(dots[t]), v_set(x.d[t])), scale, acc[t]);
        if (type.zero == 0)
            acc[t] = v_fma(panel_halves(scales + 32 + row * 2), v_set(x.sum[t]), acc[t]);
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

/* Eight bytes, as the lower 16 of 32 bits. */
INLINE __m256i wide_bytes(const uint8_t *p, bool is_signed)
{
    __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return is_signed ? _mm256_and_si256(_mm256_cvtepi8_epi32(v), _mm256_set1_epi32(0xFFFF))
                     : _mm256_cvtepu8_epi32(v);
}

/* A factor of half h of a block: its scale, or with `min` its min. */
INLINE __m256i wide_factor(const uint8_t *scales, enum engine_panel_scales kind, size_t h, bool min)
{
    if (kind == ENGINE_PANEL_K32)
        return wide_bytes(scales + (min ? 16 : 0), false);
    if (kind != ENGINE_PANEL_K16_MIN)
        return wide_bytes(scales + h * 16, true);
    __m256i both = wide_bytes(scales + h * 16, false);
    return min ? _mm256_srli_epi32(both, 4) : _mm256_and_si256(both, _mm256_set1_epi32(15));
}

/* Both halves of 32 bits from the lower one, which is not below zero. */
INLINE __m256i wide_twice(__m256i v)
{
    return _mm256_or_si256(v, _mm256_slli_epi32(v, 16));
}

/* One block: what its codes and its mins (or zeros) add up to, times their scales. */
INLINE void wide_block(const uint8_t *scales, const uint8_t *codes, struct engine_panel_type type,
                       struct wide_in x, size_t block, size_t tokens, __m256i *sums, __m256i *mins)
{
    const bool whole = type.scales == ENGINE_PANEL_K32 || type.scales == ENGINE_PANEL_K32_ZERO;
    const int8_t *q = x.q + block * ENGINE_PANEL_STEPS * x.step_bytes;
    for (size_t h = 0; h < (whole ? 1 : 2); h++) {
        const __m256i scale = wide_factor(scales, type.scales, h, false);
        __m256i less = type.zero == 0 ? wide_factor(scales, type.scales, h, true) : scale;
        less = whole ? wide_twice(less) : less;
        panel_dots(codes, type, h * 4, whole ? 8 : h * 4 + 4, q, x.step_bytes, tokens,
                   wide_twice(scale), sums);
        for (size_t t = 0; type.zero < 128 && t < tokens; t++) {
            const int16_t *two = x.halves + block * x.sums_step + t * 2;
            __m256i in = whole ? panel_input((const int8_t *)two) : _mm256_set1_epi16(two[h]);
            mins[t] = _mm256_add_epi32(mins[t], _mm256_madd_epi16(less, in));
        }
    }
}

/* 256 columns of eight rows. */
INLINE void wide_group(const uint8_t *panel, size_t group, size_t row,
                       struct engine_panel_type type, struct wide_in x, size_t tokens, V *acc)
{
    const size_t first = group * ENGINE_WIDE_BLOCKS;
    const uint8_t *header = panel + engine_panel_place(type, first).header;
    const bool has_min = type.scales == ENGINE_PANEL_K32 || type.scales == ENGINE_PANEL_K16_MIN;
    __m256i sums[4], mins[4];
    for (size_t t = 0; t < tokens; t++)
        sums[t] = mins[t] = _mm256_setzero_si256();
    for (size_t b = 0; b < ENGINE_WIDE_BLOCKS; b++) {
        const struct engine_panel_place at = engine_panel_place(type, first + b);
        wide_block(panel + at.scales + row, panel + at.codes + row * 4, type, x, b, tokens, sums,
                   mins);
    }
    const V d = has_min ? panel_halves(header + row * 2)
                        : v_load((const float *)(const void *)header + row);
    for (size_t t = 0; t < tokens; t++) {
        if (type.zero > 0 && type.zero < 128)
            sums[t] = _mm256_sub_epi32(sums[t],
                                       _mm256_mullo_epi32(mins[t], _mm256_set1_epi32(type.zero)));
        V v = v_mul(_mm256_cvtepi32_ps(sums[t]), d);
        if (type.zero == 0)
            v = v_sub(v, v_mul(_mm256_cvtepi32_ps(mins[t]), panel_halves(header + 32 + row * 2)));
        acc[t] = v_fma(v, v_set(x.d[t]), acc[t]);
    }
}

/* --- tiles -------------------------------------------------------------------------------- */

INLINE void panel_store(const struct engine_panel_job *job, size_t row, size_t token, V acc)
{
    float *y = job->y + token * job->y_stride + row;
    if (row + VW <= job->rows)
        v_store(y, acc);
    else if (row < job->rows)
        v_store_n(y, acc, job->rows - row);
}

/* Rows from `row` on, `parts` times eight, against one token or the four of `quad`. */
INLINE void panel_tile(const struct engine_panel_job *job, size_t panel, size_t row, size_t quad,
                       struct engine_panel_type type, size_t parts, size_t tokens)
{
    const bool wide = ENGINE_PANEL_IS_WIDE(type.scales);
    const uint8_t *weights = job->panels + panel * job->panel_bytes;
    const char *in =
        (const char *)job->x + quad * engine_act_row_bytes(wide, tokens == 1, job->cols);
    const struct engine_wide1 *wide1 = (const struct engine_wide1 *)(const void *)in;
    const struct engine_wide4 *wide4 = (const struct engine_wide4 *)(const void *)in;
    const struct engine_act1 *act1 = (const struct engine_act1 *)(const void *)in;
    const struct engine_act4 *act4 = (const struct engine_act4 *)(const void *)in;
    V acc[2][4];
    for (size_t i = 0; i < 8; i++)
        acc[i / 4][i % 4] = v_zero();
    for (size_t g = 0; wide && g < job->cols / ENGINE_WIDE; g++) {
        struct wide_in x = {wide1[g].q, 4, 2, wide1[g].halves, &wide1[g].d};
        if (tokens == 4)
            x = (struct wide_in){wide4[g].q[0][0], 16, 8, wide4[g].halves[0][0], wide4[g].d};
        for (size_t p = 0; p < parts; p++)
            wide_group(weights, g, row + p * VW, type, x, tokens, acc[p]);
    }
    for (size_t b = 0; !wide && b < job->cols / ENGINE_PANEL_BLOCK; b++) {
        const struct engine_panel_place at = engine_panel_place(type, b);
        struct panel_in x = {act1[b].q, 4, &act1[b].d, &act1[b].sum, &act1[b].shift};
        if (tokens == 4)
            x = (struct panel_in){act4[b].q[0][0], 16, act4[b].d, act4[b].sum, act4[b].shift};
        for (size_t p = 0; p < parts; p++)
            panel_block(weights, at, row + p * VW, type, x, tokens, acc[p]);
    }
    for (size_t p = 0; p < parts; p++) {
        for (size_t t = 0; t < tokens && quad * 4 + t < job->tokens; t++)
            panel_store(job, panel * ENGINE_PANEL_ROWS + row + p * VW, quad * 4 + t, acc[p][t]);
    }
}

PER_FORMAT void panel_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             struct engine_panel_type type)
{
    for (; panel < end; panel++) {
        if (!job->quads) {
            panel_tile(job, panel, 0, 0, type, 2, 1); /* both halves: memory is read in order */
            continue;
        }
        for (size_t quad = 0; quad < (job->tokens + 3) / 4; quad++) {
            panel_tile(job, panel, 0, quad, type, 1, 4);
            panel_tile(job, panel, VW, quad, type, 1, 4);
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
