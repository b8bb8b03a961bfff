/* Facts made by hand and by chance, for the tests of the router. */
#ifndef TESTS_UNIT_ROUTER_SUPPORT_H
#define TESTS_UNIT_ROUTER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/router.h"

#define DOLLARS(n) ((int64_t)((n)*1e9)) /* nano-USD */
#define EVERY_NEED 0x1ffu

static inline struct router_target make_target(const char *name, enum policy_zone zone,
                                               enum policy_level clearance, double capability,
                                               int64_t price)
{
    return (struct router_target){
        .name = slice_from_str(name),
        .zone = zone,
        .clearance = clearance,
        .capability = router_capability_all(capability),
        .context_tokens = 8192,
        .max_output_tokens = -1,
        .features = EVERY_NEED,
        .price = {.input = price, .cache_read = -1, .output = price},
        .retry_after_ms = -1,
        .first_token_ms = 200,
        .tokens_per_s_milli = 50000,
        .budget_left_nano_usd = -1,
        .allowed_for_key = true,
    };
}

/* An easy, internal request with 1000 tokens in and 100 out, for the route "auto". */
static inline struct router_facts make_facts(const struct router_target *targets, size_t count)
{
    return (struct router_facts){
        .level = POLICY_LEVEL_INTERNAL,
        .level_given = POLICY_LEVEL_INTERNAL,
        .complexity = 0.3,
        .complexity_scored = 0.3,
        .task = ROUTER_TASK_CHAT,
        .scorer_version = SLICE("s1"),
        .prompt_tokens = 1000,
        .max_tokens = -1,
        .expected_output = 100,
        .language = SLICE("en"),
        .turn = 1,
        .message_count = 1,
        .model = SLICE("auto"),
        .objective = ROUTER_OBJECTIVE_COST,
        .deadline_ms = 5000,
        .min_tokens_per_s_milli = 4000,
        .effects = router_effects_none(POLICY_LEVEL_INTERNAL),
        .route = {.name = SLICE("auto")},
        .targets = targets,
        .target_count = count,
    };
}

static inline struct router_decision choose(const struct router_facts *facts, struct arena *arena)
{
    struct router_decision decision;
    struct base_error detail;

    assert_int_equal(router_choose(facts, arena, &decision, &detail), BASE_OK);
    return decision;
}

/* Name of the chosen target, "" when there is none. */
static inline const char *chosen(const struct router_facts *facts, const struct router_decision *d)
{
    return d->order_count ? facts->targets[d->order[0]].name.ptr : "";
}

static inline const struct router_reason *reason(const struct router_decision *d, size_t target,
                                                 enum router_reason_code code)
{
    const struct router_candidate *c = &d->candidates[target];

    for (size_t i = 0; i < c->reason_count; i++)
        if (c->reasons[i].code == code)
            return &c->reasons[i];
    return NULL;
}

/* ---- Chance, the same in every run ---- */

struct dice {
    uint64_t state;
};

static inline uint32_t roll(struct dice *d, uint32_t sides)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(d->state >> 33) % sides;
}

static inline int64_t roll_number(struct dice *d)
{
    static const int64_t numbers[] = {-1,   0,     1,      7,          100,       1000,      4000,
                                      8000, 20000, 100000, 1000000000, INT64_MAX, 3000000000};

    return numbers[roll(d, sizeof numbers / sizeof *numbers)];
}

struct random_facts {
    struct router_facts facts;
    struct router_target targets[8];
    char names[8][16];
    struct slice route_targets[2];
    struct slice set_names[2];
    struct router_limit only[2], avoid[1], prefer[1];
    struct router_match matched[1];
};

static inline void roll_target(struct dice *d, struct random_facts *r, size_t i)
{
    struct router_target *t = &r->targets[i];

    snprintf(r->names[i], sizeof r->names[i], "t%zu", i);
    *t = make_target(r->names[i], (enum policy_zone)roll(d, POLICY_ZONE_COUNT),
                     (enum policy_level)roll(d, POLICY_LEVEL_COUNT), roll(d, 11) / 10.0,
                     roll_number(d));
    t->price.output = roll_number(d);
    t->price.cache_read = roll_number(d);
    t->price.per_request = roll(d, 1000);
    t->price.per_second = roll(d, 3) ? 0 : roll(d, 1000000);
    t->context_tokens = roll(d, 3) ? roll_number(d) : 8192;
    t->features = roll(d, 3) ? EVERY_NEED : roll(d, EVERY_NEED);
    t->health = roll(d, 3) ? ROUTER_HEALTH_UP : (enum router_health)roll(d, ROUTER_HEALTH_COUNT);
    t->retry_after_ms = roll_number(d);
    t->first_token_ms = roll_number(d);
    t->tokens_per_s_milli = roll_number(d);
    t->budget_left_nano_usd = roll(d, 3) ? -1 : roll_number(d);
    t->allowed_for_key = roll(d, 5) != 0;
    t->capability.measured = roll(d, 2);
    t->capability.scorer_version = t->capability.measured ? SLICE("s1") : SLICE_NONE;
}

static inline struct router_limit roll_limit(struct dice *d, struct random_facts *r)
{
    struct router_limit limit = {.rule = SLICE("some-rule")};

    limit.set.zones = roll(d, 8);
    if (roll(d, 2)) {
        limit.set.names = r->set_names;
        limit.set.name_count = 2;
    }
    if (!router_target_set_given(&limit.set))
        limit.set.zones = 1;
    return limit;
}

static inline void roll_effects(struct dice *d, struct random_facts *r)
{
    struct router_effects *e = &r->facts.effects;

    *e = router_effects_none(r->facts.level);
    r->set_names[0] = slice_from_str(r->names[0]);
    r->set_names[1] = slice_from_str(r->names[1]);
    for (size_t i = 0; i < 2; i++)
        r->only[i] = roll_limit(d, r);
    r->avoid[0] = roll_limit(d, r);
    r->prefer[0] = roll_limit(d, r);
    r->matched[0] = (struct router_match){.rule = SLICE("some-rule"), .routing = true};
    e->matched = r->matched;
    e->match_count = roll(d, 2);
    e->only = r->only;
    e->only_count = roll(d, 3) ? 0 : roll(d, 3);
    e->avoid = r->avoid;
    e->avoid_count = roll(d, 4) == 0;
    e->prefer = r->prefer;
    e->prefer_count = roll(d, 4) == 0;
    if (roll(d, 10) == 0) {
        e->pin = slice_from_str(r->names[0]);
        e->pin_rule = SLICE("some-rule");
    }
    e->refuse = roll(d, 20) == 0;
    e->refuse_rule = e->refuse ? SLICE("some-rule") : SLICE_NONE;
    e->max_cost_nano_usd = roll(d, 5) ? -1 : roll_number(d);
}

static inline void roll_facts(struct dice *d, struct random_facts *r)
{
    size_t count = 1 + roll(d, 8);
    struct router_facts *f = &r->facts;

    memset(r->names, 0, sizeof r->names);
    for (size_t i = 0; i < count; i++)
        roll_target(d, r, i);
    *f = make_facts(r->targets, count);
    f->level = f->level_given = (enum policy_level)roll(d, POLICY_LEVEL_COUNT);
    f->complexity = roll(d, 101) / 100.0;
    f->task = (enum router_task)roll(d, ROUTER_TASK_COUNT);
    f->prompt_tokens = roll(d, 3) ? 1 + roll(d, 9000) : INT64_MAX;
    f->expected_output = roll(d, 2000);
    f->needs = roll(d, 2) ? 0 : roll(d, EVERY_NEED);
    f->objective = (enum router_objective)roll(d, ROUTER_OBJECTIVE_COUNT);
    f->deadline_ms = roll_number(d);
    roll_effects(d, r);
    if (roll(d, 3) == 0)
        f->session = (struct router_session){.target = slice_from_str(r->names[0]),
                                             .open = roll(d, 2),
                                             .cached_tokens = roll(d, 2000)};
    if (roll(d, 10) == 0)
        f->asked_target = slice_from_str(r->names[0]);
    if (roll(d, 4) == 0) {
        r->route_targets[0] = slice_from_str(r->names[0]);
        f->route = (struct router_route){
            .name = SLICE("one"), .targets = r->route_targets, .target_count = 1};
    }
}

#endif
