#include "gateway/dispatch/dispatch.h"

#include "gateway/local/leftover.h"
#include "gateway/metrics/metrics.h"

#include <stdlib.h>

enum {
    PERMIT_TTL_MS = 30000,
    RULES_ARENA_BYTES = 16 << 20,
    RETRY_MIN_MS = 200,
    RETRY_SPREAD_MS = 200,
    RETRY_AFTER_MAX_MS = 2000
};

/* What is tried now. */
struct attempt {
    struct target *target;
    struct target_stream *stream;
    struct policy_body *body;
    struct policy_permit *permit;
    uint64_t permit_number; /* of the configuration that was the newest when it was given */
    struct ledger_ticket ticket;
    struct ledger_attempt row;
    int64_t start_ns;
    bool open; /* has a row that is not written yet */
};

struct dispatch {
    struct dispatch_options options;
    struct view *view;
    struct arena *arena; /* warnings and texts of the attempts */
    struct attempt attempt;
    size_t next; /* position in the decision's order */
    bool retried;
    bool content_seen;
    bool paused;
    bool in_event;
    bool over; /* DONE or ERROR was passed on */
    bool released;
    bool busy; /* a work thread puts the attempt's body together */
    bool cost_known;
    enum ledger_status release_status;
    struct upstream_warnings warnings; /* of the attempt's body */
    enum base_err prepare_err;
    struct base_error prepare_error;
    struct loop_timer timer; /* the next step: another attempt, or the end */
    struct base_error error;
    struct dispatch_totals totals;
};

static struct loop *loop_of(const struct dispatch *d)
{
    return d->view->worker->loop;
}

/* ---- the end of an attempt ---- */

static void price(struct dispatch *d, struct ledger_attempt *row)
{
    const struct snapshot_target *t = &d->view->snapshot->targets[d->totals.target];
    if (t->local) {
        row->cost_source = LEDGER_COST_LOCAL;
        row->cost_nano_usd = t->nano_usd_per_second * (row->total_ms / 1000) +
                             t->nano_usd_per_second * (row->total_ms % 1000) / 1000;
    } else if (row->usage.reported_nano_usd >= 0) {
        row->cost_source = LEDGER_COST_REPORTED;
        row->cost_nano_usd = row->usage.reported_nano_usd;
    } else {
        row->cost_nano_usd =
            upstream_cost_nano_usd(t->prices, &row->usage, &d->view->price_carry[d->totals.target]);
        row->cost_source = row->cost_nano_usd < 0 ? LEDGER_COST_UNKNOWN : LEDGER_COST_COMPUTED;
        if (t->prices)
            row->price_date = t->prices->effective_date;
    }
    if (row->status == LEDGER_STATUS_NOT_SENT) { /* nothing left, nothing is owed */
        row->cost_source = LEDGER_COST_COMPUTED;
        row->cost_nano_usd = 0;
    }
}

static void add_cost(struct dispatch *d, int64_t nano_usd)
{
    if (nano_usd < 0)
        d->cost_known = false;
    else if (d->cost_known)
        d->totals.cost_nano_usd += nano_usd;
    if (!d->cost_known)
        d->totals.cost_nano_usd = -1;
}

static void read_report(struct dispatch *d, struct ledger_attempt *row)
{
    const struct attempt *a = &d->attempt;
    if (!a->stream || !d->view->snapshot->targets[d->totals.target].upstream)
        return;
    struct upstream_stream_report report;
    upstream_stream_report(a->stream, &report);
    row->upstream_url = report.url;
    row->provider_request_id = report.provider_request_id;
    row->served_model = report.served_model;
    row->http_status = report.http_status;
    row->sends = report.sends;
    if (report.sends == 0 && row->status != LEDGER_STATUS_OK)
        row->status = LEDGER_STATUS_NOT_SENT;
}

/* Writes the attempt's row. The stream itself is closed by close_attempt(). */
static void settle_attempt(struct dispatch *d, enum ledger_status status, enum base_err err)
{
    struct attempt *a = &d->attempt;
    if (!a->open)
        return;
    a->open = false;
    a->row.status = status;
    a->row.err = err;
    a->row.total_ms = (loop_now_ns(loop_of(d)) - a->start_ns) / 1000000;
    if (a->stream)
        a->target->ops->usage(a->stream, &a->row.usage);
    read_report(d, &a->row);
    price(d, &a->row);
    add_cost(d, a->row.cost_nano_usd);
    d->totals.usage = a->row.usage;
    struct app *app = d->view->worker->app;
    ledger_attempt_end(app->ledger, a->ticket, &a->row);
    metrics_attempt(app->metrics, &a->row);
}

static void close_attempt(struct dispatch *d)
{
    struct attempt *a = &d->attempt;
    if (a->stream)
        a->target->ops->release(a->stream);
    policy_permit_free(a->permit);
    policy_body_free(a->body);
    *a = (struct attempt){0};
}

/* ---- the life of the whole ---- */

static void destroy(struct dispatch *d)
{
    loop_timer_clear(loop_of(d), &d->timer);
    close_attempt(d);
    view_unref(d->view);
    arena_free(d->arena);
    void (*on_end)(void *user) = d->released ? d->options.on_end : NULL;
    void *end_user = d->options.end_user;
    free(d);
    if (on_end)
        on_end(end_user);
}

static void pass_on(struct dispatch *d, const struct chat_event *event)
{
    if (!d->released && !d->over)
        d->options.sink.on_event(d->options.sink.user, event);
}

static void fail(struct dispatch *d)
{
    struct chat_event event = {
        .type = CHAT_EVENT_ERROR, .error = &d->error, .retry_after_ms = d->totals.retry_after_ms};
    bool was_over = d->over;
    d->over = true;
    if (!d->released && !was_over)
        d->options.sink.on_event(d->options.sink.user, &event);
}

static void on_step(void *user);

static void step_later(struct dispatch *d, int64_t delay_ms)
{
    if (loop_timer_set(loop_of(d), &d->timer, delay_ms, on_step, d)) {
        (void)base_error_set(&d->error, BASE_ERR_NO_MEMORY, "no memory to try another target");
        fail(d);
    }
}

/* Could another target do better? */
static bool another_may_help(enum base_err err)
{
    switch (err) {
    case BASE_ERR_UPSTREAM_REJECTED: /* what was asked for is at fault */
    case BASE_ERR_NO_MEMORY:
    case BASE_ERR_SHUTTING_DOWN:
    case BASE_ERR_CANCELLED:
        return false;
    case BASE_ERR_CONTEXT_LENGTH:   /* another one may be larger, */
    case BASE_ERR_UNSUPPORTED:      /* better equipped, */
    case BASE_ERR_POLICY_VIOLATION: /* or cleared by the newest policy too */
        return true;
    default:
        return base_err_info(err)->class == BASE_ERR_CLASS_UPSTREAM ||
               base_err_info(err)->class == BASE_ERR_CLASS_LOCAL;
    }
}

/* The only one left may have stumbled: once more, after a pause. */
static bool worth_a_retry(const struct dispatch *d, enum base_err err)
{
    return !d->retried && d->totals.retry_after_ms <= RETRY_AFTER_MAX_MS &&
           (err == BASE_ERR_UPSTREAM_CONNECT || err == BASE_ERR_UPSTREAM_STATUS ||
            err == BASE_ERR_UPSTREAM_TRUNCATED || err == BASE_ERR_UPSTREAM_RATE_LIMIT);
}

/* The attempt failed before any content: another one, or the end. */
static void after_failure(struct dispatch *d)
{
    const struct router_decision *decision = &d->options.plan->decision;
    enum base_err err = d->error.code;
    if (another_may_help(err) && d->next < decision->order_count) {
        step_later(d, 0);
    } else if (worth_a_retry(d, err) && d->next > 0) {
        uint8_t spread = 0;
        const struct random_source *random = d->view->worker->app->random;
        random->fill(random->self, &spread, 1);
        d->retried = true;
        d->next--;
        int64_t wait = RETRY_MIN_MS + spread * RETRY_SPREAD_MS / 255;
        /* A little after what was asked for: until then its breaker is open. */
        bool asked = d->totals.retry_after_ms > 0;
        step_later(d, asked ? d->totals.retry_after_ms + wait / 4 : wait);
    } else {
        fail(d);
    }
}

/* ---- events ---- */

static void on_error(struct dispatch *d, const struct chat_event *event)
{
    d->error = *event->error;
    d->totals.retry_after_ms = event->retry_after_ms;
    settle_attempt(d, LEDGER_STATUS_ERROR, d->error.code);
    if (d->content_seen)
        fail(d);
    else
        after_failure(d);
}

/* What the target says it has left out; of a local one, whose body was not written anew. */
static void take_warning(struct dispatch *d, struct slice warning)
{
    if (warning.len == 0 || d->totals.warning_count > 0)
        return;
    struct slice *item = arena_alloc(d->arena, sizeof(*item));
    if (!item)
        return;
    *item = arena_dup(d->arena, warning);
    d->totals.warnings = item;
    d->totals.warning_count = slice_is_absent(*item) ? 0 : 1;
}

static void on_event(void *user, const struct chat_event *event)
{
    struct dispatch *d = user;
    if (d->released || d->over)
        return;
    d->in_event = true;
    struct attempt *a = &d->attempt;
    switch (event->type) {
    case CHAT_EVENT_ERROR:
        on_error(d, event);
        break;
    case CHAT_EVENT_DONE:
        settle_attempt(d, LEDGER_STATUS_OK, BASE_OK);
        pass_on(d, event);
        d->over = true;
        break;
    default:
        if (event->type == CHAT_EVENT_STARTED)
            take_warning(d, event->warning);
        if (chat_event_is_content(event->type) || event->type == CHAT_EVENT_FINISHED) {
            if (!d->content_seen)
                a->row.ttft_ms = (loop_now_ns(loop_of(d)) - a->start_ns) / 1000000;
            d->content_seen = true;
        }
        pass_on(d, event);
    }
    d->in_event = false;
    if (d->released) /* the stream must not be released inside its own event */
        app_post(d->view->worker->app, loop_of(d), on_step, d);
}

/* ---- starting an attempt ---- */

/* Where the newest configuration would let it go: a permit needs both to agree. */
static void newest_destination(const struct snapshot *newest, const struct policy_destination *now,
                               struct policy_destination *ret)
{
    size_t i = snapshot_find(newest, now->name);
    *ret = (struct policy_destination){0};
    if (i == SIZE_MAX)
        return;
    *ret = (struct policy_destination){.name = newest->facts[i].name,
                                       .id = now->id,
                                       .zone = newest->facts[i].zone,
                                       .clearance = newest->facts[i].clearance};
}

static void audit_denial(struct dispatch *d, const struct policy_permit_wish *wish)
{
    const struct plan *plan = d->options.plan;
    struct app *app = d->view->worker->app;
    struct policy_audit_record record = {
        .kind = POLICY_AUDIT_DENIAL,
        .wall_ns = clock_wall_ns(app->clock),
        .request_id = wish->request_id,
        .attempt = wish->attempt,
        .level = policy_body_level(wish->body),
        .clearance = wish->destination.clearance,
        .findings = policy_inspection_summary(plan->inspection),
        .rules = plan_rule_names(plan, d->arena),
        .destination = wish->destination.name,
        .zone = wish->destination.zone,
        .body_sha256 = policy_body_sha256(wish->body),
        .body_bytes = policy_body_bytes(wish->body).len,
        .policy_hash = policy_hash(wish->newest),
    };
    ledger_audit(app->ledger, &record);
}

/* What the rules of the newest configuration raise the request to. Its policy and its clearances
 * are the permit's to look at. */
static enum base_err newest_floor(const struct plan *plan, const struct snapshot *newest,
                                  enum policy_level *ret, struct base_error *reterr)
{
    *ret = POLICY_LEVEL_PUBLIC;
    if (newest == plan->snapshot)
        return BASE_OK;
    struct router_effects effects;
    struct arena *arena = arena_new(RULES_ARENA_BYTES);
    enum base_err err =
        arena ? router_rules_match(newest->rules, &plan->signals, arena, &effects, reterr)
              : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the newest rules");
    if (!err)
        *ret = effects.level;
    arena_free(arena);
    return err;
}

static enum base_err new_permit(struct dispatch *d, struct snapshot *newest,
                                struct base_error *reterr)
{
    struct attempt *a = &d->attempt;
    struct policy_permit_wish wish = {
        .body = a->body,
        .newest = newest->policy,
        .destination = upstream_target_destination(a->target),
        .request_id = d->options.request_id,
        .attempt = d->options.first_attempt + d->totals.attempts,
        .now_ns = loop_now_ns(loop_of(d)),
        .ttl_ns = (int64_t)PERMIT_TTL_MS * 1000000,
    };
    newest_destination(newest, &wish.destination, &wish.newest_destination);
    enum base_err err = newest_floor(d->options.plan, newest, &wish.newest_floor, reterr);
    if (!err)
        err = policy_permit_new(&wish, &a->permit, reterr);
    if (err == BASE_ERR_POLICY_VIOLATION)
        audit_denial(d, &wish);
    return err;
}

/* May run on a work thread. */
static enum base_err make_permit(struct dispatch *d, struct base_error *reterr)
{
    struct attempt *a = &d->attempt;
    struct snapshot *newest = app_newest(d->view->worker->app);
    enum base_err err = new_permit(d, newest, reterr);
    a->permit_number = newest->number;
    snapshot_unref(newest);
    if (err) {
        metrics_count(d->view->worker->app->metrics, METRIC_EGRESS_BLOCKED, 1);
        return err;
    }
    const struct policy_permit_facts *permit = policy_permit_facts(a->permit);
    a->row.level = permit->level;
    a->row.clearance = permit->clearance;
    a->row.body_sha256 = permit->body_sha256;
    a->row.body_bytes = (int64_t)permit->body_bytes;
    a->row.policy_hash = permit->policy_hash;
    return BASE_OK;
}

/* The body and its permit; may run on a work thread. */
static enum base_err prepare_upstream(struct dispatch *d, struct base_error *reterr)
{
    struct attempt *a = &d->attempt;
    const struct plan *plan = d->options.plan;
    d->warnings = (struct upstream_warnings){0};
    enum base_err err = upstream_write_body(a->target, plan->request, plan->inspection, d->arena,
                                            &a->body, &d->warnings, reterr);
    if (err)
        return err;
    if (policy_body_unlabelled(a->body) > 0)
        metrics_count(d->view->worker->app->metrics, METRIC_UNLABELLED_BYTES,
                      (int64_t)policy_body_unlabelled(a->body));
    return make_permit(d, reterr);
}

/* FNV-1a of `seed` and then of a text: opaque numbers for fairness and cache domains. The seed goes
 * through a whole round, or it could be cancelled by the first letter of another text. */
static uint64_t hash64(struct slice s, uint64_t seed)
{
    uint64_t h = (14695981039346656037u ^ seed) * 1099511628211u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (uint8_t)s.ptr[i]) * 1099511628211u;
    return h;
}

static bool work_elsewhere(void *self, loop_fn fn, void *user)
{
    return workpool_submit(self, fn, user);
}

static enum base_err start_stream(struct dispatch *d, struct base_error *reterr)
{
    struct attempt *a = &d->attempt;
    struct slice tenant = d->options.plan->who->tenant;
    const struct config_tenant *config = d->options.plan->who->config;
    struct target_call call = {
        .loop = loop_of(d),
        .work = {work_elsewhere, d->view->worker->app->workpool},
        .request = d->options.plan->request,
        .request_id = d->options.request_id,
        .domain =
            hash64(tenant, 1 + (uint64_t)policy_inspection_level(d->options.plan->inspection)),
        .flow = hash64(tenant, 0),
        .priority = config ? config->priority : 0,
        .permit = a->permit,
        .body = a->body,
    };
    ledger_attempt_sending(d->view->worker->app->ledger, a->ticket);
    enum base_err err = a->target->ops->start(a->target, &call, (struct target_sink){on_event, d},
                                              &a->stream, reterr);
    if (!err && d->paused)
        a->target->ops->pause(a->stream);
    return err;
}

static void begin_attempt(struct dispatch *d, size_t index)
{
    struct attempt *a = &d->attempt;
    const struct plan *plan = d->options.plan;
    const struct router_target *facts = &plan->facts.targets[index];
    a->target = d->view->targets[index];
    a->start_ns = loop_now_ns(loop_of(d));
    d->totals.target = index;
    d->totals.warning_count = 0;
    a->row = (struct ledger_attempt){
        .request_id = d->options.request_id,
        .number = d->options.first_attempt + d->totals.attempts,
        .step = d->options.step,
        .target = facts->name,
        .zone = facts->zone,
        .level = policy_inspection_level(plan->inspection),
        .clearance = facts->clearance,
        .findings = policy_inspection_summary(plan->inspection),
        .rules = plan_rule_names(plan, d->arena),
        .start_wall_ns = clock_wall_ns(d->view->worker->app->clock),
        .ttft_ms = -1,
        .usage = CHAT_USAGE_UNKNOWN,
        .cost_nano_usd = -1,
        .body_bytes = -1,
        .policy_hash = policy_hash(policy_inspection_policy(plan->inspection)),
    };
}

/* The attempt is prepared: evidence, then its first byte. */
static enum base_err start_attempt(struct dispatch *d, struct base_error *reterr)
{
    struct attempt *a = &d->attempt;
    d->totals.warnings = d->warnings.items;
    d->totals.warning_count = d->warnings.count;
    enum base_err err =
        ledger_attempt_begin(d->view->worker->app->ledger, &a->row, &a->ticket, reterr);
    if (err)
        return err;
    d->totals.attempts++;
    a->open = true;
    err = start_stream(d, reterr);
    if (err)
        settle_attempt(d, LEDGER_STATUS_NOT_SENT, err);
    return err;
}

static void prepare_elsewhere(void *user);

/* AGAIN: a work thread has it now, and comes back with back_on_loop(). */
static enum base_err try_target(struct dispatch *d, size_t index, struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    begin_attempt(d, index);
    d->warnings = (struct upstream_warnings){0};
    if (d->view->snapshot->targets[index].upstream) {
        d->busy = !policy_inspect_is_quick(d->options.plan->request) &&
                  workpool_submit(d->view->worker->app->workpool, prepare_elsewhere, d);
        if (d->busy)
            return BASE_ERR_AGAIN;
        err = prepare_upstream(d, reterr);
    } else {
        err = local_leftovers(d->options.plan->request, d->view->targets[index]->name, d->arena,
                              &d->warnings.items, &d->warnings.count, reterr);
    }
    return err ? err : start_attempt(d, reterr);
}

/* A target could not even be started. What one that was tried said stands. */
static void note_failure(struct dispatch *d, enum base_err err, const struct base_error *detail)
{
    if (!d->error.code) {
        d->error = *detail;
        d->error.code = err;
        d->totals.retry_after_ms = -1;
    }
    close_attempt(d);
}

/* The next attempt, after one that could not be started with `err`. */
static void try_next(struct dispatch *d, enum base_err err)
{
    const struct router_decision *decision = &d->options.plan->decision;
    while ((!err || another_may_help(err)) && d->next < decision->order_count) {
        struct base_error detail = {.code = BASE_OK};
        err = try_target(d, decision->order[d->next++], &detail);
        if (!err || err == BASE_ERR_AGAIN)
            return;
        note_failure(d, err, &detail);
    }
    fail(d);
}

static void back_on_loop(void *user);

static void renew_elsewhere(void *user)
{
    struct dispatch *d = user;
    policy_permit_free(d->attempt.permit);
    d->attempt.permit = NULL;
    d->prepare_err = make_permit(d, &d->prepare_error);
    app_post(d->view->worker->app, loop_of(d), back_on_loop, d);
}

/* A reload came between the permit and the door: it is made again, which may mean another
 * inspection of a large request. True: a work thread is at it. */
static bool renew_permit(struct dispatch *d)
{
    struct app *app = d->view->worker->app;
    struct snapshot *newest = app_newest(app);
    bool is_old = newest->number != d->attempt.permit_number;
    snapshot_unref(newest);
    if (!is_old || d->prepare_err)
        return false;
    d->busy = workpool_submit(app->workpool, renew_elsewhere, d);
    if (!d->busy)
        d->prepare_err = base_error_set(&d->prepare_error, BASE_ERR_OVERLOADED,
                                        "too many large requests are being inspected");
    return d->busy;
}

static void back_on_loop(void *user)
{
    struct dispatch *d = user;
    d->busy = false;
    if (!d->released && renew_permit(d))
        return;
    if (!d->released) {
        struct base_error detail = d->prepare_error;
        enum base_err err = d->prepare_err;
        d->in_event = true; /* as in on_step() */
        if (!err)
            err = start_attempt(d, &detail);
        if (err) {
            note_failure(d, err, &detail);
            try_next(d, err);
        }
        d->in_event = false;
    }
    if (d->released && !d->busy)
        destroy(d);
}

static void prepare_elsewhere(void *user)
{
    struct dispatch *d = user;
    d->prepare_err = prepare_upstream(d, &d->prepare_error);
    app_post(d->view->worker->app, loop_of(d), back_on_loop, d);
}

static void on_step(void *user)
{
    struct dispatch *d = user;
    if (d->released) {
        settle_attempt(d, d->release_status, BASE_OK);
        destroy(d);
        return;
    }
    close_attempt(d);
    d->in_event = true; /* a failure is passed on from here: it may release us */
    try_next(d, BASE_OK);
    d->in_event = false;
    if (d->released && !d->busy)
        destroy(d);
}

enum base_err dispatch_start(const struct dispatch_options *options, struct dispatch **ret_dispatch,
                             struct base_error *reterr)
{
    struct dispatch *d = calloc(1, sizeof(*d));
    struct arena *arena = arena_new(16 << 20);
    if (!d || !arena) {
        free(d);
        arena_free(arena);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to serve the request");
    }
    d->options = *options;
    d->arena = arena;
    d->view = view_ref(options->view);
    d->cost_known = true;
    d->totals = DISPATCH_TOTALS_NONE;
    enum base_err err = loop_timer_set(loop_of(d), &d->timer, 0, on_step, d);
    if (err) {
        destroy(d);
        return base_error_set(reterr, err, "no memory to serve the request");
    }
    *ret_dispatch = d;
    return BASE_OK;
}

void dispatch_pause(struct dispatch *d)
{
    d->paused = true;
    if (d->attempt.stream && !d->over)
        d->attempt.target->ops->pause(d->attempt.stream);
}

void dispatch_resume(struct dispatch *d)
{
    d->paused = false;
    if (d->attempt.stream && !d->over)
        d->attempt.target->ops->resume(d->attempt.stream);
}

void dispatch_release(struct dispatch *d, enum ledger_status why,
                      struct dispatch_totals *ret_totals)
{
    if (!d || d->released)
        return;
    settle_attempt(d, why, BASE_OK);
    d->released = true;
    d->release_status = why;
    if (ret_totals) {
        *ret_totals = d->totals;
        ret_totals->warnings = NULL;
        ret_totals->warning_count = 0;
    }
    if (!d->in_event && !d->busy)
        destroy(d);
}

const struct dispatch_totals *dispatch_totals(const struct dispatch *d)
{
    return &d->totals;
}
