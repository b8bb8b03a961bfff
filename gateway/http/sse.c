#include "gateway/http/internal.h"

enum base_err http_sse_start(struct http_exchange *ex, int64_t keepalive_ms)
{
    enum base_err err = http_add_header(ex, "Cache-Control", SLICE("no-cache"));
    if (!err) /* or nginx collects the events */
        err = http_add_header(ex, "X-Accel-Buffering", SLICE("no"));
    if (err == BASE_ERR_NO_MEMORY || err == BASE_ERR_LIMIT)
        http_exchange_abort(ex);
    if (!err)
        err = http_respond_start(ex, 200, "text/event-stream; charset=utf-8");
    if (err == BASE_OK || err == BASE_ERR_AGAIN) {
        ex->is_sse = true;
        ex->keepalive_ms = keepalive_ms > 0 ? keepalive_ms : 0;
        ex->queued_ns = loop_now_ns(http_exchange_loop(ex));
    }
    return err;
}

/* Writes to `to`, or only measures when it is NULL. */
static size_t put(char *to, size_t at, const char *bytes, size_t len)
{
    if (to && len)
        memcpy(to + at, bytes, len);
    return at + len;
}

static size_t line_length(struct slice data)
{
    const char *feed = memchr(data.ptr, '\n', data.len);
    size_t len = feed ? (size_t)(feed - data.ptr) : data.len;
    const char *back = memchr(data.ptr, '\r', len);
    return back ? (size_t)(back - data.ptr) : len;
}

static size_t put_event(char *to, const char *event, struct slice data)
{
    size_t at = 0;
    if (event) {
        at = put(to, at, "event: ", 7);
        at = put(to, at, event, strlen(event));
        at = put(to, at, "\n", 1);
    }
    for (;;) {
        size_t len = data.len ? line_length(data) : 0;
        at = put(to, at, "data: ", 6);
        at = put(to, at, data.ptr, len);
        at = put(to, at, "\n", 1);
        if (len == data.len)
            break;
        bool both = data.ptr[len] == '\r' && len + 1 < data.len && data.ptr[len + 1] == '\n';
        data = slice_sub(data, len + (both ? 2 : 1), SIZE_MAX);
    }
    return put(to, at, "\n", 1);
}

/* Room for one event of `len` bytes with the framing of a chunk; *ret_at is where it goes. */
static enum base_err open_chunk(struct http_exchange *ex, size_t len, char **ret_at)
{
    enum base_err err = output_check(ex, len + 32);
    if (err)
        return err;
    if (ex->state != EXCHANGE_STREAMING)
        return BASE_ERR_INTERNAL;
    struct buffer *out = &ex->conn->out;
    char *to = buffer_reserve(out, len + 32);
    if (!to)
        return output_added(ex);
    if (ex->chunked) {
        static const char digits[] = "0123456789abcdef";
        char line[18];
        size_t at = sizeof(line);
        line[--at] = '\n';
        line[--at] = '\r';
        for (size_t rest = len; rest; rest >>= 4)
            line[--at] = digits[rest & 15];
        buffer_commit(out, put(to, 0, line + at, sizeof(line) - at));
        to += sizeof(line) - at;
    }
    *ret_at = to;
    return BASE_OK;
}

static enum base_err close_chunk(struct http_exchange *ex, char *at, size_t len)
{
    if (ex->chunked)
        len = put(at, len, "\r\n", 2);
    buffer_commit(&ex->conn->out, len);
    return output_added(ex);
}

enum base_err http_sse_event(struct http_exchange *ex, const char *event, struct slice data)
{
    if (ex->without_body)
        return BASE_OK;
    size_t len = put_event(NULL, event, data);
    char *at = NULL;
    enum base_err err = open_chunk(ex, len, &at);
    if (err || !at)
        return err;
    (void)put_event(at, event, data);
    return close_chunk(ex, at, len);
}

enum base_err http_sse_data(struct http_exchange *ex, struct slice data)
{
    return http_sse_event(ex, NULL, data);
}

enum base_err http_sse_comment(struct http_exchange *ex, const char *text)
{
    if (ex->without_body)
        return BASE_OK;
    size_t text_len = strlen(text), len = text_len + 4;
    char *at = NULL;
    enum base_err err = open_chunk(ex, len, &at);
    if (err || !at)
        return err;
    size_t end = put(at, 0, ": ", 2);
    end = put(at, end, text, text_len);
    (void)put(at, end, "\n\n", 2);
    return close_chunk(ex, at, len);
}

enum base_err http_sse_error(struct http_exchange *ex, enum base_err err,
                             const struct base_error *detail)
{
    struct buffer body;
    buffer_init(&body, 16 * 1024);
    error_body(ex, &body, err, detail);
    bool named = ex->handler && ex->handler->write_error == http_error_anthropic;
    enum base_err failed = http_sse_event(ex, named ? "error" : NULL, buffer_slice(&body));
    buffer_done(&body);
    if (failed && failed != BASE_ERR_AGAIN)
        return failed;
    return http_respond_end(ex);
}
