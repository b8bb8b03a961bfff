#include "base/crypto/crypto.h"

#include "base/core/clock.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* see sha256_of() */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

/* A digest that was not computed must never be used. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Looked up once: libcrypto 3 searches its providers anew at every use of EVP_sha256(), which takes
 * longer than hashing a short text. Kept for the life of the process. */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static EVP_MD *sha256;

static void look_up(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256 != NULL);
}

static const EVP_MD *md_sha256(void)
{
    must(CRYPTO_THREAD_run_once(&once, look_up));
    return sha256;
}

/* The same code as behind EVP_Digest(), which allocates a context for each digest: for short texts
 * half of the time. These calls work in place. `more` may be absent. */
static void sha256_of(struct slice bytes, struct slice more, uint8_t *ret_digest)
{
    SHA256_CTX ctx;
    must(SHA256_Init(&ctx));
    must(bytes.len == 0 || SHA256_Update(&ctx, bytes.ptr, bytes.len));
    must(more.len == 0 || SHA256_Update(&ctx, more.ptr, more.len));
    must(SHA256_Final(ret_digest, &ctx)); /* wipes it, too */
}

void crypto_sha256(struct slice bytes, uint8_t ret_digest[CRYPTO_SHA256_BYTES])
{
    sha256_of(bytes, SLICE_NONE, ret_digest);
}

/* One type with libcrypto's, so that no allocation of our own is needed. */
struct crypto_hash *crypto_hash_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx && !EVP_DigestInit_ex(ctx, md_sha256(), NULL)) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }
    return (struct crypto_hash *)ctx;
}

void crypto_hash_add(struct crypto_hash *hash, struct slice bytes)
{
    if (bytes.len)
        must(EVP_DigestUpdate((EVP_MD_CTX *)hash, bytes.ptr, bytes.len));
}

void crypto_hash_finish(struct crypto_hash *hash, uint8_t ret_digest[CRYPTO_SHA256_BYTES])
{
    must(EVP_DigestFinal_ex((EVP_MD_CTX *)hash, ret_digest, NULL));
    EVP_MD_CTX_free((EVP_MD_CTX *)hash);
}

void crypto_hash_free(struct crypto_hash *hash)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)hash);
}

/* RFC 2104. */
void crypto_hmac_sha256(struct slice key, struct slice bytes,
                        uint8_t ret_digest[CRYPTO_SHA256_BYTES])
{
    uint8_t hashed[CRYPTO_SHA256_BYTES], inner[CRYPTO_SHA256_BYTES];
    char pad[SHA256_CBLOCK] = {0};
    if (key.len > sizeof(pad)) {
        crypto_sha256(key, hashed);
        key = slice_of((const char *)hashed, sizeof(hashed));
    }
    if (key.len)
        memcpy(pad, key.ptr, key.len);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36;
    sha256_of(slice_of(pad, sizeof(pad)), bytes, inner);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sha256_of(slice_of(pad, sizeof(pad)), slice_of((const char *)inner, sizeof(inner)), ret_digest);
    crypto_cleanse(pad, sizeof(pad));
    crypto_cleanse(hashed, sizeof(hashed));
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void crypto_cleanse(void *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}

void crypto_random(void *bytes, size_t len)
{
    const struct random_source *source = random_system();
    source->fill(source->self, bytes, len);
}

void crypto_hex(struct buffer *out, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;
    for (size_t i = 0; i < len; i++) {
        buffer_add_char(out, digits[from[i] >> 4]);
        buffer_add_char(out, digits[from[i] & 15]);
    }
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void crypto_base64url(struct buffer *out, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    uint32_t pending = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        pending = pending << 8 | from[i];
        for (bits += 8; bits >= 6; bits -= 6)
            buffer_add_char(out, letters[pending >> (bits - 6) & 63]);
    }
    if (bits > 0)
        buffer_add_char(out, letters[pending << (6 - bits) & 63]);
}

static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool crypto_base64url_decode(struct slice text, void *ret_bytes, size_t max, size_t *ret_len)
{
    size_t len = text.len / 4 * 3 + (text.len % 4 ? text.len % 4 - 1 : 0);
    if (text.len % 4 == 1 || len > max)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (letter_value(text.ptr[i]) < 0)
            return false;
    static const int unused[] = {0, 0, 15, 3}; /* bits of the last letter that carry nothing */
    if (text.len % 4 && (letter_value(text.ptr[text.len - 1]) & unused[text.len % 4]))
        return false;
    uint8_t *to = ret_bytes;
    uint32_t pending = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        pending = pending << 6 | (uint32_t)letter_value(text.ptr[i]);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (uint8_t)(pending >> bits);
        }
    }
    *ret_len = len;
    return true;
}

static enum base_err ed25519_failed(struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_INTERNAL, "libcrypto failed to use an Ed25519 key");
}

enum base_err crypto_ed25519_public(const uint8_t secret[CRYPTO_ED25519_SECRET_BYTES],
                                    uint8_t ret_public[CRYPTO_ED25519_PUBLIC_BYTES],
                                    struct base_error *reterr)
{
    uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES];
    size_t len = sizeof(public_key);
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, CRYPTO_ED25519_SECRET_BYTES);
    bool ok = key && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1;
    EVP_PKEY_free(key);
    if (!ok)
        return ed25519_failed(reterr);
    memcpy(ret_public, public_key, sizeof(public_key));
    return BASE_OK;
}

enum base_err crypto_ed25519_sign(const uint8_t secret[CRYPTO_ED25519_SECRET_BYTES],
                                  struct slice message,
                                  uint8_t ret_signature[CRYPTO_ED25519_SIGNATURE_BYTES],
                                  struct base_error *reterr)
{
    uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES];
    size_t len = sizeof(signature);
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, CRYPTO_ED25519_SECRET_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const unsigned char *text = (const unsigned char *)(message.len ? message.ptr : "");
    bool ok = key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &len, text, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (!ok)
        return ed25519_failed(reterr);
    memcpy(ret_signature, signature, sizeof(signature));
    return BASE_OK;
}

bool crypto_ed25519_verify(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES],
                           struct slice message,
                           const uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key,
                                                CRYPTO_ED25519_PUBLIC_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const unsigned char *text = (const unsigned char *)(message.len ? message.ptr : "");
    bool ok =
        key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, signature, CRYPTO_ED25519_SIGNATURE_BYTES, text, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}
