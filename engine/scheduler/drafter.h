/*
 * A smaller model that guesses what a larger one will say. Private to the scheduler; its thread.
 *
 *     engine_drafter_want(drafter, slot, tokens, count, most);     // for each answer that wants it
 *     engine_drafter_run(drafter);
 *     n = engine_drafter_take(drafter, slot, out);
 *     ... the tokens are verified ...
 *     engine_drafter_keep(drafter, slot, length);    // so many tokens of the text are as they were
 *
 * It has a cache of its own, a sequence for each of the scheduler's, and reads a text when it is
 * first asked about it, at most a batch at a time; until it has read it all it guesses nothing.
 */
#ifndef ENGINE_SCHEDULER_DRAFTER_H
#define ENGINE_SCHEDULER_DRAFTER_H

#include "engine/engine.h"

enum { ENGINE_DRAFT_MAX = 16 };

struct engine_drafter;

/* UNSUPPORTED when the vocabularies differ, with the first token that does. `like`: as the session
 * it guesses for. */
enum base_err engine_drafter_new(struct engine_model *draft, struct engine_model *target,
                                 const struct engine_session_options *like, uint32_t context,
                                 uint32_t sequences, struct engine_drafter **ret_drafter,
                                 struct base_error *reterr);
void engine_drafter_free(struct engine_drafter *drafter); /* NULL allowed */

void engine_drafter_want(struct engine_drafter *drafter, uint32_t slot, const uint32_t *tokens,
                         size_t count, uint32_t most);
void engine_drafter_run(struct engine_drafter *drafter);
uint32_t engine_drafter_take(struct engine_drafter *drafter, uint32_t slot, uint32_t *out);
void engine_drafter_keep(struct engine_drafter *drafter, uint32_t slot, uint32_t length);

/* Seconds that a round of guesses takes, one for each answer that wants it; 0 = not known yet. */
double engine_drafter_seconds(const struct engine_drafter *drafter);

#endif
