/* Tokens to statements. */
#include "engine/template/internal.h"

static bool listed(const struct jinja_names *names, struct slice name)
{
    for (size_t i = 0; i < names->count; i++)
        if (slice_eq(names->items[i], name))
            return true;
    return false;
}

enum base_err jinja_note(struct jinja_parser *p, struct jinja_names *names, struct slice name)
{
    if (listed(names, name))
        return BASE_OK;
    if (names->count >= JINJA_NAMES_MAX)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "more than %d names", JINJA_NAMES_MAX);
    if (!arena_grow(p->arena, (void **)&names->items, names->count, &names->capacity,
                    sizeof(*names->items)))
        return base_error_set(p->reterr, BASE_ERR_NO_MEMORY, "no memory for a template");
    names->items[names->count++] = name;
    return BASE_OK;
}

static enum base_err want_block_end(struct jinja_parser *p)
{
    if (jinja_peek(p, 0)->type == JINJA_TOKEN_BLOCK_END) {
        p->at++;
        return BASE_OK;
    }
    return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "expected the end of the block, %%}");
}

/* Names with commas between, with or without parentheses around. */
static enum base_err parse_targets(struct jinja_parser *p, struct jinja_node **ret_first)
{
    struct jinja_node **tail = ret_first;
    bool paren = jinja_take_op(p, "(");
    enum base_err err;
    do {
        err = jinja_node_new(p, JINJA_NAME, tail);
        if (!err)
            err = jinja_want_name(p, &(*tail)->name);
        if (!err) /* ns.x = 1 reads ns */
            err = jinja_note(p, jinja_at_op(p, ".") ? &p->read : &p->bound, (*tail)->name);
        if (err)
            return err;
        tail = &(*tail)->next;
    } while (jinja_take_op(p, ","));
    return paren ? jinja_want_op(p, ")") : BASE_OK;
}

static enum base_err parse_body(struct jinja_parser *p, const char *const *ends,
                                struct jinja_node **ret_first);

/* "{% name": at the first token behind BLOCK_BEGIN */
static bool at_end_name(const struct jinja_parser *p, const char *const *ends)
{
    for (size_t i = 0; ends[i]; i++)
        if (jinja_at_name(p, ends[i]))
            return true;
    return false;
}

static enum base_err want_end(struct jinja_parser *p, const char *name)
{
    if (!jinja_take_name(p, name))
        return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "expected %s", name);
    return want_block_end(p);
}

/* The body of an `if`, of whose parts only one is run. */
static enum base_err parse_branch(struct jinja_parser *p, const char *const *ends,
                                  struct jinja_node **ret_first)
{
    p->ifs++;
    enum base_err err = parse_body(p, ends, ret_first);
    p->ifs--;
    return err;
}

/* if and elif; the `elif` chain is a loop, so that it costs no depth when parsed. */
static enum base_err parse_if(struct jinja_parser *p, struct jinja_node **ret)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    struct jinja_node **place = ret;
    for (;;) {
        enum base_err err = jinja_node_new(p, JINJA_IF, place);
        p->at++; /* if, elif */
        if (!err)
            err = jinja_parse_expr(p, &(*place)->a);
        if (!err)
            err = want_block_end(p);
        if (!err)
            err = parse_branch(p, ends, &(*place)->b);
        if (err)
            return err;
        if (!jinja_at_name(p, "elif"))
            break;
        place = &(*place)->c;
    }
    if (jinja_take_name(p, "else")) {
        static const char *const last[] = {"endif", NULL};
        enum base_err err = want_block_end(p);
        if (!err)
            err = parse_branch(p, last, &(*place)->c);
        if (err)
            return err;
    }
    return want_end(p, "endif");
}

static enum base_err parse_for(struct jinja_parser *p, struct jinja_node **ret)
{
    static const char *const ends[] = {"else", "endfor", NULL};
    struct jinja_node *node;
    enum base_err err = jinja_node_new(p, JINJA_FOR, &node);
    p->at++;
    if (!err)
        err = parse_targets(p, &node->a);
    if (!err)
        err = jinja_note(p, &p->bound, SLICE("loop"));
    if (!err && !jinja_take_name(p, "in"))
        err = jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "expected 'in'");
    if (!err)
        err = jinja_parse_or(p, &node->b);
    if (!err && jinja_take_name(p, "if"))
        err = jinja_parse_expr(p, &node->c);
    if (!err && jinja_at_name(p, "recursive"))
        err = jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "'recursive' is not supported");
    if (!err)
        err = want_block_end(p);
    p->loops++;
    if (!err)
        err = parse_body(p, ends, &node->d);
    p->loops--;
    if (!err && jinja_take_name(p, "else")) {
        static const char *const last[] = {"endfor", NULL};
        err = want_block_end(p);
        if (!err)
            err = parse_body(p, last, &node->e);
    }
    *ret = node;
    return err ? err : want_end(p, "endfor");
}

/* Filters, and then a body up to `end` whose text they are given: an expression. With `wanted` the
 * first filter has no | before it, and must be there. */
static enum base_err parse_capture(struct jinja_parser *p, const char *end, bool wanted,
                                   struct jinja_node **ret)
{
    const char *const ends[] = {end, NULL};
    struct jinja_node *capture;
    int depth = p->depth; /* a chain makes the tree deeper */
    enum base_err err = jinja_node_new(p, JINJA_CAPTURE, &capture);
    *ret = capture;
    while (!err && (wanted || jinja_take_op(p, "|"))) {
        wanted = false;
        err = jinja_parse_filter(p, ret);
        if (!err)
            err = jinja_enter(p);
    }
    p->depth = depth;
    if (!err)
        err = want_block_end(p);
    if (!err)
        err = parse_body(p, ends, &capture->a);
    return err ? err : want_end(p, end);
}

static enum base_err parse_filter_block(struct jinja_parser *p, struct jinja_node **ret)
{
    enum base_err err = jinja_node_new(p, JINJA_PRINT, ret);
    p->at++;
    return err ? err : parse_capture(p, "endfilter", true, &(*ret)->a);
}

/* {% call m(x) %}: the macro gets the body as caller(). */
static enum base_err parse_call_block(struct jinja_parser *p, struct jinja_node **ret)
{
    static const char *const ends[] = {"endcall", NULL};
    enum base_err err = jinja_node_new(p, JINJA_PRINT, ret);
    p->at++;
    if (!err && jinja_at_op(p, "("))
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "'call' with parameters is not supported");
    if (!err)
        err = jinja_parse_expr(p, &(*ret)->a);
    if (!err && (*ret)->a->kind != JINJA_MACRO_CALL)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "'call' needs a macro");
    if (!err)
        err = want_block_end(p);
    int loops = p->loops; /* no jump leads out of the body, which runs inside of the macro */
    p->loops = 0;
    if (!err)
        err = parse_body(p, ends, &(*ret)->a->c);
    p->loops = loops;
    return err ? err : want_end(p, "endcall");
}

static enum base_err parse_set(struct jinja_parser *p, struct jinja_node **ret)
{
    struct jinja_node *node;
    enum base_err err = jinja_node_new(p, JINJA_SET, &node);
    p->at++;
    *ret = node;
    if (!err)
        err = parse_targets(p, &node->a);
    if (err)
        return err;
    if (jinja_take_op(p, ".")) {
        node->kind = JINJA_SET_ATTR;
        if (node->a->next)
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "only one attribute can be set");
        err = jinja_want_name(p, &node->name);
    }
    if (!err && !jinja_at_op(p, "=")) {
        if (node->a->next)
            return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "a block can be set to one name only");
        return parse_capture(p, "endset", false, &node->b);
    }
    if (!err)
        err = jinja_want_op(p, "=");
    if (!err)
        err = jinja_parse_tuple(p, &node->b);
    return err ? err : want_block_end(p);
}

static enum base_err parse_macro_params(struct jinja_parser *p, struct jinja_node **tail)
{
    bool defaults = false;
    enum base_err err = jinja_want_op(p, "(");
    while (!err && !jinja_at_op(p, ")")) {
        err = jinja_node_new(p, JINJA_NAME, tail);
        if (!err)
            err = jinja_want_name(p, &(*tail)->name);
        if (!err)
            err = jinja_note(p, &p->bound, (*tail)->name);
        if (!err && jinja_take_op(p, "=")) {
            defaults = true;
            err = jinja_parse_expr(p, &(*tail)->a);
        } else if (!err && defaults) {
            err = jinja_parse_fail(p, BASE_ERR_BAD_VALUE,
                                   "a parameter without a default follows one with");
        }
        if (err)
            return err;
        tail = &(*tail)->next;
        if (!jinja_take_op(p, ","))
            break;
    }
    return err ? err : jinja_want_op(p, ")");
}

static enum base_err parse_macro(struct jinja_parser *p, struct jinja_node **ret)
{
    static const char *const ends[] = {"endmacro", NULL};
    struct jinja_node *node;
    if (p->in_macro || p->loops > 0)
        return jinja_parse_fail(p, BASE_ERR_UNSUPPORTED,
                                "a macro inside a loop or a macro is not supported");
    enum base_err err = jinja_node_new(p, JINJA_MACRO, &node);
    p->at++;
    if (!err)
        err = jinja_want_name(p, &node->name);
    if (!err && jinja_find_function(node->name))
        err = jinja_parse_fail(p, BASE_ERR_UNSUPPORTED, "a macro has the name of a function");
    if (!err)
        err = parse_macro_params(p, &node->a);
    if (!err)
        err = want_block_end(p);
    p->in_macro = true;
    if (!err)
        err = parse_body(p, ends, &node->b);
    p->in_macro = false;
    if (err)
        return err;
    node->next_macro = p->macros;
    p->macros = node;
    *ret = NULL; /* prints nothing where it stands */
    return want_end(p, "endmacro");
}

static enum base_err parse_jump(struct jinja_parser *p, struct jinja_node **ret)
{
    bool is_break = jinja_at_name(p, "break");
    if (p->loops == 0)
        return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "%s outside of a loop",
                                is_break ? "break" : "continue");
    enum base_err err = jinja_node_new(p, is_break ? JINJA_BREAK : JINJA_CONTINUE, ret);
    p->at++;
    return err ? err : want_block_end(p);
}

/* Marks what an assistant said, for training; its body is simply there. */
static enum base_err parse_generation(struct jinja_parser *p, struct jinja_node **ret)
{
    static const char *const ends[] = {"endgeneration", NULL};
    p->at++;
    enum base_err err = want_block_end(p);
    if (!err)
        err = parse_body(p, ends, ret);
    return err ? err : want_end(p, "endgeneration");
}

static enum base_err parse_block(struct jinja_parser *p, struct jinja_node **ret)
{
    static const struct {
        const char *name;
        enum base_err (*parse)(struct jinja_parser *p, struct jinja_node **ret);
    } blocks[] = {{"if", parse_if},
                  {"for", parse_for},
                  {"set", parse_set},
                  {"macro", parse_macro},
                  {"filter", parse_filter_block},
                  {"call", parse_call_block},
                  {"break", parse_jump},
                  {"continue", parse_jump},
                  {"generation", parse_generation}};
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (jinja_at_name(p, blocks[i].name))
            return blocks[i].parse(p, ret);
    const struct jinja_token *token = jinja_peek(p, 0);
    bool stray = slice_starts_with(token->text, SLICE("end")) ||
                 slice_eq_str(token->text, "else") || slice_eq_str(token->text, "elif");
    return jinja_parse_fail(p, stray ? BASE_ERR_BAD_VALUE : BASE_ERR_UNSUPPORTED,
                            stray ? "'%.*s' has no beginning" : "the block '%.*s' is not supported",
                            SLICE_ARG(slice_sub(token->text, 0, 40)));
}

static enum base_err parse_print(struct jinja_parser *p, struct jinja_node **ret)
{
    enum base_err err = jinja_node_new(p, JINJA_PRINT, ret);
    if (!err)
        err = jinja_parse_expr(p, &(*ret)->a);
    if (err)
        return err;
    if (jinja_peek(p, 0)->type != JINJA_TOKEN_PRINT_END)
        return jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "expected }} after the expression");
    p->at++;
    return BASE_OK;
}

static enum base_err parse_statement(struct jinja_parser *p, struct jinja_node **ret)
{
    const struct jinja_token *token = jinja_peek(p, 0);
    enum base_err err;
    p->at++;
    if (token->type == JINJA_TOKEN_PRINT_BEGIN)
        return parse_print(p, ret);
    if (token->type == JINJA_TOKEN_BLOCK_BEGIN)
        return parse_block(p, ret);
    err = jinja_node_new(p, JINJA_TEXT, ret);
    if (!err)
        (*ret)->value = engine_value_string(token->text, true);
    return err;
}

/* Up to the `{% name` of one of `ends` (empty: up to the end of the template). */
static enum base_err parse_body(struct jinja_parser *p, const char *const *ends,
                                struct jinja_node **ret_first)
{
    struct jinja_node **tail = ret_first;
    enum base_err err = jinja_enter(p);
    *tail = NULL;
    while (!err) {
        const struct jinja_token *token = jinja_peek(p, 0);
        if (token->type == JINJA_TOKEN_END) {
            size_t last = 0;
            while (ends[0] && ends[last + 1])
                last++;
            if (ends[0])
                err = jinja_parse_fail(p, BASE_ERR_BAD_VALUE, "%s is missing", ends[last]);
            break;
        }
        if (token->type == JINJA_TOKEN_BLOCK_BEGIN) {
            p->at++;
            if (at_end_name(p, ends))
                break;
            p->at--;
        }
        err = parse_statement(p, tail);
        while (!err && *tail)
            tail = &(*tail)->next;
    }
    p->depth--;
    return err;
}

/* Calls of macros are known only now. */
static enum base_err check_macro_calls(struct jinja_parser *p, const struct jinja_node *macros)
{
    for (const struct jinja_node *call = p->macro_calls; call; call = call->next_macro) {
        const struct jinja_node *macro = macros;
        while (macro && !slice_eq(macro->name, call->name))
            macro = macro->next_macro;
        if (!macro && call->optional)
            continue;
        if (!macro)
            return base_error_set(p->reterr, BASE_ERR_UNSUPPORTED,
                                  "template line %u: the function '%.*s' is not supported",
                                  call->line, SLICE_ARG(slice_sub(call->name, 0, 40)));
        for (const struct jinja_node *arg = call->b; arg; arg = arg->next) {
            const struct jinja_node *param = macro->a;
            while (param && !slice_is_absent(arg->name) && !slice_eq(param->name, arg->name))
                param = param->next;
            if (!param)
                return base_error_set(p->reterr, BASE_ERR_BAD_VALUE,
                                      "template line %u: the macro '%.*s' has no such parameter",
                                      call->line, SLICE_ARG(slice_sub(call->name, 0, 40)));
        }
    }
    return BASE_OK;
}

static enum base_err list_inputs(struct jinja_parser *p, struct engine_jinja *jinja)
{
    for (size_t i = 0; i < p->read.count; i++) {
        enum base_err err = listed(&p->bound, p->read.items[i])
                                ? BASE_OK
                                : jinja_note(p, &jinja->inputs, p->read.items[i]);
        if (err)
            return err;
    }
    return BASE_OK;
}

enum base_err jinja_parse(struct engine_jinja *jinja, const struct jinja_token *tokens,
                          struct base_error *reterr)
{
    static const char *const none[] = {NULL};
    struct jinja_parser p = {.arena = jinja->arena, .tokens = tokens, .reterr = reterr};
    enum base_err err = parse_body(&p, none, &jinja->body);
    if (!err)
        err = check_macro_calls(&p, p.macros);
    if (!err)
        err = list_inputs(&p, jinja);
    jinja->macros = p.macros;
    return err;
}
