/* Metrics: bounded labels, exact money, Prometheus' text form. */
#include "tests/unit/unit.h"

#include "gateway/metrics/metrics.h"

#include <stdio.h>

static struct ledger_attempt attempt_at(struct slice target)
{
    return (struct ledger_attempt){.target = target,
                                   .zone = POLICY_ZONE_CLOUD,
                                   .usage = CHAT_USAGE_UNKNOWN,
                                   .cost_nano_usd = 1500000001};
}

static void test_text(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    struct ledger_attempt attempt = attempt_at(SLICE("openai/gpt-x"));
    attempt.usage.input = 7;
    metrics_attempt(m, &attempt);
    metrics_attempt(m, &attempt);
    struct ledger_request request = {.route = SLICE("auto"),
                                     .target = SLICE("openai/gpt-x"),
                                     .zone = POLICY_ZONE_CLOUD,
                                     .level = POLICY_LEVEL_INTERNAL,
                                     .total_ms = 30,
                                     .ttft_ms = 3,
                                     .overhead_us = 40,
                                     .cost_avoided_nano_usd = -1};
    metrics_request(m, &request);
    metrics_count(m, METRIC_EGRESS_BLOCKED, 2);
    struct buffer out;
    buffer_init(&out, 1 << 20);
    metrics_write(m, NULL, 0, &out);
    buffer_add_char(&out, '\0');
    const char *all = buffer_slice(&out).ptr;
    assert_contains(all, "# TYPE hearth_cost_usd_total "
                         "counter\nhearth_cost_usd_total{target=\"openai/gpt-x\"} 3.000000002\n");
    assert_contains(all, "hearth_tokens_total{target=\"openai/gpt-x\",kind=\"input\"} 14\n");
    assert_contains(all,
                    "hearth_requests_total{route=\"auto\",status=\"ok\",level=\"internal\"} 1\n");
    assert_contains(
        all, "hearth_request_duration_seconds_bucket{target=\"openai/gpt-x\",le=\"0.025\"} 0\n");
    assert_contains(
        all, "hearth_request_duration_seconds_bucket{target=\"openai/gpt-x\",le=\"0.1\"} 1\n");
    assert_contains(all, "hearth_gateway_overhead_seconds_count 1\n");
    assert_contains(all, "hearth_egress_blocked_total 2\n");
    buffer_done(&out);
    metrics_free(m);
}

static void test_labels_are_bounded(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    for (int i = 0; i < 5000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "t%d\"\n", i);
        struct ledger_attempt attempt = attempt_at(slice_from_str(name));
        metrics_attempt(m, &attempt);
    }
    struct buffer out;
    buffer_init(&out, 16 << 20);
    metrics_write(m, NULL, 0, &out);
    buffer_add_char(&out, '\0');
    const char *all = buffer_slice(&out).ptr;
    size_t lines = 0;
    for (const char *p = all; *p; p++)
        lines += *p == '\n';
    assert_true(lines < 1200);
    assert_contains(all, "hearth_attempts_total{other=\"true\"}");
    assert_contains(all, "{target=\"t1__\""); /* a quote or a line end cannot forge a line */
    buffer_done(&out);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_labels_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
