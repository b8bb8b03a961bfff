#include "base/doc/doc.h"

#include "base/json/json.h"

#include <stdlib.h>

const struct doc_node *doc_get(const struct doc_node *map, const char *key)
{
    if (!map || map->type != DOC_NODE_MAP)
        return NULL;
    for (const struct doc_node *m = map->first; m; m = m->next)
        if (slice_eq_str(m->key, key))
            return m;
    return NULL;
}

/* What a path calls a member: its key, in a list of maps their `name` or `id`. */
static struct slice member_name(const struct doc_node *parent, const struct doc_node *m)
{
    const struct doc_node *name = doc_get(m, "name");
    if (parent->type == DOC_NODE_MAP)
        return m->key;
    name = name ? name : doc_get(m, "id");
    return name && name->type == DOC_NODE_SCALAR ? name->text : SLICE_NONE;
}

/* The member that the path begins with, and *path moved behind it; NULL: there is none. */
static const struct doc_node *step_into(const struct doc_node *node, const char **path)
{
    const struct doc_node *best = NULL;
    const char *at = *path + (**path == '.'), *behind = *path;
    char *end = NULL;
    unsigned long index = **path == '[' ? strtoul(*path + 1, &end, 10) : 0;
    for (const struct doc_node *m = node->first; m; m = m->next) {
        struct slice name = end ? SLICE_NONE : member_name(node, m);
        if (end && *end == ']' && node->type == DOC_NODE_LIST && index-- == 0) {
            *path = end + 1;
            return m;
        }
        if (name.len > 0 && strncmp(at, name.ptr, name.len) == 0 &&
            strchr(".[:", at[name.len]) != NULL && at + name.len > behind) {
            best = m;
            behind = at + name.len;
        }
    }
    *path = behind;
    return best;
}

const struct doc_node *doc_find(const struct doc_node *root, const char *path)
{
    for (const struct doc_node *next = root; next && *path; root = next ? next : root)
        next = step_into(root, &path);
    return root;
}

static bool is_plain(const struct doc_node *node)
{
    return node && node->type == DOC_NODE_SCALAR && !node->quoted;
}

bool doc_to_bool(const struct doc_node *node, bool *ret)
{
    if (!is_plain(node))
        return false;
    bool value = slice_eq(node->text, SLICE("true"));
    if (!value && !slice_eq(node->text, SLICE("false")))
        return false;
    *ret = value;
    return true;
}

bool doc_to_double(const struct doc_node *node, double *ret)
{
    /* As long as base/json takes a number to be: more digits are a text. */
    return is_plain(node) && node->text.len <= 64 && slice_to_double(node->text, ret);
}

bool doc_to_i64(const struct doc_node *node, int64_t *ret)
{
    double ignored; /* its grammar refuses 007 */
    return doc_to_double(node, &ignored) && slice_to_i64(node->text, ret);
}

const char *doc_node_type_name(const struct doc_node *node)
{
    bool truth;
    double number;
    if (!node || node->type == DOC_NODE_NULL)
        return "nothing";
    if (node->type == DOC_NODE_LIST)
        return "a list";
    if (node->type == DOC_NODE_MAP)
        return "a map";
    if (doc_to_bool(node, &truth))
        return "true or false";
    return doc_to_double(node, &number) ? "a number" : "a string";
}

/* Recursion is bounded by DOC_MAX_DEPTH. */
static void put_node(struct json_writer *w, const struct doc_node *node)
{
    bool truth;
    double number;
    switch (node->type) {
    case DOC_NODE_LIST:
        json_open_array(w);
        for (const struct doc_node *m = node->first; m; m = m->next)
            put_node(w, m);
        json_close_array(w);
        break;
    case DOC_NODE_MAP:
        json_open_object(w);
        for (const struct doc_node *m = node->first; m; m = m->next) {
            json_key(w, m->key);
            put_node(w, m);
        }
        json_close_object(w);
        break;
    case DOC_NODE_SCALAR:
        if (doc_to_bool(node, &truth))
            json_put_bool(w, truth);
        else if (doc_to_double(node, &number))
            json_put_number_text(w, node->text);
        else
            json_put_string(w, node->text);
        break;
    default:
        json_put_null(w);
        break;
    }
}

void doc_write_json(struct buffer *out, const struct doc_node *node)
{
    struct json_writer w;
    json_writer_init(&w, out);
    if (node)
        put_node(&w, node);
    else
        json_put_null(&w);
}
