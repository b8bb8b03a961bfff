#include "gateway/serve/snapshot.h"

#include "base/crypto/crypto.h"
#include "gateway/local/resident.h"
#include "gateway/pipeline/pipeline.h"
#include "gateway/serve/secret.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- engine models ---- */

struct engines {
    struct residents *residents;
    struct target **items; /* as the models of the configuration */
    size_t count;
};

static char *path_in(const struct config *config, struct slice path)
{
    char *ret = NULL;
    bool is_relative = path.len > 0 && path.ptr[0] != '/' && config->directory.len > 0;
    int len = is_relative
                  ? asprintf(&ret, "%.*s/%.*s", SLICE_ARG(config->directory), SLICE_ARG(path))
                  : asprintf(&ret, "%.*s", SLICE_ARG(path));
    return len < 0 ? NULL : ret;
}

/* Head first: the file is looked at, and loaded when a request comes. */
static enum base_err add_model(struct residents *residents, const struct config *config,
                               const struct config_engine_model *m, bool head_first,
                               struct target **ret_target, struct base_error *reterr)
{
    char *path = path_in(config, m->path);
    char *draft = slice_is_absent(m->draft) ? NULL : path_in(config, m->draft);
    struct local_options options = {
        .name = m->name,
        .path = path,
        .context = m->context,
        .sequences = m->sequences,
        .threads = m->threads,
        .queue_max = m->queue,
        .kv = m->kv,
        .overflow = m->overflow,
        .guesses = m->guesses,
        .draft_path = draft,
    };
    struct resident_options resident = {
        .local = options, .on_demand = head_first, .idle_ms = m->idle_ms};
    enum base_err err = path ? residents_add(residents, &resident, ret_target, reterr)
                             : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    free(path);
    free(draft);
    return err;
}

enum base_err engines_open(const struct config *config, struct engines **ret_engines,
                           struct base_error *reterr)
{
    struct engines *engines = calloc(1, sizeof(*engines));
    if (!engines)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    enum base_err err = BASE_OK;
    engines->items = calloc(config->engine_model_count + 1, sizeof(engines->items[0]));
    if (!engines->items)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    if (!err)
        err = residents_new(config->engine_memory_bytes, &engines->residents, reterr);
    for (size_t i = 0; !err && i < config->engine_model_count; i++) {
        const struct config_engine_model *m = &config->engine_models[i];
        err = add_model(engines->residents, config, m, m->on_demand, &engines->items[i], reterr);
        if (!err)
            engines->count++;
    }
    if (err) {
        engines_free(engines);
        return err;
    }
    *ret_engines = engines;
    return BASE_OK;
}

enum base_err engines_check(const struct config *config, size_t model, struct base_error *reterr)
{
    struct residents *residents;
    struct target *target;
    enum base_err err = residents_new(config->engine_memory_bytes, &residents, reterr);
    if (err)
        return err;
    err = add_model(residents, config, &config->engine_models[model], true, &target, reterr);
    residents_free(residents);
    return err;
}

void engines_free(struct engines *engines)
{
    if (!engines)
        return;
    residents_free(engines->residents);
    free(engines->items);
    free(engines);
}

struct target *engines_find(const struct engines *engines, struct slice name)
{
    for (size_t i = 0; engines && i < engines->count; i++)
        if (slice_eq(engines->items[i]->name, name))
            return engines->items[i];
    return NULL;
}

/* ---- compiling ---- */

struct build {
    struct snapshot *snap;
    const struct config *config;
    const struct engines *engines;
    struct config_errors *errors;
    char path[64]; /* of what is being built, where errors do not say it; "" else */
    struct base_error detail;
};

static enum base_err report(struct build *b, enum base_err err)
{
    const struct base_error *d = &b->detail;
    char path[sizeof(b->path) + sizeof(*d)], message[sizeof(*d) + 2];
    bool is_named = d->param[0] && !b->path[0]; /* the message alone does not say where */
    (void)snprintf(path, sizeof(path), "%s%s%s%s%s", b->path, b->path[0] ? "." : "", d->param,
                   d->param[0] ? "." : "", d->message);
    (void)snprintf(message, sizeof(message), "%s%s%s", is_named ? d->param : "",
                   is_named ? ": " : "", d->message);
    if (b->errors)
        config_complain(b->config, b->errors, path, message);
    return err;
}

static enum base_err out_of_memory(struct build *b)
{
    return base_error_set(&b->detail, BASE_ERR_NO_MEMORY,
                          "not enough memory for this configuration");
}

static struct router_capability capability_of(const struct config_capability *c)
{
    struct router_capability ret = {0};
    memcpy(ret.by_task, c->by_task, sizeof(ret.by_task));
    return ret;
}

static void add_local(struct build *b, const struct config_engine_model *m, struct target *local,
                      struct slice name, const struct config_capability *capability)
{
    size_t at = b->snap->target_count++;
    b->snap->targets[at] =
        (struct snapshot_target){.local = local, .nano_usd_per_second = m->nano_usd_per_second};
    b->snap->facts[at] = (struct router_target){
        .name = name,
        .model = name,
        .zone = POLICY_ZONE_DEVICE,
        .clearance = m->clearance,
        .capability = capability_of(capability),
        .context_tokens = local        ? (int64_t)resident_context(local)
                          : m->context ? (int64_t)m->context
                                       : -1,
        .shortens = m->overflow != ENGINE_OVERFLOW_STOP,
        .max_output_tokens = -1,
        .features = resident_features(local),
        .price = {.per_second = m->nano_usd_per_second, .cache_read = 0},
        .first_token_ms = -1,
        .tokens_per_s_milli = -1,
        .budget_left_nano_usd = -1,
        .retry_after_ms = -1,
        .allowed_for_key = true,
    };
}

static enum base_err add_adapter(struct build *b, const struct config_engine_model *m,
                                 struct target *model, const struct config_engine_adapter *a)
{
    struct target *local = NULL;
    if (model) {
        char *path = path_in(b->config, a->path);
        enum base_err err = path ? residents_adapter(b->engines->residents, model, a->name, path,
                                                     &local, &b->detail)
                                 : out_of_memory(b);
        free(path);
        if (err)
            return err;
    }
    add_local(b, m, local, a->name, &a->capability);
    b->snap->targets[b->snap->target_count - 1].is_adapter = true;
    return BASE_OK;
}

/* The model, then its adapters. */
static enum base_err add_engine_targets(struct build *b, const struct config_engine_model *m)
{
    struct target *local = engines_find(b->engines, m->name);
    if (b->engines && !local)
        return base_error_set(
            &b->detail, BASE_ERR_BAD_CONFIG,
            "engine.models: `%.*s` is not loaded; a change of engine models needs a restart",
            SLICE_ARG(m->name));
    add_local(b, m, local, m->name, &m->capability);
    enum base_err err = BASE_OK;
    for (size_t i = 0; !err && i < m->adapter_count; i++)
        err = add_adapter(b, m, local, &m->adapters[i]);
    return err;
}

static struct router_price price_of(const struct upstream_prices *prices)
{
    if (!prices || prices->tier_count == 0)
        return (struct router_price){-1, -1, -1, 0, 0};
    const struct upstream_price_tier *tier = &prices->tiers[0];
    return (struct router_price){tier->input, tier->cache_read, tier->output,
                                 prices->per_request_nano_usd, 0};
}

static void add_upstream_targets(struct build *b, const struct config_upstream *cu,
                                 struct upstream *up, size_t at)
{
    for (size_t i = 0; i < cu->model_count; i++, at++) {
        const struct config_upstream_model *m = &cu->models[i];
        const struct upstream_model *model = upstream_model_at(up, i);
        b->snap->targets[at] =
            (struct snapshot_target){.upstream = up, .model = i, .prices = model->prices};
        b->snap->facts[at] = (struct router_target){
            .name = model->target_name,
            .model = model->name,
            .zone = cu->zone,
            .clearance = cu->clearance,
            .capability = capability_of(&m->capability),
            .context_tokens = m->context_tokens > 0 ? m->context_tokens : -1,
            .max_output_tokens = m->max_output_tokens > 0 ? m->max_output_tokens : -1,
            .features = model->features,
            .price = price_of(model->prices),
            .first_token_ms = -1,
            .tokens_per_s_milli = -1,
            .budget_left_nano_usd = -1,
            .retry_after_ms = -1,
            .allowed_for_key = true,
        };
    }
}

/* Reads the keys (only when there is something to serve) and makes the upstream. */
static enum base_err build_upstream(struct build *b, const struct config_upstream *cu,
                                    struct upstream **ret)
{
    struct secret keys[4] = {0};
    struct slice key_values[4];
    size_t key_count = 0;
    enum base_err err = BASE_OK;
    if (cu->key_count > 4)
        return base_error_set(&b->detail, BASE_ERR_BAD_CONFIG, "upstream %.*s: at most 4 keys",
                              SLICE_ARG(cu->name));
    for (size_t i = 0; b->engines && !err && i < cu->key_count; i++) {
        err = secret_read(cu->keys[i], b->config->directory, &keys[i], &b->detail);
        if (!err)
            key_values[key_count++] = keys[i].value;
    }
    struct upstream_model_config *models =
        arena_calloc(b->snap->arena, cu->model_count + 1, sizeof(*models));
    if (!err && !models)
        err = out_of_memory(b);
    for (size_t i = 0; !err && i < cu->model_count; i++)
        models[i] = (struct upstream_model_config){
            .name = cu->models[i].name,
            .upstream_name = cu->models[i].upstream_name,
            .features = cu->models[i].features,
            .context_tokens = cu->models[i].context_tokens,
            .prices = cu->models[i].prices,
        };
    if (!err) {
        struct upstream_config uc = {
            .name = cu->name,
            .kind = cu->kind,
            .urls = cu->urls,
            .url_count = cu->url_count,
            .keys = key_values,
            .key_count = key_count,
            .zone = cu->zone,
            .clearance = cu->clearance,
            .addresses = cu->addresses,
            .address_count = cu->address_count,
            .ca_file = cu->ca_file,
            .models = models,
            .model_count = cu->model_count,
            .deadlines = cu->deadlines,
            .max_concurrent = cu->max_concurrent,
        };
        err = upstream_new(&uc, clock_system(), ret, &b->detail);
    }
    for (size_t i = 0; i < 4; i++)
        secret_done(&keys[i]);
    return err;
}

static void inherit(struct upstream *up, const struct snapshot *before)
{
    for (size_t i = 0; before && i < before->upstream_count; i++)
        if (slice_eq(upstream_name(before->upstreams[i]), upstream_name(up)))
            upstream_inherit_facts(up, before->upstreams[i]);
}

static enum base_err build_targets(struct build *b, const struct snapshot *before)
{
    const struct config *c = b->config;
    size_t count = c->engine_model_count;
    for (size_t i = 0; i < c->engine_model_count; i++)
        count += c->engine_models[i].adapter_count;
    for (size_t i = 0; i < c->upstream_count; i++)
        count += c->upstreams[i].model_count;
    struct snapshot *s = b->snap;
    s->facts = arena_calloc(s->arena, count + 1, sizeof(*s->facts));
    s->targets = arena_calloc(s->arena, count + 1, sizeof(*s->targets));
    s->upstreams = arena_calloc(s->arena, c->upstream_count + 1, sizeof(struct upstream *));
    if (!s->facts || !s->targets || !s->upstreams)
        return out_of_memory(b);
    if (count == 0)
        return base_error_set(&b->detail, BASE_ERR_BAD_CONFIG,
                              "no targets: give engine.models or upstreams at least one model");
    for (size_t i = 0; i < c->engine_model_count; i++) {
        enum base_err err = add_engine_targets(b, &c->engine_models[i]);
        if (err)
            return err;
    }
    for (size_t i = 0; i < c->upstream_count; i++) {
        struct upstream *up;
        (void)snprintf(b->path, sizeof(b->path), "upstreams[%zu]", i);
        enum base_err err = build_upstream(b, &c->upstreams[i], &up);
        if (err)
            return err;
        b->path[0] = '\0';
        s->upstreams[s->upstream_count++] = up;
        inherit(up, before);
        add_upstream_targets(b, &c->upstreams[i], up, s->target_count);
        s->target_count += c->upstreams[i].model_count;
    }
    return BASE_OK;
}

/* An adapter's name, or one with a slash in it, can be that of another target. */
static enum base_err check_target_names(struct build *b)
{
    const struct snapshot *s = b->snap;
    for (size_t i = 0; i < s->target_count; i++)
        if (snapshot_find(s, s->facts[i].name) != i)
            return base_error_set(&b->detail, BASE_ERR_BAD_CONFIG,
                                  "two targets are called `%.*s`; rename one",
                                  SLICE_ARG(s->facts[i].name));
    return BASE_OK;
}

/* Strings of the configuration that an outgoing body may hold. */
static enum base_err build_policy(struct build *b)
{
    const struct config *c = b->config;
    struct policy_config pc = c->policy;
    struct slice *own = arena_calloc(b->snap->arena, b->snap->target_count + 1, sizeof(*own));
    if (!own)
        return out_of_memory(b);
    size_t count = 0;
    for (size_t i = 0; i < b->snap->target_count; i++) {
        const struct snapshot_target *t = &b->snap->targets[i];
        if (t->upstream)
            own[count++] = upstream_model_at(t->upstream, t->model)->upstream_name;
    }
    pc.own_strings = own;
    pc.own_string_count = count;
    (void)snprintf(b->path, sizeof(b->path), "policy");
    enum base_err err = policy_new(&pc, &b->snap->policy, &b->detail);
    if (!err)
        b->path[0] = '\0';
    return err;
}

static enum base_err build_rules(struct build *b)
{
    const struct config *c = b->config;
    struct snapshot *s = b->snap;
    size_t findings = c->policy.dictionary_count + c->policy.pattern_count;
    struct slice *known_findings = arena_calloc(s->arena, findings + 1, sizeof(*known_findings));
    struct slice *known_targets =
        arena_calloc(s->arena, s->target_count + 1, sizeof(*known_targets));
    if (!known_findings || !known_targets)
        return out_of_memory(b);
    findings = 0;
    for (size_t i = 0; i < c->policy.dictionary_count; i++)
        known_findings[findings++] = c->policy.dictionaries[i].name;
    for (size_t i = 0; i < c->policy.pattern_count; i++)
        known_findings[findings++] = c->policy.patterns[i].name;
    for (size_t i = 0; i < s->target_count; i++)
        known_targets[i] = s->facts[i].name;
    struct router_rules_config rc = {
        .rules = c->rules,
        .rule_count = c->rule_count,
        .known_findings = known_findings,
        .known_finding_count = findings,
        .known_targets = known_targets,
        .known_target_count = s->target_count,
    };
    return router_rules_new(&rc, &s->rules, &b->detail);
}

static const struct config_model *model_find(const struct config *config, struct slice name)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (slice_eq(config->models[i].name, name))
            return &config->models[i];
    return NULL;
}

/* The route that a name stands for, aliases followed; NULL when it is a pipeline. */
static enum base_err resolve(struct build *b, const struct config_model *m,
                             const struct config_model **ret)
{
    for (size_t hops = 0; !slice_is_absent(m->route); hops++) {
        const struct config_model *next = model_find(b->config, m->route);
        if (!next && slice_eq_str(m->route, "auto")) {
            *ret = NULL; /* auto need not be written down: it is every target */
            return BASE_OK;
        }
        if (!next || hops > b->config->model_count)
            return base_error_set(&b->detail, BASE_ERR_BAD_CONFIG, "models.%.*s: route `%.*s` %s",
                                  SLICE_ARG(m->name), SLICE_ARG(m->route),
                                  next ? "leads back to itself" : "is not a name under models");
        m = next;
    }
    *ret = m;
    return BASE_OK;
}

static enum base_err build_routes(struct build *b)
{
    const struct config *c = b->config;
    struct router_route *routes = arena_calloc(b->snap->arena, c->model_count + 1, sizeof(*routes));
    if (!routes)
        return out_of_memory(b);
    size_t count = 0;
    bool has_auto = false;
    for (size_t i = 0; i < c->model_count; i++) {
        const struct config_model *m = NULL;
        enum base_err err = resolve(b, &c->models[i], &m);
        if (err)
            return err;
        has_auto |= slice_eq_str(c->models[i].name, "auto");
        if (m && !slice_is_absent(m->pipeline))
            continue;
        for (size_t k = 0; m && k < m->target_count; k++)
            if (snapshot_find(b->snap, m->targets[k]) == SIZE_MAX)
                return base_error_set(&b->detail, BASE_ERR_BAD_CONFIG,
                                      "models.%.*s: unknown target `%.*s`", SLICE_ARG(m->name),
                                      SLICE_ARG(m->targets[k]));
        routes[count++] = (struct router_route){
            .name = c->models[i].name,
            .targets = m ? m->targets : NULL,
            .target_count = m ? m->target_count : 0,
            .deadline_ms = m ? m->deadline_ms : 0,
            .objective_given = m && m->objective_given,
            .objective = m ? m->objective : ROUTER_OBJECTIVE_COST,
        };
    }
    if (!has_auto)
        routes[count++] = (struct router_route){.name = SLICE("auto")};
    b->snap->routes = (struct router_routes){routes, count};
    return BASE_OK;
}

static enum base_err find_pipelines(struct build *b)
{
    const struct config *c = b->config;
    for (size_t i = 0; i < c->model_count; i++) {
        bool found = slice_is_absent(c->models[i].pipeline);
        for (size_t k = 0; k < c->pipeline_count; k++)
            found |= slice_eq(c->pipelines[k].name, c->models[i].pipeline);
        if (!found)
            return base_error_set(&b->detail, BASE_ERR_BAD_CONFIG,
                                  "models.%.*s: unknown pipeline `%.*s`",
                                  SLICE_ARG(c->models[i].name), SLICE_ARG(c->models[i].pipeline));
    }
    return BASE_OK;
}

/* Each step asks for something that exists and is no pipeline itself. */
static enum base_err check_step_target(struct build *b, const struct config_pipeline *p,
                                       const struct config_step *step)
{
    const struct config_model *m = snapshot_model(b->snap, step->target);
    struct router_route route;
    if (!snapshot_pipeline(b->snap, step->target) &&
        !router_route_find(&b->snap->routes, b->snap->facts, b->snap->target_count,
                           m ? m->name : step->target, b->snap->arena, &route, NULL))
        return BASE_OK;
    return base_error_set_param(
        &b->detail, BASE_ERR_BAD_CONFIG, "pipelines",
        "%.*s.%.*s: target `%.*s` is neither a target, nor auto, nor a name under models "
        "that is not a pipeline",
        SLICE_ARG(p->name), SLICE_ARG(step->id), SLICE_ARG(step->target));
}

static enum base_err check_pipelines(struct build *b)
{
    const struct config *c = b->config;
    enum base_err err = BASE_OK;
    for (size_t i = 0; !err && i < c->pipeline_count; i++) {
        err = pipeline_check(&c->pipelines[i], &b->detail);
        for (size_t k = 0; !err && k < c->pipelines[i].step_count; k++)
            err = check_step_target(b, &c->pipelines[i], &c->pipelines[i].steps[k]);
    }
    return err;
}

/* A step works on the answers of those before it that run whenever it does: each without a
 * condition, and the one that its own asks for. `before`: the paths of the steps so far. */
static enum policy_level least_of_step(const struct config_pipeline *p, size_t at,
                                       const struct router_path *before)
{
    const struct config_step *step = &p->steps[at];
    enum policy_level least = step->least_level;
    for (size_t i = 0; i < at; i++)
        if (slice_is_absent(p->steps[i].when_step) || slice_eq(p->steps[i].id, step->when_step))
            least = policy_level_join(least, before[i].least_level);
    return least;
}

/* The targets that a step may be served by: its own, or those of the route it names. */
static enum base_err set_of_step(struct build *b, const struct config_step *step,
                                 struct router_target_set *ret)
{
    const struct config_model *m = snapshot_model(b->snap, step->target);
    if (m) {
        enum base_err err = resolve(b, m, &m);
        *ret = (struct router_target_set){.names = m ? m->targets : NULL,
                                          .name_count = m ? m->target_count : 0};
        return err;
    }
    struct slice *name = arena_alloc(b->snap->arena, sizeof(*name));
    if (!name)
        return out_of_memory(b);
    *name = step->target;
    bool pinned = snapshot_find(b->snap, step->target) != SIZE_MAX;
    *ret = (struct router_target_set){.names = name, .name_count = pinned ? 1 : 0};
    return BASE_OK;
}

/* Pipeline steps as fixed ways for content. */
static enum base_err build_paths(struct build *b, struct router_path **ret, size_t *ret_count)
{
    const struct config *c = b->config;
    size_t count = 0;
    for (size_t i = 0; i < c->pipeline_count; i++)
        count += c->pipelines[i].step_count;
    struct router_path *paths = arena_calloc(b->snap->arena, count + 1, sizeof(*paths));
    if (!paths)
        return out_of_memory(b);
    count = 0;
    for (size_t i = 0; i < c->pipeline_count; i++)
        for (size_t k = 0; k < c->pipelines[i].step_count; k++) {
            const struct config_step *step = &c->pipelines[i].steps[k];
            struct router_path *path = &paths[count++];
            path->name = arena_printf(b->snap->arena, "pipelines.%.*s.steps.%.*s",
                                      SLICE_ARG(c->pipelines[i].name), SLICE_ARG(step->id));
            path->least_level = least_of_step(&c->pipelines[i], k, path - k);
            enum base_err err = set_of_step(b, step, &path->targets);
            if (err)
                return err;
        }
    *ret = paths;
    *ret_count = count;
    return BASE_OK;
}

static enum base_err check_paths(struct build *b)
{
    struct router_path *paths = NULL;
    size_t count = 0;
    enum base_err err = build_paths(b, &paths, &count);
    if (err)
        return err;
    struct router_check_config check = {
        .rules = b->snap->rules,
        .routes = &b->snap->routes,
        .targets = b->snap->facts,
        .target_count = b->snap->target_count,
        .paths = paths,
        .path_count = count,
        .least_level = policy_default_level(b->snap->policy),
    };
    return router_check(&check, b->snap->arena, &b->snap->matrix, &b->detail);
}

/* The facts of a request of which nothing is known, on the route that most take. */
static enum base_err make_base(struct build *b)
{
    static const char digits[] = "0123456789abcdef";
    struct snapshot *snap = b->snap;
    const struct router_signals nothing = {.score.version = router_scorer_version(NULL)};
    struct router_effects effects = router_effects_none(POLICY_LEVEL_PUBLIC);
    struct router_route route = {0};
    if (router_route_find(&snap->routes, snap->facts, snap->target_count, SLICE("auto"),
                          snap->arena, &route, NULL))
        route = (struct router_route){0};
    router_facts_fill(&snap->base, &nothing, &effects, &route, &snap->settings);
    snap->base.targets = snap->facts;
    snap->base.target_count = snap->target_count;
    struct buffer json;
    struct json_writer w;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    char name[2 * CRYPTO_SHA256_BYTES];
    buffer_init(&json, 64 << 20);
    json_writer_init(&w, &json);
    router_facts_write(&snap->base, &w);
    crypto_sha256(buffer_slice(&json), digest);
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = digits[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    snap->base_json = json.err ? SLICE_NONE : arena_dup(snap->arena, buffer_slice(&json));
    snap->base_name = arena_dup(snap->arena, slice_of(name, sizeof(name)));
    buffer_done(&json);
    return slice_is_absent(snap->base_json) || slice_is_absent(snap->base_name) ? out_of_memory(b)
                                                                                : BASE_OK;
}

enum base_err snapshot_new(struct config *config, struct engines *engines,
                           const struct snapshot *before, struct snapshot **ret_snapshot,
                           struct config_errors *errors)
{
    struct snapshot *snap = calloc(1, sizeof(*snap));
    struct arena *arena = arena_new(256 << 20);
    if (!snap || !arena) {
        free(snap);
        arena_free(arena);
        config_free(config);
        return BASE_ERR_NO_MEMORY;
    }
    snap->config = config;
    snap->arena = arena;
    snap->refs = 1;
    snap->settings = config->settings;
    snap->number = before ? before->number + 1 : 1;
    struct build b = {.snap = snap, .config = config, .engines = engines, .errors = errors};
    enum base_err err = build_targets(&b, before);
    if (!err)
        err = check_target_names(&b);
    if (!err)
        err = build_policy(&b);
    if (!err)
        err = build_rules(&b);
    if (!err)
        err = build_routes(&b);
    if (!err)
        err = find_pipelines(&b);
    if (!err)
        err = check_pipelines(&b);
    if (!err)
        err = check_paths(&b);
    if (!err)
        err = make_base(&b);
    if (err)
        report(&b, err);
    else if (errors)
        err = snapshot_check_names(snap, errors);
    if (err) {
        snapshot_unref(snap);
        return err;
    }
    *ret_snapshot = snap;
    return BASE_OK;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    __atomic_add_fetch(&snapshot->refs, 1, __ATOMIC_RELAXED);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || __atomic_sub_fetch(&snapshot->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < snapshot->target_count; i++)
        if (snapshot->targets[i].is_adapter)
            resident_adapter_unref(snapshot->targets[i].local);
    router_rules_free(snapshot->rules);
    policy_unref(snapshot->policy);
    for (size_t i = 0; i < snapshot->upstream_count; i++)
        upstream_unref(snapshot->upstreams[i]);
    config_free(snapshot->config);
    arena_free(snapshot->arena);
    free(snapshot);
}

size_t snapshot_find(const struct snapshot *snapshot, struct slice name)
{
    for (size_t i = 0; i < snapshot->target_count; i++)
        if (slice_eq(snapshot->facts[i].name, name))
            return i;
    return SIZE_MAX;
}

static bool fits(struct slice pattern, struct slice name)
{
    return pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*' &&
           slice_starts_with(name, slice_sub(pattern, 0, pattern.len - 1));
}

static bool is_target(const struct snapshot *snapshot, struct slice name)
{
    for (size_t i = 0; i < snapshot->target_count; i++)
        if (slice_eq(snapshot->facts[i].name, name) || slice_eq(snapshot->facts[i].model, name))
            return true;
    return false;
}

const struct config_model *snapshot_model(const struct snapshot *snapshot, struct slice name)
{
    const struct config *c = snapshot->config;
    const struct config_model *best = model_find(c, name);
    if (best || is_target(snapshot, name))
        return best;
    for (size_t i = 0; i < c->model_count; i++)
        if (fits(c->models[i].name, name) && (!best || c->models[i].name.len > best->name.len))
            best = &c->models[i];
    return best;
}

const struct config_pipeline *snapshot_pipeline(const struct snapshot *snapshot, struct slice model)
{
    const struct config *c = snapshot->config;
    const struct config_model *m = snapshot_model(snapshot, model);
    for (size_t hops = 0; m && !slice_is_absent(m->route) && hops <= c->model_count; hops++)
        m = model_find(c, m->route);
    if (!m || slice_is_absent(m->pipeline))
        return NULL;
    for (size_t i = 0; i < c->pipeline_count; i++)
        if (slice_eq(c->pipelines[i].name, m->pipeline))
            return &c->pipelines[i];
    return NULL;
}
