/* Tokens that a pattern found: what the pattern cannot say. */
#include "policy/detect.h"

bool detect_is_placeholder(struct slice value)
{
    static const char *const words[] = {"example", "placeholder", "changeme",  "change_me", "your-",
                                        "your_",   "yourapi",     "insert",    "redacted",  "dummy",
                                        "xxxxxx",  "******",      "notasecret"};
    if (value.len == 0 || memchr(value.ptr, '<', value.len) || memchr(value.ptr, '{', value.len) ||
        value.ptr[0] == '$' || value.ptr[0] == '%')
        return true;
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        size_t len = strlen(words[w]);
        for (size_t i = 0; i + len <= value.len; i++) {
            /* Five letters are in the middle of one random key in some millions. */
            if ((value.ptr[i] | 32) != words[w][0]) /* most places, at a glance */
                continue;
            bool inside = i > 0 && i + len < value.len && detect_is_alnum(value.ptr[i - 1]) &&
                          detect_is_alnum(value.ptr[i + len]);
            if (!(inside && len < 6) &&
                slice_eq_nocase(slice_sub(value, i, len), slice_of(words[w], len)))
                return true;
        }
    }
    if (value.len >= 3 && memcmp(value.ptr + value.len - 3, "...", 3) == 0)
        return true;
    /* One character throughout, or a row of the alphabet or of digits. */
    size_t same = 0, next = 0;
    for (size_t i = 1; i < value.len; i++) {
        same += value.ptr[i] == value.ptr[i - 1];
        next += value.ptr[i] == value.ptr[i - 1] + 1;
    }
    return value.len >= 6 && (same + next) * 4 >= (value.len - 1) * 3;
}

enum { VALUE_MAX = 1024 }; /* of a long token so much is looked at */

static bool is_key_char(char c)
{
    return detect_is_alnum(c) || c == '+' || c == '/' || c == '=';
}

/* A private key needs a body; the finding reaches from "-----BEGIN" to the end mark, when that is
 * there. */
static void private_key(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    static const struct slice begin_mark = SLICE_INIT("-----BEGIN");
    static const struct slice end_mark = SLICE_INIT("-----END");
    size_t start = from > 60 ? from - 60 : 0, found = SIZE_MAX;
    for (size_t at = start; at + begin_mark.len <= from; at++) {
        if (slice_starts_with(slice_sub(d->text, at, begin_mark.len), begin_mark))
            found = at;
    }
    if (slice_starts_with(slice_sub(d->text, to, 6), SLICE(" BLOCK")))
        to += 6;
    if (found == SIZE_MAX || !slice_starts_with(slice_sub(d->text, to, 5), SLICE("-----")))
        return;
    to += 5;
    size_t body = 0;
    for (size_t at = to; at < d->text.len && at < to + 400 && body < 24; at++) {
        char c = d->text.ptr[at];
        if (is_key_char(c))
            body++;
        else if (c == '\\' && at + 1 < d->text.len)
            at++; /* \n inside a string */
        else if (!strchr(" \r\n\t:,\"'-", c))
            break; /* dots, stars, "<your key>" */
    }
    if (body < 24)
        return;
    struct slice rest = slice_sub(d->text, to, 65536);
    if (d->end_mark < to) {
        size_t next = slice_find(slice_sub(d->text, to, SIZE_MAX), end_mark);
        d->end_mark = next == SIZE_MAX ? SIZE_MAX : to + next;
    }
    size_t end = d->end_mark - to < rest.len ? d->end_mark - to : SIZE_MAX;
    if (end == SIZE_MAX) {
        end = 0;
        while (end < rest.len &&
               (is_key_char(rest.ptr[end]) || strchr(" \r\n\t\\:,-", rest.ptr[end])))
            end++;
    } else {
        end += end_mark.len;
        while (end < rest.len && rest.ptr[end] != '-' && rest.ptr[end] != '\n')
            end++;
        while (end < rest.len && rest.ptr[end] == '-')
            end++;
    }
    detect_add(d, POLICY_FINDING_SECRET, 0.99, found, to + end);
}

/* At most `most` bytes on. */
static size_t skip_until(const struct detect *d, size_t at, const char *stops, size_t most)
{
    size_t end = d->text.len - at < most ? d->text.len : at + most;
    while (at < end && d->text.ptr[at] && !strchr(stops, d->text.ptr[at]))
        at++;
    return at;
}

static size_t skip_over(const struct detect *d, size_t at, const char *skipped)
{
    while (at < d->text.len && d->text.ptr[at] && strchr(skipped, d->text.ptr[at]))
        at++;
    return at;
}

#define URL_END " \t\r\n\"'<>`"
enum { SCHEME_MAX = 64, AUTHORITY_MAX = 300, URL_MAX = 2048 };

/* scheme://user:password@host */
static void url_password(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    struct slice authority = slice_sub(d->text, to, AUTHORITY_MAX);
    if (authority.len == 0 || !memchr(authority.ptr, '@', authority.len))
        return;
    size_t first = from > SCHEME_MAX ? from - SCHEME_MAX : 0;
    while (from > first &&
           (detect_is_alnum(d->text.ptr[from - 1]) || strchr("+.-:", d->text.ptr[from - 1])))
        from--;
    authority.len = skip_until(d, to, URL_END, AUTHORITY_MAX) - to;
    size_t at = authority.len;
    while (at > 0 && authority.ptr[at - 1] != '@')
        at--;
    const char *colon = at > 0 ? memchr(authority.ptr, ':', at - 1) : NULL;
    if (!colon)
        return;
    struct slice name = slice_of(authority.ptr, (size_t)(colon - authority.ptr));
    struct slice password = slice_of(colon + 1, at - 2 - name.len);
    /* A port, then a path with an '@' in it; and words in capitals are slots to fill in. */
    if (password.len == 0 || memchr(name.ptr, '/', name.len) || name.len > 80 ||
        password.len > 200 || detect_is_placeholder(password) || password.ptr[0] == '[' ||
        (name.len > 0 && detect_is_placeholder(name)) || slice_eq(name, SLICE("USER")) ||
        slice_eq(password, SLICE("PASSWORD")))
        return;
    size_t slash = slice_find(password, SLICE("/"));
    if (slash != SIZE_MAX && slice_find(slice_sub(password, 0, slash), SLICE("@")) == SIZE_MAX &&
        detect_is_digit(password.ptr[0]))
        return;
    detect_add(d, POLICY_FINDING_SECRET, 0.96, from, skip_until(d, to, URL_END, URL_MAX));
}

static bool is_header_char(char c)
{
    return detect_is_alnum(c) || (c && strchr("._~+/=-", c));
}

static void header_value(struct detect *d, size_t at, size_t least, double entropy)
{
    size_t end = at;
    while (end < d->text.len && is_header_char(d->text.ptr[end]))
        end++;
    while (end > at && d->text.ptr[end - 1] == '.')
        end--;
    struct slice value = slice_sub(d->text, at, end - at);
    if (value.len < least || detect_is_placeholder(value) || detect_entropy(value) < entropy)
        return;
    detect_add(d, POLICY_FINDING_SECRET, 0.9, at, end);
}

/* "Authorization: Basic ...", "authorization": "token ..." */
static void authorization(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    static const char *const schemes[] = {"basic", "bearer", "token", "digest", "apikey"};
    size_t at = skip_over(d, to, "\"' ");
    (void)from;
    if (detect_at(d, at) != ':' && detect_at(d, at) != '=')
        return;
    at = skip_over(d, at + 1, "\"' ");
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice scheme = slice_from_str(schemes[i]);
        if (slice_eq_nocase(slice_sub(d->text, at, scheme.len), scheme) &&
            detect_at(d, at + scheme.len) == ' ')
            header_value(d, skip_over(d, at + scheme.len, " "), 8, 2.4);
    }
}

static void bearer(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    if (!detect_is_alnum(detect_before(d, from)))
        header_value(d, to, 24, 3.2);
}

/* "Server=db;Uid=app;Pwd=...;" */
static void connection_password(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    size_t end = skip_until(d, to, "; \t\r\n\"'<>{}$", 81);
    struct slice value = slice_sub(d->text, to, end - to);
    (void)from;
    if (detect_at(d, end) == ';' && value.len >= 4 && value.len <= 80 &&
        !detect_is_placeholder(value))
        detect_add(d, POLICY_FINDING_SECRET, 0.85, to, end);
}

/* curl -u name:password */
static void curl_user(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    struct slice line = slice_sub(d->text, to, 500);
    size_t option = slice_find(line, SLICE("--user"));
    if (option == SIZE_MAX)
        option = slice_find(line, SLICE("-u"));
    (void)from;
    if (option == SIZE_MAX)
        return;
    size_t at =
        to + option + (slice_starts_with(slice_sub(line, option, 6), SLICE("--user")) ? 6 : 2);
    size_t start = skip_over(d, at, " ='\"");
    size_t colon = skip_until(d, start, ": \n\"'", URL_MAX);
    size_t end = skip_until(d, colon, " \n\"'", URL_MAX);
    if (detect_at(d, colon) != ':' || colon == start || end - colon < 4)
        return;
    struct slice password = slice_sub(d->text, colon + 1, end - colon - 1);
    if (detect_is_placeholder(password) || slice_eq(password, SLICE("test")) ||
        detect_is_placeholder(slice_sub(d->text, start, colon - start)))
        return;
    detect_add(d, POLICY_FINDING_SECRET, 0.85, start, end);
}

/* header.payload.signature, the first two of them base64 of JSON objects */
static void json_web_token(struct detect *d, unsigned rule, size_t from, size_t to)
{
    struct detect_seen *seen = &d->seen[rule];
    size_t end = seen->row_from <= to && to < seen->row_to ? seen->row_to : to;
    if (detect_is_alnum(detect_before(d, from)))
        return;
    while (end < d->text.len && d->text.ptr[end] &&
           (detect_is_alnum(d->text.ptr[end]) || strchr("-_=.", d->text.ptr[end])))
        end++;
    seen->row_from = to;
    seen->row_to = end;
    while (end > to && d->text.ptr[end - 1] == '.')
        end--;
    struct slice token = slice_sub(d->text, from, end - from);
    size_t first = slice_find(token, SLICE("."));
    if (first == SIZE_MAX || first < 15)
        return;
    struct slice rest = slice_sub(token, first + 1, token.len);
    size_t second = slice_find(rest, SLICE("."));
    /* Without a signature it is as readable, when there is enough of it. */
    if (second == SIZE_MAX && rest.len >= 30)
        second = rest.len;
    if (second == SIZE_MAX || second < 12 || rest.ptr[0] != 'e' ||
        detect_entropy(slice_sub(token, 0, VALUE_MAX)) < 3)
        return;
    detect_add(d, POLICY_FINDING_SECRET, 0.97, from, end);
}

/* Six characters, an underscore, 29 characters, and the mark that was found. */
static void maxmind(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    size_t start = from;
    while (start > 0 && from - start <= 36 &&
           (detect_is_alnum(d->text.ptr[start - 1]) || d->text.ptr[start - 1] == '_'))
        start--;
    if (from - start == 36 && d->text.ptr[start + 6] == '_')
        detect_add(d, POLICY_FINDING_SECRET, 0.95, start, to);
}

/* kind: Secret, and data with at least one value that is not a template. */
static void k8s_secret(struct detect *d, unsigned rule, size_t from, size_t to)
{
    (void)rule;
    struct slice rest = slice_sub(d->text, to, 2000);
    size_t data = slice_find(rest, SLICE("ata:"));
    if (data == SIZE_MAX)
        return;
    size_t at = data + 4;
    while (at < rest.len && rest.ptr[at] != ':')
        at++;
    size_t value = at + 1;
    while (value < rest.len && strchr(" \n\r\t|\"'", rest.ptr[value]))
        value++;
    size_t end = value;
    while (end < rest.len && !strchr(" \n\r\t\"'", rest.ptr[end]))
        end++;
    if (end - value < 6 || detect_is_placeholder(slice_sub(rest, value, end - value)))
        return;
    (void)from;
    detect_add(d, POLICY_FINDING_SECRET, 0.8, to + value, to + end);
}

static const struct {
    const char *rule;
    void (*check)(struct detect *d, unsigned rule, size_t from, size_t to);
} checks[] = {
    {"private-key", private_key},
    {"url-password", url_password},
    {"authorization", authorization},
    {"bearer", bearer},
    {"connection-password", connection_password},
    {"curl-user", curl_user},
    {"k8s-secret", k8s_secret},
    {"jwt", json_web_token},
    {"maxmind-key", maxmind},
};

static bool is_token_char(char c)
{
    return detect_is_alnum(c) || c == '_';
}

/* "A-Za-z0-9_-" */
static bool is_in_class(const char *class, char c)
{
    for (; *class; class ++) {
        if (class[1] == '-' && class[2]) {
            if (c >= class[0] && c <= class[2])
                return true;
            class += 2;
        } else if (*class == c) {
            return true;
        }
    }
    return false;
}

static bool is_tail_char(const struct detect_rule *r, char c)
{
    return is_in_class(r->tail, c) || ((r->flags & RULE_NO_CASE) && detect_is_alpha(c) &&
                                       is_in_class(r->tail, (char)(c ^ 32)));
}

/* The end of the token whose head ends at `to`; 0 when the tail is too short or too long. */
static size_t tail_end(const struct detect *d, unsigned rule, size_t to)
{
    const struct detect_rule *r = &detect_rules[rule];
    struct detect_seen *seen = &d->seen[rule];
    size_t longest = r->longest == 4096 ? 65536 : r->longest; /* 4096 in the table: no limit */
    size_t at = seen->row_to;
    if (to < seen->row_from || to >= seen->row_to) {
        for (at = to; at < d->text.len && is_tail_char(r, d->text.ptr[at]); at++)
            ;
        seen->row_from = to;
        seen->row_to = at;
    }
    while (at > to && d->text.ptr[at - 1] == '.')
        at--;
    if (at - to > longest || at - to < r->shortest)
        return 0;
    for (int padding = 0; padding < 3 && detect_at(d, at) == '='; padding++)
        at++;
    return at;
}

static bool is_good(const struct detect *d, const struct detect_rule *r, size_t from, size_t to)
{
    struct slice value = slice_sub(d->text, from, to - from < VALUE_MAX ? to - from : VALUE_MAX);
    if (!(r->flags & RULE_RIGHT_OPEN) && is_token_char(detect_at(d, to)))
        return false;
    return (r->flags & RULE_PREFIXED) ||
           (!detect_is_placeholder(value) && detect_entropy(value) >= (double)r->entropy);
}

void detect_prefixed(struct detect *d, unsigned rule, size_t from, size_t to)
{
    const struct detect_rule *r = &detect_rules[rule];
    size_t count = d->count;
    if (from < d->seen[rule].done)
        return;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (strcmp(checks[i].rule, r->name) != 0)
            continue;
        to = r->tail ? tail_end(d, rule, to) : to;
        if (to > 0)
            checks[i].check(d, rule, from, to);
        if (d->count > count)
            d->seen[rule].done = d->found[d->count - 1].to;
        return;
    }
    if (!(r->flags & RULE_LEFT_OPEN) && is_token_char(detect_before(d, from)))
        return;
    to = r->tail ? tail_end(d, rule, to) : to;
    if (to == 0 || !is_good(d, r, from, to))
        return;
    detect_add(d, POLICY_FINDING_SECRET, 0.97, from, to);
    d->seen[rule].done = to;
}
