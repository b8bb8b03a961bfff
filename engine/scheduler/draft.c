/*
 * Speculative decoding: the next tokens of an answer are guessed, computed in one step with the
 * token before them, and taken as far as the sampler chooses the very same ones. Since it is the
 * sampler that chooses each token, from the logits that it would see anyway, the answer is what it
 * would be without guesses; they only save steps.
 *
 * Guesses come from the text itself (what followed when its last tokens stood there before: prompt
 * lookup, Saxena 2023), else from a smaller model, if there is one, greedily.
 *
 * They must pay: a guess that is right with probability p saves a step for its own answer, but
 * makes this one longer for all. The k-th in a row is right with p^k; it is made while that is more
 * than what a token adds to a step, times the answers that wait for it. Both are learnt: p by
 * answer, the times as a line through the steps seen lately.
 */
#include "engine/scheduler/scheduler.h"

#include <math.h>
#include <stdlib.h>

#include "base/core/clock.h"

enum {
    MATCH_MIN = 2,       /* tokens that must have stood there before */
    MATCH_MOST = 16,     /* so long a match is as good as any longer one */
    WINDOW = 1 << 15,    /* how far it is looked back */
    TRY_AGAIN_TURNS = 32 /* where guesses do not pay, one is made so often, to learn of a change */
};

static const double first_rate = 0.6;  /* p before anything is known */
static const double learning = 0.08;   /* share of a new sample in p */
static const double forgetting = 0.98; /* weight of older steps in the line */
static const double cost_guess =
    0.15; /* of a token, as share of a step, before anything is known */

void engine_draft_reset(struct engine_draft_state *state)
{
    *state = (struct engine_draft_state){.rate = first_rate};
}

/* --- Whether it pays --- */

void engine_draft_learn_step(struct engine_draft_costs *costs, size_t tokens, double seconds)
{
    double n = (double)tokens;
    double *sums[] = {&costs->weight, &costs->n, &costs->t, &costs->nn, &costs->nt};
    const double samples[] = {1, n, seconds, n * n, n * seconds};
    for (size_t i = 0; i < 5; i++)
        *sums[i] = *sums[i] * forgetting + samples[i];
}

/* What a token adds to a step of `tokens`, as a share of the step. */
static double token_share(const struct engine_draft_costs *costs, size_t tokens)
{
    if (costs->weight < 1)
        return cost_guess;
    double n = costs->n / costs->weight, t = costs->t / costs->weight;
    double variance = costs->nn / costs->weight - n * n;
    double slope = variance > 0.05 ? (costs->nt / costs->weight - n * t) / variance
                                   : cost_guess * t / (n > 1 ? n : 1);
    double step = t + slope * ((double)tokens - n);
    if (slope <= 0 || step <= 0)
        return 0;
    return slope / step < 1 ? slope / step : 1;
}

void engine_draft_learn_rate(struct engine_draft_state *state, uint32_t right, uint32_t made)
{
    for (uint32_t i = 0; i < made && i <= right; i++)
        state->rate += learning * ((i < right ? 1.0 : 0.0) - state->rate);
}

uint32_t engine_draft_want(const struct engine_scheduler *sched, struct engine_draft_state *state,
                           size_t answers)
{
    uint32_t count = 0;
    if (sched->draft_always)
        return sched->draft_max;
    double price = token_share(&sched->draft_costs, answers) * (double)answers;
    double step =
        sched->draft_costs.weight > 0 ? sched->draft_costs.t / sched->draft_costs.weight : 0;
    if (sched->drafter && step > 0) /* the smaller model's time is that of all answers too */
        price += engine_drafter_seconds(sched->drafter) / step;
    for (double p = state->rate; count < sched->draft_max && p > price && p > 0.02;
         p *= state->rate)
        count++;
    if (count == 0 && ++state->idle_turns >= TRY_AGAIN_TURNS)
        count = 1;
    if (count > 0)
        state->idle_turns = 0;
    return count;
}

/* --- From the text itself --- */

/* Tokens that end at `at` and stand at the end too. */
static size_t match_length(const uint32_t *tokens, size_t count, size_t at)
{
    size_t n = 0;
    while (n < MATCH_MOST && n < at && tokens[at - 1 - n] == tokens[count - 1 - n])
        n++;
    return n;
}

uint32_t engine_draft_lookup(const uint32_t *tokens, size_t count, uint32_t most, uint32_t *out)
{
    size_t best = 0, from = 0, first = count > WINDOW ? count - WINDOW : 0;
    for (size_t at = count - 1; count > 0 && at > first && best < MATCH_MOST; at--) {
        if (tokens[at - 1] != tokens[count - 1])
            continue;
        size_t n = match_length(tokens, count, at);
        if (n > best) {
            best = n;
            from = at;
        }
    }
    if (best < MATCH_MIN)
        return 0;
    for (uint32_t i = 0; i < most; i++) /* what repeats itself goes on with the guesses */
        out[i] = from + i < count ? tokens[from + i] : out[from + i - count];
    return most;
}
