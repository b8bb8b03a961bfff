#include "upstreams/reader.h"

/* error.code or error.type, wherever it stands; the status decides only when none of these is
 * there. */
static const struct {
    const char *word;
    enum base_err err;
} words[] = {
    {"context_length_exceeded", BASE_ERR_CONTEXT_LENGTH},
    {"exceed_context_size_error", BASE_ERR_CONTEXT_LENGTH}, /* llama.cpp */
    {"insufficient_quota", BASE_ERR_UPSTREAM_QUOTA},
    {"credit_balance_exhausted", BASE_ERR_UPSTREAM_QUOTA},
    {"organization_spend_limit_exceeded", BASE_ERR_UPSTREAM_QUOTA},
    {"project_spend_limit_exceeded", BASE_ERR_UPSTREAM_QUOTA},
    {"organization_usage_limit_exceeded", BASE_ERR_UPSTREAM_QUOTA},
    {"billing_hard_limit_reached", BASE_ERR_UPSTREAM_QUOTA},
    {"billing_not_active", BASE_ERR_UPSTREAM_QUOTA},
    {"rate_limit_exceeded", BASE_ERR_UPSTREAM_RATE_LIMIT},
    {"rate_limit_error", BASE_ERR_UPSTREAM_RATE_LIMIT},
    {"slow_down", BASE_ERR_UPSTREAM_RATE_LIMIT},
    {"RESOURCE_EXHAUSTED", BASE_ERR_UPSTREAM_RATE_LIMIT},
    {"invalid_api_key", BASE_ERR_UPSTREAM_AUTH},
    {"authentication_error", BASE_ERR_UPSTREAM_AUTH},
    {"model_not_found", BASE_ERR_UPSTREAM_STATUS},
    {"server_is_overloaded", BASE_ERR_UPSTREAM_STATUS},
    {"overloaded_error", BASE_ERR_UPSTREAM_STATUS},
    {"content_filter", BASE_ERR_UPSTREAM_REJECTED},
};

/* Some servers say it in prose only. Read, never repeated. */
static const char *const context_phrases[] = {
    "maximum context length",
    "exceeds the available context size",
    "greater than the context length",
};

static const struct {
    int first, last;
    enum base_err err;
} statuses[] = {
    {300, 399, BASE_ERR_UPSTREAM_PROTOCOL}, /* a redirect: never followed */
    {401, 401, BASE_ERR_UPSTREAM_AUTH},
    {402, 402, BASE_ERR_UPSTREAM_QUOTA},
    {403, 403, BASE_ERR_UPSTREAM_AUTH},
    {404, 405, BASE_ERR_UPSTREAM_STATUS}, /* wrong URL or model name: ours, not the client's */
    {408, 409, BASE_ERR_UPSTREAM_STATUS},
    {425, 425, BASE_ERR_UPSTREAM_STATUS},
    {429, 429, BASE_ERR_UPSTREAM_RATE_LIMIT},
    {400, 499, BASE_ERR_UPSTREAM_REJECTED},
    {500, 599, BASE_ERR_UPSTREAM_STATUS},
};

static enum base_err by_status(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (status >= statuses[i].first && status <= statuses[i].last)
            return statuses[i].err;
    return BASE_ERR_UPSTREAM_PROTOCOL;
}

static bool by_word(struct slice text, enum base_err *ret)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_eq_str(text, words[i].word)) {
            *ret = words[i].err;
            return true;
        }
    return false;
}

/* Copies a name; anything that does not look like one is dropped whole. */
static void keep_name(struct slice from, char *to, size_t size)
{
    to[0] = '\0';
    if (from.len == 0 || from.len >= size)
        return;
    for (size_t i = 0; i < from.len; i++) {
        char c = from.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-' || c == '[' || c == ']';
        if (!ok)
            return;
    }
    memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
}

static bool says_context(struct slice message)
{
    for (size_t i = 0; i < sizeof(context_phrases) / sizeof(context_phrases[0]); i++)
        if (slice_find(message, slice_from_str(context_phrases[i])) != SIZE_MAX)
            return true;
    return false;
}

void openai_error_from(int status, const struct json_node *root, struct provider_error *ret)
{
    if (json_is(root, JSON_ARRAY))
        root = json_first(root);
    const struct json_node *error = json_get(root, SLICE("error"));
    if (!json_is(error, JSON_OBJECT))
        error = root; /* {"object":"error",...}, {"error":"text"}, {"detail":...} */
    const struct json_node *code_node = json_get(error, SLICE("code"));
    struct slice code = json_string(code_node);
    struct slice type = json_string(json_get(error, SLICE("type")));
    int64_t number;
    if (json_to_i64(code_node, &number) && number >= 400 && number <= 599 && status == 200)
        status = (int)number;

    *ret = (struct provider_error){0};
    keep_name(slice_is_absent(code) ? type : code, ret->code, sizeof(ret->code));
    keep_name(json_string(json_get(error, SLICE("param"))), ret->param, sizeof(ret->param));
    bool is_known = by_word(type, &ret->err); /* insufficient_quota is a type with finer codes */
    if (!is_known || ret->err != BASE_ERR_UPSTREAM_QUOTA)
        is_known = by_word(code, &ret->err) || is_known;
    if (!is_known && status < 500 && says_context(json_string(json_get(error, SLICE("message")))))
        ret->err = BASE_ERR_CONTEXT_LENGTH;
    else if (!is_known)
        ret->err = status == 200 ? BASE_ERR_UPSTREAM_STATUS : by_status(status);
}

void openai_error_read(int status, struct slice body, struct provider_error *ret)
{
    const struct json_node *root = NULL;
    struct arena *arena = arena_new(4 * 1024 * 1024);
    if (arena && json_parse(body, &json_limits_event, arena, &root, NULL) == BASE_OK)
        openai_error_from(status, root, ret);
    else
        *ret = (struct provider_error){.err = by_status(status)};
    arena_free(arena);
}

/* ---- retry-after ---- */

enum { RETRY_MAX_MS = 3600 * 1000 };

static int month_of(const char *text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(text, names + 3 * i, 3) == 0)
            return i;
    return -1;
}

static int digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Days since 1970-01-01 in the Gregorian calendar; month 0 is January. */
static int64_t days_of(int year, int month, int day)
{
    int64_t shifted =
        month < 2 ? year - 1 : year; /* years that begin in March: leap days come last */
    int64_t of_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
    return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719468;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT"; -1 when it is not that. */
static int64_t http_date_s(struct slice s)
{
    if (s.len != 29 || memcmp(s.ptr + 3, ", ", 2) != 0 || memcmp(s.ptr + 25, " GMT", 4) != 0)
        return -1;
    int day = digits(s.ptr + 5, 2), month = month_of(s.ptr + 8), year = digits(s.ptr + 12, 4);
    int hour = digits(s.ptr + 17, 2), minute = digits(s.ptr + 20, 2),
        second = digits(s.ptr + 23, 2);
    if (day < 1 || day > 31 || month < 0 || year < 1970 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0)
        return -1;
    return days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

static int64_t clip_ms(double ms)
{
    return ms >= RETRY_MAX_MS ? RETRY_MAX_MS : (int64_t)ms;
}

int64_t retry_after_parse(struct slice retry_after_ms, struct slice retry_after, int64_t wall_ns)
{
    double number;
    if (slice_to_double(slice_trim(retry_after_ms), &number) && number >= 0)
        return clip_ms(number);
    retry_after = slice_trim(retry_after);
    if (slice_to_double(retry_after, &number) && number >= 0)
        return number >= RETRY_MAX_MS ? RETRY_MAX_MS : clip_ms(number * 1000);
    int64_t date = http_date_s(retry_after);
    if (date < 0)
        return -1;
    int64_t now = wall_ns / 1000000000;
    return date <= now ? 0 : clip_ms((double)(date - now) * 1000);
}
