/*
 * Prints every attempt of a state folder's ledger, one JSON object a line, without touching it:
 *
 *     ledger_rows STATE [attempt]
 *     {"request_id":"req_...","number":0,"target":"cloud/ok","status":"ok","upstream_url":"...",
 *      "body_sha256":"..."}
 *
 * or every request: ledger_rows STATE request
 */
#include <glob.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char attempts[] =
    "SELECT json_object('request_id', request_id, 'number', number, 'step', step, 'target', target,"
    " 'zone', zone, 'level', level, 'clearance', clearance, 'status', status, 'error', error,"
    " 'http_status', http_status, 'upstream_url', upstream_url, 'cost_nano_usd', cost_nano_usd,"
    " 'sends', sends,"
    " 'body_sha256', lower(hex(body_sha256))) FROM attempt ORDER BY start_wall_ns";

static const char requests[] =
    "SELECT json_object('id', id, 'dialect', dialect, 'target', target, 'status', status, 'error', "
    "error,"
    " 'http_status', http_status, 'level', level, 'attempts', attempts) FROM request"
    " ORDER BY start_wall_ns";

static int print_month(const char *path, const char *sql)
{
    sqlite3 *conn = NULL;
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_open_v2(path, &conn, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_busy_timeout(conn, 5000);
        code = sqlite3_prepare_v2(conn, sql, -1, &stmt, NULL);
    }
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_ROW)
            (void)printf("%s\n", (const char *)sqlite3_column_text(stmt, 0));
    }
    if (code != SQLITE_DONE)
        (void)fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(conn));
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(conn);
    return code == SQLITE_DONE ? 0 : 1;
}

int main(int argc, char **argv)
{
    char pattern[4096];
    glob_t found;
    const char *table = argc == 3 ? argv[2] : "attempt";
    bool is_request = strcmp(table, "request") == 0;
    if (argc < 2 || argc > 3 || (!is_request && strcmp(table, "attempt") != 0)) {
        (void)fprintf(stderr, "usage: ledger_rows STATE [attempt | request]\n");
        return 2;
    }
    (void)snprintf(pattern, sizeof(pattern), "%s/ledger/[0-9]*-[0-9]*.db", argv[1]);
    if (glob(pattern, 0, NULL, &found) != 0) {
        (void)fprintf(stderr, "%s: no ledger\n", argv[1]);
        return 1;
    }
    int failed = 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        failed |= print_month(found.gl_pathv[i], is_request ? requests : attempts);
    globfree(&found);
    return failed;
}
