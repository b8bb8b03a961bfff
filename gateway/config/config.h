/*
 * The configuration file as one C structure.
 *
 *     err = config_load("hearth.yaml", &config, &errors);    // config_default() without a file
 *     ... snapshot_new(config, ...) compiles it ...
 *     config_free(config);
 *
 * Reading is strict: every problem is collected (up to 20) with file, line, column, what was
 * expected and the nearest known name. The tables in schema.c bind the file to this
 * structure, print `hearth schema` and make docs/configuration.md.
 *
 * Ownership: all of a config lives in its own arena. Immutable after loading. Threads: any.
 * Secrets are never in the file: `env:NAME` and `file:PATH` are read by snapshot_new(), not here.
 */
#ifndef GATEWAY_CONFIG_CONFIG_H
#define GATEWAY_CONFIG_CONFIG_H

#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/doc/doc.h"
#include "engine/engine.h"
#include "policy/policy.h"
#include "router/router.h"
#include "upstreams/upstreams.h"

/* `capability: 0.7` or `capability: {classification: 0.4, chat: 0.1}` (tasks not named: the
 * lowest). */
struct config_capability {
    double by_task[ROUTER_TASK_COUNT];
};

/* A LoRA adapter of a model: the target MODEL:NAME. */
struct config_engine_adapter {
    struct slice name; /* with the model's */
    struct slice path;
    struct config_capability capability;
};

struct config_engine_model {
    struct slice name;
    struct slice path;  /* of the GGUF file, relative to the configuration file */
    uint32_t context;   /* 0 = auto */
    uint32_t sequences; /* generations at once; 0 = 4 */
    uint32_t threads;   /* 0 = auto */
    uint32_t queue;     /* waiting generations; 0 = 64 */
    enum engine_kv kv;
    enum engine_overflow overflow;
    uint32_t guesses;   /* ahead of an answer; 0 = none */
    struct slice draft; /* GGUF file of a smaller model for them; absent = none */
    bool on_demand;     /* load: on_demand */
    int64_t idle_ms;
    const struct config_engine_adapter *adapters;
    size_t adapter_count;
    struct config_capability capability;
    enum policy_level clearance; /* default restricted */
    int64_t nano_usd_per_second; /* what a second of this machine costs */
};

struct config_upstream_model {
    struct slice name, upstream_name;
    struct config_capability capability;
    unsigned features;                         /* enum chat_need bits */
    int64_t context_tokens, max_output_tokens; /* 0 = unknown */
    struct upstream_prices *prices;            /* NULL = unknown */
};

struct config_upstream {
    struct slice name, kind;
    const struct slice *urls;
    size_t url_count;
    const struct slice *keys; /* "env:NAME" or "file:PATH", not read yet */
    size_t key_count;
    enum policy_zone zone;
    enum policy_level clearance;
    const struct slice *addresses;
    size_t address_count;
    struct slice ca_file;
    struct target_deadlines deadlines;
    int64_t max_concurrent;
    const struct config_upstream_model *models;
    size_t model_count;
};

/* A name that clients ask for. Exactly one of: route (targets, or all), alias, pipeline. */
struct config_model {
    struct slice name;
    struct slice route;    /* alias: another name of this table; absent = it is a route itself */
    struct slice pipeline; /* absent = none */
    const struct slice *targets; /* none = every target */
    size_t target_count;
    int64_t deadline_ms; /* to the first token; 0 = the default */
    bool objective_given;
    enum router_objective objective;
};

/* One step of a pipeline: a prompt for a target, whose answer is a variable for later steps. */
struct config_step {
    struct slice id;
    struct slice prompt;        /* template; may use input and ids of earlier steps */
    struct slice system;        /* template; absent = none */
    struct slice target;        /* "auto", a route or a target */
    double max_complexity;      /* target: {max_complexity: X}: this step is never harder than
                              that; -1 = not given */
    const struct slice *one_of; /* output: {enum: [...]}: the answer must be one of these */
    size_t one_of_count;
    struct slice when_step, when_value; /* when: {STEP: VALUE}; absent = always */
    int64_t max_tokens;                 /* 0 = the target's own */
    enum policy_level least_level; /* the step's content is at least this; PUBLIC = nothing said */
    bool stream;                   /* only the last step's answer is shown; true there */
};

struct config_pipeline {
    struct slice name;
    const struct config_step *steps;
    size_t step_count;
};

struct config_tenant {
    struct slice name;
    const struct slice *groups; /* for rules */
    size_t group_count;
    const struct slice *models; /* names its keys may use; none = all */
    size_t model_count;
    bool objective_given;
    enum router_objective objective;
    bool may_pin;     /* x-hearth-target is obeyed */
    int32_t priority; /* in the queues of engine models; 0 = normal */
};

/* A sentence and what must come of it; run at every load. */
struct config_test {
    struct slice say;
    unsigned zones, not_zones; /* 1 << enum policy_zone; 0 = not given */
    struct slice target, not_target;
    int level;                                /* enum policy_level or -1 */
    double complexity_over, complexity_under; /* -1 = not given */
};

struct config {
    struct arena *arena;
    struct slice path;           /* of the file; absent = built-in defaults */
    struct slice directory;      /* paths in the file are relative to it */
    const struct doc_node *root; /* as it was read: for the places of what is found wrong later */

    struct slice listen, admin;     /* "127.0.0.1:8080"; admin absent = on `listen` as well */
    struct slice state;             /* folder */
    struct slice tls_cert, tls_key; /* PEM files; absent = plain */
    bool auth_none;                 /* auth: none */
    bool headers_full;              /* headers: full | id */
    bool audit_strict, ledger_strict;
    unsigned workers; /* 0 = one per core */
    uint64_t body_bytes_max;
    int64_t drain_ms; /* how long a shutdown waits for running requests */
    unsigned connections_per_ip;
    const struct slice *trusted_proxies;
    size_t trusted_proxy_count;

    const struct config_engine_model *engine_models;
    size_t engine_model_count;
    uint64_t engine_memory_bytes; /* most that loaded models may take together; 0 = no limit */
    const struct config_upstream *upstreams;
    size_t upstream_count;

    struct policy_config policy;
    int64_t memory_ttl_ms; /* label memory */
    size_t memory_entries;

    const struct router_rule *rules;
    size_t rule_count;
    struct router_settings settings;

    const struct config_model *models;
    size_t model_count;
    const struct config_pipeline *pipelines;
    size_t pipeline_count;
    const struct config_tenant *tenants;
    size_t tenant_count;
    const struct config_test *tests;
    size_t test_count;
};

/* What was wrong, one line each, as they are to be printed. */
struct config_errors {
    struct buffer
        text; /* "hearth.yaml:12:5: unknown key `clearence`...\n"; init and done by the caller */
    size_t count;
};

/* BAD_CONFIG with the list in *errors; IO when the file cannot be read. */
enum base_err config_load(const char *path, struct config **ret_config,
                          struct config_errors *errors) BASE_MUST_USE;
enum base_err config_load_text(struct slice text, const char *name, struct config **ret_config,
                               struct config_errors *errors) BASE_MUST_USE;

/* 127.0.0.1:8080, the demo model at `model_path`, gpt-*, claude-* and local-model meaning `auto`.
 */
enum base_err config_default(const char *model_path, struct config **ret_config,
                             struct config_errors *errors) BASE_MUST_USE;

void config_free(struct config *config); /* NULL allowed */

/* Adds "FILE:LINE:COLUMN: MESSAGE" for what was found wrong after loading; `path` is where it
 * stands, as doc_find() takes it. Without a place when the path leads nowhere. */
void config_complain(const struct config *config, struct config_errors *errors, const char *path,
                     const char *message);

/* `hearth schema`: JSON Schema 2020-12; and docs/configuration.md. */
void config_schema_json(struct buffer *out);
void config_reference_markdown(struct buffer *out);

#endif
