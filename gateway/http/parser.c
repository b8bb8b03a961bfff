#include "gateway/http/parser.h"
#include "gateway/http/fields.h"

enum state {
    STATE_REQUEST_LINE,
    STATE_FIELDS,
    STATE_BODY_NONE,
    STATE_BODY_LENGTH_NEW, /* not yet held against the limit */
    STATE_BODY_LENGTH,
    STATE_CHUNK_SIZE,
    STATE_CHUNK_DATA,
    STATE_CHUNK_END,
    STATE_TRAILERS,
    STATE_END,
    STATE_ERROR,
    STATE_CLOSE,
};

static const struct {
    const char *name;
    const char *text;
    enum base_err err;
} faults[] = {
#define X(name, err, text) {#name, text, BASE_ERR_##err},
    HTTP_FAULTS(X)
#undef X
};

const char *http_fault_name(enum http_fault fault)
{
    return faults[(unsigned)fault < HTTP_FAULT_COUNT ? fault : HTTP_FAULT_NONE].name;
}

const char *http_fault_text(enum http_fault fault)
{
    return faults[(unsigned)fault < HTTP_FAULT_COUNT ? fault : HTTP_FAULT_NONE].text;
}

enum base_err http_fault_err(enum http_fault fault)
{
    return faults[(unsigned)fault < HTTP_FAULT_COUNT ? fault : HTTP_FAULT_NONE].err;
}

/* What a step did with its bytes. */
struct step {
    enum { STEP_DONE, STEP_MORE, STEP_FAULT } what;
    enum http_fault fault;
    size_t used; /* STEP_DONE: up to where */
};

static struct step step_fault(enum http_fault fault)
{
    return (struct step){.what = STEP_FAULT, .fault = fault};
}

/* ---- lexing ---- */

#define T1 0x01 /* token: RFC 9110 5.6.2 */
#define T2 0x02 /* request target */
static const uint8_t classes[256] = {
    ['!'] = T1 | T2,  ['#'] = T1,      ['$'] = T1 | T2, ['%'] = T1 | T2, ['&'] = T1 | T2,
    ['\''] = T1 | T2, ['('] = T2,      [')'] = T2,      ['*'] = T1 | T2, ['+'] = T1 | T2,
    [','] = T2,       ['-'] = T1 | T2, ['.'] = T1 | T2, ['/'] = T2,      ['0'] = T1 | T2,
    ['1'] = T1 | T2,  ['2'] = T1 | T2, ['3'] = T1 | T2, ['4'] = T1 | T2, ['5'] = T1 | T2,
    ['6'] = T1 | T2,  ['7'] = T1 | T2, ['8'] = T1 | T2, ['9'] = T1 | T2, [':'] = T2,
    [';'] = T2,       ['='] = T2,      ['?'] = T2,      ['@'] = T2,      ['A'] = T1 | T2,
    ['B'] = T1 | T2,  ['C'] = T1 | T2, ['D'] = T1 | T2, ['E'] = T1 | T2, ['F'] = T1 | T2,
    ['G'] = T1 | T2,  ['H'] = T1 | T2, ['I'] = T1 | T2, ['J'] = T1 | T2, ['K'] = T1 | T2,
    ['L'] = T1 | T2,  ['M'] = T1 | T2, ['N'] = T1 | T2, ['O'] = T1 | T2, ['P'] = T1 | T2,
    ['Q'] = T1 | T2,  ['R'] = T1 | T2, ['S'] = T1 | T2, ['T'] = T1 | T2, ['U'] = T1 | T2,
    ['V'] = T1 | T2,  ['W'] = T1 | T2, ['X'] = T1 | T2, ['Y'] = T1 | T2, ['Z'] = T1 | T2,
    ['['] = T2,       [']'] = T2,      ['^'] = T1,      ['_'] = T1 | T2, ['`'] = T1,
    ['a'] = T1 | T2,  ['b'] = T1 | T2, ['c'] = T1 | T2, ['d'] = T1 | T2, ['e'] = T1 | T2,
    ['f'] = T1 | T2,  ['g'] = T1 | T2, ['h'] = T1 | T2, ['i'] = T1 | T2, ['j'] = T1 | T2,
    ['k'] = T1 | T2,  ['l'] = T1 | T2, ['m'] = T1 | T2, ['n'] = T1 | T2, ['o'] = T1 | T2,
    ['p'] = T1 | T2,  ['q'] = T1 | T2, ['r'] = T1 | T2, ['s'] = T1 | T2, ['t'] = T1 | T2,
    ['u'] = T1 | T2,  ['v'] = T1 | T2, ['w'] = T1 | T2, ['x'] = T1 | T2, ['y'] = T1 | T2,
    ['z'] = T1 | T2,  ['|'] = T1,      ['~'] = T1 | T2,
};

bool http_is_token_char(unsigned char c)
{
    return (classes[c] & T1) != 0;
}

static size_t scan_class(const char *bytes, size_t from, size_t end, uint8_t class)
{
    while (from < end && (classes[(unsigned char)bytes[from]] & class))
        from++;
    return from;
}

/* Index of the first control character (below 0x20, or 0x7f) from `from` on, or `end`. */
static size_t scan_text(const char *bytes, size_t from, size_t end)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    while (end - from >= 8) { /* a set bit may be false, but only above a true one */
        uint64_t word, del;
        memcpy(&word, bytes + from, 8);
        del = word ^ (ones * 0x7f);
        if ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & tops)
            break;
        from += 8;
    }
    while (from < end && (unsigned char)bytes[from] >= 0x20 && bytes[from] != 0x7f)
        from++;
    return from;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- lines ---- */

/* One field line at `from`; an empty line gives a name of length 0. */
static struct step read_field(const char *bytes, size_t from, size_t end, struct http_field *field)
{
    const struct step more = {.what = STEP_MORE};
    if (from == end)
        return more;
    if (is_blank(bytes[from]))
        return step_fault(HTTP_FAULT_FIELD_FOLDED);
    size_t i = scan_class(bytes, from, end, T1);
    size_t name_len = i - from;
    size_t value = i;
    if (i < end && bytes[i] == ':' && name_len > 0) {
        for (i++; i < end && is_blank(bytes[i]);)
            i++;
        value = i;
        for (i = scan_text(bytes, i, end); i < end && bytes[i] == '\t';)
            i = scan_text(bytes, i + 1, end);
    } else if (i < end && bytes[i] != '\n' && (bytes[i] != '\r' || name_len > 0)) {
        return step_fault(HTTP_FAULT_FIELD_NAME);
    }
    if (i == end)
        return more;
    if (bytes[i] != '\r')
        return step_fault(bytes[i] == '\n' ? HTTP_FAULT_LINE_END : HTTP_FAULT_FIELD_VALUE);
    if (i + 1 == end)
        return more;
    if (bytes[i + 1] != '\n')
        return step_fault(HTTP_FAULT_LINE_END);
    size_t value_end = i;
    while (value_end > value && is_blank(bytes[value_end - 1]))
        value_end--;
    field->name = slice_of(bytes + from, name_len);
    field->value = slice_of(bytes + value, value_end - value);
    return (struct step){.what = STEP_DONE, .used = i + 2};
}

/* " HTTP/1.x\r\n" at `at`. */
static struct step read_version(const char *bytes, size_t at, size_t end, unsigned *ret_minor)
{
    static const char expected[] = " HTTP/1.?\r\n";
    const size_t digit = 8, len = sizeof(expected) - 1;
    for (size_t i = 0; i < len; i++) {
        if (at + i == end)
            return (struct step){.what = STEP_MORE};
        char c = bytes[at + i];
        if (i == digit ? c == '0' || c == '1' : c == expected[i])
            continue;
        return step_fault(i > digit && (c == '\n' || i == len - 1) ? HTTP_FAULT_LINE_END
                                                                   : HTTP_FAULT_VERSION);
    }
    *ret_minor = bytes[at + digit] == '1';
    return (struct step){.what = STEP_DONE, .used = at + len};
}

/* Until the head is complete, its slices hold offsets instead of addresses: the bytes may move. */
static struct slice as_offset(struct slice s, const char *base)
{
    return (struct slice){(const char *)(uintptr_t)(s.ptr - base), s.len};
}

static struct slice as_address(struct slice s, const char *base)
{
    return slice_of(base + (uintptr_t)s.ptr, s.len);
}

static struct step read_request_line(struct http_head *head, const char *bytes, size_t end)
{
    if (end == 0)
        return (struct step){.what = STEP_MORE};
    if (bytes[0] == 0x16) /* a TLS handshake record */
        return step_fault(HTTP_FAULT_OTHER_PROTOCOL);
    size_t space = scan_class(bytes, 0, end, T1);
    if (space > HTTP_METHOD_BYTES_MAX)
        return step_fault(HTTP_FAULT_METHOD);
    if (space == end)
        return (struct step){.what = STEP_MORE};
    if (space == 0 || bytes[space] != ' ')
        return step_fault(HTTP_FAULT_METHOD);
    size_t target = space + 1;
    size_t window = end - target > HTTP_TARGET_BYTES_MAX ? target + HTTP_TARGET_BYTES_MAX + 1 : end;
    size_t i = scan_class(bytes, target, window, T2);
    if (i - target > HTTP_TARGET_BYTES_MAX)
        return step_fault(HTTP_FAULT_TARGET_TOO_LONG);
    if (i == end)
        return (struct step){.what = STEP_MORE};
    if (bytes[i] == '\r' || bytes[i] == '\n') /* HTTP/0.9 */
        return step_fault(HTTP_FAULT_VERSION);
    if (bytes[i] != ' ' || i == target)
        return step_fault(HTTP_FAULT_TARGET);
    head->method = slice_of(bytes, space);
    head->target = slice_of(bytes + target, i - target);
    struct step step = read_version(bytes, i, end, &head->minor);
    if (step.what == STEP_FAULT && slice_eq(head->method, SLICE("PRI")) &&
        slice_eq(head->target, SLICE("*"))) /* the preface of HTTP/2 */
        step.fault = HTTP_FAULT_OTHER_PROTOCOL;
    if (step.what == STEP_DONE && !http_target_is_plain(head->target))
        return step_fault(HTTP_FAULT_TARGET);
    head->method = as_offset(head->method, bytes);
    head->target = as_offset(head->target, bytes);
    return step;
}

static void finish_head(struct http_head *head, const char *bytes)
{
    head->method = as_address(head->method, bytes);
    head->target = as_address(head->target, bytes);
    for (size_t i = 0; i < head->field_count; i++) {
        head->fields[i].name = as_address(head->fields[i].name, bytes);
        head->fields[i].value = as_address(head->fields[i].value, bytes);
    }
    head->host = http_head_get(head, SLICE("host"));
    const char *mark = memchr(head->target.ptr, '?', head->target.len);
    size_t path_len = mark ? (size_t)(mark - head->target.ptr) : head->target.len;
    head->path = slice_of(head->target.ptr, path_len);
    head->query = mark ? slice_sub(head->target, path_len + 1, SIZE_MAX) : SLICE_NONE;
}

/* ---- the machine ---- */

void http_parser_init(struct http_parser *parser, const struct http_limits *limits,
                      struct http_head *head)
{
    *parser = (struct http_parser){.limits = *limits, .head = head};
}

void http_parser_reset(struct http_parser *parser, struct http_head *head)
{
    struct http_limits limits = parser->limits;
    http_parser_init(parser, &limits, head);
}

void http_parser_limit_body(struct http_parser *parser, uint64_t body_bytes)
{
    parser->limits.body_bytes = body_bytes;
}

uint64_t http_parser_body_left(const struct http_parser *parser)
{
    return parser->state == STATE_BODY_LENGTH ? parser->left : 0;
}

void http_parser_body_skip(struct http_parser *parser, uint64_t len)
{
    parser->left -= len < parser->left ? len : parser->left;
}

static size_t fail(struct http_parser *parser, enum http_fault fault, struct http_event *ev)
{
    bool close = fault == HTTP_FAULT_OTHER_PROTOCOL;
    parser->state = close ? STATE_CLOSE : STATE_ERROR;
    parser->fault = fault;
    *ev = (struct http_event){.kind = close ? HTTP_EVENT_CLOSE : HTTP_EVENT_ERROR, .fault = fault};
    return 0;
}

static size_t need_more(struct http_event *ev, size_t used)
{
    *ev = (struct http_event){.kind = HTTP_EVENT_MORE};
    return used;
}

/* The empty line that some clients send after a body: dropped at once, so that it does not start
 * the clock of a request. Returns how many bytes go, or -1 when one more byte is needed to tell. */
static int skip_empty_line(struct http_parser *parser, const char *bytes, size_t len)
{
    if (parser->skipped_empty || len == 0 || bytes[0] != '\r')
        return 0;
    if (len == 1)
        return -1;
    if (bytes[1] != '\n')
        return 0;
    parser->skipped_empty = true;
    return 2;
}

static size_t next_head(struct http_parser *parser, const char *bytes, size_t len,
                        struct http_event *ev)
{
    struct http_head *head = parser->head;
    size_t end = len < HTTP_HEAD_BYTES_MAX ? len : HTTP_HEAD_BYTES_MAX;
    struct step step = {.what = STEP_DONE};
    if (parser->state == STATE_REQUEST_LINE) {
        step = read_request_line(head, bytes, end);
        if (step.what == STEP_DONE) {
            head->field_count = 0;
            parser->state = STATE_FIELDS;
            parser->at = (uint32_t)step.used;
        }
    }
    while (step.what == STEP_DONE) {
        struct http_field field;
        step = read_field(bytes, parser->at, end, &field);
        if (step.what != STEP_DONE)
            break;
        if (field.name.len == 0) {
            enum http_fault fault = http_fields_finish(head, parser->seen);
            if (fault)
                return fail(parser, fault, ev);
            finish_head(head, bytes);
            parser->left = head->content_length;
            parser->state = head->body == HTTP_BODY_NONE     ? STATE_BODY_NONE
                            : head->body == HTTP_BODY_LENGTH ? STATE_BODY_LENGTH_NEW
                                                             : STATE_CHUNK_SIZE;
            *ev = (struct http_event){.kind = HTTP_EVENT_HEAD};
            return step.used;
        }
        if (head->field_count == HTTP_HEADERS_MAX)
            return fail(parser, HTTP_FAULT_HEAD_TOO_LARGE, ev);
        enum http_fault fault = http_fields_note(head, &parser->seen, &field);
        if (fault)
            return fail(parser, fault, ev);
        head->fields[head->field_count++] = (struct http_field){
            .name = as_offset(field.name, bytes), .value = as_offset(field.value, bytes)};
        parser->at = (uint32_t)step.used;
    }
    if (step.what == STEP_FAULT)
        return fail(parser, step.fault, ev);
    if (len >= HTTP_HEAD_BYTES_MAX)
        return fail(parser, HTTP_FAULT_HEAD_TOO_LARGE, ev);
    return need_more(ev, 0);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "1a;extension\r\n"; extensions are bounded and ignored. */
static struct step read_chunk_size(const char *bytes, size_t len, uint64_t *ret_size)
{
    size_t end = len < HTTP_CHUNK_LINE_MAX + 1 ? len : HTTP_CHUNK_LINE_MAX + 1;
    uint64_t size = 0;
    size_t i = 0;
    for (; i < end && hex_digit(bytes[i]) >= 0; i++) {
        if (i == 16)
            return step_fault(HTTP_FAULT_CHUNK);
        size = size << 4 | (unsigned)hex_digit(bytes[i]);
    }
    if (i < end && i > 0 && bytes[i] == ';')
        i = scan_text(bytes, i, end);
    if (i == end)
        return len < HTTP_CHUNK_LINE_MAX + 1 ? (struct step){.what = STEP_MORE}
                                             : step_fault(HTTP_FAULT_CHUNK);
    if (i == 0 || bytes[i] != '\r' || size > INT64_MAX)
        return step_fault(HTTP_FAULT_CHUNK);
    if (i + 1 == len)
        return (struct step){.what = STEP_MORE};
    if (bytes[i + 1] != '\n')
        return step_fault(HTTP_FAULT_CHUNK);
    *ret_size = size;
    return (struct step){.what = STEP_DONE, .used = i + 2};
}

static struct step do_chunk_size(struct http_parser *parser, const char *bytes, size_t len)
{
    uint64_t size = 0;
    struct step step = read_chunk_size(bytes, len, &size);
    if (step.what != STEP_DONE)
        return step;
    if (size > parser->limits.body_bytes || parser->body_size > parser->limits.body_bytes - size)
        return step_fault(HTTP_FAULT_BODY_TOO_LARGE);
    parser->body_size += size;
    parser->left = size;
    parser->state = size ? STATE_CHUNK_DATA : STATE_TRAILERS;
    return step;
}

static struct step do_chunk_end(struct http_parser *parser, const char *bytes, size_t len)
{
    if ((len > 0 && bytes[0] != '\r') || (len > 1 && bytes[1] != '\n'))
        return step_fault(HTTP_FAULT_CHUNK);
    if (len < 2)
        return (struct step){.what = STEP_MORE};
    parser->state = STATE_CHUNK_SIZE;
    return (struct step){.what = STEP_DONE, .used = 2};
}

/* Checked like fields of the head, and dropped: nothing in Hearth has a use for them. */
static struct step do_trailer(struct http_parser *parser, const char *bytes, size_t len)
{
    struct http_field field;
    size_t room = HTTP_TRAILER_BYTES_MAX - parser->trailer_size;
    struct step step = read_field(bytes, 0, len < room ? len : room, &field);
    if (step.what == STEP_FAULT || (step.what == STEP_MORE && len >= room))
        return step_fault(HTTP_FAULT_TRAILER);
    if (step.what == STEP_DONE) {
        parser->trailer_size += (uint32_t)step.used;
        if (field.name.len == 0)
            parser->state = STATE_END;
    }
    return step;
}

static size_t take_body(struct http_parser *parser, const char *bytes, size_t len,
                        struct http_event *ev)
{
    size_t piece = len < parser->left ? len : (size_t)parser->left;
    parser->left -= piece;
    *ev = (struct http_event){.kind = HTTP_EVENT_BODY, .body = slice_of(bytes, piece)};
    return piece;
}

/* One step through a body's framing; the data itself goes through take_body(). */
static struct step body_step(struct http_parser *parser, const char *bytes, size_t len)
{
    switch (parser->state) {
    case STATE_BODY_LENGTH_NEW:
        if (parser->left > parser->limits.body_bytes)
            return step_fault(HTTP_FAULT_BODY_TOO_LARGE);
        parser->state = STATE_BODY_LENGTH;
        return (struct step){.what = STEP_DONE};
    case STATE_BODY_LENGTH:
        if (parser->left > 0)
            return (struct step){.what = STEP_MORE};
        parser->state = STATE_END;
        return (struct step){.what = STEP_DONE};
    case STATE_CHUNK_SIZE:
        return do_chunk_size(parser, bytes, len);
    case STATE_CHUNK_DATA:
        if (parser->left > 0)
            return (struct step){.what = STEP_MORE};
        parser->state = STATE_CHUNK_END;
        return (struct step){.what = STEP_DONE};
    case STATE_CHUNK_END:
        return do_chunk_end(parser, bytes, len);
    case STATE_TRAILERS:
        return do_trailer(parser, bytes, len);
    default: /* STATE_BODY_NONE */
        parser->state = STATE_END;
        return (struct step){.what = STEP_DONE};
    }
}

static size_t next_body(struct http_parser *parser, const char *bytes, size_t len,
                        struct http_event *ev)
{
    size_t used = 0;
    while (parser->state != STATE_END) {
        if ((parser->state == STATE_BODY_LENGTH || parser->state == STATE_CHUNK_DATA) &&
            parser->left > 0 && used < len)
            return used + take_body(parser, bytes + used, len - used, ev);
        struct step step = body_step(parser, bytes + used, len - used);
        if (step.what == STEP_FAULT)
            return used + fail(parser, step.fault, ev);
        if (step.what == STEP_MORE)
            return need_more(ev, used);
        used += step.used;
    }
    *ev = (struct http_event){.kind = HTTP_EVENT_END};
    return used;
}

size_t http_parser_next(struct http_parser *parser, const char *bytes, size_t len,
                        struct http_event *ret_event)
{
    if (parser->state == STATE_ERROR || parser->state == STATE_CLOSE)
        return fail(parser, parser->fault, ret_event);
    if (parser->state > STATE_FIELDS)
        return next_body(parser, bytes, len, ret_event);
    if (parser->state == STATE_FIELDS)
        return next_head(parser, bytes, len, ret_event);
    int skip = skip_empty_line(parser, bytes, len);
    if (skip < 0)
        return need_more(ret_event, 0);
    if ((size_t)skip == len)
        return need_more(ret_event, len);
    return (size_t)skip + next_head(parser, bytes + skip, len - (size_t)skip, ret_event);
}
