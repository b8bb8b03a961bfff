#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/gguf/gguf.h"
#include "tests/unit/engine/tiny_gguf.h"

static const float numbers[64];

/* A small good file. */
static void good(struct tiny_file *f, uint32_t version)
{
    tiny_begin(f, version);
    tiny_kv_str(f, "general.architecture", "llama");
    tiny_kv_u32(f, "general.alignment", 64);
    tiny_kv_i32s(f, "an.array", (const int32_t[]){-1, 2, 3}, 3);
    tiny_kv_strs(f, "strings", (const char *const[]){"a", "", "ccc"}, 3);
    tiny_kv_bool(f, "yes", true);
    tiny_kv_f32(f, "pi", 3.25F);
    tiny_tensor(f, "a.weight", 0, 2, (const uint64_t[]){4, 2}, numbers, 32);
    tiny_tensor(f, "b.weight", 8, 1, (const uint64_t[]){64}, numbers, 68);
}

static void test_reads_a_good_file(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct tiny_file f;
        struct gguf *file = NULL;
        struct base_error detail = {0};
        good(&f, version);
        assert_int_equal(gguf_parse(tiny_end(&f), "mem", &file, &detail), BASE_OK);
        assert_int_equal(gguf_version(file), version);
        assert_int_equal(gguf_kv_count(file), 6);
        assert_int_equal(gguf_tensor_count(file), 2);
        assert_int_equal(gguf_data_bytes(file), 100);
        const struct gguf_tensor *t = gguf_tensor(file, "b.weight");
        assert_non_null(t);
        assert_string_equal(t->format->name, "Q8_0");
        assert_int_equal(t->bytes, 68);
        assert_int_equal((uintptr_t)t->data % 64, 0);
        assert_null(gguf_tensor(file, "c.weight"));
        struct slice s = SLICE_NONE;
        assert_int_equal(gguf_string(file, "general.architecture", GGUF_NEEDED, &s, NULL), 0);
        assert_true(slice_eq(s, SLICE("llama")));
        const struct gguf_kv *kv = gguf_find(file, "an.array");
        int64_t item;
        assert_true(gguf_item_i64(kv, 0, &item) && item == -1);
        assert_true(gguf_item_i64(kv, 2, &item) && item == 3);
        assert_false(gguf_item_i64(kv, 3, &item));
        kv = gguf_find(file, "strings");
        const uint8_t *at = kv->data;
        assert_true(slice_eq(gguf_next_string(&at), SLICE("a")));
        assert_true(slice_eq(gguf_next_string(&at), SLICE("")));
        assert_true(slice_eq(gguf_next_string(&at), SLICE("ccc")));
        gguf_close(file);
        tiny_done(&f);
    }
}

static void test_typed_reading(void **state)
{
    (void)state;
    struct tiny_file f;
    struct gguf *file = NULL;
    struct base_error detail = {0};
    uint32_t number = 7;
    float real = 1;
    bool flag = false;
    struct slice s = SLICE_NONE;
    good(&f, 3);
    assert_int_equal(gguf_parse(tiny_end(&f), "mem", &file, NULL), BASE_OK);
    assert_int_equal(gguf_u32(file, "absent", GGUF_OPTIONAL, &number, &detail), BASE_OK);
    assert_int_equal(number, 7);
    assert_int_equal(gguf_u32(file, "absent", GGUF_NEEDED, &number, &detail), BASE_ERR_BAD_FILE);
    assert_non_null(strstr(detail.message, "'absent'"));
    assert_int_equal(gguf_u32(file, "pi", GGUF_OPTIONAL, &number, &detail), BASE_ERR_BAD_FILE);
    assert_non_null(strstr(detail.message, "'pi'"));
    assert_int_equal(gguf_u32(file, "an.array", GGUF_OPTIONAL, &number, NULL), BASE_ERR_BAD_FILE);
    assert_int_equal(gguf_f32(file, "pi", GGUF_NEEDED, &real, NULL), BASE_OK);
    assert_true(real == 3.25F);
    assert_int_equal(gguf_f32(file, "yes", GGUF_NEEDED, &real, NULL), BASE_ERR_BAD_FILE);
    assert_int_equal(gguf_bool(file, "yes", GGUF_NEEDED, &flag, NULL), BASE_OK);
    assert_true(flag);
    assert_int_equal(gguf_bool(file, "pi", GGUF_NEEDED, &flag, NULL), BASE_ERR_BAD_FILE);
    assert_int_equal(gguf_string(file, "pi", GGUF_NEEDED, &s, NULL), BASE_ERR_BAD_FILE);
    gguf_close(file);
    tiny_done(&f);
}

/* Expects a refusal whose message holds `words`. */
static void refuse(struct slice bytes, enum base_err code, const char *words)
{
    struct gguf *file = (struct gguf *)1;
    struct base_error detail = {0};
    enum base_err err = gguf_parse(bytes, "mem", &file, &detail);
    if (err != code || !strstr(detail.message, words))
        fail_msg("wanted '%s' (%d), got '%s' (%d)", words, (int)code, detail.message, (int)err);
    assert_ptr_equal(file, (struct gguf *)1);
}

/* Every prefix of a good file is refused, and none reads past its end. */
static void test_truncated(void **state)
{
    (void)state;
    struct tiny_file f;
    good(&f, 3);
    struct slice whole = tiny_end(&f);
    for (size_t len = 0; len < whole.len; len++) {
        void *copy = NULL;
        struct gguf *file;
        assert_int_equal(posix_memalign(&copy, 64, len ? len : 1), 0);
        memcpy(copy, whole.ptr, len);
        enum base_err err = gguf_parse(slice_of(copy, len), "mem", &file, NULL);
        assert_int_equal(err, BASE_ERR_BAD_FILE);
        free(copy);
    }
    tiny_done(&f);
}

/* Writes `len` bytes at `at` into a copy of the good file and expects a refusal. */
static void patched(size_t at, const void *bytes, size_t len, enum base_err code, const char *words)
{
    struct tiny_file f;
    good(&f, 3);
    struct slice whole = tiny_end(&f);
    assert_true(at + len <= whole.len);
    memcpy((char *)(uintptr_t)whole.ptr + at, bytes, len);
    refuse(whole, code, words);
    tiny_done(&f);
}

static void test_head(void **state)
{
    (void)state;
    const uint64_t huge = UINT64_MAX, large = UINT64_C(1) << 40;
    patched(0, "GGML", 4, BASE_ERR_BAD_FILE, "magic");
    patched(4, &(uint32_t){1}, 4, BASE_ERR_UNSUPPORTED, "version 1");
    patched(4, &(uint32_t){0x03000000}, 4, BASE_ERR_UNSUPPORTED, "little-endian");
    patched(8, &huge, 8, BASE_ERR_BAD_FILE, "counts");
    patched(16, &large, 8, BASE_ERR_BAD_FILE, "counts");
    patched(24, &huge, 8, BASE_ERR_BAD_FILE, "name of a key");
    patched(24, &(uint64_t){0}, 8, BASE_ERR_BAD_FILE, "empty");
}

static void expect_kv(uint32_t type, const void *bytes, size_t len, const char *words)
{
    struct tiny_file f;
    tiny_begin(&f, 3);
    tiny_kv_raw(&f, "the.key", type, bytes, len);
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, words);
    tiny_done(&f);
}

static void test_keys(void **state)
{
    (void)state;
    const struct {
        uint32_t item;
        uint32_t count_low, count_high;
        uint32_t more[4];
    } nested = {9, 1, 0, {4, 1, 0, 0}}, unknown = {13, 1, 0, {0}}, many = {10, 0, 0x20000000, {0}},
      strings = {8, 2, 0x10000000, {0}}, reaching = {8, 1, 0, {0xFFFFFFFF, 0xFFFFFFFF, 0, 0}};
    expect_kv(13, "", 1, "'the.key' has an unknown type");
    expect_kv(9, &nested, sizeof(nested), "'the.key' is an array of arrays");
    expect_kv(9, &unknown, sizeof(unknown), "unknown type");
    expect_kv(9, &many, sizeof(many), "past the end");
    expect_kv(9, &strings, sizeof(strings), "more strings");
    expect_kv(9, &reaching, sizeof(reaching), "past the end");
    expect_kv(8, &(uint64_t[]){INT64_MAX, 0}, 16, "past the end");
    expect_kv(7, "\2", 1, "neither 0 nor 1");
    struct tiny_file f;
    tiny_begin(&f, 3);
    tiny_kv_u32(&f, "twice", 1);
    tiny_kv_u32(&f, "other", 1);
    tiny_kv_f32(&f, "twice", 1);
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "'twice' stands there twice");
    tiny_done(&f);
}

static void test_alignment(void **state)
{
    (void)state;
    const uint32_t wrong[] = {0, 1, 4, 24, 33, 1U << 21, UINT32_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct tiny_file f;
        tiny_begin(&f, 3);
        tiny_kv_raw(&f, "general.alignment", 4, &wrong[i], 4);
        refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "general.alignment");
        tiny_done(&f);
    }
    struct tiny_file f;
    tiny_begin(&f, 3);
    tiny_kv_str(&f, "general.alignment", "32");
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "general.alignment");
    tiny_done(&f);
}

static void expect_tensor(uint32_t type, uint32_t n_dims, const uint64_t *dims, size_t len,
                          enum base_err code, const char *words)
{
    struct tiny_file f;
    tiny_begin(&f, 3);
    tiny_tensor(&f, "the.tensor", type, n_dims, dims, numbers, len);
    refuse(tiny_end(&f), code, words);
    tiny_done(&f);
}

static void test_tensors(void **state)
{
    (void)state;
    const enum base_err bad = BASE_ERR_BAD_FILE;
    expect_tensor(0, 0, NULL, 4, bad, "1 to 4 dimensions");
    expect_tensor(0, 5, (const uint64_t[]){1, 1, 1, 1, 1}, 4, bad, "1 to 4 dimensions");
    expect_tensor(0, 2, (const uint64_t[]){4, 0}, 16, bad, "dimension of 0");
    expect_tensor(0, 1, (const uint64_t[]){UINT64_MAX}, 16, bad, "beyond 2^40");
    const uint64_t wide = UINT64_C(1) << 40;
    expect_tensor(0, 2, (const uint64_t[]){wide, wide}, 16, bad, "overflows");
    expect_tensor(0, 4, (const uint64_t[]){1, wide, wide, 2}, 16, bad, "overflows");
    expect_tensor(0, 2, (const uint64_t[]){wide, 1U << 22}, 16, bad, "overflows");
    expect_tensor(8, 1, (const uint64_t[]){33}, 68, bad, "whole blocks");
    expect_tensor(0, 2, (const uint64_t[]){8, 3}, 32, bad, "past the end");
    expect_tensor(19, 1, (const uint64_t[]){256}, 50, BASE_ERR_UNSUPPORTED, "IQ1_S");
    expect_tensor(4, 1, (const uint64_t[]){32}, 50, BASE_ERR_UNSUPPORTED, "type 4");
    expect_tensor(UINT32_MAX, 1, (const uint64_t[]){32}, 50, BASE_ERR_UNSUPPORTED, "(?)");
}

static void test_places(void **state)
{
    (void)state;
    struct tiny_file f;
    good(&f, 3);
    /* Offsets are the last 8 bytes of each tensor's info. */
    uint64_t offset = 32;
    memcpy(f.infos.data + f.infos.len - 8, &offset, 8);
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "'b.weight' has an offset");
    tiny_done(&f);
    good(&f, 3);
    offset = 0;
    memcpy(f.infos.data + f.infos.len - 8, &offset, 8);
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "overlaps");
    tiny_done(&f);
    good(&f, 3);
    offset = UINT64_MAX - 63;
    memcpy(f.infos.data + f.infos.len - 8, &offset, 8);
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "'b.weight' reaches past the end");
    tiny_done(&f);
    tiny_begin(&f, 3);
    tiny_tensor(&f, "same", 0, 1, (const uint64_t[]){8}, numbers, 32);
    tiny_tensor(&f, "same", 0, 1, (const uint64_t[]){8}, numbers, 32);
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "'same' stands there twice");
    tiny_done(&f);
}

static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/hearth-gguf-XXXXXX";
    struct tiny_file f;
    struct gguf *file = NULL;
    struct base_error detail = {0};
    assert_int_equal(gguf_open("/nonexistent/model.gguf", false, &file, &detail), BASE_ERR_IO);
    assert_non_null(strstr(detail.message, "/nonexistent/model.gguf"));
    assert_int_equal(gguf_open("/tmp", false, &file, &detail), BASE_ERR_BAD_FILE);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(gguf_open(path, false, &file, &detail), BASE_ERR_BAD_FILE); /* empty */
    good(&f, 3);
    struct slice whole = tiny_end(&f);
    assert_int_equal(write(fd, whole.ptr, whole.len), (ssize_t)whole.len);
    close(fd);
    for (int copy = 0; copy < 2; copy++) {
        assert_int_equal(gguf_open(path, copy == 1, &file, &detail), BASE_OK);
        assert_int_equal(gguf_tensor_count(file), 2);
        gguf_close(file);
    }
    assert_int_equal(unlink(path), 0);
    tiny_done(&f);
}

/* --- models split over several files --------------------------------------------------------- */

struct parts {
    char folder[64];
    char path[3][128];
    struct tiny_file file[3];
};

static void put_file(const char *path, struct slice bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

/* Part `no`, which says of itself what is given; a tensor each, of `no` + 1 numbers. */
static void put_part(struct parts *p, uint32_t no, uint32_t says_no, uint32_t count,
                     uint32_t tensors, const char *tensor)
{
    static const float values[3][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}};
    struct tiny_file *f = &p->file[no];
    uint16_t small[2] = {(uint16_t)says_no, (uint16_t)count}; /* as common writers write them */
    tiny_done(f);
    tiny_begin(f, 3);
    if (no == 0)
        tiny_kv_str(f, "general.architecture", "llama");
    tiny_kv_raw(f, "split.no", 2, &small[0], 2);
    tiny_kv_raw(f, "split.count", 2, &small[1], 2);
    tiny_kv_raw(f, "split.tensors.count", 5, &tensors, 4);
    if (tensor)
        tiny_tensor(f, tensor, 0, 1, (const uint64_t[]){no + 1}, values[no], (no + 1) * 4);
    put_file(p->path[no], tiny_end(f));
}

static void begin_parts(struct parts *p)
{
    *p = (struct parts){.folder = "/tmp/hearth-split-XXXXXX"};
    assert_non_null(mkdtemp(p->folder));
    for (uint32_t i = 0; i < 3; i++) {
        (void)snprintf(p->path[i], sizeof(p->path[i]), "%s/model-%05u-of-00003.gguf", p->folder,
                       i + 1);
        put_part(p, i, i, 3, 3, (const char *const[]){"a", "b", "c"}[i]);
    }
}

static void end_parts(struct parts *p)
{
    for (size_t i = 0; i < 3; i++) {
        (void)unlink(p->path[i]);
        tiny_done(&p->file[i]);
    }
    assert_int_equal(rmdir(p->folder), 0);
}

static void refuse_path(const char *path, enum base_err want, const char *word)
{
    struct gguf *file = NULL;
    struct base_error detail = {0};
    for (int copy = 0; copy < 2; copy++) {
        assert_int_equal(gguf_open(path, copy == 1, &file, &detail), want);
        assert_null(file);
        if (!strstr(detail.message, word))
            fail_msg("'%s' does not say '%s'", detail.message, word);
    }
}

static void test_split(void **state)
{
    (void)state;
    struct parts p;
    struct gguf *file = NULL;
    struct base_error detail = {0};
    begin_parts(&p);
    for (int copy = 0; copy < 2; copy++) {
        if (gguf_open(p.path[0], copy == 1, &file, &detail))
            fail_msg("%s", detail.message);
        assert_int_equal(gguf_tensor_count(file), 3);
        assert_int_equal(gguf_data_bytes(file), 4 + 8 + 12);
        assert_non_null(gguf_find(file, "general.architecture"));
        for (size_t i = 0; i < 3; i++) {
            const struct gguf_tensor *t =
                gguf_tensor(file, (const char *const[]){"a", "b", "c"}[i]);
            assert_ptr_equal(t, gguf_tensor_at(file, i));
            assert_int_equal(t->dims[0], i + 1);
            assert_true(*(const float *)t->data == (float)(1 + 4 * i));
        }
        gguf_close(file);
        file = NULL;
    }
    put_part(&p, 0, 0, 3, 2, NULL); /* the first may hold keys alone */
    put_part(&p, 1, 1, 3, 2, "b");
    put_part(&p, 2, 2, 3, 2, "c");
    assert_int_equal(gguf_open(p.path[0], false, &file, &detail), BASE_OK);
    assert_int_equal(gguf_tensor_count(file), 2);
    gguf_close(file);
    end_parts(&p);
}

static void test_bad_splits(void **state)
{
    (void)state;
    struct parts p;
    char other[160];
    begin_parts(&p);
    refuse_path(p.path[1], BASE_ERR_BAD_FILE, "is part 2 of 3");
    refuse_path(p.path[2], BASE_ERR_BAD_FILE, p.path[0]); /* says which to name */
    put_part(&p, 1, 2, 3, 3, "b");
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "is part 3 of 3, and must be part 2 of 3");
    put_part(&p, 1, 1, 4, 3, "b");
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "is part 2 of 4, and must be part 2 of 3");
    put_part(&p, 1, 1, 3, 4, "b");
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "different models");
    put_part(&p, 1, 3, 3, 3, "b");
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "split.no is not below");
    put_part(&p, 1, 1, 2000, 3, "b");
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "above 1024");
    put_part(&p, 1, 0, 1, 3, "b"); /* a whole model in the place of a part */
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "is part 1 of 1, and must be part 2 of 3");
    put_part(&p, 1, 1, 3, 3, "a");
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "'a' stands there twice");
    put_part(&p, 1, 1, 3, 3, NULL);
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "have 2 tensors, split.tensors.count is 3");
    put_part(&p, 1, 1, 3, 3, "b");
    put_file(p.path[2], slice_of((const char *)p.file[2].whole, 150)); /* cut short */
    refuse_path(p.path[0], BASE_ERR_BAD_FILE, "00003-of-00003.gguf: not a usable GGUF file");
    assert_int_equal(unlink(p.path[2]), 0);
    refuse_path(p.path[0], BASE_ERR_IO, "part 3 of 3 is missing");
    refuse_path(p.path[0], BASE_ERR_IO, p.path[2]);
    (void)snprintf(other, sizeof(other), "%s/renamed.gguf", p.folder);
    assert_int_equal(rename(p.path[0], other), 0);
    refuse_path(other, BASE_ERR_BAD_FILE, "must end in -00001-of-00003.gguf");
    assert_int_equal(unlink(other), 0);
    end_parts(&p);
}

static void test_split_in_memory(void **state)
{
    (void)state;
    struct tiny_file f;
    good(&f, 3);
    tiny_kv_u32(&f, "split.count", 2);
    refuse(tiny_end(&f), BASE_ERR_BAD_FILE, "'split.no' is needed");
    tiny_done(&f);
    good(&f, 3);
    tiny_kv_u32(&f, "split.count", 2);
    tiny_kv_u32(&f, "split.no", 1);
    tiny_kv_u32(&f, "split.tensors.count", 9);
    refuse(tiny_end(&f), BASE_ERR_UNSUPPORTED, "part 2 of 2");
    tiny_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_good_file),
        cmocka_unit_test(test_typed_reading),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_bad_splits),
        cmocka_unit_test(test_split_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
