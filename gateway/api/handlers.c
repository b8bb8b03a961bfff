#include "gateway/api/handlers.h"

#include "gateway/api/control.h"
#include "gateway/api/exchange.h"
#include "gateway/local/resident.h"
#include "gateway/metrics/metrics.h"

#include <stdio.h>

static struct view *view_of(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    return app->workers[http_exchange_worker(http)].view;
}

static void respond_json(struct http_exchange *http, struct buffer *out)
{
    if (out->err)
        (void)http_respond_error(http, out->err, NULL, -1);
    else
        (void)http_respond(http, 200, "application/json", buffer_slice(out));
    buffer_done(out);
}

/* ---- health ---- */

static void on_healthz(struct http_exchange *http)
{
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_str(&w, "status", "ok");
    json_member_str(&w, "version", HEARTH_VERSION);
    json_member_bool(&w, "permit_check", policy_permit_check_enabled());
    json_close_object(&w);
    respond_json(http, &out);
}

static void on_readyz(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    if (atomic_load(&app->ready) && !http_server_draining(app->server)) {
        (void)http_respond(http, 200, "application/json", SLICE("{\"status\":\"ready\"}"));
        return;
    }
    (void)http_respond(http, 503, "application/json", SLICE("{\"status\":\"not ready\"}"));
}

/* ---- models ---- */

static void write_model(struct json_writer *w, struct slice id, const char *owner,
                        int64_t created_s)
{
    json_open_object(w);
    json_member_string(w, "id", id);
    json_member_str(w, "object", "model");
    json_member_i64(w, "created", created_s);
    json_member_str(w, "owned_by", owner);
    json_close_object(w);
}

/* Names of the configuration, then each target's own, as far as the key may use them. `only` absent
 * = all; returns how many were written. */
static size_t write_models(struct json_writer *w, const struct snapshot *snap,
                           const struct plan_who *who, struct slice only, int64_t created_s)
{
    size_t count = 0;
    bool has_auto = false;
    for (size_t i = 0; i < snap->config->model_count; i++) {
        struct slice name = snap->config->models[i].name;
        has_auto |= slice_eq_str(name, "auto");
        if (slice_ends_with(name, SLICE("*")) || /* a pattern, not a name to ask for */
            !plan_key_may_use(who, name))
            continue;
        if (slice_is_absent(only) || slice_eq(only, name)) {
            write_model(w, name, "hearth", created_s);
            count++;
        }
    }
    if (!has_auto && plan_key_may_use(who, SLICE("auto")) &&
        (slice_is_absent(only) || slice_eq_str(only, "auto"))) {
        write_model(w, SLICE("auto"), "hearth", created_s);
        count++;
    }
    for (size_t i = 0; i < snap->target_count; i++) {
        struct slice name = snap->facts[i].name;
        if (!plan_key_may_use(who, name) && !plan_key_may_use(who, snap->facts[i].model))
            continue;
        if (slice_is_absent(only) || (count == 0 && slice_eq(only, name))) {
            write_model(w, name, policy_zone_name(snap->facts[i].zone), created_s);
            count++;
        }
    }
    return count;
}

/* False: the key is not good, and that was answered. */
static bool may_list(struct http_exchange *http, struct keys_owner *owner, struct plan_who *who)
{
    struct base_error detail;
    enum base_err err =
        api_authenticate(http, view_of(http)->snapshot->config, owner, who, &detail);
    if (err)
        (void)http_respond_error(http, err, &detail, -1);
    return !err;
}

static void on_models(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    struct keys_owner owner;
    struct plan_who who;
    if (!may_list(http, &owner, &who))
        return;
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 16 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_str(&w, "object", "list");
    json_key(&w, SLICE("data"));
    json_open_array(&w);
    (void)write_models(&w, view_of(http)->snapshot, &who, SLICE_NONE,
                       app->start.wall_ns / 1000000000);
    json_close_array(&w);
    json_close_object(&w);
    respond_json(http, &out);
}

static void on_model(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    struct keys_owner owner;
    struct plan_who who;
    if (!may_list(http, &owner, &who))
        return;
    struct slice name = http_decode(http, http_exchange_param(http));
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 1 << 16);
    json_writer_init(&w, &out);
    const struct snapshot *snap = view_of(http)->snapshot;
    int64_t created_s = app->start.wall_ns / 1000000000;
    size_t count = name.len > 0 ? write_models(&w, snap, &who, name, created_s) : 0;
    /* A name that fits a pattern can be asked for, though no list could hold all of them. */
    if (count == 0 && name.len > 0 && !slice_ends_with(name, SLICE("*")) &&
        snapshot_model(snap, name) && plan_key_may_use(&who, name)) {
        write_model(&w, name, "hearth", created_s);
        count = 1;
    }
    if (count == 1) {
        respond_json(http, &out);
        return;
    }
    struct base_error detail;
    (void)base_error_set_param(&detail, BASE_ERR_MODEL_NOT_FOUND, "model",
                               "there is no model of that name; GET /v1/models lists them");
    (void)http_respond_error(http, BASE_ERR_MODEL_NOT_FOUND, &detail, -1);
    buffer_done(&out);
}

/* ---- metrics ---- */

enum { GAUGES_MAX = 512 };

struct gauges {
    struct metrics_gauge items[GAUGES_MAX];
    size_t count;
};

static void gauge(struct gauges *g, const char *name, const char *help, const char *type,
                  struct slice target, double value)
{
    if (g->count == GAUGES_MAX)
        return;
    g->items[g->count++] =
        (struct metrics_gauge){.name = name,
                               .help = help,
                               .type = type,
                               .label_name = slice_is_absent(target) ? SLICE_NONE : SLICE("target"),
                               .label = target,
                               .value = value};
}

static void add_server_gauges(struct gauges *g, const struct app *app)
{
    struct http_stats http;
    struct ledger_stats ledger;
    struct policy_memory_stats memory;
    http_server_stats(app->server, &http);
    ledger_stats(app->ledger, &ledger);
    policy_memory_stats(app->memory, &memory);
    const struct {
        const char *name, *help, *type;
        double value;
    } rows[] = {
        {"hearth_connections_open", "Open client connections.", "gauge",
         (double)http.connections_open},
        {"hearth_exchanges_open", "Requests being served.", "gauge", (double)http.exchanges_open},
        {"hearth_connections_total", "Client connections accepted.", "counter",
         (double)http.connections_total},
        {"hearth_http_requests_total", "HTTP requests of any kind.", "counter",
         (double)http.requests_total},
        {"hearth_clients_gone_total", "Clients that left before their answer was complete.",
         "counter", (double)http.clients_gone},
        {"hearth_ledger_rows_written_total", "Rows committed to the ledger.", "counter",
         (double)ledger.rows_written},
        {"hearth_ledger_rows_lost_total", "Rows that could not be kept.", "counter",
         (double)ledger.rows_lost},
        {"hearth_ledger_backlog", "Rows waiting for the ledger's writer.", "gauge",
         (double)ledger.rows_waiting},
        {"hearth_ledger_write_seconds", "Duration of the last commit.", "gauge",
         (double)ledger.last_commit_us / 1e6},
        {"hearth_ledger_failing", "1 while rows cannot be written.", "gauge", ledger.failing},
        {"hearth_attempts_inflight", "Attempts under way.", "gauge", (double)ledger.inflight},
        {"hearth_label_memory_entries", "Messages remembered with a level.", "gauge",
         (double)memory.entries},
        {"hearth_label_memory_evicted_total",
         "Remembered messages that had to go before their time.", "counter",
         (double)memory.evicted},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        gauge(g, rows[i].name, rows[i].help, rows[i].type, SLICE_NONE, rows[i].value);
}

static void add_target_gauges(struct gauges *g, const struct snapshot *snap)
{
    for (size_t i = 0; i < snap->target_count; i++) {
        struct upstream_facts facts = {.healthy = true};
        if (snap->targets[i].upstream)
            upstream_facts(snap->targets[i].upstream, snap->targets[i].model, &facts);
        gauge(g, "hearth_target_up", "1 while the target would be tried.", "gauge",
              snap->facts[i].name, facts.healthy);
    }
    static const struct {
        const char *name, *help, *type;
    } local[] = {
        {"hearth_engine_running", "Generations computed now.", "gauge"},
        {"hearth_engine_queue_depth", "Generations waiting.", "gauge"},
        {"hearth_engine_kv_cache_usage_ratio", "Share of the KV cache in use.", "gauge"},
        {"hearth_engine_loaded", "1 while the model is in memory.", "gauge"},
        {"hearth_engine_memory_bytes", "Planned for the model while it is in memory.", "gauge"},
        {"hearth_engine_loads_total", "Times the model came into memory.", "counter"},
        {"hearth_engine_unloads_total", "Times it left memory, idle or for another.", "counter"},
        {"hearth_engine_guessed_tokens_total", "Tokens guessed ahead, since it was loaded.",
         "counter"},
        {"hearth_engine_right_tokens_total", "Of these, those that were right.", "counter"}};
    for (size_t k = 0; k < sizeof(local) / sizeof(local[0]); k++)
        for (size_t i = 0; i < snap->target_count; i++) {
            struct resident_facts r;
            const struct local_facts *f = &r.local;
            if (!snap->targets[i].local || snap->targets[i].is_adapter)
                continue; /* an adapter is computed with its model */
            resident_facts(snap->targets[i].local, 1, &r);
            const double values[] = {f->running,
                                     f->waiting,
                                     f->kv_capacity ? (double)f->kv_tokens / f->kv_capacity : 0,
                                     r.state == RESIDENT_LOADED,
                                     (double)r.memory_bytes,
                                     (double)r.loads,
                                     (double)r.unloads,
                                     (double)f->guessed_tokens,
                                     (double)f->right_tokens};
            gauge(g, local[k].name, local[k].help, local[k].type, snap->facts[i].name, values[k]);
        }
}

static void on_metrics(struct http_exchange *http)
{
    struct app *app = http_exchange_app(http);
    struct gauges *g = arena_calloc(http_exchange_arena(http), 1, sizeof(*g));
    if (!g) {
        (void)http_respond_error(http, BASE_ERR_NO_MEMORY, NULL, -1);
        return;
    }
    gauge(g, "hearth_build_info", "Always 1.", "gauge", SLICE(HEARTH_VERSION), 1);
    g->items[0].label_name = SLICE("version");
    add_server_gauges(g, app);
    add_target_gauges(g, view_of(http)->snapshot);
    struct buffer out;
    buffer_init(&out, 16 << 20);
    metrics_write(app->metrics, g->items, g->count, &out);
    (void)http_respond(http, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_slice(&out));
    buffer_done(&out);
}

/* ---- the table ---- */

#define EXCHANGE(path_, first)                                                                     \
    {                                                                                              \
        .method = "POST", .path = path_, .on_request = first, .on_body = api_exchange_on_body,     \
        .on_gone = api_exchange_on_gone, .on_writable = api_exchange_on_writable,                  \
        .on_shutdown = api_exchange_on_shutdown, .on_end = api_exchange_on_end                     \
    }

enum {
    PUBLIC = 1u << HANDLERS_PUBLIC,
    ADMIN = 1u << HANDLERS_ADMIN,
    CONTROL = 1u << HANDLERS_CONTROL
};

#define HANDLERS(ADMIN_)                                                                           \
    {                                                                                              \
        EXCHANGE("/v1/chat/completions", api_exchange_on_request),                                 \
            EXCHANGE("/v1/completions", api_exchange_on_request_completions),                      \
            EXCHANGE("/v1/embeddings", api_exchange_on_request_embeddings),                        \
            EXCHANGE("/v1/route", api_exchange_on_request_dry),                                    \
            {.method = "GET", .path = "/v1/models", .on_body = on_models},                         \
            {.method = "GET", .path = "/v1/models/*", .on_body = on_model},                        \
            {.method = "GET", .path = "/healthz", .on_body = on_healthz},                          \
            {.method = "GET", .path = "/readyz", .on_body = on_readyz},                            \
            {.method = "GET",                                                                      \
             .path = "/metrics",                                                                   \
             .listeners = (ADMIN_) | CONTROL,                                                      \
             .on_body = on_metrics},                                                               \
            {.method = "GET",                                                                      \
             .path = "/control/status",                                                            \
             .listeners = CONTROL,                                                                 \
             .on_body = control_on_status},                                                        \
            {.method = "POST",                                                                     \
             .path = "/control/reload",                                                            \
             .listeners = CONTROL,                                                                 \
             .on_body = control_on_reload},                                                        \
            {.method = "GET",                                                                      \
             .path = "/control/keys",                                                              \
             .listeners = CONTROL,                                                                 \
             .on_body = control_on_keys},                                                          \
            {.method = "POST",                                                                     \
             .path = "/control/keys",                                                              \
             .listeners = CONTROL,                                                                 \
             .on_body = control_on_keys_add},                                                      \
            {.method = "DELETE",                                                                   \
             .path = "/control/keys/{id}",                                                         \
             .listeners = CONTROL,                                                                 \
             .on_body = control_on_keys_revoke},                                                   \
    }

static const struct http_handler with_admin[] = HANDLERS(ADMIN);
static const struct http_handler without_admin[] = HANDLERS(PUBLIC);

/* "req_" and 24 characters: time first, so that ids sort by age. */
static void make_request_id(void *user, char out[HTTP_REQUEST_ID_MAX])
{
    struct app *app = user;
    uint8_t random[8];
    app->random->fill(app->random->self, random, sizeof(random));
    uint64_t tail;
    memcpy(&tail, random, sizeof(tail));
    (void)snprintf(out, HTTP_REQUEST_ID_MAX, "req_%011llx%013llx",
                   (unsigned long long)(clock_wall_ns(app->clock) / 1000000) & 0xfffffffffffULL,
                   (unsigned long long)tail & 0xfffffffffffffULL);
}

void handlers_fill(struct http_options *options, bool has_admin)
{
    options->handlers = has_admin ? with_admin : without_admin;
    options->handler_count = sizeof(with_admin) / sizeof(with_admin[0]);
    options->make_request_id = make_request_id;
}
