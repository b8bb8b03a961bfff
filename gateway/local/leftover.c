#include "gateway/local/leftover.h"

#include "gateway/local/convert.h"

struct leftovers {
    const struct chat_request *chat;
    struct slice target;
    struct arena *arena;
    struct slice *warnings; /* LOCAL_LEFTOVERS_MAX */
    size_t count;
    bool no_memory;
    enum base_err err; /* the first refusal */
    struct base_error *reterr;
};

static void add(struct leftovers *l, struct slice text)
{
    l->no_memory |= slice_is_absent(text);
    for (size_t i = 0; i < l->count; i++)
        if (slice_eq(l->warnings[i], text))
            return;
    if (l->count < LOCAL_LEFTOVERS_MAX)
        l->warnings[l->count++] = text;
    else
        l->warnings[l->count - 1] = SLICE("and more");
}

static void left_out(struct leftovers *l, const char *where, struct slice name)
{
    if (name.len > 64)
        name.len = 64;
    add(l, arena_printf(l->arena, "%s%.*s: left out, %.*s does not take it", where, SLICE_ARG(name),
                        SLICE_ARG(l->target)));
}

static void refuse(struct leftovers *l, const char *name)
{
    if (!l->err)
        l->err = base_error_set_param(l->reterr, BASE_ERR_UNSUPPORTED, name,
                                      "%s: %.*s does not take it, and the answer would be "
                                      "another one without it",
                                      name, SLICE_ARG(l->target));
}

/* ---- unknown fields ---- */

static bool is_text_alone(const struct json_node *list)
{
    return json_is(list, JSON_ARRAY) && list->count == 1 &&
           slice_eq_str(json_string(json_first(list)), "text");
}

/* Asks for what happens anyway. */
static bool asks_nothing(const struct chat_extra *extra)
{
    bool yes;
    if (json_is(extra->value, JSON_NULL))
        return true;
    if (slice_eq_str(extra->key, "store"))
        return json_to_bool(extra->value, &yes) && !yes;
    if (slice_eq_str(extra->key, "modalities"))
        return is_text_alone(extra->value);
    if (slice_eq_str(extra->key, "service_tier"))
        return slice_eq_str(json_string(extra->value), "auto") ||
               slice_eq_str(json_string(extra->value), "default");
    return false;
}

/* NULL: it does not. */
static const char *changes_the_answer(struct slice name)
{
    static const char *const names[] = {"audio", "modalities", "web_search_options"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eq_str(name, names[i]))
            return names[i];
    return NULL;
}

static void look_at_extras(struct leftovers *l)
{
    const struct chat_extras *extras = &l->chat->extras;
    bool samples = l->chat->dialect != CHAT_DIALECT_EMBEDDINGS;
    for (size_t i = 0; i < extras->count; i++) {
        const struct chat_extra *extra = &extras->items[i];
        if (asks_nothing(extra) || (samples && local_convert_reads(l->chat, extra->key)))
            continue;
        const char *essential = samples ? changes_the_answer(extra->key) : NULL;
        if (essential)
            refuse(l, essential);
        else
            left_out(l, "", extra->key);
    }
}

static void look_at_inner(struct leftovers *l, const char *where, const struct chat_extras *extras)
{
    for (size_t i = 0; i < extras->count; i++) {
        bool yes = true;
        if (json_is(extras->items[i].value, JSON_NULL) ||
            (json_to_bool(extras->items[i].value, &yes) && !yes))
            continue;
        left_out(l, where, extras->items[i].key);
    }
}

/* ---- what chats have beside ---- */

static void look_at_messages(struct leftovers *l)
{
    for (size_t i = 0; i < l->chat->message_count; i++) {
        const struct chat_message *message = &l->chat->messages[i];
        look_at_inner(l, "messages.", &message->extras);
        for (size_t k = 0; k < message->part_count; k++) {
            const struct chat_part *part = &message->parts[k];
            look_at_inner(l, "messages.content.", &part->extras);
            look_at_inner(l, "messages.tool_calls.function.", &part->inner);
            if (part->cache != CHAT_CACHE_NONE)
                left_out(l, "messages.content.", SLICE("cache_control"));
        }
    }
}

static void look_at_hints(struct leftovers *l)
{
    bool is_text = l->chat->format == CHAT_FORMAT_UNSET || l->chat->format == CHAT_FORMAT_TEXT;
    if (l->chat->dialect == CHAT_DIALECT_COMPLETIONS && !is_text)
        refuse(l, "response_format"); /* plain text is continued as it comes */
    if (!slice_is_absent(l->chat->user))
        left_out(l, "", l->chat->user_key);
    if (l->chat->metadata && l->chat->metadata->count > 0)
        left_out(l, "", SLICE("metadata"));
    for (size_t i = 0; i < l->chat->tool_count; i++)
        look_at_inner(l, "tools.", &l->chat->tools[i].extras);
}

enum base_err local_leftovers(const struct chat_request *chat, struct slice target,
                              struct arena *arena, const struct slice **ret_warnings,
                              size_t *ret_count, struct base_error *reterr)
{
    struct leftovers l = {.chat = chat, .target = target, .arena = arena, .reterr = reterr};
    l.warnings = arena_calloc(arena, LOCAL_LEFTOVERS_MAX, sizeof(*l.warnings));
    if (!l.warnings)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to convert a request");
    look_at_extras(&l);
    look_at_inner(&l, "stream_options.", &chat->stream_extras);
    look_at_messages(&l);
    look_at_hints(&l);
    if (l.err)
        return l.err;
    if (l.no_memory)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to convert a request");
    *ret_warnings = l.warnings;
    *ret_count = l.count;
    return BASE_OK;
}
