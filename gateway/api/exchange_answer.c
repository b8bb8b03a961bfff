/* From events to what the client sees, and to the row that stays. */
#include "gateway/api/exchange.h"

#include "gateway/dispatch/sessions.h"

enum { KEEPALIVE_MS = 15000, WARNINGS_MAX_BYTES = 2048 };

/* The plan whose choice answers: that of the pipeline's latest step, or the request's own. */
static const struct plan *answering_plan(const struct exchange *ex)
{
    return ex->run ? pipeline_plan(ex->run) : &ex->plan;
}

static const struct router_target *answering_target(const struct exchange *ex)
{
    const struct plan *plan = answering_plan(ex);
    size_t index = api_exchange_totals(ex)->target;
    return plan && index < plan->facts.target_count ? &plan->facts.targets[index] : NULL;
}

enum policy_level api_exchange_level(const struct exchange *ex)
{
    const struct plan *plan = answering_plan(ex);
    enum policy_level level =
        policy_level_join(ex->level, policy_inspection_level(ex->plan.inspection));
    return plan->inspection ? policy_level_join(level, policy_inspection_level(plan->inspection))
                            : level;
}

/* ---- headers ---- */

static void add_list(struct exchange *ex, const char *name, const struct slice *items, size_t count,
                     const char *separator)
{
    struct buffer text;
    buffer_init(&text, 4096);
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_add_str(&text, separator);
        buffer_add_slice(&text, items[i]);
    }
    if (count > 0 && !text.err)
        (void)http_add_header(ex->http, name, buffer_slice(&text));
    buffer_done(&text);
}

static void add_rules(struct exchange *ex)
{
    const struct router_effects *effects = &ex->plan.effects;
    struct slice *names = arena_calloc(ex->arena, effects->match_count + 1, sizeof(*names));
    if (!names)
        return;
    for (size_t i = 0; i < effects->match_count; i++)
        names[i] = effects->matched[i].rule;
    add_list(ex, "x-hearth-rules", names, effects->match_count, ",");
}

/* A header's value: names in it may be the client's bytes. */
static void add_warning(struct buffer *text, struct slice warning)
{
    if (buffer_len(text) + warning.len > WARNINGS_MAX_BYTES)
        return;
    if (buffer_len(text) > 0)
        buffer_add_str(text, "; ");
    for (size_t i = 0; i < warning.len; i++) {
        char c = warning.ptr[i];
        buffer_add_char(text, c >= ' ' && c <= '~' && c != ';' ? c : '?');
    }
}

/* Everything of the request that the answer does not heed; absent: nothing. In the arena. */
static struct slice warnings_of(struct exchange *ex)
{
    const struct dispatch_totals *totals = api_exchange_totals(ex);
    const struct chat_request *request = ex->request;
    struct buffer text;
    buffer_init(&text, WARNINGS_MAX_BYTES + 64);
    for (size_t i = 0; i < request->left_out_count; i++)
        add_warning(&text, arena_printf(ex->arena, "%.*s: left out, Hearth does not know it",
                                        SLICE_ARG(request->left_out[i])));
    if (ex->pipeline && request->message_count > 1)
        add_warning(&text, SLICE("messages: a pipeline works on the last one of the user alone"));
    for (size_t i = 0; i < totals->warning_count; i++)
        add_warning(&text, totals->warnings[i]);
    struct slice ret = buffer_len(&text) ? arena_dup(ex->arena, buffer_slice(&text)) : SLICE_NONE;
    buffer_done(&text);
    return ret;
}

void api_exchange_say_why(struct exchange *ex)
{
    if (!ex->view->snapshot->config->headers_full)
        return;
    (void)http_add_header(ex->http, "x-hearth-sensitivity",
                          slice_from_str(policy_level_name(api_exchange_level(ex))));
    const struct router_score *score = &ex->plan.signals.score;
    if (score->unknown)
        (void)http_add_header(ex->http, "x-hearth-complexity", SLICE("unknown"));
    else
        (void)http_add_headerf(ex->http, "x-hearth-complexity", "%.3f", score->complexity);
    add_rules(ex);
}

static void add_headers(struct exchange *ex)
{
    const struct router_target *target = answering_target(ex);
    struct slice warnings = warnings_of(ex);
    if (!slice_is_absent(warnings))
        (void)http_add_header(ex->http, "x-hearth-warnings", warnings);
    if (target && !ex->head_late && ex->view->snapshot->config->headers_full) {
        (void)http_add_header(ex->http, "x-hearth-target", target->name);
        (void)http_add_header(ex->http, "x-hearth-zone",
                              slice_from_str(policy_zone_name(target->zone)));
    }
    api_exchange_say_why(ex);
}

/* ---- sending ---- */

static void send_out(struct exchange *ex)
{
    struct slice bytes = buffer_slice(&ex->answer.out);
    if (bytes.len == 0)
        return;
    enum base_err err = http_send(ex->http, bytes);
    buffer_clear(&ex->answer.out);
    if (err && err != BASE_ERR_AGAIN) { /* aborted, or about to be: nobody will call on_gone */
        api_exchange_lost(ex);
        return;
    }
    if (err != BASE_ERR_AGAIN || ex->paused || ex->finished)
        return;
    ex->paused = true;
    if (ex->dispatch)
        dispatch_pause(ex->dispatch);
    if (ex->run)
        pipeline_pause(ex->run);
}

static void start_stream(struct exchange *ex)
{
    loop_timer_clear(ex->worker->loop, &ex->head_timer);
    add_headers(ex);
    api_exchange_set_state(ex, EXCHANGE_ANSWERING);
    (void)http_sse_start(ex->http, KEEPALIVE_MS);
}

/* Nothing to show for a long time: proxies in between would give up. */
void api_exchange_on_head_timer(void *user)
{
    struct exchange *ex = user;
    if (ex->state != EXCHANGE_WAITING)
        return;
    ex->head_late = true;
    start_stream(ex);
}

/* ---- events ---- */

static void first_content(struct exchange *ex)
{
    if (ex->first_content_ns)
        return;
    ex->first_content_ns = clock_mono_ns(ex->app->clock);
    const struct router_target *target = answering_target(ex);
    struct slice name = target ? target->name : SLICE("unknown");
    api_chat_answer_set_model(&ex->answer, arena_dup(ex->arena, name));
    if (ex->request->stream && ex->state == EXCHANGE_WAITING)
        start_stream(ex);
}

/* A message in the next turn holds the arguments of all its calls. */
static enum base_err remember_choice(struct exchange *ex, int32_t choice)
{
    struct buffer calls;
    struct slice arguments;
    buffer_init(&calls, SIZE_MAX / 2);
    for (size_t i = 0; !slice_is_absent(arguments = api_chat_answer_calls(&ex->answer, choice, i));
         i++)
        buffer_add_slice(&calls, arguments);
    enum base_err err = calls.err;
    if (!err)
        err = policy_memory_remember_answer(ex->app->memory, ex->plan.digests, ex->plan.inspection,
                                            api_chat_answer_text(&ex->answer, choice),
                                            buffer_slice(&calls), app_date_ns(ex->app));
    buffer_done(&calls);
    /* Thoughts and refusals are shown as well; each by itself, wherever it comes back. */
    for (int refusal = 0; refusal < 2 && !err; refusal++)
        err =
            policy_memory_remember_answer(ex->app->memory, ex->plan.digests, ex->plan.inspection,
                                          api_chat_answer_beside(&ex->answer, choice, refusal != 0),
                                          SLICE(""), app_date_ns(ex->app));
    return err;
}

enum base_err api_exchange_remember(struct exchange *ex)
{
    enum base_err err = BASE_OK;
    /* A pipeline's answer follows the client's messages, with the level of the steps. */
    if (ex->run)
        policy_inspection_raise(ex->plan.inspection, api_exchange_level(ex));
    for (int32_t i = 0; !err && i < ex->answer.choice_count; i++)
        err = remember_choice(ex, i);
    return err;
}

static void keep_session(struct exchange *ex)
{
    const struct router_target *target = answering_target(ex);
    if (target && !ex->pipeline && ex->dialect != CHAT_DIALECT_EMBEDDINGS)
        sessions_keep(ex->app->sessions, ex->session_key, target->name,
                      ex->plan.signals.prompt_tokens, clock_mono_ns(ex->app->clock));
}

static void answer_whole(struct exchange *ex)
{
    add_headers(ex);
    int64_t cost = api_exchange_totals(ex)->cost_nano_usd;
    if (cost >= 0 && ex->view->snapshot->config->headers_full)
        (void)http_add_headerf(ex->http, "x-hearth-cost-usd", "%lld.%09lld",
                               (long long)(cost / 1000000000), (long long)(cost % 1000000000));
    api_exchange_set_state(ex, EXCHANGE_ANSWERING);
    (void)http_respond(ex->http, 200, "application/json", buffer_slice(&ex->answer.out));
}

static void on_done(struct exchange *ex)
{
    first_content(ex); /* an answer may be empty */
    ex->finished = true;
    enum base_err err = api_exchange_remember(ex);
    if (err) {
        (void)base_error_set(&ex->error, err,
                             "the answer's label could not be kept, so it cannot be given");
        api_exchange_stop_work(ex, LEDGER_STATUS_OK);
        api_exchange_fail(ex, err, &ex->error, -1);
        return;
    }
    keep_session(ex);
    const struct router_target *target = answering_target(ex);
    struct api_chat_account account = {
        .nano_usd = api_exchange_totals(ex)->cost_nano_usd,
        .target = target ? target->name : SLICE_NONE,
        .zone = target ? slice_from_str(policy_zone_name(target->zone)) : SLICE_NONE,
        .warnings = ex->head_late ? warnings_of(ex) : SLICE_NONE,
        .late = ex->head_late,
    };
    ex->status = LEDGER_STATUS_OK;
    if (api_chat_answer_end(&ex->answer, &account)) {
        api_exchange_stop_work(ex, LEDGER_STATUS_OK);
        api_exchange_fail(ex, BASE_ERR_NO_MEMORY, NULL, -1);
        return;
    }
    if (ex->request->stream) {
        send_out(ex);
        if (ex->state == EXCHANGE_OVER)
            return;
        (void)http_respond_end(ex->http);
    } else {
        answer_whole(ex);
    }
    api_exchange_stop_work(ex, LEDGER_STATUS_OK);
    api_exchange_set_state(ex, EXCHANGE_OVER);
}

static void on_error(struct exchange *ex, const struct chat_event *event)
{
    ex->error = *event->error;
    ex->finished = true;
    enum base_err err = ex->error.code;
    /* What was shown may come back in the next turn. */
    if (ex->first_content_ns && api_exchange_remember(ex))
        err = BASE_ERR_IO;
    api_exchange_stop_work(ex, LEDGER_STATUS_ERROR);
    api_exchange_fail(ex, err, &ex->error, event->retry_after_ms);
}

void api_exchange_on_event(void *user, const struct chat_event *event)
{
    struct exchange *ex = user;
    if (ex->state == EXCHANGE_OVER)
        return;
    switch (event->type) {
    case CHAT_EVENT_STARTED:
        return;
    case CHAT_EVENT_DONE:
        on_done(ex);
        return;
    case CHAT_EVENT_ERROR:
        on_error(ex, event);
        return;
    default:
        break;
    }
    if (event->type != CHAT_EVENT_USAGE)
        first_content(ex);
    enum base_err err = api_chat_answer_event(&ex->answer, event);
    if (err) {
        (void)base_error_set(&ex->error, err, "the answer is larger than Hearth passes on");
        api_exchange_stop_work(ex, LEDGER_STATUS_ERROR);
        api_exchange_fail(ex, err, &ex->error, -1);
        return;
    }
    if (ex->state == EXCHANGE_ANSWERING && ex->request->stream)
        send_out(ex);
}

/* ---- the row ---- */

/* Expected against expected: what a request really costs is known of one target only. */
static int64_t avoided(const struct exchange *ex)
{
    const struct dispatch_totals *totals = api_exchange_totals(ex);
    const struct router_decision *d = &ex->plan.decision;
    if (!ex->chosen || totals->target >= d->candidate_count || ex->status != LEDGER_STATUS_OK)
        return -1;
    int64_t own = d->candidates[totals->target].cost_nano_usd, dearest = own;
    for (size_t i = 0; own >= 0 && i < d->candidate_count; i++)
        if (d->candidates[i].able && d->candidates[i].cost_nano_usd > dearest)
            dearest = d->candidates[i].cost_nano_usd;
    return own < 0 ? -1 : dearest - own;
}

static struct slice to_arena(const struct exchange *ex, struct buffer *json)
{
    struct slice ret = json->err ? SLICE_NONE : arena_dup(ex->arena, buffer_slice(json));
    buffer_done(json);
    return ret;
}

static void add_decision(const struct exchange *ex, struct ledger_request *row)
{
    struct buffer facts, decision;
    struct json_writer w;
    buffer_init(&facts, 1 << 20);
    json_writer_init(&w, &facts);
    router_facts_write_changes(&ex->plan.facts, &ex->view->snapshot->base, &w);
    row->facts = to_arena(ex, &facts);
    /* The explanation is made when somebody asks: it follows from the facts. */
    buffer_init(&decision, 1 << 20);
    json_writer_init(&w, &decision);
    router_decision_write(&ex->plan.decision, &w);
    row->decision = to_arena(ex, &decision);
}

static void add_times(const struct exchange *ex, struct ledger_request *row)
{
    const struct http_result *result = http_exchange_result(ex->http);
    int64_t begin = result->begin_ns;
    row->http_status = result->status;
    row->ttft_ms = ex->first_content_ns ? (ex->first_content_ns - begin) / 1000000 : -1;
    row->total_ms =
        ((result->end_ns ? result->end_ns : clock_mono_ns(ex->app->clock)) - begin) / 1000000;
    row->overhead_us =
        ex->asked_ns && result->complete_ns ? (ex->asked_ns - result->complete_ns) / 1000 : -1;
    if (ex->status == LEDGER_STATUS_OK && result->outcome != HTTP_OUTCOME_SENT)
        row->status = LEDGER_STATUS_CLIENT_GONE; /* answered, but nobody took it */
}

void api_exchange_row(const struct exchange *ex, struct ledger_request *row)
{
    static const char *const dialects[CHAT_DIALECT_COUNT] = {"chat", "responses", "messages",
                                                             "completions", "embeddings"};
    const struct dispatch_totals *totals = api_exchange_totals(ex);
    *row = (struct ledger_request){
        .id = slice_from_str(http_exchange_request_id(ex->http)),
        .tenant = ex->who.tenant,
        .key_id = ex->who.key_id,
        .session = plan_word_to_keep(ex->view->snapshot, ex->who.session, ex->arena),
        .dialect = slice_from_str(dialects[ex->dialect]),
        .zone = -1,
        .level = -1,
        .complexity = -1,
        .start_wall_ns = ex->start_wall_ns,
        .status = ex->status,
        .err = ex->err,
        .attempts = totals->attempts,
        .usage = totals->usage,
        .cost_nano_usd = totals->cost_nano_usd,
        .cost_avoided_nano_usd = avoided(ex),
        .policy_hash = policy_hash(ex->view->snapshot->policy),
        .facts_base = ex->view->snapshot->base_name,
    };
    add_times(ex, row);
    if (ex->request) {
        /* A name that nobody gave is any text of the client's. */
        if (ex->err != BASE_ERR_MODEL_NOT_FOUND || ex->chosen || ex->pipeline)
            row->model = ex->chosen
                             ? ex->plan.facts.model
                             : plan_word_to_keep(ex->view->snapshot, ex->request->model, ex->arena);
        row->stream = ex->request->stream;
    }
    if (ex->inspected) {
        row->level = (int)api_exchange_level(ex);
        row->findings = policy_inspection_summary(ex->plan.inspection);
        row->rules = plan_rule_names(&ex->plan, ex->arena);
        row->complexity = ex->plan.signals.score.complexity;
        row->unknown = ex->plan.signals.score.unknown != ROUTER_KNOWN;
        row->task = slice_from_str(router_task_name(ex->plan.signals.score.task));
        row->scorer_version = ex->plan.signals.score.version;
    }
    if (ex->pipeline) {
        row->route = ex->pipeline->name;
        row->facts = ex->facts;
        row->decision = ex->decision;
    }
    if (ex->chosen) {
        row->route = ex->plan.route.name;
        add_decision(ex, row);
    }
    if (totals->target < ex->view->snapshot->target_count && ex->status == LEDGER_STATUS_OK) {
        row->target = ex->view->snapshot->facts[totals->target].name;
        row->zone = (int)ex->view->snapshot->facts[totals->target].zone;
    }
}
