/*
 * Detectors: what private things stand in one text. Private to policy/.
 *
 *     detect_text(matcher, view.text, arena, &list) -> raw findings, by offset, overlaps resolved
 *
 * One pass of the matcher finds words that give context ("passport") and tokens with a prefix of
 * their own ("ghp_..."); one pass of C code finds numbers, identifiers and addresses, and checks
 * them with validators.h; context decides about those that have no check digit or could be
 * anything. A text that is hardly more than the identifier itself (a field of a form) counts as
 * context, too.
 */
#ifndef POLICY_DETECT_H
#define POLICY_DETECT_H

#include "policy/matcher.h"
#include "policy/policy.h"

/* Kinds of context words, as bits. */
enum {
    CTX_CARD = 1 << 0,
    CTX_BANK = 1 << 1,
    CTX_SSN = 1 << 2,
    CTX_NATIONAL = 1 << 3,
    CTX_TAX = 1 << 4,
    CTX_LICENCE = 1 << 5,
    CTX_PASSPORT = 1 << 6,
    CTX_MEDICAL = 1 << 7,
    CTX_PHONE = 1 << 8,
    CTX_BIRTH = 1 << 9,
    CTX_SECRET = 1 << 10,   /* password, secret, token, api key */
    CTX_PASSWORD = 1 << 11, /* short values count, too */
    CTX_ADDRESS = 1 << 12,
    CTX_STREET = 1 << 13, /* Road, rue, Straße */
    CTX_UNIT = 1 << 14,   /* Apt., Suite, PO Box */
    CTX_CONDITION = 1 << 15,
    CTX_PATIENT = 1 << 16, /* words that make a condition somebody's */
    CTX_MARKING = 1 << 17, /* "do not distribute" */
    CTX_IBAN = 1 << 18,
    CTX_WALLET = 1 << 19,
    CTX_INSIDE = 1 << 20, /* the word may stand inside an identifier: githubToken */
    CTX_CASE = 1 << 21,   /* only in capitals as given */
    CTX_COUNTRY = 1 << 22,
    CTX_HOME = 1 << 24, /* "lives at": an address follows, however it looks */
    CTX_ZIP = 1 << 25,
    CTX_WEAK = 1 << 26, /* of a secret's name: asks for a longer value */
    CTX_VEHICLE = 1 << 27,
    CTX_DEVICE = 1 << 28,
    CTX_PART = 1 << 23 /* may be followed by letters: strasse, wohnhaft */
};

struct detect_word {
    uint32_t from, to;
    uint32_t classes;
};

/* Letters and digits in a row: those with a digit, long ones, and pairs (of a MAC address). */
struct detect_token {
    uint32_t from, to;
    bool digits;
};

struct detect_found {
    enum policy_finding_type type;
    float confidence;
    size_t from, to;
    int custom; /* index into the policy's names for CUSTOM; -1 */
};

struct detect {
    struct slice text;
    struct arena *arena;
    const struct detect_word *words; /* by `from` */
    size_t word_count;
    const struct detect_token *tokens; /* by `from` */
    size_t token_count;
    bool alone; /* the text is short: hardly more than one value */
    /* Of each rule, so that no byte is read again for every token that begins before it. */
    struct detect_seen {
        size_t done;             /* tokens that begin before it lie in one that was found */
        size_t row_from, row_to; /* characters that a token may go on with, as far as they go */
    } * seen;
    size_t end_mark; /* the next end of a private key behind where one was looked for */
    struct detect_found *found;
    size_t count, capacity;
    bool out_of_memory;
};

/* Built-in patterns, compiled once per process and shared. */
enum base_err detect_matcher(const struct policy_matcher **ret_matcher,
                             struct base_error *reterr) BASE_MUST_USE;

/* Runs all built-in detectors; findings are appended to d->found (unsorted, may overlap). */
enum base_err detect_run(struct detect *d, const struct policy_matcher *matcher) BASE_MUST_USE;
/* Sorts by offset and keeps, of findings that overlap, the more certain or longer one. */
void detect_resolve(struct detect *d);

/* For detectors. */
void detect_add(struct detect *d, enum policy_finding_type type, double confidence, size_t from,
                size_t to);
/* Whether a word of one of `classes` ends at most `before` bytes before `from`, or starts at most
 * `after` bytes behind `to`. */
bool detect_near(const struct detect *d, size_t from, size_t to, uint32_t classes, size_t before,
                 size_t after);

/* The detectors by subject. */
void detect_numbers(struct detect *d); /* detect_number.c: cards, phones, national numbers */
void detect_identifiers(
    struct detect *d);                 /* detect_id.c: IBAN, DNI, licences: letters and digits */
void detect_network(struct detect *d); /* detect_net.c: e-mail, IP, MAC, wallets */
void detect_by_word(
    struct detect *d); /* detect_word.c: passwords, dates of birth, what a word announces */
void detect_places(struct detect *d); /* detect_place.c: postal addresses */
/* detect_secret.c: a token that a pattern found; checks what the pattern cannot. */
void detect_prefixed(struct detect *d, unsigned rule, size_t from, size_t to);
bool detect_is_placeholder(struct slice value);
double detect_entropy(struct slice value); /* Shannon, bits per byte */

/* detect_table.c */
struct detect_rule {
    const char *name;
    const char *regex; /* the head; short, because where it starts is reported */
    const char *tail;  /* characters that may follow, as in a bracket expression; NULL = none */
    uint16_t shortest, longest; /* how many of them */
    float entropy;              /* least, of the whole token */
    uint32_t flags;
};
enum {
    RULE_NO_CASE = 1,
    RULE_LEFT_OPEN = 2 /* may follow a letter or digit */,
    RULE_RIGHT_OPEN = 4,
    RULE_PREFIXED = 8 /* the prefix says it all: no look at entropy or examples */
};
extern const struct detect_rule detect_rules[];
extern const size_t detect_rule_count;

struct detect_keyword {
    const char *text; /* lower case, ASCII folded, unless CTX_CASE */
    uint32_t classes;
};
extern const struct detect_keyword detect_keywords[];
extern const size_t detect_keyword_count;

/* Bits of detect_classes[]. */
enum { CLASS_DIGIT = 1, CLASS_ALPHA = 2, CLASS_HEX = 4 };
extern const uint8_t detect_classes[256];

static inline bool detect_is_digit(char c)
{
    return detect_classes[(unsigned char)c] & CLASS_DIGIT;
}

static inline bool detect_is_alpha(char c)
{
    return detect_classes[(unsigned char)c] & CLASS_ALPHA;
}

static inline bool detect_is_alnum(char c)
{
    return detect_classes[(unsigned char)c] & (CLASS_DIGIT | CLASS_ALPHA);
}

static inline bool detect_is_hex(char c)
{
    return detect_classes[(unsigned char)c] & CLASS_HEX;
}

/* The byte at `at`, or a line end outside of the text. */
static inline char detect_at(const struct detect *d, size_t at)
{
    return at < d->text.len ? d->text.ptr[at] : '\n';
}

static inline char detect_before(const struct detect *d, size_t at)
{
    return at > 0 ? d->text.ptr[at - 1] : '\n';
}

#endif
