#include "base/doc/build.h"

#include <stdio.h>
#include <yaml.h>

struct reader {
    struct doc_builder builder;
    struct slice text;
    int documents;
};

static struct doc_place place_of(yaml_mark_t mark)
{
    return (struct doc_place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static struct doc_place place_of_byte(struct slice text, size_t offset)
{
    struct doc_place at = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n')
            at = (struct doc_place){at.line + 1, 1};
        else
            at.column += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return at;
}

/* The byte at a character's index, or 0 at the end. */
static char byte_at(struct slice text, size_t index)
{
    size_t at = 0;
    while (at < text.len && index-- > 0)
        at += slice_utf8_char(slice_sub(text, at, 4), NULL);
    return at < text.len ? text.ptr[at] : '\0';
}

/* The explanations of libyaml are constants: they never quote the text. */
static enum base_err fail_parse(struct reader *r, const yaml_parser_t *parser)
{
    struct doc_builder *b = &r->builder;
    if (parser->error == YAML_MEMORY_ERROR)
        return base_error_set(b->reterr, BASE_ERR_NO_MEMORY, "%s: out of memory", b->file);
    const char *problem = parser->problem ? parser->problem : "this is not YAML";
    if (parser->error == YAML_READER_ERROR)
        return doc_build_fail(b, place_of_byte(r->text, parser->problem_offset), problem);
    if (byte_at(r->text, parser->problem_mark.index) == '\t')
        problem = "a tab cannot stand here; indent with spaces";
    char message[240];
    (void)snprintf(message, sizeof(message), "%s%s%s", problem, parser->context ? ", " : "",
                   parser->context ? parser->context : "");
    return doc_build_fail(b, place_of(parser->problem_mark), message);
}

/* True when the next value would be the key of a map. */
static bool expects_key(const struct doc_builder *b)
{
    return b->depth > 0 && b->levels[b->depth - 1].node->type == DOC_NODE_MAP &&
           !b->levels[b->depth - 1].has_key;
}

static enum base_err on_key(struct doc_builder *b, struct slice text, bool plain,
                            struct doc_place at)
{
    if (plain && slice_eq(text, SLICE("<<")))
        return doc_build_fail(b, at, "merge keys (<<) are not allowed; write the keys out");
    if (plain && text.len == 0)
        return doc_build_fail(b, at, "a key is missing before ':'");
    return doc_build_key(b, text, at);
}

static enum base_err on_scalar(struct doc_builder *b, const yaml_event_t *event)
{
    struct doc_place at = place_of(event->start_mark);
    struct slice text = slice_of((const char *)event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (memchr(text.ptr, '\0', text.len))
        return doc_build_fail(b, at, "a NUL character is not allowed");
    if (expects_key(b))
        return on_key(b, text, plain, at);
    bool null =
        plain && (text.len == 0 || slice_eq(text, SLICE("~")) || slice_eq(text, SLICE("null")));
    return doc_build_add(b, null ? DOC_NODE_NULL : DOC_NODE_SCALAR, null ? SLICE("") : text, !plain,
                         at);
}

static enum base_err on_start(struct doc_builder *b, enum doc_node_type type,
                              const yaml_event_t *event)
{
    struct doc_place at = place_of(event->start_mark);
    if (expects_key(b))
        return doc_build_fail(b, at, "a key must be a simple text, not a list or a map");
    return doc_build_add(b, type, SLICE(""), false, at);
}

/* What YAML has beyond JSON, except for its looks. */
static const char *forbidden(const struct reader *r, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return "aliases (*name) are not allowed; write the value out";
    case YAML_DOCUMENT_START_EVENT:
        if (event->data.document_start.version_directive ||
            event->data.document_start.tag_directives.start !=
                event->data.document_start.tag_directives.end)
            return "directives (%YAML, %TAG) are not allowed";
        return r->documents > 0 ? "a file holds one document; this begins a second" : NULL;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor)
        return "anchors (&name) are not allowed";
    return tag ? "tags (!name) are not allowed" : NULL;
}

static enum base_err on_event(struct reader *r, const yaml_event_t *event)
{
    struct doc_builder *b = &r->builder;
    const char *problem = forbidden(r, event);
    if (problem)
        return doc_build_fail(b, place_of(event->start_mark), problem);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        r->documents++;
        return BASE_OK;
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, DOC_NODE_LIST, event);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, DOC_NODE_MAP, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return doc_build_close(b);
    default:
        return BASE_OK;
    }
}

static enum base_err read_events(struct reader *r, yaml_parser_t *parser)
{
    yaml_event_type_t type = YAML_NO_EVENT;
    while (type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail_parse(r, parser);
        type = event.type;
        enum base_err err = on_event(r, &event);
        yaml_event_delete(&event);
        if (err)
            return err;
    }
    if (!r->builder.root)
        return doc_build_add(&r->builder, DOC_NODE_NULL, SLICE(""), false,
                             (struct doc_place){1, 1});
    return BASE_OK;
}

static size_t first_bad_byte(struct slice text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = slice_utf8_char(slice_sub(text, at, 4), NULL);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

enum base_err doc_parse_yaml(const char *file, struct slice text, struct arena *arena,
                             const struct doc_node **ret_root, struct base_error *reterr)
{
    if (text.len > DOC_MAX_BYTES)
        return base_error_set(reterr, BASE_ERR_TOO_LARGE,
                              "%s: the file has %zu bytes; at most 1 MiB is allowed", file,
                              text.len);
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = slice_sub(text, 3, SIZE_MAX);
    char *name = arena_strdup(arena, slice_from_str(file));
    if (!name)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: out of memory", file);
    struct reader r = {.builder = {.file = name, .arena = arena, .reterr = reterr}, .text = text};
    size_t bad = first_bad_byte(text);
    if (bad < text.len)
        return doc_build_fail(&r.builder, place_of_byte(text, bad), "these bytes are not UTF-8");
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: out of memory", file);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""),
                                 text.len);
    enum base_err err = read_events(&r, &parser);
    yaml_parser_delete(&parser);
    if (err)
        return err;
    *ret_root = r.builder.root;
    return BASE_OK;
}
