#include "upstreams/internal.h"
#include "upstreams/transport.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADDRESSES_MAX = 256, HEADERS_MAX = 16, NAME_MAX_BYTES = 128, ARENA_MAX = 4 * 1024 * 1024 };

static const struct target_deadlines default_deadlines = {
    .connect_ms = 10 * 1000,
    .first_byte_ms = 120 * 1000,
    .idle_ms = 60 * 1000,
    .total_ms = 30 * 60 * 1000,
};
static const int64_t default_response_bytes = 64 * 1024 * 1024;
static const char call_path[] = "/chat/completions";

struct builder {
    const struct upstream_config *config;
    struct upstream *up;
    const struct address_range *ranges;
    struct base_error *reterr;
};

static enum base_err bad(struct builder *b, const char *param, const char *format, ...)
    BASE_PRINTF(3, 4);

static enum base_err bad(struct builder *b, const char *param, const char *format, ...)
{
    char what[320];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return base_error_set_param(b->reterr, BASE_ERR_BAD_CONFIG, param, "upstream %.*s: %s: %s",
                                SLICE_ARG(b->config->name), param, what);
}

static enum base_err no_memory(struct builder *b)
{
    return base_error_set(b->reterr, BASE_ERR_NO_MEMORY, "upstream %.*s: out of memory",
                          SLICE_ARG(b->config->name));
}

/* Names stand in headers, metrics, permits and logs. */
static bool name_ok(struct slice name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
            return false;
    return true;
}

static enum base_err read_ranges(struct builder *b)
{
    const struct upstream_config *c = b->config;
    char param[32];
    if (c->address_count > ADDRESSES_MAX)
        return bad(b, "address", "%zu ranges, at most %d are accepted", c->address_count,
                   ADDRESSES_MAX);
    struct address_range *ranges = arena_calloc(b->up->arena, c->address_count, sizeof(*ranges));
    if (!ranges)
        return no_memory(b);
    for (size_t i = 0; i < c->address_count; i++) {
        (void)snprintf(param, sizeof(param), "address[%zu]", i);
        if (!address_range_parse(c->addresses[i], &ranges[i]))
            return bad(b, param, "expected an IP address or a range like 10.0.0.0/8");
    }
    b->ranges = ranges;
    return BASE_OK;
}

static enum base_err read_url(struct builder *b, struct slice url, size_t index)
{
    char param[32];
    (void)snprintf(param, sizeof(param), "urls[%zu]", index);
    struct address_url parts;
    if (!address_url_parse(url, &parts))
        return bad(b, param,
                   "expected http(s)://HOST[:PORT][/PATH] without user, query or fragment");
    if (!parts.https && b->config->zone == POLICY_ZONE_CLOUD && !parts.is_loopback)
        return bad(b, param, "a cloud upstream must be reached over https");
    struct upstream_replica *replica = &b->up->replicas[index];
    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    replica->base = arena_dup(b->up->arena, url);
    replica->url = arena_printf(b->up->arena, "%.*s%s", SLICE_ARG(url), call_path);
    if (!replica->base.ptr || !replica->url.ptr)
        return no_memory(b);
    for (size_t i = 0; i < index; i++)
        if (slice_eq(b->up->replicas[i].base, replica->base))
            return bad(b, param, "the same URL twice");
    replica->addresses = (struct address_policy){
        .ranges = b->ranges,
        .range_count = b->config->address_count,
        .literal = parts.is_literal,
        .cloud = b->config->zone == POLICY_ZONE_CLOUD,
    };
    return BASE_OK;
}

static enum base_err read_urls(struct builder *b)
{
    const struct upstream_config *c = b->config;
    struct slice only = slice_from_str(b->up->kind->url);
    const struct slice *urls = c->url_count ? c->urls : &only;
    size_t count = c->url_count ? c->url_count : 1;
    if (slice_is_absent(urls[0]))
        return bad(b, "url", "kind %s has no default URL: give one", b->up->kind->name);
    if (count > UPSTREAM_URLS_MAX)
        return bad(b, "urls", "%zu URLs, at most %d are accepted", count, UPSTREAM_URLS_MAX);
    b->up->replicas = arena_calloc(b->up->arena, count, sizeof(*b->up->replicas));
    if (!b->up->replicas)
        return no_memory(b);
    b->up->replica_count = count;
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = read_url(b, urls[i], i);
    return err;
}

static enum base_err read_keys(struct builder *b)
{
    const struct upstream_config *c = b->config;
    const char *prefix = b->up->kind->auth_prefix;
    if (c->key_count > UPSTREAM_KEYS_MAX)
        return bad(b, "key", "%zu keys, at most %d are accepted", c->key_count, UPSTREAM_KEYS_MAX);
    for (size_t i = 0; i < c->key_count; i++) {
        struct slice key = slice_trim(c->keys[i]);
        if (key.len == 0 || key.len > 8192 || !transport_header_ok(SLICE("key"), key))
            return bad(b, "key", "empty, too long, or with characters that no header can carry");
        struct upstream_key *to = &b->up->keys[i];
        to->value = malloc(strlen(prefix) + key.len + 1);
        if (!to->value)
            return no_memory(b);
        memcpy(to->value, prefix, strlen(prefix) + 1);
        memcpy(to->value + strlen(prefix), key.ptr, key.len);
        to->len = strlen(prefix) + key.len;
        to->value[to->len] = '\0';
        b->up->key_count = i + 1;
    }
    return BASE_OK;
}

static enum base_err read_headers(struct builder *b)
{
    static const char *const ours[] = {"content-type", "content-length",  "transfer-encoding",
                                       "accept",       "accept-encoding", "host",
                                       "connection",   "expect",          "upgrade"};
    const struct upstream_config *c = b->config;
    char param[32];
    if (c->header_count > HEADERS_MAX)
        return bad(b, "headers", "%zu headers, at most %d are accepted", c->header_count,
                   HEADERS_MAX);
    struct upstream_header *headers = arena_calloc(b->up->arena, c->header_count, sizeof(*headers));
    if (!headers)
        return no_memory(b);
    for (size_t i = 0; i < c->header_count; i++) {
        (void)snprintf(param, sizeof(param), "headers[%zu]", i);
        struct slice name = c->headers[i].name, value = slice_trim(c->headers[i].value);
        if (value.len == 0 || !transport_header_ok(name, value))
            return bad(b, param, "not a valid header name and value");
        bool is_ours = slice_eq_nocase(name, slice_from_str(b->up->kind->auth_name));
        for (size_t j = 0; j < sizeof(ours) / sizeof(ours[0]); j++)
            is_ours = is_ours || slice_eq_nocase(name, slice_from_str(ours[j]));
        if (is_ours)
            return bad(b, param, "set by Hearth itself");
        headers[i].name = arena_dup(b->up->arena, name);
        headers[i].value = arena_dup(b->up->arena, value);
        if (!headers[i].name.ptr || !headers[i].value.ptr)
            return no_memory(b);
    }
    b->up->headers = headers;
    b->up->header_count = c->header_count;
    return BASE_OK;
}

static const struct upstream_prices *copy_prices(struct arena *arena,
                                                 const struct upstream_prices *from)
{
    struct upstream_prices *to = arena_calloc(arena, 1, sizeof(*to));
    struct upstream_price_tier *tiers = arena_calloc(arena, from->tier_count, sizeof(*tiers));
    if (!to || !tiers)
        return NULL;
    *to = *from;
    if (from->tier_count)
        memcpy(tiers, from->tiers, from->tier_count * sizeof(*tiers));
    to->tiers = tiers;
    to->effective_date = arena_dup(arena, from->effective_date);
    return to;
}

/* "10.0.0.5 a/v1\n...": what the door connects to, for permits. */
static struct slice destination_id(struct builder *b)
{
    struct slice id = SLICE("");
    for (size_t i = 0; i < b->up->replica_count && id.ptr; i++)
        id = arena_printf(b->up->arena, "%.*s%s%.*s", SLICE_ARG(id), i ? "\n" : "",
                          SLICE_ARG(b->up->replicas[i].base));
    return id;
}

static enum base_err read_model(struct builder *b, size_t index, struct slice destination)
{
    const struct upstream_model_config *c = &b->config->models[index];
    struct upstream_model_state *state = &b->up->models[index];
    struct arena *arena = b->up->arena;
    char param[48];
    (void)snprintf(param, sizeof(param), "models[%zu].name", index);
    struct slice sent = slice_is_absent(c->upstream_name) ? c->name : c->upstream_name;
    if (!name_ok(c->name) || !name_ok(sent))
        return bad(b, param, "expected 1 to %d printable ASCII characters without spaces",
                   NAME_MAX_BYTES);
    for (size_t i = 0; i < index; i++)
        if (slice_eq(b->up->models[i].model.name, c->name))
            return bad(b, param, "the same model name twice");
    const char *cloud = b->up->kind->cloud_suffix;
    if (cloud && b->config->zone != POLICY_ZONE_CLOUD &&
        slice_ends_with(sent, slice_from_str(cloud)))
        return bad(b, param,
                   "%s passes models ending in \"%s\" on to its cloud: declare zone cloud",
                   b->up->kind->name, cloud);
    state->model = (struct upstream_model){
        .target_name =
            arena_printf(arena, "%.*s/%.*s", SLICE_ARG(b->config->name), SLICE_ARG(c->name)),
        .name = arena_dup(arena, c->name),
        .upstream_name = arena_dup(arena, sent),
        .features = c->features,
        .context_tokens = c->context_tokens,
        .prices = c->prices ? copy_prices(arena, c->prices) : NULL,
    };
    state->destination = destination;
    atomic_init(&state->first_token_us, -1);
    atomic_init(&state->tokens_per_s_milli, -1);
    if (!state->model.target_name.ptr || !state->model.name.ptr ||
        !state->model.upstream_name.ptr || (c->prices && !state->model.prices))
        return no_memory(b);
    return BASE_OK;
}

static enum base_err read_models(struct builder *b)
{
    const struct upstream_config *c = b->config;
    if (c->model_count == 0 || c->model_count > UPSTREAM_MODELS_MAX)
        return bad(b, "models", "expected 1 to %d models", UPSTREAM_MODELS_MAX);
    b->up->models = arena_calloc(b->up->arena, c->model_count, sizeof(*b->up->models));
    struct slice destination = destination_id(b);
    if (!b->up->models || !destination.ptr)
        return no_memory(b);
    b->up->model_count = c->model_count;
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < c->model_count && !err; i++)
        err = read_model(b, i, destination);
    return err;
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static enum base_err read_rest(struct builder *b)
{
    const struct upstream_config *c = b->config;
    struct upstream *up = b->up;
    const struct target_deadlines *d = &c->deadlines;
    if (d->connect_ms < 0 || d->first_byte_ms < 0 || d->idle_ms < 0 || d->total_ms < 0)
        return bad(b, "deadlines", "must not be negative");
    if (c->max_concurrent < 0 || c->max_response_bytes < 0)
        return bad(b, "max_concurrent", "limits must not be negative");
    up->name = arena_dup(up->arena, c->name);
    up->zone = c->zone;
    up->clearance = c->clearance;
    up->deadlines = (struct target_deadlines){
        .connect_ms = or_default(d->connect_ms, default_deadlines.connect_ms),
        .first_byte_ms = or_default(d->first_byte_ms, default_deadlines.first_byte_ms),
        .idle_ms = or_default(d->idle_ms, default_deadlines.idle_ms),
        .total_ms = or_default(d->total_ms, default_deadlines.total_ms),
    };
    up->max_concurrent = c->max_concurrent;
    up->max_response_bytes = (size_t)or_default(c->max_response_bytes, default_response_bytes);
    if (!up->name.ptr)
        return no_memory(b);
    if (slice_is_absent(c->ca_file))
        return BASE_OK;
    up->ca_file = arena_strdup(up->arena, c->ca_file);
    return up->ca_file ? BASE_OK : no_memory(b);
}

static enum base_err read_name_and_kind(struct builder *b)
{
    const struct upstream_config *c = b->config;
    if (!name_ok(c->name) || memchr(c->name.ptr, '/', c->name.len))
        return base_error_set_param(b->reterr, BASE_ERR_BAD_CONFIG, "name",
                                    "an upstream's name must be 1 to %d printable ASCII "
                                    "characters without spaces and slashes",
                                    NAME_MAX_BYTES);
    b->up->kind = upstream_kind_find(c->kind);
    return b->up->kind ? BASE_OK : bad(b, "kind", "unknown; see `hearth schema` for those known");
}

enum base_err upstream_new(const struct upstream_config *config, const struct clock *clock,
                           struct upstream **ret_upstream, struct base_error *reterr)
{
    static enum base_err (*const steps[])(struct builder * b) = {
        read_name_and_kind, read_ranges, read_urls, read_keys,
        read_headers,       read_models, read_rest};
    struct upstream *up = calloc(1, sizeof(*up));
    struct builder b = {.config = config, .up = up, .reterr = reterr};
    if (!up)
        return no_memory(&b);
    atomic_init(&up->refs, 1);
    up->clock = clock;
    up->arena = arena_new(ARENA_MAX);
    enum base_err err = up->arena ? BASE_OK : no_memory(&b);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
        err = steps[i](&b);
    if (err)
        upstream_unref(up);
    else
        *ret_upstream = up;
    return err;
}

struct upstream *upstream_ref(struct upstream *up)
{
    atomic_fetch_add(&up->refs, 1);
    return up;
}

void upstream_unref(struct upstream *up)
{
    if (!up || atomic_fetch_sub(&up->refs, 1) > 1)
        return;
    for (size_t i = 0; i < UPSTREAM_KEYS_MAX; i++)
        if (up->keys[i].value) {
            explicit_bzero(up->keys[i].value, up->keys[i].len);
            free(up->keys[i].value);
        }
    arena_free(up->arena);
    free(up);
}

struct slice upstream_name(const struct upstream *up)
{
    return up->name;
}

struct slice upstream_kind(const struct upstream *up)
{
    return slice_from_str(up->kind->name);
}

enum policy_zone upstream_zone(const struct upstream *up)
{
    return up->zone;
}

enum policy_level upstream_clearance(const struct upstream *up)
{
    return up->clearance;
}

size_t upstream_model_count(const struct upstream *up)
{
    return up->model_count;
}

const struct upstream_model *upstream_model_at(const struct upstream *up, size_t model)
{
    return &up->models[model].model;
}
