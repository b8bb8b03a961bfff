#include "gateway/pipeline/pipeline.h"

#include "engine/template/jinja.h"

#include <stdlib.h>

enum {
    STEPS_MAX = 64,
    PROMPT_MAX_BYTES = 32 << 20,
    ANSWER_MAX_BYTES = 16 << 20,
    ARENA_MAX_BYTES = 256 << 20,
    RECORD_MAX_BYTES = 4 << 20,
    QUICK_MAX_BYTES = 16 << 10
};

/* What a step has come to; kept to the end of the run, because later steps derive from it. */
struct step {
    const struct config_step *config;
    struct arena *arena;
    struct plan plan;
    const struct policy_inspection *sources[STEPS_MAX + 1];
    struct buffer answer;
    bool planned; /* has an inspection that later steps must derive from */
    bool done;    /* answered or left out: its id has a value */
    bool shown;   /* its events go to the client as they come */
    enum chat_finish finish;
};

struct pipeline_run {
    struct pipeline_options options;
    struct view *view;
    struct step *steps;
    size_t step_count, current;
    struct dispatch *dispatch;
    struct dispatch_totals totals;
    int64_t cost_before; /* of the steps before the current one; -1 when one is unknown */
    uint32_t attempts_before;
    struct chat_usage usage_before;
    struct buffer facts, decisions; /* of the steps that were routed, for the ledger */
    struct json_writer facts_writer, decisions_writer;
    struct loop_timer timer;
    struct base_error error;
    enum base_err prepare_err;
    int32_t live_dispatches; /* started, and their on_end has not come */
    bool busy;               /* a work thread has the current step */
    bool paused, released, over, in_event;
};

static struct loop *loop_of(const struct pipeline_run *run)
{
    return run->view->worker->loop;
}

static void destroy(struct pipeline_run *run)
{
    loop_timer_clear(loop_of(run), &run->timer);
    for (size_t i = 0; i < run->step_count; i++) {
        buffer_done(&run->steps[i].answer);
        arena_free(run->steps[i].arena);
    }
    buffer_done(&run->facts);
    buffer_done(&run->decisions);
    free(run->steps);
    view_unref(run->view);
    void (*on_end)(void *user) = run->released ? run->options.on_end : NULL;
    void *end_user = run->options.end_user;
    free(run);
    if (on_end)
        on_end(end_user);
}

/* Released, and nobody is left who would look at it. */
static void destroy_if_over(struct pipeline_run *run)
{
    if (run->released && !run->busy && !run->in_event && run->live_dispatches == 0)
        destroy(run);
}

static void on_dispatch_end(void *user)
{
    struct pipeline_run *run = user;
    run->live_dispatches--;
    destroy_if_over(run);
}

/* ---- sums ---- */

static void add_usage(int64_t *sum, int64_t more)
{
    if (more >= 0)
        *sum = (*sum < 0 ? 0 : *sum) + more;
}

static struct chat_usage usage_sum(const struct chat_usage *a, const struct chat_usage *b)
{
    struct chat_usage sum = *a;
    add_usage(&sum.input, b->input);
    add_usage(&sum.cache_read, b->cache_read);
    add_usage(&sum.cache_write_5m, b->cache_write_5m);
    add_usage(&sum.cache_write_1h, b->cache_write_1h);
    add_usage(&sum.input_audio, b->input_audio);
    add_usage(&sum.input_image, b->input_image);
    add_usage(&sum.output, b->output);
    add_usage(&sum.reasoning, b->reasoning);
    add_usage(&sum.output_audio, b->output_audio);
    add_usage(&sum.rejected, b->rejected);
    sum.reported_nano_usd = -1; /* the rows of the attempts have it */
    return sum;
}

static void refresh_totals(struct pipeline_run *run, const struct dispatch_totals *step)
{
    run->totals = *step;
    run->totals.attempts += run->attempts_before;
    run->totals.cost_nano_usd = run->cost_before < 0 || step->cost_nano_usd < 0
                                    ? -1
                                    : run->cost_before + step->cost_nano_usd;
    run->totals.usage = usage_sum(&run->usage_before, &step->usage);
}

static void end_dispatch(struct pipeline_run *run, enum ledger_status why)
{
    struct dispatch_totals step;
    if (!run->dispatch)
        return;
    dispatch_release(run->dispatch, why, &step);
    run->dispatch = NULL;
    refresh_totals(run, &step);
    run->cost_before = run->totals.cost_nano_usd;
    run->attempts_before = run->totals.attempts;
    run->usage_before = run->totals.usage;
}

const struct dispatch_totals *pipeline_totals(const struct pipeline_run *run)
{
    struct pipeline_run *r = (struct pipeline_run *)(uintptr_t)run;
    if (r->dispatch)
        refresh_totals(r, dispatch_totals(r->dispatch));
    return &run->totals;
}

const struct plan *pipeline_plan(const struct pipeline_run *run)
{
    bool is_ready = !run->busy && run->current < run->step_count; /* else a work thread fills it */
    const struct step *step = is_ready ? &run->steps[run->current] : NULL;
    return step && step->planned ? &step->plan : run->options.plan;
}

/* ---- passing on ---- */

static void pass_on(struct pipeline_run *run, const struct chat_event *event)
{
    if (!run->released && !run->over)
        run->options.sink.on_event(run->options.sink.user, event);
}

static void fail(struct pipeline_run *run, enum base_err err, int64_t retry_after_ms)
{
    run->error.code = err;
    struct chat_event event = {
        .type = CHAT_EVENT_ERROR, .error = &run->error, .retry_after_ms = retry_after_ms};
    bool was_over = run->over;
    run->over = true;
    if (!run->released && !was_over)
        run->options.sink.on_event(run->options.sink.user, &event);
}

static void finish(struct pipeline_run *run)
{
    struct chat_event usage = {.type = CHAT_EVENT_USAGE, .usage = pipeline_totals(run)->usage};
    pass_on(run, &usage);
    pass_on(run, &(struct chat_event){.type = CHAT_EVENT_DONE});
    run->over = true;
}

static void on_next(void *user);

static void next_later(struct pipeline_run *run)
{
    if (loop_timer_set(loop_of(run), &run->timer, 0, on_next, run)) {
        (void)base_error_set(&run->error, BASE_ERR_NO_MEMORY,
                             "no memory for the pipeline's next step");
        fail(run, BASE_ERR_NO_MEMORY, -1);
    }
}

/* ---- conditions ---- */

static const struct step *step_find(const struct pipeline_run *run, struct slice id)
{
    for (size_t i = 0; i < run->step_count; i++)
        if (slice_eq(run->steps[i].config->id, id))
            return &run->steps[i];
    return NULL;
}

static bool holds(const struct pipeline_run *run, const struct config_step *config)
{
    if (slice_is_absent(config->when_step))
        return true;
    const struct step *step = step_find(run, config->when_step);
    return step && step->done && slice_eq(buffer_slice(&step->answer), config->when_value);
}

/* Is it certain, before step `at` has answered, that no later one will run? */
static bool is_surely_last(const struct pipeline_run *run, size_t at)
{
    for (size_t i = at + 1; i < run->step_count; i++) {
        const struct config_step *config = run->steps[i].config;
        const struct step *depends =
            slice_is_absent(config->when_step) ? NULL : step_find(run, config->when_step);
        if (!depends || !depends->done || holds(run, config))
            return false;
    }
    return true;
}

/* ---- preparing a step ---- */

static struct slice render(struct pipeline_run *run, struct step *step, struct slice source,
                           struct base_error *reterr)
{
    struct engine_jinja *jinja = NULL;
    struct engine_value vars = engine_value_map();
    struct slice ask = run->options.plan->signals.ask;
    struct slice ret = SLICE_NONE;
    struct buffer out;
    buffer_init(&out, PROMPT_MAX_BYTES);
    bool room =
        engine_value_set(step->arena, &vars, SLICE("input"),
                         engine_value_string(slice_is_absent(ask) ? SLICE("") : ask, false));
    for (size_t i = 0; room && i < run->current; i++)
        room = engine_value_set(step->arena, &vars, run->steps[i].config->id,
                                engine_value_string(buffer_slice(&run->steps[i].answer), false));
    enum base_err err =
        room ? engine_jinja_new(source, &jinja, reterr)
             : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a pipeline's prompt");
    if (!err)
        err = engine_jinja_render(jinja, &vars, NULL, &out, NULL, reterr);
    if (!err) {
        ret = arena_dup(step->arena, buffer_slice(&out));
        if (slice_is_absent(ret))
            (void)base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a pipeline's prompt");
    }
    engine_jinja_free(jinja);
    buffer_done(&out);
    return ret;
}

static void set_message(struct chat_message *message, struct chat_part *part, enum chat_role role,
                        struct slice text)
{
    part->text = text;
    *message = (struct chat_message){
        .role = role, .parts = part, .part_count = 1, .content_was_string = true};
}

/* The client's wishes about the answer hold for the step that is shown. */
static void copy_wishes(struct pipeline_run *run, const struct step *step,
                        struct chat_request *request)
{
    if (step->shown || is_surely_last(run, run->current))
        *request = *run->options.plan->request;
    bool tighter = slice_is_absent(request->max_tokens.text) ||
                   request->max_tokens.value > (double)step->config->max_tokens;
    if (step->config->max_tokens > 0 && tighter)
        request->max_tokens = (struct chat_number){
            arena_printf(step->arena, "%lld", (long long)step->config->max_tokens),
            (double)step->config->max_tokens};
}

static const struct chat_request *build_request(struct pipeline_run *run, struct step *step,
                                                struct base_error *reterr)
{
    const struct config_step *config = step->config;
    struct chat_request *request = arena_calloc(step->arena, 1, sizeof(*request));
    struct chat_message *messages = arena_calloc(step->arena, 2, sizeof(*messages));
    struct chat_part *parts = arena_calloc(step->arena, 2, sizeof(*parts));
    if (!request || !messages || !parts) {
        (void)base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a pipeline's step");
        return NULL;
    }
    copy_wishes(run, step, request);
    request->model = config->target;
    request->messages = messages;
    request->message_count = 0;
    if (!slice_is_absent(config->system)) {
        struct slice system = render(run, step, config->system, reterr);
        if (slice_is_absent(system))
            return NULL;
        set_message(&messages[0], &parts[0], CHAT_ROLE_SYSTEM, system);
        request->message_count = 1;
    }
    struct slice prompt = render(run, step, config->prompt, reterr);
    if (slice_is_absent(prompt))
        return NULL;
    set_message(&messages[request->message_count], &parts[request->message_count], CHAT_ROLE_USER,
                prompt);
    request->message_count++;
    return request;
}

/* Everything before the choice; may run on a work thread. */
static enum base_err prepare(struct pipeline_run *run, struct policy_memory *memory,
                             int64_t now_wall_ns)
{
    struct step *step = &run->steps[run->current];
    const struct chat_request *request = build_request(run, step, &run->error);
    if (!request)
        return run->error.code;
    size_t count = 0;
    step->sources[count++] = run->options.plan->inspection;
    for (size_t i = 0; i < run->current; i++)
        if (run->steps[i].planned)
            step->sources[count++] = run->steps[i].plan.inspection;
    const struct plan *whole = run->options.plan;
    plan_init(&step->plan, whole->snapshot, request, whole->who, step->arena);
    step->plan.max_complexity = step->config->max_complexity;
    step->plan.least_level = step->config->least_level;
    step->plan.key_checked = true;
    enum base_err err =
        plan_inspect(&step->plan, memory, step->sources, count, now_wall_ns, &run->error);
    step->planned = !err;
    return err;
}

static enum base_err prepare_here(struct pipeline_run *run)
{
    struct app *app = run->view->worker->app;
    return prepare(run, app->memory, app_date_ns(app));
}

/* ---- the route, without a run ---- */

/* What a step may be taken to have answered. */
static void assume(struct step *step, struct slice answer)
{
    buffer_clear(&step->answer);
    buffer_add_slice(&step->answer, answer);
}

static void assume_for(struct pipeline_run *run, const struct config_step *config)
{
    for (size_t i = 0; i < run->current; i++) {
        struct step *step = &run->steps[i];
        if (!slice_is_absent(config->when_step) && slice_eq(step->config->id, config->when_step))
            assume(step, config->when_value);
        else
            assume(step, step->config->one_of_count ? step->config->one_of[0] : SLICE(""));
    }
}

enum base_err pipeline_route(const struct config_pipeline *pipeline, const struct plan *plan,
                             plan_live_fn live, pipeline_route_fn each, void *user,
                             struct base_error *reterr)
{
    struct pipeline_run run = {.options = {.pipeline = pipeline, .plan = plan},
                               .steps = calloc(pipeline->step_count, sizeof(struct step)),
                               .step_count = pipeline->step_count};
    if (!run.steps)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the pipeline");
    for (size_t i = 0; i < run.step_count; i++) {
        run.steps[i].config = &pipeline->steps[i];
        run.steps[i].arena = plan->arena;
        buffer_init(&run.steps[i].answer, ANSWER_MAX_BYTES);
    }
    enum base_err err = BASE_OK;
    for (; !err && run.current < run.step_count; run.current++) {
        struct step *step = &run.steps[run.current];
        assume_for(&run, step->config);
        err = prepare(&run, NULL, 0);
        if (!err)
            err = plan_choose(&step->plan, live, NULL, NULL, &run.error);
        if (!err)
            each(user, step->config, &step->plan);
        step->done = true;
    }
    if (err && reterr)
        *reterr = run.error;
    for (size_t i = 0; i < run.step_count; i++)
        buffer_done(&run.steps[i].answer);
    free(run.steps);
    return err;
}

/* ---- the record ---- */

static void open_record(struct buffer *out, struct json_writer *w)
{
    buffer_init(out, RECORD_MAX_BYTES);
    json_writer_init(w, out);
    json_open_object(w);
    json_key(w, SLICE("steps"));
    json_open_array(w);
}

static void record_step(struct pipeline_run *run, const struct step *step)
{
    json_open_object(&run->facts_writer);
    json_member_string(&run->facts_writer, "step", step->config->id);
    json_key(&run->facts_writer, SLICE("facts"));
    router_facts_write_changes(&step->plan.facts, &run->view->snapshot->base, &run->facts_writer);
    json_close_object(&run->facts_writer);
    json_open_object(&run->decisions_writer);
    json_member_string(&run->decisions_writer, "step", step->config->id);
    json_key(&run->decisions_writer, SLICE("decision"));
    router_decision_write(&step->plan.decision, &run->decisions_writer);
    json_close_object(&run->decisions_writer);
}

void pipeline_close_record(struct pipeline_run *run, struct slice *ret_facts,
                           struct slice *ret_decisions)
{
    json_close_array(&run->facts_writer);
    json_close_object(&run->facts_writer);
    json_close_array(&run->decisions_writer);
    json_close_object(&run->decisions_writer);
    bool whole = !run->facts.err && !run->decisions.err;
    *ret_facts = whole ? buffer_slice(&run->facts) : SLICE_NONE;
    *ret_decisions = whole ? buffer_slice(&run->decisions) : SLICE_NONE;
}

/* ---- running a step ---- */

static void on_step_event(void *user, const struct chat_event *event);

static void start_step(struct pipeline_run *run)
{
    struct step *step = &run->steps[run->current];
    enum base_err err = run->prepare_err;
    if (!err)
        err = plan_choose(&step->plan, plan_live_targets, NULL, NULL, &run->error);
    if (err) {
        fail(run, err, -1);
        return;
    }
    record_step(run, step);
    if (step->plan.decision.outcome) {
        (void)base_error_set(&run->error, step->plan.decision.outcome, "step %.*s: %.*s",
                             SLICE_ARG(step->config->id), SLICE_ARG(step->plan.decision.message));
        fail(run, step->plan.decision.outcome, step->plan.decision.retry_after_ms);
        return;
    }
    struct dispatch_options options = {
        .view = run->view,
        .plan = &step->plan,
        .request_id = run->options.request_id,
        .step = step->config->id,
        .first_attempt = run->attempts_before,
        .sink = {on_step_event, run},
        .on_end = on_dispatch_end,
        .end_user = run,
    };
    err = dispatch_start(&options, &run->dispatch, &run->error);
    if (err) {
        fail(run, err, -1);
        return;
    }
    run->live_dispatches++;
    if (run->paused && step->shown)
        dispatch_pause(run->dispatch);
}

static void back_on_loop(void *user)
{
    struct pipeline_run *run = user;
    run->busy = false;
    run->in_event = true;
    if (!run->released)
        start_step(run);
    run->in_event = false;
    destroy_if_over(run);
}

static void prepare_elsewhere(void *user)
{
    struct pipeline_run *run = user;
    run->prepare_err = prepare_here(run);
    app_post(run->view->worker->app, loop_of(run), back_on_loop, run);
}

/* May the step be rendered and inspected on the loop? */
static bool is_quick(const struct pipeline_run *run)
{
    size_t bytes = 0;
    for (size_t i = 0; i < run->current; i++)
        bytes += buffer_slice(&run->steps[i].answer).len;
    return bytes <= QUICK_MAX_BYTES && policy_inspect_is_quick(run->options.plan->request);
}

static void begin_step(struct pipeline_run *run)
{
    struct step *step = &run->steps[run->current];
    struct app *app = run->view->worker->app;
    step->arena = arena_new(ARENA_MAX_BYTES);
    if (!step->arena) {
        (void)base_error_set(&run->error, BASE_ERR_NO_MEMORY, "no memory for a pipeline's step");
        fail(run, BASE_ERR_NO_MEMORY, -1);
        return;
    }
    step->shown = is_surely_last(run, run->current) && step->config->one_of_count == 0 &&
                  step->config->stream;
    if (!is_quick(run)) {
        run->busy = true;
        if (workpool_submit(app->workpool, prepare_elsewhere, run))
            return;
        run->busy = false;
    }
    run->prepare_err = prepare_here(run);
    start_step(run);
}

/* The next step that is to run, or the end. */
static void on_next(void *user)
{
    struct pipeline_run *run = user;
    run->in_event = true;
    end_dispatch(run, LEDGER_STATUS_OK);
    while (run->current < run->step_count && !run->released) {
        struct step *step = &run->steps[run->current];
        if (!step->done && holds(run, step->config)) {
            begin_step(run);
            break;
        }
        step->done = true;
        run->current++;
    }
    if (run->current == run->step_count && !run->over && !run->released) { /* no step was to run */
        struct chat_event finished = {.type = CHAT_EVENT_FINISHED, .finish = CHAT_FINISH_STOP};
        pass_on(run, &finished);
        finish(run);
    }
    run->in_event = false;
    destroy_if_over(run);
}

/* ---- a step's answer ---- */

static bool is_trimmed(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '.' || c == '"' || c == '\'' ||
           c == '`' || c == '*';
}

/* Small models say "Billing." where "billing" was asked for. */
static enum base_err choose_word(struct pipeline_run *run, struct step *step)
{
    struct slice said = buffer_slice(&step->answer);
    while (said.len > 0 && is_trimmed(said.ptr[0]))
        said = slice_sub(said, 1, SIZE_MAX);
    while (said.len > 0 && is_trimmed(said.ptr[said.len - 1]))
        said.len--;
    for (size_t i = 0; i < step->config->one_of_count; i++)
        if (slice_eq_nocase(said, step->config->one_of[i])) {
            buffer_clear(&step->answer);
            return buffer_add_slice(&step->answer, step->config->one_of[i]);
        }
    return base_error_set(&run->error, BASE_ERR_UPSTREAM_PROTOCOL,
                          "step %.*s answered none of the words that its output allows",
                          SLICE_ARG(step->config->id));
}

static bool another_will_run(const struct pipeline_run *run)
{
    for (size_t i = run->current + 1; i < run->step_count; i++)
        if (holds(run, run->steps[i].config))
            return true;
    return false;
}

static void on_step_done(struct pipeline_run *run)
{
    struct step *step = &run->steps[run->current];
    if (step->config->one_of_count > 0) {
        enum base_err err = choose_word(run, step);
        if (err) {
            fail(run, err, -1);
            return;
        }
    }
    step->done = true;
    if (another_will_run(run)) {
        next_later(run);
        return;
    }
    if (!step->shown) {
        struct chat_event text = {.type = CHAT_EVENT_TEXT, .text = buffer_slice(&step->answer)};
        struct chat_event finished = {.type = CHAT_EVENT_FINISHED, .finish = step->finish};
        pass_on(run, &text);
        pass_on(run, &finished);
    }
    finish(run);
}

static void on_step_event(void *user, const struct chat_event *event)
{
    struct pipeline_run *run = user;
    if (run->released || run->over)
        return;
    struct step *step = &run->steps[run->current];
    enum base_err err = BASE_OK;
    run->in_event = true;
    switch (event->type) {
    case CHAT_EVENT_DONE:
        on_step_done(run);
        break;
    case CHAT_EVENT_ERROR:
        run->error = *event->error;
        fail(run, run->error.code, event->retry_after_ms);
        break;
    case CHAT_EVENT_USAGE:
        break; /* the sum of all steps comes at the end */
    case CHAT_EVENT_TEXT:
        if (!step->shown)
            err = buffer_add_slice(&step->answer, event->text);
        else
            pass_on(run, event);
        break;
    default:
        step->finish = event->type == CHAT_EVENT_FINISHED ? event->finish : step->finish;
        if (step->shown)
            pass_on(run, event);
    }
    if (err) {
        (void)base_error_set(&run->error, BASE_ERR_LIMIT,
                             "step %.*s: the answer is too long to be used by another step",
                             SLICE_ARG(step->config->id));
        fail(run, BASE_ERR_LIMIT, -1);
    }
    run->in_event = false; /* if released: the dispatch's end destroys us, after its event */
}

/* ---- the run ---- */

enum base_err pipeline_start(const struct pipeline_options *options, struct pipeline_run **ret_run,
                             struct base_error *reterr)
{
    unsigned needs = chat_request_needs(options->plan->request);
    if (needs)
        return base_error_set_param(
            reterr, BASE_ERR_UNSUPPORTED, "model",
            "%.*s is a pipeline, whose steps work on the text of the last message: it cannot "
            "serve a request that uses %s",
            SLICE_ARG(options->plan->request->model),
            chat_need_name((enum chat_need)(needs & -needs)));
    struct pipeline_run *run = calloc(1, sizeof(*run));
    struct step *steps = calloc(options->pipeline->step_count, sizeof(*steps));
    if (!run || !steps) {
        free(run);
        free(steps);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the pipeline");
    }
    run->options = *options;
    run->view = view_ref(options->view);
    run->steps = steps;
    run->step_count = options->pipeline->step_count;
    run->totals = DISPATCH_TOTALS_NONE;
    run->usage_before = CHAT_USAGE_UNKNOWN;
    open_record(&run->facts, &run->facts_writer);
    open_record(&run->decisions, &run->decisions_writer);
    for (size_t i = 0; i < run->step_count; i++) {
        steps[i].config = &options->pipeline->steps[i];
        buffer_init(&steps[i].answer, ANSWER_MAX_BYTES);
    }
    enum base_err err = loop_timer_set(loop_of(run), &run->timer, 0, on_next, run);
    if (err) {
        destroy(run);
        return base_error_set(reterr, err, "no memory for the pipeline");
    }
    *ret_run = run;
    return BASE_OK;
}

void pipeline_pause(struct pipeline_run *run)
{
    run->paused = true;
    if (run->dispatch)
        dispatch_pause(run->dispatch);
}

void pipeline_resume(struct pipeline_run *run)
{
    run->paused = false;
    if (run->dispatch)
        dispatch_resume(run->dispatch);
}

void pipeline_release(struct pipeline_run *run, enum ledger_status why,
                      struct dispatch_totals *ret_totals)
{
    if (!run || run->released)
        return;
    end_dispatch(run, why);
    run->released = true;
    if (ret_totals) {
        *ret_totals = run->totals;
        ret_totals->warnings = NULL;
        ret_totals->warning_count = 0;
    }
    destroy_if_over(run);
}

/* ---- checks at load ---- */

static enum base_err bad(const struct config_pipeline *p, const struct config_step *step,
                         struct base_error *reterr, const char *what, struct slice name)
{
    return base_error_set_param(reterr, BASE_ERR_BAD_CONFIG, "pipelines", "%.*s.%.*s: %s `%.*s`",
                                SLICE_ARG(p->name), SLICE_ARG(step->id), what, SLICE_ARG(name));
}

static bool is_earlier(const struct config_pipeline *p, size_t at, struct slice id)
{
    for (size_t i = 0; i < at; i++)
        if (slice_eq(p->steps[i].id, id))
            return true;
    return false;
}

/* Could `when` ever hold? An earlier step without an enum may answer anything. */
static bool can_answer(const struct config_pipeline *p, const struct config_step *step)
{
    size_t i = 0, k = 0;
    while (!slice_eq(p->steps[i].id, step->when_step))
        i++;
    const struct config_step *asked = &p->steps[i];
    while (k < asked->one_of_count && !slice_eq(asked->one_of[k], step->when_value))
        k++;
    return asked->one_of_count == 0 || k < asked->one_of_count || step->when_value.len == 0;
}

static enum base_err check_template(const struct config_pipeline *p, size_t at, struct slice source,
                                    struct base_error *reterr)
{
    const struct config_step *step = &p->steps[at];
    struct engine_jinja *jinja;
    struct base_error detail;
    enum base_err err = engine_jinja_new(source, &jinja, &detail);
    if (err)
        return base_error_set_param(reterr, BASE_ERR_BAD_CONFIG, "pipelines", "%.*s.%.*s: %s",
                                    SLICE_ARG(p->name), SLICE_ARG(step->id), detail.message);
    for (size_t i = 0; !err; i++) {
        struct slice name = engine_jinja_input(jinja, i);
        if (slice_is_absent(name))
            break;
        if (!slice_eq_str(name, "input") && !is_earlier(p, at, name))
            err = bad(p, step, reterr,
                      "its template uses what is neither `input` nor an earlier step:", name);
    }
    engine_jinja_free(jinja);
    return err;
}

enum base_err pipeline_check(const struct config_pipeline *pipeline, struct base_error *reterr)
{
    if (pipeline->step_count == 0 || pipeline->step_count > STEPS_MAX)
        return base_error_set_param(reterr, BASE_ERR_BAD_CONFIG, "pipelines",
                                    "%.*s: expected 1 to %d steps", SLICE_ARG(pipeline->name),
                                    STEPS_MAX);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct config_step *step = &pipeline->steps[i];
        if (slice_eq_str(step->id, "input") || is_earlier(pipeline, i, step->id))
            return bad(pipeline, step, reterr, "the id is taken already:", step->id);
        if (!slice_is_absent(step->when_step) && !is_earlier(pipeline, i, step->when_step))
            return bad(pipeline, step, reterr,
                       "`when` names what is not an earlier step:", step->when_step);
        if (!slice_is_absent(step->when_step) && !can_answer(pipeline, step))
            return bad(pipeline, step, reterr,
                       "`when` waits for what that step never answers:", step->when_value);
        enum base_err err = check_template(pipeline, i, step->prompt, reterr);
        if (!err && !slice_is_absent(step->system))
            err = check_template(pipeline, i, step->system, reterr);
        if (err)
            return err;
    }
    return BASE_OK;
}
