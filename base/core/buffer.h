/*
 * Buffers: growing bytes with a maximum set at the start.
 *
 *     struct buffer out;
 *     buffer_init(&out, 256 * 1024);
 *     err = buffer_addf(&out, "HTTP/1.1 %d ", status);
 *     buffer_done(&out);
 *
 * The first failure (maximum reached: LIMIT, or NO_MEMORY) is remembered: later additions do
 * nothing and return it, so a writer may check once at the end. Consumed bytes at the front are
 * reclaimed lazily. Threads: one at a time.
 */
#ifndef BASE_CORE_BUFFER_H
#define BASE_CORE_BUFFER_H

#include "base/core/error.h"
#include "base/core/slice.h"

struct buffer {
    char *data;      /* owned; NULL until the first byte */
    size_t start;    /* first unread byte */
    size_t end;      /* one past the last byte */
    size_t capacity; /* bytes allocated */
    size_t max;      /* most unread bytes it may hold */
    enum base_err err;
};

void buffer_init(struct buffer *buf, size_t max_bytes);
void buffer_done(struct buffer *buf); /* frees; the buffer may be initialised again */

/* Forgets content and error, keeps the memory. */
void buffer_clear(struct buffer *buf);

enum base_err buffer_add(struct buffer *buf, const void *bytes, size_t len);
enum base_err buffer_addf(struct buffer *buf, const char *format, ...) BASE_PRINTF(2, 3);

/* Room for `len` more bytes: returns where to write them, or NULL; buffer_commit() says how many
 * were written. */
char *buffer_reserve(struct buffer *buf, size_t len) BASE_MUST_USE;
void buffer_commit(struct buffer *buf, size_t len);

/* The unread bytes; valid until the next addition. */
static inline struct slice buffer_slice(const struct buffer *buf)
{
    return slice_of(buf->data ? buf->data + buf->start : "", buf->end - buf->start);
}

static inline size_t buffer_len(const struct buffer *buf)
{
    return buf->end - buf->start;
}

/* Room that is there already; what is written becomes part with buffer_commit(). NULL: ask
 * buffer_reserve(). */
static inline char *buffer_room(struct buffer *buf, size_t len)
{
    bool fits =
        !buf->err && len < buf->capacity - buf->end && len <= buf->max - (buf->end - buf->start);
    return fits ? buf->data + buf->end : NULL;
}

static inline enum base_err buffer_add_slice(struct buffer *buf, struct slice s)
{
    return buffer_add(buf, s.ptr, s.len);
}

static inline enum base_err buffer_add_str(struct buffer *buf, const char *str)
{
    return buffer_add(buf, str, strlen(str));
}

static inline enum base_err buffer_add_char(struct buffer *buf, char c)
{
    char *to = buffer_room(buf, 1);
    if (!to)
        return buffer_add(buf, &c, 1);
    *to = c;
    buf->end++;
    return BASE_OK;
}

/* Drops `len` bytes from the front (at most what is there). */
void buffer_consume(struct buffer *buf, size_t len);

/* Drops bytes from the back, so that `len` unread bytes are left. */
void buffer_truncate(struct buffer *buf, size_t len);

#endif
