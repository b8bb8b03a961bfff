/* Decisions for programs and for people. */
#include <inttypes.h>

#include "router/private.h"

/* ---- JSON ---- */

static void put_needs(struct json_writer *w, unsigned needs)
{
    json_open_array(w);
    for (unsigned bit = 1; bit && bit <= needs; bit <<= 1)
        if (needs & bit)
            json_put_string(w, slice_from_str(chat_need_name((enum chat_need)bit)));
    json_close_array(w);
}

/* "a,b" as a list. */
static void put_names(struct json_writer *w, struct slice names)
{
    json_open_array(w);
    while (names.len) {
        size_t comma = slice_find(names, SLICE(","));

        json_put_string(w, slice_sub(names, 0, comma));
        names = slice_sub(names, comma < names.len ? comma + 1 : names.len, SIZE_MAX);
    }
    json_close_array(w);
}

static void put_unknown_number(struct json_writer *w, const char *key, int64_t value)
{
    if (value < 0)
        json_member_null(w, key);
    else
        json_member_i64(w, key, value);
}

static void put_groups(struct json_writer *w, const struct router_facts *facts)
{
    json_key(w, SLICE("feature_groups"));
    json_open_object(w);
    for (size_t i = 0; i < ROUTER_GROUP_COUNT; i++)
        json_member_double(w, router_group_name((enum router_group)i), facts->groups[i] / 1000.0);
    json_close_object(w);
}

static void put_request(struct json_writer *w, const struct router_facts *f)
{
    json_key(w, SLICE("request"));
    json_open_object(w);
    json_member_string(w, "model", f->model);
    json_member_string(w, "route", f->route.name);
    json_member_str(w, "sensitivity", policy_level_name(f->level));
    json_member_str(w, "sensitivity_found", policy_level_name(f->level_given));
    json_member_string(w, "sensitivity_rule", f->effects.level_rule);
    json_key(w, SLICE("findings"));
    put_names(w, f->findings);
    json_member_double(w, "complexity", f->complexity);
    if (f->unknown)
        json_member_null(w, "complexity_scored");
    else
        json_member_double(w, "complexity_scored", f->complexity_scored);
    json_member_string(w, "complexity_rule", f->effects.complexity_rule);
    json_member_bool(w, "unknown", f->unknown != ROUTER_KNOWN);
    if (f->unknown)
        json_member_str(w, "unknown_reason", router_unknown_name(f->unknown));
    json_member_str(w, "task", router_task_name(f->task));
    json_member_string(w, "scorer", f->scorer_version);
    put_groups(w, f);
    json_member_i64(w, "prompt_tokens", f->prompt_tokens);
    put_unknown_number(w, "max_tokens", f->max_tokens);
    json_member_i64(w, "expected_output", f->expected_output);
    json_key(w, SLICE("needs"));
    put_needs(w, f->needs);
    json_member_string(w, "language", f->language);
    json_member_i64(w, "turn", f->turn);
    json_member_bool(w, "tool_loop_open", f->tool_loop_open);
    json_member_str(w, "objective", router_objective_name(f->objective));
    put_unknown_number(w, "deadline_ms", f->deadline_ms);
    json_close_object(w);
}

static void put_rules(struct json_writer *w, const struct router_effects *e, bool live)
{
    json_key(w, SLICE("rules"));
    json_open_array(w);
    for (size_t i = 0; i < e->match_count; i++) {
        json_open_object(w);
        json_member_string(w, "name", e->matched[i].rule);
        json_member_bool(w, "routing", e->matched[i].routing);
        if (live && e->matched[i].word.len)
            json_member_string(w, "matched", e->matched[i].word);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_reason_numbers(struct json_writer *w, const struct router_reason *r)
{
    switch (router_reason_unit(r->code)) {
    case ROUTER_UNIT_NONE:
        break;
    case ROUTER_UNIT_NAME:
        json_member_string(w, "name", r->name);
        break;
    case ROUTER_UNIT_LEVEL:
        json_member_str(w, "have", policy_level_name((enum policy_level)r->have));
        json_member_str(w, "need", policy_level_name((enum policy_level)r->need));
        break;
    case ROUTER_UNIT_RANK:
        json_member_double(w, "have", (double)r->have / 1e6);
        json_member_double(w, "need", (double)r->need / 1e6);
        break;
    case ROUTER_UNIT_BITS:
        json_key(w, SLICE("need"));
        put_needs(w, (unsigned)r->need);
        break;
    case ROUTER_UNIT_HEALTH:
        json_member_str(w, "have", router_health_name((enum router_health)r->have));
        put_unknown_number(w, "retry_after_ms", r->need);
        break;
    default:
        put_unknown_number(w, "have", r->have);
        put_unknown_number(w, "need", r->need);
    }
}

static void put_reason(struct json_writer *w, const struct router_reason *r)
{
    struct buffer text;

    buffer_init(&text, 4096);
    router_reason_text(r, &text);
    json_open_object(w);
    json_member_str(w, "code", router_reason_name(r->code));
    put_reason_numbers(w, r);
    if (!text.err)
        json_member_string(w, "text", buffer_slice(&text));
    json_close_object(w);
    buffer_done(&text);
}

static void put_cost(struct json_writer *w, int64_t nano_usd)
{
    put_unknown_number(w, "cost_nano_usd", nano_usd);
}

static void put_candidate(struct json_writer *w, const struct router_facts *facts,
                          const struct router_target *t, const struct router_candidate *c)
{
    json_open_object(w);
    json_member_string(w, "target", t->name);
    json_member_str(w, "zone", policy_zone_name(t->zone));
    if (c->rank)
        json_member_i64(w, "rank", c->rank);
    else
        json_member_null(w, "rank");
    json_member_str(w, "clearance", policy_level_name(t->clearance));
    json_member_double(w, "capability", t->capability.by_task[facts->task]);
    json_member_str(w, "capability_is", t->capability.measured ? "measured" : "declared");
    put_cost(w, c->cost_nano_usd);
    put_unknown_number(w, "first_token_ms", t->first_token_ms);
    put_unknown_number(w, "total_ms", c->total_ms);
    json_key(w, SLICE("reasons"));
    json_open_array(w);
    for (size_t i = 0; i < c->reason_count; i++)
        put_reason(w, &c->reasons[i]);
    json_close_array(w);
    json_close_object(w);
}

static void put_outcome(struct json_writer *w, const struct router_facts *facts,
                        const struct router_decision *d)
{
    const struct router_target *t = d->order_count ? &facts->targets[d->order[0]] : NULL;

    json_member_str(w, "outcome", d->outcome ? base_err_info(d->outcome)->code : "served");
    if (t) {
        json_member_string(w, "target", t->name);
        json_member_str(w, "zone", policy_zone_name(t->zone));
        put_cost(w, d->candidates[d->order[0]].cost_nano_usd);
    } else {
        json_member_null(w, "target");
        json_member_i64(w, "status", base_err_info(d->outcome)->http_status);
        json_member_string(w, "message", d->message);
    }
    if (d->outcome == BASE_ERR_CONTEXT_LENGTH) {
        json_member_i64(w, "tokens_needed", d->tokens_needed);
        json_member_i64(w, "tokens_available", d->tokens_available);
    }
    if (d->outcome == BASE_ERR_LOCAL_UNAVAILABLE)
        put_unknown_number(w, "retry_after_ms", d->retry_after_ms);
    json_member_bool(w, "beyond_capability", d->beyond_capability);
    json_member_bool(w, "deadline_yielded", d->deadline_yielded);
    json_member_bool(w, "kept_for_session", d->kept_for_session);
    json_member_bool(w, "moved_down", d->moved_down);
    json_member_bool(w, "scorer_mismatch", d->scorer_mismatch);
}

static void put_changes(struct json_writer *w, const struct router_explanation *x)
{
    json_key(w, SLICE("nearest_changes"));
    json_open_array(w);
    for (size_t i = 0; i < x->change_count; i++) {
        struct buffer text;

        buffer_init(&text, 4096);
        router_change_text(&x->changes[i], &text);
        json_open_object(w);
        json_member_string(w, "text", text.err ? SLICE("") : buffer_slice(&text));
        json_member_double(w, "distance", x->changes[i].distance);
        json_member_string(w, "target", x->changes[i].chosen);
        json_close_object(w);
        buffer_done(&text);
    }
    json_close_array(w);
}

void router_explain_json(const struct router_explanation *x, const struct router_signals *signals,
                         struct json_writer *w)
{
    json_open_object(w);
    put_outcome(w, x->facts, x->decision);
    put_request(w, x->facts);
    put_rules(w, &x->facts->effects, signals != NULL);
    json_key(w, SLICE("candidates"));
    json_open_array(w);
    for (size_t i = 0; i < x->decision->candidate_count; i++)
        put_candidate(w, x->facts, &x->facts->targets[i], &x->decision->candidates[i]);
    json_close_array(w);
    put_changes(w, x);
    json_close_object(w);
}

/* ---- The stored choice ---- */

static void put_notes(struct json_writer *w, const struct router_decision *d)
{
    const struct {
        const char *name;
        bool holds;
    } notes[] = {
        {"beyond_capability", d->beyond_capability}, {"deadline_yielded", d->deadline_yielded},
        {"kept_for_session", d->kept_for_session},   {"moved_down", d->moved_down},
        {"scorer_mismatch", d->scorer_mismatch},
    };

    json_key(w, SLICE("notes"));
    json_open_array(w);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (notes[i].holds)
            json_put_string(w, slice_from_str(notes[i].name));
    json_close_array(w);
}

void router_decision_write(const struct router_decision *d, struct json_writer *w)
{
    json_open_object(w);
    json_member_str(w, "outcome", d->outcome ? base_err_info(d->outcome)->code : "served");
    json_key(w, SLICE("order"));
    json_open_array(w);
    for (size_t i = 0; i < d->order_count; i++)
        json_put_i64(w, d->order[i]);
    json_close_array(w);
    put_notes(w, d);
    json_key(w, SLICE("candidates"));
    json_open_array(w);
    for (size_t i = 0; i < d->candidate_count; i++) {
        const struct router_candidate *c = &d->candidates[i];

        json_open_object(w);
        put_cost(w, c->cost_nano_usd);
        put_unknown_number(w, "total_ms", c->total_ms);
        json_key(w, SLICE("reasons"));
        json_open_array(w);
        for (size_t k = 0; k < c->reason_count; k++)
            json_put_string(w, slice_from_str(router_reason_name(c->reasons[k].code)));
        json_close_array(w);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

/* ---- Text ---- */

static void text_outcome(const struct router_facts *f, const struct router_decision *d,
                         struct buffer *out)
{
    const struct router_target *t;

    if (!d->order_count) {
        buffer_addf(out, "refused: %d %s: %.*s\n", base_err_info(d->outcome)->http_status,
                    base_err_info(d->outcome)->code, SLICE_ARG(d->message));
        return;
    }
    t = &f->targets[d->order[0]];
    buffer_addf(out, "target: %.*s (%s), expected cost ", SLICE_ARG(t->name),
                policy_zone_name(t->zone));
    router_money_text(d->candidates[d->order[0]].cost_nano_usd, out);
    buffer_add_char(out, '\n');
    if (d->beyond_capability)
        buffer_add_str(out, "note: no configured target reaches this complexity; the most capable "
                            "one allowed serves it\n");
    if (d->deadline_yielded)
        buffer_add_str(out, "note: no target is quick enough; it is served slowly\n");
    if (d->kept_for_session)
        buffer_add_str(out, "note: kept, because the conversation is open there\n");
    if (d->moved_down)
        buffer_add_str(out, "note: less capable than what served the conversation so far\n");
    if (d->scorer_mismatch)
        buffer_add_str(out, "note: its capability was measured with another scorer; run hearth "
                            "calibrate\n");
}

static void text_request(const struct router_facts *f, struct buffer *out)
{
    buffer_addf(out, "sensitivity: %s", policy_level_name(f->level));
    if (f->findings.len)
        buffer_addf(out, ", found %.*s", SLICE_ARG(f->findings));
    if (f->effects.level_rule.len)
        buffer_addf(out, ", raised from %s by rule %.*s", policy_level_name(f->level_given),
                    SLICE_ARG(f->effects.level_rule));
    buffer_addf(out, "\ncomplexity: %.2f", f->complexity);
    if (f->unknown)
        buffer_addf(out, ", set for unknown requests (%s)", router_unknown_name(f->unknown));
    if (f->effects.complexity_rule.len)
        buffer_addf(out, ", at least by rule %.*s", SLICE_ARG(f->effects.complexity_rule));
    buffer_addf(out, "\ntask: %s\ntokens: about %" PRId64 " in, %" PRId64 " out expected\n",
                router_task_name(f->task), f->prompt_tokens, f->expected_output);
    if (f->needs) {
        buffer_add_str(out, "needs: ");
        router_needs_text(f->needs, out);
        buffer_add_char(out, '\n');
    }
}

static void text_rules(const struct router_effects *e, bool live, struct buffer *out)
{
    for (size_t i = 0; i < e->match_count; i++) {
        buffer_addf(out, "rule: %.*s", SLICE_ARG(e->matched[i].rule));
        if (live && e->matched[i].word.len)
            buffer_addf(out, " (matched '%.*s')", SLICE_ARG(e->matched[i].word));
        if (!e->matched[i].routing)
            buffer_add_str(out, " (raises only)");
        buffer_add_char(out, '\n');
    }
}

static void text_candidate(const struct router_target *t, const struct router_candidate *c,
                           struct buffer *out)
{
    if (c->rank)
        buffer_addf(out, "%3u. ", c->rank);
    else
        buffer_add_str(out, "  -  ");
    buffer_addf(out, "%.*s (%s): ", SLICE_ARG(t->name), policy_zone_name(t->zone));
    for (size_t i = 0; i < c->reason_count; i++) {
        if (i)
            buffer_add_str(out, "; ");
        router_reason_text(&c->reasons[i], out);
    }
    buffer_add_char(out, '\n');
}

void router_explain_text(const struct router_explanation *x, const struct router_signals *signals,
                         struct buffer *out)
{
    const struct router_decision *d = x->decision;

    text_outcome(x->facts, d, out);
    text_request(x->facts, out);
    text_rules(&x->facts->effects, signals != NULL, out);
    for (size_t i = 0; i < d->order_count; i++)
        text_candidate(&x->facts->targets[d->order[i]], &d->candidates[d->order[i]], out);
    for (size_t i = 0; i < d->candidate_count; i++)
        if (!d->candidates[i].rank)
            text_candidate(&x->facts->targets[i], &d->candidates[i], out);
    if (x->change_count) {
        buffer_add_str(out, "nearest change: ");
        router_change_text(&x->changes[0], out);
        buffer_add_char(out, '\n');
    }
}
