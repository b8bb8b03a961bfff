/*
 * Stored facts. One table per struct says which members are stored, under which key and in which
 * order, so that writing and reading cannot drift apart. Words of a prompt have no row.
 */
#include <stddef.h>
#include <stdio.h>

#include "router/private.h"

enum field_type {
    FIELD_I64,          /* >= -1 */
    FIELD_U32,          /* also unsigned */
    FIELD_MILLI,        /* int32 */
    FIELD_RANK,         /* double in [0,1] */
    FIELD_RANK_OR_NONE, /* the same, or negative for none */
    FIELD_BOOL,
    FIELD_STRING,
    FIELD_STRINGS,
    FIELD_STRUCT,
    FIELD_LIST,
    FIELD_RANKS,  /* double[ROUTER_TASK_COUNT] */
    FIELD_GROUPS, /* int32[ROUTER_GROUP_COUNT] */
    FIELD_LEVEL,  /* enums from here on, by name */
    FIELD_ZONE,
    FIELD_TASK,
    FIELD_OBJECTIVE,
    FIELD_HEALTH,
    FIELD_UNKNOWN
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    size_t count_offset;     /* STRINGS, LIST */
    const struct field *sub; /* STRUCT, LIST */
    size_t size;             /* LIST: of one element */
};

#define F(type, member, kind, key)                                                                 \
    {                                                                                              \
        key, FIELD_##kind, offsetof(struct type, member), 0, NULL, 0                               \
    }
#define F_STRINGS(type, member, counter, key)                                                      \
    {                                                                                              \
        key, FIELD_STRINGS, offsetof(struct type, member), offsetof(struct type, counter), NULL, 0 \
    }
#define F_STRUCT(type, member, table, key)                                                         \
    {                                                                                              \
        key, FIELD_STRUCT, offsetof(struct type, member), 0, table, 0                              \
    }
#define F_LIST(type, member, counter, table, element, key)                                         \
    {                                                                                              \
        key, FIELD_LIST, offsetof(struct type, member), offsetof(struct type, counter), table,     \
            sizeof(struct element)                                                                 \
    }
#define F_END                                                                                      \
    {                                                                                              \
        NULL, FIELD_I64, 0, 0, NULL, 0                                                             \
    }

enum { LIST_MAX = 4096 };

static const struct field set_fields[] = {
    F(router_target_set, zones, U32, "zones"),
    F_STRINGS(router_target_set, names, name_count, "names"),
    F_END,
};

static const struct field limit_fields[] = {
    F(router_limit, rule, STRING, "rule"),
    F_STRUCT(router_limit, set, set_fields, "set"),
    F_END,
};

static const struct field match_fields[] = {
    F(router_match, rule, STRING, "rule"),
    F(router_match, routing, BOOL, "routing"),
    F_END,
};

static const struct field effects_fields[] = {
    F(router_effects, level, LEVEL, "level"),
    F(router_effects, level_rule, STRING, "level_rule"),
    F(router_effects, complexity_floor, RANK_OR_NONE, "complexity_floor"),
    F(router_effects, complexity_rule, STRING, "complexity_rule"),
    F_LIST(router_effects, matched, match_count, match_fields, router_match, "matched"),
    F_LIST(router_effects, only, only_count, limit_fields, router_limit, "only"),
    F_LIST(router_effects, avoid, avoid_count, limit_fields, router_limit, "avoid"),
    F_LIST(router_effects, prefer, prefer_count, limit_fields, router_limit, "prefer"),
    F(router_effects, pin, STRING, "pin"),
    F(router_effects, pin_rule, STRING, "pin_rule"),
    F(router_effects, refuse, BOOL, "refuse"),
    F(router_effects, refuse_rule, STRING, "refuse_rule"),
    F(router_effects, refuse_message, STRING, "refuse_message"),
    F(router_effects, objective_given, BOOL, "objective_given"),
    F(router_effects, objective, OBJECTIVE, "objective"),
    F(router_effects, objective_rule, STRING, "objective_rule"),
    F(router_effects, max_cost_nano_usd, I64, "max_cost_nano_usd"),
    F(router_effects, max_cost_rule, STRING, "max_cost_rule"),
    F_END,
};

static const struct field route_fields[] = {
    F(router_route, name, STRING, "name"),
    F_STRINGS(router_route, targets, target_count, "targets"),
    F(router_route, deadline_ms, I64, "deadline_ms"),
    F(router_route, objective_given, BOOL, "objective_given"),
    F(router_route, objective, OBJECTIVE, "objective"),
    F(router_route, by_target_name, BOOL, "by_target_name"),
    F_END,
};

static const struct field session_fields[] = {
    F(router_session, target, STRING, "target"),
    F(router_session, open, BOOL, "open"),
    F(router_session, cached_tokens, I64, "cached_tokens"),
    F_END,
};

static const struct field capability_fields[] = {
    F(router_capability, by_task, RANKS, "by_task"),
    F(router_capability, measured, BOOL, "measured"),
    F(router_capability, scorer_version, STRING, "scorer"),
    F_END,
};

static const struct field price_fields[] = {
    F(router_price, input, I64, "input"),
    F(router_price, cache_read, I64, "cache_read"),
    F(router_price, output, I64, "output"),
    F(router_price, per_request, I64, "per_request"),
    F(router_price, per_second, I64, "per_second"),
    F_END,
};

static const struct field target_fields[] = {
    F(router_target, name, STRING, "name"),
    F(router_target, model, STRING, "model"),
    F(router_target, zone, ZONE, "zone"),
    F(router_target, clearance, LEVEL, "clearance"),
    F_STRUCT(router_target, capability, capability_fields, "capability"),
    F(router_target, context_tokens, I64, "context_tokens"),
    F(router_target, shortens, BOOL, "shortens"),
    F(router_target, max_output_tokens, I64, "max_output_tokens"),
    F(router_target, features, U32, "features"),
    F_STRUCT(router_target, price, price_fields, "price"),
    F(router_target, health, HEALTH, "health"),
    F(router_target, retry_after_ms, I64, "retry_after_ms"),
    F(router_target, first_token_ms, I64, "first_token_ms"),
    F(router_target, tokens_per_s_milli, I64, "tokens_per_s_milli"),
    F(router_target, budget_left_nano_usd, I64, "budget_left_nano_usd"),
    F(router_target, allowed_for_key, BOOL, "allowed_for_key"),
    F_END,
};

static const struct field facts_fields[] = {
    F(router_facts, level, LEVEL, "level"),
    F(router_facts, level_given, LEVEL, "level_given"),
    F(router_facts, complexity, RANK, "complexity"),
    F(router_facts, complexity_scored, RANK, "complexity_scored"),
    F(router_facts, unknown, UNKNOWN, "unknown"),
    F(router_facts, task, TASK, "task"),
    F(router_facts, scorer_version, STRING, "scorer"),
    F(router_facts, groups, GROUPS, "feature_groups"),
    F(router_facts, prompt_tokens, I64, "prompt_tokens"),
    F(router_facts, max_tokens, I64, "max_tokens"),
    F(router_facts, expected_output, I64, "expected_output"),
    F(router_facts, needs, U32, "needs"),
    F(router_facts, language, STRING, "language"),
    F(router_facts, turn, U32, "turn"),
    F(router_facts, message_count, U32, "message_count"),
    F(router_facts, has_code, BOOL, "has_code"),
    F(router_facts, tool_loop_open, BOOL, "tool_loop_open"),
    F(router_facts, findings, STRING, "findings"),
    F(router_facts, tenant, STRING, "tenant"),
    F(router_facts, model, STRING, "model"),
    F(router_facts, asked_target, STRING, "asked_target"),
    F(router_facts, objective, OBJECTIVE, "objective"),
    F(router_facts, deadline_ms, I64, "deadline_ms"),
    F(router_facts, min_tokens_per_s_milli, I64, "min_tokens_per_s_milli"),
    F_STRUCT(router_facts, effects, effects_fields, "effects"),
    F_STRUCT(router_facts, route, route_fields, "route"),
    F_STRUCT(router_facts, session, session_fields, "session"),
    F_LIST(router_facts, targets, target_count, target_fields, router_target, "targets"),
    F_END,
};

/* Enums are stored by name: how many values, and the name of one. */
static int enum_count(enum field_type type)
{
    static const int counts[] = {POLICY_LEVEL_COUNT,     POLICY_ZONE_COUNT,   ROUTER_TASK_COUNT,
                                 ROUTER_OBJECTIVE_COUNT, ROUTER_HEALTH_COUNT, ROUTER_UNKNOWN_COUNT};

    return counts[type - FIELD_LEVEL];
}

static const char *enum_name(enum field_type type, int value)
{
    switch (type) {
    case FIELD_LEVEL:
        return policy_level_name((enum policy_level)value);
    case FIELD_ZONE:
        return policy_zone_name((enum policy_zone)value);
    case FIELD_TASK:
        return router_task_name((enum router_task)value);
    case FIELD_OBJECTIVE:
        return router_objective_name((enum router_objective)value);
    case FIELD_HEALTH:
        return router_health_name((enum router_health)value);
    default:
        return value ? router_unknown_name((enum router_unknown)value) : "known";
    }
}

/* ---- Writing ---- */

static void write_struct(const struct field *fields, const char *base, struct json_writer *w);

static void write_list(const struct field *f, const char *base, struct json_writer *w)
{
    const char *items;
    size_t count;

    memcpy(&items, base + f->offset, sizeof items);
    memcpy(&count, base + f->count_offset, sizeof count);
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        if (f->type == FIELD_LIST) {
            write_struct(f->sub, items + i * f->size, w);
        } else {
            struct slice s;

            memcpy(&s, items + i * sizeof s, sizeof s);
            json_put_string(w, s);
        }
    }
    json_close_array(w);
}

static void write_numbers(const struct field *f, const char *at, struct json_writer *w)
{
    json_open_array(w);
    if (f->type == FIELD_RANKS)
        for (size_t i = 0; i < ROUTER_TASK_COUNT; i++)
            json_put_double(w, ((const double *)(const void *)at)[i]);
    else
        for (size_t i = 0; i < ROUTER_GROUP_COUNT; i++)
            json_put_i64(w, ((const int32_t *)(const void *)at)[i]);
    json_close_array(w);
}

static void write_field(const struct field *f, const char *base, struct json_writer *w)
{
    const void *at = base + f->offset;

    switch (f->type) {
    case FIELD_I64:
        json_put_i64(w, *(const int64_t *)at);
        break;
    case FIELD_U32:
        json_put_i64(w, *(const uint32_t *)at);
        break;
    case FIELD_MILLI:
        json_put_i64(w, *(const int32_t *)at);
        break;
    case FIELD_RANK:
    case FIELD_RANK_OR_NONE:
        json_put_double(w, *(const double *)at);
        break;
    case FIELD_BOOL:
        json_put_bool(w, *(const bool *)at);
        break;
    case FIELD_STRING:
        json_put_string(w, *(const struct slice *)at);
        break;
    case FIELD_STRINGS:
    case FIELD_LIST:
        write_list(f, base, w);
        break;
    case FIELD_STRUCT:
        write_struct(f->sub, at, w);
        break;
    case FIELD_RANKS:
    case FIELD_GROUPS:
        write_numbers(f, at, w);
        break;
    default:
        json_put_string(w, slice_from_str(enum_name(f->type, *(const int *)at)));
    }
}

static void write_struct(const struct field *fields, const char *base, struct json_writer *w)
{
    json_open_object(w);
    for (; fields->key; fields++) {
        json_key(w, slice_from_str(fields->key));
        write_field(fields, base, w);
    }
    json_close_object(w);
}

void router_facts_write(const struct router_facts *facts, struct json_writer *w)
{
    write_struct(facts_fields, (const char *)facts, w);
}

/* ---- Writing what differs ---- */

static bool same_struct(const struct field *fields, const char *a, const char *b);

static bool same_string(const char *a, const char *b)
{
    struct slice x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return slice_is_absent(x) == slice_is_absent(y) && slice_eq(x, y);
}

/* Lists of as many items. */
static bool same_items(const struct field *f, const char *a, const char *b, size_t count)
{
    size_t size = f->type == FIELD_LIST ? f->size : sizeof(struct slice);
    bool same = true;

    for (size_t i = 0; same && a != b && i < count; i++)
        same = f->type == FIELD_LIST ? same_struct(f->sub, a + i * size, b + i * size)
                                     : same_string(a + i * size, b + i * size);
    return same;
}

static size_t width_of(enum field_type type)
{
    switch (type) {
    case FIELD_I64:
        return sizeof(int64_t);
    case FIELD_RANK:
    case FIELD_RANK_OR_NONE:
        return sizeof(double);
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_RANKS:
        return ROUTER_TASK_COUNT * sizeof(double);
    case FIELD_GROUPS:
        return ROUTER_GROUP_COUNT * sizeof(int32_t);
    default:
        return sizeof(int32_t);
    }
}

static void list_of(const struct field *f, const char *base, const char **ret_items,
                    size_t *ret_count)
{
    memcpy(ret_items, base + f->offset, sizeof *ret_items);
    memcpy(ret_count, base + f->count_offset, sizeof *ret_count);
}

static bool same_field(const struct field *f, const char *a, const char *b)
{
    const char *x, *y;
    size_t n, m;

    switch (f->type) {
    case FIELD_STRING:
        return same_string(a + f->offset, b + f->offset);
    case FIELD_STRUCT:
        return same_struct(f->sub, a + f->offset, b + f->offset);
    case FIELD_STRINGS:
    case FIELD_LIST:
        list_of(f, a, &x, &n);
        list_of(f, b, &y, &m);
        return n == m && same_items(f, x, y, n);
    default:
        return memcmp(a + f->offset, b + f->offset, width_of(f->type)) == 0;
    }
}

static bool same_struct(const struct field *fields, const char *a, const char *b)
{
    while (fields->key && same_field(fields, a, b))
        fields++;
    return !fields->key;
}

static void write_changes(const struct field *fields, const char *at, const char *base,
                          struct json_writer *w);

/* {"3":{...}}: what differs in the items of a list that is as long. */
static void write_item_changes(const struct field *f, const char *items, const char *before,
                               size_t count, struct json_writer *w)
{
    char index[24];

    json_open_object(w);
    for (size_t i = 0; i < count; i++) {
        const char *a = items + i * f->size, *b = before + i * f->size;

        if (same_struct(f->sub, a, b))
            continue;
        json_key(w, slice_of(index, (size_t)snprintf(index, sizeof index, "%zu", i)));
        write_changes(f->sub, a, b, w);
    }
    json_close_object(w);
}

static void write_changes(const struct field *fields, const char *at, const char *base,
                          struct json_writer *w)
{
    const char *items, *before;
    size_t count, count_before;

    json_open_object(w);
    for (; fields->key; fields++) {
        if (same_field(fields, at, base))
            continue;
        json_key(w, slice_from_str(fields->key));
        if (fields->type == FIELD_STRUCT) {
            write_changes(fields->sub, at + fields->offset, base + fields->offset, w);
            continue;
        }
        if (fields->type == FIELD_LIST) {
            list_of(fields, at, &items, &count);
            list_of(fields, base, &before, &count_before);
            if (count == count_before) {
                write_item_changes(fields, items, before, count, w);
                continue;
            }
        }
        write_field(fields, at, w);
    }
    json_close_object(w);
}

void router_facts_write_changes(const struct router_facts *facts, const struct router_facts *base,
                                struct json_writer *w)
{
    write_changes(facts_fields, (const char *)facts, (const char *)base, w);
}

/* ---- Reading ---- */

struct reader {
    struct arena *arena;
    bool changes; /* members may be left out: then what is there already stands */
    char path[80];
    struct base_error *reterr;
};

static enum base_err bad(struct reader *r, const char *expected)
{
    return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, r->path,
                                "stored facts: %s should be %s", r->path, expected);
}

static enum base_err no_memory(struct reader *r)
{
    return base_error_set(r->reterr, BASE_ERR_NO_MEMORY, "no memory left for stored facts");
}

static enum base_err read_struct(struct reader *r, const struct field *fields,
                                 const struct json_node *node, char *base);

/* {"3":{...}} on a copy of what is there. */
static enum base_err read_item_changes(struct reader *r, const struct field *f,
                                       const struct json_node *node, char *base)
{
    const char *before;
    size_t count;
    char *items;

    list_of(f, base, &before, &count);
    items = arena_alloc(r->arena, (count + 1) * f->size);
    if (!items)
        return no_memory(r);
    if (count)
        memcpy(items, before, count * f->size);
    for (const struct json_node *n = json_first(node); n; n = json_next(n)) {
        int64_t at;
        enum base_err err;

        if (!slice_to_i64(n->key, &at) || at < 0 || (uint64_t)at >= count)
            return bad(r, "an item that is there");
        err = read_struct(r, f->sub, n, items + (size_t)at * f->size);
        if (err)
            return err;
    }
    memcpy(base + f->offset, &items, sizeof items);
    return BASE_OK;
}

static enum base_err read_list(struct reader *r, const struct field *f,
                               const struct json_node *node, char *base)
{
    size_t size = f->type == FIELD_LIST ? f->size : sizeof(struct slice), i = 0, count;
    bool was_changes = r->changes;
    char *items;

    if (r->changes && f->type == FIELD_LIST && json_is(node, JSON_OBJECT))
        return read_item_changes(r, f, node, base);
    if (!json_is(node, JSON_ARRAY) || node->count > LIST_MAX)
        return bad(r, "a list of reasonable length");
    count = node->count;
    items = arena_calloc(r->arena, count + 1, size);
    if (!items)
        return no_memory(r);
    r->changes = false; /* its items are whole */
    for (const struct json_node *n = json_first(node); n; n = json_next(n), i++) {
        struct slice s = json_string(n);
        enum base_err err = BASE_OK;

        if (f->type == FIELD_LIST)
            err = read_struct(r, f->sub, n, items + i * size);
        else if (slice_is_absent(s))
            err = bad(r, "a list of strings");
        else
            memcpy(items + i * size, &s, sizeof s);
        if (err)
            return err;
    }
    r->changes = was_changes;
    memcpy(base + f->offset, &items, sizeof items);
    memcpy(base + f->count_offset, &count, sizeof count);
    return BASE_OK;
}

static bool is_rank(double v)
{
    return v >= 0 && v <= 1;
}

static enum base_err read_numbers(struct reader *r, const struct field *f,
                                  const struct json_node *node, char *at)
{
    size_t want = f->type == FIELD_RANKS ? ROUTER_TASK_COUNT : ROUTER_GROUP_COUNT, i = 0;

    if (!json_is(node, JSON_ARRAY) || node->count != want)
        return bad(r, "a list with one number for each");
    for (const struct json_node *n = json_first(node); n; n = json_next(n), i++) {
        double rank;
        int64_t number;

        if (f->type == FIELD_RANKS) {
            if (!json_to_double(n, &rank) || !is_rank(rank))
                return bad(r, "numbers between 0 and 1");
            ((double *)(void *)at)[i] = rank;
        } else {
            if (!json_to_i64(n, &number) || number < INT32_MIN || number > INT32_MAX)
                return bad(r, "whole numbers");
            ((int32_t *)(void *)at)[i] = (int32_t)number;
        }
    }
    return BASE_OK;
}

static enum base_err read_enum(struct reader *r, const struct field *f,
                               const struct json_node *node, void *at)
{
    struct slice name = json_string(node);

    for (int i = 0; i < enum_count(f->type); i++) {
        if (!slice_eq_str(name, enum_name(f->type, i)))
            continue;
        *(int *)at = i;
        return BASE_OK;
    }
    return bad(r, "a known name");
}

static enum base_err read_number(struct reader *r, const struct field *f,
                                 const struct json_node *node, void *at)
{
    bool is_i64 = f->type == FIELD_I64, is_u32 = f->type == FIELD_U32;
    int64_t n;

    if (!json_to_i64(node, &n))
        return bad(r, "a whole number");
    if (is_i64 ? n < -1 : is_u32 ? n < 0 || n > UINT32_MAX : n < INT32_MIN || n > INT32_MAX)
        return bad(r, "a number in its range");
    if (is_i64)
        *(int64_t *)at = n;
    else if (is_u32)
        *(uint32_t *)at = (uint32_t)n;
    else
        *(int32_t *)at = (int32_t)n;
    return BASE_OK;
}

static enum base_err read_rank(struct reader *r, const struct field *f,
                               const struct json_node *node, void *at)
{
    double v;

    if (!json_to_double(node, &v) || !(is_rank(v) || (f->type == FIELD_RANK_OR_NONE && v < 0)))
        return bad(r, "a number between 0 and 1");
    *(double *)at = v;
    return BASE_OK;
}

static enum base_err read_field(struct reader *r, const struct field *f,
                                const struct json_node *node, char *base)
{
    void *at = base + f->offset;

    switch (f->type) {
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_MILLI:
        return read_number(r, f, node, at);
    case FIELD_RANK:
    case FIELD_RANK_OR_NONE:
        return read_rank(r, f, node, at);
    case FIELD_BOOL:
        return json_to_bool(node, at) ? BASE_OK : bad(r, "true or false");
    case FIELD_STRING:
        if (!json_is(node, JSON_STRING) && !json_is(node, JSON_NULL))
            return bad(r, "a string or null");
        *(struct slice *)at = json_string(node);
        return BASE_OK;
    case FIELD_STRINGS:
    case FIELD_LIST:
        return read_list(r, f, node, base);
    case FIELD_STRUCT:
        return read_struct(r, f->sub, node, at);
    case FIELD_RANKS:
    case FIELD_GROUPS:
        return read_numbers(r, f, node, at);
    default:
        return read_enum(r, f, node, at);
    }
}

/* Members come in the order of the table, each exactly once (or, of changes, at most). Depth is
 * that of the tables. */
static enum base_err read_struct(struct reader *r, const struct field *fields,
                                 const struct json_node *node, char *base)
{
    const struct json_node *member = json_first(node);
    size_t length = strlen(r->path);
    enum base_err err = BASE_OK;

    if (!json_is(node, JSON_OBJECT))
        return bad(r, "an object");
    for (; fields->key && !err; fields++) {
        bool is_next = member && slice_eq_str(member->key, fields->key);

        if (!is_next && r->changes)
            continue;
        snprintf(r->path + length, sizeof r->path - length, "%s%s", length ? "." : "", fields->key);
        if (!is_next)
            return bad(r, "the next member");
        err = read_field(r, fields, member, base);
        if (!err)
            r->path[length] = 0;
        member = json_next(member);
    }
    if (!err && member)
        return bad(r, "without further members");
    return err;
}

enum base_err router_facts_read(const struct json_node *node, const struct router_facts *base,
                                struct arena *arena, struct router_facts *ret,
                                struct base_error *reterr)
{
    struct reader r = {.arena = arena, .changes = base != NULL, .reterr = reterr};
    struct router_facts facts = {.level = POLICY_LEVEL_PUBLIC};
    enum base_err err;

    if (base)
        facts = *base;
    err = read_struct(&r, facts_fields, node, (char *)&facts);

    if (err)
        return err;
    if (!facts.target_count || facts.target_count > ROUTER_TARGETS_MAX)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "targets",
                                    "stored facts: there should be 1 to %d targets",
                                    ROUTER_TARGETS_MAX);
    *ret = facts;
    return BASE_OK;
}

_Static_assert(sizeof(enum policy_level) == sizeof(int) && sizeof(enum router_task) == sizeof(int),
               "enums are read and written as int");
