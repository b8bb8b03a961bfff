/* The event loop: timers, watches, work at the end of a turn, posts from many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/loop/loop.h"

struct seen {
    struct evloop *loop;
    struct loop_timer timer[3];
    struct loop_watch watch;
    struct evloop_deferred deferred[2];
    char order[32];
    size_t count;
    int pipe[2];
};

static void note(struct seen *seen, char c)
{
    assert_true(seen->count < sizeof(seen->order) - 1);
    seen->order[seen->count++] = c;
}

static void on_a(void *user)
{
    note(user, 'a');
}

static void on_b(void *user)
{
    note(user, 'b');
}

static void on_c_stop(void *user)
{
    struct seen *seen = user;
    note(seen, 'c');
    evloop_stop(seen->loop);
}

static void on_again(void *user)
{
    struct seen *seen = user;
    note(seen, 'g');
    if (seen->count < 3)
        (void)loop_timer_set(evloop_loop(seen->loop), &seen->timer[0], 1, on_again, seen);
    else
        evloop_stop(seen->loop);
}

static struct seen *seen_new(void)
{
    static struct seen seen;
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(evloop_new("test", &seen.loop, NULL), BASE_OK);
    return &seen;
}

static void test_timers_fire_in_order_and_move(void **state)
{
    (void)state;
    struct seen *seen = seen_new();
    struct loop *loop = evloop_loop(seen->loop);
    assert_int_equal(loop_timer_set(loop, &seen->timer[0], 5, on_a, seen), BASE_OK);
    assert_int_equal(loop_timer_set(loop, &seen->timer[1], 10, on_b, seen), BASE_OK);
    assert_int_equal(loop_timer_set(loop, &seen->timer[2], 60, on_c_stop, seen), BASE_OK);
    assert_int_equal(loop_timer_set(loop, &seen->timer[0], 30, on_a, seen), BASE_OK);
    evloop_run(seen->loop);
    assert_string_equal(seen->order, "bac");
    assert_null(seen->timer[0].impl);
    evloop_free(seen->loop);
}

static void test_a_cleared_timer_does_not_fire(void **state)
{
    (void)state;
    struct seen *seen = seen_new();
    struct loop *loop = evloop_loop(seen->loop);
    assert_int_equal(loop_timer_set(loop, &seen->timer[0], 5, on_a, seen), BASE_OK);
    assert_int_equal(loop_timer_set(loop, &seen->timer[2], 20, on_c_stop, seen), BASE_OK);
    loop_timer_clear(loop, &seen->timer[0]);
    loop_timer_clear(loop, &seen->timer[0]);
    evloop_run(seen->loop);
    assert_string_equal(seen->order, "c");
    evloop_free(seen->loop);
}

static void test_a_timer_may_set_itself_again(void **state)
{
    (void)state;
    struct seen *seen = seen_new();
    assert_int_equal(loop_timer_set(evloop_loop(seen->loop), &seen->timer[0], 1, on_again, seen),
                     BASE_OK);
    evloop_run(seen->loop);
    assert_string_equal(seen->order, "ggg");
    evloop_free(seen->loop);
}

static void on_ready(void *user, int fd, unsigned events)
{
    struct seen *seen = user;
    assert_int_equal(events, LOOP_READ);
    char c;
    assert_int_equal(read(fd, &c, 1), 1);
    note(seen, c);
    if (c == 'z') {
        (void)loop_watch_set(evloop_loop(seen->loop), &seen->watch, fd, 0, NULL, NULL);
        evloop_stop(seen->loop);
    }
}

static void test_a_watch_is_level_triggered(void **state)
{
    (void)state;
    struct seen *seen = seen_new();
    assert_int_equal(pipe(seen->pipe), 0);
    assert_int_equal(write(seen->pipe[1], "xyz", 3), 3);
    assert_int_equal(loop_watch_set(evloop_loop(seen->loop), &seen->watch, seen->pipe[0], LOOP_READ,
                                    on_ready, seen),
                     BASE_OK);
    evloop_run(seen->loop);
    assert_string_equal(seen->order, "xyz");
    assert_null(seen->watch.impl);
    evloop_free(seen->loop);
    close(seen->pipe[0]);
    close(seen->pipe[1]);
}

static void on_deferred_once_more(void *user)
{
    struct seen *seen = user;
    note(seen, 'd');
    if (seen->count < 2)
        evloop_defer(seen->loop, &seen->deferred[0], on_deferred_once_more, seen);
    else
        evloop_stop(seen->loop);
}

static void on_queue_deferred(void *user)
{
    struct seen *seen = user;
    evloop_defer(seen->loop, &seen->deferred[0], on_deferred_once_more, seen);
    evloop_defer(seen->loop, &seen->deferred[0], on_deferred_once_more, seen);
    evloop_defer(seen->loop, &seen->deferred[1], on_b, seen);
    evloop_defer_cancel(seen->loop, &seen->deferred[1]);
    evloop_defer_cancel(seen->loop, &seen->deferred[1]);
}

static void test_deferred_work_runs_once_per_queueing(void **state)
{
    (void)state;
    struct seen *seen = seen_new();
    assert_true(loop_post(evloop_loop(seen->loop), on_queue_deferred, seen));
    evloop_run(seen->loop);
    assert_string_equal(seen->order, "dd");
    evloop_free(seen->loop);
}

enum { POSTERS = 4, POSTS_EACH = 5000 };

struct poster {
    struct loop *loop;
    _Atomic unsigned *ran;
    unsigned accepted;
};

static void on_count(void *user)
{
    atomic_fetch_add((_Atomic unsigned *)user, 1);
}

static void *poster_main(void *arg)
{
    struct poster *poster = arg;
    for (int i = 0; i < POSTS_EACH; i++)
        poster->accepted += loop_post(poster->loop, on_count, (void *)poster->ran);
    return NULL;
}

static void test_posts_from_many_threads_all_run(void **state)
{
    (void)state;
    struct evloop *loop;
    assert_int_equal(evloop_new("posts", &loop, NULL), BASE_OK);
    assert_int_equal(evloop_start(loop, NULL), BASE_OK);
    static _Atomic unsigned ran;
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.loop = evloop_loop(loop), .ran = &ran};
        assert_int_equal(pthread_create(&threads[i], NULL, poster_main, &posters[i]), 0);
    }
    unsigned accepted = 0;
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        accepted += posters[i].accepted;
    }
    evloop_stop(loop);
    evloop_join(loop);
    assert_int_equal(accepted, POSTERS * POSTS_EACH);
    assert_int_equal(atomic_load(&ran), accepted); /* also what was posted just before the stop */
    assert_false(loop_post(evloop_loop(loop), on_count, (void *)&ran));
    evloop_free(loop);
}

static void test_what_is_still_set_is_forgotten(void **state)
{
    (void)state;
    struct seen *seen = seen_new();
    assert_int_equal(loop_timer_set(evloop_loop(seen->loop), &seen->timer[0], 5, on_a, seen),
                     BASE_OK);
    assert_true(loop_post(evloop_loop(seen->loop), on_a, seen));
    evloop_free(seen->loop);
    assert_int_equal(seen->count, 0);
    evloop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order_and_move),
        cmocka_unit_test(test_a_cleared_timer_does_not_fire),
        cmocka_unit_test(test_a_timer_may_set_itself_again),
        cmocka_unit_test(test_a_watch_is_level_triggered),
        cmocka_unit_test(test_deferred_work_runs_once_per_queueing),
        cmocka_unit_test(test_posts_from_many_threads_all_run),
        cmocka_unit_test(test_what_is_still_set_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
