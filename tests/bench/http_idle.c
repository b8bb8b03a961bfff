/* Many connections that do nothing, or nearly: for tests/bench/http_idle.sh.
 *     http_idle PORT IDLE SLOW
 * IDLE connections ask once and stay open; SLOW ones send one byte of a head each second, and come
 * again when they are refused. Prints "ready" when the idle ones have been answered, and how many
 * slow ones were refused once its standard input ends. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(unsigned port, unsigned number)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(0x7f000001);
    from.sin_addr.s_addr = htonl(0x7f000002 + number / 1000); /* 1000 from each address */
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    static const char request[] = "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n";
    if (argc != 4)
        return 2;
    unsigned port = (unsigned)strtoul(argv[1], NULL, 10);
    unsigned idle = (unsigned)strtoul(argv[2], NULL, 10);
    unsigned slow = (unsigned)strtoul(argv[3], NULL, 10);
    int *fds = calloc(idle + slow + 1, sizeof(*fds));
    char answer[4096];
    if (!fds)
        return 1;
    for (unsigned i = 0; i < idle; i++) {
        fds[i] = connect_to(port, i);
        if (write(fds[i], request, sizeof(request) - 1) < 0 ||
            read(fds[i], answer, sizeof(answer)) <= 0)
            return 1;
    }
    for (unsigned i = idle; i < idle + slow; i++)
        fds[i] = connect_to(port, i);
    printf("ready\n");
    fflush(stdout);
    struct pollfd end = {.fd = 0, .events = POLLIN};
    unsigned refused = 0;
    while (poll(&end, 1, 1000) == 0) {
        for (unsigned i = idle; i < idle + slow; i++) {
            if (recv(fds[i], answer, sizeof(answer), MSG_DONTWAIT) >= 0) {
                close(fds[i]);
                fds[i] = connect_to(port, i);
                refused++;
            }
            (void)send(fds[i], "G", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
    printf("%u\n", refused);
    return 0;
}
