/* Perplexity of tiny random models against the reference in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/engine/reference.h"
#include "tests/unit/engine/tiny_gguf.h"

enum { VOCAB = 97, TOKENS = 230 };

static const struct tiny_model shape = {.arch = "llama",
                                        .n_vocab = VOCAB,
                                        .n_embd = 60,
                                        .n_layer = 2,
                                        .n_head = 6,
                                        .n_head_kv = 2,
                                        .head_dim = 10,
                                        .n_ff = 75,
                                        .seed = 3};

struct world {
    struct tiny_file file;
    struct slice bytes;
    struct engine_model *model;
    uint32_t tokens[TOKENS];
};

static void begin(struct world *w)
{
    uint64_t seed = 4;
    struct base_error detail = {0};
    w->bytes = tiny_model_write(&shape, &w->file);
    if (engine_model_open_bytes(w->bytes, "mem", NULL, &w->model, &detail))
        fail_msg("%s", detail.message);
    for (size_t i = 0; i < TOKENS; i++)
        w->tokens[i] = (uint32_t)(tiny_random(&seed) % VOCAB);
}

static void end(struct world *w)
{
    engine_model_unref(w->model);
    tiny_done(&w->file);
}

/* Sum over one chunk, straight from the definition. */
static double chunk_nats(const struct world *w, const uint32_t *tokens, uint32_t count, int32_t bos,
                         uint32_t *scored)
{
    uint32_t copy[TOKENS];
    double sum = 0;
    memcpy(copy, tokens, count * sizeof(*copy));
    if (bos >= 0)
        copy[0] = (uint32_t)bos;
    double *logits = reference_logits(w->bytes, copy, count);
    for (uint32_t at = count / 2; at + 1 < count; at++) {
        double total = 0;
        for (size_t i = 0; i < VOCAB; i++)
            total += exp(logits[at * VOCAB + i]);
        sum += log(total) - logits[at * VOCAB + tokens[at + 1]];
        ++*scored;
    }
    free(logits);
    return sum;
}

static bool count_chunks(void *user, const struct engine_perplexity *so_far, uint32_t chunks)
{
    uint32_t *seen = user;
    assert_int_equal(so_far->chunks, ++*seen);
    return *seen < chunks || chunks < 3;
}

static void check(const struct world *w, uint32_t context, uint32_t most, int32_t bos)
{
    const struct engine_perplexity_options options = {
        .context = context, .chunks = most, .threads = 1, .bos = bos};
    struct engine_perplexity got;
    struct base_error detail = {0};
    if (engine_perplexity(w->model, w->tokens, TOKENS, &options, NULL, NULL, &got, &detail))
        fail_msg("%s", detail.message);
    uint32_t size = context == 0 || context > TOKENS ? TOKENS : context, scored = 0;
    uint32_t chunks = TOKENS / size;
    double sum = 0;
    if (most > 0 && most < chunks)
        chunks = most;
    for (uint32_t i = 0; i < chunks; i++)
        sum += chunk_nats(w, w->tokens + i * size, size, bos, &scored);
    assert_int_equal(got.chunks, chunks);
    assert_int_equal(got.scored, scored);
    assert_true(fabs(got.nats - sum / scored) < 1e-5);
    assert_true(fabs(got.perplexity / exp(sum / scored) - 1) < 1e-5);
    assert_true(got.error > 0 && got.error < got.perplexity);
}

static void test_against_the_definition(void **state)
{
    (void)state;
    struct world w = {0};
    begin(&w);
    check(&w, 50, 0, -1);
    check(&w, 50, 2, 0);
    check(&w, 131, 0, 5); /* over two batches, with an odd half */
    check(&w, 4, 0, -1);
    check(&w, 0, 0, -1); /* shorter than the default: one chunk */
    check(&w, 5000, 0, 1);
    end(&w);
}

static void test_limits(void **state)
{
    (void)state;
    struct world w = {0};
    struct engine_perplexity got;
    struct base_error detail = {0};
    uint32_t seen = 0;
    begin(&w);
    struct engine_perplexity_options options = {.context = 40, .threads = 1, .bos = -1};
    assert_int_equal(engine_perplexity(w.model, w.tokens, 3, &options, NULL, NULL, &got, &detail),
                     BASE_ERR_BAD_VALUE);
    assert_int_equal(
        engine_perplexity(w.model, w.tokens, TOKENS, &options, count_chunks, &seen, &got, &detail),
        BASE_ERR_CANCELLED);
    assert_int_equal(seen, TOKENS / 40);
    options.context = 3;
    assert_int_equal(
        engine_perplexity(w.model, w.tokens, TOKENS, &options, NULL, NULL, &got, &detail),
        BASE_ERR_BAD_VALUE);
    options = (struct engine_perplexity_options){.bos = -1};
    w.tokens[7] = VOCAB;
    assert_int_equal(
        engine_perplexity(w.model, w.tokens, TOKENS, &options, NULL, NULL, &got, &detail),
        BASE_ERR_BAD_VALUE);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_definition),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
