/* Addresses of crypto currencies, by their check sums. Private to policy/. Sources: BIP 13, 173,
 * 350. */
#ifndef POLICY_WALLET_H
#define POLICY_WALLET_H

#include "base/core/slice.h"

bool wallet_is_base58(
    struct slice text); /* 25 bytes with a double SHA-256 check sum: 26..35 characters */
bool wallet_is_bech32(struct slice text); /* bc1... and tb1..., both check constants */

#endif
