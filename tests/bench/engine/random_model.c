/*
 * Writes a model with random weights, for comparisons with other engines:
 *
 *     random_model OUT.gguf arch=qwen3 n_vocab=300 n_embd=64 n_layer=2 n_head=4 n_head_kv=2
 *                head_dim=16 n_ff=96 qk_norm=1 type=0 seed=7
 *
 * Every field of struct tiny_model is an option; those with one number per layer take "6,4,9".
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/engine/tiny_gguf.h"

enum kind { NUMBER, REAL, FLAG, TEXT, LIST, SEED };

#define FIELD(name, kind)                                                                          \
    {                                                                                              \
#name, kind, offsetof(struct tiny_model, name)                                             \
    }
static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
} fields[] = {
    FIELD(arch, TEXT),
    FIELD(n_vocab, NUMBER),
    FIELD(n_embd, NUMBER),
    FIELD(n_layer, NUMBER),
    FIELD(n_head, NUMBER),
    FIELD(n_head_kv, NUMBER),
    FIELD(head_dim, NUMBER),
    FIELD(n_ff, NUMBER),
    FIELD(n_rot, NUMBER),
    FIELD(context, NUMBER),
    FIELD(type, NUMBER),
    FIELD(more_type, NUMBER),
    FIELD(tied, FLAG),
    FIELD(biases, FLAG),
    FIELD(rope_freqs, FLAG),
    FIELD(fused_qkv, FLAG),
    FIELD(qk_norm, FLAG),
    FIELD(rope_linear, REAL),
    FIELD(seed, SEED),
    FIELD(bytes, FLAG),
    FIELD(encoder, FLAG),
    FIELD(positions, FLAG),
    FIELD(token_types, NUMBER),
    FIELD(pooling, NUMBER),
    FIELD(no_output_bias, FLAG),
    FIELD(heads, LIST),
    FIELD(heads_kv, LIST),
    FIELD(ffs, LIST),
    FIELD(layer_norm, FLAG),
    FIELD(post_norms, FLAG),
    FIELD(plain_mlp, FLAG),
    FIELD(stacked_mlp, FLAG),
    FIELD(mlp_biases, FLAG),
    FIELD(sinks, FLAG),
    FIELD(ffn_norm, TEXT),
    FIELD(n_expert, NUMBER),
    FIELD(n_expert_used, NUMBER),
    FIELD(n_ff_expert, NUMBER),
    FIELD(expert_type, NUMBER),
    FIELD(expert_biases, FLAG),
    FIELD(window, NUMBER),
    FIELD(window_period, NUMBER),
    FIELD(window_array, FLAG),
    FIELD(rope_base, REAL),
    FIELD(rope_base_swa, REAL),
    FIELD(rope_scaling, TEXT),
    FIELD(rope_original, NUMBER),
    FIELD(rope_factor, REAL),
    FIELD(rope_attn_factor, REAL),
    FIELD(yarn_fast, REAL),
    FIELD(yarn_slow, REAL),
    FIELD(yarn_log, REAL),
    FIELD(yarn_attn, REAL),
    FIELD(rope_long, FLAG),
    FIELD(temperature, REAL),
    FIELD(attn_cap, REAL),
    FIELD(final_cap, REAL),
};

static void set_list(uint32_t *items, char *text)
{
    for (size_t i = 0; i < 4 && *text; i++) {
        items[i] = (uint32_t)strtoul(text, &text, 10);
        text += *text == ',';
    }
}

static void set_field(struct tiny_model *m, size_t i, char *text)
{
    void *at = (char *)m + fields[i].offset;
    switch (fields[i].kind) {
    case NUMBER:
        *(uint32_t *)at = (uint32_t)strtoul(text, NULL, 10);
        break;
    case REAL:
        *(float *)at = strtof(text, NULL);
        break;
    case FLAG:
        *(bool *)at = strcmp(text, "0") != 0;
        break;
    case TEXT:
        *(const char **)at = text;
        break;
    case LIST:
        set_list(at, text);
        break;
    case SEED:
        *(uint64_t *)at = strtoull(text, NULL, 10);
        break;
    }
}

/* False when there is no such option. */
static bool take(struct tiny_model *m, char *option)
{
    size_t len = strcspn(option, "=");
    for (size_t i = 0; option[len] && i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strlen(fields[i].name) == len && strncmp(fields[i].name, option, len) == 0) {
            set_field(m, i, option + len + 1);
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct tiny_model m = {.seed = 1};
    struct tiny_file f;
    for (int i = 2; i < argc; i++) {
        if (!take(&m, argv[i])) {
            fprintf(stderr, "random_model: no option '%s'\n", argv[i]);
            return 2;
        }
    }
    if (argc < 3 || !m.arch || !m.n_vocab || !m.n_embd || !m.n_layer || !m.n_head || !m.n_head_kv ||
        !m.head_dim || !m.n_ff) {
        fprintf(stderr,
                "usage: random_model OUT.gguf arch=NAME n_vocab=N n_embd=N n_layer=N n_head=N "
                "n_head_kv=N head_dim=N n_ff=N [OPTION=VALUE...]\n");
        return 2;
    }
    struct slice bytes = tiny_model_write(&m, &f);
    FILE *out = fopen(argv[1], "we");
    if (!out || fwrite(bytes.ptr, 1, bytes.len, out) != bytes.len || fclose(out) != 0) {
        perror(argv[1]);
        return 1;
    }
    tiny_done(&f);
    return 0;
}
