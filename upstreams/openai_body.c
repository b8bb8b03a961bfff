/*
 * A request as a Chat Completions body, written through policy's builder and nothing else: each
 * policy_body_* call is either a word of ours or bytes of the client, and it knows which.
 */
#include "upstreams/internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { BODY_MAX = 128 * 1024 * 1024 };

struct writer {
    const struct chat_request *req;
    const struct upstream_kind *kind;
    struct policy_body *body;
    struct arena *arena;
    struct slice *warnings;
    size_t warning_count, warning_capacity;
    size_t extras_dropped;
    enum base_err err; /* the first refusal */
    struct base_error *reterr;
};

static const struct {
    struct slice name;
    bool refused;
} params[UPSTREAM_PARAM_COUNT] = {
#define X(name, text, refused) [UPSTREAM_PARAM_##name] = {SLICE_INIT(text), refused},
    UPSTREAM_PARAMS(X)
#undef X
};

static void warn(struct writer *w, const char *format, ...) BASE_PRINTF(2, 3);

static void warn(struct writer *w, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (size_t i = 0; i < w->warning_count; i++)
        if (slice_eq_str(w->warnings[i], text))
            return;
    void *grown = w->warnings;
    struct slice copy = arena_dup(w->arena, slice_from_str(text));
    if (!copy.ptr || !arena_grow(w->arena, &grown, w->warning_count, &w->warning_capacity,
                                 sizeof(*w->warnings))) {
        if (!w->err)
            w->err = base_error_set(w->reterr, BASE_ERR_NO_MEMORY,
                                    "the request needs more memory than one request may use");
        return;
    }
    w->warnings = grown;
    w->warnings[w->warning_count++] = copy;
}

static void refuse(struct writer *w, const char *param, const char *why)
{
    if (!w->err)
        w->err = base_error_set_param(w->reterr, BASE_ERR_UNSUPPORTED, param,
                                      "%s: %s %s, and the answer would be another one without it",
                                      param, w->kind->name, why);
}

/* True when the parameter may be written. */
static bool takes(struct writer *w, enum upstream_param param)
{
    if (!(w->kind->lacks & (1u << param)))
        return true;
    if (params[param].refused)
        refuse(w, params[param].name.ptr, "does not take it");
    else
        warn(w, "%s: left out, %s does not take it", params[param].name.ptr, w->kind->name);
    return false;
}

static struct slice key_of(const struct writer *w, enum upstream_param param)
{
    switch (param) {
    case UPSTREAM_PARAM_MAX_TOKENS:
        return w->kind->max_tokens;
    case UPSTREAM_PARAM_REPETITION_PENALTY:
        return w->kind->repetition_penalty;
    case UPSTREAM_PARAM_SEED:
        return w->kind->seed;
    default:
        return params[param].name;
    }
}

/* Unknown fields stay where they were, as they came; those of another dialect mean nothing here. */
static void write_extras(struct writer *w, const struct chat_extras *extras)
{
    if (w->req->dialect != CHAT_DIALECT_CHAT) {
        w->extras_dropped += extras->count;
        return;
    }
    for (size_t i = 0; i < extras->count; i++) {
        policy_body_key_bytes(w->body, extras->items[i].key);
        policy_body_node(w->body, extras->items[i].value);
    }
}

/* ---- parts ---- */

static void write_data_url(struct writer *w, const struct chat_part *part)
{
    policy_body_open_string(w->body);
    policy_body_text_literal(w->body, "data:");
    policy_body_text(w->body, part->u.media.media_type);
    policy_body_text_literal(w->body, ";base64,");
    policy_body_text(w->body, part->u.media.data);
    policy_body_close_string(w->body);
}

static void write_image(struct writer *w, const struct chat_part *part)
{
    bool is_inline = !slice_is_absent(part->u.media.data);
    if (!is_inline && slice_is_absent(part->u.media.url))
        refuse(w, "image_url", "takes no images by file id");
    if (!is_inline && !w->kind->media_urls)
        refuse(w, "image_url", "takes no images by URL");
    policy_body_literal(w->body, "image_url");
    policy_body_key(w->body, "image_url");
    policy_body_open_object(w->body);
    policy_body_key(w->body, "url");
    if (is_inline)
        write_data_url(w, part);
    else
        policy_body_string(w->body, part->u.media.url);
    if (!slice_is_absent(part->u.media.detail)) {
        policy_body_key(w->body, "detail");
        policy_body_string(w->body, part->u.media.detail);
    }
    write_extras(w, &part->inner);
    policy_body_close_object(w->body);
}

static void write_audio(struct writer *w, const struct chat_part *part)
{
    struct slice format = part->u.media.media_type;
    if (slice_starts_with(format, SLICE("audio/")))
        format = slice_sub(format, 6, SIZE_MAX);
    policy_body_literal(w->body, "input_audio");
    policy_body_key(w->body, "input_audio");
    policy_body_open_object(w->body);
    policy_body_key(w->body, "data");
    policy_body_string(w->body, part->u.media.data);
    policy_body_key(w->body, "format");
    policy_body_string(w->body, format);
    write_extras(w, &part->inner);
    policy_body_close_object(w->body);
}

static void write_document(struct writer *w, const struct chat_part *part)
{
    policy_body_literal(w->body, "file");
    policy_body_key(w->body, "file");
    policy_body_open_object(w->body);
    if (!slice_is_absent(part->u.media.file_id)) {
        policy_body_key(w->body, "file_id");
        policy_body_string(w->body, part->u.media.file_id);
    }
    if (!slice_is_absent(part->u.media.data)) {
        policy_body_key(w->body, "file_data");
        write_data_url(w, part);
    } else if (!slice_is_absent(part->u.media.url)) {
        if (w->req->dialect != CHAT_DIALECT_CHAT)
            refuse(w, "file", "takes no documents by URL");
        policy_body_key(w->body, "file_data");
        policy_body_string(w->body, part->u.media.url);
    }
    if (!slice_is_absent(part->u.media.name)) {
        policy_body_key(w->body, "filename");
        policy_body_string(w->body, part->u.media.name);
    }
    write_extras(w, &part->inner);
    policy_body_close_object(w->body);
}

/* A member of a content list. */
static void write_part(struct writer *w, const struct chat_part *part)
{
    if (part->type == CHAT_PART_OTHER) {
        if (w->req->dialect != CHAT_DIALECT_CHAT)
            refuse(w, "content", "does not know this type of content");
        policy_body_node(w->body, part->raw);
        return;
    }
    if (part->cache != CHAT_CACHE_NONE)
        warn(w, "cache_control: left out, %s does not take it", w->kind->name);
    policy_body_open_object(w->body);
    policy_body_key(w->body, "type");
    switch (part->type) {
    case CHAT_PART_IMAGE:
        write_image(w, part);
        break;
    case CHAT_PART_AUDIO:
        write_audio(w, part);
        break;
    case CHAT_PART_DOCUMENT:
        write_document(w, part);
        break;
    case CHAT_PART_REFUSAL:
        policy_body_literal(w->body, "refusal");
        policy_body_key(w->body, "refusal");
        policy_body_string(w->body, part->text);
        break;
    default:
        policy_body_literal(w->body, "text");
        policy_body_key(w->body, "text");
        policy_body_string(w->body, part->text);
        break;
    }
    write_extras(w, &part->extras);
    policy_body_close_object(w->body);
}

/* ---- messages ---- */

/* The parser keeps a custom tool call, whose shape it does not know, among the parts. */
static bool is_other_call(const struct chat_part *part)
{
    return part->type == CHAT_PART_OTHER && json_is(json_get(part->raw, SLICE("id")), JSON_STRING);
}

static bool is_call(const struct chat_part *part)
{
    return part->type == CHAT_PART_TOOL_CALL || is_other_call(part);
}

static bool in_content(const struct chat_message *msg, const struct chat_part *part)
{
    if (msg->role != CHAT_ROLE_ASSISTANT)
        return true;
    if (is_call(part) || part->type == CHAT_PART_REASONING)
        return false;
    return part->type != CHAT_PART_REFUSAL || !(msg->content_was_string || msg->content_was_null);
}

/* Providers refuse a message without content, unless something else of it is written. */
static bool says_more(const struct writer *w, const struct chat_message *msg)
{
    for (size_t i = 0; i < msg->part_count; i++) {
        const struct chat_part *part = &msg->parts[i];
        if (is_call(part) || part->type == CHAT_PART_REFUSAL ||
            (part->type == CHAT_PART_REASONING && w->kind->reasoning_back &&
             !slice_is_absent(part->text)))
            return true;
    }
    return false;
}

static void write_content(struct writer *w, const struct chat_message *msg)
{
    policy_body_key(w->body, "content");
    if (msg->content_was_string && msg->part_count > 0 && msg->parts[0].type == CHAT_PART_TEXT) {
        policy_body_string(w->body, msg->parts[0].text);
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < msg->part_count; i++)
        count += in_content(msg, &msg->parts[i]);
    if (count == 0 || msg->content_was_null) {
        if (says_more(w, msg))
            policy_body_null(w->body);
        else
            policy_body_literal(w->body, "");
        return;
    }
    policy_body_open_array(w->body);
    for (size_t i = 0; i < msg->part_count; i++)
        if (in_content(msg, &msg->parts[i]))
            write_part(w, &msg->parts[i]);
    policy_body_close_array(w->body);
}

static void write_arguments(struct writer *w, struct slice arguments)
{
    if (slice_eq(arguments, SLICE("{}"))) /* may be the parser's own word for nothing */
        policy_body_literal(w->body, "{}");
    else
        policy_body_string(w->body, arguments);
}

static void write_call(struct writer *w, const struct chat_part *part)
{
    if (part->type == CHAT_PART_OTHER) {
        policy_body_node(w->body, part->raw);
        return;
    }
    policy_body_open_object(w->body);
    policy_body_key(w->body, "id");
    policy_body_string(w->body, part->u.call.id);
    policy_body_key(w->body, "type");
    policy_body_literal(w->body, "function");
    policy_body_key(w->body, "function");
    policy_body_open_object(w->body);
    policy_body_key(w->body, "name");
    policy_body_string(w->body, part->u.call.name);
    policy_body_key(w->body, "arguments");
    write_arguments(w, part->u.call.arguments);
    write_extras(w, &part->inner);
    policy_body_close_object(w->body);
    write_extras(w, &part->extras);
    policy_body_close_object(w->body);
}

/* What stands beside the content of an assistant message. */
static void write_assistant_rest(struct writer *w, const struct chat_message *msg)
{
    size_t calls = 0;
    for (size_t i = 0; i < msg->part_count; i++) {
        const struct chat_part *part = &msg->parts[i];
        calls += is_call(part);
        if (part->type == CHAT_PART_REFUSAL && !in_content(msg, part)) {
            policy_body_key(w->body, "refusal");
            policy_body_string(w->body, part->text);
        } else if (part->type == CHAT_PART_REASONING && !w->kind->reasoning_back) {
            warn(w, "reasoning_content: left out, %s does not take it", w->kind->name);
        } else if (part->type == CHAT_PART_REASONING && !slice_is_absent(part->text)) {
            policy_body_key(w->body, "reasoning_content");
            policy_body_string(w->body, part->text);
        }
    }
    if (calls == 0)
        return;
    policy_body_key(w->body, "tool_calls");
    policy_body_open_array(w->body);
    for (size_t i = 0; i < msg->part_count; i++)
        if (is_call(&msg->parts[i]))
            write_call(w, &msg->parts[i]);
    policy_body_close_array(w->body);
}

static void write_tool_result(struct writer *w, const struct chat_message *msg,
                              const struct chat_part *part)
{
    policy_body_open_object(w->body);
    policy_body_key(w->body, "role");
    policy_body_literal(w->body, "tool");
    policy_body_key(w->body, "tool_call_id");
    policy_body_string(w->body, part->u.result.call_id);
    if (!slice_is_absent(msg->name)) {
        policy_body_key(w->body, "name");
        policy_body_string(w->body, msg->name);
    }
    policy_body_key(w->body, "content");
    if (!slice_is_absent(part->text)) {
        policy_body_string(w->body, part->text);
    } else {
        policy_body_open_array(w->body);
        for (size_t i = 0; i < part->u.result.part_count; i++)
            write_part(w, &part->u.result.parts[i]);
        policy_body_close_array(w->body);
    }
    if (part->u.result.is_error)
        warn(w, "is_error: left out, %s does not take it", w->kind->name);
    write_extras(w, &part->extras);
    write_extras(w, &msg->extras);
    policy_body_close_object(w->body);
}

static void write_role(struct writer *w, enum chat_role role)
{
    policy_body_key(w->body, "role");
    switch (role) {
    case CHAT_ROLE_DEVELOPER:
        if (w->kind->developer_role) {
            policy_body_literal(w->body, "developer");
            break;
        }
        warn(w, "messages: role developer sent as system, %s does not know it", w->kind->name);
        policy_body_literal(w->body, "system");
        break;
    case CHAT_ROLE_SYSTEM:
        policy_body_literal(w->body, "system");
        break;
    case CHAT_ROLE_ASSISTANT:
        policy_body_literal(w->body, "assistant");
        break;
    default:
        policy_body_literal(w->body, "user");
        break;
    }
}

static void write_message(struct writer *w, const struct chat_message *msg)
{
    if (msg->role == CHAT_ROLE_TOOL) {
        for (size_t i = 0; i < msg->part_count; i++)
            write_tool_result(w, msg, &msg->parts[i]);
        return;
    }
    policy_body_open_object(w->body);
    write_role(w, msg->role);
    if (!slice_is_absent(msg->name)) {
        policy_body_key(w->body, "name");
        policy_body_string(w->body, msg->name);
    }
    write_content(w, msg);
    if (msg->role == CHAT_ROLE_ASSISTANT)
        write_assistant_rest(w, msg);
    write_extras(w, &msg->extras);
    policy_body_close_object(w->body);
}

/* ---- tools ---- */

static void write_tool(struct writer *w, const struct chat_tool *tool)
{
    if (tool->raw) {
        if (w->req->dialect != CHAT_DIALECT_CHAT)
            refuse(w, "tools", "does not know another provider's own tools");
        policy_body_node(w->body, tool->raw);
        return;
    }
    policy_body_open_object(w->body);
    policy_body_key(w->body, "type");
    policy_body_literal(w->body, "function");
    policy_body_key(w->body, "function");
    policy_body_open_object(w->body);
    policy_body_key(w->body, "name");
    policy_body_string(w->body, tool->name);
    if (!slice_is_absent(tool->description)) {
        policy_body_key(w->body, "description");
        policy_body_string(w->body, tool->description);
    }
    if (tool->parameters) {
        policy_body_key(w->body, "parameters");
        policy_body_node(w->body, tool->parameters);
    }
    if (tool->strict_given) {
        policy_body_key(w->body, "strict");
        policy_body_bool(w->body, tool->strict);
    }
    policy_body_close_object(w->body);
    write_extras(w, &tool->extras);
    policy_body_close_object(w->body);
}

static void write_tool_choice(struct writer *w)
{
    const struct chat_request *req = w->req;
    bool is_default = req->tool_choice == CHAT_TOOL_CHOICE_AUTO;
    if (req->tool_choice == CHAT_TOOL_CHOICE_UNSET ||
        (is_default && (w->kind->lacks & (1u << UPSTREAM_PARAM_TOOL_CHOICE))) ||
        !takes(w, UPSTREAM_PARAM_TOOL_CHOICE))
        return;
    policy_body_key(w->body, "tool_choice");
    switch (req->tool_choice) {
    case CHAT_TOOL_CHOICE_AUTO:
        policy_body_literal(w->body, "auto");
        break;
    case CHAT_TOOL_CHOICE_NONE:
        policy_body_literal(w->body, "none");
        break;
    case CHAT_TOOL_CHOICE_REQUIRED:
        policy_body_string_own(w->body, w->kind->tool_required);
        break;
    case CHAT_TOOL_CHOICE_NAMED:
        policy_body_open_object(w->body);
        policy_body_key(w->body, "type");
        policy_body_literal(w->body, "function");
        policy_body_key(w->body, "function");
        policy_body_open_object(w->body);
        policy_body_key(w->body, "name");
        policy_body_string(w->body, req->tool_choice_name);
        policy_body_close_object(w->body);
        policy_body_close_object(w->body);
        break;
    default:
        if (req->dialect != CHAT_DIALECT_CHAT)
            refuse(w, "tool_choice", "does not know this form");
        policy_body_node(w->body, req->tool_choice_raw);
        break;
    }
}

static void write_tools(struct writer *w)
{
    const struct chat_request *req = w->req;
    if (req->tool_count > 0 && takes(w, UPSTREAM_PARAM_TOOLS)) {
        policy_body_key(w->body, "tools");
        policy_body_open_array(w->body);
        for (size_t i = 0; i < req->tool_count; i++)
            write_tool(w, &req->tools[i]);
        policy_body_close_array(w->body);
    }
    write_tool_choice(w);
    if (req->parallel_tools_given && takes(w, UPSTREAM_PARAM_PARALLEL_TOOLS)) {
        policy_body_key(w->body, "parallel_tool_calls");
        policy_body_bool(w->body, req->parallel_tools);
    }
}

/* ---- the rest of the top level ---- */

static void write_numbers(struct writer *w)
{
    static const struct {
        enum upstream_param param;
        size_t offset;
    } numbers[] = {
        {UPSTREAM_PARAM_TEMPERATURE, offsetof(struct chat_request, temperature)},
        {UPSTREAM_PARAM_TOP_P, offsetof(struct chat_request, top_p)},
        {UPSTREAM_PARAM_TOP_K, offsetof(struct chat_request, top_k)},
        {UPSTREAM_PARAM_MIN_P, offsetof(struct chat_request, min_p)},
        {UPSTREAM_PARAM_FREQUENCY_PENALTY, offsetof(struct chat_request, frequency_penalty)},
        {UPSTREAM_PARAM_PRESENCE_PENALTY, offsetof(struct chat_request, presence_penalty)},
        {UPSTREAM_PARAM_REPETITION_PENALTY, offsetof(struct chat_request, repetition_penalty)},
        {UPSTREAM_PARAM_SEED, offsetof(struct chat_request, seed)},
        {UPSTREAM_PARAM_MAX_TOKENS, offsetof(struct chat_request, max_tokens)},
        {UPSTREAM_PARAM_N, offsetof(struct chat_request, n)},
        {UPSTREAM_PARAM_THINKING_BUDGET, offsetof(struct chat_request, thinking_budget)},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        enum upstream_param param = numbers[i].param;
        const struct chat_number *number = (const void *)((const char *)w->req + numbers[i].offset);
        bool is_default = param == UPSTREAM_PARAM_N && number->value > 0 && number->value < 2;
        bool lacks = w->kind->lacks & (1u << param);
        if (slice_is_absent(number->text) || (is_default && lacks) || !takes(w, param))
            continue;
        policy_body_key_own(w->body, key_of(w, param));
        policy_body_number(w->body, number->text);
    }
}

static void write_stop(struct writer *w)
{
    const struct chat_request *req = w->req;
    if (req->stop_count == 0 || !takes(w, UPSTREAM_PARAM_STOP))
        return;
    policy_body_key(w->body, "stop");
    if (req->stop_was_string) {
        policy_body_string(w->body, req->stop[0]);
        return;
    }
    policy_body_open_array(w->body);
    for (size_t i = 0; i < req->stop_count; i++)
        policy_body_string(w->body, req->stop[i]);
    policy_body_close_array(w->body);
}

static void write_logprobs(struct writer *w)
{
    const struct chat_request *req = w->req;
    if (req->logit_bias && takes(w, UPSTREAM_PARAM_LOGIT_BIAS)) {
        policy_body_key(w->body, "logit_bias");
        policy_body_node(w->body, req->logit_bias);
    }
    if (!req->logprobs || !takes(w, UPSTREAM_PARAM_LOGPROBS))
        return;
    policy_body_key(w->body, "logprobs");
    policy_body_bool(w->body, true);
    if (!slice_is_absent(req->top_logprobs.text)) {
        policy_body_key(w->body, "top_logprobs");
        policy_body_number(w->body, req->top_logprobs.text);
    }
}

static void write_format(struct writer *w)
{
    const struct chat_request *req = w->req;
    bool is_default = req->format == CHAT_FORMAT_UNSET || req->format == CHAT_FORMAT_TEXT;
    if (is_default || !takes(w, UPSTREAM_PARAM_RESPONSE_FORMAT))
        return;
    policy_body_key(w->body, "response_format");
    if (req->dialect == CHAT_DIALECT_CHAT && req->format_raw) {
        policy_body_node(w->body, req->format_raw);
        return;
    }
    policy_body_open_object(w->body);
    policy_body_key(w->body, "type");
    if (req->format == CHAT_FORMAT_JSON_OBJECT) {
        policy_body_literal(w->body, "json_object");
    } else {
        policy_body_literal(w->body, "json_schema");
        policy_body_key(w->body, "json_schema");
        policy_body_open_object(w->body);
        policy_body_key(w->body, "name");
        policy_body_literal(w->body, "answer");
        policy_body_key(w->body, "schema");
        policy_body_node(w->body, req->schema);
        policy_body_close_object(w->body);
    }
    policy_body_close_object(w->body);
}

static void write_hints(struct writer *w)
{
    static const struct slice efforts[CHAT_EFFORT_COUNT] = {
        [CHAT_EFFORT_NONE] = SLICE_INIT("none"), [CHAT_EFFORT_MINIMAL] = SLICE_INIT("minimal"),
        [CHAT_EFFORT_LOW] = SLICE_INIT("low"),   [CHAT_EFFORT_MEDIUM] = SLICE_INIT("medium"),
        [CHAT_EFFORT_HIGH] = SLICE_INIT("high"), [CHAT_EFFORT_XHIGH] = SLICE_INIT("xhigh"),
        [CHAT_EFFORT_MAX] = SLICE_INIT("max"),
    };
    const struct chat_request *req = w->req;
    if (req->effort != CHAT_EFFORT_UNSET && takes(w, UPSTREAM_PARAM_EFFORT)) {
        policy_body_key(w->body, "reasoning_effort");
        policy_body_string_own(w->body, efforts[req->effort]);
    }
    if (!slice_is_absent(req->user) && takes(w, UPSTREAM_PARAM_USER)) {
        if (slice_eq_str(req->user_key, "safety_identifier"))
            policy_body_key(w->body, "safety_identifier");
        else
            policy_body_key(w->body, "user");
        policy_body_string(w->body, req->user);
    }
    if (req->metadata && takes(w, UPSTREAM_PARAM_METADATA)) {
        policy_body_key(w->body, "metadata");
        policy_body_node(w->body, req->metadata);
    }
}

static bool has_extra(const struct writer *w, struct slice key)
{
    bool found = false;
    for (size_t i = 0; i < w->req->extras.count; i++)
        found = found || slice_eq(w->req->extras.items[i].key, key);
    return found && w->req->dialect == CHAT_DIALECT_CHAT;
}

static void write_stream(struct writer *w)
{
    policy_body_key(w->body, "stream");
    policy_body_bool(w->body, w->req->stream);
    if (w->req->stream && w->kind->stream_options) {
        policy_body_key(w->body, "stream_options");
        policy_body_open_object(w->body);
        policy_body_key(w->body, "include_usage");
        policy_body_bool(w->body, true);
        write_extras(w, &w->req->stream_extras);
        policy_body_close_object(w->body);
    } else if (w->req->stream_extras.count > 0) {
        warn(w, "stream_options: left out, %s does not take it", w->kind->name);
    }
    if (w->kind->cost && !has_extra(w, SLICE("usage"))) {
        policy_body_key(w->body, "usage");
        policy_body_open_object(w->body);
        policy_body_key(w->body, "include");
        policy_body_bool(w->body, true);
        policy_body_close_object(w->body);
    }
}

/* Unknown fields that would come back in a part of the answer which events cannot carry. */
static void judge_extras(struct writer *w)
{
    const struct chat_extras *extras = &w->req->extras;
    for (size_t i = 0; i < extras->count; i++) {
        if (slice_eq_str(extras->items[i].key, "audio"))
            refuse(w, "audio", "would answer in sound, which Hearth does not pass on");
        if (slice_eq_str(extras->items[i].key, "web_search_options"))
            warn(w, "web_search_options: citations in the answer are not passed on");
    }
}

static void write_all(struct writer *w, struct slice model)
{
    policy_body_open_object(w->body);
    policy_body_key(w->body, "model");
    policy_body_own_string(w->body, model);
    policy_body_key(w->body, "messages");
    policy_body_open_array(w->body);
    for (size_t i = 0; i < w->req->message_count && !w->err; i++)
        write_message(w, &w->req->messages[i]);
    policy_body_close_array(w->body);
    write_tools(w);
    write_numbers(w);
    write_stop(w);
    write_logprobs(w);
    write_format(w);
    write_hints(w);
    write_stream(w);
    judge_extras(w);
    write_extras(w, &w->req->extras);
    policy_body_close_object(w->body);
    if (w->extras_dropped > 0)
        warn(w, "%zu unknown fields of another API: left out", w->extras_dropped);
}

enum base_err upstream_write_body(const struct target *target, const struct chat_request *request,
                                  const struct policy_inspection *inspection, struct arena *arena,
                                  struct policy_body **ret_body,
                                  struct upstream_warnings *ret_warnings, struct base_error *reterr)
{
    const struct upstream_target *t = (const struct upstream_target *)target;
    struct writer w = {.req = request, .kind = t->upstream->kind, .arena = arena, .reterr = reterr};
    if (request->dialect == CHAT_DIALECT_COMPLETIONS) /* would get the answer to another question */
        return base_error_set_param(reterr, BASE_ERR_UNSUPPORTED, "prompt",
                                    "prompt: %.*s does not continue plain texts",
                                    SLICE_ARG(target->name));
    enum base_err err = policy_body_new(inspection, BODY_MAX, &w.body);
    if (err)
        return base_error_set(reterr, err, "%.*s: no memory for the request's body",
                              SLICE_ARG(target->name));
    write_all(&w, t->upstream->models[t->model].model.upstream_name);
    err = w.err ? w.err : policy_body_finish(w.body, reterr);
    if (err) {
        policy_body_free(w.body);
        return err;
    }
    *ret_body = w.body;
    *ret_warnings = (struct upstream_warnings){w.warnings, w.warning_count};
    return BASE_OK;
}
