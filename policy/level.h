/*
 * The words of policy that everybody speaks: levels and zones. Part of policy's public interface
 * (policy/policy.h includes it); separate so that tables can name a level without more.
 */
#ifndef POLICY_LEVEL_H
#define POLICY_LEVEL_H

/* Sensitivity of content, and clearance of targets. A lattice that is a line: join = max. */
enum policy_level {
    POLICY_LEVEL_PUBLIC,
    POLICY_LEVEL_INTERNAL,
    POLICY_LEVEL_CONFIDENTIAL,
    POLICY_LEVEL_RESTRICTED,
    POLICY_LEVEL_COUNT
};

/* Where a target is, declared by configuration. */
enum policy_zone { POLICY_ZONE_DEVICE, POLICY_ZONE_PREMISES, POLICY_ZONE_CLOUD, POLICY_ZONE_COUNT };

static inline enum policy_level policy_level_join(enum policy_level a, enum policy_level b)
{
    return a > b ? a : b;
}

#endif
