#include "gateway/local/convert.h"

#include "base/json/json.h"

#include <math.h>
#include <stdio.h>

static const char *part_type_name(enum chat_part_type type)
{
    static const char *const names[CHAT_PART_TYPE_COUNT] = {
        [CHAT_PART_TEXT] = "text",
        [CHAT_PART_IMAGE] = "an image",
        [CHAT_PART_AUDIO] = "audio",
        [CHAT_PART_DOCUMENT] = "a document",
        [CHAT_PART_TOOL_CALL] = "a tool call",
        [CHAT_PART_TOOL_RESULT] = "a tool result",
        [CHAT_PART_REASONING] = "reasoning",
        [CHAT_PART_REFUSAL] = "a refusal",
        [CHAT_PART_OTHER] = "a part of unknown type",
    };
    return names[type];
}

/* All text parts as one; borrowed when there is only one. */
static enum base_err join_text(const struct chat_part *parts, size_t count, struct arena *arena,
                               struct slice *ret, struct base_error *reterr)
{
    size_t total = 0, texts = 0;
    for (size_t i = 0; i < count; i++) {
        enum chat_part_type type = parts[i].type;
        if (type == CHAT_PART_TEXT || type == CHAT_PART_REFUSAL) {
            total += parts[i].text.len + 1;
            *ret = parts[i].text;
            texts++;
        } else if (type != CHAT_PART_TOOL_CALL && type != CHAT_PART_REASONING) {
            return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                                  "the local model reads text only; a message holds %s",
                                  part_type_name(type));
        }
    }
    if (texts <= 1) {
        if (texts == 0)
            *ret = SLICE("");
        return BASE_OK;
    }
    char *joined = arena_alloc(arena, total);
    if (!joined)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "the messages are too long to be joined");
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].type != CHAT_PART_TEXT && parts[i].type != CHAT_PART_REFUSAL)
            continue;
        if (len)
            joined[len++] = '\n';
        if (parts[i].text.len)
            memcpy(joined + len, parts[i].text.ptr, parts[i].text.len);
        len += parts[i].text.len;
    }
    *ret = slice_of(joined, len);
    return BASE_OK;
}

/* Mistral's templates refuse ids that are not nine letters or digits; those of other makers are, so
 * each of them gets a fixed one of that form. */
static struct slice convert_id(const struct engine_markup *markup, struct slice id,
                               struct arena *arena)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    enum { LEN = 9 };
    bool fits = id.len == LEN;
    for (size_t i = 0; i < id.len && fits; i++) {
        char c = id.ptr[i];
        fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    if (fits || slice_is_absent(id) ||
        (markup->tools != ENGINE_MARKUP_TOOLS_MISTRAL &&
         markup->tools != ENGINE_MARKUP_TOOLS_MISTRAL_ARGS))
        return id;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * 1099511628211u;
    char *out = arena_alloc(arena, LEN);
    for (int i = 0; out && i < LEN; i++, hash /= 36)
        out[i] = digits[hash % 36];
    return out ? slice_of(out, LEN) : SLICE_NONE;
}

static enum base_err convert_calls(const struct chat_message *msg,
                                   const struct engine_markup *markup, struct arena *arena,
                                   struct engine_message *to)
{
    struct engine_tool_call *calls = arena_calloc(arena, msg->part_count + 1, sizeof(*calls));
    if (!calls)
        return BASE_ERR_NO_MEMORY;
    for (size_t i = 0; i < msg->part_count; i++) {
        const struct chat_part *part = &msg->parts[i];
        if (part->type == CHAT_PART_REASONING)
            to->reasoning = part->text;
        if (part->type == CHAT_PART_TOOL_CALL)
            calls[to->tool_call_count++] =
                (struct engine_tool_call){convert_id(markup, part->u.call.id, arena),
                                          part->u.call.name, part->u.call.arguments};
    }
    to->tool_calls = calls;
    return BASE_OK;
}

static enum base_err convert_message(const struct chat_message *msg,
                                     const struct engine_markup *markup, struct arena *arena,
                                     struct engine_message *to, struct base_error *reterr)
{
    /* Templates know no "developer": it is the newer word for system. */
    enum chat_role role = msg->role == CHAT_ROLE_DEVELOPER ? CHAT_ROLE_SYSTEM : msg->role;
    to->role = slice_from_str(chat_role_name(role));
    to->name = msg->name;
    if (msg->role == CHAT_ROLE_TOOL && msg->part_count > 0) {
        const struct chat_part *result = &msg->parts[0];
        to->tool_call_id = convert_id(markup, result->u.result.call_id, arena);
        if (result->u.result.part_count == 0) {
            to->content = slice_is_absent(result->text) ? SLICE("") : result->text;
            return BASE_OK;
        }
        return join_text(result->u.result.parts, result->u.result.part_count, arena, &to->content,
                         reterr);
    }
    enum base_err err = join_text(msg->parts, msg->part_count, arena, &to->content, reterr);
    if (!err && msg->role == CHAT_ROLE_ASSISTANT)
        err = convert_calls(msg, markup, arena, to);
    if (msg->content_was_null) /* which templates tell from an empty text */
        to->content = SLICE_NONE;
    return err;
}

static float number_or(const struct chat_number *number, float otherwise)
{
    return slice_is_absent(number->text) ? otherwise : (float)number->value;
}

static enum base_err convert_bias(const struct chat_request *chat, struct arena *arena,
                                  struct engine_sampling *sampling, struct base_error *reterr)
{
    if (!chat->logit_bias)
        return BASE_OK;
    struct engine_bias *bias = arena_calloc(arena, chat->logit_bias->count + 1u, sizeof(*bias));
    if (!bias)
        return BASE_ERR_NO_MEMORY;
    for (const struct json_node *m = json_first(chat->logit_bias); m; m = json_next(m)) {
        int64_t token;
        double value;
        if (!slice_to_i64(m->key, &token) || token < 0 || token > UINT32_MAX ||
            !json_to_double(m, &value) || value < -100 || value > 100)
            return base_error_set_param(
                reterr, BASE_ERR_BAD_VALUE, "logit_bias",
                "logit_bias: expected token ids with numbers from -100 to 100");
        /* OpenAI's documentation: -100 forbids */
        bias[sampling->bias_count++] =
            (struct engine_bias){(uint32_t)token, value <= -100 ? -INFINITY : (float)value};
    }
    sampling->bias = bias;
    return BASE_OK;
}

/* ---- sampling fields beyond OpenAI's, as llama-server names them ---- */

const struct json_node *local_extra(const struct chat_request *chat, const char *key)
{
    for (size_t i = 0; i < chat->extras.count; i++)
        if (slice_eq_str(chat->extras.items[i].key, key))
            return json_is(chat->extras.items[i].value, JSON_NULL) ? NULL
                                                                   : chat->extras.items[i].value;
    return NULL;
}

enum { LAST_N_MAX = 8192, BREAKERS_MAX = 32, BREAKER_BYTES_MAX = 64 };

static const struct sampling_field {
    const char *name;
    bool is_integer;
    double min, max;
    size_t offset; /* of a float, uint32_t for integers */
} sampling_fields[] = {
#define REAL(name, member, min, max)                                                               \
    {                                                                                              \
        name, false, min, max, offsetof(struct engine_sampling, member)                            \
    }
#define INTEGER(name, member, min, max)                                                            \
    {                                                                                              \
        name, true, min, max, offsetof(struct engine_sampling, member)                             \
    }
    REAL("typical_p", typical_p, 0, 1),
    REAL("repeat_penalty", repetition_penalty, 0.01, 100),
    REAL("mirostat_tau", mirostat_tau, 0, 100),
    REAL("mirostat_eta", mirostat_eta, 0, 1),
    REAL("dry_multiplier", dry_multiplier, 0, 100),
    REAL("dry_base", dry_base, 1, 10),
    INTEGER("dry_allowed_length", dry_allowed_length, 1, 1000),
};

static enum base_err bad_field(const char *name, const char *expected, struct base_error *reterr)
{
    return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, name, "%s: expected %s", name,
                                expected);
}

static enum base_err read_sampling_field(const struct sampling_field *field,
                                         const struct json_node *node, struct engine_sampling *s,
                                         struct base_error *reterr)
{
    double value;
    int64_t whole = 0;
    char *at = (char *)s + field->offset;
    if (!json_to_double(node, &value) || !(value >= field->min && value <= field->max) ||
        (field->is_integer && !json_to_i64(node, &whole))) {
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "%s from %g to %g",
                       field->is_integer ? "an integer" : "a number", field->min, field->max);
        return bad_field(field->name, expected, reterr);
    }
    float real = (float)value;
    uint32_t integer = (uint32_t)whole;
    if (field->is_integer)
        memcpy(at, &integer, sizeof(integer));
    else
        memcpy(at, &real, sizeof(real));
    return BASE_OK;
}

/* -1 = all, 0 = none, else so many. False: something else. */
static bool read_last_n(const struct json_node *node, int64_t *ret)
{
    return json_to_i64(node, ret) && *ret >= -1 && *ret <= LAST_N_MAX;
}

static enum base_err read_windows(const struct chat_request *chat, struct engine_sampling *s,
                                  struct base_error *reterr)
{
    static const char expected[] = "-1 (all), 0 (none) or a number of tokens up to 8192";
    const struct json_node *repeat = local_extra(chat, "repeat_last_n");
    const struct json_node *dry = local_extra(chat, "dry_penalty_last_n");
    int64_t n;
    if (repeat) {
        if (!read_last_n(repeat, &n))
            return bad_field("repeat_last_n", expected, reterr);
        s->penalty_window = n > 0 ? (uint32_t)n : 0;
        if (n == 0) {
            s->repetition_penalty = 1.0F;
            s->frequency_penalty = s->presence_penalty = 0.0F;
        }
    }
    if (dry) {
        if (!read_last_n(dry, &n))
            return bad_field("dry_penalty_last_n", expected, reterr);
        s->dry_window = n > 0 ? (uint32_t)n : 0;
        s->dry_multiplier = n == 0 ? 0.0F : s->dry_multiplier;
    }
    return BASE_OK;
}

static enum base_err read_mirostat(const struct chat_request *chat, struct engine_sampling *s,
                                   struct base_error *reterr)
{
    const struct json_node *node = local_extra(chat, "mirostat");
    int64_t version;
    if (!node)
        return BASE_OK;
    if (!json_to_i64(node, &version) || (version != 0 && version != 2))
        return bad_field("mirostat", "0 (off) or 2", reterr);
    s->mirostat = version == 2;
    return BASE_OK;
}

static enum base_err read_breakers(const struct chat_request *chat, struct arena *arena,
                                   struct engine_request *request, struct base_error *reterr)
{
    const struct json_node *node = local_extra(chat, "dry_sequence_breakers");
    if (!node)
        return BASE_OK;
    bool fits = json_is(node, JSON_ARRAY) && node->count <= BREAKERS_MAX;
    struct slice *texts = arena_calloc(arena, BREAKERS_MAX, sizeof(*texts));
    if (!texts)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to convert a request");
    for (const struct json_node *n = fits ? json_first(node) : NULL; n; n = json_next(n)) {
        fits &= json_is(n, JSON_STRING) && n->text.len > 0 && n->text.len <= BREAKER_BYTES_MAX;
        texts[request->dry_breaker_count++] = n->text;
    }
    if (!fits)
        return bad_field("dry_sequence_breakers", "a list of at most 32 texts of 1 to 64 bytes",
                         reterr);
    request->dry_breakers = texts;
    return BASE_OK;
}

static enum base_err read_sampling_extras(const struct chat_request *chat, struct arena *arena,
                                          struct engine_request *request, struct base_error *reterr)
{
    struct engine_sampling *s = &request->sampling;
    enum base_err err = BASE_OK;
    for (size_t i = 0; !err && i < sizeof(sampling_fields) / sizeof(sampling_fields[0]); i++) {
        const struct json_node *node = local_extra(chat, sampling_fields[i].name);
        if (node)
            err = read_sampling_field(&sampling_fields[i], node, s, reterr);
    }
    if (!err)
        err = read_mirostat(chat, s, reterr);
    if (!err)
        err = read_windows(chat, s, reterr);
    return err ? err : read_breakers(chat, arena, request, reterr);
}

bool local_convert_reads(const struct chat_request *chat, struct slice field)
{
    static const char *const others[] = {"grammar", "mirostat", "repeat_last_n",
                                         "dry_penalty_last_n", "dry_sequence_breakers"};
    for (size_t i = 0; i < sizeof(sampling_fields) / sizeof(sampling_fields[0]); i++)
        if (slice_eq_str(field, sampling_fields[i].name))
            return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (slice_eq_str(field, others[i]))
            return true;
    return chat->dialect == CHAT_DIALECT_CHAT && slice_eq_str(field, "chat_template_kwargs");
}

static enum base_err convert_sampling(const struct chat_request *chat, struct arena *arena,
                                      struct engine_sampling *ret, struct base_error *reterr)
{
    struct engine_sampling s = ENGINE_SAMPLING_DEFAULT;
    s.temperature = number_or(&chat->temperature, s.temperature);
    s.top_p = number_or(&chat->top_p, s.top_p);
    s.min_p = number_or(&chat->min_p, s.min_p);
    s.repetition_penalty = number_or(&chat->repetition_penalty, s.repetition_penalty);
    s.frequency_penalty = number_or(&chat->frequency_penalty, s.frequency_penalty);
    s.presence_penalty = number_or(&chat->presence_penalty, s.presence_penalty);
    if (!slice_is_absent(chat->top_k.text) && chat->top_k.value > 0)
        s.top_k = (int32_t)chat->top_k.value;
    int64_t seed;
    if (slice_to_i64(chat->seed.text, &seed)) {
        s.seed_given = true;
        s.seed = (uint64_t)seed;
    }
    s.logprobs = chat->logprobs;
    s.top_logprobs = (uint32_t)number_or(&chat->top_logprobs, 0);
    enum base_err err = convert_bias(chat, arena, &s, reterr);
    if (!err)
        *ret = s;
    return err;
}

/* ---- what the template is given beside the messages ---- */

enum { VARS_TEXT_MAX = 1 << 20, TOOLS_TEXT_MAX = 16 << 20 };

/* A JSON text of the arena's. */
static enum base_err keep_text(struct buffer *text, struct arena *arena, const char *what,
                               struct slice *ret, struct base_error *reterr)
{
    enum base_err err = text->err;
    if (!err) {
        *ret = arena_dup(arena, buffer_slice(text));
        err = slice_is_absent(*ret) ? BASE_ERR_NO_MEMORY : BASE_OK;
    }
    buffer_done(text);
    return err ? base_error_set_param(reterr, err, what, "%s: too long", what) : BASE_OK;
}

/* reasoning_effort in the words of templates: gpt-oss reads the effort, with three grades; Qwen3
 * and others a switch, by one of two names. */
static void write_effort(struct json_writer *w, const struct chat_request *chat,
                         const struct json_node *given)
{
    static const char *const grades[CHAT_EFFORT_COUNT] = {
        [CHAT_EFFORT_MINIMAL] = "low",   [CHAT_EFFORT_LOW] = "low",
        [CHAT_EFFORT_MEDIUM] = "medium", [CHAT_EFFORT_HIGH] = "high",
        [CHAT_EFFORT_XHIGH] = "high",    [CHAT_EFFORT_MAX] = "high"};
    static const char *const switches[] = {"enable_thinking", "thinking"};
    if (chat->effort == CHAT_EFFORT_UNSET)
        return;
    const char *grade = grades[chat->effort];
    if (grade && !json_get(given, SLICE("reasoning_effort")))
        json_member_str(w, "reasoning_effort", grade);
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
        if (!json_get(given, slice_from_str(switches[i])))
            json_member_bool(w, switches[i], grade != NULL);
}

/* chat_template_kwargs, as llama-server and vLLM name it, and the effort. */
static enum base_err convert_vars(const struct chat_request *chat, struct arena *arena,
                                  struct slice *ret, struct base_error *reterr)
{
    const struct json_node *given = local_extra(chat, "chat_template_kwargs");
    if (given && !json_is(given, JSON_OBJECT))
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "chat_template_kwargs",
                                    "chat_template_kwargs: expected an object");
    if (!given && chat->effort == CHAT_EFFORT_UNSET)
        return BASE_OK;
    struct buffer text;
    struct json_writer w;
    buffer_init(&text, VARS_TEXT_MAX);
    json_writer_init(&w, &text);
    json_open_object(&w);
    for (const struct json_node *m = json_first(given); m; m = json_next(m)) {
        json_key(&w, m->key);
        json_put_node(&w, m);
    }
    write_effort(&w, chat, given);
    json_close_object(&w);
    return keep_text(&text, arena, "chat_template_kwargs", ret, reterr);
}

/* The tools in OpenAI's form, which is what templates know. */
static enum base_err convert_tools(const struct chat_request *chat, struct arena *arena,
                                   struct slice *ret, struct base_error *reterr)
{
    if (chat->tool_count == 0 || chat->tool_choice == CHAT_TOOL_CHOICE_NONE)
        return BASE_OK;
    struct buffer text;
    struct json_writer w;
    buffer_init(&text, TOOLS_TEXT_MAX);
    json_writer_init(&w, &text);
    json_open_array(&w);
    for (size_t i = 0; i < chat->tool_count; i++) {
        const struct chat_tool *tool = &chat->tools[i];
        json_open_object(&w);
        json_member_str(&w, "type", "function");
        json_key(&w, SLICE("function"));
        json_open_object(&w);
        json_member_string(&w, "name", tool->name);
        if (!slice_is_absent(tool->description))
            json_member_string(&w, "description", tool->description);
        if (tool->parameters) {
            json_key(&w, SLICE("parameters"));
            json_put_node(&w, tool->parameters);
        }
        json_close_object(&w);
        json_close_object(&w);
    }
    json_close_array(&w);
    return keep_text(&text, arena, "tools", ret, reterr);
}

enum base_err local_convert(const struct chat_request *chat, const struct engine_markup *markup,
                            struct arena *arena, struct engine_request *ret_request,
                            struct base_error *reterr)
{
    struct engine_message *messages = arena_calloc(arena, chat->message_count, sizeof(*messages));
    if (!messages)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory to convert the messages");
    for (size_t i = 0; i < chat->message_count; i++) {
        enum base_err err =
            convert_message(&chat->messages[i], markup, arena, &messages[i], reterr);
        if (err)
            return err;
    }
    struct engine_request request = {
        .messages = messages,
        .message_count = chat->message_count,
        .stop = chat->stop,
        .stop_count = chat->stop_count,
        .max_tokens = slice_is_absent(chat->max_tokens.text) ? 0 : (uint32_t)chat->max_tokens.value,
    };
    enum base_err err = convert_sampling(chat, arena, &request.sampling, reterr);
    if (!err)
        err = read_sampling_extras(chat, arena, &request, reterr);
    if (!err)
        err = convert_vars(chat, arena, &request.vars_json, reterr);
    if (!err)
        err = convert_tools(chat, arena, &request.tools_json, reterr);
    if (!err)
        *ret_request = request;
    return err;
}

enum { PLAIN_MAX_TOKENS = 16 }; /* OpenAI's default for completions */

enum base_err local_convert_prompt(const struct chat_request *chat, size_t prompt,
                                   struct arena *arena, struct engine_request *ret_request,
                                   struct base_error *reterr)
{
    struct engine_request request = {
        .prompt = chat->messages[prompt].parts[0].text,
        .suffix = chat->suffix,
        .stop = chat->stop,
        .stop_count = chat->stop_count,
        .max_tokens = slice_is_absent(chat->max_tokens.text) ? PLAIN_MAX_TOKENS
                                                             : (uint32_t)chat->max_tokens.value,
    };
    enum base_err err = convert_sampling(chat, arena, &request.sampling, reterr);
    if (!err)
        err = read_sampling_extras(chat, arena, &request, reterr);
    if (!err)
        *ret_request = request;
    return err;
}

/* ---- log-probabilities ---- */

static void write_token(struct json_writer *w, const struct engine_tokenizer *tok,
                        const struct engine_logprob *lp)
{
    struct buffer bytes;
    buffer_init(&bytes, 4096);
    if (engine_detokenize(tok, &lp->token, 1, true, &bytes))
        buffer_clear(&bytes);
    struct slice text = buffer_slice(&bytes);
    json_member_string(w, "token", text); /* parts of characters become U+FFFD; `bytes` is exact */
    json_member_double(w, "logprob", isfinite(lp->logprob) ? (double)lp->logprob : -9999.0);
    json_key(w, SLICE("bytes"));
    json_open_array(w);
    for (size_t i = 0; i < text.len; i++)
        json_put_i64(w, (uint8_t)text.ptr[i]);
    json_close_array(w);
    buffer_done(&bytes);
}

void local_logprobs_write(const struct engine_tokenizer *tok, const struct engine_event *event,
                          struct buffer *out)
{
    for (size_t i = 0; i < event->token_count; i++) {
        const struct engine_token_logprobs *lp = &event->logprobs[i];
        struct json_writer w;
        json_writer_init(&w, out);
        if (i > 0)
            buffer_add_char(out, ',');
        json_open_object(&w);
        write_token(&w, tok, &lp->chosen);
        json_key(&w, SLICE("top_logprobs"));
        json_open_array(&w);
        for (size_t k = 0; k < lp->top_count; k++) {
            json_open_object(&w);
            write_token(&w, tok, &lp->top[k]);
            json_close_object(&w);
        }
        json_close_array(&w);
        json_close_object(&w);
    }
}
