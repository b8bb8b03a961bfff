#include "upstreams/upstreams.h"

__extension__ typedef __int128 wide; /* no sum of 64-bit products overflows it */
enum { TOKENS_PER_PRICE = 1000000 };

struct priced {
    int64_t tokens; /* -1 = not reported: the tokens lie in another bucket */
    int64_t price;
};

static const struct upstream_price_tier *tier_for(const struct upstream_prices *prices,
                                                  int64_t input_tokens)
{
    const struct upstream_price_tier *found = NULL;
    for (size_t i = 0; i < prices->tier_count; i++)
        if (input_tokens > prices->tiers[i].above_input_tokens)
            found = &prices->tiers[i];
    return found;
}

static int64_t price_or(int64_t price, int64_t otherwise)
{
    return price >= 0 ? price : otherwise;
}

int64_t upstream_cost_nano_usd(const struct upstream_prices *prices, const struct chat_usage *usage,
                               int64_t *carry)
{
    if (!prices || usage->input < 0 || usage->output < 0)
        return -1;
    const struct upstream_price_tier *tier = tier_for(prices, chat_usage_input_total(usage));
    if (!tier)
        return -1;
    const struct priced buckets[] = {
        {usage->input, tier->input},
        {usage->cache_read, price_or(tier->cache_read, tier->input)},
        {usage->cache_write_5m, tier->cache_write_5m},
        {usage->cache_write_1h, tier->cache_write_1h},
        {usage->input_audio, tier->input_audio},
        {usage->input_image, price_or(tier->input_image, tier->input)},
        {usage->output, tier->output},
        {usage->reasoning, price_or(tier->reasoning, tier->output)},
        {usage->output_audio, tier->output_audio},
        {usage->rejected, price_or(tier->rejected, tier->output)},
    };
    wide sum = carry ? *carry : 0;
    sum += (wide)prices->per_request_nano_usd * TOKENS_PER_PRICE;
    for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
        if (buckets[i].tokens <= 0)
            continue;
        if (buckets[i].price < 0)
            return -1;
        sum += (wide)buckets[i].tokens * buckets[i].price;
    }
    wide whole = sum / TOKENS_PER_PRICE;
    if (whole > INT64_MAX)
        return -1;
    if (carry)
        *carry = (int64_t)(sum % TOKENS_PER_PRICE);
    return (int64_t)whole;
}
