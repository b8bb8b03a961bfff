#include "gateway/local/resident_internal.h"

#include <stdlib.h>

static void stream_unref(struct target_stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) == 1)
        free(s);
}

/* ---- a stream, on its loop ---- */

static void deliver(struct target_stream *s, const struct chat_event *event)
{
    if (!s->silent)
        s->sink.on_event(s->sink.user, event);
}

static void on_inner_event(void *user, const struct chat_event *event)
{
    struct target_stream *s = user;
    struct chat_event copy = *event;
    copy.served_model = s->place->base.name; /* the target within may go before who reads this */
    deliver(s, &copy);
}

static void deliver_error(struct target_stream *s, const struct base_error *error)
{
    deliver(s,
            &(struct chat_event){.type = CHAT_EVENT_ERROR, .error = error, .retry_after_ms = -1});
}

static enum base_err begin(struct target_stream *s, struct target *inner, struct base_error *reterr)
{
    struct target_sink sink = {on_inner_event, s};
    s->inner_target = inner;
    enum base_err err = inner->ops->start(inner, &s->call, sink, &s->inner, reterr);
    if (!err && s->paused)
        inner->ops->pause(s->inner);
    return err;
}

/* The model is there, or not to be had; it stays as long as the stream is its user. */
static void on_ready(void *user)
{
    struct target_stream *s = user;
    struct residents *all = s->place->resident->all;
    struct base_error error = s->error;
    if (!s->silent) {
        loop_timer_clear(s->call.loop, &s->patience);
        pthread_mutex_lock(&all->lock);
        struct target *inner = s->place->inner;
        if (!inner && error.code == BASE_OK)
            error = s->place->error;
        pthread_mutex_unlock(&all->lock);
        if (!inner || begin(s, inner, &error))
            deliver_error(s, &error);
    }
    stream_unref(s);
}

void resident_wake_first(struct resident *r)
{
    struct target_stream *s = r->waiters;
    r->waiters = s->next;
    r->waiting--;
    s->listed = false;
    if (r->state == RESIDENT_FAILED)
        s->error = r->error;
    if (!loop_post(s->call.loop, on_ready, s))
        stream_unref(s); /* the loop has ended, and with it whoever waits */
}

/* Out of the list, if it is still there. */
static bool stop_waiting(struct target_stream *s)
{
    struct resident *r = s->place->resident;
    pthread_mutex_lock(&r->all->lock);
    bool was_listed = s->listed;
    struct target_stream **at = &r->waiters;
    while (was_listed && *at != s)
        at = &(*at)->next;
    if (was_listed) {
        *at = s->next;
        s->listed = false;
        r->waiting--;
    }
    pthread_mutex_unlock(&r->all->lock);
    if (was_listed)
        stream_unref(s);
    return was_listed;
}

static void on_patience(void *user)
{
    struct target_stream *s = user;
    struct base_error error;
    if (!stop_waiting(s))
        return; /* it is on its way */
    (void)base_error_set(&error, BASE_ERR_LOCAL_UNAVAILABLE,
                         "%.*s could not be loaded within %d s: other models are being loaded, or "
                         "are in use and take the memory (engine.memory)",
                         SLICE_ARG(s->place->resident->place.base.name), RESIDENT_WAIT_MS / 1000);
    deliver_error(s, &error);
}

/* ---- the target's operations ---- */

/* Under the lock. Where the request goes: to *ret_inner, or, NULL, among those that wait. */
static enum base_err enter(struct place *p, struct target_stream *s, struct target **ret_inner,
                           struct base_error *reterr)
{
    struct resident *r = p->resident;
    struct slice name = p->base.name;
    bool is_loaded = r->state == RESIDENT_LOADED;
    if (is_loaded && !r->stale && local_target_is_changed(r->place.inner))
        r->stale = true;
    *ret_inner = is_loaded && !r->stale ? p->inner : NULL;
    if (*ret_inner) {
        r->users++;
        return BASE_OK;
    }
    if (is_loaded && !r->stale)
        return base_error_set(reterr, BASE_ERR_LOCAL_UNAVAILABLE, "%s", p->error.message);
    if (r->state == RESIDENT_FAILED &&
        resident_now_ns() - r->failed_ns < RESIDENT_FAILED_MS * INT64_C(1000000))
        return base_error_set(reterr, BASE_ERR_LOCAL_UNAVAILABLE, "%s", r->error.message);
    if (r->waiting >= r->queue_max)
        return base_error_set(reterr, BASE_ERR_OVERLOADED,
                              "%.*s is being loaded, and %u requests wait for it already",
                              SLICE_ARG(name), r->waiting);
    if (!r->waiters)
        r->asked = ++r->all->asked;
    struct target_stream **at = &r->waiters;
    while (*at)
        at = &(*at)->next;
    *at = s;
    s->listed = true;
    r->waiting++;
    r->users++;
    atomic_fetch_add(&s->refs, 1);
    pthread_cond_signal(&r->all->wake);
    return BASE_OK;
}

static void leave(struct resident *r)
{
    pthread_mutex_lock(&r->all->lock);
    r->users--;
    r->used_ns = resident_now_ns();
    pthread_cond_signal(&r->all->wake);
    pthread_mutex_unlock(&r->all->lock);
}

static enum base_err resident_start(struct target *base, const struct target_call *call,
                                    struct target_sink sink, struct target_stream **ret_stream,
                                    struct base_error *reterr)
{
    struct place *p = resident_place(base);
    struct residents *all = p->resident->all;
    struct target *inner = NULL;
    struct target_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to start %.*s",
                              SLICE_ARG(base->name));
    *s = (struct target_stream){.place = p, .call = *call, .sink = sink};
    atomic_init(&s->refs, 1);
    pthread_mutex_lock(&all->lock);
    enum base_err err = enter(p, s, &inner, reterr);
    pthread_mutex_unlock(&all->lock);
    if (err) {
        stream_unref(s);
        return err;
    }
    if (inner)
        err = begin(s, inner, reterr);
    else
        err = loop_timer_set(call->loop, &s->patience, RESIDENT_WAIT_MS, on_patience, s);
    if (err) {
        s->silent = true;
        (void)stop_waiting(s);
        leave(p->resident);
        stream_unref(s);
        return err;
    }
    *ret_stream = s;
    return BASE_OK;
}

static void resident_pause(struct target_stream *s)
{
    s->paused = true;
    if (s->inner)
        s->inner_target->ops->pause(s->inner);
}

static void resident_resume(struct target_stream *s)
{
    s->paused = false;
    if (s->inner)
        s->inner_target->ops->resume(s->inner);
}

static void resident_cancel(struct target_stream *s)
{
    s->silent = true;
    loop_timer_clear(s->call.loop, &s->patience);
    (void)stop_waiting(s);
    if (s->inner)
        s->inner_target->ops->cancel(s->inner);
}

static void resident_usage(const struct target_stream *s, struct chat_usage *ret)
{
    *ret = CHAT_USAGE_UNKNOWN;
    if (s->inner)
        s->inner_target->ops->usage(s->inner, ret);
}

static void resident_release(struct target_stream *s)
{
    resident_cancel(s);
    if (s->inner)
        s->inner_target->ops->release(s->inner);
    leave(s->place->resident);
    stream_unref(s);
}

const struct target_ops resident_ops = {
    .start = resident_start,
    .pause = resident_pause,
    .resume = resident_resume,
    .cancel = resident_cancel,
    .usage = resident_usage,
    .release = resident_release,
};
