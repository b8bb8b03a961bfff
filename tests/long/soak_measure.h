/*
 * What a soak is asked for, and whether memory stayed flat.
 *
 *     struct soak_wish wish = {.requests = 2000};
 *     if (!soak_wish_parse(&wish, argc, argv)) return 2;
 *     ... warm up ...
 *     struct soak_memory first = soak_memory_now();
 *     while (!soak_is_over(&wish, done, begin)) ...
 *     struct soak_memory last = soak_memory_now();
 *     return soak_memory_is_flat(&first, &last) ? 0 : 1;
 */
#ifndef TESTS_LONG_SOAK_MEASURE_H
#define TESTS_LONG_SOAK_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

struct soak_wish {
    unsigned long requests; /* at least */
    double minutes;         /* at least */
    uint64_t seed;
};

/* --requests N, --minutes M, --seed S. False, said on stderr, for anything else. */
bool soak_wish_parse(struct soak_wish *wish, int argc, char **argv);
bool soak_is_over(const struct soak_wish *wish, unsigned long requests, int64_t begin_ns);
int64_t soak_now_ns(void);

struct soak_memory {
    uint64_t rss_bytes;
    uint64_t live_bytes; /* handed out by malloc and not given back */
    unsigned threads, files;
};

/* Of this process, now; only comparable while nothing is under way. */
struct soak_memory soak_memory_now(void);
/* One line: time since `begin_ns` and the figures. */
void soak_memory_print(const struct soak_memory *now, int64_t begin_ns);

/*
 * Flat: the same threads and open files, at most 256 KiB more live on the heap, at most 16 MiB and
 * a tenth more resident (an allocator, and more so a sanitizer's, keeps what it once had). Says so
 * either way.
 */
bool soak_memory_is_flat(const struct soak_memory *first, const struct soak_memory *last);

#endif
