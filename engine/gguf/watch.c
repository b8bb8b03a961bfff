#include "engine/gguf/watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Static and lock-free to read: the handler may find a thread anywhere. */
enum { WATCH_MAX = 4096 };
struct gguf_watch {
    atomic_uintptr_t start; /* 0 = free */
    atomic_size_t bytes;
    atomic_bool lost;
};
static struct gguf_watch watches[WATCH_MAX];
static atomic_uint watch_end; /* behind the last one that was ever used */
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;
static uintptr_t page_bytes;

enum base_err gguf_watch_add(const void *mapped, size_t bytes, struct gguf_watch **ret_watch,
                             struct base_error *reterr)
{
    unsigned i = 0;
    pthread_mutex_lock(&changing);
    while (i < WATCH_MAX && atomic_load(&watches[i].start) != 0)
        i++;
    if (i < WATCH_MAX) {
        atomic_store(&watches[i].bytes, bytes);
        atomic_store(&watches[i].lost, false);
        atomic_store(&watches[i].start, (uintptr_t)mapped);
        if (i >= atomic_load(&watch_end))
            atomic_store(&watch_end, i + 1);
    }
    pthread_mutex_unlock(&changing);
    if (i == WATCH_MAX)
        return base_error_set(reterr, BASE_ERR_LIMIT, "more than %d model files are open",
                              WATCH_MAX);
    *ret_watch = &watches[i];
    return BASE_OK;
}

void gguf_watch_remove(struct gguf_watch *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&changing);
    atomic_store(&watch->start, 0);
    pthread_mutex_unlock(&changing);
}

bool gguf_watch_is_lost(const struct gguf_watch *watch)
{
    return watch && atomic_load_explicit(&watch->lost, memory_order_relaxed);
}

/* Zeros from the page of `at` to the end of the mapping it lies in; false when that is not ours.
 * The mark is set first: whoever reads a zero can see it. */
static bool replace(uintptr_t at)
{
    unsigned end = atomic_load(&watch_end);
    for (unsigned i = 0; i < end; i++) {
        uintptr_t start = atomic_load(&watches[i].start);
        size_t bytes = atomic_load(&watches[i].bytes);
        if (start == 0 || at < start ||
            at - start >= (bytes + page_bytes - 1) / page_bytes * page_bytes)
            continue;
        uintptr_t from = at / page_bytes * page_bytes;
        atomic_store(&watches[i].lost, true);
        return mmap((void *)from, start + bytes - from, PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    }
    return false;
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    int saved = errno;
    bool is_fault = info->si_code > 0; /* else somebody sent it */
    (void)context;
    if (!is_fault || !replace((uintptr_t)info->si_addr)) {
        (void)sigaction(SIGBUS, &before, NULL);
        if (!is_fault)
            (void)raise(signal_number);
    }
    errno = saved;
}

void gguf_watch_catch(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO}, now;
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&changing);
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_sigaction != on_bus_error) {
        before = now;
        (void)sigaction(SIGBUS, &action, NULL);
    }
    pthread_mutex_unlock(&changing);
}
