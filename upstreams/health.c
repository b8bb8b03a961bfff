#include "upstreams/internal.h"

enum { FAILURES_TO_OPEN = 3, DOUBLINGS_MAX = 6, EWMA_SHARE = 5, PACE_TOKENS_MIN = 8 };
static const int64_t open_first_ms = 1000;           /* then twice as long each time */
static const int64_t open_quota_ms = 10 * 60 * 1000; /* money does not come back within seconds */
static const int64_t open_auth_ms = 60 * 1000;
static const int64_t ms_in_ns = 1000000;

static int64_t now_of(const struct upstream *up)
{
    return clock_mono_ns(up->clock);
}

/* Between half of `ms` and all of it, so that many waiting callers do not return at once. */
static int64_t jitter(int64_t ms)
{
    uint32_t chance;
    const struct random_source *source = random_system();
    source->fill(source->self, &chance, sizeof(chance));
    return ms / 2 + (int64_t)(chance % (uint64_t)(ms / 2 + 1));
}

static size_t pick_key(struct upstream *up, int64_t now)
{
    for (size_t i = 0; i < up->key_count; i++)
        if (atomic_load(&up->keys[i].refused_until_ns) <= now)
            return i;
    return 0; /* all were refused: the breaker says when to try again */
}

enum try_state { TRY_CLOSED, TRY_PROBE, TRY_OPEN };

static enum try_state state_of(const struct upstream_replica *replica, int64_t now,
                               int64_t *ret_wait_ns)
{
    int64_t until = atomic_load(&replica->open_until_ns);
    if (until == 0)
        return TRY_CLOSED;
    *ret_wait_ns = until > now ? until - now : 0;
    return until > now || atomic_load(&replica->probing) ? TRY_OPEN : TRY_PROBE;
}

static bool take_probe(struct upstream *up, int64_t now, size_t *ret_replica)
{
    int64_t wait;
    for (size_t i = 0; i < up->replica_count; i++)
        if (state_of(&up->replicas[i], now, &wait) == TRY_PROBE &&
            !atomic_exchange(&up->replicas[i].probing, true)) {
            *ret_replica = i;
            return true;
        }
    return false;
}

static bool take_closed(struct upstream *up, int64_t now, size_t *ret_replica, int64_t *ret_wait_ns)
{
    size_t first = (size_t)(atomic_fetch_add(&up->turn, 1) % up->replica_count);
    int64_t least = INT64_MAX, soonest = INT64_MAX;
    for (size_t i = 0; i < up->replica_count; i++) {
        size_t at = (first + i) % up->replica_count;
        int64_t wait = 0;
        int64_t busy = atomic_load(&up->replicas[at].outstanding);
        if (state_of(&up->replicas[at], now, &wait) != TRY_CLOSED) {
            soonest = wait < soonest ? wait : soonest;
        } else if (busy < least) {
            least = busy;
            *ret_replica = at;
        }
    }
    *ret_wait_ns = soonest;
    return least != INT64_MAX;
}

enum base_err upstream_slot_take(struct upstream *up, struct upstream_slot *ret_slot,
                                 int64_t *ret_wait_ms)
{
    int64_t now = now_of(up), wait_ns = 0;
    size_t replica = 0;
    int64_t before = atomic_fetch_add(&up->outstanding, 1);
    if (up->max_concurrent > 0 && before >= up->max_concurrent) {
        atomic_fetch_sub(&up->outstanding, 1);
        return BASE_ERR_OVERLOADED;
    }
    if (!take_probe(up, now, &replica) && !take_closed(up, now, &replica, &wait_ns)) {
        atomic_fetch_sub(&up->outstanding, 1);
        *ret_wait_ms = (wait_ns + ms_in_ns - 1) / ms_in_ns;
        return BASE_ERR_UPSTREAM_CONNECT;
    }
    atomic_fetch_add(&up->replicas[replica].outstanding, 1);
    *ret_slot = (struct upstream_slot){.replica = replica, .key = pick_key(up, now)};
    return BASE_OK;
}

static void open_for(struct upstream *up, struct upstream_replica *replica, int64_t ms)
{
    atomic_store(&replica->open_until_ns, now_of(up) + (ms > 0 ? ms : 1) * ms_in_ns);
}

static int64_t backoff_ms(int64_t times)
{
    if (times > DOUBLINGS_MAX)
        times = DOUBLINGS_MAX;
    return jitter(open_first_ms << times);
}

/* This key will not do for a while. When no other is left, neither will the provider. */
static void refuse_key(struct upstream *up, const struct upstream_slot *slot, int64_t ms)
{
    int64_t now = now_of(up);
    if (slot->key < up->key_count)
        atomic_store(&up->keys[slot->key].refused_until_ns, now + ms * ms_in_ns);
    for (size_t i = 0; i < up->key_count; i++)
        if (atomic_load(&up->keys[i].refused_until_ns) <= now)
            return;
    for (size_t i = 0; i < up->replica_count; i++)
        open_for(up, &up->replicas[i], ms);
}

static void note_failure(struct upstream *up, struct upstream_replica *replica,
                         int64_t retry_after_ms, bool at_once)
{
    bool was_probe = atomic_load(&replica->open_until_ns) != 0;
    int64_t failures = atomic_fetch_add(&replica->failures, 1) + 1;
    if (retry_after_ms > 0)
        open_for(up, replica, retry_after_ms);
    else if (at_once || was_probe || failures >= FAILURES_TO_OPEN)
        open_for(up, replica,
                 backoff_ms(failures > FAILURES_TO_OPEN ? failures - FAILURES_TO_OPEN : 0));
}

static void note_success(struct upstream_replica *replica)
{
    atomic_store(&replica->failures, 0);
    atomic_store(&replica->open_until_ns, 0);
}

void upstream_slot_give(struct upstream *up, const struct upstream_slot *slot, enum base_err err,
                        int64_t retry_after_ms)
{
    struct upstream_replica *replica = &up->replicas[slot->replica];
    switch (err) {
    case BASE_ERR_CANCELLED:
        break;
    case BASE_ERR_OK:
    case BASE_ERR_CONTEXT_LENGTH:
    case BASE_ERR_UPSTREAM_REJECTED: /* it works; the request was at fault */
        note_success(replica);
        break;
    case BASE_ERR_UPSTREAM_AUTH:
        refuse_key(up, slot, open_auth_ms);
        break;
    case BASE_ERR_UPSTREAM_QUOTA:
        refuse_key(up, slot, open_quota_ms);
        break;
    case BASE_ERR_UPSTREAM_RATE_LIMIT:
        note_failure(up, replica, retry_after_ms, true);
        break;
    default:
        if (base_err_info(err)->class == BASE_ERR_CLASS_UPSTREAM ||
            err == BASE_ERR_POLICY_VIOLATION)
            note_failure(up, replica, retry_after_ms, false);
        break;
    }
    atomic_store(&replica->probing, false);
    atomic_fetch_sub(&replica->outstanding, 1);
    atomic_fetch_sub(&up->outstanding, 1);
}

/* Two threads at once may lose one of two samples, which an average can bear. */
static void average(_Atomic int64_t *value, int64_t sample)
{
    int64_t old = atomic_load(value);
    atomic_store(value, old < 0 ? sample : old + (sample - old) / EWMA_SHARE);
}

void upstream_model_measured(struct upstream *up, size_t model, int64_t first_token_ns,
                             int64_t tokens, int64_t stream_ns)
{
    struct upstream_model_state *state = &up->models[model];
    if (first_token_ns >= 0)
        average(&state->first_token_us, first_token_ns / 1000);
    if (tokens >= PACE_TOKENS_MIN && tokens < INT32_MAX && stream_ns > ms_in_ns)
        average(&state->tokens_per_s_milli, (int64_t)((double)tokens * 1e12 / (double)stream_ns));
}

void upstream_facts(const struct upstream *up, size_t model, struct upstream_facts *ret)
{
    const struct upstream_model_state *state = &up->models[model];
    int64_t now = now_of(up), soonest = INT64_MAX, fewest = INT64_MAX;
    int64_t first_us = atomic_load(&state->first_token_us);
    *ret = (struct upstream_facts){
        .outstanding = atomic_load(&up->outstanding),
        .max_concurrent = up->max_concurrent,
        .first_token_ms = first_us < 0 ? -1 : first_us / 1000,
        .tokens_per_s_milli = atomic_load(&state->tokens_per_s_milli),
    };
    for (size_t i = 0; i < up->replica_count; i++) {
        int64_t wait = 0, failures = atomic_load(&up->replicas[i].failures);
        if (state_of(&up->replicas[i], now, &wait) != TRY_OPEN)
            ret->healthy = true;
        soonest = wait < soonest ? wait : soonest;
        fewest = failures < fewest ? failures : fewest;
    }
    ret->consecutive_failures = fewest;
    if (!ret->healthy) /* 0: a probe is under way, whose outcome is not known yet */
        ret->retry_after_ms = soonest > 0 ? (soonest + ms_in_ns - 1) / ms_in_ns : open_first_ms;
}

bool upstream_replica_facts(const struct upstream *up, size_t index,
                            struct upstream_replica_facts *ret)
{
    if (index >= up->replica_count)
        return false;
    const struct upstream_replica *replica = &up->replicas[index];
    int64_t wait = 0;
    bool open = state_of(replica, now_of(up), &wait) == TRY_OPEN;
    *ret = (struct upstream_replica_facts){
        .url = replica->base,
        .open = open,
        .retry_after_ms = open ? (wait + ms_in_ns - 1) / ms_in_ns : 0,
        .outstanding = atomic_load(&replica->outstanding),
        .consecutive_failures = atomic_load(&replica->failures),
    };
    return true;
}

static void inherit_replica(struct upstream_replica *replica, const struct upstream *before)
{
    for (size_t i = 0; i < before->replica_count; i++) {
        const struct upstream_replica *old = &before->replicas[i];
        int64_t failures = atomic_load(&old->failures);
        if (!slice_eq(old->base, replica->base) || failures == 0)
            continue; /* opened for a refused key only: the new keys get their chance */
        atomic_store(&replica->failures, failures);
        atomic_store(&replica->open_until_ns, atomic_load(&old->open_until_ns));
    }
}

void upstream_inherit_facts(struct upstream *up, const struct upstream *before)
{
    for (size_t i = 0; i < up->replica_count; i++)
        inherit_replica(&up->replicas[i], before);
    for (size_t i = 0; i < up->model_count; i++)
        for (size_t j = 0; j < before->model_count; j++) {
            const struct upstream_model_state *old = &before->models[j];
            if (!slice_eq(old->model.name, up->models[i].model.name))
                continue;
            atomic_store(&up->models[i].first_token_us, atomic_load(&old->first_token_us));
            atomic_store(&up->models[i].tokens_per_s_milli, atomic_load(&old->tokens_per_s_milli));
        }
}
