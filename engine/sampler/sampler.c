#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>

#include "base/core/clock.h"
#include "engine/sampler/dry.h"

enum {
    TOP_MAX = ENGINE_TOP_LOGPROBS_MAX,
    WINDOW_MAX = 1 << 20,
    DRY_WINDOW_MAX = 8192,
    PARTS_WORTH = 8 /* candidates for each one that top_k keeps: fewer are ordered as they are */
};

struct candidate {
    float key;   /* what the heap orders by: larger first */
    float logit; /* after penalties and temperature; a probability once make_probs() ran */
    uint32_t token;
};

struct engine_sampler {
    struct engine_sampling params;
    uint32_t n_vocab;
    struct candidate *pool;   /* [n_vocab] heap of what may still be chosen */
    struct candidate *sorted; /* [n_vocab] taken from the heap, best first */
    struct engine_bias *bias; /* a copy of params.bias */
    float *raw;               /* [n_vocab] logits as they came; NULL without logprobs */

    /* Penalties; NULL when all are off. */
    uint32_t *count_all;    /* [n_vocab] times in prompt and answer, inside the window */
    uint32_t *count_answer; /* [n_vocab] times in the answer, inside the window */
    uint32_t *seen;         /* [n_vocab] tokens that ever had a count */
    uint32_t *window;       /* [penalty_window] ring of token * 2 + is_answer; NULL = no window */
    size_t seen_count;
    size_t window_at, window_used;

    struct sampler_dry *dry; /* NULL when off */
    double mu;               /* mirostat */
    uint64_t random[4];
};

/* --- Random numbers: xoshiro256++ seeded by splitmix64 --- */

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t random_next(uint64_t s[4])
{
    uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static double random_unit(uint64_t s[4]) /* in [0, 1) */
{
    return (double)(random_next(s) >> 11) * 0x1.0p-53;
}

static void random_seed(struct engine_sampler *sampler)
{
    uint64_t state = sampler->params.seed;
    if (!sampler->params.seed_given)
        random_system()->fill(random_system()->self, &state, sizeof(state));
    /* The stream is mixed before it meets the seed, so that (1, 0) and (0, 1) are unrelated. */
    uint64_t stream = sampler->params.stream;
    if (stream != 0)
        state ^= splitmix(&stream);
    for (int i = 0; i < 4; i++)
        sampler->random[i] = splitmix(&state);
}

/* --- A heap of candidates: the best on top, of equals the lower token --- */

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->key > b->key || (a->key == b->key && a->token < b->token);
}

static void sift_down(struct candidate *heap, size_t count, size_t at)
{
    struct candidate moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static void heap_make(struct candidate *heap, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(heap, count, i);
}

static struct candidate heap_take(struct candidate *heap, size_t *count)
{
    struct candidate top = heap[0];
    heap[0] = heap[--*count];
    if (*count > 0)
        sift_down(heap, *count, 0);
    return top;
}

/* Leaves those of at least `least`, in their order. Returns their number. */
static size_t keep_from(struct candidate *items, size_t count, float least)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        items[kept] = items[i];
        kept += items[i].key >= least ? 1 : 0;
    }
    return kept;
}

/* At most the k-th largest key: the least of the largest of k parts. */
static float bound_of_best(const struct candidate *items, size_t count, size_t k)
{
    float bound = INFINITY;
    for (size_t part = 0; part < k; part++) {
        float most = -INFINITY;
        for (size_t i = count * part / k; i < count * (part + 1) / k; i++)
            most = items[i].key > most ? items[i].key : most;
        bound = most < bound ? most : bound;
    }
    return bound;
}

/* --- Making one --- */

struct range {
    const char *param;
    float value, low, high;
};

static enum base_err check(const struct engine_sampling *p, uint32_t n_vocab,
                           struct base_error *reterr)
{
    const struct range ranges[] = {
        {"temperature", p->temperature, 0.0F, 100.0F},
        {"top_p", p->top_p, 0.0F, 1.0F},
        {"min_p", p->min_p, 0.0F, 1.0F},
        {"typical_p", p->typical_p, 0.0F, 1.0F},
        {"repetition_penalty", p->repetition_penalty, 0.01F, 100.0F},
        {"presence_penalty", p->presence_penalty, -2.0F, 2.0F},
        {"frequency_penalty", p->frequency_penalty, -2.0F, 2.0F},
        {"top_k", (float)p->top_k, 0.0F, 2147483648.0F},
        {"top_logprobs", (float)p->top_logprobs, 0.0F, (float)TOP_MAX},
        {"penalty_window", (float)p->penalty_window, 0.0F, (float)WINDOW_MAX},
        {"mirostat_tau", p->mirostat_tau, 0.0F, 100.0F},
        {"mirostat_eta", p->mirostat_eta, 0.0F, 1.0F},
        {"dry_multiplier", p->dry_multiplier, 0.0F, 100.0F},
        {"dry_base", p->dry_base, 1.0F, 10.0F},
        {"dry_allowed_length", (float)p->dry_allowed_length, 1.0F, 1000.0F},
        {"dry_penalty_last_n", (float)p->dry_window, 0.0F, (float)DRY_WINDOW_MAX},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const struct range *r = &ranges[i];
        if (!(r->value >= r->low && r->value <= r->high)) /* NaN too */
            return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, r->param,
                                        "%s must be between %g and %g, not %g", r->param,
                                        (double)r->low, (double)r->high, (double)r->value);
    }
    if (n_vocab == 0)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "the vocabulary is empty");
    if (p->bias_count > n_vocab)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "logit_bias",
                                    "logit_bias names more tokens than the model has (%u)",
                                    n_vocab);
    for (size_t i = 0; i < p->bias_count; i++) {
        if (p->bias[i].token >= n_vocab)
            return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "logit_bias",
                                        "logit_bias names token %u, but the model has %u",
                                        p->bias[i].token, n_vocab);
        if (isnan(p->bias[i].bias) || p->bias[i].bias == INFINITY)
            return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "logit_bias",
                                        "the bias of token %u is not a number", p->bias[i].token);
    }
    return BASE_OK;
}

static bool has_penalties(const struct engine_sampling *p)
{
    return p->repetition_penalty != 1.0F || p->presence_penalty != 0.0F ||
           p->frequency_penalty != 0.0F;
}

static bool take_memory(struct engine_sampler *sampler)
{
    const struct engine_sampling *p = &sampler->params;
    size_t n = sampler->n_vocab;
    if (p->temperature > 0.0F) {
        sampler->pool = calloc(n, sizeof(*sampler->pool));
        sampler->sorted = calloc(n, sizeof(*sampler->sorted));
        if (!sampler->pool || !sampler->sorted)
            return false;
    }
    if (p->logprobs) {
        sampler->raw = calloc(n, sizeof(*sampler->raw));
        if (!sampler->raw)
            return false;
    }
    if (p->bias_count > 0) {
        sampler->bias = calloc(p->bias_count, sizeof(*sampler->bias));
        if (!sampler->bias)
            return false;
        memcpy(sampler->bias, p->bias, p->bias_count * sizeof(*sampler->bias));
    }
    if (has_penalties(p)) {
        sampler->count_all = calloc(n, sizeof(uint32_t));
        sampler->count_answer = calloc(n, sizeof(uint32_t));
        sampler->seen = calloc(n, sizeof(uint32_t));
        if (!sampler->count_all || !sampler->count_answer || !sampler->seen)
            return false;
        if (p->penalty_window > 0) {
            sampler->window = calloc(p->penalty_window, sizeof(uint32_t));
            if (!sampler->window)
                return false;
        }
    }
    if (p->dry_multiplier > 0.0F) {
        struct engine_sampling dry = *p;
        dry.dry_window = p->dry_window ? p->dry_window : DRY_WINDOW_MAX;
        sampler->dry = sampler_dry_new(&dry, sampler->n_vocab);
        if (!sampler->dry)
            return false;
    }
    return true;
}

enum base_err engine_sampler_new(const struct engine_sampling *sampling, uint32_t n_vocab,
                                 struct engine_sampler **ret_sampler, struct base_error *reterr)
{
    enum base_err err = check(sampling, n_vocab, reterr);
    if (err)
        return err;
    struct engine_sampler *sampler = calloc(1, sizeof(*sampler));
    if (!sampler)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a sampler");
    sampler->params = *sampling;
    sampler->n_vocab = n_vocab;
    if (!take_memory(sampler)) {
        engine_sampler_free(sampler);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a sampler");
    }
    sampler->params.bias = sampler->bias;
    sampler->params.dry_breaks = NULL; /* it was copied */
    sampler->mu = 2.0 * (double)sampling->mirostat_tau;
    random_seed(sampler);
    *ret_sampler = sampler;
    return BASE_OK;
}

void engine_sampler_free(struct engine_sampler *sampler)
{
    if (!sampler)
        return;
    free(sampler->pool);
    free(sampler->sorted);
    free(sampler->bias);
    free(sampler->raw);
    free(sampler->count_all);
    free(sampler->count_answer);
    free(sampler->seen);
    free(sampler->window);
    sampler_dry_free(sampler->dry);
    free(sampler);
}

/* --- Penalties --- */

static void count_token(struct engine_sampler *sampler, uint32_t token, bool is_answer)
{
    if (sampler->dry)
        sampler_dry_add(sampler->dry, token);
    if (!sampler->count_all || token >= sampler->n_vocab)
        return;
    if (sampler->window) {
        size_t size = sampler->params.penalty_window;
        if (sampler->window_used == size) { /* the oldest falls out */
            uint32_t old = sampler->window[sampler->window_at];
            sampler->count_all[old >> 1]--;
            sampler->count_answer[old >> 1] -= old & 1;
        } else {
            sampler->window_used++;
        }
        sampler->window[sampler->window_at] = (token << 1) | (is_answer ? 1 : 0);
        sampler->window_at = (sampler->window_at + 1) % size;
    }
    /* The top bit marks a token that is in `seen` already, though its count may be 0 again. */
    const uint32_t listed = UINT32_C(1) << 31;
    if (!(sampler->count_all[token] & listed)) {
        sampler->seen[sampler->seen_count++] = token;
        sampler->count_all[token] |= listed;
    }
    sampler->count_all[token]++;
    sampler->count_answer[token] += is_answer ? 1 : 0;
}

void engine_sampler_prompt(struct engine_sampler *sampler, const uint32_t *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++)
        count_token(sampler, tokens[i], false);
}

static void penalise(struct engine_sampler *sampler, float *logits)
{
    const struct engine_sampling *p = &sampler->params;
    for (size_t i = 0; i < sampler->seen_count; i++) {
        uint32_t token = sampler->seen[i];
        uint32_t all = sampler->count_all[token] & INT32_MAX;
        uint32_t answer = sampler->count_answer[token];
        if (all == 0)
            continue;
        float *logit = &logits[token];
        *logit = *logit > 0.0F ? *logit / p->repetition_penalty : *logit * p->repetition_penalty;
        if (answer > 0)
            *logit -= p->presence_penalty + p->frequency_penalty * (float)answer;
    }
}

/* --- Log-probabilities of the raw distribution --- */

static enum base_err check_logits(const float *logits, uint32_t n, float *ret_max,
                                  struct base_error *reterr)
{
    float max = -INFINITY;
    bool bad = false;
    for (uint32_t i = 0; i < n; i++) {
        bad |= !(logits[i] < INFINITY); /* NaN or +inf */
        max = logits[i] > max ? logits[i] : max;
    }
    if (bad)
        return base_error_set(reterr, BASE_ERR_INTERNAL,
                              "the model computed a logit that is not a finite number");
    if (max == -INFINITY)
        return base_error_set(reterr, BASE_ERR_INTERNAL, "the model allows no token at all");
    *ret_max = max;
    return BASE_OK;
}

static float log_sum_exp(const float *logits, uint32_t n, float max)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)expf(logits[i] - max);
    return max + (float)log(sum);
}

/* The most likely tokens by insertion: `count` is at most 20. */
static uint32_t top_tokens(const float *logits, uint32_t n, uint32_t count,
                           struct engine_logprob *top)
{
    uint32_t used = 0;
    if (count == 0)
        return 0;
    for (uint32_t token = 0; token < n; token++) {
        if (logits[token] == -INFINITY || (used == count && logits[token] <= top[used - 1].logprob))
            continue;
        uint32_t at = used < count ? used++ : used - 1;
        while (at > 0 && top[at - 1].logprob < logits[token]) {
            top[at] = top[at - 1];
            at--;
        }
        top[at] = (struct engine_logprob){token, logits[token]};
    }
    return used;
}

/* --- The cuts: each works on sampler->sorted[0 .. count), best first, at least one stays --- */

/* Turns logits into probabilities that sum to 1. */
static void make_probs(struct candidate *items, size_t count)
{
    double sum = 0.0;
    float max = items[0].logit;
    for (size_t i = 1; i < count; i++)
        max = items[i].logit > max ? items[i].logit : max;
    for (size_t i = 0; i < count; i++) {
        items[i].logit = expf(items[i].logit - max);
        sum += (double)items[i].logit;
    }
    for (size_t i = 0; i < count; i++)
        items[i].logit = (float)((double)items[i].logit / sum);
}

/* Tokens nearest to the expected surprise, until their mass reaches typical_p. */
static size_t cut_typical(struct engine_sampler *sampler, size_t count)
{
    struct candidate *pool = sampler->pool;
    double entropy = 0.0;
    for (size_t i = 0; i < count; i++)
        if (pool[i].logit > 0.0F)
            entropy -= (double)pool[i].logit * log((double)pool[i].logit);
    for (size_t i = 0; i < count; i++) {
        double surprise = pool[i].logit > 0.0F ? -log((double)pool[i].logit) : INFINITY;
        pool[i].key = (float)-fabs(surprise - entropy);
    }
    heap_make(pool, count);
    size_t left = count, kept = 0;
    double mass = 0.0;
    while (left > 0 && (kept == 0 || mass < (double)sampler->params.typical_p)) {
        struct candidate item = heap_take(pool, &left);
        mass += (double)item.logit;
        sampler->sorted[kept++] = item;
    }
    for (size_t i = 0; i < kept; i++) { /* back into the pool, ordered by probability again */
        pool[i] = sampler->sorted[i];
        pool[i].logit = (float)((double)pool[i].logit / mass);
        pool[i].key = pool[i].logit;
    }
    return kept;
}

/* Takes the best from the heap until top_p and min_p are met. The pool holds probabilities. */
static size_t cut_nucleus(struct engine_sampler *sampler, size_t count)
{
    const struct engine_sampling *p = &sampler->params;
    /* What is below both cuts in any case need not be ordered: all that have less than the mean of
     * what top_p leaves out weigh less than that together (half of it, as sums are rounded). */
    float least = (1.0F - p->top_p) / (float)count / 2.0F, best = 0.0F;
    for (size_t i = 0; i < count; i++)
        best = sampler->pool[i].logit > best ? sampler->pool[i].logit : best;
    least = p->min_p * best > least ? p->min_p * best : least;
    count = keep_from(sampler->pool, count, least);
    heap_make(sampler->pool, count);
    size_t left = count, kept = 0;
    double mass = 0.0;
    while (left > 0 && (kept == 0 || p->top_p >= 1.0F || mass < (double)p->top_p)) {
        struct candidate item = heap_take(sampler->pool, &left);
        if (kept > 0 && item.logit < p->min_p * sampler->sorted[0].logit)
            break;
        mass += (double)item.logit;
        sampler->sorted[kept++] = item;
    }
    return kept;
}

static size_t cut_top_k(struct engine_sampler *sampler, size_t count)
{
    size_t k = (size_t)sampler->params.top_k;
    if (k == 0 || k >= count)
        return count;
    if (k < count / PARTS_WORTH)
        count = keep_from(sampler->pool, count, bound_of_best(sampler->pool, count, k));
    heap_make(sampler->pool, count);
    size_t left = count;
    for (size_t i = 0; i < k; i++)
        sampler->sorted[i] = heap_take(sampler->pool, &left);
    memcpy(sampler->pool, sampler->sorted, k * sizeof(*sampler->pool));
    return k;
}

static uint32_t draw(struct engine_sampler *sampler, const struct candidate *items, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += (double)items[i].logit;
    double at = random_unit(sampler->random) * sum;
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].logit <= 0.0F)
            continue;
        last = i;
        at -= (double)items[i].logit;
        if (at < 0.0)
            break;
    }
    return items[last].token;
}

/* The pool holds probabilities: those of at most mu bits stay, or the most likely one. */
static uint32_t draw_mirostat(struct engine_sampler *sampler, size_t count)
{
    struct candidate *pool = sampler->pool, best = pool[0];
    size_t kept = 0;
    double mass = 0.0, least = exp2(-sampler->mu);
    for (size_t i = 0; i < count; i++) {
        if (pool[i].logit > best.logit)
            best = pool[i];
        if ((double)pool[i].logit < least)
            continue;
        mass += (double)pool[i].logit;
        pool[kept++] = pool[i];
    }
    if (kept == 0) {
        pool[kept++] = best;
        mass = (double)best.logit;
    }
    uint32_t token = draw(sampler, pool, kept);
    for (size_t i = 0; i < kept; i++)
        if (pool[i].token == token)
            sampler->mu -=
                (double)sampler->params.mirostat_eta *
                (-log2((double)pool[i].logit / mass) - (double)sampler->params.mirostat_tau);
    return token;
}

static uint32_t choose_random(struct engine_sampler *sampler, const float *logits)
{
    const struct engine_sampling *p = &sampler->params;
    size_t count = 0;
    for (uint32_t i = 0; i < sampler->n_vocab; i++) {
        if (logits[i] == -INFINITY)
            continue;
        sampler->pool[count++] = (struct candidate){logits[i], logits[i], i};
    }
    if (!p->mirostat)
        count = cut_top_k(sampler, count);
    /* The best is subtracted first, because a tiny temperature would overflow. */
    float max = -INFINITY;
    for (size_t i = 0; i < count; i++)
        max = sampler->pool[i].logit > max ? sampler->pool[i].logit : max;
    for (size_t i = 0; i < count; i++)
        sampler->pool[i].logit = (sampler->pool[i].logit - max) / p->temperature;
    make_probs(sampler->pool, count);
    if (p->mirostat)
        return draw_mirostat(sampler, count);
    if (p->typical_p < 1.0F)
        count = cut_typical(sampler, count);
    if (p->top_p >= 1.0F && p->min_p <= 0.0F)
        return draw(sampler, sampler->pool, count);
    for (size_t i = 0; i < count; i++)
        sampler->pool[i].key = sampler->pool[i].logit;
    count = cut_nucleus(sampler, count);
    return draw(sampler, sampler->sorted, count);
}

static uint32_t choose_largest(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* Bias, mask, penalties, in place. */
static enum base_err adjust(struct engine_sampler *sampler, float *logits,
                            struct base_error *reterr)
{
    const struct engine_sampling *p = &sampler->params;
    for (size_t i = 0; i < p->bias_count; i++)
        logits[p->bias[i].token] =
            p->bias[i].bias <= -100.0F ? -INFINITY : logits[p->bias[i].token] + p->bias[i].bias;
    if (p->mask.ops)
        p->mask.ops->apply(p->mask.self, logits, sampler->n_vocab);
    if (sampler->count_all)
        penalise(sampler, logits);
    if (sampler->dry)
        sampler_dry_apply(sampler->dry, logits);
    if (p->bias_count == 0 && !p->mask.ops && !sampler->count_all && !sampler->dry)
        return BASE_OK; /* nothing has changed */
    float max = -INFINITY;
    enum base_err err = check_logits(logits, sampler->n_vocab, &max, NULL);
    if (err)
        return base_error_set(reterr, err,
                              "no token is left to choose: bias and grammar forbid all of them");
    return BASE_OK;
}

enum base_err engine_sampler_next(struct engine_sampler *sampler, float *logits,
                                  struct engine_pick *ret_pick, struct base_error *reterr)
{
    const struct engine_sampling *p = &sampler->params;
    uint32_t n = sampler->n_vocab;
    float max = -INFINITY, norm = 0.0F;
    enum base_err err = check_logits(logits, n, &max, reterr);
    if (err)
        return err;
    struct engine_pick pick = {.logprob = NAN};
    if (p->logprobs) {
        memcpy(sampler->raw, logits, n * sizeof(*logits));
        norm = log_sum_exp(logits, n, max);
        pick.top_count = top_tokens(logits, n, p->top_logprobs, pick.top);
        for (uint32_t i = 0; i < pick.top_count; i++)
            pick.top[i].logprob -= norm;
    }
    err = adjust(sampler, logits, reterr);
    if (err)
        return err;
    pick.token = p->temperature > 0.0F ? choose_random(sampler, logits) : choose_largest(logits, n);
    if (p->logprobs)
        pick.logprob = sampler->raw[pick.token] - norm;
    count_token(sampler, pick.token, true);
    if (p->mask.ops)
        p->mask.ops->accept(p->mask.self, pick.token);
    *ret_pick = pick;
    return BASE_OK;
}
