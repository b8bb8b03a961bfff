#include "gateway/http/fields.h"

/* Bits of `seen`. Those below ONCE_COUNT may be set once. */
enum {
    SEEN_HOST,
    SEEN_LENGTH,
    SEEN_CODING,
    SEEN_TYPE,
    SEEN_ENCODING,
    SEEN_EXPECT,
    SEEN_AUTHORIZATION,
    SEEN_API_KEY,
    ONCE_COUNT,
    SEEN_CONNECTION = ONCE_COUNT,
    /* found in values */
    SEEN_CLOSE,
    SEEN_KEEP_ALIVE,
};

static bool has(uint32_t seen, unsigned bit)
{
    return (seen & (1u << bit)) != 0;
}

/* ---- the target ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool http_target_is_plain(struct slice target)
{
    if (target.len == 0 || target.ptr[0] != '/')
        return false;
    bool in_path = true;
    size_t segment_len = 0, dots = 0;
    for (size_t i = 1; i < target.len; i++) {
        char c = target.ptr[i];
        bool raw_mark = c == '?';
        if (c == '%') {
            if (target.len - i < 3)
                return false;
            int high = hex_digit(target.ptr[i + 1]), low = hex_digit(target.ptr[i + 2]);
            if (high < 0 || low < 0)
                return false;
            unsigned char decoded = (unsigned char)(high << 4 | low);
            if (decoded < 0x20 || decoded == 0x7f)
                return false;
            c = (char)decoded;
            i += 2;
        }
        if (!in_path)
            continue;
        if (c == '/' || c == '\\' || raw_mark) {
            if (segment_len == dots && (dots == 1 || dots == 2))
                return false;
            segment_len = dots = 0;
            in_path = !raw_mark;
        } else {
            segment_len++;
            dots += c == '.';
        }
    }
    return !(in_path && segment_len == dots && (dots == 1 || dots == 2));
}

/* ---- values ---- */

/* host [":" port]; a name, an IPv4 address or an IPv6 address in brackets. */
static bool host_is_valid(struct slice host)
{
    size_t i = 0;
    if (host.len > 0 && host.ptr[0] == '[') {
        for (i = 1; i < host.len &&
                    (hex_digit(host.ptr[i]) >= 0 || host.ptr[i] == ':' || host.ptr[i] == '.');)
            i++;
        if (i < 3 || i == host.len || host.ptr[i] != ']')
            return false;
        i++;
    } else {
        while (i < host.len) {
            char c = host.ptr[i];
            bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
                break;
            i++;
        }
        if (i == 0 || i > 255)
            return false;
    }
    if (i == host.len)
        return true;
    struct slice digits = slice_sub(host, i + 1, SIZE_MAX);
    int64_t port;
    return host.ptr[i] == ':' && digits.len > 0 && digits.len <= 5 && digits.ptr[0] != '-' &&
           slice_to_i64(digits, &port) && port <= 65535;
}

/* 1 to 19 digits and nothing else; at most INT64_MAX. */
static bool length_is_valid(struct slice value, uint64_t *ret_length)
{
    uint64_t length = 0;
    if (value.len == 0 || value.len > 19)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    if (length > INT64_MAX)
        return false;
    *ret_length = length;
    return true;
}

/* A list of tokens: of interest are "close" and "keep-alive". */
static void note_connection(struct slice value, uint32_t *seen)
{
    while (value.len > 0) {
        const char *comma = memchr(value.ptr, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.ptr) : value.len;
        struct slice token = slice_trim(slice_sub(value, 0, len));
        if (slice_eq_nocase(token, SLICE("close")))
            *seen |= 1u << SEEN_CLOSE;
        else if (slice_eq_nocase(token, SLICE("keep-alive")))
            *seen |= 1u << SEEN_KEEP_ALIVE;
        value = slice_sub(value, comma ? len + 1 : len, SIZE_MAX);
    }
}

static const struct {
    struct slice name;
    unsigned bit;
} of_interest[] = {
    {SLICE_INIT("host"), SEEN_HOST},
    {SLICE_INIT("content-length"), SEEN_LENGTH},
    {SLICE_INIT("transfer-encoding"), SEEN_CODING},
    {SLICE_INIT("content-type"), SEEN_TYPE},
    {SLICE_INIT("content-encoding"), SEEN_ENCODING},
    {SLICE_INIT("expect"), SEEN_EXPECT},
    {SLICE_INIT("authorization"), SEEN_AUTHORIZATION},
    {SLICE_INIT("x-api-key"), SEEN_API_KEY},
    {SLICE_INIT("connection"), SEEN_CONNECTION},
};
enum { OF_INTEREST_COUNT = sizeof(of_interest) / sizeof(of_interest[0]) };

enum http_fault http_fields_note(struct http_head *head, uint32_t *seen,
                                 const struct http_field *field)
{
    size_t i = 0;
    while (i < OF_INTEREST_COUNT && !(of_interest[i].name.len == field->name.len &&
                                      slice_eq_nocase(of_interest[i].name, field->name)))
        i++;
    if (i == OF_INTEREST_COUNT)
        return HTTP_FAULT_NONE;
    unsigned bit = of_interest[i].bit;
    if (bit < ONCE_COUNT && has(*seen, bit))
        return bit == SEEN_HOST ? HTTP_FAULT_HOST : HTTP_FAULT_REPEATED;
    *seen |= 1u << bit;
    struct slice value = field->value;
    switch (bit) {
    case SEEN_HOST:
        return host_is_valid(value) ? HTTP_FAULT_NONE : HTTP_FAULT_HOST;
    case SEEN_LENGTH:
        return length_is_valid(value, &head->content_length) ? HTTP_FAULT_NONE : HTTP_FAULT_LENGTH;
    case SEEN_CODING:
        return slice_eq_nocase(value, SLICE("chunked")) && head->minor == 1 ? HTTP_FAULT_NONE
                                                                            : HTTP_FAULT_CODING;
    case SEEN_ENCODING:
        return slice_eq_nocase(value, SLICE("identity")) ? HTTP_FAULT_NONE
                                                         : HTTP_FAULT_CONTENT_ENCODING;
    case SEEN_EXPECT: /* HTTP/1.0 does not know it: ignored there, as RFC 9110 has it */
        return slice_eq_nocase(value, SLICE("100-continue")) || head->minor == 0
                   ? HTTP_FAULT_NONE
                   : HTTP_FAULT_EXPECT;
    case SEEN_CONNECTION:
        note_connection(value, seen);
        return HTTP_FAULT_NONE;
    default:
        return HTTP_FAULT_NONE;
    }
}

enum http_fault http_fields_finish(struct http_head *head, uint32_t seen)
{
    if (has(seen, SEEN_LENGTH) && has(seen, SEEN_CODING))
        return HTTP_FAULT_LENGTH_AND_CODING;
    if (head->minor == 1 && !has(seen, SEEN_HOST))
        return HTTP_FAULT_HOST;
    head->body = has(seen, SEEN_CODING)   ? HTTP_BODY_CHUNKED
                 : has(seen, SEEN_LENGTH) ? HTTP_BODY_LENGTH
                                          : HTTP_BODY_NONE;
    if (!has(seen, SEEN_LENGTH))
        head->content_length = 0;
    head->keep_alive = !has(seen, SEEN_CLOSE) && (head->minor == 1 || has(seen, SEEN_KEEP_ALIVE));
    head->expect_continue =
        has(seen, SEEN_EXPECT) && head->minor == 1 && head->body != HTTP_BODY_NONE;
    return HTTP_FAULT_NONE;
}

struct slice http_head_get(const struct http_head *head, struct slice name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (head->fields[i].name.len == name.len && slice_eq_nocase(head->fields[i].name, name))
            return head->fields[i].value;
    return SLICE_NONE;
}
