/* What a request tells before anything is chosen. */
#include <math.h>

#include "router/private.h"

/* Blocks that tools put around or beside what the user wrote. */
static const char *const harness_tags[] = {
    "system-reminder",     "system_reminder",      "environment_context",
    "environment_details", "user_instructions",    "user_info",
    "project_layout",      "additional_data",      "attached_files",
    "open_files",          "ide_selection",        "ide_opened_file",
    "command-name",        "command-message",      "command-args",
    "command-contents",    "local-command-stdout", "local-command-caveat",
    "task-notification",   "turn_context",         "automatic_reminder",
    "session_context",
};

/* Blocks that hold what the user wrote, when there are others beside them. */
static const char *const ask_tags[] = {"user_query", "user_request", "task"};

enum { TAG_BLOCKS_MAX = 256 };

static struct slice tag_name(struct slice at)
{
    size_t len = 0;

    while (1 + len < at.len && len < 40 && at.ptr[1 + len] != '>' && at.ptr[1 + len] != ' ')
        len++;
    return 1 + len < at.len && len < 40 ? slice_sub(at, 1, len) : SLICE_NONE;
}

static bool is_listed(const char *const *tags, size_t count, struct slice name)
{
    for (size_t i = 0; name.len && i < count; i++)
        if (slice_eq_str(name, tags[i]))
            return true;
    return false;
}

/* Where "</name>" begins at or after `from`; SIZE_MAX when it does not. */
static size_t find_close(struct slice text, size_t from, struct slice name)
{
    while (from < text.len) {
        struct slice rest = slice_sub(text, from, SIZE_MAX);
        size_t at = slice_find(rest, SLICE("</"));

        if (at == SIZE_MAX)
            return SIZE_MAX;
        rest = slice_sub(rest, at + 2, SIZE_MAX);
        if (slice_starts_with(rest, name) && rest.len > name.len && rest.ptr[name.len] == '>')
            return from + at;
        from += at + 2;
    }
    return SIZE_MAX;
}

/* The inside of the first block that holds the ask, or the text itself. */
static struct slice inside_ask(struct slice text)
{
    for (size_t i = 0; i < sizeof ask_tags / sizeof *ask_tags; i++) {
        struct slice name = slice_from_str(ask_tags[i]);
        char open[48] = "<";
        size_t at, close;

        memcpy(open + 1, name.ptr, name.len);
        open[name.len + 1] = '>';
        at = slice_find(text, slice_of(open, name.len + 2));
        if (at == SIZE_MAX)
            continue;
        at += name.len + 2;
        close = find_close(text, at, name);
        return slice_sub(text, at, close == SIZE_MAX ? SIZE_MAX : close - at);
    }
    return text;
}

struct slice router_strip_harness(struct slice text, struct arena *arena)
{
    char *out = NULL;
    size_t len = 0, from = 0, at = 0, blocks = 0;

    if (slice_is_absent(text))
        return text;
    text = inside_ask(text);
    while (at < text.len && blocks < TAG_BLOCKS_MAX) {
        const char *lt = memchr(text.ptr + at, '<', text.len - at);
        struct slice name;
        size_t close;

        if (!lt)
            break;
        at = (size_t)(lt - text.ptr);
        name = tag_name(slice_sub(text, at, SIZE_MAX));
        close = SIZE_MAX;
        if (is_listed(harness_tags, sizeof harness_tags / sizeof *harness_tags, name)) {
            close = find_close(text, at, name);
            blocks++;
        }
        if (close == SIZE_MAX) {
            at++;
            continue;
        }
        if (!out && !(out = arena_alloc(arena, text.len)))
            return SLICE_NONE;
        memcpy(out + len, text.ptr + from, at - from);
        len += at - from;
        at = close + name.len + 3;
        from = at;
    }
    if (!out)
        return slice_trim(text);
    memcpy(out + len, text.ptr + from, text.len - from);
    len += text.len - from;
    return slice_trim(slice_of(out, len));
}

static struct slice join(const struct slice *pieces, size_t count, struct arena *arena)
{
    size_t size = 0, len = 0;
    char *text;

    for (size_t i = 0; i < count; i++)
        size += pieces[i].len + 1;
    text = arena_alloc(arena, size);
    if (!text)
        return SLICE_NONE;
    for (size_t i = 0; i < count; i++) {
        memcpy(text + len, pieces[i].ptr, pieces[i].len);
        len += pieces[i].len;
        text[len++] = '\n';
    }
    return slice_of(text, len - 1);
}

/* The text parts of one message without harness text, joined by newlines; empty when there are
 * none, absent when out of memory. */
static struct slice message_ask(const struct chat_message *m, struct arena *arena)
{
    struct slice *pieces = arena_calloc(arena, m->part_count + 1, sizeof *pieces);
    size_t count = 0;

    if (!pieces)
        return SLICE_NONE;
    for (size_t i = 0; i < m->part_count; i++) {
        if (m->parts[i].type != CHAT_PART_TEXT || !m->parts[i].text.len)
            continue;
        pieces[count] = router_strip_harness(m->parts[i].text, arena);
        if (slice_is_absent(pieces[count]))
            return SLICE_NONE;
        count += pieces[count].len > 0;
    }
    if (count <= 1)
        return count ? pieces[0] : SLICE("");
    return join(pieces, count, arena);
}

static enum base_err find_ask(const struct chat_request *request, struct arena *arena,
                              struct slice *ret)
{
    for (size_t i = request->message_count; i-- > 0;) {
        struct slice ask;

        if (request->messages[i].role != CHAT_ROLE_USER)
            continue;
        ask = message_ask(&request->messages[i], arena);
        if (slice_is_absent(ask))
            return BASE_ERR_NO_MEMORY;
        if (!ask.len)
            continue;
        *ret = ask;
        return BASE_OK;
    }
    *ret = SLICE_NONE;
    return BASE_OK;
}

static bool holds_part(const struct chat_message *m, enum chat_part_type type)
{
    for (size_t i = 0; i < m->part_count; i++)
        if (m->parts[i].type == type)
            return true;
    return false;
}

static uint32_t count_turns(const struct chat_request *request)
{
    uint32_t turns = 0;

    for (size_t i = 0; i < request->message_count; i++)
        turns += request->messages[i].role == CHAT_ROLE_USER &&
                 holds_part(&request->messages[i], CHAT_PART_TEXT);
    return turns;
}

/* The client has just run a tool for the model, which will want to go on where it was. */
static bool is_tool_loop(const struct chat_request *request)
{
    const struct chat_message *last;

    if (!request->message_count)
        return false;
    last = &request->messages[request->message_count - 1];
    return last->role == CHAT_ROLE_TOOL || holds_part(last, CHAT_PART_TOOL_RESULT);
}

static int64_t whole_number(const struct chat_number *n)
{
    if (slice_is_absent(n->text) || !(n->value >= 0) || n->value > 1e15)
        return ROUTER_UNKNOWN;
    return (int64_t)n->value;
}

static int64_t expected_output(const struct router_signals *s, const struct chat_request *request)
{
    static const int64_t by_task[] = {
#define X(name, text, tokens) tokens,
        ROUTER_TASKS(X)
#undef X
    };
    int64_t tokens = by_task[s->score.task], answers = whole_number(&request->n);

    if (request->dialect == CHAT_DIALECT_EMBEDDINGS)
        return 0; /* the text is read, nothing is written */
    if (s->max_tokens >= 0 && s->max_tokens < tokens)
        tokens = s->max_tokens;
    return answers > 1 ? tokens * (answers < 1024 ? answers : 1024) : tokens;
}

enum base_err router_signals_read(const struct router_scorer *scorer,
                                  const struct chat_request *request,
                                  const struct router_given *given, struct arena *arena,
                                  struct router_signals *ret, struct base_error *reterr)
{
    struct router_signals s = {.given = *given, .request = request};
    enum base_err err = find_ask(request, arena, &s.ask);

    if (err)
        return base_error_set(reterr, err, "no memory left for reading the request");
    s.prompt_tokens = chat_request_estimate_tokens(request);
    s.max_tokens = whole_number(&request->max_tokens);
    s.message_count =
        request->message_count < UINT32_MAX ? (uint32_t)request->message_count : UINT32_MAX;
    s.turn = count_turns(request);
    s.needs = chat_request_needs(request);
    s.language = router_guess_language(s.ask);
    s.model = request->model;
    s.has_code = router_has_code(slice_sub(s.ask, 0, 65536));
    s.tool_loop_open = is_tool_loop(request);
    if (given->score)
        s.score = *given->score;
    else
        router_score_text(scorer, s.ask, &s.score);
    s.expected_output = expected_output(&s, request);
    *ret = s;
    return BASE_OK;
}
