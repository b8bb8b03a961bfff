/* From signals, rules, route and settings to the facts of one choice. */
#include "router/private.h"

static enum router_objective objective(const struct router_signals *signals,
                                       const struct router_effects *effects,
                                       const struct router_route *route,
                                       const struct router_settings *settings)
{
    if (effects->objective_given)
        return effects->objective;
    if (signals->given.objective_given)
        return signals->given.objective;
    return route->objective_given ? route->objective : settings->objective;
}

void router_facts_fill(struct router_facts *ret, const struct router_signals *signals,
                       const struct router_effects *effects, const struct router_route *route,
                       const struct router_settings *settings)
{
    const struct router_score *score = &signals->score;
    double complexity =
        score->unknown == ROUTER_KNOWN ? score->complexity : settings->unknown_complexity;

    if (effects->complexity_floor > complexity)
        complexity = effects->complexity_floor;
    *ret = (struct router_facts){
        .level = policy_level_join(effects->level, signals->given.level),
        .level_given = signals->given.level,
        .complexity = complexity,
        .complexity_scored = score->complexity,
        .unknown = score->unknown,
        .task = score->task,
        .scorer_version = score->version,
        .prompt_tokens = signals->prompt_tokens,
        .max_tokens = signals->max_tokens,
        .expected_output = signals->expected_output,
        .needs = signals->needs,
        .language = signals->language,
        .turn = signals->turn,
        .message_count = signals->message_count,
        .has_code = signals->has_code,
        .tool_loop_open = signals->tool_loop_open,
        .findings = signals->given.findings,
        .tenant = signals->given.tenant,
        .model = signals->model,
        .asked_target = signals->given.target,
        .objective = objective(signals, effects, route, settings),
        .deadline_ms = route->deadline_ms ? route->deadline_ms : settings->deadline_ms,
        .min_tokens_per_s_milli = settings->min_tokens_per_s_milli,
        .effects = *effects,
        .route = *route,
    };
    memcpy(ret->groups, score->groups, sizeof ret->groups);
}
