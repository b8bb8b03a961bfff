/* The database: schema, the two inserts, one transaction per group. */
#include "gateway/ledger/internal.h"

#include "policy/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { CHECKED_BYTES_MAX = 64 << 20 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS request("
    " id TEXT PRIMARY KEY, start_wall_ns INTEGER NOT NULL, tenant TEXT, key_id TEXT, session TEXT,"
    " dialect TEXT, model TEXT, route TEXT, target TEXT, zone TEXT, level TEXT, findings TEXT, "
    "rules TEXT,"
    " complexity REAL, unknown INTEGER, task TEXT, scorer_version TEXT, stream INTEGER,"
    " ttft_ms INTEGER, total_ms INTEGER, overhead_us INTEGER, status TEXT NOT NULL, http_status "
    "INTEGER,"
    " error TEXT, attempts INTEGER, input INTEGER, cache_read INTEGER, cache_write_5m INTEGER,"
    " cache_write_1h INTEGER, input_audio INTEGER, input_image INTEGER, output INTEGER, reasoning "
    "INTEGER,"
    " output_audio INTEGER, rejected INTEGER, cost_nano_usd INTEGER, cost_avoided_nano_usd INTEGER,"
    " facts TEXT, decision TEXT, policy_hash BLOB, facts_base TEXT) STRICT;"
    "CREATE INDEX IF NOT EXISTS request_time ON request(start_wall_ns);"
    "CREATE TABLE IF NOT EXISTS attempt("
    " request_id TEXT NOT NULL, number INTEGER NOT NULL, step TEXT, target TEXT NOT NULL, "
    "upstream_url TEXT,"
    " provider_request_id TEXT, served_model TEXT, zone TEXT, level TEXT, clearance TEXT,"
    " start_wall_ns INTEGER NOT NULL, ttft_ms INTEGER, total_ms INTEGER, status TEXT NOT NULL, "
    "error TEXT,"
    " http_status INTEGER, input INTEGER, cache_read INTEGER, cache_write_5m INTEGER, "
    "cache_write_1h INTEGER,"
    " input_audio INTEGER, input_image INTEGER, output INTEGER, reasoning INTEGER, output_audio "
    "INTEGER,"
    " rejected INTEGER, cost_nano_usd INTEGER, reported_nano_usd INTEGER, cost_source TEXT, "
    "price_date TEXT,"
    " body_sha256 BLOB, body_bytes INTEGER, policy_hash BLOB, sends INTEGER,"
    " PRIMARY KEY(request_id, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS audit("
    " number INTEGER PRIMARY KEY, kind TEXT, request_id TEXT, attempt INTEGER,"
    " record TEXT NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS audit_request ON audit(request_id);"
    "CREATE TABLE IF NOT EXISTS audit_start("
    " number INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;"
    "CREATE TRIGGER IF NOT EXISTS audit_kept BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'audit records stay'); END;"
    "CREATE TRIGGER IF NOT EXISTS audit_unchanged BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'audit records stay as they are'); END;"
    "CREATE TABLE IF NOT EXISTS facts_base(name TEXT PRIMARY KEY, facts TEXT NOT NULL) STRICT;";

static const char insert_request[] =
    "INSERT OR REPLACE INTO request "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
#define ATTEMPT_VALUES "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
static const char insert_attempt[] = "INSERT OR REPLACE INTO attempt " ATTEMPT_VALUES;
static const char insert_leftover[] = "INSERT OR IGNORE INTO attempt " ATTEMPT_VALUES;
static const char insert_audit[] = "INSERT INTO audit VALUES(?,?,?,?,?,?)";
static const char insert_start[] = "INSERT INTO audit_start VALUES(?,?)";

struct ledger_db {
    sqlite3 *conn;
    sqlite3_stmt *request, *attempt, *leftover, *audit, *start;
    uint64_t audit_end; /* newest audit record in this file; 0 = none */
    int year, month;
};

static void month_of(int64_t wall_ns, int *year, int *month)
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    *year = tm.tm_year + 1900;
    *month = tm.tm_mon + 1;
}

enum base_err ledger_sqlite_error(sqlite3 *conn, const char *what, struct base_error *reterr)
{
    const char *path = conn ? sqlite3_db_filename(conn, "main") : NULL;
    int code = conn ? sqlite3_errcode(conn) & 0xff : SQLITE_NOMEM;
    path = path && path[0] ? path : "the ledger";
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s is damaged, or no ledger: %s; move it away to start a new one",
                              path, sqlite3_errmsg(conn));
    if (code == SQLITE_NOMEM)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s %s: no memory", path, what);
    return base_error_set(reterr, BASE_ERR_IO, "%s %s: %s", path, what, sqlite3_errmsg(conn));
}

static enum base_err fail(const struct ledger_db *db, const char *what, struct base_error *reterr)
{
    return ledger_sqlite_error(db->conn, what, reterr);
}

static enum base_err run(const struct ledger_db *db, const char *sql, struct base_error *reterr)
{
    return sqlite3_exec(db->conn, sql, NULL, NULL, NULL) == SQLITE_OK
               ? BASE_OK
               : fail(db, "cannot be prepared", reterr);
}

static int64_t pragma_number(const struct ledger_db *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(db->conn, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static bool is_sound(const struct ledger_db *db)
{
    sqlite3_stmt *stmt = NULL;
    const char *result = NULL;
    if (sqlite3_prepare_v2(db->conn, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        result = (const char *)sqlite3_column_text(stmt, 0);
    bool sound = result && strcmp(result, "ok") == 0;
    sqlite3_finalize(stmt);
    return sound;
}

static enum base_err prepare(struct ledger_db *db, const char *path, struct base_error *reterr)
{
    (void)sqlite3_db_config(db->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->conn, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_busy_timeout(db->conn, 5000);
    enum base_err err =
        run(db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
            "PRAGMA journal_size_limit=67108864; PRAGMA foreign_keys=ON;",
            reterr);
    if (err)
        return err;
    int64_t version = pragma_number(db, "PRAGMA user_version");
    if (version > LEDGER_SCHEMA_VERSION)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s was written by a newer Hearth (schema %lld, this one knows %d)",
                              path, (long long)version, LEDGER_SCHEMA_VERSION);
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size < CHECKED_BYTES_MAX && !is_sound(db))
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s is damaged; move it away to start a new one", path);
    err = run(db, "BEGIN IMMEDIATE", reterr);
    if (!err && version == 1)
        err = run(db, "ALTER TABLE attempt ADD COLUMN sends INTEGER", reterr);
    if (!err && (version == 1 || version == 2))
        err = run(db, "ALTER TABLE request ADD COLUMN facts_base TEXT", reterr);
    if (!err)
        err = run(db, schema, reterr);
    if (!err)
        err = run(db, "PRAGMA user_version=4; COMMIT", reterr);
    if (!err &&
        (sqlite3_prepare_v2(db->conn, insert_request, -1, &db->request, NULL) != SQLITE_OK ||
         sqlite3_prepare_v2(db->conn, insert_attempt, -1, &db->attempt, NULL) != SQLITE_OK ||
         sqlite3_prepare_v2(db->conn, insert_leftover, -1, &db->leftover, NULL) != SQLITE_OK ||
         sqlite3_prepare_v2(db->conn, insert_audit, -1, &db->audit, NULL) != SQLITE_OK ||
         sqlite3_prepare_v2(db->conn, insert_start, -1, &db->start, NULL) != SQLITE_OK))
        err = fail(db, "cannot be prepared", reterr);
    return err;
}

enum base_err ledger_db_open(const char *folder, int64_t now_wall_ns, struct ledger_db **ret_db,
                             struct base_error *reterr)
{
    struct ledger_db *db = calloc(1, sizeof(*db));
    if (!db)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the ledger");
    char path[LEDGER_PATH_MAX + 32];
    month_of(now_wall_ns, &db->year, &db->month);
    (void)snprintf(path, sizeof(path), "%s/%04d-%02d.db", folder, db->year, db->month);
    enum base_err err = BASE_OK;
    if (sqlite3_open_v2(path, &db->conn,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        err = base_error_set(reterr, BASE_ERR_IO, "%s: %s", path,
                             db->conn ? sqlite3_errmsg(db->conn) : "no memory");
    if (!err)
        err = prepare(db, path, reterr);
    if (err) {
        ledger_db_close(db);
        return err;
    }
    int64_t end = pragma_number(db, "SELECT ifnull(max(number), 0) FROM audit");
    db->audit_end = end > 0 ? (uint64_t)end : 0;
    *ret_db = db;
    return BASE_OK;
}

void ledger_db_close(struct ledger_db *db)
{
    if (!db)
        return;
    sqlite3_finalize(db->request);
    sqlite3_finalize(db->attempt);
    sqlite3_finalize(db->leftover);
    sqlite3_finalize(db->audit);
    sqlite3_finalize(db->start);
    (void)sqlite3_close(db->conn); /* the last connection to go writes the log back */
    free(db);
}

bool ledger_db_is_old(const struct ledger_db *db, int64_t now_wall_ns)
{
    int year, month;
    month_of(now_wall_ns, &year, &month);
    return year != db->year || month != db->month;
}

/* ---- binding: in the order of the tables' columns ---- */

struct binder {
    sqlite3_stmt *stmt;
    int column;
};

static void put_text(struct binder *b, struct slice s)
{
    b->column++;
    if (s.len == 0)
        (void)sqlite3_bind_null(b->stmt, b->column);
    else
        (void)sqlite3_bind_text64(b->stmt, b->column, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* Where the table demands something. */
static void put_name(struct binder *b, struct slice s)
{
    put_text(b, s);
    if (s.len == 0)
        (void)sqlite3_bind_text(b->stmt, b->column, "", 0, SQLITE_STATIC);
}

static void put_str(struct binder *b, const char *str)
{
    put_text(b, slice_from_str(str));
}

/* Unknown is NULL. */
static void put_int(struct binder *b, int64_t value)
{
    b->column++;
    if (value < 0)
        (void)sqlite3_bind_null(b->stmt, b->column);
    else
        (void)sqlite3_bind_int64(b->stmt, b->column, value);
}

static void put_double(struct binder *b, double value)
{
    b->column++;
    if (value < 0)
        (void)sqlite3_bind_null(b->stmt, b->column);
    else
        (void)sqlite3_bind_double(b->stmt, b->column, value);
}

static void put_hash(struct binder *b, const uint8_t *hash)
{
    b->column++;
    if (!hash)
        (void)sqlite3_bind_null(b->stmt, b->column);
    else
        (void)sqlite3_bind_blob(b->stmt, b->column, hash, 32, SQLITE_STATIC);
}

static void put_usage(struct binder *b, const struct chat_usage *u)
{
    const int64_t buckets[] = {
        u->input,       u->cache_read, u->cache_write_5m, u->cache_write_1h, u->input_audio,
        u->input_image, u->output,     u->reasoning,      u->output_audio,   u->rejected};
    for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++)
        put_int(b, buckets[i]);
}

static const char *error_name(enum base_err err)
{
    return err ? base_err_info(err)->name : NULL;
}

static void bind_request(struct binder *b, const struct ledger_request *r)
{
    put_name(b, r->id);
    put_int(b, r->start_wall_ns);
    put_text(b, r->tenant);
    put_text(b, r->key_id);
    put_text(b, r->session);
    put_text(b, r->dialect);
    put_text(b, r->model);
    put_text(b, r->route);
    put_text(b, r->target);
    put_str(b, r->zone < 0 ? NULL : policy_zone_name((enum policy_zone)r->zone));
    put_str(b, r->level < 0 ? NULL : policy_level_name((enum policy_level)r->level));
    put_text(b, r->findings);
    put_text(b, r->rules);
    put_double(b, r->complexity);
    put_int(b, r->unknown);
    put_text(b, r->task);
    put_text(b, r->scorer_version);
    put_int(b, r->stream);
    put_int(b, r->ttft_ms);
    put_int(b, r->total_ms);
    put_int(b, r->overhead_us);
    put_str(b, ledger_status_name(r->status));
    put_int(b, r->http_status ? r->http_status : -1);
    put_str(b, error_name(r->err));
    put_int(b, r->attempts);
    put_usage(b, &r->usage);
    put_int(b, r->cost_nano_usd);
    put_int(b, r->cost_avoided_nano_usd);
    put_text(b, r->facts);
    put_text(b, r->decision);
    put_hash(b, r->policy_hash);
    put_text(b, r->facts_base);
}

static void bind_attempt(struct binder *b, const struct ledger_attempt *a)
{
    static const char *const sources[] = {"unknown", "computed", "reported", "local"};
    put_name(b, a->request_id);
    put_int(b, a->number);
    put_text(b, a->step);
    put_name(b, a->target);
    put_text(b, a->upstream_url);
    put_text(b, a->provider_request_id);
    put_text(b, a->served_model);
    put_str(b, policy_zone_name(a->zone));
    put_str(b, policy_level_name(a->level));
    put_str(b, policy_level_name(a->clearance));
    put_int(b, a->start_wall_ns);
    put_int(b, a->ttft_ms);
    put_int(b, a->total_ms);
    put_str(b, ledger_status_name(a->status));
    put_str(b, error_name(a->err));
    put_int(b, a->http_status ? a->http_status : -1);
    put_usage(b, &a->usage);
    put_int(b, a->cost_nano_usd);
    put_int(b, a->usage.reported_nano_usd);
    put_str(b, sources[a->cost_source]);
    put_text(b, a->price_date);
    put_hash(b, a->body_sha256);
    put_int(b, a->body_bytes);
    put_hash(b, a->policy_hash);
    put_int(b, a->sends);
}

static int insert(struct ledger_db *db, const struct ledger_row *row)
{
    struct binder b = {.stmt = db->request};
    if (row->is_attempt) {
        b.stmt = row->is_leftover ? db->leftover : db->attempt;
        bind_attempt(&b, &row->u.attempt);
    } else {
        bind_request(&b, &row->u.request);
    }
    int code = sqlite3_step(b.stmt) & 0xff;
    (void)sqlite3_reset(b.stmt);
    (void)sqlite3_clear_bindings(b.stmt);
    return code;
}

enum base_err ledger_db_write_base(struct ledger_db *db, const struct ledger_base *base,
                                   struct base_error *reterr)
{
    struct binder b = {0};
    int code = sqlite3_prepare_v2(db->conn, "INSERT OR IGNORE INTO facts_base VALUES(?,?)", -1,
                                  &b.stmt, NULL);
    if (code == SQLITE_OK) {
        put_name(&b, base->name);
        put_name(&b, base->facts);
        code = sqlite3_step(b.stmt);
    }
    enum base_err err = code == SQLITE_DONE ? BASE_OK : fail(db, "cannot be written", reterr);
    sqlite3_finalize(b.stmt);
    return err;
}

/* The row itself is at fault: trying again will not help. */
static bool is_refused(int code)
{
    return code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH || code == SQLITE_TOOBIG;
}

/* ---- audit ---- */

static int finish(struct binder *b)
{
    int code = sqlite3_step(b->stmt) & 0xff;
    (void)sqlite3_reset(b->stmt);
    (void)sqlite3_clear_bindings(b->stmt);
    return code;
}

/* The chain enters this file here. */
static int insert_beginning(struct ledger_db *db, const struct ledger_audit_mark *before)
{
    struct binder b = {.stmt = db->start};
    put_int(&b, (int64_t)before->number);
    put_hash(&b, before->hash);
    return finish(&b);
}

static bool add_record(struct ledger_db *db, struct ledger_chain *chain,
                       struct policy_audit_record *record, struct buffer *text)
{
    struct ledger_audit_mark before = chain->end;
    if (ledger_chain_add(chain, record, text, NULL))
        return false;
    int code = SQLITE_DONE;
    if (db->audit_end == 0 || db->audit_end != before.number)
        code = insert_beginning(db, &before);
    struct binder b = {.stmt = db->audit};
    put_int(&b, (int64_t)record->number);
    put_str(&b, policy_audit_kind_name(record->kind));
    put_text(&b, record->request_id);
    put_int(&b, record->attempt);
    put_text(&b, buffer_slice(text));
    put_hash(&b, chain->end.hash);
    if (code == SQLITE_DONE)
        code = finish(&b);
    db->audit_end = chain->end.number;
    return code == SQLITE_DONE;
}

/* A leftover that was there already has its record. */
static bool add_audit(struct ledger_db *db, struct ledger_chain *chain,
                      const struct ledger_row *row, struct buffer *text)
{
    struct policy_audit_record record;
    bool is_new = !row->is_leftover || sqlite3_changes(db->conn) > 0;
    return !is_new || !ledger_audit_record_of(row, &record) || add_record(db, chain, &record, text);
}

static bool write_rows(struct ledger_db *db, struct ledger_chain *chain,
                       const struct ledger_row *rows, size_t *ret_refused)
{
    struct buffer text;
    buffer_init(&text, 1 << 20);
    bool good = sqlite3_exec(db->conn, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    for (const struct ledger_row *row = rows; good && row; row = row->next) {
        int code = row->is_audit ? SQLITE_DONE : insert(db, row);
        good = code == SQLITE_DONE || is_refused(code);
        *ret_refused += is_refused(code);
        if (good)
            good = add_audit(db, chain, row, &text);
    }
    buffer_done(&text);
    return good && sqlite3_exec(db->conn, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

enum base_err ledger_db_write(struct ledger_db *db, struct ledger_chain *chain,
                              const struct ledger_row *rows, size_t *ret_refused,
                              struct base_error *reterr)
{
    size_t refused = 0;
    uint64_t end = db->audit_end;
    struct ledger_audit_mark before = chain->end;
    if (write_rows(db, chain, rows, &refused)) {
        *ret_refused = refused;
        if (chain->end.number != before.number)
            ledger_chain_committed(chain);
        return BASE_OK;
    }
    enum base_err err = fail(db, "cannot be written", reterr);
    (void)sqlite3_exec(db->conn, "ROLLBACK", NULL, NULL, NULL);
    chain->end = before;
    db->audit_end = end;
    return err;
}
