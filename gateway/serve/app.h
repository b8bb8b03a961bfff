/*
 * The process: what all requests share, and what belongs to one worker.
 *
 * A worker sees the configuration through its view: the snapshot and, for each target, the object
 * that serves it on this worker's loop. A request holds its view to the end; a reload gives each
 * worker a new one.
 *
 * Threads: a view and a worker belong to their loop's thread; `app` says what is shared.
 */
#ifndef GATEWAY_SERVE_APP_H
#define GATEWAY_SERVE_APP_H

#include "gateway/ledger/ledger.h"
#include "gateway/serve/snapshot.h"
#include "gateway/serve/workpool.h"

#include <pthread.h>
#include <stdatomic.h>

struct http_server;
struct keys;
struct metrics;
struct sessions;
struct worker;

struct view {
    int refs; /* loop thread only */
    struct worker *worker;
    struct snapshot *snapshot;
    struct target *
        *targets; /* same indexes as the snapshot's; engine models are shared, others owned */
    int64_t *price_carry; /* what rounding left over, per target: see upstream_cost_nano_usd() */
};

struct app_left {
    struct app_left *next;
    loop_fn fn;
    void *user;
};

struct worker {
    struct app *app;
    struct loop *loop;
    unsigned index;
    struct upstream_pool *pool;
    struct view *view; /* the newest */
};

struct app {
    const struct clock *clock;
    const struct random_source *random;
    struct engines *engines;
    struct ledger *ledger;        /* any thread */
    struct policy_memory *memory; /* any thread */
    struct sessions *sessions;    /* any thread */
    struct keys *keys;            /* any thread; NULL or empty = everybody is `default` */
    struct metrics *metrics;      /* any thread */
    struct workpool *workpool;    /* any thread */
    struct http_server *server;
    struct worker *workers;
    unsigned worker_count;
    struct clock_date start;
    atomic_bool ready; /* false while starting and draining */
    /* Requests without a valid key: how many came since the last that has a row, and when the next
     * one gets one (monotonic; see api_exchange_on_end()). */
    atomic_llong strangers, strangers_row_ns;

    pthread_mutex_t newest_lock; /* guards newest */
    struct snapshot *newest;
    pthread_mutex_t reload_lock;          /* one reload at a time */
    bool listen_override, state_override; /* given on the command line: the file's are ignored */

    pthread_mutex_t left_lock;
    struct app_left *left; /* what found its loop ended, newest first */
};

/* Runs fn(user) soon on the loop's thread, from any thread; or, when the loop has ended, while the
 * process is taken apart: what holds a request must let go of it, or its row is lost. */
void app_post(struct app *app, struct loop *loop, loop_fn fn, void *user);
/* Once no thread but this one is left, and before what requests use is freed. */
void app_run_left(struct app *app);

/* The time for the label memory: a step of the wall's clock must not make it forget. Any thread. */
int64_t app_date_ns(const struct app *app);

/* The newest snapshot, with a reference for the caller. Any thread. */
struct snapshot *app_newest(struct app *app);

/* Writes into the audit that this policy is in force from now on. Any thread. */
void app_audit_policy(struct app *app, const struct snapshot *snapshot);

enum base_err view_new(struct worker *worker, struct snapshot *snapshot, struct view **ret_view,
                       struct base_error *reterr) BASE_MUST_USE;
struct view *view_ref(struct view *view);
void view_unref(struct view *view); /* NULL allowed */

#endif
