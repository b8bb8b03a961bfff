/* Special tokens: which there are, which end an answer, which serve fill-in-the-middle. */
#include "engine/tokenizer/tokenizer.h"

#include <stdlib.h>

#include "engine/unicode/unicode.h"

/* What the kinds have always had where a file does not say; used when the vocabulary has so many
 * tokens. */
static const struct {
    enum engine_tokenizer_kind kind;
    enum engine_special which;
    int32_t id;
} kind_ids[] = {
    {ENGINE_TOKENIZER_SPM, ENGINE_SPECIAL_BOS, 1},
    {ENGINE_TOKENIZER_SPM, ENGINE_SPECIAL_EOS, 2},
    {ENGINE_TOKENIZER_SPM, ENGINE_SPECIAL_UNKNOWN, 0},
    {ENGINE_TOKENIZER_WPM, ENGINE_SPECIAL_CLS, 101},
    {ENGINE_TOKENIZER_WPM, ENGINE_SPECIAL_UNKNOWN, 100},
    {ENGINE_TOKENIZER_WPM, ENGINE_SPECIAL_SEPARATOR, 102},
    {ENGINE_TOKENIZER_WPM, ENGINE_SPECIAL_PADDING, 0},
    {ENGINE_TOKENIZER_WPM, ENGINE_SPECIAL_MASK, 103},
    {ENGINE_TOKENIZER_UGM, ENGINE_SPECIAL_EOS, 1},
    {ENGINE_TOKENIZER_UGM, ENGINE_SPECIAL_UNKNOWN, 2},
    {ENGINE_TOKENIZER_UGM, ENGINE_SPECIAL_PADDING, 0},
};

/* Texts by which tokens are known, whether or not the file names their ids. The texts that end an
 * answer do so in every model. */
struct known_text {
    const char *text;
    enum engine_special which; /* COUNT = none but that it ends an answer */
    bool ends;
};

#define BAR "\xef\xbd\x9c" /* U+FF5C */
#define LOW "\xe2\x96\x81" /* U+2581 */
static const struct known_text known_texts[] = {
    {"<|eot_id|>", ENGINE_SPECIAL_EOT, true},
    {"<|im_end|>", ENGINE_SPECIAL_EOT, true},
    {"<|end|>", ENGINE_SPECIAL_EOT, true},
    {"<end_of_turn>", ENGINE_SPECIAL_EOT, true},
    {"<|end_of_turn|>", ENGINE_SPECIAL_COUNT, true},
    {"<|endoftext|>", ENGINE_SPECIAL_EOT, true},
    {"<|end_of_text|>", ENGINE_SPECIAL_EOT, true},
    {"<|eot|>", ENGINE_SPECIAL_COUNT, true},
    {"<EOT>", ENGINE_SPECIAL_EOT, true},
    {"_<EOT>", ENGINE_SPECIAL_EOT, true},
    {"[EOT]", ENGINE_SPECIAL_EOT, true},
    {"[EOS]", ENGINE_SPECIAL_COUNT, true},
    {"<" BAR "end" LOW "of" LOW "sentence" BAR ">", ENGINE_SPECIAL_EOT, true},
    {"<end_of_utterance>", ENGINE_SPECIAL_EOT, true},
    {"<|eom_id|>", ENGINE_SPECIAL_EOM, true},
    {"</s>", ENGINE_SPECIAL_COUNT, true},
    {"<eos>", ENGINE_SPECIAL_COUNT, true},
    {"<|return|>", ENGINE_SPECIAL_COUNT, true},
    {"<|call|>", ENGINE_SPECIAL_COUNT, true},
    {"<|calls|>", ENGINE_SPECIAL_COUNT, true},
    {"<|flush|>", ENGINE_SPECIAL_COUNT, true},
    {"<turn|>", ENGINE_SPECIAL_COUNT, true},
    {"<|tool_response>", ENGINE_SPECIAL_COUNT, true},
    {"[e~[", ENGINE_SPECIAL_COUNT, true},
    {"<|fim_prefix|>", ENGINE_SPECIAL_FIM_PREFIX, false},
    {"<fim-prefix>", ENGINE_SPECIAL_FIM_PREFIX, false},
    {"<fim_prefix>", ENGINE_SPECIAL_FIM_PREFIX, false},
    {"<" BAR "fim" LOW "begin" BAR ">", ENGINE_SPECIAL_FIM_PREFIX, false},
    {"<PRE>", ENGINE_SPECIAL_FIM_PREFIX, false},
    {LOW "<PRE>", ENGINE_SPECIAL_FIM_PREFIX, false},
    {"<|code_prefix|>", ENGINE_SPECIAL_FIM_PREFIX, false},
    {"<|prefix|>", ENGINE_SPECIAL_FIM_PREFIX, false},
    {"<|fim_suffix|>", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {"<fim-suffix>", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {"<fim_suffix>", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {"<" BAR "fim" LOW "hole" BAR ">", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {"<SUF>", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {LOW "<SUF>", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {"<|code_suffix|>", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {"<|suffix|>", ENGINE_SPECIAL_FIM_SUFFIX, false},
    {"<|fim_middle|>", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {"<fim-middle>", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {"<fim_middle>", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {"<" BAR "fim" LOW "end" BAR ">", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {"<MID>", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {LOW "<MID>", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {"<|code_middle|>", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {"<|middle|>", ENGINE_SPECIAL_FIM_MIDDLE, false},
    {"<|fim_pad|>", ENGINE_SPECIAL_FIM_PAD, false},
    {"<fim-pad>", ENGINE_SPECIAL_FIM_PAD, false},
    {"<fim_pad>", ENGINE_SPECIAL_FIM_PAD, false},
    {"<PAD>", ENGINE_SPECIAL_FIM_PAD, false},
    {"<|fim_repo|>", ENGINE_SPECIAL_FIM_REPO, false},
    {"<|repo_name|>", ENGINE_SPECIAL_FIM_REPO, false},
    {"<fim-repo>", ENGINE_SPECIAL_FIM_REPO, false},
    {"<REPO>", ENGINE_SPECIAL_FIM_REPO, false},
    {"<reponame>", ENGINE_SPECIAL_FIM_REPO, false},
    {"<|file_sep|>", ENGINE_SPECIAL_FIM_SEPARATOR, false},
};
enum { KNOWN_COUNT = sizeof(known_texts) / sizeof(known_texts[0]) };

/* All of them begin with one of these bytes and are short: most tokens need no more than a look. */
static const struct known_text *find_known(struct slice text)
{
    if (text.len < 4 || text.len > 40 || !strchr("<[_\xe2", text.ptr[0]))
        return NULL;
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (slice_eq_str(text, known_texts[i].text))
            return &known_texts[i];
    }
    return NULL;
}

/* Some files forget to mark them; but an ordinary word of that text, as vocabularies of code have,
 * stays one: so only such that nobody would write by chance. */
static bool is_markup(struct slice text)
{
    return slice_starts_with(text, SLICE("<|")) || slice_starts_with(text, SLICE("<" BAR)) ||
           slice_starts_with(text, SLICE("<end_of_")) || slice_starts_with(text, SLICE("<fim"));
}

enum base_err engine_tokenizer_types(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    tok->types = malloc(vocab->token_count);
    if (!tok->types)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary");
    if (vocab->types)
        memcpy(tok->types, vocab->types, vocab->token_count);
    else
        memset(tok->types, ENGINE_TOKEN_NORMAL, vocab->token_count);
    memcpy(tok->special, vocab->special, sizeof(tok->special));
    for (uint32_t i = 0; i < vocab->token_count; i++) {
        const struct known_text *known = find_known(vocab->texts[i]);
        if (!known || (tok->types[i] == ENGINE_TOKEN_NORMAL && !is_markup(vocab->texts[i])))
            continue;
        tok->types[i] = ENGINE_TOKEN_CONTROL;
        if (known->which != ENGINE_SPECIAL_COUNT && tok->special[known->which] < 0)
            tok->special[known->which] = (int32_t)i;
    }
    for (size_t i = 0; i < sizeof(kind_ids) / sizeof(kind_ids[0]); i++) {
        if (kind_ids[i].kind == tok->kind && tok->special[kind_ids[i].which] < 0 &&
            kind_ids[i].id < (int32_t)vocab->token_count)
            tok->special[kind_ids[i].which] = kind_ids[i].id;
    }
    if (tok->kind == ENGINE_TOKENIZER_WPM) {
        if (vocab->special[ENGINE_SPECIAL_CLS] >= 0 || tok->special[ENGINE_SPECIAL_BOS] < 0)
            tok->special[ENGINE_SPECIAL_BOS] = tok->special[ENGINE_SPECIAL_CLS];
        tok->special[ENGINE_SPECIAL_EOS] = tok->special[ENGINE_SPECIAL_SEPARATOR];
    }
    return BASE_OK;
}

/* --- Tokens that end an answer --- */

static bool has_end(const struct engine_tokenizer *tok, const char *text)
{
    for (size_t i = 0; i < tok->special_count; i++) {
        if ((tok->flags[tok->specials[i]] & ENGINE_TOKEN_FLAG_END) &&
            slice_eq_str(tok->bytes[tok->specials[i]], text))
            return true;
    }
    return false;
}

static void unmark(struct engine_tokenizer *tok, const char *text)
{
    for (size_t i = 0; i < tok->special_count; i++) {
        if (slice_eq_str(tok->bytes[tok->specials[i]], text))
            tok->flags[tok->specials[i]] &= (uint8_t)~ENGINE_TOKEN_FLAG_END;
    }
}

static void mark_ends(struct engine_tokenizer *tok)
{
    static const enum engine_special named[] = {
        ENGINE_SPECIAL_EOS,     ENGINE_SPECIAL_EOT,      ENGINE_SPECIAL_EOM,
        ENGINE_SPECIAL_FIM_PAD, ENGINE_SPECIAL_FIM_REPO, ENGINE_SPECIAL_FIM_SEPARATOR};
    for (size_t i = 0; i < tok->special_count; i++) {
        const struct known_text *known = find_known(tok->bytes[tok->specials[i]]);
        if (known && known->ends)
            tok->flags[tok->specials[i]] |= ENGINE_TOKEN_FLAG_END;
    }
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (tok->special[named[i]] >= 0)
            tok->flags[tok->special[named[i]]] |= ENGINE_TOKEN_FLAG_END;
    }
    /* Where an answer has several messages, the end of one is not the end of all. */
    if ((has_end(tok, "<|return|>") && has_end(tok, "<|call|>")) ||
        (has_end(tok, "<|calls|>") && has_end(tok, "<|flush|>")))
        unmark(tok, "<|end|>");
    if (has_end(tok, "<|tool_response>"))
        unmark(tok, "</s>");
}

/* --- Lists of special tokens --- */

bool engine_is_white_space(struct slice text)
{
    struct engine_unicode_char c;
    for (size_t at = 0; at < text.len; at += c.len) {
        c = engine_unicode_at(text, at);
        if (c.class != ENGINE_UNICODE_SPACE)
            return false;
    }
    return true;
}

static int compare_specials(const void *a, const void *b, void *user)
{
    const struct engine_tokenizer *tok = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = slice_cmp(tok->bytes[x], tok->bytes[y]);
    return order != 0 ? order : (x > y) - (x < y);
}

enum base_err engine_tokenizer_specials(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    size_t count = 0;
    for (uint32_t i = 0; i < vocab->token_count; i++)
        count += engine_is_written_plainly(tok->types[i]) && vocab->texts[i].len > 0;
    tok->specials = calloc(count ? count : 1, sizeof(uint32_t));
    tok->plain_specials = calloc(count ? count : 1, sizeof(uint32_t));
    if (!tok->specials || !tok->plain_specials)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the special tokens");
    for (uint32_t i = 0; i < vocab->token_count; i++) {
        if (!engine_is_written_plainly(tok->types[i]) || vocab->texts[i].len == 0)
            continue;
        tok->specials[tok->special_count++] = i;
        if (tok->types[i] == ENGINE_TOKEN_USER_DEFINED && engine_is_white_space(tok->bytes[i]))
            tok->plain_specials[tok->plain_special_count++] = i;
    }
    qsort_r(tok->specials, tok->special_count, sizeof(uint32_t), compare_specials, tok);
    qsort_r(tok->plain_specials, tok->plain_special_count, sizeof(uint32_t), compare_specials, tok);
    mark_ends(tok);
    return BASE_OK;
}

int32_t engine_tokenizer_special(const struct engine_tokenizer *tok, enum engine_special which)
{
    return which < ENGINE_SPECIAL_COUNT ? tok->special[which] : ENGINE_TOKENIZER_NONE;
}
