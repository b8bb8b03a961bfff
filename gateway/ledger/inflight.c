#include "gateway/ledger/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Begins the file. */
struct header {
    char magic[8];
    uint32_t slot_bytes;
    uint32_t reserved;
    char boot_id[48]; /* of the machine's boot in which the slots were written */
};

struct ledger_inflight {
    struct header *header;     /* mapped; the slots follow */
    struct ledger_slot *slots; /* in the mapping */
    uint32_t count; /* slots in the file; those past `usable` are only read at the start */
    uint32_t usable;
    bool sync;
    int fd;
    pthread_mutex_t lock; /* guards the free list, the counter and the states' change to free */
    uint32_t *free_list;
    uint32_t free_count;
    uint64_t next_generation;
};

enum { SLOTS_MAX = 1 << 20 };
static const char magic[8] = "hearthIF";

_Static_assert(sizeof(struct ledger_slot) % 8 == 0 && sizeof(struct header) % 8 == 0,
               "slots stay aligned in the mapped file");

static size_t mapped_bytes(const struct ledger_inflight *t)
{
    return sizeof(struct header) + t->count * sizeof(struct ledger_slot);
}

static void read_boot_id(char id[sizeof(((struct header *)NULL)->boot_id)])
{
    memset(id, 0, sizeof(((struct header *)NULL)->boot_id));
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, id, sizeof(((struct header *)NULL)->boot_id) - 1) < 0)
        id[0] = '\0';
    (void)close(fd);
}

/* As many slots as are asked for, or as the file already has. */
static enum base_err size_file(struct ledger_inflight *t, const char *path,
                               struct base_error *reterr)
{
    struct stat st;
    t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (t->fd < 0 || fstat(t->fd, &st) != 0)
        return base_error_set(reterr, BASE_ERR_IO, "%s: %s", path, strerror(errno));
    size_t had = st.st_size > (off_t)sizeof(struct header)
                     ? ((size_t)st.st_size - sizeof(struct header)) / sizeof(struct ledger_slot)
                     : 0;
    if (had > SLOTS_MAX)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s is not an in-flight table; move it away", path);
    t->count = had > t->usable ? (uint32_t)had : t->usable;
    /* Blocks now rather than a SIGBUS later, when the disk is full. */
    int full = posix_fallocate(t->fd, 0, (off_t)mapped_bytes(t));
    return full == 0 ? BASE_OK
                     : base_error_set(reterr, BASE_ERR_IO, "%s: %s", path, strerror(full));
}

static enum base_err map(struct ledger_inflight *t, const char *path, struct base_error *reterr)
{
    enum base_err err = size_file(t, path, reterr);
    if (err)
        return err;
    void *bytes = mmap(NULL, mapped_bytes(t), PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
    if (bytes == MAP_FAILED)
        return base_error_set(reterr, BASE_ERR_IO, "%s: cannot be mapped: %s", path,
                              strerror(errno));
    static const struct header blank;
    t->header = bytes;
    t->slots = (struct ledger_slot *)(t->header + 1);
    if (memcmp(t->header, &blank, sizeof(blank)) == 0) {
        t->header->slot_bytes = sizeof(struct ledger_slot);
        memcpy(t->header->magic, magic, sizeof(magic));
    }
    if (memcmp(t->header->magic, magic, sizeof(magic)) != 0 ||
        t->header->slot_bytes != sizeof(struct ledger_slot))
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s was written by another version of Hearth; start that one once "
                              "more, or move the file away",
                              path);
    return BASE_OK;
}

/* A process that is killed leaves the mapping as it was; a machine that loses power leaves what
 * happened to be on the disk. */
static bool is_same_boot(const struct ledger_inflight *t)
{
    char now[sizeof(t->header->boot_id)];
    read_boot_id(now);
    return now[0] && memcmp(now, t->header->boot_id, sizeof(now)) == 0;
}

/* Text of a slot may be anything, if the file was, and a long name may be cut within a character.
 * What is not UTF-8 would read differently in its row and in the audit record about it. */
static void make_text(char *text, size_t size)
{
    text[size - 1] = '\0';
    if (slice_is_utf8(slice_from_str(text)))
        return;
    for (char *p = text; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
}

static void make_texts(struct ledger_slot *slot)
{
    make_text(slot->request_id, sizeof(slot->request_id));
    if (!slot->request_id[0]) /* rows are found by it */
        memcpy(slot->request_id, "?", 2);
    make_text(slot->step, sizeof(slot->step));
    make_text(slot->target, sizeof(slot->target));
}

enum base_err ledger_inflight_open(const char *path, uint32_t slots, bool sync,
                                   void (*on_left)(void *user, const struct ledger_slot *slot),
                                   void *user, struct ledger_inflight **ret_table,
                                   struct base_error *reterr)
{
    struct ledger_inflight *t = calloc(1, sizeof(*t));
    uint32_t *list = slots <= SLOTS_MAX ? calloc(slots, sizeof(*list)) : NULL;
    if (!t || !list) {
        free(t);
        free(list);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the in-flight table");
    }
    *t = (struct ledger_inflight){
        .usable = slots, .sync = sync, .fd = -1, .free_list = list, .next_generation = 1};
    pthread_mutex_init(&t->lock, NULL);
    enum base_err err = map(t, path, reterr);
    if (err) {
        ledger_inflight_close(t);
        return err;
    }
    bool trusted = is_same_boot(t);
    for (uint32_t i = 0; i < t->count; i++) {
        struct ledger_slot *slot = &t->slots[i];
        if (slot->state != LEDGER_SLOT_RECORDED && slot->state != LEDGER_SLOT_SENDING)
            continue;
        make_texts(slot);
        if (!trusted)
            slot->state = LEDGER_SLOT_SENDING;
        if (on_left)
            on_left(user, slot);
    }
    for (uint32_t i = slots; i-- > 0;)
        t->free_list[t->free_count++] = i;
    *ret_table = t;
    return BASE_OK;
}

void ledger_inflight_close(struct ledger_inflight *t)
{
    if (!t)
        return;
    if (t->header)
        (void)munmap(t->header, mapped_bytes(t));
    if (t->fd >= 0)
        (void)close(t->fd);
    pthread_mutex_destroy(&t->lock);
    free(t->free_list);
    free(t);
}

void ledger_inflight_clear(struct ledger_inflight *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->slots[i].state != LEDGER_SLOT_FREE)
            t->slots[i].state = LEDGER_SLOT_FREE;
    read_boot_id(t->header->boot_id);
    if (t->sync)
        (void)fsync(t->fd); /* a header lost on the way only makes leftovers less trusted */
}

static void copy_text(char *to, size_t size, struct slice from)
{
    (void)snprintf(to, size, "%.*s", SLICE_ARG(from));
}

static void fill(struct ledger_slot *slot, const struct ledger_attempt *a, uint64_t generation)
{
    slot->generation = generation;
    slot->start_wall_ns = a->start_wall_ns;
    slot->body_bytes = a->body_bytes;
    slot->number = a->number;
    slot->zone = (uint8_t)a->zone;
    slot->level = (uint8_t)a->level;
    slot->clearance = (uint8_t)a->clearance;
    slot->has_body = a->body_sha256 != NULL;
    if (a->body_sha256)
        memcpy(slot->body_sha256, a->body_sha256, sizeof(slot->body_sha256));
    slot->has_policy = a->policy_hash != NULL;
    if (a->policy_hash)
        memcpy(slot->policy_hash, a->policy_hash, sizeof(slot->policy_hash));
    copy_text(slot->request_id, sizeof(slot->request_id), a->request_id);
    copy_text(slot->step, sizeof(slot->step), a->step);
    copy_text(slot->target, sizeof(slot->target), a->target);
}

static enum base_err sync_slot(const struct ledger_slot *slot, struct base_error *reterr)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)slot & ~(page - 1);
    if (msync((void *)from, (uintptr_t)(slot + 1) - from, MS_SYNC) == 0)
        return BASE_OK;
    return base_error_set(reterr, BASE_ERR_IO, "the in-flight table cannot be synced: %s",
                          strerror(errno));
}

enum base_err ledger_inflight_begin(struct ledger_inflight *t, const struct ledger_attempt *attempt,
                                    struct ledger_ticket *ret_ticket, struct base_error *reterr)
{
    pthread_mutex_lock(&t->lock);
    bool is_full = t->free_count == 0;
    uint32_t index = is_full ? 0 : t->free_list[--t->free_count];
    uint64_t generation = t->next_generation++;
    pthread_mutex_unlock(&t->lock);
    if (is_full)
        return base_error_set(reterr, BASE_ERR_OVERLOADED,
                              "too many attempts are under way or wait for the ledger");
    struct ledger_slot *slot = &t->slots[index];
    struct ledger_ticket ticket = {index, generation};
    fill(slot, attempt, generation);
    __atomic_store_n(&slot->state, LEDGER_SLOT_RECORDED, __ATOMIC_RELEASE);
    enum base_err err = t->sync ? sync_slot(slot, reterr) : BASE_OK;
    if (err)
        ledger_inflight_free(t, ticket);
    else
        *ret_ticket = ticket;
    return err;
}

/* The ticket's slot, while it is under way. */
static struct ledger_slot *slot_of(struct ledger_inflight *t, struct ledger_ticket ticket)
{
    if (!ticket.generation || ticket.slot >= t->usable)
        return NULL;
    struct ledger_slot *slot = &t->slots[ticket.slot];
    bool is_mine = slot->generation == ticket.generation &&
                   __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != LEDGER_SLOT_FREE;
    return is_mine ? slot : NULL;
}

void ledger_inflight_sending(struct ledger_inflight *t, struct ledger_ticket ticket)
{
    struct ledger_slot *slot = slot_of(t, ticket);
    if (slot)
        __atomic_store_n(&slot->state, LEDGER_SLOT_SENDING, __ATOMIC_RELEASE);
}

void ledger_inflight_free(struct ledger_inflight *t, struct ledger_ticket ticket)
{
    if (!ticket.generation)
        return;
    pthread_mutex_lock(&t->lock);
    struct ledger_slot *slot = slot_of(t, ticket);
    if (slot) {
        __atomic_store_n(&slot->state, LEDGER_SLOT_FREE, __ATOMIC_RELEASE);
        t->free_list[t->free_count++] = ticket.slot;
    }
    pthread_mutex_unlock(&t->lock);
}

uint32_t ledger_inflight_used(const struct ledger_inflight *table)
{
    struct ledger_inflight *t = (struct ledger_inflight *)(uintptr_t)table;
    pthread_mutex_lock(&t->lock);
    uint32_t used = t->usable - t->free_count;
    pthread_mutex_unlock(&t->lock);
    return used;
}
