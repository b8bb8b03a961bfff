/* What doc_parse_yaml() accepts is written as JSON and read again: both trees must say the same,
 * and bind alike. */
#include "base/doc/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A recursive type with one member of each kind. */
struct thing {
    struct slice text;
    double number;
    int64_t when, size;
    bool truth;
    int word;
    const struct thing *inner;
    DOC_LIST_OF(struct thing) list;
    DOC_MAP_OF(struct slice) map;
    struct either {
        int form;
        int64_t count;
        struct slice text;
    } either;
};
static const struct doc_type thing_type;
static const struct doc_word words[] = {{"one", 1, NULL}, {"two", 2, NULL}, {0}};
static const struct doc_type word_type = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .words = words};
static const struct doc_type inner_type = {
    .kind = DOC_KIND_POINTER, .size = sizeof(void *), .item = &thing_type};
static const struct doc_type list_type = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &thing_type, .single = true};
static const struct doc_type map_type = {
    .kind = DOC_KIND_MAP, .size = sizeof(struct doc_map), .item = &doc_type_string};
static const struct doc_field forms[] = {DOC_FORM(struct either, count, doc_type_count),
                                         DOC_FORM(struct either, text, doc_type_name),
                                         {0}};
static const struct doc_type either_type = {.kind = DOC_KIND_ONE_OF,
                                            .size = sizeof(struct either),
                                            .fields = forms,
                                            .tag = DOC_AT(struct either, form)};
static const struct doc_field fields[] = {
    DOC_FIELD(struct thing, text, "text", doc_type_string, .doc = "d"),
    DOC_FIELD(struct thing, number, "number", doc_type_ratio, .doc = "d"),
    DOC_FIELD(struct thing, when, "when", doc_type_duration, .fallback = "5s", .doc = "d"),
    DOC_FIELD(struct thing, size, "size", doc_type_bytes, .fallback = "1G", .doc = "d"),
    DOC_FIELD(struct thing, truth, "truth", doc_type_bool, .doc = "d"),
    DOC_FIELD(struct thing, word, "word", word_type, .fallback = "one", .doc = "d"),
    DOC_FIELD(struct thing, inner, "inner", inner_type, .doc = "d"),
    DOC_FIELD(struct thing, list, "list", list_type, .doc = "d"),
    DOC_FIELD(struct thing, map, "map", map_type, .doc = "d"),
    DOC_FIELD(struct thing, either, "either", either_type, .doc = "d"),
    {0}};
static const struct doc_type thing_type = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct thing),
                                           .name = "thing",
                                           .fields = fields,
                                           .shorthand = "text"};

static size_t bind(const struct doc_node *root, struct arena *arena)
{
    struct thing thing;
    struct doc_errors errors;
    doc_errors_init(&errors);
    if ((doc_bind(root, &thing_type, arena, NULL, &thing, &errors) == BASE_OK) !=
        (errors.total == 0))
        abort();
    return errors.total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(256u << 20);
    const struct doc_node *root = NULL, *again = NULL;
    struct buffer once, twice;
    struct base_error error;
    buffer_init(&once, DOC_MAX_BYTES);
    buffer_init(&twice, DOC_MAX_BYTES);
    if (arena && doc_parse_yaml("fuzz", slice_of((const char *)data, size), arena, &root, &error) ==
                     BASE_OK) {
        doc_write_json(&once, root);
        /* A control character's escape is longer than itself: the text may not fit any more. */
        if (!once.err) {
            if (doc_parse_json("again", buffer_slice(&once), arena, &again, &error) != BASE_OK)
                abort();
            doc_write_json(&twice, again);
            if (!slice_eq(buffer_slice(&once), buffer_slice(&twice)) ||
                bind(root, arena) != bind(again, arena))
                abort();
        }
    }
    buffer_done(&once);
    buffer_done(&twice);
    arena_free(arena);
    return 0;
}
