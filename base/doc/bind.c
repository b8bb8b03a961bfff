#include "base/doc/types.h"

#include <stdarg.h>
#include <stdio.h>

/* Recursion in this file is bounded: by the depth of the document where a value is read, and where
 * fallbacks are filled in by the nesting of embedded structs, which cannot be circular. */

enum { SUGGEST_MAX = 4 * DOC_ERRORS_MAX }; /* problems after which names are no longer guessed */

static const struct doc_node empty_map = {.type = DOC_NODE_MAP};

bool doc_fail(struct doc_binder *b, const struct doc_node *node, const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    doc_errors_add(b->errors, node, "%.*s%s%s", (int)b->path_len, b->path, b->path_len ? ": " : "",
                   text);
    return false;
}

static bool no_memory(struct doc_binder *b)
{
    b->no_memory = true;
    return false;
}

/* Returns what path_pop() needs. A path too long for a message is cut. */
static size_t path_push(struct doc_binder *b, struct slice key)
{
    size_t before = b->path_len;
    int len = snprintf(b->path + before, sizeof(b->path) - before, "%s%.*s", before ? "." : "",
                       SLICE_ARG(slice_sub(key, 0, 64)));
    size_t room = sizeof(b->path) - 1 - before;
    b->path_len += (size_t)len < room ? (size_t)len : room;
    return before;
}

static size_t path_push_index(struct doc_binder *b, size_t index)
{
    size_t before = b->path_len;
    int len = snprintf(b->path + before, sizeof(b->path) - before, "[%zu]", index);
    size_t room = sizeof(b->path) - 1 - before;
    b->path_len += (size_t)len < room ? (size_t)len : room;
    return before;
}

static void path_pop(struct doc_binder *b, size_t before)
{
    b->path_len = before;
    b->path[before] = '\0';
}

static bool fail_type(struct doc_binder *b, const struct doc_node *node,
                      const struct doc_type *type)
{
    struct buffer text;
    buffer_init(&text, 220);
    doc_type_describe(type, &text);
    bool cut = text.err == BASE_ERR_LIMIT;
    const char *hint = "";
    double number;
    struct doc_node bare = *node;
    bare.quoted = false;
    if (type->kind == DOC_KIND_STRING && node->type == DOC_NODE_SCALAR)
        hint = "; put it in quotes";
    else if (node->type == DOC_NODE_SCALAR && node->quoted &&
             (type->kind == DOC_KIND_INT || type->kind == DOC_KIND_DOUBLE) &&
             doc_to_double(&bare, &number))
        hint = "; remove the quotes";
    else if (node->type == DOC_NODE_NULL)
        hint = "; give the key a value or remove it";
    doc_fail(b, node, "expected %.*s%s, found %s%s", SLICE_ARG(buffer_slice(&text)),
             cut ? "..." : "", doc_node_type_name(node), hint);
    buffer_done(&text);
    return false;
}

static bool in_range(const struct doc_type *type, double value)
{
    return !(type->min < type->max) || (value >= type->min && value <= type->max);
}

static bool fail_range(struct doc_binder *b, const struct doc_node *node,
                       const struct doc_type *type)
{
    struct buffer text;
    buffer_init(&text, 220);
    doc_type_describe(type, &text);
    doc_fail(b, node, "expected %.*s", SLICE_ARG(buffer_slice(&text)));
    buffer_done(&text);
    return false;
}

/* "; did you mean `x`?" or nothing. */
static void suggest(struct doc_binder *b, struct slice name, const struct doc_type *type, char *out,
                    size_t size)
{
    struct slice names[DOC_FIELDS_MAX];
    size_t count = 0;
    out[0] = '\0';
    if (b->errors->total > SUGGEST_MAX)
        return;
    if (type->kind == DOC_KIND_ENUM)
        for (const struct doc_word *w = type->words; w->name && count < DOC_FIELDS_MAX; w++)
            names[count++] = slice_from_str(w->name);
    else
        for (const struct doc_field *f = type->fields; f->type && count < DOC_FIELDS_MAX; f++)
            names[count++] = slice_from_str(f->name);
    struct slice best = doc_nearest(name, names, count);
    if (!slice_is_absent(best))
        (void)snprintf(out, size, "; did you mean `%.*s`?", SLICE_ARG(best));
}

static bool bind_string(struct doc_binder *b, const struct doc_node *node,
                        const struct doc_type *type, void *out)
{
    if (!doc_type_has_shape(type, node))
        return fail_type(b, node, type);
    if (!in_range(type, (double)node->text.len))
        return fail_range(b, node, type);
    memcpy(out, &node->text, sizeof(node->text));
    return true;
}

static bool bind_int(struct doc_binder *b, const struct doc_node *node, const struct doc_type *type,
                     void *out)
{
    int64_t value;
    if (!doc_to_i64(node, &value))
        return fail_type(b, node, type);
    if (!in_range(type, (double)value))
        return fail_range(b, node, type);
    memcpy(out, &value, sizeof(value));
    return true;
}

static bool bind_double(struct doc_binder *b, const struct doc_node *node,
                        const struct doc_type *type, void *out)
{
    double value;
    if (!doc_to_double(node, &value))
        return fail_type(b, node, type);
    if (!in_range(type, value))
        return fail_range(b, node, type);
    memcpy(out, &value, sizeof(value));
    return true;
}

static bool bind_bool(struct doc_binder *b, const struct doc_node *node,
                      const struct doc_type *type, void *out)
{
    bool value;
    if (!doc_to_bool(node, &value))
        return fail_type(b, node, type);
    memcpy(out, &value, sizeof(value));
    return true;
}

static bool bind_amount(struct doc_binder *b, const struct doc_node *node,
                        const struct doc_type *type, void *out)
{
    int64_t value = 0;
    bool ok = node->type == DOC_NODE_SCALAR &&
              (type->kind == DOC_KIND_DURATION ? doc_read_duration(node->text, &value)
                                               : doc_read_bytes(node->text, &value));
    if (!ok)
        return fail_type(b, node, type);
    if (!in_range(type, (double)value))
        return fail_range(b, node, type);
    memcpy(out, &value, sizeof(value));
    return true;
}

static bool bind_enum(struct doc_binder *b, const struct doc_node *node,
                      const struct doc_type *type, void *out)
{
    if (node->type != DOC_NODE_SCALAR)
        return fail_type(b, node, type);
    const struct doc_word *word = doc_word_find(type->words, node->text);
    if (word) {
        memcpy(out, &word->value, sizeof(word->value));
        return true;
    }
    char hint[100];
    struct buffer text;
    buffer_init(&text, 200);
    doc_type_describe(type, &text);
    bool cut = text.err == BASE_ERR_LIMIT;
    suggest(b, node->text, type, hint, sizeof(hint));
    doc_fail(b, node, "expected %.*s%s%s", SLICE_ARG(buffer_slice(&text)), cut ? "..." : "", hint);
    buffer_done(&text);
    return false;
}

static bool bind_list(struct doc_binder *b, const struct doc_node *node,
                      const struct doc_type *type, void *out)
{
    bool lone = node->type != DOC_NODE_LIST;
    if (lone && (!type->single || node->type == DOC_NODE_NULL))
        return fail_type(b, node, type);
    size_t count = lone ? 1 : node->count;
    if (!in_range(type, (double)count))
        return fail_range(b, node, type);
    char *items = arena_calloc(b->arena, count, type->item->size);
    if (!items)
        return no_memory(b);
    bool ok = true;
    const struct doc_node *m = lone ? node : node->first;
    for (size_t i = 0; i < count; i++, m = m->next) {
        size_t before = lone ? b->path_len : path_push_index(b, i);
        ok = doc_bind_value(b, m, type->item, items + i * type->item->size) && ok;
        path_pop(b, before);
    }
    struct doc_list list = {items, count};
    memcpy(out, &list, sizeof(list));
    return ok;
}

static bool check_map_key(struct doc_binder *b, const struct doc_node *member,
                          const struct doc_type *type)
{
    if (!type->key || doc_word_find(type->key->words, member->key))
        return true;
    char hint[100];
    suggest(b, member->key, type->key, hint, sizeof(hint));
    doc_errors_add_key(b->errors, member, "unknown key `%.*s`%s%.*s%s",
                       SLICE_ARG(slice_sub(member->key, 0, 64)), b->path_len ? " in " : "",
                       (int)b->path_len, b->path, hint);
    return false;
}

static bool bind_map(struct doc_binder *b, const struct doc_node *node, const struct doc_type *type,
                     void *out)
{
    if (node->type != DOC_NODE_MAP)
        return fail_type(b, node, type);
    if (!in_range(type, (double)node->count))
        return fail_range(b, node, type);
    struct slice *keys = arena_calloc(b->arena, node->count, sizeof(*keys));
    char *values = arena_calloc(b->arena, node->count, type->item->size);
    if (!keys || !values)
        return no_memory(b);
    bool ok = true;
    size_t i = 0;
    for (const struct doc_node *m = node->first; m; m = m->next, i++) {
        keys[i] = m->key;
        ok = check_map_key(b, m, type) && ok;
        size_t before = path_push(b, m->key);
        ok = doc_bind_value(b, m, type->item, values + i * type->item->size) && ok;
        path_pop(b, before);
    }
    struct doc_map map = {keys, values, node->count};
    memcpy(out, &map, sizeof(map));
    return ok;
}

static bool bind_pointer(struct doc_binder *b, const struct doc_node *node,
                         const struct doc_type *type, void *out)
{
    void *item = arena_calloc(b->arena, 1, type->item->size);
    if (!item)
        return no_memory(b);
    if (!doc_bind_value(b, node, type->item, item))
        return false;
    memcpy(out, &item, sizeof(item));
    return true;
}

static void set_tag(const struct doc_type *type, void *out, int form)
{
    if (type->tag)
        memcpy((char *)out + type->tag - 1, &form, sizeof(form));
}

static bool bind_one_of(struct doc_binder *b, const struct doc_node *node,
                        const struct doc_type *type, void *out)
{
    const struct doc_field *form = NULL;
    for (const struct doc_field *f = type->fields; f->type && !form; f++)
        if (doc_type_fits(f->type, node))
            form = f;
    for (const struct doc_field *f = type->fields; f->type && !form; f++)
        if (doc_type_has_shape(f->type, node)) /* for the better explanation */
            form = f;
    if (!form)
        return fail_type(b, node, type);
    set_tag(type, out, (int)(form - type->fields));
    return doc_bind_value(b, node, form->type, (char *)out + form->offset);
}

/* What a member holds whose key is absent. */
static bool bind_fallback(struct doc_binder *b, const struct doc_field *field, void *out)
{
    const struct doc_type *type = field->type;
    const struct doc_node *node = NULL;
    if (field->fallback) {
        struct base_error detail;
        enum base_err err = doc_parse_snippet(field->fallback, b->arena, &node, &detail);
        if (err == BASE_ERR_NO_MEMORY)
            return no_memory(b);
        if (err)
            return doc_fail(b, NULL, "the fallback of `%s`: %s", field->name, detail.message);
    } else if (type->kind == DOC_KIND_OBJECT) {
        node = &empty_map;
    }
    if (!node) {
        if (type->kind == DOC_KIND_ONE_OF)
            set_tag(type, out, -1);
        return true;
    }
    bool before = b->in_fallback;
    b->in_fallback = true;
    bool ok = doc_bind_value(b, node, type, out);
    b->in_fallback = before;
    return ok;
}

static bool fail_unknown(struct doc_binder *b, const struct doc_node *member,
                         const struct doc_type *type)
{
    char hint[100];
    suggest(b, member->key, type, hint, sizeof(hint));
    doc_errors_add_key(b->errors, member, "unknown key `%.*s`%s%.*s%s",
                       SLICE_ARG(slice_sub(member->key, 0, 64)), b->path_len ? " in " : "",
                       (int)b->path_len, b->path, hint);
    return false;
}

static bool bind_member(struct doc_binder *b, const struct doc_node *node,
                        const struct doc_field *field, void *out)
{
    if (field->given) {
        bool given = !b->in_fallback;
        memcpy((char *)out + field->given - 1, &given, sizeof(given));
    }
    return doc_bind_value(b, node, field->type, (char *)out + field->offset);
}

/* The keys that are there; `seen` is set for each. */
static bool bind_members(struct doc_binder *b, const struct doc_node *node,
                         const struct doc_type *type, void *out, bool *seen)
{
    if (node->type != DOC_NODE_MAP) {
        const struct doc_field *field = doc_field_find(type, slice_from_str(type->shorthand));
        seen[field - type->fields] = true;
        return bind_member(b, node, field, out);
    }
    bool ok = true;
    for (const struct doc_node *m = node->first; m; m = m->next) {
        const struct doc_field *field = doc_field_find(type, m->key);
        if (!field) {
            ok = fail_unknown(b, m, type);
            continue;
        }
        seen[field - type->fields] = true;
        size_t before = path_push(b, m->key);
        ok = bind_member(b, m, field, out) && ok;
        path_pop(b, before);
    }
    return ok;
}

static bool bind_object(struct doc_binder *b, const struct doc_node *node,
                        const struct doc_type *type, void *out)
{
    bool seen[DOC_FIELDS_MAX] = {false};
    if (node->type != DOC_NODE_MAP && (!type->shorthand || node->type == DOC_NODE_NULL))
        return fail_type(b, node, type);
    if (type->where)
        memcpy((char *)out + type->where - 1, &node, sizeof(const struct doc_node *));
    bool ok = bind_members(b, node, type, out, seen);
    for (const struct doc_field *f = type->fields; f->type; f++) {
        if (seen[f - type->fields])
            continue;
        if (f->required)
            ok = doc_fail(b, node, "the key `%s` is missing", f->name);
        else
            ok = bind_fallback(b, f, (char *)out + f->offset) && ok;
    }
    return ok;
}

static bool bind_any(struct doc_binder *b, const struct doc_node *node, const struct doc_type *type,
                     void *out)
{
    (void)b;
    (void)type;
    memcpy(out, &node, sizeof(const struct doc_node *));
    return true;
}

static bool bind_custom(struct doc_binder *b, const struct doc_node *node,
                        const struct doc_type *type, void *out)
{
    return type->parse(b, node, out);
}

bool doc_bind_value(struct doc_binder *b, const struct doc_node *node, const struct doc_type *type,
                    void *out)
{
    static bool (*const binders[DOC_KIND_COUNT])(struct doc_binder *, const struct doc_node *,
                                                 const struct doc_type *, void *) = {
        [DOC_KIND_STRING] = bind_string,   [DOC_KIND_INT] = bind_int,
        [DOC_KIND_DOUBLE] = bind_double,   [DOC_KIND_BOOL] = bind_bool,
        [DOC_KIND_DURATION] = bind_amount, [DOC_KIND_BYTES] = bind_amount,
        [DOC_KIND_ENUM] = bind_enum,       [DOC_KIND_LIST] = bind_list,
        [DOC_KIND_MAP] = bind_map,         [DOC_KIND_OBJECT] = bind_object,
        [DOC_KIND_POINTER] = bind_pointer, [DOC_KIND_ONE_OF] = bind_one_of,
        [DOC_KIND_ANY] = bind_any,         [DOC_KIND_CUSTOM] = bind_custom};
    if (!binders[type->kind](b, node, type, out))
        return false;
    return !type->check || b->in_fallback || type->check(b, node, out);
}

enum base_err doc_bind(const struct doc_node *root, const struct doc_type *type,
                       struct arena *arena, void *user, void *out, struct doc_errors *errors)
{
    struct doc_binder b = {.arena = arena, .errors = errors, .user = user};
    struct doc_node empty = empty_map;
    if (root) {
        empty.file = root->file;
        empty.line = root->line;
        empty.column = root->column;
    }
    void *value = arena_calloc(arena, 1, type->size);
    struct doc_node *kept = arena_alloc(arena, sizeof(empty)); /* `where` may point to it */
    if (!value || !kept)
        return BASE_ERR_NO_MEMORY;
    *kept = empty;
    bool ok = doc_bind_value(&b, root && root->type != DOC_NODE_NULL ? root : kept, type, value);
    if (b.no_memory)
        return BASE_ERR_NO_MEMORY;
    if (!ok)
        return BASE_ERR_BAD_CONFIG;
    memcpy(out, value, type->size);
    return BASE_OK;
}
