/* The HTTP server with trivial handlers, for tests/bench/http.sh: what the front door costs alone.
 *     http_server WORKERS [PORT]     prints its port, runs until its standard input ends */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/http/http.h"

static void on_ping(struct http_exchange *ex)
{
    (void)http_respond(ex, 200, "text/plain", SLICE("pong"));
}

static void on_echo(struct http_exchange *ex)
{
    (void)http_respond(ex, 200, "application/json", http_exchange_body(ex));
}

/* 64 events of the size of a token, all at once */
static void on_stream(struct http_exchange *ex)
{
    (void)http_sse_start(ex, 0);
    for (int i = 0; i < 64; i++)
        (void)http_sse_data(
            ex, SLICE("{\"id\":\"x\",\"object\":\"chat.completion.chunk\","
                      "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"}}]}"));
    (void)http_respond_end(ex);
}

int main(int argc, char **argv)
{
    static const struct http_handler handlers[] = {
        {.method = "GET", .path = "/ping", .on_body = on_ping},
        {.method = "POST", .path = "/echo", .on_body = on_echo},
        {.method = "GET", .path = "/stream", .on_body = on_stream},
    };
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    options.handlers = handlers;
    options.handler_count = sizeof(handlers) / sizeof(handlers[0]);
    options.workers = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    options.connections_per_ip = 0;
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%s", argc > 2 ? argv[2] : "0");
    struct http_server *server;
    struct base_error detail = {.message = ""};
    if (http_server_new(&options, &server, &detail) ||
        http_server_listen(server, &(struct http_listen){.address = address}, &detail) ||
        http_server_start(server, &detail)) {
        fprintf(stderr, "%s\n", detail.message);
        return 1;
    }
    printf("%u\n", http_server_port(server, 0));
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    http_server_free(server);
    return 0;
}
