#include "upstreams/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX = 4096 };

/* Reads `input` in pieces of `step` bytes; writes "type|data;" for each event, and at the end "~"
 * and what sse_finish() gives. */
static enum base_err replay(struct slice input, size_t step, size_t max, struct buffer *out)
{
    struct sse_reader sse;
    struct sse_event event;
    enum base_err err = BASE_ERR_AGAIN;
    sse_init(&sse, max);
    while (input.len > 0 && err == BASE_ERR_AGAIN) {
        size_t len = step < input.len ? step : input.len;
        char *piece = malloc(len); /* of its own, so that a late read is seen */
        assert_non_null(piece);
        memcpy(piece, input.ptr, len);
        struct slice bytes = slice_of(piece, len);
        while ((err = sse_next(&sse, &bytes, &event)) == BASE_OK)
            (void)buffer_addf(out, "%.*s|%.*s;", SLICE_ARG(event.type), SLICE_ARG(event.data));
        free(piece);
        input = slice_sub(input, len, SIZE_MAX);
    }
    if (err == BASE_ERR_AGAIN && sse_finish(&sse, &event))
        (void)buffer_addf(out, "~%.*s|%.*s", SLICE_ARG(event.type), SLICE_ARG(event.data));
    sse_done(&sse);
    return err;
}

struct sample {
    const char *input;
    const char *events;
};

static const struct sample samples[] = {
    {"data: a\n\n", "|a;"},
    {"data: a\r\n\r\n", "|a;"},
    {"data: a\r\r", "|a;"},
    {"data: a\r\rdata: b\r\r", "|a;|b;"},
    {"data: a\r\n\n", "|a;"},
    {"data:a\n\n", "|a;"},
    {"data:  a\n\n", "| a;"},
    {"data: a\ndata: b\n\n", "|a\nb;"},
    {"data: a\ndata\ndata: b\n\n", "|a\n\nb;"},
    {"data\n\n", "|;"},
    {"data:\n\n", "|;"},
    {": comment\n\ndata: a\n\n", "|a;"},
    {": OPENROUTER PROCESSING\ndata: a\n\n", "|a;"},
    {"event: ping\ndata: a\n\n", "ping|a;"},
    {"event: ping\n\ndata: a\n\n", "|a;"},
    {"event: x\nevent: y\ndata: a\n\n", "y|a;"},
    {"id: 7\nretry: 10\nfuture: z\ndata: a\n\n", "|a;"},
    {"\xEF\xBB\xBF"
     "data: a\n\n",
     "|a;"},
    {"\n\n\ndata: a\n\n\n\ndata: b\n\n", "|a;|b;"},
    {"data: a\n\ndata: \xEF\xBB\xBF\n\n", "|a;|\xEF\xBB\xBF;"},
    {"datax: a\n\n", ""},
    {" data: a\n\n", ""},
    {"data: a\n", "~|a"},
    {"data: a", "~|a"},
    {"data: a\r", "~|a"},
    {"dat", ""},
    {"data: a\n\ndata: {\"x\":", "|a;~|{\"x\":"},
    {"event: e\ndata: a", "~e|a"},
    {"", ""},
    {"\xEF\xBB", ""},
    {"data: caf\xC3\xA9\n\n", "|caf\xC3\xA9;"},
};

static void test_variants_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct slice input = slice_from_str(samples[i].input);
        for (size_t step = 1; step <= input.len + 1; step++) {
            struct buffer out;
            buffer_init(&out, MAX);
            assert_int_equal(replay(input, step, MAX, &out), BASE_ERR_AGAIN);
            (void)buffer_add_char(&out, '\0');
            assert_string_equal(buffer_slice(&out).ptr, samples[i].events);
            buffer_done(&out);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        enum base_err err;
    } cases[] = {
        {"data: 0123456789\n\n", BASE_ERR_LIMIT},                   /* a line */
        {"data: 0123456789", BASE_ERR_LIMIT},                       /* one without an end */
        {"data: 01234\ndata: 01234\ndata: 01\n\n", BASE_ERR_LIMIT}, /* an event of short lines */
        {": 0123456\n: 0123456\ndata: 0\n\n", BASE_ERR_AGAIN},
        {"data: 01234567\n\ndata: 01234567\n\n", BASE_ERR_AGAIN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t step = 1; step < 20; step++) {
            struct buffer out;
            buffer_init(&out, MAX);
            assert_int_equal(replay(slice_from_str(cases[i].input), step, 14, &out), cases[i].err);
            buffer_done(&out);
        }
}

static void test_nul_is_kept(void **state)
{
    (void)state;
    struct sse_reader sse;
    struct sse_event event;
    struct slice input = SLICE("data: a\0b\n\n");
    sse_init(&sse, MAX);
    assert_int_equal(sse_next(&sse, &input, &event), BASE_OK);
    assert_true(slice_eq(event.data, SLICE("a\0b")));
    assert_int_equal(sse_next(&sse, &input, &event), BASE_ERR_AGAIN);
    sse_done(&sse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variants_in_any_pieces),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nul_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
