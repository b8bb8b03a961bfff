#include "gateway/loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/core/log.h"

/* Delays that many timers share: libevent keeps each such group in a list instead of the heap. */
static const int64_t common_ms[] = {EVLOOP_BEAT_MS, 5000, 10000, 15000, 60000, 75000};
enum {
    COMMON_COUNT = sizeof(common_ms) / sizeof(common_ms[0]),
    NODES_KEPT = 1024,
    ROUNDS_MAX = 8, /* of the end of a turn, before descriptors are looked at again */
    LAST_TURNS = 16
};

/* A timer or a watch while it is set; the owner's `impl` points here. */
struct node {
    struct event ev;
    struct node *next; /* in the list of free nodes or of used ones */
    struct node **at;  /* what points to this one in the list of used ones */
    struct evloop *loop;
    union {
        struct loop_timer *timer;
        struct loop_watch *watch;
    } owner;
    union {
        loop_fn timer;
        loop_watch_fn watch;
    } fn;
    void *user;
    int fd;
    unsigned events;
    struct evloop_deferred soon; /* a timer without delay: queued here, unknown to libevent */
};

struct post {
    struct post *next;
    loop_fn fn;
    void *user;
};

struct evloop {
    struct loop loop; /* first: struct loop * and struct evloop * convert */
    struct event_base *base;
    struct event *wake;
    struct event *beat;
    int wake_fd;
    _Atomic(struct post *) posts; /* newest first; CLOSED once nothing will run any more */
    _Atomic bool stopping;
    _Atomic int64_t beat_ns;
    const struct timeval *common[COMMON_COUNT];
    struct node *nodes_used;
    struct node *nodes_free;
    unsigned nodes_free_count;
    struct evloop_deferred *deferred;
    struct evloop_deferred **deferred_tail;
    loop_fn at_end;
    void *at_end_user;
    pthread_t thread;
    bool has_thread;
    char name[16];
};

static struct post closed_mark;
#define CLOSED (&closed_mark)

static _Thread_local struct evloop *current;

static struct evloop *from_loop(struct loop *loop)
{
    return (struct evloop *)loop;
}

struct loop *evloop_loop(struct evloop *loop)
{
    return &loop->loop;
}

struct event_base *evloop_base(struct evloop *loop)
{
    return loop->base;
}

struct evloop *evloop_current(void)
{
    return current;
}

int64_t evloop_beat_ns(const struct evloop *loop)
{
    return atomic_load_explicit(&loop->beat_ns, memory_order_relaxed);
}

/* ---- timers and watches ---- */

static struct node *node_take(struct evloop *loop)
{
    struct node *node = loop->nodes_free;
    if (node) {
        loop->nodes_free = node->next;
        loop->nodes_free_count--;
    } else {
        node = malloc(sizeof(*node));
        if (!node)
            return NULL;
    }
    node->loop = loop;
    node->soon = (struct evloop_deferred){0};
    node->next = loop->nodes_used;
    if (node->next)
        node->next->at = &node->next;
    node->at = &loop->nodes_used;
    loop->nodes_used = node;
    return node;
}

/* The event is deleted already; libevent no longer looks at it. */
static void node_give(struct evloop *loop, struct node *node)
{
    *node->at = node->next;
    if (node->next)
        node->next->at = node->at;
    if (loop->nodes_free_count >= NODES_KEPT) {
        free(node);
        return;
    }
    node->next = loop->nodes_free;
    loop->nodes_free = node;
    loop->nodes_free_count++;
}

static void fire(void *arg)
{
    struct node *node = arg;
    loop_fn fn = node->fn.timer;
    void *user = node->user;
    node->owner.timer->impl = NULL;
    node_give(node->loop, node);
    fn(user);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd, (void)events;
    fire(arg);
}

/* Takes a timer out of wherever it waits. */
static void unset(struct node *node)
{
    if (node->soon.at)
        evloop_defer_cancel(node->loop, &node->soon);
    else
        (void)event_del(&node->ev);
}

static const struct timeval *timer_delay(struct evloop *loop, int64_t delay_ms, struct timeval *tv)
{
    for (size_t i = 0; i < COMMON_COUNT; i++)
        if (common_ms[i] == delay_ms && loop->common[i])
            return loop->common[i];
    tv->tv_sec = (time_t)(delay_ms / 1000);
    tv->tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
    return tv;
}

static enum base_err timer_set(struct loop *base, struct loop_timer *timer, int64_t delay_ms,
                               loop_fn on_fire, void *user)
{
    struct evloop *loop = from_loop(base);
    struct node *node = timer->impl;
    if (!node) {
        node = node_take(loop);
        if (!node)
            return BASE_ERR_NO_MEMORY;
        event_assign(&node->ev, loop->base, -1, 0, on_timer, node);
        node->owner.timer = timer;
    }
    node->fn.timer = on_fire;
    node->user = user;
    if (delay_ms <= 0) { /* at the end of this turn: no system call, no place in the heap */
        if (!node->soon.at)
            (void)event_del(&node->ev);
        evloop_defer(loop, &node->soon, fire, node);
        timer->impl = node;
        return BASE_OK;
    }
    evloop_defer_cancel(loop, &node->soon);
    struct timeval tv;
    if (event_add(&node->ev, timer_delay(loop, delay_ms, &tv))) {
        (void)event_del(&node->ev);
        node_give(loop, node);
        timer->impl = NULL;
        return BASE_ERR_NO_MEMORY;
    }
    timer->impl = node;
    return BASE_OK;
}

static void timer_clear(struct loop *base, struct loop_timer *timer)
{
    struct node *node = timer->impl;
    if (!node)
        return;
    timer->impl = NULL;
    unset(node);
    node_give(from_loop(base), node);
}

static void on_watch(evutil_socket_t fd, short events, void *arg)
{
    struct node *node = arg;
    unsigned ready = (events & EV_READ ? LOOP_READ : 0u) | (events & EV_WRITE ? LOOP_WRITE : 0u);
    node->fn.watch(node->user, fd, ready);
}

static enum base_err watch_set(struct loop *base, struct loop_watch *watch, int fd, unsigned events,
                               loop_watch_fn on_ready, void *user)
{
    struct evloop *loop = from_loop(base);
    struct node *node = watch->impl;
    if (node && node->fd == fd && node->events == events) {
        node->fn.watch = on_ready;
        node->user = user;
        return BASE_OK;
    }
    if (node) {
        (void)event_del(&node->ev);
        if (events == 0) {
            watch->impl = NULL;
            node_give(loop, node);
        }
    }
    if (events == 0)
        return BASE_OK;
    if (!node) {
        node = node_take(loop);
        if (!node)
            return BASE_ERR_NO_MEMORY;
    }
    short wanted = (short)(EV_PERSIST | (events & LOOP_READ ? EV_READ : 0) |
                           (events & LOOP_WRITE ? EV_WRITE : 0));
    node->owner.watch = watch;
    node->fn.watch = on_ready;
    node->user = user;
    node->fd = fd;
    node->events = events;
    watch->impl = node;
    event_assign(&node->ev, loop->base, fd, wanted, on_watch, node);
    if (event_add(&node->ev, NULL)) {
        watch->impl = NULL;
        node_give(loop, node);
        return BASE_ERR_IO;
    }
    return BASE_OK;
}

/* ---- from other threads ---- */

static void wake(struct evloop *loop)
{
    uint64_t one = 1;
    ssize_t put = write(loop->wake_fd, &one, sizeof(one));
    (void)put; /* fails only when it would overflow: then the loop is awake anyway */
}

static bool post(struct loop *base, loop_fn fn, void *user)
{
    struct evloop *loop = from_loop(base);
    struct post *item = malloc(sizeof(*item));
    if (!item)
        return false;
    item->fn = fn;
    item->user = user;
    struct post *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    do {
        if (head == CLOSED) {
            free(item);
            return false;
        }
        item->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posts, &head, item, memory_order_acq_rel,
                                                    memory_order_relaxed));
    /* Otherwise whoever came first has woken the loop, or it is us, and looks before it waits. */
    if (!head && current != loop)
        wake(loop);
    return true;
}

/* Runs what was posted, oldest first; `next_head` is what the list becomes. */
static void run_posts(struct evloop *loop, struct post *next_head)
{
    struct post *item = atomic_exchange_explicit(&loop->posts, next_head, memory_order_acq_rel);
    struct post *oldest = NULL;
    while (item) {
        struct post *next = item->next;
        item->next = oldest;
        oldest = item;
        item = next;
    }
    while (oldest) {
        struct post *next = oldest->next;
        oldest->fn(oldest->user);
        free(oldest);
        oldest = next;
    }
}

/* What was posted is run at the end of the turn. */
static void on_wake(evutil_socket_t fd, short events, void *arg)
{
    (void)events, (void)arg;
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    (void)got;
}

static const struct loop_ops ops = {
    .timer_set = timer_set, .timer_clear = timer_clear, .watch = watch_set, .post = post};

/* ---- the end of a turn ---- */

void evloop_defer(struct evloop *loop, struct evloop_deferred *node, loop_fn fn, void *user)
{
    if (node->at)
        return;
    node->fn = fn;
    node->user = user;
    node->next = NULL;
    node->at = loop->deferred_tail;
    *loop->deferred_tail = node;
    loop->deferred_tail = &node->next;
}

void evloop_defer_cancel(struct evloop *loop, struct evloop_deferred *node)
{
    if (!node->at)
        return;
    *node->at = node->next;
    if (node->next)
        node->next->at = node->at;
    else
        loop->deferred_tail = node->at;
    node->at = NULL;
    node->next = NULL;
}

/* Runs what is queued now; what these queue stays for the next round. */
static void run_deferred(struct evloop *loop)
{
    struct evloop_deferred end = {0};
    evloop_defer(loop, &end, NULL, NULL);
    while (loop->deferred != &end) {
        struct evloop_deferred *node = loop->deferred;
        evloop_defer_cancel(loop, node);
        node->fn(node->user);
    }
    evloop_defer_cancel(loop, &end);
}

void evloop_at_end(struct evloop *loop, loop_fn fn, void *user)
{
    loop->at_end = fn;
    loop->at_end_user = user;
}

static void take_beat(struct evloop *loop)
{
    atomic_store_explicit(&loop->beat_ns, loop_now_ns(&loop->loop), memory_order_relaxed);
}

static void on_beat(evutil_socket_t fd, short events, void *arg)
{
    (void)fd, (void)events, (void)arg; /* the turn itself counts */
}

static bool has_work(const struct evloop *loop)
{
    return loop->deferred || atomic_load_explicit(&loop->posts, memory_order_acquire);
}

void evloop_run(struct evloop *loop)
{
    current = loop;
    while (!atomic_load_explicit(&loop->stopping, memory_order_acquire)) {
        int flags = EVLOOP_ONCE | (has_work(loop) ? EVLOOP_NONBLOCK : 0);
        if (event_base_loop(loop->base, flags) < 0)
            break;
        for (int i = 0; i < ROUNDS_MAX && has_work(loop); i++) {
            run_posts(loop, NULL);
            run_deferred(loop);
        }
        take_beat(loop);
    }
    run_posts(loop, CLOSED);
    if (loop->at_end)
        loop->at_end(loop->at_end_user);
    for (int i = 0; loop->deferred && i < LAST_TURNS; i++)
        run_deferred(loop);
    current = NULL;
}

static void *thread_main(void *arg)
{
    evloop_run(arg);
    return NULL;
}

enum base_err evloop_start(struct evloop *loop, struct base_error *reterr)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&loop->thread, NULL, thread_main, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return base_error_set(reterr, BASE_ERR_IO, "cannot make the thread %s: %s", loop->name,
                              strerror(rc));
    loop->has_thread = true;
    (void)pthread_setname_np(loop->thread, loop->name);
    return BASE_OK;
}

void evloop_stop(struct evloop *loop)
{
    atomic_store_explicit(&loop->stopping, true, memory_order_release);
    wake(loop);
}

void evloop_join(struct evloop *loop)
{
    if (loop->has_thread)
        (void)pthread_join(loop->thread, NULL);
    loop->has_thread = false;
}

/* ---- making and freeing ---- */

static void free_nodes(struct node *node)
{
    while (node) {
        struct node *next = node->next;
        free(node);
        node = next;
    }
}

void evloop_free(struct evloop *loop)
{
    if (!loop)
        return;
    struct post *left = atomic_exchange(&loop->posts, CLOSED);
    while (left && left != CLOSED) { /* never ran: the loop was not started */
        struct post *next = left->next;
        free(left);
        left = next;
    }
    if (loop->wake)
        event_free(loop->wake);
    if (loop->beat)
        event_free(loop->beat);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    free_nodes(loop->nodes_used);
    free_nodes(loop->nodes_free);
    free(loop);
}

static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_require_features(config, EV_FEATURE_ET);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static bool add_own_events(struct evloop *loop)
{
    struct timeval beat = {EVLOOP_BEAT_MS / 1000, EVLOOP_BEAT_MS % 1000 * 1000};
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    loop->beat = event_new(loop->base, -1, EV_PERSIST, on_beat, loop);
    return loop->wake && loop->beat && !event_add(loop->wake, NULL) &&
           !event_add(loop->beat, &beat);
}

/* libevent's own complaints, which would go to the standard error bare. */
static void on_libevent_log(int severity, const char *message)
{
    log_event(severity == EVENT_LOG_ERR ? LOG_ERROR : LOG_DEBUG, "libevent",
              LOG_STR("message", message), LOG_END);
}

static void take_libevent_log(void)
{
    event_set_log_callback(on_libevent_log);
}

enum base_err evloop_new(const char *name, struct evloop **ret_loop, struct base_error *reterr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, take_libevent_log);
    struct evloop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the event loop %s", name);
    loop->loop.ops = &ops;
    loop->loop.clock = clock_system();
    loop->deferred_tail = &loop->deferred;
    (void)snprintf(loop->name, sizeof(loop->name), "%.15s", name);
    take_beat(loop);
    errno = 0;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->base = loop->wake_fd < 0 ? NULL : make_base();
    if (!loop->base || !add_own_events(loop)) {
        int problem = errno ? errno : ENOMEM;
        evloop_free(loop);
        return base_error_set(reterr, problem == ENOMEM ? BASE_ERR_NO_MEMORY : BASE_ERR_IO,
                              "cannot make the event loop %s: %s", name, strerror(problem));
    }
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        struct timeval tv = {(time_t)(common_ms[i] / 1000),
                             (suseconds_t)(common_ms[i] % 1000 * 1000)};
        loop->common[i] = event_base_init_common_timeout(loop->base, &tv);
    }
    *ret_loop = loop;
    return BASE_OK;
}
