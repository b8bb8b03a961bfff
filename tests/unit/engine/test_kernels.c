/* Every set of kernels against sums in double precision, on sizes that fit no vector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/kernels/kernels.h"
#include "tests/unit/engine/tiny_gguf.h"

#define MAX 400

static uint64_t seed = 77;

static void randoms(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)tiny_normal(&seed);
}

static void *aligned(size_t bytes)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, bytes), 0);
    memset(p, 0, bytes);
    return p;
}

/* Error allowed in one sum: a part of the sum of the magnitudes. */
static void near(double got, double wanted, double magnitude, double part, const char *what)
{
    if (!(fabs(got - wanted) <= part * magnitude + 1e-30))
        fail_msg("%s: %.9g is not %.9g (within %.1e of %.3g)", what, got, wanted, part, magnitude);
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

/* --- matmul ------------------------------------------------------------------------------- */

struct problem {
    size_t rows, cols, tokens;
};

static void check_problem(const struct engine_kernels *k, const struct problem *p)
{
    float *w = aligned(p->rows * p->cols * 4), *x = aligned(p->tokens * p->cols * 4);
    float *y = aligned(p->tokens * p->rows * 4);
    randoms(w, p->rows * p->cols);
    randoms(x, p->tokens * p->cols);
    const struct engine_matmul job = {w, p->cols, x, p->cols, NULL, p->tokens, y, p->rows};
    size_t middle = p->rows / 3;
    k->matmul(&job, 0, middle);
    k->matmul(&job, middle, p->rows);
    for (size_t r = 0; r < p->rows; r++) {
        for (size_t t = 0; t < p->tokens; t++) {
            double sum = 0, magnitude = 0;
            for (size_t c = 0; c < p->cols; c++) {
                double product = (double)w[r * p->cols + c] * (double)x[t * p->cols + c];
                sum += product;
                magnitude += fabs(product);
            }
            near((double)y[t * p->rows + r], sum, magnitude, 2e-6, "F32");
        }
    }
    free(x);
    free(w);
    free(y);
}

static void check_matmul(const struct engine_kernels *k)
{
    const size_t cols[] = {1, 3, 8, 17, 31, 64, 75, 160, 256}, rows[] = {1, 3, 4, 9, 30};
    const size_t tokens[] = {1, 2, 3, 4, 5, 11};
    for (size_t c = 0; c < sizeof(cols) / sizeof(cols[0]); c++) {
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
            for (size_t t = 0; t < sizeof(tokens) / sizeof(tokens[0]); t++) {
                struct problem p = {rows[r], cols[c], tokens[t]};
                check_problem(k, &p);
            }
        }
    }
}

static void test_matmul(void **state)
{
    (void)state;
    each_set(check_matmul);
}

/* --- vectors ------------------------------------------------------------------------------ */

static double activated(enum engine_activation kind, double x, double y)
{
    double low = fmin(x, 7);
    switch (kind) {
    case ENGINE_ACTIVATION_SILU:
        return x / (1 + exp(-x)) * y;
    case ENGINE_ACTIVATION_GELU:
        return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x))) * y;
    default:
        return low / (1 + exp(-1.702 * low)) * (fmax(-7, fmin(7, y)) + 1);
    }
}

static void check_activations(const struct engine_kernels *k, const float *x, const float *y,
                              size_t n)
{
    float wide[MAX], other[MAX], out[MAX + 1];
    for (size_t i = 0; i < n; i++) {
        wide[i] = x[i] * 6; /* past the clamps */
        other[i] = y[i] * 6;
    }
    for (enum engine_activation kind = 0; kind < ENGINE_ACTIVATION_COUNT; kind++) {
        for (int gated = kind == ENGINE_ACTIVATION_CLAMP; gated < 2; gated++) {
            memcpy(out, wide, n * sizeof(*out));
            out[n] = 42;
            k->activate[kind](out, gated ? other : NULL, n);
            assert_true(out[n] == 42);
            for (size_t i = 0; i < n; i++) {
                double by = gated ? (double)other[i] : 1;
                double wanted = activated(kind, (double)wide[i], by);
                near((double)out[i], wanted, fabs(wanted) + fabs(by), 6e-7, "activation");
            }
        }
    }
}

static void check_soft_cap(const struct engine_kernels *k, const float *x, size_t n)
{
    float out[MAX + 1];
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * (i % 7 == 0 ? 1000 : 20);
    out[n] = 42;
    k->soft_cap(out, n, 30);
    assert_true(out[n] == 42);
    for (size_t i = 0; i < n; i++)
        near((double)out[i], 30 * tanh((double)x[i] * (i % 7 == 0 ? 1000 : 20) / 30), 30, 5e-7,
             "soft_cap");
}

static void check_layer_norm(const struct engine_kernels *k, const float *x, const float *w,
                             const float *bias, size_t n)
{
    float out[MAX + 1];
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    out[n] = 42;
    k->layer_norm(x, w, bias, n, 1e-5F, out);
    assert_true(out[n] == 42);
    for (size_t i = 0; n > 1 && i < n; i++) {
        double normed = ((double)x[i] - mean) / sqrt(squares / (double)n + 1e-5);
        near((double)out[i], normed * (double)w[i] + (double)bias[i], 4, 5e-7, "layer_norm");
    }
}

static void check_vectors(const struct engine_kernels *k)
{
    float x[MAX], y[MAX], w[MAX], out[MAX + 1];
    for (size_t n = 1; n < 70; n++) {
        double squares = 0;
        randoms(x, n);
        randoms(y, n);
        randoms(w, n);
        for (size_t i = 0; i < n; i++)
            squares += (double)x[i] * (double)x[i];
        out[n] = 42;
        k->rms_norm(x, w, n, 1e-5F, out);
        for (size_t i = 0; i < n; i++) {
            double wanted = (double)x[i] / sqrt(squares / (double)n + 1e-5) * (double)w[i];
            near((double)out[i], wanted, fabs(wanted), 5e-7, "rms_norm");
        }
        check_activations(k, x, y, n);
        check_layer_norm(k, x, w, y, n);
        check_soft_cap(k, x, n);
        memcpy(out, x, n * sizeof(*x));
        k->add(out, y, n);
        k->scale(out, 3, n);
        for (size_t i = 0; i < n; i++)
            assert_true(out[i] == (x[i] + y[i]) * 3);
        assert_true(out[n] == 42);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    each_set(check_vectors);
}

/* Two rows of scores in turn into one running softmax. */
static void check_softmax(const struct engine_kernels *k)
{
    for (size_t n = 1; n <= 2 * ENGINE_PAGE; n++) {
        float scores[2][ENGINE_PAGE], values[2][ENGINE_PAGE], largest = -INFINITY, sum = 0,
                                                              last = 1;
        size_t from = n > 3 ? n % 4 : 0;
        double exact = 0, most = -INFINITY;
        for (size_t i = 0; i < 2 * ENGINE_PAGE; i++) {
            float x = (float)(tiny_random(&seed) % 80000) / 1000.0F - 40;
            scores[i / ENGINE_PAGE][i % ENGINE_PAGE] = x;
            values[i / ENGINE_PAGE][i % ENGINE_PAGE] = x;
            if (i >= from && i < n)
                most = fmax(most, (double)x);
        }
        for (size_t i = from; i < n; i++)
            exact += exp((double)values[i / ENGINE_PAGE][i % ENGINE_PAGE] - most);
        size_t first = n < ENGINE_PAGE ? n : ENGINE_PAGE;
        assert_true(k->attn_softmax(scores[0], from, first, &largest, &sum) == 0);
        if (n > ENGINE_PAGE)
            last = k->attn_softmax(scores[1], 0, n - ENGINE_PAGE, &largest, &sum);
        assert_true((double)largest == most);
        near((double)sum, exact, exact, 5e-7, "sum of a softmax");
        for (size_t i = 0; i < 2 * ENGINE_PAGE && (n > ENGINE_PAGE || i < ENGINE_PAGE); i++) {
            double got = (double)scores[i / ENGINE_PAGE][i % ENGINE_PAGE];
            double wanted = exp((double)values[i / ENGINE_PAGE][i % ENGINE_PAGE] - most);
            if (i < from || i >= n)
                assert_true(got == 0);
            else /* scores 32 to 64 apart: rounding that difference is an error of 1.9e-6 alone */
                near(got * (i < ENGINE_PAGE ? (double)last : 1.0), wanted, wanted + 1e-30, 2e-6,
                     "softmax");
        }
    }
}

static void test_softmax(void **state)
{
    (void)state;
    each_set(check_softmax);
}

/* A page in half precision gives what the same numbers as floats give. */
static void check_half_page(const struct engine_kernels *k, const struct engine_attn *a,
                            const float *q, float *key, float *value)
{
    const size_t page = a->head_dim * ENGINE_PAGE, rows = a->tokens * a->group;
    const size_t out = a->tokens * a->stride;
    struct engine_attn halves = *a;
    uint16_t *half_key = aligned(page * 2), *half_value = aligned(page * 2);
    float *scores = aligned(rows * ENGINE_PAGE * 4), *wanted = aligned(rows * ENGINE_PAGE * 4);
    float *acc = aligned(out * 4), *wanted_acc = aligned(out * 4);
    halves.half = true;
    k->to_half(key, page, half_key);
    k->to_half(value, page, half_value);
    k->from_half(half_key, page, key);
    k->from_half(half_value, page, value);
    k->attn_scores(a, q, key, 0.25F, wanted);
    k->attn_scores(&halves, q, half_key, 0.25F, scores);
    assert_memory_equal(scores, wanted, rows * ENGINE_PAGE * 4);
    for (size_t n = 1; n <= ENGINE_PAGE; n += 31) {
        memset(acc, 0, out * 4);
        memset(wanted_acc, 0, out * 4);
        k->attn_add(a, scores, value, n, wanted_acc);
        k->attn_add(&halves, scores, half_value, n, acc);
        assert_memory_equal(acc, wanted_acc, out * 4);
    }
    free(half_key);
    free(half_value);
    free(scores);
    free(wanted);
    free(acc);
    free(wanted_acc);
}

/* Three tokens of up to eight heads over a page of keys and values. */
static void check_heads(const struct engine_kernels *k, const struct engine_attn *a)
{
    enum { TOKENS = 3 };
    size_t dim = a->head_dim, rows = a->tokens * a->group;
    float *q = aligned(TOKENS * a->stride * 4), *acc = aligned((TOKENS * a->stride + 1) * 4);
    float *key = aligned(dim * ENGINE_PAGE * 4), *value = aligned(dim * ENGINE_PAGE * 4);
    float *scores = aligned(rows * ENGINE_PAGE * 4);
    randoms(q, TOKENS * a->stride);
    randoms(key, dim * ENGINE_PAGE);
    randoms(value, dim * ENGINE_PAGE);
    k->attn_scores(a, q, key, 0.25F, scores);
    for (size_t n = 1; n <= ENGINE_PAGE; n += 31) {
        memset(acc, 0, TOKENS * a->stride * 4);
        acc[TOKENS * a->stride] = 42;
        k->attn_add(a, scores, value, n, acc);
        for (size_t r = 0; r < rows; r++) {
            size_t at = r / a->group * a->stride + r % a->group * dim;
            for (size_t i = 0; i < dim; i++) {
                double sum = 0, magnitude = 0;
                for (size_t j = 0; j < n; j++) {
                    double product =
                        (double)scores[r * ENGINE_PAGE + j] * (double)value[j * dim + i];
                    sum += product;
                    magnitude += fabs(product);
                }
                near((double)acc[at + i], sum, magnitude, 1e-6, "attn_add");
            }
        }
        assert_true(acc[TOKENS * a->stride] == 42);
    }
    for (size_t r = 0; r < rows; r++) {
        const float *row = q + r / a->group * a->stride + r % a->group * dim;
        for (size_t j = 0; j < ENGINE_PAGE; j++) {
            double sum = 0, magnitude = 0;
            for (size_t i = 0; i < dim; i++) {
                sum += 0.25 * (double)row[i] * (double)key[i * ENGINE_PAGE + j];
                magnitude += fabs((double)row[i] * (double)key[i * ENGINE_PAGE + j]);
            }
            near((double)scores[r * ENGINE_PAGE + j], sum, magnitude, 1e-6, "attn_scores");
        }
    }
    check_half_page(k, a, q, key, value);
    free(q);
    free(acc);
    free(key);
    free(value);
    free(scores);
}

static void check_attention(const struct engine_kernels *k)
{
    const size_t dims[] = {2, 10, 16, 64, 80, 127, 128}, groups[] = {1, 3, 8};
    for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
        for (size_t g = 0; g < 3; g++) {
            const struct engine_attn a = {3 - g / 2, groups[g], groups[g] * dims[d] + 5, dims[d],
                                          false};
            check_heads(k, &a);
        }
    }
}

static void test_attention(void **state)
{
    (void)state;
    each_set(check_attention);
}

/* --- halves ------------------------------------------------------------------------------- */

/* All 65536 halves there and back, and numbers halfway between two. */
static void check_halves(const struct engine_kernels *k)
{
    static uint16_t halves[65536], back[65536];
    static float floats[65536];
    for (size_t i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    k->from_half(halves, 65536, floats);
    k->to_half(floats, 65536, back);
    for (size_t i = 0; i < 65536; i++) {
        double exact;
        if ((i & 0x7C00) == 0x7C00) {
            assert_true(i & 0x3FF ? isnan(floats[i]) : isinf(floats[i]));
            assert_true(i & 0x3FF ? (back[i] & 0x7C00) == 0x7C00 && (back[i] & 0x3FF)
                                  : back[i] == i);
            continue;
        }
        tiny_unpack(1, (const uint8_t *)&halves[i], 1, &exact);
        assert_true((double)floats[i] == exact);
        assert_int_equal(back[i], i);
    }
    for (size_t i = 0; i < 0x7BFF; i++) {
        float between = (floats[i] + floats[i + 1]) / 2;
        uint16_t got;
        k->to_half(&between, 1, &got);
        assert_int_equal(got, i & 1 ? i + 1 : i); /* ties to even */
        between = nextafterf(between, INFINITY);
        k->to_half(&between, 1, &got);
        assert_int_equal(got, i + 1);
    }
    const float large[3] = {65519.9F, 65520.0F, -1e9F};
    uint16_t got[3];
    k->to_half(large, 3, got);
    assert_int_equal(got[0], 0x7BFF);
    assert_int_equal(got[1], 0x7C00);
    assert_int_equal(got[2], 0xFC00);
}

static void test_halves(void **state)
{
    (void)state;
    each_set(check_halves);
}

static void test_formats(void **state)
{
    (void)state;
    float values[512], out[512];
    uint8_t bytes[512 * 4];
    double exact[512];
    for (size_t f = 0; f < ENGINE_FORMAT_COUNT; f++) {
        const struct engine_format *format = engine_format_at((enum engine_format_id)f);
        assert_int_equal(format->id, f);
        assert_ptr_equal(engine_format_by_ggml(format->ggml_id), format);
        assert_string_equal(engine_format_ggml_name(format->ggml_id), format->name);
        randoms(values, 512);
        size_t len = tiny_pack(format->ggml_id, values, 512, bytes);
        assert_int_equal(engine_format_row_bytes(format, 512), len);
        format->dequantise(bytes, out, 512);
        tiny_unpack(format->ggml_id, bytes, 512, exact);
        for (size_t i = 0; i < 512; i++)
            near((double)out[i], exact[i], fabs(exact[i]) + 1, 2e-6, format->name);
        double coarse = format->block_bytes * 8.0 / format->block < 4.3 ? 1.2 : 0.35;
        for (size_t i = 0; i < 512; i++) /* the test's own packing is sound */
            near(exact[i], (double)values[i], 1, coarse, format->name);
    }
    assert_null(engine_format_by_ggml(19));
    assert_string_equal(engine_format_ggml_name(19), "IQ1_S");
    assert_string_equal(engine_format_ggml_name(UINT32_MAX), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul),  cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_softmax), cmocka_unit_test(test_attention),
        cmocka_unit_test(test_halves),  cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
