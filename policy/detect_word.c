/*
 * What a word announces: "password: ...", "born 1970-01-31", "passport no. X1234567", and markings
 * and conditions, where the word itself is the finding.
 */
#include "policy/detect.h"
#include "policy/validators.h"

/* --- Secrets: an identifier or phrase with such a word, an operator, a value --- */

static bool is_name_char(char c)
{
    return detect_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static bool skip_phrase(const struct detect *d, size_t *at, const char *phrase)
{
    struct slice p = slice_from_str(phrase);
    if (!slice_eq_nocase(slice_sub(d->text, *at, p.len), p) ||
        detect_is_alnum(detect_at(d, *at + p.len)))
        return false;
    *at += p.len;
    return true;
}

static size_t skip_spaces(const struct detect *d, size_t at)
{
    while (at < d->text.len && (d->text.ptr[at] == ' ' || d->text.ptr[at] == '\t'))
        at++;
    return at;
}

/* From the end of a name to where its value starts; SIZE_MAX when nothing is assigned. `ret_prose`
 * says that it was said in words ("is"), which asks for more of the value. */
static size_t find_value(const struct detect *d, size_t at, bool *ret_prose)
{
    static const char *const verbs[] = {"is",  "was", "used", "are",    "ist",
                                        "est", "es",  "of",   "string", "as"};
    bool operator_seen = false, xml = false;
    *ret_prose = false;
    if (detect_at(d, at) == '"' || detect_at(d, at) == '\'' || detect_at(d, at) == '`' ||
        detect_at(d, at) == ']')
        at++;
    at = skip_spaces(d, at);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (skip_phrase(d, &at, verbs[i])) {
            *ret_prose = true;
            at = skip_spaces(d, at);
        }
    }
    while (at < d->text.len && strchr(":=>,(?", d->text.ptr[at])) {
        operator_seen = true;
        xml = d->text.ptr[at] == '>';
        at = skip_spaces(d, at + 1);
    }
    if (operator_seen)
        *ret_prose = false;
    if (!operator_seen && !*ret_prose)
        return SIZE_MAX;
    if (xml) {
        while (at < d->text.len && (d->text.ptr[at] == '\n' || d->text.ptr[at] == '\r'))
            at = skip_spaces(d, at + 1);
    }
    return at;
}

static size_t value_end(const struct detect *d, size_t at, char quote)
{
    size_t end = at;
    while (end < d->text.len && end - at < 512) {
        char c = d->text.ptr[end];
        if (quote ? c == quote || c == '\n' : c == ' ' || c == '\n' || c == '\r' || c == '\t')
            break;
        if (!quote && strchr("\"'`<>;", c))
            break;
        end++;
    }
    if (!quote) {
        while (end > at && strchr(".,)]}:?\\", d->text.ptr[end - 1]))
            end--;
    }
    return end;
}

struct shape {
    size_t digits, upper, lower, other;
    bool hex, uuid;
};

static struct shape shape_of(struct slice value)
{
    struct shape s = {.hex = true};
    size_t dashes = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (detect_is_digit(c))
            s.digits++;
        else if (c >= 'A' && c <= 'Z')
            s.upper++;
        else if (c >= 'a' && c <= 'z')
            s.lower++;
        else
            s.other++;
        dashes += c == '-';
        s.hex &= detect_is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
    }
    s.uuid = value.len == 36 && dashes == 4;
    return s;
}

/* A value of a password: anything that is not plainly a word, a variable, a call or an empty slot.
 */
static bool is_password_value(struct slice value, bool prose, char quote)
{
    struct shape s = shape_of(value);
    static const char *const fillers[] = {"none",      "null",   "true",  "false",
                                          "required",  "string", "field", "manager",
                                          "protected", "reset",  "test"};
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        if (slice_eq_nocase(value, slice_from_str(fillers[i])))
            return false;
    }
    if (value.len < 5 || value.len > 128 || detect_is_placeholder(value) ||
        memchr(value.ptr, '(', value.len) || memchr(value.ptr, '[', value.len))
        return false;
    if (memchr(value.ptr, ' ', value.len) && s.digits == 0)
        return false;
    if (s.lower + s.digits == 0) /* the name of a variable */
        return false;
    int kinds = (s.digits > 0) + (s.upper > 0) + (s.lower > 0) + (s.other > 0);
    if (prose)
        return s.digits > 0 && kinds >= 2 && value.len >= 6;
    return kinds >= 3 || (kinds == 2 && (s.digits > 0 || s.other > 0)) || (quote && value.len >= 6);
}

/* Keys and tokens look random. */
static bool is_token_value(struct slice value, bool prose)
{
    struct shape s = shape_of(value);
    if (value.len < 10 || value.len > 512 || detect_is_placeholder(value))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (!detect_is_alnum(c) && !strchr("_-+/=.:~!", c))
            return false;
    }
    if (slice_find(value, SLICE("://")) != SIZE_MAX || slice_find(value, SLICE("..")) != SIZE_MAX)
        return false;
    double entropy = detect_entropy(value);
    if (s.digits == 0)
        return !prose && value.len >= 20 && s.upper > 2 && s.lower > 2 && s.other == 0 &&
               entropy > 4.0;
    if (s.digits * 16 < value.len) /* one digit in a long name */
        return false;
    if (s.lower + s.upper == 0)
        return value.len >= 16 && entropy > 2.5;
    return entropy >= (value.len < 16 ? 2.9 : 3.0) && (!prose || value.len >= 16 || s.digits >= 3);
}

/* Names whose values are not secret although a word of them sounds so. */
static bool is_harmless_name(struct slice name)
{
    static const char *const words[] = {
        "public",     "pubkey",    "credentialsid", "credentials_id", "key_name",
        "keyname",    "token_url", "tokenizer",     "tokens",         "keyword",
        "keyboard",   "foreign",   "key_id_",       "secret_name",    "tokentype",
        "token_type", "key_vault", "keystore",      "primary_key",    "cache_key",
        "bucket_key", "schema",    "report_access", "key_down",       "author"};
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        size_t len = strlen(words[w]);
        for (size_t i = 0; i + len <= name.len; i++) {
            if (slice_eq_nocase(slice_sub(name, i, len), slice_of(words[w], len)))
                return true;
        }
    }
    return false;
}

static void secret_after(struct detect *d, const struct detect_word *word)
{
    size_t from = word->from, at = word->to;
    while (from > 0 && word->from - from < 64 && is_name_char(d->text.ptr[from - 1]))
        from--;
    while (at < d->text.len && at - word->to < 40 && is_name_char(d->text.ptr[at]))
        at++;
    struct slice name = slice_sub(d->text, from, at - from);
    bool password = word->classes & CTX_PASSWORD;
    if (is_harmless_name(name))
        return;
    bool prose;
    size_t start = find_value(d, at, &prose);
    if (start == SIZE_MAX || start >= d->text.len)
        return;
    char quote = d->text.ptr[start];
    if (!strchr("\"'`", quote))
        quote = '\0';
    start += quote != 0;
    size_t end = value_end(d, start, quote);
    struct slice value = slice_sub(d->text, start, end - start);
    if ((word->classes & CTX_WEAK) && (value.len < 20 || at != word->to))
        return;
    if (password ? is_password_value(value, prose, quote) : is_token_value(value, prose))
        detect_add(d, POLICY_FINDING_SECRET, password ? 0.8 : 0.75, start, end);
}

/* --- Dates of birth --- */

static int month_of(struct slice word)
{
    static const char *const names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                        "aug", "sep", "oct", "nov", "dec", "ene", "fév",
                                        "mär", "abr", "mai", "mag", "okt", "dez", "dic",
                                        "avr", "ago", "set", "gen", "giu", "lug"};
    static const int months[] = {1, 2, 3, 4, 5,  6,  7,  8, 9, 10, 11, 12, 1, 2,
                                 3, 4, 5, 5, 10, 12, 12, 4, 8, 9,  1,  6,  7};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (slice_eq_nocase(slice_sub(word, 0, len), slice_of(names[i], len)))
            return months[i];
    }
    return 0;
}

static size_t read_number(const struct detect *d, size_t *at, int *ret)
{
    size_t start = *at;
    int value = 0;
    while (detect_is_digit(detect_at(d, *at)) && *at - start < 5)
        value = value * 10 + (d->text.ptr[(*at)++] - '0');
    *ret = value;
    return *at - start;
}

static struct slice read_word(const struct detect *d, size_t *at)
{
    size_t start = *at;
    while (detect_is_alpha(detect_at(d, *at)) || (unsigned char)detect_at(d, *at) >= 0x80)
        (*at)++;
    return slice_sub(d->text, start, *at - start);
}

/* The end of a date that starts at `at`; 0 when there is none. */
static size_t date_end(const struct detect *d, size_t at)
{
    int first, second, third;
    size_t start = at;
    struct slice word = read_word(d, &at);
    if (word.len > 0) { /* October 11, 1996 */
        if (!month_of(word))
            return 0;
        at += detect_at(d, at) == '.';
        at = skip_spaces(d, at);
        if (read_number(d, &at, &first) == 0 || first > 31)
            return 0;
        (void)read_word(d, &at); /* "11th" */
        at += detect_at(d, at) == ',';
        at = skip_spaces(d, at);
        return read_number(d, &at, &third) == 4 ? at : 0;
    }
    size_t len = read_number(d, &at, &first);
    if (len == 0)
        return 0;
    char separator = detect_at(d, at);
    if (separator == ' ' || detect_is_alpha(separator) ||
        (separator == '.' && detect_at(d, at + 1) == ' ') ||
        (separator == '-' && detect_is_alpha(detect_at(d, at + 1)))) { /* 11 October 1996 */
        (void)read_word(d, &at);
        while (at < d->text.len && strchr(" .-", d->text.ptr[at]))
            at++;
        size_t before = at;
        word = read_word(d, &at);
        if (before == start || !month_of(word))
            return 0;
        while (at < d->text.len && strchr(" .,-", d->text.ptr[at]))
            at++;
        return read_number(d, &at, &third) >= 2 ? at : 0;
    }
    if (!strchr("/.-", separator))
        return 0;
    at++;
    if (read_number(d, &at, &second) == 0 || detect_at(d, at) != separator)
        return 0;
    at++;
    size_t last = read_number(d, &at, &third);
    if (detect_is_digit(detect_at(d, at)) || (last != 2 && last != 4))
        return 0;
    bool iso = len == 4;
    int month = iso ? second : first, day = iso ? third : second;
    return valid_date(0, month, day) || valid_date(0, day, month) ? at : 0;
}

static void birth_after(struct detect *d, const struct detect_word *word)
{
    for (size_t at = word->to; at < word->to + 36 && at < d->text.len; at++) {
        if (d->text.ptr[at] == '\n' && at > word->to + 2)
            return;
        if (detect_is_alnum(detect_before(d, at)) || !detect_is_alnum(d->text.ptr[at]))
            continue;
        size_t end = date_end(d, at);
        if (end > 0) {
            detect_add(d, POLICY_FINDING_DOB, 0.9, at, end);
            return;
        }
    }
}

/* --- Numbers without a check digit that follow their name --- */

static const struct announced {
    uint32_t context;
    enum policy_finding_type type;
    size_t shortest, longest; /* letters and digits */
    size_t digits;            /* at least */
    float confidence;
} announced[] = {
    {CTX_PASSPORT, POLICY_FINDING_PASSPORT, 6, 10, 3, 0.7f},
    {CTX_LICENCE, POLICY_FINDING_DRIVER_LICENSE, 5, 18, 4, 0.71f},
    {CTX_MEDICAL, POLICY_FINDING_MEDICAL_ID, 5, 14, 5, 0.7f},
    {CTX_BANK, POLICY_FINDING_BANK_ACCOUNT, 6, 18, 6, 0.7f},
    {CTX_TAX, POLICY_FINDING_TAX_ID, 8, 15, 6, 0.66f},
    {CTX_NATIONAL, POLICY_FINDING_NATIONAL_ID, 7, 18, 5, 0.66f},
    {CTX_VEHICLE, POLICY_FINDING_VEHICLE_ID, 5, 17, 2, 0.6f},
    {CTX_SSN, POLICY_FINDING_SSN, 9, 9, 9, 0.69f},
};

static bool joins(const struct detect *d, size_t at)
{
    char c = detect_at(d, at);
    return (c == '-' || c == ' ' || c == '.' || c == '/') && detect_is_digit(detect_at(d, at + 1));
}

/* The first token with enough digits within reach, over filling words. */
static void number_after(struct detect *d, const struct detect_word *word,
                         const struct announced *a)
{
    size_t at = word->to, limit = word->to + 32;
    while (at < limit && at < d->text.len) {
        if (!detect_is_alnum(d->text.ptr[at]) || detect_is_alnum(detect_before(d, at))) {
            if (strchr(".!?;\n", d->text.ptr[at]) && detect_at(d, at + 1) == ' ' &&
                at > word->to + 5)
                return;
            at++;
            continue;
        }
        size_t from = at, chars = 0, digits = 0, end = at;
        while (detect_is_alnum(detect_at(d, at)) || (digits > 0 && joins(d, at)) ||
               (chars <= 2 && chars > 0 && detect_at(d, at) == '-' &&
                detect_is_alnum(detect_at(d, at + 1)))) {
            chars += detect_is_alnum(d->text.ptr[at]) != 0;
            digits += detect_is_digit(d->text.ptr[at]) != 0;
            end = ++at;
            if (chars > a->longest)
                break;
        }
        if (digits >= a->digits && chars >= a->shortest && chars <= a->longest &&
            !detect_is_alnum(detect_at(d, end))) {
            /* A date is not a number of a document. */
            if (date_end(d, from) != end)
                detect_add(d, a->type, a->confidence, from, end);
            return;
        }
        while (at < limit && detect_is_alnum(detect_at(d, at)))
            at++;
    }
}

/* --- Markings and conditions --- */

static bool is_quoted(const struct detect *d, size_t from, size_t to)
{
    char before = detect_before(d, from);
    size_t at = to;
    while (at < d->text.len && at < to + 20 &&
           (detect_is_alnum(d->text.ptr[at]) || d->text.ptr[at] == ' '))
        at++;
    if (before == '"' && detect_at(d, at) == '"')
        return true;
    size_t back = from;
    while (back > 0 && from - back < 10 && detect_is_alnum(d->text.ptr[back - 1]))
        back--;
    /* "for internal use only": a word more inside of the quotes */
    return back == from && before == ' ' && from >= 5 && d->text.ptr[from - 5] == '"' &&
           detect_at(d, at) == '"';
}

static void about_health(struct detect *d, const struct detect_word *word)
{
    if (detect_near(d, word->from, word->to, CTX_PATIENT, 40, 24))
        detect_add(d, POLICY_FINDING_HEALTH, 0.6, word->from, word->to);
}

void detect_by_word(struct detect *d)
{
    for (size_t i = 0; i < d->word_count; i++) {
        const struct detect_word *word = &d->words[i];
        /* "api_token_secret = x" holds three words and one value: the last word counts. */
        bool followed = i + 1 < d->word_count && d->words[i + 1].from <= word->to + 1 &&
                        (d->words[i + 1].classes & CTX_SECRET);
        if ((word->classes & CTX_SECRET) && !followed)
            secret_after(d, word);
        if (word->classes & CTX_BIRTH)
            birth_after(d, word);
        if (word->classes & CTX_CONDITION)
            about_health(d, word);
        if ((word->classes & CTX_MARKING) && !is_quoted(d, word->from, word->to))
            detect_add(d, POLICY_FINDING_CONFIDENTIAL, 0.6, word->from, word->to);
        for (size_t a = 0; a < sizeof(announced) / sizeof(announced[0]); a++) {
            if (word->classes & announced[a].context)
                number_after(d, word, &announced[a]);
        }
    }
}
