/*
 * The models of the soak: tiny ones with random weights, each with another way of serving.
 *
 *     soak_models_write();                        // once: files in memory
 *     struct soak_live live;
 *     soak_live_open(&live, i);                   // model, adapters, draft, scheduler
 *     soak_request_make(&r, &random, &live.target);
 *     soak_live_close(&live);
 *     soak_models_done();
 *
 *     soak_embed()                                // one text's embedding, by a session of its own
 *
 * Whatever fails ends the program with a message.
 */
#ifndef TESTS_LONG_SOAK_MODEL_H
#define TESTS_LONG_SOAK_MODEL_H

#include "tests/long/soak_request.h"

enum { SOAK_MODELS = 4, SOAK_VOCAB = 264, SOAK_EMBD = 32 };

struct soak_live {
    struct engine_model *model;
    struct engine_scheduler *sched;
    struct soak_target target;
};

_Noreturn void soak_give_up(const char *what, const char *detail);

void soak_models_write(void);
void soak_models_done(void);
const char *soak_model_name(size_t which);

void soak_live_open(struct soak_live *live, size_t which);
/* The model and its adapters; what runs holds references of its own. */
void soak_live_drop_model(struct soak_live *live);
void soak_live_close(struct soak_live *live);

/* With the encoder (`of_chat` false) or with a chat model. */
void soak_embed(bool of_chat, const uint32_t *tokens, size_t count, float ret[SOAK_EMBD]);

#endif
