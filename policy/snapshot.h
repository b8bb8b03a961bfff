/* What a policy snapshot holds, and how a text is scanned with it. Private to policy/. */
#ifndef POLICY_SNAPSHOT_H
#define POLICY_SNAPSHOT_H

#include <stdatomic.h>

#include "policy/matcher.h"
#include "policy/policy.h"

/* Raise it whenever detectors change in what they find: it is part of the hash. */
#define POLICY_DETECTORS_VERSION 2

struct custom_name {
    struct slice name; /* owned by the snapshot's arena */
    enum policy_level level;
};

struct policy {
    atomic_uint references;
    enum policy_level default_level;
    enum policy_level uninspected_level;
    enum policy_level levels[POLICY_FINDING_COUNT];
    const struct policy_matcher *detectors; /* shared by all policies */
    struct policy_matcher *custom;          /* dictionaries and patterns; owned */
    const struct custom_name *custom_names; /* by index of the custom matcher */
    const struct slice *own_strings;        /* sorted */
    size_t own_string_count;
    uint8_t hash[POLICY_HASH_BYTES];
    struct arena *arena; /* owned */
};

bool snapshot_is_own_string(const struct policy *policy, struct slice s);

/* One finding in the bytes that were scanned. */
struct scan_item {
    enum policy_finding_type type;
    enum policy_level level;
    struct slice name;
    float confidence;
    size_t offset, length;
};

/* Scans `text` as it is and with its encodings undone. Items are sorted by offset, and those that
 * overlap are reduced to the most certain one. Memory comes from `arena`. */
enum base_err scan_text(const struct policy *policy, struct slice text, struct arena *arena,
                        struct scan_item **ret_items, size_t *ret_count) BASE_MUST_USE;

#endif
