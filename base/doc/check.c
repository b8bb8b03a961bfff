#include "base/doc/types.h"

/* The size that each kind's C value must have; 0: it depends. */
static const size_t sizes[DOC_KIND_COUNT] = {[DOC_KIND_STRING] = sizeof(struct slice),
                                             [DOC_KIND_INT] = sizeof(int64_t),
                                             [DOC_KIND_DOUBLE] = sizeof(double),
                                             [DOC_KIND_BOOL] = sizeof(bool),
                                             [DOC_KIND_DURATION] = sizeof(int64_t),
                                             [DOC_KIND_BYTES] = sizeof(int64_t),
                                             [DOC_KIND_ENUM] = sizeof(int),
                                             [DOC_KIND_LIST] = sizeof(struct doc_list),
                                             [DOC_KIND_MAP] = sizeof(struct doc_map),
                                             [DOC_KIND_POINTER] = sizeof(void *),
                                             [DOC_KIND_ANY] = sizeof(void *)};

struct checker {
    struct doc_errors *errors;
    struct arena *arena;
    const char *object; /* where we are */
    const char *field;
};

static void complain(struct checker *c, const char *problem)
{
    doc_errors_add(c->errors, NULL, "table of `%s`, key `%s`: %s", c->object, c->field, problem);
}

static void check_type(struct checker *c, const struct doc_type *type, int depth)
{
    if (depth > 32) {
        complain(c, "types nest in a circle without an OBJECT");
        return;
    }
    if (type->kind <= DOC_KIND_NONE || type->kind >= DOC_KIND_COUNT) {
        complain(c, "the type has no kind");
        return;
    }
    if (type->size == 0 || (sizes[type->kind] && sizes[type->kind] != type->size))
        complain(c, "the type's size is not that of its C value");
    bool holds =
        type->kind == DOC_KIND_LIST || type->kind == DOC_KIND_MAP || type->kind == DOC_KIND_POINTER;
    if (holds != (type->item != NULL))
        complain(c, "LIST, MAP and POINTER, and only they, have an item");
    if (type->item)
        check_type(c, type->item, depth + 1);
    if ((type->kind == DOC_KIND_ENUM) != (type->words != NULL))
        complain(c, "ENUM, and only it, has words");
    if (type->key && (type->key->kind != DOC_KIND_ENUM || type->kind != DOC_KIND_MAP))
        complain(c, "only a MAP has a type for keys, and it is an ENUM");
    if ((type->kind == DOC_KIND_CUSTOM) != (type->parse != NULL))
        complain(c, "CUSTOM, and only it, has a parse hook");
    bool fields = type->kind == DOC_KIND_OBJECT || type->kind == DOC_KIND_ONE_OF;
    if (fields != (type->fields != NULL))
        complain(c, "OBJECT and ONE_OF, and only they, have fields");
    if (type->kind != DOC_KIND_ONE_OF || !type->fields)
        return;
    for (const struct doc_field *f = type->fields; f->type; f++) {
        if (f->size != f->type->size || f->offset + f->size > type->size)
            complain(c, "a form does not have the size of its member");
        check_type(c, f->type, depth + 1);
    }
}

static void check_snippet(struct checker *c, const struct doc_field *field, const char *what,
                          const char *text)
{
    const struct doc_node *node;
    struct doc_errors found;
    struct base_error detail;
    doc_errors_init(&found);
    void *value = arena_calloc(c->arena, 1, field->type->size);
    enum base_err err = doc_parse_snippet(text, c->arena, &node, &detail);
    if (err || !value) {
        complain(c, what);
        return;
    }
    /* As a fallback, so that hooks that look at the world are left out. */
    struct doc_binder b = {.arena = c->arena, .errors = &found, .in_fallback = true};
    if (!doc_bind_value(&b, node, field->type, value))
        doc_errors_add(c->errors, NULL, "table of `%s`, key `%s`: %s: %s", c->object, c->field,
                       what, found.count ? found.items[0].message : "out of memory");
}

/* An embedded struct that may be absent must be complete without its keys. */
static bool can_be_absent(const struct doc_type *type, int depth)
{
    if (type->kind != DOC_KIND_OBJECT || depth > 32)
        return true;
    for (const struct doc_field *f = type->fields; f->type; f++)
        if (f->required || (!f->fallback && !can_be_absent(f->type, depth + 1)))
            return false;
    return true;
}

static void check_field(struct checker *c, const struct doc_type *object,
                        const struct doc_field *field)
{
    c->field = field->name ? field->name : "(none)";
    if (!field->name || !*field->name)
        complain(c, "the name is missing");
    if (!field->doc || !*field->doc)
        complain(c, "the doc line is missing");
    if (field->size != field->type->size || field->offset + field->size > object->size)
        complain(c, "the member does not have the size of its type");
    for (const struct doc_field *f = object->fields; f < field && field->name; f++)
        if (f->name && strcmp(f->name, field->name) == 0)
            complain(c, "the name occurs twice");
    if (field->required && field->fallback)
        complain(c, "a required key needs no fallback");
    if (!field->required && !field->fallback) {
        if (field->type->kind == DOC_KIND_ENUM && !field->given)
            complain(c, "an ENUM that is not required needs a fallback, or `given`");
        if (!can_be_absent(field->type, 0))
            complain(c, "it has required keys itself; make it required or a POINTER");
    }
    check_type(c, field->type, 0);
    if (field->fallback)
        check_snippet(c, field, "the fallback does not bind", field->fallback);
    if (field->example)
        check_snippet(c, field, "the example does not bind", field->example);
}

static void check_object(struct checker *c, const struct doc_type_list *list, size_t at)
{
    const struct doc_type *object = list->items[at];
    c->object = object->name ? object->name : "(unnamed)";
    c->field = "(all)";
    if (!object->name)
        complain(c, "an OBJECT needs a name");
    for (size_t i = 0; i < at && object->name; i++)
        if (list->items[i]->name && strcmp(list->items[i]->name, object->name) == 0)
            complain(c, "two types have this name");
    if (object->shorthand && !doc_field_find(object, slice_from_str(object->shorthand)))
        complain(c, "the shorthand names no field");
    size_t count = 0;
    for (const struct doc_field *f = object->fields; f->type; f++, count++)
        check_field(c, object, f);
    c->field = "(all)";
    if (count > DOC_FIELDS_MAX)
        complain(c, "more than 128 fields");
}

void doc_schema_check(const struct doc_type *type, struct doc_errors *errors)
{
    struct checker c = {.errors = errors, .arena = arena_new(16u << 20), .object = "the root"};
    c.field = "(none)";
    struct doc_type_list list;
    doc_types_collect(type, &list);
    if (!c.arena)
        complain(&c, "out of memory");
    else if (list.incomplete)
        complain(&c, "too many types, or a circle without an OBJECT");
    else
        check_type(&c, type, 0);
    for (size_t i = 0; i < list.count && c.arena && !list.incomplete; i++)
        check_object(&c, &list, i);
    arena_free(c.arena);
}
