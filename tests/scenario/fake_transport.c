#include "tests/scenario/fake_transport.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

static enum base_err do_start(struct transport *transport, const struct transport_request *request,
                              const struct transport_sink *sink,
                              struct transport_exchange **ret_exchange, struct base_error *reterr)
{
    struct fake_transport *fake = (struct fake_transport *)transport;
    if (fake->count == FAKE_EXCHANGES_MAX)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "the script starts too many exchanges");
    struct fake_exchange *ex = &fake->exchanges[fake->count++];
    *ex = (struct fake_exchange){.base = {transport}, .sink = *sink};
    buffer_init(&ex->url, TEXT_MAX);
    buffer_init(&ex->headers, TEXT_MAX);
    buffer_init(&ex->body, TEXT_MAX);
    (void)buffer_add_slice(&ex->url, request->url);
    (void)buffer_add_slice(&ex->body, request->body);
    for (size_t i = 0; i < request->header_count; i++)
        (void)buffer_addf(&ex->headers, "%.*s: %.*s\n", SLICE_ARG(request->headers[i].name),
                          SLICE_ARG(request->headers[i].value));
    *ret_exchange = &ex->base;
    return BASE_OK;
}

static void do_pause(struct transport_exchange *exchange)
{
    ((struct fake_exchange *)exchange)->paused = true;
}

static void do_resume(struct transport_exchange *exchange)
{
    ((struct fake_exchange *)exchange)->paused = false;
}

static void do_info(const struct transport_exchange *exchange, struct transport_info *ret)
{
    const struct fake_exchange *ex = (const struct fake_exchange *)exchange;
    *ret = (struct transport_info){ex->sends, false, ex->received_bytes};
}

static void do_release(struct transport_exchange *exchange, bool drain)
{
    struct fake_exchange *ex = (struct fake_exchange *)exchange;
    ex->released = true;
    ex->drained = drain;
}

static void do_free(struct transport *transport)
{
    (void)transport; /* the scenario owns it */
}

void fake_transport_init(struct fake_transport *fake)
{
    static const struct transport_ops ops = {do_start, do_pause,   do_resume,
                                             do_info,  do_release, do_free};
    *fake = (struct fake_transport){.base = {&ops}};
}

void fake_transport_done(struct fake_transport *fake)
{
    for (size_t i = 0; i < fake->count; i++) {
        buffer_done(&fake->exchanges[i].url);
        buffer_done(&fake->exchanges[i].headers);
        buffer_done(&fake->exchanges[i].body);
    }
}

struct fake_exchange *fake_transport_latest(struct fake_transport *fake)
{
    return fake->count ? &fake->exchanges[fake->count - 1] : NULL;
}
