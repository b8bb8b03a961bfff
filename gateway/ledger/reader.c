/* Read-only connections to the monthly files, beside a Hearth that writes. */
#include "gateway/ledger/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MONTHS_MAX = 2400, MONTH_NAME = sizeof("2026-01.db") };

struct ledger_reader {
    char folder[LEDGER_PATH_MAX];
    char (*months)[MONTH_NAME]; /* owned; file names, oldest first */
    size_t count;
};

static bool is_month(const char *name)
{
    static const char pattern[] = "0000-00.db";
    if (strlen(name) != sizeof(pattern) - 1)
        return false;
    for (size_t i = 0; pattern[i]; i++)
        if (pattern[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != pattern[i])
            return false;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return memcmp(a, b, MONTH_NAME);
}

static enum base_err list_months(struct ledger_reader *reader, DIR *dir, struct base_error *reterr)
{
    const struct dirent *entry;
    size_t capacity = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (!is_month(entry->d_name))
            continue;
        if (reader->count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            void *grown = reader->count < MONTHS_MAX
                              ? realloc(reader->months, capacity * sizeof(*reader->months))
                              : NULL;
            if (!grown)
                return base_error_set(reterr, BASE_ERR_NO_MEMORY,
                                      "no memory for the ledger's list of months");
            reader->months = grown;
        }
        memcpy(reader->months[reader->count++], entry->d_name, MONTH_NAME);
    }
    if (reader->count)
        qsort(reader->months, reader->count, sizeof(*reader->months), by_name);
    return BASE_OK;
}

enum base_err ledger_reader_open(const char *state_dir, struct ledger_reader **ret_reader,
                                 struct base_error *reterr)
{
    struct ledger_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to read the ledger");
    int len = snprintf(reader->folder, sizeof(reader->folder), "%s/ledger", state_dir);
    DIR *dir = len > 0 && (size_t)len < sizeof(reader->folder) ? opendir(reader->folder) : NULL;
    enum base_err err = BASE_OK;
    if (dir)
        err = list_months(reader, dir, reterr);
    else if (errno == ENOENT)
        err = base_error_set(reterr, BASE_ERR_NOT_FOUND,
                             "%s: there is no ledger here; name the state folder of a Hearth that "
                             "has served (--state or --config)",
                             reader->folder);
    else
        err = base_error_set(reterr, BASE_ERR_IO, "%s cannot be read: %s", reader->folder,
                             strerror(errno));
    if (dir)
        (void)closedir(dir);
    if (err) {
        ledger_reader_close(reader);
        return err;
    }
    *ret_reader = reader;
    return BASE_OK;
}

void ledger_reader_close(struct ledger_reader *reader)
{
    if (!reader)
        return;
    free(reader->months);
    free(reader);
}

/* *ret_version 0: the file was made this moment, and has no tables yet. */
static enum base_err check_version(sqlite3 *conn, int64_t *ret_version, struct base_error *reterr)
{
    sqlite3_stmt *stmt = NULL;
    enum base_err err = BASE_OK;
    if (sqlite3_prepare_v2(conn, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        *ret_version = sqlite3_column_int64(stmt, 0);
    else
        err = ledger_sqlite_error(conn, "cannot be read", reterr);
    sqlite3_finalize(stmt);
    if (!err && *ret_version > LEDGER_SCHEMA_VERSION)
        err = base_error_set(reterr, BASE_ERR_BAD_FILE,
                             "%s was written by a newer Hearth (schema %lld, this one knows %d)",
                             sqlite3_db_filename(conn, "main"), (long long)*ret_version,
                             LEDGER_SCHEMA_VERSION);
    return err;
}

static enum base_err read_month(const char *path, ledger_month_fn fn, void *user,
                                struct base_error *reterr)
{
    sqlite3 *conn = NULL;
    int64_t version = 0;
    enum base_err err = BASE_OK;
    if (sqlite3_open_v2(path, &conn, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        err = base_error_set(reterr, BASE_ERR_IO, "%s cannot be read: %s", path,
                             conn ? sqlite3_errmsg(conn) : "no memory");
    } else {
        /* Only the writer checkpoints: SQLite before 3.51.3 can lose pages when two do. */
        (void)sqlite3_db_config(conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        (void)sqlite3_db_config(conn, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(conn, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        (void)sqlite3_busy_timeout(conn, 5000);
        (void)sqlite3_exec(conn,
                           "PRAGMA query_only=1; PRAGMA wal_autocheckpoint=0;"
                           "PRAGMA temp_store=MEMORY",
                           NULL, NULL, NULL);
        err = check_version(conn, &version, reterr);
    }
    if (!err && version > 0)
        err = fn(user, conn, reterr);
    (void)sqlite3_close(conn);
    return err;
}

enum base_err ledger_reader_each(struct ledger_reader *reader, ledger_month_fn fn, void *user,
                                 struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    for (size_t i = 0; !err && i < reader->count; i++)
        err = ledger_reader_one(reader, i, fn, user, reterr);
    return err;
}

enum base_err ledger_reader_one(struct ledger_reader *reader, size_t month, ledger_month_fn fn,
                                void *user, struct base_error *reterr)
{
    char path[LEDGER_PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/%s", reader->folder, reader->months[month]);
    return read_month(path, fn, user, reterr);
}

size_t ledger_reader_months(const struct ledger_reader *reader)
{
    return reader->count;
}

const char *ledger_reader_folder(const struct ledger_reader *reader)
{
    return reader->folder;
}
