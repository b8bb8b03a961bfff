/* The hash index of a large object; private to base/json. */
#ifndef BASE_JSON_INDEX_H
#define BASE_JSON_INDEX_H

#include "base/json/json.h"

/* The key of the hash. Random, so that nobody can prepare names that collide. */
struct json_seed {
    uint64_t key[2];
    bool ready; /* drawn on first use: most texts have no large object */
};

/* Indexes the members of `object`. *ret_twin: a member whose name stood before, or NULL.
 * Fails with NO_MEMORY only. */
enum base_err json_index_new(const struct json_node *object, struct json_seed *seed,
                             struct arena *arena, const struct json_index **ret_index,
                             const struct json_node **ret_twin);

const struct json_node *json_index_get(const struct json_index *index, struct slice key);

#endif
