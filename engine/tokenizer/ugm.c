/*
 * Unigram: of all ways to cut a text into tokens the one with the best sum of scores, by dynamic
 * programming over the text (Kudo 2018, arXiv 1804.10959). Before that the text is normalised:
 * through the file's `precompiled_charsmap` (a double array that maps byte strings to others;
 * Kanda 2018 describes its form), and spaces as the file wants them.
 */
#include "engine/tokenizer/tokenizer.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "engine/unicode/unicode.h"

enum {
    MAP_DEPTH = 256, /* bytes that one entry of the map may replace: keeps a bad map from looping */
    MAP_GROWTH = 32, /* times the text may grow by the map */
    UNKNOWN_SCORE = 10 /* below the least score of a token */
};

/* A node of the tree of all tokens; its children lie together, by byte. */
struct node {
    uint32_t first; /* child */
    uint16_t count;
    uint8_t byte;
    int32_t token; /* that ends here, or none */
};

struct engine_trie {
    struct node *nodes;
    size_t count, capacity;
    uint32_t *sorted; /* tokens by bytes, while it is built */
    double unknown_score;
    const uint8_t *map; /* array of little-endian numbers, unaligned */
    size_t map_count;
    struct slice replacements;
};

/* --- The tree --- */

static bool takes_part(const struct engine_tokenizer *tok, uint32_t token)
{
    uint8_t type = tok->types[token];
    return tok->bytes[token].len > 0 &&
           (type == ENGINE_TOKEN_NORMAL || type == ENGINE_TOKEN_UNUSED ||
            (tok->flags[token] & ENGINE_TOKEN_FLAG_WORD));
}

static int compare_tokens(const void *a, const void *b, void *user)
{
    const struct engine_tokenizer *tok = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = slice_cmp(tok->bytes[x], tok->bytes[y]);
    return order != 0 ? order : (x > y) - (x < y);
}

static bool add_node(struct engine_trie *t, uint8_t byte)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 1024;
        struct node *grown =
            capacity < UINT32_MAX ? realloc(t->nodes, capacity * sizeof(*grown)) : NULL;
        if (!grown)
            return false;
        t->nodes = grown;
        t->capacity = capacity;
    }
    t->nodes[t->count++] = (struct node){.byte = byte, .token = ENGINE_TOKENIZER_NONE};
    return true;
}

/* Sorted tokens that share the bytes on the way to a node, while its children are made. */
struct span {
    uint32_t low, high;
};

/* Makes the children of node `at`, whose tokens begin with the same `depth` bytes. */
static bool grow(const struct engine_tokenizer *tok, struct engine_trie *t, struct span **spans,
                 size_t at, size_t depth)
{
    uint32_t i = (*spans)[at].low, high = (*spans)[at].high;
    while (i < high && tok->bytes[t->sorted[i]].len == depth)
        t->nodes[at].token = (int32_t)t->sorted[i++];
    t->nodes[at].first = (uint32_t)t->count;
    while (i < high) {
        uint8_t byte = (uint8_t)tok->bytes[t->sorted[i]].ptr[depth];
        uint32_t low = i;
        while (i < high && (uint8_t)tok->bytes[t->sorted[i]].ptr[depth] == byte)
            i++;
        size_t before = t->capacity;
        if (!add_node(t, byte))
            return false;
        if (t->capacity != before) {
            struct span *grown = realloc(*spans, t->capacity * sizeof(*grown));
            if (!grown)
                return false;
            *spans = grown;
        }
        (*spans)[t->count - 1] = (struct span){low, i};
        t->nodes[at].count++;
    }
    return true;
}

/* Level by level, so that the nodes of one depth lie together. */
static bool build(const struct engine_tokenizer *tok, struct engine_trie *t, size_t token_count)
{
    if (!add_node(t, 0))
        return false;
    struct span *spans = calloc(t->capacity, sizeof(*spans));
    bool ok = spans != NULL;
    if (ok)
        spans[0] = (struct span){0, (uint32_t)token_count};
    size_t depth = 0, level_end = 1;
    for (size_t at = 0; ok && at < t->count; at++) {
        if (at == level_end) {
            depth++;
            level_end = t->count;
        }
        ok = grow(tok, t, &spans, at, depth);
    }
    free(spans);
    return ok;
}

static const struct node *child(const struct engine_trie *t, const struct node *node, uint8_t byte)
{
    size_t low = node->first, high = low + node->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->nodes[middle].byte < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low < (size_t)node->first + node->count && t->nodes[low].byte == byte ? &t->nodes[low]
                                                                                 : NULL;
}

/* --- The map --- */

static uint32_t load_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Size of the array in bytes, the array, then texts that end in zeros. */
static enum base_err read_map(struct engine_trie *t, struct slice map, struct base_error *reterr)
{
    if (map.len == 0)
        return BASE_OK;
    const uint8_t *bytes = (const uint8_t *)map.ptr;
    uint32_t size = map.len >= 4 ? load_u32(bytes) : 0;
    if (map.len < 4 || size % 4 != 0 || size >= map.len - 4 || map.ptr[map.len - 1] != '\0')
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "tokenizer.ggml.precompiled_charsmap is damaged");
    t->map = bytes + 4;
    t->map_count = size / 4;
    t->replacements = slice_sub(map, 4 + (size_t)size, SIZE_MAX);
    return BASE_OK;
}

/* An entry has in bits 0 to 7 and 31 the byte that leads to it, in bit 8 whether a text ends with
 * it, and from bit 10 on the way to the next (times 256 when bit 9 is set), or the text's place.
 * Outside of the array nothing leads anywhere. */
static uint32_t map_entry(const struct engine_trie *t, uint32_t index)
{
    return index < t->map_count ? load_u32(t->map + 4 * (size_t)index) : 1U << 31;
}

static uint32_t map_offset(uint32_t entry)
{
    return (entry >> 10) << ((entry & (1U << 9)) >> 6);
}

/* The longest prefix of `text` that the map replaces: its length, and the text for it. */
static size_t map_prefix(const struct engine_trie *t, struct slice text, struct slice *ret)
{
    size_t best = 0;
    uint32_t node = map_offset(map_entry(t, 0)), place = 0;
    for (size_t i = 0; t->map_count > 0 && i < text.len && i < MAP_DEPTH; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];
        node ^= byte;
        uint32_t entry = map_entry(t, node);
        if (byte == 0 || (entry & ((1U << 31) | 0xff)) != byte)
            break;
        node ^= map_offset(entry);
        if ((entry >> 8 & 1) && node < t->map_count) {
            best = i + 1;
            place = map_entry(t, node) & ~(1U << 31);
        }
    }
    if (best == 0 || place >= t->replacements.len)
        return 0;
    struct slice rest = slice_sub(t->replacements, place, SIZE_MAX);
    *ret = slice_sub(rest, 0, strnlen(rest.ptr, rest.len));
    return best;
}

/* --- Normalising --- */

struct normal {
    char *bytes;
    size_t len, capacity;
    bool in_word, has_prefix;
};

static bool put(struct normal *n, const char *bytes, size_t len)
{
    if (n->capacity - n->len < len) {
        size_t capacity = n->capacity * 2 + len;
        char *grown = realloc(n->bytes, capacity);
        if (!grown)
            return false;
        n->bytes = grown;
        n->capacity = capacity;
    }
    memcpy(n->bytes + n->len, bytes, len);
    n->len += len;
    return true;
}

static bool put_normal(const struct engine_tokenizer *tok, struct normal *n, struct slice piece)
{
    bool ok = true;
    for (size_t i = 0; ok && i < piece.len; i++) {
        bool space = piece.ptr[i] == ' ';
        if (!space && !n->in_word &&
            ((tok->add_space_prefix && !n->has_prefix) || tok->merge_spaces)) {
            ok = put(n, " ", 1);
            n->has_prefix = true;
        }
        n->in_word = !space;
        if (ok && !(space && tok->merge_spaces))
            ok = put(n, piece.ptr + i, 1);
    }
    return ok;
}

static enum base_err normalise(const struct engine_tokenizer *tok, struct slice text,
                               struct normal *n, struct base_error *reterr)
{
    for (size_t at = 0; at < text.len;) {
        struct slice rest = slice_sub(text, at, SIZE_MAX), piece;
        size_t used = map_prefix(tok->trie, rest, &piece);
        if (used == 0) {
            struct engine_unicode_char c = engine_unicode_at(text, at);
            used = c.len;
            piece =
                c.code == 0xfffd && c.len == 1 ? SLICE("\xef\xbf\xbd") : slice_sub(rest, 0, c.len);
        }
        if (!put_normal(tok, n, piece))
            return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to tokenize a text");
        if (n->len > (text.len + 64) * MAP_GROWTH)
            return base_error_set(reterr, BASE_ERR_LIMIT,
                                  "a text grows too long when the vocabulary's map is applied");
        at += used;
    }
    return BASE_OK;
}

/* --- The best cut --- */

struct step {
    double score;
    uint32_t from;
    int32_t token;
};

static void offer(struct step *to, double score, size_t from, int32_t token)
{
    if (score > to->score)
        *to = (struct step){score, (uint32_t)from, token};
}

static void walk(const struct engine_tokenizer *tok, struct slice text, struct step *steps)
{
    const struct engine_trie *t = tok->trie;
    int32_t unknown = tok->special[ENGINE_SPECIAL_UNKNOWN];
    size_t len;
    for (size_t at = 0; at < text.len; at += len) {
        const struct node *node = t->nodes;
        bool whole_char = false;
        double score = steps[at].score;
        len = engine_unicode_at(text, at).len;
        for (size_t i = at; i < text.len; i++) {
            node = child(t, node, (uint8_t)text.ptr[i]);
            if (!node)
                break;
            if (node->token < 0)
                continue;
            whole_char |= i + 1 - at == len;
            bool free_of_charge = tok->types[node->token] == ENGINE_TOKEN_USER_DEFINED;
            offer(&steps[i + 1],
                  score + (free_of_charge ? 0.0 : (double)tok->vocab->scores[node->token]), at,
                  node->token);
        }
        if (!whole_char)
            offer(&steps[at + len], score + t->unknown_score, at, unknown);
    }
}

/* From the end to the start; neighbours that are unknown become one. */
static enum base_err collect(const struct engine_tokenizer *tok, const struct step *steps,
                             size_t len, struct engine_tokens *tokens, struct base_error *reterr)
{
    int32_t unknown = tok->special[ENGINE_SPECIAL_UNKNOWN], before = ENGINE_TOKENIZER_NONE;
    size_t first = tokens->count;
    for (size_t at = len; at > 0; at = steps[at].from) {
        int32_t token = steps[at].token;
        if (token < 0)
            return base_error_set(reterr, BASE_ERR_BAD_VALUE,
                                  "the vocabulary has no token for unknown text");
        if (!(token == unknown && before == unknown)) {
            enum base_err err = engine_tokens_add(tokens, (uint32_t)token, reterr);
            if (err)
                return err;
        }
        before = token;
    }
    for (size_t i = first, k = tokens->count; i + 1 < k; i++) {
        uint32_t swap = tokens->items[i];
        tokens->items[i] = tokens->items[--k];
        tokens->items[k] = swap;
    }
    return BASE_OK;
}

enum base_err engine_ugm_text(const struct engine_tokenizer *tok, struct slice text,
                              struct engine_tokens *tokens, struct base_error *reterr)
{
    struct normal n = {0};
    struct step *steps = NULL;
    enum base_err err = normalise(tok, text, &n, reterr);
    if (err || n.len == 0)
        goto out;
    steps = calloc(n.len + 1, sizeof(*steps));
    if (!steps || n.len >= UINT32_MAX) {
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to tokenize a text");
        goto out;
    }
    for (size_t i = 1; i <= n.len; i++)
        steps[i] = (struct step){-DBL_MAX, 0, ENGINE_TOKENIZER_NONE};
    walk(tok, slice_of(n.bytes, n.len), steps);
    err = collect(tok, steps, n.len, tokens, reterr);
out:
    free(n.bytes);
    free(steps);
    return err;
}

/* --- Building --- */

enum base_err engine_ugm_new(struct engine_tokenizer *tok, struct base_error *reterr)
{
    const struct engine_vocab *vocab = tok->vocab;
    struct engine_trie *t = tok->trie = calloc(1, sizeof(*t));
    double least = DBL_MAX;
    size_t count = 0;
    if (!t)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary");
    t->sorted = calloc(vocab->token_count, sizeof(*t->sorted));
    if (!t->sorted)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary");
    for (uint32_t i = 0; i < vocab->token_count; i++) {
        if (takes_part(tok, i))
            t->sorted[count++] = i;
        if (tok->types[i] == ENGINE_TOKEN_NORMAL)
            least = fmin(least, (double)vocab->scores[i]);
    }
    t->unknown_score = (count > 0 && least < DBL_MAX ? least : 0) - UNKNOWN_SCORE;
    qsort_r(t->sorted, count, sizeof(*t->sorted), compare_tokens, tok);
    bool ok = build(tok, t, count);
    free(t->sorted);
    t->sorted = NULL;
    if (!ok)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the vocabulary");
    return read_map(t, vocab->precompiled_charsmap, reterr);
}

void engine_ugm_free(struct engine_trie *trie)
{
    if (!trie)
        return;
    free(trie->nodes);
    free(trie->sorted);
    free(trie);
}
