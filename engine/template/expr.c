/* Tokens to expressions. Each level of precedence is a function; they recurse only through
 * jinja_parse_expr(), jinja_parse_or() and unary operators, which count the depth. */
#include "engine/template/internal.h"

#include <stdarg.h>
#include <stdio.h>

/* --- Helpers shared with statements --- */

const struct jinja_token *jinja_peek(const struct jinja_parser *p, size_t ahead)
{
    for (size_t i = 0; i < ahead; i++)
        if (p->tokens[p->at + i].type == JINJA_TOKEN_END)
            return &p->tokens[p->at + i];
    return &p->tokens[p->at + ahead];
}

static bool is(const struct jinja_token *token, enum jinja_token_type type, const char *text)
{
    return token->type == type && slice_eq_str(token->text, text);
}

bool jinja_at_op(const struct jinja_parser *p, const char *op)
{
    return is(jinja_peek(p, 0), JINJA_TOKEN_OP, op);
}

bool jinja_at_name(const struct jinja_parser *p, const char *name)
{
    return is(jinja_peek(p, 0), JINJA_TOKEN_NAME, name);
}

bool jinja_take_op(struct jinja_parser *p, const char *op)
{
    bool there = jinja_at_op(p, op);
    p->at += there ? 1 : 0;
    return there;
}

bool jinja_take_name(struct jinja_parser *p, const char *name)
{
    bool there = jinja_at_name(p, name);
    p->at += there ? 1 : 0;
    return there;
}

enum base_err jinja_parse_fail(struct jinja_parser *p, enum base_err code, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return base_error_set(p->reterr, code, "template line %u: %s", jinja_peek(p, 0)->line, text);
}

/* What stands here, for messages. */
static struct slice shown(const struct jinja_parser *p)
{
    static const char *const names[] = {"text", "{%", "%}", "{{", "}}"};
    const struct jinja_token *token = jinja_peek(p, 0);
    if (token->type == JINJA_TOKEN_END)
        return SLICE("the end of the template");
    if (token->type <= JINJA_TOKEN_PRINT_END)
        return slice_from_str(names[token->type]);
    return slice_sub(token->text, 0, 40);
}

enum base_err jinja_want_op(struct jinja_parser *p, const char *op)
{
    if (jinja_take_op(p, op))
        return BASE_OK;
    struct slice here = shown(p);
    return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "expected '%s', not '%.*s'", op,
                            SLICE_ARG(here));
}

enum base_err jinja_want_name(struct jinja_parser *p, struct slice *ret_name)
{
    const struct jinja_token *token = jinja_peek(p, 0);
    if (token->type != JINJA_TOKEN_NAME) {
        struct slice here = shown(p);
        return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "expected a name, not '%.*s'",
                                SLICE_ARG(here));
    }
    *ret_name = token->text;
    p->at++;
    return BASE_OK;
}

enum base_err jinja_node_new(struct jinja_parser *p, enum jinja_kind kind, struct jinja_node **ret)
{
    struct jinja_node *node = arena_calloc(p->arena, 1, sizeof(*node));
    if (!node)
        return base_error_set(p->reterr, BASE_ERR_NO_MEMORY, "no memory for a template");
    node->kind = kind;
    node->line = jinja_peek(p, 0)->line;
    *ret = node;
    return BASE_OK;
}

enum base_err jinja_enter(struct jinja_parser *p)
{
    if (p->depth >= JINJA_DEPTH_MAX)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "nested deeper than %d", JINJA_DEPTH_MAX);
    p->depth++;
    return BASE_OK;
}

/* --- Pieces --- */

static enum base_err parse_literal(struct jinja_parser *p, struct engine_value value,
                                   struct jinja_node **ret)
{
    enum base_err err = jinja_node_new(p, JINJA_LITERAL, ret);
    if (!err)
        (*ret)->value = value;
    return err;
}

static enum base_err parse_number(struct jinja_parser *p, struct jinja_node **ret)
{
    const struct jinja_token *token = jinja_peek(p, 0);
    int64_t i = 0;
    double d = 0;
    bool good = token->type == JINJA_TOKEN_INT ? slice_to_i64(token->text, &i)
                                               : slice_to_double(token->text, &d);
    if (!good)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "the number %.*s is not supported",
                                SLICE_ARG(slice_sub(token->text, 0, 40)));
    enum base_err err = parse_literal(
        p, token->type == JINJA_TOKEN_INT ? engine_value_int(i) : engine_value_double(d), ret);
    p->at++;
    return err;
}

/* Neighbouring texts are one. */
static enum base_err parse_string(struct jinja_parser *p, struct jinja_node **ret)
{
    struct slice text = jinja_peek(p, 0)->text;
    p->at++;
    while (jinja_peek(p, 0)->type == JINJA_TOKEN_STRING) {
        struct slice more = jinja_peek(p, 0)->text;
        char *joined = arena_alloc(p->arena, text.len + more.len);
        if (!joined)
            return base_error_set(p->reterr, BASE_ERR_NO_MEMORY, "no memory for a template");
        memcpy(joined, text.ptr, text.len);
        memcpy(joined + text.len, more.ptr, more.len);
        text = slice_of(joined, text.len + more.len);
        p->at++;
    }
    return parse_literal(p, engine_value_string(text, true), ret);
}

static enum base_err parse_name(struct jinja_parser *p, struct jinja_node **ret)
{
    static const struct {
        const char *name;
        enum engine_value_type type;
        bool b;
    } constants[] = {{"true", ENGINE_VALUE_BOOL, true},   {"True", ENGINE_VALUE_BOOL, true},
                     {"false", ENGINE_VALUE_BOOL, false}, {"False", ENGINE_VALUE_BOOL, false},
                     {"none", ENGINE_VALUE_NULL, false},  {"None", ENGINE_VALUE_NULL, false}};
    struct slice name = jinja_peek(p, 0)->text;
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
        if (slice_eq_str(name, constants[i].name)) {
            p->at++;
            return parse_literal(
                p, (struct engine_value){.type = constants[i].type, .u.b = constants[i].b}, ret);
        }
    if (slice_eq_str(name, "caller") && is(jinja_peek(p, 1), JINJA_TOKEN_OP, "(") &&
        is(jinja_peek(p, 2), JINJA_TOKEN_OP, ")")) {
        enum base_err err = jinja_node_new(p, JINJA_CALLER, ret);
        p->at += 3;
        return err;
    }
    static const char *const refused[] = {"self", "super", "caller", "varargs", "kwargs"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (slice_eq_str(name, refused[i]))
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "'%s' is not supported", refused[i]);
    enum base_err err = jinja_node_new(p, JINJA_NAME, ret);
    if (err)
        return err;
    (*ret)->name = name;
    p->at++;
    return jinja_at_op(p, "(") ? BASE_OK : jinja_note(p, &p->read, name);
}

/* Items up to `close`; with `pairs` each is key : value. *ret_commas: a comma was there. */
static enum base_err parse_items(struct jinja_parser *p, const char *close, bool pairs,
                                 struct jinja_node **ret_first, bool *ret_commas)
{
    struct jinja_node **tail = ret_first;
    *ret_first = NULL;
    *ret_commas = false;
    while (!jinja_at_op(p, close)) {
        for (int i = 0; i < (pairs ? 2 : 1); i++) {
            enum base_err err = i > 0 ? jinja_want_op(p, ":") : BASE_OK;
            if (!err)
                err = jinja_parse_expr(p, tail);
            if (err)
                return err;
            tail = &(*tail)->next;
        }
        if (!jinja_take_op(p, ","))
            break;
        *ret_commas = true;
    }
    return jinja_want_op(p, close);
}

static enum base_err parse_collection(struct jinja_parser *p, struct jinja_node **ret)
{
    bool paren = jinja_at_op(p, "("), map = jinja_at_op(p, "{"), commas;
    struct jinja_node *items, *node;
    enum base_err err = jinja_node_new(p, map ? JINJA_MAP : JINJA_LIST, &node);
    if (err)
        return err;
    p->at++;
    err = parse_items(p, paren ? ")" : map ? "}" : "]", map, &items, &commas);
    if (err)
        return err;
    node->a = items;
    node->value.is_tuple = paren;
    *ret = paren && items && !commas ? items : node; /* (x) is x, (x,) is a tuple */
    return BASE_OK;
}

static enum base_err parse_primary(struct jinja_parser *p, struct jinja_node **ret)
{
    switch (jinja_peek(p, 0)->type) {
    case JINJA_TOKEN_NAME:
        return parse_name(p, ret);
    case JINJA_TOKEN_STRING:
        return parse_string(p, ret);
    case JINJA_TOKEN_INT:
    case JINJA_TOKEN_FLOAT:
        return parse_number(p, ret);
    default:
        if (jinja_at_op(p, "(") || jinja_at_op(p, "[") || jinja_at_op(p, "{"))
            return parse_collection(p, ret);
        struct slice here = shown(p);
        return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "expected an expression, not '%.*s'",
                                SLICE_ARG(here));
    }
}

/* --- Calls --- */

/* Arguments between parentheses, as ARG nodes. */
static enum base_err parse_args(struct jinja_parser *p, struct jinja_node **ret_first)
{
    struct jinja_node **tail = ret_first;
    *ret_first = NULL;
    enum base_err err = jinja_want_op(p, "(");
    while (!err && !jinja_at_op(p, ")")) {
        if (jinja_at_op(p, "*") || jinja_at_op(p, "**"))
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "* and ** in calls are not supported");
        struct jinja_node *arg;
        err = jinja_node_new(p, JINJA_ARG, &arg);
        if (err)
            return err;
        if (jinja_peek(p, 0)->type == JINJA_TOKEN_NAME &&
            is(jinja_peek(p, 1), JINJA_TOKEN_OP, "=")) {
            arg->name = jinja_peek(p, 0)->text;
            p->at += 2;
        }
        err = jinja_parse_expr(p, &arg->a);
        *tail = arg;
        tail = &arg->next;
        if (!err && !jinja_take_op(p, ","))
            break;
    }
    return err ? err : jinja_want_op(p, ")");
}

/* As in Jinja, what is not known inside an `if` fails when it is reached. */
static const struct jinja_call *known(const struct jinja_parser *p, const struct jinja_call *call)
{
    return call || p->ifs == 0 ? call : &jinja_unknown_call;
}

int jinja_find_param(const struct jinja_call *call, struct slice name)
{
    for (int i = 0; i < JINJA_ARGS_MAX && call->params[i]; i++)
        if (slice_eq_str(name, call->params[i]))
            return i;
    return -1;
}

/* Puts arguments in the places of the parameters, so that nothing has to be looked up later. */
static enum base_err bind_args(struct jinja_parser *p, struct jinja_node *node,
                               struct jinja_node *args)
{
    const struct jinja_call *call = node->call;
    int place = 0;
    if (call->any_args) {
        node->b = args;
        return BASE_OK;
    }
    for (struct jinja_node *arg = args; arg; arg = arg->next) {
        int at = place;
        if (slice_is_absent(arg->name))
            place++;
        else
            at = jinja_find_param(call, arg->name);
        if (at < 0)
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "%s() has no parameter '%.*s' here",
                                    call->name, SLICE_ARG(slice_sub(arg->name, 0, 40)));
        if (at >= JINJA_ARGS_MAX || !call->params[at] || node->args[at])
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "%s() has too many arguments",
                                    call->name);
        node->args[at] = arg->a;
    }
    for (int i = 0; i < call->required; i++)
        if (!node->args[i])
            return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "%s() needs the argument '%s'",
                                    call->name, call->params[i]);
    return BASE_OK;
}

enum base_err jinja_parse_filter(struct jinja_parser *p, struct jinja_node **node)
{
    struct slice name;
    struct jinja_node *filter, *args = NULL;
    enum base_err err = jinja_want_name(p, &name);
    if (!err)
        err = jinja_node_new(p, JINJA_FILTER, &filter);
    if (err)
        return err;
    filter->name = name;
    filter->call = known(p, jinja_find_filter(name));
    if (!filter->call)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "the filter '%.*s' is not supported",
                                SLICE_ARG(slice_sub(name, 0, 40)));
    if (jinja_at_op(p, "("))
        err = parse_args(p, &args);
    filter->a = *node;
    *node = filter;
    return err ? err : bind_args(p, filter, args);
}

static enum base_err parse_postfix(struct jinja_parser *p, struct jinja_node **node);

/* `is name`, with one argument after it where the test takes one: is divisibleby 3 */
static enum base_err parse_test(struct jinja_parser *p, struct jinja_node **node)
{
    struct slice name;
    struct jinja_node *test, *args = NULL;
    p->at++;
    bool negated = jinja_take_name(p, "not");
    enum base_err err = jinja_want_name(p, &name);
    if (!err)
        err = jinja_node_new(p, JINJA_TEST, &test);
    if (err)
        return err;
    test->negated = negated;
    test->name = name;
    test->call = known(p, jinja_find_test(name));
    if (!test->call)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "the test '%.*s' is not supported",
                                SLICE_ARG(slice_sub(name, 0, 40)));
    if (jinja_at_op(p, "(")) {
        err = parse_args(p, &args);
    } else if (test->call->params[0]) {
        err = jinja_node_new(p, JINJA_ARG, &args);
        if (!err)
            err = parse_primary(p, &args->a);
        if (!err)
            err = parse_postfix(p, &args->a);
    }
    test->a = *node;
    *node = test;
    return err ? err : bind_args(p, test, args);
}

/* name(...): a function of ours, or a macro, which may stand further down. */
static enum base_err parse_call(struct jinja_parser *p, struct jinja_node **node)
{
    struct jinja_node *call, *args;
    if ((*node)->kind != JINJA_NAME)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "only names can be called");
    enum base_err err = jinja_node_new(p, JINJA_FUNCTION, &call);
    if (!err)
        err = parse_args(p, &args);
    if (err)
        return err;
    call->name = (*node)->name;
    call->call = jinja_find_function(call->name);
    *node = call;
    if (call->call)
        return bind_args(p, call, args);
    call->kind = JINJA_MACRO_CALL;
    call->optional = p->ifs > 0;
    call->b = args;
    call->next_macro = p->macro_calls;
    p->macro_calls = call;
    return BASE_OK;
}

static enum base_err parse_attr(struct jinja_parser *p, struct jinja_node **node)
{
    struct jinja_node *attr, *args;
    p->at++;
    enum base_err err = jinja_node_new(p, JINJA_ATTR, &attr);
    if (err)
        return err;
    attr->a = *node;
    if (jinja_peek(p, 0)->type == JINJA_TOKEN_INT) { /* x.0 */
        attr->kind = JINJA_INDEX;
        err = parse_number(p, &attr->b);
    } else {
        err = jinja_want_name(p, &attr->name);
    }
    *node = attr;
    if (err || attr->kind == JINJA_INDEX || !jinja_at_op(p, "("))
        return err;
    attr->kind = JINJA_METHOD;
    attr->call = known(p, jinja_find_method(attr->name));
    if (!attr->call)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "the method '%.*s' is not supported",
                                SLICE_ARG(slice_sub(attr->name, 0, 40)));
    err = parse_args(p, &args);
    return err ? err : bind_args(p, attr, args);
}

static enum base_err parse_subscript(struct jinja_parser *p, struct jinja_node **node)
{
    struct jinja_node *index;
    enum base_err err = jinja_node_new(p, JINJA_INDEX, &index);
    if (err)
        return err;
    p->at++;
    index->a = *node;
    *node = index;
    if (!jinja_at_op(p, ":"))
        err = jinja_parse_expr(p, &index->b);
    struct jinja_node **more[2] = {&index->c, &index->d};
    for (int i = 0; i < 2 && !err && jinja_take_op(p, ":"); i++) {
        index->kind = JINJA_SLICE;
        if (!jinja_at_op(p, ":") && !jinja_at_op(p, "]"))
            err = jinja_parse_expr(p, more[i]);
    }
    return err ? err : jinja_want_op(p, "]");
}

static enum base_err parse_postfix(struct jinja_parser *p, struct jinja_node **node)
{
    enum base_err err = BASE_OK;
    int depth = p->depth; /* a chain makes the tree deeper too */
    while (!err) {
        if (jinja_at_op(p, "."))
            err = parse_attr(p, node);
        else if (jinja_at_op(p, "["))
            err = parse_subscript(p, node);
        else if (jinja_at_op(p, "("))
            err = parse_call(p, node);
        else
            break;
        if (!err)
            err = jinja_enter(p);
    }
    p->depth = depth;
    return err;
}

/* --- Operators --- */

static enum base_err parse_unary(struct jinja_parser *p, bool filters, struct jinja_node **ret)
{
    enum base_err err = jinja_enter(p);
    if (err)
        return err;
    if (jinja_at_op(p, "-") || jinja_at_op(p, "+")) {
        struct jinja_node *unary;
        err = jinja_node_new(p, JINJA_UNARY, &unary);
        if (!err) {
            unary->op = jinja_at_op(p, "-") ? JINJA_OP_SUB : JINJA_OP_ADD;
            p->at++;
            err = parse_unary(p, false, &unary->a);
            *ret = unary;
        }
    } else {
        err = parse_primary(p, ret);
    }
    p->depth--;
    if (!err)
        err = parse_postfix(p, ret);
    int depth = p->depth;
    while (!err && filters) {
        if (jinja_take_op(p, "|"))
            err = jinja_parse_filter(p, ret);
        else if (jinja_at_name(p, "is"))
            err = parse_test(p, ret);
        else if (jinja_at_op(p, "("))
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "only names can be called");
        else
            break;
        if (!err)
            err = jinja_enter(p);
    }
    p->depth = depth;
    return err;
}

struct level {
    struct {
        const char *text;
        enum jinja_op op;
    } ops[6];
};
/* From the loosest to the tightest. */
static const struct level levels[] = {
    {{{"==", JINJA_OP_EQ},
      {"!=", JINJA_OP_NE},
      {"<=", JINJA_OP_LE},
      {">=", JINJA_OP_GE},
      {"<", JINJA_OP_LT},
      {">", JINJA_OP_GT}}},
    {{{"+", JINJA_OP_ADD}, {"-", JINJA_OP_SUB}}},
    {{{"~", JINJA_OP_CONCAT}}},
    {{{"*", JINJA_OP_MUL}, {"//", JINJA_OP_FLOORDIV}, {"/", JINJA_OP_DIV}, {"%", JINJA_OP_MOD}}},
};
enum { LEVEL_COUNT = sizeof(levels) / sizeof(levels[0]), LEVEL_COMPARE = 0 };

static bool take_level(struct jinja_parser *p, int level, enum jinja_op *ret)
{
    for (int i = 0; i < 6 && levels[level].ops[i].text; i++)
        if (jinja_take_op(p, levels[level].ops[i].text)) {
            *ret = levels[level].ops[i].op;
            return true;
        }
    if (level != LEVEL_COMPARE)
        return false;
    *ret = JINJA_OP_IN;
    if (jinja_take_name(p, "in"))
        return true;
    if (!jinja_at_name(p, "not") || !is(jinja_peek(p, 1), JINJA_TOKEN_NAME, "in"))
        return false;
    p->at += 2;
    *ret = JINJA_OP_NOT_IN;
    return true;
}

/* Recursion here is as deep as there are levels. */
static enum base_err parse_level(struct jinja_parser *p, int level, struct jinja_node **ret)
{
    if (level == LEVEL_COUNT) {
        enum base_err err = parse_unary(p, true, ret);
        if (!err && jinja_at_op(p, "**"))
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "'**' is not supported");
        return err;
    }
    int depth = p->depth;
    enum base_err err = parse_level(p, level + 1, ret);
    enum jinja_op op;
    for (int count = 0; !err && take_level(p, level, &op); count++) {
        if (level == LEVEL_COMPARE && count > 0)
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED,
                                    "a chain of comparisons is not supported");
        struct jinja_node *binary;
        err = jinja_node_new(p, JINJA_BINARY, &binary);
        if (!err) {
            binary->op = op;
            binary->a = *ret;
            *ret = binary;
            err = parse_level(p, level + 1, &binary->b);
        }
        if (!err)
            err = jinja_enter(p); /* the tree grows to the left */
    }
    p->depth = depth;
    return err;
}

static enum base_err parse_not(struct jinja_parser *p, struct jinja_node **ret)
{
    if (!jinja_at_name(p, "not"))
        return parse_level(p, 0, ret);
    struct jinja_node *node;
    enum base_err err = jinja_node_new(p, JINJA_NOT, &node);
    if (!err)
        err = jinja_enter(p);
    if (err)
        return err;
    p->at++;
    err = parse_not(p, &node->a);
    p->depth--;
    *ret = node;
    return err;
}

static enum base_err parse_and(struct jinja_parser *p, struct jinja_node **ret)
{
    int depth = p->depth;
    enum base_err err = parse_not(p, ret);
    while (!err && jinja_take_name(p, "and")) {
        struct jinja_node *node;
        err = jinja_node_new(p, JINJA_AND, &node);
        if (!err) {
            node->a = *ret;
            *ret = node;
            err = parse_not(p, &node->b);
        }
        if (!err)
            err = jinja_enter(p);
    }
    p->depth = depth;
    return err;
}

enum base_err jinja_parse_or(struct jinja_parser *p, struct jinja_node **ret)
{
    int depth = p->depth;
    enum base_err err = jinja_enter(p);
    if (!err)
        err = parse_and(p, ret);
    while (!err && jinja_take_name(p, "or")) {
        struct jinja_node *node;
        err = jinja_node_new(p, JINJA_OR, &node);
        if (!err) {
            node->a = *ret;
            *ret = node;
            err = parse_and(p, &node->b);
        }
        if (!err)
            err = jinja_enter(p);
    }
    p->depth = depth;
    return err;
}

enum base_err jinja_parse_expr(struct jinja_parser *p, struct jinja_node **ret)
{
    int depth = p->depth;
    enum base_err err = jinja_parse_or(p, ret);
    while (!err && jinja_take_name(p, "if")) {
        struct jinja_node *node;
        err = jinja_node_new(p, JINJA_COND, &node);
        if (!err)
            err = jinja_enter(p);
        if (err)
            break;
        node->a = *ret;
        *ret = node;
        err = jinja_parse_or(p, &node->b);
        if (!err && jinja_take_name(p, "else"))
            err = jinja_parse_expr(p, &node->c);
    }
    p->depth = depth;
    return err;
}

enum base_err jinja_parse_tuple(struct jinja_parser *p, struct jinja_node **ret)
{
    enum base_err err = jinja_parse_expr(p, ret);
    if (err || !jinja_at_op(p, ","))
        return err;
    struct jinja_node *list, *tail = *ret;
    err = jinja_node_new(p, JINJA_LIST, &list);
    if (err)
        return err;
    list->a = *ret;
    list->value.is_tuple = true;
    while (!err && jinja_take_op(p, ",")) {
        err = jinja_parse_expr(p, &tail->next);
        tail = tail->next;
    }
    *ret = list;
    return err;
}
