/* Stored facts: whatever is read is either refused, or chosen from without breaking the one rule.
 * */
#include <stdlib.h>

#include "router/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void choose(const struct router_facts *facts, struct arena *arena)
{
    struct router_decision d;
    struct router_explanation x;
    struct json_writer w;
    struct buffer out;

    if (router_choose(facts, arena, &d, NULL))
        return;
    for (size_t i = 0; i < d.order_count; i++)
        if (facts->targets[d.order[i]].clearance < facts->level)
            abort();
    if (router_explain(facts, &d, arena, &x, NULL))
        return;
    buffer_init(&out, 4u << 20);
    json_writer_init(&w, &out);
    router_explain_json(&x, NULL, &w);
    router_explain_text(&x, NULL, &out);
    buffer_clear(&out);
    json_writer_init(&w, &out);
    router_facts_write(facts, &w);
    buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(64u << 20);
    struct router_facts facts;
    const struct json_node *root;
    struct base_error detail;

    /* Also as changes of facts that are nearly empty. */
    const struct router_target one = {.name = SLICE("one")};
    const struct router_facts base = {.targets = &one, .target_count = 1};

    if (arena &&
        !json_parse(slice_of((const char *)data, size), &json_limits_request, arena, &root,
                    &detail) &&
        (!router_facts_read(root, NULL, arena, &facts, &detail) ||
         !router_facts_read(root, &base, arena, &facts, &detail)) &&
        facts.target_count <= 8)
        choose(&facts, arena);
    arena_free(arena);
    return 0;
}
