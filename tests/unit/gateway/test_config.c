/* The configuration: tables without mistakes, strict errors with places, and what a good file
 * becomes. */
#include "tests/unit/unit.h"

#include "gateway/config/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void test_tables(void **state)
{
    (void)state;
    struct doc_errors errors;
    struct buffer out;
    doc_errors_init(&errors);
    doc_schema_check(&file_config_type, &errors);
    buffer_init(&out, 1 << 16);
    doc_errors_print(&errors, &out);
    if (errors.total)
        fail_msg("%.*s", SLICE_ARG(buffer_slice(&out)));
    buffer_done(&out);
}

static struct config *load(const char *text, char *says, size_t size)
{
    struct config *config = NULL;
    struct config_errors errors = {.count = 0};
    buffer_init(&errors.text, 1 << 16);
    enum base_err err = config_load_text(slice_from_str(text), "t.yaml", &config, &errors);
    (void)snprintf(says, size, "%.*s", SLICE_ARG(buffer_slice(&errors.text)));
    buffer_done(&errors.text);
    if (err)
        assert_null(config);
    else
        assert_non_null(config);
    return config;
}

static void test_defaults(void **state)
{
    (void)state;
    char says[4096];
    struct config *c =
        load("engine: {models: [{name: demo, path: demo.gguf}]}", says, sizeof(says));
    assert_non_null(c);
    assert_slice(c->listen, "127.0.0.1:8080");
    assert_true(c->headers_full);
    assert_false(c->auth_none);
    assert_int_equal(c->policy.default_level, POLICY_LEVEL_INTERNAL);
    assert_int_equal(c->policy.uninspected_level, POLICY_LEVEL_CONFIDENTIAL);
    assert_int_equal(c->engine_models[0].clearance, POLICY_LEVEL_RESTRICTED);
    assert_int_equal(c->engine_models[0].nano_usd_per_second, 13889); /* 0.05 USD an hour */
    assert_int_equal(c->settings.deadline_ms, 5000);
    assert_true(c->settings.unknown_complexity > 0.59 && c->settings.unknown_complexity < 0.61);
    config_free(c);
}

static void test_upstream(void **state)
{
    (void)state;
    char says[4096];
    struct config *c = load("upstreams:\n"
                            "  - name: openai\n"
                            "    kind: openai\n"
                            "    key: env:OPENAI_API_KEY\n"
                            "    models:\n"
                            "      - {name: gpt-x, capability: {code: 0.9, chat: 0.7}, prices: "
                            "{input: 0.15, output: 0.6}}\n"
                            "      - gpt-y\n",
                            says, sizeof(says));
    assert_non_null(c);
    const struct config_upstream *up = &c->upstreams[0];
    assert_int_equal(up->zone, POLICY_ZONE_CLOUD);
    assert_int_equal(up->clearance, POLICY_LEVEL_INTERNAL);
    assert_int_equal(up->models[0].prices->tiers[0].input, 150000000);
    assert_int_equal(up->models[0].prices->tiers[0].cache_read, -1);
    assert_true(up->models[0].capability.by_task[ROUTER_TASK_CODE] > 0.89);
    assert_true(up->models[0].capability.by_task[ROUTER_TASK_MATH] < 0.01);
    assert_slice(up->models[1].upstream_name, "gpt-y");
    assert_null(up->models[1].prices); /* unknown, not free */
    config_free(c);
}

static void test_rules(void **state)
{
    (void)state;
    char says[4096];
    struct config *c = load("rules:\n"
                            "  - name: a\n"
                            "    when: {text: {regex: 'x+', in: all}, not: {tenant: interns}, "
                            "level: {min: confidential}}\n"
                            "    raise: {sensitivity: restricted}\n"
                            "  - name: b\n"
                            "    when: {unknown: false}\n"
                            "    only: {zone: [device, premises]}\n"
                            "    max_cost: 0.01\n"
                            "    final: true\n",
                            says, sizeof(says));
    if (!c)
        fail_msg("%s", says);
    const struct router_rule *a = &c->rules[0], *b = &c->rules[1];
    assert_int_equal(a->when.type, ROUTER_WHEN_ALL);
    assert_int_equal(a->when.child_count, 3);
    assert_int_equal(a->when.children[0].type, ROUTER_WHEN_TEXT_REGEX);
    assert_int_equal(a->when.children[0].scope, ROUTER_SCOPE_ALL);
    assert_int_equal(a->when.children[1].type, ROUTER_WHEN_NOT);
    assert_int_equal(a->when.children[2].level_min, POLICY_LEVEL_CONFIDENTIAL);
    assert_true(a->raise_level_given);
    assert_true(a->raise_complexity < 0);
    assert_int_equal(b->when.type, ROUTER_WHEN_NOT);
    assert_int_equal(b->only.zones, 1 << POLICY_ZONE_DEVICE | 1 << POLICY_ZONE_PREMISES);
    assert_int_equal(b->max_cost_nano_usd, 10000000);
    assert_true(b->final);
    config_free(c);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"lisen: a", "t.yaml:1:1: unknown key `lisen`; did you mean `listen`?"},
        {"upstreams:\n  - {name: a, kind: opnai, models: [x]}", "t.yaml:2:5: unknown kind `opnai`"},
        {"policy:\n  levels: {helth: restricted}", "unknown finding type or group `helth`"},
        {"policy:\n  levels: {health: secret}", "t.yaml:2:"},
        {"policy:\n  levels: {person: restricted}", "nothing looks for `person`"},
        {"rules:\n  - {name: a, when: {taks: code}, final: true}", "did you mean `task`?"},
        {"rules:\n  - {name: a, when: {level: secret}, final: true}", "expected public, internal"},
        {"rules:\n  - {name: a, when: {prompt_tokens: {above: 3}}, final: true}",
         "known are over and under"},
        {"models:\n  a: {route: auto, pipeline: p}", "give only one"},
        {"tls: {cert: a.pem}", "give both cert and key"},
        {"policy:\n  dictionaries: [{name: d}]", "either `words` or `file`"},
        {"policy:\n  dictionaries: [{name: d, file: /nowhere/at/all.txt}]", "/nowhere/at/all.txt"},
        {"\nupstreams:\n  - {name: far, kind: openai, ca_file: /nowhere/ca.pem, models: [m]}",
         "3:5: upstream `far`: ca_file /nowhere/ca.pem: No such file"},
        {"upstreams:\n  - {name: far, kind: openai, ca_file: /proc/self, models: [m]}",
         "ca_file /proc/self: Is a directory"},
        {"upstreams:\n  - {name: far, kind: openai, ca_file: /proc/self/status, models: [m]}",
         "ca_file /proc/self/status: holds no certificate"},
        {"pipelines:\n  - {name: p, steps: []}", "t.yaml:2:"},
        {"workers: 4294967297", "t.yaml:1:10: workers: expected an integer from 0 to 256"},
        {"connections_per_ip: 4294967296", "expected an integer from 0 to"},
        {"engine: {models: [{name: d, path: d, sequences: 4294967297}]}", "from 0 to 1024"},
        {"engine: {models: [{name: d, path: d, usd_per_hour: -5}]}", "a number from 0 to"},
        {"engine: {models: [{name: d, path: d, usd_per_hour: 1e300}]}", "a number from 0 to"},
        {"upstreams:\n  - {name: u, kind: vllm, models: [{name: m, prices: {input: -1, output: "
         "0}}]}",
         "prices.input: expected a number from 0 to"},
        {"upstreams:\n  - {name: u, kind: vllm, key: sk-something, models: [m]}",
         "t.yaml:2:32: upstream `u`: a key is `env:NAME` or `file:PATH`"},
        {"tenants: [{name: a},\n  {name: b}, {name: a}]",
         "t.yaml:2:21: the tenant `a` stands here"},
        {"engine: {models: [{name: d, path: x}, {name: d, path: y}]}", "the model `d` stands here"},
        {"policy: {dictionaries: [{name: d, words: [x]}, {name: d, words: [y]}]}",
         "the dictionary `d` stands here"},
        {"body_max: 0", "body_max: expected a size"},
        {"a: &x 1\nb: *x", "t.yaml:1:"},
        {"listen: a\nlisten: b", "t.yaml:2:"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char says[4096];
        assert_null(load(cases[i].text, says, sizeof(says)));
        assert_contains(says, cases[i].says);
    }
}

/* A dictionary that is not what it seems would protect nothing: each is an error. */
static void test_dictionary_files(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *says;
        size_t len;
    } cases[] = {
        {"", "holds no words", 0},
        {"# only a remark\n \n", "holds no words", 18},
        {"\xEF\xBB\xBF", "holds no words", 3},
        {"\xFF\xFEz\0e\0b\0", "not a text in UTF-8", 8},
        {"caf\xE9\n", "not a text in UTF-8", 5},
        {"zebra\0horse\n", "not a text in UTF-8", 12},
    };
    char path[] = "/tmp/hearth-words-XXXXXX", text[256], says[4096];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)snprintf(text, sizeof(text), "policy: {dictionaries: [{name: d, file: %s}]}", path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, cases[i].bytes, cases[i].len, 0), (ssize_t)cases[i].len);
        assert_null(load(text, says, sizeof(says)));
        assert_contains(says, cases[i].says);
    }
    static const char marked[] = "\xEF\xBB\xBFproject zebra\r\n\r\n# no\r\nheron\r\n";
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, marked, sizeof(marked) - 1, 0), (ssize_t)sizeof(marked) - 1);
    struct config *c = load(text, says, sizeof(says));
    assert_non_null(c);
    assert_int_equal(c->policy.dictionaries[0].word_count, 2);
    assert_slice(c->policy.dictionaries[0].words[0], "project zebra");
    assert_slice(c->policy.dictionaries[0].words[1], "heron");
    config_free(c);
    (void)close(fd);
    (void)unlink(path);
    assert_null(load("policy: {dictionaries: [{name: d, file: /proc}]}", says, sizeof(says)));
    assert_contains(says, "/proc: the dictionary cannot be read: Is a directory");
}

static void test_default_config(void **state)
{
    (void)state;
    struct config *c;
    struct config_errors errors = {.count = 0};
    buffer_init(&errors.text, 4096);
    assert_int_equal(config_default("deploy/demo.gguf", &c, &errors), BASE_OK);
    assert_slice(c->engine_models[0].path, "deploy/demo.gguf");
    /* as measured: docs/demo-model.md, Capability */
    const double *by_task = c->engine_models[0].capability.by_task;
    assert_true(by_task[ROUTER_TASK_CLASSIFICATION] > 0.39);
    assert_true(by_task[ROUTER_TASK_CLASSIFICATION] < 0.41);
    assert_true(by_task[ROUTER_TASK_EXTRACTION] > 0.54);
    assert_true(by_task[ROUTER_TASK_EXTRACTION] < 0.56);
    assert_true(by_task[ROUTER_TASK_CHAT] < 0.01);
    assert_int_equal(c->model_count, 4);
    config_free(c);
    assert_int_equal(config_default("a\"b", &c, &errors), BASE_ERR_BAD_CONFIG);
    buffer_done(&errors.text);
}

/* Names with spaces in them are links all the same, in the reference and in the JSON Schema. */
static void test_links(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1 << 20);
    config_reference_markdown(&out);
    buffer_add_char(&out, '\0');
    assert_contains(buffer_slice(&out).ptr, "[engine model](#engine-model)");
    buffer_done(&out);
    buffer_init(&out, 1 << 20);
    config_schema_json(&out);
    buffer_add_char(&out, '\0');
    assert_contains(buffer_slice(&out).ptr, "\"$ref\":\"#/$defs/engine-model\"");
    assert_contains(buffer_slice(&out).ptr, "\"engine-model\":{\"type\":\"object\"");
    buffer_done(&out);
}

/* docs/configuration.md is what `hearth schema --markdown` prints. */
static void test_reference_is_true(void **state)
{
    (void)state;
    struct buffer made;
    buffer_init(&made, 1 << 20);
    config_reference_markdown(&made);
    FILE *file = fopen(getenv("HEARTH_REFERENCE"), "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    (void)fclose(file);
    if (!slice_eq(slice_of(text, len), buffer_slice(&made)))
        fail_msg("docs/configuration.md is old: hearth schema --markdown > docs/configuration.md");
    free(text);
    buffer_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_upstream),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_dictionary_files),
        cmocka_unit_test(test_default_config),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_reference_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
