#include "base/doc/schema.h"
#include "base/json/json.h"
#include "tests/unit/unit.h"

#include <stdio.h>

/* The example of schema.h, and one of everything else that it offers. */
enum zone { ZONE_DEVICE, ZONE_PREMISES, ZONE_CLOUD };

struct capability {
    int form;
    double all;
    DOC_MAP_OF(double) per_task;
};

struct model {
    struct slice name;
    struct capability capability;
    int64_t context;
    bool context_given;
};

struct condition {
    struct slice text;
    const struct condition *not_; /* recursive */
    DOC_LIST_OF(struct condition) any;
};

struct upstream {
    struct slice name;
    enum zone zone;
    DOC_LIST_OF(struct model) models;
    const struct doc_node *where;
};

struct limits {
    int64_t timeout_ms;
    int64_t memory;
};

struct config {
    struct slice listen;
    bool verbose;
    double risk;
    struct limits limits;
    DOC_LIST_OF(struct upstream) upstreams;
    DOC_LIST_OF(struct slice) stop;
    const struct condition *when;
    const struct doc_node *extra;
    int64_t port; /* custom: written in hexadecimal */
};

static const struct doc_word zone_words[] = {{"device", ZONE_DEVICE, "in this process"},
                                             {"premises", ZONE_PREMISES, NULL},
                                             {"cloud", ZONE_CLOUD, "somebody else's"},
                                             {0}};
static const struct doc_type zone_type = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .words = zone_words};
static const struct doc_word task_words[] = {{"chat", 0, NULL}, {"code", 1, NULL}, {0}};
static const struct doc_type task_type = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "task", .words = task_words};
static const struct doc_type per_task_type = {.kind = DOC_KIND_MAP,
                                              .size = sizeof(struct doc_map),
                                              .item = &doc_type_ratio,
                                              .key = &task_type};
static const struct doc_field capability_forms[] = {
    DOC_FORM(struct capability, all, doc_type_ratio),
    DOC_FORM(struct capability, per_task, per_task_type),
    {0}};
static const struct doc_type capability_type = {.kind = DOC_KIND_ONE_OF,
                                                .size = sizeof(struct capability),
                                                .fields = capability_forms,
                                                .tag = DOC_AT(struct capability, form)};
static const struct doc_type context_type = {
    .kind = DOC_KIND_INT, .size = sizeof(int64_t), .min = 1, .max = 1000000};
static const struct doc_field model_fields[] = {
    DOC_FIELD(struct model, name, "name", doc_type_name, .required = true,
              .doc = "as the server calls it", .example = "qwen3-32b"),
    DOC_FIELD(struct model, capability, "capability", capability_type,
              .doc = "up to which complexity it answers well", .example = "{code: 0.9}"),
    DOC_FIELD(struct model, context, "context", context_type, .fallback = "4096",
              .given = DOC_AT(struct model, context_given), .doc = "tokens it can read"),
    {0}};
static const struct doc_type model_type = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct model),
                                           .name = "model",
                                           .fields = model_fields,
                                           .shorthand = "name"};
static const struct doc_type models_type = {.kind = DOC_KIND_LIST,
                                            .size = sizeof(struct doc_list),
                                            .item = &model_type,
                                            .min = 1,
                                            .max = 3,
                                            .single = true};
static const struct doc_field upstream_fields[] = {
    DOC_FIELD(struct upstream, name, "name", doc_type_name, .required = true, .doc = "its name"),
    DOC_FIELD(struct upstream, zone, "zone", zone_type, .fallback = "cloud", .doc = "where|it is"),
    DOC_FIELD(struct upstream, models, "models", models_type,
              .fallback = "[{name: fall, context: 7}]", .doc = "what it serves"),
    {0}};
static bool check_upstream(struct doc_binder *b, const struct doc_node *node, const void *value)
{
    const struct upstream *upstream = value;
    if (slice_eq_str(upstream->name, b->user))
        return doc_fail(b, doc_get(node, "name"), "this name is taken");
    return true;
}
static const struct doc_type upstream_type = {.kind = DOC_KIND_OBJECT,
                                              .size = sizeof(struct upstream),
                                              .name = "upstream",
                                              .doc = "A server.",
                                              .fields = upstream_fields,
                                              .where = DOC_AT(struct upstream, where),
                                              .check = check_upstream};
static const struct doc_type upstreams_type = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &upstream_type};

static const struct doc_type condition_type;
static const struct doc_type condition_pointer = {
    .kind = DOC_KIND_POINTER, .size = sizeof(void *), .item = &condition_type};
static const struct doc_type conditions_type = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &condition_type};
static const struct doc_field condition_fields[] = {
    DOC_FIELD(struct condition, text, "text", doc_type_string, .doc = "words in the request"),
    DOC_FIELD(struct condition, not_, "not", condition_pointer, .doc = "what must not hold"),
    DOC_FIELD(struct condition, any, "any", conditions_type, .doc = "one of them must hold"),
    {0}};
static const struct doc_type condition_type = {.kind = DOC_KIND_OBJECT,
                                               .size = sizeof(struct condition),
                                               .name = "condition",
                                               .fields = condition_fields};

static const struct doc_type timeout_type = {
    .kind = DOC_KIND_DURATION, .size = sizeof(int64_t), .max = 3600000};
static const struct doc_field limits_fields[] = {
    DOC_FIELD(struct limits, timeout_ms, "timeout", timeout_type, .fallback = "30s",
              .doc = "how long"),
    DOC_FIELD(struct limits, memory, "memory", doc_type_bytes, .fallback = "1G", .doc = "how much"),
    {0}};
static const struct doc_type limits_type = {.kind = DOC_KIND_OBJECT,
                                            .size = sizeof(struct limits),
                                            .name = "limits",
                                            .fields = limits_fields};

static bool parse_port(struct doc_binder *b, const struct doc_node *node, void *out)
{
    unsigned value = 0;
    char rest = 0;
    if (node->type != DOC_NODE_SCALAR || sscanf(node->text.ptr, "%4x%c", &value, &rest) != 1)
        return doc_fail(b, node, "expected a port in hexadecimal");
    int64_t port = value;
    memcpy(out, &port, sizeof(port));
    return true;
}
static const struct doc_type port_type = {.kind = DOC_KIND_CUSTOM,
                                          .size = sizeof(int64_t),
                                          .name = "a port in hexadecimal",
                                          .parse = parse_port,
                                          .json_schema = "{\"type\":\"string\"}"};

static const struct doc_field config_fields[] = {
    DOC_FIELD(struct config, listen, "listen", doc_type_string, .fallback = "127.0.0.1:8080",
              .doc = "the address to listen on"),
    DOC_FIELD(struct config, verbose, "verbose", doc_type_bool, .fallback = "true",
              .doc = "say more"),
    DOC_FIELD(struct config, risk, "risk", doc_type_ratio, .fallback = "0.05", .doc = "share"),
    DOC_FIELD(struct config, limits, "limits", limits_type, .doc = "how much and how long"),
    DOC_FIELD(struct config, upstreams, "upstreams", upstreams_type, .doc = "servers"),
    DOC_FIELD(struct config, stop, "stop", doc_type_string_or_list, .fallback = "[a, 'b']",
              .doc = "words"),
    DOC_FIELD(struct config, when, "when", condition_pointer, .doc = "when it holds"),
    DOC_FIELD(struct config, extra, "extra", doc_type_any, .doc = "anything"),
    DOC_FIELD(struct config, port, "port", port_type, .fallback = "1F90", .doc = "the port"),
    {0}};
static const struct doc_type config_type = {.kind = DOC_KIND_OBJECT,
                                            .size = sizeof(struct config),
                                            .name = "config",
                                            .doc = "Everything.",
                                            .fields = config_fields};

static struct arena *arena;
static struct doc_errors errors;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64u << 20);
    doc_errors_init(&errors);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static char taken[] = "taken";

static enum base_err bind(const char *text, struct config *config)
{
    const struct doc_node *root = NULL;
    struct base_error error;
    doc_errors_init(&errors);
    if (doc_parse_yaml("h.yaml", slice_from_str(text), arena, &root, &error) != BASE_OK)
        fail_msg("%s", error.message);
    return doc_bind(root, &config_type, arena, taken, config, &errors);
}

static void bind_ok(const char *text, struct config *config)
{
    if (bind(text, config) != BASE_OK)
        fail_msg("%s: %s", text, errors.items[0].message);
}

/* The problems must be exactly these lines. */
static void check_problems(const char *text, const char *expected)
{
    struct config config, before;
    memset(&config, 7, sizeof(config));
    before = config;
    assert_int_equal(bind(text, &config), BASE_ERR_BAD_CONFIG);
    assert_memory_equal(&config, &before, sizeof(config));
    struct buffer out;
    buffer_init(&out, 1 << 16);
    doc_errors_print(&errors, &out);
    assert_slice(buffer_slice(&out), expected);
    buffer_done(&out);
}

static void test_tables_are_sound(void **state)
{
    (void)state;
    doc_schema_check(&config_type, &errors);
    if (errors.total)
        fail_msg("%s", errors.items[0].message);
}

static void test_fallbacks(void **state)
{
    (void)state;
    static const char *const empties[] = {"", "{}", "# nothing\n"};
    for (size_t i = 0; i < 3; i++) {
        struct config config;
        bind_ok(empties[i], &config);
        assert_slice(config.listen, "127.0.0.1:8080");
        assert_true(config.verbose);
        assert_true(config.risk == 0.05);
        assert_int_equal(config.limits.timeout_ms, 30000);
        assert_int_equal(config.limits.memory, 1 << 30);
        assert_int_equal(config.upstreams.count, 0);
        assert_int_equal(config.stop.count, 2);
        assert_slice(config.stop.items[1], "b");
        assert_null(config.when);
        assert_null(config.extra);
        assert_int_equal(config.port, 8080);
    }
    struct config config;
    assert_int_equal(doc_bind(NULL, &config_type, arena, taken, &config, &errors), BASE_OK);
    assert_int_equal(config.port, 8080);
}

static void test_values(void **state)
{
    (void)state;
    struct config config;
    bind_ok("listen: 0.0.0.0:80\n"
            "verbose: false\n"
            "risk: 1\n"
            "limits: {timeout: 200ms, memory: 512MiB}\n"
            "stop: one\n"
            "port: ff\n"
            "extra: [1, {x: y}]\n"
            "when: {text: 'a', not: {any: [{text: b}, {not: {text: c}}]}}\n"
            "upstreams:\n"
            "  - name: a\n"
            "    zone: device\n"
            "    models: solo\n"
            "  - {name: b, models: [m1, {name: m2, capability: 0.7, context: 100},\n"
            "                       {name: m3, capability: {code: 0.9, chat: 0}}]}\n"
            "  - {name: c}\n",
            &config);
    assert_slice(config.listen, "0.0.0.0:80");
    assert_false(config.verbose);
    assert_true(config.risk == 1);
    assert_int_equal(config.limits.timeout_ms, 200);
    assert_int_equal(config.limits.memory, 512 << 20);
    assert_int_equal(config.stop.count, 1);
    assert_slice(config.stop.items[0], "one");
    assert_int_equal(config.port, 255);
    assert_int_equal(config.extra->count, 2);
    assert_slice(config.when->text, "a");
    assert_int_equal(config.when->not_->any.count, 2);
    assert_slice(config.when->not_->any.items[1].not_->text, "c");
    assert_int_equal(config.upstreams.count, 3);
    assert_int_equal(config.upstreams.items[2].models.items[0].context, 7);
    assert_false(config.upstreams.items[2].models.items[0].context_given);
    const struct upstream *a = &config.upstreams.items[0], *b = &config.upstreams.items[1];
    assert_int_equal(a->zone, ZONE_DEVICE);
    assert_int_equal(a->where->line, 10);
    assert_int_equal(a->models.count, 1);
    assert_slice(a->models.items[0].name, "solo");
    assert_int_equal(a->models.items[0].capability.form, -1);
    assert_int_equal(a->models.items[0].context, 4096);
    assert_false(a->models.items[0].context_given);
    assert_int_equal(b->zone, ZONE_CLOUD);
    assert_int_equal(b->models.items[1].capability.form, 0);
    assert_true(b->models.items[1].capability.all == 0.7);
    assert_int_equal(b->models.items[1].context, 100);
    assert_true(b->models.items[1].context_given);
    const struct capability *c = &b->models.items[2].capability;
    assert_int_equal(c->form, 1);
    assert_int_equal(c->per_task.count, 2);
    assert_slice(c->per_task.keys[0], "code");
    assert_true(c->per_task.values[0] == 0.9);
}

static void test_problems(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problems;
    } cases[] = {
        {"upstreams:\n  - name: x\n    modles: [a]\n",
         "h.yaml:3:5: unknown key `modles` in upstreams[0]; did you mean `models`?\n"},
        {"qqqqqq: 1\n", "h.yaml:1:1: unknown key `qqqqqq`\n"},
        {"upstreams: [{zone: clod, models: []}]",
         "h.yaml:1:13: upstreams[0]: the key `name` is missing\n"
         "h.yaml:1:20: upstreams[0].zone: expected `device`, `premises` or `cloud`; "
         "did you mean `cloud`?\n"
         "h.yaml:1:34: upstreams[0].models: expected a list from 1 to 3\n"},
        {"risk: 1.5", "h.yaml:1:7: risk: expected a number from 0 to 1\n"},
        {"risk: '0.5'", "h.yaml:1:7: risk: expected a number from 0 to 1, found a string; "
                        "remove the quotes\n"},
        {"risk: x", "h.yaml:1:7: risk: expected a number from 0 to 1, found a string\n"},
        {"listen: 80", "h.yaml:1:9: listen: expected a string, found a number; put it in quotes\n"},
        {"listen: true",
         "h.yaml:1:9: listen: expected a string, found true or false; put it in quotes\n"},
        {"verbose: yes", "h.yaml:1:10: verbose: expected true or false, found a string\n"},
        {"verbose:\nrisk: 0",
         "h.yaml:1:9: verbose: expected true or false, found nothing; give the key a value or "
         "remove it\n"},
        {"limits: {timeout: 5}", "h.yaml:1:19: limits.timeout: expected a duration such as 200ms, "
                                 "5s, 1m, 2h or 7d from 0 to 3600000 ms, found a number\n"},
        {"limits: {timeout: 2h}", "h.yaml:1:19: limits.timeout: expected a duration such as 200ms, "
                                  "5s, 1m, 2h or 7d from 0 to 3600000 ms\n"},
        {"limits: {memory: 8GB}",
         "h.yaml:1:18: limits.memory: expected a size such as 64K, 512M or 8G, found a string\n"},
        {"limits: {memory: 99999999999T}",
         "h.yaml:1:18: limits.memory: expected a size such as 64K, 512M or 8G, found a string\n"},
        {"limits: [1]", "h.yaml:1:9: limits: expected a map (limits), found a list\n"},
        {"upstreams: {}", "h.yaml:1:12: upstreams: expected a list, found a map\n"},
        {"stop: [1]", "h.yaml:1:8: stop[0]: expected a string, found a number; put it in quotes\n"},
        {"upstreams: [{name: a, models: {name: b, capability: {cod: 1, chat: 2}}}]",
         "h.yaml:1:54: unknown key `cod` in upstreams[0].models.capability; did you mean `code`?\n"
         "h.yaml:1:68: upstreams[0].models.capability.chat: expected a number from 0 to 1\n"},
        {"upstreams: [{name: a, models: {name: b, capability: high}}]",
         "h.yaml:1:53: upstreams[0].models.capability: expected a number from 0 to 1 or a map, "
         "found a string\n"},
        {"upstreams: [{name: ''}]",
         "h.yaml:1:20: upstreams[0].name: expected a string of 1 to 128 bytes\n"},
        {"upstreams: [{name: taken}]", "h.yaml:1:20: upstreams[0]: this name is taken\n"},
        {"port: xyz", "h.yaml:1:7: port: expected a port in hexadecimal\n"},
        {"when: {not: {not: {txt: a}}}",
         "h.yaml:1:20: unknown key `txt` in when.not.not; did you mean `text`?\n"},
        {"[]", "h.yaml:1:1: expected a map (config), found a list\n"},
        {"a\\\"\x7f: 1", NULL},
    };
    for (size_t i = 0; cases[i].problems; i++)
        check_problems(cases[i].text, cases[i].problems);
}

/* Values may be secrets that were pasted into the wrong place. */
static void test_problems_never_quote_values(void **state)
{
    (void)state;
    static const char *const texts[] = {"verbose: pasted-secret",
                                        "limits: pasted-secret",
                                        "limits: {timeout: pasted-secret, memory: pasted-secret}",
                                        "upstreams: [{name: a, zone: pasted-secret}]",
                                        "port: pasted-secret",
                                        "risk: 'pasted-secret'"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config config;
        assert_int_equal(bind(texts[i], &config), BASE_ERR_BAD_CONFIG);
        for (size_t k = 0; k < errors.count; k++)
            assert_null(strstr(errors.items[k].message, "pasted"));
    }
}

static void test_many_problems(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, DOC_MAX_BYTES);
    for (int i = 0; i < 40000; i++)
        buffer_addf(&text, "unknown%d: 1\n", i);
    buffer_add_char(&text, '\0');
    struct config config;
    assert_int_equal(bind(buffer_slice(&text).ptr, &config), BASE_ERR_BAD_CONFIG);
    assert_int_equal(errors.total, 40000);
    assert_int_equal(errors.count, DOC_ERRORS_MAX);
    assert_int_equal(errors.items[19].line, 20);
    buffer_done(&text);
}

static void test_json_schema(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1 << 20);
    doc_schema_print_json(&config_type, "Hearth", &out);
    assert_int_equal(out.err, BASE_OK);
    const struct json_node *root = NULL;
    struct base_error error;
    if (json_parse(buffer_slice(&out), &json_limits_request, arena, &root, &error) != BASE_OK)
        fail_msg("%s", error.message);
    assert_slice(json_string(json_get(root, SLICE("$ref"))), "#/$defs/config");
    const struct json_node *defs = json_get(root, SLICE("$defs"));
    assert_int_equal(defs->count, 5);
    const struct json_node *zone =
        json_get(json_get(json_get(defs, SLICE("upstream")), SLICE("properties")), SLICE("zone"));
    assert_slice(zone->text, "{\"description\":\"where|it is\",\"default\":\"cloud\",\"allOf\":"
                             "[{\"enum\":[\"device\",\"premises\",\"cloud\"]}]}");
    const struct json_node *model = json_get(defs, SLICE("model"));
    assert_slice(json_get(model, SLICE("required"))->text, "[\"name\"]");
    assert_slice(
        json_get(json_get(model, SLICE("properties")), SLICE("capability"))->text,
        "{\"description\":\"up to which complexity it answers well\",\"examples\":"
        "[{\"code\":0.9}],\"allOf\":[{\"anyOf\":[{\"type\":\"number\",\"minimum\":0,"
        "\"maximum\":1},{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\","
        "\"minimum\":0,\"maximum\":1},\"propertyNames\":{\"enum\":[\"chat\",\"code\"]}}]}]}");
    assert_slice(
        json_get(json_get(json_get(defs, SLICE("condition")), SLICE("properties")), SLICE("not"))
            ->text,
        "{\"description\":\"what must not hold\",\"allOf\":"
        "[{\"$ref\":\"#/$defs/condition\"}]}");
    buffer_done(&out);
}

static void test_markdown(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1 << 20);
    doc_schema_print_markdown(&config_type, &out);
    buffer_add_char(&out, '\0');
    const char *text = buffer_slice(&out).ptr;
    assert_int_equal(out.err, BASE_OK);
    assert_contains(text, "## config\n\nEverything.\n\n| Key | Type | Default | Meaning |\n|---|");
    assert_contains(text, "| `listen` | string | `127.0.0.1:8080` | the address to listen on |\n");
    assert_contains(text, "| `name` | string, 1 to 128 bytes | required | as the server calls it"
                          "<br>Example: `qwen3-32b` |\n");
    assert_contains(text, "| `zone` | `device`, `premises` or `cloud` | `cloud` | where\\|it is"
                          "<br>`device`: in this process<br>`cloud`: somebody else's |\n");
    assert_contains(
        text,
        "| `models` | [model](#model) (or just its `name`) or list of "
        "[model](#model) (or just its `name`) | `[{name: fall, context: 7}]` | what it serves "
        "|\n");
    assert_contains(text, "| `capability` | number, 0 to 1 or map of task to number, 0 to 1 |");
    assert_contains(text, "| `timeout` | duration, 0 to 3600000 ms | `30s` | how long |\n");
    buffer_done(&out);
}

/* Each mistake in a table is found by doc_schema_check(). */
static void test_bad_tables(void **state)
{
    (void)state;
    struct holder {
        int64_t number;
        struct model model;
        int word;
    };
    static const struct doc_type nameless = {
        .kind = DOC_KIND_OBJECT, .size = 8, .fields = limits_fields};
    static const struct doc_type listless = {.kind = DOC_KIND_LIST,
                                             .size = sizeof(struct doc_list)};
    const struct {
        struct doc_field field;
        const char *problem;
    } cases[] = {
        {DOC_FIELD(struct holder, number, "n", doc_type_int, .doc = ""), "doc line is missing"},
        {DOC_FIELD(struct holder, number, NULL, doc_type_int, .doc = "d"), "name is missing"},
        {DOC_FIELD(struct holder, number, "n", doc_type_bool, .doc = "d"), "size of its type"},
        {DOC_FIELD(struct holder, number, "n", doc_type_int, .doc = "d", .fallback = "x"),
         "fallback does not bind"},
        {DOC_FIELD(struct holder, number, "n", doc_type_int, .doc = "d", .example = "[1]"),
         "example does not bind"},
        {DOC_FIELD(struct holder, number, "n", doc_type_int, .doc = "d", .example = "[1"),
         "example does not bind"},
        {DOC_FIELD(struct holder, model, "m", model_type, .doc = "d"), "has required keys itself"},
        {DOC_FIELD(struct holder, word, "w", zone_type, .doc = "d"), "needs a fallback"},
        {DOC_FIELD(struct holder, model, "m", listless, .doc = "d"), "have an item"},
        {DOC_FIELD(struct holder, number, "n", nameless, .doc = "d"), "needs a name"},
        {DOC_FIELD(struct holder, number, "n", doc_type_int, .doc = "d", .required = true,
                   .fallback = "1"),
         "needs no fallback"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct doc_field fields[] = {cases[i].field, {0}};
        struct doc_type type = {.kind = DOC_KIND_OBJECT,
                                .size = sizeof(struct holder),
                                .name = "holder",
                                .fields = fields};
        doc_errors_init(&errors);
        doc_schema_check(&type, &errors);
        bool found = false;
        for (size_t k = 0; k < errors.count; k++)
            found = found || strstr(errors.items[k].message, cases[i].problem);
        if (!found)
            fail_msg("not found: %s (%s)", cases[i].problem,
                     errors.count ? errors.items[0].message : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables_are_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fallbacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_problems, setup, teardown),
        cmocka_unit_test_setup_teardown(test_problems_never_quote_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_problems, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_markdown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_tables, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
