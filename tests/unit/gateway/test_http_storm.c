/* Many clients that do anything at any time: random requests in random cuts, some malformed, some
 * left half way, some reset. Whatever happens, the server stays well, and keeps its books.
 *     test_gateway_http_storm [SECONDS [SEED]] */
#include "tests/unit/gateway/http_app.h"

static struct app app;
static _Atomic bool over;
static _Atomic long rounds;

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed % below;
}

static const char with_key[] = "POST /key HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\n"
                               "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
static const char *const parts[] = {
    "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /models/m?x=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "POST /key HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    with_key,
    "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n01234567890123456789",
    "GET /stream?n=3 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /stream?n=1000&k=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /pour?n=3000000 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /break?how=abort HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /break?how=error HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /limited HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "GET /lines HTTP/1.0\r\n\r\n",
    "HEAD /ping HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /ping HTTP/1.1\r\nHost : h\r\n\r\n",
    "\r\n",
    "\x16\x03\x01",
    "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
};
enum { PART_COUNT = sizeof(parts) / sizeof(parts[0]) };

static void one_visit(uint64_t *seed)
{
    char text[4096], got[16384];
    size_t len = 0;
    for (uint64_t i = 1 + draw(seed, 4); i > 0; i--) {
        const char *part = parts[draw(seed, PART_COUNT)];
        memcpy(text + len, part, strlen(part));
        len += strlen(part);
    }
    if (draw(seed, 4) == 0)
        len -= draw(seed, len); /* left half way */
    struct client client = client_open_from(app.port, "127.0.0.1", draw(seed, 2) ? 8192 : 0);
    struct timeval wait = {.tv_usec = 1000 + (suseconds_t)draw(seed, 20000)};
    (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    for (size_t at = 0; at < len;) {
        size_t piece = draw(seed, 3) ? len - at : 1 + draw(seed, len - at);
        client_send_bytes(&client, text + at, piece);
        at += piece;
        if (draw(seed, 8) == 0)
            (void)recv(client.fd, got, sizeof(got), 0);
    }
    if (draw(seed, 6) == 0)
        (void)shutdown(client.fd, SHUT_WR);
    for (uint64_t i = draw(seed, 12); i > 0; i--)
        if (recv(client.fd, got, sizeof(got), 0) <= 0)
            break;
    if (draw(seed, 3))
        client_close(&client);
    else
        client_reset(&client);
    rounds++;
}

static void *storm_main(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15u;
    while (!over)
        one_visit(&seed);
    return NULL;
}

static int64_t storm_ms = 1500;
static uintptr_t storm_seed = 1;

static void test_storm(void **state)
{
    (void)state;
    enum { CLIENTS = 6 };
    pthread_t threads[CLIENTS];
    struct http_options options = app_options(&app);
    app_start(&app, &options);
    for (uintptr_t i = 0; i < CLIENTS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, storm_main, (void *)(storm_seed * 100 + i)), 0);
    int64_t end = client_now_ms() + storm_ms;
    while (client_now_ms() < end) { /* somebody who behaves is served all the time */
        struct client client = client_open(app.port);
        client_send(&client, "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_true(client_expect(&client, "pong"));
        client_close(&client);
        assert_true(http_server_stuck_ms(app.server) < 5000);
        usleep(10000);
    }
    over = true;
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    struct http_stats stats;
    for (int i = 0; i < 200; i++) { /* all of them have left */
        http_server_stats(app.server, &stats);
        if (stats.connections_open == 0)
            break;
        usleep(20000);
    }
    assert_int_equal(stats.connections_open, 0);
    assert_int_equal(stats.exchanges_open, 0);
    assert_int_equal(stats.body_bytes_held, 0);
    assert_true(rounds > 20);
    uint64_t answered = 0;
    for (int i = 0; i < 6; i++)
        answered += stats.responses[i];
    assert_true(answered >= stats.requests_total);
    app_stop(&app);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_storm)};
    if (argc > 1)
        storm_ms = 1000 * strtol(argv[1], NULL, 10);
    if (argc > 2)
        storm_seed = strtoul(argv[2], NULL, 10);
    log_setup(LOG_ERROR, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
