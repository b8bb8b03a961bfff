/* Sums over requests: one pass over the rows, one line for each group and one for all. */
#include "gateway/ledger/internal.h"

#include "base/core/arena.h"
#include "base/json/json.h"

#include <stdlib.h>

enum { GROUPS_MAX = 100000, MEMORY_MAX = 1 << 30, KEY_MAX = 256, NANO = 1000000000 };

__extension__ typedef __int128 wide;

/* A sum of what is known, and how many were not. */
struct sum {
    wide value;
    uint64_t known, unknown;
};

struct group {
    struct slice key;
    uint64_t requests, errors, refused, gone;
    uint64_t placed, stayed; /* answered somewhere; of these, on the device or the premises */
    struct sum input, output, cost, avoided;
    uint32_t *times_ms; /* in the arena */
    size_t time_count, time_capacity;
};

struct report {
    const struct ledger_report_options *options;
    struct arena *arena;
    struct group *groups; /* sorted by key; in the arena */
    size_t count, capacity;
    struct group total;
    uint64_t unfinished; /* attempts whose process ended before they did */
    size_t last;         /* group of the row before: rows of a group often come together */
};

static const char *const group_names[LEDGER_GROUP_COUNT] = {"target", "tenant", "route",
                                                            "task",   "level",  "day"};

/* ---- reading ---- */

enum column {
    COLUMN_KEY,
    COLUMN_STATUS,
    COLUMN_ZONE,
    COLUMN_TOTAL_MS,
    COLUMN_INPUT,
    COLUMN_OUTPUT,
    COLUMN_COST,
    COLUMN_AVOIDED
};

#define REST_OF_SELECT                                                                             \
    ", status, zone, total_ms,"                                                                    \
    " CASE WHEN coalesce(input, cache_read, cache_write_5m, cache_write_1h, input_audio,"          \
    " input_image) IS NOT NULL THEN ifnull(input, 0) + ifnull(cache_read, 0) +"                    \
    " ifnull(cache_write_5m, 0) + ifnull(cache_write_1h, 0) + ifnull(input_audio, 0) +"            \
    " ifnull(input_image, 0) END,"                                                                 \
    " CASE WHEN coalesce(output, reasoning, output_audio, rejected) IS NOT NULL THEN"              \
    " ifnull(output, 0) + ifnull(reasoning, 0) + ifnull(output_audio, 0) + ifnull(rejected, 0)"    \
    " END, cost_nano_usd, cost_avoided_nano_usd"                                                   \
    " FROM request WHERE start_wall_ns >= ?1 AND start_wall_ns < ?2"

static const char *const selects[LEDGER_GROUP_COUNT] = {
    [LEDGER_GROUP_TARGET] = "SELECT target" REST_OF_SELECT,
    [LEDGER_GROUP_TENANT] = "SELECT tenant" REST_OF_SELECT,
    [LEDGER_GROUP_ROUTE] = "SELECT route" REST_OF_SELECT,
    [LEDGER_GROUP_TASK] = "SELECT task" REST_OF_SELECT,
    [LEDGER_GROUP_LEVEL] = "SELECT level" REST_OF_SELECT,
    [LEDGER_GROUP_DAY] =
        "SELECT strftime('%Y-%m-%d', start_wall_ns / 1000000000, 'unixepoch')" REST_OF_SELECT,
};

static void add_sum(struct sum *sum, sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
        sum->unknown++;
        return;
    }
    sum->value += sqlite3_column_int64(stmt, column);
    sum->known++;
}

static bool is_status(sqlite3_stmt *stmt, enum ledger_status status)
{
    const char *name = (const char *)sqlite3_column_text(stmt, COLUMN_STATUS);
    return name && strcmp(name, ledger_status_name(status)) == 0;
}

static bool add_time(struct arena *arena, struct group *g, int64_t ms)
{
    void *items = g->times_ms;
    if (!arena_grow(arena, &items, g->time_count, &g->time_capacity, sizeof(*g->times_ms)))
        return false;
    g->times_ms = items;
    g->times_ms[g->time_count++] = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    return true;
}

static bool add_row(struct arena *arena, struct group *g, sqlite3_stmt *stmt)
{
    g->requests++;
    g->errors += is_status(stmt, LEDGER_STATUS_ERROR) || is_status(stmt, LEDGER_STATUS_UNKNOWN);
    g->refused += is_status(stmt, LEDGER_STATUS_REFUSED);
    g->gone += is_status(stmt, LEDGER_STATUS_CLIENT_GONE);
    const char *zone = (const char *)sqlite3_column_text(stmt, COLUMN_ZONE);
    if (zone) {
        g->placed++;
        g->stayed += strcmp(zone, "device") == 0 || strcmp(zone, "premises") == 0;
    }
    add_sum(&g->input, stmt, COLUMN_INPUT);
    add_sum(&g->output, stmt, COLUMN_OUTPUT);
    add_sum(&g->cost, stmt, COLUMN_COST);
    add_sum(&g->avoided, stmt, COLUMN_AVOIDED);
    int64_t ms = sqlite3_column_int64(stmt, COLUMN_TOTAL_MS);
    bool has_time = sqlite3_column_type(stmt, COLUMN_TOTAL_MS) != SQLITE_NULL && ms >= 0;
    return !has_time || add_time(arena, g, ms);
}

/* The place of `key`, or where it would have to go. */
static size_t place_of(const struct report *r, struct slice key)
{
    size_t from = 0, to = r->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (slice_cmp(r->groups[middle].key, key) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static enum base_err group_of(struct report *r, struct slice key, struct group **ret,
                              struct base_error *reterr)
{
    size_t at = r->last;
    if (at >= r->count || !slice_eq(r->groups[at].key, key))
        at = place_of(r, key);
    if (at >= r->count || !slice_eq(r->groups[at].key, key)) {
        void *items = r->groups;
        struct slice copy = arena_dup(r->arena, key);
        if (r->count >= GROUPS_MAX)
            return base_error_set(reterr, BASE_ERR_LIMIT,
                                  "more than %d groups; choose a shorter time", GROUPS_MAX);
        if (!copy.ptr || !arena_grow(r->arena, &items, r->count, &r->capacity, sizeof(*r->groups)))
            return base_error_set(reterr, BASE_ERR_NO_MEMORY,
                                  "the report needs too much memory; choose a shorter time");
        r->groups = items;
        memmove(r->groups + at + 1, r->groups + at, (r->count - at) * sizeof(*r->groups));
        r->groups[at] = (struct group){.key = copy};
        r->count++;
    }
    r->last = at;
    *ret = &r->groups[at];
    return BASE_OK;
}

static enum base_err take_row(struct report *r, sqlite3_stmt *stmt, struct base_error *reterr)
{
    struct group *g = NULL;
    struct slice key = slice_from_str((const char *)sqlite3_column_text(stmt, COLUMN_KEY));
    enum base_err err =
        group_of(r, key.ptr ? slice_sub(key, 0, KEY_MAX) : SLICE("(none)"), &g, reterr);
    if (!err && (!add_row(r->arena, g, stmt) || !add_row(r->arena, &r->total, stmt)))
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY,
                             "the report needs too much memory; choose a shorter time");
    return err;
}

static enum base_err prepare(const struct report *r, sqlite3 *conn, const char *sql,
                             sqlite3_stmt **ret_stmt, struct base_error *reterr)
{
    int64_t until = r->options->until_wall_ns;
    if (sqlite3_prepare_v2(conn, sql, -1, ret_stmt, NULL) != SQLITE_OK ||
        sqlite3_bind_int64(*ret_stmt, 1, r->options->since_wall_ns) != SQLITE_OK ||
        sqlite3_bind_int64(*ret_stmt, 2, until ? until : INT64_MAX) != SQLITE_OK)
        return ledger_sqlite_error(conn, "cannot be read", reterr);
    return BASE_OK;
}

static enum base_err read_requests(struct report *r, sqlite3 *conn, struct base_error *reterr)
{
    sqlite3_stmt *stmt = NULL;
    int code = SQLITE_DONE;
    enum base_err err = prepare(r, conn, selects[r->options->by], &stmt, reterr);
    while (!err && (code = sqlite3_step(stmt)) == SQLITE_ROW)
        err = take_row(r, stmt, reterr);
    if (!err && code != SQLITE_DONE)
        err = ledger_sqlite_error(conn, "cannot be read", reterr);
    sqlite3_finalize(stmt);
    return err;
}

static enum base_err read_month(void *user, sqlite3 *conn, struct base_error *reterr)
{
    static const char unfinished[] = "SELECT count(*) FROM attempt WHERE status = 'unknown'"
                                     " AND start_wall_ns >= ?1 AND start_wall_ns < ?2";
    struct report *r = user;
    sqlite3_stmt *stmt = NULL;
    enum base_err err = read_requests(r, conn, reterr);
    if (!err)
        err = prepare(r, conn, unfinished, &stmt, reterr);
    if (!err && sqlite3_step(stmt) == SQLITE_ROW)
        r->unfinished += (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return err;
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank; the times are sorted. -1 without any. */
static int64_t percentile(const struct group *g, size_t percent)
{
    size_t rank = (g->time_count * percent + 99) / 100;
    return g->time_count ? (int64_t)g->times_ms[rank ? rank - 1 : 0] : -1;
}

static void sort_times(struct group *g)
{
    if (g->time_count)
        qsort(g->times_ms, g->time_count, sizeof(*g->times_ms), by_size);
}

/* Dollars with `digits` (at most 9) after the point, rounded half up; absent when none is known. */
static struct slice dollars(struct arena *arena, const struct sum *sum, int digits)
{
    if (!sum->known)
        return SLICE_NONE;
    int64_t unit = NANO, scale = 1;
    for (int i = 0; i < digits; i++, scale *= 10)
        unit /= 10;
    wide units = (sum->value + unit / 2) / unit;
    return arena_printf(arena, "%lld.%0*lld", (long long)(units / scale), digits,
                        (long long)(units % scale));
}

/* ---- as JSON ---- */

static void put_money(struct json_writer *w, struct arena *arena, const char *key,
                      const struct sum *sum)
{
    struct slice text = dollars(arena, sum, 9);
    json_key(w, slice_from_str(key));
    if (text.ptr)
        json_put_number_text(w, text);
    else
        json_put_null(w);
}

static void put_known(struct json_writer *w, const char *key, int64_t value, bool known)
{
    if (known)
        json_member_i64(w, key, value);
    else
        json_member_null(w, key);
}

static void put_group(struct json_writer *w, const struct report *r, const struct group *g)
{
    json_open_object(w);
    if (g != &r->total)
        json_member_string(w, group_names[r->options->by], g->key);
    json_member_i64(w, "requests", (int64_t)g->requests);
    json_member_i64(w, "errors", (int64_t)g->errors);
    json_member_i64(w, "refused", (int64_t)g->refused);
    json_member_i64(w, "client_gone", (int64_t)g->gone);
    if (g->placed)
        json_member_double(w, "stayed_home_share", (double)g->stayed / (double)g->placed);
    else
        json_member_null(w, "stayed_home_share");
    put_known(w, "input_tokens", (int64_t)g->input.value, g->input.known);
    put_known(w, "output_tokens", (int64_t)g->output.value, g->output.known);
    put_money(w, r->arena, "cost_usd", &g->cost);
    json_member_i64(w, "cost_unknown", (int64_t)g->cost.unknown);
    put_money(w, r->arena, "cost_avoided_usd", &g->avoided);
    json_member_i64(w, "cost_avoided_unknown", (int64_t)g->avoided.unknown);
    put_known(w, "p50_ms", percentile(g, 50), g->time_count);
    put_known(w, "p95_ms", percentile(g, 95), g->time_count);
    json_close_object(w);
}

static void put_time(struct json_writer *w, const char *key, int64_t wall_ns)
{
    char utc[25];
    clock_format_utc(wall_ns, utc);
    json_member_str(w, key, wall_ns ? utc : NULL);
}

static void write_json(const struct report *r, struct buffer *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_member_str(&w, "by", group_names[r->options->by]);
    put_time(&w, "since", r->options->since_wall_ns);
    put_time(&w, "until", r->options->until_wall_ns);
    json_key(&w, SLICE("groups"));
    json_open_array(&w);
    for (size_t i = 0; i < r->count; i++)
        put_group(&w, r, &r->groups[i]);
    json_close_array(&w);
    json_key(&w, SLICE("total"));
    put_group(&w, r, &r->total);
    json_member_i64(&w, "attempts_unfinished", (int64_t)r->unfinished);
    json_close_object(&w);
    (void)buffer_add_char(out, '\n');
}

/* ---- as a table ---- */

enum { CELLS = 10 };

struct line {
    struct slice cells[CELLS];
};

/* A name as it may stand on a terminal. */
static struct slice printable(struct arena *arena, struct slice name)
{
    char *copy = arena_strdup(arena, name);
    for (size_t i = 0; copy && i < name.len; i++)
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
            copy[i] = '?';
    return copy ? slice_of(copy, name.len) : SLICE_NONE;
}

static struct slice number(struct arena *arena, int64_t value, bool known)
{
    return known ? arena_printf(arena, "%lld", (long long)value) : SLICE("-");
}

static struct slice share(struct arena *arena, const struct group *g)
{
    return g->placed ? arena_printf(arena, "%.0f%%", 100.0 * (double)g->stayed / (double)g->placed)
                     : SLICE("-");
}

static struct slice money(struct arena *arena, const struct sum *sum)
{
    struct slice text = dollars(arena, sum, 6);
    return text.ptr ? text : SLICE("-");
}

static struct line line_of(struct arena *arena, const struct group *g, struct slice name)
{
    return (struct line){{
        printable(arena, name),
        number(arena, (int64_t)g->requests, true),
        number(arena, (int64_t)(g->errors + g->refused), true),
        share(arena, g),
        number(arena, (int64_t)g->input.value, g->input.known),
        number(arena, (int64_t)g->output.value, g->output.known),
        money(arena, &g->cost),
        money(arena, &g->avoided),
        number(arena, percentile(g, 50), g->time_count),
        number(arena, percentile(g, 95), g->time_count),
    }};
}

/* In characters, so that names in any script line up. */
static size_t width(struct slice s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return count;
}

static void print_line(struct buffer *out, const struct line *line, const size_t widths[CELLS])
{
    for (size_t c = 0; c < CELLS; c++) {
        int padding = (int)(widths[c] - width(line->cells[c]));
        if (c == 0)
            (void)buffer_addf(out, "%.*s%*s", SLICE_ARG(line->cells[c]), padding, "");
        else
            (void)buffer_addf(out, "  %*s%.*s", padding, "", SLICE_ARG(line->cells[c]));
    }
    (void)buffer_add_char(out, '\n');
}

static void print_notes(const struct report *r, struct buffer *out)
{
    const struct group *t = &r->total;
    if (t->refused)
        (void)buffer_addf(out, "failed: %llu with an error, %llu refused by policy\n",
                          (unsigned long long)t->errors, (unsigned long long)t->refused);
    if (t->gone)
        (void)buffer_addf(out, "%llu callers left before the end\n", (unsigned long long)t->gone);
    if (t->cost.unknown)
        (void)buffer_addf(out, "the cost of %llu requests is unknown and not in the sum\n",
                          (unsigned long long)t->cost.unknown);
    if (r->unfinished)
        (void)buffer_addf(out,
                          "%llu attempts were under way when Hearth ended; their cost is unknown\n",
                          (unsigned long long)r->unfinished);
}

static void write_table(const struct report *r, struct buffer *out)
{
    struct line head = {{SLICE("?"), SLICE("requests"), SLICE("failed"), SLICE("at home"),
                         SLICE("tokens in"), SLICE("tokens out"), SLICE("cost USD"),
                         SLICE("avoided USD"), SLICE("p50 ms"), SLICE("p95 ms")}};
    head.cells[0] = slice_from_str(group_names[r->options->by]);
    if (r->total.requests == 0) {
        (void)buffer_add_str(out, "no requests in the ledger for this time\n");
        print_notes(r, out);
        return;
    }
    struct line *lines = arena_calloc(r->arena, r->count + 2, sizeof(*lines));
    if (!lines) {
        out->err = BASE_ERR_NO_MEMORY;
        return;
    }
    lines[0] = head;
    for (size_t i = 0; i < r->count; i++)
        lines[i + 1] = line_of(r->arena, &r->groups[i], r->groups[i].key);
    lines[r->count + 1] = line_of(r->arena, &r->total, SLICE("all"));
    size_t widths[CELLS] = {0};
    for (size_t i = 0; i < r->count + 2; i++)
        for (size_t c = 0; c < CELLS; c++)
            if (width(lines[i].cells[c]) > widths[c])
                widths[c] = width(lines[i].cells[c]);
    for (size_t i = 0; i < r->count + 2; i++)
        print_line(out, &lines[i], widths);
    print_notes(r, out);
}

enum base_err ledger_report(struct ledger_reader *reader,
                            const struct ledger_report_options *options, struct buffer *out,
                            struct base_error *reterr)
{
    struct report r = {.options = options, .arena = arena_new(MEMORY_MAX)};
    if (!r.arena)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the report");
    enum base_err err = ledger_reader_each(reader, read_month, &r, reterr);
    if (!err) {
        for (size_t i = 0; i < r.count; i++)
            sort_times(&r.groups[i]);
        sort_times(&r.total);
        if (options->json)
            write_json(&r, out);
        else
            write_table(&r, out);
        if (out->err)
            err = base_error_set(reterr, out->err, "the report is too large");
    }
    arena_free(r.arena);
    return err;
}
