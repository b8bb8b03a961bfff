/* Tests: {{ x is defined }}. One row each. */
#include "engine/template/internal.h"

#define TEST(name)                                                                                 \
    static enum base_err name(struct jinja_run *run, const struct jinja_node *node,                \
                              struct engine_value self, const struct engine_value *args,           \
                              struct engine_value *ret)

#define TYPE_TEST(name, condition)                                                                 \
    TEST(name)                                                                                     \
    {                                                                                              \
        (void)run;                                                                                 \
        (void)node;                                                                                \
        (void)args;                                                                                \
        *ret = engine_value_bool(condition);                                                       \
        return BASE_OK;                                                                            \
    }

/* The functions are values in Jinja: templates ask whether there is a strftime_now. */
static bool is_known(const struct jinja_node *node, struct engine_value self)
{
    return self.type != ENGINE_VALUE_UNDEFINED ||
           (node->kind == JINJA_TEST && node->a && node->a->kind == JINJA_NAME &&
            jinja_find_function(node->a->name));
}

TYPE_TEST(is_defined, is_known(node, self))
TYPE_TEST(is_undefined, !is_known(node, self))
TYPE_TEST(is_none, self.type == ENGINE_VALUE_NULL)
TYPE_TEST(is_string, self.type == ENGINE_VALUE_STRING)
TYPE_TEST(is_mapping, self.type == ENGINE_VALUE_MAP)
TYPE_TEST(is_iterable, self.type == ENGINE_VALUE_STRING || self.type == ENGINE_VALUE_LIST ||
                           self.type == ENGINE_VALUE_MAP || self.type == ENGINE_VALUE_UNDEFINED)
TYPE_TEST(is_sequence, self.type == ENGINE_VALUE_STRING || self.type == ENGINE_VALUE_LIST ||
                           self.type == ENGINE_VALUE_MAP || self.type == ENGINE_VALUE_UNDEFINED)
TYPE_TEST(is_number, jinja_is_number(self))
TYPE_TEST(is_integer, self.type == ENGINE_VALUE_INT)
TYPE_TEST(is_float, self.type == ENGINE_VALUE_DOUBLE)
TYPE_TEST(is_boolean, self.type == ENGINE_VALUE_BOOL)
TYPE_TEST(is_true, self.type == ENGINE_VALUE_BOOL && self.u.b)
TYPE_TEST(is_false, self.type == ENGINE_VALUE_BOOL && !self.u.b)

/* Whether `self % by` is `rest`. */
static enum base_err has_rest(struct jinja_run *run, const struct jinja_node *node,
                              struct engine_value self, struct engine_value by, double rest,
                              struct engine_value *ret)
{
    struct engine_value is = {0};
    enum base_err err = jinja_binary(run, node, JINJA_OP_MOD, self, by, &is);
    *ret = engine_value_bool(!err && jinja_is_number(is) && jinja_to_double(is) == rest);
    return err;
}

TEST(is_odd)
{
    (void)args;
    return has_rest(run, node, self, engine_value_int(2), 1, ret);
}

TEST(is_even)
{
    (void)args;
    return has_rest(run, node, self, engine_value_int(2), 0, ret);
}

TEST(is_divisible)
{
    return has_rest(run, node, self, args[0], 0, ret);
}

#define OP_TEST(name, op)                                                                          \
    TEST(name)                                                                                     \
    {                                                                                              \
        return jinja_binary(run, node, op, self, args[0], ret);                                    \
    }

/* Identity in Python; of numbers and texts it depends on how Python keeps them. */
TEST(is_same)
{
    bool single = args[0].type <= ENGINE_VALUE_BOOL;
    if (!single && self.type == args[0].type)
        return jinja_fail(run, node, BASE_ERR_UNSUPPORTED,
                          "'sameas' compares true, false and none");
    bool yes = false;
    enum base_err err =
        self.type == args[0].type ? jinja_equal(run, self, args[0], 0, &yes) : BASE_OK;
    *ret = engine_value_bool(yes);
    return err;
}

/* Has letters, and none of the other case; ASCII only. */
TEST(is_case)
{
    (void)args;
    bool upper = node->call->name[0] == 'u', some = false, other = false;
    enum base_err err = jinja_to_string(run, node, self, &self);
    for (size_t i = 0; !err && i < self.u.s.len; i++) {
        char c = self.u.s.ptr[i];
        bool is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z';
        some |= upper ? is_upper : is_lower;
        other |= upper ? is_lower : is_upper;
    }
    *ret = engine_value_bool(some && !other);
    return err;
}

OP_TEST(is_equal, JINJA_OP_EQ)
OP_TEST(is_not_equal, JINJA_OP_NE)
OP_TEST(is_less, JINJA_OP_LT)
OP_TEST(is_less_equal, JINJA_OP_LE)
OP_TEST(is_greater, JINJA_OP_GT)
OP_TEST(is_greater_equal, JINJA_OP_GE)
OP_TEST(is_in, JINJA_OP_IN)

static const struct jinja_call table[] = {
    {.name = "defined", .fn = is_defined},
    {.name = "undefined", .fn = is_undefined},
    {.name = "none", .fn = is_none},
    {.name = "string", .fn = is_string},
    {.name = "mapping", .fn = is_mapping},
    {.name = "iterable", .fn = is_iterable},
    {.name = "sequence", .fn = is_sequence},
    {.name = "number", .fn = is_number},
    {.name = "integer", .fn = is_integer},
    {.name = "float", .fn = is_float},
    {.name = "boolean", .fn = is_boolean},
    {.name = "true", .fn = is_true},
    {.name = "false", .fn = is_false},
    {.name = "sameas", .fn = is_same, .params = {"other"}, .required = 1},
    {.name = "upper", .fn = is_case},
    {.name = "lower", .fn = is_case},
    {.name = "odd", .fn = is_odd},
    {.name = "even", .fn = is_even},
    {.name = "divisibleby", .fn = is_divisible, .params = {"num"}, .required = 1},
    {.name = "eq", .fn = is_equal, .params = {"b"}, .required = 1},
    {.name = "equalto", .fn = is_equal, .params = {"b"}, .required = 1},
    {.name = "ne", .fn = is_not_equal, .params = {"b"}, .required = 1},
    {.name = "lt", .fn = is_less, .params = {"b"}, .required = 1},
    {.name = "lessthan", .fn = is_less, .params = {"b"}, .required = 1},
    {.name = "le", .fn = is_less_equal, .params = {"b"}, .required = 1},
    {.name = "gt", .fn = is_greater, .params = {"b"}, .required = 1},
    {.name = "greaterthan", .fn = is_greater, .params = {"b"}, .required = 1},
    {.name = "ge", .fn = is_greater_equal, .params = {"b"}, .required = 1},
    {.name = "in", .fn = is_in, .params = {"seq"}, .required = 1},
};

const struct jinja_call *jinja_find_test(struct slice name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (slice_eq_str(name, table[i].name))
            return &table[i];
    return NULL;
}
