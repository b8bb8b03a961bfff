/* Audit records and their chain; see policy.h. */
#include "base/crypto/crypto.h"
#include "policy/policy.h"

static const char *const kinds[POLICY_AUDIT_KIND_COUNT] = {
    [POLICY_AUDIT_PERMIT] = "permit", [POLICY_AUDIT_LOCAL] = "local",
    [POLICY_AUDIT_DENIAL] = "denial", [POLICY_AUDIT_DECLASSIFY] = "declassify",
    [POLICY_AUDIT_POLICY] = "policy",
};

const char *policy_audit_kind_name(enum policy_audit_kind kind)
{
    return (unsigned)kind < POLICY_AUDIT_KIND_COUNT ? kinds[kind] : NULL;
}

static void member_level(struct json_writer *w, const char *key, enum policy_level level)
{
    bool is_one = (unsigned)level < POLICY_LEVEL_COUNT;
    json_member_str(w, key, is_one ? policy_level_name(level) : NULL);
}

static void member_hash(struct json_writer *w, const char *key, const uint8_t *hash)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * POLICY_HASH_BYTES];
    for (size_t i = 0; hash && i < POLICY_HASH_BYTES; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    json_member_string(w, key, hash ? slice_of(hex, sizeof(hex)) : SLICE_NONE);
}

enum base_err policy_audit_write(const struct policy_audit_record *record, struct buffer *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_member_i64(&w, "n", (int64_t)record->number);
    json_member_i64(&w, "t", record->wall_ns);
    json_member_str(&w, "kind", policy_audit_kind_name(record->kind));
    json_member_string(&w, "request", record->request_id);
    json_member_i64(&w, "attempt", record->attempt);
    member_level(&w, "level", record->level);
    member_level(&w, "clearance", record->clearance);
    json_member_string(&w, "findings", record->findings);
    json_member_string(&w, "rules", record->rules);
    json_member_string(&w, "destination", record->destination);
    bool has_zone = (unsigned)record->zone < POLICY_ZONE_COUNT;
    json_member_str(&w, "zone", has_zone ? policy_zone_name(record->zone) : NULL);
    member_hash(&w, "body", record->body_sha256);
    json_member_i64(&w, "bytes", (int64_t)record->body_bytes);
    json_key(&w, SLICE("sends"));
    if (record->sends < 0)
        json_put_null(&w);
    else
        json_put_i64(&w, record->sends);
    member_hash(&w, "policy", record->policy_hash);
    json_close_object(&w);
    return out->err;
}

enum base_err policy_audit_chain(uint8_t hash[POLICY_HASH_BYTES], struct slice record)
{
    struct crypto_hash *state = crypto_hash_new();
    if (!state)
        return BASE_ERR_NO_MEMORY;
    crypto_hash_add(state, slice_of((const char *)hash, POLICY_HASH_BYTES));
    crypto_hash_add(state, record);
    crypto_hash_finish(state, hash);
    return BASE_OK;
}

void policy_audit_verifier_init(struct policy_audit_verifier *verifier)
{
    *verifier = (struct policy_audit_verifier){.number = 0};
}

/* {"n":17,... : the number stands first. */
static bool has_number(struct slice record, uint64_t number)
{
    static const struct slice start = SLICE_INIT("{\"n\":");
    int64_t found;
    if (!slice_starts_with(record, start))
        return false;
    struct slice rest = slice_sub(record, start.len, 20);
    size_t comma = slice_find(rest, SLICE(","));
    return comma != SIZE_MAX && slice_to_i64(slice_sub(rest, 0, comma), &found) && found >= 0 &&
           (uint64_t)found == number;
}

enum base_err policy_audit_verify(struct policy_audit_verifier *verifier, struct slice record,
                                  const uint8_t stored_hash[POLICY_HASH_BYTES],
                                  struct base_error *reterr)
{
    unsigned long long next = verifier->number + 1;
    uint8_t hash[POLICY_HASH_BYTES];
    if (!has_number(record, next))
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "audit record %llu is missing, out of order or changed", next);
    memcpy(hash, verifier->hash, sizeof(hash));
    enum base_err err = policy_audit_chain(hash, record);
    if (err)
        return base_error_set(reterr, err, "out of memory at audit record %llu", next);
    if (!crypto_equal(hash, stored_hash, sizeof(hash)))
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "audit record %llu, or one before it, was changed", next);
    memcpy(verifier->hash, hash, sizeof(hash));
    verifier->number = next;
    return BASE_OK;
}
