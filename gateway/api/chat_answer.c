#include "gateway/api/chat_answer.h"

#include "base/json/json.h"
#include "gateway/api/chat_choice.h"

#include <stdlib.h>

enum { CALLS_MAX = 128 };

void api_chat_answer_init(struct api_chat_answer *answer,
                          const struct api_chat_answer_options *options)
{
    *answer = (struct api_chat_answer){.options = *options, .usage = CHAT_USAGE_UNKNOWN};
    buffer_init(&answer->out, SIZE_MAX / 2);
    buffer_init(&answer->head, options->dialect == CHAT_DIALECT_EMBEDDINGS ? SIZE_MAX / 2 : 4096);
}

static void choice_free(struct api_chat_choice *choice)
{
    if (!choice)
        return;
    buffer_done(&choice->text);
    buffer_done(&choice->reasoning);
    buffer_done(&choice->refusal);
    buffer_done(&choice->logprobs);
    for (size_t i = 0; i < choice->call_count; i++) {
        buffer_done(&choice->calls[i].id);
        buffer_done(&choice->calls[i].name);
        buffer_done(&choice->calls[i].arguments);
    }
    free(choice->calls);
    free(choice);
}

void api_chat_answer_done(struct api_chat_answer *answer)
{
    for (int i = 0; i < answer->choice_count; i++)
        choice_free(answer->choices[i]);
    answer->choice_count = 0;
    buffer_done(&answer->out);
    buffer_done(&answer->head);
}

static bool is_plain(const struct api_chat_answer *answer)
{
    return answer->options.dialect == CHAT_DIALECT_COMPLETIONS;
}

static bool gives_vectors(const struct api_chat_answer *answer)
{
    return answer->options.dialect == CHAT_DIALECT_EMBEDDINGS;
}

static const char *object_name(const struct api_chat_answer *answer)
{
    if (is_plain(answer))
        return "text_completion";
    return answer->options.stream ? "chat.completion.chunk" : "chat.completion";
}

void api_chat_answer_set_model(struct api_chat_answer *answer, struct slice model)
{
    answer->model = model;
    if (!answer->options.stream)
        return;
    buffer_clear(&answer->head);
    buffer_add_str(&answer->head, "data: {\"id\":\"");
    json_escape(&answer->head, answer->options.id);
    buffer_addf(&answer->head, "\",\"object\":\"%s\",\"created\":%lld,\"model\":\"",
                object_name(answer), (long long)answer->options.created_s);
    json_escape(&answer->head, model);
    buffer_add_str(&answer->head, "\",\"choices\":[");
}

static struct api_chat_choice *choice_get(struct api_chat_answer *answer, int32_t index)
{
    if (index < 0 || index >= API_CHAT_CHOICES_MAX)
        return NULL;
    for (; answer->choice_count <= index; answer->choice_count++) {
        struct api_chat_choice *choice = calloc(1, sizeof(*choice));
        if (!choice)
            return NULL;
        size_t max = answer->options.max_bytes;
        buffer_init(&choice->text, max);
        buffer_init(&choice->reasoning, max);
        buffer_init(&choice->refusal, max);
        buffer_init(&choice->logprobs, max);
        answer->choices[answer->choice_count] = choice;
    }
    return answer->choices[index];
}

/* ---- collecting ---- */

static enum base_err collect(struct api_chat_answer *answer, struct buffer *to, struct slice piece)
{
    answer->collected_bytes += piece.len;
    if (answer->collected_bytes > answer->options.max_bytes)
        return BASE_ERR_LIMIT;
    return buffer_add_slice(to, piece);
}

static enum base_err collect_call(struct api_chat_answer *answer, struct api_chat_choice *choice,
                                  const struct chat_event *event)
{
    if (event->tool.index < 0 || event->tool.index >= CALLS_MAX)
        return BASE_ERR_LIMIT;
    size_t index = (size_t)event->tool.index;
    if (index >= choice->call_count) {
        struct call *grown = realloc(choice->calls, (index + 1) * sizeof(*grown));
        if (!grown)
            return BASE_ERR_NO_MEMORY;
        choice->calls = grown;
        for (; choice->call_count <= index; choice->call_count++) {
            struct call *call = &choice->calls[choice->call_count];
            buffer_init(&call->id, answer->options.max_bytes);
            buffer_init(&call->name, answer->options.max_bytes);
            buffer_init(&call->arguments, answer->options.max_bytes);
        }
    }
    struct call *call = &choice->calls[index];
    enum base_err err = collect(answer, &call->id, event->tool.id);
    if (!err)
        err = collect(answer, &call->name, event->tool.name);
    if (!err)
        err = collect(answer, &call->arguments, event->tool.arguments);
    return err;
}

/* The entries of a logprobs object, so that pieces can be joined. */
static enum base_err collect_logprobs(struct api_chat_answer *answer,
                                      struct api_chat_choice *choice, struct slice logprobs)
{
    struct slice list = chat_event_logprobs_list(logprobs);
    if (list.len <= 2)
        return BASE_OK;
    if (buffer_len(&choice->logprobs) > 0)
        buffer_add_char(&choice->logprobs, ',');
    return collect(answer, &choice->logprobs, slice_sub(list, 1, list.len - 2));
}

static enum base_err collect_event(struct api_chat_answer *answer, struct api_chat_choice *choice,
                                   const struct chat_event *event)
{
    enum base_err err;
    switch (event->type) {
    case CHAT_EVENT_TEXT:
        err = collect(answer, &choice->text, event->text);
        return err ? err : collect_logprobs(answer, choice, event->logprobs);
    case CHAT_EVENT_REASONING:
        return collect(answer, &choice->reasoning, event->text);
    case CHAT_EVENT_REFUSAL:
        return collect(answer, &choice->refusal, event->text);
    case CHAT_EVENT_TOOL_CALL:
        return collect_call(answer, choice, event);
    case CHAT_EVENT_FINISHED:
        choice->finished = true;
        choice->finish = event->finish;
        return BASE_OK;
    default:
        return BASE_OK;
    }
}

/* An entry of `data`, comma before. */
static enum base_err collect_vector(struct api_chat_answer *answer, const struct chat_event *event)
{
    struct buffer *to = &answer->head;
    answer->collected_bytes += event->text.len;
    if (answer->collected_bytes > answer->options.max_bytes)
        return BASE_ERR_LIMIT;
    buffer_addf(to, "%s{\"object\":\"embedding\",\"index\":%d,\"embedding\":",
                buffer_len(to) > 0 ? "," : "", (int)event->choice);
    buffer_add_slice(to, event->text);
    return buffer_add_char(to, '}');
}

/* ---- streaming ---- */

static void write_text_delta(struct json_writer *w, const char *key, struct slice text)
{
    json_member_string(w, key, text.ptr ? text : SLICE(""));
}

static void write_call_delta(struct json_writer *w, const struct chat_event *event)
{
    json_key(w, SLICE("tool_calls"));
    json_open_array(w);
    json_open_object(w);
    json_member_i64(w, "index", event->tool.index);
    if (!slice_is_absent(event->tool.id)) {
        json_member_string(w, "id", event->tool.id);
        json_member_str(w, "type", "function");
    }
    json_key(w, SLICE("function"));
    json_open_object(w);
    if (!slice_is_absent(event->tool.name))
        json_member_string(w, "name", event->tool.name);
    write_text_delta(w, "arguments", event->tool.arguments);
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
}

static void write_delta(struct json_writer *w, const struct chat_event *event)
{
    switch (event->type) {
    case CHAT_EVENT_TEXT:
        write_text_delta(w, "content", event->text);
        break;
    case CHAT_EVENT_REASONING:
        write_text_delta(w, "reasoning_content", event->text);
        break;
    case CHAT_EVENT_REFUSAL:
        write_text_delta(w, "refusal", event->text);
        break;
    case CHAT_EVENT_TOOL_CALL:
        write_call_delta(w, event);
        break;
    default:
        break;
    }
}

static void end_frame(struct api_chat_answer *answer)
{
    buffer_add_str(&answer->out,
                   answer->options.include_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static void write_frame(struct api_chat_answer *answer, struct api_chat_choice *choice,
                        const struct chat_event *event)
{
    buffer_add_slice(&answer->out, buffer_slice(&answer->head));
    struct json_writer w;
    json_writer_init(&w, &answer->out);
    if (is_plain(answer)) {
        api_completion_choice(&w, choice, event);
        end_frame(answer);
        return;
    }
    json_open_object(&w);
    json_member_i64(&w, "index", event->choice);
    json_key(&w, SLICE("delta"));
    json_open_object(&w);
    if (!choice->has_role) {
        choice->has_role = true;
        json_member_str(&w, "role", "assistant");
        if (event->type != CHAT_EVENT_TEXT)
            json_member_str(&w, "content", event->type == CHAT_EVENT_FINISHED ? "" : NULL);
    }
    write_delta(&w, event);
    json_close_object(&w);
    json_key(&w, SLICE("logprobs"));
    if (slice_is_absent(event->logprobs))
        json_put_null(&w);
    else
        json_put_raw(&w, event->logprobs);
    json_member_str(&w, "finish_reason",
                    event->type == CHAT_EVENT_FINISHED ? chat_finish_name(event->finish) : NULL);
    json_close_object(&w);
    end_frame(answer);
}

enum base_err api_chat_answer_event(struct api_chat_answer *answer, const struct chat_event *event)
{
    if (event->type == CHAT_EVENT_USAGE) {
        chat_usage_merge(&answer->usage, &event->usage);
        return BASE_OK;
    }
    if (gives_vectors(answer))
        return event->type == CHAT_EVENT_TEXT ? collect_vector(answer, event) : BASE_OK;
    if (!chat_event_is_content(event->type) && event->type != CHAT_EVENT_FINISHED)
        return BASE_OK;
    struct api_chat_choice *choice = choice_get(answer, event->choice);
    if (!choice)
        return BASE_ERR_NO_MEMORY;
    if (event->type == CHAT_EVENT_FINISHED && choice->finished)
        return BASE_OK;
    enum base_err err = collect_event(answer, choice, event);
    if (!err && answer->options.stream && api_completion_shows(answer, event))
        write_frame(answer, choice, event);
    return err ? err : answer->out.err;
}

/* ---- the end ---- */

void api_write_usd(struct buffer *out, int64_t nano_usd)
{
    if (nano_usd < 0)
        buffer_add_str(out, "null");
    else
        buffer_addf(out, "%lld.%09lld", (long long)(nano_usd / 1000000000),
                    (long long)(nano_usd % 1000000000));
}

static int64_t at_least_zero(int64_t value)
{
    return value < 0 ? 0 : value;
}

static void write_cost(struct json_writer *w, int64_t nano_usd)
{
    struct buffer usd;
    buffer_init(&usd, 64);
    api_write_usd(&usd, nano_usd);
    json_key(w, SLICE("cost_usd"));
    json_put_raw(w, buffer_slice(&usd));
    buffer_done(&usd);
}

static void write_usage(struct json_writer *w, const struct chat_usage *usage,
                        const struct api_chat_account *account)
{
    int64_t input = chat_usage_input_total(usage);
    int64_t output = chat_usage_output_total(usage);
    json_key(w, SLICE("usage"));
    if (input < 0 && output < 0) { /* nobody counted: say so rather than 0 */
        json_put_null(w);
        return;
    }
    json_open_object(w);
    json_member_i64(w, "prompt_tokens", at_least_zero(input));
    json_member_i64(w, "completion_tokens", at_least_zero(output));
    json_member_i64(w, "total_tokens", at_least_zero(input) + at_least_zero(output));
    json_key(w, SLICE("prompt_tokens_details"));
    json_open_object(w);
    json_member_i64(w, "cached_tokens", at_least_zero(usage->cache_read));
    json_member_i64(w, "audio_tokens", at_least_zero(usage->input_audio));
    json_close_object(w);
    json_key(w, SLICE("completion_tokens_details"));
    json_open_object(w);
    json_member_i64(w, "reasoning_tokens", at_least_zero(usage->reasoning));
    json_member_i64(w, "audio_tokens", at_least_zero(usage->output_audio));
    json_member_i64(w, "rejected_prediction_tokens", at_least_zero(usage->rejected));
    json_close_object(w);
    write_cost(w, account->nano_usd);
    if (account->late) {
        json_member_string(w, "hearth_target", account->target);
        json_member_string(w, "hearth_zone", account->zone);
        if (!slice_is_absent(account->warnings))
            json_member_string(w, "hearth_warnings", account->warnings);
    }
    json_close_object(w);
}

static void write_calls(struct json_writer *w, const struct api_chat_choice *choice)
{
    json_key(w, SLICE("tool_calls"));
    json_open_array(w);
    for (size_t i = 0; i < choice->call_count; i++) {
        const struct call *call = &choice->calls[i];
        json_open_object(w);
        json_member_string(w, "id", buffer_slice(&call->id));
        json_member_str(w, "type", "function");
        json_key(w, SLICE("function"));
        json_open_object(w);
        json_member_string(w, "name", buffer_slice(&call->name));
        json_member_string(w, "arguments",
                           buffer_len(&call->arguments) ? buffer_slice(&call->arguments)
                                                        : SLICE("{}"));
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static void write_choice(struct json_writer *w, int32_t index, const struct api_chat_choice *choice)
{
    bool is_silent = buffer_len(&choice->text) == 0 &&
                     (choice->call_count > 0 || buffer_len(&choice->refusal) > 0);
    json_open_object(w);
    json_member_i64(w, "index", index);
    json_key(w, SLICE("message"));
    json_open_object(w);
    json_member_str(w, "role", "assistant");
    json_member_string(w, "content", is_silent ? SLICE_NONE : buffer_slice(&choice->text));
    json_member_string(w, "refusal",
                       buffer_len(&choice->refusal) ? buffer_slice(&choice->refusal) : SLICE_NONE);
    if (buffer_len(&choice->reasoning))
        json_member_string(w, "reasoning_content", buffer_slice(&choice->reasoning));
    if (choice->call_count > 0)
        write_calls(w, choice);
    json_close_object(w);
    json_key(w, SLICE("logprobs"));
    if (buffer_len(&choice->logprobs) > 0) {
        json_open_object(w);
        json_key(w, SLICE("content"));
        struct buffer list;
        buffer_init(&list, SIZE_MAX / 2);
        buffer_add_char(&list, '[');
        buffer_add_slice(&list, buffer_slice(&choice->logprobs));
        buffer_add_char(&list, ']');
        json_put_raw(w, buffer_slice(&list));
        buffer_done(&list);
        json_member_null(w, "refusal");
        json_close_object(w);
    } else {
        json_put_null(w);
    }
    json_member_str(w, "finish_reason", chat_finish_name(choice->finish));
    json_close_object(w);
}

static void write_whole(struct api_chat_answer *answer, const struct api_chat_account *account)
{
    struct json_writer w;
    json_writer_init(&w, &answer->out);
    json_open_object(&w);
    json_member_string(&w, "id", answer->options.id);
    json_member_str(&w, "object", object_name(answer));
    json_member_i64(&w, "created", answer->options.created_s);
    json_member_string(&w, "model", answer->model);
    json_key(&w, SLICE("choices"));
    json_open_array(&w);
    for (int32_t i = 0; i < answer->choice_count; i++)
        if (is_plain(answer))
            api_completion_whole(&w, i, answer->choices[i]);
        else
            write_choice(&w, i, answer->choices[i]);
    json_close_array(&w);
    write_usage(&w, &answer->usage, account);
    json_close_object(&w);
}

/* Source: OpenAI's OpenAPI document 2.3.0, CreateEmbeddingResponse. */
static void write_vectors(struct api_chat_answer *answer, const struct api_chat_account *account)
{
    int64_t input = at_least_zero(chat_usage_input_total(&answer->usage));
    struct json_writer w;
    buffer_add_str(&answer->out, "{\"object\":\"list\",\"data\":[");
    buffer_add_slice(&answer->out, buffer_slice(&answer->head));
    buffer_add_str(&answer->out, "],\"model\":");
    json_writer_init(&w, &answer->out);
    json_put_string(&w, answer->model);
    buffer_add_str(&answer->out, ",\"usage\":");
    json_writer_init(&w, &answer->out);
    json_open_object(&w);
    json_member_i64(&w, "prompt_tokens", input);
    json_member_i64(&w, "total_tokens", input);
    write_cost(&w, account->nano_usd);
    json_close_object(&w);
    buffer_add_char(&answer->out, '}');
}

/* Ends with `"choices":[],"usage":{...}}`, as OpenAI's extra frame does. */
static void write_usage_frame(struct api_chat_answer *answer,
                              const struct api_chat_account *account)
{
    struct json_writer w;
    buffer_add_str(&answer->out, "data: ");
    json_writer_init(&w, &answer->out);
    json_open_object(&w);
    json_member_string(&w, "id", answer->options.id);
    json_member_str(&w, "object", object_name(answer));
    json_member_i64(&w, "created", answer->options.created_s);
    json_member_string(&w, "model", answer->model);
    json_key(&w, SLICE("choices"));
    json_open_array(&w);
    json_close_array(&w);
    write_usage(&w, &answer->usage, account);
    json_close_object(&w);
    buffer_add_str(&answer->out, "\n\n");
}

enum base_err api_chat_answer_end(struct api_chat_answer *answer,
                                  const struct api_chat_account *account)
{
    if (!answer->options.stream) {
        if (gives_vectors(answer))
            write_vectors(answer, account);
        else
            write_whole(answer, account);
        return answer->out.err;
    }
    if (answer->options.include_usage)
        write_usage_frame(answer, account);
    buffer_add_str(&answer->out, "data: [DONE]\n\n");
    return answer->out.err;
}

void api_error_write(struct buffer *out, const struct base_error *error)
{
    const struct base_err_info *info = base_err_info(error->code);
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, SLICE("error"));
    json_open_object(&w);
    json_member_str(&w, "message", error->message);
    json_member_str(&w, "type", info->type);
    json_member_str(&w, "param", error->param[0] ? error->param : NULL);
    json_member_str(&w, "code", info->code);
    json_close_object(&w);
    json_close_object(&w);
}

enum base_err api_chat_answer_fail(struct api_chat_answer *answer, const struct base_error *error)
{
    buffer_add_str(&answer->out, "data: ");
    api_error_write(&answer->out, error);
    buffer_add_str(&answer->out, "\n\n");
    return answer->out.err;
}

struct slice api_chat_answer_text(const struct api_chat_answer *answer, int32_t choice)
{
    return choice >= 0 && choice < answer->choice_count
               ? buffer_slice(&answer->choices[choice]->text)
               : SLICE("");
}

struct slice api_chat_answer_beside(const struct api_chat_answer *answer, int32_t choice,
                                    bool refusal)
{
    if (choice < 0 || choice >= answer->choice_count)
        return SLICE("");
    const struct api_chat_choice *c = answer->choices[choice];
    return buffer_slice(refusal ? &c->refusal : &c->reasoning);
}

struct slice api_chat_answer_calls(const struct api_chat_answer *answer, int32_t choice,
                                   size_t index)
{
    if (choice < 0 || choice >= answer->choice_count ||
        index >= answer->choices[choice]->call_count)
        return SLICE_NONE;
    return buffer_slice(&answer->choices[choice]->calls[index].arguments);
}
