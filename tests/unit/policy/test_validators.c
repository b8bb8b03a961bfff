#include "policy/validators.h"
#include "policy/wallet.h"
#include "tests/unit/policy/policy_test.h"

/* A check digit rule must take the number and refuse it with any one digit changed. */
static void near_misses(bool (*valid)(struct slice), const char *good)
{
    char text[64];
    size_t len = strlen(good), refused = 0, tried = 0;
    memcpy(text, good, len);
    if (!valid(slice_of(text, len)))
        fail_msg("%s should be valid", good);
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            continue;
        text[i] = text[i] == '9' ? '8' : (char)(text[i] + 1);
        refused += !valid(slice_of(text, len));
        tried++;
        text[i] = good[i];
    }
    assert_false(valid(slice_of(text, len - 1)));
    if (refused * 10 < tried * 8)
        fail_msg("%s: only %zu of %zu changes were noticed", good, refused, tried);
}

static void test_check_digits(void **state)
{
    (void)state;
    static const struct {
        bool (*valid)(struct slice);
        const char *good;
    } cases[] = {
        {valid_card, "4111"
                     "1111"
                     "1111"
                     "1111"},
        {valid_card, "3782"
                     "822463"
                     "10005"},
        {valid_card, "5555"
                     "5555"
                     "5555"
                     "4444"},
        {valid_card, "6011"
                     "1111"
                     "1111"
                     "1117"},
        {valid_card, "3530"
                     "1113"
                     "3330"
                     "0000"},
        {valid_aba, "121000"
                    "358"},
        {valid_verhoeff, "2011"
                         "3127"
                         "0494"},
        {valid_cpf, "463277"
                    "80792"},
        {valid_nhs, "943476"
                    "5919"},
        {valid_nir, "17208765"
                    "8121932"},
        {valid_dni, "1234"
                    "5678Z"},
        {valid_dni, "X123"
                    "4567L"},
        {valid_pesel, "440514"
                      "01458"},
        {valid_za_id, "800101"
                      "5009087"},
        {valid_kr_brn, "10486"
                       "56659"},
        {valid_nric, "S274"
                     "0116C"},
        {valid_it_vat, "013335"
                       "50323"},
        {valid_au_abn, "518247"
                       "53556"},
        {valid_au_acn, "00624"
                       "9976"},
        {valid_au_tfn, "87654"
                       "3210"},
        {valid_de_social, "150706"
                          "49C103"},
        {valid_de_kvnr, "A12345"
                        "6780"},
        {valid_npi, "12345"
                    "67893"},
        {valid_fi_hetu, "131052"
                        "-308T"},
        {valid_tckn, "10000000"
                     "146"},
        {valid_thai_id, "110170"
                        "0207030"},
        {valid_personnummer, "811218"
                             "9876"},
        {valid_ahv, "756921"
                    "7076985"},
        {valid_be_national, "850730"
                            "03328"},
        {valid_bsn, "11122"
                    "2333"},
        {valid_cn_id, "110101"
                      "19900307"
                      "7635"},
        {valid_cnpj, "11222333"
                     "000181"},
        {valid_imei, "490154"
                     "203237518"},
        {valid_gstin, "27AAPFU"
                      "0939F1ZV"},
        {valid_de_vat, "DE136"
                       "695976"},
        {valid_vin, "1M8GDM9AX"
                    "KP042788"},
        {valid_sg_uen, "531252"
                       "26D"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        near_misses(cases[i].valid, cases[i].good);
}

static void test_iban(void **state)
{
    (void)state;
    size_t len = 0;
    assert_true(valid_iban(SLICE("DE89"
                                 "370400440532013000"),
                           &len));
    assert_int_equal(len, 22);
    assert_true(valid_iban(SLICE("GB82WEST"
                                 "12345698765432"
                                 "MORE"),
                           &len));
    assert_int_equal(len, 22);
    assert_false(valid_iban(SLICE("DE88"
                                  "370400440532013000"),
                            &len));
    assert_false(valid_iban(SLICE("DE89"
                                  "37040044053201300"),
                            &len)); /* short */
    assert_false(valid_iban(SLICE("ZZ89"
                                  "370400440532013000"),
                            &len));
    assert_false(valid_iban(SLICE("DE"), &len));
    assert_int_equal(iban_length(SLICE("NO93")), 15);
}

static void test_us_numbers(void **state)
{
    (void)state;
    assert_true(valid_ssn(SLICE("536"
                                "22"
                                "8726")));
    assert_false(valid_ssn(SLICE("666"
                                 "22"
                                 "8726")));
    assert_false(valid_ssn(SLICE("000"
                                 "22"
                                 "8726")));
    assert_false(valid_ssn(SLICE("536"
                                 "00"
                                 "8726")));
    assert_false(valid_ssn(SLICE("536"
                                 "22"
                                 "0000")));
    assert_false(valid_ssn(SLICE("900"
                                 "22"
                                 "8726")));
    assert_false(valid_ssn(SLICE("078"
                                 "05"
                                 "1120"))); /* the one of the wallets */
    assert_true(valid_itin(SLICE("911"
                                 "70"
                                 "1234")));
    assert_false(valid_itin(SLICE("911"
                                  "40"
                                  "1234")));
    assert_true(valid_mbi(SLICE("1EG4"
                                "TE5"
                                "MK73")));
    assert_false(valid_mbi(SLICE("1SG4"
                                 "TE5"
                                 "MK73"))); /* S is not used */
    assert_true(valid_dea(SLICE("GL02"
                                "85191")));
    assert_false(valid_dea(SLICE("GL02"
                                 "85192")));
}

static void test_others(void **state)
{
    (void)state;
    assert_true(valid_nino(SLICE("AB12"
                                 "3456C")));
    assert_false(valid_nino(SLICE("DA12"
                                  "3456C")));
    assert_false(valid_nino(SLICE("GB12"
                                  "3456C")));
    assert_false(valid_nino(SLICE("AB12"
                                  "3456E")));
    assert_true(valid_uk_licence(SLICE("MORGA"
                                       "657054"
                                       "SM9IJ")));
    assert_false(valid_uk_licence(SLICE("MORGA"
                                        "627054"
                                        "SM9IJ"))); /* month 62 - 50 = 12, day 70 */
    assert_true(valid_kr_rrn(SLICE("960121"
                                   "1234567")));
    assert_false(valid_kr_rrn(SLICE("961321"
                                    "1234567")));
    assert_true(valid_it_fiscal(SLICE("RSSMRA85T10"
                                      "A562S")));
    assert_false(valid_it_fiscal(SLICE("RSSMRA85T10"
                                       "A562T")));
    assert_true(valid_date(1999, 2, 29));
    assert_false(valid_date(1999, 2, 30));
    assert_false(valid_date(1999, 13, 1));
    assert_false(valid_date(1999, 1, 0));
}

static void test_wallets(void **state)
{
    (void)state;
    assert_true(wallet_is_base58(SLICE("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")));
    assert_false(wallet_is_base58(SLICE("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")));
    assert_false(wallet_is_base58(SLICE("1A1zP1eP5QGefi2DMPTfTL5SLmv7Div0Na")));
    assert_true(wallet_is_bech32(SLICE("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")));
    assert_true(
        wallet_is_bech32(SLICE("bc1p5d7rjq7g6rdk2yhzks9smlaqtedr4dekq08ge8ztwac72sfr9rusxg3297")));
    assert_false(wallet_is_bech32(SLICE("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_digits), cmocka_unit_test(test_iban),
        cmocka_unit_test(test_us_numbers),   cmocka_unit_test(test_others),
        cmocka_unit_test(test_wallets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
