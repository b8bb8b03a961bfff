#include "base/core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_EACH_ALONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_EACH_ALONE 1
#endif
#endif
#ifndef ARENA_EACH_ALONE
#define ARENA_EACH_ALONE 0
#endif

enum { CHUNK_FIRST = 4096, CHUNK_LARGEST = 256 * 1024, ALIGN = alignof(max_align_t) };

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct chunk *chunks; /* the newest first; only it has room */
    size_t next_size;
    size_t used;
    size_t max;
};

struct arena *arena_new(size_t max_bytes)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        return NULL;
    arena->max = max_bytes;
    arena->next_size = CHUNK_FIRST;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    struct chunk *chunk = arena->chunks;
    while (chunk) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(arena);
}

static struct chunk *add_chunk(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct chunk))
        return NULL;
    struct chunk *chunk = malloc(sizeof(*chunk) + size);
    if (!chunk)
        return NULL;
    chunk->used = 0;
    chunk->size = size;
    if (arena->chunks && size > CHUNK_LARGEST) { /* the one with room stays in front */
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->max - arena->used)
        return NULL;
    size_t rounded = size == 0 ? ALIGN : size;
    if (ARENA_EACH_ALONE) {
        struct chunk *chunk = add_chunk(arena, rounded);
        if (!chunk)
            return NULL;
        chunk->used = rounded;
        arena->used += size;
        return chunk->bytes;
    }
    if (rounded > SIZE_MAX - ALIGN)
        return NULL;
    rounded = (rounded + ALIGN - 1) / ALIGN * ALIGN;
    struct chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < rounded) {
        size_t want = rounded > CHUNK_LARGEST ? rounded : arena->next_size;
        while (want < rounded)
            want *= 2;
        chunk = add_chunk(arena, want);
        if (!chunk)
            return NULL;
        if (arena->next_size < CHUNK_LARGEST)
            arena->next_size *= 2;
    }
    void *ret = chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->used += size;
    return ret;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *ret = arena_alloc(arena, total);
    if (ret)
        memset(ret, 0, total);
    return ret;
}

char *arena_strdup(struct arena *arena, struct slice s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *ret = arena_alloc(arena, s.len + 1);
    if (!ret)
        return NULL;
    if (s.len)
        memcpy(ret, s.ptr, s.len);
    ret[s.len] = '\0';
    return ret;
}

struct slice arena_dup(struct arena *arena, struct slice s)
{
    if (slice_is_absent(s))
        return SLICE_NONE;
    char *copy = arena_strdup(arena, s);
    return copy ? slice_of(copy, s.len) : SLICE_NONE;
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (!text)
        return SLICE_NONE;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return slice_of(text, (size_t)len);
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

bool arena_grow(struct arena *arena, void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 8;
    if (wanted < *capacity)
        return false;
    void *grown = arena_calloc(arena, wanted, size);
    if (!grown)
        return false;
    if (count)
        memcpy(grown, *items, count * size);
    *items = grown;
    *capacity = wanted;
    return true;
}
