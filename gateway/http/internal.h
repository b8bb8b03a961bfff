/*
 * Inside of the HTTP server: what its files share. Nobody else includes this.
 *
 * Who does what, in the order of a request:
 *     accept.c    the acceptor thread: listens, refuses, picks a worker
 *     conn.c      one connection: a step per turn of the loop reads, parses, writes, checks time
 *     exchange.c  one request and its response: states, callbacks, accessors
 *     respond.c   what handlers send;  sse.c the same for event streams;  errors.c their bodies
 *     route.c     which handler;  peer.c addresses;  io.c and tls.c bytes in and out
 *     server.c    options, threads, drain, figures
 *
 * Everything of a connection happens in conn_turn(), at the end of a turn of its worker's loop;
 * libevent's callbacks and the functions that handlers call only leave notes (flags, bytes in
 * conn.out) and queue that turn. So nothing is freed or called back under anybody's feet.
 */
#ifndef GATEWAY_HTTP_INTERNAL_H
#define GATEWAY_HTTP_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <event2/event_struct.h>

#include "base/core/log.h"
#include "gateway/http/http.h"
#include "gateway/loop/loop.h"

/* Spares hide a use after free, so there are none where it would be found. */
#if defined(__SANITIZE_ADDRESS__)
#define SPARES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARES 0
#endif
#endif
#ifndef SPARES
#define SPARES 1
#endif

enum {
    READ_BYTES = 8 * 1024,        /* asked for at a time while a head is awaited */
    BODY_READ_BYTES = 256 * 1024, /* asked for at a time straight into a body */
    INPUT_BYTES_MAX = 64 * 1024,  /* waiting to be parsed */
    LINGER_BYTES_MAX = 1 << 20,   /* drained before the close */
    TURN_ROUNDS_MAX = 16,         /* steps of one connection before others get theirs */
    SPARE_BUFFERS_MAX = 64,       /* per worker */
    SPARE_BUFFER_BYTES = 64 * 1024,
    SPARE_EXCHANGES_MAX = 64,
    PEER_TEXT_MAX = INET6_ADDRSTRLEN,
    LISTENERS_MAX = 16,
};

/* ---- counters: written by one thread, read by any ---- */

typedef _Atomic uint64_t counter;

static inline void count(counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

struct counters {
    counter requests, responses[6], bytes_in, bytes_out, faults[HTTP_FAULT_COUNT];
    counter timeouts_head, timeouts_body, timeouts_stall, clients_gone, tls_failures;
};

/* ---- bytes in and out ---- */

struct http_io;
enum { IO_AGAIN = -1, IO_BROKEN = -2 };

/* All non-blocking. */
struct http_io_ops {
    /* MAY: 0 when the connection can be used, IO_AGAIN, IO_BROKEN */
    int (*handshake)(struct http_io *io);
    /* Bytes read, 0 at the end of the stream, IO_AGAIN or IO_BROKEN. */
    ssize_t (*recv)(struct http_io *io, void *bytes, size_t len);
    ssize_t (*send)(struct http_io *io, const void *bytes, size_t len); /* never 0 */
    void (*end_output)(struct http_io *io); /* nothing more will be sent */
    void (*close)(struct http_io *io);      /* frees; closes the descriptor */
    /* A read that gives less than asked for means that nothing is left for now. */
    bool short_read_is_all;
};

struct http_io {
    const struct http_io_ops *ops;
    int fd;
    void *state;
};

void io_plain_init(struct http_io *io, int fd);

/* A certificate with its key. A reload is two steps, so that one of many is all or nothing: load
 * from the files, then take what was loaded, or drop it. One reload at a time; otherwise any
 * thread. */
struct http_tls;
enum base_err http_tls_new(const char *cert_file, const char *key_file, struct http_tls **ret_tls,
                           struct base_error *reterr);
enum base_err http_tls_load(struct http_tls *tls, struct base_error *reterr);
void http_tls_settle(struct http_tls *tls, bool take);
void http_tls_free(struct http_tls *tls); /* NULL allowed */
/* On failure the descriptor stays the caller's. */
enum base_err io_tls_init(struct http_io *io, int fd, struct http_tls *tls);

/* ---- addresses ---- */

struct ip_key {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct cidr {
    struct ip_key net;
    unsigned bits; /* 0..128 */
};

bool ip_parse(struct slice text, struct ip_key *ret_key);
void ip_format(const struct ip_key *key, char out[PEER_TEXT_MAX]);
bool cidr_parse(struct slice text, struct cidr *ret_cidr);
bool cidr_has(const struct cidr *cidrs, size_t count, const struct ip_key *key);

/* How many connections each address has (IPv6: each /64). Any thread. */
struct ip_table;
struct ip_table *ip_table_new(void);
void ip_table_free(struct ip_table *table);
bool ip_table_enter(struct ip_table *table, const struct ip_key *key, unsigned max);
void ip_table_leave(struct ip_table *table, const struct ip_key *key);

/* ---- the parts ---- */

struct listener {
    int fd;
    unsigned id;
    unsigned port;
    char *unix_path; /* owned; NULL for TCP */
    struct http_tls *tls;
    struct loop_watch watch;
    struct http_server *server;
};

struct worker {
    struct http_server *server;
    unsigned index;
    bool stopped; /* its loop will not run again */
    struct evloop *loop;
    struct conn *conns;
    struct http_exchange *spare_exchanges;
    unsigned spare_exchange_count;
    struct buffer spare_buffers[SPARE_BUFFERS_MAX];
    unsigned spare_buffer_count;
    int64_t date_at_s;
    char date[32]; /* "Sun, 06 Nov 1994 08:49:37 GMT" */
    struct counters counters;
    _Atomic unsigned exchanges_open;   /* handed to a handler and not over */
    _Atomic unsigned connections_open; /* counted from the hand-over on */
};

struct http_server {
    struct http_options options;
    struct cidr *proxies;
    size_t proxy_count;
    struct worker *workers;
    unsigned worker_count;
    struct evloop *acceptor;
    struct loop_timer pause; /* accepting is paused: no descriptors */
    struct loop_timer deadline;
    struct loop_timer summary; /* of log lines that were left out */
    struct log_limit refusals[HTTP_FAULT_COUNT];
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct ip_table *ips;
    int reserve_fd; /* given up to be able to refuse when descriptors run out */
    bool started, stopped;
    pthread_mutex_t reload; /* one reload of certificates at a time */
    _Atomic bool draining;
    _Atomic int64_t drain_ms;
    _Atomic uint64_t body_bytes_held;
    counter connections_total, refused_full, refused_ip, accept_failures; /* acceptor */
};

enum conn_state { CONN_HANDSHAKE, CONN_OPEN, CONN_LINGER, CONN_CLOSED };

struct conn {
    struct conn *next;
    struct conn **at;
    struct worker *worker;
    struct http_exchange *ex; /* the current one; NULL between requests */
    enum conn_state state;
    bool registered;  /* `event` is added */
    bool in_turn;     /* conn_turn() runs: it will see whatever is noted */
    bool readable;    /* there may be something to read */
    bool writable;    /* the kernel may take something */
    bool peer_closed; /* its sending side is shut; data before that may be unread */
    bool broken;      /* reset, or writing failed */
    bool served;      /* at least one request was answered */
    bool close_after; /* the current exchange is the last */
    bool input_left;  /* input was left unread on purpose: linger before the close */
    bool hungry;      /* what is in `in` is not enough for the next event */
    bool time_is_up;  /* the timer fired */
    bool check_error; /* something happened: maybe a reset */
    bool trusted_proxy;
    bool counted_ip;
    unsigned listener_id;
    struct http_io io;
    struct http_parser parser;
    struct buffer in, out;
    struct event event;
    struct evloop_deferred turn;
    struct loop_timer timer;
    int64_t timer_ns;    /* when it is set to fire; 0 = not set */
    int64_t since_ns;    /* accepted, or idle since, or lingering since */
    int64_t progress_ns; /* output was empty, or the kernel took some */
    uint64_t discarded;  /* while lingering */
    struct ip_key ip;
    char peer[PEER_TEXT_MAX];
};

/* The only writer of `state` is exchange_set_state(). */
enum exchange_state {
    EXCHANGE_HEAD,      /* its head is not complete; no handler knows of it */
    EXCHANGE_BODY,      /* the body is arriving */
    EXCHANGE_WAITING,   /* on_body was called, nothing answered yet */
    EXCHANGE_STREAMING, /* a response has begun */
    EXCHANGE_SENDING,   /* the response is complete, its bytes are on their way */
    EXCHANGE_OVER,      /* sent or lost; kept by references */
    EXCHANGE_STATE_COUNT
};

struct http_exchange {
    struct http_exchange *next_spare;
    struct conn *conn; /* NULL once over */
    struct worker *worker;
    const struct http_handler *handler; /* NULL: answered by the server itself */
    enum exchange_state state;
    unsigned refs;     /* one is the connection's, until over */
    bool known;        /* a callback of the handler has been called: on_end will be */
    bool body_here;    /* nothing of the request is left unread */
    bool chunked;      /* the response is */
    bool without_body; /* HEAD, 204, 304 */
    bool is_sse;
    bool wants_writable;
    unsigned listener_id;
    void *user;
    struct arena *arena; /* NULL until asked for */
    struct buffer bytes; /* the head, often the whole request */
    struct buffer body;  /* when it is not in `bytes` */
    struct slice whole;  /* the body */
    struct slice param;
    struct buffer extra; /* header lines of the response */
    struct evloop_deferred ending;
    enum http_outcome outcome; /* what it will have been once sent */
    int64_t head_ns;           /* head complete */
    int64_t queued_ns;         /* output was last added (event streams) */
    int64_t keepalive_ms;      /* 0 = none */
    struct http_result result;
    char request_id[HTTP_REQUEST_ID_MAX];
    char client[PEER_TEXT_MAX];
    char peer[PEER_TEXT_MAX];
    struct http_head head; /* last: not cleared for reuse */
};

/* conn.c */
struct conn *conn_new(int fd, const struct listener *listener, const struct ip_key *ip,
                      const char *peer);
void conn_free_unstarted(struct conn *conn, struct http_server *server);
void conn_adopt(void *conn);            /* on its worker's thread: begins */
void conn_wake(struct conn *conn);      /* queues conn_turn() */
void conn_close_now(struct conn *conn); /* at the stop: ends the exchange, frees */
void buffer_take_spare(struct worker *worker, struct buffer *buf, size_t max);
void buffer_give_spare(struct worker *worker, struct buffer *buf);

/* exchange.c */
struct http_exchange *exchange_new(struct conn *conn);
void exchange_set_state(struct http_exchange *ex, enum exchange_state state);
/* The head is complete: finds the handler; calls on_request, or answers 404, 405, 413. */
void exchange_begin(struct http_exchange *ex);
/* `stays`: the piece lies in ex->bytes. */
void exchange_add_body(struct http_exchange *ex, struct slice piece, bool stays);
/* Room to read `want` bytes of the body into, and how many were read; NULL: refused, answered. */
char *exchange_body_room(struct http_exchange *ex, size_t want);
void exchange_body_took(struct http_exchange *ex, size_t len);
void exchange_deliver(struct http_exchange *ex); /* the body is complete */
/* Over: the connection lets go; on_gone if the handler still thinks that it can answer. */
void exchange_finish(struct http_exchange *ex, enum http_outcome outcome);
void exchange_shutdown(struct http_exchange *ex); /* the drain deadline */
void exchange_free_spares(struct worker *worker);
static inline bool exchange_may_answer(const struct http_exchange *ex)
{
    return ex->state == EXCHANGE_BODY || ex->state == EXCHANGE_WAITING;
}

/* respond.c: an error answered by the server itself; the connection closes afterwards. */
void respond_refusal(struct http_exchange *ex, enum base_err err, const char *message,
                     int64_t retry_after_ms);
/* Before each addition of `len` bytes to the output; and after it. */
enum base_err output_check(struct http_exchange *ex, size_t len);
enum base_err output_added(struct http_exchange *ex);
void error_body(struct http_exchange *ex, struct buffer *out, enum base_err err,
                const struct base_error *detail);

/* route.c: the handler; NULL when there is none, then *ret_allow (size `allow_size`) lists the
 * methods that the path has, or is empty. */
const struct http_handler *route_find(const struct http_options *options, unsigned listener_id,
                                      const struct http_head *head, struct slice *ret_param,
                                      char *ret_allow, size_t allow_size);

/* control_socket.c */
struct address {
    struct sockaddr_storage storage;
    socklen_t len;
};
enum base_err control_check(const char *path, struct base_error *reterr); /* only its length */
/* A file that a dead process left behind goes; one that answers is IN_USE. */
enum base_err control_address(const char *path, struct address *ret, struct base_error *reterr);
/* bind(2) with mode 0600: the socket is never open to others, not even for a moment. */
int control_bind(int fd, const struct address *address);

/* accept.c */
enum base_err listener_open(struct http_server *server, const struct http_listen *listen,
                            struct base_error *reterr);
void listener_close(struct listener *listener);
enum base_err accept_start(struct http_server *server, struct base_error *reterr);
void accept_stop(struct http_server *server); /* acceptor's thread */

#endif
