/*
 * Scheduler, private part: what its files share.
 *
 *     scheduler.c          making, ending, asking: the functions of engine.h
 *     prompt.c             a request's tokens: template, overflow policy
 *     queue.c              who is next: priority, then turns between flows; which sequence
 *     draft.c              guesses ahead, and whether they pay
 *     run.c                the thread: batches of prompt pieces and single tokens
 *     event.c              tokens to text, events, the end of a generation
 *     overflow.c room in the context for an answer that goes on
 *
 * A generation ("job") waits, then runs in a slot, which is a sequence of the session. It has a
 * list of tokens, of which the session holds the first ones; whatever is missing is fed. So the
 * prompt, the next token, and the return after losing its place (preemption) are one case.
 *
 * Threads: `lock` guards the list of jobs, the queue, the flags of a job that others set
 * (cancelled, paused) and the figures. Slots, the session and everything else of a job belong to
 * the thread of the scheduler; sinks are called without the lock.
 */
#ifndef ENGINE_SCHEDULER_SCHEDULER_H
#define ENGINE_SCHEDULER_SCHEDULER_H

#include <pthread.h>

#include "engine/engine.h"
#include "engine/grammar/grammar.h"
#include "engine/scheduler/drafter.h"
#include "engine/template/markup.h"
#include "engine/tokenizer/textstream.h"

enum engine_job_state {
    ENGINE_JOB_WAITING,
    ENGINE_JOB_RUNNING,
    ENGINE_JOB_OVER /* its last event is out, or about to be */
};

/* A token that is not wholly out yet. */
struct engine_job_token {
    uint32_t token;
    uint64_t text_end; /* out when the text stream has given out this many bytes */
    struct engine_token_logprobs logprobs;
    struct engine_logprob top[ENGINE_TOP_LOGPROBS_MAX];
};

/* What is known about guesses for an answer, and about the time of steps. */
struct engine_draft_state {
    double rate; /* share of guesses that are right */
    uint32_t idle_turns;
};
struct engine_draft_costs {
    double weight, n, t, nn, nt; /* sums over steps: 1, tokens, seconds, and products of them */
};

struct engine_job {
    struct engine_job *next; /* all jobs, oldest first */
    uint64_t id;
    struct engine_sink sink;
    uint64_t domain, flow;
    int32_t priority;
    enum engine_job_state state; /* lock */
    bool cancelled, paused;      /* lock */
    bool crowded_out;            /* lock; gives its place in the queue to another */
    bool started;                /* lock; STARTED is out */

    struct engine_tokens tokens; /* prompt and answer */
    uint32_t prompt_count, max_tokens, context;
    enum engine_overflow overflow;
    uint32_t head_tokens; /* tokens at the beginning that stay when the context is full */
    uint32_t slot;        /* when RUNNING */
    struct engine_sampler *sampler;
    struct engine_textstream *stream;
    struct engine_answer *thought; /* for the stop texts: where its reasoning is; or NULL */
    bool thinking;
    struct engine_adapter *adapter; /* NULL = none */
    struct grammar_mask *mask;      /* NULL = no grammar */
    bool logprobs, strip_space;
    bool opened; /* the prompt ends with the marker that opens the reasoning */

    struct engine_job_token *pending; /* not out yet */
    size_t pending_count, pending_capacity;
    uint32_t *out_tokens; /* [pending_capacity] for one event */
    struct engine_token_logprobs *out_logprobs;

    struct engine_draft_state draft;
    struct engine_usage usage;
    int64_t submitted_ns, admitted_ns, first_token_ns;
};

/* A sequence of the session. Free ones keep what they hold, for the next prompt that begins so. */
struct engine_slot {
    struct engine_job *job;             /* NULL = free */
    struct engine_tokens held;          /* free: what the session still has */
    uint64_t domain, adapter;           /* of what is held; 0 = no adapter */
    uint64_t used_at;                   /* counts up with each admission or release */
    uint32_t feeding;                   /* tokens in the step now computed, guesses left out */
    uint32_t row;                       /* first of its rows of logits in that step */
    bool wants_row, asked;              /* asked: the smaller model, for guesses */
    uint32_t guesses[ENGINE_DRAFT_MAX]; /* computed behind them */
    uint32_t guess_count;
};

enum { ENGINE_FLOWS_MAX = 256 };

struct engine_scheduler {
    struct engine_model *model;
    struct engine_session *session;
    struct engine_tokenizer *tokenizer;
    struct engine_template *template;      /* NULL when the model has none */
    struct engine_template *tool_template; /* for requests with tools; NULL = the same */
    struct engine_markup markup;           /* of the template, of calls: of that for tools */
    uint32_t context;                      /* most tokens of one request */
    uint32_t queue_max;
    uint32_t n_vocab;

    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;  /* for the thread: something came or changed */
    pthread_cond_t quiet; /* for drain: a job is over */

    struct engine_job *jobs, **jobs_tail; /* lock */
    uint32_t waiting, running;            /* lock */
    uint32_t leaving;                     /* lock; of those waiting, crowded out */
    uint64_t next_id;                     /* lock */
    bool draining, stopping;              /* lock */
    bool changed;                         /* lock: something for the thread to look at */
    atomic_bool interrupt;                /* ends the step now computed */
    bool may_interrupt;                   /* lock: the step may be ended for a cancel */

    /* The thread's own. */
    struct engine_slot *slots; /* [slot_count] */
    uint32_t slot_count;
    struct engine_batch_item *items; /* [batch] */
    uint32_t batch, outputs;
    uint64_t use_count;
    struct engine_drafter *drafter; /* NULL = none */
    uint32_t draft_max;             /* 0 = no guesses */
    bool draft_always;
    double right_per_step; /* guesses, recently */
    bool draft_not_now;    /* there was no room for guesses in the step before */
    struct engine_draft_costs draft_costs;
    struct grammar_trie *trie; /* made when the first grammar comes */
    uint8_t *dry_breaks;       /* lock; [n_vocab] the usual ones, made when first asked for */
    struct {
        uint64_t flow, used_at;
    } flows[ENGINE_FLOWS_MAX]; /* when each flow was last served */
    size_t flow_count;

    struct engine_scheduler_stats stats; /* lock */
    double answer_tokens;                /* lock: how long answers have been, recently */
};

/* --- prompt.c --- */

/* Renders and tokenizes; cuts by the overflow policy. Fills job->tokens, opened and
 * usage.dropped_*. */
enum base_err engine_job_prompt(const struct engine_scheduler *sched, struct engine_job *job,
                                const struct engine_request *request, struct base_error *reterr);

/* The request's prompt with these messages in place of its own. */
enum base_err engine_job_render(const struct engine_scheduler *sched,
                                const struct engine_request *request,
                                const struct engine_message *messages, size_t count,
                                struct engine_tokens *tokens, bool *ret_opened,
                                struct base_error *reterr);

/* How many of the messages always stay: those of the system at the beginning, and for
 * truncate_middle the first one of a user. */
size_t engine_job_head_messages(const struct engine_request *request);

/* --- overflow.c --- */

/* Fills job->head_tokens, when the answer may meet the end of the context and go on. */
enum base_err engine_job_find_head(const struct engine_scheduler *sched, struct engine_job *job,
                                   const struct engine_request *request, struct base_error *reterr);

/* The context of a running job is full: by its policy older tokens go, and what stays is read
 * again. False: there is nothing to go. */
bool engine_job_roll(struct engine_scheduler *sched, struct engine_job *job);

/* --- queue.c --- */

/* The waiting job whose turn it is, or NULL. Under the lock. */
struct engine_job *engine_queue_next(struct engine_scheduler *sched);

/* Who leaves the full queue for a new job, or NULL when it must be refused: somebody less urgent,
 * or as urgent and of a flow with at least two more in it; the last to come. Under the lock. */
struct engine_job *engine_queue_crowd_out(struct engine_scheduler *sched, uint64_t flow,
                                          int32_t priority);

/* Puts a waiting job into a free slot, with the longest beginning of its prompt that the session
 * has already. False when there is no slot, or not enough room in the cache for its prompt now. */
bool engine_queue_admit(struct engine_scheduler *sched, struct engine_job *job);

/* Takes the job out of its slot; what it held stays for others of its domain unless `forget`. */
void engine_queue_release(struct engine_scheduler *sched, struct engine_job *job, bool forget);

/* Makes room for `count` more tokens of the slot by forgetting free slots; false when that is not
 * enough. */
bool engine_queue_make_room(struct engine_scheduler *sched, uint32_t slot, uint32_t count);

/* --- draft.c --- */

void engine_draft_reset(struct engine_draft_state *state);
/* A step of only answers, with so many tokens, took so long. */
void engine_draft_learn_step(struct engine_draft_costs *costs, size_t tokens, double seconds);
void engine_draft_learn_rate(struct engine_draft_state *state, uint32_t right, uint32_t made);
/* How many guesses an answer should get in a step of `answers` answers. */
uint32_t engine_draft_want(const struct engine_scheduler *sched, struct engine_draft_state *state,
                           size_t answers);
/* What followed the last tokens when they stood there before: 0 or `most` tokens. */
uint32_t engine_draft_lookup(const uint32_t *tokens, size_t count, uint32_t most, uint32_t *out);

/* --- event.c --- */

/* Takes the memory that an answer needs, so that none is taken per token. */
bool engine_job_reserve(struct engine_job *job);
/* Stop texts act on the answer alone. For a request that has some. */
enum base_err engine_job_watch(const struct engine_scheduler *sched, struct engine_job *job,
                               struct base_error *reterr);
/* One token was chosen: text goes out, and the job may end. */
void engine_job_take(struct engine_scheduler *sched, struct engine_job *job,
                     const struct engine_pick *pick);
/* The job ends well. */
void engine_job_finish(struct engine_scheduler *sched, struct engine_job *job,
                       enum engine_finish finish);
/* The job ends with an error. */
void engine_job_fail(struct engine_scheduler *sched, struct engine_job *job, enum base_err code,
                     const char *message);
void engine_job_start(struct engine_scheduler *sched, struct engine_job *job);
void engine_job_free(struct engine_job *job);

/* Number of its adapter, 0 = none. */
uint64_t engine_job_adapter(const struct engine_job *job);

/* --- run.c --- */

void *engine_scheduler_thread(void *sched);

#endif
