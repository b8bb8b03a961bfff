/*
 * The scheduler's thread. Each turn: drop what was cancelled, admit who is next, put together one
 * batch, compute it, take one token for each job that has read all it has.
 *
 * A batch holds one token of each job that is answering, and pieces of prompts up to a number of
 * tokens that keeps the turn short (by the speed seen so far), so that the answers of others go on
 * while a long prompt is read, and a newcomer waits for no more than one turn.
 */
#include "engine/scheduler/scheduler.h"

#include <stdlib.h>

#include "base/core/clock.h"

enum {
    PIECE_MIN = 16,              /* tokens of prompts in a turn, however slow the machine */
    TURN_ALONE_MS = 500,         /* how long a turn may take that only reads prompts */
    TURN_SHARED_MS = 150,        /* and one in which others get a token */
    SPEED_SAMPLE_MIN = PIECE_MIN /* prompt tokens of a turn that tells about speed */
};

struct turn {
    size_t count;         /* items */
    size_t prompt_tokens; /* of them, those of prompts */
    size_t rows;          /* that want logits */
    size_t answers;       /* jobs that get a token each, at least */
    size_t guesses;       /* items beside them */
};

/* --- Cancelled, stopped --- */

/* One job to drop, or NULL. Sinks run without the lock, so the list may have changed after each. */
static struct engine_job *find_dropped(struct engine_scheduler *sched, bool *ret_stopping)
{
    pthread_mutex_lock(&sched->lock);
    struct engine_job *job = sched->jobs;
    *ret_stopping = sched->stopping;
    while (job && !job->cancelled && !job->crowded_out && !sched->stopping)
        job = job->next;
    sched->leaving -= job && job->crowded_out ? 1 : 0;
    atomic_store(&sched->interrupt, sched->stopping);
    pthread_mutex_unlock(&sched->lock);
    return job;
}

static void drop_cancelled(struct engine_scheduler *sched)
{
    bool stopping;
    for (;;) {
        struct engine_job *job = find_dropped(sched, &stopping);
        if (!job)
            return;
        if (stopping)
            engine_job_fail(sched, job, BASE_ERR_SHUTTING_DOWN, "the engine is shutting down");
        else if (job->crowded_out && !job->cancelled)
            engine_job_fail(sched, job, BASE_ERR_OVERLOADED,
                            "the model's queue is full, and this request gave way to one that is "
                            "more urgent or whose sender has fewer in it");
        else
            engine_job_fail(sched, job, BASE_ERR_CANCELLED, "the request was cancelled");
    }
}

/* --- Admission --- */

/* Loses its place for the sake of others and waits again; what it has said stays. */
static void preempt(struct engine_scheduler *sched, struct engine_job *job)
{
    engine_session_trim(sched->session, job->slot, 0);
    sched->slots[job->slot].job = NULL;
    sched->slots[job->slot].held.count = 0;
    if (sched->drafter)
        engine_drafter_keep(sched->drafter, job->slot, 0);
    pthread_mutex_lock(&sched->lock);
    job->state = ENGINE_JOB_WAITING;
    sched->running--;
    sched->waiting++;
    pthread_mutex_unlock(&sched->lock);
}

/* The one that must give way for a job of higher priority: of the lowest, the last to come. */
static struct engine_job *less_urgent(const struct engine_scheduler *sched, int32_t priority)
{
    struct engine_job *best = NULL;
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        struct engine_job *job = sched->slots[i].job;
        if (!job || job->priority >= priority)
            continue;
        if (!best || job->priority < best->priority ||
            (job->priority == best->priority && job->id > best->id))
            best = job;
    }
    return best;
}

static void admit(struct engine_scheduler *sched)
{
    for (;;) {
        pthread_mutex_lock(&sched->lock);
        struct engine_job *job = engine_queue_next(sched);
        bool admitted = job && engine_queue_admit(sched, job);
        bool stuck = job && !admitted && sched->running == 0;
        int32_t priority = job ? job->priority : INT32_MIN;
        if (admitted) {
            job->state = ENGINE_JOB_RUNNING;
            sched->waiting--;
            sched->running++;
            sched->stats.cached_tokens += job->started ? 0 : job->usage.cached_tokens;
        }
        pthread_mutex_unlock(&sched->lock);
        struct engine_job *other = admitted || stuck ? NULL : less_urgent(sched, priority);
        if (stuck)
            engine_job_fail(sched, job, BASE_ERR_LIMIT,
                            "the prompt does not fit into the memory for context of this model");
        else if (admitted)
            engine_job_start(sched, job);
        else if (other)
            preempt(sched, other);
        else
            return;
    }
}

/* The last to come of the others that run. */
static struct engine_job *youngest_other(const struct engine_scheduler *sched,
                                         const struct engine_job *job)
{
    struct engine_job *best = NULL;
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        struct engine_job *other = sched->slots[i].job;
        if (other && other != job && (!best || other->id > best->id))
            best = other;
    }
    return best;
}

/* --- The batch --- */

static size_t missing(const struct engine_scheduler *sched, const struct engine_job *job)
{
    return job->tokens.count - engine_session_length(sched->session, job->slot);
}

static void feed(struct engine_scheduler *sched, struct turn *turn, uint32_t slot, size_t count)
{
    struct engine_job *job = sched->slots[slot].job;
    struct engine_slot *s = &sched->slots[slot];
    size_t from = engine_session_length(sched->session, slot);
    s->row = (uint32_t)turn->rows;
    s->wants_row = from + count == job->tokens.count;
    for (size_t i = from; i < from + count; i++) {
        bool last = i + 1 == job->tokens.count;
        sched->items[turn->count++] = (struct engine_batch_item){.sequence = slot,
                                                                 .token = job->tokens.items[i],
                                                                 .want_logits = last,
                                                                 .adapter = job->adapter};
        turn->rows += last ? 1 : 0;
    }
    for (uint32_t i = 0; i < s->guess_count; i++)
        sched->items[turn->count++] = (struct engine_batch_item){
            .sequence = slot, .token = s->guesses[i], .want_logits = true, .adapter = job->adapter};
    turn->rows += s->guess_count;
    turn->guesses += s->guess_count;
    s->feeding = (uint32_t)count;
}

static bool is_paused(struct engine_scheduler *sched, const struct engine_job *job)
{
    pthread_mutex_lock(&sched->lock);
    bool paused = job->paused;
    pthread_mutex_unlock(&sched->lock);
    return paused;
}

/* Room for `count` more tokens; the younger ones give way to the older. */
static bool take_room(struct engine_scheduler *sched, struct engine_job *job, size_t count)
{
    while (!engine_queue_make_room(sched, job->slot, (uint32_t)count)) {
        struct engine_job *other = youngest_other(sched, job);
        if (!other || other->id < job->id || sched->slots[other->slot].feeding > 0)
            return false;
        preempt(sched, other);
    }
    return true;
}

static size_t prompt_budget(struct engine_scheduler *sched, bool shared)
{
    pthread_mutex_lock(&sched->lock);
    double speed = sched->stats.prompt_tokens_per_s;
    pthread_mutex_unlock(&sched->lock);
    double tokens = speed * (shared ? TURN_SHARED_MS : TURN_ALONE_MS) / 1000.0;
    if (speed <= 0.0)
        tokens = PIECE_MIN * 2;
    return tokens < PIECE_MIN ? PIECE_MIN : tokens > sched->batch ? sched->batch : (size_t)tokens;
}

/* Jobs that cannot get room and have nobody younger to take it from. */
static void no_room(struct engine_scheduler *sched, struct engine_job *job)
{
    if (youngest_other(sched, job)) {
        preempt(sched, job);
    } else {
        job->usage.context_full = true;
        engine_job_finish(sched, job, ENGINE_FINISH_LENGTH);
    }
}

/* Answers first, the older before the younger; then prompts, the oldest first. */
static struct engine_job *oldest_unfed(const struct engine_scheduler *sched, bool answering,
                                       uint64_t after)
{
    struct engine_job *best = NULL;
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        struct engine_job *job = sched->slots[i].job;
        if (!job || job->id <= after || (missing(sched, job) == 1) != answering)
            continue;
        if (!best || job->id < best->id)
            best = job;
    }
    return best;
}

/* --- Guesses --- */

/* Most guesses that an answer may get: what it may still say but one, and what there is room for
 * without anybody losing anything. */
static uint32_t most_guesses(const struct engine_scheduler *sched, const struct engine_job *job)
{
    size_t most = job->context > job->tokens.count ? job->context - job->tokens.count : 0;
    size_t left = job->max_tokens > 0 ? job->max_tokens - job->usage.output_tokens : most;
    size_t room = engine_session_room(sched->session, job->slot);
    most = left < most ? left : most;
    most = room < most ? room : most;
    return most > 1 ? (uint32_t)(most - 1) : 0;
}

/* Fills `guesses` of the jobs that answer; `left`: rows and items that may still be taken. */
static void guess(struct engine_scheduler *sched, size_t answers, size_t left)
{
    bool asked = false;
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        struct engine_slot *s = &sched->slots[i];
        struct engine_job *job = s->job;
        s->asked = false;
        if (!job || missing(sched, job) != 1 || is_paused(sched, job))
            continue;
        uint32_t want = engine_draft_want(sched, &job->draft, answers);
        uint32_t most = most_guesses(sched, job);
        want = want < most ? want : most;
        want = want < left ? want : (uint32_t)left;
        if (want == 0)
            continue;
        s->guess_count =
            engine_draft_lookup(job->tokens.items, job->tokens.count, want, s->guesses);
        s->asked = s->guess_count == 0 && sched->drafter;
        left -= s->asked ? want : s->guess_count;
        asked |= s->asked;
        if (s->asked)
            engine_drafter_want(sched->drafter, i, job->tokens.items, job->tokens.count, want);
    }
    if (!asked)
        return;
    engine_drafter_run(sched->drafter);
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        struct engine_slot *s = &sched->slots[i];
        if (s->asked)
            s->guess_count = engine_drafter_take(sched->drafter, i, s->guesses);
    }
}

static size_t count_answers(const struct engine_scheduler *sched)
{
    size_t count = 0;
    for (uint32_t i = 0; i < sched->slot_count; i++)
        count += sched->slots[i].job && missing(sched, sched->slots[i].job) == 1;
    return count;
}

static void start_turn(struct engine_scheduler *sched, struct turn *turn)
{
    *turn = (struct turn){0};
    for (uint32_t i = 0; i < sched->slot_count; i++) {
        sched->slots[i].feeding = sched->slots[i].guess_count = 0;
        sched->slots[i].wants_row = sched->slots[i].asked = false;
    }
    size_t answers = count_answers(sched);
    size_t room = sched->batch < sched->outputs ? sched->batch : sched->outputs;
    /* Every job may want a row, those that end their prompt too. */
    if (sched->draft_max > 0 && !sched->draft_not_now && answers > 0 && room > sched->slot_count)
        guess(sched, answers, room - sched->slot_count);
    sched->draft_not_now = false;
}

static void fill_answers(struct engine_scheduler *sched, struct turn *turn)
{
    struct engine_job *job;
    for (uint64_t after = 0; (job = oldest_unfed(sched, true, after)) != NULL;) {
        after = job->id;
        struct engine_slot *s = &sched->slots[job->slot];
        if (turn->count == sched->batch || is_paused(sched, job))
            continue;
        if (turn->count + 1 + s->guess_count > sched->batch)
            s->guess_count = 0;
        if (take_room(sched, job, 1)) {
            if (engine_session_room(sched->session, job->slot) < 1 + s->guess_count)
                s->guess_count = 0;
            feed(sched, turn, job->slot, 1);
            turn->answers++;
        } else {
            no_room(sched, job);
        }
    }
}

static void fill(struct engine_scheduler *sched, struct turn *turn)
{
    struct engine_job *job;
    start_turn(sched, turn);
    fill_answers(sched, turn);
    size_t budget = prompt_budget(sched, turn->count > 0);
    for (uint64_t after = 0; (job = oldest_unfed(sched, false, after)) != NULL;) {
        after = job->id;
        size_t count = missing(sched, job);
        size_t room = sched->batch - turn->count;
        count = count > budget ? budget : count;
        count = count > room ? room : count;
        if (count == 0 || is_paused(sched, job))
            continue;
        if (take_room(sched, job, count)) {
            feed(sched, turn, job->slot, count);
            turn->prompt_tokens += count;
            budget -= count;
        } else {
            no_room(sched, job);
        }
    }
}

/* --- One step --- */

static void average(double *value, double sample)
{
    *value = *value <= 0.0 ? sample : *value + 0.2 * (sample - *value);
}

static void count_step(struct engine_scheduler *sched, const struct turn *turn, double seconds)
{
    uint64_t held = 0;
    for (uint32_t i = 0; i < sched->slot_count; i++)
        held += engine_session_length(sched->session, i);
    if (turn->prompt_tokens == 0)
        engine_draft_learn_step(&sched->draft_costs, turn->count, seconds);
    pthread_mutex_lock(&sched->lock);
    struct engine_scheduler_stats *stats = &sched->stats;
    stats->kv_tokens = held > stats->kv_capacity ? stats->kv_capacity : (uint32_t)held;
    stats->prompt_tokens += turn->prompt_tokens;
    stats->guessed_tokens += turn->guesses;
    if (seconds > 0 && turn->prompt_tokens >= SPEED_SAMPLE_MIN)
        average(&stats->prompt_tokens_per_s, (double)turn->count / seconds);
    else if (seconds > 0 && turn->prompt_tokens == 0)
        average(&stats->output_tokens_per_s,
                ((double)turn->answers + sched->right_per_step) / seconds);
    pthread_mutex_unlock(&sched->lock);
}

static void count_token(struct engine_scheduler *sched, bool was_guessed)
{
    pthread_mutex_lock(&sched->lock);
    sched->stats.output_tokens++;
    sched->stats.right_tokens += was_guessed;
    pthread_mutex_unlock(&sched->lock);
}

static enum base_err choose(struct engine_scheduler *sched, struct engine_job *job, size_t row,
                            struct engine_pick *ret_pick, struct base_error *detail)
{
    float *logits = engine_session_logits(sched->session, row);
    enum base_err err = logits ? engine_sampler_next(job->sampler, logits, ret_pick, detail)
                               : base_error_set(detail, BASE_ERR_INTERNAL, "no logits");
    if (err && job->mask && grammar_mask_error(job->mask, NULL))
        err = grammar_mask_error(job->mask, detail);
    return err;
}

static bool is_held_up(struct engine_scheduler *sched, const struct engine_job *job)
{
    pthread_mutex_lock(&sched->lock);
    bool held_up = job->paused || job->cancelled;
    pthread_mutex_unlock(&sched->lock);
    return held_up;
}

/* Takes the token of each row while it is the one that the next row was computed for. Returns how
 * many guesses were right. */
static uint32_t take_rows(struct engine_scheduler *sched, uint32_t slot)
{
    const struct engine_slot *s = &sched->slots[slot];
    struct engine_job *job = s->job;
    uint32_t guesses = s->guess_count;
    uint32_t before = engine_session_length(sched->session, slot) - guesses;
    for (uint32_t i = 0; i <= guesses; i++) {
        struct engine_pick pick;
        struct base_error detail = {0};
        enum base_err err = choose(sched, job, s->row + i, &pick, &detail);
        bool right = !err && i < guesses && pick.token == s->guesses[i];
        if (!right) { /* what was computed behind this row is of no use */
            engine_session_trim(sched->session, slot, before + i);
            if (sched->drafter)
                engine_drafter_keep(sched->drafter, slot, before + i);
            engine_draft_learn_rate(&job->draft, i, guesses);
        }
        if (err) {
            engine_job_fail(sched, job, err, detail.message);
            return i;
        }
        count_token(sched, right);
        engine_job_take(sched, job, &pick);
        if (!right || sched->slots[slot].job != job) /* it may be over */
            return right ? i + 1 : i;
        if (is_held_up(sched, job)) { /* what it was told of may have made somebody stop it */
            engine_session_trim(sched->session, slot, before + i);
            if (sched->drafter)
                engine_drafter_keep(sched->drafter, slot, before + i);
            return i + 1;
        }
    }
    return guesses;
}

static void take_tokens(struct engine_scheduler *sched, const struct turn *turn)
{
    double right = 0;
    for (uint32_t i = 0; i < sched->slot_count; i++)
        if (sched->slots[i].job && sched->slots[i].wants_row)
            right += take_rows(sched, i);
    if (turn->prompt_tokens == 0)
        sched->right_per_step += 0.2 * (right - sched->right_per_step);
}

/* The step failed for a reason that lies in no single job: all that took part end. */
static void fail_step(struct engine_scheduler *sched, enum base_err err,
                      const struct base_error *detail)
{
    for (uint32_t i = 0; i < sched->slot_count; i++)
        if (sched->slots[i].job && sched->slots[i].feeding > 0)
            engine_job_fail(sched, sched->slots[i].job, err, detail->message);
}

/* Each job had room alone, but not all together: the youngest gives way. */
static void relieve(struct engine_scheduler *sched)
{
    struct engine_job *job = youngest_other(sched, NULL);
    struct engine_job *other = youngest_other(sched, job);
    if (other)
        preempt(sched, job);
    else
        no_room(sched, job);
}

static void set_interruptible(struct engine_scheduler *sched, bool yes)
{
    pthread_mutex_lock(&sched->lock);
    sched->may_interrupt = yes;
    pthread_mutex_unlock(&sched->lock);
}

/* A cancelled prompt ends its step early, but not two steps in a row, so that cancelling again and
 * again cannot keep others from going on. False: there was no room, and somebody gave way. */
static bool step(struct engine_scheduler *sched, const struct turn *turn, bool *interrupted)
{
    struct base_error detail = {0};
    int64_t start = clock_mono_ns(clock_system());
    set_interruptible(sched, turn->prompt_tokens > 0 && !*interrupted);
    enum base_err err =
        engine_session_step(sched->session, sched->items, turn->count, &sched->interrupt, &detail);
    set_interruptible(sched, false);
    *interrupted = err == BASE_ERR_CANCELLED;
    if (err == BASE_ERR_CANCELLED)
        return true; /* nothing was computed; the turn begins again */
    if (err == BASE_ERR_LIMIT) {
        relieve(sched);
        return false;
    }
    if (err) {
        fail_step(sched, err, &detail);
        return true;
    }
    count_step(sched, turn, (double)(clock_mono_ns(clock_system()) - start) * 1e-9);
    take_tokens(sched, turn);
    return true;
}

/* Sleeps until there may be something to do; false when it is time to end. */
static bool wait_for_work(struct engine_scheduler *sched, bool idle)
{
    pthread_mutex_lock(&sched->lock);
    while (idle && !sched->stopping && !sched->changed)
        pthread_cond_wait(&sched->wake, &sched->lock);
    sched->changed = false;
    bool go_on = !sched->stopping || sched->jobs;
    pthread_mutex_unlock(&sched->lock);
    return go_on;
}

void *engine_scheduler_thread(void *user)
{
    struct engine_scheduler *sched = user;
    struct turn turn = {0};
    bool interrupted = false, full = false, admits = true;
    while (wait_for_work(sched, turn.count == 0 && admits)) {
        drop_cancelled(sched);
        admits = !full; /* else who just gave way would come back, and nobody go on */
        if (admits)
            admit(sched);
        fill(sched, &turn);
        full = turn.count > 0 && !step(sched, &turn, &interrupted);
    }
    return NULL;
}
