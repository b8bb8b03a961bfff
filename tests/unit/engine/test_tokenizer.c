/* The tokenizer against a naive one written here: rescans all pairs after each merge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/core/arena.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/unicode/unicode.h"

enum { TOKENS_MAX = 2000 };

/* A vocabulary under construction. */
struct made {
    struct arena *arena;
    struct engine_vocab vocab;
    struct slice texts[TOKENS_MAX];
    uint8_t types[TOKENS_MAX];
    float scores[TOKENS_MAX];
    struct slice merges[TOKENS_MAX];
    struct slice raw[TOKENS_MAX];                 /* bytes of each token */
    uint32_t left[TOKENS_MAX], right[TOKENS_MAX]; /* of each merge */
};

static struct made made;

static struct slice gpt2_text(struct slice raw)
{
    char *out = arena_alloc(made.arena, raw.len * 2 + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        uint32_t b = (unsigned char)raw.ptr[i], code = b;
        bool plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (!plain) { /* counts the bytes before it that are not plain either */
            uint32_t n = 0;
            for (uint32_t k = 0; k < b; k++)
                n += !((k >= 33 && k <= 126) || (k >= 161 && k <= 172) || k >= 174);
            code = 256 + n;
        }
        len += engine_unicode_write(code, out + len);
    }
    return slice_of(out, len);
}

static uint32_t add_token(struct slice text, struct slice raw, uint8_t type)
{
    uint32_t id = made.vocab.token_count++;
    assert_true(id < TOKENS_MAX);
    made.texts[id] = text;
    made.raw[id] = raw;
    made.types[id] = type;
    return id;
}

static uint32_t add_special(const char *text, uint8_t type)
{
    return add_token(slice_from_str(text), slice_from_str(text), type);
}

static void add_merge(uint32_t left, uint32_t right)
{
    struct slice raw = arena_printf(made.arena, "%s", "");
    char *joined = arena_alloc(made.arena, made.raw[left].len + made.raw[right].len);
    memcpy(joined, made.raw[left].ptr, made.raw[left].len);
    memcpy(joined + made.raw[left].len, made.raw[right].ptr, made.raw[right].len);
    raw = slice_of(joined, made.raw[left].len + made.raw[right].len);
    for (uint32_t i = 0; i < made.vocab.token_count; i++)
        if (slice_eq(made.raw[i], raw))
            return; /* there by another way already */
    uint32_t rank = made.vocab.merge_count++;
    made.left[rank] = left;
    made.right[rank] = right;
    struct slice a = gpt2_text(made.raw[left]), b = gpt2_text(made.raw[right]);
    made.merges[rank] = arena_printf(made.arena, "%.*s %.*s", SLICE_ARG(a), SLICE_ARG(b));
    add_token(gpt2_text(raw), raw, ENGINE_TOKEN_NORMAL);
}

static void begin(const char *model, const char *pre)
{
    arena_free(made.arena);
    memset(&made, 0, sizeof(made));
    made.arena = arena_new(64 << 20);
    made.vocab.model = slice_from_str(model);
    made.vocab.pre = slice_from_str(pre);
    made.vocab.texts = made.texts;
    made.vocab.types = made.types;
    made.vocab.merges = made.merges;
    for (int i = 0; i < ENGINE_SPECIAL_COUNT; i++)
        made.vocab.special[i] = -1;
}

static void begin_bpe(const char *pre)
{
    begin("gpt2", pre);
    for (int i = 0; i < 256; i++) {
        char *byte = arena_alloc(made.arena, 1);
        *byte = (char)i;
        add_token(gpt2_text(slice_of(byte, 1)), slice_of(byte, 1), ENGINE_TOKEN_NORMAL);
    }
}

static struct engine_tokenizer *finish(void)
{
    struct engine_tokenizer *tok;
    struct base_error detail = {0};
    if (engine_tokenizer_from_vocab(&made.vocab, &tok, &detail))
        fail_msg("%s", detail.message);
    return tok;
}

static struct engine_tokens encode(const struct engine_tokenizer *tok, struct slice text,
                                   bool parse_special)
{
    struct engine_tokens tokens = {0};
    struct base_error detail;
    assert_int_equal(engine_tokenize(tok, text, false, parse_special, &tokens, &detail), BASE_OK);
    return tokens;
}

static void expect(const struct engine_tokens *tokens, const uint32_t *want, size_t count)
{
    assert_int_equal(tokens->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tokens->items[i], want[i]);
}

/* --- The naive way --- */

struct naive {
    uint32_t tokens[4096];
    size_t count;
};

static bool naive_word(void *user, struct slice word)
{
    struct naive *naive = user;
    uint32_t *at = naive->tokens + naive->count;
    size_t count = word.len;
    for (size_t i = 0; i < count; i++)
        at[i] = (unsigned char)word.ptr[i];
    for (;;) {
        uint32_t best = UINT32_MAX;
        size_t where = 0;
        for (size_t i = 0; i + 1 < count; i++)
            for (uint32_t rank = 0; rank < made.vocab.merge_count && rank < best; rank++)
                if (made.left[rank] == at[i] && made.right[rank] == at[i + 1]) {
                    best = rank;
                    where = i;
                }
        if (best == UINT32_MAX)
            break;
        at[where] = 256 + best; /* results stand behind the bytes in the order of their ranks */
        memmove(at + where + 1, at + where + 2, (count - where - 2) * sizeof(*at));
        count--;
    }
    naive->count += count;
    return true;
}

static void test_against_the_naive_way(void **state)
{
    (void)state;
    static const char *const pres[] = {"gpt-2", "qwen2", "smollm", "default", "dbrx"};
    static const char pool[] = "aabbcdeE '1\n.\xc3\xa9\xe4\xb8\xad\xff\x80";
    uint32_t seed = 4711;
    for (size_t p = 0; p < sizeof(pres) / sizeof(pres[0]); p++) {
        begin_bpe(pres[p]);
        for (int i = 0; i < 400; i++) {
            uint32_t pick[2];
            for (int k = 0; k < 2; k++)
                pick[k] = rand_r(&seed) % 3 == 0 && made.vocab.token_count > 256
                              ? 256 + (uint32_t)rand_r(&seed) % (made.vocab.token_count - 256)
                              : (unsigned char)pool[(size_t)rand_r(&seed) % (sizeof(pool) - 1)];
            if (made.raw[pick[0]].len + made.raw[pick[1]].len < 16)
                add_merge(pick[0], pick[1]);
        }
        struct engine_tokenizer *tok = finish();
        for (int round = 0; round < 400; round++) {
            char text[120];
            size_t len = (size_t)rand_r(&seed) % sizeof(text);
            for (size_t i = 0; i < len; i++)
                text[i] = round % 4 == 0 ? (char)rand_r(&seed)
                                         : pool[(size_t)rand_r(&seed) % (sizeof(pool) - 1)];
            static struct naive naive;
            naive.count = 0;
            engine_pretokenize(tok->pre, slice_of(text, len), naive_word, &naive);
            struct engine_tokens tokens = encode(tok, slice_of(text, len), round % 2 == 0);
            expect(&tokens, naive.tokens, naive.count);
            struct buffer back;
            buffer_init(&back, 1000);
            assert_int_equal(engine_detokenize(tok, tokens.items, tokens.count, false, &back),
                             BASE_OK);
            assert_int_equal(buffer_len(&back), len);
            assert_memory_equal(buffer_slice(&back).ptr, text, len);
            buffer_done(&back);
            engine_tokens_done(&tokens);
        }
        engine_tokenizer_free(tok);
    }
}

static void test_ignore_merges(void **state)
{
    (void)state;
    begin_bpe("llama-bpe");
    uint32_t whole = add_token(SLICE("abc"), SLICE("abc"), ENGINE_TOKEN_NORMAL);
    struct engine_tokenizer *tok = finish();
    struct engine_tokens tokens = encode(tok, SLICE("abc"), false);
    expect(&tokens, &whole, 1);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

static void test_long_word_is_not_quadratic(void **state)
{
    (void)state;
    begin_bpe("gpt-2");
    uint32_t token = 'a';
    for (int i = 0; i < 10; i++) {
        add_merge(token, token);
        token = made.vocab.token_count - 1;
    }
    struct engine_tokenizer *tok = finish();
    size_t len = 1 << 19;
    char *text = malloc(len + 3);
    assert_non_null(text);
    memset(text, 'a', len + 3);
    struct engine_tokens tokens = encode(tok, slice_of(text, len + 3), false);
    assert_int_equal(tokens.count, (len >> 10) + 2); /* 1024 each, then 2 and 1 */
    assert_int_equal(tokens.items[0], token);
    engine_tokens_done(&tokens);
    free(text);
    engine_tokenizer_free(tok);
}

static void test_special_tokens(void **state)
{
    (void)state;
    begin_bpe("qwen2");
    uint32_t start = add_special("<|im_start|>", ENGINE_TOKEN_CONTROL);
    uint32_t end = add_special("<|im_end|>", ENGINE_TOKEN_CONTROL);
    uint32_t longer = add_special("<|im_end|>>", ENGINE_TOKEN_CONTROL);
    uint32_t tool = add_special("<tool>", ENGINE_TOKEN_USER_DEFINED);
    uint32_t blank = add_special("\n\n", ENGINE_TOKEN_USER_DEFINED);
    /* Whole words and merges may not give a control token either. */
    made.merges[made.vocab.merge_count++] = SLICE("< |im_end|>");
    add_token(SLICE("|im_end|>"), SLICE("|im_end|>"), ENGINE_TOKEN_NORMAL);
    struct engine_tokenizer *tok = finish();

    struct engine_tokens tokens =
        encode(tok, SLICE("<|im_start|>a<tool><|im_end|>>b<|im_end|>"), true);
    const uint32_t want[] = {start, 'a', tool, longer, 'b', end};
    expect(&tokens, want, 6);
    assert_true(engine_token_is_end(tok, end));
    assert_false(engine_token_is_end(tok, start));
    struct buffer text;
    buffer_init(&text, 100);
    assert_int_equal(engine_detokenize(tok, tokens.items, tokens.count, false, &text), BASE_OK);
    assert_true(slice_eq(buffer_slice(&text), SLICE("a<tool>b")));
    buffer_clear(&text);
    assert_int_equal(engine_detokenize(tok, tokens.items, 1, true, &text), BASE_OK);
    assert_true(slice_eq(buffer_slice(&text), SLICE("<|im_start|>")));
    buffer_done(&text);
    engine_tokens_done(&tokens);

    tokens = encode(tok, SLICE("<|im_end|><tool>"), false);
    for (size_t i = 0; i < tokens.count; i++)
        assert_true(tokens.items[i] < 256);
    engine_tokens_done(&tokens);
    tokens = encode(tok, SLICE("x\n\n"), false); /* white space is vocabulary, not markup */
    const uint32_t with_blank[] = {'x', blank};
    expect(&tokens, with_blank, 2);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

/* What stands in a message may not become special, nor complete what the template began. */
static void test_rendered_text(void **state)
{
    (void)state;
    begin_bpe("qwen2");
    uint32_t bos = add_special("<s>", ENGINE_TOKEN_CONTROL);
    uint32_t end = add_special("<end>", ENGINE_TOKEN_CONTROL);
    made.vocab.special[ENGINE_SPECIAL_BOS] = (int32_t)bos;
    made.vocab.add_bos = ENGINE_FLAG_YES;
    add_merge('\n', '\n');
    uint32_t two_lines = made.vocab.token_count - 1;
    struct engine_tokenizer *tok = finish();
    struct engine_tokens tokens = {0};
    /* "<s>" from the template; "<end>" from a message; "<en" template + "d>" message;
     * "<e" + "nd>" in two literal runs; "\n" + "\n" meet over the border. */
    struct slice text = SLICE("<s><end><end><end>\n\n");
    const struct engine_run runs[] = {{3, true},  {8, false}, {11, true}, {13, false},
                                      {15, true}, {18, true}, {19, true}, {20, false}};
    assert_int_equal(engine_tokenize_rendered(tok, text, runs, 8, &tokens, NULL), BASE_OK);
    const uint32_t want[] = {bos, '<', 'e', 'n', 'd', '>', '<', 'e', 'n', 'd', '>', end, two_lines};
    expect(&tokens, want, 13);
    engine_tokens_done(&tokens);
    const struct engine_run user = {1, false};
    assert_int_equal(engine_tokenize_rendered(tok, SLICE("x"), &user, 1, &tokens, NULL), BASE_OK);
    const uint32_t added[] = {bos, 'x'};
    expect(&tokens, added, 2);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

static void test_start_and_end(void **state)
{
    (void)state;
    begin_bpe("gpt-2");
    uint32_t bos = add_special("<s>", ENGINE_TOKEN_CONTROL), eos = add_special("</s>", 3);
    made.vocab.special[ENGINE_SPECIAL_BOS] = (int32_t)bos;
    made.vocab.special[ENGINE_SPECIAL_EOS] = (int32_t)eos;
    made.vocab.add_bos = made.vocab.add_eos = ENGINE_FLAG_YES;
    struct engine_tokenizer *tok = finish();
    struct engine_tokens tokens = {0};
    assert_int_equal(engine_tokenize(tok, SLICE("a"), true, false, &tokens, NULL), BASE_OK);
    const uint32_t want[] = {bos, 'a', eos};
    expect(&tokens, want, 3);
    engine_tokens_done(&tokens);
    tokens = encode(tok, SLICE(""), false);
    assert_int_equal(tokens.count, 0);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

static void test_missing_bytes(void **state)
{
    (void)state;
    begin("gpt2", "gpt-2");
    add_token(SLICE("a"), SLICE("a"), ENGINE_TOKEN_NORMAL);
    struct engine_tokenizer *tok = finish();
    struct engine_tokens tokens = {0};
    struct base_error detail;
    assert_int_equal(engine_tokenize(tok, SLICE("ab"), false, false, &tokens, &detail),
                     BASE_ERR_BAD_VALUE);
    assert_int_equal(tokens.count, 0);
    engine_tokenizer_free(tok);
    made.vocab.special[ENGINE_SPECIAL_UNKNOWN] =
        (int32_t)add_special("<unk>", ENGINE_TOKEN_UNKNOWN);
    tok = finish();
    assert_int_equal(engine_tokenize(tok, SLICE("ab"), false, false, &tokens, &detail), BASE_OK);
    const uint32_t want[] = {0, 1};
    expect(&tokens, want, 2);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

/* --- SPM --- */

static uint32_t add_scored(const char *text, float score, uint8_t type)
{
    uint32_t id = add_special(text, type);
    made.scores[id] = score;
    return id;
}

static void test_spm(void **state)
{
    (void)state;
    begin("llama", "");
    made.vocab.scores = made.scores;
    uint32_t unk = add_scored("<unk>", 0, ENGINE_TOKEN_UNKNOWN);
    uint32_t bos = add_scored("<s>", 0, ENGINE_TOKEN_CONTROL);
    uint32_t first_byte = made.vocab.token_count;
    for (int i = 0; i < 256; i++) {
        struct slice text = arena_printf(made.arena, "<0x%02X>", (unsigned)i);
        add_scored(text.ptr, 0, ENGINE_TOKEN_BYTE);
    }
    uint32_t space = add_scored("\xe2\x96\x81", -10, ENGINE_TOKEN_NORMAL);
    add_scored("a", -11, ENGINE_TOKEN_NORMAL);
    uint32_t b = add_scored("b", -12, ENGINE_TOKEN_NORMAL);
    uint32_t ab = add_scored("ab", -3, ENGINE_TOKEN_NORMAL);
    uint32_t space_a = add_scored("\xe2\x96\x81"
                                  "a",
                                  -2, ENGINE_TOKEN_NORMAL);
    made.vocab.special[ENGINE_SPECIAL_BOS] = (int32_t)bos;
    made.vocab.special[ENGINE_SPECIAL_UNKNOWN] = (int32_t)unk;
    struct engine_tokenizer *tok = finish();
    struct engine_tokens tokens = {0};
    assert_int_equal(engine_tokenize(tok, SLICE("abab \xc3\xa9"), true, false, &tokens, NULL),
                     BASE_OK);
    /* The prefix makes " abab"; " a" scores best, then "ab". */
    const uint32_t want[] = {bos, space_a, b, ab, space, first_byte + 0xc3, first_byte + 0xa9};
    expect(&tokens, want, 7);
    struct buffer text;
    buffer_init(&text, 100);
    assert_int_equal(engine_detokenize(tok, tokens.items, tokens.count, false, &text), BASE_OK);
    assert_true(slice_eq(buffer_slice(&text), SLICE(" abab \xc3\xa9")));
    buffer_done(&text);
    engine_tokens_done(&tokens);
    tokens = encode(tok, SLICE("<s>b"), true); /* after a special token the prefix comes again */
    const uint32_t again[] = {bos, space, b};
    expect(&tokens, again, 3);
    engine_tokens_done(&tokens);
    tokens = encode(tok, SLICE("<0x41>"), true); /* not a way to write bytes */
    for (size_t i = 1; i < tokens.count; i++)
        assert_true(tokens.items[i] >= first_byte);
    assert_true(tokens.count == 7);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

/* --- Bad files --- */

static void refuse(enum base_err want, const char *word)
{
    struct engine_tokenizer *tok = NULL;
    struct base_error detail = {0};
    assert_int_equal(engine_tokenizer_from_vocab(&made.vocab, &tok, &detail), want);
    assert_non_null(strstr(detail.message, word));
    assert_null(tok);
}

static void test_bad_vocabularies(void **state)
{
    (void)state;
    begin_bpe("quite-new");
    refuse(BASE_ERR_UNSUPPORTED, "quite-new");
    refuse(BASE_ERR_UNSUPPORTED, "llama-bpe"); /* names the known ones */
    begin("plamo2", "");
    add_special("a", ENGINE_TOKEN_NORMAL);
    refuse(BASE_ERR_UNSUPPORTED, "plamo2");
    begin("gpt2", "gpt-2");
    refuse(BASE_ERR_UNSUPPORTED, "no vocabulary");
    begin("llama", "");
    add_special("a", ENGINE_TOKEN_NORMAL);
    refuse(BASE_ERR_BAD_FILE, "scores");
    made.scores[0] = (float)strtod("nan", NULL);
    made.vocab.scores = made.scores;
    refuse(BASE_ERR_BAD_FILE, "scores[0]");
    static const char *const bad[] = {"ab", "", " ", "a", "a "};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin_bpe("gpt-2");
        made.merges[made.vocab.merge_count++] = slice_from_str(bad[i]);
        refuse(BASE_ERR_BAD_FILE, "merges[0]");
    }
}

static int done(void **state)
{
    (void)state;
    arena_free(made.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_naive_way),
        cmocka_unit_test(test_ignore_merges),
        cmocka_unit_test(test_long_word_is_not_quadratic),
        cmocka_unit_test(test_special_tokens),
        cmocka_unit_test(test_rendered_text),
        cmocka_unit_test(test_start_and_end),
        cmocka_unit_test(test_missing_bytes),
        cmocka_unit_test(test_spm),
        cmocka_unit_test(test_bad_vocabularies),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
