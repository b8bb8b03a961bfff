/* The audit chain as it is stored: over restarts, months and crashes; and what somebody with the
 * files in hands could do to it. */
#include "gateway/ledger/internal.h"

#include "tests/unit/unit.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECOND = 1000000000 };
#define NOVEMBER ((int64_t)1795000000 * SECOND) /* 2026-11-18T11:06:40Z */
#define DECEMBER ((int64_t)1796100000 * SECOND) /* 2026-12-01T04:40:00Z */

static const uint8_t hash[32] = {0xab, 0xcd, 1, 2, 3};
static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hearth-audit-XXXXXX", 25);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int drop_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- writing ---- */

static _Atomic int64_t wall = NOVEMBER;

static int64_t fake_wall(void *self)
{
    (void)self;
    return atomic_load(&wall);
}

static int64_t fake_mono(void *self)
{
    (void)self;
    return clock_mono_ns(clock_system());
}

static const struct clock fake_clock = {.mono_ns = fake_mono, .wall_ns = fake_wall};

static struct ledger *open_at(int64_t now)
{
    struct ledger_options o = {.state_dir = folder, .inflight_max = 64, .clock = &fake_clock};
    struct ledger *ledger = NULL;
    struct base_error detail = {0};
    atomic_store(&wall, now);
    if (ledger_open(&o, &ledger, &detail))
        fail_msg("ledger_open: %s", detail.message);
    struct policy_audit_record policy = {.kind = POLICY_AUDIT_POLICY,
                                         .wall_ns = now,
                                         .level = POLICY_LEVEL_COUNT,
                                         .clearance = POLICY_LEVEL_COUNT,
                                         .zone = POLICY_ZONE_COUNT,
                                         .policy_hash = hash};
    ledger_audit(ledger, &policy);
    return ledger;
}

static struct ledger_attempt attempt(const char *id, bool leaves)
{
    return (struct ledger_attempt){
        .request_id = slice_from_str(id),
        .target = leaves ? SLICE("cloud/gpt-x") : SLICE("demo"),
        .zone = leaves ? POLICY_ZONE_CLOUD : POLICY_ZONE_DEVICE,
        .level = leaves ? POLICY_LEVEL_INTERNAL : POLICY_LEVEL_RESTRICTED,
        .clearance = leaves ? POLICY_LEVEL_INTERNAL : POLICY_LEVEL_RESTRICTED,
        .findings = leaves ? SLICE_NONE : SLICE("secret"),
        .rules = SLICE("a-rule"),
        .start_wall_ns = atomic_load(&wall),
        .ttft_ms = -1,
        .total_ms = 5,
        .usage = CHAT_USAGE_UNKNOWN,
        .cost_nano_usd = -1,
        .body_sha256 = leaves ? hash : NULL,
        .body_bytes = leaves ? 321 : -1,
        .policy_hash = hash,
        .sends = leaves ? 1 : 0,
    };
}

static void add(struct ledger *ledger, const char *id, bool leaves)
{
    struct ledger_attempt a = attempt(id, leaves);
    struct ledger_ticket ticket;
    assert_int_equal(ledger_attempt_begin(ledger, &a, &ticket, NULL), BASE_OK);
    ledger_attempt_sending(ledger, ticket);
    ledger_attempt_end(ledger, ticket, &a);
    assert_true(ledger_flush(ledger, 5000));
}

static void refuse(struct ledger *ledger, const char *id)
{
    struct ledger_request r = {
        .id = slice_from_str(id),
        .zone = -1,
        .level = POLICY_LEVEL_CONFIDENTIAL,
        .findings = SLICE("email"),
        .start_wall_ns = atomic_load(&wall),
        .status = LEDGER_STATUS_REFUSED,
        .err = BASE_ERR_POLICY_VIOLATION,
        .http_status = 403,
        .usage = CHAT_USAGE_UNKNOWN,
    };
    ledger_request_end(ledger, &r);
    r.id = SLICE("req_other_error"); /* no decision about what may leave */
    r.status = LEDGER_STATUS_ERROR;
    r.err = BASE_ERR_OVERLOADED;
    ledger_request_end(ledger, &r);
    assert_true(ledger_flush(ledger, 5000));
}

/* Two months, two starts in the second: records 1 to 5, 6 to 8, 9 to 10. */
static void write_two_months(void)
{
    struct ledger *ledger = open_at(NOVEMBER);
    add(ledger, "req_a", true);
    add(ledger, "req_b", false);
    refuse(ledger, "req_c");
    add(ledger, "req_d", true);
    atomic_store(&wall, DECEMBER); /* it goes on in the next file by itself */
    add(ledger, "req_e", true);
    ledger_close(ledger);
    ledger = open_at(DECEMBER + SECOND);
    add(ledger, "req_f", false);
    ledger_close(ledger);
    ledger = open_at(DECEMBER + 2ll * SECOND);
    add(ledger, "req_g", true);
    ledger_close(ledger);
}
enum { ALL = 10, NOVEMBERS = 5 };

/* ---- reading ---- */

static struct ledger_audit_summary verify(const struct ledger_audit_mark *expected)
{
    struct ledger_reader *reader = NULL;
    struct ledger_audit_summary summary = {0};
    struct ledger_audit_options o = {.expected = expected};
    struct base_error detail = {0};
    if (ledger_reader_open(folder, &reader, &detail) ||
        ledger_audit_read(reader, &o, &summary, &detail))
        fail_msg("%s", detail.message);
    ledger_reader_close(reader);
    return summary;
}

static void expect_fault(uint64_t at, const char *why)
{
    struct ledger_audit_summary s = verify(NULL);
    if (s.faults == 0 || s.fault_at != at || !strstr(s.fault, why))
        fail_msg("%llu faults, at %llu (expected %llu): %s", (unsigned long long)s.faults,
                 (unsigned long long)s.fault_at, (unsigned long long)at, s.fault);
}

static void expect_whole(uint64_t records)
{
    struct ledger_audit_summary s = verify(NULL);
    if (s.faults)
        fail_msg("at %llu: %s", (unsigned long long)s.fault_at, s.fault);
    assert_int_equal(s.records, records);
    assert_int_equal(s.last.number, records);
    assert_int_equal(s.first, 1);
}

static const char *month(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/ledger/%s", folder, name);
    return path;
}

/* As somebody would who may write the files. */
static int sql(const char *name, const char *text)
{
    sqlite3 *conn = NULL;
    assert_int_equal(sqlite3_open(month(name), &conn), SQLITE_OK);
    int code = sqlite3_exec(conn, text, NULL, NULL, NULL);
    assert_int_equal(sqlite3_close(conn), SQLITE_OK);
    return code;
}

static void tamper(const char *name, const char *text)
{
    assert_int_equal(sql(name, "DROP TRIGGER audit_kept; DROP TRIGGER audit_unchanged"), SQLITE_OK);
    assert_int_equal(sql(name, text), SQLITE_OK);
}

/* ---- tests ---- */

struct seen {
    char kinds[256];
    bool has_findings, has_rules;
};

static enum base_err on_record(void *user, const struct ledger_audit_entry *e,
                               struct base_error *reterr)
{
    struct seen *seen = user;
    (void)reterr;
    (void)snprintf(seen->kinds + strlen(seen->kinds), sizeof(seen->kinds) - strlen(seen->kinds),
                   "%.*s ", SLICE_ARG(e->kind));
    if (slice_eq_str(e->request_id, "req_b")) {
        seen->has_findings = slice_eq_str(e->findings, "secret");
        seen->has_rules = slice_eq_str(e->rules, "a-rule");
        assert_int_equal(e->bytes, 0);
        assert_true(slice_eq_str(e->zone, "device"));
    }
    if (slice_eq_str(e->request_id, "req_a")) {
        assert_int_equal(e->bytes, 321);
        assert_int_equal(e->sends, 1);
        assert_true(slice_starts_with(e->body_sha256, SLICE("abcd010203")));
    }
    return BASE_OK;
}

/* The wall's clock is turned forward, back and forward again, by hours and over the turn of a
 * month: every record is found, once, and the chain is whole. */
static void test_a_clock_that_jumps(void **state)
{
    (void)state;
    enum { HOUR_S = 3600 };
    static const int64_t to[] = {NOVEMBER + 5ll * HOUR_S * SECOND,
                                 NOVEMBER - 7ll * HOUR_S * SECOND,
                                 DECEMBER,
                                 NOVEMBER,
                                 DECEMBER + 9ll * HOUR_S * SECOND,
                                 DECEMBER - 60ll * 24 * HOUR_S * SECOND,
                                 NOVEMBER};
    enum { JUMPS = sizeof(to) / sizeof(to[0]) };
    struct ledger *ledger = open_at(NOVEMBER);
    for (size_t i = 0; i < JUMPS; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "req_jump_%zu", i);
        atomic_store(&wall, to[i]);
        add(ledger, id, i % 2 == 0);
    }
    ledger_close(ledger);
    expect_whole(1 + JUMPS);
    ledger =
        open_at(DECEMBER - 60ll * 24 * HOUR_S * SECOND); /* and it is wrong at the next start */
    add(ledger, "req_after", true);
    ledger_close(ledger);
    expect_whole(1 + JUMPS + 2);
}

static void test_what_is_written(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct ledger_audit_options o = {.on_record = on_record, .user = &seen};
    struct ledger_audit_summary s;
    struct ledger_reader *reader = NULL;
    write_two_months();
    expect_whole(ALL);
    assert_int_equal(ledger_reader_open(folder, &reader, NULL), BASE_OK);
    assert_int_equal(ledger_audit_read(reader, &o, &s, NULL), BASE_OK);
    ledger_reader_close(reader);
    assert_string_equal(seen.kinds,
                        "policy permit local denial permit permit policy local policy permit ");
    assert_true(seen.has_findings && seen.has_rules);
}

static void test_nothing_changes_a_record(void **state)
{
    (void)state;
    write_two_months();
    assert_int_equal(sql("2026-11.db", "DELETE FROM audit WHERE number = 2"), SQLITE_CONSTRAINT);
    assert_int_equal(sql("2026-11.db", "UPDATE audit SET record = '' WHERE number = 2"),
                     SQLITE_CONSTRAINT);
    expect_whole(ALL);
}

static void test_tampering(void **state)
{
    (void)state;
    static const struct {
        const char *month, *sql;
        uint64_t at;
        const char *why;
    } cases[] = {
        {"2026-11.db",
         "UPDATE audit SET record = replace(record, 'cloud', 'device') WHERE number = 2", 2,
         "was changed"},
        {"2026-11.db", "UPDATE audit SET record = replace(record, '321', '320') WHERE number = 5",
         5, "was changed"},
        {"2026-11.db", "UPDATE audit SET hash = zeroblob(32) WHERE number = 3", 3, "was changed"},
        {"2026-11.db", "UPDATE audit SET hash = x'00' WHERE number = 3", 3, "hash is missing"},
        {"2026-11.db", "DELETE FROM audit WHERE number = 3", 3, "missing"},
        {"2026-11.db", "DELETE FROM audit WHERE number = 1", 1, "missing"},
        {"2026-11.db", "DELETE FROM audit WHERE number = 5", 5, "missing"},
        {"2026-11.db", "DELETE FROM audit", 1, "missing"},
        {"2026-12.db", "DELETE FROM audit WHERE number = 10", 10, "missing"},
        {"2026-12.db", "DELETE FROM audit WHERE number > 7", 8, "missing"},
        {"2026-12.db", "DELETE FROM audit; DELETE FROM audit_start", 6, "missing"},
        {"2026-11.db", /* two change places */
         "UPDATE audit SET number = 99 WHERE number = 2; UPDATE audit SET number = 2 WHERE number "
         "= 5;"
         "UPDATE audit SET number = 5 WHERE number = 99",
         2, "out of order"},
        {"2026-11.db", "UPDATE audit SET number = number + 1000 WHERE number = 4", 4, "missing"},
        {"2026-12.db", "UPDATE audit_start SET hash = zeroblob(32)", 6, "next month"},
        {"2026-12.db", "UPDATE audit_start SET number = 7", 6, "missing"},
        {"2026-11.db", "UPDATE attempt SET target = 'demo' WHERE request_id = 'req_a'", 2,
         "attempt that it speaks of was changed"},
        {"2026-11.db", "UPDATE attempt SET level = 'public' WHERE request_id = 'req_a'", 2,
         "was changed in the ledger"},
        {"2026-11.db", "UPDATE attempt SET body_sha256 = zeroblob(32) WHERE request_id = 'req_d'",
         5, "was changed in the ledger"},
        {"2026-11.db", "DELETE FROM attempt WHERE request_id = 'req_b'", 3,
         "missing in the ledger"},
        {"2026-11.db",
         "INSERT INTO attempt SELECT 'req_x', number, step, target, upstream_url, "
         "provider_request_id,"
         " served_model, zone, level, clearance, start_wall_ns, ttft_ms, total_ms, status, error,"
         " http_status, input, cache_read, cache_write_5m, cache_write_1h, input_audio, "
         "input_image,"
         " output, reasoning, output_audio, rejected, cost_nano_usd, reported_nano_usd, "
         "cost_source,"
         " price_date, body_sha256, body_bytes, policy_hash, sends FROM attempt LIMIT 1",
         6, "attempt of this month has no record"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_two_months();
        tamper(cases[i].month, cases[i].sql);
        struct ledger_audit_summary s = verify(NULL);
        if (s.faults == 0 || s.fault_at != cases[i].at || !strstr(s.fault, cases[i].why))
            fail_msg("%s: %llu faults, first at %llu: %s", cases[i].sql,
                     (unsigned long long)s.faults, (unsigned long long)s.fault_at, s.fault);
        assert_int_equal(drop_folder(NULL), 0);
        assert_int_equal(make_folder(NULL), 0);
    }
}

static void test_missing_files(void **state)
{
    (void)state;
    write_two_months();
    struct ledger *ledger = open_at(DECEMBER + (int64_t)40 * 86400 * SECOND); /* January */
    ledger_close(ledger);
    expect_whole(ALL + 1);
    char away[160];
    (void)snprintf(away, sizeof(away), "%s/away.db", folder);
    /* The oldest may have been put away: the rest is verified, and says where it begins. */
    assert_int_equal(rename(month("2026-11.db"), away), 0);
    struct ledger_audit_summary s = verify(NULL);
    assert_int_equal(s.faults, 0);
    assert_int_equal(s.first, NOVEMBERS + 1);
    assert_int_equal(rename(away, month("2026-11.db")), 0);
    assert_int_equal(rename(month("2026-12.db"), away), 0);
    expect_fault(NOVEMBERS + 1, "missing");
    assert_int_equal(rename(away, month("2026-12.db")), 0);
    assert_int_equal(rename(month("2027-01.db"), away), 0);
    expect_fault(ALL + 1, "audit.head");
    assert_int_equal(rename(away, month("2027-01.db")), 0);
    expect_whole(ALL + 1);
}

/* Cut at its end together with the head: only a mark kept elsewhere tells. */
static void test_expected_mark(void **state)
{
    (void)state;
    write_two_months();
    struct ledger_audit_mark mark = verify(NULL).last, parsed;
    char text[100], hex[65];
    ledger_audit_hex(mark.hash, hex);
    (void)snprintf(text, sizeof(text), "%d:%s", ALL, hex);
    assert_true(ledger_audit_mark_parse(slice_from_str(text), &parsed));
    assert_memory_equal(parsed.hash, mark.hash, sizeof(mark.hash));
    assert_int_equal(parsed.number, ALL);
    static const char *const bad[] = {"", "10", "10:", "x:00", ":00", "10:00"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(ledger_audit_mark_parse(slice_from_str(bad[i]), &parsed));
    tamper("2026-12.db", "DELETE FROM audit WHERE number = 10; DELETE FROM attempt"
                         " WHERE request_id = 'req_g'");
    assert_int_equal(unlink(month("audit.head")), 0);
    assert_int_equal(verify(NULL).faults, 0); /* this is the limit, and docs/audit.md says so */
    struct ledger_audit_summary s = verify(&mark);
    assert_true(s.faults > 0 && s.fault_at == ALL && strstr(s.fault, "expected"));
    /* Written again from there on, it has the number but not the hash. */
    ledger_close(open_at(DECEMBER + 9ll * SECOND));
    assert_int_equal(verify(NULL).faults, 0);
    s = verify(&mark);
    assert_true(s.faults > 0 && s.fault_at == ALL && strstr(s.fault, "written again"));
}

/* A chain found cut at the start goes on behind the gap, which stays to be seen. */
static void test_a_gap_stays(void **state)
{
    (void)state;
    write_two_months();
    tamper("2026-12.db", "DELETE FROM audit WHERE number >= 9");
    struct ledger *ledger = open_at(DECEMBER + 9ll * SECOND);
    add(ledger, "req_h", true);
    ledger_close(ledger);
    expect_fault(9, "missing");
    struct ledger_audit_mark head;
    assert_int_equal(ledger_audit_head(month(""), &head, NULL), BASE_OK);
    assert_int_equal(head.number, ALL + 2);
}

static void test_bad_head(void **state)
{
    (void)state;
    write_two_months();
    FILE *f = fopen(month("audit.head"), "w");
    assert_non_null(f);
    (void)fputs("nonsense\n", f);
    assert_int_equal(fclose(f), 0);
    expect_fault(0, "audit.head is not what Hearth writes there");
}

/* A process that dies: what it had permitted is in the chain after the next start, once. */
static void test_crash(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct ledger *ledger = open_at(NOVEMBER);
        add(ledger, "req_done", true);
        struct ledger_attempt sent = attempt("req_sent", true), kept = attempt("req_kept", true);
        struct ledger_ticket ticket;
        if (ledger_attempt_begin(ledger, &sent, &ticket, NULL))
            _exit(1);
        ledger_attempt_sending(ledger, ticket);
        if (ledger_attempt_begin(ledger, &kept, &ticket, NULL))
            _exit(1);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ledger_close(open_at(NOVEMBER + SECOND));
    expect_whole(5); /* policy, done, the two that were left, policy */
    ledger_close(open_at(NOVEMBER + 2ll * SECOND));
    expect_whole(6);
}

static uint64_t noise_state = 77;

static void noise(void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        noise_state = noise_state * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(noise_state >> 56);
    }
}

/* What a machine that lost its power may leave in the in-flight table: anything at all. It is
 * recorded as it is, in rows that can be read, and the chain goes on. */
static void test_a_table_of_noise(void **state)
{
    (void)state;
    enum { ROUNDS = 20, SLOTS = 64 };
    for (int round = 0; round < ROUNDS; round++) {
        ledger_close(open_at(NOVEMBER + round * 10ll * SECOND));
        FILE *table = fopen(month("inflight"), "r+b");
        struct ledger_slot slots[SLOTS];
        assert_non_null(table);
        noise(slots, sizeof(slots));
        for (size_t i = 0; i < SLOTS; i++) {
            slots[i].state = i % 3 ? LEDGER_SLOT_SENDING : LEDGER_SLOT_RECORDED;
            if (i % 2) /* only parts of it */
                slots[i].start_wall_ns = NOVEMBER;
            if (i % 5 == 0)
                (void)snprintf(slots[i].request_id, sizeof(slots[i].request_id), "req_%zu_%d", i,
                               round);
        }
        assert_int_equal(fseek(table, -(long)sizeof(slots), SEEK_END), 0);
        assert_int_equal(fwrite(slots, sizeof(slots), 1, table), 1);
        assert_int_equal(fclose(table), 0);
        ledger_close(open_at(NOVEMBER + (round * 10ll + 1) * SECOND));
        struct ledger_audit_summary s = verify(NULL);
        if (s.faults)
            fail_msg("round %d, at %llu: %s", round, (unsigned long long)s.fault_at, s.fault);
        assert_true(s.records >= (uint64_t)(round + 1) * SLOTS / 5);
    }
}

/* A ledger of a Hearth that wrote no audit: its attempts are not missed. */
static void test_older_ledger(void **state)
{
    (void)state;
    struct ledger *ledger = open_at(NOVEMBER);
    add(ledger, "req_old", true);
    ledger_close(ledger);
    assert_int_equal(sql("2026-11.db", "DROP TABLE audit; DROP TABLE audit_start;"
                                       " PRAGMA user_version = 3"),
                     SQLITE_OK);
    assert_int_equal(unlink(month("audit.head")), 0);
    assert_int_equal(verify(NULL).records, 0);
    ledger = open_at(NOVEMBER + SECOND);
    add(ledger, "req_new", true);
    ledger_close(ledger);
    expect_whole(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_nothing_changes_a_record, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_a_clock_that_jumps, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_tampering, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_missing_files, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_expected_mark, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_a_gap_stays, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_bad_head, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_crash, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_a_table_of_noise, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(test_older_ledger, make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
