/* Runs one scenario; README.md beside this file describes the language. */
#include "tests/scenario/fake_loop.h"
#include "tests/scenario/fake_transport.h"
#include "tests/scenario/script.h"

#include "gateway/api/chat_parse.h"
#include "policy/policy.h"
#include "upstreams/upstreams.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    UPSTREAMS_MAX = 8,
    STREAMS_MAX = 32,
    VALUES_MAX = 8,
    ARENA_BYTES = 64 * 1024 * 1024,
    PERMIT_TTL_MS = 1000,
};

struct named_upstream {
    struct slice name;
    struct upstream *upstream;
    struct target *target;
};

struct stream {
    struct slice name; /* absent = free */
    struct target_stream *stream;
    struct target *target;
    struct fake_exchange *exchange;
    struct policy_body *body;
    struct policy_permit *permit;
    struct upstream_warnings warnings;
    struct buffer events; /* lines */
    bool cancel_at_event;
};

struct world {
    struct script script; /* first */
    struct fake_loop loop;
    struct fake_transport transport;
    struct upstream_pool *pool;
    struct policy *policy;
    struct named_upstream upstreams[UPSTREAMS_MAX];
    size_t upstream_count;
    struct stream streams[STREAMS_MAX];
    struct target_deadlines deadlines;
    const struct chat_request *request;
    uint32_t attempts;
};

static struct stream *stream_of(struct world *w, struct slice name)
{
    for (int i = 0; i < STREAMS_MAX; i++)
        if (name.len > 0 && slice_eq(w->streams[i].name, name))
            return &w->streams[i];
    die(&w->script, "%.*s: no such stream", SLICE_ARG(name));
}

static struct named_upstream *upstream_of(struct world *w, struct slice name)
{
    for (size_t i = 0; i < w->upstream_count; i++)
        if (slice_eq(w->upstreams[i].name, name))
            return &w->upstreams[i];
    die(&w->script, "%.*s: no such upstream", SLICE_ARG(name));
}

/* ---- setting up ---- */

static bool read_deadline(struct world *w, struct target_deadlines *d, struct slice key,
                          struct slice value)
{
    int64_t *to = slice_eq_str(key, "connect") ? &d->connect_ms
                  : slice_eq_str(key, "first") ? &d->first_byte_ms
                  : slice_eq_str(key, "idle")  ? &d->idle_ms
                  : slice_eq_str(key, "total") ? &d->total_ms
                                               : NULL;
    if (to)
        *to = script_number(&w->script, value);
    return to != NULL;
}

struct values {
    struct slice items[VALUES_MAX];
    size_t count;
};

static void add_value(struct world *w, struct values *values, struct slice value)
{
    if (values->count == VALUES_MAX)
        die(&w->script, "too many values");
    values->items[values->count++] = value;
}

/* A policy knows the model names that bodies may hold; so it is made anew with each upstream. */
static void make_policy(struct world *w)
{
    struct policy_config config;
    struct slice own[UPSTREAMS_MAX];
    struct base_error detail = {0};
    for (size_t i = 0; i < w->upstream_count; i++)
        own[i] = upstream_model_at(w->upstreams[i].upstream, 0)->upstream_name;
    policy_config_init(&config);
    config.own_strings = own;
    config.own_string_count = w->upstream_count;
    policy_unref(w->policy);
    if (policy_new(&config, &w->policy, &detail) != BASE_OK)
        die(&w->script, "%s", detail.message);
}

static void do_upstream(struct world *w, struct slice rest)
{
    struct values urls = {0}, keys = {0}, addresses = {0};
    struct upstream_model_config model = {.name = SLICE("m")};
    struct upstream_config config = {.name = next_word(&rest),
                                     .kind = SLICE("openai"),
                                     .zone = POLICY_ZONE_CLOUD,
                                     .clearance = POLICY_LEVEL_INTERNAL,
                                     .models = &model,
                                     .model_count = 1};
    struct slice key, value;
    struct base_error detail = {0};
    while (next_pair(&w->script, &rest, &key, &value)) {
        if (slice_eq_str(key, "kind"))
            config.kind = value;
        else if (slice_eq_str(key, "model"))
            model.name = value;
        else if (slice_eq_str(key, "url"))
            add_value(w, &urls, value);
        else if (slice_eq_str(key, "key"))
            add_value(w, &keys, value);
        else if (slice_eq_str(key, "address"))
            add_value(w, &addresses, value);
        else if (slice_eq_str(key, "max_concurrent"))
            config.max_concurrent = script_number(&w->script, value);
        else if (slice_eq_str(key, "max_response"))
            config.max_response_bytes = script_number(&w->script, value);
        else if (!(slice_eq_str(key, "zone") && policy_zone_parse(value, &config.zone)) &&
                 !(slice_eq_str(key, "clearance") &&
                   policy_level_parse(value, &config.clearance)) &&
                 !read_deadline(w, &config.deadlines, key, value))
            die(&w->script, "%.*s: unknown, or a bad value", SLICE_ARG(key));
    }
    config.urls = urls.items;
    config.url_count = urls.count;
    config.keys = keys.items;
    config.key_count = keys.count;
    config.addresses = addresses.items;
    config.address_count = addresses.count;
    if (w->upstream_count == UPSTREAMS_MAX)
        die(&w->script, "too many upstreams");
    struct named_upstream *named = &w->upstreams[w->upstream_count];
    enum base_err err = upstream_new(&config, &w->loop.clock, &named->upstream, &detail);
    if (!err)
        err = upstream_target_new(w->pool, named->upstream, 0, &named->target, &detail);
    if (err)
        die(&w->script, "%s", detail.message);
    named->name = upstream_name(named->upstream);
    w->upstream_count++;
    make_policy(w);
}

static const struct chat_request *parse_request(struct world *w, struct slice json)
{
    const struct json_node *root;
    const struct chat_request *request;
    struct base_error detail = {0};
    struct slice copy = arena_dup(w->script.arena, json);
    enum base_err err = json_parse(copy, &json_limits_request, w->script.arena, &root, &detail);
    if (!err)
        err = api_chat_parse(root, w->script.arena, &request, &detail);
    if (err)
        die(&w->script, "%s", detail.message);
    return request;
}

static void do_request(struct world *w, struct slice rest)
{
    w->request = parse_request(w, rest);
}

static void do_deadlines(struct world *w, struct slice rest)
{
    struct slice key, value;
    while (next_pair(&w->script, &rest, &key, &value))
        if (!read_deadline(w, &w->deadlines, key, value))
            die(&w->script, "%.*s: unknown", SLICE_ARG(key));
}

/* ---- events ---- */

static void on_event(void *user, const struct chat_event *event)
{
    struct stream *s = user;
    script_add_event(&s->events, event);
    if (s->cancel_at_event)
        s->target->ops->cancel(s->stream);
    s->cancel_at_event = false;
}

static void do_expect(struct world *w, struct slice rest)
{
    struct stream *s = stream_of(w, next_word(&rest));
    script_expect(&w->script, &s->events, rest);
}

/* ---- starting ---- */

enum permit_how { PERMIT_GOOD, PERMIT_NONE, PERMIT_EXPIRED, PERMIT_OTHER_BODY, PERMIT_OTHER_PLACE };

struct start {
    struct named_upstream *upstream;
    enum permit_how how;
    bool fails;
    enum base_err code;
};

static struct start read_start(struct world *w, struct slice rest)
{
    static const char *const hows[] = {"", "none", "expired", "other_body", "other_destination"};
    struct start start = {.upstream = &w->upstreams[w->upstream_count - 1]};
    for (struct slice word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        if (slice_eq_str(word, "on")) {
            start.upstream = upstream_of(w, next_word(&rest));
        } else if (slice_eq_str(word, "fails")) {
            start.fails = true;
            start.code = script_code(&w->script, next_word(&rest));
        } else if (slice_starts_with(word, SLICE("permit="))) {
            for (int i = 1; i <= PERMIT_OTHER_PLACE; i++)
                if (slice_eq_str(slice_sub(word, 7, SIZE_MAX), hows[i]))
                    start.how = (enum permit_how)i;
        } else {
            die(&w->script, "%.*s: unknown", SLICE_ARG(word));
        }
    }
    return start;
}

static enum base_err write_body(struct world *w, struct target *target,
                                const struct chat_request *request, struct policy_body **ret_body,
                                struct upstream_warnings *ret_warnings, struct base_error *reterr)
{
    struct policy_inspection *seen;
    struct policy_context context = {POLICY_LEVEL_PUBLIC, POLICY_LEVEL_PUBLIC};
    enum base_err err =
        policy_inspect(w->policy, request, &context, w->script.arena, &seen, reterr);
    if (err)
        return err;
    return upstream_write_body(target, request, seen, w->script.arena, ret_body, ret_warnings,
                               reterr);
}

static enum base_err get_permit(struct world *w, struct stream *s, enum permit_how how,
                                struct base_error *reterr)
{
    struct policy_body *other = NULL;
    struct upstream_warnings ignored;
    struct policy_permit_wish wish = {
        .body = s->body,
        .newest = w->policy,
        .destination = upstream_target_destination(s->target),
        .request_id = s->name,
        .attempt = w->attempts++,
        .now_ns = w->loop.mono_ns,
        .ttl_ns = PERMIT_TTL_MS * INT64_C(1000000),
    };
    enum base_err err = BASE_OK;
    if (how == PERMIT_OTHER_BODY) {
        err = write_body(w, s->target,
                         parse_request(w, SLICE("{\"model\":\"x\",\"messages\":[{\"role\":\"user\","
                                                "\"content\":\"another text\"}]}")),
                         &other, &ignored, reterr);
        wish.body = other;
    }
    if (how == PERMIT_OTHER_PLACE)
        wish.destination.id = SLICE("https://elsewhere.example/v1");
    wish.newest_destination = wish.destination;
    if (!err && how != PERMIT_NONE)
        err = policy_permit_new(&wish, &s->permit, reterr);
    policy_body_free(other);
    if (how == PERMIT_EXPIRED)
        fake_loop_advance(&w->loop, PERMIT_TTL_MS + 1);
    return err;
}

static void free_stream(struct stream *s)
{
    policy_permit_free(s->permit);
    policy_body_free(s->body);
    buffer_done(&s->events);
    *s = (struct stream){0};
}

static enum base_err start_stream(struct world *w, struct stream *s, const struct start *start,
                                  struct base_error *detail)
{
    enum base_err err = write_body(w, s->target, w->request, &s->body, &s->warnings, detail);
    if (!err)
        err = get_permit(w, s, start->how, detail);
    if (err)
        return err;
    struct target_call call = {.loop = &w->loop.base,
                               .request = w->request,
                               .request_id = s->name,
                               .deadlines = w->deadlines,
                               .permit = s->permit,
                               .body = s->body};
    struct target_sink sink = {on_event, s};
    return s->target->ops->start(s->target, &call, sink, &s->stream, detail);
}

static void do_start(struct world *w, struct slice rest)
{
    struct stream *s = w->streams;
    struct base_error detail = {0};
    while (s < w->streams + STREAMS_MAX && s->name.ptr)
        s++;
    if (s == w->streams + STREAMS_MAX || w->upstream_count == 0 || !w->request)
        die(&w->script, "needs an upstream, a request, and at most %d streams", STREAMS_MAX);
    s->name = arena_dup(w->script.arena, next_word(&rest));
    struct start start = read_start(w, rest);
    s->target = start.upstream->target;
    buffer_init(&s->events, ARENA_BYTES);
    size_t before = w->transport.count;
    enum base_err err = start_stream(w, s, &start, &detail);
    if (err != (start.fails ? start.code : BASE_OK))
        die(&w->script, "start gave %s: %s", base_err_info(err)->name, detail.message);
    if (err) {
        if (w->transport.count != before)
            die(&w->script, "start failed, but an exchange was started");
        free_stream(s);
        return;
    }
    s->exchange = fake_transport_latest(&w->transport);
}

static void do_pause(struct world *w, struct slice rest)
{
    struct stream *s = stream_of(w, rest);
    s->target->ops->pause(s->stream);
}

static void do_resume(struct world *w, struct slice rest)
{
    struct stream *s = stream_of(w, rest);
    s->target->ops->resume(s->stream);
}

static void do_cancel(struct world *w, struct slice rest)
{
    struct stream *s = stream_of(w, rest);
    s->target->ops->cancel(s->stream);
}

static void release(struct world *w, struct stream *s)
{
    if (buffer_len(&s->events) > 0)
        die(&w->script, "%.*s: not expected: %.*s", SLICE_ARG(s->name),
            SLICE_ARG(buffer_slice(&s->events)));
    s->target->ops->release(s->stream);
    free_stream(s);
}

static void do_release(struct world *w, struct slice rest)
{
    release(w, stream_of(w, rest));
}

static void do_on_event(struct world *w, struct slice rest)
{
    struct stream *s = stream_of(w, next_word(&rest));
    if (!slice_eq_str(rest, "cancel"))
        die(&w->script, "only cancel is known");
    s->cancel_at_event = true;
}

static void do_advance(struct world *w, struct slice rest)
{
    fake_loop_advance(&w->loop, script_number(&w->script, rest));
}

/* ---- the network ---- */

/* NULL once the exchange is given up: then the network has nothing more to say. */
static const struct transport_sink *sink_of(struct world *w, struct slice *rest,
                                            struct fake_exchange **ret)
{
    struct stream *s = stream_of(w, next_word(rest));
    *ret = s->exchange;
    return s->exchange->released ? NULL : &s->exchange->sink;
}

static void do_sent(struct world *w, struct slice rest)
{
    struct fake_exchange *ex;
    const struct transport_sink *sink = sink_of(w, &rest, &ex);
    if (!sink)
        die(&w->script, "the exchange has been released");
    ex->sends++;
    sink->on_sent(sink->user);
}

static void do_head(struct world *w, struct slice rest)
{
    struct upstream_header headers[VALUES_MAX];
    struct fake_exchange *ex;
    const struct transport_sink *sink = sink_of(w, &rest, &ex);
    struct transport_head head = {.status = (int)script_number(&w->script, next_word(&rest)),
                                  .headers = headers};
    while (head.header_count < VALUES_MAX &&
           next_pair(&w->script, &rest, &headers[head.header_count].name,
                     &headers[head.header_count].value))
        head.header_count++;
    if (!sink)
        die(&w->script, "the exchange has been released");
    sink->on_head(sink->user, &head);
}

static void give(struct world *w, struct slice rest, size_t step, bool as_event)
{
    struct fake_exchange *ex;
    const struct transport_sink *sink = sink_of(w, &rest, &ex);
    struct slice text = script_unescape(&w->script, rest);
    if (as_event)
        text = arena_printf(w->script.arena, "data: %.*s\n\n", SLICE_ARG(rest));
    for (; sink && text.len > 0; text = slice_sub(text, step, SIZE_MAX)) {
        struct slice piece = slice_sub(text, 0, step);
        ex->received_bytes += (int64_t)piece.len;
        if (!ex->released)
            sink->on_data(sink->user, piece);
    }
}

static void do_data(struct world *w, struct slice rest)
{
    give(w, rest, SIZE_MAX, false);
}

static void do_bytes(struct world *w, struct slice rest)
{
    give(w, rest, 1, false);
}

static void do_event(struct world *w, struct slice rest)
{
    give(w, rest, SIZE_MAX, true);
}

static void do_end(struct world *w, struct slice rest)
{
    struct fake_exchange *ex;
    const struct transport_sink *sink = sink_of(w, &rest, &ex);
    struct base_error none = {0};
    if (sink)
        sink->on_done(sink->user, BASE_OK, &none);
}

static void do_fail(struct world *w, struct slice rest)
{
    struct fake_exchange *ex;
    struct base_error detail = {0};
    const struct transport_sink *sink = sink_of(w, &rest, &ex);
    enum base_err err = script_code(&w->script, next_word(&rest));
    if (!sink)
        die(&w->script, "the exchange has been released");
    (void)base_error_set(&detail, err, "%.*s", SLICE_ARG(rest));
    sink->on_done(sink->user, err, &detail);
}

/* ---- looking ---- */

static void want(struct world *w, bool holds, const char *what, struct slice got)
{
    if (!holds)
        die(&w->script, "expected %s, got: %.*s", what, SLICE_ARG(got));
}

static void do_open(struct world *w, struct slice rest)
{
    want(w, !stream_of(w, rest)->exchange->released, "an open exchange", SLICE("closed"));
}

static void do_closed(struct world *w, struct slice rest)
{
    const struct fake_exchange *ex = stream_of(w, rest)->exchange;
    want(w, ex->released && !ex->drained, "a closed exchange", SLICE("open or draining"));
}

static void do_kept(struct world *w, struct slice rest)
{
    const struct fake_exchange *ex = stream_of(w, rest)->exchange;
    want(w, ex->released && ex->drained, "a draining exchange", SLICE("open or closed"));
}

static void do_paused(struct world *w, struct slice rest)
{
    want(w, stream_of(w, rest)->exchange->paused, "a paused exchange", SLICE("running"));
}

static void do_running(struct world *w, struct slice rest)
{
    want(w, !stream_of(w, rest)->exchange->paused, "a running exchange", SLICE("paused"));
}

static void do_url(struct world *w, struct slice rest)
{
    struct slice got = buffer_slice(&stream_of(w, next_word(&rest))->exchange->url);
    want(w, slice_eq(got, rest), "that URL", got);
}

static void do_header(struct world *w, struct slice rest)
{
    struct slice got = buffer_slice(&stream_of(w, next_word(&rest))->exchange->headers);
    struct slice line = arena_printf(w->script.arena, "%.*s\n", SLICE_ARG(rest));
    want(w, slice_find(got, line) != SIZE_MAX, "that header", got);
}

static void do_no_header(struct world *w, struct slice rest)
{
    struct slice got = buffer_slice(&stream_of(w, next_word(&rest))->exchange->headers);
    struct slice start = arena_printf(w->script.arena, "%.*s:", SLICE_ARG(rest));
    want(w, slice_find(got, start) == SIZE_MAX, "no such header", got);
}

static void do_body(struct world *w, struct slice rest)
{
    struct slice got = buffer_slice(&stream_of(w, next_word(&rest))->exchange->body);
    want(w, slice_eq(got, rest), "that body", got);
}

static void do_body_has(struct world *w, struct slice rest)
{
    struct slice got = buffer_slice(&stream_of(w, next_word(&rest))->exchange->body);
    want(w, slice_find(got, rest) != SIZE_MAX, "that in the body", got);
}

static void do_body_lacks(struct world *w, struct slice rest)
{
    struct slice got = buffer_slice(&stream_of(w, next_word(&rest))->exchange->body);
    want(w, slice_find(got, rest) == SIZE_MAX, "that not in the body", got);
}

static void do_warnings(struct world *w, struct slice rest)
{
    const struct stream *s = stream_of(w, next_word(&rest));
    struct slice got = SLICE("");
    for (size_t i = 0; i < s->warnings.count; i++)
        got = arena_printf(w->script.arena, "%.*s%s%.*s", SLICE_ARG(got), i ? " / " : "",
                           SLICE_ARG(s->warnings.items[i]));
    want(w, slice_eq(got, rest), "those warnings", got);
}

static void do_usage(struct world *w, struct slice rest)
{
    const struct stream *s = stream_of(w, next_word(&rest));
    struct chat_usage usage;
    s->target->ops->usage(s->stream, &usage);
    struct slice got =
        arena_printf(w->script.arena, "%lld/%lld", (long long)chat_usage_input_total(&usage),
                     (long long)chat_usage_output_total(&usage));
    want(w, slice_eq(got, rest), "that usage", got);
}

struct fact {
    const char *key;
    int64_t number;
    struct slice text; /* used when not absent */
};

static void check_facts(struct world *w, struct slice rest, const struct fact *facts, size_t count)
{
    struct slice key, value;
    while (next_pair(&w->script, &rest, &key, &value)) {
        size_t i = 0;
        while (i < count && !slice_eq_str(key, facts[i].key))
            i++;
        if (i == count)
            die(&w->script, "%.*s: unknown", SLICE_ARG(key));
        struct slice got = facts[i].text;
        if (slice_is_absent(got))
            got = arena_printf(w->script.arena, "%lld", (long long)facts[i].number);
        want(w, slice_eq(got, value), facts[i].key, got);
    }
}

static struct slice or_dash(struct slice s)
{
    return slice_is_absent(s) ? SLICE("-") : s;
}

static void do_report(struct world *w, struct slice rest)
{
    struct upstream_stream_report r;
    upstream_stream_report(stream_of(w, next_word(&rest))->stream, &r);
    const struct fact facts[] = {
        {"status", r.http_status, SLICE_NONE},
        {"sends", r.sends, SLICE_NONE},
        {"sent", r.sent_bytes, SLICE_NONE},
        {"received", r.received_bytes, SLICE_NONE},
        {"first_event_ms", r.first_event_ms, SLICE_NONE},
        {"total_ms", r.total_ms, SLICE_NONE},
        {"served_model", 0, or_dash(r.served_model)},
        {"request_id", 0, or_dash(r.provider_request_id)},
        {"url", 0, r.url},
    };
    check_facts(w, rest, facts, sizeof(facts) / sizeof(facts[0]));
}

static struct upstream_facts facts_of(struct world *w, struct slice name)
{
    struct upstream_facts facts;
    upstream_facts(upstream_of(w, name)->upstream, 0, &facts);
    return facts;
}

static void do_healthy(struct world *w, struct slice rest)
{
    want(w, facts_of(w, rest).healthy, "a healthy upstream", SLICE("it is down"));
}

static void do_down(struct world *w, struct slice rest)
{
    struct upstream_facts facts = facts_of(w, next_word(&rest));
    size_t dash = slice_find(rest, SLICE("-"));
    int64_t least = script_number(&w->script, slice_sub(rest, 0, dash));
    int64_t most = script_number(&w->script, slice_sub(rest, dash + 1, SIZE_MAX));
    struct slice got =
        arena_printf(w->script.arena, "%s for %lld ms", facts.healthy ? "healthy" : "down",
                     (long long)facts.retry_after_ms);
    want(w, !facts.healthy && facts.retry_after_ms >= least && facts.retry_after_ms <= most,
         "it to be down for so long", got);
}

static void do_facts(struct world *w, struct slice rest)
{
    struct upstream_facts f = facts_of(w, next_word(&rest));
    const struct fact facts[] = {
        {"outstanding", f.outstanding, SLICE_NONE},
        {"first_token_ms", f.first_token_ms, SLICE_NONE},
        {"tokens_per_s_milli", f.tokens_per_s_milli, SLICE_NONE},
        {"failures", f.consecutive_failures, SLICE_NONE},
    };
    check_facts(w, rest, facts, sizeof(facts) / sizeof(facts[0]));
}

/* ---- the script ---- */

static void run_line(struct world *w, struct slice line);

static void do_repeat(struct world *w, struct slice rest)
{
    for (int64_t n = script_number(&w->script, next_word(&rest)); n > 0; n--)
        run_line(w, rest);
}

static const struct {
    const char *name;
    void (*run)(struct world *w, struct slice rest);
} commands[] = {
    {"upstream", do_upstream},
    {"request", do_request},
    {"deadlines", do_deadlines},
    {"start", do_start},
    {"pause", do_pause},
    {"resume", do_resume},
    {"cancel", do_cancel},
    {"release", do_release},
    {"on_event", do_on_event},
    {"advance", do_advance},
    {"sent", do_sent},
    {"head", do_head},
    {"data", do_data},
    {"bytes", do_bytes},
    {"event", do_event},
    {"end", do_end},
    {"fail", do_fail},
    {"expect", do_expect},
    {"open", do_open},
    {"closed", do_closed},
    {"kept", do_kept},
    {"paused", do_paused},
    {"running", do_running},
    {"url", do_url},
    {"header", do_header},
    {"no_header", do_no_header},
    {"body", do_body},
    {"body_has", do_body_has},
    {"body_lacks", do_body_lacks},
    {"warnings", do_warnings},
    {"usage", do_usage},
    {"report", do_report},
    {"healthy", do_healthy},
    {"down", do_down},
    {"facts", do_facts},
    {"repeat", do_repeat},
};

static void run_line(struct world *w, struct slice line)
{
    struct slice name = next_word(&line);
    if (name.len == 0 || name.ptr[0] == '#')
        return;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (slice_eq_str(name, commands[i].name)) {
            commands[i].run(w, line);
            return;
        }
    die(&w->script, "%.*s: no such command", SLICE_ARG(name));
}

static void finish(struct world *w)
{
    for (int i = 0; i < STREAMS_MAX; i++)
        if (w->streams[i].name.ptr)
            release(w, &w->streams[i]);
    if (fake_loop_timers(&w->loop) > 0)
        die(&w->script, "%d timers are still set", fake_loop_timers(&w->loop));
    for (size_t i = 0; i < w->upstream_count; i++) {
        if (facts_of(w, w->upstreams[i].name).outstanding != 0)
            die(&w->script, "a place is still taken on %.*s", SLICE_ARG(w->upstreams[i].name));
        upstream_target_free(w->upstreams[i].target);
    }
    upstream_pool_free(w->pool);
    for (size_t i = 0; i < w->upstream_count; i++)
        upstream_unref(w->upstreams[i].upstream);
    fake_transport_done(&w->transport);
    policy_unref(w->policy);
}

static void run(struct script *s, struct slice line)
{
    run_line((struct world *)s, line);
}

int main(int argc, char **argv)
{
    static struct world world;
    struct world *w = &world;
    if (!script_open(&w->script, argc, argv, ARENA_BYTES))
        return 2;
    fake_loop_init(&w->loop);
    fake_transport_init(&w->transport);
    if (upstream_pool_new(&w->loop.base, &w->transport.base, &w->pool, NULL) != BASE_OK)
        die(&w->script, "out of memory");
    script_each_line(&w->script, run);
    finish(w);
    script_close(&w->script);
    return 0;
}
