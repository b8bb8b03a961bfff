#include "upstreams/upstreams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define USD INT64_C(1000000000) /* nano-dollars */

/* 3 USD in, 15 out, 0.30 cached read, 3.75 and 6 for writes: the shape of a usual price list. */
static struct upstream_price_tier usual_tier(void)
{
    struct upstream_price_tier tier = UPSTREAM_PRICE_TIER_UNKNOWN;
    tier.input = 3 * USD;
    tier.output = 15 * USD;
    tier.cache_read = 3 * USD / 10;
    tier.cache_write_5m = 375 * USD / 100;
    tier.cache_write_1h = 6 * USD;
    return tier;
}

static int64_t cost(const struct upstream_price_tier *tiers, size_t count, struct chat_usage usage)
{
    struct upstream_prices prices = {.tiers = tiers, .tier_count = count};
    return upstream_cost_nano_usd(&prices, &usage, NULL);
}

static struct chat_usage used(int64_t input, int64_t output)
{
    struct chat_usage usage = CHAT_USAGE_UNKNOWN;
    usage.input = input;
    usage.output = output;
    return usage;
}

static void test_plain(void **state)
{
    (void)state;
    struct upstream_price_tier tier = usual_tier();
    assert_int_equal(cost(&tier, 1, used(1000, 100)), 1000 * 3000 + 100 * 15000);
    assert_int_equal(cost(&tier, 1, used(0, 0)), 0);
}

/* Buckets are disjoint: each token is priced once. */
static void test_cache_is_priced_once(void **state)
{
    (void)state;
    struct upstream_price_tier tier = usual_tier();
    struct chat_usage usage = used(1000, 0);
    usage.cache_read = 100000;
    usage.cache_write_5m = 2000;
    usage.cache_write_1h = 500;
    assert_int_equal(cost(&tier, 1, usage), 1000 * 3000 + 100000 * 300 + 2000 * 3750 + 500 * 6000);
}

static void test_unknown_is_never_zero(void **state)
{
    (void)state;
    struct upstream_price_tier tier = usual_tier();
    struct chat_usage usage = used(10, 10);
    assert_int_equal(upstream_cost_nano_usd(NULL, &usage, NULL), -1);
    assert_int_equal(cost(NULL, 0, usage), -1);
    assert_int_equal(cost(&tier, 1, used(-1, 10)), -1);
    assert_int_equal(cost(&tier, 1, used(10, -1)), -1);
    tier.output = -1;
    assert_int_equal(cost(&tier, 1, used(10, 10)), -1);
    assert_int_equal(cost(&tier, 1, used(10, 0)), 10 * 3000); /* none of it was made */
    tier = usual_tier();
    tier.cache_write_1h = -1;
    usage.cache_write_1h = 1;
    assert_int_equal(cost(&tier, 1, usage), -1);
    usage.cache_write_1h = 0;
    assert_int_equal(cost(&tier, 1, usage), 10 * 3000 + 10 * 15000);
    usage.output_audio = 5;
    assert_int_equal(cost(&tier, 1, usage), -1);
}

static void test_free_is_not_unknown(void **state)
{
    (void)state;
    struct upstream_price_tier tier = UPSTREAM_PRICE_TIER_UNKNOWN;
    tier.input = tier.output = 0;
    assert_int_equal(cost(&tier, 1, used(10, 10)), 0);
}

/* Thought is billed as output, rejected predictions too; a read without a discount as input. */
static void test_fallbacks(void **state)
{
    (void)state;
    struct upstream_price_tier tier = usual_tier();
    struct chat_usage usage = used(10, 10);
    tier.cache_read = -1;
    usage.reasoning = 100;
    usage.rejected = 7;
    usage.cache_read = 50;
    usage.input_image = 4;
    assert_int_equal(cost(&tier, 1, usage), (10 + 50 + 4) * 3000 + (10 + 100 + 7) * 15000);
    tier.reasoning = 1 * USD;
    assert_int_equal(cost(&tier, 1, usage), (10 + 50 + 4) * 3000 + (10 + 7) * 15000 + 100 * 1000);
}

/* One tier is picked by the whole input, cached part included, and prices everything. */
static void test_tiers(void **state)
{
    (void)state;
    struct upstream_price_tier tiers[2] = {usual_tier(), usual_tier()};
    tiers[1].above_input_tokens = 200000;
    tiers[1].input = 6 * USD;
    tiers[1].output = 30 * USD;
    assert_int_equal(cost(tiers, 2, used(200000, 10)), INT64_C(200000) * 3000 + 10 * 15000);
    assert_int_equal(cost(tiers, 2, used(200001, 10)), INT64_C(200001) * 6000 + 10 * 30000);
    struct chat_usage usage = used(1, 10);
    usage.cache_read = 200000;
    assert_int_equal(cost(tiers, 2, usage), 6000 + INT64_C(200000) * 300 + 10 * 30000);
}

static void test_carry_loses_nothing(void **state)
{
    (void)state;
    struct upstream_price_tier tier = UPSTREAM_PRICE_TIER_UNKNOWN;
    tier.input = 75000001; /* 75.000001 nano-dollars a token */
    tier.output = 0;
    struct upstream_prices prices = {.tiers = &tier, .tier_count = 1};
    struct chat_usage usage = used(1, 0);
    int64_t carry = 0, sum = 0;
    for (int i = 0; i < 1000000; i++)
        sum += upstream_cost_nano_usd(&prices, &usage, &carry);
    assert_int_equal(sum, 75000001);
    assert_int_equal(carry, 0);
    carry = 5;
    usage.output = -1;
    assert_int_equal(upstream_cost_nano_usd(&prices, &usage, &carry), -1);
    assert_int_equal(carry, 5);
}

static void test_large_sums(void **state)
{
    (void)state;
    struct upstream_price_tier tier = UPSTREAM_PRICE_TIER_UNKNOWN;
    tier.input = INT64_MAX;
    tier.output = INT64_MAX;
    assert_int_equal(cost(&tier, 1, used(INT64_MAX, INT64_MAX)), -1);
    assert_int_equal(cost(&tier, 1, used(1000000, 0)), INT64_MAX);
    assert_int_equal(cost(&tier, 1, used(1000001, 0)), -1);
}

static void test_per_request(void **state)
{
    (void)state;
    struct upstream_price_tier tier = usual_tier();
    struct upstream_prices prices = {
        .tiers = &tier, .tier_count = 1, .per_request_nano_usd = 5000000};
    struct chat_usage usage = used(1, 1);
    assert_int_equal(upstream_cost_nano_usd(&prices, &usage, NULL), 5000000 + 3000 + 15000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cache_is_priced_once),
        cmocka_unit_test(test_unknown_is_never_zero),
        cmocka_unit_test(test_free_is_not_unknown),
        cmocka_unit_test(test_fallbacks),
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_carry_loses_nothing),
        cmocka_unit_test(test_large_sums),
        cmocka_unit_test(test_per_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
