/* Chat templates: a conversation as the variables that templates expect. */
#include <stdlib.h>

#include "engine/template/jinja.h"

enum { VARS_MEMORY_MAX = 256 * 1024 * 1024 };

struct engine_template {
    struct engine_jinja *jinja;
    struct arena *arena; /* bos, eos */
    struct slice bos, eos;
};

enum base_err engine_template_new(struct slice jinja, struct slice bos, struct slice eos,
                                  struct engine_template **ret_template, struct base_error *reterr)
{
    struct engine_template *t = calloc(1, sizeof(*t));
    if (t)
        t->arena = arena_new(SIZE_MAX);
    if (t && t->arena) {
        t->bos = arena_dup(t->arena, bos.ptr ? bos : SLICE(""));
        t->eos = arena_dup(t->arena, eos.ptr ? eos : SLICE(""));
    }
    enum base_err err = t && t->bos.ptr && t->eos.ptr ? BASE_OK
                                                      : base_error_set(reterr, BASE_ERR_NO_MEMORY,
                                                                       "no memory for a template");
    if (!err)
        err = engine_jinja_new(jinja, &t->jinja, reterr);
    if (err) {
        engine_template_free(t);
        return err;
    }
    *ret_template = t;
    return BASE_OK;
}

void engine_template_free(struct engine_template *t)
{
    if (!t)
        return;
    engine_jinja_free(t->jinja);
    arena_free(t->arena);
    free(t);
}

/* Sets members until one fails; checked once at the end. */
struct building {
    struct arena *arena;
    bool failed;
};

static void set(struct building *b, struct engine_value *map, const char *key,
                struct engine_value value)
{
    b->failed = b->failed || !engine_value_set(b->arena, map, slice_from_str(key), value);
}

static void set_text(struct building *b, struct engine_value *map, const char *key,
                     struct slice text)
{
    if (!slice_is_absent(text))
        set(b, map, key, engine_value_string(text, false));
}

/* Arguments are JSON text; templates want the map itself, and get the text if it is none. */
static struct engine_value call_value(struct building *b, const struct engine_tool_call *call)
{
    struct engine_value function = engine_value_map(), ret = engine_value_map(), arguments;
    if (engine_value_from_json(b->arena, call->arguments, &arguments, NULL) != BASE_OK)
        arguments = engine_value_string(call->arguments, false);
    set_text(b, &function, "name", call->name);
    set(b, &function, "arguments", arguments);
    set(b, &ret, "type", engine_value_string(SLICE("function"), false));
    set_text(b, &ret, "id", call->id);
    set(b, &ret, "function", function);
    return ret;
}

static struct engine_value message_value(struct building *b, const struct engine_message *message)
{
    struct engine_value ret = engine_value_map();
    set_text(b, &ret, "role", message->role);
    set(b, &ret, "content", engine_value_string(message->content, false));
    set_text(b, &ret, "name", message->name);
    set_text(b, &ret, "reasoning_content", message->reasoning);
    set_text(b, &ret, "tool_call_id", message->tool_call_id);
    if (message->tool_call_count > 0) {
        struct engine_value calls = engine_value_list();
        for (size_t i = 0; i < message->tool_call_count; i++)
            b->failed = b->failed || !engine_value_push(b->arena, &calls,
                                                        call_value(b, &message->tool_calls[i]));
        set(b, &ret, "tool_calls", calls);
    }
    return ret;
}

/* Variables of the caller's; those that a conversation is given as stay ours. */
static enum base_err set_further(struct building *b, struct engine_value *vars, struct slice json,
                                 struct base_error *reterr)
{
    struct engine_value further;
    if (slice_is_absent(json))
        return BASE_OK;
    enum base_err err = engine_value_from_json(b->arena, json, &further, reterr);
    if (err)
        return err;
    if (further.type != ENGINE_VALUE_MAP)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "variables of a template: expected an object");
    for (size_t i = 0; further.u.map && i < further.u.map->count; i++) {
        const struct engine_value_member *m = &further.u.map->items[i];
        struct slice key = slice_of(m->key.u.s.ptr, m->key.u.s.len);
        if (engine_value_get(vars, key).type != ENGINE_VALUE_UNDEFINED)
            return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                                  "a template's %.*s follows from the request and cannot be set",
                                  SLICE_ARG(slice_sub(key, 0, 64)));
        b->failed = b->failed || !engine_value_set(b->arena, vars, key, m->value);
    }
    return BASE_OK;
}

enum base_err engine_template_render(const struct engine_template *t,
                                     const struct engine_template_input *input, struct buffer *out,
                                     struct engine_runs *runs, struct base_error *reterr)
{
    struct building b = {.arena = arena_new(VARS_MEMORY_MAX)};
    if (!b.arena)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to render a template");
    struct engine_value vars = engine_value_map(), list = engine_value_list();
    struct engine_value tools = engine_value_null();
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < input->count && !b.failed; i++)
        b.failed = !engine_value_push(b.arena, &list, message_value(&b, &input->messages[i]));
    if (!slice_is_absent(input->tools_json))
        err = engine_value_from_json(b.arena, input->tools_json, &tools, reterr);
    set(&b, &vars, "messages", list);
    set(&b, &vars, "tools", tools);
    set(&b, &vars, "documents", engine_value_null());
    set(&b, &vars, "add_generation_prompt", engine_value_bool(input->add_generation_prompt));
    set(&b, &vars, "bos_token", engine_value_string(t->bos, true));
    set(&b, &vars, "eos_token", engine_value_string(t->eos, true));
    if (!err)
        err = set_further(&b, &vars, input->vars_json, reterr);
    if (!err && b.failed)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to render a template");
    if (!err)
        err = engine_jinja_render(t->jinja, &vars, NULL, out, runs, reterr);
    arena_free(b.arena);
    return err;
}
