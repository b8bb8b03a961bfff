/* Attempts in order, on a fake loop and a fake network: when the next target is tried and when not,
 * pauses, and releases at every moment. Everything in between is real: bodies, permits, streams,
 * the ledger. */
#include "tests/unit/unit.h"

#include "gateway/dispatch/dispatch.h"
#include "gateway/metrics/metrics.h"
#include "tests/scenario/fake_loop.h"
#include "tests/scenario/fake_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char two_targets[] =
    "upstreams:\n"
    "  - {name: a, kind: openai, url: 'http://127.0.0.1:1/v1', zone: cloud, models: "
    "[{name: m, capability: 1, prices: {input: 1, output: 1}}]}\n"
    "  - {name: b, kind: openai, url: 'http://127.0.0.1:2/v1', zone: cloud, models: "
    "[{name: m, capability: 1, prices: {input: 9, output: 9}}]}\n";
static const char one_target[] =
    "upstreams:\n"
    "  - {name: a, kind: openai, url: 'http://127.0.0.1:1/v1', zone: cloud, models: [m]}\n";
static const char a_sees_less[] =
    "upstreams:\n"
    "  - {name: a, kind: openai, url: 'http://127.0.0.1:1/v1', zone: cloud, clearance: public, "
    "models: [m]}\n"
    "  - {name: b, kind: openai, url: 'http://127.0.0.1:2/v1', zone: cloud, models: [m]}\n"
    "policy: {default: public}\n";
static const char both_see_less[] =
    "upstreams:\n"
    "  - {name: a, kind: openai, url: 'http://127.0.0.1:1/v1', zone: cloud, clearance: public, "
    "models: [m]}\n"
    "  - {name: b, kind: openai, url: 'http://127.0.0.1:2/v1', zone: cloud, clearance: public, "
    "models: [m]}\npolicy: {default: public}\n";

struct fixture {
    struct fake_loop loop;
    struct fake_transport net;
    struct app app;
    struct worker worker;
    struct random_source random;
    char folder[64];
    struct arena *arena;
    struct plan plan;
    struct dispatch *dispatch;
    struct dispatch_totals totals;
    char seen[1024];                 /* events, separated by spaces */
    enum chat_event_type release_at; /* COUNT = never */
    int ended;
};

static void fill(void *self, void *bytes, size_t len)
{
    (void)self;
    memset(bytes, 0, len);
}

static struct snapshot *compile(const char *text)
{
    struct config *config;
    struct snapshot *snapshot = NULL;
    struct config_errors errors = {.count = 0};
    buffer_init(&errors.text, 1 << 16);
    if (config_load_text(slice_from_str(text), "t.yaml", &config, &errors) ||
        snapshot_new(config, NULL, NULL, &snapshot, &errors))
        fail_msg("%.*s", SLICE_ARG(buffer_slice(&errors.text)));
    buffer_done(&errors.text);
    return snapshot;
}

static void on_end(void *user)
{
    ((struct fixture *)user)->ended++;
}

static void release(struct fixture *f, enum ledger_status why)
{
    dispatch_release(f->dispatch, why, &f->totals);
    f->dispatch = NULL;
}

static void on_event(void *user, const struct chat_event *event)
{
    static const char *const names[CHAT_EVENT_TYPE_COUNT] = {
        [CHAT_EVENT_STARTED] = "started",   [CHAT_EVENT_TEXT] = "text",
        [CHAT_EVENT_FINISHED] = "finished", [CHAT_EVENT_USAGE] = "usage",
        [CHAT_EVENT_DONE] = "done",         [CHAT_EVENT_ERROR] = "error"};
    struct fixture *f = user;
    size_t used = strlen(f->seen);
    assert_non_null(f->dispatch); /* nothing comes after the release */
    (void)snprintf(f->seen + used, sizeof(f->seen) - used, "%s%s%s", used ? " " : "",
                   names[event->type] ? names[event->type] : "?",
                   event->type == CHAT_EVENT_ERROR ? base_err_info(event->error->code)->name : "");
    if (event->type == f->release_at)
        release(f, LEDGER_STATUS_CANCELLED);
}

static struct fixture *begin(const char *config, const char *newest)
{
    static struct plan_who who;
    struct base_error detail;
    struct fixture *f = calloc(1, sizeof(*f));
    struct snapshot *snapshot = compile(config);
    assert_non_null(f);
    fake_loop_init(&f->loop);
    fake_transport_init(&f->net);
    f->release_at = CHAT_EVENT_TYPE_COUNT;
    memcpy(f->folder, "/tmp/hearth-dispatch-XXXXXX", 28);
    assert_non_null(mkdtemp(f->folder));
    struct ledger_options lo = {.state_dir = f->folder, .clock = &f->loop.clock};
    f->random = (struct random_source){fill, NULL};
    f->app.clock = &f->loop.clock;
    f->app.random = &f->random;
    f->app.metrics = metrics_new();
    f->app.newest = newest ? compile(newest) : snapshot_ref(snapshot);
    assert_int_equal(ledger_open(&lo, &f->app.ledger, &detail), BASE_OK);
    assert_int_equal(pthread_mutex_init(&f->app.newest_lock, NULL), 0);
    assert_int_equal(pthread_mutex_init(&f->app.left_lock, NULL), 0);
    f->worker = (struct worker){.app = &f->app, .loop = &f->loop.base};
    assert_int_equal(upstream_pool_new(&f->loop.base, &f->net.base, &f->worker.pool, &detail),
                     BASE_OK);
    assert_int_equal(view_new(&f->worker, snapshot, &f->worker.view, &detail), BASE_OK);
    f->arena = arena_new(16 << 20);
    who = (struct plan_who){.tenant = SLICE("default")};
    plan_init(&f->plan, snapshot,
              plan_request_of_text(f->arena, SLICE("auto"), SLICE("What is seven plus two?")), &who,
              f->arena);
    assert_int_equal(plan_inspect(&f->plan, NULL, NULL, 0, 0, &detail), BASE_OK);
    assert_int_equal(plan_choose(&f->plan, NULL, NULL, NULL, &detail), BASE_OK);
    assert_int_equal(f->plan.decision.outcome, BASE_OK);
    snapshot_unref(snapshot); /* the view has its own */
    struct dispatch_options options = {.view = f->worker.view,
                                       .plan = &f->plan,
                                       .request_id = SLICE("req_test"),
                                       .sink = {on_event, f},
                                       .on_end = on_end,
                                       .end_user = f};
    assert_int_equal(dispatch_start(&options, &f->dispatch, &detail), BASE_OK);
    return f;
}

static void end(struct fixture *f)
{
    char command[128];
    if (f->dispatch)
        release(f, LEDGER_STATUS_CLIENT_GONE);
    fake_loop_advance(&f->loop, 0);
    app_run_left(&f->app);
    assert_int_equal(f->ended, 1);
    assert_int_equal(fake_loop_timers(&f->loop), 0);
    for (size_t i = 0; i < f->net.count; i++)
        assert_true(f->net.exchanges[i].released);
    view_unref(f->worker.view);
    upstream_pool_free(f->worker.pool);
    fake_transport_done(&f->net);
    arena_free(f->arena);
    struct ledger_stats stats;
    assert_true(ledger_flush(f->app.ledger, 5000));
    ledger_stats(f->app.ledger, &stats);
    assert_int_equal(stats.inflight, 0); /* every attempt has its row */
    ledger_close(f->app.ledger);
    metrics_free(f->app.metrics);
    snapshot_unref(f->app.newest);
    pthread_mutex_destroy(&f->app.newest_lock);
    pthread_mutex_destroy(&f->app.left_lock);
    (void)snprintf(command, sizeof(command), "rm -rf %s", f->folder);
    assert_int_equal(system(command), 0);
    free(f);
}

/* ---- the network ---- */

static struct fake_exchange *latest(struct fixture *f, size_t expected_count)
{
    fake_loop_advance(&f->loop, 0);
    assert_int_equal(f->net.count, expected_count);
    return fake_transport_latest(&f->net);
}

static void head(struct fake_exchange *ex, int status, const char *retry_after)
{
    const struct upstream_header headers[] = {
        {SLICE("content-type"),
         status == 200 ? SLICE("text/event-stream") : SLICE("application/json")},
        {SLICE("retry-after"), retry_after ? slice_from_str(retry_after) : SLICE_NONE}};
    struct transport_head h = {status, headers, retry_after ? 2 : 1};
    ex->sends = 1;
    ex->sink.on_sent(ex->sink.user);
    ex->sink.on_head(ex->sink.user, &h);
}

static void data(struct fake_exchange *ex, const char *text)
{
    ex->sink.on_data(ex->sink.user, slice_from_str(text));
}

static void done(struct fake_exchange *ex, enum base_err err)
{
    struct base_error detail;
    (void)base_error_set(&detail, err, "the script says so");
    ex->sink.on_done(ex->sink.user, err, err ? &detail : NULL);
}

static void refuse(struct fake_exchange *ex, int status, const char *retry_after)
{
    head(ex, status, retry_after);
    data(ex, "{\"error\":{\"message\":\"no\",\"type\":\"server_error\"}}");
    if (!ex->released)
        done(ex, BASE_OK);
}

static const char content[] =
    "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":"
    "[{\"index\":0,\"delta\":{\"content\":\"nine\"},\"finish_reason\":null}]}\n\n";
static const char rest[] =
    "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":"
    "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],"
    "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\n\n"
    "data: [DONE]\n\n";

static bool asks_of(const struct fake_exchange *ex, const char *url)
{
    return slice_starts_with(buffer_slice(&ex->url), slice_from_str(url));
}

/* ---- tests ---- */

static void test_fallback(void **state)
{
    (void)state;
    static const int statuses[] = {500, 503, 429, 401, 404};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct fixture *f = begin(two_targets, NULL);
        struct fake_exchange *ex = latest(f, 1);
        assert_true(asks_of(ex, "http://127.0.0.1:1/"));
        refuse(ex, statuses[i], NULL);
        ex = latest(f, 2);
        assert_true(asks_of(ex, "http://127.0.0.1:2/"));
        head(ex, 200, NULL);
        data(ex, content);
        data(ex, rest);
        assert_non_null(strstr(f->seen, "text finished usage done"));
        assert_null(strstr(f->seen, "error"));
        release(f, LEDGER_STATUS_OK);
        assert_int_equal(f->totals.attempts, 2);
        assert_int_equal(f->totals.usage.output, 1);
        end(f);
    }
}

static void test_no_fallback(void **state)
{
    (void)state;
    /* What was asked for is at fault: another target would say the same. */
    struct fixture *f = begin(two_targets, NULL);
    refuse(latest(f, 1), 400, NULL);
    fake_loop_advance(&f->loop, 5000);
    assert_int_equal(f->net.count, 1);
    assert_string_equal(f->seen, "errorUPSTREAM_REJECTED");
    end(f);
    /* Something was shown. */
    f = begin(two_targets, NULL);
    struct fake_exchange *ex = latest(f, 1);
    head(ex, 200, NULL);
    data(ex, content);
    done(ex, BASE_ERR_UPSTREAM_TRUNCATED);
    fake_loop_advance(&f->loop, 5000);
    assert_int_equal(f->net.count, 1);
    assert_non_null(strstr(f->seen, "text errorUPSTREAM_TRUNCATED"));
    end(f);
}

static void test_retry(void **state)
{
    (void)state;
    struct fixture *f = begin(one_target, NULL);
    refuse(latest(f, 1), 500, NULL);
    fake_loop_advance(&f->loop, 199);
    assert_int_equal(f->net.count, 1); /* a pause first */
    fake_loop_advance(&f->loop, 300);
    assert_string_equal(f->seen, "");
    refuse(latest(f, 2), 500, NULL);
    fake_loop_advance(&f->loop, 60000);
    assert_int_equal(f->net.count, 2); /* once, not for ever */
    assert_string_equal(f->seen, "errorUPSTREAM_STATUS");
    end(f);
    /* As long as it asks for, when that is short. */
    f = begin(one_target, NULL);
    refuse(latest(f, 1), 429, "2");
    fake_loop_advance(&f->loop, 1900);
    assert_int_equal(f->net.count, 1);
    assert_string_equal(f->seen, ""); /* (the breaker's clock is the real one, so no further) */
    end(f);
    /* When it is long, the client hears of it. */
    f = begin(one_target, NULL);
    refuse(latest(f, 1), 429, "60");
    fake_loop_advance(&f->loop, 5000);
    assert_int_equal(f->net.count, 1);
    assert_string_equal(f->seen, "errorUPSTREAM_RATE_LIMIT");
    release(f, LEDGER_STATUS_OK);
    assert_int_equal(f->totals.retry_after_ms, 60000);
    end(f);
}

static void test_permit_refused(void **state)
{
    (void)state;
    if (!policy_permit_check_enabled())
        skip();
    /* The plan is older than the newest policy, which lets the first one see less. */
    struct fixture *f = begin(two_targets, a_sees_less);
    struct fake_exchange *ex = latest(f, 1);
    assert_true(asks_of(ex, "http://127.0.0.1:2/"));
    assert_int_equal(metrics_counted(f->app.metrics, METRIC_EGRESS_BLOCKED), 1);
    release(f, LEDGER_STATUS_CANCELLED);
    assert_int_equal(f->totals.attempts, 1);
    end(f);
    f = begin(two_targets, both_see_less);
    (void)latest(f, 0);
    assert_string_equal(f->seen, "errorPOLICY_VIOLATION");
    assert_int_equal(metrics_counted(f->app.metrics, METRIC_EGRESS_BLOCKED), 2);
    end(f);
    /* A target that the newest configuration does not have is no place to go; what the one that was
     * tried said stands. */
    f = begin(two_targets, one_target);
    ex = latest(f, 1);
    assert_true(asks_of(ex, "http://127.0.0.1:1/"));
    refuse(ex, 500, NULL);
    (void)latest(f, 1);
    assert_string_equal(f->seen, "errorUPSTREAM_STATUS");
    end(f);
}

static void test_release_in_event(void **state)
{
    (void)state;
    static const enum chat_event_type moments[] = {CHAT_EVENT_STARTED, CHAT_EVENT_TEXT,
                                                   CHAT_EVENT_FINISHED, CHAT_EVENT_USAGE,
                                                   CHAT_EVENT_DONE};
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct fixture *f = begin(two_targets, NULL);
        f->release_at = moments[i];
        struct fake_exchange *ex = latest(f, 1);
        head(ex, 200, NULL);
        char both[2048];
        (void)snprintf(both, sizeof(both), "%s%s", content, rest);
        data(ex, both);
        assert_null(f->dispatch);
        assert_int_equal(f->ended, 0); /* its stream is still on the stack */
        end(f);
    }
    struct fixture *f = begin(two_targets, NULL); /* inside an error that comes from the stream */
    f->release_at = CHAT_EVENT_ERROR;
    refuse(latest(f, 1), 400, NULL);
    assert_null(f->dispatch);
    end(f);
    f = begin(two_targets, both_see_less); /* and inside one that dispatch makes itself */
    f->release_at = CHAT_EVENT_ERROR;
    fake_loop_advance(&f->loop, 0);
    assert_true(!policy_permit_check_enabled() || !f->dispatch);
    end(f);
}

static void test_release_outside(void **state)
{
    (void)state;
    struct fixture *f = begin(two_targets, NULL); /* before the first turn of the loop */
    release(f, LEDGER_STATUS_CLIENT_GONE);
    assert_int_equal(f->ended, 1);
    fake_loop_advance(&f->loop, 1000);
    assert_int_equal(f->net.count, 0);
    end(f);
    f = begin(two_targets, NULL); /* while it connects */
    struct fake_exchange *ex = latest(f, 1);
    release(f, LEDGER_STATUS_CLIENT_GONE);
    assert_true(ex->released && !ex->drained);
    assert_int_equal(f->totals.cost_nano_usd, 0); /* nothing was sent */
    end(f);
    f = begin(two_targets, NULL); /* in the middle of the answer */
    ex = latest(f, 1);
    head(ex, 200, NULL);
    data(ex, content);
    release(f, LEDGER_STATUS_CLIENT_GONE);
    assert_true(ex->released);
    assert_int_equal(f->totals.cost_nano_usd, -1); /* nobody knows what it came to */
    end(f);
    f = begin(one_target, NULL); /* in the pause before the second try */
    refuse(latest(f, 1), 500, NULL);
    fake_loop_advance(&f->loop, 50);
    release(f, LEDGER_STATUS_CLIENT_GONE);
    assert_int_equal(f->ended, 1);
    fake_loop_advance(&f->loop, 5000);
    assert_int_equal(f->net.count, 1);
    end(f);
    f = begin(two_targets, NULL); /* between two targets */
    ex = latest(f, 1);
    refuse(ex, 500, NULL);
    release(f, LEDGER_STATUS_CLIENT_GONE);
    fake_loop_advance(&f->loop, 1000);
    assert_int_equal(f->net.count, 1);
    end(f);
}

static void test_pause(void **state)
{
    (void)state;
    struct fixture *f = begin(two_targets, NULL);
    dispatch_pause(f->dispatch); /* before anything runs, and it holds for the next target too */
    struct fake_exchange *ex = latest(f, 1);
    assert_true(ex->paused);
    dispatch_resume(f->dispatch);
    assert_false(ex->paused);
    dispatch_pause(f->dispatch);
    refuse(ex, 500, NULL);
    dispatch_resume(f->dispatch);
    fake_loop_advance(&f->loop, 0);
    if (f->net.count == 1) /* what was read before the pause is looked at after it */
        (void)latest(f, 2);
    ex = latest(f, 2);
    assert_false(ex->paused);
    head(ex, 200, NULL);
    data(ex, content);
    dispatch_pause(f->dispatch);
    assert_true(ex->paused);
    dispatch_resume(f->dispatch);
    assert_false(ex->paused);
    data(ex, rest);
    assert_non_null(strstr(f->seen, "done"));
    dispatch_pause(f->dispatch); /* after the end: nothing to do, and no harm */
    dispatch_resume(f->dispatch);
    end(f);
}

static bool post_nothing(struct loop *loop, loop_fn fn, void *user)
{
    (void)loop, (void)fn, (void)user;
    return false;
}

/* The loop ends between the release inside an event and its next turn. */
static void test_loop_has_ended(void **state)
{
    (void)state;
    struct fixture *f = begin(two_targets, NULL);
    f->release_at = CHAT_EVENT_DONE;
    struct fake_exchange *ex = latest(f, 1);
    struct loop_ops ended = *f->loop.base.ops;
    ended.post = post_nothing;
    f->loop.base.ops = &ended;
    head(ex, 200, NULL);
    data(ex, content);
    data(ex, rest);
    fake_loop_advance(&f->loop, 1000);
    assert_int_equal(f->ended, 0);
    app_run_left(&f->app);
    assert_int_equal(f->ended, 1);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fallback),
        cmocka_unit_test(test_no_fallback),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_permit_refused),
        cmocka_unit_test(test_release_in_event),
        cmocka_unit_test(test_release_outside),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_loop_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
