#include "gateway/config/config.h"

#include "gateway/config/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_MAX_BYTES = 256 << 20, WORDS_FILE_MAX = 16 << 20, KINDS_MAX = 64, PATH_BYTES = 4096 };

struct build {
    struct config *config;
    struct arena *arena;
    struct doc_errors *errors;
    bool no_memory;
};

static void *room(struct build *b, size_t count, size_t size)
{
    void *ret = arena_calloc(b->arena, count + 1, size);
    if (!ret)
        b->no_memory = true;
    return ret;
}

/* ---- targets ---- */

static struct config_capability capability(const struct file_capability *from)
{
    struct config_capability ret = {{0}};
    if (from->form == 0)
        for (int i = 0; i < ROUTER_TASK_COUNT; i++)
            ret.by_task[i] = from->all;
    for (size_t i = 0; from->form == 1 && i < from->per_task.count; i++) {
        enum router_task task;
        if (router_task_from_name(from->per_task.keys[i], &task))
            ret.by_task[task] = from->per_task.values[i];
    }
    return ret;
}

static int64_t nano_per_million(double usd)
{
    return usd < 0 ? -1 : (int64_t)(usd * 1e9 + 0.5);
}

static const struct config_engine_adapter *build_adapters(struct build *b,
                                                          const struct file_engine_model *m)
{
    struct config_engine_adapter *adapters = room(b, m->adapters.count, sizeof(*adapters));
    for (size_t i = 0; adapters && i < m->adapters.count; i++) {
        const struct file_engine_adapter *a = &m->adapters.items[i];
        adapters[i] = (struct config_engine_adapter){
            .name =
                arena_printf(b->config->arena, "%.*s:%.*s", SLICE_ARG(m->name), SLICE_ARG(a->name)),
            .path = a->path,
            .capability = capability(&a->capability),
        };
    }
    return adapters;
}

static void build_engine(struct build *b, const struct file_config *file)
{
    struct config_engine_model *models = room(b, file->engine.models.count, sizeof(*models));
    for (size_t i = 0; models && i < file->engine.models.count; i++) {
        const struct file_engine_model *m = &file->engine.models.items[i];
        models[i] = (struct config_engine_model){
            .name = m->name,
            .path = m->path,
            .context = (uint32_t)m->context,
            .sequences = (uint32_t)m->sequences,
            .threads = (uint32_t)m->threads,
            .queue = (uint32_t)m->queue,
            .kv = (enum engine_kv)m->kv_cache,
            .overflow = (enum engine_overflow)m->overflow,
            .guesses = (uint32_t)m->speculation.tokens,
            .draft = m->speculation.draft,
            .on_demand = m->load != 0,
            .idle_ms = m->idle_ms,
            .adapters = build_adapters(b, m),
            .adapter_count = m->adapters.count,
            .capability = capability(&m->capability),
            .clearance = (enum policy_level)m->clearance,
            .nano_usd_per_second = (int64_t)(m->usd_per_hour * 1e9 / 3600 + 0.5),
        };
    }
    b->config->engine_models = models;
    b->config->engine_model_count = file->engine.models.count;
    b->config->engine_memory_bytes = (uint64_t)file->engine.memory;
}

static struct upstream_prices *build_prices(struct build *b, const struct file_prices *from)
{
    struct upstream_prices *prices = from ? room(b, 1, sizeof(*prices)) : NULL;
    struct upstream_price_tier *tier = prices ? room(b, 1, sizeof(*tier)) : NULL;
    if (!tier)
        return NULL;
    *tier = UPSTREAM_PRICE_TIER_UNKNOWN;
    tier->input = nano_per_million(from->input);
    tier->output = nano_per_million(from->output);
    tier->cache_read = from->cache_read ? nano_per_million(*from->cache_read) : -1;
    tier->cache_write_5m = from->cache_write ? nano_per_million(*from->cache_write) : -1;
    tier->cache_write_1h = from->cache_write_1h ? nano_per_million(*from->cache_write_1h) : -1;
    tier->reasoning = from->reasoning ? nano_per_million(*from->reasoning) : -1;
    *prices =
        (struct upstream_prices){.tiers = tier,
                                 .tier_count = 1,
                                 .per_request_nano_usd = (int64_t)(from->per_request * 1e9 + 0.5),
                                 .effective_date = from->date};
    return prices;
}

static unsigned features(const struct file_upstream_model *m)
{
    unsigned bits = CHAT_NEED_TOOLS | CHAT_NEED_IMAGES | CHAT_NEED_JSON_OBJECT |
                    CHAT_NEED_JSON_SCHEMA | CHAT_NEED_LOGPROBS | CHAT_NEED_MANY |
                    CHAT_NEED_REASONING;
    if (!m->features_given)
        return bits;
    bits = 0;
    for (size_t i = 0; i < m->features.count; i++)
        bits |= (unsigned)m->features.items[i];
    return bits;
}

/* Relative paths are those beside the configuration. */
static void path_of(const struct build *b, struct slice file, char path[PATH_BYTES])
{
    struct slice folder = b->config->directory;
    bool relative = file.len > 0 && file.ptr[0] != '/' && folder.len > 0;
    (void)snprintf(path, PATH_BYTES, "%.*s%s%.*s", relative ? (int)folder.len : 0,
                   folder.ptr ? folder.ptr : "", relative ? "/" : "", SLICE_ARG(file));
}

static struct slice beside(const struct build *b, struct slice file)
{
    char path[PATH_BYTES];
    if (slice_is_absent(file))
        return file;
    path_of(b, file, path);
    return arena_dup(b->arena, slice_from_str(path));
}

/* libcurl would say so at each request only. */
static struct slice check_ca_file(struct build *b, const struct file_upstream *from)
{
    char path[PATH_BYTES];
    if (slice_is_absent(from->ca_file))
        return SLICE_NONE;
    path_of(b, from->ca_file, path);
    FILE *file = fopen(path, "re");
    if (!file) {
        doc_errors_add(b->errors, from->where, "upstream `%.*s`: ca_file %s: %s",
                       SLICE_ARG(from->name), path, strerror(errno));
        return SLICE_NONE;
    }
    bool has_one = false;
    char line[1024];
    errno = 0;
    while (!has_one && fgets(line, sizeof(line), file))
        has_one = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, "CERTIFICATE-----");
    int problem = errno; /* a folder can be opened, but not read */
    (void)fclose(file);
    if (!has_one)
        doc_errors_add(b->errors, from->where, "upstream `%.*s`: ca_file %s: %s",
                       SLICE_ARG(from->name), path,
                       problem ? strerror(problem) : "holds no certificate in PEM form");
    return arena_dup(b->arena, slice_from_str(path));
}

static void check_kind(struct build *b, const struct file_upstream *from)
{
    struct slice names[KINDS_MAX];
    size_t count = 0;
    if (upstream_kind_known(from->kind))
        return;
    for (const char *name; count < KINDS_MAX && (name = upstream_kind_name(count)) != NULL;)
        names[count++] = slice_from_str(name);
    struct slice nearest = doc_nearest(from->kind, names, count);
    doc_errors_add(b->errors, from->where, "unknown kind `%.*s` of upstream `%.*s`%s%.*s%s",
                   SLICE_ARG(from->kind), SLICE_ARG(from->name),
                   nearest.len ? "; did you mean `" : "", SLICE_ARG(nearest),
                   nearest.len ? "`?" : "");
}

/* A key that stands in the file itself is never shown, not even here. */
static void check_keys(struct build *b, const struct file_upstream *from)
{
    for (size_t i = 0; i < from->keys.count; i++)
        if (!slice_starts_with(from->keys.items[i], SLICE("env:")) &&
            !slice_starts_with(from->keys.items[i], SLICE("file:")))
            doc_errors_add(b->errors, doc_get(from->where, "key"),
                           "upstream `%.*s`: a key is `env:NAME` or `file:PATH`; the key itself "
                           "never stands in this file",
                           SLICE_ARG(from->name));
}

static void build_upstream(struct build *b, const struct file_upstream *from,
                           struct config_upstream *to)
{
    check_kind(b, from);
    check_keys(b, from);
    enum policy_zone zone =
        from->zone_given ? (enum policy_zone)from->zone : upstream_kind_default_zone(from->kind);
    struct config_upstream_model *models = room(b, from->models.count, sizeof(*models));
    *to = (struct config_upstream){
        .name = from->name,
        .kind = from->kind,
        .urls = from->urls.items,
        .url_count = from->urls.count,
        .keys = from->keys.items,
        .key_count = from->keys.count,
        .zone = zone,
        .clearance = from->clearance_given ? (enum policy_level)from->clearance
                                           : policy_zone_default_clearance(zone),
        .addresses = from->addresses.items,
        .address_count = from->addresses.count,
        .ca_file = check_ca_file(b, from),
        .deadlines = {from->deadlines.connect_ms, from->deadlines.first_byte_ms,
                      from->deadlines.idle_ms, from->deadlines.total_ms},
        .max_concurrent = from->max_concurrent,
        .models = models,
        .model_count = from->models.count,
    };
    for (size_t i = 0; models && i < from->models.count; i++) {
        const struct file_upstream_model *m = &from->models.items[i];
        models[i] = (struct config_upstream_model){
            .name = m->name,
            .upstream_name = slice_is_absent(m->upstream_name) ? m->name : m->upstream_name,
            .capability = capability(&m->capability),
            .features = features(m),
            .context_tokens = m->context,
            .max_output_tokens = m->max_output,
            .prices = build_prices(b, m->prices),
        };
    }
}

static void build_upstreams(struct build *b, const struct file_config *file)
{
    struct config_upstream *list = room(b, file->upstreams.count, sizeof(*list));
    for (size_t i = 0; list && i < file->upstreams.count; i++)
        build_upstream(b, &file->upstreams.items[i], &list[i]);
    b->config->upstreams = list;
    b->config->upstream_count = file->upstreams.count;
}

/* ---- policy ---- */

/* The whole of a text file, without the mark that editors put at its beginning. A dictionary that
 * cannot be read would protect nothing, so that everything doubtful is an error. */
static bool read_text(struct build *b, const struct file_dictionary *from, struct slice *ret)
{
    char path[PATH_BYTES];
    path_of(b, from->file, path);
    FILE *file = fopen(path, "re");
    if (!file) {
        doc_errors_add(b->errors, from->where, "%s: the dictionary cannot be read: %s", path,
                       strerror(errno));
        return false;
    }
    char *text = arena_alloc(b->arena, WORDS_FILE_MAX + 1);
    size_t len = text ? fread(text, 1, WORDS_FILE_MAX + 1, file) : 0;
    int problem = ferror(file) ? errno : 0; /* a folder can be opened, but not read */
    (void)fclose(file);
    struct slice all = slice_of(text, len);
    if (!text)
        b->no_memory = true;
    else if (problem)
        doc_errors_add(b->errors, from->where, "%s: the dictionary cannot be read: %s", path,
                       strerror(problem));
    else if (len > WORDS_FILE_MAX)
        doc_errors_add(b->errors, from->where, "%s: larger than 16 MiB", path);
    else if (memchr(text, '\0', len) || !slice_is_utf8(all))
        doc_errors_add(b->errors, from->where, "%s: not a text in UTF-8; convert it", path);
    else if (slice_starts_with(all, SLICE("\xEF\xBB\xBF")))
        *ret = slice_sub(all, 3, SIZE_MAX);
    else
        *ret = all;
    return ret->ptr != NULL;
}

/* One word a line; empty lines and lines that begin with # are left out. */
static bool read_words(struct build *b, const struct file_dictionary *from,
                       struct policy_dictionary *to)
{
    struct slice rest = SLICE_NONE;
    if (!read_text(b, from, &rest))
        return false;
    void *words = NULL;
    size_t count = 0, capacity = 0;
    while (rest.len > 0) {
        size_t end = slice_find(rest, SLICE("\n"));
        struct slice word = slice_trim(slice_sub(rest, 0, end));
        rest = slice_sub(rest, end == SIZE_MAX ? rest.len : end + 1, SIZE_MAX);
        if (word.len == 0 || word.ptr[0] == '#')
            continue;
        if (!arena_grow(b->arena, &words, count, &capacity, sizeof(struct slice))) {
            b->no_memory = true;
            return false;
        }
        ((struct slice *)words)[count++] = word;
    }
    if (count == 0)
        doc_errors_add(b->errors, from->where, "dictionary `%.*s`: the file %.*s holds no words",
                       SLICE_ARG(from->name), SLICE_ARG(from->file));
    to->words = words;
    to->word_count = count;
    return count > 0;
}

static void build_dictionaries(struct build *b, const struct file_policy *file)
{
    struct policy_dictionary *list = room(b, file->dictionaries.count, sizeof(*list));
    for (size_t i = 0; list && i < file->dictionaries.count; i++) {
        const struct file_dictionary *d = &file->dictionaries.items[i];
        list[i] = (struct policy_dictionary){.name = d->name,
                                             .words = d->words.items,
                                             .word_count = d->words.count,
                                             .level = (enum policy_level)d->level};
        if (slice_is_absent(d->file) == (d->words.count == 0))
            doc_errors_add(b->errors, d->where, "dictionary `%.*s`: give either `words` or `file`",
                           SLICE_ARG(d->name));
        else if (!slice_is_absent(d->file))
            (void)read_words(b, d, &list[i]);
    }
    b->config->policy.dictionaries = list;
    b->config->policy.dictionary_count = file->dictionaries.count;
}

/* A level for a type that nothing looks for would promise a protection that is not there. */
static void check_detected(struct build *b, const struct file_policy *file, size_t i)
{
    struct slice name = file->levels.keys[i];
    for (int type = 0; type < POLICY_FINDING_COUNT; type++)
        if (slice_eq_str(name, policy_finding_config_name((enum policy_finding_type)type)) &&
            !policy_finding_is_detected((enum policy_finding_type)type) &&
            file->levels.values[i] > file->default_level)
            doc_errors_add(
                b->errors, file->where,
                "policy.levels: nothing looks for `%.*s` in this version, so a level above the "
                "default would protect nothing; use a dictionary or a pattern",
                SLICE_ARG(name));
}

static void build_policy(struct build *b, const struct file_policy *file)
{
    struct policy_config *policy = &b->config->policy;
    policy_config_init(policy);
    policy->default_level = (enum policy_level)file->default_level;
    policy->uninspected_level = (enum policy_level)file->uninspected;
    for (size_t i = 0; i < file->levels.count; i++)
        if (!policy_config_set_level(policy, file->levels.keys[i],
                                     (enum policy_level)file->levels.values[i]))
            doc_errors_add(b->errors, file->where,
                           "policy.levels: unknown finding type or group `%.*s`",
                           SLICE_ARG(file->levels.keys[i]));
    for (size_t i = 0; i < file->levels.count; i++)
        check_detected(b, file, i);
    build_dictionaries(b, file);
    struct policy_pattern *patterns = room(b, file->patterns.count, sizeof(*patterns));
    for (size_t i = 0; patterns && i < file->patterns.count; i++)
        patterns[i] =
            (struct policy_pattern){file->patterns.items[i].name, file->patterns.items[i].regex,
                                    (enum policy_level)file->patterns.items[i].level};
    policy->patterns = patterns;
    policy->pattern_count = file->patterns.count;
    b->config->memory_ttl_ms = file->memory_ttl_ms;
    b->config->memory_entries = (size_t)(file->memory_entries < 1024 ? 1024 : file->memory_entries);
}

/* ---- rules ---- */

static unsigned zone_bits(const int *zones, size_t count)
{
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++)
        bits |= 1u << zones[i];
    return bits;
}

static struct router_target_set target_set(const struct file_target_set *from)
{
    return (struct router_target_set){zone_bits(from->zones.items, from->zones.count),
                                      from->targets.items, from->targets.count};
}

static void build_rules(struct build *b, const struct file_config *file)
{
    struct router_rule *rules = room(b, file->rules.count, sizeof(*rules));
    for (size_t i = 0; rules && i < file->rules.count; i++) {
        const struct file_rule *r = &file->rules.items[i];
        bool has_message = r->refuse.form == 1 && !slice_is_absent(r->refuse.message);
        rules[i] = (struct router_rule){
            .name = r->name,
            .when = r->when,
            .raise_level_given = r->raise.sensitivity_given,
            .raise_level = (enum policy_level)r->raise.sensitivity,
            .raise_complexity = r->raise.complexity_given ? r->raise.complexity : -1,
            .only = target_set(&r->only),
            .avoid = target_set(&r->avoid),
            .prefer = target_set(&r->prefer),
            .pin = r->pin,
            .refuse = has_message || (r->refuse.form == 0 && r->refuse.yes),
            .refuse_message = has_message ? r->refuse.message : SLICE_NONE,
            .objective_given = r->objective_given,
            .objective = (enum router_objective)r->objective,
            .max_cost_nano_usd = r->max_cost_given ? (int64_t)(r->max_cost_usd * 1e9 + 0.5) : -1,
            .final = r->final,
        };
    }
    b->config->rules = rules;
    b->config->rule_count = file->rules.count;
    b->config->settings = (struct router_settings){
        .unknown_complexity = file->unknown.complexity,
        .deadline_ms = file->deadline_ms == 0 ? -1 : file->deadline_ms,
        .min_tokens_per_s_milli = (int64_t)(file->min_tokens_per_s * 1000 + 0.5),
        .objective = (enum router_objective)file->objective,
    };
}

static void build_tests(struct build *b, const struct file_config *file)
{
    struct config_test *tests = room(b, file->tests.count, sizeof(*tests));
    for (size_t i = 0; tests && i < file->tests.count; i++) {
        const struct file_test *t = &file->tests.items[i];
        tests[i] = (struct config_test){
            .say = t->say,
            .zones = zone_bits(t->expect.zones.items, t->expect.zones.count),
            .not_zones = zone_bits(t->expect.not .zones.items, t->expect.not .zones.count),
            .target = t->expect.target,
            .not_target = t->expect.not .target,
            .level = t->expect.level_given ? t->expect.level : -1,
            .complexity_over = t->expect.complexity.over,
            .complexity_under = t->expect.complexity.under,
        };
        const struct config_test *c = &tests[i];
        if (!c->zones && !c->not_zones && slice_is_absent(c->target) &&
            slice_is_absent(c->not_target) && c->level < 0 && c->complexity_over < 0 &&
            c->complexity_under < 0)
            doc_errors_add(b->errors, t->where,
                           "this test expects nothing; give `expect` a zone, target, level, "
                           "complexity or `not`");
    }
    b->config->tests = tests;
    b->config->test_count = file->tests.count;
}

/* ---- names and pipelines ---- */

static void build_models(struct build *b, const struct file_config *file)
{
    struct config_model *models = room(b, file->models.count, sizeof(*models));
    for (size_t i = 0; models && i < file->models.count; i++) {
        const struct file_model *m = &file->models.values[i];
        int ways =
            !slice_is_absent(m->route) + !slice_is_absent(m->pipeline) + (m->targets.count > 0);
        if (ways > 1)
            doc_errors_add(b->errors, m->where,
                           "models.%.*s: give only one of route, targets and pipeline",
                           SLICE_ARG(file->models.keys[i]));
        models[i] = (struct config_model){
            .name = file->models.keys[i],
            .route = m->route,
            .pipeline = m->pipeline,
            .targets = m->targets.items,
            .target_count = m->targets.count,
            .deadline_ms = m->deadline_ms,
            .objective_given = m->objective_given,
            .objective = (enum router_objective)m->objective,
        };
    }
    b->config->models = models;
    b->config->model_count = file->models.count;
}

static void build_step(const struct file_step *from, struct config_step *to)
{
    bool bound = from->target.form == 1;
    *to = (struct config_step){
        .id = from->id,
        .prompt = from->prompt,
        .system = from->system,
        .target = bound ? from->target.bound.route : from->target.name,
        .max_complexity = bound ? from->target.bound.max_complexity : -1,
        .one_of = from->output.words.items,
        .one_of_count = from->output.words.count,
        .when_step = from->when.count ? from->when.keys[0] : SLICE_NONE,
        .when_value = from->when.count ? from->when.values[0] : SLICE_NONE,
        .max_tokens = from->max_tokens,
        .least_level = (enum policy_level)from->level,
        .stream = from->stream,
    };
}

static void build_pipelines(struct build *b, const struct file_config *file)
{
    struct config_pipeline *list = room(b, file->pipelines.count, sizeof(*list));
    for (size_t i = 0; list && i < file->pipelines.count; i++) {
        const struct file_pipeline *p = &file->pipelines.items[i];
        struct config_step *steps = room(b, p->steps.count, sizeof(*steps));
        for (size_t k = 0; steps && k < p->steps.count; k++)
            build_step(&p->steps.items[k], &steps[k]);
        list[i] = (struct config_pipeline){p->name, steps, p->steps.count};
    }
    b->config->pipelines = list;
    b->config->pipeline_count = file->pipelines.count;
}

static void build_tenants(struct build *b, const struct file_config *file)
{
    struct config_tenant *list = room(b, file->tenants.count, sizeof(*list));
    for (size_t i = 0; list && i < file->tenants.count; i++) {
        const struct file_tenant *t = &file->tenants.items[i];
        list[i] = (struct config_tenant){t->name,
                                         t->groups.items,
                                         t->groups.count,
                                         t->models.items,
                                         t->models.count,
                                         t->objective_given,
                                         (enum router_objective)t->objective,
                                         t->may_pin,
                                         t->priority};
    }
    b->config->tenants = list;
    b->config->tenant_count = file->tenants.count;
}

/* ---- the whole ---- */

static int by_name(const void *a, const void *b)
{
    const struct doc_node *const *x = a, *const *y = b;
    int order = slice_cmp(doc_get(*x, "name")->text, doc_get(*y, "name")->text);
    return order ? order : (int)(*x)->line - (int)(*y)->line;
}

/* Two of one name: one of them would be obeyed, and nobody could tell which. */
static void check_names(struct build *b, const char *list, const char *what)
{
    const struct doc_node *root = doc_find(b->config->root, list);
    if (!root || root->type != DOC_NODE_LIST)
        return;
    const struct doc_node **items = room(b, root->count, sizeof(*items));
    size_t count = 0;
    for (const struct doc_node *m = root->first; items && m; m = m->next)
        items[count++] = m;
    if (items)
        qsort(items, count, sizeof(*items), by_name);
    for (size_t i = 1; i < count; i++) {
        const struct doc_node *name = doc_get(items[i], "name");
        if (slice_eq(name->text, doc_get(items[i - 1], "name")->text))
            doc_errors_add(b->errors, name, "%s `%.*s` stands here for the second time", what,
                           SLICE_ARG(name->text));
    }
}

static void build_process(struct build *b, const struct file_config *file)
{
    struct config *c = b->config;
    c->listen = file->listen;
    c->admin = file->admin;
    c->state = file->state;
    c->tls_cert = beside(b, file->tls.cert);
    c->tls_key = beside(b, file->tls.key);
    if (slice_is_absent(file->tls.cert) != slice_is_absent(file->tls.key))
        doc_errors_add(b->errors, doc_find(c->root, "tls"), "tls: give both cert and key");
    c->auth_none = file->auth == 1;
    c->headers_full = file->headers == 0;
    c->audit_strict = file->audit == 1;
    c->ledger_strict = file->ledger == 1;
    c->workers = (unsigned)file->workers;
    c->body_bytes_max = (uint64_t)file->body_max;
    c->drain_ms = file->drain_ms;
    c->connections_per_ip = (unsigned)file->connections_per_ip;
    c->trusted_proxies = file->trusted_proxies.items;
    c->trusted_proxy_count = file->trusted_proxies.count;
}

static enum base_err build(struct config *config, const struct file_config *file,
                           struct doc_errors *errors)
{
    struct build b = {.config = config, .arena = config->arena, .errors = errors};
    build_process(&b, file);
    build_engine(&b, file);
    build_upstreams(&b, file);
    build_policy(&b, &file->policy);
    build_rules(&b, file);
    build_tests(&b, file);
    build_models(&b, file);
    build_pipelines(&b, file);
    build_tenants(&b, file);
    check_names(&b, "engine.models", "the model");
    check_names(&b, "upstreams", "the upstream");
    check_names(&b, "policy.dictionaries", "the dictionary");
    check_names(&b, "policy.patterns", "the pattern");
    check_names(&b, "pipelines", "the pipeline");
    check_names(&b, "tenants", "the tenant");
    if (b.no_memory)
        return BASE_ERR_NO_MEMORY;
    return errors->total ? BASE_ERR_BAD_CONFIG : BASE_OK;
}

static enum base_err fail(enum base_err err, const struct doc_errors *found,
                          const struct base_error *detail, struct config_errors *errors)
{
    if (found && found->total) {
        doc_errors_print(found, &errors->text);
        errors->count += found->total;
    } else {
        buffer_addf(&errors->text, "%s\n", detail ? detail->message : "out of memory");
        errors->count++;
    }
    return err;
}

static enum base_err bind(const struct doc_node *root, struct config *config,
                          struct config_errors *errors)
{
    struct doc_errors found;
    struct file_config *file = arena_calloc(config->arena, 1, sizeof(*file));
    doc_errors_init(&found);
    enum base_err err = file ? doc_bind(root, &file_config_type, config->arena, NULL, file, &found)
                             : BASE_ERR_NO_MEMORY;
    if (!err)
        err = build(config, file, &found);
    return err ? fail(err, &found, NULL, errors) : BASE_OK;
}

static struct config *config_new(const char *path)
{
    struct arena *arena = arena_new(ARENA_MAX_BYTES);
    struct config *config = arena ? arena_calloc(arena, 1, sizeof(*config)) : NULL;
    if (!config) {
        arena_free(arena);
        return NULL;
    }
    config->arena = arena;
    if (path) {
        const char *slash = strrchr(path, '/');
        config->path = arena_dup(arena, slice_from_str(path));
        config->directory =
            arena_dup(arena, slash ? slice_of(path, (size_t)(slash - path)) : SLICE("."));
    }
    return config;
}

static enum base_err finish(struct config *config, const struct doc_node *root,
                            struct config **ret_config, struct config_errors *errors)
{
    config->root = root;
    enum base_err err = bind(root, config, errors);
    if (err) {
        config_free(config);
        return err;
    }
    *ret_config = config;
    return BASE_OK;
}

enum base_err config_load(const char *path, struct config **ret_config,
                          struct config_errors *errors)
{
    struct base_error detail;
    const struct doc_node *root;
    struct config *config = config_new(path);
    if (!config)
        return fail(BASE_ERR_NO_MEMORY, NULL, NULL, errors);
    enum base_err err = doc_load(path, config->arena, &root, &detail);
    if (err) {
        config_free(config);
        return fail(err, NULL, &detail, errors);
    }
    return finish(config, root, ret_config, errors);
}

enum base_err config_load_text(struct slice text, const char *name, struct config **ret_config,
                               struct config_errors *errors)
{
    struct base_error detail;
    const struct doc_node *root;
    struct config *config = config_new(NULL);
    if (!config)
        return fail(BASE_ERR_NO_MEMORY, NULL, NULL, errors);
    enum base_err err = doc_parse_yaml(name, text, config->arena, &root, &detail);
    if (err) {
        config_free(config);
        return fail(err, NULL, &detail, errors);
    }
    return finish(config, root, ret_config, errors);
}

/* The capabilities are those that docs/demo-model.md reports. */
static const char default_yaml[] =
    "engine:\n"
    "  models:\n"
    "    - {name: demo, path: \"%s\", capability: {classification: 0.4, extraction: 0.55}}\n"
    "models:\n"
    "  auto: {}\n"
    "  local-model: {route: auto}\n"
    "  gpt-*: {route: auto}\n"
    "  claude-*: {route: auto}\n";

enum base_err config_default(const char *model_path, struct config **ret_config,
                             struct config_errors *errors)
{
    struct buffer text;
    buffer_init(&text, 64 << 10);
    if (strpbrk(model_path, "\"\\\n")) {
        struct base_error detail;
        (void)base_error_set(&detail, BASE_ERR_BAD_CONFIG,
                             "%s: a quote, backslash or line end in the model's path", model_path);
        return fail(BASE_ERR_BAD_CONFIG, NULL, &detail, errors);
    }
    buffer_addf(&text, default_yaml, model_path);
    enum base_err err = text.err ? fail(text.err, NULL, NULL, errors)
                                 : config_load_text(buffer_slice(&text), "built-in configuration",
                                                    ret_config, errors);
    buffer_done(&text);
    return err;
}

void config_complain(const struct config *config, struct config_errors *errors, const char *path,
                     const char *message)
{
    struct slice file =
        slice_is_absent(config->path) ? SLICE("built-in configuration") : config->path;
    const struct doc_node *node = config->root ? doc_find(config->root, path) : NULL;
    buffer_addf(&errors->text, "%.*s:", SLICE_ARG(file));
    if (node && node != config->root)
        buffer_addf(&errors->text, "%u:%u:", node->line, node->column);
    buffer_addf(&errors->text, " %s\n", message);
    errors->count++;
}

void config_free(struct config *config)
{
    if (config)
        arena_free(config->arena);
}
