/*
 * From a request to the tokens of its prompt.
 *
 * Overflow: a prompt that leaves no room for an answer is refused (`stop`), or whole messages are
 * left out until prompt and answer fit (the others), once, before the answer begins. Room for the
 * answer is max_tokens, but at most half of the context, and a quarter when it is not given. System
 * messages at the beginning always stay, and so does the last message.
 *   rolling_window    the oldest go first; what is kept begins with a user's message
 *   truncate_middle   the first message of a user stays too; what is kept behind it begins with an
 *                     answer, so that roles alternate as most templates want
 * A result of a tool never stays without the call that asked for it.
 */
#include "engine/scheduler/scheduler.h"

#include <stdlib.h>

#include "engine/tokenizer/tokenizer.h"

enum { PROMPT_BYTES_MAX = 64 * 1024 * 1024 };

/* Has the template begun the answer with the marker of reasoning? It must be the template's own. */
static bool ends_open(const struct engine_scheduler *sched, struct slice text,
                      const struct engine_runs *runs)
{
    struct slice open = sched->markup.open;
    while (text.len > 0 &&
           slice_find(SLICE(" \n\r\t"), slice_sub(text, text.len - 1, 1)) != SIZE_MAX)
        text.len--;
    if (slice_is_absent(open) || !slice_ends_with(text, open))
        return false;
    for (size_t i = 0; i < runs->count; i++)
        if (runs->items[i].end >= text.len)
            return runs->items[i].literal;
    return false;
}

enum base_err engine_job_render(const struct engine_scheduler *sched,
                                const struct engine_request *req,
                                const struct engine_message *messages, size_t count,
                                struct engine_tokens *tokens, bool *ret_opened,
                                struct base_error *reterr)
{
    struct buffer text;
    struct engine_runs runs = {0};
    const struct engine_template_input input = {.messages = messages,
                                                .count = count,
                                                .tools_json = req->tools_json,
                                                .vars_json = req->vars_json,
                                                .add_generation_prompt = true};
    buffer_init(&text, PROMPT_BYTES_MAX);
    tokens->count = 0;
    bool with_tools = sched->tool_template && !slice_is_absent(req->tools_json);
    enum base_err err = engine_template_render(with_tools ? sched->tool_template : sched->template,
                                               &input, &text, &runs, reterr);
    if (!err)
        err = engine_tokenize_rendered(sched->tokenizer, buffer_slice(&text), runs.items,
                                       runs.count, tokens, reterr);
    *ret_opened = !err && ends_open(sched, buffer_slice(&text), &runs);
    buffer_done(&text);
    engine_runs_done(&runs);
    return err;
}

static enum base_err too_long(size_t tokens, uint32_t context, struct base_error *reterr)
{
    return base_error_set_param(reterr, BASE_ERR_CONTEXT_LENGTH, "messages",
                                "the prompt has %zu tokens, but this model's context holds %u, the "
                                "answer included; shorten it",
                                tokens, context);
}

static bool is_system(const struct engine_message *message)
{
    return slice_eq(message->role, SLICE("system")) || slice_eq(message->role, SLICE("developer"));
}

size_t engine_job_head_messages(const struct engine_request *req)
{
    size_t head = 0;
    while (head < req->message_count && is_system(&req->messages[head]))
        head++;
    if (req->overflow == ENGINE_OVERFLOW_TRUNCATE_MIDDLE && head < req->message_count &&
        slice_eq(req->messages[head].role, SLICE("user")))
        head++;
    return head;
}

/* May what is kept begin at this message? */
static bool is_cut(const struct engine_request *req, size_t at)
{
    struct slice role = req->messages[at].role;
    if (at + 1 == req->message_count)
        return true;
    return slice_eq(role, req->overflow == ENGINE_OVERFLOW_TRUNCATE_MIDDLE ? SLICE("assistant")
                                                                           : SLICE("user"));
}

struct cutting {
    const struct engine_scheduler *sched;
    const struct engine_request *req;
    struct engine_message *kept; /* room for all messages */
    size_t head;
    uint32_t budget;
    bool *opened;
};

static enum base_err try_cut(const struct cutting *c, size_t from, struct engine_tokens *tokens,
                             struct base_error *reterr)
{
    size_t tail = c->req->message_count - from;
    memcpy(c->kept, c->req->messages, c->head * sizeof(*c->kept));
    memcpy(c->kept + c->head, c->req->messages + from, tail * sizeof(*c->kept));
    return engine_job_render(c->sched, c->req, c->kept, c->head + tail, tokens, c->opened, reterr);
}

/* The earliest place to cut at which it fits: halving, because less never needs more. */
static enum base_err find_cut(const struct cutting *c, const size_t *cuts, size_t cut_count,
                              struct engine_tokens *tokens, size_t *ret_from,
                              struct base_error *reterr)
{
    size_t low = 0, high = cut_count - 1; /* the last one keeps least */
    enum base_err err;
    while (low < high) {
        size_t middle = (low + high) / 2;
        err = try_cut(c, cuts[middle], tokens, reterr);
        if (err)
            return err;
        if (tokens->count <= c->budget)
            high = middle;
        else
            low = middle + 1;
    }
    err = try_cut(c, cuts[low], tokens, reterr);
    *ret_from = cuts[low];
    return err;
}

static enum base_err cut_messages(const struct engine_scheduler *sched, struct engine_job *job,
                                  const struct engine_request *req, struct base_error *reterr)
{
    uint32_t room = req->max_tokens ? req->max_tokens : sched->context / 4;
    if (room > sched->context / 2)
        room = sched->context / 2;
    struct cutting c = {.sched = sched,
                        .req = req,
                        .head = engine_job_head_messages(req),
                        .opened = &job->opened,
                        .budget = sched->context - (room > 0 ? room : 1)};
    size_t whole = job->tokens.count, from = 0, cut_count = 0;
    if (whole <= c.budget || c.head + 1 >= req->message_count)
        return BASE_OK;
    size_t *cuts = calloc(req->message_count, sizeof(*cuts));
    c.kept = calloc(req->message_count, sizeof(*c.kept));
    enum base_err err = BASE_ERR_NO_MEMORY;
    if (cuts && c.kept) {
        for (size_t i = c.head + 1; i < req->message_count; i++)
            if (is_cut(req, i))
                cuts[cut_count++] = i;
        err = find_cut(&c, cuts, cut_count, &job->tokens, &from, reterr);
    } else {
        (void)base_error_set(reterr, err, "no memory to shorten a conversation");
    }
    if (!err) {
        job->usage.dropped_messages = (uint32_t)(from - c.head);
        job->usage.dropped_tokens =
            whole > job->tokens.count ? (uint32_t)(whole - job->tokens.count) : 0;
    }
    free(cuts);
    free(c.kept);
    return err;
}

static enum base_err from_messages(const struct engine_scheduler *sched, struct engine_job *job,
                                   const struct engine_request *req, struct base_error *reterr)
{
    if (!sched->template)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "the model's file has no chat template; send a plain prompt");
    enum base_err err = engine_job_render(sched, req, req->messages, req->message_count,
                                          &job->tokens, &job->opened, reterr);
    if (!err && req->overflow != ENGINE_OVERFLOW_STOP)
        err = cut_messages(sched, job, req, reterr);
    return err;
}

static enum base_err from_tokens(const struct engine_scheduler *sched, struct engine_job *job,
                                 const struct engine_request *req, struct base_error *reterr)
{
    for (size_t i = 0; i < req->token_count; i++) {
        if (req->tokens[i] >= sched->n_vocab)
            return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "prompt",
                                        "token %zu of the prompt is %u; the model has %u", i,
                                        req->tokens[i], sched->n_vocab);
        enum base_err err = engine_tokens_add(&job->tokens, req->tokens[i], reterr);
        if (err)
            return err;
    }
    return BASE_OK;
}

bool engine_scheduler_can_infill(const struct engine_scheduler *sched)
{
    const int32_t *special = sched->tokenizer->special;
    return special[ENGINE_SPECIAL_FIM_PREFIX] >= 0 && special[ENGINE_SPECIAL_FIM_SUFFIX] >= 0 &&
           special[ENGINE_SPECIAL_FIM_MIDDLE] >= 0;
}

static enum base_err add_special(const struct engine_scheduler *sched, struct engine_job *job,
                                 enum engine_special which, struct base_error *reterr)
{
    return engine_tokens_add(&job->tokens, (uint32_t)sched->tokenizer->special[which], reterr);
}

/* <prefix> what stands before <suffix> what stands behind <middle>: as models are trained to fill
 * in (Bavarian et al. 2022). Neither text can become a special token. */
static enum base_err from_infill(const struct engine_scheduler *sched, struct engine_job *job,
                                 const struct engine_request *req, struct base_error *reterr)
{
    const struct engine_tokenizer *tok = sched->tokenizer;
    enum base_err err = BASE_OK;
    if (!engine_scheduler_can_infill(sched))
        return base_error_set_param(reterr, BASE_ERR_UNSUPPORTED, "suffix",
                                    "the model's file names no tokens for filling in");
    if (tok->add_bos)
        err = add_special(sched, job, ENGINE_SPECIAL_BOS, reterr);
    if (!err)
        err = add_special(sched, job, ENGINE_SPECIAL_FIM_PREFIX, reterr);
    if (!err)
        err = engine_tokenize(tok, req->prompt, false, false, &job->tokens, reterr);
    if (!err)
        err = add_special(sched, job, ENGINE_SPECIAL_FIM_SUFFIX, reterr);
    if (!err)
        err = engine_tokenize(tok, req->suffix, false, false, &job->tokens, reterr);
    return err ? err : add_special(sched, job, ENGINE_SPECIAL_FIM_MIDDLE, reterr);
}

enum base_err engine_job_prompt(const struct engine_scheduler *sched, struct engine_job *job,
                                const struct engine_request *req, struct base_error *reterr)
{
    const struct engine_run whole = {.end = req->prompt.len, .literal = false};
    enum base_err err;
    if ((req->messages != NULL) + (req->prompt.ptr != NULL) + (req->tokens != NULL) != 1)
        return base_error_set(reterr, BASE_ERR_BAD_REQUEST,
                              "a request has exactly one of messages, prompt and tokens");
    if (req->messages)
        err = from_messages(sched, job, req, reterr);
    else if (!slice_is_absent(req->suffix))
        err = from_infill(sched, job, req, reterr);
    else if (req->tokens)
        err = from_tokens(sched, job, req, reterr);
    else
        err = engine_tokenize_rendered(sched->tokenizer, req->prompt, &whole, 1, &job->tokens,
                                       reterr);
    if (err)
        return err;
    if (job->tokens.count == 0)
        return base_error_set(reterr, BASE_ERR_BAD_REQUEST, "the prompt is empty");
    if (job->tokens.count >= sched->context)
        return too_long(job->tokens.count, sched->context, reterr);
    job->prompt_count = (uint32_t)job->tokens.count;
    job->usage.prompt_tokens = job->prompt_count;
    return engine_job_find_head(sched, job, req, reterr);
}
