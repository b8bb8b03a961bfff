/*
 * Numbers: cards, phones, social security and other national numbers.
 *
 * A cluster is a row of digit groups with single separators between them ("4111 1111-1111 1111").
 * Every run of neighbouring groups is tried against the table of numbers, the longest first.
 */
#include "policy/detect.h"
#include "policy/validators.h"

#define MAX_GROUPS 10
#define MAX_DIGITS 24

struct cluster {
    size_t from[MAX_GROUPS], to[MAX_GROUPS]; /* of each group */
    char separator[MAX_GROUPS];              /* before each group; '*' = more than one character */
    size_t count;
};

/* One kind of number. A separator form lists the lengths of the groups; NULL = any. */
struct number {
    enum policy_finding_type type;
    size_t shortest, longest; /* digits */
    bool (*valid)(struct slice digits);
    const char *form; /* "3-2-4": these groups are enough, without context */
    uint32_t context; /* a word that must be near, unless the form fits */
    bool alone;       /* a text that holds nothing else counts as context */
    float confidence;
};

static bool valid_aadhaar(struct slice digits)
{
    return valid_verhoeff(digits);
}

static bool valid_sin(struct slice digits)
{
    return digits.ptr[0] != '0' && valid_luhn(digits);
}

static bool valid_lanr(struct slice digits)
{
    return digits.ptr[7] == '0' || digits.ptr[7] == '1' || digits.ptr[7] == '2';
}

/* The first two digits are those of a region, 11 to 28. */
static bool valid_kr_licence(struct slice digits)
{
    int region = (digits.ptr[0] - '0') * 10 + digits.ptr[1] - '0';
    return region >= 11 && region <= 28;
}

static const struct number numbers[] = {
    {POLICY_FINDING_CREDIT_CARD, 12, 19, valid_card, NULL, 0, false, 0.95f},
    {POLICY_FINDING_CREDIT_CARD, 12, 19, valid_luhn, NULL, CTX_CARD, false, 0.7f},
    {POLICY_FINDING_SSN, 9, 9, valid_ssn, "3-2-4", CTX_SSN, false, 0.85f},
    {POLICY_FINDING_TAX_ID, 9, 9, valid_itin, "3-2-4", CTX_TAX, false, 0.85f},
    {POLICY_FINDING_NATIONAL_ID, 12, 12, valid_aadhaar, "4-4-4", CTX_NATIONAL, true, 0.85f},
    {POLICY_FINDING_NATIONAL_ID, 13, 13, valid_kr_rrn, "6-7", CTX_NATIONAL, true, 0.8f},
    {POLICY_FINDING_DRIVER_LICENSE, 12, 12, valid_kr_licence, "2-2-6-2", CTX_LICENCE, false, 0.8f},
    {POLICY_FINDING_NATIONAL_ID, 13, 13, valid_za_id, NULL, CTX_NATIONAL, true, 0.82f},
    {POLICY_FINDING_NATIONAL_ID, 15, 15, valid_nir, "1-2-2-2-3-3-2", CTX_NATIONAL, true, 0.9f},
    {POLICY_FINDING_NATIONAL_ID, 11, 11, valid_cpf, "3-3-3-2", CTX_NATIONAL, true, 0.85f},
    {POLICY_FINDING_NATIONAL_ID, 11, 11, valid_pesel, NULL, CTX_NATIONAL, true, 0.8f},
    {POLICY_FINDING_TAX_ID, 11, 11, valid_au_abn, "2-3-3-3", CTX_TAX, true, 0.83f},
    {POLICY_FINDING_TAX_ID, 11, 11, valid_it_vat, NULL, CTX_TAX, true, 0.75f},
    {POLICY_FINDING_TAX_ID, 11, 11, valid_de_tax_id, NULL, CTX_TAX, true, 0.76f},
    {POLICY_FINDING_TAX_ID, 10, 10, valid_kr_brn, "3-2-5", CTX_TAX, true, 0.8f},
    {POLICY_FINDING_MEDICAL_ID, 10, 10, valid_nhs, NULL, CTX_MEDICAL, true, 0.82f},
    {POLICY_FINDING_MEDICAL_ID, 10, 10, valid_npi, NULL, CTX_MEDICAL, true, 0.81f},
    {POLICY_FINDING_MEDICAL_ID, 10, 10, valid_au_medicare, NULL, CTX_MEDICAL, true, 0.7f},
    {POLICY_FINDING_NATIONAL_ID, 9, 9, valid_sin, "3-3-3", CTX_NATIONAL, true, 0.8f},
    {POLICY_FINDING_TAX_ID, 9, 9, valid_au_tfn, "3-3-3", CTX_TAX, true, 0.79f},
    {POLICY_FINDING_TAX_ID, 9, 9, valid_au_acn, NULL, CTX_TAX, true, 0.78f},
    {POLICY_FINDING_BANK_ACCOUNT, 9, 9, valid_aba, NULL, CTX_BANK, true, 0.77f},
    {POLICY_FINDING_NATIONAL_ID, 11, 11, valid_tckn, NULL, CTX_NATIONAL, true, 0.84f},
    {POLICY_FINDING_NATIONAL_ID, 13, 13, valid_thai_id, "1-4-5-2-1", CTX_NATIONAL, true, 0.81f},
    {POLICY_FINDING_NATIONAL_ID, 10, 10, valid_personnummer, "6-4", CTX_NATIONAL, true, 0.83f},
    {POLICY_FINDING_NATIONAL_ID, 12, 12, valid_personnummer, "8-4", CTX_NATIONAL, true, 0.83f},
    {POLICY_FINDING_TAX_ID, 10, 10, valid_se_org, NULL, CTX_TAX, true, 0.72f},
    {POLICY_FINDING_NATIONAL_ID, 13, 13, valid_ahv, "3-4-4-2", CTX_NATIONAL, true, 0.88f},
    {POLICY_FINDING_NATIONAL_ID, 11, 11, valid_be_national, "2-2-2-3-2", CTX_NATIONAL, true, 0.82f},
    {POLICY_FINDING_NATIONAL_ID, 9, 9, valid_bsn, NULL, CTX_NATIONAL, false, 0.75f},
    {POLICY_FINDING_NATIONAL_ID, 18, 18, valid_cn_id, NULL, CTX_NATIONAL, true, 0.92f},
    {POLICY_FINDING_TAX_ID, 14, 14, valid_cnpj, "2-3-3-4-2", CTX_TAX, true, 0.88f},
    {POLICY_FINDING_NATIONAL_ID, 15, 15, valid_imei, NULL, CTX_DEVICE, false, 0.8f},
    {POLICY_FINDING_MEDICAL_ID, 9, 9, valid_lanr, NULL, CTX_MEDICAL, true, 0.6f},
};

/* A group may follow one separator, or one of these pairs. */
static size_t separator_at(const struct detect *d, size_t at, char *ret)
{
    char c = detect_at(d, at);
    if (c == '\0' || !strchr(" -./()_\t\n", c))
        return 0;
    char next = detect_at(d, at + 1);
    *ret = c == '\t' || c == '\n' ? ' ' : c;
    if (detect_is_digit(next))
        return 1;
    *ret = '*';
    if ((c == ')' && strchr(" -", next)) || (c == ' ' && strchr(" (-", next)) ||
        (c == '-' && next == ' '))
        return detect_is_digit(detect_at(d, at + 2)) ? 2 : 0;
    return 0;
}

static void read_cluster(const struct detect *d, size_t at, struct cluster *c)
{
    size_t digits = 0;
    char separator = '\0';
    c->count = 0;
    while (c->count < MAX_GROUPS && digits <= MAX_DIGITS) {
        size_t start = at;
        while (detect_is_digit(detect_at(d, at)))
            at++;
        if (at == start)
            break;
        c->from[c->count] = start;
        c->to[c->count] = at;
        c->separator[c->count++] = separator;
        digits += at - start;
        size_t skip = separator_at(d, at, &separator);
        if (skip == 0)
            break;
        at += skip;
    }
}

static bool has_form(const struct cluster *c, size_t first, size_t last, const char *form)
{
    size_t group = first;
    for (; *form; form += form[1] ? 2 : 1, group++) {
        if (group > last || c->to[group] - c->from[group] != (size_t)(*form - '0'))
            return false;
        /* One kind of separator throughout, but "123.456.789-09" is written so. */
        if (group > first + 1 && c->separator[group] != c->separator[first + 1] &&
            !(c->separator[group] == '-' && c->separator[first + 1] == '.'))
            return false;
    }
    return group == last + 1;
}

/* Whether the run stands apart from its neighbours: it is not the middle of something longer. */
static bool is_whole(const struct cluster *c, size_t first, size_t last)
{
    if (first == last)
        return c->count == 1;
    char inner = c->separator[first + 1];
    return (first == 0 || c->separator[first] != inner) &&
           (last + 1 == c->count || c->separator[last + 1] != inner);
}

/* Digits of cards are grouped evenly: "4111 1111 1111 1111", "3782 822463 10005". */
static bool is_card_grouping(const struct cluster *c, size_t first, size_t last)
{
    if (first == last)
        return true;
    for (size_t i = first; i <= last; i++) {
        size_t len = c->to[i] - c->from[i];
        if (c->separator[i] == '.' && i > first && c->separator[first + 1] != '.')
            return false;
        if (len < 2 && !(len == 1 && last - first >= 11))
            return false;
    }
    return true;
}

/* Whether what touches the number says that it is part of something else. */
static bool is_embedded(const struct detect *d, size_t from, size_t to)
{
    char before = detect_before(d, from), after = detect_at(d, to);
    if (detect_is_alpha(before) || before == '_')
        return true;
    if ((before == '.' || before == ',') && from >= 2 && detect_is_digit(d->text.ptr[from - 2]))
        return true;
    if ((after == '.' || after == ',') && detect_is_digit(detect_at(d, to + 1)))
        return true;
    return detect_is_alpha(after) || after == '_';
}

static bool is_alone(const struct detect *d, size_t from, size_t to)
{
    return d->alone && slice_trim(d->text).len <= (to - from) + 12;
}

static bool try_run(struct detect *d, const struct cluster *c, size_t first, size_t last)
{
    char digits[MAX_DIGITS + 1];
    size_t len = 0;
    for (size_t i = first; i <= last; i++) {
        size_t group = c->to[i] - c->from[i];
        if (len + group > MAX_DIGITS)
            return false;
        memcpy(digits + len, d->text.ptr + c->from[i], group);
        len += group;
    }
    size_t from = c->from[first], to = c->to[last];
    struct slice compact = slice_of(digits, len);
    bool embedded = is_embedded(d, from, to);
    bool found = false;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const struct number *n = &numbers[i];
        if (len < n->shortest || len > n->longest || !n->valid(compact))
            continue;
        bool formed = n->form && first < last && has_form(c, first, last, n->form) &&
                      is_whole(c, first, last);
        bool context = n->context && detect_near(d, from, to, n->context, 48, 24);
        if (n->type == POLICY_FINDING_CREDIT_CARD) {
            if (!is_card_grouping(c, first, last) ||
                (embedded && !detect_near(d, from, to, CTX_CARD, 32, 16)) ||
                (len < 13 && !detect_near(d, from, to, CTX_CARD, 48, 16)) ||
                (n->valid == valid_luhn && !detect_near(d, from, to, CTX_CARD, 16, 4)))
                continue;
        } else if (embedded || !(formed || context || (n->alone && is_alone(d, from, to)))) {
            continue;
        }
        detect_add(d, n->type, n->confidence + (context ? 0.04 : 0), from, to);
        found = true;
    }
    return found;
}

static void extend_extension(const struct detect *d, size_t *to)
{
    size_t at = *to;
    while (detect_at(d, at) == ' ')
        at++;
    if ((detect_at(d, at) | 32) != 'x' && !(detect_at(d, at) == 'e' && detect_at(d, at + 1) == 'x'))
        return;
    while (detect_is_alpha(detect_at(d, at)) || detect_at(d, at) == '.' || detect_at(d, at) == ' ')
        at++;
    size_t start = at;
    while (detect_is_digit(detect_at(d, at)) && at - start < 7)
        at++;
    if (at > start)
        *to = at;
}

static bool is_nanp(const struct cluster *c, size_t first, size_t last)
{
    if (last - first != 2)
        return false;
    return c->to[first] - c->from[first] == 3 && c->to[first + 1] - c->from[first + 1] == 3 &&
           c->to[last] - c->from[last] == 4;
}

static bool looks_like_date(const struct cluster *c)
{
    if (c->count < 3)
        return false;
    size_t a = c->to[0] - c->from[0], b = c->to[1] - c->from[1], e = c->to[2] - c->from[2];
    return c->separator[1] == c->separator[2] && c->separator[1] != ' ' &&
           ((a <= 2 && b <= 2 && (e == 4 || e == 2)) || (a == 4 && b <= 2 && e <= 2));
}

static bool is_version_or_ip(const struct cluster *c)
{
    size_t dots = 0;
    for (size_t i = 1; i < c->count; i++)
        dots += c->separator[i] == '.';
    return dots >= 2 && c->count <= 4 && c->to[0] - c->from[0] < 3;
}

static void try_phone(struct detect *d, const struct cluster *c)
{
    size_t from = c->from[0], digits = 0, last = 0;
    for (size_t i = 0; i < c->count; i++) {
        size_t group = c->to[i] - c->from[i];
        if (digits + group > 15)
            break;
        digits += group;
        last = i;
    }
    size_t to = c->to[last];
    bool bracket = detect_before(d, from) == '(';
    size_t start = from - bracket;
    bool plus = detect_before(d, start) == '+';
    start -= plus;
    char before = detect_before(d, start);
    if (detect_is_alnum(before) && !bracket)
        return;
    if (looks_like_date(c) || is_version_or_ip(c) || (!plus && is_embedded(d, from, to)))
        if (!(detect_at(d, to) == 'x'))
            return;
    if (strchr("/.=#$%&", before) && !plus && !bracket)
        return;
    bool context = detect_near(d, start, to, CTX_PHONE, 40, 16);
    bool bracketed = bracket && c->count >= 2 && c->separator[1] != ' ' &&
                     memchr(d->text.ptr + from, ')', to - from);
    double confidence = 0;
    if (plus && digits >= 8 && d->text.ptr[from] != '0')
        confidence = 0.84;
    else if (bracketed && digits >= 7 && digits <= 12)
        confidence = 0.8;
    else if (c->count >= 3 && is_nanp(c, 0, 2) && c->separator[1] == c->separator[2] &&
             (c->separator[1] == '-' || c->separator[1] == '.'))
        confidence = 0.78;
    else if (context && digits >= 7 && digits <= 15)
        confidence = 0.72;
    if (confidence == 0)
        return;
    if (!plus && is_nanp(c, 0, 2))
        to = c->to[2];
    extend_extension(d, &to);
    detect_add(d, POLICY_FINDING_PHONE, confidence, start, to);
}

static size_t next_number(struct detect *d, size_t at)
{
    struct cluster c;
    read_cluster(d, at, &c);
    if (c.count == 0)
        return at + 1;
    size_t end = c.to[c.count - 1];
    /* The longest runs first, so that a card is found whole. */
    bool found = false;
    /* A long row is looked at again from its next group: what begins later is tried then. */
    bool is_long = c.count == MAX_GROUPS;
    for (size_t span = c.count; span > 0 && !found; span--) {
        for (size_t first = 0; first + span <= c.count && !(is_long && first > 0); first++)
            found |= try_run(d, &c, first, first + span - 1);
        if (found && is_long)
            end = c.to[span - 1];
    }
    if (end - c.from[0] >= 6)
        try_phone(d, &c);
    return found || c.count < MAX_GROUPS ? end : c.to[0];
}

void detect_numbers(struct detect *d)
{
    size_t done = 0;
    for (size_t i = 0; i < d->token_count; i++) {
        size_t at = d->tokens[i].from;
        while (d->tokens[i].digits && at < d->tokens[i].to) {
            if (at < done || !detect_is_digit(d->text.ptr[at]))
                at++;
            else
                at = done = next_number(d, at);
        }
    }
}
