/* Grammars as texts that they accept: GBNF, every keyword of JSON Schema, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/grammar/grammar.h"

/* `yes` and `no`: texts, the last one NULL. */
struct sample {
    const char *source;
    const char *yes[14], *no[18];
};

static void check_texts(struct engine_grammar *grammar, const struct sample *s)
{
    for (size_t i = 0; i < 14 && s->yes[i]; i++)
        if (!engine_grammar_matches(grammar, slice_from_str(s->yes[i])))
            fail_msg("%s\nshould accept: %s", s->source, s->yes[i]);
    for (size_t i = 0; i < 18 && s->no[i]; i++)
        if (engine_grammar_matches(grammar, slice_from_str(s->no[i])))
            fail_msg("%s\nshould not accept: %s", s->source, s->no[i]);
}

typedef enum base_err (*make_fn)(struct slice, struct engine_grammar **, struct base_error *);

static void check_samples(make_fn make, const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct engine_grammar *grammar = NULL;
        struct base_error detail = {0};
        if (make(slice_from_str(samples[i].source), &grammar, &detail) != BASE_OK)
            fail_msg("%s: %s", samples[i].source, detail.message);
        check_texts(grammar, &samples[i]);
        engine_grammar_unref(grammar);
    }
}

struct refusal {
    const char *source;
    enum base_err err;
    const char *words; /* part of the message */
};

static void check_refusals(make_fn make, const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct engine_grammar *grammar = (void *)&refusals;
        struct base_error detail = {0};
        enum base_err err = make(slice_from_str(refusals[i].source), &grammar, &detail);
        if (err == BASE_OK)
            fail_msg("should be refused: %s", refusals[i].source);
        assert_ptr_equal(grammar, &refusals);
        if (err != refusals[i].err || !strstr(detail.message, refusals[i].words))
            fail_msg("%s: %s: %s", refusals[i].source, base_err_info(err)->name, detail.message);
    }
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- GBNF --- */

static const struct sample gbnf[] = {
    {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "y", "yesno", "No"}},
    {"root ::= [a-c]+ \"-\"? [^a-z\\]]", {"a-1", "abc1", "cA", "ab\xc3\xa9"}, {"-1", "a]", "aa"}},
    {"root ::= item{2,3}\nitem ::= \"x\" [0-9]", {"x1x2", "x1x2x3"}, {"x1", "x1x2x3x4", "x"}},
    {"root ::= \"a\"{0} \"b\"{2} \"c\"{1,} \"d\"{0,2}",
     {"bbc", "bbcccdd"},
     {"abbc", "bb", "bbcddd"}},
    {"root ::= ( \"a\" # comment\n | \"b\"\n )* end # more\nend ::= \".\"\n  | \"!\"\n",
     {".", "!", "abba!"},
     {"", "ab", "c."}},
    {"root ::= . \"\\u00e9\\x41\\n\"",
     {"x\xc3\xa9"
      "A\n",
      "\xf0\x9f\x98\x80\xc3\xa9"
      "A\n"},
     {"\xc3\xc3\xa9"
      "A\n",
      "xeA\n",
      "\x80\xc3\xa9"
      "A\n"}},
    {"root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9] | \"(\" expr \")\"",
     {"1", "1+2", "((1+2)+3)", "(((((((((1)))))))))"},
     {"1+", "(1", "1)", "()"}},
    {"root ::= \"\" | \"a\" root", {"", "a", "aaaaaaaaaaaa"}, {"b", "ab"}},
    {"root ::= \"a\" root \"b\" | \"\"", {"", "ab", "aaabbb"}, {"a", "aab", "ba"}},
    {"root ::= ([a-z]*){3} \"1\"", {"1", "a1", "abc1"}, {"a", "1a"}},
    {"root ::= ([a-z]* \" \"?)* \"1\"", {"1", "ab cd  1"}, {"a"}},
    {"root ::= [\\u0410-\\u044f]+", {"\xd0\x9f\xd1\x80"}, {"\xd0", "p", "\xd0\x90\xd0\x80"}},
    {"root ::= [\\U0001F600-\\U0001F64F] [\\u0000-\\U0010FFFF]",
     {"\xf0\x9f\x98\x80x", "\xf0\x9f\x99\x8f\xf4\x8f\xbf\xbf"},
     {"\xf0\x9f\x99\x90x", "\xf0\x9f\x98\x80\xf4\x90\x80\x80", "\xf0\x9f\x98\x80\xed\xa0\x80"}},
    {"root ::= dead | \"x\"\ndead ::= \"d\" dead", {"x"}, {"d", "dx"}},
};

static const struct refusal gbnf_refused[] = {
    {"", BASE_ERR_BAD_VALUE, "no rule named root"},
    {"a ::= \"x\"", BASE_ERR_BAD_VALUE, "no rule named root"},
    {"root ::= a", BASE_ERR_BAD_VALUE, "rule a is used"},
    {"root ::= \"x", BASE_ERR_BAD_VALUE, "line 1"},
    {"root ::= \"x\"\nroot ::= \"y\"", BASE_ERR_BAD_VALUE, "line 2"},
    {"root = \"x\"", BASE_ERR_BAD_VALUE, "'::='"},
    {"root ::= [a", BASE_ERR_BAD_VALUE, "']'"},
    {"root ::= [z-a]", BASE_ERR_BAD_VALUE, "rises"},
    {"root ::= (\"x\"", BASE_ERR_BAD_VALUE, "')'"},
    {"root ::= \"x\")", BASE_ERR_BAD_VALUE, "end of the line"},
    {"root ::= \"\\q\"", BASE_ERR_BAD_VALUE, "escape"},
    {"root ::= \"\\ud800\"", BASE_ERR_BAD_VALUE, "escape"},
    {"root ::= \"\\", BASE_ERR_BAD_VALUE, "escape"},
    {"root ::= \"\xff\"", BASE_ERR_BAD_VALUE, "UTF-8"},
    {"root ::= \"x\"{3,2}", BASE_ERR_BAD_VALUE, "{times}"},
    {"root ::= \"x\"{a}", BASE_ERR_BAD_VALUE, "{times}"},
    {"root ::= * \"x\"", BASE_ERR_BAD_VALUE, "expected"},
    {"root ::= <think>", BASE_ERR_BAD_VALUE, "not supported"},
    {"root ::= root \"x\" | \"y\"", BASE_ERR_UNSUPPORTED, "begin with itself"},
    {"root ::= a \"x\" | \"y\"\na ::= \"\" | root", BASE_ERR_UNSUPPORTED, "begin with itself"},
    {"root ::= root", BASE_ERR_BAD_VALUE, "no text"},
    {"root ::= \"a\" root", BASE_ERR_BAD_VALUE, "no text"},
    {"root ::= [a-z]{0,5}{900}", BASE_ERR_BAD_VALUE, "expected"},
    {"root ::= ([a-z]?){900}", BASE_ERR_UNSUPPORTED, "may be empty"},
};

static void test_gbnf(void **state)
{
    (void)state;
    check_samples(engine_grammar_from_gbnf, gbnf, COUNT(gbnf));
    check_refusals(engine_grammar_from_gbnf, gbnf_refused, COUNT(gbnf_refused));
}

static void repeat_text(struct buffer *out, const char *text, int times)
{
    for (int i = 0; i < times; i++)
        assert_int_equal(buffer_add_str(out, text), BASE_OK);
}

static void test_gbnf_limits(void **state)
{
    (void)state;
    struct engine_grammar *grammar;
    struct base_error detail;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    repeat_text(&text, "root ::= ", 1);
    repeat_text(&text, "(", 1000);
    assert_int_equal(engine_grammar_from_gbnf(buffer_slice(&text), &grammar, &detail),
                     BASE_ERR_LIMIT);
    buffer_clear(&text);
    repeat_text(&text, "root ::= \"x\"\n", 20000);
    assert_int_equal(engine_grammar_from_gbnf(buffer_slice(&text), &grammar, &detail),
                     BASE_ERR_TOO_LARGE);
    buffer_clear(&text); /* a hundred thousand characters are as many steps */
    repeat_text(&text, "root ::= \"", 1);
    repeat_text(&text, "x", 120000);
    repeat_text(&text, "\"", 1);
    assert_int_equal(engine_grammar_from_gbnf(buffer_slice(&text), &grammar, &detail),
                     BASE_ERR_LIMIT);
    buffer_done(&text);
}

/* Counts are not spelt out, and what is deep stays finite. */
static void test_large_counts(void **state)
{
    (void)state;
    struct engine_grammar *grammar;
    struct base_error detail;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(engine_grammar_from_gbnf(SLICE("root ::= [a-z]{3,200000}"), &grammar, &detail),
                     BASE_OK);
    assert_true(grammar->code_count < 10);
    repeat_text(&text, "x", 200000);
    assert_true(engine_grammar_matches(grammar, buffer_slice(&text)));
    repeat_text(&text, "x", 1);
    assert_false(engine_grammar_matches(grammar, buffer_slice(&text)));
    engine_grammar_unref(grammar);

    assert_int_equal(engine_grammar_json(false, &grammar, &detail), BASE_OK);
    for (int depth = 10; depth <= 100000; depth *= 100) {
        buffer_clear(&text);
        repeat_text(&text, "[", depth);
        repeat_text(&text, "]", depth);
        assert_int_equal(engine_grammar_matches(grammar, buffer_slice(&text)), depth == 10);
    }
    engine_grammar_unref(grammar);
    buffer_done(&text);
}

/* --- JSON --- */

static void test_json(void **state)
{
    (void)state;
    static const struct sample value = {
        "value",
        {"{}", "[]", "null", "true", "-0.5e+3", "\"a\\u00e9\\n\\ud83d\\ude00\xe2\x82\xac\"",
         "{\"a\": [1, 2, {\"b\": null}], \"c\":\"\"}", "[\n  1,\n  2\n]", "[[[]]]", "12"},
        {"", "{", "{a:1}", "[1,]", "01", "+1", "1.", ".5", "\"\\ud83d\"", "\"\\u0000\"", "\"\n\"",
         "\"\\x\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "tru", "[1 2]"}};
    static const struct sample object = {
        "object", {"{}", "{\"a\":{}}"}, {"[]", "1", "{} ", " {}", "{\"a\"}", "{\"a\":1,}"}};
    struct engine_grammar *grammar;
    assert_int_equal(engine_grammar_json(false, &grammar, NULL), BASE_OK);
    check_texts(grammar, &value);
    engine_grammar_unref(grammar);
    assert_int_equal(engine_grammar_json(true, &grammar, NULL), BASE_OK);
    check_texts(grammar, &object);
    engine_grammar_unref(grammar);
}

/* --- Schemas: each keyword --- */

static const struct sample schemas[] = {
    {"true", {"1", "{\"a\":[]}"}, {"", "x"}},
    {"{}", {"1", "null"}, {"nul"}},
    {"{\"type\":\"null\"}", {"null"}, {"0", "\"null\""}},
    {"{\"type\":\"boolean\"}", {"true", "false"}, {"1", "null"}},
    {"{\"type\":\"integer\"}", {"0", "-12", "1234567890123456"}, {"1.0", "01", "1e3", "\"1\""}},
    {"{\"type\":\"number\"}", {"0", "-1.25", "1e3", "0.1E-10"}, {"\"1\"", "1.", "--1"}},
    {"{\"type\":\"string\"}", {"\"\"", "\"a\\\"b\""}, {"a", "1", "\"a"}},
    {"{\"type\":\"array\"}", {"[]", "[1, \"a\"]"}, {"{}"}},
    {"{\"type\":\"object\"}", {"{}", "{\"a\":1}"}, {"[]"}},
    {"{\"type\":[\"string\",\"null\"]}", {"\"a\"", "null"}, {"1", "true"}},
    {"{\"type\":[\"integer\",\"number\"]}", {"1", "1.5"}, {"\"\""}},
    {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[1],\"$comment\":\"\","
     "\"deprecated\":true,\"readOnly\":true,\"writeOnly\":false,\"$schema\":\"s\",\"$id\":\"i\","
     "\"$defs\":{},\"definitions\":{},\"uniqueItems\":false,\"nullable\":false,\"type\":\"null\"}",
     {"null"},
     {"1"}},

    {"{\"enum\":[\"a\",1,null,true,1.5,[1,{\"b\":\"\\n\"}],{}]}",
     {"\"a\"", "1", "null", "true", "1.5", "[1,{\"b\":\"\\n\"}]", "{}"},
     {"\"b\"", "2", "[1]", "a", "false"}},
    {"{\"type\":\"string\",\"enum\":[\"a\",1,\"b\"]}", {"\"a\"", "\"b\""}, {"1"}},
    {"{\"const\":\"x\\u00e9\\\"\"}", {"\"x\xc3\xa9\\\"\""}, {"\"x\""}},

    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"null\"}},"
     "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
     {"{\"a\":1,\"b\":null}", "{\"a\": 1, \"b\": null}", "{\n  \"a\": 1,\n  \"b\": null\n}",
      "{ \"a\":1 , \"b\":null }"},
     {"{}", "{\"a\":1}", "{\"b\":null,\"a\":1}", "{\"a\":1,\"b\":null,\"c\":1}",
      "{\"a\":1 \"b\":null}", "{\"a\":1,\"b\":null,}", "{\"a\":\"1\",\"b\":null}",
      "{\"a\" :1,\"b\":null}"}},
    {"{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\"},\"c\":{\"type\":"
     "\"integer\"}},\"required\":[\"b\"]}",
     {"{\"b\":1}", "{\"a\":1,\"b\":2}", "{\"b\":1,\"c\":2}", "{\"a\":1,\"b\":2,\"c\":3}"},
     {"{}", "{\"a\":1}", "{\"c\":1}", "{,\"b\":1}", "{\"b\":1,\"x\":2}"}},
    {"{\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}}}",
     {"{}", "{ }", "{\"a\":null}", "{\"b\":null}", "{\"a\":null,\"b\":null}"},
     {"{,}", "{\"b\":null,\"a\":null}", "1"}},
    {"{\"properties\":{\"aa\":{\"type\":\"null\"},\"ab\\u00e9\":{\"type\":\"null\"}},"
     "\"additionalProperties\":{\"type\":\"integer\"}}",
     {"{}", "{\"aa\":null}", "{\"x\":1}", "{\"aa\":null,\"a\":1,\"ab\":2,\"aab\":3,\"\":4}",
      "{\"abx\":1}", "{\"\xc3\xa9\":1}"},
     {"{\"aa\":1}", "{\"x\":1,\"aa\":null}", "{\"ab\xc3\xa9\":1}", "{\"x\":null}",
      "{\"\\u0061a\":1}", "{\"ab\xc3\":1}", "{\"ab\xc3x\":1}"}},
    {"{\"additionalProperties\":{\"type\":\"null\"},\"minProperties\":1,\"maxProperties\":2}",
     {"{\"a\":null}", "{\"a\":null,\"b\":null}"},
     {"{}", "{\"a\":null,\"b\":null,\"c\":null}", "{\"a\":1}"}},
    {"{\"required\":[\"z\"]}", {"{\"z\":[1]}", "{\"z\":1,\"y\":2}"}, {"{}", "{\"y\":2}"}},
    {"{\"properties\":{\"a\":{\"type\":\"null\"}},\"required\":[\"z\"],\"additionalProperties\":{"
     "\"type\":\"boolean\"}}",
     {"{\"z\":true}", "{\"a\":null,\"z\":true,\"q\":false}"},
     {"{\"z\":1}", "{}", "{\"a\":null}"}},
    {"{\"properties\":{\"a\":false,\"b\":true}}", {"{}", "{\"b\":1}"}, {"{\"a\":1}"}},

    {"{\"items\":{\"type\":\"integer\"}}", {"[]", "[1]", "[1,2]", "[ 1 , 2 ]"}, {"[\"a\"]", "1"}},
    {"{\"items\":{\"type\":\"null\"},\"minItems\":2,\"maxItems\":3}",
     {"[null,null]", "[null,null,null]"},
     {"[]", "[null]", "[null,null,null,null]"}},
    {"{\"items\":{\"type\":\"null\"},\"maxItems\":0}", {"[]"}, {"[null]"}},
    {"{\"items\":{\"type\":\"null\"},\"minItems\":1}", {"[null]", "[null,null,null]"}, {"[]"}},
    {"{\"prefixItems\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}",
     {"[]", "[null]", "[null,1]"},
     {"[1]", "[null,null]", "[null,1,2]"}},
    {"{\"prefixItems\":[{\"type\":\"null\"}],\"items\":{\"type\":\"integer\"},\"minItems\":2}",
     {"[null,1]", "[null,1,2]"},
     {"[]", "[null]", "[null,null]"}},
    {"{\"prefixItems\":[{\"type\":\"null\"},{\"type\":\"null\"}],\"items\":false,\"maxItems\":1}",
     {"[]", "[null]"},
     {"[null,null]"}},

    {"{\"minLength\":2,\"maxLength\":3}",
     {"\"ab\"", "\"abc\"", "\"\xc3\xa9\\n\"", "\"\xf0\x9f\x98\x80\\ud83d\\ude00\\u00e9\""},
     {"\"\"", "\"a\"", "\"abcd\"", "\"\\n\""}},
    {"{\"type\":\"string\",\"maxLength\":0}", {"\"\""}, {"\"a\""}},
    {"{\"pattern\":\"^[a-z]{2}-\\\\d+$\"}",
     {"\"ab-1\"", "\"zz-123\""},
     {"\"a-1\"", "\"ab-\"", "\"ab-1x\""}},
    {"{\"pattern\":\"b\"}", {"\"b\"", "\"abc\""}, {"\"\"", "\"ac\""}},
    {"{\"pattern\":\"^a\"}", {"\"a\"", "\"abc\""}, {"\"ba\""}},
    {"{\"pattern\":\"a$\"}", {"\"a\"", "\"ba\""}, {"\"ab\""}},
    {"{\"pattern\":\"^a\\\\$\"}", {"\"a$\"", "\"a$b\""}, {"\"a\"", "\"a\\\\\""}},
    {"{\"pattern\":\"^(?:a|bc)*[^x\\\"]?\\\\.$\"}",
     {"\".\"", "\"abc.\"", "\"bca\xc3\xa9.\"", "\"\\\\.\"", "\"\\n.\""},
     {"\"x.\"", "\"\\\".\"", "\"a\""}},
    {"{\"pattern\":\"^[\\\"\\\\\\\\\\\\n]\\\\w\\\\s\\\\W\\\\S\\\\D$\"}",
     {"\"\\\"_ -ab\"", "\"\\\\9\\t-ab\"", "\"\\nA\xc2\xa0-ab\""},
     {"\"a_ -ab\"", "\"\\\"- -ab\"", "\"\\\"_ -a1\""}},
    {"{\"pattern\":\"^\\\\x41\\\\u00e9.\\\\/$\"}", {"\"A\xc3\xa9x/\""}, {"\"A\xc3\xa9\\n/\""}},
    {"{\"pattern\":\"^\\\\u0001$\"}", {"\"\\u0001\""}, {"\"\x01\"", "\"\""}},
    {"{\"pattern\":\"\"}", {"\"\"", "\"a\""}, {"1"}},
    {"{\"format\":\"date\"}",
     {"\"2024-02-28\"", "\"1999-12-31\"", "\"2000-04-30\""},
     {"\"2024-02-30\"", "\"2024-13-01\"", "\"2024-04-31\"", "\"2024-1-1\"", "\"2024-00-10\""}},
    {"{\"format\":\"time\"}",
     {"\"23:59:59Z\"", "\"00:00:00.5+01:30\""},
     {"\"24:00:00Z\"", "\"1:00:00Z\"", "\"12:00:00\""}},
    {"{\"format\":\"date-time\"}",
     {"\"2024-05-31T10:00:00Z\""},
     {"\"2024-05-31 10:00:00Z\"", "\"2024-05-31\""}},
    {"{\"format\":\"email\"}",
     {"\"a.b@c-d.org\"", "\"x@y.de\""},
     {"\"a@b\"", "\"@b.de\"", "\"a@-b.de\"", "\"a..b@c.de\""}},
    {"{\"format\":\"uuid\"}",
     {"\"01234567-89ab-cdef-0123-456789abcdef\""},
     {"\"0123\"", "\"01234567-89ab-cdef-0123-456789abcdeg\""}},
    {"{\"format\":\"ipv4\"}",
     {"\"192.168.0.255\""},
     {"\"256.1.1.1\"", "\"1.1.1\"", "\"01.1.1.1\""}},

    {"{\"type\":\"integer\",\"minimum\":7,\"maximum\":123}",
     {"7", "9", "10", "99", "100", "123"},
     {"6", "124", "0", "-7", "1000", "07", "7.5"}},
    {"{\"type\":\"integer\",\"minimum\":-12,\"maximum\":3}",
     {"-12", "-9", "-1", "0", "3"},
     {"-13", "4", "-0", "-20"}},
    {"{\"type\":\"integer\",\"exclusiveMinimum\":0}", {"1", "10", "9999999999999999"}, {"0", "-1"}},
    {"{\"type\":\"integer\",\"exclusiveMaximum\":-5}", {"-6", "-100"}, {"-5", "5", "0"}},
    {"{\"type\":\"integer\",\"minimum\":0.5,\"maximum\":2.5}", {"1", "2"}, {"0", "3"}},
    {"{\"type\":\"integer\",\"minimum\":99999999999999999}",
     {"99999999999999999", "999999999999999999"},
     {"99999999999999998", "1"}},
    {"{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
     {"0", "1", "0.5", "0.999"},
     {"1.5", "1.01", "-0.1", "2", "1e3"}},
    {"{\"type\":\"number\",\"minimum\":-2,\"maximum\":10}",
     {"-2", "-1.5", "-0.5", "0.25", "9.9", "10"},
     {"-2.5", "10.5", "11"}},
    {"{\"type\":\"number\",\"minimum\":-10,\"maximum\":-3}",
     {"-3", "-3.5", "-10"},
     {"-2.9", "-10.1", "3"}},

    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}", {"1", "null"}, {"true"}},
    {"{\"oneOf\":[{\"const\":1},{\"const\":2}]}", {"1", "2"}, {"3"}},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}},"
     "\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
     {"{\"a\":null}", "{\"b\":null}", "{\"a\":null,\"b\":null}"},
     {"{}"}},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}],\"oneOf\":[{\"type\":[\"integer\","
     "\"null\"]},{\"minLength\":2}]}",
     {"1", "\"ab\""},
     {"null", "\"a\""}},
    {"{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"null\"}},\"required\":[\"a\"]},{"
     "\"properties\":{"
     "\"b\":{\"type\":\"null\"}}}],\"type\":\"object\"}",
     {"{\"a\":null}", "{\"a\":null,\"b\":null}"},
     {"{}", "{\"b\":null}", "1"}},
    {"{\"allOf\":[{\"minimum\":3},{\"maximum\":5},{\"type\":\"integer\"}]}",
     {"3", "5"},
     {"2", "6"}},
    {"{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"type\":\"null\"}}}", {"null"}, {"1"}},
    {"{\"$defs\":{\"l\":[{\"type\":\"null\"},{\"const\":3}]},\"$ref\":\"#/$defs/l/"
     "1\",\"description\":"
     "\"d\"}",
     {"3"},
     {"null"}},
    {"{\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},"
     "\"next\":{"
     "\"anyOf\":[{\"$ref\":\"#/$defs/node\"},{\"type\":\"null\"}]}},\"required\":[\"v\",\"next\"],"
     "\"additionalProperties\":false}},\"$ref\":\"#/$defs/node\"}",
     {"{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}"},
     {"{\"v\":1}", "{\"v\":1,\"next\":{\"v\":2}}", "null"}},
    {"{\"properties\":{\"children\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}}}",
     {"{}", "{\"children\":[]}", "{\"children\":[{\"children\":[{}]},{}]}"},
     {"{\"children\":[1]}"}},
};

static const struct refusal schemas_refused[] = {
    {"{", BASE_ERR_BAD_JSON, "not JSON"},
    {"1", BASE_ERR_BAD_VALUE, "#: expected a schema"},
    {"{\"properties\":{\"a\":{\"not\":{}}}}", BASE_ERR_UNSUPPORTED, "#/properties/a/not"},
    {"{\"if\":{}}", BASE_ERR_UNSUPPORTED, "#/if"},
    {"{\"items\":{\"multipleOf\":2}}", BASE_ERR_UNSUPPORTED, "#/items/multipleOf"},
    {"{\"patternProperties\":{}}", BASE_ERR_UNSUPPORTED, "#/patternProperties"},
    {"{\"uniqueItems\":true}", BASE_ERR_UNSUPPORTED, "#/uniqueItems"},
    {"{\"nullable\":true}", BASE_ERR_UNSUPPORTED, "#/nullable"},
    {"{\"items\":{\"$id\":\"x\"}}", BASE_ERR_UNSUPPORTED, "#/items/$id"},
    {"{\"type\":\"text\"}", BASE_ERR_BAD_VALUE, "#/type"},
    {"{\"type\":[]}", BASE_ERR_BAD_VALUE, "#/type"},
    {"{\"type\":1}", BASE_ERR_BAD_VALUE, "#/type"},
    {"{\"enum\":[]}", BASE_ERR_BAD_VALUE, "#/enum"},
    {"{\"enum\":[1],\"minimum\":0}", BASE_ERR_UNSUPPORTED, "#/enum"},
    {"{\"enum\":[1],\"type\":\"string\"}", BASE_ERR_BAD_VALUE, "no text"},
    {"{\"properties\":[]}", BASE_ERR_BAD_VALUE, "#/properties"},
    {"{\"required\":[1]}", BASE_ERR_BAD_VALUE, "#/required"},
    {"{\"required\":[\"a\"],\"additionalProperties\":false}", BASE_ERR_BAD_VALUE, "no text"},
    {"{\"properties\":{\"a\":{}},\"minProperties\":1}", BASE_ERR_UNSUPPORTED, "minProperties"},
    {"{\"items\":[{}]}", BASE_ERR_UNSUPPORTED, "prefixItems"},
    {"{\"minItems\":3,\"maxItems\":2}", BASE_ERR_BAD_VALUE, "no text"},
    {"{\"minItems\":-1}", BASE_ERR_BAD_VALUE, "#/minItems"},
    {"{\"minLength\":\"a\"}", BASE_ERR_BAD_VALUE, "#/minLength"},
    {"{\"minLength\":3,\"maxLength\":2}", BASE_ERR_BAD_VALUE, "no text"},
    {"{\"pattern\":\"a\",\"minLength\":1}", BASE_ERR_UNSUPPORTED, "only one of"},
    {"{\"pattern\":1}", BASE_ERR_BAD_VALUE, "#/pattern"},
    {"{\"pattern\":\"^(?=a)\"}", BASE_ERR_UNSUPPORTED, "#/pattern"},
    {"{\"pattern\":\"(a)\\\\1\"}", BASE_ERR_UNSUPPORTED, "escape"},
    {"{\"pattern\":\"a*?\"}", BASE_ERR_UNSUPPORTED, "count"},
    {"{\"pattern\":\"\\\\bx\"}", BASE_ERR_UNSUPPORTED, "escape"},
    {"{\"pattern\":\"^a|b$\"}", BASE_ERR_UNSUPPORTED, "choice"},
    {"{\"pattern\":\"a^b\"}", BASE_ERR_UNSUPPORTED, "ends"},
    {"{\"pattern\":\"(a\"}", BASE_ERR_UNSUPPORTED, "')'"},
    {"{\"pattern\":\"a)\"}", BASE_ERR_UNSUPPORTED, "'('"},
    {"{\"pattern\":\"[a\"}", BASE_ERR_UNSUPPORTED, "']'"},
    {"{\"pattern\":\"\\\\\"}", BASE_ERR_UNSUPPORTED, "escape"},
    {"{\"pattern\":\"*\"}", BASE_ERR_UNSUPPORTED, "escaped"},
    {"{\"format\":\"hostname\"}", BASE_ERR_UNSUPPORTED, "#/format"},
    {"{\"type\":\"number\",\"minimum\":0.5}", BASE_ERR_UNSUPPORTED, "limits of a number"},
    {"{\"type\":\"number\",\"exclusiveMinimum\":0}", BASE_ERR_UNSUPPORTED, "limits of a number"},
    {"{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", BASE_ERR_BAD_VALUE, "no text"},
    {"{\"type\":\"integer\",\"minimum\":1e300}", BASE_ERR_UNSUPPORTED, "#/minimum"},
    {"{\"anyOf\":[]}", BASE_ERR_BAD_VALUE, "#/anyOf"},
    {"{\"$ref\":\"http://x/y\"}", BASE_ERR_UNSUPPORTED, "#/$ref"},
    {"{\"$ref\":\"#/nowhere\"}", BASE_ERR_BAD_VALUE, "#/$ref"},
    {"{\"$ref\":\"#\"}", BASE_ERR_BAD_VALUE, "no text"},
    {"{\"$ref\":\"#\",\"title\":\"t\"}", BASE_ERR_UNSUPPORTED, "circle"},
    {"{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", BASE_ERR_UNSUPPORTED, "circle"},
    {"{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"minItems\":1}", BASE_ERR_BAD_VALUE,
     "no text"},
    {"{\"allOf\":[{\"properties\":{\"a\":{}}},{\"properties\":{\"a\":{}}}]}", BASE_ERR_UNSUPPORTED,
     "described twice"},
    {"{\"allOf\":[{\"properties\":{\"a\":{}},\"additionalProperties\":false},{\"properties\":{"
     "\"b\":{}"
     "}}]}",
     BASE_ERR_UNSUPPORTED, "additionalProperties beside"},
    {"false", BASE_ERR_BAD_VALUE, "no text"},
};

static void test_schemas(void **state)
{
    (void)state;
    check_samples(engine_grammar_from_schema, schemas, COUNT(schemas));
    check_refusals(engine_grammar_from_schema, schemas_refused, COUNT(schemas_refused));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gbnf),         cmocka_unit_test(test_gbnf_limits),
        cmocka_unit_test(test_large_counts), cmocka_unit_test(test_json),
        cmocka_unit_test(test_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
