/*
 * DRY ("don't repeat yourself"): a penalty for the token that would make a repetition longer.
 * Private part of the sampler.
 *
 *     dry = sampler_dry_new(&params, n_vocab);          // NULL: no memory
 *     sampler_dry_add(dry, token);                      // each token of prompt and answer
 *     sampler_dry_apply(dry, logits);                   // before each choice
 *     sampler_dry_free(dry);
 *
 * Where the last n tokens stood before already, and a token t followed there, choosing t would
 * repeat n + 1: its logit is lowered by multiplier * base^(n - allowed), n being the longest such
 * match, from `allowed` on. A match does not go over a token that breaks sequences, and such a
 * token is never penalised. Matches are found with the Z array of the reversed text (Gusfield
 * 1997), in time linear in the window.
 */
#ifndef ENGINE_SAMPLER_DRY_H
#define ENGINE_SAMPLER_DRY_H

#include "engine/engine.h"

struct sampler_dry;

struct sampler_dry *sampler_dry_new(const struct engine_sampling *params, uint32_t n_vocab);
void sampler_dry_free(struct sampler_dry *dry); /* NULL allowed */
void sampler_dry_add(struct sampler_dry *dry, uint32_t token);
void sampler_dry_apply(struct sampler_dry *dry, float *logits);

#endif
