/*
 * Which rules can never have an effect. A condition is walked with an outer bound of the requests
 * that can still satisfy it; when the bound becomes empty, no request can. The bound is never too
 * small, so a rule that is refused here is really dead; a dead rule may be missed.
 */
#include <stdio.h>

#include "router/rules.h"

/* A bit per level, per task; an interval; one list of strings per field (NULL = any). */
struct bound {
    unsigned levels, tasks;
    int64_t tokens_min, tokens_max;
    unsigned unknown, tool_loop; /* bit 0: may be false, bit 1: may be true */
    const struct router_node *tenant, *language, *model;
};

static const struct bound everything = {.levels = (1u << POLICY_LEVEL_COUNT) - 1,
                                        .tasks = (1u << ROUTER_TASK_COUNT) - 1,
                                        .tokens_min = 1,
                                        .tokens_max = INT64_MAX,
                                        .unknown = 3,
                                        .tool_loop = 3};

static unsigned levels_from(enum policy_level least)
{
    return everything.levels & ~((1u << least) - 1);
}

static bool narrow(const struct router_node *node, bool negated, struct bound *b);

static bool has_glob(const struct router_node *node)
{
    for (size_t i = 0; i < node->value_count; i++)
        if (slice_ends_with(node->values[i], SLICE("*")))
            return true;
    return false;
}

static bool has_value(const struct router_node *node, struct slice value)
{
    for (size_t i = 0; i < node->value_count; i++)
        if (slice_eq(node->values[i], value))
            return true;
    return false;
}

/* Whether some value of the list so far is left; the list itself is kept, which errs on the safe
 * side. */
static bool narrow_strings(const struct router_node **list, const struct router_node *node,
                           bool negated)
{
    if (node->type == ROUTER_WHEN_MODEL && has_glob(node))
        return true;
    if (!*list) {
        if (!negated)
            *list = node;
        return true;
    }
    for (size_t i = 0; i < (*list)->value_count; i++)
        if (has_value(node, (*list)->values[i]) != negated)
            return true;
    return false;
}

static bool narrow_tokens(const struct router_node *node, bool negated, struct bound *b)
{
    /* The opposite of an interval with two ends is two intervals: no bound. */
    if (negated && node->over >= 0 && node->under >= 0)
        return true;
    if (node->over >= 0) {
        if (negated && node->over < b->tokens_max)
            b->tokens_max = node->over;
        if (!negated && node->over >= b->tokens_min)
            b->tokens_min = node->over < INT64_MAX ? node->over + 1 : INT64_MAX;
    }
    if (node->under >= 0) {
        if (negated && node->under > b->tokens_min)
            b->tokens_min = node->under;
        if (!negated && node->under <= b->tokens_max)
            b->tokens_max = node->under - 1;
    }
    return b->tokens_min <= b->tokens_max;
}

static bool narrow_leaf(const struct router_node *node, bool negated, struct bound *b)
{
    unsigned levels, truth = negated ? 1u : 2u;

    switch (node->type) {
    case ROUTER_WHEN_LEVEL:
        levels = levels_from(node->level_min) & ((2u << node->level_max) - 1);
        b->levels &= negated ? ~levels : levels;
        return b->levels != 0;
    case ROUTER_WHEN_TASK:
        b->tasks &= negated ? ~node->tasks : node->tasks;
        return b->tasks != 0;
    case ROUTER_WHEN_PROMPT_TOKENS:
        return narrow_tokens(node, negated, b);
    case ROUTER_WHEN_UNKNOWN:
        b->unknown &= truth;
        return b->unknown != 0;
    case ROUTER_WHEN_TOOL_LOOP:
        b->tool_loop &= truth;
        return b->tool_loop != 0;
    case ROUTER_WHEN_TENANT:
        return narrow_strings(&b->tenant, node, negated);
    case ROUTER_WHEN_LANGUAGE:
        return narrow_strings(&b->language, node, negated);
    case ROUTER_WHEN_MODEL:
        return narrow_strings(&b->model, node, negated);
    default:
        return true;
    }
}

static void widen(struct bound *to, const struct bound *other)
{
    to->levels |= other->levels;
    to->tasks |= other->tasks;
    to->unknown |= other->unknown;
    to->tool_loop |= other->tool_loop;
    if (other->tokens_min < to->tokens_min)
        to->tokens_min = other->tokens_min;
    if (other->tokens_max > to->tokens_max)
        to->tokens_max = other->tokens_max;
}

/* One of the children holds: the hull of their bounds. Lists of strings stay what they were
 * before. */
static bool narrow_any(const struct router_node *node, bool negated, struct bound *b)
{
    struct bound hull = *b;
    bool possible = false;

    for (size_t i = 0; i < node->child_count; i++) {
        struct bound one = *b;

        if (!narrow(&node->children[i], negated, &one))
            continue;
        if (possible) {
            widen(&hull, &one);
        } else {
            hull = one;
            hull.tenant = b->tenant;
            hull.language = b->language;
            hull.model = b->model;
        }
        possible = true;
    }
    *b = hull;
    return possible;
}

static bool narrow_all(const struct router_node *node, bool negated, struct bound *b)
{
    for (size_t i = 0; i < node->child_count; i++)
        if (!narrow(&node->children[i], negated, b))
            return false;
    return true;
}

/* Takes from the bound what cannot satisfy the condition (or, negated, its opposite); false when
 * nothing is left. Depth is bounded by the compiler. */
static bool narrow(const struct router_node *node, bool negated, struct bound *b)
{
    switch (node->type) {
    case ROUTER_WHEN_ALL:
        return negated ? narrow_any(node, true, b) : narrow_all(node, false, b);
    case ROUTER_WHEN_ANY:
        return negated ? narrow_all(node, true, b) : narrow_any(node, false, b);
    case ROUTER_WHEN_NOT:
        return narrow(&node->children[0], !negated, b);
    default:
        return narrow_leaf(node, negated, b);
    }
}

bool router_node_is_always(const struct router_node *node)
{
    if (node->type != ROUTER_WHEN_ALL)
        return false;
    for (size_t i = 0; i < node->child_count; i++)
        if (!router_node_is_always(&node->children[i]))
            return false;
    return true;
}

enum policy_level router_rules_least_level(const struct router_rules *rules,
                                           enum policy_level least)
{
    for (size_t i = 0; rules && i < rules->count; i++)
        if (rules->rules[i].rule.raise_level_given && router_node_is_always(&rules->rules[i].when))
            least = policy_level_join(least, rules->rules[i].rule.raise_level);
    return least;
}

enum policy_level router_node_least_level(const struct router_node *node, enum policy_level least)
{
    struct bound b = everything;
    unsigned level;

    b.levels = levels_from(least);
    if (!narrow(node, false, &b))
        return POLICY_LEVEL_COUNT;
    for (level = 0; !(b.levels >> level & 1); level++)
        ;
    return (enum policy_level)level;
}

static enum base_err dead(size_t index, struct slice name, const char *why,
                          struct base_error *reterr)
{
    char path[32];

    snprintf(path, sizeof path, "rules[%zu]", index);
    return base_error_set_param(reterr, BASE_ERR_BAD_CONFIG, path, "rule '%.*s' is unreachable: %s",
                                (int)(name.len < 100 ? name.len : 100), name.ptr, why);
}

/* Whatever satisfies `a` satisfies `b`, at a level of at least `least`. False when unsure. */
static bool implies(const struct router_node *a, const struct router_node *b,
                    enum policy_level least)
{
    struct bound left = everything;

    left.levels = levels_from(least);
    return narrow(a, false, &left) && !narrow(b, true, &left);
}

enum base_err router_rules_reachable(const struct router_rules *rules, enum policy_level least,
                                     struct base_error *reterr)
{
    enum policy_level raised = router_rules_least_level(rules, least);
    bool ended = false;

    for (size_t i = 0; i < rules->count; i++) {
        const struct router_compiled *c = &rules->rules[i];
        enum policy_level own = raised;

        /* A raise is judged at the level before it, everything else after all raises. */
        if (router_node_least_level(&c->when, c->rule.raise_level_given ? least : raised) ==
            POLICY_LEVEL_COUNT)
            return dead(i, c->rule.name,
                        "its conditions can never hold together, given the "
                        "raises that always apply",
                        reterr);
        if (c->has_routing && ended)
            return dead(i, c->rule.name,
                        "an earlier rule without conditions is final, which "
                        "stops its effects",
                        reterr);
        /* `final` is judged as routing effects are: after all raises. */
        for (size_t k = 0; k < i && c->has_routing; k++)
            if (rules->rules[k].rule.final && implies(&c->when, &rules->rules[k].when, raised))
                return dead(i, c->rule.name,
                            "an earlier rule that matches whenever it does is final, which stops "
                            "its effects",
                            reterr);
        if (c->rule.raise_level_given)
            own = policy_level_join(own, c->rule.raise_level);
        if ((c->has_routing || c->rule.final) &&
            router_node_least_level(&c->when, own) == POLICY_LEVEL_COUNT)
            return dead(i, c->rule.name,
                        "its own raise takes the request above the level that "
                        "its conditions ask for",
                        reterr);
        ended |= c->rule.final && router_node_is_always(&c->when);
    }
    return BASE_OK;
}
