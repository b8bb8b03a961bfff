/*
 * What a training step on a CPU does besides matrix products: norms, attention over packed
 * conversations, the gate of the feed-forward part. fast.py compiles and calls it.
 *
 * Rows are ids of several conversations, one after the other; starts[] says where each begins, and
 * attention stays inside. Sums are kept in float, operands of the products in bfloat16.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));
enum { LANES = 16, HEAD = 32, ROWS = 4, DIM_MAX = 1024 }; /* HEAD: the size of a head, fixed */

typedef uint16_t bf16;

static inline float up(bf16 v)
{
    union {
        uint32_t i;
        float f;
    } u = {(uint32_t)v << 16};
    return u.f;
}

static inline bf16 down(float v)
{
    union {
        float f;
        uint32_t i;
    } u = {v};
    return (bf16)((u.i + 0x7fff + ((u.i >> 16) & 1)) >> 16);
}

/* x += add (unless NULL); h = norm(x) * w. rstd is kept for norm_back. */
void norm(long rows, long dim, float *restrict x, const bf16 *restrict add, const float *restrict w,
          bf16 *restrict h, float *restrict rstd)
{
    for (long r = 0; r < rows; r++, x += dim, h += dim) {
        float sum = 0;
        if (add) {
            for (long i = 0; i < dim; i++)
                x[i] += up(add[i]);
            add += dim;
        }
        for (long i = 0; i < dim; i++)
            sum += x[i] * x[i];
        float s = 1 / sqrtf(sum / (float)dim + 1e-5f);
        rstd[r] = s;
        for (long i = 0; i < dim; i++)
            h[i] = down(x[i] * s * w[i]);
    }
}

/* dim is at most DIM_MAX. dx += the gradient through the norm; dxh is dx in bfloat16;
 * dw += the weight's. h is norm()'s. */
void norm_back(long rows, long dim, const bf16 *restrict dh, const bf16 *restrict h,
               const float *restrict rstd, const float *restrict w, float *restrict dx,
               bf16 *restrict dxh, float *restrict dw)
{
    float hat[DIM_MAX], g[DIM_MAX], back[DIM_MAX];
    for (long i = 0; i < dim; i++)
        back[i] = 1 / w[i];
    for (long r = 0; r < rows; r++, dh += dim, h += dim, dx += dim, dxh += dim) {
        float dot = 0;
        for (long i = 0; i < dim; i++) {
            float d = up(dh[i]);
            hat[i] = up(h[i]) * back[i];
            g[i] = d * w[i];
            dw[i] += d * hat[i];
            dot += g[i] * hat[i];
        }
        dot /= (float)dim;
        for (long i = 0; i < dim; i++) {
            dx[i] += rstd[r] * (g[i] - hat[i] * dot);
            dxh[i] = down(dx[i]);
        }
    }
}

/* out = silu(gate) * up_; a row of gu holds the gate, then the other half */
void gated(long rows, long ffn, const bf16 *restrict gu, bf16 *restrict out)
{
    for (long r = 0; r < rows; r++, gu += 2 * ffn, out += ffn)
        for (long i = 0; i < ffn; i++) {
            float g = up(gu[i]);
            out[i] = down(g / (1 + expf(-g)) * up(gu[ffn + i]));
        }
}

/* gu becomes its gradient, given that of gated()'s output */
void gated_back(long rows, long ffn, bf16 *restrict gu, const bf16 *restrict dout)
{
    for (long r = 0; r < rows; r++, gu += 2 * ffn, dout += ffn)
        for (long i = 0; i < ffn; i++) {
            float g = up(gu[i]), u = up(gu[ffn + i]), d = up(dout[i]);
            float s = 1 / (1 + expf(-g));
            gu[i] = down(d * u * s * (1 + g * (1 - s)));
            gu[ffn + i] = down(d * g * s);
        }
}

/* One head's rows of a conversation, turned by rope (sign -1 turns back), times scale. */
static void load(const bf16 *from, long stride, long t, const int32_t *position, const float *table,
                 float scale, float *to)
{
    for (long i = 0; i < t; i++, from += stride, to += HEAD)
        for (long c = 0; c < HEAD; c += 2) {
            const float *turn = position ? table + position[i] * HEAD + c : NULL;
            float a = up(from[c]) * scale, b = up(from[c + 1]) * scale;
            to[c] = turn ? a * turn[0] - b * turn[1] : a;
            to[c + 1] = turn ? a * turn[1] + b * turn[0] : b;
        }
}

static void store(const float *from, long t, const int32_t *position, const float *table,
                  float scale, bf16 *to, long stride)
{
    for (long i = 0; i < t; i++, from += HEAD, to += stride)
        for (long c = 0; c < HEAD; c += 2) {
            const float *turn = position ? table + position[i] * HEAD + c : NULL;
            float a = from[c] * scale, b = from[c + 1] * scale;
            to[c] = down(turn ? a * turn[0] + b * turn[1] : a);
            to[c + 1] = down(turn ? b * turn[0] - a * turn[1] : b);
        }
}

static void transpose(const float *from, long t, long wide, float *to)
{
    for (long i = 0; i < t; i++)
        for (long c = 0; c < HEAD; c++)
            to[c * wide + i] = from[i * HEAD + c];
}

static inline long columns(long row) /* that a block of rows from `row` needs */
{
    return (row + ROWS + LANES - 1) / LANES * LANES;
}

/* s[i][j] = a[i] . b[j], for j up to i's block; bt is b turned over */
static void products(long t, long wide, const float *a, const float *bt, float *s)
{
    for (long i = 0; i < t; i += ROWS)
        for (long j = 0; j < columns(i); j += LANES) {
            vec sum[ROWS] = {{0}};
            for (long c = 0; c < HEAD; c++) {
                vec b = *(const vec *)(bt + c * wide + j);
                for (long r = 0; r < ROWS; r++)
                    sum[r] += a[(i + r) * HEAD + c] * b;
            }
            for (long r = 0; r < ROWS; r++)
                *(vec *)(s + (i + r) * wide + j) = sum[r];
        }
}

/* y[i] = sum of p[i][j] v[j] */
static void mix(long t, long wide, const float *p, const float *v, float *y)
{
    for (long i = 0; i < t; i += ROWS) {
        vec lo[ROWS] = {{0}}, hi[ROWS] = {{0}};
        for (long j = 0; j < i + ROWS; j++) {
            vec a = *(const vec *)(v + j * HEAD), b = *(const vec *)(v + j * HEAD + LANES);
            for (long r = 0; r < ROWS; r++) {
                lo[r] += p[(i + r) * wide + j] * a;
                hi[r] += p[(i + r) * wide + j] * b;
            }
        }
        for (long r = 0; r < ROWS; r++) {
            *(vec *)(y + (i + r) * HEAD) = lo[r];
            *(vec *)(y + (i + r) * HEAD + LANES) = hi[r];
        }
    }
}

/* acc[j] += sum of p[i][j] x[i] */
static void spread(long t, long wide, const float *p, const float *x, float *acc)
{
    for (long i = 0; i < t; i += ROWS) {
        vec lo[ROWS], hi[ROWS];
        for (long r = 0; r < ROWS; r++) {
            lo[r] = *(const vec *)(x + (i + r) * HEAD);
            hi[r] = *(const vec *)(x + (i + r) * HEAD + LANES);
        }
        for (long j = 0; j < i + ROWS; j++) {
            vec a = *(vec *)(acc + j * HEAD), b = *(vec *)(acc + j * HEAD + LANES);
            for (long r = 0; r < ROWS; r++) {
                a += p[(i + r) * wide + j] * lo[r];
                b += p[(i + r) * wide + j] * hi[r];
            }
            *(vec *)(acc + j * HEAD) = a;
            *(vec *)(acc + j * HEAD + LANES) = b;
        }
    }
}

/* The rows of s become probabilities; what lies behind the diagonal becomes 0. */
static void softmax(long t, long padded, long wide, float *s)
{
    for (long i = 0; i < padded; i++) {
        float *row = s + i * wide, top = row[0], sum = 0;
        long n = i < t ? i + 1 : 0, end = columns(i / ROWS * ROWS);
        for (long j = 0; j < n; j++)
            top = row[j] > top ? row[j] : top;
        for (long j = 0; j < n; j++) {
            row[j] = expf(row[j] - top);
            sum += row[j];
        }
        for (long j = 0; j < n; j++)
            row[j] /= sum;
        for (long j = n; j < end; j++)
            row[j] = 0;
    }
}

struct room {
    long t, padded, wide;
    float *q, *k, *v, *turned, *p, *y, *dy, *dp, *dq, *dk, *dv;
};

static int room_for(struct room *room, long t)
{
    long padded = (t + ROWS - 1) / ROWS * ROWS, wide = columns(padded - ROWS);
    size_t rows = (size_t)wide * HEAD, square = (size_t)padded * (size_t)wide;
    float *all = calloc(9 * rows + 2 * square, sizeof *all);
    if (!all)
        return -1;
    float **part[] = {&room->q,  &room->k,  &room->v,  &room->turned, &room->y,
                      &room->dy, &room->dq, &room->dk, &room->dv};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        *part[i] = all + i * rows;
    room->p = all + 9 * rows;
    room->dp = room->p + square;
    room->t = t;
    room->padded = padded;
    room->wide = wide;
    return 0;
}

struct heads {
    long q, kv; /* how many */
    const int32_t *position;
    const float *table; /* rope: [position][HEAD] of cosine, sine */
};

static void one_forward(struct room *m, const struct heads *h, const bf16 *qkv, bf16 *out)
{
    long stride = (h->q + 2 * h->kv) * HEAD, group = h->q / h->kv;
    for (long n = 0; n < h->kv; n++) {
        load(qkv + (h->q + n) * HEAD, stride, m->t, h->position, h->table, 1, m->k);
        load(qkv + (h->q + h->kv + n) * HEAD, stride, m->t, NULL, NULL, 1, m->v);
        transpose(m->k, m->t, m->wide, m->turned);
        for (long g = n * group; g < (n + 1) * group; g++) {
            load(qkv + g * HEAD, stride, m->t, h->position, h->table, 1 / sqrtf(HEAD), m->q);
            products(m->padded, m->wide, m->q, m->turned, m->p);
            softmax(m->t, m->padded, m->wide, m->p);
            mix(m->padded, m->wide, m->p, m->v, m->y);
            store(m->y, m->t, NULL, NULL, 1, out + g * HEAD, h->q * HEAD);
        }
    }
}

static void one_back(struct room *m, const struct heads *h, const bf16 *qkv, const bf16 *out,
                     const bf16 *dout, bf16 *dqkv)
{
    long stride = (h->q + 2 * h->kv) * HEAD, group = h->q / h->kv;
    for (long n = 0; n < h->kv; n++) {
        load(qkv + (h->q + n) * HEAD, stride, m->t, h->position, h->table, 1, m->k);
        load(qkv + (h->q + h->kv + n) * HEAD, stride, m->t, NULL, NULL, 1, m->v);
        memset(m->dk, 0, (size_t)m->wide * HEAD * sizeof *m->dk);
        memset(m->dv, 0, (size_t)m->wide * HEAD * sizeof *m->dv);
        for (long g = n * group; g < (n + 1) * group; g++) {
            load(qkv + g * HEAD, stride, m->t, h->position, h->table, 1 / sqrtf(HEAD), m->q);
            load(dout + g * HEAD, h->q * HEAD, m->t, NULL, NULL, 1, m->dy);
            load(out + g * HEAD, h->q * HEAD, m->t, NULL, NULL, 1, m->y);
            transpose(m->k, m->t, m->wide, m->turned);
            products(m->padded, m->wide, m->q, m->turned, m->p);
            softmax(m->t, m->padded, m->wide, m->p);
            spread(m->padded, m->wide, m->p, m->dy, m->dv);
            transpose(m->v, m->t, m->wide, m->turned);
            products(m->padded, m->wide, m->dy, m->turned, m->dp);
            for (long i = 0; i < m->padded; i++) {
                float delta = 0, *dp = m->dp + i * m->wide, *p = m->p + i * m->wide;
                for (long c = 0; c < HEAD; c++)
                    delta += m->dy[i * HEAD + c] * m->y[i * HEAD + c];
                for (long j = 0; j < columns(i / ROWS * ROWS); j++)
                    dp[j] = p[j] * (dp[j] - delta);
            }
            mix(m->padded, m->wide, m->dp, m->k, m->dq);
            spread(m->padded, m->wide, m->dp, m->q, m->dk);
            store(m->dq, m->t, h->position, h->table, 1 / sqrtf(HEAD), dqkv + g * HEAD, stride);
        }
        store(m->dk, m->t, h->position, h->table, 1, dqkv + (h->q + n) * HEAD, stride);
        store(m->dv, m->t, NULL, NULL, 1, dqkv + (h->q + h->kv + n) * HEAD, stride);
    }
}

/* Attention of each conversation; with dout its gradient goes to dqkv, else the result to out.
 * starts has count + 1 entries. Returns 0, or -1 without memory. */
int attention(long count, const int32_t *starts, long q, long kv, const int32_t *positions,
              const float *table, const bf16 *qkv, bf16 *out, const bf16 *dout, bf16 *dqkv)
{
    long wide = (q + 2 * kv) * HEAD;
    for (long n = 0; n < count; n++) {
        long at = starts[n];
        struct heads h = {q, kv, positions + at, table};
        struct room room;
        if (room_for(&room, starts[n + 1] - at))
            return -1;
        if (dout)
            one_back(&room, &h, qkv + at * wide, out + at * q * HEAD, dout + at * q * HEAD,
                     dqkv + at * wide);
        else
            one_forward(&room, &h, qkv + at * wide, out + at * q * HEAD);
        free(room.q);
    }
    return 0;
}
