/*
 * Features of texts, for training: `dump < TEXTS.jsonl > FEATURES.bin`. Reads one JSON object a
 * line with `text` or `prompt`. Writes for each, little-endian: uint32 count, uint32 letters,
 * uint32 words, float32 dense[], float32 cues[], uint32 hashed[count], uint8 groups[count].
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "router/text_features.h"

static bool dump_line(struct slice line)
{
    static struct router_features features;
    struct arena *arena = arena_new(64u << 20);
    const struct json_node *root;
    struct base_error detail;
    struct slice text;
    uint32_t head[3];
    bool ok = false;

    if (!arena || json_parse(line, &json_limits_request, arena, &root, &detail)) {
        fprintf(stderr, "dump: %s\n", arena ? detail.message : "no memory");
        arena_free(arena);
        return false;
    }
    text = json_string(json_get(root, SLICE("text")));
    if (slice_is_absent(text))
        text = json_string(json_get(root, SLICE("prompt")));
    router_features_read(slice_is_absent(text) ? SLICE("") : text, &features);
    head[0] = (uint32_t)features.count;
    head[1] = features.letters;
    head[2] = features.words;
    ok = fwrite(head, sizeof head, 1, stdout) == 1 &&
         fwrite(features.dense, sizeof features.dense, 1, stdout) == 1 &&
         fwrite(features.cues, sizeof features.cues, 1, stdout) == 1 &&
         fwrite(features.hashed, sizeof(uint32_t), features.count, stdout) == features.count &&
         fwrite(features.groups, 1, features.count, stdout) == features.count;
    arena_free(arena);
    return ok;
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    bool ok = true;

    while (ok) {
        ssize_t len = getline(&line, &size, stdin);

        if (len <= 0)
            break;
        ok = dump_line(slice_trim(slice_of(line, (size_t)len)));
    }
    free(line);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
