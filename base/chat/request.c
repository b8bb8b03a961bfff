#include "base/chat/chat.h"

#include <assert.h>

static bool is_text(const struct chat_part *part)
{
    return part->type == CHAT_PART_TEXT && part->text.len > 0;
}

static struct slice join_text(const struct chat_message *message, struct arena *arena)
{
    size_t size = 0, count = 0;
    const struct chat_part *only = NULL;
    for (size_t i = 0; i < message->part_count; i++) {
        if (is_text(&message->parts[i])) {
            only = &message->parts[i];
            size += only->text.len + 1;
            count++;
        }
    }
    if (count <= 1)
        return only ? only->text : SLICE_NONE;
    char *text = arena_alloc(arena, size);
    if (!text)
        return SLICE_NONE;
    char *to = text;
    for (size_t i = 0; i < message->part_count; i++) {
        if (!is_text(&message->parts[i]))
            continue;
        memcpy(to, message->parts[i].text.ptr, message->parts[i].text.len);
        to += message->parts[i].text.len;
        *to++ = '\n';
    }
    return slice_of(text, size - 1);
}

struct slice chat_request_last_ask(const struct chat_request *req, struct arena *arena)
{
    for (size_t i = req->message_count; i > 0; i--) {
        const struct chat_message *message = &req->messages[i - 1];
        if (message->role != CHAT_ROLE_USER)
            continue;
        for (size_t k = 0; k < message->part_count; k++)
            if (is_text(&message->parts[k]))
                return join_text(message, arena);
    }
    return SLICE_NONE;
}

static unsigned part_needs(const struct chat_part *part)
{
    static const unsigned needs[CHAT_PART_TYPE_COUNT] = {[CHAT_PART_IMAGE] = CHAT_NEED_IMAGES,
                                                         [CHAT_PART_AUDIO] = CHAT_NEED_AUDIO,
                                                         [CHAT_PART_DOCUMENT] = CHAT_NEED_DOCUMENTS,
                                                         [CHAT_PART_TOOL_CALL] = CHAT_NEED_TOOLS,
                                                         [CHAT_PART_TOOL_RESULT] = CHAT_NEED_TOOLS};
    unsigned ret = needs[part->type];
    if (part->type == CHAT_PART_TOOL_RESULT)
        for (size_t i = 0; i < part->u.result.part_count; i++)
            ret |= needs[part->u.result.parts[i].type];
    return ret;
}

unsigned chat_request_needs(const struct chat_request *req)
{
    unsigned ret = req->tool_count > 0 ? CHAT_NEED_TOOLS : 0;
    for (size_t i = 0; i < req->message_count; i++)
        for (size_t k = 0; k < req->messages[i].part_count; k++)
            ret |= part_needs(&req->messages[i].parts[k]);
    if (req->format == CHAT_FORMAT_JSON_OBJECT)
        ret |= CHAT_NEED_JSON_OBJECT;
    if (req->format == CHAT_FORMAT_JSON_SCHEMA)
        ret |= CHAT_NEED_JSON_SCHEMA;
    if (req->logprobs || (req->top_logprobs.text.len && req->top_logprobs.value > 0))
        ret |= CHAT_NEED_LOGPROBS;
    if (req->n.text.len && req->n.value > 1)
        ret |= CHAT_NEED_MANY;
    if (req->effort > CHAT_EFFORT_NONE || req->thinking_budget.text.len)
        ret |= CHAT_NEED_REASONING;
    if (req->dialect == CHAT_DIALECT_COMPLETIONS)
        ret |= CHAT_NEED_COMPLETIONS | (slice_is_absent(req->suffix) ? 0 : CHAT_NEED_INFILL);
    if (req->dialect == CHAT_DIALECT_EMBEDDINGS)
        ret |= CHAT_NEED_EMBEDDINGS;
    return ret;
}

unsigned chat_needs_lacking(unsigned needs, unsigned features)
{
    bool text = !(needs & CHAT_NEED_EMBEDDINGS) && features & CHAT_NEED_EMBEDDINGS;
    return (needs & ~features) | (text ? CHAT_NEED_TEXT : 0);
}

const char *chat_need_name(enum chat_need need)
{
    switch (need) {
    case CHAT_NEED_TOOLS:
        return "tools";
    case CHAT_NEED_IMAGES:
        return "images";
    case CHAT_NEED_AUDIO:
        return "audio";
    case CHAT_NEED_DOCUMENTS:
        return "documents";
    case CHAT_NEED_JSON_OBJECT:
        return "json_object";
    case CHAT_NEED_JSON_SCHEMA:
        return "json_schema";
    case CHAT_NEED_LOGPROBS:
        return "logprobs";
    case CHAT_NEED_MANY:
        return "n";
    case CHAT_NEED_REASONING:
        return "reasoning";
    case CHAT_NEED_COMPLETIONS:
        return "completions";
    case CHAT_NEED_INFILL:
        return "infill";
    case CHAT_NEED_EMBEDDINGS:
        return "embeddings";
    case CHAT_NEED_TEXT:
        return "text";
    }
    return "unknown";
}

/* Sums of tokens in 360ths, so that the shares below are whole numbers. */
enum {
    TOKEN = 360,
    TOKEN_PER_ASCII_BYTE = 100, /* 3.6 bytes a token */
    TOKEN_PER_TWO_BYTES = 216,  /* Greek, Cyrillic, Arabic, Hebrew...: 0.6 a character */
    TOKEN_PER_WIDE = 360,       /* Han, kana, Indic scripts, emoji: 1 a character */
    TOKEN_PER_MEDIA = 1000 * TOKEN
};

static bool count_tokens(void *user, struct slice bytes, const struct chat_place *place)
{
    int64_t *sum = user;
    if (place->is_opaque && strcmp(place->field, "content") != 0)
        return true; /* media is counted apart; signatures are not prompt text */
    int64_t two = 0, wide = 0, more = 0;
    for (size_t i = slice_ascii_len(bytes); i < bytes.len;
         i += slice_ascii_len(slice_sub(bytes, i, SIZE_MAX))) {
        unsigned char c = (unsigned char)bytes.ptr[i++];
        more += (c & 0xc0) == 0x80;
        two += c >= 0xc0 && c < 0xe0;
        wide += c >= 0xe0;
    }
    int64_t ascii = (int64_t)bytes.len - more - two - wide;
    *sum += ascii * TOKEN_PER_ASCII_BYTE + two * TOKEN_PER_TWO_BYTES + wide * TOKEN_PER_WIDE;
    return true;
}

static int64_t media_tokens(const struct chat_part *parts, size_t count)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        enum chat_part_type type = parts[i].type;
        if (type == CHAT_PART_IMAGE || type == CHAT_PART_AUDIO || type == CHAT_PART_DOCUMENT)
            sum += TOKEN_PER_MEDIA;
    }
    return sum;
}

int64_t chat_request_estimate_tokens(const struct chat_request *req)
{
    int64_t sum = (int64_t)req->message_count * 4 * TOKEN;
    (void)chat_request_visit(req, count_tokens, &sum);
    for (size_t i = 0; i < req->message_count; i++) {
        const struct chat_message *m = &req->messages[i];
        sum += media_tokens(m->parts, m->part_count);
        for (size_t k = 0; k < m->part_count; k++)
            if (m->parts[k].type == CHAT_PART_TOOL_RESULT)
                sum += media_tokens(m->parts[k].u.result.parts, m->parts[k].u.result.part_count);
    }
    return sum > TOKEN ? sum / TOKEN : 1;
}

const char *chat_role_name(enum chat_role role)
{
    static const char *const names[CHAT_ROLE_COUNT] = {[CHAT_ROLE_SYSTEM] = "system",
                                                       [CHAT_ROLE_DEVELOPER] = "developer",
                                                       [CHAT_ROLE_USER] = "user",
                                                       [CHAT_ROLE_ASSISTANT] = "assistant",
                                                       [CHAT_ROLE_TOOL] = "tool"};
    assert(role < CHAT_ROLE_COUNT);
    return names[role];
}
