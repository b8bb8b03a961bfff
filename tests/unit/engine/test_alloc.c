/* Nothing is allocated per token: the allocator is watched on every thread of the engine from the
 * first text of an answer to its last. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/engine/tiny_gguf.h"

/* --- the allocator -------------------------------------------------------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);

static atomic_bool watching;
static atomic_size_t seen;

void *malloc(size_t size)
{
    seen += watching;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    seen += watching;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    seen += watching;
    return __libc_realloc(old, size);
}

/* --- an answer ------------------------------------------------------------------------------ */

enum { N_VOCAB = 264, ANSWER = 400 };

struct client {
    sem_t over;
    size_t texts;
    bool allocates; /* the test's own mistake, to see that it is seen */
    enum engine_event_type last;
    struct engine_usage usage;
};

static void on_event(void *user, const struct engine_event *event)
{
    struct client *c = user;
    c->usage = event->usage;
    c->last = event->type;
    if (event->type == ENGINE_EVENT_TEXT) {
        watching = true;
        if (c->allocates && ++c->texts == 100) {
            void *volatile once = malloc(1); /* clang drops a pair nobody sees */
            free(once);
        }
    } else {
        watching = false;
    }
    if (event->type == ENGINE_EVENT_DONE || event->type == ENGINE_EVENT_ERROR)
        sem_post(&c->over);
}

static size_t allocations(struct engine_scheduler *sched, const struct engine_request *req,
                          bool allocates)
{
    struct client c = {.allocates = allocates};
    uint64_t id;
    sem_init(&c.over, 0, 0);
    seen = 0;
    assert_int_equal(
        engine_scheduler_submit(sched, req, (struct engine_sink){on_event, &c}, &id, NULL),
        BASE_OK);
    sem_wait(&c.over);
    assert_int_equal(c.last, ENGINE_EVENT_DONE);
    assert_int_equal(c.usage.output_tokens, ANSWER);
    return seen;
}

static void check(struct engine_model *model, struct engine_speculation speculation)
{
    struct engine_scheduler *sched = NULL;
    struct engine_bias no_specials[N_VOCAB - 256];
    struct slice stop = SLICE("a text that never comes");
    const struct engine_scheduler_options options = {
        .session = {.context = 1024, .sequences = 2, .threads = 2}, .speculation = speculation};
    assert_int_equal(engine_scheduler_new(model, &options, &sched, NULL), BASE_OK);
    for (uint32_t i = 0; i < N_VOCAB - 256; i++)
        no_specials[i] = (struct engine_bias){256 + i, -100.0F};
    for (int kind = 0; kind < 4; kind++) {
        struct engine_request req = {.sampling = ENGINE_SAMPLING_DEFAULT, .max_tokens = ANSWER};
        req.prompt = SLICE("again and again and again");
        req.sampling.bias = no_specials;
        req.sampling.bias_count = N_VOCAB - 256;
        req.sampling.temperature = kind == 0 ? 0 : 0.8F;
        req.sampling.top_p = kind == 1 ? 0.9F : 1.0F;
        req.sampling.repetition_penalty = kind == 2 ? 1.2F : 1.0F;
        req.sampling.logprobs = kind == 3;
        req.sampling.top_logprobs = kind == 3 ? 20 : 0;
        req.stop = kind == 2 ? &stop : NULL;
        req.stop_count = kind == 2 ? 1 : 0;
        size_t count = allocations(sched, &req, false);
        if (count > 0)
            fail_msg("kind %d: %zu allocations in an answer of %d tokens", kind, count, ANSWER);
        assert_true(allocations(sched, &req, true) > 0);
    }
    engine_scheduler_free(sched);
}

static void test_nothing_per_token(void **state)
{
    (void)state;
    const struct tiny_model shape = {.arch = "llama",
                                     .n_vocab = N_VOCAB,
                                     .n_embd = 32,
                                     .n_layer = 2,
                                     .n_head = 2,
                                     .n_head_kv = 1,
                                     .head_dim = 16,
                                     .n_ff = 48,
                                     .context = 1024,
                                     .seed = 11,
                                     .bytes = true};
    struct tiny_file file;
    struct engine_model *model = NULL;
    assert_int_equal(
        engine_model_open_bytes(tiny_model_write(&shape, &file), "tiny", NULL, &model, NULL),
        BASE_OK);
    check(model, (struct engine_speculation){.off = true});
    check(model, (struct engine_speculation){.always = true});
    check(model, (struct engine_speculation){.always = true, .draft = model});
    engine_model_unref(model);
    tiny_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_per_token)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
