#include "router/text_features.h"

#include <math.h>

enum token_kind { TOKEN_NONE, TOKEN_WORD, TOKEN_NUMBER, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    const char *ptr;
    size_t len;
};

/* Sums over the text, turned into numbers at the end. */
struct sums {
    uint32_t words, word_letters, long_words, very_long, distinct, capitals;
    uint32_t numbers, digits, largest, fractions, number_sentences;
    uint32_t sentences, questions, commas, operators, brackets, backslashes, quotes, semicolons,
        underscores, not_ascii;
    uint32_t lines, options, option_bytes;
    bool number_in_sentence, words_in_sentence;
};

struct scan {
    struct router_features *f;
    struct sums s;
    uint64_t seen[1 << 10]; /* 2^16 bits: which hashes are already there */
    uint32_t last;          /* hash of the token before, 0 at the start */
    uint32_t position;      /* tokens so far */
};

enum {
    SALT_WORD = 1,
    SALT_PAIR,
    SALT_PREFIX,
    SALT_SUFFIX,
    SALT_FIRST,
    SALT_SECOND,
    SALT_BIN,
    SALT_CHAR,
    SALT_CHARS
};

static const enum router_group dense_groups[] = {
#define X(name, group) ROUTER_GROUP_##group,
    ROUTER_DENSE(X)
#undef X
};

enum router_group router_dense_group(enum router_dense which)
{
    return dense_groups[which];
}

static bool is_letter(unsigned char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
}

static bool is_upper(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static unsigned char lower(unsigned char c)
{
    return is_upper(c) ? c | 32 : c;
}

/* FNV-1a, then mixed: the low bits of FNV alone are poor. */
static uint32_t mix(uint32_t h)
{
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    return h ^ h >> 16;
}

static uint32_t hash_bytes(uint32_t salt, const char *ptr, size_t len)
{
    uint32_t h = 2166136261u ^ salt * 0x9e3779b9u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ lower((unsigned char)ptr[i])) * 16777619u;
    return mix(h);
}

static bool add_hash(struct scan *scan, uint32_t hash, enum router_group group)
{
    uint64_t bit = 1ull << (hash >> 26);
    uint64_t *word = &scan->seen[hash >> 16 & 1023];

    if (*word & bit || scan->f->count == ROUTER_HASHED_MAX)
        return false;
    *word |= bit;
    scan->f->hashed[scan->f->count] = hash;
    scan->f->groups[scan->f->count++] = (uint8_t)group;
    return true;
}

/* Words of scripts without spaces: their characters, and pairs of them. */
static void add_characters(struct scan *scan, const struct token *t)
{
    size_t before = 0, from = 0, i;

    for (i = 1; i <= t->len; i++) {
        if (i < t->len && ((unsigned char)t->ptr[i] & 0xc0) == 0x80)
            continue;
        add_hash(scan, hash_bytes(SALT_CHAR, t->ptr + from, i - from), ROUTER_GROUP_CHARACTERS);
        if (from)
            add_hash(scan, hash_bytes(SALT_CHARS, t->ptr + before, i - before),
                     ROUTER_GROUP_CHARACTERS);
        before = from;
        from = i;
    }
}

static void add_word(struct scan *scan, const struct token *t, uint32_t hash)
{
    struct sums *s = &scan->s;

    s->words++;
    s->words_in_sentence = true;
    s->word_letters += (uint32_t)t->len;
    s->long_words += t->len >= 7;
    s->very_long += t->len >= 11;
    s->capitals += is_upper((unsigned char)t->ptr[0]);
    s->distinct += add_hash(scan, hash, ROUTER_GROUP_WORDS);
    if ((unsigned char)t->ptr[0] >= 0x80 && t->len > 2) {
        add_characters(scan, t);
    } else if (t->len >= 5) {
        add_hash(scan, hash_bytes(SALT_PREFIX, t->ptr, 4), ROUTER_GROUP_CHARACTERS);
        add_hash(scan, hash_bytes(SALT_SUFFIX, t->ptr + t->len - 3, 3), ROUTER_GROUP_CHARACTERS);
    }
}

static void end_sentence(struct sums *s)
{
    if (!s->words_in_sentence)
        return;
    s->sentences++;
    s->number_sentences += s->number_in_sentence;
    s->number_in_sentence = s->words_in_sentence = false;
}

static void count_sign(struct sums *s, char c)
{
    switch (c) {
    case '?':
        s->questions++;
        end_sentence(s);
        break;
    case '.':
    case '!':
        end_sentence(s);
        break;
    case ',':
        s->commas++;
        break;
    case ';':
        s->semicolons++;
        break;
    case '_':
        s->underscores++;
        break;
    case '\\':
        s->backslashes++;
        break;
    case '"':
    case '\'':
    case '`':
        s->quotes++;
        break;
    case '%':
        s->fractions++;
        break;
    default:
        s->operators += strchr("+-*/=<>^|&~", c) != NULL;
        s->brackets += strchr("()[]{}", c) != NULL;
    }
}

static void add_number(struct sums *s, const struct token *t)
{
    s->numbers++;
    s->digits += (uint32_t)t->len;
    s->number_in_sentence = true;
    if (t->len > s->largest)
        s->largest = (uint32_t)t->len;
    s->fractions += memchr(t->ptr, '.', t->len) != NULL;
}

static void add_token(struct scan *scan, const struct token *t)
{
    char shape[2] = {'#', 0};
    uint32_t hash;

    if (t->kind == TOKEN_NUMBER) {
        add_number(&scan->s, t);
        shape[1] = (char)('0' + (t->len < 7 ? t->len : 7));
        hash = hash_bytes(SALT_WORD, shape, 2);
        add_hash(scan, hash, ROUTER_GROUP_NUMBERS);
    } else {
        hash = hash_bytes(SALT_WORD, t->ptr, t->len);
        if (t->kind == TOKEN_WORD) {
            add_word(scan, t, hash);
        } else {
            count_sign(&scan->s, t->ptr[0]);
            add_hash(scan, hash, ROUTER_GROUP_SIGNS);
        }
    }
    if (scan->last)
        add_hash(scan, mix(scan->last * 31 + hash + SALT_PAIR), ROUTER_GROUP_PAIRS);
    if (scan->position == 0)
        add_hash(scan, mix(hash + SALT_FIRST), ROUTER_GROUP_OPENING);
    else if (scan->position == 1)
        add_hash(scan, mix(scan->last * 31 + hash + SALT_SECOND), ROUTER_GROUP_OPENING);
    scan->position++;
    scan->last = hash;
}

/* The token at `p`; white space is skipped by the caller. */
static struct token token_at(const char *p, const char *end)
{
    struct token t = {TOKEN_SIGN, p, 1};
    const char *q = p;

    if (is_letter((unsigned char)*p)) {
        t.kind = TOKEN_WORD;
        while (q < end && (is_letter((unsigned char)*q) ||
                           (*q == '\'' && q + 1 < end && is_letter((unsigned char)q[1]))))
            q++;
    } else if (is_digit((unsigned char)*p)) {
        t.kind = TOKEN_NUMBER;
        while (q < end &&
               (is_digit((unsigned char)*q) ||
                ((*q == '.' || *q == ',') && q + 1 < end && is_digit((unsigned char)q[1]))))
            q++;
    } else {
        return t;
    }
    t.len = (size_t)(q - p);
    return t;
}

static void count_line(struct sums *s, const char *p, const char *end)
{
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    size_t len = (size_t)((stop ? stop : end) - p);

    s->lines++;
    while (len && (*p == ' ' || *p == '(')) {
        p++;
        len--;
    }
    if (len > 2 && (p[1] == '.' || p[1] == ')') &&
        (is_digit((unsigned char)p[0]) || (p[0] >= 'A' && p[0] <= 'J'))) {
        s->options++;
        s->option_bytes += (uint32_t)len;
    }
}

static void scan_bytes(struct scan *scan, struct slice text)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    bool line_start = true;

    while (p < end) {
        struct token t;

        if (line_start)
            count_line(&scan->s, p, end);
        line_start = *p == '\n';
        if (*p == '\n' && p + 1 < end && p[1] == '\n')
            end_sentence(&scan->s);
        if ((unsigned char)*p <= ' ') {
            p++;
            continue;
        }
        t = token_at(p, end);
        if (t.kind == TOKEN_WORD)
            for (size_t i = 0; i < t.len; i++)
                scan->s.not_ascii += (unsigned char)t.ptr[i] >= 0x80;
        add_token(scan, &t);
        p += t.len;
    }
}

static bool line_is_code(struct slice line)
{
    static const char *const starts[] = {
        "def ",    "import ", "#include", "class ",  "return ", "function ", "const ", "public ",
        "SELECT ", "for (",   "if (",     "while (", "from ",   "let ",      "var ",   "fn "};
    struct slice trimmed = slice_trim(line);
    bool starts_so = false;

    if (trimmed.len < 3)
        return false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts && !starts_so; i++)
        starts_so = slice_starts_with(trimmed, slice_from_str(starts[i]));
    if (slice_ends_with(trimmed, SLICE(";")) || slice_ends_with(trimmed, SLICE("{")) ||
        slice_ends_with(trimmed, SLICE("}")))
        return true;
    return starts_so &&
           (memchr(trimmed.ptr, '(', trimmed.len) || memchr(trimmed.ptr, ':', trimmed.len) ||
            memchr(trimmed.ptr, '=', trimmed.len) || memchr(trimmed.ptr, '<', trimmed.len));
}

bool router_has_code(struct slice text)
{
    size_t from = 0, lines = 0;

    if (slice_find(text, SLICE("```")) != SIZE_MAX)
        return true;
    while (from < text.len && lines < 2) {
        const char *nl = memchr(text.ptr + from, '\n', text.len - from);
        size_t len = nl ? (size_t)(nl - text.ptr) - from : text.len - from;

        lines += line_is_code(slice_sub(text, from, len));
        from += len + 1;
    }
    return lines >= 2;
}

static float share(uint32_t part, size_t whole)
{
    return whole ? (float)part / (float)whole : 0;
}

static float logarithm(double n, double at_one)
{
    double v = log1p(n) / log1p(at_one);

    return (float)(v > 1.5 ? 1.5 : v);
}

static float capped(float v)
{
    return v > 1 ? 1 : v;
}

static void fill_dense(float *d, const struct sums *s, size_t bytes, bool code)
{
    d[ROUTER_DENSE_LOG_BYTES] = logarithm((double)bytes, 4096);
    d[ROUTER_DENSE_LOG_WORDS] = logarithm(s->words, 700);
    d[ROUTER_DENSE_LOG_LINES] = logarithm(s->lines, 100);
    d[ROUTER_DENSE_LOG_SENTENCES] = logarithm(s->sentences, 50);
    d[ROUTER_DENSE_WORDS_PER_SENTENCE] =
        logarithm((double)share(s->words, s->sentences ? s->sentences : 1), 50);
    d[ROUTER_DENSE_WORD_LENGTH] = capped(share(s->word_letters, s->words) / 10);
    d[ROUTER_DENSE_LONG_WORDS] = share(s->long_words, s->words);
    d[ROUTER_DENSE_VERY_LONG_WORDS] = capped(4 * share(s->very_long, s->words));
    d[ROUTER_DENSE_DISTINCT_WORDS] = share(s->distinct, s->words);
    d[ROUTER_DENSE_CAPITALS] = share(s->capitals, s->words);
    d[ROUTER_DENSE_LOG_NUMBERS] = logarithm(s->numbers, 20);
    d[ROUTER_DENSE_DIGITS] = capped(4 * share(s->digits, bytes));
    d[ROUTER_DENSE_LOG_LARGEST] = logarithm(s->largest, 8);
    d[ROUTER_DENSE_FRACTIONS] = logarithm(s->fractions, 6);
    d[ROUTER_DENSE_NUMBER_SENTENCES] = share(s->number_sentences, s->sentences);
    d[ROUTER_DENSE_QUESTIONS] = logarithm(s->questions, 4);
    d[ROUTER_DENSE_COMMAS] = capped(5 * share(s->commas, s->words));
    d[ROUTER_DENSE_OPERATORS] = capped(20 * share(s->operators, bytes));
    d[ROUTER_DENSE_BRACKETS] = capped(20 * share(s->brackets, bytes));
    d[ROUTER_DENSE_BACKSLASHES] = capped(30 * share(s->backslashes, bytes));
    d[ROUTER_DENSE_QUOTES] = capped(20 * share(s->quotes, bytes));
    d[ROUTER_DENSE_SEMICOLONS] = capped(50 * share(s->semicolons, bytes));
    d[ROUTER_DENSE_UNDERSCORES] = capped(30 * share(s->underscores, bytes));
    d[ROUTER_DENSE_OPTIONS] = logarithm(s->options, 8);
    d[ROUTER_DENSE_OPTION_LENGTH] = logarithm((double)share(s->option_bytes, s->options), 200);
    d[ROUTER_DENSE_CODE] = code ? 1 : 0;
    d[ROUTER_DENSE_NOT_ASCII] = share(s->not_ascii, bytes);
}

/* Numbers in steps as well, so that a linear model can bend. */
static void add_bins(struct scan *scan)
{
    for (uint32_t i = 0; i < ROUTER_DENSE_COUNT; i++) {
        uint32_t bin = (uint32_t)lrintf(scan->f->dense[i] * 8);

        add_hash(scan, mix(i * 64 + bin + (SALT_BIN << 24)), dense_groups[i]);
    }
}

void router_features_read(struct slice text, struct router_features *ret)
{
    struct scan scan = {.f = ret};
    struct slice head = slice_sub(text, 0, ROUTER_TEXT_MAX), tail = SLICE("");

    ret->count = 0;
    if (text.len > ROUTER_TEXT_MAX)
        tail = slice_sub(text,
                         text.len - ROUTER_TEXT_MAX < ROUTER_TEXT_MAX ? ROUTER_TEXT_MAX
                                                                      : text.len - ROUTER_TEXT_MAX,
                         ROUTER_TEXT_MAX);
    scan_bytes(&scan, head);
    scan.last = 0;
    scan_bytes(&scan, tail);
    end_sentence(&scan.s);
    ret->has_code = router_has_code(head) || router_has_code(tail);
    ret->letters = scan.s.word_letters;
    ret->words = scan.s.words;
    fill_dense(ret->dense, &scan.s, text.len, ret->has_code);
    router_cues_read(text, ret);
    add_bins(&scan);
}
