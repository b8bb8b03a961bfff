/* Numbers of more countries; see validators.h. */
#include "policy/validators.h"

static int digit(struct slice s, size_t i)
{
    return s.ptr[i] - '0';
}

static bool all_digits(struct slice s, size_t len)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    }
    return s.len == len;
}

static int number_at(struct slice s, size_t from, size_t len)
{
    int value = 0;
    for (size_t i = from; i < from + len; i++)
        value = value * 10 + digit(s, i);
    return value;
}

static bool all_same(struct slice s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] != s.ptr[0])
            return false;
    }
    return true;
}

/* A = letter, 9 = digit, ? = either, other = itself. */
static bool has_form(struct slice s, const char *mask)
{
    if (s.len != strlen(mask))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_digit = c >= '0' && c <= '9', is_letter = c >= 'A' && c <= 'Z';
        if (mask[i] == 'A'   ? !is_letter
            : mask[i] == '9' ? !is_digit
            : mask[i] == '?' ? !is_digit && !is_letter
                             : c != mask[i])
            return false;
    }
    return true;
}

bool valid_tckn(struct slice digits)
{
    if (!all_digits(digits, 11) || digits.ptr[0] == '0')
        return false;
    int odd = 0, even = 0, sum = 0;
    for (size_t i = 0; i < 9; i++)
        *(i % 2 == 0 ? &odd : &even) += digit(digits, i);
    for (size_t i = 0; i < 10; i++)
        sum += digit(digits, i);
    return ((odd * 7 - even) % 10 + 10) % 10 == digit(digits, 9) && sum % 10 == digit(digits, 10);
}

bool valid_thai_id(struct slice digits)
{
    if (!all_digits(digits, 13) || digits.ptr[0] == '0' || digits.ptr[0] == '9')
        return false;
    int sum = 0;
    for (size_t i = 0; i < 12; i++)
        sum += digit(digits, i) * (int)(13 - i);
    return (11 - sum % 11) % 10 == digit(digits, 12);
}

bool valid_personnummer(struct slice digits)
{
    struct slice last = digits.len == 12 ? slice_sub(digits, 2, 10) : digits;
    if (!all_digits(last, 10) || !all_digits(digits, digits.len))
        return false;
    int day = number_at(last, 4, 2);
    return valid_date(0, number_at(last, 2, 2), day > 60 ? day - 60 : day) && valid_luhn(last);
}

bool valid_se_org(struct slice digits)
{
    return all_digits(digits, 10) && digits.ptr[2] >= '2' && digits.ptr[0] != '0' &&
           valid_luhn(digits);
}

bool valid_ahv(struct slice digits)
{
    if (!all_digits(digits, 13) || number_at(digits, 0, 3) != 756)
        return false;
    int sum = 0;
    for (size_t i = 0; i < 12; i++)
        sum += digit(digits, i) * (i % 2 ? 3 : 1);
    return (10 - sum % 10) % 10 == digit(digits, 12);
}

bool valid_be_national(struct slice digits)
{
    if (!all_digits(digits, 11) || !valid_date(0, number_at(digits, 2, 2), number_at(digits, 4, 2)))
        return false;
    int number = number_at(digits, 0, 9), check = number_at(digits, 9, 2);
    /* Who was born from 2000 on has a 2 before the number. */
    return 97 - number % 97 == check || 97 - (int)((2000000000LL + number) % 97) == check;
}

bool valid_bsn(struct slice digits)
{
    if (!all_digits(digits, 9) || all_same(digits))
        return false;
    int sum = -digit(digits, 8);
    for (size_t i = 0; i < 8; i++)
        sum += digit(digits, i) * (int)(9 - i);
    return sum % 11 == 0;
}

bool valid_cn_id(struct slice compact)
{
    static const int weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    if (!has_form(compact, "99999999999999999?") || compact.ptr[0] == '0')
        return false;
    int sum = 0;
    for (size_t i = 0; i < 17; i++)
        sum += digit(compact, i) * weights[i];
    int year = number_at(compact, 6, 4);
    return year >= 1900 && year < 2100 &&
           valid_date(year, number_at(compact, 10, 2), number_at(compact, 12, 2)) &&
           "10X98765432"[sum % 11] == compact.ptr[17];
}

bool valid_cnpj(struct slice digits)
{
    if (!all_digits(digits, 14) || all_same(digits))
        return false;
    for (size_t place = 12; place < 14; place++) {
        int sum = 0;
        for (size_t i = 0; i < place; i++)
            sum += digit(digits, i) * (int)(2 + (place - 1 - i) % 8);
        int check = sum % 11 < 2 ? 0 : 11 - sum % 11;
        if (check != digit(digits, place))
            return false;
    }
    return true;
}

bool valid_imei(struct slice digits)
{
    return all_digits(digits, 15) && !all_same(digits) && valid_luhn(digits);
}

bool valid_in_pan(struct slice compact)
{
    return has_form(compact, "AAAAA9999A") && memchr("ABCFGHLJPTK", compact.ptr[3], 11) != NULL;
}

bool valid_gstin(struct slice compact)
{
    if (!has_form(compact, "99AAAAA9999A?Z?") || !valid_in_pan(slice_sub(compact, 2, 10)))
        return false;
    int sum = 0;
    for (size_t i = 0; i < 14; i++) {
        char c = compact.ptr[i];
        int value = (c >= 'A' ? c - 'A' + 10 : c - '0') * (i % 2 ? 2 : 1);
        sum += value / 36 + value % 36;
    }
    int check = (36 - sum % 36) % 36;
    return compact.ptr[14] == (check < 10 ? '0' + check : 'A' + check - 10);
}

bool valid_de_vat(struct slice compact)
{
    if (!has_form(compact, "DE999999999") || compact.ptr[2] == '0')
        return false;
    int product = 10;
    for (size_t i = 2; i < 10; i++) {
        int sum = (digit(compact, i) + product) % 10;
        product = (sum == 0 ? 10 : sum) * 2 % 11;
    }
    return (11 - product) % 10 == digit(compact, 10);
}

bool valid_vin(struct slice compact)
{
    static const int weights[] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    static const char values[] =
        "12345678.12345.7.923456789"; /* of A to Z; I, O and Q are not used */
    if (!has_form(compact, "?????????????????"))
        return false;
    int sum = 0;
    for (size_t i = 0; i < 17; i++) {
        char c = compact.ptr[i];
        char value = c >= 'A' ? values[c - 'A'] : c;
        if (value == '.')
            return false;
        sum += (value - '0') * weights[i];
    }
    return compact.ptr[8] == "0123456789X"[sum % 11] && !all_same(compact);
}

bool valid_mx_curp(struct slice compact)
{
    return has_form(compact, "AAAA999999AAAAAA?9") &&
           (compact.ptr[10] == 'H' || compact.ptr[10] == 'M') &&
           valid_date(0, number_at(compact, 6, 2), number_at(compact, 8, 2));
}
