/* Inspection of a request: visit, scan, label; see policy.h. */
#include <stdlib.h>

#include "policy/inspection.h"
#include "policy/normalise.h"

#define MAX_FINDINGS 256
#define MAX_NAMES 64
#define QUICK_BYTES 32768
#define WINDOW 256           /* of a long text, at each end, when its neighbours are joined to it */
#define FIELD_BYTES 512      /* shorter fields are scanned together */
#define MEDIA_BYTES 4096     /* shorter runs are read even if they might be base64 */
#define MEDIA_TYPE_BYTES 256 /* what may stand before the comma of a data: address */

struct located {
    size_t run;
    struct policy_finding finding;
};

struct inspect {
    const struct policy *policy;
    struct arena *scratch;
    struct run *runs;
    size_t run_count, run_capacity;
    struct located *found;
    size_t found_count, found_capacity;
    struct slice names[MAX_NAMES];
    size_t name_count;
    policy_types types;
    bool truncated;
};

/* --- Findings --- */

static void add_name(struct inspect *in, struct slice name)
{
    for (size_t i = 0; i < in->name_count; i++) {
        if (slice_eq(in->names[i], name))
            return;
    }
    if (in->name_count < MAX_NAMES)
        in->names[in->name_count++] = name;
}

static enum base_err add_finding(struct inspect *in, size_t run, const struct scan_item *item,
                                 size_t offset, size_t length)
{
    in->types |= (policy_types)1 << item->type;
    add_name(in, item->name);
    in->runs[run].level = policy_level_join(in->runs[run].level, item->level);
    if (in->found_count >= MAX_FINDINGS) {
        in->truncated = true;
        return BASE_OK;
    }
    if (!arena_grow(in->scratch, (void **)&in->found, in->found_count, &in->found_capacity,
                    sizeof(*in->found)))
        return BASE_ERR_NO_MEMORY;
    in->found[in->found_count++] = (struct located){
        .run = run,
        .finding = {.type = item->type,
                    .level = item->level,
                    .name = item->name,
                    .confidence = item->confidence,
                    .place = in->runs[run].place,
                    .offset = offset,
                    .length = length},
    };
    return BASE_OK;
}

/* --- Texts on their own --- */

static enum base_err scan_run(struct inspect *in, size_t index)
{
    struct scan_item *items;
    size_t count;
    enum base_err err = scan_text(in->policy, in->runs[index].bytes, in->scratch, &items, &count);
    for (size_t i = 0; i < count && !err; i++)
        err = add_finding(in, index, &items[i], items[i].offset, items[i].length);
    return err;
}

/* Long base64, alone or behind "data:...,": media, whose bytes tell nothing. Anything else may be
 * text, in parts of unknown type as well, and is read. */
static bool is_media(struct slice bytes)
{
    if (bytes.len <= MEDIA_BYTES)
        return false;
    size_t at = 0;
    if (slice_starts_with(bytes, SLICE("data:"))) {
        size_t comma = slice_find(slice_sub(bytes, 0, MEDIA_TYPE_BYTES), SLICE(","));
        at = comma == SIZE_MAX ? 0 : comma + 1;
    }
    while (at < bytes.len && norm_is_base64(bytes.ptr[at]))
        at++;
    return at == bytes.len;
}

static enum base_err mark_uninspected(struct inspect *in, size_t index)
{
    struct scan_item item = {
        .type = POLICY_FINDING_UNINSPECTED,
        .level = in->policy->uninspected_level,
        .name = slice_from_str(policy_finding_config_name(POLICY_FINDING_UNINSPECTED)),
        .confidence = 1,
    };
    return add_finding(in, index, &item, 0, in->runs[index].bytes.len);
}

/* --- Texts put together --- */

/* A piece of a run within a joined text. */
struct segment {
    size_t run;
    size_t offset;  /* in the run */
    size_t at, len; /* in the joined text */
};

struct joined {
    struct arena *arena;
    char *text;
    size_t len, capacity;
    struct segment *segments;
    size_t count, segment_capacity;
};

static bool join_bytes(struct joined *j, const char *bytes, size_t len)
{
    if (j->capacity - j->len < len) {
        size_t capacity = (j->capacity + len) * 2 + 1024;
        char *grown = arena_alloc(j->arena, capacity);
        if (!grown)
            return false;
        if (j->len)
            memcpy(grown, j->text, j->len);
        j->text = grown;
        j->capacity = capacity;
    }
    memcpy(j->text + j->len, bytes, len);
    j->len += len;
    return true;
}

static bool join_segment(struct joined *j, size_t run, struct slice bytes, size_t offset)
{
    if (bytes.len == 0)
        return true;
    if (!arena_grow(j->arena, (void **)&j->segments, j->count, &j->segment_capacity,
                    sizeof(*j->segments)))
        return false;
    j->segments[j->count++] =
        (struct segment){.run = run, .offset = offset, .at = j->len, .len = bytes.len};
    return join_bytes(j, bytes.ptr, bytes.len);
}

/* The first segment that ends behind `at`. */
static size_t segment_at(const struct joined *j, size_t at)
{
    size_t low = 0, high = j->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (j->segments[middle].at + j->segments[middle].len <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Gives a finding to every run that it touches. */
static enum base_err spread(struct inspect *in, const struct joined *j,
                            const struct scan_item *item)
{
    size_t end = item->offset + item->length;
    enum base_err err = BASE_OK;
    for (size_t s = segment_at(j, item->offset); s < j->count && j->segments[s].at < end && !err;
         s++) {
        const struct segment *segment = &j->segments[s];
        size_t from = item->offset > segment->at ? item->offset - segment->at : 0;
        size_t to = end - segment->at < segment->len ? end - segment->at : segment->len;
        if (to > from)
            err = add_finding(in, segment->run, item, segment->offset + from, to - from);
    }
    return err;
}

/* Small fields are scanned as one text, "key: value" a line, so that a key gives context to its
 * value. */
static enum base_err scan_fields(struct inspect *in)
{
    struct joined j = {.arena = in->scratch};
    for (size_t i = 0; i < in->run_count; i++) {
        const struct run *run = &in->runs[i];
        if (run->place.is_prose || run->place.is_opaque || run->bytes.len > FIELD_BYTES)
            continue;
        bool key = strcmp(run->place.field, "key") == 0;
        if (!join_segment(&j, i, run->bytes, 0) || !join_bytes(&j, key ? ": " : "\n", key ? 2 : 1))
            return BASE_ERR_NO_MEMORY;
    }
    struct scan_item *items = NULL;
    size_t count = 0;
    enum base_err err =
        scan_text(in->policy, slice_of(j.text ? j.text : "", j.len), in->scratch, &items, &count);
    for (size_t i = 0; i < count && !err; i++)
        err = spread(in, &j, &items[i]);
    return err;
}

/* What may be found across a border: things that prove themselves. Phone numbers and the like
 * appear wherever one text ends with a number and the next begins with one. */
static bool is_strong(const struct scan_item *item)
{
    const policy_types strong =
        (policy_types)1 << POLICY_FINDING_CREDIT_CARD | (policy_types)1 << POLICY_FINDING_IBAN |
        (policy_types)1 << POLICY_FINDING_EMAIL | (policy_types)1 << POLICY_FINDING_SSN |
        (policy_types)1 << POLICY_FINDING_CRYPTO_WALLET | (policy_types)1 << POLICY_FINDING_SECRET |
        (policy_types)1 << POLICY_FINDING_NATIONAL_ID | (policy_types)1 << POLICY_FINDING_CUSTOM;
    return (strong >> item->type & 1) && item->confidence >= 0.8f;
}

/* Which neighbours are put together: a thing in many pieces is found when all are; one in two, with
 * words right before or behind it, only when the others are kept apart. */
enum pairs { PAIRS_NONE, PAIRS_EVEN, PAIRS_ODD, PAIRS_COUNT };

/* Scans the prose runs of one role (or all: CHAT_ROLE_COUNT) as if they were one text, of long ones
 * only the ends, and keeps what crosses a border. */
static enum base_err scan_borders(struct inspect *in, enum chat_role role, enum pairs pairs)
{
    static const char gap[] = "\n;;\n";
    struct joined j = {.arena = in->scratch};
    size_t number = 0;
    for (size_t i = 0; i < in->run_count; i++) {
        const struct run *run = &in->runs[i];
        size_t len = run->bytes.len;
        bool ok;
        if (!run->place.is_prose || run->place.is_opaque ||
            (role != CHAT_ROLE_COUNT && run->place.role != role))
            continue;
        bool apart = pairs != PAIRS_NONE && number % 2 == (pairs == PAIRS_ODD);
        if (number++ > 0 && apart && !join_bytes(&j, gap, sizeof(gap) - 1))
            return BASE_ERR_NO_MEMORY;
        if (len <= 2 * WINDOW)
            ok = join_segment(&j, i, run->bytes, 0);
        else
            ok = join_segment(&j, i, slice_sub(run->bytes, 0, WINDOW), 0) &&
                 join_bytes(&j, gap, sizeof(gap) - 1) &&
                 join_segment(&j, i, slice_sub(run->bytes, len - WINDOW, WINDOW), len - WINDOW);
        if (!ok)
            return BASE_ERR_NO_MEMORY;
    }
    struct scan_item *items = NULL;
    size_t count = 0;
    enum base_err err = BASE_OK; /* two are together as they are */
    if (j.count > 1 && (pairs == PAIRS_NONE || number > 2))
        err = scan_text(in->policy, slice_of(j.text, j.len), in->scratch, &items, &count);
    for (size_t i = 0; i < count && !err; i++) {
        size_t first = segment_at(&j, items[i].offset);
        size_t last = segment_at(&j, items[i].offset + items[i].length - 1);
        if (last < j.count && j.segments[first].run != j.segments[last].run && is_strong(&items[i]))
            err = spread(in, &j, &items[i]);
    }
    return err;
}

static enum base_err scan_all_borders(struct inspect *in)
{
    unsigned roles = 0;
    for (size_t i = 0; i < in->run_count; i++) {
        if (in->runs[i].place.is_prose)
            roles |= 1u << in->runs[i].place.role;
    }
    enum base_err err = BASE_OK;
    for (int pairs = PAIRS_NONE; pairs < PAIRS_COUNT && !err; pairs++)
        err = scan_borders(in, CHAT_ROLE_COUNT, (enum pairs)pairs);
    /* Pieces of one speaker with another's words between them. */
    for (int role = 0; role < CHAT_ROLE_COUNT && !err; role++) {
        if ((roles >> role & 1) && roles != 1u << role)
            err = scan_borders(in, (enum chat_role)role, PAIRS_NONE);
    }
    return err;
}

/* --- The whole --- */

static bool on_run(void *user, struct slice bytes, const struct chat_place *place)
{
    struct inspect *in = user;
    if (!arena_grow(in->scratch, (void **)&in->runs, in->run_count, &in->run_capacity,
                    sizeof(*in->runs)))
        return false;
    in->runs[in->run_count++] =
        (struct run){.bytes = bytes, .place = *place, .level = POLICY_LEVEL_PUBLIC};
    return true;
}

static enum base_err scan_runs(struct inspect *in)
{
    enum base_err err = BASE_OK;
    for (size_t i = 0; i < in->run_count && !err; i++) {
        const struct run *run = &in->runs[i];
        if (run->place.is_opaque)
            err = mark_uninspected(in, i);
        if (!err && (run->place.is_opaque ? !is_media(run->bytes)
                                          : run->place.is_prose || run->bytes.len > FIELD_BYTES))
            err = scan_run(in, i);
    }
    if (!err)
        err = scan_fields(in);
    if (!err)
        err = scan_all_borders(in);
    return err;
}

static int compare_labelled(const void *a, const void *b)
{
    const struct labelled *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Bytes that were visited twice, or as part of others, have the higher of their levels. */
static enum base_err index_labels(const struct inspect *in, struct policy_inspection *out,
                                  struct arena *arena)
{
    struct labelled *list = arena_calloc(arena, in->run_count ? in->run_count : 1, sizeof(*list));
    if (!list)
        return BASE_ERR_NO_MEMORY;
    for (size_t i = 0; i < in->run_count; i++)
        list[i] = (struct labelled){.from = (uintptr_t)in->runs[i].bytes.ptr,
                                    .to = (uintptr_t)in->runs[i].bytes.ptr + in->runs[i].bytes.len,
                                    .level = in->runs[i].level};
    if (in->run_count > 1)
        qsort(list, in->run_count, sizeof(*list), compare_labelled);
    size_t kept = 0;
    for (size_t i = 0; i < in->run_count; i++) {
        if (kept > 0 && list[i].from < list[kept - 1].to) {
            struct labelled *last = &list[kept - 1];
            last->to = list[i].to > last->to ? list[i].to : last->to;
            last->level = policy_level_join(last->level, list[i].level);
        } else {
            list[kept++] = list[i];
        }
    }
    out->labelled = list;
    out->labelled_count = kept;
    return BASE_OK;
}

static int compare_located(const void *a, const void *b)
{
    const struct located *x = a, *y = b;
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    return x->finding.offset < y->finding.offset ? -1 : x->finding.offset > y->finding.offset;
}

static int compare_names(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static enum base_err summarise(struct inspect *in, struct policy_inspection *out,
                               struct arena *arena)
{
    size_t len = 0;
    for (size_t i = 0; i < in->name_count; i++)
        len += in->names[i].len + 1;
    char *text = arena_alloc(arena, len + 1);
    out->findings =
        arena_calloc(arena, in->found_count ? in->found_count : 1, sizeof(*out->findings));
    if (!text || !out->findings)
        return BASE_ERR_NO_MEMORY;
    if (in->found_count > 1)
        qsort(in->found, in->found_count, sizeof(*in->found), compare_located);
    for (size_t i = 0; i < in->found_count; i++)
        out->findings[i] = in->found[i].finding;
    out->finding_count = in->found_count;
    out->truncated = in->truncated;
    out->types = in->types;
    if (in->name_count > 1)
        qsort(in->names, in->name_count, sizeof(in->names[0]), compare_names);
    size_t at = 0;
    for (size_t i = 0; i < in->name_count; i++) {
        if (i > 0)
            text[at++] = ',';
        memcpy(text + at, in->names[i].ptr, in->names[i].len);
        at += in->names[i].len;
    }
    out->summary = slice_of(text, at);
    return BASE_OK;
}

static enum base_err conclude(struct inspect *in, struct policy_inspection *out,
                              struct arena *arena)
{
    out->message_count = out->request->message_count;
    out->message_levels = arena_calloc(arena, out->message_count ? out->message_count : 1,
                                       sizeof(*out->message_levels));
    if (!out->message_levels)
        return BASE_ERR_NO_MEMORY;
    for (size_t i = 0; i < in->run_count; i++) {
        const struct run *run = &in->runs[i];
        out->level = policy_level_join(out->level, run->level);
        if (run->place.message >= 0 && (size_t)run->place.message < out->message_count) {
            enum policy_level *level = &out->message_levels[run->place.message];
            *level = policy_level_join(*level, run->level);
        }
    }
    enum base_err err = index_labels(in, out, arena);
    return err ? err : summarise(in, out, arena);
}

/* Bounds the memory of one inspection by what it reads. */
static bool add_length(void *user, struct slice bytes, const struct chat_place *place)
{
    (void)place;
    *(size_t *)user += bytes.len;
    return true;
}

enum base_err policy_inspect(const struct policy *policy, const struct chat_request *request,
                             const struct policy_context *context, struct arena *arena,
                             struct policy_inspection **ret_inspection, struct base_error *reterr)
{
    size_t bytes = 0;
    (void)chat_request_visit(request, add_length, &bytes);
    struct policy_inspection *out = arena_calloc(arena, 1, sizeof(*out));
    struct inspect in = {.policy = policy, .scratch = arena_new(((size_t)64 << 20) + bytes * 24)};
    enum base_err err = out && in.scratch ? BASE_OK : BASE_ERR_NO_MEMORY;
    if (!err && !chat_request_visit(request, on_run, &in))
        err = BASE_ERR_NO_MEMORY;
    if (!err)
        err = scan_runs(&in);
    if (!err) {
        out->policy = policy;
        out->request = request;
        out->floor = context ? context->floor : POLICY_LEVEL_PUBLIC;
        out->remembered = context ? context->remembered : POLICY_LEVEL_PUBLIC;
        err = conclude(&in, out, arena);
    }
    arena_free(in.scratch);
    if (err)
        return base_error_set(reterr, err, "the request could not be inspected, so it stays here");
    *ret_inspection = out;
    return BASE_OK;
}

enum base_err policy_inspection_derive(const struct policy *policy,
                                       const struct chat_request *request,
                                       const struct policy_inspection *const *sources,
                                       size_t source_count, struct arena *arena,
                                       struct policy_inspection **ret_inspection,
                                       struct base_error *reterr)
{
    struct policy_context context = {.floor = POLICY_LEVEL_PUBLIC};
    for (size_t i = 0; i < source_count; i++)
        context.floor = policy_level_join(context.floor, policy_inspection_level(sources[i]));
    return policy_inspect(policy, request, &context, arena, ret_inspection, reterr);
}

static bool is_below_quick(void *user, struct slice bytes, const struct chat_place *place)
{
    size_t *total = user;
    if (!place->is_opaque)
        *total += bytes.len + 16;
    return *total <= QUICK_BYTES;
}

bool policy_inspect_is_quick(const struct chat_request *request)
{
    size_t total = 0;
    return chat_request_visit(request, is_below_quick, &total);
}
