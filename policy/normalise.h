/*
 * Text as detectors read it, with the way back to the bytes that the client wrote. Private to
 * policy/.
 *
 *     err = norm_text(text, arena, &view);   // digits, full-width forms, invisible characters
 *     err = norm_decode(text, arena, &view); // after undoing %41, \u0041, &#65; and &nbsp; as well
 *     norm_span(&view, from, to, &offset, &length);
 *
 * ASCII without controls is not copied. Folding never makes a text longer.
 * Source: Unicode 15 (UnicodeData: decimal digits, compatibility forms of ASCII; default ignorable
 * code points; canonical pairs), UTS #39 for the few letters of other scripts that look like ASCII
 * ones.
 */
#ifndef POLICY_NORMALISE_H
#define POLICY_NORMALISE_H

#include "base/core/arena.h"
#include "base/core/error.h"
#include "base/core/slice.h"

/* From here on, `text` byte `at` is byte `origin` of the original. */
struct norm_step {
    size_t at;
    size_t origin;
    size_t end_before; /* original offset where the character before `at` ended */
};

struct norm_view {
    struct slice text;             /* the original itself when nothing had to change */
    const struct norm_step *steps; /* ascending */
    size_t step_count;
    bool is_exact; /* all of a token, which may hold another */
    bool whole;    /* every span stands for [whole_from, whole_to): decoded from base64 or hex */
    size_t whole_from, whole_to;
    const struct norm_view *under; /* whose text was decoded here; NULL = the original */
};

enum base_err norm_text(struct slice text, struct arena *arena,
                        struct norm_view *ret_view) BASE_MUST_USE;

/* The same text with letters and the marks behind them as one character each (NFC, nearly): for
 * words of dictionaries, which people write so. norm_text() drops the marks. */
bool norm_has_marks(struct slice text); /* True if norm_compose() may have something to do */
enum base_err norm_compose(struct slice text, struct arena *arena,
                           struct norm_view *ret_view) BASE_MUST_USE;
uint32_t norm_pair(uint32_t base, uint32_t mark); /* 0 = they do not compose (compose.c) */

/* True if norm_text() would change nothing: the text is ASCII without controls. */
bool norm_is_plain(struct slice text);

/* True if norm_decode() would find an escape to undo. */
bool norm_has_escapes(struct slice text);
enum base_err norm_decode(struct slice text, struct arena *arena,
                          struct norm_view *ret_view) BASE_MUST_USE;

/* The same for quoted-printable, which is a view of its own: "=41" is often just an assignment. */
bool norm_has_quoted(struct slice text);
enum base_err norm_unquote(struct slice text, struct arena *arena,
                           struct norm_view *ret_view) BASE_MUST_USE;

/* The original bytes of [from, to) of the view's text; through the views under it. */
void norm_span(const struct norm_view *view, size_t from, size_t to, size_t *ret_offset,
               size_t *ret_length);

/* A character of base64 or base64url, or what fills up its end. */
bool norm_is_base64(char c);

/*
 * Finds the next base64 or hexadecimal token at or after *at that holds readable text, and moves
 * *at behind it. What is put before a token (a word, a path, 0x) shifts its letters: so not only
 * the whole is tried but whatever can be read from each of the four places where one may begin, and
 * of UTF-16 as well. False when there is none; BASE_ERR_NO_MEMORY in *ret_err then, or BASE_OK.
 */
bool norm_next_encoded(struct slice text, size_t *at, struct arena *arena,
                       struct norm_view *ret_view, enum base_err *ret_err);

#endif
