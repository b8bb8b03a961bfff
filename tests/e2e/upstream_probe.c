/*
 * Asks an upstream once or more, through the whole of upstreams/ (door, stream, libcurl), and
 * prints what came, one JSON object a line. For upstream.test.js.
 *
 *     upstream_probe URL MODEL [KEY=VALUE...]
 *
 * Keys: stream (1), count (1, one after another), ca (a file), address (a range), connect, first,
 * idle, total (ms), cancel_at (number of the event after which to cancel), max_response (bytes).
 * Lines: {"event":"text","ms":12,"text":"..."}, ..., {"event":"report",...} after each attempt.
 */
#include "tests/unit/upstreams/poll_loop.h"

#include "gateway/api/chat_parse.h"
#include "policy/policy.h"
#include "upstreams/upstreams.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 64 * 1024 * 1024, WAIT_MS = 60000, LINE_BYTES = 32 * 1024 * 1024 };

struct probe {
    struct poll_loop loop;
    struct arena *arena;
    struct upstream_pool *pool;
    struct upstream *upstream;
    struct target *target;
    struct policy *policy;
    struct target_stream *stream;
    int64_t start_ns;
    int events, cancel_at, count;
    bool streamed, ended;
};

static void die(const char *what, const struct base_error *detail) __attribute__((noreturn));

static void die(const char *what, const struct base_error *detail)
{
    fprintf(stderr, "upstream_probe: %s: %s\n", what, detail->message);
    exit(2);
}

static int64_t since_ms(const struct probe *p)
{
    return (loop_now_ns(&p->loop.base) - p->start_ns) / 1000000;
}

static void print_line(struct buffer *line)
{
    (void)buffer_add_char(line, '\n');
    struct slice s = buffer_slice(line);
    (void)fwrite(s.ptr, 1, s.len, stdout);
    (void)fflush(stdout);
    buffer_done(line);
}

static void on_event(void *user, const struct chat_event *e)
{
    static const char *const names[CHAT_EVENT_TYPE_COUNT] = {
        "started", "text", "reasoning", "refusal", "call", "finished", "usage", "done", "error"};
    struct probe *p = user;
    struct buffer line;
    struct json_writer w;
    buffer_init(&line, LINE_BYTES);
    json_writer_init(&w, &line);
    json_open_object(&w);
    json_member_str(&w, "event", names[e->type]);
    json_member_i64(&w, "ms", since_ms(p));
    if (!slice_is_absent(e->text))
        json_member_string(&w, "text", e->text);
    if (e->type == CHAT_EVENT_TOOL_CALL)
        json_member_string(&w, "text", e->tool.arguments);
    if (e->type == CHAT_EVENT_FINISHED)
        json_member_str(&w, "finish", chat_finish_name(e->finish));
    if (e->type == CHAT_EVENT_USAGE) {
        json_member_i64(&w, "input", chat_usage_input_total(&e->usage));
        json_member_i64(&w, "output", chat_usage_output_total(&e->usage));
    }
    if (e->type == CHAT_EVENT_ERROR) {
        json_member_str(&w, "code", base_err_info(e->error->code)->name);
        json_member_str(&w, "message", e->error->message);
        json_member_i64(&w, "retry_after_ms", e->retry_after_ms);
    }
    json_close_object(&w);
    print_line(&line);
    p->ended = p->ended || e->type == CHAT_EVENT_DONE || e->type == CHAT_EVENT_ERROR;
    if (++p->events == p->cancel_at) {
        p->target->ops->cancel(p->stream);
        p->ended = true;
    }
}

static void print_report(struct probe *p)
{
    struct upstream_stream_report r;
    struct buffer line;
    struct json_writer w;
    upstream_stream_report(p->stream, &r);
    buffer_init(&line, LINE_BYTES);
    json_writer_init(&w, &line);
    json_open_object(&w);
    json_member_str(&w, "event", "report");
    json_member_i64(&w, "ms", since_ms(p));
    json_member_i64(&w, "status", r.http_status);
    json_member_i64(&w, "sends", r.sends);
    json_member_bool(&w, "reused", r.connection_reused);
    json_member_i64(&w, "sent", r.sent_bytes);
    json_member_i64(&w, "received", r.received_bytes);
    json_member_string(&w, "model", r.served_model);
    json_member_string(&w, "request_id", r.provider_request_id);
    json_close_object(&w);
    print_line(&line);
}

static void set_up(struct probe *p, struct upstream_config *config)
{
    struct base_error detail = {0};
    struct policy_config policy;
    policy_config_init(&policy);
    policy.own_strings = &config->models[0].name;
    policy.own_string_count = 1;
    if (policy_new(&policy, &p->policy, &detail) ||
        upstream_new(config, clock_system(), &p->upstream, &detail) ||
        upstream_pool_new(&p->loop.base, NULL, &p->pool, &detail) ||
        upstream_target_new(p->pool, p->upstream, 0, &p->target, &detail))
        die("set up", &detail);
}

static const struct chat_request *make_request(struct probe *p)
{
    struct base_error detail = {0};
    const struct json_node *root;
    const struct chat_request *request;
    struct slice json = arena_printf(p->arena,
                                     "{\"model\":\"auto\",\"stream\":%s,\"messages\":[{\"role\":"
                                     "\"user\",\"content\":\"Say it back.\"}]}",
                                     p->streamed ? "true" : "false");
    if (json_parse(json, &json_limits_request, p->arena, &root, &detail) ||
        api_chat_parse(root, p->arena, &request, &detail))
        die("request", &detail);
    return request;
}

static void ask(struct probe *p)
{
    struct base_error detail = {0};
    struct policy_inspection *seen;
    struct policy_context context = {POLICY_LEVEL_PUBLIC, POLICY_LEVEL_PUBLIC};
    struct upstream_warnings warnings;
    struct policy_body *body;
    struct policy_permit *permit;
    const struct chat_request *request = make_request(p);
    if (policy_inspect(p->policy, request, &context, p->arena, &seen, &detail) ||
        upstream_write_body(p->target, request, seen, p->arena, &body, &warnings, &detail))
        die("body", &detail);
    struct policy_permit_wish wish = {.body = body,
                                      .newest = p->policy,
                                      .destination = upstream_target_destination(p->target),
                                      .newest_destination = upstream_target_destination(p->target),
                                      .request_id = SLICE("probe"),
                                      .now_ns = loop_now_ns(&p->loop.base),
                                      .ttl_ns = INT64_C(1000000000)};
    if (policy_permit_new(&wish, &permit, &detail))
        die("permit", &detail);
    struct target_call call = {
        .loop = &p->loop.base, .request = request, .permit = permit, .body = body};
    p->start_ns = loop_now_ns(&p->loop.base);
    p->ended = false;
    p->events = 0;
    if (p->target->ops->start(p->target, &call, (struct target_sink){on_event, p}, &p->stream,
                              &detail))
        die("start", &detail);
    (void)poll_loop_run(&p->loop, &p->ended, WAIT_MS);
    print_report(p);
    p->target->ops->release(p->stream);
    policy_permit_free(permit);
    policy_body_free(body);
}

int main(int argc, char **argv)
{
    struct probe *p = calloc(1, sizeof(*p));
    struct slice address;
    if (!p || argc < 3) {
        fprintf(stderr, "usage: %s URL MODEL [KEY=VALUE...]\n", argv[0]);
        return 2;
    }
    struct slice url = slice_from_str(argv[1]), key = SLICE("made-up");
    struct upstream_model_config model = {.name = slice_from_str(argv[2])};
    struct upstream_config config = {.name = SLICE("up"),
                                     .kind = SLICE("openai"),
                                     .urls = &url,
                                     .url_count = 1,
                                     .keys = &key,
                                     .key_count = 1,
                                     .zone = POLICY_ZONE_CLOUD,
                                     .clearance = POLICY_LEVEL_INTERNAL,
                                     .models = &model,
                                     .model_count = 1};
    int64_t streamed = 1, count = 1, cancel_at = 0;
    const struct {
        const char *key;
        int64_t *number;
    } numbers[] = {{"stream", &streamed},
                   {"count", &count},
                   {"cancel_at", &cancel_at},
                   {"connect", &config.deadlines.connect_ms},
                   {"first", &config.deadlines.first_byte_ms},
                   {"idle", &config.deadlines.idle_ms},
                   {"total", &config.deadlines.total_ms},
                   {"max_response", &config.max_response_bytes}};
    for (int i = 3; i < argc; i++) {
        struct slice pair = slice_from_str(argv[i]);
        size_t equals = slice_find(pair, SLICE("="));
        struct slice value = slice_sub(pair, equals == SIZE_MAX ? pair.len : equals + 1, SIZE_MAX);
        for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++)
            if (slice_eq_str(slice_sub(pair, 0, equals), numbers[j].key))
                (void)slice_to_i64(value, numbers[j].number);
        if (slice_starts_with(pair, SLICE("ca=")))
            config.ca_file = value;
        if (slice_starts_with(pair, SLICE("address="))) {
            address = value;
            config.addresses = &address;
            config.address_count = 1;
        }
    }
    p->streamed = streamed != 0;
    p->cancel_at = (int)cancel_at;
    p->arena = arena_new(ARENA_BYTES);
    poll_loop_init(&p->loop);
    set_up(p, &config);
    for (int64_t i = 0; i < count; i++) {
        ask(p);
        poll_loop_turn(&p->loop, 20);
    }
    upstream_target_free(p->target);
    upstream_pool_free(p->pool);
    upstream_unref(p->upstream);
    policy_unref(p->policy);
    arena_free(p->arena);
    int left = poll_loop_left(&p->loop);
    free(p);
    return left == 0 ? 0 : 3;
}
