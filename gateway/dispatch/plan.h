/*
 * A plan: everything that is decided before the first byte goes anywhere.
 *
 *     plan_init(&plan, snapshot, request, &who, arena);
 *     err = plan_inspect(&plan, memory, sources, count, now_wall_ns, &detail); // pure but for the
 * memory; may run on a work thread err = plan_choose(&plan, live, user, &detail);      // on the
 * loop: asks for the state of the targets now if (plan.decision.outcome) ... refuse with
 * plan.decision.message ...
 *
 * The same plan serves requests, pipeline steps, /v1/route, `hearth route` and the tests of a
 * configuration; so what these print is what would happen.
 *
 * Ownership: lives in `arena`, borrows snapshot, request and who. An error of plan_inspect() means
 * that nothing is known of the request: it must not leave.
 */
#ifndef GATEWAY_DISPATCH_PLAN_H
#define GATEWAY_DISPATCH_PLAN_H

#include "gateway/serve/snapshot.h"

/* Who asks, and what they said about how to serve them. All zero is an anonymous request. */
struct plan_who {
    struct slice tenant; /* "default" when there are no keys */
    struct slice key_id;
    const struct slice *groups;
    size_t group_count;
    const struct config_tenant *config; /* NULL = no limits */
    bool level_given;                   /* x-hearth-sensitivity: can only raise */
    enum policy_level level;
    bool objective_given;
    enum router_objective objective;
    struct slice target;  /* x-hearth-target, if the key may */
    struct slice session; /* x-hearth-session */
    const struct router_header *headers;
    size_t header_count;
};

struct plan {
    struct snapshot *snapshot; /* borrowed */
    const struct chat_request *request;
    const struct plan_who *who;
    struct arena *arena;

    struct policy_digests *digests; /* what the label memory knows the messages by */
    struct policy_inspection *inspection;
    struct router_signals signals;
    struct router_effects effects;
    struct router_route route;
    struct router_facts facts;
    struct router_target *targets; /* a copy of the snapshot's, with what holds at this moment */
    struct router_decision decision;
    /* Of a pipeline's step; set between plan_init() and plan_inspect(). */
    double max_complexity;         /* it is never harder than this; -1 = none */
    enum policy_level least_level; /* its content is at least this */
    bool key_checked; /* the key may use the pipeline, and so whatever its steps ask for */
};

void plan_init(struct plan *plan, struct snapshot *snapshot, const struct chat_request *request,
               const struct plan_who *who, struct arena *arena);

/* `sources`: inspections that the request was derived from (pipelines); count 0 = a client's own.
 */
enum base_err plan_inspect(struct plan *plan, struct policy_memory *memory,
                           const struct policy_inspection *const *sources, size_t source_count,
                           int64_t now_wall_ns, struct base_error *reterr) BASE_MUST_USE;

/* Fills in what holds at this moment for one target (health, waiting time, pace). NULL: all are up
 * and nothing is known of their speed. */
typedef void (*plan_live_fn)(void *user, const struct plan *plan, size_t target,
                             struct router_target *facts);

/* `session`: the conversation so far, or NULL. */
enum base_err plan_choose(struct plan *plan, plan_live_fn live, void *user,
                          const struct router_session *session,
                          struct base_error *reterr) BASE_MUST_USE;

/* A word of the client's (name of a model, of a conversation) as it may be kept: itself, unless
 * something private is found in it. */
struct slice plan_word_to_keep(const struct snapshot *snapshot, struct slice word,
                               struct arena *arena);

/* May keys of this tenant ask for this name? */
bool plan_key_may_use(const struct plan_who *who, struct slice name);

/* The targets' own state: queue of the engine, breaker and averages of upstreams. A plan_live_fn.
 */
void plan_live_targets(void *user, const struct plan *plan, size_t target,
                       struct router_target *facts);

/* Names of the rules that matched, comma separated, in `arena`; absent when none did. */
struct slice plan_rule_names(const struct plan *plan, struct arena *arena);

/* A request made of one user message, for `hearth route` and the tests of a configuration. */
const struct chat_request *plan_request_of_text(struct arena *arena, struct slice model,
                                                struct slice text);

#endif
