/*
 * Panels in plain C, included by portable.c: what the other sets' kernels for panels mean. Any
 * layout, straight from its description.
 */

static void pack_block(const float *x, int8_t *q, float *d, int32_t *low, int32_t *high)
{
    float most = 0;
    for (size_t i = 0; i < 32; i++)
        most = fmaxf(most, fabsf(x[i]));
    float inverse = most > 0 ? 127.0F / most : 0;
    *d = most / 127.0F;
    *low = *high = 0;
    for (size_t i = 0; i < 32; i++) {
        int v = (int)lrintf(x[i] * inverse);
        q[i] = (int8_t)v;
        *(i < 16 ? low : high) += v;
    }
}

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
    memset(out, 0, n / ENGINE_PANEL_BLOCK * sizeof(*out));
    for (size_t b = 0; b < n / ENGINE_PANEL_BLOCK; b++, out++) {
        for (size_t t = 0; t < 4 && x[t]; t++) {
            int8_t q[ENGINE_PANEL_BLOCK];
            int32_t low, high;
            pack_block(x[t] + b * ENGINE_PANEL_BLOCK, q, &out->d[t], &low, &high);
            for (size_t i = 0; i < ENGINE_PANEL_STEPS; i++)
                memcpy(out->q[i][t], q + i * 4, 4);
            out->sum[t] = out->d[t] * (float)(low + high);
            out->low[t] = -8 * low;
            out->high[t] = -8 * high;
            out->shift[t] = out->low[t] + out->high[t];
        }
    }
}

/* Inputs of one block of one token, whichever the form. */
struct block_view {
    const int8_t *q; /* step i at i * step */
    size_t step;
    float d, sum;
    int32_t low, high;
};

static struct block_view block_of(const struct engine_panel_job *job, size_t token, size_t b)
{
    if (!job->quads) {
        const struct engine_act1 *x = (const struct engine_act1 *)job->x + b;
        return (struct block_view){x->q, 4, x->d, x->sum, x->low, x->high};
    }
    const struct engine_act4 *x =
        (const struct engine_act4 *)job->x + token / 4 * (job->cols / ENGINE_PANEL_BLOCK) + b;
    size_t t = token % 4;
    return (struct block_view){x->q[0][t], sizeof(x->q[0]), x->d[t],
                               x->sum[t],  x->low[t],       x->high[t]};
}

/* A block of a panel with everything spelt out. */
struct panel_block {
    uint8_t codes[ENGINE_PANEL_STEPS][ENGINE_PANEL_ROWS][4];
    float scales[2][ENGINE_PANEL_ROWS], mins[2][ENGINE_PANEL_ROWS];
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
        float first, second, min = 0, second_min = 0;
        if (kind == ENGINE_PANEL_K32) {
            first = second = half_of(header, r) * (float)scales[r];
            min = -half_of(header + rows * 2, r) * (float)scales[rows + r];
        } else if (kind == ENGINE_PANEL_K16) {
            memcpy(&first, header + r * 4, sizeof(first));
            second = first * (float)(int8_t)scales[rows + r];
            first *= (float)(int8_t)scales[r];
        } else if (kind == ENGINE_PANEL_K16_MIN) {
            first = half_of(header, r) * (float)(scales[r] & 15);
            second = half_of(header, r) * (float)(scales[rows + r] & 15);
            min = -half_of(header + rows * 2, r) * (float)(scales[r] >> 4);
            second_min = -half_of(header + rows * 2, r) * (float)(scales[rows + r] >> 4);
        } else if (kind == ENGINE_PANEL_BF16) {
            uint32_t bits = (uint32_t)scales[2 * r] << 16 | (uint32_t)scales[2 * r + 1] << 24;
            memcpy(&first, &bits, sizeof(first));
            second = first;
        } else {
            first = second = half_of(scales, r);
            if (kind == ENGINE_PANEL_HALF_MIN)
                min = half_of(scales + rows * 2, r);
        }
        out->scales[0][r] = first;
        out->scales[1][r] = second;
        out->mins[0][r] = min;
        out->mins[1][r] = second_min;
    }
}

/* One block of sixteen rows with one token: exact integers, then a float for each scale. */
static void add_block(const struct panel_block *p, struct engine_panel_type type,
                      const struct block_view *x, float *acc)
{
    bool halves = type.scales >= ENGINE_PANEL_K16;
    for (size_t r = 0; r < ENGINE_PANEL_ROWS; r++) {
        int32_t sums[2] = {x->low / 8 * type.zero, x->high / 8 * type.zero};
        for (size_t i = 0; i < ENGINE_PANEL_STEPS; i++) {
            for (size_t c = 0; c < 4; c++)
                sums[i / 4] += p->codes[i][r][c] * x->q[i * x->step + c];
        }
        if (halves)
            acc[r] += (float)sums[0] * x->d * p->scales[0][r];
        else
            sums[1] += sums[0];
        acc[r] += (float)sums[1] * x->d * p->scales[1][r];
        if (type.scales == ENGINE_PANEL_K16_MIN) {
            acc[r] += p->mins[0][r] * (x->d * -0.125F * (float)x->low);
            acc[r] += p->mins[1][r] * (x->d * -0.125F * (float)x->high);
        } else {
            acc[r] += p->mins[0][r] * x->sum;
        }
    }
}

/* Codes that choose from levels become these. */
static void read_levels(const int8_t *levels, uint8_t *codes)
{
    for (size_t i = 0; levels && i < (size_t)ENGINE_PANEL_STEPS * 64; i++)
        codes[i] = (uint8_t)(levels[codes[i]] + 128);
}

#define PANEL_TOKENS 16 /* at a time, for one reading of the weights */

static void panels(const struct engine_panel_job *job, size_t panel, size_t end)
{
    const struct engine_panel_type type = job->layout->type;
    struct panel_block block;
    for (; panel < end; panel++) {
        const uint8_t *p = job->panels + panel * job->panel_bytes;
        size_t left = job->rows - panel * ENGINE_PANEL_ROWS;
        size_t rows = left < ENGINE_PANEL_ROWS ? left : ENGINE_PANEL_ROWS;
        for (size_t t = 0; t < job->tokens; t += PANEL_TOKENS) {
            size_t count = job->tokens - t < PANEL_TOKENS ? job->tokens - t : PANEL_TOKENS;
            float acc[PANEL_TOKENS][ENGINE_PANEL_ROWS] = {{0}};
            for (size_t b = 0; b < job->cols / ENGINE_PANEL_BLOCK; b++) {
                const struct engine_panel_place at = engine_panel_place(type, b);
                read_codes(p + at.codes, type.bits, block.codes[0][0]);
                read_levels(type.levels, block.codes[0][0]);
                read_scales(type.scales, p + at.header, p + at.scales, &block);
                for (size_t i = 0; i < count; i++) {
                    struct block_view x = block_of(job, t + i, b);
                    add_block(&block, type, &x, acc[i]);
                }
            }
            for (size_t i = 0; i < count; i++)
                memcpy(job->y + (t + i) * job->y_stride + panel * ENGINE_PANEL_ROWS, acc[i],
                       rows * sizeof(float));
        }
    }
}

#define PANELS_ENTRY(name, ...) [ENGINE_FORMAT_##name] = panels,
