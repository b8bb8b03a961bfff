/*
 * Strict HTTP/1.1 request parser. No I/O and no allocation: bytes in, events out.
 *
 *     struct http_parser parser;
 *     struct http_head head;
 *     http_parser_init(&parser, &limits, &head);
 *     for (;;) {
 *         struct http_event ev;
 *         size_t used = http_parser_next(&parser, bytes, len, &ev);
 *         (drop `used` bytes, keep the rest for the next call)
 *         switch (ev.kind) {
 *         case HTTP_EVENT_MORE:  read more, append it to the rest, call again
 *         case HTTP_EVENT_HEAD:  head is complete
 *         case HTTP_EVENT_BODY:  ev.body is the next piece
 *         case HTTP_EVENT_END:   http_parser_reset() for the next request
 *         case HTTP_EVENT_ERROR: answer ev.err, then close
 *         case HTTP_EVENT_CLOSE: another protocol (TLS hello, HTTP/2 preface): close, say nothing
 *         }
 *     }
 *
 * While the head is incomplete `used` is 0 (an empty line before it apart): it stays in one piece.
 * Slices in `struct http_head` point into the bytes of the call that returned HTTP_EVENT_HEAD
 * (those `used` bytes must stay where they are for as long as the head is read).
 *
 * However the input is cut into calls, the events are the same (pieces of the body apart, whose
 * concatenation is the same); tests/fuzz/fuzz_http.c checks it. What is refused, and why where
 * RFC 9112 leaves a choice: docs/decisions/0003-http-strictness.md.
 * Threads: a parser belongs to one thread at a time.
 */
#ifndef GATEWAY_HTTP_PARSER_H
#define GATEWAY_HTTP_PARSER_H

#include "base/core/error.h"

enum {
    HTTP_HEADERS_MAX = 100,          /* fields in one head */
    HTTP_HEAD_BYTES_MAX = 32 * 1024, /* request line, fields and the empty line */
    HTTP_TARGET_BYTES_MAX = 8 * 1024,
    HTTP_METHOD_BYTES_MAX = 32,
    HTTP_CHUNK_LINE_MAX = 16 + 256, /* hexadecimal size and extensions */
    HTTP_TRAILER_BYTES_MAX = 8 * 1024,
};

struct http_limits {
    uint64_t body_bytes; /* most bytes of a body; more is TOO_LARGE */
};

struct http_field {
    struct slice name;  /* as sent; compare with slice_eq_nocase() */
    struct slice value; /* without surrounding spaces and tabs */
};

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_head {
    struct slice method; /* a token, case as sent */
    struct slice target; /* origin-form, as sent: path and query */
    struct slice path;   /* target up to '?'; begins with '/', percent-encoding left as it is,
                          * without "." and ".." segments in any encoding */
    struct slice query;  /* after '?', or absent */
    struct slice host;   /* absent only in HTTP/1.0 */
    unsigned minor;      /* 0 or 1 */
    bool keep_alive;     /* after this request, as far as the client is concerned */
    bool expect_continue;
    enum http_body_kind body;
    uint64_t content_length; /* of HTTP_BODY_LENGTH; not yet held against limits.body_bytes */
    size_t field_count;
    struct http_field fields[HTTP_HEADERS_MAX]; /* in order, all of them */
};

/* The first field of that name (case ignored), or absent. These occur at most once, or the request
 * is refused: host, content-length, transfer-encoding, content-type, content-encoding, expect,
 * authorization, x-api-key. */
struct slice http_head_get(const struct http_head *head, struct slice name);

/* Why a request was refused: for counters and the log. X(NAME, error, text) */
#define HTTP_FAULTS(X)                                                                             \
    X(NONE, OK, "")                                                                                \
    X(OTHER_PROTOCOL, BAD_REQUEST, "this port speaks HTTP/1.1 without TLS")                        \
    X(METHOD, BAD_REQUEST, "the request line does not begin with a method")                        \
    X(TARGET, BAD_REQUEST, "the request target is not a plain path")                               \
    X(TARGET_TOO_LONG, URI_TOO_LONG, "the request target is longer than 8 KiB")                    \
    X(VERSION, BAD_REQUEST, "the HTTP version is neither 1.0 nor 1.1")                             \
    X(LINE_END, BAD_REQUEST, "a line of the head does not end in CR LF")                           \
    X(FIELD_NAME, BAD_REQUEST, "a header's name is empty, or not followed by a colon at once")     \
    X(FIELD_VALUE, BAD_REQUEST, "a header's value holds a control character")                      \
    X(FIELD_FOLDED, BAD_REQUEST, "a header is folded over lines, or the first begins with space")  \
    X(HEAD_TOO_LARGE, HEADERS_TOO_LARGE, "the head has more than 32 KiB or 100 headers")           \
    X(HOST, BAD_REQUEST, "the Host header is missing or not valid")                                \
    X(REPEATED, BAD_REQUEST, "a header that may occur once occurs again")                          \
    X(LENGTH, BAD_REQUEST, "Content-Length is not a plain decimal number")                         \
    X(CODING, BAD_REQUEST, "Transfer-Encoding is not exactly 'chunked' on HTTP/1.1")               \
    X(LENGTH_AND_CODING, BAD_REQUEST, "both Content-Length and Transfer-Encoding are given")       \
    X(CONTENT_ENCODING, UNSUPPORTED_MEDIA, "a request body must not be compressed")                \
    X(EXPECT, EXPECTATION_FAILED, "Expect is not '100-continue'")                                  \
    X(BODY_TOO_LARGE, TOO_LARGE, "the request body is larger than allowed here")                   \
    X(CHUNK, BAD_REQUEST, "the chunked body is malformed")                                         \
    X(TRAILER, BAD_REQUEST, "the trailers of the body are malformed or too large")

enum http_fault {
#define X(name, err, text) HTTP_FAULT_##name,
    HTTP_FAULTS(X)
#undef X
        HTTP_FAULT_COUNT
};

const char *http_fault_name(enum http_fault fault); /* "FIELD_NAME" */
const char *http_fault_text(enum http_fault fault); /* the sentence above */
enum base_err http_fault_err(enum http_fault fault);

enum http_event_kind {
    HTTP_EVENT_MORE,
    HTTP_EVENT_HEAD,
    HTTP_EVENT_BODY,
    HTTP_EVENT_END,
    HTTP_EVENT_ERROR,
    HTTP_EVENT_CLOSE,
};

struct http_event {
    enum http_event_kind kind;
    struct slice body;     /* HTTP_EVENT_BODY: into the bytes given */
    enum http_fault fault; /* HTTP_EVENT_ERROR and _CLOSE */
};

/* Members are private. */
struct http_parser {
    struct http_limits limits;
    struct http_head *head; /* borrowed */
    unsigned state;
    uint32_t at;           /* head: where the current line begins */
    uint32_t seen;         /* which fields of interest have been seen */
    uint32_t trailer_size; /* bytes */
    bool skipped_empty;    /* the one empty line allowed before a request line */
    uint64_t left;         /* bytes of the body or of the chunk */
    uint64_t body_size;    /* of a chunked body, so far */
    enum http_fault fault;
};

/* `head` is borrowed until the next init or reset; its content is of use from HTTP_EVENT_HEAD on.
 */
void http_parser_init(struct http_parser *parser, const struct http_limits *limits,
                      struct http_head *head);

/* Ready for the next request of the same connection; `head` may be another one, the limits stay. */
void http_parser_reset(struct http_parser *parser, struct http_head *head);

/* Sets another body limit, after HEAD and before the next http_parser_next(), which refuses a
 * Content-Length above it (a chunked body is refused when it grows beyond). */
void http_parser_limit_body(struct http_parser *parser, uint64_t body_bytes);

/* One event; returns how many of the bytes it used up. After ERROR and CLOSE every call repeats it.
 * Bytes not used must be given again, at the front of the next call. */
size_t http_parser_next(struct http_parser *parser, const char *bytes, size_t len,
                        struct http_event *ret_event);

/* Bytes of a body whose length was announced may be read past the parser, once it has answered MORE
 * inside that body: tells it that `len` of them (at most http_parser_body_left()) went by. */
uint64_t http_parser_body_left(const struct http_parser *parser); /* 0 for other bodies */
void http_parser_body_skip(struct http_parser *parser, uint64_t len);

#endif
