/*
 * Shared by policy's tests: a policy with the defaults, and requests built by hand.
 *
 * Made-up secrets are written in pieces ("AK" "IA..."), so that no line here looks like one.
 */
#ifndef POLICY_TEST_H
#define POLICY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/policy.h"

#define TEST_CARD                                                                                  \
    "4111"                                                                                         \
    " 1111 1111 "                                                                                  \
    "1111"
#define TEST_KEY                                                                                   \
    "AK"                                                                                           \
    "IA"                                                                                           \
    "Q3EGRIPFZ2LWBN5T"

static inline struct policy *test_policy(void)
{
    struct policy_config config;
    struct policy *policy = NULL;
    policy_config_init(&config);
    static const struct slice own[] = {SLICE_INIT("target-model")};
    config.own_strings = own;
    config.own_string_count = 1;
    assert_int_equal(policy_new(&config, &policy, NULL), BASE_OK);
    return policy;
}

#define TEST_MESSAGES 8

/* A conversation of text messages; fields may be set before it is inspected. */
struct test_chat {
    struct chat_request request;
    struct chat_message messages[TEST_MESSAGES];
    struct chat_part parts[TEST_MESSAGES];
};

static inline void test_say(struct test_chat *chat, enum chat_role role, const char *text)
{
    size_t i = chat->request.message_count++;
    chat->parts[i] = (struct chat_part){.type = CHAT_PART_TEXT, .text = slice_from_str(text)};
    chat->messages[i] =
        (struct chat_message){.role = role, .parts = &chat->parts[i], .part_count = 1};
    chat->request.messages = chat->messages;
}

static inline struct policy_inspection *test_inspect(const struct policy *policy,
                                                     const struct test_chat *chat,
                                                     enum policy_level floor, struct arena *arena)
{
    struct policy_context context = {.floor = floor};
    struct policy_inspection *seen = NULL;
    struct base_error error;
    assert_int_equal(policy_inspect(policy, &chat->request, &context, arena, &seen, &error),
                     BASE_OK);
    return seen;
}

#endif
