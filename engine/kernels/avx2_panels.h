/*
 * Panels with AVX2, included by avx2.c: a vector is one step of eight rows. maddubs multiplies
 * unsigned codes by signed inputs and adds pairs in 16 bits; how many steps such a sum can hold
 * depends on the bits of a code. Codes of 8 bits are taken as magnitude and sign. `type` is
 * constant once inlined.
 */
#define STEP_BYTES 64

/* --- inputs ------------------------------------------------------------------------------- */

static inline int32_t sum_epi32(__m256i v)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 1);
}

/* 32 numbers in 8 bits, their scale, and the sums of the first sixteen and of the rest. */
static inline __m256i pack_block(const float *x, float *d, int32_t *low_sum, int32_t *high_sum)
{
    const V sign = v_set(-0.0F);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    V v[4], most = v_zero();
    for (size_t i = 0; i < 4; i++) {
        v[i] = v_load(x + i * 8);
        most = v_max(most, _mm256_andnot_ps(sign, v[i]));
    }
    float largest = v_largest(most);
    V inverse = v_set(largest > 0 ? 127.0F / largest : 0);
    __m256i q[4];
    for (size_t i = 0; i < 4; i++)
        q[i] = _mm256_cvtps_epi32(v_mul(v[i], inverse));
    *d = largest / 127.0F;
    *low_sum = sum_epi32(_mm256_add_epi32(q[0], q[1]));
    *high_sum = sum_epi32(_mm256_add_epi32(q[2], q[3]));
    __m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
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
            int32_t low = 0, high = 0, steps[ENGINE_PANEL_STEPS];
            __m256i q = _mm256_setzero_si256();
            out->d[t] = 0;
            if (x[t])
                q = pack_block(x[t] + b * ENGINE_PANEL_BLOCK, &out->d[t], &low, &high);
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

/* Steps `from` to `end` - 1 of eight rows against `tokens` tokens, added to dots. Token t's step i
 * stands at x + i * step_bytes + t * 4. */
INLINE void panel_dots(const uint8_t *codes, struct engine_panel_type type, size_t from, size_t end,
                       const int8_t *x, size_t step_bytes, size_t tokens, __m256i *dots)
{
    /* most steps whose pairs fit: 2 * 127 * (2^bits - 1) each, 32767 all */
    const size_t fit = panel_signed(type) ? 1 : type.bits == 6 ? 2 : type.bits == 5 ? 4 : 8;
    const __m256i ones = _mm256_set1_epi16(1);
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
            dots[t] = _mm256_add_epi32(dots[t], _mm256_madd_epi16(pairs[t], ones));
    }
}

INLINE V panel_halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)p));
}

INLINE V panel_bytes(const uint8_t *p, bool is_signed)
{
    __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi8_epi32(v) : _mm256_cvtepu8_epi32(v));
}

/* Scales and mins of a block for eight rows, of its first and second sixteen columns; but for K16
 * and K16_MIN the second scale and the first min are those of the whole block. */
struct panel_scales {
    V scale[2], min[2];
};

INLINE struct panel_scales panel_scales(const uint8_t *header, const uint8_t *scales,
                                        enum engine_panel_scales kind, size_t row)
{
    struct panel_scales s;
    s.scale[0] = s.min[0] = s.min[1] = v_zero();
    if (kind == ENGINE_PANEL_K32) {
        s.scale[1] = v_mul(panel_halves(header + row * 2), panel_bytes(scales + row, false));
        s.min[0] =
            v_mul(panel_halves(header + 32 + row * 2), panel_bytes(scales + 16 + row, false));
        s.min[0] = v_sub(v_zero(), s.min[0]);
    } else if (kind == ENGINE_PANEL_K16) {
        V d = v_load((const float *)(const void *)header + row);
        for (size_t h = 0; h < 2; h++)
            s.scale[h] = v_mul(d, panel_bytes(scales + h * 16 + row, true));
    } else if (kind == ENGINE_PANEL_K16_MIN) {
        for (size_t h = 0; h < 2; h++) {
            __m256i both = _mm256_cvtepu8_epi32(
                _mm_loadl_epi64((const __m128i *)(const void *)(scales + h * 16 + row)));
            V scale = _mm256_cvtepi32_ps(_mm256_and_si256(both, _mm256_set1_epi32(15)));
            V min = _mm256_cvtepi32_ps(_mm256_srli_epi32(both, 4));
            s.scale[h] = v_mul(panel_halves(header + row * 2), scale);
            s.min[h] = v_sub(v_zero(), v_mul(panel_halves(header + 32 + row * 2), min));
        }
    } else if (kind == ENGINE_PANEL_BF16) {
        s.scale[1] = v_load_bf16((const uint16_t *)(const void *)scales + row);
    } else {
        s.scale[1] = panel_halves(scales + row * 2);
        if (kind == ENGINE_PANEL_HALF_MIN)
            s.min[0] = panel_halves(scales + 32 + row * 2);
    }
    return s;
}

INLINE __m256i panel_start(int32_t shift, unsigned zero)
{
    if (zero == 0 || zero == 128) /* 8 bits are signed here */
        return _mm256_setzero_si256();
    return _mm256_set1_epi32(shift / 8 * (int32_t)zero);
}

INLINE V panel_scaled(V acc, __m256i dots, float d, V scale)
{
    return v_fma(v_mul(_mm256_cvtepi32_ps(dots), v_set(d)), scale, acc);
}

/* What a block of inputs holds beside its bytes. */
struct panel_sums {
    const float *d, *sum;
    const int32_t *shift, *low, *high;
};

/* One block of eight rows from `row` against `tokens` tokens. */
INLINE void panel_block(const uint8_t *panel, struct engine_panel_place at, size_t row,
                        struct engine_panel_type type, const int8_t *q, size_t step_bytes,
                        struct panel_sums x, size_t tokens, V *acc)
{
    const uint8_t *codes = panel + at.codes + row * 4;
    bool halves = type.scales >= ENGINE_PANEL_K16;
    __m256i dots[4];
    const struct panel_scales s =
        panel_scales(panel + at.header, panel + at.scales, type.scales, row);
    for (size_t t = 0; t < tokens; t++)
        dots[t] = panel_start(halves ? x.low[t] : x.shift[t], type.zero);
    panel_dots(codes, type, 0, halves ? 4 : 8, q, step_bytes, tokens, dots);
    if (halves) {
        for (size_t t = 0; t < tokens; t++) {
            acc[t] = panel_scaled(acc[t], dots[t], x.d[t], s.scale[0]);
            dots[t] = panel_start(x.high[t], type.zero);
        }
        panel_dots(codes, type, 4, 8, q, step_bytes, tokens, dots);
    }
    for (size_t t = 0; t < tokens; t++) {
        acc[t] = panel_scaled(acc[t], dots[t], x.d[t], s.scale[1]);
        if (type.scales == ENGINE_PANEL_K16_MIN) {
            acc[t] = v_fma(s.min[0], v_set(x.d[t] * -0.125F * (float)x.low[t]), acc[t]);
            acc[t] = v_fma(s.min[1], v_set(x.d[t] * -0.125F * (float)x.high[t]), acc[t]);
        } else if (type.zero == 0) {
            acc[t] = v_fma(s.min[0], v_set(x.sum[t]), acc[t]);
        }
    }
}

INLINE void panel_store(const struct engine_panel_job *job, size_t row, size_t token, V acc)
{
    float *y = job->y + token * job->y_stride + row;
    if (row + VW <= job->rows)
        v_store(y, acc);
    else if (row < job->rows)
        v_store_n(y, acc, job->rows - row);
}

/* One panel against one token, both halves at once: memory is read once, in order. */
INLINE void panel_single(const struct engine_panel_job *job, size_t panel,
                         struct engine_panel_type type)
{
    const uint8_t *weights = job->panels + panel * job->panel_bytes;
    const struct engine_act1 *x = job->x;
    V acc[2] = {v_zero(), v_zero()};
    for (size_t b = 0; b < job->cols / ENGINE_PANEL_BLOCK; b++, x++) {
        const struct engine_panel_place at = engine_panel_place(type, b);
        const struct panel_sums sums = {&x->d, &x->sum, &x->shift, &x->low, &x->high};
        for (size_t h = 0; h < 2; h++)
            panel_block(weights, at, h * VW, type, x->q, 4, sums, 1, &acc[h]);
    }
    panel_store(job, panel * ENGINE_PANEL_ROWS, 0, acc[0]);
    panel_store(job, panel * ENGINE_PANEL_ROWS + VW, 0, acc[1]);
}

/* Eight rows of a panel against four tokens. */
INLINE void panel_tile(const struct engine_panel_job *job, size_t panel, size_t row, size_t quad,
                       struct engine_panel_type type)
{
    size_t blocks = job->cols / ENGINE_PANEL_BLOCK;
    const uint8_t *weights = job->panels + panel * job->panel_bytes;
    const struct engine_act4 *x = (const struct engine_act4 *)job->x + quad * blocks;
    V acc[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    for (size_t b = 0; b < blocks; b++, x++) {
        const struct engine_panel_place at = engine_panel_place(type, b);
        const struct panel_sums sums = {x->d, x->sum, x->shift, x->low, x->high};
        panel_block(weights, at, row, type, x->q[0][0], sizeof(x->q[0]), sums, 4, acc);
    }
    for (size_t t = 0; t < 4 && quad * 4 + t < job->tokens; t++)
        panel_store(job, panel * ENGINE_PANEL_ROWS + row, quad * 4 + t, acc[t]);
}

PER_FORMAT void panel_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             struct engine_panel_type type)
{
    for (; panel < end; panel++) {
        if (!job->quads) {
            panel_single(job, panel, type);
            continue;
        }
        for (size_t quad = 0; quad < (job->tokens + 3) / 4; quad++) {
            panel_tile(job, panel, 0, quad, type);
            panel_tile(job, panel, VW, quad, type);
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
