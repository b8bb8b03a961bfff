#include "upstreams/transport.h"

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool transport_header_ok(struct slice name, struct slice value)
{
    if (name.len == 0)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_token_char((unsigned char)name.ptr[i]))
            return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < ' ' || c > '~')
            return false;
    }
    return true;
}

struct slice transport_header_find(const struct transport_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (slice_eq_str(head->headers[i].name, name))
            return head->headers[i].value;
    return SLICE_NONE;
}
