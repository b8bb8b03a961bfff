/* What must hold for any facts at all. */
#include "tests/unit/router/support.h"

enum { ROUNDS = 100000, REPLAYS = 5000 };

static void test_never_above_clearance(void **state)
{
    struct dice dice = {1};
    size_t served = 0, refused = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct arena *arena = arena_new(1u << 20);
        struct random_facts r;
        struct router_decision d;

        roll_facts(&dice, &r);
        d = choose(&r.facts, arena);
        for (size_t k = 0; k < d.order_count; k++) {
            const struct router_target *t = &r.facts.targets[d.order[k]];

            assert_true(t->clearance >= r.facts.level);
            assert_true(t->allowed_for_key);
            assert_true(t->health == ROUTER_HEALTH_UP);
            assert_true((t->features & r.facts.needs) == r.facts.needs);
            assert_false(r.facts.effects.refuse);
            assert_int_equal(d.candidates[d.order[k]].rank, k + 1);
        }
        assert_true((d.outcome == BASE_OK) == (d.order_count > 0));
        assert_true(d.outcome == BASE_OK || d.message.len > 0);
        served += d.order_count > 0;
        refused += d.order_count == 0;
        arena_free(arena);
    }
    /* Otherwise the rounds above would show nothing. */
    assert_true(served > ROUNDS / 10);
    assert_true(refused > ROUNDS / 10);
}

static void test_every_candidate_has_reasons(void **state)
{
    struct dice dice = {2};

    (void)state;
    for (int i = 0; i < REPLAYS; i++) {
        struct arena *arena = arena_new(1u << 20);
        struct random_facts r;
        struct router_decision d;

        roll_facts(&dice, &r);
        d = choose(&r.facts, arena);
        for (size_t k = 0; k < d.candidate_count; k++) {
            bool hard = false;

            if (d.candidates[k].rank == 1)
                assert_non_null(reason(&d, k, ROUTER_REASON_CHOSEN));
            for (size_t n = 0; n < d.candidates[k].reason_count; n++)
                hard |= router_reason_kind(d.candidates[k].reasons[n].code) == ROUTER_KIND_HARD;
            assert_true(hard == (d.candidates[k].rank == 0) || r.facts.effects.refuse);
            if (d.candidates[k].rank > 1) /* behind the chosen one for some reason */
                assert_true(d.candidates[k].reason_count > 0);
        }
        arena_free(arena);
    }
}

static bool has_target(const struct router_decision *d, uint32_t index)
{
    for (size_t i = 0; i < d->order_count; i++)
        if (d->order[i] == index)
            return true;
    return false;
}

static void test_raising_the_level_adds_no_target(void **state)
{
    struct dice dice = {3};

    (void)state;
    for (int i = 0; i < REPLAYS; i++) {
        struct arena *arena = arena_new(4u << 20);
        struct random_facts r;
        struct router_decision before;

        roll_facts(&dice, &r);
        r.facts.level = POLICY_LEVEL_PUBLIC;
        before = choose(&r.facts, arena);
        for (int level = 1; level < POLICY_LEVEL_COUNT; level++) {
            struct router_decision d;

            r.facts.level = (enum policy_level)level;
            d = choose(&r.facts, arena);
            assert_true(d.order_count <= before.order_count);
            for (size_t k = 0; k < d.order_count; k++)
                assert_true(has_target(&before, d.order[k]));
            before = d;
        }
        arena_free(arena);
    }
}

static void test_order_of_targets_is_no_matter(void **state)
{
    struct dice dice = {4};

    (void)state;
    for (int i = 0; i < REPLAYS; i++) {
        struct arena *arena = arena_new(4u << 20);
        struct random_facts r;
        struct router_decision a, b;
        struct router_facts turned;
        struct router_target reversed[8];
        size_t count;

        roll_facts(&dice, &r);
        turned = r.facts;
        count = r.facts.target_count;
        for (size_t k = 0; k < count; k++)
            reversed[k] = r.targets[count - 1 - k];
        turned.targets = reversed;
        a = choose(&r.facts, arena);
        b = choose(&turned, arena);
        assert_int_equal(a.outcome, b.outcome);
        assert_int_equal(a.order_count, b.order_count);
        for (size_t k = 0; k < a.order_count; k++)
            assert_int_equal(a.order[k], count - 1 - b.order[k]);
        arena_free(arena);
    }
}

static void write_facts(const struct router_facts *facts, struct buffer *out)
{
    struct json_writer w;

    buffer_init(out, 1u << 20);
    json_writer_init(&w, out);
    router_facts_write(facts, &w);
    assert_int_equal(out->err, BASE_OK);
}

static void test_replay_comes_to_the_same(void **state)
{
    struct dice dice = {5};

    (void)state;
    for (int i = 0; i < REPLAYS; i++) {
        struct arena *arena = arena_new(8u << 20);
        struct random_facts r;
        struct router_facts again;
        struct router_decision a, b;
        const struct json_node *root;
        struct buffer first, second;
        struct base_error detail;

        roll_facts(&dice, &r);
        write_facts(&r.facts, &first);
        assert_int_equal(
            json_parse(buffer_slice(&first), &json_limits_request, arena, &root, &detail), BASE_OK);
        assert_int_equal(router_facts_read(root, NULL, arena, &again, &detail), BASE_OK);
        write_facts(&again, &second);
        assert_true(slice_eq(buffer_slice(&first), buffer_slice(&second)));
        a = choose(&r.facts, arena);
        b = choose(&again, arena);
        assert_int_equal(a.outcome, b.outcome);
        assert_int_equal(a.order_count, b.order_count);
        assert_memory_equal(a.order, b.order, a.order_count * sizeof *a.order);
        for (size_t k = 0; k < a.candidate_count; k++)
            assert_int_equal(a.candidates[k].reason_count, b.candidates[k].reason_count);
        buffer_done(&first);
        buffer_done(&second);
        arena_free(arena);
    }
}

static const struct json_node *parse(const struct buffer *text, struct arena *arena)
{
    const struct json_node *root = NULL;

    assert_int_equal(json_parse(buffer_slice(text), &json_limits_request, arena, &root, NULL),
                     BASE_OK);
    return root;
}

/* Whatever the base is, changes of it lead back to the very facts. */
static void test_changes_lead_to_the_same_facts(void **state)
{
    struct dice dice = {15};
    size_t shorter = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct arena *arena = arena_new(16u << 20);
        struct random_facts r, other;
        struct router_facts base, again;
        struct router_target targets[8];
        struct buffer whole, changes, copy;
        struct json_writer w;

        roll_facts(&dice, &r);
        roll_facts(&dice, &other);
        base = other.facts;
        if (i % 2) { /* the usual case: little differs */
            base = r.facts;
            base.complexity = 0.5;
            memcpy(targets, r.facts.targets, r.facts.target_count * sizeof *targets);
            targets[0].health = ROUTER_HEALTH_FULL;
            targets[0].name = SLICE("another");
            base.targets = targets;
        }
        write_facts(&r.facts, &whole);
        buffer_init(&changes, 1u << 20);
        json_writer_init(&w, &changes);
        router_facts_write_changes(&r.facts, &base, &w);
        assert_int_equal(router_facts_read(parse(&changes, arena), &base, arena, &again, NULL),
                         BASE_OK);
        write_facts(&again, &copy);
        assert_true(slice_eq(buffer_slice(&whole), buffer_slice(&copy)));
        shorter += buffer_len(&changes) * 4 < buffer_len(&whole);
        buffer_done(&whole);
        buffer_done(&changes);
        buffer_done(&copy);
        arena_free(arena);
    }
    assert_true(shorter >= 450);
}

static void test_wrong_changes_are_refused(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "{\"nothing\":1}",
        "{\"turn\":1,\"level\":\"public\"}",      /* not in order */
        "{\"level\":\"secret\"}",                 /* no such name */
        "{\"targets\":{\"8\":{\"name\":\"x\"}}}", /* not there */
        "{\"targets\":{\"-1\":{}}}",
        "{\"targets\":{\"x\":{}}}",
        "{\"targets\":{\"0\":[]}}",
        "{\"targets\":{\"0\":{\"colour\":1}}}",
        "{\"targets\":[{\"name\":\"x\"}]}", /* new ones are whole */
        "{\"targets\":[]}",
        "{\"route\":[]}",
        "{\"route\":{\"targets\":{\"0\":\"x\"}}}",
    };
    struct dice dice = {16};
    struct random_facts r;
    struct router_facts again;

    (void)state;
    roll_facts(&dice, &r);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct arena *arena = arena_new(1u << 20);
        const struct json_node *root;

        assert_int_equal(
            json_parse(slice_from_str(wrong[i]), &json_limits_request, arena, &root, NULL),
            BASE_OK);
        assert_int_equal(router_facts_read(root, &r.facts, arena, &again, NULL),
                         BASE_ERR_BAD_VALUE);
        arena_free(arena);
    }
}

static void test_changes_are_true(void **state)
{
    struct dice dice = {6};
    size_t altered = 0;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct arena *arena = arena_new(8u << 20);
        struct random_facts r;
        struct router_decision d;
        struct router_explanation x;

        roll_facts(&dice, &r);
        d = choose(&r.facts, arena);
        assert_int_equal(router_explain(&r.facts, &d, arena, &x, NULL), BASE_OK);
        for (size_t k = 0; k < x.change_count; k++) {
            assert_true(x.changes[k].outcome != d.outcome ||
                        !slice_eq_str(x.changes[k].chosen, chosen(&r.facts, &d)));
            assert_true(k == 0 || x.changes[k].distance >= x.changes[k - 1].distance);
            if (x.changes[k].type == ROUTER_CHANGE_COMPLEXITY) {
                struct router_facts other = r.facts;
                struct router_decision od;

                other.complexity = x.changes[k].to_rank;
                od = choose(&other, arena);
                assert_true(slice_eq_str(x.changes[k].chosen, chosen(&other, &od)));
                altered++;
            }
        }
        arena_free(arena);
    }
    assert_true(altered > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_above_clearance),
        cmocka_unit_test(test_every_candidate_has_reasons),
        cmocka_unit_test(test_raising_the_level_adds_no_target),
        cmocka_unit_test(test_order_of_targets_is_no_matter),
        cmocka_unit_test(test_replay_comes_to_the_same),
        cmocka_unit_test(test_changes_lead_to_the_same_facts),
        cmocka_unit_test(test_wrong_changes_are_refused),
        cmocka_unit_test(test_changes_are_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
