#include "base/json/index.h"

#include "base/core/clock.h"

struct slot {
    uint64_t hash;
    const struct json_node *node; /* NULL = free */
};

struct json_index {
    uint64_t key[2];
    size_t mask; /* number of slots - 1; at least half of them are free */
    struct slot slots[];
};

static uint64_t rotl(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein), for which no collisions can be made without the key. */
static uint64_t sip_hash(const uint64_t key[2], struct slice s)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    uint64_t word;
    size_t i = 0;
    for (; s.len - i >= 8; i += 8) {
        memcpy(&word, s.ptr + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (s.len > i)
        memcpy(&word, s.ptr + i, s.len - i);
    word |= (uint64_t)s.len << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot that holds `key`, or the free one where it belongs. */
static size_t find(const struct json_index *index, uint64_t hash, struct slice key)
{
    size_t at = (size_t)hash & index->mask;
    while (index->slots[at].node &&
           !(index->slots[at].hash == hash && slice_eq(index->slots[at].node->key, key)))
        at = (at + 1) & index->mask;
    return at;
}

enum base_err json_index_new(const struct json_node *object, struct json_seed *seed,
                             struct arena *arena, const struct json_index **ret_index,
                             const struct json_node **ret_twin)
{
    if (!seed->ready) {
        const struct random_source *source = random_system();
        source->fill(source->self, seed->key, sizeof(seed->key));
        seed->ready = true;
    }
    size_t slots = 64;
    while (slots < (size_t)object->count * 2)
        slots *= 2;
    struct json_index *index =
        arena_calloc(arena, 1, sizeof(*index) + slots * sizeof(index->slots[0]));
    if (!index)
        return BASE_ERR_NO_MEMORY;
    index->key[0] = seed->key[0];
    index->key[1] = seed->key[1];
    index->mask = slots - 1;
    for (const struct json_node *m = object->first; m; m = m->next) {
        uint64_t hash = sip_hash(index->key, m->key);
        size_t at = find(index, hash, m->key);
        if (index->slots[at].node) {
            *ret_twin = m;
            return BASE_OK;
        }
        index->slots[at] = (struct slot){hash, m};
    }
    *ret_index = index;
    return BASE_OK;
}

const struct json_node *json_index_get(const struct json_index *index, struct slice key)
{
    return index->slots[find(index, sip_hash(index->key, key), key)].node;
}
