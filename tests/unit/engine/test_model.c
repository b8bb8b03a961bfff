#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/engine/tiny_gguf.h"

static const struct tiny_model tiny = {.arch = "llama",
                                       .n_vocab = 40,
                                       .n_embd = 32,
                                       .n_layer = 2,
                                       .n_head = 4,
                                       .n_head_kv = 2,
                                       .head_dim = 8,
                                       .n_ff = 64,
                                       .type = 8,
                                       .seed = 3};

static void test_facts_and_vocabulary(void **state)
{
    (void)state;
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct base_error detail = {0};
    struct slice bytes = tiny_model_write(&tiny, &f);
    enum base_err err = engine_model_open_bytes(bytes, "mem", NULL, &model, &detail);
    assert_string_equal(detail.message, "");
    assert_int_equal(err, BASE_OK);
    const struct engine_model_info *info = engine_model_info(model);
    assert_true(slice_eq(info->architecture, SLICE("llama")));
    assert_true(slice_eq(info->name, SLICE("tiny")));
    assert_true(slice_eq(info->weight_type, SLICE("Q8_0")));
    assert_true(slice_is_absent(info->chat_template));
    assert_int_equal(info->n_vocab, 40);
    assert_int_equal(info->context_train, 512);
    assert_int_equal(info->n_head_kv, 2);
    assert_int_equal(info->head_dim, 8);
    uint64_t layer = 32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 64 + 2 * 32;
    assert_int_equal(info->param_count, 2 * 40 * 32 + 2 * layer + 32);
    const struct engine_vocab *vocab = engine_model_vocab(model);
    assert_true(slice_eq(vocab->model, SLICE("gpt2")));
    assert_true(slice_eq(vocab->pre, SLICE("gpt-2")));
    assert_int_equal(vocab->token_count, 40);
    assert_true(slice_eq(vocab->texts[39], SLICE("t39")));
    assert_int_equal(vocab->types[0], ENGINE_TOKEN_CONTROL);
    assert_int_equal(vocab->types[1], ENGINE_TOKEN_NORMAL);
    assert_null(vocab->scores);
    assert_int_equal(vocab->merge_count, 1);
    assert_true(slice_eq(vocab->merges[0], SLICE("t 1")));
    assert_int_equal(vocab->special[ENGINE_SPECIAL_EOS], 0);
    assert_int_equal(vocab->special[ENGINE_SPECIAL_BOS], -1);
    assert_int_equal(vocab->add_bos, ENGINE_FLAG_NO);
    assert_int_equal(vocab->add_eos, ENGINE_FLAG_UNSET);
    assert_ptr_equal(engine_model_ref(model), model);
    engine_model_unref(model);
    engine_model_unref(model);
    tiny_done(&f);
}

static void refuse_bytes(struct slice bytes, enum base_err code, const char *words)
{
    struct engine_model *model = NULL;
    struct base_error detail = {0};
    enum base_err err = engine_model_open_bytes(bytes, "mem", NULL, &model, &detail);
    if (err != code || !strstr(detail.message, words))
        fail_msg("wanted '%s' (%d), got '%s' (%d)", words, (int)code, detail.message, (int)err);
    assert_null(model);
}

static void refuse(const struct tiny_model *m, enum base_err code, const char *words)
{
    struct tiny_file f;
    refuse_bytes(tiny_model_write(m, &f), code, words);
    tiny_done(&f);
}

static void test_refuses_what_it_cannot_compute(void **state)
{
    (void)state;
    struct tiny_model m = tiny;
    m.arch = "mamba";
    refuse(&m, BASE_ERR_UNSUPPORTED, "'mamba'");
    m = tiny;
    m.qk_norm = true;
    refuse(&m, BASE_ERR_UNSUPPORTED, "attn_q_norm.weight' is no part");
    m = tiny;
    m.n_head_kv = 3;
    refuse(&m, BASE_ERR_BAD_FILE, "key 'llama.attention.head_count': not a multiple");
    m = tiny;
    m.n_rot = 7;
    refuse(&m, BASE_ERR_BAD_FILE, "key 'llama.rope.dimension_count': odd");
    m = tiny;
    m.n_rot = 10;
    refuse(&m, BASE_ERR_BAD_FILE, "key 'llama.rope.dimension_count': odd");
}

/* The keys and tensors that only some architectures have. */
static void test_refuses_wrong_options(void **state)
{
    (void)state;
    struct tiny_model m = tiny;
    m.rope_scaling = "dynamic";
    refuse(&m, BASE_ERR_UNSUPPORTED, "rope scaling 'dynamic'");
    m = tiny;
    m.rope_factor = 1e-4F;
    refuse(&m, BASE_ERR_BAD_FILE, "key 'llama.rope.scaling.factor': below");
    m = tiny;
    m.rope_scaling = "yarn";
    m.rope_base = 1;
    refuse(&m, BASE_ERR_BAD_FILE, "key 'llama.rope.freq_base': YaRN");
    m = tiny;
    m.type = 0;
    m.heads[0] = 5;
    refuse(&m, BASE_ERR_BAD_FILE, "key 'llama.attention.head_count': not a multiple");
    m = tiny;
    m.type = 0;
    m.heads_kv[1] = 1025;
    refuse(&m, BASE_ERR_BAD_FILE, "head_count_kv' is out of range");
    m = tiny;
    m.rope_long = true;
    m.arch = "qwen2";
    refuse(&m, BASE_ERR_UNSUPPORTED, "rope_factors_long.weight' is no part");
    m = tiny;
    m.arch = "starcoder2";
    refuse(&m, BASE_ERR_BAD_FILE, "starcoder2.attention.layer_norm_epsilon");
    m = tiny;
    m.arch = "gemma2";
    refuse(&m, BASE_ERR_BAD_FILE, "post_attention_norm.weight' is needed");
    m = tiny;
    m.arch = "gemma3";
    m.window_period = 1025;
    refuse(&m, BASE_ERR_BAD_FILE, "sliding_window_pattern' is out of range");
    m = tiny;
    m.arch = "phi3";
    refuse(&m, BASE_ERR_BAD_FILE, "ffn_up.weight' is 32 x 64 and must be 32 x 128");
}

/* What changes the result and is not computed; where it says what is computed anyway it is fine. */
static void test_refuses_other_computations(void **state)
{
    (void)state;
    enum { U32 = 4, I32 = 5, F32 = 6, BOOL = 7 };
    static const struct {
        const char *key;
        uint32_t type, other, same;
    } cases[] = {
        {"llama.attention.causal", BOOL, 0, 1},
        {"llama.attention.key_length_swa", I32, (uint32_t)-7, 8}, /* -7 + 8 is 1 */
        {"llama.expert_group_count", I32, (uint32_t)-1, 0},
        {"llama.attention.key_length_swa", U32, 16, 8},
        {"llama.attention.value_length_swa", U32, 4, 8},
        {"llama.rope.dimension_count_swa", U32, 4, 8},
        {"llama.expert_group_count", U32, 2, 1},
        {"llama.expert_gating_func", U32, 2, 1},
        {"llama.expert_weights_scale", F32, 0x40000000, 0x3f800000},
        {"llama.rope.scaling.yarn_ext_factor", F32, 0x3f000000, 0x3f800000},
        {"llama.rope.scaling.alpha", F32, 0x40000000, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tiny_model m = tiny;
        struct tiny_file f;
        struct engine_model *model = NULL;
        struct base_error detail = {0};
        char words[96];
        (void)snprintf(words, sizeof(words), "key '%s'", cases[i].key);
        m.more_key = cases[i].key;
        m.more_key_type = cases[i].type;
        m.more_key_value = cases[i].other;
        refuse(&m, BASE_ERR_UNSUPPORTED, words);
        m.more_key_value = cases[i].same;
        if (engine_model_open_bytes(tiny_model_write(&m, &f), "mem", NULL, &model, &detail))
            fail_msg("%s: %s", cases[i].key, detail.message);
        engine_model_unref(model);
        tiny_done(&f);
    }
}

/* Only the first item of an array would be looked at. */
static void test_refuses_arrays(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint32_t first;
    } cases[] = {{"llama.attention.key_length_swa", 8}, {"llama.expert_gating_func", 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tiny_model m = tiny;
        m.more_key = cases[i].key;
        m.more_key_type = 9;
        m.more_key_value = cases[i].first;
        refuse(&m, BASE_ERR_UNSUPPORTED, cases[i].key);
    }
}

/* Without it YaRN is plain interpolation; with it linear scaling is YaRN. */
static void test_refuses_half_a_scaling(void **state)
{
    (void)state;
    struct tiny_model m = tiny;
    m.rope_scaling = "yarn";
    m.rope_factor = 4;
    m.more_key = "llama.rope.scaling.yarn_ext_factor";
    m.more_key_type = 6;
    refuse(&m, BASE_ERR_UNSUPPORTED, "key 'llama.rope.scaling.yarn_ext_factor'");
    m.rope_scaling = "linear";
    m.more_key_value = 0x3f800000;
    refuse(&m, BASE_ERR_UNSUPPORTED, "key 'llama.rope.scaling.yarn_ext_factor'");
}

static void test_refuses_wrong_experts(void **state)
{
    (void)state;
    struct tiny_model m = tiny;
    m.arch = "qwen3moe";
    m.qk_norm = true;
    refuse(&m, BASE_ERR_BAD_FILE, "expert_count' is absent; it must be from 1 to 512");
    m.n_expert = 513;
    m.n_expert_used = 1;
    m.type = m.n_layer = 1;
    refuse(&m, BASE_ERR_BAD_FILE, "expert_count' is out of range");
    m.n_expert = 4;
    m.n_expert_used = 5;
    refuse(&m, BASE_ERR_BAD_FILE, "expert_used_count' is out of range; it must be from 1 to 4");
    m.n_expert_used = 2;
    refuse(&m, BASE_ERR_BAD_FILE,
           "ffn_gate_exps.weight' is 32 x 64 x 4 and must be 32 x 32 x 4"); /* n_ff / used */
    m = tiny;
    m.arch = "qwen2";
    m.n_expert = 4;
    m.n_expert_used = 2;
    refuse(&m, BASE_ERR_BAD_FILE, "ffn_up.weight' is needed");
    m = tiny;
    m.arch = "gpt-oss";
    m.n_expert = m.n_expert_used = 2;
    m.n_ff_expert = 64;
    m.ffn_norm = "post_attention_norm";
    refuse(&m, BASE_ERR_BAD_FILE, "attn_sinks.weight' is needed");
}

/* Arrays of the wrong length, types and shapes, in a model that has every key. */
static void test_refuses_patched_options(void **state)
{
    (void)state;
    static const struct {
        const char *find, *put;
        size_t len;
        const char *words;
    } cases[] = {
        {"gemma3.block_count", "gemma3.block_count\4\0\0\0\1", 23,
         "head_count' is an array of 2; one number or 1 are expected"},
        {"gemma3.attention.sliding_window\4", "gemma3.attention.sliding_window\6", 32,
         "sliding_window' is out of range"},
        {"gemma3.attn_logit_softcapping", "gemma3.attn_logit_softcapping\6\0\0\0\0\0\x80\xbf", 37,
         "attn_logit_softcapping' is out of range"},
        {"gemma3.attn_logit_softcapping\6", "gemma3.attn_logit_softcapping\4", 30,
         "attn_logit_softcapping' must be a finite float"},
        {"gemma3.rope.freq_base_swa", "gemma3.rope.freq_base_swa\6\0\0\0\0\0\0\0", 33,
         "freq_base_swa' is out of range"},
    };
    struct tiny_model m = tiny;
    m.arch = "gemma3";
    m.heads[0] = m.heads[1] = 4;
    m.qk_norm = true;
    m.window = 16;
    m.window_period = 2;
    m.rope_base_swa = 1000;
    m.attn_cap = 20;
    m.rope_scaling = "yarn";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tiny_file f;
        struct slice bytes = tiny_model_write(&m, &f);
        size_t at = slice_find(bytes, slice_from_str(cases[i].find));
        assert_true(at != SIZE_MAX);
        memcpy((char *)(uintptr_t)bytes.ptr + at, cases[i].put, cases[i].len);
        refuse_bytes(bytes, BASE_ERR_BAD_FILE, cases[i].words);
        tiny_done(&f);
    }
}

/* The good model with `count` bytes at the first place of `find` replaced. */
static void refuse_patched(const char *find, const char *put, size_t len, enum base_err code,
                           const char *words)
{
    struct tiny_file f;
    struct slice bytes = tiny_model_write(&tiny, &f);
    size_t at = slice_find(bytes, slice_from_str(find));
    assert_true(at != SIZE_MAX);
    memcpy((char *)(uintptr_t)bytes.ptr + at, put, len);
    refuse_bytes(bytes, code, words);
    tiny_done(&f);
}

static void test_refuses_broken_contents(void **state)
{
    (void)state;
    refuse_patched("general.architecture", "x", 1, BASE_ERR_BAD_FILE, "general.architecture");
    refuse_patched("llama.block_count", "x", 1, BASE_ERR_BAD_FILE, "llama.block_count' is absent");
    refuse_patched("llama.block_count\4\0\0\0", "llama.block_count\4\0\0\0\0\0\0\0", 25,
                   BASE_ERR_BAD_FILE, "llama.block_count' is out of range");
    refuse_patched("llama.embedding_length", "llama.embedding_length\4\0\0\0\x40\0\0\0", 30,
                   BASE_ERR_BAD_FILE, "token_embd.weight' is 32 x 40 and must be 64 x 40");
    refuse_patched("llama.attention.layer_norm", "x", 1, BASE_ERR_BAD_FILE, "rms_epsilon");
    refuse_patched("output_norm.weight", "x", 1, BASE_ERR_BAD_FILE, "output_norm.weight");
    refuse_patched("token_embd.weight", "x", 1, BASE_ERR_BAD_FILE, "token_embd.weight");
    refuse_patched("tokenizer.ggml.model", "x", 1, BASE_ERR_BAD_FILE,
                   "key 'tokenizer.ggml.model' is needed and absent");
    refuse_patched("tokenizer.ggml.merges", "x", 1, BASE_ERR_BAD_FILE,
                   "key 'tokenizer.ggml.merges' is needed and absent");
    refuse_patched("llama.attention.key_length\4\0\0\0",
                   "llama.attention.key_length\4\0\0\0\7\0\0\0", 34, BASE_ERR_BAD_FILE,
                   "key 'llama.attention.key_length': heads of 7 numbers; an even size is needed");
    refuse_patched("llama.attention.value_length\4\0\0\0",
                   "llama.attention.value_length\4\0\0\0\4\0\0\0", 36, BASE_ERR_BAD_FILE,
                   "key 'llama.attention.value_length': differs from attention.key_length");
    refuse_patched("tokenizer.ggml.tokens", "x", 1, BASE_ERR_BAD_FILE, "tokenizer.ggml.tokens");
    refuse_patched("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eos_token_id\4\0\0\0\x28\0\0\0",
                   35, BASE_ERR_BAD_FILE, "eos_token_id' is not a token");
    refuse_patched("tokenizer.ggml.token_type",
                   "tokenizer.ggml.token_type\x9\0\0\0\5\0\0\0\x28\0\0\0\0\0\0\0\7", 42,
                   BASE_ERR_BAD_FILE, "token_type");
    refuse_patched("blk.1.ffn_up.weight", "blk.2", 5, BASE_ERR_BAD_FILE, "blk.1.ffn_up.weight");
}

static void test_memory_is_checked_first(void **state)
{
    (void)state;
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct base_error detail = {0};
    struct engine_model_options options = {.memory_limit = 1024, .context = 512};
    struct slice bytes = tiny_model_write(&tiny, &f);
    assert_int_equal(engine_model_open_bytes(bytes, "mem", &options, &model, &detail),
                     BASE_ERR_NO_MEMORY);
    assert_non_null(strstr(detail.message, "smaller"));
    char path[] = "/tmp/hearth-model-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), (ssize_t)bytes.len);
    close(fd);
    struct engine_memory memory = {0};
    assert_int_equal(engine_model_estimate(path, &options, &memory, &detail), BASE_OK);
    assert_int_equal(memory.context, 512);
    assert_int_equal(memory.context_fit, 0);
    /* keys and values of 2 layers, 2 heads of 8, in halves; 16 pages of 32 tokens and one a
     * sequence */
    assert_int_equal(memory.kv, 2 * 2 * 2 * 8 * 2 * (512 + 4 * 32));
    assert_int_equal(memory.total, memory.weights + memory.kv + memory.scratch);
    options.memory_limit = memory.total - 1;
    assert_int_equal(engine_model_open(path, &options, &model, &detail), BASE_ERR_NO_MEMORY);
    assert_non_null(strstr(detail.message, "a context of 480 would fit"));
    options.memory_limit = memory.total;
    assert_int_equal(engine_model_open(path, &options, &model, &detail), BASE_OK);
    engine_model_unref(model);
    assert_int_equal(unlink(path), 0);
    tiny_done(&f);
}

/* For its vocabulary alone a file needs neither an architecture nor weights. */
static void test_vocabulary_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "b", "ab"};
    const struct engine_model_options options = {.vocab_only = true};
    struct tiny_file f;
    struct engine_model *model = NULL;
    struct engine_session *session = NULL;
    struct engine_tokenizer *tok = NULL;
    struct base_error detail = {0};
    tiny_begin(&f, 3);
    tiny_kv_str(&f, "general.architecture", "never-heard-of");
    tiny_kv_str(&f, "tokenizer.ggml.model", "gpt2");
    tiny_kv_strs(&f, "tokenizer.ggml.tokens", texts, 3);
    tiny_kv_strs(&f, "tokenizer.ggml.merges", (const char *const[]){"a b"}, 1);
    tiny_kv_u32(&f, "tokenizer.ggml.middle_token_id", 1); /* a name of before */
    struct slice bytes = tiny_end(&f);
    assert_int_equal(engine_model_open_bytes(bytes, "mem", NULL, &model, &detail),
                     BASE_ERR_UNSUPPORTED);
    if (engine_model_open_bytes(bytes, "mem", &options, &model, &detail))
        fail_msg("%s", detail.message);
    assert_int_equal(engine_model_info(model)->n_vocab, 3);
    assert_int_equal(engine_model_vocab(model)->special[ENGINE_SPECIAL_FIM_MIDDLE], 1);
    assert_int_equal(engine_session_new(model, NULL, &session, &detail), BASE_ERR_BAD_VALUE);
    assert_int_equal(engine_tokenizer_new(model, &tok, &detail), BASE_OK);
    struct engine_tokens tokens = {0};
    assert_int_equal(engine_tokenize(tok, SLICE("abb"), false, false, &tokens, NULL), BASE_OK);
    assert_int_equal(tokens.count, 2);
    assert_int_equal(tokens.items[0], 2);
    engine_tokens_done(&tokens);
    engine_tokenizer_free(tok);
    engine_model_unref(model);
    tiny_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_and_vocabulary),
        cmocka_unit_test(test_refuses_what_it_cannot_compute),
        cmocka_unit_test(test_refuses_wrong_options),
        cmocka_unit_test(test_refuses_other_computations),
        cmocka_unit_test(test_refuses_arrays),
        cmocka_unit_test(test_refuses_half_a_scaling),
        cmocka_unit_test(test_refuses_wrong_experts),
        cmocka_unit_test(test_refuses_patched_options),
        cmocka_unit_test(test_refuses_broken_contents),
        cmocka_unit_test(test_memory_is_checked_first),
        cmocka_unit_test(test_vocabulary_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
