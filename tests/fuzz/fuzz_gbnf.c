/* A grammar from outside: parsed, then a text is led along it, as far as it goes and at random. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any way through the automaton: what it accepts in the end must be accepted from the start. */
static void wander(struct engine_grammar *grammar)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine_grammar *grammar;
    struct base_error detail;
    if (size > 4096 ||
        engine_grammar_from_gbnf(slice_of((const char *)data, size), &grammar, &detail) != BASE_OK)
        return 0;
    wander(grammar);
    engine_grammar_unref(grammar);
    return 0;
}
