#include "base/doc/build.h"

#include <stdlib.h>

enum { PAIRWISE_MAX = 16 };

enum base_err doc_build_fail(struct doc_builder *b, struct doc_place at, const char *message)
{
    return base_error_set(b->reterr, BASE_ERR_BAD_CONFIG, "%s:%u:%u: %s", b->file, at.line,
                          at.column, message);
}

static enum base_err no_memory(struct doc_builder *b)
{
    return base_error_set(b->reterr, BASE_ERR_NO_MEMORY, "%s: out of memory", b->file);
}

static void append(struct doc_builder *b, struct doc_node *node)
{
    if (b->depth == 0) {
        b->root = node;
        return;
    }
    struct doc_level *level = &b->levels[b->depth - 1];
    if (level->node->type == DOC_NODE_MAP) {
        node->key = level->key;
        node->key_line = level->key_at.line;
        node->key_column = level->key_at.column;
        level->has_key = false;
    }
    if (level->last)
        level->last->next = node;
    else
        level->node->first = node;
    level->last = node;
    level->node->count++;
}

enum base_err doc_build_add(struct doc_builder *b, enum doc_node_type type, struct slice text,
                            bool quoted, struct doc_place at)
{
    struct doc_node *node = arena_calloc(b->arena, 1, sizeof(*node));
    struct slice copy = text.len ? arena_dup(b->arena, text) : SLICE("");
    if (!node || slice_is_absent(copy))
        return no_memory(b);
    *node = (struct doc_node){.type = type,
                              .quoted = quoted,
                              .line = at.line,
                              .column = at.column,
                              .file = b->file,
                              .text = copy};
    append(b, node);
    if (type == DOC_NODE_LIST || type == DOC_NODE_MAP) {
        if (b->depth == DOC_MAX_DEPTH)
            return doc_build_fail(b, at, "lists and maps are nested more than 32 deep");
        b->levels[b->depth++] = (struct doc_level){.node = node};
    }
    return BASE_OK;
}

static enum base_err fail_twice(struct doc_builder *b, struct slice key, struct doc_place at)
{
    return base_error_set(b->reterr, BASE_ERR_BAD_CONFIG,
                          "%s:%u:%u: the key `%.*s` stands here for the second time", b->file,
                          at.line, at.column, SLICE_ARG(slice_sub(key, 0, 64)));
}

enum base_err doc_build_key(struct doc_builder *b, struct slice key, struct doc_place at)
{
    struct doc_level *level = &b->levels[b->depth - 1];
    if (level->node->count < PAIRWISE_MAX) /* larger maps are checked when they close */
        for (const struct doc_node *m = level->node->first; m; m = m->next)
            if (slice_eq(m->key, key))
                return fail_twice(b, key, at);
    level->key = key.len ? arena_dup(b->arena, key) : SLICE("");
    if (slice_is_absent(level->key))
        return no_memory(b);
    level->key_at = at;
    level->has_key = true;
    return BASE_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const struct doc_node *x = *(const struct doc_node *const *)a;
    const struct doc_node *y = *(const struct doc_node *const *)b;
    int order = slice_cmp(x->key, y->key);
    if (order != 0)
        return order;
    if (x->key_line != y->key_line)
        return x->key_line < y->key_line ? -1 : 1;
    return (x->key_column > y->key_column) - (x->key_column < y->key_column);
}

enum base_err doc_build_close(struct doc_builder *b)
{
    const struct doc_node *map = b->levels[--b->depth].node;
    if (map->type != DOC_NODE_MAP || map->count <= PAIRWISE_MAX)
        return BASE_OK;
    const struct doc_node **sorted = calloc(map->count, sizeof(*sorted));
    if (!sorted)
        return no_memory(b);
    size_t count = 0;
    for (const struct doc_node *m = map->first; m; m = m->next)
        sorted[count++] = m;
    qsort(sorted, count, sizeof(*sorted), compare_keys);
    enum base_err err = BASE_OK;
    for (size_t i = 1; i < count && !err; i++)
        if (slice_eq(sorted[i - 1]->key, sorted[i]->key))
            err = fail_twice(b, sorted[i]->key,
                             (struct doc_place){sorted[i]->key_line, sorted[i]->key_column});
    free(sorted);
    return err;
}
