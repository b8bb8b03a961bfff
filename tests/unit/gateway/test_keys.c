/* Keys: found only while they are good, kept as hashes, and never an open door again. */
#include "tests/unit/unit.h"

#include "gateway/keys/keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/hearth-keys-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/keys.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static struct keys *open_keys(void)
{
    struct keys *keys;
    struct base_error detail;
    assert_int_equal(keys_open(path, clock_system(), random_system(), &keys, &detail), BASE_OK);
    return keys;
}

static void test_life(void **state)
{
    (void)state;
    char text[KEYS_TEXT_MAX], id[KEYS_ID_MAX];
    struct keys_owner owner;
    struct keys *keys = open_keys();
    assert_true(keys_is_empty(keys));
    assert_int_equal(keys_add(keys, SLICE("interns"), SLICE("laptop"), text, id, NULL), BASE_OK);
    assert_int_equal(strlen(text), 46);
    assert_false(keys_is_empty(keys));
    assert_true(keys_find(keys, slice_from_str(text), &owner));
    assert_string_equal(owner.tenant, "interns");
    assert_string_equal(owner.id, id);
    assert_false(keys_find(keys, SLICE("hk-nothing"), &owner));
    assert_false(keys_find(keys, SLICE_NONE, &owner));
    keys_free(keys);

    keys = open_keys(); /* over a restart */
    assert_true(keys_find(keys, slice_from_str(text), &owner));
    assert_int_equal(keys_revoke(keys, slice_from_str(id), NULL), BASE_OK);
    assert_false(keys_find(keys, slice_from_str(text), &owner));
    assert_false(keys_is_empty(keys)); /* taking away the last key does not open the door */
    assert_int_equal(keys_revoke(keys, SLICE("k_none"), NULL), BASE_ERR_NOT_FOUND);
    keys_free(keys);
}

static void test_only_hashes_are_kept(void **state)
{
    (void)state;
    char text[KEYS_TEXT_MAX], id[KEYS_ID_MAX], file[4096];
    struct keys *keys = open_keys();
    assert_int_equal(keys_add(keys, SLICE("t"), SLICE(""), text, id, NULL), BASE_OK);
    keys_free(keys);
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, file, sizeof(file) - 1);
    (void)close(fd);
    assert_true(len > 0);
    file[len] = '\0';
    assert_null(strstr(file, text + 3));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct buffer list;
    buffer_init(&list, 1 << 16);
    keys = open_keys();
    keys_list(keys, &list);
    assert_int_equal(slice_find(buffer_slice(&list), SLICE("sha256")), SIZE_MAX);
    buffer_done(&list);
    keys_free(keys);
}

static void test_bad_names(void **state)
{
    (void)state;
    char text[KEYS_TEXT_MAX], id[KEYS_ID_MAX];
    struct keys *keys = open_keys();
    assert_int_equal(keys_add(keys, SLICE(""), SLICE(""), text, id, NULL), BASE_ERR_BAD_VALUE);
    assert_int_equal(keys_add(keys, SLICE("a b"), SLICE(""), text, id, NULL), BASE_ERR_BAD_VALUE);
    assert_int_equal(keys_add(keys, SLICE("a"), SLICE("two\nlines"), text, id, NULL),
                     BASE_ERR_BAD_VALUE);
    keys_free(keys);
}

static void test_damaged_file(void **state)
{
    (void)state;
    static const char *const damaged[] = {"",
                                          "{}",
                                          "[1]",
                                          "[{\"id\":\"k\"}]",
                                          "[{\"id\":\"k\",\"tenant\":\"t\",\"revoked\":false}]",
                                          "not json"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fputs(damaged[i], file);
        (void)fclose(file);
        struct keys *keys = NULL;
        struct base_error detail;
        assert_int_equal(keys_open(path, clock_system(), random_system(), &keys, &detail),
                         BASE_ERR_BAD_FILE);
        assert_contains(detail.message, "keys.json");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_only_hashes_are_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_bad_names, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damaged_file, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
