/*
 * Soak of the engine: random requests, good and bad, from several threads at once, on tiny models
 * with random weights and little room, with adapters, guesses ahead, calls of tools; clients that
 * leave, stop, come back; models that are loaded and unloaded; embeddings. Meant for
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
#include "tests/long/soak_model.h"

enum {
    WORKERS = 8,
    ANSWERS_MAX = 4, /* to one request: n */
    KNOWN = 6,       /* requests whose answer is known, per model */
    KNOWN_TOKENS = 8,
    ROUNDS = 20 /* pauses in which memory is looked at */
};

struct known {
    char prompt[40];
    size_t adapter; /* SOAK_ADAPTERS = none */
    uint32_t tokens[KNOWN_TOKENS];
};

struct known_vector {
    uint32_t tokens[40];
    size_t count;
    float vector[SOAK_EMBD];
};

static struct served {
    struct soak_live live;
    struct known known[KNOWN];
} models[SOAK_MODELS];
static struct known_vector known_vectors[KNOWN];

static struct engine_bias no_specials[SOAK_VOCAB - 256];

static _Noreturn void give_up(const char *what, const char *detail)
{
    soak_give_up(what, detail);
}

/* --- A client --- */

struct client {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct engine_scheduler *sched;
    const struct soak_request *asked;
    uint64_t id;
    struct buffer text;
    struct soak_parts parts; /* of an answer with a form */
    uint32_t tokens[SOAK_TOKENS_MAX];
    uint32_t token_count, texts;
    struct engine_markup markup; /* the model may be gone when the answer is looked at */
    bool opened, started, finished, over, cancelled;
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
    if (c->asked->has_form)
        soak_parts_push(&c->parts, event->text);
    if (event->token_count > 0 && (event->logprobs != NULL) != sampling->logprobs)
        give_up("logprobs", "there and not asked for, or the other way round");
    for (size_t i = 0; i < event->token_count; i++) {
        if (c->token_count == SOAK_TOKENS_MAX || event->tokens[i] >= SOAK_VOCAB)
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
        c->opened = event->text.len > 0;
        if (c->asked->has_form)
            soak_parts_push(&c->parts, event->text);
        break;
    case ENGINE_EVENT_TEXT:
        on_text(c, event);
        break;
    case ENGINE_EVENT_FINISHED:
        c->finished = true;
        c->finish = event->finish;
        if (c->asked->has_form)
            soak_parts_end(&c->parts, event->finish == ENGINE_FINISH_LENGTH);
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
    c->markup = *engine_scheduler_markup(sched);
    c->asked = asked;
    if (asked->has_form)
        soak_parts_init(&c->parts, engine_scheduler_markup(sched), &asked->form);
}

static void client_done(struct client *c)
{
    if (c->asked->has_form)
        soak_parts_done(&c->parts);
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
    atomic_ulong calls, embeddings, loads;
} counts;

static void collect_text(void *user, const struct engine_piece *piece)
{
    if (piece->type == ENGINE_PIECE_TEXT)
        (void)buffer_add_slice(user, piece->text);
}

static void check_no_stop(const struct engine_request *req, struct slice text)
{
    for (size_t i = 0; i < req->stop_count; i++)
        if (slice_find(text, req->stop[i]) != SIZE_MAX)
            give_up("answer", "has a stop text in it");
}

/* In what a model with a template thinks, and in its headers, there may be one: each text between
 * them is looked at. */
static void check_stop_texts(const struct client *c)
{
    const struct engine_request *req = &c->asked->req;
    const struct engine_markup *markup = &c->markup;
    struct slice raw = buffer_slice(&c->text);
    struct engine_answer *answer;
    struct buffer text;
    if (req->stop_count == 0 || !req->messages || !engine_markup_thinks(markup)) {
        check_no_stop(req, raw);
        return;
    }
    buffer_init(&text, SIZE_MAX / 2);
    if (engine_answer_new(markup, &(struct engine_answer_options){0}, &answer, NULL))
        give_up("answer", "no memory to take it apart");
    enum base_err err =
        c->opened ? engine_answer_push(answer, markup->open, collect_text, &text) : BASE_OK;
    for (size_t i = 0; i < raw.len && !err; i++) {
        err = engine_answer_push(answer, slice_sub(raw, i, 1), collect_text, &text);
        if (engine_answer_is_text(answer))
            continue;
        check_no_stop(req, buffer_slice(&text));
        buffer_clear(&text);
    }
    if (err || engine_answer_finish(answer, false, collect_text, &text))
        give_up("answer", "cannot be taken apart");
    check_no_stop(req, buffer_slice(&text));
    engine_answer_free(answer);
    buffer_done(&text);
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
    bool may_roll = req->overflow != ENGINE_OVERFLOW_STOP;
    if (!may_roll && c->usage.prompt_tokens + c->usage.output_tokens > SOAK_CONTEXT + 1)
        give_up("answer", "longer than the context");
    if (may_roll && req->max_tokens == 0 && c->usage.output_tokens > SOAK_CONTEXT)
        give_up("answer", "goes on for too long");
    if (c->usage.cached_tokens >= c->usage.prompt_tokens)
        give_up("usage", "all of the prompt is cached");
    uint32_t most = may_roll && req->max_tokens == 0 ? SOAK_CONTEXT : req->max_tokens;
    if (c->finish == ENGINE_FINISH_LENGTH && c->usage.output_tokens != most &&
        !c->usage.context_full)
        give_up("answer", "ends by length, and is shorter");
    check_stop_texts(c);
    if (!req->grammar || req->stop_count > 0 || c->finish != ENGINE_FINISH_STOP)
        return;
    if (c->asked->has_form) {
        const char *wrong = soak_parts_check(&c->parts, &c->asked->form);
        if (wrong)
            give_up(wrong, "an answer with a form");
        counts.calls += c->parts.calls;
    } else if (!engine_grammar_matches(req->grammar, buffer_slice(&c->text))) {
        give_up("answer", "does not fit its grammar");
    }
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

static void ask_one(struct served *m, struct client *clients, struct soak_request *r,
                    uint64_t *random)
{
    uint32_t n = soak_below(random, 10) == 0 ? 2 + soak_below(random, ANSWERS_MAX - 1) : 1;
    bool there[ANSWERS_MAX] = {false};
    enum behaviour what[ANSWERS_MAX];
    soak_request_make(r, random, &m->live.target);
    for (uint32_t i = 0; i < n; i++) {
        struct client *c = &clients[i];
        client_init(c, m->live.sched, r);
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

static void known_request(struct soak_request *r, const struct served *m, const struct known *known)
{
    r->bad = NULL;
    r->may_not_fit = false;
    r->has_form = false;
    r->req = (struct engine_request){
        .prompt = slice_from_str(known->prompt),
        .adapter = known->adapter < SOAK_ADAPTERS ? m->live.target.adapters[known->adapter] : NULL,
        .max_tokens = KNOWN_TOKENS,
        .sampling = ENGINE_SAMPLING_DEFAULT};
    r->req.sampling.temperature = 0;
    r->req.sampling.bias = no_specials;
    r->req.sampling.bias_count = SOAK_VOCAB - 256;
}

static void ask_known(struct served *m, struct client *c, struct soak_request *r, uint64_t *random)
{
    const struct known *known = &m->known[soak_below(random, KNOWN)];
    known_request(r, m, known);
    r->req.domain = soak_below(random, 3);
    client_init(c, m->live.sched, r);
    if (start(c, r)) {
        client_wait(c, UINT32_MAX);
        check_answer(c);
        if (!c->err && (c->token_count != KNOWN_TOKENS ||
                        memcmp(c->tokens, known->tokens, sizeof(known->tokens)) != 0))
            give_up("the answer to a known request changed", soak_model_name((size_t)(m - models)));
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

static void learn_known(struct served *m, struct client *c, struct soak_request *r)
{
    uint64_t random = 77;
    for (size_t i = 0; i < KNOWN;) {
        struct known *known = &m->known[i];
        size_t len = 3 + soak_below(&random, sizeof(known->prompt) - 4);
        for (size_t at = 0; at < len; at++)
            known->prompt[at] = (char)('a' + soak_below(&random, 26));
        known->prompt[len] = '\0';
        known->adapter = i % (SOAK_ADAPTERS + 1);
        known_request(r, m, known);
        r->req.sampling.logprobs = true;
        r->req.sampling.top_logprobs = 2;
        client_init(c, m->live.sched, r);
        closest_call = INFINITY;
        struct base_error detail;
        if (engine_scheduler_submit(m->live.sched, &r->req, (struct engine_sink){on_known_event, c},
                                    &c->id, &detail))
            give_up("a known request", detail.message);
        client_wait(c, UINT32_MAX);
        memcpy(known->tokens, c->tokens, sizeof(known->tokens));
        i += is_clear(c) && closest_call > 0.02F;
        client_done(c);
    }
}

/* --- All of it --- */

/* A model that is loaded, used and unloaded: with work in flight, or with the model and its
 * adapters given back before. */
static void live_shortly(struct client *clients, struct soak_request *requests, uint64_t *random)
{
    struct served shortly;
    struct soak_live *live = &shortly.live;
    bool there[ANSWERS_MAX], drop = soak_below(random, 2) == 0, finish = soak_below(random, 2) == 0;
    soak_live_open(live, soak_below(random, SOAK_MODELS));
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        soak_request_make(&requests[i], random, &live->target);
        client_init(&clients[i], live->sched, &requests[i]);
        there[i] = start(&clients[i], &requests[i]);
        counts.requests++;
    }
    if (drop)
        soak_live_drop_model(live);
    if (finish && !engine_scheduler_drain(live->sched, 600000))
        give_up("a scheduler", "did not come to its end in ten minutes");
    soak_live_close(live);
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        if (there[i] && !clients[i].over)
            give_up("the end of a scheduler", "a request without its last event");
        if (there[i] && clients[i].err && (finish || clients[i].err != BASE_ERR_SHUTTING_DOWN) &&
            clients[i].err != BASE_ERR_OVERLOADED)
            give_up("error that nobody asked for", clients[i].message);
        client_done(&clients[i]);
        soak_request_done(&requests[i]);
    }
    counts.loads++;
}

/* --- Embeddings --- */

static void learn_vectors(void)
{
    uint64_t random = 78;
    for (size_t i = 0; i < KNOWN; i++) {
        struct known_vector *known = &known_vectors[i];
        known->count = 1 + soak_below(&random, 40);
        for (size_t at = 0; at < known->count; at++)
            known->tokens[at] = soak_below(&random, SOAK_VOCAB);
        soak_embed(i % 2 == 0, known->tokens, known->count, known->vector);
    }
}

static void embed_one(uint64_t *random)
{
    size_t which = soak_below(random, KNOWN);
    const struct known_vector *known = &known_vectors[which];
    float vector[SOAK_EMBD];
    soak_embed(which % 2 == 0, known->tokens, known->count, vector);
    for (size_t i = 0; i < SOAK_EMBD; i++)
        if (!(fabsf(vector[i] - known->vector[i]) < 1e-5F))
            give_up("the embedding of a known text changed", which % 2 ? "encoder" : "chat model");
    counts.embeddings++;
    counts.requests++;
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
        struct served *m = &models[soak_below(&random, SOAK_MODELS)];
        uint32_t which = soak_below(&random, 1000);
        if (which < 2)
            live_shortly(clients, requests, &random);
        else if (which < 10)
            embed_one(&random);
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
    for (size_t i = 0; i < SOAK_MODELS; i++) {
        struct engine_scheduler_stats stats;
        engine_scheduler_stats(models[i].live.sched, &stats);
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
    for (uint32_t i = 0; i < SOAK_VOCAB - 256; i++)
        no_specials[i] = (struct engine_bias){256 + i, -100.0F};
    soak_models_write();
    learn_vectors();
    for (size_t i = 0; i < SOAK_MODELS; i++) {
        soak_live_open(&models[i].live, i);
        learn_known(&models[i], client, request);
    }
    free(client);
    free(request);
}

static void close_all(void)
{
    uint64_t guessed = 0, right = 0;
    for (size_t i = 0; i < SOAK_MODELS; i++) {
        struct engine_scheduler_stats stats;
        engine_scheduler_stats(models[i].live.sched, &stats);
        guessed += stats.guessed_tokens;
        right += stats.right_tokens;
        soak_live_close(&models[i].live);
    }
    soak_models_done();
    printf("%llu tokens guessed ahead, %llu of them right\n", (unsigned long long)guessed,
           (unsigned long long)right);
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
               "%lu known, %lu calls of tools, %lu embeddings, %lu models loaded, %lu tokens; ",
               counts.requests, counts.answers, counts.cancelled, counts.bad, counts.too_long,
               counts.full, counts.known, counts.calls, counts.embeddings, counts.loads,
               counts.tokens);
        soak_memory_print(&last, begin);
    }
    bool flat = soak_memory_is_flat(&first, &last);
    close_all();
    return flat ? 0 : 1;
}
