#include "gateway/local/local.h"

#include "base/json/json.h"
#include "gateway/local/convert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CHOICES_MAX = 128, DEFAULT_QUEUE = 64, DEFAULT_CONTEXT = 4096 };

struct local_target {
    struct target base;
    struct engine_model *model;
    struct engine_scheduler *sched;
    uint32_t context, queue_max;
    char *name;
};

/* An event of the engine on its way to the loop: everything it borrowed is copied behind it. */
struct parcel {
    struct parcel *next;
    struct chat_event event;
    struct base_error error;
    char bytes[];
};

/* One of the n answers. */
struct lane {
    struct target_stream *stream;
    uint64_t id;
    int32_t choice;
    bool submitted;
    struct engine_usage usage; /* loop side; last known */
};

/*
 * Shared by the loop and the engine's thread. `refs` counts the loop's hold, one per generation
 * that may still call back, and one per drain posted; the last one frees.
 */
struct target_stream {
    struct local_target *target;
    struct loop *loop;
    struct target_sink sink;
    atomic_int refs;
    pthread_mutex_t lock; /* guards head, tail, drain_posted */
    struct parcel *head, *tail;
    bool drain_posted;

    bool silent; /* loop side: cancelled or released, nothing is delivered any more */
    bool started, failed;
    int32_t open_lanes; /* loop side: not yet DONE */
    int32_t lane_count;
    struct lane lanes[];
};

static void stream_unref(struct target_stream *stream)
{
    if (atomic_fetch_sub(&stream->refs, 1) != 1)
        return;
    while (stream->head) {
        struct parcel *next = stream->head->next;
        free(stream->head);
        stream->head = next;
    }
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* ---- loop side ---- */

static void cancel_lanes(struct target_stream *stream)
{
    for (int32_t i = 0; i < stream->lane_count; i++)
        if (stream->lanes[i].submitted)
            engine_scheduler_cancel(stream->target->sched, stream->lanes[i].id);
}

static void stream_usage(const struct target_stream *stream, struct chat_usage *ret)
{
    struct chat_usage sum = CHAT_USAGE_UNKNOWN;
    if (stream->started) {
        const struct engine_usage *first = &stream->lanes[0].usage;
        sum.input = (int64_t)first->prompt_tokens - first->cached_tokens;
        sum.cache_read = first->cached_tokens;
        sum.output = 0;
        for (int32_t i = 0; i < stream->lane_count; i++)
            sum.output += stream->lanes[i].usage.output_tokens;
    }
    *ret = sum;
}

static void deliver(struct target_stream *stream, const struct chat_event *event)
{
    if (!stream->silent)
        stream->sink.on_event(stream->sink.user, event);
}

static void deliver_end(struct target_stream *stream)
{
    struct chat_event event = {.type = CHAT_EVENT_USAGE};
    pthread_mutex_lock(&stream->lock);
    stream_usage(stream, &event.usage);
    pthread_mutex_unlock(&stream->lock);
    deliver(stream, &event);
    deliver(stream, &(struct chat_event){.type = CHAT_EVENT_DONE});
}

static void open_parcel(struct target_stream *stream, struct parcel *parcel)
{
    switch (parcel->event.type) {
    case CHAT_EVENT_STARTED:
        if (stream->started)
            return; /* n answers start once */
        stream->started = true;
        deliver(stream, &parcel->event);
        return;
    case CHAT_EVENT_DONE:
        if (--stream->open_lanes == 0 && !stream->failed)
            deliver_end(stream);
        return;
    case CHAT_EVENT_ERROR:
        stream->open_lanes--;
        if (stream->failed)
            return;
        stream->failed = true;
        cancel_lanes(stream);
        parcel->event.error = &parcel->error;
        deliver(stream, &parcel->event);
        return;
    default:
        if (!stream->failed)
            deliver(stream, &parcel->event);
    }
}

static void drain(void *user)
{
    struct target_stream *stream = user;
    pthread_mutex_lock(&stream->lock);
    struct parcel *list = stream->head;
    stream->head = stream->tail = NULL;
    stream->drain_posted = false;
    pthread_mutex_unlock(&stream->lock);
    while (list) {
        struct parcel *next = list->next;
        open_parcel(stream, list);
        free(list);
        list = next;
    }
    stream_unref(stream);
}

/* ---- engine side ---- */

static void hand_over(struct target_stream *stream, struct parcel *parcel)
{
    bool post = false;
    pthread_mutex_lock(&stream->lock);
    if (stream->tail)
        stream->tail->next = parcel;
    else
        stream->head = parcel;
    stream->tail = parcel;
    if (!stream->drain_posted) {
        stream->drain_posted = post = true;
        atomic_fetch_add(&stream->refs, 1);
    }
    pthread_mutex_unlock(&stream->lock);
    if (post && !loop_post(stream->loop, drain, stream))
        stream_unref(stream); /* the loop has ended, and with it whoever listened */
}

static struct parcel *pack(const struct lane *lane, const struct engine_event *event)
{
    struct buffer logprobs;
    buffer_init(&logprobs, 1 << 20);
    if (event->type == ENGINE_EVENT_TEXT && event->logprobs)
        local_logprobs_write(engine_scheduler_tokenizer(lane->stream->target->sched), event,
                             &logprobs);
    struct slice lp = buffer_slice(&logprobs);
    struct parcel *parcel = calloc(1, sizeof(*parcel) + event->text.len + lp.len);
    if (parcel) {
        parcel->event.choice = lane->choice;
        parcel->event.retry_after_ms = -1;
        if (event->text.len)
            memcpy(parcel->bytes, event->text.ptr, event->text.len);
        parcel->event.text = slice_of(parcel->bytes, event->text.len);
        if (lp.len) {
            memcpy(parcel->bytes + event->text.len, lp.ptr, lp.len);
            parcel->event.logprobs = slice_of(parcel->bytes + event->text.len, lp.len);
        }
    }
    buffer_done(&logprobs);
    return parcel;
}

static enum chat_event_type map_type(enum engine_event_type type)
{
    static const enum chat_event_type types[ENGINE_EVENT_TYPE_COUNT] = {
        [ENGINE_EVENT_STARTED] = CHAT_EVENT_STARTED,   [ENGINE_EVENT_TEXT] = CHAT_EVENT_TEXT,
        [ENGINE_EVENT_FINISHED] = CHAT_EVENT_FINISHED, [ENGINE_EVENT_DONE] = CHAT_EVENT_DONE,
        [ENGINE_EVENT_ERROR] = CHAT_EVENT_ERROR,
    };
    return types[type];
}

static void on_engine_event(void *user, const struct engine_event *event)
{
    struct lane *lane = user;
    struct target_stream *stream = lane->stream;
    bool is_last = event->type == ENGINE_EVENT_DONE || event->type == ENGINE_EVENT_ERROR;
    struct parcel *parcel = pack(lane, event);
    if (parcel) {
        parcel->event.type = map_type(event->type);
        parcel->event.finish =
            event->finish == ENGINE_FINISH_LENGTH ? CHAT_FINISH_LENGTH : CHAT_FINISH_STOP;
        parcel->event.served_model = stream->target->base.name;
        if (event->error)
            parcel->error = *event->error;
        pthread_mutex_lock(&stream->lock);
        lane->usage = event->usage;
        pthread_mutex_unlock(&stream->lock);
        hand_over(stream, parcel);
    } else { /* out of memory: the text would have a hole, so the answer ends here */
        engine_scheduler_cancel(stream->target->sched, event->id);
    }
    if (is_last)
        stream_unref(stream);
}

/* ---- the target's operations ---- */

static enum base_err submit_all(struct target_stream *stream, struct engine_request *request,
                                struct base_error *reterr)
{
    for (int32_t i = 0; i < stream->lane_count; i++) {
        struct lane *lane = &stream->lanes[i];
        struct engine_sink sink = {on_engine_event, lane};
        atomic_fetch_add(&stream->refs, 1);
        enum base_err err =
            engine_scheduler_submit(stream->target->sched, request, sink, &lane->id, reterr);
        if (err) {
            atomic_fetch_sub(&stream->refs, 1);
            return err;
        }
        lane->submitted = true;
        stream->open_lanes++;
        if (request->sampling.seed_given) /* other answers, but again the same ones next time */
            request->sampling.seed++;
    }
    return BASE_OK;
}

static void local_release(struct target_stream *stream)
{
    stream->silent = true;
    cancel_lanes(stream);
    stream_unref(stream);
}

static enum base_err local_start(struct target *base, const struct target_call *call,
                                 struct target_sink sink, struct target_stream **ret_stream,
                                 struct base_error *reterr)
{
    struct local_target *target = (struct local_target *)base;
    const struct chat_request *chat = call->request;
    unsigned missing = chat_request_needs(chat) & ~local_target_features(base);
    if (missing)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "%.*s cannot serve a request that uses %s", SLICE_ARG(base->name),
                              chat_need_name((enum chat_need)(missing & -missing)));
    int32_t n = slice_is_absent(chat->n.text) ? 1 : (int32_t)chat->n.value;
    if (n < 1 || n > CHOICES_MAX)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "n", "n: expected 1 to %d",
                                    CHOICES_MAX);

    if ((uint32_t)n > target->queue_max) /* it would never be done, however long they waited */
        return base_error_set_param(reterr, BASE_ERR_UNSUPPORTED, "n",
                                    "n: %.*s computes at most %u answers for one request",
                                    SLICE_ARG(base->name), target->queue_max);

    struct target_stream *stream =
        calloc(1, sizeof(*stream) + (size_t)n * sizeof(stream->lanes[0]));
    struct arena *arena = arena_new(256 << 20);
    if (!stream || !arena || pthread_mutex_init(&stream->lock, NULL) != 0) {
        free(stream);
        arena_free(arena);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start %.*s",
                              SLICE_ARG(base->name));
    }
    stream->target = target;
    stream->loop = call->loop;
    stream->sink = sink;
    stream->lane_count = n;
    atomic_init(&stream->refs, 1);
    for (int32_t i = 0; i < n; i++)
        stream->lanes[i] = (struct lane){.stream = stream, .choice = i};

    struct engine_request request;
    enum base_err err = local_convert(chat, arena, &request, reterr);
    if (!err)
        err = local_grammar(chat, &request.grammar, reterr);
    if (!err) {
        request.domain = call->domain;
        request.flow = call->flow;
        err = submit_all(stream, &request, reterr);
        engine_grammar_unref(request.grammar);
    }
    arena_free(arena);
    if (err) {
        local_release(stream);
        return err;
    }
    *ret_stream = stream;
    return BASE_OK;
}

static void local_pause(struct target_stream *stream)
{
    for (int32_t i = 0; i < stream->lane_count; i++)
        engine_scheduler_pause(stream->target->sched, stream->lanes[i].id);
}

static void local_resume(struct target_stream *stream)
{
    for (int32_t i = 0; i < stream->lane_count; i++)
        engine_scheduler_resume(stream->target->sched, stream->lanes[i].id);
}

static void local_cancel(struct target_stream *stream)
{
    stream->silent = true;
    cancel_lanes(stream);
}

static void local_usage(const struct target_stream *stream, struct chat_usage *ret)
{
    struct target_stream *s =
        (struct target_stream *)(uintptr_t)stream; /* the lock is not the state */
    pthread_mutex_lock(&s->lock);
    stream_usage(stream, ret);
    pthread_mutex_unlock(&s->lock);
}

static const struct target_ops local_ops = {
    .start = local_start,
    .pause = local_pause,
    .resume = local_resume,
    .cancel = local_cancel,
    .usage = local_usage,
    .release = local_release,
};

/* ---- life of the target ---- */

enum base_err local_target_new(const struct local_options *options, struct target **ret_target,
                               struct base_error *reterr)
{
    struct local_target *target = calloc(1, sizeof(*target));
    char *name = strndup(options->name.ptr, options->name.len);
    enum base_err err;
    if (!target || !name) {
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %.*s",
                             SLICE_ARG(options->name));
        goto fail;
    }
    uint32_t sequences = options->sequences ? options->sequences : 4;
    uint32_t planned = options->context ? options->context : DEFAULT_CONTEXT;
    struct engine_model_options model_options = {.sequences = sequences, .kv = options->kv};
    if (__builtin_mul_overflow(planned, sequences, &model_options.context)) {
        err = base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                             "%.*s: a context of %u for each of %u sequences is too much",
                             SLICE_ARG(options->name), planned, sequences);
        goto fail;
    }
    err = engine_model_open(options->path, &model_options, &target->model, reterr);
    if (err)
        goto fail;
    const struct engine_model_info *info = engine_model_info(target->model);
    uint32_t context = options->context ? options->context : info->context_train;
    if (context > DEFAULT_CONTEXT && !options->context)
        context = DEFAULT_CONTEXT;
    struct engine_scheduler_options sched_options = {
        .session = {.context = context * sequences,
                    .sequences = sequences,
                    .threads = options->threads,
                    .kv = options->kv},
        .queue_max = options->queue_max ? options->queue_max : DEFAULT_QUEUE,
        .request_context = context,
    };
    err = engine_scheduler_new(target->model, &sched_options, &target->sched, reterr);
    if (err)
        goto fail;
    target->base = (struct target){&local_ops, slice_from_str(name)};
    target->name = name;
    target->context = context;
    target->queue_max = sched_options.queue_max;
    *ret_target = &target->base;
    return BASE_OK;
fail:
    if (target)
        engine_model_unref(target->model);
    free(name);
    free(target);
    return err;
}

void local_target_free(struct target *base)
{
    if (!base)
        return;
    struct local_target *target = (struct local_target *)base;
    engine_scheduler_free(target->sched);
    engine_model_unref(target->model);
    free(target->name);
    free(target);
}

unsigned local_target_features(const struct target *target)
{
    (void)target;
    return CHAT_NEED_LOGPROBS | CHAT_NEED_MANY | CHAT_NEED_JSON_OBJECT | CHAT_NEED_JSON_SCHEMA;
}

uint32_t local_target_context(const struct target *base)
{
    return ((const struct local_target *)base)->context;
}

void local_target_facts(const struct target *base, int64_t prompt_tokens, struct local_facts *ret)
{
    const struct local_target *target = (const struct local_target *)base;
    struct engine_scheduler_stats stats;
    engine_scheduler_stats(target->sched, &stats);
    uint32_t tokens = prompt_tokens < 1            ? 1
                      : prompt_tokens > UINT32_MAX ? UINT32_MAX
                                                   : (uint32_t)prompt_tokens;
    *ret = (struct local_facts){
        .running = stats.running,
        .waiting = stats.waiting,
        .queue_max = target->queue_max,
        .kv_tokens = stats.kv_tokens,
        .kv_capacity = stats.kv_capacity,
        .first_token_ms = engine_scheduler_wait_ms(target->sched, tokens),
        .tokens_per_s_milli =
            stats.output_tokens_per_s > 0 ? (int64_t)(stats.output_tokens_per_s * 1000) : -1,
    };
}

int64_t local_target_count(const struct target *base, const struct chat_request *chat)
{
    const struct local_target *target = (const struct local_target *)base;
    const struct engine_template *template = engine_scheduler_template(target->sched);
    struct arena *arena = arena_new(256 << 20);
    struct engine_request request;
    struct engine_tokens tokens = {0};
    struct engine_runs runs = {0};
    struct buffer prompt;
    buffer_init(&prompt, 256 << 20);
    int64_t count = -1;
    if (arena && template && !local_convert(chat, arena, &request, NULL) &&
        !engine_template_render(template, request.messages, request.message_count,
                                request.tools_json, true, &prompt, &runs, NULL) &&
        !engine_tokenize_rendered(engine_scheduler_tokenizer(target->sched), buffer_slice(&prompt),
                                  runs.items, runs.count, &tokens, NULL))
        count = (int64_t)tokens.count;
    engine_runs_done(&runs);
    engine_tokens_done(&tokens);
    buffer_done(&prompt);
    arena_free(arena);
    return count;
}

const struct engine_model_info *local_target_info(const struct target *base)
{
    return engine_model_info(((const struct local_target *)base)->model);
}
