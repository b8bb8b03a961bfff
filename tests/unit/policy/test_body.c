#include "base/crypto/crypto.h"
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

struct fixture {
    struct arena *arena;
    struct test_chat chat;
    struct policy_inspection *seen;
    struct policy_body *body;
};

static void begin(struct fixture *f, const char *first, const char *second)
{
    f->arena = arena_new(1 << 20);
    f->chat = (struct test_chat){0};
    test_say(&f->chat, CHAT_ROLE_USER, first);
    test_say(&f->chat, CHAT_ROLE_USER, second);
    f->seen = test_inspect(policy, &f->chat, POLICY_LEVEL_PUBLIC, f->arena);
    assert_int_equal(policy_body_new(f->seen, 4096, &f->body), BASE_OK);
}

static void end(struct fixture *f)
{
    policy_body_free(f->body);
    arena_free(f->arena);
}

static void test_write(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "say \"hi\"", "7");
    policy_body_open_object(f.body);
    policy_body_key(f.body, "model");
    policy_body_own_string(f.body, SLICE("target-model"));
    policy_body_key(f.body, "text");
    policy_body_string(f.body, f.chat.parts[0].text);
    policy_body_key(f.body, "n");
    policy_body_number(f.body, f.chat.parts[1].text);
    policy_body_key(f.body, "both");
    policy_body_open_string(f.body);
    policy_body_text_literal(f.body, "<");
    policy_body_text(f.body, f.chat.parts[0].text);
    policy_body_text_literal(f.body, ">\n");
    policy_body_close_string(f.body);
    policy_body_key(f.body, "rest");
    policy_body_open_array(f.body);
    policy_body_bool(f.body, true);
    policy_body_null(f.body);
    policy_body_own_i64(f.body, -5);
    policy_body_literal(f.body, "user");
    policy_body_string(f.body, SLICE_NONE);
    policy_body_close_array(f.body);
    policy_body_close_object(f.body);
    assert_int_equal(policy_body_bytes(f.body).len, 0); /* nothing before it is finished */
    assert_int_equal(policy_body_level(f.body), POLICY_LEVEL_RESTRICTED);
    assert_null(policy_body_sha256(f.body));
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_OK);
    static const char expected[] = "{\"model\":\"target-model\",\"text\":\"say "
                                   "\\\"hi\\\"\",\"n\":7,\"both\":\"<say \\\"hi\\\">\\n\","
                                   "\"rest\":[true,null,-5,\"user\",null]}";
    assert_true(slice_eq_str(policy_body_bytes(f.body), expected));
    assert_int_equal(policy_body_level(f.body), POLICY_LEVEL_INTERNAL);
    assert_int_equal(policy_body_unlabelled(f.body), 0);
    uint8_t hash[CRYPTO_SHA256_BYTES];
    crypto_sha256(slice_from_str(expected), hash);
    assert_memory_equal(policy_body_sha256(f.body), hash, sizeof(hash));
    end(&f);
}

static enum policy_level level_with(const char *secret, int which)
{
    struct fixture f;
    begin(&f, "clean words", secret);
    struct slice part = f.chat.parts[1].text;
    policy_body_open_object(f.body);
    policy_body_key(f.body, "a");
    policy_body_string(f.body, f.chat.parts[0].text);
    if (which == 1) {
        policy_body_key(f.body, "b");
        policy_body_string(f.body, part);
    } else if (which == 2) {
        policy_body_key_bytes(f.body, part);
        policy_body_null(f.body);
    } else if (which == 3) {
        policy_body_key(f.body, "b");
        policy_body_open_string(f.body);
        policy_body_text(f.body, slice_sub(part, 0, 3));
        policy_body_close_string(f.body);
    } else if (which == 4) {
        policy_body_key(f.body, "b");
        policy_body_own_string(f.body, part); /* not a string of the configuration */
    }
    policy_body_close_object(f.body);
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_OK);
    enum policy_level level = policy_body_level(f.body);
    assert_int_equal(policy_body_unlabelled(f.body), 0);
    end(&f);
    return level;
}

static void test_levels(void **state)
{
    (void)state;
    assert_int_equal(level_with("key " TEST_KEY, 0), POLICY_LEVEL_INTERNAL); /* left out */
    for (int which = 1; which <= 4; which++) {
        assert_int_equal(level_with("key " TEST_KEY, which), POLICY_LEVEL_RESTRICTED);
        assert_int_equal(level_with("card " TEST_CARD, which), POLICY_LEVEL_CONFIDENTIAL);
    }
}

/* Bytes that nobody inspected are the most secret of all. */
static void test_unvisited(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "clean words", "more");
    char copy[] = "clean words";
    policy_body_string(f.body, slice_from_str(copy));
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_OK);
    assert_int_equal(policy_body_level(f.body), POLICY_LEVEL_RESTRICTED);
    assert_int_equal(policy_body_unlabelled(f.body), strlen(copy));
    end(&f);
}

static void test_nodes(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    const struct json_node *tree, *other;
    struct slice text = SLICE("{\"a\":[1e30,true,{\"\\u0062\":\"x\\ny\"}]}");
    assert_int_equal(json_parse(text, &json_limits_request, arena, &tree, NULL), BASE_OK);
    assert_int_equal(json_parse(SLICE("[\"z\"]"), &json_limits_request, arena, &other, NULL),
                     BASE_OK);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "hello");
    chat.request.metadata = tree;
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    struct policy_body *body;
    assert_int_equal(policy_body_new(seen, 4096, &body), BASE_OK);
    policy_body_open_array(body);
    policy_body_node(body, tree);
    policy_body_node(body, NULL);
    policy_body_close_array(body);
    assert_int_equal(policy_body_finish(body, NULL), BASE_OK);
    assert_true(
        slice_eq_str(policy_body_bytes(body), "[{\"a\":[1e30,true,{\"b\":\"x\\ny\"}]},null]"));
    assert_int_equal(policy_body_level(body), POLICY_LEVEL_INTERNAL);
    policy_body_free(body);
    assert_int_equal(policy_body_new(seen, 4096, &body), BASE_OK);
    policy_body_node(body, other); /* never visited */
    assert_int_equal(policy_body_finish(body, NULL), BASE_OK);
    assert_int_equal(policy_body_level(body), POLICY_LEVEL_RESTRICTED);
    policy_body_free(body);
    arena_free(arena);
}

static void test_json_text(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "{ \"a\" : [1, 2] }", "{oops");
    policy_body_json_text(f.body, f.chat.parts[0].text);
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_OK);
    assert_true(slice_eq_str(policy_body_bytes(f.body), "{\"a\":[1,2]}"));
    end(&f);
    begin(&f, "x", "{oops");
    policy_body_json_text(f.body, f.chat.parts[1].text);
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_ERR_BAD_JSON);
    assert_int_equal(policy_body_level(f.body), POLICY_LEVEL_RESTRICTED);
    end(&f);
}

static void test_errors(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "words", "0x10");
    policy_body_number(f.body, f.chat.parts[1].text);
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_ERR_INTERNAL);
    end(&f);
    begin(&f, "words", "x");
    policy_body_open_object(f.body);
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_ERR_INTERNAL); /* still open */
    end(&f);
    begin(&f, "words", "x");
    policy_body_text(f.body, f.chat.parts[0].text);
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_ERR_INTERNAL);
    end(&f);
    begin(&f, "words that are longer than the body may be", "x");
    policy_body_free(f.body);
    assert_int_equal(policy_body_new(f.seen, 16, &f.body), BASE_OK);
    policy_body_string(f.body, f.chat.parts[0].text);
    assert_int_equal(policy_body_finish(f.body, NULL), BASE_ERR_TOO_LARGE);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),     cmocka_unit_test(test_levels),
        cmocka_unit_test(test_unvisited), cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_json_text), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
