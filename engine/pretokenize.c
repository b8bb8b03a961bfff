#include "engine/pretokenize.h"

#include "engine/unicode.h"

typedef bool (*char_test)(struct engine_unicode_char c);

/* --- Sets of characters --- */

static bool is_letter(struct engine_unicode_char c)
{
    return engine_unicode_is_letter(c.class);
}

static bool is_number(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_NUMBER;
}

static bool is_space(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_SPACE;
}

static bool is_newline(struct engine_unicode_char c)
{
    return c.code == '\r' || c.code == '\n';
}

static bool is_newline_or_slash(struct engine_unicode_char c)
{
    return is_newline(c) || c.code == '/';
}

static bool is_other(struct engine_unicode_char c) /* [^\s\p{L}\p{N}] */
{
    return c.len > 0 && !is_letter(c) && !is_number(c) && !is_space(c);
}

static bool is_letter_or_mark(struct engine_unicode_char c)
{
    return is_letter(c) || c.class == ENGINE_UNICODE_MARK;
}

static bool is_caseless(struct engine_unicode_char c) /* [\p{Lm}\p{Lo}\p{M}] */
{
    return c.class == ENGINE_UNICODE_LETTER || c.class == ENGINE_UNICODE_MARK;
}

static bool is_upperish(struct engine_unicode_char c) /* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] */
{
    return c.class == ENGINE_UNICODE_UPPER || is_caseless(c);
}

static bool is_lowerish(struct engine_unicode_char c) /* [\p{Ll}\p{Lm}\p{Lo}\p{M}] */
{
    return c.class == ENGINE_UNICODE_LOWER || is_caseless(c);
}

static bool is_punctuation(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_PUNCTUATION;
}

static bool is_punctuation_or_symbol(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_PUNCTUATION || c.class == ENGINE_UNICODE_SYMBOL;
}

static bool is_default_punctuation(struct engine_unicode_char c) /* [\p{P}\$\+<=>\^~\|] */
{
    return is_punctuation(c) || (c.code > 0 && c.code < 128 && strchr("$+<=>^~|", (int)c.code));
}

static bool is_falcon_punctuation(struct engine_unicode_char c)
{
    return is_default_punctuation(c) || c.code == '`';
}

static bool is_ascii_punctuation(struct engine_unicode_char c)
{
    return c.code < 128 && is_punctuation_or_symbol(c);
}

static bool is_ascii_letter(struct engine_unicode_char c)
{
    return c.code < 128 && is_letter(c);
}

static bool is_ascii_digit(struct engine_unicode_char c)
{
    return c.code >= '0' && c.code <= '9';
}

static bool is_cjk_or_kana(struct engine_unicode_char c)
{
    return (c.code >= 0x4e00 && c.code <= 0x9fa5) || (c.code >= 0x3040 && c.code <= 0x30ff);
}

static bool is_cjk_or_hangul(struct engine_unicode_char c)
{
    return (c.code >= 0x4e00 && c.code <= 0x9fa5) || (c.code >= 0x800 && c.code <= 0x4e00) ||
           (c.code >= 0xac00 && c.code <= 0xd7ff);
}

/* --- Pieces of expressions: each gives the end of its match, or `at` when there is none --- */

static size_t run(struct slice text, size_t at, char_test test, size_t most)
{
    for (; most > 0; most--) {
        struct engine_unicode_char c = engine_unicode_at(text, at);
        if (c.len == 0 || !test(c))
            break;
        at += c.len;
    }
    return at;
}

/* `<lead>?<test>+`, where nothing is in both sets */
static size_t lead_run(struct slice text, size_t at, char_test lead, char_test test)
{
    struct engine_unicode_char c = engine_unicode_at(text, at);
    size_t from = c.len > 0 && lead(c) ? at + c.len : at;
    size_t end = run(text, from, test, SIZE_MAX);
    return end > from ? end : at;
}

static bool is_blank(struct engine_unicode_char c)
{
    return c.code == ' ';
}

/* [^\r\n\p{L}\p{N}] */
static bool is_word_lead(struct engine_unicode_char c)
{
    return c.len > 0 && !is_newline(c) && !is_letter(c) && !is_number(c);
}

/* 's|'t|'re|'ve|'m|'ll|'d */
static size_t contraction(struct slice text, size_t at, bool any_case)
{
    static const char *const tails[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (text.ptr[at] != '\'')
        return at;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct slice tail = slice_from_str(tails[i]);
        struct slice have = slice_sub(text, at + 1, tail.len);
        if (any_case ? slice_eq_nocase(have, tail) : slice_eq(have, tail))
            return at + 1 + tail.len;
    }
    return at;
}

/* `\s+(?!\S)|\s+`: a run of spaces leaves its last one to the word that follows. */
static size_t spaces(struct slice text, size_t at)
{
    size_t end = run(text, at, is_space, SIZE_MAX);
    if (end == at || end == text.len)
        return end;
    size_t last = engine_unicode_before(text, end);
    return last > at ? last : end;
}

/* `\s*[\r\n]+`: up to the last line end of a run of spaces */
static size_t newlines(struct slice text, size_t at)
{
    size_t end = at;
    for (size_t i = at;;) {
        struct engine_unicode_char c = engine_unicode_at(text, i);
        if (!is_space(c))
            return end;
        i += c.len;
        if (is_newline(c))
            end = i;
    }
}

/* ` ?[^\s\p{L}\p{N}]+<tail>*` */
static size_t others(struct slice text, size_t at, char_test tail)
{
    size_t end = lead_run(text, at, is_blank, is_other);
    return end > at && tail ? run(text, end, tail, SIZE_MAX) : end;
}

/* --- Stages --- */

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t stage_gpt2(struct slice text, size_t at)
{
    size_t end = contraction(text, at, false);
    if (end == at)
        end = lead_run(text, at, is_blank, is_letter);
    if (end == at)
        end = lead_run(text, at, is_blank, is_number);
    if (end == at)
        end = others(text, at, NULL);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

/* What the newer ones share behind their letters and numbers. */
static size_t rest_of_llama3(struct slice text, size_t at, char_test tail)
{
    size_t end = others(text, at, tail);
    if (end == at)
        end = newlines(text, at);
    if (end == at)
        end = spaces(text, at);
    return end;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t llama3_like(struct slice text, size_t at, size_t digits, char_test letters)
{
    size_t end = contraction(text, at, true);
    if (end == at)
        end = lead_run(text, at, is_word_lead, letters);
    if (end == at)
        end = run(text, at, is_number, digits);
    if (end == at)
        end = rest_of_llama3(text, at, is_newline);
    return end - at;
}

static size_t stage_llama3(struct slice text, size_t at)
{
    return llama3_like(text, at, 3, is_letter);
}

static size_t stage_qwen2(struct slice text, size_t at)
{
    return llama3_like(text, at, 1, is_letter);
}

/* `[upperish]*[lowerish]+`; characters without case are in both sets, so the first run may have to
 * give some back. */
static size_t lower_word(struct slice text, size_t at)
{
    size_t upper_end = run(text, at, is_upperish, SIZE_MAX);
    size_t end = run(text, upper_end, is_lowerish, SIZE_MAX);
    if (end > upper_end)
        return end;
    for (size_t i = upper_end; i > at;) {
        size_t start = engine_unicode_before(text, i);
        if (is_lowerish(engine_unicode_at(text, start)))
            return i;
        i = start;
    }
    return at;
}

/* `[upperish]+[lowerish]*`, tried when the other has failed: nothing lowerish follows. */
static size_t upper_word(struct slice text, size_t at)
{
    return run(text, at, is_upperish, SIZE_MAX);
}

/* `[^\r\n\p{L}\p{N}]?` before either: with it first, as a greedy `?` tries. */
static size_t cased_word(struct slice text, size_t at)
{
    static size_t (*const words[])(struct slice text, size_t at) = {lower_word, upper_word};
    struct engine_unicode_char c = engine_unicode_at(text, at);
    for (size_t i = 0; i < 2; i++) {
        size_t from = at + c.len;
        size_t end = is_word_lead(c) ? words[i](text, from) : from;
        if (end > from)
            return end;
        end = words[i](text, at);
        if (end > at)
            return end;
    }
    return at;
}

static size_t o200k_like(struct slice text, size_t at, size_t digits, bool contractions)
{
    size_t end = cased_word(text, at);
    if (end > at && contractions && end < text.len)
        end = contraction(text, end, true);
    if (end == at)
        end = run(text, at, is_number, digits);
    if (end == at)
        end = rest_of_llama3(text, at, is_newline_or_slash);
    return end - at;
}

static size_t stage_gpt4o(struct slice text, size_t at)
{
    return o200k_like(text, at, 3, true);
}

static size_t stage_tekken(struct slice text, size_t at)
{
    return o200k_like(text, at, 1, false);
}

static size_t stage_single_number(struct slice text, size_t at) /* \p{N} */
{
    return run(text, at, is_number, 1) - at;
}

static size_t stage_numbers(struct slice text, size_t at) /* \p{N}+ */
{
    return run(text, at, is_number, SIZE_MAX) - at;
}

static size_t stage_three_numbers(struct slice text, size_t at) /* \p{N}{1,3} */
{
    return run(text, at, is_number, 3) - at;
}

static size_t stage_three_digits(struct slice text, size_t at) /* [0-9][0-9][0-9] */
{
    size_t end = run(text, at, is_ascii_digit, 3);
    return end - at == 3 ? 3 : 0;
}

static size_t stage_default_punctuation(struct slice text, size_t at)
{
    return run(text, at, is_default_punctuation, SIZE_MAX) - at;
}

static size_t stage_falcon_punctuation(struct slice text, size_t at)
{
    return run(text, at, is_falcon_punctuation, SIZE_MAX) - at;
}

static size_t stage_cjk_kana(struct slice text, size_t at)
{
    return run(text, at, is_cjk_or_kana, SIZE_MAX) - at;
}

static size_t stage_deepseek_coder_cjk(struct slice text, size_t at)
{
    return run(text, at, is_cjk_or_hangul, SIZE_MAX) - at;
}

/* [\r\n] and then \s?\p{L}+ cannot meet, so they are one stage */
static size_t stage_deepseek_coder_words(struct slice text, size_t at)
{
    size_t end = run(text, at, is_newline, 1);
    return (end > at ? end : lead_run(text, at, is_space, is_letter)) - at;
}

static size_t stage_deepseek_coder_punctuation(struct slice text, size_t at)
{
    return lead_run(text, at, is_space, is_punctuation) - at;
}

static bool is_deepseek_lead(struct engine_unicode_char c) /* [^\r\n\p{L}\p{P}\p{S}] */
{
    return c.len > 0 && !is_newline(c) && !is_letter(c) && !is_punctuation_or_symbol(c);
}

static size_t deepseek_word(struct slice text, size_t at)
{
    struct engine_unicode_char c = engine_unicode_at(text, at);
    if (is_deepseek_lead(c)) { /* a mark may lead or belong to the word: greedy, so it leads */
        size_t end = run(text, at + c.len, is_letter_or_mark, SIZE_MAX);
        if (end > at + c.len)
            return end;
    }
    return run(text, at, is_letter_or_mark, SIZE_MAX);
}

/* [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t stage_deepseek3(struct slice text, size_t at)
{
    size_t end = at;
    if (is_ascii_punctuation(engine_unicode_at(text, at))) {
        end = run(text, at + 1, is_ascii_letter, SIZE_MAX);
        end = end > at + 1 ? end : at;
    }
    if (end == at)
        end = deepseek_word(text, at);
    if (end == at) {
        end = lead_run(text, at, is_blank, is_punctuation_or_symbol);
        if (end > at)
            end = run(text, end, is_newline, SIZE_MAX);
    }
    if (end == at)
        end = newlines(text, at);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

/* --- The table --- */

static const struct engine_pretokenizer table[] = {
    {.names = "default",
     .stages = {stage_default_punctuation, stage_gpt2, stage_numbers, stage_three_digits}},
    {.names =
         "gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert "
         "exaone4 mpt olmo jais trillion granite-docling",
     .stages = {stage_gpt2}},
    {.names = "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     .stages = {stage_llama3},
     .ignore_merges = true,
     .add_bos = true},
    {.names = "dbrx smaug-bpe glm4 chatglm-bpe", .stages = {stage_llama3}},
    {.names = "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open",
     .stages = {stage_qwen2}},
    {.names = "smollm starcoder refact command-r codeshell exaone",
     .stages = {stage_single_number, stage_gpt2}},
    {.names = "gpt-4o llama4 kanana2 talkie", .stages = {stage_gpt4o}},
    {.names = "tekken", .stages = {stage_tekken}, .ignore_merges = true},
    {.names = "falcon", .stages = {stage_falcon_punctuation, stage_gpt2, stage_three_digits}},
    {.names = "deepseek-v3", .stages = {stage_three_numbers, stage_cjk_kana, stage_deepseek3}},
    {.names = "deepseek-coder",
     .stages = {stage_deepseek_coder_words, stage_deepseek_coder_punctuation,
                stage_deepseek_coder_cjk, stage_single_number}},
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

/* As deep as there are stages: at most 4. */
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
