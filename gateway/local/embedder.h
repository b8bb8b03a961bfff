/*
 * Vectors of texts from an encoder, computed on a thread of its own: one text after the other, in
 * turns between requests, so that a long list does not keep others waiting. Private to
 * gateway/local.
 *
 *     err = local_embedder_new(model, &options, &embedder, &detail);
 *     err = local_embedder_start(embedder, name, call, sink, &stream, &detail);   // on a loop
 *     ... sink.on_event(): STARTED, a TEXT for each input, FINISHED, USAGE, DONE; or ERROR
 *     local_embedding_release(stream);
 *     local_embedder_free(embedder);                        // after all streams were released
 *
 * The text of a TEXT event is the vector as JSON, of length 1: an array of numbers, or base64 of
 * its little-endian floats; `choice` is the input's number. `dimensions` keeps the first numbers,
 * which are then scaled to length 1 again. Errors: BAD_VALUE (more dimensions than there are, a
 * token out of range), CONTEXT_LENGTH, OVERLOADED.
 */
#ifndef GATEWAY_LOCAL_EMBEDDER_H
#define GATEWAY_LOCAL_EMBEDDER_H

#include "base/chat/target.h"
#include "engine/engine.h"
#include "gateway/local/local.h"

enum { LOCAL_EMBED_CONTEXT_MAX = 8192 };

struct local_embedder;

struct local_embedder_options {
    uint32_t context; /* tokens of one text */
    uint32_t threads; /* 0 = cores - 1, at least 1 */
    uint32_t queue_max;
};

/* Holds a reference to the model. The thread is made with the first request. */
enum base_err local_embedder_new(struct engine_model *model,
                                 const struct local_embedder_options *options,
                                 struct local_embedder **ret_embedder,
                                 struct base_error *reterr) BASE_MUST_USE;
void local_embedder_free(struct local_embedder *embedder); /* NULL allowed */

/* The inputs are copied. */
enum base_err local_embedder_start(struct local_embedder *embedder, const struct target_call *call,
                                   struct target_sink sink, struct target_stream **ret_stream,
                                   struct base_error *reterr) BASE_MUST_USE;

/* As the operations of a target. */
void local_embedding_pause(struct target_stream *stream);
void local_embedding_resume(struct target_stream *stream);
void local_embedding_cancel(struct target_stream *stream);
void local_embedding_usage(const struct target_stream *stream, struct chat_usage *ret);
void local_embedding_release(struct target_stream *stream);

/* running, waiting, queue_max, first_token_ms. */
void local_embedder_facts(struct local_embedder *embedder, int64_t prompt_tokens,
                          struct local_facts *ret);

#endif
