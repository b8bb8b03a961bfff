/*
 * What commands ask of a running Hearth, over control.sock (mode 0600: whoever may open it may do
 * this). Handlers for the table in handlers.c.
 */
#ifndef GATEWAY_API_CONTROL_H
#define GATEWAY_API_CONTROL_H

#include "gateway/http/http.h"

void control_on_status(struct http_exchange *http);
void control_on_reload(struct http_exchange *http); /* 200, or 400 with {"errors": "..."} */
void control_on_keys(struct http_exchange *http);
void control_on_keys_add(struct http_exchange *http); /* {"tenant","label"} -> {"id","key"} */
void control_on_keys_revoke(struct http_exchange *http);

#endif
