/* Bodies of requests, from the bytes to what is sent on. The first byte chooses the dialect and the
 * kind of upstream. Whatever comes: no crash; every byte that is sent was visited by the
 * inspection; and what is sent is read again as a request that is sent on as the same bytes. */
#include "tests/scenario/fake_loop.h"
#include "tests/scenario/fake_transport.h"

#include "gateway/api/chat_parse.h"
#include "policy/policy.h"
#include "upstreams/upstreams.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS_MAX = 16, ARENA_BYTES = 64 << 20 };

static struct world {
    struct fake_loop loop;
    struct fake_transport net;
    struct upstream_pool *pool;
    struct upstream *upstreams[KINDS_MAX];
    struct target *targets[KINDS_MAX];
    size_t count;
    struct policy *policy;
} world;

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void add_kind(struct world *w, const char *kind)
{
    const struct slice url = SLICE("http://127.0.0.1:9/v1");
    const struct slice key = SLICE("k");
    const struct upstream_model_config model = {.name = SLICE("m"), .features = ~0u};
    const struct upstream_config config = {.name = slice_from_str(kind),
                                           .kind = slice_from_str(kind),
                                           .urls = &url,
                                           .url_count = 1,
                                           .keys = &key,
                                           .key_count = 1,
                                           .zone = POLICY_ZONE_PREMISES,
                                           .clearance = POLICY_LEVEL_RESTRICTED,
                                           .models = &model,
                                           .model_count = 1};
    struct upstream **up = &w->upstreams[w->count];
    check(upstream_new(&config, &w->loop.clock, up, NULL) == BASE_OK);
    check(upstream_target_new(w->pool, *up, 0, &w->targets[w->count++], NULL) == BASE_OK);
}

static void set_up(struct world *w)
{
    static const char *const kinds[] = {"openai", "openrouter", "mistral",   "gemini",
                                        "vllm",   "ollama",     "compatible"};
    const struct slice own = SLICE("m");
    struct policy_config config;
    fake_loop_init(&w->loop);
    fake_transport_init(&w->net);
    check(upstream_pool_new(&w->loop.base, &w->net.base, &w->pool, NULL) == BASE_OK);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        add_kind(w, kinds[i]);
    policy_config_init(&config);
    config.own_strings = &own;
    config.own_string_count = 1;
    check(policy_new(&config, &w->policy, NULL) == BASE_OK);
}

static void tear_down(void)
{
    struct world *w = &world;
    for (size_t i = 0; i < w->count; i++)
        upstream_target_free(w->targets[i]);
    upstream_pool_free(w->pool);
    for (size_t i = 0; i < w->count; i++)
        upstream_unref(w->upstreams[i]);
    fake_transport_done(&w->net);
    policy_unref(w->policy);
}

/* What would be sent, or NULL when the body is refused. */
static struct policy_body *send_on(struct slice bytes, bool is_chat, const struct target *target,
                                   struct arena *arena)
{
    const struct json_node *root;
    const struct chat_request *request;
    struct policy_inspection *seen;
    struct policy_body *body = NULL;
    struct upstream_warnings warnings;
    struct base_error detail;
    if (json_parse(bytes, &json_limits_request, arena, &root, &detail) != BASE_OK)
        return NULL;
    enum base_err err = is_chat ? api_chat_parse(root, arena, &request, &detail)
                                : api_completions_parse(root, arena, &request, &detail);
    if (err) {
        check(base_err_info(err)->class == BASE_ERR_CLASS_CLIENT && detail.message[0]);
        return NULL;
    }
    (void)chat_request_estimate_tokens(request);
    (void)chat_request_last_ask(request, arena);
    check(policy_inspect(world.policy, request, NULL, arena, &seen, &detail) == BASE_OK);
    if (upstream_write_body(target, request, seen, arena, &body, &warnings, &detail) != BASE_OK)
        return NULL;
    check(policy_body_unlabelled(body) == 0);
    check(policy_body_level(body) >= policy_inspection_level(seen));
    return body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world.policy) {
        set_up(&world);
        (void)atexit(tear_down);
    }
    if (size < 1 || size > 1 << 16)
        return 0;
    struct arena *arena = arena_new(ARENA_BYTES);
    check(arena != NULL);
    bool is_chat = (data[0] & 1) == 0;
    const struct target *target = world.targets[(data[0] >> 1) % world.count];
    struct slice bytes = slice_of((const char *)data + 1, size - 1);
    struct policy_body *once = send_on(bytes, is_chat, target, arena);
    if (once) {
        struct policy_body *twice = send_on(policy_body_bytes(once), is_chat, target, arena);
        check(twice && slice_eq(policy_body_bytes(once), policy_body_bytes(twice)));
        policy_body_free(twice);
    }
    policy_body_free(once);
    arena_free(arena);
    return 0;
}
