/* What permits need to know of a body. Private to policy/. */
#ifndef POLICY_BODY_H
#define POLICY_BODY_H

#include "policy/policy.h"

const struct policy_inspection *policy_body_inspection(const struct policy_body *body);

/* The digest of bytes that nobody can write to any more; NULL when they are not sealed. */
const uint8_t *policy_body_sealed_sha256(const struct policy_body *body);

#endif
