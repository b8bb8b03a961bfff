#include "gateway/local/stream.h"

#include "base/core/clock.h"
#include "gateway/local/convert.h"

#include <stdio.h>
#include <stdlib.h>

enum { ID_MAX = 40, LOGPROBS_MAX = 1 << 20 };

/* An event of the engine on its way to the loop: everything it borrowed is copied behind it. */
struct parcel {
    struct parcel *next;
    struct chat_event event;
    struct base_error error;
    char bytes[];
};

static void lane_done(struct lane *lane)
{
    engine_answer_free(lane->answer);
    buffer_done(&lane->logprobs);
}

struct target_stream *local_stream_ref(struct target_stream *stream)
{
    atomic_fetch_add(&stream->refs, 1);
    return stream;
}

void local_stream_unref(struct target_stream *stream)
{
    if (!stream || atomic_fetch_sub(&stream->refs, 1) != 1)
        return;
    while (stream->head) {
        struct parcel *next = stream->head->next;
        free(stream->head);
        stream->head = next;
    }
    for (int32_t i = 0; i < stream->lane_count; i++)
        lane_done(&stream->lanes[i]);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

enum base_err local_stream_new(const struct local_stream_options *options,
                               struct target_stream **ret_stream, struct base_error *reterr)
{
    static const struct engine_markup no_markup;
    int32_t count = options->prompts * options->choices;
    size_t lanes = (size_t)count * sizeof(struct lane);
    struct target_stream *stream = calloc(1, sizeof(*stream) + lanes);
    if (!stream || pthread_mutex_init(&stream->lock, NULL) != 0) {
        free(stream);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start %.*s",
                              SLICE_ARG(options->name));
    }
    stream->sched = options->sched;
    stream->name = options->name;
    stream->call = *options->call;
    stream->adapter = options->adapter;
    stream->overflow = options->overflow;
    stream->sink = options->sink;
    stream->lane_count = count;
    stream->per_prompt = options->choices;
    atomic_init(&stream->refs, 1);
    const struct engine_markup *markup =
        options->plain ? &no_markup : engine_scheduler_markup(options->sched);
    enum base_err err = BASE_OK;
    for (int32_t i = 0; i < count; i++) {
        struct lane *lane = &stream->lanes[i];
        *lane = (struct lane){.stream = stream, .choice = i};
        buffer_init(&lane->logprobs, LOGPROBS_MAX);
        if (!err)
            err = engine_answer_new(markup, &options->answer, &lane->answer, reterr);
    }
    if (err) {
        local_stream_unref(stream);
        return err;
    }
    *ret_stream = stream;
    return BASE_OK;
}

/* ---- loop side ---- */

static void cancel_lanes(struct target_stream *stream)
{
    for (int32_t i = 0; i < stream->lane_count; i++)
        if (stream->lanes[i].submitted)
            engine_scheduler_cancel(stream->sched, stream->lanes[i].id);
}

void local_stream_silence(struct target_stream *stream)
{
    stream->silent = true;
    cancel_lanes(stream);
}

void local_stream_pause(struct target_stream *stream, bool pause)
{
    stream->paused = pause;
    for (int32_t i = 0; i < stream->lane_count; i++) {
        if (!stream->lanes[i].submitted)
            continue;
        if (pause)
            engine_scheduler_pause(stream->sched, stream->lanes[i].id);
        else
            engine_scheduler_resume(stream->sched, stream->lanes[i].id);
    }
}

void local_stream_usage(struct target_stream *stream, struct chat_usage *ret)
{
    struct chat_usage sum = CHAT_USAGE_UNKNOWN;
    pthread_mutex_lock(&stream->lock);
    if (stream->started) {
        sum.input = sum.cache_read = sum.output = sum.reasoning = 0;
        for (int32_t i = 0; i < stream->lane_count; i++) {
            const struct engine_usage *usage = &stream->lanes[i].usage;
            if (i % stream->per_prompt == 0) { /* the others share its prompt */
                sum.input += (int64_t)usage->prompt_tokens - usage->cached_tokens;
                sum.cache_read += usage->cached_tokens;
            }
            sum.reasoning += stream->lanes[i].reasoning_tokens;
            sum.output += stream->lanes[i].usage.output_tokens - stream->lanes[i].reasoning_tokens;
        }
    }
    pthread_mutex_unlock(&stream->lock);
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
    local_stream_usage(stream, &event.usage);
    deliver(stream, &event);
    deliver(stream, &(struct chat_event){.type = CHAT_EVENT_DONE});
}

static void open_parcel(struct target_stream *stream, struct parcel *parcel)
{
    switch (parcel->event.type) {
    case CHAT_EVENT_STARTED:
        if (stream->started)
            return; /* n answers start once */
        pthread_mutex_lock(&stream->lock);
        stream->started = true;
        pthread_mutex_unlock(&stream->lock);
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
        if (!stream->silent) /* else all are cancelled, and the engine may be gone */
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
    local_stream_unref(stream);
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
        (void)local_stream_ref(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    if (post && !loop_post(stream->call.loop, drain, stream))
        local_stream_unref(stream); /* the loop has ended, and with it whoever listened */
}

/* Out of memory: the text would have a hole, so the answer ends here. */
static void give_up(struct lane *lane)
{
    lane->broken = true;
    engine_scheduler_cancel(lane->stream->sched, lane->engine_id);
}

static struct slice *slot_of(struct chat_event *event, int which)
{
    struct slice *slots[] = {&event->text,      &event->logprobs,       &event->tool.id,
                             &event->tool.name, &event->tool.arguments, &event->warning};
    return slots[which];
}

/* Copies the event and what it borrows; false: no memory. */
static bool send(struct lane *lane, const struct chat_event *event, const struct base_error *error)
{
    enum { SLOTS = 6 };
    struct chat_event copy = *event;
    size_t len = 0;
    for (int i = 0; i < SLOTS; i++)
        len += slot_of(&copy, i)->len;
    struct parcel *parcel = calloc(1, sizeof(*parcel) + len);
    if (!parcel)
        return false;
    char *at = parcel->bytes;
    for (int i = 0; i < SLOTS; i++) {
        struct slice *slot = slot_of(&copy, i);
        if (slot->len > 0)
            memcpy(at, slot->ptr, slot->len);
        *slot = slice_is_absent(*slot) ? SLICE_NONE : slice_of(at, slot->len);
        at += slot->len;
    }
    copy.choice = lane->choice;
    copy.retry_after_ms = -1;
    copy.served_model = lane->stream->name;
    parcel->event = copy;
    if (error)
        parcel->error = *error;
    hand_over(lane->stream, parcel);
    return true;
}

/* ---- pieces of an answer ---- */

/* Mistral's templates take ids of nine characters only; all others take these too, but longer ones
 * are what clients expect. */
static struct slice make_call_id(const struct engine_markup *markup, char out[ID_MAX])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    bool is_short = markup->tools == ENGINE_MARKUP_TOOLS_MISTRAL ||
                    markup->tools == ENGINE_MARKUP_TOOLS_MISTRAL_ARGS;
    size_t prefix = is_short ? 0 : 5, len = is_short ? 9 : 29;
    uint8_t random[ID_MAX];
    random_system()->fill(random_system()->self, random, sizeof(random));
    memcpy(out, "call_", prefix);
    for (size_t i = prefix; i < len; i++)
        out[i] = digits[random[i] % 36];
    return slice_of(out, len);
}

/* The log-probabilities of what now goes out, as an object; absent when there are none. */
static struct slice take_logprobs(struct lane *lane, struct buffer *object)
{
    if (buffer_len(&lane->logprobs) == 0)
        return SLICE_NONE;
    buffer_add_str(object, "{\"content\":[");
    buffer_add_slice(object, buffer_slice(&lane->logprobs));
    buffer_add_str(object, "],\"refusal\":null}");
    buffer_clear(&lane->logprobs);
    return buffer_slice(object);
}

static void send_text(struct lane *lane, struct slice text)
{
    struct buffer object;
    buffer_init(&object, LOGPROBS_MAX + 64);
    struct chat_event event = {
        .type = CHAT_EVENT_TEXT, .text = text, .logprobs = take_logprobs(lane, &object)};
    if (!send(lane, &event, NULL))
        give_up(lane);
    buffer_done(&object);
}

static void on_piece(void *user, const struct engine_piece *piece)
{
    struct lane *lane = user;
    char id[ID_MAX];
    struct chat_event event = {.type = CHAT_EVENT_TOOL_CALL};
    event.tool.index = (int32_t)piece->call;
    event.tool.arguments = SLICE("");
    switch (piece->type) {
    case ENGINE_PIECE_TEXT:
        send_text(lane, piece->text);
        return;
    case ENGINE_PIECE_REASONING:
        event.type = CHAT_EVENT_REASONING;
        event.text = piece->text;
        break;
    case ENGINE_PIECE_CALL:
        event.tool.id = make_call_id(engine_scheduler_markup(lane->stream->sched), id);
        event.tool.name = piece->text;
        break;
    case ENGINE_PIECE_ARGUMENTS:
        event.tool.arguments = piece->text;
        break;
    }
    if (!send(lane, &event, NULL))
        give_up(lane);
}

static void break_off(struct lane *lane, enum base_err err)
{
    struct base_error error;
    (void)base_error_set(&error, err,
                         err == BASE_ERR_LIMIT ? "the model calls more tools than one answer may"
                                               : "no memory for the answer");
    give_up(lane);
    lane->ended = send(lane, &(struct chat_event){.type = CHAT_EVENT_ERROR}, &error);
}

/* Tokens belong to the reasoning when they begin, continue or end it. Log-probabilities are those
 * of text alone. */
static void take_text(struct lane *lane, const struct engine_event *event)
{
    bool was_reasoning = engine_answer_is_reasoning(lane->answer);
    if (event->logprobs && engine_answer_is_text(lane->answer)) {
        if (buffer_len(&lane->logprobs) > 0)
            buffer_add_char(&lane->logprobs, ',');
        local_logprobs_write(engine_scheduler_tokenizer(lane->stream->sched), event,
                             &lane->logprobs);
    }
    enum base_err err = engine_answer_push(lane->answer, event->text, on_piece, lane);
    if (err)
        break_off(lane, err);
    bool is_reasoning = engine_answer_is_reasoning(lane->answer);
    if (!engine_answer_is_text(lane->answer))
        buffer_clear(&lane->logprobs); /* of a marker, or of a call */
    else if (buffer_len(&lane->logprobs) > 0 && !engine_answer_is_waiting(lane->answer))
        send_text(lane, SLICE("")); /* tokens without text of their own */
    pthread_mutex_lock(&lane->stream->lock);
    if (was_reasoning || is_reasoning)
        lane->reasoning_tokens += (int64_t)event->token_count;
    pthread_mutex_unlock(&lane->stream->lock);
}

static void take_finish(struct lane *lane, const struct engine_event *event)
{
    bool cut_off = event->finish == ENGINE_FINISH_LENGTH;
    enum base_err err = engine_answer_finish(lane->answer, cut_off, on_piece, lane);
    if (err) {
        break_off(lane, err);
        return;
    }
    struct chat_event finished = {.type = CHAT_EVENT_FINISHED, .finish = CHAT_FINISH_STOP};
    if (cut_off)
        finished.finish = CHAT_FINISH_LENGTH;
    else if (engine_answer_calls(lane->answer) > 0)
        finished.finish = CHAT_FINISH_TOOL_CALLS;
    if (!send(lane, &finished, NULL))
        give_up(lane);
}

static void take_start(struct lane *lane, const struct engine_event *event)
{
    char warning[64];
    struct chat_event started = {.type = CHAT_EVENT_STARTED};
    uint32_t dropped = event->usage.dropped_messages;
    if (dropped > 0) {
        int len = snprintf(warning, sizeof(warning), "overflow: %u message%s left out", dropped,
                           dropped == 1 ? "" : "s");
        started.warning = slice_of(warning, (size_t)len);
    }
    if (engine_answer_push(lane->answer, event->text, on_piece, lane) ||
        !send(lane, &started, NULL))
        give_up(lane);
}

static void take(struct lane *lane, const struct engine_event *event)
{
    switch (event->type) {
    case ENGINE_EVENT_STARTED:
        take_start(lane, event);
        return;
    case ENGINE_EVENT_TEXT:
        take_text(lane, event);
        return;
    case ENGINE_EVENT_FINISHED:
        take_finish(lane, event);
        return;
    case ENGINE_EVENT_DONE:
        (void)send(lane, &(struct chat_event){.type = CHAT_EVENT_DONE}, NULL);
        return;
    default:
        (void)send(lane, &(struct chat_event){.type = CHAT_EVENT_ERROR}, event->error);
    }
}

static void on_engine_event(void *user, const struct engine_event *event)
{
    struct lane *lane = user;
    struct target_stream *stream = lane->stream;
    bool is_last = event->type == ENGINE_EVENT_DONE || event->type == ENGINE_EVENT_ERROR;
    lane->engine_id = event->id;
    pthread_mutex_lock(&stream->lock);
    lane->usage = event->usage;
    pthread_mutex_unlock(&stream->lock);
    if (!lane->broken)
        take(lane, event);
    else if (is_last && !lane->ended)
        break_off(lane, BASE_ERR_NO_MEMORY);
    if (is_last)
        local_stream_unref(stream);
}

/* ---- beginning ---- */

enum base_err local_stream_submit(struct target_stream *stream, struct engine_request *request,
                                  int32_t first, int32_t count, struct base_error *reterr)
{
    for (int32_t i = first; i < first + count; i++) {
        struct lane *lane = &stream->lanes[i];
        struct engine_sink sink = {on_engine_event, lane};
        uint64_t id;
        (void)local_stream_ref(stream);
        enum base_err err = engine_scheduler_submit(stream->sched, request, sink, &id, reterr);
        if (err) {
            local_stream_unref(stream);
            return err;
        }
        lane->id = id;
        lane->submitted = true;
        stream->open_lanes++;
        if (request->sampling.seed_given) /* other answers, but again the same ones next time */
            request->sampling.seed++;
    }
    if (stream->paused)
        local_stream_pause(stream, true);
    return BASE_OK;
}

void local_stream_fail(struct target_stream *stream, const struct base_error *error)
{
    if (stream->failed)
        return;
    stream->failed = true;
    cancel_lanes(stream);
    deliver(stream,
            &(struct chat_event){.type = CHAT_EVENT_ERROR, .error = error, .retry_after_ms = -1});
}
