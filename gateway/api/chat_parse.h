/*
 * Reading a Chat Completions body into a chat_request.
 *
 *     err = json_parse(body, &json_limits_request, arena, &root, &detail);
 *     err = api_chat_parse(root, arena, &request, &detail);
 *
 * Strict where a mistake would change the meaning (wrong types, unknown roles, empty messages,
 * numbers out of range, both limits given), tolerant where a provider may know more than we do
 * (unknown fields and part types are kept). Deprecated `functions`/`function_call` are refused with
 * a hint. Errors: BAD_VALUE with the path of the field ("messages[2].content"); NO_MEMORY.
 * Ownership: the request lives in `arena` and borrows from `root`'s input.
 * Source: OpenAI's OpenAPI document 2.3.0, chat completions.
 */
#ifndef GATEWAY_API_CHAT_PARSE_H
#define GATEWAY_API_CHAT_PARSE_H

#include "base/chat/chat.h"
#include "base/json/json.h"

/* The same for /v1/completions: `prompt` (a text or a list of them; token ids are refused, because
 * nobody could inspect them), `suffix`, `logprobs` as a number up to 5. `echo` and `best_of` other
 * than n are refused. */
enum base_err api_completions_parse(const struct json_node *root, struct arena *arena,
                                    const struct chat_request **ret_request,
                                    struct base_error *reterr);

/* The same for /v1/embeddings: `input` (a text, a list of up to 2048 texts, a list of token ids, or
 * a list of such lists), `encoding_format` (float or base64), `dimensions`. Token ids cannot be
 * inspected: they are parts of type OTHER, with the level that policy gives to those. */
enum base_err api_embeddings_parse(const struct json_node *root, struct arena *arena,
                                   const struct chat_request **ret_request,
                                   struct base_error *reterr);

enum base_err api_chat_parse(const struct json_node *root, struct arena *arena,
                             const struct chat_request **ret_request, struct base_error *reterr);

#endif
