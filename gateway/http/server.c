#include "gateway/http/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORKERS_MAX = 64, WORKERS_DEFAULT_MAX = 16, DESCRIPTORS_KEPT = 64 };

/* ---- options ---- */

static enum base_err check_handlers(const struct http_options *options, struct base_error *reterr)
{
    for (size_t i = 0; i < options->handler_count; i++) {
        const struct http_handler *handler = &options->handlers[i];
        if (!handler->method || !handler->path || handler->path[0] != '/' || !handler->on_body)
            return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                                  "handler %zu (%s) lacks a method, a path or on_body", i,
                                  handler->path ? handler->path : "no path");
    }
    return BASE_OK;
}

static enum base_err check_options(const struct http_options *options, struct base_error *reterr)
{
    const struct {
        const char *name;
        int64_t value;
    } positive[] = {
        {"head_ms", options->head_ms},
        {"idle_ms", options->idle_ms},
        {"body_ms", options->body_ms},
        {"body_grace_ms", options->body_grace_ms},
        {"stall_ms", options->stall_ms},
        {"linger_ms", options->linger_ms},
        {"output_bytes_max", options->output_bytes_max > HTTP_HEAD_BYTES_MAX},
        {"high_water", options->high_water > options->low_water},
        {"workers", options->workers <= WORKERS_MAX},
    };
    for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++)
        if (positive[i].value <= 0)
            return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "http option %s is out of range",
                                  positive[i].name);
    return check_handlers(options, reterr);
}

static enum base_err take_proxies(struct http_server *server, const struct http_options *options,
                                  struct base_error *reterr)
{
    if (options->trusted_proxy_count == 0)
        return BASE_OK;
    server->proxies = calloc(options->trusted_proxy_count, sizeof(*server->proxies));
    if (!server->proxies)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the server");
    for (size_t i = 0; i < options->trusted_proxy_count; i++) {
        struct slice range = slice_from_str(options->trusted_proxies[i]);
        enum base_err err = http_check_range(range, reterr);
        if (err)
            return err;
        (void)cidr_parse(range, &server->proxies[i]);
        server->proxy_count++;
    }
    return BASE_OK;
}

static void fill_defaults(struct http_options *options)
{
    if (options->workers == 0) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        options->workers = cpus < 1                     ? 1
                           : cpus > WORKERS_DEFAULT_MAX ? WORKERS_DEFAULT_MAX
                                                        : (unsigned)cpus;
    }
    struct rlimit limit;
    if (options->connections_max == 0) {
        options->connections_max = 1 << 20;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1 << 20)
            options->connections_max = limit.rlim_cur > 2 * DESCRIPTORS_KEPT
                                           ? (unsigned)limit.rlim_cur - DESCRIPTORS_KEPT
                                           : DESCRIPTORS_KEPT;
    }
}

/* ---- making and freeing ---- */

static void on_worker_end(void *user)
{
    struct worker *worker = user;
    while (worker->conns)
        conn_close_now(worker->conns);
}

static enum base_err make_loops(struct http_server *server, struct base_error *reterr)
{
    enum base_err err = evloop_new("acceptor", &server->acceptor, reterr);
    if (err)
        return err;
    server->workers = calloc(server->options.workers, sizeof(*server->workers));
    if (!server->workers)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the server");
    for (unsigned i = 0; i < server->options.workers; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "worker-%u", i % 1000);
        struct worker *worker = &server->workers[i];
        worker->server = server;
        worker->index = i;
        err = evloop_new(name, &worker->loop, reterr);
        if (err)
            return err;
        evloop_at_end(worker->loop, on_worker_end, worker);
        server->worker_count++;
    }
    return BASE_OK;
}

enum base_err http_server_new(const struct http_options *options, struct http_server **ret_server,
                              struct base_error *reterr)
{
    enum base_err err = check_options(options, reterr);
    if (err)
        return err;
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the server");
    pthread_mutex_init(&server->reload, NULL);
    server->reserve_fd = -1;
    server->options = *options;
    fill_defaults(&server->options);
    server->ips = ip_table_new();
    err = server->ips ? take_proxies(server, options, reterr)
                      : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the server");
    server->options.trusted_proxies = NULL;
    if (!err)
        err = make_loops(server, reterr);
    if (err) {
        http_server_free(server);
        return err;
    }
    *ret_server = server;
    return BASE_OK;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    http_server_stop(server);
    for (unsigned i = 0; i < server->worker_count; i++) {
        exchange_free_spares(&server->workers[i]);
        evloop_free(server->workers[i].loop);
    }
    evloop_free(server->acceptor);
    for (size_t i = 0; i < server->listener_count; i++)
        http_tls_free(server->listeners[i].tls);
    if (server->reserve_fd >= 0)
        (void)close(server->reserve_fd);
    ip_table_free(server->ips);
    pthread_mutex_destroy(&server->reload);
    free(server->proxies);
    free(server->workers);
    free(server);
}

enum base_err http_server_listen(struct http_server *server, const struct http_listen *listen,
                                 struct base_error *reterr)
{
    return listener_open(server, listen, reterr);
}

unsigned http_server_port(const struct http_server *server, size_t n)
{
    return n < server->listener_count ? server->listeners[n].port : 0;
}

enum base_err http_server_reload_tls(struct http_server *server, struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    pthread_mutex_lock(&server->reload);
    for (size_t i = 0; i < server->listener_count && !err; i++)
        if (server->listeners[i].tls)
            err = http_tls_load(server->listeners[i].tls, reterr);
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].tls)
            http_tls_settle(server->listeners[i].tls, !err);
    pthread_mutex_unlock(&server->reload);
    return err;
}

unsigned http_server_worker_count(const struct http_server *server)
{
    return server->worker_count;
}

struct loop *http_server_worker_loop(struct http_server *server, unsigned worker)
{
    return evloop_loop(server->workers[worker].loop);
}

/* ---- running ---- */

/* Whoever reaches the port can send nonsense at any rate; the log must not fill the disk. */
static void say_what_was_left_out(struct http_server *server)
{
    for (size_t i = 0; i < HTTP_FAULT_COUNT; i++) {
        unsigned count = log_limit_left_out(&server->refusals[i]);
        if (count > 0)
            log_event(LOG_INFO, "http: more requests were refused",
                      LOG_STR("fault", http_fault_name((enum http_fault)i)),
                      LOG_INT("requests", count), LOG_END);
    }
}

static void on_summary(void *user)
{
    struct http_server *server = user;
    say_what_was_left_out(server);
    (void)loop_timer_set(evloop_loop(server->acceptor), &server->summary,
                         server->options.summary_ms, on_summary, server);
}

enum base_err http_server_start(struct http_server *server, struct base_error *reterr)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        enum base_err err = evloop_start(server->workers[i].loop, reterr);
        if (err)
            return err; /* http_server_free() ends those that run */
    }
    server->started = true;
    on_summary(server);
    return accept_start(server, reterr);
}

static void on_worker_drain(void *user)
{
    struct worker *worker = user;
    for (struct conn *conn = worker->conns; conn; conn = conn->next)
        conn_wake(conn); /* idle ones close themselves */
}

static void on_worker_deadline(void *user)
{
    struct worker *worker = user;
    for (struct conn *conn = worker->conns; conn; conn = conn->next)
        if (conn->ex)
            exchange_shutdown(conn->ex);
}

static void on_deadline(void *user)
{
    struct http_server *server = user;
    for (unsigned i = 0; i < server->worker_count; i++)
        (void)loop_post(evloop_loop(server->workers[i].loop), on_worker_deadline,
                        &server->workers[i]);
}

static void on_drain(void *user)
{
    struct http_server *server = user;
    accept_stop(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        (void)loop_post(evloop_loop(server->workers[i].loop), on_worker_drain, &server->workers[i]);
    if (loop_timer_set(evloop_loop(server->acceptor), &server->deadline,
                       atomic_load(&server->drain_ms), on_deadline, server))
        on_deadline(server);
}

void http_server_drain(struct http_server *server, int64_t deadline_ms)
{
    if (atomic_exchange(&server->draining, true))
        return;
    atomic_store(&server->drain_ms, deadline_ms);
    (void)loop_post(evloop_loop(server->acceptor), on_drain, server);
}

bool http_server_draining(const struct http_server *server)
{
    return atomic_load_explicit(&server->draining, memory_order_relaxed);
}

void http_server_stop(struct http_server *server)
{
    if (server->stopped)
        return;
    server->stopped = true;
    if (server->acceptor) {
        evloop_stop(server->acceptor);
        evloop_join(server->acceptor);
    }
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
    for (unsigned i = 0; i < server->worker_count; i++)
        evloop_stop(server->workers[i].loop);
    for (unsigned i = 0; i < server->worker_count; i++) {
        evloop_join(server->workers[i].loop);
        server->workers[i].stopped = true;
    }
    say_what_was_left_out(server);
}

/* ---- figures ---- */

static uint64_t get(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

static void add_worker(const struct worker *worker, struct http_stats *sum)
{
    const struct counters *c = &worker->counters;
    sum->connections_open += atomic_load_explicit(&worker->connections_open, memory_order_relaxed);
    sum->exchanges_open += atomic_load_explicit(&worker->exchanges_open, memory_order_relaxed);
    sum->requests_total += get(&c->requests);
    for (size_t i = 0; i < 6; i++)
        sum->responses[i] += get(&c->responses[i]);
    sum->bytes_in += get(&c->bytes_in);
    sum->bytes_out += get(&c->bytes_out);
    for (size_t i = 0; i < HTTP_FAULT_COUNT; i++)
        sum->faults[i] += get(&c->faults[i]);
    sum->timeouts_head += get(&c->timeouts_head);
    sum->timeouts_body += get(&c->timeouts_body);
    sum->timeouts_stall += get(&c->timeouts_stall);
    sum->clients_gone += get(&c->clients_gone);
    sum->tls_failures += get(&c->tls_failures);
}

void http_server_stats(const struct http_server *server, struct http_stats *ret_stats)
{
    struct http_stats sum = {
        .body_bytes_held = atomic_load_explicit(&server->body_bytes_held, memory_order_relaxed),
        .connections_total = get(&server->connections_total),
        .connections_refused_full = get(&server->refused_full),
        .connections_refused_ip = get(&server->refused_ip),
        .accept_failures = get(&server->accept_failures),
    };
    for (unsigned i = 0; i < server->worker_count; i++)
        add_worker(&server->workers[i], &sum);
    *ret_stats = sum;
}

int64_t http_server_stuck_ms(const struct http_server *server)
{
    int64_t now = loop_now_ns(evloop_loop(server->acceptor)), oldest = now;
    for (unsigned i = 0; i < server->worker_count && server->started; i++) {
        int64_t beat = evloop_beat_ns(server->workers[i].loop);
        oldest = beat < oldest ? beat : oldest;
    }
    return (now - oldest) / 1000000;
}
