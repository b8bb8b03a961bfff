#include "engine/answer/answer.h"

#include "engine/template/jinja.h"

enum { NAME_MAX_BYTES = 1024, DECODE_MEMORY_MAX = 64 << 20 };

void call_reader_init(struct call_reader *r)
{
    *r = (struct call_reader){.at = CALL_AT_OPEN};
    buffer_init(&r->key, NAME_MAX_BYTES);
    buffer_init(&r->name, NAME_MAX_BYTES);
    buffer_init(&r->value, ENGINE_ANSWER_HELD_MAX);
    buffer_init(&r->early, ENGINE_ANSWER_HELD_MAX);
}

void call_reader_done(struct call_reader *r)
{
    buffer_done(&r->key);
    buffer_done(&r->name);
    buffer_done(&r->value);
    buffer_done(&r->early);
}

void call_reader_begin(struct call_reader *r, enum call_reader_form form)
{
    call_reader_done(r);
    call_reader_init(r);
    r->bare = form == CALL_READER_ARGUMENTS;
    r->named = r->bare;
    if (r->bare) {
        r->at = CALL_AT_VALUE;
        r->role = CALL_VALUE_ARGUMENTS;
    }
}

struct out {
    engine_piece_fn on_piece;
    void *user;
};

static void send(const struct out *out, enum engine_piece_type type, struct slice text)
{
    out->on_piece(out->user, &(struct engine_piece){.type = type, .text = text});
}

/* The text of a JSON string, or what it says when it cannot be read as one. */
static void add_decoded(struct buffer *to, struct slice json)
{
    struct arena *arena = arena_new(DECODE_MEMORY_MAX);
    struct engine_value value;
    if (arena && engine_value_from_json(arena, json, &value, NULL) == BASE_OK &&
        value.type == ENGINE_VALUE_STRING)
        buffer_add(to, value.u.s.ptr, value.u.s.len);
    else
        buffer_add_slice(to, json);
    arena_free(arena);
}

/* Arguments that are certain, as far as they may go out already. */
static void flush_arguments(struct call_reader *r, const struct out *out)
{
    if (buffer_len(&r->value) == 0)
        return;
    r->argued = true;
    if (r->named)
        send(out, ENGINE_PIECE_ARGUMENTS, buffer_slice(&r->value));
    else
        buffer_add_slice(&r->early, buffer_slice(&r->value));
    buffer_clear(&r->value);
}

static bool end_name(struct call_reader *r, const struct out *out)
{
    if (r->named || !slice_starts_with(buffer_slice(&r->value), SLICE("\"")))
        return false;
    add_decoded(&r->name, buffer_slice(&r->value));
    buffer_clear(&r->value);
    if (buffer_len(&r->name) == 0 || r->name.err)
        return false;
    r->named = true;
    send(out, ENGINE_PIECE_CALL, buffer_slice(&r->name));
    if (buffer_len(&r->early) > 0)
        send(out, ENGINE_PIECE_ARGUMENTS, buffer_slice(&r->early));
    return true;
}

/* Some models write the arguments as a text that holds JSON, or leave them out. */
static void end_arguments(struct call_reader *r, const struct out *out)
{
    if (!r->streams && slice_eq(buffer_slice(&r->value), SLICE("null"))) {
        buffer_clear(&r->value);
    } else if (!r->streams) {
        struct buffer decoded;
        buffer_init(&decoded, ENGINE_ANSWER_HELD_MAX);
        add_decoded(&decoded, buffer_slice(&r->value));
        buffer_clear(&r->value);
        buffer_add_slice(&r->value, buffer_slice(&decoded));
        buffer_done(&decoded);
    }
    flush_arguments(r, out);
}

static bool end_value(struct call_reader *r, const struct out *out)
{
    r->at = CALL_AT_COMMA;
    if (r->role == CALL_VALUE_NAME)
        return end_name(r, out);
    if (r->role == CALL_VALUE_ARGUMENTS)
        end_arguments(r, out);
    return true;
}

static enum call_reader_state end_object(struct call_reader *r, const struct out *out)
{
    if (!r->named)
        return CALL_READER_BAD;
    if (!r->argued)
        send(out, ENGINE_PIECE_ARGUMENTS, SLICE("{}"));
    return CALL_READER_WHOLE;
}

static void begin_value(struct call_reader *r, char c)
{
    struct slice key = buffer_slice(&r->key);
    if (!r->bare) {
        r->role = CALL_VALUE_OTHER;
        if (slice_eq(key, SLICE("name")))
            r->role = CALL_VALUE_NAME;
        else if (slice_eq(key, SLICE("arguments")) || slice_eq(key, SLICE("parameters")))
            r->role = r->argued ? CALL_VALUE_OTHER : CALL_VALUE_ARGUMENTS;
    }
    r->at = CALL_IN_VALUE;
    r->depth = 0;
    r->in_string = r->escaped = false;
    r->streams = r->role == CALL_VALUE_ARGUMENTS && c == '{';
    buffer_clear(&r->value);
}

enum taken { TAKEN, TAKEN_LAST, NOT_TAKEN };

/* One byte of a value: is it one, and the last of it? */
static enum taken value_byte(struct call_reader *r, char c)
{
    if (r->in_string) {
        bool ends = c == '"' && !r->escaped;
        r->escaped = c == '\\' && !r->escaped;
        r->in_string = !ends;
        return ends && r->depth == 0 ? TAKEN_LAST : TAKEN;
    }
    if (c == '"') {
        r->in_string = true;
    } else if (c == '{' || c == '[') {
        r->depth++;
    } else if (c == '}' || c == ']') {
        if (r->depth == 0)
            return NOT_TAKEN;
        return --r->depth == 0 ? TAKEN_LAST : TAKEN;
    } else if (r->depth == 0 && (c == ',' || answer_is_space(c))) {
        return NOT_TAKEN;
    }
    return TAKEN;
}

/* One byte; *ret_used is false when it belongs to what comes next. */
static enum call_reader_state in_value(struct call_reader *r, char c, const struct out *out,
                                       bool *ret_used)
{
    enum taken taken = value_byte(r, c);
    *ret_used = taken != NOT_TAKEN;
    if (*ret_used && r->role != CALL_VALUE_OTHER && buffer_add_char(&r->value, c))
        return CALL_READER_BAD;
    if (taken == TAKEN)
        return CALL_READER_MORE;
    if (!end_value(r, out))
        return CALL_READER_BAD;
    return r->bare ? end_object(r, out) : CALL_READER_MORE;
}

/* Punctuation between keys and values. */
static enum call_reader_state between(struct call_reader *r, char c, const struct out *out)
{
    bool may_end = r->at == CALL_AT_KEY_OR_END || r->at == CALL_AT_COMMA;
    bool may_key = r->at == CALL_AT_KEY_OR_END || r->at == CALL_AT_KEY;
    if (answer_is_space(c))
        return CALL_READER_MORE;
    if (r->at == CALL_AT_OPEN && c == '{') {
        r->at = CALL_AT_KEY_OR_END;
    } else if (may_end && c == '}') {
        return end_object(r, out);
    } else if (may_key && c == '"') {
        buffer_clear(&r->key);
        r->at = CALL_IN_KEY;
    } else if (r->at == CALL_AT_COMMA && c == ',') {
        r->at = CALL_AT_KEY;
    } else if (r->at == CALL_AT_COLON && c == ':') {
        r->at = CALL_AT_VALUE;
    } else {
        return CALL_READER_BAD;
    }
    return CALL_READER_MORE;
}

static enum call_reader_state byte(struct call_reader *r, char c, const struct out *out,
                                   bool *ret_used)
{
    *ret_used = true;
    if (r->at == CALL_AT_VALUE && !answer_is_space(c))
        begin_value(r, c);
    if (r->at == CALL_IN_VALUE)
        return in_value(r, c, out, ret_used);
    if (r->at == CALL_AT_VALUE)
        return CALL_READER_MORE;
    if (r->at != CALL_IN_KEY)
        return between(r, c, out);
    if (c == '"')
        r->at = CALL_AT_COLON;
    else if (buffer_add_char(&r->key, c))
        return CALL_READER_BAD;
    return CALL_READER_MORE;
}

enum call_reader_state call_reader_push(struct call_reader *r, struct slice text, size_t *ret_used,
                                        engine_piece_fn on_piece, void *user)
{
    const struct out out = {on_piece, user};
    enum call_reader_state state = CALL_READER_MORE;
    size_t at = 0;
    while (at < text.len && state == CALL_READER_MORE) {
        bool used;
        state = byte(r, text.ptr[at], &out, &used);
        at += used ? 1 : 0;
    }
    if (state == CALL_READER_MORE && r->at == CALL_IN_VALUE && r->streams)
        flush_arguments(r, &out);
    *ret_used = at;
    return state;
}
