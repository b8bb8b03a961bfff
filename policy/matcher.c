/* Many patterns in one pass, on Hyperscan (or Vectorscan, which has the same interface). */
#include <hs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "policy/matcher.h"

#define MAX_PATTERNS 65536
#define MAX_PATTERN_BYTES 4096
#define MAX_TEXT_BYTES ((size_t)1 << 30)

struct policy_matcher {
    hs_database_t *database; /* NULL: no patterns */
    size_t count;
    struct traits {
        bool whole_word; /* the neighbours of a match are looked at */
        unsigned width;  /* not 0: every match is so long, so its start is known from its end */
    } * traits;          /* per pattern */
    bool needs_utf8;
};

/*
 * Scratch memory: Hyperscan wants one per thread, large enough for every database. `prototype` is
 * the largest so far; a thread clones it when its own copy is older.
 */
static pthread_mutex_t prototype_lock = PTHREAD_MUTEX_INITIALIZER;
static hs_scratch_t *prototype;
static atomic_uint prototype_generation;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

struct thread_scratch {
    hs_scratch_t *scratch;
    unsigned generation;
};
static _Thread_local struct thread_scratch own;

static void free_scratch(void *scratch)
{
    hs_free_scratch(scratch);
}

static void make_key(void)
{
    (void)pthread_key_create(&key, free_scratch);
}

static hs_scratch_t *thread_scratch(void)
{
    unsigned generation = atomic_load_explicit(&prototype_generation, memory_order_acquire);
    if (own.scratch && own.generation == generation)
        return own.scratch;
    (void)pthread_once(&key_once, make_key);
    hs_scratch_t *clone = NULL;
    (void)pthread_mutex_lock(&prototype_lock);
    generation = atomic_load_explicit(&prototype_generation, memory_order_relaxed);
    hs_error_t failed = prototype ? hs_clone_scratch(prototype, &clone) : HS_NOMEM;
    (void)pthread_mutex_unlock(&prototype_lock);
    if (failed != HS_SUCCESS)
        return NULL;
    if (own.scratch)
        hs_free_scratch(own.scratch);
    own.scratch = clone;
    own.generation = generation;
    (void)pthread_setspecific(key, clone);
    return clone;
}

static enum base_err grow_prototype(const hs_database_t *database)
{
    (void)pthread_mutex_lock(&prototype_lock);
    hs_error_t failed = hs_alloc_scratch(database, &prototype);
    if (failed == HS_SUCCESS)
        atomic_fetch_add_explicit(&prototype_generation, 1, memory_order_release);
    (void)pthread_mutex_unlock(&prototype_lock);
    return failed == HS_SUCCESS ? BASE_OK : BASE_ERR_NO_MEMORY;
}

/* The pattern as Hyperscan gets it; a literal has its special characters escaped, and runs of
 * spaces and dashes in it match each other. */
static char *expression_new(const struct policy_matcher_pattern *pattern)
{
    struct slice regex = pattern->regex;
    bool literal = pattern->flags & POLICY_MATCH_LITERAL;
    char *out = malloc(regex.len * 8 + 1);
    if (!out)
        return NULL;
    size_t len = 0;
    for (size_t i = 0; i < regex.len; i++) {
        char c = regex.ptr[i];
        if (literal && (c == ' ' || c == '-') && !(pattern->flags & POLICY_MATCH_EXACT)) {
            while (i + 1 < regex.len && (regex.ptr[i + 1] == ' ' || regex.ptr[i + 1] == '-'))
                i++;
            memcpy(out + len, "[\\s-]+", 6);
            len += 6;
            continue;
        }
        if (literal && (unsigned char)c < 0x80 && strchr("\\^$.[]|()?*+{}/#", c))
            out[len++] = '\\';
        out[len++] = c;
    }
    out[len] = '\0';
    return out;
}

static unsigned expression_flags(unsigned flags)
{
    unsigned hs = HS_FLAG_DOTALL;
    if (!(flags & POLICY_MATCH_BYTES))
        hs |= HS_FLAG_UTF8;
    if (flags & POLICY_MATCH_NO_CASE)
        hs |= HS_FLAG_CASELESS;
    if (flags & (POLICY_MATCH_START | POLICY_MATCH_WORD))
        hs |= HS_FLAG_SOM_LEFTMOST;
    else if (!(flags & POLICY_MATCH_EXACT))
        hs |= HS_FLAG_SINGLEMATCH;
    return hs;
}

/* Matches of one length need no help from the matcher to find their start, which is much cheaper.
 */
static unsigned fixed_width(const char *expression, unsigned flags)
{
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *problem = NULL;
    unsigned width = 0;
    if (hs_expression_info(expression, flags, &info, &problem) == HS_SUCCESS && info &&
        info->min_width == info->max_width)
        width = info->min_width;
    free(info);
    hs_free_compile_error(problem);
    return width;
}

static enum base_err check_patterns(const struct policy_matcher_pattern *patterns, size_t count,
                                    struct base_error *reterr)
{
    if (count > MAX_PATTERNS)
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%zu patterns; at most %d are possible",
                              count, MAX_PATTERNS);
    for (size_t i = 0; i < count; i++) {
        struct slice regex = patterns[i].regex;
        const char *wrong = NULL;
        if (regex.len == 0)
            wrong = "is empty";
        else if (regex.len > MAX_PATTERN_BYTES)
            wrong = "is longer than 4096 bytes";
        else if (memchr(regex.ptr, '\0', regex.len))
            wrong = "contains a NUL byte";
        else if (!slice_is_utf8(regex))
            wrong = "is not UTF-8";
        if (wrong)
            return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "pattern \"%.*s\" %s",
                                  SLICE_ARG(patterns[i].name), wrong);
    }
    return BASE_OK;
}

static enum base_err compile_error(const struct policy_matcher_pattern *patterns, size_t count,
                                   const hs_compile_error_t *problem, struct base_error *reterr)
{
    if (problem->expression >= 0 && (size_t)problem->expression < count)
        return base_error_set(
            reterr, BASE_ERR_BAD_CONFIG,
            "pattern \"%.*s\" cannot be matched in linear time or is malformed: %s",
            SLICE_ARG(patterns[problem->expression].name), problem->message);
    return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "patterns cannot be compiled: %s",
                          problem->message);
}

static enum base_err compile(struct policy_matcher *matcher,
                             const struct policy_matcher_pattern *patterns, size_t count,
                             struct base_error *reterr)
{
    char **expressions = calloc(count, sizeof(*expressions));
    unsigned *flags = calloc(count, sizeof(*flags));
    unsigned *ids = calloc(count, sizeof(*ids));
    enum base_err err = BASE_ERR_NO_MEMORY;
    if (!expressions || !flags || !ids)
        goto out;
    for (size_t i = 0; i < count; i++) {
        expressions[i] = expression_new(&patterns[i]);
        if (!expressions[i])
            goto out;
        flags[i] = expression_flags(patterns[i].flags);
        ids[i] = (unsigned)i;
        matcher->traits[i].whole_word = patterns[i].flags & POLICY_MATCH_WORD;
        if ((flags[i] & HS_FLAG_SOM_LEFTMOST) && (patterns[i].flags & POLICY_MATCH_BYTES))
            matcher->traits[i].width = fixed_width(expressions[i], flags[i]);
        if (matcher->traits[i].width)
            flags[i] &= ~(unsigned)HS_FLAG_SOM_LEFTMOST;
        matcher->needs_utf8 |= !(patterns[i].flags & POLICY_MATCH_BYTES);
    }
    hs_compile_error_t *problem = NULL;
    hs_error_t failed =
        hs_compile_multi((const char *const *)expressions, flags, ids, (unsigned)count,
                         HS_MODE_BLOCK, NULL, &matcher->database, &problem);
    if (failed == HS_SUCCESS)
        err = grow_prototype(matcher->database);
    else
        err = problem && problem->message ? compile_error(patterns, count, problem, reterr)
                                          : BASE_ERR_NO_MEMORY;
    hs_free_compile_error(problem);
out:
    if (expressions) {
        for (size_t i = 0; i < count; i++)
            free(expressions[i]);
    }
    free(expressions);
    free(flags);
    free(ids);
    if (err == BASE_ERR_NO_MEMORY)
        base_error_set(reterr, err, "out of memory while compiling %zu patterns", count);
    return err;
}

enum base_err policy_matcher_new(const struct policy_matcher_pattern *patterns, size_t count,
                                 struct policy_matcher **ret_matcher, struct base_error *reterr)
{
    enum base_err err = check_patterns(patterns, count, reterr);
    if (err)
        return err;
    if (hs_valid_platform() != HS_SUCCESS)
        return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                              "this processor lacks SSSE3, which pattern matching needs");
    struct policy_matcher *matcher = calloc(1, sizeof(*matcher));
    if (!matcher)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for a matcher");
    matcher->count = count;
    matcher->traits = calloc(count ? count : 1, sizeof(*matcher->traits));
    if (!matcher->traits)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for a matcher");
    else if (count > 0)
        err = compile(matcher, patterns, count, reterr);
    if (err) {
        policy_matcher_free(matcher);
        return err;
    }
    *ret_matcher = matcher;
    return BASE_OK;
}

void policy_matcher_free(struct policy_matcher *matcher)
{
    if (!matcher)
        return;
    if (matcher->database)
        hs_free_database(matcher->database);
    free(matcher->traits);
    free(matcher);
}

struct each {
    const struct policy_matcher *matcher;
    struct slice text;
    policy_match_fn on_match;
    void *user;
};

/* Whether the character that byte `at` belongs to is a letter or digit of a script that puts spaces
 * between words: ASCII, and the two-byte letters from Latin to Cyrillic and Armenian. */
static bool is_word_at(struct slice text, size_t at)
{
    for (int back = 0; back < 3 && at > 0 && ((unsigned char)text.ptr[at] & 0xC0) == 0x80; back++)
        at--;
    unsigned char b = (unsigned char)text.ptr[at];
    return (b >= '0' && b <= '9') || ((b | 32) >= 'a' && (b | 32) <= 'z') ||
           (b >= 0xC3 && b <= 0xD5);
}

static int on_hs_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                       void *user)
{
    (void)flags;
    const struct each *each = user;
    const struct traits *traits = &each->matcher->traits[id];
    if (traits->width)
        from = to - traits->width;
    if (traits->whole_word && ((from > 0 && is_word_at(each->text, (size_t)from - 1) &&
                                is_word_at(each->text, (size_t)from)) ||
                               (to < each->text.len && is_word_at(each->text, (size_t)to) &&
                                is_word_at(each->text, (size_t)to - 1))))
        return 0;
    return each->on_match(each->user, id, (size_t)from, (size_t)to) ? 0 : 1;
}

/* A copy in which each byte that is not part of a UTF-8 character is a '?'. */
static char *repair_utf8(struct slice text)
{
    char *copy = malloc(text.len);
    if (!copy)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    for (size_t i = 0; i < text.len;) {
        unsigned char lead = (unsigned char)copy[i];
        size_t want = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        if (want <= text.len - i && slice_is_utf8(slice_of(copy + i, want)))
            i += want;
        else
            copy[i++] = '?';
    }
    return copy;
}

enum base_err policy_matcher_each(const struct policy_matcher *matcher, struct slice text,
                                  policy_match_fn on_match, void *user)
{
    if (!matcher->database || text.len == 0)
        return BASE_OK;
    if (text.len > MAX_TEXT_BYTES)
        return BASE_ERR_LIMIT;
    hs_scratch_t *scratch = thread_scratch();
    if (!scratch)
        return BASE_ERR_NO_MEMORY;
    char *copy = NULL;
    if (matcher->needs_utf8 && !slice_is_utf8(text)) {
        copy = repair_utf8(text);
        if (!copy)
            return BASE_ERR_NO_MEMORY;
        text.ptr = copy;
    }
    struct each each = {.matcher = matcher, .text = text, .on_match = on_match, .user = user};
    hs_error_t failed =
        hs_scan(matcher->database, text.ptr, (unsigned)text.len, 0, scratch, on_hs_match, &each);
    free(copy);
    if (failed == HS_SUCCESS || failed == HS_SCAN_TERMINATED)
        return BASE_OK;
    return failed == HS_NOMEM ? BASE_ERR_NO_MEMORY : BASE_ERR_INTERNAL;
}

static bool set_hit(void *user, unsigned index, size_t from, size_t to)
{
    (void)from;
    (void)to;
    ((bool *)user)[index] = true;
    return true;
}

enum base_err policy_matcher_find(const struct policy_matcher *matcher, struct slice text,
                                  bool *hits)
{
    return policy_matcher_each(matcher, text, set_hit, hits);
}
