/*
 * The embedded demo model through the real engine: template, tokenizer, scheduler. For each line of
 * demo_model.jsonl (held-out and freehand conversations, written by engine/demo/score.py --golden)
 * the prompt's tokens must be those that the model was trained with, and greedy decoding must give
 * the expected answer as often as REQUIRED_PERCENT says.
 *
 *     test_demo_model deploy/demo.gguf tests/golden/demo_model.jsonl
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/core/arena.h"
#include "base/json/json.h"
#include "engine/engine.h"

enum {
    REQUIRED_PERCENT = 90, /* of the lines; what the file scores stands in docs/demo-model.md */
    ANSWER_MAX = 120,      /* tokens */
    MESSAGES_MAX = 8,
    FILE_MAX = 1 << 20
};

static const char *model_path, *prompts_path;
static struct engine_model *model;
static struct engine_tokenizer *tok;
static struct engine_scheduler *sched;

static int open_model(void **state)
{
    (void)state;
    struct base_error detail = {0};
    struct engine_scheduler_options options = {.session = {.sequences = 1, .threads = 1}};
    if (engine_model_open(model_path, NULL, &model, &detail) ||
        engine_tokenizer_new(model, &tok, &detail) ||
        engine_scheduler_new(model, &options, &sched, &detail)) {
        print_error("%s\n", detail.message);
        return -1;
    }
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    engine_scheduler_free(sched);
    engine_tokenizer_free(tok);
    engine_model_unref(model);
    return 0;
}

/* What the scheduler's thread hands over. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done, failed;
    struct buffer text;
};

static void on_event(void *user, const struct engine_event *event)
{
    struct answer *answer = user;
    if (event->type == ENGINE_EVENT_TEXT && buffer_add_slice(&answer->text, event->text))
        answer->failed = true;
    if (event->type != ENGINE_EVENT_DONE && event->type != ENGINE_EVENT_ERROR)
        return;
    pthread_mutex_lock(&answer->lock);
    answer->done = true;
    answer->failed |= event->type == ENGINE_EVENT_ERROR;
    pthread_cond_signal(&answer->over);
    pthread_mutex_unlock(&answer->lock);
}

/* The engine's own answer to the conversation of this line, into answer->text. */
static void ask(const struct json_node *line, struct answer *answer)
{
    struct engine_message messages[MESSAGES_MAX];
    size_t count = 0;
    const struct json_node *node = json_first(json_get(line, SLICE("messages")));
    for (; node; node = json_next(node)) {
        assert_true(count < MESSAGES_MAX);
        messages[count++] =
            (struct engine_message){.role = json_string(json_get(node, SLICE("role"))),
                                    .content = json_string(json_get(node, SLICE("content")))};
    }
    struct engine_request request = {.messages = messages,
                                     .message_count = count,
                                     .max_tokens = ANSWER_MAX,
                                     .sampling = ENGINE_SAMPLING_DEFAULT};
    request.sampling.temperature = 0;
    uint64_t id;
    struct engine_sink sink = {on_event, answer};
    assert_int_equal(engine_scheduler_submit(sched, &request, sink, &id, NULL), BASE_OK);
    pthread_mutex_lock(&answer->lock);
    while (!answer->done)
        pthread_cond_wait(&answer->over, &answer->lock);
    pthread_mutex_unlock(&answer->lock);
    assert_false(answer->failed);
    uint32_t tokens = 0;
    assert_int_equal(engine_scheduler_count(sched, &request, &tokens, NULL), BASE_OK);
    assert_int_equal(tokens, json_get(line, SLICE("tokens"))->count);
}

/* The tokens of the rendered prompt are the ones the model was trained with. */
static void check_tokens(const struct json_node *line)
{
    struct engine_tokens tokens = {0};
    struct slice prompt = json_string(json_get(line, SLICE("prompt")));
    assert_int_equal(engine_tokenize(tok, prompt, false, true, &tokens, NULL), BASE_OK);
    const struct json_node *node = json_first(json_get(line, SLICE("tokens")));
    for (size_t i = 0; i < tokens.count; i++, node = json_next(node)) {
        int64_t expected = -1;
        assert_true(json_to_i64(node, &expected));
        assert_int_equal(tokens.items[i], expected);
    }
    assert_null(node);
    engine_tokens_done(&tokens);
}

static struct buffer read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    struct buffer out;
    buffer_init(&out, FILE_MAX);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        assert_int_equal(buffer_add(&out, chunk, n), BASE_OK);
    fclose(f);
    return out;
}

/* True if the engine's answer to this line is the expected one. */
static bool answers_right(struct slice text)
{
    struct arena *arena = arena_new(1 << 20);
    const struct json_node *line;
    assert_int_equal(json_parse(text, &json_limits_request, arena, &line, NULL), BASE_OK);
    check_tokens(line);
    struct answer answer = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
    buffer_init(&answer.text, FILE_MAX);
    ask(line, &answer);
    struct slice expected = json_string(json_get(line, SLICE("answer")));
    bool right = slice_eq(buffer_slice(&answer.text), expected);
    if (!right)
        print_message("expected \"%.*s\", got \"%.*s\"\n", SLICE_ARG(expected),
                      SLICE_ARG(buffer_slice(&answer.text)));
    buffer_done(&answer.text);
    pthread_cond_destroy(&answer.over);
    pthread_mutex_destroy(&answer.lock);
    arena_free(arena);
    return right;
}

static void answers(void **state)
{
    (void)state;
    struct buffer file = read_file(prompts_path);
    struct slice rest = buffer_slice(&file);
    size_t count = 0, right = 0;
    while (rest.len > 0) {
        size_t end = slice_find(rest, SLICE("\n"));
        struct slice text = slice_sub(rest, 0, end < rest.len ? end : rest.len);
        rest = slice_sub(rest, text.len + 1, rest.len);
        count++;
        right += answers_right(text);
    }
    buffer_done(&file);
    print_message("%zu of %zu right\n", right, count);
    assert_true(count >= 50);
    assert_true(right * 100 >= count * REQUIRED_PERCENT);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.gguf PROMPTS.jsonl\n", argv[0]);
        return 2;
    }
    model_path = argv[1];
    prompts_path = argv[2];
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
