/*
 * Forms of answers: whatever tokens are chosen at random under the mask, every call names one of
 * the tools and has arguments that satisfy its schema, in the markup of every family; and what is
 * not a call is never taken for one.
 */
#include "tests/unit/engine/schema_support.h"

#include "engine/template/markup.h"

enum { TOOLS_MAX = 3, STEPS_MAX = 500, HURRY_AFTER = 20 };

static const char *const markers[] = {"<tool_call>",
                                      "</tool_call>",
                                      "</think>",
                                      "<think>",
                                      "[TOOL_CALLS]",
                                      "[ARGS]",
                                      "[CALL_ID]",
                                      "[/THINK]",
                                      "<|python_tag|>",
                                      "{\"name\": \"",
                                      "<|channel|>",
                                      "<|message|>",
                                      "<|start|>",
                                      "<|constrain|>",
                                      "final",
                                      "commentary",
                                      " to=functions.",
                                      "analysis",
                                      "assistant",
                                      "<tool_",
                                      "></tool_call>",
                                      "x<tool_call>{",
                                      "[TOOL_CALLS][{}",
                                      "<|end|",
                                      "<|end|><|start|>assistant",
                                      "</thi",
                                      "<function=",
                                      "<parameter=",
                                      "\n</parameter>\n",
                                      "</function>",
                                      "</parameter",
                                      "<｜tool▁calls▁begin｜>",
                                      "<｜tool▁call▁begin｜>",
                                      "<｜tool▁sep｜>",
                                      "<｜tool▁call▁end｜>",
                                      "<｜tool▁calls▁end｜>",
                                      "function<｜tool▁sep｜>",
                                      "```json\n",
                                      "<TOOLCALL>",
                                      "</TOOLCALL>",
                                      "]</tool_calls>",
                                      NULL};

static const struct family {
    const char *template;
    bool one_call;
} families[] = {
    {"tools <tool_call> <think>", false},
    {"tools <tool_call>", false},
    {"<|python_tag|> tools", true},
    {"[TOOL_CALLS]", false},
    {"[TOOL_CALLS] [ARGS] [THINK] [CALL_ID]", false},
    {"<|channel|> <|message|>", true},
    {"tools <tool_call> <function= <parameter= <think>", false},
    {"tools <｜tool▁sep｜>", false},
    {"tools <｜tool▁sep｜> ```json <think>", false},
    {"tools <TOOLCALL>[ <think>", false},
    {"tools <tool_calls>[", false},
};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

/* What came out of one answer. */
struct seen {
    struct buffer text, reasoning;
    struct buffer names[8], arguments[8];
    size_t calls;
};

static void on_piece(void *user, const struct engine_piece *piece)
{
    struct seen *s = user;
    if (piece->type == ENGINE_PIECE_TEXT) {
        buffer_add_slice(&s->text, piece->text);
    } else if (piece->type == ENGINE_PIECE_REASONING) {
        buffer_add_slice(&s->reasoning, piece->text);
    } else {
        s->calls = piece->call + 1;
        if (piece->call < 8)
            buffer_add_slice(piece->type == ENGINE_PIECE_CALL ? &s->names[piece->call]
                                                              : &s->arguments[piece->call],
                             piece->text);
    }
}

static void seen_init(struct seen *s)
{
    *s = (struct seen){.calls = 0};
    buffer_init(&s->text, 1 << 20);
    buffer_init(&s->reasoning, 1 << 20);
    for (int i = 0; i < 8; i++) {
        buffer_init(&s->names[i], 1 << 16);
        buffer_init(&s->arguments[i], 1 << 20);
    }
}

static void seen_done(struct seen *s)
{
    buffer_done(&s->text);
    buffer_done(&s->reasoning);
    for (int i = 0; i < 8; i++) {
        buffer_done(&s->names[i]);
        buffer_done(&s->arguments[i]);
    }
}

/* In a hurry: the end, then what closes. */
static uint32_t choose(const float *logits, bool hurry)
{
    static const char closers[] = "\"}]";
    if (hurry && logits[EOS] == 0.0F)
        return EOS;
    bool mark = hurry && draw(4) == 0; /* else they would fill texts in JSON */
    for (uint32_t token = EOS + 2; mark && token < TOKENS_MAX; token++) {
        bool closes = slice_eq_str(raws[token], "</think>") ||
                      slice_eq_str(raws[token], "[/THINK]") ||
                      slice_eq_str(raws[token], "<|end|><|start|>assistant");
        if (logits[token] == 0.0F && closes)
            return token;
    }
    for (const char *p = closers; hurry && !mark && *p; p++)
        if (logits[(unsigned char)*p] == 0.0F)
            return (uint32_t)(unsigned char)*p;
    uint32_t token = draw(TOKENS_MAX);
    while (logits[token] != 0.0F)
        token = (token + 1) % TOKENS_MAX;
    return token;
}

/* True when the answer came to an end. */
static bool speak(struct engine_grammar *grammar, struct engine_answer *answer, struct slice said,
                  struct seen *s, struct buffer *out)
{
    struct grammar_mask *mask;
    assert_int_equal(grammar_mask_new(grammar, false, &mask, NULL), BASE_OK);
    grammar_mask_attach(mask, trie, said);
    struct engine_mask ops = grammar_mask_ops(mask);
    assert_int_equal(engine_answer_push(answer, said, on_piece, s), BASE_OK);
    bool over = false;
    uint32_t hurry_after = draw(HURRY_AFTER);
    for (uint32_t step = 0; step < STEPS_MAX && !over; step++) {
        float logits[TOKENS_MAX] = {0};
        struct base_error why = {0};
        ops.ops->apply(ops.self, logits, TOKENS_MAX);
        if (grammar_mask_error(mask, &why))
            fail_msg("%s after %.*s", why.message, SLICE_ARG(buffer_slice(out)));
        uint32_t token = choose(logits, step > hurry_after);
        ops.ops->accept(ops.self, token);
        if (token != EOS) {
            buffer_add_slice(out, raws[token]);
            assert_int_equal(engine_answer_push(answer, raws[token], on_piece, s), BASE_OK);
        }
        over = token == EOS || grammar_mask_is_final(mask);
    }
    assert_int_equal(engine_answer_finish(answer, !over, on_piece, s), BASE_OK);
    grammar_mask_free(mask);
    return over;
}

struct made {
    struct buffer schemas[TOOLS_MAX];
    struct engine_tool tools[TOOLS_MAX];
    bool loose[TOOLS_MAX];
    size_t count;
};

static void make_tools(struct made *m, bool forced)
{
    static const char *const names[TOOLS_MAX] = {"get_weather", "get", "add-2"};
    m->count = 1 + draw(TOOLS_MAX);
    for (size_t i = 0; i < TOOLS_MAX; i++) {
        buffer_init(&m->schemas[i], 1 << 20);
        m->loose[i] = !forced && draw(6) == 0;
        if (m->loose[i]) {
            buffer_add_str(&m->schemas[i], "{\"type\":\"object\",\"not\":{}}");
        } else {
            buffer_add_str(&m->schemas[i], schema_defs);
            put_object(&m->schemas[i], 1);
            buffer_add_str(&m->schemas[i], "]}");
        }
        m->tools[i] = (struct engine_tool){slice_from_str(names[i]), buffer_slice(&m->schemas[i]),
                                           !m->loose[i]};
    }
}

static void made_done(struct made *m)
{
    for (size_t i = 0; i < TOOLS_MAX; i++)
        buffer_done(&m->schemas[i]);
}

static void check_calls(const struct made *m, const struct seen *s, struct slice raw, int *good)
{
    for (size_t c = 0; c < s->calls && c < 8; c++) {
        size_t i = 0;
        while (i < m->count && !slice_eq(m->tools[i].name, buffer_slice(&s->names[c])))
            i++;
        if (i == m->count)
            fail_msg("a call of %.*s in %.*s", SLICE_ARG(buffer_slice(&s->names[c])),
                     SLICE_ARG(raw));
        struct slice args = buffer_slice(&s->arguments[c]);
        assert_true(slice_starts_with(args, SLICE("{")));
        check_answer(m->loose[i] ? SLICE("{\"type\":\"object\"}") : m->tools[i].parameters, args,
                     good);
    }
}

static bool holds_marker(struct slice text, const struct engine_markup *markup)
{
    struct slice marker = engine_markup_call(markup->tools)->marker;
    return markup->tools != ENGINE_MARKUP_TOOLS_LLAMA && marker.len > 0 &&
           slice_find(text, marker) != SIZE_MAX;
}

struct tally {
    int answers, ended, calls, good;
};

static void one_answer(const struct engine_markup *markup, const struct engine_form *form,
                       struct engine_grammar *grammar, const struct made *m, struct tally *t)
{
    struct engine_answer_options options = {.with_tools = true,
                                            .is_json = form->content != ENGINE_CONTENT_FREE};
    struct engine_answer *answer;
    struct seen s;
    struct buffer raw;
    bool opened = !slice_is_absent(markup->open) && draw(2) == 0;
    buffer_init(&raw, 1 << 20);
    seen_init(&s);
    assert_int_equal(engine_answer_new(markup, &options, &answer, NULL), BASE_OK);
    engine_answer_follow(answer, grammar);
    bool ended = speak(grammar, answer, opened ? markup->open : SLICE(""), &s, &raw);
    t->answers++;
    if (ended) {
        t->ended++;
        if (engine_answer_calls(answer) != s.calls || (form->must_call && s.calls == 0) ||
            (form->one_call && s.calls > 1))
            fail_msg("%zu calls in %.*s", s.calls, SLICE_ARG(buffer_slice(&raw)));
        if (form->must_call && !markup->is_harmony && buffer_len(&s.text) > 0)
            fail_msg("text beside a forced call: %.*s", SLICE_ARG(buffer_slice(&raw)));
        t->calls += (int)s.calls;
        check_calls(m, &s, buffer_slice(&raw), &t->good);
    }
    if (!options.is_json && holds_marker(buffer_slice(&s.text), markup))
        fail_msg("a marker in the text: %.*s", SLICE_ARG(buffer_slice(&raw)));
    if (form->content == ENGINE_CONTENT_OBJECT && ended && s.calls == 0) {
        int good = 0;
        check_answer(SLICE("{\"type\":\"object\"}"), buffer_slice(&s.text), &good);
    }
    engine_answer_free(answer);
    seen_done(&s);
    buffer_done(&raw);
}

static void run(bool forced, int rounds, int answers, struct tally *t)
{
    for (int round = 0; round < rounds; round++) {
        const struct family *family = &families[round % FAMILIES];
        struct engine_markup markup;
        struct made m;
        struct engine_grammar *grammar;
        struct base_error detail = {0};
        make_tools(&m, forced);
        engine_markup_detect(slice_from_str(family->template), &markup);
        struct engine_form form = {.tools = m.tools,
                                   .tool_count = m.count,
                                   .must_call = forced,
                                   .one_call = forced && draw(2) == 0};
        if (!forced && !family->one_call && draw(4) == 0)
            form.content = ENGINE_CONTENT_OBJECT;
        enum base_err err = engine_grammar_from_form(&markup, &form, &grammar, &detail);
        if (err && err != BASE_ERR_UNSUPPORTED)
            fail_msg("%s", detail.message);
        for (int i = 0; !err && i < answers; i++)
            one_answer(&markup, &form, grammar, &m, t);
        if (!err)
            engine_grammar_unref(grammar);
        made_done(&m);
    }
}

static void test_forced(void **state)
{
    (void)state;
    struct tally t = {0};
    run(true, 240, 12, &t);
    print_message("forced: %d answers, %d ended, %d calls, %d valid\n", t.answers, t.ended, t.calls,
                  t.good);
    assert_true(t.calls > 2000);
    assert_true(t.ended > t.answers * 3 / 4);
    assert_true(t.good > t.calls * 9 / 10); /* the rest has two members of one name */
}

static void test_auto(void **state)
{
    (void)state;
    struct tally t = {0};
    run(false, 120, 12, &t);
    print_message("free: %d answers, %d ended, %d calls, %d valid\n", t.answers, t.ended, t.calls,
                  t.good);
    assert_true(t.ended > t.answers * 3 / 4);
    assert_true(t.calls > 20);
    assert_true(t.good > t.calls * 8 / 10);
}

/* What the text of an answer may be, by hand. */
static void test_texts(void **state)
{
    (void)state;
    static const struct {
        int family;
        bool forced, fits;
        const char *text;
    } rows[] = {
        {0, false, true, "Just text < with <b>, <tool_ and << "},
        {0, false, true, ""},
        {0, false, true, "<think>\nhm <tool_call> hm\n</think>\n\nText"},
        {0, false, true, "A <tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"},
        {0, false, true, "<tool_<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"},
        {0, false, false, "A <tool_call>"},
        {0, false, false, "A <tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>"},
        {0, false, false, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>"},
        {0, true, true, "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"},
        {0, true, true,
         "<think>a</think>\n\n<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>\n"
         "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"},
        {0, true, false, "Text"},
        {0, true, false, "<think>a</think>"},
        {2, false, true, "{\"answer\": 1}"},
        {2, false, true, "{\"namely\": 1, \"x\": {}} and <|python_"},
        {2, false, true, " {\"typed\""},
        {2, false, true, "{}"},
        {2, false, true, "<<|python_tag| {\"name\""},
        {2, false, false, "{\"name\": 1}"},
        {2, false, true, "{\"name\": \"f\", \"parameters\": {}}"},
        {2, false, true,
         "<|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}"},
        {2, false, false, "x<|python_tag|>{"},
        {3, true, true, "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}]"},
        {3, true, false, "[TOOL_CALLS]f[ARGS]{}"},
        {4, true, true,
         "[THINK]x[/THINK][TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]f[CALL_ID]abcdefgh1[ARGS]{}"},
        {4, false, true, "[1] [TOOL_CALLS f"},
        {5, true, true,
         "<|channel|>analysis<|message|>x<|end|><|start|>assistant<|channel|>commentary "
         "to=functions.f <|constrain|>json<|message|>{}"},
        {5, true, true, " to=functions.f<|channel|>commentary json<|message|>{}"},
        {5, false, true, "<|channel|>final<|message|>Text < x"},
        {5, true, false, "<|channel|>final<|message|>Text"},
        {5, false, false, "<|channel|>commentary to=functions.g<|message|>{}"},
        {6, true, true, "<tool_call>\n<function=f>\n</function>\n</tool_call>"},
        {6, true, true, "<think>x</think>\n<tool_call><function=f></function></tool_call>"},
        {6, true, false, "<tool_call>\n<function=g>\n</function>\n</tool_call>"},
        {6, true, false, "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>"},
        {6, false, true, "Text <function=f> <tool_"},
        {7, true, true,
         "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
         "<｜tool▁calls▁end｜>"},
        {7, true, false, "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>"},
        {7, false, true, "Text <｜tool▁call"},
        {8, true, true,
         "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{}\n```"
         "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
    };
    static const struct engine_tool tool = {SLICE_INIT("f"), SLICE_INIT(""), true};
    struct engine_tool f = tool;
    f.parameters = SLICE_NONE;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct engine_markup markup;
        struct engine_grammar *grammar;
        engine_markup_detect(slice_from_str(families[rows[i].family].template), &markup);
        struct engine_form form = {.tools = &f, .tool_count = 1, .must_call = rows[i].forced};
        assert_int_equal(engine_grammar_from_form(&markup, &form, &grammar, NULL), BASE_OK);
        if (engine_grammar_matches(grammar, slice_from_str(rows[i].text)) != rows[i].fits)
            fail_msg("row %zu: %s", i, rows[i].text);
        engine_grammar_unref(grammar);
    }
}

static void test_errors(void **state)
{
    (void)state;
    struct engine_markup plain, llama, hermes;
    struct base_error detail = {0};
    struct engine_grammar *grammar = NULL;
    struct engine_tool tool = {SLICE("f"), SLICE("{\"not\": {}}"), true};
    struct engine_form form = {.tools = &tool, .tool_count = 1};
    engine_markup_detect(SLICE("{{ messages }}"), &plain);
    engine_markup_detect(slice_from_str(families[1].template), &hermes);
    engine_markup_detect(slice_from_str(families[2].template), &llama);
    assert_int_equal(engine_grammar_from_form(&plain, &form, &grammar, &detail),
                     BASE_ERR_UNSUPPORTED);
    assert_int_equal(engine_grammar_from_form(&hermes, &form, &grammar, &detail),
                     BASE_ERR_UNSUPPORTED);
    assert_non_null(strstr(detail.message, "tool 0: "));
    assert_non_null(strstr(detail.message, "#/not"));
    tool = (struct engine_tool){SLICE("f\"g"), SLICE_NONE, true};
    assert_int_equal(engine_grammar_from_form(&hermes, &form, &grammar, &detail),
                     BASE_ERR_BAD_VALUE);
    tool = (struct engine_tool){SLICE("f"), SLICE_NONE, true};
    form.content = ENGINE_CONTENT_OBJECT;
    assert_int_equal(engine_grammar_from_form(&llama, &form, &grammar, &detail),
                     BASE_ERR_UNSUPPORTED);
    form = (struct engine_form){.content = ENGINE_CONTENT_FREE};
    assert_int_equal(engine_grammar_from_form(&plain, &form, &grammar, &detail), BASE_OK);
    assert_null(grammar);
    form = (struct engine_form){.content = ENGINE_CONTENT_SCHEMA,
                                .schema = SLICE("{\"type\": \"integer\"}")};
    engine_markup_detect(slice_from_str(families[0].template), &hermes);
    assert_int_equal(engine_grammar_from_form(&hermes, &form, &grammar, &detail), BASE_OK);
    assert_true(engine_grammar_matches(grammar, SLICE("<think>\n1\n</think>\n\n12")));
    assert_true(engine_grammar_matches(grammar, SLICE("12")));
    assert_false(engine_grammar_matches(grammar, SLICE("<think>12")));
    assert_true(engine_grammar_bytes(grammar) > 1000);
    engine_grammar_unref(grammar);
}

static int setup_markers(void **state)
{
    further_pieces = markers;
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_forced),
        cmocka_unit_test(test_auto),
    };
    return cmocka_run_group_tests(tests, setup_markers, teardown);
}
