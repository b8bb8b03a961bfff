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
    uint8_t zone, level, clearance, has_body;
    uint8_t body_sha256[32], policy_hash[32];
    char request_id[64];
    char step[64];
    char target[160];
};

struct ledger_inflight;

/* Maps `path`, made if needed. Slots left by a process before are handed to on_left; they count
 * as free, but
 * stay in the file until ledger_inflight_clear() or their next use. */
enum base_err ledger_inflight_open(const char *path, uint32_t slots, bool sync,
                                   void (*on_left)(void *user, const struct ledger_slot *slot),
                                   void *user, struct ledger_inflight **ret_table,
                                   struct base_error *reterr);
void ledger_inflight_close(struct ledger_inflight *table);
/* Marks all slots free: what was left has been recorded. Before the first begin. */
void ledger_inflight_clear(struct ledger_inflight *table);
enum base_err ledger_inflight_begin(struct ledger_inflight *table,
                                    const struct ledger_attempt *attempt,
                                    struct ledger_ticket *ret_ticket, struct base_error *reterr);
void ledger_inflight_sending(struct ledger_inflight *table, struct ledger_ticket ticket);
void ledger_inflight_free(struct ledger_inflight *table, struct ledger_ticket ticket);
uint32_t ledger_inflight_used(const struct ledger_inflight *table);

/* ---- rows ---- */

struct ledger_row {
    struct ledger_row *next;
    bool is_attempt;
    struct ledger_ticket ticket; /* freed once the row is committed; generation 0 = none */
    union {
        struct ledger_attempt attempt;
        struct ledger_request request;
    } u;
    char bytes[]; /* what the slices point to */
};

/* ---- database ---- */

struct ledger_db;

/* Opens or makes folder/YYYY-MM.db for the month of now_wall_ns, with this one connection. */
enum base_err ledger_db_open(const char *folder, int64_t now_wall_ns, struct ledger_db **ret_db,
                             struct base_error *reterr);
void ledger_db_close(struct ledger_db *db);
/* Another month has begun since it was opened. */
bool ledger_db_is_old(const struct ledger_db *db, int64_t now_wall_ns);
/* All rows of the list in one transaction, or none of them. */
enum base_err ledger_db_write(struct ledger_db *db, const struct ledger_row *rows,
                              struct base_error *reterr);

#endif
