/* Guesses ahead change nothing but the number of steps: answers with prompt lookup and with a draft
 * model, good or bad, against answers without. */
#include <math.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/scheduler/scheduler.h"
#include "tests/unit/engine/tiny_gguf.h"

enum { N_VOCAB = 264, CONTEXT = 256, ANSWER = 60, PROMPTS = 6, KINDS = 7 };

static const struct tiny_model shape = {.arch = "llama",
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
static struct tiny_file files[3];
static struct engine_model *model, *stranger, *other_words; /* stranger: same vocabulary */
static struct engine_grammar *grammar;
static struct engine_bias no_specials[N_VOCAB - 256];

struct answer {
    sem_t over;
    uint32_t tokens[ANSWER + 1];
    float logprobs[ANSWER + 1];
    size_t count;
    enum engine_event_type last;
    enum engine_finish finish;
    struct engine_usage usage;
};

static void on_event(void *user, const struct engine_event *event)
{
    struct answer *a = user;
    for (size_t i = 0; i < event->token_count; i++) {
        a->logprobs[a->count] = event->logprobs ? event->logprobs[i].top[2].logprob : 0;
        a->tokens[a->count++] = event->tokens[i];
    }
    a->usage = event->usage;
    a->last = event->type;
    if (event->type == ENGINE_EVENT_FINISHED)
        a->finish = event->finish;
    if (event->type == ENGINE_EVENT_DONE || event->type == ENGINE_EVENT_ERROR)
        sem_post(&a->over);
}

static struct engine_scheduler *open_scheduler(struct engine_speculation speculation, uint32_t kv,
                                               uint32_t sequences)
{
    struct engine_scheduler *sched = NULL;
    struct base_error detail = {0};
    const struct engine_scheduler_options options = {
        .session = {.context = kv, .sequences = sequences, .threads = 1, .batch = 64},
        .request_context = CONTEXT,
        .speculation = speculation};
    if (engine_scheduler_new(model, &options, &sched, &detail))
        fail_msg("%s", detail.message);
    return sched;
}

/* Greedy; drawn; with penalties; with log-probabilities; held to a grammar; with a stop text; drawn
 * from few. */
static struct engine_request request_of(int prompt, int kind, uint64_t seed)
{
    static const char *const prompts[PROMPTS] = {
        "a",
        "once and once and once and",
        "the cat sat on the mat, the cat",
        "1 2 3 4 5 6 7 8 9",
        "xyxyxyxyxyxyxyxyxyxyxyxyxyxy",
        "a longer text without anything that comes twice in it"};
    static struct slice stop;
    stop = SLICE("e");
    struct engine_request req = {.sampling = ENGINE_SAMPLING_DEFAULT, .max_tokens = ANSWER};
    req.prompt = slice_from_str(prompts[prompt]);
    req.domain = (uint64_t)prompt;
    req.sampling.temperature = kind == 0 || kind == 4 ? 0 : 0.7F;
    req.sampling.seed_given = true;
    req.sampling.seed = seed;
    req.sampling.bias = no_specials;
    req.sampling.bias_count = N_VOCAB - 256;
    if (kind == 2) {
        req.sampling.repetition_penalty = 1.3F;
        req.sampling.frequency_penalty = 0.5F;
    }
    req.sampling.logprobs = kind == 3 || kind == 4;
    req.sampling.top_logprobs = req.sampling.logprobs ? 3 : 0;
    if (kind == 4)
        req.grammar = grammar;
    if (kind == 5) {
        req.stop = &stop;
        req.stop_count = 1;
    }
    req.sampling.top_k = kind == 6 ? 2 : 0;
    return req;
}

static void submit(struct engine_scheduler *sched, const struct engine_request *req,
                   struct answer *a)
{
    uint64_t id;
    struct base_error detail = {0};
    *a = (struct answer){0};
    sem_init(&a->over, 0, 0);
    if (engine_scheduler_submit(sched, req, (struct engine_sink){on_event, a}, &id, &detail))
        fail_msg("%s", detail.message);
}

static void wait_for(struct answer *a)
{
    sem_wait(&a->over);
    assert_int_equal(a->last, ENGINE_EVENT_DONE);
}

static struct answer plain[KINDS][PROMPTS];

static void run_all(struct engine_scheduler *sched, struct answer answers[KINDS][PROMPTS])
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int prompt = 0; prompt < PROMPTS; prompt++) {
            struct engine_request req = request_of(prompt, kind, 5);
            submit(sched, &req, &answers[kind][prompt]);
        }
    for (int kind = 0; kind < KINDS; kind++)
        for (int prompt = 0; prompt < PROMPTS; prompt++)
            wait_for(&answers[kind][prompt]);
}

static void expect_as_plain(struct engine_speculation speculation, uint32_t kv, uint32_t sequences,
                            struct engine_scheduler_stats *ret_stats)
{
    static struct answer answers[KINDS][PROMPTS];
    struct engine_scheduler *sched = open_scheduler(speculation, kv, sequences);
    run_all(sched, answers);
    for (int kind = 0; kind < KINDS; kind++)
        for (int prompt = 0; prompt < PROMPTS; prompt++) {
            const struct answer *a = &plain[kind][prompt], *b = &answers[kind][prompt];
            if (a->count != b->count || a->finish != b->finish ||
                a->usage.output_tokens != b->usage.output_tokens ||
                memcmp(a->tokens, b->tokens, a->count * sizeof(a->tokens[0])) != 0 ||
                memcmp(a->logprobs, b->logprobs, a->count * sizeof(a->logprobs[0])) != 0)
                fail_msg("kind %d, prompt %d: %zu tokens, finish %d; plain %zu, %d", kind, prompt,
                         b->count, b->finish, a->count, a->finish);
        }
    engine_scheduler_stats(sched, ret_stats);
    engine_scheduler_free(sched);
}

static void test_answers_are_the_same(void **state)
{
    (void)state;
    struct engine_scheduler_stats stats;
    struct engine_scheduler *sched =
        open_scheduler((struct engine_speculation){.off = true}, 4 * CONTEXT, 4);
    run_all(sched, plain);
    engine_scheduler_stats(sched, &stats);
    assert_int_equal(stats.guessed_tokens, 0);
    engine_scheduler_free(sched);
    const struct engine_speculation all[] = {
        {.always = true},
        {.always = true, .most = 16},
        {.always = true, .most = 1},
        {.always = true, .draft = model},
        {.always = true, .draft = stranger},
        {.draft = stranger}, /* as it pays, by the clock */
        {0},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        expect_as_plain(all[i], 4 * CONTEXT, 4, &stats);
        printf("guesses: %llu, right: %llu, tokens: %llu\n",
               (unsigned long long)stats.guessed_tokens, (unsigned long long)stats.right_tokens,
               (unsigned long long)stats.output_tokens);
        if (all[i].always)
            assert_true(stats.guessed_tokens > stats.right_tokens && stats.right_tokens > 100);
        expect_as_plain(all[i], CONTEXT, 6, &stats); /* with too little memory for all at once */
    }
}

/* A draft model that is the model itself is right as long as nothing is drawn. */
static void test_good_draft(void **state)
{
    (void)state;
    struct engine_scheduler *sched =
        open_scheduler((struct engine_speculation){.always = true, .draft = model}, 2 * CONTEXT, 2);
    struct engine_scheduler_stats stats;
    struct answer a;
    struct engine_request req = request_of(5, 0, 1);
    submit(sched, &req, &a);
    wait_for(&a);
    engine_scheduler_stats(sched, &stats);
    assert_int_equal(stats.output_tokens, ANSWER);
    assert_true(stats.right_tokens > ANSWER * 3 / 4);
    engine_scheduler_free(sched);
}

/* Paused or cancelled from inside an event, nothing more comes of the guesses that were right;
 * after the pause it goes on as if nothing had been. */
struct stopper {
    struct answer answer;
    struct engine_scheduler *sched;
    size_t stop_at, events_after;
    bool cancel;
    sem_t stopped;
};

static void on_stopper_event(void *user, const struct engine_event *event)
{
    struct stopper *s = user;
    bool was_stopped = s->answer.count >= s->stop_at;
    on_event(&s->answer, event);
    s->events_after += was_stopped && event->type == ENGINE_EVENT_TEXT;
    if (was_stopped || s->answer.count < s->stop_at)
        return;
    if (s->cancel)
        engine_scheduler_cancel(s->sched, event->id);
    else
        engine_scheduler_pause(s->sched, event->id);
    sem_post(&s->stopped);
}

static void test_stops_at_once(void **state)
{
    (void)state;
    struct engine_request req = request_of(5, 0, 1);
    for (size_t at = 2; at < 12; at++) {
        struct stopper s = {.stop_at = at, .cancel = at % 2};
        uint64_t id;
        s.sched = open_scheduler((struct engine_speculation){.always = true, .draft = model},
                                 2 * CONTEXT, 2);
        sem_init(&s.answer.over, 0, 0);
        sem_init(&s.stopped, 0, 0);
        assert_int_equal(engine_scheduler_submit(
                             s.sched, &req, (struct engine_sink){on_stopper_event, &s}, &id, NULL),
                         BASE_OK);
        sem_wait(&s.stopped);
        if (!s.cancel) {
            struct answer other;
            submit(s.sched, &req, &other); /* a whole answer goes by */
            wait_for(&other);
            assert_int_equal(s.events_after, 0);
            engine_scheduler_resume(s.sched, id);
        }
        sem_wait(&s.answer.over);
        assert_int_equal(s.answer.last, s.cancel ? ENGINE_EVENT_ERROR : ENGINE_EVENT_DONE);
        if (s.cancel)
            assert_int_equal(s.events_after, 0);
        else
            assert_memory_equal(s.answer.tokens, plain[0][5].tokens, ANSWER * sizeof(uint32_t));
        engine_scheduler_free(s.sched);
    }
}

static void test_other_vocabulary(void **state)
{
    (void)state;
    struct engine_scheduler *sched = NULL;
    struct base_error detail = {0};
    const struct engine_scheduler_options options = {.speculation = {.draft = other_words}};
    assert_int_equal(engine_scheduler_new(model, &options, &sched, &detail), BASE_ERR_UNSUPPORTED);
    assert_non_null(strstr(detail.message, "vocabulary"));
}

/* --- the distribution ------------------------------------------------------------------------- */

enum { DRAWS = 3200, CELLS = 64, FIRST = 3 };

/* Counts what stands at place FIRST of many answers, by remainder. */
static void draw_many(struct engine_speculation speculation, uint64_t seed, double counts[CELLS])
{
    static struct answer answers[32];
    struct engine_scheduler *sched = open_scheduler(speculation, 8 * CONTEXT, 8);
    for (uint64_t i = 0; i < DRAWS; i += 32) {
        for (uint64_t k = 0; k < 32; k++) {
            struct engine_request req = request_of(1, 6, seed + i + k);
            req.sampling.top_k = 12;
            req.max_tokens = 1 + FIRST;
            submit(sched, &req, &answers[k]);
        }
        for (uint64_t k = 0; k < 32; k++) {
            wait_for(&answers[k]);
            assert_int_equal(answers[k].count, 1 + FIRST);
            counts[answers[k].tokens[FIRST] % CELLS]++; /* one an answer: they are independent */
        }
    }
    engine_scheduler_free(sched);
}

/* Two samples of one distribution: chi-square over the cells, with other seeds for each. */
static double chi_square(const double a[CELLS], const double b[CELLS], int *ret_free)
{
    double sum = 0;
    *ret_free = -1;
    for (int i = 0; i < CELLS; i++) {
        if (a[i] + b[i] < 10)
            continue;
        sum += (a[i] - b[i]) * (a[i] - b[i]) / (a[i] + b[i]);
        ++*ret_free;
    }
    return sum;
}

static void test_distribution(void **state)
{
    (void)state;
    static double without[CELLS], with[CELLS], with_draft[CELLS];
    int degrees;
    draw_many((struct engine_speculation){.off = true}, 1, without);
    draw_many((struct engine_speculation){.always = true}, 1000000, with);
    draw_many((struct engine_speculation){.always = true, .draft = stranger}, 2000000, with_draft);
    const double *others[] = {with, with_draft};
    for (int i = 0; i < 2; i++) {
        double chi = chi_square(without, others[i], &degrees);
        /* Mean `degrees`, variance twice that; the seeds are fixed, so this never flickers. */
        printf("chi-square %.1f, %d degrees of freedom\n", chi, degrees);
        assert_true(degrees >= 10);
        assert_true(chi < degrees + 4 * sqrt(2.0 * degrees));
    }
    /* The test itself tells another distribution. */
    without[0] += 200;
    assert_true(chi_square(without, with, &degrees) > degrees + 4 * sqrt(2.0 * degrees));
}

/* --- the parts -------------------------------------------------------------------------------- */

static void test_lookup(void **state)
{
    (void)state;
    uint32_t out[ENGINE_DRAFT_MAX];
    const uint32_t text[] = {1, 2, 3, 4, 5, 6, 1, 2, 3};
    assert_int_equal(engine_draft_lookup(text, 9, 4, out), 4);
    assert_memory_equal(out, ((uint32_t[]){4, 5, 6, 1}), 16);
    /* The longest match, not the latest. */
    const uint32_t longest[] = {7, 1, 2, 3, 8, 2, 3, 9, 1, 2, 3};
    assert_int_equal(engine_draft_lookup(longest, 11, 2, out), 2);
    assert_memory_equal(out, ((uint32_t[]){8, 2}), 8);
    /* What repeats itself goes on. */
    const uint32_t again[] = {5, 6, 7, 5, 6, 7, 5};
    assert_int_equal(engine_draft_lookup(again, 7, 8, out), 8);
    assert_memory_equal(out, ((uint32_t[]){6, 7, 5, 6, 7, 5, 6, 7}), 32);
    const uint32_t same[] = {4, 4, 4};
    assert_int_equal(engine_draft_lookup(same, 3, 3, out), 3);
    assert_memory_equal(out, ((uint32_t[]){4, 4, 4}), 12);
    const uint32_t none[] = {1, 2, 3, 4, 1};
    assert_int_equal(engine_draft_lookup(none, 5, 4, out), 0); /* one token is too little */
    assert_int_equal(engine_draft_lookup(none, 1, 4, out), 0);
    assert_int_equal(engine_draft_lookup(none, 0, 4, out), 0);
}

static void learn(struct engine_draft_costs *costs, double a, double b)
{
    for (int i = 0; i < 200; i++)
        engine_draft_learn_step(costs, 1 + (size_t)(i % 5), a + b * (1 + i % 5));
}

static void test_whether_it_pays(void **state)
{
    (void)state;
    struct engine_scheduler sched = {.draft_max = 8};
    struct engine_draft_state job;
    engine_draft_reset(&job);
    uint32_t at_first = engine_draft_want(&sched, &job, 1);
    assert_true(at_first >= 1 && at_first < 8); /* a few, to begin with */
    for (int i = 0; i < 100; i++)
        engine_draft_learn_rate(&job, 4, 4);
    learn(&sched.draft_costs, 10e-3, 0.1e-3); /* a token costs next to nothing */
    assert_int_equal(engine_draft_want(&sched, &job, 1), 8);
    assert_int_equal(engine_draft_want(&sched, &job, 4), 8);
    sched.draft_costs = (struct engine_draft_costs){0};
    learn(&sched.draft_costs, 0, 1e-3); /* a step of two takes twice as long */
    assert_int_equal(engine_draft_want(&sched, &job, 4), 0);
    sched.draft_costs = (struct engine_draft_costs){0};
    learn(&sched.draft_costs, 4e-3, 1e-3); /* one alone gains, many wait too long */
    uint32_t alone = engine_draft_want(&sched, &job, 1);
    for (int i = 0; i < 3; i++)
        engine_draft_learn_rate(&job, 0, 4);
    assert_true(alone > engine_draft_want(&sched, &job, 4));
    for (int i = 0; i < 100; i++)
        engine_draft_learn_rate(&job, 0, 4); /* never right: off, but tried now and then */
    uint32_t tries = 0;
    for (int i = 0; i < 320; i++) {
        uint32_t want = engine_draft_want(&sched, &job, 1);
        assert_true(want <= 1);
        tries += want;
    }
    assert_int_equal(tries, 10);
}

/* --- models ----------------------------------------------------------------------------------- */

static struct engine_model *open_model(const struct tiny_model *m, struct tiny_file *f)
{
    struct engine_model *opened = NULL;
    assert_int_equal(engine_model_open_bytes(tiny_model_write(m, f), "tiny", NULL, &opened, NULL),
                     BASE_OK);
    return opened;
}

static int set_up(void **state)
{
    (void)state;
    struct tiny_model m = shape;
    for (uint32_t i = 0; i < N_VOCAB - 256; i++)
        no_specials[i] = (struct engine_bias){256 + i, -100.0F};
    model = open_model(&m, &files[0]);
    m.seed = 12;
    m.n_layer = 1;
    stranger = open_model(&m, &files[1]);
    m.n_vocab = N_VOCAB + 1;
    other_words = open_model(&m, &files[2]);
    return (int)engine_grammar_from_gbnf(SLICE("root ::= ([a-f]+ \" \")+ \".\""), &grammar, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    engine_grammar_unref(grammar);
    engine_model_unref(model);
    engine_model_unref(stranger);
    engine_model_unref(other_words);
    for (size_t i = 0; i < 3; i++)
        tiny_done(&files[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_the_same), cmocka_unit_test(test_good_draft),
        cmocka_unit_test(test_stops_at_once),        cmocka_unit_test(test_other_vocabulary),
        cmocka_unit_test(test_distribution),         cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_whether_it_pays),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
