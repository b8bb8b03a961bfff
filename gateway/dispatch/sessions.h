/*
 * Sessions: which target served a conversation last, so that prompt caches and tool loops survive.
 *
 *     uint64_t key = sessions_key(tenant, header, request);
 *     if (sessions_find(sessions, key, now_ns, &name, sizeof(name), &turn_tokens)) ...
 *     sessions_keep(sessions, key, target_name, prompt_tokens, now_ns);
 *
 * A fixed table (no growth, oldest entry of a bucket is replaced), forgotten after 30 minutes.
 * Holds hashes and target names, never text. Threads: any.
 */
#ifndef GATEWAY_DISPATCH_SESSIONS_H
#define GATEWAY_DISPATCH_SESSIONS_H

#include "base/chat/chat.h"

enum { SESSIONS_NAME_MAX = 128 };

struct sessions;

struct sessions *sessions_new(uint64_t seed); /* NULL when out of memory */
void sessions_free(struct sessions *sessions);

/* From x-hearth-session when it is given, else from the tenant and the first messages up to the
 * first of role user: the part of a conversation that stays. Never 0. */
uint64_t sessions_key(const struct sessions *sessions, struct slice tenant, struct slice header,
                      const struct chat_request *request);

/* False when the conversation is new (or forgotten). */
bool sessions_find(struct sessions *sessions, uint64_t key, int64_t now_ns,
                   char ret_target[SESSIONS_NAME_MAX], int64_t *ret_prompt_tokens);

/* Names longer than SESSIONS_NAME_MAX - 1 are not kept. */
void sessions_keep(struct sessions *sessions, uint64_t key, struct slice target,
                   int64_t prompt_tokens, int64_t now_ns);

#endif
