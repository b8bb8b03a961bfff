/* The label memory; see policy.h. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "policy/canonical.h"
#include "policy/inspection.h"

#define SHARDS 16
#define BUCKET 8 /* entries that a digest may be in */
#define MIN_ENTRIES 1024
#define MAX_ENTRIES ((size_t)1 << 28)
#define RECORD_VERSION 1

struct entry {
    uint8_t digest[16];
    int64_t seen_ns;
    uint8_t level; /* 0 = empty: PUBLIC is never stored */
    uint8_t unused[5];
    uint16_t tenant; /* a tag: who shares a bucket with whom */
};
static_assert(sizeof(struct entry) == 32, "documented");

struct shard {
    pthread_mutex_t lock;
    struct entry *entries;
    size_t used;
    uint64_t lookups, hits, evicted;
};

struct policy_memory {
    struct policy_memory_config config;
    struct shard shards[SHARDS];
    size_t shard_entries; /* a power of two */
};

enum base_err policy_memory_new(const struct policy_memory_config *config,
                                struct policy_memory **ret_memory, struct base_error *reterr)
{
    if (config->ttl_ns <= 0 || config->max_entries > MAX_ENTRIES)
        return base_error_set(
            reterr, BASE_ERR_BAD_CONFIG,
            "the label memory needs a time to live above 0 and at most %zu entries", MAX_ENTRIES);
    size_t entries = MIN_ENTRIES;
    while (entries < config->max_entries)
        entries *= 2;
    struct policy_memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for the label memory");
    memory->config = *config;
    memory->shard_entries = entries / SHARDS;
    bool failed = false;
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_init(&memory->shards[i].lock, NULL);
        memory->shards[i].entries = calloc(memory->shard_entries, sizeof(struct entry));
        failed |= !memory->shards[i].entries;
    }
    if (failed) {
        policy_memory_free(memory);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY,
                              "out of memory for a label memory of %zu entries", entries);
    }
    *ret_memory = memory;
    return BASE_OK;
}

void policy_memory_free(struct policy_memory *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        free(memory->shards[i].entries);
        (void)pthread_mutex_destroy(&memory->shards[i].lock);
    }
    crypto_cleanse(memory->config.key, sizeof(memory->config.key));
    free(memory);
}

static struct shard *shard_of(struct policy_memory *memory, const uint8_t *digest)
{
    return &memory->shards[digest[0] % SHARDS];
}

static struct entry *bucket_of(const struct policy_memory *memory, const struct shard *shard,
                               const uint8_t *digest)
{
    uint64_t place;
    memcpy(&place, digest + 1, sizeof(place));
    return &shard->entries[place % (memory->shard_entries / BUCKET) * BUCKET];
}

static bool is_live(const struct policy_memory *memory, const struct entry *entry, int64_t now_ns)
{
    return entry->level != 0 && entry->seen_ns > now_ns - memory->config.ttl_ns;
}

static struct entry *find(struct entry *bucket, const uint8_t *digest)
{
    for (size_t i = 0; i < BUCKET; i++) {
        if (bucket[i].level != 0 && memcmp(bucket[i].digest, digest, sizeof(bucket[i].digest)) == 0)
            return &bucket[i];
    }
    return NULL;
}

/* Entries of a bucket that are of one tenant, the one that is to come among them. */
static size_t share_of(const struct entry *bucket, uint16_t tenant, uint16_t comes)
{
    size_t count = tenant == comes;
    for (size_t i = 0; i < BUCKET; i++)
        count += bucket[i].tenant == tenant;
    return count;
}

/* An empty or dead entry; else, of those of the tenant that has the most of them, the one of the
 * lowest level, and of these the oldest. So nobody makes the labels of others be forgotten by
 * sending very many messages. */
static struct entry *place_for(const struct policy_memory *memory, struct entry *bucket,
                               uint16_t tenant, int64_t now_ns)
{
    struct entry *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < BUCKET; i++) {
        if (!is_live(memory, &bucket[i], now_ns))
            return &bucket[i];
        size_t share = share_of(bucket, bucket[i].tenant, tenant);
        most = share > most ? share : most;
    }
    for (size_t i = 0; i < BUCKET; i++) {
        if (share_of(bucket, bucket[i].tenant, tenant) == most &&
            (!best || bucket[i].level < best->level ||
             (bucket[i].level == best->level && bucket[i].seen_ns < best->seen_ns)))
            best = &bucket[i];
    }
    return best;
}

static enum policy_level recall(struct policy_memory *memory, const uint8_t *digest, int64_t now_ns)
{
    struct shard *shard = shard_of(memory, digest);
    enum policy_level level = POLICY_LEVEL_PUBLIC;
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(bucket_of(memory, shard, digest), digest);
    shard->lookups++;
    if (entry && is_live(memory, entry, now_ns)) {
        level = (enum policy_level)entry->level;
        shard->hits++;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    return level;
}

/* Enters or raises. True when the change must be written down. */
static bool enter(struct policy_memory *memory, const uint8_t *digest, uint16_t tenant,
                  enum policy_level *level, int64_t now_ns)
{
    struct shard *shard = shard_of(memory, digest);
    bool changed = true;
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *bucket = bucket_of(memory, shard, digest);
    struct entry *entry = find(bucket, digest);
    if (entry && is_live(memory, entry, now_ns)) {
        changed = *level > (enum policy_level)entry->level ||
                  now_ns - entry->seen_ns > memory->config.ttl_ns / 16;
        *level = policy_level_join(*level, (enum policy_level)entry->level);
    } else if (!entry) {
        entry = place_for(memory, bucket, tenant, now_ns);
        shard->evicted += is_live(memory, entry, now_ns);
        shard->used += entry->level == 0;
    }
    if (changed) {
        memcpy(entry->digest, digest, sizeof(entry->digest));
        entry->level = (uint8_t)*level;
        entry->tenant = tenant;
        if (now_ns > entry->seen_ns || !is_live(memory, entry, now_ns))
            entry->seen_ns = now_ns;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    return changed;
}

/* --- Records: digest, time, level, version, tenant's tag, check sum; 32 bytes --- */

static uint32_t checksum(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 2166136261u; /* FNV-1a: finds torn writes; nobody is kept out by it */
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

static void write_record(uint8_t *record, const uint8_t *digest, uint16_t tenant, int64_t seen_ns,
                         enum policy_level level)
{
    memset(record, 0, POLICY_MEMORY_RECORD_BYTES);
    memcpy(record, digest, 16);
    for (int i = 0; i < 8; i++)
        record[16 + i] = (uint8_t)((uint64_t)seen_ns >> (8 * i));
    record[24] = (uint8_t)level;
    record[25] = RECORD_VERSION;
    record[26] = (uint8_t)tenant;
    record[27] = (uint8_t)(tenant >> 8);
    uint32_t sum = checksum(record, 28);
    for (int i = 0; i < 4; i++)
        record[28 + i] = (uint8_t)(sum >> (8 * i));
}

static bool read_record(const uint8_t *record, int64_t *ret_seen_ns, enum policy_level *ret_level)
{
    uint64_t seen = 0;
    uint32_t sum = 0;
    for (int i = 0; i < 8; i++)
        seen |= (uint64_t)record[16 + i] << (8 * i);
    for (int i = 0; i < 4; i++)
        sum |= (uint32_t)record[28 + i] << (8 * i);
    if (sum != checksum(record, 28) || record[25] != RECORD_VERSION || record[24] == 0 ||
        record[24] >= POLICY_LEVEL_COUNT || seen > INT64_MAX)
        return false;
    *ret_seen_ns = (int64_t)seen;
    *ret_level = (enum policy_level)record[24];
    return true;
}

/* It could not be written down: it is to be when it comes again, though it is known by then. */
static void note_unwritten(struct policy_memory *memory, const uint8_t *digest, int64_t now_ns)
{
    struct shard *shard = shard_of(memory, digest);
    int64_t due_ns = now_ns - memory->config.ttl_ns / 16 - 1;
    (void)pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(bucket_of(memory, shard, digest), digest);
    if (entry && entry->seen_ns > due_ns)
        entry->seen_ns = due_ns;
    (void)pthread_mutex_unlock(&shard->lock);
}

/* Who writes the names of tenants is trusted; two with one tag only share what they may take. */
static uint16_t tag_of(struct slice tenant)
{
    uint32_t sum = checksum((const uint8_t *)tenant.ptr, tenant.len);
    return (uint16_t)(sum ^ sum >> 16);
}

static enum base_err enter_and_write(struct policy_memory *memory, const uint8_t *digest,
                                     struct slice tenant, enum policy_level level, int64_t now_ns)
{
    uint8_t record[POLICY_MEMORY_RECORD_BYTES];
    uint16_t tag = tag_of(tenant);
    if (!enter(memory, digest, tag, &level, now_ns) || !memory->config.append)
        return BASE_OK;
    write_record(record, digest, tag, now_ns, level);
    enum base_err err = memory->config.append(memory->config.user, record);
    if (err)
        note_unwritten(memory, digest, now_ns);
    return err;
}

/* --- Conversations --- */

struct policy_digests {
    struct slice tenant;
    size_t count;
    uint8_t last[32]; /* of the last message that has one: what an answer follows */
    struct {
        uint8_t digest[32];
        bool is_set; /* an empty message has none */
    } messages[];
};

struct policy_digests *policy_memory_digests(const struct policy_memory *memory,
                                             struct slice tenant,
                                             const struct chat_request *request,
                                             struct arena *arena)
{
    size_t count = request->message_count;
    struct policy_digests *digests = NULL;
    if (memory && count < (size_t)1 << 32)
        digests = arena_alloc(arena, sizeof(*digests) + (count + 1) * sizeof(digests->messages[0]));
    if (!digests)
        return NULL;
    *digests = (struct policy_digests){.tenant = tenant, .count = count};
    struct canonical chain;
    canonical_init(&chain, memory->config.key, tenant);
    bool is_whole = true;
    for (size_t i = 0; i < count && is_whole; i++) {
        is_whole = canonical_message(&chain, &request->messages[i]);
        digests->messages[i].is_set = chain.has_digest;
        memcpy(digests->messages[i].digest, chain.digest, sizeof(chain.digest));
    }
    memcpy(digests->last, chain.digest, sizeof(digests->last));
    canonical_done(&chain);
    return is_whole ? digests : NULL;
}

enum policy_level policy_memory_lookup(struct policy_memory *memory,
                                       const struct policy_digests *digests, int64_t now_ns)
{
    enum policy_level level = POLICY_LEVEL_PUBLIC;
    if (memory && !digests)
        return POLICY_LEVEL_RESTRICTED; /* not known is not clean */
    for (size_t i = 0; memory && i < digests->count; i++) {
        if (digests->messages[i].is_set)
            level = policy_level_join(level, recall(memory, digests->messages[i].digest, now_ns));
    }
    return level;
}

static bool is_instruction(enum chat_role role)
{
    return role == CHAT_ROLE_SYSTEM || role == CHAT_ROLE_DEVELOPER;
}

enum base_err policy_memory_remember(struct policy_memory *memory,
                                     const struct policy_digests *digests,
                                     const struct policy_inspection *inspection, int64_t now_ns)
{
    if (!memory)
        return BASE_OK;
    const struct chat_request *request = inspection->request;
    if (!digests)
        return BASE_ERR_NO_MEMORY;
    if (digests->count != request->message_count)
        return BASE_ERR_INTERNAL;
    enum policy_level carried = POLICY_LEVEL_PUBLIC;
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < request->message_count && !err; i++) {
        enum policy_level level = inspection->message_levels[i];
        const uint8_t *digest = digests->messages[i].is_set ? digests->messages[i].digest : NULL;
        if (digest)
            level = policy_level_join(level, recall(memory, digest, now_ns));
        carried = policy_level_join(carried, level);
        if (!is_instruction(request->messages[i].role))
            level = policy_level_join(carried, inspection->floor);
        if (digest && level > inspection->policy->default_level)
            err = enter_and_write(memory, digest, digests->tenant, level, now_ns);
    }
    return err;
}

enum base_err policy_memory_remember_answer(struct policy_memory *memory,
                                            const struct policy_digests *digests,
                                            const struct policy_inspection *inspection,
                                            struct slice text, struct slice tool_arguments,
                                            int64_t now_ns)
{
    enum policy_level level = policy_inspection_level(inspection);
    if (!memory || level <= inspection->policy->default_level)
        return BASE_OK;
    if (!digests)
        return BASE_ERR_NO_MEMORY;
    enum base_err err = BASE_OK;
    struct canonical chain;
    canonical_init(&chain, memory->config.key, digests->tenant);
    memcpy(chain.digest, digests->last, sizeof(chain.digest));
    if (!canonical_answer(&chain, text, tool_arguments))
        err = BASE_ERR_NO_MEMORY;
    if (!err && chain.has_digest)
        err = enter_and_write(memory, chain.digest, digests->tenant, level, now_ns);
    canonical_done(&chain);
    return err;
}

/* --- Over restarts --- */

enum base_err policy_memory_load(struct policy_memory *memory, struct slice records, int64_t now_ns,
                                 size_t *ret_skipped)
{
    size_t skipped = records.len % POLICY_MEMORY_RECORD_BYTES ? 1 : 0;
    for (size_t at = 0; at + POLICY_MEMORY_RECORD_BYTES <= records.len;
         at += POLICY_MEMORY_RECORD_BYTES) {
        const uint8_t *record = (const uint8_t *)records.ptr + at;
        int64_t seen_ns;
        enum policy_level level;
        if (!read_record(record, &seen_ns, &level)) {
            skipped++;
            continue;
        }
        if (seen_ns > now_ns) /* the clock was wrong then: not for ever, either */
            seen_ns = now_ns;
        if (seen_ns > now_ns - memory->config.ttl_ns)
            (void)enter(memory, record, (uint16_t)(record[26] | record[27] << 8), &level, seen_ns);
    }
    if (ret_skipped)
        *ret_skipped = skipped;
    return BASE_OK;
}

enum base_err policy_memory_save(struct policy_memory *memory, int64_t now_ns,
                                 enum base_err (*append)(void *user, const uint8_t *record),
                                 void *user)
{
    enum base_err err = BASE_OK;
    for (size_t s = 0; s < SHARDS && !err; s++) {
        struct shard *shard = &memory->shards[s];
        for (size_t i = 0; i < memory->shard_entries && !err; i++) {
            (void)pthread_mutex_lock(&shard->lock);
            struct entry entry = shard->entries[i];
            (void)pthread_mutex_unlock(&shard->lock);
            uint8_t record[POLICY_MEMORY_RECORD_BYTES];
            if (!is_live(memory, &entry, now_ns))
                continue;
            write_record(record, entry.digest, entry.tenant, entry.seen_ns,
                         (enum policy_level)entry.level);
            err = append(user, record);
        }
    }
    return err;
}

void policy_memory_stats(struct policy_memory *memory, struct policy_memory_stats *ret_stats)
{
    *ret_stats = (struct policy_memory_stats){.capacity = memory->shard_entries * SHARDS};
    for (size_t s = 0; s < SHARDS; s++) {
        struct shard *shard = &memory->shards[s];
        (void)pthread_mutex_lock(&shard->lock);
        ret_stats->entries += shard->used;
        ret_stats->lookups += shard->lookups;
        ret_stats->hits += shard->hits;
        ret_stats->evicted += shard->evicted;
        (void)pthread_mutex_unlock(&shard->lock);
    }
}
