#include "tests/unit/policy/policy_test.h"

#include <stdlib.h>
#include <time.h>

static struct policy *policy;
static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    policy = test_policy();
    arena = arena_new((size_t)64 << 20);
    return policy && arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    policy_unref(policy);
    arena_free(arena);
    return 0;
}

static struct policy_scan scan(const char *text)
{
    struct policy_scan found;
    assert_int_equal(policy_scan_text(policy, slice_from_str(text), arena, &found, NULL), BASE_OK);
    return found;
}

/* `value`: the bytes that must be found as `type`; NULL: no finding of that type at all. */
struct expected {
    enum policy_finding_type type;
    const char *text;
    const char *value;
};

static void check(const struct expected *e)
{
    struct policy_scan found = scan(e->text);
    for (size_t i = 0; i < found.count; i++) {
        const struct policy_finding *f = &found.findings[i];
        if (f->type != e->type)
            continue;
        if (!e->value)
            fail_msg("\"%s\" holds no %s", e->text, policy_finding_name(e->type));
        if (slice_eq_str(slice_of(e->text + f->offset, f->length), e->value))
            return;
    }
    if (e->value)
        fail_msg("\"%s\": %s \"%s\" was not found", e->text, policy_finding_name(e->type),
                 e->value);
}

#define CHECK_ALL(list)                                                                            \
    for (size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)                                  \
    check(&(list)[i])
#define T(name) POLICY_FINDING_##name

static void test_cards(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {T(CREDIT_CARD), "pay with " TEST_CARD " now", TEST_CARD},
        {T(CREDIT_CARD),
         "4111"
         "111111"
         "111111",
         "4111"
         "111111"
         "111111"},
        {T(CREDIT_CARD), "amex 3782-822463-10005.", "3782-822463-10005"},
        {T(CREDIT_CARD), "{\"card\":\"5555-5555-5555-4444\"}", "5555-5555-5555-4444"},
        {T(CREDIT_CARD), "4111 1111 1111 1112", NULL},
        {T(CREDIT_CARD), "1111 1111 1111 1117", NULL}, /* no scheme begins so */
        {T(CREDIT_CARD), "4111 1111 1111", NULL},
        {T(CREDIT_CARD), "0000000000000000", NULL},
        {T(CREDIT_CARD), "3.14159265358979323846", NULL},
    };
    CHECK_ALL(cases);
}

static void test_identity(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {T(SSN), "my SSN: 536-22-8726", "536-22-8726"},
        {T(SSN), "social security 536228726", "536228726"},
        {T(SSN), "part 536228726 is in stock", NULL},
        {T(SSN), "666-22-8726", NULL},
        {T(IBAN), "to DE89 3704 0044 0532 0130 00 today", "DE89 3704 0044 0532 0130 00"},
        {T(IBAN), "DE89 3704 0044\n0532 0130 00", "DE89 3704 0044\n0532 0130 00"},
        {T(IBAN), "gb82west12345698765432", "gb82west12345698765432"},
        {T(IBAN), "DE88 3704 0044 0532 0130 00", NULL},
        {T(NATIONAL_ID), "Mi DNI es 12345678Z", "12345678Z"},
        {T(NATIONAL_ID), "our part 12345678A is here", NULL},
        {T(NATIONAL_ID), "CPF 463.277.807-92", "463.277.807-92"},
        {T(NATIONAL_ID), "nino: PR 123612C", "PR 123612C"},
        {T(TAX_ID), "codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S"},
        {T(PASSPORT), "passport no. X1234567 expires", "X1234567"},
        {T(PASSPORT), "a passport costs 120 dollars", NULL},
        {T(DRIVER_LICENSE), "My driver licence number is L100-2627-2185", "L100-2627-2185"},
        {T(MEDICAL_ID), "The NHS number is 943 476 5919", "943 476 5919"},
        {T(MEDICAL_ID), "patient MRN 11695722, stable", "11695722"},
        {T(DOB), "born 1973-10-03 in Leeds", "1973-10-03"},
        {T(DOB), "date of birth: 11 October 1996.", "11 October 1996"},
        {T(DOB), "DOB 04/24/1953", "04/24/1953"},
        {T(DOB), "DOB 44/24/1953", NULL},
        {T(DOB), "released 1973-10-03", NULL},
    };
    CHECK_ALL(cases);
}

static void test_contact(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {T(EMAIL), "write to jane.doe+x@mail.example.org.", "jane.doe+x@mail.example.org"},
        {T(EMAIL), "user@xn--80ak6aa92e.com", "user@xn--80ak6aa92e.com"},
        {T(EMAIL), "@decorator\nclass x: pass", NULL},
        {T(EMAIL), "a @ b.com", NULL},
        {T(EMAIL), "git@host", NULL},
        {T(EMAIL), "x@1.2.3", NULL},
        {T(PHONE), "call +44 7446 431143 now", "+44 7446 431143"},
        {T(PHONE), "(415) 555-0132", "(415) 555-0132"},
        {T(PHONE), "or 415-555-0132 x12", "415-555-0132 x12"},
        {T(PHONE), "upgrade from 4.21.96 to 3.21.99", NULL},
        {T(PHONE), "on 2024-03-15", NULL},
        {T(PHONE), "multiply 9423 by 8684227", NULL},
        {T(IP_ADDRESS), "from 10.25.124.39:80", "10.25.124.39"},
        {T(IP_ADDRESS), "at 2001:db8:85a3::8a2e:370:7334.", "2001:db8:85a3::8a2e:370:7334"},
        {T(IP_ADDRESS), "fe80::1%eth0", "fe80::1%eth0"},
        {T(IP_ADDRESS), "256.1.2.3", NULL},
        {T(IP_ADDRESS), "version 1.2.3.4.5", NULL},
        {T(IP_ADDRESS), "127.0.0.1", NULL},
        {T(IP_ADDRESS), "std::vector<int>::size", NULL},
        {T(IP_ADDRESS), "at 12:30:45", NULL},
        {T(MAC_ADDRESS), "MAC eb:8d:d7:9d:74:52 is", "eb:8d:d7:9d:74:52"},
        {T(MAC_ADDRESS), "eb:8d:d7:9d:74", NULL},
        {T(MAC_ADDRESS), "ff:ff:ff:ff:ff:ff", NULL},
        {T(CRYPTO_WALLET), "to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
         "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
        {T(CRYPTO_WALLET), "to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", NULL},
        {T(ADDRESS), "living at 126 Victoria Terrace, Leeds LS6 2AB.",
         "126 Victoria Terrace, Leeds LS6 2AB"},
        {T(ADDRESS), "Hauptstr. 77, 09103 Berlin", "Hauptstr. 77, 09103 Berlin"},
        {T(ADDRESS), "the road to 3 wins", NULL},
    };
    CHECK_ALL(cases);
}

static void test_secrets(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {T(SECRET), "id " TEST_KEY " here", TEST_KEY},
        {T(SECRET),
         "akia"
         "q3egripfz2lwbn5t",
         NULL},
        {T(SECRET),
         "AK"
         "IAIOSFODNN7EXAMPLE",
         NULL}, /* the one of the documentation */
        {T(SECRET),
         "AK"
         "IAJVXCDAU3VDUMMYQS",
         "AK"
         "IAJVXCDAU3VDUMMYQS"}, /* by chance */
        {T(SECRET),
         "gh"
         "p_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",
         "gh"
         "p_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"},
        {T(SECRET),
         "gh"
         "p_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         NULL},
        {T(SECRET),
         "gh"
         "p_wWPw5k4aXcaT4fNP0UcnZwJUVF",
         NULL},
        {T(SECRET),
         "sk"
         "-proj-bpftR2ugmRK4XpZZdWEAnlhCpAV2KLigsieU79",
         "sk"
         "-proj-bpftR2ugmRK4XpZZdWEAnlhCpAV2KLigsieU79"},
        {T(SECRET),
         "use sk"
         "-ant-api03-vjalch1rkb05b7-ntdvb8ntfvylozyj4jlj18v4fczqb8j64h3zn-ejvc9uxyti8a now",
         "sk"
         "-ant-api03-vjalch1rkb05b7-ntdvb8ntfvylozyj4jlj18v4fczqb8j64h3zn-ejvc9uxyti8a"},
        {T(SECRET),
         "AI"
         "zaSyBq7Fw3nLr0Xk9TzVdC4hJ8mPu2EgRs1Yw",
         "AI"
         "zaSyBq7Fw3nLr0Xk9TzVdC4hJ8mPu2EgRs1Yw"},
        {T(SECRET),
         "DB_PASSWORD="
         "Tr0ub4dori7OC%naVB$",
         "Tr0ub4dori7OC%naVB$"},
        {T(SECRET), "DB_PASSWORD=${DB_PASSWORD}", NULL},
        {T(SECRET), "export OPENAI_API_KEY=<your-api-key>", NULL},
        {T(SECRET),
         "postgres://svc:"
         "99zzRBmxQSJVPs@cache7.example.com:3306/orders",
         "postgres://svc:"
         "99zzRBmxQSJVPs@cache7.example.com:3306/orders"},
        {T(SECRET), "postgres://USER:PASSWORD@HOST:5432/DBNAME", NULL},
        {T(SECRET), "https://example.com:8080/@user", NULL},
        {T(SECRET),
         "Authorization: Basic "
         "YnJvd3NlcjpzZXNhbWU=",
         "YnJvd3NlcjpzZXNhbWU="},
        {T(SECRET), "-H \"Authorization: Bearer <token>\"", NULL},
        {T(SECRET), "the token count is 4096 and the password field is required", NULL},
        {T(SECRET), "git checkout 224f43ad1f4c1831864596b72d3b994d8192419b", NULL},
        {T(SECRET),
         "-----BEGIN "
         "PRIVATE KEY-----\n***\n-----END "
         "PRIVATE KEY-----",
         NULL},
        {T(SECRET), "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIB", NULL},
    };
    CHECK_ALL(cases);
    struct policy_scan found = scan("-----BEGIN RSA "
                                    "PRIVATE KEY-----\nMIICWwIBAAKBgQCYdGaf5uYMsilGHfnx\n"
                                    "-----END RSA "
                                    "PRIVATE KEY----- end");
    assert_int_equal(found.count, 1);
    assert_int_equal(found.findings[0].offset, 0);
    assert_int_equal(found.findings[0].length, 94);
    assert_int_equal(found.level, POLICY_LEVEL_RESTRICTED);
}

static void test_words(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {T(CONFIDENTIAL), "CONFIDENTIAL - do not distribute. Revenue fell.", "do not distribute"},
        {T(CONFIDENTIAL), "Translate \"for internal use only\" into Spanish.", NULL},
        {T(CONFIDENTIAL), "What is a confidential informant?", NULL},
        {T(HEALTH), "My husband has diabetes and takes metformin", "diabetes"},
        {T(HEALTH), "What causes diabetes?", NULL},
    };
    CHECK_ALL(cases);
}

/* The same card in every disguise that normalising undoes. */
static void test_disguises(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {T(CREDIT_CARD),
         "4\xE2\x80\x8B"
         "111 1111 1111 1111",
         "4\xE2\x80\x8B"
         "111 1111 1111 1111"},
        {T(CREDIT_CARD),
         "\xEF\xBC\x94"
         "111 1111 1111 1111 x",
         "\xEF\xBC\x94"
         "111 1111 1111 1111"},
        {T(CREDIT_CARD),
         "4111\xC2\xA0"
         "1111\xE2\x80\x91"
         "1111 1111",
         "4111\xC2\xA0"
         "1111\xE2\x80\x91"
         "1111 1111"},
        {T(CREDIT_CARD), "card=4111%2011111111%201111&x", "4111%2011111111%201111"},
        {T(CREDIT_CARD), "\"\\u0034111 1111 1111 1111\"", "\\u0034111 1111 1111 1111"},
        {T(CREDIT_CARD), "&#52;111 1111 1111 1111", "&#52;111 1111 1111 1111"},
        {T(CREDIT_CARD), "data bXkgY2FyZCBpcyA0MTExIDExMTEgMTExMSAxMTEx end",
         "bXkgY2FyZCBpcyA0MTExIDExMTEgMTExMSAxMTEx"},
        {T(EMAIL), "user%40mail.example.org", "user%40mail.example.org"},
        {T(EMAIL), "jane\xEF\xBC\xA0mail.example.org", "jane\xEF\xBC\xA0mail.example.org"},
    };
    CHECK_ALL(cases);
}

static void test_custom(void **state)
{
    (void)state;
    static const struct slice words[] = {SLICE_INIT("Project Falcon"), SLICE_INIT("K-9")};
    static const struct policy_dictionary names = {SLICE_INIT("code-names"), words, 2,
                                                   POLICY_LEVEL_RESTRICTED};
    static const struct policy_pattern ticket = {SLICE_INIT("ticket"), SLICE_INIT("HRT-[0-9]{4}"),
                                                 POLICY_LEVEL_CONFIDENTIAL};
    struct policy_config config;
    struct policy *custom;
    struct policy_scan found;
    policy_config_init(&config);
    config.dictionaries = &names;
    config.dictionary_count = 1;
    config.patterns = &ticket;
    config.pattern_count = 1;
    assert_int_equal(policy_new(&config, &custom, NULL), BASE_OK);
    struct slice text = SLICE("see HRT-1234 about project-falcon and the k9");
    assert_int_equal(policy_scan_text(custom, text, arena, &found, NULL), BASE_OK);
    assert_int_equal(found.count, 2);
    assert_true(slice_eq_str(found.findings[0].name, "ticket"));
    assert_int_equal(found.findings[0].offset, 4);
    assert_int_equal(found.findings[0].length, 8);
    assert_true(slice_eq_str(found.findings[1].name, "code-names"));
    assert_int_equal(found.level, POLICY_LEVEL_RESTRICTED);
    policy_unref(custom);
}

/* A word with letters beyond ASCII, however a client, a page or a tool wrote them. */
static void test_custom_letters(void **state)
{
    (void)state;
    static const struct slice words[] = {
        SLICE_INIT("M\xC3\xBCller"), SLICE_INIT("caf\xC3\xA9 noir"),
        SLICE_INIT("\xF0\xA0\xAE\xB7"), /* beyond 16 bits */
        SLICE_INIT("\xED\x95\x9C\xEA\xB8\x80"), /* Korean */ SLICE_INIT("Zoe\xCC\x88")};
    static const struct policy_dictionary names = {SLICE_INIT("names"), words, 5,
                                                   POLICY_LEVEL_RESTRICTED};
    static const struct {
        const char *text;
        size_t length; /* of the finding, which begins behind "so " */
    } cases[] = {
        {"so M\xC3\xBCller", 7},
        {"so M\\u00fcller", 11},
        {"so M\\U000000FCller", 15},
        {"so M\\xfcller", 9},
        {"so M&#252;ller", 11},
        {"so M&#xFC;ller", 11},
        {"so M&uuml;ller", 11},
        {"so M%C3%BCller", 11},
        {"so \\ud842\\udfb7", 12},
        {"so caf\\u00e9&nbsp;noir", 19},
        {"so caf%C3%A9%C2%A0noir", 19},
        {"so Y2Fmw6kgbm9pciBpbg==", 18}, /* base64, but its padding */
        /* letters and their marks apart, as macOS writes them; the last word above, too */
        {"so Mu\xCC\x88ller", 8},
        {"so cafe\xCC\x81 noir", 11},
        {"so \xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x80\xE1\x85\xB3\xE1\x86\xAF", 18},
        {"so Zo\xC3\xAB", 4},
        {"so Zoe\xCC\x88", 5},
    };
    struct policy_config config;
    struct policy *custom;
    policy_config_init(&config);
    config.dictionaries = &names;
    config.dictionary_count = 1;
    assert_int_equal(policy_new(&config, &custom, NULL), BASE_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_scan found;
        assert_int_equal(
            policy_scan_text(custom, slice_from_str(cases[i].text), arena, &found, NULL), BASE_OK);
        if (found.count != 1 || found.findings[0].offset != 3 ||
            found.findings[0].length != cases[i].length)
            fail_msg("%s: %zu findings", cases[i].text, found.count);
    }
    policy_unref(custom);
}

/* Text copied from a page holds entities between and for characters. */
static void test_entities(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {T(CREDIT_CARD), "card 4111&nbsp;1111&nbsp;1111&nbsp;1111",
         "4111&nbsp;1111&nbsp;1111&nbsp;1111"},
        {T(CREDIT_CARD), "card 4111&#8209;1111&shy;1111&ndash;1111",
         "4111&#8209;1111&shy;1111&ndash;1111"},
        {T(EMAIL), "jane&commat;mail.example&period;org", "jane&commat;mail.example&period;org"},
    };
    CHECK_ALL(cases);
}

/* Bytes of all kinds, and every prefix of a text full of things to find. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char text[] =
        "call +1 (415) 555-0132 x9, password: Zx9!kk2, born 1 May 1999, ::1, 10.0.0.1/8, "
        "a@b.co, 4111 1111 1111 1111, eyJ.eyJ, -----BEGIN PRIVATE KEY-----, kind: Secret, "
        "curl -u a:b12345, postgres://a:b@c, Apt. 1, 12 Rue, passport A, %4, \\u00, &#1";
    for (size_t len = 0; len < sizeof(text); len++) {
        struct policy_scan found;
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, text, len);
        assert_int_equal(policy_scan_text(policy, slice_of(copy, len), arena, &found, NULL),
                         BASE_OK);
        free(copy);
    }
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    struct policy_scan found;
    assert_int_equal(policy_scan_text(policy, slice_of(bytes, 256), arena, &found, NULL), BASE_OK);
}

/* What begins a token, a word or a name again and again, in one row: each beginning must not look
 * at all that follows. With two times the text, four times the time: 128 KiB took 5 to 60 s. */
static void test_rows(void **state)
{
    (void)state;
    static const char *const units[] = {
        "AP",       "AKC",
        "://",      "https://a:b@c/",
        "eyJ.",     "eyJhbGciOiJIUzI.eyJhbGciOiJIUzI.",
        "ul.",      "str.",
        "weg",      "patient",
        "gata1",    "-----BEGIN PRIVATE KEY-----\nQUJDREVGR0g",
        "Pwd=;Pwd", "12 ",
    };
    enum { BYTES = 128 << 10, MOST_S = 4 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        size_t len = strlen(units[u]);
        for (size_t i = 0; i < BYTES; i++)
            text[i] = units[u][i % len];
        struct arena *own = arena_new((size_t)256 << 20);
        struct policy_scan found;
        clock_t begin = clock();
        assert_int_equal(policy_scan_text(policy, slice_of(text, BYTES), own, &found, NULL),
                         BASE_OK);
        clock_t took = clock() - begin;
        if (took > (clock_t)MOST_S * CLOCKS_PER_SEC)
            fail_msg("\"%s\" again and again took %.1f s", units[u], (double)took / CLOCKS_PER_SEC);
        arena_free(own);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cards),    cmocka_unit_test(test_identity),
        cmocka_unit_test(test_contact),  cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_words),    cmocka_unit_test(test_disguises),
        cmocka_unit_test(test_custom),   cmocka_unit_test(test_custom_letters),
        cmocka_unit_test(test_entities), cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
