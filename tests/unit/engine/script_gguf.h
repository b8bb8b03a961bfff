/*
 * A model that says what it was told to say: after each token there is one that follows, whatever
 * came before. For tests of what is done with an answer.
 *
 *     static const struct script_line lines[] = {
 *         {"<go>", {"Hel", "lo", ".", NULL}},          // after the token <go>: Hello. and the end
 *     };
 *     struct script_model m = {.chat_template = "...<go>", .lines = lines, .line_count = 1};
 *     struct slice bytes = script_model_write(&m, &file);     // tiny_done(&file) frees it
 *
 * The vocabulary is that of tiny_model_write() with a template, then a control token for each
 * `launch` and each of `controls`, then one token for each piece of a line. Pieces whose text is
 * among `controls` are control tokens, the others text.
 */
#ifndef TESTS_UNIT_ENGINE_SCRIPT_GGUF_H
#define TESTS_UNIT_ENGINE_SCRIPT_GGUF_H

#include "tests/unit/engine/tiny_gguf.h"

enum { SCRIPT_PIECES_MAX = 40 };

struct script_line {
    const char *launch;
    const char *pieces[SCRIPT_PIECES_MAX]; /* up to the first NULL; then the end token */
};

struct script_model {
    const char *chat_template;
    const struct script_line *lines;
    size_t line_count;
    const char *const *controls; /* ended by NULL; or NULL */
    const char *end;             /* text of the end token; NULL = "<eos>" */
};

struct slice script_model_write(const struct script_model *m, struct tiny_file *f);

#endif
