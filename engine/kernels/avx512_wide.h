/*
 * Panels of K types with AVX-512 VNNI, included by avx512_panels.h. 256 columns are whole numbers
 * until their end: sums of codes times their scales, and sums of inputs times their mins.
 *
 * The dot products of two neighbours (32 columns, or 16) are put side by side as 16-bit numbers, so
 * that one instruction multiplies both with their scales and adds them. Where they have more bits
 * than that (wide_lost()), the last ones are rounded away: an eighth of a per cent of the error
 * that inputs of 8 bits have anyway.
 */

/* Makes the compiler keep an array in memory that is used once in 256 columns: registers are for
 * what is used in between, and it would choose otherwise. */
#define IN_MEMORY(array) __asm__ volatile("" : : "r"(array) : "memory")

/* Sixteen bytes of each of two neighbours side by side for each row, as 16-bit numbers. */
INLINE __m512i wide_unsigned(__m128i first, __m128i second)
{
    __m128i low = _mm_unpacklo_epi8(first, second), high = _mm_unpackhi_epi8(first, second);
    return _mm512_cvtepu8_epi16(_mm256_set_m128i(high, low));
}

INLINE __m512i wide_signed(__m128i first, __m128i second)
{
    __m128i low = _mm_unpacklo_epi8(first, second), high = _mm_unpackhi_epi8(first, second);
    return _mm512_cvtepi8_epi16(_mm256_set_m128i(high, low));
}

/* The scales, from `scales` on, of the two blocks of a pair (K32), or of a block's two halves. */
INLINE __m512i wide_scales(const uint8_t *scales, enum engine_panel_scales kind)
{
    const __m128i *p = (const __m128i *)(const void *)scales, low = _mm_set1_epi8(15);
    if (kind == ENGINE_PANEL_K32)
        return wide_unsigned(_mm_load_si128(p), _mm_load_si128(p + 2));
    if (kind == ENGINE_PANEL_K16_MIN)
        return wide_unsigned(_mm_and_si128(_mm_load_si128(p), low),
                             _mm_and_si128(_mm_load_si128(p + 1), low));
    return wide_signed(_mm_load_si128(p), _mm_load_si128(p + (kind == ENGINE_PANEL_K16 ? 1 : 2)));
}

/* Their mins, as the sums of inputs are. */
INLINE __m512i wide_mins(const uint8_t *scales, enum engine_panel_scales kind)
{
    const __m128i *p = (const __m128i *)(const void *)scales, low = _mm_set1_epi8(15);
    if (kind == ENGINE_PANEL_K32)
        return wide_unsigned(_mm_load_si128(p + 1), _mm_load_si128(p + 3));
    return wide_unsigned(_mm_and_si128(_mm_srli_epi16(_mm_load_si128(p), 4), low),
                         _mm_and_si128(_mm_srli_epi16(_mm_load_si128(p + 1), 4), low));
}

INLINE __m512i wide_sums(const int16_t *sums)
{
    int32_t v;
    memcpy(&v, sums, sizeof(v));
    return _mm512_set1_epi32(v);
}

/* How many bits a dot product has more than 16: of the largest code (from zero), 127 and the number
 * of columns. */
INLINE int wide_lost(struct engine_panel_type type)
{
    if (type.scales == ENGINE_PANEL_K32)
        return type.bits == 4 ? 1 : 2; /* 15 and 31, times 127 * 32 */
    if (type.scales == ENGINE_PANEL_K32_ZERO)
        return 4;                  /* 127 * 127 * 32 */
    return type.bits == 6 ? 1 : 0; /* 32, 4 or 3, times 127 * 16 */
}

/* Where a dot product of codes starts: at -32 times a sum of inputs, of K32_ZERO of two, and at
 * half of what wide_beside() takes away, so that it rounds; of two neighbours one up and one down.
 */
INLINE __m512i wide_start(const int32_t *start, size_t step, struct engine_panel_type type,
                          bool second)
{
    const int half = (1 << wide_lost(type)) / 2, round = second || half == 0 ? half : half - 1;
    if (type.zero == 0)
        return round == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(round);
    __m512i v = _mm512_set1_epi32(start[0]);
    if (type.scales == ENGINE_PANEL_K32_ZERO)
        v = _mm512_add_epi32(v, _mm512_set1_epi32(start[step]));
    v = type.zero == 4 ? _mm512_srai_epi32(v, 3) : type.zero == 32 ? v : _mm512_slli_epi32(v, 2);
    return round == 0 ? v : _mm512_add_epi32(v, _mm512_set1_epi32(round));
}

#define UPPER_HALVES 0xAAAAAAAA /* of 32-bit numbers */

/* Two dot products of each row side by side as 16-bit numbers, without what they have more. Shifts
 * and a blend take no multiplier's turn; a ternary operation would. */
INLINE __m512i wide_beside(__m512i first, __m512i second, struct engine_panel_type type)
{
    switch (wide_lost(type)) {
    case 0:
        return _mm512_mask_blend_epi16(UPPER_HALVES, first, _mm512_slli_epi32(second, 16));
    case 1:
        return _mm512_mask_blend_epi16(UPPER_HALVES, _mm512_srli_epi32(first, 1),
                                       _mm512_slli_epi32(second, 15));
    case 2:
        return _mm512_mask_blend_epi16(UPPER_HALVES, _mm512_srli_epi32(first, 2),
                                       _mm512_slli_epi32(second, 14));
    default:
        return _mm512_mask_blend_epi16(UPPER_HALVES, _mm512_srli_epi32(first, 4),
                                       _mm512_slli_epi32(second, 12));
    }
}

INLINE V wide_d(const uint8_t *header, struct engine_panel_type type)
{
    V d = type.zero == 0 ? panel_halves(header) : v_load((const float *)(const void *)header);
    return v_mul(d, v_set((float)(1 << wide_lost(type))));
}

/* What mins take away, to be multiplied by the inputs' scale as well. */
INLINE V wide_minus(__m512i mins, const uint8_t *header)
{
    return v_mul(_mm512_cvtepi32_ps(mins), v_sub(v_zero(), panel_halves(header + 32)));
}

/* The sums of 256 columns as floats, added to `acc`. */
INLINE V wide_add(V acc, __m512i sum, V d, bool has_min, V minus, float x)
{
    V v = _mm512_cvtepi32_ps(sum);
    v = has_min ? v_fma(v, d, minus) : v_mul(v, d);
    return v_fma(v, v_set(x), acc);
}

/* Dot products of `count` steps from half h of a block on. */
INLINE void wide_part(struct panel_at at, size_t block, size_t h, size_t count, bool second,
                      struct engine_panel_type type, const struct engine_wide4 *const *x,
                      size_t quads, __m512i *dots)
{
    const panel_quad *q[MAX_QUADS];
    for (size_t i = 0; i < quads; i++)
        q[i] = x[i]->q + block * ENGINE_PANEL_STEPS;
#pragma GCC unroll 12
    for (size_t t = 0; t < quads * 4; t++)
        dots[t] = wide_start(&x[t / 4]->start[block * 2 + h][t % 4], 4, type, second);
    panel_dots(at.codes, type, h * 4, count, q, quads, dots);
}

/* Two neighbours, times their scales. */
INLINE void wide_two(const __m512i *first, const __m512i *second, const uint8_t *scales,
                     struct engine_panel_type type, size_t quads, __m512i *sums)
{
    const __m512i scale = wide_scales(scales, type.scales);
#pragma GCC unroll 12
    for (size_t t = 0; t < quads * 4; t++)
        sums[t] = _mm512_dpwssd_epi32(sums[t], wide_beside(first[t], second[t], type), scale);
}

/* The pair of blocks that begins with `block`. */
INLINE void wide_blocks(struct panel_at at, size_t block, struct engine_panel_type type,
                        const struct engine_wide4 *const *x, size_t quads, __m512i *sums)
{
    __m512i first[MAX_QUADS * 4], second[MAX_QUADS * 4];
    if (type.scales < ENGINE_PANEL_K16) {
        wide_part(at, block, 0, 8, false, type, x, quads, first);
        wide_part(panel_second(at, type), block + 1, 0, 8, true, type, x, quads, second);
        wide_two(first, second, at.scales, type, quads, sums);
        return;
    }
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++) {
        wide_part(at, block + i, 0, 4, false, type, x, quads, first);
        wide_part(at, block + i, 1, 4, true, type, x, quads, second);
        wide_two(first, second, at.scales, type, quads, sums);
        at = panel_second(at, type);
    }
}

/* The mins of the group that begins at `pair` times the sums of inputs. */
INLINE void wide_group_mins(const uint8_t *pair, struct engine_panel_type type,
                            const struct engine_wide4 *const *x, size_t quads, __m512i *mins)
{
#pragma GCC unroll 12
    for (size_t t = 0; t < quads * 4; t++)
        mins[t] = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (size_t i = 0; i < ENGINE_WIDE_BLOCKS; i++) {
        const bool both = type.scales == ENGINE_PANEL_K32; /* blocks of a pair at once */
        if (both && i % 2 != 0)
            continue;
        __m512i m = wide_mins(pair + i / 2 * ENGINE_PANEL_PAIR(type.scales, type.bits) + i % 2 * 32,
                              type.scales);
#pragma GCC unroll 12
        for (size_t t = 0; t < quads * 4; t++) {
            const struct engine_wide4 *in = x[t / 4];
            const int16_t *two = both ? in->sums[i / 2][t % 4] : in->halves[i][t % 4];
            mins[t] = _mm512_dpwssd_epi32(mins[t], m, wide_sums(two));
        }
    }
}

/* One panel against up to twelve tokens. */
INLINE void wide_tile(const struct engine_panel_job *job, const uint8_t *panel,
                      struct engine_panel_type type, size_t quad, size_t quads, V *acc)
{
    const size_t groups = job->cols / ENGINE_WIDE,
                 bytes = ENGINE_PANEL_PAIR(type.scales, type.bits);
    const struct engine_wide4 *in = (const struct engine_wide4 *)job->x + quad * groups;
    const struct engine_wide4 *x[MAX_QUADS];
    V minus[MAX_QUADS * 4];
    __m512i sums[MAX_QUADS * 4];
#pragma GCC unroll 12
    for (size_t t = 0; t < quads * 4; t++)
        acc[t] = v_zero();
    IN_MEMORY(acc);
    IN_MEMORY(minus);
    for (size_t g = 0; g < groups; g++, in++) {
        const uint8_t *header = panel;
        panel += ENGINE_PANEL_HEADER(type.scales);
        for (size_t i = 0; i < quads; i++)
            x[i] = in + i * groups;
        if (type.zero == 0) {
            wide_group_mins(panel, type, x, quads, sums);
#pragma GCC unroll 12
            for (size_t t = 0; t < quads * 4; t++)
                minus[t] = wide_minus(sums[t], header);
        }
#pragma GCC unroll 12
        for (size_t t = 0; t < quads * 4; t++)
            sums[t] = _mm512_setzero_si512();
        IN_MEMORY(minus);
        for (size_t i = 0; i < ENGINE_WIDE_BLOCKS; i += 2, panel += bytes) {
            const struct panel_at at = {header, panel,
                                        panel + ENGINE_PANEL_PAIR_SCALES(type.scales)};
            panel_fetch(at, i, type);
            if (job->fetch)
                engine_fetch_lines(job->fetch, job->fetch->lines);
            wide_blocks(at, i, type, x, quads, sums);
        }
        const V d = wide_d(header, type);
#pragma GCC unroll 12
        for (size_t t = 0; t < quads * 4; t++)
            acc[t] = wide_add(acc[t], sums[t], d, type.zero == 0, minus[t], x[t / 4]->d[t % 4]);
    }
}

/* Scales of sixteen rows as 32-bit numbers: of half h of a block. */
INLINE __m512i wide_scale(struct panel_at at, enum engine_panel_scales kind, size_t h)
{
    __m128i bytes = _mm_load_si128((const __m128i *)(const void *)(at.scales + h * 16));
    if (kind == ENGINE_PANEL_K32)
        return _mm512_cvtepu8_epi32(bytes);
    if (kind == ENGINE_PANEL_K16_MIN)
        return _mm512_cvtepu8_epi32(_mm_and_si128(bytes, _mm_set1_epi8(15)));
    return _mm512_cvtepi8_epi32(bytes);
}

/* What wide_two() does with one of its two: while memory is waited for, fewer instructions count
 * and not the multipliers' turns. */
INLINE __m512i wide_one(__m512i sum, __m512i dots, __m512i scale, struct engine_panel_type type)
{
    const int lost = wide_lost(type);
    dots = lost == 0   ? dots
           : lost == 1 ? _mm512_srai_epi32(dots, 1)
           : lost == 2 ? _mm512_srai_epi32(dots, 2)
                       : _mm512_srai_epi32(dots, 4);
    return _mm512_add_epi32(sum, _mm512_mullo_epi32(dots, scale));
}

/* One block, the second of its pair or not, against one token. */
INLINE __m512i wide_block_single(struct panel_at at, size_t block, bool second,
                                 struct engine_panel_type type, const struct engine_wide1 *x,
                                 __m512i sum)
{
    const bool halves = type.scales >= ENGINE_PANEL_K16;
    const int8_t *q = x->q + block * ENGINE_PANEL_BLOCK;
    __m512i low = wide_start(&x->start[block * 2], 1, type, second && !halves);
    __m512i high = _mm512_setzero_si512();
    if (halves)
        high = wide_start(&x->start[block * 2 + 1], 1, type, true);
    for (size_t i = 0; i < 4; i++) {
        low = _mm512_dpbusd_epi32(low, panel_step(at.codes, type, i, false),
                                  _mm512_set1_epi32(panel_quad_step(q + i * 4)));
        high = _mm512_dpbusd_epi32(high, panel_step(at.codes, type, i + 4, false),
                                   _mm512_set1_epi32(panel_quad_step(q + 16 + i * 4)));
    }
    if (halves)
        sum = wide_one(sum, high, wide_scale(at, type.scales, 1), type);
    else
        low = _mm512_add_epi32(low, high);
    return wide_one(sum, low, wide_scale(at, type.scales, 0), type);
}

/* One panel against one token: the same numbers. No prefetching: the hardware does it better. */
INLINE V wide_single(const struct engine_panel_job *job, const uint8_t *panel,
                     struct engine_panel_type type)
{
    const size_t groups = job->cols / ENGINE_WIDE,
                 bytes = ENGINE_PANEL_PAIR(type.scales, type.bits);
    const struct engine_wide1 *x = job->x;
    V acc = v_zero();
    for (size_t g = 0; g < groups; g++, x++) {
        const uint8_t *header = panel;
        __m512i sum = _mm512_setzero_si512(), mins = sum;
        panel += ENGINE_PANEL_HEADER(type.scales);
        for (size_t i = 0; i < ENGINE_WIDE_BLOCKS; i += 2, panel += bytes) {
            const struct panel_at at = {header, panel,
                                        panel + ENGINE_PANEL_PAIR_SCALES(type.scales)};
            sum = wide_block_single(at, i, false, type, x, sum);
            sum = wide_block_single(panel_second(at, type), i + 1, true, type, x, sum);
            if (type.scales == ENGINE_PANEL_K32)
                mins = _mm512_dpwssd_epi32(mins, wide_mins(at.scales, type.scales),
                                           wide_sums(&x->sums[i]));
            for (size_t j = 0; type.scales == ENGINE_PANEL_K16_MIN && j < 2; j++)
                mins = _mm512_dpwssd_epi32(mins, wide_mins(at.scales + j * 32, type.scales),
                                           wide_sums(&x->halves[(i + j) * 2]));
        }
        acc = wide_add(acc, sum, wide_d(header, type), type.zero == 0,
                       type.zero == 0 ? wide_minus(mins, header) : v_zero(), x->d);
    }
    return acc;
}
