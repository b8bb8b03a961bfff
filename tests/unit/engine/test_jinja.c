/* Templates against what Jinja renders (jinja.golden); what is refused, bounded, marked. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/template/jinja.h"

static const char *golden_path;
static const struct engine_jinja_limits limits = {.now_ns = 1768471200000000000};

static struct engine_value json(struct arena *arena, const char *text)
{
    struct engine_value value;
    struct base_error detail = {0};
    if (engine_value_from_json(arena, slice_from_str(text), &value, &detail) != BASE_OK)
        fail_msg("%s: %s", text, detail.message);
    return value;
}

static struct slice string_of(const struct engine_value *map, const char *key)
{
    struct engine_value value = engine_value_get(map, slice_from_str(key));
    return value.type == ENGINE_VALUE_STRING ? slice_of(value.u.s.ptr, value.u.s.len) : SLICE_NONE;
}

static enum base_err render(struct slice source, const struct engine_value *vars,
                            const struct engine_jinja_limits *lim, struct buffer *out,
                            struct engine_runs *runs, struct base_error *detail)
{
    struct engine_jinja *jinja;
    enum base_err err = engine_jinja_new(source, &jinja, detail);
    if (err)
        return err;
    err = engine_jinja_render(jinja, vars, lim, out, runs, detail);
    engine_jinja_free(jinja);
    return err;
}

static void test_golden(void **state)
{
    (void)state;
    FILE *file = fopen(golden_path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    int number = 0, failed = 0;
    while ((len = getline(&line, &size, file)) > 0) {
        struct arena *arena = arena_new(16 << 20);
        struct engine_value whole;
        struct base_error detail = {0};
        number++;
        assert_int_equal(
            engine_value_from_json(arena, slice_of(line, (size_t)len), &whole, &detail), BASE_OK);
        struct engine_value vars = engine_value_get(&whole, SLICE("vars"));
        struct slice want = string_of(&whole, "expected");
        struct buffer out;
        struct engine_runs runs = {0};
        buffer_init(&out, 1 << 20);
        enum base_err err =
            render(string_of(&whole, "template"), &vars, &limits, &out, &runs, &detail);
        struct slice got = buffer_slice(&out);
        bool good = slice_is_absent(want) ? err == BASE_ERR_BAD_REQUEST
                                          : err == BASE_OK && slice_eq(got, want);
        if (!good) {
            print_error("line %d: %s\n--- got\n%.*s\n--- want\n%.*s\n", number, detail.message,
                        SLICE_ARG(got), SLICE_ARG(want));
            failed++;
        }
        if (!err && got.len > 0)
            assert_int_equal(runs.items[runs.count - 1].end, got.len);
        engine_runs_done(&runs);
        buffer_done(&out);
        arena_free(arena);
    }
    free(line);
    fclose(file);
    assert_int_equal(failed, 0);
    assert_true(number > 80);
}

/* Every operation keeps apart what stands in the template and what came in. */
static void test_origin(void **state)
{
    (void)state;
    static const struct {
        const char *template, *want; /* bytes from the template in < >, from values in [ ] */
    } cases[] = {
        {"x{{ u }}y", "<x>[user]<y>"},
        {"{{ '(' + u + ')' }}", "<(>[user]<)>"},
        {"{{ ('(' ~ u ~ ')')[1:] }}", "[user]<)>"},
        {"{{ ('(' ~ u ~ ')')[4] }}", "[r]"},
        {"{{ (' ' ~ u ~ ' ') | trim }}", "[user]"},
        {"{{ ('(' ~ u ~ ')') | upper }}", "<(>[USER]<)>"},
        {"{{ u | replace('s', '--') }}", "[u]<-->[er]"},
        {"{{ 'a,b' | replace(',', u) }}", "<a>[user]<b>"},
        {"{{ [u, 'x'] | join('+') }}", "[user]<+x>"},
        {"{{ ('a|' ~ u).split('|')[1] }}{{ ('a|' ~ u).split('|')[0] }}", "[user]<a>"},
        {"{{ ('a\\n' ~ u) | indent(1) }}", "<a\n >[user]"},
        {"{% macro m(x) %}({{ x }}){% endmacro %}{{ m(u) }}", "<(>[user]<)>"},
        {"{% set b %}<{{ u }}>{% endset %}{{ b }}", "<<>[user]<>>"},
        {"{{ {'k': u} | tojson }}", "[{\"k\": \"user\"}]"},
        {"{% for c in '<' ~ u %}{{ c }}{% endfor %}", "<<>[user]"},
        {"{{ d.items() | list }}", "[[('key', 'user')]]"},
        {"{% for k, v in d.items() %}{{ k }}={{ v }}{% endfor %}", "[key]<=>[user]"},
        {"{{ ('a' ~ u) | reverse }}", "[resu]<a>"},
        {"{{ u | default('x') }}{{ nothing | default('x') }}", "[user]<x>"},
        {"{{ t }}{{ u }}{{ 1 }}{{ none }}", "<trusted>[user]<1None>"},
        {"{{ u * 2 }}{{ 'x' * 2 }}", "[useruser]<xx>"},
        {"{{ u.strip('u') }}{{ (u ~ '>').rstrip('>') }}", "[seruser]"},
        {"{{ '<%s|%d>' % (u, 5) }}{{ '%s' | format(u) }}", "<<>[user]<|5>>[user]"},
        {"{{ '({}|{k})'.format(u, k='x') }}", "<(>[user]<|x)>"},
        {"{{ '<' | safe + u + '\"' }}{{ ('<' ~ u) | e }}", "<<>[user]<&#34;&lt;>[user]"},
        {"{% filter upper %}a{{ u }}{% endfilter %}{% raw %}{{ u }}{% endraw %}",
         "<A>[USER]<{{ u }}>"},
        {"{% macro m() %}({{ caller() }}){% endmacro %}{% call m() %}x{{ u }}{% endcall %}",
         "<(x>[user]<)>"},
    };
    struct arena *arena = arena_new(1 << 20);
    struct engine_value vars = json(arena, "{\"u\": \"user\", \"d\": {\"key\": \"user\"}}");
    assert_true(
        engine_value_set(arena, &vars, SLICE("t"), engine_value_string(SLICE("trusted"), true)));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer out, shown;
        struct engine_runs runs = {0};
        struct base_error detail = {0};
        buffer_init(&out, 1 << 16);
        buffer_init(&shown, 1 << 16);
        if (render(slice_from_str(cases[i].template), &vars, NULL, &out, &runs, &detail))
            fail_msg("%s: %s", cases[i].template, detail.message);
        size_t at = 0;
        for (size_t r = 0; r < runs.count; r++) {
            struct slice part = slice_sub(buffer_slice(&out), at, runs.items[r].end - at);
            buffer_addf(&shown, runs.items[r].literal ? "<%.*s>" : "[%.*s]", SLICE_ARG(part));
            at = runs.items[r].end;
        }
        if (!slice_eq_str(buffer_slice(&shown), cases[i].want))
            fail_msg("%s: %.*s, not %s", cases[i].template, SLICE_ARG(buffer_slice(&shown)),
                     cases[i].want);
        engine_runs_done(&runs);
        buffer_done(&shown);
        buffer_done(&out);
    }
    arena_free(arena);
}

static void test_refused_when_loaded(void **state)
{
    (void)state;
    static const struct {
        const char *template, *word;
        enum base_err err;
    } cases[] = {
        {"a\n{% include 'x' %}", "line 2: the block 'include'", BASE_ERR_UNSUPPORTED},
        {"{% extends 'x' %}", "'extends'", BASE_ERR_UNSUPPORTED},
        {"{% block x %}{% endblock %}", "'block'", BASE_ERR_UNSUPPORTED},
        {"{% import 'x' as y %}", "'import'", BASE_ERR_UNSUPPORTED},
        {"{% raw %}{{ x }}", "endraw", BASE_ERR_BAD_VALUE},
        {"{% filter nope %}{% endfilter %}", "filter 'nope'", BASE_ERR_UNSUPPORTED},
        {"{% filter %}{% endfilter %}", "name", BASE_ERR_BAD_VALUE},
        {"{% filter upper %}x", "endfilter", BASE_ERR_BAD_VALUE},
        {"{% call x() %}{% endcall %}", "function 'x'", BASE_ERR_UNSUPPORTED},
        {"{% call(a) x() %}{% endcall %}", "parameters", BASE_ERR_UNSUPPORTED},
        {"{% call x %}{% endcall %}", "macro", BASE_ERR_UNSUPPORTED},
        {"{% macro m() %}{% endmacro %}{% call m() %}", "endcall", BASE_ERR_BAD_VALUE},
        {"{{ x | urlize }}", "filter 'urlize'", BASE_ERR_UNSUPPORTED},
        {"{{ x is callable }}", "test 'callable'", BASE_ERR_UNSUPPORTED},
        {"{{ x.encode() }}", "method 'encode'", BASE_ERR_UNSUPPORTED},
        {"{{ x.append(1) }}", "method 'append'", BASE_ERR_UNSUPPORTED},
        {"{{ cycler(1) }}", "function 'cycler'", BASE_ERR_UNSUPPORTED},
        {"{{ x.y['z']() }}", "only names", BASE_ERR_UNSUPPORTED},
        {"{{ 2 ** 3 }}", "'**'", BASE_ERR_UNSUPPORTED},
        {"{{ 1 < 2 < 3 }}", "chain", BASE_ERR_UNSUPPORTED},
        {"{{ f(*x) }}", "*", BASE_ERR_UNSUPPORTED},
        {"{{ x | tojson(foo=1) }}", "parameter 'foo'", BASE_ERR_UNSUPPORTED},
        {"{{ x | trim(1, 2, 3) }}", "too many", BASE_ERR_UNSUPPORTED},
        {"{{ x | replace('a') }}", "needs the argument", BASE_ERR_BAD_VALUE},
        {"{% for x in y recursive %}{% endfor %}", "recursive", BASE_ERR_UNSUPPORTED},
        {"{% for x in y %}{% macro m() %}{% endmacro %}{% endfor %}", "macro",
         BASE_ERR_UNSUPPORTED},
        {"{% macro m() %}{{ caller(1) }}{% endmacro %}", "caller", BASE_ERR_UNSUPPORTED},
        {"{% macro m() %}{{ caller }}{% endmacro %}", "caller", BASE_ERR_UNSUPPORTED},
        {"{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "parameter", BASE_ERR_BAD_VALUE},
        {"{{ 0x10 }}", "decimal", BASE_ERR_UNSUPPORTED},
        {"{{ 99999999999999999999 }}", "number", BASE_ERR_UNSUPPORTED},
        {"{{ '\\N{DASH}' }}", "escape", BASE_ERR_UNSUPPORTED},
        {"{{ self.x }}", "'self'", BASE_ERR_UNSUPPORTED},
        {"{% set x | nope %}{% endset %}", "filter 'nope'", BASE_ERR_UNSUPPORTED},
        {"{% set x, y | trim %}{% endset %}", "one name", BASE_ERR_UNSUPPORTED},
        {"{{ a }", "} without {", BASE_ERR_BAD_VALUE},
        {"{{ a", "}} is missing", BASE_ERR_BAD_VALUE},
        {"x\n\n{% if a %}", "endif", BASE_ERR_BAD_VALUE},
        {"{% if a %}", "missing", BASE_ERR_BAD_VALUE},
        {"{% endif %}", "no beginning", BASE_ERR_BAD_VALUE},
        {"{% else %}", "no beginning", BASE_ERR_BAD_VALUE},
        {"{# a", "comment", BASE_ERR_BAD_VALUE},
        {"{{ 'a }}", "quote", BASE_ERR_BAD_VALUE},
        {"{{ }}", "expression", BASE_ERR_BAD_VALUE},
        {"{{ a b }}", "after the expression", BASE_ERR_BAD_VALUE},
        {"{{ (a }}", "expected ')'", BASE_ERR_BAD_VALUE},
        {"{{ [a }}", "expected ']'", BASE_ERR_BAD_VALUE},
        {"{% break %}", "outside", BASE_ERR_BAD_VALUE},
        {"{% macro m() %}{% endmacro %}{% for x in y %}{% call m() %}{% break %}{% endcall %}"
         "{% endfor %}",
         "outside", BASE_ERR_BAD_VALUE},
        {"{{ a ? b }}", "no meaning", BASE_ERR_BAD_VALUE},
        {"{{ a } }}", "} without {", BASE_ERR_BAD_VALUE},
        {"{% for %}{% endfor %}", "name", BASE_ERR_BAD_VALUE},
        {"{% set %}", "name", BASE_ERR_BAD_VALUE},
        {"{% %}", "block", BASE_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct engine_jinja *jinja = NULL;
        struct base_error detail = {0};
        enum base_err err = engine_jinja_new(slice_from_str(cases[i].template), &jinja, &detail);
        if (err != cases[i].err || !strstr(detail.message, cases[i].word))
            fail_msg("%s: %s", cases[i].template, detail.message);
        assert_null(jinja);
    }
}

static void fails(const char *template, const char *vars_json, enum base_err want, const char *word)
{
    struct arena *arena = arena_new(1 << 20);
    struct engine_value vars = json(arena, vars_json);
    struct buffer out;
    struct base_error detail = {0};
    static const struct engine_jinja_limits small = {
        .output_max = 1000, .memory_max = 64 << 20, .step_max = 100000};
    struct engine_runs runs = {0};
    buffer_init(&out, 1 << 20);
    buffer_add_str(&out, "before");
    enum base_err err = render(slice_from_str(template), &vars, &small, &out, &runs, &detail);
    if (err != want || !strstr(detail.message, word))
        fail_msg("%s: %s", template, detail.message);
    assert_true(slice_eq(buffer_slice(&out), SLICE("before")));
    assert_int_equal(runs.count, 0);
    engine_runs_done(&runs);
    buffer_done(&out);
    arena_free(arena);
}

static void test_bounds(void **state)
{
    (void)state;
    fails("{% for a in range(99999999) %}{% endfor %}", "{}", BASE_ERR_LIMIT, "");
    fails("{% for a in range(900) %}{% for b in range(900) %}{% endfor %}{% endfor %}", "{}",
          BASE_ERR_LIMIT, "steps");
    fails("{% for a in range(900) %}xxxxx{% endfor %}", "{}", BASE_ERR_LIMIT, "longer");
    fails("{{ 'x' * 9999999 }}", "{}", BASE_ERR_LIMIT, "");
    fails("{% set a = 'xxxxxxxxxxxxxxxx' %}{% for i in range(90) %}{% set a = a + a %}{{ a | "
          "length }}"
          "{% endfor %}{% macro m(x) %}{{ m(x + x) }}{% endmacro %}{{ m('x') }}",
          "{}", BASE_ERR_LIMIT, "");
    fails("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{}", BASE_ERR_LIMIT, "deeper");
    fails("{{ 9223372036854775807 + 1 }}", "{}", BASE_ERR_BAD_REQUEST, "64 bits");
    static const char big[] = "{\"n\": 12345678901234567890123}";
    fails("{{ n + 1 }}", big, BASE_ERR_UNSUPPORTED, "64 bits");
    fails("{{ -n }}", big, BASE_ERR_UNSUPPORTED, "64 bits");
    fails("{{ 1e30 | int }}", "{}", BASE_ERR_UNSUPPORTED, "64 bits");
    fails("{{ (-9223372036854775807 - 1) // -1 }}", "{}", BASE_ERR_BAD_REQUEST, "64 bits");
    fails("{{ d.items }}", "{\"d\": {}}", BASE_ERR_UNSUPPORTED, "['items']");
    fails("{% for x in [1] %}{{ loop.depth }}{% endfor %}", "{}", BASE_ERR_UNSUPPORTED, "depth");
    fails("{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}"
          "{% endcall %}{% endmacro %}{{ n() }}",
          "{}", BASE_ERR_LIMIT, "deeper");
    fails("{{ 'x%s' * 9999999 % 1 }}", "{}", BASE_ERR_LIMIT, "");
    /* In time that grows with the text, not with its square: 26 s else. */
    fails("{% set s = ('{{' * 1000 * 1500).format() %}{{ 1 / 0 }}", "{}", BASE_ERR_BAD_REQUEST,
          "by zero");
    fails("{{ '{-0}'.format(1) }}", "{}", BASE_ERR_BAD_REQUEST, "of that name");
    fails("{{ '{0:>9}'.format(1) }}", "{}", BASE_ERR_UNSUPPORTED, ":d");
    fails("{{ '{0.real}'.format(1) }}", "{}", BASE_ERR_UNSUPPORTED, "names and numbers");
    fails("{{ '%5d' % 1 }}", "{}", BASE_ERR_UNSUPPORTED, "%s and %d");
    fails("{{ ['a'] | map() }}", "{}", BASE_ERR_UNSUPPORTED, "map()");
    fails("{{ ['a'] | map('replace', 'a') }}", "{}", BASE_ERR_UNSUPPORTED, "map()");
    fails("{{ ['a'] | map('trim', 'a', chars='b') }}", "{}", BASE_ERR_UNSUPPORTED, "map()");
    fails("{{ ['a'] | map('trim', 'a', 'b') }}", "{}", BASE_ERR_UNSUPPORTED, "map()");
    fails("{{ ['a'] | map('map', 'map', 'trim') }}", "{}", BASE_ERR_UNSUPPORTED, "map()");
    fails("{{ 1 is sameas 1 }}", "{}", BASE_ERR_UNSUPPORTED, "sameas");
    /* Inside an `if` what is not known fails when it is reached. */
    fails("{% if true %}{{ 1 | nope(2, a=3) }}{% endif %}", "{}", BASE_ERR_UNSUPPORTED,
          "line 1: the filter 'nope'");
    fails("{% if true %}{{ 1 is nope }}{% endif %}", "{}", BASE_ERR_UNSUPPORTED, "test 'nope'");
    fails("{% if true %}{{ [].append(1) }}{% endif %}", "{}", BASE_ERR_UNSUPPORTED,
          "method 'append'");
    fails("{% if true %}{{ nope() }}{% endif %}", "{}", BASE_ERR_UNSUPPORTED, "function 'nope'");
}

/* Nothing that came in with a request may stand in a message. */
static void test_errors_hold_no_values(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct engine_value vars = json(arena, "{\"u\": \"hidden\", \"d\": {}}");
    static const char *const templates[] = {"{{ raise_exception('Bad role: ' + u + '!') }}",
                                            "{{ d[u].x }}",
                                            "{{ u + 1 }}",
                                            "{{ d[u] + 1 }}",
                                            "{{ u < 1 }}",
                                            "{{ [1] | selectattr(u) | list }}{{ d[u]['x'] }}"};
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        struct buffer out;
        struct base_error detail = {0};
        buffer_init(&out, 1000);
        assert_int_equal(render(slice_from_str(templates[i]), &vars, NULL, &out, NULL, &detail),
                         BASE_ERR_BAD_REQUEST);
        assert_null(strstr(detail.message, "hidden"));
        if (i == 0)
            assert_non_null(strstr(detail.message, "Bad role: ...!"));
        buffer_done(&out);
    }
    arena_free(arena);
}

static char *repeat(const char *head, const char *part, size_t times, const char *tail)
{
    size_t len = strlen(part);
    char *text = malloc(strlen(head) + len * times + strlen(tail) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, part);
    strcpy(at, tail);
    return text;
}

static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head, *part, *tail;
    } cases[] = {
        {"{{ ", "(", "1 }}"},
        {"{{ ", "[", "1 }}"},
        {"{{ ", "not ", "1 }}"},
        {"{{ ", "-", "1 }}"},
        {"{{ 1", "+1", " }}"},
        {"{{ a", ".b", " }}"},
        {"{{ a", "[0]", " }}"},
        {"{{ a", "|trim", " }}"},
        {"", "{% if 1 %}", ""},
        {"{{ 1", " if 1", " }}"},
        {"{{ 1", " if 1 else 1", " }}"},
        {"{{ 1", " and 1", " }}"},
        {"{{ 1", " or 1", " }}"},
        {"{{ 1", "~1", " }}"},
        {"{{ a", " is odd", " }}"},
        {"{{ ", "f(", " }}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = repeat(cases[i].head, cases[i].part, 20000, cases[i].tail);
        struct engine_jinja *jinja;
        struct base_error detail = {0};
        enum base_err err = engine_jinja_new(slice_from_str(text), &jinja, &detail);
        if (err != BASE_ERR_UNSUPPORTED || !strstr(detail.message, "deeper"))
            fail_msg("%s: %s", cases[i].part, detail.message);
        free(text);
    }
    /* A long chain of elif is not deep. */
    char *text = repeat("{% if 0 %}", "{% elif 0 %}a", 5000, "{% else %}b{% endif %}");
    struct engine_value vars = engine_value_map();
    struct buffer out;
    buffer_init(&out, 100);
    assert_int_equal(render(slice_from_str(text), &vars, NULL, &out, NULL, NULL), BASE_OK);
    assert_true(slice_eq(buffer_slice(&out), SLICE("b")));
    buffer_done(&out);
    free(text);
    text = repeat("", "x", ENGINE_JINJA_SOURCE_MAX + 1, "");
    struct engine_jinja *jinja;
    assert_int_equal(engine_jinja_new(slice_from_str(text), &jinja, NULL), BASE_ERR_TOO_LARGE);
    free(text);
}

static void test_inputs(void **state)
{
    (void)state;
    struct engine_jinja *jinja;
    assert_int_equal(
        engine_jinja_new(SLICE("{{ facts }} {{ input | trim }}{% for x in facts %}{{ x }}"
                               "{{ y.z }}{% endfor %}{% set q = 1 %}{{ q }}{{ range(1) }}"),
                         &jinja, NULL),
        BASE_OK);
    static const char *const want[] = {"facts", "input", "y"};
    for (size_t i = 0; i < 3; i++)
        assert_true(slice_eq_str(engine_jinja_input(jinja, i), want[i]));
    assert_true(slice_is_absent(engine_jinja_input(jinja, 3)));
    engine_jinja_free(jinja);
}

static void test_json(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct engine_value v =
        json(arena, " {\"a\": [1, -2.5e3, true, null], \"\\u00e9\\ud83d\\ude42\": \"x\\n\"} ");
    assert_int_equal(engine_value_get(&v, SLICE("a")).u.list->count, 4);
    assert_true(engine_value_get(&v, SLICE("a")).u.list->items[1].u.d < -2499);
    struct engine_value x = engine_value_get(&v, SLICE("\xc3\xa9\xf0\x9f\x99\x82"));
    assert_int_equal(x.u.s.len, 2);
    assert_int_equal(json(arena, "99999999999999999999").type, ENGINE_VALUE_DOUBLE);
    static const char *const bad[] = {
        "",        "{",           "[1,]", "{\"a\"}", "{\"a\":}", "tru",     "1 2", "\"abc",
        "\"\\x\"", "\"\\ud800\"", "01",   "[1 2]",   "{1:2}",    "\"\\u12", "nan", "-"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (engine_value_from_json(arena, slice_from_str(bad[i]), &x, NULL) != BASE_ERR_BAD_JSON)
            fail_msg("%s is taken", bad[i]);
    char *deep = repeat("", "[", 100000, "");
    assert_int_equal(engine_value_from_json(arena, slice_from_str(deep), &x, NULL), BASE_ERR_LIMIT);
    free(deep);
    arena_free(arena);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    golden_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_refused_when_loaded),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_errors_hold_no_values),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
