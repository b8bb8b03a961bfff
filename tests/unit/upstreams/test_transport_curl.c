/*
 * libcurl's transport against a server on loopback that does, request by request,
 * what a test tells it to. Client and server share one loop and one thread.
 */
#include "upstreams/transport.h"

#include "base/core/buffer.h"
#include "tests/unit/upstreams/poll_loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONNECTIONS = 8, REQUEST_MAX = 64 * 1024, LOTS = 16 * 1024 * 1024 };

/* ---- the server ---- */

enum after { KEEP, CLOSE, RESET, FLOOD };

struct reply {
    const char *bytes; /* NULL = none */
    enum after after;
};

struct connection {
    struct server *server;
    int fd; /* 0 = none */
    struct loop_watch watch;
    struct buffer in;
    size_t flooded;
    bool flooding, seen_end;
};

struct server {
    struct poll_loop *loop;
    int fd, port;
    struct loop_watch watch;
    struct connection connections[CONNECTIONS];
    int accepted, requests;
    const struct reply *replies; /* by number of request; the last one repeats */
    int reply_count;
    struct buffer last; /* request, whole */
};

static void on_connection(void *user, int fd, unsigned events);

static void close_connection(struct connection *c)
{
    (void)loop_watch_set(&c->server->loop->base, &c->watch, c->fd, 0, on_connection, c);
    close(c->fd);
    buffer_done(&c->in);
    c->fd = 0;
}

static void flood(struct connection *c)
{
    static const char zeros[65536];
    for (int i = 0; i < 16 && c->flooded < LOTS; i++) {
        size_t len = LOTS - c->flooded < sizeof(zeros) ? LOTS - c->flooded : sizeof(zeros);
        ssize_t sent = send(c->fd, zeros, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0)
            break;
        c->flooded += (size_t)sent;
    }
    c->flooding = c->flooded < LOTS;
    unsigned events = LOOP_READ | (c->flooding ? LOOP_WRITE : 0u);
    (void)loop_watch_set(&c->server->loop->base, &c->watch, c->fd, events, on_connection, c);
}

static void answer(struct connection *c)
{
    struct server *s = c->server;
    int at = s->requests < s->reply_count ? s->requests : s->reply_count - 1;
    const struct reply *reply = &s->replies[at];
    s->requests++;
    if (reply->bytes)
        assert_true(send(c->fd, reply->bytes, strlen(reply->bytes), MSG_NOSIGNAL) > 0);
    if (reply->after == RESET) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
    if (reply->after == CLOSE || reply->after == RESET)
        close_connection(c);
    else if (reply->after == FLOOD)
        flood(c);
}

/* Length of the whole request at the front, or 0. */
static size_t request_length(struct slice in)
{
    size_t head = slice_find(in, SLICE("\r\n\r\n"));
    size_t at = slice_find(in, SLICE("Content-Length: "));
    if (head == SIZE_MAX || at == SIZE_MAX)
        return 0;
    size_t body = strtoul(in.ptr + at + 16, NULL, 10);
    return in.len >= head + 4 + body ? head + 4 + body : 0;
}

static void on_connection(void *user, int fd, unsigned events)
{
    struct connection *c = user;
    if (c->flooding && (events & LOOP_WRITE))
        flood(c);
    if (!(events & LOOP_READ))
        return;
    char *to = buffer_reserve(&c->in, 16384);
    ssize_t got = to ? recv(fd, to, 16383, MSG_DONTWAIT) : -1;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        c->seen_end = true;
        close_connection(c);
        return;
    }
    buffer_commit(&c->in, (size_t)got);
    c->in.data[c->in.end] = '\0';
    size_t len = request_length(buffer_slice(&c->in));
    if (len == 0)
        return;
    buffer_clear(&c->server->last);
    (void)buffer_add_slice(&c->server->last, slice_sub(buffer_slice(&c->in), 0, len));
    buffer_consume(&c->in, len);
    answer(c);
}

static void on_accept(void *user, int fd, unsigned events)
{
    struct server *s = user;
    (void)events;
    int accepted = accept(fd, NULL, NULL);
    assert_true(accepted > 0 && s->accepted < CONNECTIONS);
    struct connection *c = &s->connections[s->accepted++];
    *c = (struct connection){.server = s, .fd = accepted};
    buffer_init(&c->in, REQUEST_MAX);
    assert_int_equal(
        loop_watch_set(&s->loop->base, &c->watch, accepted, LOOP_READ, on_connection, c), BASE_OK);
}

static int listen_any(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* ---- the client ---- */

struct exchange {
    struct world *world;
    struct transport_exchange *handle;
    struct buffer got;
    char headers[1024];
    int sent, status;
    bool has_head, has_data, done;
    enum base_err err;
    struct base_error detail;
    bool pause_at_data, release_at_data, drain_at_data, start_at_done;
};

struct world {
    struct poll_loop loop;
    struct server server;
    struct transport *transport;
    char url[128];
    bool refuse_addresses;
    struct exchange next; /* started by start_at_done */
};

static void start(struct world *w, struct exchange *ex);

static void release(struct exchange *ex, bool drain)
{
    if (ex->handle)
        ex->world->transport->ops->release(ex->handle, drain);
    ex->handle = NULL;
}

static void on_sent(void *user)
{
    struct exchange *ex = user;
    assert_false(ex->has_head);
    ex->sent++;
}

static void on_head(void *user, const struct transport_head *head)
{
    struct exchange *ex = user;
    size_t len = 0;
    assert_false(ex->has_head);
    ex->has_head = true;
    ex->status = head->status;
    for (size_t i = 0; i < head->header_count && len < sizeof(ex->headers) - 1; i++)
        len +=
            (size_t)snprintf(ex->headers + len, sizeof(ex->headers) - len, "%.*s=%.*s;",
                             SLICE_ARG(head->headers[i].name), SLICE_ARG(head->headers[i].value));
}

static void on_data(void *user, struct slice bytes)
{
    struct exchange *ex = user;
    assert_true(ex->has_head && !ex->done && ex->handle != NULL);
    ex->has_data = true;
    (void)buffer_add_slice(&ex->got, bytes);
    if (ex->pause_at_data) {
        ex->pause_at_data = false;
        ex->world->transport->ops->pause(ex->handle);
    }
    if (ex->release_at_data || ex->drain_at_data)
        release(ex, ex->drain_at_data);
}

static void on_done(void *user, enum base_err err, const struct base_error *detail)
{
    struct exchange *ex = user;
    assert_false(ex->done);
    ex->done = true;
    ex->err = err;
    ex->detail = *detail;
    if (ex->start_at_done)
        start(ex->world, &ex->world->next);
}

static bool allow(void *user, const struct sockaddr *address)
{
    const struct world *w = user;
    assert_int_equal(address->sa_family, AF_INET);
    return !w->refuse_addresses;
}

static enum base_err try_start(struct world *w, struct exchange *ex, const char *url,
                               const struct upstream_header *extra)
{
    struct upstream_header headers[2] = {{SLICE("authorization"), SLICE("Bearer made-up")}};
    if (extra)
        headers[1] = *extra;
    struct transport_request request = {
        .url = slice_from_str(url),
        .headers = headers,
        .header_count = extra ? 2 : 1,
        .body = SLICE("{\"a\":1}"),
        .connect_ms = 5000,
        .address_allowed = allow,
        .address_user = w,
    };
    struct transport_sink sink = {on_sent, on_head, on_data, on_done, ex};
    ex->world = w;
    buffer_init(&ex->got, LOTS + 1);
    return w->transport->ops->start(w->transport, &request, &sink, &ex->handle, &ex->detail);
}

static void start(struct world *w, struct exchange *ex)
{
    assert_int_equal(try_start(w, ex, w->url, NULL), BASE_OK);
    assert_int_equal(ex->sent, 0); /* never calls back before it has returned */
}

static void finish(struct exchange *ex)
{
    assert_true(poll_loop_run(&ex->world->loop, &ex->done, 10000));
}

static struct transport_info info_of(const struct exchange *ex)
{
    struct transport_info info;
    ex->world->transport->ops->info(ex->handle, &info);
    return info;
}

static void end(struct exchange *ex)
{
    release(ex, false);
    buffer_done(&ex->got);
}

static void run(struct world *w, struct exchange *ex)
{
    start(w, ex);
    finish(ex);
}

static void got_text(struct exchange *ex, const char *text)
{
    assert_true(slice_eq_str(buffer_slice(&ex->got), text));
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    poll_loop_init(&w->loop);
    w->server.loop = &w->loop;
    w->server.fd = listen_any(&w->server.port);
    buffer_init(&w->server.last, REQUEST_MAX);
    assert_int_equal(loop_watch_set(&w->loop.base, &w->server.watch, w->server.fd, LOOP_READ,
                                    on_accept, &w->server),
                     BASE_OK);
    (void)snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/v1/chat", w->server.port);
    assert_int_equal(transport_curl_new(&w->loop.base, &w->transport, NULL), BASE_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    w->transport->ops->free(w->transport);
    (void)loop_watch_set(&w->loop.base, &w->server.watch, w->server.fd, 0, on_accept, NULL);
    for (int i = 0; i < w->server.accepted; i++)
        if (w->server.connections[i].fd)
            close_connection(&w->server.connections[i]);
    close(w->server.fd);
    buffer_done(&w->server.last);
    assert_int_equal(poll_loop_left(&w->loop), 0); /* no timer, no descriptor is left behind */
    free(w);
    return 0;
}

#define REPLIES(w, ...)                                                                            \
    static const struct reply replies_[] = {__VA_ARGS__};                                          \
    (w)->server.replies = replies_;                                                                \
    (w)->server.reply_count = sizeof(replies_) / sizeof(replies_[0])

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define OK_SMALL OK_HEAD "Content-Length: 2\r\n\r\nhi"

/* ---- tests ---- */

static void test_plain(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    REPLIES(w, {"HTTP/1.1 200 OK\r\nX-Request-ID:  abc \r\nContent-Length: 2\r\n\r\nhi", KEEP});
    run(w, &ex);
    assert_int_equal(ex.err, BASE_OK);
    assert_int_equal(ex.sent, 1);
    assert_int_equal(ex.status, 200);
    assert_string_equal(ex.headers, "x-request-id=abc;content-length=2;");
    got_text(&ex, "hi");
    assert_int_equal(info_of(&ex).received_bytes, 2);
    assert_false(info_of(&ex).reused);
    end(&ex);

    struct slice sent = buffer_slice(&w->server.last);
    char expected[300];
    (void)snprintf(expected, sizeof(expected),
                   "POST /v1/chat HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n"
                   "authorization: Bearer made-up\r\nContent-Length: 7\r\n"
                   "Content-Type: application/x-www-form-urlencoded\r\n\r\n{\"a\":1}",
                   w->server.port);
    assert_true(slice_eq_str(sent, expected)); /* no Expect, no Accept-Encoding, nothing else */
}

static void test_connection_is_kept(void **state)
{
    struct world *w = *state;
    struct exchange a = {0}, b = {0};
    REPLIES(w, {OK_SMALL, KEEP});
    run(w, &a);
    run(w, &b);
    assert_int_equal(w->server.accepted, 1);
    assert_true(info_of(&b).reused);
    end(&a);
    end(&b);
}

static void test_stale_connection_is_tried_once_more(void **state)
{
    struct world *w = *state;
    struct exchange a = {0}, b = {0};
    REPLIES(w, {OK_SMALL, KEEP}, {NULL, RESET}, {OK_SMALL, KEEP});
    run(w, &a);
    run(w, &b);
    assert_int_equal(b.err, BASE_OK);
    got_text(&b, "hi");
    assert_int_equal(b.sent, 2);
    assert_int_equal(info_of(&b).sends, 2);
    assert_false(info_of(&b).reused);
    assert_int_equal(w->server.requests, 3);
    end(&a);
    end(&b);
}

static void test_but_only_once(void **state)
{
    struct world *w = *state;
    struct exchange a = {0}, b = {0}, c = {0};
    REPLIES(w, {OK_SMALL, KEEP}, {OK_SMALL, KEEP}, {NULL, CLOSE}, {NULL, CLOSE}, {OK_SMALL, KEEP});
    start(w, &a);
    start(w, &b); /* two connections, both kept */
    finish(&a);
    finish(&b);
    assert_int_equal(w->server.accepted, 2);
    run(w, &c);
    assert_int_equal(c.err, BASE_ERR_UPSTREAM_TRUNCATED);
    assert_int_equal(c.sent, 2);
    assert_int_equal(w->server.requests, 4);
    end(&a);
    end(&b);
    end(&c);
}

static void test_fresh_connection_is_not_tried_again(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    REPLIES(w, {NULL, CLOSE}, {OK_SMALL, KEEP});
    run(w, &ex);
    assert_int_equal(ex.err, BASE_ERR_UPSTREAM_TRUNCATED);
    assert_false(ex.has_head);
    assert_int_equal(w->server.requests, 1);
    end(&ex);
}

static void test_not_again_once_an_answer_has_begun(void **state)
{
    struct world *w = *state;
    struct exchange a = {0}, b = {0};
    REPLIES(w, {OK_SMALL, KEEP}, {"HTTP/1.1 200 OK\r\n", CLOSE}, {OK_SMALL, KEEP});
    run(w, &a);
    run(w, &b);
    assert_int_not_equal(b.err, BASE_OK);
    assert_int_equal(w->server.requests, 2);
    end(&a);
    end(&b);
}

static void test_refused(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    int port, fd = listen_any(&port);
    char url[64];
    close(fd); /* nobody listens there now */
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
    assert_int_equal(try_start(w, &ex, url, NULL), BASE_OK);
    finish(&ex);
    assert_int_equal(ex.err, BASE_ERR_UPSTREAM_CONNECT);
    assert_int_equal(ex.sent, 0);
    end(&ex);
}

static void test_no_such_host(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    /* a label of more than 63 bytes: refused by the resolver without asking anyone */
    assert_int_equal(
        try_start(w, &ex,
                  "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                  "aaaaaaaaa.invalid/",
                  NULL),
        BASE_OK);
    finish(&ex);
    assert_int_equal(ex.err, BASE_ERR_UPSTREAM_CONNECT);
    end(&ex);
}

static void test_address_refused(void **state)
{
    struct world *w = *state;
    struct exchange a = {0}, b = {0};
    REPLIES(w, {OK_SMALL, KEEP});
    w->refuse_addresses = true;
    run(w, &a);
    assert_int_equal(a.err, BASE_ERR_POLICY_VIOLATION);
    poll_loop_turn(&w->loop, 20);
    assert_int_equal(w->server.accepted, 0);
    /* a kept connection is looked at again */
    struct exchange c = {0};
    w->refuse_addresses = false;
    run(w, &b);
    w->refuse_addresses = true;
    run(w, &c);
    assert_int_equal(c.err, BASE_ERR_POLICY_VIOLATION);
    assert_int_equal(w->server.requests, 1);
    end(&a);
    end(&b);
    end(&c);
}

static void test_redirect_is_not_followed(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    REPLIES(w, {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", KEEP});
    run(w, &ex);
    assert_int_equal(ex.err, BASE_OK);
    assert_int_equal(ex.status, 302);
    poll_loop_turn(&w->loop, 20);
    assert_int_equal(w->server.requests, 1);
    end(&ex);
}

static void test_proxy_of_the_environment_is_ignored(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    REPLIES(w, {OK_SMALL, KEEP});
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    run(w, &ex);
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
    assert_int_equal(ex.err, BASE_OK);
    end(&ex);
}

static void test_cut_answers(void **state)
{
    static const struct {
        struct reply reply;
        enum base_err err;
        const char *got;
    } cases[] = {
        {{OK_HEAD "Content-Length: 10\r\n\r\nhalf", CLOSE}, BASE_ERR_UPSTREAM_TRUNCATED, "half"},
        {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", CLOSE},
         BASE_ERR_UPSTREAM_TRUNCATED,
         "half"},
        {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", RESET},
         BASE_ERR_UPSTREAM_TRUNCATED,
         "half"},
        {{OK_HEAD "\r\nall of it", CLOSE}, BASE_OK, "all of it"},
        {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", CLOSE},
         BASE_ERR_UPSTREAM_TRUNCATED,
         ""},
        {{"SSH-2.0-oops\r\n", CLOSE}, BASE_ERR_UPSTREAM_PROTOCOL, ""},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange ex = {0};
        w->server.replies = &cases[i].reply;
        w->server.reply_count = 1;
        run(w, &ex);
        if (ex.err != cases[i].err)
            print_error("case %zu: %s\n", i, ex.detail.message);
        assert_int_equal(ex.err, cases[i].err);
        got_text(&ex, cases[i].got);
        end(&ex);
    }
}

static void test_interim_heads_and_trailers(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    REPLIES(w, {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n"
                "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nTrailer: t\r\n\r\n",
                KEEP});
    run(w, &ex);
    assert_int_equal(ex.err, BASE_OK);
    assert_string_equal(ex.headers, "a=b;transfer-encoding=chunked;");
    got_text(&ex, "hi");
    end(&ex);
}

static void test_head_too_large(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    size_t size = 100 * 1024;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text, "HTTP/1.1 200 OK\r\nX: ", 20);
    for (size_t i = 1000; i + 4 < size; i += 1000)
        memcpy(text + i, "\r\nX: ", 5);
    memcpy(text + size - 4, "\r\n\r\n", 5);
    struct reply reply = {text, CLOSE};
    w->server.replies = &reply;
    w->server.reply_count = 1;
    run(w, &ex);
    assert_int_equal(ex.err, BASE_ERR_UPSTREAM_PROTOCOL);
    assert_false(ex.has_head);
    end(&ex);
    free(text);
}

static void test_pause_is_back_pressure(void **state)
{
    struct world *w = *state;
    struct exchange ex = {.pause_at_data = true};
    REPLIES(w, {OK_HEAD "\r\n", FLOOD});
    start(w, &ex);
    poll_loop_turn(&w->loop, 300);
    size_t taken = buffer_len(&ex.got), sent = w->server.connections[0].flooded;
    assert_true(taken > 0 && taken < 1024 * 1024);
    assert_true(sent < LOTS); /* the server is held back by TCP */
    poll_loop_turn(&w->loop, 100);
    assert_int_equal(buffer_len(&ex.got), taken);
    w->transport->ops->resume(ex.handle);
    assert_int_equal(buffer_len(&ex.got), taken); /* never calls back before it has returned */
    while (buffer_len(&ex.got) < LOTS)
        poll_loop_turn(&w->loop, 5);
    assert_int_equal(info_of(&ex).received_bytes, LOTS);
    end(&ex);
}

static void test_release_closes_at_once(void **state)
{
    struct world *w = *state;
    struct exchange ex = {.release_at_data = true};
    REPLIES(w, {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", KEEP});
    start(w, &ex);
    assert_true(poll_loop_run(&w->loop, &ex.has_data, 5000));
    assert_true(poll_loop_run(&w->loop, &w->server.connections[0].seen_end, 100));
    assert_false(ex.done);
    end(&ex);
}

static void test_release_before_anything(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    REPLIES(w, {OK_SMALL, KEEP});
    start(w, &ex);
    end(&ex);
    poll_loop_turn(&w->loop, 30);
    assert_int_equal(ex.sent, 0);
}

static void test_drained_connection_is_kept(void **state)
{
    struct world *w = *state;
    struct exchange a = {.drain_at_data = true}, b = {0};
    REPLIES(w, {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", KEEP}, {OK_SMALL, KEEP});
    start(w, &a);
    assert_true(poll_loop_run(&w->loop, &a.has_data, 5000));
    assert_true(send(w->server.connections[0].fd, "2\r\nxx\r\n0\r\n\r\n", 12, 0) == 12);
    poll_loop_turn(&w->loop, 30);
    run(w, &b);
    assert_int_equal(w->server.accepted, 1);
    assert_true(info_of(&b).reused);
    got_text(&a, "hi");
    end(&a);
    end(&b);
}

static void test_drain_gives_up(void **state)
{
    struct world *w = *state;
    struct exchange a = {.drain_at_data = true};
    REPLIES(w, {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", KEEP});
    start(w, &a);
    assert_true(poll_loop_run(&w->loop, &a.has_data, 5000));
    poll_loop_turn(&w->loop, 500);
    assert_false(w->server.connections[0].seen_end);
    assert_true(poll_loop_run(&w->loop, &w->server.connections[0].seen_end, 1000));
    end(&a);
}

static void test_start_inside_a_callback(void **state)
{
    struct world *w = *state;
    struct exchange a = {.start_at_done = true};
    REPLIES(w, {OK_SMALL, KEEP});
    run(w, &a);
    finish(&w->next);
    assert_int_equal(w->next.err, BASE_OK);
    end(&a);
    end(&w->next);
}

static void test_headers_cannot_be_injected(void **state)
{
    static const struct upstream_header bad[] = {
        {SLICE_INIT("x-a"), SLICE_INIT("b\r\nx-evil: 1")},
        {SLICE_INIT("x-a"), SLICE_INIT("b\nc")},
        {SLICE_INIT("x-a"), SLICE_INIT("b\0c")},
        {SLICE_INIT("x a"), SLICE_INIT("b")},
        {SLICE_INIT("x:a"), SLICE_INIT("b")},
        {SLICE_INIT(""), SLICE_INIT("b")},
        {SLICE_INIT("x-a\r\n"), SLICE_INIT("b")},
        {SLICE_INIT("x-a"), SLICE_INIT("b\x7f")},
    };
    struct world *w = *state;
    REPLIES(w, {OK_SMALL, KEEP});
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct exchange ex = {0};
        assert_int_equal(try_start(w, &ex, w->url, &bad[i]), BASE_ERR_BAD_VALUE);
    }
    poll_loop_turn(&w->loop, 20);
    assert_int_equal(w->server.accepted, 0);
}

static void test_plain_text_where_tls_is_wanted(void **state)
{
    struct world *w = *state;
    struct exchange ex = {0};
    char url[64];
    REPLIES(w, {OK_SMALL, KEEP});
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", w->server.port);
    assert_int_equal(try_start(w, &ex, url, NULL), BASE_OK);
    assert_true(poll_loop_run(&w->loop, &(bool){false}, 50) == false);
    close_connection(&w->server.connections[0]); /* it never understood the ClientHello */
    finish(&ex);
    assert_int_equal(ex.err, BASE_ERR_UPSTREAM_TLS);
    assert_int_equal(ex.sent, 0);
    end(&ex);
}

static void test_many_at_once(void **state)
{
    struct world *w = *state;
    struct exchange all[CONNECTIONS] = {{0}};
    REPLIES(w, {OK_SMALL, KEEP});
    for (int i = 0; i < CONNECTIONS; i++)
        start(w, &all[i]);
    for (int i = 0; i < CONNECTIONS; i++) {
        finish(&all[i]);
        got_text(&all[i], "hi");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        end(&all[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain),
        TEST(test_connection_is_kept),
        TEST(test_stale_connection_is_tried_once_more),
        TEST(test_but_only_once),
        TEST(test_fresh_connection_is_not_tried_again),
        TEST(test_not_again_once_an_answer_has_begun),
        TEST(test_refused),
        TEST(test_no_such_host),
        TEST(test_address_refused),
        TEST(test_redirect_is_not_followed),
        TEST(test_proxy_of_the_environment_is_ignored),
        TEST(test_cut_answers),
        TEST(test_interim_heads_and_trailers),
        TEST(test_head_too_large),
        TEST(test_pause_is_back_pressure),
        TEST(test_release_closes_at_once),
        TEST(test_release_before_anything),
        TEST(test_drained_connection_is_kept),
        TEST(test_drain_gives_up),
        TEST(test_start_inside_a_callback),
        TEST(test_headers_cannot_be_injected),
        TEST(test_plain_text_where_tls_is_wanted),
        TEST(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
