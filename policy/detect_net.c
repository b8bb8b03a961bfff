/* E-mail addresses, IP and MAC addresses, wallets. */
#include "policy/detect.h"
#include "policy/wallet.h"

static bool is_local_part(char c)
{
    return detect_is_alnum(c) || (c && strchr("._%+-!#$&'*/=?^`{|}~", c)) ||
           (unsigned char)c >= 0x80;
}

static bool is_domain(char c)
{
    return detect_is_alnum(c) || c == '-' || c == '.' || (unsigned char)c >= 0x80;
}

static size_t try_email(struct detect *d, size_t at)
{
    size_t from = at, to = at + 1;
    while (from > 0 && at - from < 64 && is_local_part(d->text.ptr[from - 1]))
        from--;
    while (from < at && !detect_is_alnum(d->text.ptr[from]) &&
           (unsigned char)d->text.ptr[from] < 0x80)
        from++;
    while (to < d->text.len && to - at < 255 && is_domain(d->text.ptr[to]))
        to++;
    while (to > at + 1 && (d->text.ptr[to - 1] == '.' || d->text.ptr[to - 1] == '-'))
        to--;
    struct slice domain = slice_sub(d->text, at + 1, to - at - 1);
    size_t dot = domain.len;
    while (dot > 0 && domain.ptr[dot - 1] != '.')
        dot--;
    /* A top-level domain: two letters or more, or punycode. */
    size_t letters = 0;
    while (dot + letters < domain.len && (detect_is_alpha(domain.ptr[dot + letters]) ||
                                          (unsigned char)domain.ptr[dot + letters] >= 0x80))
        letters++;
    bool puny = slice_starts_with(slice_sub(domain, dot, 4), SLICE("xn--"));
    if (from == at || dot < 2 || (!puny && (letters < 2 || dot + letters != domain.len)))
        return at + 1;
    detect_add(d, POLICY_FINDING_EMAIL, 0.95, from, to);
    return at + 1;
}

static int read_octet(const struct detect *d, size_t *at)
{
    int value = 0;
    size_t start = *at;
    while (detect_is_digit(detect_at(d, *at)) && *at - start < 3)
        value = value * 10 + (d->text.ptr[(*at)++] - '0');
    if (*at == start || value > 255 || detect_is_digit(detect_at(d, *at)) ||
        (*at - start > 1 && d->text.ptr[start] == '0'))
        return -1;
    return value;
}

static size_t skip_prefix_length(const struct detect *d, size_t to, int most)
{
    size_t at = to + 1;
    int value = 0;
    if (detect_at(d, to) != '/')
        return to;
    while (detect_is_digit(detect_at(d, at)) && at - to < 4)
        value = value * 10 + (d->text.ptr[at++] - '0');
    return at > to + 1 && value <= most && !detect_is_digit(detect_at(d, at)) ? at : to;
}

static void try_ipv4(struct detect *d, size_t from)
{
    char before = detect_before(d, from);
    if (detect_is_alnum(before) || before == '_' || before == '-')
        return;
    if (before == '.' && from >= 2 && detect_is_digit(d->text.ptr[from - 2]))
        return;
    size_t at = from;
    int octets[4];
    for (int i = 0; i < 4; i++) {
        if (i > 0 && detect_at(d, at++) != '.')
            return;
        octets[i] = read_octet(d, &at);
        if (octets[i] < 0)
            return;
    }
    if (detect_is_alpha(detect_at(d, at)) || detect_at(d, at) == '_')
        return;
    if (detect_at(d, at) == '.' && detect_is_digit(detect_at(d, at + 1)) && octets[0] < 10)
        return; /* a version of five parts */
    /* This machine, nobody's, and masks are not somebody's address. */
    if (octets[0] == 127 || octets[0] == 255 ||
        (octets[0] | octets[1] | octets[2] | octets[3]) == 0)
        return;
    detect_add(d, POLICY_FINDING_IP_ADDRESS, 0.8, from, skip_prefix_length(d, at, 32));
}

/* Six pairs of hexadecimal digits with one kind of separator. */
static bool try_mac(struct detect *d, size_t from)
{
    char separator = detect_at(d, from + 2);
    if (from + 17 > d->text.len || (separator != ':' && separator != '-') ||
        detect_is_alnum(detect_before(d, from)) || detect_before(d, from) == separator)
        return false;
    for (size_t i = 0; i < 17; i++) {
        char c = d->text.ptr[from + i];
        if (i % 3 == 2 ? c != separator : !detect_is_hex(c))
            return false;
    }
    if (detect_is_alnum(detect_at(d, from + 17)) || detect_at(d, from + 17) == separator)
        return false;
    struct slice mac = slice_sub(d->text, from, 17);
    if (slice_eq_nocase(mac, SLICE("00:00:00:00:00:00")) ||
        slice_eq_nocase(mac, SLICE("ff:ff:ff:ff:ff:ff")))
        return false;
    detect_add(d, POLICY_FINDING_MAC_ADDRESS, 0.9, from, from + 17);
    return true;
}

/* RFC 4291: eight groups, one "::" for any number of them; the last two perhaps as IPv4. */
static bool is_ipv6(struct slice text)
{
    size_t groups = 0, at = 0;
    bool gap = false;
    while (at < text.len) {
        if (text.ptr[at] == ':') {
            bool doubled = at + 1 < text.len && text.ptr[at + 1] == ':';
            if (doubled ? gap : groups == 0 || at + 1 == text.len || text.ptr[at - 1] == ':')
                return false;
            gap |= doubled;
            at += doubled ? 2 : 1;
            continue;
        }
        size_t start = at;
        while (at < text.len && detect_is_hex(text.ptr[at]))
            at++;
        if (at < text.len && text.ptr[at] == '.') {
            struct detect rest = {.text = slice_sub(text, start, text.len)};
            size_t end = 0;
            for (int i = 0; i < 4; i++) {
                if ((i > 0 && detect_at(&rest, end++) != '.') || read_octet(&rest, &end) < 0)
                    return false;
            }
            groups += 2;
            at = start + end;
            if (at != text.len)
                return false;
            continue;
        }
        if (at == start || at - start > 4)
            return false;
        groups++;
    }
    return gap ? groups < 8 : groups == 8;
}

/* Around a "::" or between colons: the longest text that is an IPv6 address. */
static size_t try_ipv6(struct detect *d, size_t colon)
{
    size_t from = colon, to = colon;
    while (from > 0 && colon - from < 5 && detect_is_hex(d->text.ptr[from - 1]))
        from--;
    while (to < d->text.len && to - from < 45 &&
           (detect_is_hex(d->text.ptr[to]) || d->text.ptr[to] == ':' || d->text.ptr[to] == '.'))
        to++;
    size_t end = to;
    size_t colons = 0;
    for (size_t i = from; i < to; i++)
        colons += d->text.ptr[i] == ':';
    if (colons < 2)
        return to;
    /* Words before ("foo2001:db8::1") and sentence ends behind are cut off. */
    bool word_before = detect_is_alnum(detect_before(d, from)) || detect_before(d, from) == '_';
    size_t start = word_before ? colon : from;
    for (; end > start + 2; end--) {
        if (!is_ipv6(slice_sub(d->text, start, end - start)))
            continue;
        if (detect_is_alpha(detect_at(d, end)) || end - start < 4)
            return to;
        if (word_before && start == colon && end - start < 8)
            return to;
        size_t stop = skip_prefix_length(d, end, 128);
        if (detect_at(d, end) == '%') /* zone */
            for (stop = end + 1; detect_is_alnum(detect_at(d, stop));)
                stop++;
        /* Source code has "a::b" and "::c"; an address has digits, or all its groups. */
        size_t digits = 0;
        for (size_t i = start; i < end; i++)
            digits += detect_is_digit(d->text.ptr[i]) != 0;
        if (digits >= 2 || (digits >= 1 && d->alone) || colons >= 5)
            detect_add(d, POLICY_FINDING_IP_ADDRESS, 0.8, start, stop);
        else if (digits == 1 && end - start >= 3 && start < colon)
            detect_add(d, POLICY_FINDING_IP_ADDRESS, 0.6, start, stop);
        return to;
    }
    return to;
}

static void try_wallet(struct detect *d, size_t from, size_t to)
{
    struct slice token = slice_sub(d->text, from, to - from);
    bool found = false;
    if (token.ptr[0] == '1' || token.ptr[0] == '3')
        found = wallet_is_base58(token);
    else if (slice_eq_nocase(slice_sub(token, 0, 3), SLICE("bc1")))
        found = wallet_is_bech32(token);
    else if (token.len == 42 && token.ptr[0] == '0' && (token.ptr[1] | 32) == 'x') {
        found = detect_near(d, from, to, CTX_WALLET, 60, 30);
        for (size_t i = 2; i < token.len && found; i++)
            found = detect_is_hex(token.ptr[i]);
    }
    if (found)
        detect_add(d, POLICY_FINDING_CRYPTO_WALLET, 0.95, from, to);
}

/* Calls `try_at` for each `mark`; it returns where to go on. */
static void each_mark(struct detect *d, char mark, size_t (*try_at)(struct detect *, size_t))
{
    for (size_t at = 0; at < d->text.len;) {
        const char *found = memchr(d->text.ptr + at, mark, d->text.len - at);
        if (!found)
            return;
        size_t next = try_at(d, (size_t)(found - d->text.ptr));
        at = (size_t)(found - d->text.ptr) + 1;
        at = next > at ? next : at;
    }
}

void detect_network(struct detect *d)
{
    size_t mac_end = 0;
    for (size_t i = 0; i < d->token_count; i++) {
        size_t from = d->tokens[i].from, to = d->tokens[i].to;
        if (detect_is_digit(d->text.ptr[from]) && detect_at(d, to) == '.')
            try_ipv4(d, from);
        if (to - from == 2 && from >= mac_end && try_mac(d, from))
            mac_end = from + 17;
        if (to - from >= 26 && to - from <= 90)
            try_wallet(d, from, to);
    }
    each_mark(d, '@', try_email);
    each_mark(d, ':', try_ipv6);
}
