/* A request without memory: each allocation from the inspection of the request to the last event of
 * its answer fails once, and once with all that follow. The first target refuses, the second
 * answers. Whatever fails, the client hears of it or gets the whole answer; nothing was sent that
 * the ledger does not know of. */
#include "tests/unit/oom.h"
#include "tests/unit/unit.h"

#include "gateway/dispatch/dispatch.h"
#include "gateway/metrics/metrics.h"
#include "tests/scenario/fake_loop.h"
#include "tests/scenario/fake_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOUR_MS = 3600 * 1000, STEPS_MAX = 20 };

static const char config_text[] =
    "upstreams:\n"
    "  - {name: a, kind: openai, url: 'http://127.0.0.1:1/v1', zone: cloud, models: "
    "[{name: m, capability: 1, prices: {input: 1, output: 1}}]}\n"
    "  - {name: b, kind: openai, url: 'http://127.0.0.1:2/v1', zone: cloud, models: "
    "[{name: m, capability: 1, prices: {input: 9, output: 9}}]}\n"
    "rules: [{name: r, when: {text: {contains: seven}}, raise: {sensitivity: internal}}]\n";

static struct world {
    struct fake_loop loop;
    struct fake_transport net;
    struct app app;
    struct worker worker;
    struct random_source random;
    struct snapshot *snapshot;
    char folder[64];
    struct dispatch *dispatch;
    char answer[16];
    enum base_err outcome; /* AGAIN = none yet */
    size_t sent;           /* in all runs */
    int ended;
} world;

/* Breakers look at the time, too. */
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

static int set_up(void **state)
{
    (void)state;
    struct world *w = &world;
    struct config *config;
    struct config_errors errors = {.count = 0};
    struct base_error detail;
    fake_loop_init(&w->loop);
    buffer_init(&errors.text, 1 << 16);
    if (config_load_text(slice_from_str(config_text), "t.yaml", &config, &errors) ||
        snapshot_new(config, NULL, NULL, &w->snapshot, &errors))
        fail_msg("%.*s", SLICE_ARG(buffer_slice(&errors.text)));
    memcpy(w->folder, "/tmp/hearth-dispatch-XXXXXX", 28);
    assert_non_null(mkdtemp(w->folder));
    struct ledger_options lo = {.state_dir = w->folder, .clock = &w->loop.clock};
    w->random = (struct random_source){fill, NULL};
    w->app.clock = &w->loop.clock;
    w->app.random = &w->random;
    w->app.metrics = metrics_new();
    w->app.newest = snapshot_ref(w->snapshot);
    assert_int_equal(ledger_open(&lo, &w->app.ledger, &detail), BASE_OK);
    assert_int_equal(pthread_mutex_init(&w->app.newest_lock, NULL), 0);
    assert_int_equal(pthread_mutex_init(&w->app.left_lock, NULL), 0);
    w->worker = (struct worker){.app = &w->app, .loop = &w->loop.base};
    fake_transport_init(&w->net);
    assert_int_equal(upstream_pool_new(&w->loop.base, &w->net.base, &w->worker.pool, &detail),
                     BASE_OK);
    assert_int_equal(view_new(&w->worker, w->snapshot, &w->worker.view, &detail), BASE_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct world *w = &world;
    char command[128];
    view_unref(w->worker.view);
    upstream_pool_free(w->worker.pool);
    ledger_close(w->app.ledger);
    metrics_free(w->app.metrics);
    snapshot_unref(w->app.newest);
    snapshot_unref(w->snapshot);
    pthread_mutex_destroy(&w->app.newest_lock);
    pthread_mutex_destroy(&w->app.left_lock);
    (void)snprintf(command, sizeof(command), "rm -rf %.64s", w->folder);
    return system(command);
}

/* ---- one request ---- */

static void on_event(void *user, const struct chat_event *event)
{
    struct world *w = user;
    if (w->outcome != BASE_ERR_AGAIN)
        fail_msg("an event after the last");
    if (event->type == CHAT_EVENT_TEXT)
        (void)snprintf(w->answer, sizeof(w->answer), "%.*s", SLICE_ARG(event->text));
    if (event->type == CHAT_EVENT_DONE)
        w->outcome = BASE_OK;
    if (event->type == CHAT_EVENT_ERROR)
        w->outcome = event->error->code;
}

static void on_end(void *user)
{
    ((struct world *)user)->ended++;
}

static void data(struct fake_exchange *ex, const char *text)
{
    if (!ex->released)
        ex->sink.on_data(ex->sink.user, slice_from_str(text));
}

/* The provider: refuses on port 1, answers on port 2. */
static void reply(struct world *w, struct fake_exchange *ex)
{
    bool refuses = slice_starts_with(buffer_slice(&ex->url), SLICE("http://127.0.0.1:1/"));
    const struct upstream_header type = {
        SLICE("content-type"), refuses ? SLICE("application/json") : SLICE("text/event-stream")};
    const struct transport_head head = {refuses ? 500 : 200, &type, 1};
    ex->sends = 1;
    w->sent++;
    ex->sink.on_sent(ex->sink.user);
    ex->sink.on_head(ex->sink.user, &head);
    if (refuses) {
        data(ex, "{\"error\":{\"message\":\"no\",\"type\":\"server_error\"}}");
    } else {
        data(ex,
             "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"nine\"},"
             "\"finish_reason\":null}]}\n\n");
        data(ex, "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                 "\"stop\"}]}\n\ndata: {\"model\":\"m\",\"choices\":[],\"usage\":{"
                 "\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\n\n"
                 "data: [DONE]\n\n");
    }
    if (!ex->released)
        ex->sink.on_done(ex->sink.user, BASE_OK, NULL);
}

static void be_the_provider(struct world *w)
{
    size_t replied = 0;
    for (int i = 0; i < STEPS_MAX && w->outcome == BASE_ERR_AGAIN; i++) {
        fake_loop_advance(&w->loop, 500);
        for (; replied < w->net.count; replied++)
            if (!w->net.exchanges[replied].released)
                reply(w, &w->net.exchanges[replied]);
    }
}

static enum base_err serve(struct world *w, struct arena *arena)
{
    struct plan plan;
    struct plan_who who = {.tenant = SLICE("default")};
    struct dispatch_totals totals;
    const struct chat_request *request =
        plan_request_of_text(arena, SLICE("auto"), SLICE("What is seven plus two?"));
    if (!request)
        return BASE_ERR_NO_MEMORY;
    plan_init(&plan, w->snapshot, request, &who, arena);
    enum base_err err = plan_inspect(&plan, NULL, NULL, 0, 0, NULL);
    if (!err)
        err = plan_choose(&plan, plan_live_targets, NULL, NULL, NULL);
    if (err || plan.decision.outcome)
        return err ? err : plan.decision.outcome;
    struct dispatch_options options = {.view = w->worker.view,
                                       .plan = &plan,
                                       .request_id = SLICE("req_test"),
                                       .sink = {on_event, w},
                                       .on_end = on_end,
                                       .end_user = w};
    w->outcome = BASE_ERR_AGAIN;
    w->ended = 0;
    err = dispatch_start(&options, &w->dispatch, NULL);
    if (err)
        return err;
    be_the_provider(w);
    dispatch_release(w->dispatch, LEDGER_STATUS_OK, &totals);
    fake_loop_advance(&w->loop, 0);
    app_run_left(&w->app);
    assert_int_equal(w->ended, 1);
    /* When there is no memory to try the second one, what the first one said stands. */
    return w->outcome == BASE_ERR_UPSTREAM_STATUS ? BASE_ERR_NO_MEMORY : w->outcome;
}

static enum base_err run(void *user)
{
    struct world *w = user;
    struct arena *arena = arena_new(16 << 20);
    if (!arena)
        return BASE_ERR_NO_MEMORY;
    w->answer[0] = '\0';
    enum base_err err = serve(w, arena);
    if (!err)
        assert_string_equal(w->answer, "nine");
    assert_int_equal(fake_loop_timers(&w->loop), 0);
    for (size_t i = 0; i < w->net.count; i++)
        assert_true(w->net.exchanges[i].released);
    fake_transport_done(&w->net);
    fake_transport_init(&w->net);
    arena_free(arena);
    fake_loop_advance(&w->loop, HOUR_MS); /* its breaker lets the first target try again */
    return err;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    struct ledger_stats stats;
    size_t allocations = oom_each_beside_threads(run, &world);
    assert_true(allocations > 20);
    assert_true(ledger_flush(world.app.ledger, 5000));
    ledger_stats(world.app.ledger, &stats);
    /* A row that found no memory leaves its place in the table of what is under way, where the next
     * start finds it: written or still to be found, but nothing that was sent is forgotten. */
    assert_int_equal(stats.inflight, stats.rows_lost);
    assert_true(stats.rows_written + stats.inflight >= world.sent);
    assert_true(world.sent > allocations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
