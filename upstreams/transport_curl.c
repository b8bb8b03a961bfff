/*
 * The transport on libcurl: one multi handle per event loop, driven by curl_multi_socket_action().
 * The only file that includes curl.
 *
 * libcurl's callbacks do nothing but put what came into the exchange's inbox. The owner's callbacks
 * run afterwards, outside of libcurl, so that they may start, pause and release exchanges freely.
 *
 * HTTP/1.1 only: one stream per connection makes pausing real TCP back-pressure, and libcurl 7.88.1
 * predates the repair of its HTTP/2 code.
 */
#include "upstreams/transport.h"

#include "base/core/buffer.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    HEAD_MAX = 64 * 1024,
    HEADERS_MAX = 128,
    INBOX_FULL = 256 * 1024, /* then reading stops until the owner has taken it */
    DRAIN_MAX = 64 * 1024,
    DRAIN_MS = 1000,
    SENDS_MAX = 2, /* once, and once more if a kept connection turned out dead */
    SPARES_MAX = 64,
    SPARE_INBOX_MAX = 64 * 1024,
    KEPT_CONNECTIONS_MAX = 128,
    KEPT_IDLE_S = 55, /* below the 60 s after which many servers and balancers close */
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_INTERVAL_S = 10,
    CONNECT_GRACE_MS = 1000, /* the caller's own deadline comes first and says more */
};

/* Spares hide a use after free, so there are none where it would be found. */
#if defined(__SANITIZE_ADDRESS__)
#define SPARES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARES 0
#endif
#endif
#ifndef SPARES
#define SPARES 1
#endif

/* What does not change between requests to one place: a handle with all its options set, so that
 * the next one sets but the body. Its callbacks point to the exchange that it lies in. */
struct curl_setup {
    CURL *easy;
    struct curl_slist *headers;
    char *url, *ca_file; /* copies; the latter may be NULL */
    int64_t connect_ms;
};

struct curl_exchange {
    struct transport_exchange base;
    struct curl_exchange *prev, *next; /* all of the transport's */
    struct curl_exchange *ready_next;
    bool is_ready;
    struct curl_setup setup;
    struct transport_sink sink;
    bool (*address_allowed)(void *user, const struct sockaddr *address);
    void *address_user;
    size_t body_len;

    /* inbox */
    int unreported_sends;
    struct buffer head; /* lines ending in LF, names in lower case */
    int status;
    bool head_whole, head_reported;
    struct buffer data;
    bool is_done;
    CURLcode result;

    int sends;
    bool opened; /* a socket since the last send */
    bool reused, address_refused;
    int64_t received_bytes;
    bool paused_by_owner, paused_in_curl;
    bool in_callback, released, draining;
    struct loop_timer drain_timer;
    size_t drained;
};

struct curl_transport {
    struct transport base;
    struct loop *loop;
    CURLM *multi;
    struct loop_timer curl_timer, ready_timer;
    struct curl_exchange *exchanges;
    struct curl_exchange *ready_first, **ready_last;
    struct curl_exchange *spare[SPARES_MAX]; /* the latest last */
    size_t spare_count;
};

struct curl_watch {
    struct loop_watch watch;
};

static struct curl_transport *transport_of(struct curl_exchange *ex)
{
    return (struct curl_transport *)ex->base.transport;
}

/* ---- the list of those that have something to report ---- */

static void deliver_ready(void *user);

static void make_ready(struct curl_exchange *ex)
{
    struct curl_transport *t = transport_of(ex);
    if (ex->is_ready)
        return;
    ex->is_ready = true;
    ex->ready_next = NULL;
    *t->ready_last = ex;
    t->ready_last = &ex->ready_next;
}

static void unready(struct curl_exchange *ex)
{
    struct curl_transport *t = transport_of(ex);
    if (!ex->is_ready)
        return;
    struct curl_exchange **at = &t->ready_first;
    while (*at != ex)
        at = &(*at)->ready_next;
    *at = ex->ready_next;
    if (t->ready_last == &ex->ready_next)
        t->ready_last = at;
    ex->is_ready = false;
}

static void deliver_soon(struct curl_exchange *ex)
{
    struct curl_transport *t = transport_of(ex);
    make_ready(ex);
    (void)loop_timer_set(t->loop, &t->ready_timer, 0, deliver_ready, t);
}

/* ---- libcurl's callbacks: into the inbox ---- */

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl_exchange *ex = user;
    if (purpose != CURLSOCKTYPE_IPCXN || !ex->address_allowed(ex->address_user, &address->addr)) {
        ex->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    ex->opened = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The last look before a request is written: libcurl has resolved, connected and maybe reused. */
static int on_before_request(void *user, char *remote, char *local, int remote_port, int local_port)
{
    struct curl_exchange *ex = user;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    const struct sockaddr *address = NULL;
    (void)local;
    (void)remote_port;
    (void)local_port;
    if (remote && inet_pton(AF_INET, remote, &in.sin_addr) == 1)
        address = (const struct sockaddr *)&in;
    else if (remote && inet_pton(AF_INET6, remote, &in6.sin6_addr) == 1)
        address = (const struct sockaddr *)&in6;
    if (!address || !ex->address_allowed(ex->address_user, address)) {
        ex->address_refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (ex->sends == SENDS_MAX)
        return CURL_PREREQFUNC_ABORT;
    ex->sends++;
    ex->unreported_sends++;
    ex->reused = !ex->opened;
    ex->opened = false;
    make_ready(ex);
    return CURL_PREREQFUNC_OK;
}

static enum base_err add_head_line(struct buffer *head, struct slice line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t name_len = colon ? (size_t)(colon - line.ptr) : 0;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (i < name_len && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        (void)buffer_add_char(head, c);
    }
    return buffer_add_char(head, '\n');
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct curl_exchange *ex = user;
    size_t len = size * count;
    struct slice line = slice_trim(slice_of(bytes, len));
    if (ex->head_whole) /* trailers */
        return len;
    if (slice_starts_with(line, SLICE("HTTP/"))) {
        const char *space = memchr(line.ptr, ' ', line.len);
        int64_t status = 0;
        if (!space || !slice_to_i64(slice_sub(line, (size_t)(space - line.ptr) + 1, 3), &status))
            return 0;
        ex->status = (int)status;
        buffer_clear(&ex->head);
    } else if (line.len > 0) {
        if (add_head_line(&ex->head, line))
            return 0;
    } else if (ex->status >= 200) { /* the end of a head that is not an interim one */
        ex->head_whole = true;
        make_ready(ex);
    }
    return len;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *user)
{
    struct curl_exchange *ex = user;
    size_t len = size * count;
    if (ex->draining) {
        ex->drained += len;
        return ex->drained > DRAIN_MAX ? 0 : len;
    }
    if (buffer_len(&ex->data) + len > INBOX_FULL && buffer_len(&ex->data) > 0) {
        ex->paused_in_curl = true;
        make_ready(ex);
        return CURL_WRITEFUNC_PAUSE;
    }
    if (buffer_add(&ex->data, bytes, len))
        return 0;
    ex->received_bytes += (int64_t)len;
    make_ready(ex);
    return len;
}

/* ---- reporting ---- */

struct outcome {
    CURLcode code;
    enum base_err err;
    const char *message;
};

static const struct outcome outcomes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, BASE_ERR_UPSTREAM_CONNECT, "the host name cannot be resolved"},
    {CURLE_COULDNT_CONNECT, BASE_ERR_UPSTREAM_CONNECT, "the connection was refused or failed"},
    {CURLE_OPERATION_TIMEDOUT, BASE_ERR_UPSTREAM_TIMEOUT, "no connection in time"},
    {CURLE_SSL_CONNECT_ERROR, BASE_ERR_UPSTREAM_TLS, "the TLS handshake failed"},
    {CURLE_PEER_FAILED_VERIFICATION, BASE_ERR_UPSTREAM_TLS,
     "the TLS certificate cannot be verified (expired, another host, or an unknown issuer)"},
    {CURLE_SSL_CACERT_BADFILE, BASE_ERR_UPSTREAM_TLS, "the file of trusted certificates is bad"},
    {CURLE_SSL_ISSUER_ERROR, BASE_ERR_UPSTREAM_TLS, "the TLS certificate has a wrong issuer"},
    {CURLE_SSL_CIPHER, BASE_ERR_UPSTREAM_TLS, "no common TLS cipher"},
    {CURLE_GOT_NOTHING, BASE_ERR_UPSTREAM_TRUNCATED, "the connection was closed without an answer"},
    {CURLE_RECV_ERROR, BASE_ERR_UPSTREAM_TRUNCATED, "the connection broke while receiving"},
    {CURLE_SEND_ERROR, BASE_ERR_UPSTREAM_TRUNCATED, "the connection broke while sending"},
    {CURLE_SEND_FAIL_REWIND, BASE_ERR_UPSTREAM_TRUNCATED, "the connection broke while sending"},
    {CURLE_PARTIAL_FILE, BASE_ERR_UPSTREAM_TRUNCATED, "the answer was cut off"},
    {CURLE_ABORTED_BY_CALLBACK, BASE_ERR_UPSTREAM_TRUNCATED,
     "kept connections were closed twice before an answer"},
    {CURLE_OUT_OF_MEMORY, BASE_ERR_NO_MEMORY, "out of memory"},
    {CURLE_OK, BASE_ERR_UPSTREAM_PROTOCOL, "the answer is not proper HTTP/1.1"}, /* any other */
};

static enum base_err outcome_of(const struct curl_exchange *ex, struct base_error *ret)
{
    if (ex->result == CURLE_OK)
        return BASE_OK;
    if (ex->address_refused &&
        (ex->result == CURLE_COULDNT_CONNECT || ex->result == CURLE_ABORTED_BY_CALLBACK))
        return base_error_set(
            ret, BASE_ERR_POLICY_VIOLATION,
            "the address that its name resolved to is not allowed; see `address`");
    const struct outcome *o = outcomes;
    while (o->code != ex->result && o->code != CURLE_OK)
        o++;
    return base_error_set(ret, o->err, "%s", o->message);
}

static size_t split_head(struct slice head, struct upstream_header *headers)
{
    size_t count = 0;
    while (head.len > 0 && count < HEADERS_MAX) {
        const char *lf = memchr(head.ptr, '\n', head.len);
        size_t len = lf ? (size_t)(lf - head.ptr) : head.len;
        const char *colon = memchr(head.ptr, ':', len);
        if (colon) {
            size_t name_len = (size_t)(colon - head.ptr);
            headers[count].name = slice_sub(head, 0, name_len);
            headers[count++].value = slice_trim(slice_sub(head, name_len + 1, len - name_len - 1));
        }
        head = slice_sub(head, len + 1, SIZE_MAX);
    }
    return count;
}

static void report_head(struct curl_exchange *ex)
{
    struct upstream_header headers[HEADERS_MAX];
    struct transport_head head = {.status = ex->status, .headers = headers};
    head.header_count = split_head(buffer_slice(&ex->head), headers);
    ex->head_reported = true;
    ex->sink.on_head(ex->sink.user, &head);
}

static void report_data(struct curl_exchange *ex)
{
    struct buffer data = ex->data; /* more may come into a fresh one meanwhile */
    buffer_init(&ex->data, data.max);
    ex->sink.on_data(ex->sink.user, buffer_slice(&data));
    if (buffer_len(&ex->data) == 0) { /* nothing came: keep the memory */
        buffer_clear(&data);
        ex->data = data;
    } else {
        buffer_done(&data);
    }
}

static void update_pause(struct curl_exchange *ex)
{
    bool wanted = ex->paused_by_owner || buffer_len(&ex->data) > 0;
    if (ex->is_done || ex->draining || wanted == ex->paused_in_curl)
        return;
    if (wanted && !ex->paused_by_owner)
        return; /* a full inbox pauses by itself, in on_write() */
    ex->paused_in_curl = wanted;
    (void)curl_easy_pause(ex->setup.easy, wanted ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

static void reap(struct curl_exchange *ex);

/* Reports all that the inbox holds, in order. */
static void deliver(struct curl_exchange *ex)
{
    ex->in_callback = true;
    while (!ex->released && ex->unreported_sends > 0) {
        ex->unreported_sends--;
        ex->sink.on_sent(ex->sink.user);
    }
    if (!ex->released && ex->head_whole && !ex->head_reported)
        report_head(ex);
    if (!ex->released && !ex->paused_by_owner && buffer_len(&ex->data) > 0)
        report_data(ex);
    if (!ex->released && !ex->paused_by_owner && ex->is_done && buffer_len(&ex->data) == 0) {
        struct base_error detail = {0};
        enum base_err err = outcome_of(ex, &detail);
        ex->sink.on_done(ex->sink.user, err, &detail);
    }
    ex->in_callback = false;
    if (ex->released && !ex->draining) {
        reap(ex);
        return;
    }
    if (!ex->released)
        update_pause(ex);
}

static void deliver_ready(void *user)
{
    struct curl_transport *t = user;
    /* What becomes ready meanwhile waits for the next turn, so that no exchange starves the loop.
     */
    struct curl_exchange *last = NULL;
    for (struct curl_exchange *ex = t->ready_first; ex; ex = ex->ready_next)
        last = ex;
    while (last && t->ready_first) {
        struct curl_exchange *ex = t->ready_first;
        bool was_last = ex == last;
        unready(ex);
        deliver(ex);
        if (was_last)
            break;
    }
    if (t->ready_first)
        (void)loop_timer_set(t->loop, &t->ready_timer, 0, deliver_ready, t);
}

/* ---- driving libcurl ---- */

static void note_done(struct curl_exchange *ex, CURLcode result)
{
    struct curl_transport *t = transport_of(ex);
    (void)curl_multi_remove_handle(t->multi, ex->setup.easy);
    ex->is_done = true;
    /* libcurl takes a head that ends with the connection for a whole one. */
    ex->result = result == CURLE_OK && !ex->head_whole ? CURLE_PARTIAL_FILE : result;
    if (ex->draining)
        reap(ex);
    else
        make_ready(ex);
}

static void drive(struct curl_transport *t, curl_socket_t fd, int mask)
{
    int running, left;
    CURLMcode code = curl_multi_socket_action(t->multi, fd, mask, &running);
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(t->multi, &left)) != NULL) {
        struct curl_exchange *ex = NULL;
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode result = msg->data.result; /* gone once the handle is removed */
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&ex);
        note_done(ex, result);
    }
    for (struct curl_exchange *ex = t->exchanges, *next; code != CURLM_OK && ex; ex = next) {
        next = ex->next; /* the multi handle has failed as a whole: no memory, in practice */
        if (!ex->is_done)
            note_done(ex, CURLE_OUT_OF_MEMORY);
    }
    deliver_ready(t);
}

static void on_curl_timer(void *user)
{
    drive(user, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket_ready(void *user, int fd, unsigned events)
{
    int mask =
        (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    drive(user, fd, mask);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *user)
{
    struct curl_transport *t = user;
    (void)multi;
    if (timeout_ms < 0)
        loop_timer_clear(t->loop, &t->curl_timer);
    else if (loop_timer_set(t->loop, &t->curl_timer, timeout_ms, on_curl_timer, t) != BASE_OK)
        return -1;
    return 0;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct curl_transport *t = user;
    struct curl_watch *watch = socket_user;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            (void)loop_watch_set(t->loop, &watch->watch, fd, 0, on_socket_ready, t);
        free(watch);
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof(*watch));
        if (!watch)
            return -1;
        (void)curl_multi_assign(t->multi, fd, watch);
    }
    unsigned events =
        (what & CURL_POLL_IN ? LOOP_READ : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0u);
    return loop_watch_set(t->loop, &watch->watch, fd, events, on_socket_ready, t) ? -1 : 0;
}

/* ---- the interface ---- */

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item; item = item->next)
        explicit_bzero(item->data, strlen(item->data)); /* one of them holds the key */
    curl_slist_free_all(list);
}

static void exchange_free(struct curl_exchange *ex)
{
    curl_easy_cleanup(ex->setup.easy);
    free_headers(ex->setup.headers);
    free(ex->setup.url);
    free(ex->setup.ca_file);
    buffer_done(&ex->head);
    buffer_done(&ex->data);
    free(ex);
}

/* Clean, but for its setup and a little memory. */
static void exchange_clear(struct curl_exchange *ex)
{
    struct curl_setup setup = ex->setup;
    struct buffer head = ex->head, data = ex->data;
    if (data.capacity > SPARE_INBOX_MAX)
        buffer_done(&data);
    buffer_clear(&head);
    buffer_clear(&data);
    *ex = (struct curl_exchange){.base = ex->base, .setup = setup, .head = head, .data = data};
}

/* For the next request to the same place; the oldest makes room. */
static void keep_spare(struct curl_transport *t, struct curl_exchange *ex)
{
    if (!SPARES) {
        exchange_free(ex);
        return;
    }
    (void)curl_easy_setopt(ex->setup.easy, CURLOPT_POSTFIELDS, NULL); /* it is about to go */
    exchange_clear(ex);
    if (t->spare_count == SPARES_MAX) {
        exchange_free(t->spare[0]);
        t->spare_count--;
        memmove(&t->spare[0], &t->spare[1], t->spare_count * sizeof(t->spare[0]));
    }
    t->spare[t->spare_count++] = ex;
}

/* Frees an exchange that is out of libcurl's and of the ready list's hands, or takes it out. */
static void reap(struct curl_exchange *ex)
{
    struct curl_transport *t = transport_of(ex);
    loop_timer_clear(t->loop, &ex->drain_timer);
    unready(ex);
    if (!ex->is_done)
        (void)curl_multi_remove_handle(t->multi, ex->setup.easy); /* closes a connection in use */
    if (ex->prev)
        ex->prev->next = ex->next;
    else
        t->exchanges = ex->next;
    if (ex->next)
        ex->next->prev = ex->prev;
    keep_spare(t, ex);
}

static void on_drain_deadline(void *user)
{
    reap(user);
}

static bool may_drain(struct curl_exchange *ex)
{
    curl_off_t uploaded = 0;
    return !ex->is_done && ex->head_whole &&
           curl_easy_getinfo(ex->setup.easy, CURLINFO_SIZE_UPLOAD_T, &uploaded) == CURLE_OK &&
           uploaded >= (curl_off_t)ex->body_len &&
           loop_timer_set(transport_of(ex)->loop, &ex->drain_timer, DRAIN_MS, on_drain_deadline,
                          ex) == BASE_OK;
}

static void do_release(struct transport_exchange *exchange, bool drain)
{
    struct curl_exchange *ex = (struct curl_exchange *)exchange;
    ex->released = true;
    unready(ex);
    ex->draining = drain && may_drain(ex);
    if (ex->draining && ex->paused_in_curl) {
        ex->paused_in_curl = false;
        (void)curl_easy_pause(ex->setup.easy, CURLPAUSE_CONT);
        unready(ex);
    }
    if (!ex->draining && !ex->in_callback)
        reap(ex);
}

static void do_pause(struct transport_exchange *exchange)
{
    struct curl_exchange *ex = (struct curl_exchange *)exchange;
    ex->paused_by_owner = true;
    update_pause(ex);
}

static void do_resume(struct transport_exchange *exchange)
{
    struct curl_exchange *ex = (struct curl_exchange *)exchange;
    ex->paused_by_owner = false;
    deliver_soon(ex);
}

static void do_info(const struct transport_exchange *exchange, struct transport_info *ret)
{
    const struct curl_exchange *ex = (const struct curl_exchange *)exchange;
    *ret = (struct transport_info){ex->sends, ex->reused, ex->received_bytes};
}

static enum base_err add_headers(struct curl_exchange *ex, const struct transport_request *request,
                                 struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    struct buffer line;
    buffer_init(&line, 16 * 1024);
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* no 100-continue */
    for (size_t i = 0; i < request->header_count && list && !err; i++) {
        const struct upstream_header *h = &request->headers[i];
        if (!transport_header_ok(h->name, h->value)) {
            err = base_error_set(reterr, BASE_ERR_BAD_VALUE,
                                 "a header that cannot be sent; was it made from outside data");
            break;
        }
        buffer_clear(&line);
        (void)buffer_addf(&line, "%.*s: %.*s", SLICE_ARG(h->name), SLICE_ARG(h->value));
        struct curl_slist *more =
            buffer_add_char(&line, '\0') ? NULL : curl_slist_append(list, line.data + line.start);
        if (!more)
            err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for headers");
        else
            list = more;
    }
    if (!list)
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for headers");
    if (line.data)
        explicit_bzero(line.data, line.capacity);
    buffer_done(&line);
    ex->setup.headers = list;
    return err;
}

static bool set_options(struct curl_exchange *ex, const struct transport_request *request)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_POST, 1},
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_MAXREDIRS, 0},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms + CONNECT_GRACE_MS},
        {CURLOPT_TCP_NODELAY, 1},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {CURLOPT_MAXAGE_CONN, KEPT_IDLE_S},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_QUICK_EXIT, 1}, /* a removed handle does not wait for its resolver thread */
    };
    CURL *e = ex->setup.easy;
    CURLcode code = CURLE_OK;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !code; i++)
        code = curl_easy_setopt(e, numbers[i].option, numbers[i].value);
#define SET(option, value)                                                                         \
    if (!code)                                                                                     \
    code = curl_easy_setopt(e, option, value)
    SET(CURLOPT_URL, request->url.ptr);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, ""); /* or the environment's would be used */
    SET(CURLOPT_HTTPHEADER, ex->setup.headers);
    SET(CURLOPT_PRIVATE, ex);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, ex);
    SET(CURLOPT_PREREQFUNCTION, on_before_request);
    SET(CURLOPT_PREREQDATA, ex);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, ex);
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, ex);
    if (request->ca_file) {
        SET(CURLOPT_CAINFO, request->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
#undef SET
    return code == CURLE_OK;
}

static void link_exchange(struct curl_transport *t, struct curl_exchange *ex)
{
    ex->next = t->exchanges;
    if (ex->next)
        ex->next->prev = ex;
    t->exchanges = ex;
}

static bool same_header(const char *line, const struct upstream_header *h)
{
    return strncmp(line, h->name.ptr, h->name.len) == 0 &&
           strncmp(line + h->name.len, ": ", 2) == 0 &&
           slice_eq_str(h->value, line + h->name.len + 2);
}

static bool fits(const struct curl_setup *setup, const struct transport_request *request)
{
    bool fit = slice_eq_str(request->url, setup->url) && setup->connect_ms == request->connect_ms &&
               (request->ca_file ? setup->ca_file && strcmp(request->ca_file, setup->ca_file) == 0
                                 : !setup->ca_file);
    const struct curl_slist *line = setup->headers->next; /* the first is our own */
    for (size_t i = 0; fit && i < request->header_count; i++, line = line->next)
        if (!line || !same_header(line->data, &request->headers[i]))
            return false;
    return fit && !line;
}

static struct curl_exchange *take_spare(struct curl_transport *t,
                                        const struct transport_request *request)
{
    for (size_t i = t->spare_count; i-- > 0;) {
        struct curl_exchange *ex = t->spare[i];
        if (!fits(&ex->setup, request))
            continue;
        t->spare_count--;
        memmove(&t->spare[i], &t->spare[i + 1], (t->spare_count - i) * sizeof(t->spare[0]));
        return ex;
    }
    return NULL;
}

static enum base_err exchange_new(struct transport *transport,
                                  const struct transport_request *request,
                                  struct curl_exchange **ret_exchange, struct base_error *reterr)
{
    struct curl_exchange *ex = calloc(1, sizeof(*ex));
    if (!ex)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for a connection");
    ex->base.transport = transport;
    buffer_init(&ex->head, HEAD_MAX);
    buffer_init(&ex->data, INBOX_FULL + CURL_MAX_READ_SIZE);
    ex->setup = (struct curl_setup){
        .easy = curl_easy_init(),
        .url = strndup(request->url.ptr, request->url.len),
        .ca_file = request->ca_file ? strdup(request->ca_file) : NULL,
        .connect_ms = request->connect_ms,
    };
    bool is_whole = ex->setup.easy && ex->setup.url && (ex->setup.ca_file || !request->ca_file);
    enum base_err err =
        is_whole ? add_headers(ex, request, reterr)
                 : base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for a connection");
    if (!err && !set_options(ex, request))
        err = base_error_set(reterr, BASE_ERR_NO_MEMORY, "libcurl refused an option");
    if (err) {
        exchange_free(ex);
        return err;
    }
    *ret_exchange = ex;
    return BASE_OK;
}

static enum base_err do_start(struct transport *transport, const struct transport_request *request,
                              const struct transport_sink *sink,
                              struct transport_exchange **ret_exchange, struct base_error *reterr)
{
    struct curl_transport *t = (struct curl_transport *)transport;
    struct curl_exchange *ex = take_spare(t, request);
    enum base_err err = ex ? BASE_OK : exchange_new(transport, request, &ex, reterr);
    if (err)
        return err;
    ex->sink = *sink;
    ex->address_allowed = request->address_allowed;
    ex->address_user = request->address_user;
    ex->body_len = request->body.len;
    if (curl_easy_setopt(ex->setup.easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)request->body.len) != CURLE_OK ||
        curl_easy_setopt(ex->setup.easy, CURLOPT_POSTFIELDS, request->body.ptr) != CURLE_OK ||
        curl_multi_add_handle(t->multi, ex->setup.easy) != CURLM_OK) {
        exchange_free(ex);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "libcurl refused a transfer");
    }
    link_exchange(t, ex);
    *ret_exchange = &ex->base;
    return BASE_OK;
}

static void do_free(struct transport *transport)
{
    struct curl_transport *t = (struct curl_transport *)transport;
    while (t->exchanges) /* those that were draining */
        reap(t->exchanges);
    while (t->spare_count > 0)
        exchange_free(t->spare[--t->spare_count]);
    (void)curl_multi_cleanup(t->multi);
    loop_timer_clear(t->loop, &t->curl_timer);
    loop_timer_clear(t->loop, &t->ready_timer);
    curl_global_cleanup();
    free(t);
}

static const struct transport_ops curl_ops = {
    .start = do_start,
    .pause = do_pause,
    .resume = do_resume,
    .info = do_info,
    .release = do_release,
    .free = do_free,
};

enum base_err transport_curl_new(struct loop *loop, struct transport **ret_transport,
                                 struct base_error *reterr)
{
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
        return base_error_set(reterr, BASE_ERR_INTERNAL, "libcurl cannot be set up");
    struct curl_transport *t = calloc(1, sizeof(*t));
    CURLM *multi = curl_multi_init();
    if (!t || !multi) {
        (void)curl_multi_cleanup(multi);
        free(t);
        curl_global_cleanup();
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for connections");
    }
    t->base.ops = &curl_ops;
    t->loop = loop;
    t->multi = multi;
    t->ready_last = &t->ready_first;
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, t);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, t);
    (void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS_MAX);
    *ret_transport = &t->base;
    return BASE_OK;
}
