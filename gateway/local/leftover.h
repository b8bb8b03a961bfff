/*
 * What of a request an engine model does not heed, so that nothing is dropped in silence. Private
 * to gateway.
 *
 *     err = local_leftovers(request, SLICE("demo"), arena, &warnings, &count, &detail);
 *     // "verbosity: left out, demo does not take it"
 *
 * UNSUPPORTED names a field without which the answer would be another one (sound, a search of the
 * web): another target may take it. What asks for nothing beyond what is done anyway (null, `store:
 * false`, `modalities: ["text"]`) is not mentioned. The texts live in the arena; names in them are
 * the client's bytes. At most LOCAL_LEFTOVERS_MAX; the last then says that there are more.
 */
#ifndef GATEWAY_LOCAL_LEFTOVER_H
#define GATEWAY_LOCAL_LEFTOVER_H

#include "base/chat/chat.h"
#include "base/core/error.h"

enum { LOCAL_LEFTOVERS_MAX = 16 };

enum base_err local_leftovers(const struct chat_request *chat, struct slice target,
                              struct arena *arena, const struct slice **ret_warnings,
                              size_t *ret_count, struct base_error *reterr) BASE_MUST_USE;

#endif
