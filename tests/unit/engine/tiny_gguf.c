#include "tests/unit/engine/tiny_gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void put(struct tiny_bytes *b, const void *bytes, size_t len)
{
    if (b->len + len > b->capacity) {
        b->capacity = (b->len + len) * 2 + 256;
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            abort();
    }
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
}

static void put_u32(struct tiny_bytes *b, uint32_t value)
{
    put(b, &value, 4);
}

static void put_u64(struct tiny_bytes *b, uint64_t value)
{
    put(b, &value, 8);
}

static void put_str(struct tiny_bytes *b, const char *str)
{
    put_u64(b, strlen(str));
    put(b, str, strlen(str));
}

static void put_zeros_to(struct tiny_bytes *b, size_t alignment)
{
    while (b->len % alignment != 0)
        put(b, "", 1);
}

void tiny_begin(struct tiny_file *f, uint32_t version)
{
    *f = (struct tiny_file){.version = version, .alignment = 32};
}

void tiny_kv_raw(struct tiny_file *f, const char *key, uint32_t type, const void *bytes, size_t len)
{
    f->kv_count++;
    put_str(&f->kvs, key);
    put_u32(&f->kvs, type);
    put(&f->kvs, bytes, len);
}

void tiny_kv_u32(struct tiny_file *f, const char *key, uint32_t value)
{
    if (strcmp(key, "general.alignment") == 0)
        f->alignment = value;
    tiny_kv_raw(f, key, 4, &value, 4);
}

void tiny_kv_f32(struct tiny_file *f, const char *key, float value)
{
    tiny_kv_raw(f, key, 6, &value, 4);
}

void tiny_kv_bool(struct tiny_file *f, const char *key, bool value)
{
    uint8_t byte = value ? 1 : 0;
    tiny_kv_raw(f, key, 7, &byte, 1);
}

void tiny_kv_str(struct tiny_file *f, const char *key, const char *value)
{
    tiny_kv_raw(f, key, 8, NULL, 0);
    put_str(&f->kvs, value);
}

static void array_head(struct tiny_file *f, const char *key, uint32_t item, size_t count)
{
    tiny_kv_raw(f, key, 9, NULL, 0);
    put_u32(&f->kvs, item);
    put_u64(&f->kvs, count);
}

void tiny_kv_strs(struct tiny_file *f, const char *key, const char *const *values, size_t count)
{
    array_head(f, key, 8, count);
    for (size_t i = 0; i < count; i++)
        put_str(&f->kvs, values[i]);
}

void tiny_kv_i32s(struct tiny_file *f, const char *key, const int32_t *values, size_t count)
{
    array_head(f, key, 5, count);
    put(&f->kvs, values, count * sizeof(*values));
}

void tiny_kv_f32s(struct tiny_file *f, const char *key, const float *values, size_t count)
{
    array_head(f, key, 6, count);
    put(&f->kvs, values, count * sizeof(*values));
}

void tiny_tensor(struct tiny_file *f, const char *name, uint32_t type, uint32_t n_dims,
                 const uint64_t *dims, const void *data, size_t len)
{
    f->tensor_count++;
    put_str(&f->infos, name);
    put_u32(&f->infos, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        put_u64(&f->infos, dims[i]);
    put_u32(&f->infos, type);
    put_zeros_to(&f->data, f->alignment);
    put_u64(&f->infos, f->data.len);
    put(&f->data, data, len);
}

struct slice tiny_end(struct tiny_file *f)
{
    struct tiny_bytes all = {0};
    put(&all, "GGUF", 4);
    put_u32(&all, f->version);
    put_u64(&all, f->tensor_count);
    put_u64(&all, f->kv_count);
    put(&all, f->kvs.data, f->kvs.len);
    put(&all, f->infos.data, f->infos.len);
    put_zeros_to(&all, f->alignment ? f->alignment : 1);
    put(&all, f->data.data, f->data.len);
    /* An allocation of the exact size, so that reads past the end are seen by AddressSanitizer. */
    void *whole = NULL;
    if (posix_memalign(&whole, 64, all.len) != 0)
        abort();
    memcpy(whole, all.data, all.len);
    free(all.data);
    f->whole = whole;
    return slice_of(whole, all.len);
}

void tiny_done(struct tiny_file *f)
{
    free(f->kvs.data);
    free(f->infos.data);
    free(f->data.data);
    free(f->whole);
    *f = (struct tiny_file){0};
}

/* --- numbers ------------------------------------------------------------------------------ */

uint64_t tiny_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

double tiny_normal(uint64_t *state)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (double)(tiny_random(state) >> 11) * 0x1p-53;
    return sum - 6.0;
}

/* Nearest half, ties to even, by trying all neighbours of a first guess: slow and plain. */
static double half_value(uint16_t h)
{
    int e = (h >> 10) & 31, m = h & 1023;
    double v = e == 0 ? ldexp(m, -24) : ldexp(1024 + m, e - 25);
    return h & 0x8000 ? -v : v;
}

static uint16_t half_of(double value)
{
    double magnitude = fabs(value);
    uint16_t low = 0, high = 0x7BFF;
    if (magnitude >= half_value(high))
        low = high;
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (half_value(middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    double below = magnitude - half_value(low), above = half_value(high) - magnitude;
    uint16_t h = below < above || (below == above && (low & 1) == 0) ? low : high;
    return value < 0 ? (uint16_t)(h | 0x8000) : h;
}

static size_t pack_q8_0(const float *values, size_t n, uint8_t *out)
{
    for (size_t b = 0; b < n / 32; b++) {
        double most = 0;
        for (size_t i = 0; i < 32; i++)
            most = fmax(most, fabs((double)values[b * 32 + i]));
        uint16_t d = half_of(most / 127);
        memcpy(out + b * 34, &d, 2);
        for (size_t i = 0; i < 32; i++) {
            double q = half_value(d) > 0 ? round((double)values[b * 32 + i] / half_value(d)) : 0;
            int8_t byte = (int8_t)fmax(-127, fmin(127, q));
            memcpy(out + b * 34 + 2 + i, &byte, 1);
        }
    }
    return n / 32 * 34;
}

/* Least and largest of n values. */
static void bounds(const float *values, size_t n, double *least, double *largest)
{
    *least = *largest = (double)values[0];
    for (size_t i = 1; i < n; i++) {
        *least = fmin(*least, (double)values[i]);
        *largest = fmax(*largest, (double)values[i]);
    }
}

static int level(double x, int low, int high)
{
    return x != x ? low : (int)fmax(low, fmin(high, round(x)));
}

/* Q4_0, Q4_1, Q5_0, Q5_1: 32 numbers, `bits` each, with or without a minimum. */
static size_t pack_32(const float *values, size_t n, unsigned bits, bool with_min, uint8_t *out)
{
    uint8_t *start = out;
    int most = (1 << bits) - 1;
    for (; n >= 32; n -= 32, values += 32) {
        double least, largest, d, m;
        bounds(values, 32, &least, &largest);
        uint16_t hd = half_of(with_min ? (largest - least) / most
                                       : fmax(-least, largest) / (double)(most / 2)),
                 hm = half_of(least);
        d = half_value(hd);
        m = with_min ? half_value(hm) : -d * (double)((most + 1) / 2);
        memcpy(out, &hd, 2);
        memcpy(out + 2, &hm, 2);
        out += with_min ? 4 : 2;
        uint8_t *high = out, *low = out + (bits == 5 ? 4 : 0);
        memset(high, 0, bits == 5 ? 20 : 16);
        for (size_t i = 0; i < 32; i++) {
            int q = level(((double)values[i] - m) / d, 0, most);
            low[i % 16] |= (uint8_t)((q & 15) << (i < 16 ? 0 : 4));
            if (q > 15)
                high[i / 8] |= (uint8_t)(1 << i % 8);
        }
        out = low + 16;
    }
    return (size_t)(out - start);
}

/* Q4_K and Q5_K. */
static size_t pack_k(const float *values, size_t n, unsigned bits, uint8_t *out)
{
    uint8_t *start = out;
    int most = (1 << bits) - 1;
    for (; n >= 256; n -= 256, values += 256) {
        double scale[8], min[8], d, dmin, top = 0, top_min = 0;
        for (size_t j = 0; j < 8; j++) {
            double least, largest;
            bounds(values + j * 32, 32, &least, &largest);
            min[j] = fmax(0, -least);
            scale[j] = (largest + min[j]) / most;
            top = fmax(top, scale[j]);
            top_min = fmax(top_min, min[j]);
        }
        uint16_t hd = half_of(top / 63), hm = half_of(top_min / 63);
        d = half_value(hd);
        dmin = half_value(hm);
        memcpy(out, &hd, 2);
        memcpy(out + 2, &hm, 2);
        uint8_t *s = out + 4, *high = out + 16, *low = high + (bits == 5 ? 32 : 0);
        memset(s, 0, (size_t)(low + 128 - s));
        for (size_t j = 0; j < 8; j++) {
            int a = level(scale[j] / d, 0, 63), b = level(min[j] / dmin, 0, 63);
            if (j < 4) {
                s[j] |= (uint8_t)a;
                s[j + 4] |= (uint8_t)b;
            } else {
                s[j + 4] = (uint8_t)((a & 15) | (b & 15) << 4);
                s[j - 4] |= (uint8_t)(a >> 4 << 6);
                s[j] |= (uint8_t)(b >> 4 << 6);
            }
            for (size_t i = 0; i < 32; i++) {
                int q = level(((double)values[j * 32 + i] + dmin * b) / (d * a), 0, most);
                low[j / 2 * 32 + i] |= (uint8_t)((q & 15) << (j % 2 * 4));
                if (q > 15)
                    high[i] |= (uint8_t)(1 << j);
            }
        }
        out = low + 128;
    }
    return (size_t)(out - start);
}

static size_t pack_q6_k(const float *values, size_t n, uint8_t *out)
{
    uint8_t *start = out;
    for (; n >= 256; n -= 256, values += 256, out += 210) {
        double scale[16], top = 0;
        for (size_t j = 0; j < 16; j++) {
            double least, largest;
            bounds(values + j * 16, 16, &least, &largest);
            scale[j] = fmax(-least, largest) / 31 * (j % 3 == 0 ? -1 : 1); /* both signs */
            top = fmax(top, fabs(scale[j]));
        }
        uint16_t hd = half_of(top / 127);
        memset(out, 0, 208);
        memcpy(out + 208, &hd, 2);
        for (size_t j = 0; j < 16; j++) {
            int8_t a = (int8_t)level(scale[j] / half_value(hd), -127, 127);
            memcpy(out + 192 + j, &a, 1);
            for (size_t i = j * 16; i < j * 16 + 16; i++) {
                int q = level((double)values[i] / (half_value(hd) * a), -32, 31) + 32;
                size_t run = i % 128 / 32, at = i / 128 * 64 + run % 2 * 32 + i % 32;
                out[at] |= (uint8_t)((q & 15) << (run / 2 * 4));
                out[128 + i / 128 * 32 + i % 32] |= (uint8_t)((q >> 4) << (run * 2));
            }
        }
    }
    return (size_t)(out - start);
}

static size_t pack_q2_k(const float *values, size_t n, uint8_t *out)
{
    uint8_t *start = out;
    for (; n >= 256; n -= 256, values += 256, out += 84) {
        double scale[16], min[16], top = 0, top_min = 0;
        for (size_t j = 0; j < 16; j++) {
            double least, largest;
            bounds(values + j * 16, 16, &least, &largest);
            min[j] = fmax(0, -least);
            scale[j] = (largest + min[j]) / 3;
            top = fmax(top, scale[j]);
            top_min = fmax(top_min, min[j]);
        }
        uint16_t hd = half_of(top / 15), hm = half_of(top_min / 15);
        memset(out, 0, 80);
        memcpy(out + 80, &hd, 2);
        memcpy(out + 82, &hm, 2);
        for (size_t i = 0; i < 256; i++) {
            size_t j = i / 16;
            int a = level(scale[j] / half_value(hd), 0, 15);
            int b = level(min[j] / half_value(hm), 0, 15);
            double x = ((double)values[i] + half_value(hm) * b) / (half_value(hd) * a);
            out[j] = (uint8_t)(a | b << 4);
            out[16 + i / 128 * 32 + i % 32] |= (uint8_t)(level(x, 0, 3) << (i % 128 / 32 * 2));
        }
    }
    return (size_t)(out - start);
}

static size_t pack_q3_k(const float *values, size_t n, uint8_t *out)
{
    uint8_t *start = out;
    for (; n >= 256; n -= 256, values += 256, out += 110) {
        double scale[16], top = 0;
        for (size_t j = 0; j < 16; j++) {
            double least, largest;
            bounds(values + j * 16, 16, &least, &largest);
            scale[j] = fmax(-least, largest) / 3.5 * (j % 3 == 0 ? -1 : 1); /* both signs */
            top = fmax(top, fabs(scale[j]));
        }
        uint16_t hd = half_of(top / 31);
        memset(out, 0, 108);
        memcpy(out + 108, &hd, 2);
        for (size_t i = 0; i < 256; i++) {
            size_t j = i / 16;
            int a = level(scale[j] / half_value(hd), -32, 31);
            int q = level((double)values[i] / (half_value(hd) * a), -4, 3) + 4;
            if (i % 16 == 0) {
                out[96 + j % 8] |= (uint8_t)((a + 32) % 16 << (j / 8 * 4));
                out[104 + j % 4] |= (uint8_t)((a + 32) / 16 << (j / 4 * 2));
            }
            out[32 + i / 128 * 32 + i % 32] |= (uint8_t)(q % 4 << (i % 128 / 32 * 2));
            out[i % 32] |= (uint8_t)(q / 4 << (i / 32));
        }
    }
    return (size_t)(out - start);
}

static const int iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
static const int mxfp4_levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static void pack_levels(const float *values, double d, const int *levels, uint8_t *out)
{
    memset(out, 0, 16);
    for (size_t i = 0; i < 32; i++) {
        int best = 0;
        for (int q = 1; q < 16; q++) {
            if (fabs((double)values[i] - d * levels[q]) <
                fabs((double)values[i] - d * levels[best]))
                best = q;
        }
        out[i % 16] |= (uint8_t)(best << (i < 16 ? 0 : 4));
    }
}

static size_t pack_iq4_nl(const float *values, size_t n, uint8_t *out)
{
    for (size_t b = 0; b < n / 32; b++, values += 32, out += 18) {
        double least, largest;
        bounds(values, 32, &least, &largest);
        uint16_t hd = half_of(fmax(-least, largest) / (-least > largest ? 127 : -127));
        memcpy(out, &hd, 2);
        pack_levels(values, half_value(hd), iq4_levels, out + 2);
    }
    return n / 32 * 18;
}

static size_t pack_iq4_xs(const float *values, size_t n, uint8_t *out)
{
    uint8_t *start = out;
    for (; n >= 256; n -= 256, values += 256, out += 136) {
        double scale[8], top = 0;
        for (size_t j = 0; j < 8; j++) {
            double least, largest;
            bounds(values + j * 32, 32, &least, &largest);
            scale[j] = fmax(-least, largest) / 120 * (j % 3 == 0 ? -1 : 1); /* both signs */
            top = fmax(top, fabs(scale[j]));
        }
        uint16_t hd = half_of(top / 31);
        memset(out, 0, 8);
        memcpy(out, &hd, 2);
        for (size_t j = 0; j < 8; j++) {
            int a = level(scale[j] / half_value(hd), -32, 31);
            out[2 + j / 4] |= (uint8_t)((a + 32) / 16 << (j % 4 * 2));
            out[4 + j / 2] |= (uint8_t)((a + 32) % 16 << (j % 2 * 4));
            pack_levels(values + j * 32, half_value(hd) * a, iq4_levels, out + 8 + j * 16);
        }
    }
    return (size_t)(out - start);
}

/* The scale such that the largest number is one of the two largest levels, 4 or 6, or near. */
static size_t pack_mxfp4(const float *values, size_t n, uint8_t *out)
{
    for (size_t b = 0; b < n / 32; b++, values += 32, out += 17) {
        double least, largest;
        bounds(values, 32, &least, &largest);
        double most = fmax(-least, largest);
        int e = most > 0 ? level(floor(log2(most)) - 2 + 127, 0, 254) : 0;
        out[0] = (uint8_t)e;
        pack_levels(values, ldexp(0.5, e - 127), mxfp4_levels, out + 1);
    }
    return n / 32 * 17;
}

size_t tiny_pack(uint32_t type, const float *values, size_t n, uint8_t *out)
{
    switch (type) {
    case 2:
        return pack_32(values, n, 4, false, out);
    case 3:
        return pack_32(values, n, 4, true, out);
    case 6:
        return pack_32(values, n, 5, false, out);
    case 7:
        return pack_32(values, n, 5, true, out);
    case 8:
        return pack_q8_0(values, n, out);
    case 12:
        return pack_k(values, n, 4, out);
    case 13:
        return pack_k(values, n, 5, out);
    case 14:
        return pack_q6_k(values, n, out);
    case 10:
        return pack_q2_k(values, n, out);
    case 11:
        return pack_q3_k(values, n, out);
    case 20:
        return pack_iq4_nl(values, n, out);
    case 23:
        return pack_iq4_xs(values, n, out);
    case 39:
        return pack_mxfp4(values, n, out);
    default:
        break;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], 4);
        uint16_t half = type == 1 ? half_of((double)values[i]) : (uint16_t)(bits >> 16);
        if (type == 0)
            memcpy(out + i * 4, &bits, 4);
        else
            memcpy(out + i * 2, &half, 2);
    }
    return n * (type == 0 ? 4 : 2);
}

static double half_at(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, 2);
    return half_value(half);
}

/* Number i of a row of Q4_0, Q4_1, Q5_0 or Q5_1. */
static double number_32(const uint8_t *row, size_t i, unsigned bits, bool with_min)
{
    size_t head = with_min ? 4 : 2, block = head + (bits == 5 ? 4 : 0) + 16, at = i % 32;
    const uint8_t *b = row + i / 32 * block, *nibbles = b + block - 16;
    int q = nibbles[at % 16] >> (at < 16 ? 0 : 4) & 15;
    if (bits == 5)
        q += 16 * (b[head + at / 8] >> at % 8 & 1);
    if (with_min)
        return half_at(b) * q + half_at(b + 2);
    return half_at(b) * (q - (bits == 5 ? 16 : 8));
}

/* Number i of a row of Q4_K or Q5_K. */
static double number_k(const uint8_t *row, size_t i, unsigned bits)
{
    const uint8_t *b = row + i / 256 * (bits == 5 ? 176 : 144), *s = b + 4;
    size_t at = i % 256, part = at / 32;
    int scale = s[part] & 63, min = s[(part + 4) % 12] & 63;
    if (part >= 4) {
        scale = s[part + 4] % 16 + s[part - 4] / 64 * 16;
        min = s[part + 4] / 16 + s[part] / 64 * 16;
    }
    int q = b[(bits == 5 ? 48 : 16) + part / 2 * 32 + at % 32] >> (part % 2 * 4) & 15;
    if (bits == 5)
        q += 16 * (b[16 + at % 32] >> part & 1);
    return half_at(b) * scale * q - half_at(b + 2) * min;
}

static double number_q6_k(const uint8_t *row, size_t i)
{
    const uint8_t *b = row + i / 256 * 210;
    size_t at = i % 256, half = at / 128, run = at % 128 / 32;
    int8_t scale;
    memcpy(&scale, b + 192 + at / 16, 1);
    int low = b[half * 64 + run % 2 * 32 + at % 32] >> (run / 2 * 4) & 15;
    int high = b[128 + half * 32 + at % 32] >> (run * 2) & 3;
    return half_at(b + 208) * scale * (low + 16 * high - 32);
}

/* Number i of a row of Q2_K or Q3_K. */
static double number_low_k(const uint8_t *row, size_t i, unsigned bits)
{
    const uint8_t *b = row + i / 256 * (bits == 2 ? 84 : 110);
    size_t at = i % 256, part = at / 16, byte = at / 128 * 32 + at % 32, shift = at % 128 / 32 * 2;
    if (bits == 2)
        return half_at(b + 80) * (b[part] & 15) * (b[16 + byte] >> shift & 3) -
               half_at(b + 82) * (b[part] >> 4);
    int scale = (part < 8 ? b[96 + part] & 15 : b[88 + part] >> 4) +
                16 * (b[104 + part % 4] >> (part / 4 * 2) & 3) - 32;
    int q = (b[32 + byte] >> shift & 3) - (b[at % 32] >> (at / 32) & 1 ? 0 : 4);
    return half_at(b + 108) * scale * q;
}

/* Number i of a row of IQ4_NL, IQ4_XS or MXFP4. */
static double number_levels(uint32_t type, const uint8_t *row, size_t i)
{
    size_t at = i % 32, shift = at < 16 ? 0 : 4;
    if (type == 20) {
        const uint8_t *b = row + i / 32 * 18;
        return half_at(b) * iq4_levels[b[2 + at % 16] >> shift & 15];
    }
    if (type == 39) {
        const uint8_t *b = row + i / 32 * 17;
        return ldexp(mxfp4_levels[b[1 + at % 16] >> shift & 15], b[0] - 128);
    }
    const uint8_t *b = row + i / 256 * 136;
    size_t j = i % 256 / 32;
    int scale = (b[4 + j / 2] >> (j % 2 * 4) & 15) + 16 * (b[2 + j / 4] >> (j % 4 * 2) & 3) - 32;
    return half_at(b) * scale * iq4_levels[b[8 + j * 16 + at % 16] >> shift & 15];
}

static double number(uint32_t type, const uint8_t *row, size_t i)
{
    uint32_t bits = 0;
    float value;
    int8_t q;
    switch (type) {
    case 0:
        memcpy(&value, row + i * 4, 4);
        return (double)value;
    case 1:
        return half_at(row + i * 2);
    case 2:
        return number_32(row, i, 4, false);
    case 3:
        return number_32(row, i, 4, true);
    case 6:
        return number_32(row, i, 5, false);
    case 7:
        return number_32(row, i, 5, true);
    case 8:
        memcpy(&q, row + i / 32 * 34 + 2 + i % 32, 1);
        return half_at(row + i / 32 * 34) * q;
    case 12:
        return number_k(row, i, 4);
    case 13:
        return number_k(row, i, 5);
    case 14:
        return number_q6_k(row, i);
    case 10:
        return number_low_k(row, i, 2);
    case 11:
        return number_low_k(row, i, 3);
    case 20:
    case 23:
    case 39:
        return number_levels(type, row, i);
    case 30:
        bits = (uint32_t)row[i * 2] << 16 | (uint32_t)row[i * 2 + 1] << 24;
        memcpy(&value, &bits, 4);
        return (double)value;
    default:
        abort();
    }
}

void tiny_unpack(uint32_t type, const uint8_t *bytes, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = number(type, bytes, i);
}

/* --- models ------------------------------------------------------------------------------- */

/* A random tensor of `parts` matrices: normal numbers of deviation `scale` around `mean`. */
static void random_parts(struct tiny_file *f, uint64_t *seed, const char *name, uint32_t type,
                         const uint64_t dims[3], double mean, double scale)
{
    size_t n = (size_t)(dims[0] * dims[1] * dims[2]);
    float *values = malloc(n * sizeof(float));
    uint8_t *packed = malloc(n * 4);
    if (!values || !packed)
        abort();
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(mean + scale * tiny_normal(seed));
    size_t len = tiny_pack(type, values, n, packed);
    tiny_tensor(f, name, type, dims[2] > 1 ? 3 : dims[1] > 1 ? 2 : 1, dims, packed, len);
    free(values);
    free(packed);
}

static void random_tensor(struct tiny_file *f, uint64_t *seed, const char *name, uint32_t type,
                          uint64_t cols, uint64_t rows, double mean, double scale)
{
    random_parts(f, seed, name, type, (const uint64_t[3]){cols, rows, 1}, mean, scale);
}

static void layer_parts(struct tiny_file *f, uint64_t *seed, uint32_t layer, const char *suffix,
                        uint32_t type, const uint64_t dims[3], double mean, double scale)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "blk.%u.%s", layer, suffix);
    random_parts(f, seed, name, type, dims, mean, scale);
}

static void layer_tensor(struct tiny_file *f, uint64_t *seed, uint32_t layer, const char *suffix,
                         uint32_t type, uint64_t cols, uint64_t rows, double mean, double scale)
{
    layer_parts(f, seed, layer, suffix, type, (const uint64_t[3]){cols, rows, 1}, mean, scale);
}

static void layer_norm(const struct tiny_model *m, struct tiny_file *f, uint64_t *seed, uint32_t il,
                       const char *stem)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s.weight", stem);
    layer_tensor(f, seed, il, name, 0, m->n_embd, 1, 1, 0.2);
    (void)snprintf(name, sizeof(name), "%s.bias", stem);
    if (m->layer_norm)
        layer_tensor(f, seed, il, name, 0, m->n_embd, 1, 0, 0.3);
}

static uint32_t layer_size(const uint32_t per_layer[4], uint32_t il, uint32_t all)
{
    return il < 4 && per_layer[il] ? per_layer[il] : all;
}

/* Of the matrices that mixtures give more bits. */
static uint32_t more_type(const struct tiny_model *m, uint32_t il)
{
    return m->more_type && il % 2 == 0 ? m->more_type : m->type;
}

static void write_attention(const struct tiny_model *m, struct tiny_file *f, uint64_t *seed,
                            uint32_t il)
{
    uint64_t d = m->n_embd, q = (uint64_t)layer_size(m->heads, il, m->n_head) * m->head_dim;
    uint64_t kv = (uint64_t)layer_size(m->heads_kv, il, m->n_head_kv) * m->head_dim;
    double s = 1.0 / sqrt((double)d);
    if (m->fused_qkv) {
        layer_tensor(f, seed, il, "attn_qkv.weight", m->type, d, q + 2 * kv, 0, s);
        if (m->biases && !m->split_biases)
            layer_tensor(f, seed, il, "attn_qkv.bias", 0, q + 2 * kv, 1, 0, 0.3);
    } else {
        layer_tensor(f, seed, il, "attn_q.weight", m->type, d, q, 0, s);
        layer_tensor(f, seed, il, "attn_k.weight", m->type, d, kv, 0, s);
        layer_tensor(f, seed, il, "attn_v.weight", more_type(m, 0), d, kv, 0, s);
    }
    if (m->biases && (!m->fused_qkv || m->split_biases)) {
        layer_tensor(f, seed, il, "attn_q.bias", 0, q, 1, 0, 0.3);
        layer_tensor(f, seed, il, "attn_k.bias", 0, kv, 1, 0, 0.3);
        layer_tensor(f, seed, il, "attn_v.bias", 0, kv, 1, 0, 0.3);
    }
    if (m->qk_norm) {
        layer_tensor(f, seed, il, "attn_q_norm.weight", 0, m->head_dim, 1, 1, 0.2);
        layer_tensor(f, seed, il, "attn_k_norm.weight", 0, m->head_dim, 1, 1, 0.2);
    }
    if (m->sinks)
        layer_tensor(f, seed, il, "attn_sinks.weight", 0, q / m->head_dim, 1, 1, 1);
    layer_tensor(f, seed, il, "attn_output.weight", m->type, q, d, 0, 1.0 / sqrt((double)q));
    if (m->biases && !m->no_output_bias)
        layer_tensor(f, seed, il, "attn_output.bias", 0, d, 1, 0, 0.3);
}

static void write_mlp(const struct tiny_model *m, struct tiny_file *f, uint64_t *seed, uint32_t il)
{
    uint64_t d = m->n_embd, ff = layer_size(m->ffs, il, m->n_ff);
    double s = 1.0 / sqrt((double)d);
    if (!m->plain_mlp && !m->stacked_mlp)
        layer_tensor(f, seed, il, "ffn_gate.weight", m->type, d, ff, 0, s);
    layer_tensor(f, seed, il, "ffn_up.weight", m->type, d, m->stacked_mlp ? 2 * ff : ff, 0, s);
    layer_tensor(f, seed, il, "ffn_down.weight", more_type(m, il), ff, d, 0,
                 1.0 / sqrt((double)ff));
    if (m->mlp_biases) {
        if (!m->plain_mlp)
            layer_tensor(f, seed, il, "ffn_gate.bias", 0, ff, 1, 0, 0.3);
        layer_tensor(f, seed, il, "ffn_up.bias", 0, ff, 1, 0, 0.3);
        layer_tensor(f, seed, il, "ffn_down.bias", 0, d, 1, 0, 0.3);
    }
}

static void write_experts(const struct tiny_model *m, struct tiny_file *f, uint64_t *seed,
                          uint32_t il)
{
    uint64_t d = m->n_embd, ff = m->n_ff_expert ? m->n_ff_expert : m->n_ff, count = m->n_expert;
    uint32_t type = m->expert_type ? m->expert_type : m->type;
    const uint64_t in[3] = {d, ff, count}, out[3] = {ff, d, count};
    double s = 1.0 / sqrt((double)d);
    layer_tensor(f, seed, il, "ffn_gate_inp.weight", 0, d, count, 0, 2 * s);
    layer_parts(f, seed, il, "ffn_gate_exps.weight", type, in, 0, 2 * s);
    layer_parts(f, seed, il, "ffn_up_exps.weight", type, in, 0, 2 * s);
    layer_parts(f, seed, il, "ffn_down_exps.weight", m->expert_type ? type : more_type(m, il), out,
                0, 1.0 / sqrt((double)ff));
    if (m->expert_biases) {
        layer_tensor(f, seed, il, "ffn_gate_inp.bias", 0, count, 1, 0, 0.3);
        layer_tensor(f, seed, il, "ffn_gate_exps.bias", 0, ff, count, 0, 0.3);
        layer_tensor(f, seed, il, "ffn_up_exps.bias", 0, ff, count, 0, 0.3);
        layer_tensor(f, seed, il, "ffn_down_exps.bias", 0, d, count, 0, 0.3);
    }
}

/* One number for each pair of a head, rising from `from`. */
static void write_factors(const struct tiny_model *m, struct tiny_file *f, const char *name,
                          float from, float step)
{
    uint64_t half = (m->n_rot ? m->n_rot : m->head_dim) / 2;
    float factors[512];
    for (uint64_t i = 0; i < half; i++)
        factors[i] = i < half / 2 ? from : from + (float)i * step;
    tiny_tensor(f, name, 0, 1, &half, factors, half * 4);
}

static void write_tensors(const struct tiny_model *m, struct tiny_file *f)
{
    uint64_t seed = m->seed * 7919 + 17, d = m->n_embd;
    random_tensor(f, &seed, "token_embd.weight", m->type, d, m->n_vocab, 0, 1.0);
    for (uint32_t il = 0; il < m->n_layer; il++) {
        layer_norm(m, f, &seed, il, m->encoder ? "attn_output_norm" : "attn_norm");
        write_attention(m, f, &seed, il);
        layer_norm(m, f, &seed, il,
                   m->encoder    ? "layer_output_norm"
                   : m->ffn_norm ? m->ffn_norm
                                 : "ffn_norm");
        if (m->post_norms) {
            layer_norm(m, f, &seed, il, "post_attention_norm");
            layer_norm(m, f, &seed, il, "post_ffw_norm");
        }
        if (m->n_expert)
            write_experts(m, f, &seed, il);
        else
            write_mlp(m, f, &seed, il);
    }
    if (m->encoder) {
        random_tensor(f, &seed, "token_embd_norm.weight", 0, d, 1, 1, 0.2);
        random_tensor(f, &seed, "token_embd_norm.bias", 0, d, 1, 0, 0.3);
        if (m->positions)
            random_tensor(f, &seed, "position_embd.weight", m->type, d,
                          m->context ? m->context : 512, 0, 0.5);
        if (m->token_types)
            random_tensor(f, &seed, "token_types.weight", 0, d, m->token_types, 0, 0.5);
        return;
    }
    random_tensor(f, &seed, "output_norm.weight", 0, d, 1, 1, 0.2);
    if (m->layer_norm)
        random_tensor(f, &seed, "output_norm.bias", 0, d, 1, 0, 0.3);
    if (!m->tied)
        random_tensor(f, &seed, "output.weight", more_type(m, 0), d, m->n_vocab, 0,
                      1.0 / sqrt((double)d));
    if (m->rope_freqs)
        write_factors(m, f, "rope_freqs.weight", 1.0F, 0.7F);
    if (m->rope_long) {
        write_factors(m, f, "rope_factors_long.weight", 1.2F, 0.9F);
        write_factors(m, f, "rope_factors_short.weight", 1.05F, 0.1F);
    }
}

static void kv_u32(const struct tiny_model *m, struct tiny_file *f, const char *suffix,
                   uint32_t value)
{
    char key[96];
    (void)snprintf(key, sizeof(key), "%s.%s", m->arch, suffix);
    tiny_kv_u32(f, key, value);
}

static void kv_f32(const struct tiny_model *m, struct tiny_file *f, const char *suffix, float value)
{
    char key[96];
    (void)snprintf(key, sizeof(key), "%s.%s", m->arch, suffix);
    if (value != 0.0F)
        tiny_kv_f32(f, key, value);
}

/* One number, or one for each layer where they differ. */
static void kv_sizes(const struct tiny_model *m, struct tiny_file *f, const char *suffix,
                     const uint32_t per_layer[4], uint32_t all)
{
    char key[96];
    int32_t values[64];
    (void)snprintf(key, sizeof(key), "%s.%s", m->arch, suffix);
    if (!per_layer[0] && !per_layer[1] && !per_layer[2] && !per_layer[3]) {
        tiny_kv_u32(f, key, all);
        return;
    }
    for (uint32_t il = 0; il < m->n_layer; il++)
        values[il] = (int32_t)layer_size(per_layer, il, all);
    tiny_kv_i32s(f, key, values, m->n_layer);
}

static void write_rope_keys(const struct tiny_model *m, struct tiny_file *f)
{
    char key[96];
    const char *scaling = m->rope_linear > 0 ? "linear" : m->rope_scaling;
    kv_u32(m, f, "rope.dimension_count", m->n_rot ? m->n_rot : m->head_dim);
    kv_f32(m, f, "rope.freq_base", m->rope_base > 0 ? m->rope_base : 10000.0F);
    kv_f32(m, f, "rope.freq_base_swa", m->rope_base_swa);
    (void)snprintf(key, sizeof(key), "%s.rope.scaling.type", m->arch);
    if (scaling)
        tiny_kv_str(f, key, scaling);
    if (m->rope_original)
        kv_u32(m, f, "rope.scaling.original_context_length", m->rope_original);
    kv_f32(m, f, "rope.scaling.factor", m->rope_linear > 0 ? m->rope_linear : m->rope_factor);
    kv_f32(m, f, "rope.scaling.attn_factor", m->rope_attn_factor);
    kv_f32(m, f, "rope.scaling.yarn_beta_fast", m->yarn_fast);
    kv_f32(m, f, "rope.scaling.yarn_beta_slow", m->yarn_slow);
    kv_f32(m, f, "rope.scaling.yarn_log_multiplier", m->yarn_log);
    kv_f32(m, f, "rope.scaling.yarn_attn_factor", m->yarn_attn);
}

static void write_window_keys(const struct tiny_model *m, struct tiny_file *f)
{
    char key[96];
    int32_t pattern[64];
    if (m->window)
        kv_u32(m, f, "attention.sliding_window", m->window);
    if (m->window_period && !m->window_array)
        kv_u32(m, f, "attention.sliding_window_pattern", m->window_period);
    if (m->window_period && m->window_array) {
        for (uint32_t il = 0; il < m->n_layer; il++)
            pattern[il] = (il + 1) % m->window_period != 0;
        (void)snprintf(key, sizeof(key), "%s.attention.sliding_window_pattern", m->arch);
        tiny_kv_i32s(f, key, pattern, m->n_layer);
    }
}

static void write_keys(const struct tiny_model *m, struct tiny_file *f)
{
    char key[96];
    tiny_kv_str(f, "general.architecture", m->arch);
    tiny_kv_str(f, "general.name", "tiny");
    kv_u32(m, f, "context_length", m->context ? m->context : 512);
    kv_u32(m, f, "embedding_length", m->n_embd);
    kv_u32(m, f, "block_count", m->n_layer);
    kv_sizes(m, f, "feed_forward_length", m->ffs, m->n_ff);
    kv_sizes(m, f, "attention.head_count", m->heads, m->n_head);
    kv_sizes(m, f, "attention.head_count_kv", m->heads_kv, m->n_head_kv);
    kv_u32(m, f, "attention.key_length", m->head_dim);
    kv_u32(m, f, "attention.value_length", m->head_dim);
    kv_f32(m, f,
           m->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
           1e-5F);
    if (m->n_expert) {
        kv_u32(m, f, "expert_count", m->n_expert);
        kv_u32(m, f, "expert_used_count", m->n_expert_used);
    }
    if (m->n_ff_expert)
        kv_u32(m, f, "expert_feed_forward_length", m->n_ff_expert);
    write_rope_keys(m, f);
    write_window_keys(m, f);
    kv_f32(m, f, "attention.temperature_scale", m->temperature);
    kv_f32(m, f, "attn_logit_softcapping", m->attn_cap);
    kv_f32(m, f, "final_logit_softcapping", m->final_cap);
    if (m->encoder) {
        (void)snprintf(key, sizeof(key), "%s.attention.causal", m->arch);
        tiny_kv_bool(f, key, false);
        tiny_kv_u32(f, "tokenizer.ggml.token_type_count", m->token_types ? m->token_types : 1);
    }
    if (m->pooling)
        kv_u32(m, f, "pooling_type", m->pooling);
    const int32_t several[2] = {(int32_t)m->more_key_value, 0};
    if (m->more_key && m->more_key_type == 9)
        tiny_kv_i32s(f, m->more_key, several, 2);
    else if (m->more_key)
        tiny_kv_raw(f, m->more_key, m->more_key_type, &m->more_key_value,
                    m->more_key_type == 7 ? 1 : 4);
}

static void write_vocab(const struct tiny_model *m, struct tiny_file *f)
{
    const char **texts = calloc(m->n_vocab, sizeof(*texts));
    char(*names)[16] = calloc(m->n_vocab, sizeof(*names));
    int32_t *types = calloc(m->n_vocab, sizeof(*types));
    if (!texts || !names || !types)
        abort();
    for (uint32_t i = 0; i < m->n_vocab; i++) {
        (void)snprintf(names[i], sizeof(names[i]), i == 0 ? "<eos>" : "t%u", i);
        texts[i] = names[i];
        types[i] = i == 0 ? 3 : 1;
    }
    tiny_kv_str(f, "tokenizer.ggml.model", "gpt2");
    tiny_kv_str(f, "tokenizer.ggml.pre", "gpt-2");
    tiny_kv_strs(f, "tokenizer.ggml.tokens", texts, m->n_vocab);
    tiny_kv_i32s(f, "tokenizer.ggml.token_type", types, m->n_vocab);
    tiny_kv_strs(f, "tokenizer.ggml.merges", (const char *const[]){"t 1"}, 1);
    tiny_kv_u32(f, "tokenizer.ggml.eos_token_id", 0);
    tiny_kv_bool(f, "tokenizer.ggml.add_bos_token", false);
    free(texts);
    free(names);
    free(types);
}

/* GPT-2's letter for a byte, as UTF-8. */
static void byte_text(uint32_t byte, char out[4])
{
    static uint32_t odd; /* bytes without a printable form of their own come in rising order */
    bool plain = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    odd = byte == 0 ? 0 : odd;
    uint32_t code = plain ? byte : 256 + odd++;
    if (code < 128) {
        out[0] = (char)code;
    } else {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
    }
}

static void write_byte_vocab(const struct tiny_model *m, struct tiny_file *f)
{
    static const char *const special[] = {"<eos>", "<|im_start|>", "<|im_end|>"};
    const char **texts = calloc(m->n_vocab, sizeof(*texts));
    char(*names)[24] = calloc(m->n_vocab, sizeof(*names));
    int32_t *types = calloc(m->n_vocab, sizeof(*types));
    if (!texts || !names || !types || m->n_vocab < 260)
        abort();
    for (uint32_t i = 0; i < m->n_vocab; i++) {
        if (i < 256)
            byte_text(i, names[i]);
        else
            (void)snprintf(names[i], sizeof(names[i]), "<unused%u>", i);
        texts[i] = i >= 256 && i < 259 ? special[i - 256] : names[i];
        types[i] = i < 256 ? 1 : i < 259 ? 3 : 5;
    }
    tiny_kv_str(f, "tokenizer.ggml.model", "gpt2");
    tiny_kv_str(f, "tokenizer.ggml.pre", "gpt-2");
    tiny_kv_strs(f, "tokenizer.ggml.tokens", texts, m->n_vocab);
    tiny_kv_i32s(f, "tokenizer.ggml.token_type", types, m->n_vocab);
    tiny_kv_strs(f, "tokenizer.ggml.merges", NULL, 0);
    tiny_kv_u32(f, "tokenizer.ggml.eos_token_id", 256);
    if (m->chat_template)
        tiny_kv_str(f, "tokenizer.chat_template", m->chat_template);
    if (m->tool_template)
        tiny_kv_str(f, "tokenizer.chat_template.tool_use", m->tool_template);
    free(texts);
    free(names);
    free(types);
}

struct slice tiny_model_write(const struct tiny_model *m, struct tiny_file *f)
{
    tiny_begin(f, 3);
    write_keys(m, f);
    if (m->chat_template || m->bytes)
        write_byte_vocab(m, f);
    else
        write_vocab(m, f);
    write_tensors(m, f);
    return tiny_end(f);
}
