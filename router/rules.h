/*
 * Compiled rules: what router/compile.c makes, rules.c evaluates and reachable.c checks.
 */
#ifndef ROUTER_RULES_H
#define ROUTER_RULES_H

#include "router/private.h"

/* A condition, names resolved to bits where they have any. */
struct router_node {
    enum router_condition_type type;
    const struct router_node *children;
    size_t child_count;
    const struct slice *values; /* FINDING: only the names of dictionaries and patterns */
    size_t value_count;
    struct slice name;
    bool reads_all;       /* TEXT_: every readable byte, not only the ask */
    size_t first_pattern; /* TEXT_: value_count patterns from here */
    unsigned tasks, needs;
    policy_types types;
    int64_t over, under;
    enum policy_level level_min, level_max;
};

struct router_compiled {
    struct router_rule rule; /* strings and sets in the arena; `when` is not used */
    struct router_node when;
    bool has_routing; /* any effect but a raise or `final` */
};

struct router_rules {
    struct arena *arena;
    const struct router_compiled *rules;
    size_t count;
    struct policy_matcher *matcher; /* NULL = no text conditions */
    size_t pattern_count;
    bool reads_all; /* some condition reads the whole request */
};

/* True when the condition holds whatever the request. */
bool router_node_is_always(const struct router_node *node);

/* The join of all raises that apply to every request. */
enum policy_level router_rules_least_level(const struct router_rules *rules,
                                           enum policy_level least);

/* The least level at which the condition can hold, given that no request is below `least`; COUNT
 * when it cannot hold at all. May be too low, never too high. */
enum policy_level router_node_least_level(const struct router_node *node, enum policy_level least);

/* BAD_CONFIG for rules that can never have an effect. */
enum base_err router_rules_reachable(const struct router_rules *rules, enum policy_level least,
                                     struct base_error *reterr) BASE_MUST_USE;

#endif
