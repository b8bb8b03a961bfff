#include "base/json/index.h"
#include "base/json/json.h"

/* The hard limit whatever the caller asks for; json_put_node() and the visitors of other modules
 * recurse as deep as a tree, and rely on it. */
enum { DEPTH_MAX = 128, NUMBER_MAX_BYTES = 64, PAIRWISE_MAX = 16 };

const struct json_limits json_limits_request = {32u << 20, 1000000, 64};
const struct json_limits json_limits_event = {16u << 20, 1000000, 64};

struct level {
    struct json_node *node; /* the array or object that is open */
    struct json_node *last; /* its last member so far */
};

struct parser {
    const char *start, *at, *end;
    struct arena *arena;
    struct base_error *reterr;
    size_t nodes_left;
    uint32_t max_depth;
    uint32_t depth;
    struct level levels[DEPTH_MAX];
    struct json_seed seed;
};

/* Position and expectation, never a word of the input: it may be a prompt. */
static enum base_err fail_at(struct parser *p, const char *at, enum base_err code, const char *what)
{
    size_t line = 1;
    const char *line_start = p->start;
    for (const char *c = p->start; c < at; c++) {
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    }
    size_t column = 1;
    for (const char *c = line_start; c < at; c++)
        column += ((unsigned char)*c & 0xc0) != 0x80;
    return base_error_set(p->reterr, code, "JSON line %zu, column %zu (byte %zu): %s", line, column,
                          (size_t)(at - p->start), what);
}

static enum base_err fail(struct parser *p, const char *what)
{
    return fail_at(p, p->at, BASE_ERR_BAD_JSON, p->at == p->end ? "the text ends too early" : what);
}

static enum base_err no_memory(struct parser *p)
{
    return base_error_set(p->reterr, BASE_ERR_NO_MEMORY, "out of memory while reading JSON");
}

static void skip_space(struct parser *p)
{
    const char *at = p->at;
    while (at < p->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    p->at = at;
}

/* True when all eight bytes are ordinary ASCII text. */
static bool is_plain_word(const char *at)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t w;
    memcpy(&w, at, 8);
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    uint64_t special = (quote - ones) | (slash - ones) | (w - ones * 0x20) | w;
    return (special & highs) == 0;
}

/* The three-byte characters without a special first byte, which are most of the world's text, are
 * checked inline. */
static const char *skip_wide(const char *at, const char *end)
{
    while (at < end && (unsigned char)*at >= 0x80) {
        const unsigned char *u = (const unsigned char *)at;
        if (end - at >= 3 && u[0] >= 0xe1 && u[0] <= 0xec && (u[1] & 0xc0) == 0x80 &&
            (u[2] & 0xc0) == 0x80) {
            at += 3;
        } else if (end - at >= 2 && u[0] >= 0xc2 && u[0] <= 0xdf && (u[1] & 0xc0) == 0x80) {
            at += 2;
        } else {
            size_t len = slice_utf8_char(slice_of(at, (size_t)(end - at)), NULL);
            if (len == 0)
                return at;
            at += len;
        }
    }
    return at;
}

static bool read_hex4(const char *at, const char *end, uint32_t *ret)
{
    if (end - at < 4)
        return false;
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* `at` stands after "\u". Moves it past the escape, both halves of a pair. */
static const char *read_unicode(const char **at, const char *end, uint32_t *ret)
{
    uint32_t c, low;
    if (!read_hex4(*at, end, &c))
        return "\\u needs four hexadecimal digits";
    *at += 4;
    if (c == 0)
        return "\\u0000 is not allowed";
    if (c >= 0xdc00 && c <= 0xdfff)
        return "a low surrogate (\\udc00 to \\udfff) needs a high one before it";
    if (c >= 0xd800 && c <= 0xdbff) {
        if (end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u' ||
            !read_hex4(*at + 2, end, &low) || low < 0xdc00 || low > 0xdfff)
            return "a high surrogate (\\ud800 to \\udbff) needs a low one after it";
        *at += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret = c;
    return NULL;
}

/* Copies up to the next backslash. `*to` has as much room as is left of the input. */
static const char *copy_run(char **to, const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    char *out = *to;
    while (end - at >= 8) {
        uint64_t w, x;
        memcpy(&w, at, 8);
        x = w ^ (ones * '\\');
        if ((x - ones) & ~x & highs)
            break;
        memcpy(out, &w, 8);
        out += 8;
        at += 8;
    }
    while (at < end && *at != '\\')
        *out++ = *at++;
    *to = out;
    return at;
}

/* Decodes the escapes of a string whose extent and UTF-8 are known to be good. */
static enum base_err decode_string(struct parser *p, struct slice raw, struct slice *ret)
{
    static const char plain[128] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    char *out = arena_alloc(p->arena, raw.len);
    if (!out)
        return no_memory(p);
    char *to = out;
    const char *at = raw.ptr, *end = raw.ptr + raw.len;
    while (at < end) {
        at = copy_run(&to, at, end);
        if (at == end)
            break;
        const char *slash = at++;
        unsigned char c = (unsigned char)*at++; /* the scan saw that there is one */
        if (c == 'u') {
            uint32_t value = 0;
            const char *problem = read_unicode(&at, end, &value);
            if (problem)
                return fail_at(p, slash, BASE_ERR_BAD_JSON, problem);
            to = put_utf8(to, value);
        } else if (c < 128 && plain[c]) {
            *to++ = plain[c];
        } else {
            return fail_at(p, slash, BASE_ERR_BAD_JSON, "this escape does not exist in JSON");
        }
    }
    *ret = slice_of(out, (size_t)(to - out));
    return BASE_OK;
}

/* p->at stands on the opening quote. */
static enum base_err parse_string(struct parser *p, struct slice *ret)
{
    const char *begin = p->at + 1, *at = begin, *end = p->end;
    bool escapes = false;
    for (;;) {
        while (end - at >= 8 && is_plain_word(at))
            at += 8;
        while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
               *at != '\\')
            at++;
        p->at = at;
        if (at == end)
            return fail(p, "");
        if (*at == '"')
            break;
        if (*at == '\\') {
            escapes = true;
            if (end - at >= 2 && (unsigned char)at[1] >= 0x80) /* the rest is seen on decoding */
                return fail(p, "this escape does not exist in JSON");
            at = end - at >= 2 ? at + 2 : end;
        } else if ((unsigned char)*at < 0x20) {
            return fail(p, "a control character in a string must be escaped");
        } else {
            at = skip_wide(at, end);
            p->at = at;
            if (at < end && (unsigned char)*at >= 0x80)
                return fail(p, "these bytes are not UTF-8");
        }
    }
    p->at = at + 1;
    struct slice raw = slice_of(begin, (size_t)(at - begin));
    if (escapes)
        return decode_string(p, raw, ret);
    *ret = raw;
    return BASE_OK;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static enum base_err parse_number(struct parser *p, struct slice *ret)
{
    const char *begin = p->at, *end = p->end;
    if (*p->at == '-')
        p->at++;
    const char *digits = p->at;
    p->at = skip_digits(p->at, end);
    if (p->at == digits)
        return fail(p, "expected a digit");
    if (*digits == '0' && p->at - digits > 1)
        return fail_at(p, digits, BASE_ERR_BAD_JSON, "a number cannot begin with 0");
    if (p->at < end && *p->at == '.') {
        digits = ++p->at;
        p->at = skip_digits(p->at, end);
        if (p->at == digits)
            return fail(p, "expected a digit after the point");
    }
    bool exponent = p->at < end && (*p->at | 0x20) == 'e';
    if (exponent) {
        p->at++;
        if (p->at < end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        digits = p->at;
        p->at = skip_digits(p->at, end);
        if (p->at == digits)
            return fail(p, "expected a digit in the exponent");
    }
    struct slice text = slice_of(begin, (size_t)(p->at - begin));
    if (text.len > NUMBER_MAX_BYTES)
        return fail_at(p, begin, BASE_ERR_BAD_JSON, "a number can have at most 64 characters");
    double value;
    if (exponent && !slice_to_double(text, &value)) /* without one, 64 digits cannot overflow */
        return fail_at(p, begin, BASE_ERR_BAD_JSON, "this number is too large for a double");
    *ret = text;
    return BASE_OK;
}

static enum base_err parse_word(struct parser *p, struct slice word)
{
    if (!slice_starts_with(slice_of(p->at, (size_t)(p->end - p->at)), word))
        return fail(p, "expected a value: a string, number, object, array, true, false or null");
    p->at += word.len;
    return BASE_OK;
}

static struct json_node *new_node(struct parser *p, struct slice key)
{
    struct json_node *node = arena_alloc(p->arena, sizeof(*node));
    if (!node)
        return NULL;
    *node = (struct json_node){.key = key, .text = slice_of(p->at, 0)};
    if (p->depth == 0)
        return node;
    struct level *level = &p->levels[p->depth - 1];
    if (level->last)
        level->last->next = node;
    else
        level->node->first = node;
    level->last = node;
    level->node->count++;
    return node;
}

/* The name of the next member and its colon. */
static enum base_err parse_key(struct parser *p, struct slice *ret)
{
    skip_space(p);
    if (p->at == p->end || *p->at != '"')
        return fail(p, "expected a name in double quotes");
    const char *begin = p->at;
    struct slice key;
    enum base_err err = parse_string(p, &key);
    if (err)
        return err;
    const struct json_node *object = p->levels[p->depth - 1].node;
    if (object->count < PAIRWISE_MAX) /* larger objects are checked when they close */
        for (const struct json_node *m = object->first; m; m = m->next)
            if (slice_eq(m->key, key))
                return fail_at(p, begin, BASE_ERR_BAD_JSON, "this name occurs twice in one object");
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return fail(p, "expected ':' after the name");
    p->at++;
    *ret = key;
    return BASE_OK;
}

/* p->at stands after the closing bracket. */
static enum base_err close_level(struct parser *p)
{
    struct json_node *node = p->levels[--p->depth].node;
    node->text.len = (size_t)(p->at - node->text.ptr);
    if (node->type != JSON_OBJECT || node->count <= PAIRWISE_MAX)
        return BASE_OK;
    const struct json_node *twin = NULL;
    enum base_err err = json_index_new(node, &p->seed, p->arena, &node->index, &twin);
    if (err)
        return no_memory(p);
    if (!twin)
        return BASE_OK;
    const char *at = twin->key.ptr; /* a decoded name has no place in the input */
    bool inside = (uintptr_t)at >= (uintptr_t)p->start && (uintptr_t)at < (uintptr_t)p->end;
    return inside ? fail_at(p, at - 1, BASE_ERR_BAD_JSON, "this name occurs twice in one object")
                  : fail_at(p, node->text.ptr, BASE_ERR_BAD_JSON,
                            "a name occurs twice in the object that begins here");
}

/* Reads one value, or the opening of one: *ret_opened. */
static enum base_err parse_value(struct parser *p, struct json_node *node, bool *ret_opened)
{
    *ret_opened = false;
    switch (*p->at) {
    case '{':
    case '[':
        node->type = *p->at == '{' ? JSON_OBJECT : JSON_ARRAY;
        if (p->depth == p->max_depth)
            return fail(p, "arrays and objects are nested too deeply");
        p->levels[p->depth++] = (struct level){node, NULL};
        p->at++;
        *ret_opened = true;
        return BASE_OK;
    case '"':
        node->type = JSON_STRING;
        return parse_string(p, &node->text);
    case 't':
        node->type = JSON_TRUE;
        return parse_word(p, SLICE("true"));
    case 'f':
        node->type = JSON_FALSE;
        return parse_word(p, SLICE("false"));
    case 'n':
        node->type = JSON_NULL;
        return parse_word(p, SLICE("null"));
    default:
        if (*p->at != '-' && (*p->at < '0' || *p->at > '9'))
            return parse_word(p, SLICE("null")); /* fails, and says what may stand here */
        node->type = JSON_NUMBER;
        return parse_number(p, &node->text);
    }
}

/* After a value (or right after an opening bracket): closes what closes here, and stops before the
 * next value, or at depth 0. */
static enum base_err parse_between(struct parser *p, bool opened, struct slice *ret_key)
{
    while (p->depth > 0) {
        bool in_object = p->levels[p->depth - 1].node->type == JSON_OBJECT;
        skip_space(p);
        if (p->at < p->end && *p->at == (in_object ? '}' : ']')) {
            p->at++;
            enum base_err err = close_level(p);
            if (err)
                return err;
            opened = false;
            continue;
        }
        if (!opened) {
            if (p->at == p->end || *p->at != ',')
                return fail(p, in_object ? "expected ',' or '}'" : "expected ',' or ']'");
            p->at++;
        }
        *ret_key = SLICE_NONE;
        return in_object ? parse_key(p, ret_key) : BASE_OK;
    }
    return BASE_OK;
}

static enum base_err parse_document(struct parser *p, const struct json_node **ret_root)
{
    const struct json_node *root = NULL;
    struct slice key = SLICE_NONE;
    do {
        skip_space(p);
        if (p->at == p->end)
            return fail(p, "");
        if (p->nodes_left-- == 0)
            return fail_at(p, p->at, BASE_ERR_TOO_LARGE, "the text has too many values");
        struct json_node *node = new_node(p, key);
        if (!node)
            return no_memory(p);
        if (!root)
            root = node;
        bool opened;
        enum base_err err = parse_value(p, node, &opened);
        if (!err)
            err = parse_between(p, opened, &key);
        if (err)
            return err;
    } while (p->depth > 0);
    skip_space(p);
    if (p->at < p->end)
        return fail(p, "expected nothing after the value");
    *ret_root = root;
    return BASE_OK;
}

enum base_err json_parse(struct slice input, const struct json_limits *limits, struct arena *arena,
                         const struct json_node **ret_root, struct base_error *reterr)
{
    if (input.len > limits->max_bytes)
        return base_error_set(reterr, BASE_ERR_TOO_LARGE,
                              "the JSON text has %zu bytes; at most %zu are allowed", input.len,
                              limits->max_bytes);
    struct slice text = slice_is_absent(input) ? SLICE("") : input;
    struct parser p; /* not cleared: the levels are written before they are read */
    p.start = p.at = text.ptr;
    p.end = text.ptr + text.len;
    p.arena = arena;
    p.reterr = reterr;
    p.nodes_left = limits->max_nodes;
    p.max_depth = limits->max_depth < DEPTH_MAX ? limits->max_depth : DEPTH_MAX;
    p.depth = 0;
    p.seed.ready = false;
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        return fail(&p, "a byte order mark is not allowed");
    return parse_document(&p, ret_root);
}
