/* The HTTP request parser: any cut of the input gives the same events. The first byte chooses the
 * cut (and a small body limit, so that it is reached). */
#include "tests/unit/gateway/http_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t len = size - 1, piece = 1 + data[0] % 61;
    if (len > 4096 && piece < 16)
        piece += 16; /* keeps long inputs quick */
    uint64_t limit = data[0] & 0x80 ? 40 : 1 << 20;
    struct feed whole, cut;
    feed_init(&whole, limit);
    feed_init(&cut, limit);
    feed_bytes(&whole, bytes, len);
    for (size_t at = 0; at < len; at += piece)
        feed_bytes(&cut, bytes + at, len - at < piece ? len - at : piece);
    if (!slice_eq(feed_finish(&whole), feed_finish(&cut)))
        abort();
    feed_done(&whole);
    feed_done(&cut);
    return 0;
}
