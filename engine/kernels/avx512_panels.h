/*
 * Panels with AVX-512 VNNI, included by avx512.c: a vector is one step of sixteen rows, a register
 * tile sixteen rows by up to twelve tokens. `bits`, `zero`, `kind` and `quads` are constants once
 * inlined.
 */
#define STEP_BYTES 64
#define MAX_QUADS 3

/* --- inputs ------------------------------------------------------------------------------- */

/* 32 numbers in 8 bits, their scale, and the sums of the first sixteen and of the rest. */
INLINE __m256i pack_block(const float *x, float *d, int32_t *low_sum, int32_t *high_sum)
{
    V low = v_load(x), high = v_load(x + 16);
    float most = _mm512_reduce_max_ps(v_max(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    V inverse = v_set(most > 0 ? 127.0F / most : 0);
    __m512i q0 = _mm512_cvtps_epi32(v_mul(low, inverse));
    __m512i q1 = _mm512_cvtps_epi32(v_mul(high, inverse));
    *d = most / 127.0F;
    *low_sum = _mm512_reduce_add_epi32(q0);
    *high_sum = _mm512_reduce_add_epi32(q1);
    return _mm256_set_m128i(_mm512_cvtsepi32_epi8(q1), _mm512_cvtsepi32_epi8(q0));
}

static void pack_one(const float *x, size_t n, struct engine_act1 *out)
{
    for (size_t b = 0; b < n / ENGINE_PANEL_BLOCK; b++, out++) {
        int32_t low, high;
        __m256i q = pack_block(x + b * ENGINE_PANEL_BLOCK, &out->d, &low, &high);
        _mm256_store_si256((__m256i *)(void *)out->q, q);
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
            __m256i q = _mm256_setzero_si256();
            out->d[t] = 0;
            if (x[t])
                q = pack_block(x[t] + b * ENGINE_PANEL_BLOCK, &out->d[t], &low, &high);
            int32_t steps[ENGINE_PANEL_STEPS];
            memcpy(steps, &q, sizeof(steps));
            for (size_t i = 0; i < ENGINE_PANEL_STEPS; i++)
                memcpy(out->q[i][t], &steps[i], sizeof(steps[i]));
            out->sum[t] = out->d[t] * (float)(low + high);
            out->low[t] = -8 * low;
            out->high[t] = -8 * high;
            out->shift[t] = out->low[t] + out->high[t];
        }
    }
}

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

/* Codes of one step. The loads of steps i and i + 4 are the same vector. */
INLINE __m512i panel_step(const uint8_t *codes, unsigned bits, size_t i)
{
    if (bits == 8)
        return _mm512_load_si512(codes + i * STEP_BYTES);
    __m512i v = _mm512_load_si512(codes + i % 4 * STEP_BYTES);
    v = _mm512_and_si512(panel_shift(v, i < 4 ? 0 : -4), _mm512_set1_epi8(15));
    if (bits == 5) { /* v | (h & 16) */
        __m512i h = panel_shift(_mm512_load_si512(codes + 4 * STEP_BYTES), 4 - (int)i);
        v = _mm512_ternarylogic_epi32(v, h, _mm512_set1_epi8(16), 0xF8);
    }
    if (bits == 6) { /* v | (h & 48) */
        __m512i h = _mm512_load_si512(codes + (4 + i / 4) * STEP_BYTES);
        h = panel_shift(h, 4 - (int)(i % 4) * 2);
        v = _mm512_ternarylogic_epi32(v, h, _mm512_set1_epi8(48), 0xF8);
    }
    return v;
}

INLINE V panel_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(const void *)p));
}

INLINE V panel_bytes(const uint8_t *p, bool is_signed)
{
    __m128i v = _mm_load_si128((const __m128i *)(const void *)p);
    return _mm512_cvtepi32_ps(is_signed ? _mm512_cvtepi8_epi32(v) : _mm512_cvtepu8_epi32(v));
}

/* Where one block's parts stand. */
struct panel_at {
    const uint8_t *header, *scales, *codes;
};

/* The first block of the pair that starts with block b, at *p, which goes on behind the pair. Code
 * for both blocks of a pair in line is what lets memory be read at its full speed. */
INLINE struct panel_at panel_first(const uint8_t **p, size_t b, unsigned bits,
                                   enum engine_panel_scales kind, const uint8_t *header)
{
    if (ENGINE_PANEL_HEADER(kind) > 0 && b % (2 * ENGINE_PANEL_GROUP_PAIRS) == 0) {
        header = *p;
        *p += ENGINE_PANEL_HEADER(kind);
    }
    const uint8_t *start = *p;
    *p += ENGINE_PANEL_PAIR(kind, bits);
    return (struct panel_at){header, start, start + ENGINE_PANEL_PAIR_SCALES(kind)};
}

INLINE struct panel_at panel_second(struct panel_at at, unsigned bits,
                                    enum engine_panel_scales kind)
{
    return (struct panel_at){at.header, at.scales + ENGINE_PANEL_PAIR_SCALES(kind) / 2,
                             at.codes + bits * STEP_BYTES};
}

/* Scales of a block, for its first and second sixteen columns (the same but for K16), and mins. */
INLINE void panel_scales(struct panel_at at, enum engine_panel_scales kind, V *first, V *second,
                         V *min)
{
    *min = v_zero();
    if (kind == ENGINE_PANEL_K32) {
        *first = *second = v_mul(panel_halves(at.header), panel_bytes(at.scales, false));
        *min = _mm512_fnmadd_ps(panel_halves(at.header + 32), panel_bytes(at.scales + 16, false),
                                v_zero());
    } else if (kind == ENGINE_PANEL_K16) {
        V d = v_load((const float *)(const void *)at.header);
        *first = v_mul(d, panel_bytes(at.scales, true));
        *second = v_mul(d, panel_bytes(at.scales + 16, true));
    } else {
        *first = *second = panel_halves(at.scales);
        if (kind == ENGINE_PANEL_HALF_MIN)
            *min = panel_halves(at.scales + 32);
    }
}

/* -8 times a sum of inputs, times zero / 8: where a dot product of codes starts. */
INLINE __m512i panel_start(int32_t shift, unsigned zero)
{
    if (zero == 0)
        return _mm512_setzero_si512();
    __m512i v = _mm512_set1_epi32(shift);
    return zero == 8    ? v
           : zero == 16 ? _mm512_slli_epi32(v, 1)
           : zero == 32 ? _mm512_slli_epi32(v, 2)
                        : _mm512_slli_epi32(v, 4);
}

INLINE int32_t panel_quad_step(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, sizeof(v));
    return v;
}

/* A block of `quads` times four tokens; steps from `from`, in the order that shares loads when all
 * eight are asked for. */
INLINE void panel_dots(const uint8_t *codes, unsigned bits, size_t from, size_t count,
                       const struct engine_act4 *const *x, size_t quads, __m512i *dots)
{
    for (size_t i = 0; i < count; i++) {
        size_t step = count == 8 ? i / 2 + i % 2 * 4 : from + i;
        __m512i w = panel_step(codes, bits, step);
        for (size_t t = 0; t < quads * 4; t++)
            dots[t] = _mm512_dpbusd_epi32(
                dots[t], w, _mm512_set1_epi32(panel_quad_step(x[t / 4]->q[step][t % 4])));
    }
}

INLINE V panel_scaled(V acc, __m512i dots, float d, V scale)
{
    return v_fma(v_mul(_mm512_cvtepi32_ps(dots), v_set(d)), scale, acc);
}

/* One block against up to twelve tokens. */
INLINE void panel_block(struct panel_at at, unsigned bits, unsigned zero,
                        enum engine_panel_scales kind, const struct engine_act4 *in,
                        size_t quad_blocks, size_t quads, V *acc)
{
    const struct engine_act4 *x[MAX_QUADS];
    for (size_t i = 0; i < quads; i++)
        x[i] = in + i * quad_blocks;
    const bool halves = kind == ENGINE_PANEL_K16;
    __m512i dots[MAX_QUADS * 4];
    V first, second, min;
    for (size_t t = 0; t < quads * 4; t++)
        dots[t] = panel_start(halves ? x[t / 4]->low[t % 4] : x[t / 4]->shift[t % 4], zero);
    panel_dots(at.codes, bits, 0, halves ? 4 : 8, x, quads, dots);
    panel_scales(at, kind, &first, &second, &min);
    if (halves) {
        for (size_t t = 0; t < quads * 4; t++) {
            acc[t] = panel_scaled(acc[t], dots[t], x[t / 4]->d[t % 4], first);
            dots[t] = panel_start(x[t / 4]->high[t % 4], zero);
        }
        panel_dots(at.codes, bits, 4, 4, x, quads, dots);
    }
    for (size_t t = 0; t < quads * 4; t++) {
        acc[t] = panel_scaled(acc[t], dots[t], x[t / 4]->d[t % 4], second);
        if (zero == 0)
            acc[t] = v_fma(min, v_set(x[t / 4]->sum[t % 4]), acc[t]);
    }
}

/* One panel against up to twelve tokens. */
INLINE void panel_tile(const struct engine_panel_job *job, const uint8_t *panel, unsigned bits,
                       unsigned zero, enum engine_panel_scales kind, const struct engine_act4 *in,
                       size_t quads, V *acc)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK;
    struct panel_at at = {0};
    for (size_t t = 0; t < quads * 4; t++)
        acc[t] = v_zero();
    for (size_t b = 0; b < blocks; b += 2) {
        at = panel_first(&panel, b, bits, kind, at.header);
        panel_block(at, bits, zero, kind, in + b, blocks, quads, acc);
        if (b + 1 < blocks)
            panel_block(panel_second(at, bits, kind), bits, zero, kind, in + b + 1, blocks, quads,
                        acc);
    }
}

/* One block against one token: the same sums, in the same order. */
INLINE V panel_block_single(struct panel_at at, unsigned bits, unsigned zero,
                            enum engine_panel_scales kind, const struct engine_act1 *x, V acc)
{
    const bool halves = kind == ENGINE_PANEL_K16;
    __m512i low = panel_start(halves ? x->low : x->shift, zero);
    __m512i high = halves ? panel_start(x->high, zero) : _mm512_setzero_si512();
    V first, second, min;
    for (size_t i = 0; i < 4; i++) {
        low = _mm512_dpbusd_epi32(low, panel_step(at.codes, bits, i),
                                  _mm512_set1_epi32(panel_quad_step(x->q + i * 4)));
        high = _mm512_dpbusd_epi32(high, panel_step(at.codes, bits, i + 4),
                                   _mm512_set1_epi32(panel_quad_step(x->q + 16 + i * 4)));
    }
    panel_scales(at, kind, &first, &second, &min);
    if (halves)
        acc = panel_scaled(acc, low, x->d, first);
    else
        high = _mm512_add_epi32(low, high);
    acc = panel_scaled(acc, high, x->d, second);
    if (zero == 0)
        acc = v_fma(min, v_set(x->sum), acc);
    return acc;
}

/* One panel against one token. No prefetching: the hardware does it better. */
INLINE V panel_single(const struct engine_panel_job *job, const uint8_t *panel, unsigned bits,
                      unsigned zero, enum engine_panel_scales kind)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK;
    const struct engine_act1 *x = job->x;
    struct panel_at at = {0};
    V acc = v_zero();
    for (size_t b = 0; b < blocks; b += 2) {
        at = panel_first(&panel, b, bits, kind, at.header);
        acc = panel_block_single(at, bits, zero, kind, x + b, acc);
        if (b + 1 < blocks)
            acc =
                panel_block_single(panel_second(at, bits, kind), bits, zero, kind, x + b + 1, acc);
    }
    return acc;
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

INLINE void panel_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                         unsigned bits, unsigned zero, enum engine_panel_scales kind)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK, quads = (job->tokens + 3) / 4;
    const size_t most = bits == 5 ? 2 : MAX_QUADS; /* as registers hold */
    V acc[MAX_QUADS * 4];
    for (; panel < end; panel++) {
        const uint8_t *p = job->panels + panel * job->panel_bytes;
        if (!job->quads) {
            acc[0] = panel_single(job, p, bits, zero, kind);
            panel_store(job, panel, 0, 1, acc);
            continue;
        }
        for (size_t q = 0; q < quads;) {
            const struct engine_act4 *x = (const struct engine_act4 *)job->x + q * blocks;
            size_t count = quads - q < most ? quads - q : most;
            if (count == 3)
                panel_tile(job, p, bits, zero, kind, x, 3, acc);
            else if (count == 2)
                panel_tile(job, p, bits, zero, kind, x, 2, acc);
            else
                panel_tile(job, p, bits, zero, kind, x, 1, acc);
            panel_store(job, panel, q * 4, count * 4, acc);
            q += count;
        }
    }
}

#define PANELS(name, bits, zero, kind)                                                             \
    static void panels_##name(const struct engine_panel_job *job, size_t panel, size_t end)        \
    {                                                                                              \
        panel_matmul(job, panel, end, bits, zero, kind);                                           \
    }
PANELS(q8_0, 8, 128, ENGINE_PANEL_HALF)
PANELS(q4_0, 4, 8, ENGINE_PANEL_HALF)
PANELS(q4_1, 4, 0, ENGINE_PANEL_HALF_MIN)
PANELS(q5_0, 5, 16, ENGINE_PANEL_HALF)
PANELS(q5_1, 5, 0, ENGINE_PANEL_HALF_MIN)
PANELS(q4_k, 4, 0, ENGINE_PANEL_K32)
PANELS(q5_k, 5, 0, ENGINE_PANEL_K32)
PANELS(q6_k, 6, 32, ENGINE_PANEL_K16)
