/*
 * How fast this machine reads memory: a bare loop over more than any cache holds, in huge pages
 * where the system gives them.
 *     bandwidth THREADS      prints GB/s, the median of 7 passes
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define BYTES (UINT64_C(512) << 20)
#define PASSES 7
#define MAX_THREADS 64

typedef uint64_t line __attribute__((vector_size(64)));

struct part {
    pthread_barrier_t *barrier;
    double *seconds; /* [PASSES], of the first part; NULL in others */
    const line *from, *to;
    uint64_t sum;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* As wide as the compiler's target allows: what limits is the memory, not adding up. */
static void *read_part(void *user)
{
    struct part *part = user;
    for (int pass = 0; pass < PASSES; pass++) {
        line a = {0}, b = {0}, c = {0}, d = {0};
        pthread_barrier_wait(part->barrier);
        double start = now();
        for (const line *p = part->from; p < part->to; p += 4) {
            a += p[0];
            b += p[1];
            c += p[2];
            d += p[3];
        }
        a += b + c + d;
        for (int i = 0; i < 8; i++)
            part->sum += a[i];
        pthread_barrier_wait(part->barrier); /* until the slowest is done */
        if (part->seconds)
            part->seconds[pass] = now() - start;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    size_t threads = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1;
    struct part parts[MAX_THREADS];
    pthread_t ids[MAX_THREADS];
    pthread_barrier_t barrier;
    double seconds[PASSES];
    if (threads < 1 || threads > MAX_THREADS)
        return 2;
    line *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    (void)madvise(memory, BYTES, MADV_HUGEPAGE);
    for (size_t i = 0; i < BYTES / sizeof(line); i++)
        memory[i][0] = i;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    size_t share = BYTES / sizeof(line) / threads / 4 * 4;
    for (size_t i = 0; i < threads; i++) {
        parts[i] = (struct part){&barrier, i == 0 ? seconds : NULL, memory + i * share,
                                 memory + (i + 1) * share, 0};
        if (pthread_create(&ids[i], NULL, read_part, &parts[i]) != 0)
            return 1;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += parts[i].sum;
    }
    qsort(seconds, PASSES, sizeof(*seconds), compare);
    printf("%.1f\n", (double)(share * threads * sizeof(line)) / seconds[PASSES / 2] / 1e9);
    return sum == 1; /* the sum is used, so that the loop stays */
}
