/* Checks at load: which targets each level can reach on each path, and paths that can never serve.
 * */
#include <stdio.h>

#include "router/rules.h"

enum { PATH_MAX_BYTES = 96 };

static enum base_err no_memory(struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory left for the check");
}

static bool set_has(const struct router_target_set *set, const struct router_target *target)
{
    return !router_target_set_given(set) || router_target_set_has(set, target);
}

/* ---- Rules that raise, pin and restrict ---- */

static bool somebody_cleared(const struct router_check_config *c, enum policy_level level,
                             const struct router_target_set *set)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (c->targets[i].clearance >= level && set_has(set, &c->targets[i]))
            return true;
    return false;
}

static enum base_err bad_rule(size_t index, const struct router_rule *rule, const char *what,
                              enum policy_level level, struct base_error *reterr)
{
    char path[PATH_MAX_BYTES];

    snprintf(path, sizeof path, "rules[%zu]", index);
    return base_error_set_param(reterr, BASE_ERR_BAD_CONFIG, path,
                                "rule '%.*s': a request that it applies to is at least %s, and %s; "
                                "raise a clearance, or let the rule refuse",
                                (int)(rule->name.len < 100 ? rule->name.len : 100), rule->name.ptr,
                                policy_level_name(level), what);
}

/* Some rule without conditions but a level (at most `level`) refuses: nothing has to serve it. */
static bool level_is_refused(const struct router_rules *rules, enum policy_level level)
{
    bool ended = false;

    for (size_t i = 0; i < rules->count && !ended; i++) {
        const struct router_node *when = &rules->rules[i].when;
        bool always = router_node_is_always(when);

        while (when->type == ROUTER_WHEN_ALL && when->child_count == 1)
            when = &when->children[0];
        always |= when->type == ROUTER_WHEN_LEVEL && when->level_min <= level &&
                  when->level_max == POLICY_LEVEL_RESTRICTED;
        if (always && rules->rules[i].rule.refuse)
            return true;
        ended = rules->rules[i].rule.final;
    }
    return false;
}

static enum base_err check_rule(const struct router_check_config *c, size_t index,
                                enum policy_level least, struct base_error *reterr)
{
    const struct router_compiled *rule = &c->rules->rules[index];
    const struct router_rule *r = &rule->rule;
    struct router_target_set pin = {.names = &r->pin, .name_count = 1}, any = {0};
    enum policy_level level = least;

    if (r->refuse)
        return BASE_OK;
    if (r->raise_level_given)
        level = policy_level_join(level, r->raise_level);
    level = router_node_least_level(&rule->when, level);
    if (level == POLICY_LEVEL_COUNT)
        level = policy_level_join(least, r->raise_level); /* raises only; routing was checked */
    if (level_is_refused(c->rules, level))
        return BASE_OK;
    if (r->raise_level_given && !somebody_cleared(c, r->raise_level, &any))
        return bad_rule(index, r, "no target is cleared for that", level, reterr);
    if (r->pin.len && !somebody_cleared(c, level, &pin))
        return bad_rule(index, r, "the target that it pins is not cleared for that", level, reterr);
    if (router_target_set_given(&r->only) && !somebody_cleared(c, level, &r->only))
        return bad_rule(index, r, "none of the targets that it leaves is cleared for that", level,
                        reterr);
    return BASE_OK;
}

/* ---- The matrix ---- */

/* What rules that always apply leave of the targets. */
static bool rules_allow(const struct router_rules *rules, const struct router_target *target)
{
    bool ended = false;
    struct slice pin = SLICE_NONE;

    for (size_t i = 0; rules && i < rules->count && !ended; i++) {
        const struct router_rule *r = &rules->rules[i].rule;

        if (!router_node_is_always(&rules->rules[i].when))
            continue;
        if (r->refuse || !set_has(&r->only, target))
            return false;
        if (r->pin.len)
            pin = r->pin;
        ended = r->final;
    }
    return !pin.len || slice_eq(pin, target->name);
}

static enum base_err fill_row(const struct router_check_config *c, struct slice name,
                              const struct router_target_set *set, enum policy_level least,
                              struct arena *arena, struct router_row *row)
{
    row->name = name;
    for (int level = 0; level < POLICY_LEVEL_COUNT; level++) {
        uint32_t *cell = arena_calloc(arena, c->target_count + 1, sizeof *cell);
        /* A request found below the least level of its path is served at that level. */
        enum policy_level effective = policy_level_join((enum policy_level)level, least);
        size_t count = 0;

        if (!cell)
            return BASE_ERR_NO_MEMORY;
        for (size_t i = 0; i < c->target_count; i++)
            if (set_has(set, &c->targets[i]) && c->targets[i].clearance >= effective &&
                rules_allow(c->rules, &c->targets[i]) &&
                !(c->rules && level_is_refused(c->rules, effective)))
                cell[count++] = (uint32_t)i;
        row->by_level[level] = (struct router_cell){cell, count};
    }
    return BASE_OK;
}

static enum base_err check_path(const struct router_check_config *c, struct slice name,
                                const struct router_target_set *set, enum policy_level least,
                                struct base_error *reterr)
{
    char path[PATH_MAX_BYTES];

    if (somebody_cleared(c, least, set) || (c->rules && level_is_refused(c->rules, least)))
        return BASE_OK;
    snprintf(path, sizeof path, "%.*s", SLICE_ARG(name));
    return base_error_set_param(reterr, BASE_ERR_BAD_CONFIG, path,
                                "what goes this way is at least %s, and none of its targets is "
                                "cleared for that; raise a clearance, or choose other targets",
                                policy_level_name(least));
}

static struct router_target_set route_set(const struct router_route *route)
{
    return (struct router_target_set){.names = route->targets, .name_count = route->target_count};
}

struct builder {
    const struct router_check_config *config;
    struct arena *arena;
    struct router_row *rows;
    size_t count;
    enum policy_level least;
    struct base_error *reterr;
};

static enum base_err add_row(struct builder *b, struct slice name,
                             const struct router_target_set *set, enum policy_level least)
{
    enum base_err err = check_path(b->config, name, set, least, b->reterr);

    if (err)
        return err;
    err = fill_row(b->config, name, set, least, b->arena, &b->rows[b->count++]);
    return err ? no_memory(b->reterr) : BASE_OK;
}

static enum base_err add_rows(struct builder *b)
{
    const struct router_check_config *c = b->config;
    enum base_err err = BASE_OK;

    for (size_t i = 0; c->routes && i < c->routes->count && !err; i++) {
        struct router_target_set set = route_set(&c->routes->items[i]);

        err = add_row(b, c->routes->items[i].name, &set, b->least);
    }
    for (size_t i = 0; i < c->target_count && !err; i++) {
        struct router_target_set set = {.names = &c->targets[i].name, .name_count = 1};

        err = add_row(b, c->targets[i].name, &set, b->least);
    }
    for (size_t i = 0; i < c->path_count && !err; i++)
        err = add_row(b, c->paths[i].name, &c->paths[i].targets,
                      policy_level_join(b->least, c->paths[i].least_level));
    return err;
}

enum base_err router_check(const struct router_check_config *config, struct arena *arena,
                           struct router_matrix *ret, struct base_error *reterr)
{
    struct builder b = {.config = config, .arena = arena, .reterr = reterr};
    size_t rows = config->target_count + config->path_count;
    enum base_err err = BASE_OK;

    if (config->routes)
        rows += config->routes->count;
    b.least = router_rules_least_level(config->rules, config->least_level);
    b.rows = arena_calloc(arena, rows + 1, sizeof *b.rows);
    if (!b.rows)
        return no_memory(reterr);
    for (size_t i = 0; config->rules && i < config->rules->count && !err; i++)
        err = check_rule(config, i, b.least, reterr);
    if (!err)
        err = add_rows(&b);
    if (err)
        return err;
    *ret = (struct router_matrix){b.rows, b.count};
    return BASE_OK;
}

void router_matrix_text(const struct router_matrix *matrix, const struct router_target *targets,
                        struct buffer *out)
{
    for (size_t i = 0; i < matrix->count; i++) {
        const struct router_row *row = &matrix->rows[i];

        buffer_addf(out, "%.*s\n", SLICE_ARG(row->name));
        for (int level = 0; level < POLICY_LEVEL_COUNT; level++) {
            const struct router_cell *cell = &row->by_level[level];

            buffer_addf(out, "  %-13s", policy_level_name((enum policy_level)level));
            for (size_t k = 0; k < cell->target_count; k++)
                buffer_addf(out, "%s%.*s", k ? ", " : "",
                            SLICE_ARG(targets[cell->targets[k]].name));
            buffer_add_str(out, cell->target_count ? "\n" : "REFUSE\n");
        }
    }
}

void router_matrix_json(const struct router_matrix *matrix, const struct router_target *targets,
                        struct json_writer *w)
{
    json_open_array(w);
    for (size_t i = 0; i < matrix->count; i++) {
        const struct router_row *row = &matrix->rows[i];

        json_open_object(w);
        json_member_string(w, "route", row->name);
        json_key(w, SLICE("levels"));
        json_open_object(w);
        for (int level = 0; level < POLICY_LEVEL_COUNT; level++) {
            const struct router_cell *cell = &row->by_level[level];

            json_key(w, slice_from_str(policy_level_name((enum policy_level)level)));
            json_open_array(w);
            for (size_t k = 0; k < cell->target_count; k++)
                json_put_string(w, targets[cell->targets[k]].name);
            json_close_array(w);
        }
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}
