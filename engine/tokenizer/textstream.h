/*
 * Text stream: the bytes of tokens, one token at a time, to text that may be sent.
 *
 *     err = engine_textstream_new(stops, stop_count, max_tokens, &stream, &detail);
 *     for each token:
 *         end = engine_textstream_push(stream, bytes, &delta);     // delta may be empty
 *         if (end != ENGINE_TEXTSTREAM_MORE) break;
 *     engine_textstream_finish(stream, &delta);                    // what was held back
 *     engine_textstream_free(stream);
 *
 * What comes out is always well-formed UTF-8 in whole characters: an incomplete character waits for
 * its rest, and each ill-formed part becomes one U+FFFD. A stop text, and all that follows it,
 * never comes out; text is held back only while it may still become one, which is exactly the
 * longest end of it that begins some stop text (Aho and Corasick 1975). Of stop texts that end at
 * the same character the longest counts; otherwise the one that ends first.
 *
 * Threads: one at a time. After _new() only the output buffer may grow, to the longest delta.
 */
#ifndef ENGINE_TOKENIZER_TEXTSTREAM_H
#define ENGINE_TOKENIZER_TEXTSTREAM_H

#include "base/core/error.h"
#include "base/core/slice.h"

enum {
    ENGINE_TEXTSTREAM_STOPS_MAX = 256,
    ENGINE_TEXTSTREAM_STOP_BYTES_MAX = 16384 /* all of them together */
};

enum engine_textstream_end {
    ENGINE_TEXTSTREAM_MORE,
    ENGINE_TEXTSTREAM_STOP,     /* a stop text came: nothing more may be pushed */
    ENGINE_TEXTSTREAM_LENGTH,   /* this was the last token allowed; finish() gives what is held */
    ENGINE_TEXTSTREAM_NO_MEMORY /* nothing was added */
};

struct engine_textstream;

/* `max_tokens` 0 = no limit. The stop texts are copied. BAD_VALUE (param "stop"): one is empty, not
 * UTF-8, or there are too many. */
enum base_err engine_textstream_new(const struct slice *stops, size_t stop_count,
                                    uint64_t max_tokens, struct engine_textstream **ret_stream,
                                    struct base_error *reterr) BASE_MUST_USE;
void engine_textstream_free(struct engine_textstream *stream); /* NULL allowed */

/* Whether stop texts are looked for in what is pushed from now on; at first they are. What was held
 * back as the beginning of one comes out with the next push. */
void engine_textstream_watch(struct engine_textstream *stream, bool on);

/* Adds the bytes of one token. *ret_delta: the text that became certain, valid until the next call.
 */
enum engine_textstream_end engine_textstream_push(struct engine_textstream *stream,
                                                  struct slice bytes, struct slice *ret_delta);

/* The end, whatever the reason: what was held back, an incomplete character as U+FFFD. Empty after
 * a stop text. */
void engine_textstream_finish(struct engine_textstream *stream, struct slice *ret_delta);

/* Bytes of text that came out so far, and bytes that went in as text (held ones included): a token
 * has come out wholly when `out` has reached the `in` of after its push. */
uint64_t engine_textstream_out(const struct engine_textstream *stream);
uint64_t engine_textstream_in(const struct engine_textstream *stream);

#endif
