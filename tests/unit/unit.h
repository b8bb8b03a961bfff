/* What every unit test includes: cmocka with the headers that it forgets to ask for. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/core/slice.h"

/* Both as bytes; a difference shows the text. */
#define assert_slice(actual, expected)                                                             \
    do {                                                                                           \
        struct slice a_ = (actual), e_ = slice_from_str(expected);                                 \
        if (!slice_eq(a_, e_))                                                                     \
            fail_msg("got \"%.*s\", expected \"%.*s\"", SLICE_ARG(a_), SLICE_ARG(e_));             \
    } while (0)

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" does not contain \"%s\"", (text), (part));                            \
    } while (0)

#endif
