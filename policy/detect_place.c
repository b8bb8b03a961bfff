/*
 * Postal addresses: a house number beside a street word, a unit ("Apt. 12"), or a post box; and the
 * parts that follow on the same and the next lines.
 */
#include "policy/detect.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_text(char c)
{
    return detect_is_alnum(c) || (unsigned char)c >= 0x80 || c == '\'' || c == '.' || c == '-';
}

/* Longer ones are no names; and a text may be one word. */
enum { WORD_MAX = 100 };

/* Where the word that ends at `at` begins. */
static size_t word_start(const struct detect *d, size_t at)
{
    size_t first = at > WORD_MAX ? at - WORD_MAX : 0;
    while (at > first && is_text(d->text.ptr[at - 1]))
        at--;
    return at;
}

static size_t word_back(const struct detect *d, size_t at)
{
    while (at > 0 && is_space(d->text.ptr[at - 1]))
        at--;
    return word_start(d, at);
}

static size_t word_forward(const struct detect *d, size_t at)
{
    while (is_space(detect_at(d, at)) && at < d->text.len)
        at++;
    size_t end = d->text.len - at < WORD_MAX ? d->text.len : at + WORD_MAX;
    while (at < end && is_text(d->text.ptr[at]))
        at++;
    return at;
}

/* Whether a house number (1 to 5 digits, one letter may follow) starts at `at`; its end. */
static size_t house_number(const struct detect *d, size_t at)
{
    size_t start = at;
    while (detect_is_digit(detect_at(d, at)) && at - start < 6)
        at++;
    if (at == start || at - start > 5 ||
        (start > 0 && (is_text(d->text.ptr[start - 1]) || d->text.ptr[start - 1] == '$')))
        return 0;
    if (detect_is_alpha(detect_at(d, at)) && !detect_is_alnum(detect_at(d, at + 1)))
        at++;
    return detect_is_alnum(detect_at(d, at)) ? 0 : at;
}

static bool is_capital_at(const struct detect *d, size_t at)
{
    char c = detect_at(d, at);
    return (c >= 'A' && c <= 'Z') || ((unsigned char)c >= 0xC3 && (unsigned char)c <= 0xD5);
}

static size_t skip_space(const struct detect *d, size_t at)
{
    while (at < d->text.len && is_space(d->text.ptr[at]))
        at++;
    return at;
}

/* "126 Victoria Terrace": a number, one to four words with capitals, the street word. */
static size_t number_before(const struct detect *d, size_t street)
{
    size_t at = street;
    for (int words = 0; words < 5; words++) {
        size_t start = word_back(d, at);
        if (start == at)
            return SIZE_MAX;
        size_t end = house_number(d, start);
        if (end > 0 && words > 0)
            return start;
        if (!is_capital_at(d, start) && words > 0)
            return SIZE_MAX;
        at = start;
    }
    return SIZE_MAX;
}

/* "Hauptstr. 77", "rue Victor Hugo 12", "ul. Podlesna 17". */
static size_t number_behind(const struct detect *d, size_t at)
{
    for (int words = 0; words < 4; words++) {
        size_t start = skip_space(d, at);
        size_t end = house_number(d, start);
        if (end > 0)
            return end;
        if (!is_capital_at(d, start) && words > 0)
            return 0;
        size_t next = word_forward(d, at);
        if (next == at)
            return 0;
        at = next;
    }
    return 0;
}

/* ", 09103 Köln", ", London SW4 7AA", ", Springfield, IL 02675": what belongs to the address behind
 * it. */
static size_t extend(const struct detect *d, size_t at)
{
    for (int pieces = 0; pieces < 4; pieces++) {
        size_t next = skip_space(d, at);
        if (detect_at(d, next) != ',' && detect_at(d, next) != '\n')
            break;
        next = skip_space(d, next + 1);
        size_t from = next, end = next;
        int words = 0;
        bool digits = false, capital = true;
        while (words < 4 && next < d->text.len &&
               (is_capital_at(d, next) || detect_is_digit(d->text.ptr[next]))) {
            size_t stop = word_forward(d, next);
            for (size_t i = next; i < stop; i++)
                digits |= detect_is_digit(d->text.ptr[i]) != 0;
            end = stop;
            if (end > from && d->text.ptr[end - 1] == '.')
                end--;
            words++;
            if (detect_at(d, end) != ' ')
                break;
            next = skip_space(d, stop);
        }
        if (words == 0 || !capital || (!digits && pieces > 1))
            break;
        at = end;
    }
    return at;
}

static void street(struct detect *d, const struct detect_word *word)
{
    size_t from = number_before(d, word->from), to = word->to;
    size_t behind = number_behind(d, word->to);
    bool inside = (word->classes & CTX_INSIDE) && detect_is_alpha(detect_before(d, word->from));
    size_t start = word_start(d, word->from);
    if (inside && detect_is_alpha(detect_at(d, word->to)))
        return;
    if (from != SIZE_MAX) {
        /* "12 rue Victor Hugo": the name follows */
        while (is_capital_at(d, skip_space(d, to)) && to - word->to < 40 && behind == 0) {
            size_t next = word_forward(d, to);
            if (next == to)
                break;
            to = next;
        }
    } else if (behind > 0 && is_capital_at(d, start) && (inside || word->to - word->from > 2)) {
        from = start;
        to = behind;
    } else {
        size_t before = word_back(d, word->from);
        size_t end = house_number(d, before);
        if (end == 0 || !is_capital_at(d, skip_space(d, word->to)))
            return;
        from = before;
        to = word_forward(d, word_forward(d, word->to));
    }
    detect_add(d, POLICY_FINDING_ADDRESS, 0.7, from, extend(d, to));
}

/* "Apt. 862", "Suite 521", "P.O. Box 12", "PSC 1, Box 42". */
static void unit(struct detect *d, const struct detect_word *word)
{
    size_t at = skip_space(d, word->to);
    if (detect_at(d, at) == '.')
        at = skip_space(d, at + 1);
    at += detect_at(d, at) == '#';
    size_t end = at;
    while (detect_is_alnum(detect_at(d, end)) && end - at < 6)
        end++;
    if (word->classes & CTX_ZIP) { /* APO AE 09012 */
        size_t zip = skip_space(d, end);
        size_t stop = zip;
        while (detect_is_digit(detect_at(d, stop)))
            stop++;
        if (stop - zip == 5)
            detect_add(d, POLICY_FINDING_ADDRESS, 0.7, word->from, stop);
        return;
    }
    bool boxed =
        slice_ends_with(slice_sub(d->text, word->from, word->to - word->from), SLICE("box"));
    bool post = boxed && word->to - word->from > 3;
    if (!detect_is_digit(detect_at(d, at)) ||
        !(is_capital_at(d, word->from) || post || (!boxed && end - at >= 3)))
        return;
    detect_add(d, POLICY_FINDING_ADDRESS, 0.6, word->from, extend(d, end));
}

/* A word of three letters or more, of any script, between `from` and `to`. */
static bool has_word(const struct detect *d, size_t from, size_t to)
{
    size_t letters = 0;
    for (size_t at = from; at < to; at++) {
        char c = d->text.ptr[at];
        letters = detect_is_alpha(c) || (unsigned char)c >= 0x80 ? letters + 1 : 0;
        if (letters >= 3)
            return true;
    }
    return false;
}

static bool is_time(const struct detect *d, size_t at)
{
    at = skip_space(d, at);
    char c = detect_at(d, at), next = detect_at(d, at + 1);
    return c == ':' || c == '%' || ((c | 32) == 'o' && next == '\'') ||
           (((c | 32) == 'a' || (c | 32) == 'p') && ((next | 32) == 'm' || next == '.') &&
            !detect_is_alpha(detect_at(d, at + 2)));
}

/* "lives at 38 C/ Curas 88", "the corner of Koepoortwal 115": name and number follow the word. */
static void home(struct detect *d, const struct detect_word *word)
{
    size_t limit = word->to + 64 < d->text.len ? word->to + 64 : d->text.len;
    size_t first = 0, last = 0;
    for (size_t at = word->to; at < limit; at++) {
        char c = d->text.ptr[at];
        if (strchr("?!;", c) || (c == '.' && detect_at(d, at + 1) == ' ' && last > 0))
            break;
        size_t end = house_number(d, at);
        if (end == 0 || is_time(d, end))
            continue;
        first = first ? first : at;
        last = end;
        at = end - 1;
    }
    if (last == 0)
        return;
    size_t from = skip_space(d, word->to);
    /* A number must have a name, before it, close by, or behind it. "step 1" is no house. */
    bool capital = last - first >= 2;
    for (size_t at = from; at < last && !capital; at++)
        capital = is_capital_at(d, at);
    if (!capital)
        return;
    bool named = has_word(d, from, first) && first - from < 48;
    if (named || has_word(d, last, last + 16 < d->text.len ? last + 16 : d->text.len) ||
        has_word(d, first, last))
        detect_add(d, POLICY_FINDING_ADDRESS, 0.55, named && first - from > 24 ? first : from,
                   extend(d, last));
}

static void zip(struct detect *d, const struct detect_word *word)
{
    for (size_t at = word->to; at < word->to + 12; at++) {
        size_t end = house_number(d, at);
        if (end > 0 && end - at == 5 && detect_at(d, end) != '-') {
            detect_add(d, POLICY_FINDING_ADDRESS, 0.6, at, end);
            return;
        }
    }
}

void detect_places(struct detect *d)
{
    for (size_t i = 0; i < d->word_count; i++) {
        if (d->words[i].classes & CTX_STREET)
            street(d, &d->words[i]);
        else if (d->words[i].classes & CTX_UNIT)
            unit(d, &d->words[i]);
        else if (d->words[i].classes & CTX_ZIP)
            zip(d, &d->words[i]);
        if (d->words[i].classes & CTX_HOME)
            home(d, &d->words[i]);
    }
}
