/*
 * router: pure functions that decide where a request is served. Facts in, decision and reasons out;
 * no I/O, no clock, no threads, no state between calls.
 *
 * A request has a sensitivity (a level) and a complexity (a rank in [0,1]); a target has a
 * clearance and a capability per task. `clearance >= sensitivity` is hard. `capability >=
 * complexity` is soft. Among the targets that may serve, the cheapest wins. Everything below serves
 * that sentence.
 *
 * Once per configuration:
 *
 *     err = router_rules_new(&rules_config, &rules, &detail);      // compiled, checked
 *     err = router_check(&check, arena, &matrix, &detail);         // load errors, the matrix
 *
 * Once per request (one arena per exchange):
 *
 *     struct router_given given = {.tenant = tenant, .level = label};
 *     err = router_signals_read(NULL, request, &given, arena, &signals, &detail);
 *     err = router_rules_match(rules, &signals, arena, &effects, &detail);
 *     policy_inspection_raise(seen, effects.level);                // before any permit
 *     err = router_route_find(&routes, targets, n, request->model, arena, &route, &detail);
 *     router_facts_fill(&facts, &signals, &effects, &route, &settings);
 *     facts.targets = targets;                                     // as they are at this moment
 *     facts.target_count = n;
 *     facts.session = previous;                                    // or left: none
 *     err = router_choose(&facts, arena, &decision, &detail);
 *     if (decision.outcome)
 *         ... answer with that error and decision.message ...
 *     for (i = 0; i < decision.order_count; i++)
 *         ... try facts.targets[decision.order[i]] ...
 *
 * For the ledger and for people:
 *
 *     router_facts_write(&facts, &writer);                         // stored,
 *     router_decision_write(&decision, &writer);                   // both
 *     err = router_facts_read(node, NULL, arena, &facts, &detail); // `hearth explain ID --verify`
 *     err = router_explain(&facts, &decision, arena, &why, &detail); // with nearest changes
 *     router_explain_json(&why, NULL, &writer);                    // `hearth explain ID --json`
 *     router_explain_json(&why, &signals, &writer);                // live, for /v1/route
 *     router_explain_text(&why, &signals, &buffer);                // for a terminal
 *
 * Ownership: results live in the arena that the call was given and borrow from its inputs, which
 * must outlive them. Inputs are never changed. Text in errors and stored forms never comes from a
 * prompt: it is names of configuration, numbers and words of this file.
 * Threads: any; compiled rules and scorers are immutable.
 * Errors of functions: NO_MEMORY when the arena is full, BAD_CONFIG for configuration, BAD_JSON and
 * BAD_VALUE for stored facts. That nothing may serve a request is not an error of router_choose():
 * it is the decision's `outcome`.
 */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "base/chat/chat.h"
#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/json/json.h"
#include "policy/policy.h"

/* ---- Words ---- */

/* X(NAME, "name", tokens expected in an answer when the client names no lower limit) */
#define ROUTER_TASKS(X)                                                                            \
    X(CHAT, "chat", 200)                                                                           \
    X(CLASSIFICATION, "classification", 20)                                                        \
    X(EXTRACTION, "extraction", 150)                                                               \
    X(SUMMARISATION, "summarisation", 250)                                                         \
    X(TRANSLATION, "translation", 300)                                                             \
    X(REWRITING, "rewriting", 350)                                                                 \
    X(CODE, "code", 600)                                                                           \
    X(MATH, "math", 400)                                                                           \
    X(REASONING, "reasoning", 500)                                                                 \
    X(CREATIVE, "creative", 700)                                                                   \
    X(QA, "qa", 250)

enum router_task {
#define X(name, text, tokens) ROUTER_TASK_##name,
    ROUTER_TASKS(X)
#undef X
        ROUTER_TASK_COUNT
};
const char *router_task_name(enum router_task task);
bool router_task_from_name(struct slice name, enum router_task *ret);

/* What is least among the targets that may serve. */
enum router_objective {
    ROUTER_OBJECTIVE_COST,    /* the cheapest that is able and quick enough */
    ROUTER_OBJECTIVE_LATENCY, /* the quickest that is able */
    ROUTER_OBJECTIVE_QUALITY, /* the most capable */
    ROUTER_OBJECTIVE_COUNT
};
const char *router_objective_name(enum router_objective objective); /* "cost"... */
bool router_objective_from_name(struct slice name, enum router_objective *ret);

/* Money is nano-USD (1e-9 dollar). Unknown money, tokens and times are -1, never 0. */
#define ROUTER_UNKNOWN (-1)

/* ---- Scores ---- */

/* Why a request gave the scorer nothing to go by. */
enum router_unknown {
    ROUTER_KNOWN,
    ROUTER_UNKNOWN_EMPTY,      /* no text at all, or only media */
    ROUTER_UNKNOWN_NO_LETTERS, /* digits and signs only */
    ROUTER_UNKNOWN_TOO_SHORT,  /* "continue", "ok go": says nothing about the work */
    ROUTER_UNKNOWN_UNSEEN,     /* no feature that the scorer was trained on */
    ROUTER_UNKNOWN_COUNT
};
const char *router_unknown_name(enum router_unknown why); /* "" for KNOWN */

/* Groups of features, for explanations: X(NAME, "name") */
#define ROUTER_GROUPS(X)                                                                           \
    X(LENGTH, "length")                                                                            \
    X(STRUCTURE, "structure") /* sentences, lines, lists, kinds of words */                        \
    X(NUMBERS, "numbers")                                                                          \
    X(SIGNS, "signs") /* brackets, operators, quotes, code */                                      \
    X(WORDS, "words")                                                                              \
    X(PAIRS, "pairs")           /* of neighbouring words */                                        \
    X(CHARACTERS, "characters") /* beginnings and ends of words, characters */                     \
    X(OPENING, "opening")       /* how the ask begins */

enum router_group {
#define X(name, text) ROUTER_GROUP_##name,
    ROUTER_GROUPS(X)
#undef X
        ROUTER_GROUP_COUNT
};
const char *router_group_name(enum router_group group);

struct router_score {
    double complexity; /* rank in [0,1] on the scorer's reference set; 0.5 when unknown */
    enum router_task task;
    double task_confidence;             /* [0,1] */
    enum router_unknown unknown;        /* not KNOWN: `complexity` means nothing */
    int32_t groups[ROUTER_GROUP_COUNT]; /* what each added to the raw score, in thousandths */
    struct slice version;               /* of the scorer; static, or as long as the scorer */
};

/* A scorer is a table of weights and a version. A better one is another table, or (an engine model,
 * an embedding) is run by gateway, whose result goes in as router_given.score. */
struct router_scorer;
const struct router_scorer *router_scorer_builtin(void);
struct slice router_scorer_version(const struct router_scorer *scorer);

/* Scores one text as a request of its own. Reads at most the first and last 8 KiB. Never fails.
 * `scorer` NULL = the built-in one. */
void router_score_text(const struct router_scorer *scorer, struct slice text,
                       struct router_score *ret);

/* ---- Signals: all that is known before the choice ---- */

struct router_header {
    struct slice name; /* compared without case */
    struct slice value;
};

/* What the router cannot find out by itself. Zero is a good default for all but `level`. */
struct router_given {
    struct slice tenant;
    const struct slice *key_groups; /* groups of the key, for rules */
    size_t key_group_count;
    const struct router_header *headers; /* those that rules may look at; never authorization */
    size_t header_count;
    enum policy_level
        level; /* label of the request: inspection, memory and header already joined */
    policy_types finding_types; /* policy_inspection_types() */
    struct slice findings;      /* policy_inspection_summary(): "credit_card,email" */
    bool objective_given;       /* x-hearth-objective, or the tenant's */
    enum router_objective objective;
    struct slice target;  /* x-hearth-target, if the key may; absent otherwise */
    struct slice session; /* x-hearth-session, or the fingerprint; only for explanations */
    const struct router_score *score; /* not NULL: taken instead of the table's */
};

struct router_signals {
    struct router_given given;          /* borrowed as it was */
    const struct chat_request *request; /* NULL when made from a text */
    struct slice ask;        /* last ask of the user without harness text; absent = none */
    int64_t prompt_tokens;   /* estimate over everything, >= 1 */
    int64_t max_tokens;      /* as the client wrote it, or -1 */
    int64_t expected_output; /* by task, cut to max_tokens, times n */
    uint32_t message_count;
    uint32_t turn;         /* messages of role user that hold text, this one included */
    unsigned needs;        /* chat_need bits */
    struct slice language; /* "en", "de", "zh"..., "und" = cannot tell; static */
    struct slice model;    /* as asked for */
    bool has_code;         /* fenced block, or lines that read like code, in the ask */
    bool tool_loop_open;   /* the last message is a tool result */
    struct router_score score;
};

enum base_err router_signals_read(const struct router_scorer *scorer,
                                  const struct chat_request *request,
                                  const struct router_given *given, struct arena *arena,
                                  struct router_signals *ret,
                                  struct base_error *reterr) BASE_MUST_USE;

/* `text` without the blocks that coding tools put into the user's turn (<system-reminder>,
 * <environment_context> and the like), trimmed. If nothing else is there the result is empty. May
 * copy into the arena; absent on NO_MEMORY. */
struct slice router_strip_harness(struct slice text, struct arena *arena);

/* Cheap guess from the script and, for Latin script, from frequent words. "und" when unsure. */
struct slice router_guess_language(struct slice text);

/* ---- Rules ---- */

/*
 * Conditions are a small tree. Strings are compared exactly, except where noted. A list of values
 * means "any of these". `level` means the level after all raises: raises are applied until nothing
 * changes, then every rule is judged with the final level.
 *
 * X(NAME, "key in config", fields used)
 */
#define ROUTER_CONDITIONS(X)                                                                       \
    X(ALL, "all")                     /* children */                                               \
    X(ANY, "any")                     /* children */                                               \
    X(NOT, "not")                     /* one child */                                              \
    X(TEXT_REGEX, "text.regex")       /* values: patterns of policy_matcher, linear time */        \
    X(TEXT_CONTAINS, "text.contains") /* values: literal, case ignored */                          \
    X(TEXT_KEYWORDS, "text.keywords") /* values: whole words, case ignored */                      \
    X(TASK, "task")                   /* values: task names */                                     \
    X(TENANT, "tenant")               /* values */                                                 \
    X(KEY_GROUP, "key_group")         /* values */                                                 \
    X(LEVEL, "level")                 /* level_min, level_max, both included */                    \
    X(FINDING, "finding")             /* values: names of types or groups */                       \
    X(PROMPT_TOKENS, "prompt_tokens") /* over, under: both excluded; -1 = not given */             \
    X(NEEDS, "needs")                 /* values: chat_need names */                                \
    X(LANGUAGE, "language")           /* values */                                                 \
    X(MODEL, "model")         /* values: the name asked for; a final '*' matches any rest */       \
    X(HEADER, "header")       /* name; values; no values = the header is there */                  \
    X(UNKNOWN, "unknown")     /* the scorer had nothing to go by */                                \
    X(TOOL_LOOP, "tool_loop") /* a tool loop is open */

enum router_condition_type {
#define X(name, text) ROUTER_WHEN_##name,
    ROUTER_CONDITIONS(X)
#undef X
        ROUTER_WHEN_COUNT
};

/* Which text a TEXT_ condition reads. */
enum router_text_scope {
    ROUTER_SCOPE_DEFAULT, /* ALL for a rule that raises sensitivity, ASK for any other */
    ROUTER_SCOPE_ASK,     /* the last ask */
    ROUTER_SCOPE_ALL      /* every readable byte of the request, in any role */
};

struct router_condition {
    enum router_condition_type type;
    const struct router_condition *children;
    size_t child_count;
    const struct slice *values;
    size_t value_count;
    struct slice name;                      /* HEADER */
    enum router_text_scope scope;           /* TEXT_ */
    int64_t over, under;                    /* PROMPT_TOKENS */
    enum policy_level level_min, level_max; /* LEVEL */
};

/* A set of targets by zone and by name: what is in either. Both empty = not given. */
struct router_target_set {
    unsigned zones;            /* 1 << enum policy_zone */
    const struct slice *names; /* "demo", "openai/gpt-x" */
    size_t name_count;
};

static inline bool router_target_set_given(const struct router_target_set *set)
{
    return set->zones != 0 || set->name_count != 0;
}

/*
 * One rule. All rules that match apply, in order. `final` stops the routing effects of later rules
 * (everything but the two raises), never a raise.
 * How effects meet: raises join (the highest wins); `only` intersects; `avoid` and `prefer` add up;
 * `max_cost` takes the least; of several `pin` or `objective` the last wins; the first `refuse`
 * wins. `only` and `pin` are hard. `avoid` means: only when nothing else may serve. `prefer` means:
 * before cheaper ones that are equally able.
 */
struct router_rule {
    struct slice name;            /* required, unique */
    struct router_condition when; /* ALL without children = always */
    bool raise_level_given;
    enum policy_level raise_level;
    double raise_complexity; /* < 0 = not given */
    struct router_target_set only, avoid, prefer;
    struct slice pin; /* target name; absent = not given */
    bool refuse;
    struct slice refuse_message; /* shown to the client; absent = a standard sentence */
    bool objective_given;
    enum router_objective objective;
    int64_t max_cost_nano_usd; /* most one request may be expected to cost; -1 = not given */
    bool final;
};

struct router_rules_config {
    const struct router_rule *rules;
    size_t rule_count; /* at most ROUTER_RULES_MAX */
    /* For checking names; count 0 = not checked. */
    const struct slice *known_findings; /* names of dictionaries and patterns of policy */
    size_t known_finding_count;
    const struct slice *known_targets;
    size_t known_target_count;
    enum policy_level least_level; /* of a request with nothing found: policy's default */
};
enum { ROUTER_RULES_MAX = 1024, ROUTER_CONDITION_DEPTH_MAX = 16, ROUTER_CONDITIONS_MAX = 16384 };

struct router_rules; /* compiled */

/* Compiles and checks; copies all it needs from `config`. BAD_CONFIG (reterr->param names the
 * place: "rules[2].when.text.regex") for: a missing or repeated name; an unknown target, finding,
 * task or need (with the nearest known name); a pattern that policy_matcher refuses; a rule without
 * effect; and a rule found unreachable: conditions that can never hold together or with the raises
 * that always apply, or routing effects behind an unconditional `final`. */
enum base_err router_rules_new(const struct router_rules_config *config, struct router_rules **ret,
                               struct base_error *reterr) BASE_MUST_USE;
void router_rules_free(struct router_rules *rules); /* NULL allowed */
size_t router_rules_count(const struct router_rules *rules);

/* A restriction with the rule that it came from. */
struct router_limit {
    struct slice rule;
    struct router_target_set set;
};

/* A rule that matched. */
struct router_match {
    struct slice rule;
    bool routing; /* its routing effects applied (no earlier `final`) */
    struct slice
        word; /* live only: a piece of the ask that its text condition matched, or absent */
};

/* What all matching rules say together. Part of the stored facts. */
struct router_effects {
    enum policy_level level; /* the request's, raised */
    struct slice level_rule; /* the rule that raised it; absent = none did */
    double complexity_floor; /* < 0 = none */
    struct slice complexity_rule;
    const struct router_match *matched;
    size_t match_count;
    const struct router_limit *only, *avoid, *prefer;
    size_t only_count, avoid_count, prefer_count;
    struct slice pin, pin_rule; /* absent = none */
    bool refuse;
    struct slice refuse_rule, refuse_message;
    bool objective_given;
    enum router_objective objective;
    struct slice objective_rule;
    int64_t max_cost_nano_usd; /* -1 = none */
    struct slice max_cost_rule;
};

/* Before any permit: effects.level is what policy must use. */
enum base_err router_rules_match(const struct router_rules *rules,
                                 const struct router_signals *signals, struct arena *arena,
                                 struct router_effects *ret,
                                 struct base_error *reterr) BASE_MUST_USE;
/* The effects of no rules at all. */
struct router_effects router_effects_none(enum policy_level level);

/* ---- Targets as facts ---- */

struct router_capability {
    double by_task[ROUTER_TASK_COUNT]; /* highest complexity served well enough; [0,1] */
    bool measured;                     /* by calibration; otherwise declared */
    struct slice scorer_version;       /* that it was measured with; absent when declared */
};
/* The same for all tasks, declared. */
struct router_capability router_capability_all(double rank);

/* Nano-USD per million tokens, as in struct upstream_price_tier (the tier that holds for this
 * prompt); -1 = unknown. A local target has `per_second` (nano-USD per second of its work) and 0
 * for tokens. */
struct router_price {
    int64_t input;
    int64_t cache_read; /* -1 = as input */
    int64_t output;
    int64_t per_request; /* nano-USD */
    int64_t per_second;  /* nano-USD; 0 = time is not priced */
};

enum router_health {
    ROUTER_HEALTH_UP,
    ROUTER_HEALTH_DOWN,
    ROUTER_HEALTH_BREAKER_OPEN,
    ROUTER_HEALTH_FULL, /* its queue takes no more */
    ROUTER_HEALTH_COUNT
};
const char *router_health_name(enum router_health health);

struct router_target {
    struct slice name;  /* unique: "demo", "openai/gpt-x" */
    struct slice model; /* name clients may ask for: "gpt-x"; absent = `name` only */
    enum policy_zone zone;
    enum policy_level clearance;
    struct router_capability capability;
    int64_t context_tokens; /* prompt and answer together; -1 = unknown, taken as large enough */
    bool shortens; /* leaves out older messages of a prompt that is longer: taken after others */
    int64_t max_output_tokens; /* -1 = unknown */
    unsigned features;         /* chat_need bits that it is equipped for */
    struct router_price price;
    /* as they are at this moment */
    enum router_health health;
    int64_t retry_after_ms; /* when not UP: soonest time to try again; -1 = unknown */
    int64_t first_token_ms; /* predicted for this request, queue included; -1 = unknown: taken as
                               quick */
    int64_t tokens_per_s_milli;   /* predicted pace, thousandths of a token a second; -1 = unknown:
                                     quick */
    int64_t budget_left_nano_usd; /* least of the budgets that apply; -1 = no budget */
    bool allowed_for_key;
};

/* ---- Routes: names that clients ask for ---- */

struct router_route {
    struct slice name;           /* "auto", "gpt-4o" */
    const struct slice *targets; /* names; none = every target */
    size_t target_count;
    int64_t deadline_ms; /* to the first token; 0 = the default; -1 = none */
    bool objective_given;
    enum router_objective objective;
    bool by_target_name; /* set by router_route_find: the name is a target's own */
};

struct router_routes {
    const struct router_route *items; /* aliases already resolved by whoever read the config */
    size_t count;
};

/* The route for a name: one of `routes`, else a target's own name, else every target whose `model`
 * is that name. An empty or absent name means "auto". MODEL_NOT_FOUND otherwise. */
enum base_err router_route_find(const struct router_routes *routes,
                                const struct router_target *targets, size_t target_count,
                                struct slice name, struct arena *arena, struct router_route *ret,
                                struct base_error *reterr) BASE_MUST_USE;

/* ---- Choice ---- */

/* From configuration, the same for all requests. */
struct router_settings {
    double unknown_complexity; /* what an unknown request gets; default 0.6 */
    int64_t deadline_ms;       /* to the first token; default 5000; -1 = none */
    int64_t
        min_tokens_per_s_milli; /* the pace that counts as quick enough; default 4000; 0 = any */
    enum router_objective objective;
};
#define ROUTER_SETTINGS_DEFAULT                                                                    \
    ((struct router_settings){.unknown_complexity = 0.6,                                           \
                              .deadline_ms = 5000,                                                 \
                              .min_tokens_per_s_milli = 4000,                                      \
                              .objective = ROUTER_OBJECTIVE_COST})

/* The conversation so far. */
struct router_session {
    struct slice target;   /* that served the previous turn; absent = none */
    bool open;             /* a task or a tool loop is open: keep the target, or move up only */
    int64_t cached_tokens; /* of this prompt, that the target probably still has in its cache */
};

/* Everything the choice looks at: stored with the decision, replayed later. */
struct router_facts {
    /* the request */
    enum policy_level level;       /* effective: after rules */
    enum policy_level level_given; /* before rules */
    double complexity;             /* effective: `unknown` and floors applied */
    double complexity_scored;      /* before */
    enum router_unknown unknown;
    enum router_task task;
    struct slice scorer_version;
    int32_t groups[ROUTER_GROUP_COUNT]; /* as in struct router_score */
    int64_t prompt_tokens;
    int64_t max_tokens; /* -1 = not given */
    int64_t expected_output;
    unsigned needs;
    struct slice language;
    uint32_t turn, message_count;
    bool has_code, tool_loop_open;
    struct slice findings; /* "credit_card,email": types, no values */
    struct slice tenant;
    struct slice model;        /* as asked for */
    struct slice asked_target; /* x-hearth-target; absent = none */
    enum router_objective
        objective;       /* effective: rule, else header/tenant, else route, else settings */
    int64_t deadline_ms; /* -1 = none */
    int64_t min_tokens_per_s_milli;
    struct router_effects effects;
    struct router_route route;
    struct router_session session;
    const struct router_target *targets;
    size_t target_count; /* at most ROUTER_TARGETS_MAX */
};
enum { ROUTER_TARGETS_MAX = 1024 };

/* Fills all but `targets`; `session` is set to none. Borrows from its inputs. */
void router_facts_fill(struct router_facts *ret, const struct router_signals *signals,
                       const struct router_effects *effects, const struct router_route *route,
                       const struct router_settings *settings);

/*
 * Why a candidate was taken or not. X(NAME, "name", kind, unit of have/need)
 * kind: HARD = it may not serve; SOFT = it may, after others; NOTE = for the reader.
 * `have` is the target's number, `need` the request's. Ranks are in millionths. LEVEL = enum
 * policy_level; BITS = chat_need bits (have = those it has, need = those it lacks);
 * HEALTH = enum router_health in have, retry_after_ms in need.
 */
#define ROUTER_REASONS(X)                                                                          \
    X(CHOSEN, "chosen", NOTE, NONE)                                                                \
    X(NOT_ASKED_FOR, "not_asked_for", HARD, NAME) /* another model, route or target was */         \
    X(NOT_ALLOWED_FOR_KEY, "not_allowed_for_key", HARD, NONE)                                      \
    X(NOT_CLEARED, "not_cleared", HARD, LEVEL)                                                     \
    X(EXCLUDED_BY_RULE, "excluded_by_rule", HARD, NAME)                                            \
    X(MISSING_FEATURE, "missing_feature", HARD, BITS)                                              \
    X(CONTEXT_TOO_SMALL, "context_too_small", HARD, TOKENS)                                        \
    X(OVER_BUDGET, "over_budget", HARD, MONEY)     /* have = left, need = expected cost */         \
    X(OVER_MAX_COST, "over_max_cost", HARD, MONEY) /* have = expected cost, need = limit */        \
    X(UNHEALTHY, "unhealthy", HARD, HEALTH)                                                        \
    X(QUEUE_FULL, "queue_full", HARD, HEALTH)                                                      \
    X(AVOIDED_BY_RULE, "avoided_by_rule", SOFT, NAME)                                              \
    X(NOT_ABLE, "not_able", SOFT, RANK)             /* capability, complexity */                   \
    X(WOULD_SHORTEN, "would_shorten", SOFT, TOKENS) /* older messages would be left out */         \
    X(TOO_SLOW, "too_slow", SOFT, MS)               /* predicted first token, deadline */          \
    X(TOO_SLOW_PACE, "too_slow_pace", SOFT, PACE)   /* thousandths of a token per second */        \
    X(MOVES_DOWN, "moves_down", SOFT, RANK)         /* less capable than the session's target */   \
    X(NOT_PREFERRED, "not_preferred", SOFT, NONE)                                                  \
    X(PRICE_UNKNOWN, "price_unknown", SOFT, NONE)                                                  \
    X(DEARER, "dearer", SOFT, MONEY)            /* this one's cost, the chosen one's */            \
    X(SLOWER, "slower", SOFT, MS)               /* this one's time, the chosen one's */            \
    X(LESS_CAPABLE, "less_capable", SOFT, RANK) /* this one's, the chosen one's */                 \
    X(TIED, "tied", SOFT, NONE)                 /* equal in all; the order of names decided */     \
    X(KEPT_FOR_SESSION, "kept_for_session", NOTE, NAME)                                            \
    X(PREFERRED_BY_RULE, "preferred_by_rule", NOTE, NAME)                                          \
    X(SCORER_MISMATCH, "scorer_mismatch", NOTE,                                                    \
      NAME) /* capability measured with another scorer   \
                                                       */

enum router_reason_code {
#define X(name, text, kind, unit) ROUTER_REASON_##name,
    ROUTER_REASONS(X)
#undef X
        ROUTER_REASON_COUNT
};
enum router_reason_kind { ROUTER_KIND_HARD, ROUTER_KIND_SOFT, ROUTER_KIND_NOTE };
enum router_unit {
    ROUTER_UNIT_NONE,
    ROUTER_UNIT_NAME,
    ROUTER_UNIT_LEVEL,
    ROUTER_UNIT_RANK,
    ROUTER_UNIT_TOKENS,
    ROUTER_UNIT_MONEY,
    ROUTER_UNIT_MS,
    ROUTER_UNIT_PACE,
    ROUTER_UNIT_BITS,
    ROUTER_UNIT_HEALTH
};
const char *router_reason_name(enum router_reason_code code);
enum router_reason_kind router_reason_kind(enum router_reason_code code);

struct router_reason {
    enum router_reason_code code;
    int64_t have, need; /* see ROUTER_REASONS */
    struct slice name;  /* unit NAME: the rule, route, target or version; absent otherwise */
};

/* One target, judged. Same index as facts.targets. */
struct router_candidate {
    bool may_serve; /* no hard reason */
    bool able, quick;
    uint32_t rank;                       /* 1 = chosen, 2 = first fallback...; 0 = may not serve */
    int64_t cost_nano_usd;               /* expected; -1 = unknown */
    int64_t total_ms;                    /* predicted time of the whole answer; -1 = unknown */
    const struct router_reason *reasons; /* all of them, in the order of ROUTER_REASONS */
    size_t reason_count;
};

struct router_decision {
    enum base_err outcome; /* OK, or why nobody may serve it: POLICY_VIOLATION (nothing cleared, or
                              a rule refused), LOCAL_UNAVAILABLE (what is cleared is down or full),
                              CONTEXT_LENGTH, BUDGET, UNSUPPORTED (a feature nobody cleared has),
                              FORBIDDEN (the key may use none), MODEL_NOT_FOUND (asked by name, and
                              the key may not) */
    struct slice message;  /* when outcome is not OK: one sentence for the client */
    const uint32_t *order; /* indexes into facts.targets: the chosen one, then the fallbacks */
    size_t order_count;
    const struct router_candidate *candidates; /* target_count of them */
    size_t candidate_count;
    bool beyond_capability; /* nobody reaches the complexity: the most capable one serves */
    bool deadline_yielded;  /* nobody is quick enough: served slowly */
    bool kept_for_session;
    bool moved_down;       /* less capable than the session's target, for want of another */
    bool scorer_mismatch;  /* of the chosen one */
    int64_t tokens_needed; /* CONTEXT_LENGTH: both numbers */
    int64_t tokens_available;
    int64_t retry_after_ms; /* LOCAL_UNAVAILABLE: soonest of the targets; -1 = unknown */
};

/*
 * The choice. Hard reasons are tested in the order of ROUTER_REASONS; when nobody is left, the
 * outcome is that of the target that came furthest. Those that may serve are sorted by: not
 * avoided; the session's own target (open session, able); not moving down (open session); able, or
 * else by capability; quick enough; preferred; then the objective (cost, then time; or time, then
 * cost; or capability, then cost); then name. Expected cost = prompt at input price (cached part of
 * the session's own target at cache_read) + expected_output at output price + predicted seconds at
 * per_second; in 128 bits, cut to INT64_MAX. Needs no more than O(targets * log targets + targets *
 * limits). NO_MEMORY, BAD_VALUE (more than ROUTER_TARGETS_MAX targets, or none at all).
 */
enum base_err router_choose(const struct router_facts *facts, struct arena *arena,
                            struct router_decision *ret, struct base_error *reterr) BASE_MUST_USE;

/* Expected cost of serving this request there; -1 when a price that counts is unknown. */
int64_t router_expected_cost(const struct router_facts *facts, const struct router_target *target);

/* ---- Explanation ---- */

/* One fact changed, everything else as it was, and the choice made again. */
enum router_change_type {
    ROUTER_CHANGE_COMPLEXITY,    /* `to_rank` instead of `from_rank` */
    ROUTER_CHANGE_LEVEL,         /* the request at `to_level` instead of `from_level` */
    ROUTER_CHANGE_CLEARANCE,     /* `target` cleared for `to_level` instead of `from_level` */
    ROUTER_CHANGE_HEALTH,        /* `target` up, or down */
    ROUTER_CHANGE_PROMPT_TOKENS, /* `to_number` instead of `from_number` */
    ROUTER_CHANGE_BUDGET,        /* `target` with `to_number` nano-USD left */
    ROUTER_CHANGE_MAX_COST,      /* `rule`'s limit at `to_number` */
    ROUTER_CHANGE_DEADLINE,      /* `to_number` ms */
    ROUTER_CHANGE_OBJECTIVE,     /* `to_objective` */
    ROUTER_CHANGE_RULE,          /* without the restrictions of `rule` */
    ROUTER_CHANGE_KEY,           /* key allowed to use `target` */
    ROUTER_CHANGE_SESSION,       /* without the session's previous target */
    ROUTER_CHANGE_COUNT
};

struct router_change {
    enum router_change_type type;
    double distance; /* see router_explain() */
    struct slice target, rule;
    double from_rank, to_rank;
    enum policy_level from_level, to_level;
    int64_t from_number, to_number;
    enum router_health to_health;
    enum router_objective to_objective;
    enum base_err outcome; /* of the other choice */
    struct slice chosen;   /* target that it would take; absent when outcome is not OK */
};

struct router_explanation {
    const struct router_facts *facts;
    const struct router_decision *decision;
    const struct router_change *changes; /* nearest first; at most ROUTER_CHANGES_MAX */
    size_t change_count;                 /* 0 = no single change alters it */
};
enum { ROUTER_CHANGES_MAX = 8 };

/* Finds the nearest changes by making the choice again with one fact changed. Distances: a rank by
 * its difference, a level or clearance 0.3 a step, tokens and money 0.2 * |log2| of the ratio,
 * anything that somebody would have to set 0.5, so that small differences of the request come
 * before changes of the installation. At most ROUTER_EXPLAIN_TRIES choices are made; for
 * explanations, not for every request. */
enum { ROUTER_EXPLAIN_TRIES = 256 };
enum base_err router_explain(const struct router_facts *facts,
                             const struct router_decision *decision, struct arena *arena,
                             struct router_explanation *ret,
                             struct base_error *reterr) BASE_MUST_USE;

/* One JSON object. `signals` NULL = no word of the prompt; otherwise the live form of /v1/route,
 * which adds the matched words. */
void router_explain_json(const struct router_explanation *explanation,
                         const struct router_signals *signals, struct json_writer *w);
/* The same for people: a few lines, and one per candidate. */
void router_explain_text(const struct router_explanation *explanation,
                         const struct router_signals *signals, struct buffer *out);
/* One change as a sentence: "complexity 0.42 instead of 0.61 would have chosen demo". */
void router_change_text(const struct router_change *change, struct buffer *out);
/* One reason as a clause: "cleared for internal, needs confidential". */
void router_reason_text(const struct router_reason *reason, struct buffer *out);

/* ---- Stored facts and replay ---- */

/* Canonical JSON: fixed order of keys, shortest numbers, no spaces. Facts that were written, read
 * and written again are the same bytes, and router_choose() on them comes to the same decision. */
void router_facts_write(const struct router_facts *facts, struct json_writer *w);
/* Most facts are those of the configuration, the same for each request: only what differs from
 * `base` is written. The reader needs the same base. */
void router_facts_write_changes(const struct router_facts *facts, const struct router_facts *base,
                                struct json_writer *w);
/* `base` NULL: whole facts; otherwise changes of it, and `ret` shares its slices and lists.
 * Strict: BAD_VALUE with the key at fault in reterr->param. */
enum base_err router_facts_read(const struct json_node *node, const struct router_facts *base,
                                struct arena *arena, struct router_facts *ret,
                                struct base_error *reterr) BASE_MUST_USE;
/* The choice in few bytes: outcome, order, and of each candidate cost, time and codes of reasons.
 * The facts explain the rest; the same facts lead to the same bytes. */
void router_decision_write(const struct router_decision *decision, struct json_writer *w);

/* ---- Checks at load ---- */

/* A fixed way for content to a set of targets, beside routes: a pipeline's step, a collection. */
struct router_path {
    struct slice name;                /* "pipelines.support.steps.answer" */
    enum policy_level least_level;    /* least that content on it can have */
    struct router_target_set targets; /* not given = every target */
};

struct router_check_config {
    const struct router_rules *rules; /* NULL = none */
    const struct router_routes *routes;
    const struct router_target *targets; /* only name, model, zone and clearance are read */
    size_t target_count;
    const struct router_path *paths;
    size_t path_count;
    enum policy_level least_level; /* of a request with nothing found: policy's default */
};

/* One cell: what a request of that level on that route can reach under the rules that always apply.
 */
struct router_cell {
    const uint32_t *targets; /* indexes into targets */
    size_t target_count;     /* 0 = REFUSE */
};
struct router_row {
    struct slice name; /* route, target name or path */
    struct router_cell by_level[POLICY_LEVEL_COUNT];
};
struct router_matrix {
    const struct router_row *rows; /* routes, then targets' own names, then paths */
    size_t count;
};

/* Load errors (BAD_CONFIG, reterr->param = "rules[3]" or the path's name): a path, or a rule with
 * pin or only, whose least possible level exceeds the clearance of all its targets; a level that a
 * rule raises to and no target is cleared for, unless that rule (or one that always applies from
 * that level on) refuses. The least possible level of a rule = join of least_level, of raises that
 * always apply, of its own raise and of its own `level` condition. */
enum base_err router_check(const struct router_check_config *config, struct arena *arena,
                           struct router_matrix *ret, struct base_error *reterr) BASE_MUST_USE;
/* For `hearth check --matrix --json`: a list of {"route","levels":{"public":["demo"],...}}; a level
 * that nothing can serve has an empty list. */
void router_matrix_json(const struct router_matrix *matrix, const struct router_target *targets,
                        struct json_writer *w);
/* For `hearth check --matrix`: one line per row. */
void router_matrix_text(const struct router_matrix *matrix, const struct router_target *targets,
                        struct buffer *out);

#endif
