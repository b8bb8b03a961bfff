/* The HTTP server when memory is short: every allocation between the accept and the last byte fails
 * once, and no run crashes, hangs or leaks. The worker's loop runs on the test's own thread; the
 * client is a thread that never allocates. */
#include <fcntl.h>
#include <sys/socket.h>

#include "gateway/http/internal.h"
#include "tests/unit/gateway/http_app.h"
#include "tests/unit/oom.h"

static struct app app;
static int to_client[2], from_client[2];

struct visit {
    int fd;
    struct evloop *loop;
};

static const char requests[] =
    "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    "GET /models/m?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
    "GET /stream?n=2&k=1 HTTP/1.1\r\nHost: h\r\n\r\n"
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

static enum base_err serve(void *user)
{
    (void)user;
    struct http_options options = app_options(&app);
    options.workers = 1;
    enum base_err err = http_server_new(&options, &app.server, NULL);
    if (err)
        return err;
    struct worker *worker = &app.server->workers[0];
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
    char sent; /* all bytes are there before the loop runs: how often it allocates is then no matter
                * of timing, which oom_each() relies on */
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
