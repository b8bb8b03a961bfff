#include "gateway/dispatch/plan.h"

#include "gateway/local/resident.h"

/* 1 only in the test builds that prove the door: the router is told that every target may see
 * everything, so that it chooses what it never would, and only the permit is left. */
#ifndef HEARTH_ROUTER_BLIND
#define HEARTH_ROUTER_BLIND 0
#endif

void plan_init(struct plan *plan, struct snapshot *snapshot, const struct chat_request *request,
               const struct plan_who *who, struct arena *arena)
{
    *plan = (struct plan){
        .snapshot = snapshot,
        .request = request,
        .who = who,
        .arena = arena,
        .max_complexity = -1,
    };
}

static enum base_err inspect(struct plan *plan, struct policy_memory *memory,
                             const struct policy_inspection *const *sources, size_t source_count,
                             int64_t now_wall_ns, struct base_error *reterr)
{
    const struct policy *policy = plan->snapshot->policy;
    enum policy_level asked = policy_level_join(
        plan->least_level, plan->who->level_given ? plan->who->level : POLICY_LEVEL_PUBLIC);
    if (source_count > 0) {
        enum base_err err = policy_inspection_derive(policy, plan->request, sources, source_count,
                                                     plan->arena, &plan->inspection, reterr);
        if (!err)
            policy_inspection_raise(plan->inspection, asked);
        return err;
    }
    struct policy_context context = {
        .floor = asked,
        .remembered = policy_memory_lookup(memory, plan->digests, now_wall_ns),
    };
    return policy_inspect(policy, plan->request, &context, plan->arena, &plan->inspection, reterr);
}

enum base_err plan_inspect(struct plan *plan, struct policy_memory *memory,
                           const struct policy_inspection *const *sources, size_t source_count,
                           int64_t now_wall_ns, struct base_error *reterr)
{
    plan->digests = policy_memory_digests(memory, plan->who->tenant, plan->request, plan->arena);
    enum base_err err = inspect(plan, memory, sources, source_count, now_wall_ns, reterr);
    if (err)
        return err;
    struct router_given given = {
        .tenant = plan->who->tenant,
        .key_groups = plan->who->groups,
        .key_group_count = plan->who->group_count,
        .headers = plan->who->headers,
        .header_count = plan->who->header_count,
        .level = policy_inspection_level(plan->inspection),
        .finding_types = policy_inspection_types(plan->inspection),
        .findings = policy_inspection_summary(plan->inspection),
        .objective_given = plan->who->objective_given,
        .objective = plan->who->objective,
        .target = plan->who->target,
        .session = plan->who->session,
    };
    err = router_signals_read(NULL, plan->request, &given, plan->arena, &plan->signals, reterr);
    if (err)
        return err;
    err = router_rules_match(plan->snapshot->rules, &plan->signals, plan->arena, &plan->effects,
                             reterr);
    if (err)
        return err;
    policy_inspection_raise(plan->inspection, plan->effects.level);
    return policy_memory_remember(memory, plan->digests, plan->inspection, now_wall_ns);
}

static bool is_our_name(const struct snapshot *snapshot, struct slice word)
{
    const struct config_model *model = snapshot_model(snapshot, word);
    return (model && slice_eq(model->name, word)) || snapshot_find(snapshot, word) != SIZE_MAX;
}

struct slice plan_word_to_keep(const struct snapshot *snapshot, struct slice word,
                               struct arena *arena)
{
    struct policy_scan scan;
    if (word.len == 0 || is_our_name(snapshot, word))
        return word;
    if (!policy_scan_text(snapshot->policy, word, arena, &scan, NULL) && scan.count == 0)
        return word;
    return SLICE("(withheld)");
}

/* Facts are stored. */
static void keep_words_out(struct plan *plan)
{
    struct router_facts *facts = &plan->facts;
    facts->model = plan_word_to_keep(plan->snapshot, facts->model, plan->arena);
    if (facts->asked_target.len && snapshot_find(plan->snapshot, facts->asked_target) == SIZE_MAX)
        facts->asked_target = SLICE("(unknown)");
}

bool plan_key_may_use(const struct plan_who *who, struct slice name)
{
    const struct config_tenant *tenant = who->config;
    if (!tenant || tenant->model_count == 0)
        return true;
    for (size_t i = 0; i < tenant->model_count; i++)
        if (slice_eq(tenant->models[i], name))
            return true;
    return false;
}

enum base_err plan_choose(struct plan *plan, plan_live_fn live, void *user,
                          const struct router_session *session, struct base_error *reterr)
{
    const struct snapshot *snap = plan->snapshot;
    plan->targets = arena_alloc(plan->arena, snap->target_count * sizeof(*plan->targets));
    if (!plan->targets)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to choose a target");
    memcpy(plan->targets, snap->facts, snap->target_count * sizeof(*plan->targets));
    const struct config_model *model = snapshot_model(snap, plan->request->model);
    struct slice name = model ? model->name : plan->request->model;
    enum base_err err = router_route_find(&snap->routes, plan->targets, snap->target_count, name,
                                          plan->arena, &plan->route, reterr);
    if (err)
        return err;
    for (size_t i = 0; i < snap->target_count; i++) {
        plan->targets[i].allowed_for_key = plan->key_checked ||
                                           plan_key_may_use(plan->who, plan->request->model) ||
                                           plan_key_may_use(plan->who, plan->targets[i].name) ||
                                           plan_key_may_use(plan->who, plan->targets[i].model);
        if (HEARTH_ROUTER_BLIND)
            plan->targets[i].clearance = POLICY_LEVEL_RESTRICTED;
        if (live)
            live(user, plan, i, &plan->targets[i]);
    }
    router_facts_fill(&plan->facts, &plan->signals, &plan->effects, &plan->route, &snap->settings);
    keep_words_out(plan);
    if (plan->max_complexity >= 0 && plan->facts.complexity > plan->max_complexity)
        plan->facts.complexity = plan->max_complexity;
    plan->facts.targets = plan->targets;
    plan->facts.target_count = snap->target_count;
    if (session)
        plan->facts.session = *session;
    return router_choose(&plan->facts, plan->arena, &plan->decision, reterr);
}

static void live_local(const struct plan *plan, const struct snapshot_target *t,
                       struct router_target *facts)
{
    struct resident_facts resident;
    resident_facts(t->local, plan->signals.prompt_tokens, &resident);
    const struct local_facts *now = &resident.local;
    facts->first_token_ms = now->first_token_ms;
    facts->tokens_per_s_milli = now->tokens_per_s_milli;
    if (resident.retry_after_ms > 0) {
        facts->health = ROUTER_HEALTH_BREAKER_OPEN;
        facts->retry_after_ms = resident.retry_after_ms;
    } else if (now->waiting >= now->queue_max) {
        facts->health = ROUTER_HEALTH_FULL;
        facts->retry_after_ms = now->first_token_ms > 1000 ? now->first_token_ms : 1000;
    }
}

static void live_upstream(const struct snapshot_target *t, struct router_target *facts)
{
    struct upstream_facts now;
    upstream_facts(t->upstream, t->model, &now);
    facts->first_token_ms = now.first_token_ms;
    facts->tokens_per_s_milli = now.tokens_per_s_milli;
    if (!now.healthy) {
        facts->health = ROUTER_HEALTH_BREAKER_OPEN;
        facts->retry_after_ms = now.retry_after_ms;
    } else if (now.max_concurrent > 0 && now.outstanding >= now.max_concurrent) {
        facts->health = ROUTER_HEALTH_FULL;
        facts->retry_after_ms = 1000;
    }
}

void plan_live_targets(void *user, const struct plan *plan, size_t target,
                       struct router_target *facts)
{
    (void)user;
    const struct snapshot_target *t = &plan->snapshot->targets[target];
    if (t->local)
        live_local(plan, t, facts);
    else if (t->upstream)
        live_upstream(t, facts);
}

struct slice plan_rule_names(const struct plan *plan, struct arena *arena)
{
    struct slice list = SLICE_NONE;
    for (size_t i = 0; i < plan->effects.match_count; i++)
        list = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(list), i ? "," : "",
                            SLICE_ARG(plan->effects.matched[i].rule));
    return list;
}

const struct chat_request *plan_request_of_text(struct arena *arena, struct slice model,
                                                struct slice text)
{
    struct chat_request *request = arena_calloc(arena, 1, sizeof(*request));
    struct chat_message *message = arena_calloc(arena, 1, sizeof(*message));
    struct chat_part *part = arena_calloc(arena, 1, sizeof(*part));
    if (!request || !message || !part)
        return NULL;
    part->text = text;
    *message = (struct chat_message){
        .role = CHAT_ROLE_USER, .parts = part, .part_count = 1, .content_was_string = true};
    *request = (struct chat_request){.model = model, .messages = message, .message_count = 1};
    return request;
}
