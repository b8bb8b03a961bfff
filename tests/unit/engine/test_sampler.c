/* The sampler against a reference written the slow and obvious way: full sorts, all in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"

enum { VOCAB = 24, DRAWS = 20000 };

static uint32_t lcg(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill_logits(float *logits, uint32_t seed, float spread)
{
    for (int i = 0; i < VOCAB; i++)
        logits[i] = ((float)(lcg(&seed) % 10000) / 10000.0F - 0.5F) * spread;
}

static struct engine_sampler *make(const struct engine_sampling *p)
{
    struct engine_sampler *sampler;
    struct base_error detail;
    assert_int_equal(engine_sampler_new(p, VOCAB, &sampler, &detail), BASE_OK);
    return sampler;
}

static struct engine_pick pick(struct engine_sampler *sampler, const float *logits)
{
    float copy[VOCAB];
    struct engine_pick ret;
    struct base_error detail;
    memcpy(copy, logits, sizeof(copy));
    assert_int_equal(engine_sampler_next(sampler, copy, &ret, &detail), BASE_OK);
    return ret;
}

/* --- The reference --- */

static const double *sort_by;
static int by_key(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    if (sort_by[x] != sort_by[y])
        return sort_by[x] > sort_by[y] ? -1 : 1;
    return x - y;
}

static void normalise(double *p)
{
    double sum = 0;
    for (int i = 0; i < VOCAB; i++)
        sum += p[i];
    for (int i = 0; i < VOCAB; i++)
        p[i] /= sum;
}

/* Keeps the first tokens by `key` until `mass` is reached, at least one. */
static void keep_mass(double *p, const double *key, double mass)
{
    int order[VOCAB];
    for (int i = 0; i < VOCAB; i++)
        order[i] = i;
    sort_by = key;
    qsort(order, VOCAB, sizeof(int), by_key);
    double sum = 0;
    for (int i = 0; i < VOCAB; i++) {
        if (i > 0 && sum >= mass)
            p[order[i]] = 0;
        else
            sum += p[order[i]];
    }
    normalise(p);
}

/* At most `bits` of surprise, or the most likely. */
static void keep_bits(double *p, double bits)
{
    int best = 0;
    bool any = false;
    for (int i = 0; i < VOCAB; i++) {
        best = p[i] > p[best] ? i : best;
        any |= p[i] >= exp2(-bits);
    }
    for (int i = 0; i < VOCAB; i++)
        p[i] = (any ? p[i] < exp2(-bits) : i != best) ? 0 : p[i];
    normalise(p);
}

static void reference(const struct engine_sampling *s, const float *logits, double *p)
{
    double key[VOCAB], max = -1e30;
    for (int i = 0; i < VOCAB; i++)
        max = fmax(max, (double)logits[i]);
    for (int i = 0; i < VOCAB; i++)
        p[i] = exp(((double)logits[i] - max) / (double)s->temperature);
    normalise(p);
    if (s->mirostat) {
        keep_bits(p, 2.0 * (double)s->mirostat_tau);
        return;
    }
    if (s->top_k > 0) {
        int order[VOCAB];
        for (int i = 0; i < VOCAB; i++)
            order[i] = i;
        memcpy(key, p, sizeof(key));
        sort_by = key;
        qsort(order, VOCAB, sizeof(int), by_key);
        for (int i = s->top_k; i < VOCAB; i++)
            p[order[i]] = 0;
        normalise(p);
    }
    if (s->typical_p < 1.0F) {
        double entropy = 0;
        for (int i = 0; i < VOCAB; i++)
            entropy -= p[i] > 0 ? p[i] * log(p[i]) : 0;
        for (int i = 0; i < VOCAB; i++)
            key[i] = p[i] > 0 ? -fabs(-log(p[i]) - entropy) : -1e30;
        keep_mass(p, key, (double)s->typical_p);
    }
    if (s->top_p < 1.0F) {
        memcpy(key, p, sizeof(key));
        keep_mass(p, key, (double)s->top_p);
    }
    if (s->min_p > 0.0F) {
        double best = 0;
        for (int i = 0; i < VOCAB; i++)
            best = fmax(best, p[i]);
        for (int i = 0; i < VOCAB; i++)
            p[i] = p[i] < best * (double)s->min_p ? 0 : p[i];
        normalise(p);
    }
}

static void check_distribution(const struct engine_sampling *s, const float *logits)
{
    double p[VOCAB];
    int seen[VOCAB] = {0};
    reference(s, logits, p);
    struct engine_sampler *sampler = make(s);
    for (int i = 0; i < DRAWS; i++)
        seen[pick(sampler, logits).token]++;
    engine_sampler_free(sampler);
    double chi2 = 0;
    int cells = 0;
    double rare_p = 0;
    int rare_seen = 0;
    for (int i = 0; i < VOCAB; i++) {
        if (p[i] == 0)
            assert_int_equal(seen[i], 0);
        if (p[i] * DRAWS < 10) { /* too rare for a cell of its own */
            rare_p += p[i];
            rare_seen += seen[i];
            continue;
        }
        double want = p[i] * DRAWS;
        chi2 += (seen[i] - want) * (seen[i] - want) / want;
        cells++;
    }
    if (rare_p * DRAWS >= 1)
        chi2 += (rare_seen - rare_p * DRAWS) * (rare_seen - rare_p * DRAWS) / (rare_p * DRAWS);
    /* 99.9 % quantile of chi-square is below k + 4.5 sqrt(2 k) + 8 for all k here. */
    assert_true(chi2 < cells + 4.5 * sqrt(2.0 * cells) + 8);
}

static void test_distributions(void **state)
{
    (void)state;
    float logits[VOCAB];
    fill_logits(logits, 7, 8.0F);
    static const struct {
        float temperature;
        int32_t top_k;
        float top_p, min_p, typical_p;
    } cases[] = {
        {1, 0, 1, 0, 1},       {0.5F, 0, 1, 0, 1}, {3, 0, 1, 0, 1},         {1, 5, 1, 0, 1},
        {1, 0, 0.8F, 0, 1},    {1, 0, 1, 0.1F, 1}, {1, 0, 1, 0, 0.5F},      {2, 10, 0.9F, 0.02F, 1},
        {2, 0, 0.7F, 0, 0.8F}, {1, 24, 1, 0, 1},   {1, 1000, 1, 0, 1},      {1, 0, 0, 0, 1},
        {1, 0, 1, 1, 1},       {1, 0, 1, 0, 0},    {2, 12, 0.95F, 0, 0.7F}, {1, 1, 1, 0, 1},
        {3, 2, 1, 0, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
        s.seed_given = true;
        s.seed = 1000 + i;
        s.temperature = cases[i].temperature;
        s.top_k = cases[i].top_k;
        s.top_p = cases[i].top_p;
        s.min_p = cases[i].min_p;
        s.typical_p = cases[i].typical_p;
        check_distribution(&s, logits);
    }
}

static void test_greedy_takes_the_lower_of_equals(void **state)
{
    (void)state;
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.temperature = 0;
    float logits[VOCAB] = {0};
    logits[9] = logits[4] = 2.0F;
    struct engine_sampler *sampler = make(&s);
    assert_int_equal(pick(sampler, logits).token, 4);
    assert_true(isnan(pick(sampler, logits).logprob));
    engine_sampler_free(sampler);
}

static void test_tiny_temperature_is_greedy(void **state)
{
    (void)state;
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.temperature = 1e-30F;
    float logits[VOCAB];
    fill_logits(logits, 3, 50.0F);
    logits[11] = 60.0F;
    struct engine_sampler *sampler = make(&s);
    for (int i = 0; i < 50; i++)
        assert_int_equal(pick(sampler, logits).token, 11);
    engine_sampler_free(sampler);
}

static void test_seed_and_stream(void **state)
{
    (void)state;
    float logits[VOCAB];
    fill_logits(logits, 5, 2.0F);
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.seed_given = true;
    s.seed = 99;
    struct engine_sampler *a = make(&s), *b = make(&s);
    s.stream = 1;
    struct engine_sampler *c = make(&s);
    s.stream = 0;
    s.seed_given = false;
    struct engine_sampler *d = make(&s);
    int same_stream = 0, same_fresh = 0;
    for (int i = 0; i < 200; i++) {
        uint32_t token = pick(a, logits).token;
        assert_int_equal(pick(b, logits).token, token);
        same_stream += pick(c, logits).token == token;
        same_fresh += pick(d, logits).token == token;
    }
    assert_true(same_stream < 100);
    assert_true(same_fresh < 100);
    engine_sampler_free(a);
    engine_sampler_free(b);
    engine_sampler_free(c);
    engine_sampler_free(d);
}

/* Pins the generator itself: the same seed must give the same text in the next version too. */
static void test_random_numbers_are_pinned(void **state)
{
    (void)state;
    float logits[VOCAB] = {0};
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.seed_given = true;
    s.seed = 1;
    struct engine_sampler *sampler = make(&s);
    uint32_t got[8];
    for (int i = 0; i < 8; i++)
        got[i] = pick(sampler, logits).token;
    engine_sampler_free(sampler);
    /* splitmix64(1) seeds xoshiro256++; computed by an independent script. */
    static const uint32_t want[8] = {19, 17, 2, 17, 4, 14, 23, 12};
    assert_memory_equal(got, want, sizeof(want));
}

static void test_logprobs_are_of_the_raw_distribution(void **state)
{
    (void)state;
    float logits[VOCAB];
    fill_logits(logits, 21, 6.0F);
    logits[3] = -INFINITY;
    double sum = 0;
    for (int i = 0; i < VOCAB; i++)
        sum += exp((double)logits[i]);
    struct engine_bias bias[1] = {{0, -100.0F}};
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.temperature = 0.3F;
    s.top_k = 3;
    s.bias = bias;
    s.bias_count = 1;
    s.repetition_penalty = 1.5F;
    s.logprobs = true;
    s.top_logprobs = 20;
    struct engine_sampler *sampler = make(&s);
    for (int round = 0; round < 20; round++) {
        struct engine_pick got = pick(sampler, logits);
        assert_true(fabs((double)got.logprob - ((double)logits[got.token] - log(sum))) < 1e-5);
        assert_int_equal(got.top_count, 20);
        for (uint32_t i = 0; i < got.top_count; i++) {
            assert_int_not_equal(got.top[i].token, 3);
            assert_true(fabs((double)got.top[i].logprob -
                             ((double)logits[got.top[i].token] - log(sum))) < 1e-5);
            if (i > 0)
                assert_true(got.top[i].logprob <= got.top[i - 1].logprob);
        }
    }
    engine_sampler_free(sampler);
    s.top_logprobs = 2;
    sampler = make(&s);
    assert_int_equal(pick(sampler, logits).top_count, 2);
    engine_sampler_free(sampler);
}

static void test_bias(void **state)
{
    (void)state;
    struct engine_bias bias[3] = {{1, 3.0F}, {2, -100.0F}, {4, -INFINITY}};
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.temperature = 0;
    s.bias = bias;
    s.bias_count = 3;
    float logits[VOCAB] = {0};
    logits[0] = 2.0F;
    logits[2] = 50.0F;
    logits[4] = 60.0F;
    struct engine_sampler *sampler = make(&s);
    bias[0].token = 7; /* the sampler has its own copy */
    assert_int_equal(pick(sampler, logits).token, 1);
    engine_sampler_free(sampler);
}

static void test_penalties(void **state)
{
    (void)state;
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.temperature = 0;
    s.frequency_penalty = 0.5F;
    float logits[VOCAB] = {0};
    logits[0] = 1.2F;
    logits[1] = 1.0F;
    struct engine_sampler *sampler = make(&s);
    uint32_t prompt[3] = {0, 0, 4000000000u}; /* neither the prompt nor a foreign id counts */
    engine_sampler_prompt(sampler, prompt, 3);
    static const uint32_t want[4] = {0, 1, 0, 1}; /* 1.2 | .7 1 | .7 .5 | .2 .5 */
    for (int i = 0; i < 4; i++)
        assert_int_equal(pick(sampler, logits).token, want[i]);
    engine_sampler_free(sampler);

    s.frequency_penalty = 0;
    s.presence_penalty = 0.3F;
    sampler = make(&s);
    static const uint32_t once[4] = {0, 1, 0, 0}; /* taken once is enough, more change nothing */
    for (int i = 0; i < 4; i++)
        assert_int_equal(pick(sampler, logits).token, once[i]);
    engine_sampler_free(sampler);

    s.presence_penalty = 0;
    s.repetition_penalty = 2.0F;
    sampler = make(&s);
    engine_sampler_prompt(sampler, prompt, 1); /* here the prompt counts: 1.2 / 2 */
    assert_int_equal(pick(sampler, logits).token, 1);
    logits[0] = -1.2F;
    logits[1] = -1.3F;
    for (int i = 2; i < VOCAB; i++)
        logits[i] = -2.5F;
    assert_int_equal(pick(sampler, logits).token, 0); /* both are multiplied: -2.4 > -2.5 */
    engine_sampler_free(sampler);
}

static void test_penalty_window(void **state)
{
    (void)state;
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.temperature = 0;
    s.presence_penalty = 2.0F;
    s.penalty_window = 2;
    float logits[VOCAB] = {0};
    logits[5] = 1.5F;
    logits[6] = 1.4F;
    logits[7] = 1.3F;
    struct engine_sampler *sampler = make(&s);
    static const uint32_t want[6] = {5, 6, 7, 5, 6, 7};
    for (int i = 0; i < 6; i++)
        assert_int_equal(pick(sampler, logits).token, want[i]);
    engine_sampler_free(sampler);
}

struct only {
    uint32_t allowed, accepted;
};

static void only_apply(void *self, float *logits, uint32_t n_vocab)
{
    const struct only *only = self;
    for (uint32_t i = 0; i < n_vocab; i++)
        if (i != only->allowed)
            logits[i] = -INFINITY;
}

static void only_accept(void *self, uint32_t token)
{
    ((struct only *)self)->accepted = token;
}

static void test_mask(void **state)
{
    (void)state;
    static const struct engine_mask_ops ops = {only_apply, only_accept};
    struct only only = {.allowed = 17};
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.mask = (struct engine_mask){&ops, &only};
    s.logprobs = true;
    float logits[VOCAB];
    fill_logits(logits, 1, 4.0F);
    struct engine_sampler *sampler = make(&s);
    struct engine_pick got = pick(sampler, logits);
    assert_int_equal(got.token, 17);
    assert_int_equal(only.accepted, 17);
    assert_true(got.logprob < -0.1F); /* raw: not 0, though nothing else was possible */
    only.allowed = VOCAB;             /* a grammar that allows nothing */
    struct base_error detail;
    assert_int_equal(engine_sampler_next(sampler, logits, &got, &detail), BASE_ERR_INTERNAL);
    engine_sampler_free(sampler);
}

static void test_bad_logits(void **state)
{
    (void)state;
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    struct engine_sampler *sampler = make(&s);
    struct engine_pick got = {.token = 12345};
    struct base_error detail;
    float logits[VOCAB] = {0};
    logits[8] = NAN;
    assert_int_equal(engine_sampler_next(sampler, logits, &got, &detail), BASE_ERR_INTERNAL);
    logits[8] = INFINITY;
    assert_int_equal(engine_sampler_next(sampler, logits, &got, &detail), BASE_ERR_INTERNAL);
    for (int i = 0; i < VOCAB; i++)
        logits[i] = -INFINITY;
    assert_int_equal(engine_sampler_next(sampler, logits, &got, &detail), BASE_ERR_INTERNAL);
    assert_int_equal(got.token, 12345);
    logits[20] = -3.0F;
    assert_int_equal(engine_sampler_next(sampler, logits, &got, &detail), BASE_OK);
    assert_int_equal(got.token, 20);
    engine_sampler_free(sampler);
}

static void refuse(struct engine_sampling s, const char *param)
{
    struct engine_sampler *sampler = NULL;
    struct base_error detail;
    assert_int_equal(engine_sampler_new(&s, VOCAB, &sampler, &detail), BASE_ERR_BAD_VALUE);
    assert_string_equal(detail.param, param);
    assert_null(sampler);
}

static void test_bad_parameters(void **state)
{
    (void)state;
    struct engine_bias far[1] = {{VOCAB, 1.0F}}, nan[1] = {{0, NAN}};
#define WITH(field, value, name)                                                                   \
    do {                                                                                           \
        struct engine_sampling s_ = ENGINE_SAMPLING_DEFAULT;                                       \
        s_.field = (value);                                                                        \
        refuse(s_, name);                                                                          \
    } while (0)
    WITH(temperature, -0.1F, "temperature");
    WITH(temperature, NAN, "temperature");
    WITH(top_p, 1.01F, "top_p");
    WITH(top_p, -0.5F, "top_p");
    WITH(min_p, 2.0F, "min_p");
    WITH(typical_p, NAN, "typical_p");
    WITH(mirostat_tau, -1.0F, "mirostat_tau");
    WITH(mirostat_eta, 2.0F, "mirostat_eta");
    WITH(dry_multiplier, -1.0F, "dry_multiplier");
    WITH(dry_base, 0.5F, "dry_base");
    WITH(dry_allowed_length, 0, "dry_allowed_length");
    WITH(dry_window, 9000, "dry_penalty_last_n");
    WITH(top_k, -1, "top_k");
    WITH(repetition_penalty, 0.0F, "repetition_penalty");
    WITH(presence_penalty, 2.1F, "presence_penalty");
    WITH(frequency_penalty, -2.1F, "frequency_penalty");
    WITH(top_logprobs, 21, "top_logprobs");
    WITH(penalty_window, UINT32_MAX, "penalty_window");
#undef WITH
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.bias = far;
    s.bias_count = 1;
    refuse(s, "logit_bias");
    s.bias = nan;
    refuse(s, "logit_bias");
}

/* Without correction the bound stays; the cuts have no say. */
static void test_mirostat_distributions(void **state)
{
    (void)state;
    float logits[VOCAB];
    fill_logits(logits, 21, 6.0F);
    for (int i = 0; i < 6; i++) {
        struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
        s.seed_given = true;
        s.seed = 77 + (uint64_t)i;
        s.temperature = 0.5F + 0.5F * (float)i;
        s.mirostat = true;
        s.mirostat_eta = 0;
        s.mirostat_tau = 0.4F * (float)i;
        s.top_k = 2;
        s.min_p = 0.5F;
        check_distribution(&s, logits);
    }
}

/* The bound follows the surprise: its mean comes to what was asked for. */
static void test_mirostat_aims(void **state)
{
    (void)state;
    for (int t = 1; t <= 3; t++) {
        struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
        s.seed_given = true;
        s.mirostat = true;
        s.mirostat_tau = (float)t;
        struct engine_sampler *sampler = make(&s);
        double mu = 2.0 * t, sum = 0;
        int draws = 4000;
        for (int i = 0; i < draws; i++) {
            float logits[VOCAB];
            double p[VOCAB];
            fill_logits(logits, 500 + (uint32_t)i, 4.0F);
            struct engine_sampling whole = ENGINE_SAMPLING_DEFAULT;
            reference(&whole, logits, p);
            keep_bits(p, mu + 1e-9);
            uint32_t token = pick(sampler, logits).token;
            assert_true(p[token] > 0);
            mu -= (double)s.mirostat_eta * (-log2(p[token]) - t);
            sum -= log2(p[token]);
        }
        assert_true(fabs(sum / draws - t) < 0.05);
        engine_sampler_free(sampler);
    }
}

/* Of every earlier place of every token: how many tokens before it are as the last ones now. */
static void reference_dry(const struct engine_sampling *s, const uint32_t *text, int count,
                          double *logits)
{
    int longest[VOCAB] = {0}, from = count - (int)s->dry_window;
    from = from < 0 ? 0 : from;
    for (int at = from; at < count; at++) {
        int n = 0;
        while (at - 1 - n >= from && text[at - 1 - n] == text[count - 1 - n] &&
               !s->dry_breaks[text[count - 1 - n]])
            n++;
        if (!s->dry_breaks[text[at]] && n > longest[text[at]])
            longest[text[at]] = n;
    }
    for (int t = 0; t < VOCAB; t++)
        if (longest[t] >= (int)s->dry_allowed_length)
            logits[t] -= (double)s->dry_multiplier *
                         pow((double)s->dry_base, longest[t] - (int)s->dry_allowed_length);
}

static void test_dry(void **state)
{
    (void)state;
    uint32_t seed = 5;
    for (int round = 0; round < 400; round++) {
        uint32_t text[300];
        uint8_t breaks[VOCAB] = {0};
        int count = (int)(lcg(&seed) % 120), letters = 1 + (int)(lcg(&seed) % 4);
        breaks[3] = round % 3 == 0;
        struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
        s.temperature = 0;
        s.dry_multiplier = 0.8F;
        s.dry_base = 1.1F + (float)(round % 5) * 0.3F;
        s.dry_allowed_length = 1 + lcg(&seed) % 4;
        s.dry_window = round % 2 ? 200 : 20;
        s.dry_breaks = breaks;
        struct engine_sampler *sampler = make(&s);
        for (int i = 0; i < count; i++)
            text[i] = lcg(&seed) % (uint32_t)letters;
        engine_sampler_prompt(sampler, text, (size_t)count);
        for (int step = 0; step < 40; step++) {
            float logits[VOCAB];
            double want[VOCAB];
            for (int i = 0; i < VOCAB; i++)
                logits[i] = i < letters ? (float)(lcg(&seed) % 1000) / 300.0F : -50.0F;
            for (int i = 0; i < VOCAB; i++)
                want[i] = (double)logits[i];
            reference_dry(&s, text, count, want);
            int best = 0, second = -1;
            for (int i = 1; i < VOCAB; i++)
                best = want[i] > want[best] ? i : best;
            for (int i = 0; i < VOCAB; i++)
                if (i != best && (second < 0 || want[i] > want[second]))
                    second = i;
            text[count] = pick(sampler, logits).token;
            if (want[best] - want[second] > 1e-3 * (1 + fabs(want[best])))
                assert_int_equal(text[count], best);
            count++;
        }
        engine_sampler_free(sampler);
    }
}

/* A repetition of any length has a finite penalty. */
static void test_dry_far(void **state)
{
    (void)state;
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    uint8_t breaks[VOCAB] = {0};
    s.temperature = 0;
    s.dry_multiplier = 100;
    s.dry_base = 10;
    s.dry_breaks = breaks;
    struct engine_sampler *sampler = make(&s);
    for (uint32_t i = 0, zero = 0; i < 9000; i++)
        engine_sampler_prompt(sampler, &zero, 1);
    float logits[VOCAB] = {[0] = 1.0F};
    assert_int_equal(pick(sampler, logits).token, 1);
    engine_sampler_free(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirostat_distributions),
        cmocka_unit_test(test_mirostat_aims),
        cmocka_unit_test(test_dry),
        cmocka_unit_test(test_dry_far),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_greedy_takes_the_lower_of_equals),
        cmocka_unit_test(test_tiny_temperature_is_greedy),
        cmocka_unit_test(test_seed_and_stream),
        cmocka_unit_test(test_random_numbers_are_pinned),
        cmocka_unit_test(test_logprobs_are_of_the_raw_distribution),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_penalty_window),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_bad_logits),
        cmocka_unit_test(test_bad_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
