/* serve, status, reload, keys: the running process and those who look after it. */
#include "gateway/cli/cli.h"

#include "gateway/serve/serve.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

int cli_serve(const struct cli_command *command, int argc, char **argv)
{
    struct serve_options options = {0};
    const struct cli_option table[] = {
        {"--config", "FILE", "the configuration; without one: the demo model on 127.0.0.1:8080",
         &options.config_path},
        {"--model", "FILE", "without a configuration: another GGUF file", &options.model_path},
        {"--listen", "HOST:PORT", "instead of the configuration's `listen`", &options.listen},
        {"--state", "FOLDER", "instead of the configuration's `state`", &options.state},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 0, &count, &exit_code))
        return exit_code;
    if (!options.state)
        options.state = getenv("HEARTH_STATE");
    return serve_run(&options);
}

/* ---- over the control socket ---- */

struct control {
    const char *state, *config, *json;
};

static bool ask_control(const struct control *c, const char *method, const char *path,
                        struct slice body, struct cli_reply *reply, int *ret_exit)
{
    char folder[PATH_MAX - 32], address[PATH_MAX];
    struct base_error detail;
    (void)snprintf(address, sizeof(address), "unix:%s/control.sock",
                   cli_state(c->state, c->config, folder, sizeof(folder)));
    if (!cli_request(address, method, path, NULL, body, NULL, NULL, reply, &detail)) {
        *ret_exit = cli_fail(&detail);
        return false;
    }
    return true;
}

static const struct json_node *parse_reply(const struct cli_reply *reply, struct arena **ret_arena)
{
    const struct json_node *root = NULL;
    *ret_arena = arena_new(256 << 20);
    if (!*ret_arena ||
        json_parse(buffer_slice(&reply->body), &json_limits_request, *ret_arena, &root, NULL))
        return NULL;
    return root;
}

static int complain(const struct json_node *root)
{
    struct slice message = json_string(json_get(json_get(root, SLICE("error")), SLICE("message")));
    return cli_failf(
        "%.*s",
        SLICE_ARG(message.len ? message : SLICE("the server refused, and did not say why")));
}

static int64_t number(const struct json_node *node, const char *key)
{
    int64_t value = -1;
    (void)json_to_i64(json_get(node, slice_from_str(key)), &value);
    return value;
}

static bool flag(const struct json_node *node, const char *key)
{
    bool value = false;
    (void)json_to_bool(json_get(node, slice_from_str(key)), &value);
    return value;
}

static struct slice text(const struct json_node *node, const char *key)
{
    return json_string(json_get(node, slice_from_str(key)));
}

static void print_targets(const struct json_node *root)
{
    (void)printf("\n%-28s %-9s %-13s %s\n", "TARGET", "ZONE", "CLEARANCE", "NOW");
    for (const struct json_node *t = json_first(json_get(root, SLICE("targets"))); t;
         t = json_next(t)) {
        (void)printf("%-28.*s %-9.*s %-13.*s ", SLICE_ARG(text(t, "name")),
                     SLICE_ARG(text(t, "zone")), SLICE_ARG(text(t, "clearance")));
        if (flag(t, "adapter"))
            (void)printf("adapter, %.*s\n", SLICE_ARG(text(t, "state")));
        else if (json_get(t, SLICE("running")) && !slice_eq(text(t, "state"), SLICE("loaded")))
            (void)printf("%.*s, %lld waiting, %.2f GB\n", SLICE_ARG(text(t, "state")),
                         (long long)number(t, "waiting"), (double)number(t, "weight_bytes") / 1e9);
        else if (json_get(t, SLICE("running")))
            (void)printf("%lld running, %lld waiting, KV %lld of %lld tokens, %.2f GB\n",
                         (long long)number(t, "running"), (long long)number(t, "waiting"),
                         (long long)number(t, "kv_tokens"), (long long)number(t, "kv_capacity"),
                         (double)number(t, "weight_bytes") / 1e9);
        else
            (void)printf("%s, %lld under way\n", flag(t, "healthy") ? "up" : "down",
                         (long long)number(t, "outstanding"));
    }
}

static void print_status(const struct json_node *root)
{
    int64_t up = number(root, "uptime_s");
    struct slice listen = text(root, "listen");
    char port[16] = "";
    if (slice_ends_with(listen, SLICE(":0"))) { /* a free one was taken */
        listen.len--;
        (void)snprintf(port, sizeof(port), "%lld", (long long)number(root, "port"));
    }
    (void)printf("Hearth %.*s: ON at %.*s%s for %lld h %02lld min%s\n",
                 SLICE_ARG(text(root, "version")), SLICE_ARG(listen), port, (long long)(up / 3600),
                 (long long)(up / 60 % 60), flag(root, "ready") ? "" : " (not ready)");
    struct slice config = text(root, "config");
    (void)printf("configuration: %.*s (number %lld), keys: %s\n",
                 SLICE_ARG(config.len ? config : SLICE("built in")),
                 (long long)number(root, "configuration_number"),
                 flag(root, "keys") ? "yes" : "none needed");
    (void)printf("connections: %lld, requests under way: %lld, ledger backlog: %lld%s\n",
                 (long long)number(root, "connections"), (long long)number(root, "exchanges"),
                 (long long)number(root, "ledger_backlog"),
                 flag(root, "ledger_failing") ? "  THE LEDGER CANNOT BE WRITTEN" : "");
    if (!flag(root, "permit_check"))
        (void)printf("THIS IS A TEST BUILD WITHOUT EGRESS PERMITS\n");
    print_targets(root);
}

#define CONTROL_OPTIONS(c)                                                                         \
    {"--state", "FOLDER", "state folder of the running Hearth", &(c).state},                       \
    {                                                                                              \
        "--config", "FILE", "its configuration, to find the folder", &(c).config                   \
    }

int cli_status(const struct cli_command *command, int argc, char **argv)
{
    struct control c = {0};
    const struct cli_option table[] = {
        CONTROL_OPTIONS(c), {"--json", NULL, "as JSON", &c.json}, {0}};
    const char *rest[1];
    int count, exit_code;
    struct cli_reply reply;
    if (!cli_parse(command, table, argc, argv, rest, 0, &count, &exit_code))
        return exit_code;
    if (!ask_control(&c, "GET", "/control/status", SLICE(""), &reply, &exit_code))
        return exit_code;
    struct arena *arena;
    const struct json_node *root = parse_reply(&reply, &arena);
    exit_code = CLI_OK;
    if (reply.status != 200 || !root)
        exit_code = complain(root);
    else if (c.json)
        (void)printf("%.*s\n", SLICE_ARG(buffer_slice(&reply.body)));
    else
        print_status(root);
    arena_free(arena);
    cli_reply_done(&reply);
    return exit_code;
}

int cli_reload(const struct cli_command *command, int argc, char **argv)
{
    struct control c = {0};
    const struct cli_option table[] = {
        CONTROL_OPTIONS(c), {"--json", NULL, "as JSON", &c.json}, {0}};
    const char *rest[1];
    int count, exit_code;
    struct cli_reply reply;
    if (!cli_parse(command, table, argc, argv, rest, 0, &count, &exit_code))
        return exit_code;
    if (!ask_control(&c, "POST", "/control/reload", SLICE("{}"), &reply, &exit_code))
        return exit_code;
    struct arena *arena;
    const struct json_node *root = parse_reply(&reply, &arena);
    if (c.json) {
        (void)printf("%.*s\n", SLICE_ARG(buffer_slice(&reply.body)));
        exit_code = reply.status == 200 ? CLI_OK : CLI_USAGE;
    } else if (reply.status == 200) {
        (void)printf("The new configuration is in force.\n");
        exit_code = CLI_OK;
    } else {
        struct slice errors = text(root, "errors");
        (void)fprintf(stderr,
                      "%.*shearth: the new configuration was refused; the old one stays in force\n",
                      SLICE_ARG(errors));
        exit_code = CLI_USAGE;
    }
    arena_free(arena);
    cli_reply_done(&reply);
    return exit_code;
}

/* ---- keys ---- */

static int show_keys(const struct json_node *root, const struct control *c,
                     const struct cli_reply *reply)
{
    if (c->json) {
        (void)printf("%.*s\n", SLICE_ARG(buffer_slice(&reply->body)));
        return CLI_OK;
    }
    (void)printf("%-16s %-20s %-26s %-8s %s\n", "ID", "TENANT", "MADE", "STATE", "LABEL");
    for (const struct json_node *k = json_first(root); k; k = json_next(k))
        (void)printf("%-16.*s %-20.*s %-26.*s %-8s %.*s\n", SLICE_ARG(text(k, "id")),
                     SLICE_ARG(text(k, "tenant")), SLICE_ARG(text(k, "created")),
                     flag(k, "revoked") ? "revoked" : "good", SLICE_ARG(text(k, "label")));
    return CLI_OK;
}

static int show_new_key(const struct json_node *root, const struct control *c,
                        const struct cli_reply *reply)
{
    if (c->json)
        (void)printf("%.*s\n", SLICE_ARG(buffer_slice(&reply->body)));
    else
        (void)printf(
            "%.*s\n\nThis is the key %.*s. It is shown only now: Hearth keeps a hash of it.\n",
            SLICE_ARG(text(root, "key")), SLICE_ARG(text(root, "id")));
    return CLI_OK;
}

static int show_revoked(const struct json_node *root, const struct control *c,
                        const struct cli_reply *reply)
{
    (void)root;
    (void)c;
    (void)reply;
    (void)printf("revoked\n");
    return CLI_OK;
}

static int
keys_call(const struct control *c, const char *method, const char *path, struct slice body,
          int (*show)(const struct json_node *, const struct control *, const struct cli_reply *))
{
    struct cli_reply reply;
    int exit_code;
    if (!ask_control(c, method, path, body, &reply, &exit_code))
        return exit_code;
    struct arena *arena;
    const struct json_node *root = parse_reply(&reply, &arena);
    exit_code = reply.status == 200 ? show(root, c, &reply) : complain(root);
    arena_free(arena);
    cli_reply_done(&reply);
    return exit_code;
}

int cli_keys(const struct cli_command *command, int argc, char **argv)
{
    struct control c = {0};
    const char *label = "";
    const struct cli_option table[] = {CONTROL_OPTIONS(c),
                                       {"--label", "TEXT", "what the key is for", &label},
                                       {"--json", NULL, "as JSON", &c.json},
                                       {0}};
    const char *rest[2];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 2, &count, &exit_code))
        return exit_code;
    if (count == 1 && strcmp(rest[0], "list") == 0)
        return keys_call(&c, "GET", "/control/keys", SLICE(""), show_keys);
    if (count == 2 && strcmp(rest[0], "add") == 0) {
        struct buffer body;
        struct json_writer w;
        buffer_init(&body, 1 << 16);
        json_writer_init(&w, &body);
        json_open_object(&w);
        json_member_str(&w, "tenant", rest[1]);
        json_member_str(&w, "label", label);
        json_close_object(&w);
        exit_code = keys_call(&c, "POST", "/control/keys", buffer_slice(&body), show_new_key);
        buffer_done(&body);
        return exit_code;
    }
    if (count == 2 && strcmp(rest[0], "revoke") == 0) {
        char path[128];
        for (const char *p = rest[1]; *p; p++)
            if (!(*p == '_' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z')))
                return cli_usage(command, "`%.32s` is not the id of a key", rest[1]);
        (void)snprintf(path, sizeof(path), "/control/keys/%.64s", rest[1]);
        return keys_call(&c, "DELETE", path, SLICE(""), show_revoked);
    }
    return cli_usage(command, "expected add TENANT, list or revoke ID");
}
