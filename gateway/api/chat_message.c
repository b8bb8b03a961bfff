/* Messages and their parts. */
#include "gateway/api/reader.h"

enum { MESSAGES_MAX = 16384, PARTS_MAX = 4096 };

/* ---- parts ---- */

static enum base_err read_text_part(struct reader *r, const struct json_node *node,
                                    struct chat_part *part)
{
    static const char *const known[] = {"type", "text", NULL};
    part->type = CHAT_PART_TEXT;
    size_t at = reader_push(r, ".text");
    enum base_err err = reader_string(r, json_get(node, SLICE("text")), &part->text);
    reader_pop(r, at);
    return err ? err : reader_extras(r, node, known, &part->extras);
}

static enum base_err read_refusal_part(struct reader *r, const struct json_node *node,
                                       struct chat_part *part)
{
    static const char *const known[] = {"type", "refusal", NULL};
    part->type = CHAT_PART_REFUSAL;
    size_t at = reader_push(r, ".refusal");
    enum base_err err = reader_string(r, json_get(node, SLICE("refusal")), &part->text);
    reader_pop(r, at);
    return err ? err : reader_extras(r, node, known, &part->extras);
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
    static const char *const known_image[] = {"url", "detail", NULL};
    part->type = CHAT_PART_IMAGE;
    size_t at = reader_push(r, ".image_url"), inner = reader_push(r, ".url");
    const struct json_node *image = json_get(node, SLICE("image_url"));
    struct slice url = SLICE_NONE;
    enum base_err err = reader_string(r, json_get(image, SLICE("url")), &url);
    reader_pop(r, inner);
    if (!err)
        err = reader_optional(r, image, "detail", &part->u.media.detail);
    if (!err)
        err = reader_extras(r, image, known_image, &part->inner);
    reader_pop(r, at);
    if (err)
        return err;
    set_url(part, url);
    return reader_extras(r, node, known, &part->extras);
}

static enum base_err read_audio_part(struct reader *r, const struct json_node *node,
                                     struct chat_part *part)
{
    static const char *const known[] = {"type", "input_audio", NULL};
    static const char *const known_audio[] = {"data", "format", NULL};
    part->type = CHAT_PART_AUDIO;
    size_t at = reader_push(r, ".input_audio");
    const struct json_node *audio = json_get(node, SLICE("input_audio"));
    enum base_err err = reader_string(r, json_get(audio, SLICE("data")), &part->u.media.data);
    if (!err)
        err = reader_string(r, json_get(audio, SLICE("format")), &part->u.media.media_type);
    if (!err)
        err = reader_extras(r, audio, known_audio, &part->inner);
    reader_pop(r, at);
    return err ? err : reader_extras(r, node, known, &part->extras);
}

static enum base_err read_file_part(struct reader *r, const struct json_node *node,
                                    struct chat_part *part)
{
    static const char *const known[] = {"type", "file", NULL};
    static const char *const known_file[] = {"file_id", "filename", "file_data", NULL};
    part->type = CHAT_PART_DOCUMENT;
    const struct json_node *file = json_get(node, SLICE("file"));
    struct slice data = SLICE_NONE;
    size_t at = reader_push(r, ".file");
    enum base_err err = reader_optional(r, file, "file_id", &part->u.media.file_id);
    if (!err)
        err = reader_optional(r, file, "filename", &part->u.media.name);
    if (!err)
        err = reader_optional(r, file, "file_data", &data);
    if (!err)
        err = reader_extras(r, file, known_file, &part->inner);
    reader_pop(r, at);
    if (err)
        return err;
    if (!slice_is_absent(data))
        set_url(part, data);
    if (slice_is_absent(part->u.media.file_id) && slice_is_absent(data))
        return reader_fail(r, "a file needs `file_id` or `file_data`");
    return reader_extras(r, node, known, &part->extras);
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
        return reader_fail(r, "expected an object, found %s", json_type_name(node));
    struct slice type = SLICE_NONE;
    size_t at = reader_push(r, ".type");
    enum base_err err = reader_string(r, json_get(node, SLICE("type")), &type);
    reader_pop(r, at);
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
        return reader_fail(r, "%zu parts, at most %d are accepted", count, PARTS_MAX);
    struct chat_part *parts = arena_calloc(r->arena, count + spare + 1, sizeof(*parts));
    if (!parts)
        return reader_no_memory(r);
    if (json_is(content, JSON_STRING)) {
        parts[0].text = content->text;
        msg->content_was_string = true;
    } else if (is_list) {
        size_t i = 0;
        for (const struct json_node *n = json_first(content); n; n = json_next(n), i++) {
            size_t at = reader_push(r, "[%zu]", i);
            enum base_err err = read_part(r, n, &parts[i]);
            reader_pop(r, at);
            if (err)
                return err;
        }
    } else if (!content || json_is(content, JSON_NULL)) {
        msg->content_was_null = true;
    } else {
        return reader_fail(r, "expected a string or a list of parts, found %s",
                           json_type_name(content));
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
    static const char *const known_function[] = {"name", "arguments", NULL};
    const struct json_node *function = json_get(node, SLICE("function"));
    struct slice id;
    if (!json_is(node, JSON_OBJECT))
        return reader_fail(r, "expected an object, found %s", json_type_name(node));
    size_t at = reader_push(r, ".id");
    enum base_err err = reader_string(r, json_get(node, SLICE("id")), &id);
    if (err)
        return err;
    reader_pop(r, at);
    if (!json_is(function, JSON_OBJECT)) { /* custom tools and whatever comes next */
        part->type = CHAT_PART_OTHER;
        part->raw = node;
        return BASE_OK;
    }
    part->type = CHAT_PART_TOOL_CALL;
    part->u.call.id = id;
    err = reader_string(r, json_get(function, SLICE("name")), &part->u.call.name);
    if (!err)
        err = reader_string(r, json_get(function, SLICE("arguments")), &part->u.call.arguments);
    at = reader_push(r, ".function");
    if (!err)
        err = reader_extras(r, function, known_function, &part->inner);
    reader_pop(r, at);
    if (err)
        return err;
    if (part->u.call.arguments.len == 0)
        part->u.call.arguments = SLICE("{}");
    return reader_extras(r, node, known, &part->extras);
}

static enum base_err read_assistant(struct reader *r, const struct json_node *node,
                                    struct chat_message *msg)
{
    const struct json_node *calls = json_get(node, SLICE("tool_calls"));
    struct slice refusal = SLICE_NONE, reasoning = SLICE_NONE;
    if (json_is(calls, JSON_NULL))
        calls = NULL;
    if (calls && !json_is(calls, JSON_ARRAY))
        return reader_fail(r, "tool_calls: expected a list, found %s", json_type_name(calls));
    size_t call_count = calls ? calls->count : 0;
    if (call_count > PARTS_MAX)
        return reader_fail(r, "%zu tool calls, at most %d are accepted", call_count, PARTS_MAX);

    struct chat_part *parts;
    size_t at = reader_push(r, ".content");
    enum base_err err =
        read_content(r, json_get(node, SLICE("content")), call_count + 2, msg, &parts);
    reader_pop(r, at);
    if (!err)
        err = reader_optional(r, node, "reasoning_content", &reasoning);
    if (!err)
        err = reader_optional(r, node, "refusal", &refusal);
    if (err)
        return err;
    if (!slice_is_absent(reasoning))
        parts[msg->part_count++] =
            (struct chat_part){.type = CHAT_PART_REASONING, .text = reasoning};
    if (!slice_is_absent(refusal))
        parts[msg->part_count++] = (struct chat_part){.type = CHAT_PART_REFUSAL, .text = refusal};
    size_t i = 0;
    for (const struct json_node *call = json_first(calls); call; call = json_next(call), i++) {
        at = reader_push(r, ".tool_calls[%zu]", i);
        err = read_tool_call(r, call, &parts[msg->part_count++]);
        reader_pop(r, at);
        if (err)
            return err;
    }
    if (msg->part_count == 0)
        return reader_fail(r, "an assistant message needs content, a refusal or tool calls");
    return BASE_OK;
}

static enum base_err read_tool_result(struct reader *r, const struct json_node *node,
                                      struct chat_message *msg)
{
    struct chat_message inner = {0};
    struct chat_part *parts;
    struct chat_part *result = arena_calloc(r->arena, 1, sizeof(*result));
    if (!result)
        return reader_no_memory(r);
    result->type = CHAT_PART_TOOL_RESULT;
    size_t at = reader_push(r, ".tool_call_id");
    enum base_err err =
        reader_string(r, json_get(node, SLICE("tool_call_id")), &result->u.result.call_id);
    reader_pop(r, at);
    if (err)
        return err;
    at = reader_push(r, ".content");
    err = read_content(r, json_get(node, SLICE("content")), 0, &inner, &parts);
    if (!err && inner.content_was_null)
        err = reader_fail(r, "expected a string or a list of parts, found nothing");
    reader_pop(r, at);
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
    size_t at = reader_push(r, ".content");
    enum base_err err = read_content(r, json_get(node, SLICE("content")), 0, msg, &parts);
    if (!err && msg->part_count == 0)
        err = reader_fail(r, "expected a string or a list of parts, found nothing");
    reader_pop(r, at);
    return err;
}

static enum base_err read_message(struct reader *r, const struct json_node *node,
                                  struct chat_message *msg)
{
    static const char *const plain[] = {"role", "content", "name", NULL};
    static const char *const assistant[] = {"role",    "content",           "name", "tool_calls",
                                            "refusal", "reasoning_content", NULL};
    static const char *const tool[] = {"role", "content", "name", "tool_call_id", NULL};
    static const struct {
        const char *name;
        enum chat_role role;
        enum base_err (*read)(struct reader *r, const struct json_node *node,
                              struct chat_message *msg);
        const char *const *known; /* what of others' is kept as it came */
    } roles[] = {
        {"system", CHAT_ROLE_SYSTEM, read_plain, plain},
        {"developer", CHAT_ROLE_DEVELOPER, read_plain, plain},
        {"user", CHAT_ROLE_USER, read_plain, plain},
        {"assistant", CHAT_ROLE_ASSISTANT, read_assistant, assistant},
        {"tool", CHAT_ROLE_TOOL, read_tool_result, tool},
    };
    if (!json_is(node, JSON_OBJECT))
        return reader_fail(r, "expected an object, found %s", json_type_name(node));
    struct slice role = SLICE_NONE;
    size_t at = reader_push(r, ".role");
    enum base_err err = reader_string(r, json_get(node, SLICE("role")), &role);
    size_t i = 0;
    while (!err && i < sizeof(roles) / sizeof(roles[0]) && !slice_eq_str(role, roles[i].name))
        i++;
    if (!err && i == sizeof(roles) / sizeof(roles[0]))
        err = reader_fail(r, "unknown role; known are system, developer, user, assistant and tool");
    reader_pop(r, at);
    if (err)
        return err;
    msg->role = roles[i].role;
    err = reader_optional(r, node, "name", &msg->name);
    if (!err)
        err = roles[i].read(r, node, msg);
    return err ? err : reader_extras(r, node, roles[i].known, &msg->extras);
}

enum base_err reader_messages(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_ARRAY))
        return reader_fail(r, "expected a list of messages, found %s", json_type_name(node));
    if (node->count == 0)
        return reader_fail(r, "the list is empty; at least one message is needed");
    if (node->count > MESSAGES_MAX)
        return reader_fail(r, "%u messages, at most %d are accepted", node->count, MESSAGES_MAX);
    struct chat_message *messages = arena_calloc(r->arena, node->count, sizeof(*messages));
    if (!messages)
        return reader_no_memory(r);
    size_t i = 0;
    for (const struct json_node *n = json_first(node); n; n = json_next(n), i++) {
        size_t at = reader_push(r, "[%zu]", i);
        enum base_err err = read_message(r, n, &messages[i]);
        reader_pop(r, at);
        if (err)
            return err;
    }
    r->req->messages = messages;
    r->req->message_count = node->count;
    return BASE_OK;
}
