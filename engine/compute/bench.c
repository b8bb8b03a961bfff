/* Helpers for commands: logits of a whole text, and speed. */
#include <stdlib.h>

#include "base/core/clock.h"
#include "engine/model/model.h"

#define LOGITS_BATCH 32U

enum base_err engine_logits(struct engine_model *model, const struct engine_adapter *adapter,
                            const uint32_t *tokens, size_t count, uint32_t threads,
                            engine_row_fn on_row, void *user, struct base_error *reterr)
{
    struct engine_session *session = NULL;
    struct engine_batch_item items[LOGITS_BATCH];
    if (count == 0 || count > UINT32_MAX / 2)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "%zu tokens; at least 1 is needed",
                              count);
    const struct engine_session_options options = {.context = (uint32_t)count,
                                                   .sequences = 1,
                                                   .batch = LOGITS_BATCH,
                                                   .outputs = LOGITS_BATCH,
                                                   .threads = threads,
                                                   .kv = ENGINE_KV_F32};
    enum base_err err = engine_session_new(model, &options, &session, reterr);
    for (size_t at = 0; !err && at < count;) {
        size_t n = count - at < LOGITS_BATCH ? count - at : LOGITS_BATCH;
        for (size_t i = 0; i < n; i++)
            items[i] = (struct engine_batch_item){
                .token = tokens[at + i], .want_logits = true, .adapter = adapter};
        err = engine_session_step(session, items, n, NULL, reterr);
        for (size_t i = 0; !err && i < n; i++) {
            if (!on_row(user, at + i, engine_session_logits(session, i)))
                err = base_error_set(reterr, BASE_ERR_CANCELLED, "stopped at position %zu", at + i);
        }
        at += n;
    }
    engine_session_free(session);
    return err;
}

/* --- speed -------------------------------------------------------------------------------- */

#define BENCH_BATCH 256U
#define MAX_RUNS 1000U
#define MAX_BENCH_TOKENS (1U << 20)
#define MAX_SEQUENCES 64U

static uint32_t some_token(uint32_t i, uint32_t n_vocab)
{
    return (uint32_t)((i * UINT64_C(2654435761) + 12345) % n_vocab);
}

/* Seconds in which each of `sequences` takes `count` tokens, one each per step. */
static enum base_err generate(struct engine_session *session, uint32_t count, uint32_t sequences,
                              double *ret_seconds, struct base_error *reterr)
{
    struct engine_batch_item items[MAX_SEQUENCES];
    uint32_t n_vocab = engine_model_info(engine_session_model(session))->n_vocab;
    int64_t start = clock_mono_ns(clock_system());
    for (uint32_t at = 0; at < count; at++) {
        for (uint32_t i = 0; i < sequences; i++)
            items[i] = (struct engine_batch_item){
                .sequence = i, .token = some_token(at + i * 977, n_vocab), .want_logits = true};
        enum base_err err = engine_session_step(session, items, sequences, NULL, reterr);
        if (err)
            return err;
    }
    *ret_seconds = (double)(clock_mono_ns(clock_system()) - start) / 1e9;
    return BASE_OK;
}

/* Seconds to take a prompt of `count` tokens; the last one's logits are computed. */
static enum base_err prompt(struct engine_session *session, uint32_t count, double *ret_seconds,
                            struct base_error *reterr)
{
    struct engine_batch_item items[BENCH_BATCH];
    uint32_t n_vocab = engine_model_info(engine_session_model(session))->n_vocab;
    int64_t start = clock_mono_ns(clock_system());
    for (uint32_t at = 0; at < count;) {
        uint32_t n = count - at < BENCH_BATCH ? count - at : BENCH_BATCH;
        for (uint32_t i = 0; i < n; i++)
            items[i] = (struct engine_batch_item){.token = some_token(at + i, n_vocab)};
        items[n - 1].want_logits = at + n == count;
        enum base_err err = engine_session_step(session, items, n, NULL, reterr);
        if (err)
            return err;
        at += n;
    }
    *ret_seconds = (double)(clock_mono_ns(clock_system()) - start) / 1e9;
    return BASE_OK;
}

static int compare_doubles(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Tokens per second of a prompt (no sequences) or of generation: median of the runs after one that
 * is not counted. */
static enum base_err measure(struct engine_session *session, uint32_t count, uint32_t sequences,
                             uint32_t runs, double *ret_speed, double *ret_spread,
                             struct base_error *reterr)
{
    double *speeds = calloc(runs, sizeof(*speeds)), seconds = 0;
    enum base_err err = BASE_OK;
    if (!speeds)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %u runs", runs);
    for (uint32_t i = 0; !err && i <= runs; i++) {
        for (uint32_t q = 0; q < engine_session_sequences(session); q++)
            engine_session_trim(session, q, 0);
        err = sequences ? generate(session, count, sequences, &seconds, reterr)
                        : prompt(session, count, &seconds, reterr);
        if (!err && i > 0)
            speeds[i - 1] = (double)count * (sequences ? sequences : 1) / seconds;
    }
    if (!err) {
        qsort(speeds, runs, sizeof(*speeds), compare_doubles);
        *ret_speed = (speeds[(runs - 1) / 2] + speeds[runs / 2]) / 2;
        *ret_spread = (speeds[runs - 1] - speeds[0]) / *ret_speed;
    }
    free(speeds);
    return err;
}

enum base_err engine_bench(struct engine_model *model, const struct engine_bench_options *options,
                           struct engine_bench_result *ret, struct base_error *reterr)
{
    struct engine_bench_result result = {.runs = options->runs ? options->runs : 5};
    struct engine_session *session = NULL;
    struct engine_pool *pool = NULL;
    uint32_t pp = options->prompt_tokens, tg = options->gen_tokens;
    uint32_t sequences = options->sequences ? options->sequences : 1;
    if (pp > MAX_BENCH_TOKENS || tg > MAX_BENCH_TOKENS || result.runs > MAX_RUNS)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "at most %u tokens and %u runs can be measured", MAX_BENCH_TOKENS,
                              MAX_RUNS);
    if (sequences > MAX_SEQUENCES)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "at most %u sequences can be measured",
                              MAX_SEQUENCES);
    enum base_err err = engine_pool_new(options->threads, &pool, reterr);
    if (err)
        return err;
    result.threads = engine_pool_threads(pool);
    const struct engine_session_options session_options = {
        .context = (pp > tg * sequences ? pp : tg * sequences) + 1,
        .sequences = sequences,
        .batch = BENCH_BATCH,
        .kv = options->kv,
        .pool = pool};
    err = engine_session_new(model, &session_options, &session, reterr);
    if (!err && pp > 0)
        err = measure(session, pp, 0, result.runs, &result.pp_tokens_per_s, &result.pp_spread,
                      reterr);
    if (!err && tg > 0)
        err = measure(session, tg, sequences, result.runs, &result.tg_tokens_per_s,
                      &result.tg_spread, reterr);
    engine_session_free(session);
    engine_pool_free(pool);
    if (!err)
        *ret = result;
    return err;
}
