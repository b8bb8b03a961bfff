#include "gateway/metrics/metrics.h"

#include "policy/policy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SERIES_MAX = 512, LABELS_MAX = 240, BUCKETS = 14 };

/* Seconds. */
static const double bounds[BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1,
                                       0.25,   0.5,   1,      2.5,   10,   30,    120};

enum family {
    FAMILY_REQUESTS,
    FAMILY_ATTEMPTS,
    FAMILY_DURATION,
    FAMILY_TTFT,
    FAMILY_OVERHEAD,
    FAMILY_TOKENS,
    FAMILY_COST,
    FAMILY_COST_AVOIDED,
    FAMILY_DECISIONS,
    FAMILY_COUNT
};

enum unit { UNIT_COUNT, UNIT_SECONDS, UNIT_NANO_USD };

static const struct {
    const char *name, *help;
    enum unit unit; /* SECONDS = histogram */
} families[FAMILY_COUNT] = {
    [FAMILY_REQUESTS] = {"hearth_requests_total", "Requests by route, status and level.",
                         UNIT_COUNT},
    [FAMILY_ATTEMPTS] = {"hearth_attempts_total", "Attempts by target, zone and status.",
                         UNIT_COUNT},
    [FAMILY_DURATION] = {"hearth_request_duration_seconds", "Whole requests, by target.",
                         UNIT_SECONDS},
    [FAMILY_TTFT] = {"hearth_time_to_first_token_seconds", "Request to first content, by target.",
                     UNIT_SECONDS},
    [FAMILY_OVERHEAD] = {"hearth_gateway_overhead_seconds",
                         "Body complete to target asked: what Hearth itself adds.", UNIT_SECONDS},
    [FAMILY_TOKENS] = {"hearth_tokens_total", "Tokens by target and kind.", UNIT_COUNT},
    [FAMILY_COST] = {"hearth_cost_usd_total", "Known cost of attempts by target, in dollars.",
                     UNIT_NANO_USD},
    [FAMILY_COST_AVOIDED] = {"hearth_cost_avoided_usd_total",
                             "Dearest able target's expected cost less the real one, in dollars.",
                             UNIT_NANO_USD},
    [FAMILY_DECISIONS] = {"hearth_route_decisions_total", "Answers by target, zone and level.",
                          UNIT_COUNT},
};

struct series {
    char labels[LABELS_MAX]; /* `target="demo",zone="device"`, or "" */
    int64_t value;           /* of counters; nanoseconds' sum of histograms */
    uint64_t count;
    uint64_t buckets[BUCKETS];
};

struct table {
    struct series *series;
    size_t count, capacity;
};

struct metrics {
    pthread_mutex_t
        lock; /* guards tables; taken a few times per request, for well below a microsecond */
    struct table tables[FAMILY_COUNT];
    atomic_llong counters[METRIC_COUNT];
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics)
        pthread_mutex_init(&metrics->lock, NULL);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (int i = 0; i < FAMILY_COUNT; i++)
        free(metrics->tables[i].series);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

void metrics_count(struct metrics *metrics, enum metric_counter counter, int64_t by)
{
    atomic_fetch_add_explicit(&metrics->counters[counter], by, memory_order_relaxed);
}

int64_t metrics_counted(const struct metrics *metrics, enum metric_counter counter)
{
    return atomic_load_explicit(&metrics->counters[counter], memory_order_relaxed);
}

/* ---- series ---- */

static struct series *series_of(struct metrics *metrics, enum family family, const char *labels)
{
    struct table *table = &metrics->tables[family];
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->series[i].labels, labels) == 0)
            return &table->series[i];
    if (table->count >= SERIES_MAX) { /* bounded: what is new from now on is counted together */
        labels = "other=\"true\"";
        for (size_t i = table->count; i-- > 0;)
            if (strcmp(table->series[i].labels, labels) == 0)
                return &table->series[i];
    }
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 8;
        struct series *grown = realloc(table->series, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        table->series = grown;
        table->capacity = capacity;
    }
    struct series *series = &table->series[table->count++];
    *series = (struct series){0};
    (void)snprintf(series->labels, sizeof(series->labels), "%s", labels);
    return series;
}

static void add(struct metrics *metrics, enum family family, const char *labels, int64_t value)
{
    struct series *series = series_of(metrics, family, labels);
    if (series)
        series->value += value;
}

static void observe(struct metrics *metrics, enum family family, const char *labels, int64_t ns)
{
    struct series *series = series_of(metrics, family, labels);
    if (!series || ns < 0)
        return;
    series->value += ns;
    series->count++;
    for (int i = 0; i < BUCKETS; i++)
        if ((double)ns / 1e9 <= bounds[i])
            series->buckets[i]++;
}

/* Labels being put together; what does not fit is left out. */
struct labels {
    char text[LABELS_MAX];
    size_t len;
};

static void put(struct labels *out, struct slice s)
{
    size_t room = sizeof(out->text) - 1 - out->len;
    size_t len = s.len < room ? s.len : room;
    memcpy(out->text + out->len, s.ptr, len);
    out->len += len;
    out->text[out->len] = '\0';
}

/* The value: names of the configuration, so only quotes and the like need care. */
static void label(struct labels *out, struct slice key, struct slice value)
{
    char clean[63];
    size_t n = 0;
    for (size_t i = 0; i < value.len && n < sizeof(clean); i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        clean[n++] = c < 0x20 || c == '"' || c == '\\' || c == 0x7f ? '_' : (char)c;
    }
    if (out->len)
        put(out, SLICE(","));
    put(out, key);
    put(out, SLICE("=\""));
    put(out, slice_of(clean, n));
    put(out, SLICE("\""));
}

static const char *level_name(int level)
{
    return level < 0 ? "none" : policy_level_name((enum policy_level)level);
}

static struct slice or_none(struct slice s)
{
    return s.len ? s : SLICE("none");
}

void metrics_request(struct metrics *metrics, const struct ledger_request *row)
{
    struct labels by_status = {.len = 0}, by_target = {.len = 0}, by_level;
    struct slice level = slice_from_str(level_name(row->level));
    label(&by_status, SLICE("route"), or_none(row->route));
    label(&by_status, SLICE("status"), slice_from_str(ledger_status_name(row->status)));
    label(&by_status, SLICE("level"), level);
    label(&by_target, SLICE("target"), or_none(row->target));
    by_level = by_target;
    label(&by_level, SLICE("zone"),
          slice_from_str(row->zone < 0 ? "none" : policy_zone_name((enum policy_zone)row->zone)));
    label(&by_level, SLICE("level"), level);
    pthread_mutex_lock(&metrics->lock);
    add(metrics, FAMILY_REQUESTS, by_status.text, 1);
    observe(metrics, FAMILY_DURATION, by_target.text, row->total_ms * 1000000);
    if (row->ttft_ms >= 0)
        observe(metrics, FAMILY_TTFT, by_target.text, row->ttft_ms * 1000000);
    if (row->overhead_us >= 0)
        observe(metrics, FAMILY_OVERHEAD, "", row->overhead_us * 1000);
    if (row->cost_avoided_nano_usd >= 0)
        add(metrics, FAMILY_COST_AVOIDED, "", row->cost_avoided_nano_usd);
    if (row->target.len)
        add(metrics, FAMILY_DECISIONS, by_level.text, 1);
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_attempt(struct metrics *metrics, const struct ledger_attempt *row)
{
    static const struct {
        const char *kind;
        size_t offset;
    } kinds[] = {
        {"input", offsetof(struct chat_usage, input)},
        {"cache_read", offsetof(struct chat_usage, cache_read)},
        {"cache_write_5m", offsetof(struct chat_usage, cache_write_5m)},
        {"cache_write_1h", offsetof(struct chat_usage, cache_write_1h)},
        {"output", offsetof(struct chat_usage, output)},
        {"reasoning", offsetof(struct chat_usage, reasoning)},
    };
    struct labels labels, by_target = {.len = 0};
    label(&by_target, SLICE("target"), or_none(row->target));
    labels = by_target;
    label(&labels, SLICE("zone"), slice_from_str(policy_zone_name(row->zone)));
    label(&labels, SLICE("status"), slice_from_str(ledger_status_name(row->status)));
    pthread_mutex_lock(&metrics->lock);
    add(metrics, FAMILY_ATTEMPTS, labels.text, 1);
    if (row->cost_nano_usd >= 0)
        add(metrics, FAMILY_COST, by_target.text, row->cost_nano_usd);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int64_t tokens;
        memcpy(&tokens, (const char *)&row->usage + kinds[i].offset, sizeof(tokens));
        if (tokens <= 0)
            continue;
        labels = by_target;
        label(&labels, SLICE("kind"), slice_from_str(kinds[i].kind));
        add(metrics, FAMILY_TOKENS, labels.text, tokens);
    }
    pthread_mutex_unlock(&metrics->lock);
}

/* ---- text form ---- */

static void write_head(struct buffer *out, const char *name, const char *help, const char *type)
{
    buffer_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_histogram(struct buffer *out, const char *name, const struct series *s)
{
    const char *comma = s->labels[0] ? "," : "";
    for (int i = 0; i < BUCKETS; i++)
        buffer_addf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, s->labels, comma, bounds[i],
                    (unsigned long long)s->buckets[i]);
    buffer_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, s->labels, comma,
                (unsigned long long)s->count);
    const char *open = s->labels[0] ? "{" : "", *close = s->labels[0] ? "}" : "";
    buffer_addf(out, "%s_sum%s%s%s %.9g\n", name, open, s->labels, close, (double)s->value / 1e9);
    buffer_addf(out, "%s_count%s%s%s %llu\n", name, open, s->labels, close,
                (unsigned long long)s->count);
}

static void write_family(struct buffer *out, enum family family, const struct table *table)
{
    if (table->count == 0)
        return;
    bool is_histogram = families[family].unit == UNIT_SECONDS;
    const char *name = families[family].name;
    write_head(out, name, families[family].help, is_histogram ? "histogram" : "counter");
    for (size_t i = 0; i < table->count; i++) {
        const struct series *s = &table->series[i];
        if (is_histogram) {
            write_histogram(out, name, s);
            continue;
        }
        buffer_addf(out, "%s%s%s%s ", name, s->labels[0] ? "{" : "", s->labels,
                    s->labels[0] ? "}" : "");
        if (families[family].unit == UNIT_NANO_USD)
            buffer_addf(out, "%lld.%09lld\n", (long long)(s->value / 1000000000),
                        (long long)(s->value % 1000000000));
        else
            buffer_addf(out, "%lld\n", (long long)s->value);
    }
}

static void write_gauge(struct buffer *out, const struct metrics_gauge *g, const char *name_before)
{
    struct labels labels = {.len = 0};
    if (!name_before || strcmp(name_before, g->name) != 0)
        write_head(out, g->name, g->help, g->type);
    if (!slice_is_absent(g->label_name))
        label(&labels, g->label_name, g->label);
    buffer_addf(out, "%s%s%s%s %.15g\n", g->name, labels.len ? "{" : "", labels.text,
                labels.len ? "}" : "", g->value);
}

void metrics_write(struct metrics *metrics, const struct metrics_gauge *gauges, size_t count,
                   struct buffer *out)
{
    static const struct {
        const char *name, *help;
    } counters[METRIC_COUNT] = {
#define X(name, text, help) {text, help},
        METRIC_COUNTERS(X)
#undef X
    };
    for (int i = 0; i < METRIC_COUNT; i++) {
        write_head(out, counters[i].name, counters[i].help, "counter");
        buffer_addf(out, "%s %lld\n", counters[i].name,
                    (long long)metrics_counted(metrics, (enum metric_counter)i));
    }
    pthread_mutex_lock(&metrics->lock);
    for (int i = 0; i < FAMILY_COUNT; i++)
        write_family(out, (enum family)i, &metrics->tables[i]);
    pthread_mutex_unlock(&metrics->lock);
    for (size_t i = 0; i < count; i++)
        write_gauge(out, &gauges[i], i ? gauges[i - 1].name : NULL);
}
