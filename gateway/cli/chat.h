/*
 * hearth chat, private part: where its answers come from.
 *
 *     err = chat_local_open(config_path, &local, &detail);      // no Hearth is running
 *     err = chat_local_ask(local, body, arena, &ask, &detail);  // on_text() until it returns
 *     chat_local_free(local);
 */
#ifndef GATEWAY_CLI_CHAT_H
#define GATEWAY_CLI_CHAT_H

#include "base/chat/chat.h"
#include "base/core/arena.h"
#include "base/core/error.h"

/* Ctrl-C was pressed since the question; the answer ends then. */
bool chat_is_interrupted(void);

struct chat_ask {
    void (*on_text)(void *user, struct slice text);
    void *user;
    /* Filled by chat_local_ask(), in its arena. */
    const struct chat_request *request;
    struct slice route; /* where it came from, for --route */
};

struct chat_local;

/* Loads the engine's models of the configuration, or the demo model. */
enum base_err chat_local_open(const char *config_path, struct chat_local **ret_local,
                              struct base_error *reterr) BASE_MUST_USE;
void chat_local_free(struct chat_local *local); /* NULL allowed */

/* `body`: a Chat Completions request. Among the targets that its configuration allows, one that is
 * in this process answers; errors as in the API, LOCAL_UNAVAILABLE when all of them are elsewhere.
 */
enum base_err chat_local_ask(struct chat_local *local, struct slice body, struct arena *arena,
                             struct chat_ask *ask, struct base_error *reterr) BASE_MUST_USE;

#endif
