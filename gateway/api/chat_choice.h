/*
 * What one choice of an answer has said so far, and how /v1/completions writes it. Private to
 * chat_answer.c and completion_answer.c.
 */
#ifndef GATEWAY_API_CHAT_CHOICE_H
#define GATEWAY_API_CHAT_CHOICE_H

#include "base/json/json.h"
#include "gateway/api/chat_answer.h"

struct call {
    struct buffer id, name, arguments;
};

struct api_chat_choice {
    struct buffer text, reasoning, refusal;
    struct buffer logprobs; /* entries of OpenAI's "content", comma between */
    struct call *calls;
    size_t call_count;
    bool has_role; /* the first frame of a choice names the role */
    bool finished;
    enum chat_finish finish;
    int64_t text_offset; /* COMPLETIONS: characters of the tokens written so far */
};

/* False: a frame of this event would say nothing in the dialect. */
bool api_completion_shows(const struct api_chat_answer *answer, const struct chat_event *event);

/* {"text","index","logprobs","finish_reason"}: of one event, or of all that was said. */
void api_completion_choice(struct json_writer *w, struct api_chat_choice *choice,
                           const struct chat_event *event);
void api_completion_whole(struct json_writer *w, int32_t index, struct api_chat_choice *choice);

#endif
