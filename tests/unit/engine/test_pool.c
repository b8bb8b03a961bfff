/* Compute threads: every chunk of every job once, whoever sleeps, waits or is held up. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "engine/kernels/pool.h"

enum { CHUNKS = 70, JOBS = 3000, MAX_THREADS = 5, SLOW_TURNS = 6000 };

struct count {
    atomic_uint hits[CHUNKS];
    atomic_size_t done;
    size_t chunks, held; /* chunk `held` ends behind all others; none: SIZE_MAX */
    uint32_t threads;
    atomic_bool wrong;
};

static void do_count(void *user, size_t chunk, uint32_t thread)
{
    struct count *job = user;
    if (chunk >= job->chunks || thread >= job->threads) {
        atomic_store(&job->wrong, true);
        return;
    }
    while (chunk == job->held && atomic_load(&job->done) + 1 < job->chunks)
        sched_yield();
    atomic_fetch_add(&job->hits[chunk], 1);
    atomic_fetch_add(&job->done, 1);
}

static void run_job(struct engine_pool *pool, size_t chunks, size_t held)
{
    struct count job = {.chunks = chunks, .held = held, .threads = engine_pool_threads(pool)};
    engine_pool_run(pool, do_count, &job, chunks);
    assert_false(atomic_load(&job.wrong));
    assert_int_equal(atomic_load(&job.done), chunks);
    for (size_t i = 0; i < CHUNKS; i++)
        assert_int_equal(atomic_load(&job.hits[i]), i < chunks);
}

static struct engine_pool *pool_of(uint32_t threads)
{
    struct engine_pool *pool = NULL;
    assert_int_equal(engine_pool_new(threads, &pool, NULL), BASE_OK);
    return pool;
}

/* With now and then a pause in which the threads fall asleep. */
static void test_each_chunk_once(void **state)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    (void)state;
    for (uint32_t threads = 1; threads <= MAX_THREADS; threads++) {
        struct engine_pool *pool = pool_of(threads);
        for (size_t i = 0; i < JOBS; i++) {
            run_job(pool, i % (CHUNKS + 1), SIZE_MAX);
            if (i % 64 == 0)
                nanosleep(&pause, NULL);
        }
        engine_pool_free(pool);
    }
}

/* A thread that cannot go on holds up its chunk alone: others take the rest of its lane. */
static void test_a_held_chunk(void **state)
{
    (void)state;
    for (uint32_t threads = 2; threads <= MAX_THREADS; threads++) {
        struct engine_pool *pool = pool_of(threads);
        for (size_t chunks = 2; chunks < 20; chunks++) {
            for (size_t held = 0; held < chunks; held++)
                run_job(pool, chunks, held);
        }
        engine_pool_free(pool);
    }
}

/* Chunk 0 waits for chunk 1 to begin, so that two threads are there; that one takes its time. */
struct slow {
    atomic_bool begun;
    size_t turns;
};

static void do_slow(void *user, size_t chunk, uint32_t thread)
{
    struct slow *job = user;
    (void)thread;
    while (chunk == 0 && !atomic_load(&job->begun))
        sched_yield();
    atomic_store(&job->begun, true);
    for (size_t i = 0; chunk != 0 && i < job->turns; i++)
        atomic_signal_fence(memory_order_seq_cst);
}

/* The last chunk ends while its caller is about to sleep. */
static void test_callers_sleep(void **state)
{
    struct engine_pool *pool = pool_of(2);
    (void)state;
    for (size_t i = 0; i < 10 * JOBS; i++) {
        struct slow job = {.turns = i * 997 % SLOW_TURNS};
        engine_pool_run(pool, do_slow, &job, 2);
    }
    engine_pool_free(pool);
}

static void *call(void *user)
{
    for (size_t i = 0; i < JOBS / 2; i++)
        run_job(user, i % 9, SIZE_MAX);
    return NULL;
}

static void test_two_callers(void **state)
{
    struct engine_pool *pool = pool_of(3);
    pthread_t other;
    (void)state;
    assert_int_equal(pthread_create(&other, NULL, call, pool), 0);
    call(pool);
    pthread_join(other, NULL);
    engine_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_chunk_once),
        cmocka_unit_test(test_a_held_chunk),
        cmocka_unit_test(test_callers_sleep),
        cmocka_unit_test(test_two_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
