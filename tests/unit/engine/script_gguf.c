#include "tests/unit/engine/script_gguf.h"

#include <stdio.h>
#include <stdlib.h>

enum { BYTES = 256, END = 256, VOCAB_MAX = 2048, HEAD = 32 };

struct vocab {
    const char *texts[VOCAB_MAX];
    int32_t types[VOCAB_MAX];
    uint32_t next[VOCAB_MAX]; /* 0 = nothing in particular */
    uint32_t count;
    char bytes[BYTES][4];
};

static uint32_t add(struct vocab *v, const char *text, bool is_control)
{
    if (v->count == VOCAB_MAX)
        abort();
    v->texts[v->count] = text;
    v->types[v->count] = is_control ? 3 : 4; /* control, user-defined */
    return v->count++;
}

/* GPT-2's letters for bytes. */
static void add_bytes(struct vocab *v)
{
    uint32_t odd = 0;
    for (uint32_t byte = 0; byte < BYTES; byte++) {
        bool plain = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        uint32_t code = plain ? byte : 256 + odd++;
        char *out = v->bytes[byte];
        if (code < 128) {
            out[0] = (char)code;
        } else {
            out[0] = (char)(0xc0 | code >> 6);
            out[1] = (char)(0x80 | (code & 0x3f));
        }
        v->types[add(v, out, false)] = 1;
    }
}

static bool is_among(const char *text, const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

static void fill(struct vocab *v, const struct script_model *m)
{
    add_bytes(v);
    add(v, m->end ? m->end : "<eos>", true);
    add(v, "<|im_start|>", true);
    add(v, "<|im_end|>", true);
    for (size_t i = 0; i < m->line_count; i++)
        if (!is_among(m->lines[i].launch, m->controls))
            add(v, m->lines[i].launch, true);
    for (size_t i = 0; m->controls && m->controls[i]; i++)
        add(v, m->controls[i], true);
    uint32_t launches = v->count;
    for (size_t i = 0; i < m->line_count; i++) {
        const struct script_line *line = &m->lines[i];
        uint32_t before = 0;
        for (size_t k = 0; k < SCRIPT_PIECES_MAX && line->pieces[k]; k++) {
            uint32_t token = add(v, line->pieces[k], is_among(line->pieces[k], m->controls));
            if (before)
                v->next[before] = token;
            for (uint32_t t = 0; !before && t < launches; t++)
                if (strcmp(v->texts[t], line->launch) == 0)
                    v->next[t] = token;
            before = token;
        }
        v->next[before] = END;
    }
}

static void matrix(struct tiny_file *f, const char *name, uint64_t cols, uint64_t rows,
                   const float *values)
{
    float *zeros = calloc(cols * rows, sizeof(*zeros));
    if (!zeros)
        abort();
    tiny_tensor(f, name, 0, rows > 1 ? 2 : 1, (uint64_t[]){cols, rows}, values ? values : zeros,
                cols * rows * sizeof(float));
    free(zeros);
}

/* The residual stream holds which token it is, and nothing adds to it. */
static void write_weights(const struct vocab *v, struct tiny_file *f, uint64_t d)
{
    float *square = calloc(d * v->count, sizeof(float)), *ones = calloc(d, sizeof(float));
    if (!square || !ones)
        abort();
    for (uint64_t i = 0; i < d; i++)
        ones[i] = 1.0F;
    for (uint64_t t = 0; t < v->count; t++)
        square[t * d + t] = 1.0F;
    matrix(f, "token_embd.weight", d, v->count, square);
    for (uint64_t t = 0; t < v->count; t++)
        square[t * d + t] = 0.0F;
    for (uint64_t t = 0; t < v->count; t++)
        if (v->next[t])
            square[v->next[t] * d + t] = 1.0F;
    matrix(f, "output.weight", d, v->count, square);
    matrix(f, "output_norm.weight", d, 1, ones);
    matrix(f, "blk.0.attn_norm.weight", d, 1, ones);
    matrix(f, "blk.0.ffn_norm.weight", d, 1, ones);
    matrix(f, "blk.0.attn_q.weight", d, HEAD, NULL);
    matrix(f, "blk.0.attn_k.weight", d, HEAD, NULL);
    matrix(f, "blk.0.attn_v.weight", d, HEAD, NULL);
    matrix(f, "blk.0.attn_output.weight", HEAD, d, NULL);
    matrix(f, "blk.0.ffn_gate.weight", d, HEAD, NULL);
    matrix(f, "blk.0.ffn_up.weight", d, HEAD, NULL);
    matrix(f, "blk.0.ffn_down.weight", HEAD, d, NULL);
    free(square);
    free(ones);
}

struct slice script_model_write(const struct script_model *m, struct tiny_file *f)
{
    struct vocab *v = calloc(1, sizeof(*v));
    if (!v)
        abort();
    fill(v, m);
    uint32_t d = (v->count + 63) / 64 * 64;
    tiny_begin(f, 3);
    tiny_kv_str(f, "general.architecture", "llama");
    tiny_kv_str(f, "general.name", "script");
    tiny_kv_u32(f, "llama.context_length", 4096);
    tiny_kv_u32(f, "llama.embedding_length", d);
    tiny_kv_u32(f, "llama.block_count", 1);
    tiny_kv_u32(f, "llama.feed_forward_length", HEAD);
    tiny_kv_u32(f, "llama.attention.head_count", 1);
    tiny_kv_u32(f, "llama.attention.head_count_kv", 1);
    tiny_kv_u32(f, "llama.attention.key_length", HEAD);
    tiny_kv_u32(f, "llama.attention.value_length", HEAD);
    tiny_kv_u32(f, "llama.rope.dimension_count", HEAD);
    tiny_kv_f32(f, "llama.attention.layer_norm_rms_epsilon", 1e-5F);
    tiny_kv_str(f, "tokenizer.ggml.model", "gpt2");
    tiny_kv_str(f, "tokenizer.ggml.pre", "gpt-2");
    tiny_kv_strs(f, "tokenizer.ggml.tokens", v->texts, v->count);
    tiny_kv_i32s(f, "tokenizer.ggml.token_type", v->types, v->count);
    tiny_kv_strs(f, "tokenizer.ggml.merges", NULL, 0);
    tiny_kv_u32(f, "tokenizer.ggml.eos_token_id", END);
    tiny_kv_str(f, "tokenizer.chat_template", m->chat_template);
    write_weights(v, f, d);
    free(v);
    return tiny_end(f);
}
