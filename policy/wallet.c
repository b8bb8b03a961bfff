#include "policy/wallet.h"
#include "base/crypto/crypto.h"

bool wallet_is_base58(struct slice text)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    uint8_t bytes[25] = {0};
    if (text.len < 26 || text.len > 35)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *found = memchr(alphabet, text.ptr[i], sizeof(alphabet) - 1);
        if (!found)
            return false;
        unsigned carry = (unsigned)(found - alphabet);
        for (size_t b = sizeof(bytes); b-- > 0;) {
            carry += 58u * bytes[b];
            bytes[b] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry)
            return false;
    }
    uint8_t once[CRYPTO_SHA256_BYTES], twice[CRYPTO_SHA256_BYTES];
    crypto_sha256(slice_of((const char *)bytes, 21), once);
    crypto_sha256(slice_of((const char *)once, sizeof(once)), twice);
    return memcmp(twice, bytes + 21, 4) == 0;
}

static uint32_t polymod_step(uint32_t check, uint32_t value)
{
    static const uint32_t generators[] = {0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD,
                                          0x2A1462B3};
    uint32_t top = check >> 25;
    check = (check & 0x1FFFFFF) << 5 ^ value;
    for (size_t i = 0; i < 5; i++)
        check ^= top >> i & 1 ? generators[i] : 0;
    return check;
}

bool wallet_is_bech32(struct slice text)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    if (text.len < 14 || text.len > 90)
        return false;
    uint32_t check = 1;
    for (size_t i = 0; i < 2; i++)
        check = polymod_step(check, (uint32_t)(text.ptr[i] | 32) >> 5);
    check = polymod_step(check, 0);
    for (size_t i = 0; i < 2; i++)
        check = polymod_step(check, (uint32_t)(text.ptr[i] | 32) & 31);
    for (size_t i = 3; i < text.len; i++) {
        char c = text.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
        const char *found = memchr(alphabet, c, sizeof(alphabet) - 1);
        if (!found)
            return false;
        check = polymod_step(check, (uint32_t)(found - alphabet));
    }
    return check == 1 || check == 0x2BC830A3;
}
