/* Tables that are searched by halves must be sorted. */
#include "tests/unit/router/support.h"

#include "router/cues.c"

#include "router/language.c"

static void test_cues_are_sorted(void **state)
{
    (void)state;
    for (size_t i = 0; i < CUE_COUNT; i++) {
        assert_true(strlen(cues[i].stem) >= 2 && cues[i].stem[1] != '$');
        assert_true(cues[i].kind < CUE_KINDS);
        if (i > 0) {
            int order = strcmp(cues[i - 1].stem, cues[i].stem);
            assert_true(order < 0 || (order == 0 && cues[i - 1].kind != cues[i].kind));
        }
    }
}

static void test_each_cue_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < CUE_COUNT; i++) {
        float tasks[ROUTER_TASK_COUNT] = {0};
        struct cues c = {.tasks = tasks};
        struct slice word = slice_from_str(cues[i].stem);
        if (word.ptr[word.len - 1] == '$')
            word.len--;
        add_cues(word, 1, &c);
        assert_true(cues[i].kind == DEMANDING ? c.demanding == 1
                    : cues[i].kind == LIGHT   ? c.light == 1
                                              : tasks[cues[i].kind] > 0);
    }
}

static void test_frequent_words_are_sorted_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof frequent / sizeof *frequent; i++) {
        assert_true(i == 0 || strcmp(frequent[i - 1].word, frequent[i].word) < 0);
        assert_int_equal(languages_of(slice_from_str(frequent[i].word)), frequent[i].languages);
    }
    assert_int_equal(languages_of(SLICE("th")), 0);
    assert_int_equal(languages_of(SLICE("thee")), 0);
    assert_int_equal(languages_of(SLICE("zzz")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cues_are_sorted),
        cmocka_unit_test(test_each_cue_is_found),
        cmocka_unit_test(test_frequent_words_are_sorted_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
