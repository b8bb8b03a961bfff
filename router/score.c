/*
 * A linear model over text_features.h: raw = sum of dense weights + sum of hashed weights /
 * sqrt(number of hashed features), then the rank of that raw score among the texts of a reference
 * set. The task is the largest of eleven such sums.
 */
#include "router/score.h"

#include <math.h>

extern const struct router_scorer router_weights; /* weights.S */

const struct router_scorer *router_scorer_builtin(void)
{
    return &router_weights;
}

struct slice router_scorer_version(const struct router_scorer *scorer)
{
    const struct router_scorer *s = scorer ? scorer : &router_weights;

    return slice_of(s->version, strnlen(s->version, sizeof s->version));
}

double router_score_raw(const struct router_scorer *scorer, const struct router_features *f,
                        int32_t groups[ROUTER_GROUP_COUNT])
{
    double parts[ROUTER_GROUP_COUNT] = {0}, raw = 0;
    double unit = f->count ? (double)scorer->scale / sqrt((double)f->count) : 0;

    for (size_t i = 0; i < ROUTER_DENSE_COUNT; i++)
        parts[router_dense_group((enum router_dense)i)] += (double)(scorer->dense[i] * f->dense[i]);
    for (size_t i = 0; i < ROUTER_TASK_COUNT; i++)
        parts[ROUTER_GROUP_WORDS] += (double)(scorer->cues[i] * f->cues[i]);
    for (size_t i = 0; i < f->count; i++)
        parts[f->groups[i]] += unit * scorer->hashed[f->hashed[i] & (SCORER_HASHED - 1)];
    for (size_t g = 0; g < ROUTER_GROUP_COUNT; g++) {
        raw += parts[g];
        groups[g] = (int32_t)lrint(parts[g] * 1000);
    }
    return raw;
}

static double rank_of(const struct router_scorer *scorer, double raw)
{
    const float *q = scorer->quantiles;
    size_t low = 0, high = SCORER_QUANTILES - 1;
    double from, to;

    if (!(raw > (double)q[low]))
        return 0;
    if (raw >= (double)q[high])
        return 1;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (raw >= (double)q[middle])
            low = middle;
        else
            high = middle;
    }
    from = (double)q[low];
    to = (double)q[high];
    /* In millionths: more says nothing, and writes long. */
    return rint(1e6 / (SCORER_QUANTILES - 1) *
                ((double)low + (to > from ? (raw - from) / (to - from) : 0))) /
           1e6;
}

static void find_task(const struct router_scorer *scorer, const struct router_features *f,
                      struct router_score *ret)
{
    double z[ROUTER_TASK_COUNT], sum = 0, unit = f->count ? 1 / sqrt((double)f->count) : 0;
    size_t best = 0;

    for (size_t t = 0; t < ROUTER_TASK_COUNT; t++) {
        int64_t hashed = 0;

        z[t] = (double)scorer->task_bias[t];
        for (size_t i = 0; i < ROUTER_DENSE_COUNT; i++)
            z[t] += (double)(scorer->task_dense[t][i] * f->dense[i]);
        for (size_t i = 0; i < ROUTER_TASK_COUNT; i++)
            z[t] += (double)(scorer->task_cues[t][i] * f->cues[i]);
        for (size_t i = 0; i < f->count; i++)
            hashed += scorer->task_hashed[t][f->hashed[i] >> 16 & (SCORER_TASK_HASHED - 1)];
        z[t] += unit * (double)scorer->task_scale[t] * (double)hashed;
        if (z[t] > z[best])
            best = t;
    }
    for (size_t t = 0; t < ROUTER_TASK_COUNT; t++)
        sum += exp((z[t] - z[best]) * (double)scorer->task_sharpness);
    ret->task = (enum router_task)best;
    ret->task_confidence = 1 / sum;
}

/* ---- Requests that say nothing about the work ---- */

/* Words that only carry a conversation on. */
static const char carry_on[] = " continue go on yes no ok okay please do it that this again try "
                               "next more thanks thank you sure "
                               "keep going proceed fine good great now ahead the and so hi hello "
                               "hey what why how hmm well then "
                               "right correct exactly yep nope done start stop retry redo same one "
                               "all of them perfect nice cool "
                               "weiter ja nein bitte danke mach nochmal gut genau hallo los "
                               "continuez oui non merci encore sigue "
                               "si sí vale gracias avanti grazie ";

static bool is_letter(unsigned char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
}

/* Whether every word of a short text is one of those. */
static bool only_carries_on(struct slice text)
{
    char word[20] = " ";
    size_t len = 1, words = 0;

    for (size_t i = 0; i <= text.len; i++) {
        unsigned char c = i < text.len ? (unsigned char)text.ptr[i] : ' ';

        if (is_letter(c)) {
            if (len < 18)
                word[len] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
            len++;
            continue;
        }
        if (len > 1) {
            if (len >= 18 || ++words > 8)
                return false;
            word[len] = ' ';
            if (slice_find(slice_of(carry_on, sizeof carry_on - 1), slice_of(word, len + 1)) ==
                SIZE_MAX)
                return false;
        }
        len = 1;
    }
    return true;
}

static bool was_seen(const struct router_scorer *scorer, uint32_t hash)
{
    uint32_t bit = hash & (SCORER_SEEN_BITS - 1);

    return scorer->seen[bit / 8] >> bit % 8 & 1;
}

static enum router_unknown find_unknown(const struct router_scorer *scorer, struct slice text,
                                        const struct router_features *f)
{
    size_t words = 0, seen = 0;
    double not_ascii = (double)f->dense[ROUTER_DENSE_NOT_ASCII] * (double)text.len;

    if (!text.len)
        return ROUTER_UNKNOWN_EMPTY;
    if (!f->letters)
        return ROUTER_UNKNOWN_NO_LETTERS;
    /* Scripts without spaces: six bytes make about a word. */
    if ((double)f->words + not_ascii / 6 < 3 || only_carries_on(text))
        return ROUTER_UNKNOWN_TOO_SHORT;
    for (size_t i = 0; i < f->count; i++) {
        if (f->groups[i] != ROUTER_GROUP_WORDS)
            continue;
        words++;
        seen += was_seen(scorer, f->hashed[i]);
    }
    /* A bit may be set by another word: by chance about one in eight is. */
    return seen * 10 < words * 3 ? ROUTER_UNKNOWN_UNSEEN : ROUTER_KNOWN;
}

void router_score_text(const struct router_scorer *scorer, struct slice text,
                       struct router_score *ret)
{
    struct router_features features;
    struct router_score score = {.complexity = 0.5, .task = ROUTER_TASK_CHAT};
    const struct router_scorer *s = scorer ? scorer : &router_weights;
    double raw;

    text = slice_trim(slice_is_absent(text) ? SLICE("") : text);
    router_features_read(text, &features);
    score.unknown = find_unknown(s, text, &features);
    score.version = router_scorer_version(s);
    find_task(s, &features, &score);
    raw = router_score_raw(s, &features, score.groups);
    if (score.unknown == ROUTER_KNOWN)
        score.complexity = rank_of(s, raw);
    else
        memset(score.groups, 0, sizeof score.groups);
    if (score.unknown == ROUTER_UNKNOWN_EMPTY || score.unknown == ROUTER_UNKNOWN_NO_LETTERS) {
        score.task = ROUTER_TASK_CHAT;
        score.task_confidence = 0;
    }
    *ret = score;
}
