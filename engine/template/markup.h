/*
 * Markup: how a model tells what it thinks and what it calls from what it answers.
 *
 *     const struct engine_markup *markup = engine_scheduler_markup(sched);
 *     err = engine_answer_new(markup, &options, &answer, &detail);
 *     STARTED, TEXT   err = engine_answer_push(answer, event->text, on_piece, me);
 *     FINISHED        err = engine_answer_finish(answer, cut_off, on_piece, me);
 *     engine_answer_free(answer);
 *
 * What a model uses is read from its chat template:
 *
 *   reasoning   <think> ... </think> (Qwen3, DeepSeek-R1...), [THINK] ... [/THINK] (Mistral), the
 *               channels of gpt-oss ("harmony"). It stands at the beginning of the answer, or the
 *               template has written its first marker itself.
 *   tool calls  Hermes and Qwen    <tool_call>{"name": ..., "arguments": {...}}</tool_call>
 *               Llama 3            {"name": ..., "parameters": {...}} and nothing else, perhaps
 *                                  behind <|python_tag|>
 *               Mistral            [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...], or
 *                                  [TOOL_CALLS]name[ARGS]{...}
 *               Nemotron           <TOOLCALL>[{"name": ..., "arguments": {...}}, ...]</TOOLCALL>
 *               Apriel             the same in <tool_calls> ... </tool_calls>
 *               Qwen3-Coder        <tool_call><function=name><parameter=key>\nvalue\n</parameter>
 *                                  </function></tool_call>; texts as they are, all else as JSON
 *               DeepSeek           <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>name<｜tool▁sep｜>{...}
 *                                  <｜tool▁call▁end｜><｜tool▁calls▁end｜>, or with the JSON in a fence
 *               harmony            <|channel|>commentary to=functions.name ... <|message|>{...}
 *
 * A marker never comes out, nor a part of one, however its bytes are spread over the pushes: what
 * may still become one is held back. White space around reasoning and before calls is dropped;
 * without any markup the text passes as it is.
 *
 * Threads: a markup is immutable; an answer belongs to one thread at a time.
 */
#ifndef ENGINE_TEMPLATE_MARKUP_H
#define ENGINE_TEMPLATE_MARKUP_H

#include "engine/engine.h"

enum engine_markup_tools {
    ENGINE_MARKUP_TOOLS_NONE, /* the template knows no tools, or in a form not known here */
    ENGINE_MARKUP_TOOLS_HERMES,
    ENGINE_MARKUP_TOOLS_LLAMA,
    ENGINE_MARKUP_TOOLS_MISTRAL,      /* a list */
    ENGINE_MARKUP_TOOLS_MISTRAL_ARGS, /* name[ARGS]{...} */
    ENGINE_MARKUP_TOOLS_NEMOTRON,     /* a list between markers */
    ENGINE_MARKUP_TOOLS_APRIEL,       /* the same between others */
    ENGINE_MARKUP_TOOLS_HARMONY,
    ENGINE_MARKUP_TOOLS_TAGGED,          /* <function=name><parameter=key> */
    ENGINE_MARKUP_TOOLS_DEEPSEEK,        /* name and JSON */
    ENGINE_MARKUP_TOOLS_DEEPSEEK_FENCED, /* function, name, and JSON in a fence */
    ENGINE_MARKUP_TOOLS_COUNT
};

struct engine_markup {
    enum engine_markup_tools tools;
    bool is_harmony;          /* channels; then `open` and `close` are absent */
    struct slice open, close; /* of reasoning; static; absent = the model marks none */
};

/* What a family writes around calls in a text; slices of other families' own ways are absent. */
struct engine_markup_call {
    struct slice marker;                   /* of the first call, or of each */
    struct slice open, behind_name, close; /* DeepSeek: around each call */
    struct slice end;                      /* behind the last, or each that has a marker */
};
const struct engine_markup_call *engine_markup_call(enum engine_markup_tools tools);

/* By the text of a template; absent = no markup. */
void engine_markup_detect(struct slice jinja, struct engine_markup *ret);

/* True when the model marks its reasoning. */
bool engine_markup_thinks(const struct engine_markup *markup);

/* Texts of control tokens that are part of the markup and so must be seen; NULL past the last. */
const char *engine_markup_token(const struct engine_markup *markup, size_t index);

/* Of the scheduler's model; borrowed. Its STARTED event has in `text` what of the answer the
 * template has written itself: the marker that opens the reasoning, or nothing. */
const struct engine_markup *engine_scheduler_markup(const struct engine_scheduler *sched);

/* --- The answer, taken apart ---------------------------------------------------------------- */

enum engine_piece_type {
    ENGINE_PIECE_TEXT,
    ENGINE_PIECE_REASONING,
    ENGINE_PIECE_CALL,     /* a call begins: `text` is the tool's name */
    ENGINE_PIECE_ARGUMENTS /* the next piece of its arguments: JSON text */
};

/* Borrowed for the duration of the callback. */
struct engine_piece {
    enum engine_piece_type type;
    struct slice text;
    size_t call; /* CALL, ARGUMENTS: which one, from 0 */
};
typedef void (*engine_piece_fn)(void *user, const struct engine_piece *piece);

enum { ENGINE_ANSWER_CALLS_MAX = 128, ENGINE_ANSWER_HELD_MAX = 1 << 20 };

struct engine_answer;

struct engine_answer_options {
    bool with_tools; /* false: only reasoning is looked for */
    bool is_json;    /* the content is JSON, or of a grammar: once it has begun, no text in it is a
                      * marker */
};

/* The markup is copied. NO_MEMORY. */
enum base_err engine_answer_new(const struct engine_markup *markup,
                                const struct engine_answer_options *options,
                                struct engine_answer **ret_answer,
                                struct base_error *reterr) BASE_MUST_USE;
void engine_answer_free(struct engine_answer *answer); /* NULL allowed */

/* Before the first text: the grammar that the answer follows, which tells what in tags is a text;
 * referenced; NULL = none: then what can be read as JSON is JSON. */
void engine_answer_follow(struct engine_answer *answer, struct engine_grammar *grammar);

/* The next text, in any pieces. NO_MEMORY; LIMIT: too many calls. What is not well-formed as a call
 * comes out as text. */
enum base_err engine_answer_push(struct engine_answer *answer, struct slice text,
                                 engine_piece_fn on_piece, void *user) BASE_MUST_USE;

/* The end. `cut_off`: by a limit, so that what was held back as the beginning of a marker or a call
 * is dropped; otherwise it comes out. */
enum base_err engine_answer_finish(struct engine_answer *answer, bool cut_off,
                                   engine_piece_fn on_piece, void *user) BASE_MUST_USE;

/* Where the text stands now, markers included. What may still become either is text. */
bool engine_answer_is_reasoning(const struct engine_answer *answer);
bool engine_answer_is_text(const struct engine_answer *answer);
/* Something is held back. */
bool engine_answer_is_waiting(const struct engine_answer *answer);
/* Whole calls so far. */
size_t engine_answer_calls(const struct engine_answer *answer);

/* --- What an answer must be, as a grammar --------------------------------------------------- */

struct engine_tool {
    struct slice name;
    struct slice parameters; /* JSON Schema of the arguments; absent = there are none */
    bool strict; /* false: any object will do where the schema is one that cannot be followed */
};

enum engine_content {
    ENGINE_CONTENT_FREE,
    ENGINE_CONTENT_OBJECT, /* any JSON object */
    ENGINE_CONTENT_SCHEMA, /* `schema` */
    ENGINE_CONTENT_GBNF    /* `schema` is a grammar */
};

struct engine_form {
    const struct engine_tool *tools;
    size_t tool_count;
    bool must_call; /* else it may call or answer */
    bool one_call;
    enum engine_content content; /* of what is not a call */
    struct slice schema;
};

/*
 * An answer in the markup of the model: reasoning if it likes, then calls of these tools with
 * arguments that satisfy their schemas, or an answer of this content. A call can neither be
 * malformed nor name another tool. NULL in *ret_grammar: every text will do.
 * Errors as engine_grammar_from_schema(), with the tool's place ("tool 2: ..."); UNSUPPORTED: the
 * model has no markup for tools.
 */
enum base_err engine_grammar_from_form(const struct engine_markup *markup,
                                       const struct engine_form *form,
                                       struct engine_grammar **ret_grammar,
                                       struct base_error *reterr) BASE_MUST_USE;

#endif
