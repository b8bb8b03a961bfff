/* Names that clients ask for, where the configuration speaks of them: one that nobody can ask for
 * is a mistake in writing, and a rule or a key for it would never be used. */
#include "gateway/serve/snapshot.h"

#include "base/doc/doc.h"

#include <stdio.h>

struct names {
    const struct snapshot *snap;
    struct config_errors *errors;
};

static bool is_pattern(struct slice name)
{
    return slice_ends_with(name, SLICE("*"));
}

static bool can_be_asked_for(const struct snapshot *snap, struct slice name)
{
    if (slice_eq_str(name, "auto") || snapshot_model(snap, name))
        return true;
    for (size_t i = 0; i < snap->target_count; i++)
        if (slice_eq(snap->facts[i].name, name) || slice_eq(snap->facts[i].model, name))
            return true;
    return false;
}

static struct slice nearest(const struct snapshot *snap, struct slice name)
{
    size_t count = 0, room = snap->config->model_count + snap->target_count * 2;
    struct slice *names = arena_calloc(snap->arena, room + 1, sizeof(*names));
    if (!names)
        return SLICE_NONE;
    for (size_t i = 0; i < snap->config->model_count; i++)
        names[count++] = snap->config->models[i].name;
    for (size_t i = 0; i < snap->target_count; i++) {
        names[count++] = snap->facts[i].name;
        names[count++] = snap->facts[i].model;
    }
    return doc_nearest(name, names, count);
}

static void check_name(struct names *n, const char *path, struct slice name)
{
    char message[400];
    if (can_be_asked_for(n->snap, name))
        return;
    struct slice near = nearest(n->snap, name);
    (void)snprintf(message, sizeof(message),
                   "%s: nobody can ask for a model `%.*s`: it is neither a name under models nor a "
                   "target%s%.*s%s",
                   path, (int)(name.len < 100 ? name.len : 100), name.ptr,
                   near.len ? "; did you mean `" : "", SLICE_ARG(near), near.len ? "`?" : "");
    config_complain(n->snap->config, n->errors, path, message);
}

static void check_condition(struct names *n, const char *path, const struct router_condition *when)
{
    for (size_t i = 0; when->type == ROUTER_WHEN_MODEL && i < when->value_count; i++)
        if (!is_pattern(when->values[i]))
            check_name(n, path, when->values[i]);
    for (size_t i = 0; i < when->child_count; i++)
        check_condition(n, path, &when->children[i]);
}

enum base_err snapshot_check_names(const struct snapshot *snap, struct config_errors *errors)
{
    struct names n = {snap, errors};
    size_t before = errors->count;
    char path[64];
    for (size_t i = 0; i < snap->config->rule_count; i++) {
        (void)snprintf(path, sizeof(path), "rules[%zu].when", i);
        check_condition(&n, path, &snap->config->rules[i].when);
    }
    for (size_t i = 0; i < snap->config->tenant_count; i++) {
        const struct config_tenant *tenant = &snap->config->tenants[i];
        (void)snprintf(path, sizeof(path), "tenants[%zu].models", i);
        for (size_t k = 0; k < tenant->model_count; k++)
            check_name(&n, path, tenant->models[k]);
    }
    return errors->count > before ? BASE_ERR_BAD_CONFIG : BASE_OK;
}
