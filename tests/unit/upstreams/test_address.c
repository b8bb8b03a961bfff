#include "upstreams/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool allowed(const struct address_policy *policy, const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return address_allowed(policy, (const struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return address_allowed(policy, (const struct sockaddr *)&in6);
}

static void test_names_of_cloud_resolve_to_public_only(void **state)
{
    (void)state;
    const struct address_policy cloud = {.cloud = true};
    static const char *const bad[] = {
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.1.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "::7f00:1",
    };
    static const char *const good[] = {"8.8.8.8",         "172.32.0.1",       "100.128.0.1",
                                       "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8",
                                       "9.255.255.255",   "11.0.0.0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (allowed(&cloud, bad[i]))
            print_error("%s\n", bad[i]);
        assert_false(allowed(&cloud, bad[i]));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!allowed(&cloud, good[i]))
            print_error("%s\n", good[i]);
        assert_true(allowed(&cloud, good[i]));
    }
}

static void test_names_on_premises(void **state)
{
    (void)state;
    const struct address_policy premises = {.cloud = false};
    assert_true(allowed(&premises, "10.0.0.1"));
    assert_true(allowed(&premises, "127.0.0.1"));
    assert_true(allowed(&premises, "fd00::1"));
    assert_false(allowed(&premises, "169.254.169.254"));
    assert_false(allowed(&premises, "::ffff:169.254.169.254"));
    assert_false(allowed(&premises, "0.0.0.0"));
}

static void test_literals_are_taken_at_their_word(void **state)
{
    (void)state;
    const struct address_policy literal = {.cloud = true, .literal = true};
    assert_true(allowed(&literal, "127.0.0.1"));
    assert_true(allowed(&literal, "169.254.1.1"));
}

static void test_ranges(void **state)
{
    (void)state;
    struct address_range ranges[3];
    assert_true(address_range_parse(SLICE("10.0.0.0/8"), &ranges[0]));
    assert_true(address_range_parse(SLICE("192.168.4.7"), &ranges[1]));
    assert_true(address_range_parse(SLICE("2001:db8:8000::/33"), &ranges[2]));
    const struct address_policy policy = {.ranges = ranges, .range_count = 3, .literal = true};
    assert_true(allowed(&policy, "10.255.0.1"));
    assert_true(allowed(&policy, "::ffff:10.255.0.1"));
    assert_false(allowed(&policy, "11.0.0.0"));
    assert_true(allowed(&policy, "192.168.4.7"));
    assert_false(allowed(&policy, "192.168.4.6"));
    assert_true(allowed(&policy, "2001:db8:ffff::1"));
    assert_false(allowed(&policy, "2001:db8:7fff::1"));
    assert_false(allowed(&policy, "127.0.0.1"));
    struct sockaddr unix_address = {.sa_family = AF_UNIX};
    assert_false(address_allowed(&policy, &unix_address));
}

static void test_bad_ranges(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8",
                                      "::/129",     "::/",         "host",        "10.0.0.0/8/8",
                                      "10.0.0.0/x", "/8",          "010.0.0.1"};
    struct address_range range;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(address_range_parse(slice_from_str(bad[i]), &range));
    assert_true(address_range_parse(SLICE("0.0.0.0/0"), &range));
    assert_true(address_range_parse(SLICE("::/0"), &range));
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *path;
        int port;
        bool https, literal, loopback;
    } good[] = {
        {"https://api.example.com/v1", "api.example.com", "/v1", 0, true, false, false},
        {"https://api.example.com/v1/", "api.example.com", "/v1", 0, true, false, false},
        {"http://10.0.0.5:8000/v1", "10.0.0.5", "/v1", 8000, false, true, false},
        {"http://localhost:1", "localhost", "", 1, false, true, true},
        {"http://[::1]:65535/", "::1", "", 65535, false, true, true},
        {"http://[2001:db8::1]", "2001:db8::1", "", 0, false, true, false},
        {"http://127.0.0.2", "127.0.0.2", "", 0, false, true, true},
        {"https://a-b_c.example", "a-b_c.example", "", 0, true, false, false},
    };
    static const char *const bad[] = {
        "",
        "api.example.com",
        "ftp://a",
        "https://",
        "https:///v1",
        "https://user@host",
        "https://user:pass@host/",
        "https://host?x",
        "https://host/a?b",
        "https://host/#f",
        "https://host/%2e%2e",
        "https://host/../x",
        "https://host\\x",
        "https://host:0",
        "https://host:65536",
        "https://host:",
        "https://host:-1",
        "https://host:8x",
        "https://ho st",
        "https://host\r\nx: y",
        "https://[::1",
        "https://[host]",
        "https://::1",
        "http://2130706433",
        "http://0x7f000001",
        "http://127.1",
        "http://127.0.0.1.",
        "HTTP://host",
    };
    struct address_url u;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!address_url_parse(slice_from_str(good[i].url), &u))
            print_error("good URL %zu\n", i);
        assert_true(address_url_parse(slice_from_str(good[i].url), &u));
        assert_true(slice_eq_str(u.host, good[i].host));
        assert_true(slice_eq_str(u.path, good[i].path));
        assert_int_equal(u.port, good[i].port);
        assert_int_equal(u.https, good[i].https);
        assert_int_equal(u.is_literal, good[i].literal);
        assert_int_equal(u.is_loopback, good[i].loopback);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (address_url_parse(slice_from_str(bad[i]), &u))
            print_error("bad URL %zu\n", i);
        assert_false(address_url_parse(slice_from_str(bad[i]), &u));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_cloud_resolve_to_public_only),
        cmocka_unit_test(test_names_on_premises),
        cmocka_unit_test(test_literals_are_taken_at_their_word),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_bad_ranges),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
