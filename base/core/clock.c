#include "base/core/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t system_mono_ns(void *self)
{
    (void)self;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_wall_ns(void *self)
{
    (void)self;
    return read_clock(CLOCK_REALTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock clock = {system_mono_ns, system_wall_ns, NULL};
    return &clock;
}

static void system_fill(void *self, void *bytes, size_t len)
{
    (void)self;
    char *to = bytes;
    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* a kernel without random numbers: nothing here could be safe */
        }
        to += got;
        len -= (size_t)got;
    }
}

const struct random_source *random_system(void)
{
    static const struct random_source source = {system_fill, NULL};
    return &source;
}

void clock_format_utc(int64_t wall_ns, char out[25])
{
    int64_t ms = wall_ns / 1000000;
    if (ms < 0)
        ms = 0;
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char text[80];
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
    for (int i = 0; i < 24; i++)
        out[i] = text[i];
    out[24] = '\0';
}
