/* Operations on strings that keep each byte's origin; used by filters and methods alike. */
#include "engine/template/text.h"

#include "engine/unicode/unicode.h"

/* Python's str.isspace() */
static bool is_space(struct engine_unicode_char c)
{
    return c.class == ENGINE_UNICODE_SPACE || (c.code >= 0x1c && c.code <= 0x1f);
}

static bool is_in_set(struct slice text, size_t at, size_t len, struct slice set)
{
    for (size_t i = 0; i < set.len;) {
        size_t set_len = engine_unicode_at(set, i).len;
        if (set_len == len && memcmp(set.ptr + i, text.ptr + at, len) == 0)
            return true;
        i += set_len;
    }
    return false;
}

struct engine_value jinja_strip(struct engine_value string, struct slice set, bool left, bool right)
{
    struct slice text = jinja_bytes(string);
    size_t start = 0, end = text.len;
    while (left && start < end) {
        struct engine_unicode_char c = engine_unicode_at(text, start);
        if (slice_is_absent(set) ? !is_space(c) : !is_in_set(text, start, c.len, set))
            break;
        start += c.len;
    }
    while (right && end > start) {
        size_t before = engine_unicode_before(slice_sub(text, 0, end), end);
        struct engine_unicode_char c = engine_unicode_at(text, before);
        if (slice_is_absent(set) ? !is_space(c) : !is_in_set(text, before, end - before, set))
            break;
        end = before;
    }
    return jinja_sub(string, start, end - start);
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

enum base_err jinja_change_case(struct jinja_run *run, struct engine_value string,
                                enum jinja_case mode, struct engine_value *ret)
{
    struct slice text = jinja_bytes(string);
    char *out = arena_alloc(run->arena, text.len);
    if (!out)
        return jinja_no_memory(run);
    bool start = true;
    for (size_t i = 0; i < text.len; i++) {
        bool up = mode == JINJA_CASE_UPPER || (start && mode != JINJA_CASE_LOWER);
        out[i] = up ? upper(text.ptr[i]) : lower(text.ptr[i]);
        if (((unsigned char)text.ptr[i] & 0xc0) == 0x80)
            continue; /* inside of a character */
        struct engine_unicode_char c = engine_unicode_at(text, i);
        if (mode == JINJA_CASE_WORDS)
            start = c.class != ENGINE_UNICODE_UPPER && c.class != ENGINE_UNICODE_LOWER;
        else
            start = mode == JINJA_CASE_TITLE &&
                    ((c.len && is_space(c)) || strchr("-({[<", text.ptr[i]));
    }
    *ret = string;
    ret->u.s.ptr = out;
    return jinja_work(run, text.len / 64);
}

enum base_err jinja_replace(struct jinja_run *run, struct engine_value string,
                            struct engine_value from, struct engine_value to, int64_t most,
                            struct engine_value *ret)
{
    struct slice text = jinja_bytes(string), needle = jinja_bytes(from);
    struct jinja_text out;
    jinja_text_init(&out, run->limits.memory_max);
    size_t at = 0;
    for (; most != 0 && !out.bytes.err && !out.origin.err; most--) {
        size_t found = slice_find(slice_sub(text, at, SIZE_MAX), needle);
        if (found == SIZE_MAX || (needle.len == 0 && at > text.len))
            break;
        /* An empty needle is found before each character and at the end. */
        size_t keep = needle.len ? found : 0;
        jinja_text_add(&out, jinja_sub(string, at, keep));
        jinja_text_add(&out, to);
        at += keep + needle.len;
        if (needle.len == 0) {
            size_t step = engine_unicode_at(text, at).len;
            jinja_text_add(&out, jinja_sub(string, at, step));
            at += step ? step : 1;
        }
        run->steps++;
    }
    jinja_text_add(&out, jinja_sub(string, at, SIZE_MAX));
    enum base_err err = jinja_text_finish(run, &out, ret);
    return err ? err : jinja_work(run, text.len / 64 + 1);
}

static enum base_err split_words(struct jinja_run *run, struct engine_value string, int64_t most,
                                 struct engine_value *list)
{
    struct slice text = jinja_bytes(string);
    struct engine_value rest = jinja_strip(string, SLICE_NONE, true, false);
    while (rest.u.s.len > 0) {
        text = jinja_bytes(rest);
        size_t end = 0;
        while (end < text.len && !is_space(engine_unicode_at(text, end)))
            end += engine_unicode_at(text, end).len;
        if (most-- == 0)
            end = text.len;
        if (!engine_value_push(run->arena, list, jinja_sub(rest, 0, end)))
            return jinja_no_memory(run);
        rest = jinja_strip(jinja_sub(rest, end, SIZE_MAX), SLICE_NONE, true, false);
    }
    return jinja_work(run, jinja_count(*list) + string.u.s.len / 16);
}

enum base_err jinja_split(struct jinja_run *run, struct engine_value string, struct slice by,
                          int64_t most, struct engine_value *ret)
{
    *ret = engine_value_list();
    if (slice_is_absent(by))
        return split_words(run, string, most, ret);
    struct engine_value rest = string;
    for (;; most--) {
        size_t found = most == 0 ? SIZE_MAX : slice_find(jinja_bytes(rest), by);
        if (!engine_value_push(run->arena, ret, jinja_sub(rest, 0, found)))
            return jinja_no_memory(run);
        if (found == SIZE_MAX)
            break;
        rest = jinja_sub(rest, found + by.len, SIZE_MAX);
    }
    return jinja_work(run, jinja_count(*ret) + string.u.s.len / 64);
}

enum base_err jinja_join(struct jinja_run *run, const struct jinja_node *node,
                         struct engine_value list, struct engine_value by, struct engine_value *ret)
{
    struct jinja_text out;
    jinja_text_init(&out, run->limits.memory_max);
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < jinja_count(list) && !err; i++) {
        struct engine_value item;
        err = jinja_to_string(run, node, list.u.list->items[i], &item);
        if (err)
            break;
        if (i > 0)
            jinja_text_add(&out, by);
        jinja_text_add(&out, item);
        err = jinja_work(run, item.u.s.len / 64 + 1);
    }
    if (err) {
        jinja_text_done(&out);
        return err;
    }
    return jinja_text_finish(run, &out, ret);
}

static bool ends_line(uint32_t code)
{
    return (code >= '\n' && code <= '\r') || (code >= 0x1c && code <= 0x1e) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

/* Takes the first line from *rest; its end is left out, and false when there is none. */
static bool take_line(struct engine_value *rest, struct engine_value *ret_line)
{
    struct slice text = jinja_bytes(*rest);
    struct engine_unicode_char c = {0};
    size_t end = 0;
    for (; end < text.len; end += c.len) {
        c = engine_unicode_at(text, end);
        if (ends_line(c.code))
            break;
    }
    bool ended = end < text.len;
    size_t len = ended ? c.len : 0;
    if (ended && slice_starts_with(slice_sub(text, end, 2), SLICE("\r\n")))
        len = 2;
    *ret_line = jinja_sub(*rest, 0, end);
    *rest = jinja_sub(*rest, end + len, SIZE_MAX);
    return ended;
}

enum base_err jinja_split_lines(struct jinja_run *run, struct engine_value string,
                                struct engine_value *ret)
{
    struct engine_value line;
    *ret = engine_value_list();
    for (struct engine_value rest = string; rest.u.s.len > 0;) {
        (void)take_line(&rest, &line);
        if (!engine_value_push(run->arena, ret, line))
            return jinja_no_memory(run);
    }
    return jinja_work(run, jinja_count(*ret) + string.u.s.len / 16);
}

enum base_err jinja_indent(struct jinja_run *run, struct engine_value string,
                           struct engine_value by, bool first, bool blank, struct engine_value *ret)
{
    struct jinja_text out;
    jinja_text_init(&out, run->limits.memory_max);
    struct engine_value rest = string, line;
    if (slice_ends_with(jinja_bytes(rest), SLICE("\r"))) /* Jinja adds a \n and drops one end */
        rest = jinja_sub(rest, 0, rest.u.s.len - 1);
    for (bool start = true, more = true; more; start = false) {
        more = take_line(&rest, &line);
        if (start ? first : (blank || line.u.s.len > 0))
            jinja_text_add(&out, by);
        jinja_text_add(&out, line);
        if (more)
            jinja_text_add(&out, jinja_literal("\n"));
        run->steps++;
    }
    enum base_err err = jinja_text_finish(run, &out, ret);
    return err ? err : jinja_work(run, string.u.s.len / 16);
}

enum base_err jinja_escape(struct jinja_run *run, struct engine_value string,
                           struct engine_value *ret)
{
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct slice text = jinja_bytes(string);
    struct jinja_text out;
    jinja_text_init(&out, run->limits.memory_max);
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *found = text.ptr[i] ? strchr(from, text.ptr[i]) : NULL;
        if (!found)
            continue;
        struct engine_value one = jinja_sub(string, i, 1);
        bool literal = one.u.s.origin ? one.u.s.origin[0] != 0 : one.literal;
        jinja_text_add(&out, jinja_sub(string, start, i - start));
        jinja_text_add_slice(&out, slice_from_str(to[found - from]), literal);
        start = i + 1;
    }
    jinja_text_add(&out, jinja_sub(string, start, SIZE_MAX));
    enum base_err err = jinja_text_finish(run, &out, ret);
    if (!err)
        ret->is_safe = true;
    return err ? err : jinja_work(run, text.len / 16);
}

enum base_err jinja_reverse(struct jinja_run *run, struct engine_value string,
                            struct engine_value *ret)
{
    struct slice text = jinja_bytes(string);
    struct jinja_text out;
    jinja_text_init(&out, run->limits.memory_max);
    for (size_t at = text.len; at > 0;) {
        size_t start = engine_unicode_before(slice_sub(text, 0, at), at);
        jinja_text_add(&out, jinja_sub(string, start, at - start));
        at = start;
    }
    enum base_err err = jinja_text_finish(run, &out, ret);
    return err ? err : jinja_work(run, text.len / 8);
}
