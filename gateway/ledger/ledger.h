/*
 * The ledger: what every request cost, how long it took and why it went where it went.
 *
 *     err = ledger_open(&options, &ledger, &detail);      // serve has locked the state folder
 *     ...
 *     err = ledger_attempt_begin(ledger, &attempt, &ticket, &detail);  // before the first byte
 *     ledger_attempt_sending(ledger, ticket);             // the door lets the bytes go
 *     ledger_attempt_end(ledger, ticket, &attempt);       // with status, usage, cost
 *     ledger_request_end(ledger, &request);               // once per request, always
 *     ...
 *     ledger_close(ledger);                               // writes all that is queued
 *
 * One writer thread owns the one SQLite connection that writes and checkpoints (Debian 12's SQLite
 * can corrupt a WAL that two connections checkpoint). Rows arrive over a bounded queue and are
 * committed in groups; the callers never wait for the disk.
 *
 * Evidence before bytes: ledger_attempt_begin() puts the attempt into a memory-mapped table before
 * it returns (a process that is killed leaves it there; with `audit_strict` it is synced to the
 * disk as well). A slot is free again only after the attempt's row is committed. What ledger_open()
 * finds in the table becomes attempt rows: `not_sent` when the bytes were never let go, else
 * `unknown` with unknown cost. When the machine itself went down in between, all of them are
 * `unknown`: nobody knows what the disk missed.
 *
 * Audit: for each attempt that is recorded, each refusal, and each policy that takes effect, a
 * record of the audit chain (policy.h) is written in the same transaction as the row it speaks of:
 * both are there or none, also after a crash. The chain goes on over restarts and months. Nothing
 * changes or deletes a record. What the chain cannot show by itself, that it was cut at its end, is
 * told by the file ledger/audit.head, and by whoever keeps a mark (number and hash) elsewhere.
 *
 * Never in the ledger: prompts, answers, keys, values of findings. Unknown numbers are NULL, never
 * 0. Money is nano-dollars.
 *
 * Threads: begin, sending, end and request_end from any thread; they copy what they are given.
 * Errors: ledger_attempt_begin() fails with OVERLOADED when the table is full, IO when `strict` and
 * the writer cannot write (disk full, read-only): then the request must not be sent. Without
 * `strict` rows wait in memory and an alarm is raised (ledger_stats), and serving goes on until
 * the table is full of attempts that wait; an attempt without evidence is never made. Request rows
 * beyond the queue's bound are lost and counted.
 */
#ifndef GATEWAY_LEDGER_LEDGER_H
#define GATEWAY_LEDGER_LEDGER_H

#include "base/chat/event.h"
#include "base/core/buffer.h"
#include "base/core/clock.h"
#include "base/core/error.h"
#include "base/core/slice.h"
#include "policy/policy.h"

struct ledger;

struct ledger_options {
    const char *state_dir; /* the ledger lies in state_dir/ledger/YYYY-MM.db, the table beside it */
    bool strict;           /* no new work while rows cannot be written */
    bool audit_strict;     /* the in-flight table is synced before a byte leaves */
    size_t queue_max;      /* rows waiting for the writer; 0 = 65536 */
    uint32_t inflight_max; /* attempts at once; 0 = 16384 */
    const struct clock *clock;
};

enum base_err ledger_open(const struct ledger_options *options, struct ledger **ret_ledger,
                          struct base_error *reterr) BASE_MUST_USE;
void ledger_close(struct ledger *ledger); /* NULL allowed */

enum ledger_status {
    LEDGER_STATUS_OK,
    LEDGER_STATUS_ERROR,       /* `err` says which */
    LEDGER_STATUS_CLIENT_GONE, /* the client left; what was used until then is charged */
    LEDGER_STATUS_CANCELLED,   /* we stopped it (another attempt won, shutdown) */
    LEDGER_STATUS_REFUSED,     /* request only: nobody may serve it */
    LEDGER_STATUS_NOT_SENT,    /* attempt only: recorded, but no byte left */
    LEDGER_STATUS_UNKNOWN,     /* the process died while it was under way */
    LEDGER_STATUS_COUNT
};
const char *ledger_status_name(enum ledger_status status); /* "ok", "error"... */

/* Where a cost comes from. */
enum ledger_cost_source {
    LEDGER_COST_UNKNOWN,
    LEDGER_COST_COMPUTED, /* usage times price table */
    LEDGER_COST_REPORTED, /* by the provider; wins over a computed one */
    LEDGER_COST_LOCAL     /* seconds of this machine times its price */
};

/* One try at one target. Slices borrowed for the call. Times: wall for `start_wall_ns`, the rest
 * durations in milliseconds or microseconds, -1 = unknown. */
struct ledger_attempt {
    struct slice request_id;
    uint32_t number;   /* 0, 1, ... within the request */
    struct slice step; /* pipeline step; absent = none */
    struct slice target;
    struct slice upstream_url;        /* of the replica; absent for the engine */
    struct slice provider_request_id; /* absent = none */
    struct slice served_model;        /* the name in the answer */
    enum policy_zone zone;
    enum policy_level level, clearance;
    struct slice findings, rules; /* for the audit; as in a request. Not known after a crash */
    int64_t start_wall_ns;
    int64_t ttft_ms, total_ms;
    enum ledger_status status;
    enum base_err err; /* OK unless status is ERROR */
    int http_status;   /* of the provider; 0 = none */
    struct chat_usage usage;
    int64_t cost_nano_usd; /* -1 = unknown */
    enum ledger_cost_source cost_source;
    struct slice price_date;    /* of the price table; absent = none */
    const uint8_t *body_sha256; /* 32 bytes of what left; NULL for the engine */
    int64_t body_bytes;
    const uint8_t *policy_hash; /* 32 bytes; NULL = none */
    int sends; /* times the bytes left: 2 after a kept connection that was stale; -1 = unknown */
};

/* One request of a client. */
struct ledger_request {
    struct slice id;
    struct slice tenant, key_id; /* absent = none */
    struct slice session;        /* absent = none */
    struct slice dialect;        /* "chat" */
    struct slice model;          /* asked for */
    struct slice route;
    struct slice target;   /* that answered; absent = none did */
    int zone;              /* enum policy_zone, or -1 */
    int level;             /* enum policy_level, or -1 when it was never labelled */
    struct slice findings; /* types: "credit_card,email" */
    struct slice rules;    /* names that matched: "contracts-stay,..." */
    double complexity;     /* -1 = not scored */
    bool unknown;          /* the scorer had nothing to go by */
    struct slice task, scorer_version;
    bool stream;
    int64_t start_wall_ns;
    int64_t ttft_ms, total_ms;
    int64_t overhead_us; /* in Hearth, without waiting for targets and client; -1 = unknown */
    enum ledger_status status;
    int http_status; /* that the client saw; 0 = none */
    enum base_err err;
    uint32_t attempts;
    struct chat_usage usage; /* of the answer */
    int64_t cost_nano_usd;   /* of all attempts together; -1 when one of them is unknown */
    /* What the dearest target that was able was expected to cost, less what this one was; -1 =
     * unknown. */
    int64_t cost_avoided_nano_usd;
    struct slice facts; /* router_facts_write_changes() against `facts_base`: replayed by `hearth
                           explain --verify`; absent = none */
    struct slice facts_base; /* the name given to ledger_facts_base(); absent = facts are whole */
    struct slice decision;   /* router_decision_write() */
    const uint8_t *policy_hash;
};

struct ledger_ticket {
    uint32_t slot;
    uint64_t generation; /* 0 = no ticket */
};

enum base_err ledger_attempt_begin(struct ledger *ledger, const struct ledger_attempt *attempt,
                                   struct ledger_ticket *ret_ticket,
                                   struct base_error *reterr) BASE_MUST_USE;
void ledger_attempt_sending(struct ledger *ledger, struct ledger_ticket ticket);
void ledger_attempt_end(struct ledger *ledger, struct ledger_ticket ticket,
                        const struct ledger_attempt *attempt);
void ledger_request_end(struct ledger *ledger, const struct ledger_request *request);

/* What the facts of many requests have in common, stored once in each month's file. `name` is a
 * digest of `facts` (at most 64 bytes); both are copied. The latest LEDGER_BASES_MAX of them are
 * kept for the months to come. Before the first row that names it. NO_MEMORY. */
enum { LEDGER_BASES_MAX = 64 };
enum base_err ledger_facts_base(struct ledger *ledger, struct slice name,
                                struct slice facts) BASE_MUST_USE;

/* A decision that is no row: a permit refused while others were tried, a policy in force. Copied,
 * but for `number`, which the chain gives. Any thread. */
void ledger_audit(struct ledger *ledger, const struct policy_audit_record *record);

/* Waits until everything handed over so far is committed (tests, shutdown). False after
 * `timeout_ms`. */
bool ledger_flush(struct ledger *ledger, int64_t timeout_ms);

struct ledger_stats {
    uint64_t rows_written, rows_waiting, rows_lost;
    uint64_t inflight;
    uint64_t recovered;     /* leftovers found at open */
    int64_t last_commit_us; /* how long the last commit took */
    bool failing;           /* the last write failed */
};
void ledger_stats(const struct ledger *ledger, struct ledger_stats *ret);

/* ---- reading, beside a running Hearth or without one (read-only connection) ---- */

struct ledger_reader;
enum base_err ledger_reader_open(const char *state_dir, struct ledger_reader **ret_reader,
                                 struct base_error *reterr) BASE_MUST_USE;
void ledger_reader_close(struct ledger_reader *reader);

enum ledger_group {
    LEDGER_GROUP_TARGET,
    LEDGER_GROUP_TENANT,
    LEDGER_GROUP_ROUTE,
    LEDGER_GROUP_TASK,
    LEDGER_GROUP_LEVEL,
    LEDGER_GROUP_DAY,
    LEDGER_GROUP_COUNT
};

struct ledger_report_options {
    enum ledger_group by;
    int64_t since_wall_ns, until_wall_ns; /* 0 = open */
    bool json;                            /* one JSON object; otherwise a table for people */
};
/* Requests, errors, tokens, cost, cost avoided, share that stayed home, latency (p50, p95), per
 * group and in all. */
enum base_err ledger_report(struct ledger_reader *reader,
                            const struct ledger_report_options *options, struct buffer *out,
                            struct base_error *reterr) BASE_MUST_USE;

/* The request and its attempts as one JSON object, {"request":{...},"attempts":[...]}, where
 * `facts_base` is the stored facts themselves; a prefix of the id of at least 8 characters is
 * enough when it is unique. NOT_FOUND, BAD_VALUE (ambiguous). */
enum base_err ledger_show(struct ledger_reader *reader, struct slice id, struct buffer *out,
                          struct base_error *reterr) BASE_MUST_USE;

/* ---- audit ---- */

/* A place in the chain: after this record it had this hash. */
struct ledger_audit_mark {
    uint64_t number;
    uint8_t hash[POLICY_HASH_BYTES];
};
/* "NUMBER:HEX" */
bool ledger_audit_mark_parse(struct slice text, struct ledger_audit_mark *ret);
void ledger_audit_hex(const uint8_t hash[POLICY_HASH_BYTES], char out[2 * POLICY_HASH_BYTES + 1]);

/* One record, as it stands there. Valid during the call. */
struct ledger_audit_entry {
    struct slice record; /* the JSON text that was hashed */
    uint64_t number;
    int64_t wall_ns;
    struct slice kind, request_id, level, clearance, findings, rules, destination, zone;
    struct slice body_sha256, policy_hash; /* in hexadecimal */
    int64_t attempt, bytes, sends;         /* sends -1 = unknown */
};

struct ledger_audit_options {
    const struct ledger_audit_mark *expected; /* must be part of the chain; NULL = none */
    /* Called for every record, in order, also behind a fault. Anything but OK ends it. May be
     * NULL. */
    enum base_err (*on_record)(void *user, const struct ledger_audit_entry *entry,
                               struct base_error *reterr);
    void *user;
};

struct ledger_audit_summary {
    uint64_t records;
    uint64_t first;                /* number of the first one that is here */
    struct ledger_audit_mark last; /* to be kept elsewhere */
    uint64_t faults;               /* 0 = the chain is whole */
    uint64_t fault_at;             /* number of the first record that is changed, missing... */
    char fault[480];               /* what is wrong with it */
};

/* Goes along the whole chain, months in order; compares each record with its hash, with the one
 * before it, with the attempt it speaks of, and the end with audit.head. A fault is not an error.
 * May run beside a Hearth that writes. Errors: IO, BAD_FILE (no database), NO_MEMORY. */
enum base_err ledger_audit_read(struct ledger_reader *reader,
                                const struct ledger_audit_options *options,
                                struct ledger_audit_summary *ret_summary,
                                struct base_error *reterr) BASE_MUST_USE;

#endif
