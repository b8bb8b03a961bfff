#include "gateway/serve/workpool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { QUEUE_MAX = 1024, THREADS_MAX = 64, WORK_NICE = 3 };

struct job {
    void (*fn)(void *user);
    void *user;
};

struct workpool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job ring[QUEUE_MAX];
    unsigned head, count;
    bool ending;
    unsigned thread_count;
    pthread_t threads[THREADS_MAX];
};

static void *run(void *arg)
{
    struct workpool *pool = arg;
    /* The loops answer many while one large body is worked on. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), WORK_NICE);
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->count == 0 && !pool->ending)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->count == 0)
            break;
        struct job job = pool->ring[pool->head];
        pool->head = (pool->head + 1) % QUEUE_MAX;
        pool->count--;
        pthread_mutex_unlock(&pool->lock);
        job.fn(job.user);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct workpool *workpool_new(unsigned threads)
{
    struct workpool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    for (unsigned i = 0; i < threads && i < THREADS_MAX; i++)
        if (pthread_create(&pool->threads[pool->thread_count], NULL, run, pool) == 0)
            pool->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pool->thread_count == 0) {
        workpool_free(pool);
        return NULL;
    }
    return pool;
}

void workpool_free(struct workpool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

bool workpool_submit(struct workpool *pool, void (*fn)(void *user), void *user)
{
    pthread_mutex_lock(&pool->lock);
    bool taken = pool->count < QUEUE_MAX && !pool->ending;
    if (taken) {
        pool->ring[(pool->head + pool->count) % QUEUE_MAX] = (struct job){fn, user};
        pool->count++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}
