#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/core/clock.h"
#include "base/core/error.h"
#include "base/core/log.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_slices(void **state)
{
    (void)state;
    struct slice s = SLICE("  key: value\r\n");
    assert_slice(slice_trim(s), "key: value");
    assert_slice(slice_trim(SLICE(" \t ")), "");
    assert_int_equal(slice_find(s, SLICE(":")), 5);
    assert_int_equal(slice_find(s, SLICE("")), 0);
    assert_true(slice_find(s, SLICE("nothing")) == SIZE_MAX);
    assert_true(slice_find(SLICE(""), SLICE("x")) == SIZE_MAX);
    assert_slice(slice_sub(s, 2, 3), "key");
    assert_slice(slice_sub(s, 12, SIZE_MAX), "\r\n");
    assert_slice(slice_sub(s, 99, 1), "");
    assert_true(slice_is_absent(slice_sub(SLICE_NONE, 1, 1)));
    assert_true(slice_starts_with(s, SLICE("  k")));
    assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
    assert_true(slice_ends_with(s, SLICE("\n")));
    assert_true(slice_eq_nocase(SLICE("Content-Type"), SLICE("content-type")));
    assert_false(slice_eq_nocase(SLICE("[a"), SLICE("{a"))); /* 0x20 apart, but no letters */
    assert_true(slice_eq(SLICE_NONE, SLICE("")));
    assert_false(slice_is_absent(SLICE("")));
    assert_true(slice_cmp(SLICE("a"), SLICE("b")) < 0);
    assert_true(slice_cmp(SLICE("ab"), SLICE("a")) > 0);
    assert_int_equal(slice_cmp(SLICE("a\0b"), SLICE("a\0b")), 0);
    assert_true(slice_cmp(SLICE("\xff"), SLICE("a")) > 0);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"42", 42},
                {"007", 7},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "a",
                                      "9223372036854775808",
                                      "--1",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t value = -1;
        assert_true(slice_to_i64(slice_from_str(good[i].text), &value));
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t value = 5;
        if (slice_to_i64(slice_from_str(bad[i]), &value))
            fail_msg("accepted %s", bad[i]);
        assert_int_equal(value, 5);
    }
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"-1.5", -1.5},
                {"1e3", 1000},
                {"1E+2", 100},
                {"0.1", 0.1},
                {"1e-400", 0},
                {"1.7976931348623157e308", 1.7976931348623157e308},
                {"5e-324", 5e-324},
                {"123456789012345678901234567890", 123456789012345678901234567890.0}};
    static const char *const bad[] = {"",    "-",    "+1",  ".5",       "1.",  "01",    "1e",
                                      "1e+", "0x10", "nan", "Infinity", "1,5", "1e400", "-1e400",
                                      " 1",  "1 ",   "1_0", "1e5.5",    "--1"};
    for (size_t i = 0; i < COUNT(good); i++) {
        double value = -1;
        assert_true(slice_to_double(slice_from_str(good[i].text), &value));
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        double value = 5;
        if (slice_to_double(slice_from_str(bad[i]), &value))
            fail_msg("accepted %s", bad[i]);
        assert_true(value == 5);
    }
    double value = 5;
    assert_false(slice_to_double(SLICE("1\0"), &value));
    assert_true(slice_to_double(slice_of("123", 2), &value)); /* never past the end */
    assert_true(value == 12);
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        uint32_t value;
    } good[] = {{"a", 1, 'a'},
                {"\x7f", 1, 0x7f},
                {"\xc2\x80", 2, 0x80},
                {"\xdf\xbf", 2, 0x7ff},
                {"\xe0\xa0\x80", 3, 0x800},
                {"\xed\x9f\xbf", 3, 0xd7ff},
                {"\xee\x80\x80", 3, 0xe000},
                {"\xef\xbf\xbf", 3, 0xffff},
                {"\xf0\x90\x80\x80", 4, 0x10000},
                {"\xf4\x8f\xbf\xbf", 4, 0x10ffff}};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2"
                                      "a",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe1\x80",
                                      "\xe1\x80"
                                      "a",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xff",
                                      "\xfe",
                                      "\xf0\x90\x80"};
    for (size_t i = 0; i < COUNT(good); i++) {
        uint32_t value = 0;
        struct slice s = slice_from_str(good[i].text);
        assert_true(slice_is_utf8(s));
        assert_int_equal(slice_utf8_char(s, &value), good[i].len);
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[40]; /* at each place of a word, so that the fast path is left everywhere */
        for (size_t at = 0; at < 17; at++) {
            memset(text, 'x', sizeof(text));
            memcpy(text + at, bad[i], strlen(bad[i]));
            assert_false(slice_is_utf8(slice_of(text, at + strlen(bad[i]))));
            assert_false(slice_is_utf8(slice_of(text, sizeof(text))));
        }
        assert_int_equal(slice_utf8_char(slice_from_str(bad[i]), NULL), 0);
    }
    assert_true(slice_is_utf8(SLICE_NONE));
    assert_int_equal(slice_utf8_char(SLICE(""), NULL), 0);
}

static void test_buffer(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 10);
    assert_slice(buffer_slice(&out), "");
    assert_int_equal(buffer_add_str(&out, "12345"), BASE_OK);
    buffer_consume(&out, 3);
    assert_slice(buffer_slice(&out), "45");
    assert_int_equal(buffer_addf(&out, "%s", "6789abc"), BASE_OK);
    assert_slice(buffer_slice(&out), "456789abc");
    assert_int_equal(buffer_add_str(&out, "de"), BASE_ERR_LIMIT);
    assert_slice(buffer_slice(&out), "456789abc");
    assert_int_equal(buffer_add_char(&out, 'd'), BASE_ERR_LIMIT); /* remembered */
    buffer_clear(&out);
    assert_int_equal(buffer_add_char(&out, 'd'), BASE_OK);
    buffer_truncate(&out, 5);
    assert_int_equal(buffer_len(&out), 1);
    buffer_truncate(&out, 0);
    assert_int_equal(buffer_len(&out), 0);
    buffer_consume(&out, 99);
    buffer_done(&out);
    assert_int_equal(buffer_add_str(&out, "0123456789"), BASE_OK); /* as new */
    buffer_done(&out);
}

/* Exactly the maximum fits, whichever way it is written. */
static void test_buffer_is_full_to_the_brim(void **state)
{
    (void)state;
    for (size_t max = 1; max < 600; max += 37) {
        struct buffer out;
        buffer_init(&out, max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(buffer_add_char(&out, 'x'), BASE_OK);
        assert_int_equal(buffer_add_char(&out, 'x'), BASE_ERR_LIMIT);
        buffer_clear(&out);
        char *text = malloc(max + 1);
        assert_non_null(text);
        memset(text, 'y', max);
        text[max] = '\0';
        assert_int_equal(buffer_addf(&out, "%s", text), BASE_OK);
        assert_int_equal(buffer_len(&out), max);
        free(text);
        buffer_done(&out);
    }
}

static void test_buffer_slides(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1000);
    unsigned in = 0, back = 0;
    for (int round = 0; round < 5000; round++) {
        for (int i = 0; i < round % 7; i++)
            assert_int_equal(buffer_add_char(&out, (char)('a' + in++ % 26)), BASE_OK);
        for (int i = 0; i < (round * 3) % 7 && buffer_len(&out); i++) {
            assert_int_equal(buffer_slice(&out).ptr[0], 'a' + back++ % 26);
            buffer_consume(&out, 1);
        }
        if (buffer_len(&out) > 900) {
            back += (unsigned)buffer_len(&out);
            buffer_consume(&out, 1000);
        }
    }
    assert_true(back > 10000);
    buffer_done(&out);
}

static void test_arena(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    assert_non_null(arena);
    char *last = NULL;
    for (size_t size = 0; size < 3000; size += 7) {
        char *p = arena_alloc(arena, size);
        assert_non_null(p);
        assert_ptr_not_equal(p, last);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 1, size);
        last = p;
    }
    assert_string_equal(arena_strdup(arena, slice_of("abcdef", 3)), "abc");
    assert_slice(arena_dup(arena, SLICE("")), "");
    assert_true(slice_is_absent(arena_dup(arena, SLICE_NONE)));
    assert_slice(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    int *zeros = arena_calloc(arena, 1000, sizeof(int));
    assert_non_null(zeros);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(zeros[i], 0);
    assert_null(arena_calloc(arena, SIZE_MAX / 2, 3));
    assert_null(arena_alloc(arena, SIZE_MAX));
    arena_free(arena);
    arena_free(NULL);
}

static void test_arena_limit(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1000);
    assert_non_null(arena);
    assert_non_null(arena_alloc(arena, 600));
    assert_null(arena_alloc(arena, 401));
    assert_non_null(arena_alloc(arena, 400));
    assert_int_equal(arena_used(arena), 1000);
    assert_null(arena_alloc(arena, 1));
    arena_free(arena);
}

static void test_arena_grow(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    int *items = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(arena_grow(arena, (void **)&items, (size_t)i, &capacity, sizeof(*items)));
        items[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    assert_false(arena_grow(arena, (void **)&items, capacity, &capacity, 1 << 20));
    assert_int_equal(items[999], 999);
    arena_free(arena);
}

static void test_error_text_is_harmless(void **state)
{
    (void)state;
    struct base_error error;
    assert_int_equal(
        base_error_set_param(&error, BASE_ERR_BAD_VALUE, "a\nb", "x%sy", "\r\n\x1b[2J\x7f"),
        BASE_ERR_BAD_VALUE);
    assert_string_equal(error.message, "x???[2J?y");
    assert_string_equal(error.param, "a?b");
    assert_int_equal(error.code, BASE_ERR_BAD_VALUE);
    assert_int_equal(base_error_set(NULL, BASE_ERR_IO, "x"), BASE_ERR_IO);
    /* Cut in the middle of a character: still UTF-8. */
    for (size_t pad = 0; pad < 4; pad++) {
        char text[700];
        memset(text, 'a', pad);
        for (size_t i = pad; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe4\xb8\xad", 4);
        base_error_set(&error, BASE_ERR_IO, "%s", text);
        assert_true(slice_is_utf8(slice_from_str(error.message)));
        assert_true(strlen(error.message) > sizeof(error.message) - 5);
    }
    base_error_set(&error, BASE_ERR_IO, "bad \xff\xff bytes");
    assert_string_equal(error.message, "bad ?? bytes");
}

static void test_error_facts(void **state)
{
    (void)state;
    for (int i = 1; i < BASE_ERR_COUNT; i++) {
        const struct base_err_info *info = base_err_info((enum base_err)i);
        assert_non_null(info->name);
        assert_true(info->http_status >= 200 && info->http_status < 600);
    }
    assert_int_equal(base_err_info(BASE_ERR_POLICY_VIOLATION)->http_status, 403);
    assert_string_equal(base_err_info((enum base_err)9999)->name, "INTERNAL");
    assert_string_equal(base_err_info((enum base_err) - 1)->name, "INTERNAL");
}

/* What one log_write() puts into a pipe. */
static struct slice logged(char *text, size_t size, const char *message, const struct log_field *f)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    log_setup(LOG_INFO, fds[1]);
    log_write(LOG_WARN, message, f);
    log_write(LOG_DEBUG, "not wanted", f);
    close(fds[1]);
    ssize_t len = read(fds[0], text, size);
    close(fds[0]);
    log_setup(LOG_INFO, 2);
    assert_true(len > 0);
    return slice_of(text, (size_t)len);
}

static void test_log_cannot_be_forged(void **state)
{
    (void)state;
    static char text[1 << 16];
    const struct log_field fields[] = {
        LOG_STR("path", "a\nb\"\\\x1b\x7f"),
        LOG_SLICE("bidi", SLICE("\xe2\x80\xae"
                                "x\xe2\x80\xa8\xc2\x85\xef\xbb\xbf")),
        LOG_SLICE("bad", SLICE("\xff\xed\xa0\x80\0z")),
        LOG_INT("n", -5),
        LOG_SLICE("none", SLICE_NONE),
        LOG_STR("word", "caf\xc3\xa9"),
        LOG_END};
    struct slice line = logged(text, sizeof(text), "hello", fields);
    struct slice rest = slice_sub(line, slice_find(line, SLICE("\"level\"")), SIZE_MAX);
    assert_slice(
        rest, "\"level\":\"warn\",\"msg\":\"hello\",\"path\":\"a\\u000ab\\\"\\\\\\u001b\\u007f\","
              "\"bidi\":\"\\u202ex\\u2028\\u0085\\ufeff\",\"bad\":\"\\ufffd\\ufffd\\ufffd"
              "\\ufffd\\u0000z\",\"n\":-5,\"none\":null,\"word\":\"caf\xc3\xa9\"}\n");
    assert_int_equal(slice_find(line, SLICE("\n")), line.len - 1);
}

static void test_log_lines_are_bounded(void **state)
{
    (void)state;
    static char text[1 << 17], value[4000];
    memset(value, '\x01', sizeof(value));
    struct log_field fields[40];
    for (size_t i = 0; i < 39; i++)
        fields[i] = LOG_SLICE("key", slice_of(value, sizeof(value)));
    fields[39] = LOG_END;
    struct slice line = logged(text, sizeof(text), "m", fields);
    assert_true(line.len <= 16 * 1024);
    assert_true(slice_ends_with(line, SLICE("...\"}\n"))); /* whole fields only */
    assert_int_equal(slice_find(line, SLICE("not wanted")), SIZE_MAX);
}

static void test_clock(void **state)
{
    (void)state;
    char text[25];
    clock_format_utc(1769903999123456789, text);
    assert_string_equal(text, "2026-01-31T23:59:59.123Z");
    clock_format_utc(-5, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    int64_t before = clock_mono_ns(clock_system());
    assert_true(clock_mono_ns(clock_system()) >= before);
    assert_true(clock_wall_ns(clock_system()) > 1700000000000000000);
}

static void test_ascii_len(void **state)
{
    (void)state;
    char text[40];
    for (size_t len = 0; len <= sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        assert_int_equal(slice_ascii_len(slice_of(text, len)), len);
        for (size_t at = 0; at < sizeof(text); at++) {
            text[at] = (char)(0x80 + at);
            assert_int_equal(slice_ascii_len(slice_of(text, len)), at < len ? at : len);
            text[at] = 0x7f;
        }
    }
}

static void test_log_limit(void **state)
{
    (void)state;
    static struct log_limit limit;
    const int64_t minute = (int64_t)LOG_LIMIT_MS * 1000000, begin = 12345;
    for (int round = 0; round < 3; round++) {
        unsigned written = 0;
        for (int i = 0; i < 1000; i++)
            written += log_limit_take(&limit, begin + round * minute + i);
        assert_int_equal(written, LOG_LIMIT_LINES);
        assert_int_equal(log_limit_left_out(&limit), 1000 - LOG_LIMIT_LINES);
        assert_int_equal(log_limit_left_out(&limit), 0);
    }
    assert_true(log_limit_take(&limit, begin + 9 * minute));
}

struct turned {
    int64_t mono, wall;
};

static int64_t turned_mono(void *self)
{
    return ((struct turned *)self)->mono;
}

static int64_t turned_wall(void *self)
{
    return ((struct turned *)self)->wall;
}

static void test_a_date_is_not_turned(void **state)
{
    (void)state;
    struct turned now = {.mono = 50, .wall = 1000};
    const struct clock clock = {turned_mono, turned_wall, &now};
    struct clock_date from = clock_date_from(&clock);
    assert_int_equal(clock_date_ns(&clock, &from), 1000);
    now.wall = -7000000000000;
    now.mono = 57;
    assert_int_equal(clock_date_ns(&clock, &from), 1007);
    now.wall = 7000000000000;
    assert_int_equal(clock_date_ns(&clock, &from), 1007);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_buffer_is_full_to_the_brim),
        cmocka_unit_test(test_buffer_slides),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_arena_grow),
        cmocka_unit_test(test_error_text_is_harmless),
        cmocka_unit_test(test_error_facts),
        cmocka_unit_test(test_log_cannot_be_forged),
        cmocka_unit_test(test_log_lines_are_bounded),
        cmocka_unit_test(test_ascii_len),
        cmocka_unit_test(test_log_limit),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_a_date_is_not_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
