#include "gateway/serve/serve.h"

#include "gateway/dispatch/plan.h"

#include <stdio.h>

enum { TEST_ARENA_MAX = 64 << 20 };

static void complain(const struct snapshot *snap, const struct config_test *test,
                     struct config_errors *errors, const char *expected, const char *found)
{
    char path[32], message[512];
    (void)snprintf(path, sizeof(path), "tests[%zu]", (size_t)(test - snap->config->tests));
    (void)snprintf(message, sizeof(message), "test failed: expected %s, got %s", expected, found);
    config_complain(snap->config, errors, path, message);
}

/* "cloud or premises" */
static void name_zones(unsigned bits, char *names, size_t size)
{
    int len = 0;
    for (int zone = 0; zone < POLICY_ZONE_COUNT; zone++)
        if (bits & 1u << zone && (size_t)len < size)
            len += snprintf(names + len, size - (size_t)len, "%s%s", len ? " or " : "",
                            policy_zone_name((enum policy_zone)zone));
}

/* Zone, target and level of the plan against what the test expects; true = as expected. */
static bool check_place(const struct config_test *test, const struct plan *plan,
                        const struct snapshot *snap, struct config_errors *errors)
{
    size_t before = errors->count;
    enum policy_level level = policy_inspection_level(plan->inspection);
    if (test->level >= 0 && level != (enum policy_level)test->level)
        complain(snap, test, errors, policy_level_name((enum policy_level)test->level),
                 policy_level_name(level));
    bool is_served = plan->decision.outcome == BASE_OK;
    if (!is_served) {
        if (test->zones || !slice_is_absent(test->target))
            complain(snap, test, errors, "a target", "a refusal");
        return errors->count == before;
    }
    const struct router_target *chosen = &plan->facts.targets[plan->decision.order[0]];
    const char *zone = policy_zone_name(chosen->zone);
    char name[128], expected[160];
    (void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(chosen->name));
    if (test->zones && !(test->zones & 1u << chosen->zone)) {
        name_zones(test->zones, expected, sizeof(expected));
        complain(snap, test, errors, expected, zone);
    }
    if (test->not_zones & 1u << chosen->zone)
        complain(snap, test, errors, "any other zone", zone);
    if (!slice_is_absent(test->target) && !slice_eq(test->target, chosen->name)) {
        (void)snprintf(expected, sizeof(expected), "target %.*s", SLICE_ARG(test->target));
        complain(snap, test, errors, expected, name);
    }
    if (!slice_is_absent(test->not_target) && slice_eq(test->not_target, chosen->name))
        complain(snap, test, errors, "any other target", name);
    return errors->count == before;
}

static bool check_complexity(const struct config_test *test, const struct plan *plan)
{
    double complexity = plan->signals.score.complexity;
    return !(test->complexity_over >= 0 && complexity <= test->complexity_over) &&
           !(test->complexity_under >= 0 && complexity >= test->complexity_under);
}

/* "a complexity over 0.40 and under 0.60" */
static void name_range(const struct config_test *test, char *text, size_t size)
{
    int len = snprintf(text, size, "a complexity");
    if (test->complexity_over >= 0)
        len += snprintf(text + len, size - (size_t)len, " over %.2f", test->complexity_over);
    if (test->complexity_under >= 0)
        (void)snprintf(text + len, size - (size_t)len, "%s under %.2f",
                       test->complexity_over >= 0 ? " and" : "", test->complexity_under);
}

static enum base_err run_one(struct snapshot *snap, const struct config_test *test,
                             struct config_errors *errors, size_t *soft)
{
    static const struct plan_who nobody = {.tenant = {"default", 7}};
    struct arena *arena = arena_new(TEST_ARENA_MAX);
    const struct chat_request *request =
        arena ? plan_request_of_text(arena, SLICE("auto"), test->say) : NULL;
    struct plan plan;
    enum base_err err = request ? BASE_OK : BASE_ERR_NO_MEMORY;
    if (!err) {
        plan_init(&plan, snap, request, &nobody, arena);
        err = plan_inspect(&plan, NULL, NULL, 0, 0, NULL);
    }
    if (!err)
        err = plan_choose(&plan, NULL, NULL, NULL, NULL);
    if (!err && !check_place(test, &plan, snap, errors))
        err = BASE_ERR_BAD_CONFIG;
    if (!err && !check_complexity(test, &plan)) {
        char found[32], expected[96];
        (void)snprintf(found, sizeof(found), "%.2f", plan.signals.score.complexity);
        name_range(test, expected, sizeof(expected));
        complain(snap, test, errors, expected, found);
        (*soft)++;
    }
    arena_free(arena);
    return err;
}

enum base_err serve_config_tests(struct snapshot *snapshot, struct config_errors *errors,
                                 size_t *ret_soft)
{
    enum base_err worst = BASE_OK;
    *ret_soft = 0;
    for (size_t i = 0; i < snapshot->config->test_count; i++) {
        enum base_err err = run_one(snapshot, &snapshot->config->tests[i], errors, ret_soft);
        if (err)
            worst = err;
    }
    return worst;
}
