/*
 * Logging: one JSON object a line, made in one place.
 *
 *     log_event(LOG_WARN, "reload refused", LOG_STR("file", path), LOG_INT("line", 12), LOG_END);
 *
 * Every value from outside is escaped (control characters, bidi marks, U+2028/2029, bad UTF-8) and
 * cut at 512 bytes, so a log line cannot be forged. Never pass a prompt, a key or a finding's
 * value.
 * Libraries below gateway log at debug only; gateway logs once per event, with the request id.
 * Any thread; each line is one write(2).
 */
#ifndef BASE_CORE_LOG_H
#define BASE_CORE_LOG_H

#include <stdatomic.h>

#include "base/core/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };

struct log_field {
    const char *key;  /* NULL ends the list */
    struct slice str; /* used when `is_int` is false */
    int64_t num;
    bool is_int;
};

#define LOG_STR(k, v) ((struct log_field){.key = (k), .str = slice_from_str(v)})
#define LOG_SLICE(k, v) ((struct log_field){.key = (k), .str = (v)})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .num = (int64_t)(v), .is_int = true})
#define LOG_END ((struct log_field){.key = NULL})

/* Lines below `level` are dropped. fd: where lines go (default 2). Call before threads start. */
void log_setup(enum log_level level, int fd);
bool log_enabled(enum log_level level);

/* Lines that somebody outside can cause, at whatever rate: the first ten of a minute are written,
 * the others are counted.
 *
 *     static struct log_limit limit;
 *     if (log_limit_take(&limit, clock_mono_ns(clock)))
 *         log_event(...);
 *     ... now and then: left_out = log_limit_left_out(&limit); if (left_out) log_event(...)
 *
 * Zeroed is new; any thread. */
enum { LOG_LIMIT_LINES = 10, LOG_LIMIT_MS = 60000 };
struct log_limit {
    _Atomic int64_t end_ns; /* of the minute */
    _Atomic unsigned taken, left_out;
};
bool log_limit_take(struct log_limit *limit, int64_t now_mono_ns);
/* How many were left out since the last question. */
unsigned log_limit_left_out(struct log_limit *limit);

void log_write(enum log_level level, const char *message, const struct log_field *fields);
#define log_event(level, message, ...)                                                             \
    log_write((level), (message), (const struct log_field[]){__VA_ARGS__})

#endif
