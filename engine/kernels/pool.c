#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/kernels/pool.h"

#define MAX_THREADS 256U
#define SPINS 2000 /* some tens of microseconds */
#define SPINS_OF_OTHERS 8
#define WORKER_NICE 5 /* so much below the threads that serve connections */

/*
 * The chunks of a job are cut into one run for each thread, a lane. A thread takes those of its own
 * lane, one after the other (so that it reads memory in order), and then those of the others.
 *
 * `ticket` holds the number of the job (upper half) and of the lane's next chunk (lower half).
 * Between two jobs the lower half is CLOSED, and only then the job's description changes; a thread
 * that takes a chunk by compare-and-swap therefore holds the description that belongs to it. Each
 * lane has a copy: a thread begins with one cache line from the caller's core, and ends with one
 * more, for all chunks that it did.
 */
#define CLOSED UINT64_C(0xFFFFFFFF)
#define TICKET(job, chunk) ((uint64_t)(job) << 32 | (chunk))

struct lane {
    _Alignas(64) _Atomic uint64_t ticket;
    atomic_size_t end; /* its chunks end before this one */
    _Atomic(engine_pool_fn) work;
    _Atomic(void *) job;
};

struct worker {
    struct engine_pool *pool;
    uint32_t index;
    pthread_t thread;
};

struct engine_pool {
    _Alignas(64) atomic_size_t pending; /* chunks of the job that are not finished */
    atomic_bool caller_sleeps;
    _Alignas(64) struct lane *lanes;
    uint32_t lane_count; /* threads that were asked for */
    atomic_bool stop;
    atomic_uint sleepers;    /* workers asleep */
    pthread_mutex_t callers; /* held for the length of a job */
    pthread_mutex_t lock;    /* guards going to sleep */
    pthread_cond_t wake_workers, wake_caller;
    uint32_t threads; /* workers and the caller */
    uint32_t job_number;
    struct worker *workers;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#else
    sched_yield();
#endif
}

static bool is_open(uint64_t ticket, size_t end)
{
    return (ticket & CLOSED) != CLOSED && (ticket & CLOSED) < end;
}

/* Takes chunks of a lane until none is left. Returns how many. */
static size_t take_lane(struct lane *lane, uint32_t thread)
{
    for (size_t taken = 0;;) {
        uint64_t ticket = atomic_load_explicit(&lane->ticket, memory_order_acquire);
        engine_pool_fn work = atomic_load_explicit(&lane->work, memory_order_acquire);
        void *job = atomic_load_explicit(&lane->job, memory_order_acquire);
        if (!is_open(ticket, atomic_load_explicit(&lane->end, memory_order_acquire)))
            return taken;
        if (!atomic_compare_exchange_weak_explicit(&lane->ticket, &ticket, ticket + 1,
                                                   memory_order_acq_rel, memory_order_relaxed))
            continue;
        work(job, (size_t)(ticket & CLOSED), thread);
        taken++;
    }
}

/* Takes chunks of the current job until none is left. They count as finished when the thread has
 * no more: whoever waits for one of them waits for the one that it holds as well. */
static void take_chunks(struct engine_pool *pool, uint32_t thread)
{
    size_t taken = 0;
    for (uint32_t i = 0; i < pool->lane_count; i++)
        taken += take_lane(&pool->lanes[(thread + i) % pool->lane_count], thread);
    if (taken == 0 || atomic_fetch_sub(&pool->pending, taken) != taken ||
        !atomic_load(&pool->caller_sleeps))
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->wake_caller);
    pthread_mutex_unlock(&pool->lock);
}

static bool lane_has_work(struct lane *lane)
{
    uint64_t ticket = atomic_load(&lane->ticket); /* the end that belongs to it is there then */
    return is_open(ticket, atomic_load(&lane->end));
}

static bool has_work(struct engine_pool *pool)
{
    for (uint32_t i = 0; i < pool->lane_count; i++) {
        if (lane_has_work(&pool->lanes[i]))
            return true;
    }
    return false;
}

/* Looks at the thread's own lane, and now and then at the others', which their threads write to. */
static void wait_for_work(struct engine_pool *pool, uint32_t thread)
{
    for (int i = 0; i < SPINS; i++) {
        if (lane_has_work(&pool->lanes[thread]) || (i % SPINS_OF_OTHERS == 0 && has_work(pool)) ||
            atomic_load_explicit(&pool->stop, memory_order_relaxed))
            return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_work(pool) && !atomic_load(&pool->stop))
        pthread_cond_wait(&pool->wake_workers, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *run_worker(void *user)
{
    struct worker *worker = user;
    struct engine_pool *pool = worker->pool;
    int now = nice(WORKER_NICE); /* of this thread alone, as Linux has it */
    (void)now;
    while (!atomic_load(&pool->stop)) {
        wait_for_work(pool, worker->index);
        take_chunks(pool, worker->index);
    }
    return NULL;
}

static void wait_for_chunks(struct engine_pool *pool)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool->pending, memory_order_acquire) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    /* Not a store: QEMU's AArch64 lets the load behind one go before it, so that the last thread
     * saw nobody to wake. */
    (void)atomic_exchange(&pool->caller_sleeps, true);
    while (atomic_load(&pool->pending) != 0)
        pthread_cond_wait(&pool->wake_caller, &pool->lock);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->lock);
}

void engine_pool_run(struct engine_pool *pool, engine_pool_fn work, void *job, size_t chunks)
{
    pthread_mutex_lock(&pool->callers);
    if (pool->threads == 1 || chunks <= 1) {
        for (size_t i = 0; i < chunks; i++)
            work(job, i, 0);
        pthread_mutex_unlock(&pool->callers);
        return;
    }
    atomic_store_explicit(&pool->pending, chunks, memory_order_relaxed);
    for (uint32_t i = 0; i < pool->lane_count; i++) {
        struct lane *lane = &pool->lanes[i];
        atomic_store_explicit(&lane->work, work, memory_order_release);
        atomic_store_explicit(&lane->job, job, memory_order_release);
        atomic_store_explicit(&lane->end, chunks * (i + 1) / pool->lane_count,
                              memory_order_release);
        atomic_store(&lane->ticket, TICKET(pool->job_number, chunks * i / pool->lane_count));
    }
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake_workers);
        pthread_mutex_unlock(&pool->lock);
    }
    take_chunks(pool, 0);
    wait_for_chunks(pool);
    pool->job_number++;
    for (uint32_t i = 0; i < pool->lane_count; i++)
        atomic_store_explicit(&pool->lanes[i].ticket, TICKET(pool->job_number, CLOSED),
                              memory_order_release);
    pthread_mutex_unlock(&pool->callers);
}

uint32_t engine_pool_threads(const struct engine_pool *pool)
{
    return pool->threads;
}

static void start_workers(struct engine_pool *pool, uint32_t threads)
{
    pool->threads = 1;
    while (pool->threads < threads) {
        struct worker *worker = &pool->workers[pool->threads];
        worker->pool = pool;
        worker->index = pool->threads;
        /* With fewer threads than asked for the work still gets done. */
        if (pthread_create(&worker->thread, NULL, run_worker, worker) != 0)
            break;
        pool->threads++;
    }
}

enum base_err engine_pool_new(uint32_t threads, struct engine_pool **ret_pool,
                              struct base_error *reterr)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    void *memory = NULL;
    if (threads == 0)
        threads = cores > 1 ? (uint32_t)cores - 1 : 1;
    if (threads > MAX_THREADS)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "threads",
                                    "%u compute threads; at most %u", threads, MAX_THREADS);
    size_t bytes = sizeof(struct engine_pool) + threads * sizeof(struct lane);
    if (posix_memalign(&memory, _Alignof(struct engine_pool), bytes) != 0)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for compute threads");
    struct engine_pool *pool = memory;
    memset(pool, 0, bytes);
    pool->lanes = (struct lane *)(void *)(pool + 1); /* both are aligned to a cache line */
    pool->lane_count = threads;
    pool->workers = calloc(threads, sizeof(*pool->workers));
    if (!pool->workers) {
        free(pool);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for compute threads");
    }
    for (uint32_t i = 0; i < threads; i++)
        atomic_init(&pool->lanes[i].ticket, TICKET(0, CLOSED));
    pthread_mutex_init(&pool->callers, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake_workers, NULL);
    pthread_cond_init(&pool->wake_caller, NULL);
    start_workers(pool, threads);
    *ret_pool = pool;
    return BASE_OK;
}

void engine_pool_free(struct engine_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake_workers);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 1; i < pool->threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake_caller);
    pthread_cond_destroy(&pool->wake_workers);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->callers);
    free(pool->workers);
    free(pool);
}
