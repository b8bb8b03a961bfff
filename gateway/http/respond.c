#include "gateway/http/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "gateway/http/fields.h"

/* ---- the head of a response ---- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Other";
}

/* RFC 9110's date, made once a second per worker. */
static const char *date_now(struct worker *worker)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t now_s = clock_wall_ns(evloop_loop(worker->loop)->clock) / 1000000000;
    if (now_s == worker->date_at_s)
        return worker->date;
    time_t t = (time_t)now_s;
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        return worker->date;
    (void)snprintf(worker->date, sizeof(worker->date), "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                   days + (size_t)(tm.tm_wday * 3), (unsigned)tm.tm_mday % 100,
                   months + (size_t)(tm.tm_mon * 3), (unsigned)(tm.tm_year + 1900) % 10000,
                   (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
                   (unsigned)tm.tm_sec % 100);
    worker->date_at_s = now_s;
    return worker->date;
}

static void add_number(struct buffer *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    (void)buffer_add(out, digits + at, sizeof(digits) - at);
}

static void add_line(struct buffer *out, const char *name, const char *value)
{
    (void)buffer_add_str(out, name);
    (void)buffer_add_str(out, ": ");
    (void)buffer_add_str(out, value);
    (void)buffer_add(out, "\r\n", 2);
}

/* What the response means for the connection; before the head is written. */
static void settle_connection(struct http_exchange *ex, int status, bool length_known)
{
    struct conn *conn = ex->conn;
    const struct http_server *server = ex->worker->server;
    if (ex->state == EXCHANGE_BODY && !ex->body_here) {
        conn->close_after = true; /* nobody will read the rest of the request */
        conn->input_left = true;
    }
    ex->without_body = slice_eq(ex->head.method, SLICE("HEAD")) || status == 204 || status == 304;
    ex->chunked = !length_known && !ex->without_body && ex->head.minor == 1;
    if (!ex->head.keep_alive || (!length_known && !ex->chunked && !ex->without_body) ||
        atomic_load_explicit(&server->draining, memory_order_relaxed))
        conn->close_after = true;
}

static void write_head(struct http_exchange *ex, int status, const char *content_type,
                       bool length_known, size_t length)
{
    struct buffer *out = &ex->conn->out;
    settle_connection(ex, status, length_known);
    (void)buffer_add(out, "HTTP/1.1 ", 9);
    add_number(out, (uint64_t)status);
    (void)buffer_add_char(out, ' ');
    (void)buffer_add_str(out, reason_of(status));
    (void)buffer_add(out, "\r\n", 2);
    add_line(out, "Date", date_now(ex->worker));
    if (content_type)
        add_line(out, "Content-Type", content_type);
    if (ex->chunked) {
        add_line(out, "Transfer-Encoding", "chunked");
    } else if (length_known && status != 204 && status != 304) {
        (void)buffer_add_str(out, "Content-Length: ");
        add_number(out, length);
        (void)buffer_add(out, "\r\n", 2);
    }
    if (ex->conn->close_after)
        add_line(out, "Connection", "close");
    else if (ex->head.minor == 0)
        add_line(out, "Connection", "keep-alive");
    if (ex->request_id[0])
        add_line(out, "X-Request-Id", ex->request_id);
    (void)buffer_add_slice(out, buffer_slice(&ex->extra));
    (void)buffer_add(out, "\r\n", 2);
    ex->result.status = status;
    count(&ex->worker->counters.responses[status / 100 <= 5 ? status / 100 : 0], 1);
}

/* ---- output ---- */

enum base_err output_check(struct http_exchange *ex, size_t len)
{
    if (ex->state == EXCHANGE_OVER || !ex->conn || ex->conn->broken)
        return BASE_ERR_CLIENT_GONE;
    struct buffer *out = &ex->conn->out;
    size_t max = ex->worker->server->options.output_bytes_max;
    if (len > max || buffer_len(out) > max - len) {
        http_exchange_abort(ex);
        return BASE_ERR_LIMIT;
    }
    if (!out->data)
        buffer_take_spare(ex->worker, out, SIZE_MAX);
    if (buffer_len(out) == 0)
        ex->conn->progress_ns = loop_now_ns(evloop_loop(ex->worker->loop));
    return BASE_OK;
}

enum base_err output_added(struct http_exchange *ex)
{
    struct conn *conn = ex->conn;
    conn_wake(conn);
    if (conn->out.err) {
        http_exchange_abort(ex);
        return conn->out.err;
    }
    if (ex->is_sse)
        ex->queued_ns = loop_now_ns(evloop_loop(ex->worker->loop));
    if (ex->state != EXCHANGE_STREAMING ||
        buffer_len(&conn->out) <= ex->worker->server->options.high_water)
        return BASE_OK;
    ex->wants_writable = true;
    return BASE_ERR_AGAIN;
}

size_t http_exchange_queued(const struct http_exchange *ex)
{
    return ex->conn ? buffer_len(&ex->conn->out) : 0;
}

void http_exchange_abort(struct http_exchange *ex)
{
    if (ex->state == EXCHANGE_OVER || !ex->conn)
        return;
    ex->outcome = HTTP_OUTCOME_ABORTED;
    ex->conn->broken = true;
    conn_wake(ex->conn);
}

/* ---- headers ---- */

static bool is_servers_own(struct slice name)
{
    static const struct slice own[] = {
        SLICE_INIT("content-length"), SLICE_INIT("content-type"), SLICE_INIT("transfer-encoding"),
        SLICE_INIT("connection"),     SLICE_INIT("date"),         SLICE_INIT("x-request-id"),
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (slice_eq_nocase(own[i], name))
            return true;
    return false;
}

enum base_err http_add_header(struct http_exchange *ex, const char *name, struct slice value)
{
    struct slice token = slice_from_str(name);
    if (token.len == 0)
        return BASE_ERR_BAD_VALUE;
    for (size_t i = 0; i < token.len; i++)
        if (!http_is_token_char((unsigned char)token.ptr[i]))
            return BASE_ERR_BAD_VALUE;
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
            return BASE_ERR_BAD_VALUE;
    if (!exchange_may_answer(ex) || is_servers_own(token))
        return BASE_ERR_INTERNAL;
    size_t before = buffer_len(&ex->extra);
    (void)buffer_add_slice(&ex->extra, token);
    (void)buffer_add(&ex->extra, ": ", 2);
    (void)buffer_add_slice(&ex->extra, value);
    enum base_err err = buffer_add(&ex->extra, "\r\n", 2);
    if (err) { /* not half a line */
        buffer_truncate(&ex->extra, before);
        ex->extra.err = BASE_OK;
    }
    return err;
}

enum base_err http_add_headerf(struct http_exchange *ex, const char *name, const char *format, ...)
{
    char value[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(value))
        return BASE_ERR_BAD_VALUE;
    return http_add_header(ex, name, slice_of(value, (size_t)len));
}

/* ---- whole responses ---- */

enum base_err http_respond(struct http_exchange *ex, int status, const char *content_type,
                           struct slice body)
{
    enum base_err err = output_check(ex, body.len + HTTP_HEAD_BYTES_MAX);
    if (err)
        return err;
    if (!exchange_may_answer(ex) || status < 200 || status > 599)
        return BASE_ERR_INTERNAL;
    write_head(ex, status, content_type, true, body.len);
    if (!ex->without_body && body.len)
        (void)buffer_add_slice(&ex->conn->out, body);
    exchange_set_state(ex, EXCHANGE_SENDING);
    return output_added(ex);
}

static enum base_err add_retry_facts(struct http_exchange *ex, enum base_err err,
                                     int64_t retry_after_ms)
{
    enum base_err failed = BASE_OK;
    if (!base_err_info(err)->retryable)
        failed = http_add_header(ex, "X-Should-Retry", SLICE("false"));
    if (retry_after_ms > 0 && !failed)
        failed = http_add_headerf(ex, "Retry-After", "%lld",
                                  (long long)(retry_after_ms / 1000 + (retry_after_ms % 1000 > 0)));
    if (retry_after_ms > 0 && !failed)
        failed = http_add_headerf(ex, "Retry-After-Ms", "%lld", (long long)retry_after_ms);
    if (base_err_info(err)->http_status == 401 && !failed)
        failed = http_add_header(ex, "WWW-Authenticate", SLICE("Bearer"));
    return failed;
}

enum base_err http_respond_error(struct http_exchange *ex, enum base_err err,
                                 const struct base_error *detail, int64_t retry_after_ms)
{
    if (ex->state == EXCHANGE_OVER)
        return BASE_ERR_CLIENT_GONE;
    enum base_err failed = add_retry_facts(ex, err, retry_after_ms);
    if (failed == BASE_ERR_NO_MEMORY || failed == BASE_ERR_LIMIT)
        http_exchange_abort(ex);
    if (failed)
        return failed;
    struct buffer body;
    buffer_init(&body, 16 * 1024);
    error_body(ex, &body, err, detail);
    int status = base_err_info(err)->http_status;
    failed =
        http_respond(ex, status >= 400 ? status : 500, "application/json", buffer_slice(&body));
    buffer_done(&body);
    return failed;
}

void respond_refusal(struct http_exchange *ex, enum base_err err, const char *message,
                     int64_t retry_after_ms)
{
    struct base_error detail;
    (void)base_error_set(&detail, err, "%s", message);
    if (ex->state == EXCHANGE_HEAD) {
        exchange_set_state(ex, EXCHANGE_BODY);
        ex->head.method = ex->head.target = SLICE_NONE; /* may be half read */
        ex->head.minor = 1;
    }
    ex->conn->close_after = true;
    ex->conn->input_left = true;
    if (ex->outcome == HTTP_OUTCOME_SENT)
        ex->outcome = HTTP_OUTCOME_REFUSED;
    if (http_respond_error(ex, err, &detail, retry_after_ms))
        http_exchange_abort(ex);
}

/* ---- responses in pieces ---- */

enum base_err http_respond_start(struct http_exchange *ex, int status, const char *content_type)
{
    enum base_err err = output_check(ex, HTTP_HEAD_BYTES_MAX);
    if (err)
        return err;
    if (!exchange_may_answer(ex) || status < 200 || status > 599)
        return BASE_ERR_INTERNAL;
    write_head(ex, status, content_type, false, 0);
    exchange_set_state(ex, EXCHANGE_STREAMING);
    return output_added(ex);
}

enum base_err http_send(struct http_exchange *ex, struct slice bytes)
{
    enum base_err err = output_check(ex, bytes.len + 32);
    if (err)
        return err;
    if (ex->state != EXCHANGE_STREAMING)
        return BASE_ERR_INTERNAL;
    if (bytes.len == 0 || ex->without_body)
        return BASE_OK;
    struct buffer *out = &ex->conn->out;
    if (ex->chunked) {
        char line[20];
        int len = snprintf(line, sizeof(line), "%zx\r\n", bytes.len);
        (void)buffer_add(out, line, (size_t)len);
    }
    (void)buffer_add_slice(out, bytes);
    if (ex->chunked)
        (void)buffer_add(out, "\r\n", 2);
    return output_added(ex);
}

enum base_err http_respond_end(struct http_exchange *ex)
{
    enum base_err err = output_check(ex, 32);
    if (err)
        return err;
    if (ex->state != EXCHANGE_STREAMING)
        return BASE_ERR_INTERNAL;
    if (ex->chunked)
        (void)buffer_add(&ex->conn->out, "0\r\n\r\n", 5);
    exchange_set_state(ex, EXCHANGE_SENDING);
    return output_added(ex);
}
