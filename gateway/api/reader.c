#include "gateway/api/reader.h"

#include <stdarg.h>
#include <stdio.h>

enum base_err reader_fail(struct reader *r, const char *format, ...)
{
    char what[320];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return base_error_set_param(r->reterr, BASE_ERR_BAD_VALUE, r->path, "%s: %s", r->path, what);
}

enum base_err reader_no_memory(struct reader *r)
{
    return base_error_set(r->reterr, BASE_ERR_NO_MEMORY,
                          "the request needs more memory than one request may use");
}

size_t reader_push(struct reader *r, const char *format, ...)
{
    size_t len = strlen(r->path);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->path + len, sizeof(r->path) - len, format, args);
    va_end(args);
    return len;
}

void reader_pop(struct reader *r, size_t len)
{
    r->path[len] = '\0';
}

enum base_err reader_string(struct reader *r, const struct json_node *node, struct slice *ret)
{
    if (!json_is(node, JSON_STRING))
        return reader_fail(r, "expected a string, found %s", json_type_name(node));
    *ret = node->text;
    return BASE_OK;
}

enum base_err reader_optional(struct reader *r, const struct json_node *object, const char *name,
                              struct slice *ret)
{
    const struct json_node *node = json_get(object, slice_from_str(name));
    if (!node || json_is(node, JSON_NULL))
        return BASE_OK;
    size_t at = reader_push(r, ".%s", name);
    enum base_err err = reader_string(r, node, ret);
    reader_pop(r, at);
    return err;
}

enum base_err reader_bool(struct reader *r, const struct json_node *node, bool *ret)
{
    if (!json_to_bool(node, ret))
        return reader_fail(r, "expected true or false, found %s", json_type_name(node));
    return BASE_OK;
}

enum base_err reader_number(struct reader *r, const struct json_node *node, double min, double max,
                            struct chat_number *ret)
{
    double value;
    if (!json_to_double(node, &value))
        return reader_fail(r, "expected a number, found %s", json_type_name(node));
    if (value < min || value > max)
        return reader_fail(r, "%.*s is out of range, expected %g to %g", SLICE_ARG(node->text), min,
                           max);
    *ret = (struct chat_number){node->text, value};
    return BASE_OK;
}

enum base_err reader_integer(struct reader *r, const struct json_node *node, int64_t min,
                             int64_t max, struct chat_number *ret)
{
    int64_t value;
    if (!json_to_i64(node, &value))
        return reader_fail(r, "expected an integer, found %s", json_type_name(node));
    if (value < min || value > max)
        return reader_fail(r, "%lld is out of range, expected %lld to %lld", (long long)value,
                           (long long)min, (long long)max);
    *ret = (struct chat_number){node->text, (double)value};
    return BASE_OK;
}

static bool is_in(struct slice name, const char *const known[])
{
    for (size_t i = 0; known[i]; i++)
        if (slice_eq_str(name, known[i]))
            return true;
    return false;
}

enum base_err reader_only(struct reader *r, const struct json_node *object,
                          const char *const known[])
{
    for (const struct json_node *m = json_first(object); m; m = json_next(m)) {
        bool no = false;
        if (is_in(m->key, known) || json_is(m, JSON_NULL) || (json_to_bool(m, &no) && !no) ||
            r->left_out_count == CHAT_LEFT_OUT_MAX)
            continue;
        size_t at = reader_push(r, ".%.*s", SLICE_ARG(m->key));
        struct slice path = arena_dup(r->arena, slice_from_str(r->path));
        reader_pop(r, at);
        if (slice_is_absent(path))
            return reader_no_memory(r);
        r->left_out[r->left_out_count++] = path;
    }
    return BASE_OK;
}

enum base_err reader_extras(struct reader *r, const struct json_node *object,
                            const char *const known[], struct chat_extras *ret)
{
    struct chat_extra *items = NULL;
    size_t count = 0, capacity = 0;
    for (const struct json_node *m = json_first(object); m; m = json_next(m)) {
        if (is_in(m->key, known))
            continue;
        void *grown = items;
        if (!arena_grow(r->arena, &grown, count, &capacity, sizeof(*items)))
            return reader_no_memory(r);
        items = grown;
        items[count++] = (struct chat_extra){m->key, m};
    }
    *ret = (struct chat_extras){items, count};
    return BASE_OK;
}
