#include "gateway/http/internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t plain_result(ssize_t got)
{
    if (got >= 0)
        return got;
    return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_BROKEN;
}

static ssize_t plain_recv(struct http_io *io, void *bytes, size_t len)
{
    ssize_t got;
    do {
        got = recv(io->fd, bytes, len, 0);
    } while (got < 0 && errno == EINTR);
    return plain_result(got);
}

static ssize_t plain_send(struct http_io *io, const void *bytes, size_t len)
{
    ssize_t put;
    do {
        put = send(io->fd, bytes, len, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    return plain_result(put);
}

static void plain_end_output(struct http_io *io)
{
    (void)shutdown(io->fd, SHUT_WR);
}

static void plain_close(struct http_io *io)
{
    (void)close(io->fd);
    io->fd = -1;
}

static const struct http_io_ops plain = {
    .recv = plain_recv,
    .send = plain_send,
    .end_output = plain_end_output,
    .close = plain_close,
    .short_read_is_all = true,
};

void io_plain_init(struct http_io *io, int fd)
{
    *io = (struct http_io){.ops = &plain, .fd = fd};
}
