/*
 * Secrets by reference: `env:NAME` or `file:PATH`, never the value itself.
 *
 *     err = secret_read(SLICE("env:OPENAI_API_KEY"), directory, &key, &detail);
 *     ... key.value ...
 *     secret_done(&key);          // wiped
 *
 * A trailing line end of a file is cut. Errors: BAD_CONFIG names the variable or file, never a
 * value.
 */
#ifndef GATEWAY_SERVE_SECRET_H
#define GATEWAY_SERVE_SECRET_H

#include "base/core/error.h"
#include "base/core/slice.h"

struct secret {
    struct slice value; /* owned */
};

enum base_err secret_read(struct slice reference, struct slice directory, struct secret *ret,
                          struct base_error *reterr) BASE_MUST_USE;
void secret_done(struct secret *secret); /* all zero allowed */

#endif
