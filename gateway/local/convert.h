/*
 * From the internal request to the engine's, and from its log-probabilities to OpenAI's. Private to
 * gateway/local.
 */
#ifndef GATEWAY_LOCAL_CONVERT_H
#define GATEWAY_LOCAL_CONVERT_H

#include "base/chat/chat.h"
#include "engine/template/markup.h"

/* Everything in *ret_request is borrowed from `chat` or lives in `arena`; the grammar is not in it.
 * UNSUPPORTED names a part that a text model cannot read. */
enum base_err local_convert(const struct chat_request *chat, const struct engine_markup *markup,
                            struct arena *arena, struct engine_request *ret_request,
                            struct base_error *reterr);

/* The same for one prompt of a request for completions. */
enum base_err local_convert_prompt(const struct chat_request *chat, size_t prompt,
                                   struct arena *arena, struct engine_request *ret_request,
                                   struct base_error *reterr);

/* A field of the request that is none of OpenAI's; NULL when it is not there, or null. */
const struct json_node *local_extra(const struct chat_request *chat, const char *key);

/* True for an unknown field that a local model takes: sampling and grammar as llama-server names
 * them, and variables of the template. */
bool local_convert_reads(const struct chat_request *chat, struct slice field);

/* {"token","logprob","bytes","top_logprobs"} for each token of the event, comma between. */
void local_logprobs_write(const struct engine_tokenizer *tok, const struct engine_event *event,
                          struct buffer *out);

#endif
