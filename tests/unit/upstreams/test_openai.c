/* Reading answers: every sample is read whole and byte by byte, and must give the same events. */
#include "upstreams/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX = 1024 * 1024 };

struct taker {
    struct buffer out;
    struct chat_usage usage;
    int stop_after; /* 0 = never */
    int count;
};

static bool on_event(void *user, const struct chat_event *e)
{
    struct taker *t = user;
    struct buffer *out = &t->out;
    switch (e->type) {
    case CHAT_EVENT_STARTED:
        (void)buffer_addf(out, "started(%.*s) ", SLICE_ARG(e->served_model));
        break;
    case CHAT_EVENT_TEXT:
        (void)buffer_addf(out, "text%d(%.*s%.*s) ", e->choice, SLICE_ARG(e->text),
                          SLICE_ARG(e->logprobs));
        break;
    case CHAT_EVENT_REASONING:
        (void)buffer_addf(out, "thought%d(%.*s) ", e->choice, SLICE_ARG(e->text));
        break;
    case CHAT_EVENT_REFUSAL:
        (void)buffer_addf(out, "refusal%d(%.*s) ", e->choice, SLICE_ARG(e->text));
        break;
    case CHAT_EVENT_TOOL_CALL:
        (void)buffer_addf(out, "call%d.%d(%.*s,%.*s,%.*s) ", e->choice, e->tool.index,
                          SLICE_ARG(e->tool.id), SLICE_ARG(e->tool.name),
                          SLICE_ARG(e->tool.arguments));
        break;
    case CHAT_EVENT_FINISHED:
        (void)buffer_addf(out, "finished%d(%s) ", e->choice, chat_finish_name(e->finish));
        break;
    case CHAT_EVENT_USAGE:
        t->usage = e->usage;
        (void)buffer_addf(out, "usage(%lld/%lld) ", (long long)chat_usage_input_total(&e->usage),
                          (long long)chat_usage_output_total(&e->usage));
        break;
    default:
        fail();
    }
    return ++t->count != t->stop_after;
}

static enum base_err read_all(struct taker *t, bool is_sse, struct slice input, size_t step,
                              struct base_error *detail)
{
    struct reader_setup setup = {
        .is_sse = is_sse, .reads_cost = true, .max_bytes = MAX, .emit = on_event, .user = t};
    struct openai_reader *reader;
    assert_int_equal(openai_reader_new(&setup, &reader), BASE_OK);
    enum base_err err = BASE_ERR_AGAIN;
    while (input.len > 0 && err == BASE_ERR_AGAIN) {
        size_t len = step < input.len ? step : input.len;
        char *piece = malloc(len);
        assert_non_null(piece);
        memcpy(piece, input.ptr, len);
        err = openai_reader_feed(reader, slice_of(piece, len), detail);
        free(piece);
        input = slice_sub(input, len, SIZE_MAX);
    }
    if (err == BASE_ERR_AGAIN)
        err = openai_reader_end(reader, detail);
    openai_reader_free(reader);
    return err;
}

#define D(json) "data: " json "\n\n"
#define CHOICE(delta) D("{\"choices\":[{\"index\":0,\"delta\":" delta "}]}")
#define FINISH(why) D("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" why "\"}]}")

static const struct sample {
    const char *what;
    bool is_sse;
    const char *input;
    enum base_err err;
    const char *events;
} samples[] = {
    {"a plain stream", true,
     D("{\"model\":\"gpt-x-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
       "\"content\":\"\"}}],\"usage\":null}") CHOICE("{\"content\":\"Hel\"}")
         CHOICE("{\"content\":\"lo\"}") FINISH("stop")
             D("{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}")
                 D("[DONE]"),
     BASE_OK, "started(gpt-x-1) text0(Hel) text0(lo) finished0(stop) usage(9/2) "},
    {"no [DONE], but finished", true, CHOICE("{\"content\":\"a\"}") FINISH("length"), BASE_OK,
     "started() text0(a) finished0(length) "},
    {"no finish", true, CHOICE("{\"content\":\"a\"}"), BASE_ERR_UPSTREAM_TRUNCATED,
     "started() text0(a) "},
    {"[DONE] without finish", true, CHOICE("{\"content\":\"a\"}") D("[DONE]"),
     BASE_ERR_UPSTREAM_TRUNCATED, "started() text0(a) "},
    {"nothing at all", true, "", BASE_ERR_UPSTREAM_TRUNCATED, ""},
    {"only [DONE]", true, D("[DONE]"), BASE_ERR_UPSTREAM_TRUNCATED, ""},
    {"cut in JSON", true, CHOICE("{\"content\":\"a\"}") "data: {\"choices\":[{\"ind",
     BASE_ERR_UPSTREAM_TRUNCATED, "started() text0(a) "},
    {"cut in a character", true,
     CHOICE("{\"content\":\"a\"}") "data: {\"choices\":[{\"delta\":{\"content\":\"\xC3",
     BASE_ERR_UPSTREAM_TRUNCATED, "started() text0(a) "},
    {"cut in the word data", true, CHOICE("{\"content\":\"a\"}") "da", BASE_ERR_UPSTREAM_TRUNCATED,
     "started() text0(a) "},
    {"last blank line missing", true,
     CHOICE(
         "{\"content\":\"a\"}") "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
     BASE_OK, "started() text0(a) finished0(stop) "},
    {"bad JSON in the middle", true, D("{oops}") FINISH("stop"), BASE_ERR_UPSTREAM_PROTOCOL, ""},
    {"not an object", true, D("[1,2]"), BASE_ERR_UPSTREAM_PROTOCOL, ""},
    {"an error inside", true,
     CHOICE("{\"content\":\"a\"}")
         D("{\"error\":{\"message\":\"secret prompt\",\"type\":\"server_error\"}}"),
     BASE_ERR_UPSTREAM_STATUS, "started() text0(a) "},
    {"an error of another shape", true, D("{\"object\":\"error\",\"message\":\"x\",\"code\":503}"),
     BASE_ERR_UPSTREAM_STATUS, ""},
    {"an error as text", true, D("{\"error\":\"model crashed\"}"), BASE_ERR_UPSTREAM_STATUS, ""},
    {"a rate limit inside", true, D("{\"error\":{\"message\":\"m\",\"code\":429}}"),
     BASE_ERR_UPSTREAM_RATE_LIMIT, ""},
    {"finish_reason error", true, CHOICE("{\"content\":\"a\"}") FINISH("error"),
     BASE_ERR_UPSTREAM_TRUNCATED, "started() text0(a) "},
    {"null error is none", true,
     D("{\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"),
     BASE_OK, "started() text0(a) finished0(stop) "},
    {"reasoning and refusal", true,
     CHOICE("{\"reasoning_content\":\"hm\"}") CHOICE("{\"reasoning\":\"mm\"}")
         CHOICE("{\"refusal\":\"no\"}") FINISH("content_filter"),
     BASE_OK, "started() thought0(hm) thought0(mm) refusal0(no) finished0(content_filter) "},
    {"content as a list", true,
     CHOICE(
         "{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"t\"}]},"
         "{\"type\":\"text\",\"text\":\"x\"}]}") FINISH("stop"),
     BASE_OK, "started() thought0(t) text0(x) finished0(stop) "},
    {"tool calls in pieces", true,
     CHOICE("{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\","
            "\"arguments\":\"\"}}]}")
         CHOICE("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]}")
             CHOICE(
                 "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}},"
                 "{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}")
                 FINISH("tool_calls"),
     BASE_OK,
     "started() call0.0(c1,f,) call0.0(,,{\"a\") call0.0(,,:1}) call0.1(c2,g,{}) "
     "finished0(tool_calls) "},
    {"tool calls all with index 0", true,
     CHOICE("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
            "\"arguments\":\"{}\"}}]}")
         CHOICE("{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\","
                "\"arguments\":\"{}\"}}]}") FINISH("tool_calls"),
     BASE_OK, "started() call0.0(a,f,{}) call0.1(b,g,{}) finished0(tool_calls) "},
    {"the id repeated with each piece", true,
     CHOICE("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
            "\"arguments\":\"{\"}}]}")
         CHOICE("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"}\"}}]}") FINISH("tool_calls"),
     BASE_OK, "started() call0.0(a,f,{) call0.0(,,}) finished0(tool_calls) "},
    {"a call without index, id, and with arguments as an object", true,
     CHOICE("{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}]}")
         FINISH("function_call"),
     BASE_OK, "started() call0.0(call_0_0,f,{\"a\":1}) finished0(tool_calls) "},
    {"a call without a name", true,
     CHOICE("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"arguments\":\"\"}}]}"),
     BASE_ERR_UPSTREAM_PROTOCOL, "started() "},
    {"a call with a bad index", true,
     CHOICE("{\"tool_calls\":[{\"index\":-2,\"id\":\"a\",\"function\":{\"name\":\"f\"}}]}"),
     BASE_ERR_UPSTREAM_PROTOCOL, "started() "},
    {"two choices, one unfinished", true,
     D("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":"
       "{\"content\":\"b\"}}]}") FINISH("stop") D("[DONE]"),
     BASE_ERR_UPSTREAM_TRUNCATED, "started() text0(a) text1(b) finished0(stop) "},
    {"a choice out of range", true, D("{\"choices\":[{\"index\":128,\"delta\":{}}]}"),
     BASE_ERR_UPSTREAM_PROTOCOL, "started() "},
    {"a negative choice", true, D("{\"choices\":[{\"index\":-1,\"delta\":{}}]}"),
     BASE_ERR_UPSTREAM_PROTOCOL, "started() "},
    {"finished twice", true, CHOICE("{\"content\":\"a\"}") FINISH("stop") FINISH("length"), BASE_OK,
     "started() text0(a) finished0(stop) "},
    {"logprobs over several lines", true,
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"logprobs\":{\n"
     "data:\n"
     "data: \"content\" : [ {\"token\":\"a\",\n"
     "data: \"logprob\": -0.5} ] },\"finish_reason\":\"stop\"}]}\n\n",
     BASE_OK,
     "started() text0(a{\"content\":[{\"token\":\"a\",\"logprob\":-0.5}],\"refusal\":null}) "
     "finished0(stop) "},
    {"logprobs that are something else", true,
     D("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"logprobs\":"
       "{\"x\":\"[1]},{[\",\"content\":null,\"refusal\":[1]},\"finish_reason\":\"stop\"}]}"),
     BASE_OK, "started() text0(a) finished0(stop) "},
    {"logprobs", true,
     D("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[]},"
       "\"finish_reason\":\"stop\"}]}"),
     BASE_OK, "started() text0(a{\"content\":[],\"refusal\":null}) finished0(stop) "},
    {"keep-alives and empty events", true,
     ": ka\n\ndata:\n\n" CHOICE("{\"content\":\"a\"}") ": ka\n\n" FINISH("stop"), BASE_OK,
     "started() text0(a) finished0(stop) "},
    {"first chunk without choices", true,
     D("{\"choices\":[],\"prompt_filter_results\":[]}") CHOICE("{\"content\":\"a\"}")
         FINISH("stop"),
     BASE_OK, "started() text0(a) finished0(stop) "},
    {"a whole answer", false,
     "{\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"hi\",\"reasoning_"
     "content\":"
     "\"r\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
     "{\"id\":\"d\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},"
     "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
     BASE_OK,
     "started(m) thought0(r) text0(hi) call0.0(c,f,{}) call0.1(d,g,{}) finished0(tool_calls) "
     "usage(1/2) "},
    {"two whole answers", false,
     "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"},"
     "{\"index\":1,\"message\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}",
     BASE_OK, "started() text0(a) finished0(stop) text1(b) finished1(stop) "},
    {"a whole answer, cut", false, "{\"choices\":[{\"mess", BASE_ERR_UPSTREAM_TRUNCATED, ""},
    {"a whole answer without choices", false, "{\"choices\":[]}", BASE_ERR_UPSTREAM_TRUNCATED,
     "started() "},
    {"HTML", false, "<html>oops</html>", BASE_ERR_UPSTREAM_PROTOCOL, ""},
    {"an error in a whole answer", false, "{\"error\":{\"code\":\"insufficient_quota\"}}",
     BASE_ERR_UPSTREAM_QUOTA, ""},
    {"empty body", false, "", BASE_ERR_UPSTREAM_TRUNCATED, ""},
};

static void test_samples_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *s = &samples[i];
        struct slice input = slice_from_str(s->input);
        for (size_t step = 1; step < 2 * input.len + 2; step *= 2) {
            struct taker t = {0};
            struct base_error detail = {0};
            buffer_init(&t.out, MAX);
            enum base_err err = read_all(&t, s->is_sse, input, step, &detail);
            (void)buffer_add_char(&t.out, '\0');
            if (err != s->err || strcmp(buffer_slice(&t.out).ptr, s->events) != 0)
                print_error("%s, in pieces of %zu: %s %s\n", s->what, step,
                            base_err_info(err)->name, detail.message);
            assert_int_equal(err, s->err);
            assert_string_equal(buffer_slice(&t.out).ptr, s->events);
            assert_null(strstr(detail.message, "secret prompt"));
            buffer_done(&t.out);
        }
    }
}

static void test_stops_when_told(void **state)
{
    (void)state;
    struct taker t = {.stop_after = 2};
    buffer_init(&t.out, MAX);
    struct slice input = SLICE(CHOICE("{\"content\":\"a\"}") CHOICE("{\"content\":\"b\"}"));
    assert_int_equal(read_all(&t, true, input, 1000, NULL), BASE_ERR_CANCELLED);
    assert_int_equal(t.count, 2);
    buffer_done(&t.out);
}

static void test_too_large(void **state)
{
    (void)state;
    for (int is_sse = 0; is_sse < 2; is_sse++) {
        struct taker t = {0};
        struct reader_setup setup = {
            .is_sse = is_sse, .max_bytes = 1000, .emit = on_event, .user = &t};
        struct openai_reader *reader;
        struct base_error detail;
        char byte = 'x';
        assert_int_equal(openai_reader_new(&setup, &reader), BASE_OK);
        enum base_err err = BASE_ERR_AGAIN;
        int taken = 0;
        for (; err == BASE_ERR_AGAIN && taken < 2000; taken++)
            err = openai_reader_feed(reader, slice_of(&byte, 1), &detail);
        assert_int_equal(err, BASE_ERR_UPSTREAM_PROTOCOL);
        assert_int_equal(taken, 1001);
        openai_reader_free(reader);
    }
}

/* ---- usage ---- */

static struct chat_usage usage_of(const char *json)
{
    struct taker t = {0};
    struct buffer text;
    buffer_init(&t.out, MAX);
    buffer_init(&text, MAX);
    (void)buffer_addf(
        &text, "{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"}],\"usage\":%s}", json);
    assert_int_equal(read_all(&t, false, buffer_slice(&text), MAX, NULL), BASE_OK);
    buffer_done(&text);
    buffer_done(&t.out);
    return t.usage;
}

static void test_usage_is_disjoint(void **state)
{
    (void)state;
    struct chat_usage u =
        usage_of("{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150,"
                 "\"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":10,"
                 "\"audio_tokens\":5,\"image_tokens\":4},\"completion_tokens_details\":{"
                 "\"reasoning_tokens\":"
                 "20,\"audio_tokens\":3,\"accepted_prediction_tokens\":9,\"rejected_prediction_"
                 "tokens\":7}}");
    assert_int_equal(u.input, 21);
    assert_int_equal(u.cache_read, 60);
    assert_int_equal(u.cache_write_5m, 10);
    assert_int_equal(u.input_audio, 5);
    assert_int_equal(u.input_image, 4);
    assert_int_equal(u.output, 20);
    assert_int_equal(u.reasoning, 20);
    assert_int_equal(u.output_audio, 3);
    assert_int_equal(u.rejected, 7);
    assert_int_equal(chat_usage_input_total(&u), 100);
    assert_int_equal(chat_usage_output_total(&u), 50);
}

static void test_usage_oddities(void **state)
{
    (void)state;
    struct chat_usage u = usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5}");
    assert_int_equal(u.input, 10);
    assert_int_equal(u.cache_read, -1);
    assert_int_equal(u.output, 5);
    u = usage_of("{\"prompt_tokens\":-3,\"completion_tokens\":1e3}");
    assert_int_equal(u.input, -1);
    assert_int_equal(u.cache_read, -1);
    assert_int_equal(u.output, -1);
    u = usage_of("{\"prompt_tokens\":99999999999999999,\"completion_tokens\":\"5\"}");
    assert_int_equal(u.input, -1);
    assert_int_equal(u.output, -1);
    /* more cached than there was */
    u = usage_of("{\"prompt_tokens\":10,\"completion_tokens\":0,"
                 "\"prompt_tokens_details\":{\"cached_tokens\":500}}");
    assert_int_equal(u.input, 0);
    assert_int_equal(u.cache_read, 10);
    assert_int_equal(u.output, 0);
    /* thought counted beside the completion */
    u = usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":115,"
                 "\"completion_tokens_details\":{\"reasoning_tokens\":100}}");
    assert_int_equal(u.output, 5);
    assert_int_equal(u.reasoning, 100);
    u = usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_cache_hit_tokens\":8}");
    assert_int_equal(u.cache_read, 8);
    assert_int_equal(u.input, 2);
    u = usage_of("{\"prompt_tokens\":1,\"completion_tokens\":1,\"cost\":0.000123}");
    assert_int_equal(u.reported_nano_usd, 123000);
    u = usage_of("{\"prompt_tokens\":1,\"completion_tokens\":1,\"cost\":-4}");
    assert_int_equal(u.reported_nano_usd, -1);
}

/* ---- errors ---- */

static void test_error_words_beat_status(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum base_err err;
        const char *code;
        const char *param;
    } cases[] = {
        {429,
         "{\"error\":{\"message\":\"m\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}",
         BASE_ERR_UPSTREAM_RATE_LIMIT, "rate_limit_exceeded", ""},
        {429, "{\"error\":{\"type\":\"rate_limit_error\",\"code\":\"slow_down\"}}",
         BASE_ERR_UPSTREAM_RATE_LIMIT, "slow_down", ""},
        {429, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":\"credit_balance_exhausted\"}}",
         BASE_ERR_UPSTREAM_QUOTA, "credit_balance_exhausted", ""},
        {429, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":\"something_new\"}}",
         BASE_ERR_UPSTREAM_QUOTA, "something_new", ""},
        {429, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":\"rate_limit_exceeded\"}}",
         BASE_ERR_UPSTREAM_QUOTA, "rate_limit_exceeded", ""},
        {429, "", BASE_ERR_UPSTREAM_RATE_LIMIT, "", ""},
        {402, "{}", BASE_ERR_UPSTREAM_QUOTA, "", ""},
        {401, "{\"error\":{\"code\":\"invalid_api_key\"}}", BASE_ERR_UPSTREAM_AUTH,
         "invalid_api_key", ""},
        {403, "<html>", BASE_ERR_UPSTREAM_AUTH, "", ""},
        {404, "{\"error\":{\"code\":\"model_not_found\"}}", BASE_ERR_UPSTREAM_STATUS,
         "model_not_found", ""},
        {400,
         "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\"}}",
         BASE_ERR_CONTEXT_LENGTH, "context_length_exceeded", ""},
        {400, "{\"error\":{\"type\":\"exceed_context_size_error\",\"code\":400}}",
         BASE_ERR_CONTEXT_LENGTH, "exceed_context_size_error", ""},
        {400, "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096\"}",
         BASE_ERR_CONTEXT_LENGTH, "", ""},
        {400, "{\"error\":{\"type\":\"invalid_request_error\",\"param\":\"messages[0].content\"}}",
         BASE_ERR_UPSTREAM_REJECTED, "invalid_request_error", "messages[0].content"},
        {400, "{\"error\":{\"code\":\"a prompt with spaces\",\"param\":\"b\\nc\"}}",
         BASE_ERR_UPSTREAM_REJECTED, "", ""},
        {422, "{\"detail\":[{\"msg\":\"x\"}]}", BASE_ERR_UPSTREAM_REJECTED, "", ""},
        {500, "<html>", BASE_ERR_UPSTREAM_STATUS, "", ""},
        {503,
         "{\"error\":{\"type\":\"service_unavailable_error\",\"code\":\"server_is_overloaded\"}}",
         BASE_ERR_UPSTREAM_STATUS, "server_is_overloaded", ""},
        {529, "", BASE_ERR_UPSTREAM_STATUS, "", ""},
        {302, "", BASE_ERR_UPSTREAM_PROTOCOL, "", ""},
        {204, "", BASE_ERR_UPSTREAM_PROTOCOL, "", ""},
        {429, "[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]",
         BASE_ERR_UPSTREAM_RATE_LIMIT, "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct provider_error error;
        openai_error_read(cases[i].status, slice_from_str(cases[i].body), &error);
        if (error.err != cases[i].err)
            print_error("case %zu: %s\n", i, base_err_info(error.err)->name);
        assert_int_equal(error.err, cases[i].err);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.param, cases[i].param);
    }
}

static void test_retry_after(void **state)
{
    (void)state;
    /* 1994-11-06 08:49:37 UTC */
    const int64_t then_ns = INT64_C(784111777) * 1000000000;
    static const struct {
        const char *ms, *plain;
        int64_t want;
    } cases[] = {
        {NULL, NULL, -1},
        {"250", "7", 250},
        {NULL, "7", 7000},
        {NULL, " 1.5 ", 1500},
        {"x", "2", 2000},
        {NULL, "0", 0},
        {NULL, "-1", -1},
        {NULL, "1e300", 3600000},
        {NULL, "soon", -1},
        {NULL, "Sun, 06 Nov 1994 08:49:47 GMT", 10000},
        {NULL, "Sun, 06 Nov 1994 08:49:07 GMT", 0},
        {NULL, "Sun, 06 Nov 2094 08:49:37 GMT", 3600000},
        {NULL, "Mon, 29 Feb 1988 00:00:00 GMT", 0},
        {NULL, "Sun, 06 Foo 1994 08:49:37 GMT", -1},
        {NULL, "Sun, 06 Nov 1994 0a:49:37 GMT", -1},
        {NULL, "Sun, 06 Nov 1994 08:49:37 CET", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(
            retry_after_parse(slice_from_str(cases[i].ms), slice_from_str(cases[i].plain), then_ns),
            cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_in_any_pieces),
        cmocka_unit_test(test_stops_when_told),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_usage_is_disjoint),
        cmocka_unit_test(test_usage_oddities),
        cmocka_unit_test(test_error_words_beat_status),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
