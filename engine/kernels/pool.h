/*
 * Compute threads, seen from inside the engine.
 *
 *     engine_pool_run(pool, work, job, chunks);
 *
 * The caller takes part and returns when every chunk is done. Each thread takes chunks one by one
 * from a run of its own, in order, and when that is empty from the others': a thread that lost its
 * core costs at most the chunk it holds, and one that sleeps costs nothing: nobody waits for
 * threads, only for chunks. Waiting threads spin for some tens of microseconds and then sleep. One
 * caller at a time; a second one waits.
 */
#ifndef ENGINE_KERNELS_POOL_H
#define ENGINE_KERNELS_POOL_H

#include "engine/engine.h"

/* `thread` is below engine_pool_threads(): an index for scratch memory. */
typedef void (*engine_pool_fn)(void *job, size_t chunk, uint32_t thread);
void engine_pool_run(struct engine_pool *pool, engine_pool_fn work, void *job, size_t chunks);

#endif
