/* Weights in panels: packing loses nothing, and every set computes the same products. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/kernels/kernels.h"
#include "tests/unit/engine/tiny_gguf.h"

#define ROUNDING 5e-7 /* error of a sum, as a part of the sum of the magnitudes */

static uint64_t seed = 7;

static void *aligned(size_t bytes)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, bytes + 64), 0);
    memset(p, 0, bytes + 64);
    return p;
}

static void randoms(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)tiny_normal(&seed);
}

typedef void (*check_fn)(const struct engine_kernels *k);

static void each_set(check_fn check)
{
    for (size_t i = 0; engine_kernels_at(i); i++) {
        if (engine_kernels_supported(engine_kernels_at(i)))
            check(engine_kernels_at(i));
        else
            printf("%s: not on this processor\n", engine_kernels_at(i)->name);
    }
}

/* --- matrices --------------------------------------------------------------------------------- */

struct matrix {
    const struct engine_panel_layout *layout;
    const struct engine_format *format;
    size_t rows, cols, row_bytes, panel_bytes, panels;
    uint8_t *file, *packed;
};

/* Whether byte `at` of a block belongs to a scale in floating point. */
static bool is_scale(enum engine_format_id id, size_t at)
{
    switch (id) {
    case ENGINE_FORMAT_Q6_K:
        return at >= 208;
    case ENGINE_FORMAT_Q3_K:
        return at >= 108;
    case ENGINE_FORMAT_Q2_K:
        return at >= 80;
    case ENGINE_FORMAT_MXFP4:
        return at == 0;
    case ENGINE_FORMAT_F16:
    case ENGINE_FORMAT_BF16:
        return true;
    case ENGINE_FORMAT_Q4_1:
    case ENGINE_FORMAT_Q5_1:
    case ENGINE_FORMAT_Q4_K:
    case ENGINE_FORMAT_Q5_K:
        return at < 4;
    default:
        return at < 2;
    }
}

/* Random bytes, so that every code and every scale of a block occurs; scales in floating point are
 * kept to ordinary numbers. */
static void fill_row(const struct engine_format *f, uint8_t *row, size_t cols)
{
    float *values = aligned(cols * sizeof(float));
    uint8_t *sane = aligned((size_t)engine_format_row_bytes(f, cols));
    randoms(values, cols);
    size_t len = tiny_pack(f->ggml_id, values, cols, sane);
    for (size_t i = 0; i < len; i++)
        row[i] = is_scale(f->id, i % f->block_bytes) ? sane[i] : (uint8_t)tiny_random(&seed);
    free(values);
    free(sane);
}

static struct matrix matrix_new(enum engine_format_id id, size_t rows, size_t cols)
{
    struct matrix m = {.layout = engine_panel_layout(id),
                       .format = engine_format_at(id),
                       .rows = rows,
                       .cols = cols};
    m.row_bytes = (size_t)engine_format_row_bytes(m.format, cols);
    m.panel_bytes = engine_panel_bytes(m.layout, cols);
    m.panels = (rows + ENGINE_PANEL_ROWS - 1) / ENGINE_PANEL_ROWS;
    m.file = aligned(rows * m.row_bytes);
    m.packed = aligned(m.panels * m.panel_bytes);
    memset(m.packed, 0xA5, m.panels * m.panel_bytes);
    for (size_t r = 0; r < rows; r++)
        fill_row(m.format, m.file + r * m.row_bytes, cols);
    for (size_t p = 0; p < m.panels; p++) {
        size_t row = p * ENGINE_PANEL_ROWS, left = rows - row;
        engine_panel_pack(m.layout, m.file + row * m.row_bytes, m.row_bytes,
                          left < ENGINE_PANEL_ROWS ? left : ENGINE_PANEL_ROWS, cols,
                          m.packed + p * m.panel_bytes);
    }
    return m;
}

static void matrix_free(struct matrix *m)
{
    free(m->file);
    free(m->packed);
}

static size_t some_cols(enum engine_format_id id, size_t index)
{
    const size_t any[] = {33, 64, 1, 271}, small[] = {32, 64, 160, 288};
    const size_t large[] = {256, 512, 768, 1024}, block = engine_format_at(id)->block;
    return (block == 256 ? large : block == 32 ? small : any)[index];
}

static void check_rows(enum engine_format_id id)
{
    const size_t rows[] = {16, 1, 37};
    for (size_t i = 0; i < 3; i++) {
        struct matrix m = matrix_new(id, rows[i], some_cols(id, i + 1));
        float *wanted = aligned(m.cols * sizeof(float)), *got = aligned(m.cols * sizeof(float));
        for (size_t r = 0; r < m.rows; r++) {
            m.format->dequantise(m.file + r * m.row_bytes, wanted, m.cols);
            engine_panel_row(m.layout, m.packed + r / ENGINE_PANEL_ROWS * m.panel_bytes,
                             r % ENGINE_PANEL_ROWS, m.cols, got);
            for (size_t c = 0; c < m.cols; c++) {
                if (got[c] != wanted[c]) /* 0 and -0 are the same here */
                    fail_msg("%s row %zu column %zu: %.9g is not %.9g", m.format->name, r, c,
                             (double)got[c], (double)wanted[c]);
            }
        }
        /* About the size of the file: resident memory is what a user pays for. */
        if (i == 0)
            assert_true(m.panel_bytes <= m.row_bytes * 16 * 109 / 100 + 64);
        free(wanted);
        free(got);
        matrix_free(&m);
    }
}

static void test_nothing_is_lost(void **state)
{
    (void)state;
    size_t count = 0;
    for (size_t f = 0; f < ENGINE_FORMAT_COUNT; f++) {
        if (!engine_panel_layout((enum engine_format_id)f))
            continue;
        check_rows((enum engine_format_id)f);
        count++;
    }
    assert_int_equal(count, ENGINE_FORMAT_COUNT - 1);
    assert_null(engine_panel_layout(ENGINE_FORMAT_F32));
}

/* --- inputs ----------------------------------------------------------------------------------- */

static void check_one(const struct engine_act1 *in, const float *x, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++) {
        int sum = 0;
        for (size_t i = 0; i < 32; i++) {
            double error = fabs((double)in[b].d * in[b].q[i] - (double)x[b * 32 + i]);
            assert_true(error <= 0.501 * (double)in[b].d);
            assert_true(in[b].q[i] >= -127);
            sum += in[b].q[i];
        }
        assert_int_equal(in[b].shift, -8 * sum);
        assert_true(fabs((double)in[b].sum - (double)in[b].d * sum) <=
                    1e-6 * fabs((double)in[b].sum));
    }
}

static void check_inputs(const struct engine_kernels *k)
{
    enum { BLOCKS = 3, COLS = BLOCKS * 32, TOKENS = 3 };
    float x[TOKENS * COLS];
    struct engine_act1 *one = aligned(BLOCKS * sizeof(*one));
    struct engine_act4 *four = aligned(BLOCKS * sizeof(*four));
    randoms(x, TOKENS * COLS);
    memset(x + 2 * 32, 0, 32 * sizeof(*x));
    x[5] = -9; /* the largest of its block */
    memset(four, 0xA5, BLOCKS * sizeof(*four));
    k->pack_four((const float *const[4]){x, x + COLS, x + 2 * (size_t)COLS}, COLS, four);
    for (size_t t = 0; t < 4; t++) {
        if (t < TOKENS) {
            k->pack_one(x + t * COLS, COLS, one);
            check_one(one, x + t * COLS, BLOCKS);
        } else {
            memset(one, 0, BLOCKS * sizeof(*one));
        }
        for (size_t b = 0; b < BLOCKS; b++) {
            for (size_t i = 0; i < 32; i++)
                assert_int_equal(four[b].q[i / 4][t][i % 4], one[b].q[i]);
            assert_true(four[b].d[t] == one[b].d && four[b].sum[t] == one[b].sum);
            assert_int_equal(four[b].shift[t], one[b].shift);
        }
    }
    k->pack_one(x, COLS, one);
    assert_int_equal(one[0].q[5], -127);
    assert_true(one[2].d == 0 && one[2].sum == 0);
    free(one);
    free(four);
}

/* 256 columns with one scale. */
static void check_wide_one(const struct engine_wide1 *in, const float *x)
{
    double most = 0;
    for (size_t i = 0; i < ENGINE_WIDE; i++)
        most = fmax(most, fabs((double)x[i]));
    assert_true(fabs((double)in->d * 127 - most) <= 1e-6 * most);
    for (size_t b = 0; b < ENGINE_WIDE_BLOCKS; b++) {
        int sums[2] = {0};
        for (size_t i = 0; i < 32; i++) {
            double error = fabs((double)in->d * in->q[b * 32 + i] - (double)x[b * 32 + i]);
            assert_true(error <= 0.501 * (double)in->d);
            assert_true(in->q[b * 32 + i] >= -127);
            sums[i / 16] += in->q[b * 32 + i];
        }
        for (size_t h = 0; h < 2; h++) {
            assert_int_equal(in->start[b * 2 + h], -32 * sums[h]);
            assert_int_equal(in->halves[b * 2 + h], sums[h]);
        }
        assert_int_equal(in->sums[b], sums[0] + sums[1]);
    }
}

static void check_wide_four(const struct engine_wide4 *four, size_t t,
                            const struct engine_wide1 *one)
{
    for (size_t i = 0; i < ENGINE_WIDE; i++)
        assert_int_equal(four->q[i / 4][t][i % 4], one->q[i]);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(four->start[i][t], one->start[i]);
        assert_int_equal(four->halves[i / 2][t][i % 2], one->halves[i]);
    }
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(four->sums[i / 2][t][i % 2], one->sums[i]);
    assert_true(four->d[t] == one->d);
}

static void check_wide_inputs(const struct engine_kernels *k)
{
    enum { GROUPS = 3, COLS = GROUPS * ENGINE_WIDE, TOKENS = 3 };
    float *x = aligned(TOKENS * COLS * sizeof(*x));
    struct engine_wide1 *one = aligned(GROUPS * sizeof(*one));
    struct engine_wide4 *four = aligned(GROUPS * sizeof(*four));
    randoms(x, TOKENS * COLS);
    memset(x + 2 * ENGINE_WIDE, 0, ENGINE_WIDE * sizeof(*x));
    for (size_t i = 0; i < ENGINE_WIDE; i++) /* the largest sums there are */
        x[COLS + i] = i % 64 < 32 ? 3 : -3;
    x[5] = -9;
    memset(four, 0xA5, GROUPS * sizeof(*four));
    k->pack_wide_four((const float *const[4]){x, x + COLS, x + 2 * (size_t)COLS}, COLS, four);
    for (size_t t = 0; t < 4; t++) {
        memset(one, 0, GROUPS * sizeof(*one));
        if (t < TOKENS)
            k->pack_wide_one(x + t * COLS, COLS, one);
        for (size_t g = 0; g < GROUPS; g++) {
            if (t < TOKENS)
                check_wide_one(&one[g], x + t * COLS + g * ENGINE_WIDE);
            check_wide_four(&four[g], t, &one[g]);
        }
    }
    free(x);
    free(one);
    free(four);
}

/* To the nearest of 8 bits, of two as near to the even one. */
static uint16_t nearest_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static void check_bf16_inputs(const struct engine_kernels *k)
{
    enum { COLS = 39, FILLED = 40, TOKENS = 3 };
    const float edges[] = {0, -0.0F, 1.00390625F, 1.01171875F, -1.00390636F, 3.4e38F, INFINITY};
    float x[TOKENS * COLS];
    if (!k->pack_bf16_four)
        return;
    uint32_t *one = aligned(FILLED * 2), *four = aligned(FILLED * 2 * 4);
    randoms(x, TOKENS * COLS);
    memcpy(x + 3, edges, sizeof(edges));
    memset(four, 0xA5, FILLED * 2 * 4);
    k->pack_bf16_four((const float *const[4]){x, x + COLS, x + 2 * (size_t)COLS}, COLS, four);
    for (size_t t = 0; t < 4; t++) {
        memset(one, t < TOKENS ? 0xA5 : 0, FILLED * 2);
        if (t < TOKENS)
            k->pack_bf16_one(x + t * COLS, COLS, one);
        for (size_t c = 0; c < FILLED; c++) {
            uint16_t got = (uint16_t)(one[c / 2] >> c % 2 * 16);
            assert_int_equal(got, t < TOKENS && c < COLS ? nearest_bf16(x[t * COLS + c]) : 0);
            assert_int_equal((uint16_t)(four[c / 2 * 4 + t] >> c % 2 * 16), got);
        }
    }
    free(one);
    free(four);
}

static void test_inputs(void **state)
{
    (void)state;
    each_set(check_bf16_inputs);
    each_set(check_inputs);
    each_set(check_wide_inputs);
}

/* Each line of each part once, in order, however many are asked for at a time. */
static void test_fetch(void **state)
{
    char *memory = aligned(64 * 8);
    (void)state;
    for (size_t lines = 1; lines < 9; lines++) {
        struct engine_fetch_part parts[] = {
            {memory, memory + 64}, {memory + 128, memory + 300}, {memory + 448, memory + 449}};
        const char *order[] = {memory, memory + 128, memory + 192, memory + 256, memory + 448};
        struct engine_fetch fetch = {parts, parts + 3, lines};
        for (size_t done = 0; done < 5; done += lines) {
            assert_true(fetch.next < fetch.end);
            assert_ptr_equal(fetch.next->at, order[done]);
            engine_fetch_lines(&fetch, fetch.lines);
        }
        assert_ptr_equal(fetch.next, fetch.end);
        engine_fetch_lines(&fetch, SIZE_MAX);
        assert_ptr_equal(fetch.next, fetch.end);
    }
    free(memory);
}

/* --- products --------------------------------------------------------------------------------- */

static void *packed_inputs(const struct engine_kernels *k, const struct matrix *m, const float *x,
                           size_t tokens, bool quads)
{
    const size_t cols = m->cols;
    const enum engine_act_form form = engine_kernels_form(k, m->layout);
    char *in = aligned(engine_act_bytes(form, quads ? tokens + 1 : 1, cols));
    if (!quads && form == ENGINE_ACT_BF16)
        k->pack_bf16_one(x, cols, (uint32_t *)(void *)in);
    else if (!quads && form == ENGINE_ACT_FLOATS)
        memcpy(in, x, cols * sizeof(*x));
    else if (!quads && form == ENGINE_ACT_WIDE)
        k->pack_wide_one(x, cols, (struct engine_wide1 *)(void *)in);
    else if (!quads)
        k->pack_one(x, cols, (struct engine_act1 *)(void *)in);
    if (!quads)
        return in;
    for (size_t t = 0; t < tokens; t += 4) {
        const float *four[4] = {0};
        for (size_t i = 0; i < 4 && t + i < tokens; i++)
            four[i] = x + (t + i) * cols;
        void *row = in + t / 4 * engine_act_row_bytes(form, false, cols);
        if (form == ENGINE_ACT_BF16)
            k->pack_bf16_four(four, cols, row);
        else if (form == ENGINE_ACT_FLOATS)
            engine_act_floats(four, cols, row);
        else if (form == ENGINE_ACT_WIDE)
            k->pack_wide_four(four, cols, row);
        else
            k->pack_four(four, cols, row);
    }
    return in;
}

static void product(const struct engine_kernels *k, const struct matrix *m, const void *in,
                    size_t tokens, bool quads, float *y)
{
    const struct engine_panel_job job = {
        .layout = m->layout,
        .panels = m->packed,
        .panel_bytes = m->panel_bytes,
        .rows = m->rows,
        .cols = m->cols,
        .x = in,
        .quads = quads,
        .tokens = tokens,
        .y = y,
        .y_stride = m->rows,
    };
    k->panels[m->format->id](&job, 0, m->panels / 2);
    k->panels[m->format->id](&job, m->panels / 2, m->panels);
}

/* Column c of one token, as the product takes it. */
static double input_at(const struct engine_kernels *k, const struct matrix *m, const void *in,
                       size_t c)
{
    const struct engine_wide1 *wide = (const struct engine_wide1 *)in + c / ENGINE_WIDE;
    const struct engine_act1 *act = (const struct engine_act1 *)in + c / 32;
    float value;
    switch (engine_kernels_form(k, m->layout)) {
    case ENGINE_ACT_BF16:
        m->format->dequantise((const uint16_t *)in + c, &value, 1);
        return (double)value;
    case ENGINE_ACT_FLOATS:
        return (double)((const float *)in)[c];
    case ENGINE_ACT_WIDE:
        return (double)wide->d * wide->q[c % ENGINE_WIDE];
    default:
        return (double)act->d * act->q[c % 32];
    }
}

/* What rounding a dot product to 16 bits may cost, in steps of the weights: half of what its last
 * bits count. 0 = it has not more. */
static double lost_steps(const struct engine_kernels *k, enum engine_format_id id)
{
    if (!k->wide_in_16_bits)
        return 0;
    switch (id) {
    case ENGINE_FORMAT_Q4_K: /* 15 * 127 * 32 at most */
    case ENGINE_FORMAT_Q6_K: /* 32 * 127 * 16 */
        return 1;
    case ENGINE_FORMAT_Q5_K: /* 31 * 127 * 32 */
        return 2;
    case ENGINE_FORMAT_IQ4_XS: /* 127 * 127 * 32 */
        return 8;
    default:
        return 0;
    }
}

/* A step of weights that share a scale, or a multiple of it: the least by which two of them differ,
 * of IQ4_XS at least ten steps. */
static double step_of(const float *w, size_t count, enum engine_format_id id)
{
    double least = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            double d = fabs((double)w[i] - (double)w[j]);
            if (d > 1e-6 * fabs((double)w[i]) && (least == 0 || d < least))
                least = d;
        }
    }
    return id == ENGINE_FORMAT_IQ4_XS ? least / 10 : least;
}

/* Exact product with inputs as it takes them. */
static void check_sums(const struct engine_kernels *k, const struct matrix *m, const void *in,
                       const float *y)
{
    float *w = aligned(m->cols * sizeof(float));
    for (size_t r = 0; r < m->rows; r++) {
        double sum = 0, magnitude = 0;
        m->format->dequantise(m->file + r * m->row_bytes, w, m->cols);
        for (size_t c = 0; c < m->cols; c++) {
            double q = input_at(k, m, in, c);
            sum += (double)w[c] * q;
            /* codes are not below zero: what is summed can be larger than what is meant */
            magnitude += fabs((double)w[c] * q) + 1e-3 * fabs(q);
        }
        double steps = lost_steps(k, m->format->id), lost = 0;
        for (size_t c = 0; steps > 0 && c < m->cols; c += 16) {
            const struct engine_wide1 *x = (const struct engine_wide1 *)in + c / ENGINE_WIDE;
            bool halves = m->format->id == ENGINE_FORMAT_Q6_K; /* have a scale of their own */
            if (halves || c % 32 == 0)
                lost += steps * (double)x->d * step_of(w + c, halves ? 16 : 32, m->format->id);
        }
        if (!(fabs((double)y[r] - sum) <= ROUNDING * magnitude + lost + 1e-30))
            fail_msg("%s %s, %zu x %zu: row %zu is %.9g and should be %.9g (of %.3g)", k->name,
                     m->format->name, m->rows, m->cols, r, (double)y[r], sum, magnitude);
    }
    free(w);
}

static void check_product(const struct engine_kernels *k, const struct matrix *m, size_t tokens)
{
    float *x = aligned(tokens * m->cols * sizeof(float));
    float *y = aligned((tokens * m->rows + 1) * sizeof(float));
    float *alone = aligned(m->rows * sizeof(float));
    randoms(x, tokens * m->cols);
    void *in = packed_inputs(k, m, x, tokens, true);
    y[tokens * m->rows] = 42;
    product(k, m, in, tokens, true, y);
    assert_true(y[tokens * m->rows] == 42);
    free(in);
    for (size_t t = 0; t < tokens; t++) {
        in = packed_inputs(k, m, x + t * m->cols, 1, false);
        product(k, m, in, 1, false, alone);
        check_sums(k, m, in, alone);
        /* To the last bit: a token's result does not depend on its company. */
        if (memcmp(alone, y + t * m->rows, m->rows * sizeof(float)) != 0)
            fail_msg("%s %s: token %zu of %zu differs from the same token alone", k->name,
                     m->format->name, t, tokens);
        free(in);
    }
    free(x);
    free(y);
    free(alone);
}

static void check_products(const struct engine_kernels *k)
{
    const size_t rows[] = {1, 16, 45, 20}, tokens[] = {1, 2, 4, 7, 12, 13, 30};
    for (size_t f = 0; f < ENGINE_FORMAT_COUNT; f++) {
        enum engine_format_id id = (enum engine_format_id)f;
        assert_int_equal(k->panels[f] != NULL, engine_panel_layout(id) != NULL);
        for (size_t i = 0; k->panels[f] && i < 4; i++) {
            struct matrix m = matrix_new(id, rows[i], some_cols(id, i));
            for (size_t t = 0; t < sizeof(tokens) / sizeof(tokens[0]); t++)
                check_product(k, &m, tokens[t]);
            matrix_free(&m);
        }
    }
}

static void test_products(void **state)
{
    (void)state;
    each_set(check_products);
}

/* --- extremes --------------------------------------------------------------------------------- */

/* All codes at their ends and all inputs at theirs: where 8- and 16-bit sums overflow first. */
static void check_extremes_of(const struct engine_kernels *k, enum engine_format_id id)
{
    const uint8_t codes[] = {0x00, 0xFF, 0x80, 0x7F};
    const float inputs[] = {1, -1};
    struct matrix m = matrix_new(id, 16, some_cols(id, 0));
    float *x = aligned(m.cols * sizeof(float)), y[16];
    for (size_t i = 0; i < sizeof(codes) * 2; i++) {
        for (size_t b = 0; b < m.cols / m.format->block * 16; b++) {
            uint8_t *block = m.file + b * m.format->block_bytes;
            for (size_t at = 0; at < m.format->block_bytes; at++)
                block[at] = is_scale(id, at) ? block[at] : codes[i / 2];
        }
        engine_panel_pack(m.layout, m.file, m.row_bytes, 16, m.cols, m.packed);
        for (size_t c = 0; c < m.cols; c++)
            x[c] = inputs[i % 2];
        void *in = packed_inputs(k, &m, x, 1, false);
        product(k, &m, in, 1, false, y);
        check_sums(k, &m, in, y);
        free(in);
    }
    free(x);
    matrix_free(&m);
}

static void check_extremes(const struct engine_kernels *k)
{
    for (size_t f = 0; f < ENGINE_FORMAT_COUNT; f++) {
        if (engine_panel_layout((enum engine_format_id)f))
            check_extremes_of(k, (enum engine_format_id)f);
    }
}

static void test_extremes(void **state)
{
    (void)state;
    each_set(check_extremes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost), cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_inputs),          cmocka_unit_test(test_products),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
