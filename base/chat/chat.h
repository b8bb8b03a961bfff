/*
 * The internal request: one form for every dialect.
 *
 * A body arrives as Chat Completions, Responses, Messages or Completions; gateway turns it into
 * one chat_request, policy labels it, router reads it, and a target writes it out again in the
 * dialect of its provider. docs/decisions/0002-one-request.md maps the three dialects onto it.
 *
 *     struct chat_request *req = ... (built by gateway/api_*.c from a struct json_doc)
 *     chat_request_visit(req, on_bytes, user);     // every byte that came from the client
 *
 * Ownership: a request and all it points to live in one arena, that of its exchange; slices point
 * into the parsed body. It is immutable once built.
 * Numbers keep the text they came in ("0.10" stays "0.10"): `.text` is sent on, `.value` is for us.
 * Threads: immutable, so any.
 */
#ifndef BASE_CHAT_CHAT_H
#define BASE_CHAT_CHAT_H

#include "base/core/arena.h"
#include "base/core/slice.h"
#include "base/json/json.h"

enum chat_dialect {
    CHAT_DIALECT_CHAT,        /* OpenAI /v1/chat/completions */
    CHAT_DIALECT_RESPONSES,   /* OpenAI /v1/responses */
    CHAT_DIALECT_MESSAGES,    /* Anthropic /v1/messages */
    CHAT_DIALECT_COMPLETIONS, /* OpenAI /v1/completions */
    CHAT_DIALECT_EMBEDDINGS,  /* OpenAI /v1/embeddings */
    CHAT_DIALECT_COUNT
};

enum chat_role {
    CHAT_ROLE_SYSTEM,
    CHAT_ROLE_DEVELOPER, /* OpenAI's newer word for system; kept apart, because it is sent on */
    CHAT_ROLE_USER,
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_TOOL, /* holds tool results only */
    CHAT_ROLE_COUNT
};

/* A field that Hearth does not know, kept as it came and in its place. */
struct chat_extra {
    struct slice key;
    const struct json_node *value; /* borrowed from the body's tree */
};

struct chat_extras {
    const struct chat_extra *items;
    size_t count;
};

/* A number as the client wrote it. `.text` absent = not given. */
struct chat_number {
    struct slice text;
    double value;
};

/* Prompt-cache hint of a part or a tool (Anthropic's cache_control). */
enum chat_cache_hint { CHAT_CACHE_NONE, CHAT_CACHE_5M, CHAT_CACHE_1H };

enum chat_part_type {
    CHAT_PART_TEXT,
    CHAT_PART_IMAGE,
    CHAT_PART_AUDIO,
    CHAT_PART_DOCUMENT,
    CHAT_PART_TOOL_CALL,
    CHAT_PART_TOOL_RESULT,
    CHAT_PART_REASONING, /* what a model thought; must go back with its signature unchanged */
    CHAT_PART_REFUSAL,
    CHAT_PART_OTHER, /* a type we do not know: only `raw` is set; uninspected in policy's eyes */
    CHAT_PART_TYPE_COUNT
};

struct chat_part {
    enum chat_part_type type;
    enum chat_cache_hint cache;
    struct slice text; /* TEXT, REFUSAL, REASONING (absent when redacted), TOOL_RESULT given as a
                          string */
    union {
        struct {                     /* IMAGE, AUDIO, DOCUMENT: exactly one of data, url, file_id */
            struct slice media_type; /* "image/png"; absent for a plain URL */
            struct slice data;       /* base64, not decoded */
            struct slice url;        /* never fetched by Hearth */
            struct slice file_id;    /* a handle at the provider */
            struct slice name;       /* file name */
            struct slice detail;     /* OpenAI image detail */
        } media;
        struct { /* TOOL_CALL */
            struct slice id;
            struct slice name;
            struct slice arguments; /* JSON text; "{}" when empty */
        } call;
        struct { /* TOOL_RESULT; content is `text`, or parts when it was a list */
            struct slice call_id;
            const struct chat_part *parts;
            size_t part_count;
            bool is_error;
        } result;
        struct {                    /* REASONING */
            struct slice signature; /* opaque, sent back byte for byte */
            struct slice redacted;  /* opaque data of a redacted block */
        } reasoning;
    } u;
    const struct json_node *raw; /* the part as it came, when `type` is OTHER */
    struct chat_extras extras;
    struct chat_extras inner; /* of the object within: `image_url`, `input_audio`, `function`... */
};

struct chat_message {
    enum chat_role role;
    struct slice name; /* OpenAI's participant name */
    const struct chat_part *parts;
    size_t part_count;
    bool content_was_string; /* written back the way it came */
    bool content_was_null;   /* assistant with tool calls only */
    struct chat_extras extras;
};

struct chat_tool {
    struct slice name;
    struct slice description;
    const struct json_node *parameters; /* JSON Schema; NULL = none given */
    bool strict, strict_given;
    enum chat_cache_hint cache;
    const struct json_node *raw; /* not NULL: a provider's own tool type, kept as it came */
    struct chat_extras extras;
};

enum chat_tool_choice {
    CHAT_TOOL_CHOICE_UNSET,
    CHAT_TOOL_CHOICE_AUTO,
    CHAT_TOOL_CHOICE_NONE,
    CHAT_TOOL_CHOICE_REQUIRED,
    CHAT_TOOL_CHOICE_NAMED, /* `tool_choice_name` */
    CHAT_TOOL_CHOICE_OTHER  /* `tool_choice_raw`, kept as it came */
};

enum chat_format {
    CHAT_FORMAT_UNSET,
    CHAT_FORMAT_TEXT,
    CHAT_FORMAT_JSON_OBJECT,
    CHAT_FORMAT_JSON_SCHEMA
};

enum chat_effort { /* how long to think; UNSET = not said */
                   CHAT_EFFORT_UNSET,
                   CHAT_EFFORT_NONE,
                   CHAT_EFFORT_MINIMAL,
                   CHAT_EFFORT_LOW,
                   CHAT_EFFORT_MEDIUM,
                   CHAT_EFFORT_HIGH,
                   CHAT_EFFORT_XHIGH,
                   CHAT_EFFORT_MAX,
                   CHAT_EFFORT_COUNT
};

struct chat_request {
    enum chat_dialect dialect;
    struct slice model; /* the name the client asked for */

    /* System text of other dialects becomes a message. COMPLETIONS: each prompt is one, of a user,
     * with one part of text; they are texts to continue, not a conversation. EMBEDDINGS: each input
     * is one, with one part: TEXT, or OTHER whose `raw` is an array of token ids. */
    const struct chat_message *messages;
    size_t message_count;
    struct slice suffix;           /* COMPLETIONS: what comes behind the answer; absent = nothing */
    struct chat_number dimensions; /* EMBEDDINGS: numbers wanted of each vector; absent = all */
    bool base64;                   /* EMBEDDINGS: vectors as base64 of their floats */

    const struct chat_tool *tools;
    size_t tool_count;
    enum chat_tool_choice tool_choice;
    struct slice tool_choice_name;
    const struct json_node *tool_choice_raw;
    bool parallel_tools, parallel_tools_given;

    struct chat_number temperature, top_p, top_k, min_p;
    struct chat_number frequency_penalty, presence_penalty, repetition_penalty;
    struct chat_number seed;
    struct chat_number max_tokens; /* most output tokens, reasoning included */
    bool max_tokens_is_legacy;     /* came as max_tokens, not max_completion_tokens */
    struct chat_number n;          /* answers wanted; absent = 1 */
    const struct slice *stop;
    size_t stop_count;
    bool stop_was_string;
    bool logprobs, logprobs_given;
    struct chat_number top_logprobs;
    const struct json_node *logit_bias;

    enum chat_format format;
    const struct json_node *format_raw; /* response_format as it came */
    const struct json_node *schema;     /* the schema inside it, for JSON_SCHEMA */
    enum chat_effort effort;
    struct chat_number thinking_budget; /* tokens (Anthropic) */

    struct slice user;     /* end-user id (user / safety_identifier / metadata.user_id) */
    struct slice user_key; /* under which name it came: "user" or "safety_identifier" */
    const struct json_node *metadata;

    bool stream;
    bool include_usage; /* stream_options.include_usage */
    bool stream_options_given;
    struct chat_extras stream_extras; /* the rest of stream_options */

    struct chat_extras extras; /* everything else at the top level */

    /* Paths of what stood inside known objects and no target will get: "stream_options.foo". The
     * first CHAT_LEFT_OUT_MAX; to be said to the client. */
    const struct slice *left_out;
    size_t left_out_count;
};
enum { CHAT_LEFT_OUT_MAX = 16 };

/* What a visited run of bytes is, for findings and explanations. */
struct chat_place {
    int32_t message; /* index into messages, or -1 */
    int32_t part;    /* index into its parts, or -1 */
    enum chat_role role;
    bool is_prose;     /* text that a human or a model wrote: messages, tool results */
    bool is_opaque;    /* cannot be read as text: base64 media, signatures, OTHER parts; and what
                        stands for content elsewhere: URLs and file ids of media */
    const char *field; /* static: "content", "tool_calls.arguments", "metadata", "stop", "key"... */
};

/* Calls `on_bytes` for every run of bytes that came from the client and may leave with the request:
 * each string, each number's text, each key of an unknown object. Nothing else of the request is
 * ever written into an outgoing body, and policy treats bytes never visited as uninspected.
 * Returns false as soon as `on_bytes` does. Order: that of the conversation, then the rest. */
typedef bool (*chat_visit_fn)(void *user, struct slice bytes, const struct chat_place *place);
bool chat_request_visit(const struct chat_request *req, chat_visit_fn on_bytes, void *user);

/* The text of the last message of role user that holds text (its text parts joined by newlines,
 * borrowed when there is only one); absent when there is none. NO_MEMORY gives absent too. */
struct slice chat_request_last_ask(const struct chat_request *req, struct arena *arena);

/* What a target must be equipped with to serve this request. */
enum chat_need {
    CHAT_NEED_TOOLS = 1 << 0,
    CHAT_NEED_IMAGES = 1 << 1,
    CHAT_NEED_AUDIO = 1 << 2,
    CHAT_NEED_DOCUMENTS = 1 << 3,
    CHAT_NEED_JSON_OBJECT = 1 << 4,
    CHAT_NEED_JSON_SCHEMA = 1 << 5,
    CHAT_NEED_LOGPROBS = 1 << 6,
    CHAT_NEED_MANY = 1 << 7,        /* n > 1 */
    CHAT_NEED_REASONING = 1 << 8,   /* effort or budget asked for */
    CHAT_NEED_COMPLETIONS = 1 << 9, /* plain text to continue */
    CHAT_NEED_INFILL = 1 << 10,     /* and a text behind it */
    CHAT_NEED_EMBEDDINGS = 1 << 11, /* vectors; who is equipped for them gives nothing else */
    CHAT_NEED_TEXT = 1 << 12        /* what such a one lacks; never asked for or declared */
};
enum { CHAT_NEED_LAST = CHAT_NEED_EMBEDDINGS };
unsigned chat_request_needs(const struct chat_request *req);
/* What a target with these features lacks for a request with these needs; 0 = it can serve it. */
unsigned chat_needs_lacking(unsigned needs, unsigned features);
/* "tools", "images"...; one bit. */
const char *chat_need_name(enum chat_need need);

/* A rough count of prompt tokens for routing and admission: bytes / 3.6 for ASCII text, more for
 * other scripts, plus 4 a message. Never less than 1. */
int64_t chat_request_estimate_tokens(const struct chat_request *req);

const char *chat_role_name(enum chat_role role);

#endif
