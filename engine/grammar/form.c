/*
 * The form of an answer as a grammar: reasoning, calls and content in the markup of a model.
 *
 *     root = [reasoning] (calls | content)
 *
 * Free text goes on until the marker of a call; it is "any text without this marker" in the
 * grammar itself, so that a token that holds a marker and more is masked as any other.
 */
#include <stdlib.h>

#include "engine/grammar/grammar.h"
#include "engine/template/markup.h"
#include "engine/unicode/unicode.h"

enum { BLANKS_MAX = 4, MESSAGES_MAX = 16, TOOL_NAME_MAX = 128, CALL_ID_LEN = 9 };

struct form {
    struct grammar_builder *b;
    const struct engine_markup *markup;
    const struct engine_form *form;
    const bool *loose;   /* tools whose arguments are any object */
    uint32_t *arguments; /* rules, one for each tool */
    uint32_t content;    /* rule of what is not a call, when it is not free */
};

static uint32_t text(const struct form *f, const char *bytes, uint32_t next)
{
    return grammar_text(f->b, slice_from_str(bytes), next);
}

static uint32_t either(const struct form *f, uint32_t one, uint32_t other)
{
    return grammar_either(f->b, one, other);
}

static uint32_t space(const struct form *f, uint32_t next)
{
    return grammar_json(f->b, GRAMMAR_JSON_SPACE, next);
}

static uint32_t colon(const struct form *f, uint32_t next)
{
    return space(f, text(f, ":", space(f, next)));
}

/* Blanks and line ends, up to so many. */
static uint32_t blanks(const struct form *f, uint32_t max, uint32_t next)
{
    struct grammar_set set = {0};
    grammar_set_add(&set, ' ', ' ');
    grammar_set_add(&set, '\n', '\n');
    uint32_t rule = grammar_rule(f->b, SLICE_NONE);
    grammar_define(f->b, rule, grammar_byte(f->b, &set, GRAMMAR_AT_RETURN));
    return grammar_call(f->b, rule, 0, max, next);
}

/* One character, none of these. */
static uint32_t char_but(const struct form *f, const char *but, uint32_t next)
{
    struct grammar_set set = {0};
    for (unsigned c = 0; c < 0x80; c++)
        if (c == 0 || !strchr(but, (int)c))
            grammar_set_add(&set, c, c);
    return either(f, grammar_byte(f->b, &set, next), grammar_utf8(f->b, 0x80, 0x10ffff, next));
}

/* ---- text without a marker ----
 *
 * The first character of a marker is ASCII and comes in it once, so what follows a beginning of it
 * is the next character, another beginning, or one that ends the matter. */

struct without {
    uint32_t beginnings; /* rule: a beginning of the marker, not all of it */
    uint32_t broken;     /* rule: beginnings, the last one followed by something else */
    uint32_t block;      /* rule: any character, or broken */
};

/* One character, neither of these. */
static uint32_t char_but_two(const struct form *f, uint32_t one, uint32_t other, uint32_t next)
{
    uint32_t low = one < other ? one : other, high = one < other ? other : one, from = 0x80;
    struct grammar_set set = {0};
    uint32_t ret = GRAMMAR_AT_FAIL;
    for (unsigned c = 0; c < 0x80; c++)
        if (c != low && c != high)
            grammar_set_add(&set, c, c);
    ret = grammar_byte(f->b, &set, next);
    for (int i = 0; i < 2; i++) {
        uint32_t but = i == 0 ? low : high;
        if (but < from)
            continue;
        if (but > from)
            ret = either(f, grammar_utf8(f->b, from, but - 1, next), ret);
        from = but + 1;
    }
    return either(f, grammar_utf8(f->b, from, 0x10ffff, next), ret);
}

static struct without make_without(const struct form *f, struct slice marker)
{
    struct grammar_builder *b = f->b;
    struct without w = {grammar_rule(b, SLICE_NONE), grammar_rule(b, SLICE_NONE),
                        grammar_rule(b, SLICE_NONE)};
    char first[2] = {marker.ptr[0], '\0'};
    uint32_t begins = GRAMMAR_AT_RETURN, breaks = GRAMMAR_AT_FAIL;
    for (size_t end = marker.len, i; end > 1; end = i) { /* character by character, from behind */
        i = engine_unicode_before(marker, end);
        uint32_t code = engine_unicode_at(marker, i).code;
        struct slice at = slice_sub(marker, i, end - i);
        if (end < marker.len)
            begins = either(f, GRAMMAR_AT_RETURN, grammar_text(b, at, begins));
        breaks = either(f, char_but_two(f, (unsigned char)first[0], code, GRAMMAR_AT_RETURN),
                        end < marker.len ? grammar_text(b, at, breaks) : GRAMMAR_AT_FAIL);
    }
    grammar_define(b, w.beginnings, text(f, first, begins));
    grammar_define(b, w.broken,
                   grammar_call(b, w.beginnings, 0, GRAMMAR_MANY, text(f, first, breaks)));
    grammar_define(b, w.block,
                   either(f, char_but(f, first, GRAMMAR_AT_RETURN),
                          grammar_call(b, w.broken, 1, 1, GRAMMAR_AT_RETURN)));
    return w;
}

/* Then `next`, which is the marker or the end. */
static uint32_t text_without(const struct form *f, struct slice marker, uint32_t next)
{
    struct without w = make_without(f, marker);
    return grammar_call(f->b, w.block, 0, GRAMMAR_MANY,
                        grammar_call(f->b, w.beginnings, 0, GRAMMAR_MANY, next));
}

uint32_t grammar_text_without(struct grammar_builder *b, struct slice marker, uint32_t next)
{
    const struct form f = {.b = b};
    return text_without(&f, marker, next);
}

/* ---- calls ---- */

static uint32_t arguments(const struct form *f, size_t tool, uint32_t next)
{
    return grammar_call(f->b, f->arguments[tool], 1, 1, next);
}

/* {"name": "...", "<key>": {...}} */
static uint32_t call_object(const struct form *f, const char *key, bool with_type, uint32_t next)
{
    uint32_t tools = GRAMMAR_AT_FAIL, end = space(f, text(f, "}", next));
    for (size_t i = f->form->tool_count; i-- > 0;) {
        uint32_t tail = text(f, "\"", colon(f, arguments(f, i, end)));
        tail = grammar_comma(f->b, text(f, "\"", text(f, key, tail)));
        tail = grammar_text(f->b, f->form->tools[i].name, text(f, "\"", tail));
        tools = either(f, text(f, "\"", tail), tools);
    }
    uint32_t name = text(f, "\"name\"", colon(f, tools));
    if (with_type)
        name = either(
            f, name,
            text(f, "\"type\"", colon(f, text(f, "\"function\"", grammar_comma(f->b, name)))));
    return text(f, "{", space(f, name));
}

/* One and more, up to what an answer may hold, each as `code` ends it. */
static uint32_t repeated(const struct form *f, uint32_t first, uint32_t more, uint32_t next)
{
    uint32_t max = f->form->one_call ? 0 : ENGINE_ANSWER_CALLS_MAX - 1;
    return grammar_call(f->b, first, 1, 1, grammar_call(f->b, more, 0, max, next));
}

static uint32_t hermes_calls(const struct form *f)
{
    struct grammar_builder *b = f->b;
    uint32_t one = grammar_rule(b, SLICE_NONE), more = grammar_rule(b, SLICE_NONE);
    uint32_t end = blanks(f, BLANKS_MAX, text(f, "</tool_call>", GRAMMAR_AT_RETURN));
    uint32_t object = call_object(f, "arguments", false, end);
    grammar_define(b, one, text(f, "<tool_call>", blanks(f, BLANKS_MAX, object)));
    grammar_define(b, more, blanks(f, BLANKS_MAX, grammar_call(b, one, 1, 1, GRAMMAR_AT_RETURN)));
    return repeated(f, one, more, GRAMMAR_AT_RETURN);
}

static uint32_t list_of_calls(const struct form *f)
{
    struct grammar_builder *b = f->b;
    const struct engine_markup_call *m = engine_markup_call(f->markup->tools);
    uint32_t one = grammar_rule(b, SLICE_NONE), more = grammar_rule(b, SLICE_NONE);
    grammar_define(b, one, call_object(f, "arguments", false, GRAMMAR_AT_RETURN));
    grammar_define(b, more, grammar_comma(b, grammar_call(b, one, 1, 1, GRAMMAR_AT_RETURN)));
    uint32_t end = GRAMMAR_AT_RETURN;
    if (!slice_is_absent(m->end))
        end = blanks(f, BLANKS_MAX, grammar_text(b, m->end, end));
    uint32_t list = repeated(f, one, more, space(f, text(f, "]", end)));
    return grammar_text(b, m->marker, space(f, text(f, "[", space(f, list))));
}

static uint32_t call_id(const struct form *f, uint32_t next)
{
    struct grammar_set set = {0};
    grammar_set_add(&set, '0', '9');
    grammar_set_add(&set, 'A', 'Z');
    grammar_set_add(&set, 'a', 'z');
    uint32_t rule = grammar_rule(f->b, SLICE_NONE);
    grammar_define(f->b, rule, grammar_byte(f->b, &set, GRAMMAR_AT_RETURN));
    return either(f, next,
                  text(f, "[CALL_ID]", grammar_call(f->b, rule, CALL_ID_LEN, CALL_ID_LEN, next)));
}

static uint32_t mistral_args(const struct form *f)
{
    struct grammar_builder *b = f->b;
    uint32_t one = grammar_rule(b, SLICE_NONE), tools = GRAMMAR_AT_FAIL;
    for (size_t i = f->form->tool_count; i-- > 0;) {
        uint32_t args = text(f, "[ARGS]", space(f, arguments(f, i, GRAMMAR_AT_RETURN)));
        tools = either(f, grammar_text(b, f->form->tools[i].name, call_id(f, args)), tools);
    }
    grammar_define(b, one, text(f, "[TOOL_CALLS]", tools));
    return repeated(f, one, one, GRAMMAR_AT_RETURN);
}

static uint32_t llama_call(const struct form *f)
{
    uint32_t object = call_object(f, "parameters", true, GRAMMAR_AT_RETURN);
    return either(f, object, text(f, "<|python_tag|>", object));
}

/* Behind the recipient: what the arguments are written in, and they. */
static uint32_t harmony_arguments(const struct form *f, size_t tool)
{
    uint32_t body = text(f, "<|message|>", arguments(f, tool, GRAMMAR_AT_RETURN));
    uint32_t tight = either(f, body, text(f, "<|constrain|>json", body));
    return either(f, tight, text(f, " ", either(f, tight, text(f, "json", body))));
}

static uint32_t harmony_call(const struct form *f)
{
    uint32_t behind = GRAMMAR_AT_FAIL, before = GRAMMAR_AT_FAIL;
    for (size_t i = f->form->tool_count; i-- > 0;) {
        struct slice name = f->form->tools[i].name;
        uint32_t args = harmony_arguments(f, i);
        behind = either(f, grammar_text(f->b, name, args), behind);
        before =
            either(f, grammar_text(f->b, name, text(f, "<|channel|>commentary", args)), before);
    }
    behind = text(f, "<|channel|>commentary to=functions.", behind);
    return either(f, behind, text(f, " to=functions.", before));
}

/* <tool_call>\n<function=NAME>\n tags \n</function>\n</tool_call> */
static uint32_t tagged_calls(const struct form *f)
{
    struct grammar_builder *b = f->b;
    uint32_t one = grammar_rule(b, SLICE_NONE), more = grammar_rule(b, SLICE_NONE);
    uint32_t end = blanks(f, BLANKS_MAX, text(f, "</tool_call>", GRAMMAR_AT_RETURN));
    uint32_t tools = GRAMMAR_AT_FAIL;
    end = blanks(f, BLANKS_MAX, text(f, "</function>", end));
    for (size_t i = f->form->tool_count; i-- > 0;) {
        uint32_t named = text(f, ">", arguments(f, i, end));
        tools = either(f, grammar_text(b, f->form->tools[i].name, named), tools);
    }
    tools = blanks(f, BLANKS_MAX, text(f, "<function=", tools));
    grammar_define(b, one, text(f, "<tool_call>", tools));
    grammar_define(b, more, blanks(f, BLANKS_MAX, grammar_call(b, one, 1, 1, GRAMMAR_AT_RETURN)));
    return repeated(f, one, more, GRAMMAR_AT_RETURN);
}

/* A name and JSON between the markers of DeepSeek. */
static uint32_t deepseek_calls(const struct form *f)
{
    struct grammar_builder *b = f->b;
    const struct engine_markup_call *m = engine_markup_call(f->markup->tools);
    uint32_t one = grammar_rule(b, SLICE_NONE), more = grammar_rule(b, SLICE_NONE);
    uint32_t tools = GRAMMAR_AT_FAIL;
    uint32_t end = blanks(f, 1, grammar_text(b, m->close, GRAMMAR_AT_RETURN));
    for (size_t i = f->form->tool_count; i-- > 0;) {
        uint32_t named = grammar_text(b, m->behind_name, arguments(f, i, end));
        tools = either(f, grammar_text(b, f->form->tools[i].name, named), tools);
    }
    grammar_define(b, one, grammar_text(b, m->open, tools));
    grammar_define(b, more, blanks(f, 1, grammar_call(b, one, 1, 1, GRAMMAR_AT_RETURN)));
    return grammar_text(b, m->marker,
                        repeated(f, one, more, grammar_text(b, m->end, GRAMMAR_AT_RETURN)));
}

static uint32_t calls(const struct form *f)
{
    static uint32_t (*const families[ENGINE_MARKUP_TOOLS_COUNT])(const struct form *) = {
        [ENGINE_MARKUP_TOOLS_HERMES] = hermes_calls,
        [ENGINE_MARKUP_TOOLS_LLAMA] = llama_call,
        [ENGINE_MARKUP_TOOLS_MISTRAL] = list_of_calls,
        [ENGINE_MARKUP_TOOLS_MISTRAL_ARGS] = mistral_args,
        [ENGINE_MARKUP_TOOLS_NEMOTRON] = list_of_calls,
        [ENGINE_MARKUP_TOOLS_APRIEL] = list_of_calls,
        [ENGINE_MARKUP_TOOLS_HARMONY] = harmony_call,
        [ENGINE_MARKUP_TOOLS_TAGGED] = tagged_calls,
        [ENGINE_MARKUP_TOOLS_DEEPSEEK] = deepseek_calls,
        [ENGINE_MARKUP_TOOLS_DEEPSEEK_FENCED] = deepseek_calls,
    };
    return f->form->tool_count > 0 ? families[f->markup->tools](f) : GRAMMAR_AT_FAIL;
}

/* ---- content ---- */

/* Text that is no object which begins with one of a call's keys, and holds no tag. */
static uint32_t llama_text(const struct form *f)
{
    static const char *const words[] = {"ame\"", "ype\""}, *const letters[] = {"n", "t"};
    struct grammar_builder *b = f->b;
    struct without tag = make_without(f, SLICE("<|python_tag|>"));
    uint32_t end = GRAMMAR_AT_RETURN;
    uint32_t rest = grammar_call(b, tag.block, 0, GRAMMAR_MANY,
                                 grammar_call(b, tag.beginnings, 0, GRAMMAR_MANY, end));
    uint32_t quoted = either(f, end, char_but(f, "nt<", rest));
    for (size_t k = 0; k < 2; k++) {
        uint32_t word = GRAMMAR_AT_FAIL;
        for (size_t i = strlen(words[k]); i-- > 0;) {
            char at[3] = {words[k][i], '<', '\0'}, alone[2] = {words[k][i], '\0'};
            uint32_t further = word == GRAMMAR_AT_FAIL ? word : text(f, alone, word);
            word = either(f, either(f, end, char_but(f, at, rest)), further);
        }
        quoted = either(f, quoted, text(f, letters[k], word));
    }
    uint32_t inside = either(f, end, char_but(f, " \n\"<", rest));
    inside = blanks(f, GRAMMAR_MANY, either(f, inside, text(f, "\"", quoted)));
    uint32_t first = either(f, end, char_but(f, " \n{<", rest));
    first = either(f, first, grammar_call(b, tag.broken, 1, 1, rest));
    first = either(f, first, grammar_call(b, tag.beginnings, 1, GRAMMAR_MANY, end));
    return blanks(f, GRAMMAR_MANY, either(f, first, text(f, "{", inside)));
}

/* An answer or calls, behind the reasoning. */
static uint32_t plain_body(const struct form *f)
{
    uint32_t called = calls(f);
    if (f->form->must_call)
        return blanks(f, BLANKS_MAX, called);
    if (f->form->content != ENGINE_CONTENT_FREE)
        return either(f, grammar_call(f->b, f->content, 1, 1, GRAMMAR_AT_RETURN), called);
    if (f->markup->tools == ENGINE_MARKUP_TOOLS_LLAMA)
        return either(f, called, llama_text(f));
    return text_without(f, engine_markup_call(f->markup->tools)->marker,
                        either(f, GRAMMAR_AT_RETURN, called));
}

static uint32_t plain_root(const struct form *f)
{
    uint32_t body = plain_body(f);
    if (slice_is_absent(f->markup->open))
        return body;
    uint32_t thought = blanks(f, BLANKS_MAX, body);
    thought = text_without(f, f->markup->close, grammar_text(f->b, f->markup->close, thought));
    thought = grammar_text(f->b, f->markup->open, thought);
    return either(f, body, thought);
}

/* Messages of analysis, or said beside a call, and then the answer or a call. */
static uint32_t harmony_root(const struct form *f)
{
    uint32_t end = text(f, "<|end|><|start|>assistant", GRAMMAR_AT_RETURN);
    uint32_t said = text(f, "<|message|>", text_without(f, SLICE("<|end|>"), end));
    uint32_t message = grammar_rule(f->b, SLICE_NONE);
    said = either(f, text(f, "analysis", said), text(f, "commentary", said));
    grammar_define(f->b, message, text(f, "<|channel|>", said));
    uint32_t body = calls(f), final;
    if (f->form->content == ENGINE_CONTENT_FREE) {
        final = text_without(f, SLICE("<|end|>"), GRAMMAR_AT_RETURN);
        final = text(f, "<|message|>", final);
    } else {
        final = grammar_call(f->b, f->content, 1, 1, GRAMMAR_AT_RETURN);
        final = text(f, "<|message|>", final);
        final = either(f, final, text(f, " <|constrain|>json", final));
    }
    if (!f->form->must_call)
        body = either(f, body, text(f, "<|channel|>final", final));
    return grammar_call(f->b, message, 0, MESSAGES_MAX, body);
}

/* ---- the whole ---- */

static const struct slice no_parameters =
    SLICE_INIT("{\"type\": \"object\", \"properties\": {}, \"additionalProperties\": false}");

static bool is_name(struct slice name)
{
    if (name.len == 0 || name.len > TOOL_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* Which schemas can be followed; an error for one that must be. */
static enum base_err try_schema(const struct engine_markup *markup, struct slice schema,
                                struct base_error *reterr)
{
    struct engine_grammar *grammar = NULL;
    struct grammar_builder b;
    enum base_err err = engine_grammar_from_schema(schema, &grammar, reterr);
    engine_grammar_unref(grammar);
    if (err || markup->tools != ENGINE_MARKUP_TOOLS_TAGGED)
        return err;
    err = grammar_begin(&b, reterr);
    if (err)
        return err;
    uint32_t root = grammar_tagged(&b, SLICE(""), schema);
    err = grammar_finish(&b, root, &grammar);
    if (!err)
        engine_grammar_unref(grammar);
    return err;
}

static enum base_err try_tools(const struct engine_markup *markup, const struct engine_form *form,
                               bool *loose, struct base_error *reterr)
{
    for (size_t i = 0; i < form->tool_count; i++) {
        const struct engine_tool *tool = &form->tools[i];
        struct base_error detail = {0};
        if (!is_name(tool->name))
            return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                                  "tool %zu: a name has 1 to %d letters, digits, '_', '-' or '.'",
                                  i, TOOL_NAME_MAX);
        if (slice_is_absent(tool->parameters))
            continue;
        enum base_err err = try_schema(markup, tool->parameters, &detail);
        if (err && (tool->strict || err == BASE_ERR_NO_MEMORY))
            return base_error_set(reterr, err, "tool %zu: %s", i, detail.message);
        loose[i] = err != BASE_OK;
    }
    return BASE_OK;
}

/* Lets go of every schema that need not be followed; false when there is none. */
static bool loosen(const struct engine_form *form, bool *loose)
{
    bool any = false;
    for (size_t i = 0; i < form->tool_count; i++) {
        any |= !loose[i] && !form->tools[i].strict;
        loose[i] |= !form->tools[i].strict;
    }
    return any;
}

static void make_arguments(struct form *f)
{
    for (size_t i = 0; i < f->form->tool_count; i++) {
        struct slice schema = f->form->tools[i].parameters;
        if (f->markup->tools == ENGINE_MARKUP_TOOLS_TAGGED)
            f->arguments[i] = grammar_tagged(f->b, f->form->tools[i].name,
                                             f->loose[i]               ? SLICE_NONE
                                             : slice_is_absent(schema) ? no_parameters
                                                                       : schema);
        else if (f->loose[i])
            f->arguments[i] = grammar_json_rule(f->b, GRAMMAR_JSON_OBJECT);
        else
            f->arguments[i] =
                grammar_schema(f->b, slice_is_absent(schema) ? no_parameters : schema);
    }
}

static enum base_err build(const struct engine_markup *markup, const struct engine_form *form,
                           const bool *loose, struct engine_grammar **ret_grammar,
                           struct base_error *reterr)
{
    struct grammar_builder b;
    enum base_err err = grammar_begin(&b, reterr);
    if (err)
        return err;
    struct form f = {.b = &b, .markup = markup, .form = form, .loose = loose};
    f.arguments = arena_calloc(b.arena, form->tool_count + 1, sizeof(*f.arguments));
    if (!f.arguments)
        grammar_fail(&b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    else
        make_arguments(&f);
    if (form->content == ENGINE_CONTENT_OBJECT)
        f.content = grammar_json_rule(&b, GRAMMAR_JSON_OBJECT);
    if (form->content == ENGINE_CONTENT_SCHEMA)
        f.content = grammar_schema(&b, form->schema);
    if (form->content == ENGINE_CONTENT_GBNF)
        f.content = grammar_gbnf(&b, form->schema);
    uint32_t root = grammar_rule(&b, SLICE_NONE);
    if (!b.err)
        grammar_define(&b, root, markup->is_harmony ? harmony_root(&f) : plain_root(&f));
    return grammar_finish(&b, root, ret_grammar);
}

enum base_err engine_grammar_from_form(const struct engine_markup *markup,
                                       const struct engine_form *form,
                                       struct engine_grammar **ret_grammar,
                                       struct base_error *reterr)
{
    *ret_grammar = NULL;
    if (form->tool_count == 0 && form->content == ENGINE_CONTENT_FREE)
        return BASE_OK;
    if (form->tool_count > 0 && markup->tools == ENGINE_MARKUP_TOOLS_NONE)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "the model's template knows no tools, or in a form not known here");
    if (form->tool_count > 0 && form->content != ENGINE_CONTENT_FREE && !form->must_call &&
        markup->tools == ENGINE_MARKUP_TOOLS_LLAMA)
        return base_error_set(
            reterr, BASE_ERR_UNSUPPORTED,
            "with this model a JSON answer cannot be told from a call; give tools "
            "or a format, not both");
    bool *loose = calloc(form->tool_count + 1, sizeof(*loose));
    if (!loose)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    enum base_err err = try_tools(markup, form, loose, reterr);
    if (!err)
        err = build(markup, form, loose, ret_grammar, reterr);
    if (err == BASE_ERR_LIMIT && loosen(form, loose)) /* each fits, but not all together */
        err = build(markup, form, loose, ret_grammar, reterr);
    free(loose);
    return err;
}
