/*
 * Answers of the engine without a running Hearth: the same inspection, rules and choice, in this
 * process, among the models that it has loaded; nothing is sent anywhere, and nothing is recorded.
 */
#include "gateway/cli/chat.h"

#include "gateway/api/chat_parse.h"
#include "gateway/dispatch/plan.h"
#include "gateway/loop/loop.h"
#include "gateway/serve/serve.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 20, CONFIG_TEXT_MAX = 1 << 20 };

/* The loop has a thread of its own, because streams need one as long as the engine lives. */
struct chat_local {
    struct engines *engines;
    struct snapshot *snapshot;
    struct evloop *loop;
    bool is_running;
    pthread_mutex_t lock; /* guards `over` of an answer */
    pthread_cond_t changed;
};

/* ---- opening ---- */

static enum base_err compile(struct chat_local *local, const char *config_path,
                             struct config_errors *errors, struct base_error *reterr)
{
    struct config *config = NULL;
    const char *demo = serve_find_demo();
    if (!config_path && !demo)
        return base_error_set(reterr, BASE_ERR_IO,
                              "no Hearth is running here, and the demo model is nowhere to be "
                              "found; start `hearth serve`, or give --config FILE");
    enum base_err err = config_path ? config_load(config_path, &config, errors)
                                    : config_default(demo, &config, errors);
    if (err)
        return err;
    if (config->engine_model_count == 0) {
        config_free(config);
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                              "no Hearth is running here, and the configuration has no model for "
                              "the engine; start `hearth serve`");
    }
    err = engines_open(config, &local->engines, reterr);
    if (err) {
        config_free(config);
        return err;
    }
    return snapshot_new(config, local->engines, NULL, &local->snapshot, errors);
}

enum base_err chat_local_open(const char *config_path, struct chat_local **ret_local,
                              struct base_error *reterr)
{
    struct chat_local *local = calloc(1, sizeof(*local));
    struct config_errors errors = {.count = 0};
    if (!local)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory");
    (void)pthread_mutex_init(&local->lock, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&local->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    reterr->message[0] = '\0';
    buffer_init(&errors.text, CONFIG_TEXT_MAX);
    enum base_err err = compile(local, config_path, &errors, reterr);
    if (!err)
        err = evloop_new("chat", &local->loop, reterr);
    if (!err)
        err = evloop_start(local->loop, reterr);
    local->is_running = !err;
    if (err && !reterr->message[0])
        (void)base_error_set(reterr, err, "%.*s",
                             SLICE_ARG(slice_trim(buffer_slice(&errors.text))));
    buffer_done(&errors.text);
    if (err) {
        chat_local_free(local);
        return err;
    }
    *ret_local = local;
    return BASE_OK;
}

void chat_local_free(struct chat_local *local)
{
    if (!local)
        return;
    if (local->is_running) {
        evloop_stop(local->loop);
        evloop_join(local->loop);
    }
    snapshot_unref(local->snapshot);
    engines_free(local->engines); /* what they still post is refused by the loop */
    evloop_free(local->loop);
    pthread_cond_destroy(&local->changed);
    pthread_mutex_destroy(&local->lock);
    free(local);
}

/* ---- one answer; its functions run on the loop's thread, but for run() ---- */

struct answer {
    struct chat_local *local;
    const struct chat_ask *ask;
    struct target_stream *stream;
    struct target *target;
    bool over, drained;
    struct base_error error; /* code OK: none */
};

/* Not inside an event: there nothing may be released. */
static void end(void *user)
{
    struct answer *a = user;
    if (a->stream)
        a->target->ops->release(a->stream);
    a->stream = NULL;
    pthread_mutex_lock(&a->local->lock);
    a->over = true;
    pthread_cond_signal(&a->local->changed);
    pthread_mutex_unlock(&a->local->lock);
}

static void on_event(void *user, const struct chat_event *event)
{
    struct answer *a = user;
    if (event->type == CHAT_EVENT_TEXT && event->choice == 0)
        a->ask->on_text(a->ask->user, event->text);
    if (event->type == CHAT_EVENT_ERROR)
        a->error = *event->error;
    if (event->type == CHAT_EVENT_ERROR || event->type == CHAT_EVENT_DONE)
        (void)loop_post(evloop_loop(a->local->loop), end, a);
}

static void begin(void *user)
{
    struct answer *a = user;
    struct target_call call = {.loop = evloop_loop(a->local->loop),
                               .request = a->ask->request,
                               .request_id = SLICE("chat"),
                               .domain = 1,
                               .flow = 1};
    struct target_sink sink = {on_event, a};
    if (a->target->ops->start(a->target, &call, sink, &a->stream, &a->error))
        end(a);
}

static void cancel(void *user)
{
    struct answer *a = user;
    if (!a->stream)
        return; /* it has ended meanwhile */
    a->target->ops->cancel(a->stream);
    end(a);
}

/* All that was posted before has run: nobody knows the answer any more. */
static void drain(void *user)
{
    struct answer *a = user;
    pthread_mutex_lock(&a->local->lock);
    a->drained = true;
    pthread_cond_signal(&a->local->changed);
    pthread_mutex_unlock(&a->local->lock);
}

static void wait_a_little(struct chat_local *local)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&local->changed, &local->lock, &until);
}

static enum base_err run(struct answer *a, struct base_error *reterr)
{
    struct chat_local *local = a->local;
    bool is_cancelled = false;
    if (!loop_post(evloop_loop(local->loop), begin, a))
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory");
    pthread_mutex_lock(&local->lock);
    while (!a->over) {
        wait_a_little(local);
        if (!a->over && !is_cancelled && chat_is_interrupted()) {
            is_cancelled = true;
            pthread_mutex_unlock(&local->lock);
            (void)loop_post(evloop_loop(local->loop), cancel, a);
            pthread_mutex_lock(&local->lock);
        }
    }
    pthread_mutex_unlock(&local->lock);
    bool is_posted = loop_post(evloop_loop(local->loop), drain, a);
    pthread_mutex_lock(&local->lock);
    while (is_posted && !a->drained)
        wait_a_little(local);
    pthread_mutex_unlock(&local->lock);
    *reterr = a->error;
    return a->error.code;
}

/* The first of the order that is here. */
static size_t first_local(const struct plan *plan)
{
    for (size_t i = 0; i < plan->decision.order_count; i++)
        if (plan->snapshot->targets[plan->decision.order[i]].local)
            return plan->decision.order[i];
    return SIZE_MAX;
}

static void describe(const struct plan *plan, size_t target, struct arena *arena, struct slice *ret)
{
    struct slice rules = plan_rule_names(plan, arena);
    *ret = arena_printf(
        arena, "target: %.*s, zone: device, sensitivity: %s, complexity: %.2f%s%.*s",
        SLICE_ARG(plan->facts.targets[target].name),
        policy_level_name(policy_inspection_level(plan->inspection)),
        plan->signals.score.complexity, rules.len ? ", rules: " : "", SLICE_ARG(rules));
}

enum base_err chat_local_ask(struct chat_local *local, struct slice body, struct arena *arena,
                             struct chat_ask *ask, struct base_error *reterr)
{
    static const struct plan_who who = {.tenant = SLICE_INIT("default")};
    const struct json_node *root;
    struct plan plan;
    struct answer answer = {.local = local, .ask = ask};
    enum base_err err = json_parse(body, &json_limits_request, arena, &root, reterr);
    if (!err)
        err = api_chat_parse(root, arena, &ask->request, reterr);
    if (err)
        return err;
    if (snapshot_pipeline(local->snapshot, ask->request->model))
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "pipelines need a running Hearth: start `hearth serve`");
    plan_init(&plan, local->snapshot, ask->request, &who, arena);
    err = plan_inspect(&plan, NULL, NULL, 0, 0, reterr);
    if (!err)
        err = plan_choose(&plan, plan_live_targets, NULL, NULL, reterr);
    if (!err && plan.decision.outcome)
        err =
            base_error_set(reterr, plan.decision.outcome, "%.*s", SLICE_ARG(plan.decision.message));
    if (err)
        return err;
    size_t index = first_local(&plan);
    if (index == SIZE_MAX)
        return base_error_set(reterr, BASE_ERR_LOCAL_UNAVAILABLE,
                              "only targets outside this process may answer this, and no Hearth is "
                              "running here: start `hearth serve`");
    describe(&plan, index, arena, &ask->route);
    answer.target = local->snapshot->targets[index].local;
    return run(&answer, reterr);
}
