#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/compute/session.h"
#include "engine/compute/adapter.h"
#include "engine/compute/matmul.h"

#define MAX_CONTEXT (1U << 28)
#define MAX_SEQUENCES 4096U
#define MAX_BATCH 16384U

static const struct engine_session_options default_options;

/* --- memory ------------------------------------------------------------------------------- */

/* Places arrays one after the other, each aligned to 64 bytes; the first pass only counts. */
struct layout {
    uint8_t *memory; /* NULL while counting */
    size_t used;
};

static void *place(struct layout *l, size_t count, size_t size)
{
    void *at = l->memory ? l->memory + l->used : NULL;
    l->used += (count * size + 63) / 64 * 64;
    return at;
}

/* Tokens that one call of the matrix function may have; not touched unless there are adapters. */
static size_t narrow_tokens(const struct engine_session *s)
{
    return s->batch > s->outputs ? s->batch : s->outputs;
}

/* All sizes are bounded by engine_hparams_read() and the limits above: sums stay far below 2^63. */
static void place_all(struct engine_session *s, struct layout *l)
{
    const struct engine_hparams *hp = &s->model->hp;
    size_t batch = s->batch, heads = (size_t)hp->n_head * hp->head_dim;
    size_t kv = (size_t)hp->n_head_kv * hp->head_dim, picks = batch * hp->n_expert_used;
    s->slots = place(l, batch, sizeof(*s->slots));
    s->runs = place(l, batch, sizeof(*s->runs));
    s->rows = place(l, s->outputs, sizeof(*s->rows));
    s->item_adapters = place(l, batch, sizeof(*s->item_adapters));
    s->row_adapters = place(l, s->outputs, sizeof(*s->row_adapters));
    s->x = place(l, batch * hp->n_embd, sizeof(float));
    s->branch = place(l, batch * hp->n_embd, sizeof(float));
    s->q = place(l, batch * heads, sizeof(float));
    s->k = place(l, batch * kv, sizeof(float));
    s->v = place(l, batch * kv, sizeof(float));
    s->att = place(l, batch * heads, sizeof(float));
    s->gate = place(l, engine_ffn_floats(hp, s->batch), sizeof(float));
    s->up = place(l, engine_ffn_floats(hp, s->batch), sizeof(float));
    for (size_t i = 0; i < (hp->window > 0 ? 2 : 1); i++) {
        s->rope[i] = place(l, batch * hp->n_rot, sizeof(float));
        s->inverse_freqs[i] = place(l, hp->n_rot / 2, sizeof(double));
    }
    s->hidden = place(l, (size_t)s->outputs * hp->n_embd, sizeof(float));
    s->logits = place(l, (size_t)s->outputs * hp->n_vocab, sizeof(float));
    s->packed = place(l, 1, s->packed_bytes);
    s->picks = place(l, picks, sizeof(*s->picks));
    s->scores = place(l, batch * hp->n_expert, sizeof(float));
    s->expert_out = place(l, picks * hp->n_embd, sizeof(float));
    s->row_tokens = place(l, picks, sizeof(*s->row_tokens));
    s->row_experts = place(l, picks, sizeof(*s->row_experts));
    s->expert_rows = place(l, hp->n_expert + 1, sizeof(*s->expert_rows));
    s->expert_inputs = place(l, hp->n_expert, sizeof(*s->expert_inputs));
    s->expert_products = place(l, 2 * (size_t)hp->n_expert, sizeof(*s->expert_products));
    s->narrow =
        place(l, narrow_tokens(s) * ENGINE_LORA_PRODUCTS * ENGINE_LORA_RANK_MAX, sizeof(float));
    s->thread_scratch = place(l, engine_pool_threads(s->pool) * s->thread_floats, sizeof(float));
}

static void set_widths(struct engine_session *s)
{
    const struct engine_hparams *hp = &s->model->hp;
    size_t widest = (size_t)hp->n_head * hp->head_dim;
    widest = hp->n_embd > widest ? hp->n_embd : widest;
    widest = hp->n_ff > widest ? hp->n_ff : widest;
    widest = hp->n_ff_expert > widest ? hp->n_ff_expert : widest;
    s->packed_bytes = engine_input_bytes(s->batch > s->outputs ? s->batch : s->outputs, widest);
    if (engine_expert_packed_bytes(hp, s->batch, widest) > s->packed_bytes)
        s->packed_bytes = engine_expert_packed_bytes(hp, s->batch, widest);
    s->thread_floats = (engine_attention_floats(hp) + 15) / 16 * 16;
}

static enum base_err allocate(struct engine_session *s, struct base_error *reterr)
{
    struct layout l = {0};
    set_widths(s);
    place_all(s, &l);
    void *memory = mmap(NULL, l.used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a batch of %u tokens",
                              s->batch);
    s->memory = memory;
    s->memory_bytes = l.used;
    l = (struct layout){.memory = memory};
    place_all(s, &l);
    s->workers = (struct engine_workers){.pool = s->pool,
                                         .kernels = s->kernels,
                                         .narrow = s->narrow,
                                         .narrow_floats = narrow_tokens(s) * ENGINE_LORA_RANK_MAX};
    return BASE_OK;
}

/* Angle per position of pair i. YaRN: from the file's angle to the scaled one, over its ramp. */
static double inverse_freq(const struct engine_session *s, const struct engine_rope *rope,
                           const float *factors, uint32_t i)
{
    double freq = pow((double)rope->base, -2.0 * i / s->model->hp.n_rot);
    double scale = (double)rope->scale;
    if (factors)
        freq /= (double)factors[i];
    if (rope->yarn) {
        double width = fmax(0.001, (double)rope->yarn_high - (double)rope->yarn_low);
        double ramp = fmin(1.0, fmax(0.0, ((double)i - (double)rope->yarn_low) / width));
        scale = scale * ramp + (1.0 - ramp);
    }
    return freq * scale;
}

static void fill_freqs(struct engine_session *s, uint32_t longest)
{
    const struct engine_model *model = s->model;
    const struct engine_weights *w = &model->weights;
    bool is_long = longest > model->hp.context_original;
    const float *factors = w->rope_freqs ? w->rope_freqs : is_long ? w->rope_long : w->rope_short;
    for (size_t kind = 0; kind < 2 && s->rope[kind]; kind++) {
        for (uint32_t i = 0; i < model->hp.n_rot / 2; i++)
            s->inverse_freqs[kind][i] = inverse_freq(s, &model->hp.rope[kind], factors, i);
    }
}

/* --- life --------------------------------------------------------------------------------- */

static enum base_err check_options(const struct engine_session_options *o, uint32_t context,
                                   struct base_error *reterr)
{
    const struct {
        const char *name;
        uint32_t value, max;
    } limits[] = {
        {"context", context, MAX_CONTEXT},
        {"sequences", o->sequences, MAX_SEQUENCES},
        {"batch", o->batch, MAX_BATCH},
        {"outputs", o->outputs, MAX_BATCH},
        {"kv", (uint32_t)o->kv, ENGINE_KV_COUNT - 1},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (limits[i].value > limits[i].max)
            return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, limits[i].name,
                                        "session option '%s' is %u; at most %u", limits[i].name,
                                        limits[i].value, limits[i].max);
    }
    return BASE_OK;
}

static enum base_err set_up(struct engine_session *s, const struct engine_session_options *o,
                            struct base_error *reterr)
{
    const struct engine_hparams *hp = &s->model->hp;
    uint32_t context = engine_default_context(hp, o->context);
    uint32_t sequences = o->sequences ? o->sequences : ENGINE_DEFAULT_SEQUENCES;
    enum base_err err = check_options(o, context, reterr);
    if (err)
        return err;
    s->kernels = engine_kernels();
    s->batch = o->batch ? o->batch : ENGINE_DEFAULT_BATCH;
    s->outputs = o->outputs ? o->outputs : sequences;
    s->pool = o->pool;
    if (!s->pool) {
        err = engine_pool_new(o->threads, &s->pool, reterr);
        if (err)
            return err;
        s->owns_pool = true;
    }
    err = engine_model_prepare(s->model, s->pool, reterr);
    if (!err)
        err = engine_kv_init(&s->kv, s->model, o->kv, context, sequences, s->batch, reterr);
    if (!err)
        err = allocate(s, reterr);
    if (!err)
        fill_freqs(s, o->longest ? o->longest : context);
    return err;
}

enum base_err engine_session_new(struct engine_model *model,
                                 const struct engine_session_options *options,
                                 struct engine_session **ret_session, struct base_error *reterr)
{
    if (!model->arch)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                              "the model was opened for its vocabulary alone");
    struct engine_session *s = calloc(1, sizeof(*s));
    if (!s)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a session");
    s->model = engine_model_ref(model);
    enum base_err err = set_up(s, options ? options : &default_options, reterr);
    if (err) {
        engine_session_free(s);
        return err;
    }
    *ret_session = s;
    return BASE_OK;
}

void engine_session_free(struct engine_session *session)
{
    if (!session)
        return;
    if (session->owns_pool)
        engine_pool_free(session->pool);
    engine_kv_done(&session->kv);
    if (session->memory)
        munmap(session->memory, session->memory_bytes);
    engine_model_unref(session->model);
    free(session);
}

/* --- steps -------------------------------------------------------------------------------- */

static enum base_err check_items(const struct engine_session *s,
                                 const struct engine_batch_item *items, size_t count,
                                 struct base_error *reterr)
{
    size_t rows = 0;
    if (count == 0 || count > s->batch)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "a step of %zu tokens; 1 to %u", count,
                              s->batch);
    for (size_t i = 0; i < count; i++) {
        if (items[i].sequence >= s->kv.sequence_count)
            return base_error_set(reterr, BASE_ERR_BAD_VALUE, "sequence %u; there are %u",
                                  items[i].sequence, s->kv.sequence_count);
        if (items[i].token >= s->model->hp.n_vocab)
            return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                                  "token %u; the vocabulary has %u tokens", items[i].token,
                                  s->model->hp.n_vocab);
        if (items[i].adapter && items[i].adapter->model != s->model)
            return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                                  "an adapter of another model than the session's");
        rows += items[i].want_logits;
    }
    if (rows > s->outputs)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "%zu rows of logits wanted; at most %u",
                              rows, s->outputs);
    return BASE_OK;
}

/* Takes back the tokens that the first `count` items appended. */
static void take_back(struct engine_session *s, const struct engine_batch_item *items, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        uint32_t sequence = items[i].sequence;
        engine_kv_trim(&s->kv, sequence, s->kv.sequences[sequence].length - 1);
    }
}

void engine_session_find_runs(struct engine_session *s)
{
    s->run_count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        struct engine_token_run *run = s->run_count > 0 ? &s->runs[s->run_count - 1] : NULL;
        if (run && run->count < ENGINE_RUN_TOKENS &&
            s->slots[i - 1].sequence == s->slots[i].sequence)
            run->count++;
        else
            s->runs[s->run_count++] = (struct engine_token_run){i, 1};
    }
}

static enum base_err book(struct engine_session *s, const struct engine_batch_item *items,
                          size_t count, struct base_error *reterr)
{
    s->row_count = 0;
    s->any_adapter = false;
    for (size_t i = 0; i < count; i++) {
        uint32_t sequence = items[i].sequence, position = s->kv.sequences[sequence].length;
        enum base_err err = engine_kv_append(&s->kv, sequence, reterr);
        if (err) {
            take_back(s, items, i);
            return err;
        }
        s->slots[i] = (struct engine_slot){sequence, items[i].token, position};
        s->item_adapters[i] = items[i].adapter;
        s->any_adapter |= items[i].adapter != NULL;
        if (items[i].want_logits) {
            s->row_adapters[s->row_count] = items[i].adapter;
            s->rows[s->row_count++] = (uint32_t)i;
        }
    }
    s->count = (uint32_t)count;
    engine_session_find_runs(s);
    return BASE_OK;
}

enum base_err engine_session_step(struct engine_session *session,
                                  const struct engine_batch_item *items, size_t count,
                                  const atomic_bool *cancel, struct base_error *reterr)
{
    if (session->model->arch->encoder) {
        session->row_count = 0;
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "a model of architecture '%s' gives embeddings, not text",
                              session->model->arch->name);
    }
    return engine_session_compute(session, items, count, false, cancel, reterr);
}

enum base_err engine_session_compute(struct engine_session *s,
                                     const struct engine_batch_item *items, size_t count,
                                     bool every_token, const atomic_bool *cancel,
                                     struct base_error *reterr)
{
    enum base_err err = check_items(s, items, count, reterr);
    if (!err)
        err = book(s, items, count, reterr);
    if (err) {
        s->row_count = 0;
        return err;
    }
    s->every_token = every_token;
    if (!engine_graph_compute(s, cancel)) {
        take_back(s, items, count);
        s->row_count = 0;
        return base_error_set(reterr, BASE_ERR_CANCELLED, "the step was cancelled");
    }
    err = engine_model_check(s->model, reterr);
    if (err) {
        take_back(s, items, count);
        s->row_count = 0;
    }
    return err;
}

float *engine_session_logits(struct engine_session *session, size_t row)
{
    if (row >= session->row_count)
        return NULL;
    return session->logits + row * session->model->hp.n_vocab;
}

/* --- sequences ---------------------------------------------------------------------------- */

uint32_t engine_session_length(const struct engine_session *session, uint32_t sequence)
{
    return sequence < session->kv.sequence_count ? session->kv.sequences[sequence].length : 0;
}

void engine_session_trim(struct engine_session *session, uint32_t sequence, uint32_t length)
{
    if (sequence < session->kv.sequence_count)
        engine_kv_trim(&session->kv, sequence, length);
}

enum base_err engine_session_copy(struct engine_session *session, uint32_t from, uint32_t to,
                                  uint32_t length)
{
    if (from >= session->kv.sequence_count || to >= session->kv.sequence_count ||
        length > session->kv.sequences[from].length)
        return BASE_ERR_BAD_VALUE;
    return engine_kv_copy(&session->kv, from, to, length) ? BASE_OK : BASE_ERR_LIMIT;
}

bool engine_session_keeps(const struct engine_session *session, uint32_t sequence, uint32_t length)
{
    return sequence < session->kv.sequence_count && engine_kv_keeps(&session->kv, sequence, length);
}

uint32_t engine_session_room(const struct engine_session *session, uint32_t sequence)
{
    return sequence < session->kv.sequence_count ? engine_kv_room(&session->kv, sequence) : 0;
}

uint32_t engine_session_page(const struct engine_session *session)
{
    (void)session;
    return ENGINE_PAGE;
}

struct engine_model *engine_session_model(const struct engine_session *session)
{
    return session->model;
}

uint32_t engine_session_context(const struct engine_session *session)
{
    return session->kv.context;
}

uint32_t engine_session_sequences(const struct engine_session *session)
{
    return session->kv.sequence_count;
}

uint32_t engine_session_batch(const struct engine_session *session)
{
    return session->batch;
}
