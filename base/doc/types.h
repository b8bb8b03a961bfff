/* What the binder and the printers share; private to base/doc. */
#ifndef BASE_DOC_TYPES_H
#define BASE_DOC_TYPES_H

#include "base/doc/schema.h"

enum { DOC_FIELDS_MAX = 128, DOC_TYPES_MAX = 256 };

/* "an integer from 1 to 10": for messages. */
void doc_type_describe(const struct doc_type *type, struct buffer *out);

/* Writes the name of an OBJECT as a link can hold it: "engine model" becomes engine-model. */
void doc_type_put_slug(const struct doc_type *type, struct buffer *out);

bool doc_read_duration(struct slice text, int64_t *ret_ms);
bool doc_read_bytes(struct slice text, int64_t *ret_bytes);
const struct doc_word *doc_word_find(const struct doc_word *words, struct slice name);
const struct doc_field *doc_field_find(const struct doc_type *object, struct slice name);
/* True when `node` has the form of the type; its inner values may still be wrong. */
bool doc_type_fits(const struct doc_type *type, const struct doc_node *node);
/* The same, but for the keys of maps and the spelling of words. */
bool doc_type_has_shape(const struct doc_type *type, const struct doc_node *node);

/* A node for the YAML text of a fallback or an example. */
enum base_err doc_parse_snippet(const char *text, struct arena *arena, const struct doc_node **ret,
                                struct base_error *reterr);

/* Every OBJECT type that can be reached, each once, in the order of first use. */
struct doc_type_list {
    const struct doc_type *items[DOC_TYPES_MAX];
    size_t count;
    bool incomplete; /* too many, or a circle without an OBJECT in it */
};
void doc_types_collect(const struct doc_type *type, struct doc_type_list *list);

#endif
