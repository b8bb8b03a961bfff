/* Embeddings of tiny random models, on every kernel path, against the plain reference. */
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

#define VOCAB 61
#define TOKENS 70 /* three pages of the cache */
#define EMBD 60

#define SMALL .n_vocab = VOCAB, .n_embd = EMBD, .n_layer = 2, .n_ff = 75
#define ENCODER SMALL, .encoder = true, .layer_norm = true, .context = TOKENS
#define BERT                                                                                       \
    .arch = "bert", ENCODER, .positions = true, .plain_mlp = true, .mlp_biases = true,             \
    .biases = true

static const struct tiny_model models[] = {
    {BERT, .n_head = 6, .n_head_kv = 6, .head_dim = 10, .token_types = 2, .pooling = 2, .seed = 1},
    {BERT, .n_head = 3, .n_head_kv = 3, .head_dim = 20, .fused_qkv = true, .type = 1, .seed = 2},
    {.arch = "nomic-bert",
     ENCODER,
     .n_head = 6,
     .n_head_kv = 6,
     .head_dim = 10,
     .token_types = 2,
     .pooling = 1,
     .rope_base = 1000,
     .seed = 3},
    {.arch = "nomic-bert",
     ENCODER,
     .n_head = 6,
     .n_head_kv = 2,
     .head_dim = 10,
     .fused_qkv = true,
     .rope_linear = 2,
     .seed = 4},
    {.arch = "qwen3",
     SMALL,
     .n_head = 6,
     .n_head_kv = 2,
     .head_dim = 10,
     .qk_norm = true,
     .pooling = 3,
     .seed = 5},
    {.arch = "gemma2",
     SMALL,
     .n_head = 6,
     .n_head_kv = 2,
     .head_dim = 10,
     .post_norms = true,
     .tied = true,
     .window = 20,
     .seed = 6},
};

static void some_tokens(uint32_t *tokens, size_t count)
{
    uint64_t seed = 5;
    for (size_t i = 0; i < count; i++)
        tokens[i] = (uint32_t)(tiny_random(&seed) % VOCAB);
}

/* The vector that `pooling` makes of the hidden states, of length 1 if `unit`. */
static void pooled(const double *hidden, size_t count, enum engine_pooling pooling, bool unit,
                   double *out)
{
    double squares = 0;
    for (size_t i = 0; i < EMBD; i++) {
        out[i] = hidden[(pooling == ENGINE_POOLING_LAST ? count - 1 : 0) * EMBD + i];
        for (size_t t = 1; pooling == ENGINE_POOLING_MEAN && t < count; t++)
            out[i] += hidden[t * EMBD + i];
        if (pooling == ENGINE_POOLING_MEAN)
            out[i] /= (double)count;
        squares += out[i] * out[i];
    }
    for (size_t i = 0; unit && i < EMBD; i++)
        out[i] /= sqrt(squares);
}

/* What ENGINE_POOLING_MODEL stands for. */
static enum engine_pooling meant(const struct tiny_model *m)
{
    static const enum engine_pooling by_file[] = {ENGINE_POOLING_MODEL, ENGINE_POOLING_MEAN,
                                                  ENGINE_POOLING_FIRST, ENGINE_POOLING_LAST};
    if (m->pooling)
        return by_file[m->pooling];
    return m->encoder ? ENGINE_POOLING_MEAN : ENGINE_POOLING_LAST;
}

static void check_model(const struct tiny_model *m)
{
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct engine_session *session = NULL;
    struct base_error detail = {0};
    /* A decoder takes the text in pieces. */
    const struct engine_session_options options = {.context = TOKENS,
                                                   .sequences = 1,
                                                   .batch = m->encoder ? TOKENS : 32,
                                                   .threads = 2,
                                                   .kv = ENGINE_KV_F32};
    uint32_t tokens[TOKENS];
    some_tokens(tokens, TOKENS);
    struct slice bytes = tiny_model_write(m, &f);
    if (engine_model_open_bytes(bytes, "mem", NULL, &model, &detail) ||
        engine_session_new(model, &options, &session, &detail))
        fail_msg("seed %d: %s", (int)m->seed, detail.message);
    assert_true(engine_model_info(model)->encoder == m->encoder);
    for (size_t count = 1; count <= TOKENS; count += 23) {
        double *hidden = reference_hidden(bytes, tokens, count), wanted[EMBD];
        for (int p = 0; p < ENGINE_POOLING_COUNT; p++) {
            float got[EMBD];
            bool unit = p % 2 == 0;
            enum base_err err =
                engine_embed(session, tokens, count, (enum engine_pooling)p, unit, got, &detail);
            if (err)
                fail_msg("seed %d: %s", (int)m->seed, detail.message);
            pooled(hidden, count, p ? (enum engine_pooling)p : meant(m), unit, wanted);
            double nmse = reference_nmse(got, wanted, EMBD);
            if (!(nmse < 1e-9))
                fail_msg("%s seed %d, %zu tokens, pooling %d: nmse %.2e", m->arch, (int)m->seed,
                         count, p, nmse);
        }
        free(hidden);
    }
    engine_session_free(session);
    engine_model_unref(model);
    tiny_done(&f);
}

static void test_every_path(void **state)
{
    (void)state;
    for (size_t p = 0; engine_cpu_at(p); p++) {
        if (engine_cpu_select(engine_cpu_at(p), NULL)) {
            printf("%s: not on this processor\n", engine_cpu_at(p));
            continue;
        }
        for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
            check_model(&models[i]);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct engine_session *session = NULL;
    struct engine_scheduler *sched = NULL;
    struct base_error detail = {0};
    uint32_t tokens[TOKENS + 1] = {0};
    float out[EMBD];
    struct tiny_model rank = models[0];
    rank.pooling = 4;
    const struct engine_session_options options = {.context = 2 * TOKENS, .batch = TOKENS + 1};
    struct slice bytes = tiny_model_write(&rank, &f);
    assert_int_equal(engine_model_open_bytes(bytes, "mem", NULL, &model, &detail), BASE_OK);
    assert_int_equal(engine_session_new(model, &options, &session, &detail), BASE_OK);
    assert_int_equal(engine_embed(session, tokens, 3, ENGINE_POOLING_MODEL, true, out, &detail),
                     BASE_ERR_UNSUPPORTED);
    assert_non_null(strstr(detail.message, "rank"));
    assert_int_equal(engine_embed(session, tokens, 3, ENGINE_POOLING_COUNT, true, out, &detail),
                     BASE_ERR_BAD_VALUE);
    assert_int_equal(engine_embed(session, tokens, 0, ENGINE_POOLING_MEAN, true, out, &detail),
                     BASE_ERR_BAD_VALUE);
    /* More than there are positions. */
    assert_int_equal(
        engine_embed(session, tokens, TOKENS + 1, ENGINE_POOLING_MEAN, true, out, &detail),
        BASE_ERR_CONTEXT_LENGTH);
    assert_non_null(strstr(detail.message, "71 tokens; embeddings of at most 70"));
    tokens[1] = VOCAB;
    assert_int_equal(engine_embed(session, tokens, 3, ENGINE_POOLING_MEAN, true, out, &detail),
                     BASE_ERR_BAD_VALUE);
    struct engine_batch_item item = {.token = 1, .want_logits = true};
    assert_int_equal(engine_session_step(session, &item, 1, NULL, &detail), BASE_ERR_UNSUPPORTED);
    assert_null(engine_session_logits(session, 0));
    assert_int_equal(engine_scheduler_new(model, NULL, &sched, &detail), BASE_ERR_UNSUPPORTED);
    engine_session_free(session);
    engine_model_unref(model);
    tiny_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_path),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
