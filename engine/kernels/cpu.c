/* Chooses the set of kernels, once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "engine/engine.h"
#include "engine/kernels/kernels.h"

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    unsigned a, b, c, d;
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

static bool has_avx512_bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/* AVX-512 with products of BF16 of its own. */
static struct engine_kernels with_bf16;

static void make_with_bf16(void)
{
    with_bf16 = engine_kernels_avx512;
    with_bf16.name = "avx512_bf16";
    with_bf16.panels[ENGINE_FORMAT_BF16] = engine_kernels_avx512_bf16.panels;
    with_bf16.pack_bf16_one = engine_kernels_avx512_bf16.pack_one;
    with_bf16.pack_bf16_four = engine_kernels_avx512_bf16.pack_four;
    with_bf16.attn_bf16 = &engine_kernels_avx512_bf16.attn;
}
#elif defined(__aarch64__)
static bool has_dot_product(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
#endif

static const struct {
    const struct engine_kernels *kernels;
    bool (*supported)(void);
} sets[] = {
    {&engine_kernels_portable, always},
#if defined(__x86_64__)
    {&engine_kernels_avx2, has_avx2},
    {&engine_kernels_avx512, has_avx512},
    {&with_bf16, has_avx512_bf16},
#elif defined(__aarch64__)
    {&engine_kernels_neon, has_dot_product},
#endif
};
#define SETS (sizeof(sets) / sizeof(sets[0]))
#if defined(__x86_64__)
#define SET_NAMES "auto, portable, avx2, avx512, avx512_bf16"
#elif defined(__aarch64__)
#define SET_NAMES "auto, portable, neon"
#else
#define SET_NAMES "auto, portable"
#endif

static _Atomic(const struct engine_kernels *) chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Before the first look at a set. */
static void make_sets(void)
{
#if defined(__x86_64__)
    make_with_bf16();
#endif
}

const struct engine_kernels *engine_kernels_at(size_t index)
{
    (void)pthread_once(&once, make_sets);
    return index < SETS ? sets[index].kernels : NULL;
}

bool engine_kernels_supported(const struct engine_kernels *kernels)
{
    for (size_t i = 0; i < SETS; i++) {
        if (sets[i].kernels == kernels)
            return sets[i].supported();
    }
    return false;
}

static const struct engine_kernels *best(void)
{
    size_t i = SETS - 1;
    while (!sets[i].supported())
        i--;
    return sets[i].kernels;
}

const char *engine_cpu_at(size_t index)
{
    const struct engine_kernels *kernels = engine_kernels_at(index);
    return kernels ? kernels->name : NULL;
}

enum base_err engine_cpu_select(const char *name, struct base_error *reterr)
{
    (void)pthread_once(&once, make_sets);
    if (!name)
        name = getenv("HEARTH_CPU");
    if (!name || !*name || strcmp(name, "auto") == 0) {
        atomic_store(&chosen, best());
        return BASE_OK;
    }
    for (size_t i = 0; i < SETS; i++) {
        if (strcmp(name, sets[i].kernels->name) != 0)
            continue;
        if (!sets[i].supported())
            return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                                  "the kernel path '%s' needs instructions that this processor "
                                  "lacks",
                                  name);
        atomic_store(&chosen, sets[i].kernels);
        return BASE_OK;
    }
    return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                          "unknown kernel path '%.40s'; known are: " SET_NAMES, name);
}

const struct engine_kernels *engine_kernels(void)
{
    const struct engine_kernels *kernels = atomic_load(&chosen);
    if (kernels)
        return kernels;
    if (engine_cpu_select(NULL, NULL))
        atomic_store(&chosen, &engine_kernels_portable);
    return atomic_load(&chosen);
}

const char *engine_cpu_name(void)
{
    return engine_kernels()->name;
}
