/*
 * Which tokens may come next: the vocabulary's bytes as a trie are walked along with the automaton,
 * so that all tokens with one beginning share the work for it, and a beginning that the grammar
 * does not allow cuts off all of them. What a state allows is kept for when it comes again.
 */
#include "engine/grammar/grammar.h"

#include <math.h>
#include <stdlib.h>

#include "engine/tokenizer/tokenizer.h"

enum {
    TOKEN_BYTES_MAX = 1024, /* longer tokens are never allowed */
    KEPT_BYTES_MAX = 8 << 20,
    KEPT_MIN = 4,
    KEPT_MAX = 512
};

/* --- The trie --- */

struct node {
    uint32_t end;   /* the first node behind this one's children */
    uint32_t first; /* of its tokens; they end where those of the next node begin */
    uint16_t depth; /* of its byte: 0 = the first of a token */
    uint8_t byte;
};

struct grammar_trie {
    const struct engine_tokenizer *tok;
    uint32_t *tokens; /* in the order of their bytes */
    struct node *nodes;
    size_t node_count; /* one more node closes the list */
    uint32_t n_vocab;
    uint32_t *ends; /* tokens that end a generation */
    size_t end_count;
};

struct entry {
    struct slice bytes;
    uint32_t token;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = slice_cmp(x->bytes, y->bytes);
    return order != 0 ? order : (x->token > y->token) - (x->token < y->token);
}

static bool is_usable(const struct engine_tokenizer *tok, uint32_t token)
{
    const uint8_t *types = tok->vocab->types;
    size_t len = engine_token_bytes(tok, token, false).len;
    bool has_text =
        !types || (types[token] != ENGINE_TOKEN_UNUSED && types[token] != ENGINE_TOKEN_UNKNOWN);
    return has_text && len > 0 && len <= TOKEN_BYTES_MAX && !engine_token_is_end(tok, token);
}

static size_t common(struct slice a, struct slice b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i])
        i++;
    return i;
}

/* Nodes in the order of a walk from the root; a token's last node is the last one made for it. */
static void make_nodes(struct grammar_trie *trie, const struct entry *entries, size_t count)
{
    uint32_t open[TOKEN_BYTES_MAX]; /* the nodes from the root to the last one */
    struct slice before = SLICE_NONE;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice bytes = entries[i].bytes;
        size_t same = common(before, bytes);
        for (size_t depth = same; depth < before.len; depth++)
            trie->nodes[open[depth]].end = (uint32_t)used;
        for (size_t depth = same; depth < bytes.len; depth++) {
            open[depth] = (uint32_t)used;
            trie->nodes[used++] = (struct node){
                .first = (uint32_t)i, .depth = (uint16_t)depth, .byte = (uint8_t)bytes.ptr[depth]};
        }
        trie->tokens[i] = entries[i].token;
        before = bytes;
    }
    for (size_t depth = 0; depth < before.len; depth++)
        trie->nodes[open[depth]].end = (uint32_t)used;
    trie->nodes[used] = (struct node){.first = (uint32_t)count};
    trie->node_count = used;
}

/* How many nodes there will be. */
static size_t count_nodes(const struct entry *entries, size_t count)
{
    size_t nodes = 0;
    for (size_t i = 0; i < count; i++)
        nodes +=
            entries[i].bytes.len - (i > 0 ? common(entries[i - 1].bytes, entries[i].bytes) : 0);
    return nodes;
}

static bool fill_trie(struct grammar_trie *trie, const struct engine_tokenizer *tok)
{
    struct entry *entries = calloc((size_t)trie->n_vocab + 1, sizeof(*entries));
    size_t count = 0;
    if (!entries)
        return false;
    for (uint32_t token = 0; token < trie->n_vocab; token++) {
        if (is_usable(tok, token))
            entries[count++] = (struct entry){engine_token_bytes(tok, token, false), token};
        else if (engine_token_is_end(tok, token))
            trie->ends[trie->end_count++] = token;
    }
    qsort(entries, count, sizeof(*entries), compare_entries);
    trie->nodes = calloc(count_nodes(entries, count) + 1, sizeof(*trie->nodes));
    if (trie->nodes)
        make_nodes(trie, entries, count);
    free(entries);
    return trie->nodes != NULL;
}

struct grammar_trie *grammar_trie_new(const struct engine_tokenizer *tok)
{
    struct grammar_trie *trie = calloc(1, sizeof(*trie));
    if (!trie)
        return NULL;
    trie->tok = tok;
    trie->n_vocab = tok->vocab->token_count;
    trie->tokens = calloc((size_t)trie->n_vocab + 1, sizeof(*trie->tokens));
    trie->ends = calloc((size_t)trie->n_vocab + 1, sizeof(*trie->ends));
    if (!trie->tokens || !trie->ends || !fill_trie(trie, tok)) {
        grammar_trie_free(trie);
        return NULL;
    }
    return trie;
}

void grammar_trie_free(struct grammar_trie *trie)
{
    if (!trie)
        return;
    free(trie->tokens);
    free(trie->nodes);
    free(trie->ends);
    free(trie);
}

/* --- The mask --- */

struct kept {
    uint32_t state;
    uint64_t *bits; /* [words] */
};

struct grammar_mask {
    struct grammar_run *run;
    const struct grammar_trie *trie;
    uint32_t state;
    bool strip_space;
    enum base_err err;
    const char *why;
    size_t words;
    struct kept kept[KEPT_MAX]; /* in the order they were made */
    size_t kept_count, kept_max;
};

enum base_err grammar_mask_new(struct engine_grammar *grammar, bool strip_space,
                               struct grammar_mask **ret_mask, struct base_error *reterr)
{
    struct grammar_mask *mask = calloc(1, sizeof(*mask));
    if (mask)
        mask->run = grammar_run_new(grammar);
    if (!mask || !mask->run) {
        free(mask);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a grammar's state");
    }
    mask->strip_space = strip_space;
    *ret_mask = mask;
    return BASE_OK;
}

static void forget_kept(struct grammar_mask *mask)
{
    for (size_t i = 0; i < mask->kept_count; i++)
        free(mask->kept[i].bits);
    mask->kept_count = 0;
}

void grammar_mask_free(struct grammar_mask *mask)
{
    if (!mask)
        return;
    forget_kept(mask);
    grammar_run_free(mask->run);
    free(mask);
}

static void fail(struct grammar_mask *mask, enum base_err err, const char *why)
{
    if (mask->err)
        return;
    mask->err = err;
    mask->why = why;
}

/* The automaton may have stopped. */
static void take_error(struct grammar_mask *mask)
{
    enum base_err err = grammar_run_error(mask->run);
    if (err == BASE_ERR_LIMIT)
        fail(mask, err,
             "the grammar is too ambiguous: following it takes more work or memory than "
             "the limit");
    else if (err)
        fail(mask, err, "no memory to follow a grammar");
}

void grammar_mask_attach(struct grammar_mask *mask, const struct grammar_trie *trie,
                         struct slice said)
{
    mask->trie = trie;
    if (!trie) {
        fail(mask, BASE_ERR_NO_MEMORY, "no memory for the vocabulary of a grammar");
        return;
    }
    mask->words = ((size_t)trie->n_vocab + 63) / 64;
    mask->kept_max = KEPT_BYTES_MAX / (mask->words * sizeof(uint64_t) + 1);
    mask->kept_max = mask->kept_max < KEPT_MIN ? KEPT_MIN : mask->kept_max;
    mask->kept_max = mask->kept_max > KEPT_MAX ? KEPT_MAX : mask->kept_max;
    uint32_t start = grammar_run_start(mask->run), state = start;
    for (size_t i = 0; i < said.len && state != GRAMMAR_DEAD; i++)
        state = grammar_run_step(mask->run, state, (uint8_t)said.ptr[i]);
    mask->state = state == GRAMMAR_DEAD ? start : state;
    take_error(mask);
}

/* Walks nodes [at, end), whose lowest depth is `base`. */
static void walk(struct grammar_mask *mask, size_t at, size_t end, size_t base, uint32_t state,
                 uint64_t *bits)
{
    const struct grammar_trie *trie = mask->trie;
    uint32_t states[TOKEN_BYTES_MAX + 1];
    states[base] = state;
    while (at < end) {
        const struct node *node = &trie->nodes[at];
        uint32_t to = grammar_run_step(mask->run, states[node->depth], node->byte);
        if (to == GRAMMAR_DEAD) {
            at = node->end;
            continue;
        }
        states[node->depth + 1] = to;
        for (uint32_t i = node->first; i < node[1].first; i++)
            bits[trie->tokens[i] / 64] |= UINT64_C(1) << (trie->tokens[i] % 64);
        at++;
    }
}

static void find_allowed(struct grammar_mask *mask, uint64_t *bits)
{
    const struct grammar_trie *trie = mask->trie;
    if (!mask->strip_space) {
        walk(mask, 0, trie->node_count, 0, mask->state, bits);
    } else {
        for (size_t at = 0; at < trie->node_count; at = trie->nodes[at].end) {
            const struct node *node = &trie->nodes[at];
            if (node->byte == ' ')
                walk(mask, at + 1, node->end, 1, mask->state, bits);
            else
                walk(mask, at, node->end, 0, mask->state, bits);
        }
    }
    if (!grammar_run_accepts(mask->run, mask->state))
        return;
    for (size_t i = 0; i < trie->end_count; i++)
        bits[trie->ends[i] / 64] |= UINT64_C(1) << (trie->ends[i] % 64);
}

/* The bits of the present state, or NULL after an error. */
static const uint64_t *allowed(struct grammar_mask *mask)
{
    for (size_t i = mask->kept_count; i-- > 0;)
        if (mask->kept[i].state == mask->state)
            return mask->kept[i].bits;
    if (mask->kept_count == mask->kept_max)
        forget_kept(mask);
    uint64_t *bits = calloc(mask->words, sizeof(*bits));
    if (!bits) {
        fail(mask, BASE_ERR_NO_MEMORY, "no memory for a mask");
        return NULL;
    }
    find_allowed(mask, bits);
    take_error(mask);
    uint64_t any = 0;
    for (size_t i = 0; i < mask->words; i++)
        any |= bits[i];
    if (any == 0)
        fail(mask, BASE_ERR_UNSUPPORTED,
             "the model's vocabulary has no token for what the grammar asks for next");
    if (mask->err) {
        free(bits);
        return NULL;
    }
    mask->kept[mask->kept_count++] = (struct kept){mask->state, bits};
    return bits;
}

static void apply(void *self, float *logits, uint32_t n_vocab)
{
    struct grammar_mask *mask = self;
    const uint64_t *bits = mask->err ? NULL : allowed(mask);
    for (uint32_t i = 0; i < n_vocab; i++)
        if (!bits || i / 64 >= mask->words || (bits[i / 64] >> (i % 64) & 1) == 0)
            logits[i] = -INFINITY;
}

static void accept(void *self, uint32_t token)
{
    struct grammar_mask *mask = self;
    const struct grammar_trie *trie = mask->trie;
    for (size_t i = 0; !mask->err && i < trie->end_count; i++)
        if (trie->ends[i] == token)
            return;
    if (mask->err)
        return;
    struct slice bytes = engine_token_bytes(trie->tok, token, false);
    if (mask->strip_space && slice_starts_with(bytes, SLICE(" ")))
        bytes = slice_sub(bytes, 1, SIZE_MAX);
    if (mask->strip_space)
        forget_kept(mask); /* what was allowed with a space before it */
    mask->strip_space = false;
    uint32_t state = mask->state;
    for (size_t i = 0; i < bytes.len; i++)
        state = grammar_run_step(mask->run, state, (uint8_t)bytes.ptr[i]);
    bool forgot = false;
    mask->state = grammar_run_tidy(mask->run, state, &forgot);
    if (forgot)
        forget_kept(mask);
    take_error(mask);
    if (mask->state == GRAMMAR_DEAD)
        fail(mask, BASE_ERR_INTERNAL, "a token was chosen that the grammar does not allow");
}

struct engine_mask grammar_mask_ops(struct grammar_mask *mask)
{
    static const struct engine_mask_ops ops = {.apply = apply, .accept = accept};
    return (struct engine_mask){&ops, mask};
}

bool grammar_mask_is_final(const struct grammar_mask *mask)
{
    return mask->err == BASE_OK && grammar_run_is_final(mask->run, mask->state);
}

enum base_err grammar_mask_error(const struct grammar_mask *mask, struct base_error *reterr)
{
    return mask->err ? base_error_set(reterr, mask->err, "%s", mask->why) : BASE_OK;
}
