/* WordPiece, unigram, BPE on characters, and which tokens are special; vocabularies made by hand,
 * the unigram cut also against all cuts there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/tokenizer/tokenizer.h"
#include "engine/unicode/unicode.h"

enum { TOKENS_MAX = 400 };

static struct slice texts[TOKENS_MAX], merges[16];
static uint8_t types[TOKENS_MAX];
static float scores[TOKENS_MAX];
static char byte_names[256][8];
static struct engine_vocab vocab;

static void begin(const char *model, const char *pre)
{
    memset(&vocab, 0, sizeof(vocab));
    vocab.model = slice_from_str(model);
    vocab.pre = pre ? slice_from_str(pre) : SLICE_NONE;
    vocab.texts = texts;
    vocab.types = types;
    vocab.scores = scores;
    vocab.merges = merges;
    for (int i = 0; i < ENGINE_SPECIAL_COUNT; i++)
        vocab.special[i] = -1;
}

static uint32_t add(const char *text, uint8_t type, float score)
{
    uint32_t id = vocab.token_count++;
    assert_true(id < TOKENS_MAX);
    texts[id] = slice_from_str(text);
    types[id] = type;
    scores[id] = score;
    return id;
}

static uint32_t word(const char *text)
{
    return add(text, ENGINE_TOKEN_NORMAL, 0);
}

static struct engine_tokenizer *finish(void)
{
    struct engine_tokenizer *tok;
    struct base_error detail = {0};
    if (engine_tokenizer_from_vocab(&vocab, &tok, &detail))
        fail_msg("%s", detail.message);
    return tok;
}

static void expect(const struct engine_tokenizer *tok, const char *text, bool special,
                   const uint32_t *want, size_t count)
{
    struct engine_tokens tokens = {0};
    struct base_error detail = {0};
    if (engine_tokenize(tok, slice_from_str(text), special, true, &tokens, &detail))
        fail_msg("%s: %s", text, detail.message);
    for (size_t i = 0; i < tokens.count && i < count; i++)
        if (tokens.items[i] != want[i])
            fail_msg("%s: token %zu is %u, not %u", text, i, tokens.items[i], want[i]);
    if (tokens.count != count)
        fail_msg("%s: %zu tokens, not %zu", text, tokens.count, count);
    engine_tokens_done(&tokens);
}
#define EXPECT(tok, text, special, ...)                                                            \
    expect(tok, text, special, (const uint32_t[]){__VA_ARGS__},                                    \
           sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

#define SP "\xe2\x96\x81"

/* --- WordPiece --- */

static void test_wpm(void **state)
{
    (void)state;
    begin("bert", NULL);
    uint32_t unk = add("[UNK]", ENGINE_TOKEN_UNKNOWN, 0), cls = add("[CLS]", 3, 0);
    uint32_t sep = add("[SEP]", 3, 0), un = word(SP "un"), aff = word("aff"), able = word("able");
    uint32_t cafe = word(SP "cafe"), bang = word(SP "!"), a = word(SP "a"), b = word(SP "b");
    uint32_t zhong = word(SP "\xe4\xb8\xad"), ga = word(SP "\xe1\x84\x80\xe1\x85\xa1");
    vocab.special[ENGINE_SPECIAL_UNKNOWN] = (int32_t)unk;
    vocab.special[ENGINE_SPECIAL_CLS] = (int32_t)cls;
    vocab.special[ENGINE_SPECIAL_SEPARATOR] = (int32_t)sep;
    struct engine_tokenizer *tok = finish();
    EXPECT(tok, "unaffable", true, cls, un, aff, able, sep);
    EXPECT(tok, "", true, cls, sep);
    EXPECT(tok, "Caf\xc3\xa9!a\tB", false, cafe, bang, a, b); /* accents, case, punctuation */
    EXPECT(tok, "cafe\xcc\x81", false, cafe);                 /* combining */
    EXPECT(tok,
           "a\xe4\xb8\xad"
           "b",
           false, a, zhong, b);                 /* stands alone */
    EXPECT(tok, "\xea\xb0\x80", false, ga);     /* Hangul, decomposed */
    EXPECT(tok, "unaffablex a", false, unk, a); /* all of the word */
    EXPECT(tok,
           "u\xc2\xadn\xe2\x80\x8b\x01 [SEP] \xff"
           "a",
           false, un, sep, a); /* controls go */
    char long_word[200];
    memset(long_word, 'a', sizeof(long_word));
    long_word[101] = '\0';
    word("a");
    engine_tokenizer_free(tok);
    tok = finish();
    EXPECT(tok, long_word, false, unk);
    engine_tokenizer_free(tok);
    vocab.lowercase = ENGINE_FLAG_NO; /* cased models keep accents too */
    tok = finish();
    EXPECT(tok, "Cafe cafe caf\xc3\xa9", false, unk, cafe, unk);
    struct buffer out;
    buffer_init(&out, 100);
    assert_int_equal(engine_detokenize(tok, (const uint32_t[]){cls, un, aff}, 3, false, &out), 0);
    assert_true(slice_eq(buffer_slice(&out), SLICE(" unaff")));
    buffer_done(&out);
    engine_tokenizer_free(tok);
}

static void test_fold(void **state)
{
    (void)state;
    static const struct {
        uint32_t code, lower, bare[3];
        size_t count;
    } cases[] = {
        {'A', 'a', {'A'}, 1},
        {'z', 'z', {'z'}, 1},
        {0xc9, 0xe9, {'E'}, 1},
        {0x301, 0x301, {0}, 0},
        {0x903, 0x903, {0x903}, 1}, /* a spacing mark stays */
        {0x1e9e, 0xdf, {0x1e9e}, 1},
        {0x416, 0x436, {0x416}, 1},
        {0x419, 0x439, {0x418}, 1},
        {0x9cb, 0x9cb, {0x9c7, 0x9be}, 2},
        {0xac01, 0xac01, {0x1100, 0x1161, 0x11a8}, 3},
        {0x1d5e, 0x1d5e, {0x1d5e}, 1},
        {0x10400, 0x10428, {0x10400}, 1},
        {0x131, 0x131, {0x131}, 1},
        {0x1ea4, 0x1ea5, {'A'}, 1},
        {0x10ffff, 0x10ffff, {0x10ffff}, 1},
        {0x212b, 0xe5, {'A'}, 1},
        {0x132, 0x133, {0x132}, 1},
        {0x133, 0x133, {0x133}, 1},
        {0x178, 0xff, {'Y'}, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t bare[3];
        assert_int_equal(engine_unicode_lower(cases[i].code), cases[i].lower);
        assert_int_equal(engine_unicode_bare(cases[i].code, bare), cases[i].count);
        for (size_t k = 0; k < cases[i].count; k++)
            assert_int_equal(bare[k], cases[i].bare[k]);
    }
}

/* --- Unigram --- */

static void test_ugm_spaces(void **state)
{
    (void)state;
    begin("t5", NULL);
    uint32_t pad = add("<pad>", 3, 0), eos = add("</s>", 3, 0);
    uint32_t unk = add("<unk>", ENGINE_TOKEN_UNKNOWN, 0);
    uint32_t sp = add(SP, 1, -3), a = add("a", 1, -4), sp_a = add(SP "a", 1, -5);
    uint32_t ab = add("ab", 1, -6), b = add("b", 1, -4), e = add("\xc3\xa9", 1, -4);
    (void)pad;
    struct engine_tokenizer *tok = finish();
    EXPECT(tok, "a a", true, a, sp_a, eos); /* end token without being asked */
    EXPECT(tok, "a  b", false, a, sp, sp, b);
    EXPECT(tok, "ab\xc3\xa9", false, ab, e);
    EXPECT(tok, "axyzb", false, a, unk, b); /* neighbours that are unknown become one */
    EXPECT(tok,
           "\xff"
           "a",
           false, unk, a);
    engine_tokenizer_free(tok);
    vocab.add_space_prefix = vocab.remove_extra_whitespaces = ENGINE_FLAG_YES;
    vocab.add_eos = ENGINE_FLAG_NO;
    tok = finish();
    EXPECT(tok, "  a   b ", true, sp_a, sp, b);
    struct engine_tokens none = {0};
    assert_int_equal(engine_tokenize(tok, SLICE("   "), true, true, &none, NULL), BASE_OK);
    assert_int_equal(none.count, 0);
    engine_tokenizer_free(tok);
}

static double best_score(struct slice text, double unknown)
{
    if (text.len == 0)
        return 0;
    double best = -1e30;
    for (uint32_t i = 3; i < vocab.token_count; i++) {
        if (slice_starts_with(text, texts[i])) {
            double score =
                (double)scores[i] + best_score(slice_sub(text, texts[i].len, SIZE_MAX), unknown);
            best = score > best ? score : best;
        }
    }
    bool known = false; /* a character that is a token is never unknown */
    for (uint32_t i = 3; i < vocab.token_count; i++)
        known |= slice_eq(texts[i], slice_sub(text, 0, 1));
    double score = known ? -1e30 : unknown + best_score(slice_sub(text, 1, SIZE_MAX), unknown);
    return score > best ? score : best;
}

static void test_ugm_is_the_best_cut(void **state)
{
    (void)state;
    static const char *const words[] = {"a",   "b",  "c",   "ab",  "bc",
                                        "abc", "ca", "cab", "bca", "aab"};
    uint32_t seed = 3;
    for (int round = 0; round < 30; round++) {
        begin("t5", NULL);
        add("<pad>", 3, 0);
        add("</s>", 3, 0);
        add("<unk>", ENGINE_TOKEN_UNKNOWN, 0);
        double least = 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            float score = -(float)(rand_r(&seed) % 1000) / 100;
            if (rand_r(&seed) % 4 != 0)
                add(words[i], 1, score);
        }
        for (uint32_t i = 3; i < vocab.token_count; i++)
            least = (double)scores[i] < least ? (double)scores[i] : least;
        struct engine_tokenizer *tok = finish();
        for (int k = 0; k < 20; k++) {
            char text[9];
            size_t len = (size_t)rand_r(&seed) % sizeof(text);
            for (size_t i = 0; i < len; i++)
                text[i] = "abcx"[rand_r(&seed) % 4];
            struct engine_tokens tokens = {0};
            assert_int_equal(engine_tokenize(tok, slice_of(text, len), false, false, &tokens, NULL),
                             BASE_OK);
            double sum = 0;
            size_t covered = 0;
            bool unknown = false;
            for (size_t i = 0; i < tokens.count; i++) {
                unknown |= tokens.items[i] == 2;
                sum += (double)scores[tokens.items[i]];
                covered += texts[tokens.items[i]].len;
            }
            if (!unknown) { /* of a run of unknown ones the tokens do not tell the length */
                assert_int_equal(covered, len);
                double best = best_score(slice_of(text, len), least - 10);
                assert_true(sum - best < 1e-6 && best - sum < 1e-6);
            }
            engine_tokens_done(&tokens);
        }
        engine_tokenizer_free(tok);
    }
}

/* A map by hand: "A" becomes "a", "AB" becomes "b". */
static void test_ugm_map(void **state)
{
    (void)state;
    static uint32_t map[1 + 1024 + 1];
    memset(map, 0, sizeof(map));
    map[0] = 1024 * 4;
    map[1] = 256U << 10;
    map[1 + (256 ^ 'A')] = 'A' | 1U << 8 | 512U << 10;
    map[1 + (256 ^ 'A' ^ 512)] = 1U << 31 | 0;
    map[1 + (256 ^ 'A' ^ 512 ^ 'B')] = 'B' | 1U << 8 | 512U << 10;
    map[1 + (256 ^ 'A' ^ 'B')] = 1U << 31 | 2;
    memcpy(&map[1 + 1024], "a\0b\0", 4);
    begin("t5", NULL);
    add("<pad>", 3, 0);
    add("</s>", 3, 0);
    add("<unk>", ENGINE_TOKEN_UNKNOWN, 0);
    uint32_t a = add("a", 1, -1), b = add("b", 1, -1), c = add("B", 1, -1);
    vocab.precompiled_charsmap = slice_of((const char *)map, sizeof(map));
    struct engine_tokenizer *tok = finish();
    EXPECT(tok, "AaABBb", false, a, a, b, c, b);
    engine_tokenizer_free(tok);
    struct base_error detail;
    const size_t bad_lens[] = {1, 3, 4, 4096, 4100, sizeof(map) - 1};
    for (size_t i = 0; i < sizeof(bad_lens) / sizeof(bad_lens[0]); i++) {
        vocab.precompiled_charsmap = slice_of((const char *)map, bad_lens[i]);
        assert_int_equal(engine_tokenizer_from_vocab(&vocab, &tok, &detail), BASE_ERR_BAD_FILE);
        assert_non_null(strstr(detail.message, "precompiled_charsmap"));
    }
    map[1 + (256 ^ 'A' ^ 512)] = 1U << 31 | 99; /* a place outside: as if it were not there */
    map[1 + (256 ^ 'A' ^ 512 ^ 'B')] = 'B' | 1U << 8 | (1U << 20) << 10; /* far outside */
    vocab.precompiled_charsmap = slice_of((const char *)map, sizeof(map));
    tok = finish();
    EXPECT(tok, "aAB", false, a, 2, c);
    engine_tokenizer_free(tok);
}

/* --- BPE on characters, and merges of what is no token --- */

static void test_bpe_on_characters(void **state)
{
    (void)state;
    begin("gemma4", NULL);
    for (unsigned i = 0; i < 256; i++) {
        (void)snprintf(byte_names[i], sizeof(byte_names[i]), "<0x%02X>", i);
        add(byte_names[i], ENGINE_TOKEN_BYTE, 0);
    }
    uint32_t bos = add("<bos>", ENGINE_TOKEN_CONTROL, 0);
    uint32_t sp = word(SP), a = word("a"), b = word("b"), sp_a = word(SP "a"),
             ee = word("\xc3\xa9");
    uint32_t lines = word("\n\n"), ab_sp = word("ab" SP);
    vocab.special[ENGINE_SPECIAL_BOS] = (int32_t)bos;
    vocab.add_bos = ENGINE_FLAG_NO; /* of this kind not believed */
    merges[vocab.merge_count++] = SLICE(SP " a");
    merges[vocab.merge_count++] = SLICE("a b");    /* gives no token */
    merges[vocab.merge_count++] = SLICE("ab " SP); /* but this does */
    struct engine_tokenizer *tok = finish();
    EXPECT(tok, " a b", true, bos, sp_a, sp, b);
    EXPECT(tok, "ab b", false, ab_sp, b);
    EXPECT(tok, "abb", false, 'a', 'b', b); /* what is left of it is written in bytes */
    EXPECT(tok, "\n\na\xc3\xa9\n", false, lines, a, ee, '\n');
    EXPECT(tok, "\xe2\x82\xac" SP, false, 0xe2, 0x82, 0xac, 0xe2, 0x96, 0x81);
    struct engine_tokens tokens = {0};
    struct slice text = SLICE("ab  \xff" SP "\n\n \xc3\xa9"
                              "ab");
    assert_int_equal(engine_tokenize(tok, text, false, false, &tokens, NULL), BASE_OK);
    struct buffer out;
    buffer_init(&out, 100);
    assert_int_equal(engine_detokenize(tok, tokens.items, tokens.count, false, &out), BASE_OK);
    assert_true(slice_eq(buffer_slice(&out), text));
    buffer_done(&out);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
}

/* --- Special tokens --- */

static void test_specials(void **state)
{
    (void)state;
    begin("gpt2", "gpt-2");
    uint32_t plain = word("</s>"), call = add("<|call|>", 3, 0), end = add("<|end|>", 3, 0);
    uint32_t prefix = add("<|fim_prefix|>", 4, 0), suffix = add("<|fim_suffix|>", 1, 0);
    uint32_t middle = add("<fim_middle>", 3, 0), pad = add("<|fim_pad|>", 3, 0);
    uint32_t other = add("<MID>", 3, 0), eom = add("<|eom_id|>", 3, 0);
    struct engine_tokenizer *tok = finish();
    assert_int_equal(engine_tokenizer_special(tok, ENGINE_SPECIAL_FIM_PREFIX), prefix);
    assert_int_equal(engine_tokenizer_special(tok, ENGINE_SPECIAL_FIM_SUFFIX), suffix);
    assert_int_equal(engine_tokenizer_special(tok, ENGINE_SPECIAL_FIM_MIDDLE), middle);
    assert_int_equal(engine_tokenizer_special(tok, ENGINE_SPECIAL_EOM), eom);
    assert_int_equal(engine_tokenizer_special(tok, ENGINE_SPECIAL_FIM_REPO), -1);
    assert_int_equal(engine_tokenizer_special(tok, ENGINE_SPECIAL_COUNT), -1);
    assert_true(engine_token_is_end(tok, end) && engine_token_is_end(tok, call));
    assert_true(engine_token_is_end(tok, pad) && engine_token_is_end(tok, eom));
    assert_false(engine_token_is_end(tok, plain)); /* an ordinary word of that text */
    assert_false(engine_token_is_end(tok, middle) || engine_token_is_end(tok, other));
    engine_tokenizer_free(tok);
    uint32_t back = add("<|return|>", 3, 0); /* now answers have several messages */
    vocab.special[ENGINE_SPECIAL_FIM_MIDDLE] = (int32_t)other;
    tok = finish();
    assert_true(engine_token_is_end(tok, back) && engine_token_is_end(tok, call));
    assert_false(engine_token_is_end(tok, end));
    assert_int_equal(engine_tokenizer_special(tok, ENGINE_SPECIAL_FIM_MIDDLE), other);
    engine_tokenizer_free(tok);
}

/* A text outside the alphabet of byte-level BPE is no word, even if its bytes look like one. */
static void test_foreign_texts(void **state)
{
    (void)state;
    begin("gpt2", "llama-bpe");
    word("\xe2\x82\xac");
    uint32_t euro = word("\xc3\xa2\xc4\xa4\xc2\xac"); /* the bytes E2 82 AC, as GPT-2 writes them */
    struct engine_tokenizer *tok = finish();
    EXPECT(tok, "\xe2\x82\xac", false, euro);
    engine_tokenizer_free(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wpm),        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_ugm_spaces), cmocka_unit_test(test_ugm_is_the_best_cut),
        cmocka_unit_test(test_ugm_map),    cmocka_unit_test(test_bpe_on_characters),
        cmocka_unit_test(test_specials),   cmocka_unit_test(test_foreign_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
