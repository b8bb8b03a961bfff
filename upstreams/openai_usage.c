#include "upstreams/reader.h"

/* More than any answer can have; a larger figure is a mistake of the provider. */
static const int64_t tokens_max = 1000000000000;

static int64_t tokens(const struct json_node *object, const char *key)
{
    int64_t value;
    if (!json_to_i64(json_get(object, slice_from_str(key)), &value) || value < 0 ||
        value > tokens_max)
        return -1;
    return value;
}

/* Moves a part out of what is left of its total; a part larger than that is cut to it. */
static int64_t take(int64_t *left, int64_t part)
{
    if (part < 0 || *left < 0)
        return -1;
    if (part > *left)
        part = *left;
    *left -= part;
    return part;
}

static int64_t nano_usd(const struct json_node *node)
{
    double usd;
    if (!json_to_double(node, &usd) || !(usd >= 0 && usd < 1e6))
        return -1;
    return (int64_t)(usd * 1e9 + 0.5);
}

void openai_usage_read(const struct json_node *usage, bool reads_cost, struct chat_usage *ret)
{
    const struct json_node *in = json_get(usage, SLICE("prompt_tokens_details"));
    const struct json_node *out = json_get(usage, SLICE("completion_tokens_details"));
    int64_t input = tokens(usage, "prompt_tokens");
    int64_t output = tokens(usage, "completion_tokens");
    int64_t total = tokens(usage, "total_tokens");
    int64_t cached = tokens(in, "cached_tokens");
    if (cached < 0)
        cached = tokens(usage, "prompt_cache_hit_tokens"); /* DeepSeek */
    int64_t reasoning = tokens(out, "reasoning_tokens");
    /* Some count thought beside the completion, not within it; the total gives them away. */
    if (input >= 0 && output >= 0 && reasoning > 0 && total == input + output + reasoning)
        output += reasoning;

    struct chat_usage u = CHAT_USAGE_UNKNOWN;
    u.cache_read = take(&input, cached);
    u.cache_write_5m = take(&input, tokens(in, "cache_write_tokens"));
    u.input_audio = take(&input, tokens(in, "audio_tokens"));
    u.input_image = take(&input, tokens(in, "image_tokens"));
    u.input = input;
    u.reasoning = take(&output, reasoning);
    u.output_audio = take(&output, tokens(out, "audio_tokens"));
    u.rejected = take(&output, tokens(out, "rejected_prediction_tokens"));
    u.output = output;
    if (reads_cost)
        u.reported_nano_usd = nano_usd(json_get(usage, SLICE("cost")));
    *ret = u;
}
