/* Outgoing bodies: JSON that knows the level of its pieces; see policy.h. */
#include <stdlib.h>

#include "base/core/sealed.h"
#include "base/crypto/crypto.h"
#include "policy/body.h"
#include "policy/inspection.h"

/* From this size on a finished body is moved to memory of its own, which becomes read-only. */
enum { SEAL_BYTES = 256 * 1024 };

struct policy_body {
    const struct policy_inspection *inspection;
    struct buffer out;
    struct json_writer json;
    struct buffer piece; /* a string being put together, escaped and quoted */
    bool in_string;
    bool finished;
    enum policy_level level;
    size_t unlabelled;
    enum base_err err; /* the first one */
    uint8_t sha256[POLICY_HASH_BYTES];
    struct slice sealed; /* absent: the bytes are in `out` */
};

const struct policy_inspection *policy_body_inspection(const struct policy_body *body)
{
    return body->inspection;
}

enum base_err policy_body_new(const struct policy_inspection *inspection, size_t max_bytes,
                              struct policy_body **ret_body)
{
    struct policy_body *body = calloc(1, sizeof(*body));
    if (!body)
        return BASE_ERR_NO_MEMORY;
    body->inspection = inspection;
    body->level = inspection_floor(inspection);
    buffer_init(&body->out, max_bytes);
    buffer_init(&body->piece, max_bytes);
    json_writer_init(&body->json, &body->out);
    *ret_body = body;
    return BASE_OK;
}

void policy_body_free(struct policy_body *body)
{
    if (!body)
        return;
    sealed_free(body->sealed);
    buffer_done(&body->out);
    buffer_done(&body->piece);
    free(body);
}

static bool is_writable(struct policy_body *body)
{
    return !body->err && !body->finished;
}

static void fail(struct policy_body *body, enum base_err err)
{
    if (!body->err)
        body->err = err;
}

/* The one place where bytes of a request get into a body. */
static void take_label(struct policy_body *body, struct slice bytes)
{
    size_t unvisited;
    enum policy_level level = inspection_label(body->inspection, bytes, &unvisited);
    body->level = policy_level_join(body->level, level);
    body->unlabelled += unvisited;
}

void policy_body_open_object(struct policy_body *body)
{
    if (is_writable(body))
        json_open_object(&body->json);
}

void policy_body_close_object(struct policy_body *body)
{
    if (is_writable(body))
        json_close_object(&body->json);
}

void policy_body_open_array(struct policy_body *body)
{
    if (is_writable(body))
        json_open_array(&body->json);
}

void policy_body_close_array(struct policy_body *body)
{
    if (is_writable(body))
        json_close_array(&body->json);
}

void policy_body_bool(struct policy_body *body, bool value)
{
    if (is_writable(body))
        json_put_bool(&body->json, value);
}

void policy_body_null(struct policy_body *body)
{
    if (is_writable(body))
        json_put_null(&body->json);
}

void policy_body_own_i64(struct policy_body *body, int64_t value)
{
    if (is_writable(body))
        json_put_i64(&body->json, value);
}

void policy_body_key_own(struct policy_body *body, struct slice literal)
{
    if (is_writable(body))
        json_key(&body->json, literal);
}

void policy_body_string_own(struct policy_body *body, struct slice literal)
{
    if (is_writable(body))
        json_put_string(&body->json, literal);
}

void policy_body_own_string(struct policy_body *body, struct slice s)
{
    if (!snapshot_is_own_string(body->inspection->policy, s))
        take_label(body, s);
    policy_body_string_own(body, s);
}

void policy_body_key_bytes(struct policy_body *body, struct slice key)
{
    take_label(body, key);
    policy_body_key_own(body, key);
}

void policy_body_string(struct policy_body *body, struct slice s)
{
    take_label(body, s);
    policy_body_string_own(body, s);
}

static size_t skip_digits(struct slice s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at;
}

/* RFC 8259, of any size: what the client wrote goes on as it is. */
static bool is_number(struct slice s)
{
    size_t at = s.len > 0 && s.ptr[0] == '-';
    size_t end = skip_digits(s, at);
    if (end == at || (end - at > 1 && s.ptr[at] == '0'))
        return false;
    if (end < s.len && s.ptr[end] == '.') {
        at = end + 1;
        end = skip_digits(s, at);
        if (end == at)
            return false;
    }
    if (end < s.len && (s.ptr[end] | 32) == 'e') {
        at = end + 1;
        at += at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-');
        end = skip_digits(s, at);
        if (end == at)
            return false;
    }
    return end == s.len;
}

void policy_body_number(struct policy_body *body, struct slice text)
{
    take_label(body, text);
    if (!is_number(text))
        fail(body, BASE_ERR_INTERNAL);
    else if (is_writable(body))
        json_put_number_text(&body->json, text);
}

/* The depth of a parsed tree is bounded by the limits of json_parse(). */
static void label_node(struct policy_body *body, const struct json_node *node)
{
    if (json_is(node, JSON_STRING) || json_is(node, JSON_NUMBER)) {
        take_label(body, node->text);
        return;
    }
    for (const struct json_node *m = json_first(node); m; m = json_next(m)) {
        if (node->type == JSON_OBJECT)
            take_label(body, m->key);
        label_node(body, m);
    }
}

void policy_body_node(struct policy_body *body, const struct json_node *node)
{
    label_node(body, node);
    if (!is_writable(body))
        return;
    if (node)
        json_put_node(&body->json, node);
    else
        json_put_null(&body->json);
}

void policy_body_json_text(struct policy_body *body, struct slice json)
{
    const struct json_node *root;
    take_label(body, json);
    if (!is_writable(body))
        return;
    struct arena *arena = arena_new(((size_t)1 << 20) + json.len * 64);
    enum base_err err =
        arena ? json_parse(json, &json_limits_request, arena, &root, NULL) : BASE_ERR_NO_MEMORY;
    if (err)
        fail(body, err);
    else
        json_put_node(&body->json, root);
    arena_free(arena);
}

void policy_body_open_string(struct policy_body *body)
{
    if (!is_writable(body) || body->in_string) {
        fail(body, BASE_ERR_INTERNAL);
        return;
    }
    body->in_string = true;
    buffer_clear(&body->piece);
    (void)buffer_add_char(&body->piece, '"');
}

void policy_body_text_own(struct policy_body *body, struct slice literal)
{
    if (!body->in_string)
        fail(body, BASE_ERR_INTERNAL);
    else
        json_escape(&body->piece, literal);
}

void policy_body_text(struct policy_body *body, struct slice s)
{
    take_label(body, s);
    policy_body_text_own(body, s);
}

void policy_body_close_string(struct policy_body *body)
{
    if (!body->in_string) {
        fail(body, BASE_ERR_INTERNAL);
        return;
    }
    body->in_string = false;
    (void)buffer_add_char(&body->piece, '"');
    if (body->piece.err)
        fail(body, body->piece.err);
    else if (is_writable(body))
        json_put_raw(&body->json, buffer_slice(&body->piece));
}

/* Hashes the bytes when they cannot change any more. Without memory for it they are hashed again
 * before they leave. */
static void hash(struct policy_body *body)
{
    if (buffer_len(&body->out) >= SEAL_BYTES)
        body->sealed = sealed_new(buffer_slice(&body->out));
    if (!slice_is_absent(body->sealed))
        buffer_done(&body->out);
    crypto_sha256(slice_is_absent(body->sealed) ? buffer_slice(&body->out) : body->sealed,
                  body->sha256);
}

enum base_err policy_body_finish(struct policy_body *body, struct base_error *reterr)
{
    enum base_err err = body->err ? body->err : body->out.err;
    if (!err &&
        (body->finished || body->in_string || body->json.depth != 0 || buffer_len(&body->out) == 0))
        err = BASE_ERR_INTERNAL;
    if (err == BASE_ERR_LIMIT)
        return base_error_set(reterr, BASE_ERR_TOO_LARGE,
                              "the request is larger than %zu bytes when written for its target",
                              body->out.max);
    if (err == BASE_ERR_BAD_JSON)
        return base_error_set(reterr, err,
                              "the arguments of a tool call are not JSON, which this target needs");
    if (err)
        return base_error_set(reterr, err, "the request could not be written for its target");
    buffer_done(&body->piece);
    hash(body);
    body->finished = true;
    return BASE_OK;
}

struct slice policy_body_bytes(const struct policy_body *body)
{
    if (!slice_is_absent(body->sealed))
        return body->sealed;
    return body->finished ? buffer_slice(&body->out) : SLICE("");
}

const uint8_t *policy_body_sealed_sha256(const struct policy_body *body)
{
    return !slice_is_absent(body->sealed) && body->finished ? body->sha256 : NULL;
}

enum policy_level policy_body_level(const struct policy_body *body)
{
    return body->finished ? body->level : POLICY_LEVEL_RESTRICTED;
}

const uint8_t *policy_body_sha256(const struct policy_body *body)
{
    return body->finished ? body->sha256 : NULL;
}

size_t policy_body_unlabelled(const struct policy_body *body)
{
    return body->unlabelled;
}
