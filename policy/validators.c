/* Check digits; see validators.h. */
#include "policy/validators.h"

static int digit(struct slice s, size_t i)
{
    return s.ptr[i] - '0';
}

static bool all_digits(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    }
    return s.len > 0;
}

static bool all_same(struct slice s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] != s.ptr[0])
            return false;
    }
    return true;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* `mask`: A = letter, 9 = digit, ? = either, other = itself. */
static bool has_form(struct slice s, const char *mask)
{
    if (s.len != strlen(mask))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        bool fits = mask[i] == 'A'   ? is_upper(c)
                    : mask[i] == '9' ? is_digit
                    : mask[i] == '?' ? is_digit || is_upper(c)
                                     : c == mask[i];
        if (!fits)
            return false;
    }
    return true;
}

static int weighted(struct slice digits, const int *weights, size_t count)
{
    int sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += digit(digits, i) * weights[i];
    return sum;
}

bool valid_date(int year, int month, int day)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

/* Two digits each, anywhere in `s`. */
static bool date_at(struct slice s, size_t year, size_t month, size_t day)
{
    return valid_date(0, digit(s, month) * 10 + digit(s, month + 1),
                      digit(s, day) * 10 + digit(s, day + 1)) &&
           digit(s, year) >= 0;
}

bool valid_luhn(struct slice digits)
{
    int sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int value = digit(digits, digits.len - 1 - i);
        if (i % 2 == 1)
            value = value * 2 > 9 ? value * 2 - 9 : value * 2;
        sum += value;
    }
    return sum % 10 == 0;
}

bool valid_card(struct slice digits)
{
    /* First digits (as a range over the first `prefix` digits) and the lengths that occur. */
    static const struct {
        int prefix, low, high;
        size_t shortest, longest;
    } schemes[] = {
        {1, 4, 4, 13, 19},                                /* Visa */
        {2, 51, 55, 16, 16},     {4, 2221, 2720, 16, 16}, /* Mastercard */
        {2, 34, 34, 15, 15},     {2, 37, 37, 15, 15},     /* American Express */
        {4, 6011, 6011, 16, 19}, {3, 644, 649, 16, 19},
        {2, 65, 65, 16, 19},                          /* Discover */
        {2, 62, 62, 16, 19},     {2, 81, 81, 16, 19}, /* UnionPay */
        {3, 300, 305, 14, 19},   {2, 36, 36, 14, 19},
        {2, 38, 39, 14, 19}, /* Diners */
        {4, 3528, 3589, 16, 19}, {4, 2131, 2131, 15, 15},
        {4, 1800, 1800, 15, 15}, /* JCB */
        {2, 50, 50, 12, 19},     {2, 56, 58, 12, 19},
        {2, 63, 63, 12, 19},     {2, 67, 67, 12, 19}, /* Maestro */
        {4, 2200, 2204, 16, 19}, {2, 60, 60, 16, 16},
        {4, 1220, 1220, 15, 15}, /* Mir, RuPay, UATP */
    };
    if (digits.len < 12 || digits.len > 19 || !all_digits(digits) || all_same(digits))
        return false;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        int prefix = 0;
        for (int d = 0; d < schemes[i].prefix; d++)
            prefix = prefix * 10 + digit(digits, (size_t)d);
        if (prefix >= schemes[i].low && prefix <= schemes[i].high &&
            digits.len >= schemes[i].shortest && digits.len <= schemes[i].longest)
            return valid_luhn(digits);
    }
    return false;
}

size_t iban_length(struct slice compact)
{
    static const char countries[] =
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29"
        "ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28"
        "LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25"
        "QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";
    if (compact.len < 4)
        return 0;
    for (size_t i = 0; i + 4 < sizeof(countries); i += 4) {
        if (memcmp(countries + i, compact.ptr, 2) == 0)
            return (size_t)(countries[i + 2] - '0') * 10 + (size_t)(countries[i + 3] - '0');
    }
    return 0;
}

bool valid_iban(struct slice compact, size_t *ret_len)
{
    size_t len = iban_length(compact);
    if (len == 0 || compact.len < len || compact.ptr[2] < '0' || compact.ptr[2] > '9' ||
        compact.ptr[3] < '0' || compact.ptr[3] > '9')
        return false;
    unsigned rest = 0;
    for (size_t i = 0; i < len; i++) {
        char c = compact.ptr[(i + 4) % len];
        if (c >= '0' && c <= '9')
            rest = (rest * 10 + (unsigned)(c - '0')) % 97;
        else if (is_upper(c))
            rest = (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
        else
            return false;
    }
    if (rest != 1)
        return false;
    *ret_len = len;
    return true;
}

static int number_at(struct slice s, size_t from, size_t len)
{
    int value = 0;
    for (size_t i = from; i < from + len; i++)
        value = value * 10 + digit(s, i);
    return value;
}

bool valid_ssn(struct slice digits)
{
    if (digits.len != 9 || !all_digits(digits) || all_same(digits))
        return false;
    int area = number_at(digits, 0, 3);
    int whole = number_at(digits, 0, 9);
    /* Numbers printed in advertisements were never anybody's again. */
    bool known_fake = whole == 78051120 || whole == 219099999 || whole == 123456789;
    return area != 0 && area != 666 && area < 900 && number_at(digits, 3, 2) != 0 &&
           number_at(digits, 5, 4) != 0 && !known_fake;
}

bool valid_itin(struct slice digits)
{
    if (digits.len != 9 || !all_digits(digits) || digits.ptr[0] != '9')
        return false;
    int group = number_at(digits, 3, 2);
    return (group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
           (group >= 90 && group <= 92) || (group >= 94 && group <= 99);
}

bool valid_aba(struct slice digits)
{
    static const int weights[] = {3, 7, 1, 3, 7, 1, 3, 7, 1};
    if (digits.len != 9 || !all_digits(digits))
        return false;
    int start = number_at(digits, 0, 2);
    return (start <= 12 || (start >= 21 && start <= 32) || (start >= 61 && start <= 72) ||
            start == 80) &&
           start > 0 && weighted(digits, weights, 9) % 10 == 0;
}

bool valid_verhoeff(struct slice digits)
{
    static const char product[10][11] = {"0123456789", "1234067895", "2340178956", "3401289567",
                                         "4012395678", "5987604321", "6598710432", "7659821043",
                                         "8765932104", "9876543210"};
    static const char permute[8][11] = {"0123456789", "1576283094", "5803796142", "8916043527",
                                        "9453126870", "4286573901", "2793806415", "7046913258"};
    if (digits.len != 12 || !all_digits(digits) || digits.ptr[0] < '2' || all_same(digits))
        return false;
    int check = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int value = permute[i % 8][digit(digits, digits.len - 1 - i)] - '0';
        check = product[check][value] - '0';
    }
    return check == 0;
}

bool valid_cpf(struct slice digits)
{
    if (digits.len != 11 || !all_digits(digits) || all_same(digits))
        return false;
    for (size_t place = 9; place < 11; place++) {
        int sum = 0;
        for (size_t i = 0; i < place; i++)
            sum += digit(digits, i) * (int)(place + 1 - i);
        if (sum * 10 % 11 % 10 != digit(digits, place))
            return false;
    }
    return true;
}

bool valid_nhs(struct slice digits)
{
    static const int weights[] = {10, 9, 8, 7, 6, 5, 4, 3, 2};
    if (digits.len != 10 || !all_digits(digits) || all_same(digits))
        return false;
    int check = 11 - weighted(digits, weights, 9) % 11;
    return (check == 11 ? 0 : check) == digit(digits, 9);
}

bool valid_nir(struct slice digits)
{
    if (digits.len != 15 || !all_digits(digits))
        return false;
    int month = number_at(digits, 3, 2);
    if ((digits.ptr[0] != '1' && digits.ptr[0] != '2') || month < 1 || month > 99)
        return false;
    unsigned long long number = 0;
    for (size_t i = 0; i < 13; i++)
        number = number * 10 + (unsigned)digit(digits, i);
    return 97 - (int)(number % 97) == number_at(digits, 13, 2);
}

bool valid_dni(struct slice compact)
{
    static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
    if (!has_form(compact, "99999999A") && !has_form(compact, "A9999999A"))
        return false;
    int lead = is_upper(compact.ptr[0]) ? compact.ptr[0] - 'X' : digit(compact, 0);
    if (lead < 0)
        return false;
    int number = lead * 10000000 + number_at(compact, 1, 7);
    return letters[number % 23] == compact.ptr[8];
}

bool valid_pesel(struct slice digits)
{
    static const int weights[] = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3};
    if (digits.len != 11 || !all_digits(digits))
        return false;
    int month = number_at(digits, 2, 2) % 20;
    return valid_date(0, month, number_at(digits, 4, 2)) &&
           (10 - weighted(digits, weights, 10) % 10) % 10 == digit(digits, 10);
}

bool valid_za_id(struct slice digits)
{
    return digits.len == 13 && all_digits(digits) && date_at(digits, 0, 2, 4) &&
           digits.ptr[10] <= '2' && valid_luhn(digits);
}

bool valid_kr_rrn(struct slice digits)
{
    return digits.len == 13 && all_digits(digits) && date_at(digits, 0, 2, 4) &&
           digits.ptr[6] >= '1' && digits.ptr[6] <= '8';
}

bool valid_kr_brn(struct slice digits)
{
    static const int weights[] = {1, 3, 7, 1, 3, 7, 1, 3, 5};
    if (digits.len != 10 || !all_digits(digits) || all_same(digits))
        return false;
    int sum = weighted(digits, weights, 9) + digit(digits, 8) * 5 / 10;
    return (10 - sum % 10) % 10 == digit(digits, 9);
}

bool valid_nric(struct slice compact)
{
    static const int weights[] = {2, 7, 6, 5, 4, 3, 2};
    if (!has_form(compact, "A9999999A") || !memchr("STFGM", compact.ptr[0], 5))
        return false;
    char kind = compact.ptr[0];
    int sum = weighted(slice_sub(compact, 1, 7), weights, 7);
    if (kind == 'T' || kind == 'G')
        sum += 4;
    else if (kind == 'M')
        sum += 3;
    const char *letters = kind == 'S' || kind == 'T'   ? "JZIHGFEDCBA"
                          : kind == 'F' || kind == 'G' ? "XWUTRQPNMLK"
                                                       : "KLJNPQRTUWX";
    int place = kind == 'M' ? 10 - sum % 11 : sum % 11;
    return letters[place] == compact.ptr[8];
}

bool valid_it_fiscal(struct slice compact)
{
    static const int odd[36] = {1,  0, 5, 7,  9,  13, 15, 17, 19, 21, 1,  0,
                                5,  7, 9, 13, 15, 17, 19, 21, 2,  4,  18, 20,
                                11, 3, 6, 8,  12, 14, 16, 10, 22, 25, 24, 23};
    if (!has_form(compact, "AAAAAA??A??A???A") || !memchr("ABCDEHLMPRST", compact.ptr[8], 12))
        return false;
    int sum = 0;
    for (size_t i = 0; i < 15; i++) {
        char c = compact.ptr[i];
        int value = is_upper(c) ? c - 'A' + 10 : c - '0';
        sum += i % 2 == 0 ? odd[value] : (is_upper(c) ? c - 'A' : c - '0');
    }
    return compact.ptr[15] == 'A' + sum % 26;
}

bool valid_it_vat(struct slice digits)
{
    return digits.len == 11 && all_digits(digits) && !all_same(digits) && valid_luhn(digits);
}

bool valid_au_abn(struct slice digits)
{
    static const int weights[] = {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19};
    return digits.len == 11 && all_digits(digits) && digits.ptr[0] != '0' &&
           (weighted(digits, weights, 11) - 10) % 89 == 0;
}

bool valid_au_acn(struct slice digits)
{
    static const int weights[] = {8, 7, 6, 5, 4, 3, 2, 1};
    return digits.len == 9 && all_digits(digits) && !all_same(digits) &&
           (10 - weighted(digits, weights, 8) % 10) % 10 == digit(digits, 8);
}

bool valid_au_tfn(struct slice digits)
{
    static const int weights[] = {1, 4, 3, 7, 5, 8, 6, 9, 10};
    return digits.len == 9 && all_digits(digits) && !all_same(digits) &&
           weighted(digits, weights, 9) % 11 == 0;
}

bool valid_au_medicare(struct slice digits)
{
    static const int weights[] = {1, 3, 7, 9, 1, 3, 7, 9};
    return digits.len == 10 && all_digits(digits) && digits.ptr[0] >= '2' && digits.ptr[0] <= '6' &&
           weighted(digits, weights, 8) % 10 == digit(digits, 8);
}

bool valid_de_tax_id(struct slice digits)
{
    if (digits.len != 11 || !all_digits(digits) || digits.ptr[0] == '0')
        return false;
    int seen[10] = {0}, most = 0;
    int product = 10;
    for (size_t i = 0; i < 10; i++) {
        int count = ++seen[digit(digits, i)];
        most = count > most ? count : most;
        int sum = (digit(digits, i) + product) % 10;
        product = (sum == 0 ? 10 : sum) * 2 % 11;
    }
    int check = 11 - product;
    return (most == 2 || most == 3) && (check == 10 ? 0 : check) == digit(digits, 10);
}

static int digit_sum(int value)
{
    return value / 10 + value % 10;
}

bool valid_de_social(struct slice compact)
{
    static const int weights[] = {2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1};
    if (!has_form(compact, "99999999A999"))
        return false;
    int letter = compact.ptr[8] - 'A' + 1;
    int values[12];
    for (size_t i = 0; i < 8; i++)
        values[i] = digit(compact, i);
    values[8] = letter / 10;
    values[9] = letter % 10;
    values[10] = digit(compact, 9);
    values[11] = digit(compact, 10);
    int sum = 0;
    for (size_t i = 0; i < 12; i++)
        sum += digit_sum(values[i] * weights[i]);
    return sum % 10 == digit(compact, 11) && number_at(compact, 4, 2) <= 12;
}

bool valid_de_kvnr(struct slice compact)
{
    if (!has_form(compact, "A999999999"))
        return false;
    int letter = compact.ptr[0] - 'A' + 1;
    int sum = letter / 10 + digit_sum(letter % 10 * 2);
    for (size_t i = 1; i < 9; i++)
        sum += digit_sum(digit(compact, i) * (i % 2 == 1 ? 1 : 2));
    return sum % 10 == digit(compact, 9);
}

bool valid_de_passport(struct slice compact)
{
    static const int weights[] = {7, 3, 1};
    if (compact.len != 9 || !memchr("CFGHJK", compact.ptr[0], 6))
        return false;
    int sum = 0;
    for (size_t i = 0; i < 8; i++) {
        char c = compact.ptr[i];
        if (!((c >= '0' && c <= '9') || (is_upper(c) && !memchr("AEIOU", c, 5))))
            return false;
        sum += (is_upper(c) ? c - 'A' + 10 : c - '0') * weights[i % 3];
    }
    return compact.ptr[8] == '0' + sum % 10;
}

bool valid_dea(struct slice compact)
{
    if (!has_form(compact, "A?9999999") || !memchr("ABCDEFGHJKLMPRSTUX", compact.ptr[0], 18))
        return false;
    int sum = digit(compact, 2) + digit(compact, 4) + digit(compact, 6) +
              2 * (digit(compact, 3) + digit(compact, 5) + digit(compact, 7));
    return sum % 10 == digit(compact, 8);
}

bool valid_npi(struct slice digits)
{
    char prefixed[15] = "80840";
    if (digits.len != 10 || !all_digits(digits) || (digits.ptr[0] != '1' && digits.ptr[0] != '2'))
        return false;
    memcpy(prefixed + 5, digits.ptr, 10);
    return valid_luhn(slice_of(prefixed, 15));
}

bool valid_mbi(struct slice compact)
{
    if (!has_form(compact, "9A?9A?9AA99") || compact.ptr[0] == '0')
        return false;
    for (size_t i = 0; i < compact.len; i++) {
        if (memchr("SLOIBZ", compact.ptr[i], 6))
            return false;
    }
    return true;
}

bool valid_nino(struct slice compact)
{
    if (!has_form(compact, "AA999999A") || compact.ptr[8] > 'D' ||
        memchr("DFIQUV", compact.ptr[0], 6) || memchr("DFIOQUV", compact.ptr[1], 7))
        return false;
    static const char *const unused[] = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
    for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
        if (memcmp(compact.ptr, unused[i], 2) == 0)
            return false;
    }
    return true;
}

bool valid_uk_licence(struct slice compact)
{
    if (compact.len != 16)
        return false;
    size_t letters = 0;
    while (letters < 5 && is_upper(compact.ptr[letters]))
        letters++;
    for (size_t i = letters; i < 5; i++) {
        if (compact.ptr[i] != '9')
            return false;
    }
    if (letters == 0 || !all_digits(slice_sub(compact, 5, 6)) || !(is_upper(compact.ptr[11])) ||
        !is_upper(compact.ptr[14]) || !is_upper(compact.ptr[15]) || compact.ptr[13] < '0')
        return false;
    /* 50 is added to the month of women. */
    int month = number_at(compact, 6, 2);
    return valid_date(0, month > 50 ? month - 50 : month, number_at(compact, 8, 2));
}

bool valid_fi_hetu(struct slice compact)
{
    static const char letters[] = "0123456789ABCDEFHJKLMNPRSTUVWXY";
    if (compact.len != 11 || !all_digits(slice_sub(compact, 0, 6)) ||
        !memchr("+-ABCDEFYXWVU", compact.ptr[6], 13) || !all_digits(slice_sub(compact, 7, 3)))
        return false;
    int number = number_at(compact, 0, 6) * 1000 + number_at(compact, 7, 3);
    return valid_date(0, number_at(compact, 2, 2), number_at(compact, 0, 2)) &&
           letters[number % 31] == compact.ptr[10];
}

bool valid_sg_uen(struct slice compact)
{
    if (has_form(compact, "99999999A") || has_form(compact, "999999999A")) {
        static const int short_weights[] = {10, 4, 9, 3, 8, 2, 7, 1};
        static const int long_weights[] = {10, 8, 6, 4, 9, 7, 5, 3, 1};
        bool is_short = compact.len == 9;
        int sum =
            is_short ? weighted(compact, short_weights, 8) : weighted(compact, long_weights, 9);
        const char *letters = is_short ? "XMKECAWLJDB" : "ZKCMDNERGWH";
        return letters[sum % 11] == compact.ptr[compact.len - 1] &&
               (is_short || number_at(compact, 0, 4) >= 1900);
    }
    return (has_form(compact, "T99AA9999A") || has_form(compact, "S99AA9999A") ||
            has_form(compact, "R99AA9999A"));
}
