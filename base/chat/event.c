#include "base/chat/event.h"

#include <assert.h>
#include <stddef.h>

const char *chat_finish_name(enum chat_finish finish)
{
    static const char *const names[CHAT_FINISH_COUNT] = {[CHAT_FINISH_STOP] = "stop",
                                                         [CHAT_FINISH_LENGTH] = "length",
                                                         [CHAT_FINISH_TOOL_CALLS] = "tool_calls",
                                                         [CHAT_FINISH_CONTENT_FILTER] =
                                                             "content_filter"};
    assert(finish < CHAT_FINISH_COUNT);
    return names[finish];
}

static int64_t sum_known(const int64_t *buckets, size_t count)
{
    int64_t sum = -1;
    for (size_t i = 0; i < count; i++) {
        if (buckets[i] < 0)
            continue;
        if (sum < 0)
            sum = 0;
        if (__builtin_add_overflow(sum, buckets[i], &sum)) /* a provider's nonsense */
            return INT64_MAX;
    }
    return sum;
}

int64_t chat_usage_input_total(const struct chat_usage *usage)
{
    const int64_t buckets[] = {usage->input,          usage->cache_read,  usage->cache_write_5m,
                               usage->cache_write_1h, usage->input_audio, usage->input_image};
    return sum_known(buckets, sizeof(buckets) / sizeof(buckets[0]));
}

int64_t chat_usage_output_total(const struct chat_usage *usage)
{
    const int64_t buckets[] = {usage->output, usage->reasoning, usage->output_audio,
                               usage->rejected};
    return sum_known(buckets, sizeof(buckets) / sizeof(buckets[0]));
}

static void take(int64_t *field, int64_t later)
{
    if (later >= 0)
        *field = later;
}

void chat_usage_merge(struct chat_usage *usage, const struct chat_usage *later)
{
    take(&usage->input, later->input);
    take(&usage->cache_read, later->cache_read);
    take(&usage->cache_write_5m, later->cache_write_5m);
    take(&usage->cache_write_1h, later->cache_write_1h);
    take(&usage->input_audio, later->input_audio);
    take(&usage->input_image, later->input_image);
    take(&usage->output, later->output);
    take(&usage->reasoning, later->reasoning);
    take(&usage->output_audio, later->output_audio);
    take(&usage->rejected, later->rejected);
    take(&usage->reported_nano_usd, later->reported_nano_usd);
}

struct slice chat_event_logprobs_list(struct slice logprobs)
{
    const struct slice before = SLICE("{\"content\":"), behind = SLICE(",\"refusal\":null}");
    if (!slice_starts_with(logprobs, before) || !slice_ends_with(logprobs, behind))
        return SLICE_NONE;
    return slice_sub(logprobs, before.len, logprobs.len - before.len - behind.len);
}
