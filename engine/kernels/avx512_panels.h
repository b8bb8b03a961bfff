/*
 * Panels with AVX-512 VNNI, included by avx512.c: a vector is one step of sixteen rows, a register
 * tile sixteen rows by up to twelve tokens. `type` and `quads` are constants once inlined.
 */
#define STEP_BYTES 64
#define MAX_QUADS 3
#define FETCH_AHEAD 6144 /* bytes: some hundred cycles of work */

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

INLINE __m512i panel_load(const uint8_t *p, size_t vector)
{
    return _mm512_load_si512(p + vector * STEP_BYTES);
}

/* Codes of one step. The loads of steps i and i + 4 are the same vector. */
INLINE __m512i panel_step(const uint8_t *codes, struct engine_panel_type type, size_t i)
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
        v = _mm512_ternarylogic_epi32(v, h, _mm512_set1_epi8(48), 0xF8);
    }
    if (bits < 4) {
        h = panel_load(plane, i / 4);
        h = i % 4 == 3 ? _mm512_srli_epi16(h, 6) : panel_shift(h, (int)(i % 4) * -2);
        v = _mm512_and_si512(h, _mm512_set1_epi8(3));
        plane += (size_t)2 * STEP_BYTES;
    }
    if (bits == 5) { /* v | (h & 16) */
        h = panel_shift(panel_load(plane, 0), 4 - (int)i);
        v = _mm512_ternarylogic_epi32(v, h, _mm512_set1_epi8(16), 0xF8);
    }
    if (bits == 3) { /* v | (h & 4); step 7 goes five down */
        h = panel_load(plane, 0);
        h = i == 7 ? _mm512_srli_epi16(h, 5) : panel_shift(h, 2 - (int)i);
        v = _mm512_ternarylogic_epi32(v, h, _mm512_set1_epi8(4), 0xF8);
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

/* Scales and mins of a block, of its first and second sixteen columns; but for K16 and K16_MIN the
 * second scale and the first min are those of the whole block. */
struct panel_scales {
    V scale[2], min[2];
};

INLINE struct panel_scales panel_scales(struct panel_at at, enum engine_panel_scales kind)
{
    struct panel_scales s;
    s.scale[0] = s.min[0] = s.min[1] = v_zero();
    if (kind == ENGINE_PANEL_K32) {
        s.scale[1] = v_mul(panel_halves(at.header), panel_bytes(at.scales, false));
        s.min[0] = v_sub(v_zero(),
                         v_mul(panel_halves(at.header + 32), panel_bytes(at.scales + 16, false)));
    } else if (kind == ENGINE_PANEL_K16) {
        V d = v_load((const float *)(const void *)at.header);
        for (size_t h = 0; h < 2; h++)
            s.scale[h] = v_mul(d, panel_bytes(at.scales + h * 16, true));
    } else if (kind == ENGINE_PANEL_K16_MIN) {
        const __m512i low = _mm512_set1_epi32(15);
        for (size_t h = 0; h < 2; h++) {
            __m512i both = _mm512_cvtepu8_epi32(
                _mm_load_si128((const __m128i *)(const void *)(at.scales + h * 16)));
            V min = _mm512_cvtepi32_ps(_mm512_srli_epi32(both, 4));
            s.scale[h] =
                v_mul(panel_halves(at.header), _mm512_cvtepi32_ps(_mm512_and_si512(both, low)));
            s.min[h] = v_sub(v_zero(), v_mul(panel_halves(at.header + 32), min));
        }
    } else if (kind == ENGINE_PANEL_BF16) {
        s.scale[1] = v_load_bf16((const uint16_t *)(const void *)at.scales);
    } else {
        s.scale[1] = panel_halves(at.scales);
        if (kind == ENGINE_PANEL_HALF_MIN)
            s.min[0] = panel_halves(at.scales + 32);
    }
    return s;
}

/* -8 times a sum of inputs, times zero / 8: where a dot product of codes starts. */
INLINE __m512i panel_start(int32_t shift, unsigned zero)
{
    if (zero == 0)
        return _mm512_setzero_si512();
    __m512i v = _mm512_set1_epi32(shift);
    switch (zero) {
    case 4:
        return _mm512_srai_epi32(v, 1);
    case 8:
        return v;
    case 16:
        return _mm512_slli_epi32(v, 1);
    case 32:
        return _mm512_slli_epi32(v, 2);
    default:
        return _mm512_slli_epi32(v, 4);
    }
}

INLINE int32_t panel_quad_step(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, sizeof(v));
    return v;
}

/* A block of `quads` times four tokens; steps from `from`, in the order that shares loads when all
 * eight are asked for. */
INLINE void panel_dots(const uint8_t *codes, struct engine_panel_type type, size_t from,
                       size_t count, const struct engine_act4 *const *x, size_t quads,
                       __m512i *dots)
{
    /* Said aloud: a compiler that finds this too long makes a loop of it, at two thirds of the
     * speed. */
#pragma GCC unroll 8
    for (size_t i = 0; i < count; i++) {
        size_t step = count == 8 ? i / 2 + i % 2 * 4 : from + i;
        __m512i w = panel_step(codes, type, step);
#pragma GCC unroll 12
        for (size_t t = 0; t < quads * 4; t++)
            dots[t] = _mm512_dpbusd_epi32(
                dots[t], w, _mm512_set1_epi32(panel_quad_step(x[t / 4]->q[step][t % 4])));
    }
}

INLINE V panel_scaled(V acc, __m512i dots, float d, V scale)
{
    return v_fma(v_mul(_mm512_cvtepi32_ps(dots), v_set(d)), scale, acc);
}

/* Mins times the sums of inputs; those of halves are given as -8 times theirs. */
INLINE V panel_mins(V acc, struct engine_panel_type type, const struct panel_scales *s, float d,
                    float sum, int32_t low, int32_t high)
{
    if (type.scales != ENGINE_PANEL_K16_MIN)
        return v_fma(s->min[0], v_set(sum), acc);
    acc = v_fma(s->min[0], v_set(d * -0.125F * (float)low), acc);
    return v_fma(s->min[1], v_set(d * -0.125F * (float)high), acc);
}

/* One block against up to twelve tokens. */
INLINE void panel_block(struct panel_at at, struct engine_panel_type type,
                        const struct engine_act4 *in, size_t quad_blocks, size_t quads, V *acc)
{
    const struct engine_act4 *x[MAX_QUADS];
    for (size_t i = 0; i < quads; i++)
        x[i] = in + i * quad_blocks;
    const bool halves = type.scales >= ENGINE_PANEL_K16;
    __m512i dots[MAX_QUADS * 4];
    for (size_t t = 0; t < quads * 4; t++)
        dots[t] = panel_start(halves ? x[t / 4]->low[t % 4] : x[t / 4]->shift[t % 4], type.zero);
    panel_dots(at.codes, type, 0, halves ? 4 : 8, x, quads, dots);
    const struct panel_scales s = panel_scales(at, type.scales);
    if (halves) {
        for (size_t t = 0; t < quads * 4; t++) {
            acc[t] = panel_scaled(acc[t], dots[t], x[t / 4]->d[t % 4], s.scale[0]);
            dots[t] = panel_start(x[t / 4]->high[t % 4], type.zero);
        }
        panel_dots(at.codes, type, 4, 4, x, quads, dots);
    }
    for (size_t t = 0; t < quads * 4; t++) {
        acc[t] = panel_scaled(acc[t], dots[t], x[t / 4]->d[t % 4], s.scale[1]);
        if (type.zero == 0)
            acc[t] = panel_mins(acc[t], type, &s, x[t / 4]->d[t % 4], x[t / 4]->sum[t % 4],
                                x[t / 4]->low[t % 4], x[t / 4]->high[t % 4]);
    }
}

/* One panel against up to twelve tokens. */
INLINE void panel_tile(const struct engine_panel_job *job, const uint8_t *panel,
                       struct engine_panel_type type, const struct engine_act4 *in, size_t quads,
                       V *acc)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK;
    struct panel_at at = {0};
    for (size_t t = 0; t < quads * 4; t++)
        acc[t] = v_zero();
    for (size_t b = 0; b < blocks; b += 2) {
        at = panel_first(&panel, b, type, at.header);
        panel_fetch(at, b, type);
        panel_block(at, type, in + b, blocks, quads, acc);
        if (b + 1 < blocks)
            panel_block(panel_second(at, type), type, in + b + 1, blocks, quads, acc);
    }
}

/* One block against one token: the same sums, in the same order. */
INLINE V panel_block_single(struct panel_at at, struct engine_panel_type type,
                            const struct engine_act1 *x, V acc)
{
    const bool halves = type.scales >= ENGINE_PANEL_K16;
    __m512i low = panel_start(halves ? x->low : x->shift, type.zero);
    __m512i high = halves ? panel_start(x->high, type.zero) : _mm512_setzero_si512();
    for (size_t i = 0; i < 4; i++) {
        low = _mm512_dpbusd_epi32(low, panel_step(at.codes, type, i),
                                  _mm512_set1_epi32(panel_quad_step(x->q + i * 4)));
        high = _mm512_dpbusd_epi32(high, panel_step(at.codes, type, i + 4),
                                   _mm512_set1_epi32(panel_quad_step(x->q + 16 + i * 4)));
    }
    const struct panel_scales s = panel_scales(at, type.scales);
    if (halves)
        acc = panel_scaled(acc, low, x->d, s.scale[0]);
    else
        high = _mm512_add_epi32(low, high);
    acc = panel_scaled(acc, high, x->d, s.scale[1]);
    if (type.zero == 0)
        acc = panel_mins(acc, type, &s, x->d, x->sum, x->low, x->high);
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

PER_FORMAT void panel_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             struct engine_panel_type type)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK, quads = (job->tokens + 3) / 4;
    const size_t most = type.bits == 5 ? 2 : MAX_QUADS; /* as registers hold */
    V acc[MAX_QUADS * 4];
    for (; panel < end; panel++) {
        const uint8_t *p = job->panels + panel * job->panel_bytes;
        if (!job->quads) {
            acc[0] = panel_single(job, p, type);
            panel_store(job, panel, 0, 1, acc);
            continue;
        }
        for (size_t q = 0; q < quads;) {
            const struct engine_act4 *x = (const struct engine_act4 *)job->x + q * blocks;
            size_t count = quads - q < most ? quads - q : most;
            if (count == 3)
                panel_tile(job, p, type, x, 3, acc);
            else if (count == 2)
                panel_tile(job, p, type, x, 2, acc);
            else
                panel_tile(job, p, type, x, 1, acc);
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
