/* Server-sent events: however the input is cut into pieces, the events are the same. The first two
 * bytes choose the pieces. */
#include "upstreams/sse.h"

#include <assert.h>
#include <stdlib.h>

enum { EVENT_MAX = 512, LOG_MAX = 8 * 1024 * 1024 };

static enum base_err replay_pieces(struct slice input, size_t first, size_t step,
                                   struct buffer *log)
{
    struct sse_reader sse;
    struct sse_event event;
    enum base_err err = BASE_ERR_AGAIN;
    size_t len = first;
    sse_init(&sse, EVENT_MAX);
    while (input.len > 0 && err == BASE_ERR_AGAIN) {
        struct slice bytes = slice_sub(input, 0, len);
        input = slice_sub(input, len, SIZE_MAX);
        len = step;
        while ((err = sse_next(&sse, &bytes, &event)) == BASE_OK) {
            assert(event.data.len <= EVENT_MAX && event.type.len <= EVENT_MAX);
            (void)buffer_addf(log, "%zu %zu ", event.type.len, event.data.len);
            (void)buffer_add_slice(log, event.type);
            (void)buffer_add_slice(log, event.data);
        }
    }
    if (err == BASE_ERR_AGAIN && sse_finish(&sse, &event)) {
        (void)buffer_addf(log, "end %zu ", event.data.len);
        (void)buffer_add_slice(log, event.data);
    }
    sse_done(&sse);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 65536)
        return 0;
    struct slice input = slice_of((const char *)data + 2, size - 2);
    struct buffer whole, pieces;
    buffer_init(&whole, LOG_MAX);
    buffer_init(&pieces, LOG_MAX);
    enum base_err a = replay_pieces(input, SIZE_MAX, SIZE_MAX, &whole);
    enum base_err b = replay_pieces(input, data[0] + 1u, data[1] % 64 + 1u, &pieces);
    if (a != b || !slice_eq(buffer_slice(&whole), buffer_slice(&pieces)))
        abort();
    buffer_done(&whole);
    buffer_done(&pieces);
    return 0;
}
