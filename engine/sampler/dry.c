#include "engine/sampler/dry.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

struct sampler_dry {
    float multiplier, base;
    uint32_t allowed, window, n_vocab;
    uint32_t *ring; /* [window] the last tokens */
    uint32_t at, used;
    uint32_t *last;    /* [window] the same, latest first */
    uint32_t *z;       /* [window] how far `last` from i on is as it is from 0 on */
    uint32_t *longest; /* [n_vocab] match that the token would make longer; 0 between calls */
    uint8_t *breaks;   /* [n_vocab] */
    uint32_t most;     /* beyond this exponent the penalty is not a number any more */
};

struct sampler_dry *sampler_dry_new(const struct engine_sampling *params, uint32_t n_vocab)
{
    struct sampler_dry *dry = calloc(1, sizeof(*dry));
    if (!dry)
        return NULL;
    dry->multiplier = params->dry_multiplier;
    dry->base = params->dry_base;
    dry->allowed = params->dry_allowed_length;
    dry->window = params->dry_window;
    dry->n_vocab = n_vocab;
    dry->most = dry->base > 1.0F ? (uint32_t)(logf(FLT_MAX) / logf(dry->base) / 2) : UINT32_MAX;
    dry->ring = calloc(dry->window, sizeof(*dry->ring));
    dry->last = calloc(dry->window, sizeof(*dry->last));
    dry->z = calloc(dry->window, sizeof(*dry->z));
    dry->longest = calloc(n_vocab, sizeof(*dry->longest));
    dry->breaks = calloc(n_vocab, 1);
    if (!dry->ring || !dry->last || !dry->z || !dry->longest || !dry->breaks) {
        sampler_dry_free(dry);
        return NULL;
    }
    if (params->dry_breaks)
        memcpy(dry->breaks, params->dry_breaks, n_vocab);
    return dry;
}

void sampler_dry_free(struct sampler_dry *dry)
{
    if (!dry)
        return;
    free(dry->ring);
    free(dry->last);
    free(dry->z);
    free(dry->longest);
    free(dry->breaks);
    free(dry);
}

void sampler_dry_add(struct sampler_dry *dry, uint32_t token)
{
    if (token >= dry->n_vocab)
        return;
    dry->ring[dry->at] = token;
    dry->at = (dry->at + 1) % dry->window;
    dry->used += dry->used < dry->window ? 1 : 0;
}

/* z[i] for i from 1 on, by what is known of the text inside the rightmost match. */
static void find_matches(struct sampler_dry *dry)
{
    uint32_t left = 0, right = 0, n = dry->used;
    for (uint32_t i = 1; i < n; i++) {
        uint32_t z = 0;
        if (i < right) {
            uint32_t inside = right - i;
            z = dry->z[i - left] < inside ? dry->z[i - left] : inside;
        }
        while (i + z < n && dry->last[z] == dry->last[i + z])
            z++;
        dry->z[i] = z;
        if (i + z > right) {
            left = i;
            right = i + z;
        }
    }
}

void sampler_dry_apply(struct sampler_dry *dry, float *logits)
{
    uint32_t limit = 0;
    for (uint32_t i = 0; i < dry->used; i++)
        dry->last[i] = dry->ring[(dry->at + dry->window - 1 - i) % dry->window];
    while (limit < dry->used && !dry->breaks[dry->last[limit]])
        limit++;
    if (limit == 0 || limit < dry->allowed)
        return;
    find_matches(dry);
    for (uint32_t i = 1; i < dry->used; i++) {
        uint32_t match = dry->z[i] < limit ? dry->z[i] : limit, token = dry->last[i - 1];
        if (match >= dry->allowed && match > 0 && match > dry->longest[token] &&
            !dry->breaks[token])
            dry->longest[token] = match;
    }
    for (uint32_t i = 0; i < dry->used; i++) {
        uint32_t token = dry->last[i], match = dry->longest[token];
        if (match == 0)
            continue;
        uint32_t exponent = match - dry->allowed;
        exponent = exponent < dry->most ? exponent : dry->most;
        logits[token] -= dry->multiplier * powf(dry->base, (float)exponent);
        dry->longest[token] = 0;
    }
}
