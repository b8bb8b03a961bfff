/* The HTTP server when memory is short: every allocation between the accept and the last byte fails
 * once, and no run crashes, hangs or leaks. The worker's loop runs on the test's own thread; the
 * client is a thread that never allocates. The clock stands still but where a step moves it: what
 * falls into one turn of the loop, and so the number of allocations, is then no matter of speed. */
#include <fcntl.h>
#include <sys/socket.h>

#include "gateway/http/internal.h"
#include "tests/unit/gateway/http_app.h"
#include "tests/unit/oom.h"

enum { KEEPALIVE_MS = 2 };

static struct app app;
static int64_t time_ns = 1000000000;
static int to_client[2], from_client[2];

struct visit {
    int fd;
    struct evloop *loop;
};

static const char requests[] =
    "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    "GET /models/m?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /steps HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /limited HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
static const char body_request[] =
    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";

/* All of it a client does: sends, reads to the end, ends the loop. */
static void *client_main(void *arg)
{
    (void)arg;
    static char bytes[100000];
    struct visit visit;
    while (read(to_client[0], &visit, sizeof(visit)) == (ssize_t)sizeof(visit)) {
        (void)send(visit.fd, body_request, sizeof(body_request) - 1, MSG_NOSIGNAL);
        (void)send(visit.fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
        (void)send(visit.fd, requests, sizeof(requests) - 1, MSG_NOSIGNAL);
        (void)!write(from_client[1], "", 1);
        while (recv(visit.fd, bytes, sizeof(bytes), 0) > 0)
            ;
        evloop_stop(visit.loop);
        (void)!write(from_client[1], "", 1);
    }
    return NULL;
}

static int64_t time_now(void *self)
{
    (void)self;
    return time_ns;
}

static const struct clock standing_clock = {.mono_ns = time_now, .wall_ns = time_now};

/* Each step when what the last one made is out: a keep-alive, two events, the end. */
static void on_step(void *user)
{
    struct stream *stream = user;
    long out = (long)http_exchange_result(stream->ex)->bytes_out;
    if (out > stream->left) {
        bool first = stream->left == 0;
        stream->left = out;
        if (first)
            time_ns += KEEPALIVE_MS * 1000000;
        else if (app.writable++ < 2)
            (void)http_sse_data(stream->ex, SLICE("{}"));
        else
            (void)http_respond_end(stream->ex);
    }
    if (loop_timer_set(http_exchange_loop(stream->ex), &stream->timer, 1, on_step, stream))
        http_exchange_abort(stream->ex);
}

static void on_steps(struct http_exchange *ex)
{
    struct stream *stream = stream_new(ex);
    if (!stream)
        return;
    app.writable = 0;
    (void)http_sse_start(ex, KEEPALIVE_MS);
    on_step(stream);
}

static const struct http_handler handlers[] = {
    {.method = "POST", .path = "/echo", .on_body = on_echo, .on_gone = on_gone, .on_end = on_end},
    {.method = "GET", .path = "/models/{id}", .on_body = on_model},
    {.method = "GET", .path = "/steps", .on_body = on_steps, .on_gone = on_gone, .on_end = on_end},
    {.method = "GET", .path = "/limited", .on_body = on_limited, .on_end = on_end},
    {.method = "GET", .path = "/ping", .on_body = on_ping},
};

static enum base_err serve(void *user)
{
    (void)user;
    struct http_options options = app_options(&app);
    options.workers = 1;
    options.handlers = handlers;
    options.handler_count = sizeof(handlers) / sizeof(handlers[0]);
    enum base_err err = http_server_new(&options, &app.server, NULL);
    if (err)
        return err;
    struct worker *worker = &app.server->workers[0];
    evloop_loop(worker->loop)->clock = &standing_clock;
    struct listener listener = {.server = app.server};
    struct ip_key ip = {{0}};
    struct timeval wait = {.tv_sec = 5};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    (void)fcntl(fds[1], F_SETFL, 0);
    int room = 1 << 20; /* the client must not wait for us to read */
    (void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    (void)setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    struct conn *conn = conn_new(fds[0], &listener, &ip, "unix");
    if (!conn) {
        close(fds[0]);
        close(fds[1]);
        http_server_free(app.server);
        return BASE_ERR_NO_MEMORY;
    }
    conn->worker = worker;
    atomic_fetch_add(&worker->connections_open, 1);
    conn_adopt(conn);
    struct visit visit = {fds[1], worker->loop};
    assert_int_equal(write(to_client[1], &visit, sizeof(visit)), (ssize_t)sizeof(visit));
    char sent; /* all bytes are there before the loop runs */
    assert_int_equal(read(from_client[0], &sent, 1), 1);
    int64_t begin = client_now_ms();
    evloop_run(worker->loop);
    char done; /* it may end before evloop_stop() has returned, which still needs the loop */
    assert_int_equal(read(from_client[0], &done, 1), 1);
    assert_in_range(client_now_ms() - begin, 0, 4000); /* nobody waited for what cannot come */
    close(fds[1]);
    app.ended = 0;
    http_server_free(app.server);
    return BASE_OK;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    pthread_t client;
    assert_int_equal(pipe(to_client), 0);
    assert_int_equal(pipe(from_client), 0);
    assert_int_equal(pthread_create(&client, NULL, client_main, NULL), 0);
    assert_true(oom_each(serve, NULL) > 15);
    close(to_client[1]);
    pthread_join(client, NULL);
    close(to_client[0]);
    close(from_client[0]);
    close(from_client[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_may_fail)};
    log_setup(LOG_ERROR, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
