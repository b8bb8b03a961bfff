/*
 * Going along the audit chain: every record of every month in its order, each link computed again,
 * and each attempt compared with the record that was made for it.
 */
#include "gateway/ledger/internal.h"

#include "base/core/arena.h"
#include "base/json/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEGMENTS_MAX = 100000, RECORD_MAX = 1 << 20 };

/* A stretch of the chain within one file. */
struct segment {
    size_t month;
    struct ledger_audit_mark start; /* before its first record */
};

struct walk {
    const struct ledger_audit_options *options;
    struct ledger_audit_summary *summary;
    struct segment *segments; /* in the order of the chain */
    size_t count, capacity;
    size_t at;    /* the one being read */
    size_t month; /* the file whose segments are being listed */
    struct policy_audit_verifier verifier;
    struct ledger_audit_mark head; /* as it stood before the records were read */
    struct arena *arena;           /* for the record being looked at */
    int64_t first_policy_ns;       /* attempts from then on have records; 0 = none seen yet */
    sqlite3_stmt *attempt;         /* of this file */
};

bool ledger_audit_is_there(sqlite3 *conn)
{
    return sqlite3_table_column_metadata(conn, NULL, "audit", "record", NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* The first fault is the one that is told. */
static void fault(struct walk *walk, uint64_t number, const char *why)
{
    struct ledger_audit_summary *s = walk->summary;
    if (s->faults++ > 0)
        return;
    s->fault_at = number;
    (void)snprintf(s->fault, sizeof(s->fault), "%s", why);
}

static struct slice column(sqlite3_stmt *stmt, int index)
{
    const char *text = sqlite3_column_blob(stmt, index);
    return text ? slice_of(text, (size_t)sqlite3_column_bytes(stmt, index)) : SLICE_NONE;
}

/* ---- segments ---- */

static int by_start(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    if (x->start.number != y->start.number)
        return x->start.number < y->start.number ? -1 : 1;
    return x->month < y->month ? -1 : x->month > y->month;
}

static enum base_err add_segment(struct walk *walk, sqlite3_stmt *row, struct base_error *reterr)
{
    struct slice hash = column(row, 1);
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
        void *grown = walk->count < SEGMENTS_MAX
                          ? realloc(walk->segments, capacity * sizeof(*walk->segments))
                          : NULL;
        if (!grown)
            return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to read the audit chain");
        walk->segments = grown;
        walk->capacity = capacity;
    }
    struct segment *s = &walk->segments[walk->count++];
    *s = (struct segment){.month = walk->month,
                          .start.number = (uint64_t)sqlite3_column_int64(row, 0)};
    if (hash.len == POLICY_HASH_BYTES)
        memcpy(s->start.hash, hash.ptr, POLICY_HASH_BYTES);
    return BASE_OK;
}

static enum base_err list_segments(void *user, sqlite3 *conn, struct base_error *reterr)
{
    struct walk *walk = user;
    sqlite3_stmt *stmt = NULL;
    if (!ledger_audit_is_there(conn))
        return BASE_OK;
    enum base_err err = BASE_OK;
    int code = sqlite3_prepare_v2(conn, "SELECT number, hash FROM audit_start ORDER BY number", -1,
                                  &stmt, NULL);
    if (code == SQLITE_OK)
        while (!err && (code = sqlite3_step(stmt)) == SQLITE_ROW)
            err = add_segment(walk, stmt, reterr);
    if (!err && code != SQLITE_DONE)
        err = ledger_sqlite_error(conn, "cannot be read", reterr);
    sqlite3_finalize(stmt);
    return err;
}

/* ---- one record ---- */

static struct slice text(const struct json_node *root, const char *key)
{
    return json_string(json_get(root, slice_from_str(key)));
}

static int64_t number(const struct json_node *root, const char *key, int64_t otherwise)
{
    int64_t value;
    return json_to_i64(json_get(root, slice_from_str(key)), &value) ? value : otherwise;
}

static bool read_record(struct walk *walk, struct slice record, struct ledger_audit_entry *ret)
{
    static const struct json_limits limits = {RECORD_MAX, 64, 4};
    const struct json_node *root = NULL;
    if (json_parse(record, &limits, walk->arena, &root, NULL) || !json_is(root, JSON_OBJECT))
        return false;
    *ret = (struct ledger_audit_entry){
        .record = record,
        .number = (uint64_t)number(root, "n", 0),
        .wall_ns = number(root, "t", 0),
        .kind = text(root, "kind"),
        .request_id = text(root, "request"),
        .attempt = number(root, "attempt", 0),
        .level = text(root, "level"),
        .clearance = text(root, "clearance"),
        .findings = text(root, "findings"),
        .rules = text(root, "rules"),
        .destination = text(root, "destination"),
        .zone = text(root, "zone"),
        .body_sha256 = text(root, "body"),
        .bytes = number(root, "bytes", 0),
        .sends = number(root, "sends", -1),
        .policy_hash = text(root, "policy"),
    };
    return true;
}

/* Does the attempt's row say what its record says? */
static void compare_attempt(struct walk *walk, const struct ledger_audit_entry *entry)
{
    (void)sqlite3_bind_text(walk->attempt, 1, entry->request_id.ptr, (int)entry->request_id.len,
                            SQLITE_STATIC);
    (void)sqlite3_bind_int64(walk->attempt, 2, entry->attempt);
    bool there = sqlite3_step(walk->attempt) == SQLITE_ROW;
    bool same = there && slice_eq(column(walk->attempt, 0), entry->body_sha256) &&
                slice_eq(column(walk->attempt, 1), entry->zone) &&
                slice_eq(column(walk->attempt, 2), entry->level) &&
                slice_eq(column(walk->attempt, 3), entry->destination);
    (void)sqlite3_reset(walk->attempt);
    if (!there)
        fault(walk, entry->number, "the attempt that it speaks of is missing in the ledger");
    else if (!same)
        fault(walk, entry->number, "the attempt that it speaks of was changed in the ledger");
}

static void compare_mark(struct walk *walk, const struct ledger_audit_mark *mark,
                         const uint8_t *hash, const char *why)
{
    if (mark && mark->number > 0 && mark->number == walk->verifier.number &&
        memcmp(mark->hash, hash, POLICY_HASH_BYTES) != 0)
        fault(walk, mark->number, why);
}

static bool has_form(struct slice name, const char *kind)
{
    return slice_eq_str(name, kind);
}

/* The row's own number, and the hash that stands beside it. */
static enum base_err take_record(struct walk *walk, sqlite3_stmt *row, struct base_error *reterr)
{
    struct ledger_audit_summary *s = walk->summary;
    uint64_t n = (uint64_t)sqlite3_column_int64(row, 0);
    struct slice record = column(row, 1), hash = column(row, 2);
    struct ledger_audit_entry entry = {.number = n};
    struct base_error detail;
    bool good = hash.len == POLICY_HASH_BYTES;
    if (good && policy_audit_verify(&walk->verifier, record, (const uint8_t *)hash.ptr, &detail)) {
        fault(walk, walk->verifier.number + 1, detail.message);
        walk->verifier.number = n; /* what follows is looked at as well */
        memcpy(walk->verifier.hash, hash.ptr, POLICY_HASH_BYTES);
    } else if (!good) {
        fault(walk, n, "its hash is missing");
    }
    if (!read_record(walk, record, &entry)) {
        fault(walk, n, "it is no audit record");
        return BASE_OK;
    }
    if (good) {
        compare_mark(walk, &walk->head, (const uint8_t *)hash.ptr,
                     "it is not what audit.head says");
        compare_mark(walk, walk->options->expected, (const uint8_t *)hash.ptr,
                     "it is not what was expected: the chain was written again");
        memcpy(s->last.hash, hash.ptr, POLICY_HASH_BYTES);
    }
    s->first = s->records++ == 0 ? n : s->first;
    s->last.number = n;
    if (walk->first_policy_ns == 0 && has_form(entry.kind, "policy"))
        walk->first_policy_ns = entry.wall_ns;
    if (has_form(entry.kind, "permit") || has_form(entry.kind, "local"))
        compare_attempt(walk, &entry);
    return walk->options->on_record ? walk->options->on_record(walk->options->user, &entry, reterr)
                                    : BASE_OK;
}

static enum base_err take_row(struct walk *walk, sqlite3_stmt *row, struct base_error *reterr)
{
    walk->arena = arena_new(RECORD_MAX * 4);
    enum base_err err = walk->arena ? take_record(walk, row, reterr)
                                    : base_error_set(reterr, BASE_ERR_NO_MEMORY,
                                                     "no memory to read the audit chain");
    arena_free(walk->arena);
    return err;
}

/* ---- one file ---- */

/* Rows that no segment reaches, and attempts without a record. */
static void find_strays(struct walk *walk, sqlite3 *conn)
{
    static const char *const queries[] = {
        "SELECT number FROM audit WHERE number <= (SELECT min(number) FROM audit_start) LIMIT 1",
        "SELECT ?1 FROM attempt WHERE ?2 > 0 AND start_wall_ns >= ?2 AND NOT EXISTS"
        " (SELECT 1 FROM audit WHERE audit.request_id = attempt.request_id"
        " AND audit.attempt = attempt.number AND kind IN ('permit', 'local')) LIMIT 1",
    };
    static const char *const what[] = {"it stands before the beginning of the chain",
                                       "it is missing: an attempt of this month has no record"};
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *stmt = NULL;
        if (sqlite3_prepare_v2(conn, queries[i], -1, &stmt, NULL) == SQLITE_OK) {
            (void)sqlite3_bind_int64(stmt, 1, (int64_t)walk->verifier.number + 1);
            (void)sqlite3_bind_int64(stmt, 2, walk->first_policy_ns);
            if (sqlite3_step(stmt) == SQLITE_ROW)
                fault(walk, (uint64_t)sqlite3_column_int64(stmt, 0), what[i]);
        }
        sqlite3_finalize(stmt);
    }
}

static enum base_err read_rows(struct walk *walk, sqlite3 *conn, struct base_error *reterr)
{
    static const char rows[] =
        "SELECT number, record, hash FROM audit WHERE number > ?1 AND number <= ?2 ORDER BY number";
    static const char attempt[] = "SELECT lower(hex(body_sha256)), zone, level, target FROM attempt"
                                  " WHERE request_id = ?1 AND number = ?2";
    const struct segment *segment = &walk->segments[walk->at];
    bool is_last = walk->at + 1 == walk->count;
    int64_t end = is_last ? INT64_MAX : (int64_t)segment[1].start.number;
    sqlite3_stmt *stmt = NULL;
    enum base_err err = BASE_OK;
    int code = sqlite3_prepare_v2(conn, attempt, -1, &walk->attempt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(conn, rows, -1, &stmt, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_int64(stmt, 1, (int64_t)segment->start.number);
        (void)sqlite3_bind_int64(stmt, 2, end);
        while (!err && (code = sqlite3_step(stmt)) == SQLITE_ROW)
            err = take_row(walk, stmt, reterr);
    }
    if (!err && code != SQLITE_DONE)
        err = ledger_sqlite_error(conn, "cannot be read", reterr);
    sqlite3_finalize(stmt);
    sqlite3_finalize(walk->attempt);
    walk->attempt = NULL;
    if (!err && (is_last || segment[1].month != segment->month))
        find_strays(walk, conn);
    return err;
}

static enum base_err read_segment(void *user, sqlite3 *conn, struct base_error *reterr)
{
    struct walk *walk = user;
    const struct ledger_audit_mark *start = &walk->segments[walk->at].start;
    if (walk->at == 0) { /* what was before is not here: it is taken at its word, and told */
        memcpy(walk->verifier.hash, start->hash, POLICY_HASH_BYTES);
        walk->verifier.number = start->number;
    } else if (start->number != walk->verifier.number ||
               memcmp(start->hash, walk->verifier.hash, POLICY_HASH_BYTES) != 0) {
        fault(walk, walk->verifier.number + 1,
              "it is missing, or not what the next month begins with");
        memcpy(walk->verifier.hash, start->hash, POLICY_HASH_BYTES);
        walk->verifier.number = start->number;
    }
    /* One view of records and attempts, whatever is written meanwhile. */
    if (sqlite3_exec(conn, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return ledger_sqlite_error(conn, "cannot be read", reterr);
    return read_rows(walk, conn, reterr);
}

/* ---- all of it ---- */

static void check_end(struct walk *walk)
{
    const struct ledger_audit_mark *marks[] = {&walk->head, walk->options->expected};
    static const char *const what[] = {"it is missing: audit.head says that it was written",
                                       "it is missing: it was expected to be there"};
    for (size_t i = 0; i < 2; i++)
        if (marks[i] && marks[i]->number > walk->summary->last.number)
            fault(walk, walk->summary->last.number + 1, what[i]);
}

enum base_err ledger_audit_read(struct ledger_reader *reader,
                                const struct ledger_audit_options *options,
                                struct ledger_audit_summary *ret_summary, struct base_error *reterr)
{
    struct ledger_audit_summary summary = {0};
    struct walk walk = {.options = options, .summary = &summary};
    policy_audit_verifier_init(&walk.verifier);
    enum base_err err = ledger_audit_head(ledger_reader_folder(reader), &walk.head, reterr);
    if (err == BASE_ERR_BAD_FILE && reterr) { /* a fault like others */
        fault(&walk, 0, reterr->message);
        err = BASE_OK;
    }
    for (; !err && walk.month < ledger_reader_months(reader); walk.month++)
        err = ledger_reader_one(reader, walk.month, list_segments, &walk, reterr);
    if (walk.count > 0)
        qsort(walk.segments, walk.count, sizeof(*walk.segments), by_start);
    for (; !err && walk.at < walk.count; walk.at++)
        err = ledger_reader_one(reader, walk.segments[walk.at].month, read_segment, &walk, reterr);
    if (!err) {
        check_end(&walk);
        *ret_summary = summary;
    }
    free(walk.segments);
    return err;
}
