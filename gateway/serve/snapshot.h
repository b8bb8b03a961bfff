/*
 * A configuration, compiled: what requests are decided with.
 *
 *     err = engines_open(config, &engines, &detail);                  // once per process
 *     err = snapshot_new(config, engines, NULL, &snapshot, &errors);  // takes over `config`, also
 * on failure snapshot_ref(snapshot); ... snapshot_unref(snapshot);
 *
 * Immutable and counted: a request keeps the snapshot it began with. A reload makes a new one
 * whole, or fails and leaves the old one in force. Engine models are shared by all snapshots,
 * because loading them again would double the memory: a reload that changes them is refused and
 * named. Their adapters come and go with a reload.
 *
 * snapshot_new() with engines NULL compiles for `hearth check` and `hearth route`: nothing is
 * loaded, no key is read, and engine models are described by their configuration alone.
 *
 * Threads: any.
 */
#ifndef GATEWAY_SERVE_SNAPSHOT_H
#define GATEWAY_SERVE_SNAPSHOT_H

#include "base/chat/target.h"
#include "gateway/config/config.h"
#include "policy/policy.h"
#include "router/router.h"
#include "upstreams/upstreams.h"

struct engines; /* the models that this process has loaded */

enum base_err engines_open(const struct config *config, struct engines **ret_engines,
                           struct base_error *reterr) BASE_MUST_USE;
/* Is this model's file there, a model, and within engine.memory? Nothing is loaded. */
enum base_err engines_check(const struct config *config, size_t model,
                            struct base_error *reterr) BASE_MUST_USE;
void engines_free(struct engines *engines);                                    /* NULL allowed */
struct target *engines_find(const struct engines *engines, struct slice name); /* or NULL */

struct snapshot_target {
    struct target *local;                 /* engine model (resident.h); NULL for an upstream's */
    bool is_adapter;                      /* of the engine model before it */
    struct upstream *upstream;            /* NULL for an engine model */
    size_t model;                         /* index within the upstream */
    const struct upstream_prices *prices; /* NULL = unknown */
    int64_t nano_usd_per_second;          /* engine models */
};

struct snapshot {
    struct config *config;
    struct policy *policy;
    struct router_rules *rules;
    struct router_routes routes;
    struct router_settings settings;
    struct router_matrix matrix;
    struct router_target *facts;     /* the parts that do not change from request to request */
    struct snapshot_target *targets; /* same indexes */
    size_t target_count;
    /* What the facts of all its requests have in common: rows of the ledger name it and hold what
     * differs. */
    struct router_facts base;
    struct slice base_json, base_name; /* the name is a digest */
    struct upstream **upstreams;
    size_t upstream_count;
    struct arena *arena;
    uint64_t number; /* 1, 2, ... in this process */
    int refs;        /* atomic */
};

/* `before` (NULL allowed): breaker states and averages of its upstreams are taken over. */
enum base_err snapshot_new(struct config *config, struct engines *engines,
                           const struct snapshot *before, struct snapshot **ret_snapshot,
                           struct config_errors *errors) BASE_MUST_USE;
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL allowed */

/* names.c, called by snapshot_new(): models that rules and tenants name, and nobody can ask for. */
enum base_err snapshot_check_names(const struct snapshot *snapshot,
                                   struct config_errors *errors) BASE_MUST_USE;

/* Target by name; SIZE_MAX when there is none. */
size_t snapshot_find(const struct snapshot *snapshot, struct slice name);

/* The entry of `models` for a name that clients ask for: the name itself, else the longest pattern
 * ("gpt-*") that fits, unless a target has that very name. NULL when there is none. */
const struct config_model *snapshot_model(const struct snapshot *snapshot, struct slice name);

/* The pipeline that answers to a name; NULL when none does. */
const struct config_pipeline *snapshot_pipeline(const struct snapshot *snapshot,
                                                struct slice model);

#endif
