/*
 * What the products of weights reach when everything lies in the cache: for each format that has
 * panels, and each set of kernels that this processor has, thousands of millions of operations per
 * second of one core (a multiplication and an addition are two), the best of nine rounds in which
 * the sets take turns.
 *
 *     kernels [FORMAT]      all formats, or one by its name
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/clock.h"
#include "engine/kernels/kernels.h"

enum { ROWS = 128, COLS = 2048, TOKENS = 64, ROUNDS = 9, SETS_MAX = 8 };
#define ROUND_NS 40000000

static void *need(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes) != 0)
        abort();
    memset(p, 0, bytes);
    return p;
}

/* Panels of random codes; every half of a scale is a small number. */
static uint8_t *some_panels(const struct engine_panel_layout *layout)
{
    size_t panel = engine_panel_bytes(layout, COLS);
    size_t row = (size_t)engine_format_row_bytes(engine_format_at(layout->format), COLS);
    uint8_t *rows = need(ROWS * row), *panels = need(ROWS / ENGINE_PANEL_ROWS * panel);
    for (size_t i = 0; i < ROWS * row; i++)
        rows[i] = (uint8_t)(0x20 + rand() % 16);
    for (size_t r = 0; r < ROWS; r += ENGINE_PANEL_ROWS)
        engine_panel_pack(layout, rows + r * row, row, ENGINE_PANEL_ROWS, COLS,
                          panels + r / ENGINE_PANEL_ROWS * panel);
    free(rows);
    return panels;
}

static void *some_inputs(const struct engine_kernels *k, const struct engine_panel_layout *layout)
{
    const enum engine_act_form form = engine_kernels_form(k, layout);
    char *in = need(engine_act_bytes(form, TOKENS, COLS));
    float *x = need(4 * COLS * sizeof(float));
    for (size_t t = 0; t < TOKENS; t += 4) {
        const float *four[4] = {x, x + COLS, x + 2 * COLS, x + 3 * COLS};
        void *out = in + t / 4 * engine_act_row_bytes(form, false, COLS);
        for (size_t i = 0; i < 4 * COLS; i++)
            x[i] = (float)rand() / (float)RAND_MAX - 0.5F;
        if (form == ENGINE_ACT_WIDE)
            k->pack_wide_four(four, COLS, out);
        else if (form == ENGINE_ACT_NARROW)
            k->pack_four(four, COLS, out);
        else if (form == ENGINE_ACT_BF16)
            k->pack_bf16_four(four, COLS, out);
        else
            engine_act_floats(four, COLS, out);
    }
    free(x);
    return in;
}

static double giga_ops(const struct engine_kernels *k, const struct engine_panel_job *job)
{
    int64_t start = clock_mono_ns(clock_system()), now = start;
    size_t times = 0;
    for (; now - start < ROUND_NS; times++, now = clock_mono_ns(clock_system()))
        k->panels[job->layout->format](job, 0, ROWS / ENGINE_PANEL_ROWS);
    return 2.0 * ROWS * COLS * TOKENS * (double)times / (double)(now - start);
}

static void measure(const struct engine_panel_layout *layout)
{
    const struct engine_kernels *sets[SETS_MAX];
    struct engine_panel_job jobs[SETS_MAX];
    double best[SETS_MAX] = {0};
    size_t count = 0;
    uint8_t *panels = some_panels(layout);
    float *y = need((size_t)ROWS * TOKENS * sizeof(float));
    for (size_t i = 0; engine_kernels_at(i) && count < SETS_MAX; i++) {
        const struct engine_kernels *k = engine_kernels_at(i);
        if (!engine_kernels_supported(k))
            continue;
        sets[count] = k;
        jobs[count++] = (struct engine_panel_job){.layout = layout,
                                                  .panels = panels,
                                                  .panel_bytes = engine_panel_bytes(layout, COLS),
                                                  .rows = ROWS,
                                                  .cols = COLS,
                                                  .x = some_inputs(k, layout),
                                                  .quads = true,
                                                  .tokens = TOKENS,
                                                  .y = y,
                                                  .y_stride = ROWS};
    }
    for (size_t round = 0; round < ROUNDS * count; round++) {
        double ops = giga_ops(sets[round % count], &jobs[round % count]);
        if (ops > best[round % count])
            best[round % count] = ops;
    }
    printf("%-8s", engine_format_at(layout->format)->name);
    for (size_t i = 0; i < count; i++) {
        printf("  %s %.0f", sets[i]->name, best[i]);
        free((void *)(uintptr_t)jobs[i].x);
    }
    printf("\n");
    free(panels);
    free(y);
}

int main(int argc, char **argv)
{
    for (int id = 0; id < ENGINE_FORMAT_COUNT; id++) {
        const struct engine_panel_layout *layout = engine_panel_layout((enum engine_format_id)id);
        if (layout && (argc < 2 || strcmp(engine_format_at(layout->format)->name, argv[1]) == 0))
            measure(layout);
    }
    return 0;
}
