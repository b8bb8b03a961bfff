#include "gateway/http/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define TO(state) (1u << EXCHANGE_##state)
static const struct {
    const char *name;
    unsigned next; /* states that may follow */
} states[EXCHANGE_STATE_COUNT] = {
    [EXCHANGE_HEAD] = {"head", TO(BODY) | TO(OVER)},
    [EXCHANGE_BODY] = {"body", TO(WAITING) | TO(STREAMING) | TO(SENDING) | TO(OVER)},
    [EXCHANGE_WAITING] = {"waiting", TO(STREAMING) | TO(SENDING) | TO(OVER)},
    [EXCHANGE_STREAMING] = {"streaming", TO(SENDING) | TO(OVER)},
    [EXCHANGE_SENDING] = {"sending", TO(OVER)},
    [EXCHANGE_OVER] = {"over", 0},
};

static int64_t now_ns(const struct http_exchange *ex)
{
    return loop_now_ns(evloop_loop(ex->worker->loop));
}

void exchange_set_state(struct http_exchange *ex, enum exchange_state state)
{
    if (!(states[ex->state].next & 1u << state)) { /* our own bug: say so, do not go on with it */
        log_event(LOG_ERROR, "http: illegal change of state",
                  LOG_STR("from", states[ex->state].name), LOG_STR("to", states[state].name),
                  LOG_END);
        abort();
    }
    _Atomic unsigned *open = &ex->worker->exchanges_open;
    unsigned value = atomic_load_explicit(open, memory_order_relaxed);
    if (ex->state == EXCHANGE_HEAD && state != EXCHANGE_OVER)
        atomic_store_explicit(open, value + 1, memory_order_relaxed);
    else if (ex->state != EXCHANGE_HEAD && state == EXCHANGE_OVER)
        atomic_store_explicit(open, value - 1, memory_order_relaxed);
    ex->state = state;
}

/* ---- from the first byte to the last ---- */

struct http_exchange *exchange_new(struct conn *conn)
{
    struct worker *worker = conn->worker;
    struct http_exchange *ex = worker->spare_exchanges;
    if (ex) {
        worker->spare_exchanges = ex->next_spare;
        worker->spare_exchange_count--;
    } else {
        ex = malloc(sizeof(*ex));
        if (!ex)
            return NULL;
    }
    memset(ex, 0, offsetof(struct http_exchange, head) + offsetof(struct http_head, fields));
    ex->conn = conn;
    ex->worker = worker;
    ex->refs = 1;
    ex->listener_id = conn->listener_id;
    buffer_init(&ex->body, SIZE_MAX / 2);
    buffer_init(&ex->extra, HTTP_HEAD_BYTES_MAX / 2);
    memcpy(ex->peer, conn->peer, sizeof(ex->peer));
    ex->outcome = HTTP_OUTCOME_SENT;
    ex->result.begin_ns = now_ns(ex);
    return ex;
}

static void exchange_free(struct http_exchange *ex)
{
    struct worker *worker = ex->worker;
    size_t held = buffer_len(&ex->body);
    if (held)
        atomic_fetch_sub_explicit(&worker->server->body_bytes_held, held, memory_order_relaxed);
    arena_free(ex->arena);
    buffer_give_spare(worker, &ex->bytes);
    buffer_done(&ex->body);
    buffer_done(&ex->extra);
    if (!SPARES || worker->spare_exchange_count >= SPARE_EXCHANGES_MAX) {
        free(ex);
        return;
    }
    ex->next_spare = worker->spare_exchanges;
    worker->spare_exchanges = ex;
    worker->spare_exchange_count++;
}

void exchange_free_spares(struct worker *worker)
{
    while (worker->spare_exchanges) {
        struct http_exchange *next = worker->spare_exchanges->next_spare;
        free(worker->spare_exchanges);
        worker->spare_exchanges = next;
    }
    for (unsigned i = 0; i < worker->spare_buffer_count; i++)
        buffer_done(&worker->spare_buffers[i]);
    worker->spare_buffer_count = 0;
}

static void exchange_end(void *user)
{
    struct http_exchange *ex = user;
    if (ex->known && ex->handler->on_end)
        ex->handler->on_end(ex);
    exchange_free(ex);
}

void http_exchange_ref(struct http_exchange *ex)
{
    ex->refs++;
}

void http_exchange_unref(struct http_exchange *ex)
{
    if (--ex->refs > 0)
        return;
    if (ex->worker->stopped)
        exchange_end(ex);
    else
        evloop_defer(ex->worker->loop, &ex->ending, exchange_end, ex);
}

void exchange_finish(struct http_exchange *ex, enum http_outcome outcome)
{
    bool tell = ex->known && ex->outcome != HTTP_OUTCOME_ABORTED &&
                (exchange_may_answer(ex) || ex->state == EXCHANGE_STREAMING);
    if (outcome == HTTP_OUTCOME_CLIENT_GONE)
        count(&ex->worker->counters.clients_gone, ex->state != EXCHANGE_HEAD);
    if (ex->state != EXCHANGE_HEAD && ex->result.status == 0)
        count(&ex->worker->counters.responses[0], 1);
    exchange_set_state(ex, EXCHANGE_OVER);
    ex->result.outcome = outcome;
    ex->result.end_ns = now_ns(ex);
    ex->conn->ex = NULL;
    ex->conn = NULL;
    if (tell && ex->handler->on_gone)
        ex->handler->on_gone(ex);
    if (--ex->refs == 0)
        exchange_end(ex);
}

/* ---- the head is complete ---- */

/* From the right: each trusted proxy vouches for the address that it wrote before it. */
static void find_client(struct http_exchange *ex)
{
    const struct http_server *server = ex->worker->server;
    memcpy(ex->client, ex->peer, sizeof(ex->client));
    if (!ex->conn->trusted_proxy)
        return;
    for (size_t i = ex->head.field_count; i-- > 0;) {
        struct slice list = ex->head.fields[i].value;
        if (!slice_eq_nocase(ex->head.fields[i].name, SLICE("x-forwarded-for")))
            continue;
        while (list.len > 0) {
            size_t at = list.len;
            while (at > 0 && list.ptr[at - 1] != ',')
                at--;
            struct ip_key key;
            if (!ip_parse(slice_trim(slice_sub(list, at, SIZE_MAX)), &key))
                return;
            ip_format(&key, ex->client);
            if (!cidr_has(server->proxies, server->proxy_count, &key))
                return;
            list = slice_sub(list, 0, at > 0 ? at - 1 : 0);
        }
    }
}

static void refuse_route(struct http_exchange *ex, const char *allow)
{
    struct base_error detail;
    enum base_err err = allow[0] ? BASE_ERR_METHOD_NOT_ALLOWED : BASE_ERR_NOT_FOUND;
    if (allow[0]) {
        (void)http_add_header(ex, "Allow", slice_from_str(allow));
        (void)base_error_set(&detail, err, "this path does not take that method; it takes %s",
                             allow);
    } else {
        (void)base_error_set(&detail, err, "there is nothing at this path");
    }
    if (http_respond_error(ex, err, &detail, 0))
        http_exchange_abort(ex);
}

void exchange_begin(struct http_exchange *ex)
{
    struct conn *conn = ex->conn;
    const struct http_options *options = &ex->worker->server->options;
    exchange_set_state(ex, EXCHANGE_BODY);
    ex->head_ns = now_ns(ex);
    count(&ex->worker->counters.requests, 1);
    if (options->make_request_id && !ex->request_id[0])
        options->make_request_id(options->app, ex->request_id);
    find_client(ex);
    char allow[128];
    ex->handler = route_find(options, ex->listener_id, &ex->head, &ex->param, allow, sizeof(allow));
    if (!ex->handler) {
        refuse_route(ex, allow);
        return;
    }
    uint64_t limit =
        ex->handler->body_bytes_max ? ex->handler->body_bytes_max : options->body_bytes_max;
    http_parser_limit_body(&conn->parser, limit);
    if (ex->head.content_length > limit)
        return; /* the parser refuses it next, before any handler has seen it */
    ex->known = true;
    if (ex->handler->on_request)
        ex->handler->on_request(ex);
    if (ex->state == EXCHANGE_BODY && ex->head.expect_continue && !ex->body_here &&
        !output_check(ex, 64)) {
        (void)buffer_add_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
        (void)output_added(ex);
    }
}

/* ---- the body ---- */

static bool hold_body(struct http_exchange *ex, size_t len)
{
    struct http_server *server = ex->worker->server;
    uint64_t before =
        atomic_fetch_add_explicit(&server->body_bytes_held, len, memory_order_relaxed);
    if (before + len <= server->options.body_bytes_total)
        return true;
    atomic_fetch_sub_explicit(&server->body_bytes_held, len, memory_order_relaxed);
    respond_refusal(ex, BASE_ERR_OVERLOADED, "too many request bodies are being received", 1000);
    return false;
}

void exchange_add_body(struct http_exchange *ex, struct slice piece, bool stays)
{
    ex->result.bytes_in += piece.len;
    if (ex->state != EXCHANGE_BODY)
        return; /* answered already */
    if (stays && ex->head.body == HTTP_BODY_LENGTH && piece.len == ex->head.content_length) {
        ex->whole = piece;
        return;
    }
    if (!hold_body(ex, piece.len))
        return;
    if (buffer_add_slice(&ex->body, piece)) {
        atomic_fetch_sub_explicit(&ex->worker->server->body_bytes_held, piece.len,
                                  memory_order_relaxed);
        respond_refusal(ex, BASE_ERR_NO_MEMORY, "no memory for the request body", 1000);
    }
}

char *exchange_body_room(struct http_exchange *ex, size_t want)
{
    char *room = buffer_reserve(&ex->body, want);
    if (!room)
        respond_refusal(ex, BASE_ERR_NO_MEMORY, "no memory for the request body", 1000);
    return room;
}

void exchange_body_took(struct http_exchange *ex, size_t len)
{
    ex->result.bytes_in += len;
    if (hold_body(ex, len))
        buffer_commit(&ex->body, len);
}

void exchange_deliver(struct http_exchange *ex)
{
    if (ex->state != EXCHANGE_BODY)
        return;
    if (slice_is_absent(ex->whole))
        ex->whole = buffer_slice(&ex->body);
    ex->body_here = true;
    ex->result.complete_ns = now_ns(ex);
    exchange_set_state(ex, EXCHANGE_WAITING);
    ex->handler->on_body(ex);
}

void exchange_shutdown(struct http_exchange *ex)
{
    static const struct base_error detail = {.code = BASE_ERR_SHUTTING_DOWN,
                                             .message = "the server is shutting down"};
    if (!exchange_may_answer(ex) && ex->state != EXCHANGE_STREAMING)
        return;
    if (ex->known && ex->handler->on_shutdown)
        ex->handler->on_shutdown(ex);
    else if (ex->state != EXCHANGE_STREAMING)
        (void)http_respond_error(ex, BASE_ERR_SHUTTING_DOWN, &detail, 1000);
    else if (ex->is_sse)
        (void)http_sse_error(ex, BASE_ERR_SHUTTING_DOWN, &detail);
    else
        http_exchange_abort(ex);
}

/* ---- what handlers may ask ---- */

const struct http_head *http_exchange_head(const struct http_exchange *ex)
{
    return &ex->head;
}

struct slice http_exchange_body(const struct http_exchange *ex)
{
    return ex->whole;
}

struct slice http_exchange_param(const struct http_exchange *ex)
{
    return ex->param;
}

const char *http_exchange_request_id(const struct http_exchange *ex)
{
    return ex->request_id;
}

const char *http_exchange_peer(const struct http_exchange *ex)
{
    return ex->peer;
}

const char *http_exchange_client(const struct http_exchange *ex)
{
    return ex->client;
}

unsigned http_exchange_listener(const struct http_exchange *ex)
{
    return ex->listener_id;
}

struct arena *http_exchange_arena(struct http_exchange *ex)
{
    if (!ex->arena)
        ex->arena = arena_new(ex->worker->server->options.arena_bytes_max);
    return ex->arena;
}

struct loop *http_exchange_loop(const struct http_exchange *ex)
{
    return evloop_loop(ex->worker->loop);
}

unsigned http_exchange_worker(const struct http_exchange *ex)
{
    return ex->worker->index;
}

void *http_exchange_app(const struct http_exchange *ex)
{
    return ex->worker->server->options.app;
}

void *http_exchange_user(const struct http_exchange *ex)
{
    return ex->user;
}

void http_exchange_set_user(struct http_exchange *ex, void *user)
{
    ex->user = user;
}

bool http_exchange_is_gone(const struct http_exchange *ex)
{
    return ex->state == EXCHANGE_OVER || ex->conn->broken;
}

bool http_exchange_is_answered(const struct http_exchange *ex)
{
    return ex->result.status != 0;
}

const struct http_result *http_exchange_result(const struct http_exchange *ex)
{
    return &ex->result;
}

const char *http_outcome_name(enum http_outcome outcome)
{
    static const char *const names[HTTP_OUTCOME_COUNT] = {
        "open", "sent", "client_gone", "stalled", "timeout", "refused", "aborted"};
    return (unsigned)outcome < HTTP_OUTCOME_COUNT ? names[outcome] : "unknown";
}
