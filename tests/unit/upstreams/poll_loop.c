#include "tests/unit/upstreams/poll_loop.h"

#include <assert.h>
#include <poll.h>

static enum base_err do_timer_set(struct loop *base, struct loop_timer *timer, int64_t delay_ms,
                                  loop_fn fn, void *user)
{
    struct poll_loop *loop = (struct poll_loop *)base;
    struct poll_timer *slot = timer->impl;
    for (int i = 0; i < POLL_LOOP_ITEMS && !slot; i++)
        if (!loop->timers[i].owner)
            slot = &loop->timers[i];
    if (!slot)
        return BASE_ERR_NO_MEMORY;
    timer->impl = slot;
    *slot = (struct poll_timer){timer, loop_now_ns(base) + delay_ms * 1000000, fn, user};
    return BASE_OK;
}

static void do_timer_clear(struct loop *base, struct loop_timer *timer)
{
    (void)base;
    if (timer->impl)
        ((struct poll_timer *)timer->impl)->owner = NULL;
    timer->impl = NULL;
}

static enum base_err do_watch(struct loop *base, struct loop_watch *watch, int fd, unsigned events,
                              loop_watch_fn fn, void *user)
{
    struct poll_loop *loop = (struct poll_loop *)base;
    struct poll_watch *slot = watch->impl;
    if (events == 0) {
        if (slot)
            slot->owner = NULL;
        watch->impl = NULL;
        return BASE_OK;
    }
    for (int i = 0; i < POLL_LOOP_ITEMS && !slot; i++)
        if (!loop->watches[i].owner)
            slot = &loop->watches[i];
    if (!slot)
        return BASE_ERR_NO_MEMORY;
    watch->impl = slot;
    *slot = (struct poll_watch){watch, fd, events, fn, user};
    return BASE_OK;
}

static bool do_post(struct loop *loop, loop_fn fn, void *user)
{
    (void)loop;
    (void)fn;
    (void)user;
    return false; /* nothing here has a second thread */
}

void poll_loop_init(struct poll_loop *loop)
{
    static const struct loop_ops ops = {do_timer_set, do_timer_clear, do_watch, do_post};
    *loop = (struct poll_loop){.base = {&ops, clock_system()}};
}

int poll_loop_left(const struct poll_loop *loop)
{
    int left = 0;
    for (int i = 0; i < POLL_LOOP_ITEMS; i++)
        left += (loop->timers[i].owner != NULL) + (loop->watches[i].owner != NULL);
    return left;
}

static void fire_timers(struct poll_loop *loop)
{
    int64_t now = loop_now_ns(&loop->base);
    for (int i = 0; i < POLL_LOOP_ITEMS; i++) {
        struct poll_timer timer = loop->timers[i];
        if (!timer.owner || timer.at_ns > now)
            continue;
        do_timer_clear(&loop->base, timer.owner);
        timer.fn(timer.user);
    }
}

static int wait_ms(const struct poll_loop *loop, int most_ms)
{
    int64_t now = loop_now_ns(&loop->base), wait = (int64_t)most_ms * 1000000;
    for (int i = 0; i < POLL_LOOP_ITEMS; i++)
        if (loop->timers[i].owner && loop->timers[i].at_ns - now < wait)
            wait = loop->timers[i].at_ns - now;
    return wait <= 0 ? 0 : (int)((wait + 999999) / 1000000);
}

static void turn(struct poll_loop *loop, int most_ms)
{
    struct pollfd fds[POLL_LOOP_ITEMS];
    struct poll_watch asked[POLL_LOOP_ITEMS];
    nfds_t count = 0;
    for (int i = 0; i < POLL_LOOP_ITEMS; i++) {
        const struct poll_watch *w = &loop->watches[i];
        if (!w->owner)
            continue;
        asked[count] = *w;
        fds[count++] = (struct pollfd){.fd = w->fd,
                                       .events = (short)((w->events & LOOP_READ ? POLLIN : 0) |
                                                         (w->events & LOOP_WRITE ? POLLOUT : 0))};
    }
    int ready = poll(fds, count, wait_ms(loop, most_ms));
    for (nfds_t i = 0; ready > 0 && i < count; i++) {
        unsigned got = (fds[i].revents & (POLLIN | POLLHUP | POLLERR) ? LOOP_READ : 0u) |
                       (fds[i].revents & (POLLOUT | POLLERR) ? LOOP_WRITE : 0u);
        const struct poll_watch *now = NULL; /* it may have been taken away meanwhile */
        for (int j = 0; j < POLL_LOOP_ITEMS && !now; j++)
            if (loop->watches[j].owner == asked[i].owner && loop->watches[j].fd == asked[i].fd)
                now = &loop->watches[j];
        if (now && (got & now->events))
            now->fn(now->user, now->fd, got & now->events);
    }
    fire_timers(loop);
}

bool poll_loop_run(struct poll_loop *loop, const bool *until, int most_ms)
{
    int64_t end = loop_now_ns(&loop->base) + (int64_t)most_ms * 1000000;
    while (!*until && loop_now_ns(&loop->base) < end)
        turn(loop, 20);
    return *until;
}

void poll_loop_turn(struct poll_loop *loop, int ms)
{
    bool never = false;
    (void)poll_loop_run(loop, &never, ms);
}
