/* Tools, their choice, and the form of the answer. */
#include "gateway/api/reader.h"

enum { TOOLS_MAX = 1024 };

static enum base_err read_tool(struct reader *r, const struct json_node *node,
                               struct chat_tool *tool)
{
    static const char *const known[] = {"type", "function", NULL};
    static const char *const known_function[] = {"name", "description", "parameters", "strict",
                                                 NULL};
    if (!json_is(node, JSON_OBJECT))
        return reader_fail(r, "expected an object, found %s", json_type_name(node));
    if (!slice_eq_str(json_string(json_get(node, SLICE("type"))), "function")) {
        tool->raw = node;
        return BASE_OK;
    }
    const struct json_node *function = json_get(node, SLICE("function"));
    const struct json_node *strict = json_get(function, SLICE("strict"));
    size_t at = reader_push(r, ".function.name");
    enum base_err err = reader_string(r, json_get(function, SLICE("name")), &tool->name);
    reader_pop(r, at);
    if (err)
        return err;
    at = reader_push(r, ".function");
    err = reader_optional(r, function, "description", &tool->description);
    reader_pop(r, at);
    if (err)
        return err;
    tool->parameters = json_get(function, SLICE("parameters"));
    if (strict && !json_is(strict, JSON_NULL)) {
        at = reader_push(r, ".function.strict");
        err = reader_bool(r, strict, &tool->strict);
        reader_pop(r, at);
        tool->strict_given = true;
    }
    struct chat_extras unknown = {0};
    if (!err)
        err = reader_extras(r, function, known_function, &unknown);
    if (!err && unknown.count > 0) { /* a richer tool than ours: keep the whole of it */
        *tool = (struct chat_tool){.raw = node};
        return BASE_OK;
    }
    return err ? err : reader_extras(r, node, known, &tool->extras);
}

enum base_err reader_tools(struct reader *r, const struct json_node *node)
{
    if (!json_is(node, JSON_ARRAY))
        return reader_fail(r, "expected a list, found %s", json_type_name(node));
    if (node->count > TOOLS_MAX)
        return reader_fail(r, "%u tools, at most %d are accepted", node->count, TOOLS_MAX);
    struct chat_tool *tools = arena_calloc(r->arena, node->count + 1u, sizeof(*tools));
    if (!tools)
        return reader_no_memory(r);
    size_t i = 0;
    for (const struct json_node *n = json_first(node); n; n = json_next(n), i++) {
        size_t at = reader_push(r, "[%zu]", i);
        enum base_err err = read_tool(r, n, &tools[i]);
        reader_pop(r, at);
        if (err)
            return err;
    }
    r->req->tools = tools;
    r->req->tool_count = node->count;
    return BASE_OK;
}

enum base_err reader_tool_choice(struct reader *r, const struct json_node *node)
{
    static const struct {
        const char *name;
        enum chat_tool_choice choice;
    } words[] = {{"auto", CHAT_TOOL_CHOICE_AUTO},
                 {"none", CHAT_TOOL_CHOICE_NONE},
                 {"required", CHAT_TOOL_CHOICE_REQUIRED}};
    static const char *const known[] = {"type", "function", NULL};
    if (json_is(node, JSON_STRING)) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (slice_eq_str(node->text, words[i].name)) {
                r->req->tool_choice = words[i].choice;
                return BASE_OK;
            }
        return reader_fail(r, "expected auto, none, required or an object");
    }
    if (!json_is(node, JSON_OBJECT))
        return reader_fail(r, "expected a string or an object, found %s", json_type_name(node));
    struct slice name = json_string(json_get(json_get(node, SLICE("function")), SLICE("name")));
    if (slice_eq_str(json_string(json_get(node, SLICE("type"))), "function") &&
        !slice_is_absent(name)) {
        r->req->tool_choice = CHAT_TOOL_CHOICE_NAMED;
        r->req->tool_choice_name = name;
        return reader_only(r, node, known);
    }
    r->req->tool_choice = CHAT_TOOL_CHOICE_OTHER;
    r->req->tool_choice_raw = node;
    return BASE_OK;
}

enum base_err reader_format(struct reader *r, const struct json_node *node)
{
    struct slice type = json_string(json_get(node, SLICE("type")));
    r->req->format_raw = node;
    if (slice_eq_str(type, "text")) {
        r->req->format = CHAT_FORMAT_TEXT;
    } else if (slice_eq_str(type, "json_object")) {
        r->req->format = CHAT_FORMAT_JSON_OBJECT;
    } else if (slice_eq_str(type, "json_schema")) {
        r->req->format = CHAT_FORMAT_JSON_SCHEMA;
        r->req->schema = json_get(json_get(node, SLICE("json_schema")), SLICE("schema"));
        if (!json_is(r->req->schema, JSON_OBJECT))
            return reader_fail(r, "json_schema.schema: expected an object");
    } else {
        return reader_fail(r, "unknown type; known are text, json_object and json_schema");
    }
    return BASE_OK;
}
