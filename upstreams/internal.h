/*
 * What the files of upstreams/ share: kinds, the inside of an upstream, its health, and addresses.
 * See upstreams.h for the words and for threads.
 */
#ifndef UPSTREAMS_INTERNAL_H
#define UPSTREAMS_INTERNAL_H

#include "upstreams/upstreams.h"

#include <stdatomic.h>

struct sockaddr;

/* ---- Kinds (kinds.c) ---- */

/* Parameters of a request that not every kind takes. X(NAME, "name", refused without it?) */
#define UPSTREAM_PARAMS(X)                                                                         \
    X(TEMPERATURE, "temperature", false)                                                           \
    X(TOP_P, "top_p", false)                                                                       \
    X(TOP_K, "top_k", false)                                                                       \
    X(MIN_P, "min_p", false)                                                                       \
    X(FREQUENCY_PENALTY, "frequency_penalty", false)                                               \
    X(PRESENCE_PENALTY, "presence_penalty", false)                                                 \
    X(REPETITION_PENALTY, "repetition_penalty", false)                                             \
    X(SEED, "seed", false)                                                                         \
    X(MAX_TOKENS, "max_tokens", true)                                                              \
    X(N, "n", true)                                                                                \
    X(STOP, "stop", true)                                                                          \
    X(LOGPROBS, "logprobs", true)                                                                  \
    X(LOGIT_BIAS, "logit_bias", true)                                                              \
    X(RESPONSE_FORMAT, "response_format", true)                                                    \
    X(EFFORT, "reasoning_effort", false)                                                           \
    X(THINKING_BUDGET, "thinking_budget", false)                                                   \
    X(TOOLS, "tools", true)                                                                        \
    X(TOOL_CHOICE, "tool_choice", true)                                                            \
    X(PARALLEL_TOOLS, "parallel_tool_calls", false)                                                \
    X(USER, "user", false)                                                                         \
    X(METADATA, "metadata", false)

enum upstream_param {
#define X(name, text, refused) UPSTREAM_PARAM_##name,
    UPSTREAM_PARAMS(X)
#undef X
        UPSTREAM_PARAM_COUNT
};

/* A provider that speaks Chat Completions, as data. */
struct upstream_kind {
    const char *name;
    const char *url;     /* NULL = must be configured */
    const char *key_env; /* NULL = usually none */
    enum policy_zone zone;
    const char *auth_name;   /* header that carries the key */
    const char *auth_prefix; /* before the key */
    struct slice max_tokens; /* what it calls these parameters */
    struct slice repetition_penalty;
    struct slice seed;
    struct slice tool_required; /* tool_choice: some tool must be called */
    uint32_t lacks;             /* 1 << enum upstream_param that it does not take */
    bool developer_role;        /* else sent as system */
    bool media_urls;            /* images by URL, not only inline */
    bool reasoning_back;        /* wants earlier thought back in reasoning_content */
    bool stream_options;        /* takes stream_options.include_usage */
    bool cost;                  /* tells the cost when asked by usage.include */
    const char *cloud_suffix;   /* models that leave the machine although the server is local */
};
const struct upstream_kind *upstream_kind_find(struct slice name); /* NULL = unknown */

/* ---- Addresses (address.c) ---- */

/* A range; IPv4 as ::ffff:a.b.c.d. */
struct address_range {
    uint8_t bytes[16];
    int bits;
};
/* "10.0.0.0/8", "10.1.2.3", "fd00::/8". */
bool address_range_parse(struct slice text, struct address_range *ret);

struct address_policy {
    const struct address_range *ranges;
    size_t range_count;
    bool literal; /* the URL names an address, or localhost */
    bool cloud;
};
/* As upstream_config.addresses says. */
bool address_allowed(const struct address_policy *policy, const struct sockaddr *address);

/* The parts of "http://host:port/path"; false for anything that two parsers could read differently.
 */
struct address_url {
    bool https;
    struct slice host; /* without brackets */
    bool is_literal;   /* an IP address or localhost */
    bool is_loopback;  /* 127.0.0.0/8, ::1 or localhost */
    int port;          /* 0 = the scheme's */
    struct slice path; /* "" or "/v1", without a final slash */
};
bool address_url_parse(struct slice url, struct address_url *ret);

/* ---- An upstream (config.c) ---- */

enum { UPSTREAM_KEYS_MAX = 4, UPSTREAM_URLS_MAX = 64, UPSTREAM_MODELS_MAX = 1024 };

struct upstream_replica {
    struct slice base; /* as configured, without a final slash */
    struct slice url;  /* base + path of the call; NUL-terminated */
    struct address_policy addresses;
    /* Breaker: closed while open_until_ns is 0; open before that time; then one probe at a time. */
    _Atomic int64_t open_until_ns;
    _Atomic int64_t failures; /* one after another */
    _Atomic int64_t outstanding;
    atomic_bool probing;
};

struct upstream_key {
    char *value; /* header value, owned; wiped before it is freed */
    size_t len;
    _Atomic int64_t refused_until_ns;
};

struct upstream_model_state {
    struct upstream_model model;
    struct slice destination;           /* policy_destination.id */
    _Atomic int64_t first_token_us;     /* averages; -1 = none */
    _Atomic int64_t tokens_per_s_milli; /* the same */
};

struct upstream {
    atomic_int refs;
    struct arena *arena; /* everything below but the keys */
    const struct clock *clock;
    const struct upstream_kind *kind;
    struct slice name;
    enum policy_zone zone;
    enum policy_level clearance;
    struct upstream_replica *replicas;
    size_t replica_count;
    struct upstream_key keys[UPSTREAM_KEYS_MAX];
    size_t key_count;
    const struct upstream_header *headers;
    size_t header_count;
    const char *ca_file; /* NULL = the system's */
    struct upstream_model_state *models;
    size_t model_count;
    struct target_deadlines deadlines; /* none is 0 */
    int64_t max_concurrent;
    size_t max_response_bytes;
    _Atomic int64_t outstanding;
    _Atomic uint64_t turn; /* breaks ties between replicas */
};

/* ---- Health (health.c); any thread ---- */

struct upstream_slot {
    size_t replica;
    size_t key; /* index; key_count when there are none */
};
/* Takes a place on the least busy replica that may be tried, or on one due for a probe.
 * OVERLOADED, UPSTREAM_CONNECT (all open; *ret_wait_ms until the first may be tried). */
enum base_err upstream_slot_take(struct upstream *upstream, struct upstream_slot *ret_slot,
                                 int64_t *ret_wait_ms);
/* Gives it back with the outcome of the attempt. `err` CANCELLED teaches nothing. */
void upstream_slot_give(struct upstream *upstream, const struct upstream_slot *slot,
                        enum base_err err, int64_t retry_after_ms);
/* New figures for the averages. `tokens` -1 = unknown. */
void upstream_model_measured(struct upstream *upstream, size_t model, int64_t first_token_ns,
                             int64_t tokens, int64_t stream_ns);

/* ---- Targets (stream.c) and bodies (openai_body.c) ---- */

struct upstream_target {
    struct target base;
    struct upstream_pool *pool;
    struct upstream *upstream;
    size_t model;
};

#endif
