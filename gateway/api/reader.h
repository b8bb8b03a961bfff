/*
 * What the readers of bodies share: where they are, what a value must be, how a mistake is said.
 * Private to gateway/api.
 *
 *     size_t at = reader_push(r, ".content");
 *     err = reader_string(r, json_get(node, SLICE("content")), &text);
 *     // a mistake reads "messages[2].content: expected a string, found a number"
 *     reader_pop(r, at);
 *
 * Errors: BAD_VALUE with the path as `param`; NO_MEMORY.
 */
#ifndef GATEWAY_API_READER_H
#define GATEWAY_API_READER_H

#include "base/chat/chat.h"
#include "base/json/json.h"

struct reader {
    struct arena *arena;
    struct base_error *reterr;
    struct chat_request *req;
    char path[96]; /* of the value being read, for messages */
    struct slice left_out[CHAT_LEFT_OUT_MAX];
    size_t left_out_count;
};

enum base_err reader_fail(struct reader *r, const char *format, ...) BASE_PRINTF(2, 3);
enum base_err reader_no_memory(struct reader *r);

/* Lengthens the path; returns what reader_pop() needs to shorten it again. */
size_t reader_push(struct reader *r, const char *format, ...) BASE_PRINTF(2, 3);
void reader_pop(struct reader *r, size_t len);

enum base_err reader_string(struct reader *r, const struct json_node *node, struct slice *ret);
enum base_err reader_bool(struct reader *r, const struct json_node *node, bool *ret);
enum base_err reader_number(struct reader *r, const struct json_node *node, double min, double max,
                            struct chat_number *ret);
enum base_err reader_integer(struct reader *r, const struct json_node *node, int64_t min,
                             int64_t max, struct chat_number *ret);

/* A string or nothing (also null): *ret stays as it is then. */
enum base_err reader_optional(struct reader *r, const struct json_node *object, const char *name,
                              struct slice *ret);

/* Notes members of `object` whose name is not in `known` (ended by NULL) as left out: they have no
 * place in a chat_request. Null and false ask for nothing. */
enum base_err reader_only(struct reader *r, const struct json_node *object,
                          const char *const known[]);

/* Members of `object` whose name is not in `known` (ended by NULL), kept as they came. */
enum base_err reader_extras(struct reader *r, const struct json_node *object,
                            const char *const known[], struct chat_extras *ret);

/* chat_message.c: `messages`; chat_tools.c: `tools`, `tool_choice`, `response_format`. */
enum base_err reader_messages(struct reader *r, const struct json_node *node);
enum base_err reader_tools(struct reader *r, const struct json_node *node);
enum base_err reader_tool_choice(struct reader *r, const struct json_node *node);
enum base_err reader_format(struct reader *r, const struct json_node *node);

#endif
