#include "router/router.h"

static const char *const task_names[] = {
#define X(name, text, tokens) text,
    ROUTER_TASKS(X)
#undef X
};

static const char *const group_names[] = {
#define X(name, text) text,
    ROUTER_GROUPS(X)
#undef X
};

static const char *const objective_names[] = {"cost", "latency", "quality"};
static const char *const unknown_names[] = {"", "empty", "no_letters", "too_short", "unseen"};
static const char *const health_names[] = {"up", "down", "breaker_open", "full"};

_Static_assert(sizeof objective_names / sizeof *objective_names == ROUTER_OBJECTIVE_COUNT, "names");
_Static_assert(sizeof unknown_names / sizeof *unknown_names == ROUTER_UNKNOWN_COUNT, "names");
_Static_assert(sizeof health_names / sizeof *health_names == ROUTER_HEALTH_COUNT, "names");

static const char *name_at(const char *const *names, size_t count, size_t index)
{
    return index < count ? names[index] : "?";
}

/* Index of `name`, or `count`. */
static size_t index_of(const char *const *names, size_t count, struct slice name)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (slice_eq_str(name, names[i]))
            break;
    return i;
}

const char *router_task_name(enum router_task task)
{
    return name_at(task_names, ROUTER_TASK_COUNT, (size_t)task);
}

bool router_task_from_name(struct slice name, enum router_task *ret)
{
    size_t i = index_of(task_names, ROUTER_TASK_COUNT, name);

    if (i < ROUTER_TASK_COUNT)
        *ret = (enum router_task)i;
    return i < ROUTER_TASK_COUNT;
}

const char *router_group_name(enum router_group group)
{
    return name_at(group_names, ROUTER_GROUP_COUNT, (size_t)group);
}

const char *router_objective_name(enum router_objective objective)
{
    return name_at(objective_names, ROUTER_OBJECTIVE_COUNT, (size_t)objective);
}

bool router_objective_from_name(struct slice name, enum router_objective *ret)
{
    size_t i = index_of(objective_names, ROUTER_OBJECTIVE_COUNT, name);

    if (i < ROUTER_OBJECTIVE_COUNT)
        *ret = (enum router_objective)i;
    return i < ROUTER_OBJECTIVE_COUNT;
}

const char *router_unknown_name(enum router_unknown why)
{
    return name_at(unknown_names, ROUTER_UNKNOWN_COUNT, (size_t)why);
}

const char *router_health_name(enum router_health health)
{
    return name_at(health_names, ROUTER_HEALTH_COUNT, (size_t)health);
}

struct router_capability router_capability_all(double rank)
{
    struct router_capability capability = {.measured = false};

    for (size_t i = 0; i < ROUTER_TASK_COUNT; i++)
        capability.by_task[i] = rank;
    return capability;
}

struct router_effects router_effects_none(enum policy_level level)
{
    return (struct router_effects){
        .level = level, .complexity_floor = -1, .max_cost_nano_usd = ROUTER_UNKNOWN};
}
