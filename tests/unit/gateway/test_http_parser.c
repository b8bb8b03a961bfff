/* The HTTP request parser: every fault F1 to F18 of the threat list, each fed whole, byte by byte
 * and cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/gateway/http_feed.h"

#define H "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST /v1 HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct row {
    struct slice input;
    const char *expected; /* the last event: a fault's name, "END body" or "MORE" */
};
#define ROW(text, what)                                                                            \
    {                                                                                              \
        SLICE_INIT(text), what                                                                     \
    }

static const struct row rows[] = {
    /* what is fine */
    ROW(GET "\r\n", "END "),
    ROW("\r\n" GET "\r\n", "END "),
    ROW("GET /v1/models/a%2Fb?x=1&y=%20 HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "END "),
    ROW("GET / HTTP/1.0\r\n\r\n", "END "),
    ROW("GET /a/.b/..c/...?q=/../ HTTP/1.1\r\n" H "\r\n", "END "),
    ROW(GET "X:\r\nY: \t a\tb \t\r\nZ: \xc3\xa9\r\n\r\n", "END "),
    ROW(POST "Content-Length: 5\r\n\r\nhello", "END hello"),
    ROW(POST "Content-Length: 0000000000000000005\r\n\r\nhello", "END hello"),
    ROW(POST "Content-Length: 0\r\n\r\n", "END "),
    ROW(CHUNKED "5\r\nhello\r\n0\r\n\r\n", "END hello"),
    ROW(CHUNKED "005;a=b;c=\"d e\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
        "END hello0123456789"),
    ROW(POST "transfer-encoding: Chunked\r\n\r\n0\r\n\r\n", "END "),
    ROW(POST "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", "END x"),
    ROW(GET "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n", "END "),
    /* not there yet */
    ROW("", "MORE"),
    ROW("\r", "MORE"),
    ROW("\r\n", "MORE"),
    ROW("GET", "MORE"),
    ROW("GET / HTTP/1.1\r", "MORE"),
    ROW(GET "\r", "MORE"),
    ROW(POST "Content-Length: 5\r\n\r\nhell", "MORE hell"),
    ROW(CHUNKED "5\r\nhello\r\n0\r\n", "MORE hello"),
    /* F1: both lengths */
    ROW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "LENGTH_AND_CODING"),
    ROW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "LENGTH_AND_CODING"),
    /* F2: two lengths, also equal ones */
    ROW(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "REPEATED"),
    ROW(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "REPEATED"),
    ROW(POST "Content-Length: 5, 5\r\n\r\nhello", "LENGTH"),
    /* F3: forms of Transfer-Encoding */
    ROW(POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding: chunked, identity\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding: identity\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding: xchunked\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding: chunked;q=1\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding:\r\n\r\n", "CODING"),
    ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "REPEATED"),
    ROW(POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
        "FIELD_VALUE"),
    /* F4 */
    ROW("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "CODING"),
    /* F5: folded lines */
    ROW(GET "X: a\r\n b\r\n\r\n", "FIELD_FOLDED"),
    ROW(GET "X: a\r\n\tb\r\n\r\n", "FIELD_FOLDED"),
    ROW(POST "Transfer-Encoding:\r\n chunked\r\n\r\n", "CODING"),
    /* F6: bare LF, bare CR */
    ROW("GET / HTTP/1.1\n" H "\r\n", "LINE_END"),
    ROW("GET / HTTP/1.1\r\nHost: h\n\r\n", "LINE_END"),
    ROW(GET "\n", "LINE_END"),
    ROW(GET "X: a\rY: b\r\n\r\n", "LINE_END"),
    ROW(GET "\rX: b\r\n\r\n", "LINE_END"),
    ROW("GET / HTTP/1.1\rHost: h\r\n\r\n", "LINE_END"),
    ROW("\nGET / HTTP/1.1\r\n" H "\r\n", "METHOD"),
    ROW("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "METHOD"),
    /* F7: control characters */
    ROW(GET "X: a\0b\r\n\r\n", "FIELD_VALUE"),
    ROW(GET "X: a\x01\r\n\r\n", "FIELD_VALUE"),
    ROW(GET "X: 0123456789abcde\x7f\r\n\r\n", "FIELD_VALUE"),
    ROW(GET "X\0Y: a\r\n\r\n", "FIELD_NAME"),
    ROW(GET "\xc3\xa9: a\r\n\r\n", "FIELD_NAME"),
    /* F8: around the colon */
    ROW(GET "X : a\r\n\r\n", "FIELD_NAME"),
    ROW(GET "X\t: a\r\n\r\n", "FIELD_NAME"),
    ROW(GET ": a\r\n\r\n", "FIELD_NAME"),
    ROW(GET "X\r\n\r\n", "FIELD_NAME"),
    ROW(GET "X(y): a\r\n\r\n", "FIELD_NAME"),
    ROW("GET / HTTP/1.1\r\n Host: h\r\n\r\n", "FIELD_FOLDED"),
    /* F9: forms of Content-Length */
    ROW(POST "Content-Length: +5\r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: -5\r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: 0x5\r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: 1_0\r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: 5 5\r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: 5;\r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: \r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: 00000000000000000005\r\n\r\nhello", "LENGTH"),
    ROW(POST "Content-Length: 9223372036854775808\r\n\r\n", "LENGTH"),
    ROW(POST "Content-Length: 18446744073709551621\r\n\r\n", "LENGTH"),
    /* F10: forms of chunks */
    ROW(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "+5\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "-5\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED " 5\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "5 \r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "5 ;a\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED ";a\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "g\r\n", "CHUNK"),
    ROW(CHUNKED "8000000000000000\r\n", "CHUNK"),
    ROW(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "7fffffffffffffff\r\n", "BODY_TOO_LARGE"),
    ROW(CHUNKED "5\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "5\r\nhello\n0\r\n\r\n", "CHUNK"),
    ROW(CHUNKED "5\r\nhello\rX", "CHUNK"),
    ROW(CHUNKED "0\r\nX : y\r\n\r\n", "TRAILER"),
    ROW(CHUNKED "0\r\nX: y\n\r\n", "TRAILER"),
    ROW(CHUNKED "0\r\n X: y\r\n\r\n", "TRAILER"),
    /* F11: versions and methods */
    ROW("GET / HTTP/1.32\r\n" H "\r\n", "VERSION"),
    ROW("GET / HTTP/1.2\r\n" H "\r\n", "VERSION"),
    ROW("GET / HTTP/2.0\r\n" H "\r\n", "VERSION"),
    ROW("GET / HTTP/01.1\r\n" H "\r\n", "VERSION"),
    ROW("GET / http/1.1\r\n" H "\r\n", "VERSION"),
    ROW("GET /\r\n", "VERSION"),
    ROW("GET / \r\n", "VERSION"),
    ROW("GET /  HTTP/1.1\r\n" H "\r\n", "VERSION"),
    ROW("GET / HTTP/1.1 \r\n" H "\r\n", "VERSION"),
    ROW("GET  / HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET\t/ HTTP/1.1\r\n" H "\r\n", "METHOD"),
    ROW(" GET / HTTP/1.1\r\n" H "\r\n", "METHOD"),
    ROW("G(T / HTTP/1.1\r\n" H "\r\n", "METHOD"),
    ROW("G\xc3\xa9T / HTTP/1.1\r\n" H "\r\n", "METHOD"),
    ROW("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" H "\r\n", "METHOD"),
    /* F12: targets */
    ROW("GET http://h/ HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("CONNECT h:443 HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("OPTIONS * HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET v1 HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /.. HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a/../b HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a/./b HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a/..?x HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a/%2e%2E/b HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a%2f..%2Fb HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a%5c..%5cb HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a\\..\\b HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a%00b HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a?b=%00 HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a%0d%0ab HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a%2 HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a%zz HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /a#b HTTP/1.1\r\n" H "\r\n", "TARGET"),
    ROW("GET /<a> HTTP/1.1\r\n" H "\r\n", "TARGET"),
    /* F13: Host */
    ROW("GET / HTTP/1.1\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: [g]\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "HOST"),
    ROW("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", "HOST"),
    /* F14: the body's size, decided before it is read; head and target below */
    ROW(POST "Content-Length: 1001\r\n\r\n", "BODY_TOO_LARGE"),
    ROW(CHUNKED "3e8\r\n", "MORE"),
    ROW(CHUNKED "3e9\r\n", "BODY_TOO_LARGE"),
    ROW(CHUNKED "1\r\nx\r\n3e8\r\n", "BODY_TOO_LARGE"),
    /* F15: Expect */
    ROW(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", "END x"),
    ROW(POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx", "EXPECT"),
    ROW(POST "Expect:\r\nContent-Length: 1\r\n\r\nx", "EXPECT"),
    ROW("POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\nx", "END x"),
    /* F16: the second of two */
    ROW(GET "\r\n" GET "\r\n", "END "),
    ROW(POST "Content-Length: 2\r\n\r\nhi" GET "X : y\r\n\r\n", "FIELD_NAME"),
    /* F17: other protocols */
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "OTHER_PROTOCOL"),
    ROW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "OTHER_PROTOCOL"),
    ROW("\x16", "OTHER_PROTOCOL"),
    /* F18: compressed bodies */
    ROW(POST "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "CONTENT_ENCODING"),
    ROW(POST "Content-Encoding: identity, br\r\nContent-Length: 1\r\n\r\nx", "CONTENT_ENCODING"),
    /* what may occur once */
    ROW(GET "Authorization: a\r\nauthorization: b\r\n\r\n", "REPEATED"),
    ROW(GET "Content-Type: a\r\nContent-Type: a\r\n\r\n", "REPEATED"),
    ROW(GET "X-Api-Key: a\r\nX-API-KEY: a\r\n\r\n", "REPEATED"),
};

/* "END hello", "MORE hell" or the fault's name, from the log of a run. */
static void last_event(struct feed *feed, char *out, size_t size)
{
    struct slice log = feed_finish(feed);
    (void)snprintf(out, size, "MORE%s%.*s", buffer_len(&feed->body) ? " " : "",
                   (int)buffer_len(&feed->body), buffer_slice(&feed->body).ptr);
    size_t end = log.len - buffer_len(&feed->body) - 5; /* before "BODY " */
    if (end == 0)
        return;
    size_t start = end - 1;
    while (start > 0 && log.ptr[start - 1] != '\n')
        start--;
    struct slice line = slice_sub(log, start, end - 1 - start);
    if (slice_starts_with(line, SLICE("ERROR ")) || slice_starts_with(line, SLICE("CLOSE ")))
        (void)snprintf(out, size, "%.*s", (int)line.len - 6, line.ptr + 6);
    else if (slice_starts_with(line, SLICE("END ")) && buffer_len(&feed->pending) == 0)
        (void)snprintf(out, size, "%.*s", SLICE_ARG(line));
}

static void check_row(const struct row *row, size_t first, size_t piece)
{
    struct feed feed;
    feed_init(&feed, 1000);
    feed_bytes(&feed, row->input.ptr, first);
    for (size_t at = first; at < row->input.len; at += piece)
        feed_bytes(&feed, row->input.ptr + at,
                   row->input.len - at < piece ? row->input.len - at : piece);
    char seen[512];
    last_event(&feed, seen, sizeof(seen));
    if (strcmp(seen, row->expected) != 0)
        fail_msg("%.*s\ngave %s, not %s (first %zu, then by %zu)", SLICE_ARG(row->input), seen,
                 row->expected, first, piece);
    feed_done(&feed);
}

static void test_each_row_in_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_row(&rows[i], 0, SIZE_MAX);
        check_row(&rows[i], 0, 1);
        for (size_t first = 1; first < rows[i].input.len; first++)
            check_row(&rows[i], first, rows[i].input.len);
    }
}

static void check_generated(struct buffer *input, const char *expected)
{
    struct row row = {buffer_slice(input), expected};
    assert_int_equal(input->err, BASE_OK);
    check_row(&row, 0, SIZE_MAX);
    check_row(&row, 0, 61);
    check_row(&row, row.input.len - 1, 1);
    buffer_clear(input);
}

static void add_many(struct buffer *input, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)buffer_add_char(input, c);
}

static void test_limits_of_the_head(void **state)
{
    (void)state;
    struct buffer input;
    buffer_init(&input, 1 << 20);

    (void)buffer_add_str(&input, "GET /"); /* exactly the longest target, then one more */
    add_many(&input, 'a', HTTP_TARGET_BYTES_MAX - 1);
    (void)buffer_add_str(&input, " HTTP/1.1\r\n" H "\r\n");
    check_generated(&input, "END ");
    (void)buffer_add_str(&input, "GET /");
    add_many(&input, 'a', HTTP_TARGET_BYTES_MAX);
    check_generated(&input, "TARGET_TOO_LONG");

    for (int extra = 0; extra <= 1; extra++) { /* Host is one of them */
        (void)buffer_add_str(&input, GET);
        for (int i = 0; i < HTTP_HEADERS_MAX - 1 + extra; i++)
            (void)buffer_addf(&input, "X-%d: y\r\n", i);
        (void)buffer_add_str(&input, "\r\n");
        check_generated(&input, extra ? "HEAD_TOO_LARGE" : "END ");
    }

    for (size_t extra = 0; extra <= 1; extra++) {
        (void)buffer_add_str(&input, GET "X: ");
        add_many(&input, 'a', HTTP_HEAD_BYTES_MAX - buffer_len(&input) - 4 + extra);
        (void)buffer_add_str(&input, "\r\n\r\n");
        check_generated(&input, extra ? "HEAD_TOO_LARGE" : "END ");
    }
    (void)buffer_add_str(&input, GET); /* a name without end */
    add_many(&input, 'a', HTTP_HEAD_BYTES_MAX);
    check_generated(&input, "HEAD_TOO_LARGE");
    buffer_done(&input);
}

static void test_limits_of_the_chunks(void **state)
{
    (void)state;
    struct buffer input;
    buffer_init(&input, 1 << 20);
    for (size_t extra = 0; extra <= 1; extra++) {
        (void)buffer_add_str(&input, CHUNKED "1;");
        add_many(&input, 'e', HTTP_CHUNK_LINE_MAX - 2 + extra);
        (void)buffer_add_str(&input, "\r\nx\r\n0\r\n\r\n");
        check_generated(&input, extra ? "CHUNK" : "END x");
    }
    for (size_t extra = 0; extra <= 1; extra++) {
        (void)buffer_add_str(&input, CHUNKED "0\r\nX: ");
        add_many(&input, 't', HTTP_TRAILER_BYTES_MAX - 3 - 4 + extra);
        (void)buffer_add_str(&input, "\r\n\r\n");
        check_generated(&input, extra ? "TRAILER" : "END ");
    }
    (void)buffer_add_str(&input, CHUNKED "0\r\n");
    for (int i = 0; i < 2000; i++)
        (void)buffer_add_str(&input, "X: y\r\n");
    check_generated(&input, "TRAILER");
    buffer_done(&input);
}

static void test_what_a_head_says(void **state)
{
    (void)state;
    static const char input[] =
        "POST /v1/models/a%2Fb?x=1&y HTTP/1.1\r\nhost: Example.org:8080\r\nX-One:  1 \r\n"
        "Content-LENGTH: 3\r\nExpect: 100-continue\r\nConnection: foo, Close\r\n\r\nabc";
    struct http_head head;
    struct http_parser parser;
    struct http_event ev;
    http_parser_init(&parser, &(struct http_limits){.body_bytes = 10}, &head);
    size_t used = http_parser_next(&parser, input, sizeof(input) - 1, &ev);
    assert_int_equal(ev.kind, HTTP_EVENT_HEAD);
    assert_int_equal(used, sizeof(input) - 1 - 3);
    assert_true(slice_eq_str(head.method, "POST"));
    assert_true(slice_eq_str(head.path, "/v1/models/a%2Fb"));
    assert_true(slice_eq_str(head.query, "x=1&y"));
    assert_true(slice_eq_str(head.host, "Example.org:8080"));
    assert_ptr_equal(head.method.ptr, input); /* no copy */
    assert_true(slice_eq_str(http_head_get(&head, SLICE("x-one")), "1"));
    assert_true(slice_is_absent(http_head_get(&head, SLICE("x-two"))));
    assert_int_equal(head.body, HTTP_BODY_LENGTH);
    assert_int_equal(head.content_length, 3);
    assert_true(head.expect_continue);
    assert_false(head.keep_alive);
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.field_count, 5);

    http_parser_limit_body(&parser, 2); /* a handler that takes less */
    assert_int_equal(http_parser_next(&parser, input + used, 3, &ev), 0);
    assert_int_equal(ev.kind, HTTP_EVENT_ERROR);
    assert_int_equal(ev.fault, HTTP_FAULT_BODY_TOO_LARGE);
    assert_int_equal(http_fault_err(ev.fault), BASE_ERR_TOO_LARGE);
}

static bool keeps_alive(const char *input)
{
    struct http_head head;
    struct http_parser parser;
    struct http_event ev;
    http_parser_init(&parser, &(struct http_limits){0}, &head);
    (void)http_parser_next(&parser, input, strlen(input), &ev);
    assert_int_equal(ev.kind, HTTP_EVENT_HEAD);
    return head.keep_alive;
}

static void test_keep_alive(void **state)
{
    (void)state;
    assert_true(keeps_alive(GET "\r\n"));
    assert_true(keeps_alive(GET "Connection: keep-alive\r\n\r\n"));
    assert_false(keeps_alive(GET "Connection: close\r\n\r\n"));
    assert_false(keeps_alive(GET "Connection: keep-alive\r\nConnection: x,close\r\n\r\n"));
    assert_false(keeps_alive("GET / HTTP/1.0\r\n\r\n"));
    assert_true(keeps_alive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

static void test_a_body_read_past_the_parser(void **state)
{
    (void)state;
    static const char input[] = POST "Content-Length: 10\r\n\r\n012";
    struct http_head head;
    struct http_parser parser;
    struct http_event ev;
    http_parser_init(&parser, &(struct http_limits){.body_bytes = 10}, &head);
    size_t used = http_parser_next(&parser, input, sizeof(input) - 1, &ev);
    assert_int_equal(ev.kind, HTTP_EVENT_HEAD);
    used += http_parser_next(&parser, input + used, sizeof(input) - 1 - used, &ev);
    assert_true(slice_eq_str(ev.body, "012"));
    assert_int_equal(http_parser_body_left(&parser), 7);
    http_parser_body_skip(&parser, 7);
    (void)http_parser_next(&parser, "", 0, &ev);
    assert_int_equal(ev.kind, HTTP_EVENT_END);
}

static void test_every_fault_has_a_text(void **state)
{
    (void)state;
    for (int i = 1; i < HTTP_FAULT_COUNT; i++) {
        assert_true(strlen(http_fault_text((enum http_fault)i)) > 10);
        assert_true(base_err_info(http_fault_err((enum http_fault)i))->http_status >= 400);
    }
    assert_string_equal(http_fault_name(HTTP_FAULT_COUNT), "NONE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_in_every_cut),
        cmocka_unit_test(test_limits_of_the_head),
        cmocka_unit_test(test_limits_of_the_chunks),
        cmocka_unit_test(test_what_a_head_says),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_a_body_read_past_the_parser),
        cmocka_unit_test(test_every_fault_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
