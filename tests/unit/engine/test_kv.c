/* The types of the KV cache: what is written comes back within the error stated, and what an 8-bit
 * cache costs in the end, against half precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/compute/kv.h"
#include "tests/unit/engine/reference.h"
#include "tests/unit/engine/tiny_gguf.h"

enum { VOCAB = 97, TOKENS = 120 };

static const size_t head_dims[] = {2, 12, 32, 64, 80, 128, 256, ENGINE_HEAD_MAX};
enum { HEAD_DIMS = sizeof(head_dims) / sizeof(head_dims[0]) };

static void *need(size_t bytes)
{
    void *p = calloc(1, bytes);
    assert_non_null(p);
    return p;
}

/* Largest error of a number: half a step of 8 bits of the largest of its 32, or rounding. */
static double allowed(enum engine_kv kv, const float *block, size_t n, float x)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)block[i]));
    if (kv == ENGINE_KV_F32)
        return 0;
    return kv == ENGINE_KV_F16 ? fabs((double)x) / 2048 + 3e-8 : most / 127 * 0.501 + most / 2000;
}

static void check_page(const struct engine_kernels *k, enum engine_kv kv, size_t head_dim)
{
    const struct engine_kv_type *type = engine_kv_type_at(kv);
    float *in = need(ENGINE_PAGE * head_dim * sizeof(float));
    float *scratch = need(ENGINE_PAGE * head_dim * sizeof(float));
    void *keys = need(type->head_bytes(head_dim)), *values = need(type->head_bytes(head_dim));
    uint64_t seed = head_dim;
    for (size_t i = 0; i < ENGINE_PAGE * head_dim; i++)
        in[i] = (float)(tiny_normal(&seed) * exp(2 * tiny_normal(&seed)));
    memset(in + 5 * head_dim, 0, head_dim * sizeof(float)); /* a token of nothing */
    for (uint32_t at = 0; at < ENGINE_PAGE; at++) {
        type->put_key(k, in + at * head_dim, head_dim, at, keys);
        type->put_value(k, in + at * head_dim, head_dim, at, values);
    }
    for (int which = 0; which < 2; which++) {
        const float *out = which ? type->values(k, values, head_dim, scratch)
                                 : type->keys(k, keys, head_dim, scratch);
        for (size_t at = 0; at < ENGINE_PAGE; at++) {
            for (size_t i = 0; i < head_dim; i++) {
                size_t block = i / 32 * 32, n = head_dim - block < 32 ? head_dim - block : 32;
                float x = in[at * head_dim + i];
                float got = which ? out[at * head_dim + i] : out[i * ENGINE_PAGE + at];
                if (!(fabs((double)got - (double)x) <=
                      allowed(kv, in + at * head_dim + block, n, x)))
                    fail_msg("%s %s, head of %zu: %g is not %g", k->name, type->name, head_dim,
                             (double)got, (double)x);
            }
        }
    }
    free(in);
    free(scratch);
    free(keys);
    free(values);
}

static void test_pages(void **state)
{
    (void)state;
    for (size_t p = 0; engine_kernels_at(p); p++) {
        for (size_t i = 0; engine_kernels_supported(engine_kernels_at(p)) && i < HEAD_DIMS; i++) {
            for (int kv = 0; kv < ENGINE_KV_COUNT; kv++)
                check_page(engine_kernels_at(p), (enum engine_kv)kv, head_dims[i]);
        }
    }
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(engine_kv_type_at(ENGINE_KV_F32)->head_bytes(64), 32 * 64 * 4);
    assert_int_equal(engine_kv_type_at(ENGINE_KV_F16)->head_bytes(64), 32 * 64 * 2);
    assert_int_equal(engine_kv_type_at(ENGINE_KV_Q8_0)->head_bytes(64), 32 * 64 * 34 / 32);
    assert_string_equal(engine_kv_name(ENGINE_KV_Q8_0), "q8_0");
    assert_string_equal(engine_kv_name(ENGINE_KV_COUNT), "unknown");
}

/* --- what it costs -------------------------------------------------------------------------- */

static const struct tiny_model shapes[] = {
    {.arch = "llama",
     .n_vocab = VOCAB,
     .n_embd = 128,
     .n_layer = 4,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 32,
     .n_ff = 192,
     .seed = 31},
    {.arch = "qwen2",
     .n_vocab = VOCAB,
     .n_embd = 120,
     .n_layer = 3,
     .n_head = 3,
     .n_head_kv = 1,
     .head_dim = 40,
     .n_ff = 160,
     .seed = 32},
    {.arch = "qwen3",
     .n_vocab = VOCAB,
     .n_embd = 96,
     .n_layer = 3,
     .n_head = 6,
     .n_head_kv = 3,
     .head_dim = 64,
     .n_ff = 160,
     .qk_norm = true,
     .seed = 33},
};

/* Logits of every position, in pieces, as a scheduler would feed them. */
static void logits_of(struct engine_model *model, enum engine_kv kv, const uint32_t *tokens,
                      float *logits)
{
    struct engine_session *s = NULL;
    struct engine_session_options options = {.kv = kv, .batch = 16, .outputs = 16, .threads = 2};
    assert_int_equal(engine_session_new(model, &options, &s, NULL), BASE_OK);
    for (size_t at = 0; at < TOKENS;) {
        struct engine_batch_item items[16];
        size_t n = TOKENS - at < 13 ? TOKENS - at : 13;
        for (size_t i = 0; i < n; i++)
            items[i] = (struct engine_batch_item){0, tokens[at + i], true, NULL};
        assert_int_equal(engine_session_step(s, items, n, NULL, NULL), BASE_OK);
        memcpy(logits + at * VOCAB, engine_session_logits(s, 0), n * VOCAB * sizeof(float));
        at += n;
    }
    engine_session_free(s);
}

/* The error stated in engine.h, against half precision: nmse below 2e-4, mean divergence below
 * 1e-4 nats. */
static void check_cost(const struct tiny_model *shape)
{
    struct tiny_file f;
    struct engine_model *model = NULL;
    uint32_t tokens[TOKENS];
    uint64_t seed = 3;
    static float f32[TOKENS * VOCAB], f16[TOKENS * VOCAB], q8[TOKENS * VOCAB];
    static double exact[TOKENS * VOCAB];
    for (size_t i = 0; i < TOKENS; i++)
        tokens[i] = (uint32_t)(tiny_random(&seed) % VOCAB);
    assert_int_equal(
        engine_model_open_bytes(tiny_model_write(shape, &f), "mem", NULL, &model, NULL), BASE_OK);
    logits_of(model, ENGINE_KV_F32, tokens, f32);
    logits_of(model, ENGINE_KV_F16, tokens, f16);
    logits_of(model, ENGINE_KV_Q8_0, tokens, q8);
    for (size_t i = 0; i < (size_t)TOKENS * VOCAB; i++)
        exact[i] = (double)f32[i];
    double half = reference_nmse(f16, exact, (size_t)TOKENS * VOCAB);
    for (size_t i = 0; i < (size_t)TOKENS * VOCAB; i++)
        exact[i] = (double)f16[i];
    double nmse = reference_nmse(q8, exact, (size_t)TOKENS * VOCAB);
    double kl = reference_kl(q8, exact, TOKENS, VOCAB);
    printf("%s: f16 nmse %.2e; q8_0 against f16: nmse %.2e kl %.2e\n", shape->arch, half, nmse, kl);
    assert_true(half < 1e-5);
    assert_true(nmse > 0 && nmse < 2e-4);
    assert_true(kl < 1e-4);
    engine_model_unref(model);
    tiny_done(&f);
}

static void test_cost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        check_cost(&shapes[i]);
}

static void test_estimate(void **state)
{
    (void)state;
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct base_error detail = {0};
    const struct engine_model_options wrong = {.kv = (enum engine_kv)9};
    struct slice bytes = tiny_model_write(&shapes[0], &f);
    assert_int_equal(engine_model_open_bytes(bytes, "mem", &wrong, &model, &detail),
                     BASE_ERR_BAD_VALUE);
    assert_string_equal(detail.param, "kv");
    /* What fits with 8 bits need not fit with 16. */
    struct engine_model_options options = {.context = 1 << 20, .kv = ENGINE_KV_Q8_0};
    options.memory_limit = (uint64_t)700 << 20;
    assert_int_equal(engine_model_open_bytes(bytes, "mem", &options, &model, &detail), BASE_OK);
    engine_model_unref(model);
    options.kv = ENGINE_KV_F16;
    assert_int_equal(engine_model_open_bytes(bytes, "mem", &options, &model, &detail),
                     BASE_ERR_NO_MEMORY);
    tiny_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_estimate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
