/*
 * A stream of an engine model: n generations on the engine's thread, their events on a loop.
 * Private to gateway/local.
 *
 *     err = local_stream_new(&options, &stream, &detail);
 *     err = local_stream_submit(stream, &request, &detail);      // on the loop
 *     ... options.sink.on_event(): STARTED, TEXT, REASONING, TOOL_CALL, FINISHED, USAGE, DONE
 *     local_stream_silence(stream);                              // cancelled or released
 *     local_stream_unref(stream);
 *
 * The markup of the model is taken out here: what it thinks becomes REASONING, its calls TOOL_CALL.
 * Shared by the loop and the engine's thread: counted; the last one frees it.
 */
#ifndef GATEWAY_LOCAL_STREAM_H
#define GATEWAY_LOCAL_STREAM_H

#include "base/chat/target.h"
#include "engine/template/markup.h"

#include <pthread.h>
#include <stdatomic.h>

struct parcel;

/* One of the n answers. */
struct lane {
    struct target_stream *stream;
    uint64_t id;
    int32_t choice;
    bool submitted;
    struct engine_usage usage; /* lock; last known */
    int64_t reasoning_tokens;  /* lock */

    /* The engine's thread. */
    struct engine_answer *answer;
    uint64_t engine_id;     /* as `id`, which the loop may not have yet */
    struct buffer logprobs; /* of tokens whose text is not out yet: entries, comma between */
    bool broken;            /* no memory for an event: nothing more but an error */
    bool ended;             /* the error is out */
};

struct target_stream {
    struct engine_scheduler *sched;
    struct slice name; /* of the target; borrowed from it */
    struct target_sink sink;
    atomic_int refs;
    pthread_mutex_t lock; /* guards head, tail, drain_posted and what lanes say */
    struct parcel *head, *tail;
    bool drain_posted;

    struct engine_adapter *adapter; /* borrowed from the target; NULL = none */
    enum engine_overflow overflow;
    struct target_call call; /* as start() had it; the request lives until release() */
    bool silent;             /* loop side: nothing is delivered any more */
    bool paused;
    bool started, failed;
    int32_t open_lanes;             /* loop side: not yet DONE */
    int32_t lane_count, per_prompt; /* lanes; those in a row that answer one prompt */
    struct lane lanes[];
};

struct local_stream_options {
    struct engine_scheduler *sched;
    struct slice name;
    const struct target_call *call;
    struct target_sink sink;
    int32_t prompts, choices; /* answers to each prompt */
    struct engine_adapter *adapter;
    enum engine_overflow overflow;
    struct engine_answer_options answer;
    bool plain; /* no markup is looked for: the text is not an answer in a chat */
};

/* With one reference, the loop's. */
enum base_err local_stream_new(const struct local_stream_options *options,
                               struct target_stream **ret_stream,
                               struct base_error *reterr) BASE_MUST_USE;
struct target_stream *local_stream_ref(struct target_stream *stream);
void local_stream_unref(struct target_stream *stream); /* NULL allowed */

/* One generation for each choice of [first, first + count). On failure some may run:
 * local_stream_silence() ends them. */
enum base_err local_stream_submit(struct target_stream *stream, struct engine_request *request,
                                  int32_t first, int32_t count,
                                  struct base_error *reterr) BASE_MUST_USE;

/* Ends it with this error, as if the engine had said so. On the loop. */
void local_stream_fail(struct target_stream *stream, const struct base_error *error);

void local_stream_silence(struct target_stream *stream);
void local_stream_pause(struct target_stream *stream, bool pause);
void local_stream_usage(struct target_stream *stream, struct chat_usage *ret);

#endif
