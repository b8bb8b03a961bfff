/* What pipeline_route() finds, for programs and for people. */
#include "gateway/pipeline/pipeline.h"

struct output {
    struct json_writer *w;
    struct buffer *text;
    bool is_refused;
    enum base_err err;
    struct base_error *reterr;
};

static bool explain(struct output *out, const struct plan *plan, struct router_explanation *ret)
{
    if (!out->err)
        out->err = router_explain(&plan->facts, &plan->decision, plan->arena, ret, out->reterr);
    out->is_refused |= plan->decision.outcome != BASE_OK;
    return !out->err;
}

static void put_step(void *user, const struct config_step *step, const struct plan *plan)
{
    struct output *out = user;
    struct router_explanation why;
    if (!explain(out, plan, &why))
        return;
    json_open_object(out->w);
    json_member_string(out->w, "step", step->id);
    json_key(out->w, SLICE("when"));
    if (slice_is_absent(step->when_step)) {
        json_put_null(out->w);
    } else {
        json_open_object(out->w);
        json_key(out->w, step->when_step);
        json_put_string(out->w, step->when_value);
        json_close_object(out->w);
    }
    json_key(out->w, SLICE("decision"));
    router_explain_json(&why, &plan->signals, out->w);
    json_close_object(out->w);
}

enum base_err pipeline_route_json(const struct config_pipeline *pipeline, const struct plan *plan,
                                  plan_live_fn live, struct json_writer *w, bool *ret_refused,
                                  struct base_error *reterr)
{
    struct output out = {.w = w, .reterr = reterr};
    json_member_string(w, "pipeline", pipeline->name);
    json_key(w, SLICE("steps"));
    json_open_array(w);
    enum base_err err = pipeline_route(pipeline, plan, live, put_step, &out, reterr);
    json_close_array(w);
    *ret_refused = out.is_refused;
    return err ? err : out.err;
}

static void say_step(void *user, const struct config_step *step, const struct plan *plan)
{
    struct output *out = user;
    struct router_explanation why;
    if (!explain(out, plan, &why))
        return;
    buffer_addf(out->text, "step %.*s", SLICE_ARG(step->id));
    if (!slice_is_absent(step->when_step))
        buffer_addf(out->text, ", when %.*s is %.*s", SLICE_ARG(step->when_step),
                    SLICE_ARG(step->when_value));
    buffer_add_char(out->text, '\n');
    router_explain_text(&why, &plan->signals, out->text);
}

enum base_err pipeline_route_text(const struct config_pipeline *pipeline, const struct plan *plan,
                                  plan_live_fn live, struct buffer *text, bool *ret_refused,
                                  struct base_error *reterr)
{
    struct output out = {.text = text, .reterr = reterr};
    buffer_addf(text, "pipeline %.*s; what its steps answer is not known yet\n",
                SLICE_ARG(pipeline->name));
    enum base_err err = pipeline_route(pipeline, plan, live, say_step, &out, reterr);
    *ret_refused = out.is_refused;
    return err ? err : out.err;
}
