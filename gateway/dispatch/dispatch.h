/*
 * Dispatch: the attempts of one request, in the order that the router gave.
 *
 *     err = dispatch_start(&options, &dispatch, &detail);
 *     ... sink.on_event(): content, FINISHED, USAGE, then one DONE or ERROR
 *     dispatch_release(dispatch, LEDGER_STATUS_CANCELLED, &totals);
 *
 * Each attempt has its own body, permit and evidence in the ledger, recorded before its first byte
 * leaves. The next target is tried only before the first content event, and only when another
 * target could do better (it is down, full, too small...), never because it refused what was asked.
 * The last candidate is tried a second time, after a pause, when it failed before answering.
 *
 * Threads: the loop's. on_event never comes before dispatch_start() has returned.
 * dispatch_release() may be called from anywhere, also inside on_event; it cancels what still runs,
 * and that attempt's row gets the status that the caller gives. Ownership: plan and request id must
 * live until release() has returned; what must outlive it (streams that are closed on the next turn
 * of the loop) is not touched by dispatch any more.
 */
#ifndef GATEWAY_DISPATCH_DISPATCH_H
#define GATEWAY_DISPATCH_DISPATCH_H

#include "gateway/dispatch/plan.h"
#include "gateway/serve/app.h"

struct dispatch;

struct dispatch_options {
    struct view *view;       /* a reference is taken */
    const struct plan *plan; /* chosen, outcome OK */
    struct slice request_id;
    struct slice step;      /* of a pipeline; absent = none */
    uint32_t first_attempt; /* number of the first attempt: how many earlier steps have made */
    struct target_sink sink;
    /* The last call of all, after release: what plan and request live in may go now. Not before
     * dispatch_release() has been called; perhaps inside it, perhaps on a later turn of the
     * loop. */
    void (*on_end)(void *user);
    void *end_user;
};

enum base_err dispatch_start(const struct dispatch_options *options, struct dispatch **ret_dispatch,
                             struct base_error *reterr) BASE_MUST_USE;
void dispatch_pause(struct dispatch *dispatch);
void dispatch_resume(struct dispatch *dispatch);

/* The sums so far; complete after DONE, ERROR or release. */
struct dispatch_totals {
    size_t target; /* index of the latest attempt's target; SIZE_MAX = none was tried */
    uint32_t attempts;
    int64_t cost_nano_usd;        /* of all attempts; -1 when one of them is unknown */
    struct chat_usage usage;      /* of the latest */
    int64_t retry_after_ms;       /* with ERROR: what the target asked for; -1 = nothing */
    const struct slice *warnings; /* parameters changed or left out by the latest attempt */
    size_t warning_count;
};
#define DISPATCH_TOTALS_NONE                                                                       \
    ((struct dispatch_totals){                                                                     \
        .target = SIZE_MAX, .usage = CHAT_USAGE_UNKNOWN, .retry_after_ms = -1})
const struct dispatch_totals *dispatch_totals(const struct dispatch *dispatch);

/* `why`: status of an attempt that is still under way (CLIENT_GONE, CANCELLED). *ret_totals gets
 * the final sums, without warnings (NULL allowed). `dispatch` NULL is allowed. */
void dispatch_release(struct dispatch *dispatch, enum ledger_status why,
                      struct dispatch_totals *ret_totals);

#endif
