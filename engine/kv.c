#include <stdlib.h>
#include <sys/mman.h>

#include "engine/kv.h"
#include "engine/model.h"

_Static_assert(ENGINE_PAGE == ENGINE_KV_PAGE, "the estimate counts the same pages");

static void set_sizes(struct engine_kv_cache *kv)
{
    kv->head_bytes = kv->type->head_bytes(kv->head_dim);
    kv->layer_bytes = kv->head_bytes * kv->n_head_kv;
    kv->page_bytes = kv->layer_bytes * kv->n_layer * 2;
}

enum base_err engine_kv_init(struct engine_kv_cache *kv, const struct engine_hparams *hp,
                             enum engine_kv type, uint32_t context, uint32_t sequences,
                             struct base_error *reterr)
{
    size_t bytes;
    *kv = (struct engine_kv_cache){.type = engine_kv_type_at(type),
                                   .n_layer = hp->n_layer,
                                   .n_head_kv = hp->n_head_kv,
                                   .head_dim = hp->head_dim,
                                   .sequence_count = sequences,
                                   .context = context};
    kv->max_pages = (context + ENGINE_PAGE - 1) / ENGINE_PAGE;
    kv->page_count = kv->max_pages + sequences;
    set_sizes(kv);
    if (__builtin_mul_overflow(kv->page_bytes, kv->page_count, &bytes))
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a context of %u", context);
    /* Not touched before use: the system gives pages as the cache fills. */
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    kv->data = data == MAP_FAILED ? NULL : data;
    kv->owners = calloc(kv->page_count, sizeof(*kv->owners));
    kv->free_pages = calloc(kv->page_count, sizeof(*kv->free_pages));
    kv->sequences = calloc(sequences, sizeof(*kv->sequences));
    kv->tables = calloc((size_t)sequences * kv->max_pages, sizeof(*kv->tables));
    if (!kv->data || !kv->owners || !kv->free_pages || !kv->sequences || !kv->tables) {
        engine_kv_done(kv);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a context of %u", context);
    }
    for (uint32_t i = 0; i < sequences; i++)
        kv->sequences[i].pages = kv->tables + (size_t)i * kv->max_pages;
    kv->free_count = kv->page_count;
    for (uint32_t i = 0; i < kv->page_count; i++)
        kv->free_pages[i] = kv->page_count - 1 - i;
    return BASE_OK;
}

void engine_kv_done(struct engine_kv_cache *kv)
{
    if (kv->data)
        munmap(kv->data, kv->page_bytes * kv->page_count);
    free(kv->owners);
    free(kv->free_pages);
    free(kv->sequences);
    free(kv->tables);
    *kv = (struct engine_kv_cache){0};
}

static uint32_t pages_of(uint32_t length)
{
    return (length + ENGINE_PAGE - 1) / ENGINE_PAGE;
}

static void release(struct engine_kv_cache *kv, uint32_t page)
{
    if (--kv->owners[page] == 0)
        kv->free_pages[kv->free_count++] = page;
}

static uint32_t take(struct engine_kv_cache *kv)
{
    uint32_t page = kv->free_pages[--kv->free_count];
    kv->owners[page] = 1;
    return page;
}

/* True if the next token goes into a page that others own too. */
static bool ends_in_shared_page(const struct engine_kv_cache *kv,
                                const struct engine_kv_sequence *seq)
{
    return seq->length % ENGINE_PAGE != 0 && kv->owners[seq->pages[seq->length / ENGINE_PAGE]] > 1;
}

enum base_err engine_kv_append(struct engine_kv_cache *kv, uint32_t sequence,
                               struct base_error *reterr)
{
    struct engine_kv_sequence *seq = &kv->sequences[sequence];
    if (seq->length >= kv->context)
        return base_error_set(reterr, BASE_ERR_CONTEXT_LENGTH,
                              "a sequence of %u tokens would outgrow the context of %u",
                              seq->length + 1, kv->context);
    bool shared = ends_in_shared_page(kv, seq);
    if (shared || seq->length % ENGINE_PAGE == 0) {
        if (kv->free_count == 0)
            return base_error_set(reterr, BASE_ERR_LIMIT, "the KV cache of %u tokens is full",
                                  kv->page_count * ENGINE_PAGE);
        uint32_t page = take(kv), *place = &seq->pages[seq->length / ENGINE_PAGE];
        if (shared) {
            memcpy(kv->data + page * kv->page_bytes, kv->data + *place * kv->page_bytes,
                   kv->page_bytes);
            release(kv, *place);
        }
        *place = page;
    }
    seq->length++;
    return BASE_OK;
}

void engine_kv_trim(struct engine_kv_cache *kv, uint32_t sequence, uint32_t length)
{
    struct engine_kv_sequence *seq = &kv->sequences[sequence];
    if (length >= seq->length)
        return;
    for (uint32_t i = pages_of(length); i < pages_of(seq->length); i++)
        release(kv, seq->pages[i]);
    seq->length = length;
}

void engine_kv_copy(struct engine_kv_cache *kv, uint32_t from, uint32_t to, uint32_t length)
{
    const struct engine_kv_sequence *source = &kv->sequences[from];
    struct engine_kv_sequence *target = &kv->sequences[to];
    if (from == to)
        return;
    engine_kv_trim(kv, to, 0);
    for (uint32_t i = 0; i < pages_of(length); i++) {
        target->pages[i] = source->pages[i];
        kv->owners[source->pages[i]]++;
    }
    target->length = length;
}

uint32_t engine_kv_room(const struct engine_kv_cache *kv, uint32_t sequence)
{
    const struct engine_kv_sequence *seq = &kv->sequences[sequence];
    uint64_t room = (uint64_t)kv->free_count * ENGINE_PAGE;
    uint32_t used = seq->length % ENGINE_PAGE, left = kv->context - seq->length;
    if (ends_in_shared_page(kv, seq))
        room = room > used ? room - used : 0; /* the copy takes a page and brings `used` tokens */
    else if (used > 0)
        room += ENGINE_PAGE - used;
    return room < left ? (uint32_t)room : left;
}

void *engine_kv_keys(const struct engine_kv_cache *kv, uint32_t page, uint32_t layer, uint32_t head)
{
    return kv->data + page * kv->page_bytes + layer * 2 * kv->layer_bytes + head * kv->head_bytes;
}

void *engine_kv_values(const struct engine_kv_cache *kv, uint32_t page, uint32_t layer,
                       uint32_t head)
{
    return (uint8_t *)engine_kv_keys(kv, page, layer, head) + kv->layer_bytes;
}
