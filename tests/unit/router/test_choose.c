#include "tests/unit/router/support.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* demo (device, free, weak), box (premises, some), cloud (dear, strong) */
static void three(struct router_target t[3])
{
    t[0] = make_target("demo", POLICY_ZONE_DEVICE, POLICY_LEVEL_RESTRICTED, 0.4, 0);
    t[1] = make_target("box", POLICY_ZONE_PREMISES, POLICY_LEVEL_CONFIDENTIAL, 0.7, DOLLARS(0.1));
    t[2] = make_target("cloud", POLICY_ZONE_CLOUD, POLICY_LEVEL_INTERNAL, 0.95, DOLLARS(3));
}

static void test_cheapest_that_is_able(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
    assert_int_equal(d.order_count, 3);
    assert_false(d.beyond_capability);
    assert_non_null(reason(&d, 1, ROUTER_REASON_DEARER));
    assert_non_null(reason(&d, 0, ROUTER_REASON_CHOSEN));
    assert_int_equal(d.candidates[1].cost_nano_usd, 110000); /* 1100 tokens at $0.1 a million */

    f.complexity = 0.6;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_int_equal(reason(&d, 0, ROUTER_REASON_NOT_ABLE)->have, 400000);
    assert_int_equal(reason(&d, 0, ROUTER_REASON_NOT_ABLE)->need, 600000);

    f.complexity = 0.7; /* equal is able */
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
}

static void test_nobody_able(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    f.complexity = 1;
    f.level = POLICY_LEVEL_RESTRICTED;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
    assert_true(d.beyond_capability);
    assert_int_equal(d.order_count, 1);
    f.level = POLICY_LEVEL_CONFIDENTIAL;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box"); /* the most capable one allowed */
    assert_true(d.beyond_capability);
    assert_int_equal(reason(&d, 2, ROUTER_REASON_NOT_CLEARED)->have, POLICY_LEVEL_INTERNAL);
    assert_int_equal(reason(&d, 2, ROUTER_REASON_NOT_CLEARED)->need, POLICY_LEVEL_CONFIDENTIAL);
}

static void test_nothing_cleared(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t + 1, 2);
    f.level = POLICY_LEVEL_RESTRICTED;
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_POLICY_VIOLATION);
    assert_int_equal(d.order_count, 0);
    assert_true(slice_find(d.message, SLICE("restricted")) != SIZE_MAX);
    /* Not cleared, and a rule that excludes, and down: all of it is told. */
    t[1].health = ROUTER_HEALTH_DOWN;
    t[1].allowed_for_key = false;
    f.needs = CHAT_NEED_TOOLS;
    t[1].features = 0;
    d = choose(&f, arena);
    assert_non_null(reason(&d, 0, ROUTER_REASON_NOT_CLEARED));
    assert_non_null(reason(&d, 0, ROUTER_REASON_UNHEALTHY));
    assert_non_null(reason(&d, 0, ROUTER_REASON_NOT_ALLOWED_FOR_KEY));
    assert_non_null(reason(&d, 0, ROUTER_REASON_MISSING_FEATURE));
}

static void test_cleared_but_down(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    f.level = POLICY_LEVEL_CONFIDENTIAL;
    t[0].health = ROUTER_HEALTH_FULL;
    t[0].retry_after_ms = 900;
    t[1].health = ROUTER_HEALTH_BREAKER_OPEN;
    t[1].retry_after_ms = 300;
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_LOCAL_UNAVAILABLE);
    assert_int_equal(d.retry_after_ms, 300);
    assert_non_null(reason(&d, 0, ROUTER_REASON_QUEUE_FULL));
    assert_non_null(reason(&d, 1, ROUTER_REASON_UNHEALTHY));
}

static void test_context(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    t[1].context_tokens = 2000;
    t[2].context_tokens = 3000;
    f = make_facts(t, 3);
    t[0].context_tokens = 1000;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box"); /* 1000 tokens leave no room in 1000 */
    f.prompt_tokens = 5000;
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_CONTEXT_LENGTH);
    assert_int_equal(d.tokens_available, 3000);
    assert_int_equal(d.tokens_needed, 5001);
    assert_true(slice_find(d.message, SLICE("5000")) != SIZE_MAX);
    assert_true(slice_find(d.message, SLICE("3000")) != SIZE_MAX);
    t[0].context_tokens = -1; /* unknown is large enough */
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
}

/* One that leaves out older messages is taken when no other has the room, whatever it costs. */
static void test_shortened(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    t[0].context_tokens = 1000;
    t[0].shortens = true;
    t[1].context_tokens = 2000;
    f = make_facts(t, 3);
    f.prompt_tokens = 999;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
    assert_null(reason(&d, 0, ROUTER_REASON_WOULD_SHORTEN));
    f.prompt_tokens = 1500;
    f.session.target = SLICE("demo");
    f.session.open = true;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_int_equal(reason(&d, 0, ROUTER_REASON_WOULD_SHORTEN)->have, 1000);
    assert_int_equal(reason(&d, 0, ROUTER_REASON_WOULD_SHORTEN)->need, 1501);
    f.level = POLICY_LEVEL_RESTRICTED; /* demo alone is cleared */
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
    assert_int_equal(d.outcome, BASE_OK);
}

static void test_the_furthest_one_decides_the_outcome(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    f.prompt_tokens = 100000; /* too long for all but demo, which is down */
    t[0].context_tokens = -1;
    t[0].health = ROUTER_HEALTH_DOWN;
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_LOCAL_UNAVAILABLE);
}

static void test_budget_and_max_cost(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t + 1, 2);
    t[1].budget_left_nano_usd = 109999;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "cloud");
    assert_int_equal(reason(&d, 0, ROUTER_REASON_OVER_BUDGET)->need, 110000);
    t[1].budget_left_nano_usd = 110000;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    t[1].budget_left_nano_usd = 0;
    t[2].budget_left_nano_usd = 0;
    t[2].price.input = -1; /* unknown must not spend what is gone */
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_BUDGET);

    three(t);
    f = make_facts(t + 1, 2);
    f.effects.max_cost_nano_usd = 100;
    f.effects.max_cost_rule = SLICE("thrifty");
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_BUDGET);
    assert_true(slice_find(d.message, SLICE("thrifty")) != SIZE_MAX);
}

static void test_features(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    f.needs = CHAT_NEED_TOOLS | CHAT_NEED_IMAGES;
    t[0].features = CHAT_NEED_TOOLS;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_int_equal(reason(&d, 0, ROUTER_REASON_MISSING_FEATURE)->need, CHAT_NEED_IMAGES);
    t[1].features = t[2].features = 0;
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_UNSUPPORTED);
    assert_true(slice_find(d.message, SLICE("images")) != SIZE_MAX);
    assert_true(slice_find(d.message, SLICE("tools")) == SIZE_MAX);
}

static void test_keys_and_names(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    f.asked_target = SLICE("cloud");
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "cloud");
    assert_true(slice_eq_str(reason(&d, 0, ROUTER_REASON_NOT_ASKED_FOR)->name, "cloud"));
    t[2].allowed_for_key = false;
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_MODEL_NOT_FOUND);
    f.asked_target = SLICE_NONE;
    t[0].allowed_for_key = t[1].allowed_for_key = false;
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_FORBIDDEN);
    f.asked_target = SLICE("nowhere");
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_MODEL_NOT_FOUND);
}

static void test_deadline_yields(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    t[0].first_token_ms = 9000;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_false(d.deadline_yielded);
    assert_int_equal(reason(&d, 0, ROUTER_REASON_TOO_SLOW)->have, 9000);
    f.level = POLICY_LEVEL_RESTRICTED;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
    assert_true(d.deadline_yielded);
    three(t);
    f = make_facts(t, 3);
    t[0].tokens_per_s_milli = 100;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_non_null(reason(&d, 0, ROUTER_REASON_TOO_SLOW_PACE));
}

static void test_objectives(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    t[1].first_token_ms = 50;
    f.objective = ROUTER_OBJECTIVE_LATENCY;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    f.objective = ROUTER_OBJECTIVE_QUALITY;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "cloud");
    assert_non_null(reason(&d, 0, ROUTER_REASON_LESS_CAPABLE));
}

static void test_rules_limits(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;
    struct slice names[] = {SLICE("cloud")};
    struct router_limit premises = {SLICE("near"), {.zones = 1u << POLICY_ZONE_PREMISES}};
    struct router_limit cloud = {SLICE("dear"), {.names = names, .name_count = 1}};

    (void)state;
    three(t);
    f = make_facts(t, 3);
    f.effects.only = &premises;
    f.effects.only_count = 1;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_int_equal(d.order_count, 1);
    assert_true(slice_eq_str(reason(&d, 0, ROUTER_REASON_EXCLUDED_BY_RULE)->name, "near"));
    f.effects.pin = SLICE("cloud"); /* against the only: nobody is left */
    f.effects.pin_rule = SLICE("pinned");
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_POLICY_VIOLATION);

    f = make_facts(t, 3);
    f.effects.prefer = &cloud;
    f.effects.prefer_count = 1;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "cloud");
    assert_non_null(reason(&d, 0, ROUTER_REASON_NOT_PREFERRED));
    f = make_facts(t, 3);
    f.effects.avoid = &cloud;
    f.effects.avoid_count = 1;
    f.complexity = 0.9; /* cloud alone is able, but to be avoided */
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_int_equal(d.order[2], 2);

    f = make_facts(t, 3);
    f.effects.refuse = true;
    f.effects.refuse_rule = SLICE("no-way");
    d = choose(&f, arena);
    assert_int_equal(d.outcome, BASE_ERR_POLICY_VIOLATION);
    assert_true(slice_find(d.message, SLICE("no-way")) != SIZE_MAX);
    f.effects.refuse_message = SLICE("Ask the legal team instead");
    d = choose(&f, arena);
    assert_true(slice_eq(d.message, f.effects.refuse_message));
}

static void test_session_keeps_and_moves_up_only(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    f = make_facts(t, 3);
    f.session = (struct router_session){.target = SLICE("box"), .open = true};
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_true(d.kept_for_session);
    assert_non_null(reason(&d, 0, ROUTER_REASON_MOVES_DOWN));
    f.complexity = 0.9; /* up */
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "cloud");
    assert_false(d.kept_for_session);
    f.complexity = 0.3; /* not down, although the session's target is gone */
    t[1].health = ROUTER_HEALTH_DOWN;
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "cloud");
    f.level = POLICY_LEVEL_RESTRICTED; /* clearance is harder than stickiness */
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
    assert_true(d.moved_down);
    three(t);
    f = make_facts(t, 3);
    f.session = (struct router_session){.target = SLICE("box"), .open = false};
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "demo");
}

static void test_cold_cache_is_priced(void **state)
{
    struct router_target t[2];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    t[0] = make_target("a", POLICY_ZONE_CLOUD, POLICY_LEVEL_INTERNAL, 0.9, DOLLARS(2));
    t[1] = make_target("b", POLICY_ZONE_CLOUD, POLICY_LEVEL_INTERNAL, 0.9, DOLLARS(3));
    t[1].price.cache_read = DOLLARS(0.3);
    f = make_facts(t, 2);
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "a");
    f.session = (struct router_session){.target = SLICE("b"), .cached_tokens = 900};
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "b");
    assert_int_equal(d.candidates[1].cost_nano_usd, 900 * 300 + 200 * 3000);
}

static void test_cost_in_128_bits(void **state)
{
    struct router_target t = make_target("a", POLICY_ZONE_CLOUD, POLICY_LEVEL_INTERNAL, 1, 0);
    struct router_facts f = make_facts(&t, 1);

    (void)state;
    f.prompt_tokens = INT64_MAX;
    f.expected_output = INT64_MAX;
    t.price = (struct router_price){INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    assert_true(router_expected_cost(&f, &t) == INT64_MAX);
    t.price = (struct router_price){.input = 1, .output = 0};
    f.prompt_tokens = 1;
    f.expected_output = 0;
    assert_int_equal(router_expected_cost(&f, &t), 1); /* a millionth is rounded up, not lost */
    t.price = (struct router_price){.input = -1, .output = 0};
    assert_int_equal(router_expected_cost(&f, &t), -1);
    /* A local second has a price: 200 ms to the first token, then 100 tokens at 50 a second. */
    t.price = (struct router_price){.per_second = 1000000};
    f.expected_output = 100;
    assert_int_equal(router_expected_cost(&f, &t), 2200000);
}

static void test_unknown_price_comes_last(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    t[0].price.input = -1;
    f = make_facts(t, 3);
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "box");
    assert_int_equal(d.order[2], 0);
    assert_non_null(reason(&d, 0, ROUTER_REASON_PRICE_UNKNOWN));
}

static void test_scorer_mismatch_is_told(void **state)
{
    struct router_target t[3];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    three(t);
    t[0].capability.measured = true;
    t[0].capability.scorer_version = SLICE("s0");
    f = make_facts(t, 3);
    d = choose(&f, arena);
    assert_true(d.scorer_mismatch);
    t[0].capability.scorer_version = SLICE("s1");
    d = choose(&f, arena);
    assert_false(d.scorer_mismatch);
}

static void test_ties_by_name(void **state)
{
    struct router_target t[2];
    struct router_facts f;
    struct router_decision d;

    (void)state;
    t[0] = make_target("b", POLICY_ZONE_DEVICE, POLICY_LEVEL_INTERNAL, 0.5, 0);
    t[1] = make_target("a", POLICY_ZONE_DEVICE, POLICY_LEVEL_INTERNAL, 0.5, 0);
    f = make_facts(t, 2);
    d = choose(&f, arena);
    assert_string_equal(chosen(&f, &d), "a");
    assert_non_null(reason(&d, 0, ROUTER_REASON_TIED));
}

static void test_bad_calls(void **state)
{
    struct router_decision d;
    struct router_target t[3];
    struct router_facts f = make_facts(t, 0);

    (void)state;
    assert_int_equal(router_choose(&f, arena, &d, NULL), BASE_ERR_BAD_VALUE);
    f.target_count = ROUTER_TARGETS_MAX + 1;
    assert_int_equal(router_choose(&f, arena, &d, NULL), BASE_ERR_BAD_VALUE);
    three(t);
    f = make_facts(t, 3);
    f.task = ROUTER_TASK_COUNT;
    assert_int_equal(router_choose(&f, arena, &d, NULL), BASE_ERR_BAD_VALUE);
    f.task = ROUTER_TASK_CHAT;
    struct arena *small = arena_new(64);
    assert_int_equal(router_choose(&f, small, &d, NULL), BASE_ERR_NO_MEMORY);
    arena_free(small);
}

static void test_routes(void **state)
{
    struct slice only[] = {SLICE("box")};
    struct router_route items[] = {{.name = SLICE("auto")},
                                   {.name = SLICE("near"), .targets = only, .target_count = 1}};
    struct router_routes routes = {items, 2};
    struct router_route r;
    struct router_target t[3];
    struct base_error detail;

    (void)state;
    three(t);
    t[1].model = SLICE("llama");
    t[2].model = SLICE("llama");
    assert_int_equal(router_route_find(&routes, t, 3, SLICE_NONE, arena, &r, NULL), BASE_OK);
    assert_true(slice_eq_str(r.name, "auto"));
    assert_int_equal(router_route_find(&routes, t, 3, SLICE("near"), arena, &r, NULL), BASE_OK);
    assert_int_equal(r.target_count, 1);
    assert_int_equal(router_route_find(&routes, t, 3, SLICE("demo"), arena, &r, NULL), BASE_OK);
    assert_true(r.by_target_name);
    assert_int_equal(r.target_count, 1);
    assert_int_equal(router_route_find(&routes, t, 3, SLICE("llama"), arena, &r, NULL), BASE_OK);
    assert_int_equal(r.target_count, 2);
    assert_int_equal(router_route_find(&routes, t, 3, SLICE("gpt-9"), arena, &r, &detail),
                     BASE_ERR_MODEL_NOT_FOUND);
    assert_true(strstr(detail.message, "gpt-9") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cheapest_that_is_able),
        cmocka_unit_test(test_nobody_able),
        cmocka_unit_test(test_nothing_cleared),
        cmocka_unit_test(test_cleared_but_down),
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_shortened),
        cmocka_unit_test(test_the_furthest_one_decides_the_outcome),
        cmocka_unit_test(test_budget_and_max_cost),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_keys_and_names),
        cmocka_unit_test(test_deadline_yields),
        cmocka_unit_test(test_objectives),
        cmocka_unit_test(test_rules_limits),
        cmocka_unit_test(test_session_keeps_and_moves_up_only),
        cmocka_unit_test(test_cold_cache_is_priced),
        cmocka_unit_test(test_cost_in_128_bits),
        cmocka_unit_test(test_unknown_price_comes_last),
        cmocka_unit_test(test_scorer_mismatch_is_told),
        cmocka_unit_test(test_ties_by_name),
        cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_routes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
