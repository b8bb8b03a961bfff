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
    char *to = buffer_reserve(buf, len);
    if (!to)
        return buf->err;
    if (len)
        memcpy(to, bytes, len);
    buf->end += len;
    return BASE_OK;
}

enum base_err buffer_add_slice(struct buffer *buf, struct slice s)
{
    return buffer_add(buf, s.ptr, s.len);
}

enum base_err buffer_add_str(struct buffer *buf, const char *str)
{
    return buffer_add(buf, str, strlen(str));
}

enum base_err buffer_add_char(struct buffer *buf, char c)
{
    return buffer_add(buf, &c, 1);
}

enum base_err buffer_addf(struct buffer *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return BASE_ERR_INTERNAL;
    char *to = buffer_reserve(buf, (size_t)len);
    if (!to)
        return buf->err;
    va_start(args, format);
    (void)vsnprintf(to, (size_t)len + 1, format, args);
    va_end(args);
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
