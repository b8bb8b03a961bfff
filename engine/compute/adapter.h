/*
 * Adapters, seen from inside the engine: for each matrix of the model's file at most one product of
 * two narrow ones. The matrix function asks by matrix:
 *
 *     const struct engine_lora *l = engine_adapter_find(adapter, matrix);    // NULL = nothing
 *
 * Immutable once open, apart from the count of references.
 */
#ifndef ENGINE_COMPUTE_ADAPTER_H
#define ENGINE_COMPUTE_ADAPTER_H

#include "engine/kernels/kernels.h"
#include "engine/model/model.h"

struct engine_adapter {
    atomic_uint refs;
    uint64_t id; /* never used again: what is cached for one adapter is of no use to another */
    struct engine_model *model;
    struct engine_lora *pairs; /* [tensor_count] of the model's file; rank 0 = none */
    size_t tensor_count;
    struct engine_adapter_info info;
    char *name;
    void *memory; /* all numbers, in one mapping */
    size_t memory_bytes;
};

static inline const struct engine_lora *engine_adapter_find(const struct engine_adapter *adapter,
                                                            const struct engine_matrix *matrix)
{
    const struct engine_lora *l = adapter ? &adapter->pairs[matrix->tensor] : NULL;
    return l && l->rank > 0 ? l : NULL;
}

#endif
