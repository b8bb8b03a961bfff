/*
 * As much of cmocka as the engine's tests use, for processors that its package is not installed for
 * (tests/arm64). A failed assertion says where and ends its test; the program's exit status is the
 * number of tests that failed.
 */
#ifndef TESTS_ARM64_CMOCKA_H
#define TESTS_ARM64_CMOCKA_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};

static jmp_buf cmocka_failed;

__attribute__((noreturn)) static inline void cmocka_fail(const char *file, int line)
{
    printf("%s:%d: failed\n", file, line);
    longjmp(cmocka_failed, 1);
}

#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) printf(__VA_ARGS__)
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        printf(__VA_ARGS__);                                                                       \
        printf("\n");                                                                              \
        cmocka_fail(__FILE__, __LINE__);                                                           \
    } while (0)

#define cmocka_check(holds, what)                                                                  \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            printf("%s\n", what);                                                                  \
            cmocka_fail(__FILE__, __LINE__);                                                       \
        }                                                                                          \
    } while (0)
#define assert_true(a) cmocka_check(a, #a)
#define assert_false(a) cmocka_check(!(a), "not: " #a)
#define assert_null(a) cmocka_check((a) == NULL, #a " is NULL")
#define assert_non_null(a) cmocka_check((a) != NULL, #a " is not NULL")
#define assert_ptr_equal(a, b) cmocka_check((const void *)(a) == (const void *)(b), #a " is " #b)
#define assert_ptr_not_equal(a, b)                                                                 \
    cmocka_check((const void *)(a) != (const void *)(b), #a " is not " #b)
#define assert_string_equal(a, b) cmocka_check(strcmp(a, b) == 0, #a " is " #b)
#define assert_string_not_equal(a, b) cmocka_check(strcmp(a, b) != 0, #a " is not " #b)
#define assert_memory_equal(a, b, n) cmocka_check(memcmp(a, b, n) == 0, #a " is " #b)
#define assert_memory_not_equal(a, b, n) cmocka_check(memcmp(a, b, n) != 0, #a " is not " #b)

static inline void cmocka_compare(uintmax_t a, uintmax_t b, int equal, const char *file, int line)
{
    if ((a == b) == (equal != 0))
        return;
    printf("%#jx %s %#jx\n", a, equal ? "is not" : "is", b);
    cmocka_fail(file, line);
}
#define assert_int_equal(a, b) cmocka_compare((uintmax_t)(a), (uintmax_t)(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b)                                                                 \
    cmocka_compare((uintmax_t)(a), (uintmax_t)(b), 0, __FILE__, __LINE__)

#define cmocka_unit_test(run)                                                                      \
    {                                                                                              \
#run, run, NULL, NULL                                                                      \
    }
#define cmocka_unit_test_setup_teardown(run, setup, teardown)                                      \
    {                                                                                              \
#run, run, setup, teardown                                                                 \
    }

static inline int cmocka_run(const struct CMUnitTest *tests, size_t count,
                             int (*setup)(void **state), int (*teardown)(void **state))
{
    void *group = NULL;
    volatile int failed = 0;
    if (setup && setup(&group) != 0)
        return 1;
    for (volatile size_t i = 0; i < count; i++) {
        void *state = group;
        volatile int bad = 1;
        printf("%s\n", tests[i].name);
        if (setjmp(cmocka_failed) == 0) {
            bad = tests[i].setup && tests[i].setup(&state) != 0;
            if (!bad)
                tests[i].run(&state);
        }
        if (tests[i].teardown && tests[i].teardown(&state) != 0)
            bad = 1;
        printf("%s: %s\n", tests[i].name, bad ? "FAILED" : "ok");
        failed += bad;
    }
    if (teardown && teardown(&group) != 0)
        failed++;
    return failed;
}
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cmocka_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
