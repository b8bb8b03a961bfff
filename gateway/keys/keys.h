/*
 * Bearer keys, kept as hashes in the state folder.
 *
 *     err = keys_open("hearth-state/keys.json", &keys, &detail);
 *     err = keys_add(keys, tenant, label, &key_text, &id, &detail);  // the text is shown once,
 * never kept if (keys_find(keys, bearer, &owner)) ... err = keys_revoke(keys, id, &detail);
 *     keys_free(keys);
 *
 * A key is `hk-` and 43 characters of base64url: 256 random bits, so a plain SHA-256 is enough to
 * keep it (there is nothing to guess). Lookup is by hash, in the same time for unknown and revoked
 * keys. The file is replaced whole (written beside, synced, renamed), mode 0600. While there is no
 * key at all, everybody is the tenant `default`, whatever they send. Threads: any.
 */
#ifndef GATEWAY_KEYS_KEYS_H
#define GATEWAY_KEYS_KEYS_H

#include "base/core/buffer.h"
#include "base/core/clock.h"
#include "base/core/error.h"
#include "base/core/slice.h"

struct keys;

enum { KEYS_ID_MAX = 24, KEYS_TENANT_MAX = 64, KEYS_LABEL_MAX = 64, KEYS_TEXT_MAX = 64 };

struct keys_owner {
    char id[KEYS_ID_MAX]; /* "k_1a2b3c4d": for logs and the ledger */
    char tenant[KEYS_TENANT_MAX];
};

/* A missing file is an empty set. BAD_FILE names line and column; IN_USE never (serve locks the
 * folder). */
enum base_err keys_open(const char *path, const struct clock *clock,
                        const struct random_source *random, struct keys **ret_keys,
                        struct base_error *reterr) BASE_MUST_USE;
void keys_free(struct keys *keys); /* NULL allowed */

bool keys_is_empty(const struct keys *keys);
bool keys_find(const struct keys *keys, struct slice key_text, struct keys_owner *ret);

/* Tenant: letters, digits, dot, dash, underscore. LIMIT: more than 100,000 keys. */
enum base_err keys_add(struct keys *keys, struct slice tenant, struct slice label,
                       char ret_text[KEYS_TEXT_MAX], char ret_id[KEYS_ID_MAX],
                       struct base_error *reterr) BASE_MUST_USE;
enum base_err keys_revoke(struct keys *keys, struct slice id,
                          struct base_error *reterr) BASE_MUST_USE;

/* [{"id","tenant","label","created","revoked"}]: never a key or its hash. */
void keys_list(const struct keys *keys, struct buffer *out);

#endif
