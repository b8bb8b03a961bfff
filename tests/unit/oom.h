/*
 * Out of memory, on purpose: runs a piece of code again and again, and lets the first, the second,
 * the third... allocation fail, until a run ends in which none did.
 *
 *     static enum base_err body(void *user)
 *     {
 *         struct arena *arena = arena_new(1 << 20);
 *         if (!arena)
 *             return BASE_ERR_NO_MEMORY;
 *         enum base_err err = json_parse(..., arena, &root, NULL);
 *         arena_free(arena);
 *         return err;
 *     }
 *     assert_true(oom_each(body, NULL) > 10);
 *
 * Each run must return NO_MEMORY, or OK where the code can do without; must free all that it
 * allocated; and, of course, must not crash. Twice for each N: once only the Nth fails, once all
 * from the Nth on do. Where AddressSanitizer or ThreadSanitizer own the allocator, only calls of
 * our own objects are counted; otherwise those of shared libraries too.
 * Only allocations of the calling thread fail; a body allocates equally often however fast it runs.
 */
#ifndef TESTS_UNIT_OOM_H
#define TESTS_UNIT_OOM_H

#include "base/core/error.h"

/* Returns the number of allocations of a run without failures. Fails the cmocka test. */
size_t oom_each(enum base_err (*body)(void *user), void *user);

/* The same where another thread frees some of what this one has allocated (rows for the ledger's
 * writer): what is left is then for AddressSanitizer to find. */
size_t oom_each_beside_threads(enum base_err (*body)(void *user), void *user);

#endif
