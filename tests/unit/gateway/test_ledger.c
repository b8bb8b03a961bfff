#include "gateway/ledger/internal.h"

#include "base/core/arena.h"
#include "base/core/log.h"
#include "base/json/json.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECOND = 1000000000 };
#define NOVEMBER ((int64_t)1795000000 * SECOND) /* 2026-11-18T11:06:40Z */
#define DECEMBER ((int64_t)1796100000 * SECOND) /* 2026-12-01T04:40:00Z */

static const uint8_t hash[32] = {0xab, 0xcd, 1, 2, 3};
static char folder[64];

/* ---- frame ---- */

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hearth-ledger-XXXXXX", 26);
    return mkdtemp(folder) ? 0 : -1;
}

static void remove_all(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    (void)chmod(path, 0700);
    while (dir && (entry = readdir(dir)) != NULL) {
        char child[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(child, sizeof(child), "%s/%.200s", path, entry->d_name);
        if (unlink(child) != 0)
            remove_all(child);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
}

static int drop_folder(void **state)
{
    (void)state;
    remove_all(folder);
    return 0;
}

static const char *file(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/ledger/%s", folder, name);
    return path;
}

struct fake_clock {
    struct clock clock;
    _Atomic int64_t wall;
};

static int64_t fake_wall(void *self)
{
    return atomic_load(&((struct fake_clock *)self)->wall);
}

static int64_t fake_mono(void *self)
{
    (void)self;
    return clock_mono_ns(clock_system());
}

static struct fake_clock fake = {.clock = {fake_mono, fake_wall, &fake}, .wall = NOVEMBER};

static struct ledger_options options(void)
{
    atomic_store(&fake.wall, NOVEMBER);
    return (struct ledger_options){.state_dir = folder, .inflight_max = 64, .clock = &fake.clock};
}

static struct ledger *open_with(struct ledger_options o)
{
    struct ledger *ledger = NULL;
    struct base_error detail = {0};
    if (ledger_open(&o, &ledger, &detail))
        fail_msg("ledger_open: %s", detail.message);
    return ledger;
}

static struct ledger_attempt attempt(const char *id, uint32_t number)
{
    struct ledger_attempt a = {
        .request_id = slice_from_str(id),
        .number = number,
        .step = SLICE("triage"),
        .target = SLICE("gpt-x"),
        .upstream_url = SLICE("https://provider.example/v1"),
        .provider_request_id = SLICE("prov-1"),
        .served_model = SLICE("gpt-x-2026"),
        .zone = POLICY_ZONE_CLOUD,
        .level = POLICY_LEVEL_INTERNAL,
        .clearance = POLICY_LEVEL_INTERNAL,
        .start_wall_ns = NOVEMBER,
        .ttft_ms = 120,
        .total_ms = 900,
        .status = LEDGER_STATUS_OK,
        .http_status = 200,
        .usage = CHAT_USAGE_UNKNOWN,
        .cost_nano_usd = 1250,
        .cost_source = LEDGER_COST_COMPUTED,
        .price_date = SLICE("2026-10-01"),
        .body_sha256 = hash,
        .body_bytes = 321,
        .policy_hash = hash,
        .sends = 2,
    };
    a.usage.input = 10;
    a.usage.output = 4;
    return a;
}

static struct ledger_request request(const char *id)
{
    struct ledger_request r = {
        .id = slice_from_str(id),
        .tenant = SLICE("acme"),
        .key_id = SLICE("key-1"),
        .dialect = SLICE("chat"),
        .model = SLICE("auto"),
        .route = SLICE("auto"),
        .target = SLICE("gpt-x"),
        .zone = POLICY_ZONE_CLOUD,
        .level = POLICY_LEVEL_INTERNAL,
        .findings = SLICE("url"),
        .rules = SLICE("first,second"),
        .complexity = 0.25,
        .task = SLICE("chat"),
        .scorer_version = SLICE("s1"),
        .stream = true,
        .start_wall_ns = NOVEMBER,
        .ttft_ms = 125,
        .total_ms = 950,
        .overhead_us = 800,
        .status = LEDGER_STATUS_OK,
        .http_status = 200,
        .attempts = 1,
        .usage = CHAT_USAGE_UNKNOWN,
        .cost_nano_usd = 1250,
        .cost_avoided_nano_usd = -1,
        .facts = SLICE("{\"targets\":[1.50,\"x\"]}"),
        .decision = SLICE("{\"chosen\":\"gpt-x\"}"),
        .policy_hash = hash,
    };
    r.usage.input = 10;
    r.usage.output = 4;
    return r;
}

/* Writes one request with one attempt. */
static void write_one(struct ledger *ledger, const char *id)
{
    struct ledger_attempt a = attempt(id, 0);
    struct ledger_request r = request(id);
    struct ledger_ticket ticket;
    assert_int_equal(ledger_attempt_begin(ledger, &a, &ticket, NULL), BASE_OK);
    ledger_attempt_sending(ledger, ticket);
    ledger_attempt_end(ledger, ticket, &a);
    ledger_request_end(ledger, &r);
}

/* The answer of ledger_show(), parsed; lives until the next call. */
static const struct json_node *show(const char *id)
{
    static struct arena *arena;
    static struct buffer out;
    const struct json_node *root = NULL;
    struct ledger_reader *reader = NULL;
    struct base_error detail = {0};
    arena_free(arena);
    arena = NULL;
    buffer_done(&out);
    buffer_init(&out, 1 << 20);
    if (!id)
        return NULL;
    arena = arena_new(1 << 24);
    if (ledger_reader_open(folder, &reader, &detail) ||
        ledger_show(reader, slice_from_str(id), &out, &detail) ||
        json_parse(buffer_slice(&out), &json_limits_request, arena, &root, &detail))
        fail_msg("show %s: %s", id, detail.message);
    ledger_reader_close(reader);
    return root;
}

static enum base_err show_error(const char *id, struct base_error *detail)
{
    struct ledger_reader *reader = NULL;
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_int_equal(ledger_reader_open(folder, &reader, detail), BASE_OK);
    enum base_err err = ledger_show(reader, slice_from_str(id), &out, detail);
    ledger_reader_close(reader);
    buffer_done(&out);
    return err;
}

static void report(struct ledger_report_options o, struct buffer *out)
{
    struct ledger_reader *reader = NULL;
    struct base_error detail = {0};
    buffer_init(out, 1 << 20);
    if (ledger_reader_open(folder, &reader, &detail) || ledger_report(reader, &o, out, &detail))
        fail_msg("report: %s", detail.message);
    ledger_reader_close(reader);
    (void)buffer_add_char(out, '\0');
}

static struct slice member(const struct json_node *node, const char *key)
{
    const struct json_node *value = json_get(node, slice_from_str(key));
    return value ? json_is(value, JSON_NULL) ? SLICE("null") : value->text : SLICE_NONE;
}

static const struct json_node *attempt_of(const char *id)
{
    return json_at(json_get(show(id), SLICE("attempts")), 0);
}

/* ---- rows ---- */

static void test_rows_come_back_as_written(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    write_one(ledger, "req-0123456789");
    assert_true(ledger_flush(ledger, 5000));
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.rows_written, 2);
    assert_int_equal(stats.rows_waiting, 0);
    assert_int_equal(stats.inflight, 0);

    const struct json_node *root = show("req-0123"); /* beside the writer, by the beginning */
    const struct json_node *r = json_get(root, SLICE("request"));
    const char *const expected[][2] = {
        {"id", "req-0123456789"},
        {"start_wall_ns", "1795000000000000000"},
        {"start", "2026-11-18T11:06:40.000Z"},
        {"tenant", "acme"},
        {"key_id", "key-1"},
        {"session", "null"},
        {"dialect", "chat"},
        {"model", "auto"},
        {"route", "auto"},
        {"target", "gpt-x"},
        {"zone", "cloud"},
        {"level", "internal"},
        {"findings", "url"},
        {"rules", "first,second"},
        {"complexity", "0.25"},
        {"task", "chat"},
        {"scorer_version", "s1"},
        {"ttft_ms", "125"},
        {"total_ms", "950"},
        {"overhead_us", "800"},
        {"status", "ok"},
        {"http_status", "200"},
        {"error", "null"},
        {"attempts", "1"},
        {"input", "10"},
        {"cache_read", "null"},
        {"output", "4"},
        {"cost_nano_usd", "1250"},
        {"cost_avoided_nano_usd", "null"},
        {"policy_hash", "abcd010203000000000000000000000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_slice(member(r, expected[i][0]), expected[i][1]);
    assert_true(json_is(json_get(r, SLICE("stream")), JSON_TRUE));
    assert_true(json_is(json_get(r, SLICE("unknown")), JSON_FALSE));
    assert_slice(member(r, "facts"), "{\"targets\":[1.50,\"x\"]}");
    assert_slice(member(json_get(r, SLICE("decision")), "chosen"), "gpt-x");

    const struct json_node *a = json_at(json_get(root, SLICE("attempts")), 0);
    const char *const of_attempt[][2] = {
        {"request_id", "req-0123456789"},
        {"number", "0"},
        {"step", "triage"},
        {"target", "gpt-x"},
        {"upstream_url", "https://provider.example/v1"},
        {"provider_request_id", "prov-1"},
        {"served_model", "gpt-x-2026"},
        {"zone", "cloud"},
        {"level", "internal"},
        {"clearance", "internal"},
        {"ttft_ms", "120"},
        {"total_ms", "900"},
        {"status", "ok"},
        {"http_status", "200"},
        {"input", "10"},
        {"reasoning", "null"},
        {"output", "4"},
        {"cost_nano_usd", "1250"},
        {"reported_nano_usd", "null"},
        {"cost_source", "computed"},
        {"price_date", "2026-10-01"},
        {"body_bytes", "321"},
        {"sends", "2"},
        {"body_sha256", "abcd010203000000000000000000000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof(of_attempt) / sizeof(of_attempt[0]); i++)
        assert_slice(member(a, of_attempt[i][0]), of_attempt[i][1]);
    ledger_close(ledger);
    assert_slice(member(json_get(show("req-0123456789"), SLICE("request")), "id"),
                 "req-0123456789"); /* and without it */
    (void)show(NULL);
}

static void test_what_is_unknown_is_null(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    struct ledger_request r = {.id = SLICE("req-unknown"),
                               .zone = -1,
                               .level = -1,
                               .complexity = -1,
                               .start_wall_ns = NOVEMBER,
                               .ttft_ms = -1,
                               .total_ms = -1,
                               .overhead_us = -1,
                               .status = LEDGER_STATUS_ERROR,
                               .err = BASE_ERR_BAD_JSON,
                               .http_status = 400,
                               .usage = CHAT_USAGE_UNKNOWN,
                               .cost_nano_usd = -1,
                               .cost_avoided_nano_usd = -1,
                               .facts = SLICE("{broken")};
    ledger_request_end(ledger, &r);
    ledger_close(ledger);
    const struct json_node *root = json_get(show("req-unknown"), SLICE("request"));
    static const char *const unknown[] = {"tenant",        "target",  "zone",       "level",
                                          "complexity",    "ttft_ms", "total_ms",   "input",
                                          "cost_nano_usd", "facts",   "policy_hash"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_slice(member(root, unknown[i]), "null");
    assert_slice(member(root, "status"), "error");
    assert_slice(member(root, "error"), "BAD_JSON");
    (void)show(NULL);
}

/* A row that the database can never take must not hold up those beside it. */
static void test_a_bad_row_does_not_block_others(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    struct ledger_request bad = request("req-bad-one");
    bad.start_wall_ns = -1; /* would be NULL, where the table demands a number */
    ledger_request_end(ledger, &bad);
    write_one(ledger, "req-good-one");
    assert_true(ledger_flush(ledger, 5000));
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.rows_written, 2);
    assert_int_equal(stats.rows_lost, 1);
    assert_false(stats.failing);
    ledger_close(ledger);
    assert_slice(member(attempt_of("req-good-one"), "status"), "ok");
    (void)show(NULL);
}

static void test_many_rows_few_commits(void **state)
{
    (void)state;
    struct ledger_options o = options();
    o.inflight_max = 2000;
    struct ledger *ledger = open_with(o);
    int64_t start = clock_mono_ns(clock_system());
    for (int i = 0; i < 1000; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "req-many-%06d", i);
        write_one(ledger, id);
    }
    assert_true(ledger_flush(ledger, 20000));
    int64_t took_ms = (clock_mono_ns(clock_system()) - start) / 1000000;
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.rows_written, 2000);
    assert_int_equal(stats.inflight, 0);
    assert_true(took_ms < 20000); /* a commit for each would be 2000 syncs */
    ledger_close(ledger);

    struct buffer out;
    report((struct ledger_report_options){.by = LEDGER_GROUP_TARGET, .json = true}, &out);
    assert_contains(out.data + out.start, "\"requests\":1000");
    buffer_done(&out);
}

struct caller {
    struct ledger *ledger;
    int number;
};

static void *call(void *user)
{
    const struct caller *c = user;
    for (int i = 0; i < 50; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "req-%02d-%06d", c->number, i);
        write_one(c->ledger, id);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    struct ledger_options o = options();
    o.inflight_max = 1000;
    struct ledger *ledger = open_with(o);
    pthread_t threads[4];
    struct caller callers[4];
    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){ledger, i};
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(ledger_flush(ledger, 10000));
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.rows_written, 400);
    assert_int_equal(stats.rows_lost, 0);
    ledger_close(ledger);
}

/* ---- evidence ---- */

static void run_and_die(void (*body)(struct ledger *ledger), struct ledger_options o)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct ledger *ledger = NULL;
        if (ledger_open(&o, &ledger, NULL))
            _exit(1);
        body(ledger);
        (void)raise(SIGKILL);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void leave_three(struct ledger *ledger)
{
    struct ledger_ticket ticket;
    struct ledger_attempt done = attempt("req-done-one", 0);
    struct ledger_attempt recorded = attempt("req-recorded", 0);
    struct ledger_attempt sending = attempt("req-sending1", 3);
    recorded.body_sha256 = NULL;
    recorded.policy_hash = NULL;
    if (ledger_attempt_begin(ledger, &done, &ticket, NULL))
        _exit(3);
    ledger_attempt_sending(ledger, ticket);
    ledger_attempt_end(ledger, ticket, &done);
    if (!ledger_flush(ledger, 5000) || ledger_attempt_begin(ledger, &recorded, &ticket, NULL) ||
        ledger_attempt_begin(ledger, &sending, &ticket, NULL))
        _exit(4);
    ledger_attempt_sending(ledger, ticket);
}

static void test_what_a_kill_leaves_is_recorded(void **state)
{
    (void)state;
    run_and_die(leave_three, options());
    struct ledger *ledger = open_with(options());
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.recovered, 2);
    assert_int_equal(stats.inflight, 0);

    assert_slice(member(attempt_of("req-done-one"), "status"), "ok");
    const struct json_node *recorded = attempt_of("req-recorded");
    assert_slice(member(recorded, "status"), "not_sent");
    assert_slice(member(recorded, "cost_nano_usd"), "0");
    assert_slice(member(recorded, "body_sha256"), "null");
    assert_slice(member(recorded, "policy_hash"), "null"); /* not that of the slot's last user */
    const struct json_node *sent = attempt_of("req-sending1");
    assert_slice(member(sent, "status"), "unknown");
    assert_slice(member(sent, "cost_nano_usd"), "null");
    assert_slice(member(sent, "cost_source"), "unknown");
    assert_slice(member(sent, "number"), "3");
    assert_slice(member(sent, "step"), "triage");
    assert_slice(member(sent, "target"), "gpt-x");
    assert_slice(member(sent, "zone"), "cloud");
    assert_slice(member(sent, "body_bytes"), "321");
    assert_true(json_is(json_get(show("req-sending1"), SLICE("request")), JSON_NULL));
    ledger_close(ledger);

    ledger = open_with(options()); /* once only */
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.recovered, 0);
    ledger_close(ledger);
    struct buffer out;
    report((struct ledger_report_options){.by = LEDGER_GROUP_DAY}, &out);
    assert_contains(out.data + out.start, "1 attempts were under way when Hearth ended");
    buffer_done(&out);
    (void)show(NULL);
}

/* Killed after the commit, before the slot was free again: the row of the end stays. */
static void test_a_committed_row_is_not_overwritten(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    write_one(ledger, "req-committed");
    ledger_close(ledger);
    struct ledger_inflight *table = NULL;
    struct ledger_attempt a = attempt("req-committed", 0);
    struct ledger_ticket ticket;
    assert_int_equal(ledger_inflight_open(file("inflight"), 64, false, NULL, NULL, &table, NULL),
                     BASE_OK);
    assert_int_equal(ledger_inflight_begin(table, &a, &ticket, NULL), BASE_OK);
    ledger_inflight_sending(table, ticket);
    ledger_inflight_close(table);
    ledger_close(open_with(options()));
    assert_slice(member(attempt_of("req-committed"), "status"), "ok");
    assert_slice(member(attempt_of("req-committed"), "cost_nano_usd"), "1250");
    (void)show(NULL);
}

/* With a smaller table than before, nothing of the larger one is cut off. */
static void test_a_smaller_table_loses_nothing(void **state)
{
    (void)state;
    run_and_die(leave_three, options());
    struct ledger_options o = options();
    o.inflight_max = 1;
    o.queue_max = 1;
    struct ledger *ledger = open_with(o);
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.recovered, 2);
    assert_int_equal(stats.rows_lost, 0);
    struct ledger_attempt a = attempt("req-first", 0);
    struct ledger_ticket first, second;
    struct base_error detail;
    assert_int_equal(ledger_attempt_begin(ledger, &a, &first, NULL), BASE_OK);
    assert_int_equal(ledger_attempt_begin(ledger, &a, &second, &detail), BASE_ERR_OVERLOADED);
    ledger_attempt_end(ledger, first, &a);
    assert_true(ledger_flush(ledger, 5000));
    assert_int_equal(ledger_attempt_begin(ledger, &a, &second, NULL), BASE_OK);
    ledger_attempt_end(ledger, second, &a);
    ledger_close(ledger);
}

/* After another boot the table is only what the disk happened to hold. */
static void test_another_boot_makes_leftovers_unknown(void **state)
{
    (void)state;
    run_and_die(leave_three, options());
    int fd = open(file("inflight"), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "another", 7, 16), 7);
    (void)close(fd);
    ledger_close(open_with(options()));
    assert_slice(member(attempt_of("req-recorded"), "status"), "unknown");
    (void)show(NULL);
}

static void test_a_table_of_another_version_is_refused(void **state)
{
    (void)state;
    ledger_close(open_with(options()));
    int fd = open(file("inflight"), O_RDWR);
    uint32_t other = 1000;
    assert_int_equal(pwrite(fd, &other, sizeof(other), 8), sizeof(other));
    (void)close(fd);
    struct ledger_options o = options();
    struct ledger *ledger = NULL;
    struct base_error detail;
    assert_int_equal(ledger_open(&o, &ledger, &detail), BASE_ERR_BAD_FILE);
    assert_contains(detail.message, "another version");
}

static void test_a_ticket_ends_once(void **state)
{
    (void)state;
    struct ledger_options o = options();
    o.audit_strict = true;
    struct ledger *ledger = open_with(o);
    struct ledger_attempt a = attempt("req-ticket-1", 0);
    struct ledger_ticket ticket;
    assert_int_equal(ledger_attempt_begin(ledger, &a, &ticket, NULL), BASE_OK);
    ledger_attempt_end(ledger, ticket, &a);
    ledger_attempt_end(ledger, ticket, &a);
    assert_true(ledger_flush(ledger, 5000));
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.inflight, 0);
    ledger_attempt_sending(ledger, ticket); /* too late: the slot is nobody's */
    ledger_close(ledger);
    ledger = open_with(o);
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.recovered, 0);
    ledger_close(ledger);
}

/* ---- a disk that is full, files that are bad ---- */

/* In a child: files may not grow, so that SQLite sees a full disk. */
static int strict_child(bool strict)
{
    struct ledger_options o = options();
    o.strict = strict;
    o.inflight_max = 4;
    struct ledger *ledger = NULL;
    struct ledger_ticket ticket;
    struct ledger_stats stats;
    struct base_error detail;
    struct ledger_attempt a = attempt("req-full-000", 0);
    struct rlimit unlimited;
    if (ledger_open(&o, &ledger, NULL) || getrlimit(RLIMIT_FSIZE, &unlimited) != 0)
        return 10;
    struct rlimit none = {1, unlimited.rlim_max};
    (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (setrlimit(RLIMIT_FSIZE, &none) != 0 || ledger_attempt_begin(ledger, &a, &ticket, NULL))
        return 11;
    ledger_attempt_end(ledger, ticket, &a);
    if (ledger_flush(ledger, 300))
        return 12;
    ledger_stats(ledger, &stats);
    if (!stats.failing || stats.rows_waiting != 1 || stats.rows_lost)
        return 13;
    enum base_err err = ledger_attempt_begin(ledger, &a, &ticket, &detail);
    if (err != (strict ? BASE_ERR_IO : BASE_OK) || (strict && !strstr(detail.message, "strict")))
        return 14;
    if (setrlimit(RLIMIT_FSIZE, &unlimited) != 0 || !ledger_flush(ledger, 5000))
        return 15;
    ledger_stats(ledger, &stats);
    if (stats.failing || stats.rows_written != 1 ||
        (strict && ledger_attempt_begin(ledger, &a, &ticket, NULL)))
        return 16;
    ledger_close(ledger);
    return 0;
}

static void expect_child(int (*body)(bool), bool argument)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(body(argument));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_strict_refuses_while_the_disk_is_full(void **state)
{
    (void)state;
    expect_child(strict_child, true);
}

static void test_otherwise_rows_wait(void **state)
{
    (void)state;
    expect_child(strict_child, false);
}

/* The disk stays full until the end: what was sent is found at the next start. */
static int never_written(bool unused)
{
    (void)unused;
    struct ledger_options o = options();
    struct ledger *ledger = NULL;
    struct ledger_ticket ticket;
    struct ledger_attempt a = attempt("req-nospace1", 0);
    struct rlimit none = {1, RLIM_INFINITY};
    (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (ledger_open(&o, &ledger, NULL) || getrlimit(RLIMIT_FSIZE, &none) != 0)
        return 10;
    none.rlim_cur = 1;
    if (setrlimit(RLIMIT_FSIZE, &none) != 0 || ledger_attempt_begin(ledger, &a, &ticket, NULL))
        return 11;
    ledger_attempt_sending(ledger, ticket);
    ledger_attempt_end(ledger, ticket, &a);
    (void)ledger_flush(ledger, 100);
    ledger_close(ledger);
    return 0;
}

static void test_a_row_never_written_leaves_its_slot(void **state)
{
    (void)state;
    expect_child(never_written, true);
    struct ledger *ledger = open_with(options());
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.recovered, 1);
    ledger_close(ledger);
    assert_slice(member(attempt_of("req-nospace1"), "status"), "unknown");
    (void)show(NULL);
}

static void test_a_folder_that_cannot_be_made(void **state)
{
    (void)state;
    struct ledger_options o = options();
    struct ledger *ledger = NULL;
    struct base_error detail;
    o.state_dir = "/proc/no-such-folder";
    assert_int_equal(ledger_open(&o, &ledger, &detail), BASE_ERR_IO);
    assert_contains(detail.message, "/proc/no-such-folder/ledger");
    assert_null(ledger);

    char path[128];
    (void)snprintf(path, sizeof(path), "%s/ledger", folder); /* a file where the folder goes */
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    (void)close(fd);
    o.state_dir = folder;
    assert_int_equal(ledger_open(&o, &ledger, &detail), BASE_ERR_IO);
}

static void test_a_damaged_file_is_refused(void **state)
{
    (void)state;
    struct ledger_options o = options();
    struct ledger *ledger = NULL;
    struct base_error detail;
    ledger_close(open_with(o));
    int fd = open(file("2026-11.db"), O_WRONLY | O_TRUNC);
    static const char junk[8192] = "this is no database, whatever its name says";
    assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
    (void)close(fd);
    assert_int_equal(ledger_open(&o, &ledger, &detail), BASE_ERR_BAD_FILE);
    assert_contains(detail.message, "2026-11.db");
    assert_int_equal(show_error("req-whatever", &detail), BASE_ERR_BAD_FILE);
}

static void test_a_newer_schema_is_refused(void **state)
{
    (void)state;
    struct ledger_options o = options();
    struct ledger *ledger = NULL;
    struct base_error detail;
    ledger_close(open_with(o));
    sqlite3 *conn;
    assert_int_equal(sqlite3_open(file("2026-11.db"), &conn), SQLITE_OK);
    assert_int_equal(sqlite3_exec(conn, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(conn);
    assert_int_equal(ledger_open(&o, &ledger, &detail), BASE_ERR_BAD_FILE);
    assert_contains(detail.message, "newer Hearth (schema 99, this one knows ");
    assert_int_equal(show_error("req-whatever", &detail), BASE_ERR_BAD_FILE);
    assert_contains(detail.message, "newer Hearth");
}

static void test_an_older_schema_is_brought_up(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    write_one(ledger, "req-before-the-change");
    assert_true(ledger_flush(ledger, 5000));
    ledger_close(ledger);
    sqlite3 *conn;
    assert_int_equal(sqlite3_open(file("2026-11.db"), &conn), SQLITE_OK);
    assert_int_equal(sqlite3_exec(conn,
                                  "ALTER TABLE attempt DROP COLUMN sends;"
                                  "ALTER TABLE request DROP COLUMN facts_base;"
                                  "DROP TABLE facts_base; PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(conn);
    ledger = open_with(options());
    write_one(ledger, "req-after-the-change");
    assert_true(ledger_flush(ledger, 5000));
    const struct json_node *old = json_at(json_get(show("req-before"), SLICE("attempts")), 0);
    assert_slice(member(old, "sends"), "null");
    const struct json_node *new = json_at(json_get(show("req-after-"), SLICE("attempts")), 0);
    assert_slice(member(new, "sends"), "2");
    ledger_close(ledger);
}

/* ---- facts that rows share ---- */

static int count_rows(const char *month, const char *table)
{
    sqlite3 *conn;
    sqlite3_stmt *stmt = NULL;
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_open(file(month), &conn), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(conn, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int count = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(conn);
    return count;
}

static void write_with_base(struct ledger *ledger, const char *id, const char *base)
{
    struct ledger_request r = request(id);
    r.facts_base = slice_from_str(base);
    ledger_request_end(ledger, &r);
    assert_true(ledger_flush(ledger, 5000));
}

static struct slice base_of(const char *id)
{
    return member(json_get(show(id), SLICE("request")), "facts_base");
}

static void test_shared_facts_are_stored_once_a_month(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    assert_int_equal(ledger_facts_base(ledger, SLICE("first"), SLICE("{\"a\":1}")), BASE_OK);
    write_with_base(ledger, "req-base-one", "first");
    assert_int_equal(ledger_facts_base(ledger, SLICE("second"), SLICE("{\"a\":2}")), BASE_OK);
    assert_int_equal(ledger_facts_base(ledger, SLICE("first"), SLICE("{\"a\":1}")), BASE_OK);
    write_with_base(ledger, "req-base-two", "second");
    write_with_base(ledger, "req-base-three", "nobody-knows");
    atomic_store(&fake.wall, DECEMBER); /* the new file needs them too */
    write_with_base(ledger, "req-base-four", "second");
    ledger_close(ledger);
    assert_slice(base_of("req-base-one"), "{\"a\":1}");
    assert_slice(base_of("req-base-two"), "{\"a\":2}");
    assert_slice(base_of("req-base-three"), "null");
    assert_slice(base_of("req-base-four"), "{\"a\":2}");
    assert_int_equal(count_rows("2026-11.db", "facts_base"), 2);
    assert_int_equal(count_rows("2026-12.db", "facts_base"), 2);
    (void)show(NULL);
}

/* More reloads than are kept: those that are written go, the latest stay. */
static void test_few_shared_facts_are_kept(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    char name[32];
    for (int i = 0; i < 2 * LEDGER_BASES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "base-%d", i);
        assert_int_equal(ledger_facts_base(ledger, slice_from_str(name), SLICE("{}")), BASE_OK);
        if (i % 8 == 0)
            write_with_base(ledger, "req-some-row", name);
    }
    atomic_store(&fake.wall, DECEMBER);
    write_with_base(ledger, "req-december", name);
    ledger_close(ledger);
    assert_int_equal(count_rows("2026-11.db", "facts_base"), 2 * LEDGER_BASES_MAX - 7);
    assert_int_equal(count_rows("2026-12.db", "facts_base"), LEDGER_BASES_MAX);
    assert_slice(base_of("req-december"), "{}");
    (void)show(NULL);
}

/* ---- months ---- */

static void test_a_new_month_is_a_new_file(void **state)
{
    (void)state;
    struct ledger *ledger = open_with(options());
    struct ledger_attempt late = attempt("req-new-year", 0);
    struct ledger_ticket ticket;
    write_one(ledger, "req-november");
    assert_int_equal(ledger_attempt_begin(ledger, &late, &ticket, NULL), BASE_OK);
    ledger_attempt_end(ledger, ticket, &late);
    assert_true(ledger_flush(ledger, 5000));
    atomic_store(&fake.wall, DECEMBER);
    struct ledger_request r = request("req-new-year");
    r.start_wall_ns = NOVEMBER + SECOND;
    ledger_request_end(ledger, &r); /* begun in one month, ended in the next */
    write_one(ledger, "req-december");
    assert_true(ledger_flush(ledger, 5000));
    ledger_close(ledger);
    assert_int_equal(access(file("2026-11.db"), R_OK), 0);
    assert_int_equal(access(file("2026-12.db"), R_OK), 0);
    assert_slice(member(json_get(show("req-november"), SLICE("request")), "status"), "ok");
    assert_slice(member(json_get(show("req-december"), SLICE("request")), "status"), "ok");
    const struct json_node *both = show("req-new-year");
    assert_slice(member(json_get(both, SLICE("request")), "status"), "ok");
    assert_int_equal(json_get(both, SLICE("attempts"))->count, 1);
    (void)show(NULL);

    struct buffer out;
    report((struct ledger_report_options){.by = LEDGER_GROUP_DAY, .json = true}, &out);
    assert_contains(out.data + out.start, "\"day\":\"2026-11-18\",\"requests\":3");
    assert_contains(out.data + out.start, "\"total\":{\"requests\":3");
    buffer_done(&out);
}

/* ---- reading ---- */

static void test_no_ledger_is_said(void **state)
{
    (void)state;
    struct ledger_reader *reader = NULL;
    struct base_error detail;
    assert_int_equal(ledger_reader_open(folder, &reader, &detail), BASE_ERR_NOT_FOUND);
    assert_contains(detail.message, "there is no ledger here");
    assert_null(reader);
}

static void test_ids(void **state)
{
    (void)state;
    struct base_error detail;
    struct ledger *ledger = open_with(options());
    write_one(ledger, "req-aaaaaaaa-1");
    write_one(ledger, "req-aaaaaaaa-2");
    write_one(ledger, "req-aaaaaaaa");
    write_one(ledger, "r1");
    ledger_close(ledger);
    assert_int_equal(show_error("req-bbbbbbbb", &detail), BASE_ERR_NOT_FOUND);
    assert_int_equal(show_error("", &detail), BASE_ERR_NOT_FOUND);
    assert_int_equal(show_error("req-aaaaaaa", &detail), BASE_ERR_BAD_VALUE);
    assert_contains(detail.message, "more than one");
    assert_int_equal(show_error("req", &detail), BASE_ERR_BAD_VALUE);
    assert_contains(detail.message, "at least 8");
    assert_int_equal(show_error("%' OR 1=1 --", &detail), BASE_ERR_NOT_FOUND);
    assert_slice(member(json_get(show("req-aaaaaaaa"), SLICE("request")), "id"), "req-aaaaaaaa");
    assert_slice(member(json_get(show("r1"), SLICE("request")), "id"), "r1");
    assert_slice(member(json_get(show("req-aaaaaaaa-"
                                      "2"),
                                 SLICE("request")),
                        "id"),
                 "req-aaaaaaaa-2");
    (void)show(NULL);
}

/* 20 requests: 15 at home, 5 in the cloud; one of those of unknown cost; one more refused. */
static void write_sample(void)
{
    struct ledger *ledger = open_with(options());
    for (int i = 0; i < 20; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "req-sample-%02d", i);
        struct ledger_request r = request(id);
        r.total_ms = (i + 1) * 10;
        r.start_wall_ns = NOVEMBER + (int64_t)i * 3600 * SECOND;
        r.cost_nano_usd = 1000000001;
        if (i < 15) {
            r.target = SLICE("demo");
            r.zone = i < 10 ? POLICY_ZONE_DEVICE : POLICY_ZONE_PREMISES;
            r.cost_nano_usd = 0;
            r.cost_avoided_nano_usd = 500;
        }
        if (i == 19)
            r.cost_nano_usd = -1;
        ledger_request_end(ledger, &r);
    }
    struct ledger_request refused = request("req-sample-refused");
    refused.target = SLICE_NONE;
    refused.zone = -1;
    refused.status = LEDGER_STATUS_REFUSED;
    refused.total_ms = -1;
    refused.cost_nano_usd = 0;
    refused.usage = CHAT_USAGE_UNKNOWN;
    ledger_request_end(ledger, &refused);
    ledger_close(ledger);
}

static void test_report_as_json(void **state)
{
    (void)state;
    write_sample();
    struct buffer out;
    report((struct ledger_report_options){.by = LEDGER_GROUP_TARGET, .json = true}, &out);
    const char *text = out.data + out.start;
    assert_contains(text, "{\"target\":\"(none)\",\"requests\":1,\"errors\":0,\"refused\":1,"
                          "\"client_gone\":0,\"stayed_home_share\":null,\"input_tokens\":null,"
                          "\"output_tokens\":null,\"cost_usd\":0.000000000,");
    assert_contains(text, "{\"target\":\"demo\",\"requests\":15,\"errors\":0,\"refused\":0,"
                          "\"client_gone\":0,\"stayed_home_share\":1,\"input_tokens\":150,"
                          "\"output_tokens\":60,\"cost_usd\":0.000000000,\"cost_unknown\":0,"
                          "\"cost_avoided_usd\":0.000007500,\"cost_avoided_unknown\":0,"
                          "\"p50_ms\":80,\"p95_ms\":150}");
    assert_contains(text, "{\"target\":\"gpt-x\",\"requests\":5,\"errors\":0,\"refused\":0,"
                          "\"client_gone\":0,\"stayed_home_share\":0,\"input_tokens\":50,"
                          "\"output_tokens\":20,\"cost_usd\":4.000000004,\"cost_unknown\":1,"
                          "\"cost_avoided_usd\":null,\"cost_avoided_unknown\":5,"
                          "\"p50_ms\":180,\"p95_ms\":200}");
    assert_contains(text, "\"total\":{\"requests\":21,");
    assert_contains(text, "\"stayed_home_share\":0.75,");
    assert_contains(text, "\"p50_ms\":100,\"p95_ms\":190}");
    buffer_done(&out);

    report((struct ledger_report_options){.by = LEDGER_GROUP_TENANT,
                                          .since_wall_ns = NOVEMBER + (int64_t)3600 * SECOND,
                                          .until_wall_ns = NOVEMBER + (int64_t)7200 * SECOND,
                                          .json = true},
           &out);
    assert_contains(out.data + out.start, "\"since\":\"2026-11-18T12:06:40.000Z\"");
    assert_contains(out.data + out.start, "{\"tenant\":\"acme\",\"requests\":1,");
    buffer_done(&out);
}

static void test_report_as_a_table(void **state)
{
    (void)state;
    write_sample();
    struct buffer out;
    report((struct ledger_report_options){.by = LEDGER_GROUP_TARGET}, &out);
    assert_string_equal(
        out.data + out.start,
        "target  requests  failed  at home  tokens in  tokens out  cost USD  avoided USD  p50 ms  "
        "p95 ms\n"
        "(none)         1       1        -          -           -  0.000000            -       -  "
        "     -\n"
        "demo          15       0     100%        150          60  0.000000     0.000008      80  "
        "   150\n"
        "gpt-x          5       0       0%         50          20  4.000000            -     180  "
        "   200\n"
        "all           21       1      75%        200          80  4.000000     0.000008     100  "
        "   190\n"
        "failed: 0 with an error, 1 refused by policy\n"
        "the cost of 1 requests is unknown and not in the sum\n");
    buffer_done(&out);
    report((struct ledger_report_options){.by = LEDGER_GROUP_LEVEL, .since_wall_ns = DECEMBER},
           &out);
    assert_string_equal(out.data + out.start, "no requests in the ledger for this time\n");
    buffer_done(&out);
}

/* Another process reads while this one writes. */
static int read_again_and_again(bool unused)
{
    (void)unused;
    uint64_t before = 0;
    for (int i = 0; i < 30; i++) {
        struct ledger_reader *reader = NULL;
        struct ledger_report_options o = {.by = LEDGER_GROUP_TASK, .json = true};
        struct buffer out;
        buffer_init(&out, 1 << 20);
        if (ledger_reader_open(folder, &reader, NULL) || ledger_report(reader, &o, &out, NULL) ||
            buffer_add_char(&out, '\0'))
            return 20;
        const char *total = strstr(out.data + out.start, "\"total\":{\"requests\":");
        uint64_t now = total ? strtoull(total + 20, NULL, 10) : 0;
        if (!total || now < before)
            return 21;
        before = now;
        ledger_reader_close(reader);
        buffer_done(&out);
        (void)usleep(5000);
    }
    return before > 0 ? 0 : 22;
}

static void test_reading_while_writing(void **state)
{
    (void)state;
    ledger_close(open_with(options())); /* threads and fork do not mix: the child comes first */
    pid_t pid = fork();
    if (pid == 0)
        _exit(read_again_and_again(true));
    struct ledger *ledger = open_with(options());
    for (int i = 0; i < 200; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "req-beside-%03d", i);
        write_one(ledger, id);
        if (i % 10 == 0)
            assert_true(ledger_flush(ledger, 10000));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(ledger_flush(ledger, 10000));
    struct ledger_stats stats;
    ledger_stats(ledger, &stats);
    assert_int_equal(stats.rows_written, 400);
    ledger_close(ledger);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_rows_come_back_as_written),
        LEDGER_TEST(test_what_is_unknown_is_null),
        LEDGER_TEST(test_a_bad_row_does_not_block_others),
        LEDGER_TEST(test_many_rows_few_commits),
        LEDGER_TEST(test_many_threads),
        LEDGER_TEST(test_what_a_kill_leaves_is_recorded),
        LEDGER_TEST(test_a_committed_row_is_not_overwritten),
        LEDGER_TEST(test_a_smaller_table_loses_nothing),
        LEDGER_TEST(test_another_boot_makes_leftovers_unknown),
        LEDGER_TEST(test_a_table_of_another_version_is_refused),
        LEDGER_TEST(test_a_ticket_ends_once),
        LEDGER_TEST(test_strict_refuses_while_the_disk_is_full),
        LEDGER_TEST(test_otherwise_rows_wait),
        LEDGER_TEST(test_a_row_never_written_leaves_its_slot),
        LEDGER_TEST(test_a_folder_that_cannot_be_made),
        LEDGER_TEST(test_a_damaged_file_is_refused),
        LEDGER_TEST(test_a_newer_schema_is_refused),
        LEDGER_TEST(test_an_older_schema_is_brought_up),
        LEDGER_TEST(test_shared_facts_are_stored_once_a_month),
        LEDGER_TEST(test_few_shared_facts_are_kept),
        LEDGER_TEST(test_a_new_month_is_a_new_file),
        LEDGER_TEST(test_no_ledger_is_said),
        LEDGER_TEST(test_ids),
        LEDGER_TEST(test_report_as_json),
        LEDGER_TEST(test_report_as_a_table),
        LEDGER_TEST(test_reading_while_writing),
    };
    log_setup(LOG_LEVEL_COUNT, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
