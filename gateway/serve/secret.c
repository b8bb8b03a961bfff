#include "gateway/serve/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SECRET_MAX_BYTES = 16384 };

static enum base_err keep(struct slice value, struct slice reference, struct secret *ret,
                          struct base_error *reterr)
{
    value = slice_trim(value);
    if (value.len == 0)
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%.*s is empty", SLICE_ARG(reference));
    char *copy = malloc(value.len);
    if (!copy)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %.*s",
                              SLICE_ARG(reference));
    memcpy(copy, value.ptr, value.len);
    ret->value = slice_of(copy, value.len);
    return BASE_OK;
}

static enum base_err read_file(const char *path, struct slice reference, struct secret *ret,
                               struct base_error *reterr)
{
    char bytes[SECRET_MAX_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%.*s: %s", SLICE_ARG(reference),
                              strerror(errno));
    size_t len = 0;
    ssize_t got = 1;
    while (len < sizeof(bytes) && got > 0) {
        got = read(fd, bytes + len, sizeof(bytes) - len);
        if (got > 0)
            len += (size_t)got;
    }
    (void)close(fd);
    enum base_err err;
    if (got < 0)
        err = base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%.*s: %s", SLICE_ARG(reference),
                             strerror(errno));
    else if (len > SECRET_MAX_BYTES)
        err = base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%.*s: longer than %d bytes",
                             SLICE_ARG(reference), SECRET_MAX_BYTES);
    else
        err = keep(slice_of(bytes, len), reference, ret, reterr);
    explicit_bzero(bytes, sizeof(bytes));
    return err;
}

enum base_err secret_read(struct slice reference, struct slice directory, struct secret *ret,
                          struct base_error *reterr)
{
    char name[4096];
    if (slice_starts_with(reference, SLICE("env:"))) {
        (void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(slice_sub(reference, 4, SIZE_MAX)));
        const char *value = getenv(name);
        if (!value)
            return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                                  "%.*s: the environment has no such variable",
                                  SLICE_ARG(reference));
        return keep(slice_from_str(value), reference, ret, reterr);
    }
    if (slice_starts_with(reference, SLICE("file:"))) {
        struct slice path = slice_sub(reference, 5, SIZE_MAX);
        bool is_relative = path.len > 0 && path.ptr[0] != '/' && directory.len > 0;
        (void)snprintf(name, sizeof(name), "%.*s%s%.*s", is_relative ? (int)directory.len : 0,
                       directory.ptr ? directory.ptr : "", is_relative ? "/" : "", SLICE_ARG(path));
        return read_file(name, reference, ret, reterr);
    }
    return base_error_set(
        reterr, BASE_ERR_BAD_CONFIG,
        "a key must be `env:NAME` or `file:PATH`; secrets never stand in the configuration");
}

void secret_done(struct secret *secret)
{
    if (secret->value.ptr) {
        explicit_bzero((char *)(uintptr_t)secret->value.ptr, secret->value.len);
        free((char *)(uintptr_t)secret->value.ptr);
    }
    secret->value = SLICE_NONE;
}
