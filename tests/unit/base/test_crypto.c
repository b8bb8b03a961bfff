#include "base/crypto/crypto.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct buffer out;

static int setup(void **state)
{
    (void)state;
    buffer_init(&out, 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buffer_done(&out);
    return 0;
}

static void check_hex(const void *bytes, size_t len, const char *expected)
{
    buffer_clear(&out);
    crypto_hex(&out, bytes, len);
    assert_slice(buffer_slice(&out), expected);
}

/* FIPS 180-2, appendix B. */
static void test_sha256(void **state)
{
    (void)state;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    crypto_sha256(SLICE("abc"), digest);
    check_hex(digest, sizeof(digest),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256(SLICE_NONE, digest);
    check_hex(digest, sizeof(digest),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct crypto_hash *hash = crypto_hash_new();
    assert_non_null(hash);
    crypto_hash_add(hash, SLICE("a"));
    crypto_hash_add(hash, SLICE_NONE);
    crypto_hash_add(hash, SLICE("bc"));
    crypto_hash_finish(hash, digest);
    check_hex(digest, sizeof(digest),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_hash_free(crypto_hash_new());
    crypto_hash_free(NULL);
}

/* RFC 4231, cases 2 and 6. */
static void test_hmac(void **state)
{
    (void)state;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    crypto_hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), digest);
    check_hex(digest, sizeof(digest),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key[131];
    memset(key, 0xaa, sizeof(key));
    crypto_hmac_sha256(slice_of(key, sizeof(key)),
                       SLICE("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
    check_hex(digest, sizeof(digest),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_equal_and_cleanse(void **state)
{
    (void)state;
    char a[] = "same bytes", b[] = "same bytes";
    assert_true(crypto_equal(a, b, sizeof(a)));
    b[9] ^= 1;
    assert_false(crypto_equal(a, b, sizeof(a)));
    assert_true(crypto_equal(a, b, 9));
    crypto_cleanse(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
        assert_int_equal(a[i], 0);
}

static void test_random(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

/* RFC 4648, section 10, without padding. */
static void test_base64url(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
                 {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buffer_clear(&out);
        crypto_base64url(&out, cases[i].plain, strlen(cases[i].plain));
        assert_slice(buffer_slice(&out), cases[i].text);
        char back[16];
        size_t len = 99;
        assert_true(
            crypto_base64url_decode(slice_from_str(cases[i].text), back, sizeof(back), &len));
        assert_slice(slice_of(back, len), cases[i].plain);
    }
    buffer_clear(&out);
    crypto_base64url(&out, "\xfb\xff\xfe", 3);
    assert_slice(buffer_slice(&out), "-__-");
}

static void test_base64url_rejects(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",   "Zg==",  "Z+8",  "Zm/v",    "Zh",
                                      "Zm9", "Zm9vY", "Zm 9", "\xc3\xa9"};
    char back[16];
    size_t len = 99;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (crypto_base64url_decode(slice_from_str(bad[i]), back, sizeof(back), &len))
            fail_msg("accepted %s", bad[i]);
    assert_false(crypto_base64url_decode(SLICE("Zm9vYmFy"), back, 5, &len)); /* too long for it */
    assert_int_equal(len, 99);
}

/* RFC 8032, section 7.1, test 2. */
static void test_ed25519(void **state)
{
    (void)state;
    static const uint8_t secret[CRYPTO_ED25519_SECRET_BYTES] = {
        0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3,
        0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab,
        0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb};
    uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES], signature[CRYPTO_ED25519_SIGNATURE_BYTES];
    assert_int_equal(crypto_ed25519_public(secret, public_key, NULL), BASE_OK);
    check_hex(public_key, sizeof(public_key),
              "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_int_equal(crypto_ed25519_sign(secret, SLICE("r"), signature, NULL), BASE_OK);
    check_hex(signature, sizeof(signature),
              "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
              "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(crypto_ed25519_verify(public_key, SLICE("r"), signature));
    assert_false(crypto_ed25519_verify(public_key, SLICE("s"), signature));
    signature[0] ^= 1;
    assert_false(crypto_ed25519_verify(public_key, SLICE("r"), signature));
    assert_int_equal(crypto_ed25519_sign(secret, SLICE_NONE, signature, NULL), BASE_OK);
    assert_true(crypto_ed25519_verify(public_key, SLICE_NONE, signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sha256, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hmac, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_and_cleanse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base64url, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base64url_rejects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ed25519, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
