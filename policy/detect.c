/* Runs the detectors over one text; see detect.h. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "policy/detect.h"

#define ALONE_BYTES 48

/* The patterns are the same for every policy, and take some 100 ms to compile. */
static pthread_mutex_t matcher_lock = PTHREAD_MUTEX_INITIALIZER;
static struct policy_matcher *shared_matcher;

static enum base_err build_matcher(struct base_error *reterr)
{
    size_t count = detect_rule_count + detect_keyword_count;
    struct policy_matcher_pattern *patterns = calloc(count, sizeof(*patterns));
    if (!patterns)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for the detectors");
    for (size_t i = 0; i < detect_rule_count; i++)
        patterns[i] = (struct policy_matcher_pattern){
            .name = slice_from_str(detect_rules[i].name),
            .regex = slice_from_str(detect_rules[i].regex),
            .flags = POLICY_MATCH_START | POLICY_MATCH_BYTES |
                     (detect_rules[i].flags & RULE_NO_CASE ? POLICY_MATCH_NO_CASE : 0),
        };
    for (size_t i = 0; i < detect_keyword_count; i++)
        patterns[detect_rule_count + i] = (struct policy_matcher_pattern){
            .name = slice_from_str(detect_keywords[i].text),
            .regex = slice_from_str(detect_keywords[i].text),
            .flags = POLICY_MATCH_LITERAL | POLICY_MATCH_EXACT | POLICY_MATCH_BYTES |
                     (detect_keywords[i].classes & CTX_CASE ? 0 : POLICY_MATCH_NO_CASE),
        };
    enum base_err err = policy_matcher_new(patterns, count, &shared_matcher, reterr);
    free(patterns);
    return err;
}

enum base_err detect_matcher(const struct policy_matcher **ret_matcher, struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    (void)pthread_mutex_lock(&matcher_lock);
    if (!shared_matcher)
        err = build_matcher(reterr);
    if (!err)
        *ret_matcher = shared_matcher;
    (void)pthread_mutex_unlock(&matcher_lock);
    return err;
}

__attribute__((destructor)) static void free_matcher(void)
{
    policy_matcher_free(shared_matcher);
    shared_matcher = NULL;
}

void detect_add(struct detect *d, enum policy_finding_type type, double confidence, size_t from,
                size_t to)
{
    if (!arena_grow(d->arena, (void **)&d->found, d->count, &d->capacity, sizeof(*d->found))) {
        d->out_of_memory = true;
        return;
    }
    d->found[d->count++] = (struct detect_found){
        .type = type, .confidence = (float)confidence, .from = from, .to = to, .custom = -1};
}

/* The first word that starts at or behind `at`. */
static size_t first_word(const struct detect *d, size_t at)
{
    size_t low = 0, high = d->word_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->words[middle].from < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool detect_near(const struct detect *d, size_t from, size_t to, uint32_t classes, size_t before,
                 size_t after)
{
    size_t i = first_word(d, from > before + 40 ? from - before - 40 : 0);
    for (; i < d->word_count && d->words[i].from < to + after; i++) {
        const struct detect_word *word = &d->words[i];
        if (!(word->classes & classes))
            continue;
        if ((word->to <= from && from - word->to <= before) || word->from >= to)
            return true;
    }
    return false;
}

double detect_entropy(struct slice value)
{
    unsigned counts[256] = {0};
    double bits = 0;
    for (size_t i = 0; i < value.len; i++)
        counts[(unsigned char)value.ptr[i]]++;
    for (size_t i = 0; i < 256; i++) {
        if (counts[i]) {
            double share = (double)counts[i] / (double)value.len;
            bits -= share * log2(share);
        }
    }
    return bits;
}

struct hits {
    struct detect *d;
    struct detect_word *words;
    size_t word_count, word_capacity;
    struct hit {
        unsigned rule;
        size_t from, to;
    } * tokens;
    size_t token_count, token_capacity;
};

/* A letter or digit, or a byte of a letter of another script. */
static bool is_word_byte(char c)
{
    return detect_is_alnum(c) || ((unsigned char)c >= 0xC3 && (unsigned char)c <= 0xD5) ||
           ((unsigned char)c & 0xC0) == 0x80;
}

static bool is_whole_word(const struct detect *d, uint32_t classes, size_t from, size_t to)
{
    if ((unsigned char)d->text.ptr[from] >= 0xE0) /* scripts that do not put spaces between words */
        return true;
    if (is_word_byte(detect_before(d, from)))
        return false;
    return (classes & CTX_PART) || !is_word_byte(detect_at(d, to)) ||
           !is_word_byte(d->text.ptr[to - 1]);
}

static bool on_hit(void *user, unsigned index, size_t from, size_t to)
{
    struct hits *h = user;
    struct detect *d = h->d;
    if (index < detect_rule_count) {
        /* Repetitions report every end: the longest one for a start is kept. */
        if (h->token_count > 0 && h->tokens[h->token_count - 1].rule == index &&
            h->tokens[h->token_count - 1].from == from) {
            h->tokens[h->token_count - 1].to = to;
            return true;
        }
        if (!arena_grow(d->arena, (void **)&h->tokens, h->token_count, &h->token_capacity,
                        sizeof(*h->tokens))) {
            d->out_of_memory = true;
            return false;
        }
        h->tokens[h->token_count++] = (struct hit){.rule = index, .from = from, .to = to};
        return true;
    }
    const struct detect_keyword *keyword = &detect_keywords[index - detect_rule_count];
    from = to - strlen(keyword->text);
    if (!(keyword->classes & CTX_INSIDE) && !is_whole_word(d, keyword->classes, from, to))
        return true;
    if (!arena_grow(d->arena, (void **)&h->words, h->word_count, &h->word_capacity,
                    sizeof(*h->words))) {
        d->out_of_memory = true;
        return false;
    }
    h->words[h->word_count++] = (struct detect_word){
        .from = (uint32_t)from, .to = (uint32_t)to, .classes = keyword->classes};
    return true;
}

#define D CLASS_DIGIT | CLASS_HEX
#define H CLASS_ALPHA | CLASS_HEX
#define A CLASS_ALPHA
const uint8_t detect_classes[256] = {
    ['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D, ['5'] = D, ['6'] = D, ['7'] = D,
    ['8'] = D, ['9'] = D, ['A'] = H, ['B'] = H, ['C'] = H, ['D'] = H, ['E'] = H, ['F'] = H,
    ['G'] = A, ['H'] = A, ['I'] = A, ['J'] = A, ['K'] = A, ['L'] = A, ['M'] = A, ['N'] = A,
    ['O'] = A, ['P'] = A, ['Q'] = A, ['R'] = A, ['S'] = A, ['T'] = A, ['U'] = A, ['V'] = A,
    ['W'] = A, ['X'] = A, ['Y'] = A, ['Z'] = A, ['a'] = H, ['b'] = H, ['c'] = H, ['d'] = H,
    ['e'] = H, ['f'] = H, ['g'] = A, ['h'] = A, ['i'] = A, ['j'] = A, ['k'] = A, ['l'] = A,
    ['m'] = A, ['n'] = A, ['o'] = A, ['p'] = A, ['q'] = A, ['r'] = A, ['s'] = A, ['t'] = A,
    ['u'] = A, ['v'] = A, ['w'] = A, ['x'] = A, ['y'] = A, ['z'] = A,
};
#undef D
#undef H
#undef A

/* Words without digits are most of a text, and nothing to the detectors of numbers. */
static bool find_tokens(struct detect *d)
{
    struct detect_token *tokens = NULL;
    size_t count = 0, capacity = 0;
    for (size_t at = 0; at < d->text.len; at++) {
        size_t from = at;
        uint8_t seen = 0;
        while (at < d->text.len && detect_is_alnum(d->text.ptr[at]))
            seen |= detect_classes[(unsigned char)d->text.ptr[at++]];
        char next = detect_at(d, at);
        bool pair = at - from == 2 && (next == ':' || next == '-' || next == ' ');
        if (!(seen & CLASS_DIGIT) && at - from < 26 && !pair)
            continue;
        if (!arena_grow(d->arena, (void **)&tokens, count, &capacity, sizeof(*tokens)))
            return false;
        tokens[count++] = (struct detect_token){
            .from = (uint32_t)from, .to = (uint32_t)at, .digits = seen & CLASS_DIGIT};
    }
    d->tokens = tokens;
    d->token_count = count;
    return true;
}

static int compare_words(const void *a, const void *b)
{
    const struct detect_word *x = a, *y = b;
    return x->from != y->from ? (x->from < y->from ? -1 : 1) : (x->to < y->to ? -1 : x->to > y->to);
}

enum base_err detect_run(struct detect *d, const struct policy_matcher *matcher)
{
    struct hits h = {.d = d};
    enum base_err err = policy_matcher_each(matcher, d->text, on_hit, &h);
    if (err)
        return err;
    if (h.word_count > 1)
        qsort(h.words, h.word_count, sizeof(*h.words), compare_words);
    d->words = h.words;
    d->word_count = h.word_count;
    if (d->out_of_memory || !find_tokens(d))
        return BASE_ERR_NO_MEMORY;
    d->alone = slice_trim(d->text).len <= ALONE_BYTES;
    d->seen = h.token_count ? arena_calloc(d->arena, detect_rule_count, sizeof(*d->seen)) : NULL;
    if (h.token_count && !d->seen)
        return BASE_ERR_NO_MEMORY;
    for (size_t i = 0; i < h.token_count; i++)
        detect_prefixed(d, h.tokens[i].rule, h.tokens[i].from, h.tokens[i].to);
    detect_numbers(d);
    detect_identifiers(d);
    detect_network(d);
    detect_by_word(d);
    detect_places(d);
    return d->out_of_memory ? BASE_ERR_NO_MEMORY : BASE_OK;
}

static int compare_found(const void *a, const void *b)
{
    const struct detect_found *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->to > y->to ? -1 : x->to < y->to;
}

static bool is_stronger(const struct detect_found *a, const struct detect_found *b)
{
    if (a->confidence > b->confidence + 0.001f || b->confidence > a->confidence + 0.001f)
        return a->confidence > b->confidence;
    return a->to - a->from > b->to - b->from;
}

void detect_resolve(struct detect *d)
{
    size_t kept = 0;
    if (d->count > 1)
        qsort(d->found, d->count, sizeof(*d->found), compare_found);
    for (size_t i = 0; i < d->count; i++) {
        /* Names of dictionaries and patterns are never hidden by others. */
        bool drop = false;
        while (kept > 0 && d->found[kept - 1].to > d->found[i].from &&
               d->found[kept - 1].custom < 0 && d->found[i].custom < 0) {
            if (!is_stronger(&d->found[i], &d->found[kept - 1])) {
                drop = true;
                break;
            }
            kept--;
        }
        if (!drop)
            d->found[kept++] = d->found[i];
    }
    d->count = kept;
}
