/*
 * The configuration file as it stands in YAML: what the tables of schema.c bind to, and config.c
 * turns
 * into struct config. Private to gateway/config.
 */
#ifndef GATEWAY_CONFIG_FILE_H
#define GATEWAY_CONFIG_FILE_H

#include "base/doc/schema.h"
#include "gateway/config/config.h"

struct file_capability {
    int form; /* 0 = one number, 1 = per task */
    double all;
    DOC_MAP_OF(double) per_task;
};

struct file_engine_adapter {
    struct slice name, path;
    struct file_capability capability;
};

struct file_engine_model {
    struct slice name, path;
    int64_t context, sequences, threads, queue;
    int kv_cache, overflow, load;
    struct {
        int64_t tokens;
        struct slice draft;
    } speculation;
    int64_t idle_ms;
    DOC_LIST_OF(struct file_engine_adapter) adapters;
    struct file_capability capability;
    int clearance;
    double usd_per_hour;
};

struct file_prices { /* USD per million tokens */
    double input, output;
    const double *cache_read, *cache_write, *cache_write_1h, *reasoning;
    double per_request;
    struct slice date;
};

struct file_upstream_model {
    struct slice name, upstream_name;
    struct file_capability capability;
    DOC_LIST_OF(int) features;
    bool features_given;
    int64_t context, max_output;
    const struct file_prices *prices;
};

struct file_deadlines {
    int64_t connect_ms, first_byte_ms, idle_ms, total_ms;
};

struct file_upstream {
    struct slice name, kind;
    DOC_LIST_OF(struct slice) urls;
    DOC_LIST_OF(struct slice) keys;
    int zone, clearance;
    bool zone_given, clearance_given;
    DOC_LIST_OF(struct slice) addresses;
    struct slice ca_file;
    struct file_deadlines deadlines;
    int64_t max_concurrent;
    DOC_LIST_OF(struct file_upstream_model) models;
    const struct doc_node *where;
};

struct file_dictionary {
    struct slice name, file;
    DOC_LIST_OF(struct slice) words;
    int level;
    const struct doc_node *where;
};

struct file_pattern {
    struct slice name, regex;
    int level;
};

struct file_policy {
    int default_level, uninspected;
    DOC_MAP_OF(int) levels;
    const struct doc_node *where;
    DOC_LIST_OF(struct file_dictionary) dictionaries;
    DOC_LIST_OF(struct file_pattern) patterns;
    int64_t memory_ttl_ms, memory_entries;
};

struct file_target_set {
    DOC_LIST_OF(int) zones;
    DOC_LIST_OF(struct slice) targets;
};

struct file_raise {
    int sensitivity;
    bool sensitivity_given;
    double complexity;
    bool complexity_given;
};

struct file_refuse {
    int form; /* 0 = true or false, 1 = the message */
    bool yes;
    struct slice message;
};

struct file_rule {
    struct slice name;
    struct router_condition when;
    struct file_raise raise;
    struct file_target_set only, avoid, prefer;
    struct slice pin;
    struct file_refuse refuse;
    int objective;
    bool objective_given;
    double max_cost_usd;
    bool max_cost_given;
    bool final;
};

struct file_expect_not {
    DOC_LIST_OF(int) zones;
    struct slice target;
};

struct file_over_under {
    double over, under;
};

struct file_expect {
    DOC_LIST_OF(int) zones;
    int level;
    bool level_given;
    struct slice target;
    struct file_over_under complexity;
    struct file_expect_not not ;
};

struct file_test {
    struct slice say;
    struct file_expect expect;
    const struct doc_node *where;
};

struct file_model {
    struct slice route, pipeline;
    DOC_LIST_OF(struct slice) targets;
    int64_t deadline_ms;
    int objective;
    bool objective_given;
    const struct doc_node *where;
};

struct file_step_target {
    int form; /* 0 = a name, 1 = an object */
    struct slice name;
    struct {
        struct slice route;
        double max_complexity;
    } bound;
};

struct file_step {
    struct slice id, prompt, system;
    struct file_step_target target;
    struct {
        DOC_LIST_OF(struct slice) words;
    } output;
    DOC_MAP_OF(struct slice) when;
    int64_t max_tokens;
    int level;
    bool stream;
};

struct file_pipeline {
    struct slice name;
    DOC_LIST_OF(struct file_step) steps;
};

struct file_tenant {
    struct slice name;
    DOC_LIST_OF(struct slice) groups;
    DOC_LIST_OF(struct slice) models;
    int objective;
    bool objective_given;
    bool may_pin;
    int priority;
};

struct file_config {
    struct slice listen, admin, state;
    struct {
        struct slice cert, key;
    } tls;
    int auth, headers, audit, ledger;
    int64_t workers, body_max, drain_ms, connections_per_ip;
    DOC_LIST_OF(struct slice) trusted_proxies;
    struct {
        DOC_LIST_OF(struct file_engine_model) models;
        int64_t memory;
    } engine;
    DOC_LIST_OF(struct file_upstream) upstreams;
    struct file_policy policy;
    DOC_LIST_OF(struct file_rule) rules;
    struct {
        double complexity;
    } unknown;
    int64_t deadline_ms;
    double min_tokens_per_s;
    int objective;
    DOC_LIST_OF(struct file_test) tests;
    DOC_MAP_OF(struct file_model) models;
    DOC_LIST_OF(struct file_pipeline) pipelines;
    DOC_LIST_OF(struct file_tenant) tenants;
};

extern const struct doc_type file_config_type; /* schema.c */

/* when.c: a condition tree. A doc_parse_fn. */
bool file_parse_when(struct doc_binder *b, const struct doc_node *node, void *out);
extern const char file_when_json_schema[];
/* The section of the reference about conditions. */
void file_when_markdown(struct buffer *out);

#endif
