#include "upstreams/internal.h"

#define LACKS(name) (1u << UPSTREAM_PARAM_##name)

/* What only servers that one runs oneself take. */
#define OPEN_WEIGHT_ONLY                                                                           \
    (LACKS(TOP_K) | LACKS(MIN_P) | LACKS(REPETITION_PENALTY) | LACKS(THINKING_BUDGET))

#define COMMON_WORDS                                                                               \
    .auth_name = "authorization", .auth_prefix = "Bearer ",                                        \
    .repetition_penalty = SLICE_INIT("repetition_penalty"), .seed = SLICE_INIT("seed"),            \
    .tool_required = SLICE_INIT("required")

/* Sources: the providers' API references; each `lacks` is what theirs does not name. */
static const struct upstream_kind kinds[] = {
    {
        COMMON_WORDS,
        .name = "openai",
        .url = "https://api.openai.com/v1",
        .key_env = "OPENAI_API_KEY",
        .zone = POLICY_ZONE_CLOUD,
        .max_tokens = SLICE_INIT("max_completion_tokens"),
        .lacks = OPEN_WEIGHT_ONLY,
        .developer_role = true,
        .media_urls = true,
        .stream_options = true,
    },
    {
        .name = "azure", /* the v1 surface: https://RESOURCE.openai.azure.com/openai/v1 */
        .key_env = "AZURE_OPENAI_API_KEY",
        .zone = POLICY_ZONE_CLOUD,
        .auth_name = "api-key",
        .auth_prefix = "",
        .repetition_penalty = SLICE_INIT("repetition_penalty"),
        .seed = SLICE_INIT("seed"),
        .tool_required = SLICE_INIT("required"),
        .max_tokens = SLICE_INIT("max_completion_tokens"),
        .lacks = OPEN_WEIGHT_ONLY,
        .developer_role = true,
        .media_urls = true,
        .stream_options = true,
    },
    {
        COMMON_WORDS,
        .name = "openrouter",
        .url = "https://openrouter.ai/api/v1",
        .key_env = "OPENROUTER_API_KEY",
        .zone = POLICY_ZONE_CLOUD,
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = LACKS(THINKING_BUDGET) | LACKS(METADATA) | LACKS(N),
        .developer_role = true,
        .media_urls = true,
        .stream_options = true,
        .cost = true,
    },
    {
        .name = "mistral",
        .url = "https://api.mistral.ai/v1",
        .key_env = "MISTRAL_API_KEY",
        .zone = POLICY_ZONE_CLOUD,
        .auth_name = "authorization",
        .auth_prefix = "Bearer ",
        .repetition_penalty = SLICE_INIT("repetition_penalty"),
        .seed = SLICE_INIT("random_seed"),
        .tool_required = SLICE_INIT("any"),
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = OPEN_WEIGHT_ONLY | LACKS(LOGPROBS) | LACKS(LOGIT_BIAS) | LACKS(USER),
        .media_urls = true,
    },
    {
        COMMON_WORDS,
        .name = "gemini", /* its OpenAI-compatible surface */
        .url = "https://generativelanguage.googleapis.com/v1beta/openai",
        .key_env = "GEMINI_API_KEY",
        .zone = POLICY_ZONE_CLOUD,
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = OPEN_WEIGHT_ONLY | LACKS(LOGIT_BIAS) | LACKS(USER) | LACKS(METADATA),
        .stream_options = true,
    },
    {
        COMMON_WORDS,
        .name = "vllm",
        .zone = POLICY_ZONE_PREMISES,
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = LACKS(THINKING_BUDGET) | LACKS(METADATA),
        .media_urls = true,
        .reasoning_back = true,
        .stream_options = true,
    },
    {
        COMMON_WORDS,
        .name = "sglang",
        .zone = POLICY_ZONE_PREMISES,
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = LACKS(THINKING_BUDGET) | LACKS(METADATA),
        .media_urls = true,
        .reasoning_back = true,
        .stream_options = true,
    },
    {
        .name = "llama.cpp",
        .url = "http://127.0.0.1:8080/v1",
        .zone = POLICY_ZONE_PREMISES,
        .auth_name = "authorization",
        .auth_prefix = "Bearer ",
        .repetition_penalty = SLICE_INIT("repeat_penalty"),
        .seed = SLICE_INIT("seed"),
        .tool_required = SLICE_INIT("required"),
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = LACKS(THINKING_BUDGET) | LACKS(N) | LACKS(USER) | LACKS(METADATA),
        .reasoning_back = true,
        .stream_options = true,
    },
    {
        COMMON_WORDS,
        .name = "ollama",
        .url = "http://127.0.0.1:11434/v1",
        .zone = POLICY_ZONE_PREMISES,
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = OPEN_WEIGHT_ONLY | LACKS(TOOL_CHOICE) | LACKS(LOGIT_BIAS) | LACKS(USER) |
                 LACKS(N) | LACKS(METADATA) | LACKS(PARALLEL_TOOLS),
        .stream_options = true,
        .cloud_suffix = "cloud",
    },
    {
        .name = "lmstudio",
        .url = "http://127.0.0.1:1234/v1",
        .zone = POLICY_ZONE_PREMISES,
        .auth_name = "authorization",
        .auth_prefix = "Bearer ",
        .repetition_penalty = SLICE_INIT("repeat_penalty"),
        .seed = SLICE_INIT("seed"),
        .tool_required = SLICE_INIT("required"),
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = LACKS(MIN_P) | LACKS(THINKING_BUDGET) | LACKS(N) | LACKS(USER) | LACKS(METADATA) |
                 LACKS(PARALLEL_TOOLS),
        .reasoning_back = true,
        .stream_options = true,
    },
    {
        COMMON_WORDS,
        .name = "compatible", /* anything else that speaks Chat Completions */
        .zone = POLICY_ZONE_CLOUD,
        .max_tokens = SLICE_INIT("max_tokens"),
        .lacks = OPEN_WEIGHT_ONLY,
        .media_urls = true,
        .stream_options = true,
    },
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

const struct upstream_kind *upstream_kind_find(struct slice name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (slice_eq_str(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}

const char *upstream_kind_name(size_t index)
{
    return index < KIND_COUNT ? kinds[index].name : NULL;
}

bool upstream_kind_known(struct slice name)
{
    return upstream_kind_find(name) != NULL;
}

struct slice upstream_kind_default_url(struct slice name)
{
    const struct upstream_kind *kind = upstream_kind_find(name);
    return kind && kind->url ? slice_from_str(kind->url) : SLICE_NONE;
}

enum policy_zone upstream_kind_default_zone(struct slice name)
{
    const struct upstream_kind *kind = upstream_kind_find(name);
    return kind ? kind->zone : POLICY_ZONE_CLOUD;
}

const char *upstream_kind_key_env(struct slice name)
{
    const struct upstream_kind *kind = upstream_kind_find(name);
    return kind ? kind->key_env : NULL;
}
