#include "gateway/http/internal.h"

#include <stdio.h>

/* The next segment of *path after its '/', which is there; *path goes behind it. */
static struct slice next_segment(struct slice *path)
{
    struct slice rest = slice_sub(*path, 1, SIZE_MAX);
    const char *slash = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
    size_t len = slash ? (size_t)(slash - rest.ptr) : rest.len;
    *path = slice_sub(rest, len, SIZE_MAX);
    return slice_sub(rest, 0, len);
}

static bool path_matches(struct slice pattern, struct slice path, struct slice *ret_param)
{
    struct slice param = SLICE_NONE;
    while (pattern.len > 0) {
        struct slice wanted = next_segment(&pattern);
        if (slice_eq(wanted, SLICE("*")) && pattern.len == 0) {
            *ret_param = path.len ? slice_sub(path, 1, SIZE_MAX) : path;
            return true;
        }
        if (path.len == 0)
            return false;
        struct slice segment = next_segment(&path);
        bool named = wanted.len > 2 && wanted.ptr[0] == '{';
        if (named ? segment.len == 0 : !slice_eq(wanted, segment))
            return false;
        if (named && slice_is_absent(param))
            param = segment;
    }
    if (path.len > 0)
        return false;
    *ret_param = param;
    return true;
}

static void allow_add(char *allow, size_t size, const char *method)
{
    size_t len = strlen(allow), method_len = strlen(method);
    for (const char *at = allow; (at = strstr(at, method)) != NULL; at += method_len)
        if ((at == allow || at[-1] == ' ') && (at[method_len] == ',' || at[method_len] == '\0'))
            return; /* two patterns of one path */
    if (len < size)
        (void)snprintf(allow + len, size - len, "%s%s", len ? ", " : "", method);
}

const struct http_handler *route_find(const struct http_options *options, unsigned listener_id,
                                      const struct http_head *head, struct slice *ret_param,
                                      char *ret_allow, size_t allow_size)
{
    bool is_head = slice_eq(head->method, SLICE("HEAD"));
    const struct http_handler *as_get = NULL;
    struct slice param, as_get_param = SLICE_NONE;
    ret_allow[0] = '\0';
    for (size_t i = 0; i < options->handler_count; i++) {
        const struct http_handler *handler = &options->handlers[i];
        if ((handler->listeners && !(handler->listeners & 1u << listener_id)) ||
            !path_matches(slice_from_str(handler->path), head->path, &param))
            continue;
        if (slice_eq_str(head->method, handler->method)) {
            *ret_param = param;
            return handler;
        }
        if (is_head && !as_get && strcmp(handler->method, "GET") == 0) {
            as_get = handler;
            as_get_param = param;
        }
        allow_add(ret_allow, allow_size, handler->method);
    }
    if (as_get)
        *ret_param = as_get_param;
    return as_get;
}
