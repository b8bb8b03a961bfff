#include "gateway/local/embedder.h"

#include "base/core/arena.h"
#include "base/json/json.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { INPUT_BYTES_MAX = 64 << 20, VECTOR_BYTES_MAX = 1 << 20, MEASURED_TOKENS = 20000 };

struct input {
    struct slice text;      /* or, absent, */
    const uint32_t *tokens; /* these */
    size_t count;
};

/* One vector on its way to the loop. */
struct parcel {
    struct parcel *next;
    struct buffer json;
    int32_t index;
};

struct target_stream {
    struct target_sink sink;
    struct loop *loop;
    struct arena *arena; /* inputs */
    const struct input *inputs;
    size_t input_count;
    uint32_t dimensions; /* 0 = all */
    bool base64;
    atomic_int refs; /* the loop's; the queue's or thread's; one while it is posted */
    atomic_bool cancelled;
    atomic_llong tokens; /* of the inputs done; -1 = none yet */

    pthread_mutex_t lock;
    struct parcel *head, *tail; /* lock */
    bool posted, over;          /* lock; over: nothing more comes from the thread */
    struct base_error error;    /* lock; of the end */

    struct target_stream *next;          /* the embedder's lock */
    size_t done;                         /* the thread's: inputs computed */
    bool started, ended, silent, paused; /* the loop's */
};

struct local_embedder {
    struct engine_model *model;
    struct engine_session *session;
    struct engine_tokenizer *tok;
    struct local_embedder_options options;
    float *vector;
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;                     /* lock, as all below */
    struct target_stream *head, *tail; /* requests with inputs left */
    uint32_t waiting;                  /* of them */
    size_t inputs_waiting;
    bool running;
    double seconds, tokens, texts; /* of what was computed lately */
};

/* ---- streams ---- */

static void parcel_free(struct parcel *parcel)
{
    buffer_done(&parcel->json);
    free(parcel);
}

static void stream_unref(struct target_stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    while (s->head) {
        struct parcel *next = s->head->next;
        parcel_free(s->head);
        s->head = next;
    }
    pthread_mutex_destroy(&s->lock);
    arena_free(s->arena);
    free(s);
}

static void deliver(struct target_stream *s, const struct chat_event *event)
{
    if (!s->silent)
        s->sink.on_event(s->sink.user, event);
}

static void deliver_end(struct target_stream *s)
{
    struct chat_event usage = {.type = CHAT_EVENT_USAGE};
    if (s->error.code) {
        deliver(s, &(struct chat_event){
                       .type = CHAT_EVENT_ERROR, .error = &s->error, .retry_after_ms = -1});
        return;
    }
    local_embedding_usage(s, &usage.usage);
    deliver(s, &(struct chat_event){.type = CHAT_EVENT_FINISHED, .finish = CHAT_FINISH_STOP});
    deliver(s, &usage);
    deliver(s, &(struct chat_event){.type = CHAT_EVENT_DONE});
}

static struct parcel *take_parcel(struct target_stream *s, bool *ret_over)
{
    pthread_mutex_lock(&s->lock);
    struct parcel *parcel = s->paused || s->silent ? NULL : s->head;
    if (parcel) {
        s->head = parcel->next;
        s->tail = s->head ? s->tail : NULL;
    }
    *ret_over = s->over && !s->head;
    pthread_mutex_unlock(&s->lock);
    return parcel;
}

/* On the loop: what has come so far. */
static void drain(struct target_stream *s)
{
    struct parcel *parcel;
    bool over;
    while ((parcel = take_parcel(s, &over)) != NULL) {
        if (!s->started)
            deliver(s, &(struct chat_event){.type = CHAT_EVENT_STARTED});
        s->started = true;
        deliver(s, &(struct chat_event){.type = CHAT_EVENT_TEXT,
                                        .choice = parcel->index,
                                        .text = buffer_slice(&parcel->json)});
        parcel_free(parcel);
    }
    if (!over || s->paused || s->ended)
        return;
    s->ended = true;
    deliver_end(s);
}

static void on_posted(void *user)
{
    struct target_stream *s = user;
    pthread_mutex_lock(&s->lock);
    s->posted = false;
    pthread_mutex_unlock(&s->lock);
    drain(s);
    stream_unref(s);
}

/* From the thread, with the stream's lock, which it leaves. */
static void post(struct target_stream *s)
{
    bool first = !s->posted;
    s->posted = true;
    pthread_mutex_unlock(&s->lock);
    if (!first)
        return;
    atomic_fetch_add(&s->refs, 1);
    if (!loop_post(s->loop, on_posted, s))
        stream_unref(s); /* the loop has ended, and with it whoever listened */
}

void local_embedding_pause(struct target_stream *s)
{
    s->paused = true;
}

void local_embedding_resume(struct target_stream *s)
{
    s->paused = false;
    pthread_mutex_lock(&s->lock);
    post(s); /* events never come from within a call */
}

void local_embedding_cancel(struct target_stream *s)
{
    s->silent = true;
    atomic_store(&s->cancelled, true);
}

void local_embedding_usage(const struct target_stream *s, struct chat_usage *ret)
{
    long long tokens = atomic_load(&s->tokens);
    *ret = CHAT_USAGE_UNKNOWN;
    if (tokens >= 0) {
        ret->input = tokens;
        ret->cache_read = ret->output = ret->reasoning = 0;
    }
}

void local_embedding_release(struct target_stream *s)
{
    local_embedding_cancel(s);
    stream_unref(s);
}

/* ---- vectors ---- */

/* With padding; RFC 4648, section 4. */
static void add_base64(struct buffer *out, const uint8_t *bytes, size_t len)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t three = (uint32_t)bytes[i] << 16 | (have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (have > 2 ? bytes[i + 2] : 0);
        const char four[4] = {letters[three >> 18], letters[three >> 12 & 63],
                              have > 1 ? letters[three >> 6 & 63] : '=',
                              have > 2 ? letters[three & 63] : '='};
        buffer_add(out, four, 4);
    }
}

static void add_floats_base64(struct buffer *out, const float *x, uint32_t n)
{
    buffer_add_char(out, '"');
    for (uint32_t i = 0; i < n; i += 3) { /* 12 bytes are 16 letters: no padding in between */
        uint8_t bytes[12];
        size_t have = n - i < 3 ? n - i : 3;
        for (size_t k = 0; k < have; k++) {
            uint32_t bits;
            memcpy(&bits, &x[i + k], sizeof(bits));
            for (unsigned b = 0; b < 4; b++)
                bytes[4 * k + b] = (uint8_t)(bits >> (8 * b));
        }
        add_base64(out, bytes, have * 4);
    }
    buffer_add_char(out, '"');
}

static void add_numbers(struct buffer *out, const float *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) /* nine digits give a float back exactly */
        buffer_addf(out, "%c%.9g", i ? ',' : '[', (double)x[i]);
    buffer_add_char(out, ']');
}

/* Keeps the first numbers, of length 1 again. */
static uint32_t shorten(float *x, uint32_t n, uint32_t want)
{
    double squares = 0;
    if (want == 0 || want >= n)
        return n;
    for (uint32_t i = 0; i < want; i++)
        squares += (double)x[i] * (double)x[i];
    for (uint32_t i = 0; i < want && squares > 0; i++)
        x[i] = (float)((double)x[i] / sqrt(squares));
    return want;
}

/* ---- the thread ---- */

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static enum base_err compute(struct local_embedder *e, const struct input *in, size_t *ret_tokens,
                             struct base_error *reterr)
{
    struct engine_tokens made = {0};
    const uint32_t *tokens = in->tokens;
    size_t count = in->count;
    enum base_err err = BASE_OK;
    if (!tokens) {
        err = engine_tokenize(e->tok, in->text, true, false, &made, reterr);
        tokens = made.items;
        count = made.count;
    }
    if (!err)
        err =
            engine_embed(e->session, tokens, count, ENGINE_POOLING_MODEL, true, e->vector, reterr);
    engine_tokens_done(&made);
    *ret_tokens = count;
    return err;
}

static void measure(struct local_embedder *e, int64_t ns, size_t tokens)
{
    pthread_mutex_lock(&e->lock);
    if (e->tokens > MEASURED_TOKENS) { /* what was long ago counts less and less */
        e->seconds /= 2;
        e->tokens /= 2;
        e->texts /= 2;
    }
    e->seconds += (double)ns / 1e9;
    e->tokens += (double)tokens;
    e->texts += 1;
    pthread_mutex_unlock(&e->lock);
}

/* One input; true when it was the last. */
static bool serve_one(struct local_embedder *e, struct target_stream *s)
{
    struct base_error error = {0};
    size_t tokens = 0;
    int64_t begin = now_ns();
    struct parcel *parcel = calloc(1, sizeof(*parcel));
    enum base_err err =
        parcel ? compute(e, &s->inputs[s->done], &tokens, &error)
               : base_error_set(&error, BASE_ERR_NO_MEMORY, "no memory for an embedding");
    if (!err) {
        uint32_t n = shorten(e->vector, engine_model_info(e->model)->n_embd, s->dimensions);
        parcel->index = (int32_t)s->done;
        buffer_init(&parcel->json, VECTOR_BYTES_MAX);
        if (s->base64)
            add_floats_base64(&parcel->json, e->vector, n);
        else
            add_numbers(&parcel->json, e->vector, n);
        if (parcel->json.err)
            err = base_error_set(&error, parcel->json.err, "no memory for an embedding");
        long long before = atomic_load(&s->tokens);
        atomic_store(&s->tokens, (before < 0 ? 0 : before) + (long long)tokens);
        measure(e, now_ns() - begin, tokens);
    } else if (err == BASE_ERR_BAD_VALUE || err == BASE_ERR_CONTEXT_LENGTH) {
        struct base_error inner = error;
        (void)base_error_set_param(&error, err, "input", "input[%zu]: %s", s->done, inner.message);
    }
    s->done++;
    pthread_mutex_lock(&s->lock);
    s->over = err || s->done == s->input_count;
    if (err) {
        s->error = error;
    } else {
        if (s->tail)
            s->tail->next = parcel;
        else
            s->head = parcel;
        s->tail = parcel;
    }
    bool over = s->over;
    post(s);
    if (err && parcel)
        parcel_free(parcel);
    return over;
}

static void enqueue(struct local_embedder *e, struct target_stream *s)
{
    s->next = NULL;
    if (e->tail)
        e->tail->next = s;
    else
        e->head = s;
    e->tail = s;
    e->waiting++;
    e->inputs_waiting += s->input_count - s->done;
}

/* The next request's turn, or NULL at the end. */
static struct target_stream *dequeue(struct local_embedder *e)
{
    struct target_stream *s = NULL;
    e->running = false;
    while (!e->head && !e->stopping)
        pthread_cond_wait(&e->wake, &e->lock);
    if (!e->stopping) {
        s = e->head;
        e->head = s->next;
        e->tail = e->head ? e->tail : NULL;
        e->waiting--;
        e->inputs_waiting -= s->input_count - s->done;
        e->running = true;
    }
    return s;
}

static void *run(void *user)
{
    struct local_embedder *e = user;
    struct target_stream *s;
    pthread_mutex_lock(&e->lock);
    while ((s = dequeue(e)) != NULL) {
        pthread_mutex_unlock(&e->lock);
        bool over = atomic_load(&s->cancelled) || serve_one(e, s);
        pthread_mutex_lock(&e->lock);
        if (over)
            stream_unref(s);
        else
            enqueue(e, s);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* ---- starting ---- */

static enum base_err no_memory(struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for embeddings");
}

static enum base_err bad_tokens(size_t input, uint32_t n_vocab, struct base_error *reterr)
{
    return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "input",
                                "input[%zu]: token ids of this model are from 0 to %u", input,
                                n_vocab - 1);
}

static enum base_err copy_tokens(struct local_embedder *e, struct arena *arena, size_t at,
                                 const struct json_node *list, struct input *in,
                                 struct base_error *reterr)
{
    uint32_t n_vocab = engine_model_info(e->model)->n_vocab;
    uint32_t *tokens = arena_calloc(arena, list->count + 1u, sizeof(*tokens));
    if (!tokens)
        return no_memory(reterr);
    for (const struct json_node *n = json_first(list); n; n = json_next(n)) {
        int64_t id;
        if (!json_to_i64(n, &id) || id < 0 || id >= n_vocab)
            return bad_tokens(at, n_vocab, reterr);
        tokens[in->count++] = (uint32_t)id;
    }
    in->tokens = tokens;
    return BASE_OK;
}

static enum base_err copy_inputs(struct local_embedder *e, struct target_stream *s,
                                 const struct chat_request *chat, struct base_error *reterr)
{
    struct input *inputs = arena_calloc(s->arena, chat->message_count + 1, sizeof(*inputs));
    if (!inputs)
        return no_memory(reterr);
    s->inputs = inputs;
    s->input_count = chat->message_count;
    for (size_t i = 0; i < chat->message_count; i++) {
        const struct chat_part *part = &chat->messages[i].parts[0];
        inputs[i].text = SLICE_NONE;
        enum base_err err = BASE_OK;
        if (part->type == CHAT_PART_OTHER)
            err = copy_tokens(e, s->arena, i, part->raw, &inputs[i], reterr);
        else
            inputs[i].text = arena_dup(s->arena, part->text);
        if (err || (!inputs[i].tokens && slice_is_absent(inputs[i].text)))
            return err ? err : no_memory(reterr);
    }
    return BASE_OK;
}

static enum base_err check(const struct local_embedder *e, const struct chat_request *chat,
                           struct base_error *reterr)
{
    uint32_t n = engine_model_info(e->model)->n_embd;
    if (slice_is_absent(chat->dimensions.text) || chat->dimensions.value <= (double)n)
        return BASE_OK;
    return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "dimensions",
                                "dimensions: the vectors of this model have %u numbers", n);
}

static enum base_err submit(struct local_embedder *e, struct target_stream *s,
                            struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    pthread_mutex_lock(&e->lock);
    if (e->waiting >= e->options.queue_max)
        err = base_error_set(reterr, BASE_ERR_OVERLOADED, "%u requests for embeddings wait already",
                             e->waiting);
    if (!err && !e->thread_runs) {
        if (pthread_create(&e->thread, NULL, run, e) != 0)
            err = no_memory(reterr);
        e->thread_runs = !err;
    }
    if (!err) {
        atomic_fetch_add(&s->refs, 1);
        enqueue(e, s);
        pthread_cond_signal(&e->wake);
    }
    pthread_mutex_unlock(&e->lock);
    return err;
}

enum base_err local_embedder_start(struct local_embedder *e, const struct target_call *call,
                                   struct target_sink sink, struct target_stream **ret_stream,
                                   struct base_error *reterr)
{
    const struct chat_request *chat = call->request;
    struct target_stream *s = calloc(1, sizeof(*s));
    if (s)
        s->arena = arena_new(INPUT_BYTES_MAX);
    if (!s || !s->arena) {
        free(s);
        return no_memory(reterr);
    }
    s->sink = sink;
    s->loop = call->loop;
    s->base64 = chat->base64;
    s->dimensions = slice_is_absent(chat->dimensions.text) ? 0 : (uint32_t)chat->dimensions.value;
    atomic_init(&s->refs, 1);
    atomic_init(&s->tokens, -1);
    pthread_mutex_init(&s->lock, NULL);
    enum base_err err = check(e, chat, reterr);
    if (!err)
        err = copy_inputs(e, s, chat, reterr);
    if (!err)
        err = submit(e, s, reterr);
    if (err)
        stream_unref(s);
    else
        *ret_stream = s;
    return err;
}

/* ---- life ---- */

enum base_err local_embedder_new(struct engine_model *model,
                                 const struct local_embedder_options *options,
                                 struct local_embedder **ret_embedder, struct base_error *reterr)
{
    struct local_embedder *e = calloc(1, sizeof(*e));
    if (!e)
        return no_memory(reterr);
    e->model = engine_model_ref(model);
    e->options = *options;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->wake, NULL);
    e->vector = calloc(engine_model_info(model)->n_embd, sizeof(*e->vector));
    /* An encoder reads a text in one step; its cache holds that text alone. */
    const struct engine_session_options session = {.context = options->context,
                                                   .sequences = 1,
                                                   .batch = options->context,
                                                   .threads = options->threads,
                                                   .kv = ENGINE_KV_F32};
    enum base_err err =
        e->vector ? engine_session_new(model, &session, &e->session, reterr) : no_memory(reterr);
    if (!err)
        err = engine_tokenizer_new(model, &e->tok, reterr);
    if (err) {
        local_embedder_free(e);
        return err;
    }
    *ret_embedder = e;
    return BASE_OK;
}

void local_embedder_free(struct local_embedder *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    if (e->thread_runs)
        pthread_join(e->thread, NULL);
    while (e->head) { /* released by whoever asked, and not yet looked at */
        struct target_stream *next = e->head->next;
        stream_unref(e->head);
        e->head = next;
    }
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    engine_tokenizer_free(e->tok);
    engine_session_free(e->session);
    engine_model_unref(e->model);
    free(e->vector);
    free(e);
}

void local_embedder_facts(struct local_embedder *e, int64_t prompt_tokens, struct local_facts *ret)
{
    pthread_mutex_lock(&e->lock);
    *ret = (struct local_facts){
        .running = e->running,
        .waiting = e->waiting,
        .queue_max = e->options.queue_max,
        .first_token_ms = -1,
        .tokens_per_s_milli = -1,
    };
    if (e->texts > 0) {
        double per_token = e->seconds / (e->tokens > 0 ? e->tokens : 1);
        double wait = (double)e->inputs_waiting * e->seconds / e->texts;
        ret->first_token_ms = (int64_t)(1000 * (wait + per_token * (double)prompt_tokens));
    }
    pthread_mutex_unlock(&e->lock);
}
