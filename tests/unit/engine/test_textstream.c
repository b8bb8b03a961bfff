#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/core/buffer.h"
#include "engine/tokenizer/textstream.h"

static struct engine_textstream *make(const struct slice *stops, size_t count, uint64_t max)
{
    struct engine_textstream *stream;
    struct base_error detail;
    assert_int_equal(engine_textstream_new(stops, count, max, &stream, &detail), BASE_OK);
    return stream;
}

#define EXPECT(stream, bytes, end, text)                                                           \
    do {                                                                                           \
        struct slice delta_;                                                                       \
        assert_int_equal(engine_textstream_push(stream, SLICE(bytes), &delta_), end);              \
        assert_int_equal(delta_.len, sizeof(text) - 1);                                            \
        assert_memory_equal(delta_.ptr, text, sizeof(text) - 1);                                   \
    } while (0)
#define EXPECT_FINISH(stream, text)                                                                \
    do {                                                                                           \
        struct slice delta_;                                                                       \
        engine_textstream_finish(stream, &delta_);                                                 \
        assert_int_equal(delta_.len, sizeof(text) - 1);                                            \
        assert_memory_equal(delta_.ptr, text, sizeof(text) - 1);                                   \
    } while (0)
#define MORE ENGINE_TEXTSTREAM_MORE
#define STOP ENGINE_TEXTSTREAM_STOP

static void test_plain_text_is_not_held(void **state)
{
    (void)state;
    struct engine_textstream *stream = make(NULL, 0, 0);
    EXPECT(stream, "Hello", MORE, "Hello");
    EXPECT(stream, "", MORE, "");
    EXPECT(stream, " world", MORE, " world");
    EXPECT_FINISH(stream, "");
    engine_textstream_free(stream);
}

static void test_characters_are_not_split(void **state)
{
    (void)state;
    struct engine_textstream *stream = make(NULL, 0, 0);
    EXPECT(stream, "a\xe2", MORE, "a");
    EXPECT(stream, "\x82", MORE, "");
    EXPECT(stream,
           "\xac"
           "b\xf0\x9f",
           MORE,
           "\xe2\x82\xac"
           "b");
    EXPECT(stream, "\x99\x82", MORE, "\xf0\x9f\x99\x82");
    EXPECT(stream, "\xf0\x9f\x99", MORE, "");
    EXPECT_FINISH(stream, "\xef\xbf\xbd");
    engine_textstream_free(stream);
}

static void test_ill_formed_bytes_are_replaced(void **state)
{
    (void)state;
    struct engine_textstream *stream = make(NULL, 0, 0);
    EXPECT(stream, "\x80", MORE, "\xef\xbf\xbd");
    EXPECT(stream, "\xc0\xaf", MORE, "\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT(stream, "\xe2\x82x", MORE, "\xef\xbf\xbdx"); /* one for the part that was begun */
    EXPECT(stream, "\xed\xa0\x80", MORE, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
    EXPECT(stream, "\xe2\xe2\x82\xac", MORE, "\xef\xbf\xbd\xe2\x82\xac");
    EXPECT(stream, "\xf4\x90", MORE, "\xef\xbf\xbd\xef\xbf\xbd"); /* above U+10FFFF */
    EXPECT_FINISH(stream, "");
    engine_textstream_free(stream);
}

static void test_stop_across_tokens(void **state)
{
    (void)state;
    const struct slice stops[] = {SLICE_INIT("END"), SLICE_INIT("\n\nUser:")};
    struct engine_textstream *stream = make(stops, 2, 0);
    EXPECT(stream, "abE", MORE, "ab");
    EXPECT(stream, "N", MORE, "");
    EXPECT(stream, "X", MORE, "ENX"); /* it did not become one */
    EXPECT(stream, "\n", MORE, "");
    EXPECT(stream, "\n", MORE, "");
    EXPECT(stream, "\n", MORE, "\n"); /* only as much as may still match stays behind */
    EXPECT(stream, "Use", MORE, "");
    EXPECT(stream, "r: and more", STOP, "");
    EXPECT(stream, "ignored", STOP, "");
    EXPECT_FINISH(stream, "");
    engine_textstream_free(stream);
}

static void test_held_text_comes_at_the_end(void **state)
{
    (void)state;
    const struct slice stops[] = {SLICE_INIT("</s>")};
    struct engine_textstream *stream = make(stops, 1, 2);
    EXPECT(stream, "x<", MORE, "x");
    assert_int_equal(engine_textstream_in(stream), 2);
    assert_int_equal(engine_textstream_out(stream), 1);
    EXPECT(stream, "/s", ENGINE_TEXTSTREAM_LENGTH, "");
    EXPECT_FINISH(stream, "</s");
    assert_int_equal(engine_textstream_out(stream), 4);
    engine_textstream_free(stream);
}

static void test_longest_of_those_that_end_together(void **state)
{
    (void)state;
    const struct slice stops[] = {SLICE_INIT("b"), SLICE_INIT("ab"), SLICE_INIT("abcd")};
    struct engine_textstream *stream = make(stops, 3, 0);
    EXPECT(stream, "xab", STOP, "x");
    engine_textstream_free(stream);
    const struct slice inner[] = {SLICE_INIT("abcd"), SLICE_INIT("bc")};
    stream = make(inner, 2, 0);
    EXPECT(stream, "xabcd", STOP, "xa"); /* the one that ends first */
    engine_textstream_free(stream);
}

static void test_bad_stops(void **state)
{
    (void)state;
    struct engine_textstream *stream = NULL;
    struct base_error detail;
    struct slice bad[] = {SLICE(""), SLICE("\xff")};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(engine_textstream_new(&bad[i], 1, 0, &stream, &detail),
                         BASE_ERR_BAD_VALUE);
        assert_string_equal(detail.param, "stop");
    }
    static char big[ENGINE_TEXTSTREAM_STOP_BYTES_MAX + 1];
    memset(big, 'x', sizeof(big));
    struct slice stop = slice_of(big, sizeof(big));
    assert_int_equal(engine_textstream_new(&stop, 1, 0, &stream, NULL), BASE_ERR_BAD_VALUE);
    stop.len--;
    assert_int_equal(engine_textstream_new(&stop, 1, 0, &stream, NULL), BASE_OK);
    engine_textstream_free(stream);
    static struct slice many[ENGINE_TEXTSTREAM_STOPS_MAX + 1];
    for (size_t i = 0; i < ENGINE_TEXTSTREAM_STOPS_MAX + 1; i++)
        many[i] = SLICE("a");
    assert_int_equal(engine_textstream_new(many, ENGINE_TEXTSTREAM_STOPS_MAX + 1, 0, &stream, NULL),
                     BASE_ERR_BAD_VALUE);
}

/* The whole text at once, the obvious way: the first stop text to end, of those the longest. */
static size_t first_stop(struct slice text, const struct slice *stops, size_t count)
{
    for (size_t end = 1; end <= text.len; end++) {
        size_t best = 0;
        for (size_t i = 0; i < count; i++)
            if (stops[i].len > best && slice_ends_with(slice_sub(text, 0, end), stops[i]))
                best = stops[i].len;
        if (best > 0)
            return end - best;
    }
    return text.len;
}

static void test_random_texts_against_the_obvious_way(void **state)
{
    (void)state;
    uint32_t seed = 12345;
    for (int round = 0; round < 3000; round++) {
        char text[40], stop_text[4][6];
        struct slice stops[4];
        size_t count = 1 + (size_t)rand_r(&seed) % 4;
        for (size_t i = 0; i < count; i++) {
            size_t len = 1 + (size_t)rand_r(&seed) % 5;
            for (size_t k = 0; k < len; k++)
                stop_text[i][k] = (char)('a' + rand_r(&seed) % 2);
            stops[i] = slice_of(stop_text[i], len);
        }
        for (size_t k = 0; k < sizeof(text); k++)
            text[k] = (char)('a' + rand_r(&seed) % 3);
        struct slice whole = slice_of(text, sizeof(text));
        struct engine_textstream *stream = make(stops, count, 0);
        struct buffer got;
        buffer_init(&got, 1000);
        size_t at = 0;
        enum engine_textstream_end end = MORE;
        struct slice delta;
        while (at < whole.len && end == MORE) {
            struct slice piece = slice_sub(whole, at, 1 + (size_t)rand_r(&seed) % 4);
            end = engine_textstream_push(stream, piece, &delta);
            (void)buffer_add_slice(&got, delta);
            at += piece.len;
        }
        engine_textstream_finish(stream, &delta);
        (void)buffer_add_slice(&got, delta);
        size_t want = first_stop(whole, stops, count);
        assert_int_equal(buffer_len(&got), want);
        assert_memory_equal(buffer_slice(&got).ptr, text, want);
        assert_int_equal(end == STOP, want < whole.len);
        buffer_done(&got);
        engine_textstream_free(stream);
    }
}

/* Blind for a while: what looks like a stop text there passes, and cannot begin one outside. */
static void test_watch(void **state)
{
    (void)state;
    const struct slice stops[] = {SLICE_INIT("ab")};
    struct engine_textstream *stream;
    struct slice delta;
    assert_int_equal(engine_textstream_new(stops, 1, 0, &stream, NULL), BASE_OK);
    assert_int_equal(engine_textstream_push(stream, SLICE("xa"), &delta), ENGINE_TEXTSTREAM_MORE);
    assert_true(slice_eq(delta, SLICE("x"))); /* the a is held back */
    engine_textstream_watch(stream, false);
    assert_int_equal(engine_textstream_push(stream, SLICE("bab"), &delta), ENGINE_TEXTSTREAM_MORE);
    assert_true(slice_eq(delta, SLICE("abab")));
    assert_int_equal(engine_textstream_push(stream, SLICE("a"), &delta), ENGINE_TEXTSTREAM_MORE);
    assert_true(slice_eq(delta, SLICE("a")));
    engine_textstream_watch(stream, true);
    assert_int_equal(engine_textstream_push(stream, SLICE("ba"), &delta), ENGINE_TEXTSTREAM_MORE);
    assert_true(slice_eq(delta, SLICE("b")));
    assert_int_equal(engine_textstream_push(stream, SLICE("b"), &delta), ENGINE_TEXTSTREAM_STOP);
    assert_true(slice_eq(delta, SLICE("")));
    engine_textstream_free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_is_not_held),
        cmocka_unit_test(test_characters_are_not_split),
        cmocka_unit_test(test_ill_formed_bytes_are_replaced),
        cmocka_unit_test(test_stop_across_tokens),
        cmocka_unit_test(test_held_text_comes_at_the_end),
        cmocka_unit_test(test_longest_of_those_that_end_together),
        cmocka_unit_test(test_bad_stops),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_random_texts_against_the_obvious_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
