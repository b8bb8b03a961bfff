/* Feeds bytes to the HTTP parser in given cuts and writes down the events as text, so that two runs
 * can be compared. Shared by the unit test and the fuzz target. */
#ifndef TESTS_UNIT_GATEWAY_HTTP_FEED_H
#define TESTS_UNIT_GATEWAY_HTTP_FEED_H

#include <stdlib.h>

#include "base/core/buffer.h"
#include "gateway/http/parser.h"

struct feed {
    struct http_parser parser;
    struct http_head head;
    struct http_limits limits;
    struct buffer pending; /* given, not used up */
    char *stays;           /* the bytes of the head, where its slices point */
    struct buffer log;     /* events */
    struct buffer body;    /* of the current request */
    bool over;             /* after ERROR or CLOSE */
};

static inline void feed_init(struct feed *feed, uint64_t body_bytes)
{
    memset(feed, 0, sizeof(*feed));
    feed->limits.body_bytes = body_bytes;
    http_parser_init(&feed->parser, &feed->limits, &feed->head);
    buffer_init(&feed->pending, 1 << 24);
    buffer_init(&feed->log, 1 << 26);
    buffer_init(&feed->body, 1 << 24);
}

static inline void feed_done(struct feed *feed)
{
    buffer_done(&feed->pending);
    buffer_done(&feed->log);
    buffer_done(&feed->body);
    free(feed->stays);
}

static inline void feed_log_head(struct feed *feed)
{
    const struct http_head *head = &feed->head;
    (void)buffer_addf(&feed->log, "HEAD %.*s|%.*s|%.*s|%.*s|%.*s 1.%u %s%s body=%d len=%llu\n",
                      SLICE_ARG(head->method), SLICE_ARG(head->target), SLICE_ARG(head->path),
                      SLICE_ARG(head->query), SLICE_ARG(head->host), head->minor,
                      head->keep_alive ? "keep" : "close", head->expect_continue ? " expect" : "",
                      (int)head->body, (unsigned long long)head->content_length);
    for (size_t i = 0; i < head->field_count; i++) {
        (void)buffer_add_slice(&feed->log, head->fields[i].name);
        (void)buffer_add_str(&feed->log, "=");
        (void)buffer_add_slice(&feed->log, head->fields[i].value);
        (void)buffer_add_str(&feed->log, "\n");
    }
}

/* Takes one event out of the pending bytes; false when more are needed or all is over. */
static inline bool feed_one(struct feed *feed)
{
    struct slice bytes = buffer_slice(&feed->pending);
    /* a copy of the exact size, so that AddressSanitizer sees reads past the end */
    char *exact = malloc(bytes.len ? bytes.len : 1);
    if (!exact)
        abort();
    memcpy(exact, bytes.ptr, bytes.len);
    struct http_event ev;
    size_t used = http_parser_next(&feed->parser, exact, bytes.len, &ev);
    if (used > bytes.len)
        abort();
    buffer_consume(&feed->pending, used);
    switch (ev.kind) {
    case HTTP_EVENT_HEAD:
        feed_log_head(feed);
        free(feed->stays);
        feed->stays = exact;
        return true;
    case HTTP_EVENT_BODY:
        if (ev.body.len == 0)
            abort();
        (void)buffer_add_slice(&feed->body, ev.body);
        break;
    case HTTP_EVENT_END:
        (void)buffer_add_str(&feed->log, "END ");
        (void)buffer_add_slice(&feed->log, buffer_slice(&feed->body));
        (void)buffer_add_str(&feed->log, "\n");
        buffer_clear(&feed->body);
        http_parser_reset(&feed->parser, &feed->head);
        break;
    case HTTP_EVENT_ERROR:
    case HTTP_EVENT_CLOSE:
        (void)buffer_addf(&feed->log, "%s %s\n", ev.kind == HTTP_EVENT_ERROR ? "ERROR" : "CLOSE",
                          http_fault_name(ev.fault));
        feed->over = true;
        break;
    case HTTP_EVENT_MORE:
        break;
    }
    free(exact);
    return ev.kind != HTTP_EVENT_MORE && !feed->over;
}

static inline void feed_bytes(struct feed *feed, const char *bytes, size_t len)
{
    if (feed->over)
        return;
    (void)buffer_add(&feed->pending, bytes, len);
    while (feed_one(feed))
        ;
}

/* At the end: what of an unfinished body was delivered so far. */
static inline struct slice feed_finish(struct feed *feed)
{
    (void)buffer_add_str(&feed->log, "BODY ");
    (void)buffer_add_slice(&feed->log, buffer_slice(&feed->body));
    return buffer_slice(&feed->log);
}

#endif
