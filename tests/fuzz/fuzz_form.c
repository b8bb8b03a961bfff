/*
 * What an answer may look like, from outside: tools with their schemas, made into a grammar of a
 * family's markup; then ways through it are taken, and the answers are taken apart again.
 *
 * Input: a byte for the family, one of flags, then texts with a line end between them: name and
 * schema of each tool, and the schema of the content when the flags want one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "engine/grammar/grammar.h"
#include "engine/template/markup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOOLS_MAX = 4, STEPS_MAX = 160, WAYS = 2 };

static const char *const templates[] = {
    "tools <tool_call> <think>",
    "<|python_tag|> tools",
    "[TOOL_CALLS] [THINK]",
    "[TOOL_CALLS] [ARGS]",
    "<|channel|> <|message|>",
    "tools <tool_call>",
    "tools <tool_call> <function= <parameter=",
    "tools <｜tool▁sep｜>",
    "tools <｜tool▁sep｜> ```json",
    "tools <TOOLCALL>[ <think>",
    "tools <tool_calls>[",
};

struct seen {
    const struct engine_form *form;
    size_t calls;
    bool argued; /* the last call has arguments */
};

/* A call names one of the tools, and nothing but its arguments follows. */
static void on_piece(void *user, const struct engine_piece *piece)
{
    struct seen *s = user;
    if (piece->type == ENGINE_PIECE_ARGUMENTS) {
        if (piece->call + 1 != s->calls)
            abort();
        s->argued = true;
    }
    if (piece->type != ENGINE_PIECE_CALL)
        return;
    size_t i = 0;
    while (i < s->form->tool_count && !slice_eq(s->form->tools[i].name, piece->text))
        i++;
    if (i == s->form->tool_count || piece->call != s->calls++)
        abort();
    s->argued = false;
}

/* One that the grammar accepts is one that is read as it was meant. */
static void take_apart(const struct engine_markup *markup, const struct engine_form *form,
                       struct slice text)
{
    struct engine_answer *answer;
    struct seen s = {.form = form};
    const struct engine_answer_options options = {.with_tools = form->tool_count > 0,
                                                  .is_json = form->content != ENGINE_CONTENT_FREE};
    if (engine_answer_new(markup, &options, &answer, NULL))
        abort();
    if (engine_answer_push(answer, text, on_piece, &s) ||
        engine_answer_finish(answer, false, on_piece, &s))
        abort();
    if (engine_answer_calls(answer) != s.calls || (s.calls > 0 && !s.argued))
        abort();
    if ((form->must_call && s.calls == 0) || (form->one_call && s.calls > 1))
        abort();
    engine_answer_free(answer);
}

/* Any way through the automaton, some of them steered to the end by what closes texts. */
static void wander(struct engine_grammar *grammar, const struct engine_markup *markup,
                   const struct engine_form *form, uint32_t random)
{
    static const char closers[] = "\"}]>";
    struct grammar_run *run = grammar_run_new(grammar);
    uint32_t state = grammar_run_start(run);
    char text[STEPS_MAX];
    size_t len = 0;
    bool forgot, stuck = false;
    while (len < STEPS_MAX && !stuck && !grammar_run_error(run)) {
        uint32_t next = GRAMMAR_DEAD;
        random = random * 1103515245 + 12345;
        unsigned first = len > 24 ? (unsigned)closers[len % 4] : random >> 16;
        for (unsigned i = 0; i < 256 && next == GRAMMAR_DEAD; i++) {
            text[len] = (char)(first + i);
            next = grammar_run_step(run, state, (uint8_t)text[len]);
        }
        stuck = next == GRAMMAR_DEAD;
        if (!stuck) {
            len++;
            state = grammar_run_tidy(run, next, &forgot);
        }
        bool over = !grammar_run_error(run) && grammar_run_accepts(run, state);
        if (stuck && !over && !grammar_run_error(run))
            abort(); /* no way leads into a corner */
        if (over && (stuck || len > 24))
            break;
    }
    bool accepts = grammar_run_accepts(run, state) && !grammar_run_error(run);
    if (accepts && !slice_is_utf8(slice_of(text, len)))
        abort();
    if (accepts)
        take_apart(markup, form, slice_of(text, len));
    grammar_run_free(run);
}

static struct slice next_line(struct slice *rest)
{
    size_t end = slice_find(*rest, SLICE("\n"));
    struct slice line = slice_sub(*rest, 0, end);
    *rest = end == SIZE_MAX ? SLICE("") : slice_sub(*rest, end + 1, SIZE_MAX);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > 4096)
        return 0;
    unsigned flags = data[1];
    struct slice rest = slice_of((const char *)data + 2, size - 2);
    struct engine_tool tools[TOOLS_MAX];
    struct engine_form form = {.tools = tools,
                               .must_call = flags & 1,
                               .one_call = flags & 2,
                               .content = (enum engine_content)((flags >> 2) % 3)};
    if (form.content == ENGINE_CONTENT_SCHEMA)
        form.schema = next_line(&rest);
    while (rest.len > 0 && form.tool_count < TOOLS_MAX) {
        struct slice name = next_line(&rest), schema = next_line(&rest);
        tools[form.tool_count++] = (struct engine_tool){
            .name = name, .parameters = schema.len ? schema : SLICE_NONE, .strict = flags & 16};
    }
    struct engine_markup markup;
    struct engine_grammar *grammar = NULL;
    struct base_error detail = {0};
    engine_markup_detect(slice_from_str(templates[data[0] % 11]), &markup);
    enum base_err err = engine_grammar_from_form(&markup, &form, &grammar, &detail);
    if (err && detail.message[0] == '\0')
        abort();
    for (uint32_t i = 0; !err && grammar && i < WAYS; i++)
        wander(grammar, &markup, &form, flags * 31 + i);
    engine_grammar_unref(grammar);
    return 0;
}
