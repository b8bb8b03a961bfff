/* Events written as Chat Completions: frames and whole bodies must be what OpenAI's SDKs read. */
#include "tests/unit/unit.h"

#include "gateway/api/chat_answer.h"

#include <stdio.h>

static void begin(struct api_chat_answer *a, bool stream, bool usage, size_t max)
{
    struct api_chat_answer_options options = {.id = SLICE("chatcmpl-1"),
                                              .created_s = 5,
                                              .stream = stream,
                                              .include_usage = usage,
                                              .max_bytes = max};
    api_chat_answer_init(a, &options);
    api_chat_answer_set_model(a, SLICE("demo"));
}

static void text(struct api_chat_answer *a, int32_t choice, const char *words,
                 enum base_err expected)
{
    struct chat_event e = {
        .type = CHAT_EVENT_TEXT, .choice = choice, .text = slice_from_str(words)};
    assert_int_equal(api_chat_answer_event(a, &e), expected);
}

static void finish(struct api_chat_answer *a, int32_t choice, enum chat_finish how)
{
    struct chat_event e = {.type = CHAT_EVENT_FINISHED, .choice = choice, .finish = how};
    assert_int_equal(api_chat_answer_event(a, &e), BASE_OK);
}

static void usage(struct api_chat_answer *a)
{
    struct chat_event e = {.type = CHAT_EVENT_USAGE, .usage = CHAT_USAGE_UNKNOWN};
    e.usage.input = 10;
    e.usage.cache_read = 4;
    e.usage.output = 6;
    e.usage.reasoning = 2;
    assert_int_equal(api_chat_answer_event(a, &e), BASE_OK);
}

static const struct json_node *body(struct api_chat_answer *a, struct arena *arena)
{
    const struct json_node *root;
    assert_int_equal(json_parse(buffer_slice(&a->out), &json_limits_request, arena, &root, NULL),
                     BASE_OK);
    return root;
}

static int64_t number(const struct json_node *node, const char *key)
{
    int64_t value = -99;
    (void)json_to_i64(json_get(node, slice_from_str(key)), &value);
    return value;
}

static void test_whole(void **state)
{
    (void)state;
    struct api_chat_answer a;
    struct arena *arena = arena_new(1 << 20);
    begin(&a, false, false, 1000);
    text(&a, 0, "Hel", BASE_OK);
    text(&a, 0, "lo \"you\"", BASE_OK);
    finish(&a, 0, CHAT_FINISH_STOP);
    usage(&a);
    struct api_chat_account account = {.nano_usd = 1234567890};
    assert_int_equal(api_chat_answer_end(&a, &account), BASE_OK);
    const struct json_node *root = body(&a, arena);
    const struct json_node *choice = json_at(json_get(root, SLICE("choices")), 0);
    assert_slice(json_string(json_get(json_get(choice, SLICE("message")), SLICE("content"))),
                 "Hello \"you\"");
    assert_slice(json_string(json_get(choice, SLICE("finish_reason"))), "stop");
    const struct json_node *u = json_get(root, SLICE("usage"));
    assert_int_equal(number(u, "prompt_tokens"), 14); /* cached ones are part of the prompt */
    assert_int_equal(number(u, "completion_tokens"), 8);
    assert_int_equal(number(u, "total_tokens"), 22);
    assert_slice(json_get(u, SLICE("cost_usd"))->text, "1.234567890");
    assert_slice(api_chat_answer_text(&a, 0), "Hello \"you\"");
    api_chat_answer_done(&a);
    arena_free(arena);
}

static void test_stream(void **state)
{
    (void)state;
    struct api_chat_answer a;
    begin(&a, true, true, 1000);
    text(&a, 0, "Hi", BASE_OK);
    finish(&a, 0, CHAT_FINISH_LENGTH);
    usage(&a);
    struct api_chat_account account = {.nano_usd = -1};
    assert_int_equal(api_chat_answer_end(&a, &account), BASE_OK);
    char all[4096];
    (void)snprintf(all, sizeof(all), "%.*s", SLICE_ARG(buffer_slice(&a.out)));
    assert_contains(all, "data: "
                         "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":"
                         "5,\"model\":\"demo\"");
    assert_contains(all, "\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"}");
    assert_contains(all, "\"finish_reason\":\"length\"}],\"usage\":null}\n\n");
    assert_contains(all, "\"choices\":[],\"usage\":{\"prompt_tokens\":14");
    assert_contains(all, "\"cost_usd\":null");
    assert_true(slice_ends_with(buffer_slice(&a.out), SLICE("data: [DONE]\n\n")));
    api_chat_answer_done(&a);
}

/* A stream that breaks has an error frame and no [DONE]. */
static void test_broken_stream(void **state)
{
    (void)state;
    struct api_chat_answer a;
    struct base_error detail;
    begin(&a, true, false, 1000);
    text(&a, 0, "Hi", BASE_OK);
    (void)base_error_set(&detail, BASE_ERR_UPSTREAM_TRUNCATED, "the stream was cut");
    assert_int_equal(api_chat_answer_fail(&a, &detail), BASE_OK);
    char all[4096];
    (void)snprintf(all, sizeof(all), "%.*s", SLICE_ARG(buffer_slice(&a.out)));
    assert_contains(
        all,
        "\"error\":{\"message\":\"the stream was cut\",\"type\":\"server_error\",\"param\":null,"
        "\"code\":\"upstream_stream_truncated\"}");
    assert_null(strstr(all, "[DONE]"));
    api_chat_answer_done(&a);
}

static void test_tool_calls(void **state)
{
    (void)state;
    struct api_chat_answer a;
    struct arena *arena = arena_new(1 << 20);
    begin(&a, false, false, 1000);
    struct chat_event first = {.type = CHAT_EVENT_TOOL_CALL};
    first.tool.id = SLICE("c1");
    first.tool.name = SLICE("f");
    first.tool.arguments = SLICE("{\"a\"");
    struct chat_event more = {.type = CHAT_EVENT_TOOL_CALL};
    more.tool.arguments = SLICE(":1}");
    assert_int_equal(api_chat_answer_event(&a, &first), BASE_OK);
    assert_int_equal(api_chat_answer_event(&a, &more), BASE_OK);
    finish(&a, 0, CHAT_FINISH_TOOL_CALLS);
    struct api_chat_account account = {.nano_usd = 0};
    assert_int_equal(api_chat_answer_end(&a, &account), BASE_OK);
    const struct json_node *root = body(&a, arena);
    const struct json_node *message =
        json_get(json_at(json_get(root, SLICE("choices")), 0), SLICE("message"));
    assert_true(json_is(json_get(message, SLICE("content")), JSON_NULL));
    const struct json_node *call = json_at(json_get(message, SLICE("tool_calls")), 0);
    assert_slice(json_string(json_get(json_get(call, SLICE("function")), SLICE("arguments"))),
                 "{\"a\":1}");
    assert_true(
        json_is(json_get(root, SLICE("usage")), JSON_NULL)); /* nobody counted: null, not 0 */
    api_chat_answer_done(&a);
    arena_free(arena);
}

static void test_bounds(void **state)
{
    (void)state;
    struct api_chat_answer a;
    begin(&a, true, false, 8);
    text(&a, 0, "12345678", BASE_OK);
    text(&a, 0, "9", BASE_ERR_LIMIT);
    text(&a, API_CHAT_CHOICES_MAX, "x", BASE_ERR_NO_MEMORY);
    text(&a, -1, "x", BASE_ERR_NO_MEMORY);
    struct chat_event call = {.type = CHAT_EVENT_TOOL_CALL};
    call.tool.index = 1 << 20;
    assert_int_equal(api_chat_answer_event(&a, &call), BASE_ERR_LIMIT);
    api_chat_answer_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_stream),
        cmocka_unit_test(test_broken_stream), cmocka_unit_test(test_tool_calls),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
