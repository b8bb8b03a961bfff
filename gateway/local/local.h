/*
 * Engine models as targets: the adapter between the engine's thread and a loop.
 *
 *     err = local_target_new(&options, &target, &detail);      // opens the model, starts its
 * thread
 *     ... target->ops->start(target, &call, sink, &stream, &detail) on any loop
 *     local_target_free(target);                                // after all streams were released
 *
 * One adapter serves all loops: start() may be called on any of them; the events of a stream come
 * on the loop that started it. `n` answers are n generations with one prompt. Bytes never leave the
 * process, so calls carry no permit.
 * What the engine cannot do is in local_target_features(); the router keeps such requests away, and
 * start() refuses them with UNSUPPORTED as well.
 */
#ifndef GATEWAY_LOCAL_LOCAL_H
#define GATEWAY_LOCAL_LOCAL_H

#include "base/chat/target.h"
#include "engine/engine.h"

struct local_options {
    struct slice name; /* of the target; copied */
    const char *path;  /* of the GGUF file */
    uint32_t
        context; /* tokens of one request, prompt and answer; 0 = the model's own, at most 4096 */
    uint32_t sequences; /* generations at once; 0 = 4 */
    uint32_t threads;   /* 0 = cores - 1, at least 1 */
    uint32_t queue_max; /* waiting generations; 0 = 64 */
    enum engine_kv kv;
    enum engine_overflow overflow;
    uint32_t guesses;       /* ahead of an answer; 0 = none */
    const char *draft_path; /* of a smaller model for them; NULL = none */
};

enum base_err local_target_new(const struct local_options *options, struct target **ret_target,
                               struct base_error *reterr) BASE_MUST_USE;
void local_target_free(struct target *target); /* NULL allowed */

/* A model for embeddings (an encoder) is a target too: it serves requests for them and no others,
 * on one thread, text by text in turns between requests (embedder.h). */

/* The same model with an adapter, as a target of its own; freed before the model's. */
enum base_err local_target_adapter(struct target *model, struct slice name, const char *path,
                                   struct target **ret_target,
                                   struct base_error *reterr) BASE_MUST_USE;

/* enum chat_need bits the model is equipped with; NULL (not loaded): what a model may be. */
unsigned local_target_features(const struct target *target);
uint32_t local_target_context(const struct target *target); /* tokens of one request */
/* Whether its files are no longer what was loaded (engine_model_is_changed()). */
bool local_target_is_changed(const struct target *target);

/* For the router and the metrics, from any thread. */
struct local_facts {
    uint32_t running, waiting, queue_max;
    uint32_t kv_tokens, kv_capacity;
    uint64_t guessed_tokens, right_tokens; /* since it was loaded */
    int64_t first_token_ms;                /* predicted for a prompt of the tokens asked about */
    int64_t tokens_per_s_milli;            /* -1 = nothing measured yet */
};
void local_target_facts(const struct target *target, int64_t prompt_tokens,
                        struct local_facts *ret);

const struct engine_model_info *local_target_info(const struct target *target);

#endif
