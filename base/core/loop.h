/*
 * The event loop as an interface. Gateway implements it on libevent; scenario tests implement it
 * with a fake clock and no sockets. Modules below gateway reach a loop only through this.
 *
 *     static void on_deadline(void *user) { ... }
 *     loop_timer_set(loop, &stream->deadline, 5000, on_deadline, stream);
 *     ...
 *     loop_timer_clear(loop, &stream->deadline);
 *
 * Threads: everything but loop_post() is called on the loop's own thread, and callbacks run on it,
 * never before the call that asked for them has returned.
 */
#ifndef BASE_CORE_LOOP_H
#define BASE_CORE_LOOP_H

#include "base/core/clock.h"
#include "base/core/error.h"

struct loop;
typedef void (*loop_fn)(void *user);

/* A timer lives inside its owner; all zero = not set. Set again = moved. It fires once. */
struct loop_timer {
    void *impl; /* private to the implementation */
};

/* A watched descriptor lives inside its owner; all zero = not watched. Level-triggered. */
struct loop_watch {
    void *impl;
};
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void (*loop_watch_fn)(void *user, int fd, unsigned events);

struct loop_ops {
    enum base_err (*timer_set)(struct loop *loop, struct loop_timer *timer, int64_t delay_ms,
                               loop_fn on_fire, void *user);
    void (*timer_clear)(struct loop *loop, struct loop_timer *timer);
    /* `events` 0 stops watching. */
    enum base_err (*watch)(struct loop *loop, struct loop_watch *watch, int fd, unsigned events,
                           loop_watch_fn on_ready, void *user);
    /* From any thread: run `fn` on the loop's thread soon. False when the loop has ended. */
    bool (*post)(struct loop *loop, loop_fn fn, void *user);
};

/* Implementations embed this as their first member. */
struct loop {
    const struct loop_ops *ops;
    const struct clock *clock;
};

static inline enum base_err loop_timer_set(struct loop *loop, struct loop_timer *timer,
                                           int64_t delay_ms, loop_fn on_fire, void *user)
{
    return loop->ops->timer_set(loop, timer, delay_ms, on_fire, user);
}

static inline void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
    loop->ops->timer_clear(loop, timer);
}

static inline enum base_err loop_watch_set(struct loop *loop, struct loop_watch *watch, int fd,
                                           unsigned events, loop_watch_fn on_ready, void *user)
{
    return loop->ops->watch(loop, watch, fd, events, on_ready, user);
}

static inline bool loop_post(struct loop *loop, loop_fn fn, void *user)
{
    return loop->ops->post(loop, fn, user);
}

static inline int64_t loop_now_ns(const struct loop *loop)
{
    return clock_mono_ns(loop->clock);
}

#endif
