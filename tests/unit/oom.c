#include "tests/unit/oom.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OOM_WRAP 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OOM_WRAP 1
#endif

#ifdef OOM_WRAP
#define NAME(f) __wrap_##f
#define REAL(f) __real_##f
#else
#define NAME(f) f
#define REAL(f) __libc_##f
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);
void REAL(free)(void *old);
#ifndef OOM_WRAP
void *__libc_memalign(size_t alignment, size_t size);
#define __libc_aligned_alloc __libc_memalign
#else
void *__real_aligned_alloc(size_t alignment, size_t size);
#endif
void *NAME(malloc)(size_t size);
void *NAME(calloc)(size_t count, size_t size);
void *NAME(realloc)(void *old, size_t size);
void *NAME(aligned_alloc)(size_t alignment, size_t size);
void NAME(free)(void *old);

static _Thread_local bool counting;
static bool others_free;
static bool all_from_there;  /* fail the Nth and all that follow */
static size_t seen, fail_at; /* 0 = none fails */
static bool failed;
static long live; /* allocated and not yet freed while counting */

static bool must_fail(void)
{
    if (!counting)
        return false;
    seen++;
    if (fail_at == 0 || (all_from_there ? seen < fail_at : seen != fail_at))
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

static void *count(void *got)
{
    if (counting && got) /* other threads do not touch the sum */
        live++;
    return got;
}

void *NAME(malloc)(size_t size)
{
    return must_fail() ? NULL : count(REAL(malloc)(size));
}

void *NAME(calloc)(size_t number, size_t size)
{
    return must_fail() ? NULL : count(REAL(calloc)(number, size));
}

void *NAME(realloc)(void *old, size_t size)
{
    if (must_fail())
        return NULL;
    return old ? REAL(realloc)(old, size) : count(REAL(realloc)(old, size));
}

void *NAME(aligned_alloc)(size_t alignment, size_t size)
{
    return must_fail() ? NULL : count(REAL(aligned_alloc)(alignment, size));
}

void NAME(free)(void *old)
{
    if (counting && old)
        live--;
    REAL(free)(old);
}

static enum base_err run(enum base_err (*body)(void *user), void *user, size_t at, bool all)
{
    seen = 0;
    live = 0;
    failed = false;
    fail_at = at;
    all_from_there = all;
    counting = true;
    enum base_err err = body(user);
    counting = false;
    if (live != 0 && !others_free)
        fail_msg("%ld allocations are left when allocation %zu fails", live, at);
    return err;
}

static size_t each(enum base_err (*body)(void *user), void *user)
{
    (void)body(user); /* what is made once and kept is made here */
    assert_int_equal(run(body, user, 0, false), BASE_OK);
    size_t total = seen;
    for (int all = 0; all < 2; all++) {
        for (size_t at = 1; at <= total; at++) {
            enum base_err err = run(body, user, at, all);
            if (!failed)
                fail_msg("allocation %zu of %zu did not come, %zu did", at, total, seen);
            if (err != BASE_ERR_NO_MEMORY && err != BASE_OK)
                fail_msg("allocation %zu fails: %s", at, base_err_info(err)->name);
        }
    }
    return total;
}

size_t oom_each(enum base_err (*body)(void *user), void *user)
{
    others_free = false;
    return each(body, user);
}

size_t oom_each_beside_threads(enum base_err (*body)(void *user), void *user)
{
    others_free = true;
    return each(body, user);
}
