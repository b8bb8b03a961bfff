/*
 * From a request to generations: converted, its prompts rendered and tokenized, submitted. Private
 * to gateway/local.
 *
 *     err = local_submit(stream, grammar, guard, &detail);       // on the stream's loop
 *
 * A long prompt takes longer than a loop may compute, so it is read on a work thread (target_call
 * .work), from a copy, because the request may end before it has been read; the loop goes on when
 * it has. What fails then ends the stream. However many answers there are, a prompt is read once.
 *
 * The guard counts what is being read, so that a scheduler is not taken away meanwhile.
 */
#ifndef GATEWAY_LOCAL_SUBMISSION_H
#define GATEWAY_LOCAL_SUBMISSION_H

#include "gateway/local/stream.h"

struct local_guard;
struct local_guard *local_guard_new(void);        /* NULL: no memory */
void local_guard_wait(struct local_guard *guard); /* until nothing is being read */
void local_guard_free(struct local_guard *guard); /* NULL allowed; waits too */

/* The grammar (NULL = none) is referenced. Errors: as local_convert() and
 * engine_scheduler_submit(). */
enum base_err local_submit(struct target_stream *stream, struct engine_grammar *grammar,
                           struct local_guard *guard, struct base_error *reterr) BASE_MUST_USE;

#endif
