#include "gateway/api/exchange.h"

#include "base/core/log.h"
#include "base/doc/doc.h"
#include "gateway/dispatch/sessions.h"
#include "gateway/metrics/metrics.h"

#include <stdio.h>

enum { HEAD_WAIT_MS = 10000, COLLECT_MAX_BYTES = 64 << 20, RETRY_DEFAULT_MS = 5000 };
#define STRANGERS_ROW_NS ((int64_t)60 * 1000000000)

void api_exchange_set_state(struct exchange *ex, enum exchange_state state)
{
    static const unsigned char legal[EXCHANGE_STATE_COUNT] = {
        [EXCHANGE_RECEIVING] = 1 << EXCHANGE_PREPARING | 1 << EXCHANGE_OVER,
        [EXCHANGE_PREPARING] = 1 << EXCHANGE_WAITING | 1 << EXCHANGE_OVER,
        [EXCHANGE_WAITING] = 1 << EXCHANGE_ANSWERING | 1 << EXCHANGE_OVER,
        [EXCHANGE_ANSWERING] = 1 << EXCHANGE_OVER,
    };
    if (!(legal[ex->state] & 1 << state))
        log_event(LOG_ERROR, "illegal step of an exchange",
                  LOG_STR("request", http_exchange_request_id(ex->http)),
                  LOG_INT("from", ex->state), LOG_INT("to", state), LOG_END);
    ex->state = state;
}

const struct dispatch_totals *api_exchange_totals(const struct exchange *ex)
{
    if (ex->dispatch)
        return dispatch_totals(ex->dispatch);
    return ex->run ? pipeline_totals(ex->run) : &ex->totals;
}

/* ---- the end ---- */

/* What the ledger wants of a pipeline, which is about to go. */
static void keep_record(struct exchange *ex)
{
    struct slice facts, decisions;
    ex->level = api_exchange_level(ex);
    pipeline_close_record(ex->run, &facts, &decisions);
    ex->facts = arena_dup(ex->arena, facts);
    ex->decision = arena_dup(ex->arena, decisions);
}

void api_exchange_stop_work(struct exchange *ex, enum ledger_status why)
{
    if (ex->run)
        keep_record(ex);
    loop_timer_clear(ex->worker->loop, &ex->head_timer);
    if (ex->dispatch)
        dispatch_release(ex->dispatch, why, &ex->totals);
    if (ex->run)
        pipeline_release(ex->run, why, &ex->totals);
    ex->dispatch = NULL;
    ex->run = NULL;
}

void api_exchange_fail(struct exchange *ex, enum base_err err, const struct base_error *detail,
                       int64_t retry_after_ms)
{
    bool head_is_out = ex->state == EXCHANGE_ANSWERING;
    bool was_asked = head_is_out || ex->state == EXCHANGE_WAITING;
    ex->status = err == BASE_ERR_POLICY_VIOLATION ? LEDGER_STATUS_REFUSED : LEDGER_STATUS_ERROR;
    ex->err = err;
    api_exchange_set_state(ex, EXCHANGE_OVER);
    loop_timer_clear(ex->worker->loop, &ex->head_timer);
    if (err == BASE_ERR_POLICY_VIOLATION)
        metrics_count(ex->app->metrics, METRIC_POLICY_REFUSED, 1);
    /* To the client a target that cannot be reached, or has no room, is down or full; the row keeps
     * which. */
    if (err == BASE_ERR_UPSTREAM_CONNECT || (err == BASE_ERR_OVERLOADED && was_asked))
        err = BASE_ERR_LOCAL_UNAVAILABLE;
    if (head_is_out && ex->answer.options.stream) {
        (void)http_sse_error(ex->http, err, detail);
        return;
    }
    if (ex->inspected && !head_is_out)
        api_exchange_say_why(ex);
    if (retry_after_ms < 0 && base_err_info(err)->http_status == 503 &&
        base_err_info(err)->retryable)
        retry_after_ms = RETRY_DEFAULT_MS;
    (void)http_respond_error(ex->http, err, detail, retry_after_ms);
}

void api_exchange_lost(struct exchange *ex)
{
    if (ex->state == EXCHANGE_OVER)
        return;
    ex->gone_meanwhile = true;
    ex->status = LEDGER_STATUS_CLIENT_GONE;
    ex->err = BASE_ERR_CLIENT_GONE;
    if (ex->first_content_ns)
        (void)api_exchange_remember(ex); /* what was shown may come back in the next turn */
    api_exchange_stop_work(ex, LEDGER_STATUS_CLIENT_GONE);
    api_exchange_set_state(ex, EXCHANGE_OVER);
}

/* ---- choosing ---- */

static void session_of(struct exchange *ex, char name[SESSIONS_NAME_MAX],
                       struct router_session *ret)
{
    int64_t tokens = 0;
    *ret = (struct router_session){0};
    ex->session_key = sessions_key(ex->app->sessions, ex->who.tenant, ex->who.session, ex->request);
    bool goes_on = ex->dialect == CHAT_DIALECT_CHAT && ex->request->message_count > 1;
    goes_on = goes_on || !slice_is_absent(ex->who.session);
    if (!goes_on || !sessions_find(ex->app->sessions, ex->session_key,
                                   clock_mono_ns(ex->app->clock), name, &tokens))
        return;
    ret->target = slice_from_str(name);
    ret->open = true;
    ret->cached_tokens = tokens;
}

/* Without a live choice a dry run would promise what is down. */
static void answer_dry(struct exchange *ex)
{
    struct router_explanation why;
    enum base_err err =
        router_explain(&ex->plan.facts, &ex->plan.decision, ex->arena, &why, &ex->error);
    if (err) {
        api_exchange_fail(ex, err, &ex->error, -1);
        return;
    }
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 16 << 20);
    json_writer_init(&w, &out);
    router_explain_json(&why, &ex->plan.signals, &w);
    ex->status = LEDGER_STATUS_OK;
    api_exchange_set_state(ex, EXCHANGE_OVER);
    (void)http_respond(ex->http, 200, "application/json", buffer_slice(&out));
    buffer_done(&out);
}

static void on_work_end(void *user)
{
    http_exchange_unref(user);
}

/* The exchange's arena must stay until the work has let go of it. */
static enum base_err start_work(struct exchange *ex)
{
    struct target_sink sink = {api_exchange_on_event, ex};
    struct slice id = slice_from_str(http_exchange_request_id(ex->http));
    enum base_err err;
    if (ex->pipeline) {
        struct pipeline_options options = {.view = ex->view,
                                           .pipeline = ex->pipeline,
                                           .plan = &ex->plan,
                                           .request_id = id,
                                           .sink = sink,
                                           .on_end = on_work_end,
                                           .end_user = ex->http};
        err = pipeline_start(&options, &ex->run, &ex->error);
    } else {
        struct dispatch_options options = {.view = ex->view,
                                           .plan = &ex->plan,
                                           .request_id = id,
                                           .sink = sink,
                                           .on_end = on_work_end,
                                           .end_user = ex->http};
        err = dispatch_start(&options, &ex->dispatch, &ex->error);
    }
    if (!err)
        http_exchange_ref(ex->http);
    return err;
}

static void ask(struct exchange *ex)
{
    api_exchange_set_state(ex, EXCHANGE_WAITING);
    ex->asked_ns = clock_mono_ns(ex->app->clock);
    struct api_chat_answer_options options = {
        .id = arena_printf(ex->arena, "%s-%s",
                           ex->dialect == CHAT_DIALECT_COMPLETIONS ? "cmpl" : "chatcmpl",
                           http_exchange_request_id(ex->http)),
        .dialect = ex->dialect,
        .created_s = ex->start_wall_ns / 1000000000,
        .stream = ex->request->stream,
        .include_usage = ex->request->include_usage,
        .max_bytes = COLLECT_MAX_BYTES,
    };
    api_chat_answer_init(&ex->answer, &options);
    ex->answer_begun = true;
    enum base_err err = start_work(ex);
    if (err)
        api_exchange_fail(ex, err, &ex->error, -1);
    else if (ex->request->stream)
        (void)loop_timer_set(ex->worker->loop, &ex->head_timer, HEAD_WAIT_MS,
                             api_exchange_on_head_timer, ex);
}

static void begin_pipeline(struct exchange *ex)
{
    enum base_err err = BASE_OK;
    if (!plan_key_may_use(&ex->who, ex->request->model))
        err =
            base_error_set_param(&ex->error, BASE_ERR_MODEL_NOT_FOUND, "model",
                                 "The model '%.*s' does not exist or you do not have access to it",
                                 SLICE_ARG(ex->request->model));
    else if (ex->dialect != CHAT_DIALECT_CHAT)
        err = base_error_set_param(&ex->error, BASE_ERR_UNSUPPORTED, "model",
                                   "%.*s is a pipeline; ask it over /v1/chat/completions",
                                   SLICE_ARG(ex->request->model));
    if (err) {
        api_exchange_fail(ex, err, &ex->error, -1);
    } else if (ex->dry_run) {
        ex->status = LEDGER_STATUS_OK;
        api_exchange_set_state(ex, EXCHANGE_OVER);
        (void)http_respond(ex->http, 200, "application/json", ex->dry_answer);
    } else {
        ask(ex);
    }
}

void api_exchange_prepared(struct exchange *ex)
{
    enum base_err err = ex->prepare_err;
    char session_target[SESSIONS_NAME_MAX];
    struct router_session session;
    if (err) {
        api_exchange_fail(ex, err, &ex->error, -1);
        return;
    }
    ex->pipeline = snapshot_pipeline(ex->view->snapshot, ex->request->model);
    if (ex->pipeline) {
        begin_pipeline(ex);
        return;
    }
    session_of(ex, session_target, &session);
    session.target = arena_dup(ex->arena, session.target);
    err = plan_choose(&ex->plan, plan_live_targets, NULL, &session, &ex->error);
    if (err) {
        api_exchange_fail(ex, err, &ex->error, -1);
        return;
    }
    ex->chosen = true;
    if (ex->dry_run) {
        answer_dry(ex);
    } else if (ex->plan.decision.outcome) {
        (void)base_error_set(&ex->error, ex->plan.decision.outcome, "%.*s",
                             SLICE_ARG(ex->plan.decision.message));
        api_exchange_fail(ex, ex->plan.decision.outcome, &ex->error,
                          ex->plan.decision.retry_after_ms);
    } else {
        ask(ex);
    }
}

/* ---- the head of the request ---- */

static struct slice header_of(struct exchange *ex, const char *name)
{
    return http_head_get(http_exchange_head(ex->http), slice_from_str(name));
}

static struct slice bearer_of(const struct http_exchange *http)
{
    struct slice value = http_head_get(http_exchange_head(http), SLICE("authorization"));
    if (value.len > 7 && slice_eq_nocase(slice_sub(value, 0, 7), SLICE("bearer ")))
        return slice_trim(slice_sub(value, 7, SIZE_MAX));
    return SLICE_NONE;
}

/* A page in a browser on this machine reaches a Hearth without keys as well as its user does. It
 * cannot read the answer, but what it asks is computed, sent and paid for. Browsers say whose page
 * it is; what is none (a program, an extension, an editor) says nothing or has another scheme. */
static bool is_foreign_page(struct slice origin)
{
    size_t scheme = slice_find(origin, SLICE("://"));
    if (scheme == SIZE_MAX)
        return !slice_is_absent(origin); /* "null": a page that hides whose it is */
    struct slice name = slice_sub(origin, 0, scheme);
    struct slice host = slice_sub(origin, scheme + 3, SIZE_MAX);
    if (!slice_eq_nocase(name, SLICE("http")) && !slice_eq_nocase(name, SLICE("https")))
        return false;
    if (host.len > 0 && host.ptr[0] == '[')
        return !slice_eq(slice_sub(host, 0, 5), SLICE("[::1]"));
    host = slice_sub(host, 0, slice_find(host, SLICE(":")));
    bool is_number = slice_starts_with(host, SLICE("127."));
    for (size_t i = 0; i < host.len; i++)
        is_number = is_number && (host.ptr[i] == '.' || (host.ptr[i] >= '0' && host.ptr[i] <= '9'));
    return !slice_eq_nocase(host, SLICE("localhost")) && !is_number;
}

enum base_err api_authenticate(struct http_exchange *http, const struct config *config,
                               struct keys_owner *ret_owner, struct plan_who *ret_who,
                               struct base_error *reterr)
{
    struct app *app = http_exchange_app(http);
    const bool has_keys = app->keys && !keys_is_empty(app->keys);
    const char *refusal = NULL;
    *ret_owner = (struct keys_owner){.id = ""};
    if (!has_keys || !keys_find(app->keys, bearer_of(http), ret_owner)) {
        (void)snprintf(ret_owner->tenant, sizeof(ret_owner->tenant), "default");
        if (!config->auth_none && has_keys)
            refusal = "missing or unknown key; send it as `authorization: Bearer hk-...`";
        else if (!config->auth_none &&
                 is_foreign_page(http_head_get(http_exchange_head(http), SLICE("origin"))))
            refusal = "pages of other sites need a key, and there are none yet; see `hearth keys "
                      "add`, or `auth: none`";
    }
    if (refusal) {
        metrics_count(app->metrics, METRIC_AUTH_FAILURES, 1);
        return base_error_set(reterr, BASE_ERR_UNAUTHENTICATED, "%s", refusal);
    }
    *ret_who = (struct plan_who){.tenant = slice_from_str(ret_owner->tenant)};
    if (ret_owner->id[0])
        ret_who->key_id = slice_from_str(ret_owner->id);
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        if (!slice_eq(tenant->name, ret_who->tenant))
            continue;
        ret_who->config = tenant;
        ret_who->groups = tenant->groups;
        ret_who->group_count = tenant->group_count;
        ret_who->objective_given = tenant->objective_given;
        ret_who->objective = tenant->objective;
    }
    return BASE_OK;
}

/* The highest of all that are given, in several headers or in one, as proxies add and join them:
 * whoever speaks first must not silence the others. */
static enum base_err read_level(struct exchange *ex)
{
    const struct http_head *head = http_exchange_head(ex->http);
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice list = head->fields[i].value;
        bool more = slice_eq_nocase(head->fields[i].name, SLICE("x-hearth-sensitivity"));
        while (more) {
            size_t comma = slice_find(list, SLICE(","));
            enum policy_level level;
            if (!policy_level_parse(slice_trim(slice_sub(list, 0, comma)), &level))
                return base_error_set_param(
                    &ex->error, BASE_ERR_BAD_VALUE, "x-hearth-sensitivity",
                    "x-hearth-sensitivity: expected public, internal, confidential or restricted");
            ex->who.level = ex->who.level_given ? policy_level_join(ex->who.level, level) : level;
            ex->who.level_given = true;
            more = comma != SIZE_MAX;
            list = slice_sub(list, more ? comma + 1 : 0, SIZE_MAX);
        }
    }
    return BASE_OK;
}

static const char *const wishes[] = {"x-hearth-sensitivity", "x-hearth-objective",
                                     "x-hearth-target", "x-hearth-session"};
enum { SENSITIVITY, WISHES = sizeof(wishes) / sizeof(wishes[0]) };

static enum base_err unknown_wish(struct exchange *ex, struct slice name)
{
    struct slice known[WISHES];
    for (size_t i = 0; i < WISHES; i++)
        known[i] = slice_from_str(wishes[i]);
    struct slice near = doc_nearest(name, known, WISHES);
    return base_error_set(&ex->error, BASE_ERR_BAD_VALUE, "%.*s: there is no such header%s%.*s%s",
                          SLICE_ARG(name), near.len ? "; did you mean " : "", SLICE_ARG(near),
                          near.len ? "?" : "");
}

/* A misspelt wish to keep something private must not pass for none; of two of the others nobody
 * knows which is meant. */
static enum base_err check_wishes(struct exchange *ex)
{
    const struct http_head *head = http_exchange_head(ex->http);
    bool seen[WISHES] = {false};
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice name = head->fields[i].name;
        size_t k = 0;
        if (!slice_eq_nocase(slice_sub(name, 0, 9), SLICE("x-hearth-")))
            continue;
        while (k < WISHES && !slice_eq_nocase(name, slice_from_str(wishes[k])))
            k++;
        if (k == WISHES)
            return unknown_wish(ex, name);
        if (seen[k] && k != SENSITIVITY)
            return base_error_set_param(&ex->error, BASE_ERR_BAD_VALUE, wishes[k],
                                        "%s: given twice", wishes[k]);
        seen[k] = true;
    }
    return BASE_OK;
}

static enum base_err read_wishes(struct exchange *ex)
{
    struct slice objective = header_of(ex, "x-hearth-objective");
    struct slice target = header_of(ex, "x-hearth-target");
    enum base_err err = check_wishes(ex);
    if (!err)
        err = read_level(ex);
    if (err)
        return err;
    if (!slice_is_absent(objective)) {
        if (!router_objective_from_name(objective, &ex->who.objective))
            return base_error_set_param(&ex->error, BASE_ERR_BAD_VALUE, "x-hearth-objective",
                                        "x-hearth-objective: expected cost, latency or quality");
        ex->who.objective_given = true;
    }
    if (!slice_is_absent(target)) {
        /* With keys only what `may_pin` allows; without any, everybody is on this machine. */
        bool has_key = ex->owner.id[0] != '\0';
        if (ex->who.config ? !ex->who.config->may_pin : has_key)
            return base_error_set_param(&ex->error, BASE_ERR_FORBIDDEN, "x-hearth-target",
                                        "x-hearth-target: this key may not choose a target");
        if (snapshot_find(ex->view->snapshot, target) == SIZE_MAX)
            return base_error_set_param(&ex->error, BASE_ERR_MODEL_NOT_FOUND, "x-hearth-target",
                                        "x-hearth-target: there is no target of that name");
        ex->who.target = target;
    }
    struct slice session = header_of(ex, "x-hearth-session");
    if (session.len > 256)
        return base_error_set_param(&ex->error, BASE_ERR_BAD_VALUE, "x-hearth-session",
                                    "x-hearth-session: longer than 256 bytes");
    ex->who.session = session;
    return BASE_OK;
}

static bool rules_may_see(struct slice name)
{
    static const char *const hidden[] = {"authorization", "cookie", "x-api-key", "api-key",
                                         "proxy-authorization"};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (slice_eq_nocase(name, slice_from_str(hidden[i])))
            return false;
    return true;
}

static enum base_err read_headers(struct exchange *ex)
{
    const struct http_head *head = http_exchange_head(ex->http);
    struct router_header *headers =
        arena_calloc(ex->arena, head->field_count + 1, sizeof(*headers));
    if (!headers)
        return base_error_set(&ex->error, BASE_ERR_NO_MEMORY,
                              "no memory for the request's headers");
    for (size_t i = 0; i < head->field_count; i++)
        if (rules_may_see(head->fields[i].name))
            headers[ex->who.header_count++] =
                (struct router_header){head->fields[i].name, head->fields[i].value};
    ex->who.headers = headers;
    return read_wishes(ex);
}

static void begin(struct http_exchange *http, enum chat_dialect dialect, bool dry_run)
{
    struct app *app = http_exchange_app(http);
    struct arena *arena = http_exchange_arena(http);
    struct exchange *ex = arena ? arena_calloc(arena, 1, sizeof(*ex)) : NULL;
    if (!ex) {
        (void)http_respond_error(http, BASE_ERR_NO_MEMORY, NULL, -1);
        return;
    }
    ex->http = http;
    ex->app = app;
    ex->worker = &app->workers[http_exchange_worker(http)];
    ex->view = view_ref(ex->worker->view);
    ex->arena = arena;
    ex->totals = DISPATCH_TOTALS_NONE;
    ex->dialect = dialect;
    ex->dry_run = dry_run;
    ex->start_wall_ns = clock_wall_ns(app->clock);
    http_exchange_set_user(http, ex);
    enum base_err err =
        api_authenticate(http, ex->view->snapshot->config, &ex->owner, &ex->who, &ex->error);
    ex->stranger = err == BASE_ERR_UNAUTHENTICATED;
    if (!err)
        err = read_headers(ex);
    if (err)
        api_exchange_fail(ex, err, &ex->error, -1);
}

void api_exchange_on_request(struct http_exchange *http)
{
    begin(http, CHAT_DIALECT_CHAT, false);
}

void api_exchange_on_request_dry(struct http_exchange *http)
{
    begin(http, CHAT_DIALECT_CHAT, true);
}

void api_exchange_on_request_completions(struct http_exchange *http)
{
    begin(http, CHAT_DIALECT_COMPLETIONS, false);
}

void api_exchange_on_request_embeddings(struct http_exchange *http)
{
    begin(http, CHAT_DIALECT_EMBEDDINGS, false);
}

void api_exchange_on_body(struct http_exchange *http)
{
    struct exchange *ex = http_exchange_user(http);
    if (ex && ex->state == EXCHANGE_RECEIVING)
        api_exchange_prepare(ex);
}

void api_exchange_on_gone(struct http_exchange *http)
{
    struct exchange *ex = http_exchange_user(http);
    if (ex)
        api_exchange_lost(ex);
}

void api_exchange_on_writable(struct http_exchange *http)
{
    struct exchange *ex = http_exchange_user(http);
    if (!ex || !ex->paused || ex->state == EXCHANGE_OVER)
        return;
    ex->paused = false;
    if (ex->dispatch)
        dispatch_resume(ex->dispatch);
    if (ex->run)
        pipeline_resume(ex->run);
}

void api_exchange_on_shutdown(struct http_exchange *http)
{
    struct exchange *ex = http_exchange_user(http);
    if (!ex || ex->state == EXCHANGE_OVER) {
        if (!http_exchange_is_answered(http))
            (void)http_respond_error(http, BASE_ERR_SHUTTING_DOWN, NULL, 1000);
        return;
    }
    ex->gone_meanwhile = true;
    api_exchange_stop_work(ex, LEDGER_STATUS_CANCELLED);
    struct base_error detail; /* ex->error may be in use by a work thread */
    (void)base_error_set(&detail, BASE_ERR_SHUTTING_DOWN, "the server is shutting down; try again");
    api_exchange_fail(ex, BASE_ERR_SHUTTING_DOWN, &detail, 1000);
}

/* Whoever reaches the port can send requests without a key, as many as they like; they must not
 * fill the disk. All are counted in the metrics; the first after each minute has a row, and a line
 * in the log that says how many had none. */
static bool has_row(const struct exchange *ex)
{
    struct app *app = ex->app;
    if (!ex->stranger)
        return true;
    int64_t now = clock_mono_ns(app->clock);
    long long next = atomic_load(&app->strangers_row_ns);
    if ((next != 0 && now < next) ||
        !atomic_compare_exchange_strong(&app->strangers_row_ns, &next, now + STRANGERS_ROW_NS)) {
        (void)atomic_fetch_add(&app->strangers, 1);
        return false;
    }
    log_event(LOG_WARN, "requests without a valid key are refused",
              LOG_STR("request", http_exchange_request_id(ex->http)),
              LOG_INT("before_without_a_row", atomic_exchange(&app->strangers, 0)), LOG_END);
    return true;
}

void api_exchange_on_end(struct http_exchange *http)
{
    struct exchange *ex = http_exchange_user(http);
    if (!ex)
        return;
    struct ledger_request row;
    api_exchange_stop_work(ex, LEDGER_STATUS_CLIENT_GONE);
    api_exchange_row(ex, &row);
    if (!ex->dry_run) {
        if (has_row(ex))
            ledger_request_end(ex->app->ledger, &row);
        metrics_request(ex->app->metrics, &row);
    }
    if (ex->answer_begun)
        api_chat_answer_done(&ex->answer);
    view_unref(ex->view);
}
