/* What the files of the template engine share: jinja_lex, _expr, _parse (source to tree), _eval,
 * _exec (tree to text), _filter, _test, _method (the tables), _value, _string, _json. */
#ifndef ENGINE_TEMPLATE_INTERNAL_H
#define ENGINE_TEMPLATE_INTERNAL_H

#include "engine/template/jinja.h"

enum {
    JINJA_DEPTH_MAX = 48,
    JINJA_MACRO_DEPTH_MAX = 16,
    JINJA_ARGS_MAX = 4,
    JINJA_NAMES_MAX = 1000
};

/* --- Tokens --- */

enum jinja_token_type {
    JINJA_TOKEN_TEXT, /* after whitespace control */
    JINJA_TOKEN_BLOCK_BEGIN,
    JINJA_TOKEN_BLOCK_END,
    JINJA_TOKEN_PRINT_BEGIN,
    JINJA_TOKEN_PRINT_END,
    JINJA_TOKEN_NAME,
    JINJA_TOKEN_STRING, /* decoded */
    JINJA_TOKEN_INT,
    JINJA_TOKEN_FLOAT,
    JINJA_TOKEN_OP,
    JINJA_TOKEN_END
};

struct jinja_token {
    enum jinja_token_type type;
    uint32_t line;
    struct slice text;
};

/* Makes the list of tokens, which ends in END. */
enum base_err jinja_lex(struct arena *arena, struct slice source, struct jinja_token **ret_tokens,
                        size_t *ret_count, struct base_error *reterr);

/* --- Tree --- */

enum jinja_kind {
    /* expressions */
    JINJA_LITERAL, /* value */
    JINJA_NAME,    /* name */
    JINJA_LIST,    /* a: items */
    JINJA_MAP,     /* a: key, value, key, value... */
    JINJA_ATTR,    /* a . name */
    JINJA_INDEX,   /* a [ b ] */
    JINJA_SLICE,   /* a [ b : c : d ], each may be NULL */
    JINJA_UNARY,   /* op a */
    JINJA_BINARY,  /* a op b */
    JINJA_AND,     /* a, b */
    JINJA_OR,
    JINJA_NOT,        /* a */
    JINJA_COND,       /* a if b else c (NULL = undefined) */
    JINJA_FILTER,     /* a | call (args) */
    JINJA_TEST,       /* a is call (args) */
    JINJA_METHOD,     /* a . call (args) */
    JINJA_FUNCTION,   /* call (args); `b`: keyword arguments of any name */
    JINJA_MACRO_CALL, /* name; b: arguments, each an ARG; c: body of a `call`, or NULL */
    JINJA_ARG,        /* name (absent = by place), a */
    JINJA_CAPTURE,    /* a: body, whose text is the value */
    JINJA_CALLER,     /* caller(): the body of the `call` around */
    /* statements */
    JINJA_TEXT,     /* value */
    JINJA_PRINT,    /* a */
    JINJA_IF,       /* a: condition, b: body, c: else */
    JINJA_FOR,      /* a: targets (NAMEs), b: what over, c: filter or NULL, d: body, e: else */
    JINJA_SET,      /* a: targets, b: value */
    JINJA_SET_ATTR, /* a: the namespace (NAME), name: attribute, b: value */
    JINJA_MACRO,    /* name, a: parameters (NAMEs with a default in ->a), b: body */
    JINJA_BREAK,
    JINJA_CONTINUE,
    JINJA_KIND_COUNT
};

struct jinja_run;
struct jinja_node;

/* A filter, test, method or function. `args` has a place for each parameter; not given = UNDEFINED
 * with no name. `self` is what stands before | or is or the dot. */
typedef enum base_err (*jinja_call_fn)(struct jinja_run *run, const struct jinja_node *node,
                                       struct engine_value self, const struct engine_value *args,
                                       struct engine_value *ret);
struct jinja_call {
    const char *name;
    jinja_call_fn fn;
    const char *params[JINJA_ARGS_MAX];
    uint8_t required;
    bool any_args; /* any number by place (a LIST in args[0]), any keywords (a MAP in args[1]) */
};
int jinja_find_param(const struct jinja_call *call, struct slice name); /* -1 = none */

const struct jinja_call *jinja_find_filter(struct slice name);
const struct jinja_call *jinja_find_test(struct slice name);
const struct jinja_call *jinja_find_method(struct slice name);
const struct jinja_call *jinja_find_function(struct slice name);
extern const struct jinja_call jinja_unknown_call; /* fails when it is called */

enum jinja_op {
    JINJA_OP_ADD,
    JINJA_OP_SUB,
    JINJA_OP_MUL,
    JINJA_OP_DIV,
    JINJA_OP_FLOORDIV,
    JINJA_OP_MOD,
    JINJA_OP_CONCAT,
    JINJA_OP_EQ,
    JINJA_OP_NE,
    JINJA_OP_LT,
    JINJA_OP_LE,
    JINJA_OP_GT,
    JINJA_OP_GE,
    JINJA_OP_IN,
    JINJA_OP_NOT_IN,
    JINJA_OP_COUNT
};

struct jinja_node {
    enum jinja_kind kind;
    enum jinja_op op;
    uint32_t line;
    bool negated;  /* TEST */
    bool optional; /* MACRO_CALL: that there is no such macro matters when it is called */
    struct slice name;
    struct engine_value value;
    struct jinja_node *a, *b, *c, *d, *e;
    struct jinja_node *next; /* in a list */
    const struct jinja_call *call;
    struct jinja_node *args[JINJA_ARGS_MAX];
    struct jinja_node *next_macro; /* MACRO, MACRO_CALL */
};

/* Different names. */
struct jinja_names {
    struct slice *items;
    size_t count, capacity;
};

struct engine_jinja {
    struct arena *arena;
    struct jinja_node *body;
    struct jinja_node *macros; /* by next_macro */
    struct jinja_names inputs;
};

/* --- Parsing --- */

struct jinja_parser {
    struct arena *arena;
    const struct jinja_token *tokens;
    size_t at;
    int depth; /* of blocks and expressions */
    int loops; /* `for` around here */
    int ifs;   /* bodies of `if` around here: what is not known there fails when it is reached */
    bool in_macro;
    struct jinja_node *macros, *macro_calls;
    struct jinja_names read;
    struct jinja_names bound; /* set, looped over, parameters */
    struct base_error *reterr;
};

enum base_err jinja_parse(struct engine_jinja *jinja, const struct jinja_token *tokens,
                          struct base_error *reterr);

/* From expr.c. `jinja_parse_or` stops before `if`, as `for x in y if z` needs. */
enum base_err jinja_parse_expr(struct jinja_parser *p, struct jinja_node **ret);
enum base_err jinja_parse_or(struct jinja_parser *p, struct jinja_node **ret);
/* At the name of a filter, for *node. */
enum base_err jinja_parse_filter(struct jinja_parser *p, struct jinja_node **node);
/* An expression, or several with commas between: a list then. */
enum base_err jinja_parse_tuple(struct jinja_parser *p, struct jinja_node **ret);

const struct jinja_token *jinja_peek(const struct jinja_parser *p, size_t ahead);
bool jinja_at_op(const struct jinja_parser *p, const char *op);
bool jinja_at_name(const struct jinja_parser *p, const char *name);
bool jinja_take_op(struct jinja_parser *p, const char *op);
bool jinja_take_name(struct jinja_parser *p, const char *name);
enum base_err jinja_want_op(struct jinja_parser *p, const char *op);
enum base_err jinja_want_name(struct jinja_parser *p, struct slice *ret_name);
enum base_err jinja_node_new(struct jinja_parser *p, enum jinja_kind kind, struct jinja_node **ret);
enum base_err jinja_note(struct jinja_parser *p, struct jinja_names *names, struct slice name);
enum base_err jinja_enter(struct jinja_parser *p); /* ++depth, bounded */
/* "template line 3: ..." */
enum base_err jinja_parse_fail(struct jinja_parser *p, enum base_err code, const char *format, ...)
    BASE_PRINTF(3, 4);

/* --- Running --- */

struct jinja_variable {
    struct slice name;
    struct engine_value value;
};

struct jinja_frame {
    struct jinja_frame *parent;
    struct jinja_variable *items;
    size_t count, capacity;
};

struct engine_value_loop {
    const struct engine_value_list *items;
    size_t index;
};

/* The `call` whose macro runs; what its body prints is what caller() gives. */
struct jinja_caller {
    const struct jinja_node *body;
    struct jinja_frame *frame;
};

/* Text with, for each byte, where it came from. */
struct jinja_text {
    struct buffer bytes;
    struct buffer origin;
};

struct jinja_run {
    const struct engine_jinja *jinja;
    const struct engine_value *vars;
    struct engine_jinja_limits limits;
    struct arena *arena;
    struct jinja_frame *root, *frame;
    struct jinja_text *text; /* where output goes now */
    uint64_t steps;
    int macro_depth;
    const struct jinja_caller *caller; /* NULL = the macro was not called by `call` */
    bool breaking, continuing;
    struct base_error *reterr;
};

enum base_err jinja_exec(struct jinja_run *run, const struct jinja_node *list);
enum base_err jinja_eval(struct jinja_run *run, const struct jinja_node *node,
                         struct engine_value *ret);
enum base_err jinja_assign(struct jinja_run *run, struct slice name, struct engine_value value);
enum base_err jinja_call_macro(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value *ret);
enum base_err jinja_eval_caller(struct jinja_run *run, const struct jinja_node *node,
                                struct engine_value *ret);
enum base_err jinja_eval_capture(struct jinja_run *run, const struct jinja_node *node,
                                 struct engine_value *ret);
/* What `for` walks over, as a list: items, keys, characters. */
enum base_err jinja_iterate(struct jinja_run *run, const struct jinja_node *node,
                            struct engine_value value, struct engine_value *ret_list);
enum base_err jinja_get_attr(struct jinja_run *run, const struct jinja_node *node,
                             struct engine_value from, struct slice name, struct engine_value *ret);
enum base_err jinja_get_item(struct jinja_run *run, const struct jinja_node *node,
                             struct engine_value from, struct engine_value key,
                             struct engine_value *ret);
enum base_err jinja_binary(struct jinja_run *run, const struct jinja_node *node, enum jinja_op op,
                           struct engine_value a, struct engine_value b, struct engine_value *ret);

/* Counts work; LIMIT when there was too much. */
enum base_err jinja_work(struct jinja_run *run, size_t amount);
enum base_err jinja_fail(struct jinja_run *run, const struct jinja_node *node, enum base_err code,
                         const char *format, ...) BASE_PRINTF(4, 5);
enum base_err jinja_no_memory(struct jinja_run *run);

/* --- Values --- */

bool jinja_is_true(struct engine_value value);
const char *jinja_type_name(struct engine_value value); /* as Python calls it */
/* Equality and order as Python has them; compare fails for types that have no order. */
enum base_err jinja_equal(struct jinja_run *run, struct engine_value a, struct engine_value b,
                          int depth, bool *ret);
enum base_err jinja_compare(struct jinja_run *run, const struct jinja_node *node,
                            struct engine_value a, struct engine_value b, int *ret);
enum base_err jinja_contains(struct jinja_run *run, const struct jinja_node *node,
                             struct engine_value item, struct engine_value in, bool *ret);
bool jinja_is_number(struct engine_value value); /* BOOL, INT, DOUBLE */
double jinja_to_double(struct engine_value value);
/* A whole number beyond 64 bits, which can be printed and compared. */
static inline bool jinja_is_big(struct engine_value value)
{
    return value.type == ENGINE_VALUE_DOUBLE && value.u.digits;
}
size_t jinja_count(struct engine_value value); /* members of a list, map or namespace */
/* What {{ value }} prints, as a STRING. */
enum base_err jinja_to_string(struct jinja_run *run, const struct jinja_node *node,
                              struct engine_value value, struct engine_value *ret);
struct jinja_json_style {
    int indent;             /* -1 = none */
    struct slice item, key; /* what stands between items, and behind a key; absent = the usual */
    bool ascii;             /* other characters are escaped */
    bool sorted;            /* keys in their order */
};
enum base_err jinja_to_json(struct jinja_run *run, const struct jinja_node *node,
                            struct engine_value value, const struct jinja_json_style *style,
                            struct engine_value *ret);
/* Python's repr() of a float. */
size_t jinja_format_double(double d, char out[40]);

/* By a key that is a STRING, an INT or a BOOL (0 or 1); NULL when there is none. */
struct engine_value_member *jinja_map_find(const struct engine_value *map, struct engine_value key);
/* Puts a value into a map, replacing one that is there. */
bool jinja_map_put(struct jinja_run *run, struct engine_value *map, struct engine_value key,
                   struct engine_value value);

/* --- Strings: bytes with their origin --- */

static inline struct slice jinja_bytes(struct engine_value string)
{
    return slice_of(string.u.s.ptr ? string.u.s.ptr : "", string.u.s.len);
}

static inline struct engine_value jinja_literal(const char *text)
{
    return engine_value_string(slice_from_str(text), true);
}

/* Part of a string, by bytes. */
struct engine_value jinja_sub(struct engine_value string, size_t from, size_t len);

void jinja_text_init(struct jinja_text *text, size_t max);
void jinja_text_done(struct jinja_text *text);
void jinja_text_add(struct jinja_text *text, struct engine_value string);
void jinja_text_add_slice(struct jinja_text *text, struct slice bytes, bool literal);
/* Copies it into the run's arena as a STRING; frees it in any case. */
enum base_err jinja_text_finish(struct jinja_run *run, struct jinja_text *text,
                                struct engine_value *ret);

#endif
