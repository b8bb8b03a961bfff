/* A JSON Schema from outside: made into a grammar, then a way through it is taken. */
#include <stdint.h>

#include "tests/fuzz/wander.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine_grammar *grammar;
    struct base_error detail;
    if (size > 4096 || engine_grammar_from_schema(slice_of((const char *)data, size), &grammar,
                                                  &detail) != BASE_OK)
        return 0;
    wander(grammar);
    engine_grammar_unref(grammar);
    return 0;
}
