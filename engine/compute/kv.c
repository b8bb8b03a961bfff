#include <stdlib.h>
#include <sys/mman.h>

#include "engine/compute/kv.h"
#include "engine/model/model.h"

_Static_assert(ENGINE_PAGE == ENGINE_KV_PAGE, "the estimate counts the same pages");

static uint32_t pages_of(uint32_t length)
{
    return (length + ENGINE_PAGE - 1) / ENGINE_PAGE;
}

/* --- Making --- */

static void place_layers(struct engine_kv_cache *kv, const struct engine_model *model, bool apart)
{
    for (uint32_t il = 0; il < model->hp.n_layer; il++) {
        uint32_t window = model->weights.layers[il].shape.window;
        uint32_t bank = apart && window > 0 ? 1 : 0;
        kv->places[il] = (struct engine_kv_place){bank, kv->banks[bank].n_layer++};
    }
}

/* Not touched before use: the system gives pages as the cache fills. */
static bool take_memory(struct engine_kv_cache *kv, struct engine_kv_bank *bank)
{
    size_t bytes;
    bank->page_bytes = kv->layer_bytes * bank->n_layer * 2;
    if (__builtin_mul_overflow(bank->page_bytes, bank->page_count, &bytes))
        return false;
    if (bytes > 0) {
        void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        bank->data = data == MAP_FAILED ? NULL : data;
    }
    bank->owners = calloc(bank->page_count, sizeof(*bank->owners));
    bank->free_pages = calloc(bank->page_count, sizeof(*bank->free_pages));
    bank->tables = calloc((size_t)kv->sequence_count * kv->max_pages, sizeof(*bank->tables));
    if ((bytes > 0 && !bank->data) || !bank->owners || !bank->free_pages || !bank->tables)
        return false;
    bank->free_count = bank->page_count;
    for (uint32_t i = 0; i < bank->page_count; i++)
        bank->free_pages[i] = bank->page_count - 1 - i;
    return true;
}

enum base_err engine_kv_init(struct engine_kv_cache *kv, const struct engine_model *model,
                             enum engine_kv type, uint32_t context, uint32_t sequences,
                             uint32_t batch, struct base_error *reterr)
{
    const struct engine_hparams *hp = &model->hp;
    *kv = (struct engine_kv_cache){.type = engine_kv_type_at(type),
                                   .n_head_kv = hp->n_head_kv,
                                   .head_dim = hp->head_dim,
                                   .sequence_count = sequences,
                                   .context = context,
                                   .window = hp->window,
                                   .batch = batch};
    kv->max_pages = pages_of(context);
    kv->head_bytes = kv->type->head_bytes(kv->head_dim);
    kv->layer_bytes = kv->head_bytes * kv->n_head_kv;
    kv->banks[0].page_count = kv->max_pages + sequences;
    uint64_t apart = engine_kv_window_pages(hp, batch, sequences);
    kv->bank_count = apart > 0 && apart < kv->banks[0].page_count ? 2 : 1;
    kv->banks[1].page_count = kv->bank_count > 1 ? (uint32_t)apart : 0;
    kv->sequences = calloc(sequences, sizeof(*kv->sequences));
    kv->places = calloc(hp->n_layer, sizeof(*kv->places));
    bool good = kv->sequences && kv->places;
    if (good)
        place_layers(kv, model, kv->bank_count > 1);
    for (uint32_t b = 0; b < kv->bank_count && good; b++)
        good = take_memory(kv, &kv->banks[b]);
    if (!good) {
        engine_kv_done(kv);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a context of %u", context);
    }
    for (uint32_t b = 0; b < kv->bank_count; b++)
        for (uint32_t i = 0; i < sequences; i++)
            kv->sequences[i].pages[b] = kv->banks[b].tables + (size_t)i * kv->max_pages;
    return BASE_OK;
}

void engine_kv_done(struct engine_kv_cache *kv)
{
    for (uint32_t b = 0; b < ENGINE_KV_BANKS; b++) {
        struct engine_kv_bank *bank = &kv->banks[b];
        if (bank->data)
            munmap(bank->data, bank->page_bytes * bank->page_count);
        free(bank->owners);
        free(bank->free_pages);
        free(bank->tables);
    }
    free(kv->sequences);
    free(kv->places);
    *kv = (struct engine_kv_cache){0};
}

/* --- Pages --- */

static void release(struct engine_kv_bank *bank, uint32_t page)
{
    if (--bank->owners[page] == 0)
        bank->free_pages[bank->free_count++] = page;
}

/* The first page that a layer with a window may still look at, from a sequence of this length. */
static uint32_t first_page(const struct engine_kv_cache *kv, uint32_t length)
{
    return length >= kv->window ? (length - kv->window + 1) / ENGINE_PAGE : 0;
}

/* Lets go of pages that lie behind the windows, also of a sequence that is a step shorter. */
static void reclaim(struct engine_kv_cache *kv)
{
    struct engine_kv_bank *bank = &kv->banks[1];
    for (uint32_t i = 0; i < kv->sequence_count && bank->free_count == 0; i++) {
        struct engine_kv_sequence *seq = &kv->sequences[i];
        uint32_t end = seq->length > kv->batch ? first_page(kv, seq->length - kv->batch) : 0;
        for (; seq->first < end; seq->first++)
            release(bank, seq->pages[1][seq->first]);
    }
}

static uint32_t first_of(const struct engine_kv_sequence *seq, uint32_t bank)
{
    return bank == 0 ? 0 : seq->first;
}

static bool is_shared(const struct engine_kv_cache *kv, const struct engine_kv_sequence *seq,
                      uint32_t bank)
{
    return seq->length % ENGINE_PAGE != 0 &&
           kv->banks[bank].owners[seq->pages[bank][seq->length / ENGINE_PAGE]] > 1;
}

/* True when there is a page for the next token, or none is needed. */
static bool has_page(struct engine_kv_cache *kv, const struct engine_kv_sequence *seq,
                     uint32_t bank)
{
    if (seq->length % ENGINE_PAGE != 0 && !is_shared(kv, seq, bank))
        return true;
    if (bank > 0 && kv->banks[bank].free_count == 0)
        reclaim(kv);
    return kv->banks[bank].free_count > 0;
}

/* The next token's place is the sequence's alone afterwards. */
static void open_page(struct engine_kv_cache *kv, struct engine_kv_sequence *seq, uint32_t b)
{
    struct engine_kv_bank *bank = &kv->banks[b];
    bool shared = is_shared(kv, seq, b);
    if (seq->length % ENGINE_PAGE != 0 && !shared)
        return;
    uint32_t page = bank->free_pages[--bank->free_count];
    uint32_t *place = &seq->pages[b][seq->length / ENGINE_PAGE];
    bank->owners[page] = 1;
    if (shared) {
        if (bank->page_bytes > 0)
            memcpy(bank->data + page * bank->page_bytes, bank->data + *place * bank->page_bytes,
                   bank->page_bytes);
        release(bank, *place);
    }
    *place = page;
}

enum base_err engine_kv_append(struct engine_kv_cache *kv, uint32_t sequence,
                               struct base_error *reterr)
{
    struct engine_kv_sequence *seq = &kv->sequences[sequence];
    if (seq->length >= kv->context)
        return base_error_set(reterr, BASE_ERR_CONTEXT_LENGTH,
                              "a sequence of %u tokens would outgrow the context of %u",
                              seq->length + 1, kv->context);
    for (uint32_t b = 0; b < kv->bank_count; b++)
        if (!has_page(kv, seq, b))
            return base_error_set(reterr, BASE_ERR_LIMIT, "the KV cache of %u tokens is full",
                                  kv->banks[b].page_count * ENGINE_PAGE);
    for (uint32_t b = 0; b < kv->bank_count; b++)
        open_page(kv, seq, b);
    seq->length++;
    return BASE_OK;
}

bool engine_kv_keeps(const struct engine_kv_cache *kv, uint32_t sequence, uint32_t length)
{
    const struct engine_kv_sequence *seq = &kv->sequences[sequence];
    return kv->bank_count == 1 || length == 0 || first_page(kv, length) >= seq->first;
}

void engine_kv_trim(struct engine_kv_cache *kv, uint32_t sequence, uint32_t length)
{
    struct engine_kv_sequence *seq = &kv->sequences[sequence];
    if (length >= seq->length)
        return;
    if (!engine_kv_keeps(kv, sequence, length))
        length = 0;
    for (uint32_t b = 0; b < kv->bank_count; b++) {
        uint32_t first = first_of(seq, b), from = pages_of(length);
        for (uint32_t i = from > first ? from : first; i < pages_of(seq->length); i++)
            release(&kv->banks[b], seq->pages[b][i]);
    }
    seq->length = length;
    seq->first = length == 0 ? 0 : seq->first;
}

bool engine_kv_copy(struct engine_kv_cache *kv, uint32_t from, uint32_t to, uint32_t length)
{
    const struct engine_kv_sequence *source = &kv->sequences[from];
    struct engine_kv_sequence *target = &kv->sequences[to];
    if (!engine_kv_keeps(kv, from, length))
        return false;
    if (from == to)
        return true;
    engine_kv_trim(kv, to, 0);
    for (uint32_t b = 0; b < kv->bank_count; b++)
        for (uint32_t i = first_of(source, b); i < pages_of(length); i++) {
            target->pages[b][i] = source->pages[b][i];
            kv->banks[b].owners[source->pages[b][i]]++;
        }
    target->first = length == 0 ? 0 : source->first;
    target->length = length;
    return true;
}

uint32_t engine_kv_room(const struct engine_kv_cache *kv, uint32_t sequence)
{
    /* The pages of windows are as many as all sequences can need at once. */
    const struct engine_kv_sequence *seq = &kv->sequences[sequence];
    uint64_t room = (uint64_t)kv->banks[0].free_count * ENGINE_PAGE;
    uint32_t used = seq->length % ENGINE_PAGE, left = kv->context - seq->length;
    if (is_shared(kv, seq, 0))
        room = room > used ? room - used : 0; /* the copy takes a page and brings `used` tokens */
    else if (used > 0)
        room += ENGINE_PAGE - used;
    return room < left ? (uint32_t)room : left;
}

uint32_t engine_kv_page(const struct engine_kv_cache *kv, uint32_t sequence, uint32_t layer,
                        uint32_t index)
{
    return kv->sequences[sequence].pages[kv->places[layer].bank][index];
}

void *engine_kv_keys(const struct engine_kv_cache *kv, uint32_t page, uint32_t layer, uint32_t head)
{
    const struct engine_kv_place *place = &kv->places[layer];
    const struct engine_kv_bank *bank = &kv->banks[place->bank];
    return bank->data + page * bank->page_bytes + place->index * 2 * kv->layer_bytes +
           head * kv->head_bytes;
}

void *engine_kv_values(const struct engine_kv_cache *kv, uint32_t page, uint32_t layer,
                       uint32_t head)
{
    return (uint8_t *)engine_kv_keys(kv, page, layer, head) + kv->layer_bytes;
}
