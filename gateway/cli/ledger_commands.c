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

/* One stored choice: of the request, or of a pipeline's step. */
struct choice {
    struct slice step; /* absent = the request itself */
    const struct json_node *facts, *base, *decision;
};

/* What the stored facts lead to now, in the stored form. */
static void write_again(const struct json_node *stored, const struct router_facts *facts,
                        const struct router_decision *decision, struct json_writer *w)
{
    struct router_explanation why = {.facts = facts, .decision = decision};
    if (json_get(stored, SLICE("order")))
        router_decision_write(decision, w);
    else /* before ledgers of schema 3 */
        router_explain_json(&why, NULL, w);
}

static bool is_same_decision(const struct choice *choice, const struct router_facts *facts,
                             const struct router_decision *decision, struct arena *arena)
{
    struct buffer before, after;
    struct json_writer w;
    const struct json_node *again = NULL;
    buffer_init(&before, 16 << 20);
    buffer_init(&after, 16 << 20);
    json_writer_init(&w, &after);
    write_again(choice->decision, facts, decision, &w);
    struct slice copy = arena_dup(arena, buffer_slice(&after));
    bool same = !json_parse(copy, &json_limits_request, arena, &again, NULL);
    buffer_clear(&after);
    json_writer_init(&w, &before);
    json_put_node(&w, choice->decision);
    json_writer_init(&w, &after);
    json_put_node(&w, again);
    same =
        same && !before.err && !after.err && slice_eq(buffer_slice(&before), buffer_slice(&after));
    buffer_done(&before);
    buffer_done(&after);
    return same;
}

/* Says why, from what the stored facts lead to now; *ret_same: to the decision that is stored.
 * With a writer it goes there, otherwise it is printed. */
static enum base_err explain_choice(const struct choice *choice, struct arena *arena,
                                    struct json_writer *w, bool *ret_same,
                                    struct base_error *reterr)
{
    struct router_facts base, facts;
    struct router_decision decision;
    struct router_explanation why;
    bool has_base = json_is(choice->base, JSON_OBJECT);
    enum base_err err =
        has_base ? router_facts_read(choice->base, NULL, arena, &base, reterr) : BASE_OK;
    if (!err)
        err = router_facts_read(choice->facts, has_base ? &base : NULL, arena, &facts, reterr);
    if (!err)
        err = router_choose(&facts, arena, &decision, reterr);
    if (!err)
        err = router_explain(&facts, &decision, arena, &why, reterr);
    if (err)
        return err;
    *ret_same = is_same_decision(choice, &facts, &decision, arena);
    if (w) {
        router_explain_json(&why, NULL, w);
        return BASE_OK;
    }
    if (!slice_is_absent(choice->step))
        (void)printf("step %.*s\n", SLICE_ARG(choice->step));
    struct buffer out;
    buffer_init(&out, 16 << 20);
    router_explain_text(&why, NULL, &out);
    cli_print_buffer(&out);
    return BASE_OK;
}

/* All choices of a request: one, or one for each step that was routed. */
static enum base_err explain_choices(const struct json_node *request, struct arena *arena,
                                     struct json_writer *w, size_t *ret_count, size_t *ret_same,
                                     struct base_error *reterr)
{
    const struct json_node *facts = json_get(request, SLICE("facts"));
    const struct json_node *base = json_get(request, SLICE("facts_base"));
    const struct json_node *decision = json_get(request, SLICE("decision"));
    const struct json_node *steps = json_get(facts, SLICE("steps"));
    size_t count = !json_is(facts, JSON_OBJECT) ? 0 : steps ? steps->count : 1;
    enum base_err err = BASE_OK;
    *ret_count = *ret_same = 0;
    for (size_t i = 0; !err && i < count; i++) {
        struct choice choice = {SLICE_NONE, facts, base, decision};
        bool same = false;
        if (steps) {
            const struct json_node *step = json_at(steps, i);
            choice = (struct choice){
                text(step, "step"), json_get(step, SLICE("facts")), base,
                json_get(json_at(json_get(decision, SLICE("steps")), i), SLICE("decision"))};
        }
        err = explain_choice(&choice, arena, w, &same, reterr);
        *ret_count += 1;
        *ret_same += same;
    }
    return err;
}

static int verdict(size_t choices, size_t same, size_t attempts)
{
    if (choices == 0 && attempts == 0) {
        (void)printf("verified: nothing was decided, and nothing was sent anywhere\n");
        return CLI_OK;
    }
    if (choices > 0 && same == choices) {
        (void)printf("verified: the stored facts lead to the same decision\n");
        return CLI_OK;
    }
    (void)printf(choices > 0 ? "NOT VERIFIED: the stored facts lead to another decision\n"
                             : "NOT VERIFIED: targets were asked, and no decision is stored\n");
    return CLI_NO;
}

static int explain(const struct json_node *root, bool is_verify, struct arena *arena)
{
    const struct json_node *request = json_get(root, SLICE("request"));
    const struct json_node *attempts = json_get(root, SLICE("attempts"));
    struct base_error detail;
    size_t choices, same;
    (void)printf("%.*s  %.*s  model %.*s\n", SLICE_ARG(text(request, "id")),
                 SLICE_ARG(text(request, "status")), SLICE_ARG(text(request, "model")));
    if (explain_choices(request, arena, NULL, &choices, &same, &detail))
        return cli_fail(&detail);
    if (choices == 0)
        (void)printf("it ended before anything was decided: %.*s\n",
                     SLICE_ARG(text(request, "error")));
    print_attempts(attempts);
    return is_verify ? verdict(choices, same, attempts ? attempts->count : 0) : CLI_OK;
}

/* The rows as they are, and what the facts say, choice by choice. */
static int explain_json(const struct json_node *root, struct arena *arena)
{
    struct buffer out;
    struct json_writer w;
    struct base_error detail;
    size_t choices, same;
    buffer_init(&out, 64 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    for (const struct json_node *m = json_first(root); m; m = json_next(m)) {
        json_key(&w, m->key);
        json_put_node(&w, m);
    }
    json_key(&w, SLICE("explanations"));
    json_open_array(&w);
    enum base_err err =
        explain_choices(json_get(root, SLICE("request")), arena, &w, &choices, &same, &detail);
    json_close_array(&w);
    json_member_bool(&w, "verified", choices == same);
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    if (!err)
        cli_print(buffer_slice(&out));
    buffer_done(&out);
    return err ? cli_fail(&detail) : CLI_OK;
}

int cli_explain(const struct cli_command *command, int argc, char **argv)
{
    const char *state = NULL, *config = NULL, *json = NULL, *is_verify = NULL;
    const struct cli_option table[] = {
        {"--state", "FOLDER", "state folder with the ledger", &state},
        {"--config", "FILE", "the configuration that names it", &config},
        {"--verify", NULL, "replay the stored facts; exit code 3 if they lead elsewhere",
         &is_verify},
        {"--json", NULL, "the rows and the explanations as JSON", &json},
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
        exit_code = explain_json(root, arena);
    else
        exit_code = explain(root, is_verify != NULL, arena);
    ledger_reader_close(reader);
    arena_free(arena);
    buffer_done(&out);
    return exit_code;
}

/* ---- report ---- */

int64_t cli_ago_ns(const char *since)
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
        int64_t ago = cli_ago_ns(since);
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
