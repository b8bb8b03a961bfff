#include "gateway/serve/state.h"

#include "base/core/clock.h"
#include "base/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct state {
    char folder[PATH_MAX - 64];
    char path[PATH_MAX];
    int lock_fd;

    struct policy_memory *memory;
    struct clock_date opened;    /* the memory */
    struct workpool *workpool;   /* where the log is written anew; NULL: nowhere */
    pthread_mutex_t labels_lock; /* guards the two descriptors and `records` */
    int labels_fd;
    int fresh_fd;   /* of the log that is being written anew: it gets each record as well */
    size_t records; /* in the log */
    size_t records_max;
    bool is_rewriting;
};

static enum base_err io_error(struct base_error *reterr, const char *path, const char *what)
{
    return base_error_set(reterr, BASE_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

const char *state_folder(const struct state *state)
{
    return state->folder;
}

const char *state_path(struct state *state, const char *name)
{
    (void)snprintf(state->path, sizeof(state->path), "%s/%s", state->folder, name);
    return state->path;
}

static enum base_err lock(struct state *state, struct base_error *reterr)
{
    const char *path = state_path(state, "lock");
    state->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (state->lock_fd < 0)
        return io_error(reterr, path, "cannot be opened");
    if (flock(state->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return BASE_OK;
    if (errno != EWOULDBLOCK)
        return io_error(reterr, path, "cannot be locked");
    return base_error_set(
        reterr, BASE_ERR_IN_USE,
        "%s: another Hearth is using this state folder; stop it, or give `state:` another folder",
        state->folder);
}

enum base_err state_open(struct slice folder, struct state **ret_state, struct base_error *reterr)
{
    struct state *state = calloc(1, sizeof(*state));
    if (!state)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to open the state folder");
    state->lock_fd = state->labels_fd = state->fresh_fd = -1;
    (void)pthread_mutex_init(&state->labels_lock, NULL);
    enum base_err err = BASE_OK;
    if (folder.len == 0 || folder.len >= sizeof(state->folder))
        err = base_error_set(reterr, BASE_ERR_BAD_CONFIG, "state: expected a folder's path");
    else
        (void)snprintf(state->folder, sizeof(state->folder), "%.*s", SLICE_ARG(folder));
    if (!err && mkdir(state->folder, 0700) != 0 && errno != EEXIST)
        err = io_error(reterr, state->folder, "cannot be made");
    if (!err)
        err = lock(state, reterr);
    if (err) {
        state_close(state);
        return err;
    }
    *ret_state = state;
    return BASE_OK;
}

void state_close(struct state *state)
{
    if (!state)
        return;
    if (state->lock_fd >= 0)
        (void)close(state->lock_fd);
    (void)pthread_mutex_destroy(&state->labels_lock);
    free(state);
}

/* ---- the label memory's files ---- */

static enum base_err read_key(struct state *state, uint8_t key[32], struct base_error *reterr)
{
    const char *path = state_path(state, "labels.key");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, key, 32);
        (void)close(fd);
        if (got == 32)
            return BASE_OK;
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s: expected 32 bytes; without it, labels given before are not "
                              "recognised: restore it, "
                              "or remove it and labels.log",
                              path);
    }
    if (errno != ENOENT)
        return io_error(reterr, path, "cannot be read");
    struct stat st;
    if (stat(state_path(state, "labels.log"), &st) == 0 && st.st_size > 0)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s/labels.key is missing; without it, labels given before are not "
                              "recognised: restore it, or remove labels.log too",
                              state->folder);
    path = state_path(state, "labels.key");
    const struct random_source *random = random_system();
    random->fill(random->self, key, 32);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, key, 32) == 32 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good ? BASE_OK : io_error(reterr, path, "cannot be written");
}

/* A record is one write(2), so a process that is killed leaves whole records. A part of one, which
 * a limit of the file's size leaves, would shift all that follow. */
static enum base_err append_to(int fd, const uint8_t *record)
{
    struct stat st;
    ssize_t put = write(fd, record, POLICY_MEMORY_RECORD_BYTES);
    if (put > 0 && put < POLICY_MEMORY_RECORD_BYTES && fstat(fd, &st) == 0 &&
        ftruncate(fd, st.st_size / POLICY_MEMORY_RECORD_BYTES * POLICY_MEMORY_RECORD_BYTES) != 0)
        log_event(LOG_ERROR, "the label memory's log ends in a part of a record", LOG_END);
    return put == POLICY_MEMORY_RECORD_BYTES ? BASE_OK : BASE_ERR_IO;
}

static void rewrite_elsewhere(void *user);

/* The memory is bounded, so its log is, too: with more than twice as many records as the memory can
 * hold at least half of them say nothing any more. */
static enum base_err append_live(void *user, const uint8_t *record)
{
    struct state *state = user;
    struct workpool *pool = NULL;
    pthread_mutex_lock(&state->labels_lock);
    enum base_err err = append_to(state->labels_fd, record);
    if (!err && state->fresh_fd >= 0)
        err = append_to(state->fresh_fd, record);
    if (++state->records > state->records_max && state->workpool && !state->is_rewriting) {
        state->is_rewriting = true;
        pool = state->workpool;
    }
    pthread_mutex_unlock(&state->labels_lock);
    if (pool && !workpool_submit(pool, rewrite_elsewhere, state)) {
        pthread_mutex_lock(&state->labels_lock);
        state->is_rewriting = false; /* with the next record, then */
        pthread_mutex_unlock(&state->labels_lock);
    }
    return err;
}

static enum base_err append_saved(void *user, const uint8_t *record)
{
    return append_to(*(const int *)user, record);
}

static enum base_err load(struct state *state, struct policy_memory *memory, int64_t now_ns,
                          struct base_error *reterr)
{
    const char *path = state_path(state, "labels.log");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? BASE_OK : io_error(reterr, path, "cannot be read");
    static char chunk[POLICY_MEMORY_RECORD_BYTES * 2048];
    size_t len = 0, skipped = 0, torn = 0;
    ssize_t got = 0;
    enum base_err err = BASE_OK;
    while (!err && (got = read(fd, chunk + len, sizeof(chunk) - len)) > 0) {
        len += (size_t)got;
        size_t whole = len / POLICY_MEMORY_RECORD_BYTES * POLICY_MEMORY_RECORD_BYTES;
        err = policy_memory_load(memory, slice_of(chunk, whole), now_ns, &torn);
        skipped += torn;
        memmove(chunk, chunk + whole, len - whole);
        len -= whole;
    }
    if (err)
        (void)base_error_set(reterr, err, "%s: cannot be loaded", path);
    else if (got < 0) /* what could not be read is not forgotten */
        err = io_error(reterr, path, "cannot be read");
    (void)close(fd);
    if (skipped)
        log_event(LOG_WARN, "records of the label memory were damaged and skipped",
                  LOG_INT("records", skipped), LOG_END);
    return err;
}

/* Replaces the log by one without repetitions. Records that come meanwhile go to both: those that
 * came before are in the memory already. */
static enum base_err rewrite(struct state *state, struct base_error *reterr)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    struct policy_memory_stats stats;
    (void)snprintf(path, sizeof(path), "%s/labels.log", state->folder);
    (void)snprintf(fresh, sizeof(fresh), "%s/labels.log.new", state->folder);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(reterr, fresh, "cannot be written");
    pthread_mutex_lock(&state->labels_lock);
    state->fresh_fd = fd;
    pthread_mutex_unlock(&state->labels_lock);
    enum base_err err = policy_memory_save(
        state->memory, clock_date_ns(clock_system(), &state->opened), append_saved, &fd);
    if (!err && (fsync(fd) != 0 || rename(fresh, path) != 0))
        err = BASE_ERR_IO;
    if (err)
        err = io_error(reterr, fresh, "cannot be written");
    policy_memory_stats(state->memory, &stats);
    pthread_mutex_lock(&state->labels_lock);
    int old = err ? fd : state->labels_fd;
    state->fresh_fd = -1;
    if (!err) {
        state->labels_fd = fd;
        state->records = stats.entries;
    } else { /* not at each record again */
        state->records = 0;
    }
    state->is_rewriting = false;
    pthread_mutex_unlock(&state->labels_lock);
    if (old >= 0)
        (void)close(old);
    return err;
}

static void rewrite_elsewhere(void *user)
{
    struct base_error detail;
    if (rewrite(user, &detail))
        log_event(LOG_ERROR, "the label memory's log could not be written anew",
                  LOG_STR("reason", detail.message), LOG_END);
}

void state_memory_workpool(struct state *state, struct workpool *pool)
{
    pthread_mutex_lock(&state->labels_lock);
    state->workpool = pool;
    pthread_mutex_unlock(&state->labels_lock);
}

enum base_err state_memory_open(struct state *state, const struct config *config,
                                struct policy_memory **ret_memory, struct base_error *reterr)
{
    struct policy_memory_config mc = {
        .max_entries = config->memory_entries,
        .ttl_ns = config->memory_ttl_ms * 1000000,
        .append = append_live,
        .user = state,
    };
    state->opened = clock_date_from(clock_system());
    struct policy_memory *memory = NULL;
    enum base_err err = read_key(state, mc.key, reterr);
    if (!err)
        err = policy_memory_new(&mc, &memory, reterr);
    explicit_bzero(mc.key, sizeof(mc.key));
    if (!err)
        err = load(state, memory, state->opened.wall_ns, reterr);
    if (!err) {
        struct policy_memory_stats stats;
        policy_memory_stats(memory, &stats);
        state->memory = memory;
        state->records_max = 2 * stats.capacity;
        err = rewrite(state, reterr);
    }
    if (err) {
        policy_memory_free(memory);
        return err;
    }
    *ret_memory = memory;
    return BASE_OK;
}

void state_memory_close(struct state *state, struct policy_memory *memory)
{
    policy_memory_free(memory);
    if (state->labels_fd >= 0)
        (void)close(state->labels_fd);
    state->labels_fd = -1;
}
