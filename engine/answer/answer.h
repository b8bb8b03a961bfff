/*
 * Reading one call of a tool, private part of engine/template/markup.h: JSON as it comes, byte by
 * byte, so that arguments can be passed on before they are whole.
 *
 *     call_reader_begin(&reader, CALL_READER_OBJECT);
 *     state = call_reader_push(&reader, text, &used, call_fn, me);     // until it is not MORE
 */
#ifndef ENGINE_ANSWER_ANSWER_H
#define ENGINE_ANSWER_ANSWER_H

#include "engine/template/markup.h"

enum call_reader_form {
    CALL_READER_OBJECT,   /* {"name": ..., "arguments" or "parameters": ...} */
    CALL_READER_ARGUMENTS /* the arguments alone */
};

enum call_reader_state { CALL_READER_MORE, CALL_READER_WHOLE, CALL_READER_BAD };

struct call_reader {
    enum {
        CALL_AT_OPEN,
        CALL_AT_KEY_OR_END,
        CALL_AT_KEY,
        CALL_IN_KEY,
        CALL_AT_COLON,
        CALL_AT_VALUE,
        CALL_IN_VALUE,
        CALL_AT_COMMA
    } at;
    enum { CALL_VALUE_OTHER, CALL_VALUE_NAME, CALL_VALUE_ARGUMENTS } role;
    bool bare; /* CALL_READER_ARGUMENTS */
    bool in_string, escaped;
    bool streams; /* the arguments are an object: passed on as they come */
    bool named, argued;
    uint32_t depth;
    struct buffer key, name, value, early; /* early: arguments that came before the name */
};

void call_reader_init(struct call_reader *r);
void call_reader_done(struct call_reader *r);
void call_reader_begin(struct call_reader *r, enum call_reader_form form);

/* Pieces without `call`. */
enum call_reader_state call_reader_push(struct call_reader *r, struct slice text, size_t *ret_used,
                                        engine_piece_fn on_piece, void *user);

static inline bool answer_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
