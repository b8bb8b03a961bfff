/* perplexity: how well a model foresees a text. */
#include "gateway/cli/cli.h"

#include "base/core/clock.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 20, BAR_WIDTH = 30 };

struct run {
    const char *model_path, *text_path;
    struct engine_model *model;
    struct engine_tokens tokens;
    struct engine_perplexity_options options;
    struct engine_perplexity result;
    int64_t start_ns;
    double seconds;
    bool bar;
};

static bool to_number(const char *text, uint32_t *ret)
{
    int64_t value;
    if (!text)
        return true;
    if (!slice_to_i64(slice_from_str(text), &value) || value < 0 || value > 1 << 20)
        return false;
    *ret = (uint32_t)value;
    return true;
}

static double elapsed(const struct run *run)
{
    return (double)(clock_mono_ns(clock_system()) - run->start_ns) / 1e9;
}

static bool on_chunk(void *user, const struct engine_perplexity *so_far, uint32_t chunks)
{
    const struct run *run = user;
    if (!run->bar)
        return true;
    char bar[BAR_WIDTH + 1];
    size_t full = (size_t)so_far->chunks * BAR_WIDTH / chunks;
    for (size_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    (void)fprintf(stderr, "\r[%s] %u of %u chunks, perplexity %.4f, %.0f s left \033[K", bar,
                  so_far->chunks, chunks, so_far->perplexity,
                  elapsed(run) / so_far->chunks * (chunks - so_far->chunks));
    if (so_far->chunks == chunks)
        (void)fputs("\r\033[K", stderr);
    return true;
}

static enum base_err read_text(struct run *run, struct base_error *reterr)
{
    struct buffer text;
    struct engine_tokenizer *tok = NULL;
    enum base_err err = cli_read_file(run->text_path, TEXT_MAX, &text, reterr);
    if (err)
        return err;
    err = engine_tokenizer_new(run->model, &tok, reterr);
    if (!err)
        err = engine_tokenize(tok, buffer_slice(&text), true, false, &run->tokens, reterr);
    run->options.bos = -1;
    if (!err && run->tokens.count > 0) {
        int32_t bos = engine_tokenizer_special(tok, ENGINE_SPECIAL_BOS);
        if (bos >= 0 && run->tokens.items[0] == (uint32_t)bos)
            run->options.bos = bos; /* the model wants it: it begins every chunk */
    }
    engine_tokenizer_free(tok);
    buffer_done(&text);
    return err;
}

static void print_table(const struct run *run)
{
    const struct engine_perplexity *r = &run->result;
    (void)printf("%s on %s (%s)\n", run->model_path, run->text_path, engine_cpu_name());
    (void)printf("  perplexity  %.4f +/- %.4f\n", r->perplexity, r->error);
    (void)printf("  nats/token  %.5f\n", r->nats);
    (void)printf("  tokens      %llu scored of %zu, in %u chunks\n", (unsigned long long)r->scored,
                 run->tokens.count, r->chunks);
    (void)printf("  time        %.1f s\n", run->seconds);
}

static void print_json(const struct run *run)
{
    const struct engine_perplexity *r = &run->result;
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 1 << 16);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_double(&w, "perplexity", r->perplexity);
    json_member_double(&w, "error", r->error);
    json_member_double(&w, "nats_per_token", r->nats);
    json_member_i64(&w, "tokens", (int64_t)run->tokens.count);
    json_member_i64(&w, "scored", (int64_t)r->scored);
    json_member_i64(&w, "chunks", r->chunks);
    json_member_double(&w, "seconds", run->seconds);
    json_member_str(&w, "cpu", engine_cpu_name());
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    cli_print_buffer(&out);
}

static enum base_err measure(struct run *run, struct base_error *reterr)
{
    enum base_err err = engine_cpu_select(NULL, reterr);
    if (!err)
        err = engine_model_open(run->model_path, NULL, &run->model, reterr);
    if (!err)
        err = read_text(run, reterr);
    if (err)
        return err;
    run->start_ns = clock_mono_ns(clock_system());
    run->bar = isatty(STDERR_FILENO) == 1;
    err = engine_perplexity(run->model, run->tokens.items, run->tokens.count, &run->options,
                            on_chunk, run, &run->result, reterr);
    run->seconds = elapsed(run);
    return err;
}

int cli_perplexity(const struct cli_command *command, int argc, char **argv)
{
    const char *context = NULL, *chunks = NULL, *threads = NULL, *json = NULL;
    const struct cli_option table[] = {
        {"-c", "N", "tokens of a chunk (512); its second half is scored", &context},
        {"--chunks", "N", "no more chunks than this (all)", &chunks},
        {"-t", "T", "threads", &threads},
        {"--json", NULL, "as JSON", &json},
        {0},
    };
    const char *rest[2];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 2, &count, &exit_code))
        return exit_code;
    struct run run = {0};
    if (count != 2 || !to_number(context, &run.options.context) ||
        !to_number(chunks, &run.options.chunks) || !to_number(threads, &run.options.threads))
        return cli_usage(command, "expected a model, a text and whole numbers");
    run.model_path = rest[0];
    run.text_path = rest[1];
    struct base_error detail;
    enum base_err err = measure(&run, &detail);
    if (!err && json)
        print_json(&run);
    else if (!err)
        print_table(&run);
    engine_tokens_done(&run.tokens);
    engine_model_unref(run.model);
    return err ? cli_fail(&detail) : CLI_OK;
}
