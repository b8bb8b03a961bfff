/* The policy snapshot: built from configuration, hashed, shared by reference. */
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "policy/detect.h"
#include "policy/normalise.h"
#include "policy/snapshot.h"

#define MAX_SNAPSHOT_BYTES ((size_t)256 << 20)

static void hash_slice(struct crypto_hash *hash, struct slice s)
{
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)s.len >> (8 * i));
    crypto_hash_add(hash, slice_of((const char *)length, sizeof(length)));
    crypto_hash_add(hash, s);
}

static void hash_number(struct crypto_hash *hash, unsigned number)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%u", number);
    hash_slice(hash, slice_of(text, (size_t)len));
}

/* Lengths go in before bytes, so that no two configurations have the same form. */
static enum base_err take_hash(const struct policy_config *config, uint8_t *ret_hash)
{
    struct crypto_hash *hash = crypto_hash_new();
    if (!hash)
        return BASE_ERR_NO_MEMORY;
    hash_slice(hash, SLICE("hearth policy 1"));
    hash_number(hash, POLICY_DETECTORS_VERSION);
    hash_number(hash, config->default_level);
    hash_number(hash, config->uninspected_level);
    for (int i = 0; i < POLICY_FINDING_COUNT; i++)
        hash_number(hash, config->levels[i]);
    hash_number(hash, (unsigned)config->dictionary_count);
    for (size_t i = 0; i < config->dictionary_count; i++) {
        const struct policy_dictionary *d = &config->dictionaries[i];
        hash_slice(hash, d->name);
        hash_number(hash, d->level);
        hash_number(hash, (unsigned)d->word_count);
        for (size_t w = 0; w < d->word_count; w++)
            hash_slice(hash, d->words[w]);
    }
    hash_number(hash, (unsigned)config->pattern_count);
    for (size_t i = 0; i < config->pattern_count; i++) {
        hash_slice(hash, config->patterns[i].name);
        hash_slice(hash, config->patterns[i].regex);
        hash_number(hash, config->patterns[i].level);
    }
    crypto_hash_finish(hash, ret_hash);
    return BASE_OK;
}

static enum base_err check_level(const char *what, struct slice name, unsigned level,
                                 struct base_error *reterr)
{
    if (level < POLICY_LEVEL_COUNT)
        return BASE_OK;
    return base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                          "%s \"%.*s\" has a level that does not exist", what, SLICE_ARG(name));
}

static enum base_err check_config(const struct policy_config *config, struct base_error *reterr)
{
    enum base_err err = check_level("policy", SLICE("default"), config->default_level, reterr);
    if (!err)
        err = check_level("policy", SLICE("uninspected"), config->uninspected_level, reterr);
    for (int i = 0; i < POLICY_FINDING_COUNT && !err; i++)
        err = check_level("finding type",
                          slice_from_str(policy_finding_config_name((enum policy_finding_type)i)),
                          config->levels[i], reterr);
    for (size_t i = 0; i < config->dictionary_count && !err; i++) {
        const struct policy_dictionary *d = &config->dictionaries[i];
        err = check_level("dictionary", d->name, d->level, reterr);
        for (size_t w = 0; w < d->word_count && !err; w++) {
            if (slice_trim(d->words[w]).len == 0)
                err = base_error_set(reterr, BASE_ERR_BAD_CONFIG,
                                     "dictionary \"%.*s\": word %zu is empty", SLICE_ARG(d->name),
                                     w + 1);
        }
    }
    for (size_t i = 0; i < config->pattern_count && !err; i++)
        err = check_level("pattern", config->patterns[i].name, config->patterns[i].level, reterr);
    return err;
}

static enum base_err compile_custom(struct policy *policy, const struct policy_config *config,
                                    struct base_error *reterr)
{
    size_t count = config->pattern_count, at = 0;
    for (size_t i = 0; i < config->dictionary_count; i++)
        count += config->dictionaries[i].word_count;
    struct policy_matcher_pattern *patterns = calloc(count ? count : 1, sizeof(*patterns));
    struct custom_name *names = arena_calloc(policy->arena, count ? count : 1, sizeof(*names));
    enum base_err err = patterns && names ? BASE_OK : BASE_ERR_NO_MEMORY;
    for (size_t i = 0; i < config->dictionary_count && !err; i++) {
        const struct policy_dictionary *d = &config->dictionaries[i];
        struct custom_name name = {arena_dup(policy->arena, d->name), d->level};
        for (size_t w = 0; w < d->word_count && !err; w++) {
            struct norm_view word;
            err = norm_compose(slice_trim(d->words[w]), policy->arena, &word);
            if (err)
                break;
            patterns[at] = (struct policy_matcher_pattern){
                .name = d->name,
                .regex = word.text,
                .flags = POLICY_MATCH_LITERAL | POLICY_MATCH_WORD | POLICY_MATCH_NO_CASE};
            names[at++] = name;
        }
        if (slice_is_absent(name.name))
            err = BASE_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < config->pattern_count && !err; i++) {
        const struct policy_pattern *p = &config->patterns[i];
        patterns[at] = (struct policy_matcher_pattern){
            .name = p->name, .regex = p->regex, .flags = POLICY_MATCH_START};
        names[at] = (struct custom_name){arena_dup(policy->arena, p->name), p->level};
        if (slice_is_absent(names[at++].name))
            err = BASE_ERR_NO_MEMORY;
    }
    policy->custom_names = names;
    if (err)
        base_error_set(reterr, err, "out of memory for the policy's patterns");
    else
        err = policy_matcher_new(patterns, count, &policy->custom, reterr);
    free(patterns);
    return err;
}

static int compare_slices(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static enum base_err copy_own_strings(struct policy *policy, const struct policy_config *config,
                                      struct base_error *reterr)
{
    size_t count = config->own_string_count;
    struct slice *copies = arena_calloc(policy->arena, count ? count : 1, sizeof(*copies));
    bool failed = !copies;
    for (size_t i = 0; i < count && !failed; i++) {
        copies[i] = arena_dup(policy->arena, config->own_strings[i]);
        failed = slice_is_absent(copies[i]) && !slice_is_absent(config->own_strings[i]);
    }
    if (failed)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for the policy");
    if (count > 1)
        qsort(copies, count, sizeof(*copies), compare_slices);
    policy->own_strings = copies;
    policy->own_string_count = count;
    return BASE_OK;
}

enum base_err policy_new(const struct policy_config *config, struct policy **ret_policy,
                         struct base_error *reterr)
{
    enum base_err err = check_config(config, reterr);
    if (err)
        return err;
    struct policy *policy = calloc(1, sizeof(*policy));
    if (!policy)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "out of memory for the policy");
    atomic_init(&policy->references, 1);
    policy->default_level = config->default_level;
    policy->uninspected_level = config->uninspected_level;
    memcpy(policy->levels, config->levels, sizeof(policy->levels));
    policy->levels[POLICY_FINDING_UNINSPECTED] = config->uninspected_level;
    policy->arena = arena_new(MAX_SNAPSHOT_BYTES);
    err = policy->arena ? take_hash(config, policy->hash) : BASE_ERR_NO_MEMORY;
    if (err)
        base_error_set(reterr, err, "out of memory for the policy");
    if (!err)
        err = detect_matcher(&policy->detectors, reterr);
    if (!err)
        err = compile_custom(policy, config, reterr);
    if (!err)
        err = copy_own_strings(policy, config, reterr);
    if (err) {
        policy_unref(policy);
        return err;
    }
    *ret_policy = policy;
    return BASE_OK;
}

struct policy *policy_ref(struct policy *policy)
{
    atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
    return policy;
}

void policy_unref(struct policy *policy)
{
    if (!policy || atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) != 1)
        return;
    policy_matcher_free(policy->custom);
    arena_free(policy->arena);
    free(policy);
}

const uint8_t *policy_hash(const struct policy *policy)
{
    return policy->hash;
}

enum policy_level policy_default_level(const struct policy *policy)
{
    return policy->default_level;
}

enum policy_level policy_uninspected_level(const struct policy *policy)
{
    return policy->uninspected_level;
}

enum policy_level policy_type_level(const struct policy *policy, enum policy_finding_type type)
{
    return (unsigned)type < POLICY_FINDING_COUNT ? policy->levels[type] : POLICY_LEVEL_RESTRICTED;
}

bool snapshot_is_own_string(const struct policy *policy, struct slice s)
{
    return policy->own_string_count > 0 &&
           bsearch(&s, policy->own_strings, policy->own_string_count, sizeof(s), compare_slices);
}
