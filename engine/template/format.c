/* Texts with places for values: "%s" % x, "{}".format(x). Widths and the like are refused. */
#include "engine/template/text.h"

#include <stdio.h>

/* Values by place, or by name. */
struct format {
    struct jinja_run *run;
    const struct jinja_node *node;
    struct engine_value items, named;
    size_t next;
    bool is_safe; /* the format is, so what comes into it is escaped */
    struct jinja_text out;
};

static enum base_err fail(struct format *f, enum base_err code, const char *what)
{
    return jinja_fail(f->run, f->node, code, "a format: %s", what);
}

/* As a text; with `whole` it must be a number, which is cut to a whole one. */
static enum base_err add(struct format *f, struct engine_value value, bool whole)
{
    if (whole && !jinja_is_number(value))
        return fail(f, BASE_ERR_BAD_REQUEST, "a number is needed");
    if (whole && value.type != ENGINE_VALUE_INT && !jinja_is_big(value)) {
        double d = jinja_to_double(value);
        if (d >= 0x1p63 || d < -0x1p63 || d != d)
            return fail(f, BASE_ERR_UNSUPPORTED, "a number needs more than 64 bits");
        value = engine_value_int((int64_t)d);
    }
    enum base_err err = jinja_to_string(f->run, f->node, value, &value);
    if (!err && f->is_safe && !value.is_safe)
        err = jinja_escape(f->run, value, &value);
    if (err)
        return err;
    jinja_text_add(&f->out, value);
    return jinja_work(f->run, value.u.s.len / 64 + 1);
}

static enum base_err add_at(struct format *f, size_t place, bool whole)
{
    if (place >= jinja_count(f->items))
        return fail(f, BASE_ERR_BAD_REQUEST, "there are fewer values than places");
    return add(f, f->items.u.list->items[place], whole);
}

static enum base_err finish(struct format *f, enum base_err err, struct engine_value *ret)
{
    if (err) {
        jinja_text_done(&f->out);
        return err;
    }
    err = jinja_text_finish(f->run, &f->out, ret);
    if (!err)
        ret->is_safe = f->is_safe;
    return err ? err : jinja_work(f->run, ret->u.s.len / 64);
}

enum base_err jinja_format_percent(struct jinja_run *run, const struct jinja_node *node,
                                   struct engine_value format, struct engine_value items,
                                   struct engine_value *ret)
{
    struct format f = {.run = run, .node = node, .items = items, .is_safe = format.is_safe};
    enum base_err err = BASE_OK;
    jinja_text_init(&f.out, run->limits.memory_max);
    while (!err) {
        size_t at = slice_find(jinja_bytes(format), SLICE("%"));
        jinja_text_add(&f.out, jinja_sub(format, 0, at));
        if (at == SIZE_MAX)
            break;
        struct slice rest = slice_sub(jinja_bytes(format), at + 1, 1);
        char kind = rest.len ? rest.ptr[0] : '\0';
        if (kind == '%')
            jinja_text_add(&f.out, jinja_sub(format, at, 1));
        else if (kind == 's' || kind == 'd' || kind == 'i')
            err = add_at(&f, f.next++, kind != 's');
        else
            err = fail(&f, BASE_ERR_UNSUPPORTED, "only %s and %d are supported");
        format = jinja_sub(format, at + 2, SIZE_MAX);
    }
    if (!err && f.next < jinja_count(items))
        err = fail(&f, BASE_ERR_BAD_REQUEST, "there are more values than places");
    return finish(&f, err, ret);
}

/* What stands between the braces. */
static enum base_err add_field(struct format *f, struct slice field)
{
    size_t colon = slice_find(field, SLICE(":"));
    struct slice name = slice_sub(field, 0, colon);
    struct slice spec = colon == SIZE_MAX ? SLICE("") : slice_sub(field, colon + 1, SIZE_MAX);
    bool whole = slice_eq_str(spec, "d");
    int64_t place;
    if (spec.len > 0 && !whole)
        return fail(f, BASE_ERR_UNSUPPORTED, "only :d is supported");
    if (name.len == 0)
        return add_at(f, f->next++, whole);
    if (name.ptr[0] != '-' && slice_to_i64(name, &place))
        return add_at(f, (size_t)place, whole);
    for (size_t i = 0; i < name.len; i++)
        if (strchr("!.[{", name.ptr[i]))
            return fail(f, BASE_ERR_UNSUPPORTED, "only names and numbers are supported");
    const struct engine_value_member *found =
        jinja_map_find(&f->named, engine_value_string(name, false));
    if (!found)
        return fail(f, BASE_ERR_BAD_REQUEST, "there is no value of that name");
    enum base_err err = add(f, found->value, whole);
    return err ? err : jinja_work(f->run, jinja_count(f->named) / 16);
}

enum base_err jinja_format_braces(struct jinja_run *run, const struct jinja_node *node,
                                  struct engine_value format, struct engine_value items,
                                  struct engine_value named, struct engine_value *ret)
{
    struct format f = {
        .run = run, .node = node, .items = items, .named = named, .is_safe = format.is_safe};
    struct slice text = jinja_bytes(format);
    enum base_err err = BASE_OK;
    size_t from = 0, at = 0;
    jinja_text_init(&f.out, run->limits.memory_max);
    while (!err && at < text.len) {
        char c = text.ptr[at];
        if (c != '{' && c != '}') {
            at++;
            continue;
        }
        bool twice = at + 1 < text.len && text.ptr[at + 1] == c;
        jinja_text_add(&f.out, jinja_sub(format, from, at - from + (twice ? 1 : 0)));
        size_t len = 0;
        if (!twice) { /* looked for here only: a text of double braces is read once */
            len = c == '}' ? SIZE_MAX : slice_find(slice_sub(text, at + 1, SIZE_MAX), SLICE("}"));
            err = len == SIZE_MAX ? fail(&f, BASE_ERR_BAD_REQUEST, "a brace stands alone")
                                  : add_field(&f, slice_sub(text, at + 1, len));
        }
        from = at = at + 2 + (err ? 0 : len);
    }
    if (!err)
        jinja_text_add(&f.out, jinja_sub(format, from, SIZE_MAX));
    return finish(&f, err, ret);
}
