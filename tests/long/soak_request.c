#include "tests/long/soak_request.h"

#include <math.h>
#include <stdio.h>

#include "tests/unit/engine/tiny_gguf.h"

uint32_t soak_below(uint64_t *random, uint32_t n)
{
    return (uint32_t)((tiny_random(random) >> 11) % n);
}

static bool once_in(uint64_t *random, uint32_t n)
{
    return soak_below(random, n) == 0;
}

/* --- What is asked --- */

/* Whole characters of one to four bytes, and texts that look like control tokens. */
static struct slice some_text(struct soak_request *r, uint64_t *random)
{
    static const char *const pieces[] = {
        "a",         "the ", "Z9",           "\n", "  ",
        "\xc3\xa9",  "{}",   "\xe4\xb8\xad", "\"", "\xf0\x9f\x98\x80",
        "<|im_end|>"};
    size_t most = once_in(random, 12) ? SOAK_TEXT_MAX - 16 : 1 + soak_below(random, 90);
    size_t len = 0;
    while (len < most) {
        const char *piece = pieces[soak_below(random, sizeof(pieces) / sizeof(pieces[0]))];
        memcpy(r->text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    r->may_not_fit = len >= SOAK_CONTEXT;
    return slice_of(r->text, len);
}

static void ask_messages(struct soak_request *r, uint64_t *random)
{
    static const struct slice roles[] = {SLICE_INIT("user"), SLICE_INIT("assistant")};
    struct slice text = some_text(r, random);
    size_t count = 1 + soak_below(random, once_in(random, 3) ? SOAK_MESSAGES_MAX : 3);
    bool system = once_in(random, 2);
    for (size_t i = 0; i < count; i++) {
        /* A few characters of ASCII each, but for the last one. */
        struct slice content = slice_sub(SLICE("What was said before in this talk, and by whom"), 0,
                                         1 + soak_below(random, 40));
        r->messages[i] = (struct engine_message){
            .role = i == 0 && system ? SLICE("system") : roles[(i + count + 1) % 2],
            .content = i + 1 == count ? text : content};
    }
    r->req.messages = r->messages;
    r->req.message_count = count;
    r->may_not_fit = true; /* with the template around it */
}

static void ask_tokens(struct soak_request *r, uint64_t *random, uint32_t n_vocab)
{
    size_t count = 1 + soak_below(random, once_in(random, 12) ? SOAK_TEXT_MAX : 60);
    for (size_t i = 0; i < count; i++)
        r->tokens[i] = soak_below(random, n_vocab);
    r->req.tokens = r->tokens;
    r->req.token_count = count;
    r->may_not_fit = count >= SOAK_CONTEXT;
}

static void ask(struct soak_request *r, uint64_t *random, uint32_t n_vocab)
{
    switch (soak_below(random, 4)) {
    case 0:
        r->req.prompt = some_text(r, random);
        break;
    case 1:
        ask_tokens(r, random, n_vocab);
        break;
    default:
        ask_messages(r, random);
    }
}

/* --- How it is to be answered --- */

static void choose_sampling(struct soak_request *r, uint64_t *random, uint32_t n_vocab)
{
    struct engine_sampling *s = &r->req.sampling;
    *s = ENGINE_SAMPLING_DEFAULT;
    static const float temperatures[] = {0, 0, 0.2F, 1, 1.5F, 50};
    s->temperature = temperatures[soak_below(random, 6)];
    if (once_in(random, 4))
        s->top_k = 1 + (int32_t)soak_below(random, 400);
    if (once_in(random, 4))
        s->top_p = (float)soak_below(random, 101) / 100;
    if (once_in(random, 6))
        s->min_p = (float)soak_below(random, 101) / 100;
    if (once_in(random, 6))
        s->typical_p = (float)soak_below(random, 101) / 100;
    if (once_in(random, 5)) {
        s->repetition_penalty = 0.5F + (float)soak_below(random, 30) / 10;
        s->presence_penalty = (float)soak_below(random, 5) - 2;
        s->frequency_penalty = (float)soak_below(random, 5) - 2;
        s->penalty_window = soak_below(random, 100);
    }
    if (once_in(random, 8)) {
        s->mirostat = true;
        s->mirostat_tau = (float)soak_below(random, 100) / 10;
        s->mirostat_eta = (float)soak_below(random, 11) / 10;
    }
    if (once_in(random, 8)) {
        s->dry_multiplier = (float)soak_below(random, 30) / 10;
        s->dry_base = 1 + (float)soak_below(random, 20) / 10;
        s->dry_allowed_length = 1 + soak_below(random, 4);
        s->dry_window = soak_below(random, 100);
    }
    s->seed_given = once_in(random, 2);
    s->seed = soak_below(random, 1000);
    if (once_in(random, 6)) {
        s->bias_count = 1 + soak_below(random, 8);
        for (size_t i = 0; i < s->bias_count;
             i++) /* -100 would forbid it, all that a grammar allows perhaps */
            r->bias[i] = (struct engine_bias){.token = soak_below(random, n_vocab),
                                              .bias = (float)soak_below(random, 200) - 99};
        s->bias = r->bias;
    }
    if (once_in(random, 5)) {
        s->logprobs = true;
        s->top_logprobs = soak_below(random, ENGINE_TOP_LOGPROBS_MAX + 1);
    }
}

static void choose_grammar(struct soak_request *r, uint64_t *random)
{
    static const char *const schemas[] = {
        "{\"type\":\"boolean\"}",
        "{\"type\":\"string\",\"maxLength\":5}",
        "{\"enum\":[\"billing\",\"bug\",\"other\"]}",
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":0,"
        "\"maximum\":99},"
        "\"b\":{\"type\":\"array\",\"maxItems\":2,\"items\":{\"type\":\"boolean\"}}},"
        "\"required\":[\"a\"],\"additionalProperties\":false}",
    };
    static const char *const rules[] = {
        "root ::= [ab]{3,9}",
        "root ::= word (\" \" word)*\nword ::= [a-z]+ | \"\\u4e2d\"",
        "root ::= \"yes\" | \"no\"",
    };
    uint32_t which = soak_below(random, 9);
    r->grammar = which < 4 ? schemas[which] : which < 7 ? rules[which - 4] : "JSON";
    enum base_err err =
        which < 4   ? engine_grammar_from_schema(slice_from_str(r->grammar), &r->req.grammar, NULL)
        : which < 7 ? engine_grammar_from_gbnf(slice_from_str(r->grammar), &r->req.grammar, NULL)
                    : engine_grammar_json(which == 7, &r->req.grammar, NULL);
    if (err)
        r->req.grammar = NULL;
}

/* Reasoning and calls of tools; long enough that some come to their end. */
static void choose_form(struct soak_request *r, uint64_t *random)
{
    soak_form_choose(&r->form, r->target->markup, random, &r->req.grammar);
    r->has_form = r->req.grammar != NULL;
    r->grammar = r->has_form ? "form" : NULL;
    r->req.max_tokens = 100;
    if (r->req.messages)
        r->req.tools_json = slice_from_str(soak_tools_json);
    r->may_not_fit = true;
}

/* --- What may be wrong with it --- */

static void no_question(struct engine_request *q)
{
    q->prompt = SLICE_NONE;
    q->messages = NULL;
    q->message_count = 0;
    q->tokens = NULL;
    q->token_count = 0;
}

static void bad_nothing(struct soak_request *r)
{
    no_question(&r->req);
}
static void bad_empty(struct soak_request *r)
{
    no_question(&r->req);
    r->req.prompt = SLICE("");
}
static void bad_both(struct soak_request *r)
{
    no_question(&r->req);
    r->req.prompt = SLICE("x");
    r->req.tokens = r->tokens;
    r->req.token_count = 1;
}
static void bad_token(struct soak_request *r)
{
    no_question(&r->req);
    r->tokens[0] = UINT32_MAX;
    r->req.tokens = r->tokens;
    r->req.token_count = 1;
}
static void bad_temperature(struct soak_request *r)
{
    r->req.sampling.temperature = -1;
}
static void bad_nan(struct soak_request *r)
{
    r->req.sampling.temperature = NAN;
}
static void bad_top_p(struct soak_request *r)
{
    r->req.sampling.top_p = 7;
}
static void bad_penalty(struct soak_request *r)
{
    r->req.sampling.presence_penalty = 3;
}
static void bad_repetition(struct soak_request *r)
{
    r->req.sampling.repetition_penalty = 0;
}
static void bad_bias(struct soak_request *r)
{
    r->bias[0] = (struct engine_bias){.token = 1u << 30, .bias = 1};
    r->req.sampling.bias = r->bias;
    r->req.sampling.bias_count = 1;
}
static void bad_top_logprobs(struct soak_request *r)
{
    r->req.sampling.logprobs = true;
    r->req.sampling.top_logprobs = ENGINE_TOP_LOGPROBS_MAX + 1;
}
static void bad_mirostat(struct soak_request *r)
{
    r->req.sampling.mirostat = true;
    r->req.sampling.mirostat_eta = 2;
}
static void bad_dry(struct soak_request *r)
{
    r->req.sampling.dry_multiplier = 1;
    r->req.sampling.dry_base = 0.5F;
}
static void bad_adapter(struct soak_request *r)
{
    if (r->target->foreign)
        r->req.adapter = r->target->foreign;
    else
        bad_nothing(r);
}
static void bad_stop(struct soak_request *r)
{
    r->stop[0] = SLICE("");
    r->req.stop = r->stop;
    r->req.stop_count = 1;
}

static const struct {
    const char *what;
    void (*spoil)(struct soak_request *r);
} bad[] = {
    {"neither prompt nor messages", bad_nothing},
    {"an empty prompt", bad_empty},
    {"prompt and tokens", bad_both},
    {"a token out of range", bad_token},
    {"a negative temperature", bad_temperature},
    {"a temperature that is no number", bad_nan},
    {"top_p above 1", bad_top_p},
    {"a presence penalty above 2", bad_penalty},
    {"a repetition penalty of 0", bad_repetition},
    {"a bias for a token that is none", bad_bias},
    {"too many top_logprobs", bad_top_logprobs},
    {"an empty stop text", bad_stop},
    {"a mirostat_eta above 1", bad_mirostat},
    {"a dry_base below 1", bad_dry},
    {"an adapter of another model", bad_adapter},
};

void soak_request_make(struct soak_request *r, uint64_t *random, const struct soak_target *target)
{
    static const struct slice stops[] = {SLICE_INIT("e"), SLICE_INIT("\n"), SLICE_INIT("ab"),
                                         SLICE_INIT("\xc3\xa9"), SLICE_INIT("the end of it all")};
    r->req = (struct engine_request){.max_tokens = 1 + soak_below(random, 24)};
    r->bad = NULL;
    r->grammar = NULL;
    r->has_form = false;
    r->target = target;
    ask(r, random, target->n_vocab);
    choose_sampling(r, random, target->n_vocab);
    uint32_t adapter = soak_below(random, SOAK_ADAPTERS + 3);
    r->req.adapter = adapter < SOAK_ADAPTERS ? target->adapters[adapter] : NULL;
    if (once_in(random, 40))
        r->req.max_tokens = once_in(random, 2) ? 0 : 100000; /* until the context is full */
    uint32_t held = soak_below(random, 16);
    if (held < 2)
        choose_grammar(r, random);
    else if (held == 2)
        choose_form(r, random);
    if (once_in(random, 4)) {
        r->req.stop = r->stop;
        r->req.stop_count = 1 + soak_below(random, 2);
        for (size_t i = 0; i < r->req.stop_count; i++)
            r->stop[i] = stops[soak_below(random, 5)];
    }
    r->req.overflow = (enum engine_overflow)soak_below(random, ENGINE_OVERFLOW_COUNT);
    if (r->req.overflow != ENGINE_OVERFLOW_STOP && r->req.max_tokens > SOAK_TOKENS_MAX)
        r->req.max_tokens = SOAK_TOKENS_MAX; /* it goes on where the context ends */
    r->req.domain = soak_below(random, 3);
    r->req.flow = soak_below(random, 5);
    r->req.priority = once_in(random, 5) ? (int32_t)soak_below(random, 5) - 2 : 0;
    if (once_in(random, 15)) {
        size_t which = soak_below(random, sizeof(bad) / sizeof(bad[0]));
        r->bad = bad[which].what;
        bad[which].spoil(r);
    }
}

void soak_request_done(struct soak_request *r)
{
    engine_grammar_unref(r->req.grammar);
}
