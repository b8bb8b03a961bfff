#include "tests/long/soak_measure.h"

#include <dirent.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of AddressSanitizer's allocator, where it is there. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
/* What was freed is kept apart for a while: not so much that it hides growth. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16";
}

int64_t soak_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool soak_wish_parse(struct soak_wish *wish, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        char *end = NULL;
        if (strcmp(argv[i], "--requests") == 0)
            wish->requests = strtoul(value, &end, 10);
        else if (strcmp(argv[i], "--minutes") == 0)
            wish->minutes = strtod(value, &end);
        else if (strcmp(argv[i], "--seed") == 0)
            wish->seed = strtoull(value, &end, 10);
        if (!end || end == value || *end) {
            fprintf(stderr, "%s: '%s %s' is none of --requests N, --minutes M, --seed S\n", argv[0],
                    argv[i], value);
            return false;
        }
    }
    return true;
}

bool soak_is_over(const struct soak_wish *wish, unsigned long requests, int64_t begin_ns)
{
    return requests >= wish->requests && (double)(soak_now_ns() - begin_ns) >= wish->minutes * 60e9;
}

static unsigned entries_of(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

struct soak_memory soak_memory_now(void)
{
    struct soak_memory now = {.threads = entries_of("/proc/self/task"),
                              .files = entries_of("/proc/self/fd")};
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*u %lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    now.rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    if (__sanitizer_get_current_allocated_bytes) {
        now.live_bytes = __sanitizer_get_current_allocated_bytes();
    } else {
        struct mallinfo2 info = mallinfo2();
        now.live_bytes = info.uordblks + info.hblkhd;
    }
    return now;
}

void soak_memory_print(const struct soak_memory *now, int64_t begin_ns)
{
    printf("%.1f min, %.1f MiB resident, %.3f MiB live, %u threads, %u files\n",
           (double)(soak_now_ns() - begin_ns) / 60e9, (double)now->rss_bytes / 1048576,
           (double)now->live_bytes / 1048576, now->threads, now->files);
    fflush(stdout);
}

bool soak_memory_is_flat(const struct soak_memory *first, const struct soak_memory *last)
{
    bool flat = last->live_bytes <= first->live_bytes + 256 * 1024 &&
                last->rss_bytes <= first->rss_bytes + first->rss_bytes / 10 + (16 << 20) &&
                last->threads == first->threads && last->files == first->files;
    printf(
        "%s: resident %.1f -> %.1f MiB, live %.3f -> %.3f MiB, threads %u -> %u, files %u -> %u\n",
        flat ? "flat" : "NOT FLAT", (double)first->rss_bytes / 1048576,
        (double)last->rss_bytes / 1048576, (double)first->live_bytes / 1048576,
        (double)last->live_bytes / 1048576, first->threads, last->threads, first->files,
        last->files);
    return flat;
}
