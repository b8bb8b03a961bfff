#include "tests/unit/router/support.h"

struct made {
    struct arena *arena;
    struct router_target targets[3];
    struct router_match matched[1];
    struct router_facts facts;
    struct router_decision decision;
    struct router_explanation x;
    struct buffer out;
};

static void explain(struct made *m)
{
    m->decision = choose(&m->facts, m->arena);
    assert_int_equal(router_explain(&m->facts, &m->decision, m->arena, &m->x, NULL), BASE_OK);
}

static int set_up(void **state)
{
    static struct made m;

    memset(&m, 0, sizeof m);
    m.arena = arena_new(64u << 20);
    m.targets[0] = make_target("demo", POLICY_ZONE_DEVICE, POLICY_LEVEL_RESTRICTED, 0.42, 0);
    m.targets[1] =
        make_target("box", POLICY_ZONE_PREMISES, POLICY_LEVEL_CONFIDENTIAL, 0.7, DOLLARS(0.1));
    m.targets[2] =
        make_target("openai/gpt-x", POLICY_ZONE_CLOUD, POLICY_LEVEL_INTERNAL, 0.95, DOLLARS(3));
    m.facts = make_facts(m.targets, 3);
    m.facts.complexity = m.facts.complexity_scored = 0.61;
    m.matched[0] = (struct router_match){
        .rule = SLICE("contracts-stay"), .routing = true, .word = SLICE("falcon")};
    m.facts.effects.matched = m.matched;
    m.facts.effects.match_count = 1;
    m.facts.findings = SLICE("credit_card,email");
    buffer_init(&m.out, 1u << 20);
    *state = &m;
    return m.arena ? 0 : -1;
}

static int tear_down(void **state)
{
    struct made *m = *state;

    buffer_done(&m->out);
    arena_free(m->arena);
    return 0;
}

static bool says(const struct made *m, const char *words)
{
    return slice_find(buffer_slice(&m->out), slice_from_str(words)) != SIZE_MAX;
}

static void test_nearest_change(void **state)
{
    struct made *m = *state;

    explain(m);
    assert_true(m->x.change_count > 1);
    assert_int_equal(m->x.changes[0].type, ROUTER_CHANGE_COMPLEXITY);
    router_change_text(&m->x.changes[0], &m->out);
    /* 0.70 is the nearest rank above which another is chosen, nearer than 0.42 */
    assert_true(says(m, "complexity above 0.70 instead of 0.61 would have chosen openai/gpt-x"));
    buffer_clear(&m->out);
    m->facts.complexity = 0.5;
    explain(m);
    router_change_text(&m->x.changes[0], &m->out);
    assert_true(says(m, "complexity 0.42 instead of 0.50 would have chosen demo"));
}

static void test_clearance_as_a_change(void **state)
{
    struct made *m = *state;

    m->facts = make_facts(m->targets + 2, 1);
    m->facts.level = POLICY_LEVEL_CONFIDENTIAL;
    explain(m);
    assert_int_equal(m->decision.outcome, BASE_ERR_POLICY_VIOLATION);
    for (size_t i = 0; i < m->x.change_count; i++) {
        router_change_text(&m->x.changes[i], &m->out);
        buffer_add_char(&m->out, '\n');
    }
    assert_true(says(m, "openai/gpt-x cleared for confidential instead of internal would have "
                        "chosen openai/gpt-x"));
}

static void test_json_is_valid_and_stored_form_has_no_words(void **state)
{
    struct made *m = *state;
    struct router_signals live = {.ask = SLICE("about falcon")};
    const struct json_node *root;
    struct json_writer w;
    struct base_error detail;
    struct slice target;

    explain(m);
    json_writer_init(&w, &m->out);
    router_explain_json(&m->x, NULL, &w);
    assert_false(says(m, "falcon"));
    assert_true(says(m, "contracts-stay"));
    assert_true(says(m, "\"findings\":[\"credit_card\",\"email\"]"));
    assert_int_equal(
        json_parse(buffer_slice(&m->out), &json_limits_request, m->arena, &root, &detail), BASE_OK);
    target = json_string(json_get(root, SLICE("target")));
    assert_true(slice_eq_str(target, "box"));
    assert_int_equal(json_get(root, SLICE("candidates"))->count, 3);
    assert_true(json_get(root, SLICE("nearest_changes"))->count > 0);

    buffer_clear(&m->out);
    json_writer_init(&w, &m->out);
    router_explain_json(&m->x, &live, &w);
    assert_true(says(m, "\"matched\":\"falcon\""));
}

static void test_text(void **state)
{
    struct made *m = *state;

    m->targets[2].health = ROUTER_HEALTH_BREAKER_OPEN;
    m->facts.needs = CHAT_NEED_TOOLS;
    m->targets[0].features = 0;
    m->facts.complexity = 0.8;
    explain(m);
    router_explain_text(&m->x, NULL, &m->out);
    assert_true(says(m, "target: box (premises)"));
    assert_true(says(m, "no configured target reaches this complexity"));
    assert_true(says(m, "is paused after failures"));
    assert_true(says(m, "lacks tools"));
    assert_true(says(m, "capable up to 0.70, complexity is 0.80"));
    assert_true(says(m, "nearest change: "));
    assert_false(says(m, "falcon"));
}

/* Every reason has a name and a text of its own. */
static void test_every_reason_speaks(void **state)
{
    struct made *m = *state;

    for (int code = 0; code < ROUTER_REASON_COUNT; code++) {
        struct router_reason r = {(enum router_reason_code)code, 1, 2, SLICE("somebody")};

        buffer_clear(&m->out);
        router_reason_text(&r, &m->out);
        assert_true(buffer_len(&m->out) > 5);
        assert_true(strlen(router_reason_name(r.code)) > 3);
    }
    assert_string_equal(router_reason_name(ROUTER_REASON_COUNT), "?");
}

static void test_refusals_in_json(void **state)
{
    struct made *m = *state;
    struct json_writer w;

    m->facts.prompt_tokens = 1000000;
    explain(m);
    json_writer_init(&w, &m->out);
    router_explain_json(&m->x, NULL, &w);
    assert_true(says(m, "\"outcome\":\"context_length_exceeded\""));
    assert_true(says(m, "\"tokens_available\":8192"));
    assert_true(says(m, "\"status\":400"));
    buffer_clear(&m->out);
    router_explain_text(&m->x, NULL, &m->out);
    assert_true(says(m, "refused: 400 context_length_exceeded"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nearest_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clearance_as_a_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_json_is_valid_and_stored_form_has_no_words, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_reason_speaks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals_in_json, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
