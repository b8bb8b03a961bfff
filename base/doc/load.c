#include "base/doc/doc.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum base_err fail(const char *path, int number, struct base_error *reterr)
{
    enum base_err code = number == ENOENT || number == ENOTDIR ? BASE_ERR_NOT_FOUND : BASE_ERR_IO;
    return base_error_set(reterr, code, "%s: %s", path, strerrordesc_np(number));
}

/* One byte more than allowed is read, so that a file that is too large is noticed. */
static enum base_err read_all(int fd, const char *path, struct buffer *out,
                              struct base_error *reterr)
{
    for (;;) {
        size_t left = out->max - buffer_len(out);
        if (left == 0)
            return BASE_OK;
        size_t want = left < 65536 ? left : 65536;
        char *to = buffer_reserve(out, want);
        if (!to)
            return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: out of memory", path);
        ssize_t got = read(fd, to, want);
        if (got == 0)
            return BASE_OK;
        if (got > 0)
            buffer_commit(out, (size_t)got);
        else if (errno != EINTR)
            return fail(path, errno, reterr);
    }
}

enum base_err doc_load(const char *path, struct arena *arena, const struct doc_node **ret_root,
                       struct base_error *reterr)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(path, errno, reterr);
    struct buffer text;
    buffer_init(&text, DOC_MAX_BYTES + 1);
    enum base_err err = read_all(fd, path, &text, reterr);
    (void)close(fd);
    if (!err) {
        bool json = slice_ends_with(slice_from_str(path), SLICE(".json"));
        err = (json ? doc_parse_json : doc_parse_yaml)(path, buffer_slice(&text), arena, ret_root,
                                                       reterr);
    }
    buffer_done(&text);
    return err;
}
