/* Embeddings: hidden states of a text's tokens, made one vector. */
#include <math.h>
#include <stdlib.h>

#include "engine/compute/session.h"

enum { FILE_UNSAID, FILE_MEAN, FILE_CLS, FILE_LAST, FILE_RANK }; /* <arch>.pooling_type */

static enum base_err choose_pooling(const struct engine_model *model, enum engine_pooling *pooling,
                                    struct base_error *reterr)
{
    static const enum engine_pooling by_file[] = {
        [FILE_MEAN] = ENGINE_POOLING_MEAN,
        [FILE_CLS] = ENGINE_POOLING_FIRST,
        [FILE_LAST] = ENGINE_POOLING_LAST,
    };
    if ((unsigned)*pooling >= ENGINE_POOLING_COUNT)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "pooling %u; at most %u",
                              (unsigned)*pooling, ENGINE_POOLING_COUNT - 1U);
    if (*pooling != ENGINE_POOLING_MODEL)
        return BASE_OK;
    if (model->hp.pooling >= FILE_RANK)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "%s is made to rank texts, which this engine does not compute",
                              gguf_name(model->file));
    if (model->hp.pooling != FILE_UNSAID)
        *pooling = by_file[model->hp.pooling];
    else
        *pooling = model->arch->encoder ? ENGINE_POOLING_MEAN : ENGINE_POOLING_LAST;
    return BASE_OK;
}

static enum base_err check_length(const struct engine_session *s, size_t count,
                                  struct base_error *reterr)
{
    const struct engine_model *model = s->model;
    size_t most = s->kv.context;
    if (model->arch->encoder && s->batch < most)
        most = s->batch;
    if (model->weights.positions.format && model->hp.context_train < most)
        most = model->hp.context_train;
    if (count == 0)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "an embedding of no tokens");
    if (count > most)
        return base_error_set(reterr, BASE_ERR_CONTEXT_LENGTH,
                              "a text of %zu tokens; embeddings of at most %zu are computed", count,
                              most);
    return BASE_OK;
}

/* Takes the hidden states of `count` items into `sum`; `first`: place of the first in the text. */
static void pool(struct engine_session *s, enum engine_pooling pooling, size_t first, size_t count,
                 float *sum)
{
    size_t n_embd = s->model->hp.n_embd;
    float *hidden = s->branch; /* scratch between steps */
    for (size_t t = 0; t < count; t++) {
        bool wanted = pooling == ENGINE_POOLING_MEAN ||
                      (pooling == ENGINE_POOLING_FIRST && first + t == 0) ||
                      (pooling == ENGINE_POOLING_LAST && t + 1 == count);
        if (!wanted)
            continue;
        engine_graph_hidden(s, t, hidden);
        if (pooling == ENGINE_POOLING_MEAN)
            s->kernels->add(sum, hidden, n_embd);
        else
            memcpy(sum, hidden, n_embd * sizeof(*sum));
    }
}

static void scale_to(float *x, size_t n, bool unit, size_t count)
{
    double squares = 0, by = 1.0 / (double)count;
    for (size_t i = 0; unit && i < n; i++)
        squares += (double)x[i] * (double)x[i];
    if (unit)
        by = squares > 0 ? 1.0 / sqrt(squares) : 0;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] * by);
}

enum base_err engine_embed(struct engine_session *session, const uint32_t *tokens, size_t count,
                           enum engine_pooling pooling, bool normalise, float *ret_vector,
                           struct base_error *reterr)
{
    struct engine_session *s = session;
    size_t n_embd = s->model->hp.n_embd;
    enum base_err err = choose_pooling(s->model, &pooling, reterr);
    if (!err)
        err = check_length(s, count, reterr);
    if (err)
        return err;
    struct engine_batch_item *items = calloc(s->batch, sizeof(*items));
    float *sum = calloc(n_embd, sizeof(*sum));
    if (!items || !sum)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for an embedding");
    engine_session_trim(s, 0, 0);
    for (size_t at = 0; !err && at < count;) {
        size_t n = count - at < s->batch ? count - at : s->batch;
        for (size_t i = 0; i < n; i++)
            items[i] = (struct engine_batch_item){.token = tokens[at + i]};
        err = engine_session_compute(s, items, n, true, NULL, reterr);
        if (!err)
            pool(s, pooling, at, n, sum);
        at += n;
    }
    engine_session_trim(s, 0, 0);
    if (!err) {
        scale_to(sum, n_embd, normalise, pooling == ENGINE_POOLING_MEAN ? count : 1);
        memcpy(ret_vector, sum, n_embd * sizeof(*sum));
    }
    free(items);
    free(sum);
    return err;
}
