#include "gateway/dispatch/sessions.h"

#include <pthread.h>
#include <stdlib.h>

enum { BUCKETS = 4096, WAYS = 4, SHARDS = 16, TEXT_BYTES = 4096 };
static const int64_t forget_after_ns = (int64_t)30 * 60 * 1000000000;

struct entry {
    uint64_t key; /* 0 = empty */
    int64_t seen_ns;
    int64_t prompt_tokens;
    char target[SESSIONS_NAME_MAX];
};

struct sessions {
    uint64_t seed;
    pthread_mutex_t locks[SHARDS];
    struct entry entries[BUCKETS][WAYS];
};

struct sessions *sessions_new(uint64_t seed)
{
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    if (!sessions)
        return NULL;
    sessions->seed = seed;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&sessions->locks[i], NULL);
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&sessions->locks[i]);
    free(sessions);
}

static uint64_t mix(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (uint8_t)s.ptr[i]) * 1099511628211u;
    return (h ^ s.len) * 0x9e3779b97f4a7c15u;
}

uint64_t sessions_key(const struct sessions *sessions, struct slice tenant, struct slice header,
                      const struct chat_request *request)
{
    uint64_t h = mix(sessions->seed ^ 14695981039346656037u, tenant);
    if (!slice_is_absent(header))
        return mix(h, header) | 1;
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *msg = &request->messages[i];
        h = (h ^ (uint64_t)msg->role) * 1099511628211u;
        for (size_t k = 0; k < msg->part_count; k++) /* the beginning and the length will do */
            h = mix(h ^ msg->parts[k].text.len, slice_sub(msg->parts[k].text, 0, TEXT_BYTES));
        if (msg->role == CHAT_ROLE_USER)
            break;
    }
    return (h ^ h >> 31) | 1;
}

bool sessions_find(struct sessions *sessions, uint64_t key, int64_t now_ns,
                   char ret_target[SESSIONS_NAME_MAX], int64_t *ret_prompt_tokens)
{
    size_t bucket = (key >> 8) % BUCKETS;
    bool found = false;
    pthread_mutex_lock(&sessions->locks[bucket % SHARDS]);
    for (int i = 0; i < WAYS && !found; i++) {
        const struct entry *e = &sessions->entries[bucket][i];
        if (e->key != key || now_ns - e->seen_ns > forget_after_ns)
            continue;
        memcpy(ret_target, e->target, SESSIONS_NAME_MAX);
        *ret_prompt_tokens = e->prompt_tokens;
        found = true;
    }
    pthread_mutex_unlock(&sessions->locks[bucket % SHARDS]);
    return found;
}

void sessions_keep(struct sessions *sessions, uint64_t key, struct slice target,
                   int64_t prompt_tokens, int64_t now_ns)
{
    if (target.len == 0 || target.len >= SESSIONS_NAME_MAX)
        return;
    size_t bucket = (key >> 8) % BUCKETS;
    pthread_mutex_lock(&sessions->locks[bucket % SHARDS]);
    struct entry *oldest = &sessions->entries[bucket][0];
    for (int i = 0; i < WAYS; i++) {
        struct entry *e = &sessions->entries[bucket][i];
        if (e->key == key) {
            oldest = e;
            break;
        }
        if (e->seen_ns < oldest->seen_ns)
            oldest = e;
    }
    oldest->key = key;
    oldest->seen_ns = now_ns;
    oldest->prompt_tokens = prompt_tokens;
    memcpy(oldest->target, target.ptr, target.len);
    oldest->target[target.len] = '\0';
    pthread_mutex_unlock(&sessions->locks[bucket % SHARDS]);
}
