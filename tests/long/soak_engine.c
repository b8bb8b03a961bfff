/*
 * Soak of the engine: random requests, good and bad, from several threads at once, on tiny models
 * with random weights and little room; clients that leave, stop, come back. Meant for
 * AddressSanitizer.
 *
 *     soak_engine [--requests N] [--minutes M] [--seed S]     until both are reached; 2000 and 0
 *
 * It fails at once when an event is out of order, an answer is not what it must be, or an error
 * comes that nobody asked for; in the end when memory, threads or open files grew.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/long/soak_measure.h"
#include "tests/long/soak_request.h"
#include "tests/unit/engine/tiny_gguf.h"

enum {
    N_VOCAB = 264,
    MODELS = 3,
    WORKERS = 8,
    ANSWERS_MAX = 4, /* to one request: n */
    KNOWN = 6,       /* requests whose answer is known, per model */
    KNOWN_TOKENS = 8,
    ROUNDS = 20 /* pauses in which memory is looked at */
};

static const char chat_template[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

struct known {
    char prompt[40];
    uint32_t tokens[KNOWN_TOKENS];
};

static struct soaked {
    struct tiny_model shape;
    struct engine_scheduler_options options;
    struct tiny_file file;
    struct engine_model *model;
    struct engine_scheduler *sched;
    struct known known[KNOWN];
} models[MODELS] = {
    {.shape = {.arch = "llama", .n_head = 2, .n_head_kv = 1, .seed = 1},
     .options = {.session = {.context = 3 * SOAK_CONTEXT, .sequences = 5, .batch = 48},
                 .queue_max = 40}},
    {.shape = {.arch = "qwen2", .n_head = 2, .n_head_kv = 2, .seed = 2, .biases = true, .type = 1},
     .options = {.session = {.context = 2 * SOAK_CONTEXT, .sequences = 4, .batch = 32},
                 .queue_max = 3}},
    {.shape = {.arch = "qwen3", .n_head = 2, .n_head_kv = 1, .seed = 3, .qk_norm = true, .type = 8},
     .options = {.session = {.context = 6 * SOAK_CONTEXT, .sequences = 6, .batch = 256},
                 .queue_max = 40}},
};

static struct engine_bias no_specials[N_VOCAB - 256];

static _Noreturn void give_up(const char *what, const char *detail)
{
    fprintf(stderr, "soak_engine: %s: %s\n", what, detail);
    fflush(stderr);
    _Exit(1);
}

/* --- A client --- */

struct client {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct engine_scheduler *sched;
    const struct soak_request *asked;
    uint64_t id;
    struct buffer text;
    uint32_t tokens[2 * SOAK_CONTEXT];
    uint32_t token_count, texts;
    bool started, finished, over, cancelled;
    enum base_err err;
    char message[480];
    enum engine_finish finish;
    struct engine_usage usage;
    uint32_t cancel_at, pause_at; /* this text; 0 = never */
};

static void on_text(struct client *c, const struct engine_event *event)
{
    const struct engine_sampling *sampling = &c->asked->req.sampling;
    if (!c->started || c->finished)
        give_up("text", "before the start or behind the end");
    if (!slice_is_utf8(event->text))
        give_up("text", "not UTF-8");
    if (buffer_add_slice(&c->text, event->text))
        give_up("text", "more than an answer can have");
    if (event->token_count > 0 && (event->logprobs != NULL) != sampling->logprobs)
        give_up("logprobs", "there and not asked for, or the other way round");
    for (size_t i = 0; i < event->token_count; i++) {
        if (c->token_count == 2 * SOAK_CONTEXT || event->tokens[i] >= N_VOCAB)
            give_up("tokens", "too many, or none of the vocabulary");
        c->tokens[c->token_count++] = event->tokens[i];
        if (event->logprobs && !(event->logprobs[i].chosen.logprob <= 1e-4F))
            give_up("logprobs", "above 0");
    }
    c->texts++;
    if (c->texts == c->cancel_at) {
        c->cancelled = true;
        engine_scheduler_cancel(c->sched, event->id);
    }
    if (c->texts == c->pause_at)
        engine_scheduler_pause(c->sched, event->id);
}

static void on_event(void *user, const struct engine_event *event)
{
    struct client *c = user;
    pthread_mutex_lock(&c->lock);
    if (c->over)
        give_up("event", "behind the last one");
    c->usage = event->usage;
    switch (event->type) {
    case ENGINE_EVENT_STARTED:
        if (c->started)
            give_up("event", "started twice");
        c->started = true;
        break;
    case ENGINE_EVENT_TEXT:
        on_text(c, event);
        break;
    case ENGINE_EVENT_FINISHED:
        c->finished = true;
        c->finish = event->finish;
        break;
    case ENGINE_EVENT_DONE:
        if (!c->finished)
            give_up("event", "done, not finished");
        c->over = true;
        break;
    default:
        c->over = true;
        c->err = event->error->code;
        memcpy(c->message, event->error->message, sizeof(c->message));
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void client_init(struct client *c, struct engine_scheduler *sched,
                        const struct soak_request *asked)
{
    memset(c, 0, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    buffer_init(&c->text, 1 << 16);
    c->sched = sched;
    c->asked = asked;
}

static void client_done(struct client *c)
{
    buffer_done(&c->text);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}

/* Until its last event, or until it has given out so many texts. */
static void client_wait(struct client *c, uint32_t texts)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 600;
    pthread_mutex_lock(&c->lock);
    while (!c->over && c->texts < texts)
        if (pthread_cond_timedwait(&c->changed, &c->lock, &end))
            give_up("answer", "none for ten minutes");
    pthread_mutex_unlock(&c->lock);
}

/* --- Is the answer what it must be? --- */

static struct {
    atomic_ulong requests, answers, bad, too_long, full, cancelled, tokens, known;
} counts;

static void check_stop_texts(const struct client *c)
{
    const struct engine_request *req = &c->asked->req;
    for (size_t i = 0; i < req->stop_count; i++)
        if (slice_find(buffer_slice(&c->text), req->stop[i]) != SIZE_MAX)
            give_up("answer", "has a stop text in it");
}

static void check_answer(const struct client *c)
{
    const struct engine_request *req = &c->asked->req;
    if (c->err == BASE_ERR_CANCELLED && c->cancelled)
        return;
    if (c->err == BASE_ERR_OVERLOADED && c->usage.output_tokens == 0 && !c->started) {
        counts.full++; /* gave its place in the queue to another */
        return;
    }
    if (c->err) {
        fprintf(stderr,
                "soak_engine: temperature %g, top_k %d, top_p %g, min_p %g, typical_p %g, "
                "repetition %g, ",
                req->sampling.temperature, req->sampling.top_k, req->sampling.top_p,
                req->sampling.min_p, req->sampling.typical_p, req->sampling.repetition_penalty);
        fprintf(stderr, "bias %zu, grammar %s, said '%.*s'\n", req->sampling.bias_count,
                c->asked->grammar ? c->asked->grammar : "none", SLICE_ARG(buffer_slice(&c->text)));
        give_up("error that nobody asked for", c->message);
    }
    if (req->max_tokens > 0 && c->usage.output_tokens > req->max_tokens)
        give_up("answer", "longer than max_tokens");
    if (c->usage.prompt_tokens + c->usage.output_tokens > SOAK_CONTEXT + 1)
        give_up("answer", "longer than the context");
    if (c->usage.cached_tokens >= c->usage.prompt_tokens)
        give_up("usage", "all of the prompt is cached");
    if (c->finish == ENGINE_FINISH_LENGTH && c->usage.output_tokens != req->max_tokens &&
        !c->usage.context_full)
        give_up("answer", "ends by length, and is shorter");
    check_stop_texts(c);
    if (req->grammar && req->stop_count == 0 && c->finish == ENGINE_FINISH_STOP &&
        !engine_grammar_matches(req->grammar, buffer_slice(&c->text)))
        give_up("answer", "does not fit its grammar");
}

static void check_refused(const struct soak_request *r, enum base_err err, const char *message)
{
    if (err == BASE_ERR_OVERLOADED)
        counts.full++;
    else if (err == BASE_ERR_CONTEXT_LENGTH && r->may_not_fit)
        counts.too_long++;
    else if (r->bad && base_err_info(err)->class == BASE_ERR_CLASS_CLIENT)
        counts.bad++;
    else
        give_up(r->bad ? r->bad : "refused a good request", message);
}

/* --- What clients do --- */

enum behaviour { WAIT, CANCEL_AT_ONCE, CANCEL_LATER, CANCEL_INSIDE, PAUSE, BEHAVIOUR_COUNT };

static bool start(struct client *c, struct soak_request *r)
{
    struct base_error detail = {0};
    enum base_err err = engine_scheduler_submit(c->sched, &r->req,
                                                (struct engine_sink){on_event, c}, &c->id, &detail);
    if (err) {
        check_refused(r, err, detail.message);
        return false;
    }
    if (r->bad)
        give_up("took a bad request", r->bad);
    return true;
}

static void behave(struct client *c, enum behaviour what)
{
    switch (what) {
    case CANCEL_LATER:
    case CANCEL_AT_ONCE:
        client_wait(c, what == CANCEL_LATER ? 1 : 0);
        pthread_mutex_lock(&c->lock);
        c->cancelled = true;
        pthread_mutex_unlock(&c->lock);
        engine_scheduler_cancel(c->sched, c->id);
        break;
    case PAUSE:
        client_wait(c, c->pause_at);
        (void)engine_scheduler_wait_ms(c->sched, 10);
        engine_scheduler_resume(c->sched, c->id);
        break;
    default:
        break;
    }
}

static void ask_one(struct soaked *m, struct client *clients, struct soak_request *r,
                    uint64_t *random)
{
    uint32_t n = soak_below(random, 10) == 0 ? 2 + soak_below(random, ANSWERS_MAX - 1) : 1;
    bool there[ANSWERS_MAX] = {false};
    enum behaviour what[ANSWERS_MAX];
    soak_request_make(r, random, N_VOCAB);
    for (uint32_t i = 0; i < n; i++) {
        struct client *c = &clients[i];
        client_init(c, m->sched, r);
        what[i] =
            soak_below(random, 2) ? WAIT : (enum behaviour)soak_below(random, BEHAVIOUR_COUNT);
        c->cancel_at = what[i] == CANCEL_INSIDE ? 1 + soak_below(random, 4) : 0;
        c->pause_at = what[i] == PAUSE ? 1 + soak_below(random, 2) : 0;
        r->req.sampling.stream = i;
        there[i] = start(c, r);
    }
    for (uint32_t i = 0; i < n; i++)
        if (there[i])
            behave(&clients[i], what[i]);
    for (uint32_t i = 0; i < n; i++) {
        if (there[i]) {
            client_wait(&clients[i], UINT32_MAX);
            check_answer(&clients[i]);
            counts.tokens += clients[i].usage.output_tokens;
            *(clients[i].err ? &counts.cancelled : &counts.answers) += 1;
        }
        client_done(&clients[i]);
        counts.requests++;
    }
    soak_request_done(r);
}

/* --- Requests whose answer is known --- */

static void known_request(struct soak_request *r, const struct known *known)
{
    r->bad = NULL;
    r->may_not_fit = false;
    r->req = (struct engine_request){.prompt = slice_from_str(known->prompt),
                                     .max_tokens = KNOWN_TOKENS,
                                     .sampling = ENGINE_SAMPLING_DEFAULT};
    r->req.sampling.temperature = 0;
    r->req.sampling.bias = no_specials;
    r->req.sampling.bias_count = N_VOCAB - 256;
}

static void ask_known(struct soaked *m, struct client *c, struct soak_request *r, uint64_t *random)
{
    const struct known *known = &m->known[soak_below(random, KNOWN)];
    known_request(r, known);
    r->req.domain = soak_below(random, 3);
    client_init(c, m->sched, r);
    if (start(c, r)) {
        client_wait(c, UINT32_MAX);
        check_answer(c);
        if (!c->err && (c->token_count != KNOWN_TOKENS ||
                        memcmp(c->tokens, known->tokens, sizeof(known->tokens)) != 0))
            give_up("the answer to a known request changed", m->shape.arch);
        counts.known++;
        counts.tokens += c->usage.output_tokens;
    }
    client_done(c);
    counts.requests++;
}

/* A greedy answer in which no token was a close call, so that rounding cannot change it. */
static bool is_clear(const struct client *c)
{
    return c->token_count == KNOWN_TOKENS && !c->err && c->finish == ENGINE_FINISH_LENGTH;
}

static float closest_call;

static void on_known_event(void *user, const struct engine_event *event)
{
    for (size_t i = 0; event->logprobs && i < event->token_count; i++) {
        float gap = event->logprobs[i].top[0].logprob - event->logprobs[i].top[1].logprob;
        closest_call = fminf(closest_call, gap);
    }
    on_event(user, event);
}

static void learn_known(struct soaked *m, struct client *c, struct soak_request *r)
{
    uint64_t random = 77;
    for (size_t i = 0; i < KNOWN;) {
        struct known *known = &m->known[i];
        size_t len = 3 + soak_below(&random, sizeof(known->prompt) - 4);
        for (size_t at = 0; at < len; at++)
            known->prompt[at] = (char)('a' + soak_below(&random, 26));
        known->prompt[len] = '\0';
        known_request(r, known);
        r->req.sampling.logprobs = true;
        r->req.sampling.top_logprobs = 2;
        client_init(c, m->sched, r);
        closest_call = INFINITY;
        struct base_error detail;
        if (engine_scheduler_submit(m->sched, &r->req, (struct engine_sink){on_known_event, c},
                                    &c->id, &detail))
            give_up("a known request", detail.message);
        client_wait(c, UINT32_MAX);
        memcpy(known->tokens, c->tokens, sizeof(known->tokens));
        i += is_clear(c) && closest_call > 0.02F;
        client_done(c);
    }
}

/* --- All of it --- */

/* A scheduler that ends with work in flight. */
static void live_shortly(struct soaked *m, struct client *clients, struct soak_request *requests,
                         uint64_t *random)
{
    struct engine_scheduler *sched;
    struct base_error detail;
    bool there[ANSWERS_MAX];
    if (engine_scheduler_new(m->model, &m->options, &sched, &detail))
        give_up("a scheduler", detail.message);
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        soak_request_make(&requests[i], random, N_VOCAB);
        client_init(&clients[i], sched, &requests[i]);
        there[i] = start(&clients[i], &requests[i]);
        counts.requests++;
    }
    engine_scheduler_free(sched);
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        if (there[i] && !clients[i].over)
            give_up("the end of a scheduler", "a request without its last event");
        if (there[i] && clients[i].err && clients[i].err != BASE_ERR_SHUTTING_DOWN &&
            clients[i].err != BASE_ERR_OVERLOADED)
            give_up("error that nobody asked for", clients[i].message);
        client_done(&clients[i]);
        soak_request_done(&requests[i]);
    }
}

static struct {
    atomic_ulong until; /* requests, of this round */
    uint64_t seed;
} work;

static void *worker(void *user)
{
    uint64_t random = work.seed * 1000003 + (uint64_t)(uintptr_t)user;
    struct client *clients = calloc(ANSWERS_MAX, sizeof(*clients));
    struct soak_request *requests = calloc(ANSWERS_MAX, sizeof(*requests));
    if (!clients || !requests)
        give_up("memory", "none");
    while (counts.requests < work.until) {
        struct soaked *m = &models[soak_below(&random, MODELS)];
        uint32_t which = soak_below(&random, 1000);
        if (which == 0)
            live_shortly(m, clients, requests, &random);
        else if (which < 100)
            ask_known(m, clients, requests, &random);
        else
            ask_one(m, clients, requests, &random);
    }
    free(clients);
    free(requests);
    return NULL;
}

static void run_until(unsigned long requests)
{
    pthread_t threads[WORKERS];
    work.until = requests;
    work.seed++;
    for (size_t i = 0; i < WORKERS; i++)
        if (pthread_create(&threads[i], NULL, worker,
                           (void *)i)) // NOLINT(performance-no-int-to-ptr)
            give_up("threads", "none");
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < MODELS; i++) {
        struct engine_scheduler_stats stats;
        engine_scheduler_stats(models[i].sched, &stats);
        if (stats.running + stats.waiting > 0)
            give_up("the end of a round", "requests are left over");
    }
}

static void open_all(void)
{
    struct client *client = calloc(1, sizeof(*client));
    struct soak_request *request = calloc(1, sizeof(*request));
    if (!client || !request)
        give_up("memory", "none");
    for (uint32_t i = 0; i < N_VOCAB - 256; i++)
        no_specials[i] = (struct engine_bias){256 + i, -100.0F};
    for (size_t i = 0; i < MODELS; i++) {
        struct soaked *m = &models[i];
        struct base_error detail;
        m->shape.n_vocab = N_VOCAB;
        m->shape.n_embd = 32;
        m->shape.n_layer = 2;
        m->shape.head_dim = 16;
        m->shape.n_ff = 64;
        m->shape.context = 1024;
        m->shape.chat_template = chat_template;
        m->options.session.threads = 1 + (uint32_t)i % 2;
        m->options.request_context = SOAK_CONTEXT;
        struct slice bytes = tiny_model_write(&m->shape, &m->file);
        if (engine_model_open_bytes(bytes, m->shape.arch, NULL, &m->model, &detail) ||
            engine_scheduler_new(m->model, &m->options, &m->sched, &detail))
            give_up(m->shape.arch, detail.message);
        learn_known(m, client, request);
    }
    free(client);
    free(request);
}

static void close_all(void)
{
    for (size_t i = 0; i < MODELS; i++) {
        engine_scheduler_free(models[i].sched);
        engine_model_unref(models[i].model);
        tiny_done(&models[i].file);
    }
}

int main(int argc, char **argv)
{
    struct soak_wish wish = {.requests = 2000, .seed = 1};
    if (!soak_wish_parse(&wish, argc, argv))
        return 2;
    work.seed = wish.seed * 100000;
    open_all();
    unsigned long step = wish.requests / ROUNDS > 0 ? wish.requests / ROUNDS : 1;
    int64_t begin = soak_now_ns();
    struct soak_memory first = {0}, last = {0};
    for (unsigned long round = 1; !soak_is_over(&wish, counts.requests, begin); round++) {
        run_until(round * step);
        last = soak_memory_now();
        if (round == ROUNDS / 5) /* by then everything has been used that is kept */
            first = last;
        printf("%8lu requests: %lu answers, %lu cancelled, %lu bad, %lu too long, %lu queue full, "
               "%lu known, %lu tokens; ",
               counts.requests, counts.answers, counts.cancelled, counts.bad, counts.too_long,
               counts.full, counts.known, counts.tokens);
        soak_memory_print(&last, begin);
    }
    bool flat = soak_memory_is_flat(&first, &last);
    close_all();
    return flat ? 0 : 1;
}
