/* Tables to look tokens and merges up in. */
#include "engine/tokenizer/tokenizer.h"

#include <stdlib.h>

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    return h;
}

static uint64_t hash_bytes(struct slice s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
    return mix(h);
}

uint32_t engine_hash_pair(uint32_t left, uint32_t right)
{
    return (uint32_t)mix(((uint64_t)left << 32 | right) + 0x9e3779b97f4a7c15u);
}

bool engine_hash_new(struct engine_hash *hash, size_t entries)
{
    uint64_t slots = 16;
    while (slots < (uint64_t)entries * 2)
        slots *= 2;
    if (slots > UINT32_MAX)
        return false;
    hash->slots = calloc(slots, sizeof(uint32_t));
    hash->mask = (uint32_t)(slots - 1);
    return hash->slots != NULL;
}

uint32_t engine_hash_slot(const struct engine_hash *hash, const struct slice *items,
                          struct slice bytes)
{
    uint32_t at = (uint32_t)hash_bytes(bytes) & hash->mask;
    while (hash->slots[at] != 0 && !slice_eq(items[hash->slots[at] - 1], bytes))
        at = (at + 1) & hash->mask;
    return at;
}
