/* Answers of providers. The first byte chooses the form (stream, whole, error body), the second
 * the pieces. Whatever comes: no crash, the same events however it is cut, the order of events
 * kept, and an end without error only when every choice that spoke has finished. */
#include "upstreams/reader.h"

#include <assert.h>
#include <stdlib.h>

enum { BODY_MAX = 32 * 1024, LOG_MAX = 8 * 1024 * 1024, CHOICES = 128 };

struct taker {
    struct buffer log;
    bool started, ended;
    bool spoke[CHOICES], finished[CHOICES];
};

static void note(struct buffer *log, struct slice s)
{
    (void)buffer_addf(log, " %zu:", s.len);
    (void)buffer_add_slice(log, s);
}

static bool on_event(void *user, const struct chat_event *e)
{
    struct taker *t = user;
    assert(t->started == (e->type != CHAT_EVENT_STARTED));
    assert(e->choice >= 0 && e->choice < CHOICES);
    assert(e->type < CHAT_EVENT_DONE);
    t->started = true;
    if (chat_event_is_content(e->type))
        t->spoke[e->choice] = true;
    if (e->type == CHAT_EVENT_FINISHED) {
        assert(!t->finished[e->choice] && e->finish < CHAT_FINISH_COUNT);
        t->finished[e->choice] = true;
    }
    if (e->type == CHAT_EVENT_TOOL_CALL)
        assert(e->tool.index >= 0);
    if (e->type == CHAT_EVENT_USAGE)
        assert(e->usage.input >= -1 && e->usage.output >= -1 && e->usage.cache_read >= -1 &&
               e->usage.reasoning >= -1 && e->usage.reported_nano_usd >= -1);
    (void)buffer_addf(&t->log, "\n%d %d", (int)e->type, e->choice);
    note(&t->log, e->text);
    note(&t->log, e->logprobs);
    note(&t->log, e->tool.id);
    note(&t->log, e->tool.name);
    note(&t->log, e->tool.arguments);
    note(&t->log, e->served_model);
    return true;
}

static enum base_err replay_pieces(bool is_sse, struct slice input, size_t step, struct taker *t)
{
    struct reader_setup setup = {
        .is_sse = is_sse, .reads_cost = true, .max_bytes = BODY_MAX, .emit = on_event, .user = t};
    struct openai_reader *reader;
    struct base_error detail;
    *t = (struct taker){0};
    buffer_init(&t->log, LOG_MAX);
    if (openai_reader_new(&setup, &reader) != BASE_OK)
        abort();
    enum base_err err = BASE_ERR_AGAIN;
    while (input.len > 0 && err == BASE_ERR_AGAIN) {
        err = openai_reader_feed(reader, slice_sub(input, 0, step), &detail);
        input = slice_sub(input, step, SIZE_MAX);
    }
    if (err == BASE_ERR_AGAIN)
        err = openai_reader_end(reader, &detail);
    if (err == BASE_OK) {
        assert(openai_reader_is_whole(reader));
        for (int i = 0; i < CHOICES; i++)
            assert(!t->spoke[i] || t->finished[i]);
    }
    openai_reader_free(reader);
    return err;
}

static void read_error_body(int status, struct slice body)
{
    struct provider_error error;
    openai_error_read(status, body, &error);
    assert(error.err != BASE_OK && strlen(error.code) < sizeof(error.code));
    assert(base_err_info(error.err)->class != BASE_ERR_CLASS_BUG);
    (void)retry_after_parse(slice_sub(body, 0, 8), body, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 2 * BODY_MAX)
        return 0;
    struct slice input = slice_of((const char *)data + 2, size - 2);
    if (data[0] % 3 == 2) {
        read_error_body(200 + data[1] * 2, input);
        return 0;
    }
    struct taker whole, pieces;
    enum base_err a = replay_pieces(data[0] % 3 == 0, input, SIZE_MAX, &whole);
    enum base_err b = replay_pieces(data[0] % 3 == 0, input, data[1] + 1u, &pieces);
    if (a != b || !slice_eq(buffer_slice(&whole.log), buffer_slice(&pieces.log)))
        abort();
    buffer_done(&whole.log);
    buffer_done(&pieces.log);
    return 0;
}
