/* Rules from configuration: names resolved, strings copied, patterns compiled together. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "router/rules.h"

enum { PATH_MAX_BYTES = 96, PATTERNS_MAX = 65536 };

struct pattern {
    struct policy_matcher_pattern source;
    const char *path; /* "rules[2].when.text.regex" */
    struct pattern *next;
};

struct compiler {
    const struct router_rules_config *config;
    struct router_rules *rules;
    struct arena *temp;
    struct pattern *patterns, **last;
    size_t node_count;
    bool raises_level; /* of the rule at hand */
    struct base_error *reterr;
};

static const char *const keys[] = {
#define X(name, text) text,
    ROUTER_CONDITIONS(X)
#undef X
};

/* A path too long for an error is cut. */
static BASE_PRINTF(2, 3) void set_path(char to[PATH_MAX_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(to, PATH_MAX_BYTES, format, args);
    va_end(args);
}

static enum base_err no_memory(struct compiler *c)
{
    return base_error_set(c->reterr, BASE_ERR_NO_MEMORY, "no memory left for the rules");
}

/* Number of single edits between two short names; `limit` + 1 when there are more. */
static size_t edit_distance(struct slice a, struct slice b, size_t limit)
{
    size_t row[65];

    if (a.len > 64 || b.len > 64)
        return limit + 1;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            size_t least = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;

            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[b.len] <= limit ? row[b.len] : limit + 1;
}

struct slice router_nearest_name(struct slice name, const struct slice *known, size_t count)
{
    size_t limit = name.len / 3 + 1, best = limit + 1;
    struct slice nearest = SLICE_NONE;

    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(name, known[i], limit);

        if (distance < best) {
            best = distance;
            nearest = known[i];
        }
    }
    return nearest;
}

static enum base_err unknown_name(struct compiler *c, const char *path, const char *what,
                                  struct slice name, const struct slice *known, size_t count)
{
    struct slice near = router_nearest_name(name, known, count);
    int len = (int)(name.len < 100 ? name.len : 100);

    if (near.len)
        return base_error_set_param(c->reterr, BASE_ERR_BAD_CONFIG, path,
                                    "%s '%.*s' is not known; did you mean '%.*s'?", what, len,
                                    name.ptr, SLICE_ARG(near));
    return base_error_set_param(c->reterr, BASE_ERR_BAD_CONFIG, path, "%s '%.*s' is not known",
                                what, len, name.ptr ? name.ptr : "");
}

static enum base_err bad(struct compiler *c, const char *path, const char *text)
{
    return base_error_set_param(c->reterr, BASE_ERR_BAD_CONFIG, path, "%s", text);
}

static enum base_err copy_values(struct compiler *c, const struct slice *values, size_t count,
                                 const struct slice **ret)
{
    struct slice *copy = arena_calloc(c->rules->arena, count ? count : 1, sizeof *copy);

    if (!copy)
        return no_memory(c);
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_dup(c->rules->arena, values[i]);
        if (!copy[i].ptr)
            return no_memory(c);
    }
    *ret = copy;
    return BASE_OK;
}

static enum base_err copy_string(struct compiler *c, struct slice *s)
{
    if (slice_is_absent(*s))
        return BASE_OK;
    *s = arena_dup(c->rules->arena, *s);
    return s->ptr ? BASE_OK : no_memory(c);
}

static enum base_err compile_patterns(struct compiler *c, const struct router_condition *when,
                                      const char *path, struct router_node *node)
{
    static const unsigned flags[] = {
        [ROUTER_WHEN_TEXT_REGEX] = 0,
        [ROUTER_WHEN_TEXT_CONTAINS] = POLICY_MATCH_LITERAL | POLICY_MATCH_NO_CASE,
        [ROUTER_WHEN_TEXT_KEYWORDS] =
            POLICY_MATCH_LITERAL | POLICY_MATCH_NO_CASE | POLICY_MATCH_WORD,
    };
    char *kept = arena_strdup(c->temp, slice_from_str(path));

    node->first_pattern = c->rules->pattern_count;
    node->reads_all =
        when->scope == ROUTER_SCOPE_ALL || (when->scope == ROUTER_SCOPE_DEFAULT && c->raises_level);
    c->rules->reads_all |= node->reads_all;
    for (size_t i = 0; i < when->value_count; i++) {
        struct pattern *p = arena_calloc(c->temp, 1, sizeof *p);

        if (!p || !kept)
            return no_memory(c);
        if (!when->values[i].len)
            return bad(c, path, "an empty text would match everything; remove it");
        if (c->rules->pattern_count == PATTERNS_MAX)
            return bad(c, path, "there are too many text conditions in all");
        p->path = kept;
        p->source.name = slice_from_str(kept);
        p->source.regex = when->values[i];
        p->source.flags = flags[when->type];
        *c->last = p;
        c->last = &p->next;
        c->rules->pattern_count++;
    }
    return BASE_OK;
}

static enum base_err compile_tasks(struct compiler *c, const char *path, struct router_node *node)
{
    struct slice known[ROUTER_TASK_COUNT];

    for (size_t i = 0; i < ROUTER_TASK_COUNT; i++)
        known[i] = slice_from_str(router_task_name((enum router_task)i));
    for (size_t i = 0; i < node->value_count; i++) {
        enum router_task task;

        if (!router_task_from_name(node->values[i], &task))
            return unknown_name(c, path, "task", node->values[i], known, ROUTER_TASK_COUNT);
        node->tasks |= 1u << task;
    }
    return BASE_OK;
}

static enum base_err compile_needs(struct compiler *c, const char *path, struct router_node *node)
{
    struct slice known[16];
    size_t count = 0;

    for (unsigned bit = 1; bit <= CHAT_NEED_LAST; bit <<= 1)
        known[count++] = slice_from_str(chat_need_name((enum chat_need)bit));
    for (size_t i = 0; i < node->value_count; i++) {
        size_t k = 0;

        while (k < count && !slice_eq(known[k], node->values[i]))
            k++;
        if (k == count)
            return unknown_name(c, path, "need", node->values[i], known, count);
        node->needs |= 1u << k;
    }
    return BASE_OK;
}

static bool is_known(const struct slice *known, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(known[i], name))
            return true;
    return false;
}

/* Names of types and groups become bits; those of dictionaries and patterns stay names. */
static enum base_err compile_findings(struct compiler *c, const char *path,
                                      struct router_node *node)
{
    const struct router_rules_config *config = c->config;
    struct slice *custom = arena_calloc(c->rules->arena, node->value_count + 1, sizeof *custom);
    struct slice known[POLICY_FINDING_COUNT];
    size_t count = 0;

    if (!custom)
        return no_memory(c);
    for (size_t i = 0; i < POLICY_FINDING_COUNT; i++)
        known[i] = slice_from_str(policy_finding_config_name((enum policy_finding_type)i));
    for (size_t i = 0; i < node->value_count; i++) {
        policy_types types = policy_types_parse(node->values[i]);

        node->types |= types;
        if (types)
            continue;
        if (!is_known(config->known_findings, config->known_finding_count, node->values[i]))
            return unknown_name(c, path, "finding", node->values[i], known, POLICY_FINDING_COUNT);
        custom[count++] = node->values[i];
    }
    node->values = custom;
    node->value_count = count;
    return BASE_OK;
}

static enum base_err compile_leaf(struct compiler *c, const struct router_condition *when,
                                  const char *path, struct router_node *node)
{
    bool no_values = when->type == ROUTER_WHEN_LEVEL || when->type == ROUTER_WHEN_PROMPT_TOKENS ||
                     when->type == ROUTER_WHEN_HEADER || when->type == ROUTER_WHEN_UNKNOWN ||
                     when->type == ROUTER_WHEN_TOOL_LOOP;

    if (!no_values && !when->value_count)
        return bad(c, path, "the condition names no value");
    switch (when->type) {
    case ROUTER_WHEN_TEXT_REGEX:
    case ROUTER_WHEN_TEXT_CONTAINS:
    case ROUTER_WHEN_TEXT_KEYWORDS:
        return compile_patterns(c, when, path, node);
    case ROUTER_WHEN_TASK:
        return compile_tasks(c, path, node);
    case ROUTER_WHEN_NEEDS:
        return compile_needs(c, path, node);
    case ROUTER_WHEN_FINDING:
        return compile_findings(c, path, node);
    case ROUTER_WHEN_LEVEL:
        if (when->level_min > when->level_max || when->level_max >= POLICY_LEVEL_COUNT)
            return bad(c, path, "the lowest level is above the highest; swap them");
        return BASE_OK;
    case ROUTER_WHEN_PROMPT_TOKENS:
        if (when->over < 0 && when->under < 0)
            return bad(c, path, "the condition needs over or under");
        return BASE_OK;
    case ROUTER_WHEN_HEADER:
        return when->name.len ? BASE_OK : bad(c, path, "the condition names no header");
    default:
        return BASE_OK;
    }
}

static enum base_err compile_node(struct compiler *c, const struct router_condition *when,
                                  const char *path, unsigned depth, struct router_node *node);

static enum base_err compile_children(struct compiler *c, const struct router_condition *when,
                                      const char *path, unsigned depth, struct router_node *node)
{
    struct router_node *children;

    if (when->type == ROUTER_WHEN_NOT && when->child_count != 1)
        return bad(c, path, "'not' takes exactly one condition");
    if (when->type == ROUTER_WHEN_ANY && !when->child_count)
        return bad(c, path, "'any' without conditions never holds");
    children = arena_calloc(c->rules->arena, when->child_count + 1, sizeof *children);
    if (!children)
        return no_memory(c);
    for (size_t i = 0; i < when->child_count; i++) {
        char child_path[PATH_MAX_BYTES];
        enum base_err err;

        if (when->type == ROUTER_WHEN_NOT)
            set_path(child_path, "%s", path);
        else
            set_path(child_path, "%s[%zu]", path, i);
        err = compile_node(c, &when->children[i], child_path, depth + 1, &children[i]);
        if (err)
            return err;
    }
    node->children = children;
    node->child_count = when->child_count;
    return BASE_OK;
}

static enum base_err compile_node(struct compiler *c, const struct router_condition *when,
                                  const char *path, unsigned depth, struct router_node *node)
{
    char own_path[PATH_MAX_BYTES];
    enum base_err err;

    if (depth > ROUTER_CONDITION_DEPTH_MAX)
        return bad(c, path, "conditions are nested too deeply");
    if (++c->node_count > ROUTER_CONDITIONS_MAX)
        return bad(c, path, "there are too many conditions in all");
    if ((size_t)when->type >= ROUTER_WHEN_COUNT)
        return bad(c, path, "the condition is of no known kind");
    *node = (struct router_node){.type = when->type,
                                 .over = when->over,
                                 .under = when->under,
                                 .level_min = when->level_min,
                                 .level_max = when->level_max,
                                 .name = when->name,
                                 .value_count = when->value_count};
    set_path(own_path, "%s.%s", path, keys[when->type]);
    err = copy_string(c, &node->name);
    if (!err)
        err = copy_values(c, when->values, when->value_count, &node->values);
    if (err)
        return err;
    if (when->type <= ROUTER_WHEN_NOT)
        return compile_children(c, when, own_path, depth, node);
    return compile_leaf(c, when, own_path, node);
}

static enum base_err check_target(struct compiler *c, const char *path, struct slice name)
{
    const struct router_rules_config *config = c->config;

    if (!config->known_target_count ||
        is_known(config->known_targets, config->known_target_count, name))
        return BASE_OK;
    return unknown_name(c, path, "target", name, config->known_targets, config->known_target_count);
}

static enum base_err compile_set(struct compiler *c, size_t index, const char *effect,
                                 struct router_target_set *set)
{
    char path[PATH_MAX_BYTES];
    enum base_err err = BASE_OK;

    set_path(path, "rules[%zu].%s", index, effect);
    for (size_t i = 0; i < set->name_count && !err; i++)
        err = check_target(c, path, set->names[i]);
    if (!err && set->zones >= 1u << POLICY_ZONE_COUNT)
        err = bad(c, path, "the zone is of no known kind");
    return err ? err : copy_values(c, set->names, set->name_count, &set->names);
}

static enum base_err compile_effects(struct compiler *c, size_t index, struct router_rule *rule)
{
    char path[PATH_MAX_BYTES];
    enum base_err err;

    set_path(path, "rules[%zu].raise", index);
    if (rule->raise_level_given && (size_t)rule->raise_level >= POLICY_LEVEL_COUNT)
        return bad(c, path, "the level is not known");
    if (rule->raise_complexity > 1 || isnan(rule->raise_complexity))
        return bad(c, path, "complexity is a rank between 0 and 1");
    err = compile_set(c, index, "only", &rule->only);
    if (!err)
        err = compile_set(c, index, "avoid", &rule->avoid);
    if (!err)
        err = compile_set(c, index, "prefer", &rule->prefer);
    if (err)
        return err;
    set_path(path, "rules[%zu].pin", index);
    err = rule->pin.len ? check_target(c, path, rule->pin) : BASE_OK;
    if (!err)
        err = copy_string(c, &rule->pin);
    return err ? err : copy_string(c, &rule->refuse_message);
}

static bool has_routing(const struct router_rule *rule)
{
    return router_target_set_given(&rule->only) || router_target_set_given(&rule->avoid) ||
           router_target_set_given(&rule->prefer) || rule->pin.len || rule->refuse ||
           rule->objective_given || rule->max_cost_nano_usd >= 0;
}

static enum base_err check_name(struct compiler *c, size_t index)
{
    const struct router_rule *rules = c->config->rules;
    char path[PATH_MAX_BYTES];

    set_path(path, "rules[%zu].name", index);
    if (!rules[index].name.len)
        return bad(c, path, "a rule needs a name, which decisions and reports show");
    for (size_t i = 0; i < index; i++)
        if (slice_eq(rules[i].name, rules[index].name))
            return base_error_set_param(
                c->reterr, BASE_ERR_BAD_CONFIG, path, "rules[%zu] already has the name '%.*s'", i,
                (int)(rules[i].name.len < 100 ? rules[i].name.len : 100), rules[i].name.ptr);
    return BASE_OK;
}

static enum base_err compile_rule(struct compiler *c, size_t index, struct router_compiled *out)
{
    char path[PATH_MAX_BYTES];
    enum base_err err;

    out->rule = c->config->rules[index];
    err = check_name(c, index);
    if (!err)
        err = copy_string(c, &out->rule.name);
    if (!err)
        err = compile_effects(c, index, &out->rule);
    if (err)
        return err;
    out->has_routing = has_routing(&out->rule);
    if (!out->has_routing && !out->rule.final && !out->rule.raise_level_given &&
        out->rule.raise_complexity < 0) {
        set_path(path, "rules[%zu]", index);
        return bad(c, path, "the rule has no effect; give it one, or remove it");
    }
    c->raises_level = out->rule.raise_level_given;
    set_path(path, "rules[%zu].when", index);
    err = compile_node(c, &c->config->rules[index].when, path, 0, &out->when);
    out->rule.when = (struct router_condition){.type = ROUTER_WHEN_ALL};
    return err;
}

/* The matcher says what is wrong with a set of patterns; the one at fault is found alone. */
static enum base_err blame_pattern(struct compiler *c, enum base_err err)
{
    for (const struct pattern *p = c->patterns; p; p = p->next) {
        struct policy_matcher *alone;
        struct base_error detail;
        enum base_err own = policy_matcher_new(&p->source, 1, &alone, &detail);

        if (own)
            return base_error_set_param(c->reterr, own, p->path, "%s", detail.message);
        policy_matcher_free(alone);
    }
    return base_error_set(c->reterr, err, "the text conditions of the rules cannot be compiled");
}

static enum base_err build_matcher(struct compiler *c)
{
    struct policy_matcher_pattern *all;
    enum base_err err;
    size_t i = 0;

    if (!c->rules->pattern_count)
        return BASE_OK;
    all = arena_calloc(c->temp, c->rules->pattern_count, sizeof *all);
    if (!all)
        return no_memory(c);
    for (const struct pattern *p = c->patterns; p; p = p->next)
        all[i++] = p->source;
    err = policy_matcher_new(all, i, &c->rules->matcher, NULL);
    return err == BASE_ERR_BAD_CONFIG ? blame_pattern(c, err) : err;
}

static enum base_err compile_all(struct compiler *c)
{
    const struct router_rules_config *config = c->config;
    struct router_compiled *rules =
        arena_calloc(c->rules->arena, config->rule_count + 1, sizeof *rules);
    enum base_err err = BASE_OK;

    if (!rules)
        return no_memory(c);
    c->rules->rules = rules;
    c->rules->count = config->rule_count;
    for (size_t i = 0; i < config->rule_count && !err; i++)
        err = compile_rule(c, i, &rules[i]);
    if (!err)
        err = router_rules_reachable(c->rules, config->least_level, c->reterr);
    return err ? err : build_matcher(c);
}

enum base_err router_rules_new(const struct router_rules_config *config, struct router_rules **ret,
                               struct base_error *reterr)
{
    struct compiler c = {.config = config, .reterr = reterr};
    enum base_err err;

    if (config->rule_count > ROUTER_RULES_MAX)
        return base_error_set_param(reterr, BASE_ERR_BAD_CONFIG, "rules",
                                    "there are %zu rules, at most %d are possible",
                                    config->rule_count, ROUTER_RULES_MAX);
    c.rules = calloc(1, sizeof *c.rules);
    c.temp = arena_new(64u << 20);
    c.last = &c.patterns;
    if (!c.rules || !c.temp) {
        err = no_memory(&c);
        goto out;
    }
    c.rules->arena = arena_new(64u << 20);
    err = c.rules->arena ? compile_all(&c) : no_memory(&c);
    if (err)
        goto out;
    *ret = c.rules;
    c.rules = NULL;
out:
    router_rules_free(c.rules);
    arena_free(c.temp);
    return err;
}

void router_rules_free(struct router_rules *rules)
{
    if (!rules)
        return;
    policy_matcher_free(rules->matcher);
    arena_free(rules->arena);
    free(rules);
}
