/* Answers taken apart: the same pieces however the text is cut, and never a part of a marker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/template/markup.h"

/* Pieces put together: "R(...)" reasoning, "T(...)" text, "C<n>(name)" and "A<n>(...)" calls; what
 * follows of the same kind is one. */
struct seen {
    struct buffer out;
    enum engine_piece_type last;
    size_t call;
    bool open;
};

static void on_piece(void *user, const struct engine_piece *piece)
{
    struct seen *s = user;
    static const char letters[] = "TRCA";
    bool is_call = piece->type == ENGINE_PIECE_CALL || piece->type == ENGINE_PIECE_ARGUMENTS;
    assert_true(piece->text.len > 0);
    if (!s->open || s->last != piece->type || s->call != piece->call ||
        piece->type == ENGINE_PIECE_CALL) {
        if (s->open)
            buffer_add_char(&s->out, ')');
        buffer_add_char(&s->out, letters[piece->type]);
        if (is_call)
            buffer_addf(&s->out, "%zu", piece->call);
        buffer_add_char(&s->out, '(');
    }
    s->open = true;
    s->last = piece->type;
    s->call = piece->call;
    buffer_add_slice(&s->out, piece->text);
}

enum kind {
    QWEN,
    HERMES,
    R1,
    THINK_TOKENS,
    LLAMA,
    MISTRAL,
    MISTRAL_ARGS,
    HARMONY,
    PLAIN,
    CODER,
    DEEPSEEK,
    DEEPSEEK_FENCED,
    NEMOTRON,
    APRIEL
};
static const char *const templates[] = {
    [QWEN] = "{% if tools %}<tool_call>{% endif %} <think>",
    [HERMES] = "{{ tools }} <tool_call>",
    [R1] = "{{ x.split('</think>') }}",
    [THINK_TOKENS] = "[THINK] [TOOL_CALLS] [ARGS]",
    [LLAMA] = "<|start_header_id|> {\"name\", \"parameters\"} {{ tools }}",
    [MISTRAL] = "[TOOL_CALLS][",
    [MISTRAL_ARGS] = "[TOOL_CALLS]{{ name }}[CALL_ID]x[ARGS]",
    [HARMONY] = "<|start|>assistant<|channel|>final<|message|>",
    [PLAIN] = "{{ messages }}",
    [CODER] = "{{ tools }}<tool_call><function=f><parameter=p>",
    [DEEPSEEK] = "{{ tools }}<｜tool▁sep｜>",
    [DEEPSEEK_FENCED] = "{{ tools }}<｜tool▁sep｜>\n```json\n",
    [NEMOTRON] = "{{ tools }} in the format: <TOOLCALL>[{...}]</TOOLCALL> {{ '<think>' }}",
    [APRIEL] = "{{ tools }} within <tool_call></tool_call> tags: <tool_calls>[{...}]</tool_calls>",
};

enum end { WHOLE, CUT };

/* Of f in tags: what is a text. */
static struct engine_grammar *coder_grammar(const struct engine_markup *markup)
{
    static const struct engine_tool tool = {
        SLICE_INIT("f"),
        SLICE_INIT(
            "{\"type\": \"object\", \"properties\": {\"city\": {\"type\": \"string\"}, \"n\": "
            "{\"type\": \"integer\"}, \"note\": {\"type\": [\"string\", \"null\"]}}}"),
        true};
    const struct engine_form form = {.tools = &tool, .tool_count = 1};
    struct engine_grammar *grammar;
    assert_int_equal(engine_grammar_from_form(markup, &form, &grammar, NULL), BASE_OK);
    return grammar;
}

/* `cut` bytes first, then one at a time when `singly`. */
static void run(enum kind kind, bool tools, const char *text, enum end end, size_t cut, bool singly,
                struct seen *s, size_t *ret_calls)
{
    struct engine_markup markup;
    struct engine_answer *answer = NULL;
    engine_markup_detect(slice_from_str(templates[kind]), &markup);
    assert_int_equal(engine_answer_new(&markup,
                                       &(struct engine_answer_options){.with_tools = tools},
                                       &answer, NULL),
                     BASE_OK);
    struct engine_grammar *grammar = kind == CODER ? coder_grammar(&markup) : NULL;
    engine_answer_follow(answer, grammar);
    engine_grammar_unref(grammar);
    struct slice rest = slice_from_str(text);
    *s = (struct seen){.open = false};
    buffer_init(&s->out, 1 << 20);
    assert_int_equal(engine_answer_push(answer, slice_sub(rest, 0, cut), on_piece, s), BASE_OK);
    for (rest = slice_sub(rest, cut, SIZE_MAX); rest.len > 0;) {
        size_t len = singly ? 1 : rest.len;
        assert_int_equal(engine_answer_push(answer, slice_sub(rest, 0, len), on_piece, s), BASE_OK);
        rest = slice_sub(rest, len, SIZE_MAX);
    }
    assert_int_equal(engine_answer_finish(answer, end == CUT, on_piece, s), BASE_OK);
    if (s->open)
        buffer_add_char(&s->out, ')');
    *ret_calls = engine_answer_calls(answer);
    engine_answer_free(answer);
}

static void expect_one(enum kind kind, bool tools, const char *text, enum end end, size_t calls,
                       const char *want, size_t cut, bool singly)
{
    struct seen s;
    size_t got_calls;
    run(kind, tools, text, end, cut, singly, &s, &got_calls);
    if (!slice_eq_str(buffer_slice(&s.out), want) || got_calls != calls)
        fail_msg("cut at %zu of \"%s\": %zu calls, %.*s instead of %s", cut, text, got_calls,
                 SLICE_ARG(buffer_slice(&s.out)), want);
    buffer_done(&s.out);
}

static void expect(enum kind kind, bool tools, const char *text, enum end end, size_t calls,
                   const char *want)
{
    for (size_t cut = 0; cut <= strlen(text); cut++)
        expect_one(kind, tools, text, end, calls, want, cut, false);
    expect_one(kind, tools, text, end, calls, want, 0, true);
}

static void test_detect(void **state)
{
    (void)state;
    static const struct {
        enum kind kind;
        enum engine_markup_tools tools;
        const char *open;
    } rows[] = {
        {QWEN, ENGINE_MARKUP_TOOLS_HERMES, "<think>"},
        {HERMES, ENGINE_MARKUP_TOOLS_HERMES, NULL},
        {R1, ENGINE_MARKUP_TOOLS_NONE, "<think>"},
        {THINK_TOKENS, ENGINE_MARKUP_TOOLS_MISTRAL_ARGS, "[THINK]"},
        {LLAMA, ENGINE_MARKUP_TOOLS_LLAMA, NULL},
        {MISTRAL, ENGINE_MARKUP_TOOLS_MISTRAL, NULL},
        {MISTRAL_ARGS, ENGINE_MARKUP_TOOLS_MISTRAL_ARGS, NULL},
        {HARMONY, ENGINE_MARKUP_TOOLS_HARMONY, NULL},
        {PLAIN, ENGINE_MARKUP_TOOLS_NONE, NULL},
        {CODER, ENGINE_MARKUP_TOOLS_TAGGED, NULL},
        {DEEPSEEK, ENGINE_MARKUP_TOOLS_DEEPSEEK, NULL},
        {DEEPSEEK_FENCED, ENGINE_MARKUP_TOOLS_DEEPSEEK_FENCED, NULL},
        {NEMOTRON, ENGINE_MARKUP_TOOLS_NEMOTRON, "<think>"},
        {APRIEL, ENGINE_MARKUP_TOOLS_APRIEL, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct engine_markup markup;
        engine_markup_detect(slice_from_str(templates[rows[i].kind]), &markup);
        assert_int_equal(markup.tools, rows[i].tools);
        assert_int_equal(slice_is_absent(markup.open), rows[i].open == NULL);
        if (rows[i].open)
            assert_true(slice_eq_str(markup.open, rows[i].open));
        assert_int_equal(engine_markup_thinks(&markup), rows[i].open || rows[i].kind == HARMONY);
        assert_int_equal(engine_markup_token(&markup, 0) != NULL, rows[i].kind != PLAIN);
    }
    struct engine_markup markup;
    engine_markup_detect(SLICE("{{ tools }}<tool_call>f<arg_key>p</arg_key>"), &markup);
    assert_int_equal(markup.tools, ENGINE_MARKUP_TOOLS_NONE); /* not JSON */
    engine_markup_detect(SLICE("{{ tools }}<tool_calls>\n{...}\n{...}\n</tool_calls>"), &markup);
    assert_int_equal(markup.tools, ENGINE_MARKUP_TOOLS_NONE); /* no list */
    engine_markup_detect(SLICE("{{ tools }}<tool_call><invoke name="), &markup);
    assert_int_equal(markup.tools, ENGINE_MARKUP_TOOLS_NONE);
    engine_markup_detect(SLICE("<|start_header_id|><function={{ f }}>{\"parameters\"}"), &markup);
    assert_int_equal(markup.tools, ENGINE_MARKUP_TOOLS_NONE); /* not Llama's own form */
    engine_markup_detect(SLICE("<｜tool▁sep｜>"), &markup);
    assert_int_equal(markup.tools, ENGINE_MARKUP_TOOLS_NONE); /* its prompt would not name any */
    engine_markup_detect(SLICE_NONE, &markup);
    assert_int_equal(markup.tools, ENGINE_MARKUP_TOOLS_NONE);
}

static void test_reasoning(void **state)
{
    (void)state;
    expect(QWEN, false, "<think>\nso it is\n</think>\n\nYes.\n", WHOLE, 0, "R(so it is)T(Yes.\n)");
    expect(QWEN, false, "\n<think>a < b </ c</think>x </think>", WHOLE, 0,
           "R(a < b </ c)T(x </think>)");
    expect(QWEN, false, "<think>\n\n</think>\n\nYes", WHOLE, 0, "T(Yes)");
    expect(QWEN, false, "No thinking, <b>no</b> <think>.", WHOLE, 0,
           "T(No thinking, <b>no</b> <think>.)");
    expect(QWEN, false, " \n text", WHOLE, 0, "T( \n text)");
    expect(QWEN, false, "<think>cut </thi", CUT, 0, "R(cut)");
    expect(QWEN, false, "<think>cut </thi", WHOLE, 0, "R(cut </thi)");
    expect(QWEN, false, "<thin", CUT, 0, "");
    expect(QWEN, false, "<thin", WHOLE, 0, "T(<thin)");
    expect(QWEN, false, "<think>only", WHOLE, 0, "R(only)");
    expect(R1, false, "<think>a</think>b", WHOLE, 0, "R(a)T(b)");
    expect(THINK_TOKENS, false, "[THINK]a [/b][/THINK]c", WHOLE, 0, "R(a [/b])T(c)");
    expect(PLAIN, true, "<think>a</think> <tool_call>", CUT, 0, "T(<think>a</think> <tool_call>)");
}

static void test_harmony(void **state)
{
    (void)state;
    expect(HARMONY, true,
           "<|channel|>analysis<|message|>hm < hm<|end|><|start|>assistant<|channel|>final"
           "<|message|>Yes <|x|>",
           WHOLE, 0, "R(hm < hm)T(Yes <|x|>)");
    expect(HARMONY, true,
           "<|channel|>analysis<|message|>call<|end|><|start|>assistant<|channel|>commentary "
           "to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"A<B\"}",
           WHOLE, 1, "R(call)C0(get_weather)A0({\"city\": \"A<B\"})");
    expect(HARMONY, true,
           "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.f"
           "<|channel|>commentary json<|message|>{}",
           WHOLE, 1, "T(I look.)C0(f)A0({})");
    expect(HARMONY, true, " to=functions.f<|channel|>commentary<|message|>", WHOLE, 1,
           "C0(f)A0({})");
    expect(HARMONY, true, "<|channel|>commentary to=functions.f<|message|>{\"a\"", CUT, 0,
           "C0(f)A0({\"a\")");
    expect(HARMONY, false, "<|channel|>commentary to=functions.f<|message|>{}", WHOLE, 0, "T({})");
    expect(HARMONY, true, "<|channel|>analysis<|mess", CUT, 0, "");
    expect(HARMONY, true, "<|channel|>final<|message|>a<|en", CUT, 0, "T(a)");
}

static void test_hermes(void **state)
{
    (void)state;
    expect(HERMES, true,
           "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, {\"b\": \"}\\\"\"}]}}\n"
           "</tool_call>",
           WHOLE, 1, "C0(f)A0({\"a\": [1, {\"b\": \"}\\\"\"}]})");
    expect(HERMES, true,
           "I look. \n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n<tool_call>"
           "{\"arguments\": {\"x\": 1}, \"name\": \"g\"}</tool_call>\n",
           WHOLE, 2, "T(I look.)C0(f)A0({})C1(g)A1({\"x\": 1})");
    expect(HERMES, true, "<tool_call>{\"name\": \"f\"}</tool_call>", WHOLE, 1, "C0(f)A0({})");
    expect(HERMES, true, "<tool_call>{\"name\": \"f\", \"arguments\": null}</tool_call>", WHOLE, 1,
           "C0(f)A0({})");
    expect(HERMES, true,
           "<tool_call>{\"name\": \"f\\u0067\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>",
           WHOLE, 1, "C0(fg)A0({\"a\": 1})");
    expect(HERMES, true, "a <tool_call>not JSON</tool_call> b", WHOLE, 0,
           "T(a<tool_call>not JSON</tool_call> b)");
    expect(HERMES, true, "<tool_call>{\"arguments\": {}}</tool_call>", WHOLE, 0,
           "T(<tool_call>{\"arguments\": {}}</tool_call>)");
    expect(HERMES, true, "1 < 2 <tool", WHOLE, 0, "T(1 < 2 <tool)");
    expect(HERMES, true, "1 < 2 <tool", CUT, 0, "T(1 < 2 )");
    expect(HERMES, true, "<tool_call>{\"name\": \"f\", \"argum", CUT, 0, "C0(f)");
    expect(HERMES, true, "<tool_call>{\"nam", CUT, 0, "");
    expect(HERMES, true, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1", CUT, 0,
           "C0(f)A0({\"a\": 1)");
    expect(HERMES, false, "<tool_call>{}</tool_call>", WHOLE, 0, "T(<tool_call>{}</tool_call>)");
    expect(QWEN, true,
           "<think>\nhm\n</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n"
           "</tool_call>",
           WHOLE, 1, "R(hm)C0(f)A0({})");
}

static void test_tags(void **state)
{
    (void)state;
    expect(CODER, true,
           "Well.\n<tool_call>\n<function=f>\n<parameter=city>\nNew \"York\"\n</b>\n\n"
           "</parameter>\n<parameter=n>\n-5\n</parameter>\n</function>\n</tool_call>",
           WHOLE, 1, "T(Well.)C0(f)A0({\"city\": \"New \\\"York\\\"\\n</b>\\n\", \"n\": -5})");
    expect(CODER, true,
           "<tool_call>\n<function=f>\n</function>\n</tool_call>\n<tool_call><function=f>"
           "<parameter=city>\n12\n</parameter></function></tool_call>",
           WHOLE, 2, "C0(f)A0({})C1(f)A1({\"city\": \"12\"})");
    expect(CODER, true,
           "<tool_call>\n<function=f>\n<parameter=note>\nnull\n</parameter>\n<parameter=city>\n"
           "null\n</parameter>\n<parameter=other>\n[1, \"x\"]\n</parameter>\n<parameter=more>\nno "
           "JSON\n</parameter>\n</function>\n</tool_call>",
           WHOLE, 1,
           "C0(f)A0({\"note\": null, \"city\": \"null\", \"other\": [1, \"x\"], \"more\": \"no "
           "JSON\"})");
    expect(CODER, true, "<tool_call>\n<function=f>\n<parameter=city>\n\n</parameter>\n</function>",
           WHOLE, 1, "C0(f)A0({\"city\": \"\"})");
    expect(CODER, true, "<tool_call>\n<function=f>\n<parameter=city>\nPar\n</para", CUT, 0,
           "C0(f)A0({\"city\": \"Par)");
    expect(CODER, true, "<tool_call>\n<func", CUT, 0, "");
    expect(CODER, true, "<tool_call> nothing", WHOLE, 0, "T(<tool_call> nothing)");
    expect(CODER, true, "1 < 2 <tool", WHOLE, 0, "T(1 < 2 <tool)");
    expect(CODER, false, "<tool_call>\n<function=f>", WHOLE, 0, "T(<tool_call>\n<function=f>)");
}

static void test_deepseek(void **state)
{
    (void)state;
    expect(DEEPSEEK, true,
           "Hm.\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}"
           "<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
           "<｜tool▁calls▁end｜>",
           WHOLE, 2, "T(Hm.)C0(f)A0({\"a\": 1})C1(g)A1({})");
    expect(DEEPSEEK_FENCED, true,
           "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": "
           "\"```\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
           WHOLE, 1, "C0(f)A0({\"a\": \"```\"})");
    expect(DEEPSEEK, true, "<｜tool▁calls▁begin｜> x", WHOLE, 0, "T(<｜tool▁calls▁begin｜> x)");
    expect(DEEPSEEK, true, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜> \n<｜tool▁sep｜>{}", WHOLE,
           0, "T(<｜tool▁calls▁begin｜><｜tool▁call▁begin｜> \n<｜tool▁sep｜>{})");
    expect(DEEPSEEK, true, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁s", CUT, 0, "");
    expect(DEEPSEEK, true,
           "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>", WHOLE,
           1, "C0(f)A0({})");
}

static void test_llama(void **state)
{
    (void)state;
    expect(LLAMA, true, "{\"name\": \"f\", \"parameters\": {\"a\": 1}}", WHOLE, 1,
           "C0(f)A0({\"a\": 1})");
    expect(LLAMA, true, "\n { \"type\": \"function\", \"name\": \"f\", \"parameters\": {}}", WHOLE,
           1, "C0(f)A0({})");
    expect(LLAMA, true, "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}", WHOLE, 1,
           "C0(f)A0({})");
    expect(LLAMA, true, "{\"answer\": 1}", WHOLE, 0, "T({\"answer\": 1})");
    expect(LLAMA, true, "{\"namely\": 1}", WHOLE, 0, "T({\"namely\": 1})");
    expect(LLAMA, true, "Text {\"name\": \"f\"}", WHOLE, 0, "T(Text {\"name\": \"f\"})");
    expect(LLAMA, true, "{\"na", WHOLE, 0, "T({\"na)");
    expect(LLAMA, true, "{\"na", CUT, 0, "");
    expect(LLAMA, false, "{\"name\": \"f\", \"parameters\": {}}", WHOLE, 0,
           "T({\"name\": \"f\", \"parameters\": {}})");
}

static void test_mistral(void **state)
{
    (void)state;
    expect(MISTRAL, true,
           "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"abc\"}, "
           "{\"name\": \"g\", \"arguments\": {}}]",
           WHOLE, 2, "C0(f)A0({\"a\": 1})C1(g)A1({})");
    expect(MISTRAL_ARGS, true, "Hm. [TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]{}", WHOLE, 2,
           "T(Hm.)C0(f)A0({\"a\": 1})C1(g)A1({})");
    expect(MISTRAL_ARGS, true, "[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{\"a\": {}}", WHOLE, 1,
           "C0(f)A0({\"a\": {}})");
    expect(MISTRAL_ARGS, true, "[TOOL_CALLS]f{\"a\": 1}", WHOLE, 1, "C0(f)A0({\"a\": 1})");
    expect(MISTRAL_ARGS, true, "[TOOL_CALLS]f[ARGS]{\"a", CUT, 0, "C0(f)A0({\"a)");
    expect(MISTRAL, true, "[1] [TOOL", WHOLE, 0, "T([1] [TOOL)");
    expect(MISTRAL, true, "[TOOL_CALLS][1]", WHOLE, 0, "T([TOOL_CALLS][1])");
    expect(THINK_TOKENS, true, "[THINK]x[/THINK][TOOL_CALLS]f[ARGS]{}", WHOLE, 1,
           "R(x)C0(f)A0({})");
}

static void test_lists(void **state)
{
    (void)state;
    expect(
        NEMOTRON, true,
        "<think>\nhm\n</think>\n\n<TOOLCALL>[{\"name\": \"f\", \"arguments\": {\"a\": [\"]\"]}}, "
        "{\"name\": \"g\", \"arguments\": {}}]</TOOLCALL>\n",
        WHOLE, 2, "R(hm)C0(f)A0({\"a\": [\"]\"]})C1(g)A1({})");
    expect(NEMOTRON, true, "<TOOLCALL>[{\"name\": \"f\", \"arguments\": {}}]</TOOLCALL> then",
           WHOLE, 1, "C0(f)A0({})T(then)");
    expect(
        APRIEL, true,
        "I look.\n<tool_calls>[\n {\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"x\"}\n]\n"
        "</tool_calls>",
        WHOLE, 1, "T(I look.)C0(f)A0({\"a\": 1})");
    expect(APRIEL, true, "<tool_calls>{\"name\": \"f\", \"arguments\": {}}</tool_calls>", WHOLE, 1,
           "C0(f)A0({})");
    expect(APRIEL, true, "<tool_calls>[{\"name\": \"f\", \"arguments\": {}}]", WHOLE, 1,
           "C0(f)A0({})");
    expect(APRIEL, true, "<tool_calls>[{\"name\": \"f\", \"arguments\": {}}]</tool_c", CUT, 1,
           "C0(f)A0({})");
    expect(APRIEL, true, "<tool_calls>[{\"nam", CUT, 0, "");
    expect(APRIEL, true, "<tool_calls>f[ARGS]{}", WHOLE, 0, "T(<tool_calls>f[ARGS]{})");
    expect(APRIEL, true, "<tool_calls>[1]", WHOLE, 0, "T(<tool_calls>[1])");
    expect(APRIEL, true, "1 < 2 <tool_call>", WHOLE, 0, "T(1 < 2 <tool_call>)");
    expect(APRIEL, false, "<tool_calls>[]", WHOLE, 0, "T(<tool_calls>[])");
}

static void test_bounds(void **state)
{
    (void)state;
    struct engine_markup markup;
    struct engine_answer *answer = NULL;
    struct seen s = {.open = false};
    buffer_init(&s.out, 1 << 24);
    engine_markup_detect(slice_from_str(templates[HERMES]), &markup);
    assert_int_equal(engine_answer_new(&markup, &(struct engine_answer_options){.with_tools = true},
                                       &answer, NULL),
                     BASE_OK);
    enum base_err err = BASE_OK;
    for (int i = 0; i <= ENGINE_ANSWER_CALLS_MAX && !err; i++) {
        assert_int_equal(engine_answer_calls(answer), i);
        err = engine_answer_push(answer, SLICE("<tool_call>{\"name\": \"f\"}</tool_call>"),
                                 on_piece, &s);
    }
    assert_int_equal(err, BASE_ERR_LIMIT);
    assert_int_equal(engine_answer_push(answer, SLICE("x"), on_piece, &s), BASE_ERR_LIMIT);
    engine_answer_free(answer);
    buffer_done(&s.out);
    engine_answer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detect),  cmocka_unit_test(test_reasoning),
        cmocka_unit_test(test_harmony), cmocka_unit_test(test_hermes),
        cmocka_unit_test(test_llama),   cmocka_unit_test(test_mistral),
        cmocka_unit_test(test_tags),    cmocka_unit_test(test_deepseek),
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
