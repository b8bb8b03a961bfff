/* explain, report: what the ledger knows. */
#include "gateway/cli/cli.h"

#include "gateway/ledger/ledger.h"

#include <limits.h>
#include <stdio.h>

/* ---- explain ---- */

static struct slice text(const struct json_node *node, const char *key)
{
    return json_string(json_get(node, slice_from_str(key)));
}

static void print_attempts(const struct json_node *attempts)
{
    for (const struct json_node *a = json_first(attempts); a; a = json_next(a)) {
        int64_t ms = -1, cost = -1;
        (void)json_to_i64(json_get(a, SLICE("total_ms")), &ms);
        (void)json_to_i64(json_get(a, SLICE("cost_nano_usd")), &cost);
        (void)printf("  attempt: %.*s (%.*s), %.*s, %lld ms, ", SLICE_ARG(text(a, "target")),
                     SLICE_ARG(text(a, "zone")), SLICE_ARG(text(a, "status")), (long long)ms);
        if (cost < 0)
            (void)printf("cost unknown\n");
        else
            (void)printf("%.9f USD\n", (double)cost / 1e9);
    }
}

/* What the stored facts lead to now. */
static enum base_err replay(const struct json_node *request, struct arena *arena,
                            struct router_facts *facts, struct router_decision *decision,
                            struct base_error *reterr)
{
    const struct json_node *stored = json_get(request, SLICE("facts"));
    if (!json_is(stored, JSON_OBJECT))
        return base_error_set(reterr, BASE_ERR_NOT_FOUND,
                              "this request was never routed, so there is nothing to replay");
    enum base_err err = router_facts_read(stored, arena, facts, reterr);
    return err ? err : router_choose(facts, arena, decision, reterr);
}

static int verify(const struct json_node *request, const struct router_facts *facts,
                  const struct router_decision *decision, struct arena *arena)
{
    struct buffer out;
    struct json_writer w;
    struct router_explanation why = {.facts = facts, .decision = decision};
    const struct json_node *again = NULL;
    buffer_init(&out, 16 << 20);
    json_writer_init(&w, &out);
    router_explain_json(&why, NULL, &w);
    struct slice copy = arena_dup(arena, buffer_slice(&out));
    buffer_done(&out);
    if (json_parse(copy, &json_limits_request, arena, &again, NULL))
        return cli_failf("the replayed decision could not be read");
    struct buffer before, after;
    buffer_init(&before, 16 << 20);
    buffer_init(&after, 16 << 20);
    json_writer_init(&w, &before);
    json_put_node(&w, json_get(request, SLICE("decision")));
    json_writer_init(&w, &after);
    json_put_node(&w, again);
    bool same = slice_eq(buffer_slice(&before), buffer_slice(&after));
    buffer_done(&before);
    buffer_done(&after);
    if (same) {
        (void)printf("verified: the stored facts lead to the same decision\n");
        return CLI_OK;
    }
    (void)printf("NOT VERIFIED: the stored facts lead to another decision\n");
    return CLI_NO;
}

static int explain(const struct json_node *root, bool is_verify, struct arena *arena)
{
    const struct json_node *request = json_get(root, SLICE("request"));
    struct router_facts facts;
    struct router_decision decision;
    struct router_explanation why;
    struct base_error detail;
    (void)printf("%.*s  %.*s  model %.*s\n", SLICE_ARG(text(request, "id")),
                 SLICE_ARG(text(request, "status")), SLICE_ARG(text(request, "model")));
    enum base_err err = replay(request, arena, &facts, &decision, &detail);
    if (!err)
        err = router_explain(&facts, &decision, arena, &why, &detail);
    int exit_code = CLI_OK;
    if (err) {
        exit_code = cli_fail(&detail);
    } else {
        struct buffer out;
        buffer_init(&out, 16 << 20);
        router_explain_text(&why, NULL, &out);
        cli_print_buffer(&out);
    }
    print_attempts(json_get(root, SLICE("attempts")));
    if (!err && is_verify)
        exit_code = verify(request, &facts, &decision, arena);
    return exit_code;
}

int cli_explain(const struct cli_command *command, int argc, char **argv)
{
    const char *state = NULL, *config = NULL, *json = NULL, *is_verify = NULL;
    const struct cli_option table[] = {
        {"--state", "FOLDER", "state folder with the ledger", &state},
        {"--config", "FILE", "the configuration that names it", &config},
        {"--verify", NULL, "replay the stored facts; exit code 3 if they lead elsewhere",
         &is_verify},
        {"--json", NULL, "the rows as JSON", &json},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    char folder[PATH_MAX];
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if (count != 1)
        return cli_usage(command, "expected the id of a request (x-request-id)");
    struct base_error detail;
    struct ledger_reader *reader = NULL;
    struct buffer out;
    struct arena *arena = arena_new(1u << 30);
    const struct json_node *root = NULL;
    buffer_init(&out, 64 << 20);
    enum base_err err =
        ledger_reader_open(cli_state(state, config, folder, sizeof(folder)), &reader, &detail);
    if (!err)
        err = ledger_show(reader, slice_from_str(rest[0]), &out, &detail);
    if (!err)
        err = arena ? json_parse(buffer_slice(&out), &json_limits_request, arena, &root, &detail)
                    : base_error_set(&detail, BASE_ERR_NO_MEMORY, "no memory");
    if (err)
        exit_code = cli_fail(&detail);
    else if (json)
        exit_code = printf("%.*s\n", SLICE_ARG(buffer_slice(&out))) < 0 ? CLI_FAILED : CLI_OK;
    else
        exit_code = explain(root, is_verify != NULL, arena);
    ledger_reader_close(reader);
    arena_free(arena);
    buffer_done(&out);
    return exit_code;
}

/* ---- report ---- */

/* "7d", "12h", "30m": how long ago; 0 when it is none of these. */
static int64_t ago_ns(const char *since)
{
    int64_t value;
    size_t len = strlen(since);
    if (len < 2 || !slice_to_i64(slice_of(since, len - 1), &value) || value < 0 || value > 100000)
        return 0;
    switch (since[len - 1]) {
    case 'm':
        return value * 60 * 1000000000;
    case 'h':
        return value * 3600 * 1000000000;
    case 'd':
        return value * 86400 * 1000000000;
    default:
        return 0;
    }
}

int cli_report(const struct cli_command *command, int argc, char **argv)
{
    static const char *const groups[LEDGER_GROUP_COUNT] = {"target", "tenant", "route",
                                                           "task",   "level",  "day"};
    const char *state = NULL, *config = NULL, *json = NULL, *by = "target", *since = NULL;
    const struct cli_option table[] = {
        {"--by", "WHAT", "target, tenant, route, task, level or day (target)", &by},
        {"--since", "TIME", "how long ago: 30m, 12h, 7d (everything)", &since},
        {"--state", "FOLDER", "state folder with the ledger", &state},
        {"--config", "FILE", "the configuration that names it", &config},
        {"--json", NULL, "as JSON", &json},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    char folder[PATH_MAX];
    if (!cli_parse(command, table, argc, argv, rest, 0, &count, &exit_code))
        return exit_code;
    struct ledger_report_options options = {.by = LEDGER_GROUP_COUNT, .json = json != NULL};
    for (int i = 0; i < LEDGER_GROUP_COUNT; i++)
        if (strcmp(by, groups[i]) == 0)
            options.by = (enum ledger_group)i;
    if (options.by == LEDGER_GROUP_COUNT)
        return cli_usage(command, "--by: expected target, tenant, route, task, level or day");
    if (since) {
        int64_t ago = ago_ns(since);
        if (ago == 0)
            return cli_usage(command, "--since: expected a time like 30m, 12h or 7d");
        options.since_wall_ns = clock_wall_ns(clock_system()) - ago;
    }
    struct base_error detail;
    struct ledger_reader *reader = NULL;
    struct buffer out;
    buffer_init(&out, 64 << 20);
    enum base_err err =
        ledger_reader_open(cli_state(state, config, folder, sizeof(folder)), &reader, &detail);
    if (!err)
        err = ledger_report(reader, &options, &out, &detail);
    if (!err)
        cli_print(buffer_slice(&out));
    ledger_reader_close(reader);
    buffer_done(&out);
    return err ? cli_fail(&detail) : CLI_OK;
}
