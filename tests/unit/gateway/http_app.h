/* The application that the server's tests talk to: small handlers that note what happens. */
#ifndef TESTS_UNIT_GATEWAY_HTTP_APP_H
#define TESTS_UNIT_GATEWAY_HTTP_APP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/core/log.h"
#include "gateway/http/http.h"
#include "tests/unit/gateway/http_client.h"

struct app {
    struct http_server *server;
    unsigned port;
    _Atomic int bodies, gone, ended, writable, shut, paused;
    _Atomic int outcome, status; /* of the last that ended */
    _Atomic long max_queued;
    _Atomic int begun, ids, worker;
    struct http_exchange *held; /* by /hold */
};

/* One stream in progress. */
struct stream {
    struct http_exchange *ex;
    long left; /* bytes still to be sent */
    struct loop_timer timer;
};

static inline struct app *app_of(struct http_exchange *ex)
{
    return http_exchange_app(ex);
}

static inline void app_answer(struct http_exchange *ex, const char *text)
{
    (void)http_respond(ex, 200, "text/plain", slice_from_str(text));
}

static inline void on_ping(struct http_exchange *ex)
{
    app_answer(ex, "pong");
}

static inline void on_echo(struct http_exchange *ex)
{
    app_of(ex)->bodies++;
    (void)http_respond(ex, 200, "application/octet-stream", http_exchange_body(ex));
}

static inline void on_model(struct http_exchange *ex)
{
    struct arena *arena = http_exchange_arena(ex);
    struct slice id = http_decode(ex, http_exchange_param(ex));
    struct slice x = http_exchange_query(ex, SLICE("x"));
    struct slice text = !arena ? SLICE_NONE
                               : arena_printf(arena, "id=%.*s x=%.*s client=%s", SLICE_ARG(id),
                                              SLICE_ARG(x), http_exchange_client(ex));
    if (slice_is_absent(text))
        (void)http_respond_error(ex, BASE_ERR_NO_MEMORY, NULL, 0);
    else
        (void)http_respond(ex, 200, "text/plain", text);
}

static inline void on_check_key(struct http_exchange *ex)
{
    app_of(ex)->begun++;
    if (slice_is_absent(http_head_get(http_exchange_head(ex), SLICE("authorization")))) {
        struct base_error detail;
        (void)base_error_set(&detail, BASE_ERR_UNAUTHENTICATED, "no key was given");
        (void)http_respond_error(ex, BASE_ERR_UNAUTHENTICATED, &detail, 0);
    }
}

static inline void on_limited(struct http_exchange *ex)
{
    struct base_error detail;
    (void)base_error_set_param(&detail, BASE_ERR_RATE_LIMIT, "messages", "too many \"requests\"");
    (void)http_add_header(ex, "X-One", SLICE("1"));
    (void)http_respond_error(ex, BASE_ERR_RATE_LIMIT, &detail, 1500);
}

static inline void on_wait(struct http_exchange *ex)
{
    app_of(ex)->begun++;
}

static inline void on_where(struct http_exchange *ex)
{
    app_of(ex)->worker = (int)http_exchange_worker(ex);
    app_of(ex)->begun++;
}

static inline void on_gone(struct http_exchange *ex)
{
    app_of(ex)->gone++;
}

static inline void on_end(struct http_exchange *ex)
{
    struct app *app = app_of(ex);
    struct stream *stream = http_exchange_user(ex);
    if (stream)
        loop_timer_clear(http_exchange_loop(ex), &stream->timer);
    app->outcome = (int)http_exchange_result(ex)->outcome;
    app->status = http_exchange_result(ex)->status;
    app->ended++;
}

static inline void on_shutdown(struct http_exchange *ex)
{
    app_of(ex)->shut++;
    (void)http_respond_error(ex, BASE_ERR_SHUTTING_DOWN, NULL, 2000);
}

static inline struct stream *stream_new(struct http_exchange *ex)
{
    struct arena *arena = http_exchange_arena(ex);
    struct stream *stream = arena ? arena_calloc(arena, 1, sizeof(*stream)) : NULL;
    if (!stream) {
        (void)http_respond_error(ex, BASE_ERR_NO_MEMORY, NULL, 0);
        return NULL;
    }
    stream->ex = ex;
    http_exchange_set_user(ex, stream);
    int64_t left = 0;
    (void)slice_to_i64(http_exchange_query(ex, SLICE("n")), &left);
    stream->left = (long)left;
    return stream;
}

static inline void on_tick(void *user)
{
    struct stream *stream = user;
    char text[32];
    if (stream->left-- == 0) {
        (void)http_sse_data(stream->ex, SLICE("[DONE]"));
        (void)http_respond_end(stream->ex);
        return;
    }
    int len = snprintf(text, sizeof(text), "{\"n\":%ld}", stream->left);
    (void)http_sse_data(stream->ex, slice_of(text, (size_t)len));
    if (loop_timer_set(http_exchange_loop(stream->ex), &stream->timer, 5, on_tick, stream))
        http_exchange_abort(stream->ex);
}

/* n events, 5 ms apart; k: keep-alives every k ms, and the first event only after 5 k */
static inline void on_stream(struct http_exchange *ex)
{
    struct stream *stream = stream_new(ex);
    int64_t keepalive = 0;
    if (!stream)
        return;
    app_of(ex)->begun++;
    (void)slice_to_i64(http_exchange_query(ex, SLICE("k")), &keepalive);
    (void)http_sse_start(ex, keepalive);
    if (loop_timer_set(http_exchange_loop(ex), &stream->timer, 1 + 5 * keepalive, on_tick, stream))
        http_exchange_abort(ex);
}

/* n bytes, as fast as the client takes them */
static inline void pour(struct http_exchange *ex)
{
    char block[16 * 1024];
    struct stream *stream = http_exchange_user(ex);
    struct app *app = app_of(ex);
    memset(block, 'b', sizeof(block));
    while (stream->left > 0) {
        size_t len = stream->left < (long)sizeof(block) ? (size_t)stream->left : sizeof(block);
        enum base_err err = http_send(ex, slice_of(block, len));
        if (err && err != BASE_ERR_AGAIN)
            return;
        stream->left -= (long)len;
        if ((long)http_exchange_queued(ex) > app->max_queued)
            app->max_queued = (long)http_exchange_queued(ex);
        if (err == BASE_ERR_AGAIN) {
            app->paused++;
            return;
        }
    }
    (void)http_respond_end(ex);
}

static inline void on_pour(struct http_exchange *ex)
{
    if (!stream_new(ex))
        return;
    (void)http_respond_start(ex, 200, "application/octet-stream");
    pour(ex);
}

static inline void on_writable(struct http_exchange *ex)
{
    app_of(ex)->writable++;
    pour(ex);
}

static inline void on_hold(struct http_exchange *ex)
{
    app_of(ex)->begun++;
    app_of(ex)->held = ex;
    http_exchange_ref(ex);
}

/* Begins a stream, and breaks it. */
static inline void on_break(struct http_exchange *ex)
{
    (void)http_respond_start(ex, 200, "text/plain");
    (void)http_send(ex, SLICE("half"));
    (void)stream_new(ex);
    if (slice_eq(http_exchange_query(ex, SLICE("how")), SLICE("error")))
        (void)http_sse_error(ex, BASE_ERR_UPSTREAM_TRUNCATED, NULL);
    else
        http_exchange_abort(ex);
}

static inline void on_many_lines(struct http_exchange *ex)
{
    (void)http_sse_start(ex, 0);
    (void)http_sse_event(ex, "delta", SLICE("a\nb\r\nc\rd"));
    (void)http_sse_data(ex, SLICE(""));
    (void)http_sse_comment(ex, "note");
    (void)http_respond_end(ex);
}

static const struct http_handler app_handlers[] = {
    {.method = "GET", .path = "/ping", .on_body = on_ping},
    {.method = "POST", .path = "/echo", .on_body = on_echo, .on_gone = on_gone, .on_end = on_end},
    {.method = "PUT", .path = "/echo", .on_body = on_echo},
    {.method = "GET", .path = "/models/{id}", .on_body = on_model},
    {.method = "GET", .path = "/ui/*", .on_body = on_model},
    {.method = "GET", .path = "/admin", .on_body = on_ping, .listeners = 1u << 7},
    {.method = "POST", .path = "/small", .on_body = on_echo, .body_bytes_max = 10},
    {.method = "POST",
     .path = "/key",
     .on_request = on_check_key,
     .on_body = on_echo,
     .on_end = on_end},
    {.method = "POST",
     .path = "/v1/messages",
     .on_request = on_check_key,
     .on_body = on_echo,
     .write_error = http_error_anthropic},
    {.method = "GET", .path = "/limited", .on_body = on_limited, .on_end = on_end},
    {.method = "GET",
     .path = "/wait",
     .on_body = on_wait,
     .on_gone = on_gone,
     .on_end = on_end,
     .on_shutdown = on_shutdown},
    {.method = "GET",
     .path = "/stream",
     .on_body = on_stream,
     .on_gone = on_gone,
     .on_end = on_end},
    {.method = "GET",
     .path = "/pour",
     .on_body = on_pour,
     .on_writable = on_writable,
     .on_gone = on_gone,
     .on_end = on_end},
    {.method = "GET", .path = "/hold", .on_body = on_hold, .on_gone = on_gone, .on_end = on_end},
    {.method = "GET", .path = "/break", .on_body = on_break, .on_gone = on_gone, .on_end = on_end},
    {.method = "GET", .path = "/where", .on_body = on_where, .on_gone = on_gone},
    {.method = "GET", .path = "/lines", .on_body = on_many_lines},
};

static inline void app_make_id(void *user, char out[HTTP_REQUEST_ID_MAX])
{
    struct app *app = user;
    (void)snprintf(out, HTTP_REQUEST_ID_MAX, "req-%d", ++app->ids);
}

static inline struct http_options app_options(struct app *app)
{
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    options.handlers = app_handlers;
    options.handler_count = sizeof(app_handlers) / sizeof(app_handlers[0]);
    options.app = app;
    options.make_request_id = app_make_id;
    options.workers = 2;
    return options;
}

static inline struct app *app_start(struct app *app, const struct http_options *options)
{
    struct base_error detail = {.message = ""};
    if (http_server_new(options, &app->server, &detail) ||
        http_server_listen(app->server, &(struct http_listen){.address = "127.0.0.1:0"}, &detail) ||
        http_server_start(app->server, &detail))
        fail_msg("%s", detail.message);
    app->port = http_server_port(app->server, 0);
    return app;
}

static inline void app_stop(struct app *app)
{
    http_server_stop(app->server);
    struct http_stats stats;
    http_server_stats(app->server, &stats);
    assert_int_equal(stats.connections_open, 0);
    assert_int_equal(stats.exchanges_open, 0);
    http_server_free(app->server);
}

#endif
