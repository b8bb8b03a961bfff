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

#define VALUES(...)                                                                                \
    .values = (const struct slice[]){__VA_ARGS__},                                                 \
    .value_count = sizeof((const struct slice[]){__VA_ARGS__}) / sizeof(struct slice)
#define CHILDREN(...)                                                                              \
    .children = (const struct router_condition[]){__VA_ARGS__},                                    \
    .child_count =                                                                                 \
        sizeof((const struct router_condition[]){__VA_ARGS__}) / sizeof(struct router_condition)
#define WHEN(kind, ...) ((struct router_condition){.type = ROUTER_WHEN_##kind, __VA_ARGS__})
#define ALWAYS ((struct router_condition){.type = ROUTER_WHEN_ALL})
#define LEVELS(from, to)                                                                           \
    WHEN(LEVEL, .level_min = POLICY_LEVEL_##from, .level_max = POLICY_LEVEL_##to)
#define TOKENS(low, high) WHEN(PROMPT_TOKENS, .over = (low), .under = (high))

#define UNKNOWN_ASK ((struct router_condition){.type = ROUTER_WHEN_UNKNOWN})
#define IN_TOOL_LOOP ((struct router_condition){.type = ROUTER_WHEN_TOOL_LOOP})

/* What is 0 is not given. */
static struct router_rule make_rule(struct router_rule rule)
{
    if (rule.raise_complexity == 0)
        rule.raise_complexity = -1;
    if (rule.max_cost_nano_usd == 0)
        rule.max_cost_nano_usd = -1;
    return rule;
}
#define RULE(n, ...) make_rule((struct router_rule){.name = SLICE(n), __VA_ARGS__})
#define RAISE(to) .raise_level_given = true, .raise_level = POLICY_LEVEL_##to

static struct router_signals make_signals(const char *ask)
{
    return (struct router_signals){.ask = slice_from_str(ask),
                                   .given.level = POLICY_LEVEL_INTERNAL,
                                   .prompt_tokens = 100,
                                   .language = SLICE("en"),
                                   .model = SLICE("auto"),
                                   .score = {.complexity = 0.5, .task = ROUTER_TASK_CHAT}};
}

static struct router_rules *make_rules(const struct router_rule *rules, size_t count)
{
    struct slice findings[] = {SLICE("code-names")};
    struct router_rules_config config = {
        .rules = rules, .rule_count = count, .known_findings = findings, .known_finding_count = 1};
    struct router_rules *out = NULL;
    struct base_error detail = {.message = ""};
    enum base_err err = router_rules_new(&config, &out, &detail);

    if (err)
        print_error("%s: %s\n", detail.param, detail.message);
    assert_int_equal(err, BASE_OK);
    return out;
}

static struct router_effects match(const struct router_rules *rules,
                                   const struct router_signals *signals)
{
    struct router_effects e;

    assert_int_equal(router_rules_match(rules, signals, arena, &e, NULL), BASE_OK);
    return e;
}

/* Whether a single rule with this condition matches. */
static bool holds(struct router_condition when, const struct router_signals *signals)
{
    struct router_rule rule = RULE("r", .when = when, .pin = SLICE("demo"));
    struct router_rules *rules = make_rules(&rule, 1);
    struct router_effects e = match(rules, signals);

    router_rules_free(rules);
    return e.match_count == 1 && e.pin.len > 0;
}

static void test_conditions(void **state)
{
    struct router_signals s = make_signals("Please review the Non-Disclosure agreement of ACME.");
    struct slice groups[] = {SLICE("interns"), SLICE("emea")};
    struct router_header headers[] = {{SLICE("X-Team"), SLICE("legal")}};

    (void)state;
    s.given.tenant = SLICE("acme");
    s.given.key_groups = groups;
    s.given.key_group_count = 2;
    s.given.headers = headers;
    s.given.header_count = 1;
    s.given.finding_types = policy_types_parse(SLICE("iban"));
    s.given.findings = SLICE("code-names,iban");
    s.needs = CHAT_NEED_TOOLS;
    s.model = SLICE("gpt-4o");

    const struct {
        struct router_condition when;
        bool expected;
    } cases[] = {
        {WHEN(TEXT_REGEX, VALUES(SLICE("(?i)\\bnon-disclosure\\b"))), true},
        {WHEN(TEXT_REGEX, VALUES(SLICE("non-disclosure"))), false},
        {WHEN(TEXT_REGEX, VALUES(SLICE("nothing"), SLICE("agree.*ACME"))), true},
        {WHEN(TEXT_CONTAINS, VALUES(SLICE("AGREE"))), true},
        {WHEN(TEXT_CONTAINS, VALUES(SLICE("a.*e"))), false},
        {WHEN(TEXT_KEYWORDS, VALUES(SLICE("acme"))), true},
        {WHEN(TEXT_KEYWORDS, VALUES(SLICE("agree"))), false},
        {WHEN(TASK, VALUES(SLICE("code"), SLICE("chat"))), true},
        {WHEN(TASK, VALUES(SLICE("code"))), false},
        {WHEN(TENANT, VALUES(SLICE("acme"))), true},
        {WHEN(TENANT, VALUES(SLICE("ACME"))), false},
        {WHEN(KEY_GROUP, VALUES(SLICE("emea"))), true},
        {WHEN(KEY_GROUP, VALUES(SLICE("apac"))), false},
        {LEVELS(INTERNAL, INTERNAL), true},
        {LEVELS(CONFIDENTIAL, RESTRICTED), false},
        {WHEN(FINDING, VALUES(SLICE("iban"))), true},
        {WHEN(FINDING, VALUES(SLICE("financial"))), true},
        {WHEN(FINDING, VALUES(SLICE("code-names"))), true},
        {WHEN(FINDING, VALUES(SLICE("secrets"))), false},
        {TOKENS(99, -1), true},
        {TOKENS(100, -1), false},
        {TOKENS(-1, 101), true},
        {TOKENS(-1, 100), false},
        {TOKENS(50, 150), true},
        {WHEN(NEEDS, VALUES(SLICE("images"), SLICE("tools"))), true},
        {WHEN(NEEDS, VALUES(SLICE("images"))), false},
        {WHEN(LANGUAGE, VALUES(SLICE("en"))), true},
        {WHEN(LANGUAGE, VALUES(SLICE("de"))), false},
        {WHEN(MODEL, VALUES(SLICE("gpt-*"))), true},
        {WHEN(MODEL, VALUES(SLICE("gpt-4o"))), true},
        {WHEN(MODEL, VALUES(SLICE("gpt"))), false},
        {WHEN(HEADER, .name = SLICE("x-team")), true},
        {WHEN(HEADER, .name = SLICE("x-team"), VALUES(SLICE("legal"))), true},
        {WHEN(HEADER, .name = SLICE("x-team"), VALUES(SLICE("sales"))), false},
        {WHEN(HEADER, .name = SLICE("x-other")), false},
        {UNKNOWN_ASK, false},
        {IN_TOOL_LOOP, false},
        {WHEN(NOT, CHILDREN(IN_TOOL_LOOP)), true},
        {WHEN(ANY, CHILDREN(IN_TOOL_LOOP, WHEN(TENANT, VALUES(SLICE("acme"))))), true},
        {WHEN(ANY, CHILDREN(IN_TOOL_LOOP, UNKNOWN_ASK)), false},
        {WHEN(ALL, CHILDREN(TOKENS(10, -1), WHEN(TENANT, VALUES(SLICE("acme"))))), true},
        {WHEN(ALL, CHILDREN(TOKENS(10, -1), IN_TOOL_LOOP)), false},
        {WHEN(NOT, CHILDREN(WHEN(ANY, CHILDREN(IN_TOOL_LOOP, UNKNOWN_ASK)))), true},
        {ALWAYS, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (holds(cases[i].when, &s) != cases[i].expected)
            fail_msg("condition %zu should be %s", i, cases[i].expected ? "true" : "false");
    }
}

static void test_raises_join_and_final_does_not_stop_them(void **state)
{
    const struct router_rule config[] = {
        RULE("first", .when = WHEN(TENANT, VALUES(SLICE("t"))), .pin = SLICE("demo"),
             .final = true),
        RULE("second", .when = WHEN(TENANT, VALUES(SLICE("t"), SLICE("u"))), RAISE(RESTRICTED),
             .only = {.zones = 1}),
        RULE("third", .when = WHEN(TENANT, VALUES(SLICE("t"))), RAISE(CONFIDENTIAL),
             .raise_complexity = 0.8),
    };
    struct router_rules *rules = make_rules(config, 3);
    struct router_signals s = make_signals("hello there");
    struct router_effects e;

    (void)state;
    s.given.tenant = SLICE("t");
    e = match(rules, &s);
    assert_int_equal(e.level, POLICY_LEVEL_RESTRICTED);
    assert_true(slice_eq_str(e.level_rule, "second"));
    assert_true(e.complexity_floor == 0.8);
    assert_int_equal(e.only_count, 0); /* stopped by final */
    assert_true(slice_eq_str(e.pin, "demo"));
    assert_int_equal(e.match_count, 3);
    assert_true(e.matched[0].routing);
    assert_false(e.matched[1].routing);

    s.given.tenant = SLICE("other");
    e = match(rules, &s);
    assert_int_equal(e.match_count, 0);
    assert_int_equal(e.level, POLICY_LEVEL_INTERNAL);
    router_rules_free(rules);
}

static void test_level_conditions_see_all_raises(void **state)
{
    /* The rule that asks for the level stands before the one that raises to it. */
    const struct router_rule config[] = {
        RULE("asks", .when = LEVELS(CONFIDENTIAL, RESTRICTED), .only = {.zones = 1}),
        RULE("chain", .when = LEVELS(CONFIDENTIAL, RESTRICTED), RAISE(RESTRICTED)),
        RULE("raises", .when = WHEN(TEXT_KEYWORDS, VALUES(SLICE("contract"))), RAISE(CONFIDENTIAL)),
    };
    struct router_rules *rules = make_rules(config, 3);
    struct router_signals s = make_signals("The contract says so");
    struct router_effects e = match(rules, &s);

    (void)state;
    assert_int_equal(e.level, POLICY_LEVEL_RESTRICTED);
    assert_int_equal(e.only_count, 1);
    assert_true(slice_eq_str(e.matched[2].word, "contract"));
    router_rules_free(rules);
}

static void test_effects_meet(void **state)
{
    const struct router_rule config[] = {
        RULE("a", .pin = SLICE("x"), .max_cost_nano_usd = 500, .objective_given = true,
             .objective = ROUTER_OBJECTIVE_LATENCY, .only = {.zones = 3}),
        RULE("b", .pin = SLICE("y"), .max_cost_nano_usd = 900, .objective_given = true,
             .objective = ROUTER_OBJECTIVE_QUALITY, .only = {.zones = 1}, .refuse = true,
             .refuse_message = SLICE("first")),
        RULE("c", .max_cost_nano_usd = 400, .refuse = true, .refuse_message = SLICE("second"),
             .avoid = {.zones = 4}, .prefer = {.zones = 2}),
    };
    struct router_rules *rules = make_rules(config, 3);
    struct router_signals s = make_signals("hello there");
    struct router_effects e = match(rules, &s);

    (void)state;
    assert_true(slice_eq_str(e.pin, "y"));
    assert_int_equal(e.max_cost_nano_usd, 400);
    assert_true(slice_eq_str(e.max_cost_rule, "c"));
    assert_int_equal(e.objective, ROUTER_OBJECTIVE_QUALITY);
    assert_int_equal(e.only_count, 2);
    assert_int_equal(e.avoid_count, 1);
    assert_int_equal(e.prefer_count, 1);
    assert_true(slice_eq_str(e.refuse_message, "first"));
    router_rules_free(rules);
}

static struct chat_part text_part(const char *text)
{
    return (struct chat_part){.type = CHAT_PART_TEXT, .text = slice_from_str(text)};
}

/* A rule that raises reads every readable byte of the request; one that routes reads the ask. */
static void test_scope_of_text(void **state)
{
    const struct router_rule config[] = {
        RULE("guard", .when = WHEN(TEXT_CONTAINS, VALUES(SLICE("project falcon"))),
             RAISE(RESTRICTED)),
        RULE("route", .when = WHEN(TEXT_CONTAINS, VALUES(SLICE("project falcon"))),
             .only = {.zones = 1}),
        RULE("explicit",
             .when =
                 WHEN(TEXT_CONTAINS, VALUES(SLICE("project falcon")), .scope = ROUTER_SCOPE_ALL),
             .avoid = {.zones = 1}),
    };
    struct router_rules *rules = make_rules(config, 3);
    struct chat_part old = text_part("All about Project Falcon"), now = text_part("And now?");
    struct chat_message messages[] = {
        {.role = CHAT_ROLE_TOOL, .parts = &old, .part_count = 1},
        {.role = CHAT_ROLE_USER, .parts = &now, .part_count = 1},
    };
    struct chat_request request = {.messages = messages, .message_count = 2};
    struct router_signals s = make_signals("And now?");
    struct router_effects e;

    (void)state;
    s.request = &request;
    e = match(rules, &s);
    assert_int_equal(e.level, POLICY_LEVEL_RESTRICTED);
    assert_int_equal(e.only_count, 0);
    assert_int_equal(e.avoid_count, 1);
    router_rules_free(rules);
}

/* ---- Load errors ---- */

static void expect_bad(const struct router_rule *rules, size_t count, const char *param,
                       const char *words)
{
    struct slice targets[] = {SLICE("demo"), SLICE("openai/gpt-x")};
    struct router_rules_config config = {.rules = rules,
                                         .rule_count = count,
                                         .known_targets = targets,
                                         .known_target_count = 2,
                                         .least_level = POLICY_LEVEL_INTERNAL};
    struct router_rules *out = NULL;
    struct base_error detail = {.message = ""};

    assert_int_equal(router_rules_new(&config, &out, &detail), BASE_ERR_BAD_CONFIG);
    assert_null(out);
    assert_string_equal(detail.param, param);
    if (!strstr(detail.message, words))
        fail_msg("'%s' should hold '%s'", detail.message, words);
}

static void expect_good(const struct router_rule *rules, size_t count)
{
    struct slice targets[] = {SLICE("demo"), SLICE("openai/gpt-x")};
    struct router_rules_config config = {.rules = rules,
                                         .rule_count = count,
                                         .known_targets = targets,
                                         .known_target_count = 2,
                                         .least_level = POLICY_LEVEL_INTERNAL};
    struct router_rules *out = NULL;
    struct base_error detail = {.message = ""};

    if (router_rules_new(&config, &out, &detail))
        fail_msg("%s", detail.message);
    router_rules_free(out);
}

static void test_load_errors(void **state)
{
    struct router_condition deep[ROUTER_CONDITION_DEPTH_MAX + 2];
    const struct router_condition both = {.type = ROUTER_WHEN_ANY};
    const struct {
        struct router_rule rule;
        const char *param, *words;
    } cases[] = {
        {RULE("", .pin = SLICE("demo")), "rules[0].name", "needs a name"},
        {RULE("r", .final = false), "rules[0]", "no effect"},
        {RULE("r", .pin = SLICE("dmo")), "rules[0].pin", "did you mean 'demo'"},
        {RULE("r", .only = {.names = (struct slice[]){SLICE("openai/gpt-y")}, .name_count = 1}),
         "rules[0].only", "did you mean 'openai/gpt-x'"},
        {RULE("r", .raise_complexity = 1.5), "rules[0].raise", "between 0 and 1"},
        {RULE("r", .pin = SLICE("demo"), .when = WHEN(TASK, VALUES(SLICE("coding")))),
         "rules[0].when.task", "did you mean 'code'"},
        {RULE("r", .pin = SLICE("demo"), .when = WHEN(TASK, .value_count = 0)),
         "rules[0].when.task", "no value"},
        {RULE("r", .pin = SLICE("demo"), .when = WHEN(FINDING, VALUES(SLICE("ibam")))),
         "rules[0].when.finding", "did you mean 'iban'"},
        {RULE("r", .pin = SLICE("demo"), .when = WHEN(NEEDS, VALUES(SLICE("tool")))),
         "rules[0].when.needs", "did you mean 'tools'"},
        {RULE("r", .pin = SLICE("demo"), .when = WHEN(HEADER, .value_count = 0)),
         "rules[0].when.header", "no header"},
        {RULE("r", .pin = SLICE("demo"), .when = TOKENS(-1, -1)), "rules[0].when.prompt_tokens",
         "over or under"},
        {RULE("r", .pin = SLICE("demo"), .when = LEVELS(RESTRICTED, INTERNAL)),
         "rules[0].when.level", "swap"},
        {RULE("r", .pin = SLICE("demo"), .when = both), "rules[0].when.any", "never holds"},
        {RULE("r", .pin = SLICE("demo"), .when = WHEN(NOT, .child_count = 0)), "rules[0].when.not",
         "exactly one"},
        {RULE("r", .pin = SLICE("demo"),
              .when = WHEN(ALL, CHILDREN(IN_TOOL_LOOP, WHEN(TEXT_REGEX, VALUES(SLICE("(a)\\1")))))),
         "rules[0].when.all[1].text.regex", ""},
        {RULE("r", .pin = SLICE("demo"), .when = WHEN(TEXT_CONTAINS, VALUES(SLICE("")))),
         "rules[0].when.text.contains", "empty"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_bad(&cases[i].rule, 1, cases[i].param, cases[i].words);

    for (size_t i = 0; i + 1 < sizeof deep / sizeof *deep; i++)
        deep[i] = (struct router_condition){
            .type = ROUTER_WHEN_NOT, .children = &deep[i + 1], .child_count = 1};
    deep[ROUTER_CONDITION_DEPTH_MAX + 1] = IN_TOOL_LOOP;
    struct router_rule nested = RULE("r", .pin = SLICE("demo"), .when = deep[0]);
    struct router_rules *out;
    struct router_rules_config config = {.rules = &nested, .rule_count = 1};
    assert_int_equal(router_rules_new(&config, &out, NULL), BASE_ERR_BAD_CONFIG);

    const struct router_rule twice[] = {RULE("a", .pin = SLICE("demo")),
                                        RULE("a", .pin = SLICE("demo"))};
    expect_bad(twice, 2, "rules[1].name", "already");
    config.rule_count = ROUTER_RULES_MAX + 1;
    assert_int_equal(router_rules_new(&config, &out, NULL), BASE_ERR_BAD_CONFIG);
}

static void test_unreachable(void **state)
{
    const struct router_rule after_final[] = {
        RULE("all", .pin = SLICE("demo"), .final = true),
        RULE("late", .when = IN_TOOL_LOOP, .pin = SLICE("demo")),
    };
    const struct router_rule below_raise[] = {
        RULE("up", RAISE(CONFIDENTIAL)),
        RULE("low", .when = LEVELS(PUBLIC, INTERNAL), .pin = SLICE("demo")),
    };
    const struct router_rule own_raise =
        RULE("self", .when = LEVELS(PUBLIC, INTERNAL), RAISE(RESTRICTED), .pin = SLICE("demo"));
    const struct router_rule below_default =
        RULE("never", .when = LEVELS(PUBLIC, PUBLIC), .pin = SLICE("demo"));
    const struct router_condition contradictions[] = {
        WHEN(ALL, CHILDREN(TOKENS(2000, -1), TOKENS(-1, 1000))),
        TOKENS(100, 101),
        TOKENS(-1, 1),
        WHEN(ALL, CHILDREN(WHEN(TASK, VALUES(SLICE("code"))), WHEN(TASK, VALUES(SLICE("math"))))),
        WHEN(ALL, CHILDREN(WHEN(TENANT, VALUES(SLICE("a"))), WHEN(TENANT, VALUES(SLICE("b"))))),
        WHEN(ALL, CHILDREN(WHEN(TENANT, VALUES(SLICE("a"))),
                           WHEN(NOT, CHILDREN(WHEN(TENANT, VALUES(SLICE("a"), SLICE("b"))))))),
        WHEN(ALL, CHILDREN(UNKNOWN_ASK, WHEN(NOT, CHILDREN(UNKNOWN_ASK)))),
        WHEN(NOT, CHILDREN(ALWAYS)),
        WHEN(ALL,
             CHILDREN(WHEN(ANY, CHILDREN(LEVELS(PUBLIC, INTERNAL), LEVELS(INTERNAL, INTERNAL))),
                      LEVELS(RESTRICTED, RESTRICTED))),
    };

    const struct router_condition code = WHEN(TASK, VALUES(SLICE("code"))),
                                  coded = WHEN(TASK, VALUES(SLICE("code"), SLICE("math"))),
                                  long_code = WHEN(ALL, CHILDREN(code, TOKENS(2000, -1)));
    const struct router_rule covered[] = {
        RULE("wide", .pin = SLICE("demo"), .final = true, .when = coded),
        RULE("narrow", .pin = SLICE("demo"), .when = long_code),
    };
    const struct router_rule not_covered[] = {
        RULE("narrow", .pin = SLICE("demo"), .final = true, .when = long_code),
        RULE("wide", .pin = SLICE("demo"), .when = coded),
    };
    const struct router_rule raise_only[] = {
        RULE("wide", .pin = SLICE("demo"), .final = true, .when = coded),
        RULE("raises", .raise_complexity = 0.5, .when = code),
    };

    (void)state;
    expect_bad(covered, 2, "rules[1]", "unreachable");
    expect_good(not_covered, 2);
    expect_good(raise_only, 2);
    expect_bad(after_final, 2, "rules[1]", "unreachable");
    expect_bad(below_raise, 2, "rules[1]", "unreachable");
    expect_bad(&own_raise, 1, "rules[0]", "unreachable");
    expect_bad(&below_default, 1, "rules[0]", "unreachable");
    for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions; i++) {
        struct router_rule rule = RULE("r", .pin = SLICE("demo"), .when = contradictions[i]);

        expect_bad(&rule, 1, "rules[0]", "unreachable");
    }
}

static void test_reachable_rules_are_taken(void **state)
{
    const struct router_rule config[] = {
        RULE("final-when", .when = IN_TOOL_LOOP, .pin = SLICE("demo"), .final = true),
        RULE("later", .pin = SLICE("demo")),
        RULE("end", .max_cost_nano_usd = 1, .final = true),
        RULE("raise-after-final", RAISE(CONFIDENTIAL)),
        RULE("raise-low", .when = LEVELS(PUBLIC, INTERNAL), RAISE(CONFIDENTIAL)),
        RULE("either", .when = WHEN(ANY, CHILDREN(TOKENS(2000, -1), TOKENS(-1, 1000))),
             .raise_complexity = 0.5),
        RULE("not-both", .when = WHEN(NOT, CHILDREN(TOKENS(10, 20))), .raise_complexity = 0.1),
        RULE("globs",
             .when = WHEN(ALL, CHILDREN(WHEN(MODEL, VALUES(SLICE("gpt-*"))),
                                        WHEN(MODEL, VALUES(SLICE("gpt-4o"))))),
             .raise_complexity = 0.1),
    };
    struct router_rules *rules = make_rules(config, sizeof config / sizeof *config);

    (void)state;
    assert_int_equal(router_rules_count(rules), sizeof config / sizeof *config);
    router_rules_free(rules);
    router_rules_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_raises_join_and_final_does_not_stop_them),
        cmocka_unit_test(test_level_conditions_see_all_raises),
        cmocka_unit_test(test_effects_meet),
        cmocka_unit_test(test_scope_of_text),
        cmocka_unit_test(test_load_errors),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_reachable_rules_are_taken),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
