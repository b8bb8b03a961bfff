/*
 * Writing events as a Chat Completions answer, streamed or whole; or as one of /v1/completions,
 * whose choices are text alone; or as one of /v1/embeddings, where each text event is a vector.
 *
 *     api_chat_answer_init(&answer, &options);
 *     api_chat_answer_event(&answer, event);         // each content, FINISHED and USAGE event
 *     ... streamed: send and consume answer.out (whole SSE frames) whenever it is not empty
 *     api_chat_answer_end(&answer, &account);        // DONE: usage frame and [DONE], or the whole
 * body api_chat_answer_fail(&answer, &error);         // ERROR after the head: an error frame, no
 * [DONE] api_chat_answer_done(&answer);
 *
 * The answer's text is also collected (up to `max_bytes`), for the label memory and for the whole
 * form. Errors: LIMIT when the answer is longer than that; NO_MEMORY. Threads: one at a time.
 * Source: OpenAI's OpenAPI document 2.3.0: chat.completion, chat.completion.chunk.
 */
#ifndef GATEWAY_API_CHAT_ANSWER_H
#define GATEWAY_API_CHAT_ANSWER_H

#include "base/chat/chat.h"
#include "base/chat/event.h"
#include "base/core/buffer.h"

enum { API_CHAT_CHOICES_MAX = 128 };

struct api_chat_answer_options {
    struct slice id;           /* "chatcmpl-..."; borrowed until done() */
    enum chat_dialect dialect; /* CHAT, COMPLETIONS or EMBEDDINGS (never streamed) */
    int64_t created_s;         /* wall clock, seconds */
    bool stream;
    bool include_usage; /* a usage frame at the end of the stream */
    size_t max_bytes;   /* of collected text */
};

struct api_chat_choice; /* what one choice has said so far; private */

struct api_chat_answer {
    struct api_chat_answer_options options;
    struct buffer out;  /* frames to send, or the whole body */
    struct buffer head; /* the constant beginning of every frame; EMBEDDINGS: the vectors */
    struct slice model; /* borrowed; set before the first event */
    struct chat_usage usage;
    struct api_chat_choice *choices[API_CHAT_CHOICES_MAX]; /* owned; NULL until first used */
    int32_t choice_count;
    size_t collected_bytes;
};

void api_chat_answer_init(struct api_chat_answer *answer,
                          const struct api_chat_answer_options *options);
void api_chat_answer_done(struct api_chat_answer *answer);

/* Name of the target that answers; before the first event. */
void api_chat_answer_set_model(struct api_chat_answer *answer, struct slice model);

enum base_err api_chat_answer_event(struct api_chat_answer *answer, const struct chat_event *event);

/* What the request came to; nano_usd -1 = unknown, written as null. */
struct api_chat_account {
    int64_t nano_usd;
    struct slice target, zone; /* written into the usage when `late` */
    struct slice warnings;     /* the same; absent = none */
    bool late;                 /* the head left before these were known */
};
enum base_err api_chat_answer_end(struct api_chat_answer *answer,
                                  const struct api_chat_account *account);

/* Appends `data: {"error":...}` to a stream. */
enum base_err api_chat_answer_fail(struct api_chat_answer *answer, const struct base_error *error);

/* Collected text of a choice (without reasoning), for the label memory; empty if it said nothing.
 */
struct slice api_chat_answer_text(const struct api_chat_answer *answer, int32_t choice);
/* What it thought, or why it refused: the label memory's, too. */
struct slice api_chat_answer_beside(const struct api_chat_answer *answer, int32_t choice,
                                    bool refusal);
/* Collected arguments of a tool call; absent past the last. For the label memory. */
struct slice api_chat_answer_calls(const struct api_chat_answer *answer, int32_t choice,
                                   size_t index);

/* {"error":{"message","type","param","code"}} */
void api_error_write(struct buffer *out, const struct base_error *error);

/* "0.000123456": nano-dollars as a decimal number of dollars, exact. Negative writes null. */
void api_write_usd(struct buffer *out, int64_t nano_usd);

#endif
