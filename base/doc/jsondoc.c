#include "base/doc/build.h"
#include "base/json/json.h"

struct reader {
    struct doc_builder builder;
    const char *at, *end; /* the place below belongs to `at`; it only moves on */
    struct doc_place place;
};

/* The place of a run of the source; that of what came before when the run is a decoded copy. */
static struct doc_place advance(struct reader *r, const char *to)
{
    if ((uintptr_t)to < (uintptr_t)r->at || (uintptr_t)to >= (uintptr_t)r->end)
        return r->place;
    for (; r->at < to; r->at++) {
        if (*r->at == '\n')
            r->place = (struct doc_place){r->place.line + 1, 1};
        else
            r->place.column += ((unsigned char)*r->at & 0xc0) != 0x80;
    }
    return r->place;
}

static enum base_err add(struct reader *r, const struct json_node *node)
{
    static const struct {
        enum doc_node_type type;
        const char *text;
    } words[JSON_TYPE_COUNT] = {[JSON_NULL] = {DOC_NODE_NULL, ""},
                                [JSON_FALSE] = {DOC_NODE_SCALAR, "false"},
                                [JSON_TRUE] = {DOC_NODE_SCALAR, "true"},
                                [JSON_ARRAY] = {DOC_NODE_LIST, ""},
                                [JSON_OBJECT] = {DOC_NODE_MAP, ""}};
    bool string = node->type == JSON_STRING;
    struct doc_place at = advance(r, node->text.ptr - string); /* its quote */
    if (string || node->type == JSON_NUMBER)
        return doc_build_add(&r->builder, DOC_NODE_SCALAR, node->text, string, at);
    return doc_build_add(&r->builder, words[node->type].type,
                         slice_from_str(words[node->type].text), false, at);
}

/* Recursion is bounded by DOC_MAX_DEPTH, which json_parse() has checked. */
static enum base_err add_tree(struct reader *r, const struct json_node *node)
{
    enum base_err err = add(r, node);
    if (err || (node->type != JSON_ARRAY && node->type != JSON_OBJECT))
        return err;
    for (const struct json_node *m = json_first(node); m; m = json_next(m)) {
        if (node->type == JSON_OBJECT)
            err = doc_build_key(&r->builder, m->key, advance(r, m->key.ptr - 1));
        if (!err)
            err = add_tree(r, m);
        if (err)
            return err;
    }
    return doc_build_close(&r->builder);
}

enum base_err doc_parse_json(const char *file, struct slice text, struct arena *arena,
                             const struct doc_node **ret_root, struct base_error *reterr)
{
    static const struct json_limits limits = {DOC_MAX_BYTES, 1000000, DOC_MAX_DEPTH};
    const struct json_node *json;
    struct base_error detail;
    enum base_err err = json_parse(text, &limits, arena, &json, &detail);
    if (err)
        return base_error_set(reterr, err == BASE_ERR_BAD_JSON ? BASE_ERR_BAD_CONFIG : err,
                              "%s: %s", file, detail.message);
    char *name = arena_strdup(arena, slice_from_str(file));
    if (!name)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: out of memory", file);
    struct reader r = {.builder = {.file = name, .arena = arena, .reterr = reterr},
                       .at = text.ptr,
                       .end = text.ptr + text.len,
                       .place = {1, 1}};
    err = add_tree(&r, json);
    if (err)
        return err;
    *ret_root = r.builder.root;
    return BASE_OK;
}
