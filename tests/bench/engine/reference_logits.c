/*
 * Logits of every position in double precision, by the plain reference of the unit tests; of an
 * encoder the last hidden states:
 *
 *     reference_logits MODEL.gguf 3,14,15 OUT.f32       float32, [tokens][n_vocab or n_embd]
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/gguf/gguf.h"
#include "tests/unit/engine/reference.h"

#define MAX_TOKENS 4096

int main(int argc, char **argv)
{
    static uint32_t tokens[MAX_TOKENS];
    struct gguf *file;
    struct base_error detail;
    size_t count = 0;
    if (argc != 4 || gguf_open(argv[1], true, &file, &detail)) {
        fprintf(stderr, "usage: reference_logits MODEL.gguf ID,ID,... OUT.f32\n");
        return 2;
    }
    size_t n_vocab = (size_t)gguf_tensor(file, "token_embd.weight")->dims[1];
    size_t n_embd = (size_t)gguf_tensor(file, "token_embd.weight")->dims[0];
    bool encoder = gguf_tensor(file, "token_embd_norm.weight") != NULL;
    gguf_close(file);
    for (char *at = argv[2]; *at && count < MAX_TOKENS; at += *at == ',')
        tokens[count++] = (uint32_t)strtoul(at, &at, 10) % (uint32_t)n_vocab;
    FILE *in = fopen(argv[1], "re"), *out = fopen(argv[3], "we");
    long size = in && fseek(in, 0, SEEK_END) == 0 ? ftell(in) : 0;
    void *bytes = NULL;
    if (size <= 0 || !out || fseek(in, 0, SEEK_SET) != 0 ||
        posix_memalign(&bytes, 64, (size_t)size) != 0 ||
        fread(bytes, 1, (size_t)size, in) != (size_t)size) {
        perror("reference_logits");
        return 1;
    }
    double *numbers = (encoder ? reference_hidden : reference_logits)(slice_of(bytes, (size_t)size),
                                                                      tokens, count);
    for (size_t i = 0; i < count * (encoder ? n_embd : n_vocab); i++) {
        float value = (float)numbers[i];
        if (fwrite(&value, sizeof(value), 1, out) != 1)
            return 1;
    }
    return fclose(out) == 0 ? 0 : 1;
}
