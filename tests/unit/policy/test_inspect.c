#include "tests/unit/policy/policy_test.h"

static struct policy *policy;

static int setup(void **state)
{
    (void)state;
    policy = test_policy();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    policy_unref(policy);
    return 0;
}

static void test_clean(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_SYSTEM, "You are terse.");
    test_say(&chat, CHAT_ROLE_USER, "Name three rivers.");
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    assert_int_equal(policy_inspection_level(seen), POLICY_LEVEL_INTERNAL);
    assert_int_equal(policy_inspection_message_level(seen, 1), POLICY_LEVEL_PUBLIC);
    assert_int_equal(policy_inspection_types(seen), 0);
    assert_true(slice_eq_str(policy_inspection_summary(seen), ""));
    assert_true(policy_inspect_is_quick(&chat.request));
    /* Raising works, lowering does not. */
    policy_inspection_raise(seen, POLICY_LEVEL_CONFIDENTIAL);
    policy_inspection_raise(seen, POLICY_LEVEL_PUBLIC);
    assert_int_equal(policy_inspection_level(seen), POLICY_LEVEL_CONFIDENTIAL);
    seen = test_inspect(policy, &chat, POLICY_LEVEL_RESTRICTED, arena);
    assert_int_equal(policy_inspection_level(seen), POLICY_LEVEL_RESTRICTED);
    arena_free(arena);
}

static void test_findings(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "My card is " TEST_CARD ".");
    test_say(&chat, CHAT_ROLE_ASSISTANT, "Thank you.");
    test_say(&chat, CHAT_ROLE_USER, "Write to jane@mail.example.org, key " TEST_KEY);
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    assert_true(slice_eq_str(policy_inspection_summary(seen), "credit_card,email,secret"));
    assert_int_equal(policy_inspection_level(seen), POLICY_LEVEL_RESTRICTED);
    assert_int_equal(policy_inspection_message_level(seen, 0), POLICY_LEVEL_CONFIDENTIAL);
    assert_int_equal(policy_inspection_message_level(seen, 1), POLICY_LEVEL_PUBLIC);
    assert_int_equal(policy_inspection_message_level(seen, 2), POLICY_LEVEL_RESTRICTED);
    assert_int_equal(policy_inspection_message_level(seen, 3), POLICY_LEVEL_PUBLIC);
    size_t count;
    const struct policy_finding *findings = policy_inspection_findings(seen, &count);
    assert_int_equal(count, 3);
    assert_int_equal(findings[0].place.message, 0);
    assert_int_equal(findings[0].offset, 11);
    assert_int_equal(findings[0].length, 19);
    assert_int_equal(findings[1].type, POLICY_FINDING_EMAIL);
    assert_int_equal(policy_inspection_level_of(seen, chat.parts[1].text), POLICY_LEVEL_PUBLIC);
    assert_int_equal(policy_inspection_level_of(seen, slice_sub(chat.parts[0].text, 3, 2)),
                     POLICY_LEVEL_CONFIDENTIAL);
    /* The same words elsewhere in memory are not the same bytes. */
    char copy[] = "Thank you.";
    assert_int_equal(policy_inspection_level_of(seen, slice_from_str(copy)),
                     POLICY_LEVEL_RESTRICTED);
    assert_int_equal(policy_inspection_level_of(seen, slice_of(chat.parts[1].text.ptr, 400)),
                     POLICY_LEVEL_RESTRICTED);
    assert_int_equal(policy_inspection_level_of(seen, slice_of(copy, 0)), POLICY_LEVEL_PUBLIC);
    arena_free(arena);
}

static void level_is(const struct test_chat *chat, enum policy_level level)
{
    struct arena *arena = arena_new(1 << 22);
    struct policy_inspection *seen = test_inspect(policy, chat, POLICY_LEVEL_PUBLIC, arena);
    assert_int_equal(policy_inspection_level(seen), level);
    arena_free(arena);
}

static void test_split(void **state)
{
    (void)state;
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "the number: 4111 1111");
    test_say(&chat, CHAT_ROLE_USER, " 1111 1111 is mine");
    level_is(&chat, POLICY_LEVEL_CONFIDENTIAL);
    struct arena *arena = arena_new(1 << 20);
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    assert_int_equal(policy_inspection_message_level(seen, 0), POLICY_LEVEL_CONFIDENTIAL);
    assert_int_equal(policy_inspection_message_level(seen, 1), POLICY_LEVEL_CONFIDENTIAL);
    arena_free(arena);

    /* In two pieces, with words right before the first and behind the second. */
    for (int first = 0; first < 2; first++) {
        chat = (struct test_chat){0};
        for (int i = 0; i <= first; i++)
            test_say(&chat, CHAT_ROLE_USER, "hello");
        test_say(&chat, CHAT_ROLE_USER, "DE893704004405");
        test_say(&chat, CHAT_ROLE_ASSISTANT, "32013000");
        test_say(&chat, CHAT_ROLE_USER, "thanks");
        level_is(&chat, POLICY_LEVEL_CONFIDENTIAL);
    }

    /* With another speaker in between. */
    chat = (struct test_chat){0};
    test_say(&chat, CHAT_ROLE_USER,
             "AK"
             "IAQ3EGRI");
    test_say(&chat, CHAT_ROLE_ASSISTANT, "Go on.");
    test_say(&chat, CHAT_ROLE_USER, "PFZ2LWBN5T");
    level_is(&chat, POLICY_LEVEL_RESTRICTED);

    /* In the parts of one message, one digit group each. */
    chat = (struct test_chat){0};
    test_say(&chat, CHAT_ROLE_USER, "4111");
    test_say(&chat, CHAT_ROLE_USER, "1111");
    test_say(&chat, CHAT_ROLE_USER, "1111");
    test_say(&chat, CHAT_ROLE_USER, "1111");
    chat.messages[0].part_count = 4;
    chat.request.message_count = 1;
    level_is(&chat, POLICY_LEVEL_CONFIDENTIAL);

    /* Numbers that merely meet are nothing. */
    chat = (struct test_chat){0};
    test_say(&chat, CHAT_ROLE_USER, "I paid 415");
    test_say(&chat, CHAT_ROLE_USER, "555 times 0132");
    level_is(&chat, POLICY_LEVEL_INTERNAL);
}

static void test_long_split(void **state)
{
    (void)state;
    static char first[3000], second[3000];
    memset(first, 'x', sizeof(first) - 1);
    memset(second, 'y', sizeof(second) - 1);
    memcpy(first + sizeof(first) - 12, " 4111 1111 ", 11);
    memcpy(second, "1111 1111 ", 10);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, first);
    test_say(&chat, CHAT_ROLE_ASSISTANT, second);
    level_is(&chat, POLICY_LEVEL_CONFIDENTIAL);
    assert_true(policy_inspect_is_quick(&chat.request));
}

/* Every field that a client can fill. */
static void test_fields(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    const struct json_node *tree;
    assert_int_equal(json_parse(SLICE("{\"note\":{\"list\":[\"" TEST_KEY "\"]}}"),
                                &json_limits_request, arena, &tree, NULL),
                     BASE_OK);
    struct slice key = SLICE("the key is " TEST_KEY);
    struct chat_part part = {.type = CHAT_PART_TEXT, .text = key};
    struct chat_extra extra = {.key = SLICE("x"), .value = tree};
    struct chat_tool tool = {.name = SLICE("f"), .description = key};
    struct test_chat base = {0};
    test_say(&base, CHAT_ROLE_USER, "Hello there.");
    for (int field = 0; field < 14; field++) {
        struct test_chat chat = base;
        chat.messages[0].parts = &chat.parts[0];
        chat.request.messages = chat.messages;
        struct chat_part *p = &chat.parts[0];
        switch (field) {
        case 0:
            chat.request.user = key;
            break;
        case 1:
            chat.request.metadata = tree;
            break;
        case 2:
            chat.request.stop = &key;
            chat.request.stop_count = 1;
            break;
        case 3:
            chat.request.extras = (struct chat_extras){&extra, 1};
            break;
        case 4:
            chat.messages[0].extras = (struct chat_extras){&extra, 1};
            break;
        case 5:
            p->extras = (struct chat_extras){&extra, 1};
            break;
        case 6:
            chat.messages[0].name = key;
            break;
        case 7:
            chat.request.tools = &tool;
            chat.request.tool_count = 1;
            break;
        case 8:
            p->type = CHAT_PART_TOOL_CALL;
            p->u.call.arguments = SLICE("{\"k\":\"\\u0041K"
                                        "IAQ3EGRIPFZ2LWBN5T\"}");
            break;
        case 9:
            p->type = CHAT_PART_TOOL_RESULT;
            p->u.result.parts = &part;
            p->u.result.part_count = 1;
            break;
        case 10:
            p->type = CHAT_PART_REASONING;
            p->text = key;
            break;
        case 11:
            p->type = CHAT_PART_IMAGE;
            p->u.media.url = SLICE("https://x.example/?k=" TEST_KEY);
            break;
        case 12:
            chat.request.logit_bias = tree;
            break;
        default:
            chat.request.schema = tree;
            break;
        }
        struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
        if (policy_inspection_level(seen) != POLICY_LEVEL_RESTRICTED)
            fail_msg("field %d was not inspected", field);
    }
    arena_free(arena);
}

/* A key in one field gives context to the value in the next. */
static void test_field_context(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    const struct json_node *tree;
    assert_int_equal(json_parse(SLICE("{\"db_password\":\""
                                      "Zx9!kk2Q\"}"),
                                &json_limits_request, arena, &tree, NULL),
                     BASE_OK);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "Hello there.");
    chat.request.metadata = tree;
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    assert_int_equal(policy_inspection_level(seen), POLICY_LEVEL_RESTRICTED);
    arena_free(arena);
}

static void test_uninspected(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "");
    chat.parts[0].type = CHAT_PART_IMAGE;
    chat.parts[0].u.media.data = SLICE("aGVsbG8gd29ybGQ=");
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    assert_int_equal(policy_inspection_level(seen), POLICY_LEVEL_CONFIDENTIAL);
    assert_true(slice_eq_str(policy_inspection_summary(seen), "uninspected"));
    arena_free(arena);
}

/* The data of a medium, or of a part of unknown type: long text is read, long base64 is not. */
static policy_types found_in_data(const char *begin, const char *fill, struct arena *arena)
{
    struct test_chat chat = {0};
    char *data = arena_alloc(arena, 10000);
    assert_non_null(data);
    size_t len = strlen(begin), fill_len = strlen(fill);
    memcpy(data, begin, len);
    for (; len < 9000; len += fill_len)
        memcpy(data + len, fill, fill_len);
    const char card[] = "453957"
                        "8763621486";
    memcpy(data + len, card, sizeof(card) - 1);
    test_say(&chat, CHAT_ROLE_USER, "");
    chat.parts[0].type = CHAT_PART_DOCUMENT;
    chat.parts[0].u.media.data = slice_of(data, len + sizeof(card) - 1);
    return policy_inspection_types(test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena));
}

static void test_long_data(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 22);
    const policy_types card = (policy_types)1 << POLICY_FINDING_CREDIT_CARD;
    const policy_types uninspected = (policy_types)1 << POLICY_FINDING_UNINSPECTED;
    assert_true(found_in_data("", "some words, ", arena) == (card | uninspected));
    assert_true(found_in_data("data:text/plain,", "some words, ", arena) == (card | uninspected));
    assert_true(found_in_data("", "+/aGVsbG8=", arena) == uninspected);
    assert_true(found_in_data("data:image/png;base64,", "+/aGVsbG8=", arena) == uninspected);
    arena_free(arena);
}

static void test_derive(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct test_chat first = {0}, second = {0};
    test_say(&first, CHAT_ROLE_USER, "key " TEST_KEY);
    test_say(&second, CHAT_ROLE_USER, "Summarise: a key was given.");
    const struct policy_inspection *sources[2];
    sources[0] = test_inspect(policy, &first, POLICY_LEVEL_PUBLIC, arena);
    sources[1] = test_inspect(policy, &second, POLICY_LEVEL_PUBLIC, arena);
    struct policy_inspection *derived;
    assert_int_equal(
        policy_inspection_derive(policy, &second.request, sources, 2, arena, &derived, NULL),
        BASE_OK);
    assert_int_equal(policy_inspection_level(derived), POLICY_LEVEL_RESTRICTED);
    assert_int_equal(policy_inspection_level(sources[1]), POLICY_LEVEL_INTERNAL);
    arena_free(arena);
}

static void test_many_findings(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 24);
    char *text = arena_alloc(arena, 40 * 400 + 64);
    size_t at = 0;
    for (int i = 0; i < 400; i++)
        at += (size_t)sprintf(text + at, "person%d@mail.example.org ", i);
    (void)sprintf(text + at, TEST_KEY);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, text);
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    size_t count;
    (void)policy_inspection_findings(seen, &count);
    assert_int_equal(count, 256);
    assert_true(policy_inspection_is_truncated(seen));
    assert_int_equal(policy_inspection_level(seen),
                     POLICY_LEVEL_RESTRICTED); /* the last counts too */
    arena_free(arena);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "key " TEST_KEY);
    struct policy_context context = {0};
    struct base_error error;
    for (size_t bytes = 8; bytes < 200; bytes += 8) {
        struct arena *arena = arena_new(bytes);
        struct policy_inspection *seen = NULL;
        assert_int_equal(policy_inspect(policy, &chat.request, &context, arena, &seen, &error),
                         BASE_ERR_NO_MEMORY);
        assert_null(seen);
        assert_null(strstr(error.message, "IAQ3"));
        arena_free(arena);
    }
}

/* "\\u0041", once more escaped for each string that the text stands in. */
static size_t write_escaped(char *out, const char *value, int slashes)
{
    size_t len = 0;
    for (; *value; value++) {
        memset(out + len, '\\', (size_t)slashes);
        len += (size_t)slashes;
        len += (size_t)sprintf(out + len, "u%04x", (unsigned)(unsigned char)*value);
    }
    return len;
}

/* JSON in strings of JSON: escapes are undone until there are none. */
static void test_escapes_in_escapes(void **state)
{
    (void)state;
    static const int slashes[] = {1, 2, 4, 8};
    for (size_t i = 0; i < sizeof(slashes) / sizeof(slashes[0]); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct policy_scan scan;
        char text[512] = "aws ";
        size_t len = write_escaped(text + 4, TEST_KEY, slashes[i]);
        (void)strcpy(text + 4 + len, " and on");
        assert_int_equal(policy_scan_text(policy, slice_from_str(text), arena, &scan, NULL),
                         BASE_OK);
        assert_int_equal(scan.level, POLICY_LEVEL_RESTRICTED);
        assert_int_equal(scan.count, 1);
        assert_int_equal(scan.findings[0].offset, 4);
        assert_int_equal(scan.findings[0].length, len);
        arena_free(arena);
    }
}

/* base64 with line breaks as a string has them, and right behind one. */
static void test_base64_in_strings(void **state)
{
    (void)state;
    static const char *const breaks[] = {"\n", "\r\n", "\\n", "\\r\\n", "\\\\n"};
    static const char first[] =
        "S2VwdCBmb3IgbGF0ZXIuIEtlcHQgZm9yIGxhdGVyLiBLZXB0IGZvciBsYXRlci4gS2VwdCBmb3Ig";
    static const char second[] =
        "bGF0ZXIuIGNhcmQgNDExMTExMTExMTExMTExMQ=="; /* "later. card 4111..." */
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct policy_scan scan;
        char text[512];
        (void)snprintf(text, sizeof(text), "so%s%s%s%s", breaks[i], first, breaks[i], second);
        assert_int_equal(policy_scan_text(policy, slice_from_str(text), arena, &scan, NULL),
                         BASE_OK);
        if (scan.level != POLICY_LEVEL_CONFIDENTIAL)
            fail_msg("line break %zu", i);
        arena_free(arena);
    }
}

/* base64 of a key that happens to have capital letters only looks like a word; and once more. */
static void test_base64_like_a_word(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "aws QVNJQUVNTERE"
        "TFBCSTRCTVBWSDU= ",
        "aws UVZOSlFVVk5URVJFVEZC"
        "Q1NUUkNUVkJXU0RVPQ== ",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct policy_scan scan;
        assert_int_equal(policy_scan_text(policy, slice_from_str(texts[i]), arena, &scan, NULL),
                         BASE_OK);
        assert_int_equal(scan.level, POLICY_LEVEL_RESTRICTED);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_long_split),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_field_context),
        cmocka_unit_test(test_uninspected),
        cmocka_unit_test(test_long_data),
        cmocka_unit_test(test_derive),
        cmocka_unit_test(test_many_findings),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_escapes_in_escapes),
        cmocka_unit_test(test_base64_in_strings),
        cmocka_unit_test(test_base64_like_a_word),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
