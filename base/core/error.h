/*
 * Errors: one enumeration for the whole of Hearth, each value with its class, the HTTP status and
 * the code that a client of the API sees, and whether trying again can help.
 *
 *     enum base_err err = engine_model_open(path, &model, &detail);
 *     if (err)
 *         fprintf(stderr, "hearth: %s\n", detail.message);
 *
 * Functions return the enumeration; detail for humans goes to the last parameter, a
 * `struct base_error *reterr`, which may be NULL. Outputs are not touched on failure.
 * An assert is only for our own bugs; a bad file, request or reply is an error code.
 * Any thread; a struct base_error belongs to its caller.
 */
#ifndef BASE_CORE_ERROR_H
#define BASE_CORE_ERROR_H

#include "base/core/slice.h"

#define BASE_MUST_USE __attribute__((warn_unused_result))
#define BASE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Whose fault it is; decides who is told, and whether another target may be tried. */
enum base_err_class {
    BASE_ERR_CLASS_NONE,
    BASE_ERR_CLASS_CLIENT,   /* the caller of the API or the author of a file */
    BASE_ERR_CLASS_UPSTREAM, /* a provider or server that we called */
    BASE_ERR_CLASS_LOCAL,    /* this machine: memory, disk, ports, queue */
    BASE_ERR_CLASS_BUG,      /* us */
    BASE_ERR_CLASS_COUNT
};

/*
 * X(name, class, HTTP status, retryable by the client, type, code)
 * `type` and `code` are those of OpenAI's error object; retryable = false is sent as
 * `x-should-retry: false`, which the official SDKs obey.
 */
#define BASE_ERRORS(X)                                                                             \
    X(OK, NONE, 200, false, "", "")                                                                \
    X(AGAIN, NONE, 200, true, "", "") /* would block, or needs more input; not a failure */        \
    X(BAD_REQUEST, CLIENT, 400, false, "invalid_request_error", "invalid_request")                 \
    X(BAD_JSON, CLIENT, 400, false, "invalid_request_error", "invalid_json")                       \
    X(BAD_VALUE, CLIENT, 400, false, "invalid_request_error", "invalid_value")                     \
    X(UNSUPPORTED, CLIENT, 400, false, "invalid_request_error", "unsupported_parameter")           \
    X(CONTEXT_LENGTH, CLIENT, 400, false, "invalid_request_error", "context_length_exceeded")      \
    X(UNAUTHENTICATED, CLIENT, 401, false, "invalid_request_error", "invalid_api_key")             \
    X(FORBIDDEN, CLIENT, 403, false, "invalid_request_error", "permission_denied")                 \
    X(POLICY_VIOLATION, CLIENT, 403, false, "invalid_request_error", "policy_violation")           \
    X(NOT_FOUND, CLIENT, 404, false, "invalid_request_error", "not_found")                         \
    X(MODEL_NOT_FOUND, CLIENT, 404, false, "invalid_request_error", "model_not_found")             \
    X(METHOD_NOT_ALLOWED, CLIENT, 405, false, "invalid_request_error", "method_not_allowed")       \
    X(REQUEST_TIMEOUT, CLIENT, 408, false, "invalid_request_error", "request_timeout")             \
    X(LENGTH_REQUIRED, CLIENT, 411, false, "invalid_request_error", "length_required")             \
    X(TOO_LARGE, CLIENT, 413, false, "invalid_request_error", "request_too_large")                 \
    X(URI_TOO_LONG, CLIENT, 414, false, "invalid_request_error", "uri_too_long")                   \
    X(UNSUPPORTED_MEDIA, CLIENT, 415, false, "invalid_request_error", "unsupported_media_type")    \
    X(EXPECTATION_FAILED, CLIENT, 417, false, "invalid_request_error", "expectation_failed")       \
    X(HEADERS_TOO_LARGE, CLIENT, 431, false, "invalid_request_error", "headers_too_large")         \
    X(RATE_LIMIT, CLIENT, 429, true, "rate_limit_error", "rate_limit_exceeded")                    \
    X(BUDGET, CLIENT, 429, false, "insufficient_quota", "budget_exceeded")                         \
    X(CLIENT_GONE, CLIENT, 499, false, "invalid_request_error", "client_closed_request")           \
    X(UPSTREAM_CONNECT, UPSTREAM, 502, true, "server_error", "upstream_connect_failed")            \
    X(UPSTREAM_TLS, UPSTREAM, 502, false, "server_error", "upstream_tls_failed")                   \
    X(UPSTREAM_PROTOCOL, UPSTREAM, 502, true, "server_error", "upstream_bad_response")             \
    X(UPSTREAM_STATUS, UPSTREAM, 502, true, "server_error", "upstream_error")                      \
    X(UPSTREAM_REJECTED, UPSTREAM, 400, false, "invalid_request_error", "upstream_rejected")       \
    X(UPSTREAM_AUTH, UPSTREAM, 502, false, "server_error", "upstream_auth_failed")                 \
    X(UPSTREAM_RATE_LIMIT, UPSTREAM, 503, true, "server_error", "upstream_rate_limited")           \
    X(UPSTREAM_QUOTA, UPSTREAM, 503, false, "server_error", "upstream_quota_spent")                \
    X(UPSTREAM_TRUNCATED, UPSTREAM, 502, true, "server_error", "upstream_stream_truncated")        \
    X(UPSTREAM_TIMEOUT, UPSTREAM, 504, true, "server_error", "upstream_timeout")                   \
    X(LOCAL_UNAVAILABLE, LOCAL, 503, true, "server_error", "local_unavailable")                    \
    X(OVERLOADED, LOCAL, 503, true, "server_error", "overloaded")                                  \
    X(SHUTTING_DOWN, LOCAL, 503, true, "server_error", "shutting_down")                            \
    X(NO_MEMORY, LOCAL, 503, true, "server_error", "out_of_memory")                                \
    X(LIMIT, LOCAL, 503, false, "server_error", "limit_reached")                                   \
    X(IO, LOCAL, 500, true, "server_error", "io_error")                                            \
    X(IN_USE, LOCAL, 500, false, "server_error", "in_use")                                         \
    X(BAD_FILE, LOCAL, 500, false, "server_error", "bad_file")                                     \
    X(BAD_CONFIG, LOCAL, 500, false, "server_error", "bad_config")                                 \
    X(CANCELLED, LOCAL, 499, false, "server_error", "cancelled")                                   \
    X(INTERNAL, BUG, 500, true, "server_error", "internal_error")

enum base_err {
#define X(name, class, status, retryable, type, code) BASE_ERR_##name,
    BASE_ERRORS(X)
#undef X
        BASE_ERR_COUNT
};
#define BASE_OK BASE_ERR_OK

struct base_err_info {
    const char *name; /* "BAD_JSON": for logs */
    enum base_err_class class;
    int http_status;
    bool retryable;
    const char *type; /* OpenAI's error.type */
    const char *code; /* OpenAI's error.code */
};

/* Facts about a code; never NULL (an unknown value gives INTERNAL's). */
const struct base_err_info *base_err_info(enum base_err err);

/* Detail for a human. The message is one sentence in UTF-8 without a final full stop: what was
 * wrong, where, and what to do. It never holds a prompt, a key or a finding's value. */
struct base_error {
    enum base_err code;
    char message[480];
    char param[96]; /* the field at fault as a path ("messages[2].content"), or "" */
};

/* Fills *reterr (which may be NULL) and returns `code`, so that a function can end in
 * `return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: truncated at byte %zu", path, at);`
 * Control characters from outside are replaced by '?'. A message too long is cut. */
enum base_err base_error_set(struct base_error *reterr, enum base_err code, const char *format, ...)
    BASE_PRINTF(3, 4);

/* The same, with the field at fault. */
enum base_err base_error_set_param(struct base_error *reterr, enum base_err code, const char *param,
                                   const char *format, ...) BASE_PRINTF(4, 5);

#endif
