/* Attention in bfloat16 where a set has it: its parts against sums in double precision and against
 * the portable set, a row alone against rows together, and which models get it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/kernels/kernels.h"
#include "tests/unit/engine/tiny_gguf.h"

#define ROUNDING 0x1p-7 /* of two factors to bfloat16, as a part of the product */

static uint64_t seed = 78;

static void randoms(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)tiny_normal(&seed);
}

static void *zeros(size_t count, size_t size)
{
    void *p = calloc(count, size);
    assert_non_null(p);
    return p;
}

static void near(double got, double wanted, double magnitude, double part, const char *what)
{
    if (!(fabs(got - wanted) <= part * magnitude + 1e-30))
        fail_msg("%s: %.9g is not %.9g (within %.1e of %.3g)", what, got, wanted, part, magnitude);
}

/* The first such set that runs here. */
static const struct engine_kernels *rounding_set(void)
{
    for (size_t i = 0; engine_kernels_at(i); i++) {
        if (engine_kernels_at(i)->attn_bf16 && engine_kernels_supported(engine_kernels_at(i)))
            return engine_kernels_at(i);
    }
    printf("no set with attention in bfloat16 on this processor\n");
    return NULL;
}

/* --- kernels ------------------------------------------------------------------------------ */

/* To the nearest of 8 bits, of two as near to the even one. */
static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    memcpy(&x, &bits, sizeof(bits));
    return x;
}

/* Half of a pair. */
static float part_of(uint32_t pair, size_t which)
{
    uint32_t bits = which ? pair & 0xFFFF0000 : pair << 16;
    float x;
    memcpy(&x, &bits, sizeof(bits));
    return x;
}

/* Rows of queries against a page, as floats and as pairs. */
struct page {
    struct engine_attn rows;
    float *q, *key, *value;
    uint16_t *half_key, *half_value;
    uint32_t *queries, *keys, *values; /* pairs */
    float *scores;
};

static size_t row_at(const struct engine_attn *a, size_t r)
{
    return r / a->group * a->stride + r % a->group * a->head_dim;
}

static void page_open(struct page *p, const struct engine_kernels *k, const struct engine_attn *a)
{
    size_t numbers = a->head_dim * ENGINE_PAGE, rows = a->tokens * a->group;
    size_t pairs = (a->head_dim + 1) / 2;
    p->rows = *a;
    p->q = zeros(a->tokens * a->stride, sizeof(float));
    p->key = zeros(numbers, sizeof(float));
    p->value = zeros(numbers, sizeof(float));
    p->half_key = zeros(numbers, sizeof(uint16_t));
    p->half_value = zeros(numbers, sizeof(uint16_t));
    p->queries = zeros(rows * pairs + 1, sizeof(uint32_t));
    p->keys = zeros(pairs * ENGINE_PAGE + 1, sizeof(uint32_t));
    p->values = zeros(numbers / 2 + 1, sizeof(uint32_t));
    p->scores = zeros(rows * ENGINE_PAGE, sizeof(float));
    randoms(p->q, a->tokens * a->stride);
    randoms(p->key, numbers);
    randoms(p->value, numbers);
    k->to_half(p->key, numbers, p->half_key);
    k->to_half(p->value, numbers, p->half_value);
    k->from_half(p->half_key, numbers, p->key);
    k->from_half(p->half_value, numbers, p->value);
}

static void page_close(struct page *p)
{
    free(p->q);
    free(p->key);
    free(p->value);
    free(p->half_key);
    free(p->half_value);
    free(p->queries);
    free(p->keys);
    free(p->values);
    free(p->scores);
}

/* The `n` values and all keys and queries of the page in pairs. */
static void check_pairs(struct page *p, const struct engine_attn_bf16 *k, size_t n)
{
    size_t dim = p->rows.head_dim, pairs = (dim + 1) / 2, rows = p->rows.tokens * p->rows.group;
    p->queries[rows * pairs] = p->keys[pairs * ENGINE_PAGE] = 42;
    p->values[(n + 1) / 2 * dim] = 42;
    for (size_t r = 0; r < rows; r++)
        k->queries(p->q + row_at(&p->rows, r), dim, p->queries + r * pairs);
    k->keys(p->half_key, true, dim, p->keys);
    k->values(p->half_value, true, n, dim, p->values);
    assert_int_equal(p->queries[rows * pairs], 42);
    assert_int_equal(p->keys[pairs * ENGINE_PAGE], 42);
    assert_int_equal(p->values[(n + 1) / 2 * dim], 42);
    for (size_t i = 0; i < 2 * pairs; i++) {
        for (size_t r = 0; r < rows; r++)
            assert_true(part_of(p->queries[r * pairs + i / 2], i % 2) ==
                        (i < dim ? rounded(p->q[row_at(&p->rows, r) + i]) : 0));
        for (size_t j = 0; j < ENGINE_PAGE; j++)
            assert_true(part_of(p->keys[i / 2 * ENGINE_PAGE + j], i % 2) ==
                        (i < dim ? rounded(p->key[i * ENGINE_PAGE + j]) : 0));
    }
    for (size_t j = 0; j < (n + 1) / 2 * 2; j++) {
        for (size_t i = 0; i < dim; i++)
            assert_true(part_of(p->values[j / 2 * dim + i], j % 2) ==
                        (j < n ? rounded(p->value[j * dim + i]) : 0));
    }
}

/* From floats, and to where they are, comes the same. */
static void check_floats(const struct page *p, const struct engine_attn_bf16 *k, size_t n)
{
    size_t dim = p->rows.head_dim, pairs = (dim + 1) / 2;
    float *place = zeros(dim * ENGINE_PAGE, sizeof(float));
    memcpy(place, p->key, dim * ENGINE_PAGE * sizeof(float));
    k->keys(place, false, dim, (uint32_t *)(void *)place);
    assert_memory_equal(place, p->keys, pairs * ENGINE_PAGE * sizeof(uint32_t));
    memcpy(place, p->value, dim * ENGINE_PAGE * sizeof(float));
    k->values(place, false, n, dim, (uint32_t *)(void *)place);
    assert_memory_equal(place, p->values, (n + 1) / 2 * dim * sizeof(uint32_t));
    free(place);
}

static void check_scores(struct page *p, const struct engine_attn_bf16 *k)
{
    size_t dim = p->rows.head_dim, pairs = (dim + 1) / 2, rows = p->rows.tokens * p->rows.group;
    float *portable = zeros(rows * ENGINE_PAGE, sizeof(float)), alone[ENGINE_PAGE];
    engine_kernels_at(0)->attn_scores(&p->rows, p->q, p->key, 0.25F, portable);
    k->scores(rows, dim, p->queries, p->keys, 0.25F, p->scores);
    for (size_t r = 0; r < rows; r++) {
        const float *q = p->q + row_at(&p->rows, r), *got = p->scores + r * ENGINE_PAGE;
        for (size_t j = 0; j < ENGINE_PAGE; j++) {
            double sum = 0, magnitude = 0;
            for (size_t i = 0; i < dim; i++) {
                double product =
                    0.25 * (double)rounded(q[i]) * (double)rounded(p->key[i * ENGINE_PAGE + j]);
                sum += product;
                magnitude += fabs(product);
            }
            near((double)got[j], sum, magnitude, 1e-6, "scores");
            near((double)got[j], (double)portable[r * ENGINE_PAGE + j], magnitude, 1.01 * ROUNDING,
                 "scores beside the portable set's");
        }
        k->scores(1, dim, p->queries + r * pairs, p->keys, 0.25F, alone);
        assert_memory_equal(alone, got, sizeof(alone));
    }
    free(portable);
}

/* What the scores, taken for a softmax's, add to sums. */
static void check_add(struct page *p, const struct engine_attn_bf16 *k, size_t n)
{
    const struct engine_attn *a = &p->rows, one = {1, 1, a->head_dim, a->head_dim, false};
    size_t dim = a->head_dim, rows = a->tokens * a->group, out = a->tokens * a->stride;
    float *acc = zeros(out + 1, sizeof(float)), *portable = zeros(out, sizeof(float));
    float *alone = zeros(dim, sizeof(float)), *parts = zeros(rows * ENGINE_PAGE, sizeof(float));
    for (size_t i = 0; i < rows * ENGINE_PAGE; i++)
        parts[i] = i % ENGINE_PAGE < n ? rounded(p->scores[i]) : 0;
    engine_kernels_at(0)->attn_add(a, parts, p->value, n, portable);
    for (size_t i = 0; i < rows * ENGINE_PAGE; i += 2) {
        uint32_t pair, bits[2];
        memcpy(bits, parts + i, sizeof(bits));
        pair = bits[0] >> 16 | bits[1];
        memcpy(p->scores + i / ENGINE_PAGE * ENGINE_PAGE + i % ENGINE_PAGE / 2, &pair,
               sizeof(pair));
    }
    acc[out] = 42;
    k->add(a, p->scores, p->values, n, acc);
    assert_true(acc[out] == 42);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < dim; i++) {
            double sum = 0, magnitude = 0, got = (double)acc[row_at(a, r) + i];
            for (size_t j = 0; j < n; j++) {
                double product =
                    (double)parts[r * ENGINE_PAGE + j] * (double)rounded(p->value[j * dim + i]);
                sum += product;
                magnitude += fabs(product);
            }
            near(got, sum, magnitude, 1e-6, "values");
            near(got, (double)portable[row_at(a, r) + i], magnitude, 1.01 * ROUNDING / 2,
                 "values beside the portable set's");
        }
        memset(alone, 0, dim * sizeof(float));
        k->add(&one, p->scores + r * ENGINE_PAGE, p->values, n, alone);
        assert_memory_equal(alone, acc + row_at(a, r), dim * sizeof(float));
    }
    free(acc);
    free(portable);
    free(alone);
    free(parts);
}

static void test_products(void **state)
{
    (void)state;
    const size_t dims[] = {1, 2, 10, 16, 33, 64, 80, 127, 128}, groups[] = {1, 3, 8};
    const struct engine_kernels *k = rounding_set();
    for (size_t d = 0; k && d < sizeof(dims) / sizeof(dims[0]); d++) {
        for (size_t g = 0; g < 3; g++) {
            const struct engine_attn a = {7 - 2 * g, groups[g], groups[g] * dims[d] + 5, dims[d],
                                          false};
            for (size_t n = 1; n <= ENGINE_PAGE; n += n < 3 ? 1 : 29) {
                struct page p;
                page_open(&p, k, &a);
                check_pairs(&p, k->attn_bf16, n);
                check_floats(&p, k->attn_bf16, n);
                check_scores(&p, k->attn_bf16);
                check_add(&p, k->attn_bf16, n);
                page_close(&p);
            }
        }
    }
}

/* Two pages of scores in turn: of each number and of their sum. What is far below the largest is
 * nothing, and the sum is that of the rounded numbers. */
static void check_softmax(const struct engine_attn_bf16 *k, size_t from, size_t n, double spread)
{
    float scores[2][ENGINE_PAGE], before[2 * ENGINE_PAGE], largest = -INFINITY, sum = 0, factor = 1;
    double most = -INFINITY, total = 0, exact = 0;
    for (size_t i = 0; i < 2 * ENGINE_PAGE; i++) {
        before[i] = (float)(tiny_normal(&seed) * spread);
        scores[i / ENGINE_PAGE][i % ENGINE_PAGE] = i >= from && i < n ? before[i] : NAN;
        if (i >= from && i < n)
            most = fmax(most, (double)before[i]);
    }
    assert_true(k->softmax(scores[0], from, n < ENGINE_PAGE ? n : ENGINE_PAGE, &largest, &sum) ==
                0);
    if (n > ENGINE_PAGE)
        factor = k->softmax(scores[1], 0, n - ENGINE_PAGE, &largest, &sum);
    assert_true((double)largest == most);
    for (size_t i = 0; i < 2 * ENGINE_PAGE && (n > ENGINE_PAGE || i < ENGINE_PAGE); i++) {
        uint32_t pair;
        memcpy(&pair, &scores[i / ENGINE_PAGE][i % ENGINE_PAGE / 2], sizeof(pair));
        double got = (double)part_of(pair, i % 2) * (i < ENGINE_PAGE ? (double)factor : 1);
        double wanted = i >= from && i < n ? exp((double)before[i] - most) : 0;
        near(got, wanted, wanted + 1e-30, ROUNDING / 2 + 6e-5, "softmax");
        total += got;
        exact += wanted;
    }
    near((double)sum, total, total, 1e-6, "sum of a softmax");
    near((double)sum, exact, exact, ROUNDING / 2 + 6e-5, "sum beside the exact one");
}

static void test_softmax(void **state)
{
    (void)state;
    const struct engine_kernels *k = rounding_set();
    for (size_t n = 1; k && n <= 2 * ENGINE_PAGE; n++) {
        for (size_t from = 0; from < n && from < ENGINE_PAGE; from += 5) {
            check_softmax(k->attn_bf16, from, n, 1);
            check_softmax(k->attn_bf16, from, n, 10);
        }
    }
    float scores[ENGINE_PAGE] = {-1e30F, 0, -2e30F, 3e30F}, largest = 5, sum = 1;
    if (k) {
        assert_true(k->attn_bf16->softmax(scores, 0, 3, &largest, &sum) == 1);
        assert_true(largest == 5);
        near((double)sum, 1 + exp(-5), 1, 1e-4, "sum beside a sink");
    }
}

/* --- models ------------------------------------------------------------------------------- */

#define VOCAB 61
#define LENGTH 90 /* nearly three pages */

#define SIZES .n_vocab = VOCAB, .n_embd = 64, .n_layer = 2, .n_ff = 96

static const struct tiny_model models[] = {
    {.arch = "llama", SIZES, .n_head = 6, .n_head_kv = 2, .head_dim = 16, .type = 8, .seed = 5},
    {.arch = "qwen3",
     SIZES,
     .n_head = 16,
     .n_head_kv = 1,
     .head_dim = 10,
     .type = 2,
     .qk_norm = true,
     .seed = 6},
    {.arch = "gemma2",
     SIZES,
     .n_head = 4,
     .n_head_kv = 4,
     .head_dim = 24,
     .post_norms = true,
     .tied = true,
     .window = 33,
     .attn_cap = 7,
     .type = 8,
     .seed = 7},
    {.arch = "gpt-oss",
     SIZES,
     .n_head = 8,
     .n_head_kv = 1,
     .head_dim = 32,
     .ffn_norm = "post_attention_norm",
     .sinks = true,
     .biases = true,
     .n_expert = 4,
     .n_expert_used = 4,
     .n_ff_expert = 32,
     .expert_biases = true,
     .window = 16,
     .type = 8,
     .seed = 8},
};
#define MODELS (sizeof(models) / sizeof(models[0]))

/* Logits of a text in steps of `step` tokens, [LENGTH][VOCAB]; each has a second sequence, too. */
static void compute(const struct tiny_model *shape, const char *cpu, enum engine_kv kv,
                    uint32_t step, uint32_t threads, float *ret)
{
    const struct engine_session_options options = {.context = 4 * LENGTH,
                                                   .sequences = 2,
                                                   .batch = 2 * step,
                                                   .outputs = step,
                                                   .threads = threads,
                                                   .kv = kv};
    struct tiny_file file;
    struct engine_model *model = NULL;
    struct engine_session *session = NULL;
    struct base_error detail = {0};
    struct engine_batch_item items[2 * LENGTH];
    uint64_t draw = 4;
    assert_int_equal(engine_cpu_select(cpu, NULL), BASE_OK);
    struct slice bytes = tiny_model_write(shape, &file);
    if (engine_model_open_bytes(bytes, "mem", NULL, &model, &detail) ||
        engine_session_new(model, &options, &session, &detail))
        fail_msg("%s", detail.message);
    for (uint32_t at = 0; at < LENGTH; at += step) {
        uint32_t n = LENGTH - at < step ? LENGTH - at : step;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t token = (uint32_t)(tiny_random(&draw) % VOCAB);
            items[i] = (struct engine_batch_item){0, token, true, NULL};
            items[n + i] = (struct engine_batch_item){1, token / 2, false, NULL};
        }
        if (engine_session_step(session, items, 2 * (size_t)n, NULL, &detail))
            fail_msg("%s", detail.message);
        for (uint32_t i = 0; i < n; i++)
            memcpy(ret + (size_t)(at + i) * VOCAB, engine_session_logits(session, i),
                   VOCAB * sizeof(float));
    }
    engine_session_free(session);
    engine_model_unref(model);
    tiny_done(&file);
    assert_int_equal(engine_cpu_select(NULL, NULL), BASE_OK);
}

static double nmse(const float *a, const float *b)
{
    double off = 0, all = 0;
    for (size_t i = 0; i < (size_t)LENGTH * VOCAB; i++) {
        off += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        all += (double)b[i] * (double)b[i];
    }
    return off / all;
}

/* Near the portable set's logits, which differ by rounding to 8 bits as well; and the same however
 * a text is cut, on any number of threads. */
static void test_models(void **state)
{
    (void)state;
    static float portable[LENGTH * VOCAB], alone[LENGTH * VOCAB], cut[LENGTH * VOCAB];
    const struct engine_kernels *k = rounding_set();
    const uint32_t steps[] = {3, 8, 31, LENGTH};
    const enum engine_kv caches[] = {ENGINE_KV_F16, ENGINE_KV_Q8_0};
    for (size_t i = 0; k && i < 2 * MODELS; i++) {
        const struct tiny_model *m = &models[i / 2];
        compute(m, "portable", caches[i % 2], 8, 1, portable);
        compute(m, k->name, caches[i % 2], 1, 1, alone);
        double off = nmse(alone, portable);
        printf("%-8s cache %zu: nmse %.1e\n", m->arch, i % 2, off);
        assert_true(off < 5e-4);
        for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
            compute(m, k->name, caches[i % 2], steps[s], 1 + (uint32_t)(s % 3), cut);
            assert_memory_equal(cut, alone, sizeof(alone));
        }
    }
}

/* The set below has the same kernels otherwise: where they agree to the bit, nothing is rounded. */
static void test_who_rounds(void **state)
{
    (void)state;
    static float with[LENGTH * VOCAB], without[LENGTH * VOCAB];
    const struct engine_kernels *k = rounding_set();
    if (!k)
        return;
    assert_string_equal(k->name, "avx512_bf16");
    for (size_t type = 0; type < 3; type++) {
        for (enum engine_kv kv = 0; kv < ENGINE_KV_COUNT; kv++) {
            struct tiny_model shape = models[0];
            shape.type = (const uint32_t[]){0, 1, 8}[type];
            compute(&shape, k->name, kv, 31, 1, with);
            compute(&shape, "avx512", kv, 31, 1, without);
            assert_int_equal(memcmp(with, without, sizeof(with)) != 0,
                             shape.type == 8 && kv != ENGINE_KV_F32);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_who_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
