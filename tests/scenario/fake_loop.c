#include "tests/scenario/fake_loop.h"

#include <stdatomic.h>
#include <stdlib.h>

static int64_t read_mono(void *self)
{
    return ((struct fake_loop *)self)->mono_ns;
}

/* With jumps: each look at the wall's clock finds it turned by other hours, back and forth. */
static int64_t read_wall(void *self)
{
    static const int hours[] = {0, 7, -3, 50, -800, 1, -1, 9000};
    struct fake_loop *fake = self;
    int64_t turned = fake->wall_jumps ? hours[atomic_fetch_add(&fake->wall_reads, 1) % 8] : 0;
    return fake->wall_ns + turned * 3600 * 1000000000;
}

static enum base_err do_timer_set(struct loop *base, struct loop_timer *timer, int64_t delay_ms,
                                  loop_fn fn, void *user)
{
    struct fake_loop *fake = (struct fake_loop *)base;
    struct fake_timer *slot = timer->impl;
    for (int i = 0; i < FAKE_LOOP_ITEMS && !slot; i++)
        if (!fake->timers[i].owner)
            slot = &fake->timers[i];
    if (!slot)
        return BASE_ERR_NO_MEMORY;
    timer->impl = slot;
    *slot = (struct fake_timer){timer, fake->mono_ns + delay_ms * 1000000, fake->order++, fn, user};
    return BASE_OK;
}

static void do_timer_clear(struct loop *base, struct loop_timer *timer)
{
    (void)base;
    if (timer->impl)
        ((struct fake_timer *)timer->impl)->owner = NULL;
    timer->impl = NULL;
}

static enum base_err do_watch(struct loop *base, struct loop_watch *watch, int fd, unsigned events,
                              loop_watch_fn fn, void *user)
{
    (void)base;
    (void)watch;
    (void)fd;
    (void)fn;
    (void)user;
    return events == 0 ? BASE_OK : BASE_ERR_INTERNAL;
}

static bool do_post(struct loop *base, loop_fn fn, void *user)
{
    struct fake_loop *fake = (struct fake_loop *)base;
    if (fake->post_count == FAKE_LOOP_ITEMS)
        return false;
    fake->posts[fake->post_count++] = (struct fake_post){fn, user};
    return true;
}

void fake_loop_init(struct fake_loop *fake)
{
    static const struct loop_ops ops = {do_timer_set, do_timer_clear, do_watch, do_post};
    *fake = (struct fake_loop){.mono_ns = INT64_C(1000000000),
                               .wall_ns = INT64_C(1767225600) * 1000000000,
                               .wall_jumps = getenv("WALL_JUMPS") != NULL};
    fake->clock = (struct clock){read_mono, read_wall, fake};
    fake->base = (struct loop){&ops, &fake->clock};
}

static void run_posts(struct fake_loop *fake)
{
    while (fake->post_count > 0) {
        struct fake_post first = fake->posts[0];
        fake->post_count--;
        for (size_t i = 0; i < fake->post_count; i++)
            fake->posts[i] = fake->posts[i + 1];
        first.fn(first.user);
    }
}

static struct fake_timer *next_due(struct fake_loop *fake, int64_t until_ns)
{
    struct fake_timer *found = NULL;
    for (int i = 0; i < FAKE_LOOP_ITEMS; i++) {
        struct fake_timer *t = &fake->timers[i];
        if (!t->owner || t->at_ns > until_ns)
            continue;
        if (!found || t->at_ns < found->at_ns ||
            (t->at_ns == found->at_ns && t->order < found->order))
            found = t;
    }
    return found;
}

static void move_to(struct fake_loop *fake, int64_t at_ns)
{
    if (at_ns <= fake->mono_ns)
        return;
    fake->wall_ns += at_ns - fake->mono_ns;
    fake->mono_ns = at_ns;
}

void fake_loop_advance(struct fake_loop *fake, int64_t ms)
{
    int64_t end = fake->mono_ns + ms * 1000000;
    run_posts(fake);
    for (struct fake_timer *due; (due = next_due(fake, end)) != NULL;) {
        struct fake_timer timer = *due;
        move_to(fake, timer.at_ns);
        do_timer_clear(&fake->base, timer.owner);
        timer.fn(timer.user);
        run_posts(fake);
    }
    move_to(fake, end);
}

int fake_loop_timers(const struct fake_loop *fake)
{
    int count = 0;
    for (int i = 0; i < FAKE_LOOP_ITEMS; i++)
        count += fake->timers[i].owner != NULL;
    return count;
}
