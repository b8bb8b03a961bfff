/*
 * From the internal request to the engine's, and from its log-probabilities to OpenAI's. Private to
 * gateway/local.
 */
#ifndef GATEWAY_LOCAL_CONVERT_H
#define GATEWAY_LOCAL_CONVERT_H

#include "base/chat/chat.h"
#include "engine/engine.h"

/* Everything in *ret_request is borrowed from `chat` or lives in `arena`. UNSUPPORTED names a part
 * that a text model cannot read. */
enum base_err local_convert(const struct chat_request *chat, struct arena *arena,
                            struct engine_request *ret_request, struct base_error *reterr);

/* What response_format asks for, as a grammar to be unreferenced; NULL for text. With the engine's
 * words: BAD_VALUE for a schema that is wrong, UNSUPPORTED for one that it cannot follow. */
enum base_err local_grammar(const struct chat_request *chat, struct engine_grammar **ret_grammar,
                            struct base_error *reterr);

/* {"token","logprob","bytes","top_logprobs"} for each token of the event, comma between. */
void local_logprobs_write(const struct engine_tokenizer *tok, const struct engine_event *event,
                          struct buffer *out);

#endif
