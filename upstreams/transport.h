/*
 * Transport: HTTP exchanges as messages. One implementation speaks through libcurl
 * (transport_curl.c, the only file that knows it), another is the scripted network of the scenario
 * tests (tests/scenario/fake_transport.c).
 *
 *     err = transport_start(transport, &request, &sink, &exchange, &detail);
 *     ... on_sent, on_head, on_data, on_data, on_done
 *     transport_release(exchange, true);
 *
 * Order of callbacks: on_sent (each time the request is about to be written on a connection; twice
 * when a kept connection turned out dead before any byte of an answer), on_head once, on_data any
 * number of times, on_done once. on_done without on_head: no answer came.
 * Threads: all on the loop's thread. Callbacks never run inside start(), pause(), resume() or
 * release(), and never after release(), which may be called from inside a callback.
 * Ownership: the request's slices and strings must live until release() has returned.
 */
#ifndef UPSTREAMS_TRANSPORT_H
#define UPSTREAMS_TRANSPORT_H

#include "base/core/error.h"
#include "base/core/loop.h"
#include "upstreams/upstreams.h"

struct sockaddr;
struct transport;
struct transport_exchange;

struct transport_request {
    struct slice url;                      /* http or https; checked by upstream_new() */
    const struct upstream_header *headers; /* a name or value with a control character is refused */
    size_t header_count;
    struct slice body;   /* sent with POST, as it is */
    const char *ca_file; /* NULL = the system's */
    int64_t connect_ms;  /* the caller has its own timer; this only bounds the library's */
    /* Asked for every address before it is connected to, and again before the request is sent. */
    bool (*address_allowed)(void *user, const struct sockaddr *address);
    void *address_user;
};

struct transport_head {
    int status;
    const struct upstream_header *headers; /* names in lower case; borrowed for the callback */
    size_t header_count;
};

struct transport_sink {
    void (*on_sent)(void *user);
    void (*on_head)(void *user, const struct transport_head *head);
    void (*on_data)(void *user, struct slice bytes); /* borrowed for the callback */
    /* OK: the answer came whole, by its own framing. UPSTREAM_CONNECT, UPSTREAM_TLS,
     * UPSTREAM_TRUNCATED (cut off), UPSTREAM_PROTOCOL (not HTTP/1.x), UPSTREAM_TIMEOUT (connect),
     * POLICY_VIOLATION (address refused), NO_MEMORY. The message holds no host name. */
    void (*on_done)(void *user, enum base_err err, const struct base_error *detail);
    void *user;
};

struct transport_info {
    int sends;
    bool reused;            /* the last send was on a kept connection */
    int64_t received_bytes; /* of the body */
};

struct transport_ops {
    enum base_err (*start)(struct transport *transport, const struct transport_request *request,
                           const struct transport_sink *sink,
                           struct transport_exchange **ret_exchange, struct base_error *reterr);
    /* Stops reading from the socket; what was read before may still come. */
    void (*pause)(struct transport_exchange *exchange);
    void (*resume)(struct transport_exchange *exchange);
    void (*info)(const struct transport_exchange *exchange, struct transport_info *ret);
    /* Ends an exchange that has not ended by closing its connection at once. With `drain` (the
     * answer is known to be over but its framing has not ended) the rest, if little and soon, is
     * read and dropped instead, so that the connection can be kept; the request is not needed for
     * that. */
    void (*release)(struct transport_exchange *exchange, bool drain);
    void (*free)(struct transport *transport); /* every exchange has been released */
};

/* Implementations embed these as their first member. */
struct transport {
    const struct transport_ops *ops;
};
struct transport_exchange {
    struct transport *transport;
};

/* The network. NO_MEMORY, INTERNAL (the library cannot be set up). */
enum base_err transport_curl_new(struct loop *loop, struct transport **ret_transport,
                                 struct base_error *reterr) BASE_MUST_USE;

/* True if both can be sent as a header: a token, and a value without control characters. */
bool transport_header_ok(struct slice name, struct slice value);

/* Value of a header, or absent. `name` in lower case. */
struct slice transport_header_find(const struct transport_head *head, const char *name);

#endif
