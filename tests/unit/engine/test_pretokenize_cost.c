/* How often the pre-tokenizers look at a character of texts made to be slow: counted, not timed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/tokenizer/pretokenize.h"
#include "engine/unicode/unicode.h"

static size_t looks;

static struct engine_unicode_char counted_at(struct slice text, size_t at)
{
    looks++;
    return engine_unicode_at(text, at);
}

#define engine_unicode_at counted_at
/* NOLINTBEGIN(bugprone-suspicious-include): the code under test, with its reading counted */
#include "engine/tokenizer/pretokenize.c"
#include "engine/tokenizer/pretokenize_stage.c"
#include "engine/tokenizer/pretokenize_word.c"
/* NOLINTEND(bugprone-suspicious-include) */

enum { SIZE = 3000, LOOKS_PER_BYTE = 24 };

static bool on_word(void *user, struct slice word)
{
    *(size_t *)user += word.len;
    return true;
}

static void check(struct slice text, const char *name)
{
    for (size_t i = 0; engine_pretokenizer_at(i); i++) {
        size_t total = 0;
        looks = 0;
        assert_true(engine_pretokenize(engine_pretokenizer_at(i), text, on_word, &total));
        assert_int_equal(total, text.len);
        if (looks > text.len * LOOKS_PER_BYTE)
            fail_msg("%s, text of %s: %zu looks at %zu bytes", engine_pretokenizer_at(i)->names,
                     name, looks, text.len);
    }
}

/* One piece again and again; then the same with another piece at the end or at the start. */
static void test_looks_are_linear(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",
        "A",
        "7",
        " ",
        "\n",
        "\t",
        "!",
        "'",
        "<",
        "/",
        "\xc3\xa9",
        "\xff",
        "\xcc\x81",
        "\xe4\xb8\xad",
        " \n",
        "aA",
        "Aa",
        "' ",
        "!\n ",
        "\xc3\xa9 ",
        "a b ",
        "IMGIMGA",
        "<sentinel:1",
        "7a",
        "A\xe4\xb8\xad",
        "\xe0\xa5\xa7",
        "\r",
        "\xe3\x80\x80",
        "a\xcc\x81",
        "\xf0\x9f\x99\x82",
        "_a",
        "  !",
        " \xc2\xa0",
    };
    size_t count = sizeof(pieces) / sizeof(pieces[0]);
    char *text = malloc(SIZE + 64);
    assert_non_null(text);
    for (size_t p = 0; p < count; p++) {
        size_t len = 0, piece = strlen(pieces[p]);
        while (len + piece <= SIZE) {
            memcpy(text + len, pieces[p], piece);
            len += piece;
        }
        check(slice_of(text, len), pieces[p]);
        for (size_t q = 0; q < count; q += 3) {
            memcpy(text + len, pieces[q], strlen(pieces[q]));
            check(slice_of(text, len + strlen(pieces[q])), pieces[p]);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_looks_are_linear)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
