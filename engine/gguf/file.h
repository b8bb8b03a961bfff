/*
 * An open GGUF file from inside: shared by the files of the reader (gguf.c reads one file,
 * split.c joins the parts of a split one). Everybody else uses gguf.h.
 */
#ifndef ENGINE_GGUF_FILE_H
#define ENGINE_GGUF_FILE_H

#include <time.h>

#include "engine/gguf/gguf.h"
#include "engine/gguf/watch.h"

struct gguf {
    char *name;
    const uint8_t *bytes;
    size_t size;
    void *mapped;             /* to unmap, or NULL */
    void *copied;             /* to free, or NULL */
    int fd;                   /* of the mapped file, or -1 */
    struct timespec modified; /* when it was opened */
    struct gguf_watch *watch;
    uint32_t version;
    uint32_t alignment;
    size_t kv_count, tensor_count;
    struct gguf_kv *kvs;           /* in file order */
    struct gguf_tensor *tensors;   /* in file order; of a split file, of all parts */
    const struct gguf_kv **by_key; /* sorted */
    const struct gguf_tensor **by_name;
    uint64_t data_bytes;
    struct gguf **parts; /* owned: the others of a split file, in order */
    size_t part_count;
};

/* One file, whether or not it is part of a split one. Errors as gguf_open() and gguf_parse(). */
enum base_err gguf_parse_one(struct slice bytes, const char *name, struct gguf **ret_file,
                             struct base_error *reterr);
enum base_err gguf_open_one(const char *path, bool copy, struct gguf **ret_file,
                            struct base_error *reterr);

/* Sorts `by_name` and refuses a name that stands there twice. */
enum base_err gguf_sort_names(struct gguf *file, struct base_error *reterr);

/* What a file says of itself: count 1 = it is whole. BAD_FILE when that makes no sense. */
enum { GGUF_MAX_PARTS = 1024 };
struct gguf_split {
    uint32_t no, count; /* no: from 0 */
    uint32_t tensors;   /* of all parts */
};
enum base_err gguf_split_read(const struct gguf *file, struct gguf_split *ret,
                              struct base_error *reterr);

/* Takes the tensors of the other parts (count - 1, in order) into the first one and owns the parts
 * from then on; on failure they stay the caller's. The numbers that each part says must fit. */
enum base_err gguf_split_join(struct gguf *first, struct gguf **parts, size_t part_count,
                              struct base_error *reterr);

/* Opens and joins the other parts when `first` is the first of several; gguf_open_one() and this
 * are gguf_open(). */
enum base_err gguf_split_open(struct gguf *first, bool copy, struct base_error *reterr);

#endif
