#include "gateway/api/chat_parse.h"

#include "gateway/api/reader.h"

#include <stdio.h>

enum { STOPS_MAX = 16, N_MAX = 128 };

static enum base_err read_model(struct reader *r, const struct json_node *node)
{
    enum base_err err = reader_string(r, node, &r->req->model);
    if (!err && (r->req->model.len == 0 || r->req->model.len > 256))
        err = reader_fail(r, "expected a name of 1 to 256 bytes");
    return err;
}

static enum base_err read_stop(struct reader *r, const struct json_node *node)
{
    if (json_is(node, JSON_STRING)) {
        struct slice *stop = arena_alloc(r->arena, sizeof(*stop));
        if (!stop)
            return reader_no_memory(r);
        *stop = node->text;
        r->req->stop = stop;
        r->req->stop_count = stop->len > 0;
        r->req->stop_was_string = true;
        return BASE_OK;
    }
    if (!json_is(node, JSON_ARRAY))
        return reader_fail(r, "expected a string or a list of strings, found %s",
                           json_type_name(node));
    if (node->count > STOPS_MAX)
        return reader_fail(r, "%u stop strings, at most %d are accepted", node->count, STOPS_MAX);
    struct slice *stops = arena_calloc(r->arena, node->count + 1u, sizeof(*stops));
    if (!stops)
        return reader_no_memory(r);
    size_t count = 0;
    for (const struct json_node *n = json_first(node); n; n = json_next(n), count++) {
        enum base_err err = reader_string(r, n, &stops[count]);
        if (err)
            return err;
        if (stops[count].len == 0)
            return reader_fail(r, "an empty stop string would end every answer at once");
    }
    r->req->stop = stops;
    r->req->stop_count = count;
    return BASE_OK;
}

static enum base_err read_limit(struct reader *r, const struct json_node *node, bool is_legacy)
{
    if (!slice_is_absent(r->req->max_tokens.text))
        return reader_fail(r, "give max_completion_tokens or max_tokens, not both");
    r->req->max_tokens_is_legacy = is_legacy;
    return reader_integer(r, node, 1, INT32_MAX, &r->req->max_tokens);
}

static enum base_err read_max_tokens(struct reader *r, const struct json_node *node)
{
    return read_limit(r, node, true);
}

static enum base_err read_max_completion_tokens(struct reader *r, const struct json_node *node)
{
    return read_limit(r, node, false);
}

/* Mistral calls it random_seed. */
static enum base_err read_seed(struct reader *r, const struct json_node *node)
{
    if (!slice_is_absent(r->req->seed.text))
        return reader_fail(r, "give seed or random_seed, not both");
    return reader_integer(r, node, INT64_MIN, INT64_MAX, &r->req->seed);
}

static enum base_err read_stream(struct reader *r, const struct json_node *node)
{
    return reader_bool(r, node, &r->req->stream);
}

static enum base_err read_stream_options(struct reader *r, const struct json_node *node)
{
    static const char *const known[] = {"include_usage", NULL};
    if (!json_is(node, JSON_OBJECT))
        return reader_fail(r, "expected an object, found %s", json_type_name(node));
    r->req->stream_options_given = true;
    const struct json_node *usage = json_get(node, SLICE("include_usage"));
    enum base_err err = usage ? reader_bool(r, usage, &r->req->include_usage) : BASE_OK;
    return err ? err : reader_extras(r, node, known, &r->req->stream_extras);
}

static enum base_err read_effort(struct reader *r, const struct json_node *node)
{
    static const char *const names[CHAT_EFFORT_COUNT] = {NULL,     "none", "minimal", "low",
                                                         "medium", "high", "xhigh",   "max"};
    struct slice name = SLICE_NONE;
    enum base_err err = reader_string(r, node, &name);
    if (err)
        return err;
    for (int i = CHAT_EFFORT_UNSET + 1; i < CHAT_EFFORT_COUNT; i++)
        if (slice_eq_str(name, names[i])) {
            r->req->effort = (enum chat_effort)i;
            return BASE_OK;
        }
    return reader_fail(r, "expected none, minimal, low, medium, high, xhigh or max");
}

static enum base_err read_user_as(struct reader *r, const struct json_node *node, struct slice key)
{
    if (!slice_is_absent(r->req->user))
        return reader_fail(r, "give safety_identifier or user, not both");
    r->req->user_key = key;
    return reader_string(r, node, &r->req->user);
}

static enum base_err read_user(struct reader *r, const struct json_node *node)
{
    return read_user_as(r, node, SLICE("user"));
}

static enum base_err read_safety_identifier(struct reader *r, const struct json_node *node)
{
    return read_user_as(r, node, SLICE("safety_identifier"));
}

static enum base_err read_metadata(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_OBJECT))
        return reader_fail(r, "expected an object, found %s", json_type_name(node));
    r->req->metadata = node;
    return BASE_OK;
}

static enum base_err read_logit_bias(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_OBJECT))
        return reader_fail(r, "expected an object, found %s", json_type_name(node));
    r->req->logit_bias = node;
    return BASE_OK;
}

static enum base_err read_logprobs(struct reader *r, const struct json_node *node)
{
    r->req->logprobs_given = true;
    return reader_bool(r, node, &r->req->logprobs);
}

static enum base_err read_parallel(struct reader *r, const struct json_node *node)
{
    r->req->parallel_tools_given = true;
    return reader_bool(r, node, &r->req->parallel_tools);
}

static enum base_err refuse_functions(struct reader *r, const struct json_node *node)
{
    (void)node;
    return reader_fail(r, "no longer supported; use tools and tool_choice");
}

/* ---- /v1/completions ---- */

enum { PROMPTS_MAX = 128, COMPLETION_LOGPROBS_MAX = 5 };

static enum base_err add_prompt(struct reader *r, const struct json_node *node,
                                struct chat_message *message)
{
    if (json_is(node, JSON_NUMBER) || json_is(node, JSON_ARRAY))
        return reader_fail(r, "token ids cannot be inspected; send text");
    struct chat_part *part = arena_calloc(r->arena, 1, sizeof(*part));
    if (!part)
        return reader_no_memory(r);
    *message = (struct chat_message){
        .role = CHAT_ROLE_USER, .parts = part, .part_count = 1, .content_was_string = true};
    return reader_string(r, node, &part->text);
}

static enum base_err read_prompt(struct reader *r, const struct json_node *node)
{
    bool is_list = json_is(node, JSON_ARRAY);
    size_t count = is_list ? node->count : 1;
    if (count == 0 || count > PROMPTS_MAX)
        return reader_fail(r, "expected a text, or a list of 1 to %d", PROMPTS_MAX);
    struct chat_message *messages = arena_calloc(r->arena, count, sizeof(*messages));
    if (!messages)
        return reader_no_memory(r);
    enum base_err err = BASE_OK;
    if (is_list) {
        size_t i = 0;
        for (const struct json_node *n = json_first(node); n && !err; n = json_next(n), i++)
            err = add_prompt(r, n, &messages[i]);
    } else {
        err = add_prompt(r, node, messages);
    }
    r->req->messages = messages;
    r->req->message_count = count;
    return err;
}

static enum base_err read_suffix(struct reader *r, const struct json_node *node)
{
    return reader_string(r, node, &r->req->suffix);
}

static enum base_err read_token_logprobs(struct reader *r, const struct json_node *node)
{
    r->req->logprobs = r->req->logprobs_given = true;
    return reader_integer(r, node, 0, COMPLETION_LOGPROBS_MAX, &r->req->top_logprobs);
}

static enum base_err read_echo(struct reader *r, const struct json_node *node)
{
    bool echo = false;
    enum base_err err = reader_bool(r, node, &echo);
    if (!err && echo)
        err = reader_fail(r, "the prompt is not given back; put it before the answer yourself");
    return err;
}

static enum base_err read_best_of(struct reader *r, const struct json_node *node)
{
    struct chat_number best_of;
    enum base_err err = reader_integer(r, node, 1, N_MAX, &best_of);
    if (!err && best_of.value != 1)
        err = reader_fail(r, "not supported; ask for n answers and choose");
    return err;
}

/* ---- /v1/embeddings ---- */

enum { INPUTS_MAX = 2048, INPUT_TOKENS_MAX = 1 << 20, DIMENSIONS_MAX = 1 << 20 };

/* Which number is an id of its vocabulary, the model says. */
static enum base_err check_token_ids(struct reader *r, const struct json_node *list)
{
    struct chat_number id;
    enum base_err err = BASE_OK;
    if (list->count == 0 || list->count > INPUT_TOKENS_MAX)
        return reader_fail(r, "expected 1 to %d token ids", INPUT_TOKENS_MAX);
    for (const struct json_node *n = json_first(list); n && !err; n = json_next(n))
        err = reader_integer(r, n, 0, INT32_MAX, &id);
    return err;
}

static enum base_err add_input(struct reader *r, const struct json_node *node,
                               struct chat_message *message)
{
    struct chat_part *part = arena_calloc(r->arena, 1, sizeof(*part));
    if (!part)
        return reader_no_memory(r);
    *message = (struct chat_message){
        .role = CHAT_ROLE_USER, .parts = part, .part_count = 1, .content_was_string = true};
    if (json_is(node, JSON_ARRAY)) {
        part->type = CHAT_PART_OTHER;
        part->text = SLICE_NONE;
        part->raw = node;
        return check_token_ids(r, node);
    }
    enum base_err err = reader_string(r, node, &part->text);
    if (!err && part->text.len == 0)
        err = reader_fail(r, "an empty text has no embedding");
    return err;
}

static enum base_err read_input(struct reader *r, const struct json_node *node)
{
    const struct json_node *first = json_is(node, JSON_ARRAY) ? json_first(node) : NULL;
    bool is_list = first && !json_is(first, JSON_NUMBER); /* numbers: one input, of token ids */
    size_t count = is_list ? node->count : 1;
    if (count > INPUTS_MAX || (json_is(node, JSON_ARRAY) && !first))
        return reader_fail(r, "expected a text or a list of 1 to %d", INPUTS_MAX);
    struct chat_message *messages = arena_calloc(r->arena, count, sizeof(*messages));
    if (!messages)
        return reader_no_memory(r);
    enum base_err err = BASE_OK;
    size_t i = 0;
    for (const struct json_node *n = is_list ? first : node; i < count && !err; i++) {
        size_t at = is_list ? reader_push(r, "[%zu]", i) : 0;
        err = add_input(r, n, &messages[i]);
        n = json_next(n);
        if (is_list && !err)
            reader_pop(r, at);
    }
    r->req->messages = messages;
    r->req->message_count = count;
    return err;
}

static enum base_err read_encoding(struct reader *r, const struct json_node *node)
{
    struct slice name;
    enum base_err err = reader_string(r, node, &name);
    if (err)
        return err;
    r->req->base64 = slice_eq_str(name, "base64");
    if (!r->req->base64 && !slice_eq_str(name, "float"))
        return reader_fail(r, "expected float or base64");
    return BASE_OK;
}

enum kind { BY_FUNCTION, REAL, INTEGER };

struct field {
    const char *name;
    enum kind kind;
    enum base_err (*read)(struct reader *r, const struct json_node *node);
    size_t offset; /* of the chat_number, for REAL and INTEGER */
    double min, max;
};

#define NUMBER(name, kind, min, max)                                                               \
    {                                                                                              \
#name, kind, NULL, offsetof(struct chat_request, name), min, max                           \
    }
#define CALL(name, fn)                                                                             \
    {                                                                                              \
        name, BY_FUNCTION, fn, 0, 0, 0                                                             \
    }

/* What is read otherwise than in a chat. */
static const struct field completion_fields[] = {
    CALL("prompt", read_prompt),           CALL("suffix", read_suffix),
    CALL("logprobs", read_token_logprobs), CALL("echo", read_echo),
    CALL("best_of", read_best_of),
};

/* All that is read of a request for embeddings. */
static const struct field embedding_fields[] = {
    CALL("model", read_model),
    CALL("input", read_input),
    CALL("encoding_format", read_encoding),
    CALL("user", read_user),
    CALL("safety_identifier", read_safety_identifier),
    CALL("metadata", read_metadata),
    NUMBER(dimensions, INTEGER, 1, DIMENSIONS_MAX),
};

static const struct field fields[] = {
    CALL("model", read_model),
    CALL("messages", reader_messages),
    CALL("tools", reader_tools),
    CALL("tool_choice", reader_tool_choice),
    CALL("parallel_tool_calls", read_parallel),
    CALL("response_format", reader_format),
    CALL("stream", read_stream),
    CALL("stream_options", read_stream_options),
    CALL("stop", read_stop),
    CALL("max_tokens", read_max_tokens),
    CALL("max_completion_tokens", read_max_completion_tokens),
    CALL("reasoning_effort", read_effort),
    CALL("user", read_user),
    CALL("safety_identifier", read_safety_identifier),
    CALL("metadata", read_metadata),
    CALL("seed", read_seed),
    CALL("random_seed", read_seed),
    CALL("logit_bias", read_logit_bias),
    CALL("logprobs", read_logprobs),
    CALL("functions", refuse_functions),
    CALL("function_call", refuse_functions),
    NUMBER(temperature, REAL, 0, 2),
    NUMBER(top_p, REAL, 0, 1),
    NUMBER(top_k, INTEGER, -1, 1000000),
    NUMBER(min_p, REAL, 0, 1),
    NUMBER(frequency_penalty, REAL, -2, 2),
    NUMBER(presence_penalty, REAL, -2, 2),
    NUMBER(repetition_penalty, REAL, 0.01, 100),
    NUMBER(n, INTEGER, 1, N_MAX),
    NUMBER(top_logprobs, INTEGER, 0, 20),
};

static enum base_err read_field(struct reader *r, const struct field *field,
                                const struct json_node *node)
{
    if (field->kind == BY_FUNCTION)
        return field->read(r, node);
    struct chat_number *number = (struct chat_number *)(void *)((char *)r->req + field->offset);
    if (field->kind == REAL)
        return reader_number(r, node, field->min, field->max, number);
    return reader_integer(r, node, (int64_t)field->min, (int64_t)field->max, number);
}

static const struct field *find_in(const struct field *table, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_str(name, table[i].name))
            return &table[i];
    return NULL;
}

/* NULL: unknown, and kept as it came. */
static const struct field *field_find(enum chat_dialect dialect, struct slice name)
{
    /* Of a chat only; in the other dialect as unknown as any. */
    static const char *const chat_only[] = {
        "messages",        "tools",         "tool_choice",  "parallel_tool_calls",
        "functions",       "function_call", "top_logprobs", "max_completion_tokens",
        "reasoning_effort"};
    const struct field *field = NULL;
    if (dialect == CHAT_DIALECT_EMBEDDINGS)
        return find_in(embedding_fields, sizeof(embedding_fields) / sizeof(*field), name);
    if (dialect == CHAT_DIALECT_COMPLETIONS) {
        field = find_in(completion_fields, sizeof(completion_fields) / sizeof(*field), name);
        for (size_t i = 0; i < sizeof(chat_only) / sizeof(chat_only[0]); i++)
            if (slice_eq_str(name, chat_only[i]))
                return NULL;
    }
    return field ? field : find_in(fields, sizeof(fields) / sizeof(*field), name);
}

static enum base_err check_whole(struct reader *r)
{
    const struct chat_request *req = r->req;
    if (slice_is_absent(req->model))
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, "model",
                                    "model: missing; name a model, or \"auto\"");
    const char *content = req->dialect == CHAT_DIALECT_COMPLETIONS  ? "prompt"
                          : req->dialect == CHAT_DIALECT_EMBEDDINGS ? "input"
                                                                    : "messages";
    if (req->message_count == 0)
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, content, "%s: missing", content);
    if (!slice_is_absent(req->top_logprobs.text) && !req->logprobs)
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, "top_logprobs",
                                    "top_logprobs: needs logprobs: true");
    if (req->stream_options_given && !req->stream)
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, "stream_options",
                                    "stream_options: only allowed with stream: true");
    return BASE_OK;
}

static enum base_err parse(enum chat_dialect dialect, const struct json_node *root,
                           struct arena *arena, const struct chat_request **ret_request,
                           struct base_error *reterr)
{
    if (!json_is(root, JSON_OBJECT))
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "the body must be a JSON object, found %s", json_type_name(root));
    struct reader r = {.arena = arena, .reterr = reterr};
    r.req = arena_calloc(arena, 1, sizeof(*r.req));
    if (!r.req)
        return reader_no_memory(&r);
    r.req->dialect = dialect;

    struct chat_extra *extras = NULL;
    size_t count = 0, capacity = 0;
    for (const struct json_node *m = json_first(root); m; m = json_next(m)) {
        const struct field *field = field_find(dialect, m->key);
        if (!field) {
            void *grown = extras;
            if (!arena_grow(arena, &grown, count, &capacity, sizeof(*extras)))
                return reader_no_memory(&r);
            extras = grown;
            extras[count++] = (struct chat_extra){m->key, m};
            continue;
        }
        if (json_is(m, JSON_NULL)) /* the SDKs send null for "not given" */
            continue;
        (void)snprintf(r.path, sizeof(r.path), "%s", field->name);
        enum base_err err = read_field(&r, field, m);
        if (err)
            return err;
    }
    r.req->extras = (struct chat_extras){extras, count};
    r.path[0] = '\0';
    enum base_err err = check_whole(&r);
    if (!err && r.left_out_count > 0) {
        struct slice *left_out = arena_calloc(arena, r.left_out_count, sizeof(*left_out));
        if (!left_out)
            return reader_no_memory(&r);
        memcpy(left_out, r.left_out, r.left_out_count * sizeof(*left_out));
        r.req->left_out = left_out;
        r.req->left_out_count = r.left_out_count;
    }
    if (err)
        return err;
    *ret_request = r.req;
    return BASE_OK;
}

enum base_err api_chat_parse(const struct json_node *root, struct arena *arena,
                             const struct chat_request **ret_request, struct base_error *reterr)
{
    return parse(CHAT_DIALECT_CHAT, root, arena, ret_request, reterr);
}

enum base_err api_completions_parse(const struct json_node *root, struct arena *arena,
                                    const struct chat_request **ret_request,
                                    struct base_error *reterr)
{
    return parse(CHAT_DIALECT_COMPLETIONS, root, arena, ret_request, reterr);
}

enum base_err api_embeddings_parse(const struct json_node *root, struct arena *arena,
                                   const struct chat_request **ret_request,
                                   struct base_error *reterr)
{
    return parse(CHAT_DIALECT_EMBEDDINGS, root, arena, ret_request, reterr);
}
