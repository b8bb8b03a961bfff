/* The HTTP server under clients that are slow, many, greedy or gone, and at its own end. */
#include "tests/unit/gateway/http_app.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#define H "Host: h\r\n"

static struct app app;

static struct http_options options_new(void)
{
    memset(&app, 0, sizeof(app));
    return app_options(&app);
}

static struct http_stats stats_now(void)
{
    struct http_stats stats;
    http_server_stats(app.server, &stats);
    return stats;
}

static unsigned exchanges_open(void)
{
    return (unsigned)stats_now().exchanges_open;
}

static unsigned connections_open(void)
{
    return (unsigned)stats_now().connections_open;
}

/* Waits until a figure of the server is what it should come to. */
static bool comes_to(unsigned (*figure)(void), unsigned wanted)
{
    for (int64_t end = client_now_ms() + CLIENT_WAIT_MS; figure() != wanted; usleep(500))
        if (client_now_ms() > end)
            return false;
    return true;
}

/* ---- slow clients ---- */

static void test_a_head_in_drops_meets_its_deadline(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.head_ms = 200;
    app_start(&app, &options);
    struct client client = client_open(app.port);
    struct client_span span = client_span_begin();
    client_send(&client, "GET /ping HTTP/1.1\r\nX: ");
    for (int i = 0; i < 100 && client_is_quiet(&client, 10); i++)
        client_send(&client, "a");
    assert_true(client_expect(&client, "408 Request Timeout"));
    assert_true(client_finish(&client) > 0);
    assert_true(client_span_ms(&span) >= 200);
    assert_true(client_span_own_ms(&span) <= 800);
    assert_int_equal(stats_now().timeouts_head, 1);
    client_close(&client);

    client = client_open(app.port); /* nothing at all: no answer either */
    assert_int_equal(client_finish(&client), 0);
    assert_int_equal(client.len, 0);
    client_close(&client);
    app_stop(&app);
}

static void test_an_idle_connection_is_closed_quietly(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.idle_ms = 100;
    app_start(&app, &options);
    struct client client = client_open(app.port);
    struct client_span span = client_span_begin();
    client_send(&client, "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "pong"));
    assert_int_equal(client_finish(&client), 0);
    assert_true(client_span_ms(&span) >= 100);
    assert_true(client_span_own_ms(&span) <= 600);
    client_close(&client);
    app_stop(&app);
}

static void test_a_body_needs_a_minimal_rate(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.body_grace_ms = 100;
    options.body_bytes_per_s = 1000;
    app_start(&app, &options);
    struct client client = client_open(app.port);
    struct client_span span = client_span_begin();
    client_send(&client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n");
    for (int i = 0; i < 200 && client_is_quiet(&client, 20); i++)
        client_send(&client, "ab"); /* 100 bytes a second */
    assert_true(client_expect(&client, "408 Request Timeout"));
    assert_true(client_span_ms(&span) >= 100);
    assert_true(client_span_own_ms(&span) <= 800);
    assert_true(client_await(&app.ended, 1));
    assert_int_equal(app.outcome, HTTP_OUTCOME_TIMEOUT);
    assert_int_equal(app.bodies, 0);
    assert_int_equal(stats_now().timeouts_body, 1);
    client_close(&client);
    app_stop(&app);
}

/* Four times as fast as demanded; false when this thread was kept from it by other programs. */
static bool send_at_four_times_the_rate(struct client *client)
{
    char block[100];
    memset(block, 'x', sizeof(block));
    bool kept_pace = true;
    int64_t begin = client_now_ms();
    client_send(client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        client_send_bytes(client, block, sizeof(block));
        kept_pace &= client_now_ms() - begin < 90 + i * 100; /* grace, and what came before */
        usleep(25000);
    }
    return kept_pace;
}

static void test_a_body_that_is_fast_enough_is_not_cut(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.body_grace_ms = 100;
    options.body_bytes_per_s = 1000;
    app_start(&app, &options);
    for (int64_t end = client_now_ms() + CLIENT_WAIT_MS;;) {
        struct client client = client_open(app.port);
        bool kept_pace = send_at_four_times_the_rate(&client);
        bool answered = client_expect(&client, "200 OK");
        client_close(&client);
        if (kept_pace || client_now_ms() > end) {
            assert_true(kept_pace && answered);
            break;
        }
    }
    app_stop(&app);
}

static void on_hang(void *user)
{
    _Atomic int *hangs = user;
    *hangs = 2;
    while (*hangs)
        usleep(1000);
}

/* Three clients, each with one deadline running, send in time what the server sees too late. False
 * when this thread was itself kept from being in time. */
static bool send_while_it_hangs(struct client *head, struct client *body, struct client *next)
{
    static _Atomic int hangs; /* the worker looks at it once more when this has returned */
    hangs = 1;
    int64_t begin = client_now_ms();
    client_send(head, "GET /ping HTTP/1.1\r\n");
    client_send(body, "POST /echo HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nab");
    client_send(next, "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(next, "pong"));
    assert_true(loop_post(http_server_worker_loop(app.server, 0), on_hang, (void *)&hangs));
    assert_true(client_await(&hangs, 2));
    client_send(head, H "\r\n");
    client_send(body, "cd");
    client_send(next, "GET /ping HTTP/1.1\r\n" H "\r\n");
    bool in_time = client_now_ms() - begin < 400;
    while (client_now_ms() - begin < 700)
        usleep(1000);
    hangs = 0;
    return in_time;
}

/* A server that is late to look does not blame the client for it. */
static void test_what_came_in_time_counts(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.workers = 1;
    options.head_ms = options.idle_ms = options.body_grace_ms = 500;
    bool in_time = false;
    for (int64_t end = client_now_ms() + CLIENT_WAIT_MS; !in_time && client_now_ms() < end;) {
        app_start(&app, &options);
        struct client head = client_open(app.port), body = client_open(app.port),
                      next = client_open(app.port);
        in_time = send_while_it_hangs(&head, &body, &next);
        bool served = client_expect(&head, "pong") && client_expect(&body, "\r\n\r\nabcd") &&
                      client_expect(&next, "pong");
        assert_true(served || !in_time);
        client_close(&head);
        client_close(&body);
        client_close(&next);
        app_stop(&app);
    }
    assert_true(in_time);
}

static void test_a_body_meets_its_deadline_at_any_rate(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.body_ms = 200;
    app_start(&app, &options);
    struct client client = client_open(app.port);
    client_send(&client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 10000000\r\n\r\n");
    char block[4096] = "";
    for (int i = 0; i < 200 && client_is_quiet(&client, 10); i++)
        client_send_bytes(&client, block, sizeof(block));
    assert_true(client_expect(&client, "408 Request Timeout"));
    client_close(&client);
    app_stop(&app);
}

/* ---- clients that leave ---- */

static void leave_by_close(struct client *client)
{
    client_close(client);
}

static void leave_by_shutdown(struct client *client)
{
    (void)shutdown(client->fd, SHUT_WR);
}

static void test_a_client_that_leaves_is_noticed_at_once(void **state)
{
    (void)state;
    static void (*const ways[])(struct client *) = {leave_by_close, client_reset,
                                                    leave_by_shutdown};
    static const char *const paths[] = {"/wait", "/stream?n=100000", "/pour?n=100000000"};
    struct http_options options = options_new();
    app_start(&app, &options);
    for (size_t path = 0; path < 3; path++) {
        for (size_t way = 0; way < 3; way++) {
            struct client client = client_open(app.port);
            char text[128];
            (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H "\r\n", paths[path]);
            int gone = app.gone, ended = app.ended, begun = app.begun;
            client_send(&client, text);
            if (path == 0)
                assert_true(client_await(&app.begun, begun + 1));
            else
                assert_true(client_expect(&client, "200 OK"));
            struct client_span span = client_span_begin();
            ways[way](&client);
            assert_true(client_await(&app.gone, gone + 1));
            assert_true(client_await(&app.ended, ended + 1));
            assert_true(client_span_own_ms(&span) <= 100);
            assert_int_equal(app.outcome, HTTP_OUTCOME_CLIENT_GONE);
            client_close(&client);
        }
    }
    assert_int_equal(stats_now().clients_gone, 9);
    app_stop(&app);
    assert_int_equal(app.gone, 9);
}

static void test_a_client_that_leaves_in_its_body(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client client = client_open(app.port);
    client_send(&client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhalf");
    usleep(20000);
    client_close(&client);
    assert_true(client_await(&app.gone, 1));
    assert_true(client_await(&app.ended, 1));
    assert_int_equal(app.bodies, 0);
    app_stop(&app);
}

static void test_half_close_may_be_allowed(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.half_close = true;
    app_start(&app, &options);
    struct client client = client_open(app.port);
    client_send(&client, "GET /stream?n=10 HTTP/1.1\r\n" H "\r\nGET /ping HTTP/1.1\r\n" H "\r\n");
    (void)shutdown(client.fd, SHUT_WR);
    assert_true(client_expect(&client, "[DONE]"));
    assert_true(client_expect(&client, "pong"));
    assert_int_equal(client_finish(&client), 0);
    client_close(&client);

    client = client_open(app.port); /* a reset is still one */
    client_send(&client, "GET /wait HTTP/1.1\r\n" H "\r\n");
    assert_true(client_await(&app.begun, 2));
    client_reset(&client);
    assert_true(client_await(&app.gone, 1));
    app_stop(&app);
}

static void test_an_answer_that_was_ready_is_sent_to_who_closed_its_side(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client client = client_open(app.port);
    client_send(&client, "GET /ping HTTP/1.1\r\n" H "\r\n");
    (void)shutdown(client.fd, SHUT_WR);
    assert_true(client_expect(&client, "pong"));
    assert_int_equal(client_finish(&client), 0);
    client_close(&client);
    app_stop(&app);
}

static void on_give_back(void *user)
{
    http_exchange_unref(user);
}

static void test_a_reference_keeps_the_exchange(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client client = client_open(app.port);
    client_send(&client, "GET /hold HTTP/1.1\r\n" H "\r\n");
    assert_true(client_await(&app.begun, 1));
    client_close(&client);
    assert_true(client_await(&app.gone, 1));
    usleep(20000);
    assert_int_equal(app.ended, 0);
    assert_true(loop_post(http_exchange_loop(app.held), on_give_back, app.held));
    assert_true(client_await(&app.ended, 1));

    client = client_open(app.port); /* held over the end of the server */
    client_send(&client, "GET /hold HTTP/1.1\r\n" H "\r\n");
    assert_true(client_await(&app.begun, 2));
    http_server_stop(app.server);
    assert_int_equal(app.gone, 2);
    assert_int_equal(app.ended, 1);
    assert_true(http_exchange_is_gone(app.held));
    http_exchange_unref(app.held);
    assert_int_equal(app.ended, 2);
    assert_int_equal(app.outcome, HTTP_OUTCOME_ABORTED);
    app_stop(&app);
    client_close(&client);
}

/* ---- clients that do not take what they asked for ---- */

static void test_a_slow_reader_holds_the_source_back(void **state)
{
    (void)state;
    enum { BYTES = 20000000 };
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client client = client_open_from(app.port, "127.0.0.1", 16 * 1024);
    client_send(&client, "GET /pour?n=20000000 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "\r\n\r\n"));
    size_t payload = 0;
    for (int i = 0; i < 5; i++) { /* slow at first */
        usleep(20000);
        (void)client_read(&client);
    }
    while (client.len < BYTES + BYTES / 2000 && client_read(&client) > 0)
        if (memmem(client.got + client.len - 7, 7, "\r\n0\r\n\r\n", 7))
            break;
    for (size_t i = client.seen; i < client.len; i++)
        payload += client.got[i] == 'b' && !(client.got[i + 1] == '\r' && i + 6 > client.len);
    assert_in_range(payload, BYTES, BYTES + 2000); /* some sizes of chunks hold a 'b' */
    assert_true(app.paused > 0);
    assert_true(app.writable > 0);
    assert_true(app.max_queued <= (long)options.high_water + 17 * 1024);
    assert_true(client_await(&app.ended, 1));
    assert_int_equal(app.outcome, HTTP_OUTCOME_SENT);
    client_close(&client);
    app_stop(&app);
}

static void test_a_reader_that_stops_is_given_up(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.stall_ms = 200;
    app_start(&app, &options);
    struct client client = client_open_from(app.port, "127.0.0.1", 16 * 1024);
    client_send(&client, "GET /pour?n=100000000 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_await(&app.ended, 1));
    assert_int_equal(app.outcome, HTTP_OUTCOME_STALLED);
    assert_int_equal(app.gone, 1);
    assert_int_equal(stats_now().timeouts_stall, 1);
    client_close(&client);
    app_stop(&app);
}

/* ---- many clients ---- */

static void test_connections_are_capped(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.connections_max = 2;
    app_start(&app, &options);
    struct client one = client_open(app.port), two = client_open(app.port);
    client_send(&one, "GET /ping HTTP/1.1\r\n" H "\r\n");
    client_send(&two, "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&one, "pong"));
    assert_true(client_expect(&two, "pong"));
    struct client three = client_open(app.port);
    assert_true(client_expect(&three, "503 Service Unavailable"));
    assert_true(client_expect(&three, "Retry-After: 1"));
    assert_true(client_finish(&three) >= 0);
    assert_int_equal(stats_now().connections_refused_full, 1);
    client_close(&three);
    client_close(&one);
    assert_true(comes_to(connections_open, 1));
    three = client_open(app.port);
    client_send(&three, "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&three, "pong"));
    client_close(&two);
    client_close(&three);
    app_stop(&app);
}

static void test_connections_of_one_address_are_capped(void **state)
{
    (void)state;
    static const char *const proxies[] = {"127.0.0.9/32"};
    struct http_options options = options_new();
    options.connections_per_ip = 1;
    options.trusted_proxies = proxies;
    options.trusted_proxy_count = 1;
    app_start(&app, &options);
    static const char *const from[] = {"127.0.0.1", "127.0.0.3", "127.0.0.9", "127.0.0.9"};
    struct client clients[4];
    for (int i = 0; i < 4; i++) {
        clients[i] = client_open_from(app.port, from[i], 0);
        client_send(&clients[i], "GET /ping HTTP/1.1\r\n" H "\r\n");
        assert_true(client_expect(&clients[i], "pong"));
    }
    struct client again = client_open(app.port);
    assert_true(client_expect(&again, "503 Service Unavailable"));
    assert_int_equal(stats_now().connections_refused_ip, 1);
    client_close(&again);
    for (int i = 0; i < 4; i++)
        client_close(&clients[i]);
    assert_true(comes_to(connections_open, 0));
    again = client_open(app.port);
    client_send(&again, "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&again, "pong"));
    client_close(&again);
    app_stop(&app);
}

static void test_bodies_are_capped_in_sum(void **state)
{
    (void)state;
    struct http_options options = options_new();
    options.body_bytes_total = 100000;
    app_start(&app, &options);
    static char block[60000];
    memset(block, 'x', sizeof(block));
    struct client one = client_open(app.port), two = client_open(app.port);
    client_send(&one, "POST /echo HTTP/1.1\r\n" H "Content-Length: 60001\r\n\r\n");
    client_send_bytes(&one, block, sizeof(block));
    for (int64_t end = client_now_ms() + CLIENT_WAIT_MS;
         stats_now().body_bytes_held < 60000 && client_now_ms() < end;)
        usleep(500);
    client_send(&two, "POST /echo HTTP/1.1\r\n" H "Content-Length: 60000\r\n\r\n");
    client_send_bytes(&two, block, sizeof(block));
    assert_true(client_expect(&two, "503 Service Unavailable"));
    assert_true(client_expect(&two, "Retry-After: 1\r\nRetry-After-Ms: 1000"));
    client_send(&one, "x");
    assert_true(client_expect(&one, "200 OK"));
    client_close(&one);
    client_close(&two);
    app_stop(&app);
}

static void test_a_busy_worker_gets_no_new_connection(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client busy[3];
    unsigned on[3];
    for (int i = 0; i < 3; i++) {
        busy[i] = client_open(app.port);
        client_send(&busy[i], "GET /where HTTP/1.1\r\n" H "\r\n");
        assert_true(client_await(&app.begun, i + 1));
        on[i] = (unsigned)app.worker;
    }
    assert_int_not_equal(on[0], on[1]);
    client_close(&busy[on[2] == on[0] ? 1 : 0]); /* one has two now, the other none */
    assert_true(comes_to(exchanges_open, 2));
    struct client next = client_open(app.port);
    client_send(&next, "GET /where HTTP/1.1\r\n" H "\r\n");
    assert_true(client_await(&app.begun, 4));
    assert_int_not_equal(app.worker, on[2]);
    for (int i = 0; i < 3; i++)
        client_close(&busy[i]);
    client_close(&next);
    app_stop(&app);
}

/* Bytes in use by this process, or 0 where malloc does not tell. */
static size_t heap_in_use(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static bool stuck_for(int64_t least_ms, int64_t most_ms)
{
    for (int64_t end = client_now_ms() + CLIENT_WAIT_MS; client_now_ms() < end; usleep(1000)) {
        int64_t now = http_server_stuck_ms(app.server);
        if (now >= least_ms && now <= most_ms)
            return true;
    }
    return false;
}

static void test_a_worker_that_hangs_is_seen(void **state)
{
    (void)state;
    _Atomic int hangs = 1;
    struct http_options options = options_new();
    app_start(&app, &options);
    assert_true(stuck_for(0, 1000));
    assert_true(loop_post(http_server_worker_loop(app.server, 1), on_hang, (void *)&hangs));
    assert_true(stuck_for(1300, INT64_MAX));
    hangs = 0;
    assert_true(stuck_for(0, 1000)); /* and that it came back */
    app_stop(&app);
}

static void test_an_idle_connection_is_light(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    static struct client clients[COUNT];
    struct http_options options = options_new();
    app_start(&app, &options);
    size_t before = 0;
    for (int i = 0; i < COUNT; i++) {
        clients[i] = client_open(app.port);
        client_send(&clients[i], "GET /ping HTTP/1.1\r\n" H "\r\n");
        assert_true(client_expect(&clients[i], "pong"));
        free(clients[i].got);
        clients[i].got = NULL;
        clients[i].capacity = clients[i].len = clients[i].seen = 0;
        if (i == 99)
            before = heap_in_use(); /* spare parts have been made by now */
    }
    usleep(20000);
    size_t after = heap_in_use();
    if (before > 0)
        assert_true(after < before + (COUNT - 100) * 2048);
    for (int i = 0; i < COUNT; i++)
        client_close(&clients[i]);
    app_stop(&app);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void test_without_descriptors_it_refuses_and_does_not_spin(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)app.port)};
    (void)inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct rlimit before, small;
    getrlimit(RLIMIT_NOFILE, &before);
    small = before;
    small.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    int filler[64], count = 0;
    for (int fd = dup(0); fd >= 0; fd = dup(0))
        filler[count++] = fd;
    assert_int_equal(connect(client.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_true(client_expect(&client, "503 Service Unavailable"));
    double cpu = cpu_seconds();
    usleep(200000);
    cpu = cpu_seconds() - cpu;
    while (count > 0)
        close(filler[--count]);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(cpu < 0.1);
    assert_true(stats_now().accept_failures >= 1);
    client_close(&client);
    client = client_open(app.port);
    client_send(&client, "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "pong"));
    client_close(&client);
    app_stop(&app);
}

/* How many lines of the file hold `what`, and the sum of their "requests" if `sum` is not NULL. */
static unsigned log_lines(FILE *log, const char *what, unsigned long *sum)
{
    char line[1024];
    unsigned lines = 0;
    rewind(log);
    while (fgets(line, sizeof(line), log)) {
        const char *number = strstr(line, "\"requests\":");
        if (!strstr(line, what))
            continue;
        lines++;
        if (sum && number)
            *sum += strtoul(number + 11, NULL, 10);
    }
    return lines;
}

static void test_a_flood_of_nonsense_does_not_fill_the_log(void **state)
{
    (void)state;
    enum { FLOOD = 300 };
    static const char *const bad[] = {"GET / HTTP/1.1\nHost: h\r\n\r\n",
                                      "GET /ping HTTP/1.1\r\n\r\n"};
    static const char *const faults[] = {"\"fault\":\"LINE_END\"", "\"fault\":\"HOST\""};
    struct http_options options = options_new();
    options.summary_ms = 50;
    FILE *log = tmpfile();
    assert_non_null(log);
    log_setup(LOG_INFO, fileno(log));
    app_start(&app, &options);
    for (int i = 0; i < FLOOD; i++) {
        struct client client = client_open(app.port);
        client_send(&client, bad[i % 2]);
        assert_true(client_expect(&client, "400 Bad Request"));
        client_close(&client);
    }
    app_stop(&app);
    log_setup(LOG_ERROR, 2);
    for (int i = 0; i < 2; i++) {
        unsigned long more = 0;
        char refused[128], summary[128];
        (void)snprintf(refused, sizeof(refused), "\"http: request refused\",%s", faults[i]);
        (void)snprintf(summary, sizeof(summary), "\"http: more requests were refused\",%s",
                       faults[i]);
        assert_int_equal(log_lines(log, refused, NULL), LOG_LIMIT_LINES);
        assert_true(log_lines(log, summary, &more) > 0);
        assert_int_equal(LOG_LIMIT_LINES + more, FLOOD / 2); /* none is forgotten */
    }
    fclose(log);
}

/* ---- the end ---- */

static void test_drain(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client idle = client_open(app.port), streaming = client_open(app.port);
    client_send(&idle, "GET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&idle, "pong"));
    client_send(&streaming, "GET /stream?n=20 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&streaming, "data: "));
    assert_false(http_server_draining(app.server));
    http_server_drain(app.server, 10 * CLIENT_WAIT_MS);
    http_server_drain(app.server, 1); /* the first one's deadline stays */
    assert_true(http_server_draining(app.server));
    assert_int_equal(client_finish(&idle), 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)app.port)};
    (void)inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
    close(fd);
    assert_true(client_expect(&streaming, "[DONE]"));
    assert_int_equal(client_finish(&streaming), strlen("\n\n\r\n0\r\n\r\n"));
    client_close(&idle);
    client_close(&streaming);
    app_stop(&app);
}

static void test_what_waits_at_the_drain_deadline_is_told(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client waiting = client_open(app.port);
    client_send(&waiting, "GET /wait HTTP/1.1\r\n" H "\r\nGET /ping HTTP/1.1\r\n" H "\r\n");
    assert_true(client_await(&app.begun, 1));
    struct client_span span = client_span_begin();
    http_server_drain(app.server, 100);
    assert_true(client_expect(&waiting, "503 Service Unavailable"));
    assert_true(client_span_ms(&span) >= 100);
    assert_true(client_expect(&waiting, "Connection: close\r\n"));
    assert_int_equal(app.shut, 1);
    (void)client_finish(&waiting);
    assert_null(strstr(waiting.got, "pong"));
    client_close(&waiting);
    app_stop(&app);
}

static void test_a_stream_at_the_drain_deadline_ends_in_an_error(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client client = client_open(app.port);
    client_send(&client, "GET /stream?n=100000 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "data: "));
    http_server_drain(app.server, 20);
    assert_true(client_expect(&client, "\"code\":\"shutting_down\"}}\n\n\r\n0\r\n\r\n"));
    assert_null(strstr(client.got, "[DONE]"));
    client_close(&client);
    app_stop(&app);
}

static void test_stop_ends_what_is_open(void **state)
{
    (void)state;
    struct http_options options = options_new();
    app_start(&app, &options);
    struct client clients[4];
    static const char *const paths[] = {"/wait", "/stream?n=100000", "/pour?n=100000000", "/ping"};
    for (int i = 0; i < 4; i++) {
        char text[128];
        clients[i] = client_open(app.port);
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H "\r\n", paths[i]);
        client_send(&clients[i], text);
        if (i > 0)
            assert_true(client_expect(&clients[i], "200 OK"));
        else
            assert_true(client_await(&app.begun, 1));
    }
    app_stop(&app);
    assert_int_equal(app.gone, 3);
    assert_int_equal(app.ended, 3);
    assert_int_equal(app.outcome, HTTP_OUTCOME_ABORTED);
    for (int i = 0; i < 4; i++)
        client_close(&clients[i]);
}

/* ---- listeners and options ---- */

static void test_a_unix_socket(void **state)
{
    (void)state;
    char folder[] = "/tmp/hearth-test-XXXXXX", path[64], address[80];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/control.sock", folder);
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    struct http_options options = options_new();
    struct base_error detail;
    const struct http_listen listen = {.address = address, .id = 7};
    assert_int_equal(http_server_new(&options, &app.server, &detail), BASE_OK);
    assert_int_equal(http_server_listen(app.server, &listen, &detail), BASE_OK);
    assert_int_equal(http_server_listen(app.server, &listen, &detail), BASE_ERR_IN_USE);
    assert_int_equal(http_server_port(app.server, 0), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(http_server_start(app.server, &detail), BASE_OK);

    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, path, strlen(path));
    struct client client = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
    assert_int_equal(connect(client.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    client_send(&client, "GET /admin HTTP/1.1\r\n" H "\r\nGET /models/m HTTP/1.1\r\n" H "\r\n");
    assert_true(client_expect(&client, "pong")); /* a path of this listener only */
    assert_true(client_expect(&client, "client=unix"));
    client_close(&client);
    app_stop(&app);
    assert_int_equal(stat(path, &st), -1); /* tidied up */

    int stale = socket(AF_UNIX, SOCK_STREAM, 0); /* left behind by a crash */
    assert_int_equal(bind(stale, (struct sockaddr *)&to, sizeof(to)), 0);
    close(stale);
    assert_int_equal(http_server_new(&options, &app.server, &detail), BASE_OK);
    assert_int_equal(http_server_listen(app.server, &listen, &detail), BASE_OK);
    http_server_free(app.server);
    int file = open(path, O_CREAT | O_WRONLY, 0600); /* somebody's file */
    assert_true(file >= 0);
    close(file);
    assert_int_equal(http_server_new(&options, &app.server, &detail), BASE_OK);
    assert_int_equal(http_server_listen(app.server, &listen, &detail), BASE_ERR_BAD_CONFIG);
    http_server_free(app.server);
    unlink(path);
    rmdir(folder);
}

static void test_addresses_and_options_are_checked(void **state)
{
    (void)state;
    struct http_options options = options_new();
    struct base_error detail;
    app_start(&app, &options);
    char taken[32];
    (void)snprintf(taken, sizeof(taken), "127.0.0.1:%u", app.port);
    struct http_server *other;
    assert_int_equal(http_server_new(&options, &other, &detail), BASE_OK);
    assert_int_equal(http_server_listen(other, &(struct http_listen){.address = taken}, &detail),
                     BASE_ERR_IN_USE);
    assert_non_null(strstr(detail.message, taken));
    static const char *const bad[] = {
        "",           "8080",     "localhost:80", "127.0.0.1",       "::1:x", "127.0.0.1:-1",
        "127.0.0.1:", "1.2.3:80", "[::1:80",      "127.0.0.1:65536", "unix:"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            http_server_listen(other, &(struct http_listen){.address = bad[i]}, &detail),
            BASE_ERR_BAD_CONFIG);
    assert_int_equal(http_server_listen(other, &(struct http_listen){.address = ":0"}, &detail),
                     BASE_OK);
    http_server_free(other); /* never started */
    app_stop(&app);

    options.head_ms = 0;
    assert_int_equal(http_server_new(&options, &other, &detail), BASE_ERR_BAD_CONFIG);
    assert_non_null(strstr(detail.message, "head_ms"));
    options = app_options(&app);
    static const char *const proxies[] = {"10.0.0.0/33"};
    options.trusted_proxies = proxies;
    options.trusted_proxy_count = 1;
    assert_int_equal(http_server_new(&options, &other, &detail), BASE_ERR_BAD_CONFIG);
    options = app_options(&app);
    static const struct http_handler lame = {.method = "GET", .path = "/x"};
    options.handlers = &lame;
    options.handler_count = 1;
    assert_int_equal(http_server_new(&options, &other, &detail), BASE_ERR_BAD_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_in_drops_meets_its_deadline),
        cmocka_unit_test(test_an_idle_connection_is_closed_quietly),
        cmocka_unit_test(test_a_body_needs_a_minimal_rate),
        cmocka_unit_test(test_a_body_that_is_fast_enough_is_not_cut),
        cmocka_unit_test(test_what_came_in_time_counts),
        cmocka_unit_test(test_a_body_meets_its_deadline_at_any_rate),
        cmocka_unit_test(test_a_client_that_leaves_is_noticed_at_once),
        cmocka_unit_test(test_a_client_that_leaves_in_its_body),
        cmocka_unit_test(test_half_close_may_be_allowed),
        cmocka_unit_test(test_an_answer_that_was_ready_is_sent_to_who_closed_its_side),
        cmocka_unit_test(test_a_reference_keeps_the_exchange),
        cmocka_unit_test(test_a_slow_reader_holds_the_source_back),
        cmocka_unit_test(test_a_reader_that_stops_is_given_up),
        cmocka_unit_test(test_connections_are_capped),
        cmocka_unit_test(test_connections_of_one_address_are_capped),
        cmocka_unit_test(test_bodies_are_capped_in_sum),
        cmocka_unit_test(test_a_busy_worker_gets_no_new_connection),
        cmocka_unit_test(test_a_worker_that_hangs_is_seen),
        cmocka_unit_test(test_an_idle_connection_is_light),
        cmocka_unit_test(test_without_descriptors_it_refuses_and_does_not_spin),
        cmocka_unit_test(test_a_flood_of_nonsense_does_not_fill_the_log),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_what_waits_at_the_drain_deadline_is_told),
        cmocka_unit_test(test_a_stream_at_the_drain_deadline_ends_in_an_error),
        cmocka_unit_test(test_stop_ends_what_is_open),
        cmocka_unit_test(test_a_unix_socket),
        cmocka_unit_test(test_addresses_and_options_are_checked),
    };
    log_setup(LOG_ERROR, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
