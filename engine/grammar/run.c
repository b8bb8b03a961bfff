/*
 * The automaton. A configuration is a place in the code and a stack; a state is a set of them, all
 * about to read a byte. Stacks are linked frames, each made once, so equal stacks are equal numbers
 * and equal sets equal states. States and the ways between them are made when they are met.
 */
#include "engine/grammar/grammar.h"

#include <stdlib.h>

enum {
    STATES_MANY = 4096, /* from here on old ones are forgotten between tokens */
    STATES_MAX = 65536,
    FRAMES_MANY = 65536,
    FRAMES_MAX = 1 << 20,
    CONFIGS_MANY = 262144, /* of all states together */
    CONFIGS_MAX = 4 << 20,
    CONFIGS_STATE_MAX = 8192,
    WORK_MAX = 4000000, /* configurations looked at for one token */
    UNKNOWN = -1
};

struct frame {
    uint32_t parent; /* 0 = the bottom */
    uint32_t place;  /* of the call */
    uint32_t count;  /* how many times it has called, this time included */
    uint32_t depth;
};

struct config {
    uint32_t place, frame;
};

struct state {
    uint32_t first, count; /* in configs */
    bool accepts;
};

/* Open addressing; a slot holds a number + 1. Twice as many slots as entries at least. */
struct table {
    uint32_t *slots;
    size_t mask;
};

struct list { /* what has been met while one state is made */
    struct config *items;
    size_t count, capacity;
};

struct grammar_run {
    struct engine_grammar *grammar;
    enum base_err err;
    uint64_t work;

    struct frame *frames;
    size_t frame_count, frame_capacity;
    struct table by_frame;

    struct config *configs;
    size_t config_count, config_capacity;

    struct state *states;
    int32_t *steps; /* [state][class] */
    size_t state_count, state_capacity;
    struct table by_state;

    struct list met;     /* in the order they came */
    struct table by_met; /* emptied by going over `met` */
    struct list made;    /* those that read a byte */
    bool made_accepts;
};

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ (h >> 32);
}

static bool table_new(struct table *table, size_t slots)
{
    table->slots = calloc(slots, sizeof(uint32_t));
    table->mask = slots - 1;
    return table->slots != NULL;
}

static void stop(struct grammar_run *run, enum base_err err)
{
    if (!run->err)
        run->err = err;
}

/* Room for one more of `count`. */
static bool room(struct grammar_run *run, void **items, size_t count, size_t *capacity, size_t size,
                 size_t max)
{
    if (run->err)
        return false;
    if (count < *capacity)
        return true;
    if (count >= max) {
        stop(run, BASE_ERR_LIMIT);
        return false;
    }
    size_t more = *capacity ? *capacity * 2 : 256;
    void *grown = realloc(*items, more * size);
    if (!grown) {
        stop(run, BASE_ERR_NO_MEMORY);
        return false;
    }
    *items = grown;
    *capacity = more;
    return true;
}

/* --- Frames --- */

static uint64_t frame_hash(const struct frame *f)
{
    return mix(mix(((uint64_t)f->parent << 32 | f->place) + 0x9e3779b97f4a7c15u) + f->count);
}

static bool frames_rehash(struct grammar_run *run)
{
    size_t slots = (run->by_frame.mask + 1) * 2;
    uint32_t *old = run->by_frame.slots;
    if (!table_new(&run->by_frame, slots)) {
        run->by_frame = (struct table){old, slots / 2 - 1};
        stop(run, BASE_ERR_NO_MEMORY);
        return false;
    }
    free(old);
    for (size_t i = 1; i < run->frame_count; i++) {
        size_t at = (size_t)frame_hash(&run->frames[i]) & run->by_frame.mask;
        while (run->by_frame.slots[at] != 0)
            at = (at + 1) & run->by_frame.mask;
        run->by_frame.slots[at] = (uint32_t)i + 1;
    }
    return true;
}

static uint32_t frame_get(struct grammar_run *run, uint32_t parent, uint32_t place, uint32_t count)
{
    struct frame f = {parent, place, count, run->frames[parent].depth + 1};
    size_t at = (size_t)frame_hash(&f) & run->by_frame.mask;
    for (; run->by_frame.slots[at] != 0; at = (at + 1) & run->by_frame.mask) {
        const struct frame *have = &run->frames[run->by_frame.slots[at] - 1];
        if (have->parent == parent && have->place == place && have->count == count)
            return run->by_frame.slots[at] - 1;
    }
    void *items = run->frames;
    if (!room(run, &items, run->frame_count, &run->frame_capacity, sizeof(f), FRAMES_MAX))
        return 0;
    run->frames = items;
    run->frames[run->frame_count] = f;
    run->by_frame.slots[at] = (uint32_t)++run->frame_count;
    uint32_t index = (uint32_t)run->frame_count - 1;
    if (run->frame_count * 2 > run->by_frame.mask && !frames_rehash(run))
        return 0;
    return index;
}

/* --- Making one state: all that can be reached without reading a byte --- */

static uint64_t config_hash(struct config c)
{
    return mix(((uint64_t)c.place << 32 | c.frame) + 0x9e3779b97f4a7c15u);
}

static void met_clear(struct grammar_run *run)
{
    for (size_t i = 0; i < run->met.count; i++) {
        size_t at = (size_t)config_hash(run->met.items[i]) & run->by_met.mask;
        while (run->by_met.slots[at] != 0) { /* the whole run of slots */
            run->by_met.slots[at] = 0;
            at = (at + 1) & run->by_met.mask;
        }
    }
    run->met.count = 0;
}

static bool met_rehash(struct grammar_run *run)
{
    size_t slots = (run->by_met.mask + 1) * 2;
    uint32_t *grown = calloc(slots, sizeof(uint32_t));
    if (!grown) {
        stop(run, BASE_ERR_NO_MEMORY);
        return false;
    }
    free(run->by_met.slots);
    run->by_met = (struct table){grown, slots - 1};
    for (size_t i = 0; i < run->met.count; i++) {
        size_t at = (size_t)config_hash(run->met.items[i]) & run->by_met.mask;
        while (grown[at] != 0)
            at = (at + 1) & run->by_met.mask;
        grown[at] = (uint32_t)i + 1;
    }
    return true;
}

/* Notes a configuration to be looked at, once. */
static void meet(struct grammar_run *run, uint32_t place, uint32_t frame)
{
    struct config c = {place, frame};
    if (run->grammar->code[place].need + run->frames[frame].depth > GRAMMAR_DEPTH_MAX)
        return; /* no way to an end from here */
    size_t at = (size_t)config_hash(c) & run->by_met.mask;
    for (; run->by_met.slots[at] != 0; at = (at + 1) & run->by_met.mask) {
        const struct config *have = &run->met.items[run->by_met.slots[at] - 1];
        if (have->place == place && have->frame == frame)
            return;
    }
    void *items = run->met.items;
    if (!room(run, &items, run->met.count, &run->met.capacity, sizeof(c), WORK_MAX))
        return;
    run->met.items = items;
    run->met.items[run->met.count++] = c;
    run->by_met.slots[at] = (uint32_t)run->met.count;
    if (run->met.count * 2 > run->by_met.mask)
        (void)met_rehash(run);
    if (++run->work > WORK_MAX)
        stop(run, BASE_ERR_LIMIT);
}

/* A call that has been made `count` times. */
static void call(struct grammar_run *run, uint32_t place, uint32_t frame, uint32_t count)
{
    const struct grammar_code *code = &run->grammar->code[place];
    if (count >= code->min)
        meet(run, code->next, frame);
    if (count >= code->max)
        return;
    /* Past the least number there is nothing to count when there is no most. */
    uint32_t now = code->max == GRAMMAR_MANY && count >= code->min ? code->min : count + 1;
    bool is_last = code->next == GRAMMAR_AT_RETURN && now == code->max;
    if (!is_last) {
        if (run->frames[frame].depth >= GRAMMAR_DEPTH_MAX)
            return;
        frame = frame_get(run, frame, place, now);
    }
    if (!run->err)
        meet(run, run->grammar->entries[code->arg], frame);
}

static void look_at(struct grammar_run *run, struct config c)
{
    const struct grammar_code *code = &run->grammar->code[c.place];
    void *items = run->made.items;
    switch (code->op) {
    case GRAMMAR_BYTE:
        if (!room(run, &items, run->made.count, &run->made.capacity, sizeof(c), CONFIGS_STATE_MAX))
            return;
        run->made.items = items;
        run->made.items[run->made.count++] = c;
        return;
    case GRAMMAR_SPLIT:
        meet(run, code->next, c.frame);
        meet(run, code->arg, c.frame);
        return;
    case GRAMMAR_CALL:
        call(run, c.place, c.frame, 0);
        return;
    case GRAMMAR_RETURN:
        if (c.frame == 0) {
            run->made_accepts = true;
        } else {
            struct frame f = run->frames[c.frame];
            call(run, f.place, f.parent, f.count);
        }
        return;
    default:
        return;
    }
}

static int compare_configs(const void *a, const void *b)
{
    const struct config *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* --- States --- */

static uint64_t state_hash(const struct config *items, size_t count, bool accepts)
{
    uint64_t h = accepts ? 1 : 2;
    for (size_t i = 0; i < count; i++)
        h = mix(h + ((uint64_t)items[i].place << 32 | items[i].frame) + 0x9e3779b97f4a7c15u);
    return h;
}

static bool states_grow(struct grammar_run *run)
{
    if (run->state_count < run->state_capacity)
        return true;
    size_t capacity = run->state_capacity;
    void *items = run->states;
    if (!room(run, &items, run->state_count, &capacity, sizeof(*run->states), STATES_MAX))
        return false;
    run->states = items;
    struct table table;
    int32_t *steps =
        realloc(run->steps, capacity * run->grammar->class_count * sizeof(*run->steps));
    if (steps)
        run->steps = steps;
    if (!steps || !table_new(&table, capacity * 2)) {
        stop(run, BASE_ERR_NO_MEMORY);
        return false;
    }
    free(run->by_state.slots);
    run->by_state = table;
    run->state_capacity = capacity;
    for (size_t i = 1; i < run->state_count; i++) {
        const struct state *s = &run->states[i];
        size_t at = (size_t)state_hash(run->configs + s->first, s->count, s->accepts) & table.mask;
        while (table.slots[at] != 0)
            at = (at + 1) & table.mask;
        table.slots[at] = (uint32_t)i + 1;
    }
    return true;
}

static bool configs_copy(struct grammar_run *run, const struct config *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *items = run->configs;
        if (!room(run, &items, run->config_count, &run->config_capacity, sizeof(*from),
                  CONFIGS_MAX))
            return false;
        run->configs = items;
        run->configs[run->config_count++] = from[i];
    }
    return true;
}

/* The state of what has been made. */
static uint32_t state_get(struct grammar_run *run)
{
    struct config *items = run->made.items;
    size_t count = run->made.count;
    if (run->err || (count == 0 && !run->made_accepts))
        return GRAMMAR_DEAD;
    if (count > 1)
        qsort(items, count, sizeof(*items), compare_configs);
    if (!states_grow(run))
        return GRAMMAR_DEAD;
    size_t at = (size_t)state_hash(items, count, run->made_accepts) & run->by_state.mask;
    for (; run->by_state.slots[at] != 0; at = (at + 1) & run->by_state.mask) {
        const struct state *have = &run->states[run->by_state.slots[at] - 1];
        if (have->count == count && have->accepts == run->made_accepts &&
            (count == 0 || memcmp(run->configs + have->first, items, count * sizeof(*items)) == 0))
            return run->by_state.slots[at] - 1;
    }
    size_t first = run->config_count;
    if (!configs_copy(run, items, count))
        return GRAMMAR_DEAD;
    uint32_t state = (uint32_t)run->state_count++;
    run->states[state] = (struct state){(uint32_t)first, (uint32_t)count, run->made_accepts};
    run->by_state.slots[at] = state + 1;
    int32_t *steps = run->steps + (size_t)state * run->grammar->class_count;
    for (uint32_t i = 0; i < run->grammar->class_count; i++)
        steps[i] = UNKNOWN;
    return state;
}

/* After what was met has been noted: follows it and gives the state. */
static uint32_t make_state(struct grammar_run *run)
{
    run->made.count = 0;
    run->made_accepts = false;
    for (size_t i = 0; i < run->met.count && !run->err; i++)
        look_at(run, run->met.items[i]);
    met_clear(run);
    return state_get(run);
}

uint32_t grammar_run_start(struct grammar_run *run)
{
    const struct engine_grammar *grammar = run->grammar;
    meet(run, grammar->entries[grammar->root], 0);
    return make_state(run);
}

uint32_t grammar_run_step(struct grammar_run *run, uint32_t state, uint8_t byte)
{
    const struct engine_grammar *grammar = run->grammar;
    uint8_t class = grammar->classes[byte];
    if (state == GRAMMAR_DEAD || run->err)
        return GRAMMAR_DEAD;
    size_t at = (size_t)state * grammar->class_count + class;
    if (run->steps[at] != UNKNOWN)
        return (uint32_t)run->steps[at];
    uint8_t sample = grammar->samples[class];
    struct state from = run->states[state];
    for (size_t i = from.first; i < (size_t)from.first + from.count && !run->err; i++) {
        const struct grammar_code *code = &grammar->code[run->configs[i].place];
        if (grammar_set_has(&grammar->sets[code->arg], sample))
            meet(run, code->next, run->configs[i].frame);
        run->work++;
    }
    uint32_t to = make_state(run);
    if (run->err)
        return GRAMMAR_DEAD;
    run->steps[at] = (int32_t)to;
    return to;
}

bool grammar_run_accepts(const struct grammar_run *run, uint32_t state)
{
    return state != GRAMMAR_DEAD && run->states[state].accepts;
}

bool grammar_run_is_final(const struct grammar_run *run, uint32_t state)
{
    return grammar_run_accepts(run, state) && run->states[state].count == 0;
}

enum base_err grammar_run_error(const struct grammar_run *run)
{
    return run->err;
}

/* --- Making, tidying, freeing --- */

static void reset(struct grammar_run *run)
{
    run->frame_count = 1; /* the bottom */
    run->state_count = 1; /* GRAMMAR_DEAD */
    run->config_count = 0;
    run->frames[0] = (struct frame){0};
    run->states[0] = (struct state){0};
    memset(run->by_frame.slots, 0, (run->by_frame.mask + 1) * sizeof(uint32_t));
    memset(run->by_state.slots, 0, (run->by_state.mask + 1) * sizeof(uint32_t));
}

struct grammar_run *grammar_run_new(struct engine_grammar *grammar)
{
    struct grammar_run *run = calloc(1, sizeof(*run));
    if (!run)
        return NULL;
    run->grammar = engine_grammar_ref(grammar);
    run->frame_capacity = run->state_capacity = 64;
    run->frames = calloc(run->frame_capacity, sizeof(*run->frames));
    run->states = calloc(run->state_capacity, sizeof(*run->states));
    run->steps = calloc(run->state_capacity * grammar->class_count, sizeof(*run->steps));
    if (!run->frames || !run->states || !run->steps || !table_new(&run->by_frame, 256) ||
        !table_new(&run->by_state, 256) || !table_new(&run->by_met, 256)) {
        grammar_run_free(run);
        return NULL;
    }
    reset(run);
    return run;
}

void grammar_run_free(struct grammar_run *run)
{
    if (!run)
        return;
    engine_grammar_unref(run->grammar);
    free(run->frames);
    free(run->by_frame.slots);
    free(run->configs);
    free(run->states);
    free(run->steps);
    free(run->by_state.slots);
    free(run->met.items);
    free(run->by_met.slots);
    free(run->made.items);
    free(run);
}

/* Frames that are still in use move to the front; their parents lie before them. */
static bool keep_frames(struct grammar_run *run)
{
    uint32_t *moved = calloc(run->frame_count, sizeof(*moved));
    if (!moved) {
        stop(run, BASE_ERR_NO_MEMORY);
        return false;
    }
    for (size_t i = 0; i < run->made.count; i++)
        for (uint32_t f = run->made.items[i].frame; f != 0 && moved[f] == 0;
             f = run->frames[f].parent)
            moved[f] = 1;
    size_t count = run->frame_count;
    reset(run);
    for (uint32_t f = 1; f < count && !run->err; f++) {
        if (moved[f] == 0)
            continue;
        struct frame old = run->frames[f];
        moved[f] = frame_get(run, moved[old.parent], old.place, old.count);
    }
    for (size_t i = 0; i < run->made.count; i++)
        run->made.items[i].frame = moved[run->made.items[i].frame];
    free(moved);
    return run->err == BASE_OK;
}

uint32_t grammar_run_tidy(struct grammar_run *run, uint32_t state, bool *ret_forgot)
{
    run->work = 0;
    *ret_forgot = false;
    if (run->state_count < STATES_MANY && run->frame_count < FRAMES_MANY &&
        run->config_count < CONFIGS_MANY)
        return state;
    if (state == GRAMMAR_DEAD || run->err)
        return state;
    *ret_forgot = true;
    struct state from = run->states[state];
    run->made.count = 0;
    run->made_accepts = from.accepts;
    for (size_t i = 0; i < from.count; i++) {
        void *items = run->made.items;
        if (!room(run, &items, run->made.count, &run->made.capacity, sizeof(struct config),
                  CONFIGS_STATE_MAX))
            return GRAMMAR_DEAD;
        run->made.items = items;
        run->made.items[run->made.count++] = run->configs[from.first + i];
    }
    return keep_frames(run) ? state_get(run) : GRAMMAR_DEAD;
}
