/* A long prompt is read on a work thread, once for all its answers, from a copy of the request; a
 * short one at once. The demo model answers. */
#include "tests/unit/unit.h"

#include "gateway/api/chat_parse.h"
#include "gateway/local/local.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { CONTEXT = 16384, POSTS = 4096, LONG = 16000, TOO_LONG = 90000, MANY = 2 };

/* --- A loop, and work threads that wait for the test --- */

struct posted {
    loop_fn fn;
    void *user;
};

static struct world {
    struct loop loop;
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct posted posts[POSTS];
    size_t count;
    struct posted work[8];
    size_t work_count;
    bool full; /* no work is taken */
    struct target *target;
} world;

static bool post(struct loop *loop, loop_fn fn, void *user)
{
    (void)loop;
    pthread_mutex_lock(&world.lock);
    assert_true(world.count < POSTS);
    world.posts[world.count++] = (struct posted){fn, user};
    pthread_cond_signal(&world.came);
    pthread_mutex_unlock(&world.lock);
    return true;
}

static bool submit_work(void *self, loop_fn fn, void *user)
{
    (void)self;
    if (!world.full)
        world.work[world.work_count++] = (struct posted){fn, user};
    return !world.full;
}

/* What was posted so far, after something was. */
static void turn(void)
{
    struct posted now[64];
    pthread_mutex_lock(&world.lock);
    while (world.count == 0)
        pthread_cond_wait(&world.came, &world.lock);
    size_t n = world.count < 64 ? world.count : 64;
    memcpy(now, world.posts, n * sizeof(now[0]));
    world.count -= n;
    memmove(world.posts, world.posts + n, world.count * sizeof(now[0]));
    pthread_mutex_unlock(&world.lock);
    for (size_t i = 0; i < n; i++)
        now[i].fn(now[i].user);
}

static void *do_work(void *user)
{
    struct posted *work = user;
    struct timespec nap = {.tv_nsec = 20000000};
    nanosleep(&nap, NULL);
    work->fn(work->user);
    return NULL;
}

/* --- A request --- */

struct asked {
    struct arena *arena;
    char *body;
    const struct chat_request *request;
    struct target_stream *stream;
    char text[MANY][4096];
    size_t len[MANY];
    int started, finished, done;
    int64_t input;
    struct base_error error;
};

static void on_event(void *user, const struct chat_event *event)
{
    struct asked *a = user;
    a->started += event->type == CHAT_EVENT_STARTED;
    a->finished += event->type == CHAT_EVENT_FINISHED;
    a->done += event->type == CHAT_EVENT_DONE;
    if (event->type == CHAT_EVENT_TEXT) {
        assert_true(a->len[event->choice] + event->text.len < sizeof(a->text[0]));
        memcpy(a->text[event->choice] + a->len[event->choice], event->text.ptr, event->text.len);
        a->len[event->choice] += event->text.len;
    }
    if (event->type == CHAT_EVENT_USAGE)
        a->input = chat_usage_input_total(&event->usage);
    if (event->type == CHAT_EVENT_ERROR)
        a->error = *event->error;
}

static void make_request(struct asked *a, size_t words_bytes, const char *more)
{
    static const char words[] = "The coffee was great and the soup was cold. ";
    *a = (struct asked){.arena = arena_new(64 << 20), .body = malloc(words_bytes + 512)};
    assert_true(a->arena && a->body);
    struct buffer body;
    buffer_init(&body, words_bytes + 512);
    buffer_addf(&body,
                "{\"model\":\"demo\",\"n\":%d,%s\"temperature\":0,\"max_tokens\":12,"
                "\"stop\":[\"qqq\"],\"messages\":[{\"role\":\"user\",\"content\":\"",
                MANY, more);
    for (size_t i = 0; i < words_bytes; i++)
        buffer_add_char(&body, words[i % (sizeof(words) - 1)]);
    buffer_add_str(&body, "\"}]}");
    assert_int_equal(body.err, BASE_OK);
    size_t len = buffer_len(&body);
    memcpy(a->body, buffer_slice(&body).ptr, len);
    a->body[len] = '\0';
    buffer_done(&body);
    const struct json_node *root;
    struct base_error detail;
    assert_int_equal(
        json_parse(slice_of(a->body, len), &json_limits_request, a->arena, &root, &detail),
        BASE_OK);
    if (api_chat_parse(root, a->arena, &a->request, &detail))
        fail_msg("%s", detail.message);
}

static void start(struct asked *a, bool with_work)
{
    struct base_error detail;
    struct target_call call = {.loop = &world.loop, .request = a->request};
    if (with_work)
        call.work.submit = submit_work;
    world.work_count = 0;
    if (world.target->ops->start(world.target, &call, (struct target_sink){on_event, a}, &a->stream,
                                 &detail))
        fail_msg("%s", detail.message);
}

static void wait_end(struct asked *a)
{
    while (!a->done && !a->error.code)
        turn();
}

/* As if the request had ended: nothing may look at it any more. */
static void spoil(struct asked *a)
{
    memset(a->body, 'x', strlen(a->body));
    arena_free(a->arena);
    a->arena = NULL;
}

static void end(struct asked *a)
{
    world.target->ops->release(a->stream);
    arena_free(a->arena);
    free(a->body);
}

/* --- Tests --- */

static int set_up(void **state)
{
    static const struct loop_ops ops = {.post = post};
    struct local_options options = {.name = SLICE("demo"),
                                    .path = getenv("HEARTH_DEMO"),
                                    .context = CONTEXT,
                                    .sequences = MANY,
                                    .threads = 1};
    struct base_error detail;
    (void)state;
    world.loop.ops = &ops;
    pthread_mutex_init(&world.lock, NULL);
    pthread_cond_init(&world.came, NULL);
    if (local_target_new(&options, &world.target, &detail))
        fail_msg("%s", detail.message);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    local_target_free(world.target);
    while (world.count > 0)
        turn();
    return 0;
}

static void test_short_prompt_at_once(void **state)
{
    (void)state;
    struct asked a;
    make_request(&a, 200, "");
    start(&a, true);
    assert_int_equal(world.work_count, 0);
    wait_end(&a);
    assert_int_equal(a.finished, MANY);
    end(&a);
}

static void test_long_prompt_elsewhere(void **state)
{
    (void)state;
    struct asked here, there;
    make_request(&here, LONG, "");
    start(&here, false); /* there are no work threads */
    wait_end(&here);
    assert_int_equal(here.finished, MANY);
    assert_true(here.input > 1000);
    make_request(&there, LONG, "");
    start(&there, true);
    assert_int_equal(world.work_count, 1); /* once for both answers */
    assert_int_equal(there.started, 0);
    do_work(&world.work[0]);
    wait_end(&there);
    assert_int_equal(there.done, 1);
    assert_int_equal(there.started, 1);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(there.len[i], here.len[i]);
        assert_memory_equal(there.text[i], here.text[i], here.len[i]);
    }
    end(&there);
    make_request(&there, LONG, "");
    world.full = true;
    start(&there, true); /* then here */
    world.full = false;
    assert_int_equal(world.work_count, 0);
    wait_end(&there);
    assert_int_equal(there.done, 1);
    assert_memory_equal(there.text[0], here.text[0], here.len[0]);
    end(&there);
    end(&here);
}

/* Breakers are looked for in every token. */
static void test_dry_elsewhere(void **state)
{
    (void)state;
    static const char *const more[] = {
        "\"dry_multiplier\":1,", "\"dry_multiplier\":1,\"dry_sequence_breakers\":[\"e\",\"o\"],"};
    for (size_t i = 0; i < 2; i++) {
        struct asked here, there;
        make_request(&here, 200, more[i]);
        start(&here, false);
        wait_end(&here);
        make_request(&there, 200, more[i]);
        start(&there, true);
        assert_int_equal(world.work_count, 1);
        do_work(&world.work[0]);
        wait_end(&there);
        assert_int_equal(there.finished, MANY);
        assert_int_equal(there.len[0], here.len[0]);
        assert_memory_equal(there.text[0], here.text[0], here.len[0]);
        end(&there);
        end(&here);
    }
}

static void test_too_long_ends_the_stream(void **state)
{
    (void)state;
    struct asked a;
    make_request(&a, TOO_LONG, "");
    start(&a, true);
    assert_int_equal(world.work_count, 1);
    do_work(&world.work[0]);
    wait_end(&a);
    assert_int_equal(a.error.code, BASE_ERR_CONTEXT_LENGTH);
    assert_int_equal(a.started, 0);
    end(&a);
}

/* The client leaves while its prompt is read, and the model, too. */
static void test_released_meanwhile(void **state)
{
    struct asked a;
    pthread_t thread;
    make_request(&a, LONG, "");
    start(&a, true);
    assert_int_equal(world.work_count, 1);
    spoil(&a);
    assert_int_equal(pthread_create(&thread, NULL, do_work, &world.work[0]), 0);
    end(&a);
    local_target_free(world.target); /* waits for the work */
    turn();
    pthread_join(thread, NULL);
    assert_int_equal(a.started + a.done, 0);
    assert_int_equal(a.error.code, BASE_OK);
    set_up(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_prompt_at_once),
        cmocka_unit_test(test_long_prompt_elsewhere),
        cmocka_unit_test(test_dry_elsewhere),
        cmocka_unit_test(test_too_long_ends_the_stream),
        cmocka_unit_test(test_released_meanwhile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
