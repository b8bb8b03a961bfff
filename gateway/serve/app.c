#include "gateway/serve/app.h"

#include <stdlib.h>

int64_t app_date_ns(const struct app *app)
{
    return clock_date_ns(app->clock, &app->start);
}

struct snapshot *app_newest(struct app *app)
{
    pthread_mutex_lock(&app->newest_lock);
    struct snapshot *ret = snapshot_ref(app->newest);
    pthread_mutex_unlock(&app->newest_lock);
    return ret;
}

enum base_err view_new(struct worker *worker, struct snapshot *snapshot, struct view **ret_view,
                       struct base_error *reterr)
{
    struct view *view = calloc(1, sizeof(*view));
    if (!view)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a worker's view");
    view->refs = 1;
    view->worker = worker;
    view->snapshot = snapshot_ref(snapshot);
    view->targets = calloc(snapshot->target_count + 1, sizeof(view->targets[0]));
    view->price_carry = calloc(snapshot->target_count + 1, sizeof(view->price_carry[0]));
    enum base_err err =
        view->targets && view->price_carry
            ? BASE_OK
            : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a worker's view");
    for (size_t i = 0; !err && i < snapshot->target_count; i++) {
        const struct snapshot_target *t = &snapshot->targets[i];
        if (t->local)
            view->targets[i] = t->local;
        else
            err =
                upstream_target_new(worker->pool, t->upstream, t->model, &view->targets[i], reterr);
    }
    if (err) {
        view_unref(view);
        return err;
    }
    *ret_view = view;
    return BASE_OK;
}

struct view *view_ref(struct view *view)
{
    view->refs++;
    return view;
}

void view_unref(struct view *view)
{
    if (!view || --view->refs > 0)
        return;
    for (size_t i = 0; view->targets && i < view->snapshot->target_count; i++)
        if (!view->snapshot->targets[i].local)
            upstream_target_free(view->targets[i]);
    free(view->targets);
    free(view->price_carry);
    snapshot_unref(view->snapshot);
    free(view);
}

/* ---- what is left when the loops have ended ---- */

void app_post(struct app *app, struct loop *loop, loop_fn fn, void *user)
{
    if (loop_post(loop, fn, user))
        return;
    struct app_left *left = malloc(sizeof(*left));
    if (!left)
        return; /* the process is ending: a row less */
    pthread_mutex_lock(&app->left_lock);
    *left = (struct app_left){app->left, fn, user};
    app->left = left;
    pthread_mutex_unlock(&app->left_lock);
}

void app_run_left(struct app *app)
{
    while (app->left) {
        struct app_left *left = app->left;
        app->left = left->next;
        left->fn(left->user);
        free(left);
    }
}

void app_audit_policy(struct app *app, const struct snapshot *snapshot)
{
    struct policy_audit_record record = {
        .kind = POLICY_AUDIT_POLICY,
        .wall_ns = clock_wall_ns(app->clock),
        .level = POLICY_LEVEL_COUNT,
        .clearance = POLICY_LEVEL_COUNT,
        .zone = POLICY_ZONE_COUNT,
        .policy_hash = policy_hash(snapshot->policy),
    };
    ledger_audit(app->ledger, &record);
}
