#include "engine/template/markup.h"

#include "engine/tokenizer/tokenizer.h"

/* The first row whose words all stand in the template. */
static const struct family {
    enum engine_markup_tools tools;
    const char *has, *also, *too;
} families[] = {
    {ENGINE_MARKUP_TOOLS_HARMONY, "<|channel|>", "<|message|>", NULL},
    {ENGINE_MARKUP_TOOLS_MISTRAL_ARGS, "[TOOL_CALLS]", "[ARGS]", NULL},
    {ENGINE_MARKUP_TOOLS_MISTRAL, "[TOOL_CALLS]", NULL, NULL},
    {ENGINE_MARKUP_TOOLS_DEEPSEEK_FENCED, "<｜tool▁sep｜>", "```json", "tools"},
    {ENGINE_MARKUP_TOOLS_DEEPSEEK, "<｜tool▁sep｜>", "tools", NULL},
    {ENGINE_MARKUP_TOOLS_NEMOTRON, "<TOOLCALL>[", "tools", NULL},
    {ENGINE_MARKUP_TOOLS_APRIEL, "<tool_calls>[", "tools", NULL},
    /* Others use the same marker for arguments that are not JSON. */
    {ENGINE_MARKUP_TOOLS_NONE, "<tool_call>", "<arg_key>", NULL},
    {ENGINE_MARKUP_TOOLS_TAGGED, "<tool_call>", "<function=", "<parameter="},
    {ENGINE_MARKUP_TOOLS_NONE, "<tool_call>", "<invoke", NULL},
    {ENGINE_MARKUP_TOOLS_NONE, "<function=", NULL, NULL},
    {ENGINE_MARKUP_TOOLS_HERMES, "<tool_call>", "tools", NULL},
    {ENGINE_MARKUP_TOOLS_LLAMA, "<|python_tag|>", "tools", NULL},
    {ENGINE_MARKUP_TOOLS_LLAMA, "<|start_header_id|>", "\"parameters\"", NULL},
};

#define DEEPSEEK_OPEN "<｜tool▁call▁begin｜>"
#define DEEPSEEK_SEP "<｜tool▁sep｜>"
#define DEEPSEEK_CLOSE "<｜tool▁call▁end｜>"

const struct engine_markup_call *engine_markup_call(enum engine_markup_tools tools)
{
    static const struct engine_markup_call calls[ENGINE_MARKUP_TOOLS_COUNT] = {
        [ENGINE_MARKUP_TOOLS_HERMES] = {.marker = SLICE_INIT("<tool_call>"),
                                        .end = SLICE_INIT("</tool_call>")},
        [ENGINE_MARKUP_TOOLS_TAGGED] = {.marker = SLICE_INIT("<tool_call>"),
                                        .end = SLICE_INIT("</tool_call>")},
        [ENGINE_MARKUP_TOOLS_LLAMA] = {.marker = SLICE_INIT("<|python_tag|>")},
        [ENGINE_MARKUP_TOOLS_MISTRAL] = {.marker = SLICE_INIT("[TOOL_CALLS]")},
        [ENGINE_MARKUP_TOOLS_MISTRAL_ARGS] = {.marker = SLICE_INIT("[TOOL_CALLS]")},
        [ENGINE_MARKUP_TOOLS_NEMOTRON] = {.marker = SLICE_INIT("<TOOLCALL>"),
                                          .end = SLICE_INIT("</TOOLCALL>")},
        [ENGINE_MARKUP_TOOLS_APRIEL] = {.marker = SLICE_INIT("<tool_calls>"),
                                        .end = SLICE_INIT("</tool_calls>")},
        [ENGINE_MARKUP_TOOLS_DEEPSEEK] = {.marker = SLICE_INIT("<｜tool▁calls▁begin｜>"),
                                          .open = SLICE_INIT(DEEPSEEK_OPEN),
                                          .behind_name = SLICE_INIT(DEEPSEEK_SEP),
                                          .close = SLICE_INIT(DEEPSEEK_CLOSE),
                                          .end = SLICE_INIT("<｜tool▁calls▁end｜>")},
        [ENGINE_MARKUP_TOOLS_DEEPSEEK_FENCED] = {.marker = SLICE_INIT("<｜tool▁calls▁begin｜>"),
                                                 .open = SLICE_INIT(DEEPSEEK_OPEN
                                                                    "function" DEEPSEEK_SEP),
                                                 .behind_name = SLICE_INIT("\n```json\n"),
                                                 .close = SLICE_INIT("```" DEEPSEEK_CLOSE),
                                                 .end = SLICE_INIT("<｜tool▁calls▁end｜>")},
    };
    return &calls[tools];
}

static const struct thinking {
    const char *has;
    struct slice open, close;
} thinkings[] = {
    {"[THINK]", SLICE_INIT("[THINK]"), SLICE_INIT("[/THINK]")},
    {"<think>", SLICE_INIT("<think>"), SLICE_INIT("</think>")},
    {"</think>", SLICE_INIT("<think>"), SLICE_INIT("</think>")},
};

static bool stands_in(struct slice jinja, const char *word)
{
    return !word || slice_find(jinja, slice_from_str(word)) != SIZE_MAX;
}

void engine_markup_detect(struct slice jinja, struct engine_markup *ret)
{
    *ret = (struct engine_markup){.open = SLICE_NONE, .close = SLICE_NONE};
    if (slice_is_absent(jinja))
        return;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (stands_in(jinja, families[i].has) && stands_in(jinja, families[i].also) &&
            stands_in(jinja, families[i].too)) {
            ret->tools = families[i].tools;
            break;
        }
    ret->is_harmony = ret->tools == ENGINE_MARKUP_TOOLS_HARMONY;
    for (size_t i = 0; !ret->is_harmony && i < sizeof(thinkings) / sizeof(thinkings[0]); i++)
        if (stands_in(jinja, thinkings[i].has)) {
            ret->open = thinkings[i].open;
            ret->close = thinkings[i].close;
            return;
        }
}

bool engine_markup_thinks(const struct engine_markup *markup)
{
    return markup->is_harmony || !slice_is_absent(markup->open);
}

const char *engine_markup_token(const struct engine_markup *markup, size_t index)
{
    /* What ends a generation (<|call|>, <|return|>) is not among them. */
    static const char *const harmony[] = {"<|start|>", "<|channel|>",   "<|message|>",
                                          "<|end|>",   "<|constrain|>", NULL};
    static const char *const others[] = {"<think>",
                                         "</think>",
                                         "[THINK]",
                                         "[/THINK]",
                                         "<tool_call>",
                                         "</tool_call>",
                                         "<TOOLCALL>",
                                         "</TOOLCALL>",
                                         "<tool_calls>",
                                         "</tool_calls>",
                                         "[TOOL_CALLS]",
                                         "[ARGS]",
                                         "[CALL_ID]",
                                         "<|python_tag|>",
                                         "<｜tool▁calls▁begin｜>",
                                         DEEPSEEK_OPEN,
                                         DEEPSEEK_SEP,
                                         DEEPSEEK_CLOSE,
                                         "<｜tool▁calls▁end｜>",
                                         NULL};
    if (markup->is_harmony)
        return index < sizeof(harmony) / sizeof(harmony[0]) ? harmony[index] : NULL;
    if (markup->tools == ENGINE_MARKUP_TOOLS_NONE && slice_is_absent(markup->open))
        return NULL;
    return index < sizeof(others) / sizeof(others[0]) ? others[index] : NULL;
}

void engine_tokenizer_show(struct engine_tokenizer *tok, const struct engine_markup *markup)
{
    const char *text;
    for (size_t k = 0; (text = engine_markup_token(markup, k)) != NULL; k++)
        for (size_t i = 0; i < tok->special_count; i++)
            if (slice_eq_str(tok->bytes[tok->specials[i]], text))
                tok->flags[tok->specials[i]] &=
                    (uint8_t) ~(ENGINE_TOKEN_FLAG_HIDDEN | ENGINE_TOKEN_FLAG_END);
}
