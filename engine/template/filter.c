/* Filters: {{ x | trim }}. One row each. */
#include "engine/template/internal.h"

#include <math.h>
#include <stdlib.h>

#include "engine/template/text.h"
#include "engine/unicode/unicode.h"

#define FILTER(name)                                                                               \
    static enum base_err name(struct jinja_run *run, const struct jinja_node *node,                \
                              struct engine_value self, const struct engine_value *args,           \
                              struct engine_value *ret)

static bool given(struct engine_value arg)
{
    return arg.type != ENGINE_VALUE_UNDEFINED;
}

static enum base_err want_string(struct jinja_run *run, const struct jinja_node *node,
                                 struct engine_value value)
{
    if (value.type == ENGINE_VALUE_STRING)
        return BASE_OK;
    return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "'%s' needs a str, not %s", node->call->name,
                      jinja_type_name(value));
}

/* --- Strings --- */

FILTER(filter_trim)
{
    enum base_err err = jinja_to_string(run, node, self, &self);
    if (!err && given(args[0]))
        err = want_string(run, node, args[0]);
    if (!err)
        *ret = jinja_strip(self, given(args[0]) ? jinja_bytes(args[0]) : SLICE_NONE, true, true);
    return err;
}

FILTER(filter_case)
{
    static const struct {
        const char *name;
        enum jinja_case mode;
    } modes[] = {{"upper", JINJA_CASE_UPPER},
                 {"lower", JINJA_CASE_LOWER},
                 {"capitalize", JINJA_CASE_CAPITAL},
                 {"title", JINJA_CASE_TITLE}};
    (void)args;
    enum base_err err = jinja_to_string(run, node, self, &self);
    for (size_t i = 0; i < 4 && !err; i++)
        if (strcmp(node->call->name, modes[i].name) == 0)
            err = jinja_change_case(run, self, modes[i].mode, ret);
    return err;
}

FILTER(filter_replace)
{
    enum base_err err = jinja_to_string(run, node, self, &self);
    struct engine_value from, to;
    if (!err)
        err = jinja_to_string(run, node, args[0], &from);
    if (!err)
        err = jinja_to_string(run, node, args[1], &to);
    int64_t most = args[2].type == ENGINE_VALUE_INT ? args[2].u.i : -1;
    return err ? err : jinja_replace(run, self, from, to, most, ret);
}

FILTER(filter_string)
{
    (void)args;
    return jinja_to_string(run, node, self, ret);
}

FILTER(filter_safe)
{
    (void)args;
    enum base_err err = jinja_to_string(run, node, self, ret);
    if (!err)
        ret->is_safe = true;
    return err;
}

FILTER(filter_escape)
{
    (void)args;
    enum base_err err = jinja_to_string(run, node, self, &self);
    *ret = self;
    return err || self.is_safe ? err : jinja_escape(run, self, ret);
}

FILTER(filter_format)
{
    enum base_err err = jinja_to_string(run, node, self, &self);
    if (!err && jinja_count(args[1]) > 0)
        return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "format() with keywords");
    return err ? err : jinja_format_percent(run, node, self, args[0], ret);
}

FILTER(filter_indent)
{
    struct engine_value by = args[0];
    enum base_err err = want_string(run, node, self);
    if (!err && by.type != ENGINE_VALUE_STRING) {
        int64_t width = by.type == ENGINE_VALUE_INT ? by.u.i : given(by) ? -1 : 4;
        if (width < 0 || width > 64)
            return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "indent() by 0 to 64 only");
        by = jinja_sub(
            jinja_literal("                                                                "), 0,
            (size_t)width);
    }
    return err ? err
               : jinja_indent(run, self, by, jinja_is_true(args[1]), jinja_is_true(args[2]), ret);
}

FILTER(filter_tojson)
{
    struct jinja_json_style style = {.item = SLICE_NONE,
                                     .key = SLICE_NONE,
                                     .ascii = jinja_is_true(args[0]),
                                     .sorted = jinja_is_true(args[3])};
    if (jinja_is_true(args[2])) {
        const struct engine_value *pair = jinja_count(args[2]) == 2 ? args[2].u.list->items : NULL;
        if (args[2].type != ENGINE_VALUE_LIST || !pair || pair[0].type != ENGINE_VALUE_STRING ||
            pair[1].type != ENGINE_VALUE_STRING)
            return jinja_fail(run, node, BASE_ERR_BAD_REQUEST,
                              "tojson(): separators are two texts");
        style.item = jinja_bytes(pair[0]);
        style.key = jinja_bytes(pair[1]);
    }
    int64_t indent = args[1].type == ENGINE_VALUE_INT ? args[1].u.i : -1;
    if ((given(args[1]) && args[1].type != ENGINE_VALUE_NULL && indent < 0) || indent > 16)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST,
                          "tojson() with an indent of 0 to 16 only");
    if (self.type == ENGINE_VALUE_UNDEFINED)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "tojson() of an undefined value");
    style.indent = (int)indent;
    return jinja_to_json(run, node, self, &style, ret);
}

/* --- Numbers --- */

static bool parse_number(struct slice text, double *ret)
{
    struct slice digits = text.len && text.ptr[0] == '+' ? slice_sub(text, 1, SIZE_MAX) : text;
    return slice_to_double(digits, ret);
}

static enum base_err not_undefined(struct jinja_run *run, const struct jinja_node *node,
                                   struct engine_value value)
{
    if (value.type != ENGINE_VALUE_UNDEFINED)
        return BASE_OK;
    return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "'%s' of an undefined value",
                      node->call->name);
}

FILTER(filter_int)
{
    enum base_err err = not_undefined(run, node, self);
    if (err)
        return err;
    int64_t i;
    double d = NAN;
    struct engine_value fallback = given(args[0]) ? args[0] : engine_value_int(0);
    if (self.type == ENGINE_VALUE_STRING) {
        struct slice text = jinja_bytes(jinja_strip(self, SLICE_NONE, true, true));
        if (slice_to_i64(text, &i)) {
            *ret = engine_value_int(i);
            return BASE_OK;
        }
        (void)parse_number(text, &d);
    } else if (self.type == ENGINE_VALUE_INT || jinja_is_big(self)) {
        *ret = self;
        return BASE_OK;
    } else if (self.type == ENGINE_VALUE_BOOL) {
        d = self.u.b;
    } else if (self.type == ENGINE_VALUE_DOUBLE) {
        d = self.u.d;
    }
    if (isfinite(d) && (d < -0x1p63 || d >= 0x1p63))
        return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "a number needs more than 64 bits");
    *ret = isfinite(d) ? engine_value_int((int64_t)d) : fallback;
    return BASE_OK;
}

FILTER(filter_float)
{
    enum base_err err = not_undefined(run, node, self);
    if (err)
        return err;
    double d;
    *ret = given(args[0]) ? args[0] : engine_value_double(0.0);
    if (jinja_is_number(self))
        *ret = engine_value_double(jinja_to_double(self));
    else if (self.type == ENGINE_VALUE_STRING &&
             parse_number(jinja_bytes(jinja_strip(self, SLICE_NONE, true, true)), &d))
        *ret = engine_value_double(d);
    return BASE_OK;
}

FILTER(filter_abs)
{
    (void)args;
    if (!jinja_is_number(self))
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "abs() of %s", jinja_type_name(self));
    bool negative = jinja_to_double(self) < 0; /* + makes true 1 */
    return jinja_binary(run, node, negative ? JINJA_OP_SUB : JINJA_OP_ADD, engine_value_int(0),
                        self, ret);
}

/* --- Values --- */

FILTER(filter_default)
{
    (void)run;
    (void)node;
    bool use =
        self.type == ENGINE_VALUE_UNDEFINED || (jinja_is_true(args[1]) && !jinja_is_true(self));
    *ret = !use ? self : given(args[0]) ? args[0] : jinja_literal("");
    return BASE_OK;
}

FILTER(filter_length)
{
    (void)args;
    struct engine_value list;
    enum base_err err = jinja_iterate(run, node, self, &list);
    if (!err)
        *ret = engine_value_int((int64_t)jinja_count(list));
    return err;
}

FILTER(filter_list)
{
    (void)args;
    enum base_err err = jinja_iterate(run, node, self, ret);
    ret->is_tuple = false;
    return err;
}

FILTER(filter_first_or_last)
{
    struct engine_value list;
    (void)args;
    enum base_err err = jinja_iterate(run, node, self, &list);
    if (err)
        return err;
    size_t count = jinja_count(list);
    *ret = (struct engine_value){.type = ENGINE_VALUE_UNDEFINED};
    if (count > 0)
        *ret = list.u.list->items[node->call->name[0] == 'f' ? 0 : count - 1];
    return BASE_OK;
}

FILTER(filter_items)
{
    if (self.type != ENGINE_VALUE_UNDEFINED)
        return jinja_find_method(SLICE("items"))->fn(run, node, self, args, ret);
    *ret = engine_value_list();
    return BASE_OK;
}

FILTER(filter_reverse)
{
    struct engine_value list;
    (void)args;
    if (self.type == ENGINE_VALUE_STRING)
        return jinja_reverse(run, self, ret);
    enum base_err err = jinja_iterate(run, node, self, &list);
    if (err)
        return err;
    *ret = engine_value_list();
    for (size_t i = jinja_count(list); i-- > 0;)
        if (!engine_value_push(run->arena, ret, list.u.list->items[i]))
            return jinja_no_memory(run);
    return jinja_work(run, jinja_count(*ret));
}

/* --- Lists by attribute --- */

/* "a.b.0" step by step; an absent path is the value itself. */
static enum base_err get_path(struct jinja_run *run, const struct jinja_node *node,
                              struct engine_value value, struct engine_value path,
                              struct engine_value *ret)
{
    struct engine_value rest = path;
    while (path.type == ENGINE_VALUE_STRING) {
        size_t dot = slice_find(jinja_bytes(rest), SLICE("."));
        struct engine_value name = jinja_sub(rest, 0, dot);
        int64_t index;
        if (slice_to_i64(jinja_bytes(name), &index))
            name = engine_value_int(index);
        enum base_err err = jinja_get_item(run, node, value, name, &value);
        if (err)
            return err;
        if (dot == SIZE_MAX)
            break;
        rest = jinja_sub(rest, dot + 1, SIZE_MAX);
    }
    *ret = value;
    return BASE_OK;
}

FILTER(filter_join)
{
    struct engine_value list, by = jinja_literal(""), picked = engine_value_list();
    enum base_err err = jinja_iterate(run, node, self, &list);
    if (!err && given(args[0]))
        err = jinja_to_string(run, node, args[0], &by);
    for (size_t i = 0; !err && i < jinja_count(list); i++) {
        struct engine_value item;
        err = get_path(run, node, list.u.list->items[i], args[1], &item);
        if (!err && !engine_value_push(run->arena, &picked, item))
            err = jinja_no_memory(run);
    }
    return err ? err : jinja_join(run, node, picked, by, ret);
}

/* None and 0, too, have no items for map() and select(). */
static enum base_err iterate_if_true(struct jinja_run *run, const struct jinja_node *node,
                                     struct engine_value value, struct engine_value *ret)
{
    *ret = engine_value_list();
    return jinja_is_true(value) ? jinja_iterate(run, node, value, ret) : BASE_OK;
}

FILTER(filter_sum)
{
    struct engine_value list, sum = given(args[1]) ? args[1] : engine_value_int(0);
    enum base_err err = jinja_iterate(run, node, self, &list);
    for (size_t i = 0; !err && i < jinja_count(list); i++) {
        struct engine_value item;
        err = get_path(run, node, list.u.list->items[i], args[0], &item);
        if (!err)
            err = jinja_binary(run, node, JINJA_OP_ADD, sum, item, &sum);
    }
    *ret = sum;
    return err;
}

/* What stands behind a filter's name, in the places of its parameters. */
static bool place_args(const struct jinja_call *filter, const struct engine_value *any,
                       struct engine_value *ret)
{
    bool good = !filter->any_args;
    for (size_t i = 1; good && i < jinja_count(any[0]); i++) {
        good = i <= JINJA_ARGS_MAX && filter->params[i - 1];
        if (good)
            ret[i - 1] = any[0].u.list->items[i];
    }
    for (size_t i = 0; good && i < jinja_count(any[1]); i++) {
        const struct engine_value_member *named = &any[1].u.map->items[i];
        int at = jinja_find_param(filter, jinja_bytes(named->key));
        good = at >= 0 && !given(ret[at]);
        if (good)
            ret[at] = named->value;
    }
    for (int i = 0; good && i < filter->required; i++)
        good = given(ret[i]);
    return good;
}

/* map('filter', its arguments), or map(attribute='a', default=x) */
FILTER(filter_map)
{
    static const struct jinja_call by_path = {.params = {"filter", "attribute", "default"}};
    struct engine_value list, values[JINJA_ARGS_MAX] = {0};
    const struct jinja_call *filter = NULL;
    enum base_err err = iterate_if_true(run, node, self, &list);
    bool has_filter = jinja_count(args[0]) > 0;
    if (!err && has_filter) {
        err = want_string(run, node, args[0].u.list->items[0]);
        if (!err)
            filter = jinja_find_filter(jinja_bytes(args[0].u.list->items[0]));
    }
    if (!err && ((has_filter && !filter) || !place_args(filter ? filter : &by_path, args, values) ||
                 (!has_filter && !given(values[1]))))
        err = jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "map() with that filter or argument");
    *ret = engine_value_list();
    struct jinja_node call = *node;
    call.call = filter;
    for (size_t i = 0; !err && i < jinja_count(list); i++) {
        struct engine_value item = list.u.list->items[i];
        err = filter ? filter->fn(run, &call, item, values, &item)
                     : get_path(run, node, item, values[1], &item);
        if (!filter && !err && item.type == ENGINE_VALUE_UNDEFINED && given(values[2]))
            item = values[2];
        if (!err && !engine_value_push(run->arena, ret, item))
            err = jinja_no_memory(run);
        if (!err)
            err = jinja_work(run, 1);
    }
    return err;
}

/* select, reject (test, argument); selectattr, rejectattr (attribute, test, argument) */
FILTER(filter_select)
{
    bool by_attr = strstr(node->call->name, "attr") != NULL, keep = node->call->name[0] == 's';
    const struct engine_value *rest = args + (by_attr ? 1 : 0);
    struct engine_value list, none = {.type = ENGINE_VALUE_UNDEFINED};
    const struct jinja_call *test = NULL;
    enum base_err err = iterate_if_true(run, node, self, &list);
    if (!err && given(rest[0])) {
        err = want_string(run, node, rest[0]);
        struct slice name = err ? SLICE("") : jinja_bytes(rest[0]);
        test = jinja_find_test(slice_eq_str(name, "==") ? SLICE("eq") : name);
        if (!err && (!test || (test->required > 0 && !given(rest[1]))))
            err = jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "%s() with that test",
                             node->call->name);
    }
    struct jinja_node call = *node;
    call.call = test;
    *ret = engine_value_list();
    for (size_t i = 0; !err && i < jinja_count(list); i++) {
        struct engine_value item, yes;
        err = get_path(run, node, list.u.list->items[i], by_attr ? args[0] : none, &item);
        if (!err && test)
            err = test->fn(run, &call, item, rest + 1, &yes);
        else
            yes = engine_value_bool(jinja_is_true(item));
        if (!err && yes.u.b == keep && !engine_value_push(run->arena, ret, list.u.list->items[i]))
            err = jinja_no_memory(run);
        if (!err)
            err = jinja_work(run, 1);
    }
    return err;
}

FILTER(filter_unique)
{
    (void)args;
    struct engine_value list;
    enum base_err err = jinja_iterate(run, node, self, &list);
    *ret = engine_value_list();
    for (size_t i = 0; !err && i < jinja_count(list); i++) {
        bool there;
        if (list.u.list->items[i].type == ENGINE_VALUE_STRING)
            err = jinja_change_case(run, list.u.list->items[i], JINJA_CASE_LOWER, &self);
        else
            self = list.u.list->items[i];
        bool found = false;
        for (size_t k = 0; !err && !found && k < jinja_count(*ret); k++) {
            struct engine_value have = ret->u.list->items[k];
            if (have.type == ENGINE_VALUE_STRING)
                err = jinja_change_case(run, have, JINJA_CASE_LOWER, &have);
            if (!err)
                err = jinja_equal(run, self, have, 0, &there);
            found = !err && there;
        }
        if (!err && !found && !engine_value_push(run->arena, ret, list.u.list->items[i]))
            err = jinja_no_memory(run);
    }
    return err;
}

/* --- Sorting --- */

struct sort_item {
    struct engine_value key, value;
    size_t place;
};

struct sorting {
    struct jinja_run *run;
    const struct jinja_node *node;
    bool reverse;
    enum base_err err;
};

static int compare_items(const void *a, const void *b, void *user)
{
    struct sorting *s = user;
    const struct sort_item *x = a, *y = b;
    int order = 0;
    if (!s->err)
        s->err = jinja_compare(s->run, s->node, x->key, y->key, &order);
    if (!s->err)
        s->err = jinja_work(s->run, 1);
    if (order != 0)
        return s->reverse ? -order : order;
    return (x->place > y->place) - (x->place < y->place); /* stable, reversed too */
}

static enum base_err sort_list(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value list, struct engine_value path, bool reverse,
                               bool exact_case, struct engine_value *ret)
{
    size_t count = jinja_count(list);
    struct sort_item *items = arena_calloc(run->arena, count ? count : 1, sizeof(*items));
    if (!items)
        return jinja_no_memory(run);
    enum base_err err = BASE_OK;
    for (size_t i = 0; !err && i < count; i++) {
        items[i].place = i;
        items[i].value = list.u.list->items[i];
        err = get_path(run, node, items[i].value, path, &items[i].key);
        if (!err && !exact_case && items[i].key.type == ENGINE_VALUE_STRING)
            err = jinja_change_case(run, items[i].key, JINJA_CASE_LOWER, &items[i].key);
    }
    struct sorting sorting = {.run = run, .node = node, .reverse = reverse};
    if (!err) {
        qsort_r(items, count, sizeof(*items), compare_items, &sorting);
        err = sorting.err;
    }
    *ret = engine_value_list();
    for (size_t i = 0; !err && i < count; i++)
        if (!engine_value_push(run->arena, ret, items[i].value))
            err = jinja_no_memory(run);
    return err;
}

FILTER(filter_sort)
{
    struct engine_value list;
    enum base_err err = jinja_iterate(run, node, self, &list);
    return err ? err
               : sort_list(run, node, list, args[2], jinja_is_true(args[0]), jinja_is_true(args[1]),
                           ret);
}

/* The first of several that are equal; undefined when there is none. */
FILTER(filter_min_or_max)
{
    struct engine_value list, sorted = engine_value_list();
    bool most = node->call->name[1] == 'a';
    enum base_err err = jinja_iterate(run, node, self, &list);
    if (!err)
        err = sort_list(run, node, list, args[1], most, jinja_is_true(args[0]), &sorted);
    *ret = (struct engine_value){.type = ENGINE_VALUE_UNDEFINED};
    if (!err && jinja_count(sorted) > 0)
        *ret = sorted.u.list->items[0];
    return err;
}

/* by key only */
FILTER(filter_dictsort)
{
    struct engine_value list, path = engine_value_string(SLICE("0"), true);
    if (given(args[1]))
        return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "dictsort() by key only");
    enum base_err err = not_undefined(run, node, self);
    if (!err)
        err = filter_items(run, node, self, args, &list);
    return err ? err
               : sort_list(run, node, list, path, jinja_is_true(args[2]), jinja_is_true(args[0]),
                           ret);
}

static const struct jinja_call table[] = {
    {.name = "trim", .fn = filter_trim, .params = {"chars"}},
    {.name = "upper", .fn = filter_case},
    {.name = "lower", .fn = filter_case},
    {.name = "capitalize", .fn = filter_case},
    {.name = "title", .fn = filter_case},
    {.name = "replace", .fn = filter_replace, .params = {"old", "new", "count"}, .required = 2},
    {.name = "string", .fn = filter_string},
    {.name = "safe", .fn = filter_safe},
    {.name = "escape", .fn = filter_escape},
    {.name = "e", .fn = filter_escape},
    {.name = "format", .fn = filter_format, .any_args = true},
    {.name = "indent", .fn = filter_indent, .params = {"width", "first", "blank"}},
    {.name = "tojson",
     .fn = filter_tojson,
     .params = {"ensure_ascii", "indent", "separators", "sort_keys"}},
    {.name = "int", .fn = filter_int, .params = {"default"}},
    {.name = "float", .fn = filter_float, .params = {"default"}},
    {.name = "abs", .fn = filter_abs},
    {.name = "default", .fn = filter_default, .params = {"default_value", "boolean"}},
    {.name = "d", .fn = filter_default, .params = {"default_value", "boolean"}},
    {.name = "length", .fn = filter_length},
    {.name = "count", .fn = filter_length},
    {.name = "list", .fn = filter_list},
    {.name = "first", .fn = filter_first_or_last},
    {.name = "last", .fn = filter_first_or_last},
    {.name = "items", .fn = filter_items},
    {.name = "reverse", .fn = filter_reverse},
    {.name = "join", .fn = filter_join, .params = {"d", "attribute"}},
    {.name = "map", .fn = filter_map, .any_args = true},
    {.name = "select", .fn = filter_select, .params = {"test", "arg"}},
    {.name = "reject", .fn = filter_select, .params = {"test", "arg"}},
    {.name = "selectattr", .fn = filter_select, .params = {"attr", "test", "arg"}, .required = 1},
    {.name = "rejectattr", .fn = filter_select, .params = {"attr", "test", "arg"}, .required = 1},
    {.name = "unique", .fn = filter_unique},
    {.name = "sum", .fn = filter_sum, .params = {"attribute", "start"}},
    {.name = "min", .fn = filter_min_or_max, .params = {"case_sensitive", "attribute"}},
    {.name = "max", .fn = filter_min_or_max, .params = {"case_sensitive", "attribute"}},
    {.name = "sort", .fn = filter_sort, .params = {"reverse", "case_sensitive", "attribute"}},
    {.name = "dictsort", .fn = filter_dictsort, .params = {"case_sensitive", "by", "reverse"}},
};

const struct jinja_call *jinja_find_filter(struct slice name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (slice_eq_str(name, table[i].name))
            return &table[i];
    return NULL;
}
