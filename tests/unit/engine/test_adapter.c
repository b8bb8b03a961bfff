/* Adapters: what they compute against weights merged in double precision, many in one batch, and
 * what is refused. */
#include <math.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/compute/adapter.h"
#include "tests/unit/engine/reference.h"
#include "tests/unit/engine/tiny_gguf.h"

enum { VOCAB = 61, LENGTH = 40, NAME = 80 };

static const struct tiny_model shapes[] = {
    {.arch = "llama",
     .n_vocab = VOCAB,
     .n_embd = 60,
     .n_layer = 2,
     .n_head = 6,
     .n_head_kv = 2,
     .head_dim = 10,
     .n_ff = 75,
     .seed = 41},
    {.arch = "llama",
     .n_vocab = VOCAB,
     .n_embd = 64,
     .n_layer = 1,
     .n_head = 4,
     .n_head_kv = 1,
     .head_dim = 16,
     .n_ff = 96,
     .fused_qkv = true,
     .seed = 42},
    {.arch = "qwen3",
     .n_vocab = VOCAB,
     .n_embd = 64,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 16,
     .n_ff = 80,
     .qk_norm = true,
     .tied = true,
     .seed = 43},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static const char *const stems[] = {"attn_q",   "attn_k", "attn_v",   "attn_qkv", "attn_output",
                                    "ffn_gate", "ffn_up", "ffn_down", NULL};

struct plan {
    uint32_t rank, type; /* ggml number of both halves */
    float alpha;         /* 0 = no key */
    uint64_t seed;
    const char *arch, *general_type, *hash; /* NULL = right, right, none */
};

static void *need(size_t bytes)
{
    void *p = calloc(1, bytes + 64);
    assert_non_null(p);
    return p;
}

static void begin(struct tiny_file *f, const struct plan *p, const char *arch)
{
    tiny_begin(f, 3);
    tiny_kv_str(f, "general.type", p->general_type ? p->general_type : "adapter");
    tiny_kv_str(f, "adapter.type", "lora");
    tiny_kv_str(f, "general.architecture", p->arch ? p->arch : arch);
    if (p->alpha > 0)
        tiny_kv_f32(f, "adapter.lora.alpha", p->alpha);
    if (p->hash)
        tiny_kv_str(f, ENGINE_ADAPTER_BASE_KEY, p->hash);
}

static void half_of_pair(struct tiny_file *f, const char *name, uint32_t type, uint64_t cols,
                         uint64_t rows, uint64_t *seed)
{
    size_t n = (size_t)(cols * rows);
    float *values = need(n * sizeof(float));
    uint8_t *packed = need(n * 4);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(tiny_normal(seed) / sqrt((double)cols));
    size_t len = tiny_pack(type, values, n, packed);
    tiny_tensor(f, name, type, 2, (uint64_t[]){cols, rows}, packed, len);
    free(values);
    free(packed);
}

static void pair(struct tiny_file *f, const char *stem, const struct gguf_tensor *t,
                 const struct plan *p, uint64_t *seed)
{
    char name[NAME + sizeof(".lora_a")];
    (void)snprintf(name, sizeof(name), "%s.lora_a", stem);
    half_of_pair(f, name, p->type, t->dims[0], p->rank, seed);
    (void)snprintf(name, sizeof(name), "%s.lora_b", stem);
    half_of_pair(f, name, p->type, p->rank, t->dims[1], seed);
}

/* An adapter for every matrix that the model has of those that may have one. */
static struct slice write_adapter(struct slice base, const struct plan *p, struct tiny_file *f)
{
    struct gguf *file = NULL;
    struct slice arch = SLICE_NONE;
    char name[NAME], arch_text[32];
    uint64_t seed = p->seed;
    assert_int_equal(gguf_parse(base, "base", &file, NULL), BASE_OK);
    assert_int_equal(gguf_string(file, "general.architecture", GGUF_NEEDED, &arch, NULL), BASE_OK);
    (void)snprintf(arch_text, sizeof(arch_text), "%.*s", SLICE_ARG(arch));
    begin(f, p, arch_text);
    for (int layer = 0; layer < 2; layer++) {
        for (size_t i = 0; stems[i]; i++) {
            (void)snprintf(name, sizeof(name), "blk.%d.%s.weight", layer, stems[i]);
            if (gguf_tensor(file, name))
                pair(f, name, gguf_tensor(file, name), p, &seed);
        }
    }
    if (gguf_tensor(file, "output.weight"))
        pair(f, "output.weight", gguf_tensor(file, "output.weight"), p, &seed);
    gguf_close(file);
    return tiny_end(f);
}

/* The base with the adapter added to its weights (which are float32), in double precision. */
static struct slice merge(struct slice base, struct slice adapter, float alpha)
{
    char *whole = NULL;
    struct gguf *to = NULL, *from = NULL;
    assert_int_equal(posix_memalign((void **)&whole, 64, base.len), 0);
    memcpy(whole, base.ptr, base.len);
    assert_int_equal(gguf_parse(slice_of(whole, base.len), "merged", &to, NULL), BASE_OK);
    assert_int_equal(gguf_parse(adapter, "adapter", &from, NULL), BASE_OK);
    for (size_t i = 0; i < gguf_tensor_count(from); i += 2) {
        const struct gguf_tensor *a = gguf_tensor_at(from, i), *b = gguf_tensor_at(from, i + 1);
        char name[NAME];
        (void)snprintf(name, sizeof(name), "%.*s", (int)(a->name.len - 7), a->name.ptr);
        const struct gguf_tensor *w = gguf_tensor(to, name);
        size_t cols = (size_t)w->dims[0], rows = (size_t)w->dims[1], rank = (size_t)a->dims[1];
        double *da = need(rank * cols * sizeof(double)), *db = need(rows * rank * sizeof(double));
        tiny_unpack(a->format->ggml_id, a->data, rank * cols, da);
        tiny_unpack(b->format->ggml_id, b->data, rank * rows, db);
        float *weights = (float *)(uintptr_t)w->data;
        for (size_t r = 0; r < rows; r++) {
            for (size_t c = 0; c < cols; c++) {
                double sum = 0;
                for (size_t k = 0; k < rank; k++)
                    sum += db[r * rank + k] * da[k * cols + c];
                double scale = alpha > 0 ? (double)alpha / (double)rank : 1.0;
                weights[r * cols + c] = (float)((double)weights[r * cols + c] + scale * sum);
            }
        }
        free(da);
        free(db);
    }
    gguf_close(to);
    gguf_close(from);
    return slice_of(whole, base.len);
}

static struct engine_adapter *open_adapter(struct engine_model *model, struct slice bytes)
{
    struct engine_adapter *adapter = NULL;
    struct base_error detail = {0};
    if (engine_adapter_open_bytes(model, bytes, "adapter", &adapter, &detail))
        fail_msg("%s", detail.message);
    return adapter;
}

static bool keep_row(void *user, size_t position, const float *logits)
{
    memcpy((float *)user + position * VOCAB, logits, VOCAB * sizeof(float));
    return true;
}

static void some_tokens(uint32_t *tokens)
{
    uint64_t seed = 12;
    for (size_t i = 0; i < LENGTH; i++)
        tokens[i] = (uint32_t)(tiny_random(&seed) % VOCAB);
}

/* --- what they compute ---------------------------------------------------------------------- */

static void check_exact(const struct tiny_model *shape, const struct plan *p)
{
    struct tiny_file base_file, adapter_file;
    struct engine_model *model = NULL;
    uint32_t tokens[LENGTH];
    static float with[LENGTH * VOCAB], without[LENGTH * VOCAB];
    some_tokens(tokens);
    struct slice base = tiny_model_write(shape, &base_file);
    struct slice bytes = write_adapter(base, p, &adapter_file);
    assert_int_equal(engine_model_open_bytes(base, "base", NULL, &model, NULL), BASE_OK);
    struct engine_adapter *adapter = open_adapter(model, bytes);
    assert_int_equal(engine_adapter_info(adapter)->rank, p->rank);
    assert_int_equal(engine_logits(model, adapter, tokens, LENGTH, 2, keep_row, with, NULL),
                     BASE_OK);
    assert_int_equal(engine_logits(model, NULL, tokens, LENGTH, 2, keep_row, without, NULL),
                     BASE_OK);
    struct slice merged = merge(base, bytes, p->alpha);
    double *exact = reference_logits(merged, tokens, LENGTH);
    double *plain = reference_logits(base, tokens, LENGTH);
    double error = reference_nmse(with, exact, LENGTH * VOCAB);
    double apart = reference_nmse(without, exact, LENGTH * VOCAB);
    if (!(error < 1e-9) || !(apart > 1e-2) ||
        !(reference_nmse(without, plain, LENGTH * VOCAB) < 1e-9))
        fail_msg("%s %s rank %u type %u: nmse %.2e; without the adapter %.2e", engine_cpu_name(),
                 shape->arch, p->rank, p->type, error, apart);
    free(exact);
    free(plain);
    free((char *)(uintptr_t)merged.ptr);
    engine_adapter_unref(adapter);
    engine_model_unref(model);
    tiny_done(&base_file);
    tiny_done(&adapter_file);
}

static void test_as_merged(void **state)
{
    (void)state;
    static const struct plan plans[] = {
        {.rank = 16, .type = 1, .alpha = 32, .seed = 1},
        {.rank = 7, .type = 0, .seed = 2},
        {.rank = 1, .type = 30, .alpha = 2, .seed = 3},
        {.rank = 33, .type = 1, .seed = 4},
    };
    for (size_t p = 0; engine_cpu_at(p); p++) {
        if (engine_cpu_select(engine_cpu_at(p), NULL))
            continue;
        for (size_t i = 0; i < SHAPES; i++) {
            for (size_t k = 0; k < sizeof(plans) / sizeof(plans[0]); k++)
                check_exact(&shapes[i], &plans[k]);
        }
    }
    assert_int_equal(engine_cpu_select(NULL, NULL), BASE_OK);
}

/* Eight sequences, each with an adapter of its own, of two ranks, or with none, in mixed steps: to
 * the bit what each gives alone. */
static void test_many_in_one_batch(void **state)
{
    (void)state;
    enum { MANY = 8 };
    struct tiny_file base_file, files[MANY];
    struct engine_model *model = NULL;
    struct engine_adapter *adapters[MANY] = {0};
    struct engine_session *s = NULL;
    uint32_t tokens[LENGTH], at[MANY] = {0};
    float *alone = need(sizeof(float) * MANY * LENGTH * VOCAB);
    const struct engine_session_options options = {
        .sequences = MANY, .batch = 48, .outputs = 48, .threads = 3};
    some_tokens(tokens);
    struct slice base = tiny_model_write(&shapes[0], &base_file);
    assert_int_equal(engine_model_open_bytes(base, "base", NULL, &model, NULL), BASE_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        struct plan p = {.rank = i % 2 ? 16 : 4, .type = i % 3 ? 1 : 0, .seed = i + 50};
        struct slice bytes = write_adapter(base, &p, &files[i]);
        if (i != 2)
            adapters[i] = open_adapter(model, bytes);
    }
    assert_int_equal(engine_session_new(model, &options, &s, NULL), BASE_OK);
    for (uint32_t q = 0; q < MANY; q++) {
        for (size_t i = 0; i < LENGTH; i++) {
            struct engine_batch_item item = {q, tokens[i], true, adapters[q]};
            assert_int_equal(engine_session_step(s, &item, 1, NULL, NULL), BASE_OK);
            memcpy(alone + (q * LENGTH + i) * VOCAB, engine_session_logits(s, 0),
                   VOCAB * sizeof(float));
        }
        engine_session_trim(s, q, 0);
    }
    uint64_t seed = 5;
    for (int round = 0; round < 200; round++) {
        struct engine_batch_item items[48];
        size_t places[48], n = 0;
        for (size_t tries = 1 + tiny_random(&seed) % 48; tries > 0; tries--) {
            uint32_t q = (uint32_t)(tiny_random(&seed) % MANY);
            if (at[q] == LENGTH)
                continue;
            places[n] = q * LENGTH + at[q];
            items[n++] = (struct engine_batch_item){q, tokens[at[q]++], true, adapters[q]};
        }
        if (n > 0)
            assert_int_equal(engine_session_step(s, items, n, NULL, NULL), BASE_OK);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(engine_session_logits(s, i), alone + places[i] * VOCAB,
                                VOCAB * sizeof(float));
    }
    for (uint32_t q = 0; q < MANY; q++)
        assert_int_equal(at[q], LENGTH);
    engine_session_free(s);
    for (size_t i = 0; i < MANY; i++) {
        engine_adapter_unref(adapters[i]);
        tiny_done(&files[i]);
    }
    engine_model_unref(model);
    tiny_done(&base_file);
    free(alone);
}

/* --- requests -------------------------------------------------------------------------------- */

struct answer {
    sem_t over;
    uint32_t tokens[64];
    size_t count;
    struct engine_usage usage;
    enum engine_event_type last;
};

static void on_event(void *user, const struct engine_event *event)
{
    struct answer *a = user;
    for (size_t i = 0; i < event->token_count && a->count < 64; i++)
        a->tokens[a->count++] = event->tokens[i];
    a->usage = event->usage;
    a->last = event->type;
    if (event->type == ENGINE_EVENT_DONE || event->type == ENGINE_EVENT_ERROR)
        sem_post(&a->over);
}

static void ask(struct engine_scheduler *sched, struct engine_adapter *adapter, struct answer *a)
{
    static const struct engine_bias no_end = {256, -100.0F};
    struct engine_request req = {.sampling = ENGINE_SAMPLING_DEFAULT, .max_tokens = 12};
    uint64_t id;
    *a = (struct answer){0};
    sem_init(&a->over, 0, 0);
    req.prompt = SLICE("the same long beginning of every question that is asked here");
    req.sampling.temperature = 0;
    req.sampling.bias = &no_end;
    req.sampling.bias_count = 1;
    req.adapter = adapter;
    assert_int_equal(
        engine_scheduler_submit(sched, &req, (struct engine_sink){on_event, a}, &id, NULL),
        BASE_OK);
}

static void wait_for(struct answer *a)
{
    sem_wait(&a->over);
    assert_int_equal(a->last, ENGINE_EVENT_DONE);
}

static bool same_answer(const struct answer *a, const struct answer *b)
{
    return a->count == b->count && memcmp(a->tokens, b->tokens, a->count * sizeof(uint32_t)) == 0;
}

/* With, without and with another: together as each alone, nothing of a cache shared between them;
 * the adapter may be closed as soon as it was submitted. */
static void test_requests(void **state)
{
    (void)state;
    struct tiny_model shape = shapes[0];
    struct tiny_file base_file, files[2];
    struct engine_model *model = NULL;
    struct engine_scheduler *sched = NULL;
    struct engine_adapter *adapters[3] = {0};
    struct answer alone[3], again[3], both[3];
    const struct engine_scheduler_options options = {.session = {.threads = 1, .sequences = 4}};
    shape.bytes = true;
    shape.n_vocab = 264;
    struct slice base = tiny_model_write(&shape, &base_file);
    assert_int_equal(engine_model_open_bytes(base, "base", NULL, &model, NULL), BASE_OK);
    for (size_t i = 0; i < 2; i++) {
        struct plan p = {.rank = 8, .type = 1, .alpha = 24, .seed = 70 + i};
        adapters[i] = open_adapter(model, write_adapter(base, &p, &files[i]));
    }
    assert_int_equal(engine_scheduler_new(model, &options, &sched, NULL), BASE_OK);
    for (size_t i = 0; i < 3; i++) {
        ask(sched, adapters[i], &alone[i]);
        wait_for(&alone[i]);
        assert_int_equal(alone[i].usage.cached_tokens, 0);
    }
    assert_false(same_answer(&alone[0], &alone[1]));
    assert_false(same_answer(&alone[0], &alone[2]));
    assert_false(same_answer(&alone[1], &alone[2]));
    for (size_t i = 0; i < 3; i++) { /* its own cache is of use again */
        ask(sched, adapters[i], &again[i]);
        wait_for(&again[i]);
        assert_true(again[i].usage.cached_tokens > 32);
        assert_true(same_answer(&alone[i], &again[i]));
    }
    for (size_t i = 0; i < 3; i++)
        ask(sched, adapters[i], &both[i]);
    for (size_t i = 0; i < 2; i++)
        engine_adapter_unref(adapters[i]);
    for (size_t i = 0; i < 3; i++) {
        wait_for(&both[i]);
        assert_true(same_answer(&alone[i], &both[i]));
    }
    engine_scheduler_free(sched);
    engine_model_unref(model);
    for (size_t i = 0; i < 2; i++)
        tiny_done(&files[i]);
    tiny_done(&base_file);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void expect(struct engine_model *model, struct tiny_file *f, enum base_err want,
                   const char *words)
{
    struct engine_adapter *adapter = NULL;
    struct base_error detail = {0};
    enum base_err err = engine_adapter_open_bytes(model, tiny_end(f), "adapter", &adapter, &detail);
    if (err != want || !strstr(detail.message, words))
        fail_msg("%d and not %d: '%s' should have '%s'", err, want, detail.message, words);
    assert_null(adapter);
    tiny_done(f);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        struct plan plan;
        const char *a, *b; /* names of two tensors; NULL = left out */
        uint64_t a_cols, a_rows, b_cols, b_rows;
        enum base_err want;
        const char *words;
    } cases[] = {
        {{.general_type = "model"}, NULL, NULL, 0, 0, 0, 0, BASE_ERR_BAD_FILE, "general.type"},
        {{.arch = "qwen2"}, NULL, NULL, 0, 0, 0, 0, BASE_ERR_BAD_FILE, "general.architecture"},
        {{.alpha = 1e9F}, NULL, NULL, 0, 0, 0, 0, BASE_ERR_BAD_FILE, "adapter.lora.alpha"},
        {{.hash = "00ff"}, NULL, NULL, 0, 0, 0, 0, BASE_ERR_BAD_FILE, "made for the model"},
        {{0}, NULL, NULL, 0, 0, 0, 0, BASE_ERR_BAD_FILE, "without tensors"},
        {{0}, "blk.0.attn_q.weight.lora_a", NULL, 60, 4, 0, 0, BASE_ERR_BAD_FILE, "no .lora_b"},
        {{0}, "blk.0.attn_q.weight.lora_b", NULL, 4, 60, 0, 0, BASE_ERR_BAD_FILE, "no .lora_a"},
        {{0}, "blk.0.attn_norm.weight", NULL, 60, 1, 0, 0, BASE_ERR_UNSUPPORTED, "neither"},
        {{0},
         "blk.9.attn_q.weight.lora_a",
         "blk.9.attn_q.weight.lora_b",
         60,
         4,
         4,
         60,
         BASE_ERR_BAD_FILE,
         "the model has not"},
        {{0},
         "token_embd.weight.lora_a",
         "token_embd.weight.lora_b",
         60,
         4,
         4,
         61,
         BASE_ERR_UNSUPPORTED,
         "not computed"},
        {{0},
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         59,
         4,
         4,
         60,
         BASE_ERR_BAD_FILE,
         "shape"},
        {{0},
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         60,
         4,
         5,
         60,
         BASE_ERR_BAD_FILE,
         "shape"},
        {{0},
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         60,
         4,
         4,
         61,
         BASE_ERR_BAD_FILE,
         "shape"},
        {{0},
         "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b",
         60,
         300,
         300,
         60,
         BASE_ERR_UNSUPPORTED,
         "rank"},
    };
    struct tiny_file base_file, f;
    struct engine_model *model = NULL;
    struct slice base = tiny_model_write(&shapes[0], &base_file);
    assert_int_equal(engine_model_open_bytes(base, "base", NULL, &model, NULL), BASE_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seed = 1;
        begin(&f, &cases[i].plan, "llama");
        if (cases[i].a)
            half_of_pair(&f, cases[i].a, 0, cases[i].a_cols, cases[i].a_rows, &seed);
        if (cases[i].b)
            half_of_pair(&f, cases[i].b, 0, cases[i].b_cols, cases[i].b_rows, &seed);
        expect(model, &f, cases[i].want, cases[i].words);
    }
    engine_model_unref(model);
    tiny_done(&base_file);
}

/* The hash tells models apart, and an adapter that names it is taken. */
static void test_hash(void **state)
{
    (void)state;
    struct tiny_file files[3], adapter_file;
    struct engine_model *models[3] = {0};
    struct tiny_model shape = shapes[0];
    struct slice first = SLICE_NONE;
    for (size_t i = 0; i < 3; i++) { /* twice the same, then another seed */
        shape.seed += i == 2;
        struct slice base = tiny_model_write(&shape, &files[i]);
        first = i == 0 ? base : first;
        assert_int_equal(engine_model_open_bytes(base, "base", NULL, &models[i], NULL), BASE_OK);
    }
    const char *hash = engine_model_info(models[0])->hash;
    assert_int_equal(strlen(hash), 32);
    assert_string_equal(hash, engine_model_info(models[1])->hash);
    assert_string_not_equal(hash, engine_model_info(models[2])->hash);
    struct plan p = {.rank = 4, .type = 1, .seed = 7, .hash = hash};
    struct slice bytes = write_adapter(first, &p, &adapter_file);
    struct engine_adapter *adapter = open_adapter(models[1], bytes), *none = NULL;
    assert_true(engine_adapter_info(adapter)->base_named);
    struct base_error detail = {0};
    assert_int_equal(engine_adapter_open_bytes(models[2], bytes, "adapter", &none, &detail),
                     BASE_ERR_BAD_FILE);
    /* Of the right model, but of another session's. */
    struct engine_session *s = NULL;
    assert_int_equal(engine_session_new(models[0], NULL, &s, NULL), BASE_OK);
    struct engine_batch_item item = {0, 1, true, adapter};
    assert_int_equal(engine_session_step(s, &item, 1, NULL, NULL), BASE_ERR_BAD_VALUE);
    engine_session_free(s);
    engine_adapter_unref(adapter);
    for (size_t i = 0; i < 3; i++) {
        engine_model_unref(models[i]);
        tiny_done(&files[i]);
    }
    tiny_done(&adapter_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_merged), cmocka_unit_test(test_many_in_one_batch),
        cmocka_unit_test(test_requests),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
