#include "gateway/serve/serve.h"

#include "base/core/log.h"
#include "gateway/api/handlers.h"
#include "gateway/dispatch/sessions.h"
#include "gateway/keys/keys.h"
#include "gateway/metrics/metrics.h"
#include "gateway/serve/preflight.h"
#include "gateway/serve/state.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { WORK_THREADS = 2, FAST_DRAIN_MS = 0 };

/* Everything that start() makes and finish() takes apart again. */
struct process {
    struct app app;
    struct config *config; /* until the first snapshot takes it over */
    struct state *state;
    struct snapshot *first;
};

/* ---- what to start with ---- */

const char *serve_find_demo(void)
{
    static char path[PATH_MAX];
    char exe[PATH_MAX];
    const char *given = getenv("HEARTH_DEMO");
    if (given && access(given, R_OK) == 0)
        return given;
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    static const char *const places[] = {"%s/../deploy/demo.gguf", "%s/../../deploy/demo.gguf",
                                         "%s/../share/hearth/demo.gguf", "%s/demo.gguf"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(path, sizeof(path), places[i], exe);
#pragma GCC diagnostic pop
        if (access(path, R_OK) == 0)
            return path;
    }
    return access("deploy/demo.gguf", R_OK) == 0 ? "deploy/demo.gguf" : NULL;
}

static enum base_err load_config(struct process *p, const struct serve_options *options)
{
    struct config_errors errors = {.count = 0};
    buffer_init(&errors.text, 64 << 10);
    enum base_err err;
    if (options->config_path) {
        err = config_load(options->config_path, &p->config, &errors);
        if (!err)
            err = preflight_process(p->config, &errors);
    } else {
        const char *demo = options->model_path ? options->model_path : serve_find_demo();
        if (!demo) {
            buffer_addf(&errors.text,
                        "hearth: the demo model (deploy/demo.gguf) is nowhere to be found; "
                        "give --model FILE, or a configuration with --config FILE\n");
            err = BASE_ERR_IO;
        } else {
            err = config_default(demo, &p->config, &errors);
        }
    }
    if (err)
        (void)fprintf(stderr, "%.*s", SLICE_ARG(buffer_slice(&errors.text)));
    buffer_done(&errors.text);
    if (err)
        return err;
    if (options->listen) {
        p->config->listen = arena_dup(p->config->arena, slice_from_str(options->listen));
        p->app.listen_override = true;
    }
    if (options->state) {
        p->config->state = arena_dup(p->config->arena, slice_from_str(options->state));
        p->app.state_override = true;
    }
    return BASE_OK;
}

static enum base_err make_snapshot(struct process *p, struct base_error *reterr)
{
    enum base_err err = engines_open(p->config, &p->app.engines, reterr);
    if (err)
        return err;
    struct config_errors errors = {.count = 0};
    size_t soft = 0;
    buffer_init(&errors.text, 64 << 10);
    struct config *config = p->config;
    p->config = NULL;
    err = snapshot_new(config, p->app.engines, NULL, &p->first, &errors);
    if (!err)
        err = serve_config_tests(p->first, &errors, &soft);
    (void)fprintf(stderr, "%.*s", SLICE_ARG(buffer_slice(&errors.text)));
    buffer_done(&errors.text);
    if (err)
        return err; /* all is said */
    p->app.newest = snapshot_ref(p->first);
    return BASE_OK;
}

static enum base_err open_state(struct process *p, struct base_error *reterr)
{
    struct app *app = &p->app;
    uint64_t seed;
    app->random->fill(app->random->self, &seed, sizeof(seed));
    app->metrics = metrics_new();
    app->sessions = sessions_new(seed);
    app->workpool = workpool_new(WORK_THREADS);
    if (!app->metrics || !app->sessions || !app->workpool)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    enum base_err err = state_memory_open(p->state, p->first->config, &app->memory, reterr);
    if (!err)
        state_memory_workpool(p->state, app->workpool);
    if (!err)
        err = keys_open(state_path(p->state, "keys.json"), app->clock, app->random, &app->keys,
                        reterr);
    return err;
}

/* Last of all that can fail: its audit chain says that a policy was in force, and the log where the
 * chain goes on. */
static enum base_err open_ledger(struct process *p, struct base_error *reterr)
{
    const struct config *config = p->first->config;
    struct app *app = &p->app;
    struct ledger_options options = {
        .state_dir = state_folder(p->state),
        .strict = config->ledger_strict,
        .audit_strict = config->audit_strict,
        .clock = app->clock,
    };
    enum base_err err = ledger_open(&options, &app->ledger, reterr);
    if (!err && ledger_facts_base(app->ledger, p->first->base_name, p->first->base_json))
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    if (!err)
        app_audit_policy(app, p->first);
    return err;
}

/* ---- the server ---- */

static bool is_loopback(struct slice listen)
{
    return slice_starts_with(listen, SLICE("127.")) || slice_starts_with(listen, SLICE("[::1]")) ||
           slice_starts_with(listen, SLICE("localhost:")) ||
           slice_starts_with(listen, SLICE("unix:"));
}

static enum base_err check_exposure(const struct process *p, struct base_error *reterr)
{
    const struct config *c = p->first->config;
    if (c->auth_none || !keys_is_empty(p->app.keys))
        return BASE_OK;
    const struct slice addresses[] = {c->listen, c->admin};
    for (size_t i = 0; i < 2; i++)
        if (addresses[i].len > 0 && !is_loopback(addresses[i]))
            return base_error_set(
                reterr, BASE_ERR_BAD_CONFIG,
                "%.*s can be reached from other machines, and there are no keys: start on "
                "127.0.0.1, make one with `hearth keys add TENANT`, then start here; or say "
                "`auth: none`",
                SLICE_ARG(addresses[i]));
    return BASE_OK;
}

static enum base_err listen_on(struct process *p, struct slice address, unsigned id, bool tls,
                               struct base_error *reterr)
{
    const struct config *c = p->first->config;
    char text[PATH_MAX + 8], cert[PATH_MAX], key[PATH_MAX];
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(address));
    (void)snprintf(cert, sizeof(cert), "%.*s", SLICE_ARG(c->tls_cert));
    (void)snprintf(key, sizeof(key), "%.*s", SLICE_ARG(c->tls_key));
    bool has_tls = tls && c->tls_cert.len > 0;
    struct http_listen listen = {.address = text,
                                 .id = id,
                                 .tls_cert = has_tls ? cert : NULL,
                                 .tls_key = has_tls ? key : NULL};
    return http_server_listen(p->app.server, &listen, reterr);
}

/* As many descriptors as this process may have. */
static unsigned descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur > 1000000 ? 1000000 : (unsigned)limit.rlim_cur;
}

static enum base_err make_server(struct process *p, struct base_error *reterr)
{
    const struct config *c = p->first->config;
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    handlers_fill(&options, c->admin.len > 0);
    options.app = &p->app;
    options.workers = c->workers;
    options.connections_max = descriptors() / 2; /* the rest is for upstreams, files, pipes */
    if (c->body_bytes_max)
        options.body_bytes_max = c->body_bytes_max;
    if (c->connections_per_ip)
        options.connections_per_ip = c->connections_per_ip;
    const char **proxies = calloc(c->trusted_proxy_count + 1, sizeof(proxies[0]));
    if (!proxies)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    for (size_t i = 0; i < c->trusted_proxy_count; i++)
        proxies[i] = arena_strdup(c->arena, c->trusted_proxies[i]);
    options.trusted_proxies = proxies;
    options.trusted_proxy_count = c->trusted_proxy_count;
    enum base_err err = http_server_new(&options, &p->app.server, reterr);
    free(proxies);
    if (!err)
        err = listen_on(p, c->listen, HANDLERS_PUBLIC, true, reterr);
    if (!err && c->admin.len > 0)
        err = listen_on(p, c->admin, HANDLERS_ADMIN, true, reterr);
    if (!err) {
        char control[PATH_MAX + 8];
        (void)snprintf(control, sizeof(control), "unix:%s", state_path(p->state, "control.sock"));
        err = listen_on(p, slice_from_str(control), HANDLERS_CONTROL, false, reterr);
    }
    return err;
}

static enum base_err make_workers(struct process *p, struct base_error *reterr)
{
    struct app *app = &p->app;
    unsigned count = http_server_worker_count(app->server);
    app->workers = calloc(count, sizeof(app->workers[0]));
    if (!app->workers)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    app->worker_count = count;
    enum base_err err = BASE_OK;
    for (unsigned i = 0; !err && i < count; i++) {
        struct worker *w = &app->workers[i];
        *w = (struct worker){
            .app = app, .loop = http_server_worker_loop(app->server, i), .index = i};
        err = upstream_pool_new(w->loop, NULL, &w->pool, reterr);
        if (!err)
            err = view_new(w, p->first, &w->view, reterr);
    }
    return err;
}

static enum base_err start(struct process *p, struct base_error *reterr)
{
    enum base_err err = engine_cpu_select(NULL, reterr); /* names a HEARTH_CPU that cannot be */
    if (!err)
        err = state_open(p->config->state, &p->state, reterr);
    if (!err)
        err = make_snapshot(p, reterr);
    if (!err)
        err = open_state(p, reterr);
    if (!err)
        err = check_exposure(p, reterr);
    if (!err)
        err = make_server(p, reterr);
    if (!err)
        err = make_workers(p, reterr);
    if (!err)
        err = open_ledger(p, reterr);
    if (!err)
        err = http_server_start(p->app.server, reterr);
    return err;
}

static void finish(struct process *p)
{
    struct app *app = &p->app;
    if (app->server)
        http_server_stop(app->server);
    if (p->state)
        state_memory_workpool(p->state, NULL);
    workpool_free(app->workpool);
    app_run_left(app);
    for (unsigned i = 0; i < app->worker_count; i++) {
        view_unref(app->workers[i].view);
        upstream_pool_free(app->workers[i].pool);
    }
    http_server_free(app->server);
    free(app->workers);
    ledger_close(app->ledger);
    if (p->state)
        state_memory_close(p->state, app->memory);
    keys_free(app->keys);
    snapshot_unref(app->newest);
    snapshot_unref(p->first);
    if (p->config)
        config_free(p->config);
    engines_free(app->engines);
    sessions_free(app->sessions);
    metrics_free(app->metrics);
    state_close(p->state);
}

/* ---- signals ---- */

/* A human looks on, to whom the log says little. */
static void greet_human(const struct process *p)
{
    const struct config *c = p->first->config;
    struct slice listen = c->listen;
    if (slice_starts_with(listen, SLICE("unix:")))
        return;
    if (slice_starts_with(listen, SLICE("0.0.0.0:")) || listen.ptr[0] == ':')
        listen = SLICE("127.0.0.1:");
    size_t host = listen.len;
    while (host > 0 && listen.ptr[host - 1] != ':')
        host--;
    unsigned port = http_server_port(p->app.server, 0);
    const char *scheme = c->tls_cert.len > 0 ? "https" : "http";
    (void)printf("\nHearth is ON at %s://%.*s%u/v1 (Ctrl-C ends it)\n", scheme, (int)host,
                 listen.ptr, port);
    if (c->tls_cert.len == 0)
        (void)printf("  try    hearth chat --address %.*s%u \"Hello\"\n", (int)host, listen.ptr,
                     port);
    (void)printf("  watch  hearth status --state %s\n\n", state_folder(p->state));
    (void)fflush(stdout);
}

static void greet(const struct process *p)
{
    const struct config *c = p->first->config;
    log_event(LOG_INFO, "hearth is ready", LOG_STR("version", HEARTH_VERSION),
              LOG_SLICE("listen", c->listen), LOG_SLICE("admin", c->admin),
              LOG_STR("state", state_folder(p->state)), LOG_INT("targets", p->first->target_count),
              LOG_INT("port", http_server_port(p->app.server, 0)), LOG_END);
    if (isatty(STDOUT_FILENO))
        greet_human(p);
    if (!policy_permit_check_enabled())
        log_event(LOG_ERROR, "THIS IS A TEST BUILD WITHOUT EGRESS PERMITS: private data can leave",
                  LOG_END);
}

static void reload(struct app *app)
{
    struct config_errors errors = {.count = 0};
    buffer_init(&errors.text, 64 << 10);
    (void)serve_reload(app, &errors);
    buffer_done(&errors.text);
}

/* True when nothing runs any more; false when a second signal came first. */
static void drain(struct process *p, const sigset_t *signals)
{
    int64_t deadline_ms = p->first->config->drain_ms;
    atomic_store(&p->app.ready, false);
    log_event(LOG_INFO, "draining: no new connections, running requests are finished",
              LOG_INT("deadline_ms", deadline_ms), LOG_END);
    http_server_drain(p->app.server, deadline_ms);
    int64_t until = clock_mono_ns(p->app.clock) + (deadline_ms + 1000) * 1000000;
    struct http_stats stats;
    do {
        static const struct timespec step = {0, 20000000};
        int signal = sigtimedwait(signals, NULL, &step);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        http_server_stats(p->app.server, &stats);
    } while (stats.exchanges_open > 0 && clock_mono_ns(p->app.clock) < until);
}

static void wait_for_end(struct process *p, const sigset_t *signals)
{
    int signal;
    while (sigwait(signals, &signal) == 0) {
        if (signal == SIGHUP) {
            reload(&p->app);
            continue;
        }
        drain(p, signals);
        return;
    }
}

int serve_run(const struct serve_options *options)
{
    struct base_error detail = {.code = BASE_OK};
    struct process *p = calloc(1, sizeof(*p));
    if (!p) {
        (void)fprintf(stderr, "hearth: no memory to start\n");
        return 1;
    }
    p->app.clock = clock_system();
    p->app.random = random_system();
    p->app.start = clock_date_from(p->app.clock);
    pthread_mutex_init(&p->app.newest_lock, NULL);
    pthread_mutex_init(&p->app.reload_lock, NULL);
    pthread_mutex_init(&p->app.left_lock, NULL);

    /* Arenas of large bodies come and go in chunks that malloc would map and unmap every time. */
    (void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
    struct rlimit none = {0, 0}; /* a core file would hold prompts and keys */
    (void)setrlimit(RLIMIT_CORE, &none);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);

    int exit_code = load_config(p, options) ? 2 : 0;
    if (exit_code == 0) {
        enum base_err err = start(p, &detail);
        if (err) {
            if (detail.message[0])
                (void)fprintf(stderr, "hearth: %s\n", detail.message);
            exit_code = err == BASE_ERR_BAD_CONFIG ? 2 : 1;
        } else {
            atomic_store(&p->app.ready, true);
            greet(p);
            wait_for_end(p, &signals);
        }
    }
    finish(p);
    if (exit_code == 0)
        log_event(LOG_INFO, "hearth has ended", LOG_END);
    pthread_mutex_destroy(&p->app.newest_lock);
    pthread_mutex_destroy(&p->app.reload_lock);
    pthread_mutex_destroy(&p->app.left_lock);
    free(p);
    return exit_code;
}
