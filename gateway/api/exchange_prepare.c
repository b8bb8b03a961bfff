/* From the body to everything that is known before the choice. */
#include "gateway/api/exchange.h"

#include "gateway/api/chat_parse.h"

/* Bodies up to this size are handled on the loop: some 0.5 ms for one long text, a few when it is
 * all very short messages. Elsewhere means waking two threads, one after the other. */
enum { INLINE_BYTES_MAX = 32 * 1024, DRY_ANSWER_MAX = 16 << 20 };

/* A dry run of a pipeline prepares all of its steps. */
static enum base_err prepare_steps(struct exchange *ex)
{
    const struct config_pipeline *pipeline =
        snapshot_pipeline(ex->view->snapshot, ex->request->model);
    if (!ex->dry_run || !pipeline || !plan_key_may_use(&ex->who, ex->request->model))
        return BASE_OK;
    struct buffer out;
    struct json_writer w;
    bool is_refused;
    buffer_init(&out, DRY_ANSWER_MAX);
    json_writer_init(&w, &out);
    json_open_object(&w);
    enum base_err err =
        pipeline_route_json(pipeline, &ex->plan, plan_live_targets, &w, &is_refused, &ex->error);
    json_close_object(&w);
    if (!err && out.err)
        err = base_error_set(&ex->error, out.err, "the decisions are too large to show");
    if (!err)
        ex->dry_answer = arena_dup(ex->arena, buffer_slice(&out));
    buffer_done(&out);
    return err;
}

static enum base_err prepare(struct exchange *ex)
{
    const struct json_node *root;
    struct slice body = http_exchange_body(ex->http);
    enum base_err err = json_parse(body, &json_limits_request, ex->arena, &root, &ex->error);
    if (err)
        return err;
    const struct chat_request *request;
    static enum base_err (*const parsers[CHAT_DIALECT_COUNT])(
        const struct json_node *, struct arena *, const struct chat_request **,
        struct base_error *) = {
        [CHAT_DIALECT_CHAT] = api_chat_parse,
        [CHAT_DIALECT_COMPLETIONS] = api_completions_parse,
        [CHAT_DIALECT_EMBEDDINGS] = api_embeddings_parse,
    };
    err = parsers[ex->dialect](root, ex->arena, &request, &ex->error);
    if (err)
        return err;
    ex->request = request;
    plan_init(&ex->plan, ex->view->snapshot, request, &ex->who, ex->arena);
    err = plan_inspect(&ex->plan, ex->app->memory, NULL, 0, app_date_ns(ex->app), &ex->error);
    ex->inspected = !err;
    return err ? err : prepare_steps(ex);
}

static void back_on_loop(void *user)
{
    struct exchange *ex = user;
    struct http_exchange *http = ex->http;
    ex->preparing_elsewhere = false;
    if (!ex->gone_meanwhile)
        api_exchange_prepared(ex);
    http_exchange_unref(http);
}

static void prepare_elsewhere(void *user)
{
    struct exchange *ex = user;
    /* Behind a long queue many have left, and at the end of the process all have. */
    bool is_wanted = !atomic_load(&ex->gone_meanwhile);
    ex->prepare_err = is_wanted ? prepare(ex) : BASE_ERR_CLIENT_GONE;
    app_post(ex->app, ex->worker->loop, back_on_loop, ex);
}

void api_exchange_prepare(struct exchange *ex)
{
    api_exchange_set_state(ex, EXCHANGE_PREPARING);
    if (http_exchange_body(ex->http).len > INLINE_BYTES_MAX) {
        ex->preparing_elsewhere = true;
        http_exchange_ref(ex->http);
        if (workpool_submit(ex->app->workpool, prepare_elsewhere, ex))
            return;
        http_exchange_unref(ex->http);
        ex->preparing_elsewhere = false;
        ex->prepare_err = base_error_set(&ex->error, BASE_ERR_OVERLOADED,
                                         "too many large requests are being inspected");
        api_exchange_prepared(ex);
        return;
    }
    ex->prepare_err = prepare(ex);
    api_exchange_prepared(ex);
}
