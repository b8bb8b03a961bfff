/* Identifiers of letters and digits: IBANs, national and tax numbers, licences, health numbers. */
#include "policy/detect.h"
#include "policy/validators.h"

#define MAX_ID 34

/* One kind, tried on a whole token. `strong`: the check is enough; otherwise a context word must be
 * near, or the text hold nothing else. */
static const struct {
    enum policy_finding_type type;
    size_t shortest, longest;
    bool (*valid)(struct slice compact);
    uint32_t context;
    bool strong;
    bool upper_only;
    float confidence;
} identifiers[] = {
    {POLICY_FINDING_NATIONAL_ID, 9, 9, valid_dni, CTX_NATIONAL, true, true, 0.85f},
    {POLICY_FINDING_NATIONAL_ID, 9, 9, valid_nric, CTX_NATIONAL, true, true, 0.86f},
    {POLICY_FINDING_NATIONAL_ID, 9, 9, valid_nino, CTX_NATIONAL, true, true, 0.8f},
    {POLICY_FINDING_NATIONAL_ID, 12, 12, valid_de_social, CTX_NATIONAL, true, true, 0.85f},
    {POLICY_FINDING_NATIONAL_ID, 11, 11, valid_fi_hetu, CTX_NATIONAL, true, true, 0.85f},
    {POLICY_FINDING_TAX_ID, 16, 16, valid_it_fiscal, CTX_TAX, true, false, 0.9f},
    {POLICY_FINDING_TAX_ID, 9, 10, valid_sg_uen, CTX_TAX, true, true, 0.8f},
    {POLICY_FINDING_DRIVER_LICENSE, 16, 16, valid_uk_licence, CTX_LICENCE, true, true, 0.85f},
    {POLICY_FINDING_MEDICAL_ID, 11, 11, valid_mbi, CTX_MEDICAL, false, false, 0.8f},
    {POLICY_FINDING_MEDICAL_ID, 10, 10, valid_de_kvnr, CTX_MEDICAL, false, false, 0.8f},
    {POLICY_FINDING_MEDICAL_ID, 9, 9, valid_dea, CTX_MEDICAL, true, true, 0.75f},
    {POLICY_FINDING_NATIONAL_ID, 18, 18, valid_cn_id, CTX_NATIONAL, true, false, 0.92f},
    {POLICY_FINDING_NATIONAL_ID, 18, 18, valid_mx_curp, CTX_NATIONAL, true, true, 0.88f},
    {POLICY_FINDING_TAX_ID, 10, 10, valid_in_pan, CTX_TAX, true, true, 0.78f},
    {POLICY_FINDING_TAX_ID, 15, 15, valid_gstin, CTX_TAX, true, true, 0.9f},
    {POLICY_FINDING_TAX_ID, 11, 11, valid_de_vat, CTX_TAX, true, true, 0.85f},
    {POLICY_FINDING_VEHICLE_ID, 17, 17, valid_vin, CTX_VEHICLE, true, true, 0.82f},
    {POLICY_FINDING_PASSPORT, 9, 9, valid_de_passport, CTX_PASSPORT, false, false, 0.8f},
};

/* Copies letters and digits from `at` in upper case, over single `separators`; where each of them
 * ended in the text goes to `ends`. */
static size_t compact_from(const struct detect *d, size_t at, const char *separators,
                           char out[MAX_ID + 1], size_t ends[MAX_ID + 1])
{
    size_t len = 0;
    while (len < MAX_ID + 1 && at < d->text.len) {
        char c = d->text.ptr[at];
        if (detect_is_alnum(c)) {
            out[len] = detect_is_alpha(c) ? (char)(c & ~32) : c;
            ends[len++] = ++at;
        } else if (c && strchr(separators, c) && detect_is_alnum(detect_at(d, at + 1))) {
            at++;
        } else {
            break;
        }
    }
    return len;
}

/* The country, length and mod 97 make it an IBAN whatever stands around it; a letter or digit that
 * goes on means that it is not one. */
static bool try_iban(struct detect *d, size_t at)
{
    char compact[MAX_ID + 1];
    size_t ends[MAX_ID + 1], need;
    if (!detect_is_alpha(detect_at(d, at + 1)))
        return false;
    size_t len = compact_from(d, at, " -.\n", compact, ends);
    if (!valid_iban(slice_of(compact, len), &need))
        return false;
    if (detect_is_alnum(detect_at(d, ends[need - 1])))
        return false;
    detect_add(d, POLICY_FINDING_IBAN, 0.97, at, ends[need - 1]);
    return true;
}

static bool has_letters_and_digits(struct slice token, bool *ret_lower)
{
    bool letters = false, digits = false;
    *ret_lower = false;
    for (size_t i = 0; i < token.len; i++) {
        digits |= detect_is_digit(token.ptr[i]);
        letters |= detect_is_alpha(token.ptr[i]);
        *ret_lower |= token.ptr[i] >= 'a';
    }
    return letters && digits;
}

static bool is_alone(const struct detect *d, size_t from, size_t to)
{
    return d->alone && slice_trim(d->text).len <= (to - from) + 24;
}

static void try_identifier(struct detect *d, size_t from, size_t to, struct slice compact,
                           bool lower)
{
    for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]); i++) {
        if (compact.len < identifiers[i].shortest || compact.len > identifiers[i].longest ||
            !identifiers[i].valid(compact))
            continue;
        bool context = detect_near(d, from, to, identifiers[i].context, 48, 24);
        if (!context && !is_alone(d, from, to) &&
            !(identifiers[i].strong && !(identifiers[i].upper_only && lower)))
            continue;
        detect_add(d, identifiers[i].type, identifiers[i].confidence + (context ? 0.05 : 0), from,
                   to);
    }
}

/* A token with its separators: "PR 123612C", "1EG4-TE5-MK73", "131052-308T". */
static void try_separated(struct detect *d, size_t from)
{
    static const size_t lengths[] = {9, 11};
    char compact[MAX_ID + 1];
    size_t ends[MAX_ID + 1];
    size_t len = compact_from(d, from, " -.", compact, ends);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t want = lengths[i];
        if (len < want || detect_is_alnum(detect_at(d, ends[want - 1])))
            continue;
        bool (*valid)(struct slice) = want == 9 ? valid_nino : valid_mbi;
        size_t to = ends[want - 1];
        if (to - from > want + 4 || to - from == want || !valid(slice_of(compact, want)))
            continue;
        if (want == 9)
            detect_add(d, POLICY_FINDING_NATIONAL_ID, 0.83, from, to);
        else
            detect_add(d, POLICY_FINDING_MEDICAL_ID, 0.83, from, to);
    }
    /* Finnish numbers keep their sign. */
    if (from + 11 <= d->text.len && !detect_is_alnum(detect_at(d, from + 11)) &&
        valid_fi_hetu(slice_sub(d->text, from, 11)))
        detect_add(d, POLICY_FINDING_NATIONAL_ID, 0.85, from, from + 11);
}

void detect_identifiers(struct detect *d)
{
    for (size_t i = 0; i < d->token_count; i++) {
        size_t at = d->tokens[i].from, to = d->tokens[i].to;
        bool digits = d->tokens[i].digits;
        struct slice token = slice_sub(d->text, at, to - at);
        char before = detect_before(d, at);
        if (before == '_' || (unsigned char)before >= 0xC3)
            continue;
        if (digits && detect_is_alpha(token.ptr[0]) && token.len >= 4)
            (void)try_iban(d, at);
        bool lower;
        if (digits && token.len >= 9 && token.len <= 18 && has_letters_and_digits(token, &lower)) {
            char compact[MAX_ID + 1];
            size_t ends[MAX_ID + 1];
            size_t len = compact_from(d, at, "", compact, ends);
            try_identifier(d, at, to, slice_of(compact, len), lower);
        }
        if (token.len <= 8 && (digits || detect_is_digit(detect_at(d, to + 1))))
            try_separated(d, at);
    }
}
