/* One text through all detectors, as it is and with its encodings undone. */
#include <stdlib.h>

#include "policy/detect.h"
#include "policy/normalise.h"
#include "policy/snapshot.h"

enum { DECODE_DEPTH = 4, ENCODE_DEPTH = 3 };

struct scan {
    const struct policy *policy;
    struct arena *arena;
    struct detect all; /* findings of every view, in original offsets */
};

static bool on_custom(void *user, unsigned index, size_t from, size_t to)
{
    struct detect *d = user;
    if (d->count > 0 && d->found[d->count - 1].custom == (int)index &&
        d->found[d->count - 1].from == from) {
        d->found[d->count - 1].to = to; /* the longest match from one start */
        return true;
    }
    detect_add(d, POLICY_FINDING_CUSTOM, 0.99, from, to);
    if (!d->out_of_memory)
        d->found[d->count - 1].custom = (int)index;
    return !d->out_of_memory;
}

static enum base_err scan_view(struct scan *s, const struct norm_view *view)
{
    struct detect d = {.text = view->text, .arena = s->arena};
    enum base_err err = detect_run(&d, s->policy->detectors);
    if (!err)
        err = policy_matcher_each(s->policy->custom, view->text, on_custom, &d);
    if (err || d.out_of_memory)
        return err ? err : BASE_ERR_NO_MEMORY;
    for (size_t i = 0; i < d.count; i++) {
        size_t offset, length;
        norm_span(view, d.found[i].from, d.found[i].to, &offset, &length);
        detect_add(&s->all, d.found[i].type, (double)d.found[i].confidence, offset,
                   offset + length);
        if (s->all.out_of_memory)
            return BASE_ERR_NO_MEMORY;
        s->all.found[s->all.count - 1].custom = d.found[i].custom;
    }
    return BASE_OK;
}

/* JSON in a text, as a result of a tool may be, or a part of what is read together with others:
 * there the short escapes hide what is around. */
static bool has_json(struct slice text)
{
    size_t at = 0;
    while (at < text.len && strchr(" \t\r\n", text.ptr[at]) && text.ptr[at])
        at++;
    if (at == text.len)
        return false;
    return text.ptr[at] == '{' || text.ptr[at] == '[' || text.ptr[at] == '"' ||
           slice_find(text, SLICE("\":")) != SIZE_MAX;
}

static bool has_escapes(struct slice text)
{
    return norm_has_escapes(text) ||
           (text.len > 0 && memchr(text.ptr, '\\', text.len) && has_json(text));
}

/* What was decoded may itself hold look-alikes; %C2%A0 is a space. */
static enum base_err scan_folded(struct scan *s, const struct norm_view *view)
{
    struct norm_view folded;
    enum base_err err = scan_view(s, view);
    if (err || norm_is_plain(view->text))
        return err;
    err = norm_text(view->text, s->arena, &folded);
    if (err || slice_eq(folded.text, view->text))
        return err;
    folded.under = view;
    return scan_view(s, &folded);
}

/* Base64 and hexadecimal in a text, which may itself be decoded; and within what they hold. Escapes
 * in them are undone once. */
static enum base_err scan_encoded(struct scan *s, struct slice text, const struct norm_view *under,
                                  int depth)
{
    struct norm_view view, inner;
    enum base_err err = BASE_OK;
    size_t at = 0;
    while (!err && norm_next_encoded(text, &at, s->arena, &view, &err)) {
        view.under = under;
        err = scan_folded(s, &view);
        if (!err && view.is_exact && depth > 1)
            err = scan_encoded(s, view.text, &view, depth - 1);
        if (err || !has_escapes(view.text))
            continue;
        err = norm_decode(view.text, s->arena, &inner);
        inner.under = &view;
        if (!err)
            err = scan_folded(s, &inner);
        if (!err && view.is_exact && depth > 1)
            err = scan_encoded(s, inner.text, &inner, depth - 1);
    }
    return err;
}

/* Quoted-printable, where it seems to be. */
static enum base_err scan_unquoted(struct scan *s, struct slice text, const struct norm_view *under)
{
    struct norm_view view;
    if (!norm_has_quoted(text))
        return BASE_OK;
    enum base_err err = norm_unquote(text, s->arena, &view);
    view.under = under;
    return err ? err : scan_folded(s, &view);
}

/* Escapes are undone again and again, because JSON stands in strings of JSON. */
static enum base_err scan_decoded(struct scan *s, struct slice text, const struct norm_view *under)
{
    enum base_err err = BASE_OK;
    for (int depth = 0; depth < DECODE_DEPTH && !err && has_escapes(text); depth++) {
        struct norm_view *view = arena_calloc(s->arena, 1, sizeof(*view));
        if (!view)
            return BASE_ERR_NO_MEMORY;
        err = norm_decode(text, s->arena, view);
        if (err)
            return err;
        view->under = under;
        bool is_shorter = view->text.len < text.len;
        err = scan_folded(s, view);
        if (!err)
            err = scan_encoded(s, view->text, view, ENCODE_DEPTH);
        if (!err)
            err = scan_unquoted(s, view->text, view);
        under = view;
        text = view->text;
        if (!is_shorter) /* what is left stands for characters that are kept as they are */
            return err;
    }
    return err;
}

static enum base_err scan_views(struct scan *s, struct slice text)
{
    struct norm_view view, composed;
    enum base_err err = norm_text(text, s->arena, &view);
    if (!err)
        err = scan_view(s, &view);
    if (!err && norm_has_marks(text)) {
        err = norm_compose(text, s->arena, &composed);
        err = err ? err : scan_folded(s, &composed);
    }
    /* What is invisible stands within escapes and tokens as well. */
    const struct norm_view *folded = err || view.text.ptr == text.ptr ? NULL : &view;
    struct slice clean = folded ? view.text : text;
    if (!err)
        err = scan_decoded(s, clean, folded);
    if (!err)
        err = scan_encoded(s, clean, folded, ENCODE_DEPTH);
    if (!err)
        err = scan_unquoted(s, clean, folded);
    return err;
}

enum base_err scan_text(const struct policy *policy, struct slice text, struct arena *arena,
                        struct scan_item **ret_items, size_t *ret_count)
{
    struct scan s = {.policy = policy, .arena = arena, .all = {.arena = arena}};
    enum base_err err = scan_views(&s, text);
    if (err)
        return err;
    detect_resolve(&s.all);
    struct scan_item *items = arena_calloc(arena, s.all.count ? s.all.count : 1, sizeof(*items));
    if (!items)
        return BASE_ERR_NO_MEMORY;
    for (size_t i = 0; i < s.all.count; i++) {
        const struct detect_found *found = &s.all.found[i];
        items[i] = (struct scan_item){
            .type = found->type,
            .level = policy->levels[found->type],
            .name = slice_from_str(policy_finding_config_name(found->type)),
            .confidence = found->confidence,
            .offset = found->from,
            .length = found->to - found->from,
        };
        if (found->custom >= 0) {
            items[i].name = policy->custom_names[found->custom].name;
            items[i].level = policy->custom_names[found->custom].level;
        }
    }
    *ret_items = items;
    *ret_count = s.all.count;
    return BASE_OK;
}

/* Memory that a scan of a text may take: folded copies, decoded copies, and findings. */
static struct arena *scratch_arena(size_t text_bytes)
{
    return arena_new(((size_t)64 << 20) + text_bytes * 12);
}

enum base_err policy_scan_text(const struct policy *policy, struct slice text, struct arena *arena,
                               struct policy_scan *ret_scan, struct base_error *reterr)
{
    if (text.len > (size_t)1 << 30)
        return base_error_set(reterr, BASE_ERR_LIMIT, "a text of %zu bytes is too long to scan",
                              text.len);
    struct arena *scratch = scratch_arena(text.len);
    struct scan_item *items = NULL;
    size_t count = 0;
    enum base_err err =
        scratch ? scan_text(policy, text, scratch, &items, &count) : BASE_ERR_NO_MEMORY;
    struct policy_finding *findings = NULL;
    if (!err) {
        findings = arena_calloc(arena, count ? count : 1, sizeof(*findings));
        err = findings ? BASE_OK : BASE_ERR_NO_MEMORY;
    }
    if (err) {
        arena_free(scratch);
        return base_error_set(reterr, err, "the text could not be scanned: %s",
                              base_err_info(err)->name);
    }
    enum policy_level level = policy->default_level;
    for (size_t i = 0; i < count; i++) {
        level = policy_level_join(level, items[i].level);
        findings[i] = (struct policy_finding){.type = items[i].type,
                                              .level = items[i].level,
                                              .name = items[i].name,
                                              .confidence = items[i].confidence,
                                              .offset = items[i].offset,
                                              .length = items[i].length};
    }
    arena_free(scratch);
    *ret_scan = (struct policy_scan){.level = level, .findings = findings, .count = count};
    return BASE_OK;
}
