#include "upstreams/reader.h"

#include "upstreams/sse.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHOICES_MAX = 128, CALLS_MAX = 4096, TREE_FACTOR = 16 };

struct choice {
    bool begun, finished;
    int32_t calls; /* tool calls begun so far */
};

/* A tool call that has begun. Providers differ in what they repeat: some send the id once, some
 * with each delta, some no index, some index 0 for all. */
struct call {
    int32_t choice;
    int32_t given_index; /* -1 = none */
    int32_t index;       /* ours: dense, per choice */
    uint64_t id_hash;    /* 0 = no id given */
};

struct openai_reader {
    struct reader_setup setup;
    struct sse_reader sse;
    struct buffer body; /* when it is not a stream */
    struct json_limits limits;
    struct choice choices[CHOICES_MAX];
    struct call *calls; /* owned */
    size_t call_count, call_capacity;
    bool started;
    bool begun; /* some choice has */
    bool ended; /* [DONE] or the end: nothing more is read */
    bool at_end;
};

enum base_err openai_reader_new(const struct reader_setup *setup, struct openai_reader **ret_reader)
{
    struct openai_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return BASE_ERR_NO_MEMORY;
    r->setup = *setup;
    r->limits = json_limits_event;
    r->limits.max_bytes = setup->max_bytes;
    sse_init(&r->sse, setup->max_bytes);
    buffer_init(&r->body, setup->max_bytes);
    *ret_reader = r;
    return BASE_OK;
}

void openai_reader_free(struct openai_reader *r)
{
    if (!r)
        return;
    sse_done(&r->sse);
    buffer_done(&r->body);
    free(r->calls);
    free(r);
}

bool openai_reader_is_whole(const struct openai_reader *r)
{
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (r->choices[i].begun && !r->choices[i].finished)
            return false;
    return r->begun;
}

static enum base_err emit(struct openai_reader *r, const struct chat_event *event)
{
    return r->setup.emit(r->setup.user, event) ? BASE_OK : BASE_ERR_CANCELLED;
}

static enum base_err broken(struct base_error *reterr, const char *what)
{
    return base_error_set(reterr, BASE_ERR_UPSTREAM_PROTOCOL, "the answer is malformed: %s", what);
}

/* What cannot be kept: the provider is to blame for the one, this process for the other. */
static enum base_err unkept(enum base_err err, struct base_error *reterr, const char *what)
{
    return err == BASE_ERR_NO_MEMORY
               ? base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for the answer")
               : broken(reterr, what);
}

/* ---- content ---- */

/* Written anew: the provider's own line breaks and members would break what they are put into.
 * Those of a refusal are not passed on. */
static bool write_logprobs(const struct json_node *content, struct buffer *to)
{
    struct json_writer w;
    json_writer_init(&w, to);
    json_open_object(&w);
    json_key(&w, SLICE("content"));
    json_put_node(&w, content);
    json_member_null(&w, "refusal");
    json_close_object(&w);
    return !to->err;
}

static enum base_err emit_text(struct openai_reader *r, enum chat_event_type type, int32_t choice,
                               struct slice text, const struct json_node *logprobs)
{
    const struct json_node *content = json_get(logprobs, SLICE("content"));
    bool has_logprobs = json_is(content, JSON_ARRAY);
    if (text.len == 0 && !has_logprobs)
        return BASE_OK;
    struct chat_event event = {.type = type, .choice = choice, .text = text};
    struct buffer object;
    buffer_init(&object, 2 * r->setup.max_bytes); /* an escape may be spelt longer than it came */
    if (slice_is_absent(text))
        event.text = SLICE("");
    enum base_err err = BASE_OK;
    if (has_logprobs && write_logprobs(content, &object))
        event.logprobs = buffer_slice(&object);
    else if (has_logprobs)
        err = object.err;
    if (!err)
        err = emit(r, &event);
    buffer_done(&object);
    return err;
}

/* Mistral's form: a list of {"type":"text"} and {"type":"thinking","thinking":[{"text"}]}. */
static enum base_err read_content_list(struct openai_reader *r, int32_t choice,
                                       const struct json_node *list)
{
    enum base_err err = BASE_OK;
    for (const struct json_node *part = json_first(list); part && !err; part = json_next(part)) {
        const struct json_node *thinking = json_get(part, SLICE("thinking"));
        err =
            emit_text(r, CHAT_EVENT_TEXT, choice, json_string(json_get(part, SLICE("text"))), NULL);
        for (const struct json_node *t = json_first(thinking); t && !err; t = json_next(t))
            err = emit_text(r, CHAT_EVENT_REASONING, choice,
                            json_string(json_get(t, SLICE("text"))), NULL);
    }
    return err;
}

static uint64_t hash_id(struct slice id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.ptr[i]) * 1099511628211u;
    return id.len == 0 ? 0 : hash | 1;
}

static struct call *find_call(struct openai_reader *r, int32_t choice, int32_t given_index,
                              uint64_t id_hash)
{
    for (size_t i = r->call_count; i-- > 0;) {
        struct call *call = &r->calls[i];
        if (call->choice != choice)
            continue;
        if (id_hash ? call->id_hash == id_hash
                    : given_index < 0 || call->given_index == given_index)
            return call;
    }
    return NULL;
}

static enum base_err add_call(struct openai_reader *r, struct call call, struct call **ret,
                              struct base_error *reterr)
{
    if (r->call_count == CALLS_MAX)
        return broken(reterr, "too many tool calls");
    if (r->call_count == r->call_capacity) {
        size_t capacity = r->call_capacity ? r->call_capacity * 2 : 8;
        struct call *grown = realloc(r->calls, capacity * sizeof(*grown));
        if (!grown)
            return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for a tool call");
        r->calls = grown;
        r->call_capacity = capacity;
    }
    call.index = r->choices[call.choice].calls++;
    r->calls[r->call_count] = call;
    *ret = &r->calls[r->call_count++];
    return BASE_OK;
}

static enum base_err read_call(struct openai_reader *r, int32_t choice,
                               const struct json_node *node, struct base_error *reterr)
{
    const struct json_node *function = json_get(node, SLICE("function"));
    const struct json_node *arguments = json_get(function, SLICE("arguments"));
    struct slice id = json_string(json_get(node, SLICE("id")));
    struct slice name = json_string(json_get(function, SLICE("name")));
    int64_t number = -1;
    if (json_to_i64(json_get(node, SLICE("index")), &number) && (number < 0 || number > INT32_MAX))
        return broken(reterr, "a tool call's index is out of range");
    int32_t given = (int32_t)number;

    struct chat_event event = {.type = CHAT_EVENT_TOOL_CALL, .choice = choice};
    char made_id[40];
    struct call *call = find_call(r, choice, given, hash_id(id));
    if (!call || (id.len == 0 && given < 0 && name.len > 0)) {
        if (name.len == 0)
            return broken(reterr, "a tool call begins without a name");
        struct call fresh = {.choice = choice, .given_index = given, .id_hash = hash_id(id)};
        enum base_err err = add_call(r, fresh, &call, reterr);
        if (err)
            return err;
        if (id.len == 0) {
            (void)snprintf(made_id, sizeof(made_id), "call_%d_%d", (int)choice, (int)call->index);
            id = slice_from_str(made_id);
        }
        event.tool.id = id;
        event.tool.name = name;
    }
    event.tool.index = call->index;
    event.tool.arguments = json_string(arguments);
    if (json_is(arguments, JSON_OBJECT)) /* some servers forget to put it into a string */
        event.tool.arguments = arguments->text;
    if (slice_is_absent(event.tool.arguments))
        event.tool.arguments = SLICE("");
    return emit(r, &event);
}

/* `delta` of a chunk, or `message` of a whole answer. */
static enum base_err read_delta(struct openai_reader *r, int32_t choice,
                                const struct json_node *delta, const struct json_node *logprobs,
                                struct base_error *reterr)
{
    struct slice thought = json_string(json_get(delta, SLICE("reasoning_content")));
    if (thought.len == 0)
        thought = json_string(json_get(delta, SLICE("reasoning")));
    const struct json_node *content = json_get(delta, SLICE("content"));
    const struct json_node *calls = json_get(delta, SLICE("tool_calls"));
    enum base_err err = emit_text(r, CHAT_EVENT_REASONING, choice, thought, NULL);
    if (!err && json_is(content, JSON_ARRAY))
        err = read_content_list(r, choice, content);
    else if (!err)
        err = emit_text(r, CHAT_EVENT_TEXT, choice, json_string(content), logprobs);
    if (!err)
        err = emit_text(r, CHAT_EVENT_REFUSAL, choice,
                        json_string(json_get(delta, SLICE("refusal"))), NULL);
    for (const struct json_node *c = json_first(calls); c && !err; c = json_next(c))
        err = read_call(r, choice, c, reterr);
    return err;
}

/* ---- choices ---- */

static const struct {
    const char *word;
    enum chat_finish finish;
} finishes[] = {
    {"stop", CHAT_FINISH_STOP},
    {"length", CHAT_FINISH_LENGTH},
    {"model_length", CHAT_FINISH_LENGTH}, /* Mistral */
    {"tool_calls", CHAT_FINISH_TOOL_CALLS},
    {"function_call", CHAT_FINISH_TOOL_CALLS},
    {"content_filter", CHAT_FINISH_CONTENT_FILTER},
};

static enum base_err read_finish(struct openai_reader *r, int32_t index, struct slice reason,
                                 struct base_error *reterr)
{
    if (slice_eq_str(reason, "error") || slice_eq_str(reason, "abort"))
        return base_error_set(reterr, BASE_ERR_UPSTREAM_TRUNCATED,
                              "the upstream broke off its answer");
    if (r->choices[index].finished)
        return BASE_OK;
    r->choices[index].finished = true;
    struct chat_event event = {.type = CHAT_EVENT_FINISHED, .choice = index};
    event.finish = CHAT_FINISH_STOP; /* also a reason of the future: it is one, after all */
    for (size_t i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
        if (slice_eq_str(reason, finishes[i].word))
            event.finish = finishes[i].finish;
    return emit(r, &event);
}

static enum base_err read_choice(struct openai_reader *r, const struct json_node *choice,
                                 struct base_error *reterr)
{
    int64_t index = 0;
    const struct json_node *index_node = json_get(choice, SLICE("index"));
    if (!json_is(choice, JSON_OBJECT) || (index_node && !json_to_i64(index_node, &index)) ||
        index < 0 || index >= CHOICES_MAX)
        return broken(reterr, "a choice without a proper index");
    r->begun = r->choices[index].begun = true;
    if (json_is(json_get(choice, SLICE("error")), JSON_OBJECT))
        return base_error_set(reterr, BASE_ERR_UPSTREAM_TRUNCATED,
                              "the upstream broke off its answer");
    const struct json_node *delta = json_get(choice, SLICE("delta"));
    if (!json_is(delta, JSON_OBJECT))
        delta = json_get(choice, SLICE("message"));
    enum base_err err =
        read_delta(r, (int32_t)index, delta, json_get(choice, SLICE("logprobs")), reterr);
    struct slice reason = json_string(json_get(choice, SLICE("finish_reason")));
    if (!err && reason.len > 0)
        err = read_finish(r, (int32_t)index, reason, reterr);
    return err;
}

static enum base_err read_error(const struct json_node *root, struct base_error *reterr)
{
    struct provider_error error;
    openai_error_from(200, root, &error);
    return base_error_set_param(reterr, error.err, error.param, "an error within the answer%s%s",
                                error.code[0] ? ": " : "", error.code);
}

static enum base_err read_object(struct openai_reader *r, const struct json_node *root,
                                 struct base_error *reterr)
{
    if (!json_is(root, JSON_OBJECT))
        return broken(reterr, "not a JSON object");
    const struct json_node *error = json_get(root, SLICE("error"));
    bool is_error = error && !json_is(error, JSON_NULL);
    if (is_error || slice_eq_str(json_string(json_get(root, SLICE("object"))), "error"))
        return read_error(root, reterr);

    enum base_err err = BASE_OK;
    if (!r->started) {
        r->started = true;
        struct chat_event event = {.type = CHAT_EVENT_STARTED};
        event.served_model = json_string(json_get(root, SLICE("model")));
        err = emit(r, &event);
    }
    const struct json_node *choices = json_get(root, SLICE("choices"));
    for (const struct json_node *c = json_first(choices); c && !err; c = json_next(c))
        err = read_choice(r, c, reterr);
    const struct json_node *usage = json_get(root, SLICE("usage"));
    if (!err && json_is(usage, JSON_OBJECT)) {
        struct chat_event event = {.type = CHAT_EVENT_USAGE};
        openai_usage_read(usage, r->setup.reads_cost, &event.usage);
        err = emit(r, &event);
    }
    return err;
}

/* Half an object was cut off; anything else never was one. */
static bool looks_begun(struct slice text)
{
    text = slice_trim(text);
    return text.len == 0 || text.ptr[0] == '{';
}

static enum base_err read_json(struct openai_reader *r, struct slice text,
                               struct base_error *reterr)
{
    size_t room =
        text.len > SIZE_MAX / TREE_FACTOR - 65536 ? SIZE_MAX : text.len * TREE_FACTOR + 65536;
    struct arena *arena = arena_new(room < 4 * 1024 * 1024 ? 4 * 1024 * 1024 : room);
    if (!arena)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for an answer");
    const struct json_node *root = NULL;
    enum base_err err = json_parse(text, &r->limits, arena, &root, NULL);
    if (err == BASE_OK)
        err = read_object(r, root, reterr);
    else if (err == BASE_ERR_BAD_JSON && r->at_end && looks_begun(text))
        err = base_error_set(reterr, BASE_ERR_UPSTREAM_TRUNCATED,
                             "the answer was cut off in the middle of an event");
    else
        err = unkept(err, reterr, "not valid JSON within the limits");
    arena_free(arena);
    return err;
}

static enum base_err read_event(struct openai_reader *r, const struct sse_event *event,
                                struct base_error *reterr)
{
    struct slice data = slice_trim(event->data);
    if (data.len == 0)
        return BASE_OK; /* a keep-alive in the shape of an event */
    if (slice_starts_with(data, SLICE("[DONE]"))) {
        r->ended = true;
        return BASE_OK;
    }
    return read_json(r, event->data, reterr);
}

static enum base_err at_answer_end(struct openai_reader *r, struct base_error *reterr)
{
    r->ended = true;
    if (openai_reader_is_whole(r))
        return BASE_OK;
    return base_error_set(reterr, BASE_ERR_UPSTREAM_TRUNCATED,
                          "the answer ended before it was finished");
}

enum base_err openai_reader_feed(struct openai_reader *r, struct slice bytes,
                                 struct base_error *reterr)
{
    if (r->ended)
        return BASE_OK;
    if (!r->setup.is_sse) {
        enum base_err err = buffer_add_slice(&r->body, bytes);
        return err ? unkept(err, reterr, "larger than the limit") : BASE_ERR_AGAIN;
    }
    struct sse_event event;
    enum base_err err;
    while ((err = sse_next(&r->sse, &bytes, &event)) == BASE_OK) {
        err = read_event(r, &event, reterr);
        if (err)
            return err;
        if (r->ended)
            return at_answer_end(r, reterr);
    }
    return err == BASE_ERR_AGAIN ? err : unkept(err, reterr, "an event is larger than the limit");
}

enum base_err openai_reader_end(struct openai_reader *r, struct base_error *reterr)
{
    if (r->ended)
        return BASE_OK;
    r->at_end = true;
    struct sse_event event;
    enum base_err err = BASE_OK;
    if (!r->setup.is_sse)
        err = read_json(r, buffer_slice(&r->body), reterr);
    else if (sse_finish(&r->sse, &event))
        err = read_event(r, &event, reterr);
    return err ? err : at_answer_end(r, reterr);
}
