/* Methods of strings and maps, and the global functions. One row each. */
#include "engine/template/internal.h"

#include <stdio.h>
#include <time.h>

#include "engine/template/text.h"
#include "engine/unicode/unicode.h"

#define CALL(name)                                                                                 \
    static enum base_err name(struct jinja_run *run, const struct jinja_node *node,                \
                              struct engine_value self, const struct engine_value *args,           \
                              struct engine_value *ret)

static bool given(struct engine_value arg)
{
    return arg.type != ENGINE_VALUE_UNDEFINED;
}

static enum base_err want(struct jinja_run *run, const struct jinja_node *node,
                          struct engine_value value, enum engine_value_type type)
{
    static const char *const names[] = {"", "",      "a bool", "an int",
                                        "", "a str", "a list", "a dict"};
    if (value.type == type)
        return BASE_OK;
    return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "%s() needs %s, not %s", node->call->name,
                      names[type], jinja_type_name(value));
}

/* `self` and, where given, args[0] are strings. */
static enum base_err want_strings(struct jinja_run *run, const struct jinja_node *node,
                                  struct engine_value self, const struct engine_value *args,
                                  int count)
{
    enum base_err err = want(run, node, self, ENGINE_VALUE_STRING);
    for (int i = 0; i < count && !err; i++)
        if (given(args[i]) && args[i].type != ENGINE_VALUE_NULL)
            err = want(run, node, args[i], ENGINE_VALUE_STRING);
    return err;
}

static struct slice text_or_absent(struct engine_value arg)
{
    return arg.type == ENGINE_VALUE_STRING ? jinja_bytes(arg) : SLICE_NONE;
}

/* --- Strings --- */

CALL(method_strip)
{
    enum base_err err = want_strings(run, node, self, args, 1);
    char first = node->call->name[0];
    if (!err)
        *ret = jinja_strip(self, text_or_absent(args[0]), first != 'r', first != 'l');
    return err;
}

CALL(method_upper)
{
    enum base_err err = want_strings(run, node, self, args, 0);
    return err ? err : jinja_change_case(run, self, JINJA_CASE_UPPER, ret);
}

CALL(method_lower)
{
    enum base_err err = want_strings(run, node, self, args, 0);
    return err ? err : jinja_change_case(run, self, JINJA_CASE_LOWER, ret);
}

CALL(method_capitalize)
{
    enum base_err err = want_strings(run, node, self, args, 0);
    return err ? err : jinja_change_case(run, self, JINJA_CASE_CAPITAL, ret);
}

CALL(method_title)
{
    enum base_err err = want_strings(run, node, self, args, 0);
    return err ? err : jinja_change_case(run, self, JINJA_CASE_WORDS, ret);
}

CALL(method_format)
{
    enum base_err err = want(run, node, self, ENGINE_VALUE_STRING);
    return err ? err : jinja_format_braces(run, node, self, args[0], args[1], ret);
}

static enum base_err get_count(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value arg, int64_t *ret)
{
    enum base_err err = given(arg) ? want(run, node, arg, ENGINE_VALUE_INT) : BASE_OK;
    *ret = given(arg) && !err && arg.u.i >= 0 ? arg.u.i : -1;
    return err;
}

CALL(method_split)
{
    int64_t most;
    enum base_err err = want_strings(run, node, self, args, 1);
    if (!err)
        err = get_count(run, node, args[1], &most);
    struct slice by = text_or_absent(args[0]);
    if (!err && by.ptr && by.len == 0)
        err = jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "split() by an empty text");
    return err ? err : jinja_split(run, self, by, most, ret);
}

CALL(method_splitlines)
{
    enum base_err err = want_strings(run, node, self, args, 0);
    return err ? err : jinja_split_lines(run, self, ret);
}

/* A text or a list of texts. */
CALL(method_starts_or_ends)
{
    bool starts = node->call->name[0] == 's';
    enum base_err err = want(run, node, self, ENGINE_VALUE_STRING);
    struct engine_value one = engine_value_list(), list = args[0];
    if (!err && list.type != ENGINE_VALUE_LIST) {
        if (!engine_value_push(run->arena, &one, args[0]))
            return jinja_no_memory(run);
        list = one;
    }
    *ret = engine_value_bool(false);
    for (size_t i = 0; !err && i < jinja_count(list); i++) {
        err = want(run, node, list.u.list->items[i], ENGINE_VALUE_STRING);
        if (err)
            break;
        struct slice part = jinja_bytes(list.u.list->items[i]);
        ret->u.b |= starts ? slice_starts_with(jinja_bytes(self), part)
                           : slice_ends_with(jinja_bytes(self), part);
        err = jinja_work(run, part.len / 64 + 1);
    }
    return err;
}

CALL(method_replace)
{
    int64_t most;
    enum base_err err = want_strings(run, node, self, args, 0);
    for (int i = 0; i < 2 && !err; i++)
        err = want(run, node, args[i], ENGINE_VALUE_STRING);
    if (!err)
        err = get_count(run, node, args[2], &most);
    return err ? err : jinja_replace(run, self, args[0], args[1], most, ret);
}

CALL(method_remove)
{
    enum base_err err = want_strings(run, node, self, args, 1);
    if (err)
        return err;
    struct slice text = jinja_bytes(self), part = text_or_absent(args[0]);
    bool prefix = node->call->name[6] == 'p';
    *ret = self;
    if (prefix && slice_starts_with(text, part))
        *ret = jinja_sub(self, part.len, SIZE_MAX);
    else if (!prefix && slice_ends_with(text, part))
        *ret = jinja_sub(self, 0, text.len - part.len);
    return BASE_OK;
}

CALL(method_find)
{
    enum base_err err = want_strings(run, node, self, args, 1);
    if (err)
        return err;
    size_t found = slice_find(jinja_bytes(self), text_or_absent(args[0]));
    int64_t index = found == SIZE_MAX ? -1 : 0;
    for (size_t at = 0; found != SIZE_MAX && at < found; index++)
        at += engine_unicode_at(jinja_bytes(self), at).len;
    *ret = engine_value_int(index);
    return jinja_work(run, self.u.s.len / 8);
}

CALL(method_count)
{
    enum base_err err = want_strings(run, node, self, args, 1);
    struct engine_value pieces;
    if (!err && jinja_bytes(args[0]).len == 0)
        err = jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "count() of an empty text");
    if (!err)
        err = jinja_split(run, self, text_or_absent(args[0]), -1, &pieces);
    if (!err)
        *ret = engine_value_int((int64_t)jinja_count(pieces) - 1);
    return err;
}

CALL(method_join)
{
    struct engine_value list;
    enum base_err err = want(run, node, self, ENGINE_VALUE_STRING);
    if (!err)
        err = jinja_iterate(run, node, args[0], &list);
    return err ? err : jinja_join(run, node, list, self, ret);
}

/* --- Maps and loops --- */

enum part { PART_KEY, PART_VALUE, PART_BOTH };

static enum base_err map_parts(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value map, enum part part, struct engine_value *ret)
{
    enum base_err err = want(run, node, map, ENGINE_VALUE_MAP);
    *ret = engine_value_list();
    for (size_t i = 0; !err && i < jinja_count(map); i++) {
        const struct engine_value_member *member = &map.u.map->items[i];
        struct engine_value pair = engine_value_list();
        pair.is_tuple = true;
        bool good = true;
        if (part == PART_BOTH)
            good = engine_value_push(run->arena, &pair, member->key) &&
                   engine_value_push(run->arena, &pair, member->value);
        else
            pair = part == PART_KEY ? member->key : member->value;
        if (!good || !engine_value_push(run->arena, ret, pair))
            return jinja_no_memory(run);
        err = jinja_work(run, 1);
    }
    return err;
}

CALL(method_items)
{
    (void)args;
    return map_parts(run, node, self, PART_BOTH, ret);
}

CALL(method_keys)
{
    (void)args;
    return map_parts(run, node, self, PART_KEY, ret);
}

CALL(method_values)
{
    (void)args;
    return map_parts(run, node, self, PART_VALUE, ret);
}

CALL(method_get)
{
    enum base_err err = want(run, node, self, ENGINE_VALUE_MAP);
    if (!err)
        err = jinja_get_item(run, node, self, args[0], ret);
    if (!err && ret->type == ENGINE_VALUE_UNDEFINED)
        *ret = given(args[1]) ? args[1] : engine_value_null();
    return err;
}

CALL(method_cycle)
{
    if (self.type != ENGINE_VALUE_LOOP || jinja_count(args[0]) == 0)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "cycle() needs a loop and values");
    *ret = args[0].u.list->items[self.u.loop->index % jinja_count(args[0])];
    return BASE_OK;
}

static const struct jinja_call methods[] = {
    {.name = "strip", .fn = method_strip, .params = {"chars"}},
    {.name = "lstrip", .fn = method_strip, .params = {"chars"}},
    {.name = "rstrip", .fn = method_strip, .params = {"chars"}},
    {.name = "upper", .fn = method_upper},
    {.name = "lower", .fn = method_lower},
    {.name = "capitalize", .fn = method_capitalize},
    {.name = "title", .fn = method_title},
    {.name = "format", .fn = method_format, .any_args = true},
    {.name = "split", .fn = method_split, .params = {"sep", "maxsplit"}},
    {.name = "splitlines", .fn = method_splitlines},
    {.name = "startswith", .fn = method_starts_or_ends, .params = {"prefix"}, .required = 1},
    {.name = "endswith", .fn = method_starts_or_ends, .params = {"suffix"}, .required = 1},
    {.name = "replace", .fn = method_replace, .params = {"old", "new", "count"}, .required = 2},
    {.name = "removeprefix", .fn = method_remove, .params = {"prefix"}, .required = 1},
    {.name = "removesuffix", .fn = method_remove, .params = {"suffix"}, .required = 1},
    {.name = "find", .fn = method_find, .params = {"sub"}, .required = 1},
    {.name = "count", .fn = method_count, .params = {"sub"}, .required = 1},
    {.name = "join", .fn = method_join, .params = {"iterable"}, .required = 1},
    {.name = "items", .fn = method_items},
    {.name = "keys", .fn = method_keys},
    {.name = "values", .fn = method_values},
    {.name = "get", .fn = method_get, .params = {"key", "default"}, .required = 1},
    {.name = "cycle", .fn = method_cycle, .any_args = true},
};

/* --- Functions --- */

CALL(function_range)
{
    (void)self;
    enum base_err err = BASE_OK;
    for (int i = 0; i < 3 && !err; i++)
        if (given(args[i]))
            err = want(run, node, args[i], ENGINE_VALUE_INT);
    if (err)
        return err;
    int64_t start = given(args[1]) ? args[0].u.i : 0;
    int64_t stop = given(args[1]) ? args[1].u.i : args[0].u.i;
    int64_t step = given(args[2]) ? args[2].u.i : 1;
    if (step == 0)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "range() with a step of 0");
    *ret = engine_value_list();
    while (!err && (step > 0 ? start < stop : start > stop)) {
        if (!engine_value_push(run->arena, ret, engine_value_int(start)))
            return jinja_no_memory(run);
        err = jinja_work(run, 1);
        if (__builtin_add_overflow(start, step, &start))
            break;
    }
    return err;
}

CALL(function_namespace)
{
    (void)self;
    if (jinja_count(args[0]) > 0)
        return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "%s() takes keywords only",
                          node->call->name);
    *ret = args[1];
    if (node->call->name[0] == 'd')
        return BASE_OK;
    ret->type = ENGINE_VALUE_NAMESPACE;
    if (!ret->u.map) /* shared from now on, so it must exist */
        ret->u.map = arena_calloc(run->arena, 1, sizeof(*ret->u.map));
    return ret->u.map ? BASE_OK : jinja_no_memory(run);
}

/* The template's own words; what came in with the values does not belong into an error. */
CALL(function_raise)
{
    (void)self;
    (void)ret;
    enum base_err err = want(run, node, args[0], ENGINE_VALUE_STRING);
    if (err)
        return err;
    char words[320];
    size_t len = 0;
    bool gap = false;
    for (size_t i = 0; i < args[0].u.s.len && len < sizeof(words) - 4; i++) {
        bool literal = args[0].u.s.origin ? args[0].u.s.origin[i] != 0 : args[0].literal;
        if (literal)
            words[len++] = args[0].u.s.ptr[i];
        else if (!gap)
            len += (size_t)snprintf(words + len, 4, "...");
        gap = !literal;
    }
    return base_error_set(run->reterr, BASE_ERR_BAD_REQUEST,
                          "the model's chat template refuses this: %.*s", (int)len, words);
}

CALL(function_strftime)
{
    (void)self;
    char format[128], out[256];
    enum base_err err = want(run, node, args[0], ENGINE_VALUE_STRING);
    if (err)
        return err;
    struct slice text = jinja_bytes(args[0]);
    if (text.len >= sizeof(format) || memchr(text.ptr, '\0', text.len))
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "strftime_now() of a text too long");
    memcpy(format, text.ptr, text.len);
    format[text.len] = '\0';
    time_t seconds = (time_t)(run->limits.now_ns / 1000000000);
    struct tm when;
    if (!gmtime_r(&seconds, &when))
        return jinja_fail(run, node, BASE_ERR_INTERNAL, "the clock cannot be read");
    size_t len = strftime(out, sizeof(out), format, &when);
    struct slice copy = arena_dup(run->arena, slice_of(out, len));
    if (!copy.ptr)
        return jinja_no_memory(run);
    *ret = engine_value_string(copy, !args[0].u.s.origin && args[0].literal);
    return BASE_OK;
}

static const struct jinja_call functions[] = {
    {.name = "range", .fn = function_range, .params = {"start", "stop", "step"}, .required = 1},
    {.name = "namespace", .fn = function_namespace, .any_args = true},
    {.name = "dict", .fn = function_namespace, .any_args = true},
    {.name = "raise_exception", .fn = function_raise, .params = {"message"}, .required = 1},
    {.name = "strftime_now", .fn = function_strftime, .params = {"format"}, .required = 1},
};

const struct jinja_call *jinja_find_method(struct slice name)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_eq_str(name, methods[i].name))
            return &methods[i];
    return NULL;
}

const struct jinja_call *jinja_find_function(struct slice name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (slice_eq_str(name, functions[i].name))
            return &functions[i];
    return NULL;
}
