#include "gateway/keys/keys.h"

#include "base/crypto/crypto.h"
#include "base/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEYS_MAX = 100000, SECRET_BYTES = 32, ID_BYTES = 6, FILE_MAX_BYTES = 64 << 20 };

struct entry {
    uint8_t hash[CRYPTO_SHA256_BYTES];
    char id[KEYS_ID_MAX];
    char tenant[KEYS_TENANT_MAX];
    char label[KEYS_LABEL_MAX];
    int64_t created_wall_ns;
    bool revoked;
};

struct keys {
    pthread_rwlock_t lock;
    char path[PATH_MAX - 16];
    const struct clock *clock;
    const struct random_source *random;
    struct entry *entries; /* sorted by hash */
    size_t count;
};

/* ---- lookup ---- */

static int by_hash(const void *a, const void *b)
{
    return memcmp(((const struct entry *)a)->hash, ((const struct entry *)b)->hash,
                  CRYPTO_SHA256_BYTES);
}

bool keys_is_empty(const struct keys *keys)
{
    struct keys *k = (struct keys *)(uintptr_t)keys;
    pthread_rwlock_rdlock(&k->lock);
    bool empty =
        k->count == 0; /* revoked ones count: taking away the last key must not open the door */
    pthread_rwlock_unlock(&k->lock);
    return empty;
}

bool keys_find(const struct keys *keys, struct slice key_text, struct keys_owner *ret)
{
    struct keys *k = (struct keys *)(uintptr_t)keys;
    struct entry wanted;
    crypto_sha256(key_text, wanted.hash); /* always: unknown and revoked keys take the same time */
    pthread_rwlock_rdlock(&k->lock);
    const struct entry *found =
        k->count ? bsearch(&wanted, k->entries, k->count, sizeof(wanted), by_hash) : NULL;
    bool good = found && !found->revoked;
    if (good) {
        memcpy(ret->id, found->id, sizeof(ret->id));
        memcpy(ret->tenant, found->tenant, sizeof(ret->tenant));
    }
    pthread_rwlock_unlock(&k->lock);
    return good;
}

/* ---- the file ---- */

static void write_entry(struct json_writer *w, const struct entry *e, bool with_hash)
{
    char created[25];
    clock_format_utc(e->created_wall_ns, created);
    json_open_object(w);
    json_member_str(w, "id", e->id);
    json_member_str(w, "tenant", e->tenant);
    json_member_str(w, "label", e->label);
    json_member_str(w, "created", created);
    json_member_bool(w, "revoked", e->revoked);
    if (with_hash) {
        struct buffer hex;
        buffer_init(&hex, 256);
        crypto_hex(&hex, e->hash, sizeof(e->hash));
        json_member_string(w, "sha256", buffer_slice(&hex));
        json_member_i64(w, "created_ns", e->created_wall_ns);
        buffer_done(&hex);
    }
    json_close_object(w);
}

static void write_all(const struct keys *keys, struct buffer *out, bool with_hash)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_array(&w);
    for (size_t i = 0; i < keys->count; i++)
        write_entry(&w, &keys->entries[i], with_hash);
    json_close_array(&w);
}

void keys_list(const struct keys *keys, struct buffer *out)
{
    struct keys *k = (struct keys *)(uintptr_t)keys;
    pthread_rwlock_rdlock(&k->lock);
    write_all(k, out, false);
    pthread_rwlock_unlock(&k->lock);
}

static bool write_whole(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            bytes = slice_sub(bytes, (size_t)put, SIZE_MAX);
    }
    return true;
}

/* So that a key that was revoked does not come back when the power fails. */
static bool sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
                   slash ? path : ".");
    int fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

static enum base_err save(const struct keys *keys, struct base_error *reterr)
{
    char fresh[PATH_MAX];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", keys->path);
    struct buffer out;
    buffer_init(&out, FILE_MAX_BYTES);
    write_all(keys, &out, true);
    enum base_err err = out.err;
    if (err) {
        buffer_done(&out);
        return base_error_set(reterr, err, "%s: too many keys to be written", keys->path);
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write_whole(fd, buffer_slice(&out)) && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    buffer_done(&out);
    if (!good || rename(fresh, keys->path) != 0 || !sync_folder(keys->path))
        return base_error_set(reterr, BASE_ERR_IO, "%s: cannot be written: %s", keys->path,
                              strerror(errno));
    return BASE_OK;
}

static void copy_text(char *to, size_t size, struct slice from)
{
    (void)snprintf(to, size, "%.*s", SLICE_ARG(from));
}

static bool read_hex(struct slice text, uint8_t *ret, size_t len)
{
    if (text.len != len * 2)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        ret[i / 2] = (uint8_t)(i % 2 ? ret[i / 2] << 4 | digit : digit);
    }
    return true;
}

static bool read_entry(const struct json_node *node, struct entry *ret)
{
    *ret = (struct entry){0};
    struct slice id = json_string(json_get(node, SLICE("id")));
    struct slice tenant = json_string(json_get(node, SLICE("tenant")));
    copy_text(ret->id, sizeof(ret->id), id);
    copy_text(ret->tenant, sizeof(ret->tenant), tenant);
    copy_text(ret->label, sizeof(ret->label), json_string(json_get(node, SLICE("label"))));
    return id.len > 0 && id.len < KEYS_ID_MAX && tenant.len > 0 && tenant.len < KEYS_TENANT_MAX &&
           json_to_bool(json_get(node, SLICE("revoked")), &ret->revoked) &&
           json_to_i64(json_get(node, SLICE("created_ns")), &ret->created_wall_ns) &&
           read_hex(json_string(json_get(node, SLICE("sha256"))), ret->hash, sizeof(ret->hash));
}

static enum base_err parse(struct keys *keys, struct slice text, struct base_error *reterr)
{
    static const struct json_limits limits = {FILE_MAX_BYTES, KEYS_MAX * 10u, 4};
    struct arena *arena = arena_new(1u << 30);
    const struct json_node *root = NULL;
    struct base_error detail;
    enum base_err err =
        arena ? json_parse(text, &limits, arena, &root, &detail) : BASE_ERR_NO_MEMORY;
    if (err) {
        arena_free(arena);
        return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: %s", keys->path,
                              arena ? detail.message : "no memory");
    }
    keys->entries =
        json_is(root, JSON_ARRAY) ? calloc(root->count + 1u, sizeof(keys->entries[0])) : NULL;
    for (const struct json_node *n = json_first(root); keys->entries && n; n = json_next(n)) {
        if (!read_entry(n, &keys->entries[keys->count])) {
            err = base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: entry %zu is damaged", keys->path,
                                 keys->count + 1);
            break;
        }
        keys->count++;
    }
    if (!err && !keys->entries)
        err = base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: expected a list of keys", keys->path);
    if (!err)
        qsort(keys->entries, keys->count, sizeof(keys->entries[0]), by_hash);
    arena_free(arena);
    return err;
}

static enum base_err load(struct keys *keys, struct base_error *reterr)
{
    int fd = open(keys->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? BASE_OK
                   : base_error_set(reterr, BASE_ERR_IO, "%s: %s", keys->path, strerror(errno));
    struct buffer text;
    buffer_init(&text, FILE_MAX_BYTES);
    ssize_t got = 0;
    do {
        char *to = buffer_reserve(&text, 1 << 16);
        got = to ? read(fd, to, 1 << 16) : -1;
        if (got > 0)
            buffer_commit(&text, (size_t)got);
    } while (got > 0);
    (void)close(fd);
    enum base_err err = got < 0
                            ? base_error_set(reterr, BASE_ERR_IO, "%s: cannot be read", keys->path)
                            : parse(keys, buffer_slice(&text), reterr);
    buffer_done(&text);
    return err;
}

enum base_err keys_open(const char *path, const struct clock *clock,
                        const struct random_source *random, struct keys **ret_keys,
                        struct base_error *reterr)
{
    struct keys *keys = calloc(1, sizeof(*keys));
    if (!keys)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the keys");
    (void)snprintf(keys->path, sizeof(keys->path), "%s", path);
    keys->clock = clock;
    keys->random = random;
    pthread_rwlock_init(&keys->lock, NULL);
    enum base_err err = load(keys, reterr);
    if (err) {
        keys_free(keys);
        return err;
    }
    *ret_keys = keys;
    return BASE_OK;
}

void keys_free(struct keys *keys)
{
    if (!keys)
        return;
    pthread_rwlock_destroy(&keys->lock);
    free(keys->entries);
    free(keys);
}

/* ---- changes ---- */

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';
        if (!good)
            return false;
    }
    return s.len > 0 && s.len < KEYS_TENANT_MAX;
}

static bool is_label(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return false;
    return s.len < KEYS_LABEL_MAX && slice_is_utf8(s);
}

static void make_entry(struct keys *keys, struct slice tenant, struct slice label,
                       char ret_text[KEYS_TEXT_MAX], struct entry *ret)
{
    uint8_t secret[SECRET_BYTES], id[ID_BYTES];
    keys->random->fill(keys->random->self, secret, sizeof(secret));
    keys->random->fill(keys->random->self, id, sizeof(id));
    struct buffer text;
    buffer_init(&text, KEYS_TEXT_MAX);
    buffer_add_str(&text, "hk-");
    crypto_base64url(&text, secret, sizeof(secret));
    copy_text(ret_text, KEYS_TEXT_MAX, buffer_slice(&text));
    *ret = (struct entry){.created_wall_ns = clock_wall_ns(keys->clock)};
    crypto_sha256(buffer_slice(&text), ret->hash);
    crypto_cleanse(text.data, buffer_len(&text));
    crypto_cleanse(secret, sizeof(secret));
    buffer_clear(&text);
    buffer_add_str(&text, "k_");
    crypto_hex(&text, id, sizeof(id));
    copy_text(ret->id, sizeof(ret->id), buffer_slice(&text));
    buffer_done(&text);
    copy_text(ret->tenant, sizeof(ret->tenant), tenant);
    copy_text(ret->label, sizeof(ret->label), label);
}

/* With the lock held for writing: appends, sorts, saves; undoes it all if it cannot be saved. */
static enum base_err insert(struct keys *keys, const struct entry *entry, struct base_error *reterr)
{
    if (keys->count >= KEYS_MAX)
        return base_error_set(reterr, BASE_ERR_LIMIT,
                              "there are %d keys already, the most that are kept", KEYS_MAX);
    struct entry *grown = malloc((keys->count + 1) * sizeof(*grown));
    if (!grown)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for another key");
    struct entry *before = keys->entries;
    if (keys->count)
        memcpy(grown, before, keys->count * sizeof(*grown));
    grown[keys->count] = *entry;
    keys->entries = grown;
    keys->count++;
    qsort(grown, keys->count, sizeof(*grown), by_hash);
    enum base_err err = save(keys, reterr);
    if (err) {
        keys->entries = before;
        keys->count--;
        free(grown);
        return err;
    }
    free(before);
    return BASE_OK;
}

enum base_err keys_add(struct keys *keys, struct slice tenant, struct slice label,
                       char ret_text[KEYS_TEXT_MAX], char ret_id[KEYS_ID_MAX],
                       struct base_error *reterr)
{
    if (!is_name(tenant))
        return base_error_set_param(
            reterr, BASE_ERR_BAD_VALUE, "tenant",
            "tenant: expected up to %d letters, digits, dots, dashes or underscores",
            KEYS_TENANT_MAX - 1);
    if (!is_label(label))
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "label",
                                    "label: expected one line of at most %d bytes",
                                    KEYS_LABEL_MAX - 1);
    struct entry entry;
    make_entry(keys, tenant, label, ret_text, &entry);
    pthread_rwlock_wrlock(&keys->lock);
    enum base_err err = insert(keys, &entry, reterr);
    pthread_rwlock_unlock(&keys->lock);
    if (!err)
        memcpy(ret_id, entry.id, KEYS_ID_MAX);
    return err;
}

enum base_err keys_revoke(struct keys *keys, struct slice id, struct base_error *reterr)
{
    enum base_err err = base_error_set(
        reterr, BASE_ERR_NOT_FOUND, "there is no key with this id; `hearth keys list` shows them");
    pthread_rwlock_wrlock(&keys->lock);
    for (size_t i = 0; i < keys->count; i++) {
        struct entry *e = &keys->entries[i];
        if (!slice_eq_str(id, e->id))
            continue;
        bool was = e->revoked;
        e->revoked = true;
        err = save(keys, reterr);
        if (err)
            e->revoked = was;
        break;
    }
    pthread_rwlock_unlock(&keys->lock);
    return err;
}
