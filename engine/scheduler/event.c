/* Chosen tokens to text and events; how a job ends. All on the scheduler's thread, without the lock
 * where a sink is called. */
#include "engine/scheduler/scheduler.h"

#include <stdlib.h>

#include "base/core/clock.h"
#include "engine/compute/adapter.h"
#include "engine/tokenizer/tokenizer.h"

enum { PENDING_FIRST = 32 }; /* tokens whose text waits; more only behind long stop texts */

static int64_t now_ns(void)
{
    return clock_mono_ns(clock_system());
}

static void send(struct engine_job *job, struct engine_event *event)
{
    event->id = job->id;
    event->usage = job->usage;
    job->sink.on_event(job->sink.user, event);
}

void engine_job_free(struct engine_job *job)
{
    if (!job)
        return;
    engine_tokens_done(&job->tokens);
    engine_sampler_free(job->sampler);
    grammar_mask_free(job->mask);
    engine_adapter_unref(job->adapter);
    engine_textstream_free(job->stream);
    engine_answer_free(job->thought);
    free(job->pending);
    free(job->out_tokens);
    free(job->out_logprobs);
    free(job);
}

uint64_t engine_job_adapter(const struct engine_job *job)
{
    return job->adapter ? job->adapter->id : 0;
}

/* --- Tokens that are not out yet --- */

static bool grow(void **items, size_t count, size_t size)
{
    void *grown = realloc(*items, count * size);
    if (grown)
        *items = grown;
    return grown != NULL;
}

static bool grow_pending(struct engine_job *job, size_t capacity)
{
    if (!grow((void **)&job->pending, capacity, sizeof(*job->pending)) ||
        !grow((void **)&job->out_tokens, capacity, sizeof(*job->out_tokens)) ||
        !grow((void **)&job->out_logprobs, capacity, sizeof(*job->out_logprobs)))
        return false;
    job->pending_capacity = capacity;
    return true;
}

bool engine_job_reserve(struct engine_job *job)
{
    size_t most = job->context, count = job->tokens.count + (size_t)job->max_tokens;
    if (job->max_tokens > 0 && count < most)
        most = count;
    if (most > job->tokens.capacity) {
        if (!grow((void **)&job->tokens.items, most, sizeof(*job->tokens.items)))
            return false;
        job->tokens.capacity = most;
    }
    return grow_pending(job, PENDING_FIRST);
}

static bool add_pending(struct engine_job *job, const struct engine_pick *pick)
{
    if (job->pending_count == job->pending_capacity &&
        !grow_pending(job, job->pending_capacity * 2))
        return false;
    struct engine_job_token *token = &job->pending[job->pending_count++];
    token->token = pick->token;
    token->logprobs.chosen = (struct engine_logprob){pick->token, pick->logprob};
    token->logprobs.top_count = pick->top_count;
    memcpy(token->top, pick->top, pick->top_count * sizeof(token->top[0]));
    return true;
}

/* Text that became certain, with the tokens that are now wholly out. */
static void send_text(struct engine_job *job, struct slice delta)
{
    uint64_t out = engine_textstream_out(job->stream);
    size_t count = 0;
    while (count < job->pending_count && job->pending[count].text_end <= out) {
        struct engine_job_token *token = &job->pending[count];
        token->logprobs.top = token->top;
        job->out_tokens[count] = token->token;
        job->out_logprobs[count] = token->logprobs;
        count++;
    }
    if (delta.len == 0 && (count == 0 || !job->logprobs))
        return; /* tokens without text go along with the next text */
    struct engine_event event = {.type = ENGINE_EVENT_TEXT,
                                 .text = delta,
                                 .tokens = job->out_tokens,
                                 .token_count = count,
                                 .logprobs = job->logprobs ? job->out_logprobs : NULL};
    send(job, &event);
    job->pending_count -= count;
    memmove(job->pending, job->pending + count, job->pending_count * sizeof(*job->pending));
}

/* --- Ends --- */

static void set_over(struct engine_scheduler *sched, struct engine_job *job, bool forget)
{
    bool was_running = job->state == ENGINE_JOB_RUNNING;
    if (was_running)
        engine_queue_release(sched, job, forget);
    pthread_mutex_lock(&sched->lock);
    sched->running -= was_running ? 1 : 0;
    sched->waiting -= job->state == ENGINE_JOB_WAITING ? 1 : 0;
    job->state = ENGINE_JOB_OVER;
    if (was_running && job->usage.output_tokens > 0)
        sched->answer_tokens += 0.1 * ((double)job->usage.output_tokens - sched->answer_tokens);
    pthread_mutex_unlock(&sched->lock);
}

/* The list entry goes last: until then cancel and pause may still find it. */
static void remove_job(struct engine_scheduler *sched, struct engine_job *job)
{
    pthread_mutex_lock(&sched->lock);
    struct engine_job **place = &sched->jobs;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    if (sched->jobs_tail == &job->next)
        sched->jobs_tail = place;
    if (!sched->jobs)
        pthread_cond_broadcast(&sched->quiet);
    pthread_mutex_unlock(&sched->lock);
    engine_job_free(job);
}

static void stop_clock(struct engine_job *job)
{
    int64_t now = now_ns();
    if (!job->started)
        job->usage.queue_ns = now - job->submitted_ns;
    else if (job->first_token_ns == 0)
        job->usage.prompt_ns = now - job->admitted_ns;
    else
        job->usage.generate_ns = now - job->first_token_ns;
}

void engine_job_finish(struct engine_scheduler *sched, struct engine_job *job,
                       enum engine_finish finish)
{
    struct slice delta;
    stop_clock(job);
    engine_textstream_finish(job->stream, &delta);
    send_text(job, delta);
    set_over(sched, job, false);
    struct engine_event event = {.type = ENGINE_EVENT_FINISHED, .finish = finish};
    send(job, &event);
    event = (struct engine_event){.type = ENGINE_EVENT_DONE, .finish = finish};
    send(job, &event);
    remove_job(sched, job);
}

void engine_job_fail(struct engine_scheduler *sched, struct engine_job *job, enum base_err code,
                     const char *message)
{
    struct base_error error;
    (void)base_error_set(&error, code, "%s", message);
    stop_clock(job);
    set_over(sched, job, code == BASE_ERR_INTERNAL); /* what a failed step left is not trusted */
    struct engine_event event = {.type = ENGINE_EVENT_ERROR, .error = &error};
    send(job, &event);
    remove_job(sched, job);
}

void engine_job_start(struct engine_scheduler *sched, struct engine_job *job)
{
    if (job->started)
        return;
    pthread_mutex_lock(&sched->lock);
    job->started = true;
    pthread_mutex_unlock(&sched->lock);
    job->admitted_ns = now_ns();
    if (job->mask) {
        if (!sched->trie)
            sched->trie = grammar_trie_new(sched->tokenizer);
        grammar_mask_attach(job->mask, sched->trie, job->opened ? sched->markup.open : SLICE_NONE);
    }
    job->usage.queue_ns = job->admitted_ns - job->submitted_ns;
    struct engine_event event = {.type = ENGINE_EVENT_STARTED,
                                 .text = job->opened ? sched->markup.open : SLICE("")};
    send(job, &event);
}

/* --- What is thought --- */

static void on_piece(void *user, const struct engine_piece *piece)
{
    *(bool *)user |= piece->type == ENGINE_PIECE_TEXT;
}

static bool is_space(struct slice text)
{
    return slice_trim(text).len == 0;
}

/* The marker that ends the reasoning belongs to it, and white space behind that. */
static enum base_err follow(struct engine_job *job, struct slice text)
{
    bool came = false, was = engine_answer_is_reasoning(job->thought);
    enum base_err err = engine_answer_push(job->thought, text, on_piece, &came);
    if (engine_answer_is_reasoning(job->thought))
        job->thinking = true;
    else
        job->thinking = !came && (was || (job->thinking && is_space(text)));
    engine_textstream_watch(job->stream, !job->thinking);
    return err;
}

enum base_err engine_job_watch(const struct engine_scheduler *sched, struct engine_job *job,
                               struct base_error *reterr)
{
    if (!engine_markup_thinks(&sched->markup))
        return BASE_OK;
    enum base_err err = engine_answer_new(&sched->markup, &(struct engine_answer_options){0},
                                          &job->thought, reterr);
    return err || !job->opened ? err : follow(job, sched->markup.open);
}

/* --- A token --- */

void engine_job_take(struct engine_scheduler *sched, struct engine_job *job,
                     const struct engine_pick *pick)
{
    if (job->first_token_ns == 0) {
        job->first_token_ns = now_ns();
        job->usage.prompt_ns = job->first_token_ns - job->admitted_ns;
    }
    job->usage.output_tokens++;
    if (engine_token_is_end(sched->tokenizer, pick->token)) {
        engine_job_finish(sched, job, ENGINE_FINISH_STOP);
        return;
    }
    struct slice bytes = engine_token_bytes(sched->tokenizer, pick->token, false), delta;
    if (job->strip_space && slice_starts_with(bytes, SLICE(" ")))
        bytes = slice_sub(bytes, 1, SIZE_MAX);
    job->strip_space = false;
    if (engine_tokens_add(&job->tokens, pick->token, NULL) || !add_pending(job, pick)) {
        engine_job_fail(sched, job, BASE_ERR_NO_MEMORY, "no memory for the answer");
        return;
    }
    enum base_err err = job->thought ? follow(job, bytes) : BASE_OK;
    enum engine_textstream_end end = engine_textstream_push(job->stream, bytes, &delta);
    if (err || end == ENGINE_TEXTSTREAM_NO_MEMORY) {
        engine_job_fail(sched, job, BASE_ERR_NO_MEMORY, "no memory for the answer");
        return;
    }
    job->pending[job->pending_count - 1].text_end = engine_textstream_in(job->stream);
    send_text(job, delta);
    bool whole = job->mask && grammar_mask_is_final(job->mask);
    if (end == ENGINE_TEXTSTREAM_STOP || whole) {
        engine_job_finish(sched, job, ENGINE_FINISH_STOP);
    } else if (end == ENGINE_TEXTSTREAM_LENGTH) {
        engine_job_finish(sched, job, ENGINE_FINISH_LENGTH);
    } else if (job->tokens.count >= job->context && !engine_job_roll(sched, job)) {
        job->usage.context_full = true;
        engine_job_finish(sched, job, ENGINE_FINISH_LENGTH);
    }
}
