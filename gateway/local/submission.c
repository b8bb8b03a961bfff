#include "gateway/local/submission.h"

#include "base/core/arena.h"
#include "gateway/local/convert.h"

#include <stdlib.h>

enum {
    ARENA_MAX = 512 << 20,
    ON_LOOP_BYTES_MAX = 4 << 10 /* of prompt: a millisecond at most */
};

struct local_guard {
    pthread_mutex_t lock;
    pthread_cond_t quiet;
    size_t reading;
};

struct submission {
    struct arena *arena;
    struct target_stream *stream;
    struct engine_grammar *grammar;
    struct engine_request *requests;
    struct engine_prompt **prompts; /* as they are read */
    size_t count;
    /* While it is on a work thread. */
    struct local_guard *guard;
    enum base_err err;
    struct base_error error;
};

/* ---- the guard ---- */

struct local_guard *local_guard_new(void)
{
    struct local_guard *guard = calloc(1, sizeof(*guard));
    if (!guard)
        return NULL;
    pthread_mutex_init(&guard->lock, NULL);
    pthread_cond_init(&guard->quiet, NULL);
    return guard;
}

static void enter(struct local_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    guard->reading++;
    pthread_mutex_unlock(&guard->lock);
}

static void leave(struct local_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    if (--guard->reading == 0)
        pthread_cond_broadcast(&guard->quiet);
    pthread_mutex_unlock(&guard->lock);
}

void local_guard_wait(struct local_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    while (guard->reading > 0)
        pthread_cond_wait(&guard->quiet, &guard->lock);
    pthread_mutex_unlock(&guard->lock);
}

void local_guard_free(struct local_guard *guard)
{
    if (!guard)
        return;
    local_guard_wait(guard);
    pthread_cond_destroy(&guard->quiet);
    pthread_mutex_destroy(&guard->lock);
    free(guard);
}

/* ---- a request of its own ---- */

/* DRY looks for its breakers in every token of the vocabulary. */
static bool takes_long(const struct engine_request *request)
{
    return request->sampling.dry_multiplier > 0.0F;
}

static size_t text_bytes(const struct engine_request *request)
{
    size_t bytes = request->prompt.len + request->suffix.len + request->tools_json.len;
    for (size_t i = 0; i < request->message_count; i++) {
        const struct engine_message *m = &request->messages[i];
        bytes += m->content.len + m->reasoning.len;
        for (size_t k = 0; k < m->tool_call_count; k++)
            bytes += m->tool_calls[k].arguments.len;
    }
    return bytes;
}

/* Replaces a text by its copy; false: no memory. */
static bool keep(struct arena *arena, struct slice *text)
{
    if (slice_is_absent(*text))
        return true;
    *text = arena_dup(arena, *text);
    return !slice_is_absent(*text);
}

static bool keep_texts(struct arena *arena, const struct slice **texts, size_t count)
{
    struct slice *copy = arena_calloc(arena, count + 1, sizeof(*copy));
    bool good = copy != NULL;
    for (size_t i = 0; i < count && good; i++) {
        copy[i] = (*texts)[i];
        good = keep(arena, &copy[i]);
    }
    if (count > 0)
        *texts = copy;
    return good;
}

static bool keep_message(struct arena *arena, struct engine_message *m)
{
    struct engine_tool_call *calls = arena_calloc(arena, m->tool_call_count + 1, sizeof(*calls));
    bool good = calls && keep(arena, &m->role) && keep(arena, &m->content) &&
                keep(arena, &m->name) && keep(arena, &m->reasoning) &&
                keep(arena, &m->tool_call_id);
    for (size_t i = 0; i < m->tool_call_count && good; i++) {
        calls[i] = m->tool_calls[i];
        good = keep(arena, &calls[i].id) && keep(arena, &calls[i].name) &&
               keep(arena, &calls[i].arguments);
    }
    m->tool_calls = calls;
    return good;
}

/* What is borrowed of the chat request is copied; all else lies in the arena already. */
static bool keep_request(struct arena *arena, struct engine_request *request)
{
    struct engine_message *messages =
        arena_calloc(arena, request->message_count + 1, sizeof(*messages));
    bool good = messages && keep(arena, &request->prompt) && keep(arena, &request->suffix) &&
                keep_texts(arena, &request->stop, request->stop_count) &&
                keep_texts(arena, &request->dry_breakers, request->dry_breaker_count);
    for (size_t i = 0; i < request->message_count && good; i++) {
        messages[i] = request->messages[i];
        good = keep_message(arena, &messages[i]);
    }
    if (request->messages)
        request->messages = messages;
    return good;
}

/* ---- its way ---- */

static void submission_free(struct submission *s)
{
    for (size_t i = 0; s->prompts && i < s->count; i++)
        engine_prompt_free(s->prompts[i]);
    engine_grammar_unref(s->grammar);
    local_stream_unref(s->stream);
    arena_free(s->arena);
    free(s);
}

static enum base_err no_memory(const struct target_stream *stream, struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start %.*s",
                          SLICE_ARG(stream->name));
}

/* What does not come from the request itself. */
static void fill_request(struct submission *s, struct engine_request *request)
{
    const struct target_stream *stream = s->stream;
    request->adapter = stream->adapter;
    request->overflow = stream->overflow;
    request->grammar = s->grammar;
    request->domain = stream->call.domain;
    request->flow = stream->call.flow;
    request->priority = stream->call.priority;
}

static enum base_err convert(struct submission *s, struct base_error *reterr)
{
    const struct chat_request *chat = s->stream->call.request;
    bool plain = chat->dialect == CHAT_DIALECT_COMPLETIONS;
    enum base_err err = BASE_OK;
    s->count = plain ? chat->message_count : 1;
    s->requests = arena_calloc(s->arena, s->count, sizeof(*s->requests));
    s->prompts = arena_calloc(s->arena, s->count, sizeof(struct engine_prompt *));
    if (!s->requests || !s->prompts)
        return no_memory(s->stream, reterr);
    for (size_t i = 0; i < s->count && !err; i++) {
        err = plain ? local_convert_prompt(chat, i, s->arena, &s->requests[i], reterr)
                    : local_convert(chat, engine_scheduler_markup(s->stream->sched), s->arena,
                                    &s->requests[i], reterr);
        fill_request(s, &s->requests[i]);
    }
    return err;
}

static enum base_err read_prompts(struct submission *s, struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < s->count && !err; i++)
        err = engine_prompt_new(s->stream->sched, &s->requests[i], &s->prompts[i], reterr);
    return err;
}

static enum base_err submit_all(struct submission *s, struct base_error *reterr)
{
    int32_t each = s->stream->per_prompt;
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < s->count && !err; i++) {
        s->requests[i].ready = s->prompts[i];
        err = local_stream_submit(s->stream, &s->requests[i], (int32_t)i * each, each, reterr);
    }
    return err;
}

static void on_read(void *user)
{
    struct submission *s = user;
    struct target_stream *stream = s->stream;
    if (!stream->silent) {
        if (!s->err)
            s->err = submit_all(s, &s->error);
        if (s->err)
            local_stream_fail(stream, &s->error);
    }
    submission_free(s);
}

static void read_elsewhere(void *user)
{
    struct submission *s = user;
    struct local_guard *guard = s->guard;
    s->err = read_prompts(s, &s->error);
    if (!loop_post(s->stream->call.loop, on_read, s))
        submission_free(s); /* the loop has ended, and with it whoever listened */
    leave(guard);
}

/* AGAIN: a work thread has it. */
static enum base_err hand_over(struct submission *s, struct local_guard *guard,
                               struct base_error *reterr)
{
    const struct target_work *work = &s->stream->call.work;
    size_t bytes = 0;
    bool is_long = false;
    for (size_t i = 0; i < s->count; i++) {
        bytes += text_bytes(&s->requests[i]);
        is_long |= takes_long(&s->requests[i]);
    }
    if (!work->submit || (bytes <= ON_LOOP_BYTES_MAX && !is_long))
        return BASE_OK;
    for (size_t i = 0; i < s->count; i++)
        if (!keep_request(s->arena, &s->requests[i]))
            return no_memory(s->stream, reterr);
    s->guard = guard;
    enter(guard);
    if (work->submit(work->self, read_elsewhere, s))
        return BASE_ERR_AGAIN;
    leave(guard); /* full: then here */
    return BASE_OK;
}

enum base_err local_submit(struct target_stream *stream, struct engine_grammar *grammar,
                           struct local_guard *guard, struct base_error *reterr)
{
    struct submission *s = calloc(1, sizeof(*s));
    if (!s)
        return no_memory(stream, reterr);
    s->stream = local_stream_ref(stream);
    s->grammar = grammar ? engine_grammar_ref(grammar) : NULL;
    for (int32_t i = 0; i < stream->lane_count; i++)
        engine_answer_follow(stream->lanes[i].answer, grammar);
    s->arena = arena_new(ARENA_MAX);
    enum base_err err = s->arena ? convert(s, reterr) : no_memory(stream, reterr);
    if (!err)
        err = hand_over(s, guard, reterr);
    if (err == BASE_ERR_AGAIN)
        return BASE_OK;
    if (!err)
        err = read_prompts(s, reterr);
    if (!err)
        err = submit_all(s, reterr);
    submission_free(s);
    return err;
}
