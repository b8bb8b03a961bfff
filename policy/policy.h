/*
 * Policy: what may be seen by whom.
 *
 * A request is inspected once; every byte of it then has a level, found again by the byte's
 * address. What leaves is written by a policy_body, which looks up the level of each piece it is
 * given, so that the level of the whole cannot be passed wrongly by hand. A permit ties such a body
 * to one destination; the door refuses bytes without one.
 *
 *     err = policy_new(&config, &policy, &detail);                        // at load; gateway owns
 * it
 *
 *     digests = policy_memory_digests(memory, tenant, request, arena);    // NULL without a memory
 *     context.remembered = policy_memory_lookup(memory, digests, now);
 *     err = policy_inspect(policy, request, &context, arena, &seen, &detail); // once a request
 *     policy_inspection_raise(seen, level of the rules that matched);
 *     policy_inspection_level(seen);                                      // what the router
 * compares err = policy_memory_remember(memory, digests, seen, now);           // before any answer
 * goes out
 *
 *     err = policy_body_new(seen, max_bytes, &body);                      // an adapter, once an
 * attempt policy_body_open_object(body); policy_body_key(body, "model");
 *     policy_body_own_string(body, target_model);
 *     policy_body_key(body, "messages"); ... policy_body_string(body, part->text); ...
 *     policy_body_close_object(body);
 *     err = policy_body_finish(body, &detail);
 *
 *     err = policy_permit_new(&wish, &permit, &detail);                   // dispatch, once an
 * attempt err = policy_permit_check(permit, bytes, destination, now, &detail); // the door, before
 * it sends
 *
 *     err = policy_memory_remember_answer(memory, digests, seen, text, calls, now); // when the
 * answer is whole
 *
 * Pure: no I/O and no clock in here (times are parameters); what must be kept goes to callbacks.
 * Fails closed: an error means that nothing may leave; what was not inspected has the level that
 * the policy gives to uninspected content; a byte that was never visited is RESTRICTED. No function
 * writes a matched value, or any other byte of a request, into an error. Threads: a struct policy,
 * a matcher and a finished inspection, body or permit are immutable and may be used from any
 * thread; building one belongs to one thread at a time. The memory may be shared.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/chat/chat.h"
#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/core/slice.h"
#include "policy/level.h"

#define POLICY_HASH_BYTES 32 /* SHA-256 */

/* --- Words --- */

/* "public", "internal", "confidential", "restricted". */
const char *policy_level_name(enum policy_level level);
/* False unless `name` is exactly one of them; *ret untouched then. */
bool policy_level_parse(struct slice name, enum policy_level *ret);

/* "device", "premises", "cloud". */
const char *policy_zone_name(enum policy_zone zone);
bool policy_zone_parse(struct slice name, enum policy_zone *ret);
/* Cloud INTERNAL, premises CONFIDENTIAL, device RESTRICTED. */
enum policy_level policy_zone_default_clearance(enum policy_zone zone);

/* "Private" means: above INTERNAL. */
static inline bool policy_level_is_private(enum policy_level level)
{
    return level > POLICY_LEVEL_INTERNAL;
}

/* Groups of finding types, as bits; a type may be in several. */
enum policy_group {
    POLICY_GROUP_PII = 1 << 0,
    POLICY_GROUP_SECRETS = 1 << 1,
    POLICY_GROUP_FINANCIAL = 1 << 2,
    POLICY_GROUP_HEALTH = 1 << 3,
    POLICY_GROUP_CONTEXT = 1 << 4 /* means little alone: names, places, dates */
};

/*
 * X(name, config name, groups, default level)
 * The names of scan output and data sets are the first; configuration, headers and ledger use the
 * second. CUSTOM stands for the dictionaries and patterns of configuration, which have names of
 * their own.
 */
#define POLICY_FINDINGS(X)                                                                         \
    X(CREDIT_CARD, "credit_card", POLICY_GROUP_PII | POLICY_GROUP_FINANCIAL, CONFIDENTIAL)         \
    X(IBAN, "iban", POLICY_GROUP_PII | POLICY_GROUP_FINANCIAL, CONFIDENTIAL)                       \
    X(BANK_ACCOUNT, "bank_account", POLICY_GROUP_PII | POLICY_GROUP_FINANCIAL, CONFIDENTIAL)       \
    X(CRYPTO_WALLET, "crypto_wallet", POLICY_GROUP_PII | POLICY_GROUP_FINANCIAL, CONFIDENTIAL)     \
    X(SSN, "ssn", POLICY_GROUP_PII, CONFIDENTIAL)                                                  \
    X(NATIONAL_ID, "national_id", POLICY_GROUP_PII, CONFIDENTIAL)                                  \
    X(TAX_ID, "tax_id", POLICY_GROUP_PII, CONFIDENTIAL)                                            \
    X(DRIVER_LICENSE, "driver_license", POLICY_GROUP_PII, CONFIDENTIAL)                            \
    X(PASSPORT, "passport", POLICY_GROUP_PII, CONFIDENTIAL)                                        \
    X(MEDICAL_ID, "medical_id", POLICY_GROUP_PII | POLICY_GROUP_HEALTH, RESTRICTED)                \
    X(VEHICLE_ID, "vehicle_id", POLICY_GROUP_PII, CONFIDENTIAL)                                    \
    X(EMAIL, "email", POLICY_GROUP_PII, CONFIDENTIAL)                                              \
    X(PHONE, "phone", POLICY_GROUP_PII, CONFIDENTIAL)                                              \
    X(ADDRESS, "address", POLICY_GROUP_PII, CONFIDENTIAL)                                          \
    X(IP_ADDRESS, "ip_address", POLICY_GROUP_PII, CONFIDENTIAL)                                    \
    X(MAC_ADDRESS, "mac_address", POLICY_GROUP_PII, CONFIDENTIAL)                                  \
    X(DOB, "dob", POLICY_GROUP_PII, CONFIDENTIAL)                                                  \
    X(SECRET, "secret", POLICY_GROUP_SECRETS, RESTRICTED)                                          \
    X(CONFIDENTIAL, "confidential", 0, CONFIDENTIAL)                                               \
    X(HEALTH, "health", POLICY_GROUP_HEALTH, RESTRICTED)                                           \
    X(PERSON, "person", POLICY_GROUP_PII | POLICY_GROUP_CONTEXT, INTERNAL)                         \
    X(ORGANIZATION, "organization", POLICY_GROUP_CONTEXT, INTERNAL)                                \
    X(LOCATION, "location", POLICY_GROUP_CONTEXT, INTERNAL)                                        \
    X(DATE_TIME, "date_time", POLICY_GROUP_CONTEXT, INTERNAL)                                      \
    X(AGE, "age", POLICY_GROUP_CONTEXT, INTERNAL)                                                  \
    X(NRP, "nrp", POLICY_GROUP_CONTEXT, INTERNAL)                                                  \
    X(TITLE, "title", POLICY_GROUP_CONTEXT, INTERNAL)                                              \
    X(URL, "url", POLICY_GROUP_CONTEXT, INTERNAL)                                                  \
    X(ZIP_CODE, "zip_code", POLICY_GROUP_CONTEXT, INTERNAL)                                        \
    X(CUSTOM, "custom", 0, CONFIDENTIAL)                                                           \
    X(UNINSPECTED, "uninspected", 0, CONFIDENTIAL)

enum policy_finding_type {
#define X(name, lower, groups, level) POLICY_FINDING_##name,
    POLICY_FINDINGS(X)
#undef X
        POLICY_FINDING_COUNT
};

const char *policy_finding_name(enum policy_finding_type type);        /* "CREDIT_CARD" */
const char *policy_finding_config_name(enum policy_finding_type type); /* "credit_card" */
unsigned policy_finding_groups(enum policy_finding_type type);
/* False for types that are words of configuration and data sets, but that no built-in detector
 * looks for in this version: giving them a level has no effect, and `hearth check` says so. */
bool policy_finding_is_detected(enum policy_finding_type type);

/* A set of types, one bit each: `1 << type`. */
typedef uint64_t policy_types;
/* A type's config name or a group ("pii", "secrets", "financial", "health"); 0 when unknown.
 * For rules (`when: {finding: pii}`) and for level settings. */
policy_types policy_types_parse(struct slice name);

/* --- Configuration and snapshot --- */

/* Words compared without regard to case, as whole words, spaces and dashes alike. */
struct policy_dictionary {
    struct slice name; /* appears as the finding's name */
    const struct slice *words;
    size_t word_count;
    enum policy_level level;
};

struct policy_pattern {
    struct slice name;  /* appears as the finding's name */
    struct slice regex; /* see policy_matcher_new() for the syntax */
    enum policy_level level;
};

/* What gateway fills from the YAML file. Everything is borrowed until policy_new() returns. */
struct policy_config {
    enum policy_level default_level;     /* nothing found; INTERNAL */
    enum policy_level uninspected_level; /* could not be read; CONFIDENTIAL */
    enum policy_level levels[POLICY_FINDING_COUNT];
    const struct policy_dictionary *dictionaries;
    size_t dictionary_count;
    const struct policy_pattern *patterns;
    size_t pattern_count;
    /* Strings of the configuration that may stand in outgoing bodies whatever their destination:
     * model names, fixed parameters. Compared by value; not part of the hash. */
    const struct slice *own_strings;
    size_t own_string_count;
};

/* The defaults of the design: see POLICY_FINDINGS. */
void policy_config_init(struct policy_config *config);
/* Sets the level of a type or of all types of a group; later calls replace earlier ones, so put
 * groups first. False when the name is unknown. */
bool policy_config_set_level(struct policy_config *config, struct slice name,
                             enum policy_level level);

struct policy;

/*
 * Builds an immutable snapshot with one reference. May take some 100 ms (patterns are compiled):
 * not on a loop thread. Errors: BAD_CONFIG names the dictionary or pattern at fault and the reason;
 * NO_MEMORY.
 */
enum base_err policy_new(const struct policy_config *config, struct policy **ret_policy,
                         struct base_error *reterr) BASE_MUST_USE;
struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy); /* NULL allowed */

/* SHA-256 over the canonical form of what decides labels: levels, dictionaries, patterns, and the
 * version of the detectors. The same configuration has the same hash on every machine. */
const uint8_t *policy_hash(const struct policy *policy);
enum policy_level policy_default_level(const struct policy *policy);
enum policy_level policy_uninspected_level(const struct policy *policy);
enum policy_level policy_type_level(const struct policy *policy, enum policy_finding_type type);

/* --- Findings --- */

/* Where something private stands; never what it is. */
struct policy_finding {
    enum policy_finding_type type;
    enum policy_level level;
    struct slice
        name; /* config name of the type, or that of a dictionary or pattern; the policy's */
    float confidence;        /* 0..1 */
    struct chat_place place; /* zero for policy_scan_text() */
    size_t offset,
        length; /* bytes within the visited run (or the scanned text), as the client wrote them */
};

/* The findings of one text, for `hearth scan`: in order of offset; of two that overlap, the
 * stronger. */
struct policy_scan {
    enum policy_level level;               /* join of the findings and the policy's default level */
    const struct policy_finding *findings; /* in the arena */
    size_t count;
    bool truncated; /* more findings than are listed; the level counts them all */
};

/* Scans one text. Errors: NO_MEMORY, LIMIT (text longer than 1 GiB): treat the text as restricted.
 */
enum base_err policy_scan_text(const struct policy *policy, struct slice text, struct arena *arena,
                               struct policy_scan *ret_scan,
                               struct base_error *reterr) BASE_MUST_USE;

/* --- Inspection --- */

struct policy_inspection;

/* What is known of a request besides its bytes. The floor can only raise. */
struct policy_context {
    enum policy_level floor; /* join of: header, key, session; PUBLIC when there is nothing */
    /* Join of what the label memory knows of its messages (policy_memory_lookup()). Kept apart,
     * because it is not remembered again for messages that merely stood beside. */
    enum policy_level remembered;
};

/* True when the inspection takes well below a millisecond, so that it may run on a loop thread. */
bool policy_inspect_is_quick(const struct chat_request *request);

/*
 * Visits every byte of the request and labels it. Texts are decoded and normalised (compatibility
 * forms of digits and letters, zero-width characters, escapes of JSON, URLs and HTML up to four
 * deep, base64 and hexadecimal one level deep) and scanned, each alone and then across the borders
 * of neighbouring parts and messages.
 *
 * The inspection lives in `arena`, and borrows policy and request, which must outlive it. Errors:
 * NO_MEMORY, LIMIT. Then nothing is known of the request, and it must not leave.
 */
enum base_err policy_inspect(const struct policy *policy, const struct chat_request *request,
                             const struct policy_context *context, struct arena *arena,
                             struct policy_inspection **ret_inspection,
                             struct base_error *reterr) BASE_MUST_USE;

/*
 * The same for a request that Hearth put together itself: the next step of a pipeline, a
 * transformed or shortened request. `sources` are the inspections of all that it was made from,
 * model answers counting as made from the request they answer; its floor is the join of their
 * levels.
 */
enum base_err policy_inspection_derive(const struct policy *policy,
                                       const struct chat_request *request,
                                       const struct policy_inspection *const *sources,
                                       size_t source_count, struct arena *arena,
                                       struct policy_inspection **ret_inspection,
                                       struct base_error *reterr) BASE_MUST_USE;

/* Raises the floor (a rule's effect); never lowers. Not once a body was begun from it. */
void policy_inspection_raise(struct policy_inspection *inspection, enum policy_level level);

/* The label of the whole: join of all bytes, the floor, and the policy's default level. */
enum policy_level policy_inspection_level(const struct policy_inspection *inspection);
/* That of one message, with its parts; PUBLIC for an index out of range. */
enum policy_level policy_inspection_message_level(const struct policy_inspection *inspection,
                                                  size_t message);
const struct policy *policy_inspection_policy(const struct policy_inspection *inspection);

/* In the order of visiting. At most 256 are listed; the level counts them all. */
const struct policy_finding *policy_inspection_findings(const struct policy_inspection *inspection,
                                                        size_t *ret_count);
bool policy_inspection_is_truncated(const struct policy_inspection *inspection);
policy_types policy_inspection_types(const struct policy_inspection *inspection);
/* "credit_card,email": sorted, each once, custom names included; "" when nothing was found.
 * For headers, ledger and explanations. Lives as long as the inspection. */
struct slice policy_inspection_summary(const struct policy_inspection *inspection);

/* The level of a slice by its address: RESTRICTED unless all its bytes were visited (an empty one
 * is PUBLIC). For tests and explanations; bodies do it themselves. */
enum policy_level policy_inspection_level_of(const struct policy_inspection *inspection,
                                             struct slice bytes);

/* --- Body: the only way to put an outgoing request together --- */

/*
 * A JSON writer that knows labels. Commas, colons and escapes are its own. Calls after an error do
 * nothing; policy_body_finish() reports the first one. Pieces named "own" and literals are Hearth's
 * and PUBLIC; all others are labelled by address, and bytes that the inspection never visited make
 * the body RESTRICTED (and are counted, because that is a mistake of an adapter).
 */
struct policy_body;

/* Errors: NO_MEMORY. The inspection must outlive the body. */
enum base_err policy_body_new(const struct policy_inspection *inspection, size_t max_bytes,
                              struct policy_body **ret_body) BASE_MUST_USE;
void policy_body_free(struct policy_body *body); /* NULL allowed */

void policy_body_open_object(struct policy_body *body);
void policy_body_close_object(struct policy_body *body);
void policy_body_open_array(struct policy_body *body);
void policy_body_close_array(struct policy_body *body);

/* Hearth's own words: string literals only, which the macros make the compiler check. */
#define policy_body_key(body, lit) policy_body_key_own((body), SLICE(lit))
#define policy_body_literal(body, lit) policy_body_string_own((body), SLICE(lit))
#define policy_body_text_literal(body, lit) policy_body_text_own((body), SLICE(lit))
void policy_body_bool(struct policy_body *body, bool value);
void policy_body_null(struct policy_body *body);
void policy_body_own_i64(struct policy_body *body, int64_t value);

/* A string of the configuration (policy_config.own_strings, compared by value); any other is
 * treated like client bytes. */
void policy_body_own_string(struct policy_body *body, struct slice s);

/* Client bytes. */
void policy_body_key_bytes(struct policy_body *body, struct slice key);
void policy_body_string(struct policy_body *body, struct slice s);    /* absent: null */
void policy_body_number(struct policy_body *body, struct slice text); /* must be a JSON number */
void policy_body_node(struct policy_body *body, const struct json_node *node); /* a whole tree */
/* JSON text that the client sent inside a string (tool arguments), written as a value: parsed
 * again, BAD_JSON when it is none. */
void policy_body_json_text(struct policy_body *body, struct slice json);

/* A string made of several pieces: open, any number of text and text_literal, close. */
void policy_body_open_string(struct policy_body *body);
void policy_body_text(struct policy_body *body, struct slice s);
void policy_body_close_string(struct policy_body *body);

/* Ends writing and takes the hash. Errors: the first one met: TOO_LARGE (above max_bytes),
 * NO_MEMORY, BAD_JSON, INTERNAL (calls out of order, a number that is none). */
enum base_err policy_body_finish(struct policy_body *body, struct base_error *reterr) BASE_MUST_USE;

/* All of them after a successful finish only; before it: empty, RESTRICTED, NULL. */
struct slice policy_body_bytes(const struct policy_body *body); /* valid until the body is freed */
/* Join of all pieces, the inspection's floor and the policy's default level. */
enum policy_level policy_body_level(const struct policy_body *body);
const uint8_t *policy_body_sha256(const struct policy_body *body);
/* Bytes that nobody had visited: not 0 means a mistake in an adapter; gateway counts and logs it.
 */
size_t policy_body_unlabelled(const struct policy_body *body);

/* Behind the macros. */
void policy_body_key_own(struct policy_body *body, struct slice literal);
void policy_body_string_own(struct policy_body *body, struct slice literal);
void policy_body_text_own(struct policy_body *body, struct slice literal);

/* --- Permit --- */

/* Where a body is to go. Borrowed. */
struct policy_destination {
    struct slice name; /* the target's: "openai/gpt-x" */
    struct slice id; /* what the door will connect to, as it knows it: its base URLs, one a line */
    enum policy_zone zone;
    enum policy_level clearance;
};

struct policy_permit_wish {
    const struct policy_body *body;        /* finished */
    const struct policy *newest;           /* the newest policy; may be the inspection's own */
    struct policy_destination destination; /* by the request's configuration */
    struct policy_destination
        newest_destination;         /* by the newest; absent name = it is gone: refused */
    enum policy_level newest_floor; /* what the newest rules raise it to; PUBLIC = nothing */
    struct slice request_id;
    uint32_t attempt; /* 0, 1, ... within the request */
    int64_t now_ns;   /* monotonic */
    int64_t ttl_ns;   /* how long the door may wait before it sends */
};

struct policy_permit;

/*
 * A permit for exactly these bytes to exactly this destination. The body's level is taken from the
 * body; when the newest policy differs from the one it was inspected with, the request is inspected
 * again with it, and the higher level counts; of the two clearances the lower counts.
 * Errors: POLICY_VIOLATION with both levels and the destination's name in the message; NO_MEMORY.
 */
enum base_err policy_permit_new(const struct policy_permit_wish *wish,
                                struct policy_permit **ret_permit,
                                struct base_error *reterr) BASE_MUST_USE;
void policy_permit_free(struct policy_permit *permit); /* NULL allowed */

/* The door's question: may these bytes go to this destination now? `destination` is what the door
 * is about to use, not what the permit says. OK, or POLICY_VIOLATION with the reason. */
enum base_err policy_permit_check(const struct policy_permit *permit, struct slice bytes,
                                  const struct policy_destination *destination, int64_t now_ns,
                                  struct base_error *reterr) BASE_MUST_USE;
/* The same for the bytes of a body. A large one is sealed when it is finished: from the moment it
 * was hashed its memory is read-only, so that it need not be hashed again, which takes 25 ms for
 * 20 MB on a loop. */
enum base_err policy_permit_check_body(const struct policy_permit *permit,
                                       const struct policy_body *body,
                                       const struct policy_destination *destination, int64_t now_ns,
                                       struct base_error *reterr) BASE_MUST_USE;

/* What a permit says, for the in-flight table and the audit. Lives as long as the permit. */
struct policy_permit_facts {
    struct slice request_id;
    uint32_t attempt;
    enum policy_level level;     /* that of the body, by the stricter policy */
    enum policy_level clearance; /* the lower of the two */
    enum policy_zone zone;
    struct slice destination; /* name */
    uint8_t destination_id[POLICY_HASH_BYTES];
    uint8_t body_sha256[POLICY_HASH_BYTES];
    uint8_t policy_hash[POLICY_HASH_BYTES]; /* the newest policy's */
    size_t body_bytes;
    int64_t expires_ns; /* monotonic */
};
const struct policy_permit_facts *policy_permit_facts(const struct policy_permit *permit);

/* False only in the control (tests/e2e/hearth_without_permits), where every permit is given and
 * every check passes, which shows that the tests of the guard can fail. `hearth --version` and
 * /healthz say so. */
bool policy_permit_check_enabled(void);

/* --- Label memory --- */

/*
 * HMAC-SHA-256(key; tenant, canonical message) -> level, for every message labelled or produced,
 * because clients of stateless APIs send a conversation again and again, and not always all of it.
 *
 * Canonical: the text of a message, whatever its role, without regard to case, white space and
 * Markdown marks; tool arguments and media count, tool call ids and reasoning do not. Messages
 * shorter than 32 canonical bytes ("yes") count together with the message before them. Labels flow
 * forward: a message carries the join of what precedes it in its conversation; instructions
 * (system, developer) carry only their own. A paraphrase is not recognised. Neither text nor tenant
 * can be read from an entry without the key.
 *
 * Memory is allocated once (32 bytes an entry). When it is full the entry nearest its end goes,
 * lower levels first. Threads: any; sharded locks, held for well below a microsecond (the callback
 * runs outside of them).
 */
struct policy_memory;

#define POLICY_MEMORY_RECORD_BYTES 32

struct policy_memory_config {
    uint8_t key[32];    /* secret of this installation */
    size_t max_entries; /* rounded up to a power of two; at least 1024 */
    int64_t ttl_ns;     /* since an entry was last seen */
    /* Called for each new, raised or refreshed entry, from the thread that remembers, before the
     * call that remembers returns: append the record to a file. An error is passed on to the
     * caller. May be NULL. Entries seen again are refreshed at most once in ttl/16. */
    enum base_err (*append)(void *user, const uint8_t record[POLICY_MEMORY_RECORD_BYTES]);
    void *user;
};

/* Errors: NO_MEMORY, BAD_CONFIG. Times are wall-clock nanoseconds, because they are kept over
 * restarts. */
enum base_err policy_memory_new(const struct policy_memory_config *config,
                                struct policy_memory **ret_memory,
                                struct base_error *reterr) BASE_MUST_USE;
void policy_memory_free(struct policy_memory *memory); /* NULL allowed */

/* What the memory knows the request's messages by: made once, used by the three below. Lives in
 * `arena`, borrows `tenant`. NULL: there is no memory, or no room in the arena. Reads the key only,
 * so any thread. */
struct policy_digests;
struct policy_digests *policy_memory_digests(const struct policy_memory *memory,
                                             struct slice tenant,
                                             const struct chat_request *request,
                                             struct arena *arena);

/* The join of what is remembered of the request's messages; PUBLIC when nothing is. NULL memory:
 * PUBLIC. A memory without digests: RESTRICTED. */
enum policy_level policy_memory_lookup(struct policy_memory *memory,
                                       const struct policy_digests *digests, int64_t now_ns);

/* Remembers all messages of an inspected request. Call it after the rules have raised the level and
 * before any byte of an answer goes out. NULL memory: OK. Messages at or below INTERNAL take no
 * entry. */
enum base_err policy_memory_remember(struct policy_memory *memory,
                                     const struct policy_digests *digests,
                                     const struct policy_inspection *inspection,
                                     int64_t now_ns) BASE_MUST_USE;

/* Remembers an answer that Hearth gave to this request, with the request's level: `text` and the
 * arguments of the tool calls as the client will send them back (absent when there were none). */
enum base_err policy_memory_remember_answer(struct policy_memory *memory,
                                            const struct policy_digests *digests,
                                            const struct policy_inspection *inspection,
                                            struct slice text, struct slice tool_arguments,
                                            int64_t now_ns) BASE_MUST_USE;

/* After a restart: feed the records that `append` was given, in any pieces that are multiples of
 * POLICY_MEMORY_RECORD_BYTES. A record with a bad check sum (a torn write) is skipped and counted.
 */
enum base_err policy_memory_load(struct policy_memory *memory, struct slice records, int64_t now_ns,
                                 size_t *ret_skipped);

/* Calls `append` for every live entry: to write a new, short file in place of the old one. */
enum base_err policy_memory_save(struct policy_memory *memory, int64_t now_ns,
                                 enum base_err (*append)(void *user, const uint8_t *record),
                                 void *user) BASE_MUST_USE;

struct policy_memory_stats {
    size_t entries, capacity;
    uint64_t lookups, hits, evicted;
};
void policy_memory_stats(struct policy_memory *memory, struct policy_memory_stats *ret_stats);

/* --- Audit --- */

enum policy_audit_kind {
    POLICY_AUDIT_PERMIT,     /* a permit was given: content may have left the process */
    POLICY_AUDIT_LOCAL,      /* a target inside the process was asked: nothing left */
    POLICY_AUDIT_DENIAL,     /* a permit was refused, or nothing was cleared */
    POLICY_AUDIT_DECLASSIFY, /* a named step lowered a label */
    POLICY_AUDIT_POLICY,     /* a new policy took effect */
    POLICY_AUDIT_KIND_COUNT
};

const char *policy_audit_kind_name(enum policy_audit_kind kind); /* "permit" */

struct policy_audit_record {
    enum policy_audit_kind kind;
    uint64_t number; /* 1, 2, ... without gaps */
    int64_t wall_ns;
    struct slice request_id; /* absent for POLICY */
    uint32_t attempt;
    enum policy_level level, clearance; /* POLICY_LEVEL_COUNT = none: null */
    struct slice findings;              /* policy_inspection_summary() */
    struct slice rules;                 /* names, comma separated */
    struct slice destination;           /* name */
    enum policy_zone zone;              /* of the destination; POLICY_ZONE_COUNT = none: null */
    const uint8_t *body_sha256;         /* NULL = none */
    size_t body_bytes;
    int sends; /* how often the body left; -1 = unknown: null */
    const uint8_t *policy_hash;
};

/* Appends the canonical form: one JSON object with fixed members in fixed order, no line end. */
enum base_err policy_audit_write(const struct policy_audit_record *record, struct buffer *out);

/* The chain: h = SHA-256(h_before || canonical form); h_0 is all zero. `hash` is replaced;
 * untouched on NO_MEMORY. */
enum base_err policy_audit_chain(uint8_t hash[POLICY_HASH_BYTES],
                                 struct slice record) BASE_MUST_USE;

/* Goes along a stored chain. BAD_FILE with the number of the first record that does not fit:
 * changed, missing, or out of order. A chain cut at its end is not noticed: compare the last hash
 * with one kept elsewhere. */
struct policy_audit_verifier {
    uint8_t hash[POLICY_HASH_BYTES];
    uint64_t number; /* of the last good record */
};
void policy_audit_verifier_init(struct policy_audit_verifier *verifier);
enum base_err policy_audit_verify(struct policy_audit_verifier *verifier, struct slice record,
                                  const uint8_t stored_hash[POLICY_HASH_BYTES],
                                  struct base_error *reterr) BASE_MUST_USE;

/* --- Matcher: many patterns in one pass --- */

/*
 * Linear in the text whatever the patterns (Hyperscan). Syntax: PCRE without what cannot be matched
 * in linear time: back-references, look-around, atomic groups, possessive quantifiers are
 * BAD_CONFIG, with the pattern's name and the reason. Text and patterns are UTF-8; `.` matches a
 * character; \b is ASCII. A pattern that matches the empty string is refused. Bytes that are not
 * UTF-8 in the text count as U+FFFD. A matcher is immutable; each thread has its own scratch
 * memory, made on first use.
 */
struct policy_matcher;

enum {
    POLICY_MATCH_NO_CASE = 1 << 0,
    POLICY_MATCH_LITERAL = 1 << 1, /* `regex` is plain text */
    POLICY_MATCH_WORD = 1 << 2     /* with LITERAL: only where no letter or digit touches it */
};

struct policy_matcher_pattern {
    struct slice name;  /* for errors */
    struct slice regex; /* (?i) and the like work too */
    unsigned flags;
};

/* At most 65,536 patterns, 4 KiB each. Takes milliseconds per pattern: not on a loop thread. */
enum base_err policy_matcher_new(const struct policy_matcher_pattern *patterns, size_t count,
                                 struct policy_matcher **ret_matcher,
                                 struct base_error *reterr) BASE_MUST_USE;
void policy_matcher_free(struct policy_matcher *matcher); /* NULL allowed */

/* Sets hits[i] to true for each pattern i found in `text`; others are left as they are, so several
 * texts can be asked in turn. Errors: NO_MEMORY; LIMIT (above 1 GiB). */
enum base_err policy_matcher_find(const struct policy_matcher *matcher, struct slice text,
                                  bool *hits) BASE_MUST_USE;

#endif
