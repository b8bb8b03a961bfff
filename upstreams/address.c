#include "upstreams/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { V4_PREFIX_BITS = 96 };
static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

enum address_class { CLASS_PUBLIC, CLASS_NEVER, CLASS_LOOPBACK, CLASS_PRIVATE };

/* Special ranges (IANA's registries), first match counts. Addresses that hold an IPv4 address
 * inside (NAT64, 6to4) are judged by that one. */
static const struct {
    const char *range;
    enum address_class class;
} specials[] = {
    {"127.0.0.0/8", CLASS_LOOPBACK},
    {"::1", CLASS_LOOPBACK},
    {"10.0.0.0/8", CLASS_PRIVATE},
    {"172.16.0.0/12", CLASS_PRIVATE},
    {"192.168.0.0/16", CLASS_PRIVATE},
    {"100.64.0.0/10", CLASS_PRIVATE},
    {"fc00::/7", CLASS_PRIVATE},
    {"0.0.0.0/8", CLASS_NEVER},
    {"169.254.0.0/16", CLASS_NEVER},
    {"192.0.0.0/24", CLASS_NEVER},
    {"198.18.0.0/15", CLASS_PRIVATE},
    {"224.0.0.0/3", CLASS_NEVER},
    {"::", CLASS_NEVER},
    {"fe80::/10", CLASS_NEVER},
    {"ff00::/8", CLASS_NEVER},
};

static bool parse_bits(struct slice text, int most, int *ret)
{
    int64_t value;
    if (text.len > 3 || !slice_to_i64(text, &value) || value < 0 || value > most)
        return false;
    *ret = (int)value;
    return true;
}

bool address_range_parse(struct slice text, struct address_range *ret)
{
    char host[64];
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    size_t len = slash ? (size_t)(slash - text.ptr) : text.len;
    if (len == 0 || len >= sizeof(host))
        return false;
    memcpy(host, text.ptr, len);
    host[len] = '\0';

    struct address_range range = {.bits = 128};
    bool is_v4 = inet_pton(AF_INET, host, range.bytes + 12) == 1;
    if (is_v4)
        memcpy(range.bytes, v4_prefix, sizeof(v4_prefix));
    else if (inet_pton(AF_INET6, host, range.bytes) != 1)
        return false;
    if (slash) {
        int bits;
        if (!parse_bits(slice_sub(text, len + 1, SIZE_MAX), is_v4 ? 32 : 128, &bits))
            return false;
        range.bits = is_v4 ? bits + V4_PREFIX_BITS : bits;
    }
    *ret = range;
    return true;
}

static bool in_range(const uint8_t bytes[16], const struct address_range *range)
{
    int whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(bytes, range->bytes, (size_t)whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ range->bytes[whole]) >> (8 - rest)) == 0;
}

/* The 16-byte form; false for a family that is neither IPv4 nor IPv6. */
static bool to_bytes(const struct sockaddr *address, uint8_t ret[16])
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        memcpy(ret, v4_prefix, sizeof(v4_prefix));
        memcpy(ret + 12, &in->sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        memcpy(ret, &in6->sin6_addr, 16);
        return true;
    }
    return false;
}

static void unwrap_v4(uint8_t bytes[16])
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t none[10] = {0};
    if (memcmp(bytes, nat64, sizeof(nat64)) == 0) {
        memcpy(bytes, v4_prefix, sizeof(v4_prefix));
    } else if (bytes[0] == 0x20 && bytes[1] == 0x02) { /* 6to4 */
        memmove(bytes + 12, bytes + 2, 4);
        memcpy(bytes, v4_prefix, sizeof(v4_prefix));
    } else if (memcmp(bytes, none, sizeof(none)) == 0 && bytes[10] == 0 && bytes[11] == 0 &&
               (bytes[12] || bytes[13])) { /* ::a.b.c.d, long deprecated */
        memcpy(bytes, v4_prefix, sizeof(v4_prefix));
    }
}

static enum address_class classify(const uint8_t bytes[16])
{
    uint8_t inner[16];
    memcpy(inner, bytes, sizeof(inner));
    unwrap_v4(inner);
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        struct address_range range;
        if (!address_range_parse(slice_from_str(specials[i].range), &range) ||
            in_range(inner, &range))
            return specials[i].class;
    }
    return CLASS_PUBLIC;
}

bool address_allowed(const struct address_policy *policy, const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (!to_bytes(address, bytes))
        return false;
    if (policy->range_count > 0) {
        for (size_t i = 0; i < policy->range_count; i++)
            if (in_range(bytes, &policy->ranges[i]))
                return true;
        return false;
    }
    if (policy->literal)
        return true;
    enum address_class class = classify(bytes);
    return class == CLASS_PUBLIC || (class != CLASS_NEVER && !policy->cloud);
}

/* ---- URLs ---- */

static bool all_of(struct slice s, const char *allowed)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr(allowed, c)))
            return false;
    }
    return true;
}

static bool looks_numeric(struct slice host)
{
    /* "127.1", "0x7f.1", "2130706433": read as addresses by some resolvers. The last label decides.
     */
    size_t start = host.len;
    while (start > 0 && host.ptr[start - 1] != '.')
        start--;
    return start < host.len && host.ptr[start] >= '0' && host.ptr[start] <= '9';
}

static bool parse_host(struct slice host, bool bracketed, struct address_url *ret)
{
    struct address_range range = {0};
    bool is_address = address_range_parse(host, &range) && !memchr(host.ptr, '/', host.len);
    if (bracketed ? !is_address : !is_address && (!all_of(host, "-._") || looks_numeric(host)))
        return false;
    if (!bracketed && (memchr(host.ptr, ':', host.len) || host.ptr[host.len - 1] == '.'))
        return false;
    bool is_localhost = slice_eq_nocase(host, SLICE("localhost"));
    ret->host = host;
    ret->is_literal = is_address || is_localhost;
    ret->is_loopback = is_localhost || (is_address && classify(range.bytes) == CLASS_LOOPBACK);
    return true;
}

bool address_url_parse(struct slice url, struct address_url *ret)
{
    struct address_url out = {0};
    struct slice rest;
    if (slice_starts_with(url, SLICE("https://"))) {
        out.https = true;
        rest = slice_sub(url, 8, SIZE_MAX);
    } else if (slice_starts_with(url, SLICE("http://"))) {
        rest = slice_sub(url, 7, SIZE_MAX);
    } else {
        return false;
    }
    const char *slash = memchr(rest.ptr, '/', rest.len);
    struct slice authority = slice_sub(rest, 0, slash ? (size_t)(slash - rest.ptr) : rest.len);
    out.path = slice_sub(rest, authority.len, SIZE_MAX);
    while (out.path.len > 0 && out.path.ptr[out.path.len - 1] == '/')
        out.path.len--;
    if (!all_of(out.path, "/-._~") || slice_find(out.path, SLICE("..")) != SIZE_MAX)
        return false;

    bool bracketed = authority.len > 0 && authority.ptr[0] == '[';
    const char *end =
        authority.len ? memchr(authority.ptr, bracketed ? ']' : ':', authority.len) : NULL;
    if (bracketed && !end)
        return false;
    size_t host_end = end ? (size_t)(end - authority.ptr) : authority.len;
    struct slice host = slice_sub(authority, bracketed, host_end - bracketed);
    struct slice port = slice_sub(authority, host_end + bracketed, SIZE_MAX);
    if (host.len == 0 || host.len > 253 || !parse_host(host, bracketed, &out))
        return false;
    if (port.len > 0) {
        int64_t number;
        if (port.ptr[0] != ':' || port.len < 2 || port.len > 6 || port.ptr[1] == '-' ||
            !slice_to_i64(slice_sub(port, 1, SIZE_MAX), &number) || number < 1 || number > 65535)
            return false;
        out.port = (int)number;
    }
    *ret = out;
    return true;
}
