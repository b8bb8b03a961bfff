/*
 * Pipelines: one request answered in several steps, each with its own prompt and target.
 *
 *     err = pipeline_start(&options, &run, &detail);
 *     ... sink.on_event(): the last step's content, FINISHED, USAGE (of all steps), DONE or ERROR
 *     pipeline_release(run, why, &totals);
 *
 * A step's prompt is a template over `input` (the last ask of the user) and the answers of earlier
 * steps, by their ids. What comes out of a template is content, never a message boundary. Labels
 * are carried: a step's request is derived from the request and all earlier steps, so it can only
 * go where all of these may go. A step with `output: {enum: [...]}` gets one of the words, or the
 * pipeline fails. A step whose `when` does not hold is left out; its id is then the empty string.
 * Each step is planned and dispatched like a request: own permit, own rows. Only the last step that
 * runs is shown and streamed.
 *
 * Threads: the loop's. Small steps are inspected on the loop, large ones on work threads.
 */
#ifndef GATEWAY_PIPELINE_PIPELINE_H
#define GATEWAY_PIPELINE_PIPELINE_H

#include "gateway/dispatch/dispatch.h"

struct pipeline_run;

struct pipeline_options {
    struct view *view; /* a reference is taken */
    const struct config_pipeline *pipeline;
    const struct plan
        *plan; /* of the client's request, inspected; its label holds for every step */
    struct slice request_id;
    struct target_sink sink;
    void (*on_end)(void *user); /* as in struct dispatch_options */
    void *end_user;
};

enum base_err pipeline_start(const struct pipeline_options *options, struct pipeline_run **ret_run,
                             struct base_error *reterr) BASE_MUST_USE;
void pipeline_pause(struct pipeline_run *run);
void pipeline_resume(struct pipeline_run *run);
/* As dispatch_release(): from anywhere, also inside on_event; `run` NULL allowed. */
void pipeline_release(struct pipeline_run *run, enum ledger_status why,
                      struct dispatch_totals *ret_totals);

/* Sums over all steps; `target` is the latest step's. */
const struct dispatch_totals *pipeline_totals(const struct pipeline_run *run);
/* What the ledger keeps of the choices of all steps so far: {"steps":[{"step","facts"}]} and
 * {"steps":[{"step","decision"}]}. Once, before the release; valid until then; absent when it was
 * too much to keep. */
void pipeline_close_record(struct pipeline_run *run, struct slice *ret_facts,
                           struct slice *ret_decisions);
/* The plan of the latest step: its target is what answers, its label is the label of the answer.
 * The client's own while no step has one. */
const struct plan *pipeline_plan(const struct pipeline_run *run);

/* Where each step would go now, as far as that can be known before any has answered; nothing is
 * sent or remembered. The answers of earlier steps are taken to be what a step's `when` asks for,
 * else the first word of their `output`, else empty, so that a level is the least that a step can
 * have. `each` is called in order; its plan lives in `plan`'s arena. Any thread. */
typedef void (*pipeline_route_fn)(void *user, const struct config_step *step,
                                  const struct plan *plan);
enum base_err pipeline_route(const struct config_pipeline *pipeline, const struct plan *plan,
                             plan_live_fn live, pipeline_route_fn each, void *user,
                             struct base_error *reterr) BASE_MUST_USE;
/* The same as members of an object that is open: "pipeline", and "steps" with each one's "step",
 * "when" and "decision" as router_explain_json() has it. *ret_refused: some step would find no
 * target. */
enum base_err pipeline_route_json(const struct config_pipeline *pipeline, const struct plan *plan,
                                  plan_live_fn live, struct json_writer *w, bool *ret_refused,
                                  struct base_error *reterr) BASE_MUST_USE;
/* And for people. */
enum base_err pipeline_route_text(const struct config_pipeline *pipeline, const struct plan *plan,
                                  plan_live_fn live, struct buffer *out, bool *ret_refused,
                                  struct base_error *reterr) BASE_MUST_USE;

/* Checks templates and references of a configuration: unknown step in `when`, a template that does
 * not parse or names what does not exist, no steps. BAD_CONFIG with reterr->param. */
enum base_err pipeline_check(const struct config_pipeline *pipeline,
                             struct base_error *reterr) BASE_MUST_USE;

#endif
