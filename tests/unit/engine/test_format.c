/* Blocks written by hand, number by number, for the types whose bits lie scattered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/gguf/format.h"

enum { HALF_ONE = 0x3C00, HALF_TWO = 0x4000 };

static void dequantise(uint32_t type, const void *block, float *out)
{
    const struct engine_format *format = engine_format_by_ggml(type);
    assert_non_null(format);
    format->dequantise(block, out, format->block);
}

static void test_q2_k(void **state)
{
    (void)state;
    struct engine_q2_k b = {.d = HALF_TWO, .dmin = HALF_ONE};
    float out[256];
    b.scales[0] = 0x35;  /* scale 5, min 3 */
    b.scales[3] = 0x01;  /* numbers 48 to 63: scale 1, min 0 */
    b.scales[15] = 0xF0; /* the last 16: scale 0, min 15 */
    b.scales[8] = 0x02;  /* numbers 128 on */
    b.qs[0] = 0x03;      /* number 0: 3; 32, 64, 96: 0 */
    b.qs[1] = 0x02;      /* number 1: 2 */
    b.qs[16] = 0x0C;     /* number 48: 3 */
    b.qs[32] = 0x01;     /* number 128: 1 */
    dequantise(10, &b, out);
    assert_true(out[0] == 2 * 5 * 3 - 3);
    assert_true(out[1] == 2 * 5 * 2 - 3);
    assert_true(out[2] == -3);
    assert_true(out[16] == 0);
    assert_true(out[32] == 0);
    assert_true(out[48] == 2 * 3);
    assert_true(out[128] == 2 * 2);
    assert_true(out[129] == 0);
    assert_true(out[239] == 0 && out[240] == -15 && out[255] == -15);
}

static void test_q3_k(void **state)
{
    (void)state;
    struct engine_q3_k b = {.d = HALF_ONE};
    float out[256];
    memset(b.hmask, 0xFF, sizeof(b.hmask)); /* q - 4 is what the pairs of bits say */
    for (int i = 0; i < 4; i++)
        b.scales[8 + i] = 0xAA; /* all scales 32 and more: 0 */
    b.scales[0] = 0x21;         /* part 0: 1, part 8: 2 */
    b.scales[7] = 0x40;         /* part 15: 4 */
    b.scales[8] = 0xA9;         /* part 0: 1 + 16 - 32 = -15 */
    b.qs[0] = 0x03;             /* number 0: 3 */
    b.qs[33] = 0x01;            /* number 129: 1 */
    b.qs[63] = 0xC0;            /* number 255: 3 */
    b.hmask[1] = 0xFE;          /* number 1: -4 */
    b.hmask[30] = 0x7F;         /* number 254: -4 */
    dequantise(11, &b, out);
    assert_true(out[0] == -15 * 3);
    assert_true(out[1] == -15 * -4);
    assert_true(out[2] == 0);
    assert_true(out[129] == 2 * 1);
    assert_true(out[255] == 4 * 3);
    assert_true(out[254] == 4 * -4);
    assert_true(out[253] == 0);
}

static void test_iq4(void **state)
{
    (void)state;
    struct engine_iq4_nl nl = {.d = HALF_TWO};
    struct engine_iq4_xs xs = {.d = HALF_ONE, .scales_h = 0x8001};
    float out[256];
    nl.qs[0] = 0xF0;
    nl.qs[15] = 0x78;
    dequantise(20, &nl, out);
    assert_true(out[0] == -254 && out[16] == 226);
    assert_true(out[15] == 2 && out[31] == -20);
    xs.scales_l[0] = 0x21; /* part 0: 1 + 16 - 32 = -15; part 1: 2 - 32 = -30 */
    xs.scales_l[3] = 0xF0; /* part 7: 15 + 32 - 32 = 15 */
    xs.qs[1] = 0x0F;       /* number 1: 113 */
    xs.qs[16] = 0x80;      /* numbers 32 and 48: -127 and 1 */
    xs.qs[127] = 0x10;     /* numbers 239 and 255: -127 and -104 */
    dequantise(23, &xs, out);
    assert_true(out[0] == -15 * -127 && out[1] == -15 * 113);
    assert_true(out[32] == -30 * -127 && out[48] == -30);
    assert_true(out[239] == 15 * -127 && out[255] == 15 * -104);
}

static void test_mxfp4(void **state)
{
    (void)state;
    static const float values[16] = {0, 0.5F,  1,  1.5F,  2,  3,  4,  6,
                                     0, -0.5F, -1, -1.5F, -2, -3, -4, -6};
    static const struct {
        uint8_t e;
        float scale;
    } scales[] = {{127, 1},       {128, 2},       {126, 0.5F},    {0, 0x1p-127F},
                  {1, 0x1p-126F}, {2, 0x1p-125F}, {251, 0x1p124F}};
    float out[32];
    for (size_t s = 0; s < sizeof(scales) / sizeof(scales[0]); s++) {
        struct engine_mxfp4 b = {.e = scales[s].e};
        for (unsigned i = 0; i < 16; i++)
            b.qs[i] = (uint8_t)(i | (15 - i) << 4);
        dequantise(39, &b, out);
        for (size_t i = 0; i < 16; i++) {
            assert_true(out[i] == values[i] * scales[s].scale);
            assert_true(out[31 - i] == values[i] * scales[s].scale);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_q2_k),
        cmocka_unit_test(test_q3_k),
        cmocka_unit_test(test_iq4),
        cmocka_unit_test(test_mxfp4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
