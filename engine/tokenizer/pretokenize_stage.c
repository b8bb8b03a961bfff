#include "engine/tokenizer/pretokenize_stage.h"

/* --- Runs --- */

struct engine_unicode_char engine_char_before(struct slice text, size_t at)
{
    if (at == 0)
        return (struct engine_unicode_char){0};
    return engine_unicode_at(text, engine_unicode_before(text, at));
}

size_t engine_run_of(struct slice text, size_t at, engine_char_test test, size_t most)
{
    for (; most > 0; most--) {
        struct engine_unicode_char c = engine_unicode_at(text, at);
        if (c.len == 0 || !test(c))
            break;
        at += c.len;
    }
    return at;
}

size_t engine_lead_run(struct slice text, size_t at, engine_char_test lead, engine_char_test test)
{
    struct engine_unicode_char c = engine_unicode_at(text, at);
    if (c.len > 0 && lead(c)) {
        size_t end = engine_run_of(text, at + c.len, test, SIZE_MAX);
        if (end > at + c.len)
            return end;
    }
    return engine_run_of(text, at, test, SIZE_MAX);
}

static size_t run_len(struct slice text, size_t at, engine_char_test test)
{
    return engine_run_of(text, at, test, SIZE_MAX) - at;
}

/* --- Numbers --- */

size_t engine_stage_number(struct slice text, size_t at) /* \p{N} */
{
    return engine_run_of(text, at, engine_is_number, 1) - at;
}

size_t engine_stage_numbers(struct slice text, size_t at) /* \p{N}+ */
{
    return run_len(text, at, engine_is_number);
}

size_t engine_stage_three_numbers(struct slice text, size_t at) /* \p{N}{1,3} */
{
    return engine_run_of(text, at, engine_is_number, 3) - at;
}

static bool is_ascii_digit(struct engine_unicode_char c)
{
    return c.code >= '0' && c.code <= '9';
}

size_t engine_stage_three_digits(struct slice text, size_t at) /* [0-9][0-9][0-9] */
{
    size_t end = engine_run_of(text, at, is_ascii_digit, 3);
    return end - at == 3 ? 3 : 0;
}

/* \p{N}{1,3}(?=(\p{N}{3})*(?!\p{N})): threes counted from the right. Behind a number the rest of
 * the run is whole threes, so that it is counted only once. */
size_t engine_stage_numbers_from_right(struct slice text, size_t at)
{
    size_t count = 0;
    struct engine_unicode_char c;
    if (engine_is_number(engine_char_before(text, at)))
        return engine_stage_three_numbers(text, at);
    for (size_t i = at;; i += c.len, count++) {
        c = engine_unicode_at(text, i);
        if (!engine_is_number(c))
            break;
    }
    return count == 0 ? 0 : engine_run_of(text, at, engine_is_number, (count - 1) % 3 + 1) - at;
}

/* --- Lines and spaces --- */

static bool is_line_feed(struct engine_unicode_char c)
{
    return c.code == '\n';
}

static bool is_in_line(struct engine_unicode_char c)
{
    return c.code != '\n';
}

size_t engine_stage_lines(struct slice text, size_t at) /* [^\n]+|[\n]+ */
{
    size_t len = run_len(text, at, is_in_line);
    return len > 0 ? len : run_len(text, at, is_line_feed);
}

size_t engine_stage_trailing_spaces(struct slice text, size_t at) /* \s+$ */
{
    if (engine_is_space(engine_char_before(text, at)))
        return 0; /* the run was looked at from its start */
    size_t end = engine_run_of(text, at, engine_is_space, SIZE_MAX);
    return end == text.len ? end - at : 0;
}

size_t engine_stage_tab_or_blanks(struct slice text, size_t at) /* ([\t\n]|    |  ) */
{
    struct slice rest = slice_sub(text, at, 4);
    if (rest.ptr[0] == '\t' || rest.ptr[0] == '\n')
        return 1;
    return slice_eq(rest, SLICE("    ")) ? 4 : slice_starts_with(rest, SLICE("  ")) ? 2 : 0;
}

/* --- Punctuation --- */

static bool is_punctuation(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_PUNCTUATION;
}

static bool is_default_punctuation(struct engine_unicode_char c)
{
    return is_punctuation(c) || (c.code > 0 && c.code < 128 && strchr("$+<=>^~|", (int)c.code));
}

static bool is_falcon_punctuation(struct engine_unicode_char c)
{
    return is_default_punctuation(c) || c.code == '`';
}

size_t engine_stage_default_punctuation(struct slice text, size_t at) /* [\p{P}\$\+<=>\^~\|]+ */
{
    return run_len(text, at, is_default_punctuation);
}

size_t engine_stage_falcon_punctuation(struct slice text, size_t at) /* [\p{P}\$\+<=>\^~\|`]+ */
{
    return run_len(text, at, is_falcon_punctuation);
}

static bool is_chameleon_punctuation(struct engine_unicode_char c)
{
    return is_punctuation(c) || (c.code < 128 && c.class == ENGINE_UNICODE_SYMBOL);
}

size_t engine_stage_one_punctuation(struct slice text, size_t at) /* [\p{P}!-/:-@\[-`{-~] */
{
    return engine_run_of(text, at, is_chameleon_punctuation, 1) - at;
}

size_t engine_stage_deepseek_coder_punctuation(struct slice text, size_t at) /* \s?\p{P}+ */
{
    return engine_lead_run(text, at, engine_is_space, is_punctuation) - at;
}

/* --- Sets given as ranges --- */

struct range {
    uint32_t first, last;
};

static bool is_among(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}
#define IS_AMONG(c, ranges) is_among((c).code, ranges, sizeof(ranges) / sizeof((ranges)[0]))

static bool is_cjk_or_kana(struct engine_unicode_char c)
{
    static const struct range ranges[] = {{0x4e00, 0x9fa5}, {0x3040, 0x30ff}};
    return IS_AMONG(c, ranges);
}

size_t engine_stage_cjk_kana(struct slice text, size_t at)
{
    return run_len(text, at, is_cjk_or_kana);
}

static bool is_deepseek_cjk(struct engine_unicode_char c)
{
    static const struct range ranges[] = {{0x800, 0x9fa5}, {0xac00, 0xd7ff}};
    return IS_AMONG(c, ranges);
}

size_t engine_stage_deepseek_cjk(struct slice text, size_t at)
{
    return run_len(text, at, is_deepseek_cjk);
}

/* [\r\n] and then \s?\p{L}+ cannot meet, so they are one stage */
size_t engine_stage_deepseek_coder_words(struct slice text, size_t at)
{
    size_t end = engine_run_of(text, at, engine_is_newline, 1);
    return (end > at ? end : engine_lead_run(text, at, engine_is_space, engine_is_letter)) - at;
}

/* The letters with case of that tokenizer's list: those of Unicode but for these. */
static bool is_deepseek_letter(struct engine_unicode_char c)
{
    static const struct range missing[] = {
        {0x560, 0x588},   {0x10c7, 0x10ff}, {0x1c80, 0x1c88},   {0x2d00, 0x2d2d},
        {0xa790, 0xa7fa}, {0xab30, 0xab68}, {0x10570, 0x105bc}, {0x16e40, 0x1dfff},
    };
    return (c.class == ENGINE_UNICODE_UPPER || c.class == ENGINE_UNICODE_LOWER) &&
           !IS_AMONG(c, missing);
}

size_t engine_stage_deepseek_llm_words(struct slice text, size_t at) /* as of deepseek-coder */
{
    size_t end = engine_run_of(text, at, engine_is_newline, 1);
    return (end > at ? end : engine_lead_run(text, at, engine_is_space, is_deepseek_letter)) - at;
}

static bool is_deepseek_punctuation(struct engine_unicode_char c)
{
    static const struct range ranges[] = {
        {'!', '/'},       {':', '~'},       {0xff01, 0xff0f},
        {0xff1a, 0xff5e}, {0x2018, 0x201f}, {0x3000, 0x3002},
    };
    return IS_AMONG(c, ranges);
}

/* \s? and then !-/ :-~ (which has letters in it), their wide forms, quotes, U+3000 to U+3002 */
size_t engine_stage_deepseek_llm_punctuation(struct slice text, size_t at)
{
    return engine_lead_run(text, at, engine_is_space, is_deepseek_punctuation) - at;
}

static bool is_hangul(struct engine_unicode_char c)
{
    static const struct range ranges[] = {{0xac00, 0xd7a3}, {0x3131, 0x318e}};
    return IS_AMONG(c, ranges);
}

static bool is_wide_punctuation(struct engine_unicode_char c)
{
    static const struct range ranges[] = {{0xff01, 0xff01}, {0x2026, 0x2026}, {0x201c, 0x201d},
                                          {0x2018, 0x2019}, {0x2014, 0x2014}, {0xff1a, 0xff1b},
                                          {0xff0c, 0xff0c}, {0x3001, 0x303f}, {0xfe30, 0xfe4f}};
    return IS_AMONG(c, ranges);
}

static bool is_bopomofo(struct engine_unicode_char c)
{
    return c.code >= 0x3105 && c.code <= 0x312f;
}

/* Runs of Hangul, of punctuation, of Bopomofo, of Han and kana: the sets have nothing in common. */
size_t engine_stage_youtu_scripts(struct slice text, size_t at)
{
    static const engine_char_test tests[] = {is_hangul, is_wide_punctuation, is_bopomofo,
                                             is_cjk_or_kana};
    size_t len = 0;
    for (size_t i = 0; len == 0 && i < sizeof(tests) / sizeof(tests[0]); i++)
        len = run_len(text, at, tests[i]);
    return len;
}

static bool is_afmoe_script(struct engine_unicode_char c)
{
    static const struct range ranges[] = {
        {0x4e00, 0x9fff}, {0x3400, 0x4dbf}, {0xf900, 0xfaff}, {0x3040, 0x30ff}, {0xff65, 0xff9f},
        {0x2f00, 0x2fdf}, {0xe40, 0xeff},   {0x1780, 0x17ff}, {0x1000, 0x109f}, {0xaa60, 0xaa7f},
        {0xa9e0, 0xa9ff}, {0xac00, 0xd7af}, {0x1100, 0x11ff}};
    return IS_AMONG(c, ranges);
}

size_t engine_stage_afmoe_scripts(struct slice text, size_t at) /* Han, kana, Thai, Khmer... */
{
    return run_len(text, at, is_afmoe_script);
}

/* --- Markup --- */

size_t engine_stage_sentinel(struct slice text, size_t at) /* <sentinel:[0-9]+> */
{
    struct slice head = SLICE("<sentinel:");
    if (!slice_starts_with(slice_sub(text, at, SIZE_MAX), head))
        return 0;
    size_t end = engine_run_of(text, at + head.len, is_ascii_digit, SIZE_MAX);
    return end > at + head.len && end < text.len && text.ptr[end] == '>' ? end + 1 - at : 0;
}

static bool is_a_to_i(struct engine_unicode_char c)
{
    return c.code >= 'A' && c.code <= 'I';
}

size_t engine_stage_image(struct slice text, size_t at) /* (IMGIMG)((A|B|...|I){1,4})Z */
{
    struct slice head = SLICE("IMGIMG");
    if (!slice_starts_with(slice_sub(text, at, SIZE_MAX), head))
        return 0;
    size_t end = engine_run_of(text, at + head.len, is_a_to_i, 4);
    return end > at + head.len && end < text.len && text.ptr[end] == 'Z' ? end + 1 - at : 0;
}
