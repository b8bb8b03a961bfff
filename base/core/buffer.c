#include "base/core/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_init(struct buffer *buf, size_t max_bytes)
{
    *buf = (struct buffer){.max = max_bytes};
}

void buffer_done(struct buffer *buf)
{
    free(buf->data);
    *buf = (struct buffer){.max = buf->max};
}

void buffer_clear(struct buffer *buf)
{
    buf->start = buf->end = 0;
    buf->err = BASE_OK;
}

char *buffer_reserve(struct buffer *buf, size_t len)
{
    if (buf->err)
        return NULL;
    size_t unread = buf->end - buf->start;
    if (len > buf->max - unread || len > SIZE_MAX / 4) {
        buf->err = BASE_ERR_LIMIT;
        return NULL;
    }
    /* One byte more than asked for, because vsnprintf() also writes a NUL. */
    if (buf->capacity - buf->end > len)
        return buf->data + buf->end;
    if (buf->start > unread / 2) { /* otherwise a full buffer would move for each byte */
        memmove(buf->data, buf->data + buf->start, unread);
        buf->start = 0;
        buf->end = unread;
    }
    if (buf->capacity - buf->end <= len) {
        size_t capacity = buf->capacity ? buf->capacity : 256;
        while (capacity - buf->end <= len)
            capacity *= 2;
        char *data = realloc(buf->data, capacity);
        if (!data) {
            buf->err = BASE_ERR_NO_MEMORY;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->end;
}

void buffer_commit(struct buffer *buf, size_t len)
{
    buf->end += len;
}

enum base_err buffer_add(struct buffer *buf, const void *bytes, size_t len)
{
    char *to = buffer_room(buf, len);
    if (!to)
        to = buffer_reserve(buf, len);
    if (!to)
        return buf->err;
    if (len)
        memcpy(to, bytes, len);
    buf->end += len;
    return BASE_OK;
}

/* Most of it is short: printed once into the room that is there, and again only where that was too
 * little. */
enum base_err buffer_addf(struct buffer *buf, const char *format, ...)
{
    va_list args;
    size_t room = buf->err ? 0 : buf->capacity - buf->end;
    va_start(args, format);
    int len = vsnprintf(room ? buf->data + buf->end : NULL, room, format, args);
    va_end(args);
    if (len < 0)
        return BASE_ERR_INTERNAL;
    bool is_there = buffer_room(buf, (size_t)len) != NULL;
    char *to = is_there ? NULL : buffer_reserve(buf, (size_t)len);
    if (!is_there && !to)
        return buf->err;
    if (to) {
        va_start(args, format);
        (void)vsnprintf(to, (size_t)len + 1, format, args);
        va_end(args);
    }
    buf->end += (size_t)len;
    return BASE_OK;
}

void buffer_consume(struct buffer *buf, size_t len)
{
    size_t unread = buf->end - buf->start;
    buf->start += len < unread ? len : unread;
    if (buf->start == buf->end)
        buf->start = buf->end = 0;
}

void buffer_truncate(struct buffer *buf, size_t len)
{
    if (len < buf->end - buf->start)
        buf->end = buf->start + len;
}
