#include "policy/normalise.h"
#include "tests/unit/policy/policy_test.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void check(const char *from, const char *to)
{
    struct norm_view view;
    assert_int_equal(norm_text(slice_from_str(from), arena, &view), BASE_OK);
    if (!slice_eq_str(view.text, to))
        fail_msg("folded to \"%.*s\", not \"%s\"", SLICE_ARG(view.text), to);
}

static void test_fold(void **state)
{
    (void)state;
    check("plain ASCII 123", "plain ASCII 123");
    check("\xEF\xBC\x94\xEF\xBC\x91\xEF\xBC\xA1", "41A"); /* full width */
    check("\xD9\xA4\xDB\xB1\xE0\xA5\xA7", "411");         /* Arabic, Persian, Devanagari */
    check("4\xE2\x80\x8B"
          "1\xEF\xBB\xBF"
          "1",
          "411"); /* zero width */
    check("4\xCC\xB6"
          "1",
          "41"); /* struck through */
    check("4\xEF\xB8\x8F\xE2\x83\xA3"
          "1",
          "41");                                                      /* keycap */
    check("\xF0\x9D\x9F\x98\xF0\x9D\x90\x80\xF0\x9D\x90\x9A", "0Aa"); /* mathematical */
    check("\xE2\x91\xA0\xE2\x82\x82\xC2\xB3", "123"); /* circled, subscript, superscript */
    check("4111\xE2\x80\x93"
          "1111\xC2\xA0"
          "1",
          "4111-1111 1");                            /* dash, no-break space */
    check("\xF3\xA0\x81\x81\xF3\xA0\x81\x82", "AB"); /* tags */
    check("AK\xD0\x86"
          "A",
          "AKIA");                                                 /* Cyrillic I */
    check("\xD0\xBC\xD0\xB8\xD1\x80", "\xD0\xBC\xD0\xB8\xD1\x80"); /* Russian stays Russian */
    check("caf\xC3\xA9", "caf\xC3\xA9");
    check("\xFF\xC3(", "\xFF\xC3("); /* not UTF-8 */
    check("4\x01"
          "1\x7F"
          "1\xC2\x80"
          "1",
          "4111"); /* controls */
    check("4\x0B"
          "1\n1\t1",
          "4\n1\n1\t1");
    check("\xE0\xB7\xAA\xEA\xAF\xB1\xF0\x9E\xA5\x91", "411"); /* Sinhala, Meitei, Adlam */
    check("4\xD9\x8B"
          "1 \xE2\xA0\x80"
          "1",
          "41 1");                                 /* marks of Arabic, Braille's blank */
    check("\xD8\xB9\xD9\x8B", "\xD8\xB9\xD9\x8B"); /* but not behind Arabic */
}

static void check_composed(const char *from, const char *to)
{
    struct norm_view view;
    assert_int_equal(norm_compose(slice_from_str(from), arena, &view), BASE_OK);
    if (!slice_eq_str(view.text, to))
        fail_msg("composed to \"%.*s\", not \"%s\"", SLICE_ARG(view.text), to);
    assert_true(norm_has_marks(slice_from_str(from)) || strcmp(from, to) == 0);
}

static void test_compose(void **state)
{
    (void)state;
    check_composed("plain", "plain");
    check_composed("u\xCC\x88", "\xC3\xBC");
    check_composed("e\xCC\x82\xCC\x81!", "\xE1\xBA\xBF!");      /* two marks: Vietnamese */
    check_composed("4\xCC\x88", "4\xCC\x88");                   /* no such character */
    check_composed("\xE3\x81\x8B\xE3\x82\x99", "\xE3\x81\x8C"); /* Japanese */
    check_composed("\xE3\x81\xAF\xE3\x82\x9A", "\xE3\x81\xB1");
    check_composed("\xD0\xB8\xCC\x86", "\xD0\xB9");                         /* Russian */
    check_composed("\xE1\x84\x80\xE1\x85\xB3\xE1\x86\xAF", "\xEA\xB8\x80"); /* Korean */
    check_composed("\xCC\x88", "\xCC\x88");
    check_composed("a\xCC", "a\xCC"); /* not UTF-8 */
}

static void span_of(const char *text, const char *needle, size_t offset, size_t length)
{
    struct norm_view view;
    size_t got_offset, got_length;
    assert_int_equal(norm_text(slice_from_str(text), arena, &view), BASE_OK);
    size_t at = slice_find(view.text, slice_from_str(needle));
    assert_int_not_equal(at, SIZE_MAX);
    norm_span(&view, at, at + strlen(needle), &got_offset, &got_length);
    assert_int_equal(got_offset, offset);
    assert_int_equal(got_length, length);
}

static void test_spans(void **state)
{
    (void)state;
    span_of("abc 42 x", "42", 4, 2);
    span_of("\xC3\xA9 42 x", "42", 3, 2);
    span_of("x \xEF\xBC\x94\xEF\xBC\x91 y", "41", 2, 6);
    span_of("x 4\xE2\x80\x8B"
            "1\xE2\x80\x8B y",
            "41", 2, 5); /* what is invisible behind it is not in */
    span_of("\xE2\x80\x8B"
            "41",
            "41", 3, 2);
    span_of("\xEF\xBC\x94"
            "1\xEF\xBC\x91",
            "411", 0, 7);
}

static void test_decode(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"a%40b", "a@b"},
        {"\\u0034\\u0031", "41"},
        {"&#52;&#x31;", "41"},
        {"\\x41", "A"},
        {"100% of", "100% of"},
        {"\\uFF14", "4"},
        {"&#;&#99999999;", "&#;&#99999999;"},
        {"%C3%A9", "\xC3\xA9"},
        {"%u0041%uFF14", "A4"},
        {"\\u{41}\\u{000034}\\u{}\\u{41", "A4\\u{}\\u{41"},
        {"\\101\\064\\1 \\400\\001", "A4\\1 \\400\\001"},
        {"&#65&#52&#00000000000065;&#x41", "A4AA"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct norm_view view;
        assert_int_equal(norm_decode(slice_from_str(cases[i].from), arena, &view), BASE_OK);
        assert_true(slice_eq_str(view.text, cases[i].to));
    }
    assert_true(norm_has_escapes(SLICE("x%41")));
    assert_false(norm_has_escapes(SLICE("100% & \\d+ \\n")));
}

static void test_encoded(void **state)
{
    (void)state;
    struct slice text =
        SLICE("see bXkgY2FyZCBpcyA0MTEx and 68656c6c6f20776f726c64 and Qd9xZz8fQm2LpRt0VbNw");
    struct norm_view view;
    enum base_err err;
    size_t at = 0;
    assert_true(norm_next_encoded(text, &at, arena, &view, &err));
    assert_true(slice_eq_str(view.text, "my card is 4111"));
    size_t offset, length;
    norm_span(&view, 3, 7, &offset, &length);
    assert_int_equal(offset, 4); /* the whole token */
    assert_int_equal(length, 20);
    assert_true(norm_next_encoded(text, &at, arena, &view, &err));
    assert_true(slice_eq_str(view.text, "hello world"));
    assert_false(norm_next_encoded(text, &at, arena, &view, &err));
    assert_int_equal(err, BASE_OK);

    at = 0; /* the shortest thing that proves itself: a social security number */
    assert_true(norm_next_encoded(SLICE("NTM2LTIyLTg3MjY="), &at, arena, &view, &err));
    assert_true(slice_eq_str(view.text, "536-22-8726"));
}

/* What stands before a token, or in it. */
static void test_encoded_within(void **state)
{
    (void)state;
    static const struct {
        const char *text, *holds;
    } cases[] = {
        {"/v1/MTIzLTQ1LTY3ODkgb3Igc28", "123-45-6789 or so"},
        {"a_MTIzLTQ1LTY3ODkgb3Igc28=", "123-45-6789 or so"},
        {"IdMTIzLTQ1LTY3ODkgb3Igc28=", "123-45-6789 or so"},
        {"MQAyADMALQA0ADUALQA2ADcAOAA5AA==", "123-45-6789"}, /* UTF-16 */
        {"/wAxMjMtNDUtNjc4OQD/", "123-45-6789"},             /* other bytes around */
        {"0x3132332d34352d36373839", "123-45-6789"},
        {"MTIzLTQ1LTY3ODkg\nb3Igc28gb24gYW5kIG9u", "123-45-6789 or so on and on"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct norm_view view;
        enum base_err err;
        size_t at = 0, offset, length;
        assert_true(norm_next_encoded(slice_from_str(cases[i].text), &at, arena, &view, &err));
        if (slice_find(view.text, slice_from_str(cases[i].holds)) == SIZE_MAX)
            fail_msg("\"%s\" gave \"%.*s\"", cases[i].text, SLICE_ARG(view.text));
        norm_span(&view, 0, 1, &offset, &length);
        assert_in_range(offset + length, offset + 15, strlen(cases[i].text));
    }
}

static void test_quoted(void **state)
{
    (void)state;
    struct norm_view view;
    struct slice text = SLICE("=C3=A9 a=3Db 41=\n11=\r\n1=31 =00=zz=");
    assert_true(norm_has_quoted(text));
    assert_int_equal(norm_unquote(text, arena, &view), BASE_OK);
    assert_true(slice_eq_str(view.text, "\xC3\xA9 a=b 411111 =00=zz="));
    size_t offset, length;
    norm_span(&view, 7, 13, &offset, &length);
    assert_int_equal(offset, 13);
    assert_int_equal(length, 13);
    assert_false(norm_has_quoted(SLICE("a =\n    b;\nc=\"x\"; d=20; e==\n")));
    assert_true(norm_has_quoted(SLICE("mail=\nbox")));
}

static void test_memory(void **state)
{
    (void)state;
    struct arena *tiny = arena_new(4);
    struct norm_view view;
    assert_int_equal(norm_text(SLICE("\xEF\xBC\x94\xEF\xBC\x91"), tiny, &view), BASE_ERR_NO_MEMORY);
    enum base_err err;
    size_t at = 0;
    assert_false(norm_next_encoded(SLICE("bXkgY2FyZCBpcyA0MTEx"), &at, tiny, &view, &err));
    assert_int_equal(err, BASE_ERR_NO_MEMORY);
    arena_free(tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold),    cmocka_unit_test(test_compose),
        cmocka_unit_test(test_spans),   cmocka_unit_test(test_decode),
        cmocka_unit_test(test_encoded), cmocka_unit_test(test_encoded_within),
        cmocka_unit_test(test_quoted),  cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
