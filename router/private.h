/*
 * What the files of router/ share and nobody else sees.
 */
#ifndef ROUTER_PRIVATE_H
#define ROUTER_PRIVATE_H

#include "router/router.h"

enum router_unit router_reason_unit(enum router_reason_code code);

/* Fenced block, or several lines that read like code. */
bool router_has_code(struct slice text);

/* "$0.001250", more digits for small sums; "unknown" below zero. */
void router_money_text(int64_t nano_usd, struct buffer *out);

/* "tools, images" */
void router_needs_text(unsigned needs, struct buffer *out);

/* True when a set names this target or its zone. */
bool router_target_set_has(const struct router_target_set *set, const struct router_target *target);

/* Predicted time of the whole answer; -1 = unknown. */
int64_t router_total_ms(const struct router_facts *facts, const struct router_target *target);

/* Prompt and one token of answer. */
int64_t router_tokens_needed(const struct router_facts *facts);

/* Sets outcome, message and its numbers when nobody may serve; false when out of memory. */
bool router_describe_refusal(const struct router_facts *facts, struct router_decision *decision,
                             struct arena *arena);

/* A rank in millionths, for reasons. */
int64_t router_rank_micro(double rank);

/* Index of the target with that name, or `count`. */
size_t router_target_index(const struct router_target *targets, size_t count, struct slice name);

/* The value nearest to `name` by edit distance, if near enough to be a slip of the pen; else
 * absent. */
struct slice router_nearest_name(struct slice name, const struct slice *known, size_t count);

#endif
