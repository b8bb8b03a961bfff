/*
 * Upstreams: the only way to the network for request content.
 *
 * An upstream is one provider or server of the configuration, with its replicas (URLs of the same
 * thing). Each of its models is a target (base/chat/target.h). A pool holds the connections of one
 * event loop. Nothing here chooses between targets; it does choose among the replicas of one.
 *
 *     // at load, once per `upstreams:` entry, on any thread
 *     struct upstream *up;
 *     err = upstream_new(&config, clock_system(), &up, &detail);
 *
 *     // per event loop, on its thread
 *     struct upstream_pool *pool;
 *     err = upstream_pool_new(loop, NULL, &pool, &detail);
 *     struct target *target;
 *     err = upstream_target_new(pool, up, model_index, &target, &detail);
 *
 *     // per attempt (gateway/dispatch)
 *     struct upstream_warnings warnings;
 *     err = upstream_write_body(target, request, inspection, arena, &body, &warnings, &detail);
 *     wish.destination = upstream_target_destination(target);
 *     err = policy_permit_new(&wish, &permit, &detail);       ... recorded in flight ...
 *     call.body = body; call.permit = permit;
 *     err = target->ops->start(target, &call, sink, &stream, &detail);   // the door checks both
 *     ... events ...
 *     upstream_stream_report(stream, &report);                           // for the attempt's row
 *     target->ops->release(stream);
 *
 *     // at the end, in this order
 *     upstream_target_free(target);  upstream_pool_free(pool);  upstream_unref(up);
 *
 * Threads: `struct upstream` may be shared by all threads (its facts are atomics, the rest is
 * immutable); a pool, its targets and their streams belong to their loop's thread.
 *
 * Ownership: upstream_new() copies everything it is given. A target keeps its upstream, and so does
 * a stream: a target may be freed while streams started from it still run, a pool may not.
 *
 * Reload: build new upstreams from the new configuration, hand the old ones to
 * upstream_inherit_facts(), free the old targets, drop the old references. What still runs keeps
 * its upstream, with the old key, until it is released.
 *
 * What is sent: a request is streamed from the upstream if and only if the client streams, so that
 * a request not streamed is answered by one body with one status, with usage, and never by half an
 * answer. `stream_options.include_usage` is always asked for when streaming (where the kind takes
 * it); whoever writes the answer out hides it again if the client did not ask.
 *
 * Never sent: a header made from the client's bytes. Never followed: a redirect, a proxy of the
 * environment, a content encoding. Never reused: a connection for other than its own scheme, host
 * and port.
 *
 * Deadlines: connect (name, TCP, TLS), first byte (from the request sent to the first content
 * event; not for a request that is not streamed, which has nothing to show before its end), idle
 * (between two content events; before the answer has begun it does not run, nor while paused),
 * total.
 *
 * Errors of start(), before any byte left: POLICY_VIOLATION (the door: no permit, or one for other
 * bytes, another destination, or expired), UPSTREAM_CONNECT (every replica's breaker is open),
 * OVERLOADED (max_concurrent reached), NO_MEMORY.
 *
 * Errors as events: the UPSTREAM_* codes; CONTEXT_LENGTH and UPSTREAM_REJECTED when the provider
 * refused this request; POLICY_VIOLATION when a name resolved to an address that is not allowed.
 * The message says which target, what happened, and which deadline fired; it never quotes the
 * provider's message, which may quote the prompt (only its error code, and the name of the
 * parameter).
 */
#ifndef UPSTREAMS_UPSTREAMS_H
#define UPSTREAMS_UPSTREAMS_H

#include "base/chat/target.h"
#include "base/core/arena.h"
#include "base/core/clock.h"
#include "policy/policy.h"

struct transport; /* upstreams/transport.h; tests only */
struct upstream;
struct upstream_pool;

/* ---- Kinds: providers as rows of a table --------------------------------------------------- */

/* Name of the kind with this index ("openai", "vllm", ...), or NULL past the last. For the schema.
 */
const char *upstream_kind_name(size_t index);
bool upstream_kind_known(struct slice name);
/* The URL used when the configuration gives none; absent when the kind has no such thing. */
struct slice upstream_kind_default_url(struct slice name);
/* The zone that the kind suggests: CLOUD for hosted providers, PREMISES for servers one runs. */
enum policy_zone upstream_kind_default_zone(struct slice name);
/* The environment variable usually holding its key ("OPENAI_API_KEY"), or NULL. For messages. */
const char *upstream_kind_key_env(struct slice name);

/* ---- Prices ---------------------------------------------------------------------------------- */

/* Nano-dollars per million tokens: 3 USD per million = 3000000000. -1 = no price known.
 * Free is 0, which is not the same as unknown. */
struct upstream_price_tier {
    int64_t above_input_tokens; /* holds when the whole input is larger than this; first tier: -1 */
    int64_t input;
    int64_t cache_read;     /* -1: as `input`; no price given means no discount given */
    int64_t cache_write_5m; /* -1 and tokens written: the cost is unknown */
    int64_t cache_write_1h; /* the same */
    int64_t input_audio;    /* the same */
    int64_t input_image;    /* -1: as `input` */
    int64_t output;
    int64_t reasoning;    /* -1: as `output`; providers bill thought as output */
    int64_t output_audio; /* -1 and audio made: the cost is unknown */
    int64_t rejected;     /* -1: as `output` */
};
#define UPSTREAM_PRICE_TIER_UNKNOWN                                                                \
    ((struct upstream_price_tier){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1})

struct upstream_prices {
    const struct upstream_price_tier *tiers; /* by rising above_input_tokens; one tier prices all */
    size_t tier_count;
    int64_t per_request_nano_usd; /* 0 = none */
    struct slice effective_date;  /* "2026-01-31": kept with each attempt, for re-rating */
};

/* What an attempt costs, in nano-dollars, or -1 when it cannot be known: no prices, input or output
 * tokens unknown, a bucket that has tokens and no price, or a sum past 63 bits. Never 0 for
 * unknown. Computed in 128 bits. *carry (NULL allowed; start at 0; 0 .. 999999) holds millionths of
 * a nano-dollar left over from the last call and is added in, so that many small attempts lose
 * nothing; it is untouched when the result is -1. `usage->reported_nano_usd` is not looked at: the
 * ledger keeps both and lets the reported one win. */
int64_t upstream_cost_nano_usd(const struct upstream_prices *prices, const struct chat_usage *usage,
                               int64_t *carry);

/* ---- Configuration ------------------------------------------------------------------------- */

struct upstream_header {
    struct slice name;
    struct slice value;
};

struct upstream_model_config {
    struct slice name;                    /* the target is "<upstream>/<name>" */
    struct slice upstream_name;           /* what is sent as "model"; absent = `name` */
    unsigned features;                    /* enum chat_need bits that it is equipped with */
    int64_t context_tokens;               /* 0 = unknown */
    const struct upstream_prices *prices; /* NULL = unknown */
};

/* Everything is borrowed for the duration of upstream_new(). */
struct upstream_config {
    struct slice name;
    struct slice kind;
    const struct slice *urls; /* replicas; none = the kind's default URL */
    size_t url_count;
    /* Secrets, already read; none = no authorisation header. Up to 4: the first that the provider
     * has not refused in the last minute is used (two keys make rotation possible without a gap).
     */
    const struct slice *keys;
    size_t key_count;
    const struct upstream_header *headers; /* fixed extra headers ("openai-organization") */
    size_t header_count;
    enum policy_zone zone;
    enum policy_level clearance;
    /* "10.0.0.0/8", "::1": addresses it may be reached at, checked at connect, after name
     * resolution. None given: an address written in the URL (and "localhost") is taken at its word;
     * a name must not resolve to link-local, multicast or unspecified addresses, nor, for zone
     * CLOUD, to loopback or private ones. */
    const struct slice *addresses;
    size_t address_count;
    struct slice ca_file; /* PEM to verify against, not the system's; absent = the system's */
    const struct upstream_model_config *models;
    size_t model_count;
    /* 0 = Hearth's default (10 s, 120 s, 60 s, 30 min). The stricter of these and a call's own
     * holds, so no request is without a deadline. */
    struct target_deadlines deadlines;
    int64_t max_concurrent;     /* streams at once, all threads together; 0 = no limit */
    int64_t max_response_bytes; /* 0 = 64 MiB */
};

/* Checks all of it: kind known, URLs (http or https, host, no user info, query or fragment; https
 * for zone CLOUD unless the host is loopback), keys and headers free of control characters, address
 * ranges, names unique and printable. BAD_CONFIG names the field in reterr->param ("urls[1]").
 * `clock` must outlive the upstream. */
enum base_err upstream_new(const struct upstream_config *config, const struct clock *clock,
                           struct upstream **ret_upstream, struct base_error *reterr) BASE_MUST_USE;
struct upstream *upstream_ref(struct upstream *upstream);
void upstream_unref(struct upstream *upstream); /* NULL allowed; the last one wipes the keys */

struct slice upstream_name(const struct upstream *upstream);
struct slice upstream_kind(const struct upstream *upstream);
enum policy_zone upstream_zone(const struct upstream *upstream);
enum policy_level upstream_clearance(const struct upstream *upstream);
size_t upstream_model_count(const struct upstream *upstream);

/* A model as configured; valid as long as the upstream. `model` < upstream_model_count(). */
struct upstream_model {
    struct slice target_name;   /* "openai/gpt-x" */
    struct slice name;          /* "gpt-x" */
    struct slice upstream_name; /* as sent */
    unsigned features;
    int64_t context_tokens;
    const struct upstream_prices *prices; /* NULL = unknown */
};
const struct upstream_model *upstream_model_at(const struct upstream *upstream, size_t model);

/* ---- Facts for the router, from any thread --------------------------------------------------- */

struct upstream_facts {
    bool healthy;                 /* some replica would be tried now */
    int64_t retry_after_ms;       /* when not healthy: until the first may be; else 0 */
    int64_t outstanding;          /* streams under way, all models and threads */
    int64_t max_concurrent;       /* 0 = no limit */
    int64_t first_token_ms;       /* of this model: moving average; -1 = nothing measured yet */
    int64_t tokens_per_s_milli;   /* of this model's streams: thousandths of a token a second; -1 */
    int64_t consecutive_failures; /* of the best replica */
};
void upstream_facts(const struct upstream *upstream, size_t model, struct upstream_facts *ret);

/* Takes over breaker states (of equal URLs), averages (of equal model names) from the upstream of
 * the same name before a reload. A key that was refused or out of quota gets a fresh chance. */
void upstream_inherit_facts(struct upstream *upstream, const struct upstream *before);

/* One replica, for status pages. False past the last. */
struct upstream_replica_facts {
    struct slice url; /* valid as long as the upstream */
    bool open;        /* the breaker lets nothing through now */
    int64_t retry_after_ms;
    int64_t outstanding;
    int64_t consecutive_failures;
};
bool upstream_replica_facts(const struct upstream *upstream, size_t replica,
                            struct upstream_replica_facts *ret);

/* ---- Pool and targets, on the loop's thread ---------------------------------------------------
 */

/* `transport` NULL = the network, through libcurl; tests give their own, which the pool then frees.
 */
enum base_err upstream_pool_new(struct loop *loop, struct transport *transport,
                                struct upstream_pool **ret_pool,
                                struct base_error *reterr) BASE_MUST_USE;
/* Closes all connections. Every stream must have been released. NULL allowed. */
void upstream_pool_free(struct upstream_pool *pool);

enum base_err upstream_target_new(struct upstream_pool *pool, struct upstream *upstream,
                                  size_t model, struct target **ret_target,
                                  struct base_error *reterr) BASE_MUST_USE;
void upstream_target_free(struct target *target); /* NULL allowed */
/* True for targets made by upstream_target_new(); the functions below take only those. */
bool upstream_is_target(const struct target *target);
struct upstream *upstream_target_upstream(const struct target *target); /* borrowed */
size_t upstream_target_model(const struct target *target);

/* What a permit names and the door compares: the target's name, its base URLs one a line, zone and
 * clearance. Valid as long as the target. */
struct policy_destination upstream_target_destination(const struct target *target);

/* What was changed or left out while writing a body, for x-hearth-warnings: "top_k: left out,
 * openai does not take it". ASCII, no values. In the arena given. */
struct upstream_warnings {
    const struct slice *items;
    size_t count;
};

/* Writes the body for this target from the request, in the provider's dialect, only through
 * policy's body builder: literals, the inspected request's own bytes, and the configured model name
 * (which must be among policy_config.own_strings, or the body counts as RESTRICTED). Unknown fields
 * of a Chat Completions request are kept as they came; numbers keep their text.
 *
 * A parameter that the kind cannot take is left out with a warning when it is a hint (user, seed,
 * penalties...), and UNSUPPORTED, with reterr->param, when the answer would be another one without
 * it (tools, n, response_format, images...). Also: what policy_body_finish() reports.
 *
 * *ret_body is the caller's: policy_body_free() after release() of the stream. */
enum base_err upstream_write_body(const struct target *target, const struct chat_request *request,
                                  const struct policy_inspection *inspection, struct arena *arena,
                                  struct policy_body **ret_body,
                                  struct upstream_warnings *ret_warnings,
                                  struct base_error *reterr) BASE_MUST_USE;

/* What an attempt's row needs. Callable from start() until release(), also after cancel(). Slices
 * are valid until release(). */
struct upstream_stream_report {
    struct slice url;                 /* of the replica */
    struct slice provider_request_id; /* its x-request-id, cleaned; absent = none */
    struct slice served_model;        /* the name in the answer; absent = none */
    int http_status;                  /* 0 = no answer came */
    int sends;              /* times the request was sent: 0, 1, or 2 after a stale connection */
    bool connection_reused; /* of the last send */
    int64_t sent_bytes;     /* of the body */
    int64_t received_bytes; /* of the answer's body */
    int64_t first_event_ms; /* start() to the first content event; -1 = none came */
    int64_t total_ms;       /* start() to the end, or until now */
};
void upstream_stream_report(const struct target_stream *stream, struct upstream_stream_report *ret);

#endif
