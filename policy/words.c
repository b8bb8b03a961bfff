/* Names of levels, zones and finding types. */
#include "policy/policy.h"

static const char *const level_names[POLICY_LEVEL_COUNT] = {
    [POLICY_LEVEL_PUBLIC] = "public",
    [POLICY_LEVEL_INTERNAL] = "internal",
    [POLICY_LEVEL_CONFIDENTIAL] = "confidential",
    [POLICY_LEVEL_RESTRICTED] = "restricted",
};

static const char *const zone_names[POLICY_ZONE_COUNT] = {
    [POLICY_ZONE_DEVICE] = "device",
    [POLICY_ZONE_PREMISES] = "premises",
    [POLICY_ZONE_CLOUD] = "cloud",
};

static const enum policy_level zone_clearances[POLICY_ZONE_COUNT] = {
    [POLICY_ZONE_DEVICE] = POLICY_LEVEL_RESTRICTED,
    [POLICY_ZONE_PREMISES] = POLICY_LEVEL_CONFIDENTIAL,
    [POLICY_ZONE_CLOUD] = POLICY_LEVEL_INTERNAL,
};

static const struct {
    const char *name;
    const char *config_name;
    unsigned groups;
    enum policy_level level;
} types[POLICY_FINDING_COUNT] = {
#define X(name, lower, groups, level) {#name, lower, groups, POLICY_LEVEL_##level},
    POLICY_FINDINGS(X)
#undef X
};

/* Types that no detector looks for: they need a model of language, or are noise alone. */
static const policy_types undetected =
    (policy_types)1 << POLICY_FINDING_PERSON | (policy_types)1 << POLICY_FINDING_ORGANIZATION |
    (policy_types)1 << POLICY_FINDING_LOCATION | (policy_types)1 << POLICY_FINDING_DATE_TIME |
    (policy_types)1 << POLICY_FINDING_AGE | (policy_types)1 << POLICY_FINDING_NRP |
    (policy_types)1 << POLICY_FINDING_TITLE | (policy_types)1 << POLICY_FINDING_URL |
    (policy_types)1 << POLICY_FINDING_ZIP_CODE;

static const struct {
    const char *name;
    unsigned group;
} groups[] = {
    {"pii", POLICY_GROUP_PII},
    {"secrets", POLICY_GROUP_SECRETS},
    {"financial", POLICY_GROUP_FINANCIAL},
    {"health", POLICY_GROUP_HEALTH},
};

const char *policy_level_name(enum policy_level level)
{
    return (unsigned)level < POLICY_LEVEL_COUNT ? level_names[level] : "unknown";
}

bool policy_level_parse(struct slice name, enum policy_level *ret)
{
    for (int i = 0; i < POLICY_LEVEL_COUNT; i++) {
        if (slice_eq_str(name, level_names[i])) {
            *ret = (enum policy_level)i;
            return true;
        }
    }
    return false;
}

const char *policy_zone_name(enum policy_zone zone)
{
    return (unsigned)zone < POLICY_ZONE_COUNT ? zone_names[zone] : "unknown";
}

bool policy_zone_parse(struct slice name, enum policy_zone *ret)
{
    for (int i = 0; i < POLICY_ZONE_COUNT; i++) {
        if (slice_eq_str(name, zone_names[i])) {
            *ret = (enum policy_zone)i;
            return true;
        }
    }
    return false;
}

enum policy_level policy_zone_default_clearance(enum policy_zone zone)
{
    return (unsigned)zone < POLICY_ZONE_COUNT ? zone_clearances[zone] : POLICY_LEVEL_PUBLIC;
}

const char *policy_finding_name(enum policy_finding_type type)
{
    return (unsigned)type < POLICY_FINDING_COUNT ? types[type].name : "UNKNOWN";
}

const char *policy_finding_config_name(enum policy_finding_type type)
{
    return (unsigned)type < POLICY_FINDING_COUNT ? types[type].config_name : "unknown";
}

unsigned policy_finding_groups(enum policy_finding_type type)
{
    return (unsigned)type < POLICY_FINDING_COUNT ? types[type].groups : 0;
}

bool policy_finding_is_detected(enum policy_finding_type type)
{
    return (unsigned)type < POLICY_FINDING_COUNT && !(undetected >> type & 1);
}

policy_types policy_types_parse(struct slice name)
{
    policy_types set = 0;
    unsigned group = 0;
    /* "health" is both a type and a group; the group holds the type. */
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (slice_eq_str(name, groups[i].name))
            group = groups[i].group;
    }
    for (int i = 0; i < POLICY_FINDING_COUNT; i++) {
        if ((types[i].groups & group) || slice_eq_str(name, types[i].config_name))
            set |= (policy_types)1 << i;
    }
    return set;
}

void policy_config_init(struct policy_config *config)
{
    *config = (struct policy_config){
        .default_level = POLICY_LEVEL_INTERNAL,
        .uninspected_level = POLICY_LEVEL_CONFIDENTIAL,
    };
    for (int i = 0; i < POLICY_FINDING_COUNT; i++)
        config->levels[i] = types[i].level;
}

bool policy_config_set_level(struct policy_config *config, struct slice name,
                             enum policy_level level)
{
    policy_types set = policy_types_parse(name);
    for (int i = 0; i < POLICY_FINDING_COUNT; i++) {
        if (set >> i & 1)
            config->levels[i] = level;
    }
    if (slice_eq_str(name, "uninspected"))
        config->uninspected_level = level;
    return set != 0;
}
