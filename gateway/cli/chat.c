/* chat: with a running Hearth, so that its policy and ledger apply; without one, with the engine
 * in this process. */
#include "gateway/cli/chat.h"
#include "gateway/cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_ADDRESS "127.0.0.1:8080"
enum { INPUT_MAX_BYTES = 16 << 20, CLI_INTERRUPTED = 130 };

struct turn {
    struct slice role, text;
};

struct conversation {
    const char *address, *model, *key, *config;
    struct chat_local *local; /* NULL = a Hearth at `address` answers */
    struct arena *arena;
    struct turn *turns;
    size_t count, capacity;
    bool show_route;
};

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

bool chat_is_interrupted(void)
{
    return interrupted != 0;
}

/* While an answer comes. No SA_RESTART: who reads or waits comes back. */
static void catch_interrupts(bool yes)
{
    static struct sigaction before;
    struct sigaction action = {.sa_handler = on_interrupt};
    if (yes)
        (void)sigaction(SIGINT, &action, &before);
    else
        (void)sigaction(SIGINT, &before, NULL);
}

/* ---- one conversation ---- */

static bool add_turn(struct conversation *c, struct slice role, struct slice text)
{
    void *grown = c->turns;
    if (!arena_grow(c->arena, &grown, c->count, &c->capacity, sizeof(*c->turns)))
        return false;
    c->turns = grown;
    struct slice copy = arena_dup(c->arena, text);
    if (slice_is_absent(copy))
        return false;
    c->turns[c->count++] = (struct turn){role, copy};
    return true;
}

static void write_body(const struct conversation *c, struct buffer *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_member_str(&w, "model", c->model);
    json_member_bool(&w, "stream", true);
    json_key(&w, SLICE("messages"));
    json_open_array(&w);
    for (size_t i = 0; i < c->count; i++) {
        json_open_object(&w);
        json_member_string(&w, "role", c->turns[i].role);
        json_member_string(&w, "content", c->turns[i].text);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
}

/* What has come of one answer. */
struct listening {
    struct buffer line; /* an unfinished line of the stream */
    struct buffer said;
    struct slice error; /* of a stream that broke */
    char error_text[256];
};

static void on_text(void *user, struct slice text)
{
    struct listening *l = user;
    cli_print(text);
    (void)fflush(stdout);
    buffer_add_slice(&l->said, text);
}

static void take_event(struct listening *l, struct slice data)
{
    struct arena *arena = arena_new(64 << 20);
    const struct json_node *root;
    if (arena && !json_parse(data, &json_limits_event, arena, &root, NULL)) {
        const struct json_node *delta =
            json_get(json_at(json_get(root, SLICE("choices")), 0), SLICE("delta"));
        struct slice text = json_string(json_get(delta, SLICE("content")));
        struct slice error =
            json_string(json_get(json_get(root, SLICE("error")), SLICE("message")));
        if (text.len)
            on_text(l, text);
        if (error.len) {
            (void)snprintf(l->error_text, sizeof(l->error_text), "%.*s", SLICE_ARG(error));
            l->error = slice_from_str(l->error_text);
        }
    }
    arena_free(arena);
}

static void on_piece(void *user, struct slice piece)
{
    struct listening *l = user;
    buffer_add_slice(&l->line, piece);
    for (;;) {
        struct slice all = buffer_slice(&l->line);
        size_t end = slice_find(all, SLICE("\n"));
        if (end == SIZE_MAX)
            return;
        struct slice line = slice_trim(slice_sub(all, 0, end));
        if (slice_starts_with(line, SLICE("data: ")) && !slice_ends_with(line, SLICE("[DONE]")))
            take_event(l, slice_sub(line, 6, SIZE_MAX));
        buffer_consume(&l->line, end + 1);
    }
}

static void print_route(struct slice head)
{
    static const char *const wanted[] = {
        "x-hearth-target: ", "x-hearth-zone: ", "x-hearth-sensitivity: ", "x-hearth-complexity: ",
        "x-hearth-rules: "};
    (void)fprintf(stderr, "[");
    const char *between = "";
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        size_t at = slice_find(head, slice_from_str(wanted[i]));
        if (at == SIZE_MAX)
            continue;
        struct slice value = slice_sub(head, at + strlen(wanted[i]), SIZE_MAX);
        size_t end = slice_find(value, SLICE("\r\n"));
        (void)fprintf(stderr, "%s%.*s%.*s", between, (int)strlen(wanted[i]) - 9, wanted[i] + 9,
                      SLICE_ARG(slice_sub(value, 0, end)));
        between = ", ";
    }
    (void)fprintf(stderr, "]\n");
}

/* By a running Hearth. */
static enum base_err ask_server(struct conversation *c, struct slice body, struct listening *l,
                                struct cli_reply *reply, struct base_error *reterr)
{
    if (!cli_request(c->address, "POST", "/v1/chat/completions", c->key, body, on_piece, l, reply,
                     reterr))
        return interrupted ? BASE_OK : BASE_ERR_IO;
    if (reply->status == 200)
        return BASE_OK;
    struct arena *arena = arena_new(64 << 20);
    const struct json_node *root = NULL;
    if (arena && json_parse(buffer_slice(&reply->body), &json_limits_request, arena, &root, NULL))
        root = NULL;
    struct slice message = json_string(json_get(json_get(root, SLICE("error")), SLICE("message")));
    enum base_err err = base_error_set(
        reterr, BASE_ERR_UPSTREAM_STATUS, "%d: %.*s%s", reply->status, SLICE_ARG(message),
        reply->status == 401 ? "; here it comes from the environment: HEARTH_API_KEY" : "");
    arena_free(arena);
    return err;
}

/* By the engine in this process; the route is written as it is for an answer of a server. */
static enum base_err ask_engine(struct conversation *c, struct slice body, struct listening *l,
                                struct buffer *route, struct base_error *reterr)
{
    struct arena *arena = arena_new(256 << 20);
    struct chat_ask wish = {.on_text = on_text, .user = l};
    enum base_err err = arena ? chat_local_ask(c->local, body, arena, &wish, reterr)
                              : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory");
    if (!err)
        buffer_add_slice(route, wish.route);
    arena_free(arena);
    return err;
}

/* The answer is there, as far as it came: it is part of the conversation. */
static int conclude(struct conversation *c, const struct listening *l, struct slice head,
                    struct slice route)
{
    int exit_code = CLI_OK;
    (void)printf("\n");
    (void)fflush(stdout);
    if (interrupted)
        (void)fprintf(stderr, "[stopped]\n");
    else if (l->error.len)
        exit_code = cli_failf("the answer broke off: %.*s", SLICE_ARG(l->error));
    if (c->show_route && head.len)
        print_route(head);
    if (c->show_route && route.len)
        (void)fprintf(stderr, "[%.*s]\n", SLICE_ARG(route));
    if (!add_turn(c, SLICE("assistant"), buffer_slice(&l->said)))
        exit_code = cli_failf("the conversation is too long");
    return interrupted ? CLI_INTERRUPTED : exit_code;
}

static int ask(struct conversation *c, struct slice prompt)
{
    struct buffer body, route;
    struct cli_reply reply = {0};
    struct base_error detail;
    struct listening l = {0};
    if (!add_turn(c, SLICE("user"), prompt))
        return cli_failf("the conversation is too long");
    buffer_init(&body, SIZE_MAX / 2);
    buffer_init(&route, 1 << 16);
    buffer_init(&l.line, 64 << 20);
    buffer_init(&l.said, 64 << 20);
    write_body(c, &body);
    interrupted = 0;
    catch_interrupts(true);
    enum base_err err = c->local ? ask_engine(c, buffer_slice(&body), &l, &route, &detail)
                                 : ask_server(c, buffer_slice(&body), &l, &reply, &detail);
    catch_interrupts(false);
    int exit_code;
    if (err) {
        if (buffer_len(&l.said) > 0)
            (void)printf("\n");
        exit_code = cli_fail(&detail);
        c->count--; /* it was not answered, so it is not part of the conversation */
    } else {
        exit_code = conclude(c, &l, buffer_slice(&reply.head), buffer_slice(&route));
    }
    cli_reply_done(&reply);
    buffer_done(&body);
    buffer_done(&route);
    buffer_done(&l.line);
    buffer_done(&l.said);
    return exit_code;
}

static int converse(struct conversation *c)
{
    char *line = NULL;
    size_t capacity = 0;
    int exit_code = CLI_OK;
    bool terminal = isatty(0);
    if (terminal)
        (void)fprintf(stderr, "%sCtrl-C stops an answer, Ctrl-D ends the conversation.\n",
                      c->local ? "No Hearth is running here: the engine answers in this process.\n"
                               : "");
    for (;;) {
        if (terminal)
            (void)fprintf(stderr, "> ");
        ssize_t len = getline(&line, &capacity, stdin);
        if (len < 0)
            break;
        struct slice prompt = slice_trim(slice_of(line, (size_t)len));
        if (prompt.len > 0)
            exit_code = ask(c, prompt);
    }
    free(line);
    return exit_code == CLI_INTERRUPTED ? CLI_OK : exit_code;
}

/* The engine answers when nobody listens at the usual address, or when it is asked to. */
static enum base_err choose_place(struct conversation *c, bool is_local, struct base_error *reterr)
{
    struct cli_reply reply;
    bool is_there =
        !is_local && cli_request(c->address ? c->address : DEFAULT_ADDRESS, "GET", "/healthz", NULL,
                                 SLICE(""), NULL, NULL, &reply, reterr);
    if (!is_local)
        cli_reply_done(&reply);
    if (!is_there && !c->address)
        return chat_local_open(c->config, &c->local, reterr);
    if (!c->address)
        c->address = DEFAULT_ADDRESS;
    return BASE_OK; /* if nobody is there, the first question will say so */
}

int cli_chat(const struct cli_command *command, int argc, char **argv)
{
    const char *route = NULL, *local = NULL;
    struct conversation c = {.model = "auto", .key = getenv("HEARTH_API_KEY")};
    struct base_error detail;
    const struct cli_option table[] = {
        {"--address", "HOST:PORT",
         "of the running Hearth (" DEFAULT_ADDRESS "); its key: HEARTH_API_KEY", &c.address},
        {"--local", NULL, "answer in this process, whether a Hearth is running or not", &local},
        {"--config", "FILE", "for answers in this process (the demo model)", &c.config},
        {"--model", "NAME", "a model, route or pipeline (auto)", &c.model},
        {"--route", NULL, "say after each answer where it came from", &route},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if (local && c.address)
        return cli_usage(command, "--local and --address exclude each other");
    c.show_route = route != NULL;
    c.arena = arena_new(INPUT_MAX_BYTES);
    if (!c.arena)
        return cli_failf("no memory");
    if (choose_place(&c, local || c.config, &detail))
        exit_code = cli_fail(&detail);
    else
        exit_code = count == 1 ? ask(&c, slice_from_str(rest[0])) : converse(&c);
    chat_local_free(c.local);
    arena_free(c.arena);
    return exit_code;
}
