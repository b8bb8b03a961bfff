/*
 * Readers: the bytes of an answer become events. No I/O, no clock, no network: what libFuzzer and
 * the scenario tests drive is what runs.
 *
 *     struct openai_reader *reader;
 *     err = openai_reader_new(&setup, &reader);
 *     ... for each piece of the body of a 200:
 *     err = openai_reader_feed(reader, bytes, &detail);    // OK: whole; AGAIN: more; else: broken
 *     ... at its end:
 *     err = openai_reader_end(reader, &detail);            // OK or an error
 *     openai_reader_free(reader);
 *
 * Emitted: STARTED once, then content, FINISHED and USAGE; DONE and ERROR are for the caller, who
 * has them as results. However the bytes are split, the events are the same.
 *
 * An answer is whole when every choice that began has finished. Without that, its end is
 * UPSTREAM_TRUNCATED, whatever the framing says.
 */
#ifndef UPSTREAMS_READER_H
#define UPSTREAMS_READER_H

#include "base/chat/event.h"
#include "base/core/buffer.h"
#include "base/json/json.h"

struct reader_setup {
    bool is_sse;      /* by the answer's content type, not by what was asked for */
    bool reads_cost;  /* usage.cost is in dollars */
    size_t max_bytes; /* of one event, or of a whole body that is not a stream */
    bool (*emit)(void *user, const struct chat_event *event); /* false: no more, CANCELLED */
    void *user;
};

struct openai_reader;
enum base_err openai_reader_new(const struct reader_setup *setup,
                                struct openai_reader **ret_reader);
enum base_err openai_reader_feed(struct openai_reader *reader, struct slice bytes,
                                 struct base_error *reterr) BASE_MUST_USE;
enum base_err openai_reader_end(struct openai_reader *reader,
                                struct base_error *reterr) BASE_MUST_USE;
void openai_reader_free(struct openai_reader *reader); /* NULL allowed */

/* True when every choice that began has finished: the answer is whole, though its end is not seen.
 */
bool openai_reader_is_whole(const struct openai_reader *reader);

/* What an error body says, in words that can be shown: a code and a parameter name are kept only if
 * they look like ones; the message, which may quote the prompt, is never kept. */
struct provider_error {
    enum base_err err;
    char code[64];  /* "" = none */
    char param[96]; /* "" = none */
};

/* Reads the body that came with `status` (not 200). Never fails: a body that is no JSON, HTML for
 * instance, is judged by its status alone. */
void openai_error_read(int status, struct slice body, struct provider_error *ret);
/* The same for an error object within an answer with status 200. */
void openai_error_from(int status, const struct json_node *root, struct provider_error *ret);

/* usage of Chat Completions in disjoint buckets. Numbers that make no sense are unknown. */
void openai_usage_read(const struct json_node *usage, bool reads_cost, struct chat_usage *ret);

/* `retry-after-ms`, else `retry-after` (seconds or an HTTP date) in milliseconds, at most an hour;
 * -1 when neither is given or understood. */
int64_t retry_after_parse(struct slice retry_after_ms, struct slice retry_after, int64_t wall_ns);

#endif
