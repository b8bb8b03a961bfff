/* What an inspection answers. */
#include "policy/inspection.h"

enum policy_level inspection_floor(const struct policy_inspection *inspection)
{
    enum policy_level level = policy_level_join(inspection->floor, inspection->remembered);
    return policy_level_join(level, inspection->policy->default_level);
}

void policy_inspection_raise(struct policy_inspection *inspection, enum policy_level level)
{
    inspection->floor = policy_level_join(inspection->floor, level);
}

enum policy_level policy_inspection_level(const struct policy_inspection *inspection)
{
    return policy_level_join(inspection->level, inspection_floor(inspection));
}

enum policy_level policy_inspection_message_level(const struct policy_inspection *inspection,
                                                  size_t message)
{
    return message < inspection->message_count ? inspection->message_levels[message]
                                               : POLICY_LEVEL_PUBLIC;
}

const struct policy *policy_inspection_policy(const struct policy_inspection *inspection)
{
    return inspection->policy;
}

const struct policy_finding *policy_inspection_findings(const struct policy_inspection *inspection,
                                                        size_t *ret_count)
{
    *ret_count = inspection->finding_count;
    return inspection->findings;
}

bool policy_inspection_is_truncated(const struct policy_inspection *inspection)
{
    return inspection->truncated;
}

policy_types policy_inspection_types(const struct policy_inspection *inspection)
{
    return inspection->types;
}

struct slice policy_inspection_summary(const struct policy_inspection *inspection)
{
    return inspection->summary;
}

/* The last piece that starts at or before `address`. */
static size_t piece_at(const struct policy_inspection *inspection, uintptr_t address)
{
    size_t low = 0, high = inspection->labelled_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (inspection->labelled[middle].from <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

enum policy_level inspection_label(const struct policy_inspection *inspection, struct slice bytes,
                                   size_t *ret_unvisited)
{
    enum policy_level level = POLICY_LEVEL_PUBLIC;
    uintptr_t at = (uintptr_t)bytes.ptr, end = at + bytes.len;
    *ret_unvisited = 0;
    if (bytes.len == 0)
        return level;
    for (size_t i = piece_at(inspection, at); i < inspection->labelled_count && at < end; i++) {
        const struct labelled *piece = &inspection->labelled[i];
        if (piece->from > at || piece->to <= at)
            break;
        level = policy_level_join(level, piece->level);
        at = piece->to < end ? piece->to : end;
    }
    if (at < end) {
        *ret_unvisited = end - at;
        level = POLICY_LEVEL_RESTRICTED;
    }
    return level;
}

enum policy_level policy_inspection_level_of(const struct policy_inspection *inspection,
                                             struct slice bytes)
{
    size_t unvisited;
    return inspection_label(inspection, bytes, &unvisited);
}
