/* Addresses: text to key and back, networks, and counting by subscriber. */
#include "gateway/http/internal.h"
#include "tests/unit/unit.h"

static struct ip_key key_of(const char *text)
{
    struct ip_key key;
    assert_true(ip_parse(slice_from_str(text), &key));
    return key;
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *back;
    } good[] = {{"127.0.0.1", "127.0.0.1"},
                {"::1", "::1"},
                {"::ffff:10.1.2.3", "10.1.2.3"},
                {"2001:DB8:0:0::5", "2001:db8::5"}};
    static const char *const bad[] = {"",
                                      "127.0.0",
                                      "127.0.0.1 ",
                                      "1.2.3.4:80",
                                      "::g",
                                      "localhost",
                                      "00000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[PEER_TEXT_MAX];
        struct ip_key key = key_of(good[i].text);
        ip_format(&key, text);
        assert_string_equal(text, good[i].back);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ip_key key;
        assert_false(ip_parse(slice_from_str(bad[i]), &key));
    }
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *net, *address;
        bool inside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"10.0.0.0/8", "::10.0.0.1", false},
        {"192.168.4.0/22", "192.168.7.9", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4", "1.2.3.5", false},
        {"0.0.0.0/0", "9.9.9.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::/0", "9.9.9.9", true},
    };
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
                                      "/8",          "::/129",      "x"};
    struct cidr cidr;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ip_key key = key_of(rows[i].address);
        assert_true(cidr_parse(slice_from_str(rows[i].net), &cidr));
        if (cidr_has(&cidr, 1, &key) != rows[i].inside)
            fail_msg("%s in %s", rows[i].address, rows[i].net);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cidr_parse(slice_from_str(bad[i]), &cidr));
}

static void test_counting(void **state)
{
    (void)state;
    struct ip_table *table = ip_table_new();
    struct ip_key a = key_of("1.2.3.4"), b = key_of("1.2.3.5");
    struct ip_key home1 = key_of("2001:db8:1:2::1"), home2 = key_of("2001:db8:1:2:ffff::9"),
                  other = key_of("2001:db8:1:3::1");
    assert_non_null(table);
    assert_true(ip_table_enter(table, &a, 2));
    assert_true(ip_table_enter(table, &a, 2));
    assert_false(ip_table_enter(table, &a, 2));
    assert_true(ip_table_enter(table, &b, 2));
    ip_table_leave(table, &a);
    assert_true(ip_table_enter(table, &a, 2));
    assert_true(ip_table_enter(table, &home1, 1)); /* one subscriber has a /64 */
    assert_false(ip_table_enter(table, &home2, 1));
    assert_true(ip_table_enter(table, &other, 1));
    ip_table_leave(table, &home2);
    assert_true(ip_table_enter(table, &home2, 1));
    ip_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
