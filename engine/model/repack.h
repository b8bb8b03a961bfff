/*
 * Weights in the order that kernels read them (kernels/panel.h).
 *
 *     err = engine_weights_repack(file, &weights, hp.n_expert, pool, reterr);
 *
 * Every matrix whose format has panels gets them, in memory of its own (huge pages where the system
 * gives them), and the pages of the file behind it are given back: weights are held once. The
 * pool's threads share the work. Called once for a model, before it is computed with; NO_MEMORY
 * leaves everything as it was. engine_weights_done() frees.
 */
#ifndef ENGINE_MODEL_REPACK_H
#define ENGINE_MODEL_REPACK_H

#include "engine/kernels/pool.h"
#include "engine/model/arch.h"

enum base_err engine_weights_repack(const struct gguf *file, struct engine_weights *weights,
                                    uint32_t n_expert, struct engine_pool *pool,
                                    struct base_error *reterr);

/* One row of a matrix as float32. */
static inline void engine_matrix_row(const struct engine_matrix *m, size_t row, float *out)
{
    if (m->panels)
        engine_panel_row(engine_panel_layout(m->format->id),
                         m->panels + row / ENGINE_PANEL_ROWS * m->panel_bytes,
                         row % ENGINE_PANEL_ROWS, m->cols, out);
    else
        m->format->dequantise(m->data + row * m->row_bytes, out, m->cols);
}

#endif
