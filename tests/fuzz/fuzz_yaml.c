/* What doc_parse_yaml() accepts is written as JSON and read again: both trees must say the same. */
#include "base/doc/doc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(256u << 20);
    const struct doc_node *root = NULL, *again = NULL;
    struct buffer once, twice;
    struct base_error error;
    buffer_init(&once, DOC_MAX_BYTES);
    buffer_init(&twice, DOC_MAX_BYTES);
    if (arena && doc_parse_yaml("fuzz", slice_of((const char *)data, size), arena, &root,
                                &error) == BASE_OK) {
        doc_write_json(&once, root);
        /* A control character's escape is longer than itself: the text may not fit any more. */
        if (!once.err) {
            if (doc_parse_json("again", buffer_slice(&once), arena, &again, &error) != BASE_OK)
                abort();
            doc_write_json(&twice, again);
            if (!slice_eq(buffer_slice(&once), buffer_slice(&twice)))
                abort();
        }
    }
    buffer_done(&once);
    buffer_done(&twice);
    arena_free(arena);
    return 0;
}
