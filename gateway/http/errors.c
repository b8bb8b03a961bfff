#include "gateway/http/internal.h"

#include "base/json/json.h"

void http_error_openai(struct buffer *out, const struct http_error_facts *facts)
{
    const struct base_err_info *info = base_err_info(facts->err);
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, SLICE("error"));
    json_open_object(&w);
    json_member_str(&w, "message", facts->message);
    json_member_str(&w, "type", info->type);
    json_member_str(&w, "param", facts->param[0] ? facts->param : NULL);
    json_member_str(&w, "code", info->code);
    json_close_object(&w);
    json_close_object(&w);
}

static const char *anthropic_type(enum base_err err)
{
    static const struct {
        int status;
        const char *type;
    } types[] = {
        {400, "invalid_request_error"}, {401, "authentication_error"}, {403, "permission_error"},
        {404, "not_found_error"},       {413, "request_too_large"},    {429, "rate_limit_error"},
        {503, "overloaded_error"},      {504, "timeout_error"},
    };
    int status = base_err_info(err)->http_status;
    if (err == BASE_ERR_BUDGET)
        return "billing_error";
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].status == status)
            return types[i].type;
    return status >= 500 ? "api_error" : "invalid_request_error";
}

void http_error_anthropic(struct buffer *out, const struct http_error_facts *facts)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_member_str(&w, "type", "error");
    json_key(&w, SLICE("error"));
    json_open_object(&w);
    json_member_str(&w, "type", anthropic_type(facts->err));
    json_member_str(&w, "message", facts->message);
    json_close_object(&w);
    if (facts->request_id[0])
        json_member_str(&w, "request_id", facts->request_id);
    json_close_object(&w);
}

/* When there is nothing better to say. */
static const char *default_message(enum base_err err)
{
    static const char *const by_class[BASE_ERR_CLASS_COUNT] = {
        [BASE_ERR_CLASS_CLIENT] = "the request could not be served as it is",
        [BASE_ERR_CLASS_UPSTREAM] = "the server that was to answer failed",
        [BASE_ERR_CLASS_LOCAL] = "this server cannot answer right now",
        [BASE_ERR_CLASS_BUG] = "an internal error occurred",
    };
    const char *message = by_class[base_err_info(err)->class];
    return message ? message : "";
}

void error_body(struct http_exchange *ex, struct buffer *out, enum base_err err,
                const struct base_error *detail)
{
    http_error_fn write =
        ex->handler && ex->handler->write_error ? ex->handler->write_error : http_error_openai;
    write(out, &(struct http_error_facts){
                   .err = err,
                   .message = detail && detail->message[0] ? detail->message : default_message(err),
                   .param = detail ? detail->param : "",
                   .request_id = ex->request_id,
               });
}
