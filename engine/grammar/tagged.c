/* Arguments of a call as tags. What stands as text, and not as JSON, is noted in the grammar, so
 * that who reads the call knows: tool, key and how, each with its length before it. */
#include "engine/grammar/schema.h"

enum { BLANKS_MAX = 4, KEY_MAX = 512, OTHERS_MAX = 64, NAME_MAX_CHARS = 64 };

struct note_head {
    uint32_t tool_len, key_len;
    enum grammar_tag how;
};

static void note(struct grammar_builder *b, struct slice tool, struct slice key,
                 enum grammar_tag how)
{
    struct note_head head = {(uint32_t)tool.len, (uint32_t)key.len, how};
    size_t len = sizeof(head) + tool.len + key.len;
    void *bytes = b->tags;
    while (!b->err && b->tags_capacity < b->tags_len + len)
        if (!arena_grow(b->arena, &bytes, b->tags_capacity, &b->tags_capacity, 1))
            grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    if (b->err)
        return;
    b->tags = bytes;
    char *at = b->tags + b->tags_len;
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), tool.ptr, tool.len);
    memcpy(at + sizeof(head) + tool.len, key.ptr, key.len);
    b->tags_len += len;
}

enum grammar_tag grammar_tag_of(const struct engine_grammar *grammar, struct slice tool,
                                struct slice key)
{
    for (size_t at = 0; grammar && at < grammar->tags_len;) {
        struct note_head head;
        memcpy(&head, grammar->tags + at, sizeof(head));
        const char *texts = grammar->tags + at + sizeof(head);
        if (slice_eq(slice_of(texts, head.tool_len), tool) &&
            slice_eq(slice_of(texts + head.tool_len, head.key_len), key))
            return head.how;
        at += sizeof(head) + head.tool_len + head.key_len;
    }
    return GRAMMAR_TAG_JSON;
}

/* Blanks and line ends, then `next`. */
static uint32_t blanks(struct grammar_builder *b, uint32_t next)
{
    struct grammar_set set = {0};
    grammar_set_add(&set, ' ', ' ');
    grammar_set_add(&set, '\n', '\n');
    uint32_t rule = grammar_rule(b, SLICE_NONE);
    grammar_define(b, rule, grammar_byte(b, &set, GRAMMAR_AT_RETURN));
    return grammar_call(b, rule, 0, BLANKS_MAX, next);
}

static bool is_only_texts(const struct schema_spec *spec)
{
    unsigned types = schema_types(spec);
    if (spec->choice_count > 0 || !(types & SCHEMA_STRING))
        return false;
    for (size_t i = 0; i < schema_count(spec->values.value); i++)
        if (spec->values.value.u.list->items[i].type != ENGINE_VALUE_STRING)
            return false;
    return schema_has(spec->values) || !(types & ~(unsigned)(SCHEMA_STRING | SCHEMA_NULL));
}

static uint32_t value_code(struct schema_compiler *c, struct slice tool,
                           const struct schema_property *p, uint32_t next)
{
    struct schema_spec spec;
    schema_read(c, p->sub, &spec);
    if (c->b->err)
        return GRAMMAR_AT_FAIL;
    if (!is_only_texts(&spec))
        return grammar_call(c->b, schema_rule(c, p->sub), 1, 1, next);
    bool or_null = (schema_types(&spec) & SCHEMA_NULL) && !schema_has(spec.values);
    note(c->b, tool, p->key, or_null ? GRAMMAR_TAG_TEXT_OR_NULL : GRAMMAR_TAG_TEXT);
    uint32_t text = schema_tagged_text(c, &spec, next);
    return or_null ? grammar_either(c->b, grammar_text(c->b, SLICE("null"), next), text) : text;
}

static bool is_key(struct slice key)
{
    bool good = key.len > 0 && key.len <= KEY_MAX;
    for (size_t i = 0; i < key.len && good; i++)
        good = (unsigned char)key.ptr[i] > 0x20 && key.ptr[i] != '>';
    return good;
}

static uint32_t members_code(struct schema_compiler *c, struct slice tool, struct schema_spec *spec)
{
    static const struct engine_value anything = {.type = ENGINE_VALUE_BOOL, .u.b = true};
    struct grammar_builder *b = c->b;
    uint32_t at = GRAMMAR_AT_RETURN;
    for (size_t i = spec->property_count; i-- > 0 && !b->err;) {
        struct schema_property *p = &spec->properties[i];
        if (!schema_has(p->sub))
            p->sub = schema_has(spec->additional) ? spec->additional
                                                  : (struct schema_sub){anything, spec->path};
        if (!is_key(p->key))
            schema_unsupported(c, p->sub.path, "a name with blanks or '>' cannot stand in a tag");
        uint32_t value = value_code(c, tool, p, grammar_text(b, SLICE(GRAMMAR_TAG_CLOSE), at));
        uint32_t key = grammar_text(b, p->key, grammar_text(b, SLICE(">\n"), value));
        uint32_t member = blanks(b, grammar_text(b, SLICE(GRAMMAR_TAG_OPEN), key));
        at = p->required ? member : grammar_either(b, member, at);
    }
    return at;
}

/* Any parameters. */
static uint32_t any_members(struct grammar_builder *b)
{
    struct grammar_set set = {0};
    grammar_set_add(&set, 'a', 'z');
    grammar_set_add(&set, 'A', 'Z');
    grammar_set_add(&set, '0', '9');
    grammar_set_add(&set, '_', '_');
    uint32_t letter = grammar_rule(b, SLICE_NONE), member = grammar_rule(b, SLICE_NONE);
    grammar_define(b, letter, grammar_byte(b, &set, GRAMMAR_AT_RETURN));
    uint32_t at = grammar_text(b, SLICE(GRAMMAR_TAG_CLOSE), GRAMMAR_AT_RETURN);
    at = grammar_text(b, SLICE(">\n"), grammar_text_without(b, SLICE(GRAMMAR_TAG_CLOSE), at));
    at = grammar_call(b, letter, 1, NAME_MAX_CHARS, at);
    grammar_define(b, member, blanks(b, grammar_text(b, SLICE(GRAMMAR_TAG_OPEN), at)));
    return grammar_call(b, member, 0, OTHERS_MAX, GRAMMAR_AT_RETURN);
}

uint32_t grammar_tagged(struct grammar_builder *b, struct slice tool, struct slice json)
{
    struct schema_compiler c = {.b = b};
    struct schema_spec spec;
    struct base_error detail;
    uint32_t rule = grammar_rule(b, SLICE_NONE);
    if (slice_is_absent(json)) {
        grammar_define(b, rule, any_members(b));
        return rule;
    }
    enum base_err err = engine_value_from_json(b->arena, json, &c.root, &detail);
    if (err) {
        grammar_fail(b, err, "the schema is not JSON: %s", detail.message);
        return 0;
    }
    schema_read(&c, (struct schema_sub){c.root, SLICE("#")}, &spec);
    if (!b->err && (spec.choice_count > 0 || schema_has(spec.values) ||
                    !(schema_types(&spec) & SCHEMA_OBJECT) || spec.min_properties > 0 ||
                    spec.max_properties != GRAMMAR_MANY))
        schema_unsupported(&c, spec.path,
                           "parameters in tags are those of an object with properties alone");
    if (!b->err)
        grammar_define(b, rule, members_code(&c, tool, &spec));
    schema_make(&c);
    return rule;
}
