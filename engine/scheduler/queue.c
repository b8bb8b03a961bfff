/* Who is next, and which sequence it gets. */
#include "engine/scheduler/scheduler.h"

#include <stdlib.h>

enum { SHARE_MIN = 32 }; /* tokens worth waiting for */

/* --- Turns --- */

static uint64_t flow_used_at(const struct engine_scheduler *sched, uint64_t flow)
{
    for (size_t i = 0; i < sched->flow_count; i++)
        if (sched->flows[i].flow == flow)
            return sched->flows[i].used_at;
    return 0;
}

static void mark_flow(struct engine_scheduler *sched, uint64_t flow, uint64_t now)
{
    size_t at = 0, oldest = 0;
    for (; at < sched->flow_count && sched->flows[at].flow != flow; at++)
        if (sched->flows[at].used_at < sched->flows[oldest].used_at)
            oldest = at;
    if (at == sched->flow_count) {
        if (sched->flow_count < ENGINE_FLOWS_MAX)
            sched->flow_count++;
        else
            at = oldest;
    }
    sched->flows[at].flow = flow;
    sched->flows[at].used_at = now;
}

static uint32_t flow_running(const struct engine_scheduler *sched, uint64_t flow)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sched->slot_count; i++)
        count += sched->slots[i].job && sched->slots[i].job->flow == flow;
    return count;
}

/* Priority; then the flow with less running; then the one that was served longer ago; the list is
 * in order of arrival. */
static bool goes_before(const struct engine_scheduler *sched, const struct engine_job *a,
                        const struct engine_job *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->flow == b->flow)
        return false;
    uint32_t a_running = flow_running(sched, a->flow), b_running = flow_running(sched, b->flow);
    if (a_running != b_running)
        return a_running < b_running;
    return flow_used_at(sched, a->flow) < flow_used_at(sched, b->flow);
}

static uint32_t common(const struct engine_tokens *a, const struct engine_tokens *b, size_t most)
{
    size_t n = 0;
    while (n < most && n < a->count && n < b->count && a->items[n] == b->items[n])
        n++;
    return (uint32_t)n;
}

/* Another job of the domain is just reading the same beginning: its work can be shared in a moment
 * (several answers to one question come like this). */
static bool should_wait(const struct engine_scheduler *sched, const struct engine_job *job)
{
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        const struct engine_job *other = sched->slots[i].job;
        if (!other || other->paused || other->domain != job->domain ||
            other->adapter != job->adapter)
            continue;
        uint32_t length = engine_session_length(sched->session, i);
        if (length + 1 >= other->tokens.count) /* it has read all of it */
            continue;
        uint32_t both = common(&other->tokens, &job->tokens, job->tokens.count - 1);
        if (both >= length + SHARE_MIN)
            return true;
    }
    return false;
}

struct engine_job *engine_queue_next(struct engine_scheduler *sched)
{
    struct engine_job *best = NULL;
    for (struct engine_job *job = sched->jobs; job; job = job->next) {
        if (job->state != ENGINE_JOB_WAITING || job->paused || job->crowded_out ||
            should_wait(sched, job))
            continue;
        if (!best || goes_before(sched, job, best))
            best = job;
    }
    return best;
}

/* Waits, and nothing of it was computed yet. */
static bool is_queued(const struct engine_job *job)
{
    return job->state == ENGINE_JOB_WAITING && !job->started && !job->crowded_out;
}

static uint32_t flow_queued(const struct engine_scheduler *sched, uint64_t flow)
{
    uint32_t count = 0;
    for (const struct engine_job *job = sched->jobs; job; job = job->next)
        count += is_queued(job) && job->flow == flow;
    return count;
}

struct engine_job *engine_queue_crowd_out(struct engine_scheduler *sched, uint64_t flow,
                                          int32_t priority)
{
    struct engine_job *best = NULL;
    uint32_t most = 0, count = 0;
    uint64_t counted = 0;
    for (struct engine_job *job = sched->jobs; job; job = job->next) {
        if (!is_queued(job) || job->priority > priority || (best && job->priority > best->priority))
            continue;
        if (!best || job->flow != counted) { /* neighbours are often of one flow */
            count = flow_queued(sched, job->flow);
            counted = job->flow;
        }
        if (!best || job->priority < best->priority || count >= most) {
            best = job;
            most = count;
        }
    }
    if (best && best->priority == priority && most < flow_queued(sched, flow) + 2)
        return NULL;
    return best;
}

/* --- Sequences --- */

/* How much of the job's prompt the slot's sequence begins with. */
static uint32_t shared(const struct engine_scheduler *sched, const struct engine_job *job,
                       uint32_t slot)
{
    const struct engine_slot *s = &sched->slots[slot];
    if (s->domain != job->domain || s->adapter != engine_job_adapter(job))
        return 0;
    /* At least one token is computed, because its logits are wanted. */
    size_t most = engine_session_length(sched->session, slot);
    if (most > job->tokens.count - 1)
        most = job->tokens.count - 1;
    uint32_t both = common(s->job ? &s->job->tokens : &s->held, &job->tokens, most);
    return engine_session_keeps(sched->session, slot, both) ? both : 0;
}

static void forget(struct engine_scheduler *sched, uint32_t slot)
{
    engine_session_trim(sched->session, slot, 0);
    sched->slots[slot].held.count = 0;
}

/* The free slot that was used longest ago and is not `keep`, or slot_count. */
static uint32_t oldest_free(const struct engine_scheduler *sched, uint32_t keep, bool holding)
{
    uint32_t best = sched->slot_count;
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        const struct engine_slot *s = &sched->slots[i];
        if (s->job || i == keep || (holding && s->held.count == 0))
            continue;
        if (best == sched->slot_count || s->used_at < sched->slots[best].used_at)
            best = i;
    }
    return best;
}

bool engine_queue_make_room(struct engine_scheduler *sched, uint32_t slot, uint32_t count)
{
    while (engine_session_room(sched->session, slot) < count) {
        uint32_t victim = oldest_free(sched, slot, true);
        if (victim == sched->slot_count)
            return false;
        forget(sched, victim);
    }
    return true;
}

/* Where the job would run, and how much it need not compute. */
static uint32_t choose_slot(struct engine_scheduler *sched, const struct engine_job *job,
                            uint32_t *ret_shared)
{
    uint32_t best_any = 0, best = 0, slot = sched->slot_count;
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        uint32_t n = shared(sched, job, i);
        if (n > best) {
            best = n;
            best_any = i;
        }
    }
    *ret_shared = best;
    const struct engine_slot *from = &sched->slots[best_any];
    /* A free slot of which most is of use is taken over; else its content is worth keeping. */
    if (best > 0 && !from->job && best >= from->held.count / 2)
        return best_any;
    slot = oldest_free(sched, best > 0 ? best_any : sched->slot_count, false);
    if (slot == sched->slot_count && best > 0 && !from->job)
        return best_any; /* the only free one */
    if (slot == sched->slot_count || best == 0) {
        *ret_shared = 0;
        return slot;
    }
    sched->slots[slot].held.count = 0;
    if (engine_session_copy(sched->session, best_any, slot, best) != BASE_OK)
        *ret_shared = 0;
    return slot;
}

bool engine_queue_admit(struct engine_scheduler *sched, struct engine_job *job)
{
    uint32_t kept;
    uint32_t slot = choose_slot(sched, job, &kept);
    if (slot == sched->slot_count)
        return false;
    struct engine_slot *s = &sched->slots[slot];
    engine_session_trim(sched->session, slot, kept);
    kept = engine_session_length(sched->session, slot);
    s->held.count = 0;
    /* One page more than the prompt, so that it does not lose its place with its first token. */
    uint32_t need = (uint32_t)job->tokens.count - kept;
    if (job->tokens.count + engine_session_page(sched->session) <= sched->context)
        need += engine_session_page(sched->session);
    if (!engine_queue_make_room(sched, slot, need)) {
        forget(sched, slot);
        return false;
    }
    s->job = job;
    s->domain = job->domain;
    s->adapter = engine_job_adapter(job);
    s->used_at = ++sched->use_count;
    mark_flow(sched, job->flow, sched->use_count);
    job->slot = slot;
    if (!job->started) /* else it lost its place and comes back */
        job->usage.cached_tokens = kept;
    return true;
}

void engine_queue_release(struct engine_scheduler *sched, struct engine_job *job, bool forget_it)
{
    struct engine_slot *s = &sched->slots[job->slot];
    uint32_t length = engine_session_length(sched->session, job->slot);
    s->job = NULL;
    s->used_at = ++sched->use_count;
    if (sched->drafter)
        engine_drafter_keep(sched->drafter, job->slot, 0);
    if (forget_it) {
        forget(sched, job->slot);
        return;
    }
    engine_tokens_done(&s->held);
    s->held = job->tokens;
    job->tokens = (struct engine_tokens){0};
    if (s->held.count > length)
        s->held.count = length;
    engine_session_trim(sched->session, job->slot, (uint32_t)s->held.count); /* guesses go */
}
