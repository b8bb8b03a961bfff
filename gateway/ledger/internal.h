/*
 * The ledger's inside: rows on their way to the writer, the in-flight table, the database.
 */
#ifndef GATEWAY_LEDGER_INTERNAL_H
#define GATEWAY_LEDGER_INTERNAL_H

#include "gateway/ledger/ledger.h"

#include <pthread.h>
#include <sqlite3.h>

/* ---- in-flight table: a mapped file of fixed slots ---- */

enum ledger_slot_state { LEDGER_SLOT_FREE, LEDGER_SLOT_RECORDED, LEDGER_SLOT_SENDING };

struct ledger_slot {
    uint64_t state; /* enum ledger_slot_state; written last, so a torn slot reads as free */
    uint64_t generation;
    int64_t start_wall_ns, body_bytes;
    uint32_t number;
    uint8_t zone, level, clearance;
    uint8_t has_body, has_policy; /* whether the hashes below mean anything */
    uint8_t reserved[7];
    uint8_t body_sha256[32], policy_hash[32];
    char request_id[64];
    char step[64];
    char target[160];
};

struct ledger_inflight;

/* Maps `path`, made if needed. Slots left by a process before are handed to on_left; they count as
 * free, but stay in the file until ledger_inflight_clear(). A file with more slots than asked for
 * keeps its size, so that no leftover is cut off. After another boot of the machine what the file
 * says about sending cannot be trusted: every leftover is then handed over as SENDING.
 * Errors: IO, BAD_FILE (not such a file, or of another version), NO_MEMORY. */
enum base_err ledger_inflight_open(const char *path, uint32_t slots, bool sync,
                                   void (*on_left)(void *user, const struct ledger_slot *slot),
                                   void *user, struct ledger_inflight **ret_table,
                                   struct base_error *reterr) BASE_MUST_USE;
void ledger_inflight_close(struct ledger_inflight *table);
/* Marks all slots free: what was left has been recorded. Before the first begin. */
void ledger_inflight_clear(struct ledger_inflight *table);
enum base_err ledger_inflight_begin(struct ledger_inflight *table,
                                    const struct ledger_attempt *attempt,
                                    struct ledger_ticket *ret_ticket,
                                    struct base_error *reterr) BASE_MUST_USE;
/* Both do nothing with a ticket that is not (or no longer) under way. */
void ledger_inflight_sending(struct ledger_inflight *table, struct ledger_ticket ticket);
void ledger_inflight_free(struct ledger_inflight *table, struct ledger_ticket ticket);
uint32_t ledger_inflight_used(const struct ledger_inflight *table);

/* ---- rows ---- */

struct ledger_row {
    struct ledger_row *next;
    bool is_attempt, is_audit; /* neither: a request */
    bool is_leftover; /* gives way to a row that is there: it was committed just before the end */
    struct ledger_ticket ticket; /* freed once the row is committed; generation 0 = none */
    union {
        struct ledger_attempt attempt;
        struct ledger_request request;
        struct policy_audit_record audit;
    } u;
    char bytes[]; /* what the slices point to */
};

/* ---- facts that many rows share ---- */

struct ledger_base {
    struct ledger_base *next; /* older */
    struct slice name, facts;
    bool written; /* to the month's file that is open; the writer's */
    char bytes[];
};

/* ---- audit ---- */

enum { LEDGER_PATH_MAX = 4096 };

/* Where the chain ends. The writer's. */
struct ledger_chain {
    struct ledger_audit_mark end;
    int head_fd;
    bool head_failing;
};

/* Finds the end, in the months' files and in audit.head. */
enum base_err ledger_chain_open(struct ledger_chain *chain, const char *state_dir,
                                const char *folder, struct base_error *reterr) BASE_MUST_USE;
void ledger_chain_close(struct ledger_chain *chain);
/* Writes the next record to `out`, with its number, and moves the end behind it. */
enum base_err ledger_chain_add(struct ledger_chain *chain, struct policy_audit_record *record,
                               struct buffer *out, struct base_error *reterr) BASE_MUST_USE;
/* The end is on the disk: audit.head may say so. */
void ledger_chain_committed(struct ledger_chain *chain);
/* The record that a row calls for; false when it calls for none. Borrows from the row. */
bool ledger_audit_record_of(const struct ledger_row *row, struct policy_audit_record *ret);
/* What audit.head says; number 0 when there is none. IO, BAD_FILE. */
enum base_err ledger_audit_head(const char *folder, struct ledger_audit_mark *ret,
                                struct base_error *reterr) BASE_MUST_USE;
/* The file has a table for it. */
bool ledger_audit_is_there(sqlite3 *conn);

/* ---- database ---- */

struct ledger_db;

enum { LEDGER_SCHEMA_VERSION = 4 };

/* Opens or makes folder/YYYY-MM.db for the month of now_wall_ns, with this one connection. Errors:
 * IO (also when another process writes there), BAD_FILE (damaged, no database, a newer schema). */
enum base_err ledger_db_open(const char *folder, int64_t now_wall_ns, struct ledger_db **ret_db,
                             struct base_error *reterr) BASE_MUST_USE;
void ledger_db_close(struct ledger_db *db);
/* Another month has begun since it was opened. */
bool ledger_db_is_old(const struct ledger_db *db, int64_t now_wall_ns);
/* In a transaction of its own. */
enum base_err ledger_db_write_base(struct ledger_db *db, const struct ledger_base *base,
                                   struct base_error *reterr) BASE_MUST_USE;
/* All rows of the list in one transaction with their audit records, or none of them.
 * *ret_refused counts rows that the database will never take (they are left out, so that they do
 * not hold up the others). */
enum base_err ledger_db_write(struct ledger_db *db, struct ledger_chain *chain,
                              const struct ledger_row *rows, size_t *ret_refused,
                              struct base_error *reterr) BASE_MUST_USE;

/* ---- reading ---- */

/* Called with a read-only connection to one month. Whatever it returns but OK ends the walk. */
typedef enum base_err (*ledger_month_fn)(void *user, sqlite3 *conn, struct base_error *reterr);
/* Every month's file, oldest first. */
enum base_err ledger_reader_each(struct ledger_reader *reader, ledger_month_fn fn, void *user,
                                 struct base_error *reterr) BASE_MUST_USE;
/* The same for one of them, 0 .. months - 1. */
enum base_err ledger_reader_one(struct ledger_reader *reader, size_t month, ledger_month_fn fn,
                                void *user, struct base_error *reterr) BASE_MUST_USE;
size_t ledger_reader_months(const struct ledger_reader *reader);
const char *ledger_reader_folder(const struct ledger_reader *reader);
/* What went wrong on this connection, as IO or BAD_FILE. */
enum base_err ledger_sqlite_error(sqlite3 *conn, const char *what, struct base_error *reterr);

#endif
