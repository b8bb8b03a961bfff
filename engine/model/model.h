/*
 * Models, seen from inside the engine: what engine.h's opaque struct holds.
 * Immutable once open, apart from the count of references and from what engine_model_prepare() does
 * to its weights before the first session.
 */
#ifndef ENGINE_MODEL_MODEL_H
#define ENGINE_MODEL_MODEL_H

#include <pthread.h>

#include "engine/engine.h"
#include "engine/gguf/gguf.h"
#include "engine/model/arch.h"

struct engine_model {
    atomic_uint refs;
    struct gguf *file;
    const struct engine_arch *arch;
    struct engine_hparams hp;
    struct engine_weights weights;
    pthread_mutex_t preparing;
    bool prepared;
    struct engine_vocab vocab;
    struct engine_model_info info;
    struct slice *strings; /* owned: texts, then merges */
    float *scores;         /* owned */
    uint8_t *types;        /* owned */
};

/* Weights into the order in which kernels read them, with the threads of `pool`, unless that is
 * done. Every session does this before it touches the weights. */
enum base_err engine_model_prepare(struct engine_model *model, struct engine_pool *pool,
                                   struct base_error *reterr);

/* BAD_FILE once a page of its file could not be read: what was computed since then may be wrong. */
enum base_err engine_model_check(const struct engine_model *model, struct base_error *reterr);

/* vocab.c: fills model->vocab and what it owns. */
enum base_err engine_vocab_read(struct engine_model *model, struct base_error *reterr);

/* memory.c: sizes after defaults. */
uint32_t engine_default_context(const struct engine_hparams *hp, uint32_t asked);
#define ENGINE_DEFAULT_SEQUENCES 4U
#define ENGINE_DEFAULT_BATCH 256U
#define ENGINE_KV_PAGE 32U /* tokens in a page of the KV cache */

uint64_t engine_kv_bytes(const struct engine_hparams *hp, enum engine_kv kv, uint32_t context,
                         uint32_t sequences, uint32_t batch);
/* Pages that layers with a window need for so many sequences; 0 = there are none. */
uint64_t engine_kv_window_pages(const struct engine_hparams *hp, uint32_t batch,
                                uint32_t sequences);
size_t engine_ffn_floats(const struct engine_hparams *hp, uint32_t batch); /* gate, or up */
uint64_t engine_scratch_bytes(const struct engine_hparams *hp, uint32_t batch, uint32_t outputs);

/* NO_MEMORY, with what would fit, unless the model and its cache fit. */
enum base_err engine_memory_check(const struct gguf *file, const struct engine_hparams *hp,
                                  const struct engine_model_options *options,
                                  struct engine_memory *ret_memory, struct base_error *reterr);

#endif
