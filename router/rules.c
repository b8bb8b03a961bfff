#include "router/rules.h"

/* One evaluation. `ask` and `all` are filled before the first condition is looked at. */
struct match {
    const struct router_rules *rules;
    const struct router_signals *signals;
    bool *ask, *all; /* per pattern: found in the last ask; in any readable byte */
    enum base_err err;
    enum policy_level level;
    struct slice word;                          /* of the last text condition that held */
    struct router_limit *only, *avoid, *prefer; /* what the effects point to */
};

size_t router_rules_count(const struct router_rules *rules)
{
    return rules->count;
}

static bool is_one_of(const struct router_node *node, struct slice value)
{
    for (size_t i = 0; i < node->value_count; i++)
        if (slice_eq(node->values[i], value))
            return true;
    return false;
}

/* The same, with a final '*' for any rest. */
static bool model_matches(const struct router_node *node, struct slice model)
{
    for (size_t i = 0; i < node->value_count; i++) {
        struct slice v = node->values[i];

        if (slice_ends_with(v, SLICE("*")) ? slice_starts_with(model, slice_sub(v, 0, v.len - 1))
                                           : slice_eq(v, model))
            return true;
    }
    return false;
}

static bool header_matches(const struct router_node *node, const struct router_given *given)
{
    for (size_t i = 0; i < given->header_count; i++) {
        if (!slice_eq_nocase(given->headers[i].name, node->name))
            continue;
        if (!node->value_count || is_one_of(node, given->headers[i].value))
            return true;
    }
    return false;
}

static bool group_matches(const struct router_node *node, const struct router_given *given)
{
    for (size_t i = 0; i < given->key_group_count; i++)
        if (is_one_of(node, given->key_groups[i]))
            return true;
    return false;
}

/* `findings` is a list of names with commas. */
static bool finding_matches(const struct router_node *node, const struct router_given *given)
{
    struct slice rest = given->findings;

    if (given->finding_types & node->types)
        return true;
    while (node->value_count && rest.len) {
        size_t comma = slice_find(rest, SLICE(","));
        struct slice name = slice_sub(rest, 0, comma);

        if (is_one_of(node, name))
            return true;
        rest = slice_sub(rest, comma < rest.len ? comma + 1 : rest.len, SIZE_MAX);
    }
    return false;
}

static bool text_matches(struct match *m, const struct router_node *node)
{
    const bool *hits = node->reads_all ? m->all : m->ask;

    for (size_t i = 0; i < node->value_count; i++) {
        if (!hits[node->first_pattern + i])
            continue;
        m->word = node->values[i];
        return true;
    }
    return false;
}

static bool leaf_holds(struct match *m, const struct router_node *node)
{
    const struct router_signals *s = m->signals;

    switch (node->type) {
    case ROUTER_WHEN_TEXT_REGEX:
    case ROUTER_WHEN_TEXT_CONTAINS:
    case ROUTER_WHEN_TEXT_KEYWORDS:
        return text_matches(m, node);
    case ROUTER_WHEN_TASK:
        return node->tasks >> s->score.task & 1;
    case ROUTER_WHEN_TENANT:
        return is_one_of(node, s->given.tenant);
    case ROUTER_WHEN_KEY_GROUP:
        return group_matches(node, &s->given);
    case ROUTER_WHEN_LEVEL:
        return m->level >= node->level_min && m->level <= node->level_max;
    case ROUTER_WHEN_FINDING:
        return finding_matches(node, &s->given);
    case ROUTER_WHEN_PROMPT_TOKENS:
        return (node->over < 0 || s->prompt_tokens > node->over) &&
               (node->under < 0 || s->prompt_tokens < node->under);
    case ROUTER_WHEN_NEEDS:
        return (s->needs & node->needs) != 0;
    case ROUTER_WHEN_LANGUAGE:
        return is_one_of(node, s->language);
    case ROUTER_WHEN_MODEL:
        return model_matches(node, s->model);
    case ROUTER_WHEN_HEADER:
        return header_matches(node, &s->given);
    case ROUTER_WHEN_UNKNOWN:
        return s->score.unknown != ROUTER_KNOWN;
    case ROUTER_WHEN_TOOL_LOOP:
        return s->tool_loop_open;
    default:
        return false;
    }
}

/* Depth is bounded by ROUTER_CONDITION_DEPTH_MAX. */
static bool holds(struct match *m, const struct router_node *node)
{
    size_t i;

    switch (node->type) {
    case ROUTER_WHEN_ALL:
        for (i = 0; i < node->child_count; i++)
            if (!holds(m, &node->children[i]))
                return false;
        return true;
    case ROUTER_WHEN_ANY:
        for (i = 0; i < node->child_count; i++)
            if (holds(m, &node->children[i]))
                return true;
        return false;
    case ROUTER_WHEN_NOT:
        return !holds(m, &node->children[0]);
    default:
        return leaf_holds(m, node);
    }
}

static bool find_in_bytes(void *user, struct slice bytes, const struct chat_place *place)
{
    struct match *m = user;

    if (!place->is_opaque)
        m->err = policy_matcher_find(m->rules->matcher, bytes, m->all);
    return !m->err;
}

static enum base_err find_patterns(struct match *m, struct arena *arena)
{
    const struct router_rules *rules = m->rules;
    enum base_err err;

    if (!rules->matcher)
        return BASE_OK;
    m->ask = arena_calloc(arena, rules->pattern_count, sizeof(bool));
    m->all = arena_calloc(arena, rules->pattern_count, sizeof(bool));
    if (!m->ask || !m->all)
        return BASE_ERR_NO_MEMORY;
    err = policy_matcher_find(rules->matcher, m->signals->ask, m->ask);
    if (err || !rules->reads_all)
        return err;
    if (!m->signals->request) {
        memcpy(m->all, m->ask, rules->pattern_count * sizeof(bool));
        return BASE_OK;
    }
    chat_request_visit(m->signals->request, find_in_bytes, m);
    return m->err;
}

/* Raises until nothing changes: at most one round per level and one more. `raised` remembers rules
 * whose condition held at a lower level, because what was raised stays raised. */
static void apply_raises(struct match *m, struct router_effects *e, bool *raised)
{
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < m->rules->count; i++) {
            const struct router_compiled *c = &m->rules->rules[i];

            if (raised[i] || !c->rule.raise_level_given || !holds(m, &c->when))
                continue;
            raised[i] = true;
            if (c->rule.raise_level <= m->level)
                continue;
            m->level = c->rule.raise_level;
            e->level_rule = c->rule.name;
            again = true;
        }
    }
    e->level = m->level;
}

static void add_limit(const struct router_rule *rule, const struct router_target_set *set,
                      struct router_limit *limits, size_t *count)
{
    if (router_target_set_given(set))
        limits[(*count)++] = (struct router_limit){rule->name, *set};
}

static void apply_routing(struct match *m, struct router_effects *e, const struct router_rule *rule)
{
    add_limit(rule, &rule->only, m->only, &e->only_count);
    add_limit(rule, &rule->avoid, m->avoid, &e->avoid_count);
    add_limit(rule, &rule->prefer, m->prefer, &e->prefer_count);
    if (rule->pin.len) {
        e->pin = rule->pin;
        e->pin_rule = rule->name;
    }
    if (rule->refuse && !e->refuse) {
        e->refuse = true;
        e->refuse_rule = rule->name;
        e->refuse_message = rule->refuse_message;
    }
    if (rule->objective_given) {
        e->objective_given = true;
        e->objective = rule->objective;
        e->objective_rule = rule->name;
    }
    if (rule->max_cost_nano_usd >= 0 &&
        (e->max_cost_nano_usd < 0 || rule->max_cost_nano_usd < e->max_cost_nano_usd)) {
        e->max_cost_nano_usd = rule->max_cost_nano_usd;
        e->max_cost_rule = rule->name;
    }
}

static void apply_rules(struct match *m, struct router_effects *e, const bool *raised,
                        struct router_match *matched)
{
    bool ended = false;

    for (size_t i = 0; i < m->rules->count; i++) {
        const struct router_compiled *c = &m->rules->rules[i];
        bool now;

        m->word = SLICE_NONE;
        now = holds(m, &c->when);
        if (!now && !raised[i])
            continue;
        if (c->rule.raise_complexity > e->complexity_floor) {
            e->complexity_floor = c->rule.raise_complexity;
            e->complexity_rule = c->rule.name;
        }
        matched[e->match_count++] =
            (struct router_match){.rule = c->rule.name, .routing = now && !ended, .word = m->word};
        if (!now || ended)
            continue;
        apply_routing(m, e, &c->rule);
        ended = c->rule.final;
    }
    e->matched = matched;
}

enum base_err router_rules_match(const struct router_rules *rules,
                                 const struct router_signals *signals, struct arena *arena,
                                 struct router_effects *ret, struct base_error *reterr)
{
    struct match m = {.rules = rules, .signals = signals, .level = signals->given.level};
    struct router_effects e = router_effects_none(signals->given.level);
    struct router_match *matched = arena_calloc(arena, rules->count + 1, sizeof *matched);
    bool *raised = arena_calloc(arena, rules->count + 1, sizeof *raised);
    enum base_err err;

    m.only = arena_calloc(arena, rules->count + 1, sizeof *m.only);
    m.avoid = arena_calloc(arena, rules->count + 1, sizeof *m.avoid);
    m.prefer = arena_calloc(arena, rules->count + 1, sizeof *m.prefer);
    if (!matched || !raised || !m.only || !m.avoid || !m.prefer)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory left for the rules");
    err = find_patterns(&m, arena);
    if (err)
        return base_error_set(reterr, err, "the text conditions of the rules could not be checked");
    apply_raises(&m, &e, raised);
    apply_rules(&m, &e, raised, matched);
    e.only = m.only;
    e.avoid = m.avoid;
    e.prefer = m.prefer;
    *ret = e;
    return BASE_OK;
}
