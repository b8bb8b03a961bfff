#include "tests/unit/router/support.h"

static struct router_score score(const char *text)
{
    struct router_score s;

    router_score_text(NULL, slice_from_str(text), &s);
    return s;
}

static void test_unknown(void **state)
{
    const struct {
        const char *text;
        enum router_unknown unknown;
    } cases[] = {
        {"", ROUTER_UNKNOWN_EMPTY},
        {" \n\t ", ROUTER_UNKNOWN_EMPTY},
        {"123 456 !!", ROUTER_UNKNOWN_NO_LETTERS},
        {"continue", ROUTER_UNKNOWN_TOO_SHORT},
        {"Yes, go on please", ROUTER_UNKNOWN_TOO_SHORT},
        {"ok", ROUTER_UNKNOWN_TOO_SHORT},
        {"hello there", ROUTER_UNKNOWN_TOO_SHORT},
        {"qxzv wvvq zzkq pqqx vvxz kqqz", ROUTER_UNKNOWN_UNSEEN},
        {"What is the capital of France?", ROUTER_KNOWN},
        {"Summarise the following text in one sentence: the shop was closed.", ROUTER_KNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct router_score s = score(cases[i].text);

        if (s.unknown != cases[i].unknown)
            fail_msg("'%s' is %s", cases[i].text, router_unknown_name(s.unknown));
        if (s.unknown)
            assert_true(s.complexity == 0.5); /* never simple */
    }
    struct router_score s;
    router_score_text(NULL, SLICE_NONE, &s);
    assert_int_equal(s.unknown, ROUTER_UNKNOWN_EMPTY);
}

/* Not in the training set, and not in its words. */
static void test_tasks(void **state)
{
    const struct {
        const char *text;
        enum router_task task;
    } cases[] = {
        {"Could you translate my cover letter into Spanish?", ROUTER_TASK_TRANSLATION},
        {"Please summarize the attached article for my manager.", ROUTER_TASK_SUMMARISATION},
        {"Rewrite this paragraph so that it sounds friendlier.", ROUTER_TASK_REWRITING},
        {"Write a Python script that downloads all images of a web page.", ROUTER_TASK_CODE},
        {"Extract the names and dates from the letter below.", ROUTER_TASK_EXTRACTION},
        {"Classify the sentiment of this tweet as positive or negative.",
         ROUTER_TASK_CLASSIFICATION},
        {"Write a poem about autumn leaves.", ROUTER_TASK_CREATIVE},
        {"Solve the equation 2x + 5 = 17 for x.", ROUTER_TASK_MATH},
        {"What is the capital of Peru?", ROUTER_TASK_QA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct router_score s = score(cases[i].text);

        if (s.task != cases[i].task)
            fail_msg("'%s' is %s", cases[i].text, router_task_name(s.task));
        assert_true(s.task_confidence > 1.0 / ROUTER_TASK_COUNT && s.task_confidence <= 1);
    }
}

/* Hard requests rank above easy ones of about the same length. */
static void test_order(void **state)
{
    const char *easy[] = {
        "Write a nice birthday card for my aunt who likes cats, gardening and tea.",
        "Hi! I had a long day today, tell me something nice about the weekend.",
        "Is this review positive, negative or neutral? The soup was cold again.",
    };
    const char *hard[] = {
        "Prove that every bounded sequence of real numbers has a convergent subsequence.",
        "Implement a lock-free concurrent hash map in C++ and analyse its memory ordering.",
        "Derive the asymptotic complexity of this recursive algorithm and optimise it.",
    };

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            assert_true(score(easy[i]).complexity < score(hard[k]).complexity);
}

static void test_bounds_and_groups(void **state)
{
    struct dice dice = {9};
    char text[40000];

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t len = roll(&dice, sizeof text);
        struct router_score s;

        for (size_t i = 0; i < len; i++)
            text[i] = (char)(roll(&dice, 4) ? 'a' + (char)roll(&dice, 26) : (char)roll(&dice, 256));
        router_score_text(NULL, slice_of(text, len), &s);
        assert_true(s.complexity >= 0 && s.complexity <= 1);
        assert_true(s.task < ROUTER_TASK_COUNT);
    }
    struct router_score s = score("Prove that the sum of two even numbers is even, step by step.");
    int32_t sum = 0;
    for (size_t g = 0; g < ROUTER_GROUP_COUNT; g++)
        sum += abs(s.groups[g]);
    assert_true(sum > 0);
}

static void test_version(void **state)
{
    struct slice version = router_scorer_version(router_scorer_builtin());

    (void)state;
    assert_true(version.len > 0 && version.len < 24);
    assert_true(slice_eq(version, score("What is the capital of Peru?").version));
    assert_true(slice_eq(version, router_scorer_version(NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown), cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_bounds_and_groups),
        cmocka_unit_test(test_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
