/*
 * The audit chain in the ledger: where it ends, and one record more. Its form is policy.h's.
 *
 * Each month's file has a table of records. Where the chain enters a file, audit_start has the
 * number and hash that it had before. The file `audit.head` has those of the newest record, so that
 * a chain cut at its end is noticed: it may lag behind the records, but never be ahead of them.
 */
#include "gateway/ledger/internal.h"

#include "base/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the head ---- */

enum { HEAD_BYTES = 20 + 1 + 2 * POLICY_HASH_BYTES + 1 };

static void head_path(const char *folder, char path[LEDGER_PATH_MAX + 16])
{
    (void)snprintf(path, LEDGER_PATH_MAX + 16, "%s/audit.head", folder);
}

void ledger_audit_hex(const uint8_t hash[POLICY_HASH_BYTES], char out[2 * POLICY_HASH_BYTES + 1])
{
    for (size_t i = 0; i < POLICY_HASH_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ledger_audit_mark_parse(struct slice text, struct ledger_audit_mark *ret)
{
    struct ledger_audit_mark mark = {0};
    size_t colon = slice_find(text, SLICE(":"));
    int64_t number;
    if (colon == SIZE_MAX || text.len - colon != 2 * POLICY_HASH_BYTES + 1 ||
        !slice_to_i64(slice_sub(text, 0, colon), &number) || number < 0)
        return false;
    mark.number = (uint64_t)number;
    for (size_t i = 0; i < POLICY_HASH_BYTES; i++) {
        int high = digit(text.ptr[colon + 1 + 2 * i]), low = digit(text.ptr[colon + 2 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        mark.hash[i] = (uint8_t)(high << 4 | low);
    }
    *ret = mark;
    return true;
}

enum base_err ledger_audit_head(const char *folder, struct ledger_audit_mark *ret,
                                struct base_error *reterr)
{
    char path[LEDGER_PATH_MAX + 16], text[HEAD_BYTES + 1];
    head_path(folder, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *ret = (struct ledger_audit_mark){0};
        return BASE_OK;
    }
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    if (len < 0)
        return base_error_set(reterr, BASE_ERR_IO, "%s cannot be read: %s", path, strerror(why));
    if (len == 0) { /* made, and nothing written yet */
        *ret = (struct ledger_audit_mark){0};
        return BASE_OK;
    }
    struct slice line = slice_of(text, (size_t)len);
    while (line.len > 0 && line.ptr[0] == ' ')
        line = slice_sub(line, 1, SIZE_MAX);
    if (len != HEAD_BYTES || line.ptr[line.len - 1] != '\n' ||
        !ledger_audit_mark_parse(slice_sub(line, 0, line.len - 1), ret))
        return base_error_set(
            reterr, BASE_ERR_BAD_FILE,
            "%s is not what Hearth writes there: number:hash of the newest record", path);
    return BASE_OK;
}

void ledger_chain_committed(struct ledger_chain *chain)
{
    char hex[2 * POLICY_HASH_BYTES + 1], text[HEAD_BYTES + 1];
    ledger_audit_hex(chain->end.hash, hex);
    (void)snprintf(text, sizeof(text), "%20" PRIu64 ":%s\n", chain->end.number, hex);
    bool good = pwrite(chain->head_fd, text, HEAD_BYTES, 0) == HEAD_BYTES;
    if (!good && !chain->head_failing)
        log_event(LOG_ERROR, "the head of the audit chain cannot be written",
                  LOG_STR("reason", strerror(errno)), LOG_END);
    chain->head_failing = !good;
}

/* ---- where it ends ---- */

static enum base_err find_end(void *user, sqlite3 *conn, struct base_error *reterr)
{
    static const char sql[] = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
    struct ledger_audit_mark *end = user;
    sqlite3_stmt *stmt = NULL;
    if (!ledger_audit_is_there(conn))
        return BASE_OK;
    int code = sqlite3_prepare_v2(conn, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code == SQLITE_ROW && sqlite3_column_bytes(stmt, 1) == POLICY_HASH_BYTES &&
        (uint64_t)sqlite3_column_int64(stmt, 0) > end->number) {
        end->number = (uint64_t)sqlite3_column_int64(stmt, 0);
        memcpy(end->hash, sqlite3_column_blob(stmt, 1), POLICY_HASH_BYTES);
    }
    enum base_err err = code == SQLITE_ROW || code == SQLITE_DONE
                            ? BASE_OK
                            : ledger_sqlite_error(conn, "cannot be read", reterr);
    sqlite3_finalize(stmt);
    return err;
}

/* It goes on behind the newest record. If the head says that there were more, behind that: the
 * gap then stays to be seen by who verifies it. */
static enum base_err read_end(struct ledger_chain *chain, const char *state_dir, const char *folder,
                              struct base_error *reterr)
{
    struct ledger_reader *reader = NULL;
    struct ledger_audit_mark head;
    enum base_err err = ledger_audit_head(folder, &head, reterr);
    if (!err)
        err = ledger_reader_open(state_dir, &reader, reterr);
    if (!err)
        err = ledger_reader_each(reader, find_end, &chain->end, reterr);
    ledger_reader_close(reader);
    if (!err && head.number > chain->end.number) {
        log_event(LOG_ERROR,
                  "audit records are missing at the end of the chain: see `hearth audit verify`",
                  LOG_INT("found", chain->end.number), LOG_INT("expected", head.number), LOG_END);
        chain->end = head;
    }
    return err;
}

enum base_err ledger_chain_open(struct ledger_chain *chain, const char *state_dir,
                                const char *folder, struct base_error *reterr)
{
    char path[LEDGER_PATH_MAX + 16];
    enum base_err err = read_end(chain, state_dir, folder, reterr);
    if (err)
        return err;
    head_path(folder, path);
    chain->head_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (chain->head_fd < 0)
        return base_error_set(reterr, BASE_ERR_IO, "%s cannot be written: %s", path,
                              strerror(errno));
    return BASE_OK;
}

void ledger_chain_close(struct ledger_chain *chain)
{
    if (chain->head_fd >= 0)
        (void)close(chain->head_fd);
}

/* ---- records out of rows ---- */

static struct policy_audit_record of_attempt(const struct ledger_attempt *a)
{
    bool leaves = a->body_sha256 != NULL;
    return (struct policy_audit_record){
        .kind = leaves ? POLICY_AUDIT_PERMIT : POLICY_AUDIT_LOCAL,
        .wall_ns = a->start_wall_ns,
        .request_id = a->request_id,
        .attempt = a->number,
        .level = a->level,
        .clearance = a->clearance,
        .findings = a->findings,
        .rules = a->rules,
        .destination = a->target,
        .zone = a->zone,
        .body_sha256 = a->body_sha256,
        .body_bytes = leaves && a->body_bytes > 0 ? (size_t)a->body_bytes : 0,
        .sends = leaves ? a->sends : 0,
        .policy_hash = a->policy_hash,
    };
}

static struct policy_audit_record of_refusal(const struct ledger_request *r)
{
    return (struct policy_audit_record){
        .kind = POLICY_AUDIT_DENIAL,
        .wall_ns = r->start_wall_ns,
        .request_id = r->id,
        .attempt = r->attempts,
        .level = r->level < 0 ? POLICY_LEVEL_COUNT : (enum policy_level)r->level,
        .clearance = POLICY_LEVEL_COUNT,
        .findings = r->findings,
        .rules = r->rules,
        .zone = POLICY_ZONE_COUNT,
        .policy_hash = r->policy_hash,
    };
}

bool ledger_audit_record_of(const struct ledger_row *row, struct policy_audit_record *ret)
{
    if (row->is_audit) {
        *ret = row->u.audit;
        return true;
    }
    if (row->is_attempt) {
        *ret = of_attempt(&row->u.attempt);
        return true;
    }
    *ret = of_refusal(&row->u.request);
    return row->u.request.status == LEDGER_STATUS_REFUSED &&
           row->u.request.err == BASE_ERR_POLICY_VIOLATION;
}

/* ---- one more ---- */

enum base_err ledger_chain_add(struct ledger_chain *chain, struct policy_audit_record *record,
                               struct buffer *out, struct base_error *reterr)
{
    struct ledger_audit_mark next = {.number = chain->end.number + 1};
    memcpy(next.hash, chain->end.hash, sizeof(next.hash));
    record->number = next.number;
    buffer_clear(out);
    enum base_err err = policy_audit_write(record, out);
    if (!err)
        err = policy_audit_chain(next.hash, buffer_slice(out));
    if (err)
        return base_error_set(reterr, err, "an audit record cannot be written: no memory");
    chain->end = next;
    return BASE_OK;
}
