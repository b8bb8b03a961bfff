#include "engine/tokenizer/pretokenize_stage.h"

/* --- Sets of characters --- */

static bool is_newline_or_slash(struct engine_unicode_char c)
{
    return engine_is_newline(c) || c.code == '/';
}

static bool is_other(struct engine_unicode_char c) /* [^\s\p{L}\p{N}] */
{
    return c.len > 0 && !engine_is_letter(c) && !engine_is_number(c) && !engine_is_space(c);
}

static bool is_other_but_mark(struct engine_unicode_char c) /* [^\s\p{L}\p{M}\p{N}] */
{
    return is_other(c) && c.class != ENGINE_UNICODE_MARK;
}

static bool is_mark(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_MARK;
}

static bool is_letter_or_mark(struct engine_unicode_char c)
{
    return engine_is_letter(c) || is_mark(c);
}

/* The script Han, as far as Unicode 14 has characters for it. */
static bool is_han(struct engine_unicode_char c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x2e80, 0x2e99},   {0x2e9b, 0x2ef3},
                  {0x2f00, 0x2fd5},   {0x3005, 0x3005},   {0x3007, 0x3007},   {0x3021, 0x3029},
                  {0x3038, 0x303b},   {0xf900, 0xfa6d},   {0xfa70, 0xfad9},   {0x16fe2, 0x16fe3},
                  {0x16ff0, 0x16ff1}, {0x20000, 0x2a6df}, {0x2a700, 0x2ebe0}, {0x2f800, 0x2fa1d},
                  {0x30000, 0x323af}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (c.code >= ranges[i].first && c.code <= ranges[i].last)
            return true;
    }
    return false;
}

/* What a word may be made of where upper and lower case are told apart. */
struct cases {
    engine_char_test upper, lower;
};

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

static bool is_upperish_but_han(struct engine_unicode_char c)
{
    return is_upperish(c) && !is_han(c);
}

static bool is_lowerish_but_han(struct engine_unicode_char c)
{
    return is_lowerish(c) && !is_han(c);
}

static bool is_ascii_punctuation(struct engine_unicode_char c)
{
    return c.code < 128 && engine_is_punctuation_or_symbol(c);
}

static bool is_ascii_letter(struct engine_unicode_char c)
{
    return c.code < 128 && engine_is_letter(c);
}

/* --- Pieces of expressions: each gives the end of its match, or `at` when there is none --- */

static bool is_blank(struct engine_unicode_char c)
{
    return c.code == ' ';
}

/* [^\r\n\p{L}\p{N}] */
static bool is_word_lead(struct engine_unicode_char c)
{
    return c.len > 0 && !engine_is_newline(c) && !engine_is_letter(c) && !engine_is_number(c);
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
    size_t end = engine_run_of(text, at, engine_is_space, SIZE_MAX);
    if (end == at || end == text.len)
        return end;
    size_t last = engine_unicode_before(text, end);
    return last > at ? last : end;
}

/* `\s*[\r\n]+`: up to the last line end of a run of spaces. Behind a space that is no line end
 * there is none any more, or it would be part of the match before; so a run is looked through once.
 */
static size_t newlines(struct slice text, size_t at)
{
    size_t end = at;
    struct engine_unicode_char c = engine_char_before(text, at);
    if (engine_is_space(c) && !engine_is_newline(c))
        return at;
    for (size_t i = at;;) {
        c = engine_unicode_at(text, i);
        if (!engine_is_space(c))
            return end;
        i += c.len;
        if (engine_is_newline(c))
            end = i;
    }
}

/* --- What most of them are made of --- */

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?<letters>+|\p{N}{1,<digits>}| ?<other>+<tail>*|
 * \s*[\r\n]+|\s+(?!\S)|\s+ */
struct shape {
    bool contractions;
    size_t digits;
    engine_char_test letters, other, tail; /* tail: or NULL */
};

/* From the numbers on. */
static size_t rest_of_shape(struct slice text, size_t at, const struct shape *shape)
{
    size_t end = engine_run_of(text, at, engine_is_number, shape->digits);
    if (end == at) {
        end = engine_lead_run(text, at, is_blank, shape->other);
        if (end > at && shape->tail)
            end = engine_run_of(text, end, shape->tail, SIZE_MAX);
    }
    if (end == at)
        end = newlines(text, at);
    return end;
}

static size_t match_shape(struct slice text, size_t at, const struct shape *shape)
{
    size_t end = shape->contractions ? contraction(text, at, true) : at;
    if (end == at)
        end = engine_lead_run(text, at, is_word_lead, shape->letters);
    if (end == at)
        end = rest_of_shape(text, at, shape);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

/* --- Stages --- */

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t engine_stage_gpt2(struct slice text, size_t at)
{
    static const engine_char_test tests[] = {engine_is_letter, engine_is_number, is_other};
    size_t end = contraction(text, at, false);
    for (size_t i = 0; end == at && i < sizeof(tests) / sizeof(tests[0]); i++)
        end = engine_lead_run(text, at, is_blank, tests[i]);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

static const struct shape llama3 = {true, 3, engine_is_letter, is_other, engine_is_newline};
static const struct shape qwen2 = {true, 1, engine_is_letter, is_other, engine_is_newline};
static const struct shape qwen35 = {true, 1, is_letter_or_mark, is_other_but_mark,
                                    engine_is_newline};
static const struct shape seed_coder = {true, 1, engine_is_letter, is_other, NULL};
static const struct shape ufakzeka = {false, 1, engine_is_letter, is_other, engine_is_newline};

size_t engine_stage_llama3(struct slice text, size_t at)
{
    return match_shape(text, at, &llama3);
}

size_t engine_stage_qwen2(struct slice text, size_t at)
{
    return match_shape(text, at, &qwen2);
}

size_t engine_stage_qwen35(struct slice text, size_t at)
{
    return match_shape(text, at, &qwen35);
}

size_t engine_stage_seed_coder(struct slice text, size_t at)
{
    return match_shape(text, at, &seed_coder);
}

size_t engine_stage_ufakzeka(struct slice text, size_t at)
{
    return match_shape(text, at, &ufakzeka);
}

/* \s{512}(?!\S)|\s{256}(?!\S)|...|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1} */
static size_t halved_spaces(struct slice text, size_t at)
{
    size_t count = 0, end = at;
    while (count < 513 && engine_is_space(engine_unicode_at(text, end))) {
        end += engine_unicode_at(text, end).len;
        count++;
    }
    size_t most = end == text.len ? count : count - 1, piece = 512; /* what (?!\S) allows */
    if (count == 0)
        return at;
    while (piece > most && piece > 1)
        piece /= 2;
    return engine_run_of(text, at, engine_is_space, piece);
}

/* As llama3, with other spaces. */
size_t engine_stage_jais2(struct slice text, size_t at)
{
    size_t end = contraction(text, at, true);
    if (end == at)
        end = engine_lead_run(text, at, is_word_lead, engine_is_letter);
    if (end == at)
        end = rest_of_shape(text, at, &llama3);
    if (end == at)
        end = halved_spaces(text, at);
    return end - at;
}

/* `<upper>*<lower>+`; characters without case are in both sets, so the first run may have to give
 * some back. */
static size_t lower_word(struct slice text, size_t at, const struct cases *cases)
{
    size_t upper_end = engine_run_of(text, at, cases->upper, SIZE_MAX);
    size_t end = engine_run_of(text, upper_end, cases->lower, SIZE_MAX);
    if (end > upper_end)
        return end;
    for (size_t i = upper_end; i > at;) {
        size_t start = engine_unicode_before(text, i);
        if (cases->lower(engine_unicode_at(text, start)))
            return i;
        i = start;
    }
    return at;
}

/* `<upper>+<lower>*`, tried when the other has failed: nothing lower follows. */
static size_t upper_word(struct slice text, size_t at, const struct cases *cases)
{
    return engine_run_of(text, at, cases->upper, SIZE_MAX);
}

/* `[^\r\n\p{L}\p{N}]?` before either: with it first, as a greedy `?` tries. */
static size_t cased_word(struct slice text, size_t at, const struct cases *cases)
{
    static size_t (*const words[])(struct slice text, size_t at,
                                   const struct cases *cases) = {lower_word, upper_word};
    struct engine_unicode_char c = engine_unicode_at(text, at);
    for (size_t i = 0; i < 2; i++) {
        size_t from = at + c.len;
        size_t end = is_word_lead(c) ? words[i](text, from, cases) : from;
        if (end > from)
            return end;
        end = words[i](text, at, cases);
        if (end > at)
            return end;
    }
    return at;
}

/* Of `shape` the letters are not used: `cases` say what a word is. */
static size_t match_cased(struct slice text, size_t at, const struct cases *cases,
                          const struct shape *shape)
{
    size_t end = cased_word(text, at, cases);
    if (end > at && shape->contractions && end < text.len)
        end = contraction(text, end, true);
    if (end == at)
        end = rest_of_shape(text, at, shape);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

/* [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+<contraction>?|
 * [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*<contraction>?|
 * \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static const struct cases all_cases = {is_upperish, is_lowerish};

size_t engine_stage_gpt4o(struct slice text, size_t at)
{
    static const struct shape shape = {true, 3, NULL, is_other, is_newline_or_slash};
    return match_cased(text, at, &all_cases, &shape);
}

size_t engine_stage_youtu(struct slice text, size_t at) /* \p{N} */
{
    static const struct shape shape = {true, 1, NULL, is_other, is_newline_or_slash};
    return match_cased(text, at, &all_cases, &shape);
}

size_t engine_stage_tekken(struct slice text, size_t at) /* \p{N}, no contractions */
{
    static const struct shape shape = {false, 1, NULL, is_other, is_newline_or_slash};
    return match_cased(text, at, &all_cases, &shape);
}

/* [\p{Han}]+ first, and words without Han; [\r\n]* instead of [\r\n/]* */
size_t engine_stage_kimi(struct slice text, size_t at)
{
    static const struct cases cases = {is_upperish_but_han, is_lowerish_but_han};
    static const struct shape shape = {true, 3, NULL, is_other, engine_is_newline};
    size_t end = engine_run_of(text, at, is_han, SIZE_MAX);
    return end > at ? end - at : match_cased(text, at, &cases, &shape);
}

static bool is_deepseek_lead(struct engine_unicode_char c) /* [^\r\n\p{L}\p{P}\p{S}] */
{
    return c.len > 0 && !engine_is_newline(c) && !engine_is_letter(c) &&
           !engine_is_punctuation_or_symbol(c);
}

/* [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+ */
static size_t deepseek_word(struct slice text, size_t at, bool *ret_is_punctuation)
{
    size_t end = at;
    *ret_is_punctuation = false;
    if (is_ascii_punctuation(engine_unicode_at(text, at))) {
        end = engine_run_of(text, at + 1, is_ascii_letter, SIZE_MAX);
        end = end > at + 1 ? end : at;
    }
    if (end == at)
        end = engine_lead_run(text, at, is_deepseek_lead, is_letter_or_mark);
    if (end == at) {
        end = engine_lead_run(text, at, is_blank, engine_is_punctuation_or_symbol);
        *ret_is_punctuation = end > at;
    }
    return end;
}

/* ...[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
size_t engine_stage_deepseek3(struct slice text, size_t at)
{
    bool is_punctuation;
    size_t end = deepseek_word(text, at, &is_punctuation);
    if (is_punctuation)
        end = engine_run_of(text, end, engine_is_newline, SIZE_MAX);
    if (end == at)
        end = newlines(text, at);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

/* ...|[\r\n]|\s+(?!\S)|\s+ */
size_t engine_stage_spark(struct slice text, size_t at)
{
    bool is_punctuation;
    size_t end = deepseek_word(text, at, &is_punctuation);
    if (end == at)
        end = engine_run_of(text, at, engine_is_newline, 1);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

/* (?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+: letters with their marks, single blanks between letters. */
static size_t spaced_letters(struct slice text, size_t at)
{
    size_t end = at;
    for (size_t i = at;;) {
        struct engine_unicode_char c = engine_unicode_at(text, i);
        if (end > at && is_blank(c)) {
            i += c.len;
            c = engine_unicode_at(text, i);
        }
        if (!engine_is_letter(c))
            return end;
        i = end = engine_run_of(text, i + c.len, is_mark, SIZE_MAX);
    }
}

/* <contraction>|[^\r\n\p{L}\p{N}]?<spaced letters>|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|
 * \s+(?!\S)|\s+ */
size_t engine_stage_exaone_moe(struct slice text, size_t at)
{
    size_t end = contraction(text, at, true);
    struct engine_unicode_char c = engine_unicode_at(text, at);
    if (end == at && is_word_lead(c)) {
        end = spaced_letters(text, at + c.len);
        end = end > at + c.len ? end : at;
    }
    if (end == at)
        end = spaced_letters(text, at);
    if (end == at)
        end = engine_run_of(text, at, engine_is_number, 1);
    if (end == at) {
        end = engine_lead_run(text, at, is_blank, is_other);
        if (end > at)
            end = engine_run_of(text, end, is_newline_or_slash, 1);
    }
    if (end == at)
        end = newlines(text, at);
    if (end == at)
        end = spaces(text, at);
    return end - at;
}

/* [^(\s|.,!?...)]: the brackets stand inside the set, with dots, commas and marks of scripts. */
static bool is_bloom_word(struct engine_unicode_char c)
{
    static const uint32_t others[] = {'(',    '|',    '.',    ',',   '!',   '?',   0x2026,
                                      0x3002, 0xff0c, 0x3001, 0x964, 0x6d4, 0x60c, ')'};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (c.code == others[i])
            return false;
    }
    return c.len > 0 && !engine_is_space(c);
}

size_t engine_stage_bloom(struct slice text, size_t at)
{
    return engine_lead_run(text, at, is_blank, is_bloom_word) - at;
}
