/* Adapters' two products, for the vector sets; included by simd.h. */

/* Four rows at once, so that their sums do not wait for each other. */
INLINE void lora_down_rows(const struct engine_lora *l, size_t row, size_t rows, const float *x,
                           float *h, bool half)
{
    V sums[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    size_t i = 0, cols = l->cols, size = half ? sizeof(uint16_t) : sizeof(float);
    for (; i + VW <= cols; i += VW) {
        V in = v_load(x + i);
        for (size_t r = 0; r < rows; r++) /* the next four: rows are too short for hardware */
            __builtin_prefetch((const char *)l->a + ((row + 4 + r) * cols + i) * size, 0, 2);
        for (size_t r = 0; r < rows; r++)
            sums[r] = v_fma(load_either(l->a, (row + r) * cols + i, half), in, sums[r]);
    }
    if (i < cols) {
        V in = v_load_n(x + i, cols - i);
        for (size_t r = 0; r < rows; r++)
            sums[r] = v_fma(load_either_n(l->a, (row + r) * cols + i, cols - i, half), in, sums[r]);
    }
    for (size_t r = 0; r < rows; r++)
        h[row + r] = v_sum(sums[r]) * l->scale;
}

INLINE void lora_down_any(const struct engine_lora *l, const float *x, float *h, bool half)
{
    size_t r = 0;
    for (; r + 4 <= l->rank; r += 4)
        lora_down_rows(l, r, 4, x, h, half);
    for (; r < l->rank; r++)
        lora_down_rows(l, r, 1, x, h, half);
}

static void lora_down(const struct engine_lora *l, const float *x, float *h)
{
    if (l->half)
        lora_down_any(l, x, h, true);
    else
        lora_down_any(l, x, h, false);
}

/* Whole tiles of outputs; T of them at once. */
INLINE void lora_up_tiles(const struct engine_lora *l, const float *h, size_t tile, size_t tiles,
                          float *y, bool half)
{
    enum { PARTS = ENGINE_LORA_TILE / VW };
    V sums[2][PARTS];
    for (size_t t = 0; t < tiles; t++) {
        for (size_t p = 0; p < PARTS; p++)
            sums[t][p] = v_load(y + t * ENGINE_LORA_TILE + p * VW);
    }
    for (size_t r = 0; r < l->rank; r++) {
        V factor = v_set(h[r]);
        for (size_t t = 0; t < tiles; t++) {
            for (size_t p = 0; p < PARTS; p++)
                sums[t][p] = v_fma(
                    factor,
                    load_either(l->b, ((tile + t) * l->rank + r) * ENGINE_LORA_TILE + p * VW, half),
                    sums[t][p]);
        }
    }
    for (size_t t = 0; t < tiles; t++) {
        for (size_t p = 0; p < PARTS; p++)
            v_store(y + t * ENGINE_LORA_TILE + p * VW, sums[t][p]);
    }
}

INLINE void lora_up_any(const struct engine_lora *l, const float *h, size_t row, size_t end,
                        float *y, bool half)
{
    while (row < end) {
        size_t tile = row / ENGINE_LORA_TILE, from = row % ENGINE_LORA_TILE;
        if (from == 0 && end - row >= 2 * ENGINE_LORA_TILE) {
            lora_up_tiles(l, h, tile, 2, y, half);
            row += 2 * ENGINE_LORA_TILE;
            y += 2 * ENGINE_LORA_TILE;
            continue;
        }
        float whole[ENGINE_LORA_TILE] = {0};
        size_t n = end - row < ENGINE_LORA_TILE - from ? end - row : ENGINE_LORA_TILE - from;
        memcpy(whole + from, y, n * sizeof(*y));
        lora_up_tiles(l, h, tile, 1, whole, half);
        memcpy(y, whole + from, n * sizeof(*y));
        row += n;
        y += n;
    }
}

static void lora_up(const struct engine_lora *l, const float *h, size_t row, size_t end, float *y)
{
    if (l->half)
        lora_up_any(l, h, row, end, y, true);
    else
        lora_up_any(l, h, row, end, y, false);
}
