#include <math.h>

#include "router/private.h"

__extension__ typedef unsigned __int128 u128;

/* What a target that was never measured is priced with; it is never called slow for it. */
enum { ASSUMED_FIRST_TOKEN_MS = 1000, ASSUMED_TOKENS_PER_S_MILLI = 10000 };

bool router_target_set_has(const struct router_target_set *set, const struct router_target *target)
{
    if (set->zones & (1u << target->zone))
        return true;
    for (size_t i = 0; i < set->name_count; i++)
        if (slice_eq(set->names[i], target->name))
            return true;
    return false;
}

int64_t router_rank_micro(double rank)
{
    return rank >= 0 && rank <= 1 ? (int64_t)llround(rank * 1e6) : rank > 1 ? 1000000 : 0;
}

size_t router_target_index(const struct router_target *targets, size_t count, struct slice name)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (slice_eq(targets[i].name, name))
            break;
    return i;
}

static u128 positive(int64_t n)
{
    return n > 0 ? (u128)n : 0;
}

static int64_t clamp(u128 n)
{
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Milliseconds of a whole answer; unknown parts are taken from the assumptions. */
static int64_t answer_ms(const struct router_facts *facts, int64_t first_token_ms, int64_t pace)
{
    u128 ms = positive(facts->expected_output) * 1000000 / positive(pace > 0 ? pace : 1);

    return clamp(ms + positive(first_token_ms));
}

int64_t router_total_ms(const struct router_facts *facts, const struct router_target *target)
{
    if (target->first_token_ms < 0 || target->tokens_per_s_milli < 0)
        return ROUTER_UNKNOWN;
    return answer_ms(facts, target->first_token_ms, target->tokens_per_s_milli);
}

static int64_t priced_ms(const struct router_facts *facts, const struct router_target *target)
{
    return answer_ms(
        facts, target->first_token_ms < 0 ? ASSUMED_FIRST_TOKEN_MS : target->first_token_ms,
        target->tokens_per_s_milli < 0 ? ASSUMED_TOKENS_PER_S_MILLI : target->tokens_per_s_milli);
}

int64_t router_expected_cost(const struct router_facts *facts, const struct router_target *target)
{
    const struct router_price *price = &target->price;
    u128 prompt = positive(facts->prompt_tokens), output = positive(facts->expected_output);
    u128 cached = 0, tokens, total;

    if ((price->input < 0 && prompt) || (price->output < 0 && output))
        return ROUTER_UNKNOWN;
    if (price->per_request < 0 || price->per_second < 0)
        return ROUTER_UNKNOWN;
    if (facts->session.target.len && slice_eq(facts->session.target, target->name))
        cached = positive(facts->session.cached_tokens);
    if (cached > prompt)
        cached = prompt;

    /* Three products below 2^126 and their sum fit into 128 bits without a sign. */
    tokens = (prompt - cached) * positive(price->input) +
             cached * positive(price->cache_read < 0 ? price->input : price->cache_read) +
             output * positive(price->output);
    total = (tokens + 999999) / 1000000 + positive(price->per_request) +
            (positive(price->per_second) * positive(priced_ms(facts, target)) + 999) / 1000;
    return clamp(total);
}

static bool is_named(const struct router_target *target, struct slice name)
{
    return slice_eq(target->name, name) || (target->model.len && slice_eq(target->model, name));
}

/* Every target with that name or, when no target is called exactly so, with that model name. */
static enum base_err route_by_target(const struct router_target *targets, size_t target_count,
                                     struct slice name, struct arena *arena,
                                     struct router_route *ret, struct base_error *reterr)
{
    size_t exact = router_target_index(targets, target_count, name), count = 0;
    struct slice *names;

    for (size_t i = 0; i < target_count; i++)
        count += is_named(&targets[i], name);
    if (!count)
        return base_error_set_param(reterr, BASE_ERR_MODEL_NOT_FOUND, "model",
                                    "The model '%.*s' does not exist or you do not have access to "
                                    "it",
                                    (int)(name.len < 128 ? name.len : 128), name.ptr);
    names = arena_calloc(arena, count, sizeof *names);
    if (!names)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory left for the request");
    count = 0;
    if (exact < target_count)
        names[count++] = targets[exact].name;
    else
        for (size_t i = 0; i < target_count; i++)
            if (is_named(&targets[i], name))
                names[count++] = targets[i].name;
    *ret = (struct router_route){
        .name = name, .targets = names, .target_count = count, .by_target_name = true};
    return BASE_OK;
}

enum base_err router_route_find(const struct router_routes *routes,
                                const struct router_target *targets, size_t target_count,
                                struct slice name, struct arena *arena, struct router_route *ret,
                                struct base_error *reterr)
{
    if (!name.len)
        name = SLICE("auto");
    for (size_t i = 0; routes && i < routes->count; i++) {
        if (slice_eq(routes->items[i].name, name)) {
            *ret = routes->items[i];
            return BASE_OK;
        }
    }
    return route_by_target(targets, target_count, name, arena, ret, reterr);
}
