/*
 * Grammars, private part: from a text to an automaton over bytes, and from its state to a mask.
 *
 *     grammar.c           the builder, checks of a finished grammar
 *     expr.c              characters and expressions to instructions: UTF-8, or inside JSON strings
 *     gbnf.c              GBNF;  regex.c          the `pattern` of a schema
 *     json.c              white space, strings, numbers, values of JSON
 *     form.c              an answer's reasoning, calls and content, in the markup of a model
 *     tagged.c            a call's arguments as tags
 *     schema.c            JSON Schema: keywords;  value.c, object.c          what they mean
 *     run.c               the automaton: sets of stacks as states, made when they are met
 *     mask.c              the vocabulary as a trie; which tokens a state allows
 *
 * A grammar is a list of rules; a rule is code: read one byte of a set, go on in two ways, call a
 * rule a number of times, return. Code is written from its end: every function takes the place to
 * go on at (`next`) and gives the place where what it wrote begins. So within a rule `next` is
 * always below, and the only loops are counted calls; the counter lies in the frame, so that
 * x{0,1000000} is as small as x.
 *
 * All is bounded: text, instructions, rules, frames on a stack, stacks in a state, states, and the
 * work for one token. Nothing recurses on what comes from outside but the parsers of GBNF and of
 * patterns, which nest at most GRAMMAR_NEST_MAX deep.
 */
#ifndef ENGINE_GRAMMAR_GRAMMAR_H
#define ENGINE_GRAMMAR_GRAMMAR_H

#include "base/core/arena.h"
#include "engine/engine.h"

enum {
    GRAMMAR_TEXT_MAX = 128 * 1024,
    GRAMMAR_CODE_MAX = 100000,
    GRAMMAR_RULES_MAX = 40000,
    GRAMMAR_SETS_MAX = 4096,
    GRAMMAR_NEST_MAX = 48,
    GRAMMAR_DEPTH_MAX = 256 /* frames on a stack */
};
#define GRAMMAR_MANY UINT32_MAX /* no upper limit */

enum grammar_op {
    GRAMMAR_RETURN, /* only at GRAMMAR_AT_RETURN */
    GRAMMAR_FAIL,   /* only at GRAMMAR_AT_FAIL */
    GRAMMAR_BYTE,   /* one byte of set `arg`, then `next` */
    GRAMMAR_SPLIT,  /* `next` and `arg` */
    GRAMMAR_CALL    /* rule `arg` `min` to `max` times, then `next` */
};
enum { GRAMMAR_AT_RETURN = 0, GRAMMAR_AT_FAIL = 1 };

struct grammar_code {
    enum grammar_op op;
    uint32_t next, arg, min, max;
    /* Most frames that the shortest way to the end of the rule takes; more than GRAMMAR_DEPTH_MAX:
     * there is none, and the automaton never goes here. */
    uint32_t need;
};

struct grammar_set {
    uint64_t bits[4];
};

static inline bool grammar_set_has(const struct grammar_set *set, uint8_t byte)
{
    return (set->bits[byte >> 6] >> (byte & 63) & 1) != 0;
}

static inline void grammar_set_add(struct grammar_set *set, unsigned low, unsigned high)
{
    for (unsigned b = low; b <= high; b++)
        set->bits[b >> 6] |= UINT64_C(1) << (b & 63);
}

struct engine_grammar {
    atomic_uint refs;
    size_t bytes; /* of memory */
    struct grammar_code *code;
    uint32_t code_count;
    struct grammar_set *sets;
    uint32_t *entries; /* of the rules: where each begins */
    uint32_t rule_count, root;
    uint8_t classes[256]; /* bytes that no set tells apart are one class */
    uint8_t samples[256]; /* a byte of each class */
    uint32_t class_count;
    char *tags; /* notes of grammar_tagged(): see tagged.c */
    size_t tags_len;
};

/* --- Building -------------------------------------------------------------------------------
 *
 * The first error stays, and everything after it does nothing: only finish() is checked. */

struct grammar_rule {
    uint32_t entry;
    struct slice name; /* for messages; absent = made up */
};

/* Rules of JSON that a grammar may need; made when first asked for. */
enum grammar_json_rule {
    GRAMMAR_JSON_SPACE,
    GRAMMAR_JSON_CHAR, /* one character of a string, escaped or not */
    GRAMMAR_JSON_STRING,
    GRAMMAR_JSON_DIGIT,
    GRAMMAR_JSON_INTEGER,
    GRAMMAR_JSON_NUMBER,
    GRAMMAR_JSON_OBJECT,
    GRAMMAR_JSON_ARRAY,
    GRAMMAR_JSON_VALUE,
    GRAMMAR_JSON_RULE_COUNT
};

struct grammar_builder {
    struct arena *arena; /* everything below but the message */
    enum base_err err;
    struct base_error *reterr;
    struct grammar_code *code;
    size_t code_count, code_capacity;
    struct grammar_rule *rules;
    size_t rule_count, rule_capacity;
    struct grammar_set *sets;
    size_t set_count, set_capacity;
    uint32_t *set_slots;                          /* hash of the sets: index + 1 */
    uint32_t json_rules[GRAMMAR_JSON_RULE_COUNT]; /* index + 1 */
    char *tags;                                   /* of the arena */
    size_t tags_len, tags_capacity;
};

enum base_err grammar_begin(struct grammar_builder *b, struct base_error *reterr) BASE_MUST_USE;
void grammar_fail(struct grammar_builder *b, enum base_err err, const char *format, ...)
    BASE_PRINTF(3, 4);
/* Checks the whole, makes the grammar, and frees the builder in any case. */
enum base_err grammar_finish(struct grammar_builder *b, uint32_t root,
                             struct engine_grammar **ret_grammar) BASE_MUST_USE;

uint32_t grammar_rule(struct grammar_builder *b, struct slice name);
void grammar_define(struct grammar_builder *b, uint32_t rule, uint32_t entry);

uint32_t grammar_byte(struct grammar_builder *b, const struct grammar_set *set, uint32_t next);
uint32_t grammar_bytes(struct grammar_builder *b, unsigned low, unsigned high, uint32_t next);
uint32_t grammar_text(struct grammar_builder *b, struct slice bytes, uint32_t next);
uint32_t grammar_either(struct grammar_builder *b, uint32_t one, uint32_t other);
uint32_t grammar_call(struct grammar_builder *b, uint32_t rule, uint32_t min, uint32_t max,
                      uint32_t next);

/* --- Expressions ---------------------------------------------------------------------------- */

struct grammar_range {
    uint32_t low, high; /* code points */
};

enum grammar_expr_type {
    GRAMMAR_EXPR_CHARS, /* one character of `ranges`, or of all others when `negated` */
    GRAMMAR_EXPR_SEQUENCE,
    GRAMMAR_EXPR_CHOICE,
    GRAMMAR_EXPR_RULE,
    GRAMMAR_EXPR_REPEAT /* items[0] `min` to `max` times */
};

struct grammar_expr {
    enum grammar_expr_type type;
    bool negated;
    uint32_t rule, min, max;
    struct grammar_range *ranges;
    size_t range_count, range_capacity;
    struct grammar_expr **items;
    size_t item_count, item_capacity;
};

/* NULL after an error. */
struct grammar_expr *grammar_expr_new(struct grammar_builder *b, enum grammar_expr_type type);
void grammar_expr_add(struct grammar_builder *b, struct grammar_expr *list,
                      struct grammar_expr *item);
void grammar_expr_range(struct grammar_builder *b, struct grammar_expr *chars, uint32_t low,
                        uint32_t high);

enum grammar_chars {
    GRAMMAR_CHARS_AS_THEY_ARE,
    /* Inside a JSON string: some are written as escapes; control characters without a short escape
     * only when they are alone in their class. */
    GRAMMAR_CHARS_JSON,
    GRAMMAR_CHARS_TAGGED /* between tags: all but '<' */
};
uint32_t grammar_expr_code(struct grammar_builder *b, struct grammar_expr *expr,
                           enum grammar_chars how, uint32_t next);

/* One character of a range of code points, as UTF-8; surrogates are left out. */
uint32_t grammar_utf8(struct grammar_builder *b, uint32_t low, uint32_t high, uint32_t next);

/* What {2,5} and the like say; *at stands behind the '{' and then behind the '}'. False: not such a
 * thing. */
bool grammar_read_counts(struct slice text, size_t *at, uint32_t *ret_min, uint32_t *ret_max);
/* `digits` hexadecimal digits at *at. */
bool grammar_read_hex(struct slice text, size_t *at, size_t digits, uint32_t *ret);

/* A `pattern` to the code of the inside of a string. */
uint32_t grammar_regex(struct grammar_builder *b, struct slice pattern, struct slice path,
                       enum grammar_chars how, uint32_t next);

/* The rule named root. */
uint32_t grammar_gbnf(struct grammar_builder *b, struct slice text);

/* The rule of a JSON Schema. */
uint32_t grammar_schema(struct grammar_builder *b, struct slice json);

/* The arguments of a call as tags instead of JSON, for an object with properties:
 *
 *     <parameter=city>
 *     Paris
 *     </parameter>
 *
 * White space before each; a text stands as it is, everything else as JSON. `tool`: under whose
 * name it is noted which are texts. An absent schema: any parameters, whatever they hold. */
uint32_t grammar_tagged(struct grammar_builder *b, struct slice tool, struct slice json);
#define GRAMMAR_TAG_OPEN "<parameter="
#define GRAMMAR_TAG_CLOSE "\n</parameter>"

/* How a parameter was written that such a grammar allowed. */
enum grammar_tag { GRAMMAR_TAG_JSON, GRAMMAR_TAG_TEXT, GRAMMAR_TAG_TEXT_OR_NULL };
enum grammar_tag grammar_tag_of(const struct engine_grammar *grammar, struct slice tool,
                                struct slice key);

/* Any text that does not hold the marker, whose first byte comes in it once; then `next`. */
uint32_t grammar_text_without(struct grammar_builder *b, struct slice marker, uint32_t next);

/* --- JSON ----------------------------------------------------------------------------------- */

uint32_t grammar_json_rule(struct grammar_builder *b, enum grammar_json_rule which);
/* The rule once. */
uint32_t grammar_json(struct grammar_builder *b, enum grammar_json_rule which, uint32_t next);
/* Decimal numbers from low to high without leading zeros; high < 10^18. */
uint32_t grammar_digits(struct grammar_builder *b, uint64_t low, uint64_t high, uint32_t next);
/* Integers; magnitudes below 10^18. */
uint32_t grammar_integers(struct grammar_builder *b, int64_t low, int64_t high, uint32_t next);
/* Numbers with decimals between two integers. */
uint32_t grammar_decimals(struct grammar_builder *b, int64_t low, int64_t high, uint32_t next);
/* space ',' space, and so on: punctuation with white space before and behind. */
uint32_t grammar_comma(struct grammar_builder *b, uint32_t next);
/* Appends the text in quotes, with escapes. */
void grammar_write_string(struct buffer *out, struct slice text);

/* --- Running -------------------------------------------------------------------------------- */

struct grammar_run;

/* States are numbers, valid until grammar_run_tidy(); GRAMMAR_DEAD = no text goes this way. */
enum { GRAMMAR_DEAD = 0 };

/* Holds a reference to the grammar. NULL: no memory. */
struct grammar_run *grammar_run_new(struct engine_grammar *grammar);
void grammar_run_free(struct grammar_run *run);

uint32_t grammar_run_start(struct grammar_run *run);
uint32_t grammar_run_step(struct grammar_run *run, uint32_t state, uint8_t byte);
bool grammar_run_accepts(const struct grammar_run *run, uint32_t state);
/* Accepts, and nothing more may follow. */
bool grammar_run_is_final(const struct grammar_run *run, uint32_t state);
/* BASE_OK, or why it has stopped: LIMIT, NO_MEMORY. It stays. */
enum base_err grammar_run_error(const struct grammar_run *run);

/* Between tokens: begins a new account of work, and forgets all states but one when they have
 * become many. The state's new number; *ret_forgot tells whether numbers have changed. */
uint32_t grammar_run_tidy(struct grammar_run *run, uint32_t state, bool *ret_forgot);

/* --- Masks ---------------------------------------------------------------------------------- */

/* Every token's bytes in order: what a mask walks along. Made once for a tokenizer, which it
 * borrows; immutable. */
struct grammar_trie;
struct engine_tokenizer;
struct grammar_trie *grammar_trie_new(const struct engine_tokenizer *tok); /* NULL: no memory */
void grammar_trie_free(struct grammar_trie *trie);                         /* NULL allowed */

/* The state of one generation. One thread at a time. */
struct grammar_mask;

/* `strip_space`: a space at the beginning of the first token is not part of the answer. */
enum base_err grammar_mask_new(struct engine_grammar *grammar, bool strip_space,
                               struct grammar_mask **ret_mask,
                               struct base_error *reterr) BASE_MUST_USE;
void grammar_mask_free(struct grammar_mask *mask); /* NULL allowed */

/* Before the first use; borrowed. NULL: all that follows is NO_MEMORY. `said`: what of the answer
 * the prompt holds already, or absent; a grammar that does not begin so does not count it. */
void grammar_mask_attach(struct grammar_mask *mask, const struct grammar_trie *trie,
                         struct slice said);

/* For the sampler. */
struct engine_mask grammar_mask_ops(struct grammar_mask *mask);

/* Nothing may follow but the end. */
bool grammar_mask_is_final(const struct grammar_mask *mask);

/* Why apply() allowed nothing; BASE_OK = it did. */
enum base_err grammar_mask_error(const struct grammar_mask *mask, struct base_error *reterr);

#endif
