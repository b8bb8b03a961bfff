#include "engine/tokenizer/textstream.h"

#include <stdlib.h>

#include "base/core/buffer.h"

enum { DELTA_MAX = 1 << 24, NO_STATE = 0 };

/* A state is a prefix of some stop text; state 0 is the empty one. */
struct state {
    uint16_t child;   /* first longer prefix, or 0 */
    uint16_t sibling; /* next child of the same parent, or 0 */
    uint16_t fail;    /* the longest proper end of this prefix that is a state */
    uint16_t depth;   /* bytes of the prefix */
    uint16_t match;   /* longest stop text that ends here, in bytes; 0 = none */
    uint8_t byte;     /* the last byte of the prefix */
};

struct engine_textstream {
    struct state *states;
    size_t state_count;
    uint16_t at; /* state reached by the text so far; its depth is what is held back */

    unsigned char partial[4]; /* an incomplete character */
    size_t partial_len;

    struct buffer text; /* [what is out already, until the next call][held back] */
    size_t delta_len;   /* bytes of `text` that were handed out by the last call */
    uint64_t tokens, max_tokens;
    uint64_t in, out;
    bool stopped, blind;
};

/* --- The automaton --- */

static uint16_t child_of(const struct engine_textstream *stream, uint16_t from, uint8_t byte)
{
    uint16_t at = stream->states[from].child;
    while (at != NO_STATE && stream->states[at].byte != byte)
        at = stream->states[at].sibling;
    return at;
}

static uint16_t next_state(const struct engine_textstream *stream, uint16_t from, uint8_t byte)
{
    for (;;) {
        uint16_t to = child_of(stream, from, byte);
        if (to != NO_STATE || from == NO_STATE)
            return to;
        from = stream->states[from].fail;
    }
}

static void add_stop(struct engine_textstream *stream, struct slice stop)
{
    uint16_t at = 0;
    for (size_t i = 0; i < stop.len; i++) {
        uint8_t byte = (uint8_t)stop.ptr[i];
        uint16_t to = child_of(stream, at, byte);
        if (to == NO_STATE) {
            to = (uint16_t)stream->state_count++;
            stream->states[to] = (struct state){
                .byte = byte, .depth = (uint16_t)(i + 1), .sibling = stream->states[at].child};
            stream->states[at].child = to;
        }
        at = to;
    }
    stream->states[at].match = (uint16_t)stop.len;
}

/* Breadth first, so that shorter prefixes are ready; `order` has room for every state. */
static void link_failures(struct engine_textstream *stream, uint16_t *order)
{
    size_t head = 0, tail = 0;
    order[tail++] = 0;
    while (head < tail) {
        uint16_t parent = order[head++];
        for (uint16_t at = stream->states[parent].child; at != NO_STATE;
             at = stream->states[at].sibling) {
            struct state *state = &stream->states[at];
            if (parent != 0)
                state->fail = next_state(stream, stream->states[parent].fail, state->byte);
            if (state->match == 0)
                state->match = stream->states[state->fail].match;
            order[tail++] = at;
        }
    }
}

static enum base_err check_stops(const struct slice *stops, size_t count, size_t *ret_bytes,
                                 struct base_error *reterr)
{
    size_t bytes = 0;
    if (count > ENGINE_TEXTSTREAM_STOPS_MAX)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "stop",
                                    "stop has %zu texts; at most %d are possible", count,
                                    ENGINE_TEXTSTREAM_STOPS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (stops[i].len == 0 || !slice_is_utf8(stops[i]))
            return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "stop", "stop text %zu is %s",
                                        i, stops[i].len == 0 ? "empty" : "not UTF-8");
        if (stops[i].len > ENGINE_TEXTSTREAM_STOP_BYTES_MAX - bytes)
            return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "stop",
                                        "the stop texts are longer than %d bytes together",
                                        ENGINE_TEXTSTREAM_STOP_BYTES_MAX);
        bytes += stops[i].len;
    }
    *ret_bytes = bytes;
    return BASE_OK;
}

enum base_err engine_textstream_new(const struct slice *stops, size_t stop_count,
                                    uint64_t max_tokens, struct engine_textstream **ret_stream,
                                    struct base_error *reterr)
{
    size_t bytes = 0;
    enum base_err err = check_stops(stops, stop_count, &bytes, reterr);
    if (err)
        return err;
    struct engine_textstream *stream = calloc(1, sizeof(*stream));
    uint16_t *order = calloc(bytes + 1, sizeof(*order));
    if (stream)
        stream->states = calloc(bytes + 1, sizeof(*stream->states));
    if (!stream || !order || !stream->states) {
        engine_textstream_free(stream);
        free(order);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the stop texts");
    }
    buffer_init(&stream->text, DELTA_MAX);
    stream->max_tokens = max_tokens;
    stream->state_count = 1;
    for (size_t i = 0; i < stop_count; i++)
        add_stop(stream, stops[i]);
    link_failures(stream, order);
    free(order);
    *ret_stream = stream;
    return BASE_OK;
}

void engine_textstream_free(struct engine_textstream *stream)
{
    if (!stream)
        return;
    free(stream->states);
    buffer_done(&stream->text);
    free(stream);
}

/* --- UTF-8 --- */

/* How the bytes so far continue: 1 = a whole character, 0 = incomplete, -1 = the last byte cannot
 * belong to it (Unicode, table 3-7). */
static int utf8_state(const unsigned char *p, size_t len)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return -1;
    size_t want = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len == 1)
        return 0;
    unsigned char low = 0x80, high = 0xbf;
    if (len == 2) {
        low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    }
    if (p[len - 1] < low || p[len - 1] > high)
        return -1;
    return len == want ? 1 : 0;
}

/* Adds one whole character to the text; true when a stop text has ended. */
static bool add_character(struct engine_textstream *stream, const unsigned char *bytes, size_t len)
{
    (void)buffer_add(&stream->text, bytes, len); /* room was reserved by the caller */
    stream->in += len;
    if (stream->blind)
        return false;
    for (size_t i = 0; i < len; i++)
        stream->at = next_state(stream, stream->at, bytes[i]);
    size_t match = stream->states[stream->at].match;
    if (match == 0)
        return false;
    buffer_truncate(&stream->text, buffer_len(&stream->text) - match);
    stream->at = 0;
    stream->stopped = true;
    return true;
}

static bool add_replacement(struct engine_textstream *stream)
{
    stream->partial_len = 0;
    return add_character(stream, (const unsigned char *)"\xef\xbf\xbd", 3);
}

static bool add_byte(struct engine_textstream *stream, unsigned char byte)
{
    stream->partial[stream->partial_len++] = byte;
    int state = utf8_state(stream->partial, stream->partial_len);
    if (state == 0)
        return false;
    if (state > 0) {
        size_t len = stream->partial_len;
        stream->partial_len = 0;
        return add_character(stream, stream->partial, len);
    }
    bool alone = stream->partial_len == 1;
    if (add_replacement(stream))
        return true;
    return alone ? false : add_byte(stream, byte); /* it may begin the next one: one level deep */
}

void engine_textstream_watch(struct engine_textstream *stream, bool on)
{
    stream->blind = !on;
    if (!on)
        stream->at = 0;
}

static void forget_delta(struct engine_textstream *stream)
{
    buffer_consume(&stream->text, stream->delta_len);
    stream->delta_len = 0;
}

static void hand_out(struct engine_textstream *stream, size_t held, struct slice *ret_delta)
{
    stream->delta_len = buffer_len(&stream->text) - held;
    stream->out += stream->delta_len;
    *ret_delta = slice_sub(buffer_slice(&stream->text), 0, stream->delta_len);
}

enum engine_textstream_end engine_textstream_push(struct engine_textstream *stream,
                                                  struct slice bytes, struct slice *ret_delta)
{
    forget_delta(stream);
    *ret_delta = SLICE("");
    if (stream->stopped)
        return ENGINE_TEXTSTREAM_STOP;
    /* Each byte becomes three at most; an incomplete character before it three more. */
    if (bytes.len > DELTA_MAX / 4 || !buffer_reserve(&stream->text, bytes.len * 3 + 3))
        return ENGINE_TEXTSTREAM_NO_MEMORY;
    stream->tokens++;
    for (size_t i = 0; i < bytes.len && !stream->stopped; i++)
        (void)add_byte(stream, (unsigned char)bytes.ptr[i]);
    hand_out(stream, stream->states[stream->at].depth, ret_delta);
    if (stream->stopped)
        return ENGINE_TEXTSTREAM_STOP;
    if (stream->max_tokens != 0 && stream->tokens >= stream->max_tokens)
        return ENGINE_TEXTSTREAM_LENGTH;
    return ENGINE_TEXTSTREAM_MORE;
}

void engine_textstream_finish(struct engine_textstream *stream, struct slice *ret_delta)
{
    forget_delta(stream);
    if (stream->partial_len > 0 && !stream->stopped && buffer_reserve(&stream->text, 3))
        (void)add_replacement(stream);
    hand_out(stream, 0, ret_delta);
}

uint64_t engine_textstream_out(const struct engine_textstream *stream)
{
    return stream->out;
}

uint64_t engine_textstream_in(const struct engine_textstream *stream)
{
    return stream->in;
}
