/* Models split over several files: <prefix>-00001-of-00003.gguf and so on. Each part is a whole
 * GGUF file with tensors of its own; the keys of the model stand in the first. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/gguf/file.h"

static enum base_err bad_split(const struct gguf *file, struct base_error *reterr, const char *what)
{
    return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: not a usable part of a split model: %s",
                          file->name, what);
}

enum base_err gguf_split_read(const struct gguf *file, struct gguf_split *ret,
                              struct base_error *reterr)
{
    struct gguf_split split = {.count = 1};
    enum base_err err = gguf_u32(file, "split.count", GGUF_OPTIONAL, &split.count, reterr);
    if (err)
        return err;
    if (split.count <= 1) { /* writers that do not split may still say so */
        *ret = (struct gguf_split){.count = 1, .tensors = (uint32_t)file->tensor_count};
        return BASE_OK;
    }
    err = gguf_u32(file, "split.no", GGUF_NEEDED, &split.no, reterr);
    if (!err)
        err = gguf_u32(file, "split.tensors.count", GGUF_NEEDED, &split.tensors, reterr);
    if (err)
        return err;
    if (split.count > GGUF_MAX_PARTS)
        return bad_split(file, reterr, "split.count is above 1024");
    if (split.no >= split.count)
        return bad_split(file, reterr, "split.no is not below split.count");
    *ret = split;
    return BASE_OK;
}

/* Path of part `no` of the file at `path`, which is part `own`: from malloc; NULL when the name
 * does not end as that of a part, or without memory. */
static char *part_path(const char *path, uint32_t own, uint32_t no, uint32_t count)
{
    char end[40];
    int len = snprintf(end, sizeof(end), "-%05u-of-%05u.gguf", own + 1, count);
    size_t path_len = strlen(path);
    if (len < 0 || path_len < (size_t)len || strcmp(path + path_len - (size_t)len, end) != 0)
        return NULL;
    char *other = strdup(path);
    if (other)
        (void)snprintf(other + path_len - (size_t)len, (size_t)len + 1, "-%05u-of-%05u.gguf",
                       no + 1, count);
    return other;
}

static enum base_err later_part(const struct gguf *file, const struct gguf_split *split,
                                struct base_error *reterr)
{
    char *first = part_path(file->name, split->no, 0, split->count);
    enum base_err err = base_error_set(
        reterr, BASE_ERR_BAD_FILE, "%s is part %u of %u of a model: name the first part%s%s",
        file->name, split->no + 1, split->count, first ? ", " : "", first ? first : "");
    free(first);
    return err;
}

/* Part `no` must say that it is that, of as many parts and tensors as the first one says. */
static enum base_err check_part(const struct gguf *part, uint32_t no,
                                const struct gguf_split *wanted, struct base_error *reterr)
{
    struct gguf_split split;
    enum base_err err = gguf_split_read(part, &split, reterr);
    if (err)
        return err;
    if (split.no != no || split.count != wanted->count)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s says that it is part %u of %u, and must be part %u of %u",
                              part->name, split.no + 1, split.count, no + 1, wanted->count);
    if (split.tensors != wanted->tensors)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s says that the model has %u tensors, the first part says %u: they "
                              "are of different models",
                              part->name, split.tensors, wanted->tensors);
    return BASE_OK;
}

static enum base_err check_parts(const struct gguf *first, struct gguf *const *parts,
                                 size_t part_count, struct base_error *reterr)
{
    struct gguf_split split;
    size_t tensors = first->tensor_count;
    enum base_err err = gguf_split_read(first, &split, reterr);
    if (!err && (split.no != 0 || split.count != part_count + 1))
        err = bad_split(first, reterr, "it is not the first of that many parts");
    for (size_t i = 0; !err && i < part_count; i++) {
        err = check_part(parts[i], (uint32_t)i + 1, &split, reterr);
        tensors += parts[i]->tensor_count;
    }
    if (!err && tensors != split.tensors)
        err = base_error_set(reterr, BASE_ERR_BAD_FILE,
                             "%s: its parts have %zu tensors, split.tensors.count is %u",
                             first->name, tensors, split.tensors);
    return err;
}

enum base_err gguf_split_join(struct gguf *first, struct gguf **parts, size_t part_count,
                              struct base_error *reterr)
{
    enum base_err err = check_parts(first, parts, part_count, reterr);
    if (err)
        return err;
    size_t count = first->tensor_count;
    for (size_t i = 0; i < part_count; i++)
        count += parts[i]->tensor_count;
    struct gguf_tensor *tensors = calloc(count + 1, sizeof(*tensors));
    const struct gguf_tensor **by_name = calloc(count + 1, sizeof(*by_name));
    struct gguf **owned = calloc(part_count + 1, sizeof(*owned));
    if (!tensors || !by_name || !owned) {
        free(tensors);
        free(by_name);
        free(owned);
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its tensors",
                              first->name);
    }
    size_t at = first->tensor_count;
    memcpy(tensors, first->tensors, at * sizeof(*tensors));
    for (size_t i = 0; i < part_count; i++) {
        memcpy(tensors + at, parts[i]->tensors, parts[i]->tensor_count * sizeof(*tensors));
        at += parts[i]->tensor_count;
    }
    for (size_t i = 0; i < count; i++)
        by_name[i] = &tensors[i];
    struct gguf all = *first;
    all.tensors = tensors;
    all.by_name = by_name;
    all.tensor_count = count;
    err = gguf_sort_names(&all, reterr);
    if (err) {
        free(tensors);
        free(by_name);
        free(owned);
        return err;
    }
    for (size_t i = 0; i < part_count; i++) {
        owned[i] = parts[i];
        all.data_bytes += parts[i]->data_bytes;
    }
    all.parts = owned;
    all.part_count = part_count;
    free(first->tensors);
    free(first->by_name);
    *first = all;
    return BASE_OK;
}

static enum base_err open_part(const struct gguf *first, const struct gguf_split *split,
                               uint32_t no, bool copy, struct gguf **ret, struct base_error *reterr)
{
    char *path = part_path(first->name, 0, no, split->count);
    if (!path)
        return base_error_set(reterr, BASE_ERR_BAD_FILE,
                              "%s is the first of %u parts of a model: its name must end in "
                              "-00001-of-%05u.gguf so that the others can be found",
                              first->name, split->count, split->count);
    struct base_error detail = {0};
    enum base_err err = gguf_open_one(path, copy, ret, &detail);
    if (err == BASE_ERR_IO)
        err = base_error_set(reterr, BASE_ERR_IO, "part %u of %u is missing: %s", no + 1,
                             split->count, detail.message);
    else if (err && reterr)
        *reterr = detail;
    free(path);
    return err;
}

enum base_err gguf_split_open(struct gguf *first, bool copy, struct base_error *reterr)
{
    struct gguf_split split;
    enum base_err err = gguf_split_read(first, &split, reterr);
    if (err || split.count == 1)
        return err;
    if (split.no != 0)
        return later_part(first, &split, reterr);
    size_t others = split.count - 1, opened = 0;
    struct gguf **parts = calloc(others, sizeof(*parts));
    if (!parts)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory to open it", first->name);
    while (!err && opened < others) {
        err = open_part(first, &split, (uint32_t)opened + 1, copy, &parts[opened], reterr);
        opened += err == BASE_OK;
    }
    if (!err)
        err = gguf_split_join(first, parts, others, reterr);
    while (err && opened > 0)
        gguf_close(parts[--opened]);
    free(parts);
    return err;
}
