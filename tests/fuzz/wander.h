/* A way through a grammar, for the fuzz targets of what makes grammars. */
#ifndef TESTS_FUZZ_WANDER_H
#define TESTS_FUZZ_WANDER_H

#include <stdlib.h>

#include "engine/grammar/grammar.h"

/* Any way through the automaton: what it accepts in the end must be accepted from the start. */
static inline void wander(struct engine_grammar *grammar)
{
    struct grammar_run *run = grammar_run_new(grammar);
    uint32_t state = grammar_run_start(run), random = 1;
    char text[64];
    size_t len = 0;
    bool forgot;
    while (len < sizeof(text) && state != GRAMMAR_DEAD && !grammar_run_error(run)) {
        uint32_t next = GRAMMAR_DEAD;
        random = random * 1103515245 + 12345;
        for (unsigned i = 0; i < 256 && next == GRAMMAR_DEAD; i++) {
            text[len] = (char)((random >> 16) + i);
            next = grammar_run_step(run, state, (uint8_t)text[len]);
        }
        if (next == GRAMMAR_DEAD) { /* no way leads into a corner */
            if (!grammar_run_error(run) && !grammar_run_accepts(run, state))
                abort();
            break;
        }
        len++;
        state = grammar_run_tidy(run, next, &forgot);
    }
    bool accepts = grammar_run_accepts(run, state) && !grammar_run_error(run);
    if (accepts && !engine_grammar_matches(grammar, slice_of(text, len)))
        abort();
    if (accepts && !slice_is_utf8(slice_of(text, len)))
        abort();
    grammar_run_free(run);
}

#endif
