/* Any text can be scored, stripped and guessed at. */
#include <stdlib.h>

#include "router/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(16u << 20);
    struct slice text = slice_of((const char *)data, size);
    struct router_score score;

    if (!arena)
        return 0;
    text = router_strip_harness(text, arena);
    if (text.len > size || router_guess_language(text).len == 0)
        abort();
    router_score_text(NULL, text, &score);
    if (!(score.complexity >= 0 && score.complexity <= 1) || score.task >= ROUTER_TASK_COUNT)
        abort();
    arena_free(arena);
    return 0;
}
