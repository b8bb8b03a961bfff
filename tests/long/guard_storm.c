/*
 * The inspection against made-up private values, new ones in every run: of every kind that is
 * promised, in every disguise that is undone, in every place of a request, with other text around
 * them, or in two pieces. None may be overlooked. As a control the same requests with harmless
 * words in place of the value: hardly any may be private, so that it is the value that was found.
 *
 *     guard_storm [--requests N] [--minutes M] [--seed S]     until both are reached; 20000 and 0
 *
 * Prints each value that was overlooked: none of them is anybody's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "gateway/api/chat_parse.h"
#include "policy/policy.h"
#include "tests/long/soak_measure.h"

enum { TEXT_MAX = 64 << 10, MISSES_SHOWN = 40 };

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 11) % n;
}

static _Noreturn void give_up(const char *what, const char *detail)
{
    fprintf(stderr, "guard_storm: %s: %s\n", what, detail);
    exit(1);
}

/* --- Text that is put together --- */

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void put(struct text *t, const char *bytes, size_t len)
{
    if (len >= TEXT_MAX - t->len)
        give_up("text", "too long");
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    t->bytes[t->len] = '\0';
}

static void put_str(struct text *t, const char *str)
{
    put(t, str, strlen(str));
}

static void put_char(struct text *t, char c)
{
    put(t, &c, 1);
}

static void put_utf8(struct text *t, uint32_t code)
{
    char out[4];
    size_t len = 0;
    if (code < 0x80) {
        out[len++] = (char)code;
    } else if (code < 0x800) {
        out[len++] = (char)(0xC0 | code >> 6);
    } else if (code < 0x10000) {
        out[len++] = (char)(0xE0 | code >> 12);
        out[len++] = (char)(0x80 | (code >> 6 & 63));
    } else {
        out[len++] = (char)(0xF0 | code >> 18);
        out[len++] = (char)(0x80 | (code >> 12 & 63));
        out[len++] = (char)(0x80 | (code >> 6 & 63));
    }
    if (code >= 0x80)
        out[len++] = (char)(0x80 | (code & 63));
    put(t, out, len);
}

static void put_random(struct text *t, const char *alphabet, size_t count)
{
    size_t n = strlen(alphabet);
    while (count-- > 0)
        put_char(t, alphabet[below((uint32_t)n)]);
}

#define DIGITS "0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define ALNUM UPPER LOWER DIGITS

/* --- Private values --- */

static void luhn(struct text *t, const char *head, size_t digits)
{
    size_t start = t->len;
    put_str(t, head);
    put_random(t, DIGITS, digits - 1 - strlen(head));
    unsigned sum = 0;
    for (size_t i = 0; i < digits - 1; i++) {
        unsigned digit = (unsigned)(t->bytes[start + digits - 2 - i] - '0') * (i % 2 ? 1 : 2);
        sum += digit > 9 ? digit - 9 : digit;
    }
    put_char(t, (char)('0' + (10 - sum % 10) % 10));
}

static void in_groups(struct text *t, size_t start, char between)
{
    char plain[64];
    size_t len = t->len - start;
    memcpy(plain, t->bytes + start, len);
    t->len = start;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && i % 4 == 0)
            put_char(t, between);
        put_char(t, plain[i]);
    }
}

static void card(struct text *t)
{
    static const struct {
        const char *head;
        size_t digits;
    } brands[] = {{"4", 16},  {"51", 16},   {"55", 16},  {"34", 15},
                  {"37", 15}, {"6011", 16}, {"2221", 16}};
    size_t which = below(7), start = t->len;
    luhn(t, brands[which].head, brands[which].digits);
    if (brands[which].digits == 16 && below(2))
        in_groups(t, start, below(2) ? ' ' : '-');
}

/* mod 97 over the number with letters as two digits and the country behind it. */
static void iban(struct text *t)
{
    static const struct {
        const char *country;
        size_t digits;
    } forms[] = {{"DE", 18}, {"AT", 16}, {"ES", 20}, {"BE", 12}, {"DK", 14}, {"PL", 24}};
    size_t which = below(6), start = t->len;
    struct text account = {.len = 0};
    put_random(&account, DIGITS, forms[which].digits);
    unsigned rest = 0;
    for (size_t i = 0; i < account.len; i++)
        rest = (rest * 10 + (unsigned)(account.bytes[i] - '0')) % 97;
    for (size_t i = 0; i < 2; i++)
        rest = (rest * 100 + (unsigned)(forms[which].country[i] - 'A' + 10)) % 97;
    rest = rest * 100 % 97;
    char head[8];
    (void)snprintf(head, sizeof(head), "%s%02u", forms[which].country, 98 - rest);
    put_str(t, head);
    put(t, account.bytes, account.len);
    if (below(2))
        in_groups(t, start, ' ');
}

static void ssn(struct text *t)
{
    char out[16];
    (void)snprintf(out, sizeof(out), "%03u-%02u-%04u", 100 + below(500), 10 + below(89),
                   1000 + below(8999));
    put_str(t, out);
}

static void email(struct text *t)
{
    static const char *const ends[] = {".org", ".com", ".example.net", ".co.uk", ".de"};
    put_random(t, LOWER, 3 + below(8));
    if (below(2)) {
        put_char(t, "._-+"[below(4)]);
        put_random(t, LOWER DIGITS, 2 + below(6));
    }
    put_char(t, '@');
    put_random(t, LOWER, 4 + below(8));
    put_str(t, ends[below(5)]);
}

static void aws(struct text *t)
{
    put_str(t, below(4) ? "AK" : "AS");
    put_str(t, "IA");
    put_random(t, UPPER "234567", 16);
}

static void github(struct text *t)
{
    static const char *const heads[] = {"gh"
                                        "p_",
                                        "gh"
                                        "o_",
                                        "gh"
                                        "s_"};
    put_str(t, heads[below(3)]);
    put_random(t, ALNUM, 36);
}

static void openai(struct text *t)
{
    put_str(t, "s"
               "k-pr"
               "oj-");
    put_random(t, ALNUM, 48);
}

static void anthropic(struct text *t)
{
    put_str(t, "s"
               "k-an"
               "t-api03-");
    put_random(t, ALNUM "_-", 93);
    put_str(t, "AA");
}

static void google(struct text *t)
{
    put_str(t, "AI"
               "za");
    put_random(t, ALNUM "_-", 35);
}

static void private_key(struct text *t)
{
    static const char *const kinds[] = {"", "RSA ", "EC ", "OPENSSH "};
    const char *kind = kinds[below(4)];
    char line[64];
    (void)snprintf(line, sizeof(line), "-----BEGIN %s%s-----\n", kind,
                   "PRIVATE"
                   " KEY");
    put_str(t, line);
    for (size_t lines = 2 + below(4); lines > 0; lines--) {
        put_random(t, ALNUM "+/", 64);
        put_char(t, '\n');
    }
    (void)snprintf(line, sizeof(line), "-----END %s%s-----", kind,
                   "PRIVATE"
                   " KEY");
    put_str(t, line);
}

static void code_name(struct text *t)
{
    put_str(t, below(2) ? "Project Kestrel" : "project-kestrel");
}

static void ticket(struct text *t)
{
    put_str(t, "TCK-");
    put_random(t, DIGITS, 9);
}

static const struct kind {
    const char *name, *lead;
    void (*make)(struct text *t);
    bool in_two; /* found when split over two messages */
} kinds[] = {
    {"card", "card ", card, true},
    {"iban", "transfer to ", iban, true},
    {"ssn", "SSN ", ssn, false},
    {"email", "write to ", email, true},
    {"aws", "aws ", aws, true},
    {"github", "token ", github, true},
    {"openai", "key ", openai, true},
    {"anthropic", "key ", anthropic, true},
    {"google", "key ", google, true},
    {"private key", "", private_key, false},
    {"dictionary", "about ", code_name, true},
    {"pattern", "ticket ", ticket, true},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* --- Disguises --- */

static void as_it_is(struct text *t, struct slice s)
{
    put(t, s.ptr, s.len);
}

static void base64_with(struct text *t, struct slice s, const char *last_two, size_t line)
{
    static const char letters[] = ALNUM;
    size_t written = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        uint32_t group = (uint32_t)(uint8_t)s.ptr[i] << 16;
        group |= i + 1 < s.len ? (uint32_t)(uint8_t)s.ptr[i + 1] << 8 : 0;
        group |= i + 2 < s.len ? (uint8_t)s.ptr[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            uint32_t six = group >> (18 - 6 * k) & 63;
            bool is_there = i + k <= s.len;
            if (!is_there && last_two[0] == '-')
                continue; /* base64url has no padding */
            if (line && written > 0 && written % line == 0)
                put_char(t, '\n');
            put_char(t, !is_there ? '=' : six < 62 ? letters[six] : last_two[six - 62]);
            written++;
        }
    }
}

static void base64(struct text *t, struct slice s)
{
    base64_with(t, s, "+/", 0);
}

static void base64_url(struct text *t, struct slice s)
{
    struct text longer = {.len = 0};
    put_str(&longer, "note ");
    put(&longer, s.ptr, s.len);
    base64_with(t, slice_of(longer.bytes, longer.len), "-_", 0);
}

static void base64_lines(struct text *t, struct slice s)
{
    struct text longer = {.len = 0};
    for (int i = 0; i < 5; i++)
        put_str(&longer, "Kept for later. ");
    put(&longer, s.ptr, s.len);
    base64_with(t, slice_of(longer.bytes, longer.len), "+/", 76);
}

/* Behind what shifts its letters: a path, a word. */
static void base64_behind(struct text *t, struct slice s)
{
    static const char *const before[] = {"/v1/", "id-", "a", "Ab", "x_y_", "/token/"};
    put_str(t, before[below(6)]);
    base64_url(t, s);
}

static void base64_twice(struct text *t, struct slice s)
{
    struct text once = {.len = 0};
    base64_with(&once, s, "+/", 0);
    base64_with(t, slice_of(once.bytes, once.len), "+/", 0);
}

static void base64_utf16(struct text *t, struct slice s)
{
    struct text wide = {.len = 0};
    for (size_t i = 0; i < s.len; i++) {
        put_char(&wide, s.ptr[i]);
        put_char(&wide, '\0');
    }
    base64_with(t, slice_of(wide.bytes, wide.len), "+/", 0);
}

static void each_byte(struct text *t, struct slice s, const char *format)
{
    for (size_t i = 0; i < s.len; i++) {
        char out[16];
        (void)snprintf(out, sizeof(out), format, (unsigned)(uint8_t)s.ptr[i]);
        put_str(t, out);
    }
}

static void hex(struct text *t, struct slice s)
{
    each_byte(t, s, "%02x");
}
static void percent(struct text *t, struct slice s)
{
    each_byte(t, s, below(2) ? "%%%02X" : "%%%02x");
}
static void u_escapes(struct text *t, struct slice s)
{
    each_byte(t, s, below(2) ? "\\u%04x" : "\\u%04X");
}
static void x_escapes(struct text *t, struct slice s)
{
    static const char *const formats[] = {"\\x%02x", "\\%03o", "\\u{%x}", "%%u%04x"};
    each_byte(t, s, formats[below(4)]);
}

/* Mail: three escapes at least, so that it is taken for one; lines that go on. */
static void quoted(struct text *t, struct slice s)
{
    put_str(t, "=C2=A0=3D ");
    for (size_t i = 0; i < s.len; i++) {
        if (below(5) == 0)
            put_str(t, below(2) ? "=\n" : "=\r\n");
        if (below(3) == 0 || s.ptr[i] == '=')
            each_byte(t, slice_of(s.ptr + i, 1), "=%02X");
        else
            put_char(t, s.ptr[i]);
    }
}
static void entities(struct text *t, struct slice s)
{
    static const char *const formats[] = {"&#%u;", "&#x%x;", "&#%u", "&#%05u;"};
    each_byte(t, s, formats[below(4)]);
}

/* Only what need be: as URLs are written. */
static void percent_some(struct text *t, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool is_plain = strchr(ALNUM "-_.", s.ptr[i]) != NULL;
        if (is_plain)
            put_char(t, s.ptr[i]);
        else
            each_byte(t, slice_of(s.ptr + i, 1), "%%%02X");
    }
}

/* Some characters escaped, others not. */
static void u_escapes_some(struct text *t, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (below(3) == 0 || i == s.len / 2)
            each_byte(t, slice_of(s.ptr + i, 1), "\\u%04x");
        else
            put_char(t, s.ptr[i]);
}

static void full_width(struct text *t, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        put_utf8(t, s.ptr[i] > ' ' && s.ptr[i] <= '~' ? (uint32_t)s.ptr[i] + 0xFEE0
                                                      : (uint8_t)s.ptr[i]);
}

static void with_between(struct text *t, struct slice s, uint32_t code)
{
    for (size_t i = 0; i < s.len; i++) {
        if (i > 0)
            put_utf8(t, code);
        put_char(t, s.ptr[i]);
    }
}

static void zero_width(struct text *t, struct slice s)
{
    static const uint32_t codes[] = {0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF};
    with_between(t, s, codes[below(5)]);
}
static void soft_hyphens(struct text *t, struct slice s)
{
    with_between(t, s, 0x00AD);
}
static void controls(struct text *t, struct slice s)
{
    static const uint32_t codes[] = {0x01, 0x08, 0x1B, 0x7F, 0x80, 0x9D};
    with_between(t, s, codes[below(6)]);
}
static void noise(struct text *t, struct slice s)
{
    static const uint32_t codes[] = {0x0483, 0x064B, 0x1AB0, 0x2800,
                                     0xE000, 0xFFFC, 0xFFFD, 0x1D173};
    with_between(t, s, codes[below(8)]);
}

static void bold(struct text *t, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        uint32_t code = (uint8_t)c;
        if (c >= '0' && c <= '9')
            code = 0x1D7CE + (uint32_t)(c - '0');
        else if (c >= 'A' && c <= 'Z')
            code = 0x1D400 + (uint32_t)(c - 'A');
        else if (c >= 'a' && c <= 'z')
            code = 0x1D41A + (uint32_t)(c - 'a');
        put_utf8(t, code);
    }
}

static void other_digits(struct text *t, struct slice s)
{
    static const uint32_t zeros[] = {0x0660, 0x06F0, 0x0966, 0xFF10, 0x0DE6, 0xABF0, 0x1E950};
    uint32_t zero = zeros[below(7)];
    for (size_t i = 0; i < s.len; i++)
        put_utf8(t, s.ptr[i] >= '0' && s.ptr[i] <= '9' ? zero + (uint32_t)(s.ptr[i] - '0')
                                                       : (uint8_t)s.ptr[i]);
}

static const struct disguise {
    const char *name;
    void (*put)(struct text *t, struct slice s);
    bool of_words; /* a token of its own: spaces around it, not part of a word */
} disguises[] = {
    {"plain", as_it_is, false},
    {"base64", base64, true},
    {"base64url", base64_url, true},
    {"base64 in lines", base64_lines, true},
    {"base64 behind a word", base64_behind, true},
    {"base64 twice", base64_twice, true},
    {"base64 of UTF-16", base64_utf16, true},
    {"hexadecimal", hex, true},
    {"percent", percent, false},
    {"percent where needed", percent_some, false},
    {"\\u", u_escapes, false},
    {"\\u here and there", u_escapes_some, false},
    {"\\x and others", x_escapes, false},
    {"quoted-printable", quoted, false},
    {"entities", entities, false},
    {"full width", full_width, false},
    {"zero width", zero_width, false},
    {"soft hyphens", soft_hyphens, false},
    {"controls", controls, false},
    {"noise", noise, false},
    {"bold", bold, false},
    {"other digits", other_digits, false},
};
enum { DISGUISES = sizeof(disguises) / sizeof(disguises[0]) };

/* --- Places: %s is a JSON string without its quotes --- */

#define HELLO "{\"role\":\"user\",\"content\":\"Good morning to you\"}"
#define CALL(arguments)                                                                            \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":"        \
    "\"function\","                                                                                \
    "\"function\":{\"name\":\"look_up\",\"arguments\":\"" arguments "\"}}]},"                      \
    "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"nothing\"}"
#define TOOL(more)                                                                                 \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look_up\"," more "}}]"

static const struct place {
    const char *name, *body;
    int escapes; /* how often the text is put into a JSON string: 2 for JSON in a string */
} places[] = {
    {"user", "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}", 1},
    {"system", "{\"messages\":[{\"role\":\"system\",\"content\":\"%s\"}," HELLO "]}", 1},
    {"developer", "{\"messages\":[{\"role\":\"developer\",\"content\":\"%s\"}," HELLO "]}", 1},
    {"assistant",
     "{\"messages\":[" HELLO ",{\"role\":\"assistant\",\"content\":\"%s\"}," HELLO "]}", 1},
    {"earlier turn",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"},{\"role\":\"assistant\",\"content\":"
     "\"Well.\"}," HELLO "]}",
     1},
    {"text part",
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Read this\"},"
     "{\"type\":\"text\",\"text\":\"%s\"}]}]}",
     1},
    {"tool result",
     "{\"messages\":[" HELLO
     ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\","
     "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
     "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"%s\"}]}",
     1},
    {"tool arguments", "{\"messages\":[" HELLO "," CALL("{\\\"q\\\":\\\"%s\\\"}") "]}", 2},
    {"bare arguments", "{\"messages\":[" HELLO "," CALL("%s") "]}", 1},
    {"nested arguments",
     "{\"messages\":[" HELLO
     "," CALL("{\\\"a\\\":\\\"{\\\\\\\"b\\\\\\\":\\\\\\\"%s\\\\\\\"}\\\"}") "]}",
     3},
    {"JSON in a message",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"{\\\"q\\\": \\\"%s\\\"}\"}]}", 2},
    {"JSON in a result",
     "{\"messages\":[" HELLO ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
     "\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
     "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"[{\\\"q\\\": \\\"%s\\\"}]\"}]}",
     2},
    {"tool description", "{" TOOL("\"description\":\"%s\"") ",\"messages\":[" HELLO "]}", 1},
    {"tool schema",
     "{" TOOL("\"parameters\":{\"type\":\"object\",\"properties\":{\"q\":{\"enum\":[\"%s\",\"b\"]}}"
              "}") ",\"messages\":[" HELLO "]}",
     1},
    {"metadata", "{\"metadata\":{\"note\":\"%s\"},\"messages\":[" HELLO "]}", 1},
    {"user field", "{\"user\":\"%s\",\"messages\":[" HELLO "]}", 1},
    {"stop", "{\"stop\":[\"###\",\"%s\"],\"messages\":[" HELLO "]}", 1},
    {"unknown field", "{\"x_note\":{\"deep\":[\"%s\"]},\"messages\":[" HELLO "]}", 1},
    {"unknown key", "{\"x_note\":{\"%s\":1},\"messages\":[" HELLO "]}", 1},
    {"message name",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"Good day\",\"name\":\"%s\"}]}", 1},
    {"message field",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"Good day\",\"x_note\":\"%s\"}]}", 1},
    {"unknown part",
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Read this\"},"
     "{\"type\":\"x_new\",\"x\":\"%s\"}]}]}",
     1},
    {"prediction",
     "{\"prediction\":{\"type\":\"content\",\"content\":\"%s\"},\"messages\":[" HELLO "]}", 1},
    {"format schema",
     "{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":"
     "{\"type\":\"object\",\"description\":\"%s\"}}},\"messages\":[" HELLO "]}",
     1},
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* One of three ways to write JSON: as little escaped as may be, all of ASCII's specials, or all
 * but letters. */
static void escape(struct text *out, struct slice s, uint32_t style)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool must = c == '"' || c == '\\' || (unsigned char)c < 0x20;
        if (c == '\n' && style != 2)
            put_str(out, "\\n");
        else if ((c == '"' || c == '\\') && style != 2)
            put(out, (char[]){'\\', c}, 2);
        else if (must || (style == 1 && strchr("/<>&'", c)) ||
                 (style == 2 && !strchr(ALNUM " ", c) && (unsigned char)c < 0x80))
            each_byte(out, slice_of(s.ptr + i, 1), "\\u%04x");
        else
            put_char(out, c);
    }
}

static struct slice escaped(struct slice s, int times)
{
    static struct text one, two;
    struct text *from = &one, *to = &two;
    uint32_t style = below(6) < 4 ? 0 : 1 + below(2);
    one.len = two.len = 0;
    put(from, s.ptr, s.len);
    for (int i = 0; i < times; i++) {
        struct text *other = to;
        to->len = 0;
        escape(to, slice_of(from->bytes, from->len), style);
        to = from;
        from = other;
    }
    return slice_of(from->bytes, from->len);
}

/* --- One request --- */

static void filler(struct text *t)
{
    static const char *const words[] = {"the",   "river",   "quiet", "and",     "walks",
                                        "under", "a",       "long",  "bridge",  "where",
                                        "birds", "sing",    "in",    "spring,", "so",
                                        "we",    "stayed.", "Then",  "rain",    "came"};
    for (size_t n = below(below(8) ? 12 : 300); n > 0; n--) {
        put_str(t, words[below(20)]);
        put_char(t, below(15) ? ' ' : '\n');
    }
}

/* Harmless words of about the same length. */
static void harmless(struct text *t)
{
    static const char *const words[] = {"heron",  "otter",  "badger", "lynx",
                                        "marten", "plover", "siskin", "dunlin"};
    for (size_t n = 2 + below(4); n > 0; n--) {
        put_str(t, words[below(8)]);
        put_str(t, n > 1 ? " " : "");
    }
}

static void surround(struct text *t, const struct kind *kind, const struct disguise *d,
                     struct slice value)
{
    static const char *const brackets[][2] = {{"", ""},  {"", "."},  {"(", ")"}, {"\"", "\""},
                                              {"", ","}, {"'", "'"}, {"", "\n"}};
    size_t which = d->of_words ? 0 : below(7);
    filler(t);
    put_str(t, kind->lead);
    put_str(t, brackets[which][0]);
    d->put(t, value);
    put_str(t, brackets[which][1]);
    put_char(t, ' ');
    if (below(2))
        filler(t);
}

struct storm {
    struct policy *policy;
    unsigned long asked, missed, innocent, accused;
    unsigned long missed_by[KINDS][DISGUISES];
};

static enum policy_level level_of(const struct storm *storm, struct slice body)
{
    struct arena *arena = arena_new(64 << 20);
    const struct json_node *root = NULL;
    const struct chat_request *request = NULL;
    struct policy_inspection *seen = NULL;
    struct policy_context context = {.floor = POLICY_LEVEL_PUBLIC};
    struct base_error detail = {0};
    if (!arena || json_parse(body, &json_limits_request, arena, &root, &detail) ||
        api_chat_parse(root, arena, &request, &detail) ||
        policy_inspect(storm->policy, request, &context, arena, &seen, &detail)) {
        fprintf(stderr, "%.*s\n", (int)body.len, body.ptr);
        give_up("a request", detail.message);
    }
    enum policy_level level = policy_inspection_level(seen);
    arena_free(arena);
    return level;
}

static struct slice body_of(const struct place *place, struct slice text)
{
    static struct text body;
    const char *hole = strstr(place->body, "%s");
    struct slice said = escaped(text, place->escapes);
    body.len = 0;
    put_str(&body, "{\"model\":\"m\",");
    put(&body, place->body + 1, (size_t)(hole - place->body) - 1);
    put(&body, said.ptr, said.len);
    put_str(&body, hole + 2);
    return slice_of(body.bytes, body.len);
}

static void tell(struct storm *storm, size_t kind, size_t disguise, const char *where,
                 struct slice value, struct slice body)
{
    storm->missed_by[kind][disguise]++;
    if (storm->missed++ < MISSES_SHOWN)
        printf("overlooked: %s, %s, %s: %.*s\n    %.*s\n", kinds[kind].name,
               disguises[disguise].name, where, (int)value.len, value.ptr,
               (int)(body.len < 1500 ? body.len : 1500), body.ptr);
}

static void plant(struct storm *storm)
{
    static struct text value, text;
    size_t kind = below(KINDS), disguise = below(DISGUISES), where = below(PLACES);
    const struct place *place = &places[where];
    bool is_control = below(4) == 0;
    value.len = text.len = 0;
    if (is_control)
        harmless(&value);
    else
        kinds[kind].make(&value);
    struct kind shown = kinds[kind];
    if (is_control)
        shown.lead = "";
    surround(&text, &shown, &disguises[disguise], slice_of(value.bytes, value.len));
    struct slice body = body_of(place, slice_of(text.bytes, text.len));
    bool is_private = policy_level_is_private(level_of(storm, body));
    storm->asked++;
    if (is_control) {
        storm->innocent++;
        if (is_private && storm->accused++ < MISSES_SHOWN)
            printf("taken for private: %.*s\n", (int)body.len, body.ptr);
    } else if (!is_private) {
        tell(storm, kind, disguise, place->name, slice_of(value.bytes, value.len), body);
    }
}

/* A value in two messages or parts, cut somewhere in it. */
static void plant_in_two(struct storm *storm)
{
    static struct text value, first, second, body;
    size_t kind = below(KINDS);
    if (!kinds[kind].in_two)
        return;
    value.len = first.len = second.len = body.len = 0;
    kinds[kind].make(&value);
    size_t cut = value.len / 4 + below((uint32_t)value.len / 2) + 1;
    filler(&first);
    put_str(&first, kinds[kind].lead);
    put(&first, value.bytes, cut);
    put(&second, value.bytes + cut, value.len - cut);
    if (below(2)) {
        put_char(&second, ' ');
        filler(&second);
    }
    bool parts = below(2);
    put_str(&body, parts ? "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{"
                           "\"type\":\"text\",\"text\":\""
                         : "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    struct slice said = escaped(slice_of(first.bytes, first.len), 1);
    put(&body, said.ptr, said.len);
    put_str(&body,
            parts ? "\"},{\"type\":\"text\",\"text\":\"" : "\"},{\"role\":\"user\",\"content\":\"");
    said = escaped(slice_of(second.bytes, second.len), 1);
    put(&body, said.ptr, said.len);
    put_str(&body, parts ? "\"}]}]}" : "\"}]}");
    storm->asked++;
    if (!policy_level_is_private(level_of(storm, slice_of(body.bytes, body.len))))
        tell(storm, kind, 0, "in two", slice_of(value.bytes, value.len),
             slice_of(body.bytes, body.len));
}

static void print_figures(const struct storm *storm)
{
    printf("%lu requests, %lu of them with harmless words; %lu overlooked, %lu harmless ones taken "
           "for private\n",
           storm->asked, storm->innocent, storm->missed, storm->accused);
    for (size_t k = 0; k < KINDS; k++)
        for (size_t d = 0; d < DISGUISES; d++)
            if (storm->missed_by[k][d])
                printf("  %s, %s: %lu overlooked\n", kinds[k].name, disguises[d].name,
                       storm->missed_by[k][d]);
}

static struct policy *make_policy(void)
{
    static const struct slice words[] = {SLICE_INIT("project kestrel")};
    static const struct policy_dictionary dictionary = {.name = SLICE_INIT("code-names"),
                                                        .words = words,
                                                        .word_count = 1,
                                                        .level = POLICY_LEVEL_CONFIDENTIAL};
    static const struct policy_pattern pattern = {.name = SLICE_INIT("ticket"),
                                                  .regex = SLICE_INIT("\\bTCK-[0-9]{9}\\b"),
                                                  .level = POLICY_LEVEL_RESTRICTED};
    struct policy_config config;
    struct policy *policy = NULL;
    struct base_error detail;
    policy_config_init(&config);
    config.uninspected_level =
        POLICY_LEVEL_INTERNAL; /* else what is not read would count as found */
    config.dictionaries = &dictionary;
    config.dictionary_count = 1;
    config.patterns = &pattern;
    config.pattern_count = 1;
    if (policy_new(&config, &policy, &detail))
        give_up("the policy", detail.message);
    return policy;
}

int main(int argc, char **argv)
{
    struct soak_wish wish = {.requests = 20000, .seed = (uint64_t)soak_now_ns()};
    if (!soak_wish_parse(&wish, argc, argv))
        return 2;
    static struct storm storm;
    storm.policy = make_policy();
    seed = wish.seed;
    printf("seed %llu\n", (unsigned long long)wish.seed);
    int64_t begin = soak_now_ns();
    while (!soak_is_over(&wish, storm.asked, begin)) {
        plant(&storm);
        if (below(8) == 0)
            plant_in_two(&storm);
    }
    print_figures(&storm);
    policy_unref(storm.policy);
    return storm.missed == 0 && storm.accused * 200 <= storm.innocent ? 0 : 1;
}
