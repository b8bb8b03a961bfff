/*
 * Panels of F16 and BF16 against inputs in float32, included by simd.h. For each row and token the
 * products are added one after the other, in every tile alike. `brain` and sizes are constants once
 * inlined.
 */
#define FLOAT_SPAN (ENGINE_PANEL_ROWS / VW) /* vectors of a panel's rows */
#define FLOAT_TILE (FLOAT_VECTORS * FLOAT_QUADS * 4)

/* Two columns, which begin at `panel`, of vector v of a tile: rows v * VW and up. */
INLINE void float_pair(const struct engine_panel_job *job, const uint16_t *panel, size_t v,
                       bool brain, V *first, V *second)
{
    const uint16_t *p = panel + v / FLOAT_SPAN * (job->panel_bytes / sizeof(*panel));
    const size_t row = v % FLOAT_SPAN * VW;
    if (brain) {
        v_load_bf16_pairs(p + row * 2, first, second);
    } else {
        *first = v_load_half(p + row);
        *second = v_load_half(p + ENGINE_PANEL_ROWS + row);
    }
}

/* One column of all tokens. */
INLINE void float_column(const V *weights, const float *x, size_t quad_floats, size_t vectors,
                         size_t tokens, V *acc)
{
#pragma GCC unroll 12
    for (size_t t = 0; t < tokens; t++) {
        V in = v_set(x[t / 4 * quad_floats + t % 4]);
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            acc[v * tokens + t] = v_fma(weights[v], in, acc[v * tokens + t]);
    }
}

/* As far as there are rows and tokens. */
INLINE void float_store(const struct engine_panel_job *job, size_t row, size_t first,
                        size_t vectors, size_t tokens, const V *acc)
{
    /* Unrolled, so that sums have no address and stay in registers. */
#pragma GCC unroll 4
    for (size_t v = 0; v < vectors; v++, row += VW) {
        float *y = job->y + first * job->y_stride + row;
#pragma GCC unroll 12
        for (size_t t = 0; t < tokens; t++) {
            if (row >= job->rows || first + t >= job->tokens)
                continue;
            if (row + VW <= job->rows)
                v_store(y + t * job->y_stride, acc[v * tokens + t]);
            else
                v_store_n(y + t * job->y_stride, acc[v * tokens + t], job->rows - row);
        }
    }
}

/* `vectors` times VW rows of panels from `panel` on against one token, or whole quads from token
 * `first` on. */
INLINE void float_tile(const struct engine_panel_job *job, size_t panel, bool brain, size_t first,
                       size_t vectors, size_t tokens)
{
    const uint16_t *w = (const uint16_t *)(const void *)(job->panels + panel * job->panel_bytes);
    const size_t quad_floats = engine_act_cols(job->cols) * 4, step = tokens == 1 ? 1 : 4;
    const float *x = (const float *)job->x + first / 4 * quad_floats;
    V acc[FLOAT_TILE], even[FLOAT_VECTORS], odd[FLOAT_VECTORS];
    for (size_t i = 0; i < vectors * tokens; i++)
        acc[i] = v_zero();
    for (size_t c = 0; c < job->cols; c += 2, w += (size_t)2 * ENGINE_PANEL_ROWS, x += 2 * step) {
        for (size_t v = 0; v < vectors; v++)
            float_pair(job, w, v, brain, &even[v], &odd[v]);
        float_column(even, x, quad_floats, vectors, tokens, acc);
        if (c + 1 < job->cols)
            float_column(odd, x + step, quad_floats, vectors, tokens, acc);
    }
    float_store(job, panel * ENGINE_PANEL_ROWS, first, vectors, tokens, acc);
}

/* Rows of a tile from `panel` on against all tokens. */
INLINE void float_tiles(const struct engine_panel_job *job, size_t panel, bool brain,
                        size_t vectors)
{
    size_t t = 0;
    for (; FLOAT_QUADS > 1 && t + FLOAT_QUADS * 4 - 4 < job->tokens; t += FLOAT_QUADS * 4)
        float_tile(job, panel, brain, t, vectors, FLOAT_QUADS * 4);
    for (; t < job->tokens; t += 4)
        float_tile(job, panel, brain, t, vectors, 4);
}

PER_FORMAT void float_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             bool brain)
{
    for (; !job->quads && panel < end; panel++)
        float_tile(job, panel, brain, 0, FLOAT_SPAN, 1);
    for (; panel + FLOAT_VECTORS / FLOAT_SPAN <= end; panel += FLOAT_VECTORS / FLOAT_SPAN)
        float_tiles(job, panel, brain, FLOAT_VECTORS);
    for (; panel < end; panel++)
        float_tiles(job, panel, brain, FLOAT_SPAN);
}

static void panels_F16(const struct engine_panel_job *job, size_t panel, size_t end)
{
    float_matmul(job, panel, end, false);
}

static void panels_BF16(const struct engine_panel_job *job, size_t panel, size_t end)
{
    float_matmul(job, panel, end, true);
}
