#include "engine/scheduler/drafter.h"

#include <stdlib.h>

#include "base/core/clock.h"

struct wish {
    const uint32_t *tokens; /* borrowed until engine_drafter_run() returns */
    size_t count;
    uint32_t most, made; /* most 0 = none */
    uint32_t guesses[ENGINE_DRAFT_MAX];
};

struct engine_drafter {
    struct engine_session *session;
    struct wish *wishes; /* [sequences] */
    uint32_t sequences, batch, n_vocab;
    struct engine_batch_item *items; /* [batch] */
    uint32_t *rows;                  /* [sequences] slot of each row of logits */
    double seconds;
};

/* --- the same vocabulary --- */

static enum base_err check_vocabulary(struct engine_model *draft, struct engine_model *target,
                                      struct base_error *reterr)
{
    const struct engine_vocab *a = engine_model_vocab(draft), *b = engine_model_vocab(target);
    if (!slice_eq(a->model, b->model) || a->token_count != b->token_count ||
        engine_model_info(draft)->n_vocab != engine_model_info(target)->n_vocab)
        return base_error_set(
            reterr, BASE_ERR_UNSUPPORTED,
            "the draft model has another vocabulary: %u tokens of kind '%.*s', the "
            "model has %u of kind '%.*s'",
            a->token_count, SLICE_ARG(slice_sub(a->model, 0, 40)), b->token_count,
            SLICE_ARG(slice_sub(b->model, 0, 40)));
    for (uint32_t i = 0; i < a->token_count; i++) {
        if (!slice_eq(a->texts[i], b->texts[i]))
            return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                                  "the draft model has another vocabulary: token %u differs", i);
    }
    return BASE_OK;
}

/* --- life --- */

enum base_err engine_drafter_new(struct engine_model *draft, struct engine_model *target,
                                 const struct engine_session_options *like, uint32_t context,
                                 uint32_t sequences, struct engine_drafter **ret_drafter,
                                 struct base_error *reterr)
{
    enum base_err err = check_vocabulary(draft, target, reterr);
    if (err)
        return err;
    struct engine_drafter *d = calloc(1, sizeof(*d));
    if (!d)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a draft model");
    const struct engine_session_options options = {.context = context,
                                                   .sequences = sequences,
                                                   .threads = like->threads,
                                                   .kv = like->kv,
                                                   .pool = like->pool};
    err = engine_session_new(draft, &options, &d->session, reterr);
    if (!err) {
        d->sequences = sequences;
        d->batch = engine_session_batch(d->session);
        d->n_vocab = engine_model_info(draft)->n_vocab;
        d->wishes = calloc(sequences, sizeof(*d->wishes));
        d->items = calloc(d->batch, sizeof(*d->items));
        d->rows = calloc(sequences, sizeof(*d->rows));
        if (!d->wishes || !d->items || !d->rows)
            err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a draft model");
    }
    if (err) {
        engine_drafter_free(d);
        return err;
    }
    *ret_drafter = d;
    return BASE_OK;
}

void engine_drafter_free(struct engine_drafter *drafter)
{
    if (!drafter)
        return;
    engine_session_free(drafter->session);
    free(drafter->wishes);
    free(drafter->items);
    free(drafter->rows);
    free(drafter);
}

/* --- guesses --- */

void engine_drafter_want(struct engine_drafter *d, uint32_t slot, const uint32_t *tokens,
                         size_t count, uint32_t most)
{
    struct wish *w = &d->wishes[slot];
    w->tokens = tokens;
    w->count = count;
    w->made = 0;
    w->most = most < ENGINE_DRAFT_MAX ? most : ENGINE_DRAFT_MAX;
}

static uint32_t token_at(const struct wish *w, size_t at)
{
    return at < w->count ? w->tokens[at] : w->guesses[at - w->count];
}

/* What the session lacks of text and guesses so far, as much as there is room for. */
static void feed(struct engine_drafter *d, uint32_t slot, size_t *count, size_t *rows)
{
    struct wish *w = &d->wishes[slot];
    size_t from = engine_session_length(d->session, slot), end = w->count + w->made;
    if (w->made >= w->most || end - from > engine_session_room(d->session, slot)) {
        w->most = w->made; /* that is all */
        return;
    }
    for (size_t i = from; i < end && *count < d->batch; i++) {
        bool last = i + 1 == end;
        d->items[(*count)++] = (struct engine_batch_item){
            .sequence = slot, .token = token_at(w, i), .want_logits = last};
        if (last)
            d->rows[(*rows)++] = slot;
    }
}

static uint32_t largest(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* One step for all that still want a guess; false when there is nothing more to do. A step that
 * only reads is the last of its turn, so that reading does not hold up the answers. */
static bool round_of_guesses(struct engine_drafter *d)
{
    size_t count = 0, rows = 0;
    for (uint32_t slot = 0; slot < d->sequences; slot++)
        if (d->wishes[slot].most > 0)
            feed(d, slot, &count, &rows);
    if (count == 0 || engine_session_step(d->session, d->items, count, NULL, NULL))
        return false; /* no room for all: without guesses, then */
    for (size_t row = 0; row < rows; row++) {
        struct wish *w = &d->wishes[d->rows[row]];
        w->guesses[w->made++] = largest(engine_session_logits(d->session, row), d->n_vocab);
    }
    return rows > 0;
}

void engine_drafter_run(struct engine_drafter *d)
{
    int64_t start = clock_mono_ns(clock_system());
    uint32_t rounds = 0;
    while (round_of_guesses(d))
        rounds++;
    if (rounds > 0) {
        double seconds = (double)(clock_mono_ns(clock_system()) - start) * 1e-9 / rounds;
        d->seconds = d->seconds > 0 ? d->seconds + 0.1 * (seconds - d->seconds) : seconds;
    }
}

uint32_t engine_drafter_take(struct engine_drafter *d, uint32_t slot, uint32_t *out)
{
    struct wish *w = &d->wishes[slot];
    memcpy(out, w->guesses, w->made * sizeof(*out));
    w->most = 0;
    return w->made;
}

void engine_drafter_keep(struct engine_drafter *d, uint32_t slot, uint32_t length)
{
    engine_session_trim(d->session, slot, length);
    d->wishes[slot].most = 0;
}

double engine_drafter_seconds(const struct engine_drafter *d)
{
    return d->seconds;
}
