#include "gateway/http/internal.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>

static const struct http_options *options_of(const struct conn *conn)
{
    return &conn->worker->server->options;
}

static int64_t now_ns(const struct conn *conn)
{
    return loop_now_ns(evloop_loop(conn->worker->loop));
}

/* ---- spare buffers: an idle connection holds none ---- */

void buffer_take_spare(struct worker *worker, struct buffer *buf, size_t max)
{
    if (worker->spare_buffer_count > 0)
        *buf = worker->spare_buffers[--worker->spare_buffer_count];
    else
        *buf = (struct buffer){0};
    buf->max = max;
}

void buffer_give_spare(struct worker *worker, struct buffer *buf)
{
    buffer_clear(buf);
    if (SPARES && buf->data && buf->capacity <= SPARE_BUFFER_BYTES &&
        worker->spare_buffer_count < SPARE_BUFFERS_MAX)
        worker->spare_buffers[worker->spare_buffer_count++] = *buf;
    else
        buffer_done(buf);
    *buf = (struct buffer){0};
}

/* A client that sends its head in drops keeps what it sent, not a whole read buffer. */
static void trim_buffers(struct conn *conn)
{
    struct buffer *in = &conn->in;
    size_t len = buffer_len(in);
    if (conn->out.data && buffer_len(&conn->out) == 0)
        buffer_give_spare(conn->worker, &conn->out);
    if (!in->data)
        return;
    if (len > 0 && in->capacity <= 2 * len + 512)
        return;
    struct buffer small;
    buffer_init(&small, INPUT_BYTES_MAX);
    small.data = len ? malloc(len) : NULL;
    if (len && !small.data)
        return; /* then it stays large */
    if (len) {
        memcpy(small.data, in->data + in->start, len);
        small.end = small.capacity = len;
    }
    buffer_give_spare(conn->worker, in);
    *in = small;
}

/* ---- beginning and end ---- */

struct conn *conn_new(int fd, const struct listener *listener, const struct ip_key *ip,
                      const char *peer)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return NULL;
    if (!listener->tls) {
        io_plain_init(&conn->io, fd);
    } else if (io_tls_init(&conn->io, fd, listener->tls)) {
        free(conn);
        return NULL;
    }
    conn->state = conn->io.ops->handshake ? CONN_HANDSHAKE : CONN_OPEN;
    conn->writable = true;
    conn->listener_id = listener->id;
    conn->ip = *ip;
    memcpy(conn->peer, peer, strnlen(peer, sizeof(conn->peer) - 1));
    return conn;
}

void conn_free_unstarted(struct conn *conn, struct http_server *server)
{
    conn->io.ops->close(&conn->io);
    if (conn->counted_ip)
        ip_table_leave(server->ips, &conn->ip);
    free(conn);
}

static void conn_free(struct conn *conn)
{
    struct worker *worker = conn->worker;
    *conn->at = conn->next;
    if (conn->next)
        conn->next->at = conn->at;
    if (conn->registered)
        (void)event_del(&conn->event);
    loop_timer_clear(evloop_loop(worker->loop), &conn->timer);
    evloop_defer_cancel(worker->loop, &conn->turn);
    buffer_give_spare(worker, &conn->in);
    buffer_give_spare(worker, &conn->out);
    conn_free_unstarted(conn, worker->server);
    atomic_fetch_sub_explicit(&worker->connections_open, 1, memory_order_relaxed);
}

static void lose(struct conn *conn, enum http_outcome outcome)
{
    conn->state = CONN_CLOSED;
    if (conn->ex)
        exchange_finish(conn->ex,
                        conn->ex->outcome == HTTP_OUTCOME_ABORTED ? HTTP_OUTCOME_ABORTED : outcome);
}

void conn_close_now(struct conn *conn)
{
    lose(conn, HTTP_OUTCOME_ABORTED);
    conn_free(conn);
}

/* ---- output ---- */

static void flush(struct conn *conn)
{
    struct counters *counters = &conn->worker->counters;
    while (conn->writable && buffer_len(&conn->out) > 0) {
        struct slice bytes = buffer_slice(&conn->out);
        ssize_t put = conn->io.ops->send(&conn->io, bytes.ptr, bytes.len);
        if (put == IO_AGAIN) {
            conn->writable = false;
            return;
        }
        if (put < 0) {
            conn->broken = true;
            return;
        }
        conn->check_error = false; /* a reset connection would have said so */
        buffer_consume(&conn->out, (size_t)put);
        count(&counters->bytes_out, (uint64_t)put);
        conn->progress_ns = now_ns(conn);
        struct http_result *result = conn->ex ? &conn->ex->result : NULL;
        if (result && result->status) {
            result->bytes_out += (uint64_t)put;
            if (!result->first_out_ns)
                result->first_out_ns = conn->progress_ns;
        }
    }
}

/* The response is with the kernel: next request, or the end. */
static bool end_response(struct conn *conn)
{
    exchange_finish(conn->ex, conn->ex->outcome);
    conn->served = true;
    conn->since_ns = now_ns(conn);
    conn->hungry = false;
    if (!conn->close_after)
        return true;
    if (!conn->input_left && buffer_len(&conn->in) == 0 && !conn->readable) {
        conn->state = CONN_CLOSED;
        return false;
    }
    /* Closing now would make the kernel send a reset, which can overtake the response. */
    conn->io.ops->end_output(&conn->io);
    conn->state = CONN_LINGER;
    conn->readable = true;
    return true;
}

/* ---- input ---- */

static void refuse(struct conn *conn, enum http_fault fault)
{
    struct http_exchange *ex = conn->ex;
    const struct http_options *options = options_of(conn);
    count(&conn->worker->counters.faults[fault], 1);
    if (!ex->request_id[0] && options->make_request_id)
        options->make_request_id(options->app, ex->request_id);
    if (log_limit_take(&conn->worker->server->refusals[fault], now_ns(conn)))
        log_event(LOG_INFO, "http: request refused", LOG_STR("fault", http_fault_name(fault)),
                  LOG_STR("peer", conn->peer), LOG_STR("request_id", ex->request_id), LOG_END);
    respond_refusal(ex, http_fault_err(fault), http_fault_text(fault), 0);
}

/* Events of the body out of *rest, which goes forward; `stays`: it lies in ex->bytes. */
static void parse_body(struct conn *conn, struct slice *rest, bool stays)
{
    struct http_exchange *ex = conn->ex;
    while (!conn->broken) {
        struct http_event ev;
        size_t used = http_parser_next(&conn->parser, rest->ptr, rest->len, &ev);
        *rest = slice_sub(*rest, used, SIZE_MAX);
        switch (ev.kind) {
        case HTTP_EVENT_BODY:
            exchange_add_body(ex, ev.body, stays);
            if (ex->state != EXCHANGE_BODY && !ex->body_here)
                return; /* refused: the rest is not looked at */
            break;
        case HTTP_EVENT_END:
            exchange_deliver(ex);
            return;
        case HTTP_EVENT_ERROR:
            if (ex->state == EXCHANGE_BODY)
                refuse(conn, ev.fault);
            return;
        default:
            conn->hungry = true;
            return;
        }
    }
}

/* The exchange takes the bytes of its head, with all that came after it; what belongs to the next
 * request goes back. */
static void take_head(struct conn *conn, struct slice bytes, size_t used)
{
    struct http_exchange *ex = conn->ex;
    struct slice rest = slice_sub(bytes, used, SIZE_MAX);
    ex->bytes = conn->in;
    buffer_init(&conn->in, INPUT_BYTES_MAX);
    ex->body_here = ex->head.body == HTTP_BODY_NONE ||
                    (ex->head.body == HTTP_BODY_LENGTH && rest.len >= ex->head.content_length);
    exchange_begin(ex);
    if (ex->state == EXCHANGE_BODY || ex->body_here)
        parse_body(conn, &rest, true);
    if (rest.len > 0 && !conn->input_left && buffer_add_slice(&conn->in, rest))
        conn->broken = true;
}

static void parse(struct conn *conn)
{
    struct http_exchange *ex = conn->ex;
    struct slice bytes = buffer_slice(&conn->in);
    if (ex->state == EXCHANGE_BODY) {
        struct slice rest = bytes;
        parse_body(conn, &rest, false);
        buffer_consume(&conn->in, bytes.len - rest.len);
        return;
    }
    struct http_event ev;
    size_t used = http_parser_next(&conn->parser, bytes.ptr, bytes.len, &ev);
    switch (ev.kind) {
    case HTTP_EVENT_HEAD:
        take_head(conn, bytes, used);
        break;
    case HTTP_EVENT_ERROR:
        refuse(conn, ev.fault);
        break;
    case HTTP_EVENT_CLOSE:
        count(&conn->worker->counters.faults[ev.fault], 1);
        lose(conn, HTTP_OUTCOME_REFUSED);
        break;
    default:
        buffer_consume(&conn->in, used);
        conn->hungry = true;
        if (buffer_len(&conn->in) == 0) { /* an empty line: no request yet */
            exchange_finish(ex, HTTP_OUTCOME_REFUSED);
            conn->hungry = false;
        }
    }
}

/* Memory is short: one attempt to say so. */
static void give_up(struct conn *conn)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                               "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
    if (buffer_len(&conn->out) == 0 && conn->state == CONN_OPEN)
        (void)conn->io.ops->send(&conn->io, text, sizeof(text) - 1);
    lose(conn, HTTP_OUTCOME_ABORTED);
}

static bool begin_exchange(struct conn *conn)
{
    conn->ex = exchange_new(conn);
    if (!conn->ex)
        return false;
    http_parser_init(&conn->parser,
                     &(struct http_limits){.body_bytes = options_of(conn)->body_bytes_max},
                     &conn->ex->head);
    conn->check_error = true;
    return true;
}

static void note_read(struct conn *conn, size_t got, size_t wanted)
{
    count(&conn->worker->counters.bytes_in, got);
    if (got < wanted && conn->io.ops->short_read_is_all && !conn->peer_closed)
        conn->readable = false;
}

/* The result of a read that gave nothing; true when there is more to do. */
static bool note_no_bytes(struct conn *conn, ssize_t got)
{
    conn->readable = false;
    if (got == IO_AGAIN)
        return false;
    conn->peer_closed = true;
    if (got == 0)
        lose(conn, HTTP_OUTCOME_CLIENT_GONE); /* an incomplete request will not be completed */
    else
        conn->broken = true;
    return got != 0;
}

/* Straight to where the body is collected. */
static bool read_body(struct conn *conn, uint64_t left)
{
    struct http_exchange *ex = conn->ex;
    size_t want = left < BODY_READ_BYTES ? (size_t)left : BODY_READ_BYTES;
    char *room = exchange_body_room(ex, want);
    if (!room)
        return true;
    ssize_t got = conn->io.ops->recv(&conn->io, room, want);
    if (got <= 0)
        return note_no_bytes(conn, got);
    note_read(conn, (size_t)got, want);
    http_parser_body_skip(&conn->parser, (uint64_t)got);
    exchange_body_took(ex, (size_t)got);
    if ((uint64_t)got == left && ex->state == EXCHANGE_BODY)
        parse(conn);
    return true;
}

static bool read_input(struct conn *conn)
{
    uint64_t left = conn->ex && buffer_len(&conn->in) == 0 && conn->ex->state == EXCHANGE_BODY
                        ? http_parser_body_left(&conn->parser)
                        : 0;
    if (left > 0)
        return read_body(conn, left);
    if (!conn->in.data)
        buffer_take_spare(conn->worker, &conn->in, INPUT_BYTES_MAX);
    char *room = buffer_reserve(&conn->in, READ_BYTES);
    if (!room) {
        give_up(conn);
        return false;
    }
    ssize_t got = conn->io.ops->recv(&conn->io, room, READ_BYTES);
    if (got <= 0)
        return note_no_bytes(conn, got);
    buffer_commit(&conn->in, (size_t)got);
    note_read(conn, (size_t)got, READ_BYTES);
    conn->hungry = false;
    return true;
}

/* Asked once after each event, when the connection is about to wait: a reset that came together
 * with bytes shows neither in reading them nor in another event. */
static bool was_reset(struct conn *conn)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (!conn->check_error)
        return false;
    conn->check_error = false;
    return getsockopt(conn->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0;
}

static bool process_input(struct conn *conn)
{
    if (buffer_len(&conn->in) > 0 && !conn->hungry) {
        if (!conn->ex && !begin_exchange(conn)) {
            give_up(conn);
            return false;
        }
        parse(conn);
        return true;
    }
    if (!conn->ex && (conn->close_after || atomic_load_explicit(&conn->worker->server->draining,
                                                                memory_order_relaxed))) {
        conn->state = CONN_CLOSED;
        return false;
    }
    if (conn->readable)
        return read_input(conn);
    if (was_reset(conn))
        conn->broken = true;
    return conn->broken;
}

/* ---- one step ---- */

static bool client_left(struct conn *conn)
{
    return (conn->peer_closed && !options_of(conn)->half_close) || was_reset(conn);
}

static bool process_answer(struct conn *conn)
{
    struct http_exchange *ex = conn->ex;
    if (ex->state == EXCHANGE_SENDING)
        return buffer_len(&conn->out) == 0 && end_response(conn);
    if (client_left(conn)) {
        lose(conn, HTTP_OUTCOME_CLIENT_GONE);
        return false;
    }
    if (ex->wants_writable && buffer_len(&conn->out) <= options_of(conn)->low_water) {
        ex->wants_writable = false;
        if (ex->handler && ex->handler->on_writable)
            ex->handler->on_writable(ex);
        return true;
    }
    return false;
}

static bool process_handshake(struct conn *conn)
{
    int result = conn->io.ops->handshake(&conn->io);
    if (result == IO_AGAIN)
        return false;
    if (result != 0)
        count(&conn->worker->counters.tls_failures, 1);
    conn->state = result == 0 ? CONN_OPEN : CONN_CLOSED;
    conn->readable = true;
    return result == 0;
}

static bool process_linger(struct conn *conn)
{
    char drop[4096];
    if (!conn->readable)
        return false;
    ssize_t got = conn->io.ops->recv(&conn->io, drop, sizeof(drop));
    if (got == IO_AGAIN) {
        conn->readable = false;
        return false;
    }
    conn->discarded += got > 0 ? (uint64_t)got : 0;
    if (got <= 0 || conn->discarded > LINGER_BYTES_MAX)
        conn->state = CONN_CLOSED;
    return true;
}

/* True when another step can do something at once. */
static bool step(struct conn *conn)
{
    if (conn->state == CONN_HANDSHAKE)
        return process_handshake(conn);
    if (conn->state == CONN_LINGER)
        return process_linger(conn);
    flush(conn);
    if (conn->broken) {
        lose(conn, HTTP_OUTCOME_CLIENT_GONE);
        return false;
    }
    if (!conn->ex || conn->ex->state <= EXCHANGE_BODY)
        return process_input(conn);
    return process_answer(conn);
}

/* ---- time ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t body_deadline_ns(const struct http_exchange *ex, const struct http_options *options)
{
    uint64_t rate = options->body_bytes_per_s ? options->body_bytes_per_s : 1;
    int64_t earned_ms =
        (int64_t)(ex->result.bytes_in / rate * 1000 + ex->result.bytes_in % rate * 1000 / rate);
    return ex->head_ns + earlier(options->body_ms, options->body_grace_ms + earned_ms) * 1000000;
}

/* When something is due on this connection if nothing happens before. */
static int64_t due_ns(const struct conn *conn)
{
    const struct http_options *options = options_of(conn);
    const struct http_exchange *ex = conn->ex;
    if (conn->state != CONN_OPEN)
        return conn->since_ns +
               (conn->state == CONN_LINGER ? options->linger_ms : options->head_ms) * 1000000;
    if (!ex)
        return conn->since_ns + (conn->served ? options->idle_ms : options->head_ms) * 1000000;
    int64_t due = INT64_MAX;
    if (buffer_len(&conn->out) > 0)
        due = conn->progress_ns + options->stall_ms * 1000000;
    if (ex->state == EXCHANGE_HEAD)
        due = earlier(due, ex->result.begin_ns + options->head_ms * 1000000);
    else if (ex->state == EXCHANGE_BODY)
        due = earlier(due, body_deadline_ns(ex, options));
    else if (ex->state == EXCHANGE_STREAMING && ex->is_sse && ex->keepalive_ms)
        due = earlier(due, ex->queued_ns + ex->keepalive_ms * 1000000);
    return due;
}

static void do_what_is_due(struct conn *conn)
{
    struct http_exchange *ex = conn->ex;
    struct counters *counters = &conn->worker->counters;
    int64_t stall_ns = options_of(conn)->stall_ms * 1000000;
    if (conn->state != CONN_OPEN || !ex) {
        conn->state = CONN_CLOSED;
    } else if (buffer_len(&conn->out) > 0 && now_ns(conn) >= conn->progress_ns + stall_ns) {
        count(&counters->timeouts_stall, 1);
        lose(conn, HTTP_OUTCOME_STALLED);
    } else if (ex->state == EXCHANGE_HEAD) {
        count(&counters->timeouts_head, 1);
        respond_refusal(ex, BASE_ERR_REQUEST_TIMEOUT, "the head of the request took too long", 0);
    } else if (ex->state == EXCHANGE_BODY) {
        count(&counters->timeouts_body, 1);
        ex->outcome = HTTP_OUTCOME_TIMEOUT;
        respond_refusal(ex, BASE_ERR_REQUEST_TIMEOUT, "the body of the request came too slowly", 0);
    } else if (ex->is_sse) {
        (void)http_sse_comment(ex, "keep-alive");
    }
}

static void on_timer(void *user)
{
    struct conn *conn = user;
    conn->timer_ns = 0;
    conn->time_is_up = true;
    conn_wake(conn);
}

/* The timer is left where it is when something became due later: it looks again when it fires. */
static void arm_timer(struct conn *conn)
{
    int64_t due = due_ns(conn);
    if (due == INT64_MAX || (conn->timer_ns != 0 && conn->timer_ns <= due))
        return;
    int64_t delay_ms = (due - now_ns(conn) + 999999) / 1000000;
    if (loop_timer_set(evloop_loop(conn->worker->loop), &conn->timer, delay_ms > 0 ? delay_ms : 0,
                       on_timer, conn)) {
        conn->broken = true;
        conn_wake(conn);
        return;
    }
    conn->timer_ns = due;
}

/* ---- a turn ---- */

/* The number of steps that did something. */
static unsigned run_steps(struct conn *conn)
{
    unsigned rounds = 0;
    while (conn->state != CONN_CLOSED && rounds < TURN_ROUNDS_MAX && step(conn))
        rounds++;
    return rounds;
}

static void conn_turn(void *user)
{
    struct conn *conn = user;
    bool is_time_up = conn->time_is_up;
    conn->in_turn = true;
    conn->time_is_up = false;
    if (is_time_up) /* what came in time counts, even where this thread is late to look */
        conn->readable = conn->writable = true;
    unsigned rounds = run_steps(conn);
    if (is_time_up && conn->state != CONN_CLOSED && now_ns(conn) >= due_ns(conn)) {
        do_what_is_due(conn);
        rounds = run_steps(conn);
    }
    conn->in_turn = false;
    if (conn->state == CONN_CLOSED) {
        conn_free(conn);
        return;
    }
    trim_buffers(conn);
    arm_timer(conn);
    if (rounds == TURN_ROUNDS_MAX)
        conn_wake(conn); /* others first */
}

void conn_wake(struct conn *conn)
{
    if (!conn->in_turn)
        evloop_defer(conn->worker->loop, &conn->turn, conn_turn, conn);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct conn *conn = arg;
    if (what & EV_CLOSED)
        conn->peer_closed = true;
    if (what & (EV_READ | EV_CLOSED))
        conn->readable = true;
    if (what & EV_WRITE)
        conn->writable = true;
    conn->check_error = true;
    conn_wake(conn);
}

void conn_adopt(void *user)
{
    struct conn *conn = user;
    struct worker *worker = conn->worker;
    conn->next = worker->conns;
    if (conn->next)
        conn->next->at = &conn->next;
    conn->at = &worker->conns;
    worker->conns = conn;
    conn->since_ns = now_ns(conn);
    buffer_init(&conn->in, INPUT_BYTES_MAX);
    (void)event_assign(&conn->event, evloop_base(worker->loop), conn->io.fd,
                       EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_event, conn);
    conn->registered = event_add(&conn->event, NULL) == 0;
    if (!conn->registered)
        conn->broken = true;
    conn_wake(conn);
}
