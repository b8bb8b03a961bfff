/*
 * Targets: somewhere a request can be served. Engine models and upstream models are the two kinds;
 * dispatch knows only this interface.
 *
 *     struct target_stream *stream;
 *     err = target->ops->start(target, &call, sink, &stream, &detail);
 *     ... sink.on_event(...) STARTED, TEXT, TEXT, FINISHED, USAGE, DONE
 *     target->ops->release(stream);
 *
 * Threads: everything happens on the loop thread that called start(). on_event is never called
 * before start() has returned, nor after cancel() or release() has been called.
 * Ownership: the request must live until release(). release() is called exactly once per started
 * stream, from anywhere but inside on_event; it cancels what still runs.
 */
#ifndef BASE_CHAT_TARGET_H
#define BASE_CHAT_TARGET_H

#include "base/chat/chat.h"
#include "base/chat/event.h"
#include "base/core/error.h"
#include "base/core/loop.h"

struct policy_permit; /* policy/policy.h */
struct policy_body;   /* policy/policy.h */
struct target;
struct target_stream;

/* 0 = no such deadline. Each fires with UPSTREAM_TIMEOUT and says which one it was. */
struct target_deadlines {
    int64_t connect_ms;
    int64_t first_byte_ms; /* from the request sent to the first content event */
    int64_t idle_ms;       /* between two events */
    int64_t total_ms;
};

/* Threads for what would hold up a loop. */
struct target_work {
    bool (*submit)(void *self, loop_fn fn, void *user); /* false: full; NULL: there are none */
    void *self;
};

struct target_call {
    struct loop *loop;
    struct target_work work;
    const struct chat_request *request;
    struct slice request_id;
    struct target_deadlines deadlines;
    uint64_t domain;  /* opaque: caches are shared only within one (tenant, level) */
    uint64_t flow;    /* opaque: fairness between tenants */
    int32_t priority; /* engine models: higher first; 0 = normal */
    /* Upstream targets only; NULL for engine models, whose bytes never leave the process. */
    const struct policy_permit *permit;
    const struct policy_body *body;
};

struct target_sink {
    void (*on_event)(void *user, const struct chat_event *event);
    void *user;
};

struct target_ops {
    /* MUST. On failure nothing was started and nothing was sent. */
    enum base_err (*start)(struct target *target, const struct target_call *call,
                           struct target_sink sink, struct target_stream **ret_stream,
                           struct base_error *reterr);
    /* MUST. Between pause and resume few further events come (those already under way). */
    void (*pause)(struct target_stream *stream);
    void (*resume)(struct target_stream *stream);
    /* MUST. Stops the work: an upstream connection is closed, an engine sequence ends within one
     * token. No event follows. */
    void (*cancel)(struct target_stream *stream);
    /* MUST. The usage known so far, for the ledger of a cancelled stream; -1 where unknown. */
    void (*usage)(const struct target_stream *stream, struct chat_usage *ret);
    /* MUST. */
    void (*release)(struct target_stream *stream);
};

/* Kinds embed this as their first member. */
struct target {
    const struct target_ops *ops;
    struct slice name; /* "demo", "openai/gpt-x": as in config and headers; lives as the target */
};

#endif
