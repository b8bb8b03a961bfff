/*
 * base/core/loop.h on libevent: one event_base and at most one thread each.
 *
 *     struct evloop *loop;
 *     err = evloop_new("worker-0", &loop, &detail);
 *     loop_timer_set(evloop_loop(loop), &timer, 5000, on_deadline, me);
 *     err = evloop_start(loop, &detail);     or: evloop_run(loop) on this thread
 *     ...
 *     evloop_stop(loop);                     from any thread
 *     evloop_join(loop);
 *     evloop_free(loop);
 *
 * A turn of the loop: wait for events, run their callbacks, then run what was posted, timers
 * without delay and what evloop_defer() collected, in a few rounds if these lead to more of the
 * same; none of it costs a system call, but for a post from another thread. Whoever produces output
 * in many small pieces writes it there once; whoever is done with an object frees it there and
 * never inside a callback.
 *
 * Threads: before evloop_start() everything may be called by the thread that made the loop; after
 * it, only evloop_stop(), evloop_join(), evloop_beat_ns() and loop_post() from outside. Threads
 * made here block all signals (so a write to a closed socket is EPIPE, never SIGPIPE).
 */
#ifndef GATEWAY_LOOP_LOOP_H
#define GATEWAY_LOOP_LOOP_H

#include "base/core/loop.h"

struct evloop;
struct event_base;

/* `name` (copied; at most 15 bytes are used) is the thread's name. *ret_loop is owned by the
 * caller. Errors: NO_MEMORY, IO (no more descriptors). */
enum base_err evloop_new(const char *name, struct evloop **ret_loop,
                         struct base_error *reterr) BASE_MUST_USE;

/* The interface that modules below gateway see. Lives as long as `loop`. */
struct loop *evloop_loop(struct evloop *loop);

/* For code in gateway that needs libevent itself. EVENT_BASE_FLAG_NOLOCK: loop thread only. */
struct event_base *evloop_base(struct evloop *loop);

/* The loop whose callback is running on this thread, or NULL outside of any. */
struct evloop *evloop_current(void);

/* Makes a thread that runs the loop until evloop_stop(). Once per loop. */
enum base_err evloop_start(struct evloop *loop, struct base_error *reterr) BASE_MUST_USE;

/* Runs the loop on the calling thread until evloop_stop(). */
void evloop_run(struct evloop *loop);

/* From any thread (not from a signal handler): the loop ends after its current turn.
 * What was posted before is still run, and what that defers; later posts are refused. */
void evloop_stop(struct evloop *loop);

/* `fn` runs on the loop's thread when the loop has been stopped, after all that was posted: the
 * place to close what lives on the loop. Before the loop runs; one per loop. */
void evloop_at_end(struct evloop *loop, loop_fn fn, void *user);

/* Waits for the thread of evloop_start(). Nothing if there is none. */
void evloop_join(struct evloop *loop);

/* The loop must not be running. Timers and watches that are still set are forgotten: their owners
 * need not clear them, and must not touch them afterwards. NULL allowed. */
void evloop_free(struct evloop *loop);

/* Work at the end of the turn. The node lives inside its owner (all zero = not queued), runs once
 * per evloop_defer(), and is unlinked before `fn` runs, so `fn` may free its owner or queue the
 * node again (it then runs in the next round or turn, which will not wait for events).
 * Queueing a queued node again does nothing. Loop thread only. */
struct evloop_deferred {
    struct evloop_deferred *next;
    struct evloop_deferred **at; /* NULL = not queued */
    loop_fn fn;
    void *user;
};
void evloop_defer(struct evloop *loop, struct evloop_deferred *node, loop_fn fn, void *user);
void evloop_defer_cancel(struct evloop *loop, struct evloop_deferred *node);

/* When the loop last came round, on the monotonic clock (any thread). A running loop comes round at
 * least every EVLOOP_BEAT_MS; one that does not is stuck in a callback. */
enum { EVLOOP_BEAT_MS = 1000 };
int64_t evloop_beat_ns(const struct evloop *loop);

#endif
