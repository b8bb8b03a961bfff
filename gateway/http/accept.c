#include "gateway/http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_PER_TURN = 64, BACKLOG = 1024, PAUSE_MS = 100, STUCK_MS = 5000 };

/* ---- listening ---- */

static enum base_err bad_address(const char *text, struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                          "%s is not an address to listen on; write 127.0.0.1:8080, [::1]:8080, "
                          ":8080 or unix:/path",
                          text);
}

static enum base_err parse_tcp(const char *text, struct address *ret, struct base_error *reterr)
{
    struct slice all = slice_from_str(text);
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || colon[1] < '0' || colon[1] > '9' ||
        !slice_to_i64(slice_from_str(colon + 1), &port) || port > 65535)
        return bad_address(text, reterr);
    struct slice host = slice_sub(all, 0, (size_t)(colon - text));
    struct ip_key key = {{0}};
    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = slice_sub(host, 1, host.len - 2);
    if (host.len > 0 && !ip_parse(host, &key))
        return bad_address(text, reterr);
    bool v4 = host.len > 0 && !memchr(host.ptr, ':', host.len);
    memset(ret, 0, sizeof(*ret));
    if (v4) {
        struct sockaddr_in *in = (struct sockaddr_in *)&ret->storage;
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        memcpy(&in->sin_addr, key.bytes + 12, 4);
        ret->len = sizeof(*in);
    } else {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)&ret->storage;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons((uint16_t)port);
        memcpy(&in->sin6_addr, key.bytes, 16);
        ret->len = sizeof(*in);
    }
    return BASE_OK;
}

static unsigned bound_port(int fd)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);
    if (getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
        return 0;
    if (storage.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&storage)->sin_port);
    return storage.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&storage)->sin6_port) : 0;
}

static enum base_err open_socket(const struct address *address, const char *text, int *ret_fd,
                                 struct base_error *reterr)
{
    int family = address->storage.ss_family, one = 1, zero = 0;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return base_error_set(reterr, BASE_ERR_IO, "%s: cannot make a socket: %s", text,
                              strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    int rc = family == AF_UNIX ? control_bind(fd, address)
                               : bind(fd, (const struct sockaddr *)&address->storage, address->len);
    if (rc == 0)
        rc = listen(fd, BACKLOG);
    if (rc == 0) {
        *ret_fd = fd;
        return BASE_OK;
    }
    int problem = errno;
    close(fd);
    if (problem == EADDRINUSE)
        return base_error_set(reterr, BASE_ERR_IN_USE,
                              "%s is in use by another process; choose another port or stop it",
                              text);
    return base_error_set(reterr, BASE_ERR_IO, "cannot listen on %s: %s", text, strerror(problem));
}

static enum base_err parse_address(const char *text, struct address *ret, struct base_error *reterr)
{
    return strncmp(text, "unix:", 5) == 0 ? control_address(text + 5, ret, reterr)
                                          : parse_tcp(text, ret, reterr);
}

enum base_err http_check_address(const char *address, struct base_error *reterr)
{
    struct address parsed;
    bool is_unix = strncmp(address, "unix:", 5) == 0; /* to listen there removes a stale socket */
    return is_unix ? control_check(address + 5, reterr) : parse_tcp(address, &parsed, reterr);
}

enum base_err listener_open(struct http_server *server, const struct http_listen *listen,
                            struct base_error *reterr)
{
    if (server->listener_count == LISTENERS_MAX || listen->id > 31)
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%s: more than %d listeners",
                              listen->address, LISTENERS_MAX);
    struct listener *listener = &server->listeners[server->listener_count];
    *listener = (struct listener){.fd = -1, .id = listen->id, .server = server};
    bool is_unix = strncmp(listen->address, "unix:", 5) == 0;
    struct address address;
    enum base_err err = parse_address(listen->address, &address, reterr);
    if (!err && listen->tls_cert)
        err = http_tls_new(listen->tls_cert, listen->tls_key ? listen->tls_key : listen->tls_cert,
                           &listener->tls, reterr);
    if (!err)
        err = open_socket(&address, listen->address, &listener->fd, reterr);
    if (err == BASE_ERR_IO && listen->address[0] == ':') { /* a machine without IPv6 */
        char v4_only[32];
        (void)snprintf(v4_only, sizeof(v4_only), "0.0.0.0:%.8s", listen->address + 1);
        err = parse_tcp(v4_only, &address, reterr);
        if (!err)
            err = open_socket(&address, listen->address, &listener->fd, reterr);
    }
    if (!err && is_unix) {
        listener->unix_path = strdup(listen->address + 5);
        if (!listener->unix_path)
            err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a listener");
    }
    if (err) {
        listener_close(listener);
        http_tls_free(listener->tls);
        listener->tls = NULL;
        return err;
    }
    listener->port = bound_port(listener->fd);
    server->listener_count++;
    return BASE_OK;
}

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0)
        (void)close(listener->fd);
    listener->fd = -1;
    if (listener->unix_path)
        (void)unlink(listener->unix_path);
    free(listener->unix_path);
    listener->unix_path = NULL;
}

/* ---- accepting ---- */

static unsigned load(_Atomic unsigned *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* The fewest open exchanges, then the fewest connections; one that hangs only if all do. */
static struct worker *least_loaded(struct http_server *server)
{
    int64_t stuck_before = loop_now_ns(evloop_loop(server->acceptor)) - STUCK_MS * 1000000LL;
    struct worker *best = &server->workers[0];
    uint64_t best_load = UINT64_MAX;
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        uint64_t stuck = evloop_beat_ns(worker->loop) < stuck_before;
        uint64_t now = stuck << 63 | (uint64_t)load(&worker->exchanges_open) << 32 |
                       load(&worker->connections_open);
        if (now < best_load) {
            best = worker;
            best_load = now;
        }
    }
    return best;
}

static unsigned connections_open(struct http_server *server)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < server->worker_count; i++)
        sum += load(&server->workers[i].connections_open);
    return sum;
}

static void refuse_connection(int fd, const struct listener *listener)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                               "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
    if (!listener->tls)
        (void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    (void)close(fd);
}

static void describe_peer(const struct sockaddr_storage *from, struct ip_key *key, char *text)
{
    memset(key, 0, sizeof(*key));
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        key->bytes[10] = key->bytes[11] = 0xff;
        memcpy(key->bytes + 12, &in->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        memcpy(key->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    } else {
        (void)snprintf(text, PEER_TEXT_MAX, "unix");
        return;
    }
    ip_format(key, text);
}

static void hand_over(struct http_server *server, struct conn *conn)
{
    struct worker *worker = least_loaded(server);
    conn->worker = worker;
    atomic_fetch_add_explicit(&worker->connections_open, 1, memory_order_relaxed);
    if (loop_post(evloop_loop(worker->loop), conn_adopt, conn))
        return;
    atomic_fetch_sub_explicit(&worker->connections_open, 1, memory_order_relaxed);
    conn_free_unstarted(conn, server);
}

static void take_connection(struct listener *listener, int fd, const struct sockaddr_storage *from)
{
    struct http_server *server = listener->server;
    bool is_ip = from->ss_family == AF_INET || from->ss_family == AF_INET6;
    struct ip_key key;
    char peer[PEER_TEXT_MAX];
    int one = 1;
    describe_peer(from, &key, peer);
    bool trusted = is_ip && cidr_has(server->proxies, server->proxy_count, &key);
    unsigned per_ip = is_ip && !trusted ? server->options.connections_per_ip : 0;
    if (connections_open(server) >= server->options.connections_max) {
        count(&server->refused_full, 1);
        refuse_connection(fd, listener);
        return;
    }
    if (per_ip && !ip_table_enter(server->ips, &key, per_ip)) {
        count(&server->refused_ip, 1);
        refuse_connection(fd, listener);
        return;
    }
    if (is_ip)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct conn *conn = conn_new(fd, listener, &key, peer);
    if (!conn) {
        count(&server->accept_failures, 1);
        if (per_ip)
            ip_table_leave(server->ips, &key);
        refuse_connection(fd, listener);
        return;
    }
    conn->counted_ip = per_ip != 0;
    conn->trusted_proxy = trusted;
    count(&server->connections_total, 1);
    hand_over(server, conn);
}

static void watch_listeners(struct http_server *server, bool on);

static void on_pause_over(void *user)
{
    watch_listeners(user, true);
}

/* No descriptors: one in reserve lets the waiting client be refused, so that it does not wait and
 * the listener does not stay ready for ever. Without it, accepting pauses. */
static void out_of_descriptors(struct listener *listener)
{
    struct http_server *server = listener->server;
    count(&server->accept_failures, 1);
    if (server->reserve_fd >= 0) {
        (void)close(server->reserve_fd);
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            refuse_connection(fd, listener);
        server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && server->reserve_fd >= 0)
            return;
    }
    watch_listeners(server, false);
    (void)loop_timer_set(evloop_loop(server->acceptor), &server->pause, PAUSE_MS, on_pause_over,
                         server);
}

static void on_acceptable(void *user, int listen_fd, unsigned events)
{
    (void)events;
    struct listener *listener = user;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int fd = accept4(listen_fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            take_connection(listener, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            out_of_descriptors(listener);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static void watch_listeners(struct http_server *server, bool on)
{
    if (server->reserve_fd < 0)
        server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->fd >= 0)
            (void)loop_watch_set(evloop_loop(server->acceptor), &listener->watch, listener->fd,
                                 on ? LOOP_READ : 0, on_acceptable, listener);
    }
}

enum base_err accept_start(struct http_server *server, struct base_error *reterr)
{
    watch_listeners(server, true);
    return evloop_start(server->acceptor, reterr);
}

void accept_stop(struct http_server *server)
{
    loop_timer_clear(evloop_loop(server->acceptor), &server->pause);
    watch_listeners(server, false);
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
}
