/*
 * Masks: which tokens may come next, against stepping through every token's bytes; and what comes
 * out when tokens are chosen at random under many schemas: it is parsed by another reader and
 * checked by a validator that shares nothing with the engine.
 */
#include "tests/unit/engine/schema_support.h"

/* --- Walks: tokens chosen at random --- */

/* The mask against stepping through each token by itself. */
static void check_mask(const float *logits, struct grammar_run *run, uint32_t at, bool strip)
{
    for (uint32_t token = 0; token < TOKENS_MAX; token++) {
        struct slice bytes = raws[token];
        if (strip && slice_starts_with(bytes, SLICE(" ")))
            bytes = slice_sub(bytes, 1, SIZE_MAX);
        uint32_t state = at;
        for (size_t i = 0; i < bytes.len; i++)
            state = grammar_run_step(run, state, (uint8_t)bytes.ptr[i]);
        bool allowed = state != GRAMMAR_DEAD && bytes.len > 0;
        if (token == EOS)
            allowed = grammar_run_accepts(run, at);
        else if (types[token] != ENGINE_TOKEN_NORMAL)
            allowed = false;
        if (allowed != (logits[token] == 0.0F))
            fail_msg("token %u (%.*s): %d", token, SLICE_ARG(bytes), allowed);
    }
    for (uint32_t token = TOKENS_MAX; token < TOKENS_MAX + 8; token++)
        assert_true(logits[token] == -INFINITY);
}

static uint32_t choose(const float *logits, bool hurry)
{
    static const char closers[] = "\"}]";
    if (hurry) {
        if (logits[EOS] == 0.0F)
            return EOS;
        for (const char *p = closers; *p; p++)
            if (logits[(unsigned char)*p] == 0.0F)
                return (uint32_t)(unsigned char)*p;
    }
    uint32_t token = draw(TOKENS_MAX);
    while (logits[token] != 0.0F)
        token = (token + 1) % TOKENS_MAX;
    return token;
}

/* One answer; false when it did not come to an end. */
static bool walk(struct engine_grammar *grammar, bool brute_force, bool strip, struct buffer *out)
{
    struct grammar_mask *mask;
    assert_int_equal(grammar_mask_new(grammar, strip, &mask, NULL), BASE_OK);
    grammar_mask_attach(mask, trie, SLICE_NONE);
    struct engine_mask ops = grammar_mask_ops(mask);
    struct grammar_run *run = grammar_run_new(grammar);
    uint32_t at = grammar_run_start(run);
    bool over = false, forgot;
    for (int step = 0; step < 400 && !over; step++) {
        float logits[TOKENS_MAX + 8] = {0};
        bool first = strip && step == 0;
        ops.ops->apply(ops.self, logits, TOKENS_MAX + 8);
        assert_int_equal(grammar_mask_error(mask, NULL), BASE_OK);
        if (brute_force)
            check_mask(logits, run, at, first);
        uint32_t token = choose(logits, step > 25);
        ops.ops->accept(ops.self, token);
        struct slice bytes = raws[token];
        if (first && slice_starts_with(bytes, SLICE(" ")))
            bytes = slice_sub(bytes, 1, SIZE_MAX);
        for (size_t i = 0; token != EOS && i < bytes.len; i++)
            at = grammar_run_step(run, at, (uint8_t)bytes.ptr[i]);
        at = grammar_run_tidy(run, at, &forgot);
        if (token != EOS)
            (void)buffer_add_slice(out, bytes);
        assert_int_equal(grammar_mask_is_final(mask), grammar_run_is_final(run, at));
        over = token == EOS || grammar_mask_is_final(mask);
    }
    grammar_run_free(run);
    grammar_mask_free(mask);
    return over;
}

static void put_root(struct buffer *out)
{
    (void)buffer_add_str(out, schema_defs);
    put_schema(out, 0);
    (void)buffer_add_str(out, "]}");
}

static void test_random_schemas(void **state)
{
    (void)state;
    int made = 0, ended = 0, good = 0, walks = 0;
    for (int i = 0; i < 300; i++) {
        struct buffer schema, answer;
        struct engine_grammar *grammar;
        struct base_error detail = {0};
        buffer_init(&schema, 1 << 20);
        buffer_init(&answer, 1 << 20);
        put_root(&schema);
        enum base_err err = engine_grammar_from_schema(buffer_slice(&schema), &grammar, &detail);
        if (err && err != BASE_ERR_UNSUPPORTED)
            fail_msg("%.*s: %s", SLICE_ARG(buffer_slice(&schema)), detail.message);
        for (int k = 0; !err && k < 6; k++) {
            buffer_clear(&answer);
            walks++;
            if (!walk(grammar, k == 0 && i % 8 == 0, k % 2 == 1, &answer))
                continue;
            ended++;
            assert_true(engine_grammar_matches(grammar, buffer_slice(&answer)));
            check_answer(buffer_slice(&schema), buffer_slice(&answer), &good);
        }
        made += err ? 0 : 1;
        if (!err)
            engine_grammar_unref(grammar);
        buffer_done(&schema);
        buffer_done(&answer);
    }
    assert_true(made > 280);
    assert_true(ended > walks * 9 / 10);
    assert_true(good > ended * 9 / 10);
}

static void test_random_gbnf(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "root ::= [a-z]{2,4} (\" \" [^\\n\"]+)? \"\\n\"",
        "root ::= expr\nexpr ::= term (\" + \" term)*\nterm ::= [0-9]+ | \"(\" expr \")\"",
        "root ::= \"a\" root \"b\" | \"\"",
        "root ::= . . .",
        "root ::= (\"the \" | \"th\" | \"the\" | \" \")+ \"abc\"",
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct engine_grammar *grammar;
        struct buffer answer;
        buffer_init(&answer, 1 << 20);
        assert_int_equal(engine_grammar_from_gbnf(slice_from_str(sources[i]), &grammar, NULL),
                         BASE_OK);
        for (int k = 0; k < 10; k++) {
            buffer_clear(&answer);
            if (walk(grammar, k < 2, k % 2 == 1, &answer) &&
                !engine_grammar_matches(grammar, buffer_slice(&answer)))
                fail_msg("%s gave %.*s", sources[i], SLICE_ARG(buffer_slice(&answer)));
        }
        engine_grammar_unref(grammar);
        buffer_done(&answer);
    }
}

/* --- What can go wrong --- */

/* Old states are forgotten, and the way goes on. */
static void test_forgets(void **state)
{
    (void)state;
    struct engine_grammar *grammar;
    assert_int_equal(engine_grammar_from_gbnf(SLICE("root ::= (\"(\" [a-z]{0,100000} \")\"){3}"),
                                              &grammar, NULL),
                     BASE_OK);
    struct grammar_run *run = grammar_run_new(grammar);
    uint32_t at = grammar_run_start(run);
    int times = 0;
    bool forgot;
    for (int part = 0; part < 3; part++) {
        at = grammar_run_step(run, at, '(');
        for (int i = 0; i < 20000; i++) {
            at = grammar_run_step(run, at, 'x');
            at = grammar_run_tidy(run, at, &forgot);
            times += forgot;
        }
        at = grammar_run_step(run, at, ')');
        assert_int_not_equal(at, GRAMMAR_DEAD);
    }
    assert_true(times >= 10);
    assert_true(grammar_run_is_final(run, at));
    grammar_run_free(run);
    engine_grammar_unref(grammar);
}

static void test_too_ambiguous(void **state)
{
    (void)state;
    struct engine_grammar *grammar;
    struct grammar_mask *mask;
    struct base_error detail = {0};
    float logits[TOKENS_MAX];
    /* After n letters there are 2^n stacks. */
    assert_int_equal(
        engine_grammar_from_gbnf(SLICE("root ::= a\na ::= [a-z] (a \"1\" | a \"2\" | \"\")"),
                                 &grammar, NULL),
        BASE_OK);
    assert_int_equal(grammar_mask_new(grammar, false, &mask, NULL), BASE_OK);
    grammar_mask_attach(mask, trie, SLICE_NONE);
    struct engine_mask ops = grammar_mask_ops(mask);
    for (int i = 0; i < 30 && !grammar_mask_error(mask, NULL); i++) {
        memset(logits, 0, sizeof(logits));
        ops.ops->apply(ops.self, logits, TOKENS_MAX);
        ops.ops->accept(ops.self, 'x');
    }
    assert_int_equal(grammar_mask_error(mask, &detail), BASE_ERR_LIMIT);
    assert_non_null(strstr(detail.message, "ambiguous"));
    ops.ops->apply(ops.self, logits, TOKENS_MAX);
    for (uint32_t i = 0; i < TOKENS_MAX; i++)
        assert_true(logits[i] == -INFINITY);
    grammar_mask_free(mask);
    engine_grammar_unref(grammar);
}

static void test_no_token(void **state)
{
    (void)state;
    /* Only two tokens: what the grammar wants third cannot be said. */
    static const struct slice few_texts[] = {SLICE_INIT("a"), SLICE_INIT("b")};
    static const uint8_t few_types[] = {ENGINE_TOKEN_NORMAL, ENGINE_TOKEN_NORMAL};
    struct engine_vocab few = vocab;
    few.texts = few_texts;
    few.types = few_types;
    few.token_count = 2;
    few.special[ENGINE_SPECIAL_EOS] = -1;
    struct engine_tokenizer *small;
    struct base_error detail = {0};
    if (engine_tokenizer_from_vocab(&few, &small, &detail))
        fail_msg("%s", detail.message);
    struct grammar_trie *two = grammar_trie_new(small);
    struct engine_grammar *grammar;
    struct grammar_mask *mask;
    assert_int_equal(engine_grammar_from_gbnf(SLICE("root ::= \"ab\" \"c\""), &grammar, NULL),
                     BASE_OK);
    assert_int_equal(grammar_mask_new(grammar, false, &mask, NULL), BASE_OK);
    grammar_mask_attach(mask, two, SLICE_NONE);
    struct engine_mask ops = grammar_mask_ops(mask);
    for (uint32_t token = 0; token < 2; token++) {
        float logits[2] = {0, 0};
        ops.ops->apply(ops.self, logits, 2);
        assert_true(logits[token] == 0.0F && logits[1 - token] == -INFINITY);
        ops.ops->accept(ops.self, token);
    }
    float logits[2] = {0, 0};
    ops.ops->apply(ops.self, logits, 2);
    assert_true(logits[0] == -INFINITY && logits[1] == -INFINITY);
    assert_int_equal(grammar_mask_error(mask, &detail), BASE_ERR_UNSUPPORTED);
    grammar_mask_free(mask);
    grammar_trie_free(two);
    engine_tokenizer_free(small);
    engine_grammar_unref(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_schemas), cmocka_unit_test(test_random_gbnf),
        cmocka_unit_test(test_forgets),        cmocka_unit_test(test_too_ambiguous),
        cmocka_unit_test(test_no_token),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
