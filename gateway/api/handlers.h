/*
 * The table of everything that can be asked over HTTP.
 *
 *     struct http_options options = HTTP_OPTIONS_DEFAULT;
 *     handlers_fill(&options, has_admin);
 *
 * Listeners: HANDLERS_PUBLIC is `listen`, HANDLERS_ADMIN is `admin` (when there is none, its paths
 * are on the public one), HANDLERS_CONTROL is control.sock.
 */
#ifndef GATEWAY_API_HANDLERS_H
#define GATEWAY_API_HANDLERS_H

#include "gateway/http/http.h"

enum { HANDLERS_PUBLIC = 0, HANDLERS_ADMIN = 1, HANDLERS_CONTROL = 2 };

/* Sets handlers, handler_count and make_request_id. The table is static. */
void handlers_fill(struct http_options *options, bool has_admin);

#endif
