/*
 * A loop without sockets whose clock moves only when it is told to.
 *
 *     struct fake_loop fake;
 *     fake_loop_init(&fake);
 *     ... give &fake.base to what is tested ...
 *     fake_loop_advance(&fake, 3000);      // fires what is due on the way, in order
 *
 * Descriptors cannot be watched: what needs one is replaced as well. loop_post() runs at the next
 * advance, also of 0 ms.
 */
#ifndef TESTS_SCENARIO_FAKE_LOOP_H
#define TESTS_SCENARIO_FAKE_LOOP_H

#include "base/core/loop.h"

enum { FAKE_LOOP_ITEMS = 1024 };

struct fake_timer {
    struct loop_timer *owner; /* NULL = free */
    int64_t at_ns;
    uint64_t order; /* of those due at the same time, the one set first fires first */
    loop_fn fn;
    void *user;
};

struct fake_post {
    loop_fn fn;
    void *user;
};

struct fake_loop {
    struct loop base;
    struct clock clock;
    _Atomic int64_t mono_ns, wall_ns; /* the ledger's thread looks at them too */
    bool wall_jumps;
    _Atomic unsigned wall_reads;
    uint64_t order;
    struct fake_timer timers[FAKE_LOOP_ITEMS];
    struct fake_post posts[FAKE_LOOP_ITEMS];
    size_t post_count;
};

/* Starts at 2026-01-01 00:00:00 UTC. With WALL_JUMPS in the environment the wall's clock is turned
 * by hours, days and months each time that somebody looks at it: nothing but records may change. */
void fake_loop_init(struct fake_loop *fake);
void fake_loop_advance(struct fake_loop *fake, int64_t ms);
/* Timers that are set: 0 when all that was tested has ended. */
int fake_loop_timers(const struct fake_loop *fake);

#endif
