/*
 * The matcher as policy's own detectors use it: with positions. Private to policy/.
 *
 * matcher.c is the only file that includes Hyperscan's header.
 */
#ifndef POLICY_MATCHER_H
#define POLICY_MATCHER_H

#include "policy/policy.h"

/* Flags beyond the public ones. */
enum {
    POLICY_MATCH_START = 1 << 8, /* report where the match starts (leftmost), not only its end */
    POLICY_MATCH_BYTES = 1 << 9, /* bytes, not characters; for ASCII patterns: quicker */
    POLICY_MATCH_EXACT =
        1 << 10 /* with LITERAL: spaces and dashes are themselves; every end reported */
};

/* `from` is 0 unless the pattern has POLICY_MATCH_START (or WORD). False stops the scan. The
 * callback must not start another scan: scratch memory is in use. */
typedef bool (*policy_match_fn)(void *user, unsigned index, size_t from, size_t to);

enum base_err policy_matcher_each(const struct policy_matcher *matcher, struct slice text,
                                  policy_match_fn on_match, void *user) BASE_MUST_USE;

#endif
