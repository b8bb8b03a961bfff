/*
 * Scanning and inspecting any bytes: no crash, findings within the text, and a body made of what
 * was visited never counts as unvisited.
 */
#include <stdint.h>
#include <stdlib.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct policy *policy;

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void scan(struct slice text)
{
    struct arena *arena = arena_new((size_t)16 << 20);
    struct policy_scan found;
    check(arena != NULL);
    if (policy_scan_text(policy, text, arena, &found, NULL) == BASE_OK) {
        for (size_t i = 0; i < found.count; i++)
            check(found.findings[i].offset <= text.len &&
                  found.findings[i].length <= text.len - found.findings[i].offset);
    }
    arena_free(arena);
}

/* The first half as a message, the rest as its answer. */
static void inspect(struct slice text)
{
    struct arena *arena = arena_new((size_t)16 << 20);
    struct slice halves[2] = {slice_sub(text, 0, text.len / 2),
                              slice_sub(text, text.len / 2, text.len)};
    struct chat_part parts[2];
    struct chat_message messages[2];
    for (int i = 0; i < 2; i++) {
        parts[i] = (struct chat_part){.type = CHAT_PART_TEXT, .text = halves[i]};
        messages[i] = (struct chat_message){
            .role = i ? CHAT_ROLE_ASSISTANT : CHAT_ROLE_USER, .parts = &parts[i], .part_count = 1};
    }
    struct chat_request request = {.messages = messages, .message_count = 2};
    struct policy_inspection *seen;
    struct policy_body *body;
    check(arena != NULL);
    check(policy_inspect(policy, &request, NULL, arena, &seen, NULL) == BASE_OK);
    check(policy_body_new(seen, (size_t)16 << 20, &body) == BASE_OK);
    policy_body_open_array(body);
    policy_body_string(body, halves[0]);
    policy_body_string(body, halves[1]);
    policy_body_close_array(body);
    check(policy_body_finish(body, NULL) == BASE_OK);
    check(policy_body_unlabelled(body) == 0);
    check(policy_body_level(body) == policy_inspection_level(seen));
    policy_body_free(body);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!policy) {
        struct policy_config config;
        policy_config_init(&config);
        check(policy_new(&config, &policy, NULL) == BASE_OK);
    }
    if (size > 1 << 16)
        return 0;
    struct slice text = slice_of((const char *)data, size);
    scan(text);
    inspect(text);
    return 0;
}
