/* Listening on a Unix socket: the control socket of a running Hearth. */
#include "gateway/http/internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A file that a dead process left behind goes; one that answers stays. */
static enum base_err clear_unix_path(const struct sockaddr_un *un, struct base_error *reterr)
{
    struct stat st;
    if (lstat(un->sun_path, &st) != 0)
        return BASE_OK;
    if (!S_ISSOCK(st.st_mode))
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%s exists and is not a socket",
                              un->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)un, sizeof(*un));
    int problem = errno;
    if (fd >= 0)
        close(fd);
    if (rc == 0 || problem != ECONNREFUSED)
        return base_error_set(reterr, BASE_ERR_IN_USE, "%s is in use by another process",
                              un->sun_path);
    (void)unlink(un->sun_path);
    return BASE_OK;
}

enum base_err control_check(const char *path, struct base_error *reterr)
{
    enum { MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };
    if (path[0] == '\0' || strlen(path) > MAX)
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                              "unix:%s: the path of a socket has 1 to %d bytes", path, (int)MAX);
    return BASE_OK;
}

enum base_err control_address(const char *path, struct address *ret, struct base_error *reterr)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->storage;
    memset(ret, 0, sizeof(*ret));
    un->sun_family = AF_UNIX;
    ret->len = sizeof(*un);
    enum base_err err = control_check(path, reterr);
    if (err)
        return err;
    memcpy(un->sun_path, path, strlen(path) + 1);
    return clear_unix_path(un, reterr);
}

int control_bind(int fd, const struct address *address)
{
    mode_t before = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)&address->storage, address->len);
    int problem = errno;
    (void)umask(before);
    errno = problem;
    return rc;
}
