#include "base/core/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct base_err_info infos[BASE_ERR_COUNT] = {
#define X(name, class, status, retryable, type, code)                                              \
    [BASE_ERR_##name] = {#name, BASE_ERR_CLASS_##class, status, retryable, type, code},
    BASE_ERRORS(X)
#undef X
};

const struct base_err_info *base_err_info(enum base_err err)
{
    if ((int)err < 0 || err >= BASE_ERR_COUNT)
        err = BASE_ERR_INTERNAL;
    return &infos[err];
}

static void clean(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
    /* A cut in the middle of a character would make the whole message invalid UTF-8. */
    size_t len = strlen(text);
    size_t drop = 0;
    while (drop < len && drop < 4 && !slice_is_utf8(slice_of(text, len - drop)))
        drop++;
    if (drop < 4)
        text[len - drop] = '\0';
    else
        for (unsigned char *p = (unsigned char *)text; *p; p++)
            if (*p >= 0x80)
                *p = '?';
}

static enum base_err set(struct base_error *reterr, enum base_err code, const char *param,
                         const char *format, va_list args)
{
    if (!reterr)
        return code;
    reterr->code = code;
    (void)vsnprintf(reterr->message, sizeof(reterr->message), format, args);
    (void)snprintf(reterr->param, sizeof(reterr->param), "%s", param);
    clean(reterr->message);
    clean(reterr->param);
    return code;
}

enum base_err base_error_set(struct base_error *reterr, enum base_err code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(reterr, code, "", format, args);
    va_end(args);
    return code;
}

enum base_err base_error_set_param(struct base_error *reterr, enum base_err code, const char *param,
                                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(reterr, code, param, format, args);
    va_end(args);
    return code;
}
