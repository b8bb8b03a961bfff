/* One request and its attempts as JSON: the columns as they are. */
#include "gateway/ledger/internal.h"

#include "base/core/arena.h"
#include "base/json/json.h"

enum { ID_MIN = 8, ID_MAX = 64, STORED_JSON_MAX = 16 << 20 };

struct show {
    struct slice asked;
    char id[ID_MAX + 1];  /* the whole id, once found */
    char end[ID_MAX + 5]; /* sorts after everything that begins with `asked` */
    bool is_exact, is_ambiguous;
    struct json_writer w;
    struct arena *arena; /* to look at stored JSON */
};

static struct slice column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text ? slice_of(text, (size_t)sqlite3_column_bytes(stmt, column)) : SLICE_NONE;
}

/* ---- which request is meant ---- */

static void take_id(struct show *show, struct slice id)
{
    bool exact = slice_eq(id, show->asked);
    if (id.len > ID_MAX || show->is_exact)
        return;
    if (!exact && show->id[0] && !slice_eq_str(id, show->id))
        show->is_ambiguous = true;
    show->is_exact = exact;
    memcpy(show->id, id.ptr, id.len);
    show->id[id.len] = '\0';
}

static enum base_err find(void *user, sqlite3 *conn, struct base_error *reterr)
{
    /* A request that was under way when its process died has attempts only. */
    static const char sql[] =
        "SELECT id FROM (SELECT id FROM request WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2)"
        " UNION SELECT request_id FROM (SELECT DISTINCT request_id FROM attempt"
        " WHERE request_id >= ?1 AND request_id < ?2 ORDER BY request_id LIMIT 2) ORDER BY 1";
    struct show *show = user;
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_text(stmt, 1, show->asked.ptr, (int)show->asked.len, SQLITE_STATIC);
        (void)sqlite3_bind_text(stmt, 2, show->end, -1, SQLITE_STATIC);
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
            take_id(show, column_text(stmt, 0));
    }
    enum base_err err =
        code == SQLITE_DONE ? BASE_OK : ledger_sqlite_error(conn, "cannot be read", reterr);
    sqlite3_finalize(stmt);
    return err;
}

/* ---- writing it ---- */

static bool is_flag(const char *name)
{
    return strcmp(name, "unknown") == 0 || strcmp(name, "stream") == 0;
}

static void put_stored_json(struct show *show, struct slice text)
{
    static const struct json_limits limits = {STORED_JSON_MAX, 1000000, 56};
    const struct json_node *node = NULL;
    if (text.len && json_parse(text, &limits, show->arena, &node, NULL) == BASE_OK)
        json_put_node(&show->w, node);
    else
        json_put_null(&show->w);
}

static void put_hex(struct json_writer *w, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char text[64];
    size_t used = 0;
    for (size_t i = 0; i < len && used < sizeof(text); i++) {
        text[used++] = digits[bytes[i] >> 4];
        text[used++] = digits[bytes[i] & 15];
    }
    json_put_string(w, slice_of(text, used));
}

/* The stored facts that a row names. */
static void put_base(struct show *show, sqlite3_stmt *row, struct slice name)
{
    sqlite3_stmt *stmt = NULL;
    struct slice facts = SLICE_NONE;
    if (sqlite3_prepare_v2(sqlite3_db_handle(row), "SELECT facts FROM facts_base WHERE name = ?1",
                           -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_bind_text(stmt, 1, name.ptr, (int)name.len, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        facts = arena_dup(show->arena, column_text(stmt, 0));
    put_stored_json(show, facts);
    sqlite3_finalize(stmt);
}

static void put_column(struct show *show, sqlite3_stmt *stmt, int column)
{
    const char *name = sqlite3_column_name(stmt, column);
    json_key(&show->w, slice_from_str(name));
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        if (is_flag(name))
            json_put_bool(&show->w, sqlite3_column_int64(stmt, column) != 0);
        else
            json_put_i64(&show->w, sqlite3_column_int64(stmt, column));
        break;
    case SQLITE_FLOAT:
        json_put_double(&show->w, sqlite3_column_double(stmt, column));
        break;
    case SQLITE_TEXT:
        if (strcmp(name, "facts") == 0 || strcmp(name, "decision") == 0)
            put_stored_json(show, column_text(stmt, column));
        else if (strcmp(name, "facts_base") == 0)
            put_base(show, stmt, column_text(stmt, column));
        else
            json_put_string(&show->w, column_text(stmt, column));
        break;
    case SQLITE_BLOB:
        put_hex(&show->w, sqlite3_column_blob(stmt, column),
                (size_t)sqlite3_column_bytes(stmt, column));
        break;
    default:
        json_put_null(&show->w);
    }
    if (strcmp(name, "start_wall_ns") == 0) {
        char utc[25];
        clock_format_utc(sqlite3_column_int64(stmt, column), utc);
        json_member_str(&show->w, "start", utc);
    }
}

static enum base_err put_rows(struct show *show, sqlite3 *conn, const char *sql,
                              struct base_error *reterr)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_text(stmt, 1, show->id, -1, SQLITE_STATIC);
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
            json_open_object(&show->w);
            for (int i = 0; i < sqlite3_column_count(stmt); i++)
                put_column(show, stmt, i);
            json_close_object(&show->w);
        }
    }
    enum base_err err =
        code == SQLITE_DONE ? BASE_OK : ledger_sqlite_error(conn, "cannot be read", reterr);
    sqlite3_finalize(stmt);
    return err;
}

/* The row may be in any month's file, but in one only; where there is none, the key has no value
 * yet. */
static enum base_err put_request(void *user, sqlite3 *conn, struct base_error *reterr)
{
    struct show *show = user;
    return show->w.after_key ? put_rows(show, conn, "SELECT * FROM request WHERE id = ?1", reterr)
                             : BASE_OK;
}

static enum base_err put_attempts(void *user, sqlite3 *conn, struct base_error *reterr)
{
    return put_rows(user, conn, "SELECT * FROM attempt WHERE request_id = ?1 ORDER BY number",
                    reterr);
}

static enum base_err write_show(struct ledger_reader *reader, struct show *show, struct buffer *out,
                                struct base_error *reterr)
{
    json_writer_init(&show->w, out);
    json_open_object(&show->w);
    json_key(&show->w, SLICE("request"));
    enum base_err err = ledger_reader_each(reader, put_request, show, reterr);
    if (err)
        return err;
    if (show->w.after_key)
        json_put_null(&show->w);
    json_key(&show->w, SLICE("attempts"));
    json_open_array(&show->w);
    err = ledger_reader_each(reader, put_attempts, show, reterr);
    json_close_array(&show->w);
    json_close_object(&show->w);
    if (!err && out->err)
        err = base_error_set(reterr, out->err, "the request's rows are too large to show");
    return err;
}

static enum base_err find_id(struct ledger_reader *reader, struct show *show,
                             struct base_error *reterr)
{
    struct slice asked = show->asked;
    bool is_possible = asked.len > 0 && asked.len <= ID_MAX && slice_is_utf8(asked) &&
                       !memchr(asked.ptr, '\0', asked.len);
    if (is_possible) {
        memcpy(show->end, asked.ptr, asked.len);
        memcpy(show->end + asked.len, "\xf4\x8f\xbf\xbf", 5);
        enum base_err err = ledger_reader_each(reader, find, show, reterr);
        if (err)
            return err;
    }
    if (!show->id[0])
        return base_error_set(reterr, BASE_ERR_NOT_FOUND, "the ledger knows no request %.*s",
                              SLICE_ARG(slice_sub(asked, 0, ID_MAX)));
    if (show->is_exact)
        return BASE_OK;
    if (asked.len < ID_MIN)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "the beginning of an id needs at least %d characters", ID_MIN);
    if (show->is_ambiguous)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "more than one request's id begins with %.*s; give more of it",
                              SLICE_ARG(asked));
    return BASE_OK;
}

enum base_err ledger_show(struct ledger_reader *reader, struct slice id, struct buffer *out,
                          struct base_error *reterr)
{
    struct show show = {.asked = id, .arena = arena_new(1u << 30)};
    if (!show.arena)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to read the ledger");
    enum base_err err = find_id(reader, &show, reterr);
    if (!err)
        err = write_show(reader, &show, out, reterr);
    arena_free(show.arena);
    return err;
}
