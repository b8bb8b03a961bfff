/* An answer with markup from outside, taken apart whole and in pieces: the same comes out. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/template/markup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const templates[] = {
    "tools <tool_call> <think>",
    "<|python_tag|> tools",
    "[TOOL_CALLS] [THINK]",
    "[TOOL_CALLS] [ARGS]",
    "<|channel|> <|message|>",
    "</think>",
    "tools <tool_call> <function= <parameter=",
    "tools <｜tool▁sep｜>",
    "tools <｜tool▁sep｜> ```json",
    "tools <TOOLCALL>[ <think>",
    "tools <tool_calls>[",
};

/* Pieces of one kind in a row are one. */
struct seen {
    struct buffer out;
    enum engine_piece_type last;
    size_t call, named;
};

static void on_piece(void *user, const struct engine_piece *piece)
{
    struct seen *s = user;
    if (piece->text.len == 0)
        abort();
    if (piece->type == ENGINE_PIECE_CALL && piece->call != s->named++)
        abort();
    if (piece->type == ENGINE_PIECE_ARGUMENTS && piece->call + 1 != s->named)
        abort();
    if (buffer_len(&s->out) == 0 || s->last != piece->type || s->call != piece->call)
        buffer_addf(&s->out, "\n%d %zu ", (int)piece->type, piece->call);
    s->last = piece->type;
    s->call = piece->call;
    buffer_add_slice(&s->out, piece->text);
}

static enum base_err run(const struct engine_markup *markup, unsigned flags, struct slice text,
                         uint32_t cuts, struct seen *s)
{
    struct engine_answer *answer;
    *s = (struct seen){.call = 0};
    buffer_init(&s->out, SIZE_MAX / 2);
    struct engine_answer_options options = {.with_tools = flags & 1, .is_json = flags & 4};
    if (engine_answer_new(markup, &options, &answer, NULL))
        abort();
    enum base_err err = BASE_OK;
    while (text.len > 0 && !err) {
        size_t len = cuts ? 1 + (cuts >> 16) % 7 : text.len;
        cuts = cuts ? cuts * 1103515245 + 12345 : 0;
        err = engine_answer_push(answer, slice_sub(text, 0, len), on_piece, s);
        text = slice_sub(text, len, SIZE_MAX);
    }
    if (!err)
        err = engine_answer_finish(answer, flags & 2, on_piece, s);
    if (engine_answer_calls(answer) > s->named)
        abort();
    engine_answer_free(answer);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096)
        return 0;
    struct engine_markup markup;
    struct seen whole, cut;
    struct slice text = slice_of((const char *)data + 2, size - 2);
    engine_markup_detect(slice_from_str(templates[data[0] % 11]), &markup);
    enum base_err first = run(&markup, data[1], text, 0, &whole);
    enum base_err second = run(&markup, data[1], text, data[1] * 2654435761u | 1, &cut);
    if (first != second)
        abort();
    if (!first && !slice_eq(buffer_slice(&whole.out), buffer_slice(&cut.out)))
        abort();
    buffer_done(&whole.out);
    buffer_done(&cut.out);
    return 0;
}
