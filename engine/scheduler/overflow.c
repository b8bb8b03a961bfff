/*
 * Answers that meet the end of the context: with `stop` they end there, with the other policies
 * half of what is between the head and the end is left out, and the rest is read again, as a prompt
 * would be; so the numbers are those of a text that never had the middle. Reading again costs as
 * many tokens as are then free, which is little beside making them.
 *
 * The head is what the overflow policy keeps in any case: the messages of the system, for
 * truncate_middle the first one of a user too; of a plain prompt the start token.
 */
#include "engine/scheduler/scheduler.h"

#include <stdlib.h>

#include "engine/tokenizer/tokenizer.h"

enum { ROLL_LEAST = 16 }; /* tokens; less room is not worth reading all again */

static uint32_t start_tokens(const struct engine_scheduler *sched, const struct engine_job *job)
{
    int32_t bos = sched->tokenizer->special[ENGINE_SPECIAL_BOS];
    return bos >= 0 && job->tokens.count > 0 && job->tokens.items[0] == (uint32_t)bos ? 1 : 0;
}

/* Where prompts part that begin with the same messages and go on differently: so whatever else the
 * template puts at the beginning stays too, as tools, or a user's turn that holds the system's. */
static enum base_err common_head(const struct engine_scheduler *sched, struct engine_job *job,
                                 const struct engine_request *req, size_t head,
                                 struct base_error *reterr)
{
    struct engine_message *other = calloc(head + 1, sizeof(*other));
    struct engine_tokens tokens = {0};
    bool opened;
    if (!other)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a request");
    memcpy(other, req->messages, head * sizeof(*other));
    other[head] = (struct engine_message){.role = req->messages[head].role,
                                          .content = SLICE("\x01"),
                                          .tool_call_id = req->messages[head].tool_call_id};
    enum base_err err = engine_job_render(sched, req, other, head + 1, &tokens, &opened, reterr);
    size_t n = 0;
    while (n < tokens.count && n < job->tokens.count && tokens.items[n] == job->tokens.items[n])
        n++;
    if (!err && n > job->head_tokens)
        job->head_tokens = (uint32_t)n;
    engine_tokens_done(&tokens);
    free(other);
    return err == BASE_ERR_BAD_REQUEST ? BASE_OK : err; /* a template that wants more messages */
}

enum base_err engine_job_find_head(const struct engine_scheduler *sched, struct engine_job *job,
                                   const struct engine_request *req, struct base_error *reterr)
{
    job->overflow = req->overflow;
    if (req->overflow == ENGINE_OVERFLOW_STOP ||
        (req->max_tokens > 0 && job->tokens.count + req->max_tokens <= sched->context))
        return BASE_OK;
    job->head_tokens = start_tokens(sched, job);
    if (!req->messages)
        return BASE_OK;
    size_t head = engine_job_head_messages(req);
    if (head < req->message_count)
        return common_head(sched, job, req, head, reterr);
    job->head_tokens = job->prompt_count;
    return BASE_OK;
}

bool engine_job_roll(struct engine_scheduler *sched, struct engine_job *job)
{
    struct engine_tokens *t = &job->tokens;
    size_t head = job->head_tokens, drop = (t->count - head) / 2;
    if (job->overflow == ENGINE_OVERFLOW_STOP || drop < ROLL_LEAST)
        return false;
    memmove(t->items + head, t->items + head + drop, (t->count - head - drop) * sizeof(*t->items));
    t->count -= drop;
    job->usage.dropped_tokens += (uint32_t)drop;
    engine_session_trim(sched->session, job->slot, (uint32_t)head);
    if (sched->drafter)
        engine_drafter_keep(sched->drafter, job->slot, (uint32_t)head);
    return true;
}
