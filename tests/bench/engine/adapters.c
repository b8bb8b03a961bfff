/*
 * What adapters cost: answers of COUNT sequences in one batch, each with an adapter of its own, and
 * the same without any, in turn.
 *
 *     adapters MODEL.gguf ADAPTER.gguf COUNT [THREADS [STEPS [ROUNDS]]]
 *
 * The adapter is opened COUNT times, so that each has numbers of its own in memory;
 * tests/e2e/make_adapter.c writes one. Prints tokens per second of each round, and the median of
 * the ratios.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/clock.h"
#include "engine/engine.h"

enum { COUNT_MAX = 64, ROUNDS_MAX = 100 };

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double tokens_per_s(struct engine_session *session, struct engine_adapter *const *adapters,
                           uint32_t count, uint32_t steps)
{
    struct engine_batch_item items[COUNT_MAX];
    struct base_error detail;
    for (uint32_t i = 0; i < count; i++)
        engine_session_trim(session, i, 0);
    int64_t start = clock_mono_ns(clock_system());
    for (uint32_t at = 0; at < steps; at++) {
        for (uint32_t i = 0; i < count; i++)
            items[i] = (struct engine_batch_item){.sequence = i,
                                                  .token = 300 + at * 7 + i * 31,
                                                  .want_logits = true,
                                                  .adapter = adapters ? adapters[i] : NULL};
        if (engine_session_step(session, items, count, NULL, &detail)) {
            (void)fprintf(stderr, "%s\n", detail.message);
            exit(1);
        }
    }
    return count * steps / ((double)(clock_mono_ns(clock_system()) - start) * 1e-9);
}

int main(int argc, char **argv)
{
    struct engine_model *model = NULL;
    struct engine_session *session = NULL;
    struct engine_adapter *adapters[COUNT_MAX] = {0};
    struct base_error detail = {0};
    double ratios[ROUNDS_MAX];
    uint32_t count = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
    uint32_t threads = argc > 4 ? (uint32_t)atoi(argv[4]) : 0;
    uint32_t steps = argc > 5 ? (uint32_t)atoi(argv[5]) : 16;
    uint32_t rounds = argc > 6 ? (uint32_t)atoi(argv[6]) : 5;
    if (count < 1 || count > COUNT_MAX || steps < 1 || rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: adapters MODEL ADAPTER COUNT [THREADS [STEPS [ROUNDS]]]\n");
        return 1;
    }
    const struct engine_session_options options = {
        .context = count * (steps + 32), .sequences = count, .threads = threads};
    enum base_err err = engine_model_open(argv[1], NULL, &model, &detail);
    if (!err)
        err = engine_session_new(model, &options, &session, &detail);
    for (uint32_t i = 0; !err && i < count; i++)
        err = engine_adapter_open(model, argv[2], &adapters[i], &detail);
    if (err) {
        (void)fprintf(stderr, "%s\n", detail.message);
        return 1;
    }
    for (uint32_t i = 0; i <= rounds; i++) {
        double plain = tokens_per_s(session, NULL, count, steps);
        double adapted = tokens_per_s(session, adapters, count, steps);
        if (i == 0)
            continue; /* warms up */
        ratios[i - 1] = adapted / plain;
        printf("without %.1f tokens/s, with %.1f: %.3f\n", plain, adapted, ratios[i - 1]);
    }
    qsort(ratios, rounds, sizeof(*ratios), compare);
    printf("median %.3f\n", ratios[rounds / 2]);
    for (uint32_t i = 0; i < count; i++)
        engine_adapter_unref(adapters[i]);
    engine_session_free(session);
    engine_model_unref(model);
    return 0;
}
