#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/compute/session.h"
#include "tests/unit/engine/tiny_gguf.h"

#define VOCAB 61
#define LENGTH 50

static const struct tiny_model shapes[] = {
    {.arch = "llama",
     .n_vocab = VOCAB,
     .n_embd = 64,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 16,
     .n_ff = 96,
     .type = 8,
     .seed = 5},
    {.arch = "qwen3",
     .n_vocab = VOCAB,
     .n_embd = 36,
     .n_layer = 2,
     .n_head = 3,
     .n_head_kv = 1,
     .head_dim = 12,
     .n_ff = 50,
     .type = 1,
     .qk_norm = true,
     .seed = 6},
    {.arch = "qwen2",
     .n_vocab = VOCAB,
     .n_embd = 42,
     .n_layer = 2,
     .n_head = 3,
     .n_head_kv = 1,
     .head_dim = 14,
     .n_ff = 51,
     .type = 30,
     .biases = true,
     .seed = 7},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

struct fixture {
    struct tiny_file file;
    struct engine_model *model;
    uint32_t tokens[LENGTH];
};

static void fixture_open(struct fixture *f, const struct tiny_model *shape)
{
    uint64_t seed = 4;
    struct base_error detail = {0};
    struct slice bytes = tiny_model_write(shape, &f->file);
    if (engine_model_open_bytes(bytes, "mem", NULL, &f->model, &detail))
        fail_msg("%s", detail.message);
    for (size_t i = 0; i < LENGTH; i++)
        f->tokens[i] = (uint32_t)(tiny_random(&seed) % VOCAB);
}

static void fixture_close(struct fixture *f)
{
    engine_model_unref(f->model);
    tiny_done(&f->file);
}

static struct engine_session *session_of(struct fixture *f, struct engine_session_options options)
{
    struct engine_session *session = NULL;
    struct base_error detail = {0};
    if (engine_session_new(f->model, &options, &session, &detail))
        fail_msg("%s", detail.message);
    return session;
}

static void step(struct engine_session *s, const struct engine_batch_item *items, size_t count)
{
    struct base_error detail = {0};
    if (engine_session_step(s, items, count, NULL, &detail))
        fail_msg("%s", detail.message);
}

/* One token at a time, logits of each. */
static void feed(struct engine_session *s, uint32_t sequence, const uint32_t *tokens, size_t count,
                 float *logits)
{
    for (size_t i = 0; i < count; i++) {
        struct engine_batch_item item = {sequence, tokens[i], true, NULL};
        step(s, &item, 1);
        memcpy(logits + i * VOCAB, engine_session_logits(s, 0), VOCAB * sizeof(float));
    }
}

static void same(const float *a, const float *b, size_t rows)
{
    for (size_t i = 0; i < rows * VOCAB; i++) {
        if (a[i] != b[i])
            fail_msg("row %zu, token %zu: %.9g is not %.9g", i / VOCAB, i % VOCAB, (double)a[i],
                     (double)b[i]);
    }
}

/* The results are the same to the last bit, however the tokens are cut into steps. */
static void check_batches(const struct tiny_model *shape, enum engine_kv kv)
{
    struct fixture f;
    float alone[LENGTH * VOCAB];
    fixture_open(&f, shape);
    struct engine_session *s = session_of(
        &f, (struct engine_session_options){.batch = 32, .outputs = 32, .kv = kv, .threads = 2});
    feed(s, 0, f.tokens, LENGTH, alone);
    const size_t cuts[] = {2, 3, 5, 17, 32};
    for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
        engine_session_trim(s, 0, 0);
        for (size_t at = 0; at < LENGTH;) {
            struct engine_batch_item items[32];
            size_t n = LENGTH - at < cuts[c] ? LENGTH - at : cuts[c];
            for (size_t i = 0; i < n; i++)
                items[i] = (struct engine_batch_item){0, f.tokens[at + i], true, NULL};
            step(s, items, n);
            same(engine_session_logits(s, 0), alone + at * VOCAB, n);
            at += n;
        }
    }
    engine_session_free(s);
    fixture_close(&f);
}

static void test_batches_change_nothing(void **state)
{
    (void)state;
    for (size_t p = 0; engine_cpu_at(p); p++) {
        if (engine_cpu_select(engine_cpu_at(p), NULL))
            continue;
        for (size_t i = 0; i < SHAPES; i++) {
            check_batches(&shapes[i], ENGINE_KV_F16);
            check_batches(&shapes[i], ENGINE_KV_F32);
            check_batches(&shapes[i], ENGINE_KV_Q8_0);
        }
    }
    assert_int_equal(engine_cpu_select(NULL, NULL), BASE_OK);
}

static const struct tiny_model windowed = {.arch = "gemma2",
                                           .n_vocab = VOCAB,
                                           .n_embd = 32,
                                           .n_layer = 4,
                                           .n_head = 2,
                                           .n_head_kv = 1,
                                           .head_dim = 16,
                                           .n_ff = 48,
                                           .context = 1024,
                                           .post_norms = true,
                                           .tied = true,
                                           .window = 40,
                                           .seed = 9};

static const struct tiny_model experts = {.arch = "llama",
                                          .n_vocab = VOCAB,
                                          .n_embd = 64,
                                          .n_layer = 2,
                                          .n_head = 4,
                                          .n_head_kv = 2,
                                          .head_dim = 16,
                                          .n_ff = 96,
                                          .n_expert = 5,
                                          .n_expert_used = 2,
                                          .type = 8,
                                          .seed = 9};

/* Three sequences of different content and length, mixed in one step, against each alone. The
 * logits of `wanted` in 4 tokens are asked for: what the others leave out changes nothing. */
static void check_mix(const struct tiny_model *shape, uint64_t wanted)
{
    struct fixture f;
    static float alone[3][LENGTH * VOCAB];
    const uint32_t from[3] = {0, 7, 20}, length[3] = {30, 12, 25};
    fixture_open(&f, shape);
    struct engine_session *s =
        session_of(&f, (struct engine_session_options){.sequences = 3, .batch = 64, .outputs = 64});
    for (uint32_t q = 0; q < 3; q++) {
        feed(s, 2, f.tokens + from[q], length[q], alone[q]);
        engine_session_trim(s, 2, 0);
    }
    uint32_t at[3] = {0};
    uint64_t seed = 8;
    while (at[0] < length[0] || at[1] < length[1] || at[2] < length[2]) {
        struct engine_batch_item items[64];
        uint32_t place[64];
        size_t n = 0, most = 1 + tiny_random(&seed) % 40, row = 0;
        for (size_t tries = 0; tries < most; tries++) {
            uint32_t q = (uint32_t)(tiny_random(&seed) % 3);
            if (at[q] == length[q])
                continue;
            bool want = tiny_random(&seed) % 4 < wanted;
            place[n] = at[q];
            items[n++] = (struct engine_batch_item){q, f.tokens[from[q] + at[q]], want, NULL};
            at[q]++;
        }
        if (n > 0)
            step(s, items, n);
        for (size_t i = 0; i < n; i++) {
            if (items[i].want_logits)
                same(engine_session_logits(s, row++),
                     alone[items[i].sequence] + (size_t)place[i] * VOCAB, 1);
        }
        assert_null(engine_session_logits(s, row));
    }
    assert_int_equal(engine_session_length(s, 1), length[1]);
    engine_session_free(s);
    fixture_close(&f);
}

static void test_sequences_do_not_mix(void **state)
{
    (void)state;
    for (uint64_t wanted = 1; wanted <= 4; wanted++) {
        check_mix(&shapes[0], wanted);
        check_mix(&shapes[1], wanted);
        check_mix(&experts, wanted);
        check_mix(&windowed, wanted);
    }
}

/* Many experts of a few columns, each with an input of its own: what is left of a cache line behind
 * each adds up to more than the inputs. Beside a session with room for many tokens. */
static void test_narrow_experts(void **state)
{
    (void)state;
    struct tiny_model shape = experts;
    const uint32_t types[] = {0, 1, 30};
    static float small[LENGTH * VOCAB], large[LENGTH * VOCAB];
    struct fixture f;
    shape.n_embd = shape.n_ff = 4;
    shape.head_dim = shape.n_head = 2;
    shape.n_head_kv = 1;
    shape.n_expert = shape.n_expert_used = 64;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        shape.type = types[i];
        fixture_open(&f, &shape);
        struct engine_session *s = session_of(
            &f, (struct engine_session_options){.sequences = 1, .batch = 1, .outputs = 1});
        feed(s, 0, f.tokens, LENGTH, small);
        engine_session_free(s);
        s = session_of(&f, (struct engine_session_options){.sequences = 1, .batch = 32});
        feed(s, 0, f.tokens, LENGTH, large);
        engine_session_free(s);
        same(small, large, LENGTH);
        fixture_close(&f);
    }
}

/* A copy goes its own way, and so does its source; lengths on both sides of a page's border. */
static void test_copies_and_trims(void **state)
{
    (void)state;
    struct fixture f;
    static float a[LENGTH * VOCAB], b[LENGTH * VOCAB], logits[LENGTH * VOCAB];
    uint32_t other[LENGTH];
    fixture_open(&f, &shapes[0]);
    struct engine_session *s = session_of(&f, (struct engine_session_options){.sequences = 3});
    uint32_t page = engine_session_page(s);
    assert_int_equal(page, 32);
    feed(s, 0, f.tokens, LENGTH, a);
    const uint32_t lengths[] = {1, 31, 32, 33, 40};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint32_t n = lengths[i];
        memcpy(other, f.tokens, sizeof(other));
        for (uint32_t t = n; t < LENGTH; t++)
            other[t] = (other[t] + 1) % VOCAB;
        engine_session_trim(s, 1, 0);
        feed(s, 1, other, LENGTH, b); /* all of it computed */
        assert_int_equal(engine_session_copy(s, 0, 2, n), BASE_OK);
        assert_int_equal(engine_session_length(s, 2), n);
        engine_session_trim(s, 0, n); /* both now end in a page they share */
        feed(s, 2, other + n, LENGTH - n, logits);
        same(logits, b + (size_t)n * VOCAB, LENGTH - n);
        feed(s, 0, f.tokens + n, LENGTH - n, logits);
        same(logits, a + (size_t)n * VOCAB, LENGTH - n);
        engine_session_trim(s, 2, n - 1);
        feed(s, 2, other + n - 1, 1, logits);
        same(logits, b + (size_t)(n - 1) * VOCAB, 1);
        engine_session_trim(s, 2, 0);
    }
    assert_int_equal(engine_session_copy(s, 0, 1, LENGTH + 1), BASE_ERR_BAD_VALUE);
    assert_int_equal(engine_session_copy(s, 0, 3, 1), BASE_ERR_BAD_VALUE);
    assert_int_equal(engine_session_copy(s, 3, 0, 0), BASE_ERR_BAD_VALUE);
    engine_session_free(s);
    fixture_close(&f);
}

static enum base_err try_step(struct engine_session *s, uint32_t sequence, uint32_t token,
                              size_t count)
{
    struct engine_batch_item items[64];
    for (size_t i = 0; i < count; i++)
        items[i] = (struct engine_batch_item){sequence, token, false, NULL};
    return engine_session_step(s, items, count, NULL, NULL);
}

static void test_limits(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &shapes[0]);
    struct engine_session *s =
        session_of(&f, (struct engine_session_options){.context = 64, .sequences = 2, .batch = 60});
    assert_int_equal(try_step(s, 0, 0, 0), BASE_ERR_BAD_VALUE);
    assert_int_equal(try_step(s, 0, 0, 61), BASE_ERR_BAD_VALUE);
    assert_int_equal(try_step(s, 2, 0, 1), BASE_ERR_BAD_VALUE);
    assert_int_equal(try_step(s, 0, VOCAB, 1), BASE_ERR_BAD_VALUE);
    assert_null(engine_session_logits(s, 0));
    assert_int_equal(engine_session_room(s, 0), 64);
    assert_int_equal(engine_session_room(s, 2), 0);
    assert_int_equal(try_step(s, 0, 0, 60), BASE_OK);
    assert_null(engine_session_logits(s, 0));
    assert_int_equal(engine_session_room(s, 0), 4);
    assert_int_equal(engine_session_room(s, 1), 64); /* 4 pages in all, 2 taken */
    assert_int_equal(try_step(s, 0, 0, 5), BASE_ERR_CONTEXT_LENGTH);
    assert_int_equal(engine_session_length(s, 0), 60);
    assert_int_equal(try_step(s, 0, 0, 4), BASE_OK);
    assert_int_equal(try_step(s, 1, 0, 60), BASE_OK);
    assert_int_equal(engine_session_room(s, 1), 4);
    engine_session_trim(s, 0, 0);
    assert_int_equal(engine_session_room(s, 0), 64);
    const struct engine_batch_item rows[3] = {
        {0, 1, true, NULL}, {0, 2, true, NULL}, {0, 3, true, NULL}}; /* outputs = sequences = 2 */
    assert_int_equal(engine_session_step(s, rows, 3, NULL, NULL), BASE_ERR_BAD_VALUE);
    assert_int_equal(engine_session_step(s, rows, 2, NULL, NULL), BASE_OK);
    assert_non_null(engine_session_logits(s, 1));
    assert_null(engine_session_logits(s, 2));
    engine_session_free(s);
    fixture_close(&f);
}

/* Three sequences that share pages can need more than there are when each goes its own way. */
static void test_full_cache(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &shapes[0]);
    struct engine_session *s =
        session_of(&f, (struct engine_session_options){.context = 64, .sequences = 4, .batch = 64});
    assert_int_equal(try_step(s, 0, 1, 63), BASE_OK); /* 2 of 6 pages */
    assert_int_equal(engine_session_copy(s, 0, 1, 63), BASE_OK);
    assert_int_equal(engine_session_room(s, 1), 1);
    assert_int_equal(try_step(s, 2, 1, 64), BASE_OK);
    assert_int_equal(try_step(s, 3, 1, 64), BASE_OK); /* 6 of 6 */
    assert_int_equal(engine_session_room(s, 1), 0);
    assert_int_equal(try_step(s, 1, 1, 1), BASE_ERR_LIMIT);
    assert_int_equal(engine_session_length(s, 1), 63);
    assert_int_equal(try_step(s, 0, 1, 1), BASE_ERR_LIMIT); /* shared with 1 as well */
    engine_session_trim(s, 1, 0);
    assert_int_equal(engine_session_room(s, 0), 1);
    assert_int_equal(try_step(s, 0, 1, 1), BASE_OK);
    engine_session_free(s);
    fixture_close(&f);
}

static void test_cancel_takes_everything_back(void **state)
{
    (void)state;
    struct fixture f;
    static float whole[LENGTH * VOCAB], after[LENGTH * VOCAB];
    atomic_bool cancel = true;
    struct base_error detail = {0};
    fixture_open(&f, &shapes[0]);
    struct engine_session *s = session_of(&f, (struct engine_session_options){.sequences = 2});
    feed(s, 0, f.tokens, LENGTH, whole);
    engine_session_trim(s, 0, 30);
    struct engine_batch_item items[8];
    for (size_t i = 0; i < 8; i++)
        items[i] = (struct engine_batch_item){(uint32_t)(i % 2), 3, i < 2, NULL};
    assert_int_equal(engine_session_step(s, items, 8, &cancel, &detail), BASE_ERR_CANCELLED);
    assert_int_equal(engine_session_length(s, 0), 30);
    assert_int_equal(engine_session_length(s, 1), 0);
    assert_null(engine_session_logits(s, 0));
    feed(s, 0, f.tokens + 30, LENGTH - 30, after);
    same(after, whole + (size_t)30 * VOCAB, LENGTH - 30);
    engine_session_free(s);
    fixture_close(&f);
}

static void test_options(void **state)
{
    (void)state;
    struct fixture f;
    struct engine_session *s = NULL;
    struct base_error detail = {0};
    fixture_open(&f, &shapes[0]);
    const struct engine_session_options wrong[] = {
        {.context = UINT32_MAX}, {.sequences = 5000},   {.batch = 1U << 20},
        {.threads = 5000},       {.outputs = 1U << 20}, {.kv = (enum engine_kv)7}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(engine_session_new(f.model, &wrong[i], &s, &detail), BASE_ERR_BAD_VALUE);
    assert_null(s);
    s = session_of(&f, (struct engine_session_options){.context = 0});
    assert_int_equal(engine_session_context(s), 512);
    assert_int_equal(engine_session_sequences(s), 4);
    assert_int_equal(engine_session_batch(s), 256);
    assert_ptr_equal(engine_session_model(s), f.model);
    engine_session_free(s);
    fixture_close(&f);
}

static void test_shared_pool(void **state)
{
    (void)state;
    struct fixture f;
    static float a[LENGTH * VOCAB], b[LENGTH * VOCAB];
    struct engine_pool *pool = NULL;
    fixture_open(&f, &shapes[1]);
    assert_int_equal(engine_pool_new(4, &pool, NULL), BASE_OK);
    assert_int_equal(engine_pool_threads(pool), 4);
    struct engine_session *s = session_of(&f, (struct engine_session_options){.pool = pool});
    struct engine_session *t = session_of(&f, (struct engine_session_options){.threads = 1});
    feed(s, 0, f.tokens, LENGTH, a);
    feed(t, 1, f.tokens, LENGTH, b);
    same(a, b, LENGTH);
    engine_session_free(s);
    engine_session_free(t);
    engine_pool_free(pool);
    fixture_close(&f);
}

static void test_bench_measures(void **state)
{
    (void)state;
    struct fixture f;
    struct engine_bench_result result = {0};
    fixture_open(&f, &shapes[0]);
    struct engine_bench_options options = {
        .prompt_tokens = 20, .gen_tokens = 5, .threads = 1, .runs = 3};
    assert_int_equal(engine_bench(f.model, &options, &result, NULL), BASE_OK);
    assert_true(result.pp_tokens_per_s > 0 && result.tg_tokens_per_s > 0);
    assert_int_equal(result.threads, 1);
    assert_int_equal(result.runs, 3);
    options.gen_tokens = 0;
    assert_int_equal(engine_bench(f.model, &options, &result, NULL), BASE_OK);
    assert_true(result.tg_tokens_per_s == 0);
    options.runs = UINT32_MAX;
    assert_int_equal(engine_bench(f.model, &options, &result, NULL), BASE_ERR_BAD_VALUE);
    fixture_close(&f);
}

/* --- Sliding windows: what lies behind them goes when the room is needed --- */

enum { LONG = 300, STEP = 8 };

/* In steps of STEP, each token's logits. */
static void feed_steps(struct engine_session *s, uint32_t sequence, const uint32_t *tokens,
                       size_t count, float *logits)
{
    for (size_t i = 0; i < count; i += STEP) {
        struct engine_batch_item items[STEP];
        size_t n = count - i < STEP ? count - i : STEP;
        for (size_t k = 0; k < n; k++)
            items[k] = (struct engine_batch_item){sequence, tokens[i + k], true, NULL};
        step(s, items, n);
        for (size_t k = 0; k < n; k++)
            memcpy(logits + (i + k) * VOCAB, engine_session_logits(s, k), VOCAB * sizeof(float));
    }
}

static void test_windows(void **state)
{
    (void)state;
    struct fixture f;
    static float want[LONG * VOCAB], got[LONG * VOCAB];
    static uint32_t tokens[LONG];
    uint64_t seed = 17;
    for (size_t i = 0; i < LONG; i++)
        tokens[i] = (uint32_t)(tiny_random(&seed) % VOCAB);
    fixture_open(&f, &windowed);
    /* So large a step that windows have no pages of their own. */
    struct engine_session *whole = session_of(
        &f, (struct engine_session_options){.context = LONG, .sequences = 1, .batch = 512});
    feed(whole, 0, tokens, LONG, want);
    assert_true(engine_session_keeps(whole, 0, 1));
    engine_session_free(whole);
    struct engine_session *s =
        session_of(&f, (struct engine_session_options){
                           .context = 3 * LONG, .sequences = 3, .batch = STEP, .outputs = STEP});
    assert_int_equal(s->kv.bank_count, 2);
    assert_true(s->kv.banks[1].page_count * 2 < s->kv.banks[0].page_count);
    for (uint32_t q = 0; q < 3; q++) {
        feed_steps(s, q, tokens, LONG, got);
        same(got, want, LONG);
    }
    /* By a step it can always be cut back; to the beginning only while that is still there. */
    engine_session_trim(s, 0, LONG - STEP);
    assert_int_equal(engine_session_length(s, 0), LONG - STEP);
    feed_steps(s, 0, tokens + LONG - STEP, STEP, got);
    same(got, want + (size_t)(LONG - STEP) * VOCAB, STEP);
    assert_false(engine_session_keeps(s, 0, 20));
    assert_int_equal(engine_session_copy(s, 0, 1, 20), BASE_ERR_LIMIT);
    assert_int_equal(engine_session_length(s, 1), LONG);
    assert_int_equal(engine_session_copy(s, 0, 1, LONG - 3), BASE_OK);
    feed_steps(s, 1, tokens + LONG - 3, 3, got); /* the page that they share is copied */
    same(got, want + (size_t)(LONG - 3) * VOCAB, 3);
    engine_session_trim(s, 0, 20);
    assert_int_equal(engine_session_length(s, 0), 0);
    feed_steps(s, 0, tokens, LONG, got);
    same(got, want, LONG);
    for (uint32_t q = 0; q < 3; q++)
        engine_session_trim(s, q, 0);
    for (uint32_t b = 0; b < 2; b++)
        assert_int_equal(s->kv.banks[b].free_count, s->kv.banks[b].page_count);
    engine_session_free(s);
    /* The estimate knows. */
    struct engine_memory with, without;
    struct tiny_file file;
    struct tiny_model plain = windowed;
    struct engine_model *model;
    plain.window = 1 << 20;
    assert_int_equal(
        engine_model_open_bytes(tiny_model_write(&plain, &file), "mem", NULL, &model, NULL),
        BASE_OK);
    with.kv = engine_kv_bytes(&f.model->hp, ENGINE_KV_F16, 4096, 4, 64);
    without.kv = engine_kv_bytes(&model->hp, ENGINE_KV_F16, 4096, 4, 64);
    assert_true(with.kv < without.kv * 3 / 5);
    engine_model_unref(model);
    tiny_done(&file);
    fixture_close(&f);
}

static void test_cpu_names(void **state)
{
    (void)state;
    struct base_error detail = {0};
    assert_int_equal(engine_cpu_select("sse9", &detail), BASE_ERR_BAD_VALUE);
    assert_non_null(strstr(detail.message, "portable"));
    assert_int_equal(engine_cpu_select("portable", NULL), BASE_OK);
    assert_string_equal(engine_cpu_name(), "portable");
    assert_int_equal(engine_cpu_select("auto", NULL), BASE_OK);
    const char *best = NULL; /* the last one that this processor runs */
    for (size_t i = 0; engine_kernels_at(i); i++)
        best = engine_kernels_supported(engine_kernels_at(i)) ? engine_cpu_at(i) : best;
    assert_string_equal(engine_cpu_name(), best);
#if defined(__x86_64__)
    __builtin_cpu_init();
    assert_int_equal(strcmp(best, "avx512_bf16") == 0,
                     __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_change_nothing),
        cmocka_unit_test(test_sequences_do_not_mix),
        cmocka_unit_test(test_narrow_experts),
        cmocka_unit_test(test_copies_and_trims),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_full_cache),
        cmocka_unit_test(test_cancel_takes_everything_back),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_shared_pool),
        cmocka_unit_test(test_bench_measures),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_cpu_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
