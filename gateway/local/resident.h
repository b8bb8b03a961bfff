/*
 * Engine models of a process, in memory or not: loaded at start or when a request comes, given back
 * when idle or when others need the memory. To the rest of the gateway each is a target, and so is
 * each adapter of one.
 *
 *     err = residents_new(memory_bytes, &residents, &detail);
 *     err = residents_add(residents, &options, &target, &detail);         // at start, once each
 *     err = residents_adapter(residents, target, SLICE("demo:legal"), path, &legal, &detail);
 *     ... target->ops->start(target, &call, sink, &stream, &detail) on any loop
 *     resident_adapter_unref(legal);
 *     residents_free(residents);                                // after all streams were released
 *
 * A model loaded on demand: start() succeeds at once and the request waits; a thread of its own
 * loads one model after the other, and then the request begins on its loop. So many may wait as the
 * model's queue holds, RESIDENT_WAIT_MS at most; then, or when loading fails, the stream ends with
 * LOCAL_UNAVAILABLE before its first event, so that another target can be tried. What is predicted
 * for such a request includes the loading.
 *
 * A model whose files were written to, cut short or cannot be read takes no more requests; when the
 * last that use it have ended it is loaded again, as on demand, also one loaded at start.
 *
 * Memory: what a model needs with its cache is estimated from the head of its file. The sum of
 * those loaded stays below `memory_bytes`: to make room, the one idle for longest is unloaded, but
 * none that has a request or was loaded at start. When all are busy, requests wait.
 *
 * Threads: any. start() and everything of a stream on the stream's loop.
 */
#ifndef GATEWAY_LOCAL_RESIDENT_H
#define GATEWAY_LOCAL_RESIDENT_H

#include "gateway/local/local.h"

enum { RESIDENT_WAIT_MS = 60000 };

struct residents;

/* memory_bytes: the ceiling; 0 = none (each model is then checked against what the system has when
 * it is loaded). */
enum base_err residents_new(uint64_t memory_bytes, struct residents **ret_residents,
                            struct base_error *reterr) BASE_MUST_USE;
void residents_free(struct residents *residents); /* NULL allowed */

struct resident_options {
    struct local_options local; /* copied, with its texts */
    bool on_demand;
    int64_t idle_ms; /* on demand: unloaded after so long without a request; 0 = never for that */
};

/* Loads it, or, on demand, reads the head of its file. Errors as local_target_new(); NO_MEMORY with
 * the ceiling when it alone is above it. The target belongs to `residents`. */
enum base_err residents_add(struct residents *residents, const struct resident_options *options,
                            struct target **ret_target, struct base_error *reterr) BASE_MUST_USE;

/* An adapter of a model as a target of its own. The same name and path once more give the same
 * target: counted, given back by resident_adapter_unref(). Opened at once when the model is loaded,
 * else with it. */
enum base_err residents_adapter(struct residents *residents, struct target *model,
                                struct slice name, const char *path, struct target **ret_target,
                                struct base_error *reterr) BASE_MUST_USE;
void resident_adapter_unref(struct target *adapter); /* NULL allowed */

/* As of local targets; NULL = nothing is known yet. */
unsigned resident_features(const struct target *target);
uint32_t resident_context(const struct target *target); /* 0 = not known before it is loaded */

enum resident_state {
    RESIDENT_UNLOADED,
    RESIDENT_WAITING, /* to be loaded: for the loader, or for memory */
    RESIDENT_LOADING,
    RESIDENT_LOADED,
    RESIDENT_FAILED, /* could not be loaded; tried again after some seconds */
    RESIDENT_STATE_COUNT
};
const char *resident_state_name(enum resident_state state);

struct resident_facts {
    struct local_facts local; /* zeros but for queue and prediction while not loaded */
    enum resident_state state;
    bool on_demand;
    bool is_adapter;
    int64_t retry_after_ms; /* not 0: it cannot be tried now */
    uint64_t
        memory_bytes; /* weights, cache and scratch memory, as estimated; adapter: its numbers */
    uint64_t loads, unloads;
    uint32_t context_train;
    uint64_t weight_bytes;
};
void resident_facts(const struct target *target, int64_t prompt_tokens, struct resident_facts *ret);

#endif
