/*
 * An upstream that answers every request at once with the same bytes: what is left in a
 * measurement is
 * the gateway. One thread, epoll, HTTP/1.1 keep-alive, bodies by Content-Length.
 *
 *     fixed_upstream PORT
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, READ_BYTES = 1 << 16 };

static const char body[] =
    "{\"id\":\"chatcmpl-fixed\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"fixed\","
    "\"choices\":"
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello from a fixed answer.\"},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":6,\"total_"
    "tokens\":18}}";

/* What is still to come of the request under way on a connection. */
struct conn {
    char head[READ_BYTES];
    size_t len;
    size_t body_left;
    int in_body;
};

static struct conn *conns[CONNECTIONS_MAX];

static void answer(int fd)
{
    char out[1024];
    int len = snprintf(
        out, sizeof(out),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        sizeof(body) - 1, body);
    if (write(fd, out, (size_t)len) != len)
        shutdown(fd, SHUT_RDWR);
}

static size_t content_length(const char *head)
{
    for (const char *line = head; line;
         line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL)
        if (strncasecmp(line, "content-length:", 15) == 0)
            return strtoul(line + 15, NULL, 10);
    return 0;
}

static void take(int fd, struct conn *c, const char *bytes, size_t len)
{
    while (len > 0) {
        if (c->in_body) {
            size_t used = len < c->body_left ? len : c->body_left;
            c->body_left -= used;
            bytes += used;
            len -= used;
        } else {
            size_t room = sizeof(c->head) - 1 - c->len;
            size_t before = c->len;
            size_t used = len < room ? len : room;
            memcpy(c->head + before, bytes, used);
            c->head[before + used] = '\0';
            char *end = strstr(c->head, "\r\n\r\n");
            if (!end) {
                c->len += used;
                if (room == 0)
                    shutdown(fd, SHUT_RDWR);
                return;
            }
            size_t head_bytes = (size_t)(end + 4 - c->head);
            c->body_left = content_length(c->head);
            c->in_body = 1;
            c->len = 0;
            bytes += head_bytes - before;
            len -= head_bytes - before;
        }
        if (c->in_body && c->body_left == 0) {
            answer(fd);
            c->in_body = 0;
        }
    }
}

static void accept_one(int epoll, int listener)
{
    int on = 1;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || fd >= CONNECTIONS_MAX) {
        if (fd >= 0)
            close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conns[fd] = calloc(1, sizeof(struct conn));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (!conns[fd] || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        close(fd);
}

int main(int argc, char **argv)
{
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (argc != 2 || listener < 0 || epoll < 0)
        return 2;
    address.sin_port = htons((unsigned short)strtoul(argv[1], NULL, 10));
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 1024) != 0) {
        perror("fixed_upstream");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    static char bytes[READ_BYTES];
    for (;;) {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_one(epoll, listener);
                continue;
            }
            ssize_t got = read(fd, bytes, sizeof(bytes));
            if (got <= 0) {
                free(conns[fd]);
                conns[fd] = NULL;
                close(fd);
            } else {
                take(fd, conns[fd], bytes, (size_t)got);
            }
        }
    }
}
