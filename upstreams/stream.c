/*
 * Pool, targets and streams. One stream is one attempt: the door's check, one exchange of the
 * transport, one reader, two timers.
 *
 *     CONNECTING --on_sent--> WAITING --first content--> ANSWERING --> ENDED
 *
 * ENDED is reached once: by finish() (DONE or ERROR goes out) or by cancel() (nothing does).
 */
#include "upstreams/internal.h"
#include "upstreams/reader.h"
#include "upstreams/transport.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ERROR_BODY_MAX = 64 * 1024, ERROR_BODY_WAIT_MS = 5000, HEADERS_SENT_MAX = 24 };
enum { EVENT_MAX = 16 * 1024 * 1024 };

enum stream_state { CONNECTING, WAITING, ANSWERING, ENDED };

struct upstream_pool {
    struct loop *loop;
    struct transport *transport;
    size_t streams; /* not yet released */
};

struct target_stream {
    struct upstream_pool *pool;
    struct upstream *upstream;
    size_t model;
    struct upstream_slot slot;
    struct target_sink sink;
    struct target_deadlines deadlines;
    struct transport_exchange *exchange; /* NULL once given up */
    struct transport_info info;          /* as it was then */
    struct openai_reader *reader;        /* NULL until a head with status 200 */
    struct buffer error_body;            /* of any other status */
    struct loop_timer phase_timer, total_timer;
    int64_t started_ns, first_event_ns, last_event_ns, ended_ns; /* 0 = not yet */
    int64_t phase_ms; /* what the phase timer waits for */
    int64_t received_bytes;
    int64_t retry_after_ms;
    size_t sent_bytes;
    struct chat_usage usage;
    enum stream_state state;
    int status;
    bool streamed; /* as asked for */
    bool paused;
    char request_id[128];
    char served_model[128];
};

static const struct upstream_model *model_of(const struct target_stream *s)
{
    return &s->upstream->models[s->model].model;
}

static int64_t now_of(const struct target_stream *s)
{
    return loop_now_ns(s->pool->loop);
}

/* ---- the end ---- */

static void give_up_exchange(struct target_stream *s, bool drain)
{
    if (!s->exchange)
        return;
    const struct transport_ops *ops = s->pool->transport->ops;
    ops->info(s->exchange, &s->info);
    ops->release(s->exchange, drain);
    s->exchange = NULL;
}

static void end(struct target_stream *s, enum base_err err, bool drain)
{
    s->state = ENDED;
    s->ended_ns = now_of(s);
    loop_timer_clear(s->pool->loop, &s->phase_timer);
    loop_timer_clear(s->pool->loop, &s->total_timer);
    give_up_exchange(s, drain);
    upstream_slot_give(s->upstream, &s->slot, err, s->retry_after_ms);
    if (s->first_event_ns)
        upstream_model_measured(s->upstream, s->model,
                                s->streamed ? s->first_event_ns - s->started_ns : -1,
                                s->streamed ? chat_usage_output_total(&s->usage) : -1,
                                s->last_event_ns - s->first_event_ns);
}

static void finish(struct target_stream *s, enum base_err err, const struct base_error *detail)
{
    if (s->state == ENDED)
        return;
    struct base_error error = {0};
    struct chat_event event = {.type = CHAT_EVENT_DONE, .retry_after_ms = -1};
    if (err) {
        (void)base_error_set_param(&error, err, detail->param, "%.*s: %s",
                                   SLICE_ARG(model_of(s)->target_name), detail->message);
        event.type = CHAT_EVENT_ERROR;
        event.error = &error;
        event.retry_after_ms = s->retry_after_ms;
    }
    end(s, err, err == BASE_OK);
    s->sink.on_event(s->sink.user, &event);
}

static void fail(struct target_stream *s, enum base_err err, const char *format, ...)
    BASE_PRINTF(3, 4);

static void fail(struct target_stream *s, enum base_err err, const char *format, ...)
{
    struct base_error detail = {0};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail.message, sizeof(detail.message), format, args);
    va_end(args);
    finish(s, err, &detail);
}

/* An answer with another status than 200, read as far as it came. */
static void finish_status(struct target_stream *s)
{
    struct provider_error error;
    openai_error_read(s->status, buffer_slice(&s->error_body), &error);
    struct base_error detail = {0};
    (void)snprintf(detail.message, sizeof(detail.message), "status %d%s%s%s", s->status,
                   error.code[0] ? ", " : "", error.code,
                   s->status >= 300 && s->status < 400 ? ", a redirect, which is never followed"
                                                       : "");
    memcpy(detail.param, error.param, sizeof(error.param));
    finish(s, error.err, &detail);
}

/* ---- deadlines ---- */

static void on_phase_deadline(void *user);

static void set_phase(struct target_stream *s, int64_t ms)
{
    s->phase_ms = ms;
    if (loop_timer_set(s->pool->loop, &s->phase_timer, ms, on_phase_deadline, s) != BASE_OK)
        fail(s, BASE_ERR_NO_MEMORY, "out of memory for a deadline");
}

/* The idle deadline moves with every event; its timer is set again only when it fires. */
static bool was_busy(struct target_stream *s)
{
    int64_t left_ns = s->last_event_ns + s->deadlines.idle_ms * 1000000 - now_of(s);
    if (left_ns <= 0)
        return false;
    set_phase(s, (left_ns + 999999) / 1000000);
    return true;
}

static void on_phase_deadline(void *user)
{
    struct target_stream *s = user;
    if (s->status != 0 && s->status != 200)
        finish_status(s); /* the body of the error never ended: the status is enough */
    else if (s->paused)
        set_phase(s, s->deadlines.idle_ms); /* the silence is ours */
    else if (s->reader && openai_reader_is_whole(s->reader))
        finish(s, BASE_OK, NULL); /* all choices have finished; only the formal end is missing */
    else if (s->state == CONNECTING)
        fail(s, BASE_ERR_UPSTREAM_TIMEOUT, "no connection within %lld ms (connect deadline)",
             (long long)s->phase_ms);
    else if (s->state == WAITING)
        fail(s, BASE_ERR_UPSTREAM_TIMEOUT,
             "no content within %lld ms after the request was sent (first-byte deadline)",
             (long long)s->phase_ms);
    else if (!was_busy(s))
        fail(s, BASE_ERR_UPSTREAM_TIMEOUT, "no content for %lld ms (idle deadline)",
             (long long)s->deadlines.idle_ms);
}

static void on_total_deadline(void *user)
{
    struct target_stream *s = user;
    fail(s, BASE_ERR_UPSTREAM_TIMEOUT, "not finished within %lld ms (total deadline)",
         (long long)s->deadlines.total_ms);
}

/* ---- the reader's events ---- */

static void keep_clean(struct slice from, char *to, size_t size)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;
    for (size_t i = 0; i < len; i++)
        to[i] = from.ptr[i] > ' ' && from.ptr[i] <= '~' ? from.ptr[i] : '?';
    to[len] = '\0';
}

static bool on_reader_event(void *user, const struct chat_event *event)
{
    struct target_stream *s = user;
    if (event->type == CHAT_EVENT_STARTED) {
        keep_clean(event->served_model, s->served_model, sizeof(s->served_model));
    } else if (event->type == CHAT_EVENT_USAGE) {
        chat_usage_merge(&s->usage, &event->usage);
    } else if (chat_event_is_content(event->type)) {
        s->last_event_ns = now_of(s);
        if (s->state == WAITING) {
            s->state = ANSWERING;
            s->first_event_ns = s->last_event_ns;
            set_phase(s, s->deadlines.idle_ms);
        }
    }
    if (s->state != ENDED)
        s->sink.on_event(s->sink.user, event);
    return s->state != ENDED; /* cancelled inside the callback */
}

/* ---- the transport's callbacks ---- */

static void on_sent(void *user)
{
    struct target_stream *s = user;
    if (s->state == ENDED)
        return;
    s->state = WAITING;
    if (s->streamed)
        set_phase(s, s->deadlines.first_byte_ms);
    else
        loop_timer_clear(s->pool->loop, &s->phase_timer);
}

enum body_form { FORM_STREAM, FORM_WHOLE, FORM_WRONG };

static enum body_form form_of(struct slice content_type, bool streamed)
{
    const char *semicolon =
        content_type.len ? memchr(content_type.ptr, ';', content_type.len) : NULL;
    struct slice type = slice_trim(
        slice_sub(content_type, 0, semicolon ? (size_t)(semicolon - content_type.ptr) : SIZE_MAX));
    if (type.len == 0)
        return streamed ? FORM_STREAM : FORM_WHOLE;
    if (slice_eq_nocase(type, SLICE("text/event-stream")))
        return FORM_STREAM;
    return slice_eq_nocase(type, SLICE("application/json")) ? FORM_WHOLE : FORM_WRONG;
}

static void on_head_ok(struct target_stream *s, const struct transport_head *head)
{
    struct slice encoding = transport_header_find(head, "content-encoding");
    enum body_form form = form_of(transport_header_find(head, "content-type"), s->streamed);
    if (encoding.len > 0 && !slice_eq_nocase(encoding, SLICE("identity"))) {
        fail(s, BASE_ERR_UPSTREAM_PROTOCOL, "the answer is compressed, which was not asked for");
        return;
    }
    if (form == FORM_WRONG) {
        fail(s, BASE_ERR_UPSTREAM_PROTOCOL,
             "the answer is neither JSON nor an event stream; is the URL right");
        return;
    }
    size_t limit = s->upstream->max_response_bytes;
    struct reader_setup setup = {
        .is_sse = form == FORM_STREAM,
        .reads_cost = s->upstream->kind->cost,
        .max_bytes = form == FORM_STREAM && limit > EVENT_MAX ? EVENT_MAX : limit,
        .emit = on_reader_event,
        .user = s,
    };
    if (openai_reader_new(&setup, &s->reader) != BASE_OK)
        fail(s, BASE_ERR_NO_MEMORY, "out of memory for the answer");
}

static void on_head(void *user, const struct transport_head *head)
{
    struct target_stream *s = user;
    if (s->state == ENDED)
        return;
    if (s->state == CONNECTING) /* a transport that answers before it says that it has sent */
        on_sent(s);
    struct slice id = transport_header_find(head, "x-request-id");
    if (slice_is_absent(id))
        id = transport_header_find(head, "request-id");
    keep_clean(id, s->request_id, sizeof(s->request_id));
    s->status = head->status;
    if (head->status == 200) {
        on_head_ok(s, head);
        return;
    }
    s->retry_after_ms = retry_after_parse(transport_header_find(head, "retry-after-ms"),
                                          transport_header_find(head, "retry-after"),
                                          clock_wall_ns(s->pool->loop->clock));
    set_phase(s, ERROR_BODY_WAIT_MS);
}

static void on_data(void *user, struct slice bytes)
{
    struct target_stream *s = user;
    if (s->state == ENDED)
        return;
    s->received_bytes += (int64_t)bytes.len;
    if (!s->reader) {
        (void)buffer_add_slice(&s->error_body, bytes); /* what does not fit is not needed */
        return;
    }
    if (s->received_bytes > (int64_t)s->upstream->max_response_bytes) {
        fail(s, BASE_ERR_UPSTREAM_PROTOCOL, "the answer is larger than %zu bytes",
             s->upstream->max_response_bytes);
        return;
    }
    struct base_error detail = {0};
    enum base_err err = openai_reader_feed(s->reader, bytes, &detail);
    if (err != BASE_ERR_AGAIN && err != BASE_ERR_CANCELLED)
        finish(s, err, &detail);
}

static void on_done(void *user, enum base_err err, const struct base_error *detail)
{
    struct target_stream *s = user;
    if (s->state == ENDED)
        return;
    struct base_error ours = {0};
    bool was_cut = err == BASE_ERR_UPSTREAM_TRUNCATED;
    if (s->status != 0 && s->status != 200) {
        finish_status(s);
    } else if (s->reader && (err == BASE_OK || was_cut)) {
        err = openai_reader_end(s->reader, &ours);
        if (err != BASE_ERR_CANCELLED)
            finish(s, err, &ours);
    } else if (err == BASE_OK) {
        fail(s, BASE_ERR_UPSTREAM_PROTOCOL, "the connection ended without an answer");
    } else {
        finish(s, err, detail);
    }
}

/* ---- target operations ---- */

static int64_t stricter(int64_t asked, int64_t ours)
{
    return asked > 0 && asked < ours ? asked : ours;
}

/* The door. Nothing of a request reaches a transport but through here. */
static enum base_err check_permit(const struct upstream_target *t, const struct target_call *call,
                                  struct base_error *reterr)
{
    struct policy_destination destination = upstream_target_destination(&t->base);
    if (!call->body)
        return base_error_set(reterr, BASE_ERR_INTERNAL, "%.*s: started without a body",
                              SLICE_ARG(t->base.name));
    if (!call->permit) {
        if (!policy_permit_check_enabled())
            return BASE_OK;
        return base_error_set(reterr, BASE_ERR_POLICY_VIOLATION, "%.*s: started without a permit",
                              SLICE_ARG(t->base.name));
    }
    return policy_permit_check_body(call->permit, call->body, &destination, loop_now_ns(call->loop),
                                    reterr);
}

static bool allow_address(void *user, const struct sockaddr *address)
{
    const struct target_stream *s = user;
    return address_allowed(&s->upstream->replicas[s->slot.replica].addresses, address);
}

static size_t fill_headers(const struct target_stream *s, struct upstream_header *headers)
{
    const struct upstream *up = s->upstream;
    size_t count = 0;
    headers[count++] = (struct upstream_header){SLICE("content-type"), SLICE("application/json")};
    headers[count++] = (struct upstream_header){
        SLICE("accept"), s->streamed ? SLICE("text/event-stream") : SLICE("application/json")};
    headers[count++] = (struct upstream_header){SLICE("user-agent"), SLICE("hearth")};
    if (s->slot.key < up->key_count)
        headers[count++] = (struct upstream_header){
            slice_from_str(up->kind->auth_name),
            slice_of(up->keys[s->slot.key].value, up->keys[s->slot.key].len)};
    for (size_t i = 0; i < up->header_count && count < HEADERS_SENT_MAX; i++)
        headers[count++] = up->headers[i];
    return count;
}

static enum base_err start_exchange(struct target_stream *s, const struct policy_body *body,
                                    struct base_error *reterr)
{
    struct upstream_header headers[HEADERS_SENT_MAX];
    struct transport *transport = s->pool->transport;
    struct transport_request request = {
        .url = s->upstream->replicas[s->slot.replica].url,
        .headers = headers,
        .header_count = fill_headers(s, headers),
        .body = policy_body_bytes(body),
        .ca_file = s->upstream->ca_file,
        .connect_ms = s->deadlines.connect_ms,
        .address_allowed = allow_address,
        .address_user = s,
    };
    struct transport_sink sink = {on_sent, on_head, on_data, on_done, s};
    return transport->ops->start(transport, &request, &sink, &s->exchange, reterr);
}

static struct target_stream *stream_new(struct upstream_target *t, const struct target_call *call,
                                        struct target_sink sink)
{
    struct target_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    const struct target_deadlines *own = &t->upstream->deadlines;
    s->pool = t->pool;
    s->upstream = upstream_ref(t->upstream);
    s->model = t->model;
    s->sink = sink;
    s->deadlines = (struct target_deadlines){
        .connect_ms = stricter(call->deadlines.connect_ms, own->connect_ms),
        .first_byte_ms = stricter(call->deadlines.first_byte_ms, own->first_byte_ms),
        .idle_ms = stricter(call->deadlines.idle_ms, own->idle_ms),
        .total_ms = stricter(call->deadlines.total_ms, own->total_ms),
    };
    s->streamed = call->request->stream;
    s->retry_after_ms = -1;
    s->usage = CHAT_USAGE_UNKNOWN;
    s->sent_bytes = policy_body_bytes(call->body).len;
    s->started_ns = loop_now_ns(call->loop);
    buffer_init(&s->error_body, ERROR_BODY_MAX);
    s->pool->streams++;
    return s;
}

static void stream_free(struct target_stream *s)
{
    s->pool->streams--;
    openai_reader_free(s->reader);
    buffer_done(&s->error_body);
    upstream_unref(s->upstream);
    free(s);
}

static enum base_err take_slot(struct upstream_target *t, struct upstream_slot *ret_slot,
                               struct base_error *reterr)
{
    int64_t wait_ms = 0;
    enum base_err err = upstream_slot_take(t->upstream, ret_slot, &wait_ms);
    if (err == BASE_ERR_OVERLOADED)
        return base_error_set(reterr, err, "%.*s: all of its %lld places are taken",
                              SLICE_ARG(t->base.name), (long long)t->upstream->max_concurrent);
    if (err)
        return base_error_set(reterr, err,
                              "%.*s: not tried, it failed just now; next try in %lld ms",
                              SLICE_ARG(t->base.name), (long long)wait_ms);
    return BASE_OK;
}

static enum base_err do_start(struct target *target, const struct target_call *call,
                              struct target_sink sink, struct target_stream **ret_stream,
                              struct base_error *reterr)
{
    struct upstream_target *t = (struct upstream_target *)target;
    enum base_err err = check_permit(t, call, reterr);
    if (err)
        return err;
    struct target_stream *s = stream_new(t, call, sink);
    if (!s)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for an attempt");
    err = take_slot(t, &s->slot, reterr);
    if (err) {
        stream_free(s);
        return err;
    }
    s->phase_ms = s->deadlines.connect_ms;
    err = loop_timer_set(call->loop, &s->phase_timer, s->phase_ms, on_phase_deadline, s);
    if (!err)
        err = loop_timer_set(call->loop, &s->total_timer, s->deadlines.total_ms, on_total_deadline,
                             s);
    if (!err)
        err = start_exchange(s, call->body, reterr);
    if (err) {
        end(s, BASE_ERR_CANCELLED, false);
        stream_free(s);
        return err;
    }
    *ret_stream = s;
    return BASE_OK;
}

static void do_pause(struct target_stream *s)
{
    if (s->paused || !s->exchange)
        return;
    s->paused = true;
    s->pool->transport->ops->pause(s->exchange);
}

static void do_resume(struct target_stream *s)
{
    if (!s->paused || !s->exchange)
        return;
    s->paused = false;
    s->last_event_ns = now_of(s); /* the silence was ours */
    s->pool->transport->ops->resume(s->exchange);
}

static void do_cancel(struct target_stream *s)
{
    if (s->state != ENDED)
        end(s, BASE_ERR_CANCELLED, false);
}

static void do_usage(const struct target_stream *s, struct chat_usage *ret)
{
    *ret = s->usage;
}

static void do_release(struct target_stream *s)
{
    do_cancel(s);
    stream_free(s);
}

static const struct target_ops upstream_ops = {
    .start = do_start,
    .pause = do_pause,
    .resume = do_resume,
    .cancel = do_cancel,
    .usage = do_usage,
    .release = do_release,
};

/* ---- pool and targets ---- */

enum base_err upstream_pool_new(struct loop *loop, struct transport *transport,
                                struct upstream_pool **ret_pool, struct base_error *reterr)
{
    struct upstream_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for a connection pool");
    pool->loop = loop;
    pool->transport = transport;
    if (!transport) {
        enum base_err err = transport_curl_new(loop, &pool->transport, reterr);
        if (err) {
            free(pool);
            return err;
        }
    }
    *ret_pool = pool;
    return BASE_OK;
}

void upstream_pool_free(struct upstream_pool *pool)
{
    if (!pool)
        return;
    assert(pool->streams == 0);
    pool->transport->ops->free(pool->transport);
    free(pool);
}

enum base_err upstream_target_new(struct upstream_pool *pool, struct upstream *up, size_t model,
                                  struct target **ret_target, struct base_error *reterr)
{
    assert(model < up->model_count);
    struct upstream_target *t = calloc(1, sizeof(*t));
    if (!t)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for a target");
    t->base.ops = &upstream_ops;
    t->base.name = up->models[model].model.target_name;
    t->pool = pool;
    t->upstream = upstream_ref(up);
    t->model = model;
    *ret_target = &t->base;
    return BASE_OK;
}

void upstream_target_free(struct target *target)
{
    struct upstream_target *t = (struct upstream_target *)target;
    if (!t)
        return;
    upstream_unref(t->upstream);
    free(t);
}

bool upstream_is_target(const struct target *target)
{
    return target->ops == &upstream_ops;
}

struct upstream *upstream_target_upstream(const struct target *target)
{
    return ((const struct upstream_target *)target)->upstream;
}

size_t upstream_target_model(const struct target *target)
{
    return ((const struct upstream_target *)target)->model;
}

struct policy_destination upstream_target_destination(const struct target *target)
{
    const struct upstream_target *t = (const struct upstream_target *)target;
    return (struct policy_destination){
        .name = t->base.name,
        .id = t->upstream->models[t->model].destination,
        .zone = t->upstream->zone,
        .clearance = t->upstream->clearance,
    };
}

static struct slice text_or_none(const char *text)
{
    return text[0] ? slice_from_str(text) : SLICE_NONE;
}

void upstream_stream_report(const struct target_stream *s, struct upstream_stream_report *ret)
{
    struct transport_info info = s->info;
    if (s->exchange)
        s->pool->transport->ops->info(s->exchange, &info);
    int64_t until = s->ended_ns ? s->ended_ns : now_of(s);
    *ret = (struct upstream_stream_report){
        .url = s->upstream->replicas[s->slot.replica].base,
        .provider_request_id = text_or_none(s->request_id),
        .served_model = text_or_none(s->served_model),
        .http_status = s->status,
        .sends = info.sends,
        .connection_reused = info.reused,
        .sent_bytes = info.sends > 0 ? (int64_t)s->sent_bytes : 0,
        .received_bytes = s->received_bytes,
        .first_event_ms = s->first_event_ns ? (s->first_event_ns - s->started_ns) / 1000000 : -1,
        .total_ms = (until - s->started_ns) / 1000000,
    };
}
