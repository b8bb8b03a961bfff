#include "engine/answer/answer.h"

#include <stdlib.h>

#include "engine/grammar/grammar.h"
#include "engine/template/jinja.h"

/*
 * Each section takes from `held` what is certain and says whether another section goes on with the
 * rest. What cannot be decided yet stays there; that is never more than a marker, a header, white
 * space, or the bytes of one push.
 */
enum section {
    SECTION_START,     /* white space only so far: is the first word the marker of reasoning? */
    SECTION_REASONING, /* up to its closing marker */
    SECTION_TEXT_START,
    SECTION_TEXT,
    SECTION_CALLS,     /* behind the marker: a list, an object, or a name */
    SECTION_LIST,      /* between the calls of a list */
    SECTION_OBJECT,    /* a call as an object */
    SECTION_CLOSE,     /* behind it, or the list: the closing marker */
    SECTION_ARGUMENTS, /* a call's arguments alone */
    SECTION_TAG_NAME,  /* tags: up to the name of the function */
    SECTION_TAG_KEY,   /* between parameters */
    SECTION_TAG_VALUE,
    SECTION_NEXT,       /* DeepSeek: before a call, or the end */
    SECTION_NEXT_CLOSE, /* behind its arguments */
    SECTION_HEADER,     /* harmony: up to <|message|> */
    SECTION_BODY,       /* harmony: reasoning or text, up to <|end|> */
    SECTION_CALL_BODY   /* harmony: arguments, up to the end */
};

enum step { STEP_MORE, STEP_AGAIN };

enum { HEADER_MAX = 1024, NAME_MAX_BYTES = 256, VALUE_MEMORY_MAX = 64 << 20 };

struct engine_answer {
    struct engine_markup markup;
    bool with_tools, is_json;
    bool has_text;
    enum section section;
    enum engine_piece_type body; /* of a harmony message */
    struct buffer held;
    struct buffer raw; /* what was read of a call that has no name yet, marker included */
    struct call_reader reader;
    bool in_list;
    bool skip_space; /* the section begins with white space that is dropped */
    size_t begun;    /* calls */
    size_t whole;
    bool announced; /* the call now read has a name */
    /* Of a call in tags. */
    struct engine_grammar *grammar; /* NULL = none */
    struct buffer tool, key;
    size_t members;
    bool in_text; /* the value is a text, and its first quote is out */
    enum base_err err;
    engine_piece_fn on_piece;
    void *user;
};

enum base_err engine_answer_new(const struct engine_markup *markup,
                                const struct engine_answer_options *options,
                                struct engine_answer **ret_answer, struct base_error *reterr)
{
    struct engine_answer *a = calloc(1, sizeof(*a));
    if (!a)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to read an answer");
    a->markup = *markup;
    a->with_tools = options->with_tools && markup->tools != ENGINE_MARKUP_TOOLS_NONE;
    a->is_json = options->is_json;
    a->section = markup->is_harmony              ? SECTION_HEADER
                 : slice_is_absent(markup->open) ? SECTION_TEXT_START
                                                 : SECTION_START;
    buffer_init(&a->held, SIZE_MAX / 2);
    buffer_init(&a->raw, ENGINE_ANSWER_HELD_MAX);
    buffer_init(&a->tool, NAME_MAX_BYTES);
    buffer_init(&a->key, HEADER_MAX);
    call_reader_init(&a->reader);
    *ret_answer = a;
    return BASE_OK;
}

void engine_answer_free(struct engine_answer *a)
{
    if (!a)
        return;
    buffer_done(&a->held);
    buffer_done(&a->raw);
    buffer_done(&a->tool);
    buffer_done(&a->key);
    engine_grammar_unref(a->grammar);
    call_reader_done(&a->reader);
    free(a);
}

void engine_answer_follow(struct engine_answer *a, struct engine_grammar *grammar)
{
    engine_grammar_unref(a->grammar);
    a->grammar = grammar ? engine_grammar_ref(grammar) : NULL;
}

bool engine_answer_is_reasoning(const struct engine_answer *a)
{
    return a->section == SECTION_REASONING ||
           (a->section == SECTION_BODY && a->body == ENGINE_PIECE_REASONING);
}

bool engine_answer_is_text(const struct engine_answer *a)
{
    return a->section == SECTION_TEXT || a->section == SECTION_TEXT_START ||
           a->section == SECTION_START ||
           (a->section == SECTION_BODY && a->body == ENGINE_PIECE_TEXT);
}

bool engine_answer_is_waiting(const struct engine_answer *a)
{
    return buffer_len(&a->held) > 0;
}

size_t engine_answer_calls(const struct engine_answer *a)
{
    return a->whole;
}

/* ---- pieces ---- */

static void emit(struct engine_answer *a, enum engine_piece_type type, struct slice text)
{
    bool is_call = type == ENGINE_PIECE_CALL || type == ENGINE_PIECE_ARGUMENTS;
    a->has_text |= type == ENGINE_PIECE_TEXT && text.len > 0;
    if (text.len > 0 && !a->err)
        a->on_piece(a->user, &(struct engine_piece){
                                 .type = type, .text = text, .call = is_call ? a->begun - 1 : 0});
}

/* Pieces of the reader, with the number of their call. */
static void on_call_piece(void *user, const struct engine_piece *piece)
{
    struct engine_answer *a = user;
    if (piece->type == ENGINE_PIECE_CALL) {
        if (a->begun == ENGINE_ANSWER_CALLS_MAX) {
            a->err = BASE_ERR_LIMIT;
            return;
        }
        a->begun++;
        a->announced = true;
    }
    emit(a, piece->type, piece->text);
}

static void announce(struct engine_answer *a, struct slice name)
{
    on_call_piece(a, &(struct engine_piece){.type = ENGINE_PIECE_CALL, .text = name});
}

/* ---- looking for markers ---- */

static size_t space_at(struct slice s)
{
    size_t at = 0;
    while (at < s.len && answer_is_space(s.ptr[at]))
        at++;
    return at;
}

static struct slice without_space_behind(struct slice s)
{
    while (s.len > 0 && answer_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* How many bytes at the end of `s` may begin the marker. */
static size_t begins_at_end(struct slice s, struct slice marker)
{
    size_t len = s.len < marker.len ? s.len : marker.len - 1;
    while (len > 0 && !slice_ends_with(s, slice_sub(marker, 0, len)))
        len--;
    return len;
}

static bool is_beginning(struct slice s, struct slice of)
{
    return s.len < of.len && slice_starts_with(of, s);
}

/* Text up to the first of the markers comes out; true when one was there, and is read now. */
static bool text_until(struct engine_answer *a, enum engine_piece_type type,
                       const struct slice *markers, size_t count, bool hold_space)
{
    if (a->skip_space) {
        buffer_consume(&a->held, space_at(buffer_slice(&a->held)));
        a->skip_space = buffer_len(&a->held) == 0;
    }
    struct slice held = buffer_slice(&a->held);
    size_t found = SIZE_MAX, keep = 0;
    struct slice which = SLICE_NONE;
    for (size_t i = 0; i < count; i++) {
        size_t at = slice_find(held, markers[i]);
        if (at < found) {
            found = at;
            which = markers[i];
        }
        size_t begins = begins_at_end(held, markers[i]);
        keep = begins > keep ? begins : keep;
    }
    struct slice out = slice_sub(held, 0, found != SIZE_MAX ? found : held.len - keep);
    size_t used = found != SIZE_MAX ? found + which.len : 0;
    if (hold_space)
        out = without_space_behind(out);
    emit(a, type, out);
    if (found == SIZE_MAX) {
        buffer_consume(&a->held, out.len);
        return false;
    }
    buffer_clear(&a->raw);
    buffer_add_slice(&a->raw, which);
    buffer_consume(&a->held, used);
    return true;
}

/* ---- sections ---- */

static enum step go_on(struct engine_answer *a, enum section section)
{
    a->section = section;
    return STEP_AGAIN;
}

/* Not a call after all: what was read of it is text. */
static enum step not_a_call(struct engine_answer *a)
{
    if (!a->announced)
        emit(a, ENGINE_PIECE_TEXT, buffer_slice(&a->raw));
    buffer_clear(&a->raw);
    a->announced = a->in_list = false;
    return go_on(a, SECTION_TEXT);
}

static enum step begin_call(struct engine_answer *a, enum section section)
{
    a->announced = false;
    call_reader_begin(&a->reader,
                      section == SECTION_OBJECT ? CALL_READER_OBJECT : CALL_READER_ARGUMENTS);
    return go_on(a, section);
}

static enum step on_start(struct engine_answer *a)
{
    struct slice held = buffer_slice(&a->held);
    struct slice word = slice_sub(held, space_at(held), SIZE_MAX);
    if (is_beginning(word, a->markup.open))
        return STEP_MORE;
    if (!slice_starts_with(word, a->markup.open))
        return go_on(a, SECTION_TEXT_START);
    buffer_consume(&a->held, held.len - word.len + a->markup.open.len);
    a->skip_space = true;
    return go_on(a, SECTION_REASONING);
}

static enum step on_reasoning(struct engine_answer *a)
{
    if (!text_until(a, ENGINE_PIECE_REASONING, &a->markup.close, 1, true))
        return STEP_MORE;
    a->skip_space = true;
    return go_on(a, SECTION_TEXT_START);
}

/* Llama 3 has no marker: an object that begins with a name, or with the type of a call. */
static enum step on_text_start(struct engine_answer *a)
{
    static const struct slice tag = SLICE_INIT("<|python_tag|>");
    static const struct slice keys[] = {SLICE_INIT("\"name\""), SLICE_INIT("\"type\"")};
    if (!a->with_tools || a->markup.tools != ENGINE_MARKUP_TOOLS_LLAMA)
        return go_on(a, SECTION_TEXT);
    struct slice held = buffer_slice(&a->held);
    struct slice word = slice_sub(held, space_at(held), SIZE_MAX);
    if (word.len == 0 || is_beginning(word, tag))
        return STEP_MORE;
    if (word.ptr[0] != '{')
        return go_on(a, SECTION_TEXT);
    struct slice inside = slice_sub(word, 1, SIZE_MAX);
    inside = slice_sub(inside, space_at(inside), SIZE_MAX);
    bool maybe = inside.len == 0;
    for (size_t i = 0; i < 2; i++) {
        maybe |= is_beginning(inside, keys[i]);
        if (slice_starts_with(inside, keys[i])) {
            buffer_clear(&a->raw);
            return begin_call(a, SECTION_OBJECT);
        }
    }
    return maybe ? STEP_MORE : go_on(a, SECTION_TEXT);
}

static bool is_deepseek(const struct engine_answer *a)
{
    return !slice_is_absent(engine_markup_call(a->markup.tools)->open);
}

static enum step on_text(struct engine_answer *a)
{
    const struct slice *marker = &engine_markup_call(a->markup.tools)->marker;
    size_t count = a->with_tools && marker->len > 0 && !(a->is_json && a->has_text) ? 1 : 0;
    if (count > 0 && a->is_json) { /* a call instead of JSON is all that is said */
        struct slice held = buffer_slice(&a->held);
        struct slice word = slice_sub(held, space_at(held), SIZE_MAX);
        if (is_beginning(word, *marker))
            return STEP_MORE;
        count = slice_starts_with(word, *marker) ? 1 : 0;
    }
    if (!text_until(a, ENGINE_PIECE_TEXT, marker, count, count > 0))
        return STEP_MORE;
    a->announced = false;
    if (a->markup.tools == ENGINE_MARKUP_TOOLS_HERMES ||
        a->markup.tools == ENGINE_MARKUP_TOOLS_LLAMA)
        return begin_call(a, SECTION_OBJECT);
    if (a->markup.tools == ENGINE_MARKUP_TOOLS_TAGGED)
        return go_on(a, SECTION_TAG_NAME);
    return go_on(a, is_deepseek(a) ? SECTION_NEXT : SECTION_CALLS);
}

/* Drops white space from what is held; false when nothing is left. */
static bool skip_space(struct engine_answer *a)
{
    struct slice held = buffer_slice(&a->held);
    size_t spaces = space_at(held);
    buffer_add_slice(&a->raw, slice_sub(held, 0, spaces));
    buffer_consume(&a->held, spaces);
    return buffer_len(&a->held) > 0;
}

/* name[ARGS]{...}, perhaps with [CALL_ID]... between. */
static enum step on_name(struct engine_answer *a)
{
    struct slice held = buffer_slice(&a->held);
    size_t args = slice_find(held, SLICE("[ARGS]")), brace = slice_find(held, SLICE("{"));
    size_t end = args < brace ? args : brace;
    const size_t most = NAME_MAX_BYTES + HEADER_MAX; /* the same in whatever pieces it comes */
    if (end == SIZE_MAX && held.len < most + sizeof("[ARGS]") - 1)
        return STEP_MORE;
    if (end > most)
        return not_a_call(a);
    struct slice name = slice_sub(held, 0, end);
    size_t id = slice_find(name, SLICE("[CALL_ID]"));
    name = slice_trim(slice_sub(name, 0, id));
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return not_a_call(a);
    announce(a, name);
    buffer_consume(&a->held, end + (end == args ? sizeof("[ARGS]") - 1 : 0));
    bool announced = a->announced;
    (void)begin_call(a, SECTION_ARGUMENTS);
    a->announced = announced;
    return STEP_AGAIN;
}

static enum step on_calls(struct engine_answer *a)
{
    if (!skip_space(a))
        return STEP_MORE;
    char c = buffer_slice(&a->held).ptr[0];
    if (c == '{')
        return begin_call(a, SECTION_OBJECT);
    if (c != '[' && !slice_is_absent(engine_markup_call(a->markup.tools)->end))
        return not_a_call(a);
    if (c != '[')
        return on_name(a);
    buffer_add_char(&a->raw, c);
    buffer_consume(&a->held, 1);
    a->in_list = true;
    return go_on(a, SECTION_LIST);
}

/* A family with a mark of the end: it may come now. */
static enum step behind_calls(struct engine_answer *a)
{
    bool is_open = slice_is_absent(engine_markup_call(a->markup.tools)->end);
    a->skip_space = true;
    return go_on(a, is_open ? SECTION_TEXT : SECTION_CLOSE);
}

static enum step on_list(struct engine_answer *a)
{
    if (!skip_space(a))
        return STEP_MORE;
    char c = buffer_slice(&a->held).ptr[0];
    if (c == '{')
        return begin_call(a, SECTION_OBJECT);
    if (c != ',' && c != ']')
        return not_a_call(a);
    buffer_add_char(&a->raw, c);
    buffer_consume(&a->held, 1);
    if (c == ',')
        return STEP_AGAIN;
    a->in_list = false;
    return behind_calls(a);
}

/* A call's JSON, as an object or its arguments alone. */
static enum step on_json(struct engine_answer *a)
{
    size_t used;
    struct slice held = buffer_slice(&a->held);
    enum call_reader_state state = call_reader_push(&a->reader, held, &used, on_call_piece, a);
    if (!a->announced)
        buffer_add_slice(&a->raw, slice_sub(held, 0, used));
    buffer_consume(&a->held, used);
    if (state == CALL_READER_MORE)
        return STEP_MORE;
    if (state == CALL_READER_BAD)
        return not_a_call(a);
    a->whole++;
    a->announced = false;
    buffer_clear(&a->raw);
    if (a->in_list)
        return go_on(a, SECTION_LIST);
    if (is_deepseek(a))
        return go_on(a, SECTION_NEXT_CLOSE);
    a->skip_space = true;
    return a->markup.is_harmony ? go_on(a, SECTION_HEADER) : behind_calls(a);
}

static enum step on_close(struct engine_answer *a)
{
    struct slice close = engine_markup_call(a->markup.tools)->end;
    struct slice held = buffer_slice(&a->held);
    struct slice word = slice_sub(held, space_at(held), SIZE_MAX);
    if (is_beginning(word, close))
        return STEP_MORE;
    if (slice_starts_with(word, close))
        buffer_consume(&a->held, held.len - word.len + close.len);
    return go_on(a, SECTION_TEXT);
}

/* ---- calls in tags ---- */

/* The name between `open` and '>', which is consumed. MORE: not all is there yet. */
static enum step tag_name(struct engine_answer *a, struct slice open, struct buffer *to,
                          bool *ret_bad)
{
    struct slice held = buffer_slice(&a->held);
    struct slice name = slice_sub(held, open.len, SIZE_MAX);
    size_t end = slice_find(name, SLICE(">"));
    *ret_bad = end == 0 || (end == SIZE_MAX ? name.len : end) > to->max;
    if (*ret_bad || end == SIZE_MAX)
        return *ret_bad ? STEP_AGAIN : STEP_MORE;
    buffer_clear(to);
    buffer_add_slice(to, slice_sub(name, 0, end));
    buffer_consume(&a->held, open.len + end + 1);
    return STEP_AGAIN;
}

static enum step on_tag_name(struct engine_answer *a)
{
    static const struct slice open = SLICE_INIT("<function=");
    bool bad;
    if (!skip_space(a) || is_beginning(buffer_slice(&a->held), open))
        return STEP_MORE;
    if (!slice_starts_with(buffer_slice(&a->held), open))
        return not_a_call(a);
    if (tag_name(a, open, &a->tool, &bad) == STEP_MORE)
        return STEP_MORE;
    if (bad)
        return not_a_call(a);
    announce(a, buffer_slice(&a->tool));
    a->members = 0;
    return go_on(a, SECTION_TAG_KEY);
}

static void emit_json(struct engine_answer *a, const char *before, struct slice text,
                      const char *behind)
{
    struct buffer json;
    buffer_init(&json, SIZE_MAX / 2);
    buffer_add_str(&json, before);
    grammar_write_string(&json, text);
    buffer_add_str(&json, behind);
    if (json.err)
        a->err = json.err;
    emit(a, ENGINE_PIECE_ARGUMENTS, buffer_slice(&json));
    buffer_done(&json);
}

static enum step on_tag_key(struct engine_answer *a)
{
    static const struct slice end = SLICE_INIT("</function>"), open = SLICE_INIT(GRAMMAR_TAG_OPEN);
    bool bad;
    if (!skip_space(a))
        return STEP_MORE;
    struct slice held = buffer_slice(&a->held);
    if (slice_starts_with(held, end)) {
        emit(a, ENGINE_PIECE_ARGUMENTS, a->members > 0 ? SLICE("}") : SLICE("{}"));
        buffer_consume(&a->held, end.len);
        buffer_clear(&a->raw);
        a->whole++;
        a->announced = false;
        a->skip_space = true;
        return go_on(a, SECTION_CLOSE);
    }
    if (is_beginning(held, end) || is_beginning(held, open))
        return STEP_MORE;
    if (!slice_starts_with(held, open))
        return not_a_call(a);
    if (tag_name(a, open, &a->key, &bad) == STEP_MORE)
        return STEP_MORE;
    if (bad)
        return not_a_call(a);
    emit_json(a, a->members++ > 0 ? ", " : "{", buffer_slice(&a->key), ": ");
    a->in_text = false;
    return go_on(a, SECTION_TAG_VALUE);
}

/* A text goes out as it comes, without its quotes. */
static void emit_text(struct engine_answer *a, struct slice text)
{
    struct buffer json;
    buffer_init(&json, SIZE_MAX / 2);
    grammar_write_string(&json, text);
    if (json.err)
        a->err = json.err;
    else
        emit(a, ENGINE_PIECE_ARGUMENTS, slice_sub(buffer_slice(&json), 1, buffer_len(&json) - 2));
    buffer_done(&json);
}

static bool is_json(struct slice text)
{
    struct arena *arena = arena_new(VALUE_MEMORY_MAX);
    struct engine_value value;
    bool good = arena && engine_value_from_json(arena, text, &value, NULL) == BASE_OK;
    arena_free(arena);
    return good;
}

static enum step on_tag_value(struct engine_answer *a)
{
    static const struct slice close = SLICE_INIT(GRAMMAR_TAG_CLOSE);
    enum grammar_tag how =
        grammar_tag_of(a->grammar, buffer_slice(&a->tool), buffer_slice(&a->key));
    struct slice held = buffer_slice(&a->held);
    size_t first = !a->in_text && slice_starts_with(held, SLICE("\n")) ? 1 : 0; /* behind the tag */
    struct slice value = slice_sub(held, first, SIZE_MAX);
    size_t at = slice_find(value, close);
    if (how == GRAMMAR_TAG_TEXT && value.len > 0) {
        if (!a->in_text)
            emit(a, ENGINE_PIECE_ARGUMENTS, SLICE("\""));
        a->in_text = true;
        size_t len = at != SIZE_MAX ? at : value.len - begins_at_end(value, close);
        emit_text(a, slice_sub(value, 0, len));
        if (at == SIZE_MAX)
            buffer_consume(&a->held, first + len);
    }
    if (at == SIZE_MAX)
        return STEP_MORE;
    value = slice_sub(value, 0, at);
    bool is_null = how == GRAMMAR_TAG_TEXT_OR_NULL && slice_eq(value, SLICE("null"));
    if (a->in_text)
        emit(a, ENGINE_PIECE_ARGUMENTS, SLICE("\""));
    else if (is_null || (how == GRAMMAR_TAG_JSON && is_json(value)))
        emit(a, ENGINE_PIECE_ARGUMENTS, slice_trim(value));
    else
        emit_json(a, "", value, "");
    buffer_consume(&a->held, first + at + close.len);
    return go_on(a, SECTION_TAG_KEY);
}

/* ---- DeepSeek ---- */

static enum step on_next(struct engine_answer *a)
{
    const struct engine_markup_call *m = engine_markup_call(a->markup.tools);
    if (!skip_space(a))
        return STEP_MORE;
    struct slice held = buffer_slice(&a->held);
    if (slice_starts_with(held, m->end)) {
        buffer_consume(&a->held, m->end.len);
        a->skip_space = true;
        return go_on(a, SECTION_TEXT);
    }
    if (is_beginning(held, m->end) || is_beginning(held, m->open))
        return STEP_MORE;
    struct slice name = slice_sub(held, m->open.len, SIZE_MAX);
    size_t end = slice_find(name, m->behind_name);
    bool too_long =
        end == SIZE_MAX ? name.len > NAME_MAX_BYTES + m->behind_name.len : end > NAME_MAX_BYTES;
    if (!slice_starts_with(held, m->open) || end == 0 || too_long)
        return not_a_call(a);
    if (end == SIZE_MAX)
        return STEP_MORE;
    struct slice word = slice_trim(slice_sub(name, 0, end));
    if (word.len == 0)
        return not_a_call(a);
    announce(a, word);
    buffer_consume(&a->held, m->open.len + end + m->behind_name.len);
    (void)begin_call(a, SECTION_ARGUMENTS);
    a->announced = true;
    return STEP_AGAIN;
}

static enum step on_next_close(struct engine_answer *a)
{
    struct slice close = engine_markup_call(a->markup.tools)->close;
    if (!skip_space(a) || is_beginning(buffer_slice(&a->held), close))
        return STEP_MORE;
    if (slice_starts_with(buffer_slice(&a->held), close))
        buffer_consume(&a->held, close.len);
    buffer_clear(&a->raw);
    return go_on(a, SECTION_NEXT);
}

/* ---- harmony ---- */

static const struct slice harmony_ends[] = {SLICE_INIT("<|end|>"), SLICE_INIT("<|start|>")};

/* The word behind `key` in a header; absent when it is not there. */
static struct slice header_word(struct slice header, const char *key)
{
    struct slice name = slice_from_str(key);
    size_t at = slice_find(header, name);
    if (at == SIZE_MAX)
        return SLICE_NONE;
    struct slice word = slice_sub(header, at + name.len, SIZE_MAX);
    size_t len = 0;
    while (len < word.len && !answer_is_space(word.ptr[len]) && word.ptr[len] != '<')
        len++;
    return slice_sub(word, 0, len);
}

static enum step on_header(struct engine_answer *a)
{
    static const struct slice message = SLICE_INIT("<|message|>");
    struct slice held = buffer_slice(&a->held);
    size_t end = slice_find(held, message);
    if (end == SIZE_MAX && held.len < HEADER_MAX + message.len)
        return STEP_MORE;
    if (end > HEADER_MAX) /* SIZE_MAX too: no harmony after all, in whatever pieces it came */
        return go_on(a, SECTION_TEXT);
    struct slice header = slice_sub(held, 0, end);
    struct slice to = header_word(header, "to=functions.");
    struct slice channel = header_word(header, "<|channel|>");
    a->skip_space = false;
    a->body = slice_eq(channel, SLICE("analysis")) ? ENGINE_PIECE_REASONING : ENGINE_PIECE_TEXT;
    bool is_call = a->with_tools && to.len > 0 && to.len <= NAME_MAX_BYTES;
    if (is_call)
        announce(a, to);
    buffer_consume(&a->held, end + message.len);
    if (!is_call)
        return go_on(a, SECTION_BODY);
    (void)begin_call(a, SECTION_CALL_BODY);
    a->announced = true;
    return STEP_AGAIN;
}

static enum step on_body(struct engine_answer *a)
{
    bool to_the_end = a->is_json && a->body == ENGINE_PIECE_TEXT;
    if (!text_until(a, a->body, harmony_ends, to_the_end ? 0 : 2, false))
        return STEP_MORE;
    return go_on(a, SECTION_HEADER);
}

static enum step end_empty_call(struct engine_answer *a)
{
    emit(a, ENGINE_PIECE_ARGUMENTS, SLICE("{}"));
    a->whole++;
    a->announced = false;
    return go_on(a, SECTION_HEADER);
}

/* Arguments, or nothing at all. */
static enum step on_call_body(struct engine_answer *a)
{
    if (!skip_space(a))
        return STEP_MORE;
    if (buffer_slice(&a->held).ptr[0] == '<')
        return end_empty_call(a);
    return go_on(a, SECTION_ARGUMENTS);
}

/* ---- all of it ---- */

static enum step step(struct engine_answer *a)
{
    static enum step (*const sections[])(struct engine_answer *) = {
        [SECTION_START] = on_start,
        [SECTION_REASONING] = on_reasoning,
        [SECTION_TEXT_START] = on_text_start,
        [SECTION_TEXT] = on_text,
        [SECTION_CALLS] = on_calls,
        [SECTION_LIST] = on_list,
        [SECTION_OBJECT] = on_json,
        [SECTION_CLOSE] = on_close,
        [SECTION_ARGUMENTS] = on_json,
        [SECTION_TAG_NAME] = on_tag_name,
        [SECTION_TAG_KEY] = on_tag_key,
        [SECTION_TAG_VALUE] = on_tag_value,
        [SECTION_NEXT] = on_next,
        [SECTION_NEXT_CLOSE] = on_next_close,
        [SECTION_HEADER] = on_header,
        [SECTION_BODY] = on_body,
        [SECTION_CALL_BODY] = on_call_body,
    };
    return sections[a->section](a);
}

enum base_err engine_answer_push(struct engine_answer *a, struct slice text,
                                 engine_piece_fn on_piece, void *user)
{
    a->on_piece = on_piece;
    a->user = user;
    if (!a->err)
        a->err = buffer_add_slice(&a->held, text);
    while (!a->err && buffer_len(&a->held) > 0 && step(a) == STEP_AGAIN)
        ;
    return a->err;
}

/* What is held when a text ends: all of it, or without what may begin a marker. */
static struct slice rest_of(const struct engine_answer *a, const struct slice *markers,
                            size_t count, bool cut_off)
{
    struct slice held = buffer_slice(&a->held);
    size_t drop = 0;
    for (size_t i = 0; cut_off && i < count; i++) {
        size_t begins = begins_at_end(held, markers[i]);
        drop = begins > drop ? begins : drop;
    }
    held.len -= drop;
    return held;
}

enum base_err engine_answer_finish(struct engine_answer *a, bool cut_off, engine_piece_fn on_piece,
                                   void *user)
{
    const struct slice *marker = &engine_markup_call(a->markup.tools)->marker;
    bool may_call = a->with_tools && marker->len > 0 && !(a->is_json && a->has_text);
    a->on_piece = on_piece;
    a->user = user;
    switch (a->section) {
    case SECTION_REASONING:
        emit(a, ENGINE_PIECE_REASONING,
             without_space_behind(rest_of(a, &a->markup.close, 1, cut_off)));
        break;
    case SECTION_BODY:
        emit(a, a->body, rest_of(a, harmony_ends, 2, cut_off));
        break;
    case SECTION_CALL_BODY:
        if (!cut_off)
            (void)end_empty_call(a);
        break;
    case SECTION_TEXT:
        if (a->whole == 0 || space_at(buffer_slice(&a->held)) < buffer_len(&a->held))
            emit(a, ENGINE_PIECE_TEXT, rest_of(a, marker, may_call ? 1 : 0, cut_off));
        break;
    case SECTION_CLOSE:
    case SECTION_NEXT_CLOSE:
        break;
    case SECTION_NEXT: /* behind a call the end may be missing */
        if (!cut_off && a->whole == 0) {
            emit(a, ENGINE_PIECE_TEXT, buffer_slice(&a->raw));
            emit(a, ENGINE_PIECE_TEXT, buffer_slice(&a->held));
        }
        break;
    case SECTION_START:
    case SECTION_TEXT_START:
        if (!cut_off || buffer_len(&a->held) == space_at(buffer_slice(&a->held)))
            emit(a, ENGINE_PIECE_TEXT, buffer_slice(&a->held));
        break;
    case SECTION_HEADER: /* the beginning of a message that never came */
        if (!cut_off && a->whole == 0 && !slice_starts_with(buffer_slice(&a->held), SLICE("<|")))
            emit(a, ENGINE_PIECE_TEXT, buffer_slice(&a->held));
        break;
    default: /* in a call */
        if (cut_off || a->announced)
            break;
        emit(a, ENGINE_PIECE_TEXT, buffer_slice(&a->raw));
        emit(a, ENGINE_PIECE_TEXT, buffer_slice(&a->held));
        break;
    }
    buffer_clear(&a->held);
    return a->err;
}
