/*
 * Random requests to the engine, good and bad, for the soak.
 *
 *     struct soak_request r;
 *     soak_request_make(&r, &random, &target);
 *     err = engine_scheduler_submit(sched, &r.req, sink, &id, &detail);
 *     if (r.bad) ... err must be of the client's class
 *     soak_request_done(&r);
 *
 * Everything the request points to lives in the struct.
 */
#ifndef TESTS_LONG_SOAK_REQUEST_H
#define TESTS_LONG_SOAK_REQUEST_H

#include "tests/long/soak_form.h"

enum { SOAK_ADAPTERS = 2 };

/* The model that is asked. */
struct soak_target {
    uint32_t n_vocab;
    const struct engine_markup *markup;
    struct engine_adapter *adapters[SOAK_ADAPTERS];
    struct engine_adapter *foreign; /* one of another model; NULL = none */
};

enum { SOAK_MESSAGES_MAX = 14, SOAK_TEXT_MAX = 600, SOAK_CONTEXT = 192, SOAK_TOKENS_MAX = 500 };

struct soak_request {
    struct engine_request req;
    const char *bad; /* what is wrong with it; NULL = nothing */
    bool may_not_fit;
    const char *grammar; /* its text; "JSON", "form"; NULL = none */
    bool has_form;
    struct soak_form form;
    const struct soak_target *target;
    struct engine_message messages[SOAK_MESSAGES_MAX];
    char text[SOAK_TEXT_MAX + 8];
    uint32_t tokens[SOAK_TEXT_MAX];
    struct engine_bias bias[8];
    struct slice stop[2];
};

/* Uniform in 0 .. n-1. */
uint32_t soak_below(uint64_t *random, uint32_t n);

void soak_request_make(struct soak_request *r, uint64_t *random, const struct soak_target *target);
/* Gives back the grammar. */
void soak_request_done(struct soak_request *r);

#endif
