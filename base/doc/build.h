/* Building a tree node by node, with the rules that YAML and JSON share; private to base/doc. */
#ifndef BASE_DOC_BUILD_H
#define BASE_DOC_BUILD_H

#include "base/doc/doc.h"

struct doc_place {
    uint32_t line, column; /* from 1 */
};

struct doc_builder {
    const char *file;
    struct arena *arena;
    struct base_error *reterr;
    struct doc_node *root;
    struct doc_level {
        struct doc_node *node, *last;
        bool has_key; /* MAP: the next value belongs to `key` */
        struct slice key;
        struct doc_place key_at;
    } levels[DOC_MAX_DEPTH];
    uint32_t depth;
};

/* "FILE:LINE:COLUMN: message" as BAD_CONFIG. */
enum base_err doc_build_fail(struct doc_builder *b, struct doc_place at, const char *message);

/* Adds a value where the last one left off. LIST and MAP are then open until doc_build_close(). */
enum base_err doc_build_add(struct doc_builder *b, enum doc_node_type type, struct slice text,
                            bool quoted, struct doc_place at);
/* The key of the next value; the innermost open node is a MAP without a pending key. */
enum base_err doc_build_key(struct doc_builder *b, struct slice key, struct doc_place at);
enum base_err doc_build_close(struct doc_builder *b);

#endif
