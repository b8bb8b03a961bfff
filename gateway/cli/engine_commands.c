/* tokenize, logits, embed, bench: the engine by itself. */
#include "gateway/cli/cli.h"

#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct engine_model *open_as(const char *path, const struct engine_model_options *options)
{
    struct engine_model *model;
    struct base_error detail;
    if (engine_cpu_select(NULL, &detail) || engine_model_open(path, options, &model, &detail)) {
        (void)cli_fail(&detail);
        return NULL;
    }
    return model;
}

static struct engine_model *open_model(const char *path)
{
    return open_as(path, NULL);
}

enum { COUNT_MAX = 1 << 20 };

/* `otherwise` when it was not given, UINT32_MAX when it is no count. */
static uint32_t to_count(const char *text, uint32_t otherwise)
{
    int64_t value;
    if (!text)
        return otherwise;
    return slice_to_i64(slice_from_str(text), &value) && value >= 0 && value <= COUNT_MAX
               ? (uint32_t)value
               : UINT32_MAX;
}

/* ---- tokenize ---- */

struct tokenizing {
    struct engine_tokenizer *tok;
    bool special;
};

static enum base_err write_tokens(const struct tokenizing *t, struct slice id, struct slice text,
                                  struct base_error *reterr)
{
    struct engine_tokens tokens = {0};
    enum base_err err = engine_tokenize(t->tok, text, t->special, false, &tokens, reterr);
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, SIZE_MAX / 2);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_key(&w, SLICE("id"));
    json_put_raw(&w, id);
    json_key(&w, SLICE("tokens"));
    json_open_array(&w);
    for (size_t i = 0; i < tokens.count; i++)
        json_put_i64(&w, tokens.items[i]);
    json_close_array(&w);
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    if (!err)
        cli_print(buffer_slice(&out));
    buffer_done(&out);
    engine_tokens_done(&tokens);
    return err;
}

static enum base_err tokenize_line(void *user, const struct cli_line *line,
                                   struct base_error *reterr)
{
    if (slice_is_absent(line->text))
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "expected `text` or `prompt`");
    return write_tokens(user, line->id, line->text, reterr);
}

int cli_tokenize(const struct cli_command *command, int argc, char **argv)
{
    const char *jsonl = NULL, *special = NULL;
    const struct cli_option table[] = {
        {"--jsonl", "FILE", "one text a line: {\"id\",\"text\"}; - is stdin", &jsonl},
        {"--special", NULL, "with the model's own start and end tokens", &special},
        {0},
    };
    const char *rest[2];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 2, &count, &exit_code))
        return exit_code;
    if (count == 0 || (count == 2) == (jsonl != NULL))
        return cli_usage(command, "expected a model, and either a text or --jsonl FILE");
    struct engine_model *model =
        open_as(rest[0], &(struct engine_model_options){.vocab_only = true});
    if (!model)
        return CLI_FAILED;
    struct base_error detail;
    struct tokenizing t = {.special = special != NULL};
    enum base_err err = engine_tokenizer_new(model, &t.tok, &detail);
    if (!err)
        err = jsonl ? cli_each_line(jsonl, tokenize_line, &t, &detail)
                    : write_tokens(&t, SLICE("null"), slice_from_str(rest[1]), &detail);
    engine_tokenizer_free(t.tok);
    engine_model_unref(model);
    return err ? cli_fail(&detail) : CLI_OK;
}

/* ---- logits ---- */

struct logits {
    FILE *out;
    size_t n_vocab;
    bool failed;
};

static bool write_row(void *user, size_t position, const float *row)
{
    struct logits *l = user;
    (void)position;
    l->failed = fwrite(row, sizeof(float), l->n_vocab, l->out) != l->n_vocab;
    return !l->failed;
}

static enum base_err read_tokens(const char *path, uint32_t n_vocab, uint32_t **ret_tokens,
                                 size_t *ret_count, struct base_error *reterr)
{
    struct buffer text;
    enum base_err err = cli_read_file(path, 64 << 20, &text, reterr);
    if (err)
        return err;
    struct arena *arena = arena_new(1u << 30);
    const struct json_node *root = NULL;
    uint32_t *tokens = NULL;
    struct base_error detail;
    err = arena ? json_parse(buffer_slice(&text), &json_limits_request, arena, &root, &detail)
                : base_error_set(&detail, BASE_ERR_NO_MEMORY, "no memory");
    if (err)
        (void)base_error_set(reterr, err, "%s: %s", path, detail.message);
    if (!err && (!json_is(root, JSON_ARRAY) || root->count == 0))
        err = base_error_set(reterr, BASE_ERR_BAD_VALUE, "%s: expected a list of token ids", path);
    if (!err) {
        tokens = calloc(root->count, sizeof(*tokens));
        err = tokens ? BASE_OK : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory");
    }
    size_t count = 0;
    for (const struct json_node *n = json_first(root); !err && n; n = json_next(n)) {
        int64_t id;
        if (!json_to_i64(n, &id) || id < 0 || id >= n_vocab)
            err = base_error_set(reterr, BASE_ERR_BAD_VALUE,
                                 "%s: entry %zu is not a token id below %u", path, count, n_vocab);
        else
            tokens[count++] = (uint32_t)id;
    }
    arena_free(arena);
    buffer_done(&text);
    if (err) {
        free(tokens);
        return err;
    }
    *ret_tokens = tokens;
    *ret_count = count;
    return BASE_OK;
}

int cli_logits(const struct cli_command *command, int argc, char **argv)
{
    const char *tokens_path = NULL, *out_path = NULL, *threads = NULL, *adapter_path = NULL;
    const struct cli_option table[] = {
        {"--adapter", "FILE.gguf", "with this adapter (LoRA)", &adapter_path},
        {"--tokens", "FILE.json", "a JSON list of token ids, used as they are", &tokens_path},
        {"--out", "FILE.f32", "little-endian float32, [tokens][vocabulary]", &out_path},
        {"-t", "N", "threads", &threads},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if (count != 1 || !tokens_path || !out_path)
        return cli_usage(command, "expected a model, --tokens FILE and --out FILE");
    struct engine_model *model = open_model(rest[0]);
    if (!model)
        return CLI_FAILED;
    struct base_error detail;
    struct logits l = {.n_vocab = engine_model_info(model)->n_vocab};
    uint32_t *tokens = NULL;
    size_t n = 0;
    struct engine_adapter *adapter = NULL;
    enum base_err err =
        read_tokens(tokens_path, engine_model_info(model)->n_vocab, &tokens, &n, &detail);
    if (!err && adapter_path)
        err = engine_adapter_open(model, adapter_path, &adapter, &detail);
    if (!err) {
        l.out = fopen(out_path, "wbe");
        if (!l.out)
            err = base_error_set(&detail, BASE_ERR_IO, "%s: %s", out_path, strerror(errno));
    }
    if (!err)
        err =
            engine_logits(model, adapter, tokens, n, to_count(threads, 0), write_row, &l, &detail);
    if (l.out && (fclose(l.out) != 0 || l.failed))
        err = base_error_set(&detail, BASE_ERR_IO, "%s: %s", out_path, strerror(errno));
    if (err && l.out)
        (void)remove(out_path);
    free(tokens);
    engine_adapter_unref(adapter);
    engine_model_unref(model);
    return err ? cli_fail(&detail) : CLI_OK;
}

/* ---- embed ---- */

#define MAX_EMBED_TOKENS 8192U

struct embedding {
    struct engine_session *session;
    struct engine_tokenizer *tok; /* NULL when tokens are given */
    enum engine_pooling pooling;
    bool raw;
    float *vector;
};

static const char *const pooling_names[ENGINE_POOLING_COUNT] = {"model", "mean", "first", "last"};

static enum base_err write_embedding(const struct embedding *e, struct slice id,
                                     const uint32_t *tokens, size_t count,
                                     struct base_error *reterr)
{
    const struct engine_model_info *info = engine_model_info(engine_session_model(e->session));
    enum base_err err =
        engine_embed(e->session, tokens, count, e->pooling, !e->raw, e->vector, reterr);
    if (err)
        return err;
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, SIZE_MAX / 2);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_key(&w, SLICE("id"));
    json_put_raw(&w, id);
    json_member_i64(&w, "tokens", (int64_t)count);
    json_key(&w, SLICE("embedding"));
    json_open_array(&w);
    for (uint32_t i = 0; i < info->n_embd; i++) {
        char number[32]; /* nine digits give a float back exactly */
        (void)snprintf(number, sizeof(number), "%.9g", (double)e->vector[i]);
        json_put_raw(&w, slice_from_str(number));
    }
    json_close_array(&w);
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    cli_print(buffer_slice(&out));
    buffer_done(&out);
    return BASE_OK;
}

static enum base_err embed_text(const struct embedding *e, struct slice id, struct slice text,
                                struct base_error *reterr)
{
    struct engine_tokens tokens = {0};
    enum base_err err = engine_tokenize(e->tok, text, true, false, &tokens, reterr);
    if (!err)
        err = write_embedding(e, id, tokens.items, tokens.count, reterr);
    engine_tokens_done(&tokens);
    return err;
}

static enum base_err embed_line(void *user, const struct cli_line *line, struct base_error *reterr)
{
    if (slice_is_absent(line->text))
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "expected `text` or `prompt`");
    return embed_text(user, line->id, line->text, reterr);
}

static enum base_err embed_tokens(const struct embedding *e, const char *path,
                                  struct base_error *reterr)
{
    uint32_t *tokens = NULL;
    size_t count = 0;
    uint32_t n_vocab = engine_model_info(engine_session_model(e->session))->n_vocab;
    enum base_err err = read_tokens(path, n_vocab, &tokens, &count, reterr);
    if (!err)
        err = write_embedding(e, SLICE("null"), tokens, count, reterr);
    free(tokens);
    return err;
}

static enum base_err open_embedding(struct engine_model *model, struct embedding *e,
                                    uint32_t threads, bool text, struct base_error *reterr)
{
    const struct engine_model_info *info = engine_model_info(model);
    uint32_t most = info->context_train < MAX_EMBED_TOKENS ? info->context_train : MAX_EMBED_TOKENS;
    const struct engine_session_options options = {.context = most,
                                                   .sequences = 1,
                                                   .batch = info->encoder ? most : 0,
                                                   .threads = threads,
                                                   .kv = ENGINE_KV_F32};
    e->vector = calloc(info->n_embd, sizeof(*e->vector));
    if (!e->vector)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory");
    enum base_err err = engine_session_new(model, &options, &e->session, reterr);
    return err || !text ? err : engine_tokenizer_new(model, &e->tok, reterr);
}

static enum base_err embed_all(const struct embedding *e, const char *const *texts, int count,
                               struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    for (int i = 0; !err && i < count; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "%d", i);
        err = embed_text(e, slice_from_str(id), slice_from_str(texts[i]), reterr);
    }
    return err;
}

/* False when there is no such kind. */
static bool find_pooling(const char *name, enum engine_pooling *ret)
{
    for (int i = 0; name && i < ENGINE_POOLING_COUNT; i++) {
        if (strcmp(name, pooling_names[i]) == 0) {
            *ret = (enum engine_pooling)i;
            return true;
        }
    }
    return !name;
}

int cli_embed(const struct cli_command *command, int argc, char **argv)
{
    const char *jsonl = NULL, *ids = NULL, *pooling = NULL, *raw = NULL, *threads = NULL;
    const struct cli_option table[] = {
        {"--jsonl", "FILE", "one text a line: {\"id\",\"text\"}; - is stdin", &jsonl},
        {"--tokens", "FILE.json", "a JSON list of token ids, used as they are", &ids},
        {"--pooling", "KIND", "model (what the file says), mean, first, last", &pooling},
        {"--raw", NULL, "not scaled to length 1", &raw},
        {"-t", "N", "threads", &threads},
        {0},
    };
    const char *rest[65];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 65, &count, &exit_code))
        return exit_code;
    struct embedding e = {.raw = raw != NULL};
    if (count == 0 || (count > 1) + (jsonl != NULL) + (ids != NULL) != 1)
        return cli_usage(command, "expected a model, and texts, --jsonl FILE or --tokens FILE");
    if (!find_pooling(pooling, &e.pooling) || to_count(threads, 0) == UINT32_MAX)
        return cli_usage(command, "expected --pooling model, mean, first or last, and -t N");
    struct engine_model *model = open_model(rest[0]);
    if (!model)
        return CLI_FAILED;
    struct base_error detail;
    enum base_err err = open_embedding(model, &e, to_count(threads, 0), !ids, &detail);
    if (!err && ids)
        err = embed_tokens(&e, ids, &detail);
    else if (!err && jsonl)
        err = cli_each_line(jsonl, embed_line, &e, &detail);
    else if (!err)
        err = embed_all(&e, rest + 1, count - 1, &detail);
    engine_tokenizer_free(e.tok);
    engine_session_free(e.session);
    engine_model_unref(model);
    free(e.vector);
    return err ? cli_fail(&detail) : CLI_OK;
}

/* ---- bench ---- */

static void print_bench(const struct engine_bench_result *r, const struct engine_bench_options *o,
                        const struct engine_model *model, const char *path, bool json)
{
    if (!json) {
        (void)printf("%s on %s, %u threads, medians of %u runs\n", path, engine_cpu_name(),
                     r->threads, r->runs);
        if (o->prompt_tokens)
            (void)printf("  prompt %5u tokens: %10.1f tokens/s (spread %.0f %%)\n",
                         o->prompt_tokens, r->pp_tokens_per_s, r->pp_spread * 100);
        if (o->gen_tokens)
            (void)printf("  answer %5u tokens: %10.1f tokens/s (spread %.0f %%)\n", o->gen_tokens,
                         r->tg_tokens_per_s, r->tg_spread * 100);
        return;
    }
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 1 << 16);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_double(&w, "pp_tokens_per_s", r->pp_tokens_per_s);
    json_member_double(&w, "tg_tokens_per_s", r->tg_tokens_per_s);
    json_member_double(&w, "pp_spread", r->pp_spread);
    json_member_double(&w, "tg_spread", r->tg_spread);
    json_member_i64(&w, "threads", r->threads);
    json_member_i64(&w, "runs", r->runs);
    json_member_str(&w, "cpu", engine_cpu_name());
    json_member_str(&w, "model_hash", engine_model_info(model)->hash);
    json_close_object(&w);
    buffer_add_char(&out, '\n');
    cli_print_buffer(&out);
}

int cli_bench(const struct cli_command *command, int argc, char **argv)
{
    const char *p = NULL, *n = NULL, *t = NULL, *r = NULL, *s = NULL, *json = NULL;
    const struct cli_option table[] = {
        {"-p", "N", "prompt tokens (128; 0 leaves it out)", &p},
        {"-n", "N", "generated tokens (64; 0 leaves it out)", &n},
        {"-t", "T", "threads", &t},
        {"-r", "N", "runs (5)", &r},
        {"-s", "N", "sequences that generate at once (1)", &s},
        {"--json", NULL, "as JSON", &json},
        {0},
    };
    const char *rest[1];
    int count, exit_code;
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    if (count != 1)
        return cli_usage(command, "expected a model");
    for (const struct cli_option *o = table; o->name; o++)
        if (o->value && to_count(*o->ret, 0) == UINT32_MAX)
            return cli_usage(command, "%s: expected a whole number up to %d", o->name, COUNT_MAX);
    struct engine_bench_options options = {.prompt_tokens = to_count(p, 128),
                                           .gen_tokens = to_count(n, 64),
                                           .threads = to_count(t, 0),
                                           .runs = to_count(r, 0),
                                           .sequences = to_count(s, 1)};
    struct engine_model *model = open_model(rest[0]);
    if (!model)
        return CLI_FAILED;
    struct base_error detail;
    struct engine_bench_result result;
    enum base_err err = engine_bench(model, &options, &result, &detail);
    if (!err)
        print_bench(&result, &options, model, rest[0], json != NULL);
    engine_model_unref(model);
    return err ? cli_fail(&detail) : CLI_OK;
}
