/* Configuration of upstreams, and what their breakers, averages and keys do over (fake) time. */
#include "upstreams/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int64_t fake_now_ns = 1000000000;

static int64_t read_fake(void *self)
{
    (void)self;
    return fake_now_ns;
}

static const struct clock fake_clock = {read_fake, read_fake, NULL};

static void advance_ms(int64_t ms)
{
    fake_now_ns += ms * 1000000;
}

static const struct slice two_urls[] = {SLICE_INIT("http://10.0.0.1:8000/v1"),
                                        SLICE_INIT("http://10.0.0.2:8000/v1/")};
static const struct upstream_model_config two_models[] = {
    {.name = SLICE_INIT("big"), .upstream_name = SLICE_INIT("vendor/big-1")},
    {.name = SLICE_INIT("small")},
};

static struct upstream_config plain_config(void)
{
    return (struct upstream_config){
        .name = SLICE("box"),
        .kind = SLICE("vllm"),
        .urls = two_urls,
        .url_count = 2,
        .zone = POLICY_ZONE_PREMISES,
        .clearance = POLICY_LEVEL_RESTRICTED,
        .models = two_models,
        .model_count = 2,
    };
}

static struct upstream *make(const struct upstream_config *config)
{
    struct upstream *up = NULL;
    struct base_error detail = {0};
    enum base_err err = upstream_new(config, &fake_clock, &up, &detail);
    if (err)
        print_error("%s\n", detail.message);
    assert_int_equal(err, BASE_OK);
    return up;
}

static struct upstream *make_single(void)
{
    struct upstream_config config = plain_config();
    config.url_count = 1;
    return make(&config);
}

static struct upstream_slot take(struct upstream *up)
{
    struct upstream_slot slot;
    int64_t wait;
    assert_int_equal(upstream_slot_take(up, &slot, &wait), BASE_OK);
    return slot;
}

static void attempt(struct upstream *up, enum base_err err, int64_t retry_after_ms)
{
    struct upstream_slot slot = take(up);
    upstream_slot_give(up, &slot, err, retry_after_ms);
}

static int64_t wait_of(struct upstream *up)
{
    struct upstream_slot slot;
    int64_t wait = -1;
    assert_int_equal(upstream_slot_take(up, &slot, &wait), BASE_ERR_UPSTREAM_CONNECT);
    return wait;
}

static void test_configured(void **state)
{
    (void)state;
    struct upstream_config config = plain_config();
    struct upstream *up = make(&config);
    assert_int_equal(upstream_model_count(up), 2);
    assert_true(slice_eq_str(upstream_model_at(up, 0)->target_name, "box/big"));
    assert_true(slice_eq_str(upstream_model_at(up, 0)->upstream_name, "vendor/big-1"));
    assert_true(slice_eq_str(upstream_model_at(up, 1)->upstream_name, "small"));
    assert_string_equal(up->replicas[1].url.ptr, "http://10.0.0.2:8000/v1/chat/completions");
    assert_int_equal(up->deadlines.connect_ms, 10000);
    upstream_unref(up);
}

static void test_every_kind_has_what_it_needs(void **state)
{
    (void)state;
    size_t count = 0;
    for (const char *name; (name = upstream_kind_name(count)) != NULL; count++) {
        const struct upstream_kind *kind = upstream_kind_find(slice_from_str(name));
        struct address_url url;
        assert_non_null(kind);
        assert_non_null(kind->auth_name);
        assert_non_null(kind->auth_prefix);
        assert_true(kind->max_tokens.len > 0 && kind->seed.len > 0);
        assert_true(kind->repetition_penalty.len > 0 && kind->tool_required.len > 0);
        if (kind->url)
            assert_true(address_url_parse(slice_from_str(kind->url), &url));
    }
    assert_true(count >= 10);
    assert_false(upstream_kind_known(SLICE("nothing")));
}

static void refused(struct upstream_config config, const char *param)
{
    struct upstream *up = NULL;
    struct base_error detail = {0};
    assert_int_equal(upstream_new(&config, &fake_clock, &up, &detail), BASE_ERR_BAD_CONFIG);
    assert_string_equal(detail.param, param);
    assert_null(up);
}

static void test_bad_configurations(void **state)
{
    (void)state;
    struct upstream_config c = plain_config();
    c.name = SLICE("a/b");
    refused(c, "name");
    c = plain_config();
    c.kind = SLICE("nothing");
    refused(c, "kind");
    c = plain_config();
    c.url_count = 0;
    refused(c, "url");
    c = plain_config();
    c.zone = POLICY_ZONE_CLOUD; /* over http */
    refused(c, "urls[0]");
    const struct slice same[] = {SLICE("http://10.0.0.1/v1"), SLICE("http://10.0.0.1/v1/")};
    c = plain_config();
    c.urls = same;
    refused(c, "urls[1]");
    const struct slice range = SLICE("10.0.0.0/99");
    c = plain_config();
    c.addresses = &range;
    c.address_count = 1;
    refused(c, "address[0]");
    const struct slice keys[] = {SLICE("good"), SLICE("bad\r\nx-evil: 1")};
    c = plain_config();
    c.keys = keys;
    c.key_count = 2;
    refused(c, "key");
    const struct upstream_header evil = {SLICE("x-a"), SLICE("b\nc: d")};
    const struct upstream_header ours = {SLICE("Authorization"), SLICE("x")};
    c = plain_config();
    c.header_count = 1;
    c.headers = &evil;
    refused(c, "headers[0]");
    c.headers = &ours;
    refused(c, "headers[0]");
    const struct upstream_model_config twice[] = {{.name = SLICE("m")}, {.name = SLICE("m")}};
    const struct upstream_model_config odd = {.name = SLICE("m\n")};
    c = plain_config();
    c.models = twice;
    refused(c, "models[1].name");
    c.models = &odd;
    c.model_count = 1;
    refused(c, "models[0].name");
    c.model_count = 0;
    refused(c, "models");
    c = plain_config();
    c.deadlines.idle_ms = -1;
    refused(c, "deadlines");
    const struct upstream_model_config cloudy = {.name = SLICE("gpt-oss:120b-cloud")};
    c = plain_config();
    c.kind = SLICE("ollama");
    c.models = &cloudy;
    c.model_count = 1;
    refused(c, "models[0].name");
}

static void test_three_failures_open(void **state)
{
    (void)state;
    struct upstream *up = make_single();
    struct upstream_facts facts;
    attempt(up, BASE_ERR_UPSTREAM_STATUS, -1);
    attempt(up, BASE_ERR_UPSTREAM_TIMEOUT, -1);
    attempt(up, BASE_OK, -1); /* not one after another */
    attempt(up, BASE_ERR_UPSTREAM_STATUS, -1);
    attempt(up, BASE_ERR_UPSTREAM_STATUS, -1);
    upstream_facts(up, 0, &facts);
    assert_true(facts.healthy);
    assert_int_equal(facts.consecutive_failures, 2);
    attempt(up, BASE_ERR_UPSTREAM_TRUNCATED, -1);
    upstream_facts(up, 0, &facts);
    assert_false(facts.healthy);
    assert_in_range(facts.retry_after_ms, 500, 1000);
    assert_in_range(wait_of(up), 500, 1000);
    upstream_unref(up);
}

static void test_half_open_lets_one_through(void **state)
{
    (void)state;
    struct upstream *up = make_single();
    for (int i = 0; i < 3; i++)
        attempt(up, BASE_ERR_UPSTREAM_CONNECT, -1);
    advance_ms(1000);
    struct upstream_slot probe = take(up);
    assert_int_equal(wait_of(up), 0); /* only one at a time */
    upstream_slot_give(up, &probe, BASE_ERR_UPSTREAM_CONNECT, -1);
    assert_in_range(wait_of(up), 1000, 2000); /* twice as long */
    advance_ms(2000);
    attempt(up, BASE_OK, -1);
    struct upstream_facts facts;
    upstream_facts(up, 0, &facts);
    assert_true(facts.healthy);
    assert_int_equal(facts.consecutive_failures, 0);
    upstream_unref(up);
}

static void test_cancelled_probe_teaches_nothing(void **state)
{
    (void)state;
    struct upstream *up = make_single();
    for (int i = 0; i < 3; i++)
        attempt(up, BASE_ERR_UPSTREAM_CONNECT, -1);
    advance_ms(1000);
    attempt(up, BASE_ERR_CANCELLED, -1);
    attempt(up, BASE_OK, -1); /* the next one probes */
    upstream_unref(up);
}

static void test_backoff_is_bounded(void **state)
{
    (void)state;
    struct upstream *up = make_single();
    struct upstream_facts facts;
    for (int i = 0; i < 40; i++) {
        advance_ms(64000);
        attempt(up, BASE_ERR_UPSTREAM_STATUS, -1);
    }
    upstream_facts(up, 0, &facts);
    assert_in_range(facts.retry_after_ms, 32000, 64000);
    upstream_unref(up);
}

static void test_the_clients_fault_does_not_count(void **state)
{
    (void)state;
    struct upstream *up = make_single();
    struct upstream_facts facts;
    for (int i = 0; i < 10; i++)
        attempt(up, i % 2 ? BASE_ERR_UPSTREAM_REJECTED : BASE_ERR_CONTEXT_LENGTH, -1);
    upstream_facts(up, 0, &facts);
    assert_true(facts.healthy);
    assert_int_equal(facts.consecutive_failures, 0);
    upstream_unref(up);
}

static void test_rate_limit_waits_as_told(void **state)
{
    (void)state;
    struct upstream *up = make_single();
    attempt(up, BASE_ERR_UPSTREAM_RATE_LIMIT, 7000);
    assert_int_equal(wait_of(up), 7000);
    advance_ms(6999);
    assert_int_equal(wait_of(up), 1);
    advance_ms(1);
    attempt(up, BASE_OK, -1);
    attempt(up, BASE_ERR_UPSTREAM_RATE_LIMIT, -1); /* not told: backs off at once */
    assert_in_range(wait_of(up), 500, 1000);
    upstream_unref(up);
}

static void test_quota_opens_long(void **state)
{
    (void)state;
    struct upstream *up = make_single();
    attempt(up, BASE_ERR_UPSTREAM_QUOTA, -1);
    assert_int_equal(wait_of(up), 600000);
    upstream_unref(up);
}

static void test_second_key_takes_over(void **state)
{
    (void)state;
    const struct slice keys[] = {SLICE("old"), SLICE("new")};
    struct upstream_config config = plain_config();
    config.keys = keys;
    config.key_count = 2;
    struct upstream *up = make(&config);
    struct upstream_slot slot = take(up);
    assert_int_equal(slot.key, 0);
    assert_string_equal(up->keys[0].value, "Bearer old");
    upstream_slot_give(up, &slot, BASE_ERR_UPSTREAM_AUTH, -1);
    slot = take(up);
    assert_int_equal(slot.key, 1);
    upstream_slot_give(up, &slot, BASE_ERR_UPSTREAM_QUOTA, -1);
    assert_int_equal(wait_of(up), 600000); /* none is left */
    upstream_unref(up);
}

static void test_least_busy_replica(void **state)
{
    (void)state;
    struct upstream_config config = plain_config();
    struct upstream *up = make(&config);
    struct upstream_slot a = take(up), b = take(up), c;
    assert_int_not_equal(a.replica, b.replica);
    upstream_slot_give(up, &a, BASE_OK, -1);
    c = take(up);
    assert_int_equal(c.replica, a.replica);
    upstream_slot_give(up, &b, BASE_OK, -1);
    upstream_slot_give(up, &c, BASE_OK, -1);
    struct upstream_facts facts;
    upstream_facts(up, 0, &facts);
    assert_int_equal(facts.outstanding, 0);
    upstream_unref(up);
}

static void test_open_replica_is_passed_over(void **state)
{
    (void)state;
    struct upstream_config config = plain_config();
    struct upstream *up = make(&config);
    struct upstream_slot bad = {.replica = 0, .key = 0};
    for (int i = 0; i < 3; i++) {
        atomic_fetch_add(&up->outstanding, 1);
        atomic_fetch_add(&up->replicas[0].outstanding, 1);
        upstream_slot_give(up, &bad, BASE_ERR_UPSTREAM_CONNECT, -1);
    }
    for (int i = 0; i < 5; i++) {
        struct upstream_slot slot = take(up);
        assert_int_equal(slot.replica, 1);
    }
    struct upstream_replica_facts facts;
    assert_true(upstream_replica_facts(up, 0, &facts));
    assert_true(facts.open);
    assert_true(upstream_replica_facts(up, 1, &facts));
    assert_int_equal(facts.outstanding, 5);
    assert_false(upstream_replica_facts(up, 2, &facts));
    upstream_unref(up);
}

static void test_places_are_limited(void **state)
{
    (void)state;
    struct upstream_config config = plain_config();
    struct upstream_slot slot;
    int64_t wait;
    config.max_concurrent = 2;
    struct upstream *up = make(&config);
    struct upstream_slot first = take(up);
    (void)take(up);
    assert_int_equal(upstream_slot_take(up, &slot, &wait), BASE_ERR_OVERLOADED);
    upstream_slot_give(up, &first, BASE_ERR_CANCELLED, -1);
    (void)take(up);
    upstream_unref(up);
}

static void test_averages(void **state)
{
    (void)state;
    struct upstream_config config = plain_config();
    struct upstream *up = make(&config);
    struct upstream_facts facts;
    upstream_facts(up, 0, &facts);
    assert_int_equal(facts.first_token_ms, -1);
    assert_int_equal(facts.tokens_per_s_milli, -1);
    upstream_model_measured(up, 0, 200 * 1000000, 100, INT64_C(2000) * 1000000);
    upstream_facts(up, 0, &facts);
    assert_int_equal(facts.first_token_ms, 200);
    assert_int_equal(facts.tokens_per_s_milli, 50000);
    upstream_model_measured(up, 0, 700 * 1000000, 3, 1000); /* too few tokens to tell a pace */
    upstream_facts(up, 0, &facts);
    assert_int_equal(facts.first_token_ms, 300);
    assert_int_equal(facts.tokens_per_s_milli, 50000);
    upstream_facts(up, 1, &facts); /* per model */
    assert_int_equal(facts.first_token_ms, -1);
    upstream_unref(up);
}

static void test_reload_inherits(void **state)
{
    (void)state;
    struct upstream_config config = plain_config();
    struct upstream *before = make(&config);
    upstream_model_measured(before, 1, 100 * 1000000, -1, 0);
    atomic_store(&before->replicas[1].failures, 3);
    atomic_store(&before->replicas[1].open_until_ns, fake_now_ns + 5000000);
    atomic_store(&before->replicas[0].open_until_ns, fake_now_ns + 5000000); /* by a refused key */
    struct upstream *after = make(&config);
    upstream_inherit_facts(after, before);
    upstream_unref(before);
    struct upstream_facts facts;
    upstream_facts(after, 1, &facts);
    assert_int_equal(facts.first_token_ms, 100);
    struct upstream_replica_facts replica;
    (void)upstream_replica_facts(after, 0, &replica);
    assert_false(replica.open);
    (void)upstream_replica_facts(after, 1, &replica);
    assert_true(replica.open);
    upstream_unref(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configured),
        cmocka_unit_test(test_every_kind_has_what_it_needs),
        cmocka_unit_test(test_bad_configurations),
        cmocka_unit_test(test_three_failures_open),
        cmocka_unit_test(test_half_open_lets_one_through),
        cmocka_unit_test(test_cancelled_probe_teaches_nothing),
        cmocka_unit_test(test_backoff_is_bounded),
        cmocka_unit_test(test_the_clients_fault_does_not_count),
        cmocka_unit_test(test_rate_limit_waits_as_told),
        cmocka_unit_test(test_quota_opens_long),
        cmocka_unit_test(test_second_key_takes_over),
        cmocka_unit_test(test_least_busy_replica),
        cmocka_unit_test(test_open_replica_is_passed_over),
        cmocka_unit_test(test_places_are_limited),
        cmocka_unit_test(test_averages),
        cmocka_unit_test(test_reload_inherits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
