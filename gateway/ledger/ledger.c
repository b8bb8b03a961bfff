#include "gateway/ledger/internal.h"

#include "base/core/log.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum {
    QUEUE_DEFAULT = 65536,
    INFLIGHT_DEFAULT = 16384,
    RETRY_MS = 500,
    LAST_TRIES = 3,
    GROUP_MS = 2
};

struct ledger {
    struct ledger_options options;
    char folder[LEDGER_PATH_MAX];
    struct ledger_inflight *inflight;
    struct ledger_db *db;      /* the writer's alone once the thread runs */
    struct ledger_chain chain; /* the same */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake, written;
    struct ledger_row *head, *tail;
    size_t waiting; /* rows not yet committed, those in the writer's hands included */
    bool ending;
    struct ledger_base *bases; /* newest first */

    atomic_ullong rows_written, rows_lost, recovered;
    atomic_llong last_commit_us;
    atomic_bool failing;
};

const char *ledger_status_name(enum ledger_status status)
{
    static const char *const names[LEDGER_STATUS_COUNT] = {
        "ok", "error", "client_gone", "cancelled", "refused", "not_sent", "unknown"};
    return status < LEDGER_STATUS_COUNT ? names[status] : "unknown";
}

/* ---- rows ---- */

struct packer {
    char *to;
    size_t len;
};

/* First pass: to NULL, only counts. */
static void pack(struct packer *p, struct slice *s)
{
    if (p->to && s->ptr) {
        if (s->len)
            memcpy(p->to + p->len, s->ptr, s->len);
        s->ptr = p->to + p->len;
    }
    p->len += s->len;
}

static void pack_hash(struct packer *p, const uint8_t **hash)
{
    if (!*hash)
        return;
    if (p->to) {
        memcpy(p->to + p->len, *hash, 32);
        *hash = (const uint8_t *)p->to + p->len;
    }
    p->len += 32;
}

static void pack_attempt(struct packer *p, struct ledger_attempt *a)
{
    struct slice *slices[] = {
        &a->request_id,   &a->step,       &a->target,   &a->upstream_url, &a->provider_request_id,
        &a->served_model, &a->price_date, &a->findings, &a->rules};
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
        pack(p, slices[i]);
    pack_hash(p, &a->body_sha256);
    pack_hash(p, &a->policy_hash);
}

static void pack_request(struct packer *p, struct ledger_request *r)
{
    struct slice *slices[] = {&r->id,       &r->tenant,   &r->key_id,    &r->session,
                              &r->dialect,  &r->model,    &r->route,     &r->target,
                              &r->findings, &r->rules,    &r->task,      &r->scorer_version,
                              &r->facts,    &r->decision, &r->facts_base};
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
        pack(p, slices[i]);
    pack_hash(p, &r->policy_hash);
}

static struct ledger_row *row_of_attempt(const struct ledger_attempt *attempt)
{
    struct ledger_attempt copy = *attempt;
    struct packer p = {0};
    pack_attempt(&p, &copy);
    struct ledger_row *row = malloc(sizeof(*row) + p.len);
    if (!row)
        return NULL;
    *row = (struct ledger_row){.is_attempt = true, .u.attempt = *attempt};
    p = (struct packer){row->bytes, 0};
    pack_attempt(&p, &row->u.attempt);
    return row;
}

static void pack_audit(struct packer *p, struct policy_audit_record *r)
{
    struct slice *slices[] = {&r->request_id, &r->findings, &r->rules, &r->destination};
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
        pack(p, slices[i]);
    pack_hash(p, &r->body_sha256);
    pack_hash(p, &r->policy_hash);
}

static struct ledger_row *row_of_audit(const struct policy_audit_record *record)
{
    struct policy_audit_record copy = *record;
    struct packer p = {0};
    pack_audit(&p, &copy);
    struct ledger_row *row = malloc(sizeof(*row) + p.len);
    if (!row)
        return NULL;
    *row = (struct ledger_row){.is_audit = true, .u.audit = *record};
    p = (struct packer){row->bytes, 0};
    pack_audit(&p, &row->u.audit);
    return row;
}

static struct ledger_row *row_of_request(const struct ledger_request *request)
{
    struct ledger_request copy = *request;
    struct packer p = {0};
    pack_request(&p, &copy);
    struct ledger_row *row = malloc(sizeof(*row) + p.len);
    if (!row)
        return NULL;
    *row = (struct ledger_row){.u.request = *request};
    p = (struct packer){row->bytes, 0};
    pack_request(&p, &row->u.request);
    return row;
}

/* ---- the queue ---- */

/* The slot of a lost attempt stays taken: what was sent is then found at the next start. */
static void lose(struct ledger *ledger, size_t count)
{
    if (count && atomic_fetch_add(&ledger->rows_lost, count) == 0)
        log_event(LOG_ERROR,
                  "ledger rows are being lost: the writer cannot keep up or cannot write", LOG_END);
}

static void enqueue(struct ledger *ledger, struct ledger_row *row, struct ledger_ticket ticket)
{
    if (!row) {
        lose(ledger, 1);
        return;
    }
    row->ticket = ticket;
    pthread_mutex_lock(&ledger->lock);
    bool has_room = ledger->waiting < ledger->options.queue_max;
    if (has_room) {
        if (ledger->tail)
            ledger->tail->next = row;
        else
            ledger->head = row;
        ledger->tail = row;
        ledger->waiting++;
        pthread_cond_signal(&ledger->wake);
    }
    pthread_mutex_unlock(&ledger->lock);
    if (!has_room) {
        free(row);
        lose(ledger, 1);
    }
}

/* ---- the writer ---- */

static size_t free_rows(struct ledger_row *rows)
{
    size_t count = 0;
    for (struct ledger_row *next; rows; rows = next, count++) {
        next = rows->next;
        free(rows);
    }
    return count;
}

static void settle(struct ledger *ledger, struct ledger_row *rows, size_t refused)
{
    for (const struct ledger_row *row = rows; row; row = row->next)
        ledger_inflight_free(ledger->inflight, row->ticket);
    size_t count = free_rows(rows);
    atomic_fetch_add(&ledger->rows_written, count - refused);
    lose(ledger, refused);
    pthread_mutex_lock(&ledger->lock);
    ledger->waiting -= count;
    if (ledger->waiting == 0)
        pthread_cond_broadcast(&ledger->written);
    pthread_mutex_unlock(&ledger->lock);
}

static enum base_err open_month(struct ledger *ledger, struct base_error *reterr)
{
    int64_t now = clock_wall_ns(ledger->options.clock);
    if (ledger->db && !ledger_db_is_old(ledger->db, now))
        return BASE_OK;
    struct ledger_db *fresh;
    enum base_err err = ledger_db_open(ledger->folder, now, &fresh, reterr);
    if (err)
        return err;
    ledger_db_close(ledger->db);
    ledger->db = fresh;
    pthread_mutex_lock(&ledger->lock);
    for (struct ledger_base *base = ledger->bases; base; base = base->next)
        base->written = false;
    pthread_mutex_unlock(&ledger->lock);
    return BASE_OK;
}

/* One that waits to be written; it stays until it is. */
static struct ledger_base *unwritten_base(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    struct ledger_base *base = ledger->bases;
    while (base && base->written)
        base = base->next;
    pthread_mutex_unlock(&ledger->lock);
    return base;
}

/* Before the rows that name them. */
static enum base_err write_bases(struct ledger *ledger, struct base_error *reterr)
{
    struct ledger_base *base;
    enum base_err err = BASE_OK;
    while (!err && (base = unwritten_base(ledger)) != NULL) {
        err = ledger_db_write_base(ledger->db, base, reterr);
        pthread_mutex_lock(&ledger->lock);
        base->written = !err;
        pthread_mutex_unlock(&ledger->lock);
    }
    return err;
}

static bool write_group(struct ledger *ledger, struct ledger_row *rows)
{
    struct base_error detail;
    size_t refused = 0;
    int64_t start = clock_mono_ns(ledger->options.clock);
    enum base_err err = open_month(ledger, &detail);
    if (!err)
        err = write_bases(ledger, &detail);
    if (!err)
        err = ledger_db_write(ledger->db, &ledger->chain, rows, &refused, &detail);
    bool was_failing = atomic_exchange(&ledger->failing, err != BASE_OK);
    if (err && !was_failing)
        log_event(LOG_ERROR, "the ledger cannot be written; rows wait in memory",
                  LOG_STR("reason", detail.message), LOG_END);
    if (!err && was_failing)
        log_event(LOG_INFO, "the ledger can be written again", LOG_END);
    if (err)
        return false;
    atomic_store(&ledger->last_commit_us, (clock_mono_ns(ledger->options.clock) - start) / 1000);
    settle(ledger, rows, refused);
    return true;
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

/* Takes all that waits; NULL when the ledger ends and nothing is left. */
static struct ledger_row *take(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    while (!ledger->head && !ledger->ending)
        pthread_cond_wait(&ledger->wake, &ledger->lock);
    bool linger = ledger->head && !ledger->ending;
    pthread_mutex_unlock(&ledger->lock);
    if (linger)
        sleep_ms(GROUP_MS); /* others come meanwhile: one sync for all of them */
    pthread_mutex_lock(&ledger->lock);
    struct ledger_row *rows = ledger->head;
    ledger->head = ledger->tail = NULL;
    pthread_mutex_unlock(&ledger->lock);
    return rows;
}

static bool is_ending(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    bool ending = ledger->ending;
    pthread_mutex_unlock(&ledger->lock);
    return ending;
}

static void *writer(void *user)
{
    struct ledger *ledger = user;
    struct ledger_row *rows;
    while ((rows = take(ledger)) != NULL) {
        int tries = 0;
        while (!write_group(ledger, rows)) {
            if (is_ending(ledger) && ++tries > LAST_TRIES) {
                lose(ledger, free_rows(rows));
                return NULL;
            }
            sleep_ms(RETRY_MS);
        }
    }
    return NULL;
}

/* ---- leftovers ---- */

struct leftovers {
    struct ledger_row *rows; /* owned */
    size_t count;
    bool out_of_memory;
};

static void on_left(void *user, const struct ledger_slot *slot)
{
    struct leftovers *left = user;
    bool is_sent = slot->state == LEDGER_SLOT_SENDING;
    struct ledger_attempt attempt = {
        .request_id = slice_from_str(slot->request_id),
        .number = slot->number,
        .step = slot->step[0] ? slice_from_str(slot->step) : SLICE_NONE,
        .target = slice_from_str(slot->target),
        .zone = slot->zone < POLICY_ZONE_COUNT ? (enum policy_zone)slot->zone : POLICY_ZONE_CLOUD,
        .level = slot->level < POLICY_LEVEL_COUNT ? (enum policy_level)slot->level
                                                  : POLICY_LEVEL_RESTRICTED,
        .clearance = slot->clearance < POLICY_LEVEL_COUNT ? (enum policy_level)slot->clearance
                                                          : POLICY_LEVEL_PUBLIC,
        .start_wall_ns = slot->start_wall_ns,
        .ttft_ms = -1,
        .total_ms = -1,
        .status = is_sent ? LEDGER_STATUS_UNKNOWN : LEDGER_STATUS_NOT_SENT,
        .usage = CHAT_USAGE_UNKNOWN,
        .cost_nano_usd = is_sent ? -1 : 0,
        .cost_source = is_sent ? LEDGER_COST_UNKNOWN : LEDGER_COST_COMPUTED,
        .body_sha256 = slot->has_body ? slot->body_sha256 : NULL,
        .body_bytes = slot->body_bytes,
        .policy_hash = slot->has_policy ? slot->policy_hash : NULL,
        .sends = is_sent ? -1 : 0,
    };
    struct ledger_row *row = row_of_attempt(&attempt);
    left->out_of_memory |= !row;
    if (!row)
        return;
    row->is_leftover = true;
    row->next = left->rows;
    left->rows = row;
    left->count++;
}

/* Rows of leftovers are committed before the slots are used again, so that a second crash loses
 * none. */
static enum base_err recover(struct ledger *ledger, struct base_error *reterr)
{
    char path[LEDGER_PATH_MAX + 16];
    struct leftovers left = {0};
    const struct ledger_options *options = &ledger->options;
    size_t refused = 0;
    (void)snprintf(path, sizeof(path), "%s/inflight", ledger->folder);
    enum base_err err =
        ledger_inflight_open(path, options->inflight_max ? options->inflight_max : INFLIGHT_DEFAULT,
                             options->audit_strict, on_left, &left, &ledger->inflight, reterr);
    if (!err && left.out_of_memory)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for what a crash left");
    if (!err && left.rows)
        err = ledger_db_write(ledger->db, &ledger->chain, left.rows, &refused, reterr);
    (void)free_rows(left.rows);
    if (err)
        return err;
    ledger_inflight_clear(ledger->inflight);
    atomic_store(&ledger->recovered, left.count);
    atomic_store(&ledger->rows_written, left.count - refused);
    if (left.count)
        log_event(LOG_WARN, "attempts of a process that ended unexpectedly were recorded",
                  LOG_INT("attempts", left.count), LOG_END);
    return BASE_OK;
}

/* ---- life ---- */

/* A mark outside of the state folder, for whoever keeps logs elsewhere. */
static void log_chain(const struct ledger *ledger, const char *what)
{
    char hash[2 * POLICY_HASH_BYTES + 1];
    ledger_audit_hex(ledger->chain.end.hash, hash);
    log_event(LOG_INFO, what, LOG_INT("record", ledger->chain.end.number), LOG_STR("hash", hash),
              LOG_END);
}

static enum base_err start_writer(struct ledger *ledger, struct base_error *reterr)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&ledger->thread, NULL, writer, ledger);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return base_error_set(reterr, BASE_ERR_LIMIT, "the ledger's thread cannot be started: %s",
                              strerror(failed));
    ledger->has_thread = true;
    return BASE_OK;
}

static enum base_err init_sync(struct ledger *ledger)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return BASE_ERR_NO_MEMORY;
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&ledger->lock, NULL);
    (void)pthread_cond_init(&ledger->wake, NULL);
    (void)pthread_cond_init(&ledger->written, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return BASE_OK;
}

static enum base_err make_folder(struct ledger *ledger, struct base_error *reterr)
{
    int len =
        snprintf(ledger->folder, sizeof(ledger->folder), "%s/ledger", ledger->options.state_dir);
    if (len < 0 || (size_t)len >= sizeof(ledger->folder))
        return base_error_set(reterr, BASE_ERR_IO, "the state folder's path is too long");
    if (mkdir(ledger->folder, 0700) != 0 && errno != EEXIST)
        return base_error_set(reterr, BASE_ERR_IO, "%s cannot be made: %s", ledger->folder,
                              strerror(errno));
    return BASE_OK;
}

enum base_err ledger_open(const struct ledger_options *options, struct ledger **ret_ledger,
                          struct base_error *reterr)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    if (!ledger || init_sync(ledger) != BASE_OK) {
        free(ledger);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the ledger");
    }
    ledger->options = *options;
    if (!ledger->options.queue_max)
        ledger->options.queue_max = QUEUE_DEFAULT;
    if (!ledger->options.clock)
        ledger->options.clock = clock_system();
    ledger->chain.head_fd = -1;
    enum base_err err = make_folder(ledger, reterr);
    ledger->options.state_dir = NULL; /* the caller's, for the call only */
    if (!err)
        err = open_month(ledger, reterr);
    if (!err)
        err = ledger_chain_open(&ledger->chain, options->state_dir, ledger->folder, reterr);
    if (!err)
        err = recover(ledger, reterr);
    if (!err)
        log_chain(ledger, "the audit chain goes on here");
    if (!err)
        err = start_writer(ledger, reterr);
    if (err) {
        ledger_close(ledger);
        return err;
    }
    *ret_ledger = ledger;
    return BASE_OK;
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    pthread_mutex_lock(&ledger->lock);
    ledger->ending = true;
    pthread_cond_broadcast(&ledger->wake);
    pthread_mutex_unlock(&ledger->lock);
    if (ledger->has_thread)
        pthread_join(ledger->thread, NULL);
    if (ledger->has_thread)
        log_chain(ledger, "the audit chain ends here");
    lose(ledger, free_rows(ledger->head)); /* there only when the writer had to give up */
    ledger_db_close(ledger->db);
    ledger_inflight_close(ledger->inflight);
    ledger_chain_close(&ledger->chain);
    for (struct ledger_base *next; ledger->bases; ledger->bases = next) {
        next = ledger->bases->next;
        free(ledger->bases);
    }
    pthread_cond_destroy(&ledger->wake);
    pthread_cond_destroy(&ledger->written);
    pthread_mutex_destroy(&ledger->lock);
    free(ledger);
}

enum base_err ledger_attempt_begin(struct ledger *ledger, const struct ledger_attempt *attempt,
                                   struct ledger_ticket *ret_ticket, struct base_error *reterr)
{
    if (ledger->options.strict &&
        (atomic_load(&ledger->failing) || atomic_load(&ledger->rows_lost) > 0))
        return base_error_set(
            reterr, BASE_ERR_IO,
            "the ledger cannot be written, and `ledger: strict` forbids serving without it");
    return ledger_inflight_begin(ledger->inflight, attempt, ret_ticket, reterr);
}

void ledger_attempt_sending(struct ledger *ledger, struct ledger_ticket ticket)
{
    ledger_inflight_sending(ledger->inflight, ticket);
}

void ledger_attempt_end(struct ledger *ledger, struct ledger_ticket ticket,
                        const struct ledger_attempt *attempt)
{
    enqueue(ledger, row_of_attempt(attempt), ticket);
}

void ledger_request_end(struct ledger *ledger, const struct ledger_request *request)
{
    enqueue(ledger, row_of_request(request), (struct ledger_ticket){0});
}

void ledger_audit(struct ledger *ledger, const struct policy_audit_record *record)
{
    enqueue(ledger, row_of_audit(record), (struct ledger_ticket){0});
}

/* Room for one more: what is too old goes, once it is written. */
static bool trim_bases(struct ledger *ledger)
{
    size_t count = 0;
    struct ledger_base **at = &ledger->bases;
    for (; *at; at = &(*at)->next)
        if (++count == LEDGER_BASES_MAX) {
            struct ledger_base *oldest = *at;
            if (!oldest->written)
                return false;
            *at = NULL;
            free(oldest);
            return true;
        }
    return true;
}

/* Puts one that is known in front, so that it is kept. */
static bool touch_base(struct ledger *ledger, struct slice name)
{
    for (struct ledger_base **at = &ledger->bases; *at; at = &(*at)->next) {
        struct ledger_base *base = *at;
        if (!slice_eq(base->name, name))
            continue;
        *at = base->next;
        base->next = ledger->bases;
        ledger->bases = base;
        return true;
    }
    return false;
}

enum base_err ledger_facts_base(struct ledger *ledger, struct slice name, struct slice facts)
{
    struct ledger_base *base = malloc(sizeof(*base) + name.len + facts.len);
    if (!base)
        return BASE_ERR_NO_MEMORY;
    struct packer p = {base->bytes, 0};
    *base = (struct ledger_base){.name = name, .facts = facts};
    pack(&p, &base->name);
    pack(&p, &base->facts);
    pthread_mutex_lock(&ledger->lock);
    bool is_known = touch_base(ledger, name), has_room = is_known || trim_bases(ledger);
    if (!is_known && has_room) {
        base->next = ledger->bases;
        ledger->bases = base;
    }
    pthread_mutex_unlock(&ledger->lock);
    if (is_known || !has_room)
        free(base);
    return has_room ? BASE_OK : BASE_ERR_NO_MEMORY;
}

bool ledger_flush(struct ledger *ledger, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int result = 0;
    pthread_mutex_lock(&ledger->lock);
    while (ledger->waiting > 0 && result == 0)
        result = pthread_cond_timedwait(&ledger->written, &ledger->lock, &until);
    bool done = ledger->waiting == 0;
    pthread_mutex_unlock(&ledger->lock);
    return done;
}

void ledger_stats(const struct ledger *ledger, struct ledger_stats *ret)
{
    struct ledger *l = (struct ledger *)(uintptr_t)ledger;
    pthread_mutex_lock(&l->lock);
    size_t waiting = l->waiting;
    pthread_mutex_unlock(&l->lock);
    *ret = (struct ledger_stats){
        .rows_written = atomic_load(&l->rows_written),
        .rows_waiting = waiting,
        .rows_lost = atomic_load(&l->rows_lost),
        .inflight = ledger_inflight_used(l->inflight),
        .recovered = atomic_load(&l->recovered),
        .last_commit_us = atomic_load(&l->last_commit_us),
        .failing = atomic_load(&l->failing),
    };
}
