#include "tests/unit/policy/policy_test.h"

static void test_levels(void **state)
{
    (void)state;
    enum policy_level level = POLICY_LEVEL_COUNT;
    for (int i = 0; i < POLICY_LEVEL_COUNT; i++) {
        assert_true(
            policy_level_parse(slice_from_str(policy_level_name((enum policy_level)i)), &level));
        assert_int_equal(level, i);
    }
    assert_false(policy_level_parse(SLICE("Public"), &level));
    assert_false(policy_level_parse(SLICE(""), &level));
    assert_int_equal(level, POLICY_LEVEL_COUNT - 1);
    assert_false(policy_level_is_private(POLICY_LEVEL_INTERNAL));
    assert_true(policy_level_is_private(POLICY_LEVEL_CONFIDENTIAL));
}

static void test_zones(void **state)
{
    (void)state;
    enum policy_zone zone;
    assert_true(policy_zone_parse(SLICE("cloud"), &zone));
    assert_int_equal(policy_zone_default_clearance(zone), POLICY_LEVEL_INTERNAL);
    assert_true(policy_zone_parse(SLICE("device"), &zone));
    assert_int_equal(policy_zone_default_clearance(zone), POLICY_LEVEL_RESTRICTED);
    assert_false(policy_zone_parse(SLICE("moon"), &zone));
    assert_int_equal(policy_zone_default_clearance((enum policy_zone)77), POLICY_LEVEL_PUBLIC);
}

static void test_types(void **state)
{
    (void)state;
    assert_string_equal(policy_finding_name(POLICY_FINDING_CREDIT_CARD), "CREDIT_CARD");
    policy_types set = policy_types_parse(SLICE("financial"));
    assert_true(set >> POLICY_FINDING_IBAN & 1);
    assert_false(set >> POLICY_FINDING_EMAIL & 1);
    set = policy_types_parse(SLICE("health"));
    assert_true(set >> POLICY_FINDING_HEALTH & 1);
    assert_true(set >> POLICY_FINDING_MEDICAL_ID & 1);
    assert_int_equal(policy_types_parse(SLICE("email")), 1u << POLICY_FINDING_EMAIL);
    assert_int_equal(policy_types_parse(SLICE("EMAIL")), 0);
    assert_int_equal(policy_types_parse(SLICE("")), 0);
    assert_true(policy_finding_is_detected(POLICY_FINDING_SECRET));
    assert_false(policy_finding_is_detected(POLICY_FINDING_PERSON));
}

static void test_config_levels(void **state)
{
    (void)state;
    struct policy_config config;
    policy_config_init(&config);
    assert_int_equal(config.levels[POLICY_FINDING_SECRET], POLICY_LEVEL_RESTRICTED);
    assert_int_equal(config.levels[POLICY_FINDING_EMAIL], POLICY_LEVEL_CONFIDENTIAL);
    assert_true(policy_config_set_level(&config, SLICE("pii"), POLICY_LEVEL_RESTRICTED));
    assert_true(policy_config_set_level(&config, SLICE("phone"), POLICY_LEVEL_PUBLIC));
    assert_int_equal(config.levels[POLICY_FINDING_EMAIL], POLICY_LEVEL_RESTRICTED);
    assert_int_equal(config.levels[POLICY_FINDING_PHONE], POLICY_LEVEL_PUBLIC);
    assert_false(policy_config_set_level(&config, SLICE("pij"), POLICY_LEVEL_PUBLIC));
}

static void new_policy(const struct policy_config *config, uint8_t *ret_hash)
{
    struct policy *policy;
    assert_int_equal(policy_new(config, &policy, NULL), BASE_OK);
    memcpy(ret_hash, policy_hash(policy), POLICY_HASH_BYTES);
    policy_unref(policy);
}

static void test_hash(void **state)
{
    (void)state;
    static const struct slice words[] = {SLICE_INIT("Falcon"), SLICE_INIT("Kestrel")};
    struct policy_dictionary names = {SLICE("code-names"), words, 2, POLICY_LEVEL_CONFIDENTIAL};
    struct policy_config config;
    uint8_t plain[POLICY_HASH_BYTES], again[POLICY_HASH_BYTES], other[POLICY_HASH_BYTES];
    policy_config_init(&config);
    new_policy(&config, plain);
    new_policy(&config, again);
    assert_memory_equal(plain, again, POLICY_HASH_BYTES);
    config.dictionaries = &names;
    config.dictionary_count = 1;
    new_policy(&config, other);
    assert_memory_not_equal(plain, other, POLICY_HASH_BYTES);
    memcpy(again, other, sizeof(again));
    names.level = POLICY_LEVEL_RESTRICTED;
    new_policy(&config, other);
    assert_memory_not_equal(again, other, POLICY_HASH_BYTES);
}

static void test_bad_config(void **state)
{
    (void)state;
    struct policy *policy = NULL;
    struct base_error error;
    struct policy_config config;
    struct policy_pattern pattern = {SLICE("twice"), SLICE("(a)\\1"), POLICY_LEVEL_RESTRICTED};
    policy_config_init(&config);
    config.patterns = &pattern;
    config.pattern_count = 1;
    assert_int_equal(policy_new(&config, &policy, &error), BASE_ERR_BAD_CONFIG);
    assert_non_null(strstr(error.message, "twice"));
    pattern.regex = SLICE("(?<=x)y");
    assert_int_equal(policy_new(&config, &policy, &error), BASE_ERR_BAD_CONFIG);
    pattern.regex = SLICE("x");
    pattern.level = POLICY_LEVEL_COUNT;
    assert_int_equal(policy_new(&config, &policy, &error), BASE_ERR_BAD_CONFIG);
    static const struct slice blank[] = {SLICE_INIT("  ")};
    struct policy_dictionary names = {SLICE("names"), blank, 1, POLICY_LEVEL_CONFIDENTIAL};
    config.pattern_count = 0;
    config.dictionaries = &names;
    config.dictionary_count = 1;
    assert_int_equal(policy_new(&config, &policy, &error), BASE_ERR_BAD_CONFIG);
    assert_non_null(strstr(error.message, "names"));
    assert_null(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels), cmocka_unit_test(test_zones),
        cmocka_unit_test(test_types),  cmocka_unit_test(test_config_levels),
        cmocka_unit_test(test_hash),   cmocka_unit_test(test_bad_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
