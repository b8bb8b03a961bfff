/*
 * Sealed memory: a copy of bytes that nobody in this process can write to any more.
 *
 *     struct slice copy = sealed_new(bytes);
 *     if (slice_is_absent(copy)) ... no memory ...
 *     ... hash it once: what was hashed is what will be read ...
 *     sealed_free(copy);
 *
 * Pages of its own, read-only, so it is for large pieces. A write is a fault. Any thread.
 */
#ifndef BASE_CORE_SEALED_H
#define BASE_CORE_SEALED_H

#include "base/core/slice.h"

/* Absent when there is no memory, or no bytes. */
struct slice sealed_new(struct slice bytes);
void sealed_free(struct slice sealed); /* absent allowed */

#endif
