#include "tests/scenario/script.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 65536 };

void die(const struct script *s, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s:%d: ", s->file_name, s->line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* ---- words ---- */

struct slice next_word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    const char *space = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
    struct slice word = slice_sub(*rest, 0, space ? (size_t)(space - rest->ptr) : rest->len);
    *rest = slice_trim(slice_sub(*rest, word.len, SIZE_MAX));
    return word;
}

/* "key=value" */
bool next_pair(struct script *s, struct slice *rest, struct slice *key, struct slice *value)
{
    struct slice word = next_word(rest);
    if (word.len == 0)
        return false;
    const char *equals = memchr(word.ptr, '=', word.len);
    if (!equals)
        die(s, "%.*s: expected KEY=VALUE", SLICE_ARG(word));
    *key = slice_sub(word, 0, (size_t)(equals - word.ptr));
    *value = slice_sub(word, key->len + 1, SIZE_MAX);
    return true;
}

int64_t script_number(struct script *s, struct slice word)
{
    int64_t value;
    if (!slice_to_i64(word, &value))
        die(s, "%.*s: expected a number", SLICE_ARG(word));
    return value;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

struct slice script_unescape(struct script *s, struct slice text)
{
    char *out = arena_alloc(s->arena, text.len + 1);
    size_t len = 0;
    if (!out)
        die(s, "out of memory");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len) {
            c = text.ptr[++i];
            if (c == 'x' && i + 2 < text.len) {
                c = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
                i += 2;
            } else {
                c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
            }
        }
        out[len++] = c;
    }
    return slice_of(out, len);
}

enum base_err script_code(struct script *s, struct slice name)
{
    for (int i = 0; i < BASE_ERR_COUNT; i++)
        if (slice_eq_str(name, base_err_info((enum base_err)i)->name))
            return (enum base_err)i;
    die(s, "%.*s: no such error", SLICE_ARG(name));
}

struct slice script_block(struct script *s)
{
    static char line[LINE_MAX_BYTES];
    struct slice text = SLICE("");
    for (int c; (c = fgetc(s->file)) != EOF;) {
        (void)ungetc(c, s->file);
        if (c != '|' || !fgets(line, sizeof(line), s->file))
            break;
        s->line++;
        text = arena_printf(s->arena, "%.*s%s", SLICE_ARG(text), line + 1);
    }
    return text;
}

struct slice script_node_text(struct script *s, const struct json_node *node)
{
    struct buffer out;
    struct json_writer w;
    if (json_is(node, JSON_STRING))
        return json_string(node);
    if (!node)
        return SLICE("null");
    buffer_init(&out, 1 << 20);
    json_writer_init(&w, &out);
    json_put_node(&w, node);
    struct slice text = arena_dup(s->arena, buffer_slice(&out));
    buffer_done(&out);
    return text;
}

/* ---- events ---- */

static void add_quoted(struct buffer *out, struct slice text)
{
    (void)buffer_add_char(out, '"');
    json_escape(out, text);
    (void)buffer_add_char(out, '"');
}

void script_add_event(struct buffer *out, const struct chat_event *e)
{
    static const char *const names[CHAT_EVENT_TYPE_COUNT] = {
        "started", "text", "reasoning", "refusal", "call", "finished", "usage", "done", "error"};
    (void)buffer_add_str(out, names[e->type]);
    if (e->choice > 0)
        (void)buffer_addf(out, "/%d", e->choice);
    if (e->type != CHAT_EVENT_DONE)
        (void)buffer_add_char(out, ' ');
    switch (e->type) {
    case CHAT_EVENT_STARTED:
        (void)buffer_add_slice(out, e->served_model);
        break;
    case CHAT_EVENT_TEXT:
    case CHAT_EVENT_REASONING:
    case CHAT_EVENT_REFUSAL:
        add_quoted(out, e->text);
        break;
    case CHAT_EVENT_TOOL_CALL:
        (void)buffer_addf(out, "%d %.*s %.*s ", e->tool.index, SLICE_ARG(e->tool.id),
                          SLICE_ARG(e->tool.name));
        add_quoted(out, e->tool.arguments);
        break;
    case CHAT_EVENT_FINISHED:
        (void)buffer_add_str(out, chat_finish_name(e->finish));
        break;
    case CHAT_EVENT_USAGE:
        (void)buffer_addf(out, "%lld/%lld", (long long)chat_usage_input_total(&e->usage),
                          (long long)chat_usage_output_total(&e->usage));
        break;
    case CHAT_EVENT_ERROR:
        (void)buffer_addf(out, "%s ", base_err_info(e->error->code)->name);
        if (e->retry_after_ms >= 0)
            (void)buffer_addf(out, "retry=%lld ", (long long)e->retry_after_ms);
        (void)buffer_add_str(out, e->error->message);
        break;
    default:
        break;
    }
    (void)buffer_add_char(out, '\n');
}

static struct slice take_event(struct buffer *events)
{
    struct slice all = buffer_slice(events);
    const char *end = all.len ? memchr(all.ptr, '\n', all.len) : NULL;
    struct slice line = slice_sub(all, 0, end ? (size_t)(end - all.ptr) : 0);
    buffer_consume(events, end ? line.len + 1 : 0);
    return line;
}

/* "a...b...": begins with a, then holds b. */
static bool matches(struct slice got, struct slice wanted)
{
    size_t dots = slice_find(wanted, SLICE("..."));
    if (dots == SIZE_MAX)
        return slice_eq(got, wanted);
    if (!slice_starts_with(got, slice_sub(wanted, 0, dots)))
        return false;
    while (dots != SIZE_MAX) {
        wanted = slice_sub(wanted, dots + 3, SIZE_MAX);
        dots = slice_find(wanted, SLICE("..."));
        struct slice piece = slice_sub(wanted, 0, dots);
        size_t at = slice_find(got, piece);
        if (piece.len > 0 && at == SIZE_MAX)
            return false;
        got = piece.len > 0 ? slice_sub(got, at + piece.len, SIZE_MAX) : got;
    }
    return true;
}

void script_expect(struct script *s, struct buffer *events, struct slice wanted)
{
    struct slice all = buffer_slice(events);
    if (slice_eq_str(wanted, "nothing")) {
        if (all.len > 0)
            die(s, "expected nothing, got: %.*s", SLICE_ARG(all));
        return;
    }
    struct slice got = slice_trim(take_event(events));
    if (!matches(got, wanted))
        die(s, "expected: %.*s\n  got: %.*s", SLICE_ARG(wanted), SLICE_ARG(got));
}

/* ---- lines ---- */

bool script_open(struct script *s, int argc, char **argv, size_t arena_bytes)
{
    s->file_name = argc == 2 ? argv[1] : "";
    s->file = argc == 2 ? fopen(argv[1], "r") : NULL;
    s->arena = arena_new(arena_bytes);
    if (!s->file || !s->arena)
        fprintf(stderr, "usage: %s FILE.scn\n", argv[0]);
    return s->file && s->arena;
}

void script_each_line(struct script *s, void (*run)(struct script *s, struct slice line))
{
    static char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof(line), s->file)) {
        s->line++;
        struct slice copy = arena_dup(s->arena, slice_trim(slice_from_str(line)));
        if (copy.ptr)
            run(s, copy);
    }
}

void script_close(struct script *s)
{
    (void)fclose(s->file);
    arena_free(s->arena);
}
