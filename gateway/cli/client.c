/* A blocking HTTP/1.1 client, just enough for our own server: it closes after one answer. */
#include "gateway/cli/cli.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD_MAX_BYTES = 64 << 10, BODY_MAX_BYTES = 64 << 20 };

static int connect_unix(const char *path, struct base_error *reterr)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        (void)base_error_set(reterr, BASE_ERR_BAD_VALUE, "%s: too long for a socket's path", path);
        return -1;
    }
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)base_error_set(reterr, BASE_ERR_IO,
                         "%s: %s; is `hearth serve` running, with this state folder?", path,
                         strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static int connect_tcp(const char *address, struct base_error *reterr)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    if (!colon || (size_t)(colon - address) >= sizeof(host)) {
        (void)base_error_set(reterr, BASE_ERR_BAD_VALUE, "%s: expected HOST:PORT", address);
        return -1;
    }
    bool bracketed = address[0] == '[' && colon[-1] == ']';
    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - (bracketed ? 2 : 0),
                   address + bracketed);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(host[0] ? host : "127.0.0.1", colon + 1, &hints, &list) != 0) {
        (void)base_error_set(reterr, BASE_ERR_IO, "%s: no such host", address);
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        (void)base_error_set(reterr, BASE_ERR_IO, "%s: nobody answers; is `hearth serve` running?",
                             address);
    return fd;
}

static bool send_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            bytes = slice_sub(bytes, (size_t)put, SIZE_MAX);
    }
    return true;
}

static bool send_request(int fd, const char *method, const char *path, const char *key,
                         struct slice body)
{
    struct buffer out;
    buffer_init(&out, SIZE_MAX / 2);
    buffer_addf(&out, "%s %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n", method, path);
    if (key)
        buffer_addf(&out, "authorization: Bearer %s\r\n", key);
    if (body.len)
        buffer_addf(&out, "content-type: application/json\r\ncontent-length: %zu\r\n", body.len);
    buffer_add_str(&out, "\r\n");
    buffer_add_slice(&out, body);
    bool good = !out.err && send_all(fd, buffer_slice(&out));
    buffer_done(&out);
    return good;
}

struct reading {
    struct cli_reply *reply;
    struct buffer raw; /* bytes not yet understood */
    bool chunked, head_done, over;
    size_t chunk_left;
    void (*on_body)(void *user, struct slice piece);
    void *user;
};

static void take_body(struct reading *r, struct slice piece)
{
    if (r->on_body && r->reply->status == 200)
        r->on_body(r->user, piece);
    else
        buffer_add_slice(&r->reply->body, piece);
}

static bool read_head(struct reading *r)
{
    struct slice raw = buffer_slice(&r->raw);
    size_t end = slice_find(raw, SLICE("\r\n\r\n"));
    if (end == SIZE_MAX)
        return raw.len < HEAD_MAX_BYTES;
    struct slice head = slice_sub(raw, 0, end + 2);
    int64_t status;
    if (!slice_starts_with(head, SLICE("HTTP/1.1 ")) ||
        !slice_to_i64(slice_sub(head, 9, 3), &status))
        return false;
    r->reply->status = (int)status;
    buffer_add_slice(&r->reply->head, head);
    r->chunked = slice_find(head, SLICE("ransfer-encoding: chunked")) != SIZE_MAX ||
                 slice_find(head, SLICE("ransfer-Encoding: chunked")) != SIZE_MAX;
    buffer_consume(&r->raw, end + 4);
    r->head_done = true;
    return true;
}

/* One step through a chunked body; false when more bytes are needed. */
static bool read_chunk(struct reading *r)
{
    struct slice raw = buffer_slice(&r->raw);
    if (r->chunk_left > 0) {
        size_t take = raw.len < r->chunk_left ? raw.len : r->chunk_left;
        if (take == 0)
            return false;
        take_body(r, slice_sub(raw, 0, take));
        buffer_consume(&r->raw, take);
        r->chunk_left -= take;
        return true;
    }
    size_t skip = slice_starts_with(raw, SLICE("\r\n")) ? 2 : 0;
    size_t end = slice_find(slice_sub(raw, skip, SIZE_MAX), SLICE("\r\n"));
    if (end == SIZE_MAX)
        return false;
    char size[20];
    (void)snprintf(size, sizeof(size), "%.*s", (int)(end < 19 ? end : 19), raw.ptr + skip);
    r->chunk_left = strtoull(size, NULL, 16);
    buffer_consume(&r->raw, skip + end + 2);
    r->over = r->chunk_left == 0;
    return !r->over;
}

static void understand(struct reading *r)
{
    if (!r->chunked) {
        take_body(r, buffer_slice(&r->raw));
        buffer_clear(&r->raw);
        return;
    }
    while (!r->over && read_chunk(r)) {
    }
}

bool cli_request(const char *address, const char *method, const char *path, const char *key,
                 struct slice body, void (*on_body)(void *user, struct slice piece), void *user,
                 struct cli_reply *ret_reply, struct base_error *reterr)
{
    *ret_reply = (struct cli_reply){0};
    buffer_init(&ret_reply->head, HEAD_MAX_BYTES);
    buffer_init(&ret_reply->body, BODY_MAX_BYTES);
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    int fd = is_unix ? connect_unix(address + 5, reterr) : connect_tcp(address, reterr);
    if (fd < 0)
        return false;
    struct reading r = {.reply = ret_reply, .on_body = on_body, .user = user};
    buffer_init(&r.raw, BODY_MAX_BYTES);
    bool good = send_request(fd, method, path, key, body);
    while (good && !r.over) {
        char *to = buffer_reserve(&r.raw, 1 << 16);
        ssize_t got = to ? recv(fd, to, 1 << 16, 0) : -1;
        if (got <= 0)
            break;
        buffer_commit(&r.raw, (size_t)got);
        if (!r.head_done)
            good = read_head(&r);
        if (r.head_done)
            understand(&r);
    }
    (void)close(fd);
    buffer_done(&r.raw);
    if (!good || !r.head_done)
        (void)base_error_set(reterr, BASE_ERR_IO, "%s: the answer is not HTTP", address);
    return good && r.head_done;
}

void cli_reply_done(struct cli_reply *reply)
{
    buffer_done(&reply->head);
    buffer_done(&reply->body);
}
