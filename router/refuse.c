/* Why nobody may serve a request: the outcome and the sentence that the client reads. */
#include <inttypes.h>

#include "router/private.h"

int64_t router_tokens_needed(const struct router_facts *facts)
{
    return facts->prompt_tokens < INT64_MAX ? facts->prompt_tokens + 1 : INT64_MAX;
}

/* The reason at which a target fell out: the first hard one, because they are tested in that
 * order. */
static enum router_reason_code first_hard(const struct router_candidate *c)
{
    for (size_t i = 0; i < c->reason_count; i++)
        if (router_reason_kind(c->reasons[i].code) == ROUTER_KIND_HARD)
            return c->reasons[i].code;
    return ROUTER_REASON_CHOSEN;
}

static int64_t widest_window(const struct router_facts *facts, const struct router_decision *d)
{
    int64_t widest = 0;

    for (size_t i = 0; i < d->candidate_count; i++)
        if (first_hard(&d->candidates[i]) == ROUTER_REASON_CONTEXT_TOO_SMALL &&
            facts->targets[i].context_tokens > widest)
            widest = facts->targets[i].context_tokens;
    return widest;
}

static int64_t soonest_retry(const struct router_facts *facts, const struct router_decision *d)
{
    int64_t soonest = ROUTER_UNKNOWN;

    for (size_t i = 0; i < d->candidate_count; i++) {
        enum router_reason_code code = first_hard(&d->candidates[i]);
        int64_t ms = facts->targets[i].retry_after_ms;

        if (code != ROUTER_REASON_UNHEALTHY && code != ROUTER_REASON_QUEUE_FULL)
            continue;
        if (ms >= 0 && (soonest < 0 || ms < soonest))
            soonest = ms;
    }
    return soonest;
}

static unsigned lacking(const struct router_facts *facts, const struct router_decision *d)
{
    unsigned lacks = 0;

    /* What the target that lacks least lacks is what the client should hear of. */
    for (size_t i = 0; i < d->candidate_count; i++) {
        unsigned mine = chat_needs_lacking(facts->needs, facts->targets[i].features);

        if (first_hard(&d->candidates[i]) == ROUTER_REASON_MISSING_FEATURE &&
            (lacks == 0 || __builtin_popcount(mine) < __builtin_popcount(lacks)))
            lacks = mine;
    }
    return lacks ? lacks : facts->needs;
}

static struct slice refusal_by_rule(const struct router_effects *effects, struct arena *arena)
{
    if (effects->refuse_message.len)
        return arena_dup(arena, effects->refuse_message);
    return arena_printf(arena, "The request is refused by rule '%.*s'",
                        SLICE_ARG(effects->refuse_rule));
}

static struct slice missing_feature(const struct router_facts *facts,
                                    const struct router_decision *d, struct arena *arena)
{
    struct buffer buf;
    struct slice out = SLICE_NONE;

    buffer_init(&buf, 256);
    router_needs_text(lacking(facts, d), &buf);
    if (!buf.err)
        out = arena_printf(arena, "No model that may see this request supports: %.*s",
                           SLICE_ARG(buffer_slice(&buf)));
    buffer_done(&buf);
    return out;
}

static void no_access(const struct router_facts *facts, struct router_decision *d,
                      struct arena *arena)
{
    bool by_name = facts->route.by_target_name || facts->asked_target.len;
    struct slice name = facts->asked_target.len ? facts->asked_target : facts->route.name;

    d->outcome = by_name ? BASE_ERR_MODEL_NOT_FOUND : BASE_ERR_FORBIDDEN;
    d->message = by_name ? arena_printf(arena,
                                        "The model '%.*s' does not exist or you do not have "
                                        "access to it",
                                        SLICE_ARG(name))
                         : arena_printf(arena, "This key may use none of the models behind '%.*s'",
                                        SLICE_ARG(name));
}

static void too_long(const struct router_facts *facts, struct router_decision *d,
                     struct arena *arena)
{
    d->outcome = BASE_ERR_CONTEXT_LENGTH;
    d->tokens_available = widest_window(facts, d);
    d->message = arena_printf(arena,
                              "The prompt has about %" PRId64 " tokens; the largest context "
                              "available to this request is %" PRId64 " tokens",
                              facts->prompt_tokens, d->tokens_available);
}

bool router_describe_refusal(const struct router_facts *facts, struct router_decision *d,
                             struct arena *arena)
{
    enum router_reason_code furthest = ROUTER_REASON_CHOSEN;

    for (size_t i = 0; i < d->candidate_count; i++)
        if (first_hard(&d->candidates[i]) > furthest)
            furthest = first_hard(&d->candidates[i]);
    d->tokens_needed = router_tokens_needed(facts);
    if (facts->effects.refuse) {
        d->outcome = BASE_ERR_POLICY_VIOLATION;
        d->message = refusal_by_rule(&facts->effects, arena);
        return !slice_is_absent(d->message);
    }
    switch (furthest) {
    case ROUTER_REASON_NOT_ASKED_FOR:
        d->outcome = BASE_ERR_MODEL_NOT_FOUND;
        d->message = arena_printf(arena, "The target asked for is not one that '%.*s' may use",
                                  SLICE_ARG(facts->route.name));
        break;
    case ROUTER_REASON_NOT_ALLOWED_FOR_KEY:
        no_access(facts, d, arena);
        break;
    case ROUTER_REASON_NOT_CLEARED:
        d->outcome = BASE_ERR_POLICY_VIOLATION;
        d->message = arena_printf(arena,
                                  "The request is %s, and no model that it may use is "
                                  "cleared for that",
                                  policy_level_name(facts->level));
        break;
    case ROUTER_REASON_EXCLUDED_BY_RULE:
        d->outcome = BASE_ERR_POLICY_VIOLATION;
        d->message = slice_from_str("The rules leave no model that may serve this request");
        break;
    case ROUTER_REASON_MISSING_FEATURE:
        d->outcome = BASE_ERR_UNSUPPORTED;
        d->message = missing_feature(facts, d, arena);
        break;
    case ROUTER_REASON_CONTEXT_TOO_SMALL:
        too_long(facts, d, arena);
        break;
    case ROUTER_REASON_OVER_BUDGET:
        d->outcome = BASE_ERR_BUDGET;
        d->message = slice_from_str("The budget left does not cover this request");
        break;
    case ROUTER_REASON_OVER_MAX_COST:
        d->outcome = BASE_ERR_BUDGET;
        d->message = arena_printf(arena, "The request would cost more than rule '%.*s' allows",
                                  SLICE_ARG(facts->effects.max_cost_rule));
        break;
    default:
        d->outcome = BASE_ERR_LOCAL_UNAVAILABLE;
        d->retry_after_ms = soonest_retry(facts, d);
        d->message = slice_from_str("Every model that may serve this request is down or busy");
    }
    return !slice_is_absent(d->message);
}
