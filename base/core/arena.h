/*
 * Arenas: many small allocations that are freed in one call.
 *
 *     struct arena *arena = arena_new(64 * 1024 * 1024);
 *     char *copy = arena_strdup(arena, slice);
 *     arena_free(arena);
 *
 * One arena per exchange holds everything parsed from its request. Memory grows in chunks up to
 * `max_bytes`; past it, and when malloc fails, allocation returns NULL. Under AddressSanitizer
 * every allocation is a chunk of its own, so that an overrun is seen.
 * Threads: an arena is used by one thread at a time.
 */
#ifndef BASE_CORE_ARENA_H
#define BASE_CORE_ARENA_H

#include "base/core/error.h"
#include "base/core/slice.h"

struct arena;

/* NULL only when out of memory. `max_bytes` bounds the sum of all allocations. */
struct arena *arena_new(size_t max_bytes);
void arena_free(struct arena *arena); /* NULL allowed */

/* Uninitialised bytes aligned for any type, or NULL. size 0 gives a unique pointer. */
void *arena_alloc(struct arena *arena, size_t size) BASE_MUST_USE;
/* Zeroed array; NULL also when count * size overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size) BASE_MUST_USE;
/* NUL-terminated copy, or NULL. */
char *arena_strdup(struct arena *arena, struct slice s) BASE_MUST_USE;
/* Copy; .ptr is NULL when out of memory or when `s` is absent. */
struct slice arena_dup(struct arena *arena, struct slice s) BASE_MUST_USE;
/* printf into the arena; .ptr is NULL when out of memory. The text is NUL-terminated as well. */
struct slice arena_printf(struct arena *arena, const char *format, ...) BASE_PRINTF(2, 3);

/* Sum of the sizes asked for so far. */
size_t arena_used(const struct arena *arena);

/* One growing array in an arena: makes room for one more element of `size` bytes, doubling the
 * capacity (old copies stay until the arena goes). False when out of memory. */
bool arena_grow(struct arena *arena, void **items, size_t count, size_t *capacity, size_t size);

#endif
