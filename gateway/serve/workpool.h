/*
 * Work threads, for what would hold up a loop: parsing and scanning of large bodies, compiling.
 *
 *     pool = workpool_new(2);
 *     workpool_submit(pool, do_scan, job);   // do_scan(job) runs on a work thread; it posts back
 * itself workpool_free(pool);                   // runs what is queued, then ends
 *
 * Threads: submit from any.
 */
#ifndef GATEWAY_SERVE_WORKPOOL_H
#define GATEWAY_SERVE_WORKPOOL_H

#include <stdbool.h>

struct workpool;

struct workpool *workpool_new(unsigned threads); /* NULL when out of memory */
void workpool_free(struct workpool *pool);       /* NULL allowed */
/* False when the queue is full (1024) or memory is out: run it yourself or refuse. */
bool workpool_submit(struct workpool *pool, void (*fn)(void *user), void *user);

#endif
