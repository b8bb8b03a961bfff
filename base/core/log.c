#include "base/core/log.h"

#include "base/core/buffer.h"
#include "base/core/clock.h"

#include <unistd.h>

enum { LINE_MAX_BYTES = 16 * 1024, VALUE_MAX_BYTES = 512 };

static enum log_level min_level = LOG_INFO;
static int log_fd = 2;

void log_setup(enum log_level level, int fd)
{
    min_level = level;
    log_fd = fd;
}

bool log_enabled(enum log_level level)
{
    return level >= min_level;
}

bool log_limit_take(struct log_limit *limit, int64_t now_mono_ns)
{
    int64_t end = atomic_load(&limit->end_ns);
    if (now_mono_ns >= end &&
        atomic_compare_exchange_strong(&limit->end_ns, &end,
                                       now_mono_ns + (int64_t)LOG_LIMIT_MS * 1000000))
        atomic_store(&limit->taken, 0);
    if (atomic_fetch_add(&limit->taken, 1) < LOG_LIMIT_LINES)
        return true;
    (void)atomic_fetch_sub(&limit->taken, 1); /* never overflows */
    (void)atomic_fetch_add(&limit->left_out, 1);
    return false;
}

unsigned log_limit_left_out(struct log_limit *limit)
{
    return atomic_exchange(&limit->left_out, 0);
}

/* Characters that could end a line, hide text or turn its direction on a terminal. */
static bool is_treacherous(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) || c == 0xfeff;
}

static void add_string(struct buffer *line, struct slice s)
{
    bool cut = s.len > VALUE_MAX_BYTES;
    if (cut)
        s.len = VALUE_MAX_BYTES;
    buffer_add_char(line, '"');
    for (size_t i = 0; i < s.len;) {
        uint32_t c = 0;
        size_t len = slice_utf8_char(slice_sub(s, i, 4), &c);
        if (len == 0) {
            buffer_addf(line, "\\ufffd");
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            buffer_addf(line, "\\%c", (int)c);
        else if (is_treacherous(c))
            buffer_addf(line, "\\u%04x", c);
        else
            buffer_add(line, s.ptr + i, len);
        i += len;
    }
    buffer_add_str(line, cut ? "...\"" : "\"");
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    static const char *const names[LOG_LEVEL_COUNT] = {"debug", "info", "warn", "error"};
    if (!log_enabled(level))
        return;
    char when[25];
    clock_format_utc(clock_wall_ns(clock_system()), when);
    struct buffer line;
    buffer_init(&line, LINE_MAX_BYTES);
    buffer_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", when, names[level]);
    add_string(&line, slice_from_str(message));
    for (; fields->key; fields++) {
        size_t before = buffer_len(&line);
        buffer_add_char(&line, ',');
        add_string(&line, slice_from_str(fields->key));
        buffer_add_char(&line, ':');
        if (fields->is_int)
            buffer_addf(&line, "%lld", (long long)fields->num);
        else if (slice_is_absent(fields->str))
            buffer_add_str(&line, "null");
        else
            add_string(&line, fields->str);
        if (line.err || buffer_len(&line) > LINE_MAX_BYTES - 4) { /* keep the line whole */
            line.err = BASE_OK;
            buffer_truncate(&line, before);
            break;
        }
    }
    buffer_add_str(&line, "}\n");
    struct slice out = buffer_slice(&line);
    ssize_t written = write(log_fd, out.ptr, out.len);
    (void)written; /* nowhere left to complain */
    buffer_done(&line);
}
