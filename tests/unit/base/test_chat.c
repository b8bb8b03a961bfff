#include "base/chat/chat.h"
#include "base/chat/event.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(16u << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* What the visitor saw, one "<bytes>|" after another, and where each marker was. */
enum { MARKER_COUNT = 100 };
struct seen {
    struct buffer all;
    struct chat_place places[MARKER_COUNT];
    int counts[MARKER_COUNT];
    int left; /* stop after so many runs; -1 = never */
    int runs;
};

/* Markers are "mark-NN" in text and 90NN in numbers. */
static bool on_bytes(void *user, struct slice bytes, const struct chat_place *place)
{
    struct seen *seen = user;
    seen->runs++;
    int n = -1;
    char text[64];
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(slice_sub(bytes, 0, 60)));
    if (sscanf(text, "mark-%d", &n) != 1)
        (void)sscanf(text, "90%2d", &n);
    if (n >= 0 && n < MARKER_COUNT) {
        seen->places[n] = *place;
        seen->counts[n]++;
    }
    buffer_add_slice(&seen->all, bytes);
    buffer_add_char(&seen->all, '|');
    return seen->left < 0 || seen->left-- > 0;
}

static const struct json_node *json(const char *text)
{
    const struct json_node *root = NULL;
    assert_int_equal(json_parse(slice_from_str(text), &json_limits_request, arena, &root, NULL),
                     BASE_OK);
    return root;
}

static const struct chat_extra *extra(const char *key, const char *text)
{
    struct chat_extra *ret = arena_alloc(arena, sizeof(*ret));
    assert_non_null(ret);
    *ret = (struct chat_extra){slice_from_str(key), json(text)};
    return ret;
}

#define EXTRAS(key, text)                                                                          \
    {                                                                                              \
        extra(key, text), 1                                                                        \
    }
#define NUMBER(lit)                                                                                \
    {                                                                                              \
        SLICE(lit), 0                                                                              \
    }
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void seen_init(struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    buffer_init(&seen->all, 1 << 20);
    seen->left = -1;
}

/* A request that uses every field there is, each with a marker of its own: 0 to 72. */
enum { MARKERS_USED = 73 };
static const struct chat_request *full_request(void)
{
    static struct chat_part inner[2], parts[8], second[1];
    inner[0] = (struct chat_part){.type = CHAT_PART_TEXT, .text = SLICE("mark-0")};
    inner[1] = (struct chat_part){.type = CHAT_PART_IMAGE,
                                  .u.media.data = SLICE("mark-1"),
                                  .extras = EXTRAS("mark-2", "[\"mark-3\"]")};
    parts[0] = (struct chat_part){.type = CHAT_PART_TEXT,
                                  .text = SLICE("mark-4"),
                                  .extras = EXTRAS("mark-5", "{\"mark-6\":{\"mark-7\":[9008]}}")};
    parts[1] = (struct chat_part){.type = CHAT_PART_IMAGE,
                                  .u.media = {.media_type = SLICE("mark-9"),
                                              .data = SLICE("mark-10"),
                                              .url = SLICE("mark-11"),
                                              .file_id = SLICE("mark-12"),
                                              .name = SLICE("mark-13"),
                                              .detail = SLICE("mark-14")}};
    parts[2] = (struct chat_part){.type = CHAT_PART_AUDIO, .u.media.data = SLICE("mark-15")};
    parts[3] = (struct chat_part){
        .type = CHAT_PART_DOCUMENT, .text = SLICE("mark-16"), .u.media.name = SLICE("mark-17")};
    parts[4] = (struct chat_part){.type = CHAT_PART_TOOL_CALL,
                                  .u.call = {SLICE("mark-18"), SLICE("mark-19"), SLICE("mark-20")},
                                  .extras = EXTRAS("mark-21", "\"mark-22\"")};
    parts[5] = (struct chat_part){.type = CHAT_PART_TOOL_RESULT,
                                  .text = SLICE("mark-23"),
                                  .u.result = {SLICE("mark-24"), inner, COUNT(inner), true}};
    parts[6] = (struct chat_part){.type = CHAT_PART_REASONING,
                                  .text = SLICE("mark-25"),
                                  .u.reasoning = {SLICE("mark-26"), SLICE("mark-27")}};
    parts[7] =
        (struct chat_part){.type = CHAT_PART_OTHER, .raw = json("{\"mark-28\":\"mark-29\"}")};
    second[0] = (struct chat_part){.type = CHAT_PART_REFUSAL, .text = SLICE("mark-30")};

    static struct chat_message messages[2];
    messages[0] = (struct chat_message){.role = CHAT_ROLE_TOOL,
                                        .name = SLICE("mark-31"),
                                        .parts = parts,
                                        .part_count = COUNT(parts),
                                        .extras = EXTRAS("mark-32", "9033")};
    messages[1] = (struct chat_message){
        .role = CHAT_ROLE_ASSISTANT, .parts = second, .part_count = 1, .content_was_string = true};

    static struct chat_tool tools[2];
    tools[0] = (struct chat_tool){.name = SLICE("mark-34"),
                                  .description = SLICE("mark-35"),
                                  .parameters =
                                      json("{\"mark-36\":{\"enum\":[\"mark-37\",9038,null,true]}}"),
                                  .extras = EXTRAS("mark-39", "\"mark-40\"")};
    tools[1] = (struct chat_tool){.raw = json("{\"mark-41\":\"mark-42\"}")};

    static struct slice stop[2];
    stop[0] = SLICE("mark-43");
    stop[1] = SLICE("mark-44");
    const struct json_node *format = json("{\"mark-45\":{\"schema\":{\"mark-46\":\"mark-47\"}}}");

    static struct chat_request req;
    req = (struct chat_request){
        .model = SLICE("mark-99"),
        .messages = messages,
        .message_count = COUNT(messages),
        .tools = tools,
        .tool_count = COUNT(tools),
        .tool_choice_name = SLICE("mark-48"),
        .tool_choice_raw = json("{\"mark-49\":\"mark-50\"}"),
        .temperature = NUMBER("9051"),
        .top_p = NUMBER("9052"),
        .top_k = NUMBER("9053"),
        .min_p = NUMBER("9054"),
        .frequency_penalty = NUMBER("9055"),
        .presence_penalty = NUMBER("9056"),
        .repetition_penalty = NUMBER("9057"),
        .seed = NUMBER("9058"),
        .max_tokens = NUMBER("9059"),
        .n = NUMBER("9060"),
        .stop = stop,
        .stop_count = COUNT(stop),
        .top_logprobs = NUMBER("9061"),
        .logit_bias = json("{\"mark-62\":9063}"),
        .format = CHAT_FORMAT_JSON_SCHEMA,
        .format_raw = format,
        .schema = json_get(json_first(format), SLICE("schema")),
        .thinking_budget = NUMBER("9064"),
        .user = SLICE("mark-65"),
        .user_key = SLICE("mark-66"),
        .metadata = json("{\"mark-67\":\"mark-68\"}"),
        .extras = EXTRAS("mark-69", "[[{\"mark-70\":\"mark-71\"}],9072]"),
    };
    return &req;
}

static void test_visits_every_field(void **state)
{
    (void)state;
    struct seen seen;
    seen_init(&seen);
    assert_true(chat_request_visit(full_request(), on_bytes, &seen));
    for (int i = 0; i < MARKERS_USED; i++)
        if (seen.counts[i] != 1)
            fail_msg("marker %d was visited %d times", i, seen.counts[i]);
    assert_int_equal(seen.counts[99], 0); /* the model's name never leaves */
    buffer_done(&seen.all);
}

static void test_places(void **state)
{
    (void)state;
    struct seen seen;
    seen_init(&seen);
    assert_true(chat_request_visit(full_request(), on_bytes, &seen));
    const struct chat_place *p = seen.places;
    static const int opaque[] = {1, 10, 11, 12, 15, 26, 27, 28, 29};
    static const int prose[] = {0, 4, 16, 23, 25, 30};
    for (int i = 0, o = 0, t = 0; i < MARKERS_USED; i++) {
        bool is_opaque = o < (int)COUNT(opaque) && opaque[o] == i;
        bool is_prose = t < (int)COUNT(prose) && prose[t] == i;
        o += is_opaque;
        t += is_prose;
        if (p[i].is_opaque != is_opaque || p[i].is_prose != is_prose)
            fail_msg("marker %d: opaque %d, prose %d", i, p[i].is_opaque, p[i].is_prose);
        assert_int_equal(p[i].message, i <= 33 ? i == 30 : -1);
    }
    assert_int_equal(p[4].part, 0);
    assert_int_equal(p[0].part, 5);
    assert_int_equal(p[31].part, -1);
    assert_int_equal(p[4].role, CHAT_ROLE_TOOL);
    assert_int_equal(p[30].role, CHAT_ROLE_ASSISTANT);
    assert_string_equal(p[20].field, "tool_calls.arguments");
    assert_string_equal(p[67].field, "key");
    assert_string_equal(p[68].field, "metadata");
    buffer_done(&seen.all);
}

static void test_visit_stops(void **state)
{
    (void)state;
    struct seen seen;
    seen_init(&seen);
    assert_true(chat_request_visit(full_request(), on_bytes, &seen));
    int total = seen.runs;
    for (int left = 0; left < total; left++) {
        seen.runs = 0;
        seen.left = left;
        assert_false(chat_request_visit(full_request(), on_bytes, &seen));
        assert_int_equal(seen.runs, left + 1);
    }
    buffer_done(&seen.all);
}

/* A schema that is not part of the format as it came is visited as well. */
static void test_visits_a_schema_of_its_own(void **state)
{
    (void)state;
    struct seen seen;
    seen_init(&seen);
    struct chat_request req = {.format_raw = json("{\"a\":1}"),
                               .schema = json("{\"b\":\"mark-1\"}")};
    assert_true(chat_request_visit(&req, on_bytes, &seen));
    assert_int_equal(seen.counts[1], 1);
    buffer_done(&seen.all);
}

static struct chat_part text_part(const char *text)
{
    return (struct chat_part){.type = CHAT_PART_TEXT, .text = slice_from_str(text)};
}

static void test_last_ask(void **state)
{
    (void)state;
    struct chat_part a[] = {text_part("first")};
    struct chat_part b[] = {
        text_part("one"), {.type = CHAT_PART_IMAGE}, text_part(""), text_part("two")};
    struct chat_part c[] = {{.type = CHAT_PART_IMAGE}, text_part("")};
    struct chat_message messages[] = {
        {.role = CHAT_ROLE_USER, .parts = a, .part_count = COUNT(a)},
        {.role = CHAT_ROLE_USER, .parts = b, .part_count = COUNT(b)},
        {.role = CHAT_ROLE_ASSISTANT, .parts = a, .part_count = COUNT(a)},
        {.role = CHAT_ROLE_USER, .parts = c, .part_count = COUNT(c)},
    };
    struct chat_request req = {.messages = messages, .message_count = 4};
    assert_slice(chat_request_last_ask(&req, arena), "one\ntwo");
    req.message_count = 1;
    struct slice first = chat_request_last_ask(&req, arena);
    assert_ptr_equal(first.ptr, a[0].text.ptr); /* borrowed */
    req.messages = &messages[2];
    assert_true(slice_is_absent(chat_request_last_ask(&req, arena)));
    req.message_count = 0;
    assert_true(slice_is_absent(chat_request_last_ask(&req, arena)));
}

static void test_needs(void **state)
{
    (void)state;
    struct chat_request plain = {.message_count = 0};
    assert_int_equal(chat_request_needs(&plain), 0);
    struct chat_request req = *full_request();
    assert_int_equal(chat_request_needs(&req), CHAT_NEED_TOOLS | CHAT_NEED_IMAGES |
                                                   CHAT_NEED_AUDIO | CHAT_NEED_DOCUMENTS |
                                                   CHAT_NEED_JSON_SCHEMA | CHAT_NEED_REASONING);
    struct chat_part image = {.type = CHAT_PART_IMAGE};
    struct chat_part result = {.type = CHAT_PART_TOOL_RESULT,
                               .u.result = {.parts = &image, .part_count = 1}};
    struct chat_message message = {.role = CHAT_ROLE_TOOL, .parts = &result, .part_count = 1};
    req = (struct chat_request){.messages = &message,
                                .message_count = 1,
                                .format = CHAT_FORMAT_JSON_OBJECT,
                                .logprobs = true,
                                .n = {SLICE("2"), 2},
                                .effort = CHAT_EFFORT_NONE};
    assert_int_equal(chat_request_needs(&req), CHAT_NEED_TOOLS | CHAT_NEED_IMAGES |
                                                   CHAT_NEED_JSON_OBJECT | CHAT_NEED_LOGPROBS |
                                                   CHAT_NEED_MANY);
    req = (struct chat_request){.dialect = CHAT_DIALECT_COMPLETIONS};
    assert_int_equal(chat_request_needs(&req), CHAT_NEED_COMPLETIONS);
    req.suffix = SLICE("");
    assert_int_equal(chat_request_needs(&req), CHAT_NEED_COMPLETIONS | CHAT_NEED_INFILL);
    req = (struct chat_request){.dialect = CHAT_DIALECT_EMBEDDINGS};
    assert_int_equal(chat_request_needs(&req), CHAT_NEED_EMBEDDINGS);
    for (unsigned bit = 1; bit <= CHAT_NEED_LAST; bit <<= 1)
        assert_string_not_equal(chat_need_name((enum chat_need)bit), "unknown");
}

/* Who is equipped for vectors gives nothing else. */
static void test_lacking(void **state)
{
    (void)state;
    const unsigned vectors = CHAT_NEED_EMBEDDINGS, writer = CHAT_NEED_TOOLS | CHAT_NEED_MANY;
    assert_int_equal(chat_needs_lacking(0, 0), 0);
    assert_int_equal(chat_needs_lacking(0, writer), 0);
    assert_int_equal(chat_needs_lacking(CHAT_NEED_TOOLS | CHAT_NEED_AUDIO, writer),
                     CHAT_NEED_AUDIO);
    assert_int_equal(chat_needs_lacking(vectors, writer), vectors);
    assert_int_equal(chat_needs_lacking(vectors, vectors), 0);
    assert_int_equal(chat_needs_lacking(0, vectors), CHAT_NEED_TEXT);
    assert_int_equal(chat_needs_lacking(CHAT_NEED_TOOLS, vectors),
                     CHAT_NEED_TOOLS | CHAT_NEED_TEXT);
    assert_string_equal(chat_need_name(CHAT_NEED_TEXT), "text");
}

static int64_t estimate(const char *text)
{
    struct chat_part part = text_part(text);
    struct chat_message message = {.role = CHAT_ROLE_USER, .parts = &part, .part_count = 1};
    struct chat_request req = {.messages = &message, .message_count = 1};
    return chat_request_estimate_tokens(&req);
}

static void test_estimate(void **state)
{
    (void)state;
    struct chat_request empty = {.message_count = 0};
    assert_int_equal(chat_request_estimate_tokens(&empty), 1);
    assert_int_equal(estimate(""), 4);
    assert_int_equal(estimate("123456789012345678"), 4 + 5); /* 18 bytes */
    assert_int_equal(estimate("\xe4\xb8\xad\xe6\x96\x87"), 4 + 2);
    assert_int_equal(estimate("\xd0\xb4\xd0\xb0\xd0\xb4\xd0\xb0\xd0\xb4"), 4 + 3);
    /* 18 letters, 2 of two bytes and 1 of three, wherever they stand among the others */
    for (size_t at = 0; at <= 18; at++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%.*s\xd0\xb4%.*s\xe4\xb8\xad\xd0\xb4", (int)at,
                       "abcdefghijklmnopqr", (int)(18 - at), "abcdefghijklmnopqr");
        assert_int_equal(estimate(text), 4 + 7);
    }
    struct chat_part image = {.type = CHAT_PART_IMAGE,
                              .u.media.data = SLICE("a long base64 text that is no prompt text")};
    struct chat_message message = {.role = CHAT_ROLE_USER, .parts = &image, .part_count = 1};
    struct chat_request req = {.messages = &message, .message_count = 1};
    assert_int_equal(chat_request_estimate_tokens(&req), 1004);
}

static void test_usage(void **state)
{
    (void)state;
    struct chat_usage usage = CHAT_USAGE_UNKNOWN;
    assert_int_equal(chat_usage_input_total(&usage), -1);
    assert_int_equal(chat_usage_output_total(&usage), -1);
    struct chat_usage later = CHAT_USAGE_UNKNOWN;
    later.input = 10;
    later.cache_read = 5;
    later.output = 0;
    chat_usage_merge(&usage, &later);
    assert_int_equal(chat_usage_input_total(&usage), 15);
    assert_int_equal(chat_usage_output_total(&usage), 0);
    later = CHAT_USAGE_UNKNOWN;
    later.output = 7;
    later.reasoning = 3;
    chat_usage_merge(&usage, &later);
    assert_int_equal(chat_usage_input_total(&usage), 15);
    assert_int_equal(chat_usage_output_total(&usage), 10);
    usage.output_audio = INT64_MAX;
    assert_int_equal(chat_usage_output_total(&usage), INT64_MAX);
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(chat_role_name(CHAT_ROLE_DEVELOPER), "developer");
    assert_string_equal(chat_finish_name(CHAT_FINISH_TOOL_CALLS), "tool_calls");
    assert_true(chat_event_is_content(CHAT_EVENT_TEXT));
    assert_true(chat_event_is_content(CHAT_EVENT_TOOL_CALL));
    assert_false(chat_event_is_content(CHAT_EVENT_STARTED));
    assert_false(chat_event_is_content(CHAT_EVENT_FINISHED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_visits_every_field, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_visit_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(test_visits_a_schema_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_ask, setup, teardown),
        cmocka_unit_test_setup_teardown(test_needs, setup, teardown),
        cmocka_unit_test(test_lacking),
        cmocka_unit_test_setup_teardown(test_estimate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_usage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
