#include "gateway/local/resident_internal.h"

#include "base/core/clock.h"
#include "base/core/log.h"

#include <stdlib.h>
#include <time.h>

enum {
    DEFAULT_QUEUE = 64,
    LOAD_BYTES_PER_MS = 1 << 20, /* guess before the first time */
    LOAD_LEAST_MS = 100
};

const char *resident_state_name(enum resident_state state)
{
    static const char *const names[RESIDENT_STATE_COUNT] = {
        [RESIDENT_UNLOADED] = "unloaded", [RESIDENT_WAITING] = "waiting",
        [RESIDENT_LOADING] = "loading",   [RESIDENT_LOADED] = "loaded",
        [RESIDENT_FAILED] = "failed",
    };
    return names[state];
}

int64_t resident_now_ns(void)
{
    return clock_mono_ns(clock_system());
}

struct place *resident_place(const struct target *target)
{
    return (struct place *)(uintptr_t)target;
}

/* ---- memory; all under the lock ---- */

bool resident_takes_memory(const struct resident *r)
{
    return r->state == RESIDENT_LOADED || r->state == RESIDENT_LOADING;
}

static bool may_go(const struct resident *r)
{
    return r->on_demand && r->state == RESIDENT_LOADED && r->users == 0;
}

/* Its files changed, and only those that wait for the new ones are left. */
static bool is_over(const struct resident *r)
{
    return r->state == RESIDENT_LOADED && r->stale && r->users == r->waiting;
}

/* Does it fit beside those that are loaded, without those that may go when `all_gone`? */
static bool fits(const struct resident *r, bool all_gone)
{
    uint64_t used = r->needs.memory_bytes;
    for (const struct resident *o = r->all->list; o; o = o->next)
        if (o != r && resident_takes_memory(o) && !(all_gone && may_go(o)))
            used += o->needs.memory_bytes;
    return r->all->memory_max == 0 || used <= r->all->memory_max;
}

static int64_t due_ns(const struct resident *r)
{
    return r->idle_ms > 0 ? r->used_ns + r->idle_ms * 1000000 : INT64_MAX;
}

static struct resident *longest_idle(const struct residents *all)
{
    struct resident *best = NULL;
    for (struct resident *r = all->list; r; r = r->next)
        if (may_go(r) && (!best || r->used_ns < best->used_ns))
            best = r;
    return best;
}

/* The one whose idle time ends first. */
static struct resident *first_due(const struct residents *all)
{
    struct resident *best = NULL;
    for (struct resident *r = all->list; r; r = r->next)
        if (may_go(r) && (!best || due_ns(r) < due_ns(best)))
            best = r;
    return best;
}

static struct resident *next_to_load(const struct residents *all)
{
    struct resident *best = NULL;
    for (struct resident *r = all->list; r; r = r->next)
        if (r->waiters && (is_over(r) || !resident_takes_memory(r)) && fits(r, true) &&
            (!best || r->asked < best->asked))
            best = r;
    return best;
}

/* ---- adapters ---- */

/* Gives one hold back; the last one takes it away. Called with the lock, which it leaves meanwhile.
 */
static void adapter_put(struct place *p)
{
    struct resident *r = p->resident;
    if (--p->refs > 0)
        return;
    struct place **at = &r->adapters;
    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
    pthread_mutex_unlock(&r->all->lock);
    local_target_free(p->inner);
    free(p->name);
    free(p->path);
    free(p);
    pthread_mutex_lock(&r->all->lock);
}

/* Clients that ask for models in turn decide how often they are loaded. */
static void say(struct residents *all, enum log_level level, const char *what, struct slice model,
                struct log_field field)
{
    if (log_limit_take(&all->log, resident_now_ns()))
        log_event(level, what, LOG_SLICE("model", model),
                  LOG_INT("left_out_before", log_limit_left_out(&all->log)), field, LOG_END);
}

/* Opens those that are not yet, while nothing else touches the model. With the lock, which it
 * leaves meanwhile. */
static void open_adapters(struct resident *r)
{
    for (struct place *p = r->adapters; p;) {
        if (p->inner || p->error.code != BASE_OK) {
            p = p->next;
            continue;
        }
        struct target *inner = NULL;
        struct base_error error = {0};
        p->refs++;
        pthread_mutex_unlock(&r->all->lock);
        enum base_err err =
            local_target_adapter(r->place.inner, p->base.name, p->path, &inner, &error);
        if (err)
            say(r->all, LOG_ERROR, "adapter cannot be opened", p->base.name,
                LOG_STR("reason", error.message));
        pthread_mutex_lock(&r->all->lock);
        p->inner = inner;
        p->error = error;
        adapter_put(p);
        p = r->adapters; /* the list may have changed */
    }
}

/* What it needs, as local_target_new() will plan it; checks the file. */
static enum base_err estimate(const struct resident *r, struct resident_needs *ret_needs,
                              struct base_error *reterr)
{
    struct engine_memory memory;
    struct engine_model_options options = {
        .sequences = r->options.sequences, .context = r->options.context, .kv = r->options.kv};
    const char *path = r->options.path;
    enum base_err err = engine_model_estimate(path, &options, &memory, reterr);
    if (err)
        return err;
    struct resident_needs needs = {.context = memory.context, .encoder = memory.encoder};
    if (needs.encoder) { /* one text at a time, in one step */
        options.sequences = 1;
        options.context = options.batch = needs.context;
        options.kv = ENGINE_KV_F32;
    } else if (__builtin_mul_overflow(memory.context, r->options.sequences, &options.context))
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                              "%s: a context of %u for each of %u sequences is too much",
                              r->place.name, memory.context, r->options.sequences);
    err = engine_model_estimate(path, &options, &memory, reterr);
    if (err)
        return err;
    needs.memory_bytes = memory.total;
    needs.weight_bytes = memory.weights;
    if (r->options.draft_path && r->options.guesses > 0) {
        err = engine_model_estimate(r->options.draft_path, &options, &memory, reterr);
        if (err)
            return err;
        needs.memory_bytes += memory.total;
    }
    if (r->all->memory_max > 0 && needs.memory_bytes > r->all->memory_max)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY,
                              "%s needs %llu MiB with a context of %u for %u answers at once; "
                              "engine.memory is %llu MiB",
                              r->place.name, (unsigned long long)(needs.memory_bytes >> 20),
                              needs.context, r->options.sequences,
                              (unsigned long long)(r->all->memory_max >> 20));
    *ret_needs = needs;
    return BASE_OK;
}

/* ---- loading and unloading: with the lock, which they leave meanwhile ---- */

static void unload(struct resident *r)
{
    struct target *inner = r->place.inner;
    r->state = RESIDENT_LOADING; /* its memory is not free yet */
    r->place.inner = NULL;
    for (struct place *p = r->adapters; p;) {
        struct target *adapter = p->inner;
        p->inner = NULL;
        p->error = (struct base_error){0};
        p = p->next;
        if (!adapter)
            continue;
        pthread_mutex_unlock(&r->all->lock);
        local_target_free(adapter);
        pthread_mutex_lock(&r->all->lock);
        p = r->adapters;
    }
    pthread_mutex_unlock(&r->all->lock);
    local_target_free(inner);
    say(r->all, LOG_INFO, "model unloaded", r->place.base.name, LOG_END);
    pthread_mutex_lock(&r->all->lock);
    r->state = RESIDENT_UNLOADED;
    r->unloads++;
}

static void fail(struct resident *r, const struct base_error *error)
{
    r->state = RESIDENT_FAILED;
    r->failed_ns = resident_now_ns();
    (void)base_error_set(&r->error, BASE_ERR_LOCAL_UNAVAILABLE, "%s", error->message);
}

static enum base_err load(struct resident *r, struct base_error *reterr)
{
    struct target *inner = NULL;
    struct base_error error = {0};
    r->state = RESIDENT_LOADING;
    r->load_started_ns = resident_now_ns();
    pthread_mutex_unlock(&r->all->lock);
    enum base_err err = local_target_new(&r->options, &inner, &error);
    pthread_mutex_lock(&r->all->lock);
    if (err) {
        fail(r, &error);
        if (reterr)
            *reterr = error;
        return err;
    }
    r->place.inner = inner;
    r->needs.context = local_target_context(inner);
    r->context_train = local_target_info(inner)->context_train;
    open_adapters(r);
    r->state = RESIDENT_LOADED;
    r->used_ns = resident_now_ns();
    r->load_ms = (r->used_ns - r->load_started_ns) / 1000000;
    r->loads++;
    return BASE_OK;
}

/* Its files are other ones by now: they are looked at as at the start. */
static enum base_err renew(struct resident *r, struct base_error *reterr)
{
    struct resident_needs needs;
    if (r->state == RESIDENT_LOADED) {
        say(r->all, LOG_WARN, "model file changed", r->place.base.name, LOG_END);
        unload(r);
    }
    pthread_mutex_unlock(&r->all->lock);
    enum base_err err = estimate(r, &needs, reterr);
    if (!err && needs.encoder != r->needs.encoder) /* only this thread writes them */
        err =
            base_error_set(reterr, BASE_ERR_BAD_FILE,
                           "%s: the file holds a model of another kind now (%s); restart to use it",
                           r->place.name, needs.encoder ? "for embeddings" : "for text");
    pthread_mutex_lock(&r->all->lock);
    if (err)
        return err;
    r->needs = needs;
    r->stale = false;
    return BASE_OK;
}

static void load_for_waiters(struct resident *r)
{
    struct base_error error = {0};
    enum base_err err = r->stale ? renew(r, &error) : BASE_OK;
    while (!err && !fits(r, false)) {
        struct resident *victim = longest_idle(r->all);
        if (!victim)
            return; /* somebody came to use it meanwhile */
        unload(victim);
    }
    if (err)
        fail(r, &error);
    else
        err = load(r, &error);
    if (err)
        say(r->all, LOG_ERROR, "model cannot be loaded", r->place.base.name,
            LOG_STR("reason", error.message));
    else
        say(r->all, LOG_INFO, "model loaded", r->place.base.name, LOG_INT("ms", r->load_ms));
    while (r->waiters)
        resident_wake_first(r);
}

static void *loader_thread(void *user)
{
    struct residents *all = user;
    pthread_mutex_lock(&all->lock);
    while (!all->stopping) {
        struct resident *next = next_to_load(all), *due = first_due(all);
        if (next) {
            load_for_waiters(next);
        } else if (due && due_ns(due) <= resident_now_ns()) {
            unload(due);
        } else if (due && due_ns(due) != INT64_MAX) {
            int64_t until = due_ns(due);
            struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
            pthread_cond_timedwait(&all->wake, &all->lock, &at);
        } else {
            pthread_cond_wait(&all->wake, &all->lock);
        }
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

/* ---- life ---- */

enum base_err residents_new(uint64_t memory_bytes, struct residents **ret_residents,
                            struct base_error *reterr)
{
    struct residents *all = calloc(1, sizeof(*all));
    if (!all)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start");
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->wake, &attr);
    pthread_condattr_destroy(&attr);
    all->memory_max = memory_bytes;
    all->tail = &all->list;
    *ret_residents = all;
    return BASE_OK;
}

static void resident_free(struct resident *r)
{
    while (r->adapters) {
        struct place *p = r->adapters;
        r->adapters = p->next;
        local_target_free(p->inner);
        free(p->name);
        free(p->path);
        free(p);
    }
    local_target_free(r->place.inner);
    free(r->place.name);
    free((char *)(uintptr_t)r->options.path);
    free((char *)(uintptr_t)r->options.draft_path);
    free(r);
}

void residents_free(struct residents *all)
{
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
    if (all->loader_runs)
        pthread_join(all->loader, NULL);
    while (all->list) {
        struct resident *r = all->list;
        all->list = r->next;
        resident_free(r);
    }
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static enum base_err load_at_start(struct resident *r, struct base_error *reterr)
{
    pthread_mutex_lock(&r->all->lock);
    bool is_room = fits(r, false);
    enum base_err err = BASE_OK;
    if (is_room)
        err = load(r, reterr);
    pthread_mutex_unlock(&r->all->lock);
    if (!is_room)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY,
                              "%s does not fit into engine.memory (%llu MiB) beside the models "
                              "before it; load it on demand, or raise the limit",
                              r->place.name, (unsigned long long)(r->all->memory_max >> 20));
    return err;
}

static enum base_err start_loader(struct residents *all, struct base_error *reterr)
{
    if (!all->loader_runs && pthread_create(&all->loader, NULL, loader_thread, all) != 0)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "cannot start a thread for loading");
    all->loader_runs = true;
    return BASE_OK;
}

enum base_err residents_add(struct residents *residents, const struct resident_options *options,
                            struct target **ret_target, struct base_error *reterr)
{
    struct resident *r = calloc(1, sizeof(*r));
    if (!r)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %.*s",
                              SLICE_ARG(options->local.name));
    r->all = residents;
    r->options = options->local;
    r->options.path = strdup(options->local.path);
    if (options->local.draft_path)
        r->options.draft_path = strdup(options->local.draft_path);
    r->options.sequences = r->options.sequences ? r->options.sequences : 4;
    r->queue_max = r->options.queue_max ? r->options.queue_max : DEFAULT_QUEUE;
    r->on_demand = options->on_demand;
    r->idle_ms = options->idle_ms;
    r->place.resident = r;
    r->place.name = strndup(options->local.name.ptr, options->local.name.len);
    enum base_err err = BASE_OK;
    if (!r->place.name || !r->options.path || (options->local.draft_path && !r->options.draft_path))
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %.*s",
                             SLICE_ARG(options->local.name));
    if (!err) {
        r->place.base = (struct target){&resident_ops, slice_from_str(r->place.name)};
        r->options.name = r->place.base.name;
        err = estimate(r, &r->needs, reterr);
    }
    if (!err && !r->on_demand)
        err = load_at_start(r, reterr);
    if (!err)
        err = start_loader(residents, reterr);
    if (err) {
        resident_free(r);
        return err;
    }
    pthread_mutex_lock(&residents->lock);
    *residents->tail = r;
    residents->tail = &r->next;
    pthread_mutex_unlock(&residents->lock);
    *ret_target = &r->place.base;
    return BASE_OK;
}

/* ---- adapters as targets ---- */

static struct place *adapter_new(struct resident *r, struct slice name, const char *path)
{
    struct place *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->resident = r;
    p->refs = 1;
    p->name = strndup(name.ptr, name.len);
    p->path = strdup(path);
    if (p->name && p->path) {
        p->base = (struct target){&resident_ops, slice_from_str(p->name)};
        return p;
    }
    free(p->name);
    free(p->path);
    free(p);
    return NULL;
}

/* With the lock, which it leaves while it opens the file. */
static enum base_err adapter_add(struct resident *r, struct place *p, struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    if (r->state == RESIDENT_LOADED) {
        r->users++; /* it stays meanwhile */
        pthread_mutex_unlock(&r->all->lock);
        err = local_target_adapter(r->place.inner, p->base.name, p->path, &p->inner, reterr);
        pthread_mutex_lock(&r->all->lock);
        r->users--;
    }
    if (err) {
        adapter_put(p);
        return err;
    }
    p->next = r->adapters;
    r->adapters = p;
    return BASE_OK;
}

enum base_err residents_adapter(struct residents *residents, struct target *model,
                                struct slice name, const char *path, struct target **ret_target,
                                struct base_error *reterr)
{
    struct resident *r = resident_place(model)->resident;
    enum base_err err = BASE_OK;
    pthread_mutex_lock(&residents->lock);
    struct place *p = r->adapters;
    while (p && !(slice_eq(p->base.name, name) && strcmp(p->path, path) == 0))
        p = p->next;
    if (p) {
        p->refs++;
    } else {
        p = adapter_new(r, name, path);
        err = p ? adapter_add(r, p, reterr)
                : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for an adapter");
    }
    pthread_mutex_unlock(&residents->lock);
    if (!err)
        *ret_target = &p->base;
    return err;
}

void resident_adapter_unref(struct target *adapter)
{
    if (!adapter)
        return;
    struct residents *all = resident_place(adapter)->resident->all;
    pthread_mutex_lock(&all->lock);
    adapter_put(resident_place(adapter));
    pthread_mutex_unlock(&all->lock);
}

/* ---- facts ---- */

unsigned resident_features(const struct target *target)
{
    if (!target)
        return local_target_features(NULL);
    struct place *p = resident_place(target);
    pthread_mutex_lock(&p->resident->all->lock);
    unsigned features = p->inner                     ? local_target_features(p->inner)
                        : p->resident->needs.encoder ? CHAT_NEED_EMBEDDINGS
                                                     : local_target_features(NULL);
    pthread_mutex_unlock(&p->resident->all->lock);
    return features;
}

uint32_t resident_context(const struct target *target)
{
    struct resident *r = resident_place(target)->resident;
    pthread_mutex_lock(&r->all->lock);
    uint32_t context = r->needs.context;
    pthread_mutex_unlock(&r->all->lock);
    return context;
}

/* How long it would take to have it in memory: those that were asked for before come first. */
static int64_t predict_load_ms(const struct resident *r)
{
    int64_t sum = 0, now = resident_now_ns();
    for (const struct resident *o = r->all->list; o; o = o->next) {
        int64_t ms = o->load_ms > 0
                         ? o->load_ms
                         : LOAD_LEAST_MS + (int64_t)(o->needs.memory_bytes / LOAD_BYTES_PER_MS);
        if (o->state == RESIDENT_LOADING) {
            int64_t left = ms - (now - o->load_started_ns) / 1000000;
            sum += left > LOAD_LEAST_MS ? left : LOAD_LEAST_MS;
        } else if (o == r || (o->waiters && !resident_takes_memory(o) &&
                              (!r->waiters || o->asked < r->asked)))
            sum += ms;
    }
    return sum;
}

static void facts_of(const struct place *p, int64_t prompt_tokens, struct resident_facts *ret)
{
    const struct resident *r = p->resident;
    *ret = (struct resident_facts){
        .state = r->state == RESIDENT_UNLOADED && r->waiters ? RESIDENT_WAITING : r->state,
        .on_demand = r->on_demand,
        .is_adapter = p != &r->place,
        .memory_bytes = resident_takes_memory(r) ? r->needs.memory_bytes : 0,
        .loads = r->loads,
        .unloads = r->unloads,
        .context_train = r->context_train,
        .weight_bytes = r->needs.weight_bytes,
    };
    if (r->state == RESIDENT_LOADED && p->inner) {
        local_target_facts(p->inner, prompt_tokens, &ret->local);
        return;
    }
    ret->local = (struct local_facts){.waiting = r->waiting,
                                      .queue_max = r->queue_max,
                                      .first_token_ms = predict_load_ms(r),
                                      .tokens_per_s_milli = -1};
    int64_t failed_ms = (resident_now_ns() - r->failed_ns) / 1000000;
    if (r->state == RESIDENT_FAILED && failed_ms < RESIDENT_FAILED_MS)
        ret->retry_after_ms = RESIDENT_FAILED_MS - failed_ms;
    else if (r->state == RESIDENT_LOADED) /* an adapter that could not be opened */
        ret->retry_after_ms = RESIDENT_FAILED_MS;
}

void resident_facts(const struct target *target, int64_t prompt_tokens, struct resident_facts *ret)
{
    struct place *p = resident_place(target);
    pthread_mutex_lock(&p->resident->all->lock);
    facts_of(p, prompt_tokens, ret);
    pthread_mutex_unlock(&p->resident->all->lock);
}
