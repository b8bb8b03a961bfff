/* What json_parse() accepts is written, read again and written again: both texts must be equal. */
#include "base/json/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_node *read_and_write(struct slice text, struct arena *arena,
                                              struct buffer *out)
{
    const struct json_node *root = NULL;
    struct base_error error;
    if (json_parse(text, &json_limits_request, arena, &root, &error) != BASE_OK)
        return NULL;
    struct json_writer w;
    json_writer_init(&w, out);
    json_put_node(&w, root);
    return root;
}

/* Every member of an object is found under its name. */
static void check_lookup(const struct json_node *node)
{
    for (const struct json_node *m = json_first(node); m; m = json_next(m)) {
        if (node->type == JSON_OBJECT && json_get(node, m->key) != m)
            abort();
        check_lookup(m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(64u << 20);
    struct buffer once, twice;
    buffer_init(&once, 64u << 20);
    buffer_init(&twice, 64u << 20);
    const struct json_node *root =
        arena ? read_and_write(slice_of((const char *)data, size), arena, &once) : NULL;
    if (root) {
        check_lookup(root);
        if (!read_and_write(buffer_slice(&once), arena, &twice) ||
            !slice_eq(buffer_slice(&once), buffer_slice(&twice)))
            abort();
    }
    buffer_done(&once);
    buffer_done(&twice);
    arena_free(arena);
    return 0;
}
