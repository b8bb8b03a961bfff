/* The nearest changes: the choice made again with one fact changed. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "router/private.h"

static const double LEVEL_STEP = 0.3, SETTING = 0.5, PER_DOUBLING = 0.2;

struct search {
    const struct router_facts *facts;
    const struct router_decision *decision;
    struct arena *arena; /* of one try, made anew for each */
    struct router_change found[ROUTER_CHANGES_MAX];
    size_t count;
    size_t tries;
    enum base_err err;
};

static struct slice chosen_name(const struct router_facts *facts, const struct router_decision *d)
{
    return d->order_count ? facts->targets[d->order[0]].name : SLICE_NONE;
}

/* One change per kind is told, the nearest: two numbers for the same fact say little more. Changes
 * of a target or rule are of one kind per target or rule. */
static bool same_kind(const struct router_change *a, const struct router_change *b)
{
    return a->type == b->type && slice_eq(a->target, b->target) && slice_eq(a->rule, b->rule);
}

static void keep(struct search *s, const struct router_change *change)
{
    size_t i, at;

    for (i = 0; i < s->count; i++) {
        if (!same_kind(&s->found[i], change))
            continue;
        if (s->found[i].distance <= change->distance)
            return;
        memmove(&s->found[i], &s->found[i + 1], (s->count - i - 1) * sizeof *s->found);
        s->count--;
        break;
    }
    for (at = 0; at < s->count && s->found[at].distance <= change->distance; at++)
        ;
    if (at == ROUTER_CHANGES_MAX)
        return;
    if (s->count == ROUTER_CHANGES_MAX)
        s->count--;
    memmove(&s->found[at + 1], &s->found[at], (s->count - at) * sizeof *s->found);
    s->found[at] = *change;
    s->count++;
}

/* Makes the choice on `facts`; keeps the change when it comes out differently. */
static void try_facts(struct search *s, const struct router_facts *facts,
                      struct router_change change)
{
    struct router_decision other;
    struct arena *arena;

    if (s->err || s->tries++ >= ROUTER_EXPLAIN_TRIES)
        return;
    arena = arena_new(16u << 20);
    s->err = arena ? router_choose(facts, arena, &other, NULL) : BASE_ERR_NO_MEMORY;
    if (!s->err) {
        change.outcome = other.outcome;
        change.chosen = chosen_name(facts, &other);
        if (other.outcome != s->decision->outcome ||
            !slice_eq(change.chosen, chosen_name(s->facts, s->decision)))
            keep(s, &change);
    }
    arena_free(arena);
}

/* The same with one target changed. */
static void try_target(struct search *s, size_t index, const struct router_target *target,
                       struct router_change change)
{
    struct router_facts facts = *s->facts;
    struct router_target *copy;

    if (s->err || s->tries >= ROUTER_EXPLAIN_TRIES)
        return;
    copy = malloc(facts.target_count * sizeof *copy);
    if (!copy) {
        s->err = BASE_ERR_NO_MEMORY;
        return;
    }
    memcpy(copy, facts.targets, facts.target_count * sizeof *copy);
    copy[index] = *target;
    facts.targets = copy;
    change.target = target->name;
    try_facts(s, &facts, change);
    free(copy);
}

static double log_distance(int64_t from, int64_t to)
{
    return PER_DOUBLING * fabs(log2(((double)to + 1) / ((double)from + 1)));
}

static void try_complexity(struct search *s, double to)
{
    struct router_facts facts = *s->facts;

    if (to < 0 || to > 1)
        return;
    facts.complexity = to;
    try_facts(s, &facts,
              (struct router_change){.type = ROUTER_CHANGE_COMPLEXITY,
                                     .distance = fabs(to - s->facts->complexity),
                                     .from_rank = s->facts->complexity,
                                     .to_rank = to});
}

static void try_tokens(struct search *s, int64_t to)
{
    struct router_facts facts = *s->facts;

    if (to < 1)
        return;
    facts.prompt_tokens = to;
    try_facts(s, &facts,
              (struct router_change){.type = ROUTER_CHANGE_PROMPT_TOKENS,
                                     .distance = log_distance(s->facts->prompt_tokens, to),
                                     .from_number = s->facts->prompt_tokens,
                                     .to_number = to});
}

static void try_levels(struct search *s)
{
    for (int level = 0; level < POLICY_LEVEL_COUNT; level++) {
        struct router_facts facts = *s->facts;

        if (level == (int)s->facts->level)
            continue;
        facts.level = (enum policy_level)level;
        try_facts(s, &facts,
                  (struct router_change){.type = ROUTER_CHANGE_LEVEL,
                                         .distance = LEVEL_STEP * abs(level - (int)s->facts->level),
                                         .from_level = s->facts->level,
                                         .to_level = facts.level});
    }
}

/* What this target alone could have been: the numbers at which its own reasons turn. */
static void try_own_numbers(struct search *s, const struct router_target *t, int64_t cost)
{
    double capability = t->capability.by_task[s->facts->task];

    if (capability < s->facts->complexity)
        try_complexity(s, capability);
    else
        try_complexity(s, nextafter(capability, 2));
    if (t->context_tokens > 0 && s->facts->prompt_tokens >= t->context_tokens)
        try_tokens(s, t->context_tokens - 1);
    else if (t->context_tokens > 0)
        try_tokens(s, t->context_tokens);
    if (cost >= 0 && s->facts->effects.max_cost_nano_usd >= 0 &&
        cost > s->facts->effects.max_cost_nano_usd) {
        struct router_facts facts = *s->facts;

        facts.effects.max_cost_nano_usd = cost;
        try_facts(s, &facts,
                  (struct router_change){
                      .type = ROUTER_CHANGE_MAX_COST,
                      .distance = log_distance(s->facts->effects.max_cost_nano_usd, cost),
                      .rule = s->facts->effects.max_cost_rule,
                      .from_number = s->facts->effects.max_cost_nano_usd,
                      .to_number = cost});
    }
    if (s->facts->deadline_ms >= 0 && t->first_token_ms > s->facts->deadline_ms) {
        struct router_facts facts = *s->facts;

        facts.deadline_ms = t->first_token_ms;
        try_facts(s, &facts,
                  (struct router_change){.type = ROUTER_CHANGE_DEADLINE,
                                         .distance =
                                             log_distance(s->facts->deadline_ms, t->first_token_ms),
                                         .from_number = s->facts->deadline_ms,
                                         .to_number = t->first_token_ms});
    }
}

static void try_installation(struct search *s, size_t index, int64_t cost)
{
    const struct router_target *t = &s->facts->targets[index];
    struct router_target other = *t;

    if (t->clearance < s->facts->level) {
        other.clearance = s->facts->level;
        try_target(s, index, &other,
                   (struct router_change){.type = ROUTER_CHANGE_CLEARANCE,
                                          .distance = LEVEL_STEP * (s->facts->level - t->clearance),
                                          .from_level = t->clearance,
                                          .to_level = s->facts->level});
    }
    other = *t;
    other.health = t->health == ROUTER_HEALTH_UP ? ROUTER_HEALTH_DOWN : ROUTER_HEALTH_UP;
    try_target(s, index, &other,
               (struct router_change){
                   .type = ROUTER_CHANGE_HEALTH, .distance = SETTING, .to_health = other.health});
    other = *t;
    other.allowed_for_key = true;
    if (!t->allowed_for_key)
        try_target(s, index, &other,
                   (struct router_change){.type = ROUTER_CHANGE_KEY, .distance = SETTING});
    other = *t;
    other.budget_left_nano_usd = cost;
    if (t->budget_left_nano_usd >= 0 && cost > t->budget_left_nano_usd)
        try_target(s, index, &other,
                   (struct router_change){.type = ROUTER_CHANGE_BUDGET,
                                          .distance = log_distance(t->budget_left_nano_usd, cost),
                                          .from_number = t->budget_left_nano_usd,
                                          .to_number = cost});
}

static size_t without_rule(struct router_limit *to, const struct router_limit *from, size_t count,
                           struct slice rule)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!slice_eq(from[i].rule, rule))
            to[kept++] = from[i];
    return kept;
}

static void try_without_rule(struct search *s, struct slice rule)
{
    struct router_facts facts = *s->facts;
    struct router_effects *e = &facts.effects;
    size_t all = e->only_count + e->avoid_count + e->prefer_count;
    struct router_limit *limits = calloc(all + 1, sizeof *limits);
    struct router_limit *avoid, *prefer;

    if (!limits) {
        s->err = BASE_ERR_NO_MEMORY;
        return;
    }
    avoid = limits + e->only_count;
    prefer = avoid + e->avoid_count;
    e->only_count = without_rule(limits, e->only, e->only_count, rule);
    e->avoid_count = without_rule(avoid, e->avoid, e->avoid_count, rule);
    e->prefer_count = without_rule(prefer, e->prefer, e->prefer_count, rule);
    e->only = limits;
    e->avoid = avoid;
    e->prefer = prefer;
    if (slice_eq(e->pin_rule, rule))
        e->pin = SLICE_NONE;
    if (slice_eq(e->refuse_rule, rule))
        e->refuse = false;
    if (slice_eq(e->max_cost_rule, rule))
        e->max_cost_nano_usd = ROUTER_UNKNOWN;
    try_facts(
        s, &facts,
        (struct router_change){.type = ROUTER_CHANGE_RULE, .distance = SETTING, .rule = rule});
    free(limits);
}

static void try_request(struct search *s)
{
    struct router_facts facts;

    try_levels(s);
    for (int o = 0; o < ROUTER_OBJECTIVE_COUNT; o++) {
        facts = *s->facts;
        facts.objective = (enum router_objective)o;
        if (facts.objective != s->facts->objective)
            try_facts(s, &facts,
                      (struct router_change){.type = ROUTER_CHANGE_OBJECTIVE,
                                             .distance = SETTING,
                                             .to_objective = facts.objective});
    }
    if (s->facts->session.target.len) {
        facts = *s->facts;
        facts.session = (struct router_session){.target = SLICE_NONE};
        try_facts(s, &facts,
                  (struct router_change){.type = ROUTER_CHANGE_SESSION,
                                         .distance = SETTING,
                                         .target = s->facts->session.target});
    }
    for (size_t i = 0; i < s->facts->effects.match_count; i++)
        if (s->facts->effects.matched[i].routing)
            try_without_rule(s, s->facts->effects.matched[i].rule);
}

enum base_err router_explain(const struct router_facts *facts,
                             const struct router_decision *decision, struct arena *arena,
                             struct router_explanation *ret, struct base_error *reterr)
{
    struct search s = {.facts = facts, .decision = decision};
    struct router_change *changes;

    try_request(&s);
    for (size_t i = 0; i < facts->target_count; i++)
        try_own_numbers(&s, &facts->targets[i], router_expected_cost(facts, &facts->targets[i]));
    for (size_t i = 0; i < facts->target_count; i++)
        try_installation(&s, i, router_expected_cost(facts, &facts->targets[i]));
    changes = arena_calloc(arena, s.count + 1, sizeof *changes);
    if (s.err || !changes)
        return base_error_set(reterr, s.err ? s.err : BASE_ERR_NO_MEMORY,
                              "the nearest changes could not be found: no memory");
    memcpy(changes, s.found, s.count * sizeof *changes);
    *ret = (struct router_explanation){facts, decision, changes, s.count};
    return BASE_OK;
}

static void outcome_text(const struct router_change *c, struct buffer *out)
{
    if (c->outcome)
        buffer_addf(out, "would have been refused (%s)", base_err_info(c->outcome)->code);
    else
        buffer_addf(out, "would have chosen %.*s", SLICE_ARG(c->chosen));
}

static void money_change(const char *what, struct slice name, const struct router_change *c,
                         struct buffer *out)
{
    buffer_addf(out, "%s %.*s at ", what, SLICE_ARG(name));
    router_money_text(c->to_number, out);
    buffer_add_str(out, " instead of ");
    router_money_text(c->from_number, out);
}

static void installation_text(const struct router_change *c, struct buffer *out)
{
    switch (c->type) {
    case ROUTER_CHANGE_CLEARANCE:
        buffer_addf(out, "%.*s cleared for %s instead of %s", SLICE_ARG(c->target),
                    policy_level_name(c->to_level), policy_level_name(c->from_level));
        break;
    case ROUTER_CHANGE_HEALTH:
        buffer_addf(out, "%.*s %s", SLICE_ARG(c->target), router_health_name(c->to_health));
        break;
    case ROUTER_CHANGE_BUDGET:
        money_change("the budget for", c->target, c, out);
        break;
    case ROUTER_CHANGE_MAX_COST:
        money_change("the limit of rule", c->rule, c, out);
        break;
    case ROUTER_CHANGE_KEY:
        buffer_addf(out, "a key that may use %.*s", SLICE_ARG(c->target));
        break;
    default:
        buffer_addf(out, "no rule %.*s", SLICE_ARG(c->rule));
    }
}

/* Enough digits to tell the two ranks apart. */
static int rank_digits(double a, double b)
{
    int digits = 2;

    while (digits < 9 && fabs(a - b) * pow(10, digits) < 1)
        digits++;
    return digits;
}

void router_change_text(const struct router_change *c, struct buffer *out)
{
    int digits = rank_digits(c->from_rank, c->to_rank);

    switch (c->type) {
    case ROUTER_CHANGE_COMPLEXITY:
        buffer_addf(out, "complexity %s%.*f instead of %.*f",
                    c->to_rank > c->from_rank ? "above " : "", digits, c->to_rank, digits,
                    c->from_rank);
        break;
    case ROUTER_CHANGE_LEVEL:
        buffer_addf(out, "a request at level %s instead of %s", policy_level_name(c->to_level),
                    policy_level_name(c->from_level));
        break;
    case ROUTER_CHANGE_PROMPT_TOKENS:
        buffer_addf(out, "%" PRId64 " prompt tokens instead of %" PRId64, c->to_number,
                    c->from_number);
        break;
    case ROUTER_CHANGE_DEADLINE:
        buffer_addf(out, "a deadline of %" PRId64 " ms instead of %" PRId64 " ms", c->to_number,
                    c->from_number);
        break;
    case ROUTER_CHANGE_OBJECTIVE:
        buffer_addf(out, "objective %s", router_objective_name(c->to_objective));
        break;
    case ROUTER_CHANGE_SESSION:
        buffer_addf(out, "a conversation not served by %.*s before", SLICE_ARG(c->target));
        break;
    default:
        installation_text(c, out);
    }
    buffer_add_char(out, ' ');
    outcome_text(c, out);
}
