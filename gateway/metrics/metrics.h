/*
 * Metrics: counters, gauges and histograms in Prometheus' text form, with bounded labels.
 *
 *     metrics = metrics_new();
 *     metrics_request(metrics, &row);           // at the end of each request
 *     metrics_attempt(metrics, &row);           // at the end of each attempt
 *     metrics_count(metrics, METRIC_EGRESS_BLOCKED, 1);
 *     metrics_write(metrics, &facts, &out);     // GET /metrics
 *
 * Labels are names of the configuration and words of enumerations only, never a user, a key or a
 * path; at most 512 different sets per metric, the rest are counted as "other". Threads: any.
 */
#ifndef GATEWAY_METRICS_METRICS_H
#define GATEWAY_METRICS_METRICS_H

#include "gateway/ledger/ledger.h"

struct metrics;

struct metrics *metrics_new(void); /* NULL when out of memory */
void metrics_free(struct metrics *metrics);

void metrics_request(struct metrics *metrics, const struct ledger_request *row);
void metrics_attempt(struct metrics *metrics, const struct ledger_attempt *row);

/* X(NAME, "name", "help"): plain counters */
#define METRIC_COUNTERS(X)                                                                         \
    X(EGRESS_BLOCKED, "hearth_egress_blocked_total",                                               \
      "Attempts that were refused an egress permit.")                                              \
    X(UNLABELLED_BYTES, "hearth_unlabelled_bytes_total",                                           \
      "Bytes of outgoing bodies that no inspection had seen; anything but 0 is a defect.")         \
    X(POLICY_REFUSED, "hearth_policy_refused_total", "Requests for which no target was cleared.")  \
    X(RELOADS, "hearth_config_reloads_total", "Configurations that took effect after the start.")  \
    X(RELOADS_REFUSED, "hearth_config_reloads_refused_total", "Configurations that were refused.") \
    X(AUTH_FAILURES, "hearth_auth_failures_total", "Requests with a missing or wrong key.")

enum metric_counter {
#define X(name, text, help) METRIC_##name,
    METRIC_COUNTERS(X)
#undef X
        METRIC_COUNT
};
void metrics_count(struct metrics *metrics, enum metric_counter counter, int64_t by);
int64_t metrics_counted(const struct metrics *metrics, enum metric_counter counter);

/* What is read at the moment of asking: one line each, names and labels ready. */
struct metrics_gauge {
    const char *name, *help, *type; /* "gauge" or "counter"; lines of one name stand together */
    struct slice label_name, label; /* absent = none */
    double value;
};
void metrics_write(struct metrics *metrics, const struct metrics_gauge *gauges, size_t count,
                   struct buffer *out);

#endif
