#include "gateway/api/control.h"

#include "base/json/json.h"
#include "gateway/keys/keys.h"
#include "gateway/local/resident.h"
#include "gateway/metrics/metrics.h"
#include "gateway/serve/serve.h"

#include <stdlib.h>

static void respond(struct http_exchange *http, int status, struct buffer *out)
{
    if (out->err)
        (void)http_respond_error(http, out->err, NULL, -1);
    else
        (void)http_respond(http, status, "application/json", buffer_slice(out));
    buffer_done(out);
}

/* ---- status ---- */

static void write_local(struct json_writer *w, const struct target *local)
{
    struct resident_facts r;
    resident_facts(local, 1, &r);
    const struct local_facts *f = &r.local;
    json_member_str(w, "state", resident_state_name(r.state));
    json_member_str(w, "load", r.on_demand ? "on_demand" : "start");
    json_member_bool(w, "adapter", r.is_adapter);
    json_member_i64(w, "memory_bytes", (int64_t)r.memory_bytes);
    json_member_i64(w, "loads", (int64_t)r.loads);
    json_member_i64(w, "unloads", (int64_t)r.unloads);
    json_member_i64(w, "running", f->running);
    json_member_i64(w, "waiting", f->waiting);
    json_member_i64(w, "kv_tokens", f->kv_tokens);
    json_member_i64(w, "kv_capacity", f->kv_capacity);
    json_member_i64(w, "guessed_tokens", (int64_t)f->guessed_tokens);
    json_member_i64(w, "right_tokens", (int64_t)f->right_tokens);
    json_member_i64(w, "context", resident_context(local));
    json_member_i64(w, "context_train", r.context_train);
    json_member_i64(w, "weight_bytes", (int64_t)r.weight_bytes);
}

static void write_upstream(struct json_writer *w, const struct snapshot_target *t)
{
    struct upstream_facts f;
    upstream_facts(t->upstream, t->model, &f);
    json_member_bool(w, "healthy", f.healthy);
    json_member_i64(w, "outstanding", f.outstanding);
    json_member_i64(w, "first_token_ms", f.first_token_ms);
    json_member_i64(w, "retry_after_ms", f.retry_after_ms);
}

static void write_targets(struct json_writer *w, const struct snapshot *snap)
{
    json_key(w, SLICE("targets"));
    json_open_array(w);
    for (size_t i = 0; i < snap->target_count; i++) {
        const struct snapshot_target *t = &snap->targets[i];
        json_open_object(w);
        json_member_string(w, "name", snap->facts[i].name);
        json_member_str(w, "zone", policy_zone_name(snap->facts[i].zone));
        json_member_str(w, "clearance", policy_level_name(snap->facts[i].clearance));
        if (t->local)
            write_local(w, t->local);
        else
            write_upstream(w, t);
        json_close_object(w);
    }
    json_close_array(w);
}

void control_on_status(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    const struct snapshot *snap = app->workers[http_exchange_worker(http)].view->snapshot;
    struct http_stats stats;
    struct ledger_stats ledger;
    http_server_stats(app->server, &stats);
    ledger_stats(app->ledger, &ledger);
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 16 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_str(&w, "version", HEARTH_VERSION);
    json_member_string(&w, "listen", snap->config->listen);
    json_member_i64(&w, "port", http_server_port(app->server, 0));
    json_member_string(&w, "config", snap->config->path);
    json_member_i64(&w, "configuration_number", (int64_t)snap->number);
    json_member_i64(&w, "uptime_s", (clock_mono_ns(app->clock) - app->start.mono_ns) / 1000000000);
    json_member_bool(&w, "ready", atomic_load(&app->ready));
    json_member_bool(&w, "permit_check", policy_permit_check_enabled());
    json_member_bool(&w, "keys", !keys_is_empty(app->keys));
    /* Without this one. */
    json_member_i64(&w, "connections", (int64_t)stats.connections_open - 1);
    json_member_i64(&w, "exchanges", (int64_t)stats.exchanges_open - 1);
    json_member_i64(&w, "ledger_backlog", (int64_t)ledger.rows_waiting);
    json_member_i64(&w, "ledger_recovered", (int64_t)ledger.recovered);
    json_member_bool(&w, "ledger_failing", ledger.failing);
    write_targets(&w, snap);
    json_close_object(&w);
    respond(http, 200, &out);
}

/* ---- reload: on a work thread, because patterns are compiled ---- */

struct reload {
    struct http_exchange *http;
    struct app *app;
    struct loop *loop;
    enum base_err err;
    struct config_errors errors;
};

static void reload_done(void *user)
{
    struct reload *r = user;
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 1 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_bool(&w, "reloaded", r->err == BASE_OK);
    json_member_string(&w, "errors", buffer_slice(&r->errors.text));
    json_close_object(&w);
    respond(r->http, r->err ? 400 : 200, &out);
    http_exchange_unref(r->http);
    buffer_done(&r->errors.text);
    free(r);
}

static void reload_work(void *user)
{
    struct reload *r = user;
    r->err = serve_reload(r->app, &r->errors);
    app_post(r->app, r->loop, reload_done, r);
}

void control_on_reload(struct http_exchange *http)
{
    struct reload *r = calloc(1, sizeof(*r));
    if (!r) {
        (void)http_respond_error(http, BASE_ERR_NO_MEMORY, NULL, -1);
        return;
    }
    r->http = http;
    r->app = http_exchange_app(http);
    r->loop = http_exchange_loop(http);
    buffer_init(&r->errors.text, 64 << 10);
    http_exchange_ref(http);
    if (!workpool_submit(r->app->workpool, reload_work, r)) {
        http_exchange_unref(http);
        buffer_done(&r->errors.text);
        free(r);
        (void)http_respond_error(http, BASE_ERR_OVERLOADED, NULL, 1000);
    }
}

/* ---- keys ---- */

void control_on_keys(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    struct buffer out;
    buffer_init(&out, 64 << 20);
    keys_list(app->keys, &out);
    respond(http, 200, &out);
}

void control_on_keys_add(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    struct base_error detail;
    const struct json_node *root;
    char text[KEYS_TEXT_MAX], id[KEYS_ID_MAX];
    enum base_err err = json_parse(http_exchange_body(http), &json_limits_request,
                                   http_exchange_arena(http), &root, &detail);
    if (!err)
        err = keys_add(app->keys, json_string(json_get(root, SLICE("tenant"))),
                       json_string(json_get(root, SLICE("label"))), text, id, &detail);
    if (err) {
        (void)http_respond_error(http, err, &detail, -1);
        return;
    }
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_str(&w, "id", id);
    json_member_str(&w, "key", text);
    json_close_object(&w);
    explicit_bzero(text, sizeof(text));
    respond(http, 200, &out);
}

void control_on_keys_revoke(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    struct base_error detail;
    enum base_err err = keys_revoke(app->keys, http_exchange_param(http), &detail);
    if (err)
        (void)http_respond_error(http, err, &detail, -1);
    else
        (void)http_respond(http, 200, "application/json", SLICE("{\"revoked\":true}"));
}
