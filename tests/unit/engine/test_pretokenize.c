/* The hand-written splitters against the regular expressions they stand for (pretokenize.golden),
 * and against any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/tokenizer/pretokenize.h"
#include "engine/unicode/unicode.h"

static const char *golden_path;

struct words {
    size_t lens[4096], count, total;
    const char *next; /* where the next word must begin */
};

static bool on_word(void *user, struct slice word)
{
    struct words *words = user;
    assert_ptr_equal(word.ptr, words->next);
    assert_true(word.len > 0);
    assert_true(words->count < 4096);
    words->lens[words->count++] = word.len;
    words->next += word.len;
    words->total += word.len;
    return true;
}

static struct words cut(const struct engine_pretokenizer *pre, struct slice text)
{
    struct words words = {.next = text.ptr};
    assert_true(engine_pretokenize(pre, text, on_word, &words));
    assert_int_equal(words.total, text.len);
    return words;
}

static size_t from_hex(const char *hex, char *out)
{
    size_t len = 0;
    unsigned byte;
    if (hex[0] == '-')
        return 0;
    for (; sscanf(hex + len * 2, "%2x", &byte) == 1; len++)
        out[len] = (char)byte;
    return len;
}

static void test_golden(void **state)
{
    (void)state;
    FILE *file = fopen(golden_path, "r");
    assert_non_null(file);
    char name[64], hex[2048], lens[2048];
    int lines = 0;
    while (fscanf(file, "%63s %2047s %2047s", name, hex, lens) == 3) {
        const struct engine_pretokenizer *pre = engine_pretokenizer_find(slice_from_str(name));
        assert_non_null(pre);
        char text[1024];
        size_t len = from_hex(hex, text);
        struct words words = cut(pre, slice_of(text, len));
        const char *want = lens;
        for (size_t i = 0; i < words.count; i++) {
            char *end;
            if (strtoul(want, &end, 10) != words.lens[i])
                fail_msg("%s %s: word %zu has %zu bytes, not %s", name, hex, i, words.lens[i],
                         lens);
            want = *end ? end + 1 : end;
        }
        assert_true(*want == '\0' || len == 0);
        lines++;
    }
    fclose(file);
    assert_true(lines > 1500);
}

static void test_any_bytes_join_again(void **state)
{
    (void)state;
    static const char pool[] =
        "aA1' \n\r\t.,$<|\xc3\xa9\xe4\xb8\xad\xcc\x81\xc2\xa0\xff\x80\xf0\x9f\x99\x82";
    uint32_t seed = 99;
    char text[200];
    for (int round = 0; round < 2000; round++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(text);
        for (size_t i = 0; i < len; i++)
            text[i] = pool[(size_t)rand_r(&seed) % (sizeof(pool) - 1)];
        for (size_t i = 0; engine_pretokenizer_at(i); i++)
            (void)cut(engine_pretokenizer_at(i), slice_of(text, len));
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char *const known[] = {"gpt-2",   "llama-bpe", "llama3",      "qwen2", "smollm",
                                        "default", "gpt-4o",    "deepseek-v3", "tekken"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_non_null(engine_pretokenizer_find(slice_from_str(known[i])));
    assert_null(engine_pretokenizer_find(SLICE("gpt")));
    assert_null(engine_pretokenizer_find(SLICE("")));
    assert_null(engine_pretokenizer_find(SLICE("gpt-2 phi-2")));
}

static void test_unicode(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        enum engine_unicode_class class;
    } cases[] = {
        {'A', ENGINE_UNICODE_UPPER},          {'z', ENGINE_UNICODE_LOWER},
        {'0', ENGINE_UNICODE_NUMBER},         {'\n', ENGINE_UNICODE_SPACE},
        {0x85, ENGINE_UNICODE_SPACE},         {0xa0, ENGINE_UNICODE_SPACE},
        {0x1c, ENGINE_UNICODE_OTHER},         {0x1c5, ENGINE_UNICODE_UPPER},
        {0x301, ENGINE_UNICODE_MARK},         {0x4e2d, ENGINE_UNICODE_LETTER},
        {0x3002, ENGINE_UNICODE_PUNCTUATION}, {0x20ac, ENGINE_UNICODE_SYMBOL},
        {0x1f642, ENGINE_UNICODE_SYMBOL},     {0x10ffff, ENGINE_UNICODE_OTHER},
        {0x110000, ENGINE_UNICODE_OTHER},     {0x2167, ENGINE_UNICODE_NUMBER},
        {0x3000, ENGINE_UNICODE_SPACE},       {'_', ENGINE_UNICODE_PUNCTUATION},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(engine_unicode_class(cases[i].code), cases[i].class);
    for (uint32_t code = 0; code < 0x110000; code += 7) {
        char bytes[4];
        size_t len = engine_unicode_write(code, bytes);
        struct engine_unicode_char c = engine_unicode_at(slice_of(bytes, len), 0);
        assert_int_equal(c.len, len);
        assert_int_equal(c.code, code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
        assert_int_equal(engine_unicode_before(slice_of(bytes, len), len), 0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    golden_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_any_bytes_join_again),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unicode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
