/* The HTTP server over real sockets: requests, order, bodies, errors, event streams. */
#include "tests/unit/gateway/http_app.h"

#define H "Host: h\r\n"

static int start(void **state)
{
    static struct app app;
    memset(&app, 0, sizeof(app));
    struct http_options options = app_options(&app);
    static const char *const proxies[] = {"127.0.0.2", "10.0.0.0/8"};
    options.trusted_proxies = proxies;
    options.trusted_proxy_count = 2;
    *state = app_start(&app, &options);
    return 0;
}

static int stop(void **state)
{
    app_stop(*state);
    return 0;
}

static void test_keep_alive_and_facts(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    for (int i = 0; i < 3; i++) {
        client_send(&client, "GET /ping HTTP/1.1\r\n" H "\r\n");
        assert_true(client_expect(&client, "HTTP/1.1 200 OK\r\nDate: "));
        assert_true(client_expect(&client, " GMT\r\nContent-Type: text/plain\r\n"
                                           "Content-Length: 4\r\nX-Request-Id: req-"));
        assert_true(client_expect(&client, "\r\n\r\npong"));
    }
    client_send(&client, "HEAD /ping HTTP/1.1\r\n" H "\r\nGET /ping HTTP/1.1\r\n" H
                         "Connection: close\r\n\r\n");
    assert_true(client_expect(&client, "Content-Length: 4\r\nX-Request-Id: "));
    assert_true(client_expect(&client, "\r\n\r\nHTTP/1.1 200 OK")); /* no body in between */
    assert_true(client_expect(&client, "Connection: close\r\n"));
    assert_true(client_expect(&client, "\r\n\r\npong"));
    assert_int_equal(client_finish(&client), 0);
    client_close(&client);

    client = client_open(app->port); /* HTTP/1.0 */
    client_send(&client, "GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(client_expect(&client, "Connection: keep-alive\r\n"));
    client_send(&client, "GET /ping HTTP/1.0\r\n\r\n");
    assert_true(client_expect(&client, "Connection: close\r\n"));
    assert_true(client_finish(&client) > 0);
    client_close(&client);
}

static void test_routes(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client, "GET /models/a%2Fb?y=1&x=c+d%21 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "id=a/b x=c d! client=127.0.0.1"));
    client_send(&client, "GET /ui/x/y.js HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "id=x/y.js x= "));
    client_send(&client, "GET /ui HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "id= x= "));
    static const char *const unknown[] = {"/",        "/pin",    "/ping/",  "/pingx",
                                          "/models/", "/models", "/%70ing", "/admin"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H "\r\n", unknown[i]);
        client_send(&client, text);
        assert_true(client_expect(&client, "HTTP/1.1 404 Not Found"));
        assert_true(client_expect(&client, "X-Should-Retry: false"));
        assert_true(client_expect(&client, "\"code\":\"not_found\"}}"));
    }
    client_send(&client, "GET /echo HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "HTTP/1.1 405 Method Not Allowed"));
    assert_true(client_expect(&client, "Allow: POST, PUT\r\n"));
    assert_true(client_expect(&client, "method_not_allowed"));
    client_close(&client);
}

static void test_bodies(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello");
    assert_true(client_expect(&client, "\r\n\r\nhello"));
    client_send(&client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n");
    usleep(20000);
    client_send(&client, "wor");
    usleep(20000);
    client_send(&client, "ld\r\n"); /* and the empty line that some add */
    assert_true(client_expect(&client, "\r\n\r\nworld"));
    client_send(&client, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nchu");
    usleep(20000);
    client_send(&client, "nk\r\n3;x=y\r\ned!\r\n0\r\nT: v\r\n\r\n");
    assert_true(client_expect(&client, "\r\n\r\nchunked!"));
    client_send(&client, "POST /echo HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "Content-Length: 0\r\n"));
    client_close(&client);
}

static void *send_large(void *arg)
{
    struct client *client = arg;
    static char block[1 << 20];
    memset(block, 'x', sizeof(block));
    client_send(client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 8388608\r\n\r\n");
    for (int i = 0; i < 8; i++)
        client_send_bytes(client, block, sizeof(block));
    return NULL;
}

static void test_a_large_body_both_ways(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    pthread_t sender;
    assert_int_equal(pthread_create(&sender, NULL, send_large, &client), 0);
    pthread_join(sender, NULL);
    assert_true(client_expect(&client, "Content-Length: 8388608\r\n"));
    assert_true(client_expect(&client, "\r\n\r\n"));
    while (client.len - client.seen < 8388608 && client_read(&client) > 0)
        ;
    assert_int_equal(client.len - client.seen, 8388608);
    for (size_t i = client.seen; i < client.len; i++)
        if (client.got[i] != 'x')
            fail_msg("byte %zu differs", i - client.seen);
    struct http_stats stats;
    client_close(&client);
    http_server_stats(app->server, &stats);
    assert_int_equal(stats.body_bytes_held, 0);
}

static void test_pipelined_in_order(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client, "GET /stream?n=5 HTTP/1.1\r\n" H "\r\n"
                         "POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi"
                         "GET /models/m HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "[DONE]"));
    assert_true(client_expect(&client, "\r\n0\r\n\r\nHTTP/1.1 200 OK"));
    assert_true(client_expect(&client, "\r\n\r\nhiHTTP/1.1 200 OK"));
    assert_true(client_expect(&client, "id=m "));
    client_close(&client);

    client = client_open(app->port); /* thousands, in one go */
    enum { MANY = 2000 };
    char *text = malloc(MANY * 40);
    size_t len = 0;
    assert_non_null(text);
    for (int i = 0; i < MANY; i++)
        len += (size_t)snprintf(text + len, 40, "GET /models/%d HTTP/1.1\r\n" H "\r\n", i);
    client_send_bytes(&client, text, len);
    free(text);
    for (int i = 0; i < MANY; i++) {
        char expected[40];
        (void)snprintf(expected, sizeof(expected), "id=%d x=", i);
        assert_true(client_expect(&client, expected));
    }
    client_close(&client);
}

static void test_an_invalid_second_request_leaves_the_first_alone(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client,
                "GET /stream?n=5 HTTP/1.1\r\n" H "\r\nGET /ping HTTP/1.1\r\nX : y\r\n\r\n");
    assert_true(client_expect(&client, "[DONE]"));
    assert_true(client_expect(&client, "\r\n0\r\n\r\nHTTP/1.1 400 Bad Request"));
    assert_true(client_expect(&client, "Connection: close\r\n"));
    assert_true(client_expect(&client, "followed by a colon"));
    assert_true(client_finish(&client) > 0);
    client_close(&client);
}

static void test_refusals(void **state)
{
    struct app *app = *state;
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "400 Bad Request"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
         "415 Unsupported Media Type"},
        {"POST /echo HTTP/1.1\r\n" H "Expect: x\r\nContent-Length: 1\r\n\r\nx",
         "417 Expectation Failed"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 33554433\r\n\r\n", "413 Content Too Large"},
        {"POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n", "413 Content Too Large"},
        {"POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n3\r\n",
         "413 Content Too Large"},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello",
         "400 Bad Request"},
    };
    struct http_stats before, after;
    http_server_stats(app->server, &before);
    int bodies = app->bodies;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client client = client_open(app->port);
        client_send(&client, rows[i].input);
        if (!client_expect(&client, rows[i].expected))
            fail_msg("%s\ngave %s", rows[i].input, client.got);
        assert_true(client_expect(&client, "Connection: close\r\n"));
        assert_true(client_finish(&client) > 0); /* the end comes after the whole answer */
        assert_non_null(strstr(client.got, "\"type\":\"invalid_request_error\""));
        client_close(&client);
    }
    assert_int_equal(app->bodies, bodies); /* nothing was executed */
    http_server_stats(app->server, &after);
    assert_int_equal(after.faults[HTTP_FAULT_BODY_TOO_LARGE],
                     before.faults[HTTP_FAULT_BODY_TOO_LARGE] + 3);
    assert_int_equal(after.faults[HTTP_FAULT_HOST], before.faults[HTTP_FAULT_HOST] + 1);
}

static void test_a_refusal_survives_a_client_that_goes_on_sending(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    static char block[300 * 1024];
    memset(block, 'a', sizeof(block));
    client_send(&client, "POST /small HTTP/1.1\r\n" H "Content-Length: 307200\r\n\r\n");
    client_send_bytes(&client, block, sizeof(block));
    assert_true(client_expect(&client, "413 Content Too Large"));
    assert_true(client_finish(&client) > 0);
    client_close(&client);

    client = client_open(app->port); /* a head without end */
    client_send(&client, "GET /ping HTTP/1.1\r\nX: ");
    client_send_bytes(&client, block, sizeof(block));
    assert_true(client_expect(&client, "431 Request Header Fields Too Large"));
    client_close(&client);
}

static void test_other_protocols_get_no_answer(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send_bytes(&client, "\x16\x03\x01\x02\x00\x01\x00", 7);
    assert_true(client_read(&client) <= 0);
    assert_int_equal(client.len, 0);
    client_close(&client);
    client = client_open(app->port);
    client_send(&client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_true(client_read(&client) <= 0);
    assert_int_equal(client.len, 0);
    client_close(&client);
}

static void test_expect_continue(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client, "POST /key HTTP/1.1\r\n" H "Authorization: Bearer x\r\n"
                         "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_true(client_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n"));
    client_send(&client, "hello");
    assert_true(client_expect(&client, "HTTP/1.1 200 OK"));
    assert_true(client_expect(&client, "hello"));
    /* a body that is there already needs no invitation */
    client_send(&client, "POST /key HTTP/1.1\r\n" H "Authorization: Bearer x\r\n"
                         "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nworld");
    assert_true(client_expect(&client, "HTTP/1.1 200 OK"));
    assert_true(client_expect(&client, "world"));
    assert_null(memmem(client.got + 26, client.len - 26, "100 Continue", 12));
    client_close(&client);

    client = client_open(app->port); /* no key: no invitation, and the body is never read */
    int bodies = app->bodies;
    client_send(&client, "POST /key HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
                         "Content-Length: 5\r\n\r\n");
    assert_true(client_expect(&client, "HTTP/1.1 401 Unauthorized"));
    assert_true(client_expect(&client, "Connection: close\r\n"));
    assert_true(client_expect(&client, "WWW-Authenticate: Bearer"));
    assert_true(client_expect(&client, "\"message\":\"no key was given\""));
    assert_true(client_finish(&client) >= 0);
    assert_null(strstr(client.got, "100 Continue"));
    assert_int_equal(app->bodies, bodies);
    client_close(&client);
}

static void test_an_early_answer_keeps_the_connection_when_all_was_read(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client, "POST /key HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"
                         "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "401 Unauthorized"));
    assert_true(client_expect(&client, "pong"));
    client_close(&client);
}

static void test_error_shapes(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client, "GET /limited HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "HTTP/1.1 429 Too Many Requests\r\n"));
    assert_true(client_expect(&client, "Content-Type: application/json\r\n"));
    assert_true(client_expect(&client, "X-One: 1\r\n"));
    assert_true(client_expect(&client, "Retry-After: 2\r\nRetry-After-Ms: 1500\r\n\r\n"));
    assert_true(client_expect(&client, "{\"error\":{\"message\":\"too many \\\"requests\\\"\","
                                       "\"type\":\"rate_limit_error\",\"param\":\"messages\","
                                       "\"code\":\"rate_limit_exceeded\"}}"));
    assert_null(strstr(client.got, "X-Should-Retry"));
    client_send(&client, "POST /v1/messages HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "{\"type\":\"error\",\"error\":{\"type\":"
                                       "\"authentication_error\",\"message\":\"no key was given\"},"
                                       "\"request_id\":\"req-"));
    client_close(&client);
}

static void test_event_streams(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    client_send(&client, "GET /lines HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "Content-Type: text/event-stream; charset=utf-8\r\n"
                                       "Transfer-Encoding: chunked\r\n"));
    assert_true(client_expect(&client, "\r\n\r\n2e\r\nevent: delta\ndata: a\ndata: b\ndata: c\n"
                                       "data: d\n\n\r\n8\r\ndata: \n\n\r\n8\r\n: note\n\n\r\n"
                                       "0\r\n\r\n"));
    client_send(&client, "GET /stream?n=3 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "data: {\"n\":2}\n\n"));
    assert_true(client_expect(&client, "data: {\"n\":0}\n\n"));
    assert_true(client_expect(&client, "data: [DONE]\n\n"));
    client_close(&client);

    client = client_open(app->port); /* to HTTP/1.0: until the close */
    client_send(&client, "GET /stream?n=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(client_expect(&client, "Connection: close\r\n"));
    assert_true(client_expect(&client, "\r\n\r\ndata: {\"n\":0}\n\ndata: [DONE]\n\n"));
    assert_int_equal(client_finish(&client), 0);
    assert_null(strstr(client.got, "chunked"));
    client_close(&client);

    client = client_open(app->port);
    client_send(&client, "GET /stream?n=1&k=20 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, ": keep-alive\n\n"));
    assert_true(client_expect(&client, ": keep-alive\n\n"));
    assert_true(client_expect(&client, "[DONE]"));
    client_close(&client);
}

static void test_a_broken_response_does_not_look_complete(void **state)
{
    struct app *app = *state;
    struct client client = client_open(app->port);
    int ended = app->ended;
    client_send(&client, "GET /break?how=abort HTTP/1.1\r\n" H "\r\n");
    (void)client_finish(&client);
    assert_true(client_await(&app->ended, ended + 1));
    assert_int_equal(app->outcome, HTTP_OUTCOME_ABORTED);
    assert_int_equal(app->gone, 0);
    assert_true(!client.got || !strstr(client.got, "0\r\n\r\n"));
    client_close(&client);
    client = client_open(app->port);
    client_send(&client, "GET /break?how=error HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "half"));
    assert_true(client_expect(&client, "data: {\"error\":{\"message\":\"the server that was to "
                                       "answer failed\",\"type\":\"server_error\""));
    assert_true(client_expect(&client, "0\r\n\r\n"));
    client_close(&client);
}

static void test_trusted_proxies(void **state)
{
    struct app *app = *state;
    static const struct {
        const char *from, *header, *expected;
    } rows[] = {
        {"127.0.0.2", "X-Forwarded-For: 1.2.3.4", "client=1.2.3.4"},
        {"127.0.0.2", "X-Forwarded-For: 9.9.9.9, 1.2.3.4, 10.1.1.1", "client=1.2.3.4"},
        {"127.0.0.2", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 2001:db8::1",
         "client=2001:db8::1"},
        {"127.0.0.2", "X-Forwarded-For: nonsense", "client=127.0.0.2"},
        {"127.0.0.1", "X-Forwarded-For: 1.2.3.4", "client=127.0.0.1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client client = client_open_from(app->port, rows[i].from, 0);
        char text[256];
        (void)snprintf(text, sizeof(text), "GET /models/m HTTP/1.1\r\n" H "%s\r\n\r\n",
                       rows[i].header);
        client_send(&client, text);
        assert_true(client_expect(&client, rows[i].expected));
        client_close(&client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive_and_facts),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_a_large_body_both_ways),
        cmocka_unit_test(test_pipelined_in_order),
        cmocka_unit_test(test_an_invalid_second_request_leaves_the_first_alone),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_refusal_survives_a_client_that_goes_on_sending),
        cmocka_unit_test(test_other_protocols_get_no_answer),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_an_early_answer_keeps_the_connection_when_all_was_read),
        cmocka_unit_test(test_error_shapes),
        cmocka_unit_test(test_event_streams),
        cmocka_unit_test(test_a_broken_response_does_not_look_complete),
        cmocka_unit_test(test_trusted_proxies),
    };
    log_setup(LOG_ERROR, 2);
    return cmocka_run_group_tests(tests, start, stop);
}
