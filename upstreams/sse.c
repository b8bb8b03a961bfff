#include "upstreams/sse.h"

void sse_init(struct sse_reader *sse, size_t max_event_bytes)
{
    *sse = (struct sse_reader){0};
    buffer_init(&sse->line, max_event_bytes);
    buffer_init(&sse->data, max_event_bytes);
    buffer_init(&sse->type, max_event_bytes);
}

void sse_done(struct sse_reader *sse)
{
    buffer_done(&sse->line);
    buffer_done(&sse->data);
    buffer_done(&sse->type);
}

static void forget_handed_out(struct sse_reader *sse)
{
    if (!sse->handed_out)
        return;
    buffer_clear(&sse->data);
    buffer_clear(&sse->type);
    sse->has_data = sse->has_type = sse->handed_out = false;
}

/* One whole line that is not blank. */
static enum base_err take_field(struct sse_reader *sse, struct slice line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t name_len = colon ? (size_t)(colon - line.ptr) : line.len;
    struct slice name = slice_sub(line, 0, name_len);
    struct slice value = slice_sub(line, colon ? name_len + 1 : name_len, SIZE_MAX);
    if (value.len > 0 && value.ptr[0] == ' ')
        value = slice_sub(value, 1, SIZE_MAX);
    if (slice_eq_str(name, "data")) {
        sse->has_data = true;
        (void)buffer_add_slice(&sse->data, value);
        return buffer_add_char(&sse->data, '\n');
    }
    if (slice_eq_str(name, "event")) {
        buffer_clear(&sse->type);
        sse->has_type = true;
        return buffer_add_slice(&sse->type, value);
    }
    return BASE_OK; /* a comment (empty name), id, retry, or a field of the future */
}

static void hand_out(struct sse_reader *sse, struct sse_event *ret_event)
{
    struct slice data = buffer_slice(&sse->data);
    ret_event->data = slice_sub(data, 0, data.len ? data.len - 1 : 0); /* without the last LF */
    ret_event->type = sse->has_type ? buffer_slice(&sse->type) : SLICE_NONE;
    sse->handed_out = true;
}

/* The line in sse->line has ended. OK: it was the blank line that ends an event with data. */
static enum base_err end_line(struct sse_reader *sse, struct sse_event *ret_event)
{
    struct slice line = buffer_slice(&sse->line);
    if (!sse->begun && slice_starts_with(line, SLICE("\xEF\xBB\xBF")))
        line = slice_sub(line, 3, SIZE_MAX);
    sse->begun = true;
    enum base_err err = BASE_ERR_AGAIN;
    if (line.len > 0) {
        enum base_err failed = take_field(sse, line);
        if (failed)
            return failed;
    } else if (sse->has_data) {
        hand_out(sse, ret_event);
        err = BASE_OK;
    } else {
        buffer_clear(&sse->type);
        sse->has_type = false;
    }
    buffer_clear(&sse->line);
    return err;
}

static size_t find_line_end(struct slice bytes)
{
    const char *lf = memchr(bytes.ptr, '\n', bytes.len);
    size_t len = lf ? (size_t)(lf - bytes.ptr) : bytes.len;
    const char *cr = memchr(bytes.ptr, '\r', len);
    return cr ? (size_t)(cr - bytes.ptr) : len;
}

enum base_err sse_next(struct sse_reader *sse, struct slice *input, struct sse_event *ret_event)
{
    forget_handed_out(sse);
    while (input->len > 0) {
        if (sse->skip_lf) {
            sse->skip_lf = false;
            if (input->ptr[0] == '\n') {
                *input = slice_sub(*input, 1, SIZE_MAX);
                continue;
            }
        }
        size_t len = find_line_end(*input);
        enum base_err err = buffer_add(&sse->line, input->ptr, len);
        if (err)
            return err;
        if (len == input->len) {
            *input = slice_sub(*input, len, SIZE_MAX);
            break;
        }
        sse->skip_lf = input->ptr[len] == '\r';
        *input = slice_sub(*input, len + 1, SIZE_MAX);
        err = end_line(sse, ret_event);
        if (err != BASE_ERR_AGAIN)
            return err;
    }
    return BASE_ERR_AGAIN;
}

bool sse_finish(struct sse_reader *sse, struct sse_event *ret_event)
{
    forget_handed_out(sse);
    if (buffer_len(&sse->line) > 0)
        if (end_line(sse, ret_event) != BASE_ERR_AGAIN)
            return false;
    if (!sse->has_data)
        return false;
    hand_out(sse, ret_event);
    return true;
}
