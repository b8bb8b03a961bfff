#include <pthread.h>

#include "policy/matcher.h"
#include "tests/unit/policy/policy_test.h"

static struct policy_matcher *matcher_of(const struct policy_matcher_pattern *patterns,
                                         size_t count)
{
    struct policy_matcher *matcher;
    struct base_error error;
    assert_int_equal(policy_matcher_new(patterns, count, &matcher, &error), BASE_OK);
    return matcher;
}

static void test_find(void **state)
{
    (void)state;
    static const struct policy_matcher_pattern patterns[] = {
        {SLICE_INIT("nda"), SLICE_INIT("(?i)\\bnon-disclosure\\b"), 0},
        {SLICE_INIT("plain"), SLICE_INIT("a.b"), POLICY_MATCH_LITERAL},
        {SLICE_INIT("word"), SLICE_INIT("Falcon Nine"),
         POLICY_MATCH_LITERAL | POLICY_MATCH_WORD | POLICY_MATCH_NO_CASE},
        {SLICE_INIT("char"), SLICE_INIT("^.ber$"), 0},
    };
    struct policy_matcher *matcher = matcher_of(patterns, 4);
    bool hits[4] = {false};
    assert_int_equal(policy_matcher_find(matcher, SLICE("A Non-Disclosure form"), hits), BASE_OK);
    assert_true(hits[0]);
    assert_false(hits[1] || hits[2] || hits[3]);
    assert_int_equal(policy_matcher_find(matcher, SLICE("axb, then a.b"), hits), BASE_OK);
    assert_true(hits[0] && hits[1]);
    assert_int_equal(policy_matcher_find(matcher, SLICE("falcon nines"), hits), BASE_OK);
    assert_false(hits[2]);
    assert_int_equal(policy_matcher_find(matcher, SLICE("(FALCON - nine)"), hits), BASE_OK);
    assert_true(hits[2]);
    assert_int_equal(policy_matcher_find(matcher,
                                         SLICE("\xC3\xBC"
                                               "ber"),
                                         hits),
                     BASE_OK);
    assert_true(hits[3]); /* one character, not two bytes */
    assert_int_equal(policy_matcher_find(matcher, SLICE("\xFF\xC3"), hits), BASE_OK);
    assert_int_equal(policy_matcher_find(matcher, SLICE(""), hits), BASE_OK);
    policy_matcher_free(matcher);
}

static void test_words_of_other_scripts(void **state)
{
    (void)state;
    static const struct policy_matcher_pattern patterns[] = {
        {SLICE_INIT("han"), SLICE_INIT("\xE6\x9C\xBA\xE5\xAF\x86"),
         POLICY_MATCH_LITERAL | POLICY_MATCH_WORD},
        {SLICE_INIT("cyrillic"), SLICE_INIT("\xD0\xBA\xD0\xBE\xD1\x82"),
         POLICY_MATCH_LITERAL | POLICY_MATCH_WORD},
    };
    struct policy_matcher *matcher = matcher_of(patterns, 2);
    bool hits[2] = {false};
    assert_int_equal(policy_matcher_find(
                         matcher, SLICE("\xE6\x98\xAF\xE6\x9C\xBA\xE5\xAF\x86\xE7\x9A\x84"), hits),
                     BASE_OK);
    assert_true(hits[0]);
    assert_int_equal(policy_matcher_find(matcher, SLICE("\xD1\x81\xD0\xBA\xD0\xBE\xD1\x82"), hits),
                     BASE_OK);
    assert_false(hits[1]);
    policy_matcher_free(matcher);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"(a)\\1", "a(?=b)", "(?>a+)b", "(unclosed",
                                      "",       "x*",     "[z-a]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct policy_matcher_pattern pattern = {SLICE("broken"), slice_from_str(bad[i]), 0};
        struct policy_matcher *matcher = NULL;
        struct base_error error = {0};
        assert_int_equal(policy_matcher_new(&pattern, 1, &matcher, &error), BASE_ERR_BAD_CONFIG);
        assert_non_null(strstr(error.message, "broken"));
        assert_null(matcher);
    }
}

static void test_none(void **state)
{
    (void)state;
    struct policy_matcher *matcher = matcher_of(NULL, 0);
    assert_int_equal(policy_matcher_find(matcher, SLICE("anything"), NULL), BASE_OK);
    policy_matcher_free(matcher);
    policy_matcher_free(NULL);
}

static void *scan_often(void *user)
{
    size_t found = 0;
    for (int i = 0; i < 2000; i++) {
        bool hit = false;
        if (policy_matcher_find(user, SLICE("some needle here"), &hit) == BASE_OK)
            found += hit;
    }
    return (void *)(uintptr_t)found;
}

static void test_threads(void **state)
{
    (void)state;
    static const struct policy_matcher_pattern pattern = {SLICE_INIT("n"), SLICE_INIT("needle"), 0};
    struct policy_matcher *matcher = matcher_of(&pattern, 1);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, scan_often, matcher), 0);
    /* New matchers grow the scratch that the others are using. */
    for (int i = 0; i < 8; i++)
        policy_matcher_free(matcher_of(&pattern, 1));
    for (int i = 0; i < 4; i++) {
        void *found;
        assert_int_equal(pthread_join(threads[i], &found), 0);
        assert_int_equal((uintptr_t)found, 2000);
    }
    policy_matcher_free(matcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),    cmocka_unit_test(test_words_of_other_scripts),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_none),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
