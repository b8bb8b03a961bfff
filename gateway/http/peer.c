#include "gateway/http/internal.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const struct ip_key *key)
{
    return memcmp(key->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool ip_parse(struct slice text, struct ip_key *ret_key)
{
    char copy[PEER_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    struct ip_key key;
    memcpy(key.bytes, v4_prefix, sizeof(v4_prefix));
    if (inet_pton(AF_INET, copy, key.bytes + sizeof(v4_prefix)) != 1 &&
        inet_pton(AF_INET6, copy, key.bytes) != 1)
        return false;
    *ret_key = key;
    return true;
}

void ip_format(const struct ip_key *key, char out[PEER_TEXT_MAX])
{
    out[0] = '\0';
    if (is_v4(key))
        (void)inet_ntop(AF_INET, key->bytes + sizeof(v4_prefix), out, PEER_TEXT_MAX);
    else
        (void)inet_ntop(AF_INET6, key->bytes, out, PEER_TEXT_MAX);
}

bool cidr_parse(struct slice text, struct cidr *ret_cidr)
{
    size_t slash = slice_find(text, SLICE("/"));
    struct cidr cidr;
    if (!ip_parse(slice_sub(text, 0, slash), &cidr.net))
        return false;
    int64_t max = is_v4(&cidr.net) ? 32 : 128, bits = max;
    if (slash != SIZE_MAX &&
        (!slice_to_i64(slice_sub(text, slash + 1, SIZE_MAX), &bits) || bits < 0 || bits > max))
        return false;
    cidr.bits = (unsigned)(bits + 128 - max);
    *ret_cidr = cidr;
    return true;
}

enum base_err http_check_range(struct slice range, struct base_error *reterr)
{
    struct cidr cidr;
    if (cidr_parse(range, &cidr))
        return BASE_OK;
    return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                          "%.*s is not an address or a network such as 10.0.0.0/8",
                          SLICE_ARG(range));
}

static bool in_net(const struct cidr *cidr, const struct ip_key *key)
{
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
    if (memcmp(cidr->net.bytes, key->bytes, whole) != 0)
        return false;
    return rest == 0 || (cidr->net.bytes[whole] ^ key->bytes[whole]) >> (8 - rest) == 0;
}

bool cidr_has(const struct cidr *cidrs, size_t count, const struct ip_key *key)
{
    for (size_t i = 0; i < count; i++)
        if (in_net(&cidrs[i], key))
            return true;
    return false;
}

/* ---- connections per address ---- */

enum { BUCKETS = 4096 };

struct entry {
    struct entry *next;
    struct ip_key key;
    unsigned count;
};

struct ip_table {
    pthread_mutex_t lock; /* taken once per connection opened and closed */
    uint64_t seed;
    struct entry *buckets[BUCKETS];
};

struct ip_table *ip_table_new(void)
{
    struct ip_table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    pthread_mutex_init(&table->lock, NULL);
    random_system()->fill(random_system()->self, &table->seed, sizeof(table->seed));
    return table;
}

void ip_table_free(struct ip_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (table->buckets[i]) {
            struct entry *next = table->buckets[i]->next;
            free(table->buckets[i]);
            table->buckets[i] = next;
        }
    }
    pthread_mutex_destroy(&table->lock);
    free(table);
}

/* One subscriber has at least a /64 of IPv6. */
static struct ip_key subscriber(const struct ip_key *key)
{
    struct ip_key ret = *key;
    if (!is_v4(key))
        memset(ret.bytes + 8, 0, 8);
    return ret;
}

static struct entry **find(struct ip_table *table, const struct ip_key *key)
{
    uint64_t halves[2], hash = table->seed;
    memcpy(halves, key->bytes, sizeof(halves));
    for (int i = 0; i < 2; i++) {
        hash = (hash ^ halves[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    struct entry **at = &table->buckets[hash % BUCKETS];
    while (*at && memcmp((*at)->key.bytes, key->bytes, sizeof(key->bytes)) != 0)
        at = &(*at)->next;
    return at;
}

bool ip_table_enter(struct ip_table *table, const struct ip_key *key, unsigned max)
{
    struct ip_key who = subscriber(key);
    pthread_mutex_lock(&table->lock);
    struct entry **at = find(table, &who);
    if (!*at) {
        *at = calloc(1, sizeof(**at));
        if (*at)
            (*at)->key = who;
    }
    bool enters = *at && (*at)->count < max;
    if (enters)
        (*at)->count++;
    pthread_mutex_unlock(&table->lock);
    return enters;
}

void ip_table_leave(struct ip_table *table, const struct ip_key *key)
{
    struct ip_key who = subscriber(key);
    pthread_mutex_lock(&table->lock);
    struct entry **at = find(table, &who), *entry = *at;
    if (entry && --entry->count == 0) {
        *at = entry->next;
        free(entry);
    }
    pthread_mutex_unlock(&table->lock);
}
