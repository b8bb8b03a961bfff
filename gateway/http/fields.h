/*
 * What single header fields and the request target mean; used by the parser only.
 * Pure functions on borrowed bytes; any thread.
 */
#ifndef GATEWAY_HTTP_FIELDS_H
#define GATEWAY_HTTP_FIELDS_H

#include "gateway/http/parser.h"

bool http_is_token_char(unsigned char c); /* RFC 9110, 5.6.2 */

/* True for a path (and query) that begins with '/', whose percent-encodings are well-formed and not
 * of control characters, and whose path has no "." or ".." segment, however it is written ("%2e",
 * "..%2f", "..%5c"). The bytes are known to be characters of a target. */
bool http_target_is_plain(struct slice target);

/* Looks at one complete field, before it joins head->fields: *seen collects which fields of
 * interest came by (0 at first), and their meaning goes into `head`. */
enum http_fault http_fields_note(struct http_head *head, uint32_t *seen,
                                 const struct http_field *field);

/* At the end of the head: what must be there, what excludes each other, keep-alive and the body. */
enum http_fault http_fields_finish(struct http_head *head, uint32_t seen);

#endif
