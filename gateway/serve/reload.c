#include "gateway/serve/serve.h"

#include "base/core/log.h"
#include "gateway/http/http.h"
#include "gateway/ledger/ledger.h"
#include "gateway/metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>

struct swap {
    struct worker *worker;
    struct snapshot *snapshot;
};

/* On each worker's loop: its requests from now on see the new configuration. */
static void swap_view(void *user)
{
    struct swap *swap = user;
    struct view *view = NULL;
    struct base_error detail;
    if (view_new(swap->worker, swap->snapshot, &view, &detail)) {
        log_event(LOG_ERROR, "a worker keeps the old configuration",
                  LOG_STR("reason", detail.message), LOG_END);
    } else {
        view_unref(swap->worker->view);
        swap->worker->view = view;
    }
    snapshot_unref(swap->snapshot);
    free(swap);
}

static enum base_err refuse(const char *what, const char *why, struct config_errors *errors)
{
    buffer_addf(&errors->text, "%s: %s\n", what, why);
    errors->count++;
    return BASE_ERR_BAD_CONFIG;
}

static bool same(struct slice a, struct slice b)
{
    return slice_is_absent(a) == slice_is_absent(b) && slice_eq(a, b);
}

static enum base_err check_engines(const struct config *now, const struct config *next,
                                   struct config_errors *errors)
{
    bool differ = now->engine_model_count != next->engine_model_count ||
                  now->engine_memory_bytes != next->engine_memory_bytes;
    for (size_t i = 0; !differ && i < now->engine_model_count; i++) {
        const struct config_engine_model *a = &now->engine_models[i], *b = &next->engine_models[i];
        differ = !same(a->name, b->name) || !same(a->path, b->path) || a->context != b->context ||
                 a->sequences != b->sequences || a->threads != b->threads || a->queue != b->queue ||
                 a->kv != b->kv || a->overflow != b->overflow || a->on_demand != b->on_demand ||
                 a->guesses != b->guesses || !same(a->draft, b->draft) || a->idle_ms != b->idle_ms;
    }
    return differ ? refuse("engine.models", "a change of what is loaded needs a restart", errors)
                  : BASE_OK;
}

static bool same_proxies(const struct config *now, const struct config *next)
{
    bool equal = now->trusted_proxy_count == next->trusted_proxy_count;
    for (size_t i = 0; equal && i < now->trusted_proxy_count; i++)
        equal = same(now->trusted_proxies[i], next->trusted_proxies[i]);
    return equal;
}

static enum base_err check_restart(const struct config *now, const struct config *next,
                                   struct config_errors *errors)
{
    const struct {
        const char *name;
        bool same;
    } fixed[] = {
        {"listen", same(now->listen, next->listen)},
        {"admin", same(now->admin, next->admin)},
        {"state", same(now->state, next->state)},
        {"auth", now->auth_none == next->auth_none},
        {"workers", now->workers == next->workers},
        {"tls", same(now->tls_cert, next->tls_cert) && same(now->tls_key, next->tls_key)},
        {"ledger", now->ledger_strict == next->ledger_strict},
        {"audit", now->audit_strict == next->audit_strict},
        {"body_max", now->body_bytes_max == next->body_bytes_max},
        {"drain", now->drain_ms == next->drain_ms},
        {"connections_per_ip", now->connections_per_ip == next->connections_per_ip},
        {"trusted_proxies", same_proxies(now, next)},
        {"policy.memory_ttl", now->memory_ttl_ms == next->memory_ttl_ms},
        {"policy.memory_entries", now->memory_entries == next->memory_entries},
    };
    enum base_err err = check_engines(now, next, errors);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (!fixed[i].same)
            err = refuse(fixed[i].name, "a change of this needs a restart", errors);
    return err;
}

static enum base_err compile(struct app *app, const struct snapshot *now, struct snapshot **ret,
                             struct config_errors *errors)
{
    struct config *next;
    char path[4096];
    if (slice_is_absent(now->config->path))
        return refuse("reload", "Hearth was started without a configuration file", errors);
    (void)snprintf(path, sizeof(path), "%.*s", SLICE_ARG(now->config->path));
    enum base_err err = config_load(path, &next, errors);
    if (err)
        return err;
    if (app->listen_override)
        next->listen = now->config->listen;
    if (app->state_override)
        next->state = now->config->state;
    err = check_restart(now->config, next, errors);
    if (err) {
        config_free(next);
        return err;
    }
    struct snapshot *snapshot;
    err = snapshot_new(next, app->engines, now, &snapshot, errors);
    if (err)
        return err;
    size_t soft = 0;
    err = serve_config_tests(snapshot, errors, &soft);
    if (!err && soft > 0)
        err = BASE_ERR_BAD_CONFIG; /* at a start these only warn: there is no older one to keep */
    if (err) {
        snapshot_unref(snapshot);
        return err;
    }
    *ret = snapshot;
    return BASE_OK;
}

static void put_into_force(struct app *app, struct snapshot *snapshot)
{
    pthread_mutex_lock(&app->newest_lock);
    struct snapshot *before = app->newest;
    app->newest = snapshot_ref(snapshot);
    pthread_mutex_unlock(&app->newest_lock);
    snapshot_unref(before);
    app_audit_policy(app, snapshot);
    for (unsigned i = 0; i < app->worker_count; i++) {
        struct swap *swap = malloc(sizeof(*swap));
        if (!swap) {
            log_event(LOG_ERROR, "no memory: a worker keeps the old configuration",
                      LOG_INT("worker", i), LOG_END);
            continue;
        }
        *swap = (struct swap){&app->workers[i], snapshot_ref(snapshot)};
        if (!loop_post(app->workers[i].loop, swap_view, swap)) {
            snapshot_unref(snapshot);
            free(swap);
        }
    }
}

enum base_err serve_reload(struct app *app, struct config_errors *errors)
{
    pthread_mutex_lock(&app->reload_lock);
    struct snapshot *now = app_newest(app);
    struct snapshot *next = NULL;
    struct base_error detail;
    enum base_err err = compile(app, now, &next, errors);
    if (!err && ledger_facts_base(app->ledger, next->base_name, next->base_json)) {
        err = refuse("reload", "no memory, or too many while the ledger cannot be written", errors);
        snapshot_unref(next);
    }
    if (!err && http_server_reload_tls(app->server, &detail)) { /* last: it is in force at once */
        err = refuse("tls", detail.message, errors);
        snapshot_unref(next);
    }
    if (!err) {
        put_into_force(app, next);
        snapshot_unref(next);
    }
    snapshot_unref(now);
    pthread_mutex_unlock(&app->reload_lock);
    metrics_count(app->metrics, err ? METRIC_RELOADS_REFUSED : METRIC_RELOADS, 1);
    if (err)
        log_event(LOG_ERROR, "reload refused; the old configuration stays in force",
                  LOG_SLICE("errors", buffer_slice(&errors->text)), LOG_END);
    else
        log_event(LOG_INFO, "configuration reloaded", LOG_END);
    return err;
}
