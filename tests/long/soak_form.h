/*
 * Answers with reasoning and calls of tools, for the soak: what is asked for, and whether what came
 * is that.
 *
 *     soak_form_choose(&form, markup, &random, &grammar);     // grammar: of the request
 *     soak_parts_init(&parts, markup);
 *     soak_parts_push(&parts, text)                           // STARTED, TEXT
 *     soak_parts_end(&parts, cut_off)                         // FINISHED
 *     const char *wrong = soak_parts_check(&parts, &form);    // an answer that came to its end
 *     soak_parts_done(&parts);
 */
#ifndef TESTS_LONG_SOAK_FORM_H
#define TESTS_LONG_SOAK_FORM_H

#include "engine/template/markup.h"

enum { SOAK_CALLS_MAX = 8 };

/* The tools, as a template takes them. */
extern const char soak_tools_json[];

struct soak_form {
    bool must_call, one_call, is_json;
};

struct soak_parts {
    struct engine_answer *answer;
    bool failed;
    size_t calls;
    struct buffer text;
    struct buffer names[SOAK_CALLS_MAX], arguments[SOAK_CALLS_MAX];
};

/* *ret_grammar stays NULL when memory is short. */
void soak_form_choose(struct soak_form *form, const struct engine_markup *markup, uint64_t *random,
                      struct engine_grammar **ret_grammar);

void soak_parts_init(struct soak_parts *parts, const struct engine_markup *markup,
                     const struct soak_form *form);
void soak_parts_push(struct soak_parts *parts, struct slice text);
void soak_parts_end(struct soak_parts *parts, bool cut_off);
/* What is wrong with a whole answer; NULL = nothing. */
const char *soak_parts_check(const struct soak_parts *parts, const struct soak_form *form);
void soak_parts_done(struct soak_parts *parts);

#endif
