#include <inttypes.h>

#include "router/private.h"

static const struct {
    const char *name;
    enum router_reason_kind kind;
    enum router_unit unit;
} reason_table[] = {
#define X(name, text, kind, unit) {text, ROUTER_KIND_##kind, ROUTER_UNIT_##unit},
    ROUTER_REASONS(X)
#undef X
};

const char *router_reason_name(enum router_reason_code code)
{
    return (size_t)code < ROUTER_REASON_COUNT ? reason_table[code].name : "?";
}

enum router_reason_kind router_reason_kind(enum router_reason_code code)
{
    return (size_t)code < ROUTER_REASON_COUNT ? reason_table[code].kind : ROUTER_KIND_NOTE;
}

enum router_unit router_reason_unit(enum router_reason_code code)
{
    return (size_t)code < ROUTER_REASON_COUNT ? reason_table[code].unit : ROUTER_UNIT_NONE;
}

void router_money_text(int64_t nano_usd, struct buffer *out)
{
    if (nano_usd < 0)
        buffer_add_str(out, "unknown");
    else if (nano_usd < 1000000)
        buffer_addf(out, "$%" PRId64 ".%09" PRId64, nano_usd / 1000000000, nano_usd % 1000000000);
    else
        buffer_addf(out, "$%" PRId64 ".%06" PRId64, nano_usd / 1000000000,
                    nano_usd % 1000000000 / 1000);
}

void router_needs_text(unsigned needs, struct buffer *out)
{
    bool more = false;

    for (unsigned bit = 1; bit && bit <= needs; bit <<= 1) {
        if (!(needs & bit))
            continue;
        buffer_addf(out, "%s%s", more ? ", " : "", chat_need_name((enum chat_need)bit));
        more = true;
    }
}

static void health_text(const struct router_reason *r, struct buffer *out)
{
    static const char *const texts[] = {"is up", "is down", "is paused after failures",
                                        "has a full queue"};

    buffer_add_str(out, (size_t)r->have < ROUTER_HEALTH_COUNT ? texts[r->have] : "is down");
    if (r->need >= 0)
        buffer_addf(out, ", next try in %" PRId64 " ms", r->need);
}

/* Clauses that are the same whatever the numbers; %s is the reason's name. */
static const char *fixed_text(enum router_reason_code code)
{
    switch (code) {
    case ROUTER_REASON_CHOSEN:
        return "chosen";
    case ROUTER_REASON_NOT_ALLOWED_FOR_KEY:
        return "the key may not use it";
    case ROUTER_REASON_NOT_PREFERRED:
        return "a rule prefers others";
    case ROUTER_REASON_PRICE_UNKNOWN:
        return "its price is not known";
    case ROUTER_REASON_TIED:
        return "equal to the chosen one; the order of names decided";
    default:
        return NULL;
    }
}

static const char *name_prefix(enum router_reason_code code)
{
    switch (code) {
    case ROUTER_REASON_NOT_ASKED_FOR:
        return "the request asked for ";
    case ROUTER_REASON_EXCLUDED_BY_RULE:
        return "excluded by rule ";
    case ROUTER_REASON_AVOIDED_BY_RULE:
        return "to be avoided by rule ";
    case ROUTER_REASON_PREFERRED_BY_RULE:
        return "preferred by rule ";
    case ROUTER_REASON_KEPT_FOR_SESSION:
        return "kept, it served the conversation so far: ";
    default:
        return "its capability was measured with another scorer: ";
    }
}

static void rank_text(const struct router_reason *r, struct buffer *out)
{
    double have = (double)r->have / 1e6, need = (double)r->need / 1e6;

    switch (r->code) {
    case ROUTER_REASON_NOT_ABLE:
        buffer_addf(out, "capable up to %.2f, complexity is %.2f", have, need);
        break;
    case ROUTER_REASON_MOVES_DOWN:
        buffer_addf(out, "less capable (%.2f) than what served the conversation so far (%.2f)",
                    have, need);
        break;
    default:
        buffer_addf(out, "less capable (%.2f) than the chosen one (%.2f)", have, need);
    }
}

static void money_text(const struct router_reason *r, struct buffer *out)
{
    switch (r->code) {
    case ROUTER_REASON_OVER_BUDGET:
        buffer_add_str(out, "expected to cost ");
        router_money_text(r->need, out);
        buffer_add_str(out, ", budget left is ");
        router_money_text(r->have, out);
        break;
    case ROUTER_REASON_OVER_MAX_COST:
        buffer_add_str(out, "expected to cost ");
        router_money_text(r->have, out);
        buffer_add_str(out, ", a rule allows ");
        router_money_text(r->need, out);
        break;
    default:
        buffer_add_str(out, "dearer: ");
        router_money_text(r->have, out);
        buffer_add_str(out, " instead of ");
        router_money_text(r->need, out);
    }
}

void router_reason_text(const struct router_reason *r, struct buffer *out)
{
    if (fixed_text(r->code)) {
        buffer_add_str(out, fixed_text(r->code));
        return;
    }
    switch (router_reason_unit(r->code)) {
    case ROUTER_UNIT_NONE:
        break;
    case ROUTER_UNIT_NAME:
        buffer_add_str(out, name_prefix(r->code));
        buffer_add_slice(out, r->name);
        break;
    case ROUTER_UNIT_LEVEL:
        buffer_addf(out, "cleared for %s, the request is %s",
                    policy_level_name((enum policy_level)r->have),
                    policy_level_name((enum policy_level)r->need));
        break;
    case ROUTER_UNIT_RANK:
        rank_text(r, out);
        break;
    case ROUTER_UNIT_TOKENS:
        buffer_addf(out, "takes %" PRId64 " tokens, the request needs %" PRId64, r->have, r->need);
        if (r->code == ROUTER_REASON_WOULD_SHORTEN)
            buffer_add_str(out, "; older messages would be left out");
        break;
    case ROUTER_UNIT_MONEY:
        money_text(r, out);
        break;
    case ROUTER_UNIT_MS:
        if (r->code == ROUTER_REASON_TOO_SLOW)
            buffer_addf(out,
                        "first token expected after %" PRId64 " ms, deadline is %" PRId64 " ms",
                        r->have, r->need);
        else
            buffer_addf(out, "slower: %" PRId64 " ms instead of %" PRId64 " ms", r->have, r->need);
        break;
    case ROUTER_UNIT_PACE:
        buffer_addf(out, "%.1f tokens/s expected, %.1f wanted", (double)r->have / 1e3,
                    (double)r->need / 1e3);
        break;
    case ROUTER_UNIT_BITS:
        buffer_add_str(out, "lacks ");
        router_needs_text((unsigned)r->need, out);
        break;
    case ROUTER_UNIT_HEALTH:
        health_text(r, out);
        break;
    }
}
