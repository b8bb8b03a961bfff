/*
 * The KV cache: keys and values of all sequences of a session, in pages of ENGINE_PAGE tokens.
 *
 *     err = engine_kv_append(kv, seq, &place, reterr);      // one token more
 *     ... the graph writes keys and values of every layer to `place` ...
 *     engine_kv_trim(kv, seq, length);
 *
 * A page belongs to one or more sequences (a count of owners) and holds all layers of its bank. It
 * is written only while it has one owner: append copies a shared last page first. Pages go back to
 * a free list with their last owner.
 *
 * Banks: layers with a sliding window have pages of their own where that saves memory; so many as
 * all sequences can need at once for their windows and a step. What lies behind a window stays
 * until the room is needed, because a sequence can be cut back only to where its windows are whole.
 *
 * Within a page and layer, for each head of keys and values: keys transposed
 * [head_dim][ENGINE_PAGE], values [ENGINE_PAGE][head_dim], in float32, half precision or 8 bits
 * (q8_0: one half as scale for each 32 numbers of a head and token; the scales lie behind the
 * numbers, [blocks][ENGINE_PAGE] for keys, [ENGINE_PAGE][blocks] for values). Threads: those of the
 * session.
 */
#ifndef ENGINE_COMPUTE_KV_H
#define ENGINE_COMPUTE_KV_H

#include "engine/engine.h"
#include "engine/kernels/kernels.h"
#include "engine/model/arch.h"

#define ENGINE_HEAD_MAX 1024U /* numbers of a head: engine_hparams_read() */

/* A type of cache: how one head of a page is written and read. */
struct engine_kv_type {
    const char *name;
    size_t (*head_bytes)(size_t head_dim); /* keys (or values) of one head in one page */
    bool half; /* in half precision: kernels also read it where it lies */
    /* One token's at place `at` of the page. */
    void (*put_key)(const struct engine_kernels *k, const float *key, size_t head_dim, uint32_t at,
                    void *page);
    void (*put_value)(const struct engine_kernels *k, const float *value, size_t head_dim,
                      uint32_t at, void *page);
    /* All of the page as floats: in the scratch, [ENGINE_PAGE * head_dim], or where they lie. */
    const float *(*keys)(const struct engine_kernels *k, const void *page, size_t head_dim,
                         float *scratch);
    const float *(*values)(const struct engine_kernels *k, const void *page, size_t head_dim,
                           float *scratch);
};
const struct engine_kv_type *engine_kv_type_at(enum engine_kv kv);

enum { ENGINE_KV_BANKS = 2 };

struct engine_kv_sequence {
    uint32_t length;                  /* tokens */
    uint32_t *pages[ENGINE_KV_BANKS]; /* [max_pages] */
    uint32_t first;                   /* of the second bank: pages before this one are gone */
};

struct engine_kv_bank {
    uint32_t n_layer;
    uint32_t page_count, free_count;
    size_t page_bytes;    /* keys and values of its layers in one page */
    uint8_t *data;        /* page after page; NULL without layers */
    uint32_t *owners;     /* [page_count] */
    uint32_t *free_pages; /* [page_count], a stack */
    uint32_t *tables;     /* memory behind the sequences' page lists */
};

/* Where the pages of a layer are. */
struct engine_kv_place {
    uint32_t bank, index;
};

struct engine_kv_cache {
    const struct engine_kv_type *type;
    uint32_t n_head_kv, head_dim;
    uint32_t max_pages, sequence_count, context;
    uint32_t window, batch;
    size_t head_bytes;  /* keys (or values) of one head in one page */
    size_t layer_bytes; /* keys (or values) of one layer in one page */
    uint32_t bank_count;
    struct engine_kv_bank banks[ENGINE_KV_BANKS]; /* all tokens; those in windows */
    struct engine_kv_place *places;               /* [n_layer] */
    struct engine_kv_sequence *sequences;
};

/* Sizes are bounded by the caller's memory check; `batch`: most tokens of a step. NO_MEMORY. */
struct engine_model;
enum base_err engine_kv_init(struct engine_kv_cache *kv, const struct engine_model *model,
                             enum engine_kv type, uint32_t context, uint32_t sequences,
                             uint32_t batch, struct base_error *reterr);
void engine_kv_done(struct engine_kv_cache *kv);

/* Makes room for one more token. CONTEXT_LENGTH, LIMIT; nothing has changed then. */
enum base_err engine_kv_append(struct engine_kv_cache *kv, uint32_t sequence,
                               struct base_error *reterr);
/* Could the sequence be cut back to this length? Always to none, and by a step. */
bool engine_kv_keeps(const struct engine_kv_cache *kv, uint32_t sequence, uint32_t length);
/* To no tokens at all where it does not keep them. */
void engine_kv_trim(struct engine_kv_cache *kv, uint32_t sequence, uint32_t length);
/* False, and nothing changed, where it does not keep them. */
bool engine_kv_copy(struct engine_kv_cache *kv, uint32_t from, uint32_t to, uint32_t length);
uint32_t engine_kv_room(const struct engine_kv_cache *kv, uint32_t sequence);

/* The page of a sequence that holds its tokens from index * ENGINE_PAGE on, for this layer. */
uint32_t engine_kv_page(const struct engine_kv_cache *kv, uint32_t sequence, uint32_t layer,
                        uint32_t index);

/* Keys and values of one head in one page. */
void *engine_kv_keys(const struct engine_kv_cache *kv, uint32_t page, uint32_t layer,
                     uint32_t head);
void *engine_kv_values(const struct engine_kv_cache *kv, uint32_t page, uint32_t layer,
                       uint32_t head);

#endif
