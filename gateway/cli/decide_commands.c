/* route, scan, score, check, schema: what would be decided, without sending anything. */
#include "gateway/cli/cli.h"

#include "gateway/api/chat_parse.h"
#include "gateway/pipeline/pipeline.h"
#include "gateway/serve/preflight.h"
#include "gateway/serve/serve.h"

#include <math.h>
#include <stdio.h>

/* ---- route ---- */

static const struct plan_who somebody = {.tenant = {"default", 7}};

/* What a request would meet: one choice, or one for each step of a pipeline. */
struct route {
    struct plan plan;
    const struct config_pipeline *pipeline; /* NULL = a plain request */
    struct router_explanation why;          /* of a plain request */
};

static enum base_err decide(struct snapshot *snap, const struct chat_request *request,
                            struct arena *arena, struct route *ret, struct base_error *reterr)
{
    plan_init(&ret->plan, snap, request, &somebody, arena);
    ret->pipeline = snapshot_pipeline(snap, request->model);
    enum base_err err = plan_inspect(&ret->plan, NULL, NULL, 0, 0, reterr);
    if (ret->pipeline || err)
        return err;
    err = plan_choose(&ret->plan, NULL, NULL, NULL, reterr);
    if (!err)
        err = router_explain(&ret->plan.facts, &ret->plan.decision, arena, &ret->why, reterr);
    return err;
}

static enum base_err route_line(void *user, const struct cli_line *line, struct base_error *reterr)
{
    struct snapshot *snap = user;
    const struct chat_request *request = NULL;
    enum base_err err = BASE_OK;
    if (json_get(line->root, SLICE("messages"))) {
        err = api_chat_parse(line->root, line->arena, &request, reterr);
    } else if (!slice_is_absent(line->text)) {
        request = plan_request_of_text(line->arena, SLICE("auto"), line->text);
    } else {
        err = base_error_set(reterr, BASE_ERR_BAD_VALUE, "expected `text`, `prompt` or `messages`");
    }
    if (!err && !request)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory");
    struct route route;
    if (!err)
        err = decide(snap, request, line->arena, &route, reterr);
    if (err)
        return err;
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 64 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_key(&w, SLICE("id"));
    json_put_raw(&w, line->id);
    if (route.pipeline) {
        bool is_refused; /* the line says so */
        err = pipeline_route_json(route.pipeline, &route.plan, NULL, &w, &is_refused, reterr);
    } else {
        json_key(&w, SLICE("decision"));
        router_explain_json(&route.why, &route.plan.signals, &w);
    }
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    if (err)
        buffer_done(&out);
    else
        cli_print_buffer(&out);
    return err;
}

static enum base_err write_route(const struct route *route, bool json, struct buffer *out,
                                 bool *ret_refused, struct base_error *reterr)
{
    struct json_writer w;
    enum base_err err = BASE_OK;
    json_writer_init(&w, out);
    *ret_refused = !route->pipeline && route->plan.decision.outcome != BASE_OK;
    if (route->pipeline && json) {
        json_open_object(&w);
        err = pipeline_route_json(route->pipeline, &route->plan, NULL, &w, ret_refused, reterr);
        json_close_object(&w);
    } else if (route->pipeline) {
        err = pipeline_route_text(route->pipeline, &route->plan, NULL, out, ret_refused, reterr);
    } else if (json) {
        router_explain_json(&route->why, &route->plan.signals, &w);
    } else {
        router_explain_text(&route->why, &route->plan.signals, out);
    }
    if (json)
        buffer_add_char(out, '\n');
    return err;
}

static int route_text(struct snapshot *snap, struct slice model, struct slice text, bool json)
{
    struct base_error detail;
    struct arena *arena = arena_new(1u << 30);
    const struct chat_request *request = arena ? plan_request_of_text(arena, model, text) : NULL;
    struct route route;
    struct buffer out;
    bool is_refused = false;
    buffer_init(&out, 64 << 20);
    enum base_err err = request ? decide(snap, request, arena, &route, &detail)
                                : base_error_set(&detail, BASE_ERR_NO_MEMORY, "no memory");
    if (!err)
        err = write_route(&route, json, &out, &is_refused, &detail);
    int exit_code = err ? cli_fail(&detail) : is_refused ? CLI_NO : CLI_OK;
    if (err)
        buffer_done(&out);
    else
        cli_print_buffer(&out);
    arena_free(arena);
    return exit_code;
}

int cli_route(const struct cli_command *command, int argc, char **argv)
{
    const char *config = NULL, *jsonl = NULL, *json = NULL, *model = "auto";
    const struct cli_option table[] = {
        {"--config", "FILE", "the configuration to decide with; without one: the defaults",
         &config},
        {"--model", "NAME", "what is asked for: a model, a route or a pipeline (auto)", &model},
        {"--jsonl", "FILE", "one request a line: {\"id\",\"text\"} or a chat request; - is stdin",
         &jsonl},
        {"--json", NULL, "the decision as JSON", &json},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if ((count == 1) == (jsonl != NULL))
        return cli_usage(command, "expected either a text or --jsonl FILE");
    struct snapshot *snap = cli_snapshot(config, &exit_code);
    if (!snap)
        return exit_code;
    struct base_error detail;
    if (jsonl)
        exit_code = cli_each_line(jsonl, route_line, snap, &detail) ? cli_fail(&detail) : CLI_OK;
    else
        exit_code = route_text(snap, slice_from_str(model), slice_from_str(rest[0]), json != NULL);
    snapshot_unref(snap);
    return exit_code;
}

/* ---- scan ---- */

static void write_scan(struct buffer *out, struct slice id, const struct policy_scan *scan)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, SLICE("id"));
    json_put_raw(&w, id);
    json_member_str(&w, "level", policy_level_name(scan->level));
    json_member_bool(&w, "private", policy_level_is_private(scan->level));
    json_key(&w, SLICE("spans"));
    json_open_array(&w);
    for (size_t i = 0; i < scan->count; i++) {
        const struct policy_finding *f = &scan->findings[i];
        json_open_object(&w);
        json_member_i64(&w, "start", (int64_t)f->offset);
        json_member_i64(&w, "end", (int64_t)(f->offset + f->length));
        json_member_str(&w, "type", policy_finding_name(f->type));
        json_member_double(&w, "score", round((double)f->confidence * 1e4) / 1e4);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    buffer_add_char(out, '\n');
}

static enum base_err scan_line(void *user, const struct cli_line *line, struct base_error *reterr)
{
    struct snapshot *snap = user;
    struct policy_scan scan;
    if (slice_is_absent(line->text))
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "expected `text` or `prompt`");
    enum base_err err = policy_scan_text(snap->policy, line->text, line->arena, &scan, reterr);
    if (err)
        return err;
    struct buffer out;
    buffer_init(&out, 64 << 20);
    write_scan(&out, line->id, &scan);
    cli_print_buffer(&out);
    return BASE_OK;
}

static int scan_text(struct snapshot *snap, struct slice text, bool json)
{
    struct base_error detail;
    struct policy_scan scan;
    struct arena *arena = arena_new(1u << 30);
    enum base_err err = arena ? policy_scan_text(snap->policy, text, arena, &scan, &detail)
                              : base_error_set(&detail, BASE_ERR_NO_MEMORY, "no memory");
    if (err) {
        arena_free(arena);
        return cli_fail(&detail);
    }
    if (json) {
        struct buffer out;
        buffer_init(&out, 64 << 20);
        write_scan(&out, SLICE("null"), &scan);
        cli_print_buffer(&out);
        arena_free(arena);
        return CLI_OK;
    }
    (void)printf("level: %s%s\n", policy_level_name(scan.level),
                 policy_level_is_private(scan.level) ? " (private: stays where it is cleared)"
                                                     : "");
    if (scan.count > 0)
        (void)printf("\n%8s %8s  %-16s %-13s %s\n", "FROM", "TO", "TYPE", "LEVEL", "SURE");
    for (size_t i = 0; i < scan.count; i++) {
        const struct policy_finding *f = &scan.findings[i];
        (void)printf("%8zu %8zu  %-16s %-13s %.2f\n", f->offset, f->offset + f->length,
                     policy_finding_name(f->type), policy_level_name(f->level),
                     (double)f->confidence);
    }
    arena_free(arena);
    return CLI_OK;
}

int cli_scan(const struct cli_command *command, int argc, char **argv)
{
    const char *config = NULL, *jsonl = NULL, *json = NULL;
    const struct cli_option table[] = {
        {"--config", "FILE", "levels, dictionaries and patterns of this configuration", &config},
        {"--jsonl", "FILE", "one text a line: {\"id\",\"text\"}; - is stdin", &jsonl},
        {"--json", NULL, "the result as JSON", &json},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if ((count == 1) == (jsonl != NULL))
        return cli_usage(command, "expected either a text or --jsonl FILE");
    struct snapshot *snap = cli_snapshot(config, &exit_code);
    if (!snap)
        return exit_code;
    struct base_error detail;
    if (jsonl)
        exit_code = cli_each_line(jsonl, scan_line, snap, &detail) ? cli_fail(&detail) : CLI_OK;
    else
        exit_code = scan_text(snap, slice_from_str(rest[0]), json != NULL);
    snapshot_unref(snap);
    return exit_code;
}

/* ---- score ---- */

static void print_score(struct slice id, struct slice text)
{
    struct router_score score;
    router_score_text(NULL, text, &score);
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 1 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_key(&w, SLICE("id"));
    json_put_raw(&w, id);
    json_member_double(&w, "score", score.complexity);
    json_member_str(&w, "task", router_task_name(score.task));
    json_member_bool(&w, "unknown", score.unknown != ROUTER_KNOWN);
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    cli_print_buffer(&out);
}

static enum base_err score_line(void *user, const struct cli_line *line, struct base_error *reterr)
{
    (void)user;
    if (slice_is_absent(line->text))
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "expected `text` or `prompt`");
    print_score(line->id, line->text);
    return BASE_OK;
}

int cli_score(const struct cli_command *command, int argc, char **argv)
{
    const char *jsonl = NULL, *json = NULL;
    const struct cli_option table[] = {
        {"--jsonl", "FILE", "one text a line: {\"id\",\"text\"}; - is stdin", &jsonl},
        {"--json", NULL, "the result as JSON", &json},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if ((count == 1) == (jsonl != NULL))
        return cli_usage(command, "expected either a text or --jsonl FILE");
    struct base_error detail;
    if (jsonl)
        return cli_each_line(jsonl, score_line, NULL, &detail) ? cli_fail(&detail) : CLI_OK;
    if (json) {
        print_score(SLICE("null"), slice_from_str(rest[0]));
        return CLI_OK;
    }
    struct router_score score;
    router_score_text(NULL, slice_from_str(rest[0]), &score);
    if (score.unknown)
        (void)printf("complexity: unknown (%s); the configuration's `unknown` says what it gets\n",
                     router_unknown_name(score.unknown));
    else
        (void)printf("complexity: %.3f (harder than %.0f %% of the reference set)\n",
                     score.complexity, score.complexity * 100);
    (void)printf("task: %s (%.0f %% sure)\nscorer: %.*s\n", router_task_name(score.task),
                 score.task_confidence * 100, SLICE_ARG(score.version));
    return CLI_OK;
}

/* ---- check and schema ---- */

/* Everything that is wrong with it, in `errors`; NULL: it does not even compile. */
static struct snapshot *check(const char *config, struct config_errors *errors, size_t *ret_soft,
                              int *ret_exit)
{
    struct snapshot *snap = cli_compile(config, errors, ret_exit);
    if (!snap)
        return NULL;
    bool is_bad = serve_config_tests(snap, errors, ret_soft) != BASE_OK;
    is_bad |= preflight_process(snap->config, errors) != BASE_OK;
    is_bad |= preflight_models(snap->config, errors) != BASE_OK;
    *ret_exit = is_bad ? CLI_USAGE : CLI_OK;
    return snap;
}

static void print_check_json(const char *file, const struct snapshot *snap, bool is_good,
                             bool matrix, struct slice problems)
{
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 16 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_str(&w, "file", file);
    json_member_bool(&w, "good", is_good);
    json_key(&w, SLICE("problems"));
    json_open_array(&w);
    while (problems.len > 0) {
        size_t end = slice_find(problems, SLICE("\n"));
        json_put_string(&w, slice_sub(problems, 0, end));
        problems = end == SIZE_MAX ? SLICE("") : slice_sub(problems, end + 1, SIZE_MAX);
    }
    json_close_array(&w);
    if (snap) {
        json_member_i64(&w, "targets", (int64_t)snap->target_count);
        json_member_i64(&w, "rules", (int64_t)snap->config->rule_count);
        json_member_i64(&w, "tests", (int64_t)snap->config->test_count);
    }
    if (snap && matrix) {
        json_key(&w, SLICE("matrix"));
        router_matrix_json(&snap->matrix, snap->facts, &w);
    }
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    cli_print_buffer(&out);
}

static void print_check(const char *file, const struct snapshot *snap, bool matrix)
{
    struct buffer out;
    buffer_init(&out, 16 << 20);
    if (matrix)
        router_matrix_text(&snap->matrix, snap->facts, &out);
    else
        buffer_addf(&out, "%s: good (%zu targets, %zu rules, %zu tests)\n", file,
                    snap->target_count, snap->config->rule_count, snap->config->test_count);
    cli_print_buffer(&out);
}

int cli_check(const struct cli_command *command, int argc, char **argv)
{
    const char *matrix = NULL, *config = NULL, *json = NULL;
    const struct cli_option table[] = {
        {"--matrix", NULL, "for each route and level, the targets it can reach", &matrix},
        {"--json", NULL, "all of it as JSON, problems too", &json},
        {"--config", "FILE", "the same as the argument", &config},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if (count == 1)
        config = rest[0];
    if (!config)
        return cli_usage(command, "expected the file to check");
    struct config_errors errors = {.count = 0};
    size_t soft = 0;
    buffer_init(&errors.text, 1 << 20);
    struct snapshot *snap = check(config, &errors, &soft, &exit_code);
    struct slice problems = buffer_slice(&errors.text);
    if (json)
        print_check_json(config, snap, exit_code == CLI_OK, matrix != NULL, problems);
    else
        (void)fwrite(problems.ptr, 1, problems.len, stderr);
    if (!json && exit_code == CLI_OK)
        print_check(config, snap, matrix != NULL);
    buffer_done(&errors.text);
    snapshot_unref(snap);
    return exit_code;
}

int cli_schema(const struct cli_command *command, int argc, char **argv)
{
    const char *markdown = NULL;
    const struct cli_option table[] = {
        {"--markdown", NULL, "the configuration reference instead (docs/configuration.md)",
         &markdown},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 0, &count, &exit_code))
        return exit_code;
    struct buffer out;
    buffer_init(&out, 16 << 20);
    if (markdown)
        config_reference_markdown(&out);
    else
        config_schema_json(&out);
    cli_print_buffer(&out);
    return CLI_OK;
}
