/*
 * Panels of F16 and BF16 against inputs in float32, included by simd.h. A tile is a panel by one
 * token or by up to FLOAT_QUADS times four. For each row and token the products are added one after
 * the other, in every tile alike: all into one sum, or where FLOAT_SUMS is 2 those of even columns
 * into one and those of odd ones into another, so that they wait less for each other. `brain` and
 * sizes are constants once inlined.
 */
#define FLOAT_SPAN (ENGINE_PANEL_ROWS / VW) /* vectors of a panel's rows */
#define FLOAT_TILE (FLOAT_SPAN * FLOAT_QUADS * 4)

/* Two columns of VW rows, which begin at `p`. */
INLINE void float_pair(const uint16_t *p, size_t row, bool brain, V *first, V *second)
{
    if (brain) {
        v_load_bf16_pairs(p + row * 2, first, second);
    } else {
        *first = v_load_half(p + row);
        *second = v_load_half(p + ENGINE_PANEL_ROWS + row);
    }
}

/* One column of all tokens. */
INLINE void float_column(const V *weights, const float *x, size_t quad_floats, size_t tokens,
                         V *acc)
{
#pragma GCC unroll 12
    for (size_t t = 0; t < tokens; t++) {
        V in = v_set(x[t / 4 * quad_floats + t % 4]);
#pragma GCC unroll 4
        for (size_t v = 0; v < FLOAT_SPAN; v++)
            acc[v * tokens + t] = v_fma(weights[v], in, acc[v * tokens + t]);
    }
}

/* A tile's sums, vector after vector of rows from `row` on, those of all tokens from `first` on
 * side by side: as far as there are rows and tokens. */
INLINE void store_tile(const struct engine_panel_job *job, size_t row, size_t first, size_t vectors,
                       size_t tokens, const V *acc)
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

/* A panel against one token, or whole quads from token `first` on. */
INLINE void float_tile(const struct engine_panel_job *job, size_t panel, bool brain, size_t first,
                       size_t tokens)
{
    const uint16_t *w = (const uint16_t *)(const void *)(job->panels + panel * job->panel_bytes);
    const size_t quad_floats = engine_act_cols(job->cols) * 4, step = tokens == 1 ? 1 : 4;
    const float *x = (const float *)job->x + first / 4 * quad_floats;
    V acc[FLOAT_SUMS][FLOAT_TILE], even[FLOAT_SPAN], odd[FLOAT_SPAN];
    for (size_t i = 0; i < FLOAT_SUMS * FLOAT_SPAN * tokens; i++)
        acc[i % FLOAT_SUMS][i / FLOAT_SUMS] = v_zero();
    for (size_t c = 0; c < job->cols; c += 2, w += (size_t)2 * ENGINE_PANEL_ROWS, x += 2 * step) {
        for (size_t v = 0; v < FLOAT_SPAN; v++)
            float_pair(w, v * VW, brain, &even[v], &odd[v]);
        float_column(even, x, quad_floats, tokens, acc[0]);
        if (c + 1 < job->cols)
            float_column(odd, x + step, quad_floats, tokens, acc[FLOAT_SUMS - 1]);
    }
    for (size_t i = 0; FLOAT_SUMS == 2 && i < FLOAT_SPAN * tokens; i++)
        acc[0][i] = v_add(acc[0][i], acc[FLOAT_SUMS - 1][i]);
    store_tile(job, panel * ENGINE_PANEL_ROWS, first, FLOAT_SPAN, tokens, acc[0]);
}

PER_FORMAT void float_matmul(const struct engine_panel_job *job, size_t panel, size_t end,
                             bool brain)
{
    for (; panel < end; panel++) {
        size_t t = 0;
        if (!job->quads) {
            float_tile(job, panel, brain, 0, 1);
            continue;
        }
        for (; FLOAT_QUADS > 1 && t + FLOAT_QUADS * 4 - 4 < job->tokens; t += FLOAT_QUADS * 4)
            float_tile(job, panel, brain, t, FLOAT_QUADS * 4);
        for (; t < job->tokens; t += 4)
            float_tile(job, panel, brain, t, 4);
    }
}

static void panels_F16(const struct engine_panel_job *job, size_t panel, size_t end)
{
    float_matmul(job, panel, end, false);
}

static void panels_BF16(const struct engine_panel_job *job, size_t panel, size_t end)
{
    float_matmul(job, panel, end, true);
}
