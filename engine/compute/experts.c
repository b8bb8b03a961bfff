/*
 * Mixtures of experts: each token goes through the few feed-forward blocks that its router prefers.
 * The rows of a batch are put in order of their experts, so that the weights of each are read once;
 * those of experts that no token chose are not read at all.
 */
#include <math.h>

#include "engine/compute/matmul.h"
#include "engine/compute/session.h"

/* The experts of token t, by falling score, and their weights. */
static void choose(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    float *scores = s->scores + t * hp->n_expert;
    struct engine_choice *picks = s->picks + t * hp->n_expert_used;
    bool taken[ENGINE_MAX_EXPERTS] = {false};
    float sum = 0;
    if (layer->router_bias)
        s->kernels->add(scores, layer->router_bias, hp->n_expert);
    for (uint32_t k = 0; k < hp->n_expert_used; k++) {
        uint32_t best = hp->n_expert;
        for (uint32_t e = 0; e < hp->n_expert; e++) {
            if (!taken[e] && (best == hp->n_expert || scores[e] > scores[best]))
                best = e;
        }
        taken[best] = true;
        picks[k].expert = best;
        picks[k].weight = expf(scores[best] - scores[picks[0].expert]);
        sum += picks[k].weight;
    }
    for (uint32_t k = 0; k < hp->n_expert_used; k++)
        picks[k].weight /= sum;
}

/* Gives each pick a row, those of one expert side by side. */
static void number_rows(struct engine_session *s)
{
    const struct engine_hparams *hp = &s->model->hp;
    size_t count = (size_t)s->count * hp->n_expert_used;
    memset(s->expert_rows, 0, (hp->n_expert + 1) * sizeof(*s->expert_rows));
    for (size_t i = 0; i < count; i++)
        s->expert_rows[s->picks[i].expert + 1]++;
    for (uint32_t e = 0; e < hp->n_expert; e++)
        s->expert_rows[e + 1] += s->expert_rows[e];
    for (size_t i = 0; i < count; i++) {
        uint32_t row = s->expert_rows[s->picks[i].expert]++; /* now the expert's end */
        s->picks[i].row = row;
        s->row_experts[row] = s->picks[i].expert;
        s->row_tokens[row] = (uint32_t)(i / hp->n_expert_used);
    }
}

static size_t first_row(const struct engine_session *s, uint32_t expert)
{
    return expert > 0 ? s->expert_rows[expert - 1] : 0;
}

/* Between the halves of the expert that row r went to. */
static void middle(struct engine_session *s, const struct engine_layer *layer, size_t r)
{
    uint32_t n_ff = s->model->hp.n_ff_expert;
    const struct engine_mlp *mlp = &layer->experts[s->row_experts[r]];
    float *gate = s->gate + r * n_ff, *up = s->up + r * n_ff;
    engine_activate(s, mlp, gate, up, n_ff);
}

/* What the experts of token t give, put together. */
static void gather(struct engine_session *s, const struct engine_layer *layer, size_t t)
{
    const struct engine_hparams *hp = &s->model->hp;
    const struct engine_choice *picks = s->picks + t * hp->n_expert_used;
    float *out = s->branch + t * hp->n_embd;
    memset(out, 0, hp->n_embd * sizeof(*out));
    for (uint32_t k = 0; k < hp->n_expert_used; k++) {
        const float *bias = layer->experts[picks[k].expert].down_bias;
        float *row = s->expert_out + (size_t)picks[k].row * hp->n_embd;
        if (bias)
            s->kernels->add(row, bias, hp->n_embd);
        s->kernels->scale(row, picks[k].weight, hp->n_embd);
        s->kernels->add(out, row, hp->n_embd);
    }
}

/* Inputs are packed in fours, those of each expert for themselves; each of their forms begins with
 * a cache line. */
size_t engine_expert_packed_bytes(const struct engine_hparams *hp, uint32_t batch, size_t cols)
{
    size_t rows = (size_t)batch * hp->n_expert_used;
    size_t experts = rows < hp->n_expert ? rows : hp->n_expert;
    return engine_input_bytes(rows + 4 * experts, cols) + experts * ENGINE_ACT_COUNT * 64;
}

/* The rows of expert e: of `x` by token, or side by side. `packed` moves on past them. */
static struct engine_input *input_of(struct engine_session *s, uint32_t e, const float *x,
                                     uint32_t cols, bool by_token, uint8_t **packed)
{
    size_t first = first_row(s, e), tokens = s->expert_rows[e] - first;
    struct engine_input *in = &s->expert_inputs[e];
    *in = (struct engine_input){.x = by_token ? x : x + first * cols,
                                .stride = cols,
                                .rows = by_token ? s->row_tokens + first : NULL,
                                .tokens = tokens,
                                .cols = cols,
                                .packed = *packed};
    *packed += tokens > 0 ? engine_input_bytes(tokens, cols) : 0;
    return in;
}

static struct engine_product product_of(const struct engine_session *s,
                                        const struct engine_matrix *m, struct engine_input *in,
                                        uint32_t e, float *y)
{
    return (struct engine_product){
        .matrix = m, .input = in, .y = y + first_row(s, e) * m->rows, .y_stride = m->rows};
}

static void first_half(struct engine_session *s, const struct engine_layer *layer)
{
    const struct engine_hparams *hp = &s->model->hp;
    struct engine_product *list = s->expert_products;
    uint8_t *packed = s->packed;
    size_t count = 0;
    for (uint32_t e = 0; e < hp->n_expert; e++) {
        const struct engine_mlp *mlp = &layer->experts[e];
        struct engine_input *in = input_of(s, e, s->branch, hp->n_embd, true, &packed);
        if (in->tokens == 0)
            continue;
        list[count++] = product_of(s, &mlp->gate, in, e, s->gate);
        list[count++] = product_of(s, &mlp->up, in, e, s->up);
    }
    engine_matmul(&s->workers, list, count);
}

static void second_half(struct engine_session *s, const struct engine_layer *layer)
{
    const struct engine_hparams *hp = &s->model->hp;
    struct engine_product *list = s->expert_products;
    uint8_t *packed = s->packed;
    size_t count = 0;
    for (uint32_t e = 0; e < hp->n_expert; e++) {
        struct engine_input *in = input_of(s, e, s->gate, hp->n_ff_expert, false, &packed);
        if (in->tokens > 0)
            list[count++] = product_of(s, &layer->experts[e].down, in, e, s->expert_out);
    }
    engine_matmul(&s->workers, list, count);
}

void engine_experts(struct engine_session *s, const struct engine_layer *layer)
{
    engine_product_of(s, &layer->router, s->branch, s->count, s->scores);
    engine_each(s, layer, choose, s->count);
    number_rows(s);
    first_half(s, layer);
    engine_each(s, layer, middle, (size_t)s->count * s->model->hp.n_expert_used);
    second_half(s, layer);
    engine_each(s, layer, gather, s->count);
}
