/* Every allocation of base may fail: the answer is NO_MEMORY, nothing leaks, nothing crashes. */
#include "base/doc/schema.h"
#include "base/json/json.h"
#include "tests/unit/oom.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum base_err use_arena(void *user)
{
    (void)user;
    struct arena *arena = arena_new(64u << 20);
    if (!arena)
        return BASE_ERR_NO_MEMORY;
    bool ok = true;
    for (size_t size = 1; size < (1u << 20) && ok; size *= 3)
        ok = arena_alloc(arena, size) && arena_strdup(arena, SLICE("text")) &&
             !slice_is_absent(arena_printf(arena, "%zu", size));
    void *items = NULL;
    size_t capacity = 0;
    for (size_t count = 0; count < 100 && ok; count++)
        ok = arena_grow(arena, &items, count, &capacity, sizeof(int));
    arena_free(arena);
    return ok ? BASE_OK : BASE_ERR_NO_MEMORY;
}

static enum base_err use_buffer(void *user)
{
    (void)user;
    struct buffer out;
    buffer_init(&out, 1 << 20);
    for (int i = 0; i < 2000; i++) {
        buffer_addf(&out, "%d ", i);
        if (i % 3 == 0)
            buffer_consume(&out, 1);
    }
    enum base_err err = out.err;
    buffer_done(&out);
    return err;
}

static size_t arena_max = 1 << 20;
static size_t arena_needed; /* what the last run took */

static enum base_err use_json(void *user)
{
    struct slice text = slice_from_str(user);
    struct arena *arena = arena_new(arena_max);
    if (!arena)
        return BASE_ERR_NO_MEMORY;
    const struct json_node *root = NULL;
    struct base_error error;
    enum base_err err = json_parse(text, &json_limits_request, arena, &root, &error);
    if (err)
        assert_null(root);
    if (!err) {
        struct buffer out;
        buffer_init(&out, 1 << 20);
        struct json_writer w;
        json_writer_init(&w, &out);
        json_put_node(&w, root);
        err = out.err;
        buffer_done(&out);
    }
    arena_needed = arena_used(arena);
    arena_free(arena);
    return err;
}

struct entry {
    struct slice name;
    int64_t size;
};
struct table {
    DOC_LIST_OF(struct entry) entries;
    DOC_MAP_OF(struct slice) names;
    const struct entry *one;
    DOC_LIST_OF(struct slice) words;
};
static const struct doc_field entry_fields[] = {
    DOC_FIELD(struct entry, name, "name", doc_type_string, .required = true, .doc = "its name"),
    DOC_FIELD(struct entry, size, "size", doc_type_bytes, .fallback = "1K", .doc = "how large"),
    {0}};
static const struct doc_type entry_type = {
    .kind = DOC_KIND_OBJECT, .size = sizeof(struct entry), .name = "entry", .fields = entry_fields};
static const struct doc_type entries_type = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &entry_type};
static const struct doc_type names_type = {
    .kind = DOC_KIND_MAP, .size = sizeof(struct doc_map), .item = &doc_type_string};
static const struct doc_type one_type = {
    .kind = DOC_KIND_POINTER, .size = sizeof(void *), .item = &entry_type};
static const struct doc_field table_fields[] = {
    DOC_FIELD(struct table, entries, "entries", entries_type, .doc = "some"),
    DOC_FIELD(struct table, names, "names", names_type, .doc = "some"),
    DOC_FIELD(struct table, one, "one", one_type, .doc = "one"),
    DOC_FIELD(struct table, words, "words", doc_type_strings, .fallback = "[a, b]", .doc = "some"),
    {0}};
static const struct doc_type table_type = {
    .kind = DOC_KIND_OBJECT, .size = sizeof(struct table), .name = "table", .fields = table_fields};

static enum base_err load_and_bind(void *user)
{
    struct arena *arena = arena_new(arena_max);
    if (!arena)
        return BASE_ERR_NO_MEMORY;
    const struct doc_node *root = NULL;
    struct base_error error;
    struct table table;
    struct doc_errors errors;
    doc_errors_init(&errors);
    enum base_err err = doc_load(user, arena, &root, &error);
    if (!err)
        err = doc_bind(root, &table_type, arena, NULL, &table, &errors);
    if (err == BASE_ERR_NO_MEMORY)
        assert_int_equal(errors.total, 0);
    arena_needed = arena_used(arena);
    arena_free(arena);
    return err;
}

static enum base_err print_schema(void *user)
{
    (void)user;
    struct buffer out;
    buffer_init(&out, 1 << 20);
    doc_schema_print_json(&table_type, "Table", &out);
    doc_schema_print_markdown(&table_type, &out);
    enum base_err err = out.err;
    buffer_done(&out);
    return err;
}

/* An arena of every size that is too small: each of its allocations fails once. */
static void each_arena(enum base_err (*body)(void *user), void *user)
{
    assert_int_equal(body(user), BASE_OK);
    size_t needed = arena_needed;
    assert_true(needed > 100);
    for (arena_max = 0; arena_max < needed; arena_max++)
        assert_int_equal(body(user), BASE_ERR_NO_MEMORY);
    assert_int_equal(body(user), BASE_OK);
    arena_max = 1 << 20;
}

static void test_arena(void **state)
{
    (void)state;
    assert_true(oom_each(use_arena, NULL) >= 5);
}

static void test_buffer(void **state)
{
    (void)state;
    assert_true(oom_each(use_buffer, NULL) >= 4);
}

static void test_json(void **state)
{
    (void)state;
    static char text[4096];
    size_t len = (size_t)snprintf(text, sizeof(text), "{\"escaped\":\"a\\nb\"");
    for (int i = 0; i < 80; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",\"k%d\":[%d,\"x\\ty\"]", i, i);
    snprintf(text + len, sizeof(text) - len, "}");
    assert_true(oom_each(use_json, text) >= 5);
    each_arena(use_json, text);
}

static void test_documents(void **state)
{
    (void)state;
    static const char *const endings[] = {"yaml", "json"};
    static const char text[] =
        "{\"entries\": [{\"name\": \"a\", \"size\": \"8G\"}, {\"name\": \"b\"}],\n"
        " \"names\": {\"x\": \"y\", \"z\": \"w\"}, \"one\": {\"name\": \"c\"}}";
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/tmp/hearth-oom-%d.%s", (int)getpid(), endings[i]);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        size_t total = oom_each(load_and_bind, path);
        each_arena(load_and_bind, path);
        unlink(path);
        assert_true(total >= 4);
    }
}

static void test_schema(void **state)
{
    (void)state;
    assert_true(oom_each(print_schema, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),  cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_json),   cmocka_unit_test(test_documents),
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
