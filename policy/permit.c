/* Egress permits; see policy.h. */
#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "policy/body.h"
#include "policy/inspection.h"

/* 0 only in the control that tests/e2e builds, to show that its tests find a leak. */
#ifndef HEARTH_PERMIT_CHECK
#define HEARTH_PERMIT_CHECK 1
#endif

struct policy_permit {
    struct policy_permit_facts facts;
    struct slice id; /* of the destination */
    char text[];     /* request id, destination's name and id */
};

bool policy_permit_check_enabled(void)
{
    return HEARTH_PERMIT_CHECK;
}

/* The level of the request by the newest policy. Only what changed between two reloads costs this.
 */
static enum base_err newest_level(const struct policy_permit_wish *wish,
                                  enum policy_level *ret_level)
{
    const struct policy_inspection *old = policy_body_inspection(wish->body);
    *ret_level = POLICY_LEVEL_PUBLIC;
    if (old->policy == wish->newest ||
        memcmp(old->policy->hash, wish->newest->hash, POLICY_HASH_BYTES) == 0)
        return BASE_OK;
    struct arena *arena = arena_new((size_t)256 << 20);
    if (!arena)
        return BASE_ERR_NO_MEMORY;
    struct policy_context context = {.floor = old->floor, .remembered = old->remembered};
    struct policy_inspection *again;
    enum base_err err = policy_inspect(wish->newest, old->request, &context, arena, &again, NULL);
    if (!err)
        *ret_level = policy_inspection_level(again);
    arena_free(arena);
    return err;
}

static enum base_err refuse(struct base_error *reterr, struct slice name, const char *why)
{
    return base_error_set(reterr, BASE_ERR_POLICY_VIOLATION,
                          "\"%.*s\" may not get this request: %s", SLICE_ARG(name), why);
}

static enum base_err judge(const struct policy_permit_wish *wish, enum policy_level level,
                           enum policy_level clearance, struct base_error *reterr)
{
    if (!policy_permit_check_enabled())
        return BASE_OK;
    if (!policy_body_sha256(wish->body))
        return refuse(reterr, wish->destination.name, "its body was not finished");
    if (slice_is_absent(wish->newest_destination.name))
        return refuse(reterr, wish->destination.name,
                      "the newest configuration has no such target");
    if (!slice_eq(wish->destination.id, wish->newest_destination.id) ||
        wish->destination.zone != wish->newest_destination.zone)
        return refuse(reterr, wish->destination.name,
                      "the newest configuration has moved the target");
    if (clearance < level)
        return base_error_set(reterr, BASE_ERR_POLICY_VIOLATION,
                              "the request is %s and \"%.*s\" is cleared for %s only",
                              policy_level_name(level), SLICE_ARG(wish->destination.name),
                              policy_level_name(clearance));
    return BASE_OK;
}

static enum base_err build(const struct policy_permit_wish *wish, enum policy_level level,
                           enum policy_level clearance, struct policy_permit **ret_permit)
{
    const uint8_t *sha256 = policy_body_sha256(wish->body);
    struct slice id = wish->request_id, name = wish->destination.name, place = wish->destination.id;
    struct policy_permit *permit = calloc(1, sizeof(*permit) + id.len + name.len + place.len + 1);
    if (!permit)
        return BASE_ERR_NO_MEMORY;
    if (id.len)
        memcpy(permit->text, id.ptr, id.len);
    if (name.len)
        memcpy(permit->text + id.len, name.ptr, name.len);
    if (place.len)
        memcpy(permit->text + id.len + name.len, place.ptr, place.len);
    permit->id = slice_of(permit->text + id.len + name.len, place.len);
    struct slice bytes = policy_body_bytes(wish->body);
    permit->facts = (struct policy_permit_facts){
        .request_id = slice_of(permit->text, id.len),
        .attempt = wish->attempt,
        .level = level,
        .clearance = clearance,
        .zone = wish->destination.zone,
        .destination = slice_of(permit->text + id.len, name.len),
        .body_bytes = bytes.len,
        .expires_ns =
            wish->ttl_ns > INT64_MAX - wish->now_ns ? INT64_MAX : wish->now_ns + wish->ttl_ns,
    };
    crypto_sha256(wish->destination.id, permit->facts.destination_id);
    if (sha256) /* without: not finished, which judge() lets pass in the control only */
        memcpy(permit->facts.body_sha256, sha256, sizeof(permit->facts.body_sha256));
    memcpy(permit->facts.policy_hash, wish->newest->hash, POLICY_HASH_BYTES);
    *ret_permit = permit;
    return BASE_OK;
}

enum base_err policy_permit_new(const struct policy_permit_wish *wish,
                                struct policy_permit **ret_permit, struct base_error *reterr)
{
    enum policy_level newest;
    enum base_err err = newest_level(wish, &newest);
    if (err)
        return base_error_set(reterr, err,
                              "the request could not be inspected with the newest policy");
    enum policy_level level = policy_level_join(policy_body_level(wish->body),
                                                policy_level_join(newest, wish->newest_floor));
    enum policy_level clearance = wish->destination.clearance < wish->newest_destination.clearance
                                      ? wish->destination.clearance
                                      : wish->newest_destination.clearance;
    err = judge(wish, level, clearance, reterr);
    if (err)
        return err;
    err = build(wish, level, clearance, ret_permit);
    return err ? base_error_set(reterr, err, "out of memory for a permit") : BASE_OK;
}

void policy_permit_free(struct policy_permit *permit)
{
    free(permit);
}

/* `sha256` NULL: not known. */
static enum base_err check(const struct policy_permit *permit, struct slice bytes,
                           const uint8_t *sha256, const struct policy_destination *destination,
                           int64_t now_ns, struct base_error *reterr)
{
    uint8_t body[CRYPTO_SHA256_BYTES];
    if (!policy_permit_check_enabled())
        return BASE_OK;
    if (!permit)
        return refuse(reterr, destination->name, "there is no permit");
    if (!sha256) {
        crypto_sha256(bytes, body);
        sha256 = body;
    }
    const struct policy_permit_facts *facts = &permit->facts;
    if (!slice_eq(destination->name, facts->destination) || destination->zone != facts->zone ||
        !slice_eq(destination->id, permit->id))
        return refuse(reterr, destination->name, "its permit names another destination");
    if (bytes.len != facts->body_bytes || !crypto_equal(sha256, facts->body_sha256, sizeof(body)))
        return refuse(reterr, destination->name, "its permit is for another body");
    if (destination->clearance < facts->level)
        return refuse(reterr, destination->name, "its clearance was lowered");
    if (now_ns >= facts->expires_ns)
        return refuse(reterr, destination->name, "its permit has expired");
    return BASE_OK;
}

enum base_err policy_permit_check(const struct policy_permit *permit, struct slice bytes,
                                  const struct policy_destination *destination, int64_t now_ns,
                                  struct base_error *reterr)
{
    return check(permit, bytes, NULL, destination, now_ns, reterr);
}

enum base_err policy_permit_check_body(const struct policy_permit *permit,
                                       const struct policy_body *body,
                                       const struct policy_destination *destination, int64_t now_ns,
                                       struct base_error *reterr)
{
    return check(permit, policy_body_bytes(body), policy_body_sealed_sha256(body), destination,
                 now_ns, reterr);
}

const struct policy_permit_facts *policy_permit_facts(const struct policy_permit *permit)
{
    return &permit->facts;
}
