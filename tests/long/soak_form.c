#include "tests/long/soak_form.h"

#include "tests/long/soak_request.h"

#define NUMBER_SCHEMA                                                                              \
    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":0,"              \
    "\"maximum\":99}},\"required\":[\"n\"],\"additionalProperties\":false}"
#define CHOICE_SCHEMA                                                                              \
    "{\"type\":\"object\",\"properties\":{\"which\":{\"enum\":[\"a\",\"b\"]}},"                    \
    "\"required\":[\"which\"],\"additionalProperties\":false}"

static const struct engine_tool tools[] = {
    {.name = SLICE_INIT("set"), .parameters = SLICE_INIT(NUMBER_SCHEMA), .strict = true},
    {.name = SLICE_INIT("choose"), .parameters = SLICE_INIT(CHOICE_SCHEMA), .strict = true},
};
enum { TOOLS = sizeof(tools) / sizeof(tools[0]) };

const char soak_tools_json[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"set\",\"parameters\":" NUMBER_SCHEMA
    "}},{\"type\":\"function\",\"function\":{\"name\":\"choose\",\"parameters\":" CHOICE_SCHEMA
    "}}]";

void soak_form_choose(struct soak_form *form, const struct engine_markup *markup, uint64_t *random,
                      struct engine_grammar **ret_grammar)
{
    form->must_call = soak_below(random, 2) == 0;
    form->one_call = soak_below(random, 2) == 0;
    form->is_json = soak_below(random, 3) == 0;
    struct engine_form wanted = {.tools = tools,
                                 .tool_count = TOOLS,
                                 .must_call = form->must_call,
                                 .one_call = form->one_call};
    if (form->is_json) {
        wanted.content = ENGINE_CONTENT_SCHEMA;
        wanted.schema = SLICE("{\"type\":\"boolean\"}");
    }
    if (engine_grammar_from_form(markup, &wanted, ret_grammar, NULL))
        *ret_grammar = NULL;
}

static void on_piece(void *user, const struct engine_piece *piece)
{
    struct soak_parts *p = user;
    enum base_err err = BASE_OK;
    if (piece->type == ENGINE_PIECE_TEXT) {
        err = buffer_add_slice(&p->text, piece->text);
    } else if (piece->type != ENGINE_PIECE_REASONING) {
        if (piece->call + 1 > p->calls)
            p->calls = piece->call + 1;
        if (piece->call < SOAK_CALLS_MAX)
            err = buffer_add_slice(piece->type == ENGINE_PIECE_CALL ? &p->names[piece->call]
                                                                    : &p->arguments[piece->call],
                                   piece->text);
    }
    p->failed = p->failed || err;
}

void soak_parts_init(struct soak_parts *parts, const struct engine_markup *markup,
                     const struct soak_form *form)
{
    memset(parts, 0, sizeof(*parts));
    const struct engine_answer_options options = {.with_tools = true, .is_json = form->is_json};
    parts->failed = engine_answer_new(markup, &options, &parts->answer, NULL) != BASE_OK;
    buffer_init(&parts->text, 1 << 16);
    for (size_t i = 0; i < SOAK_CALLS_MAX; i++) {
        buffer_init(&parts->names[i], 1 << 10);
        buffer_init(&parts->arguments[i], 1 << 16);
    }
}

void soak_parts_push(struct soak_parts *parts, struct slice text)
{
    if (!parts->failed && engine_answer_push(parts->answer, text, on_piece, parts))
        parts->failed = true;
}

void soak_parts_end(struct soak_parts *parts, bool cut_off)
{
    if (!parts->failed && engine_answer_finish(parts->answer, cut_off, on_piece, parts))
        parts->failed = true;
}

static bool fits(struct slice schema, const struct buffer *text)
{
    struct engine_grammar *grammar = NULL;
    if (engine_grammar_from_schema(schema, &grammar, NULL))
        return false;
    bool is = engine_grammar_matches(grammar, buffer_slice(text));
    engine_grammar_unref(grammar);
    return is;
}

const char *soak_parts_check(const struct soak_parts *parts, const struct soak_form *form)
{
    if (parts->failed)
        return "an answer that cannot be taken apart";
    if (form->must_call && parts->calls == 0)
        return "no call where one must be";
    if (form->one_call && parts->calls > 1)
        return "several calls where one may be";
    for (size_t i = 0; i < parts->calls && i < SOAK_CALLS_MAX; i++) {
        size_t tool = 0;
        while (tool < TOOLS && !slice_eq(tools[tool].name, buffer_slice(&parts->names[i])))
            tool++;
        if (tool == TOOLS)
            return "a call of a tool that there is not";
        if (!fits(tools[tool].parameters, &parts->arguments[i]))
            return "arguments that the schema forbids";
    }
    if (form->is_json && parts->calls == 0 && !fits(SLICE("{\"type\":\"boolean\"}"), &parts->text))
        return "an answer that is not what the schema wants";
    return NULL;
}

void soak_parts_done(struct soak_parts *parts)
{
    engine_answer_free(parts->answer);
    buffer_done(&parts->text);
    for (size_t i = 0; i < SOAK_CALLS_MAX; i++) {
        buffer_done(&parts->names[i]);
        buffer_done(&parts->arguments[i]);
    }
}
