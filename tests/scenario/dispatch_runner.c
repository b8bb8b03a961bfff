/*
 * Runs one scenario of dispatch: the attempts of a request, from the plan to the ledger's rows.
 * README.md beside this file describes the language.
 */
#include "tests/scenario/fake_loop.h"
#include "tests/scenario/fake_transport.h"
#include "tests/scenario/script.h"

#include "gateway/dispatch/dispatch.h"
#include "gateway/metrics/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_BYTES = 64 << 20, HEADERS_MAX = 8 };

struct world {
    struct script script; /* first */
    struct fake_loop loop;
    struct fake_transport net;
    struct app app;
    struct worker worker;
    struct random_source random;
    struct snapshot *snapshot;
    char folder[64];
    /* The request that is being served. */
    struct plan_who who;
    struct plan plan;
    struct dispatch *dispatch;
    struct dispatch_totals totals;
    char id[32];
    unsigned asked;
    bool leave_at_event;
    struct buffer events;
};

static struct world world;

/* Breakers look at the time, too (linked with --wrap=clock_system). */
const struct clock *__wrap_clock_system(void);
const struct clock *__wrap_clock_system(void)
{
    return &world.loop.clock;
}

static void fill(void *self, void *bytes, size_t len)
{
    (void)self;
    memset(bytes, 0, len);
}

/* ---- setting up ---- */

static struct snapshot *compile(struct world *w, struct slice text, const struct snapshot *before)
{
    struct config *config;
    struct snapshot *snapshot = NULL;
    struct config_errors errors = {.count = 0};
    buffer_init(&errors.text, 1 << 16);
    if (config_load_text(text, "scenario.yaml", &config, &errors) ||
        snapshot_new(config, NULL, before, &snapshot, &errors))
        die(&w->script, "%.*s", SLICE_ARG(buffer_slice(&errors.text)));
    buffer_done(&errors.text);
    return snapshot;
}

static void open_app(struct world *w)
{
    struct base_error detail = {0};
    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/hearth-scenario-XXXXXX");
    if (!mkdtemp(w->folder))
        die(&w->script, "no folder");
    struct ledger_options lo = {.state_dir = w->folder, .clock = &w->loop.clock};
    w->random = (struct random_source){fill, NULL};
    w->app.clock = &w->loop.clock;
    w->app.random = &w->random;
    w->app.metrics = metrics_new();
    w->app.newest = snapshot_ref(w->snapshot);
    w->worker = (struct worker){.app = &w->app, .loop = &w->loop.base};
    if (ledger_open(&lo, &w->app.ledger, &detail) ||
        pthread_mutex_init(&w->app.newest_lock, NULL) ||
        pthread_mutex_init(&w->app.left_lock, NULL) ||
        upstream_pool_new(&w->loop.base, &w->net.base, &w->worker.pool, &detail) ||
        view_new(&w->worker, w->snapshot, &w->worker.view, &detail))
        die(&w->script, "%s", detail.message);
}

/* A new configuration; what runs keeps its own, permits look at the newest. */
static void reload(struct world *w, struct slice text)
{
    struct view *view = NULL;
    struct snapshot *next = compile(w, text, w->snapshot);
    struct base_error detail = {0};
    snapshot_unref(w->app.newest);
    w->app.newest = snapshot_ref(next);
    if (view_new(&w->worker, next, &view, &detail))
        die(&w->script, "%s", detail.message);
    view_unref(w->worker.view);
    w->worker.view = view;
    snapshot_unref(w->snapshot);
    w->snapshot = next;
}

static void do_config(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct slice text = script_block(s);
    (void)rest;
    if (w->snapshot) {
        reload(w, text);
        return;
    }
    w->snapshot = compile(w, text, NULL);
    open_app(w);
}

/* ---- asking ---- */

static void release(struct world *w, enum ledger_status why)
{
    dispatch_release(w->dispatch, why, &w->totals);
    w->dispatch = NULL;
}

static void on_event(void *user, const struct chat_event *event)
{
    struct world *w = user;
    if (!w->dispatch)
        die(&w->script, "an event after the release");
    script_add_event(&w->events, event);
    if (w->leave_at_event) {
        w->leave_at_event = false;
        release(w, LEDGER_STATUS_CLIENT_GONE);
    }
}

static void on_end(void *user)
{
    (void)user;
}

static void plan(struct world *w, struct slice text, struct base_error *detail)
{
    w->who = (struct plan_who){.tenant = SLICE("default")};
    struct chat_request *request = arena_calloc(w->script.arena, 1, sizeof(*request));
    const struct chat_request *whole = plan_request_of_text(w->script.arena, SLICE("auto"), text);
    if (!request || !whole)
        die(&w->script, "out of memory");
    *request = *whole;
    request->stream = true;
    plan_init(&w->plan, w->snapshot, request, &w->who, w->script.arena);
    if (plan_inspect(&w->plan, NULL, NULL, 0, 0, detail) ||
        plan_choose(&w->plan, plan_live_targets, NULL, NULL, detail))
        die(&w->script, "%s", detail->message);
}

static void do_ask(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct base_error detail = {0};
    if (!w->snapshot || w->dispatch)
        die(s, "needs a configuration, and no request that is being served");
    (void)snprintf(w->id, sizeof(w->id), "req_scenario_%u", ++w->asked);
    plan(w, arena_dup(s->arena, rest), &detail);
    if (w->plan.decision.outcome)
        die(s, "nobody may serve it: %.*s", SLICE_ARG(w->plan.decision.message));
    struct dispatch_options options = {.view = w->worker.view,
                                       .plan = &w->plan,
                                       .request_id = slice_from_str(w->id),
                                       .sink = {on_event, w},
                                       .on_end = on_end};
    if (dispatch_start(&options, &w->dispatch, &detail))
        die(s, "%s", detail.message);
    fake_loop_advance(&w->loop, 0);
}

/* "refuses CODE TEXT": nobody may, or nobody can. */
static void do_refuses(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct base_error detail = {0};
    enum base_err code = script_code(s, next_word(&rest));
    plan(w, arena_dup(s->arena, rest), &detail);
    if (w->plan.decision.outcome != code)
        die(s, "expected %s, got %s", base_err_info(code)->name,
            base_err_info(w->plan.decision.outcome)->name);
}

static void do_leave(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    if (slice_eq_str(rest, "at event"))
        w->leave_at_event = true;
    else if (w->dispatch)
        release(w, LEDGER_STATUS_CLIENT_GONE);
    fake_loop_advance(&w->loop, 0);
}

static void do_over(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    (void)rest;
    if (buffer_len(&w->events) > 0)
        die(s, "not expected: %.*s", SLICE_ARG(buffer_slice(&w->events)));
    if (w->dispatch)
        release(w, LEDGER_STATUS_OK);
    fake_loop_advance(&w->loop, 0);
}

static void do_pause(struct script *s, struct slice rest)
{
    (void)rest;
    dispatch_pause(((struct world *)s)->dispatch);
}

static void do_resume(struct script *s, struct slice rest)
{
    (void)rest;
    dispatch_resume(((struct world *)s)->dispatch);
    fake_loop_advance(&((struct world *)s)->loop, 0);
}

static void do_advance(struct script *s, struct slice rest)
{
    fake_loop_advance(&((struct world *)s)->loop, script_number(s, rest));
}

/* ---- the network: exchanges by number, from 1 ---- */

static struct fake_exchange *exchange(struct world *w, struct slice *rest)
{
    int64_t n = script_number(&w->script, next_word(rest));
    if (n < 1 || (size_t)n > w->net.count)
        die(&w->script, "there is no exchange %lld, only %zu", (long long)n, w->net.count);
    return &w->net.exchanges[n - 1];
}

static void do_sent(struct script *s, struct slice rest)
{
    struct fake_exchange *ex = exchange((struct world *)s, &rest);
    ex->sends++;
    ex->sink.on_sent(ex->sink.user);
}

static void do_head(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct fake_exchange *ex = exchange(w, &rest);
    struct upstream_header headers[HEADERS_MAX];
    struct transport_head head = {.status = (int)script_number(s, next_word(&rest)),
                                  .headers = headers};
    while (head.header_count < HEADERS_MAX &&
           next_pair(s, &rest, &headers[head.header_count].name, &headers[head.header_count].value))
        head.header_count++;
    if (head.header_count == 0 && head.status == 200)
        headers[head.header_count++] =
            (struct upstream_header){SLICE("content-type"), SLICE("text/event-stream")};
    ex->sink.on_head(ex->sink.user, &head);
}

static void give(struct world *w, struct fake_exchange *ex, struct slice text)
{
    ex->received_bytes += (int64_t)text.len;
    if (!ex->released)
        ex->sink.on_data(ex->sink.user, text);
    fake_loop_advance(&w->loop, 0);
}

static void do_data(struct script *s, struct slice rest)
{
    struct fake_exchange *ex = exchange((struct world *)s, &rest);
    give((struct world *)s, ex, script_unescape(s, rest));
}

/* A chunk with this text. */
static void do_text(struct script *s, struct slice rest)
{
    struct fake_exchange *ex = exchange((struct world *)s, &rest);
    give((struct world *)s, ex,
         arena_printf(s->arena,
                      "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                      "\"%.*s\"},\"finish_reason\":null}]}\n\n",
                      SLICE_ARG(rest)));
}

/* The end of a good answer, with five tokens of prompt and one of answer. */
static void do_finish(struct script *s, struct slice rest)
{
    static const char text[] =
        "data: "
        "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
        "\n\ndata: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
        "\"completion_tokens\":1,\"total_tokens\":6}}\n\ndata: [DONE]\n\n";
    struct world *w = (struct world *)s;
    struct fake_exchange *ex = exchange(w, &rest);
    give(w, ex, slice_from_str(text));
    if (!ex->released)
        ex->sink.on_done(ex->sink.user, BASE_OK, NULL);
    fake_loop_advance(&w->loop, 0);
}

/* "refuse N STATUS [retry-after=S]": head, a body that says so, and the end. */
static void do_refuse(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct slice again = rest;
    struct fake_exchange *ex = exchange(w, &again);
    do_sent(s, rest);
    do_head(s, rest);
    give(w, ex, SLICE("{\"error\":{\"message\":\"no\",\"type\":\"server_error\"}}"));
    if (!ex->released)
        ex->sink.on_done(ex->sink.user, BASE_OK, NULL);
    fake_loop_advance(&w->loop, 0);
}

static void do_end(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct fake_exchange *ex = exchange(w, &rest);
    if (!ex->released)
        ex->sink.on_done(ex->sink.user, BASE_OK, NULL);
    fake_loop_advance(&w->loop, 0);
}

static void do_fail(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct fake_exchange *ex = exchange(w, &rest);
    struct base_error detail = {0};
    enum base_err err = script_code(s, next_word(&rest));
    if (ex->released)
        die(s, "the exchange has been released");
    (void)base_error_set(&detail, err, "%.*s", SLICE_ARG(rest));
    ex->sink.on_done(ex->sink.user, err, &detail);
    fake_loop_advance(&w->loop, 0);
}

/* ---- looking ---- */

static void do_expect(struct script *s, struct slice rest)
{
    script_expect(s, &((struct world *)s)->events, rest);
}

/* "exchanges N [URL]": so many were started; where the last one goes. */
static void do_exchanges(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    int64_t wanted = script_number(s, next_word(&rest));
    if ((int64_t)w->net.count != wanted)
        die(s, "expected %lld exchanges, there are %zu", (long long)wanted, w->net.count);
    if (rest.len > 0 && !slice_starts_with(buffer_slice(&w->net.exchanges[wanted - 1].url), rest))
        die(s, "it goes to %.*s", SLICE_ARG(buffer_slice(&w->net.exchanges[wanted - 1].url)));
}

static void expect_state(struct script *s, struct slice rest, bool released, bool paused,
                         const char *what)
{
    const struct fake_exchange *ex = exchange((struct world *)s, &rest);
    if (ex->released != released || ex->paused != paused)
        die(s, "expected it to be %s; it is %s%s", what, ex->released ? "closed" : "open",
            ex->paused ? ", paused" : "");
}

static void do_open(struct script *s, struct slice rest)
{
    expect_state(s, rest, false, false, "open");
}

static void do_paused(struct script *s, struct slice rest)
{
    expect_state(s, rest, false, true, "paused");
}

static void do_closed(struct script *s, struct slice rest)
{
    const struct fake_exchange *ex = exchange((struct world *)s, &rest);
    if (!ex->released)
        die(s, "expected it to be closed");
}

/* "order a/m b/m": what the router chose. */
static void do_order(struct script *s, struct slice rest)
{
    const struct plan *p = &((struct world *)s)->plan;
    for (size_t i = 0; i < p->decision.order_count; i++) {
        struct slice name = p->facts.targets[p->decision.order[i]].name, word = next_word(&rest);
        if (!slice_eq(name, word))
            die(s, "expected `%.*s`, got %.*s", SLICE_ARG(word), SLICE_ARG(name));
    }
    if (rest.len > 0)
        die(s, "%.*s is not in the order", SLICE_ARG(rest));
}

/* "row N key=value...": a column of the N-th attempt (from 0) of the request asked last, as the
 * ledger has it. */
static void do_row(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    struct ledger_reader *reader = NULL;
    struct base_error detail = {0};
    const struct json_node *root = NULL;
    struct slice key, wanted;
    struct buffer out;
    int64_t n = script_number(s, next_word(&rest));
    buffer_init(&out, 1 << 20);
    if (!ledger_flush(w->app.ledger, 5000) || ledger_reader_open(w->folder, &reader, &detail) ||
        ledger_show(reader, slice_from_str(w->id), &out, &detail) ||
        json_parse(arena_dup(s->arena, buffer_slice(&out)), &json_limits_request, s->arena, &root,
                   &detail))
        die(s, "%s", detail.message);
    ledger_reader_close(reader);
    buffer_done(&out);
    const struct json_node *row = json_at(json_get(root, SLICE("attempts")), (size_t)n);
    if (!row)
        die(s, "there is no attempt %lld", (long long)n);
    while (next_pair(s, &rest, &key, &wanted)) {
        struct slice got = script_node_text(s, json_get(row, key));
        if (!slice_eq(got, wanted))
            die(s, "%.*s is %.*s", SLICE_ARG(key), SLICE_ARG(got));
    }
}

/* "totals attempts=N cost=NANO_USD retry=MS" */
static void do_totals(struct script *s, struct slice rest)
{
    struct world *w = (struct world *)s;
    const struct dispatch_totals *t = w->dispatch ? dispatch_totals(w->dispatch) : &w->totals;
    struct slice key, value;
    while (next_pair(s, &rest, &key, &value)) {
        int64_t got = slice_eq_str(key, "attempts") ? (int64_t)t->attempts
                      : slice_eq_str(key, "cost")   ? t->cost_nano_usd
                      : slice_eq_str(key, "retry")  ? t->retry_after_ms
                                                    : INT64_MIN;
        if (got != script_number(s, value))
            die(s, "%.*s is %lld", SLICE_ARG(key), (long long)got);
    }
}

/* ---- all of it ---- */

static const struct {
    const char *name;
    void (*run)(struct script *s, struct slice rest);
} commands[] = {
    {"config", do_config}, {"ask", do_ask},         {"refuses", do_refuses},
    {"leave", do_leave},   {"over", do_over},       {"pause", do_pause},
    {"resume", do_resume}, {"advance", do_advance}, {"sent", do_sent},
    {"head", do_head},     {"data", do_data},       {"text", do_text},
    {"finish", do_finish}, {"refuse", do_refuse},   {"end", do_end},
    {"fail", do_fail},     {"expect", do_expect},   {"exchanges", do_exchanges},
    {"open", do_open},     {"paused", do_paused},   {"closed", do_closed},
    {"order", do_order},   {"row", do_row},         {"totals", do_totals},
};

static void run(struct script *s, struct slice line)
{
    struct slice name = next_word(&line);
    if (name.len == 0 || name.ptr[0] == '#')
        return;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (slice_eq_str(name, commands[i].name)) {
            commands[i].run(s, line);
            return;
        }
    die(s, "%.*s: no such command", SLICE_ARG(name));
}

static void close_app(struct world *w)
{
    struct ledger_stats stats;
    char command[128];
    do_over(&w->script, SLICE(""));
    app_run_left(&w->app);
    if (fake_loop_timers(&w->loop) > 0)
        die(&w->script, "%d timers are still set", fake_loop_timers(&w->loop));
    for (size_t i = 0; i < w->net.count; i++)
        if (!w->net.exchanges[i].released)
            die(&w->script, "exchange %zu is still open", i + 1);
    view_unref(w->worker.view);
    upstream_pool_free(w->worker.pool);
    fake_transport_done(&w->net);
    if (!ledger_flush(w->app.ledger, 5000))
        die(&w->script, "the ledger cannot be written");
    ledger_stats(w->app.ledger, &stats);
    if (stats.inflight > 0)
        die(&w->script, "an attempt has no row");
    ledger_close(w->app.ledger);
    metrics_free(w->app.metrics);
    snapshot_unref(w->app.newest);
    snapshot_unref(w->snapshot);
    pthread_mutex_destroy(&w->app.newest_lock);
    pthread_mutex_destroy(&w->app.left_lock);
    (void)snprintf(command, sizeof(command), "rm -rf %s", w->folder);
    if (system(command) != 0)
        die(&w->script, "%s cannot be removed", w->folder);
}

int main(int argc, char **argv)
{
    struct world *w = &world;
    fake_loop_init(&w->loop);
    fake_transport_init(&w->net);
    buffer_init(&w->events, 1 << 20);
    if (!script_open(&w->script, argc, argv, ARENA_BYTES))
        return 2;
    script_each_line(&w->script, run);
    if (w->snapshot)
        close_app(w);
    buffer_done(&w->events);
    script_close(&w->script);
    return 0;
}
