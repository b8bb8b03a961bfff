/*
 * Events: what comes back from a target while it answers, whatever its dialect.
 *
 * Order: STARTED, then TEXT / REASONING / TOOL_CALL / REFUSAL deltas in any mix, at most one
 * FINISHED per choice, USAGE (at the end, or more than once when a provider repeats it: the later
 * replaces the earlier field by field), then exactly one of DONE or ERROR. A stream that ends
 * without FINISHED is an ERROR (UPSTREAM_TRUNCATED), never a DONE.
 *
 * All slices are borrowed for the duration of the callback only.
 */
#ifndef BASE_CHAT_EVENT_H
#define BASE_CHAT_EVENT_H

#include "base/core/error.h"
#include "base/core/slice.h"

enum chat_event_type {
    CHAT_EVENT_STARTED,   /* the target has accepted the request; no content yet */
    CHAT_EVENT_TEXT,      /* content: `text`; of embeddings a whole vector, as ready JSON */
    CHAT_EVENT_REASONING, /* content: `text`, or `signature` */
    CHAT_EVENT_REFUSAL,   /* content: `text` */
    CHAT_EVENT_TOOL_CALL, /* content: `tool` */
    CHAT_EVENT_FINISHED,  /* `choice`, `finish` */
    CHAT_EVENT_USAGE,     /* `usage` */
    CHAT_EVENT_DONE,
    CHAT_EVENT_ERROR, /* `error` */
    CHAT_EVENT_TYPE_COUNT
};

/* True for the events after which no other target may be tried. */
static inline bool chat_event_is_content(enum chat_event_type type)
{
    return type >= CHAT_EVENT_TEXT && type <= CHAT_EVENT_TOOL_CALL;
}

enum chat_finish {
    CHAT_FINISH_STOP,
    CHAT_FINISH_LENGTH,
    CHAT_FINISH_TOOL_CALLS,
    CHAT_FINISH_CONTENT_FILTER,
    CHAT_FINISH_COUNT
};
const char *chat_finish_name(enum chat_finish finish); /* OpenAI's words */

/* Tokens in disjoint buckets, so that each can be priced once. -1 = unknown, which is not 0. */
struct chat_usage {
    int64_t input; /* read at full price: neither cached nor written to a cache */
    int64_t cache_read;
    int64_t cache_write_5m;
    int64_t cache_write_1h;
    int64_t input_audio;
    int64_t input_image;
    int64_t output;    /* visible text and tool calls */
    int64_t reasoning; /* thought, not shown */
    int64_t output_audio;
    int64_t rejected;          /* rejected prediction tokens: billed, not shown */
    int64_t reported_nano_usd; /* the provider's own figure, or -1 */
};
#define CHAT_USAGE_UNKNOWN ((struct chat_usage){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1})

/* Sums over the buckets; unknown ones count 0; -1 when all are unknown. */
int64_t chat_usage_input_total(const struct chat_usage *usage);
int64_t chat_usage_output_total(const struct chat_usage *usage);
/* Takes over every field that `later` knows. */
void chat_usage_merge(struct chat_usage *usage, const struct chat_usage *later);

/* The array in an event's `logprobs`, with its brackets; absent when there is none. */
struct slice chat_event_logprobs_list(struct slice logprobs);

struct chat_event {
    enum chat_event_type type;
    int32_t choice; /* 0 .. n-1 */
    struct slice text;
    struct slice signature;
    struct {
        int32_t index;          /* counts tool calls only, per choice */
        struct slice id, name;  /* in the first delta of a call; absent later */
        struct slice arguments; /* next piece of the JSON text; may be empty */
    } tool;
    struct slice logprobs; /* TEXT: {"content":[...],"refusal":null}, just so, or absent */
    enum chat_finish finish;
    struct chat_usage usage;
    struct slice served_model;      /* STARTED: the name the target gives its model, or absent */
    struct slice warning;           /* STARTED: what of the request was left out, or absent */
    const struct base_error *error; /* ERROR; borrowed */
    int64_t retry_after_ms;         /* ERROR: how long the target asks us to wait; -1 = not said */
};

#endif
