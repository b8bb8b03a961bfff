#include "base/chat/chat.h"

struct visit {
    chat_visit_fn on_bytes;
    void *user;
    struct chat_place place; /* of what is being visited */
};

static bool visit_bytes(struct visit *v, const char *field, struct slice bytes)
{
    if (bytes.len == 0)
        return true;
    v->place.field = field;
    return v->on_bytes(v->user, bytes, &v->place);
}

static bool visit_number(struct visit *v, const char *field, struct chat_number number)
{
    return visit_bytes(v, field, number.text);
}

/* Bytes that nobody can read as text. */
static bool visit_opaque(struct visit *v, const char *field, struct slice bytes)
{
    bool before = v->place.is_opaque;
    v->place.is_opaque = true;
    bool go_on = visit_bytes(v, field, bytes);
    v->place.is_opaque = before;
    return go_on;
}

/* Recursion is bounded by the depth limit of json_parse(). */
static bool visit_node(struct visit *v, const char *field, const struct json_node *node)
{
    if (!node)
        return true;
    if (node->type == JSON_STRING || node->type == JSON_NUMBER)
        return visit_bytes(v, field, node->text);
    for (const struct json_node *m = json_first(node); m; m = json_next(m)) {
        if (node->type == JSON_OBJECT && !visit_bytes(v, "key", m->key))
            return false;
        if (!visit_node(v, field, m))
            return false;
    }
    return true;
}

static bool visit_extras(struct visit *v, const struct chat_extras *extras)
{
    for (size_t i = 0; i < extras->count; i++)
        if (!visit_bytes(v, "key", extras->items[i].key) ||
            !visit_node(v, "extra", extras->items[i].value))
            return false;
    return true;
}

static bool visit_media(struct visit *v, const struct chat_part *part)
{
    return visit_bytes(v, "media_type", part->u.media.media_type) &&
           visit_opaque(v, "data", part->u.media.data) &&
           visit_opaque(v, "url", part->u.media.url) &&
           visit_opaque(v, "file_id", part->u.media.file_id) &&
           visit_bytes(v, "name", part->u.media.name) &&
           visit_bytes(v, "detail", part->u.media.detail);
}

static bool visit_part(struct visit *v, const struct chat_part *part);

/* Parts inside parts come from JSON inside JSON, and are bounded with it. */
static bool visit_result(struct visit *v, const struct chat_part *part)
{
    if (!visit_bytes(v, "tool_call_id", part->u.result.call_id))
        return false;
    for (size_t i = 0; i < part->u.result.part_count; i++)
        if (!visit_part(v, &part->u.result.parts[i]))
            return false;
    return true;
}

static bool visit_typed(struct visit *v, const struct chat_part *part)
{
    switch (part->type) {
    case CHAT_PART_IMAGE:
    case CHAT_PART_AUDIO:
    case CHAT_PART_DOCUMENT:
        return visit_media(v, part);
    case CHAT_PART_TOOL_CALL:
        return visit_bytes(v, "tool_calls.id", part->u.call.id) &&
               visit_bytes(v, "tool_calls.name", part->u.call.name) &&
               visit_bytes(v, "tool_calls.arguments", part->u.call.arguments);
    case CHAT_PART_TOOL_RESULT:
        return visit_result(v, part);
    case CHAT_PART_REASONING:
        return visit_opaque(v, "signature", part->u.reasoning.signature) &&
               visit_opaque(v, "redacted", part->u.reasoning.redacted);
    default:
        return true;
    }
}

static bool visit_part(struct visit *v, const struct chat_part *part)
{
    v->place.is_prose = true;
    bool go_on = visit_bytes(v, "content", part->text);
    v->place.is_prose = false;
    v->place.is_opaque = part->type == CHAT_PART_OTHER;
    go_on = go_on && visit_node(v, "content", part->raw);
    v->place.is_opaque = false;
    return go_on && visit_typed(v, part) && visit_extras(v, &part->extras) &&
           visit_extras(v, &part->inner);
}

static bool visit_message(struct visit *v, const struct chat_message *message)
{
    v->place.role = message->role;
    v->place.part = -1;
    if (!visit_bytes(v, "name", message->name))
        return false;
    for (size_t i = 0; i < message->part_count; i++) {
        v->place.part = (int32_t)i;
        if (!visit_part(v, &message->parts[i]))
            return false;
    }
    v->place.part = -1;
    return visit_extras(v, &message->extras);
}

static bool visit_tools(struct visit *v, const struct chat_request *req)
{
    for (size_t i = 0; i < req->tool_count; i++) {
        const struct chat_tool *tool = &req->tools[i];
        if (!visit_bytes(v, "tools.name", tool->name) ||
            !visit_bytes(v, "tools.description", tool->description) ||
            !visit_node(v, "tools.parameters", tool->parameters) ||
            !visit_node(v, "tools", tool->raw) || !visit_extras(v, &tool->extras))
            return false;
    }
    return visit_bytes(v, "tool_choice", req->tool_choice_name) &&
           visit_node(v, "tool_choice", req->tool_choice_raw);
}

static bool visit_numbers(struct visit *v, const struct chat_request *req)
{
    return visit_number(v, "temperature", req->temperature) &&
           visit_number(v, "top_p", req->top_p) && visit_number(v, "top_k", req->top_k) &&
           visit_number(v, "min_p", req->min_p) &&
           visit_number(v, "frequency_penalty", req->frequency_penalty) &&
           visit_number(v, "presence_penalty", req->presence_penalty) &&
           visit_number(v, "repetition_penalty", req->repetition_penalty) &&
           visit_number(v, "seed", req->seed) && visit_number(v, "max_tokens", req->max_tokens) &&
           visit_number(v, "n", req->n) && visit_number(v, "top_logprobs", req->top_logprobs) &&
           visit_number(v, "thinking_budget", req->thinking_budget);
}

/* True when `inner` is a part of `outer`: then its bytes have been visited with those. */
static bool is_inside(const struct json_node *inner, const struct json_node *outer)
{
    if (!inner || !outer || slice_is_absent(outer->text) || slice_is_absent(inner->text))
        return false;
    uintptr_t from = (uintptr_t)outer->text.ptr, at = (uintptr_t)inner->text.ptr;
    return at >= from && at < from + outer->text.len;
}

bool chat_request_visit(const struct chat_request *req, chat_visit_fn on_bytes, void *user)
{
    struct visit v = {on_bytes, user, {.message = -1, .part = -1, .role = CHAT_ROLE_USER}};
    for (size_t i = 0; i < req->message_count; i++) {
        v.place.message = (int32_t)i;
        if (!visit_message(&v, &req->messages[i]))
            return false;
    }
    v.place = (struct chat_place){.message = -1, .part = -1, .role = CHAT_ROLE_USER};
    v.place.is_prose = true;
    if (!visit_bytes(&v, "suffix", req->suffix))
        return false;
    v.place.is_prose = false;
    if (!visit_tools(&v, req) || !visit_numbers(&v, req))
        return false;
    for (size_t i = 0; i < req->stop_count; i++)
        if (!visit_bytes(&v, "stop", req->stop[i]))
            return false;
    return visit_node(&v, "logit_bias", req->logit_bias) &&
           visit_node(&v, "response_format", req->format_raw) &&
           (is_inside(req->schema, req->format_raw) ||
            visit_node(&v, "response_format", req->schema)) &&
           visit_bytes(&v, "user", req->user) && visit_bytes(&v, "key", req->user_key) &&
           visit_node(&v, "metadata", req->metadata) && visit_extras(&v, &req->stream_extras) &&
           visit_extras(&v, &req->extras);
}
