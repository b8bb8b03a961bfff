#include "engine/grammar/grammar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_MAX = 64 * 1024 * 1024, SET_SLOTS = 4 * GRAMMAR_SETS_MAX, EMPTY_TIMES_MAX = 64 };

/* --- The builder --- */

void grammar_fail(struct grammar_builder *b, enum base_err err, const char *format, ...)
{
    if (b->err)
        return;
    char message[sizeof(b->reterr->message)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    b->err = base_error_set(b->reterr, err, "%s", message);
}

static bool grow(struct grammar_builder *b, void **items, size_t count, size_t *capacity,
                 size_t size)
{
    if (b->err)
        return false;
    if (count < *capacity)
        return true;
    if (!arena_grow(b->arena, items, count, capacity, size))
        grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    return b->err == BASE_OK;
}

static uint32_t add_code(struct grammar_builder *b, struct grammar_code code)
{
    if (!b->err && b->code_count >= GRAMMAR_CODE_MAX)
        grammar_fail(b, BASE_ERR_LIMIT, "the grammar is too large: more than %d steps",
                     GRAMMAR_CODE_MAX);
    void *items = b->code;
    if (!grow(b, &items, b->code_count, &b->code_capacity, sizeof(code)))
        return GRAMMAR_AT_FAIL;
    b->code = items;
    b->code[b->code_count] = code;
    return (uint32_t)b->code_count++;
}

enum base_err grammar_begin(struct grammar_builder *b, struct base_error *reterr)
{
    *b = (struct grammar_builder){.reterr = reterr, .arena = arena_new(ARENA_MAX)};
    if (b->arena)
        b->set_slots = arena_calloc(b->arena, SET_SLOTS, sizeof(*b->set_slots));
    if (!b->set_slots) {
        arena_free(b->arena);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    }
    (void)add_code(b, (struct grammar_code){.op = GRAMMAR_RETURN});
    (void)add_code(b, (struct grammar_code){.op = GRAMMAR_FAIL});
    return BASE_OK;
}

uint32_t grammar_rule(struct grammar_builder *b, struct slice name)
{
    if (!b->err && b->rule_count >= GRAMMAR_RULES_MAX)
        grammar_fail(b, BASE_ERR_LIMIT, "the grammar is too large: more than %d rules",
                     GRAMMAR_RULES_MAX);
    void *items = b->rules;
    if (!grow(b, &items, b->rule_count, &b->rule_capacity, sizeof(*b->rules)))
        return 0;
    b->rules = items;
    b->rules[b->rule_count] = (struct grammar_rule){.entry = GRAMMAR_AT_FAIL, .name = name};
    return (uint32_t)b->rule_count++;
}

void grammar_define(struct grammar_builder *b, uint32_t rule, uint32_t entry)
{
    if (!b->err)
        b->rules[rule].entry = entry;
}

static uint32_t intern_set(struct grammar_builder *b, const struct grammar_set *set)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int i = 0; i < 4; i++)
        h = (h ^ set->bits[i] ^ (set->bits[i] >> 29)) * 0xd6e8feb86659fd93u;
    size_t at = (size_t)(h >> 32) % SET_SLOTS;
    while (b->set_slots[at] != 0) {
        if (memcmp(&b->sets[b->set_slots[at] - 1], set, sizeof(*set)) == 0)
            return b->set_slots[at] - 1;
        at = (at + 1) % SET_SLOTS;
    }
    if (b->set_count >= GRAMMAR_SETS_MAX)
        grammar_fail(b, BASE_ERR_LIMIT, "the grammar has more than %d sets of characters",
                     GRAMMAR_SETS_MAX);
    void *items = b->sets;
    if (!grow(b, &items, b->set_count, &b->set_capacity, sizeof(*set)))
        return 0;
    b->sets = items;
    b->sets[b->set_count] = *set;
    b->set_slots[at] = (uint32_t)++b->set_count;
    return (uint32_t)b->set_count - 1;
}

uint32_t grammar_byte(struct grammar_builder *b, const struct grammar_set *set, uint32_t next)
{
    static const struct grammar_set none;
    if (b->err || memcmp(set, &none, sizeof(none)) == 0)
        return GRAMMAR_AT_FAIL;
    return add_code(
        b, (struct grammar_code){.op = GRAMMAR_BYTE, .next = next, .arg = intern_set(b, set)});
}

uint32_t grammar_bytes(struct grammar_builder *b, unsigned low, unsigned high, uint32_t next)
{
    struct grammar_set set = {0};
    grammar_set_add(&set, low, high);
    return grammar_byte(b, &set, next);
}

uint32_t grammar_text(struct grammar_builder *b, struct slice bytes, uint32_t next)
{
    for (size_t i = bytes.len; i-- > 0 && !b->err;)
        next = grammar_bytes(b, (unsigned char)bytes.ptr[i], (unsigned char)bytes.ptr[i], next);
    return next;
}

uint32_t grammar_either(struct grammar_builder *b, uint32_t one, uint32_t other)
{
    if (one == GRAMMAR_AT_FAIL || one == other)
        return other;
    if (other == GRAMMAR_AT_FAIL)
        return one;
    return add_code(b, (struct grammar_code){.op = GRAMMAR_SPLIT, .next = one, .arg = other});
}

uint32_t grammar_call(struct grammar_builder *b, uint32_t rule, uint32_t min, uint32_t max,
                      uint32_t next)
{
    if (min > max)
        return GRAMMAR_AT_FAIL;
    if (max == 0)
        return next;
    return add_code(b, (struct grammar_code){
                           .op = GRAMMAR_CALL, .next = next, .arg = rule, .min = min, .max = max});
}

/* --- Checks of the whole ---
 *
 * Each is a least or largest solution found by going over the code until nothing changes. Within a
 * rule everything lies behind what it goes on to, so one pass settles it as far as the rules it
 * calls are settled; a call costs a frame, and there are at most GRAMMAR_DEPTH_MAX of them. */

enum { NEVER = GRAMMAR_DEPTH_MAX + 1 };

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What the need of one instruction follows from; `empty`: only ways that read nothing count. */
static uint32_t need_of(const struct grammar_builder *b, const struct grammar_code *code,
                        const uint32_t *need, bool empty)
{
    switch (code->op) {
    case GRAMMAR_RETURN:
        return 0;
    case GRAMMAR_BYTE:
        return empty ? NEVER : need[code->next];
    case GRAMMAR_SPLIT:
        return least(need[code->next], need[code->arg]);
    case GRAMMAR_CALL:
        if (code->min == 0)
            return need[code->next];
        return least(NEVER, most(need[code->next], 1 + need[b->rules[code->arg].entry]));
    default:
        return NEVER;
    }
}

static void find_needs(const struct grammar_builder *b, uint32_t *need, bool empty)
{
    for (size_t i = 0; i < b->code_count; i++)
        need[i] = NEVER;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < b->code_count; i++) {
            uint32_t now = need_of(b, &b->code[i], need, empty);
            changed |= now != need[i];
            need[i] = now;
        }
    }
}

/* How many frames may be pushed before a byte is read; it grows without end when a rule begins with
 * itself. */
static void check_left(struct grammar_builder *b, const uint32_t *empty, uint32_t *left)
{
    for (bool changed = true; changed && !b->err;) {
        changed = false;
        for (size_t i = 0; i < b->code_count; i++) {
            const struct grammar_code *code = &b->code[i];
            uint32_t now = 0;
            if (code->op == GRAMMAR_SPLIT)
                now = most(left[code->next], left[code->arg]);
            if (code->op == GRAMMAR_CALL) {
                uint32_t entry = b->rules[code->arg].entry;
                bool may_skip = code->min == 0 || empty[entry] < NEVER;
                now = most(1 + left[entry], may_skip ? left[code->next] : 0);
            }
            changed |= now != left[i];
            left[i] = now;
            if (now < NEVER)
                continue;
            struct slice name = b->rules[code->arg].name;
            grammar_fail(b, BASE_ERR_UNSUPPORTED,
                         "the grammar goes round in a circle without reading anything%s%.*s; "
                         "a rule must not begin with itself",
                         slice_is_absent(name) ? "" : ", at ", SLICE_ARG(slice_sub(name, 0, 100)));
            return;
        }
    }
}

/* Something empty, repeated a large number of times, would be counted through for nothing. */
static void check_empty(struct grammar_builder *b, const uint32_t *empty)
{
    for (size_t i = 0; i < b->code_count; i++) {
        struct grammar_code *code = &b->code[i];
        if (code->op != GRAMMAR_CALL || empty[b->rules[code->arg].entry] >= NEVER)
            continue;
        code->min = 0;
        if (code->max > EMPTY_TIMES_MAX && code->max != GRAMMAR_MANY)
            grammar_fail(b, BASE_ERR_UNSUPPORTED,
                         "something that may be empty is repeated up to %u times; the most is %d, "
                         "or no limit",
                         code->max, EMPTY_TIMES_MAX);
    }
}

static void check(struct grammar_builder *b, uint32_t root)
{
    uint32_t *need = arena_calloc(b->arena, b->code_count, sizeof(*need));
    uint32_t *empty = arena_calloc(b->arena, b->code_count, sizeof(*empty));
    uint32_t *left = arena_calloc(b->arena, b->code_count, sizeof(*left));
    if (!need || !empty || !left) {
        grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
        return;
    }
    find_needs(b, need, false);
    if (need[b->rules[root].entry] >= NEVER) {
        grammar_fail(b, BASE_ERR_BAD_VALUE,
                     "no text can ever satisfy this, or it would have to "
                     "nest deeper than the limit");
        return;
    }
    find_needs(b, empty, true);
    check_left(b, empty, left);
    check_empty(b, empty);
    for (size_t i = 0; i < b->code_count; i++)
        b->code[i].need = need[i];
}

/* --- The grammar --- */

static void find_classes(struct engine_grammar *grammar, size_t set_count)
{
    uint8_t *classes = grammar->classes;
    uint32_t count = 1;
    memset(classes, 0, sizeof(grammar->classes));
    for (size_t s = 0; s < set_count; s++) {
        int moved[256]; /* class -> the class of those of its bytes that are in the set */
        bool stays[256] = {false};
        for (unsigned i = 0; i < 256; i++)
            moved[i] = -1;
        for (unsigned byte = 0; byte < 256; byte++)
            stays[classes[byte]] |= !grammar_set_has(&grammar->sets[s], (uint8_t)byte);
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t class = classes[byte];
            if (!stays[class] || !grammar_set_has(&grammar->sets[s], (uint8_t)byte))
                continue;
            if (moved[class] < 0)
                moved[class] = (int)count++;
            classes[byte] = (uint8_t)moved[class];
        }
    }
    for (unsigned byte = 0; byte < 256; byte++)
        grammar->samples[classes[byte]] = (uint8_t)byte;
    grammar->class_count = count;
}

static struct engine_grammar *make(const struct grammar_builder *b, uint32_t root)
{
    struct engine_grammar *grammar = calloc(1, sizeof(*grammar));
    if (!grammar)
        return NULL;
    atomic_init(&grammar->refs, 1);
    grammar->code = calloc(b->code_count, sizeof(*grammar->code));
    grammar->sets = calloc(b->set_count + 1, sizeof(*grammar->sets));
    grammar->entries = calloc(b->rule_count, sizeof(*grammar->entries));
    grammar->tags = malloc(b->tags_len + 1);
    if (!grammar->code || !grammar->sets || !grammar->entries || !grammar->tags) {
        engine_grammar_unref(grammar);
        return NULL;
    }
    memcpy(grammar->code, b->code, b->code_count * sizeof(*grammar->code));
    if (b->set_count > 0)
        memcpy(grammar->sets, b->sets, b->set_count * sizeof(*grammar->sets));
    for (size_t i = 0; i < b->rule_count; i++)
        grammar->entries[i] = b->rules[i].entry;
    grammar->bytes = sizeof(*grammar) + b->code_count * sizeof(*grammar->code) +
                     b->set_count * sizeof(*grammar->sets) +
                     b->rule_count * sizeof(*grammar->entries) + b->tags_len;
    grammar->code_count = (uint32_t)b->code_count;
    grammar->rule_count = (uint32_t)b->rule_count;
    grammar->root = root;
    grammar->tags_len = b->tags_len;
    if (b->tags_len > 0)
        memcpy(grammar->tags, b->tags, b->tags_len);
    find_classes(grammar, b->set_count);
    return grammar;
}

enum base_err grammar_finish(struct grammar_builder *b, uint32_t root,
                             struct engine_grammar **ret_grammar)
{
    if (!b->err)
        check(b, root);
    if (!b->err) {
        struct engine_grammar *grammar = make(b, root);
        if (grammar)
            *ret_grammar = grammar;
        else
            grammar_fail(b, BASE_ERR_NO_MEMORY, "no memory for a grammar");
    }
    arena_free(b->arena);
    return b->err;
}

size_t engine_grammar_bytes(const struct engine_grammar *grammar)
{
    return grammar->bytes;
}

struct engine_grammar *engine_grammar_ref(struct engine_grammar *grammar)
{
    atomic_fetch_add(&grammar->refs, 1);
    return grammar;
}

void engine_grammar_unref(struct engine_grammar *grammar)
{
    if (!grammar || atomic_fetch_sub(&grammar->refs, 1) != 1)
        return;
    free(grammar->code);
    free(grammar->sets);
    free(grammar->entries);
    free(grammar->tags);
    free(grammar);
}

bool engine_grammar_matches(struct engine_grammar *grammar, struct slice text)
{
    struct grammar_run *run = grammar_run_new(grammar);
    bool forgot, matches = false;
    if (run) {
        uint32_t state = grammar_run_start(run);
        for (size_t i = 0; i < text.len && state != GRAMMAR_DEAD; i++) {
            state = grammar_run_step(run, state, (uint8_t)text.ptr[i]);
            state = grammar_run_tidy(run, state, &forgot);
        }
        matches = grammar_run_accepts(run, state);
    }
    grammar_run_free(run);
    return matches;
}
