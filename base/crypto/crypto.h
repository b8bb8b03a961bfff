/*
 * Cryptography: the one door to libcrypto (OpenSSL 3).
 *
 *     uint8_t digest[CRYPTO_SHA256_BYTES];
 *     crypto_sha256(body, digest);
 *     crypto_hmac_sha256(secret, message, digest);
 *     if (crypto_equal(digest, expected, sizeof(digest))) ...
 *
 * Hashing cannot fail for reasons from outside; when libcrypto itself fails (out of memory, a
 * broken installation) the functions that return nothing abort, because going on with a wrong
 * digest would be worse. Threads: any; an incremental hash belongs to one thread at a time.
 */
#ifndef BASE_CRYPTO_CRYPTO_H
#define BASE_CRYPTO_CRYPTO_H

#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/core/slice.h"

enum {
    CRYPTO_SHA256_BYTES = 32,
    CRYPTO_ED25519_SECRET_BYTES = 32, /* the seed */
    CRYPTO_ED25519_PUBLIC_BYTES = 32,
    CRYPTO_ED25519_SIGNATURE_BYTES = 64
};

void crypto_sha256(struct slice bytes, uint8_t ret_digest[CRYPTO_SHA256_BYTES]);

/* In pieces: new, add any number of times, then exactly one of finish or free. */
struct crypto_hash;
struct crypto_hash *crypto_hash_new(void); /* SHA-256; NULL when out of memory */
void crypto_hash_add(struct crypto_hash *hash, struct slice bytes);
void crypto_hash_finish(struct crypto_hash *hash, uint8_t ret_digest[CRYPTO_SHA256_BYTES]);
void crypto_hash_free(struct crypto_hash *hash); /* NULL allowed */

void crypto_hmac_sha256(struct slice key, struct slice bytes,
                        uint8_t ret_digest[CRYPTO_SHA256_BYTES]);

/* Compares in a time that depends on `len` alone. */
bool crypto_equal(const void *a, const void *b, size_t len);

/* Overwrites secrets; never optimised away. */
void crypto_cleanse(void *bytes, size_t len);

/* Random bytes for keys and ids, from base/core's system source. */
void crypto_random(void *bytes, size_t len);

/* Text forms, appended to `out`; errors stay in the buffer. */
void crypto_hex(struct buffer *out, const void *bytes, size_t len);
void crypto_base64url(struct buffer *out, const void *bytes, size_t len); /* no padding */
/* Strict base64url without padding: false for any other character, a length that cannot be, or
 * unused bits that are set. *ret_len: bytes written, at most `max`. */
bool crypto_base64url_decode(struct slice text, void *ret_bytes, size_t max, size_t *ret_len);

/* Ed25519 (RFC 8032), for records that others verify. */
enum base_err crypto_ed25519_public(const uint8_t secret[CRYPTO_ED25519_SECRET_BYTES],
                                    uint8_t ret_public[CRYPTO_ED25519_PUBLIC_BYTES],
                                    struct base_error *reterr) BASE_MUST_USE;
enum base_err crypto_ed25519_sign(const uint8_t secret[CRYPTO_ED25519_SECRET_BYTES],
                                  struct slice message,
                                  uint8_t ret_signature[CRYPTO_ED25519_SIGNATURE_BYTES],
                                  struct base_error *reterr) BASE_MUST_USE;
/* True only for a valid signature. */
bool crypto_ed25519_verify(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES],
                           struct slice message,
                           const uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES]);

#endif
