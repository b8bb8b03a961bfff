#include "base/json/index.h"
#include "base/json/json.h"

const struct json_node *json_get(const struct json_node *object, struct slice key)
{
    if (!json_is(object, JSON_OBJECT))
        return NULL;
    if (object->index)
        return json_index_get(object->index, key);
    for (const struct json_node *m = object->first; m; m = m->next)
        if (slice_eq(m->key, key))
            return m;
    return NULL;
}

const struct json_node *json_at(const struct json_node *array, size_t index)
{
    if (!json_is(array, JSON_ARRAY) || index >= array->count)
        return NULL;
    const struct json_node *node = array->first;
    while (index-- > 0)
        node = node->next;
    return node;
}

bool json_to_i64(const struct json_node *node, int64_t *ret)
{
    return json_is(node, JSON_NUMBER) && slice_to_i64(node->text, ret);
}

bool json_to_double(const struct json_node *node, double *ret)
{
    return json_is(node, JSON_NUMBER) && slice_to_double(node->text, ret);
}

bool json_to_bool(const struct json_node *node, bool *ret)
{
    if (!json_is(node, JSON_TRUE) && !json_is(node, JSON_FALSE))
        return false;
    *ret = node->type == JSON_TRUE;
    return true;
}

const char *json_type_name(const struct json_node *node)
{
    static const char *const names[JSON_TYPE_COUNT] = {
        [JSON_NULL] = "null",       [JSON_FALSE] = "false",     [JSON_TRUE] = "true",
        [JSON_NUMBER] = "a number", [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object"};
    return node ? names[node->type] : "nothing";
}
