#include <inttypes.h>
#include <stdlib.h>

#include "router/private.h"

/* Restrictions by rules are listed one by one up to this many per candidate. */
enum { RULE_REASONS_MAX = 16, REASONS_MAX = ROUTER_REASON_COUNT + 3 * RULE_REASONS_MAX };

/* What decides the order among those that may serve: compared from the first on, less is better. */
enum key {
    KEY_AVOIDED,
    KEY_SHORTENS,
    KEY_OTHER_THAN_SESSION,
    KEY_MOVES_DOWN,
    KEY_NOT_ABLE,
    KEY_CAPABILITY_MISSING,
    KEY_NOT_QUICK,
    KEY_NOT_PREFERRED,
    KEY_OBJECTIVE_1,
    KEY_OBJECTIVE_2,
    KEY_OBJECTIVE_3,
    KEY_COUNT
};

struct judged {
    const struct router_target *target;
    struct router_candidate *out;
    struct router_reason reasons[REASONS_MAX]; /* of the one being judged */
    size_t count;
};

struct ranked {
    int64_t keys[KEY_COUNT];
    struct slice name;
    uint32_t index;
};

static enum base_err no_memory(struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory left for the choice");
}

static void add(struct judged *j, enum router_reason_code code, int64_t have, int64_t need,
                struct slice name)
{
    if (j->count < REASONS_MAX)
        j->reasons[j->count++] = (struct router_reason){code, have, need, name};
}

/* The session's target as a fact, or NULL. */
static const struct router_target *session_target(const struct router_facts *facts)
{
    size_t i = facts->target_count;

    if (facts->session.target.len)
        i = router_target_index(facts->targets, facts->target_count, facts->session.target);
    return i < facts->target_count ? &facts->targets[i] : NULL;
}

static bool in_route(const struct router_route *route, const struct router_target *target)
{
    if (!route->target_count)
        return true;
    for (size_t i = 0; i < route->target_count; i++)
        if (slice_eq(route->targets[i], target->name))
            return true;
    return false;
}

static void judge_asked(struct judged *j, const struct router_facts *facts)
{
    if (!in_route(&facts->route, j->target))
        add(j, ROUTER_REASON_NOT_ASKED_FOR, 0, 0, facts->route.name);
    else if (facts->asked_target.len && !slice_eq(facts->asked_target, j->target->name))
        add(j, ROUTER_REASON_NOT_ASKED_FOR, 0, 0, facts->asked_target);
    if (!j->target->allowed_for_key)
        add(j, ROUTER_REASON_NOT_ALLOWED_FOR_KEY, 0, 0, SLICE_NONE);
    if (j->target->clearance < facts->level)
        add(j, ROUTER_REASON_NOT_CLEARED, j->target->clearance, facts->level, SLICE_NONE);
}

static void judge_excluded(struct judged *j, const struct router_effects *effects)
{
    size_t listed = 0;

    for (size_t i = 0; i < effects->only_count && listed < RULE_REASONS_MAX; i++) {
        if (router_target_set_has(&effects->only[i].set, j->target))
            continue;
        add(j, ROUTER_REASON_EXCLUDED_BY_RULE, 0, 0, effects->only[i].rule);
        listed++;
    }
    if (effects->pin.len && !slice_eq(effects->pin, j->target->name))
        add(j, ROUTER_REASON_EXCLUDED_BY_RULE, 0, 0, effects->pin_rule);
}

/* At least one token of answer has to fit; how long an answer may get is the target's matter. Of
 * texts for embeddings each stands for itself. */
static bool is_too_long(const struct router_facts *facts, const struct router_target *target)
{
    int64_t window = target->context_tokens;

    return window >= 0 && !(facts->needs & CHAT_NEED_EMBEDDINGS) && facts->prompt_tokens >= window;
}

static void judge_fit(struct judged *j, const struct router_facts *facts)
{
    unsigned lacks = chat_needs_lacking(facts->needs, j->target->features);

    if (lacks)
        add(j, ROUTER_REASON_MISSING_FEATURE, j->target->features, lacks, SLICE_NONE);
    if (!j->target->shortens && is_too_long(facts, j->target))
        add(j, ROUTER_REASON_CONTEXT_TOO_SMALL, j->target->context_tokens,
            router_tokens_needed(facts), SLICE_NONE);
}

static void judge_money(struct judged *j, const struct router_facts *facts)
{
    int64_t cost = j->out->cost_nano_usd, left = j->target->budget_left_nano_usd;
    int64_t most = facts->effects.max_cost_nano_usd;

    /* What cannot be priced must not spend a budget that is gone, nor pass a limit. */
    if (left >= 0 && (cost > left || (cost < 0 && left == 0)))
        add(j, ROUTER_REASON_OVER_BUDGET, left, cost, SLICE_NONE);
    if (most >= 0 && (cost > most || cost < 0))
        add(j, ROUTER_REASON_OVER_MAX_COST, cost, most, facts->effects.max_cost_rule);
}

static void judge_health(struct judged *j)
{
    enum router_health health = j->target->health;

    if (health != ROUTER_HEALTH_UP)
        add(j, health == ROUTER_HEALTH_FULL ? ROUTER_REASON_QUEUE_FULL : ROUTER_REASON_UNHEALTHY,
            health, j->target->retry_after_ms, SLICE_NONE);
}

/* Returns whether any of the limits names the target; reports the first few. */
static bool judge_limits(struct judged *j, enum router_reason_code code,
                         const struct router_limit *limits, size_t count)
{
    size_t listed = 0;

    for (size_t i = 0; i < count && listed < RULE_REASONS_MAX; i++) {
        if (!router_target_set_has(&limits[i].set, j->target))
            continue;
        add(j, code, 0, 0, limits[i].rule);
        listed++;
    }
    return listed > 0;
}

static void judge_able_quick(struct judged *j, const struct router_facts *facts)
{
    const struct router_target *t = j->target;
    double capability = t->capability.by_task[facts->task];
    const struct router_target *before = session_target(facts);

    j->out->able = capability >= facts->complexity;
    if (!j->out->able)
        add(j, ROUTER_REASON_NOT_ABLE, router_rank_micro(capability),
            router_rank_micro(facts->complexity), SLICE_NONE);
    if (t->shortens && is_too_long(facts, t))
        add(j, ROUTER_REASON_WOULD_SHORTEN, t->context_tokens, router_tokens_needed(facts),
            SLICE_NONE);
    j->out->quick = true;
    if (facts->deadline_ms >= 0 && t->first_token_ms > facts->deadline_ms) {
        j->out->quick = false;
        add(j, ROUTER_REASON_TOO_SLOW, t->first_token_ms, facts->deadline_ms, SLICE_NONE);
    }
    if (t->tokens_per_s_milli >= 0 && t->tokens_per_s_milli < facts->min_tokens_per_s_milli) {
        j->out->quick = false;
        add(j, ROUTER_REASON_TOO_SLOW_PACE, t->tokens_per_s_milli, facts->min_tokens_per_s_milli,
            SLICE_NONE);
    }
    if (before && facts->session.open && capability < before->capability.by_task[facts->task])
        add(j, ROUTER_REASON_MOVES_DOWN, router_rank_micro(capability),
            router_rank_micro(before->capability.by_task[facts->task]), SLICE_NONE);
}

static bool has_reason(const struct judged *j, enum router_reason_code code)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->reasons[i].code == code)
            return true;
    return false;
}

static int64_t unknown_last(int64_t value)
{
    return value < 0 ? INT64_MAX : value;
}

static void rank_keys(struct ranked *r, const struct judged *j, const struct router_facts *facts,
                      bool preferred)
{
    int64_t cost = unknown_last(j->out->cost_nano_usd), ms = unknown_last(j->out->total_ms);
    int64_t capability = router_rank_micro(j->target->capability.by_task[facts->task]);
    bool is_session = facts->session.target.len && slice_eq(facts->session.target, j->target->name);

    r->name = j->target->name;
    r->keys[KEY_AVOIDED] = has_reason(j, ROUTER_REASON_AVOIDED_BY_RULE);
    r->keys[KEY_OTHER_THAN_SESSION] =
        !(facts->session.open && is_session && j->out->able && j->out->quick);
    r->keys[KEY_SHORTENS] = has_reason(j, ROUTER_REASON_WOULD_SHORTEN);
    r->keys[KEY_MOVES_DOWN] = has_reason(j, ROUTER_REASON_MOVES_DOWN);
    r->keys[KEY_NOT_ABLE] = !j->out->able;
    r->keys[KEY_CAPABILITY_MISSING] = j->out->able ? 0 : -capability;
    r->keys[KEY_NOT_QUICK] = !j->out->quick;
    r->keys[KEY_NOT_PREFERRED] = facts->effects.prefer_count && !preferred;
    switch (facts->objective) {
    case ROUTER_OBJECTIVE_LATENCY:
        r->keys[KEY_OBJECTIVE_1] = ms;
        r->keys[KEY_OBJECTIVE_2] = cost;
        break;
    case ROUTER_OBJECTIVE_QUALITY:
        r->keys[KEY_OBJECTIVE_1] = -capability;
        r->keys[KEY_OBJECTIVE_2] = cost;
        r->keys[KEY_OBJECTIVE_3] = ms;
        break;
    default:
        r->keys[KEY_OBJECTIVE_1] = cost;
        r->keys[KEY_OBJECTIVE_2] = ms;
    }
}

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    for (size_t i = 0; i < KEY_COUNT; i++)
        if (x->keys[i] != y->keys[i])
            return x->keys[i] < y->keys[i] ? -1 : 1;
    return slice_cmp(x->name, y->name);
}

static bool judge_hard(struct judged *j, const struct router_facts *facts)
{
    judge_asked(j, facts);
    judge_excluded(j, &facts->effects);
    judge_fit(j, facts);
    judge_money(j, facts);
    judge_health(j);
    return j->count == 0;
}

/* All reasons of one target but those that need the chosen one. */
static void judge(struct judged *j, const struct router_facts *facts, struct ranked *r)
{
    const struct router_effects *effects = &facts->effects;
    const struct router_capability *capability = &j->target->capability;
    bool preferred;

    j->out->cost_nano_usd = router_expected_cost(facts, j->target);
    j->out->total_ms = router_total_ms(facts, j->target);
    j->out->may_serve = judge_hard(j, facts) && !effects->refuse;
    judge_limits(j, ROUTER_REASON_AVOIDED_BY_RULE, effects->avoid, effects->avoid_count);
    judge_able_quick(j, facts);
    if (j->out->cost_nano_usd < 0)
        add(j, ROUTER_REASON_PRICE_UNKNOWN, 0, 0, SLICE_NONE);
    preferred =
        judge_limits(j, ROUTER_REASON_PREFERRED_BY_RULE, effects->prefer, effects->prefer_count);
    if (capability->measured && !slice_eq(capability->scorer_version, facts->scorer_version))
        add(j, ROUTER_REASON_SCORER_MISMATCH, 0, 0, capability->scorer_version);
    rank_keys(r, j, facts, preferred);
}

/* What set a fallback behind the chosen one, beyond its own soft reasons. */
static void compare_with_chosen(struct judged *j, const struct ranked *r,
                                const struct ranked *chosen, const struct router_facts *facts,
                                const struct router_candidate *first)
{
    int64_t mine = router_rank_micro(j->target->capability.by_task[facts->task]);
    int64_t theirs =
        router_rank_micro(facts->targets[chosen->index].capability.by_task[facts->task]);

    if (r->keys[KEY_NOT_PREFERRED] > chosen->keys[KEY_NOT_PREFERRED])
        add(j, ROUTER_REASON_NOT_PREFERRED, 0, 0, SLICE_NONE);
    if (j->out->cost_nano_usd > first->cost_nano_usd && first->cost_nano_usd >= 0)
        add(j, ROUTER_REASON_DEARER, j->out->cost_nano_usd, first->cost_nano_usd, SLICE_NONE);
    if (j->out->total_ms > first->total_ms && first->total_ms >= 0)
        add(j, ROUTER_REASON_SLOWER, j->out->total_ms, first->total_ms, SLICE_NONE);
    if (facts->objective == ROUTER_OBJECTIVE_QUALITY && mine < theirs)
        add(j, ROUTER_REASON_LESS_CAPABLE, mine, theirs, SLICE_NONE);
    if (memcmp(r->keys, chosen->keys, sizeof r->keys) == 0)
        add(j, ROUTER_REASON_TIED, 0, 0, SLICE_NONE);
}

static int compare_reasons(const void *a, const void *b)
{
    const struct router_reason *x = a, *y = b;

    if (x->code != y->code)
        return x->code < y->code ? -1 : 1;
    return slice_cmp(x->name, y->name);
}

static bool keep_reasons(struct judged *j, struct arena *arena)
{
    struct router_reason *copy = arena_calloc(arena, j->count + 1, sizeof *copy);

    if (!copy)
        return false;
    qsort(j->reasons, j->count, sizeof *j->reasons, compare_reasons);
    memcpy(copy, j->reasons, j->count * sizeof *copy);
    j->out->reasons = copy;
    j->out->reason_count = j->count;
    return true;
}

/* Second pass: ranks and the reasons that compare with the chosen one. The judging is made again
 * instead of being kept, because it is cheaper than the memory for a thousand targets. */
static bool write_reasons(const struct router_facts *facts, const struct ranked *ranked,
                          size_t ranked_count, struct router_candidate *candidates,
                          struct arena *arena)
{
    for (size_t i = 0; i < ranked_count; i++)
        candidates[ranked[i].index].rank = (uint32_t)i + 1;
    for (size_t i = 0; i < facts->target_count; i++) {
        struct judged j = {.target = &facts->targets[i], .out = &candidates[i], .count = 0};
        struct ranked own = {.index = (uint32_t)i};
        uint32_t rank = candidates[i].rank;

        judge(&j, facts, &own);
        if (rank > 1)
            compare_with_chosen(&j, &own, &ranked[0], facts, &candidates[ranked[0].index]);
        if (rank == 1) {
            add(&j, ROUTER_REASON_CHOSEN, 0, 0, SLICE_NONE);
            if (!own.keys[KEY_OTHER_THAN_SESSION])
                add(&j, ROUTER_REASON_KEPT_FOR_SESSION, 0, 0, j.target->name);
        }
        if (!keep_reasons(&j, arena))
            return false;
    }
    return true;
}

static bool candidate_has(const struct router_candidate *c, enum router_reason_code code)
{
    for (size_t i = 0; i < c->reason_count; i++)
        if (c->reasons[i].code == code)
            return true;
    return false;
}

static void describe_chosen(const struct router_facts *facts, struct router_decision *d)
{
    const struct router_candidate *chosen = &d->candidates[d->order[0]];

    d->outcome = BASE_OK;
    d->beyond_capability = !chosen->able;
    d->deadline_yielded = !chosen->quick;
    d->kept_for_session = candidate_has(chosen, ROUTER_REASON_KEPT_FOR_SESSION);
    d->moved_down = candidate_has(chosen, ROUTER_REASON_MOVES_DOWN);
    d->scorer_mismatch = candidate_has(chosen, ROUTER_REASON_SCORER_MISMATCH);
    d->tokens_needed = router_tokens_needed(facts);
}

enum base_err router_choose(const struct router_facts *facts, struct arena *arena,
                            struct router_decision *ret, struct base_error *reterr)
{
    struct router_decision d = {.retry_after_ms = ROUTER_UNKNOWN};
    struct router_candidate *candidates;
    struct ranked *ranked;
    uint32_t *order;
    size_t count = 0;

    if (!facts->target_count || facts->target_count > ROUTER_TARGETS_MAX)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "a choice needs between 1 and %d targets, there are %zu",
                              ROUTER_TARGETS_MAX, facts->target_count);
    if ((size_t)facts->task >= ROUTER_TASK_COUNT)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "the task of a request is not known");
    candidates = arena_calloc(arena, facts->target_count, sizeof *candidates);
    ranked = arena_calloc(arena, facts->target_count, sizeof *ranked);
    order = arena_calloc(arena, facts->target_count, sizeof *order);
    if (!candidates || !ranked || !order)
        return no_memory(reterr);

    for (size_t i = 0; i < facts->target_count; i++) {
        struct judged j = {.target = &facts->targets[i], .out = &candidates[i], .count = 0};

        ranked[count] = (struct ranked){.index = (uint32_t)i};
        judge(&j, facts, &ranked[count]);
        count += candidates[i].may_serve;
    }
    qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (size_t i = 0; i < count; i++)
        order[i] = ranked[i].index;
    if (!write_reasons(facts, ranked, count, candidates, arena))
        return no_memory(reterr);

    d.candidates = candidates;
    d.candidate_count = facts->target_count;
    d.order = order;
    d.order_count = count;
    if (count)
        describe_chosen(facts, &d);
    else if (!router_describe_refusal(facts, &d, arena))
        return no_memory(reterr);
    *ret = d;
    return BASE_OK;
}
