/*
 * base/core/loop.h on poll(2), for tests with real sockets: one thread, real time.
 *
 *     struct poll_loop loop;
 *     poll_loop_init(&loop);
 *     ... start something that sets `done` ...
 *     assert_true(poll_loop_run(&loop, &done, 5000));
 *     poll_loop_done(&loop);                       // nothing may be watched or set any more
 */
#ifndef TESTS_POLL_LOOP_H
#define TESTS_POLL_LOOP_H

#include "base/core/loop.h"

enum { POLL_LOOP_ITEMS = 256 };

struct poll_timer {
    struct loop_timer *owner; /* NULL = free */
    int64_t at_ns;
    loop_fn fn;
    void *user;
};

struct poll_watch {
    struct loop_watch *owner; /* NULL = free */
    int fd;
    unsigned events;
    loop_watch_fn fn;
    void *user;
};

struct poll_loop {
    struct loop base;
    struct poll_timer timers[POLL_LOOP_ITEMS];
    struct poll_watch watches[POLL_LOOP_ITEMS];
};

void poll_loop_init(struct poll_loop *loop);
/* How many timers and watches are left; 0 in a clean test. */
int poll_loop_left(const struct poll_loop *loop);
/* Runs until *until is true; false when that takes longer than `most_ms`. */
bool poll_loop_run(struct poll_loop *loop, const bool *until, int most_ms);
/* Runs for so long. */
void poll_loop_turn(struct poll_loop *loop, int ms);

#endif
