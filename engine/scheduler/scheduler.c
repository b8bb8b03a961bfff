#include "engine/scheduler/scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/core/clock.h"
#include "engine/compute/adapter.h"
#include "engine/model/model.h"
#include "engine/tokenizer/tokenizer.h"

enum {
    QUEUE_DEFAULT = 64,
    QUEUE_MOST = 4096,
    ANSWER_GUESS = 128,
    GUESSES_DEFAULT = 8, /* ahead, for an answer */
    ROWS_MOST = 64       /* of logits in a step, because of guesses */
};

/* --- Making and ending --- */

static struct slice special_text(const struct engine_scheduler *sched, enum engine_special which)
{
    int32_t token = engine_model_vocab(sched->model)->special[which];
    return token < 0 ? SLICE("") : engine_token_bytes(sched->tokenizer, (uint32_t)token, true);
}

static enum base_err load_template(struct engine_scheduler *sched, struct slice jinja,
                                   const char *key, struct engine_template **ret,
                                   struct base_error *reterr)
{
    struct base_error detail = {0};
    enum base_err err = engine_template_new(jinja, special_text(sched, ENGINE_SPECIAL_BOS),
                                            special_text(sched, ENGINE_SPECIAL_EOS), ret, &detail);
    return err ? base_error_set(reterr, err, "%s: %s", key, detail.message) : BASE_OK;
}

static enum base_err load_text_side(struct engine_scheduler *sched, struct base_error *reterr)
{
    enum base_err err = engine_tokenizer_new(sched->model, &sched->tokenizer, reterr);
    const struct engine_vocab *vocab = engine_model_vocab(sched->model);
    bool has_other = !slice_is_absent(vocab->tool_template);
    if (err || slice_is_absent(vocab->chat_template))
        return err;
    err = load_template(sched, vocab->chat_template, "tokenizer.chat_template", &sched->template,
                        reterr);
    if (!err && has_other)
        err = load_template(sched, vocab->tool_template, "tokenizer.chat_template.tool_use",
                            &sched->tool_template, reterr);
    if (err)
        return err;
    engine_markup_detect(vocab->chat_template, &sched->markup);
    if (has_other) {
        struct engine_markup other;
        engine_markup_detect(vocab->tool_template, &other);
        sched->markup.tools = other.tools;
    }
    engine_tokenizer_show(sched->tokenizer, &sched->markup);
    return BASE_OK;
}

static enum base_err take_memory(struct engine_scheduler *sched, struct base_error *reterr)
{
    sched->slot_count = engine_session_sequences(sched->session);
    sched->batch = engine_session_batch(sched->session);
    sched->slots = calloc(sched->slot_count, sizeof(*sched->slots));
    sched->items = calloc(sched->batch, sizeof(*sched->items));
    if (!sched->slots || !sched->items)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a scheduler");
    return BASE_OK;
}

static void release_all(struct engine_scheduler *sched)
{
    for (uint32_t i = 0; sched->slots && i < sched->slot_count; i++)
        engine_tokens_done(&sched->slots[i].held);
    engine_drafter_free(sched->drafter);
    engine_session_free(sched->session);
    engine_template_free(sched->template);
    engine_template_free(sched->tool_template);
    grammar_trie_free(sched->trie);
    free(sched->dry_breaks);
    engine_tokenizer_free(sched->tokenizer);
    engine_model_unref(sched->model);
    pthread_cond_destroy(&sched->wake);
    pthread_cond_destroy(&sched->quiet);
    pthread_mutex_destroy(&sched->lock);
    free(sched->slots);
    free(sched->items);
    free(sched);
}

static void set_limits(struct engine_scheduler *sched,
                       const struct engine_scheduler_options *options)
{
    uint32_t context = engine_session_context(sched->session);
    sched->context = options->request_context && options->request_context < context
                         ? options->request_context
                         : context;
    sched->queue_max = options->queue_max ? options->queue_max : QUEUE_DEFAULT;
    if (sched->queue_max > QUEUE_MOST)
        sched->queue_max = QUEUE_MOST;
    sched->n_vocab = engine_model_info(sched->model)->n_vocab;
    sched->stats.kv_capacity = context;
    sched->answer_tokens = ANSWER_GUESS;
    sched->jobs_tail = &sched->jobs;
}

static void init_locks(struct engine_scheduler *sched)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&sched->lock, NULL);
    pthread_cond_init(&sched->wake, &attr);
    pthread_cond_init(&sched->quiet, &attr);
    pthread_condattr_destroy(&attr);
}

/* With a row of logits for each guess, and the session of the smaller model. */
static enum base_err make_sessions(struct engine_scheduler *sched,
                                   const struct engine_scheduler_options *options,
                                   struct base_error *reterr)
{
    const struct engine_speculation *spec = &options->speculation;
    struct engine_session_options session = options->session;
    if (!session.longest)
        session.longest = options->request_context;
    if (!spec->off)
        sched->draft_max = spec->most == 0                 ? GUESSES_DEFAULT
                           : spec->most < ENGINE_DRAFT_MAX ? spec->most
                                                           : ENGINE_DRAFT_MAX;
    sched->draft_always = spec->always;
    uint32_t sequences = session.sequences ? session.sequences : ENGINE_DEFAULT_SEQUENCES;
    uint32_t batch = session.batch ? session.batch : ENGINE_DEFAULT_BATCH;
    if (session.outputs == 0 && sequences <= batch) {
        uint64_t rows = (uint64_t)sequences * (1 + sched->draft_max);
        session.outputs = rows < batch ? (uint32_t)rows : batch;
        if (session.outputs > ROWS_MOST)
            session.outputs = sequences > ROWS_MOST ? sequences : ROWS_MOST;
    }
    sched->outputs = session.outputs ? session.outputs : sequences;
    enum base_err err = engine_session_new(sched->model, &session, &sched->session, reterr);
    if (err || spec->off || !spec->draft)
        return err;
    return engine_drafter_new(spec->draft, sched->model, &session,
                              engine_session_context(sched->session), sequences, &sched->drafter,
                              reterr);
}

enum base_err engine_scheduler_new(struct engine_model *model,
                                   const struct engine_scheduler_options *options,
                                   struct engine_scheduler **ret_sched, struct base_error *reterr)
{
    static const struct engine_scheduler_options defaults;
    options = options ? options : &defaults;
    if (engine_model_info(model)->encoder)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "the model gives embeddings and cannot answer");
    struct engine_scheduler *sched = calloc(1, sizeof(*sched));
    if (!sched)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a scheduler");
    init_locks(sched);
    sched->model = engine_model_ref(model);
    enum base_err err = load_text_side(sched, reterr);
    if (!err)
        err = make_sessions(sched, options, reterr);
    if (!err)
        err = take_memory(sched, reterr);
    if (!err)
        set_limits(sched, options);
    if (!err && pthread_create(&sched->thread, NULL, engine_scheduler_thread, sched) != 0)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "cannot start the engine's thread");
    if (err) {
        release_all(sched);
        return err;
    }
    *ret_sched = sched;
    return BASE_OK;
}

/* Under the lock. */
static void wake(struct engine_scheduler *sched)
{
    sched->changed = true;
    pthread_cond_signal(&sched->wake);
}

void engine_scheduler_free(struct engine_scheduler *sched)
{
    if (!sched)
        return;
    pthread_mutex_lock(&sched->lock);
    sched->stopping = true;
    atomic_store(&sched->interrupt, true);
    wake(sched);
    pthread_mutex_unlock(&sched->lock);
    pthread_join(sched->thread, NULL);
    release_all(sched);
}

bool engine_scheduler_drain(struct engine_scheduler *sched, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&sched->lock);
    sched->draining = true;
    while (sched->jobs && pthread_cond_timedwait(&sched->quiet, &sched->lock, &until) != ETIMEDOUT)
        ;
    bool quiet = sched->jobs == NULL;
    pthread_mutex_unlock(&sched->lock);
    return quiet;
}

/* --- Submitting --- */

/* Milliseconds until the first token, for a job behind all that are there. Under the lock. */
static int64_t predict_ms(const struct engine_scheduler *sched, uint64_t prompt_tokens)
{
    const struct engine_scheduler_stats *stats = &sched->stats;
    uint64_t unread = prompt_tokens;
    for (const struct engine_job *job = sched->jobs; job; job = job->next)
        if (!job->started)
            unread += job->prompt_count;
    double ms = 0;
    if (stats->prompt_tokens_per_s > 0)
        ms += (double)unread / stats->prompt_tokens_per_s * 1000;
    /* With all places taken, so many answers must end before; they end evenly spread. */
    uint32_t ahead = sched->running + sched->waiting;
    if (ahead >= sched->slot_count && stats->output_tokens_per_s > 0) {
        double answers = (double)(ahead - sched->slot_count + 1);
        ms += answers * sched->answer_tokens / stats->output_tokens_per_s * 1000;
    }
    return ms > 1e12 ? (int64_t)1e12 : (int64_t)ms;
}

/* Which tokens hold one of the texts; to be freed. NULL: no memory. */
static uint8_t *find_breaks(const struct engine_scheduler *sched, const struct slice *texts,
                            size_t count)
{
    uint8_t *breaks = calloc(sched->n_vocab, 1);
    for (uint32_t token = 0; breaks && token < sched->n_vocab; token++) {
        struct slice bytes = engine_token_bytes(sched->tokenizer, token, false);
        for (size_t i = 0; i < count && !breaks[token]; i++)
            breaks[token] = slice_find(bytes, texts[i]) != SIZE_MAX;
    }
    return breaks;
}

/* Those that DRY is used with everywhere; made once. */
static const uint8_t *usual_breaks(struct engine_scheduler *sched)
{
    static const struct slice usual[] = {SLICE_INIT("\n"), SLICE_INIT(":"), SLICE_INIT("\""),
                                         SLICE_INIT("*")};
    pthread_mutex_lock(&sched->lock);
    if (!sched->dry_breaks)
        sched->dry_breaks = find_breaks(sched, usual, sizeof(usual) / sizeof(usual[0]));
    const uint8_t *breaks = sched->dry_breaks;
    pthread_mutex_unlock(&sched->lock);
    return breaks;
}

/* What engine_job_prompt() fills of a job, and what takes long for a sampler. */
struct engine_prompt {
    struct engine_job job;
    uint8_t *dry_breaks; /* of the request's own breakers; NULL = the usual ones */
};

static enum base_err sampler_with_dry(struct engine_scheduler *sched,
                                      const struct engine_request *request,
                                      struct engine_sampling *sampling,
                                      struct engine_sampler **ret_sampler,
                                      struct base_error *reterr)
{
    uint8_t *own = NULL;
    const uint8_t *ready = request->ready ? request->ready->dry_breaks : NULL;
    if (request->dry_breakers && !ready)
        ready = own = find_breaks(sched, request->dry_breakers, request->dry_breaker_count);
    sampling->dry_breaks = request->dry_breakers ? ready : usual_breaks(sched);
    enum base_err err = sampling->dry_breaks
                            ? engine_sampler_new(sampling, sched->n_vocab, ret_sampler, reterr)
                            : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a sampler");
    free(own);
    return err;
}

/* The sampler, with the grammar's mask. */
static enum base_err make_sampler(struct engine_scheduler *sched, struct engine_job *job,
                                  const struct engine_request *request, struct base_error *reterr)
{
    struct engine_sampling sampling = request->sampling;
    if (request->grammar) {
        if (sampling.mask.ops)
            return base_error_set(reterr, BASE_ERR_BAD_REQUEST,
                                  "a request has a grammar or a mask of its own, not both");
        enum base_err err =
            grammar_mask_new(request->grammar, job->strip_space, &job->mask, reterr);
        if (err)
            return err;
        sampling.mask = grammar_mask_ops(job->mask);
    }
    if (sampling.dry_multiplier > 0.0F && !sampling.dry_breaks)
        return sampler_with_dry(sched, request, &sampling, &job->sampler, reterr);
    return engine_sampler_new(&sampling, sched->n_vocab, &job->sampler, reterr);
}

enum base_err engine_prompt_new(struct engine_scheduler *sched,
                                const struct engine_request *request,
                                struct engine_prompt **ret_prompt, struct base_error *reterr)
{
    struct engine_prompt *prompt = calloc(1, sizeof(*prompt));
    if (!prompt)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a request");
    enum base_err err = engine_job_prompt(sched, &prompt->job, request, reterr);
    bool dry = request->sampling.dry_multiplier > 0.0F && !request->sampling.dry_breaks;
    if (!err && dry && request->dry_breakers) {
        prompt->dry_breaks = find_breaks(sched, request->dry_breakers, request->dry_breaker_count);
        if (!prompt->dry_breaks)
            err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a sampler");
    } else if (!err && dry) {
        (void)usual_breaks(sched); /* made once */
    }
    if (err)
        engine_prompt_free(prompt);
    else
        *ret_prompt = prompt;
    return err;
}

void engine_prompt_free(struct engine_prompt *prompt)
{
    if (!prompt)
        return;
    engine_tokens_done(&prompt->job.tokens);
    free(prompt->dry_breaks);
    free(prompt);
}

static enum base_err take_ready(struct engine_job *job, const struct engine_prompt *prompt,
                                struct base_error *reterr)
{
    const struct engine_job *from = &prompt->job;
    job->tokens.items = malloc(from->tokens.count * sizeof(*job->tokens.items));
    if (!job->tokens.items)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a request");
    memcpy(job->tokens.items, from->tokens.items, from->tokens.count * sizeof(*job->tokens.items));
    job->tokens.count = job->tokens.capacity = from->tokens.count;
    job->prompt_count = from->prompt_count;
    job->opened = from->opened;
    job->overflow = from->overflow;
    job->head_tokens = from->head_tokens;
    job->usage = from->usage;
    return BASE_OK;
}

static enum base_err make_job(struct engine_scheduler *sched, const struct engine_request *request,
                              struct engine_job **ret_job, struct base_error *reterr)
{
    if (request->adapter && request->adapter->model != sched->model)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "an adapter of another model");
    struct engine_job *job = calloc(1, sizeof(*job));
    if (!job)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a request");
    job->submitted_ns = clock_mono_ns(clock_system());
    job->domain = request->domain;
    job->flow = request->flow;
    job->priority = request->priority;
    job->adapter = request->adapter ? engine_adapter_ref(request->adapter) : NULL;
    job->max_tokens = request->max_tokens;
    if (job->max_tokens == 0 && request->overflow != ENGINE_OVERFLOW_STOP)
        job->max_tokens = sched->context; /* else it might go on for ever */
    job->context = sched->context;
    engine_draft_reset(&job->draft);
    job->logprobs = request->sampling.logprobs;
    job->strip_space = request->messages && sched->tokenizer->add_space_prefix;
    enum base_err err = request->ready ? take_ready(job, request->ready, reterr)
                                       : engine_job_prompt(sched, job, request, reterr);
    if (!err && !engine_job_reserve(job))
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a request");
    if (!err)
        err = make_sampler(sched, job, request, reterr);
    if (!err)
        err = engine_textstream_new(request->stop, request->stop_count, job->max_tokens,
                                    &job->stream, reterr);
    if (!err && request->messages && request->stop_count > 0)
        err = engine_job_watch(sched, job, reterr);
    if (err) {
        engine_job_free(job);
        return err;
    }
    engine_sampler_prompt(job->sampler, job->tokens.items, job->tokens.count);
    *ret_job = job;
    return BASE_OK;
}

/* Under the lock. */
static enum base_err check_queue(struct engine_scheduler *sched, const struct engine_job *job,
                                 struct base_error *reterr)
{
    if (sched->draining || sched->stopping)
        return base_error_set(reterr, BASE_ERR_SHUTTING_DOWN, "the engine is shutting down");
    struct engine_job *other = NULL;
    if (sched->waiting - sched->leaving >= sched->queue_max)
        other = engine_queue_crowd_out(sched, job->flow, job->priority);
    if (other) {
        other->crowded_out = true;
        sched->leaving++;
        return BASE_OK;
    }
    if (sched->waiting - sched->leaving >= sched->queue_max)
        return base_error_set(reterr, BASE_ERR_OVERLOADED,
                              "the model's queue is full (%u requests); the wait would be %lld ms",
                              sched->waiting, (long long)predict_ms(sched, job->prompt_count));
    return BASE_OK;
}

enum base_err engine_scheduler_submit(struct engine_scheduler *sched,
                                      const struct engine_request *request, struct engine_sink sink,
                                      uint64_t *ret_id, struct base_error *reterr)
{
    struct engine_job *job = NULL;
    enum base_err err = make_job(sched, request, &job, reterr);
    if (err)
        return err;
    job->sink = sink;
    pthread_mutex_lock(&sched->lock);
    err = check_queue(sched, job, reterr);
    if (!err) {
        *ret_id = job->id = ++sched->next_id;
        *sched->jobs_tail = job;
        sched->jobs_tail = &job->next;
        sched->waiting++;
        wake(sched);
    }
    pthread_mutex_unlock(&sched->lock);
    if (err)
        engine_job_free(job);
    return err;
}

enum base_err engine_scheduler_count(struct engine_scheduler *sched,
                                     const struct engine_request *request, uint32_t *ret_tokens,
                                     struct base_error *reterr)
{
    struct engine_job job = {0};
    enum base_err err = engine_job_prompt(sched, &job, request, reterr);
    engine_tokens_done(&job.tokens);
    if (!err)
        *ret_tokens = job.prompt_count;
    return err;
}

/* --- From outside, while it runs --- */

enum change { CHANGE_CANCEL, CHANGE_PAUSE, CHANGE_RESUME };

static void change(struct engine_scheduler *sched, uint64_t id, enum change what)
{
    pthread_mutex_lock(&sched->lock);
    struct engine_job *job = sched->jobs;
    while (job && job->id != id)
        job = job->next;
    if (job && job->state != ENGINE_JOB_OVER) {
        if (what == CHANGE_CANCEL)
            job->cancelled = true;
        else
            job->paused = what == CHANGE_PAUSE;
        if (what == CHANGE_CANCEL && sched->may_interrupt && job->state == ENGINE_JOB_RUNNING)
            atomic_store(&sched->interrupt, true);
        wake(sched);
    }
    pthread_mutex_unlock(&sched->lock);
}

void engine_scheduler_cancel(struct engine_scheduler *sched, uint64_t id)
{
    change(sched, id, CHANGE_CANCEL);
}

void engine_scheduler_pause(struct engine_scheduler *sched, uint64_t id)
{
    change(sched, id, CHANGE_PAUSE);
}

void engine_scheduler_resume(struct engine_scheduler *sched, uint64_t id)
{
    change(sched, id, CHANGE_RESUME);
}

int64_t engine_scheduler_wait_ms(struct engine_scheduler *sched, uint32_t prompt_tokens)
{
    pthread_mutex_lock(&sched->lock);
    int64_t ms = predict_ms(sched, prompt_tokens);
    pthread_mutex_unlock(&sched->lock);
    return ms;
}

void engine_scheduler_stats(struct engine_scheduler *sched, struct engine_scheduler_stats *ret)
{
    pthread_mutex_lock(&sched->lock);
    *ret = sched->stats;
    ret->running = sched->running;
    ret->waiting = sched->waiting;
    pthread_mutex_unlock(&sched->lock);
}

const struct engine_tokenizer *engine_scheduler_tokenizer(const struct engine_scheduler *sched)
{
    return sched->tokenizer;
}

const struct engine_template *engine_scheduler_template(const struct engine_scheduler *sched)
{
    return sched->template;
}

const struct engine_markup *engine_scheduler_markup(const struct engine_scheduler *sched)
{
    return &sched->markup;
}
