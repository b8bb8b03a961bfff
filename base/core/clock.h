/*
 * Time and chance as interfaces, so that tests can replace them.
 *
 * Durations and deadlines use the monotonic clock; the wall clock appears in records only.
 * The system's versions may be used from any thread.
 */
#ifndef BASE_CORE_CLOCK_H
#define BASE_CORE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*mono_ns)(void *self); /* nanoseconds since some fixed point; never goes back */
    int64_t (*wall_ns)(void *self); /* nanoseconds since 1970-01-01 UTC; may jump */
    void *self;
};

struct random_source {
    void (*fill)(void *self, void *bytes, size_t len); /* cannot fail */
    void *self;
};

/* The machine's own. */
const struct clock *clock_system(void);
const struct random_source *random_system(void);

static inline int64_t clock_mono_ns(const struct clock *clock)
{
    return clock->mono_ns(clock->self);
}

static inline int64_t clock_wall_ns(const struct clock *clock)
{
    return clock->wall_ns(clock->self);
}

/* A date that nobody turns: the wall's clock when `from` was taken, gone on by the monotonic one.
 * For ages that are kept over restarts: a step of the wall's clock makes nothing older. */
struct clock_date {
    int64_t wall_ns, mono_ns;
};

static inline struct clock_date clock_date_from(const struct clock *clock)
{
    return (struct clock_date){clock_wall_ns(clock), clock_mono_ns(clock)};
}

static inline int64_t clock_date_ns(const struct clock *clock, const struct clock_date *from)
{
    return from->wall_ns + (clock_mono_ns(clock) - from->mono_ns);
}

/* "2026-01-31T23:59:59.123Z", always 24 characters and a NUL. */
void clock_format_utc(int64_t wall_ns, char out[25]);

#endif
