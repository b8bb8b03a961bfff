/*
 * One request for an answer, from its head to its row in the ledger. Private to gateway/api.
 *
 *     head -> RECEIVING -> body -> PREPARING -> WAITING -> ANSWERING -> OVER
 *
 * RECEIVING   who asks is known; the body arrives
 * PREPARING   parsed, inspected, scored, matched against the rules: here, or on a work thread when
 * it is large WAITING     a target was chosen and asked; nothing has been shown yet, the next one
 * may still be tried ANSWERING   the head is out OVER        nothing more will be sent
 *
 * api_exchange_set_state() is the only writer of `state`. All on the loop's thread, but for the
 * preparation of large bodies, during which nobody else touches the exchange.
 */
#ifndef GATEWAY_API_EXCHANGE_H
#define GATEWAY_API_EXCHANGE_H

#include "gateway/api/chat_answer.h"
#include "gateway/dispatch/dispatch.h"
#include "gateway/http/http.h"
#include "gateway/keys/keys.h"
#include "gateway/pipeline/pipeline.h"

enum exchange_state {
    EXCHANGE_RECEIVING,
    EXCHANGE_PREPARING,
    EXCHANGE_WAITING,
    EXCHANGE_ANSWERING,
    EXCHANGE_OVER,
    EXCHANGE_STATE_COUNT
};

struct exchange {
    struct http_exchange *http;
    struct app *app;
    struct worker *worker;
    struct view *view; /* from the head to the end */
    struct arena *arena;
    enum exchange_state state;
    enum chat_dialect dialect;
    bool dry_run;  /* /v1/route: the decision is the answer */
    bool stranger; /* no valid key */

    struct keys_owner owner;
    struct plan_who who;
    const struct chat_request *request; /* NULL until parsed */
    struct plan plan;
    bool inspected, chosen;
    bool preparing_elsewhere;   /* on a work thread */
    atomic_bool gone_meanwhile; /* the client left while it was */
    enum base_err prepare_err;
    struct base_error error; /* why it failed */

    const struct config_pipeline *pipeline; /* NULL = a plain request */
    struct dispatch *dispatch;
    struct pipeline_run *run;
    struct dispatch_totals totals; /* of both, once they are released */
    enum policy_level level;       /* of the answer: the request's, raised by the steps */
    struct slice facts, decision;  /* of a pipeline's steps, once it is released */
    struct slice dry_answer;       /* of a dry run of a pipeline; in the arena */
    uint64_t session_key;
    struct api_chat_answer answer;
    bool answer_begun;
    bool head_late; /* sent before the target was known */
    bool paused;
    bool finished; /* DONE has come */
    struct loop_timer head_timer;

    int64_t start_wall_ns;
    int64_t first_content_ns, asked_ns;
    enum ledger_status status;
    enum base_err err;
};

void api_exchange_set_state(struct exchange *ex, enum exchange_state state);

/* exchange_prepare.c: parse, inspect, score, rules; then api_exchange_prepared(). */
void api_exchange_prepare(struct exchange *ex);
/* exchange.c */
void api_exchange_prepared(struct exchange *ex);
/* The client is not there any more: stops the work. */
void api_exchange_lost(struct exchange *ex);
/* Ends the exchange with an error, in whatever form the answer has by now. */
void api_exchange_fail(struct exchange *ex, enum base_err err, const struct base_error *detail,
                       int64_t retry_after_ms);

/* exchange_answer.c: events to bytes. */
void api_exchange_on_event(void *user, const struct chat_event *event);
void api_exchange_on_head_timer(void *user);
/* Headers with the request's level, complexity and rules, as far as the configuration shows them;
 * once `inspected`. */
void api_exchange_say_why(struct exchange *ex);
/* Gives what has been answered so far the request's level, before its end goes out. */
enum base_err api_exchange_remember(struct exchange *ex);
void api_exchange_row(const struct exchange *ex, struct ledger_request *ret);

/* Releases dispatch or pipeline; keeps their totals. */
void api_exchange_stop_work(struct exchange *ex, enum ledger_status why);

/* The label of what is answered; once `inspected`. */
enum policy_level api_exchange_level(const struct exchange *ex);

/* Totals of the dispatch or the pipeline, running or over. */
const struct dispatch_totals *api_exchange_totals(const struct exchange *ex);

/* Who asks, and what their tenant may do; UNAUTHENTICATED. `ret_who` borrows the other two. */
enum base_err api_authenticate(struct http_exchange *http, const struct config *config,
                               struct keys_owner *ret_owner, struct plan_who *ret_who,
                               struct base_error *reterr) BASE_MUST_USE;

/* The handlers: see handlers.c. */
void api_exchange_on_request(struct http_exchange *http);
void api_exchange_on_request_dry(struct http_exchange *http);
void api_exchange_on_request_completions(struct http_exchange *http);
void api_exchange_on_request_embeddings(struct http_exchange *http);
void api_exchange_on_body(struct http_exchange *http);
void api_exchange_on_gone(struct http_exchange *http);
void api_exchange_on_writable(struct http_exchange *http);
void api_exchange_on_shutdown(struct http_exchange *http);
void api_exchange_on_end(struct http_exchange *http);

#endif
