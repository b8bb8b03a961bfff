/* Bodies of Chat Completions: what is read, what is kept, what is refused and how it is said. */
#include "tests/unit/unit.h"

#include "gateway/api/chat_parse.h"

struct parsed {
    struct arena *arena;
    const struct chat_request *req;
    enum base_err err;
    struct base_error detail;
};

static struct parsed
parse_as(const char *body,
         enum base_err (*read)(const struct json_node *root, struct arena *arena,
                               const struct chat_request **ret_request, struct base_error *reterr))
{
    struct parsed p = {.arena = arena_new(1 << 24)};
    const struct json_node *root;
    assert_int_equal(json_parse(slice_from_str(body), &json_limits_request, p.arena, &root, NULL),
                     BASE_OK);
    p.err = read(root, p.arena, &p.req, &p.detail);
    return p;
}

static struct parsed parse(const char *body)
{
    return parse_as(body, api_chat_parse);
}

static bool see_suffix(void *user, struct slice bytes, const struct chat_place *place)
{
    if (strcmp(place->field, "suffix") == 0 && slice_eq_str(bytes, "end") && place->is_prose)
        ++*(int *)user;
    return true;
}

static void test_embeddings(void **state)
{
    (void)state;
    struct parsed p = parse_as("{\"model\":\"m\",\"input\":[\"a\",[1,2]],\"dimensions\":3,"
                               "\"encoding_format\":\"base64\",\"stream\":true,\"user\":\"u\"}",
                               api_embeddings_parse);
    assert_int_equal(p.err, BASE_OK);
    assert_int_equal(p.req->dialect, CHAT_DIALECT_EMBEDDINGS);
    assert_int_equal(p.req->message_count, 2);
    assert_slice(p.req->messages[0].parts[0].text, "a");
    assert_int_equal(p.req->messages[1].parts[0].type, CHAT_PART_OTHER);
    assert_int_equal(p.req->messages[1].parts[0].raw->count, 2);
    assert_true(p.req->base64 && p.req->dimensions.value == 3);
    assert_false(p.req->stream);              /* unknown here */
    assert_int_equal(p.req->extras.count, 1); /* and kept */
    arena_free(p.arena);
    p = parse_as("{\"model\":\"m\",\"input\":[7,8,9]}", api_embeddings_parse);
    assert_int_equal(p.err, BASE_OK);
    assert_int_equal(p.req->message_count, 1);
    assert_int_equal(p.req->messages[0].parts[0].raw->count, 3);
    assert_false(p.req->base64);
    arena_free(p.arena);
    static const char *const bad[][2] = {
        {"{\"model\":\"m\"}", "input"},
        {"{\"input\":\"a\"}", "model"},
        {"{\"model\":\"m\",\"input\":[]}", "input"},
        {"{\"model\":\"m\",\"input\":\"\"}", "input"},
        {"{\"model\":\"m\",\"input\":7}", "input"},
        {"{\"model\":\"m\",\"input\":{}}", "input"},
        {"{\"model\":\"m\",\"input\":[\"a\",\"\"]}", "input[1]"},
        {"{\"model\":\"m\",\"input\":[\"a\",7]}", "input[1]"},
        {"{\"model\":\"m\",\"input\":[7,\"a\"]}", "input"},
        {"{\"model\":\"m\",\"input\":[1,1.5]}", "input"},
        {"{\"model\":\"m\",\"input\":[[1],[]]}", "input[1]"},
        {"{\"model\":\"m\",\"input\":[[1],[-1]]}", "input[1]"},
        {"{\"model\":\"m\",\"input\":[[1],[[1]]]}", "input[1]"},
        {"{\"model\":\"m\",\"input\":\"a\",\"dimensions\":0}", "dimensions"},
        {"{\"model\":\"m\",\"input\":\"a\",\"dimensions\":1.5}", "dimensions"},
        {"{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format"},
        {"{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":1}", "encoding_format"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        p = parse_as(bad[i][0], api_embeddings_parse);
        assert_int_equal(p.err, BASE_ERR_BAD_VALUE);
        assert_string_equal(p.detail.param, bad[i][1]);
        arena_free(p.arena);
    }
}

static void test_completions(void **state)
{
    (void)state;
    int seen = 0;
    struct parsed p = parse_as("{\"model\":\"m\",\"prompt\":[\"a\",\"\"],\"suffix\":\"end\","
                               "\"logprobs\":2,\"echo\":false,\"best_of\":1,\"messages\":[],"
                               "\"max_tokens\":3}",
                               api_completions_parse);
    assert_int_equal(p.err, BASE_OK);
    assert_int_equal(p.req->dialect, CHAT_DIALECT_COMPLETIONS);
    assert_int_equal(p.req->message_count, 2);
    assert_int_equal(p.req->messages[1].role, CHAT_ROLE_USER);
    assert_slice(p.req->messages[0].parts[0].text, "a");
    assert_slice(p.req->suffix, "end");
    assert_true(p.req->logprobs);
    assert_true(p.req->top_logprobs.value == 2);
    assert_int_equal(p.req->extras.count, 1); /* messages: nothing here */
    assert_true(chat_request_visit(p.req, see_suffix, &seen));
    assert_int_equal(seen, 1);
    arena_free(p.arena);
    static const char *const bad[][2] = {
        {"{\"model\":\"m\"}", "prompt"},
        {"{\"model\":\"m\",\"prompt\":[]}", "prompt"},
        {"{\"model\":\"m\",\"prompt\":7}", "prompt"},
        {"{\"model\":\"m\",\"prompt\":{}}", "prompt"},
        {"{\"model\":\"m\",\"prompt\":[1,2]}", "prompt"},
        {"{\"model\":\"m\",\"prompt\":[[1]]}", "prompt"},
        {"{\"model\":\"m\",\"prompt\":\"a\",\"echo\":true}", "echo"},
        {"{\"model\":\"m\",\"prompt\":\"a\",\"best_of\":2}", "best_of"},
        {"{\"model\":\"m\",\"prompt\":\"a\",\"logprobs\":6}", "logprobs"},
        {"{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":[]}", "suffix"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        p = parse_as(bad[i][0], api_completions_parse);
        assert_int_equal(p.err, BASE_ERR_BAD_VALUE);
        assert_string_equal(p.detail.param, bad[i][1]);
        arena_free(p.arena);
    }
    p = parse("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
              "\"prompt\":\"x\",\"suffix\":\"y\"}"); /* unknown in a chat */
    assert_int_equal(p.err, BASE_OK);
    assert_int_equal(p.req->extras.count, 2);
    arena_free(p.arena);
}

static void test_plain(void **state)
{
    (void)state;
    struct parsed p =
        parse("{\"model\":\"auto\",\"temperature\":0.10,\"max_tokens\":5,\"stop\":\"END\","
              "\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},"
              "{\"role\":\"user\",\"content\":\"hi\",\"name\":\"ann\"}],\"store\":false,\"vendor\":"
              "{\"x\":1}}");
    assert_int_equal(p.err, BASE_OK);
    assert_slice(p.req->model, "auto");
    assert_slice(p.req->temperature.text, "0.10"); /* as it was written */
    assert_true(p.req->max_tokens_is_legacy);
    assert_int_equal(p.req->message_count, 2);
    assert_int_equal(p.req->messages[0].role, CHAT_ROLE_SYSTEM);
    assert_true(p.req->messages[1].content_was_string);
    assert_slice(p.req->messages[1].name, "ann");
    assert_slice(p.req->messages[1].parts[0].text, "hi");
    assert_int_equal(p.req->stop_count, 1);
    assert_true(p.req->stop_was_string);
    assert_int_equal(p.req->extras.count, 2); /* unknown fields are kept, in their order */
    assert_slice(p.req->extras.items[0].key, "store");
    assert_slice(p.req->extras.items[1].key, "vendor");
    arena_free(p.arena);
}

static void test_parts_and_tools(void **state)
{
    (void)state;
    struct parsed p =
        parse("{\"model\":\"m\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
              "\"parameters\":{\"type\":\"object\"},"
              "\"strict\":true}},{\"type\":\"web_search\"}],\"tool_choice\":{\"type\":\"function\","
              "\"function\":{\"name\":\"f\"}},"
              "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},"
              "{\"type\":\"image_url\","
              "\"image_url\":{\"url\":\"data:image/"
              "png;base64,AAAA\",\"detail\":\"low\"}},{\"type\":\"hologram\",\"x\":1}]},"
              "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
              "\"function\",\"function\":"
              "{\"name\":\"f\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\","
              "\"content\":\"42\"}]}");
    assert_int_equal(p.err, BASE_OK);
    const struct chat_message *user = &p.req->messages[0];
    assert_int_equal(user->part_count, 3);
    assert_slice(user->parts[1].u.media.media_type, "image/png");
    assert_slice(user->parts[1].u.media.data, "AAAA");
    assert_int_equal(user->parts[2].type, CHAT_PART_OTHER);
    const struct chat_message *assistant = &p.req->messages[1];
    assert_true(assistant->content_was_null);
    assert_slice(assistant->parts[0].u.call.arguments, "{}");
    const struct chat_message *tool = &p.req->messages[2];
    assert_int_equal(tool->parts[0].type, CHAT_PART_TOOL_RESULT);
    assert_slice(tool->parts[0].text, "42");
    assert_int_equal(p.req->tool_count, 2);
    assert_true(p.req->tools[0].strict);
    assert_non_null(p.req->tools[1].raw);
    assert_int_equal(p.req->tool_choice, CHAT_TOOL_CHOICE_NAMED);
    assert_true(chat_request_needs(p.req) & CHAT_NEED_TOOLS);
    assert_true(chat_request_needs(p.req) & CHAT_NEED_IMAGES);
    arena_free(p.arena);
}

static void test_null_is_absent(void **state)
{
    (void)state;
    struct parsed p = parse("{\"model\":\"m\",\"temperature\":null,\"tools\":null,\"stop\":null,"
                            "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    assert_int_equal(p.err, BASE_OK);
    assert_true(slice_is_absent(p.req->temperature.text));
    arena_free(p.arena);
}

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *param, *says;
    } cases[] = {
        {"[]", "", "must be a JSON object"},
        {"{" MESSAGES "}", "model", "missing"},
        {"{\"model\":\"m\"}", "messages", "missing"},
        {"{\"model\":\"m\",\"messages\":[]}", "messages", "empty"},
        {"{\"model\":\"\"," MESSAGES "}", "model", "1 to 256"},
        {"{\"model\":7," MESSAGES "}", "model", "expected a string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"wizard\",\"content\":\"x\"}]}",
         "messages[0].role", "unknown role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "messages[0].content",
         "found nothing"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":7}]}",
         "messages[0].content", "expected a string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
         "messages[0].content[0].text", "expected a string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
         "messages[0].tool_call_id", "string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":null,"
         "\"tool_calls\":[{\"type\":\"custom\"}]}]}",
         "messages[0].tool_calls[0].id", "string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\"}]}", "messages[0]",
         "needs content"},
        {"{\"model\":\"m\",\"temperature\":3," MESSAGES "}", "temperature", "out of range"},
        {"{\"model\":\"m\",\"seed\":1,\"random_seed\":1," MESSAGES "}", "random_seed", "not both"},
        {"{\"model\":\"m\",\"temperature\":\"1\"," MESSAGES "}", "temperature",
         "expected a number"},
        {"{\"model\":\"m\",\"n\":0," MESSAGES "}", "n", "out of range"},
        {"{\"model\":\"m\",\"n\":1.5," MESSAGES "}", "n", "expected an integer"},
        {"{\"model\":\"m\",\"max_tokens\":1,\"max_completion_tokens\":1," MESSAGES "}",
         "max_completion_tokens", "not both"},
        {"{\"model\":\"m\",\"stop\":[\"\"]," MESSAGES "}", "stop", "empty"},
        {"{\"model\":\"m\",\"functions\":[]," MESSAGES "}", "functions", "tools"},
        {"{\"model\":\"m\",\"top_logprobs\":2," MESSAGES "}", "top_logprobs", "logprobs: true"},
        {"{\"model\":\"m\",\"stream_options\":{}," MESSAGES "}", "stream_options", "stream: true"},
        {"{\"model\":\"m\",\"response_format\":{\"type\":\"xml\"}," MESSAGES "}", "response_format",
         "unknown type"},
        {"{\"model\":\"m\",\"tool_choice\":\"maybe\"," MESSAGES "}", "tool_choice",
         "expected auto"},
        {"{\"model\":\"m\",\"reasoning_effort\":\"huge\"," MESSAGES "}", "reasoning_effort",
         "expected none"},
        {"{\"model\":\"m\",\"metadata\":[]," MESSAGES "}", "metadata", "expected an object"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parsed p = parse(cases[i].body);
        assert_int_equal(p.err, BASE_ERR_BAD_VALUE);
        assert_string_equal(p.detail.param, cases[i].param);
        assert_contains(p.detail.message, cases[i].says);
        arena_free(p.arena);
    }
}

/* A message names places, never what stands there. */
static void test_errors_do_not_quote(void **state)
{
    (void)state;
    struct parsed p =
        parse("{\"model\":\"m\",\"messages\":[{\"role\":\"planted-secret\",\"content\":\"x\"}]}");
    assert_null(strstr(p.detail.message, "planted-secret"));
    arena_free(p.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings),
        cmocka_unit_test(test_completions),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_parts_and_tools),
        cmocka_unit_test(test_null_is_absent),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_errors_do_not_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
