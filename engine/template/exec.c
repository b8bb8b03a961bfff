/* Statements to text, and the outer functions. */
#include "engine/template/internal.h"

#include <stdlib.h>

#include "base/core/clock.h"
#include "engine/unicode/unicode.h"

enum {
    TREE_MEMORY_MAX = 128 * 1024 * 1024,
    OUTPUT_MAX = 64 * 1024 * 1024,
    RUN_MEMORY_MAX = 256 * 1024 * 1024,
    STEP_MAX = 50 * 1000 * 1000
};

/* --- Variables --- */

static enum base_err frame_set(struct jinja_run *run, struct jinja_frame *frame, struct slice name,
                               struct engine_value value)
{
    for (size_t i = 0; i < frame->count; i++)
        if (slice_eq(frame->items[i].name, name)) {
            frame->items[i].value = value;
            return BASE_OK;
        }
    if (!arena_grow(run->arena, (void **)&frame->items, frame->count, &frame->capacity,
                    sizeof(*frame->items)))
        return jinja_no_memory(run);
    frame->items[frame->count++] = (struct jinja_variable){name, value};
    return jinja_work(run, frame->count / 16);
}

enum base_err jinja_assign(struct jinja_run *run, struct slice name, struct engine_value value)
{
    return frame_set(run, run->frame, name, value);
}

/* One target takes the value, several take its parts. */
static enum base_err assign_targets(struct jinja_run *run, const struct jinja_node *targets,
                                    struct engine_value value)
{
    if (!targets->next)
        return jinja_assign(run, targets->name, value);
    struct engine_value parts;
    enum base_err err = jinja_iterate(run, targets, value, &parts);
    if (err)
        return err;
    size_t at = 0;
    for (const struct jinja_node *target = targets; target; target = target->next, at++) {
        if (at >= jinja_count(parts))
            break;
        err = jinja_assign(run, target->name, parts.u.list->items[at]);
        if (err)
            return err;
    }
    size_t wanted = 0;
    for (const struct jinja_node *target = targets; target; target = target->next)
        wanted++;
    if (wanted != jinja_count(parts))
        return jinja_fail(run, targets, BASE_ERR_BAD_REQUEST, "%zu names for %zu values", wanted,
                          jinja_count(parts));
    return BASE_OK;
}

enum base_err jinja_iterate(struct jinja_run *run, const struct jinja_node *node,
                            struct engine_value value, struct engine_value *ret_list)
{
    struct engine_value list = engine_value_list();
    struct slice bytes;
    enum base_err err = BASE_OK;
    switch (value.type) {
    case ENGINE_VALUE_LIST:
        *ret_list = value;
        return BASE_OK;
    case ENGINE_VALUE_UNDEFINED:
        break;
    case ENGINE_VALUE_MAP:
        for (size_t i = 0; i < jinja_count(value); i++)
            if (!engine_value_push(run->arena, &list, value.u.map->items[i].key))
                return jinja_no_memory(run);
        err = jinja_work(run, jinja_count(value));
        break;
    case ENGINE_VALUE_STRING:
        bytes = jinja_bytes(value);
        for (size_t at = 0; at < bytes.len && !err;) {
            size_t len = engine_unicode_at(bytes, at).len;
            if (!engine_value_push(run->arena, &list, jinja_sub(value, at, len)))
                return jinja_no_memory(run);
            at += len;
            err = jinja_work(run, 1);
        }
        break;
    default:
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "%s cannot be walked over",
                          jinja_type_name(value));
    }
    if (!err)
        *ret_list = list;
    return err;
}

/* --- Statements --- */

static enum base_err exec_print(struct jinja_run *run, const struct jinja_node *node)
{
    struct engine_value value;
    enum base_err err = node->kind == JINJA_TEXT ? BASE_OK : jinja_eval(run, node->a, &value);
    if (node->kind == JINJA_TEXT)
        value = node->value;
    if (!err)
        err = jinja_to_string(run, node, value, &value);
    if (err || run->breaking || run->continuing) /* a jump out of a `filter` drops its text */
        return err;
    jinja_text_add(run->text, value);
    if (run->text->bytes.err || run->text->origin.err)
        return jinja_fail(run, node, BASE_ERR_LIMIT, "the text is longer than %zu bytes",
                          run->limits.output_max);
    return jinja_work(run, value.u.s.len / 64);
}

static enum base_err exec_if(struct jinja_run *run, const struct jinja_node *node)
{
    for (;;) {
        struct engine_value condition;
        enum base_err err = jinja_eval(run, node->a, &condition);
        if (err)
            return err;
        if (jinja_is_true(condition))
            return jinja_exec(run, node->b);
        const struct jinja_node *other = node->c;
        if (!other || other->kind != JINJA_IF || other->next)
            return jinja_exec(run, other);
        node = other; /* elif */
    }
}

/* Items for which the `if` of a `for` holds. */
static enum base_err filter_items(struct jinja_run *run, const struct jinja_node *node,
                                  struct engine_value *list)
{
    struct engine_value kept = engine_value_list();
    struct jinja_frame frame = {.parent = run->frame};
    for (size_t i = 0; i < jinja_count(*list); i++) {
        frame.count = 0;
        struct engine_value condition;
        run->frame = &frame;
        enum base_err err = assign_targets(run, node->a, list->u.list->items[i]);
        if (!err)
            err = jinja_eval(run, node->c, &condition);
        run->frame = frame.parent;
        if (err)
            return err;
        if (jinja_is_true(condition) &&
            !engine_value_push(run->arena, &kept, list->u.list->items[i]))
            return jinja_no_memory(run);
    }
    *list = kept;
    return BASE_OK;
}

static enum base_err exec_for(struct jinja_run *run, const struct jinja_node *node)
{
    struct engine_value over, list;
    enum base_err err = jinja_eval(run, node->b, &over);
    if (!err)
        err = jinja_iterate(run, node, over, &list);
    if (!err && node->c)
        err = filter_items(run, node, &list);
    if (err)
        return err;
    struct jinja_frame frame = {.parent = run->frame}; /* what is set inside is gone behind */
    if (jinja_count(list) == 0) {
        run->frame = &frame;
        err = jinja_exec(run, node->e);
        run->frame = frame.parent;
        return err;
    }
    struct engine_value_loop *loop = arena_calloc(run->arena, 1, sizeof(*loop));
    if (!loop)
        return jinja_no_memory(run);
    loop->items = list.u.list;
    struct engine_value loop_value = {.type = ENGINE_VALUE_LOOP, .u.loop = loop};
    for (; loop->index < list.u.list->count && !err && !run->breaking; loop->index++) {
        frame.count = 0;
        run->frame = &frame;
        err = jinja_assign(run, SLICE("loop"), loop_value);
        if (!err)
            err = assign_targets(run, node->a, list.u.list->items[loop->index]);
        if (!err)
            err = jinja_exec(run, node->d);
        run->frame = frame.parent;
        run->continuing = false;
    }
    run->breaking = false;
    return err;
}

static enum base_err exec_set(struct jinja_run *run, const struct jinja_node *node)
{
    struct engine_value value;
    enum base_err err = jinja_eval(run, node->b, &value);
    return err ? err : assign_targets(run, node->a, value);
}

static enum base_err exec_set_attr(struct jinja_run *run, const struct jinja_node *node)
{
    struct engine_value space, value;
    enum base_err err = jinja_eval(run, node->b, &value);
    struct jinja_node name = {.kind = JINJA_NAME, .line = node->line, .name = node->a->name};
    if (!err)
        err = jinja_eval(run, &name, &space);
    if (err || run->breaking || run->continuing) /* a jump out of the block that is set */
        return err;
    if (space.type != ENGINE_VALUE_NAMESPACE)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST,
                          "only attributes of a namespace can be set, not of %s",
                          jinja_type_name(space));
    if (!jinja_map_put(run, &space, engine_value_string(node->name, true), value))
        return jinja_no_memory(run);
    return jinja_work(run, jinja_count(space) / 16);
}

/* Runs a body into a text of its own. */
static enum base_err capture(struct jinja_run *run, const struct jinja_node *body,
                             struct engine_value *ret)
{
    struct jinja_text text, *outer = run->text;
    jinja_text_init(&text, run->limits.output_max);
    run->text = &text;
    enum base_err err = jinja_exec(run, body);
    run->text = outer;
    if (err) {
        jinja_text_done(&text);
        return err;
    }
    return jinja_text_finish(run, &text, ret);
}

enum base_err jinja_eval_capture(struct jinja_run *run, const struct jinja_node *node,
                                 struct engine_value *ret)
{
    struct jinja_frame frame = {.parent = run->frame};
    run->frame = &frame;
    enum base_err err = capture(run, node->a, ret);
    run->frame = frame.parent;
    return err;
}

static enum base_err exec_jump(struct jinja_run *run, const struct jinja_node *node)
{
    run->breaking = node->kind == JINJA_BREAK;
    run->continuing = node->kind == JINJA_CONTINUE;
    return BASE_OK;
}

/* Recursion is as deep as blocks nest, which the parser bounds; macros are counted. */
enum base_err jinja_exec(struct jinja_run *run, const struct jinja_node *list)
{
    typedef enum base_err (*exec_fn)(struct jinja_run * run, const struct jinja_node *node);
    static const exec_fn table[JINJA_KIND_COUNT] = {
        [JINJA_TEXT] = exec_print, [JINJA_PRINT] = exec_print,  [JINJA_IF] = exec_if,
        [JINJA_FOR] = exec_for,    [JINJA_SET] = exec_set,      [JINJA_SET_ATTR] = exec_set_attr,
        [JINJA_BREAK] = exec_jump, [JINJA_CONTINUE] = exec_jump};
    enum base_err err = BASE_OK;
    for (; list && !err && !run->breaking && !run->continuing; list = list->next) {
        err = jinja_work(run, 1);
        if (!err)
            err = table[list->kind](run, list);
    }
    return err;
}

/* --- Macros --- */

static const struct jinja_node *find_macro(const struct engine_jinja *jinja, struct slice name)
{
    const struct jinja_node *macro = jinja->macros;
    while (macro && !slice_eq(macro->name, name))
        macro = macro->next_macro;
    return macro;
}

/* Arguments are taken in the caller's scope, defaults in the macro's own. */
static enum base_err set_params(struct jinja_run *run, const struct jinja_node *macro,
                                const struct jinja_node *call, struct jinja_frame *frame)
{
    const struct jinja_node *param = macro->a;
    for (const struct jinja_node *arg = call->b; arg; arg = arg->next) {
        struct engine_value value;
        if (slice_is_absent(arg->name) && !param)
            return jinja_fail(run, call, BASE_ERR_BAD_VALUE, "a macro has too many arguments");
        enum base_err err = jinja_eval(run, arg->a, &value);
        if (!err)
            err =
                frame_set(run, frame, slice_is_absent(arg->name) ? param->name : arg->name, value);
        if (err)
            return err;
        param = slice_is_absent(arg->name) ? param->next : param;
    }
    return BASE_OK;
}

static enum base_err set_defaults(struct jinja_run *run, const struct jinja_node *macro,
                                  struct jinja_frame *frame)
{
    for (const struct jinja_node *param = macro->a; param; param = param->next) {
        bool given = false;
        for (size_t i = 0; i < frame->count; i++)
            given |= slice_eq(frame->items[i].name, param->name);
        if (given)
            continue;
        struct engine_value value = {.type = ENGINE_VALUE_UNDEFINED, .u.name = param->name};
        enum base_err err = param->a ? jinja_eval(run, param->a, &value) : BASE_OK;
        if (!err)
            err = frame_set(run, frame, param->name, value);
        if (err)
            return err;
    }
    return BASE_OK;
}

enum base_err jinja_call_macro(struct jinja_run *run, const struct jinja_node *node,
                               struct engine_value *ret)
{
    const struct jinja_node *macro = find_macro(run->jinja, node->name);
    if (!macro)
        return jinja_fail(run, node, BASE_ERR_UNSUPPORTED, "the function '%.*s' is not supported",
                          SLICE_ARG(slice_sub(node->name, 0, 40)));
    if (run->macro_depth >= JINJA_MACRO_DEPTH_MAX)
        return jinja_fail(run, node, BASE_ERR_LIMIT, "macros call each other deeper than %d",
                          JINJA_MACRO_DEPTH_MAX);
    struct jinja_frame frame = {.parent = run->root}, *outer = run->frame;
    enum base_err err = set_params(run, macro, node, &frame);
    if (err)
        return err;
    const struct jinja_caller here = {node->c, outer}, *outer_caller = run->caller;
    run->frame = &frame;
    run->caller = node->c ? &here : NULL;
    run->macro_depth++;
    err = set_defaults(run, macro, &frame);
    if (!err)
        err = capture(run, macro->b, ret);
    run->macro_depth--;
    run->caller = outer_caller;
    run->frame = outer;
    return err;
}

/* The body runs where the `call` stands; there is no caller() in it. */
enum base_err jinja_eval_caller(struct jinja_run *run, const struct jinja_node *node,
                                struct engine_value *ret)
{
    const struct jinja_caller *caller = run->caller;
    if (!caller)
        return jinja_fail(run, node, BASE_ERR_BAD_REQUEST, "'caller' is undefined");
    if (run->macro_depth >= JINJA_MACRO_DEPTH_MAX)
        return jinja_fail(run, node, BASE_ERR_LIMIT, "macros call each other deeper than %d",
                          JINJA_MACRO_DEPTH_MAX);
    struct jinja_frame frame = {.parent = caller->frame}, *outer = run->frame;
    run->frame = &frame;
    run->caller = NULL;
    run->macro_depth++;
    enum base_err err = capture(run, caller->body, ret);
    run->macro_depth--;
    run->caller = caller;
    run->frame = outer;
    return err;
}

/* --- The outer functions --- */

enum base_err engine_jinja_new(struct slice source, struct engine_jinja **ret_jinja,
                               struct base_error *reterr)
{
    if (source.len > ENGINE_JINJA_SOURCE_MAX)
        return base_error_set(reterr, BASE_ERR_TOO_LARGE,
                              "a template of %zu bytes is too large; the most is %d", source.len,
                              ENGINE_JINJA_SOURCE_MAX);
    struct jinja_token *tokens;
    size_t count;
    struct engine_jinja *jinja = calloc(1, sizeof(*jinja));
    if (jinja)
        jinja->arena = arena_new(TREE_MEMORY_MAX);
    enum base_err err = jinja && jinja->arena ? BASE_OK
                                              : base_error_set(reterr, BASE_ERR_NO_MEMORY,
                                                               "no memory for a template");
    if (!err)
        err = jinja_lex(jinja->arena, source, &tokens, &count, reterr);
    if (!err)
        err = jinja_parse(jinja, tokens, reterr);
    if (err) {
        engine_jinja_free(jinja);
        return err;
    }
    *ret_jinja = jinja;
    return BASE_OK;
}

void engine_jinja_free(struct engine_jinja *jinja)
{
    if (!jinja)
        return;
    arena_free(jinja->arena);
    free(jinja);
}

struct slice engine_jinja_input(const struct engine_jinja *jinja, size_t index)
{
    return index < jinja->inputs.count ? jinja->inputs.items[index] : SLICE_NONE;
}

void engine_runs_done(struct engine_runs *runs)
{
    free(runs->items);
    *runs = (struct engine_runs){0};
}

static bool add_run(struct engine_runs *runs, size_t end, bool literal)
{
    if (runs->count > 0 && runs->items[runs->count - 1].literal == literal) {
        runs->items[runs->count - 1].end = end;
        return true;
    }
    if (runs->count == runs->capacity) {
        size_t capacity = runs->capacity ? runs->capacity * 2 : 16;
        struct engine_run *grown = realloc(runs->items, capacity * sizeof(*grown));
        if (!grown)
            return false;
        runs->items = grown;
        runs->capacity = capacity;
    }
    runs->items[runs->count++] = (struct engine_run){end, literal};
    return true;
}

static enum base_err hand_out(const struct jinja_text *text, struct buffer *out,
                              struct engine_runs *runs, struct base_error *reterr)
{
    struct slice bytes = buffer_slice(&text->bytes), marks = buffer_slice(&text->origin);
    size_t before = buffer_len(out), runs_before = runs ? runs->count : 0;
    struct engine_run last =
        runs && runs->count ? runs->items[runs->count - 1] : (struct engine_run){0, false};
    bool good = buffer_add_slice(out, bytes) == BASE_OK;
    for (size_t i = 0; runs && good && i < marks.len;) {
        size_t end = i + 1;
        while (end < marks.len && marks.ptr[end] == marks.ptr[i])
            end++;
        good = add_run(runs, before + end, marks.ptr[i] != 0);
        i = end;
    }
    if (good)
        return BASE_OK;
    enum base_err err = out->err ? out->err : BASE_ERR_NO_MEMORY;
    buffer_truncate(out, before);
    if (runs) {
        runs->count = runs_before;
        if (runs_before)
            runs->items[runs_before - 1] = last;
    }
    return base_error_set(reterr, err, "there is no room for the rendered template");
}

enum base_err engine_jinja_render(const struct engine_jinja *jinja, const struct engine_value *vars,
                                  const struct engine_jinja_limits *limits, struct buffer *out,
                                  struct engine_runs *runs, struct base_error *reterr)
{
    struct jinja_frame root = {0};
    struct jinja_text text;
    struct jinja_run run = {.jinja = jinja,
                            .vars = vars,
                            .root = &root,
                            .frame = &root,
                            .text = &text,
                            .reterr = reterr};
    if (limits)
        run.limits = *limits;
    if (run.limits.output_max == 0)
        run.limits.output_max = OUTPUT_MAX;
    if (run.limits.memory_max == 0)
        run.limits.memory_max = RUN_MEMORY_MAX;
    if (run.limits.step_max == 0)
        run.limits.step_max = STEP_MAX;
    if (run.limits.now_ns == 0)
        run.limits.now_ns = clock_wall_ns(clock_system());
    run.arena = arena_new(run.limits.memory_max);
    if (!run.arena)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to render a template");
    jinja_text_init(&text, run.limits.output_max);
    enum base_err err = jinja_exec(&run, jinja->body);
    if (!err)
        err = hand_out(&text, out, runs, reterr);
    jinja_text_done(&text);
    arena_free(run.arena);
    return err;
}
