/* Conditions of rules: a map whose members must all hold. */
#include "gateway/config/file.h"

const char file_when_json_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"all\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
    "\"any\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"not\":{\"type\":\"object\"},"
    "\"text\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"regex\":{\"type\":[\"string\",\"array\"]},\"contains\":{\"type\":[\"string\",\"array\"]},"
    "\"keywords\":{\"type\":[\"string\",\"array\"]},\"in\":{\"enum\":[\"ask\",\"all\"]}}},"
    "\"task\":{\"type\":[\"string\",\"array\"]},\"tenant\":{\"type\":[\"string\",\"array\"]},"
    "\"key_group\":{\"type\":[\"string\",\"array\"]},\"level\":{\"type\":[\"string\",\"object\"]},"
    "\"finding\":{\"type\":[\"string\",\"array\"]},\"prompt_tokens\":{\"type\":\"object\"},"
    "\"needs\":{\"type\":[\"string\",\"array\"]},\"language\":{\"type\":[\"string\",\"array\"]},"
    "\"model\":{\"type\":[\"string\",\"array\"]},\"header\":{\"type\":\"object\"},"
    "\"unknown\":{\"type\":\"boolean\"},\"tool_loop\":{\"type\":\"boolean\"}}}";

typedef bool (*parse_fn)(struct doc_binder *b, const struct doc_node *node,
                         struct router_condition *out);

static bool no_memory(struct doc_binder *b, const struct doc_node *node)
{
    b->no_memory = true;
    return doc_fail(b, node, "out of memory");
}

/* A string or a list of strings. */
static bool parse_values(struct doc_binder *b, const struct doc_node *node,
                         struct router_condition *out)
{
    struct doc_list list = {0};
    if (!doc_bind_value(b, node, &doc_type_string_or_list, &list))
        return false;
    if (list.count == 0)
        return doc_fail(b, node, "expected at least one value");
    out->values = list.items;
    out->value_count = list.count;
    return true;
}

static bool parse_children(struct doc_binder *b, const struct doc_node *node,
                           struct router_condition *out)
{
    if (node->type != DOC_NODE_LIST || node->count == 0)
        return doc_fail(b, node, "expected a list of conditions, found %s",
                        doc_node_type_name(node));
    struct router_condition *children = arena_calloc(b->arena, node->count, sizeof(*children));
    if (!children)
        return no_memory(b, node);
    for (const struct doc_node *n = node->first; n; n = n->next)
        if (!file_parse_when(b, n, &children[out->child_count++]))
            return false;
    out->children = children;
    return true;
}

static bool parse_not(struct doc_binder *b, const struct doc_node *node,
                      struct router_condition *out)
{
    struct router_condition *child = arena_calloc(b->arena, 1, sizeof(*child));
    if (!child)
        return no_memory(b, node);
    out->children = child;
    out->child_count = 1;
    return file_parse_when(b, node, child);
}

static bool parse_level_word(struct doc_binder *b, const struct doc_node *node,
                             enum policy_level *ret)
{
    if (node->type == DOC_NODE_SCALAR && policy_level_parse(node->text, ret))
        return true;
    return doc_fail(b, node, "expected public, internal, confidential or restricted");
}

/* A level, or {min: LEVEL, max: LEVEL}. */
static bool parse_level(struct doc_binder *b, const struct doc_node *node,
                        struct router_condition *out)
{
    out->level_min = POLICY_LEVEL_PUBLIC;
    out->level_max = POLICY_LEVEL_RESTRICTED;
    if (node->type == DOC_NODE_SCALAR) {
        if (!parse_level_word(b, node, &out->level_min))
            return false;
        out->level_max = out->level_min;
        return true;
    }
    if (node->type != DOC_NODE_MAP || node->count == 0)
        return doc_fail(b, node, "expected a level, or {min: LEVEL, max: LEVEL}");
    for (const struct doc_node *n = node->first; n; n = n->next) {
        bool is_min = slice_eq_str(n->key, "min"), is_max = slice_eq_str(n->key, "max");
        if (!is_min && !is_max)
            return doc_fail(b, n, "unknown key `%.*s`; known are min and max", SLICE_ARG(n->key));
        if (!parse_level_word(b, n, is_min ? &out->level_min : &out->level_max))
            return false;
    }
    return true;
}

static bool parse_tokens(struct doc_binder *b, const struct doc_node *node,
                         struct router_condition *out)
{
    out->over = out->under = -1;
    if (node->type != DOC_NODE_MAP || node->count == 0)
        return doc_fail(b, node, "expected {over: N}, {under: N} or both");
    for (const struct doc_node *n = node->first; n; n = n->next) {
        bool is_over = slice_eq_str(n->key, "over"), is_under = slice_eq_str(n->key, "under");
        if (!is_over && !is_under)
            return doc_fail(b, n, "unknown key `%.*s`; known are over and under",
                            SLICE_ARG(n->key));
        int64_t value;
        if (!doc_to_i64(n, &value) || value < 0)
            return doc_fail(b, n, "expected a number of tokens");
        *(is_over ? &out->over : &out->under) = value;
    }
    return true;
}

/* {x-team: [red, blue]} or {x-team: any}: one header. */
static bool parse_header(struct doc_binder *b, const struct doc_node *node,
                         struct router_condition *out)
{
    if (node->type != DOC_NODE_MAP || node->count != 1)
        return doc_fail(b, node,
                        "expected one header, as {NAME: VALUE}, {NAME: [VALUES]} or {NAME: true}");
    bool there;
    out->name = node->first->key;
    if (doc_to_bool(node->first, &there) && there)
        return true;
    return parse_values(b, node->first, out);
}

/* `unknown: false` is the opposite of `unknown: true`. */
static bool parse_flag(struct doc_binder *b, const struct doc_node *node,
                       struct router_condition *out)
{
    bool value;
    if (!doc_to_bool(node, &value))
        return doc_fail(b, node, "expected true or false");
    if (value)
        return true;
    struct router_condition *child = arena_calloc(b->arena, 1, sizeof(*child));
    if (!child)
        return no_memory(b, node);
    *child = *out;
    *out = (struct router_condition){.type = ROUTER_WHEN_NOT, .children = child, .child_count = 1};
    return true;
}

static bool parse_scope(struct doc_binder *b, const struct doc_node *text,
                        enum router_text_scope *ret)
{
    const struct doc_node *in = doc_get(text, "in");
    *ret = ROUTER_SCOPE_DEFAULT;
    if (!in)
        return true;
    if (in->type == DOC_NODE_SCALAR && slice_eq_str(in->text, "ask"))
        *ret = ROUTER_SCOPE_ASK;
    else if (in->type == DOC_NODE_SCALAR && slice_eq_str(in->text, "all"))
        *ret = ROUTER_SCOPE_ALL;
    else
        return doc_fail(b, in, "expected ask (the last ask) or all (every text of the request)");
    return true;
}

/* {regex: ..., contains: ..., keywords: ..., in: ask|all}: any of them. */
static bool parse_text(struct doc_binder *b, const struct doc_node *node,
                       struct router_condition *out)
{
    static const struct {
        const char *key;
        enum router_condition_type type;
    } kinds[] = {{"regex", ROUTER_WHEN_TEXT_REGEX},
                 {"contains", ROUTER_WHEN_TEXT_CONTAINS},
                 {"keywords", ROUTER_WHEN_TEXT_KEYWORDS}};
    enum router_text_scope scope;
    if (node->type != DOC_NODE_MAP)
        return doc_fail(b, node, "expected a map with regex, contains or keywords");
    struct router_condition *children = arena_calloc(b->arena, 3, sizeof(*children));
    if (!children)
        return no_memory(b, node);
    if (!parse_scope(b, node, &scope))
        return false;
    size_t count = 0;
    for (const struct doc_node *n = node->first; n; n = n->next) {
        size_t k = 0;
        while (k < 3 && !slice_eq_str(n->key, kinds[k].key))
            k++;
        if (k < 3) {
            children[count] = (struct router_condition){.type = kinds[k].type, .scope = scope};
            if (!parse_values(b, n, &children[count++]))
                return false;
        } else if (!slice_eq_str(n->key, "in")) {
            return doc_fail(b, n, "unknown key `%.*s`; known are regex, contains, keywords and in",
                            SLICE_ARG(n->key));
        }
    }
    if (count == 0)
        return doc_fail(b, node, "expected regex, contains or keywords");
    *out = count == 1 ? children[0]
                      : (struct router_condition){
                            .type = ROUTER_WHEN_ANY, .children = children, .child_count = count};
    return true;
}

static const struct {
    const char *key;
    enum router_condition_type type;
    parse_fn parse;
    const char *form, *doc;
} conditions[] = {
    {"text", ROUTER_WHEN_ANY, parse_text, "`{regex: '(?i)\\bnda\\b'}`",
     "the text matches one of `regex` (linear time: no back-references, no look-around), "
     "`contains` "
     "(anywhere, case ignored) or `keywords` (whole words, case ignored). `in: ask` reads the "
     "user's last message, `in: all` every text of the request; without it: all for a rule that "
     "raises sensitivity, else ask"},
    {"task", ROUTER_WHEN_TASK, parse_values, "`code`, `[code, math]`",
     "what is asked for, as the scorer sees it: chat, classification, extraction, summarisation, "
     "translation, rewriting, code, math, reasoning, creative, qa"},
    {"tenant", ROUTER_WHEN_TENANT, parse_values, "`interns`", "whose key it is"},
    {"key_group", ROUTER_WHEN_KEY_GROUP, parse_values, "`research`", "a group of that tenant"},
    {"level", ROUTER_WHEN_LEVEL, parse_level, "`restricted`, `{min: confidential}`",
     "the level after all raises: this one, or from `min` to `max`"},
    {"finding", ROUTER_WHEN_FINDING, parse_values, "`credit_card`, `[secrets, code-names]`",
     "something of a type, of a group (pii, secrets, financial, health), or of a dictionary or "
     "pattern of yours was found"},
    {"prompt_tokens", ROUTER_WHEN_PROMPT_TOKENS, parse_tokens, "`{over: 2000}`",
     "how long the request is, estimated; `over`, `under` or both"},
    {"needs", ROUTER_WHEN_NEEDS, parse_values, "`tools`, `[images, audio]`",
     "what a target must be equipped with for it"},
    {"language", ROUTER_WHEN_LANGUAGE, parse_values, "`de`",
     "a guess from script and frequent words; `und` when unsure"},
    {"model", ROUTER_WHEN_MODEL, parse_values, "`auto`, `gpt-*`",
     "the name asked for; a `*` at the end is any rest"},
    {"header", ROUTER_WHEN_HEADER, parse_header, "`{x-team: red}`, `{x-team: true}`",
     "a header of the request has one of these values, or is there (never those with keys)"},
    {"unknown", ROUTER_WHEN_UNKNOWN, parse_flag, "`true`", "the scorer had nothing to go by"},
    {"tool_loop", ROUTER_WHEN_TOOL_LOOP, parse_flag, "`true`",
     "results of tools are waited for or have just come"},
    {"all", ROUTER_WHEN_ALL, parse_children, "`[{task: code}, {language: de}]`",
     "all of these conditions hold"},
    {"any", ROUTER_WHEN_ANY, parse_children, "`[{task: code}, {task: math}]`", "one of them does"},
    {"not", ROUTER_WHEN_NOT, parse_not, "`{tenant: interns}`", "it does not"},
};
enum { CONDITION_COUNT = sizeof(conditions) / sizeof(conditions[0]) };

static bool parse_member(struct doc_binder *b, const struct doc_node *node,
                         struct router_condition *out)
{
    struct slice names[CONDITION_COUNT];
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        if (slice_eq_str(node->key, conditions[i].key)) {
            out->type = conditions[i].type;
            return conditions[i].parse(b, node, out);
        }
        names[i] = slice_from_str(conditions[i].key);
    }
    struct slice nearest = doc_nearest(node->key, names, CONDITION_COUNT);
    if (nearest.len)
        return doc_fail(b, node, "unknown condition `%.*s`; did you mean `%.*s`?",
                        SLICE_ARG(node->key), SLICE_ARG(nearest));
    return doc_fail(b, node, "unknown condition `%.*s`", SLICE_ARG(node->key));
}

void file_when_markdown(struct buffer *out)
{
    buffer_add_str(out, "\n## condition\n\nWhen a rule applies: all of the members must hold. "
                        "Where a list may stand, one of its values is enough.\n\n"
                        "| Key | Form | Holds when |\n|---|---|---|\n");
    for (size_t i = 0; i < CONDITION_COUNT; i++)
        buffer_addf(out, "| `%s` | %s | %s |\n", conditions[i].key, conditions[i].form,
                    conditions[i].doc);
}

bool file_parse_when(struct doc_binder *b, const struct doc_node *node, void *out)
{
    struct router_condition *ret = out;
    if (node->type != DOC_NODE_MAP)
        return doc_fail(b, node, "expected a map of conditions, found %s",
                        doc_node_type_name(node));
    struct router_condition *children = arena_calloc(b->arena, node->count + 1u, sizeof(*children));
    if (!children)
        return no_memory(b, node);
    size_t count = 0;
    for (const struct doc_node *n = node->first; n; n = n->next)
        if (!parse_member(b, n, &children[count++]))
            return false;
    *ret = count == 1 ? children[0]
                      : (struct router_condition){
                            .type = ROUTER_WHEN_ALL, .children = children, .child_count = count};
    return true;
}
