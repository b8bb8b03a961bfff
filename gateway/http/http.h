/*
 * The front door: Hearth's HTTP/1.1 server and the interface that handlers see.
 *
 *     static void on_body(struct http_exchange *ex)
 *     {
 *         struct app *app = http_exchange_app(ex);
 *         struct slice body = http_exchange_body(ex);
 *         ...
 *         (void)http_respond(ex, 200, "application/json", answer);
 *     }
 *     static const struct http_handler handlers[] = {
 *         {.method = "POST", .path = "/v1/chat/completions", .on_body = on_body},
 *         {.method = "GET", .path = "/v1/models/{id}", .on_body = show_model},
 *     };
 *     struct http_options options = HTTP_OPTIONS_DEFAULT;
 *     const struct http_listen here = {.address = "127.0.0.1:8080"};
 *     options.handlers = handlers, options.handler_count = 2, options.app = app;
 *     err = http_server_new(&options, &server, &detail);
 *     err = http_server_listen(server, &here, &detail);
 *     (per-worker state: http_server_worker_loop(server, i); nothing runs yet)
 *     err = http_server_start(server, &detail);
 *     ...
 *     http_server_drain(server, 30000);      no new connections, finish what runs
 *     http_server_stop(server);              waits for the threads
 *     http_server_free(server);
 *
 * THREADS. One acceptor and `workers` loop threads. A connection is handed to the worker with the
 * fewest open exchanges and stays there: all callbacks of an exchange, and all calls on it, happen
 * on that worker's loop thread (http_exchange_loop()). From another thread: loop_post().
 *
 * LIFE OF AN EXCHANGE (one request and its response; requests of one connection run one after the
 * other, in order):
 *
 *     on_request   the head is complete. May answer at once (401...): the body is not read then
 *     on_body      the body is complete. Answer here, or keep `ex` and answer later
 *     on_gone      the client left, or the connection failed, before the response was finished:
 *                  cancel the work, nothing more can be sent. Does not come after your own
 *                  http_exchange_abort() or end of the response, nor when the server itself
 *                  answered (a slow or malformed body)
 *     on_writable  output fell below the low-water mark after BASE_ERR_AGAIN
 *     on_shutdown  the drain deadline has come: finish
 *     on_end       always, once, last: the outcome is known; free what belongs to the exchange
 *
 * `ex` and everything it handed out (slices of head and body, arena) are valid until on_end
 * returns. on_end comes when the response is sent or lost AND every http_exchange_ref() has been
 * given back; so a job that must report back (an inspection on another thread, a decode step that
 * cannot be recalled) takes a reference and gives it back when it has reported. A handler that
 * answers from callbacks that stop with on_gone needs none. The connection goes on to its next
 * request without waiting for references.
 *
 * REENTRANCY. No function here calls a callback before it returns: on_gone, on_writable and on_end
 * come from the loop. Callbacks may call any function here on any exchange of their own thread.
 *
 * OUTPUT. Bytes are collected and written once per turn of the loop. Functions that send return
 *
 *     BASE_OK                  taken, go on
 *     BASE_ERR_AGAIN           taken, but more than `high_water` bytes wait: send nothing until
 *                              on_writable (up to `output_bytes_max` are taken, then LIMIT)
 *     BASE_ERR_CLIENT_GONE     not taken, nobody is there (on_gone has come or is about to)
 *     BASE_ERR_LIMIT, _NO_MEMORY  not taken, and the exchange has been aborted
 *     BASE_ERR_INTERNAL        the wrong state (two responses, data before the start); ignored
 *
 * Output that makes no progress for `stall_ms` aborts the exchange (HTTP_OUTCOME_STALLED).
 *
 * A client that closes its sending side while it waits is taken to have left (`half_close` changes
 * that). A response that ends by http_exchange_abort() never looks complete to the client.
 */
#ifndef GATEWAY_HTTP_HTTP_H
#define GATEWAY_HTTP_HTTP_H

#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/core/loop.h"
#include "gateway/http/parser.h"

struct http_server;
struct http_exchange;

/* Writes the body of an error response; NULL in a handler gives http_error_openai().
 * `message` is one sentence, `param` "" or a path, `request_id` "" or this exchange's. */
struct http_error_facts {
    enum base_err err;
    const char *message;
    const char *param;
    const char *request_id;
};
typedef void (*http_error_fn)(struct buffer *out, const struct http_error_facts *facts);

/* {"error":{"message":...,"type":...,"param":...|null,"code":...}} */
void http_error_openai(struct buffer *out, const struct http_error_facts *facts);
/* {"type":"error","error":{"type":...,"message":...},"request_id":...} with Anthropic's types */
void http_error_anthropic(struct buffer *out, const struct http_error_facts *facts);

typedef void (*http_exchange_fn)(struct http_exchange *ex);

/* One row of the table of handlers; the table outlives the server.
 * Paths are compared segment by segment, as sent: "/v1/%6dodels" is not "/v1/models". A segment
 * "{name}" matches one non-empty segment (in which "%2F" does not separate); a last segment "*"
 * matches the rest, also an empty one. The first row that matches wins. Without a row for HEAD, the
 * one for GET serves it and the server leaves out the body. An unknown path is 404, a known one
 * with another method 405 with Allow. */
struct http_handler {
    const char *method;
    const char *path;
    unsigned listeners;           /* bits 1u << http_listen.id; 0 = every listener */
    uint64_t body_bytes_max;      /* 0 = http_options.body_bytes_max */
    http_exchange_fn on_request;  /* MAY */
    http_exchange_fn on_body;     /* MUST */
    http_exchange_fn on_gone;     /* MAY */
    http_exchange_fn on_writable; /* MAY */
    http_exchange_fn on_shutdown; /* MAY; NULL: 503, or in a stream an error event and its end */
    http_exchange_fn on_end;      /* MAY */
    http_error_fn write_error;    /* MAY */
};

enum { HTTP_REQUEST_ID_MAX = 64 };

struct http_options {
    const struct http_handler *handlers; /* borrowed */
    size_t handler_count;
    void *app; /* http_exchange_app() */

    /* Makes the id of each request (also of one that is refused before any handler):
     * NUL-terminated, visible ASCII. Called on the worker's thread. NULL = no x-request-id. */
    void (*make_request_id)(void *app, char out[HTTP_REQUEST_ID_MAX]);

    unsigned workers;             /* 0 = one per CPU, at most 16 */
    uint64_t body_bytes_max;      /* of one request */
    uint64_t body_bytes_total;    /* of all bodies held at one time; beyond it 503 */
    size_t arena_bytes_max;       /* of one exchange */
    size_t output_bytes_max;      /* waiting to be sent, of one exchange */
    size_t high_water, low_water; /* waiting output, bytes */
    unsigned connections_max;     /* 0 = as many as descriptors allow */
    unsigned connections_per_ip;  /* an IPv6 /64 counts as one address; 0 = no limit */
    bool half_close;              /* a client that shut down its sending side still gets answers */

    int64_t head_ms; /* from the first byte of a request (or the accept) to the end of its head */
    int64_t idle_ms; /* keep-alive between requests */
    int64_t body_ms; /* from the head to the end of the body, whatever the rate */
    int64_t body_grace_ms; /* after this, body_bytes_per_s is demanded on average */
    uint64_t body_bytes_per_s;
    int64_t stall_ms;   /* output without progress */
    int64_t summary_ms; /* how often the log says how many refused requests had no line */
    int64_t linger_ms;  /* after a refusal: how long unread input is drained before the close */

    /* Proxies whose X-Forwarded-For is believed and which connections_per_ip leaves alone:
     * "10.0.0.0/8", "::1", ... Borrowed until http_server_new() returns. */
    const char *const *trusted_proxies;
    size_t trusted_proxy_count;
};

#define HTTP_OPTIONS_DEFAULT                                                                       \
    {                                                                                              \
        .body_bytes_max = 32 << 20, .body_bytes_total = 1 << 30, .arena_bytes_max = 256 << 20,     \
        .output_bytes_max = 64 << 20, .high_water = 256 << 10, .low_water = 64 << 10,              \
        .connections_per_ip = 2048, .head_ms = 10000, .idle_ms = 75000, .body_ms = 600000,         \
        .body_grace_ms = 10000, .body_bytes_per_s = 1024, .stall_ms = 60000, .linger_ms = 2000,    \
        .summary_ms = 60000,                                                                       \
    }

/* Checks and copies the options and makes the loops; no thread and no socket yet.
 * Errors: BAD_CONFIG (which option, in *reterr), NO_MEMORY, IO. */
enum base_err http_server_new(const struct http_options *options, struct http_server **ret_server,
                              struct base_error *reterr) BASE_MUST_USE;

struct http_listen {
    const char *address;  /* "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses) or
                           * "unix:/path/control.sock" (made with mode 0600) */
    unsigned id;          /* 0..31, for http_handler.listeners; several may share one */
    const char *tls_cert; /* PEM file with the chain; NULL = plain HTTP */
    const char *tls_key;  /* PEM file */
};

/* Would http_server_listen() understand this? Nothing is opened. BAD_CONFIG. */
enum base_err http_check_address(const char *address, struct base_error *reterr) BASE_MUST_USE;
/* A certificate and its key, read and compared. */
enum base_err http_check_certificate(const char *cert_file, const char *key_file,
                                     struct base_error *reterr) BASE_MUST_USE;
/* An entry of trusted_proxies: "10.0.0.0/8", "::1". */
enum base_err http_check_range(struct slice range, struct base_error *reterr) BASE_MUST_USE;

/* Binds and listens, before http_server_start(). Port 0 takes a free one. A stale socket file is
 * replaced; one that answers is IN_USE. Errors: IN_USE, BAD_CONFIG (address, certificate), IO. */
enum base_err http_server_listen(struct http_server *server, const struct http_listen *listen,
                                 struct base_error *reterr) BASE_MUST_USE;

/* The port of the nth listener; 0 for a Unix socket or when there is no such listener. */
unsigned http_server_port(const struct http_server *server, size_t n);

/* Reads all certificates and keys anew; all or nothing. Connections keep what they began with.
 * Any thread. */
enum base_err http_server_reload_tls(struct http_server *server, struct base_error *reterr);

unsigned http_server_worker_count(const struct http_server *server);
struct loop *http_server_worker_loop(struct http_server *server, unsigned worker);

/* Starts the threads. */
enum base_err http_server_start(struct http_server *server,
                                struct base_error *reterr) BASE_MUST_USE;

/* Any thread, once: stops accepting, closes idle connections, answers with `Connection: close`;
 * exchanges still open after `deadline_ms` get on_shutdown. */
void http_server_drain(struct http_server *server, int64_t deadline_ms);

/* Ends the threads and waits for them; not from a callback. Open exchanges end as aborted: on_gone,
 * then on_end; what still holds references then must give them back before http_server_free() (any
 * thread by now). */
void http_server_stop(struct http_server *server);
void http_server_free(struct http_server *server); /* NULL allowed */

/* Sums over all threads; any thread. Gauges are marked. */
struct http_stats {
    uint64_t connections_open; /* gauge */
    uint64_t exchanges_open;   /* gauge */
    uint64_t body_bytes_held;  /* gauge */
    uint64_t connections_total;
    uint64_t connections_refused_full, connections_refused_ip, accept_failures;
    uint64_t requests_total;
    uint64_t responses[6]; /* by first digit of the status; [0] = none was sent */
    uint64_t bytes_in, bytes_out;
    uint64_t faults[HTTP_FAULT_COUNT]; /* requests that the parser refused */
    uint64_t timeouts_head, timeouts_body, timeouts_stall;
    uint64_t clients_gone;
    uint64_t tls_failures;
};
void http_server_stats(const struct http_server *server, struct http_stats *ret_stats);

/* Since when the slowest worker has not come round its loop, in ms (below ~1000 when healthy): for
 * readiness and a watchdog. Any thread. */
int64_t http_server_stuck_ms(const struct http_server *server);
bool http_server_draining(const struct http_server *server); /* any thread */

/* ---- the request ---- */

const struct http_head *http_exchange_head(const struct http_exchange *ex);
/* Whole body; empty (not absent) when there is none. From on_body on. */
struct slice http_exchange_body(const struct http_exchange *ex);
/* What the first "{name}" or the "*" of the handler's path matched, as sent; absent without one. */
struct slice http_exchange_param(const struct http_exchange *ex);
/* The value of a query parameter with percent-encoding and '+' undone, in the arena; absent if it
 * is not there, not valid, or memory ran out. */
struct slice http_exchange_query(struct http_exchange *ex, struct slice name);
/* Percent-encoding undone, in the arena; absent when malformed (also for %00). */
struct slice http_decode(struct http_exchange *ex, struct slice s);

const char *http_exchange_request_id(const struct http_exchange *ex); /* "" without one */
const char *http_exchange_peer(const struct http_exchange *ex); /* "10.1.2.3", "::1" or "unix" */
/* The peer, or, behind a trusted proxy, the last address in X-Forwarded-For that is not one. */
const char *http_exchange_client(const struct http_exchange *ex);
unsigned http_exchange_listener(const struct http_exchange *ex); /* http_listen.id */

struct arena *http_exchange_arena(struct http_exchange *ex); /* NULL only when out of memory */
struct loop *http_exchange_loop(const struct http_exchange *ex);
unsigned http_exchange_worker(const struct http_exchange *ex); /* 0 .. workers - 1 */
void *http_exchange_app(const struct http_exchange *ex);       /* http_options.app */
void *http_exchange_user(const struct http_exchange *ex); /* the handler's own, NULL at first */
void http_exchange_set_user(struct http_exchange *ex, void *user);

void http_exchange_ref(struct http_exchange *ex);
void http_exchange_unref(struct http_exchange *ex);
bool http_exchange_is_gone(const struct http_exchange *ex); /* nobody is there to answer any more */
bool http_exchange_is_answered(const struct http_exchange *ex); /* a head was sent or queued */

enum http_outcome {
    HTTP_OUTCOME_OPEN,        /* not over yet */
    HTTP_OUTCOME_SENT,        /* all of the response was given to the kernel */
    HTTP_OUTCOME_CLIENT_GONE, /* the client left before that */
    HTTP_OUTCOME_STALLED,     /* the client took nothing for stall_ms */
    HTTP_OUTCOME_TIMEOUT,     /* its body did not arrive in time */
    HTTP_OUTCOME_REFUSED,     /* its body was malformed or too large; answered by the server */
    HTTP_OUTCOME_ABORTED,     /* http_exchange_abort(), LIMIT, NO_MEMORY, http_server_stop() */
    HTTP_OUTCOME_COUNT
};
const char *http_outcome_name(enum http_outcome outcome); /* "sent", "client_gone", ... */

struct http_result {
    enum http_outcome outcome;
    int status;           /* of the response head; 0 = none */
    uint64_t bytes_in;    /* body */
    uint64_t bytes_out;   /* head and body given to the kernel, framing included */
    int64_t begin_ns;     /* monotonic: first byte of the request seen */
    int64_t complete_ns;  /* body complete; 0 = never */
    int64_t first_out_ns; /* first byte of the response written; 0 = never */
    int64_t end_ns;       /* response over; 0 = not yet */
};
const struct http_result *http_exchange_result(const struct http_exchange *ex);

/* ---- the response ---- */

/* Adds a header to whatever response this exchange gets (also one made by the server). Copied.
 * Before the response starts. Errors: BAD_VALUE (name not a token, control character in value),
 * INTERNAL (response started, or a header that the server itself writes: content-length,
 * content-type, transfer-encoding, connection, date, x-request-id), NO_MEMORY. */
enum base_err http_add_header(struct http_exchange *ex, const char *name, struct slice value);
enum base_err http_add_headerf(struct http_exchange *ex, const char *name, const char *format, ...)
    BASE_PRINTF(3, 4);

/* A whole response at once. `body` is borrowed until this returns. content_type NULL: none. */
enum base_err http_respond(struct http_exchange *ex, int status, const char *content_type,
                           struct slice body);

/* An error in the handler's shape, with the status of `err`; `detail` (NULL allowed) gives message
 * and param. Not retryable: x-should-retry: false. retry_after_ms > 0: retry-after (seconds,
 * rounded up) and retry-after-ms. Ends the response. If a stream has started already: see
 * http_sse_error(). */
enum base_err http_respond_error(struct http_exchange *ex, enum base_err err,
                                 const struct base_error *detail, int64_t retry_after_ms);

/* A response in pieces (chunked; to an HTTP/1.0 client until the close). An empty piece is none. */
enum base_err http_respond_start(struct http_exchange *ex, int status, const char *content_type);
enum base_err http_send(struct http_exchange *ex, struct slice bytes);
enum base_err http_respond_end(struct http_exchange *ex);

/* Ends the exchange as broken, in any state: the connection is closed without the end marker. */
void http_exchange_abort(struct http_exchange *ex);

/* Bytes that wait to be sent. */
size_t http_exchange_queued(const struct http_exchange *ex);

/* ---- server-sent events ---- */

/* 200, text/event-stream. While nothing else is sent, a comment goes out every keepalive_ms
 * (0 = never). End with http_respond_end(). */
enum base_err http_sse_start(struct http_exchange *ex, int64_t keepalive_ms);
/* "data: ...\n\n"; line feeds inside become several data lines. */
enum base_err http_sse_data(struct http_exchange *ex, struct slice data);
/* The same with "event: name\n" before it; `event` is a literal without line feeds. */
enum base_err http_sse_event(struct http_exchange *ex, const char *event, struct slice data);
/* ": text\n\n"; without line feeds. */
enum base_err http_sse_comment(struct http_exchange *ex, const char *text);
/* The error in the handler's shape as a data event (Anthropic's also named "error"), then the end
 * of the response: without [DONE], which is how the SDKs tell a broken stream. */
enum base_err http_sse_error(struct http_exchange *ex, enum base_err err,
                             const struct base_error *detail);

#endif
