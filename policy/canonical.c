#include "policy/canonical.h"
#include "base/crypto/crypto.h"
#include "policy/normalise.h"

#define SHORT_BYTES 32
#define MAX_TEXT_BYTES ((size_t)256 << 20)

void canonical_init(struct canonical *chain, const uint8_t key[32], struct slice tenant)
{
    *chain = (struct canonical){.key = key, .tenant = tenant};
    buffer_init(&chain->text, MAX_TEXT_BYTES);
}

void canonical_done(struct canonical *chain)
{
    buffer_done(&chain->text);
}

/* What editors, terminals and Markdown renderers change: white space, emphasis, quotes, list marks.
 */
static bool is_ignored(unsigned char c)
{
    static const bool marks[256] = {
        ['*'] = true, ['_'] = true, ['`'] = true,  ['#'] = true, ['>'] = true, ['~'] = true,
        ['|'] = true, ['"'] = true, ['\''] = true, ['-'] = true, [0x7f] = true};
    return c <= ' ' || marks[c];
}

static bool add_text(struct canonical *chain, struct slice text)
{
    if (text.len == 0)
        return true;
    struct arena *arena = arena_new(((size_t)1 << 20) + text.len * 32);
    struct norm_view view;
    char *out = NULL;
    if (arena && norm_text(text, arena, &view) == BASE_OK)
        out = buffer_reserve(&chain->text, view.text.len ? view.text.len : 1);
    if (out) {
        size_t len = 0;
        for (size_t i = 0; i < view.text.len; i++) { /* every byte of every message: no branches */
            unsigned char c = (unsigned char)view.text.ptr[i];
            out[len] = (char)(c | (c >= 'A' && c <= 'Z' ? 32 : 0));
            len += !is_ignored(c);
        }
        buffer_commit(&chain->text, len);
    }
    arena_free(arena);
    return out != NULL;
}

/* Media by their hash: they are long, and have no spelling. */
static bool add_opaque(struct canonical *chain, struct slice bytes)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    if (bytes.len == 0)
        return true;
    crypto_sha256(bytes, hash);
    return buffer_add(&chain->text, hash, sizeof(hash)) == BASE_OK;
}

/* Results hold parts, but no results in them hold more than one level of those. */
static bool add_part(struct canonical *chain, const struct chat_part *part)
{
    switch (part->type) {
    case CHAT_PART_IMAGE:
    case CHAT_PART_AUDIO:
    case CHAT_PART_DOCUMENT:
        return add_opaque(chain, part->u.media.data) && add_opaque(chain, part->u.media.url) &&
               add_opaque(chain, part->u.media.file_id);
    case CHAT_PART_TOOL_CALL:
        return add_text(chain, part->u.call.arguments);
    case CHAT_PART_REASONING:
        return true; /* clients leave it out */
    case CHAT_PART_OTHER:
        return !part->raw || add_opaque(chain, part->raw->text);
    default:
        return add_text(chain, part->text);
    }
}

static bool add_message(struct canonical *chain, const struct chat_message *message)
{
    for (size_t i = 0; i < message->part_count; i++) {
        const struct chat_part *part = &message->parts[i];
        if (!add_part(chain, part))
            return false;
        if (part->type != CHAT_PART_TOOL_RESULT)
            continue;
        for (size_t p = 0; p < part->u.result.part_count; p++) {
            if (!add_part(chain, &part->u.result.parts[p]))
                return false;
        }
    }
    return true;
}

/* HMAC over lengths and texts, so that no two different inputs have the same form. */
static bool take_digest(struct canonical *chain)
{
    size_t len = buffer_len(&chain->text);
    memcpy(chain->before, chain->digest, sizeof(chain->before));
    chain->has_digest = len > 0;
    if (len == 0)
        return true;
    uint8_t text_hash[CRYPTO_SHA256_BYTES], tenant_hash[CRYPTO_SHA256_BYTES];
    char form[3 * CRYPTO_SHA256_BYTES];
    crypto_sha256(buffer_slice(&chain->text), text_hash);
    crypto_sha256(chain->tenant, tenant_hash);
    memcpy(form, tenant_hash, CRYPTO_SHA256_BYTES);
    memcpy(form + CRYPTO_SHA256_BYTES, text_hash, CRYPTO_SHA256_BYTES);
    memset(form + 2 * CRYPTO_SHA256_BYTES, 0, CRYPTO_SHA256_BYTES);
    if (len < SHORT_BYTES)
        memcpy(form + 2 * CRYPTO_SHA256_BYTES, chain->before, CRYPTO_SHA256_BYTES);
    crypto_hmac_sha256(slice_of((const char *)chain->key, 32), slice_of(form, sizeof(form)),
                       chain->digest);
    return true;
}

bool canonical_message(struct canonical *chain, const struct chat_message *message)
{
    buffer_clear(&chain->text);
    return add_message(chain, message) && take_digest(chain);
}

bool canonical_answer(struct canonical *chain, struct slice text, struct slice tool_arguments)
{
    buffer_clear(&chain->text);
    return add_text(chain, text) && add_text(chain, tool_arguments) && take_digest(chain);
}
