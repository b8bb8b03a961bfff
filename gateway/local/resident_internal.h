/*
 * Engine models in memory or not, private part: what the two files share.
 *
 *     resident.c           loading, unloading, adapters, life, facts
 *     resident_stream.c    a request: waits for its model, then passes on what the engine says
 *
 * One lock for all models of the process; "lock" at a field means that one.
 */
#ifndef GATEWAY_LOCAL_RESIDENT_INTERNAL_H
#define GATEWAY_LOCAL_RESIDENT_INTERNAL_H

#include "base/core/log.h"
#include "gateway/local/resident.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RESIDENT_FAILED_MS = 5000 }; /* until a model that could not be loaded is tried again */

struct resident;

/* A model or one of its adapters, as the rest of the gateway sees it. */
struct place {
    struct target base;
    struct resident *resident;
    char *name, *path;       /* path: adapters */
    struct place *next;      /* lock; adapters of the model */
    int refs;                /* lock; adapters */
    struct target *inner;    /* lock; NULL while not loaded */
    struct base_error error; /* lock; adapters: why there is no inner one though the model is */
};

/* What the head of its file says. */
struct resident_needs {
    uint64_t memory_bytes, weight_bytes;
    uint32_t context;
    bool encoder;
};

struct resident {
    struct residents *all;
    struct resident *next;
    struct place place;     /* of the model itself */
    struct place *adapters; /* lock */
    struct local_options options;
    bool on_demand;
    int64_t idle_ms;
    uint32_t queue_max;

    /* Under the lock, as all below. UNLOADED with waiters is WAITING to others. */
    struct resident_needs needs;
    enum resident_state state;
    bool stale;       /* its files changed: what is loaded goes with its last request */
    uint32_t users;   /* streams, and whoever needs it to stay for a moment */
    uint32_t waiting; /* streams in `waiters` */
    struct target_stream *waiters;
    int64_t used_ns, failed_ns, load_started_ns, load_ms;
    uint64_t asked; /* order in which models are to be loaded */
    uint64_t loads, unloads;
    uint32_t context_train;
    struct base_error error; /* FAILED */
};

struct residents {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t loader;
    bool loader_runs, stopping; /* stopping: lock */
    uint64_t memory_max;
    uint64_t asked; /* lock */
    struct log_limit log;
    struct resident *list, **tail;
};

/* What a request holds: waits for the model, then passes on the events of the stream within. */
struct target_stream {
    struct place *place;
    struct target_call call; /* the request lives until release() */
    struct target_sink sink;
    atomic_int refs;            /* the loop's, and one while it waits or is posted */
    struct target_stream *next; /* lock; waiters */
    bool listed;                /* lock */
    struct base_error error;    /* of the loading; set before it is posted */
    /* Loop side. */
    struct loop_timer patience;
    struct target *inner_target;
    struct target_stream *inner;
    bool silent, paused;
};

extern const struct target_ops resident_ops;

int64_t resident_now_ns(void);
bool resident_takes_memory(const struct resident *r);
struct place *resident_place(const struct target *target);

/* Under the lock: takes the first waiter out of the list and sends it on its way. */
void resident_wake_first(struct resident *r);

#endif
