/* Expressions to values. */
#include "engine/template/internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine/template/text.h"
#include "engine/unicode/unicode.h"

enum base_err jinja_fail(struct jinja_run *run, const struct jinja_node *node, enum base_err code,
                         const char *format, ...)
{
    char text[360];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return base_error_set(run->reterr, code, "template line %u: %s", node->line, text);
}

enum base_err jinja_no_memory(struct jinja_run *run)
{
    return base_error_set(run->reterr, BASE_ERR_LIMIT,
                          "the template needs more memory than it may have (%zu bytes)",
                          run->limits.memory_max);
}

enum base_err jinja_work(struct jinja_run *run, size_t amount)
{
    run->steps += amount;
    if (run->steps > run->limits.step_max)
        return base_error_set(run->reterr, BASE_ERR_LIMIT, "the template takes too many steps");
    return BASE_OK;
}

/* --- Names and attributes --- */

static enum base_err eval_name(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value *ret)
{
    for (const struct jinja_frame *frame = run->frame; frame; frame = frame->parent)
        for (size_t i = frame->count; i-- > 0;)
            if (slice_eq(frame->items[i].name, node->name)) {
                *ret = frame->items[i].value;
                return BASE_OK;
            }
    *ret = engine_value_get(run->vars, node->name);
    return jinja_work(run, jinja_count(*run->vars) / 16);
}

static enum base_err undefined_used(struct jinja_run *run, const struct jinja_node *node,
                                    struct engine_value value)
{
    if (slice_is_absent(value.u.name))
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "an undefined value is used");
    return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "'%.*s' is undefined",
                      SLICE_ARG(slice_sub(value.u.name, 0, 60)));
}

static enum base_err loop_attr(struct jinja_run *run, const struct jinja_node *node,
                               const struct engine_value_loop *loop, struct slice name,
                               struct engine_value *ret)
{
    size_t count = loop->items->count, at = loop->index;
    const struct {
        const char *name;
        struct engine_value value;
    } attrs[] = {
        {"index", engine_value_int((int64_t)at + 1)},
        {"index0", engine_value_int((int64_t)at)},
        {"revindex", engine_value_int((int64_t)(count - at))},
        {"revindex0", engine_value_int((int64_t)(count - at) - 1)},
        {"first", engine_value_bool(at == 0)},
        {"last", engine_value_bool(at + 1 == count)},
        {"length", engine_value_int((int64_t)count)},
        {"previtem", at > 0 ? loop->items->items[at - 1] : (struct engine_value){0}},
        {"nextitem", at + 1 < count ? loop->items->items[at + 1] : (struct engine_value){0}},
    };
    for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++)
        if (slice_eq_str(name, attrs[i].name)) {
            *ret = attrs[i].value;
            return BASE_OK;
        }
    return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "loop.%.*s is not supported",
                      SLICE_ARG(slice_sub(name, 0, 40)));
}

/* Methods of Python's dict: as a bare attribute they would be that method, not a member. */
static bool is_dict_method(struct slice name)
{
    static const char *const names[] = {"items",      "keys",     "values", "get",
                                        "pop",        "copy",     "clear",  "popitem",
                                        "setdefault", "fromkeys", "update"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eq_str(name, names[i]))
            return true;
    return false;
}

enum base_err jinja_get_attr(struct jinja_run *run, const struct jinja_node *node,
                             struct engine_value from, struct slice name, struct engine_value *ret)
{
    switch (from.type) {
    case ENGINE_VALUE_UNDEFINED:
        return undefined_used(run, node, from);
    case ENGINE_VALUE_LOOP:
        return loop_attr(run, node, from.u.loop, name, ret);
    case ENGINE_VALUE_MAP:
        if (is_dict_method(name))
            return jinja_fail(run, node, BASE_ERR_UNSUPPORTED,
                              "'.%.*s' is a method of dict; write ['%.*s'] for the member",
                              SLICE_ARG(name), SLICE_ARG(name));
        break;
    case ENGINE_VALUE_NAMESPACE:
        break;
    default:
        *ret = (struct engine_value){.type = ENGINE_VALUE_UNDEFINED, .u.name = name};
        return BASE_OK;
    }
    *ret = engine_value_get(&from, name);
    return jinja_work(run, jinja_count(from) / 16);
}

/* --- Items and slices --- */

/* Byte offset of the character with this index, or text.len; costs its length. */
static size_t char_offset(struct slice text, size_t index)
{
    size_t at = 0;
    for (; index > 0 && at < text.len; index--)
        at += engine_unicode_at(text, at).len;
    return at;
}

static size_t char_count(struct slice text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.len; count++)
        at += engine_unicode_at(text, at).len;
    return count;
}

static enum base_err length_of(struct jinja_run *run, struct engine_value value, size_t *ret)
{
    if (value.type == ENGINE_VALUE_STRING) {
        *ret = char_count(jinja_bytes(value));
        return jinja_work(run, value.u.s.len / 8);
    }
    *ret = jinja_count(value);
    return BASE_OK;
}

enum base_err jinja_get_item(struct jinja_run *run, const struct jinja_node *node,
                             struct engine_value from, struct engine_value key,
                             struct engine_value *ret)
{
    if (from.type == ENGINE_VALUE_UNDEFINED)
        return undefined_used(run, node, from);
    *ret = (struct engine_value){.type = ENGINE_VALUE_UNDEFINED};
    if (from.type == ENGINE_VALUE_MAP || from.type == ENGINE_VALUE_NAMESPACE) {
        const struct engine_value_member *found = jinja_map_find(&from, key);
        if (found)
            *ret = found->value;
        else if (key.type == ENGINE_VALUE_STRING && key.literal && !key.u.s.origin)
            ret->u.name = jinja_bytes(key); /* others, out of the values, stay out of messages */
        return jinja_work(run, jinja_count(from) / 16);
    }
    bool indexable = from.type == ENGINE_VALUE_LIST || from.type == ENGINE_VALUE_STRING;
    if (key.type == ENGINE_VALUE_BOOL) /* a number, in Python */
        key = engine_value_int(key.u.b);
    if (!indexable || key.type != ENGINE_VALUE_INT)
        return BASE_OK;
    size_t count;
    enum base_err err = length_of(run, from, &count);
    int64_t at = key.u.i < 0 ? key.u.i + (int64_t)count : key.u.i;
    if (err || at < 0 || (uint64_t)at >= count)
        return err;
    if (from.type == ENGINE_VALUE_LIST) {
        *ret = from.u.list->items[at];
        return BASE_OK;
    }
    size_t start = char_offset(jinja_bytes(from), (size_t)at);
    *ret = jinja_sub(from, start, engine_unicode_at(jinja_bytes(from), start).len);
    return BASE_OK;
}

/* One bound of a slice as Python clips it. */
static enum base_err slice_bound(struct jinja_run *run, const struct jinja_node *node,
                                 int64_t missing, int64_t low, int64_t high, int64_t count,
                                 int64_t *ret)
{
    struct engine_value value = engine_value_null();
    enum base_err err = node ? jinja_eval(run, node, &value) : BASE_OK;
    if (err)
        return err;
    *ret = missing;
    if (value.type == ENGINE_VALUE_NULL)
        return BASE_OK;
    if (value.type != ENGINE_VALUE_INT)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "a slice needs integers, not %s",
                          jinja_type_name(value));
    int64_t at = value.u.i;
    if (at < 0)
        at = at < -count ? low : at + count;
    *ret = at < low ? low : at > high ? high : at;
    return BASE_OK;
}

static enum base_err slice_list(struct jinja_run *run, struct engine_value from, int64_t start,
                                int64_t stop, int64_t step, struct engine_value *ret)
{
    *ret = engine_value_list();
    ret->is_tuple = from.is_tuple;
    for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step)
        if (!engine_value_push(run->arena, ret, from.u.list->items[i]))
            return jinja_no_memory(run);
    return jinja_work(run, jinja_count(*ret));
}

static enum base_err slice_string(struct jinja_run *run, const struct jinja_node *node,
                                  struct engine_value from, int64_t start, int64_t stop,
                                  int64_t step, struct engine_value *ret)
{
    if (step != 1) { /* seldom, so by way of a list of its characters */
        struct engine_value list;
        enum base_err err = jinja_iterate(run, node, from, &list);
        if (!err)
            err = slice_list(run, list, start, stop, step, &list);
        return err ? err : jinja_join(run, node, list, jinja_literal(""), ret);
    }
    size_t first = char_offset(jinja_bytes(from), (size_t)start);
    size_t last = start < stop ? char_offset(jinja_bytes(from), (size_t)stop) : first;
    *ret = jinja_sub(from, first, last - first);
    return BASE_OK;
}

static enum base_err eval_step(struct jinja_run *run, const struct jinja_node *node,
                               int64_t *ret_step)
{
    struct engine_value step = engine_value_null();
    enum base_err err = node->d ? jinja_eval(run, node->d, &step) : BASE_OK;
    *ret_step = step.type == ENGINE_VALUE_INT ? step.u.i : step.type == ENGINE_VALUE_NULL ? 1 : 0;
    if (!err && (*ret_step == 0 || *ret_step > INT32_MAX || *ret_step < -INT32_MAX))
        err = jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "a slice cannot have this step");
    return err;
}

static enum base_err eval_slice(struct jinja_run *run, const struct jinja_node *node,
                                struct engine_value *ret)
{
    struct engine_value from;
    size_t length;
    int64_t start, stop, step;
    enum base_err err = jinja_eval(run, node->a, &from);
    if (!err)
        err = eval_step(run, node, &step);
    if (err)
        return err;
    if (from.type == ENGINE_VALUE_UNDEFINED)
        return undefined_used(run, node, from);
    bool is_list = from.type == ENGINE_VALUE_LIST;
    if (!is_list && from.type != ENGINE_VALUE_STRING)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "%s cannot be sliced",
                          jinja_type_name(from));
    err = length_of(run, from, &length);
    int64_t count = (int64_t)length, low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
    if (!err)
        err = slice_bound(run, node->b, step > 0 ? low : high, low, high, count, &start);
    if (!err)
        err = slice_bound(run, node->c, step > 0 ? high : low, low, high, count, &stop);
    if (err)
        return err;
    return is_list ? slice_list(run, from, start, stop, step, ret)
                   : slice_string(run, node, from, start, stop, step, ret);
}

/* --- Operators --- */

static enum base_err concat(struct jinja_run *run, struct engine_value a, struct engine_value b,
                            struct engine_value *ret)
{
    if (a.u.s.len == 0 || b.u.s.len == 0) {
        *ret = a.u.s.len == 0 ? b : a;
        return BASE_OK;
    }
    struct jinja_text text;
    jinja_text_init(&text, run->limits.memory_max);
    jinja_text_add(&text, a);
    jinja_text_add(&text, b);
    enum base_err err = jinja_text_finish(run, &text, ret);
    return err ? err : jinja_work(run, ret->u.s.len / 64);
}

/* What stands beside a text out of `safe` is escaped, as Python's Markup does. */
static enum base_err add_strings(struct jinja_run *run, struct engine_value a,
                                 struct engine_value b, struct engine_value *ret)
{
    bool safe = a.is_safe || b.is_safe;
    enum base_err err = safe && !a.is_safe ? jinja_escape(run, a, &a) : BASE_OK;
    if (!err && safe && !b.is_safe)
        err = jinja_escape(run, b, &b);
    if (!err)
        err = concat(run, a, b, ret);
    if (!err)
        ret->is_safe = safe;
    return err;
}

static enum base_err join_lists(struct jinja_run *run, struct engine_value a, struct engine_value b,
                                struct engine_value *ret)
{
    *ret = engine_value_list();
    ret->is_tuple = a.is_tuple;
    for (size_t i = 0; i < jinja_count(a); i++)
        if (!engine_value_push(run->arena, ret, a.u.list->items[i]))
            return jinja_no_memory(run);
    for (size_t i = 0; i < jinja_count(b); i++)
        if (!engine_value_push(run->arena, ret, b.u.list->items[i]))
            return jinja_no_memory(run);
    return jinja_work(run, jinja_count(*ret));
}

static enum base_err repeat(struct jinja_run *run, struct engine_value string, int64_t times,
                            struct engine_value *ret)
{
    struct jinja_text text;
    jinja_text_init(&text, run->limits.memory_max);
    enum base_err err = BASE_OK;
    for (int64_t i = 0; i < times && string.u.s.len > 0 && !text.bytes.err && !err; i++) {
        jinja_text_add(&text, string);
        err = jinja_work(run, string.u.s.len / 64 + 1);
    }
    if (err) {
        jinja_text_done(&text);
        return err;
    }
    return jinja_text_finish(run, &text, ret);
}

static enum base_err int_math(struct jinja_run *run, const struct jinja_node *node,
                              enum jinja_op op, int64_t a, int64_t b, struct engine_value *ret)
{
    int64_t result = 0;
    bool overflow = false;
    if ((op == JINJA_OP_FLOORDIV || op == JINJA_OP_MOD || op == JINJA_OP_DIV) && b == 0)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "division by zero");
    switch (op) {
    case JINJA_OP_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case JINJA_OP_SUB:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case JINJA_OP_MUL:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case JINJA_OP_DIV:
        *ret = engine_value_double((double)a / (double)b);
        return BASE_OK;
    default: /* // and %: rounded down, the sign of the divisor */
        if (b == -1) {
            overflow = op == JINJA_OP_FLOORDIV && __builtin_sub_overflow((int64_t)0, a, &result);
            break;
        }
        result = op == JINJA_OP_FLOORDIV ? a / b : a % b;
        if (a % b != 0 && (a % b < 0) != (b < 0))
            result += op == JINJA_OP_FLOORDIV ? -1 : b;
        break;
    }
    if (overflow)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "a number needs more than 64 bits");
    *ret = engine_value_int(result);
    return BASE_OK;
}

/* The two are one computation in Python: what is left has the sign of the divisor. */
static double floor_or_rest(enum jinja_op op, double a, double b)
{
    double rest = fmod(a, b), quotient = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0)) {
        rest += b;
        quotient -= 1;
    }
    if (op == JINJA_OP_MOD)
        return rest != 0 ? rest : copysign(0, b);
    double whole = floor(quotient);
    return quotient == 0 ? copysign(0, a / b) : quotient - whole > 0.5 ? whole + 1 : whole;
}

static enum base_err float_math(struct jinja_run *run, const struct jinja_node *node,
                                enum jinja_op op, double a, double b, struct engine_value *ret)
{
    double result = 0;
    if (op >= JINJA_OP_DIV && op <= JINJA_OP_MOD && b == 0.0)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "division by zero");
    switch (op) {
    case JINJA_OP_ADD:
        result = a + b;
        break;
    case JINJA_OP_SUB:
        result = a - b;
        break;
    case JINJA_OP_MUL:
        result = a * b;
        break;
    case JINJA_OP_DIV:
        result = a / b;
        break;
    default:
        result = floor_or_rest(op, a, b);
        break;
    }
    *ret = engine_value_double(result);
    return BASE_OK;
}

static enum base_err math_op(struct jinja_run *run, const struct jinja_node *node, enum jinja_op op,
                             struct engine_value a, struct engine_value b, struct engine_value *ret)
{
    static const char *const names[] = {"+", "-", "*", "/", "//", "%"};
    if (jinja_is_number(a) && jinja_is_number(b)) {
        if (jinja_is_big(a) || jinja_is_big(b))
            return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "a number needs more than 64 bits");
        if (a.type == ENGINE_VALUE_DOUBLE || b.type == ENGINE_VALUE_DOUBLE)
            return float_math(run, node, op, jinja_to_double(a), jinja_to_double(b), ret);
        int64_t x = a.type == ENGINE_VALUE_BOOL ? a.u.b : a.u.i;
        int64_t y = b.type == ENGINE_VALUE_BOOL ? b.u.b : b.u.i;
        return int_math(run, node, op, x, y, ret);
    }
    if (op == JINJA_OP_ADD && a.type == b.type && a.type == ENGINE_VALUE_STRING)
        return add_strings(run, a, b, ret);
    if (op == JINJA_OP_MOD && a.type == ENGINE_VALUE_STRING) {
        struct engine_value items = engine_value_list();
        bool many = b.type == ENGINE_VALUE_LIST && b.is_tuple;
        if (!many && !engine_value_push(run->arena, &items, b))
            return jinja_no_memory(run);
        return jinja_format_percent(run, node, a, many ? b : items, ret);
    }
    if (op == JINJA_OP_ADD && a.type == b.type && a.type == ENGINE_VALUE_LIST &&
        a.is_tuple == b.is_tuple)
        return join_lists(run, a, b, ret);
    if (op == JINJA_OP_MUL && a.type == ENGINE_VALUE_STRING && b.type == ENGINE_VALUE_INT)
        return repeat(run, a, b.u.i, ret);
    if (op == JINJA_OP_MUL && b.type == ENGINE_VALUE_STRING && a.type == ENGINE_VALUE_INT)
        return repeat(run, b, a.u.i, ret);
    if (a.type == ENGINE_VALUE_UNDEFINED || b.type == ENGINE_VALUE_UNDEFINED)
        return undefined_used(run, node, a.type == ENGINE_VALUE_UNDEFINED ? a : b);
    return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "'%s' does not work on %s and %s", names[op],
                      jinja_type_name(a), jinja_type_name(b));
}

enum base_err jinja_binary(struct jinja_run *run, const struct jinja_node *node, enum jinja_op op,
                           struct engine_value a, struct engine_value b, struct engine_value *ret)
{
    bool yes = false;
    int order = 0;
    enum base_err err = BASE_OK;
    switch (op) {
    case JINJA_OP_CONCAT:
        err = jinja_to_string(run, node, a, &a);
        if (!err)
            err = jinja_to_string(run, node, b, &b);
        a.is_safe = b.is_safe = false;
        return err ? err : concat(run, a, b, ret);
    case JINJA_OP_EQ:
    case JINJA_OP_NE:
        err = jinja_equal(run, a, b, 0, &yes);
        yes = yes == (op == JINJA_OP_EQ);
        break;
    case JINJA_OP_IN:
    case JINJA_OP_NOT_IN:
        err = jinja_contains(run, node, a, b, &yes);
        yes = yes == (op == JINJA_OP_IN);
        break;
    case JINJA_OP_LT:
    case JINJA_OP_LE:
    case JINJA_OP_GT:
    case JINJA_OP_GE:
        if (a.type == ENGINE_VALUE_UNDEFINED || b.type == ENGINE_VALUE_UNDEFINED)
            return undefined_used(run, node, a.type == ENGINE_VALUE_UNDEFINED ? a : b);
        err = jinja_compare(run, node, a, b, &order);
        yes = op == JINJA_OP_LT   ? order < 0
              : op == JINJA_OP_LE ? order <= 0
              : op == JINJA_OP_GT ? order > 0
                                  : order >= 0;
        break;
    default:
        return math_op(run, node, op, a, b, ret);
    }
    *ret = engine_value_bool(yes);
    return err;
}

static enum base_err eval_unary(struct jinja_run *run, const struct jinja_node *node,
                                struct engine_value *ret)
{
    struct engine_value value;
    enum base_err err = jinja_eval(run, node->a, &value);
    if (err)
        return err;
    return math_op(run, node, node->op, engine_value_int(0), value, ret);
}

static enum base_err eval_binary(struct jinja_run *run, const struct jinja_node *node,
                                 struct engine_value *ret)
{
    struct engine_value a, b;
    enum base_err err = jinja_eval(run, node->a, &a);
    if (!err)
        err = jinja_eval(run, node->b, &b);
    return err ? err : jinja_binary(run, node, node->op, a, b, ret);
}

static enum base_err eval_logic(struct jinja_run *run, const struct jinja_node *node,
                                struct engine_value *ret)
{
    enum base_err err = jinja_eval(run, node->a, ret);
    if (err)
        return err;
    if (node->kind == JINJA_NOT) {
        *ret = engine_value_bool(!jinja_is_true(*ret));
        return BASE_OK;
    }
    if (jinja_is_true(*ret) == (node->kind == JINJA_OR))
        return BASE_OK; /* as in Python the value itself, not true or false */
    return jinja_eval(run, node->b, ret);
}

static enum base_err eval_cond(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value *ret)
{
    struct engine_value condition;
    enum base_err err = jinja_eval(run, node->b, &condition);
    if (err)
        return err;
    if (jinja_is_true(condition))
        return jinja_eval(run, node->a, ret);
    if (node->c)
        return jinja_eval(run, node->c, ret);
    *ret = (struct engine_value){.type = ENGINE_VALUE_UNDEFINED};
    return BASE_OK;
}

/* --- Collections and calls --- */

static enum base_err eval_list(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value *ret)
{
    *ret = engine_value_list();
    ret->is_tuple = node->value.is_tuple;
    for (const struct jinja_node *item = node->a; item; item = item->next) {
        struct engine_value value;
        enum base_err err = jinja_eval(run, item, &value);
        if (err)
            return err;
        if (!engine_value_push(run->arena, ret, value))
            return jinja_no_memory(run);
    }
    return BASE_OK;
}

static enum base_err eval_map(struct jinja_run *run, const struct jinja_node *node,
                              struct engine_value *ret)
{
    *ret = engine_value_map();
    for (const struct jinja_node *item = node->a; item; item = item->next->next) {
        struct engine_value key, value;
        enum base_err err = jinja_eval(run, item, &key);
        if (!err && key.type != ENGINE_VALUE_STRING && key.type != ENGINE_VALUE_INT)
            err = jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "a key must be a str or int, not %s",
                             jinja_type_name(key));
        if (!err)
            err = jinja_eval(run, item->next, &value);
        if (err)
            return err;
        if (!jinja_map_put(run, ret, key, value))
            return jinja_no_memory(run);
    }
    return BASE_OK;
}

/* Arguments by place become a LIST in args[0], those by keyword a MAP in args[1]. */
static enum base_err eval_any_args(struct jinja_run *run, const struct jinja_node *node,
                                   struct engine_value *args)
{
    args[0] = engine_value_list();
    args[1] = engine_value_map();
    for (const struct jinja_node *arg = node->b; arg; arg = arg->next) {
        struct engine_value value;
        enum base_err err = jinja_eval(run, arg->a, &value);
        if (err)
            return err;
        bool good = slice_is_absent(arg->name)
                        ? engine_value_push(run->arena, &args[0], value)
                        : jinja_map_put(run, &args[1], engine_value_string(arg->name, true), value);
        if (!good)
            return jinja_no_memory(run);
    }
    return BASE_OK;
}

static enum base_err fail_unknown(struct jinja_run *run, const struct jinja_node *node,
                                  struct engine_value self, const struct engine_value *args,
                                  struct engine_value *ret)
{
    (void)self;
    (void)args;
    (void)ret;
    const char *what = node->kind == JINJA_FILTER ? "filter"
                       : node->kind == JINJA_TEST ? "test"
                                                  : "method";
    return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "the %s '%.*s' is not supported", what,
                      SLICE_ARG(slice_sub(node->name, 0, 40)));
}

const struct jinja_call jinja_unknown_call = {.name = "?", .fn = fail_unknown, .any_args = true};

static enum base_err eval_call(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value *ret)
{
    struct engine_value self = {.type = ENGINE_VALUE_UNDEFINED};
    struct engine_value args[JINJA_ARGS_MAX] = {0};
    enum base_err err = node->a ? jinja_eval(run, node->a, &self) : BASE_OK;
    if (!err && node->call->any_args)
        err = eval_any_args(run, node, args);
    for (int i = 0; i < JINJA_ARGS_MAX && !err; i++)
        if (node->args[i])
            err = jinja_eval(run, node->args[i], &args[i]);
    if (!err && node->kind == JINJA_METHOD && self.type == ENGINE_VALUE_UNDEFINED)
        err = undefined_used(run, node, self);
    if (!err)
        err = node->call->fn(run, node, self, args, ret);
    if (!err && node->kind == JINJA_TEST && node->negated)
        *ret = engine_value_bool(!ret->u.b);
    return err;
}

static enum base_err eval_literal(struct jinja_run *run, const struct jinja_node *node,
                                  struct engine_value *ret)
{
    (void)run;
    *ret = node->value;
    return BASE_OK;
}

static enum base_err eval_attr(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value *ret)
{
    struct engine_value from;
    enum base_err err = jinja_eval(run, node->a, &from);
    return err ? err : jinja_get_attr(run, node, from, node->name, ret);
}

static enum base_err eval_index(struct jinja_run *run, const struct jinja_node *node,
                                struct engine_value *ret)
{
    struct engine_value from, key;
    enum base_err err = jinja_eval(run, node->a, &from);
    if (!err)
        err = jinja_eval(run, node->b, &key);
    return err ? err : jinja_get_item(run, node, from, key, ret);
}

/* Recursion is as deep as the expression, which the parser bounds; macros are counted. */
enum base_err jinja_eval(struct jinja_run *run, const struct jinja_node *node,
                         struct engine_value *ret)
{
    typedef enum base_err (*eval_fn)(struct jinja_run * run, const struct jinja_node *node,
                                     struct engine_value *ret);
    static const eval_fn table[JINJA_KIND_COUNT] = {
        [JINJA_LITERAL] = eval_literal,
        [JINJA_NAME] = eval_name,
        [JINJA_LIST] = eval_list,
        [JINJA_MAP] = eval_map,
        [JINJA_ATTR] = eval_attr,
        [JINJA_INDEX] = eval_index,
        [JINJA_SLICE] = eval_slice,
        [JINJA_UNARY] = eval_unary,
        [JINJA_BINARY] = eval_binary,
        [JINJA_AND] = eval_logic,
        [JINJA_OR] = eval_logic,
        [JINJA_NOT] = eval_logic,
        [JINJA_COND] = eval_cond,
        [JINJA_FILTER] = eval_call,
        [JINJA_TEST] = eval_call,
        [JINJA_METHOD] = eval_call,
        [JINJA_FUNCTION] = eval_call,
        [JINJA_MACRO_CALL] = jinja_call_macro,
        [JINJA_CAPTURE] = jinja_eval_capture,
        [JINJA_CALLER] = jinja_eval_caller,
    };
    struct engine_value value = {0};
    enum base_err err = jinja_work(run, 1);
    if (!err)
        err = table[node->kind](run, node, &value);
    if (!err)
        *ret = value;
    return err;
}
