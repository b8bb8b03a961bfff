/* A blunt HTTP client for tests: sends exact bytes, reads what comes. Every wait ends. */
#ifndef TESTS_UNIT_GATEWAY_HTTP_CLIENT_H
#define TESTS_UNIT_GATEWAY_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"

enum { CLIENT_WAIT_MS = 30000 };

struct client {
    int fd;
    char *got; /* NUL-terminated */
    size_t len, capacity;
    size_t seen; /* up to where client_expect() has come */
};

static inline int64_t client_now_ms(void)
{
    return clock_mono_ns(clock_system()) / 1000000;
}

/* What the threads of this process have waited for a processor so far, all together; 0 where
 * the kernel does not say. */
static inline int64_t client_starved_ms(void)
{
    int64_t sum_ns = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
        char path[300];
        long long ran, waited;
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%lld %lld", &ran, &waited) == 2)
            sum_ns += waited;
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return sum_ns / 1000000;
}

/* How long something took. On a machine that is busy with other things the clock shows more than
 * what this process is to blame for, at most by the time that its threads stood and waited. */
struct client_span {
    int64_t begin_ms, starved_ms;
};

static inline struct client_span client_span_begin(void)
{
    int64_t starved_ms = client_starved_ms();
    return (struct client_span){client_now_ms(), starved_ms};
}

/* By the clock. */
static inline int64_t client_span_ms(const struct client_span *span)
{
    return client_now_ms() - span->begin_ms;
}

/* The machine's other work taken off. */
static inline int64_t client_span_own_ms(const struct client_span *span)
{
    int64_t own = client_span_ms(span) - (client_starved_ms() - span->starved_ms);
    return own > 0 ? own : 0;
}

/* receive_buffer 0 = the default */
static inline struct client client_open_from(unsigned port, const char *source, int receive_buffer)
{
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct timeval wait = {.tv_sec = CLIENT_WAIT_MS / 1000};
    (void)inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    (void)inet_pton(AF_INET, source, &from.sin_addr);
    if (receive_buffer)
        (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (bind(client.fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(client.fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("connect");
        abort();
    }
    return client;
}

static inline struct client client_open(unsigned port)
{
    return client_open_from(port, "127.0.0.1", 0);
}

static inline void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    free(client->got);
    client->got = NULL;
}

/* Resets the connection instead of closing it in order. */
static inline void client_reset(struct client *client)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    client_close(client);
}

static inline void client_send_bytes(struct client *client, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = send(client->fd, bytes, len, MSG_NOSIGNAL);
        if (put <= 0)
            return; /* the test sees it by what is missing */
        bytes += put;
        len -= (size_t)put;
    }
}

static inline void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

/* Reads once: > 0 bytes, 0 end, -1 timeout or reset. */
static inline ssize_t client_read(struct client *client)
{
    if (client->capacity - client->len < 65536) {
        client->capacity = client->capacity * 2 + 131072;
        client->got = realloc(client->got, client->capacity);
        if (!client->got)
            abort();
    }
    ssize_t got = recv(client->fd, client->got + client->len, 65535, 0);
    if (got > 0)
        client->len += (size_t)got;
    client->got[client->len] = '\0';
    return got;
}

/* Reads until `text` has come after what was expected before; false at the end or a timeout. */
static inline bool client_expect(struct client *client, const char *text)
{
    for (;;) {
        const char *found = client->got ? memmem(client->got + client->seen,
                                                 client->len - client->seen, text, strlen(text))
                                        : NULL;
        if (found) {
            client->seen = (size_t)(found - client->got) + strlen(text);
            return true;
        }
        if (client_read(client) <= 0)
            return false;
    }
}

/* Reads to the end of the connection; the number of bytes that came since the last expectation, or
 * -1 when it was reset or did not end. */
static inline ssize_t client_finish(struct client *client)
{
    ssize_t got;
    do {
        got = client_read(client);
    } while (got > 0);
    return got == 0 ? (ssize_t)(client->len - client->seen) : -1;
}

/* Nothing may come for that long. */
static inline bool client_is_quiet(struct client *client, int for_ms)
{
    struct pollfd waiting = {.fd = client->fd, .events = POLLIN};
    return poll(&waiting, 1, for_ms) == 0;
}

/* Waits until *value is at least `wanted`. */
static inline bool client_await(_Atomic int *value, int wanted)
{
    int64_t end = client_now_ms() + CLIENT_WAIT_MS;
    while (*value < wanted) {
        if (client_now_ms() > end)
            return false;
        struct timespec little = {.tv_nsec = 500000};
        nanosleep(&little, NULL);
    }
    return true;
}

#endif
