#include "base/core/sealed.h"

#include <sys/mman.h>

struct slice sealed_new(struct slice bytes)
{
    if (bytes.len == 0)
        return SLICE_NONE;
    void *map = mmap(NULL, bytes.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return SLICE_NONE;
    memcpy(map, bytes.ptr, bytes.len);
    if (mprotect(map, bytes.len, PROT_READ) == 0)
        return slice_of(map, bytes.len);
    (void)munmap(map, bytes.len);
    return SLICE_NONE;
}

void sealed_free(struct slice sealed)
{
    if (!slice_is_absent(sealed))
        (void)munmap((void *)(uintptr_t)sealed.ptr, sealed.len);
}
