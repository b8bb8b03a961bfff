#include "gateway/api/chat_parse.h"

#include <stdarg.h>
#include <stdio.h>

enum { MESSAGES_MAX = 16384, PARTS_MAX = 4096, TOOLS_MAX = 1024, STOPS_MAX = 16, N_MAX = 128 };

struct reader {
    struct arena *arena;
    struct base_error *reterr;
    struct chat_request *req;
    char path[96]; /* of the value being read, for messages */
};

static enum base_err fail(struct reader *r, const char *format, ...) BASE_PRINTF(2, 3);

static enum base_err fail(struct reader *r, const char *format, ...)
{
    char what[320];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, r->path, "%s: %s", r->path, what);
}

static enum base_err no_memory(struct reader *r)
{
    return base_error_set(r->reterr, BASE_ERR_NO_MEMORY,
                          "the request needs more memory than one request may use");
}

/* Sets the path for messages; returns how to undo it. */
static size_t path_push(struct reader *r, const char *format, ...) BASE_PRINTF(2, 3);

static size_t path_push(struct reader *r, const char *format, ...)
{
    size_t len = strlen(r->path);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->path + len, sizeof(r->path) - len, format, args);
    va_end(args);
    return len;
}

static void path_pop(struct reader *r, size_t len)
{
    r->path[len] = '\0';
}

static enum base_err want_string(struct reader *r, const struct json_node *node, struct slice *ret)
{
    if (!json_is(node, JSON_STRING))
        return fail(r, "expected a string, found %s", json_type_name(node));
    *ret = node->text;
    return BASE_OK;
}

static enum base_err want_bool(struct reader *r, const struct json_node *node, bool *ret)
{
    if (!json_to_bool(node, ret))
        return fail(r, "expected true or false, found %s", json_type_name(node));
    return BASE_OK;
}

static enum base_err want_number(struct reader *r, const struct json_node *node, double min,
                                 double max, struct chat_number *ret)
{
    double value;
    if (!json_to_double(node, &value))
        return fail(r, "expected a number, found %s", json_type_name(node));
    if (value < min || value > max)
        return fail(r, "%.*s is out of range, expected %g to %g", SLICE_ARG(node->text), min, max);
    *ret = (struct chat_number){node->text, value};
    return BASE_OK;
}

static enum base_err want_integer(struct reader *r, const struct json_node *node, int64_t min,
                                  int64_t max, struct chat_number *ret)
{
    int64_t value;
    if (!json_to_i64(node, &value))
        return fail(r, "expected an integer, found %s", json_type_name(node));
    if (value < min || value > max)
        return fail(r, "%lld is out of range, expected %lld to %lld", (long long)value,
                    (long long)min, (long long)max);
    *ret = (struct chat_number){node->text, (double)value};
    return BASE_OK;
}

/* Members of `object` whose name is not in `known` (ended by NULL), kept as they came. */
static enum base_err read_extras(struct reader *r, const struct json_node *object,
                                 const char *const known[], struct chat_extras *ret)
{
    struct chat_extra *items = NULL;
    size_t count = 0, capacity = 0;
    for (const struct json_node *m = json_first(object); m; m = json_next(m)) {
        bool is_known = false;
        for (size_t i = 0; known[i] && !is_known; i++)
            is_known = slice_eq_str(m->key, known[i]);
        if (is_known)
            continue;
        void *grown = items;
        if (!arena_grow(r->arena, &grown, count, &capacity, sizeof(*items)))
            return no_memory(r);
        items = grown;
        items[count++] = (struct chat_extra){m->key, m};
    }
    *ret = (struct chat_extras){items, count};
    return BASE_OK;
}

/* ---- parts ---- */

static enum base_err read_text_part(struct reader *r, const struct json_node *node,
                                    struct chat_part *part)
{
    static const char *const known[] = {"type", "text", NULL};
    part->type = CHAT_PART_TEXT;
    size_t at = path_push(r, ".text");
    enum base_err err = want_string(r, json_get(node, SLICE("text")), &part->text);
    path_pop(r, at);
    return err ? err : read_extras(r, node, known, &part->extras);
}

static enum base_err read_refusal_part(struct reader *r, const struct json_node *node,
                                       struct chat_part *part)
{
    static const char *const known[] = {"type", "refusal", NULL};
    part->type = CHAT_PART_REFUSAL;
    size_t at = path_push(r, ".refusal");
    enum base_err err = want_string(r, json_get(node, SLICE("refusal")), &part->text);
    path_pop(r, at);
    return err ? err : read_extras(r, node, known, &part->extras);
}

/* Splits "data:image/png;base64,AAAA"; any other URL stays one. */
static void set_url(struct chat_part *part, struct slice url)
{
    size_t comma = slice_find(url, SLICE(";base64,"));
    if (slice_starts_with(url, SLICE("data:")) && comma != SIZE_MAX) {
        part->u.media.media_type = slice_sub(url, 5, comma - 5);
        part->u.media.data = slice_sub(url, comma + 8, SIZE_MAX);
    } else {
        part->u.media.url = url;
    }
}

static enum base_err read_image_part(struct reader *r, const struct json_node *node,
                                     struct chat_part *part)
{
    static const char *const known[] = {"type", "image_url", NULL};
    part->type = CHAT_PART_IMAGE;
    size_t at = path_push(r, ".image_url.url");
    const struct json_node *image = json_get(node, SLICE("image_url"));
    struct slice url = SLICE_NONE;
    enum base_err err = want_string(r, json_get(image, SLICE("url")), &url);
    path_pop(r, at);
    if (err)
        return err;
    set_url(part, url);
    part->u.media.detail = json_string(json_get(image, SLICE("detail")));
    return read_extras(r, node, known, &part->extras);
}

static enum base_err read_audio_part(struct reader *r, const struct json_node *node,
                                     struct chat_part *part)
{
    static const char *const known[] = {"type", "input_audio", NULL};
    part->type = CHAT_PART_AUDIO;
    size_t at = path_push(r, ".input_audio");
    const struct json_node *audio = json_get(node, SLICE("input_audio"));
    enum base_err err = want_string(r, json_get(audio, SLICE("data")), &part->u.media.data);
    if (!err)
        err = want_string(r, json_get(audio, SLICE("format")), &part->u.media.media_type);
    path_pop(r, at);
    return err ? err : read_extras(r, node, known, &part->extras);
}

static enum base_err read_file_part(struct reader *r, const struct json_node *node,
                                    struct chat_part *part)
{
    static const char *const known[] = {"type", "file", NULL};
    part->type = CHAT_PART_DOCUMENT;
    const struct json_node *file = json_get(node, SLICE("file"));
    part->u.media.file_id = json_string(json_get(file, SLICE("file_id")));
    part->u.media.name = json_string(json_get(file, SLICE("filename")));
    struct slice data = json_string(json_get(file, SLICE("file_data")));
    if (!slice_is_absent(data))
        set_url(part, data);
    if (slice_is_absent(part->u.media.file_id) && slice_is_absent(data))
        return fail(r, "a file needs `file_id` or `file_data`");
    return read_extras(r, node, known, &part->extras);
}

static enum base_err read_part(struct reader *r, const struct json_node *node,
                               struct chat_part *part)
{
    static const struct {
        const char *type;
        enum base_err (*read)(struct reader *r, const struct json_node *node,
                              struct chat_part *part);
    } kinds[] = {
        {"text", read_text_part},         {"image_url", read_image_part},
        {"input_audio", read_audio_part}, {"refusal", read_refusal_part},
        {"file", read_file_part},
    };
    if (!json_is(node, JSON_OBJECT))
        return fail(r, "expected an object, found %s", json_type_name(node));
    struct slice type = SLICE_NONE;
    size_t at = path_push(r, ".type");
    enum base_err err = want_string(r, json_get(node, SLICE("type")), &type);
    path_pop(r, at);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (slice_eq_str(type, kinds[i].type))
            return kinds[i].read(r, node, part);
    part->type = CHAT_PART_OTHER;
    part->raw = node;
    return BASE_OK;
}

/* `content`: a string, null, or a list of parts. Leaves room for `spare` further parts. */
static enum base_err read_content(struct reader *r, const struct json_node *content, size_t spare,
                                  struct chat_message *msg, struct chat_part **ret_parts)
{
    bool is_list = json_is(content, JSON_ARRAY);
    size_t count = is_list ? content->count : json_is(content, JSON_STRING) ? 1 : 0;
    if (count > PARTS_MAX)
        return fail(r, "%zu parts, at most %d are accepted", count, PARTS_MAX);
    struct chat_part *parts = arena_calloc(r->arena, count + spare + 1, sizeof(*parts));
    if (!parts)
        return no_memory(r);
    if (json_is(content, JSON_STRING)) {
        parts[0].text = content->text;
        msg->content_was_string = true;
    } else if (is_list) {
        size_t i = 0;
        for (const struct json_node *n = json_first(content); n; n = json_next(n), i++) {
            size_t at = path_push(r, "[%zu]", i);
            enum base_err err = read_part(r, n, &parts[i]);
            path_pop(r, at);
            if (err)
                return err;
        }
    } else if (!content || json_is(content, JSON_NULL)) {
        msg->content_was_null = true;
    } else {
        return fail(r, "expected a string or a list of parts, found %s", json_type_name(content));
    }
    msg->parts = parts;
    msg->part_count = count;
    *ret_parts = parts;
    return BASE_OK;
}

/* ---- messages ---- */

static enum base_err read_tool_call(struct reader *r, const struct json_node *node,
                                    struct chat_part *part)
{
    static const char *const known[] = {"id", "type", "function", "index", NULL};
    const struct json_node *function = json_get(node, SLICE("function"));
    if (!json_is(function, JSON_OBJECT)) { /* custom tools and whatever comes next */
        part->type = CHAT_PART_OTHER;
        part->raw = node;
        return json_is(node, JSON_OBJECT) ? BASE_OK : fail(r, "expected an object");
    }
    part->type = CHAT_PART_TOOL_CALL;
    enum base_err err = want_string(r, json_get(node, SLICE("id")), &part->u.call.id);
    if (!err)
        err = want_string(r, json_get(function, SLICE("name")), &part->u.call.name);
    if (!err)
        err = want_string(r, json_get(function, SLICE("arguments")), &part->u.call.arguments);
    if (err)
        return err;
    if (part->u.call.arguments.len == 0)
        part->u.call.arguments = SLICE("{}");
    return read_extras(r, node, known, &part->extras);
}

static enum base_err read_assistant(struct reader *r, const struct json_node *node,
                                    struct chat_message *msg)
{
    const struct json_node *calls = json_get(node, SLICE("tool_calls"));
    const struct json_node *refusal = json_get(node, SLICE("refusal"));
    const struct json_node *reasoning = json_get(node, SLICE("reasoning_content"));
    if (json_is(calls, JSON_NULL))
        calls = NULL;
    if (calls && !json_is(calls, JSON_ARRAY))
        return fail(r, "tool_calls: expected a list, found %s", json_type_name(calls));
    size_t call_count = calls ? calls->count : 0;
    if (call_count > PARTS_MAX)
        return fail(r, "%zu tool calls, at most %d are accepted", call_count, PARTS_MAX);

    struct chat_part *parts;
    size_t at = path_push(r, ".content");
    enum base_err err =
        read_content(r, json_get(node, SLICE("content")), call_count + 2, msg, &parts);
    path_pop(r, at);
    if (err)
        return err;
    if (json_is(reasoning, JSON_STRING))
        parts[msg->part_count++] =
            (struct chat_part){.type = CHAT_PART_REASONING, .text = reasoning->text};
    if (json_is(refusal, JSON_STRING))
        parts[msg->part_count++] =
            (struct chat_part){.type = CHAT_PART_REFUSAL, .text = refusal->text};
    size_t i = 0;
    for (const struct json_node *call = json_first(calls); call; call = json_next(call), i++) {
        at = path_push(r, ".tool_calls[%zu]", i);
        err = read_tool_call(r, call, &parts[msg->part_count++]);
        path_pop(r, at);
        if (err)
            return err;
    }
    if (msg->part_count == 0)
        return fail(r, "an assistant message needs content, a refusal or tool calls");
    return BASE_OK;
}

static enum base_err read_tool_result(struct reader *r, const struct json_node *node,
                                      struct chat_message *msg)
{
    struct chat_message inner = {0};
    struct chat_part *parts;
    struct chat_part *result = arena_calloc(r->arena, 1, sizeof(*result));
    if (!result)
        return no_memory(r);
    result->type = CHAT_PART_TOOL_RESULT;
    size_t at = path_push(r, ".tool_call_id");
    enum base_err err =
        want_string(r, json_get(node, SLICE("tool_call_id")), &result->u.result.call_id);
    path_pop(r, at);
    if (err)
        return err;
    at = path_push(r, ".content");
    err = read_content(r, json_get(node, SLICE("content")), 0, &inner, &parts);
    if (!err && inner.content_was_null)
        err = fail(r, "expected a string or a list of parts, found nothing");
    path_pop(r, at);
    if (err)
        return err;
    if (inner.content_was_string) {
        result->text = parts[0].text;
    } else {
        result->u.result.parts = parts;
        result->u.result.part_count = inner.part_count;
    }
    msg->content_was_string = inner.content_was_string;
    msg->parts = result;
    msg->part_count = 1;
    return BASE_OK;
}

static enum base_err read_plain(struct reader *r, const struct json_node *node,
                                struct chat_message *msg)
{
    struct chat_part *parts;
    size_t at = path_push(r, ".content");
    enum base_err err = read_content(r, json_get(node, SLICE("content")), 0, msg, &parts);
    if (!err && msg->part_count == 0)
        err = fail(r, "expected a string or a list of parts, found nothing");
    path_pop(r, at);
    return err;
}

static enum base_err read_message(struct reader *r, const struct json_node *node,
                                  struct chat_message *msg)
{
    static const struct {
        const char *name;
        enum chat_role role;
        enum base_err (*read)(struct reader *r, const struct json_node *node,
                              struct chat_message *msg);
    } roles[] = {
        {"system", CHAT_ROLE_SYSTEM, read_plain},
        {"developer", CHAT_ROLE_DEVELOPER, read_plain},
        {"user", CHAT_ROLE_USER, read_plain},
        {"assistant", CHAT_ROLE_ASSISTANT, read_assistant},
        {"tool", CHAT_ROLE_TOOL, read_tool_result},
    };
    static const char *const known[] = {
        "role",    "content",           "name", "tool_calls", "tool_call_id",
        "refusal", "reasoning_content", NULL};
    if (!json_is(node, JSON_OBJECT))
        return fail(r, "expected an object, found %s", json_type_name(node));
    struct slice role = SLICE_NONE;
    size_t at = path_push(r, ".role");
    enum base_err err = want_string(r, json_get(node, SLICE("role")), &role);
    size_t i = 0;
    while (!err && i < sizeof(roles) / sizeof(roles[0]) && !slice_eq_str(role, roles[i].name))
        i++;
    if (!err && i == sizeof(roles) / sizeof(roles[0]))
        err = fail(r, "unknown role; known are system, developer, user, assistant and tool");
    path_pop(r, at);
    if (err)
        return err;
    msg->role = roles[i].role;
    const struct json_node *name = json_get(node, SLICE("name"));
    if (name && !json_is(name, JSON_NULL)) {
        at = path_push(r, ".name");
        err = want_string(r, name, &msg->name);
        path_pop(r, at);
        if (err)
            return err;
    }
    err = roles[i].read(r, node, msg);
    return err ? err : read_extras(r, node, known, &msg->extras);
}

static enum base_err read_messages(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_ARRAY))
        return fail(r, "expected a list of messages, found %s", json_type_name(node));
    if (node->count == 0)
        return fail(r, "the list is empty; at least one message is needed");
    if (node->count > MESSAGES_MAX)
        return fail(r, "%u messages, at most %d are accepted", node->count, MESSAGES_MAX);
    struct chat_message *messages = arena_calloc(r->arena, node->count, sizeof(*messages));
    if (!messages)
        return no_memory(r);
    size_t i = 0;
    for (const struct json_node *n = json_first(node); n; n = json_next(n), i++) {
        size_t at = path_push(r, "[%zu]", i);
        enum base_err err = read_message(r, n, &messages[i]);
        path_pop(r, at);
        if (err)
            return err;
    }
    r->req->messages = messages;
    r->req->message_count = node->count;
    return BASE_OK;
}

/* ---- tools and format ---- */

static enum base_err read_tool(struct reader *r, const struct json_node *node,
                               struct chat_tool *tool)
{
    static const char *const known[] = {"type", "function", NULL};
    static const char *const known_function[] = {"name", "description", "parameters", "strict",
                                                 NULL};
    if (!json_is(node, JSON_OBJECT))
        return fail(r, "expected an object, found %s", json_type_name(node));
    if (!slice_eq_str(json_string(json_get(node, SLICE("type"))), "function")) {
        tool->raw = node;
        return BASE_OK;
    }
    const struct json_node *function = json_get(node, SLICE("function"));
    const struct json_node *strict = json_get(function, SLICE("strict"));
    size_t at = path_push(r, ".function.name");
    enum base_err err = want_string(r, json_get(function, SLICE("name")), &tool->name);
    path_pop(r, at);
    if (err)
        return err;
    tool->description = json_string(json_get(function, SLICE("description")));
    tool->parameters = json_get(function, SLICE("parameters"));
    if (strict && !json_is(strict, JSON_NULL)) {
        at = path_push(r, ".function.strict");
        err = want_bool(r, strict, &tool->strict);
        path_pop(r, at);
        tool->strict_given = true;
    }
    struct chat_extras unknown = {0};
    if (!err)
        err = read_extras(r, function, known_function, &unknown);
    if (!err && unknown.count > 0) { /* a richer tool than ours: keep the whole of it */
        *tool = (struct chat_tool){.raw = node};
        return BASE_OK;
    }
    return err ? err : read_extras(r, node, known, &tool->extras);
}

static enum base_err read_tools(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_ARRAY))
        return fail(r, "expected a list, found %s", json_type_name(node));
    if (node->count > TOOLS_MAX)
        return fail(r, "%u tools, at most %d are accepted", node->count, TOOLS_MAX);
    struct chat_tool *tools = arena_calloc(r->arena, node->count + 1u, sizeof(*tools));
    if (!tools)
        return no_memory(r);
    size_t i = 0;
    for (const struct json_node *n = json_first(node); n; n = json_next(n), i++) {
        size_t at = path_push(r, "[%zu]", i);
        enum base_err err = read_tool(r, n, &tools[i]);
        path_pop(r, at);
        if (err)
            return err;
    }
    r->req->tools = tools;
    r->req->tool_count = node->count;
    return BASE_OK;
}

static enum base_err read_tool_choice(struct reader *r, const struct json_node *node)
{
    static const struct {
        const char *name;
        enum chat_tool_choice choice;
    } words[] = {{"auto", CHAT_TOOL_CHOICE_AUTO},
                 {"none", CHAT_TOOL_CHOICE_NONE},
                 {"required", CHAT_TOOL_CHOICE_REQUIRED}};
    if (json_is(node, JSON_STRING)) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (slice_eq_str(node->text, words[i].name)) {
                r->req->tool_choice = words[i].choice;
                return BASE_OK;
            }
        return fail(r, "expected auto, none, required or an object");
    }
    if (!json_is(node, JSON_OBJECT))
        return fail(r, "expected a string or an object, found %s", json_type_name(node));
    struct slice name = json_string(json_get(json_get(node, SLICE("function")), SLICE("name")));
    if (slice_eq_str(json_string(json_get(node, SLICE("type"))), "function") &&
        !slice_is_absent(name)) {
        r->req->tool_choice = CHAT_TOOL_CHOICE_NAMED;
        r->req->tool_choice_name = name;
    } else {
        r->req->tool_choice = CHAT_TOOL_CHOICE_OTHER;
        r->req->tool_choice_raw = node;
    }
    return BASE_OK;
}

static enum base_err read_format(struct reader *r, const struct json_node *node)
{
    struct slice type = json_string(json_get(node, SLICE("type")));
    r->req->format_raw = node;
    if (slice_eq_str(type, "text")) {
        r->req->format = CHAT_FORMAT_TEXT;
    } else if (slice_eq_str(type, "json_object")) {
        r->req->format = CHAT_FORMAT_JSON_OBJECT;
    } else if (slice_eq_str(type, "json_schema")) {
        r->req->format = CHAT_FORMAT_JSON_SCHEMA;
        r->req->schema = json_get(json_get(node, SLICE("json_schema")), SLICE("schema"));
        if (!json_is(r->req->schema, JSON_OBJECT))
            return fail(r, "json_schema.schema: expected an object");
    } else {
        return fail(r, "unknown type; known are text, json_object and json_schema");
    }
    return BASE_OK;
}

/* ---- the rest of the top level ---- */

static enum base_err read_model(struct reader *r, const struct json_node *node)
{
    enum base_err err = want_string(r, node, &r->req->model);
    if (!err && (r->req->model.len == 0 || r->req->model.len > 256))
        err = fail(r, "expected a name of 1 to 256 bytes");
    return err;
}

static enum base_err read_stop(struct reader *r, const struct json_node *node)
{
    if (json_is(node, JSON_STRING)) {
        struct slice *stop = arena_alloc(r->arena, sizeof(*stop));
        if (!stop)
            return no_memory(r);
        *stop = node->text;
        r->req->stop = stop;
        r->req->stop_count = stop->len > 0;
        r->req->stop_was_string = true;
        return BASE_OK;
    }
    if (!json_is(node, JSON_ARRAY))
        return fail(r, "expected a string or a list of strings, found %s", json_type_name(node));
    if (node->count > STOPS_MAX)
        return fail(r, "%u stop strings, at most %d are accepted", node->count, STOPS_MAX);
    struct slice *stops = arena_calloc(r->arena, node->count + 1u, sizeof(*stops));
    if (!stops)
        return no_memory(r);
    size_t count = 0;
    for (const struct json_node *n = json_first(node); n; n = json_next(n), count++) {
        enum base_err err = want_string(r, n, &stops[count]);
        if (err)
            return err;
        if (stops[count].len == 0)
            return fail(r, "an empty stop string would end every answer at once");
    }
    r->req->stop = stops;
    r->req->stop_count = count;
    return BASE_OK;
}

static enum base_err read_limit(struct reader *r, const struct json_node *node, bool is_legacy)
{
    if (!slice_is_absent(r->req->max_tokens.text))
        return fail(r, "give max_completion_tokens or max_tokens, not both");
    r->req->max_tokens_is_legacy = is_legacy;
    return want_integer(r, node, 1, INT32_MAX, &r->req->max_tokens);
}

static enum base_err read_max_tokens(struct reader *r, const struct json_node *node)
{
    return read_limit(r, node, true);
}

static enum base_err read_max_completion_tokens(struct reader *r, const struct json_node *node)
{
    return read_limit(r, node, false);
}

static enum base_err read_stream(struct reader *r, const struct json_node *node)
{
    return want_bool(r, node, &r->req->stream);
}

static enum base_err read_stream_options(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_OBJECT))
        return fail(r, "expected an object, found %s", json_type_name(node));
    r->req->stream_options_given = true;
    const struct json_node *usage = json_get(node, SLICE("include_usage"));
    return usage ? want_bool(r, usage, &r->req->include_usage) : BASE_OK;
}

static enum base_err read_effort(struct reader *r, const struct json_node *node)
{
    static const char *const names[CHAT_EFFORT_COUNT] = {NULL,     "none", "minimal", "low",
                                                         "medium", "high", "xhigh",   "max"};
    struct slice name = SLICE_NONE;
    enum base_err err = want_string(r, node, &name);
    if (err)
        return err;
    for (int i = CHAT_EFFORT_UNSET + 1; i < CHAT_EFFORT_COUNT; i++)
        if (slice_eq_str(name, names[i])) {
            r->req->effort = (enum chat_effort)i;
            return BASE_OK;
        }
    return fail(r, "expected none, minimal, low, medium, high, xhigh or max");
}

static enum base_err read_user_as(struct reader *r, const struct json_node *node, struct slice key)
{
    if (!slice_is_absent(r->req->user))
        return fail(r, "give safety_identifier or user, not both");
    r->req->user_key = key;
    return want_string(r, node, &r->req->user);
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
        return fail(r, "expected an object, found %s", json_type_name(node));
    r->req->metadata = node;
    return BASE_OK;
}

static enum base_err read_logit_bias(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_OBJECT))
        return fail(r, "expected an object, found %s", json_type_name(node));
    r->req->logit_bias = node;
    return BASE_OK;
}

static enum base_err read_logprobs(struct reader *r, const struct json_node *node)
{
    r->req->logprobs_given = true;
    return want_bool(r, node, &r->req->logprobs);
}

static enum base_err read_parallel(struct reader *r, const struct json_node *node)
{
    r->req->parallel_tools_given = true;
    return want_bool(r, node, &r->req->parallel_tools);
}

static enum base_err refuse_functions(struct reader *r, const struct json_node *node)
{
    (void)node;
    return fail(r, "no longer supported; use tools and tool_choice");
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

static const struct field fields[] = {
    CALL("model", read_model),
    CALL("messages", read_messages),
    CALL("tools", read_tools),
    CALL("tool_choice", read_tool_choice),
    CALL("parallel_tool_calls", read_parallel),
    CALL("response_format", read_format),
    CALL("stream", read_stream),
    CALL("stream_options", read_stream_options),
    CALL("stop", read_stop),
    CALL("max_tokens", read_max_tokens),
    CALL("max_completion_tokens", read_max_completion_tokens),
    CALL("reasoning_effort", read_effort),
    CALL("user", read_user),
    CALL("safety_identifier", read_safety_identifier),
    CALL("metadata", read_metadata),
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
    NUMBER(seed, INTEGER, -9.2e18, 9.2e18),
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
        return want_number(r, node, field->min, field->max, number);
    return want_integer(r, node, (int64_t)field->min, (int64_t)field->max, number);
}

static const struct field *field_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (slice_eq_str(name, fields[i].name))
            return &fields[i];
    return NULL;
}

static enum base_err check_whole(struct reader *r)
{
    const struct chat_request *req = r->req;
    if (slice_is_absent(req->model))
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, "model",
                                    "model: missing; name a model, or \"auto\"");
    if (req->message_count == 0)
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, "messages", "messages: missing");
    if (!slice_is_absent(req->top_logprobs.text) && !req->logprobs)
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, "top_logprobs",
                                    "top_logprobs: needs logprobs: true");
    if (req->stream_options_given && !req->stream)
        return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, "stream_options",
                                    "stream_options: only allowed with stream: true");
    return BASE_OK;
}

enum base_err api_chat_parse(const struct json_node *root, struct arena *arena,
                             const struct chat_request **ret_request, struct base_error *reterr)
{
    if (!json_is(root, JSON_OBJECT))
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "the body must be a JSON object, found %s", json_type_name(root));
    struct reader r = {.arena = arena, .reterr = reterr};
    r.req = arena_calloc(arena, 1, sizeof(*r.req));
    if (!r.req)
        return no_memory(&r);
    r.req->dialect = CHAT_DIALECT_CHAT;

    struct chat_extra *extras = NULL;
    size_t count = 0, capacity = 0;
    for (const struct json_node *m = json_first(root); m; m = json_next(m)) {
        const struct field *field = field_find(m->key);
        if (!field) {
            void *grown = extras;
            if (!arena_grow(arena, &grown, count, &capacity, sizeof(*extras)))
                return no_memory(&r);
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
    if (err)
        return err;
    *ret_request = r.req;
    return BASE_OK;
}
