/*
 * The canonical form of messages, and its keyed digest: what the label memory knows a message by.
 * Private to policy/.
 *
 *     canonical_init(&chain, key, tenant);
 *     for each message in order:
 *         if (!canonical_message(&chain, message)) ... out of memory ...
 *         if (chain.has_digest) ... chain.digest ...
 *     canonical_done(&chain);
 *
 * A digest depends on the messages before it only when the message is short.
 */
#ifndef POLICY_CANONICAL_H
#define POLICY_CANONICAL_H

#include "base/chat/chat.h"
#include "base/core/buffer.h"

struct canonical {
    const uint8_t *key; /* 32 bytes; borrowed */
    struct slice tenant;
    uint8_t before[32]; /* digest of the message before */
    uint8_t digest[32]; /* of the last message */
    bool has_digest;    /* false when the last message was empty */
    struct buffer text;
};

void canonical_init(struct canonical *chain, const uint8_t key[32], struct slice tenant);
void canonical_done(struct canonical *chain);
bool canonical_message(struct canonical *chain, const struct chat_message *message);
/* An answer, as the client will send it back: text, then the arguments of its tool calls. */
bool canonical_answer(struct canonical *chain, struct slice text, struct slice tool_arguments);

#endif
