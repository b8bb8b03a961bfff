#include "tests/unit/router/support.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct chat_part part(const char *text)
{
    return (struct chat_part){.type = CHAT_PART_TEXT, .text = slice_from_str(text)};
}

static struct router_signals read_signals(const struct chat_request *request)
{
    struct router_given given = {.level = POLICY_LEVEL_INTERNAL};
    struct router_signals s;

    assert_int_equal(router_signals_read(NULL, request, &given, arena, &s, NULL), BASE_OK);
    return s;
}

static void test_strip_harness(void **state)
{
    const struct {
        const char *text, *expected;
    } cases[] = {
        {"plain words", "plain words"},
        {"  padded \n", "padded"},
        {"", ""},
        {"<system-reminder>noise</system-reminder>\nFix the bug", "Fix the bug"},
        {"Fix <system-reminder>a</system-reminder>the<system-reminder>b</system-reminder> bug",
         "Fix the bug"},
        {"<system-reminder>only noise</system-reminder>", ""},
        {"<environment_context cwd=\"/x\">y</environment_context>Go", "Go"},
        {"<system-reminder>never closed", "<system-reminder>never closed"},
        {"a < b and <b>bold</b>", "a < b and <b>bold</b>"},
        {"<additional_data>x</additional_data><user_query>\nWhy?\n</user_query>", "Why?"},
        {"<task>do it</task><environment_details>ls</environment_details>", "do it"},
        {"<", "<"},
        {"</system-reminder>", "</system-reminder>"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice got = router_strip_harness(slice_from_str(cases[i].text), arena);

        if (!slice_eq_str(got, cases[i].expected))
            fail_msg("'%s' gave '%.*s'", cases[i].text, SLICE_ARG(got));
    }
    assert_true(slice_is_absent(router_strip_harness(SLICE_NONE, arena)));
}

/* Many tags that never close must not take quadratic time. */
static void test_strip_is_bounded(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 4u << 20);
    for (int i = 0; i < 100000; i++)
        buffer_add_str(&b, "<system-reminder>");
    assert_int_equal(router_strip_harness(buffer_slice(&b), arena).len, buffer_len(&b));
    buffer_done(&b);
}

static void test_last_ask(void **state)
{
    struct chat_part first = part("Translate this letter into French"), answer = part("Done."),
                     noise = part("<system-reminder>todo list</system-reminder>"),
                     result = {.type = CHAT_PART_TOOL_RESULT, .text = SLICE("42")};
    struct chat_part mixed[] = {result, noise};
    struct chat_part two[] = {part("One"), noise, part("Two")};
    struct chat_message messages[] = {
        {.role = CHAT_ROLE_USER, .parts = &first, .part_count = 1},
        {.role = CHAT_ROLE_ASSISTANT, .parts = &answer, .part_count = 1},
        {.role = CHAT_ROLE_USER, .parts = mixed, .part_count = 2},
    };
    struct chat_request request = {.messages = messages, .message_count = 3};
    struct router_signals s = read_signals(&request);

    (void)state;
    /* A turn of tool results and reminders is not an ask. */
    assert_true(slice_eq(s.ask, first.text));
    assert_true(s.tool_loop_open);
    assert_int_equal(s.message_count, 3);
    assert_int_equal(s.turn, 2);
    assert_int_equal(s.needs, CHAT_NEED_TOOLS);
    assert_int_equal(s.max_tokens, -1);
    assert_true(s.prompt_tokens >= 10);

    messages[2] = (struct chat_message){.role = CHAT_ROLE_USER, .parts = two, .part_count = 3};
    s = read_signals(&request);
    assert_true(slice_eq_str(s.ask, "One\nTwo"));
    assert_false(s.tool_loop_open);
}

static void test_nothing_to_go_by(void **state)
{
    struct chat_part image = {.type = CHAT_PART_IMAGE, .u.media.url = SLICE("https://x/y.png")};
    struct chat_message message = {.role = CHAT_ROLE_USER, .parts = &image, .part_count = 1};
    struct chat_request request = {.messages = &message, .message_count = 1};
    struct router_signals s = read_signals(&request);

    (void)state;
    assert_int_equal(s.score.unknown, ROUTER_UNKNOWN_EMPTY);
    assert_int_equal(s.needs, CHAT_NEED_IMAGES);
    request.message_count = 0;
    s = read_signals(&request);
    assert_int_equal(s.score.unknown, ROUTER_UNKNOWN_EMPTY);
    assert_false(s.tool_loop_open);
}

static void test_expected_output(void **state)
{
    struct chat_part text = part("Write a poem about the sea and its many colours");
    struct chat_message message = {.role = CHAT_ROLE_USER, .parts = &text, .part_count = 1};
    struct chat_request request = {.messages = &message, .message_count = 1};
    struct router_score score = {.task = ROUTER_TASK_CODE, .version = SLICE("other")};
    struct router_given given = {.score = &score};
    struct router_signals s;

    (void)state;
    assert_int_equal(router_signals_read(NULL, &request, &given, arena, &s, NULL), BASE_OK);
    assert_int_equal(s.expected_output, 600); /* the given score is taken instead of ours */
    assert_true(slice_eq_str(s.score.version, "other"));
    request.max_tokens = (struct chat_number){SLICE("100"), 100};
    request.n = (struct chat_number){SLICE("3"), 3};
    assert_int_equal(router_signals_read(NULL, &request, &given, arena, &s, NULL), BASE_OK);
    assert_int_equal(s.max_tokens, 100);
    assert_int_equal(s.expected_output, 300);
    request.max_tokens = (struct chat_number){SLICE("1e300"), 1e300};
    request.n = (struct chat_number){SLICE("-1"), -1};
    assert_int_equal(router_signals_read(NULL, &request, &given, arena, &s, NULL), BASE_OK);
    assert_int_equal(s.max_tokens, -1);
    assert_int_equal(s.expected_output, 600);
}

static void test_languages(void **state)
{
    const struct {
        const char *text, *code;
    } cases[] = {
        {"What is the capital of France?", "en"},
        {"Wie wird das Wetter in den Bergen?", "de"},
        {"Quelle est la capitale de la France et pourquoi ?", "fr"},
        {"¿Cuál es la capital de España y por qué?", "es"},
        {"Qual è la capitale della Francia, e come si chiama il re?", "it"},
        {"Какая столица России?", "ru"},
        {"中国的首都是哪里", "zh"},
        {"日本の首都はどこですか", "ja"},
        {"한국의 수도는 어디입니까", "ko"},
        {"ما هي عاصمة مصر؟", "ar"},
        {"12 + 30", "und"},
        {"", "und"},
        {"Zyxw qwrt", "und"},
        {"\xff\xfe\xf0", "und"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice got = router_guess_language(slice_from_str(cases[i].text));

        if (!slice_eq_str(got, cases[i].code))
            fail_msg("'%s' gave %.*s", cases[i].text, SLICE_ARG(got));
    }
}

static void test_out_of_memory(void **state)
{
    struct chat_part text = part("<system-reminder>a</system-reminder>Hello there, my friend");
    struct chat_message message = {.role = CHAT_ROLE_USER, .parts = &text, .part_count = 1};
    struct chat_request request = {.messages = &message, .message_count = 1};
    struct router_given given = {.level = POLICY_LEVEL_INTERNAL};
    struct arena *small = arena_new(8);
    struct router_signals s;

    (void)state;
    assert_int_equal(router_signals_read(NULL, &request, &given, small, &s, NULL),
                     BASE_ERR_NO_MEMORY);
    arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strip_harness),   cmocka_unit_test(test_strip_is_bounded),
        cmocka_unit_test(test_last_ask),        cmocka_unit_test(test_nothing_to_go_by),
        cmocka_unit_test(test_expected_output), cmocka_unit_test(test_languages),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
