#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/gguf/file.h"

#define MAX_NAME 4096 /* bytes of a key or tensor name */
#define MAX_ALIGNMENT (1 << 20)
#define MIN_KV_BYTES 13     /* length, one-byte value at least */
#define MIN_TENSOR_BYTES 32 /* length, dims, one dim, type, offset */

/* A place in the file while it is read. */
struct cursor {
    const uint8_t *bytes;
    size_t size, at;
};

static bool take(struct cursor *c, size_t bytes, uint64_t *ret)
{
    if (c->size - c->at < bytes)
        return false;
    *ret = gguf_load_le(c->bytes + c->at, bytes);
    c->at += bytes;
    return true;
}

static bool take_string(struct cursor *c, struct slice *ret)
{
    uint64_t len;
    if (!take(c, 8, &len) || len > c->size - c->at)
        return false;
    *ret = slice_of((const char *)c->bytes + c->at, (size_t)len);
    c->at += (size_t)len;
    return true;
}

static enum base_err bad(const struct gguf *file, struct base_error *reterr, const char *what)
{
    return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: not a usable GGUF file: %s", file->name,
                          what);
}

static enum base_err bad_in(const struct gguf *file, struct base_error *reterr, const char *kind,
                            struct slice name, const char *what)
{
    name = slice_sub(name, 0, 100);
    return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: not a usable GGUF file: %s '%.*s' %s",
                          file->name, kind, SLICE_ARG(name), what);
}

/* --- keys --------------------------------------------------------------------------------- */

/* Moves past `count` items of a type, checking each string and bool. NULL or what is wrong. */
static const char *skip_items(struct cursor *c, enum gguf_type type, uint64_t count)
{
    if (type == GGUF_STRING) {
        struct slice s;
        if (count > (c->size - c->at) / 8)
            return "has more strings than the file can hold";
        for (uint64_t i = 0; i < count; i++) {
            if (!take_string(c, &s))
                return "has a string that reaches past the end of the file";
        }
        return NULL;
    }
    if (count > (c->size - c->at) / gguf_type_bytes[type])
        return "reaches past the end of the file";
    if (type == GGUF_BOOL) {
        for (uint64_t i = 0; i < count; i++) {
            if (c->bytes[c->at + i] > 1)
                return "has a bool that is neither 0 nor 1";
        }
    }
    c->at += (size_t)count * gguf_type_bytes[type];
    return NULL;
}

static enum base_err read_kv(struct gguf *file, struct cursor *c, struct gguf_kv *kv,
                             struct base_error *reterr)
{
    uint64_t type, item, count = 1;
    if (!take_string(c, &kv->key))
        return bad(file, reterr, "the name of a key reaches past the end of the file");
    if (kv->key.len == 0 || kv->key.len > MAX_NAME)
        return bad_in(file, reterr, "key", kv->key, "has a name that is empty or too long");
    if (!take(c, 4, &type))
        return bad_in(file, reterr, "key", kv->key, "is cut off before its type");
    if (type >= GGUF_TYPE_COUNT)
        return bad_in(file, reterr, "key", kv->key, "has an unknown type");
    item = type;
    if (type == GGUF_ARRAY) {
        if (!take(c, 4, &item) || !take(c, 8, &count))
            return bad_in(file, reterr, "key", kv->key, "is cut off in its array's head");
        if (item == GGUF_ARRAY)
            return bad_in(file, reterr, "key", kv->key, "is an array of arrays");
        if (item >= GGUF_TYPE_COUNT)
            return bad_in(file, reterr, "key", kv->key, "is an array of an unknown type");
    }
    kv->type = (enum gguf_type)type;
    kv->item = (enum gguf_type)item;
    kv->count = count;
    kv->data = c->bytes + c->at;
    const char *wrong = skip_items(c, kv->item, count);
    return wrong ? bad_in(file, reterr, "key", kv->key, wrong) : BASE_OK;
}

static int compare_kv(const void *a, const void *b)
{
    const struct gguf_kv *const *left = a, *const *right = b;
    return slice_cmp((*left)->key, (*right)->key);
}

static enum base_err read_kvs(struct gguf *file, struct cursor *c, struct base_error *reterr)
{
    if (file->kv_count > (c->size - c->at) / MIN_KV_BYTES)
        return bad(file, reterr, "its count of keys is more than the file can hold");
    file->kvs = calloc(file->kv_count + 1, sizeof(*file->kvs));
    file->by_key = calloc(file->kv_count + 1, sizeof(*file->by_key));
    if (!file->kvs || !file->by_key)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its keys", file->name);
    for (size_t i = 0; i < file->kv_count; i++) {
        enum base_err err = read_kv(file, c, &file->kvs[i], reterr);
        if (err)
            return err;
        file->by_key[i] = &file->kvs[i];
    }
    qsort(file->by_key, file->kv_count, sizeof(*file->by_key), compare_kv);
    for (size_t i = 1; i < file->kv_count; i++) {
        if (slice_eq(file->by_key[i - 1]->key, file->by_key[i]->key))
            return bad_in(file, reterr, "key", file->by_key[i]->key, "stands there twice");
    }
    return BASE_OK;
}

/* --- tensors ------------------------------------------------------------------------------ */

/* Checks shape and type and computes the size. NULL or what is wrong. */
static const char *size_tensor(struct gguf_tensor *t)
{
    uint64_t rows = 1;
    for (size_t i = 0; i < GGUF_MAX_DIMS; i++) {
        if (t->dims[i] == 0)
            return "has a dimension of 0";
        if (t->dims[i] > UINT64_C(1) << 40)
            return "has a dimension beyond 2^40";
        if (i > 0 && __builtin_mul_overflow(rows, t->dims[i], &rows))
            return "has dimensions whose product overflows";
    }
    if (t->dims[0] % t->format->block != 0)
        return "has rows that are not whole blocks of its type";
    uint64_t row_bytes = engine_format_row_bytes(t->format, t->dims[0]), numbers;
    if (__builtin_mul_overflow(rows, t->dims[0], &numbers) ||
        __builtin_mul_overflow(rows, row_bytes, &t->bytes))
        return "has dimensions whose product overflows";
    return NULL;
}

static enum base_err read_tensor(struct gguf *file, struct cursor *c, struct gguf_tensor *t,
                                 struct base_error *reterr)
{
    uint64_t n_dims, type;
    if (!take_string(c, &t->name))
        return bad(file, reterr, "the name of a tensor reaches past the end of the file");
    if (t->name.len == 0 || t->name.len > MAX_NAME)
        return bad_in(file, reterr, "tensor", t->name, "has a name that is empty or too long");
    if (!take(c, 4, &n_dims))
        return bad_in(file, reterr, "tensor", t->name, "is cut off before its dimensions");
    if (n_dims < 1 || n_dims > GGUF_MAX_DIMS)
        return bad_in(file, reterr, "tensor", t->name, "has not 1 to 4 dimensions");
    t->n_dims = (uint32_t)n_dims;
    for (size_t i = 0; i < GGUF_MAX_DIMS; i++) {
        t->dims[i] = 1;
        if (i < n_dims && !take(c, 8, &t->dims[i]))
            return bad_in(file, reterr, "tensor", t->name, "is cut off in its dimensions");
    }
    if (!take(c, 4, &type) || !take(c, 8, &t->offset))
        return bad_in(file, reterr, "tensor", t->name, "is cut off before its offset");
    t->format = engine_format_by_ggml((uint32_t)type);
    if (!t->format)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "%s: tensor '%.*s' has type %u (%s), which this engine does not "
                              "compute",
                              file->name, SLICE_ARG(slice_sub(t->name, 0, 100)), (unsigned)type,
                              engine_format_ggml_name((uint32_t)type));
    const char *wrong = size_tensor(t);
    return wrong ? bad_in(file, reterr, "tensor", t->name, wrong) : BASE_OK;
}

static int compare_name(const void *a, const void *b)
{
    const struct gguf_tensor *const *left = a, *const *right = b;
    return slice_cmp((*left)->name, (*right)->name);
}

enum base_err gguf_sort_names(struct gguf *file, struct base_error *reterr)
{
    qsort(file->by_name, file->tensor_count, sizeof(*file->by_name), compare_name);
    for (size_t i = 1; i < file->tensor_count; i++) {
        if (slice_eq(file->by_name[i - 1]->name, file->by_name[i]->name))
            return bad_in(file, reterr, "tensor", file->by_name[i]->name, "stands there twice");
    }
    return BASE_OK;
}

static int compare_offset(const void *a, const void *b)
{
    const struct gguf_tensor *const *left = a, *const *right = b;
    return ((*left)->offset > (*right)->offset) - ((*left)->offset < (*right)->offset);
}

/* Every tensor aligned, inside the data and clear of the others. */
static enum base_err place_tensors(struct gguf *file, size_t infos_end, struct base_error *reterr)
{
    size_t start = (infos_end + file->alignment - 1) / file->alignment * file->alignment;
    uint64_t space = start < file->size ? file->size - start : 0;
    const struct gguf_tensor *before = NULL;
    qsort(file->by_name, file->tensor_count, sizeof(*file->by_name), compare_offset);
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct gguf_tensor *t = file->by_name[i];
        if (t->offset % file->alignment != 0)
            return bad_in(file, reterr, "tensor", t->name,
                          "has an offset that is not a multiple of general.alignment");
        if (t->offset > space || t->bytes > space - t->offset)
            return bad_in(file, reterr, "tensor", t->name,
                          "reaches past the end of the file; is the download complete?");
        if (before && t->offset < before->offset + before->bytes)
            return bad_in(file, reterr, "tensor", t->name, "overlaps another tensor");
        before = t;
        file->data_bytes += t->bytes;
    }
    for (size_t i = 0; i < file->tensor_count; i++)
        file->tensors[i].data = file->bytes + start + file->tensors[i].offset;
    return gguf_sort_names(file, reterr);
}

static enum base_err read_tensors(struct gguf *file, struct cursor *c, struct base_error *reterr)
{
    if (file->tensor_count > (c->size - c->at) / MIN_TENSOR_BYTES)
        return bad(file, reterr, "its count of tensors is more than the file can hold");
    file->tensors = calloc(file->tensor_count + 1, sizeof(*file->tensors));
    file->by_name = calloc(file->tensor_count + 1, sizeof(*file->by_name));
    if (!file->tensors || !file->by_name)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its tensors",
                              file->name);
    for (size_t i = 0; i < file->tensor_count; i++) {
        enum base_err err = read_tensor(file, c, &file->tensors[i], reterr);
        if (err)
            return err;
        file->by_name[i] = &file->tensors[i];
    }
    return place_tensors(file, c->at, reterr);
}

/* --- the whole file ----------------------------------------------------------------------- */

static enum base_err read_alignment(struct gguf *file, struct base_error *reterr)
{
    file->alignment = 32;
    enum base_err err =
        gguf_u32(file, "general.alignment", GGUF_OPTIONAL, &file->alignment, reterr);
    if (err)
        return err;
    uint32_t a = file->alignment;
    if (a < 8 || a > MAX_ALIGNMENT || (a & (a - 1)) != 0)
        return bad(file, reterr, "general.alignment is not a power of two from 8 to 1048576");
    return BASE_OK;
}

static enum base_err read_all(struct gguf *file, struct base_error *reterr)
{
    struct cursor c = {file->bytes, file->size, 0};
    uint64_t magic, version, tensors, kvs;
    if (((uintptr_t)file->bytes & 7) != 0)
        return base_error_set(reterr, BASE_ERR_BAD_VALUE, "%s: not aligned to 8 bytes", file->name);
    if (!take(&c, 4, &magic) || magic != 0x46554747U)
        return bad(file, reterr, "it does not begin with the magic 'GGUF'");
    if (!take(&c, 4, &version))
        return bad(file, reterr, "it ends before its version");
    if (version != 2 && version != 3)
        return base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                              "%s: GGUF version %u; versions 2 and 3 (little-endian) are read",
                              file->name, (unsigned)version);
    if (!take(&c, 8, &tensors) || !take(&c, 8, &kvs))
        return bad(file, reterr, "it ends before its counts");
    if (tensors > file->size || kvs > file->size)
        return bad(file, reterr, "its counts of tensors or keys are more than the file can hold");
    file->version = (uint32_t)version;
    file->kv_count = (size_t)kvs;
    file->tensor_count = (size_t)tensors;
    enum base_err err = read_kvs(file, &c, reterr);
    if (err)
        return err;
    err = read_alignment(file, reterr);
    if (err)
        return err;
    return read_tensors(file, &c, reterr);
}

static struct gguf *new_file(const char *name)
{
    struct gguf *file = calloc(1, sizeof(*file));
    if (file)
        file->name = strdup(name);
    if (file && !file->name) {
        free(file);
        return NULL;
    }
    if (file)
        file->fd = -1;
    return file;
}

enum base_err gguf_parse_one(struct slice bytes, const char *name, struct gguf **ret_file,
                             struct base_error *reterr)
{
    struct gguf *file = new_file(name);
    if (!file)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory to open it", name);
    file->bytes = (const uint8_t *)bytes.ptr;
    file->size = bytes.len;
    enum base_err err = read_all(file, reterr);
    if (err) {
        gguf_close(file);
        return err;
    }
    *ret_file = file;
    return BASE_OK;
}

enum base_err gguf_parse(struct slice bytes, const char *name, struct gguf **ret_file,
                         struct base_error *reterr)
{
    struct gguf *file;
    struct gguf_split split;
    enum base_err err = gguf_parse_one(bytes, name, &file, reterr);
    if (err)
        return err;
    err = gguf_split_read(file, &split, reterr);
    if (!err && split.count > 1)
        err = base_error_set(reterr, BASE_ERR_UNSUPPORTED,
                             "%s is part %u of %u of a model: from memory only whole models are "
                             "read",
                             name, split.no + 1, split.count);
    if (err) {
        gguf_close(file);
        return err;
    }
    *ret_file = file;
    return BASE_OK;
}

static enum base_err copy_file(struct gguf *file, int fd, struct base_error *reterr)
{
    size_t got = 0;
    if (posix_memalign(&file->copied, 64, file->size) != 0) {
        file->copied = NULL;
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its %zu bytes",
                              file->name, file->size);
    }
    while (got < file->size) {
        ssize_t n = read(fd, (char *)file->copied + got, file->size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return base_error_set(reterr, BASE_ERR_IO, "%s: cannot read it whole: %s", file->name,
                                  n < 0 ? strerror(errno) : "it became shorter");
        got += (size_t)n;
    }
    file->bytes = file->copied;
    return BASE_OK;
}

static enum base_err load_file(struct gguf *file, bool copy, struct base_error *reterr)
{
    struct stat st;
    enum base_err err = BASE_OK;
    int fd = open(file->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return base_error_set(reterr, BASE_ERR_IO, "%s: cannot open the model: %s", file->name,
                              strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
        err = bad(file, reterr, "it is not a regular file with something in it");
        goto out;
    }
    file->size = (size_t)st.st_size;
    if (copy) {
        err = copy_file(file, fd, reterr);
        goto out;
    }
    file->modified = st.st_mtim;
    file->mapped = mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
    if (file->mapped == MAP_FAILED) {
        file->mapped = NULL;
        err = base_error_set(reterr, BASE_ERR_IO, "%s: cannot map the model: %s", file->name,
                             strerror(errno));
        goto out;
    }
    file->bytes = file->mapped;
    file->fd = fd;
    return gguf_watch_add(file->mapped, file->size, &file->watch, reterr);
out:
    close(fd);
    return err;
}

enum base_err gguf_open_one(const char *path, bool copy, struct gguf **ret_file,
                            struct base_error *reterr)
{
    struct gguf *file = new_file(path);
    if (!file)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory to open it", path);
    enum base_err err = load_file(file, copy, reterr);
    if (!err)
        err = read_all(file, reterr);
    if (gguf_is_lost(file)) /* whatever was read of zeros */
        err = bad(file, reterr, "it was cut short while it was read, or its disk fails");
    if (err) {
        gguf_close(file);
        return err;
    }
    *ret_file = file;
    return BASE_OK;
}

enum base_err gguf_open(const char *path, bool copy, struct gguf **ret_file,
                        struct base_error *reterr)
{
    struct gguf *file;
    enum base_err err = gguf_open_one(path, copy, &file, reterr);
    if (err)
        return err;
    err = gguf_split_open(file, copy, reterr);
    if (err) {
        gguf_close(file);
        return err;
    }
    *ret_file = file;
    return BASE_OK;
}

void gguf_close(struct gguf *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->part_count; i++) /* parts have none of their own */
        gguf_close(file->parts[i]);
    free(file->parts);
    gguf_watch_remove(file->watch);
    if (file->mapped)
        munmap(file->mapped, file->size);
    if (file->fd >= 0)
        close(file->fd);
    free(file->copied);
    free(file->by_name);
    free(file->by_key);
    free(file->tensors);
    free(file->kvs);
    free(file->name);
    free(file);
}

bool gguf_is_lost(const struct gguf *file)
{
    bool lost = gguf_watch_is_lost(file->watch);
    for (size_t i = 0; i < file->part_count && !lost; i++)
        lost = gguf_is_lost(file->parts[i]);
    return lost;
}

bool gguf_is_changed(const struct gguf *file)
{
    struct stat now;
    bool changed = gguf_watch_is_lost(file->watch);
    if (file->fd >= 0 && !changed)
        changed = fstat(file->fd, &now) != 0 || (size_t)now.st_size != file->size ||
                  now.st_mtim.tv_sec != file->modified.tv_sec ||
                  now.st_mtim.tv_nsec != file->modified.tv_nsec;
    for (size_t i = 0; i < file->part_count && !changed; i++)
        changed = gguf_is_changed(file->parts[i]);
    return changed;
}

void gguf_release(const struct gguf *file, const void *data, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t at = (uintptr_t)data, start = (uintptr_t)file->bytes;
    for (size_t i = 0; i < file->part_count; i++)
        gguf_release(file->parts[i], data, bytes);
    if ((!file->mapped && !file->copied) || at < start || at - start > file->size ||
        bytes > file->size - (at - start))
        return;
    uintptr_t from = (at + page - 1) / page * page, end = (at + bytes) / page * page;
    if (from < end) /* memory that was copied becomes zeros, a mapping is read again */
        (void)madvise((uint8_t *)file->bytes + (from - start), end - from, MADV_DONTNEED);
}

/* --- reading ------------------------------------------------------------------------------ */

const char *gguf_name(const struct gguf *file)
{
    return file->name;
}

uint32_t gguf_version(const struct gguf *file)
{
    return file->version;
}

uint64_t gguf_data_bytes(const struct gguf *file)
{
    return file->data_bytes;
}

size_t gguf_kv_count(const struct gguf *file)
{
    return file->kv_count;
}

const struct gguf_kv *gguf_kv_at(const struct gguf *file, size_t index)
{
    return &file->kvs[index];
}

size_t gguf_tensor_count(const struct gguf *file)
{
    return file->tensor_count;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, size_t index)
{
    return &file->tensors[index];
}

const struct gguf_kv *gguf_find(const struct gguf *file, const char *key)
{
    struct gguf_kv wanted = {.key = slice_from_str(key)};
    const struct gguf_kv *ptr = &wanted;
    const struct gguf_kv **hit =
        bsearch(&ptr, file->by_key, file->kv_count, sizeof(*file->by_key), compare_kv);
    return hit ? *hit : NULL;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *file, const char *name)
{
    struct gguf_tensor wanted = {.name = slice_from_str(name)};
    const struct gguf_tensor *ptr = &wanted;
    const struct gguf_tensor **hit =
        bsearch(&ptr, file->by_name, file->tensor_count, sizeof(*file->by_name), compare_name);
    return hit ? *hit : NULL;
}
