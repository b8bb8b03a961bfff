#include "gateway/local/local.h"

#include "gateway/local/embedder.h"
#include "gateway/local/forms.h"
#include "gateway/local/submission.h"

#include <stdlib.h>

enum { CHOICES_MAX = 128, DEFAULT_QUEUE = 64, DEFAULT_CONTEXT = 4096 };

struct local_target {
    struct target base;
    struct engine_model *model;
    struct engine_model *draft; /* the smaller one that guesses, or NULL */
    struct engine_scheduler *sched;
    struct engine_adapter *adapter; /* NULL = none; else model and sched are another target's */
    struct local_forms *forms;
    struct local_guard *guard;
    struct local_embedder *embedder; /* not NULL: there are no sched and forms */
    uint32_t context, queue_max;
    enum engine_overflow overflow;
    char *name;
};

/* ---- the target's operations ---- */

static void local_release(struct target_stream *stream)
{
    local_stream_silence(stream);
    local_stream_unref(stream);
}

/* How many prompts, and answers to each; BAD_VALUE, UNSUPPORTED. */
static enum base_err count_choices(const struct local_target *target,
                                   const struct chat_request *chat,
                                   struct local_stream_options *options, struct base_error *reterr)
{
    bool plain = chat->dialect == CHAT_DIALECT_COMPLETIONS;
    int32_t n = slice_is_absent(chat->n.text) ? 1 : (int32_t)chat->n.value;
    int32_t prompts = plain ? (int32_t)chat->message_count : 1;
    if (n < 1 || n > CHOICES_MAX || prompts > CHOICES_MAX || n * prompts > CHOICES_MAX)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "n",
                                    "n: expected 1 to %d answers in one request", CHOICES_MAX);
    /* It would never be done, however long they waited. */
    if ((uint32_t)(n * prompts) > target->queue_max)
        return base_error_set_param(reterr, BASE_ERR_UNSUPPORTED, "n",
                                    "n: %.*s computes at most %u answers for one request",
                                    SLICE_ARG(target->base.name), target->queue_max);
    options->choices = n;
    options->prompts = prompts;
    options->plain = plain;
    return BASE_OK;
}

struct forming {
    struct target_stream *stream;
    struct local_guard *guard;
};

static void on_form(void *user, enum base_err err, struct engine_grammar *grammar,
                    const struct base_error *error)
{
    struct forming *f = user;
    struct base_error detail = *error;
    if (!f->stream->silent) {
        if (!err)
            err = local_submit(f->stream, grammar, f->guard, &detail);
        if (err)
            local_stream_fail(f->stream, &detail);
    }
    engine_grammar_unref(grammar);
    local_stream_unref(f->stream);
    free(f);
}

/* Takes the form. */
static enum base_err compile_form(struct local_target *target, struct target_stream *stream,
                                  struct local_form *form, struct base_error *reterr)
{
    struct forming *f = malloc(sizeof(*f));
    if (!f) {
        local_form_free(form);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start %.*s",
                              SLICE_ARG(stream->name));
    }
    *f = (struct forming){local_stream_ref(stream), target->guard};
    enum base_err err =
        local_forms_compile(target->forms, form, stream->call.loop, on_form, f, reterr);
    if (err) {
        local_stream_unref(stream);
        free(f);
    }
    return err;
}

/* With its grammar, when that is known already; takes the form. */
static enum base_err begin(struct local_target *target, struct target_stream *stream,
                           struct local_form *form, struct base_error *reterr)
{
    struct engine_grammar *grammar = NULL;
    enum base_err err = BASE_OK;
    if (form && !local_forms_find(target->forms, form, &grammar, &err, reterr))
        return compile_form(target, stream, form, reterr);
    local_form_free(form);
    if (!err)
        err = local_submit(stream, grammar, target->guard, reterr);
    engine_grammar_unref(grammar);
    return err;
}

static enum base_err check_needs(const struct target *base, const struct chat_request *chat,
                                 struct base_error *reterr)
{
    unsigned missing = chat_needs_lacking(chat_request_needs(chat), local_target_features(base));
    if (!missing)
        return BASE_OK;
    return base_error_set(reterr, BASE_ERR_UNSUPPORTED, "%.*s cannot serve a request that uses %s",
                          SLICE_ARG(base->name),
                          chat_need_name((enum chat_need)(missing & -missing)));
}

static enum base_err local_start(struct target *base, const struct target_call *call,
                                 struct target_sink sink, struct target_stream **ret_stream,
                                 struct base_error *reterr)
{
    struct local_target *target = (struct local_target *)base;
    const struct chat_request *chat = call->request;
    struct local_stream_options options = {
        .sched = target->sched,
        .name = base->name,
        .call = call,
        .sink = sink,
        .adapter = target->adapter,
        .overflow = target->overflow,
    };
    struct target_stream *stream = NULL;
    struct local_form *form = NULL;
    enum base_err err = check_needs(base, chat, reterr);
    if (!err)
        err = count_choices(target, chat, &options, reterr);
    if (!err)
        err = local_form_read(chat, &form, reterr);
    options.answer = (struct engine_answer_options){.with_tools = local_form_has_tools(form),
                                                    .is_json = local_form_is_json(form)};
    if (!err)
        err = local_stream_new(&options, &stream, reterr);
    if (err) {
        local_form_free(form);
        return err;
    }
    err = begin(target, stream, form, reterr);
    if (err) {
        local_release(stream);
        return err;
    }
    *ret_stream = stream;
    return BASE_OK;
}

static void local_pause(struct target_stream *stream)
{
    local_stream_pause(stream, true);
}

static void local_resume(struct target_stream *stream)
{
    local_stream_pause(stream, false);
}

static void local_usage(const struct target_stream *stream, struct chat_usage *ret)
{
    /* the lock is not the state */
    local_stream_usage((struct target_stream *)(uintptr_t)stream, ret);
}

static const struct target_ops local_ops = {
    .start = local_start,
    .pause = local_pause,
    .resume = local_resume,
    .cancel = local_stream_silence,
    .usage = local_usage,
    .release = local_release,
};

static enum base_err embedding_start(struct target *base, const struct target_call *call,
                                     struct target_sink sink, struct target_stream **ret_stream,
                                     struct base_error *reterr)
{
    enum base_err err = check_needs(base, call->request, reterr);
    return err ? err
               : local_embedder_start(((struct local_target *)base)->embedder, call, sink,
                                      ret_stream, reterr);
}

static const struct target_ops embedding_ops = {
    .start = embedding_start,
    .pause = local_embedding_pause,
    .resume = local_embedding_resume,
    .cancel = local_embedding_cancel,
    .usage = local_embedding_usage,
    .release = local_embedding_release,
};

/* ---- life of the target ---- */

/* With the smaller model that guesses, if there is one. */
static enum base_err new_scheduler(struct local_target *target, const struct local_options *options,
                                   struct engine_scheduler_options *sched_options,
                                   struct base_error *reterr)
{
    const struct engine_model_options draft_options = {.context = sched_options->session.context,
                                                       .sequences =
                                                           sched_options->session.sequences,
                                                       .kv = options->kv};
    enum base_err err = BASE_OK;
    if (options->draft_path && options->guesses > 0)
        err = engine_model_open(options->draft_path, &draft_options, &target->draft, reterr);
    sched_options->speculation.draft = target->draft;
    return err ? err : engine_scheduler_new(target->model, sched_options, &target->sched, reterr);
}

static enum base_err new_embedder(struct local_target *target, const struct local_options *options,
                                  struct base_error *reterr)
{
    struct local_embedder_options embedder = {
        .context = target->context, .threads = options->threads, .queue_max = target->queue_max};
    target->base.ops = &embedding_ops;
    return local_embedder_new(target->model, &embedder, &target->embedder, reterr);
}

/* What writes text: a scheduler, and the forms of its answers. */
static enum base_err new_writer(struct local_target *target, const struct local_options *options,
                                uint32_t sequences, struct base_error *reterr)
{
    struct engine_scheduler_options sched_options = {
        .session = {.context = target->context * sequences,
                    .sequences = sequences,
                    .threads = options->threads,
                    .kv = options->kv},
        .queue_max = target->queue_max,
        .request_context = target->context,
        .speculation = {.most = options->guesses, .off = options->guesses == 0},
    };
    target->base.ops = &local_ops;
    target->guard = local_guard_new();
    if (!target->guard)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %.*s",
                              SLICE_ARG(options->name));
    enum base_err err = new_scheduler(target, options, &sched_options, reterr);
    if (!err)
        err = local_forms_new(engine_scheduler_markup(target->sched), &target->forms, reterr);
    return err;
}

enum base_err local_target_new(const struct local_options *options, struct target **ret_target,
                               struct base_error *reterr)
{
    struct local_target *target = calloc(1, sizeof(*target));
    char *name = strndup(options->name.ptr, options->name.len);
    enum base_err err;
    if (!target || !name) {
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %.*s",
                             SLICE_ARG(options->name));
        goto fail;
    }
    uint32_t sequences = options->sequences ? options->sequences : 4;
    uint32_t planned = options->context ? options->context : DEFAULT_CONTEXT;
    struct engine_model_options model_options = {.sequences = sequences, .kv = options->kv};
    if (__builtin_mul_overflow(planned, sequences, &model_options.context)) {
        err = base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                             "%.*s: a context of %u for each of %u sequences is too much",
                             SLICE_ARG(options->name), planned, sequences);
        goto fail;
    }
    err = engine_model_open(options->path, &model_options, &target->model, reterr);
    if (err)
        goto fail;
    const struct engine_model_info *info = engine_model_info(target->model);
    target->context = options->context ? options->context : info->context_train;
    if (target->context > DEFAULT_CONTEXT && !options->context)
        target->context = DEFAULT_CONTEXT;
    if (info->encoder && target->context > LOCAL_EMBED_CONTEXT_MAX)
        target->context = LOCAL_EMBED_CONTEXT_MAX;
    target->overflow = options->overflow;
    target->queue_max = options->queue_max ? options->queue_max : DEFAULT_QUEUE;
    err = info->encoder ? new_embedder(target, options, reterr)
                        : new_writer(target, options, sequences, reterr);
    if (err)
        goto fail;
    target->base.name = slice_from_str(name);
    target->name = name;
    *ret_target = &target->base;
    return BASE_OK;
fail:
    if (target) {
        local_guard_free(target->guard);
        engine_scheduler_free(target->sched);
        engine_model_unref(target->draft);
        engine_model_unref(target->model);
    }
    free(name);
    free(target);
    return err;
}

enum base_err local_target_adapter(struct target *base, struct slice name, const char *path,
                                   struct target **ret_target, struct base_error *reterr)
{
    const struct local_target *model = (const struct local_target *)base;
    struct engine_adapter *adapter;
    if (model->embedder)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "%s: adapters of models for embeddings are not computed by this "
                              "engine",
                              path);
    enum base_err err = engine_adapter_open(model->model, path, &adapter, reterr);
    if (err)
        return err;
    struct local_target *target = calloc(1, sizeof(*target));
    char *copy = strndup(name.ptr, name.len);
    if (!target || !copy) {
        engine_adapter_unref(adapter);
        free(target);
        free(copy);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for %.*s", SLICE_ARG(name));
    }
    *target = *model;
    target->base = (struct target){&local_ops, slice_from_str(copy)};
    target->name = copy;
    target->adapter = adapter;
    *ret_target = &target->base;
    return BASE_OK;
}

void local_target_free(struct target *base)
{
    if (!base)
        return;
    struct local_target *target = (struct local_target *)base;
    if (!target->adapter) {
        local_embedder_free(target->embedder);
        local_guard_free(target->guard);
        local_forms_free(target->forms);
        engine_scheduler_free(target->sched);
        engine_model_unref(target->draft);
        engine_model_unref(target->model);
    }
    engine_adapter_unref(target->adapter);
    free(target->name);
    free(target);
}

unsigned local_target_features(const struct target *base)
{
    enum {
        ALWAYS = CHAT_NEED_LOGPROBS | CHAT_NEED_MANY | CHAT_NEED_JSON_OBJECT |
                 CHAT_NEED_JSON_SCHEMA | CHAT_NEED_COMPLETIONS
    };
    const struct local_target *target = (const struct local_target *)base;
    if (target && target->embedder)
        return CHAT_NEED_EMBEDDINGS;
    const struct engine_markup *markup = target ? engine_scheduler_markup(target->sched) : NULL;
    bool thinks = !markup || engine_markup_thinks(markup);
    bool calls = !markup || markup->tools != ENGINE_MARKUP_TOOLS_NONE;
    bool fills = !target || engine_scheduler_can_infill(target->sched);
    return ALWAYS | (thinks ? CHAT_NEED_REASONING : 0) | (calls ? CHAT_NEED_TOOLS : 0) |
           (fills ? CHAT_NEED_INFILL : 0);
}

bool local_target_is_changed(const struct target *base)
{
    const struct local_target *target = (const struct local_target *)base;
    return engine_model_is_changed(target->model) ||
           (target->draft && engine_model_is_changed(target->draft));
}

uint32_t local_target_context(const struct target *base)
{
    return ((const struct local_target *)base)->context;
}

void local_target_facts(const struct target *base, int64_t prompt_tokens, struct local_facts *ret)
{
    const struct local_target *target = (const struct local_target *)base;
    struct engine_scheduler_stats stats;
    if (target->embedder) {
        local_embedder_facts(target->embedder, prompt_tokens, ret);
        return;
    }
    engine_scheduler_stats(target->sched, &stats);
    uint32_t tokens = prompt_tokens < 1            ? 1
                      : prompt_tokens > UINT32_MAX ? UINT32_MAX
                                                   : (uint32_t)prompt_tokens;
    *ret = (struct local_facts){
        .running = stats.running,
        .waiting = stats.waiting,
        .queue_max = target->queue_max,
        .kv_tokens = stats.kv_tokens,
        .kv_capacity = stats.kv_capacity,
        .guessed_tokens = stats.guessed_tokens,
        .right_tokens = stats.right_tokens,
        .first_token_ms = engine_scheduler_wait_ms(target->sched, tokens),
        .tokens_per_s_milli =
            stats.output_tokens_per_s > 0 ? (int64_t)(stats.output_tokens_per_s * 1000) : -1,
    };
}

const struct engine_model_info *local_target_info(const struct target *base)
{
    return engine_model_info(((const struct local_target *)base)->model);
}
