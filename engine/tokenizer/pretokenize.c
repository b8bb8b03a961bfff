#include "engine/tokenizer/pretokenize.h"

#include "engine/tokenizer/pretokenize_stage.h"

static const struct engine_pretokenizer table[] = {
    {.names = "default",
     .stages = {engine_stage_default_punctuation, engine_stage_gpt2, engine_stage_numbers,
                engine_stage_three_digits}},
    {.names = "gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code "
              "roberta-bpe gigachat a.x-4.0 mellum modern-bert exaone4 mpt olmo jais trillion "
              "granite-docling",
     .stages = {engine_stage_gpt2}},
    {.names = "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     .stages = {engine_stage_llama3},
     .ignore_merges = true,
     .add_bos = true},
    {.names = "dbrx smaug-bpe glm4 chatglm-bpe", .stages = {engine_stage_llama3}},
    {.names = "jais-2", .stages = {engine_stage_jais2}},
    {.names = "minicpm5",
     .stages = {engine_stage_three_numbers, engine_stage_llama3},
     .ignore_merges = true},
    {.names = "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2 "
              "bailingmoe bailingmoe2 llada-moe",
     .stages = {engine_stage_qwen2}},
    {.names = "qwen35", .stages = {engine_stage_qwen35}},
    {.names = "gemma4 granite-embed-multi-311m",
     .stages = {engine_stage_lines},
     .by_char = true,
     .add_bos = true,
     .must_add_bos = true},
    {.names = "sarvam-moe", .stages = {engine_stage_lines}, .by_char = true},
    {.names = "laguna", .stages = {engine_stage_lines, engine_stage_qwen2}},
    {.names = "seed-coder", .stages = {engine_stage_seed_coder}},
    {.names = "ufakzeka", .stages = {engine_stage_ufakzeka}},
    {.names = "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
     .stages = {engine_stage_number, engine_stage_gpt2}},
    {.names = "gpt-4o llama4 kanana2 talkie minimax-m2", .stages = {engine_stage_gpt4o}},
    {.names = "granite-embed-multi-97m", .stages = {engine_stage_gpt4o}, .ignore_merges = true},
    {.names = "tiny_aya cohere2moe",
     .stages = {engine_stage_numbers_from_right, engine_stage_gpt4o}},
    {.names = "tekken", .stages = {engine_stage_tekken}, .ignore_merges = true, .add_bos = true},
    {.names = "youtu",
     .stages = {engine_stage_youtu_scripts, engine_stage_youtu},
     .ignore_merges = true},
    {.names = "kimi-k2", .stages = {engine_stage_kimi}},
    {.names = "falcon",
     .stages = {engine_stage_falcon_punctuation, engine_stage_gpt2, engine_stage_three_digits}},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
     .stages = {engine_stage_three_numbers, engine_stage_cjk_kana, engine_stage_deepseek3}},
    {.names = "spark2_5",
     .stages = {engine_stage_three_numbers, engine_stage_cjk_kana, engine_stage_spark,
                engine_stage_number}},
    {.names = "afmoe",
     .stages = {engine_stage_numbers_from_right, engine_stage_afmoe_scripts,
                engine_stage_deepseek3}},
    {.names = "deepseek-coder",
     .stages = {engine_stage_deepseek_coder_words, engine_stage_deepseek_coder_punctuation,
                engine_stage_deepseek_cjk, engine_stage_number}},
    {.names = "deepseek-llm",
     .stages = {engine_stage_deepseek_llm_words, engine_stage_deepseek_llm_punctuation,
                engine_stage_trailing_spaces, engine_stage_deepseek_cjk, engine_stage_numbers}},
    {.names = "superbpe", .stages = {engine_stage_numbers_from_right}},
    {.names = "exaone-moe", .stages = {engine_stage_exaone_moe}},
    {.names = "bloom poro-chat gpt3-finnish", .stages = {engine_stage_bloom}},
    {.names = "viking", .stages = {engine_stage_bloom, engine_stage_number}},
    {.names = "chameleon",
     .stages = {engine_stage_sentinel, engine_stage_image, engine_stage_tab_or_blanks,
                engine_stage_number, engine_stage_one_punctuation, engine_stage_gpt2},
     .add_bos = true},
};

const struct engine_pretokenizer *engine_pretokenizer_at(size_t index)
{
    return index < sizeof(table) / sizeof(table[0]) ? &table[index] : NULL;
}

const struct engine_pretokenizer *engine_pretokenizer_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct slice rest = slice_from_str(table[i].names);
        while (rest.len > 0) {
            size_t end = slice_find(rest, SLICE(" "));
            if (slice_eq(slice_sub(rest, 0, end), name))
                return &table[i];
            rest = end == SIZE_MAX ? SLICE("") : slice_sub(rest, end + 1, SIZE_MAX);
        }
    }
    return NULL;
}

/* As deep as there are stages. */
static bool split(const struct engine_pretokenizer *pre, size_t stage, struct slice text,
                  engine_word_fn on_word, void *user)
{
    if (text.len == 0)
        return true;
    if (stage == sizeof(pre->stages) / sizeof(pre->stages[0]) || !pre->stages[stage])
        return on_word(user, text);
    size_t gap = 0; /* start of what no match has taken yet */
    for (size_t at = 0; at < text.len;) {
        size_t len = pre->stages[stage](text, at);
        if (len == 0) {
            at += engine_unicode_at(text, at).len;
            continue;
        }
        if (!split(pre, stage + 1, slice_sub(text, gap, at - gap), on_word, user) ||
            !split(pre, stage + 1, slice_sub(text, at, len), on_word, user))
            return false;
        at += len;
        gap = at;
    }
    return split(pre, stage + 1, slice_sub(text, gap, SIZE_MAX), on_word, user);
}

bool engine_pretokenize(const struct engine_pretokenizer *pre, struct slice text,
                        engine_word_fn on_word, void *user)
{
    return split(pre, 0, text, on_word, user);
}
