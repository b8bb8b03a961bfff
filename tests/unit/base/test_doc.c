#include "base/doc/doc.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(256u << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct doc_node *yaml(const char *text)
{
    const struct doc_node *root = NULL;
    struct base_error error;
    if (doc_parse_yaml("t.yaml", slice_from_str(text), arena, &root, &error) != BASE_OK)
        fail_msg("%s", error.message);
    return root;
}

static void check_json(const struct doc_node *root, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 1 << 16);
    doc_write_json(&out, root);
    assert_slice(buffer_slice(&out), expected);
    buffer_done(&out);
}

static void check_rejected(struct slice text, const char *message)
{
    const struct doc_node *root = NULL;
    struct base_error error = {0};
    enum base_err err = doc_parse_yaml("t.yaml", text, arena, &root, &error);
    if (err != BASE_ERR_BAD_CONFIG)
        fail_msg("accepted: %.*s", SLICE_ARG(text));
    assert_null(root);
    if (!strstr(error.message, message))
        fail_msg("%.*s: \"%s\" does not contain \"%s\"", SLICE_ARG(text), error.message, message);
}

static void test_yaml_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "null"},
        {"# only a comment\n", "null"},
        {"---\na: 1\n", "{\"a\":1}"},
        {"a: [1, 2.50, x, 'y', \"z\\n\"]", "{\"a\":[1,2.50,\"x\",\"y\",\"z\\n\"]}"},
        {"a:\nb: ~\nc: null\nd: ''\ne: 'null'", "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"\","
                                                "\"e\":\"null\"}"},
        {"[yes, no, on, off, y, n, true, false, 'true', True]",
         "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",true,false,\"true\",\"True\"]"},
        {"[007, 0x10, 1_000, .5, 1e3, -1, '5', 1.10]",
         "[\"007\",\"0x10\",\"1_000\",\".5\",1e3,-1,\"5\",1.10]"},
        {"a: |\n  two\n  lines\nb: >\n  one\n  line\n",
         "{\"a\":\"two\\nlines\\n\",\"b\":\"one line\\n\"}"},
        {"- a: 1\n  b: {c: [d, {}], e: []}\n- - x\n",
         "[{\"a\":1,\"b\":{\"c\":[\"d\",{}],\"e\":[]}},[\"x\"]]"},
        {"\xef\xbb\xbf"
         "a: \xc3\xa9",
         "{\"a\":\"\xc3\xa9\"}"},
        {"- 1111111111111111111111111111111111111111111111111111111111111111\n"
         "- 11111111111111111111111111111111111111111111111111111111111111111",
         "[1111111111111111111111111111111111111111111111111111111111111111,"
         "\"11111111111111111111111111111111111111111111111111111111111111111\"]"},
        {"'<<': 1", "{\"<<\":1}"},
        {"a: b: c", NULL},
    };
    for (size_t i = 0; cases[i].json; i++)
        check_json(yaml(cases[i].text), cases[i].json);
}

static void test_yaml_rejected(void **state)
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
        CASE("a: &x 1\nb: *x", "t.yaml:1:4: anchors"),
        CASE("a: 1\nb: *x", "t.yaml:2:4: aliases"),
        CASE("a: !!str 1", "t.yaml:1:4: tags"),
        CASE("a: ! x", "tags"),
        CASE("!x {}", "t.yaml:1:1: tags"),
        CASE("a: &x [1]", "anchors"),
        CASE("a: !!map {}", "tags"),
        CASE("<<: {a: 1}", "t.yaml:1:1: merge keys"),
        CASE("a: 1\nb: 2\na: 3", "t.yaml:3:1: the key `a` stands here for the second time"),
        CASE("{a: 1, 'a': 2}", "t.yaml:1:8: the key `a`"),
        CASE("a: 1\n---\nb: 2", "a second"),
        CASE("--- 1\n--- 2", "a second"),
        CASE("%YAML 1.1\n---\na: 1", "directives"),
        CASE("%TAG ! tag:x,2000:\n---\na: 1", "directives"),
        CASE("a:\n\tb: 1", "t.yaml:2:1: a tab cannot stand here"),
        CASE("[a, b]: 1", "a key must be a simple text"),
        CASE("? {a: 1}\n: 1", "a key must be a simple text"),
        CASE("?\n: 1", "a key is missing"),
        CASE("a: b: c", "t.yaml:1:5: mapping values are not allowed"),
        CASE("a: [1, 2", "t.yaml:"),
        CASE("a: \"x", "t.yaml:"),
        CASE("a: 1\n b: 2", "t.yaml:2:"),
        CASE("a: \x01", "t.yaml:1:4: control characters are not allowed"),
        CASE("a: \"\\0\"", "NUL"),
        CASE("a: \0", "control characters"),
        CASE("a: 1\nb: \xff", "t.yaml:2:4: these bytes are not UTF-8"),
        CASE("\xc3\xa9: \xed\xa0\x80", "t.yaml:1:4: these bytes are not UTF-8"),
        CASE("a: \"\\ud800\"", "t.yaml:1:"),
    };
#undef CASE
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_rejected(cases[i].text, cases[i].message);
}

static struct slice repeat(const char *head, size_t count, const char *tail)
{
    struct buffer out;
    buffer_init(&out, 8u << 20);
    for (size_t i = 0; i < count; i++)
        buffer_add_str(&out, head);
    buffer_add_str(&out, tail);
    struct slice ret = arena_dup(arena, buffer_slice(&out));
    buffer_done(&out);
    return ret;
}

static void test_yaml_limits(void **state)
{
    (void)state;
    const struct doc_node *root = NULL;
    struct base_error error;
    struct slice deep = repeat("[", 32, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    assert_int_equal(doc_parse_yaml("t.yaml", deep, arena, &root, &error), BASE_OK);
    check_rejected(repeat("[", 33, ""), "t.yaml:1:33: lists and maps are nested more than 32 deep");
    check_rejected(repeat("[", 500000, ""), "nested more than 32 deep");
    check_rejected(repeat("{a: ", 100000, ""), "nested more than 32 deep");
    check_rejected(repeat("- ", 100000, ""), "nested more than 32 deep");
    struct slice large = repeat("a", DOC_MAX_BYTES, "b");
    assert_int_equal(doc_parse_yaml("t.yaml", large, arena, &root, &error), BASE_ERR_TOO_LARGE);
    large.len--;
    assert_int_equal(doc_parse_yaml("t.yaml", large, arena, &root, &error), BASE_OK);
}

/* A map large enough to be checked by sorting. */
static void test_many_keys(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, DOC_MAX_BYTES);
    for (int i = 0; i < 50000; i++)
        buffer_addf(&out, "k%d: %d\n", i, i);
    const struct doc_node *root = NULL;
    assert_int_equal(doc_parse_yaml("t.yaml", buffer_slice(&out), arena, &root, NULL), BASE_OK);
    assert_int_equal(root->count, 50000);
    buffer_add_str(&out, "k25000: 1\nz: 1\n");
    check_rejected(buffer_slice(&out), "t.yaml:50001:1: the key `k25000`");
    buffer_done(&out);
}

static void test_places(void **state)
{
    (void)state;
    const struct doc_node *root = yaml("a: 1\n\xc3\xa9: {b: [x,\n  \"y\"]}\n");
    const struct doc_node *e = doc_get(root, "\xc3\xa9"), *b = doc_get(e, "b");
    assert_string_equal(e->file, "t.yaml");
    assert_int_equal(e->key_line, 2);
    assert_int_equal(e->key_column, 1);
    assert_int_equal(e->column, 4);
    assert_int_equal(b->key_column, 5);
    assert_int_equal(b->first->column, 9);
    assert_int_equal(b->first->next->line, 3);
    assert_int_equal(b->first->next->column, 3);
    assert_true(b->first->next->quoted);
    assert_false(b->first->quoted);
    assert_null(doc_get(b, "x"));
    assert_null(doc_get(NULL, "x"));
}

/* Each path is found at the text that stands for it in the document. */
static void test_find(void **state)
{
    (void)state;
    static const char text[] = "models: {gpt-4.1: {route: A}, gpt-4: {route: B}, x: C}\n"
                               "list: [{name: p, steps: [{id: D}, {id: a.b, to: E}]}, {name: F}]\n";
    const struct doc_node *root = yaml(text);
    static const struct {
        const char *path, *text;
    } cases[] = {{"models.gpt-4.1.route", "A"},
                 {"models.gpt-4.route: unknown target", "B"},
                 {"models.x", "C"},
                 {"models.x.y[3]", "C"},
                 {"list[0].steps[0].id", "D"},
                 {"list.p.steps[0].id", "D"},
                 {"list.p.steps.a.b.to: no", "E"},
                 {"list[1].name", "F"},
                 {"list[1].name[0]", "F"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct doc_node *node = doc_find(root, cases[i].path);
        if (!slice_eq_str(node->text, cases[i].text))
            fail_msg("%s: found the node at %u:%u", cases[i].path, node->line, node->column);
    }
    static const char *const beyond[] = {"list[2]",  "list[",  "list[x]",
                                         "list[-1]", "list.q", "list[18446744073709551616]"};
    for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
        assert_ptr_equal(doc_find(root, beyond[i]), doc_get(root, "list"));
    assert_ptr_equal(doc_find(root, "models.gpt-5"), doc_get(root, "models"));
    assert_ptr_equal(doc_find(root, "nothing: here"), root);
    assert_ptr_equal(doc_find(root, ""), root);
}

static void test_json(void **state)
{
    (void)state;
    static const char text[] =
        "{\n \"a\": [1.50, \"x\", true, null],\n \"\\u0062\": \"\\n\", \"c\": {}}";
    const struct doc_node *root = NULL;
    struct base_error error;
    assert_int_equal(doc_parse_json("t.json", slice_from_str(text), arena, &root, &error), BASE_OK);
    check_json(root, "{\"a\":[1.50,\"x\",true,null],\"b\":\"\\n\",\"c\":{}}");
    const struct doc_node *a = doc_get(root, "a"), *c = doc_get(root, "c");
    assert_int_equal(a->line, 2);
    assert_int_equal(a->column, 7);
    assert_int_equal(a->first->next->column, 14);
    assert_true(a->first->next->quoted);
    assert_int_equal(c->key_line, 3);
    assert_int_equal(c->key_column, 18);
    assert_int_equal(c->column, 23);
    root = NULL;
    assert_int_equal(doc_parse_json("t.json", SLICE("{\"a\":\n1,\"a\":2}"), arena, &root, &error),
                     BASE_ERR_BAD_CONFIG);
    assert_contains(error.message, "t.json: JSON line 2, column 3");
    assert_int_equal(doc_parse_json("t.json", repeat("[", 33, ""), arena, &root, &error),
                     BASE_ERR_BAD_CONFIG);
    assert_null(root);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_load(void **state)
{
    (void)state;
    char folder[] = "/tmp/hearth-doc-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    const struct doc_node *root = NULL;
    struct base_error error;
    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    assert_int_equal(doc_load(path, arena, &root, &error), BASE_ERR_NOT_FOUND);
    assert_contains(error.message, path);
    write_file(path, "a: yes\n");
    assert_int_equal(doc_load(path, arena, &root, &error), BASE_OK);
    check_json(root, "{\"a\":\"yes\"}");
    assert_string_equal(root->file, path);
    write_file(path, repeat("#", DOC_MAX_BYTES + 1, "").ptr);
    assert_int_equal(doc_load(path, arena, &root, &error), BASE_ERR_TOO_LARGE);
    unlink(path);
    snprintf(path, sizeof(path), "%s/a.json", folder);
    write_file(path, "{a: 1}");
    assert_int_equal(doc_load(path, arena, &root, &error), BASE_ERR_BAD_CONFIG);
    assert_int_equal(doc_load(folder, arena, &root, &error), BASE_ERR_IO);
    unlink(path);
    rmdir(folder);
}

static void test_errors_in_file_order(void **state)
{
    (void)state;
    struct doc_errors errors;
    doc_errors_init(&errors);
    struct base_error detail;
    assert_int_equal(doc_errors_result(&errors, &detail), BASE_OK);
    struct doc_node node = {.file = "f", .column = 1};
    for (uint32_t i = 0; i < 30; i++) {
        node.line = (i * 7) % 30 + 1;
        doc_errors_add(&errors, &node, "problem %u\n", node.line);
    }
    assert_int_equal(errors.total, 30);
    assert_int_equal(errors.count, DOC_ERRORS_MAX);
    for (uint32_t i = 0; i < DOC_ERRORS_MAX; i++)
        assert_int_equal(errors.items[i].line, i + 1);
    assert_string_equal(errors.items[0].message, "problem 1?");
    doc_errors_add_key(&errors, NULL, "no place");
    struct buffer out;
    buffer_init(&out, 4096);
    doc_errors_print(&errors, &out);
    assert_true(slice_starts_with(buffer_slice(&out), SLICE("no place\nf:1:1: problem 1?\n")));
    assert_true(slice_ends_with(buffer_slice(&out), SLICE("and 11 more\n")));
    buffer_done(&out);
    assert_int_equal(doc_errors_result(&errors, &detail), BASE_ERR_BAD_CONFIG);
    assert_string_equal(detail.message, "no place (and 30 more)");
}

static void test_nearest(void **state)
{
    (void)state;
    static const struct slice names[] = {SLICE_INIT("clearance"), SLICE_INIT("capability"),
                                         SLICE_INIT("zone"), SLICE_INIT("url")};
    static const struct {
        const char *name, *nearest;
    } cases[] = {{"clearence", "clearance"},
                 {"claerance", "clearance"},
                 {"Zone", "zone"},
                 {"zones", "zone"},
                 {"capabilitys", "capability"},
                 {"ulr", "url"},
                 {"completely", NULL},
                 {"x", NULL},
                 {"", NULL},
                 {"qqqq", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice got = doc_nearest(slice_from_str(cases[i].name), names, 4);
        if (cases[i].nearest)
            assert_slice(got, cases[i].nearest);
        else
            assert_true(slice_is_absent(got));
    }
    char longest[100];
    memset(longest, 'z', sizeof(longest));
    assert_true(slice_is_absent(doc_nearest(slice_of(longest, sizeof(longest)), names, 4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_yaml_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_yaml_rejected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_yaml_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_in_file_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nearest, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
