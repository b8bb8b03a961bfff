#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/body.h"
#include "tests/unit/policy/policy_test.h"

/* In the control build every refusal below is a permission: the tests say which. */
static enum base_err refused(void)
{
    return policy_permit_check_enabled() ? BASE_ERR_POLICY_VIOLATION : BASE_OK;
}

static const struct policy_destination cloud = {SLICE_INIT("openai/gpt-x"),
                                                SLICE_INIT("https://api.example.com"),
                                                POLICY_ZONE_CLOUD, POLICY_LEVEL_INTERNAL};

struct fixture {
    struct policy *policy;
    struct arena *arena;
    struct test_chat chat;
    struct policy_inspection *seen;
    struct policy_body *body;
    struct policy_permit_wish wish;
};

static void begin(struct fixture *f, const char *text)
{
    f->policy = test_policy();
    f->arena = arena_new(64 << 20);
    f->chat = (struct test_chat){0};
    test_say(&f->chat, CHAT_ROLE_USER, text);
    f->seen = test_inspect(f->policy, &f->chat, POLICY_LEVEL_PUBLIC, f->arena);
    assert_int_equal(policy_body_new(f->seen, 4 << 20, &f->body), BASE_OK);
    policy_body_string(f->body, f->chat.parts[0].text);
    assert_int_equal(policy_body_finish(f->body, NULL), BASE_OK);
    f->wish = (struct policy_permit_wish){.body = f->body,
                                          .newest = f->policy,
                                          .destination = cloud,
                                          .newest_destination = cloud,
                                          .request_id = SLICE("req-1"),
                                          .attempt = 2,
                                          .now_ns = 1000,
                                          .ttl_ns = 500};
}

static void end(struct fixture *f)
{
    policy_body_free(f->body);
    arena_free(f->arena);
    policy_unref(f->policy);
}

static enum base_err ask(struct fixture *f)
{
    struct policy_permit *permit = NULL;
    struct base_error error = {0};
    enum base_err err = policy_permit_new(&f->wish, &permit, &error);
    if (err) {
        assert_null(permit);
        assert_null(strstr(error.message, "1111"));
    }
    policy_permit_free(permit);
    return err;
}

static void test_given(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "Name three rivers.");
    struct policy_permit *permit;
    assert_int_equal(policy_permit_new(&f.wish, &permit, NULL), BASE_OK);
    const struct policy_permit_facts *facts = policy_permit_facts(permit);
    assert_true(slice_eq_str(facts->request_id, "req-1"));
    assert_true(slice_eq_str(facts->destination, "openai/gpt-x"));
    assert_int_equal(facts->attempt, 2);
    assert_int_equal(facts->level, POLICY_LEVEL_INTERNAL);
    assert_int_equal(facts->clearance, POLICY_LEVEL_INTERNAL);
    assert_int_equal(facts->zone, POLICY_ZONE_CLOUD);
    assert_int_equal(facts->expires_ns, 1500);
    assert_memory_equal(facts->body_sha256, policy_body_sha256(f.body), POLICY_HASH_BYTES);
    assert_memory_equal(facts->policy_hash, policy_hash(f.policy), POLICY_HASH_BYTES);
    assert_int_equal(policy_permit_check(permit, policy_body_bytes(f.body), &cloud, 1499, NULL),
                     BASE_OK);
    policy_permit_free(permit);
    end(&f);
}

static void test_too_sensitive(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "card " TEST_CARD);
    assert_int_equal(ask(&f), refused());
    f.wish.destination.clearance = f.wish.newest_destination.clearance = POLICY_LEVEL_CONFIDENTIAL;
    assert_int_equal(ask(&f), BASE_OK);
    /* The lower of two clearances holds, whichever it is. */
    f.wish.newest_destination.clearance = POLICY_LEVEL_INTERNAL;
    assert_int_equal(ask(&f), refused());
    f.wish.newest_destination.clearance = POLICY_LEVEL_RESTRICTED;
    f.wish.destination.clearance = POLICY_LEVEL_INTERNAL;
    assert_int_equal(ask(&f), refused());
    end(&f);
}

static void test_raised(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "Name three rivers.");
    policy_inspection_raise(f.seen, POLICY_LEVEL_RESTRICTED);
    struct policy_body *body;
    assert_int_equal(policy_body_new(f.seen, 4096, &body), BASE_OK);
    policy_body_string(body, f.chat.parts[0].text);
    assert_int_equal(policy_body_finish(body, NULL), BASE_OK);
    f.wish.body = body;
    assert_int_equal(ask(&f), refused());
    policy_body_free(body);
    end(&f);
}

/* A reload between routing and sending made the policy stricter. */
static void test_newest_policy(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "About the river Falcon");
    assert_int_equal(ask(&f), BASE_OK);
    static const struct slice words[] = {SLICE_INIT("falcon")};
    static const struct policy_dictionary names = {SLICE_INIT("code-names"), words, 1,
                                                   POLICY_LEVEL_CONFIDENTIAL};
    struct policy_config config;
    struct policy *newest;
    policy_config_init(&config);
    config.dictionaries = &names;
    config.dictionary_count = 1;
    assert_int_equal(policy_new(&config, &newest, NULL), BASE_OK);
    f.wish.newest = newest;
    assert_int_equal(ask(&f), refused());
    policy_unref(newest);
    /* A newer policy that is more generous lowers nothing. */
    end(&f);
    begin(&f, "card " TEST_CARD);
    policy_config_init(&config);
    config.levels[POLICY_FINDING_CREDIT_CARD] = POLICY_LEVEL_PUBLIC;
    assert_int_equal(policy_new(&config, &newest, NULL), BASE_OK);
    f.wish.newest = newest;
    assert_int_equal(ask(&f), refused());
    policy_unref(newest);
    end(&f);
}

static void test_newest_destination(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "Name three rivers.");
    f.wish.newest_destination = (struct policy_destination){0}; /* gone */
    assert_int_equal(ask(&f), refused());
    f.wish.newest_destination = cloud;
    f.wish.newest_destination.id = SLICE("https://elsewhere.example.com");
    assert_int_equal(ask(&f), refused());
    end(&f);
}

static void test_door(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "Name three rivers.");
    struct policy_permit *permit;
    struct base_error error;
    assert_int_equal(policy_permit_new(&f.wish, &permit, NULL), BASE_OK);
    struct slice bytes = policy_body_bytes(f.body);
    assert_int_equal(policy_permit_check(permit, bytes, &cloud, 1500, &error), refused());
    char other[64];
    assert_true(bytes.len < sizeof(other));
    memcpy(other, bytes.ptr, bytes.len);
    other[1] ^= 1;
    assert_int_equal(policy_permit_check(permit, slice_of(other, bytes.len), &cloud, 1000, &error),
                     refused());
    assert_int_equal(
        policy_permit_check(permit, slice_sub(bytes, 0, bytes.len - 1), &cloud, 1000, &error),
        refused());
    struct policy_destination elsewhere = cloud;
    elsewhere.name = SLICE("openai/gpt-y");
    assert_int_equal(policy_permit_check(permit, bytes, &elsewhere, 1000, &error), refused());
    elsewhere = cloud;
    elsewhere.id = SLICE("https://api.example.com.evil");
    assert_int_equal(policy_permit_check(permit, bytes, &elsewhere, 1000, &error), refused());
    elsewhere = cloud;
    elsewhere.zone = POLICY_ZONE_PREMISES;
    assert_int_equal(policy_permit_check(permit, bytes, &elsewhere, 1000, &error), refused());
    elsewhere = cloud;
    elsewhere.clearance = POLICY_LEVEL_PUBLIC;
    assert_int_equal(policy_permit_check(permit, bytes, &elsewhere, 1000, &error), refused());
    assert_int_equal(policy_permit_check(NULL, bytes, &cloud, 1000, &error), refused());
    policy_permit_free(permit);
    policy_permit_free(NULL);
    end(&f);
}

/* A large body is hashed once: after that nobody can write to it, which only a process that does so
 * can tell. */
static void test_large_bodies_are_sealed(void **state)
{
    (void)state;
    static char text[1 << 20];
    struct fixture f;
    memset(text, 'a', sizeof(text) - 1);
    begin(&f, text);
    struct policy_permit *permit;
    struct policy_destination elsewhere = cloud;
    elsewhere.id = SLICE("https://api.example.com.evil");
    assert_int_equal(policy_permit_new(&f.wish, &permit, NULL), BASE_OK);
    assert_non_null(policy_body_sealed_sha256(f.body));
    struct slice bytes = policy_body_bytes(f.body);
    assert_true(bytes.len > sizeof(text));
    assert_int_equal(policy_permit_check_body(permit, f.body, &cloud, 1000, NULL), BASE_OK);
    assert_int_equal(policy_permit_check(permit, bytes, &cloud, 1000, NULL), BASE_OK);
    assert_int_equal(policy_permit_check_body(permit, f.body, &elsewhere, 1000, NULL), refused());
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        *(volatile char *)(uintptr_t)(bytes.ptr + 100) = 'b';
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));

    struct fixture other; /* a permit is for one body, sealed or not */
    text[5] = 'b';
    begin(&other, text);
    assert_int_equal(policy_permit_check_body(permit, other.body, &cloud, 1000, NULL), refused());
    end(&other);
    policy_permit_free(permit);
    end(&f);
}

static void test_small_bodies_are_hashed_again(void **state)
{
    (void)state;
    struct fixture f, other;
    struct policy_permit *permit;
    begin(&f, "Name three rivers.");
    begin(&other, "Name three lakes..");
    assert_int_equal(policy_permit_new(&f.wish, &permit, NULL), BASE_OK);
    assert_null(policy_body_sealed_sha256(f.body));
    assert_int_equal(policy_permit_check_body(permit, f.body, &cloud, 1000, NULL), BASE_OK);
    assert_int_equal(policy_permit_check_body(permit, other.body, &cloud, 1000, NULL), refused());
    policy_permit_free(permit);
    end(&other);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_too_sensitive),
        cmocka_unit_test(test_raised),
        cmocka_unit_test(test_newest_policy),
        cmocka_unit_test(test_newest_destination),
        cmocka_unit_test(test_large_bodies_are_sealed),
        cmocka_unit_test(test_small_bodies_are_hashed_again),
        cmocka_unit_test(test_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
