/* Logits of tiny random models, on every kernel path, against the reference in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/kernels/kernels.h"
#include "tests/unit/engine/reference.h"
#include "tests/unit/engine/tiny_gguf.h"

#define TOKENS 75 /* more than two pages of the cache, more than two batches of engine_logits() */
#define VOCAB 97

/* Rows that are no multiple of any vector; blocks of 32 need multiples of 32. */
#define ODD .n_vocab = VOCAB, .n_embd = 60, .n_layer = 2, .head_dim = 10, .n_ff = 75
#define WIDE .n_vocab = VOCAB, .n_embd = 256, .n_layer = 1, .head_dim = 64, .n_ff = 512
#define EVEN .n_vocab = VOCAB, .n_embd = 96, .n_layer = 2, .head_dim = 32, .n_ff = 160

#define DEEP .n_vocab = VOCAB, .n_embd = 24, .n_head = 4, .n_head_kv = 2, .head_dim = 10, .n_ff = 20
#define HEADS_10_5 .n_head = 10, .n_head_kv = 5
#define YARN .rope_scaling = "yarn", .rope_factor = 4, .rope_original = 30
#define LONGROPE .rope_scaling = "longrope", .rope_long = true, .rope_attn_factor = 1.2F
#define GEMMA .post_norms = true, .tied = true
#define STARCODER .layer_norm = true, .plain_mlp = true, .mlp_biases = true, .biases = true
#define OSS                                                                                        \
    .ffn_norm = "post_attention_norm", .sinks = true, .biases = true, .n_expert = 6,               \
    .n_expert_used = 3, .expert_biases = true

static const struct tiny_model models[] = {
    {.arch = "llama", ODD, .n_head = 6, .n_head_kv = 6, .type = 0, .seed = 1},
    {.arch = "llama", ODD, .n_head = 6, .n_head_kv = 2, .type = 0, .tied = true, .seed = 2},
    {.arch = "llama", ODD, .n_head = 6, .n_head_kv = 1, .type = 0, .rope_freqs = true, .seed = 3},
    {.arch = "llama", ODD, .n_head = 6, .n_head_kv = 3, .type = 0, .biases = true, .seed = 4},
    {.arch = "llama", ODD, .n_head = 6, .n_head_kv = 2, .type = 0, .fused_qkv = true, .seed = 5},
    {.arch = "llama", ODD, .n_head = 4, .n_head_kv = 2, .n_rot = 6, .rope_linear = 4, .seed = 6},
    {.arch = "qwen2", ODD, .n_head = 6, .n_head_kv = 2, .type = 0, .biases = true, .seed = 7},
    {.arch = "qwen3", ODD, .n_head = 8, .n_head_kv = 4, .qk_norm = true, .tied = true, .seed = 8},
    {.arch = "llama", ODD, .n_head = 6, .n_head_kv = 2, .type = 1, .seed = 9},
    {.arch = "qwen2", ODD, .n_head = 6, .n_head_kv = 2, .type = 30, .fused_qkv = true, .seed = 10},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 30, .tied = true, .seed = 80},
    {.arch = "gemma2", ODD, HEADS_10_5, GEMMA, .window = 20, .type = 30, .seed = 87},
    {.arch = "starcoder2", ODD, .n_head = 6, .n_head_kv = 2, STARCODER, .type = 30, .seed = 82},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 8, .seed = 11},
    {.arch = "llama", EVEN, .n_head = 4, .n_head_kv = 2, .type = 8, .tied = true, .seed = 12},
    {.arch = "qwen3", EVEN, .n_head = 6, .n_head_kv = 3, .type = 8, .qk_norm = true, .seed = 13},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 3, .type = 1, .biases = true, .seed = 14},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 2, .seed = 15},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 3, .seed = 16},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 6, .seed = 17},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 7, .seed = 18},
    {.arch = "llama", WIDE, .n_head = 4, .n_head_kv = 2, .type = 12, .seed = 19},
    {.arch = "llama", WIDE, .n_head = 4, .n_head_kv = 2, .type = 13, .seed = 20},
    {.arch = "llama", WIDE, .n_head = 4, .n_head_kv = 2, .type = 14, .seed = 21},
    {.arch = "llama", WIDE, .n_head = 4, .n_head_kv = 2, .type = 10, .seed = 22},
    {.arch = "llama", WIDE, .n_head = 4, .n_head_kv = 2, .type = 11, .seed = 23},
    /* One input in both its forms, for Q4_K and for Q8_0. */
    {.arch = "llama", WIDE, .n_head = 4, .n_head_kv = 2, .type = 12, .more_type = 8, .seed = 63},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 20, .seed = 24},
    {.arch = "llama", WIDE, .n_head = 4, .n_head_kv = 2, .type = 23, .seed = 25},
    {.arch = "llama", EVEN, .n_head = 3, .n_head_kv = 1, .type = 39, .seed = 26},
    /* Rope scaling. */
    {.arch = "llama", ODD, .n_head = 6, .n_head_kv = 2, .rope_factor = 3, .seed = 30},
    {.arch = "llama", ODD, HEADS_10_5, .rope_scaling = "none", .rope_factor = 3, .seed = 31},
    {.arch = "llama", ODD, HEADS_10_5, YARN, .rope_attn_factor = 0.9F, .seed = 32},
    {.arch = "qwen2", ODD, HEADS_10_5, YARN, .n_rot = 8, .biases = true, .seed = 33},
    {.arch = "qwen3", ODD, HEADS_10_5, YARN, .yarn_fast = 4, .qk_norm = true, .seed = 34},
    {.arch = "llama",
     ODD,
     HEADS_10_5,
     YARN,
     .yarn_fast = 8,
     .yarn_slow = 2,
     .yarn_attn = 1.3F,
     .seed = 36},
    {.arch = "llama", ODD, HEADS_10_5, LONGROPE, .rope_original = 50, .seed = 35},
    {.arch = "llama", ODD, HEADS_10_5, LONGROPE, .rope_original = 75, .seed = 36},
    /* Layers that differ. */
    {.arch = "llama", ODD, .heads = {6, 4, 9}, .heads_kv = {3, 4, 1}, .seed = 37},
    {.arch = "qwen3", ODD, HEADS_10_5, .ffs = {75, 33, 90}, .qk_norm = true, .seed = 38},
    {.arch = "llama", ODD, HEADS_10_5, .mlp_biases = true, .fused_qkv = true, .seed = 39},
    {.arch = "qwen2",
     ODD,
     HEADS_10_5,
     .biases = true,
     .fused_qkv = true,
     .split_biases = true,
     .seed = 40},
    /* Temperature by position. */
    {.arch = "mistral3", ODD, HEADS_10_5, .seed = 40},
    {.arch = "mistral3", ODD, HEADS_10_5, YARN, .temperature = 0.5F, .seed = 41},
    {.arch = "mistral3",
     ODD,
     HEADS_10_5,
     YARN,
     .yarn_fast = 4,
     .yarn_slow = 0.5F,
     .yarn_log = 1,
     .temperature = 0.1F,
     .tied = true,
     .seed = 42},
    /* Experts; with 8-bit inputs all of them, as rounding turns near ties of a router. */
    {.arch = "llama", ODD, HEADS_10_5, .n_expert = 4, .n_expert_used = 2, .seed = 43},
    {.arch = "llama",
     ODD,
     HEADS_10_5,
     .n_expert = 3,
     .n_expert_used = 1,
     .biases = true,
     .seed = 44},
    {.arch = "qwen3moe",
     ODD,
     HEADS_10_5,
     .qk_norm = true,
     .n_expert = 13,
     .n_expert_used = 5,
     .n_ff_expert = 22,
     .seed = 45},
    {.arch = "qwen3moe",
     EVEN,
     .n_head = 4,
     .n_head_kv = 1,
     .qk_norm = true,
     .n_expert = 8,
     .n_expert_used = 8,
     .n_ff_expert = 64,
     .type = 1,
     .tied = true,
     .seed = 46},
    {.arch = "mistral3",
     EVEN,
     .n_head = 3,
     .n_head_kv = 1,
     .n_expert = 4,
     .n_expert_used = 4,
     .type = 2,
     .seed = 78},
    /* Gemma. */
    {.arch = "gemma", ODD, HEADS_10_5, .tied = true, .seed = 63},
    {.arch = "gemma2", ODD, HEADS_10_5, GEMMA, .window = 20, .seed = 48},
    {.arch = "gemma2",
     ODD,
     HEADS_10_5,
     GEMMA,
     .attn_cap = 7,
     .final_cap = 3,
     .window = 33,
     .window_period = 3,
     .rope_base_swa = 500,
     .seed = 49},
    {.arch = "gemma2", DEEP, .n_layer = 46, GEMMA, .window = 1, .seed = 50},
    {.arch = "gemma3", ODD, HEADS_10_5, GEMMA, .qk_norm = true, .seed = 51},
    {.arch = "gemma3",
     ODD,
     HEADS_10_5,
     GEMMA,
     .qk_norm = true,
     .window = 10,
     .window_period = 2,
     .rope_base = 1e6F,
     .rope_linear = 8,
     .final_cap = 20,
     .seed = 52},
    {.arch = "gemma3",
     ODD,
     HEADS_10_5,
     GEMMA,
     .qk_norm = true,
     .window = 32,
     .window_period = 3,
     .window_array = true,
     .rope_base_swa = 300,
     .seed = 53},
    {.arch = "gemma3", DEEP, .n_layer = 62, GEMMA, .qk_norm = true, .window = 40, .seed = 54},
    {.arch = "gemma3", DEEP, .n_layer = 13, GEMMA, .qk_norm = true, .window = 5, YARN, .seed = 55},
    /* Phi, starcoder. */
    {.arch = "phi3",
     ODD,
     .n_head = 6,
     .n_head_kv = 6,
     .stacked_mlp = true,
     .fused_qkv = true,
     .window = 8,
     .seed = 56},
    {.arch = "phi3",
     ODD,
     .n_head = 6,
     .n_head_kv = 2,
     .n_rot = 8,
     .stacked_mlp = true,
     .fused_qkv = true,
     LONGROPE,
     .rope_original = 40,
     .tied = true,
     .seed = 57},
    {.arch = "phi3",
     ODD,
     .n_head = 6,
     .n_head_kv = 3,
     .stacked_mlp = true,
     LONGROPE,
     .rope_original = 400,
     .seed = 58},
    {.arch = "starcoder2", ODD, .n_head = 6, .n_head_kv = 2, STARCODER, .seed = 59},
    {.arch = "starcoder2",
     ODD,
     .n_head = 6,
     .n_head_kv = 1,
     STARCODER,
     .tied = true,
     .fused_qkv = true,
     .seed = 60},
    /* gpt-oss. */
    {.arch = "gpt-oss", ODD, HEADS_10_5, OSS, .n_ff_expert = 75, .window = 16, YARN, .seed = 61},
    {.arch = "gpt-oss",
     EVEN,
     .n_head = 8,
     .n_head_kv = 1,
     OSS,
     .n_ff_expert = 64,
     .expert_type = 39,
     .window = 40,
     YARN,
     .rope_base = 150000,
     .seed = 62},
};

#define EXACT 1e-9 /* nmse of float32 */

#define BF16 30

/* Whether the set in use rounds inputs of BF16 to bfloat16. */
static bool rounds_bf16(void)
{
    return engine_kernels()->pack_bf16_four != NULL;
}

/* Whether products of a type are in float32. */
static bool is_float(uint32_t type)
{
    return type == 0 || type == 1 || (type == BF16 && !rounds_bf16());
}

/* Whether dot products of a type lose bits in the set in use: Q4_K, Q5_K, Q6_K and IQ4_XS. What
 * that costs, a thousandth of what inputs of 8 bits cost, sends enough inputs of later products to
 * the next step for tokens to differ from `reference_logits_in_8_bits`; test_panels.c has its
 * bound. */
static bool loses_bits(uint32_t type)
{
    return engine_kernels()->wide_in_16_bits && ((type >= 12 && type <= 14) || type == 23);
}

static void some_tokens(uint32_t *tokens, size_t count)
{
    uint64_t seed = 99;
    for (size_t i = 0; i < count; i++)
        tokens[i] = (uint32_t)(tiny_random(&seed) % VOCAB);
}

static bool keep_row(void *user, size_t position, const float *logits)
{
    memcpy((float *)user + position * VOCAB, logits, VOCAB * sizeof(float));
    return true;
}

/*
 * Quantised weights are multiplied with inputs in 8 bits, and so they are in `expected`: most
 * tokens must agree as exactly as floats do (1e-14 is seen). Where an input lies within a float's
 * error of the middle between two steps, it may go to the other one, which changes this token (by
 * about 5e-5) and a little what comes after: hence not all, and the models' seeds are such that it
 * is rare (of 75 tokens at least 56 agree, all but one or two mostly; all together are within
 * 1.4e-5). In bfloat16 steps are finer and such turns cost less: all together are within 4.6e-7,
 * where the rounding itself costs up to 1.05e-5; at least 48 agree.
 */
static void check_rounded(const float *logits, const double *expected, const char *how, double most)
{
    size_t same = 0;
    for (size_t t = 0; t < TOKENS; t++)
        same += reference_nmse(logits + t * VOCAB, expected + t * VOCAB, VOCAB) < EXACT;
    double nmse = reference_nmse(logits, expected, (size_t)TOKENS * VOCAB);
    printf("  inputs in %s: %zu of %d tokens the same, nmse %.2e\n", how, same, TOKENS, nmse);
    assert_true(same > TOKENS / 2);
    assert_true(nmse < most);
}

static void check_model(const struct tiny_model *m, uint32_t threads)
{
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct base_error detail = {0};
    uint32_t tokens[TOKENS];
    float *logits = calloc(TOKENS * VOCAB, sizeof(*logits));
    assert_non_null(logits);
    some_tokens(tokens, TOKENS);
    struct slice bytes = tiny_model_write(m, &f);
    if (engine_model_open_bytes(bytes, "mem", NULL, &model, &detail))
        fail_msg("seed %d: %s", (int)m->seed, detail.message);
    if (engine_logits(model, NULL, tokens, TOKENS, threads, keep_row, logits, &detail))
        fail_msg("seed %d: %s", (int)m->seed, detail.message);
    double *exact = reference_logits(bytes, tokens, TOKENS);
    double nmse = reference_nmse(logits, exact, (size_t)TOKENS * VOCAB);
    double kl = reference_kl(logits, exact, TOKENS, VOCAB);
    bool floats = is_float(m->expert_type ? m->expert_type : m->type), is_bf16 = m->type == BF16;
    printf("%-8s %-5s type %-2u seed %-2d threads %u: nmse %.2e kl %.2e\n", engine_cpu_name(),
           m->arch, m->type, (int)m->seed, threads, nmse, kl);
    /* What bfloat16 costs is up to 1.05e-5 and 5.3e-6 here, as in llama.cpp (tests/bench).
     * What 8 bits cost is up to 1.95e-4 and 9.4e-5 here, with experts 1.1e-3 and 5e-4; of Q2_K
     * 1.13e-4 since 256 inputs share a scale. */
    bool is_q2_k = m->type == 10;
    double most_nmse = floats ? EXACT : is_bf16 ? 2e-5 : m->n_expert > 0 ? 1.2e-3 : 2e-4;
    double most_kl = floats            ? 1e-8
                     : is_bf16         ? 1e-5
                     : m->n_expert > 0 ? 6e-4
                     : is_q2_k         ? 1.3e-4
                                       : 1e-4;
    if (!(nmse < most_nmse) || !(kl < most_kl))
        fail_msg("nmse %.3e (below %.1e), kl %.3e (below %.1e)", nmse, most_nmse, kl, most_kl);
    if (!floats && !loses_bits(m->type)) {
        double *rounded = is_bf16 ? reference_logits_in_bf16(bytes, tokens, TOKENS)
                                  : reference_logits_in_8_bits(bytes, tokens, TOKENS);
        check_rounded(logits, rounded, is_bf16 ? "bfloat16" : "8 bits", is_bf16 ? 1e-6 : 1e-4);
        free(rounded);
    }
    free(exact);
    free(logits);
    engine_model_unref(model);
    tiny_done(&f);
}

static void test_every_path(void **state)
{
    (void)state;
    for (size_t p = 0; engine_cpu_at(p); p++) {
        if (engine_cpu_select(engine_cpu_at(p), NULL)) {
            printf("%s: not on this processor\n", engine_cpu_at(p));
            continue;
        }
        for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
            check_model(&models[i], 1 + (uint32_t)(i % 3));
    }
}

/* One token a step, two sequences in turn: as generation goes. */
static void check_stepwise(const struct tiny_model *m)
{
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct engine_session *session = NULL;
    struct base_error detail = {0};
    const struct engine_session_options options = {
        .context = TOKENS + 9, .sequences = 2, .kv = ENGINE_KV_F32, .threads = 2};
    uint32_t tokens[TOKENS];
    double apart = 0;
    some_tokens(tokens, TOKENS);
    struct slice bytes = tiny_model_write(m, &f);
    double *exact = reference_logits(bytes, tokens, TOKENS);
    if (engine_model_open_bytes(bytes, "mem", NULL, &model, &detail) ||
        engine_session_new(model, &options, &session, &detail))
        fail_msg("seed %d: %s", (int)m->seed, detail.message);
    for (size_t t = 0; t < TOKENS; t++) {
        struct engine_batch_item items[2] = {{.token = tokens[t], .want_logits = true},
                                             {.sequence = 1, .token = tokens[TOKENS - 1 - t]}};
        assert_int_equal(engine_session_step(session, items, t < 5 ? 2 : 1, NULL, &detail),
                         BASE_OK);
        double nmse = reference_nmse(engine_session_logits(session, 0), exact + t * VOCAB, VOCAB);
        apart = nmse > apart ? nmse : apart;
    }
    printf("%-8s %-5s seed %-2d one by one: nmse up to %.2e\n", engine_cpu_name(), m->arch,
           (int)m->seed, apart);
    assert_true(apart < EXACT);
    engine_session_free(session);
    free(exact);
    engine_model_unref(model);
    tiny_done(&f);
}

static void test_one_by_one(void **state)
{
    const struct tiny_model some[] = {
        {.arch = "gemma2", ODD, HEADS_10_5, GEMMA, .window = 20, .seed = 70},
        {.arch = "qwen3moe",
         ODD,
         HEADS_10_5,
         .qk_norm = true,
         .n_expert = 13,
         .n_expert_used = 5,
         .n_ff_expert = 22,
         .seed = 71},
        {.arch = "gpt-oss",
         ODD,
         HEADS_10_5,
         OSS,
         .n_ff_expert = 75,
         .window = 33,
         YARN,
         .seed = 72},
        {.arch = "llama", ODD, .heads = {6, 4, 9}, .heads_kv = {3, 4, 1}, .seed = 73},
    };
    (void)state;
    assert_int_equal(engine_cpu_select(NULL, NULL), BASE_OK);
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
        check_stepwise(&some[i]);
}

/* The reference itself must tell a wrong model from a right one. */
static void test_reference_sees_errors(void **state)
{
    (void)state;
    struct tiny_file right, wrong;
    uint32_t tokens[16];
    float logits[16 * VOCAB];
    struct tiny_model other = models[0];
    other.arch = "qwen2"; /* the other order of rotation */
    some_tokens(tokens, 16);
    double *a = reference_logits(tiny_model_write(&models[0], &right), tokens, 16);
    double *b = reference_logits(tiny_model_write(&other, &wrong), tokens, 16);
    for (size_t i = 0; i < 16 * VOCAB; i++)
        logits[i] = (float)b[i];
    assert_true(reference_nmse(logits, b, 16 * VOCAB) < 1e-12);
    assert_true(reference_nmse(logits, a, 16 * VOCAB) > 1e-3);
    free(a);
    free(b);
    tiny_done(&right);
    tiny_done(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_path),
        cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_reference_sees_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
