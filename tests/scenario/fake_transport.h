/*
 * The transport of the scenario tests: nothing is sent; the script says what comes back.
 *
 *     struct fake_transport fake = ...;  fake_transport_init(&fake);
 *     ... give &fake.base to upstream_pool_new(), which frees it through its ops (a no-op) ...
 *     struct fake_exchange *ex = fake_transport_latest(&fake);
 *     ex->sink.on_head(ex->sink.user, &head);
 *
 * An exchange stays readable after its release, so that a script can look at what was sent and at
 * how it ended.
 */
#ifndef TESTS_SCENARIO_FAKE_TRANSPORT_H
#define TESTS_SCENARIO_FAKE_TRANSPORT_H

#include "base/core/buffer.h"
#include "upstreams/transport.h"

enum { FAKE_EXCHANGES_MAX = 64 };

struct fake_exchange {
    struct transport_exchange base;
    struct transport_sink sink;
    struct buffer url, headers, body; /* headers as lines "name: value" */
    int sends;
    int64_t received_bytes;
    bool paused, released, drained;
};

struct fake_transport {
    struct transport base;
    struct fake_exchange exchanges[FAKE_EXCHANGES_MAX];
    size_t count;
};

void fake_transport_init(struct fake_transport *fake);
void fake_transport_done(struct fake_transport *fake);
/* The exchange started last, or NULL. */
struct fake_exchange *fake_transport_latest(struct fake_transport *fake);

#endif
