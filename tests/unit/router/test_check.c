#include "tests/unit/router/support.h"

static struct arena *arena;
static struct router_target targets[3];

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    targets[0] = make_target("demo", POLICY_ZONE_DEVICE, POLICY_LEVEL_RESTRICTED, 0.4, 0);
    targets[1] = make_target("box", POLICY_ZONE_PREMISES, POLICY_LEVEL_CONFIDENTIAL, 0.7, 1);
    targets[2] = make_target("cloud", POLICY_ZONE_CLOUD, POLICY_LEVEL_INTERNAL, 0.9, 2);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct router_rule rule(const char *name)
{
    return (struct router_rule){
        .name = slice_from_str(name), .raise_complexity = -1, .max_cost_nano_usd = -1};
}

static struct router_condition some_tenant(void)
{
    static const struct slice tenant[] = {SLICE_INIT("a")};

    return (struct router_condition){
        .type = ROUTER_WHEN_TENANT, .values = tenant, .value_count = 1};
}

static enum base_err check(const struct router_rule *rules, size_t rule_count,
                           const struct router_target *list, size_t count,
                           const struct router_path *path, struct router_matrix *matrix,
                           struct base_error *detail)
{
    static struct slice near[] = {SLICE_INIT("box")};
    static struct router_route items[2] = {
        {.name = SLICE_INIT("auto")},
        {.name = SLICE_INIT("near"), .targets = near, .target_count = 1}};
    struct router_routes routes = {items, count == 3 ? 2 : 1};
    struct router_rules_config config = {
        .rules = rules, .rule_count = rule_count, .least_level = POLICY_LEVEL_INTERNAL};
    struct router_rules *compiled = NULL;
    struct router_check_config c = {.routes = &routes,
                                    .targets = list,
                                    .target_count = count,
                                    .paths = path,
                                    .path_count = path ? 1 : 0,
                                    .least_level = POLICY_LEVEL_INTERNAL};
    enum base_err err;

    assert_int_equal(router_rules_new(&config, &compiled, detail), BASE_OK);
    c.rules = compiled;
    err = router_check(&c, arena, matrix, detail);
    router_rules_free(compiled);
    return err;
}

static void test_matrix(void **state)
{
    struct router_matrix m;
    struct base_error detail;
    struct buffer out;

    (void)state;
    assert_int_equal(check(NULL, 0, targets, 3, NULL, &m, &detail), BASE_OK);
    assert_int_equal(m.count, 5); /* auto, near, and three names */
    assert_int_equal(m.rows[0].by_level[POLICY_LEVEL_PUBLIC].target_count, 3);
    assert_int_equal(m.rows[0].by_level[POLICY_LEVEL_CONFIDENTIAL].target_count, 2);
    assert_int_equal(m.rows[0].by_level[POLICY_LEVEL_RESTRICTED].target_count, 1);
    assert_int_equal(m.rows[1].by_level[POLICY_LEVEL_RESTRICTED].target_count, 0);
    buffer_init(&out, 1u << 16);
    router_matrix_text(&m, targets, &out);
    assert_true(slice_find(buffer_slice(&out), SLICE("confidential demo, box")) != SIZE_MAX);
    assert_true(slice_find(buffer_slice(&out), SLICE("restricted   REFUSE")) != SIZE_MAX);
    buffer_done(&out);
}

static void test_raise_then_pin(void **state)
{
    struct router_rule r = rule("r");
    struct router_matrix m;
    struct base_error detail;

    (void)state;
    r.when = some_tenant();
    r.raise_level_given = true;
    r.raise_level = POLICY_LEVEL_RESTRICTED;
    r.pin = SLICE("cloud");
    assert_int_equal(check(&r, 1, targets, 3, NULL, &m, &detail), BASE_ERR_BAD_CONFIG);
    assert_string_equal(detail.param, "rules[0]");
    assert_true(strstr(detail.message, "restricted") != NULL);
    r.pin = SLICE("demo");
    assert_int_equal(check(&r, 1, targets, 3, NULL, &m, &detail), BASE_OK);
    r.pin = SLICE_NONE;
    r.only.zones = 1u << POLICY_ZONE_CLOUD | 1u << POLICY_ZONE_PREMISES;
    assert_int_equal(check(&r, 1, targets, 3, NULL, &m, &detail), BASE_ERR_BAD_CONFIG);
    r.only.zones |= 1u << POLICY_ZONE_DEVICE;
    assert_int_equal(check(&r, 1, targets, 3, NULL, &m, &detail), BASE_OK);
}

static void test_condition_raises_the_least_level(void **state)
{
    struct router_rule r = rule("r");
    struct router_matrix m;
    struct base_error detail;

    (void)state;
    r.when = (struct router_condition){.type = ROUTER_WHEN_LEVEL,
                                       .level_min = POLICY_LEVEL_CONFIDENTIAL,
                                       .level_max = POLICY_LEVEL_RESTRICTED};
    r.pin = SLICE("cloud");
    assert_int_equal(check(&r, 1, targets, 3, NULL, &m, &detail), BASE_ERR_BAD_CONFIG);
    r.pin = SLICE("box");
    assert_int_equal(check(&r, 1, targets, 3, NULL, &m, &detail), BASE_OK);
}

static void test_level_that_nobody_serves(void **state)
{
    struct router_rule r[2] = {rule("up"), rule("stop")};
    struct router_matrix m;
    struct base_error detail;

    (void)state;
    r[0].when = some_tenant();
    r[0].raise_level_given = true;
    r[0].raise_level = POLICY_LEVEL_RESTRICTED;
    assert_int_equal(check(r, 1, targets + 1, 2, NULL, &m, &detail), BASE_ERR_BAD_CONFIG);
    /* Unless the rule refuses, or one for that level does. */
    r[0].refuse = true;
    assert_int_equal(check(r, 1, targets + 1, 2, NULL, &m, &detail), BASE_OK);
    r[0].refuse = false;
    r[1].when = (struct router_condition){.type = ROUTER_WHEN_LEVEL,
                                          .level_min = POLICY_LEVEL_RESTRICTED,
                                          .level_max = POLICY_LEVEL_RESTRICTED};
    r[1].refuse = true;
    assert_int_equal(check(r, 2, targets + 1, 2, NULL, &m, &detail), BASE_OK);
    assert_int_equal(m.rows[0].by_level[POLICY_LEVEL_RESTRICTED].target_count, 0);
}

static void test_unconditional_raise_counts_for_every_path(void **state)
{
    struct router_rule r = rule("all");
    struct router_matrix m;
    struct base_error detail;

    (void)state;
    r.raise_level_given = true;
    r.raise_level = POLICY_LEVEL_CONFIDENTIAL;
    assert_int_equal(check(&r, 1, targets, 3, NULL, &m, &detail), BASE_ERR_BAD_CONFIG);
    assert_string_equal(detail.param, "cloud"); /* its own name can serve nothing any more */
    assert_int_equal(check(&r, 1, targets, 2, NULL, &m, &detail), BASE_OK);
}

static void test_paths(void **state)
{
    struct slice cloud[] = {SLICE("cloud")};
    struct router_path path = {.name = SLICE("pipelines.p.steps.answer"),
                               .least_level = POLICY_LEVEL_CONFIDENTIAL,
                               .targets = {.names = cloud, .name_count = 1}};
    struct router_matrix m;
    struct base_error detail;

    (void)state;
    assert_int_equal(check(NULL, 0, targets, 3, &path, &m, &detail), BASE_ERR_BAD_CONFIG);
    assert_string_equal(detail.param, "pipelines.p.steps.answer");
    path.least_level = POLICY_LEVEL_INTERNAL;
    assert_int_equal(check(NULL, 0, targets, 3, &path, &m, &detail), BASE_OK);
    assert_int_equal(m.count, 6);
}

static void test_rules_that_always_apply_show_in_the_matrix(void **state)
{
    struct router_rule r[2] = {rule("near"), rule("refuse-high")};
    struct router_matrix m;
    struct base_error detail;

    (void)state;
    r[0].only.zones = 1u << POLICY_ZONE_DEVICE | 1u << POLICY_ZONE_PREMISES;
    r[1].when = (struct router_condition){.type = ROUTER_WHEN_LEVEL,
                                          .level_min = POLICY_LEVEL_CONFIDENTIAL,
                                          .level_max = POLICY_LEVEL_RESTRICTED};
    r[1].refuse = true;
    assert_int_equal(check(r, 2, targets, 3, NULL, &m, &detail), BASE_OK);
    assert_int_equal(m.rows[0].by_level[POLICY_LEVEL_INTERNAL].target_count, 2);
    assert_int_equal(m.rows[0].by_level[POLICY_LEVEL_CONFIDENTIAL].target_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_raise_then_pin),
        cmocka_unit_test(test_condition_raises_the_least_level),
        cmocka_unit_test(test_level_that_nobody_serves),
        cmocka_unit_test(test_unconditional_raise_counts_for_every_path),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_rules_that_always_apply_show_in_the_matrix),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
