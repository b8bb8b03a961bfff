/* What an inspection holds. Private to policy/. */
#ifndef POLICY_INSPECTION_H
#define POLICY_INSPECTION_H

#include "policy/snapshot.h"

/* One visited run of bytes. */
struct run {
    struct slice bytes;
    struct chat_place place;
    enum policy_level level;
};

/* Bytes of one level at one place in memory; sorted by address, never overlapping. */
struct labelled {
    uintptr_t from, to;
    enum policy_level level;
};

struct policy_inspection {
    const struct policy *policy;
    const struct chat_request *request;
    enum policy_level floor;      /* header, rules, sources */
    enum policy_level remembered; /* by the label memory */
    enum policy_level level;      /* of all bytes */
    enum policy_level *message_levels;
    size_t message_count;
    struct labelled *labelled;
    size_t labelled_count;
    struct policy_finding *findings;
    size_t finding_count;
    bool truncated;
    policy_types types;
    struct slice summary;
};

/* The level of bytes by address, and how many of them were never visited. */
enum policy_level inspection_label(const struct policy_inspection *inspection, struct slice bytes,
                                   size_t *ret_unvisited);
/* What a body inherits whatever is in it. */
enum policy_level inspection_floor(const struct policy_inspection *inspection);

#endif
