#include "base/json/json.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(512u << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct json_node *parse(const char *text)
{
    const struct json_node *root = NULL;
    struct base_error error = {0};
    enum base_err err =
        json_parse(slice_from_str(text), &json_limits_request, arena, &root, &error);
    if (err)
        fail_msg("%s: %s", text, error.message);
    return root;
}

static void check_round_trip(const char *text, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    struct json_writer w;
    json_writer_init(&w, &out);
    json_put_node(&w, parse(text));
    assert_slice(buffer_slice(&out), expected);
    buffer_done(&out);
}

static void check_rejected(struct slice text, const char *message)
{
    const struct json_node *root = NULL;
    struct base_error error = {0};
    char *exact = malloc(text.len + !text.len); /* so that a read past the end is seen */
    assert_non_null(exact);
    memcpy(exact, text.ptr, text.len);
    enum base_err err =
        json_parse(slice_of(exact, text.len), &json_limits_request, arena, &root, &error);
    free(exact);
    if (err != BASE_ERR_BAD_JSON)
        fail_msg("accepted: %.*s", SLICE_ARG(text));
    assert_null(root);
    assert_contains(error.message, message);
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"null", "null"},
        {" \t\r\ntrue ", "true"},
        {"false", "false"},
        {"\"\"", "\"\""},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[ ]", "[]"},
        {"[[],{},[[]]]", "[[],{},[[]]]"},
        {"{ \"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : null } }", "{\"a\":[1,2],\"b\":{\"c\":null}}"},
        {"[0,-0,1.50,1E+2,1e-400,9007199254740993]", "[0,-0,1.50,1E+2,1e-400,9007199254740993]"},
        {"\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\\\\\"\"",
         "\"\xc3\xa9\xf0\x9f\x98\x80/\\b\\f\\n\\r\\t\\\\\\\"\""},
        {"\"\\u0001\x7f\"", "\"\\u0001\x7f\""},
        {"{\"\\u0061\":1}", "{\"a\":1}"},
        {"\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"", "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\""},
        {"1111111111111111111111111111111111111111111111111111111111111111",
         "1111111111111111111111111111111111111111111111111111111111111111"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_round_trip(cases[i].text, cases[i].expected);
}

static void test_rejected(void **state)
{
    (void)state;
#define CASE(text, message)                                                                        \
    {                                                                                              \
        SLICE_INIT(text), message                                                                  \
    }
    static const struct {
        struct slice text;
        const char *message;
    } cases[] = {
        CASE("", "ends too early"),
        CASE("  ", "ends too early"),
        CASE("[", "ends too early"),
        CASE("[1", "ends too early"),
        CASE("[1,", "ends too early"),
        CASE("{\"a\"", "ends too early"),
        CASE("{\"a\":", "ends too early"),
        CASE("\"abc", "ends too early"),
        CASE("\"abc\\", "ends too early"),
        CASE("\"abc\\\"", "ends too early"),
        CASE("tru", "expected a value"),
        CASE("nulL", "expected a value"),
        CASE("NaN", "expected a value"),
        CASE("Infinity", "expected a value"),
        CASE("-Infinity", "expected a digit"),
        CASE("-", "ends too early"),
        CASE("+1", "expected a value"),
        CASE(".5", "expected a value"),
        CASE("1.", "ends too early"),
        CASE("1.e5", "expected a digit after the point"),
        CASE("1e", "ends too early"),
        CASE("1e+x", "expected a digit in the exponent"),
        CASE("01", "cannot begin with 0"),
        CASE("-01", "cannot begin with 0"),
        CASE("0x10", "expected nothing after"),
        CASE("1e400", "too large for a double"),
        CASE("-1e400", "too large for a double"),
        CASE("11111111111111111111111111111111111111111111111111111111111111111",
             "at most 64 characters"),
        CASE("[1 2]", "expected ',' or ']'"),
        CASE("[1,]", "expected a value"),
        CASE("[,1]", "expected a value"),
        CASE("{\"a\":1,}", "expected a name in double quotes"),
        CASE("{a:1}", "expected a name in double quotes"),
        CASE("{'a':1}", "expected a name in double quotes"),
        CASE("{\"a\" 1}", "expected ':'"),
        CASE("{\"a\":1 \"b\":2}", "expected ',' or '}'"),
        CASE("[1}", "expected ',' or ']'"),
        CASE("{\"a\":1]", "expected ',' or '}'"),
        CASE("]", "expected a value"),
        CASE("[1] x", "expected nothing after"),
        CASE("{} {}", "expected nothing after"),
        CASE("null\0", "expected nothing after"),
        CASE("/* c */ 1", "expected a value"),
        CASE("[1 // c\n]", "expected ',' or ']'"),
        CASE("\xef\xbb\xbf{}", "byte order mark"),
        CASE("\"a\nb\"", "control character"),
        CASE("\"a\0b\"", "control character"),
        CASE("\"long enough text\x1f and more\"", "control character"),
        CASE("\"\\u0000\"", "\\u0000"),
        CASE("{\"\\u0000\":1}", "\\u0000"),
        CASE("\"\\ud800\"", "needs a low one"),
        CASE("\"\\ud800\\u0041\"", "needs a low one"),
        CASE("\"\\ud800x\"", "needs a low one"),
        CASE("\"\\ud800\\ud800\"", "needs a low one"),
        CASE("\"\\udc00\"", "needs a high one"),
        CASE("\"\\u12g4\"", "four hexadecimal digits"),
        CASE("\"\\u12\"", "four hexadecimal digits"),
        CASE("\"\\x41\"", "escape does not exist"),
        CASE("\"\\\xc3\xa9\"", "escape does not exist"),
        CASE("\"\\\n\"", "escape does not exist"),
        CASE("\"\x80\"", "not UTF-8"),
        CASE("\"\xc0\xaf\"", "not UTF-8"),
        CASE("\"\xe0\x80\xaf\"", "not UTF-8"),
        CASE("\"\xed\xa0\x80\"", "not UTF-8"),
        CASE("\"\xf4\x90\x80\x80\"", "not UTF-8"),
        CASE("\"\xf5\x80\x80\x80\"", "not UTF-8"),
        CASE("\"\xe4\xb8\"", "not UTF-8"),
        CASE("\"\xe4\xb8", "not UTF-8"),
        CASE("\"abcdefgh\xff\"", "not UTF-8"),
        CASE("\xff", "expected a value"),
        CASE("{\"a\":1,\"a\":2}", "twice"),
        CASE("{\"a\":1,\"\\u0061\":2}", "twice"),
        CASE("{\"\":1,\"\":2}", "twice"),
        CASE("[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", "twice"),
    };
#undef CASE
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_rejected(cases[i].text, cases[i].message);
}

/* Every cut of a text is an error, and never a read past the end. */
static void test_truncated(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1.5e3,\"x\\u00e9\\ud83d\\ude00y\xc3\xa9\",true,null],"
                               "\"b\":{\"c\":false,\"d\":\"long text without escapes\"}}";
    for (size_t len = 0; len < sizeof(text) - 1; len++)
        check_rejected(slice_of(text, len), "JSON line 1");
    assert_non_null(parse(text));
}

static void test_position(void **state)
{
    (void)state;
    check_rejected(SLICE("{\n  \"\xc3\xa9\": x}"),
                   "JSON line 2, column 8 (byte 10): expected a value");
    check_rejected(SLICE("{\"a\":1,\n\"a\":2}"), "JSON line 2, column 1 (byte 8)");
    check_rejected(SLICE("[\"secret-word\", \"\\q\"]"), "byte 17");
    struct base_error error;
    const struct json_node *root;
    assert_int_equal(
        json_parse(SLICE("{\"secret\" 1}"), &json_limits_request, arena, &root, &error),
        BASE_ERR_BAD_JSON);
    assert_null(strstr(error.message, "secret"));
}

static struct slice nested(size_t depth, char open, char close)
{
    char *text = arena_alloc(arena, depth * 2 + 1);
    assert_non_null(text);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    return slice_of(text, depth * 2);
}

static void test_limits(void **state)
{
    (void)state;
    const struct json_node *root = NULL;
    struct base_error error;
    assert_int_equal(json_parse(nested(64, '[', ']'), &json_limits_request, arena, &root, NULL), 0);
    check_rejected(nested(65, '[', ']'), "nested too deeply");
    check_rejected(nested(100000, '[', ']'), "nested too deeply");
    struct json_limits limits = {1000, 10, 1000000};
    assert_int_equal(json_parse(nested(129, '[', ']'), &limits, arena, &root, &error),
                     BASE_ERR_TOO_LARGE);
    limits.max_nodes = 1000;
    assert_int_equal(json_parse(nested(128, '[', ']'), &limits, arena, &root, &error), BASE_OK);
    assert_int_equal(json_parse(nested(129, '[', ']'), &limits, arena, &root, &error),
                     BASE_ERR_BAD_JSON);
    assert_int_equal(json_parse(nested(501, ' ', ' '), &limits, arena, &root, &error),
                     BASE_ERR_TOO_LARGE);
    limits.max_nodes = 3;
    assert_int_equal(json_parse(SLICE("[1,2]"), &limits, arena, &root, &error), BASE_OK);
    assert_int_equal(json_parse(SLICE("[1,2,3]"), &limits, arena, &root, &error),
                     BASE_ERR_TOO_LARGE);
}

static void test_access(void **state)
{
    (void)state;
    const struct json_node *root =
        parse("{\"s\":\"x\\ny\",\"i\":-42,\"d\":2.5,\"t\":true,\"n\":null,\"a\":[10,20,30],"
              "\"big\":9223372036854775808,\"o\": { \"k\" : 1 } }");
    assert_slice(json_string(json_get(root, SLICE("s"))), "x\ny");
    int64_t i = 7;
    double d = 0;
    bool b = false;
    assert_true(json_to_i64(json_get(root, SLICE("i")), &i));
    assert_int_equal(i, -42);
    assert_false(json_to_i64(json_get(root, SLICE("big")), &i));
    assert_false(json_to_i64(json_get(root, SLICE("d")), &i));
    assert_int_equal(i, -42);
    assert_true(json_to_double(json_get(root, SLICE("d")), &d));
    assert_true(d == 2.5);
    assert_true(json_to_bool(json_get(root, SLICE("t")), &b));
    assert_true(b);
    assert_false(json_to_bool(json_get(root, SLICE("n")), &b));
    assert_slice(json_at(json_get(root, SLICE("a")), 2)->text, "30");
    assert_null(json_at(json_get(root, SLICE("a")), 3));
    assert_slice(json_get(root, SLICE("o"))->text, "{ \"k\" : 1 }");
    assert_int_equal(root->count, 8);
    assert_null(json_get(NULL, SLICE("x")));
    assert_null(json_get(json_get(json_get(root, SLICE("zz")), SLICE("y")), SLICE("x")));
    assert_null(json_at(root, 0));
    assert_true(slice_is_absent(json_string(json_get(root, SLICE("i")))));
    assert_string_equal(json_type_name(json_get(root, SLICE("a"))), "an array");
    assert_string_equal(json_type_name(NULL), "nothing");
}

/* An object with `count` members "k0".."kN", and one more at the end. */
static struct slice many_members(size_t count, const char *last)
{
    struct buffer out;
    buffer_init(&out, 64u << 20);
    buffer_add_char(&out, '{');
    for (size_t i = 0; i < count; i++)
        buffer_addf(&out, "\"k%zu\":%zu,", i, i);
    buffer_addf(&out, "\"%s\":0}", last);
    struct slice ret = arena_dup(arena, buffer_slice(&out));
    buffer_done(&out);
    return ret;
}

static void test_large_object(void **state)
{
    (void)state;
    for (size_t count = 14; count < 19; count++) { /* around the change to the index */
        const struct json_node *root = NULL;
        struct slice good = many_members(count, "last");
        assert_int_equal(json_parse(good, &json_limits_request, arena, &root, NULL), BASE_OK);
        for (size_t i = 0; i < count; i++) {
            char key[16];
            int64_t value = -1;
            snprintf(key, sizeof(key), "k%zu", i);
            assert_true(json_to_i64(json_get(root, slice_from_str(key)), &value));
            assert_int_equal(value, i);
        }
        assert_null(json_get(root, SLICE("k")));
        check_rejected(many_members(count, "k0"), "this name occurs twice");
        check_rejected(many_members(count, "\\u006b0"), "twice");
    }
}

static void test_many_keys_are_linear(void **state)
{
    (void)state;
    const struct json_node *root = NULL;
    struct slice text = many_members(300000, "last");
    clock_t begin = clock();
    assert_int_equal(json_parse(text, &json_limits_request, arena, &root, NULL), BASE_OK);
    int64_t value = -1;
    for (int i = 0; i < 100000; i++)
        assert_true(json_to_i64(json_get(root, SLICE("k299999")), &value));
    assert_int_equal(value, 299999);
    /* Quadratic time would be minutes. */
    assert_true((clock() - begin) / CLOCKS_PER_SEC < 10);
    check_rejected(many_members(300000, "k77777"), "twice");
}

static void test_writer(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    struct json_writer w;
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_str(&w, "s", "a\"b\\c\n\x01\x7f");
    json_member_str(&w, "none", NULL);
    json_member_i64(&w, "i", INT64_MIN);
    json_member_double(&w, "d", 0.1);
    json_member_double(&w, "nan", (double)__builtin_nanf(""));
    json_member_bool(&w, "t", true);
    json_member_null(&w, "n");
    json_key(&w, SLICE("a"));
    json_open_array(&w);
    json_put_number_text(&w, SLICE("1.50"));
    json_open_object(&w);
    json_close_object(&w);
    json_put_raw(&w, SLICE("[1]"));
    json_put_bool(&w, false);
    json_put_string(&w, SLICE("bad \xff\xc3 utf8 \xc3\xa9"));
    json_close_array(&w);
    json_member_string(&w, "e", SLICE(""));
    json_close_object(&w);
    assert_int_equal(out.err, BASE_OK);
    assert_slice(buffer_slice(&out),
                 "{\"s\":\"a\\\"b\\\\c\\n\\u0001\x7f\",\"none\":null,\"i\":-9223372036854775808,"
                 "\"d\":0.1,\"nan\":null,\"t\":true,\"n\":null,\"a\":[1.50,{},[1],false,"
                 "\"bad \xef\xbf\xbd\xef\xbf\xbd utf8 \xc3\xa9\"],\"e\":\"\"}");
    buffer_done(&out);
}

/* Whatever stands at whatever place among plain letters comes back as it was. */
static void test_escapes_read_back(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "\"", "\\", "\n", "\x01", "\x1f", "\x7f", "\xc3\xa9", "\xf0\x9f\x98\x80", "\"\\\"", " "};
    for (size_t which = 0; which < sizeof(odd) / sizeof(odd[0]); which++) {
        for (int at = 0; at <= 24; at++) {
            char text[64];
            struct buffer out;
            const struct json_node *root;
            (void)snprintf(text, sizeof(text), "%.*s%s%.*s", at, "abcdefghijklmnopqrstuvwx",
                           odd[which], 24 - at, "abcdefghijklmnopqrstuvwx");
            buffer_init(&out, 1024);
            buffer_add_char(&out, '"');
            json_escape(&out, slice_from_str(text));
            buffer_add_char(&out, '"');
            assert_int_equal(
                json_parse(buffer_slice(&out), &json_limits_request, arena, &root, NULL), BASE_OK);
            assert_true(slice_eq(json_string(root), slice_from_str(text)));
            buffer_done(&out);
        }
    }
}

static void test_doubles_read_back(void **state)
{
    (void)state;
    static const double values[] = {
        0,    -0.0,   1,       0.1,        1.0 / 3,           1e300, 5e-324,
        1e-7, 123456, 1e15,    1e22,       2.5e-308,          -1.5,  100,
        0.7,  1e16,   3.14159, 1.0 / 1024, 4503599627370497.5};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct buffer out;
        buffer_init(&out, 64);
        struct json_writer w;
        json_writer_init(&w, &out);
        json_put_double(&w, values[i]);
        double back = -1;
        assert_true(slice_to_double(buffer_slice(&out), &back));
        assert_memory_equal(&back, &values[i], sizeof(back));
        assert_true(buffer_len(&out) <= 24);
        buffer_done(&out);
    }
}

/* A tree deeper than the writer's own levels is still written whole. */
static void test_deep_tree_inside_writer(void **state)
{
    (void)state;
    const struct json_node *deep = NULL;
    assert_int_equal(json_parse(nested(64, '[', ']'), &json_limits_request, arena, &deep, NULL), 0);
    struct buffer out;
    buffer_init(&out, 4096);
    struct json_writer w;
    json_writer_init(&w, &out);
    for (int i = 0; i < 10; i++)
        json_open_array(&w);
    json_put_node(&w, deep);
    json_put_node(&w, NULL);
    for (int i = 0; i < 10; i++)
        json_close_array(&w);
    assert_int_equal(out.err, BASE_OK);
    assert_int_equal(buffer_len(&out), 128 + 20 + 5);
    buffer_done(&out);
}

/* The short form of a number must be what reads back as the same double, and as short as it can
 * be. */
static void test_numbers_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {-1, "-1"},
                 {0.5, "0.5"},
                 {0.1, "0.1"},
                 {0.35, "0.35"},
                 {-2.25, "-2.25"},
                 {0.000125, "0.000125"},
                 {123456.789, "123456.789"},
                 {1e8, "100000000"},
                 {0.6 + 0.1, "0.7"},
                 {0.1 + 0.2, "0.30000000000000004"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer out;
        struct json_writer w;
        buffer_init(&out, 100);
        json_writer_init(&w, &out);
        json_put_double(&w, cases[i].value);
        double back = -99;
        assert_true(slice_to_double(buffer_slice(&out), &back));
        assert_true(back == cases[i].value);
        if (strcmp(cases[i].text, "0.7") != 0)
            assert_slice(buffer_slice(&out), cases[i].text);
        buffer_done(&out);
    }
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double value = (double)(int64_t)(seed >> 20) / (i % 2 ? 1e6 : 1e9) * (i % 3 ? 1 : -1);
        struct buffer out;
        struct json_writer w;
        double back = 0;
        buffer_init(&out, 100);
        json_writer_init(&w, &out);
        json_put_double(&w, value);
        assert_true(slice_to_double(buffer_slice(&out), &back));
        assert_true(back == value);
        buffer_done(&out);
    }
    static const int64_t integers[] = {0, 7, -7, INT64_MAX, INT64_MIN, 1000000};
    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
        struct buffer out;
        struct json_writer w;
        int64_t back = 1;
        buffer_init(&out, 100);
        json_writer_init(&w, &out);
        json_put_i64(&w, integers[i]);
        assert_true(slice_to_i64(buffer_slice(&out), &back));
        assert_true(back == integers[i]);
        buffer_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_read_back),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_position, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_access, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_object, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_keys_are_linear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_escapes_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_doubles_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deep_tree_inside_writer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
