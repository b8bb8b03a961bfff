#include "tests/unit/policy/policy_test.h"

#define RECORDS 5

struct stored {
    struct buffer text;
    uint8_t hash[POLICY_HASH_BYTES];
};

static void write_all(struct stored *list)
{
    static const uint8_t policy_hash_bytes[POLICY_HASH_BYTES] = {0xAB, 1};
    uint8_t hash[POLICY_HASH_BYTES] = {0};
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct policy_audit_record record = {.kind =
                                                 i % 2 ? POLICY_AUDIT_DENIAL : POLICY_AUDIT_PERMIT,
                                             .number = i + 1,
                                             .wall_ns = 1000 + (int64_t)i,
                                             .request_id = SLICE("req"),
                                             .level = POLICY_LEVEL_INTERNAL,
                                             .clearance = POLICY_LEVEL_INTERNAL,
                                             .findings = SLICE("email"),
                                             .rules = SLICE(""),
                                             .destination = SLICE("openai/\"x\""),
                                             .zone = POLICY_ZONE_CLOUD,
                                             .body_bytes = 17,
                                             .sends = 1,
                                             .policy_hash = policy_hash_bytes};
        buffer_init(&list[i].text, 4096);
        assert_int_equal(policy_audit_write(&record, &list[i].text), BASE_OK);
        assert_int_equal(policy_audit_chain(hash, buffer_slice(&list[i].text)), BASE_OK);
        memcpy(list[i].hash, hash, sizeof(hash));
    }
}

/* How many records are good. */
static size_t verify(const struct stored *list, size_t count)
{
    struct policy_audit_verifier verifier;
    struct base_error error;
    policy_audit_verifier_init(&verifier);
    for (size_t i = 0; i < count; i++) {
        if (policy_audit_verify(&verifier, buffer_slice(&list[i].text), list[i].hash, &error))
            break;
    }
    return verifier.number;
}

static void test_form(void **state)
{
    (void)state;
    struct stored list[RECORDS];
    write_all(list);
    static const char expected[] =
        "{\"n\":1,\"t\":1000,\"kind\":\"permit\",\"request\":\"req\",\"attempt\":0,\"level\":"
        "\"internal\","
        "\"clearance\":\"internal\",\"findings\":\"email\",\"rules\":\"\",\"destination\":\"openai/"
        "\\\"x\\\"\",\"zone\":\"cloud\","
        "\"body\":null,\"bytes\":17,\"sends\":1,\"policy\":"
        "\"ab01000000000000000000000000000000000000000000000000000000000000\"}";
    assert_true(slice_eq_str(buffer_slice(&list[0].text), expected));
    for (size_t i = 0; i < RECORDS; i++)
        buffer_done(&list[i].text);
}

static void test_chain(void **state)
{
    (void)state;
    struct stored list[RECORDS];
    write_all(list);
    assert_int_equal(verify(list, RECORDS), RECORDS);
    /* Any changed byte is noticed at its record. */
    for (size_t i = 0; i < RECORDS; i++) {
        char *byte = &list[i].text.data[buffer_len(&list[i].text) / 2];
        *byte ^= 1;
        assert_int_equal(verify(list, RECORDS), i);
        *byte ^= 1;
        list[i].hash[5] ^= 1;
        assert_int_equal(verify(list, RECORDS), i);
        list[i].hash[5] ^= 1;
    }
    /* Missing and exchanged records. */
    assert_int_equal(verify(list + 1, RECORDS - 1), 0);
    struct stored swap = list[2];
    list[2] = list[3];
    list[3] = swap;
    assert_int_equal(verify(list, RECORDS), 2);
    struct policy_audit_verifier verifier;
    policy_audit_verifier_init(&verifier);
    assert_int_equal(policy_audit_verify(&verifier, SLICE(""), list[0].hash, NULL),
                     BASE_ERR_BAD_FILE);
    for (size_t i = 0; i < RECORDS; i++)
        buffer_done(&list[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
