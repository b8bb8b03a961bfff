/*
 * Server-sent events: an incremental reader without I/O.
 *
 *     struct sse_reader sse;
 *     sse_init(&sse, max_event_bytes);
 *     ... for each piece of input:
 *     struct sse_event event;
 *     while ((err = sse_next(&sse, &bytes, &event)) == BASE_OK)
 *         ... event.data ...
 *     if (err != BASE_ERR_AGAIN) ... the stream is broken ...
 *     ... at the end of the input:
 *     if (sse_finish(&sse, &event)) ... a last event whose blank line never came ...
 *     sse_done(&sse);
 *
 * Lines end in CRLF, LF or CR; several data lines are joined by LF; comments and unknown fields are
 * skipped; one leading byte order mark is dropped; the space after a colon is optional. However the
 * input is split, the events are the same.
 * Source: WHATWG HTML, "Server-sent events", 9.2.6. One difference: an event cut off by the end of
 * the input is not thrown away but handed out by sse_finish(), because providers forget the last
 * blank line; whoever asks must find it complete by its own grammar (a JSON text, "[DONE]").
 */
#ifndef UPSTREAMS_SSE_H
#define UPSTREAMS_SSE_H

#include "base/core/buffer.h"

struct sse_event {
    struct slice type; /* the `event:` field; absent when there was none */
    struct slice data; /* valid until the next call, as is `type` */
};

struct sse_reader {
    struct buffer line; /* the unfinished line */
    struct buffer data; /* data lines so far, each followed by LF */
    struct buffer type;
    bool has_data, has_type;
    bool skip_lf;    /* the last line ended in CR: an LF now belongs to it */
    bool begun;      /* a first line has been read: no byte order mark any more */
    bool handed_out; /* data and type are those of the event returned last */
};

/* `max_event_bytes` bounds a line, and the data of an event. */
void sse_init(struct sse_reader *sse, size_t max_event_bytes);
void sse_done(struct sse_reader *sse);

/* Takes bytes from the front of *input up to the end of the next event. OK: *ret_event is one.
 * AGAIN: all input was taken. LIMIT: a line or an event is too long. NO_MEMORY. Both are final. */
enum base_err sse_next(struct sse_reader *sse, struct slice *input,
                       struct sse_event *ret_event) BASE_MUST_USE;

/* At the end of the input: true if there is data of an unfinished event. */
bool sse_finish(struct sse_reader *sse, struct sse_event *ret_event);

#endif
