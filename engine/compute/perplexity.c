/* How well a model foresees a text. */
#include <math.h>

#include "engine/model/model.h"

enum { PERPLEXITY_CONTEXT = 512, PERPLEXITY_BATCH = 64 };

struct measure {
    struct engine_session *session;
    const uint32_t *tokens; /* of one chunk */
    uint32_t count, first;  /* the first position whose prediction counts */
    int32_t bos;
    double sum, squares; /* of -log p, in nats */
    uint64_t scored;
};

/* -log of the probability that the row gives to `token`. */
static double surprise(const float *row, uint32_t n_vocab, uint32_t token)
{
    float most = row[0];
    double sum = 0;
    for (uint32_t i = 1; i < n_vocab; i++)
        most = row[i] > most ? row[i] : most;
    for (uint32_t i = 0; i < n_vocab; i++)
        sum += exp((double)row[i] - (double)most);
    return log(sum) - ((double)row[token] - (double)most);
}

/* Positions from `at` on, in one step. */
static enum base_err step(struct measure *m, uint32_t at, uint32_t count, struct base_error *reterr)
{
    struct engine_batch_item items[PERPLEXITY_BATCH];
    uint32_t n_vocab = engine_model_info(engine_session_model(m->session))->n_vocab;
    for (uint32_t i = 0; i < count; i++) {
        bool start = at + i == 0 && m->bos >= 0;
        items[i] =
            (struct engine_batch_item){.token = start ? (uint32_t)m->bos : m->tokens[at + i],
                                       .want_logits = at + i >= m->first && at + i + 1 < m->count};
    }
    enum base_err err = engine_session_step(m->session, items, count, NULL, reterr);
    for (uint32_t i = 0, row = 0; !err && i < count; i++) {
        if (!items[i].want_logits)
            continue;
        double nats =
            surprise(engine_session_logits(m->session, row++), n_vocab, m->tokens[at + i + 1]);
        if (!isfinite(nats))
            err = base_error_set(reterr, BASE_ERR_INTERNAL,
                                 "the model's logits are not finite at position %u of a chunk",
                                 at + i);
        m->sum += nats;
        m->squares += nats * nats;
        m->scored++;
    }
    return err;
}

static enum base_err chunk(struct measure *m, struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    engine_session_trim(m->session, 0, 0);
    for (uint32_t at = 0; !err && at < m->count;) {
        uint32_t left = m->count - at, n = left < PERPLEXITY_BATCH ? left : PERPLEXITY_BATCH;
        err = step(m, at, n, reterr);
        at += n;
    }
    return err;
}

static void sum_up(const struct measure *m, uint32_t chunks, struct engine_perplexity *ret)
{
    double n = (double)m->scored, mean = m->sum / n, variance = m->squares / n - mean * mean;
    *ret = (struct engine_perplexity){
        .nats = mean, .perplexity = exp(mean), .scored = m->scored, .chunks = chunks};
    if (n > 1 && variance > 0)
        ret->error = sqrt(variance / (n - 1)) * ret->perplexity;
}

enum base_err engine_perplexity(struct engine_model *model, const uint32_t *tokens, size_t count,
                                const struct engine_perplexity_options *options,
                                engine_perplexity_fn on_chunk, void *user,
                                struct engine_perplexity *ret, struct base_error *reterr)
{
    uint32_t context = options->context ? options->context : PERPLEXITY_CONTEXT;
    if (count < 4 || context < 4)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "%zu tokens in chunks of %u; at least 4 are needed", count, context);
    if (count < context)
        context = (uint32_t)count;
    size_t chunks = count / context;
    if (options->chunks > 0 && options->chunks < chunks)
        chunks = options->chunks;
    const struct engine_session_options session = {.context = context,
                                                   .sequences = 1,
                                                   .batch = PERPLEXITY_BATCH,
                                                   .outputs = PERPLEXITY_BATCH,
                                                   .threads = options->threads,
                                                   .kv = ENGINE_KV_F32};
    struct measure m = {.count = context, .first = context / 2, .bos = options->bos};
    struct engine_perplexity so_far = {0};
    enum base_err err = engine_session_new(model, &session, &m.session, reterr);
    for (size_t i = 0; !err && i < chunks; i++) {
        m.tokens = tokens + i * context;
        err = chunk(&m, reterr);
        if (err)
            break;
        sum_up(&m, (uint32_t)i + 1, &so_far);
        if (on_chunk && !on_chunk(user, &so_far, (uint32_t)chunks))
            err = base_error_set(reterr, BASE_ERR_CANCELLED, "stopped after chunk %zu", i + 1);
    }
    engine_session_free(m.session);
    if (!err)
        *ret = so_far;
    return err;
}
