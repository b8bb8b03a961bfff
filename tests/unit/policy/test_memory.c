#include "policy/inspection.h"
#include "tests/unit/policy/policy_test.h"

#define HOUR ((int64_t)3600 * 1000000000)

static struct policy *policy;
static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    policy = test_policy();
    arena = arena_new((size_t)64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    policy_unref(policy);
    arena_free(arena);
    return 0;
}

struct file {
    struct buffer bytes;
    enum base_err err;
};

static enum base_err append(void *user, const uint8_t *record)
{
    struct file *file = user;
    return file->err ? file->err : buffer_add(&file->bytes, record, POLICY_MEMORY_RECORD_BYTES);
}

static struct policy_digests *digests_of(struct policy_memory *memory, struct slice tenant,
                                         const struct chat_request *request)
{
    struct policy_digests *digests = policy_memory_digests(memory, tenant, request, arena);
    assert_int_equal(digests != NULL, memory != NULL);
    return digests;
}

static enum policy_level look_up(struct policy_memory *memory, struct slice tenant,
                                 const struct chat_request *request, int64_t now)
{
    return policy_memory_lookup(memory, digests_of(memory, tenant, request), now);
}

static enum base_err remember_all(struct policy_memory *memory, struct slice tenant,
                                  const struct policy_inspection *seen, int64_t now)
{
    return policy_memory_remember(memory, digests_of(memory, tenant, seen->request), seen, now);
}

static enum base_err remember_answer(struct policy_memory *memory, struct slice tenant,
                                     const struct policy_inspection *seen, struct slice text,
                                     struct slice calls, int64_t now)
{
    return policy_memory_remember_answer(memory, digests_of(memory, tenant, seen->request), seen,
                                         text, calls, now);
}

static struct policy_memory *memory_of(struct file *file, size_t entries)
{
    struct policy_memory_config config = {.key = "0123456789abcdef0123456789abcde",
                                          .max_entries = entries,
                                          .ttl_ns = 24 * HOUR,
                                          .append = file ? append : NULL,
                                          .user = file};
    struct policy_memory *memory;
    assert_int_equal(policy_memory_new(&config, &memory, NULL), BASE_OK);
    return memory;
}

static struct policy_inspection *remember(struct policy_memory *memory,
                                          const struct test_chat *chat, enum policy_level floor,
                                          int64_t now)
{
    struct policy_inspection *seen = test_inspect(policy, chat, floor, arena);
    assert_int_equal(remember_all(memory, SLICE("acme"), seen, now), BASE_OK);
    return seen;
}

static const char long_answer[] = "The holder of that account is overdrawn by a large sum.";

static void test_turns(void **state)
{
    (void)state;
    struct policy_memory *memory = memory_of(NULL, 1024);
    struct test_chat first = {0};
    test_say(&first, CHAT_ROLE_SYSTEM, "You are a bank clerk who answers in one sentence.");
    test_say(&first, CHAT_ROLE_USER, "Who holds card " TEST_CARD "?");
    struct policy_inspection *seen = remember(memory, &first, POLICY_LEVEL_PUBLIC, HOUR);
    assert_int_equal(
        remember_answer(memory, SLICE("acme"), seen, slice_from_str(long_answer), SLICE_NONE, HOUR),
        BASE_OK);

    /* A later turn without the first message, spelled a little differently. */
    struct test_chat later = {0};
    test_say(&later, CHAT_ROLE_SYSTEM, "You are a bank clerk who answers in one sentence.");
    test_say(&later, CHAT_ROLE_ASSISTANT,
             " The holder of **that** account is\noverdrawn by a LARGE sum. ");
    test_say(&later, CHAT_ROLE_USER, "Say that politely.");
    assert_int_equal(look_up(memory, SLICE("acme"), &later.request, 2 * HOUR),
                     POLICY_LEVEL_CONFIDENTIAL);
    /* Other tenants, other words, later times, and the system prompt alone: nothing. */
    assert_int_equal(look_up(memory, SLICE("other"), &later.request, 2 * HOUR),
                     POLICY_LEVEL_PUBLIC);
    assert_int_equal(look_up(memory, SLICE("acme"), &later.request, 26 * HOUR),
                     POLICY_LEVEL_PUBLIC);
    later.request.message_count = 1;
    assert_int_equal(look_up(memory, SLICE("acme"), &later.request, 2 * HOUR), POLICY_LEVEL_PUBLIC);
    assert_int_equal(look_up(NULL, SLICE("acme"), &first.request, HOUR), POLICY_LEVEL_PUBLIC);
    policy_memory_free(memory);
}

/* What the header raised stays raised, also for messages that hold nothing themselves. */
static void test_floor_and_flow(void **state)
{
    (void)state;
    struct policy_memory *memory = memory_of(NULL, 1024);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "Our plans for the spring season are as follows.");
    test_say(&chat, CHAT_ROLE_USER, "We shall plant tulips on the southern side.");
    remember(memory, &chat, POLICY_LEVEL_RESTRICTED, HOUR);
    struct test_chat next = {0};
    test_say(&next, CHAT_ROLE_USER, "We shall plant tulips on the southern side.");
    assert_int_equal(look_up(memory, SLICE("acme"), &next.request, HOUR), POLICY_LEVEL_RESTRICTED);
    /* Labels flow forward: what was said after a secret carries it, what was said before does not.
     */
    struct test_chat other = {0};
    test_say(&other, CHAT_ROLE_USER, "An introduction that says nothing at all of note.");
    test_say(&other, CHAT_ROLE_USER, "Now the card is " TEST_CARD ".");
    test_say(&other, CHAT_ROLE_USER, "A remark that follows and refers to it at length.");
    remember(memory, &other, POLICY_LEVEL_PUBLIC, HOUR);
    next = (struct test_chat){0};
    test_say(&next, CHAT_ROLE_USER, "An introduction that says nothing at all of note.");
    assert_int_equal(look_up(memory, SLICE("acme"), &next.request, HOUR), POLICY_LEVEL_PUBLIC);
    test_say(&next, CHAT_ROLE_USER, "A remark that follows and refers to it at length.");
    assert_int_equal(look_up(memory, SLICE("acme"), &next.request, HOUR),
                     POLICY_LEVEL_CONFIDENTIAL);
    policy_memory_free(memory);
}

/* "Yes." is not a secret everywhere because it once answered one. */
static void test_short(void **state)
{
    (void)state;
    struct policy_memory *memory = memory_of(NULL, 1024);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "Is " TEST_CARD " a valid number?");
    struct policy_inspection *seen = remember(memory, &chat, POLICY_LEVEL_PUBLIC, HOUR);
    assert_int_equal(remember_answer(memory, SLICE("acme"), seen, SLICE("Yes."), SLICE_NONE, HOUR),
                     BASE_OK);
    struct test_chat other = {0};
    test_say(&other, CHAT_ROLE_USER, "Is water wet, in the ordinary sense of these words?");
    test_say(&other, CHAT_ROLE_ASSISTANT, "Yes.");
    assert_int_equal(look_up(memory, SLICE("acme"), &other.request, HOUR), POLICY_LEVEL_PUBLIC);
    other = (struct test_chat){0};
    test_say(&other, CHAT_ROLE_USER, "Is " TEST_CARD " a valid number?");
    test_say(&other, CHAT_ROLE_ASSISTANT, "Yes.");
    assert_int_equal(look_up(memory, SLICE("acme"), &other.request, HOUR),
                     POLICY_LEVEL_CONFIDENTIAL);
    policy_memory_free(memory);
}

static void test_restart(void **state)
{
    (void)state;
    struct file file = {0};
    buffer_init(&file.bytes, 1 << 20);
    struct policy_memory *memory = memory_of(&file, 1024);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "Who holds card " TEST_CARD "?");
    test_say(&chat, CHAT_ROLE_USER, "A clean remark of no importance, made before.");
    chat.parts[0].text = SLICE("A clean remark of no importance, made before.");
    chat.parts[1].text = SLICE("Who holds card " TEST_CARD "?");
    remember(memory, &chat, POLICY_LEVEL_PUBLIC, HOUR);
    assert_int_equal(buffer_len(&file.bytes),
                     POLICY_MEMORY_RECORD_BYTES); /* clean ones cost nothing */
    remember(memory, &chat, POLICY_LEVEL_PUBLIC, HOUR + 1);
    assert_int_equal(buffer_len(&file.bytes), POLICY_MEMORY_RECORD_BYTES); /* nothing new */
    remember(memory, &chat, POLICY_LEVEL_PUBLIC, 4 * HOUR);
    assert_int_equal(buffer_len(&file.bytes), 2 * POLICY_MEMORY_RECORD_BYTES); /* refreshed */
    policy_memory_free(memory);

    /* A torn record at the end, and one that was damaged. */
    size_t skipped;
    assert_int_equal(buffer_add(&file.bytes, "torn", 4), BASE_OK);
    memory = memory_of(NULL, 1024);
    assert_int_equal(policy_memory_load(memory, buffer_slice(&file.bytes), 5 * HOUR, &skipped),
                     BASE_OK);
    assert_int_equal(skipped, 1);
    assert_int_equal(look_up(memory, SLICE("acme"), &chat.request, 5 * HOUR),
                     POLICY_LEVEL_CONFIDENTIAL);
    struct policy_memory_stats stats;
    policy_memory_stats(memory, &stats);
    assert_int_equal(stats.entries, 1);
    assert_int_equal(stats.capacity, 1024);
    struct file compact = {0};
    buffer_init(&compact.bytes, 1 << 20);
    assert_int_equal(policy_memory_save(memory, 5 * HOUR, append, &compact), BASE_OK);
    assert_int_equal(buffer_len(&compact.bytes), POLICY_MEMORY_RECORD_BYTES);
    assert_int_equal(policy_memory_save(memory, 50 * HOUR, append, &compact), BASE_OK);
    assert_int_equal(buffer_len(&compact.bytes), POLICY_MEMORY_RECORD_BYTES); /* too old by then */
    policy_memory_free(memory);

    file.bytes.data[file.bytes.start + 24] ^= 1;
    file.bytes.data[file.bytes.start + POLICY_MEMORY_RECORD_BYTES + 3] ^= 1;
    memory = memory_of(NULL, 1024);
    assert_int_equal(policy_memory_load(memory, buffer_slice(&file.bytes), 5 * HOUR, &skipped),
                     BASE_OK);
    assert_int_equal(skipped, 3);
    policy_memory_stats(memory, &stats);
    assert_int_equal(stats.entries, 0);
    policy_memory_free(memory);
    buffer_done(&file.bytes);
    buffer_done(&compact.bytes);
}

/* Written while the clock was wrong: kept for a time to live from the load on, neither dropped nor
 * kept for ever. */
static void test_records_from_the_future(void **state)
{
    (void)state;
    struct file file = {0};
    buffer_init(&file.bytes, 1 << 20);
    struct policy_memory *memory = memory_of(&file, 1024);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "Who holds card " TEST_CARD "?");
    remember(memory, &chat, POLICY_LEVEL_PUBLIC, 9000 * HOUR);
    policy_memory_free(memory);
    memory = memory_of(NULL, 1024);
    assert_int_equal(policy_memory_load(memory, buffer_slice(&file.bytes), 5 * HOUR, NULL),
                     BASE_OK);
    assert_int_equal(look_up(memory, SLICE("acme"), &chat.request, 5 * HOUR),
                     POLICY_LEVEL_CONFIDENTIAL);
    assert_int_equal(look_up(memory, SLICE("acme"), &chat.request, 28 * HOUR),
                     POLICY_LEVEL_CONFIDENTIAL);
    assert_int_equal(look_up(memory, SLICE("acme"), &chat.request, 30 * HOUR), POLICY_LEVEL_PUBLIC);
    policy_memory_free(memory);
    buffer_done(&file.bytes);
}

static void test_write_fails(void **state)
{
    (void)state;
    struct file file = {.err = BASE_ERR_IO};
    struct policy_memory *memory = memory_of(&file, 1024);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "Who holds card " TEST_CARD "?");
    struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    assert_int_equal(remember_all(memory, SLICE("acme"), seen, HOUR), BASE_ERR_IO);
    assert_int_equal(buffer_len(&file.bytes), 0);

    /* It is known by now, but it must be written all the same: for the next start. */
    buffer_init(&file.bytes, 1 << 20);
    file.err = BASE_OK;
    for (int i = 0; i < 3; i++)
        assert_int_equal(remember_all(memory, SLICE("acme"), seen, HOUR + 1 + i), BASE_OK);
    assert_int_equal(buffer_len(&file.bytes), POLICY_MEMORY_RECORD_BYTES);
    assert_int_equal(look_up(memory, SLICE("acme"), seen->request, HOUR + 5),
                     POLICY_LEVEL_CONFIDENTIAL);
    buffer_done(&file.bytes);
    policy_memory_free(memory);
}

/* Full: lower levels go first, and it never grows. */
static void test_full(void **state)
{
    (void)state;
    struct policy_memory *memory = memory_of(NULL, 1);
    char text[128];
    struct test_chat secret = {0};
    test_say(&secret, CHAT_ROLE_USER, "The one message that must not be forgotten: " TEST_KEY);
    remember(memory, &secret, POLICY_LEVEL_PUBLIC, HOUR);
    for (int i = 0; i < 5000; i++) {
        struct arena *own = arena_new(1 << 20);
        struct test_chat chat = {0};
        (void)snprintf(text, sizeof(text), "Message number %d about person%d@mail.example.org", i,
                       i);
        test_say(&chat, CHAT_ROLE_USER, text);
        struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, own);
        assert_int_equal(remember_all(memory, SLICE("acme"), seen, 2 * HOUR + i), BASE_OK);
        arena_free(own);
    }
    struct policy_memory_stats stats;
    policy_memory_stats(memory, &stats);
    assert_true(stats.entries <= stats.capacity);
    assert_true(stats.evicted > 3000);
    assert_int_equal(look_up(memory, SLICE("acme"), &secret.request, 3 * HOUR),
                     POLICY_LEVEL_RESTRICTED);
    policy_memory_free(memory);
}

/* A tenant that sends many messages of the highest level takes its own place, not another's. */
static void test_flood(void **state)
{
    (void)state;
    enum { KEPT = 30, FLOOD = 5000 };
    struct file file = {.err = BASE_OK};
    buffer_init(&file.bytes, 16 << 20);
    struct policy_memory *memory = memory_of(&file, 1);
    char text[128];
    for (int i = 0; i < KEPT + FLOOD; i++) {
        struct arena *own = arena_new(1 << 20);
        struct test_chat chat = {0};
        bool is_flood = i >= KEPT;
        (void)snprintf(text, sizeof(text), "Message number %d of %s, and nothing is in it", i,
                       is_flood ? "the flood" : "those that stay");
        test_say(&chat, CHAT_ROLE_USER, text);
        struct policy_inspection *seen = test_inspect(
            policy, &chat, is_flood ? POLICY_LEVEL_RESTRICTED : POLICY_LEVEL_CONFIDENTIAL, own);
        assert_int_equal(
            remember_all(memory, is_flood ? SLICE("flood") : SLICE("acme"), seen, HOUR + i),
            BASE_OK);
        arena_free(own);
    }
    struct policy_memory *again = memory_of(NULL, 1); /* the next start knows whose they are, too */
    size_t skipped;
    assert_int_equal(policy_memory_load(again, buffer_slice(&file.bytes), 2 * HOUR, &skipped),
                     BASE_OK);
    assert_int_equal(skipped, 0);
    for (int i = 0; i < KEPT; i++) {
        struct test_chat chat = {0};
        (void)snprintf(text, sizeof(text),
                       "Message number %d of those that stay, and nothing is in it", i);
        test_say(&chat, CHAT_ROLE_USER, text);
        assert_int_equal(look_up(memory, SLICE("acme"), &chat.request, 2 * HOUR),
                         POLICY_LEVEL_CONFIDENTIAL);
        assert_int_equal(look_up(again, SLICE("acme"), &chat.request, 2 * HOUR),
                         POLICY_LEVEL_CONFIDENTIAL);
    }
    buffer_done(&file.bytes);
    policy_memory_free(again);
    policy_memory_free(memory);
}

static void test_bad_config(void **state)
{
    (void)state;
    struct policy_memory_config config = {.max_entries = 1024, .ttl_ns = 0};
    struct policy_memory *memory = NULL;
    assert_int_equal(policy_memory_new(&config, &memory, NULL), BASE_ERR_BAD_CONFIG);
    config.ttl_ns = 1;
    config.max_entries = SIZE_MAX;
    assert_int_equal(policy_memory_new(&config, &memory, NULL), BASE_ERR_BAD_CONFIG);
    policy_memory_free(NULL);
}

/* No room for digests: what is not known is not clean, and is not forgotten silently. */
static void test_without_digests(void **state)
{
    (void)state;
    struct policy_memory *memory = memory_of(NULL, 0);
    struct arena *none = arena_new(1);
    struct test_chat chat = {0};
    test_say(&chat, CHAT_ROLE_USER, "My card is 4111 1111 1111 1111.");
    const struct policy_inspection *seen = test_inspect(policy, &chat, POLICY_LEVEL_PUBLIC, arena);
    assert_null(policy_memory_digests(memory, SLICE("acme"), &chat.request, none));
    assert_int_equal(policy_memory_lookup(memory, NULL, HOUR), POLICY_LEVEL_RESTRICTED);
    assert_int_equal(policy_memory_remember(memory, NULL, seen, HOUR), BASE_ERR_NO_MEMORY);
    assert_int_equal(
        policy_memory_remember_answer(memory, NULL, seen, SLICE("Thanks."), SLICE_NONE, HOUR),
        BASE_ERR_NO_MEMORY);
    arena_free(none);
    policy_memory_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_digests), cmocka_unit_test(test_turns),
        cmocka_unit_test(test_floor_and_flow),  cmocka_unit_test(test_short),
        cmocka_unit_test(test_restart),         cmocka_unit_test(test_records_from_the_future),
        cmocka_unit_test(test_write_fails),     cmocka_unit_test(test_full),
        cmocka_unit_test(test_flood),           cmocka_unit_test(test_bad_config),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
