/*
 * Stages of the pre-tokenizers: one hand-written matcher for each regular expression that the table
 * in pretokenize.c names. Each gives the length of its match at byte `at` < text.len, 0 = none; the
 * expression stands above each in pretokenize_stage.c and pretokenize_word.c.
 *
 * A match and its refusal together cost time that is linear over a whole text: a run is looked
 * through once, never again from each of its places. Threads: any.
 */
#ifndef ENGINE_TOKENIZER_PRETOKENIZE_STAGE_H
#define ENGINE_TOKENIZER_PRETOKENIZE_STAGE_H

#include "engine/unicode/unicode.h"

typedef size_t (*engine_stage_fn)(struct slice text, size_t at);

/* Words, numbers, punctuation and spaces at once (pretokenize_word.c). */
size_t engine_stage_gpt2(struct slice text, size_t at);
size_t engine_stage_llama3(struct slice text, size_t at);
size_t engine_stage_jais2(struct slice text, size_t at);
size_t engine_stage_qwen2(struct slice text, size_t at);
size_t engine_stage_qwen35(struct slice text, size_t at);
size_t engine_stage_seed_coder(struct slice text, size_t at);
size_t engine_stage_ufakzeka(struct slice text, size_t at);
size_t engine_stage_gpt4o(struct slice text, size_t at);
size_t engine_stage_youtu(struct slice text, size_t at);
size_t engine_stage_tekken(struct slice text, size_t at);
size_t engine_stage_kimi(struct slice text, size_t at);
size_t engine_stage_deepseek3(struct slice text, size_t at);
size_t engine_stage_spark(struct slice text, size_t at);
size_t engine_stage_exaone_moe(struct slice text, size_t at);
size_t engine_stage_bloom(struct slice text, size_t at);

/* One kind of thing each (pretokenize_stage.c). */
size_t engine_stage_number(struct slice text, size_t at);
size_t engine_stage_numbers(struct slice text, size_t at);
size_t engine_stage_three_numbers(struct slice text, size_t at);
size_t engine_stage_three_digits(struct slice text, size_t at);
size_t engine_stage_numbers_from_right(struct slice text, size_t at);
size_t engine_stage_lines(struct slice text, size_t at);
size_t engine_stage_default_punctuation(struct slice text, size_t at);
size_t engine_stage_falcon_punctuation(struct slice text, size_t at);
size_t engine_stage_cjk_kana(struct slice text, size_t at);
size_t engine_stage_youtu_scripts(struct slice text, size_t at);
size_t engine_stage_afmoe_scripts(struct slice text, size_t at);
size_t engine_stage_deepseek_cjk(struct slice text, size_t at);
size_t engine_stage_deepseek_coder_words(struct slice text, size_t at);
size_t engine_stage_deepseek_coder_punctuation(struct slice text, size_t at);
size_t engine_stage_deepseek_llm_words(struct slice text, size_t at);
size_t engine_stage_deepseek_llm_punctuation(struct slice text, size_t at);
size_t engine_stage_trailing_spaces(struct slice text, size_t at);
size_t engine_stage_sentinel(struct slice text, size_t at);
size_t engine_stage_image(struct slice text, size_t at);
size_t engine_stage_tab_or_blanks(struct slice text, size_t at);
size_t engine_stage_one_punctuation(struct slice text, size_t at);

/* --- Sets of characters, and runs of them ---------------------------------------------------- */

typedef bool (*engine_char_test)(struct engine_unicode_char c);

static inline bool engine_is_letter(struct engine_unicode_char c)
{
    return engine_unicode_is_letter(c.class);
}

static inline bool engine_is_number(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_NUMBER;
}

static inline bool engine_is_space(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_SPACE;
}

static inline bool engine_is_newline(struct engine_unicode_char c)
{
    return c.code == '\r' || c.code == '\n';
}

static inline bool engine_is_punctuation_or_symbol(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_PUNCTUATION || c.class == ENGINE_UNICODE_SYMBOL;
}

/* The character that ends just before `at`; all zero at the start of the text. */
struct engine_unicode_char engine_char_before(struct slice text, size_t at);

/* `<test>{0,most}`: its end. */
size_t engine_run_of(struct slice text, size_t at, engine_char_test test, size_t most);

/* `<lead>?<test>+`: its end, or `at` when there is no match. What is in both sets leads, if more
 * follows. */
size_t engine_lead_run(struct slice text, size_t at, engine_char_test lead, engine_char_test test);

#endif
