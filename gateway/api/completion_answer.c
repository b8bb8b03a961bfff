/* Choices as /v1/completions has them. Source: OpenAI's OpenAPI document 2.3.0, completions. */
#include "gateway/api/chat_choice.h"

#include "base/core/arena.h"

enum { LOGPROBS_MEMORY_MAX = 256 << 20 };

bool api_completion_shows(const struct api_chat_answer *answer, const struct chat_event *event)
{
    return answer->options.dialect != CHAT_DIALECT_COMPLETIONS || event->type == CHAT_EVENT_TEXT ||
           event->type == CHAT_EVENT_FINISHED;
}

static int64_t characters(struct slice text)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

static void write_tokens(struct json_writer *w, const struct json_node *entries)
{
    json_key(w, SLICE("tokens"));
    json_open_array(w);
    for (const struct json_node *e = json_first(entries); e; e = json_next(e))
        json_put_string(w, json_string(json_get(e, SLICE("token"))));
    json_close_array(w);
    json_key(w, SLICE("token_logprobs"));
    json_open_array(w);
    for (const struct json_node *e = json_first(entries); e; e = json_next(e))
        json_put_node(w, json_get(e, SLICE("logprob")));
    json_close_array(w);
}

/* Each an object from token to log-probability; of tokens that read the same the likelier one. */
static void write_tops(struct json_writer *w, const struct json_node *entries)
{
    json_key(w, SLICE("top_logprobs"));
    json_open_array(w);
    for (const struct json_node *e = json_first(entries); e; e = json_next(e)) {
        const struct json_node *top = json_get(e, SLICE("top_logprobs"));
        json_open_object(w);
        for (const struct json_node *t = json_first(top); t; t = json_next(t)) {
            struct slice name = json_string(json_get(t, SLICE("token")));
            bool is_new = true;
            for (const struct json_node *b = json_first(top); b != t; b = json_next(b))
                is_new &= !slice_eq(json_string(json_get(b, SLICE("token"))), name);
            if (!is_new)
                continue;
            json_key(w, name);
            json_put_node(w, json_get(t, SLICE("logprob")));
        }
        json_close_object(w);
    }
    json_close_array(w);
}

/* The text with U+FFFD for U+0000, which our reader refuses and a token may be. */
static struct slice without_nul(struct slice json, struct arena *arena)
{
    char *out = arena_alloc(arena, json.len + 1);
    for (size_t i = 0; out && i < json.len; i++) {
        out[i] = json.ptr[i];
        if (json.ptr[i] != '\\' || i + 1 == json.len)
            continue;
        bool is_nul = slice_starts_with(slice_sub(json, i, 6), SLICE("\\u0000"));
        size_t len = is_nul ? 6 : 2;
        memcpy(out + i, is_nul ? "\\ufffd" : json.ptr + i, len);
        i += len - 1;
    }
    return out ? slice_of(out, json.len) : SLICE_NONE;
}

/* `list`: entries as a JSON array, or nothing. */
static void write_logprobs(struct json_writer *w, struct api_chat_choice *choice, struct slice list)
{
    const struct json_node *entries = NULL;
    struct arena *arena = list.len > 0 ? arena_new(LOGPROBS_MEMORY_MAX) : NULL;
    json_key(w, SLICE("logprobs"));
    if (!arena || json_parse(without_nul(list, arena), &json_limits_event, arena, &entries, NULL)) {
        json_put_null(w);
    } else {
        json_open_object(w);
        write_tokens(w, entries);
        write_tops(w, entries);
        json_key(w, SLICE("text_offset"));
        json_open_array(w);
        for (const struct json_node *e = json_first(entries); e; e = json_next(e)) {
            json_put_i64(w, choice->text_offset);
            choice->text_offset += characters(json_string(json_get(e, SLICE("token"))));
        }
        json_close_array(w);
        json_close_object(w);
    }
    arena_free(arena);
}

void api_completion_choice(struct json_writer *w, struct api_chat_choice *choice,
                           const struct chat_event *event)
{
    json_open_object(w);
    json_member_string(w, "text", event->text.ptr ? event->text : SLICE(""));
    json_member_i64(w, "index", event->choice);
    write_logprobs(w, choice, chat_event_logprobs_list(event->logprobs));
    json_member_str(w, "finish_reason",
                    event->type == CHAT_EVENT_FINISHED ? chat_finish_name(event->finish) : NULL);
    json_close_object(w);
}

void api_completion_whole(struct json_writer *w, int32_t index, struct api_chat_choice *choice)
{
    struct buffer list;
    buffer_init(&list, SIZE_MAX / 2);
    if (buffer_len(&choice->logprobs) > 0) {
        buffer_add_char(&list, '[');
        buffer_add_slice(&list, buffer_slice(&choice->logprobs));
        buffer_add_char(&list, ']');
    }
    json_open_object(w);
    json_member_string(w, "text", buffer_slice(&choice->text));
    json_member_i64(w, "index", index);
    choice->text_offset = 0;
    write_logprobs(w, choice, buffer_slice(&list));
    json_member_str(w, "finish_reason", chat_finish_name(choice->finish));
    json_close_object(w);
    buffer_done(&list);
}
