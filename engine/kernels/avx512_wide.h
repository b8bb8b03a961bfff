/*
 * Panels of K types with AVX-512 VNNI, included by avx512_panels.h. 256 columns are whole numbers
 * until their end: sums of codes times their scales, and sums of inputs times their mins.
 */

/* Makes the compiler keep an array in memory that is used once in 256 columns: registers are for
 * what is used in between, and it would choose otherwise. */
#define IN_MEMORY(array) __asm__ volatile("" : : "r"(array) : "memory")

/* Scales of sixteen rows, as 32-bit numbers: of half h of a block. */
INLINE __m512i wide_scale(struct panel_at at, enum engine_panel_scales kind, size_t h)
{
    __m128i bytes = _mm_load_si128((const __m128i *)(const void *)(at.scales + h * 16));
    if (kind == ENGINE_PANEL_K32)
        return _mm512_cvtepu8_epi32(bytes);
    if (kind == ENGINE_PANEL_K16_MIN)
        return _mm512_cvtepu8_epi32(_mm_and_si128(bytes, _mm_set1_epi8(15)));
    return _mm512_cvtepi8_epi32(bytes);
}

/* The mins of two neighbours side by side, for each row, as the sums of inputs are. */
INLINE __m512i wide_mins_of(__m128i first, __m128i second)
{
    __m128i low = _mm_unpacklo_epi8(first, second), high = _mm_unpackhi_epi8(first, second);
    return _mm512_cvtepu8_epi16(_mm256_set_m128i(high, low));
}

/* Of the two halves of a block, or of the two blocks of a pair that begins at `scales`. */
INLINE __m512i wide_mins(const uint8_t *scales, enum engine_panel_scales kind)
{
    const __m128i *p = (const __m128i *)(const void *)scales;
    if (kind == ENGINE_PANEL_K32)
        return wide_mins_of(_mm_load_si128(p + 1), _mm_load_si128(p + 3));
    const __m128i low = _mm_set1_epi8(15);
    return wide_mins_of(_mm_and_si128(_mm_srli_epi16(_mm_load_si128(p), 4), low),
                        _mm_and_si128(_mm_srli_epi16(_mm_load_si128(p + 1), 4), low));
}

INLINE __m512i wide_pair(const int16_t *sums)
{
    int32_t v;
    memcpy(&v, sums, sizeof(v));
    return _mm512_set1_epi32(v);
}

/* Where a dot product of codes starts, from -32 times a sum of inputs; of K32_ZERO from two. */
INLINE __m512i wide_start(const int32_t *start, size_t step, struct engine_panel_type type)
{
    if (type.zero == 0)
        return _mm512_setzero_si512();
    __m512i v = _mm512_set1_epi32(start[0]);
    if (type.scales == ENGINE_PANEL_K32_ZERO)
        v = _mm512_add_epi32(v, _mm512_set1_epi32(start[step]));
    return type.zero == 4 ? _mm512_srai_epi32(v, 3) : type.zero == 32 ? v : _mm512_slli_epi32(v, 2);
}

INLINE V wide_d(const uint8_t *header, enum engine_panel_scales kind)
{
    return kind == ENGINE_PANEL_K32 || kind == ENGINE_PANEL_K16_MIN
               ? panel_halves(header)
               : v_load((const float *)(const void *)header);
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

/* Dot products of `count` steps from half h of a block on, times its scale. */
INLINE void wide_part(struct panel_at at, size_t block, size_t h, size_t count,
                      struct engine_panel_type type, const struct engine_wide4 *const *x,
                      size_t quads, __m512i *sums)
{
    const panel_quad *q[MAX_QUADS];
    __m512i dots[MAX_QUADS * 4];
    for (size_t i = 0; i < quads; i++)
        q[i] = x[i]->q + block * ENGINE_PANEL_STEPS;
#pragma GCC unroll 12
    for (size_t t = 0; t < quads * 4; t++)
        dots[t] = wide_start(&x[t / 4]->start[block * 2 + h][t % 4], 4, type);
    panel_dots(at.codes, type, h * 4, count, q, quads, dots);
    const __m512i scale = wide_scale(at, type.scales, h);
#pragma GCC unroll 12
    for (size_t t = 0; t < quads * 4; t++) {
        sums[t] = _mm512_add_epi32(sums[t], _mm512_mullo_epi32(dots[t], scale));
        __asm__ volatile("" : "+v"(sums[t])); /* now, so that `dots` has its registers back */
    }
}

INLINE void wide_block(struct panel_at at, size_t block, struct engine_panel_type type,
                       const struct engine_wide4 *const *x, size_t quads, __m512i *sums)
{
    if (type.scales >= ENGINE_PANEL_K16) {
        wide_part(at, block, 0, 4, type, x, quads, sums);
        IN_MEMORY(at.codes);
        wide_part(at, block, 1, 4, type, x, quads, sums);
    } else {
        wide_part(at, block, 0, 8, type, x, quads, sums);
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
            mins[t] = _mm512_dpwssd_epi32(mins[t], m, wide_pair(two));
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
            wide_block(at, i, type, x, quads, sums);
            wide_block(panel_second(at, type), i + 1, type, x, quads, sums);
        }
        const V d = wide_d(header, type.scales);
#pragma GCC unroll 12
        for (size_t t = 0; t < quads * 4; t++)
            acc[t] = wide_add(acc[t], sums[t], d, type.zero == 0, minus[t], x[t / 4]->d[t % 4]);
    }
}

/* One block against one token. */
INLINE __m512i wide_block_single(struct panel_at at, size_t block, struct engine_panel_type type,
                                 const struct engine_wide1 *x, __m512i sum)
{
    const bool halves = type.scales >= ENGINE_PANEL_K16;
    const int8_t *q = x->q + block * ENGINE_PANEL_BLOCK;
    __m512i low = wide_start(&x->start[block * 2], 1, type), high = _mm512_setzero_si512();
    if (halves)
        high = wide_start(&x->start[block * 2 + 1], 1, type);
    for (size_t i = 0; i < 4; i++) {
        low = _mm512_dpbusd_epi32(low, panel_step(at.codes, type, i),
                                  _mm512_set1_epi32(panel_quad_step(q + i * 4)));
        high = _mm512_dpbusd_epi32(high, panel_step(at.codes, type, i + 4),
                                   _mm512_set1_epi32(panel_quad_step(q + 16 + i * 4)));
    }
    if (halves)
        sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(high, wide_scale(at, type.scales, 1)));
    else
        low = _mm512_add_epi32(low, high);
    return _mm512_add_epi32(sum, _mm512_mullo_epi32(low, wide_scale(at, type.scales, 0)));
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
            sum = wide_block_single(at, i, type, x, sum);
            sum = wide_block_single(panel_second(at, type), i + 1, type, x, sum);
            if (type.scales == ENGINE_PANEL_K32)
                mins = _mm512_dpwssd_epi32(mins, wide_mins(at.scales, type.scales),
                                           wide_pair(&x->sums[i]));
            for (size_t j = 0; type.scales == ENGINE_PANEL_K16_MIN && j < 2; j++)
                mins = _mm512_dpwssd_epi32(mins, wide_mins(at.scales + j * 32, type.scales),
                                           wide_pair(&x->halves[(i + j) * 2]));
        }
        acc = wide_add(acc, sum, wide_d(header, type.scales), type.zero == 0,
                       type.zero == 0 ? wide_minus(mins, header) : v_zero(), x->d);
    }
    return acc;
}
