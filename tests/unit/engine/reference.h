/*
 * A plain reference of every architecture in double precision: straight from the definitions, one
 * token after the other, no cache, nothing shared with the engine but the reader of the container.
 * Slow: it unpacks a tensor each time it needs it.
 *
 *     double *logits = reference_logits(bytes, tokens, count);    // [count][n_vocab]; free() it
 */
#ifndef TESTS_UNIT_ENGINE_REFERENCE_H
#define TESTS_UNIT_ENGINE_REFERENCE_H

#include "base/core/slice.h"

double *reference_logits(struct slice model, const uint32_t *tokens, size_t count);
/* The same with the inputs of quantised matrices in 8 bits, a scale for each 32 or 256, as the
 * matrix has blocks (kernels/panel.h); of float matrices as above. */
double *reference_logits_in_8_bits(struct slice model, const uint32_t *tokens, size_t count);
/* The same with the inputs of matrices in BF16 rounded to bfloat16, others as they are. */
double *reference_logits_in_bf16(struct slice model, const uint32_t *tokens, size_t count);
/* The last hidden states, [count][n_embd]; of every architecture, encoders too. */
double *reference_hidden(struct slice model, const uint32_t *tokens, size_t count);

/* sum((a - b)^2) / sum(b^2), b being the reference. */
double reference_nmse(const float *a, const double *b, size_t n);

/* Mean over rows of the divergence of softmax(a) from softmax(b), in nats. */
double reference_kl(const float *a, const double *b, size_t rows, size_t n_vocab);

#endif
